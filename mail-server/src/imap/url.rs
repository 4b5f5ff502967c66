//! URLs that name messages, for CATENATE (RFC 4469 section 3, RFC 5092).
//!
//! They are relative: `/Drafts;UIDVALIDITY=385759045/;UID=20/;SECTION=1.2`, or `;UID=20` in the folder that is
//! selected. Such as name a server are not followed, not even to ourselves.

use std::num::{NonZeroU32, NonZeroU64};

use imap_proto::{MailboxName, Octets, Partial, Section, SectionText};

/// A message, or a part of one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct MessageUrl {
    /// The folder that is selected, if none is named.
    pub(super) mailbox: Option<MailboxName>,
    pub(super) uid_validity: Option<NonZeroU32>,
    pub(super) uid: NonZeroU32,
    pub(super) section: Section,
    pub(super) partial: Option<Partial>,
}

impl MessageUrl {
    /// Reads a URL; `None` if it names no message, or one of another server.
    pub(super) fn parse(url: &[u8]) -> Option<Self> {
        let url = std::str::from_utf8(url).ok()?;
        if url.starts_with("//") {
            return None;
        }
        let (folder, rest) = match strip(url, ";UID=") {
            Some(_) => (None, url),
            None => {
                let path = url.strip_prefix('/')?;
                let at = find(path, "/;UID=")?;
                (Some(&path[..at]), &path[at + 1..])
            }
        };
        let (mut mailbox, mut uid_validity) = (None, None);
        if let Some(folder) = folder {
            let name = match find(folder, ";UIDVALIDITY=") {
                Some(at) => {
                    uid_validity = Some(strip(&folder[at..], ";UIDVALIDITY=")?.parse().ok()?);
                    &folder[..at]
                }
                None => folder,
            };
            mailbox = Some(MailboxName::new(&decode(name)?).ok()?);
        }
        let mut pieces = rest.split("/;");
        let uid = strip(pieces.next()?, ";UID=")?.parse().ok()?;
        let (mut section, mut part) = (Section::whole(), None);
        for piece in pieces {
            if let Some(text) = strip(piece, "SECTION=") {
                section = read_section(&decode(text)?)?;
            } else {
                part = Some(partial(strip(piece, "PARTIAL=")?)?);
            }
        }
        Some(Self {
            mailbox,
            uid_validity,
            uid,
            section,
            partial: part,
        })
    }
}

/// `1.2.MIME`, `HEADER.FIELDS (TO CC)`
fn read_section(text: &str) -> Option<Section> {
    let mut part: Vec<NonZeroU32> = Vec::new();
    let mut rest = text;
    while rest.starts_with(|first: char| first.is_ascii_digit()) {
        let (number, behind) = rest.split_once('.').unwrap_or((rest, ""));
        part.push(number.parse().ok()?);
        rest = behind;
    }
    let upper = rest.to_ascii_uppercase();
    let text = match &upper[..] {
        "" if part.is_empty() => return None,
        "" => None,
        "HEADER" => Some(SectionText::Header),
        "TEXT" => Some(SectionText::Text),
        "MIME" if !part.is_empty() => Some(SectionText::Mime),
        _ => Some(fields(rest)?),
    };
    Some(match (part.is_empty(), text) {
        (true, text) => Section::of_message(text?),
        (false, text) => Section::of_part(part, text),
    })
}

fn fields(text: &str) -> Option<SectionText> {
    let (kind, names) = text.split_once(' ')?;
    let names = names.strip_prefix('(')?.strip_suffix(')')?;
    let names: Vec<Octets> = names.split(' ').map(Octets::from).collect();
    match kind.to_ascii_uppercase().as_str() {
        "HEADER.FIELDS" => Some(SectionText::HeaderFields(names)),
        "HEADER.FIELDS.NOT" => Some(SectionText::HeaderFieldsNot(names)),
        _ => None,
    }
}

/// `0.1024`, or `100` for all from there on.
fn partial(text: &str) -> Option<Partial> {
    let (offset, count) = match text.split_once('.') {
        Some((offset, count)) => (offset, count.parse().ok()?),
        None => (text, NonZeroU64::new(i64::MAX as u64)?),
    };
    Partial::new(offset.parse().ok()?, count).ok()
}

/// Without the escapes.
fn decode(text: &str) -> Option<String> {
    let mut octets = text.bytes();
    let mut decoded = Vec::with_capacity(text.len());
    while let Some(octet) = octets.next() {
        if octet != b'%' {
            decoded.push(octet);
            continue;
        }
        let (high, low) = (octets.next()?, octets.next()?);
        let digit = |octet: u8| char::from(octet).to_digit(16);
        decoded.push(u8::try_from(digit(high)? * 16 + digit(low)?).ok()?);
    }
    String::from_utf8(decoded).ok()
}

/// What is behind this word, in any case.
fn strip<'a>(text: &'a str, word: &str) -> Option<&'a str> {
    let start = text.get(..word.len())?;
    start
        .eq_ignore_ascii_case(word)
        .then(|| &text[word.len()..])
}

/// Where this word stands, in any case.
fn find(text: &str, word: &str) -> Option<usize> {
    text.to_ascii_uppercase().find(word)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_have_urls() {
        for (url, folder, validity, uid, section, partial) in [
            ("/INBOX/;UID=20", Some("INBOX"), 0, 20, "", None),
            (
                "/Drafts;UIDVALIDITY=385759045/;UID=20/;section=HEADER",
                Some("Drafts"),
                385_759_045,
                20,
                "HEADER",
                None,
            ),
            (";uid=7/;SECTION=1.2.mime", None, 0, 7, "1.2.MIME", None),
            (
                "/a/b%C3%A4/;UID=1/;SECTION=2/;PARTIAL=3.4",
                Some("a/bä"),
                0,
                1,
                "2",
                Some((3, 4)),
            ),
            (
                "/x/;UID=1/;SECTION=HEADER.FIELDS%20(TO%20CC)/;PARTIAL=5",
                Some("x"),
                0,
                1,
                "HEADER.FIELDS (TO CC)",
                Some((5, i64::MAX as u64)),
            ),
        ] {
            let found = MessageUrl::parse(url.as_bytes()).expect(url);
            let name = found.mailbox.map(|name| name.to_text().into_owned());
            assert_eq!(name.as_deref(), folder, "{url}");
            assert_eq!(found.uid_validity.map_or(0, NonZeroU32::get), validity);
            assert_eq!(found.uid.get(), uid, "{url}");
            let expected = match section {
                "" => Some(Section::whole()),
                section => read_section(section),
            };
            assert_eq!(Some(found.section), expected, "{url}");
            let range = found.partial.map(|part| (part.offset, part.count.get()));
            assert_eq!(range, partial, "{url}");
        }
    }

    #[test]
    fn sections_are_those_of_fetch() {
        let part = |numbers: &[u32]| {
            let numbers = numbers.iter().map(|number| NonZeroU32::new(*number));
            numbers.collect::<Option<Vec<_>>>().expect("not 0")
        };
        let names = vec!["TO".into(), "CC".into()];
        for (text, section) in [
            ("text", Section::of_message(SectionText::Text)),
            ("1", Section::of_part(part(&[1]), None)),
            (
                "1.2.MIME",
                Section::of_part(part(&[1, 2]), Some(SectionText::Mime)),
            ),
            (
                "3.header",
                Section::of_part(part(&[3]), Some(SectionText::Header)),
            ),
            (
                "HEADER.FIELDS (TO CC)",
                Section::of_message(SectionText::HeaderFields(names)),
            ),
        ] {
            assert_eq!(read_section(text), Some(section), "{text}");
        }
    }

    #[test]
    fn what_names_no_message_here_is_none() {
        for url in [
            "",
            "/INBOX",
            "/INBOX/20",
            "/INBOX/;UID=0",
            "/INBOX/;UID=x",
            "//host/INBOX/;UID=1",
            "imap://alice@host/INBOX/;UID=1",
            "/INBOX/;UID=1/;SECTION=",
            "/INBOX/;UID=1/;SECTION=0",
            "/INBOX/;UID=1/;SECTION=MIME",
            "/INBOX/;UID=1/;SECTION=1.BODY",
            "/INBOX/;UID=1/;PARTIAL=1.0",
            "/INBOX/;UID=1/;URLAUTH=anonymous",
            "/%f/;UID=1",
            "/%ff/;UID=1",
            "/INBOX;UIDVALIDITY=0/;UID=1",
            "/ä;UID=",
        ] {
            assert_eq!(MessageUrl::parse(url.as_bytes()), None, "{url}");
        }
    }
}
