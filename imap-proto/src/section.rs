//! Which part of a message, and which octets of it (RFC 9051 section 6.4.5.1).

use std::num::{NonZeroU32, NonZeroU64};

use crate::encode::Encoder;
use crate::lex::{Cursor, FOLDED, Parsed};
use crate::limits::NUMBER64;
use crate::string::Octets;

/// What stands between the brackets of `BODY[]`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct Section {
    /// Which part of a part of a message; the whole message if empty.
    pub part: Vec<NonZeroU32>,
    /// What of it; all of it if `None`.
    pub text: Option<SectionText>,
}

/// What of a message, or of a part that is one.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum SectionText {
    /// `HEADER`: the header, with the empty line behind it.
    Header,
    /// `HEADER.FIELDS`: only these fields of the header.
    HeaderFields(Vec<Octets>),
    /// `HEADER.FIELDS.NOT`: all others.
    HeaderFieldsNot(Vec<Octets>),
    /// `TEXT`: the body.
    Text,
    /// `MIME`: the MIME header of a part.
    Mime,
}

impl Section {
    /// The whole message.
    pub const fn whole() -> Self {
        Self {
            part: Vec::new(),
            text: None,
        }
    }

    /// Something of the whole message.
    pub fn of_message(text: SectionText) -> Self {
        Self {
            part: Vec::new(),
            text: Some(text),
        }
    }

    /// A part, or something of it.
    pub fn of_part(part: impl Into<Vec<NonZeroU32>>, text: Option<SectionText>) -> Self {
        Self {
            part: part.into(),
            text,
        }
    }

    /// `section-part`: `1.2.3`
    pub(crate) fn read_part(cursor: &mut Cursor<'_>) -> Parsed<Vec<NonZeroU32>> {
        let mut part = Vec::new();
        while cursor.peek().is_some_and(|octet| octet.is_ascii_digit()) {
            part.push(cursor.nz_number()?);
            let dot = cursor.at();
            if !cursor.eat(b'.') {
                break;
            }
            if !cursor.peek().is_some_and(|octet| octet.is_ascii_digit()) {
                cursor.reset(dot);
                break;
            }
        }
        Ok(part)
    }

    /// `section`, brackets included.
    pub(crate) fn read(cursor: &mut Cursor<'_>) -> Parsed<Self> {
        cursor.expect(b'[', "a section")?;
        let section = Self::read_inner(cursor)?;
        cursor.expect(b']', "a closing bracket")?;
        Ok(section)
    }

    /// `section-spec`
    pub(crate) fn read_inner(cursor: &mut Cursor<'_>) -> Parsed<Self> {
        let part = Self::read_part(cursor)?;
        let behind_part = !part.is_empty() && cursor.eat(b'.');
        if cursor.peek() == Some(b']') || (!part.is_empty() && !behind_part) {
            return match behind_part {
                true => cursor.fail("a section"),
                false => Ok(Self { part, text: None }),
            };
        }
        let start = cursor.at();
        let mut word = FOLDED;
        let text = match cursor.keyword(&mut word, "a section")? {
            b"HEADER" => SectionText::Header,
            b"HEADER.FIELDS" => SectionText::HeaderFields(field_names(cursor)?),
            b"HEADER.FIELDS.NOT" => SectionText::HeaderFieldsNot(field_names(cursor)?),
            b"TEXT" => SectionText::Text,
            b"MIME" if behind_part => SectionText::Mime,
            _ => {
                cursor.reset(start);
                return cursor.fail("a section");
            }
        };
        Ok(Self {
            part,
            text: Some(text),
        })
    }

    pub(crate) fn write(&self, to: &mut Encoder) {
        to.raw(b"[");
        self.write_inner(to);
        to.raw(b"]");
    }

    pub(crate) fn write_inner(&self, to: &mut Encoder) {
        write_part(&self.part, to);
        let Some(text) = &self.text else {
            return;
        };
        if !self.part.is_empty() {
            to.raw(b".");
        }
        let fields = match text {
            SectionText::Header => {
                to.raw(b"HEADER");
                return;
            }
            SectionText::Text => {
                to.raw(b"TEXT");
                return;
            }
            SectionText::Mime => {
                to.raw(b"MIME");
                return;
            }
            SectionText::HeaderFields(fields) => {
                to.raw(b"HEADER.FIELDS ");
                fields
            }
            SectionText::HeaderFieldsNot(fields) => {
                to.raw(b"HEADER.FIELDS.NOT ");
                fields
            }
        };
        to.list(fields, |to, name| {
            to.astring(name);
        });
    }
}

pub(crate) fn write_part(part: &[NonZeroU32], to: &mut Encoder) {
    for (index, number) in part.iter().enumerate() {
        if index > 0 {
            to.raw(b".");
        }
        to.number(number.get());
    }
}

fn field_names(cursor: &mut Cursor<'_>) -> Parsed<Vec<Octets>> {
    cursor.space()?;
    cursor.nonempty_list(Cursor::astring)
}

/// Some octets of a section: `<0.2048>`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct Partial {
    /// The first, counted from 0.
    pub offset: u64,
    /// At most so many.
    pub count: NonZeroU64,
}

impl Partial {
    /// So many octets from an offset.
    ///
    /// # Errors
    ///
    /// If one of the numbers has more than 63 bits (RFC 9051 section 9).
    pub fn new(offset: u64, count: NonZeroU64) -> Result<Self, crate::Invalid> {
        match offset <= NUMBER64 && count.get() <= NUMBER64 {
            true => Ok(Self { offset, count }),
            false => Err(crate::error::Invalid::new("a part of a message")),
        }
    }

    /// `partial`
    pub(crate) fn read(cursor: &mut Cursor<'_>) -> Parsed<Self> {
        cursor.expect(b'<', "a partial")?;
        let offset = cursor.number64()?;
        cursor.expect(b'.', "a full stop")?;
        let Some(count) = NonZeroU64::new(cursor.number64()?) else {
            return cursor.fail("a number other than 0");
        };
        cursor.expect(b'>', "a closing angle bracket")?;
        Ok(Self { offset, count })
    }

    pub(crate) fn write(self, to: &mut Encoder) {
        to.raw(b"<").number(self.offset);
        to.raw(b".").number(self.count.get()).raw(b">");
    }
}
