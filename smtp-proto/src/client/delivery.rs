//! A message to be sent, and what became of it.

use std::fmt;

use crate::command::{Mail, Rcpt};
use crate::parameter::BodyType;
use crate::{Extension, Extensions, ForwardPath, Reply, ReversePath};

/// The envelope of a message: from whom, on what terms, and to whom.
///
/// ```
/// use smtp_proto::ReversePath;
/// use smtp_proto::client::Delivery;
/// use smtp_proto::parameter::BodyType;
///
/// let mut delivery = Delivery::new(ReversePath::Null);
/// delivery.mail.parameters.body = Some(BodyType::EightBit);
/// delivery.to("alice@example.org".parse()?).to("bob@example.org".parse()?);
/// assert_eq!(delivery.recipients.len(), 2);
/// # Ok::<(), smtp_proto::InvalidPath>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Delivery {
    /// The sender, and what is said about the message. Its size, if given, lets a server refuse
    /// it early, and lets us send it [along](super::Limits::eager_body) with its envelope.
    pub mail: Mail,
    /// The recipients.
    pub recipients: Vec<Rcpt>,
}

impl Delivery {
    /// A message from this sender, to nobody yet.
    pub fn new(sender: ReversePath) -> Self {
        Self {
            mail: Mail::new(sender),
            recipients: Vec::new(),
        }
    }

    /// Adds a recipient.
    pub fn to(&mut self, recipient: crate::Mailbox) -> &mut Self {
        let path = ForwardPath::Mailbox(recipient);
        self.recipients.push(Rcpt::new(path));
        self
    }

    /// What a server has to offer for it. SIZE is no need, but a courtesy.
    pub(super) fn needs(&self) -> Extensions {
        let of_recipients = self.recipients.iter().map(|rcpt| rcpt.parameters.needs());
        let mut needs: Extensions = of_recipients
            .chain([self.mail.parameters.needs()])
            .flat_map(Extensions::iter)
            .collect();
        needs.remove(Extension::Size);
        if self.is_international() {
            needs.insert(Extension::SmtpUtf8);
        }
        needs
    }

    /// Whether an address needs SMTPUTF8 (RFC 6531).
    pub(super) fn is_international(&self) -> bool {
        self.mail.path.is_international()
            || self
                .recipients
                .iter()
                .any(|rcpt| rcpt.path.is_international())
    }

    pub(super) fn is_binary(&self) -> bool {
        self.mail.parameters.body == Some(BodyType::Binary)
    }

    /// How many domains there are among the recipients, counted up to one more than `most`.
    pub(super) fn exceeds_domains(&self, most: u32) -> bool {
        let mut domains: Vec<&str> = Vec::new();
        for rcpt in &self.recipients {
            let domain = match &rcpt.path {
                ForwardPath::Postmaster => "",
                ForwardPath::Mailbox(mailbox) => mailbox.domain(),
            };
            if !domains
                .iter()
                .any(|known| known.eq_ignore_ascii_case(domain))
            {
                domains.push(domain);
            }
            if domains.len() as u64 > u64::from(most) {
                return true;
            }
        }
        false
    }
}

/// What became of a message, for each of its recipients, in their order.
#[must_use]
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Outcome(pub(super) Vec<Fate>);

impl Outcome {
    /// One for each recipient.
    pub fn fates(&self) -> &[Fate] {
        &self.0
    }

    /// Whether it was delivered to all of them.
    pub fn is_success(&self) -> bool {
        self.0.iter().all(|fate| matches!(fate, Fate::Delivered(_)))
    }
}

impl fmt::Display for Fate {
    /// For people, on one line.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Delivered(reply) => write!(f, "delivered: {reply}"),
            Self::Temporary(reply) => write!(f, "not now: {reply}"),
            Self::Permanent(reply) => write!(f, "refused: {reply}"),
            Self::Interrupted => f.write_str("interrupted"),
            Self::Unknown => f.write_str("unknown: the connection ended before the answer"),
        }
    }
}

/// What became of a message for one recipient.
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(
    clippy::exhaustive_enums,
    reason = "a sender has to handle each of them"
)]
pub enum Fate {
    /// The server has taken responsibility.
    Delivered(Reply),
    /// Not now: the same may succeed later.
    Temporary(Reply),
    /// Never: the sender is to be told.
    Permanent(Reply),
    /// The connection ended before the message was sent: try again.
    Interrupted,
    /// The connection ended when the message was sent and the answer was not yet there. It may
    /// have been delivered, so whoever tries again may send it twice (RFC 1047).
    Unknown,
}

impl Fate {
    pub(super) fn of(reply: &Reply) -> Self {
        match reply.code() / 100 {
            2 => Self::Delivered(reply.clone()),
            5 => Self::Permanent(reply.clone()),
            _ => Self::Temporary(reply.clone()),
        }
    }

    /// What the server said, if it did.
    pub fn reply(&self) -> Option<&Reply> {
        match self {
            Self::Delivered(reply) | Self::Temporary(reply) | Self::Permanent(reply) => Some(reply),
            Self::Interrupted | Self::Unknown => None,
        }
    }
}
