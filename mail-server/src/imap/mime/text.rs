//! What people read, and search for: everything decoded.

use std::borrow::Cow;

use bytes::Bytes;
use mail_parser::parsers::MessageStream;
use mail_parser::{DateTime, HeaderValue, Message, PartType};

use super::Parsed;
use super::field::Header;

/// The texts of a message.
pub(in crate::imap) struct Texts<'p, 'a> {
    header: Header,
    parsed: &'p Parsed<'a>,
}

impl<'p, 'a> Texts<'p, 'a> {
    pub(super) fn new(header: Header, parsed: &'p Parsed<'a>) -> Self {
        Self { header, parsed }
    }

    /// The message as it is.
    pub(in crate::imap) fn octets(&self) -> &'a Bytes {
        self.parsed.raw()
    }

    /// The values of all fields of this name.
    pub(in crate::imap) fn fields(&self, name: &[u8]) -> impl Iterator<Item = String> {
        self.header
            .lines()
            .filter(move |(found, _)| found.trim_ascii_end().eq_ignore_ascii_case(name))
            .map(|(found, place)| {
                let value = &self.header.octets()[place.start + found.len() + 1..place.end];
                unstructured(value)
            })
    }

    /// A text of people's: `Subject` and the like.
    pub(in crate::imap) fn value(&self, name: &str) -> Option<String> {
        Some(unstructured(self.header.field(name)?.octets()))
    }

    /// What is shown for the first address of a field: its name, or the address (RFC 5957 section 3).
    pub(in crate::imap) fn display_name(&self, name: &str) -> Option<String> {
        let field = self.header.field(name)?;
        let HeaderValue::Address(found) = MessageStream::new(field.octets()).parse_address() else {
            return None;
        };
        let first = found.first()?;
        let shown = first.name.as_deref().filter(|name| !name.is_empty());
        shown.or(first.address.as_deref()).map(str::to_owned)
    }

    /// `Date`
    pub(in crate::imap) fn date(&self) -> Option<DateTime> {
        let field = self.header.field("Date")?;
        match MessageStream::new(field.octets()).parse_date() {
            HeaderValue::DateTime(date) if date.is_valid() => Some(date),
            _ => None,
        }
    }

    /// The identifiers of a field: `Message-ID`, `References`.
    pub(in crate::imap) fn ids(&self, name: &str) -> Vec<String> {
        let Some(field) = self.header.field(name) else {
            return Vec::new();
        };
        match MessageStream::new(field.octets()).parse_id() {
            HeaderValue::Text(id) => vec![id.into_owned()],
            HeaderValue::TextList(ids) => ids.into_iter().map(Cow::into_owned).collect(),
            _ => Vec::new(),
        }
    }

    /// Whether the header, or that of a message within, has this in it.
    pub(in crate::imap) fn header_has(&self, wanted: impl Fn(&str) -> bool) -> bool {
        let octets = self.header.octets();
        self.header.lines().any(|(found, place)| {
            let value = unstructured(&octets[place.start + found.len() + 1..place.end]);
            wanted(&format!("{}: {value}", String::from_utf8_lossy(found)))
        })
    }

    /// Whether a text of the body has this in it.
    pub(in crate::imap) fn body_has(&self, wanted: impl Fn(&str) -> bool) -> bool {
        match self.parsed.message() {
            Some(message) => has(message, &wanted),
            None => {
                let body = &self.parsed.raw[self.header.octets().len()..];
                wanted(&String::from_utf8_lossy(body))
            }
        }
    }

    /// The beginning of its text, of at most so many octets (RFC 8970).
    pub(in crate::imap) fn preview(&self, most: usize) -> String {
        let message = self.parsed.message();
        let preview = message.and_then(|message| message.body_preview(most));
        let preview = preview.unwrap_or_default();
        let words: Vec<&str> = preview.split_whitespace().collect();
        words.join(" ")
    }
}

fn has(message: &Message<'_>, wanted: &impl Fn(&str) -> bool) -> bool {
    message.parts.iter().any(|part| match &part.body {
        PartType::Text(text) | PartType::Html(text) => wanted(text),
        PartType::Message(inner) => has(inner, wanted),
        PartType::Binary(_) | PartType::InlineBinary(_) | PartType::Multipart(_) => false,
    })
}

fn unstructured(value: &[u8]) -> String {
    match MessageStream::new(value).parse_unstructured() {
        HeaderValue::Text(text) => text.into_owned(),
        _ => String::new(),
    }
}
