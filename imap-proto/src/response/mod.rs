//! Responses: what a server says (RFC 9051 section 7, and the extensions').

mod status;
pub use status::{Status, StatusKind};

mod code;
pub use code::{Code, CodeWord};

mod detail;
pub use detail::{AnnotateCode, AnnotationLimits, CopyUid, InProgress, MetadataCode};

mod token;
pub use token::{Token, Unknown};

mod list;
pub use list::{ListExtended, Listed};

mod mailbox;
pub use mailbox::{MailboxStatus, Namespace, Namespaces, StatusValue};

mod envelope;
pub use envelope::{Address, Envelope};

mod body;
pub use body::{
    BodyExtension, BodyPart, BodyStructure, Disposition, MessagePart, Multipart,
    MultipartExtension, Parameter, PartExtension, PartKind,
};

mod fetch;
pub use fetch::{FetchItem, Fetched, FetchedBinary, FetchedSection, InvalidItem, OtherItem};

mod quota;
pub use quota::{Quota, QuotaRoot, ResourceUsage};

mod access;
pub use access::{Acl, AclEntry, ListRights, MyRights};

mod metadata;
pub use metadata::{Metadata, MetadataEntries};

mod url;
pub use url::{UrlFetched, UrlItem, UrlValue};

mod search;
pub use search::{ESearchFound, ESearchResult, Found, MessageThread};

mod data;
pub use data::Data;

use mailwire::Secret;
use mailwire::auth;

use crate::class::Class;
use crate::encode::Encoder;
use crate::error::Invalid;
use crate::lex::{Cursor, Parsed};
use crate::quirks::Quirks;
use crate::string::Text;
use crate::tag::Tag;

/// A response.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Response {
    /// `+`: the client may go on.
    Continuation(Continuation),
    /// How a command ended.
    Tagged {
        /// Which command.
        tag: Tag,
        /// How: `OK`, `NO` or `BAD`.
        status: Status,
    },
    /// `*`: everything else.
    Untagged(Data),
}

/// A continuation request (RFC 9051 section 7.6): text, or a challenge.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Continuation {
    /// What programs should know.
    pub code: Option<Code>,
    /// What people should know, or a challenge in base64.
    pub text: Text,
}

impl Continuation {
    /// With a text.
    pub fn new(text: Text) -> Self {
        Self { code: None, text }
    }

    /// With a challenge (RFC 9051 section 6.2.2).
    pub fn from_challenge(challenge: &[u8]) -> Self {
        let text = auth::encode(challenge).to_string();
        Self::new(Text::new(text).unwrap_or_default())
    }

    /// The challenge, in `AUTHENTICATE`.
    ///
    /// # Errors
    ///
    /// If the text is not base64.
    pub fn challenge(&self) -> Result<Secret, Invalid> {
        match &self.code {
            None => auth::decode(self.text.as_octets()).map_err(|_| Invalid::new("base64")),
            Some(_) => Err(Invalid::new("base64")),
        }
    }
}

impl Response {
    pub(crate) fn read(cursor: &mut Cursor<'_>) -> Parsed<Self> {
        match cursor.peek() {
            Some(b'*') => {
                cursor.eat(b'*');
                cursor.space()?;
                Data::read(cursor).map(Self::Untagged)
            }
            Some(b'+') => {
                cursor.eat(b'+');
                if !cursor.eat(b' ') && !cursor.forgives(Quirks::BARE_PLUS) {
                    return cursor.fail("a space");
                }
                let (code, text) = status::read_text(cursor)?;
                Ok(Self::Continuation(Continuation { code, text }))
            }
            _ => {
                let tag = cursor.run(Class::TAG, "a tag, * or +")?;
                let tag = Tag::new(tag).map_err(|_| cursor.fault("a tag"))?;
                cursor.space()?;
                let start = cursor.at();
                match StatusKind::read(cursor)? {
                    StatusKind::PreAuth | StatusKind::Bye => {
                        cursor.reset(start);
                        cursor.fail("OK, NO or BAD")
                    }
                    kind => {
                        let status = Status::read(cursor, kind)?;
                        Ok(Self::Tagged { tag, status })
                    }
                }
            }
        }
    }

    pub(crate) fn write(&self, to: &mut Encoder) {
        match self {
            Self::Continuation(Continuation { code, text }) => {
                to.raw(b"+ ");
                status::write_text(code.as_ref(), text, to);
            }
            Self::Tagged { tag, status } => {
                status.write(to.word(tag.as_str()).space());
            }
            Self::Untagged(data) => data.write(to.raw(b"* ")),
        }
        to.crlf();
    }
}
