//! A recording as lines.

/// The same with CRLF at each line's end, if all lines end with LF alone.
pub(crate) fn with_crlf(octets: Vec<u8>) -> Vec<u8> {
    if octets.windows(2).any(|two| two == b"\r\n") {
        return octets;
    }
    let mut lines = Vec::with_capacity(octets.len() + octets.len() / 16);
    for octet in octets {
        if octet == b'\n' {
            lines.push(b'\r');
        }
        lines.push(octet);
    }
    lines
}

/// Lines with their numbers, and octets that are none.
pub(crate) struct Lines<'a> {
    rest: &'a [u8],
    number: usize,
}

impl<'a> Lines<'a> {
    pub(crate) fn new(octets: &'a [u8]) -> Self {
        Self {
            rest: octets,
            number: 1,
        }
    }

    /// The next line without its end, and its number.
    pub(crate) fn next(&mut self) -> Option<(usize, &'a [u8])> {
        if self.rest.is_empty() {
            return None;
        }
        let number = self.number;
        let end = self.rest.iter().position(|octet| *octet == b'\n');
        let (line, rest) = match end {
            Some(end) => (&self.rest[..end], &self.rest[end + 1..]),
            None => (self.rest, &[][..]),
        };
        self.rest = rest;
        self.number += 1;
        Some((number, line.strip_suffix(b"\r").unwrap_or(line)))
    }

    /// The next line, which stays.
    pub(crate) fn peek(&self) -> Option<&'a [u8]> {
        let mut ahead = Self { ..*self };
        ahead.next().map(|(_, line)| line)
    }

    /// So many octets, or as many as there are.
    pub(crate) fn take(&mut self, count: u64) -> &'a [u8] {
        let count = self
            .rest
            .len()
            .min(usize::try_from(count).unwrap_or(usize::MAX));
        let (octets, rest) = self.rest.split_at(count);
        self.number += octets.iter().filter(|octet| **octet == b'\n').count();
        self.rest = rest;
        octets
    }

    /// Lines up to a full stop alone: how many there are, and how many octets. `None` if it is missing.
    pub(crate) fn until_dot(&mut self) -> Option<(usize, usize)> {
        let (mut lines, mut octets) = (0, 0);
        while let Some((_, line)) = self.next() {
            if line == b"." {
                return Some((lines, octets));
            }
            lines += 1;
            octets += line.strip_prefix(b".").unwrap_or(line).len() + 2;
        }
        None
    }
}
