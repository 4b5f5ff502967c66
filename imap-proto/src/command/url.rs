//! URLs that give others access to a message (RFC 4467, RFC 5524).

use crate::encode::Encoder;
use crate::keyword::keywords;
use crate::lex::{Cursor, Parsed};
use crate::mailbox::MailboxName;
use crate::string::{Atom, Octets};

/// A URL to be authorised, and by which mechanism.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct GenUrlAuth {
    /// The URL, without its authorisation.
    pub url: Octets,
    /// `INTERNAL` or another.
    pub mechanism: Atom,
}

impl GenUrlAuth {
    /// A URL and a mechanism.
    pub fn new(url: impl Into<Octets>, mechanism: Atom) -> Self {
        Self {
            url: url.into(),
            mechanism,
        }
    }

    pub(super) fn read(cursor: &mut Cursor<'_>) -> Parsed<Self> {
        let url = cursor.astring()?;
        cursor.space()?;
        let mechanism = cursor.atom()?;
        Ok(Self { url, mechanism })
    }

    pub(super) fn write(&self, to: &mut Encoder) {
        to.string(&self.url).space().word(self.mechanism.as_str());
    }
}

/// A URL to be fetched, and what of it.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct UrlFetch {
    /// The URL, with its authorisation.
    pub url: Octets,
    /// What of it (RFC 5524); in the way of RFC 4467 if nothing is named.
    pub requests: Vec<UrlFetchPart>,
}

keywords! {
    /// What of a URL (RFC 5524 section 3).
    pub enum UrlFetchPart {
        /// What it names, as it is.
        Body = "BODY",
        /// What it names, decoded.
        Binary = "BINARY",
        /// Its structure.
        BodyPartStructure = "BODYPARTSTRUCTURE",
    }
}

impl UrlFetch {
    /// A URL.
    pub fn new(url: impl Into<Octets>) -> Self {
        Self {
            url: url.into(),
            requests: Vec::new(),
        }
    }

    pub(super) fn read(cursor: &mut Cursor<'_>) -> Parsed<Self> {
        if !cursor.eat(b'(') {
            return cursor.astring().map(Self::new);
        }
        let url = cursor.astring()?;
        let requests = cursor.spaced(UrlFetchPart::read)?;
        cursor.expect(b')', "a closing parenthesis")?;
        Ok(Self { url, requests })
    }

    pub(super) fn write(&self, to: &mut Encoder) {
        if self.requests.is_empty() {
            {
                to.string(&self.url);
                return;
            }
        }
        to.raw(b"(").string(&self.url);
        for request in &self.requests {
            to.space().word(request.as_str());
        }
        to.raw(b")");
    }
}

/// ` mailbox mechanism ...`, or nothing.
pub(super) fn read_reset_key(cursor: &mut Cursor<'_>) -> Parsed<Option<(MailboxName, Vec<Atom>)>> {
    if !cursor.eat_space() {
        return Ok(None);
    }
    let mailbox = MailboxName::read(cursor)?;
    Ok(Some((mailbox, cursor.spaced(Cursor::atom)?)))
}

pub(super) fn write_reset_key(key: Option<&(MailboxName, Vec<Atom>)>, to: &mut Encoder) {
    if let Some((mailbox, mechanisms)) = key {
        mailbox.write(to.space());
        for mechanism in mechanisms {
            to.space().word(mechanism.as_str());
        }
    }
}
