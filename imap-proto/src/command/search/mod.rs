//! Finding messages (RFC 9051 section 6.4.4; RFC 7377).

mod key;
pub use key::{AnnotationValue, DayKey, EntryType, IsKey, SearchKey, TextKey};

mod returned;
pub use returned::{SearchReturn, SearchReturnOptions};

mod sort;
pub use sort::{Sort, SortCriterion, SortKey, Thread};

use super::By;
use super::source::Source;
use crate::encode::Encoder;
use crate::lex::{Cursor, Parsed};
use crate::string::Octets;

/// `SEARCH`
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Search {
    /// How messages are named in the answer.
    pub by: By,
    /// What of the result is told, or saved; `None` for an answer in the way of IMAP4rev1.
    pub returned: Option<SearchReturn>,
    /// In which character set strings are.
    pub charset: Option<Octets>,
    /// What is looked for: all of these.
    pub keys: Vec<SearchKey>,
}

impl Search {
    /// What is looked for.
    pub fn new(by: By, keys: Vec<SearchKey>) -> Self {
        Self {
            by,
            returned: None,
            charset: None,
            keys,
        }
    }

    pub(super) fn read(cursor: &mut Cursor<'_>, by: By) -> Parsed<Box<Self>> {
        let returned = SearchReturn::read_optional(cursor)?;
        let (charset, keys) = read_program(cursor)?;
        Ok(Box::new(Self {
            by,
            returned,
            charset,
            keys,
        }))
    }

    pub(super) fn write(&self, to: &mut Encoder) {
        if let Some(returned) = &self.returned {
            returned.write(to.raw(b" RETURN "));
        }
        write_program(self.charset.as_ref(), &self.keys, to);
    }
}

/// `ESEARCH` (RFC 7377): a search in many mailboxes.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct ESearch {
    /// In which; in the selected one if none are named.
    pub sources: Vec<Source>,
    /// What of each result is told.
    pub returned: Option<SearchReturn>,
    /// In which character set strings are.
    pub charset: Option<Octets>,
    /// What is looked for: all of these.
    pub keys: Vec<SearchKey>,
}

impl ESearch {
    /// What is looked for, and where.
    pub fn new(sources: Vec<Source>, keys: Vec<SearchKey>) -> Self {
        Self {
            sources,
            returned: None,
            charset: None,
            keys,
        }
    }

    pub(super) fn read(cursor: &mut Cursor<'_>) -> Parsed<Box<Self>> {
        let start = cursor.at();
        cursor.space()?;
        let mut sources = Vec::new();
        if cursor.eat_word(b"IN") {
            cursor.space()?;
            sources = cursor.nonempty_list(Source::read)?;
        } else {
            cursor.reset(start);
        }
        let returned = SearchReturn::read_optional(cursor)?;
        let (charset, keys) = read_program(cursor)?;
        Ok(Box::new(Self {
            sources,
            returned,
            charset,
            keys,
        }))
    }

    pub(super) fn write(&self, to: &mut Encoder) {
        if !self.sources.is_empty() {
            to.raw(b" IN ")
                .list(&self.sources, |to, source| source.write(to));
        }
        if let Some(returned) = &self.returned {
            returned.write(to.raw(b" RETURN "));
        }
        write_program(self.charset.as_ref(), &self.keys, to);
    }
}

/// ` key key ...`, with at least one.
fn read_keys(cursor: &mut Cursor<'_>) -> Parsed<Vec<SearchKey>> {
    let keys = cursor.spaced(SearchKey::read)?;
    match keys.is_empty() {
        false => Ok(keys),
        true => cursor.fail("a search key"),
    }
}

fn write_keys(keys: &[SearchKey], to: &mut Encoder) {
    to.space().spaced(keys, |to, key| key.write(to));
}

/// ` CHARSET x key key ...`, with or without a character set: `search-program`.
fn read_program(cursor: &mut Cursor<'_>) -> Parsed<(Option<Octets>, Vec<SearchKey>)> {
    let start = cursor.at();
    cursor.space()?;
    let mut charset = None;
    if cursor.eat_word(b"CHARSET") {
        cursor.space()?;
        charset = Some(cursor.astring()?);
    } else {
        cursor.reset(start);
    }
    Ok((charset, read_keys(cursor)?))
}

fn write_program(charset: Option<&Octets>, keys: &[SearchKey], to: &mut Encoder) {
    if let Some(charset) = charset {
        to.raw(b" CHARSET ").astring(charset);
    }
    write_keys(keys, to);
}
