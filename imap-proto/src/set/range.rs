//! Which of many results.

use std::fmt;

use super::Run;
use crate::lex::{Cursor, Parsed};

/// Which of many results (RFC 9394, RFC 5267): `1:100` from the first, `-1:-100` from the last.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct ResultRange {
    /// The positions, counted from 1.
    pub run: Run,
    /// Whether they are counted from the end.
    pub from_end: bool,
}

impl ResultRange {
    /// Positions from the first.
    pub fn from_first(run: Run) -> Self {
        Self {
            run,
            from_end: false,
        }
    }

    /// Positions from the last.
    pub fn from_last(run: Run) -> Self {
        Self {
            run,
            from_end: true,
        }
    }

    pub(crate) fn read(cursor: &mut Cursor<'_>) -> Parsed<Self> {
        let from_end = cursor.eat(b'-');
        let one = cursor.nz_number()?;
        cursor.expect(b':', "a colon")?;
        if from_end {
            cursor.expect(b'-', "a position from the end")?;
        }
        let other = cursor.nz_number()?;
        Ok(Self {
            run: Run::new(one, other),
            from_end,
        })
    }
}

impl fmt::Display for ResultRange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let sign = if self.from_end { "-" } else { "" };
        write!(f, "{sign}{}:{sign}{}", self.run.first, self.run.last)
    }
}
