//! Writes a message in the way that each kind of mbox asks for, chunk by chunk.

use memchr::{memchr, memchr2, memmem, memrchr};

use crate::limits;
use crate::line_ends::{LineEnds, LineFilter};
use crate::mbox::FromLine;

/// The four kinds of mbox: what keeps a line of the body that begins `From ` from being
/// taken for the start of the next message.
///
/// The list is complete: no fifth kind is in use.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Variant {
    /// `>` before every `>*From `: can be undone exactly, so it is the default.
    #[default]
    Mboxrd,
    /// `>` before every `From `, as Postfix and procmail write: cannot be undone, since a
    /// line that had the `>` already looks the same.
    Mboxo,
    /// As [`Mboxo`](Self::Mboxo), and a `Content-Length` field says how long the body is.
    Mboxcl,
    /// A `Content-Length` field, and the body as it is: what Dovecot writes.
    Mboxcl2,
}

impl Variant {
    /// Whether the length of the body is written into the header.
    #[must_use]
    pub fn has_length(self) -> bool {
        matches!(self, Self::Mboxcl | Self::Mboxcl2)
    }
}

/// Turns a message into what stands between two `From_` lines of an mbox.
///
/// Lines end with LF; the last one is ended if it is not. Left out of the header are
/// fields by which a stranger could rule the reader's mailbox (`Status`, `X-Status`,
/// `X-Keywords`, `X-UID`, `X-IMAP`, `X-IMAPbase`, `Content-Length`) and `From_` lines. The
/// header ends at the first empty line; or before the first line that cannot be in a header,
/// and then an empty line is put there, since some readers would go on to look for fields.
///
/// The output comes in two parts, as [`Layout`] tells, since `Content-Length` belongs
/// between them and is known at the end alone.
///
/// ```
/// use mailbox_formats::mbox::{Encoder, Variant};
///
/// let mut written = Vec::new();
/// let mut encoder = Encoder::new(Variant::Mboxrd);
/// encoder.push(b"Subject: x\r\nStatus: RO\r\n\r\nFro", |part| written.extend_from_slice(part));
/// encoder.push(b"m here\r\n>From there", |part| written.extend_from_slice(part));
/// encoder.finish(|part| written.extend_from_slice(part));
/// assert_eq!(written, b"Subject: x\n\n>From here\n>>From there\n");
/// ```
#[derive(Clone, Debug)]
pub struct Encoder {
    variant: Variant,
    lines: LineFilter,
    /// A chunk with its line ends made LF.
    scratch: Vec<u8>,
    state: State,
    /// The start of a header line, until it is long enough to tell what it is.
    held: Vec<u8>,
    /// The last line was a field that is written, so its continuation is written as well.
    keeps: bool,
    /// The message has had a field, so that a continuation may follow.
    has_field: bool,
    /// The last byte that came in ended a line.
    is_line_end: bool,
    finder: memmem::Finder<'static>,
    layout: Layout,
}

/// How long the two parts of an encoded message are.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Layout {
    /// Bytes of the header, with the empty line behind it unless the variant has a length:
    /// then whoever writes the mbox puts [`Layout::length_field`] there.
    pub header: u64,
    /// How many of them are the empty line: none if the variant has a length, or the message
    /// no body.
    pub empty_line: u64,
    /// Bytes of the body as written.
    pub body: u64,
}

impl Layout {
    /// The `Content-Length` field, and the empty line that ends the header.
    #[must_use]
    pub fn length_field(&self) -> String {
        format!("Content-Length: {}\n\n", self.body)
    }
}

/// Where in a message the next byte is.
///
/// ```text
///   HeaderStart <--> HeaderLine        (until the line is understood; its rest)
///        | empty line, or no field
///        v
///     BodyStart <--> BodyLine          (the line is `>*` so far, then `F`, `Fr`, ..; its rest)
/// ```
#[derive(Clone, Copy, Debug)]
enum State {
    HeaderStart,
    HeaderLine,
    /// How many bytes of `From ` have come at the start of a line; they wait.
    BodyStart(usize),
    BodyLine,
}

/// What a line in the header turns out to be.
enum Line {
    Unknown,
    Kept,
    Dropped,
    Empty,
    NotHeader,
}

impl Encoder {
    /// An encoder at the start of a message.
    #[must_use]
    pub fn new(variant: Variant) -> Self {
        Self {
            variant,
            lines: LineFilter::new(LineEnds::Lf),
            scratch: Vec::new(),
            state: State::HeaderStart,
            held: Vec::new(),
            keeps: false,
            has_field: false,
            is_line_end: true,
            finder: memmem::Finder::new(FROM),
            layout: Layout::default(),
        }
    }

    /// Takes the next chunk and gives what it becomes.
    pub fn push(&mut self, chunk: &[u8], mut out: impl FnMut(&[u8])) {
        for chunk in chunk.chunks(limits::WRITE_BUFFER) {
            let mut scratch = std::mem::take(&mut self.scratch);
            self.lines
                .push(chunk, |bytes| scratch.extend_from_slice(bytes));
            self.encode(&scratch, &mut out);
            scratch.clear();
            self.scratch = scratch;
        }
    }

    /// Ends the message.
    pub fn finish(mut self, mut out: impl FnMut(&[u8])) -> Layout {
        let mut rest = Vec::new();
        self.lines
            .clone()
            .finish(|bytes| rest.extend_from_slice(bytes));
        self.encode(&rest, &mut out);
        if !self.is_line_end {
            self.encode(b"\n", &mut out);
        }
        self.layout
    }

    fn encode(&mut self, bytes: &[u8], out: &mut impl FnMut(&[u8])) {
        if let Some(last) = bytes.last() {
            self.is_line_end = *last == b'\n';
        }
        self.advance(bytes, out);
    }

    fn advance(&mut self, mut bytes: &[u8], out: &mut impl FnMut(&[u8])) {
        while !bytes.is_empty() {
            bytes = match self.state {
                State::HeaderStart => self.header_start(bytes, out),
                State::HeaderLine => self.header_line(bytes, out),
                State::BodyStart(matched) => self.body_start(matched, bytes, out),
                State::BodyLine => self.body_line(bytes, out),
            };
        }
    }

    fn header_start<'a>(&mut self, bytes: &'a [u8], out: &mut impl FnMut(&[u8])) -> &'a [u8] {
        let room = &bytes[..bytes.len().min(limits::HEADER_START - self.held.len())];
        // Behind the first colon only a `From_` line is still unknown, up to its end.
        let end = match memchr(b':', &self.held) {
            Some(_) => memchr(b'\n', room),
            None => memchr2(b':', b'\n', room),
        };
        let (taken, rest) = bytes.split_at(end.map_or(room.len(), |at| at + 1));
        self.held.extend_from_slice(taken);
        let line = self.classify();
        if matches!(line, Line::Unknown) {
            return rest;
        }
        let mut held = std::mem::take(&mut self.held);
        self.keeps = matches!(line, Line::Kept);
        self.has_field = true;
        self.state = if held.ends_with(b"\n") {
            State::HeaderStart
        } else {
            State::HeaderLine
        };
        match line {
            Line::Unknown | Line::Dropped => {}
            Line::Kept => {
                // The old form `From : x` of a field, which looks like a `From_` line.
                if from_start(&held, self.variant == Variant::Mboxrd).is_some() {
                    self.header(b">", out);
                }
                self.header(&held, out);
            }
            Line::Empty | Line::NotHeader => {
                self.state = State::BodyStart(0);
                if !self.variant.has_length() {
                    self.header(b"\n", out);
                    self.layout.empty_line = 1;
                }
                if matches!(line, Line::NotHeader) {
                    self.advance(&held, out);
                }
            }
        }
        held.clear();
        self.held = held;
        rest
    }

    /// What the line is of which `held` is the start: up to a colon, or all of it.
    fn classify(&self) -> Line {
        let held = &*self.held;
        let is_full = held.len() >= limits::HEADER_START;
        match held {
            [] => Line::Unknown,
            b"\n" => Line::Empty,
            [b' ' | b'\t', ..] if !self.has_field => Line::NotHeader,
            [b' ' | b'\t', ..] if self.keeps => Line::Kept,
            [b' ' | b'\t', ..] => Line::Dropped,
            [name @ .., b':'] => match field_name(name) {
                Some(name) if is_stripped(name) => Line::Dropped,
                Some(_) => Line::Kept,
                None if from_start(held, true).is_some() && !is_full => Line::Unknown,
                None => Line::NotHeader,
            },
            [.., b'\n'] => match from_start(held, true) {
                Some(at) if FromLine::parse(&held[at..]).is_some() => Line::Dropped,
                _ => Line::NotHeader,
            },
            _ if is_full => Line::NotHeader,
            _ => Line::Unknown,
        }
    }

    fn header_line<'a>(&mut self, bytes: &'a [u8], out: &mut impl FnMut(&[u8])) -> &'a [u8] {
        let end = memchr(b'\n', bytes).map(|at| at + 1);
        let (line, rest) = bytes.split_at(end.unwrap_or(bytes.len()));
        if self.keeps {
            self.header(line, out);
        }
        if end.is_some() {
            self.state = State::HeaderStart;
        }
        rest
    }

    fn body_start<'a>(
        &mut self,
        matched: usize,
        bytes: &'a [u8],
        out: &mut impl FnMut(&[u8]),
    ) -> &'a [u8] {
        if self.variant == Variant::Mboxcl2 {
            self.state = State::BodyLine;
            return bytes;
        }
        // A quote may stand anywhere among quotes, so those that come first need not wait.
        let is_quoted = self.variant == Variant::Mboxrd && matched == 0;
        let quotes = if is_quoted { quotes(bytes) } else { 0 };
        let (quotes, rest) = bytes.split_at(quotes);
        self.body(quotes, out);
        let wanted = &FROM[matched..];
        let common = rest
            .iter()
            .zip(wanted)
            .take_while(|(have, want)| have == want)
            .count();
        let matched = matched + common;
        if matched == FROM.len() {
            self.body(b">From ", out);
            self.state = State::BodyLine;
        } else if common == rest.len() {
            self.state = State::BodyStart(matched);
        } else {
            self.body(&FROM[..matched], out);
            self.state = State::BodyLine;
        }
        &rest[common..]
    }

    /// Writes the rest of a line and all whole lines behind it.
    fn body_line<'a>(&mut self, bytes: &'a [u8], out: &mut impl FnMut(&[u8])) -> &'a [u8] {
        if self.variant == Variant::Mboxcl2 {
            self.body(bytes, out);
            return &[];
        }
        let end = memrchr(b'\n', bytes).map(|at| at + 1);
        let (lines, rest) = bytes.split_at(end.unwrap_or(bytes.len()));
        let mut done = 0;
        let finder = self.finder.clone();
        for from in finder.find_iter(lines) {
            let mut start = from;
            while self.variant == Variant::Mboxrd && start > done && lines[start - 1] == b'>' {
                start -= 1;
            }
            if start > 0 && lines[start - 1] == b'\n' {
                self.body(&lines[done..from], out);
                self.body(b">", out);
                done = from;
            }
        }
        self.body(&lines[done..], out);
        if end.is_some() {
            self.state = State::BodyStart(0);
        }
        rest
    }

    fn header(&mut self, bytes: &[u8], out: &mut impl FnMut(&[u8])) {
        self.layout.header += bytes.len() as u64;
        out(bytes);
    }

    fn body(&mut self, bytes: &[u8], out: &mut impl FnMut(&[u8])) {
        if !bytes.is_empty() {
            self.layout.body += bytes.len() as u64;
            out(bytes);
        }
    }
}

/// Where `From ` stands if a line starts with it, behind quotes if they are allowed.
fn from_start(line: &[u8], quoted: bool) -> Option<usize> {
    let at = if quoted { quotes(line) } else { 0 };
    line[at..].starts_with(FROM).then_some(at)
}

fn quotes(bytes: &[u8]) -> usize {
    bytes.iter().take_while(|byte| **byte == b'>').count()
}

/// The name of a field (RFC 5322 section 3.6.8), without the blanks that section 4.5.8
/// lets stand before the colon.
pub(super) fn field_name(name: &[u8]) -> Option<&[u8]> {
    let name = name.trim_ascii_end();
    (!name.is_empty() && name.iter().all(u8::is_ascii_graphic)).then_some(name)
}

/// Whether a field belongs to the mbox and not to the message.
pub(super) fn is_stripped(name: &[u8]) -> bool {
    STRIPPED
        .iter()
        .any(|field| name.eq_ignore_ascii_case(field))
}

const FROM: &[u8] = b"From ";

/// Fields by which mail programs keep state in an mbox: none of a stranger's business.
const STRIPPED: [&[u8]; 7] = [
    b"Content-Length",
    b"Status",
    b"X-IMAP",
    b"X-IMAPbase",
    b"X-Keywords",
    b"X-Status",
    b"X-UID",
];

#[cfg(test)]
mod tests {
    use super::*;

    /// The encoded message with the length field in its place.
    fn encode<'a>(variant: Variant, chunks: impl IntoIterator<Item = &'a [u8]>) -> Vec<u8> {
        let mut out = Vec::new();
        let mut encoder = Encoder::new(variant);
        for chunk in chunks {
            encoder.push(chunk, |bytes| out.extend_from_slice(bytes));
        }
        let layout = encoder.finish(|bytes| out.extend_from_slice(bytes));
        assert_eq!(out.len() as u64, layout.header + layout.body);
        if variant.has_length() {
            let at = layout.header as usize;
            out.splice(at..at, layout.length_field().into_bytes());
        }
        out
    }

    /// A message and what it becomes as mboxrd, mboxo, mboxcl and mboxcl2.
    const TABLE: &[(&str, [&str; 4])] = &[
        (
            "",
            ["", "", "Content-Length: 0\n\n", "Content-Length: 0\n\n"],
        ),
        (
            "A: b\r\n\r\nFrom x\r\n>From y\r\n>>From z\r\nFrom:\r\n",
            [
                "A: b\n\n>From x\n>>From y\n>>>From z\nFrom:\n",
                "A: b\n\n>From x\n>From y\n>>From z\nFrom:\n",
                "A: b\nContent-Length: 31\n\n>From x\n>From y\n>>From z\nFrom:\n",
                "A: b\nContent-Length: 30\n\nFrom x\n>From y\n>>From z\nFrom:\n",
            ],
        ),
        // The last line is ended, wherever it stops.
        (
            "A: b\n\nFrom ",
            [
                "A: b\n\n>From \n",
                "A: b\n\n>From \n",
                "A: b\nContent-Length: 7\n\n>From \n",
                "A: b\nContent-Length: 6\n\nFrom \n",
            ],
        ),
        (
            "A: b\n\nFrom",
            [
                "A: b\n\nFrom\n",
                "A: b\n\nFrom\n",
                "A: b\nContent-Length: 5\n\nFrom\n",
                "A: b\nContent-Length: 5\n\nFrom\n",
            ],
        ),
        (
            "A: b\n\n>>",
            [
                "A: b\n\n>>\n",
                "A: b\n\n>>\n",
                "A: b\nContent-Length: 3\n\n>>\n",
                "A: b\nContent-Length: 3\n\n>>\n",
            ],
        ),
        (
            "A: b",
            [
                "A: b\n",
                "A: b\n",
                "A: b\nContent-Length: 0\n\n",
                "A: b\nContent-Length: 0\n\n",
            ],
        ),
        // What a stranger must not say, folded, in any case, with blanks before the colon.
        (
            "Status: RO\nA: b\nx-keywords:\n\tevil\nX-UID : 9\nC:\n d\ncontent-length: 1\nX-IMAPbase: 1 2\n\nStatus: R\n",
            [
                "A: b\nC:\n d\n\nStatus: R\n",
                "A: b\nC:\n d\n\nStatus: R\n",
                "A: b\nC:\n d\nContent-Length: 10\n\nStatus: R\n",
                "A: b\nC:\n d\nContent-Length: 10\n\nStatus: R\n",
            ],
        ),
        (
            "StatusX: a\nX-Stat: b\n\n",
            [
                "StatusX: a\nX-Stat: b\n\n",
                "StatusX: a\nX-Stat: b\n\n",
                "StatusX: a\nX-Stat: b\nContent-Length: 0\n\n",
                "StatusX: a\nX-Stat: b\nContent-Length: 0\n\n",
            ],
        ),
        // From_ lines in the header go; a field in the old form looks like one and is quoted.
        (
            "From a@b Thu Jan  1 00:00:00 1970\nA: b\n>From - Thu Jan  1 00:00:00 1970\nFrom : c\n\n",
            [
                "A: b\n>From : c\n\n",
                "A: b\n>From : c\n\n",
                "A: b\n>From : c\nContent-Length: 0\n\n",
                "A: b\n>From : c\nContent-Length: 0\n\n",
            ],
        ),
        // No header, or none any more: the rest is body, and nothing of it is lost.
        (
            "From here to there: on foot\nStatus: tired\n",
            [
                "\n>From here to there: on foot\nStatus: tired\n",
                "\n>From here to there: on foot\nStatus: tired\n",
                "Content-Length: 43\n\n>From here to there: on foot\nStatus: tired\n",
                "Content-Length: 42\n\nFrom here to there: on foot\nStatus: tired\n",
            ],
        ),
        (
            "Subject: x\nHow have you been\n",
            [
                "Subject: x\n\nHow have you been\n",
                "Subject: x\n\nHow have you been\n",
                "Subject: x\nContent-Length: 18\n\nHow have you been\n",
                "Subject: x\nContent-Length: 18\n\nHow have you been\n",
            ],
        ),
        (
            " A: b\n",
            [
                "\n A: b\n",
                "\n A: b\n",
                "Content-Length: 6\n\n A: b\n",
                "Content-Length: 6\n\n A: b\n",
            ],
        ),
    ];

    const VARIANTS: [Variant; 4] = [
        Variant::Mboxrd,
        Variant::Mboxo,
        Variant::Mboxcl,
        Variant::Mboxcl2,
    ];

    #[test]
    fn every_variant_is_written_at_every_split() {
        for (input, outputs) in TABLE {
            for (variant, output) in VARIANTS.into_iter().zip(outputs) {
                for split in 0..=input.len() {
                    let (a, b) = input.as_bytes().split_at(split);
                    let out = encode(variant, [a, b]);
                    assert_eq!(String::from_utf8(out).unwrap(), *output, "{variant:?}");
                }
                let out = encode(variant, input.as_bytes().chunks(1));
                assert_eq!(String::from_utf8(out).unwrap(), *output, "{variant:?}");
            }
        }
    }

    #[test]
    fn a_header_line_that_never_ends_is_body() {
        for line in ["x".repeat(5000), format!("From {}", "x:".repeat(5000))] {
            let out = encode(Variant::Mboxcl2, [line.as_bytes()]);
            let length = line.len() + 1;
            assert_eq!(
                out,
                format!("Content-Length: {length}\n\n{line}\n").into_bytes()
            );
        }
    }
}
