//! What of a search's result is told (RFC 9051 section 6.4.4, RFC 5182, RFC 5267, RFC 9394).

use bitflags::bitflags;

use crate::encode::Encoder;
use crate::lex::{Cursor, Parsed};
use crate::set::ResultRange;

bitflags! {
    /// What of a result is told (RFC 9051 section 6.4.4, RFC 5267, RFC 6203).
    #[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
    pub struct SearchReturnOptions: u8 {
        /// `MIN`: the lowest number.
        const MIN = 1;
        /// `MAX`: the highest number.
        const MAX = 2;
        /// `ALL`: all numbers.
        const ALL = 4;
        /// `COUNT`: how many there are.
        const COUNT = 8;
        /// `SAVE`: keep the result, for `$` (RFC 5182).
        const SAVE = 16;
        /// `CONTEXT`: there will be more such searches.
        const CONTEXT = 32;
        /// `UPDATE`: tell when the result changes.
        const UPDATE = 64;
        /// `RELEVANCY`: scores, with all numbers.
        const RELEVANCY = 128;
    }
}

const OPTIONS: [(SearchReturnOptions, &str); 8] = [
    (SearchReturnOptions::MIN, "MIN"),
    (SearchReturnOptions::MAX, "MAX"),
    (SearchReturnOptions::ALL, "ALL"),
    (SearchReturnOptions::COUNT, "COUNT"),
    (SearchReturnOptions::SAVE, "SAVE"),
    (SearchReturnOptions::CONTEXT, "CONTEXT"),
    (SearchReturnOptions::UPDATE, "UPDATE"),
    (SearchReturnOptions::RELEVANCY, "RELEVANCY"),
];

/// `RETURN ()`: what of a result is told.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct SearchReturn {
    /// These. None means [`ALL`](SearchReturnOptions::ALL).
    pub options: SearchReturnOptions,
    /// `PARTIAL`: the numbers at these positions (RFC 5267, RFC 9394).
    pub partial: Option<ResultRange>,
}

impl SearchReturn {
    /// These.
    pub fn new(options: SearchReturnOptions) -> Self {
        Self {
            options,
            partial: None,
        }
    }

    /// ` RETURN (...)`, if it is there.
    pub(super) fn read_optional(cursor: &mut Cursor<'_>) -> Parsed<Option<Self>> {
        let start = cursor.at();
        cursor.space()?;
        if !cursor.eat_word(b"RETURN") {
            cursor.reset(start);
            return Ok(None);
        }
        cursor.space()?;
        Self::read(cursor).map(Some)
    }

    /// `(MIN MAX)`
    fn read(cursor: &mut Cursor<'_>) -> Parsed<Self> {
        let mut returned = Self::default();
        cursor.list(|cursor| {
            if cursor.eat_word(b"PARTIAL") {
                cursor.space()?;
                returned.partial = Some(ResultRange::read(cursor)?);
                return Ok(());
            }
            let known = OPTIONS
                .iter()
                .find(|(_, word)| cursor.eat_word(word.as_bytes()));
            let Some((option, _)) = known else {
                return cursor.fail("a return option that is known");
            };
            returned.options |= *option;
            Ok(())
        })?;
        Ok(returned)
    }

    pub(super) fn write(&self, to: &mut Encoder) {
        let words = OPTIONS
            .iter()
            .filter(|(bit, _)| self.options.contains(*bit));
        to.raw(b"(").spaced(words, |to, (_, word)| {
            to.word(word);
        });
        if let Some(range) = &self.partial {
            to.raw(if self.options.is_empty() {
                b"PARTIAL "
            } else {
                b" PARTIAL "
            });
            to.display(range);
        }
        to.raw(b")");
    }
}
