//! Names of mailboxes (RFC 9051 section 5.1, RFC 3501 section 5.1).

use std::borrow::Cow;
use std::fmt;
use std::str::FromStr;

use compact_str::CompactString;

use crate::class::{Class, is};
use crate::encode::Encoder;
use crate::error::Invalid;
use crate::lex::{Cursor, Parsed};
use crate::quirks::Quirks;
use crate::string::Octets;
use crate::utf7;

/// The name of a mailbox, as people read it.
///
/// How it is written, in modified UTF-7 or in UTF-8, is the matter of the connection. INBOX is
/// INBOX in any case, and the first part of `inbox/sub` as well.
///
/// ```
/// use imap_proto::MailboxName;
///
/// let name = MailboxName::new("Entwürfe")?;
/// assert_eq!(name.to_utf7(), "Entw&APw-rfe");
/// assert_eq!(MailboxName::new("iNbOx")?, MailboxName::inbox());
/// assert!(MailboxName::new("a\0b").is_err());
/// # Ok::<(), imap_proto::Invalid>(())
/// ```
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct MailboxName(Repr);

#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
enum Repr {
    Name(CompactString),
    /// What came is not the modified UTF-7 of any name, and is kept as it came.
    Raw(Octets),
}

impl MailboxName {
    /// A name.
    ///
    /// # Errors
    ///
    /// If it holds NUL, CR or LF: such names cannot be told apart from lines where they are shown.
    pub fn new(name: impl AsRef<str>) -> Result<Self, Invalid> {
        let name = name.as_ref();
        match memchr::memchr3(0, b'\r', b'\n', name.as_bytes()) {
            None => Ok(Self::known(name)),
            Some(_) => Err(Invalid::new("a mailbox name")),
        }
    }

    /// Where new mail arrives.
    pub const fn inbox() -> Self {
        Self(Repr::Name(CompactString::const_new(INBOX)))
    }

    /// Whether it is INBOX.
    pub fn is_inbox(&self) -> bool {
        self.as_str() == Some(INBOX)
    }

    /// The name; what was not modified UTF-7 is shown as it came.
    pub fn to_text(&self) -> Cow<'_, str> {
        match &self.0 {
            Repr::Name(name) => Cow::Borrowed(name),
            Repr::Raw(octets) => octets.to_text(),
        }
    }

    /// The name, unless it [came as something else](crate::Quirks::RAW_MAILBOX).
    pub fn as_str(&self) -> Option<&str> {
        match &self.0 {
            Repr::Name(name) => Some(name),
            Repr::Raw(_) => None,
        }
    }

    /// The name in modified UTF-7, as servers that speak IMAP4rev1 alone know it.
    pub fn to_utf7(&self) -> Cow<'_, str> {
        match &self.0 {
            Repr::Name(name) if is_plain(name.as_bytes()) => Cow::Borrowed(name),
            Repr::Name(name) => Cow::Owned(utf7::encode(name)),
            Repr::Raw(octets) => octets.to_text(),
        }
    }

    /// Reads modified UTF-7.
    ///
    /// # Errors
    ///
    /// If it is not the one way to write a name.
    pub fn from_utf7(name: impl AsRef<[u8]>) -> Result<Self, Invalid> {
        match utf7::decode(name.as_ref()) {
            Some(name) => Self::new(name),
            None => Err(Invalid::new("modified UTF-7")),
        }
    }

    fn known(name: &str) -> Self {
        let is_inbox = name.len() >= INBOX.len()
            && name.as_bytes()[..INBOX.len()].eq_ignore_ascii_case(INBOX.as_bytes());
        // Behind INBOX comes nothing, or one of the delimiters in use.
        let ends = || {
            matches!(
                name.as_bytes().get(INBOX.len()),
                None | Some(b'/' | b'.' | b'\\')
            )
        };
        if is_inbox && ends() && !name.starts_with(INBOX) {
            let mut folded = CompactString::const_new(INBOX);
            folded.push_str(&name[INBOX.len()..]);
            return Self(Repr::Name(folded));
        }
        Self(Repr::Name(name.into()))
    }

    /// `mailbox`
    pub(crate) fn read(cursor: &mut Cursor<'_>) -> Parsed<Self> {
        let start = cursor.at();
        let mut octets = match cursor.peek() {
            Some(128..) => Octets::default(),
            _ => cursor.astring()?,
        };
        // No atom in the grammar: UTF-8 without quotes.
        if matches!(cursor.peek(), Some(128..))
            && (cursor.utf8 || cursor.forgives(Quirks::RAW_MAILBOX))
        {
            cursor.reset(start);
            let word = cursor.run(Class::UTF8, "a mailbox name")?;
            octets = cursor.slice(start, start + word.len()).into();
        }
        if cursor.at() == start {
            return cursor.fail("a mailbox name");
        }
        Self::from_octets(octets, cursor).map_err(|fault| {
            cursor.reset(start);
            crate::lex::Fault { at: start, ..fault }
        })
    }

    /// What octets mean on this connection.
    pub(crate) fn from_octets(octets: Octets, cursor: &mut Cursor<'_>) -> Parsed<Self> {
        if octets.iter().all(|octet| is(*octet, Class::PLAIN)) {
            if let Some(name) = octets.as_str() {
                return Ok(Self::known(name));
            }
        }
        let decoded = match cursor.utf8 {
            true => octets.as_str().map(Cow::Borrowed),
            false => utf7::decode(&octets).map(Cow::Owned),
        };
        match decoded.map(Self::new) {
            Some(Ok(name)) => Ok(name),
            _ if cursor.forgives(Quirks::RAW_MAILBOX) => Ok(Self(Repr::Raw(octets))),
            _ => cursor.fail("a mailbox name"),
        }
    }

    pub(crate) fn write(&self, to: &mut Encoder) {
        match &self.0 {
            // As an atom it could only be read as NIL by mistake.
            Repr::Name(name) if name.eq_ignore_ascii_case("NIL") => to.string(name.as_bytes()),
            Repr::Name(name) if is_plain(name.as_bytes()) => to.astring(name.as_bytes()),
            Repr::Name(name) if to.encoding().utf8 => to.string(name.as_bytes()),
            Repr::Name(name) => to.astring(utf7::encode(name).as_bytes()),
            Repr::Raw(octets) => to.astring(octets),
        };
    }
}

/// Which mailboxes a listing means: a name with `*` for anything and `%` for anything within a
/// level (RFC 9051 section 6.3.9).
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct MailboxPattern(MailboxName);

impl MailboxPattern {
    /// A pattern.
    ///
    /// # Errors
    ///
    /// If it holds NUL, CR or LF.
    pub fn new(pattern: impl AsRef<str>) -> Result<Self, Invalid> {
        // INBOX is folded where patterns are matched, not here: `inbox*` is no INBOX.
        let pattern = pattern.as_ref();
        MailboxName::new(pattern)?;
        Ok(Self(MailboxName(Repr::Name(pattern.into()))))
    }

    /// The pattern; what was not modified UTF-7 is shown as it came.
    pub fn to_text(&self) -> Cow<'_, str> {
        self.0.to_text()
    }

    /// `list-mailbox`
    pub(crate) fn read(cursor: &mut Cursor<'_>) -> Parsed<Self> {
        let start = cursor.at();
        let octets = match cursor.peek() {
            Some(b'"' | b'{') => cursor.string()?,
            _ => {
                let class = if cursor.utf8 {
                    Class::UTF8_LIST
                } else {
                    Class::LIST
                };
                let word = cursor.run(class, "a pattern")?;
                cursor.slice(start, start + word.len()).into()
            }
        };
        let folded = MailboxName::from_octets(octets.clone(), cursor)?;
        match octets.as_str().filter(|_| is_plain(&octets)) {
            Some(pattern) => Ok(Self(MailboxName(Repr::Name(pattern.into())))),
            None => Ok(Self(folded)),
        }
    }

    pub(crate) fn write(&self, to: &mut Encoder) {
        match self.0.as_str() {
            Some(name)
                if !name.is_empty()
                    && name
                        .bytes()
                        .all(|octet| is(octet, Class::LIST) && octet != b'&') =>
            {
                to.word(name);
            }
            // An atom without wildcards, or a string.
            _ => self.0.write(to),
        }
    }
}

/// Whether a name is written as it is, in modified UTF-7 as well as in UTF-8.
fn is_plain(name: &[u8]) -> bool {
    name.iter().all(|octet| is(*octet, Class::PLAIN))
}

impl FromStr for MailboxName {
    type Err = Invalid;

    fn from_str(name: &str) -> Result<Self, Invalid> {
        Self::new(name)
    }
}

impl FromStr for MailboxPattern {
    type Err = Invalid;

    fn from_str(pattern: &str) -> Result<Self, Invalid> {
        Self::new(pattern)
    }
}

impl fmt::Display for MailboxName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.to_text())
    }
}

impl fmt::Debug for MailboxName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Repr::Name(name) => write!(f, "MailboxName({name:?})"),
            Repr::Raw(octets) => write!(f, "MailboxName(raw {octets:?})"),
        }
    }
}

const INBOX: &str = "INBOX";
