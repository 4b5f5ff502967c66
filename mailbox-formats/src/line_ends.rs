//! Line ends between SMTP, which has CRLF, and mail files, which have LF.

use memchr::{memchr, memchr_iter, memmem};

/// How the lines of a stored message end.
///
/// The list is complete: nobody stores mail with other line ends.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum LineEnds {
    /// CRLF becomes LF, as local mail readers expect. Any other CR stays.
    #[default]
    Lf,
    /// Every byte stays as it came.
    Keep,
}

/// Turns CRLF into LF, chunk by chunk.
///
/// The chunks may split a message anywhere, between CR and LF too: the output is the same.
///
/// ```
/// use mailbox_formats::{LineEnds, LineFilter};
///
/// let mut filter = LineFilter::new(LineEnds::Lf);
/// let mut stored = Vec::new();
/// filter.push(b"one\r", |bytes| stored.extend_from_slice(bytes));
/// filter.push(b"\ntwo\rthree", |bytes| stored.extend_from_slice(bytes));
/// filter.finish(|bytes| stored.extend_from_slice(bytes));
/// assert_eq!(stored, b"one\ntwo\rthree");
/// ```
#[derive(Clone, Debug)]
pub struct LineFilter {
    ends: LineEnds,
    /// A CR ended the last chunk: it is known later whether a LF follows.
    held_cr: bool,
}

impl LineFilter {
    /// A filter at the start of a message.
    #[must_use]
    pub fn new(ends: LineEnds) -> Self {
        Self {
            ends,
            held_cr: false,
        }
    }

    /// Takes the next chunk and gives what it becomes, in slices of the chunk.
    pub fn push(&mut self, chunk: &[u8], mut out: impl FnMut(&[u8])) {
        if self.ends == LineEnds::Keep || chunk.is_empty() {
            return out(chunk);
        }
        if std::mem::take(&mut self.held_cr) && chunk[0] != b'\n' {
            out(b"\r");
        }
        // `rest` starts with what is not yet given; `from` skips the CRs that stay.
        let (mut rest, mut from) = (chunk, 0);
        while let Some(cr) = memchr(b'\r', &rest[from..]).map(|at| from + at) {
            match rest.get(cr + 1) {
                Some(b'\n') => {
                    out(&rest[..cr]);
                    (rest, from) = (&rest[cr + 1..], 1);
                }
                Some(_) => from = cr + 1,
                None => {
                    self.held_cr = true;
                    rest = &rest[..cr];
                    break;
                }
            }
        }
        out(rest);
    }

    /// Ends the message, and gives the CR that was held back, if any.
    pub fn finish(self, mut out: impl FnMut(&[u8])) {
        if self.held_cr {
            out(b"\r");
        }
    }
}

/// Counts a stored message as it would be with CRLF line ends, as POP3 and IMAP give it.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct SizeCounter {
    stored: u64,
    bare_lf: u64,
    last_is_cr: bool,
}

impl SizeCounter {
    pub(crate) fn push(&mut self, bytes: &[u8]) {
        let Some((first, last)) = bytes.first().zip(bytes.last()) else {
            return;
        };
        let pairs = memmem::find_iter(bytes, b"\r\n").count();
        let split_pair = usize::from(self.last_is_cr && *first == b'\n');
        let lines = memchr_iter(b'\n', bytes).count();
        self.bare_lf += (lines - pairs - split_pair) as u64;
        self.stored += bytes.len() as u64;
        self.last_is_cr = *last == b'\r';
    }

    /// Bytes as stored.
    pub(crate) fn stored(&self) -> u64 {
        self.stored
    }

    /// Bytes with a CR before every LF.
    pub(crate) fn wire(&self) -> u64 {
        self.stored + self.bare_lf
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Input, stored with LF, and the CRLF size of what is stored.
    const TABLE: &[(&[u8], &[u8], u64)] = &[
        (b"", b"", 0),
        (b"a\r\nb\r\n", b"a\nb\n", 6),
        (b"a\nb\n", b"a\nb\n", 6),
        (b"\r\n\r\n", b"\n\n", 4),
        (b"a\rb", b"a\rb", 3),
        (b"a\r", b"a\r", 2),
        (b"\r\r\r", b"\r\r\r", 3),
        (b"\n\r\r\n", b"\n\r\n", 4),
        (b"a\r\rb\r\n", b"a\r\rb\n", 6),
    ];

    fn filtered(ends: LineEnds, chunks: &[&[u8]]) -> Vec<u8> {
        let mut out = Vec::new();
        let mut filter = LineFilter::new(ends);
        for chunk in chunks {
            filter.push(chunk, |bytes| out.extend_from_slice(bytes));
        }
        filter.finish(|bytes| out.extend_from_slice(bytes));
        out
    }

    #[test]
    fn crlf_becomes_lf_at_every_split() {
        for (input, stored, wire) in TABLE {
            for first in 0..=input.len() {
                for second in first..=input.len() {
                    let chunks = [&input[..first], &input[first..second], &input[second..]];
                    assert_eq!(&filtered(LineEnds::Lf, &chunks), stored, "{input:?}");
                    assert_eq!(&filtered(LineEnds::Keep, &chunks), input);
                }
            }
            for split in 0..=stored.len() {
                let mut size = SizeCounter::default();
                size.push(&stored[..split]);
                size.push(&stored[split..]);
                assert_eq!((size.stored(), size.wire()), (stored.len() as u64, *wire));
            }
        }
    }
}
