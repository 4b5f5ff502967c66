//! A message that a sandbox has taken.

use std::fmt;
use std::sync::{Arc, OnceLock};
use std::time::SystemTime;

use bytes::Bytes;
use mail_parser::{MessageParser, MimeHeaders as _};
use mailwire::TlsInfo;

use crate::conversation::Conversation;
use crate::endpoint::Endpoint;

/// A message as it came, with all that is known of how it came.
///
/// Cheap to clone: all clones are the same message.
#[derive(Clone)]
pub struct Message(Arc<Inner>);

struct Inner {
    id: u64,
    received: SystemTime,
    endpoint: Option<Endpoint>,
    envelope: Envelope,
    hello: Option<String>,
    user: Option<String>,
    folder: Option<String>,
    tls: Option<TlsInfo>,
    raw: Bytes,
    conversation: Conversation,
    parsed: OnceLock<Option<Box<mail_parser::Message<'static>>>>,
}

/// From whom a message came, and to whom it went, as SMTP or LMTP said it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Envelope {
    /// The reverse path, without brackets: empty for one that is not to be answered.
    pub sender: String,
    /// The command MAIL with its parameters (RFC 5321 section 4.1.2).
    pub mail: String,
    /// The recipients that were accepted, in order.
    pub recipients: Vec<Recipient>,
}

/// A recipient that was accepted.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Recipient {
    /// The forward path, without brackets.
    pub address: String,
    /// The command RCPT with its parameters.
    pub rcpt: String,
}

/// A part of a message that is not meant to be read in place.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Attachment {
    /// The file's name, if it has one.
    pub name: Option<String>,
    /// Its media type, such as `application/pdf`.
    pub media_type: String,
    /// By what HTML refers to it, without brackets (RFC 2392).
    pub content_id: Option<String>,
    /// What is in it, decoded.
    pub bytes: Bytes,
}

/// What a session knows when a message is complete.
pub(crate) struct Arrived {
    pub(crate) endpoint: Option<Endpoint>,
    pub(crate) envelope: Envelope,
    pub(crate) hello: Option<String>,
    pub(crate) user: Option<String>,
    pub(crate) folder: Option<String>,
    pub(crate) tls: Option<TlsInfo>,
    pub(crate) raw: Bytes,
    pub(crate) conversation: Conversation,
}

impl Message {
    pub(crate) fn new(id: u64, arrived: Arrived) -> Self {
        Self(Arc::new(Inner {
            id,
            received: SystemTime::now(),
            endpoint: arrived.endpoint,
            envelope: arrived.envelope,
            hello: arrived.hello,
            user: arrived.user,
            folder: arrived.folder,
            tls: arrived.tls,
            raw: arrived.raw,
            conversation: arrived.conversation,
            parsed: OnceLock::new(),
        }))
    }

    /// Its number in the sandbox: the first is 1, and no other message gets it again.
    pub fn id(&self) -> u64 {
        self.0.id
    }

    /// When it was complete, by the clock on the wall.
    pub fn received(&self) -> SystemTime {
        self.0.received
    }

    /// Where it came in; none if the test put it there itself.
    pub fn endpoint(&self) -> Option<Endpoint> {
        self.0.endpoint
    }

    /// From whom, and to whom.
    pub fn envelope(&self) -> &Envelope {
        &self.0.envelope
    }

    /// The name that the client introduced itself with.
    pub fn hello(&self) -> Option<&str> {
        self.0.hello.as_deref()
    }

    /// Who had authenticated.
    pub fn user(&self) -> Option<&str> {
        self.0.user.as_deref()
    }

    /// The folder that a client has put it into by APPEND. Such a message has no envelope.
    pub fn folder(&self) -> Option<&str> {
        self.0.folder.as_deref()
    }

    /// The TLS session that it came through.
    pub fn tls(&self) -> Option<&TlsInfo> {
        self.0.tls.as_ref()
    }

    /// The octets of the message: CRLF line ends, stuffing removed, nothing added.
    pub fn raw(&self) -> &Bytes {
        &self.0.raw
    }

    /// The conversation that it came in.
    pub fn conversation(&self) -> &Conversation {
        &self.0.conversation
    }

    /// The subject, decoded.
    pub fn subject(&self) -> Option<&str> {
        self.parsed()?.subject()
    }

    /// The first header field of this name, unfolded and not decoded.
    pub fn header(&self, name: &str) -> Option<String> {
        self.headers()
            .find(|(field, _)| field.eq_ignore_ascii_case(name))
            .map(|(_, value)| value)
    }

    /// All header fields in order, unfolded and not decoded.
    pub fn headers(&self) -> impl Iterator<Item = (String, String)> {
        let parsed = self.parsed().into_iter();
        parsed.flat_map(|parsed| {
            parsed.headers_raw().map(|(name, value)| {
                let value: String = value.lines().collect();
                (name.trim().to_owned(), value.trim().to_owned())
            })
        })
    }

    /// The addresses in `From`.
    pub fn from(&self) -> Vec<String> {
        self.parsed()
            .and_then(|parsed| parsed.from())
            .map_or_else(Vec::new, addresses)
    }

    /// The addresses in `To` and `Cc`.
    pub fn to(&self) -> Vec<String> {
        let Some(parsed) = self.parsed() else {
            return Vec::new();
        };
        let fields = [parsed.to(), parsed.cc()];
        fields.into_iter().flatten().flat_map(addresses).collect()
    }

    /// The plain text, decoded, if the message has any of its own.
    pub fn text(&self) -> Option<String> {
        let parsed = self.parsed()?;
        let part = parsed.text_part(0)?;
        // What was made of HTML is not what somebody wrote.
        let mail_parser::PartType::Text(text) = &part.body else {
            return None;
        };
        Some(text.to_string())
    }

    /// The HTML, decoded, if the message has any of its own.
    pub fn html(&self) -> Option<String> {
        let parsed = self.parsed()?;
        let part = parsed.html_part(0)?;
        let mail_parser::PartType::Html(html) = &part.body else {
            return None;
        };
        Some(html.to_string())
    }

    /// The names of the attachments, where they have one, in the order of
    /// [`attachments`](Self::attachments).
    pub fn attachment_names(&self) -> impl Iterator<Item = Option<&str>> {
        let parsed = self.parsed().into_iter();
        let attachments = parsed.flat_map(|parsed| parsed.attachments());
        attachments.map(|part| part.attachment_name())
    }

    /// The attachments, decoded: copies of them.
    pub fn attachments(&self) -> Vec<Attachment> {
        let parsed = self.parsed().into_iter();
        parsed
            .flat_map(|parsed| parsed.attachments())
            .map(|part| Attachment {
                name: part.attachment_name().map(str::to_owned),
                media_type: part.content_type().map_or_else(
                    || "application/octet-stream".to_owned(),
                    |found| match found.subtype() {
                        Some(subtype) => format!("{}/{subtype}", found.ctype()),
                        None => found.ctype().to_owned(),
                    },
                ),
                content_id: part.content_id().map(str::to_owned),
                bytes: Bytes::copy_from_slice(part.contents()),
            })
            .collect()
    }

    /// Whether it is addressed to an account: to its address, or to this name in any domain.
    pub(crate) fn is_for(&self, account: &str) -> bool {
        self.0.envelope.recipients.iter().any(|recipient| {
            let address = &recipient.address;
            let local = address.rsplit_once('@').map_or("", |(local, _)| local);
            address.eq_ignore_ascii_case(account) || local.eq_ignore_ascii_case(account)
        })
    }

    /// Parsed when somebody asks for the first time.
    fn parsed(&self) -> Option<&mail_parser::Message<'static>> {
        let parse = || {
            let parsed = MessageParser::default().parse(&self.0.raw[..]);
            parsed.map(|parsed| Box::new(parsed.into_owned()))
        };
        self.0.parsed.get_or_init(parse).as_deref()
    }
}

fn addresses(found: &mail_parser::Address<'_>) -> Vec<String> {
    let addresses = found.iter().filter_map(|address| address.address());
    addresses.map(str::to_owned).collect()
}

impl fmt::Display for Message {
    /// On one line, for lists.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Envelope {
            sender, recipients, ..
        } = &self.0.envelope;
        write!(f, "message {} from <{sender}> to", self.0.id)?;
        for recipient in recipients {
            write!(f, " <{}>", recipient.address)?;
        }
        write!(f, ", subject {:?}", self.subject().unwrap_or_default())
    }
}

impl fmt::Debug for Message {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Message")
            .field("id", &self.0.id)
            .field("endpoint", &self.0.endpoint)
            .field("envelope", &self.0.envelope)
            .field("subject", &self.subject())
            .field("octets", &self.0.raw.len())
            .finish_non_exhaustive()
    }
}
