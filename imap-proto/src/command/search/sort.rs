//! Messages in an order, or in threads (RFC 5256).

use super::key::SearchKey;
use super::returned::SearchReturn;
use super::{read_keys, write_keys};
use crate::command::By;
use crate::encode::Encoder;
use crate::keyword::keywords;
use crate::lex::{Cursor, Parsed};
use crate::string::{Atom, Octets};

/// `SORT` (RFC 5256), with what of the result is told (RFC 5267).
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Sort {
    /// How messages are named in the answer.
    pub by: By,
    /// What of the result is told.
    pub returned: Option<SearchReturn>,
    /// In which order, the most important first.
    pub criteria: Vec<SortCriterion>,
    /// In which character set strings are.
    pub charset: Octets,
    /// What is looked for: all of these.
    pub keys: Vec<SearchKey>,
}

/// One of the things by which messages are sorted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct SortCriterion {
    /// What.
    pub key: SortKey,
    /// Whether the largest comes first.
    pub reverse: bool,
}

impl SortCriterion {
    /// By this.
    pub fn new(key: SortKey, reverse: bool) -> Self {
        Self { key, reverse }
    }
}

keywords! {
    /// What messages are sorted by.
    pub enum SortKey {
        /// The internal date.
        Arrival = "ARRIVAL",
        /// The first address in Cc.
        Cc = "CC",
        /// The field Date.
        Date = "DATE",
        /// The first address in From.
        From = "FROM",
        /// How large they are.
        Size = "SIZE",
        /// The base subject.
        Subject = "SUBJECT",
        /// The first address in To.
        To = "TO",
        /// The name that is shown for From (RFC 5957).
        DisplayFrom = "DISPLAYFROM",
        /// The name that is shown for To (RFC 5957).
        DisplayTo = "DISPLAYTO",
        /// How well they match (RFC 6203).
        Relevancy = "RELEVANCY",
    }
}

impl Sort {
    /// What is looked for, and in which order it is told.
    pub fn new(by: By, criteria: Vec<SortCriterion>, keys: Vec<SearchKey>) -> Self {
        Self {
            by,
            returned: None,
            criteria,
            charset: "UTF-8".into(),
            keys,
        }
    }

    pub(in crate::command) fn read(cursor: &mut Cursor<'_>, by: By) -> Parsed<Box<Self>> {
        let returned = SearchReturn::read_optional(cursor)?;
        cursor.space()?;
        let criteria = cursor.nonempty_list(|cursor| {
            let reverse = cursor.eat_word(b"REVERSE");
            if reverse {
                cursor.space()?;
            }
            let key = SortKey::read(cursor)?;
            Ok(SortCriterion { key, reverse })
        })?;
        cursor.space()?;
        let charset = cursor.astring()?;
        Ok(Box::new(Self {
            by,
            returned,
            criteria,
            charset,
            keys: read_keys(cursor)?,
        }))
    }

    pub(in crate::command) fn write(&self, to: &mut Encoder) {
        if let Some(returned) = &self.returned {
            returned.write(to.raw(b" RETURN "));
        }
        to.space().list(&self.criteria, |to, criterion| {
            to.word(if criterion.reverse { "REVERSE " } else { "" });
            to.word(criterion.key.as_str());
        });
        to.space().astring(&self.charset);
        write_keys(&self.keys, to);
    }
}

/// `THREAD` (RFC 5256)
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Thread {
    /// How messages are named in the answer.
    pub by: By,
    /// `ORDEREDSUBJECT`, `REFERENCES` or another.
    pub algorithm: Atom,
    /// In which character set strings are.
    pub charset: Octets,
    /// What is looked for: all of these.
    pub keys: Vec<SearchKey>,
}

impl Thread {
    /// What is looked for, and how it is threaded.
    pub fn new(by: By, algorithm: Atom, keys: Vec<SearchKey>) -> Self {
        Self {
            by,
            algorithm,
            charset: "UTF-8".into(),
            keys,
        }
    }

    pub(in crate::command) fn read(cursor: &mut Cursor<'_>, by: By) -> Parsed<Box<Self>> {
        cursor.space()?;
        let algorithm = cursor.atom()?;
        cursor.space()?;
        let charset = cursor.astring()?;
        Ok(Box::new(Self {
            by,
            algorithm,
            charset,
            keys: read_keys(cursor)?,
        }))
    }

    pub(in crate::command) fn write(&self, to: &mut Encoder) {
        to.space().word(self.algorithm.as_str());
        to.space().astring(&self.charset);
        write_keys(&self.keys, to);
    }
}
