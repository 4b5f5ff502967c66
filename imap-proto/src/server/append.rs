//! Messages on their way in: APPEND, with many messages or parts, and REPLACE.

use std::collections::VecDeque;
use std::num::NonZeroU32;
use std::time::Instant;

use mailwire::Step;

use super::event::NewMessage;
use super::question::{Ending, Question};
use super::replies::{self, bad, completed, no, uid_required};
use super::session::Enabled;
use super::{Event, Refusal, Server, State, Turn, literals, offers};
use crate::command::{AppendData, AppendMessage, By, CatenatePart, Command, CommandBody};
use crate::frame::{Announcement, Found, Frame};
use crate::mailbox::MailboxName;
use crate::response::{Code, CodeWord, Status, StatusKind};
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

impl Server {
    pub(super) fn begin_append(&mut self, command: Command, literal: Option<Announcement>) -> Turn {
        let Command { tag, body } = command;
        let reject = |server: &mut Self, status| match literal {
            Some(_) => server.refuse_literal(status),
            None => server.reject(Some(tag.clone()), status),
        };
        if let Some(status) = self.objection(&body) {
            return reject(self, status);
        }
        let mut replaces = None;
        if let CommandBody::Replace(replace) = &body {
            if self.session.enabled.contains(Enabled::UIDONLY) && replace.by == By::Sequence {
                return reject(self, uid_required());
            }
            if self.is_read_only() {
                return reject(self, no("Mailbox is read-only"));
            }
            let Ok(named) = self.named(replace.by, &replace.old) else {
                return reject(self, bad("No such message"));
            };
            replaces = named.uids.first();
            if replaces.is_none() {
                let mut status = no("No such message");
                if !named.gone.is_empty() {
                    status = status.with_code(CodeWord::ExpungeIssued);
                }
                return reject(self, status);
            }
        }
        self.session.errors = 0;
        self.timer.disarm();
        let mut appending = Appending::new(tag, body.name(), replaces);
        go_on(&mut appending, &body, literal);
        self.state = State::Appending(Box::new(appending));
        Turn::Go
    }

    pub(super) fn append(&mut self, now: Instant) -> Turn {
        let State::Appending(appending) = &mut self.state else {
            unreachable!("called in this state alone");
        };
        if let Some(piece) = appending.next() {
            return self.append_piece(piece);
        }
        let found = match self.framer.next(&mut self.input) {
            Ok(found) => found,
            Err(error) => return self.break_off(error.into()),
        };
        let (frame, literal) = match found {
            Found::Incomplete => return self.need_octets(now),
            Found::Piece { octets, .. } => {
                self.timer.disarm();
                let nul = !appending.binary && memchr::memchr(0, &octets).is_some();
                appending.has_nul |= nul;
                return match octets.is_empty() {
                    true => Turn::Go,
                    false => Turn::Step(Step::Event(Event::Body(octets))),
                };
            }
            Found::Refused(refused) => {
                // Ours are refused where nothing is appended any more.
                let status = literals::refusal(refused.why);
                return self.give_up_append(status.unwrap_or_else(literals::too_large));
            }
            Found::Literal(announced) => {
                appending.decides = true;
                (self.framer.head(&self.input), Some(announced))
            }
            Found::Frame(frame) => (frame, None),
        };
        self.timer.disarm();
        self.append_more(&frame, literal)
    }

    /// More of the command has come, up to a literal or to its end.
    pub(super) fn append_more(&mut self, frame: &Frame, literal: Option<Announcement>) -> Turn {
        let State::Appending(appending) = &mut self.state else {
            unreachable!("called in this state alone");
        };
        if appending.has_nul {
            return self.give_up_append(bad("NUL in a literal"));
        }
        let body = match self.reader.command(frame) {
            Ok(command) => command.body,
            Err(error) => return self.give_up_append(replies::syntax(&error)),
        };
        if let Some(text) = offers::lacking(&body, &self.config) {
            return self.give_up_append(bad(text));
        }
        go_on(appending, &body, literal);
        Turn::Go
    }

    pub(super) fn append_piece(&mut self, piece: Piece) -> Turn {
        let State::Appending(appending) = &mut self.state else {
            unreachable!("called in this state alone");
        };
        let limit = self.config.append_limit.unwrap_or(u64::MAX);
        let too_big = || Refusal::from(CodeWord::TooBig).into_status(StatusKind::No);
        match piece {
            Piece::Message(message) => {
                appending.length = 0;
                match message.length {
                    // RFC 3502 section 6.3.11
                    Some(0) => self.give_up_append(no("A message of nothing is not added")),
                    Some(length) if length > limit => self.give_up_append(too_big()),
                    _ => self.ask_append(Event::Append(message)),
                }
            }
            Piece::Url(url) => self.ask_append(Event::AppendUrl(url)),
            Piece::Literal(announced) => {
                appending.length = appending.length.saturating_add(announced.length);
                if appending.length > limit {
                    return self.give_up_append(too_big());
                }
                appending.binary = announced.binary;
                appending.decides = false;
                if announced.synchronising {
                    self.speaker.proceed("OK");
                }
                self.framer.stream(&mut self.input);
                Turn::Go
            }
            // All literals are announced, so that it was dealt with.
            Piece::Past => Turn::Go,
            Piece::End => self.ask_append(Event::AppendEnd),
        }
    }

    pub(super) fn ask_append(&mut self, event: Event) -> Turn {
        let State::Appending(appending) = std::mem::replace(&mut self.state, State::Command) else {
            unreachable!("called in this state alone");
        };
        let (tag, name) = (appending.tag.clone(), appending.name);
        self.ask(tag, name, Question::Append(appending), event)
    }

    /// The application has taken a step; behind the last one the command is done.
    pub(super) fn append_accepted(&mut self, mut appending: Appending, code: Option<Code>) {
        let over = appending.pieces.is_empty() && !appending.decides;
        if !over {
            appending.begun = true;
            self.state = State::Appending(Box::new(appending));
            return;
        }
        let mut status = completed(appending.name);
        match (appending.replaces, code) {
            // RFC 8508 section 3.4: the new UID is told before the old one is gone.
            (Some(_), Some(code)) => self.speaker.note(code, "Replaced"),
            (_, code) => status.code = code,
        }
        self.end_with(Ending {
            tag: appending.tag,
            status,
            gone: true,
            expunges: appending.replaces.is_some(),
        });
    }

    /// The application wants none of it. What comes of it is counted off.
    pub(super) fn drop_append(&mut self, appending: Appending, status: Status) {
        if appending.decides {
            self.framer.refuse(&mut self.input);
        }
        self.end(appending.tag, status, true);
    }

    /// No message is added, since the client did something wrong.
    pub(super) fn give_up_append(&mut self, status: Status) -> Turn {
        let State::Appending(appending) = std::mem::replace(&mut self.state, State::Command) else {
            unreachable!("called in this state alone");
        };
        if appending.decides {
            self.framer.refuse(&mut self.input);
        }
        if !appending.begun {
            return self.reject(Some(appending.tag), status);
        }
        let bad = status.kind == StatusKind::Bad;
        self.speaker.answer(Some(appending.tag), status);
        if bad {
            self.count_error();
        }
        Turn::Step(Step::Event(Event::AppendAborted))
    }
}

/// More of a command that adds messages is known.
fn go_on(appending: &mut Appending, body: &CommandBody, literal: Option<Announcement>) {
    match body {
        CommandBody::Append(append) => {
            appending.go_on(&append.mailbox, &append.messages, literal);
        }
        CommandBody::Replace(replace) => {
            let message = std::slice::from_ref(&replace.message);
            appending.go_on(&replace.mailbox, message, literal);
        }
        _ => {}
    }
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
