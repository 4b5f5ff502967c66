//! A message on its way out: line ends repaired, cut for TOP, stuffed.

use bytes::Bytes;
use mailwire::Output;
use mailwire::dot::{LineEnds, Stuffer};

/// What is sent of a message, and how far it has come.
#[derive(Debug)]
pub(super) struct Body {
    pub(super) number: u32,
    stuffer: Stuffer,
    cut: Option<Cut>,
}

impl Body {
    pub(super) fn new(number: u32, lines: Option<u32>) -> Self {
        Self {
            number,
            stuffer: Stuffer::with_line_ends(LineEnds::Repair),
            cut: lines.map(Cut::new),
        }
    }

    /// Whether all of the message is sent, and not its top.
    pub(super) fn is_whole(&self) -> bool {
        self.cut.is_none()
    }

    /// Whether more of the message would be sent.
    pub(super) fn wants_more(&self) -> bool {
        !self.cut.as_ref().is_some_and(Cut::is_complete)
    }

    /// Takes what there is room for from the front of the piece, and sends it.
    pub(super) fn write(&mut self, piece: &mut Bytes, output: &mut Output) {
        if !self.wants_more() {
            return piece.clear();
        }
        if output.is_over() {
            return;
        }
        // Each octet may become two, but only line ends and dots do: what they add is let pass.
        let room = output.room().max(LEAST);
        let mut taken = piece.split_to(room.min(piece.len()));
        if let Some(cut) = &mut self.cut {
            taken.truncate(cut.keep(&taken));
        }
        self.stuffer.write(taken, output);
    }

    pub(super) fn finish(self, output: &mut Output) {
        self.stuffer.finish(output);
    }
}

/// Where TOP ends (RFC 1939 section 7): behind the header, the empty line, and so many lines.
#[derive(Debug)]
struct Cut {
    in_header: bool,
    line: Line,
    lines: u32,
}

/// What the line that is being read holds so far.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Line {
    Nothing,
    Cr,
    Text,
}

impl Cut {
    fn new(lines: u32) -> Self {
        Self {
            in_header: true,
            line: Line::Nothing,
            lines,
        }
    }

    fn is_complete(&self) -> bool {
        !self.in_header && self.lines == 0
    }

    /// How much of the piece is within.
    fn keep(&mut self, piece: &[u8]) -> usize {
        let mut kept = 0;
        for line_end in memchr::memchr_iter(b'\n', piece) {
            self.line = self.line.with(&piece[kept..line_end]);
            kept = line_end + 1;
            let line = std::mem::replace(&mut self.line, Line::Nothing);
            if !self.in_header {
                self.lines -= 1;
            }
            self.in_header &= line == Line::Text;
            if self.is_complete() {
                return kept;
            }
        }
        self.line = self.line.with(&piece[kept..]);
        piece.len()
    }
}

impl Line {
    fn with(self, more: &[u8]) -> Self {
        match (self, more) {
            (line, b"") => line,
            (Self::Nothing, b"\r") => Self::Cr,
            _ => Self::Text,
        }
    }
}

/// What is taken at least while the output is not over its mark, however close it is.
const LEAST: usize = 64;

#[cfg(test)]
mod tests {
    use bytes::Buf;

    use super::*;

    /// What is sent of a message that comes in pieces.
    fn sent(message: &str, lines: Option<u32>, size: usize) -> String {
        let mut output = Output::new(1 << 20);
        let mut body = Body::new(1, lines);
        for piece in message.as_bytes().chunks(size) {
            let mut piece = Bytes::copy_from_slice(piece);
            body.write(&mut piece, &mut output);
            assert!(piece.is_empty());
        }
        body.finish(&mut output);
        let all = output.copy_to_bytes(output.remaining());
        String::from_utf8(all.to_vec()).expect("text")
    }

    #[test]
    fn top_counts_lines_of_the_body() {
        let message = "A: b\nC: d\n\n1\r\n.2\n\n4";
        for (lines, expected) in [
            (Some(0), "A: b\r\nC: d\r\n\r\n.\r\n"),
            (Some(1), "A: b\r\nC: d\r\n\r\n1\r\n.\r\n"),
            (Some(2), "A: b\r\nC: d\r\n\r\n1\r\n..2\r\n.\r\n"),
            (Some(4), "A: b\r\nC: d\r\n\r\n1\r\n..2\r\n\r\n4\r\n.\r\n"),
            (
                Some(u32::MAX),
                "A: b\r\nC: d\r\n\r\n1\r\n..2\r\n\r\n4\r\n.\r\n",
            ),
            (None, "A: b\r\nC: d\r\n\r\n1\r\n..2\r\n\r\n4\r\n.\r\n"),
        ] {
            for size in 1..=message.len() {
                assert_eq!(
                    sent(message, lines, size),
                    expected,
                    "{lines:?}, pieces of {size}"
                );
            }
        }
    }

    #[test]
    fn top_of_strange_messages() {
        for (message, lines, expected) in [
            ("", 0, ".\r\n"),
            ("\n", 0, "\r\n.\r\n"),
            ("\r\n", 3, "\r\n.\r\n"),
            ("\nbody\n", 0, "\r\n.\r\n"),
            ("\r\r\nx\n", 0, "\r\r\nx\r\n.\r\n"),
            ("only: header", 0, "only: header\r\n.\r\n"),
            (".\n\n", 0, "..\r\n\r\n.\r\n"),
        ] {
            for size in 1..=message.len().max(1) {
                assert_eq!(
                    sent(message, Some(lines), size),
                    expected,
                    "{message:?}, {size}"
                );
            }
        }
    }

    #[test]
    fn takes_no_more_than_there_is_room_for() {
        let mut output = Output::new(100);
        let mut body = Body::new(1, None);
        let mut piece = Bytes::from(vec![b'x'; 300]);
        body.write(&mut piece, &mut output);
        assert_eq!(piece.len(), 200);
        // At the mark is not over it, and over it there is no room.
        for _ in 0..2 {
            body.write(&mut piece, &mut output);
            assert_eq!(piece.len(), 200 - LEAST);
        }
        output.advance(150);
        body.write(&mut piece, &mut output);
        assert_eq!(piece.len(), 200 - LEAST - 86);
    }
}
