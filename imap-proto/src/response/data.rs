//! Untagged responses: which there are.

use super::status::{self, Status, StatusKind};
use super::token::Unknown;
use crate::encode::Encoder;
use crate::lex::{Cursor, FOLDED, Parsed};
use crate::quirks::Quirks;

/// What an untagged response tells.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Data {
    /// `OK`, `NO`, `BAD`, `PREAUTH` and `BYE`
    Status(Status),
    /// Something that is not known here.
    Unknown(Box<Unknown>),
}

impl Data {
    pub(super) fn read(cursor: &mut Cursor<'_>) -> Parsed<Self> {
        let start = cursor.at();
        if cursor.peek() == Some(b'[') && cursor.forgives(Quirks::MISSING_STATUS) {
            let (code, text) = status::read_text(cursor)?;
            let kind = StatusKind::Ok;
            return Ok(Self::Status(Status { kind, code, text }));
        }
        let mut word = FOLDED;
        let name = cursor.keyword(&mut word, "a response").unwrap_or_default();
        if let Some(kind) = StatusKind::from_word(name) {
            return Status::read(cursor, kind).map(Self::Status);
        }
        cursor.reset(start);
        Unknown::read(cursor).map(|unknown| Self::Unknown(Box::new(unknown)))
    }

    pub(super) fn write(&self, to: &mut Encoder) {
        match self {
            Self::Status(status) => status.write(to),
            Self::Unknown(unknown) => unknown.write(to),
        }
    }
}
