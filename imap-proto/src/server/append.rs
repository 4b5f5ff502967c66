//! Messages on their way in: APPEND, with many messages or parts, and REPLACE.

use std::collections::VecDeque;
use std::num::NonZeroU32;

use super::event::NewMessage;
use crate::command::{AppendData, AppendMessage, CatenatePart};
use crate::frame::Announcement;
use crate::mailbox::MailboxName;
use crate::string::Octets;
use crate::tag::Tag;

/// What is known of a command that adds messages, and how far it has come.
///
/// The command is read anew at each literal, up to there; what was done of it before is counted.
#[derive(Debug)]
pub(super) struct Appending {
    pub(super) tag: Tag,
    pub(super) name: &'static str,
    /// The message that goes (RFC 8508).
    pub(super) replaces: Option<NonZeroU32>,
    /// What is to be done before more is read.
    pub(super) pieces: VecDeque<Piece>,
    /// How many pieces are done.
    done: usize,
    /// Octets of the message so far.
    pub(super) length: u64,
    /// Whether NUL is in a literal that may not hold it.
    pub(super) has_nul: bool,
    /// Whether it may be in the literal that comes.
    pub(super) binary: bool,
    /// Whether the application has taken the beginning of a message.
    pub(super) begun: bool,
    /// Whether the framer waits for a word about a literal.
    pub(super) decides: bool,
}

/// A step of adding messages.
#[derive(Debug)]
pub(super) enum Piece {
    Message(Box<NewMessage>),
    Url(Octets),
    /// The literal that was announced.
    Literal(Announcement),
    /// A literal that was announced before.
    Past,
    End,
}

impl Appending {
    pub(super) fn new(tag: Tag, name: &'static str, replaces: Option<NonZeroU32>) -> Self {
        Self {
            tag,
            name,
            replaces,
            pieces: VecDeque::new(),
            done: 0,
            length: 0,
            binary: false,
            has_nul: false,
            begun: false,
            decides: false,
        }
    }

    /// More of the command is known: up to a literal, or to its end.
    pub(super) fn go_on(
        &mut self,
        mailbox: &MailboxName,
        messages: &[AppendMessage],
        literal: Option<Announcement>,
    ) {
        let mut pieces = VecDeque::new();
        for (index, message) in messages.iter().enumerate() {
            let (length, utf8) = match &message.data {
                AppendData::Message { content, .. } => (Some(content.len()), false),
                AppendData::Utf8(content) => (Some(content.len()), true),
                AppendData::Catenate(_) => (None, false),
            };
            pieces.push_back(Piece::Message(Box::new(NewMessage {
                mailbox: mailbox.clone(),
                index,
                flags: message.flags.clone(),
                date: message.date,
                annotations: message.annotations.clone(),
                length,
                utf8,
                replaces: self.replaces,
            })));
            match &message.data {
                AppendData::Message { .. } | AppendData::Utf8(_) => pieces.push_back(Piece::Past),
                AppendData::Catenate(parts) => pieces.extend(parts.iter().map(|part| match part {
                    CatenatePart::Url(url) => Piece::Url(url.clone()),
                    CatenatePart::Text { .. } | CatenatePart::Utf8(_) => Piece::Past,
                })),
            }
        }
        if let Some(literal) = literal {
            // It is what the command ends with, so far.
            pieces.pop_back();
            pieces.push_back(Piece::Literal(literal));
        } else {
            pieces.push_back(Piece::End);
        }
        pieces.drain(..self.done.min(pieces.len()));
        self.pieces = pieces;
        self.decides = literal.is_some();
    }

    pub(super) fn next(&mut self) -> Option<Piece> {
        let piece = self.pieces.pop_front()?;
        self.done += 1;
        Some(piece)
    }
}

/// Whether a frame begins like a command that adds messages.
pub(super) fn is_append(start: &[u8]) -> bool {
    let mut words = start.splitn(4, |octet| *octet == b' ').skip(1);
    let is = |word: Option<&[u8]>, name: &str| {
        word.is_some_and(|word| word.eq_ignore_ascii_case(name.as_bytes()))
    };
    let command = words.next();
    is(command, "APPEND")
        || is(command, "REPLACE")
        || (is(command, "UID") && is(words.next(), "REPLACE"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn beginnings() {
        for (start, expected) in [
            (&b"A1 APPEND INBOX {5"[..], true),
            (b"A1 append", true),
            (b"A1 replace 1 x {1}", true),
            (b"A1 uid Replace 1 x {1}", true),
            (b"A1 UID FETCH 1 (", false),
            (b"A1 APPENDS x", false),
            (b"APPEND x", false),
            (b"", false),
        ] {
            assert_eq!(is_append(start), expected, "{}", start.escape_ascii());
        }
    }
}
