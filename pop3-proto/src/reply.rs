//! Replies: what a server says in one line (RFC 1939 section 3, RFC 2449 section 8).

use std::fmt;
use std::str::FromStr;

use compact_str::CompactString;
use mailwire::Output;

use crate::limits;

/// The first line of an answer, or all of it.
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(clippy::exhaustive_enums, reason = "POP3 has these two")]
pub enum Reply {
    /// `+OK`, and what was said behind it.
    Ok(CompactString),
    /// `-ERR`
    Err(Refusal),
}

impl Reply {
    /// Reads a line, without its line end.
    ///
    /// What is not UTF-8 in the text is replaced: old servers speak in the character set of
    /// their country. `+OK` and `-ERR` are recognised in any case, and with nothing behind them.
    ///
    /// # Errors
    ///
    /// If it begins with neither.
    pub fn parse(line: &[u8]) -> Result<Self, InvalidReply> {
        let split = memchr::memchr(b' ', line).unwrap_or(line.len());
        let (status, rest) = line.split_at(split);
        let text = String::from_utf8_lossy(rest.get(1..).unwrap_or_default());
        if status.eq_ignore_ascii_case(b"+OK") {
            return Ok(Self::Ok(text.trim_end().into()));
        }
        if status.eq_ignore_ascii_case(b"-ERR") {
            return Ok(Self::Err(Refusal::read(text.trim_end())));
        }
        Err(InvalidReply)
    }
}

impl fmt::Display for Reply {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Ok(text) if text.is_empty() => f.write_str("+OK"),
            Self::Ok(text) => write!(f, "+OK {text}"),
            Self::Err(refusal) => write!(f, "-ERR {refusal}"),
        }
    }
}

/// A negative answer: a text for people and, if there is one, a code for programs.
///
/// ```
/// use pop3_proto::{Refusal, ResponseCode};
///
/// let refusal: Refusal = "[IN-USE] Another session has this mailbox".parse()?;
/// assert_eq!(refusal.code(), Some(&ResponseCode::InUse));
/// assert!("two\r\nlines".parse::<Refusal>().is_err());
/// # Ok::<(), pop3_proto::InvalidReply>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    code: Option<ResponseCode>,
    text: CompactString,
}

impl Refusal {
    /// A refusal.
    ///
    /// # Errors
    ///
    /// If the text holds a control character, or the line would be longer than the 512 octets
    /// of RFC 2449 section 4.
    pub fn new(
        code: impl Into<Option<ResponseCode>>,
        text: impl Into<CompactString>,
    ) -> Result<Self, InvalidReply> {
        let refusal = Self {
            code: code.into(),
            text: text.into(),
        };
        let code_length = refusal
            .code
            .as_ref()
            .map_or(0, |code| code.as_str().len() + 3);
        let length = "-ERR \r\n".len() + code_length + refusal.text.len();
        match length <= limits::STATUS_LINE && !refusal.text.chars().any(char::is_control) {
            true => Ok(refusal),
            false => Err(InvalidReply),
        }
    }

    /// One of our own, whose text is known to be fine.
    pub(crate) const fn fixed(code: Option<ResponseCode>, text: &'static str) -> Self {
        Self {
            code,
            text: CompactString::const_new(text),
        }
    }

    /// What programs should know (RFC 2449 section 8).
    pub fn code(&self) -> Option<&ResponseCode> {
        self.code.as_ref()
    }

    /// What people should know.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// Whether it may help to try again later: the maildrop is in use, it is too early, or the
    /// server has trouble that passes.
    pub fn is_temporary(&self) -> bool {
        use ResponseCode::{InUse, LoginDelay, SysTemp};
        matches!(self.code, Some(InUse | LoginDelay | SysTemp))
    }

    fn read(text: &str) -> Self {
        let coded = text
            .strip_prefix('[')
            .and_then(|rest| rest.split_once(']'))
            .and_then(|(code, rest)| Some((code.parse().ok()?, rest)));
        match coded {
            Some((code, rest)) => Self {
                code: Some(code),
                text: rest.strip_prefix(' ').unwrap_or(rest).into(),
            },
            None => Self {
                code: None,
                text: text.into(),
            },
        }
    }

    pub(crate) fn write(&self, output: &mut Output) {
        output.push(b"-ERR ");
        if let Some(code) = &self.code {
            output.push(b"[");
            output.push(code.as_str().as_bytes());
            output.push(b"] ");
        }
        output.push(self.text.as_bytes());
        output.push(b"\r\n");
    }
}

impl FromStr for Refusal {
    type Err = InvalidReply;

    fn from_str(text: &str) -> Result<Self, InvalidReply> {
        let Self { code, text } = Self::read(text);
        Self::new(code, text)
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.code {
            Some(code) => write!(f, "[{code}] {}", self.text),
            None => f.write_str(&self.text),
        }
    }
}

/// A response code (RFC 2449 section 8): the reason for a refusal, for programs.
///
/// Read in any case. Programs ignore those that they do not know.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum ResponseCode {
    /// `IN-USE`: another session has the maildrop (RFC 2449 section 8.1.2).
    InUse,
    /// `LOGIN-DELAY`: too early for another login (section 8.1.1).
    LoginDelay,
    /// `AUTH`: the credentials are at fault (RFC 3206).
    Auth,
    /// `SYS/TEMP`: the server is at fault, and it will pass (RFC 3206).
    SysTemp,
    /// `SYS/PERM`: the server is at fault, and somebody must see to it (RFC 3206).
    SysPerm,
    /// `UTF8`: the message is only for sessions in UTF-8 mode (RFC 6856 section 5).
    Utf8,
    /// Another, in upper case.
    Other(OtherCode),
}

/// A response code without a name here.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OtherCode(CompactString);

impl ResponseCode {
    /// The code as it is written.
    pub fn as_str(&self) -> &str {
        match self {
            Self::InUse => "IN-USE",
            Self::LoginDelay => "LOGIN-DELAY",
            Self::Auth => "AUTH",
            Self::SysTemp => "SYS/TEMP",
            Self::SysPerm => "SYS/PERM",
            Self::Utf8 => "UTF8",
            Self::Other(code) => &code.0,
        }
    }
}

impl FromStr for ResponseCode {
    type Err = InvalidReply;

    fn from_str(text: &str) -> Result<Self, InvalidReply> {
        let upper = text.to_ascii_uppercase();
        Ok(match upper.as_str() {
            "IN-USE" => Self::InUse,
            "LOGIN-DELAY" => Self::LoginDelay,
            "AUTH" => Self::Auth,
            "SYS/TEMP" => Self::SysTemp,
            "SYS/PERM" => Self::SysPerm,
            "UTF8" => Self::Utf8,
            other => {
                let level = |level: &str| {
                    !level.is_empty()
                        && level
                            .bytes()
                            .all(|octet| octet.is_ascii_graphic() && octet != b']')
                };
                if !other.split('/').all(level) {
                    return Err(InvalidReply);
                }
                Self::Other(OtherCode(other.into()))
            }
        })
    }
}

impl fmt::Display for ResponseCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// The text cannot be a reply.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a reply")]
pub struct InvalidReply;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn replies_both_ways() {
        for line in [
            "+OK",
            "+OK 2 320",
            "+OK <1896.697170952@mail.test>",
            "-ERR ",
            "-ERR no such message",
            "-ERR [AUTH] wrong",
            "-ERR [SYS/TEMP] disk is full",
            "-ERR [IN-USE] locked",
            "-ERR [X-NEW/LEVEL] what?",
            "-ERR [not a code] what?",
            "-ERR [] what?",
            "-ERR [a//b] what?",
            "-ERR [open",
        ] {
            let reply = Reply::parse(line.as_bytes()).expect(line);
            assert_eq!(reply.to_string(), line);
        }
        let Ok(Reply::Err(refusal)) = Reply::parse(b"-err [sys/temp]later") else {
            panic!("a refusal in lower case");
        };
        assert_eq!(refusal.code(), Some(&ResponseCode::SysTemp));
        assert_eq!(refusal.text(), "later");
        assert!(refusal.is_temporary());
    }

    #[test]
    fn what_is_no_reply() {
        for line in [
            &b""[..],
            b"OK",
            b"+",
            b"+ ",
            b"+OKAY",
            b"*OK",
            b"220 mx.test",
        ] {
            assert_eq!(Reply::parse(line), Err(InvalidReply), "{line:?}");
        }
        assert!(
            matches!(Reply::parse(b"+OK caf\xe9"), Ok(Reply::Ok(text)) if text == "caf\u{fffd}")
        );
    }

    #[test]
    fn a_refusal_is_one_line_of_512_octets() {
        for text in ["a\r\nb", "a\nb", "a\rb", "a\0b", "[AUTH] \u{7f}"] {
            assert!(text.parse::<Refusal>().is_err(), "{text:?}");
        }
        assert!("x".repeat(505).parse::<Refusal>().is_ok());
        assert!("x".repeat(506).parse::<Refusal>().is_err());
        assert!("[AUTH] ".to_owned().parse::<Refusal>().is_ok());
        assert!(Refusal::new(ResponseCode::Auth, "x".repeat(498)).is_ok());
        assert!(Refusal::new(ResponseCode::Auth, "x".repeat(499)).is_err());
    }
}
