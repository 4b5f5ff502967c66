//! Numbers in an order that means something.

use std::fmt;
use std::num::NonZeroU32;
use std::str::FromStr;

use super::{NumberSet, Run, whole, write_runs};
use crate::error::Invalid;
use crate::lex::{Cursor, Parsed};

/// Numbers in an order that means something: what was copied to what (RFC 4315 section 3), and
/// results of a sorted search (RFC 5267 section 3).
#[derive(Clone, Default, PartialEq, Eq, Hash)]
pub struct OrderedSet {
    /// As they were given.
    runs: Vec<Run>,
}

impl OrderedSet {
    /// The numbers one by one, in their order.
    pub fn numbers(&self) -> impl DoubleEndedIterator<Item = NonZeroU32> + '_ {
        self.runs.iter().flat_map(|run| run.numbers())
    }

    /// The runs, in their order.
    pub fn runs(&self) -> &[Run] {
        &self.runs
    }

    /// How many numbers there are.
    pub fn count(&self) -> u64 {
        self.runs.iter().map(Run::count).sum()
    }

    pub(super) fn into_runs(self) -> Vec<Run> {
        self.runs
    }

    /// The same without their order.
    pub fn to_set(&self) -> NumberSet {
        NumberSet::from_runs(self.runs.clone())
    }

    pub(crate) fn read(cursor: &mut Cursor<'_>) -> Parsed<Self> {
        let mut runs = Vec::new();
        loop {
            let one = cursor.nz_number()?;
            let other = match cursor.eat(b':') {
                true => cursor.nz_number()?,
                false => one,
            };
            runs.push(Run::new(one, other));
            if !cursor.eat(b',') {
                return Ok(Self { runs });
            }
        }
    }
}

impl From<NumberSet> for OrderedSet {
    fn from(set: NumberSet) -> Self {
        Self { runs: set.runs }
    }
}

impl FromIterator<NonZeroU32> for OrderedSet {
    fn from_iter<I: IntoIterator<Item = NonZeroU32>>(numbers: I) -> Self {
        let mut runs: Vec<Run> = Vec::new();
        for number in numbers {
            match runs.last_mut() {
                Some(last) if last.last.checked_add(1) == Some(number) => last.last = number,
                _ => runs.push(Run::new(number, number)),
            }
        }
        Self { runs }
    }
}

impl FromIterator<Run> for OrderedSet {
    fn from_iter<I: IntoIterator<Item = Run>>(runs: I) -> Self {
        Self {
            runs: runs.into_iter().collect(),
        }
    }
}

impl FromStr for OrderedSet {
    type Err = Invalid;

    fn from_str(text: &str) -> Result<Self, Invalid> {
        whole(text, Self::read)
    }
}

impl fmt::Display for OrderedSet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write_runs(&self.runs, f)
    }
}

impl fmt::Debug for OrderedSet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "OrderedSet({self})")
    }
}
