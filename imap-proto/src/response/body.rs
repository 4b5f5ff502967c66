//! What parts a message has (RFC 9051 section 7.5.2, `BODYSTRUCTURE`).

use super::envelope::Envelope;
use super::token::Token;
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

/// A parameter of a media type or a disposition.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct Parameter {
    /// Its name, in any case.
    pub name: Octets,
    /// Its value.
    pub value: Octets,
}

/// What `BODYSTRUCTURE` tells of a part that is not made of parts.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct PartExtension {
    /// `Content-MD5`
    pub md5: Option<Octets>,
    /// What it tells of all parts.
    pub common: BodyExtension,
}

/// What `BODYSTRUCTURE` tells of a part that is made of parts.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct MultipartExtension {
    /// The media type's parameters, such as `boundary`.
    pub parameters: Vec<Parameter>,
    /// What it tells of all parts.
    pub common: BodyExtension,
}

/// What `BODYSTRUCTURE` tells of all parts.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct BodyExtension {
    /// `Content-Disposition`
    pub disposition: Option<Disposition>,
    /// `Content-Language`: none, or several.
    pub languages: Vec<Octets>,
    /// `Content-Location`
    pub location: Option<Octets>,
    /// What may be added to IMAP one day.
    pub others: Vec<Token>,
}

/// `Content-Disposition`
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct Disposition {
    /// `inline`, `attachment` or another.
    pub kind: Octets,
    /// Its parameters, such as `filename`.
    pub parameters: Vec<Parameter>,
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
    pub(super) fn read(cursor: &mut Cursor<'_>) -> Parsed<Self> {
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

    pub(super) fn write(&self, to: &mut Encoder) {
        to.raw(b"(");
        match self {
            Self::Single(part) => part.write(to),
            Self::Multipart(multipart) => multipart.write(to),
        }
        to.raw(b")");
    }
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
    fn read(cursor: &mut Cursor<'_>, media_type: Octets, subtype: Octets) -> Parsed<Self> {
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

    fn write(&self, to: &mut Encoder) {
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

impl Parameter {
    /// A parameter.
    pub fn new(name: impl Into<Octets>, value: impl Into<Octets>) -> Self {
        Self {
            name: name.into(),
            value: value.into(),
        }
    }
}

impl PartExtension {
    /// `body-ext-1part`
    fn read(cursor: &mut Cursor<'_>) -> Parsed<Self> {
        let md5 = cursor.nstring()?;
        let common = BodyExtension::read(cursor)?;
        Ok(Self { md5, common })
    }
}

impl MultipartExtension {
    /// `body-ext-mpart`
    fn read(cursor: &mut Cursor<'_>) -> Parsed<Self> {
        let parameters = read_parameters(cursor)?;
        let common = BodyExtension::read(cursor)?;
        Ok(Self { parameters, common })
    }
}

impl BodyExtension {
    /// Disposition, language, location and what follows, each behind a space; it may end before each.
    fn read(cursor: &mut Cursor<'_>) -> Parsed<Self> {
        let mut extension = Self::default();
        if !cursor.eat_space() {
            return Ok(extension);
        }
        extension.disposition = Disposition::read(cursor)?;
        if !cursor.eat_space() {
            return Ok(extension);
        }
        extension.languages = read_languages(cursor)?;
        if !cursor.eat_space() {
            return Ok(extension);
        }
        extension.location = cursor.nstring()?;
        extension.others = cursor.spaced(Token::read)?;
        Ok(extension)
    }

    fn write(&self, to: &mut Encoder) {
        match &self.disposition {
            None => {
                to.raw(b" NIL");
            }
            Some(disposition) => {
                to.raw(b" (").string(&disposition.kind);
                write_parameters(&disposition.parameters, to.space());
                to.raw(b")");
            }
        }
        match &self.languages[..] {
            [] => to.raw(b" NIL"),
            [one] => to.space().string(one),
            several => to.space().list(several, |to, language| {
                to.string(language);
            }),
        };
        to.space().nstring(self.location.as_ref());
        for other in &self.others {
            other.write(to.space());
        }
    }
}

impl Disposition {
    /// A disposition without parameters.
    pub fn new(kind: impl Into<Octets>) -> Self {
        Self {
            kind: kind.into(),
            parameters: Vec::new(),
        }
    }

    /// `body-fld-dsp`
    fn read(cursor: &mut Cursor<'_>) -> Parsed<Option<Self>> {
        if !cursor.eat(b'(') {
            let kind = cursor.nstring()?;
            if kind.is_some() && !cursor.forgives(Quirks::BARE_DISPOSITION) {
                return cursor.fail("a disposition or NIL");
            }
            return Ok(kind.map(Self::new));
        }
        let disposition = match cursor.eat_word(b"NIL") {
            // `(NIL NIL)` and `(NIL)`
            true if cursor.forgives(Quirks::BARE_DISPOSITION) => None,
            true => return cursor.fail("a disposition"),
            false => Some(cursor.string()?),
        };
        let parameters = match cursor.peek() {
            Some(b')') if cursor.forgives(Quirks::BARE_DISPOSITION) => Vec::new(),
            _ => {
                cursor.space()?;
                read_parameters(cursor)?
            }
        };
        cursor.expect(b')', "the end of a disposition")?;
        Ok(disposition.map(|kind| Self { kind, parameters }))
    }
}

/// What comes next, but for spaces.
fn next_octet(cursor: &Cursor<'_>) -> Option<u8> {
    cursor.rest().iter().copied().find(|octet| *octet != b' ')
}

/// `body-fld-param`
fn read_parameters(cursor: &mut Cursor<'_>) -> Parsed<Vec<Parameter>> {
    if !cursor.eat(b'(') {
        return match cursor.eat_word(b"NIL") {
            true => Ok(Vec::new()),
            false => cursor.fail("parameters or NIL"),
        };
    }
    let mut parameters = Vec::new();
    if cursor.peek() == Some(b')') && cursor.forgives(Quirks::EMPTY_LIST) {
        cursor.eat(b')');
        return Ok(parameters);
    }
    loop {
        let name = string_or(cursor, "", Quirks::NIL_PARAMETER)?;
        cursor.space()?;
        let value = string_or(cursor, "", Quirks::NIL_PARAMETER)?;
        if parameters.is_empty() {
            // Mostly there is one.
            parameters.reserve_exact(1);
        }
        parameters.push(Parameter { name, value });
        if !cursor.eat_space() {
            break;
        }
    }
    cursor.expect(b')', "a space or the end of parameters")?;
    Ok(parameters)
}

fn write_parameters(parameters: &[Parameter], to: &mut Encoder) {
    if parameters.is_empty() {
        to.raw(b"NIL");
        return;
    }
    to.list(parameters, |to, parameter| {
        to.string(&parameter.name).space().string(&parameter.value);
    });
}

/// `body-fld-lang`
fn read_languages(cursor: &mut Cursor<'_>) -> Parsed<Vec<Octets>> {
    if cursor.peek() != Some(b'(') {
        return Ok(cursor.nstring()?.into_iter().collect());
    }
    let start = cursor.at();
    let languages = cursor.list(|cursor| cursor.string())?;
    if languages.is_empty() && !cursor.forgives(Quirks::EMPTY_LIST) {
        cursor.reset(start);
        return cursor.fail("a language");
    }
    Ok(languages)
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
