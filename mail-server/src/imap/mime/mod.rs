//! What IMAP tells of a message's text: its header, its parts, and what is in them.
//!
//! Reading MIME is mail-parser's part; here its findings become responses. All of it works on a
//! message with CRLF line ends, held whole, and shares its octets.

mod decoded;
mod entity;
mod envelope;
mod field;
mod section;
mod structure;
mod text;

use std::cell::OnceCell;
use std::panic::{AssertUnwindSafe, catch_unwind};

use bytes::Bytes;
use imap_proto::response::{BodyStructure, Envelope};
use imap_proto::{Partial, Section};
use mail_parser::MessageParser;

use self::entity::Entity;
use self::field::Header;
use crate::limits::MIME_FIELDS;

pub(super) use self::decoded::Undecodable;
pub(super) use self::text::Texts;

/// A message, which is looked into as deep as it is asked for.
pub(super) struct Parsed<'a> {
    raw: &'a Bytes,
    /// `None` if nothing in it looks like a message.
    message: OnceCell<Option<mail_parser::Message<'a>>>,
}

impl<'a> Parsed<'a> {
    /// Reads a message. Every octet string is one, at the worst one of a single text.
    pub(super) fn new(raw: &'a Bytes) -> Self {
        Self {
            raw,
            message: OnceCell::new(),
        }
    }

    /// `ENVELOPE`
    pub(super) fn envelope(&self) -> Envelope {
        envelope::of(&self.header())
    }

    /// The same as one to be kept, with about the octets that it takes: it shares none of the message's.
    pub(super) fn small_envelope(&self) -> (Envelope, usize) {
        let picked = section::pick(&self.header(), &envelope::fields(), true);
        (envelope::of(&Header::new(picked.clone())), picked.len())
    }

    /// `BODYSTRUCTURE`, or `BODY` without what extends it.
    pub(super) fn structure(&self, extended: bool) -> BodyStructure {
        structure::of(&self.root(), extended)
    }

    /// `BODY[section]`; `None` if there is no such part.
    pub(super) fn section(&self, section: &Section) -> Option<Bytes> {
        match section.part.is_empty() {
            true => section::of_message(&self.header(), self.raw, section),
            false => section::of_part(&self.root(), section),
        }
    }

    /// `BINARY[part]`: the part without its transfer encoding; `None` if there is no such part.
    ///
    /// # Errors
    ///
    /// If it is not what its encoding says.
    pub(super) fn decoded(
        &self,
        part: &[std::num::NonZeroU32],
    ) -> Option<Result<Bytes, Undecodable>> {
        decoded::of(&self.root(), part)
    }

    /// What people read and search for.
    pub(super) fn texts(&self) -> Texts<'_, 'a> {
        Texts::new(self.header(), self)
    }

    /// The octets.
    pub(super) fn raw(&self) -> &'a Bytes {
        self.raw
    }

    fn header(&self) -> Header {
        Header::new(self.raw.slice(..Header::length_in(self.raw)))
    }

    fn root(&self) -> Entity<'_> {
        Entity::root(self.raw, self.message())
    }

    fn message(&self) -> Option<&mail_parser::Message<'a>> {
        let message = self.message.get_or_init(|| {
            // A level of nesting takes a field, and mail-parser's values are dropped level by level.
            match field::count_content_types(self.raw) <= MIME_FIELDS {
                true => parse(self.raw),
                false => None,
            }
        });
        message.as_ref()
    }
}

/// mail-parser asserts what it thinks of itself where that is checked, and is wrong about some broken mails: they
/// are told as texts then.
fn parse(raw: &Bytes) -> Option<mail_parser::Message<'_>> {
    let parse = AssertUnwindSafe(|| MessageParser::default().parse(raw.as_ref()));
    catch_unwind(parse).unwrap_or_default()
}

/// The octets that are asked for; fewer, or none, where the content ends before.
pub(super) fn cut(content: &Bytes, partial: Option<Partial>) -> Bytes {
    let Some(partial) = partial else {
        return content.clone();
    };
    let at = |octets: u64| {
        usize::try_from(octets)
            .unwrap_or(usize::MAX)
            .min(content.len())
    };
    let start = at(partial.offset);
    let end = at(partial.offset.saturating_add(partial.count.get()));
    content.slice(start..end)
}

#[cfg(test)]
mod tests {
    use std::num::NonZeroU32;

    use bytes::Bytes;
    use imap_proto::response::{BodyStructure, PartKind};
    use imap_proto::{Section, SectionText};

    use super::Parsed;

    const NESTED: &str = "From: a@example.org\r\n\
        Subject: outer\r\n\
        Content-Type: multipart/mixed; boundary=one\r\n\
        \r\n\
        preamble\r\n\
        --one\r\n\
        \r\n\
        text of 1\r\n\
        --one\r\n\
        Content-Type: message/rfc822\r\n\
        Content-Description: =?utf-8?q?forwarded?=\r\n\
        \r\n\
        Subject: inner\r\n\
        X-Field-With-A-Name-Of-More-Than-34-Octets: kept\r\n\
        Content-Type: multipart/alternative; boundary=\"two\"\r\n\
        \r\n\
        --two\r\n\
        Content-Type: text/plain; charset=utf-8\r\n\
        Content-Transfer-Encoding: quoted-printable\r\n\
        \r\n\
        2.1 =C3=A4\r\n\
        --two\r\n\
        Content-Type: text/html\r\n\
        \r\n\
        <b>2.2</b>\r\n\
        --two--\r\n\
        --one\r\n\
        Content-Type: image/png; name*=utf-8''%C3%A4.png\r\n\
        Content-Disposition: attachment; filename=a.png\r\n\
        Content-Transfer-Encoding: base64\r\n\
        \r\n\
        AAEC\r\n\
        --one--\r\n\
        epilogue\r\n";

    fn numbers(part: &[u32]) -> Vec<NonZeroU32> {
        let numbers = part.iter().map(|number| NonZeroU32::new(*number));
        numbers.map(|number| number.expect("not 0")).collect()
    }

    fn get(text: &'static str, part: &[u32], of: Option<SectionText>) -> Option<String> {
        let raw = Bytes::from_static(text.as_bytes());
        let section = Parsed::new(&raw).section(&Section::of_part(numbers(part), of))?;
        Some(String::from_utf8(section.to_vec()).expect("ASCII"))
    }

    #[test]
    fn sections_are_the_octets_as_they_are() {
        let text = |part: &[u32]| get(NESTED, part, None).unwrap_or_default();
        assert_eq!(text(&[]), NESTED);
        assert_eq!(text(&[1]), "text of 1");
        assert_eq!(text(&[2, 1]), "2.1 =C3=A4");
        assert_eq!(text(&[2, 2]), "<b>2.2</b>");
        assert_eq!(text(&[3]), "AAEC");
        assert!(text(&[2]).starts_with("Subject: inner\r\n"));
        assert!(text(&[2]).ends_with("\r\n--two--"));
        for missing in [&[4][..], &[1, 1], &[2, 3], &[2, 1, 1], &[3, 1]] {
            assert_eq!(get(NESTED, missing, None), None, "{missing:?}");
        }
    }

    #[test]
    fn headers_are_of_messages_and_mime_of_parts() {
        let header = get(NESTED, &[], Some(SectionText::Header)).unwrap_or_default();
        assert!(header.starts_with("From: a@") && header.ends_with("boundary=one\r\n\r\n"));
        let inner = get(NESTED, &[2], Some(SectionText::Header)).unwrap_or_default();
        assert!(inner.starts_with("Subject: inner") && inner.ends_with("\"two\"\r\n\r\n"));
        assert_eq!(get(NESTED, &[1], Some(SectionText::Header)), None);
        let mime = get(NESTED, &[2, 2], Some(SectionText::Mime));
        assert_eq!(mime.as_deref(), Some("Content-Type: text/html\r\n\r\n"));
        let body = get(NESTED, &[2], Some(SectionText::Text)).unwrap_or_default();
        assert!(body.starts_with("--two\r\n") && body.ends_with("--two--"));

        let names = vec![
            "SUBJECT".into(),
            "x-field-with-a-name-of-more-than-34-octets".into(),
        ];
        let some = get(NESTED, &[2], Some(SectionText::HeaderFields(names.clone())));
        let kept = "X-Field-With-A-Name-Of-More-Than-34-Octets: kept\r\n";
        assert_eq!(some, Some(format!("Subject: inner\r\n{kept}\r\n")));
        let others = get(NESTED, &[2], Some(SectionText::HeaderFieldsNot(names)));
        let kept = "Content-Type: multipart/alternative; boundary=\"two\"\r\n\r\n";
        assert_eq!(others.as_deref(), Some(kept));
    }

    #[test]
    fn the_structure_is_told_with_sizes_and_lines() {
        let raw = Bytes::from_static(NESTED.as_bytes());
        let structure = Parsed::new(&raw).structure(true);
        let single = |part: &[u32]| match structure.part(&numbers(part)) {
            Some(BodyStructure::Single(part)) => part.clone(),
            other => panic!("{other:?}"),
        };
        let text = single(&[1]);
        assert_eq!((&text.media_type[..], text.octets), (&b"TEXT"[..], 9));
        assert_eq!(text.parameters[0].value, "us-ascii");
        let message = single(&[2]);
        assert_eq!(message.description, Some("=?utf-8?q?forwarded?=".into()));
        let PartKind::Message(inner) = &message.kind else {
            panic!("{message:?}");
        };
        assert_eq!(inner.envelope.subject, Some("inner".into()));
        assert_eq!(inner.lines, 13);
        assert_eq!(single(&[2, 1]).encoding, "quoted-printable");
        let image = single(&[3]);
        assert_eq!((&image.subtype[..], image.octets), (&b"png"[..], 4));
        assert_eq!(image.parameters[0].name, "name*");
        assert_eq!(image.parameters[0].value, "utf-8''%C3%A4.png");
        let extension = image.extension.expect("extended");
        let disposition = extension.common.disposition.expect("one");
        assert_eq!(disposition.parameters[0].value, "a.png");
    }

    #[test]
    fn parts_are_decoded() {
        let raw = Bytes::from_static(NESTED.as_bytes());
        let parsed = Parsed::new(&raw);
        let decoded = |part: &[u32]| {
            parsed
                .decoded(&numbers(part))
                .map(|decoded| decoded.expect("good"))
        };
        assert_eq!(decoded(&[3]).as_deref(), Some(&[0, 1, 2][..]));
        assert_eq!(decoded(&[2, 1]).as_deref(), Some("2.1 ä".as_bytes()));
        assert_eq!(decoded(&[1]).as_deref(), Some(&b"text of 1"[..]));
        assert_eq!(decoded(&[9]), None);
    }

    #[test]
    fn a_message_without_a_header_or_a_body_is_a_text() {
        for text in [
            "",
            "\r\n",
            "\r\nonly a body\r\n",
            "Subject: only\r\n",
            "no header\r\n",
        ] {
            let raw = Bytes::from_static(text.as_bytes());
            let parsed = Parsed::new(&raw);
            let BodyStructure::Single(part) = parsed.structure(false) else {
                panic!("{text:?}");
            };
            let header = parsed
                .section(&Section::of_message(SectionText::Header))
                .expect("one");
            let body = parsed
                .section(&Section::of_message(SectionText::Text))
                .expect("one");
            assert_eq!([&header[..], &body].concat(), text.as_bytes(), "{text:?}");
            assert_eq!(part.octets, body.len() as u64, "{text:?}");
            assert_eq!(
                get(text, &[1], None).map(String::into_bytes),
                Some(body.to_vec())
            );
        }
    }

    #[test]
    fn nothing_but_depth_is_told_in_bounds() {
        let message = "Content-Type: message/rfc822\r\n\r\n".repeat(100_000);
        let digest = "Content-Type: multipart/digest; boundary=b\r\n\r\n--b\r\n\r\n".repeat(50_000);
        let some = "Content-Type: message/rfc822\r\n\r\n".repeat(1900);
        for text in [message, digest, some] {
            let raw = Bytes::from(text);
            let structure = Parsed::new(&raw).structure(true);
            assert!(format!("{structure:?}").len() < 100_000);
        }
    }
}
