//! Lines out of a buffer that fills piece by piece.

/// Finds the ends of lines and remembers how far it has looked, so that no octet is searched
/// twice however small the pieces are in which a line arrives.
///
/// A line that is longer than the limit is never handed out, not even in part: it is discarded
/// up to its end, and then reported once. The caller removes what was found from the buffer.
#[derive(Debug)]
pub struct LineReader {
    /// Octets of the buffer that hold no line end.
    scanned: usize,
    /// Octets of an over-long line that are gone already.
    discarded: usize,
    longest: usize,
    discard: usize,
}

impl LineReader {
    /// Lines of up to `longest` octets, line end included. Of a longer line up to `discard`
    /// octets are skipped in search of its end.
    pub const fn new(longest: usize, discard: usize) -> Self {
        Self {
            scanned: 0,
            discarded: 0,
            longest,
            discard,
        }
    }

    /// Looks for the next line at the front of `buffer`.
    ///
    /// Whatever it says, the caller removes [`Found::consume`] octets from the front.
    #[inline]
    pub fn next(&mut self, buffer: &[u8]) -> Found {
        if buffer.len() == self.scanned {
            // Nothing has come since; most often there is nothing at all.
            return Found::Incomplete { consume: 0 };
        }
        if let Some(offset) = memchr::memchr(b'\n', &buffer[self.scanned..]) {
            let end = self.scanned + offset;
            self.scanned = 0;
            let consume = end + 1;
            let whole = std::mem::take(&mut self.discarded) + consume;
            if whole > self.longest {
                // The same verdict as if the line had come octet by octet.
                if whole - 1 > self.discard.max(self.longest) {
                    return Found::Endless;
                }
                return Found::TooLong { consume };
            }
            let crlf = end > 0 && buffer[end - 1] == b'\r';
            return Found::Line {
                length: end - usize::from(crlf),
                crlf,
                consume,
            };
        }
        if self.discarded + buffer.len() <= self.longest {
            self.scanned = buffer.len();
            return Found::Incomplete { consume: 0 };
        }
        // Over-long, and no end in sight: let go of it.
        self.scanned = 0;
        self.discarded += buffer.len();
        if self.discarded > self.discard.max(self.longest) {
            return Found::Endless;
        }
        Found::Incomplete {
            consume: buffer.len(),
        }
    }

    /// Whether the front of the buffer belongs to an over-long line whose beginning is gone.
    #[inline]
    pub fn is_skipping(&self) -> bool {
        self.discarded > 0
    }

    /// Whether part of a line has been seen: used to find out whether a peer was cut off.
    pub fn is_within_line(&self) -> bool {
        self.scanned + self.discarded > 0
    }
}

/// What stands at the front of the buffer.
#[must_use]
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Found {
    /// No whole line yet.
    Incomplete {
        /// Octets of an over-long line, to be removed.
        consume: usize,
    },
    /// A line: the first `length` octets, then its end.
    Line {
        /// Octets before the line end.
        length: usize,
        /// Whether it ended with CRLF; with a bare LF otherwise.
        crlf: bool,
        /// Octets with the line end, to be removed.
        consume: usize,
    },
    /// The end of a line that was too long.
    TooLong {
        /// Octets to be removed.
        consume: usize,
    },
    /// An over-long line has no end within the second bound: give up.
    Endless,
}

impl Found {
    /// How many octets to remove from the front of the buffer.
    #[inline]
    pub fn consume(&self) -> usize {
        match *self {
            Self::Incomplete { consume }
            | Self::Line { consume, .. }
            | Self::TooLong { consume } => consume,
            Self::Endless => 0,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Feeds `bytes` in pieces of `size` and collects what is found.
    fn read(bytes: &[u8], size: usize, longest: usize) -> Vec<String> {
        let mut reader = LineReader::new(longest, 1000);
        let mut buffer = Vec::new();
        let mut found = Vec::new();
        for piece in bytes.chunks(size) {
            buffer.extend_from_slice(piece);
            loop {
                let next = reader.next(&buffer);
                match next {
                    Found::Incomplete { .. } => {}
                    Found::Line { length, crlf, .. } => found.push(format!(
                        "{}{}",
                        buffer[..length].escape_ascii(),
                        if crlf { "" } else { " (bare)" }
                    )),
                    Found::TooLong { .. } => found.push("too long".into()),
                    Found::Endless => {
                        found.push("endless".into());
                        return found;
                    }
                }
                buffer.drain(..next.consume());
                if matches!(next, Found::Incomplete { .. }) {
                    break;
                }
            }
        }
        found
    }

    #[test]
    fn same_lines_whatever_the_pieces() {
        let text = b"NOOP\r\n\r\nbare\nx\rx\r\r\n12345678\r\n123456789\r\nQUIT\r\nrest";
        let expected = [
            "NOOP",
            "",
            "bare (bare)",
            "x\\rx\\r",
            "12345678",
            "too long",
            "QUIT",
        ];
        for size in 1..=text.len() {
            assert_eq!(read(text, size, 10), expected, "pieces of {size}");
        }
    }

    #[test]
    fn the_tail_of_an_over_long_line_is_not_a_line() {
        let mut text = vec![b'a'; 500];
        text.extend(b"\nNOOP\r\n");
        for size in [1, 7, 100, 600] {
            assert_eq!(read(&text, size, 512 - 100), ["too long", "NOOP"]);
        }
        assert_eq!(read(&[b'a'; 2000], 7, 100), ["endless"]);
    }

    #[test]
    fn no_octet_is_searched_twice() {
        let mut reader = LineReader::new(1 << 20, 1 << 20);
        let buffer = vec![b'a'; 1 << 16];
        for end in 1..buffer.len() {
            assert_eq!(
                reader.next(&buffer[..end]),
                Found::Incomplete { consume: 0 }
            );
            assert_eq!(reader.scanned, end);
        }
    }
}
