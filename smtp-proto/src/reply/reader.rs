//! Replies out of received bytes.

use mailwire::Input;
use mailwire::line::{Found, LineReader};

use super::{Reply, parse_enhanced};

/// Takes replies out of an [`Input`], strictly and within bounds (RFC 5321 section 4.2).
///
/// All lines of a reply must have the same code and end with CRLF. The text may be absent; what
/// cannot be printed in it is replaced, so that no reply can forge a line of a log.
///
/// ```
/// use mailwire::Input;
/// use smtp_proto::ReplyReader;
///
/// let mut input = Input::new(1000);
/// assert_eq!(input.extend(b"550-5.7.1 No.\r\n550 5.7.1 Really.\r\n250"), 37);
/// let mut replies = ReplyReader::new(512, 10);
/// let reply = replies.next(&mut input)?.expect("a whole reply");
/// assert_eq!((reply.code(), reply.enhanced()), (550, Some((5, 7, 1))));
/// assert_eq!(reply.lines().collect::<Vec<_>>(), ["No.", "Really."]);
/// assert_eq!(replies.next(&mut input)?, None);
/// # Ok::<(), smtp_proto::MalformedReply>(())
/// ```
#[derive(Debug)]
pub struct ReplyReader {
    lines: LineReader,
    most: usize,
    /// Of the reply that is being read.
    digits: [u8; 3],
    enhanced: Option<(u8, u16, u16)>,
    /// Its lines without codes, separated by `\n`, as they came.
    text: Vec<u8>,
    count: usize,
}

/// Octets that are no reply, or one that is too long.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("malformed reply")]
pub struct MalformedReply;

impl ReplyReader {
    /// For replies of up to `most` lines, each of up to `longest` octets with its CRLF.
    pub const fn new(longest: usize, most: usize) -> Self {
        Self {
            lines: LineReader::new(longest, longest),
            most,
            digits: [0; 3],
            enhanced: None,
            text: Vec::new(),
            count: 0,
        }
    }

    /// Takes the next reply from the front of `input`, if it is there as a whole.
    ///
    /// # Errors
    ///
    /// If what is there cannot become a reply. It is not read on then.
    #[inline]
    pub fn next(&mut self, input: &mut Input) -> Result<Option<Reply>, MalformedReply> {
        let mut taken = 0;
        let mut reply = None;
        while reply.is_none() && taken < input.len() {
            let rest = &input[taken..];
            match self.lines.next(rest) {
                Found::Line {
                    length,
                    crlf: true,
                    consume,
                } => {
                    if self.add(&rest[..length])? {
                        reply = Some(self.finish());
                    }
                    taken += consume;
                }
                Found::Incomplete { consume: 0 } => break,
                _ => return Err(MalformedReply),
            }
        }
        input.consume(taken);
        Ok(reply)
    }

    /// Whether part of a reply has been seen.
    pub fn is_within_reply(&self) -> bool {
        self.count > 0 || self.lines.is_within_line()
    }

    /// Adds a line and says whether it is the last.
    fn add(&mut self, line: &[u8]) -> Result<bool, MalformedReply> {
        let (digits, rest) = line.split_first_chunk().ok_or(MalformedReply)?;
        let (is_last, text) = match rest {
            [] => (true, rest),
            [b' ', text @ ..] => (true, text),
            [b'-', text @ ..] => (false, text),
            _ => return Err(MalformedReply),
        };
        if self.count == 0 {
            let [b'2'..=b'5', b'0'..=b'9', b'0'..=b'9'] = digits else {
                return Err(MalformedReply);
            };
            self.digits = *digits;
            let (enhanced, text) = split_enhanced(text, digits[0]);
            self.enhanced = enhanced;
            // Few have more than one line, and those have many.
            if is_last {
                self.text = text.to_vec();
            } else {
                self.text.reserve(MANY_LINES);
                self.text.extend_from_slice(text);
            }
        } else if *digits != self.digits || self.count == self.most {
            return Err(MalformedReply);
        } else {
            self.text.push(b'\n');
            let text = match self.enhanced {
                None => text,
                first => match split_enhanced(text, digits[0]) {
                    (enhanced, text) if enhanced == first => text,
                    _ => text,
                },
            };
            self.text.extend_from_slice(text);
        }
        self.count += 1;
        Ok(is_last)
    }

    /// The reply whose last line was added.
    fn finish(&mut self) -> Reply {
        self.count = 0;
        let [a, b, c] = self.digits.map(|digit| u16::from(digit - b'0'));
        let code = a * 100 + b * 10 + c;
        Reply {
            code,
            enhanced: self.enhanced,
            text: printable(std::mem::take(&mut self.text)).into(),
        }
    }
}

/// Room for an answer to EHLO.
const MANY_LINES: usize = 400;

/// An enhanced code of the right class at the front of a line (RFC 2034 section 4), and the rest.
fn split_enhanced(text: &[u8], class: u8) -> (Option<(u8, u16, u16)>, &[u8]) {
    if class == b'3' || text.first_chunk() != Some(&[class, b'.']) {
        return (None, text);
    }
    // It has few octets: to look at each is cheaper than to look at many at once.
    let is_blank = |octet: &u8| matches!(octet, b' ' | b'\t');
    let (word, rest) = match text.iter().position(is_blank) {
        Some(end) => (&text[..end], &text[end + 1..]),
        None => (text, &[][..]),
    };
    match parse_enhanced(word) {
        Some(enhanced) => (Some(enhanced), rest),
        None => (None, text),
    }
}

/// The text, with a sign in the place of all that is not UTF-8 or ends lines.
fn printable(text: Vec<u8>) -> String {
    // Without an early exit, so that many octets are examined at once.
    let is_plain = |plain, octet: &u8| plain & ((b' '..=b'~').contains(octet) | (*octet == b'\n'));
    if text.iter().fold(true, is_plain) {
        return String::from_utf8(text).expect("it is ASCII");
    }
    let replace = |c: char| match c {
        '\t' => ' ',
        // The lines are apart already.
        '\n' => '\n',
        '\u{2028}' | '\u{2029}' => char::REPLACEMENT_CHARACTER,
        c if c.is_control() => char::REPLACEMENT_CHARACTER,
        c => c,
    };
    String::from_utf8_lossy(&text)
        .chars()
        .map(replace)
        .collect()
}

#[cfg(test)]
mod tests {
    use bytes::Buf;
    use mailwire::Output;
    use proptest::prelude::*;

    use super::*;

    fn read(bytes: &[u8], piece: usize) -> Result<Vec<String>, MalformedReply> {
        let mut input = Input::new(1 << 20);
        let mut reader = ReplyReader::new(64, 4);
        let mut replies = Vec::new();
        for piece in bytes.chunks(piece) {
            assert_eq!(input.extend(piece), piece.len());
            while let Some(reply) = reader.next(&mut input)? {
                replies.push(reply.to_string());
            }
        }
        Ok(replies)
    }

    #[test]
    fn whole_replies() {
        for (bytes, replies) in [
            (
                &b"250 Ok\r\n250\r\n250 \r\n"[..],
                &["250 Ok", "250 ", "250 "][..],
            ),
            (b"250-a\r\n250-\r\n250\r\n", &["250 a  "]),
            (b"250-2.1.0 a\r\n250 2.1.0 b\r\n", &["250 2.1.0 a b"]),
            (b"250-2.1.0 a\r\n250 2.1.5 b\r\n", &["250 2.1.0 a 2.1.5 b"]),
            (b"250-2.1.0 a\r\n250 b\r\n", &["250 2.1.0 a b"]),
            (b"250 2.1.0\r\n", &["250 2.1.0 "]),
            (b"250-2.1.0\ta\r\n250 2.1.0\tb\r\n", &["250 2.1.0 a b"]),
            (b"550 4.1.0 a\r\n", &["550 4.1.0 a"]),
            (b"354 3.0.0 a\r\n", &["354 3.0.0 a"]),
            (b"599 x\r\n", &["599 x"]),
            (b"250 a\xffb\tc\x1b\r\n", &["250 a\u{fffd}b c\u{fffd}"]),
            (b"250 a\rb\r\n", &["250 a\u{fffd}b"]),
        ] {
            for piece in 1..=bytes.len() {
                let found = read(bytes, piece).expect("legal");
                assert_eq!(found, replies, "pieces of {piece}");
            }
        }
    }

    proptest! {
        /// Law 7: what a server writes is what a client reads.
        #[test]
        fn what_is_written_is_read(
            code in 200u16..560,
            enhanced in prop::option::of((0u16..1000, 0u16..1000)),
            text in "[ -~ü]{0,9}(\n[ -~ü.]{0,9}){0,3}",
            piece in 1usize..40,
        ) {
            let class = (code / 100) as u8;
            let enhanced = enhanced.map(|(subject, detail)| (class, subject, detail));
            let Ok(reply) = Reply::new(code, enhanced, text) else {
                return Ok(());
            };
            let mut output = Output::new(1000);
            reply.write(&mut output);
            let written = output.copy_to_bytes(output.len());
            let mut input = Input::new(2000);
            let mut reader = ReplyReader::new(512, 4);
            let mut read = None;
            for piece in written.chunks(piece) {
                prop_assert_eq!(read, None);
                prop_assert_eq!(input.extend(piece), piece.len());
                read = reader.next(&mut input).expect("a reply");
            }
            // A text that begins like an enhanced code is taken for one where there is none.
            let read = read.expect("a whole reply");
            prop_assert_eq!(read.to_string(), reply.to_string());
            prop_assert!(read == reply || reply.enhanced().is_none());
        }
    }

    #[test]
    fn malformed() {
        let long = format!("250 {}\r\n", "x".repeat(59));
        for bytes in [
            &b"250 a\n"[..],
            b"\r\n",
            b"25\r\n",
            b"25x a\r\n",
            b"150 a\r\n",
            b"600 a\r\n",
            b"250:a\r\n",
            b"2500 a\r\n",
            b" 250 a\r\n",
            b"250-a\r\n550 b\r\n",
            b"250-a\r\n251 b\r\n",
            b"250-a\r\nb\r\n",
            b"250-1\r\n250-2\r\n250-3\r\n250-4\r\n250 5\r\n",
            long.as_bytes(),
        ] {
            for piece in 1..=bytes.len() {
                assert_eq!(read(bytes, piece), Err(MalformedReply), "pieces of {piece}");
            }
        }
        assert_eq!(read(&[b'2'; 70], 1), Err(MalformedReply));
    }
}
