//! `BODY[section]`: octets of a message, as they are (RFC 9051 section 6.4.5.1).

use bytes::{Bytes, BytesMut};
use imap_proto::{Octets, Section, SectionText};

use super::entity::{Entity, Kind};
use super::field::Header;

/// Of the whole message.
pub(super) fn of_message(header: &Header, raw: &Bytes, section: &Section) -> Option<Bytes> {
    let body = || raw.slice(header.octets().len()..);
    Some(match &section.text {
        None => raw.clone(),
        Some(text) => text_of(header, body, text)?,
    })
}

/// Of a part.
pub(super) fn of_part(root: &Entity<'_>, section: &Section) -> Option<Bytes> {
    let part = root.part(&section.part)?;
    match (&section.text, &part.kind) {
        (None, _) => Some(part.body()),
        (Some(SectionText::Mime), _) => Some(part.header().octets().clone()),
        // The rest is of parts that are messages.
        (Some(text), Kind::Message(message)) => text_of(&message.header(), || message.body(), text),
        _ => None,
    }
}

fn text_of(header: &Header, body: impl FnOnce() -> Bytes, text: &SectionText) -> Option<Bytes> {
    Some(match text {
        SectionText::Header => header.octets().clone(),
        SectionText::HeaderFields(names) => pick(header, names, true),
        SectionText::HeaderFieldsNot(names) => pick(header, names, false),
        SectionText::Text => body(),
        _ => return None,
    })
}

/// The fields with these names, or those with others, and an empty line.
pub(super) fn pick(header: &Header, names: &[Octets], wanted: bool) -> Bytes {
    let mut picked = BytesMut::new();
    for (name, field) in header.lines() {
        let name = name.trim_ascii_end();
        if names.iter().any(|one| one.eq_ignore_ascii_case(name)) == wanted {
            picked.extend_from_slice(&header.octets()[field]);
        }
    }
    if !picked.is_empty() && !picked.ends_with(b"\n") {
        picked.extend_from_slice(b"\r\n");
    }
    picked.extend_from_slice(b"\r\n");
    picked.freeze()
}
