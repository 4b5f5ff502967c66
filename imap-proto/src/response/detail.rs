//! What response codes say besides their names.

use std::num::NonZeroU32;

use crate::class::Class;
use crate::encode::Encoder;
use crate::keyword::keywords;
use crate::lex::{Cursor, FOLDED, Parsed};
use crate::set::OrderedSet;
use crate::tag::Tag;

/// `COPYUID` (RFC 4315): what became what, one by one.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct CopyUid {
    /// What makes the new UIDs valid.
    pub uid_validity: NonZeroU32,
    /// The UIDs of the messages that were copied.
    pub from: OrderedSet,
    /// The UIDs of the copies, in the same order.
    pub to: OrderedSet,
}

impl CopyUid {
    /// What became what.
    pub fn new(uid_validity: NonZeroU32, from: OrderedSet, to: OrderedSet) -> Self {
        Self {
            uid_validity,
            from,
            to,
        }
    }

    pub(super) fn read(cursor: &mut Cursor<'_>) -> Parsed<Self> {
        let uid_validity = cursor.nz_number()?;
        cursor.space()?;
        let from = OrderedSet::read(cursor)?;
        cursor.space()?;
        let to = OrderedSet::read(cursor)?;
        Ok(Self::new(uid_validity, from, to))
    }

    pub(super) fn write(&self, to: &mut Encoder) {
        to.number(self.uid_validity.get());
        to.space().display(&self.from).space().display(&self.to);
    }
}

/// What is wrong with metadata (RFC 5464).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum MetadataCode {
    /// `LONGENTRIES`: entries were left out, the longest of so many octets.
    LongEntries(u64),
    /// `MAXSIZE`: values may have so many octets.
    MaxSize(u64),
    /// `TOOMANY`: no more entries.
    TooMany,
    /// `NOPRIVATE`: no entries of users.
    NoPrivate,
}

impl MetadataCode {
    pub(super) fn read(cursor: &mut Cursor<'_>) -> Parsed<Self> {
        let mut word = FOLDED;
        Ok(match cursor.keyword(&mut word, "what is wrong")? {
            b"TOOMANY" => Self::TooMany,
            b"NOPRIVATE" => Self::NoPrivate,
            b"LONGENTRIES" => {
                cursor.space()?;
                Self::LongEntries(cursor.number64()?)
            }
            b"MAXSIZE" => {
                cursor.space()?;
                Self::MaxSize(cursor.number64()?)
            }
            _ => return cursor.fail("what is wrong"),
        })
    }

    pub(super) fn write(self, to: &mut Encoder) {
        match self {
            Self::LongEntries(size) => to.raw(b"LONGENTRIES ").number(size),
            Self::MaxSize(size) => to.raw(b"MAXSIZE ").number(size),
            Self::TooMany => to.raw(b"TOOMANY"),
            Self::NoPrivate => to.raw(b"NOPRIVATE"),
        };
    }
}

keywords! {
    /// What is wrong with an annotation (RFC 5257 section 4.5).
    pub enum AnnotateCode {
        /// Its value is too long.
        TooBig = "TOOBIG",
        /// The message has as many as it may.
        TooMany = "TOOMANY",
    }
}

/// Which annotations messages may have (RFC 5257 section 3.5).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum AnnotationLimits {
    /// `NONE`
    None,
    /// `READ-ONLY`: they cannot be changed.
    ReadOnly {
        /// `NOPRIVATE`: nobody has any of their own.
        no_private: bool,
    },
    /// Values may have so many octets.
    Size {
        /// How many.
        size: NonZeroU32,
        /// `NOPRIVATE`: nobody may have any of their own.
        no_private: bool,
    },
}

impl AnnotationLimits {
    /// `ann-size`
    pub(super) fn read(cursor: &mut Cursor<'_>) -> Parsed<Self> {
        if cursor.eat_word(b"NONE") {
            return Ok(Self::None);
        }
        let size = match cursor.eat_word(b"READ-ONLY") {
            true => None,
            false => Some(cursor.nz_number()?),
        };
        let no_private = cursor.eat_space();
        if no_private {
            cursor.expect_word("NOPRIVATE")?;
        }
        Ok(match size {
            Some(size) => Self::Size { size, no_private },
            None => Self::ReadOnly { no_private },
        })
    }

    pub(super) fn write(self, to: &mut Encoder) {
        let (Self::ReadOnly { no_private } | Self::Size { no_private, .. }) = self else {
            to.raw(b"NONE");
            return;
        };
        match self {
            Self::Size { size, .. } => to.number(size.get()),
            _ => to.raw(b"READ-ONLY"),
        };
        if no_private {
            to.raw(b" NOPRIVATE");
        }
    }
}

/// How far a command has come (RFC 9585).
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct InProgress {
    /// Which command.
    pub tag: Option<Tag>,
    /// How much is done.
    pub progress: Option<u64>,
    /// How much there is to do.
    pub goal: Option<u64>,
}

impl InProgress {
    /// How far a command has come.
    pub fn new(tag: Option<Tag>, progress: Option<u64>, goal: Option<u64>) -> Self {
        Self {
            tag,
            progress,
            goal,
        }
    }
}

impl InProgress {
    pub(super) fn read(cursor: &mut Cursor<'_>) -> Parsed<Self> {
        fn or_nil<T>(
            cursor: &mut Cursor<'_>,
            read: impl FnOnce(&mut Cursor<'_>) -> Parsed<T>,
        ) -> Parsed<Option<T>> {
            match cursor.eat_word(b"NIL") {
                true => Ok(None),
                false => read(cursor).map(Some),
            }
        }
        cursor.parenthesised(|cursor| {
            let tag = or_nil(cursor, tag)?;
            cursor.space()?;
            let progress = or_nil(cursor, |cursor| cursor.number64())?;
            cursor.space()?;
            let goal = or_nil(cursor, |cursor| cursor.number64())?;
            Ok(Self::new(tag, progress, goal))
        })
    }

    pub(super) fn write(&self, to: &mut Encoder) {
        to.raw(b"(");
        match &self.tag {
            Some(tag) => write_tag(tag, to),
            None => {
                to.raw(b"NIL");
            }
        }
        for number in [self.progress, self.goal] {
            match number {
                Some(number) => to.space().number(number),
                None => to.raw(b" NIL"),
            };
        }
        to.raw(b")");
    }
}

/// A tag, in quotes as it should be, or without.
pub(super) fn tag(cursor: &mut Cursor<'_>) -> Parsed<Tag> {
    let octets = match cursor.peek() {
        Some(b'"') => cursor.string()?,
        _ => cursor.run(Class::TAG, "a tag")?.into(),
    };
    Tag::new(&*octets).map_err(|_| cursor.fault("a tag"))
}

pub(super) fn write_tag(tag: &Tag, to: &mut Encoder) {
    to.raw(b"\"").word(tag.as_str()).raw(b"\"");
}
