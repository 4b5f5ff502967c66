//! Fields of headers, as they stand.

use std::ops::Range;

use bytes::Bytes;
use imap_proto::Octets;
use memchr::memchr;

/// A header, or what stands where one should be.
pub(super) struct Header {
    octets: Bytes,
}

/// One field of a header.
pub(super) struct Field {
    /// Behind the colon, with the line end.
    value: Bytes,
}

impl Header {
    pub(super) fn new(octets: Bytes) -> Self {
        Self { octets }
    }

    /// Of a message or part that begins here: up to the empty line, which belongs to it.
    pub(super) fn length_in(octets: &[u8]) -> usize {
        let mut at = 0;
        while let Some(length) = memchr(b'\n', &octets[at..]) {
            let line = &octets[at..at + length];
            at += length + 1;
            if matches!(line, b"" | b"\r") {
                return at;
            }
        }
        octets.len()
    }

    pub(super) fn octets(&self) -> &Bytes {
        &self.octets
    }

    /// The first field of this name.
    pub(super) fn field(&self, name: &str) -> Option<Field> {
        let mut lines = self.lines();
        let found = lines.find(|(found, _)| found.eq_ignore_ascii_case(name.as_bytes()))?;
        Some(Field {
            value: self
                .octets
                .slice(found.1.start + found.0.len() + 1..found.1.end),
        })
    }

    /// The value of the first field of this name, unfolded.
    pub(super) fn value(&self, name: &str) -> Option<Octets> {
        Some(self.field(name)?.unfolded())
    }

    /// Names and places of all fields, folded lines included. Lines that are no fields are left out.
    pub(super) fn lines(&self) -> impl Iterator<Item = (&[u8], Range<usize>)> {
        let octets = &self.octets[..];
        let mut at = 0;
        std::iter::from_fn(move || {
            while at < octets.len() {
                let start = at;
                loop {
                    at = match memchr(b'\n', &octets[at..]) {
                        Some(length) => at + length + 1,
                        None => octets.len(),
                    };
                    if !matches!(octets.get(at), Some(b' ' | b'\t')) {
                        break;
                    }
                }
                let line = &octets[start..at];
                let Some(colon) = memchr(b':', line) else {
                    continue;
                };
                // Some put a space before the colon.
                let name = line[..colon].trim_ascii_end();
                if !name.is_empty() && name.iter().all(u8::is_ascii_graphic) {
                    return Some((&line[..colon], start..at));
                }
            }
            None
        })
    }
}

impl Field {
    pub(super) fn octets(&self) -> &Bytes {
        &self.value
    }

    /// Without line ends, and without spaces around it. NUL, which no string can hold, is left out.
    pub(super) fn unfolded(&self) -> Octets {
        let trimmed = self.value.trim_ascii();
        if trimmed
            .iter()
            .all(|octet| !matches!(octet, b'\r' | b'\n' | 0))
        {
            return self.value.slice_ref(trimmed).into();
        }
        let kept = trimmed
            .iter()
            .filter(|octet| !matches!(octet, b'\r' | b'\n' | 0));
        kept.copied().collect::<Vec<u8>>().into()
    }
}

/// How many lines there are that begin a `Content-Type`.
pub(super) fn count_content_types(octets: &[u8]) -> usize {
    const NAME: &[u8] = b"content-type";
    let begins = |line: &[u8]| {
        line.get(..NAME.len())
            .is_some_and(|name| name.eq_ignore_ascii_case(NAME))
    };
    let behind = memchr::memchr_iter(b'\n', octets).filter(|at| begins(&octets[at + 1..]));
    behind.count() + usize::from(begins(octets))
}
