//! What parts a message has (RFC 9051 section 7.5.2, `BODYSTRUCTURE`).

mod part;
pub use part::{BodyPart, MessagePart, PartKind};

mod extension;
pub use extension::{BodyExtension, Disposition, MultipartExtension, Parameter, PartExtension};

use extension::write_parameters;

use crate::encode::Encoder;
use crate::lex::{Cursor, Parsed};
use crate::quirks::Quirks;
use crate::string::Octets;

/// The structure of a message, or of a part of one.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
#[expect(clippy::exhaustive_enums, reason = "MIME has these two")]
pub enum BodyStructure {
    /// Something that is not made of parts.
    Single(Box<BodyPart>),
    /// Something that is.
    Multipart(Box<Multipart>),
}

/// Parts in a row.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct Multipart {
    /// The parts: one or more, unless a server was [forgiven](crate::Quirks::EMPTY_MULTIPART). None are
    /// written as a part without text, since the grammar demands one.
    pub parts: Vec<BodyStructure>,
    /// What stands behind `multipart/`, such as `mixed`.
    pub subtype: Octets,
    /// What `BODYSTRUCTURE` tells and `BODY` does not.
    pub extension: Option<MultipartExtension>,
}

impl BodyStructure {
    /// The part that a section means, such as the `[2, 1]` of `BODY[2.1]` (RFC 9051 section 6.4.5.1).
    ///
    /// A message that is no multipart has one part, 1, which is itself; and so has a message within it.
    pub fn part(&self, section: &[std::num::NonZeroU32]) -> Option<&Self> {
        let Some((number, inner)) = section.split_first() else {
            return Some(self);
        };
        let index = number.get() as usize - 1;
        match self {
            Self::Multipart(multipart) => multipart.parts.get(index)?.below(inner),
            Self::Single(_) if index == 0 => self.below(inner),
            Self::Single(_) => None,
        }
    }

    /// The part that the rest of a section means.
    fn below(&self, section: &[std::num::NonZeroU32]) -> Option<&Self> {
        match self {
            Self::Single(part) if !section.is_empty() => match &part.kind {
                PartKind::Message(message) => message.body.part(section),
                _ => None,
            },
            _ => self.part(section),
        }
    }

    /// `body`
    pub(in crate::response) fn read(cursor: &mut Cursor<'_>) -> Parsed<Self> {
        cursor.expect(b'(', "the structure of a body")?;
        let body = match cursor.peek() {
            Some(b'(') => Self::Multipart(Multipart::read(cursor)?),
            Some(b' ') if cursor.forgives(Quirks::EXTRA_SPACES) => {
                while cursor.eat(b' ') {}
                return cursor.fail("a body");
            }
            _ => Self::read_single(cursor)?,
        };
        cursor.expect(b')', "the end of a body's structure")?;
        Ok(body)
    }

    /// Behind the parenthesis of what has no parts, or should have some.
    fn read_single(cursor: &mut Cursor<'_>) -> Parsed<Self> {
        let media_type = string_or(cursor, "application", Quirks::NIL_BODY_FIELD)?;
        cursor.space()?;
        // `("mixed" ("boundary" "x") NIL NIL)` and `(NIL "mixed" ...)`
        if cursor.peek() == Some(b'(') && cursor.forgives(Quirks::EMPTY_MULTIPART) {
            let extension = Some(MultipartExtension::read(cursor)?);
            return Ok(Self::Multipart(Box::new(Multipart {
                parts: Vec::new(),
                subtype: media_type,
                extension,
            })));
        }
        let subtype = string_or(cursor, "octet-stream", Quirks::NIL_BODY_FIELD)?;
        BodyPart::read(cursor, media_type, subtype).map(|part| Self::Single(Box::new(part)))
    }

    pub(in crate::response) fn write(&self, to: &mut Encoder) {
        to.raw(b"(");
        match self {
            Self::Single(part) => part.write(to),
            Self::Multipart(multipart) => multipart.write(to),
        }
        to.raw(b")");
    }
}

impl Multipart {
    /// Parts in a row.
    pub fn new(subtype: impl Into<Octets>, parts: Vec<BodyStructure>) -> Self {
        Self {
            parts,
            subtype: subtype.into(),
            extension: None,
        }
    }

    /// Behind the parenthesis.
    fn read(cursor: &mut Cursor<'_>) -> Parsed<Box<Self>> {
        let mut parts = Vec::new();
        while cursor.peek() == Some(b'(') {
            parts.push(cursor.deeper(BodyStructure::read)?);
            // There is a space before the subtype, and none before another part.
            if cursor.rest().starts_with(b" (") && cursor.forgives(Quirks::EXTRA_SPACES) {
                cursor.eat(b' ');
            }
        }
        cursor.space()?;
        let subtype = string_or(cursor, "mixed", Quirks::NIL_BODY_FIELD)?;
        let extension = match cursor.eat_space() {
            true => Some(MultipartExtension::read(cursor)?),
            false => None,
        };
        Ok(Box::new(Self {
            parts,
            subtype,
            extension,
        }))
    }

    fn write(&self, to: &mut Encoder) {
        if self.parts.is_empty() {
            to.raw(b"(\"TEXT\" \"PLAIN\" NIL NIL NIL \"7BIT\" 0 0)");
        }
        for part in &self.parts {
            part.write(to);
        }
        to.space().string(&self.subtype);
        if let Some(extension) = &self.extension {
            write_parameters(&extension.parameters, to.space());
            extension.common.write(to);
        }
    }
}

/// A string, or where that is forgiven NIL, for which another is taken.
#[inline]
fn string_or(cursor: &mut Cursor<'_>, otherwise: &'static str, quirk: Quirks) -> Parsed<Octets> {
    let start = cursor.at();
    match cursor.nstring()? {
        Some(value) => Ok(value),
        None if cursor.forgives(quirk) => Ok(Octets::fixed(otherwise)),
        None => {
            cursor.reset(start);
            cursor.fail("a string")
        }
    }
}
