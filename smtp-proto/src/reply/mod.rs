//! Replies: what a server says to a command (RFC 5321 section 4.2).

mod reader;
pub use reader::{MalformedReply, ReplyReader};

use std::borrow::Cow;
use std::fmt;
use std::io::Write as _;
use std::str::FromStr;

use mailwire::Output;

use crate::limits;

/// A reply: a code, an enhanced status code (RFC 3463) where it has one, and text.
///
/// It cannot hold CR or NUL, and a line feed in its text starts a new line of the reply, so no
/// text can forge a second reply.
///
/// ```
/// use smtp_proto::Reply;
///
/// let reply: Reply = "550 5.1.1 No such user".parse()?;
/// assert_eq!(reply.code(), 550);
/// assert!(reply.is_permanent());
/// let same = Reply::new(550, (5, 1, 1), "No such user")?;
/// assert_eq!(reply, same);
/// assert!(Reply::new(250, None, "fine\r\n250 forged").is_err());
/// # Ok::<(), smtp_proto::InvalidReply>(())
/// ```
#[derive(Clone, PartialEq, Eq)]
pub struct Reply {
    code: u16,
    enhanced: Option<(u8, u16, u16)>,
    /// Lines, separated by `\n`.
    text: Cow<'static, str>,
}

impl Reply {
    /// A reply of one or, with `\n` in the text, several lines.
    ///
    /// # Errors
    ///
    /// If the code is not one (200 to 559 with a second digit of 0 to 5), the enhanced code is
    /// of another class or stands in a 3xx reply (RFC 2034 section 4), or the text has control
    /// characters, a line that does not fit into 512 octets (section 4.5.3.1.5), or too many lines.
    pub fn new(
        code: u16,
        enhanced: impl Into<Option<(u8, u16, u16)>>,
        text: impl Into<Cow<'static, str>>,
    ) -> Result<Self, InvalidReply> {
        let (enhanced, text) = (enhanced.into(), text.into());
        match is_legal(code, enhanced, text.as_bytes()) {
            true => Ok(Self {
                code,
                enhanced,
                text,
            }),
            false => Err(InvalidReply),
        }
    }

    /// The same for replies that are written in the program.
    ///
    /// # Panics
    ///
    /// If [`new`](Self::new) would fail; in a constant this is an error of compilation.
    pub const fn fixed(code: u16, enhanced: Option<(u8, u16, u16)>, text: &'static str) -> Self {
        assert!(
            is_legal(code, enhanced, text.as_bytes()),
            "not a legal reply"
        );
        Self {
            code,
            enhanced,
            text: Cow::Borrowed(text),
        }
    }

    /// The three digits.
    pub fn code(&self) -> u16 {
        self.code
    }

    /// The enhanced status code.
    pub fn enhanced(&self) -> Option<(u8, u16, u16)> {
        self.enhanced
    }

    /// The text, line by line, without codes.
    pub fn lines(&self) -> impl Iterator<Item = &str> {
        self.text.split('\n')
    }

    /// 2xx: the command was done.
    pub fn is_positive(&self) -> bool {
        self.code / 100 == 2
    }

    /// 3xx: go on.
    pub fn is_intermediate(&self) -> bool {
        self.code / 100 == 3
    }

    /// 4xx: not now; the same may succeed later.
    pub fn is_temporary(&self) -> bool {
        self.code / 100 == 4
    }

    /// 5xx: no.
    pub fn is_permanent(&self) -> bool {
        self.code / 100 == 5
    }

    /// The same without an enhanced status code.
    pub(crate) fn plain(self) -> Self {
        Self {
            enhanced: None,
            ..self
        }
    }

    /// Writes the reply with every line's code and CRLF.
    pub(crate) fn write(&self, output: &mut Output) {
        let mut rest = self.text.as_bytes();
        while let Some(end) = memchr::memchr(b'\n', rest) {
            self.write_line(b'-', &rest[..end], output);
            rest = &rest[end + 1..];
        }
        self.write_line(b' ', rest, output);
    }

    fn write_line(&self, separator: u8, text: &[u8], output: &mut Output) {
        output.push(&[
            b'0' + (self.code / 100) as u8,
            b'0' + (self.code / 10 % 10) as u8,
            b'0' + (self.code % 10) as u8,
            separator,
        ]);
        match self.enhanced {
            // As nearly all of them are.
            Some((class, subject @ 0..=9, detail @ 0..=9)) => output.push(&[
                b'0' + class,
                b'.',
                b'0' + subject as u8,
                b'.',
                b'0' + detail as u8,
                b' ',
            ]),
            Some((class, subject, detail)) => {
                write!(output, "{class}.{subject}.{detail} ").expect("an output takes all");
            }
            None => {}
        }
        output.push(text);
        output.push(b"\r\n");
    }
}

impl FromStr for Reply {
    type Err = InvalidReply;

    /// Reads one line, as a person writes it: `550 5.1.1 No such user`.
    fn from_str(line: &str) -> Result<Self, InvalidReply> {
        let (code, rest) = line.split_at_checked(3).ok_or(InvalidReply)?;
        let rest = match rest.strip_prefix(' ') {
            Some(rest) => rest,
            None if rest.is_empty() => rest,
            None => return Err(InvalidReply),
        };
        if !code.bytes().all(|octet| octet.is_ascii_digit()) {
            return Err(InvalidReply);
        }
        let code = code.parse().map_err(|_| InvalidReply)?;
        let (first, text) = rest.split_once(' ').unwrap_or((rest, ""));
        match parse_enhanced(first.as_bytes()) {
            Some(enhanced) if enhanced.0 == (code / 100) as u8 => {
                Self::new(code, enhanced, text.to_owned())
            }
            _ => Self::new(code, None, rest.to_owned()),
        }
    }
}

/// `class.subject.detail`, of one and up to three digits (RFC 3463 section 2).
fn parse_enhanced(word: &[u8]) -> Option<(u8, u16, u16)> {
    let [class @ b'0'..=b'9', b'.', rest @ ..] = word else {
        return None;
    };
    let mut numbers = [0; 2];
    let mut digits = [0; 2];
    let mut which = 0;
    for octet in rest {
        match octet {
            b'.' if which == 0 => which = 1,
            b'0'..=b'9' if digits[which] < 3 => {
                numbers[which] = numbers[which] * 10 + u16::from(octet - b'0');
                digits[which] += 1;
            }
            _ => return None,
        }
    }
    let is_whole = digits[0] > 0 && digits[1] > 0;
    is_whole.then_some((class - b'0', numbers[0], numbers[1]))
}

/// The rules of [`Reply::new`], usable in constants.
const fn is_legal(code: u16, enhanced: Option<(u8, u16, u16)>, text: &[u8]) -> bool {
    let class = code / 100;
    if class < 2 || class > 5 || code / 10 % 10 > 5 {
        return false;
    }
    if let Some((enhanced_class, subject, detail)) = enhanced {
        if enhanced_class as u16 != class || class == 3 || subject > 999 || detail > 999 {
            return false;
        }
    }
    let (mut index, mut length, mut lines) = (0, 0, 1);
    while index < text.len() {
        match text[index] {
            b'\n' => {
                length = 0;
                lines += 1;
            }
            0..=31 | 127 => return false,
            _ => length += 1,
        }
        if length + CODES > limits::REPLY_LINE || lines > limits::REPLY_LINES {
            return false;
        }
        index += 1;
    }
    true
}

/// Octets of a line besides its text: `550-5.999.999 ` and CRLF.
const CODES: usize = 16;

impl fmt::Display for Reply {
    /// On one line, for people.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.code)?;
        if let Some((class, subject, detail)) = self.enhanced {
            write!(f, " {class}.{subject}.{detail}")?;
        }
        for line in self.lines() {
            write!(f, " {line}")?;
        }
        Ok(())
    }
}

impl fmt::Debug for Reply {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Reply({self})")
    }
}

/// The reply breaks a rule of RFC 5321 section 4.2 or RFC 2034, or holds a control character.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a legal reply")]
pub struct InvalidReply;

#[cfg(test)]
mod tests {
    use bytes::Buf;

    use super::*;

    fn written(reply: &Reply) -> String {
        let mut output = Output::new(1000);
        reply.write(&mut output);
        String::from_utf8(output.copy_to_bytes(output.len()).to_vec()).expect("UTF-8")
    }

    #[test]
    fn written_with_codes_on_every_line() {
        for (reply, wire) in [
            (Reply::fixed(250, Some((2, 0, 0)), "Ok"), "250 2.0.0 Ok\r\n"),
            (Reply::fixed(354, None, "Go on"), "354 Go on\r\n"),
            (
                Reply::fixed(452, Some((4, 10, 999)), "a\n"),
                "452-4.10.999 a\r\n452 4.10.999 \r\n",
            ),
            (Reply::fixed(250, None, ""), "250 \r\n"),
            (
                Reply::fixed(550, Some((5, 7, 1)), "No.\nReally."),
                "550-5.7.1 No.\r\n550 5.7.1 Really.\r\n",
            ),
        ] {
            assert_eq!(written(&reply), wire);
        }
    }

    #[test]
    fn read_back_from_a_line() {
        for line in [
            "550 5.1.1 No such user",
            "354 Go on",
            "421 4.3.2 Later",
            "252 2.x is text",
        ] {
            let reply: Reply = line.parse().expect("a reply");
            assert_eq!(reply.to_string(), line);
            assert_eq!(written(&reply), format!("{line}\r\n"));
        }
    }

    #[test]
    fn refused() {
        for line in [
            "", "25", "199 no", "600 no", "260 no", "+50 no", "250-two", "250 a\rb", "250 a\0b",
        ] {
            assert!(line.parse::<Reply>().is_err(), "{line:?}");
        }
        assert!(Reply::new(250, (5, 0, 0), "").is_err());
        assert!(Reply::new(354, (3, 0, 0), "").is_err());
        assert!(Reply::new(250, None, "x".repeat(500)).is_err());
        assert!(Reply::new(250, None, "x\n".repeat(100)).is_err());
    }
}
