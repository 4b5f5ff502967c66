//! Dot-stuffed text: how SMTP's DATA and POP3's multi-line replies are framed.
//!
//! The text ends with a line that is a single dot, and a dot is put in front of every line that
//! begins with one (RFC 5321 section 4.5.2, RFC 1939 section 3). A line ends with CRLF and with
//! nothing else: LF.CRLF, LF.LF, CR.CR and the like are text. Taking any of them for the end is
//! how messages are smuggled. Text that is framed by counting has the same strays, and a
//! [`Screen`] for them.

mod screen;
pub use screen::Screen;

use std::sync::LazyLock;

use bytes::Bytes;
use memchr::memmem::Finder;

use crate::{Input, Output};

/// What to do with a CR or LF that stands alone in the text, and with NUL.
///
/// RFC 5321 section 2.3.8 forbids the former; how they are read decides where the next relay
/// believes the message to end. RFC 2045 section 2.8 forbids the latter, which ends strings in
/// many programs. The choice is made here and nowhere else.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Strays {
    /// The text up to the first one is handed out, the rest is skipped, and
    /// [`Unstuffer::stray`] tells. The strict default.
    #[default]
    Reject,
    /// A bare LF becomes CRLF; a bare CR and NUL become a space. For servers that take mail from
    /// programs which send LF. A dot is only ever removed behind a real CRLF.
    Normalise,
    /// All are handed on as they are. For sinks that keep bytes exactly, such as test servers;
    /// whoever relays such a text must repair it.
    Allow,
}

/// The character that was found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(
    clippy::exhaustive_enums,
    reason = "nothing else is forbidden in a text"
)]
pub enum Stray {
    /// CR without LF.
    Cr,
    /// LF without CR.
    Lf,
    /// NUL.
    Nul,
}

/// Takes a dot-stuffed text out of an [`Input`], as slices of it.
///
/// Nothing is collected: whatever stands in the buffer is handed out, less the few octets whose
/// meaning depends on the next one. Nothing is copied but short runs of text between two dots,
/// which are moved together: to hand out each by itself would take longer.
#[derive(Debug)]
pub struct Unstuffer {
    policy: Strays,
    /// The next octet is the first of a line.
    at_line_start: bool,
    stray: Option<Stray>,
    /// How much is examined at first: about as much as was free of anything to find, last time.
    block: usize,
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
    pub const fn new(policy: Strays) -> Self {
        Self {
            policy,
            at_line_start: true,
            stray: None,
            // Most texts have nothing to find.
            block: LARGEST_BLOCK,
        }
    }

    /// The first bare CR or LF or NUL that was seen, whatever the policy does with it.
    ///
    /// Under [`Strays::Allow`] they are not looked for.
    pub fn stray(&self) -> Option<Stray> {
        self.stray
    }

    /// The first one that was seen, where the policy is to refuse them.
    #[inline]
    pub fn refused(&self) -> Option<Stray> {
        match self.policy {
            Strays::Reject => self.stray,
            _ => None,
        }
    }

    /// Takes the next piece of the text from the front of `input`.
    #[inline]
    pub fn next(&mut self, input: &mut Input) -> Unstuffed {
        // As it is after each piece but the last.
        if input.is_empty() {
            return Unstuffed::NeedInput;
        }
        self.examine(input)
    }

    fn examine(&mut self, input: &mut Input) -> Unstuffed {
        // Octets of the piece at the front of the input, and how many of the input they come from:
        // over a dot between short runs of text, the second is moved to the first.
        let (mut piece, mut seen) = (0, 0);
        let found = loop {
            if self.at_line_start {
                match &input[seen..] {
                    [] | [b'.'] | [b'.', b'\r'] => break Unstuffed::NeedInput,
                    [b'.', b'\r', b'\n', ..] => break Unstuffed::End,
                    [b'.', ..] if piece == 0 => input.consume(1),
                    [b'.', ..] => seen += 1,
                    _ => {}
                }
                self.at_line_start = false;
            }
            let rest = &input[seen..];
            let window = match piece {
                0 => rest,
                // No more than is worth moving.
                _ => &rest[..rest.len().min(SHORT)],
            };
            let extent = extent(window, self.finds_strays(), &mut self.block);
            match extent.stop {
                Stop::Stray(stray) if extent.length == 0 && piece == 0 => {
                    match self.meet(stray, input) {
                        Some(replacement) => return Unstuffed::Data(replacement),
                        None => continue,
                    }
                }
                _ if extent.length == 0 => break Unstuffed::NeedInput,
                _ => {}
            }
            let end = seen + extent.length;
            self.at_line_start = input[..end].ends_with(b"\r\n");
            if self.refused().is_some() {
                input.consume(end);
                continue;
            }
            if piece < seen {
                input.octets_mut().copy_within(seen..end, piece);
            }
            piece += extent.length;
            seen = end;
            if extent.length >= SHORT || !self.at_line_start {
                break Unstuffed::NeedInput;
            }
        };
        if piece > 0 {
            // What ended it is found again.
            let text = input.take(piece);
            input.consume(seen - piece);
            return Unstuffed::Data(text);
        }
        if found == Unstuffed::End {
            input.consume(3);
        }
        found
    }

    /// A stray character is the first octet of `input`: what to put in its place, if anything.
    fn meet(&mut self, stray: Stray, input: &mut Input) -> Option<Bytes> {
        self.stray.get_or_insert(stray);
        if self.policy == Strays::Reject {
            return None;
        }
        input.consume(1);
        Some(Bytes::from_static(match stray {
            Stray::Lf => b"\r\n",
            Stray::Cr | Stray::Nul => b" ",
        }))
    }

    fn finds_strays(&self) -> bool {
        match self.policy {
            Strays::Reject => self.stray.is_none(),
            Strays::Normalise => true,
            Strays::Allow => false,
        }
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
    Stray(Stray),
}

/// How far the text at the front of `buffer`, which is not at the start of a line, goes on
/// without a dot to be looked at and, if `find_strays`, without a forbidden character.
///
/// Blocks are first examined in a loop that the compiler vectorises; only a block in which
/// there is something to find is searched. Blocks grow while nothing is found.
fn extent(buffer: &[u8], find_strays: bool, block: &mut usize) -> Extent {
    let end = buffer.len() - usize::from(buffer.ends_with(b"\r"));
    if !find_strays {
        return extent_to_dot(buffer, end, block);
    }
    let mut from = 0;
    while from < end {
        let to = end.min(from + *block);
        // Where lines with something to find follow each other, or where there is little to look at, looking twice
        // does not pay.
        let found = if to - from <= SMALLEST_BLOCK {
            search(buffer, from, to, true)
        } else {
            let dot = next_dot(buffer, from, to);
            let to = dot.as_ref().map_or(to, |dot| dot.length);
            match has_stray(buffer, from, to) {
                true => search(buffer, from, to, true),
                false => dot,
            }
        };
        if let Some(extent) = found {
            *block = extent.length.clamp(SMALLEST_BLOCK, LARGEST_BLOCK);
            return extent;
        }
        from = to;
        *block = (*block * 2).min(LARGEST_BLOCK);
    }
    Extent {
        length: end,
        stop: Stop::Plain,
    }
}

/// The same where there are only dots to find: nothing has to be examined for them.
fn extent_to_dot(buffer: &[u8], end: usize, block: &mut usize) -> Extent {
    let (near, from) = match end.min(*block) {
        few @ ..=SMALLEST_BLOCK => (search(buffer, 0, few, false), few),
        _ => (None, 0),
    };
    let found = near.or_else(|| next_dot(buffer, from, end));
    let length = found.as_ref().map_or(end, |extent| extent.length);
    *block = length.clamp(SMALLEST_BLOCK, LARGEST_BLOCK);
    found.unwrap_or(Extent {
        length: end,
        stop: Stop::Plain,
    })
}

/// The first CRLF in `from..to` that a dot follows, where nothing else ends the text.
fn next_dot(buffer: &[u8], from: usize, to: usize) -> Option<Extent> {
    let window = &buffer[..buffer.len().min(to + 2)];
    let mut at = from.saturating_sub(1);
    loop {
        at += LF_DOT.find(&window[at..])? + 1;
        if window[..at].ends_with(b"\r\n") {
            return Some(Extent {
                length: at,
                stop: Stop::Plain,
            });
        }
    }
}

/// The first place in `from..to` at which a run of text ends: for a dot or, if `find_strays`,
/// for a forbidden character.
fn search(buffer: &[u8], from: usize, to: usize, find_strays: bool) -> Option<Extent> {
    let mut at = from;
    // A CRLF that the block's start cuts in two is looked at from its CR.
    if at > 0 && buffer[at - 1] == b'\r' {
        at -= 1;
    }
    while at < to {
        at += memchr::memchr3(b'\r', b'\n', 0, &buffer[at..to])?;
        let stray = match &buffer[at..] {
            [b'\r', b'\n', b'.', ..] => {
                return Some(Extent {
                    length: at + 2,
                    stop: Stop::Plain,
                });
            }
            [b'\r', b'\n', ..] => {
                at += 2;
                continue;
            }
            // Its LF may still come.
            [b'\r'] => return None,
            _ if !find_strays => {
                at += 1;
                continue;
            }
            [b'\r', ..] => Stray::Cr,
            [b'\n', ..] => Stray::Lf,
            _ => Stray::Nul,
        };
        return Some(Extent {
            length: at,
            stop: Stop::Stray(stray),
        });
    }
    None
}

/// Whether in `from..to` there are CR and LF that are not each other's neighbours, or NUL.
fn has_stray(buffer: &[u8], from: usize, to: usize) -> bool {
    if from == 0 && matches!(buffer[0], b'\n' | 0) {
        return true;
    }
    // One octet of overlap on both sides, so that each pair is seen in some block.
    let window = &buffer[from.saturating_sub(1)..buffer.len().min(to + 1)];
    // Without an early exit, so that many octets are examined at once.
    let (mut stray, mut least) = (false, u8::MAX);
    for (&first, &second) in window.iter().zip(&window[1..]) {
        stray |= (first == b'\r') != (second == b'\n');
        least = least.min(second);
    }
    stray || least == 0
}

/// Writes a text dot-stuffed into an [`Output`].
#[derive(Debug)]
pub struct Stuffer {
    at: At,
    line_ends: LineEnds,
}

/// How the lines of a text end that is to be sent.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[expect(
    clippy::exhaustive_enums,
    reason = "they are known to be right, or they are not"
)]
pub enum LineEnds {
    /// With CRLF, all of them. Slices are chained instead of copied.
    #[default]
    Crlf,
    /// With LF or CRLF, as mailboxes keep them: a CR is put in front of each LF that has none, which
    /// takes a copy. A CR that stands alone stays what it is; it ends no line.
    Repair,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum At {
    LineStart,
    Middle,
    AfterCr,
}

impl Stuffer {
    /// For a text with CRLF line ends that begins with the next octet written.
    pub const fn new() -> Self {
        Self::with_line_ends(LineEnds::Crlf)
    }

    /// For a text that begins with the next octet written.
    pub const fn with_line_ends(line_ends: LineEnds) -> Self {
        Self {
            at: At::LineStart,
            line_ends,
        }
    }

    /// Writes the next piece of the text. Pieces may be cut anywhere.
    pub fn write(&mut self, text: Bytes, output: &mut Output) {
        match self.line_ends {
            _ if text.is_empty() => {}
            LineEnds::Crlf => self.chain(text, output),
            LineEnds::Repair => self.repair(&text, output),
        }
    }

    fn chain(&mut self, mut text: Bytes, output: &mut Output) {
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

    fn repair(&mut self, mut text: &[u8], output: &mut Output) {
        // With a CR for each line of ordinary length, and the end.
        output.reserve(text.len() + text.len() / 32 + 8);
        while let Some(line_end) = memchr::memchr(b'\n', text) {
            if self.at == At::LineStart && text[0] == b'.' {
                output.push(b".");
            }
            let behind_cr = match line_end.checked_sub(1) {
                Some(before) => text[before] == b'\r',
                None => self.at == At::AfterCr,
            };
            if behind_cr {
                output.push(&text[..=line_end]);
            } else {
                output.push(&text[..line_end]);
                output.push(b"\r\n");
            }
            self.at = At::LineStart;
            text = &text[line_end + 1..];
        }
        let Some(&last) = text.last() else { return };
        if self.at == At::LineStart && text[0] == b'.' {
            output.push(b".");
        }
        output.push(text);
        self.at = match last {
            b'\r' => At::AfterCr,
            _ => At::Middle,
        };
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

/// What stands around a dot to be looked at, prepared once. Without the CR, which stands at every
/// line's end as the LF does, it is seldom found in vain.
static LF_DOT: LazyLock<Finder<'static>> = LazyLock::new(|| Finder::new(b"\n."));

/// Runs of text below this are moved over a dot to those before them.
const SHORT: usize = 512;

/// Examined at least: about one line.
const SMALLEST_BLOCK: usize = 128;

/// Examined at most, at a time: larger blocks are hardly faster, and where a stray stands in a
/// block, all of it was searched for a dot in vain.
const LARGEST_BLOCK: usize = 4 * 1024;

#[cfg(test)]
mod tests {
    use bytes::Buf;
    use proptest::prelude::*;

    use super::*;
    use crate::testing::dot::{Text, read_in_pieces, read_naively};

    const POLICIES: [Strays; 3] = [Strays::Reject, Strays::Normalise, Strays::Allow];

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
                let found = read_in_pieces(wire, piece, Strays::Allow).expect("an end");
                assert_eq!(
                    (&found.text[..], found.used),
                    (text, wire.len()),
                    "pieces of {piece}"
                );
            }
        }
    }

    #[test]
    fn short_lines_with_dots_are_one_piece() {
        let long = format!("..{}\r\n", "x".repeat(SHORT));
        let wire = format!("..a\r\n..b\r\n{long}{long}..c\r\n.\r\nQUIT\r\n");
        let mut input = Input::new(wire.len());
        assert_eq!(input.extend(wire.as_bytes()), wire.len());
        let mut unstuffer = Unstuffer::new(Strays::Reject);
        let mut pieces = Vec::new();
        while let Unstuffed::Data(piece) = unstuffer.next(&mut input) {
            pieces.push(piece);
        }
        assert_eq!(
            pieces.concat(),
            wire[..wire.len() - 9].replace("..", ".").as_bytes()
        );
        assert!(pieces[0].starts_with(b".a\r\n.b\r\n.xx"), "{pieces:?}");
        assert!(pieces.len() <= 5, "{}", pieces.len());
        assert_eq!(&*input, b"QUIT\r\n");
    }

    pub(super) fn lines() -> impl Strategy<Value = Vec<u8>> {
        let part = prop_oneof![
            4 => Just(&b"\r\n"[..]),
            2 => Just(&b"."[..]),
            1 => Just(&b"\r"[..]),
            1 => Just(&b"\n"[..]),
            1 => Just(&b"\0"[..]),
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
                if policy == Strays::Allow {
                    // Not looked for.
                    expected = expected.map(|text| Text { stray: None, ..text });
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
            let found = read_in_pieces(&wire, 50, Strays::Allow).expect("an end");
            prop_assert_eq!(found.used, wire.len());
            prop_assert_eq!(found.text, expected);
        }

        /// However the text is cut, each line ends with CRLF on the wire.
        #[test]
        fn repaired_on_the_way(
            text in prop::collection::vec(prop::sample::select(&b"\r\n.x\n"[..]), 0..40),
            cut in 1usize..10,
        ) {
            let mut output = Output::new(0);
            let mut stuffer = Stuffer::with_line_ends(LineEnds::Repair);
            for piece in text.chunks(cut) {
                stuffer.write(Bytes::copy_from_slice(piece), &mut output);
            }
            stuffer.finish(&mut output);
            let wire = output.copy_to_bytes(output.remaining());
            let mut expected = Vec::new();
            for &octet in &text {
                if octet == b'\n' && expected.last() != Some(&b'\r') {
                    expected.push(b'\r');
                }
                expected.push(octet);
            }
            if !expected.is_empty() && !expected.ends_with(b"\r\n") {
                expected.extend(b"\r\n");
            }
            let found = read_in_pieces(&wire, 50, Strays::Allow).expect("an end");
            prop_assert_eq!(found.used, wire.len());
            prop_assert_eq!(found.text, expected);
        }
    }
}
