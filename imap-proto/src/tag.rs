//! Tags: what ties an answer to its command (RFC 9051 section 2.2.1).

use std::fmt;
use std::str::FromStr;

use compact_str::CompactString;

use crate::class::{Class, is_all};
use crate::error::Invalid;

/// What a client puts before a command, and the server before its answer: printable ASCII without
/// `(`, `)`, `{`, `%`, `*`, `"`, `\` and `+`.
///
/// ```
/// use imap_proto::Tag;
///
/// let tag: Tag = "A142".parse()?;
/// assert_eq!(tag.as_str(), "A142");
/// assert!("*".parse::<Tag>().is_err());
/// assert!("a b\r\n".parse::<Tag>().is_err());
/// # Ok::<(), imap_proto::Invalid>(())
/// ```
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Tag(CompactString);

impl Tag {
    /// Reads a tag.
    ///
    /// # Errors
    ///
    /// If it is empty or holds what a tag may not hold.
    pub fn new(tag: impl AsRef<[u8]>) -> Result<Self, Invalid> {
        let tag = tag.as_ref();
        match !tag.is_empty() && is_all(tag, Class::TAG) {
            true => Ok(Self(CompactString::from_utf8_lossy(tag))),
            false => Err(Invalid::new("a tag")),
        }
    }

    /// The tag as it is written.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for Tag {
    type Err = Invalid;

    fn from_str(tag: &str) -> Result<Self, Invalid> {
        Self::new(tag)
    }
}

impl fmt::Display for Tag {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for Tag {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Tag({})", self.0)
    }
}
