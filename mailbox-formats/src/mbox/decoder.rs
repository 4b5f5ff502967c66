//! Gives back the message that was put into an mbox.

use memchr::{memchr, memchr2, memmem};

use crate::limits;
use crate::mbox::Variant;
use crate::mbox::encoder::{field_name, is_stripped};
use crate::mbox::separators::FROM;

/// Turns what stands between two `From_` lines into the message: the reverse of
/// [`Encoder`](super::Encoder).
///
/// Quotes are taken away as the variant says. Fields that belong to the mbox, not to the
/// message, are left out: `Status`, `X-Status`, `X-Keywords`, `X-UID`, `X-IMAP`, `X-IMAPbase`
/// and `Content-Length`. Everything else stays byte for byte, line ends too.
///
/// Without a variant no quote is taken away: in a file of unknown kind a `>` before `From `
/// may be the writer's own.
///
/// ```
/// use mailbox_formats::mbox::{Decoder, Variant};
///
/// let mut message = Vec::new();
/// let mut decoder = Decoder::new(Some(Variant::Mboxrd));
/// decoder.push(b"Subject: x\nStatus: RO\n\n>Fro", |part| message.extend_from_slice(part));
/// decoder.push(b"m here\n>>From there\n", |part| message.extend_from_slice(part));
/// decoder.finish(|part| message.extend_from_slice(part));
/// assert_eq!(message, b"Subject: x\n\nFrom here\n>From there\n");
/// ```
#[derive(Clone, Debug)]
pub struct Decoder {
    /// How many quotes a line may have that loses one.
    quotes: usize,
    state: State,
    /// The start of a header line, until it is long enough to tell what it is.
    held: Vec<u8>,
    /// The last field was kept, so its continuation is kept as well.
    keeps: bool,
    finder: memmem::Finder<'static>,
}

/// Where in a message the next byte is.
///
/// ```text
///   HeaderStart <--> HeaderLine   (until the line is understood; its rest)
///        | empty line
///        v
///     BodyStart <--> BodyLine     (the line is `>*`, then `F`, `Fr`, .. so far; its rest)
/// ```
#[derive(Clone, Copy, Debug)]
enum State {
    HeaderStart,
    HeaderLine,
    /// So many quotes, and bytes of `From ` behind them, wait at the start of a line.
    BodyStart(usize, usize),
    BodyLine,
}

impl Decoder {
    /// A decoder at the start of a message.
    #[must_use]
    pub fn new(variant: Option<Variant>) -> Self {
        let quotes = match variant {
            Some(Variant::Mboxrd) => usize::MAX,
            Some(Variant::Mboxo | Variant::Mboxcl) => 1,
            Some(Variant::Mboxcl2) | None => 0,
        };
        Self {
            quotes,
            state: State::HeaderStart,
            held: Vec::new(),
            keeps: true,
            finder: memmem::Finder::new(b"\n>"),
        }
    }

    /// A decoder that leaves everything as it is.
    pub(super) fn nothing() -> Self {
        Self {
            state: State::BodyLine,
            ..Self::new(None)
        }
    }

    /// Takes the next chunk and gives what it becomes.
    pub fn push(&mut self, mut chunk: &[u8], mut out: impl FnMut(&[u8])) {
        while !chunk.is_empty() {
            chunk = match self.state {
                State::HeaderStart => self.header_start(chunk, &mut out),
                State::HeaderLine => self.header_line(chunk, &mut out),
                State::BodyStart(quotes, matched) => {
                    self.body_start(quotes, matched, chunk, &mut out)
                }
                State::BodyLine => self.body_line(chunk, &mut out),
            };
        }
    }

    /// Ends the message, and gives what was held back.
    pub fn finish(self, mut out: impl FnMut(&[u8])) {
        match self.state {
            State::HeaderStart => out(&self.held),
            State::BodyStart(quotes, matched) => give_quoted(quotes, matched, &mut out),
            State::HeaderLine | State::BodyLine => {}
        }
    }

    fn header_start<'a>(&mut self, bytes: &'a [u8], out: &mut impl FnMut(&[u8])) -> &'a [u8] {
        let room = &bytes[..bytes.len().min(limits::HEADER_START - self.held.len())];
        let end = memchr2(b':', b'\n', room);
        let (taken, rest) = bytes.split_at(end.map_or(room.len(), |at| at + 1));
        self.held.extend_from_slice(taken);
        if end.is_none() && self.held.len() < limits::HEADER_START {
            return rest;
        }
        let mut line = std::mem::take(&mut self.held);
        self.state = match line.ends_with(b"\n") {
            true => State::HeaderStart,
            false => State::HeaderLine,
        };
        if matches!(&*line, b"\n" | b"\r\n") {
            self.state = State::BodyStart(0, 0);
            self.keeps = true;
        } else if !line.starts_with(b" ") && !line.starts_with(b"\t") {
            let name = line.strip_suffix(b":").and_then(field_name);
            self.keeps = !name.is_some_and(is_stripped);
        }
        if self.keeps {
            out(&line[usize::from(self.is_quoted_field(&line))..]);
        }
        line.clear();
        self.held = line;
        rest
    }

    /// Whether this is `From :`, the old form of a field, with quotes of which one goes.
    fn is_quoted_field(&self, line: &[u8]) -> bool {
        let quotes = line.iter().take_while(|byte| **byte == b'>').count();
        let name = line[quotes..].strip_prefix(FROM);
        (1..=self.quotes).contains(&quotes) && name.is_some_and(|rest| rest.trim_ascii() == b":")
    }

    fn header_line<'a>(&mut self, bytes: &'a [u8], out: &mut impl FnMut(&[u8])) -> &'a [u8] {
        let end = memchr(b'\n', bytes).map(|at| at + 1);
        let (line, rest) = bytes.split_at(end.unwrap_or(bytes.len()));
        if self.keeps {
            out(line);
        }
        if end.is_some() {
            self.state = State::HeaderStart;
        }
        rest
    }

    fn body_start<'a>(
        &mut self,
        mut quotes: usize,
        matched: usize,
        bytes: &'a [u8],
        out: &mut impl FnMut(&[u8]),
    ) -> &'a [u8] {
        let mut rest = bytes;
        if matched == 0 {
            let room = &rest[..rest.len().min(self.quotes - quotes)];
            let more = room.iter().take_while(|byte| **byte == b'>').count();
            quotes += more;
            rest = &rest[more..];
        }
        let wanted = &FROM[matched..];
        let same = rest
            .iter()
            .zip(wanted)
            .take_while(|(one, other)| one == other);
        let same = match quotes {
            0 => 0,
            _ => same.count(),
        };
        let matched = matched + same;
        if quotes > 0 && matched == FROM.len() {
            self.state = State::BodyLine;
            give_quoted(quotes - 1, matched, out);
        } else if same == rest.len() {
            self.state = State::BodyStart(quotes, matched);
        } else {
            self.state = State::BodyLine;
            give_quoted(quotes, matched, out);
        }
        &rest[same..]
    }

    /// Gives all up to the next line that starts with a quote.
    fn body_line<'a>(&mut self, bytes: &'a [u8], out: &mut impl FnMut(&[u8])) -> &'a [u8] {
        if self.quotes == 0 {
            out(bytes);
            return &[];
        }
        let end = match self.finder.find(bytes) {
            Some(at) => at + 1,
            None => bytes.len(),
        };
        let (lines, rest) = bytes.split_at(end);
        out(lines);
        if lines.ends_with(b"\n") {
            self.state = State::BodyStart(0, 0);
        }
        rest
    }
}

/// Gives so many quotes, and so much of `From `.
fn give_quoted(mut quotes: usize, matched: usize, out: &mut impl FnMut(&[u8])) {
    const QUOTES: &[u8] = &[b'>'; 64];
    while quotes > 0 {
        let some = quotes.min(QUOTES.len());
        out(&QUOTES[..some]);
        quotes -= some;
    }
    out(&FROM[..matched]);
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Stored, and as it is read without a variant and as mboxrd, mboxo, mboxcl and mboxcl2.
    const TABLE: &[(&str, [&str; 5])] = &[
        ("", [""; 5]),
        ("A: b\n\nx\n", ["A: b\n\nx\n"; 5]),
        (
            "A: b\r\nStatus: R\r\n O\r\nC: d\r\n\r\nx",
            ["A: b\r\nC: d\r\n\r\nx"; 5],
        ),
        ("X-uid : 4\ncontent-length: 9\n\n", ["\n"; 5]),
        ("Status", ["Status"; 5]),
        (
            "A: b\n\n>From x\n>>From y\n>Fro\n>\n",
            [
                "A: b\n\n>From x\n>>From y\n>Fro\n>\n",
                "A: b\n\nFrom x\n>From y\n>Fro\n>\n",
                "A: b\n\nFrom x\n>>From y\n>Fro\n>\n",
                "A: b\n\nFrom x\n>>From y\n>Fro\n>\n",
                "A: b\n\n>From x\n>>From y\n>Fro\n>\n",
            ],
        ),
        (
            "A: b\n\nx >From y\n>From: z\n>>>Fr",
            ["A: b\n\nx >From y\n>From: z\n>>>Fr"; 5],
        ),
        (
            ">From : x\n>From a@b\n\n",
            [
                ">From : x\n>From a@b\n\n",
                "From : x\n>From a@b\n\n",
                "From : x\n>From a@b\n\n",
                "From : x\n>From a@b\n\n",
                ">From : x\n>From a@b\n\n",
            ],
        ),
    ];

    #[test]
    fn every_variant_is_read_at_every_split() {
        let variants = [
            None,
            Some(Variant::Mboxrd),
            Some(Variant::Mboxo),
            Some(Variant::Mboxcl),
            Some(Variant::Mboxcl2),
        ];
        for (stored, expected) in TABLE {
            for (variant, expected) in variants.into_iter().zip(expected) {
                for split in 0..=stored.len() {
                    let mut out = Vec::new();
                    let mut decoder = Decoder::new(variant);
                    let (first, second) = stored.as_bytes().split_at(split);
                    decoder.push(first, |bytes| out.extend_from_slice(bytes));
                    decoder.push(second, |bytes| out.extend_from_slice(bytes));
                    decoder.finish(|bytes| out.extend_from_slice(bytes));
                    let out = String::from_utf8(out).unwrap();
                    assert_eq!(out, *expected, "{variant:?} {stored:?} at {split}");
                }
            }
        }
    }
}
