//! A message as the tree of its parts.

use bytes::Bytes;
use mail_parser::{Encoding, Message, MessagePart, PartType};

use super::field::Header;
use crate::limits::MIME_DEPTH;

/// A message, or a part of one.
pub(super) struct Entity<'a> {
    raw: &'a Bytes,
    header: std::ops::Range<usize>,
    body: std::ops::Range<usize>,
    pub(super) kind: Kind<'a>,
}

pub(super) enum Kind<'a> {
    /// Not made of parts.
    Single,
    /// Made of parts, at least one.
    Multipart(Vec<Entity<'a>>),
    /// A message.
    Message(Box<Entity<'a>>),
}

impl<'a> Entity<'a> {
    /// The whole message.
    pub(super) fn root(raw: &'a Bytes, message: Option<&Message<'_>>) -> Self {
        match message.and_then(|message| Some((message, message.parts.first()?))) {
            Some((message, part)) => Self::new(raw, message, part, raw.len(), MIME_DEPTH),
            None => {
                let header = Header::length_in(raw);
                Self {
                    raw,
                    header: 0..header,
                    body: header..raw.len(),
                    kind: Kind::Single,
                }
            }
        }
    }

    /// A part that ends here.
    fn new(
        raw: &'a Bytes,
        message: &Message<'_>,
        part: &MessagePart<'_>,
        end: usize,
        depth: usize,
    ) -> Self {
        let at = |offset: u32| (offset as usize).min(raw.len());
        let start = at(part.offset_header).min(end);
        let body = at(part.offset_body).clamp(start, end);
        let kind = match (&part.body, depth.checked_sub(1)) {
            (PartType::Multipart(parts), Some(depth)) => {
                let parts = parts
                    .iter()
                    .filter_map(|id| message.parts.get(*id as usize));
                let parts = parts.map(|part| {
                    let end = at(part.offset_end).min(end);
                    Self::new(raw, message, part, end, depth)
                });
                Kind::Multipart(parts.collect())
            }
            // What was decoded stands nowhere in the message.
            (PartType::Message(inner), Some(depth)) if part.encoding == Encoding::None => {
                match inner.parts.first() {
                    // It ends where the part does.
                    Some(root) => Kind::Message(Box::new(Self::new(raw, inner, root, end, depth))),
                    None => Kind::Single,
                }
            }
            _ => Kind::Single,
        };
        Self {
            raw,
            header: start..body,
            body: body..end,
            kind,
        }
    }

    /// With the empty line behind it.
    pub(super) fn header(&self) -> Header {
        Header::new(self.raw.slice(self.header.clone()))
    }

    pub(super) fn body(&self) -> Bytes {
        self.raw.slice(self.body.clone())
    }

    /// Header and body.
    pub(super) fn whole(&self) -> Bytes {
        self.raw.slice(self.header.start..self.body.end)
    }

    /// The part that numbers mean (RFC 9051 section 6.4.5.1).
    ///
    /// A message that is no multipart has one part, which is itself.
    pub(super) fn part(&self, numbers: &[std::num::NonZeroU32]) -> Option<&Self> {
        let Some((number, rest)) = numbers.split_first() else {
            return Some(self);
        };
        let index = number.get() as usize - 1;
        let found = match &self.kind {
            Kind::Multipart(parts) => parts.get(index)?,
            _ if index == 0 => self,
            _ => return None,
        };
        match (&found.kind, rest) {
            (_, []) => Some(found),
            (Kind::Message(message), _) => message.part(rest),
            (Kind::Multipart(_), _) if !std::ptr::eq(found, self) => found.part(rest),
            _ => None,
        }
    }
}
