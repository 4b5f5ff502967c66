//! Replies out of received bytes.

use std::borrow::Cow;

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
    code: u16,
    enhanced: Option<(u8, u16, u16)>,
    text: String,
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
            code: 0,
            enhanced: None,
            text: String::new(),
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
        while !input.is_empty() {
            let found = self.lines.next(input);
            let Found::Line {
                length, crlf: true, ..
            } = found
            else {
                return match found {
                    Found::Incomplete { consume: 0 } => Ok(None),
                    _ => Err(MalformedReply),
                };
            };
            let is_last = self.add(&input[..length])?;
            input.consume(found.consume());
            if is_last {
                self.count = 0;
                return Ok(Some(Reply {
                    code: self.code,
                    enhanced: self.enhanced,
                    text: std::mem::take(&mut self.text).into(),
                }));
            }
        }
        Ok(None)
    }

    /// Whether part of a reply has been seen.
    pub fn is_within_reply(&self) -> bool {
        self.count > 0 || self.lines.is_within_line()
    }

    /// Adds a line and says whether it is the last.
    fn add(&mut self, line: &[u8]) -> Result<bool, MalformedReply> {
        let [a @ b'2'..=b'5', b @ b'0'..=b'9', c @ b'0'..=b'9', rest @ ..] = line else {
            return Err(MalformedReply);
        };
        let digit = |octet: &u8| u16::from(octet - b'0');
        let code = digit(a) * 100 + digit(b) * 10 + digit(c);
        let (is_last, text) = match rest {
            [] => (true, rest),
            [b' ', text @ ..] => (true, text),
            [b'-', text @ ..] => (false, text),
            _ => return Err(MalformedReply),
        };
        let text = printable(text);
        let (enhanced, text_only) = split_enhanced(&text, a - b'0');
        if self.count == 0 {
            (self.code, self.enhanced) = (code, enhanced);
        } else if code != self.code || self.count == self.most {
            return Err(MalformedReply);
        } else {
            self.text.push('\n');
        }
        self.count += 1;
        self.text.push_str(match enhanced == self.enhanced {
            true => text_only,
            false => &text,
        });
        Ok(is_last)
    }
}

/// An enhanced code of the right class at the front of a line (RFC 2034 section 4), and the rest.
fn split_enhanced(text: &str, class: u8) -> (Option<(u8, u16, u16)>, &str) {
    if text.as_bytes().get(1) != Some(&b'.') {
        return (None, text);
    }
    let (word, rest) = text.split_once(' ').unwrap_or((text, ""));
    match parse_enhanced(word) {
        Some(enhanced) if enhanced.0 == class && class != 3 => (Some(enhanced), rest),
        _ => (None, text),
    }
}

/// The text, with a sign in the place of all that is not UTF-8 or ends lines.
fn printable(text: &[u8]) -> Cow<'_, str> {
    let is_plain = |octet: &u8| (b' '..=b'~').contains(octet);
    let lossy = String::from_utf8_lossy(text);
    if text.iter().all(is_plain) {
        return lossy;
    }
    let replace = |c: char| match c {
        '\t' => ' ',
        '\u{2028}' | '\u{2029}' => char::REPLACEMENT_CHARACTER,
        c if c.is_control() => char::REPLACEMENT_CHARACTER,
        c => c,
    };
    lossy.chars().map(replace).collect::<String>().into()
}

#[cfg(test)]
mod tests {
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
