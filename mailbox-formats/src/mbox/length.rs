//! The `Content-Length` of a message while its header goes by.

use memchr::memchr;

use crate::limits;

/// Looks for `Content-Length` in the header of one message.
///
/// A length is data from strangers: it counts only if it is one plain number, and the
/// scanner believes it only if a separator or the end of the file is where it leads to.
#[derive(Clone, Debug)]
pub(super) struct LengthSearch {
    start: u64,
    /// Where the next line starts that has not been looked at.
    at: u64,
    /// The line at `at` is the rest of a line too long to be of interest.
    is_rest: bool,
    length: Option<u64>,
}

/// What a search has come to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Found {
    /// The header goes on.
    Open,
    /// The header is over, and the body ends here if its length is right.
    End(u64),
    /// There is no length that could be believed.
    Nothing,
}

impl LengthSearch {
    /// A search in the header that starts at an offset.
    pub(super) fn new(start: u64) -> Self {
        Self {
            start,
            at: start,
            is_rest: false,
            length: None,
        }
    }

    /// From where on bytes are still needed.
    pub(super) fn at(&self) -> u64 {
        self.at
    }

    /// Looks at the bytes at `offset`, which cover what is needed, up to `end`.
    pub(super) fn search(&mut self, bytes: &[u8], offset: u64, end: u64) -> Found {
        let end = (end - offset) as usize;
        while (self.at - offset) < end as u64 {
            let rest = &bytes[(self.at - offset) as usize..end];
            let length = memchr(b'\n', rest).map(|at| at + 1);
            // A longer line is none of those that are looked for, wherever it is cut.
            let is_long = length.unwrap_or(rest.len()) > limits::HEADER_START;
            if length.is_none() && !is_long {
                break;
            }
            let length = length.unwrap_or(rest.len());
            self.at += length as u64;
            if self.at - self.start > limits::HEADER {
                return Found::Nothing;
            }
            let (line, is_whole) = (&rest[..length], rest[length - 1] == b'\n');
            if std::mem::replace(&mut self.is_rest, !is_whole) || is_long {
                continue;
            }
            let line = line.trim_ascii_end();
            if line.is_empty() {
                let body = |length| self.at.checked_add(length);
                return self
                    .length
                    .and_then(body)
                    .map_or(Found::Nothing, Found::End);
            }
            if let Some(value) = value(line) {
                match (number(value), self.length) {
                    (Some(length), None) => self.length = Some(length),
                    (Some(length), Some(first)) if length == first => {}
                    _ => return Found::Nothing,
                }
            }
        }
        Found::Open
    }
}

/// What stands behind the colon if the line is a `Content-Length`.
fn value(line: &[u8]) -> Option<&[u8]> {
    let (name, value) = line.split_at_checked(NAME.len())?;
    let value = value.trim_ascii_start().strip_prefix(b":")?;
    name.eq_ignore_ascii_case(NAME).then(|| value.trim_ascii())
}

fn number(digits: &[u8]) -> Option<u64> {
    let is_number = digits.iter().all(u8::is_ascii_digit);
    is_number.then(|| std::str::from_utf8(digits).ok()?.parse().ok())?
}

const NAME: &[u8] = b"Content-Length";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_plain_number_counts() {
        let end = |at: u64| Found::End(100 + at);
        let table = [
            ("Content-Length: 5\n\n", end(24)),
            ("A: b\r\ncontent-LENGTH :\t7 \r\n\r\n", end(36)),
            ("Content-Length: 5\nContent-Length: 5\n\n", end(42)),
            ("Content-Length: 5\nContent-Length: 6\n\n", Found::Nothing),
            ("Content-Length: -5\n\n", Found::Nothing),
            ("Content-Length: 5x\n\n", Found::Nothing),
            ("Content-Length:\n 5\n\n", Found::Nothing),
            ("Content-Length: 99999999999999999999\n\n", Found::Nothing),
            ("Content-Length: 18446744073709551615\n\n", Found::Nothing),
            ("X-Content-Length: 5\n\n", Found::Nothing),
            (" Content-Length: 5\n\n", Found::Nothing),
            ("\n", Found::Nothing),
            ("Content-Length: 5\n", Found::Open),
        ];
        for (header, expected) in table {
            for first in 0..=header.len() {
                let mut search = LengthSearch::new(100);
                let all = header.as_bytes();
                let mut found = search.search(&all[..first], 100, 100 + first as u64);
                if found == Found::Open {
                    found = search.search(all, 100, 100 + all.len() as u64);
                }
                assert_eq!(found, expected, "{header:?} at {first}");
            }
        }
    }

    #[test]
    fn a_header_without_end_is_given_up() {
        let mut search = LengthSearch::new(0);
        let header = vec![b'x'; limits::HEADER as usize + 1];
        assert_eq!(
            search.search(&header, 0, header.len() as u64),
            Found::Nothing
        );
    }
}
