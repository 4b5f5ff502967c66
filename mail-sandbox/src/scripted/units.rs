//! A client's octets as commands, responses and messages, told apart by what the server says.

use bytes::{Bytes, BytesMut};

use crate::endpoint::Endpoint;
use crate::fault::Place;
use crate::limits::LINE;
use crate::session::{Command, EndOfMessage, Expects, Imap, Pop3, Protocol as _, Smtp, imap_lines};

/// Splits what a client says.
#[derive(Debug)]
pub(super) struct Units {
    endpoint: Endpoint,
    pub(super) buffer: BytesMut,
    expects: Expects,
    /// Octets of a chunk, or of a literal, that are to come.
    chunk: u64,
    end: EndOfMessage,
    /// The command goes on behind a literal.
    behind: Option<Behind>,
    /// The last command authenticates, as far as IMAP needs to know it.
    authenticates: bool,
}

/// What goes on behind a literal (RFC 9051 section 4.3).
#[derive(Debug, Clone, Copy)]
struct Behind {
    /// Octets that come if the server asks for them.
    asked_for: Option<u64>,
    is_secret: bool,
}

/// Something that a client says.
#[derive(Debug)]
pub(super) enum Unit {
    /// A command, or a response, as it may be shown: without secrets.
    Line { command: Command, shown: Bytes },
    /// How a command goes on behind a literal.
    Rest(Bytes),
    /// Octets of a message, or of a literal.
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
            behind: None,
            authenticates: false,
        }
    }

    /// What the server says decides what the client's next octets are.
    pub(super) fn hear_server(&mut self, words: &[u8]) {
        let last = last_line(words);
        if self.is_imap() {
            return self.hear_imap(last);
        }
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

    fn hear_imap(&mut self, last: &[u8]) {
        let asks = last.starts_with(b"+");
        self.expects = match asks && self.authenticates {
            true => Expects::Response,
            false => Expects::Command,
        };
        let asked_for = self.behind.and_then(|behind| behind.asked_for);
        if let (true, Some(octets), Some(behind)) = (asks, asked_for, &mut self.behind) {
            behind.asked_for = None;
            self.chunk = octets;
        } else if asked_for.is_some() && !last.starts_with(b"* ") {
            // It is not wanted.
            self.behind = None;
        }
    }

    /// Whether the server lets TLS begin by this.
    pub(super) fn agrees(&self, words: &[u8]) -> bool {
        let last = last_line(words);
        match self.is_imap() {
            true => last.split(|&octet| octet == b' ').nth(1) == Some(b"OK"),
            false => last.starts_with(b"220") || last.starts_with(b"+OK"),
        }
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
            let piece = self.buffer.split_to(octets as usize).freeze();
            let is_secret = self.behind.is_some_and(|behind| behind.is_secret);
            return Some(Unit::Piece(match is_secret {
                true => vec![b'*'; piece.len()].into(),
                false => piece,
            }));
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
        match self.behind.take() {
            Some(behind) => {
                self.announce(&line, behind.is_secret);
                Some(Unit::Rest(match behind.is_secret {
                    true => imap_lines::redacted(&line),
                    false => line,
                }))
            }
            None => Some(self.line(&line)),
        }
    }

    fn line(&mut self, line: &[u8]) -> Unit {
        let command = match self.expects {
            Expects::Response => Command::response(),
            _ if self.is_pop3() => Pop3::command(line),
            _ if self.is_imap() => Imap::command(line),
            _ => Smtp::command(line),
        };
        self.expects = Expects::Command;
        self.chunk = command.chunk.map_or(0, |chunk| chunk.octets);
        match &command.place {
            Place::Response => {}
            Place::Command(verb) => self.authenticates = verb == "AUTHENTICATE",
            _ => self.authenticates = false,
        }
        if command.literal.is_some() {
            self.announce(line, command.shown.is_some());
        }
        let shown = command.redacted(line);
        Unit::Line { command, shown }
    }

    /// A line of IMAP may announce a literal.
    fn announce(&mut self, line: &[u8], is_secret: bool) {
        self.behind = imap_lines::literal(line).map(|literal| {
            let is_asked_for = literal.is_asked_for;
            if !is_asked_for {
                self.chunk = literal.octets;
            }
            Behind {
                asked_for: is_asked_for.then_some(literal.octets),
                is_secret,
            }
        });
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

    fn is_imap(&self) -> bool {
        matches!(self.endpoint, Endpoint::Imap | Endpoint::Imaps)
    }
}

fn last_line(words: &[u8]) -> &[u8] {
    let line = words.strip_suffix(b"\n").unwrap_or(words);
    memchr::memrchr(b'\n', line).map_or(line, |end| &line[end + 1..])
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// All units of what a client says, with what the server says in between, split somewhere.
    fn units(octets: &[u8], split: usize, answers: &[&[u8]]) -> Vec<Unit> {
        let mut units = Units::new(Endpoint::Imap);
        let (one, two) = octets.split_at(split.min(octets.len()));
        let mut found = Vec::new();
        for (piece, answer) in [one, two].into_iter().zip(answers) {
            units.buffer.extend_from_slice(piece);
            found.extend(std::iter::from_fn(|| units.next()));
            units.hear_server(answer);
        }
        found.extend(std::iter::from_fn(|| units.next()));
        found.push(Unit::Piece(units.buffer.split().freeze()));
        found
    }

    fn shown(units: &[Unit]) -> Vec<u8> {
        let shown = units.iter().map(|unit| match unit {
            Unit::Line { shown, .. } | Unit::Rest(shown) | Unit::Piece(shown) => &shown[..],
        });
        shown.collect::<Vec<_>>().concat()
    }

    #[test]
    fn secrets_are_left_out_however_they_are_sent() {
        for (octets, expected) in [
            ("a LOGIN bob secret\r\n", "a LOGIN bob ***\r\n"),
            (
                "a LOGIN bob {6+}\r\nsecret\r\nb NOOP\r\n",
                "a LOGIN bob {6+}\r\n******\r\nb NOOP\r\n",
            ),
            (
                "a LOGIN {3+}\r\nbob {6+}\r\nsecret\r\n",
                "a LOGIN {3+}\r\n*** *** {6+}\r\n******\r\n",
            ),
            (
                "a LOGIN {3+}\r\nbob \"secret\"\r\n",
                "a LOGIN {3+}\r\n*** ***\r\n",
            ),
            (
                "a AUTHENTICATE PLAIN c2VjcmV0\r\n",
                "a AUTHENTICATE PLAIN ***\r\n",
            ),
        ] {
            for split in 0..octets.len() {
                let found = units(octets.as_bytes(), split, &[b"", b""]);
                assert_eq!(
                    String::from_utf8_lossy(&shown(&found)),
                    expected,
                    "{octets} {split}"
                );
            }
        }
        let found = units(
            b"a AUTHENTICATE PLAIN\r\nc2VjcmV0\r\n",
            22,
            &[b"+ \r\n", b""],
        );
        assert_eq!(shown(&found), b"a AUTHENTICATE PLAIN\r\n***\r\n");
    }

    proptest! {
        /// Nothing that is no secret is lost, and no octet is taken twice.
        #[test]
        fn everything_is_shown(
            octets in "([a-c]{1,2} (NOOP|APPEND x|UID FETCH) ?(\\{[0-9]{1,2}\\+?\\})?\r?\n|[a-c{}+ 0-9]{0,9}\r?\n){0,6}",
            split in 0..80_usize,
            answer in "(\\+ go|\\* OK|a NO)\r\n",
        ) {
            let found = units(octets.as_bytes(), split, &[answer.as_bytes(), b"+ \r\n"]);
            let shown = shown(&found);
            prop_assert_eq!(String::from_utf8_lossy(&shown), octets);
        }
    }
}
