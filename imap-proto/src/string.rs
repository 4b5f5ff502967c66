//! Strings: octets in four notations (RFC 9051 section 4), and the atoms that are notations themselves.

use std::borrow::Cow;
use std::fmt;
use std::ops::Deref;
use std::str::FromStr;

use bytes::Bytes;
use compact_str::CompactString;

use crate::class::{Class, is_all};
use crate::error::Invalid;

/// The value of an `astring`, a `string` or, as an `Option`, an `nstring`.
///
/// Any octets are legal; but NUL, which only a `literal8` may hold, is refused by most servers elsewhere. How
/// octets are written, as an atom, quoted, or as a literal, is the
/// [encoder](crate::encode::Encoder)'s to choose, so nothing that stands in a string can end it.
///
/// What was read is a slice of its frame, without a copy.
#[derive(Clone, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Octets(Bytes);

impl Octets {
    /// A value of ours, without a copy.
    pub const fn fixed(value: &'static str) -> Self {
        Self(Bytes::from_static(value.as_bytes()))
    }

    /// The value as text, if it is UTF-8.
    pub fn as_str(&self) -> Option<&str> {
        std::str::from_utf8(&self.0).ok()
    }

    /// The value as text; what is not UTF-8 is replaced.
    pub fn to_text(&self) -> Cow<'_, str> {
        String::from_utf8_lossy(&self.0)
    }

    /// The value as shared bytes.
    pub fn into_bytes(self) -> Bytes {
        self.0
    }

    pub(crate) fn as_bytes(&self) -> &Bytes {
        &self.0
    }
}

impl Deref for Octets {
    type Target = [u8];

    #[inline]
    fn deref(&self) -> &[u8] {
        &self.0
    }
}

impl From<Bytes> for Octets {
    #[inline]
    fn from(octets: Bytes) -> Self {
        Self(octets)
    }
}

impl From<Vec<u8>> for Octets {
    fn from(octets: Vec<u8>) -> Self {
        Self(octets.into())
    }
}

impl From<&[u8]> for Octets {
    fn from(octets: &[u8]) -> Self {
        Self(Bytes::copy_from_slice(octets))
    }
}

impl From<&str> for Octets {
    fn from(text: &str) -> Self {
        text.as_bytes().into()
    }
}

impl From<String> for Octets {
    fn from(text: String) -> Self {
        text.into_bytes().into()
    }
}

impl PartialEq<str> for Octets {
    fn eq(&self, text: &str) -> bool {
        self.0 == text.as_bytes()
    }
}

impl PartialEq<&str> for Octets {
    fn eq(&self, text: &&str) -> bool {
        self.0 == text.as_bytes()
    }
}

impl fmt::Debug for Octets {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const SHOWN: usize = 200;
        match self.0.len() {
            0..=SHOWN => write!(f, "\"{}\"", self.0.escape_ascii()),
            more => write!(f, "\"{}\"... of {more}", self.0[..SHOWN].escape_ascii()),
        }
    }
}

/// A word: printable ASCII without `(`, `)`, `{`, `%`, `*`, `"`, `\` and `]`.
///
/// ```
/// use imap_proto::Atom;
///
/// assert!("$Forwarded".parse::<Atom>().is_ok());
/// assert!("two words".parse::<Atom>().is_err());
/// # Ok::<(), imap_proto::Invalid>(())
/// ```
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Atom(CompactString);

impl Atom {
    /// Reads an atom.
    ///
    /// # Errors
    ///
    /// If it is empty or holds what an atom may not hold.
    pub fn new(atom: impl AsRef<[u8]>) -> Result<Self, Invalid> {
        let atom = atom.as_ref();
        match !atom.is_empty() && is_all(atom, Class::ATOM) {
            true => Ok(Self::known(atom)),
            false => Err(Invalid::new("an atom")),
        }
    }

    /// What is known to be one.
    pub(crate) fn known(atom: &[u8]) -> Self {
        Self(CompactString::from_utf8_lossy(atom))
    }

    /// The atom as it is written.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether it is the same word, in any case.
    pub fn is(&self, word: &str) -> bool {
        self.0.eq_ignore_ascii_case(word)
    }
}

impl FromStr for Atom {
    type Err = Invalid;

    fn from_str(atom: &str) -> Result<Self, Invalid> {
        Self::new(atom)
    }
}

impl fmt::Display for Atom {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for Atom {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Atom({})", self.0)
    }
}

/// Text for people, behind a status or a continuation request: one line.
///
/// ```
/// use imap_proto::Text;
///
/// assert!("Mailbox is {5} full, \"almost\"".parse::<Text>().is_ok());
/// assert!("two\r\nlines".parse::<Text>().is_err());
/// # Ok::<(), imap_proto::Invalid>(())
/// ```
#[derive(Clone, Default, PartialEq, Eq, Hash)]
pub struct Text(Octets);

impl Text {
    /// Reads a text. It may be empty, and need not be ASCII: servers speak their users' languages.
    ///
    /// # Errors
    ///
    /// If it holds NUL, CR or LF.
    pub fn new(text: impl Into<Octets>) -> Result<Self, Invalid> {
        let text = text.into();
        match memchr::memchr3(0, b'\r', b'\n', &text) {
            None => Ok(Self(text)),
            Some(_) => Err(Invalid::new("a line of text")),
        }
    }

    /// A text of ours, without a copy.
    ///
    /// # Panics
    ///
    /// If it holds NUL, CR or LF.
    pub fn fixed(text: &'static str) -> Self {
        Self::new(Bytes::from_static(text.as_bytes())).expect("a text of ours is one line")
    }

    /// The text; what is not UTF-8 is replaced.
    pub fn to_text(&self) -> Cow<'_, str> {
        self.0.to_text()
    }

    /// The octets of the text.
    pub fn as_octets(&self) -> &Octets {
        &self.0
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl FromStr for Text {
    type Err = Invalid;

    fn from_str(text: &str) -> Result<Self, Invalid> {
        Self::new(text)
    }
}

impl fmt::Display for Text {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.to_text())
    }
}

impl fmt::Debug for Text {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Text({:?})", self.0)
    }
}

/// What a message or a part of it is made of: at hand, or on its way.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
#[expect(clippy::exhaustive_enums, reason = "there is no third way")]
pub enum Content {
    /// All of it.
    Whole(Octets),
    /// So many octets. When it was read: they have been, or will be, handed out by the
    /// [framer](crate::Framer). When it is written: they are the application's to send where the
    /// encoder [stops](crate::encode::Next::Stream).
    Streamed(u64),
}

impl Content {
    /// How many octets there are.
    pub fn len(&self) -> u64 {
        match self {
            Self::Whole(octets) => octets.len() as u64,
            Self::Streamed(length) => *length,
        }
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

impl<T: Into<Octets>> From<T> for Content {
    fn from(octets: T) -> Self {
        Self::Whole(octets.into())
    }
}
