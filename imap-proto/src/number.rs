//! Numbers that have a meaning of their own.

use std::fmt;
use std::num::NonZeroU64;

use crate::error::Invalid;
use crate::lex::{Cursor, Parsed};
use crate::limits::NUMBER64;
use crate::quirks::Quirks;

/// A mod-sequence: 1 to 2^63 - 1 (RFC 7162 section 7, `mod-sequence-value`).
///
/// Where 0 is allowed too it is a [`ModSeqOrZero`].
///
/// ```
/// use imap_proto::ModSeq;
///
/// assert!(ModSeq::new(0).is_err());
/// assert!(ModSeq::new(1 << 63).is_err());
/// assert_eq!(ModSeq::new(715194045007)?.value(), 715194045007);
/// # Ok::<(), imap_proto::Invalid>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ModSeq(NonZeroU64);

impl ModSeq {
    /// A mod-sequence.
    ///
    /// # Errors
    ///
    /// If it is 0 or has more than 63 bits.
    pub fn new(value: u64) -> Result<Self, Invalid> {
        match NonZeroU64::new(value) {
            Some(value) if value.get() <= NUMBER64 => Ok(Self(value)),
            _ => Err(Invalid::new("a mod-sequence")),
        }
    }

    /// The number.
    pub fn value(self) -> u64 {
        self.0.get()
    }

    /// `mod-sequence-value`
    pub(crate) fn read(cursor: &mut Cursor<'_>) -> Parsed<Self> {
        let start = cursor.at();
        Self::new(cursor.number64()?).map_err(|_| {
            cursor.reset(start);
            cursor.fault("a mod-sequence")
        })
    }
}

impl fmt::Display for ModSeq {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// A mod-sequence or 0 (RFC 7162 section 7, `mod-sequence-valzer`): before every change.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ModSeqOrZero(Option<ModSeq>);

impl ModSeqOrZero {
    /// 0.
    pub const ZERO: Self = Self(None);

    /// The mod-sequence, unless it is 0.
    pub fn nonzero(self) -> Option<ModSeq> {
        self.0
    }

    /// The number.
    pub fn value(self) -> u64 {
        self.0.map_or(0, ModSeq::value)
    }

    /// `mod-sequence-valzer`; what is below 0 is 0 where that is forgiven.
    pub(crate) fn read(cursor: &mut Cursor<'_>) -> Parsed<Self> {
        if cursor.peek() == Some(b'-') && cursor.forgives(Quirks::ZERO_MODSEQ) {
            cursor.eat(b'-');
            cursor.number64()?;
            return Ok(Self::ZERO);
        }
        Ok(Self(ModSeq::new(cursor.number64()?).ok()))
    }

    /// `mod-sequence-value`, and 0 where that is forgiven.
    pub(crate) fn read_nonzero(cursor: &mut Cursor<'_>) -> Parsed<Self> {
        let start = cursor.at();
        let value = Self::read(cursor)?;
        if value == Self::ZERO && !cursor.forgives(Quirks::ZERO_MODSEQ) {
            cursor.reset(start);
            return cursor.fail("a mod-sequence");
        }
        Ok(value)
    }
}

impl From<ModSeq> for ModSeqOrZero {
    fn from(value: ModSeq) -> Self {
        Self(Some(value))
    }
}
