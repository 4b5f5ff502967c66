//! A client's octets as commands, responses and messages, told apart by what the server says.

use bytes::{Bytes, BytesMut};

use crate::endpoint::Endpoint;
use crate::limits::LINE;
use crate::session::{Command, EndOfMessage, Expects, Pop3, Protocol as _, Smtp};

/// Splits what a client says.
#[derive(Debug)]
pub(super) struct Units {
    endpoint: Endpoint,
    pub(super) buffer: BytesMut,
    expects: Expects,
    /// Octets of a chunk that are to come.
    chunk: u64,
    end: EndOfMessage,
}

/// Something that a client says.
#[derive(Debug)]
pub(super) enum Unit {
    Line {
        command: Command,
        /// Without secrets.
        shown: Bytes,
    },
    /// Octets of a message.
    Piece(Bytes),
}

impl Units {
    pub(super) fn new(endpoint: Endpoint) -> Self {
        Self {
            endpoint,
            buffer: BytesMut::new(),
            expects: Expects::Command,
            chunk: 0,
            end: EndOfMessage::new(),
        }
    }

    /// What the server says decides what the client's next octets are.
    pub(super) fn hear_server(&mut self, words: &[u8]) {
        let line = words.strip_suffix(b"\n").unwrap_or(words);
        let last = memchr::memrchr(b'\n', line).map_or(line, |end| &line[end + 1..]);
        let (message, challenge) = match self.is_pop3() {
            true => (&b"\0"[..], &b"+ "[..]),
            false => (&b"354"[..], &b"334"[..]),
        };
        self.expects = if last.starts_with(message) {
            self.end = EndOfMessage::new();
            Expects::Message
        } else if last.starts_with(challenge) {
            Expects::Response
        } else {
            Expects::Command
        };
    }

    /// The next of what is in the buffer, if it is whole.
    pub(super) fn next(&mut self) -> Option<Unit> {
        if self.buffer.is_empty() {
            return None;
        }
        let available = self.buffer.len();
        if self.chunk > 0 {
            let octets = self.chunk.min(available as u64);
            self.chunk -= octets;
            return Some(self.piece(octets as usize));
        }
        if self.expects == Expects::Message {
            let end = self.end.find(&self.buffer);
            if end.is_some() {
                self.expects = Expects::Command;
            }
            return Some(self.piece(end.unwrap_or(available)));
        }
        let Some(end) = memchr::memchr(b'\n', &self.buffer) else {
            return (available > LINE).then(|| self.piece(available));
        };
        let line = self.buffer.split_to(end + 1).freeze();
        let command = match self.expects {
            Expects::Response => Command::response(),
            _ if self.is_pop3() => Pop3::command(&line),
            _ => Smtp::command(&line),
        };
        self.expects = Expects::Command;
        self.chunk = command.chunk.map_or(0, |chunk| chunk.octets);
        let shown = command.redacted(&line);
        Some(Unit::Line { command, shown })
    }

    /// Whether the end of a message, or of a chunk, is still to come.
    pub(super) fn is_within_message(&self) -> bool {
        self.chunk > 0 || self.expects == Expects::Message
    }

    /// Forgets what was begun.
    pub(super) fn clear(&mut self) {
        self.chunk = 0;
        self.buffer.clear();
    }

    fn piece(&mut self, octets: usize) -> Unit {
        Unit::Piece(self.buffer.split_to(octets).freeze())
    }

    fn is_pop3(&self) -> bool {
        matches!(self.endpoint, Endpoint::Pop3 | Endpoint::Pop3s)
    }
}
