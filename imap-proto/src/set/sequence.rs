//! Which messages a command means: numbers, with or without an open end.

use std::fmt;
use std::num::NonZeroU32;
use std::str::FromStr;

use super::{NumberSet, Run, whole, write_runs};
use crate::error::Invalid;
use crate::lex::{Cursor, Parsed};

/// Which messages a command means (RFC 9051 section 9, `sequence-set`).
///
/// `*` stands for the largest number in use, which only the server knows; it stays a symbol until
/// it is [resolved](Self::resolve).
///
/// ```
/// use imap_proto::SequenceSet;
///
/// let set: SequenceSet = "2,559:*".parse()?;
/// assert_eq!(set.to_string(), "2,559:*");
/// // With 500 messages, `559:*` still means the last of them.
/// let resolved = set.resolve(500.try_into()?).expect("it is not the saved result");
/// assert_eq!(resolved.to_string(), "2,500");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, PartialEq, Eq, Hash)]
#[expect(clippy::exhaustive_enums, reason = "RFC 9051 has these two")]
pub enum SequenceSet {
    /// Numbers, with or without an open end.
    Numbers(OpenSet),
    /// `$`: the result that was saved (RFC 5182).
    Saved,
}

/// Numbers, and possibly all from one up to `*`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct OpenSet {
    /// Those that are known.
    pub numbers: NumberSet,
    /// The `n` of `n:*`. A lone `*` is `4294967295:*`, which means the same.
    pub open: Option<NonZeroU32>,
}

impl SequenceSet {
    /// All messages: `1:*`.
    pub fn all() -> Self {
        Self::from_open(NonZeroU32::MIN)
    }

    /// The last message: `*`.
    pub fn last() -> Self {
        Self::from_open(NonZeroU32::MAX)
    }

    /// From a number to the last: `n:*`.
    pub fn from_open(first: NonZeroU32) -> Self {
        Self::Numbers(OpenSet {
            numbers: NumberSet::new(),
            open: Some(first),
        })
    }

    /// What it means where `largest` is the largest number in use; `None` for the saved result.
    ///
    /// Numbers beyond the largest are kept: as sequence numbers they are an error of the client, as
    /// UIDs they are none (RFC 9051 section 6.4.9).
    pub fn resolve(&self, largest: NonZeroU32) -> Option<NumberSet> {
        let Self::Numbers(set) = self else {
            return None;
        };
        let mut numbers = set.numbers.clone();
        if let Some(first) = set.open {
            numbers.insert_run(Run::new(first.min(largest), largest));
        }
        Some(numbers)
    }

    pub(crate) fn read(cursor: &mut Cursor<'_>) -> Parsed<Self> {
        if cursor.eat(b'$') {
            return Ok(Self::Saved);
        }
        let mut runs = Vec::new();
        let mut open: Option<NonZeroU32> = None;
        loop {
            let one = seq_number(cursor)?;
            let other = match cursor.eat(b':') {
                true => seq_number(cursor)?,
                false => one,
            };
            match (one, other) {
                (Some(one), Some(other)) => runs.push(Run::new(one, other)),
                (one, other) => {
                    let first = one.or(other).unwrap_or(NonZeroU32::MAX);
                    open = Some(open.map_or(first, |open| open.min(first)));
                }
            }
            if !cursor.eat(b',') {
                break;
            }
        }
        Ok(Self::Numbers(OpenSet {
            numbers: NumberSet::from_runs(runs),
            open,
        }))
    }
}

/// `seq-number`; `None` is `*`.
fn seq_number(cursor: &mut Cursor<'_>) -> Parsed<Option<NonZeroU32>> {
    match cursor.eat(b'*') {
        true => Ok(None),
        false => cursor.nz_number().map(Some),
    }
}

impl From<NumberSet> for SequenceSet {
    fn from(numbers: NumberSet) -> Self {
        Self::Numbers(OpenSet {
            numbers,
            open: None,
        })
    }
}

impl From<NonZeroU32> for SequenceSet {
    fn from(number: NonZeroU32) -> Self {
        NumberSet::from(Run::new(number, number)).into()
    }
}

impl FromStr for SequenceSet {
    type Err = Invalid;

    fn from_str(text: &str) -> Result<Self, Invalid> {
        whole(text, Self::read)
    }
}

impl fmt::Display for SequenceSet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self::Numbers(set) = self else {
            return f.write_str("$");
        };
        write_runs(set.numbers.runs(), f)?;
        if !set.numbers.is_empty() && set.open.is_some() {
            f.write_str(",")?;
        }
        match set.open {
            None => Ok(()),
            Some(NonZeroU32::MAX) => f.write_str("*"),
            Some(first) => write!(f, "{first}:*"),
        }
    }
}

impl fmt::Debug for SequenceSet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SequenceSet({self})")
    }
}
