//! The encoder: commands and responses into octets, and the places where a client has to wait.
//!
//! A string is written as the atom, quoted string or literal that its octets and the peer's extensions
//! allow. A literal that the server has to ask for ends a part of the command; the encoder
//! [says so](Next), and the rest follows when the server has answered.

use std::collections::VecDeque;
use std::fmt::{self, Write as _};

use bytes::Bytes;
use mailwire::Output;

use crate::class::{Class, is_all};
use crate::command::Command;
use crate::limits;
use crate::response::Response;
use crate::string::{Content, Octets};

/// What the peer can read.
///
/// ```
/// use imap_proto::encode::{Encoding, Literals};
///
/// let mut encoding = Encoding::commands();
/// encoding.literals = Literals::Plus; // the server has LITERAL+
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Encoding {
    /// Which literals are sent without waiting.
    pub literals: Literals,
    /// Whether strings may be UTF-8 and mailbox names are: `UTF8=ACCEPT` or `IMAP4rev2` is enabled.
    pub utf8: bool,
    /// Whether the server has `BINARY`, so that a message with NUL may be sent in a `literal8`.
    pub binary: bool,
}

/// Which literals are sent without waiting for a continuation request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(clippy::exhaustive_enums, reason = "RFC 7888 has these")]
pub enum Literals {
    /// None: a client that talks to any server.
    Synchronising,
    /// Those of up to 4096 octets: `LITERAL-` or `IMAP4rev2` (RFC 7888 section 5).
    Minus,
    /// All: `LITERAL+` (RFC 7888 section 4).
    Plus,
    /// All, unmarked: a server.
    Server,
}

impl Encoding {
    /// For commands to a server of which nothing is known.
    pub const fn commands() -> Self {
        Self {
            literals: Literals::Synchronising,
            utf8: false,
            binary: false,
        }
    }

    /// For responses.
    pub const fn responses() -> Self {
        Self {
            literals: Literals::Server,
            utf8: false,
            binary: true,
        }
    }
}

/// Collects what is written, up to where it has to stop.
///
/// ```
/// use imap_proto::command::{Command, CommandBody, Login};
/// use imap_proto::encode::{Encoder, Encoding, Next};
/// use mailwire::Output;
/// use bytes::Buf;
///
/// let login = Login::new("alice", "pass \"word\"\n");
/// let command = Command::new("A1".parse()?, CommandBody::Login(login));
/// let mut encoder = Encoder::new(Encoding::commands());
/// encoder.command(&command);
///
/// let mut output = Output::new(1000);
/// assert_eq!(encoder.transfer(&mut output), Next::Continuation);
/// assert_eq!(output.chunk(), b"A1 LOGIN alice {12}\r\n");
/// output.advance(output.remaining());
/// // The server has said `+`.
/// assert_eq!(encoder.transfer(&mut output), Next::Done);
/// assert_eq!(output.chunk(), b"pass \"word\"\n\r\n");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct Encoder {
    encoding: Encoding,
    /// What is transferred before the rest of `written`.
    parts: VecDeque<Part>,
    /// What was written, of which the first octets are transferred.
    written: Vec<u8>,
    transferred: usize,
}

#[derive(Debug)]
enum Part {
    /// What was written, up to there.
    Written(usize),
    Chained(Bytes),
    Stop(Next),
}

/// How it goes on behind what was transferred.
#[must_use]
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(clippy::exhaustive_enums, reason = "callers have to handle each")]
pub enum Next {
    /// That was all.
    Done,
    /// The server has to send a continuation request first. If it answers the command instead, what
    /// is left is [cleared](Encoder::clear).
    Continuation,
    /// So many octets of [content](Content::Streamed) are to be sent by whoever has them.
    Stream(u64),
}

impl Encoder {
    /// An empty one.
    pub fn new(encoding: Encoding) -> Self {
        Self {
            encoding,
            parts: VecDeque::new(),
            written: Vec::new(),
            transferred: 0,
        }
    }

    /// Writes a command.
    pub fn command(&mut self, command: &Command) {
        command.write(self);
    }

    /// Writes a response.
    pub fn response(&mut self, response: &Response) {
        response.write(self);
    }

    /// Changes what the peer can read, from here on.
    pub fn set_encoding(&mut self, encoding: Encoding) {
        self.encoding = encoding;
    }

    /// What the peer can read.
    pub fn encoding(&self) -> Encoding {
        self.encoding
    }

    /// Moves what may be sent now to the output; large things without a copy.
    pub fn transfer(&mut self, output: &mut Output) -> Next {
        while let Some(part) = self.parts.pop_front() {
            match part {
                Part::Written(end) => {
                    output.push(&self.written[self.transferred..end]);
                    self.transferred = end;
                }
                Part::Chained(octets) => output.push_bytes(octets),
                Part::Stop(next) => return next,
            }
        }
        output.push(&self.written[self.transferred..]);
        self.clear();
        Next::Done
    }

    /// Forgets what was not transferred.
    pub fn clear(&mut self) {
        self.parts.clear();
        self.written.clear();
        self.transferred = 0;
    }

    /// Whether everything was transferred.
    pub fn is_empty(&self) -> bool {
        self.parts.is_empty() && self.transferred == self.written.len()
    }

    #[inline]
    pub(crate) fn raw(&mut self, octets: &[u8]) -> &mut Self {
        self.written.extend_from_slice(octets);
        self
    }

    #[inline]
    pub(crate) fn word(&mut self, word: &str) -> &mut Self {
        self.raw(word.as_bytes())
    }

    #[inline]
    pub(crate) fn space(&mut self) -> &mut Self {
        self.raw(b" ")
    }

    #[inline]
    pub(crate) fn crlf(&mut self) {
        self.raw(b"\r\n");
    }

    #[inline]
    pub(crate) fn number(&mut self, number: impl Into<u64>) -> &mut Self {
        self.raw(itoa::Buffer::new().format(number.into()).as_bytes())
    }

    pub(crate) fn display(&mut self, value: &impl fmt::Display) -> &mut Self {
        write!(self, "{value}").expect("memory takes it");
        self
    }

    /// An `astring`.
    #[inline]
    pub(crate) fn astring(&mut self, value: &[u8]) -> &mut Self {
        if !value.is_empty() && value.len() <= limits::QUOTED && is_all(value, Class::ASTRING) {
            return self.raw(value);
        }
        self.string(value)
    }

    /// A `string`. One that holds NUL is none in the grammar, whatever its notation; it is written as a literal,
    /// and is up to the peer.
    #[inline]
    pub(crate) fn string(&mut self, value: &[u8]) -> &mut Self {
        if value.len() <= limits::QUOTED {
            if is_all(value, Class::QUOTED) {
                return self.raw(b"\"").raw(value).raw(b"\"");
            }
            let stops = |octet: &u8| matches!(octet, 0 | b'\r' | b'\n');
            let utf8 = || self.encoding.utf8 && std::str::from_utf8(value).is_ok();
            if !value.iter().any(stops) && (value.is_ascii() || utf8()) {
                return self.quoted(value);
            }
        }
        self.literal(&Content::Whole(value.into()), false)
    }

    /// A `string`, or where it holds NUL a `literal8`, which few places allow.
    pub(crate) fn string8(&mut self, value: &Octets) -> &mut Self {
        match memchr::memchr(0, value) {
            None => self.string(value),
            Some(_) => self.literal(&Content::Whole(value.clone()), true),
        }
    }

    fn quoted(&mut self, value: &[u8]) -> &mut Self {
        self.raw(b"\"");
        for octet in value {
            if matches!(octet, b'"' | b'\\') {
                self.raw(b"\\");
            }
            self.raw(&[*octet]);
        }
        self.raw(b"\"")
    }

    /// An `nstring`.
    #[inline]
    pub(crate) fn nstring(&mut self, value: Option<&Octets>) -> &mut Self {
        match value {
            Some(value) => self.string(value),
            None => self.raw(b"NIL"),
        }
    }

    /// A `literal`, or where `binary` a `literal8`.
    pub(crate) fn literal(&mut self, content: &Content, binary: bool) -> &mut Self {
        if binary {
            self.raw(b"~");
        }
        let length = content.len();
        let waits = match self.encoding.literals {
            Literals::Synchronising => true,
            Literals::Minus => length > limits::LITERAL_MINUS,
            Literals::Plus | Literals::Server => false,
        };
        let marked = !waits && self.encoding.literals != Literals::Server;
        self.raw(b"{").number(length);
        self.raw(if marked { b"+}\r\n" } else { b"}\r\n" });
        if waits {
            self.part(Part::Stop(Next::Continuation));
        }
        match content {
            Content::Whole(octets) if octets.len() >= limits::CHAINED => {
                self.part(Part::Chained(octets.as_bytes().clone()));
            }
            Content::Whole(octets) => {
                self.raw(octets);
            }
            Content::Streamed(length) => self.part(Part::Stop(Next::Stream(*length))),
        }
        self
    }

    /// `(a b c)`
    pub(crate) fn list<T>(
        &mut self,
        values: impl IntoIterator<Item = T>,
        write: impl FnMut(&mut Self, T),
    ) -> &mut Self {
        self.raw(b"(").spaced(values, write).raw(b")")
    }

    /// `a b c`
    #[inline]
    pub(crate) fn spaced<T>(
        &mut self,
        values: impl IntoIterator<Item = T>,
        mut write: impl FnMut(&mut Self, T),
    ) -> &mut Self {
        let mut first = true;
        for value in values {
            if !first {
                self.space();
            }
            first = false;
            write(self, value);
        }
        self
    }

    /// Goes on with something else behind what was written.
    fn part(&mut self, part: Part) {
        self.parts.push_back(Part::Written(self.written.len()));
        self.parts.push_back(part);
    }
}

impl fmt::Write for Encoder {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        self.raw(text.as_bytes());
        Ok(())
    }
}
