//! `BODY[section]`: octets of a message, as they are (RFC 9051 section 6.4.5.1).

use bytes::{Bytes, BytesMut};
use imap_proto::{Octets, Section, SectionText};

use super::entity::{Entity, Kind};
use super::field::Header;

pub(super) fn of(root: &Entity<'_>, section: &Section) -> Option<Bytes> {
    let part = root.part(&section.part)?;
    let Some(text) = &section.text else {
        return Some(match section.part.is_empty() {
            true => part.whole(),
            false => part.body(),
        });
    };
    if *text == SectionText::Mime {
        return Some(part.header().octets().clone());
    }
    // The rest is of messages: the whole one, or a part that is one.
    let message = match (&part.kind, section.part.is_empty()) {
        (_, true) => part,
        (Kind::Message(message), false) => message,
        _ => return None,
    };
    Some(match text {
        SectionText::Header => message.header().octets().clone(),
        SectionText::HeaderFields(names) => pick(&message.header(), names, true),
        SectionText::HeaderFieldsNot(names) => pick(&message.header(), names, false),
        _ => message.body(),
    })
}

/// The fields with these names, or those with others, and an empty line.
fn pick(header: &Header, names: &[Octets], wanted: bool) -> Bytes {
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
