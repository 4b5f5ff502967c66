//! The fields in which an mbox keeps what is known of a message: flags, keywords, number.

use crate::Flags;
use crate::limits;

/// What the header of a message says about it in an mbox.
///
/// `Status` has the flags `R` and `O`, `X-Status` `A`, `F`, `T` and `D`, `X-Keywords` words,
/// and `X-UID` the number. The first message also has `X-IMAPbase`: the UIDVALIDITY, the last
/// number that was given, and all keywords; in a message that is not one but only holds this
/// for c-client, the field is called `X-IMAP`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Status {
    pub(super) flags: Flags,
    /// Letters of `Status` and of `X-Status` that have no meaning here, kept as they are.
    others: [Vec<u8>; 2],
    pub(super) keywords: Vec<Vec<u8>>,
    pub(super) uid: Option<u32>,
    pub(super) base: Option<Base>,
    /// The message is none: it holds the data of the mailbox.
    pub(super) is_internal: bool,
}

/// What the first message says about all.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Base {
    pub(super) validity: u32,
    pub(super) last: u32,
    pub(super) keywords: Vec<Vec<u8>>,
}

impl Status {
    /// Reads a header. Of several fields of a kind the first counts.
    pub(super) fn parse(header: &[u8]) -> Self {
        let mut status = Self::default();
        let mut seen = [false; FIELDS.len()];
        for field in fields(header) {
            let Some(kind) = field.kind else { continue };
            if std::mem::replace(&mut seen[kind], true) {
                continue;
            }
            let value = field.value();
            match kind {
                STATUS | X_STATUS => status.letters(kind, value),
                X_KEYWORDS => status.keywords = words(value).collect(),
                X_UID => status.uid = number(value.trim_ascii()),
                _ => {
                    status.base = Base::parse(value);
                    status.is_internal = kind == X_IMAP && status.base.is_some();
                }
            }
        }
        status
    }

    /// A header with these fields and no others of their kinds, else as it was.
    pub(super) fn write(&self, header: &[u8]) -> Vec<u8> {
        let mut written = Vec::with_capacity(header.len() + 128);
        let mut end: &[u8] = b"";
        for field in fields(header) {
            match field.kind {
                Some(_) => {}
                None if matches!(field.lines, b"\n" | b"\r\n") => end = field.lines,
                None => written.extend_from_slice(field.lines),
            }
        }
        let line_end: &[u8] = match end.starts_with(b"\r") || written.ends_with(b"\r\n") {
            true => b"\r\n",
            false => b"\n",
        };
        if !written.is_empty() && !written.ends_with(b"\n") {
            written.extend_from_slice(line_end);
        }
        for (kind, value) in self.values() {
            for part in [FIELDS[kind], b": ", &value, line_end] {
                written.extend_from_slice(part);
            }
        }
        written.extend_from_slice(end);
        written
    }

    /// The fields that have something to say, in the order in which Dovecot writes them.
    fn values(&self) -> impl Iterator<Item = (usize, Vec<u8>)> {
        let base = self.base.as_ref().map(Base::to_bytes);
        let base_kind = if self.is_internal { X_IMAP } else { X_IMAPBASE };
        let uid = self.uid.map(|uid| uid.to_string().into_bytes());
        let letters = |kind| Some(self.printed(kind)).filter(|letters| !letters.is_empty());
        let keywords = Some(self.keywords.join(&b' ')).filter(|words| !words.is_empty());
        [
            (base_kind, base),
            (X_UID, uid),
            (STATUS, letters(STATUS)),
            (X_STATUS, letters(X_STATUS)),
            (X_KEYWORDS, keywords),
        ]
        .into_iter()
        .filter_map(|(kind, value)| Some((kind, value?)))
    }

    fn letters(&mut self, kind: usize, value: &[u8]) {
        for letter in value.iter().filter(|byte| byte.is_ascii_graphic()) {
            match LETTERS
                .iter()
                .find(|(field, known, _)| (*field, *known) == (kind, *letter))
            {
                Some((_, _, flag)) => self.flags |= *flag,
                None if self.others[kind].contains(letter) => {}
                None => self.others[kind].push(*letter),
            }
        }
    }

    fn printed(&self, kind: usize) -> Vec<u8> {
        let known = LETTERS
            .iter()
            .filter(|(field, _, flag)| *field == kind && self.flags.contains(*flag))
            .map(|(_, letter, _)| *letter);
        known.chain(self.others[kind].iter().copied()).collect()
    }
}

/// The fields of a message that comes with flags and keywords.
pub(crate) fn fields_of(flags: Flags, keywords: &[Vec<u8>]) -> Vec<u8> {
    let status = Status {
        flags,
        keywords: keywords.to_vec(),
        ..Status::default()
    };
    status.write(b"")
}

/// The flags and keywords in a header.
pub(crate) fn read_fields(header: &[u8]) -> (Flags, Vec<Vec<u8>>) {
    let status = Status::parse(header);
    (status.flags, status.keywords)
}

/// Those that can be words of a line.
pub(super) fn words_of<'a>(words: impl IntoIterator<Item = &'a [u8]>) -> Vec<Vec<u8>> {
    let is_word = |word: &&[u8]| {
        let is_graphic = |byte: &u8| *byte > b' ' && *byte != 0x7f;
        (1..=limits::KEYWORD).contains(&word.len()) && word.iter().all(is_graphic)
    };
    words
        .into_iter()
        .filter(is_word)
        .map(<[u8]>::to_vec)
        .collect()
}

impl Base {
    fn parse(value: &[u8]) -> Option<Self> {
        let mut words = words(value);
        let validity = number(&words.next()?).filter(|validity| *validity > 0)?;
        let last = number(&words.next()?).filter(|last| *last <= limits::BELIEVED_UID)?;
        Some(Self {
            validity,
            last,
            keywords: words.collect(),
        })
    }

    fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = format!("{} {:010}", self.validity, self.last).into_bytes();
        for keyword in &self.keywords {
            bytes.push(b' ');
            bytes.extend_from_slice(keyword);
        }
        bytes
    }
}

/// A field of a header with its continuations; or a line that is none.
struct Field<'a> {
    lines: &'a [u8],
    /// Which of [`FIELDS`] it is.
    kind: Option<usize>,
}

impl<'a> Field<'a> {
    fn value(&self) -> &'a [u8] {
        let colon = memchr::memchr(b':', self.lines).map_or(self.lines.len(), |at| at + 1);
        self.lines[colon..].trim_ascii()
    }
}

fn fields(header: &[u8]) -> impl Iterator<Item = Field<'_>> {
    let mut rest = header;
    std::iter::from_fn(move || {
        if rest.is_empty() {
            return None;
        }
        let mut length = line_length(rest);
        if !matches!(&rest[..length], b"\n" | b"\r\n") {
            while matches!(rest.get(length), Some(b' ' | b'\t')) {
                length += line_length(&rest[length..]);
            }
        }
        let (lines, behind) = rest.split_at(length);
        rest = behind;
        let name = memchr::memchr(b':', lines).map(|colon| lines[..colon].trim_ascii_end());
        let is_it = |field: &&[u8]| name.is_some_and(|name| name.eq_ignore_ascii_case(field));
        let kind = FIELDS.iter().position(is_it);
        Some(Field { lines, kind })
    })
}

fn line_length(text: &[u8]) -> usize {
    memchr::memchr(b'\n', text).map_or(text.len(), |at| at + 1)
}

fn words(value: &[u8]) -> impl Iterator<Item = Vec<u8>> {
    let words = value.split(u8::is_ascii_whitespace);
    let is_word = |word: &&[u8]| !word.is_empty() && word.len() <= limits::KEYWORD;
    words.filter(is_word).map(<[u8]>::to_vec)
}

fn number(digits: &[u8]) -> Option<u32> {
    let is_number = digits.iter().all(u8::is_ascii_digit);
    is_number.then(|| std::str::from_utf8(digits).ok()?.parse().ok())?
}

const STATUS: usize = 0;
const X_STATUS: usize = 1;
const X_KEYWORDS: usize = 2;
const X_UID: usize = 3;
const X_IMAPBASE: usize = 4;
const X_IMAP: usize = 5;

const FIELDS: [&[u8]; 6] = [
    b"Status",
    b"X-Status",
    b"X-Keywords",
    b"X-UID",
    b"X-IMAPbase",
    b"X-IMAP",
];

const LETTERS: [(usize, u8, Flags); 6] = [
    (STATUS, b'R', Flags::SEEN),
    (STATUS, b'O', Flags::OLD),
    (X_STATUS, b'A', Flags::ANSWERED),
    (X_STATUS, b'F', Flags::FLAGGED),
    (X_STATUS, b'T', Flags::DRAFT),
    (X_STATUS, b'D', Flags::DELETED),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_are_read_as_they_are_written() {
        let table = [
            ("A: b\n\n", "A: b\n\n"),
            ("Status: RO\nA: b\n\n", "A: b\nStatus: RO\n\n"),
            (
                "status : OR\r\nA: b\r\n c\r\n\r\n",
                "A: b\r\n c\r\nStatus: RO\r\n\r\n",
            ),
            (
                "Status: RX\nX-Status: FA9\n\n",
                "Status: RX\nX-Status: AF9\n\n",
            ),
            ("X-UID: 12\nX-UID: 13\n\n", "X-UID: 12\n\n"),
            ("X-Keywords: b  a\n c \n\n", "X-Keywords: b a c\n\n"),
            (
                "X-IMAPbase: 1700000000 5 k1 k2   \nA: b\n\n",
                "A: b\nX-IMAPbase: 1700000000 0000000005 k1 k2\n\n",
            ),
            ("X-IMAP: 7 5\n\n", "X-IMAP: 7 0000000005\n\n"),
            ("X-IMAPbase: 5 4000000000\n\n", "\n"),
            ("X-IMAPbase: 0 5\nX-UID: -1\nStatus:\n\n", "\n"),
            ("A: b", "A: b"),
            ("no field\nStatus: R\n", "no field\nStatus: R\n"),
            ("", ""),
        ];
        for (header, written) in table {
            let status = Status::parse(header.as_bytes());
            let bytes = status.write(header.as_bytes());
            let written = match header {
                "A: b" => "A: b\n",
                _ => written,
            };
            assert_eq!(
                String::from_utf8(bytes.clone()).unwrap(),
                written,
                "{header:?}"
            );
            assert_eq!(Status::parse(&bytes), status, "{header:?}");
            assert_eq!(status.write(&bytes), bytes, "{header:?}");
        }
    }

    #[test]
    fn every_flag_has_its_letter() {
        for bits in 0..=Flags::all().bits() {
            let flags = Flags::from_bits_truncate(bits) - Flags::FORWARDED;
            let status = Status {
                flags,
                ..Status::default()
            };
            let header = status.write(b"A: b\n\n");
            assert_eq!(Status::parse(&header), status);
        }
    }
}
