//! Dot-stuffed text: how SMTP's DATA and POP3's multi-line replies are framed.
//!
//! The text ends with a line that is a single dot, and a dot is put in front of every line that
//! begins with one (RFC 5321 section 4.5.2, RFC 1939 section 3). A line ends with CRLF and with
//! nothing else: LF.CRLF, LF.LF, CR.CR and the like are text. Taking any of them for the end is
//! how messages are smuggled.

use bytes::Bytes;

use crate::{Input, Output};

/// What to do with a CR or LF that stands alone in the text.
///
/// RFC 5321 section 2.3.8 forbids both. How they are read decides where the next relay
/// believes the message to end, so the choice is made here and nowhere else.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum BareLines {
    /// The text up to the first one is handed out, the rest is skipped, and
    /// [`Unstuffer::bare`] tells. The strict default.
    #[default]
    Reject,
    /// A bare LF becomes CRLF and a bare CR becomes a space. For servers that take mail from
    /// programs which send LF. A dot is only ever removed behind a real CRLF.
    Normalise,
    /// Both are handed on as they are. For sinks that keep bytes exactly, such as test servers;
    /// whoever relays such a text must repair it.
    Allow,
}

/// The lone character that was found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(
    clippy::exhaustive_enums,
    reason = "there are two halves of a line end"
)]
pub enum Bare {
    /// CR without LF.
    Cr,
    /// LF without CR.
    Lf,
}

/// Takes a dot-stuffed text out of an [`Input`], as slices of it.
///
/// Nothing is copied and nothing collected: whatever stands in the buffer is handed out, less
/// the few octets whose meaning depends on the next one.
#[derive(Debug)]
pub struct Unstuffer {
    policy: BareLines,
    /// The next octet is the first of a line.
    at_line_start: bool,
    bare: Option<Bare>,
}

/// What [`Unstuffer::next`] found.
#[must_use]
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Unstuffed {
    /// Text, never empty.
    Data(Bytes),
    /// Everything decided so far has been handed out.
    NeedInput,
    /// The line with the single dot: it is removed, and what follows it is left alone.
    End,
}

impl Unstuffer {
    /// For a text whose first octet is the next one to come: a line starts there, so an empty
    /// text is just a dot and CRLF.
    pub const fn new(policy: BareLines) -> Self {
        Self {
            policy,
            at_line_start: true,
            bare: None,
        }
    }

    /// The first bare CR or LF that was seen, whatever the policy does with it.
    ///
    /// Under [`BareLines::Allow`] they are not looked for.
    pub fn bare(&self) -> Option<Bare> {
        self.bare
    }

    /// Takes the next piece of the text from the front of `input`.
    pub fn next(&mut self, input: &mut Input) -> Unstuffed {
        loop {
            if self.at_line_start {
                match &**input {
                    [] | [b'.'] | [b'.', b'\r'] => return Unstuffed::NeedInput,
                    [b'.', b'\r', b'\n', ..] => {
                        input.consume(3);
                        return Unstuffed::End;
                    }
                    [b'.', ..] => input.consume(1),
                    _ => {}
                }
                self.at_line_start = false;
            }
            let extent = extent(input, self.finds_bare());
            match extent.stop {
                Stop::Bare(bare) if extent.length == 0 => match self.meet(bare, input) {
                    Some(replacement) => return Unstuffed::Data(replacement),
                    None => continue,
                },
                _ if extent.length == 0 => return Unstuffed::NeedInput,
                _ => {}
            }
            self.at_line_start = input[..extent.length].ends_with(b"\r\n");
            if self.is_skipping() {
                input.consume(extent.length);
            } else {
                return Unstuffed::Data(input.take(extent.length));
            }
        }
    }

    /// A bare line end is the first octet of `input`: what to put in its place, if anything.
    fn meet(&mut self, bare: Bare, input: &mut Input) -> Option<Bytes> {
        self.bare.get_or_insert(bare);
        if self.policy == BareLines::Reject {
            return None;
        }
        input.consume(1);
        Some(Bytes::from_static(match bare {
            Bare::Lf => b"\r\n",
            Bare::Cr => b" ",
        }))
    }

    fn finds_bare(&self) -> bool {
        match self.policy {
            BareLines::Reject => self.bare.is_none(),
            BareLines::Normalise => true,
            BareLines::Allow => false,
        }
    }

    fn is_skipping(&self) -> bool {
        self.policy == BareLines::Reject && self.bare.is_some()
    }
}

/// A run of text that can be handed out as it is, and why it ends.
struct Extent {
    length: usize,
    stop: Stop,
}

enum Stop {
    /// At the end of the buffer, less a CR whose LF may still come; or behind a CRLF, where a
    /// dot follows.
    Plain,
    Bare(Bare),
}

/// How far the text at the front of `buffer`, which is not at the start of a line, goes on
/// without a dot to be looked at and, if `find_bare`, without a bare line end.
///
/// Blocks are first examined in a loop that the compiler vectorises; only a block in which
/// there is something to find is searched. The blocks grow while nothing is found.
fn extent(buffer: &[u8], find_bare: bool) -> Extent {
    let end = buffer.len() - usize::from(buffer.ends_with(b"\r"));
    let mut from = 0;
    let mut size = SMALLEST_BLOCK;
    while from < end {
        let to = end.min(from + size);
        // One octet of overlap on both sides, so that each pair is seen in some block.
        let window = &buffer[from.saturating_sub(1)..buffer.len().min(to + 1)];
        let lone_first = from == 0 && buffer[0] == b'\n';
        let pairs = Pairs::examine(window);
        if pairs.dot || (find_bare && (pairs.bare || lone_first)) {
            if let Some(extent) = search(buffer, from, to, find_bare) {
                return extent;
            }
        }
        from = to;
        size = (size * 2).min(LARGEST_BLOCK);
    }
    Extent {
        length: end,
        stop: Stop::Plain,
    }
}

/// The first place in `from..to` at which a run of text ends.
fn search(buffer: &[u8], from: usize, to: usize, find_bare: bool) -> Option<Extent> {
    let mut at = from;
    // A CRLF that the block's start cuts in two is looked at from its CR.
    if at > 0 && buffer[at - 1] == b'\r' {
        at -= 1;
    }
    while let Some(offset) = memchr::memchr2(b'\r', b'\n', &buffer[at..to]) {
        at += offset;
        match &buffer[at..] {
            [b'\r', b'\n', b'.', ..] => {
                return Some(Extent {
                    length: at + 2,
                    stop: Stop::Plain,
                });
            }
            [b'\r', b'\n', ..] => at += 2,
            [b'\r'] => return None,
            [octet, ..] if find_bare => {
                return Some(Extent {
                    length: at,
                    stop: Stop::Bare(if *octet == b'\r' { Bare::Cr } else { Bare::Lf }),
                });
            }
            _ => at += 1,
        }
        if at >= to {
            break;
        }
    }
    None
}

/// Whether any two neighbours in a block ask for a closer look.
struct Pairs {
    /// CR and LF that are not each other's neighbours.
    bare: bool,
    /// A dot behind LF.
    dot: bool,
}

impl Pairs {
    fn examine(window: &[u8]) -> Self {
        let (mut bare, mut dot) = (0u8, 0u8);
        for (&first, &second) in window.iter().zip(&window[1..]) {
            bare |= u8::from(first == b'\r') ^ u8::from(second == b'\n');
            dot |= u8::from(first == b'\n') & u8::from(second == b'.');
        }
        Self {
            bare: bare != 0,
            dot: dot != 0,
        }
    }
}

/// Writes a text dot-stuffed into an [`Output`], chaining slices instead of copying.
///
/// The text must have CRLF line ends: repairing others is the caller's, since only the caller
/// knows what they mean.
#[derive(Debug)]
pub struct Stuffer {
    at: At,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum At {
    LineStart,
    Middle,
    AfterCr,
}

impl Stuffer {
    /// For a text that begins with the next octet written.
    pub const fn new() -> Self {
        Self { at: At::LineStart }
    }

    /// Writes the next piece of the text. Pieces may be cut anywhere.
    pub fn write(&mut self, mut text: Bytes, output: &mut Output) {
        if text.is_empty() {
            return;
        }
        if self.at == At::AfterCr && text[0] == b'\n' {
            output.push_bytes(text.split_to(1));
            self.at = At::LineStart;
            if text.is_empty() {
                return;
            }
        }
        if self.at == At::LineStart && text[0] == b'.' {
            output.push(b".");
        }
        while let Some(line_end) = memchr::memmem::find(&text, b"\r\n.") {
            output.push_bytes(text.split_to(line_end + 2));
            output.push(b".");
            // The dot itself is content now, and must not be found again.
            output.push_bytes(text.split_to(1));
            if text.is_empty() {
                self.at = At::Middle;
                return;
            }
        }
        self.at = if text.ends_with(b"\r\n") {
            At::LineStart
        } else if text.ends_with(b"\r") {
            At::AfterCr
        } else {
            At::Middle
        };
        output.push_bytes(text);
    }

    /// Ends the text: completes its last line if need be, and writes the line with the dot.
    pub fn finish(self, output: &mut Output) {
        if self.at != At::LineStart {
            output.push(b"\r\n");
        }
        output.push(b".\r\n");
    }
}

impl Default for Stuffer {
    fn default() -> Self {
        Self::new()
    }
}

/// Examined first, and again behind every place where something was found: about one line.
const SMALLEST_BLOCK: usize = 128;

/// Examined at a time while nothing is found: stays in the first-level cache.
const LARGEST_BLOCK: usize = 8 * 1024;

#[cfg(test)]
mod tests {
    use bytes::Buf;
    use proptest::prelude::*;

    use super::*;
    use crate::testing::dot::{Text, read_in_pieces, read_naively};

    const POLICIES: [BareLines; 3] = [BareLines::Reject, BareLines::Normalise, BareLines::Allow];

    #[test]
    fn only_crlf_dot_crlf_ends() {
        for (wire, text) in [
            (&b".\r\n"[..], &b""[..]),
            (b"a\r\n.\r\n", b"a\r\n"),
            (b"..\r\n.\r\n", b".\r\n"),
            (b".a\r\n..b\r\n.\r\n", b"a\r\n.b\r\n"),
            (b"a\n.\nb\r\n.\r\n", b"a\n.\nb\r\n"),
            (b"a\n.\r\nb\r\n.\r\n", b"a\n.\r\nb\r\n"),
            (b"a\r\n.\nb\r\n.\r\n", b"a\r\n\nb\r\n"),
            (b"a\r\n.\r.\r\n.\r\n", b"a\r\n\r.\r\n"),
            (b"a\r.\r\r\n.\r\n", b"a\r.\r\r\n"),
        ] {
            for piece in 1..=wire.len() {
                let found = read_in_pieces(wire, piece, BareLines::Allow).expect("an end");
                assert_eq!(
                    (&found.text[..], found.used),
                    (text, wire.len()),
                    "pieces of {piece}"
                );
            }
        }
    }

    fn lines() -> impl Strategy<Value = Vec<u8>> {
        let part = prop_oneof![
            4 => Just(&b"\r\n"[..]),
            2 => Just(&b"."[..]),
            1 => Just(&b"\r"[..]),
            1 => Just(&b"\n"[..]),
            2 => Just(&b"x"[..]),
            1 => Just(&[b'y'; 77][..]),
            1 => Just(&[b'z'; 300][..]),
        ];
        proptest::collection::vec(part, 0..60).prop_map(|parts| parts.concat())
    }

    proptest! {
        #[test]
        fn agrees_with_the_oracle(mut wire in lines(), piece in 1usize..400, end in any::<bool>()) {
            if end {
                wire.extend(b"\r\n.\r\nQUIT\r\n");
            }
            for policy in POLICIES {
                let mut expected = read_naively(&wire, policy);
                if policy == BareLines::Allow {
                    // Not looked for.
                    expected = expected.map(|text| Text { bare: None, ..text });
                }
                let whole = wire.len().max(1);
                prop_assert_eq!(&read_in_pieces(&wire, whole, policy), &expected);
                prop_assert_eq!(&read_in_pieces(&wire, piece, policy), &expected);
            }
        }

        #[test]
        fn unstuffing_undoes_stuffing(text in lines(), cut in 1usize..200) {
            let mut output = Output::new(usize::MAX);
            let mut stuffer = Stuffer::new();
            for piece in text.chunks(cut) {
                stuffer.write(Bytes::copy_from_slice(piece), &mut output);
            }
            stuffer.finish(&mut output);
            let wire = output.copy_to_bytes(output.remaining());
            let mut expected = text.clone();
            if !text.is_empty() && !text.ends_with(b"\r\n") {
                expected.extend(b"\r\n");
            }
            let found = read_in_pieces(&wire, 50, BareLines::Allow).expect("an end");
            prop_assert_eq!(found.used, wire.len());
            prop_assert_eq!(found.text, expected);
        }
    }
}
