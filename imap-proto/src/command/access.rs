//! Who may do what with a mailbox (RFC 4314).

use std::fmt;
use std::str::FromStr;

use compact_str::CompactString;

use super::mailbox_behind_space;
use crate::encode::Encoder;
use crate::error::Invalid;
use crate::keyword::keywords;
use crate::lex::{Cursor, Parsed};
use crate::mailbox::MailboxName;
use crate::string::Octets;

/// Rights: a letter or digit each, such as `lrswipkxte`.
#[derive(Clone, Default, PartialEq, Eq, Hash)]
pub struct Rights(CompactString);

impl Rights {
    /// The letters, as they were given.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether a right is among them.
    pub fn contains(&self, right: char) -> bool {
        self.0.contains(right)
    }

    /// `rights`
    pub(crate) fn read(cursor: &mut Cursor<'_>) -> Parsed<Self> {
        let start = cursor.at();
        let letters = cursor.astring()?;
        Self::from_octets(&letters).ok_or_else(|| {
            cursor.reset(start);
            cursor.fault("rights")
        })
    }

    pub(crate) fn write(&self, to: &mut Encoder) {
        to.astring(self.0.as_bytes());
    }

    fn from_octets(octets: &[u8]) -> Option<Self> {
        // RFC 4314 section 7 has lower-case letters and digits; RFC 2086 had any.
        let legal = octets.iter().all(u8::is_ascii_alphanumeric);
        legal.then(|| Self(CompactString::from_utf8_lossy(octets)))
    }
}

impl FromStr for Rights {
    type Err = Invalid;

    fn from_str(rights: &str) -> Result<Self, Invalid> {
        Self::from_octets(rights.as_bytes()).ok_or(Invalid::new("rights"))
    }
}

impl fmt::Display for Rights {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for Rights {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Rights({})", self.0)
    }
}

keywords! {
    /// How rights are changed.
    pub enum RightsChange {
        /// These and no others.
        Replace = "",
        /// These too.
        Add = "+",
        /// These no more.
        Remove = "-",
    }
}

/// `SETACL`
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct SetAcl {
    /// Of which mailbox.
    pub mailbox: MailboxName,
    /// Whose rights; behind a `-` what they have no right to.
    pub identifier: Octets,
    /// How they are changed.
    pub change: RightsChange,
    /// Which rights.
    pub rights: Rights,
}

impl SetAcl {
    /// Whose rights become what.
    pub fn new(mailbox: MailboxName, identifier: impl Into<Octets>, rights: Rights) -> Self {
        Self {
            mailbox,
            identifier: identifier.into(),
            change: RightsChange::Replace,
            rights,
        }
    }

    pub(super) fn read(cursor: &mut Cursor<'_>) -> Parsed<Box<Self>> {
        let mailbox = mailbox_behind_space(cursor)?;
        cursor.space()?;
        let identifier = cursor.astring()?;
        cursor.space()?;
        let start = cursor.at();
        let octets = cursor.astring()?;
        let (change, letters) = match octets.split_first() {
            Some((b'+', letters)) => (RightsChange::Add, letters),
            Some((b'-', letters)) => (RightsChange::Remove, letters),
            _ => (RightsChange::Replace, &octets[..]),
        };
        let Some(rights) = Rights::from_octets(letters) else {
            cursor.reset(start);
            return cursor.fail("rights");
        };
        Ok(Box::new(Self {
            mailbox,
            identifier,
            change,
            rights,
        }))
    }

    pub(super) fn write(&self, to: &mut Encoder) {
        self.mailbox.write(to.space());
        to.space().astring(&self.identifier);
        let rights = format!("{}{}", self.change, self.rights);
        to.space().astring(rights.as_bytes());
    }
}
