//! What URLs name (RFC 4467 section 8, RFC 5524).

use super::body::BodyStructure;
use super::fetch::{read_content, write_binary, write_content};
use crate::encode::Encoder;
use crate::lex::{Cursor, Parsed};
use crate::quirks::Quirks;
use crate::string::{Content, Octets};

/// What a URL names, in `URLFETCH`.
///
/// Read from an [open](crate::Frame::is_open) frame it ends with what a literal is announced of.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct UrlFetched {
    /// The URL.
    pub url: Octets,
    /// What it names.
    pub value: UrlValue,
}

/// What a URL names.
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(
    clippy::exhaustive_enums,
    reason = "RFC 4467 has one, and RFC 5524 the other"
)]
pub enum UrlValue {
    /// Octets; `None` if it names nothing, or nothing that may be had.
    Content(Option<Content>),
    /// What was asked for in the way of RFC 5524.
    Items(Vec<UrlItem>),
}

/// Something about what a URL names (RFC 5524 section 5).
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum UrlItem {
    /// `BODYPARTSTRUCTURE`
    BodyPartStructure(BodyStructure),
    /// `BODY`: its octets.
    Body(Option<Content>),
    /// `BINARY`: its octets, decoded.
    Binary(Option<Content>),
}

impl UrlFetched {
    /// What a URL names.
    pub fn new(url: impl Into<Octets>, value: UrlValue) -> Self {
        Self {
            url: url.into(),
            value,
        }
    }

    /// ` url value ...`
    pub(super) fn read_all(cursor: &mut Cursor<'_>) -> Parsed<Vec<Self>> {
        let mut all = Vec::new();
        while !cursor.is_at_announced() && cursor.eat_space() {
            let url = cursor.astring()?;
            cursor.space()?;
            let value = match cursor.peek() {
                Some(b'(') => UrlValue::Items(UrlItem::read_all(cursor)?),
                _ => UrlValue::Content(read_content(cursor)?),
            };
            all.push(Self { url, value });
        }
        match all.is_empty() {
            false => Ok(all),
            true => cursor.fail("a URL"),
        }
    }

    pub(super) fn write(&self, to: &mut Encoder) {
        to.string(&self.url);
        match &self.value {
            UrlValue::Content(content) => write_content(content.as_ref(), to.space()),
            UrlValue::Items(items) => {
                for item in items {
                    item.write(to.raw(b" ("));
                    to.raw(b")");
                }
            }
        }
    }
}

impl UrlItem {
    /// `(item) (item)`
    fn read_all(cursor: &mut Cursor<'_>) -> Parsed<Vec<Self>> {
        let mut items = Vec::new();
        loop {
            cursor.expect(b'(', "something about a URL")?;
            items.push(Self::read(cursor)?);
            if cursor.is_at_announced() {
                return Ok(items);
            }
            // Dovecot puts all of them into one pair of parentheses.
            while cursor.peek() == Some(b' ') && cursor.forgives(Quirks::JOINED_URL_ITEMS) {
                cursor.eat(b' ');
                items.push(Self::read(cursor)?);
                if cursor.is_at_announced() {
                    return Ok(items);
                }
            }
            cursor.expect(b')', "a closing parenthesis")?;
            if !cursor.rest().starts_with(b" (") {
                return Ok(items);
            }
            cursor.eat(b' ');
        }
    }

    fn read(cursor: &mut Cursor<'_>) -> Parsed<Self> {
        if cursor.eat_word(b"BODYPARTSTRUCTURE") {
            cursor.space()?;
            return cursor
                .deeper(BodyStructure::read)
                .map(Self::BodyPartStructure);
        }
        if cursor.eat_word(b"BINARY") {
            cursor.space()?;
            return read_content(cursor).map(Self::Binary);
        }
        cursor.expect_word("BODY")?;
        cursor.space()?;
        read_content(cursor).map(Self::Body)
    }

    fn write(&self, to: &mut Encoder) {
        match self {
            Self::BodyPartStructure(body) => body.write(to.raw(b"BODYPARTSTRUCTURE ")),
            Self::Body(content) => write_content(content.as_ref(), to.raw(b"BODY ")),
            Self::Binary(content) => write_binary(content.as_ref(), to.raw(b"BINARY ")),
        }
    }
}
