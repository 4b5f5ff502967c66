//! Parameters, and what `BODYSTRUCTURE` tells and `BODY` does not.

use super::string_or;
use crate::encode::Encoder;
use crate::lex::{Cursor, Parsed};
use crate::quirks::Quirks;
use crate::response::Token;
use crate::string::Octets;

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
    pub(super) fn read(cursor: &mut Cursor<'_>) -> Parsed<Self> {
        let md5 = cursor.nstring()?;
        let common = BodyExtension::read(cursor)?;
        Ok(Self { md5, common })
    }
}

impl MultipartExtension {
    /// `body-ext-mpart`
    pub(super) fn read(cursor: &mut Cursor<'_>) -> Parsed<Self> {
        let parameters = read_parameters(cursor)?;
        let common = BodyExtension::read(cursor)?;
        Ok(Self { parameters, common })
    }
}

impl BodyExtension {
    /// Disposition, language, location and what follows, each behind a space; it may end before each.
    pub(super) fn read(cursor: &mut Cursor<'_>) -> Parsed<Self> {
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

    pub(super) fn write(&self, to: &mut Encoder) {
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
    pub(super) fn read(cursor: &mut Cursor<'_>) -> Parsed<Option<Self>> {
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

/// `body-fld-param`
pub(super) fn read_parameters(cursor: &mut Cursor<'_>) -> Parsed<Vec<Parameter>> {
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

pub(super) fn write_parameters(parameters: &[Parameter], to: &mut Encoder) {
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
