//! Parts that are not made of parts.

use super::extension::{read_parameters, write_parameters};
use super::{BodyStructure, Parameter, PartExtension, string_or};
use crate::encode::Encoder;
use crate::lex::{Cursor, Parsed};
use crate::quirks::Quirks;
use crate::response::Envelope;
use crate::string::Octets;

/// A part that is not made of parts.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct BodyPart {
    /// The media type, such as `text`, in any case.
    pub media_type: Octets,
    /// What stands behind its slash, such as `plain`.
    pub subtype: Octets,
    /// The media type's parameters, such as `charset`.
    pub parameters: Vec<Parameter>,
    /// `Content-ID`
    pub id: Option<Octets>,
    /// `Content-Description`
    pub description: Option<Octets>,
    /// `Content-Transfer-Encoding`
    pub encoding: Octets,
    /// How many octets it has, encoded.
    pub octets: u64,
    /// What is told of some media types.
    pub kind: PartKind,
    /// What `BODYSTRUCTURE` tells and `BODY` does not. What was left out at its end is as if it were NIL.
    pub extension: Option<PartExtension>,
}

/// What is told of some media types, and is written whatever the media type says.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum PartKind {
    /// Nothing.
    Basic,
    /// Of `text`.
    Text {
        /// How many lines it has, encoded.
        lines: u64,
    },
    /// Of `message/rfc822` and `message/global`.
    Message(Box<MessagePart>),
}

/// What is told of a message that is a part.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct MessagePart {
    /// Its header.
    pub envelope: Envelope,
    /// Its structure.
    pub body: BodyStructure,
    /// How many lines it has.
    pub lines: u64,
}

impl BodyPart {
    /// A part of a media type, encoded in 7 bits.
    pub fn new(media_type: impl Into<Octets>, subtype: impl Into<Octets>, octets: u64) -> Self {
        Self {
            media_type: media_type.into(),
            subtype: subtype.into(),
            parameters: Vec::new(),
            id: None,
            description: None,
            encoding: Octets::fixed("7BIT"),
            octets,
            kind: PartKind::Basic,
            extension: None,
        }
    }

    /// A text.
    pub fn text(subtype: impl Into<Octets>, octets: u64, lines: u64) -> Self {
        let part = Self::new(Octets::fixed("TEXT"), subtype, octets);
        Self {
            kind: PartKind::Text { lines },
            ..part
        }
    }

    /// A message.
    pub fn message(octets: u64, message: MessagePart) -> Self {
        let part = Self::new(Octets::fixed("MESSAGE"), Octets::fixed("RFC822"), octets);
        Self {
            kind: PartKind::Message(Box::new(message)),
            ..part
        }
    }

    /// Behind the media type.
    pub(super) fn read(
        cursor: &mut Cursor<'_>,
        media_type: Octets,
        subtype: Octets,
    ) -> Parsed<Self> {
        cursor.space()?;
        let parameters = read_parameters(cursor)?;
        cursor.space()?;
        let id = cursor.nstring()?;
        cursor.space()?;
        let description = cursor.nstring()?;
        cursor.space()?;
        let encoding = string_or(cursor, "7BIT", Quirks::NIL_BODY_FIELD)?;
        cursor.space()?;
        let octets = read_count(cursor)?;
        let kind = PartKind::read(cursor, &media_type, &subtype)?;
        let extension = match cursor.eat_space() {
            true => Some(PartExtension::read(cursor)?),
            false => None,
        };
        Ok(Self {
            media_type,
            subtype,
            parameters,
            id,
            description,
            encoding,
            octets,
            kind,
            extension,
        })
    }

    pub(super) fn write(&self, to: &mut Encoder) {
        to.string(&self.media_type).space().string(&self.subtype);
        write_parameters(&self.parameters, to.space());
        to.space().nstring(self.id.as_ref());
        to.space().nstring(self.description.as_ref());
        to.space().string(&self.encoding);
        to.space().number(self.octets);
        match &self.kind {
            PartKind::Basic => {}
            PartKind::Text { lines } => {
                to.space().number(*lines);
            }
            PartKind::Message(message) => {
                message.envelope.write(to.space());
                message.body.write(to.space());
                to.space().number(message.lines);
            }
        }
        if let Some(extension) = &self.extension {
            to.space().nstring(extension.md5.as_ref());
            extension.common.write(to);
        }
    }
}

impl PartKind {
    /// Behind the number of octets.
    fn read(cursor: &mut Cursor<'_>, media_type: &Octets, subtype: &Octets) -> Parsed<Self> {
        if media_type.eq_ignore_ascii_case(b"text") {
            if !matches!(next_octet(cursor), Some(b'0'..=b'9' | b'-')) {
                return match cursor.forgives(Quirks::SHORT_BODY) {
                    true => Ok(Self::Basic),
                    false => cursor.fail("a number of lines"),
                };
            }
            cursor.space()?;
            let lines = read_count(cursor)?;
            return Ok(Self::Text { lines });
        }
        let is_message = media_type.eq_ignore_ascii_case(b"message")
            && (subtype.eq_ignore_ascii_case(b"rfc822") || subtype.eq_ignore_ascii_case(b"global"));
        if !is_message {
            return Ok(Self::Basic);
        }
        if next_octet(cursor) != Some(b'(') && cursor.forgives(Quirks::SHORT_BODY) {
            return Ok(Self::Basic);
        }
        cursor.space()?;
        let envelope = *Envelope::read(cursor)?;
        cursor.space()?;
        let body = cursor.deeper(BodyStructure::read)?;
        cursor.space()?;
        let lines = read_count(cursor)?;
        Ok(Self::Message(Box::new(MessagePart {
            envelope,
            body,
            lines,
        })))
    }
}

impl MessagePart {
    /// A message that is a part.
    pub fn new(envelope: Envelope, body: BodyStructure, lines: u64) -> Self {
        Self {
            envelope,
            body,
            lines,
        }
    }
}

/// What comes next, but for spaces.
fn next_octet(cursor: &Cursor<'_>) -> Option<u8> {
    cursor.rest().iter().copied().find(|octet| *octet != b' ')
}

/// A number of octets or lines, which some servers get wrong.
fn read_count(cursor: &mut Cursor<'_>) -> Parsed<u64> {
    match cursor.peek() {
        Some(b'-') if cursor.forgives(Quirks::NEGATIVE_NUMBER) => {
            cursor.eat(b'-');
            cursor.number64()?;
            return Ok(0);
        }
        Some(b'N' | b'n') if cursor.eat_word(b"NIL") => {
            return match cursor.forgives(Quirks::NIL_BODY_FIELD) {
                true => Ok(0),
                false => cursor.fail("a number"),
            };
        }
        _ => {}
    }
    let start = cursor.at();
    let number = cursor.number64()?;
    if !matches!(cursor.peek(), Some(b'.' | b'e' | b'E')) {
        return Ok(number);
    }
    // `9.3736e+06`
    let floats = |octet: &&u8| matches!(octet, b'0'..=b'9' | b'.' | b'e' | b'E' | b'+' | b'-');
    cursor.reset(start);
    let length = cursor.rest().iter().take_while(floats).count();
    let float = std::str::from_utf8(&cursor.rest()[..length])
        .ok()
        .and_then(|text| text.parse::<f64>().ok());
    match float {
        Some(float) if cursor.forgives(Quirks::FLOATING_NUMBER) => {
            cursor.reset(start + length);
            // What is too large for an integer becomes the largest.
            Ok((float.round() as u64).min(crate::limits::NUMBER64))
        }
        _ => cursor.fail("a number"),
    }
}
