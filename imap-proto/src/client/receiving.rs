//! What the server says, and what it means.

use mailwire::Step;

use super::{Client, Event, Sending, State, Turn};
use crate::command::CommandBody;
use crate::error::Error;
use crate::frame::{Announcement, Frame};
use crate::response::{Code, CodeWord, Continuation, Data, Response, Status, StatusKind};
use crate::string::Content;
use crate::tag::Tag;

impl Client {
    /// A literal that is not small is announced.
    pub(super) fn content(&mut self, announced: Announcement) -> Turn {
        let head = self.framer.head(&self.input);
        let response = self.reader.response(&head);
        if let (State::Open, Ok(Response::Untagged(Data::Fetch(fetched)))) = (self.state, response)
        {
            let streamed = fetched.items.last().and_then(|item| item.content());
            if matches!(streamed, Some(Content::Streamed(_))) {
                self.framer.stream(&mut self.input);
                self.state = State::Content;
                return Turn::Step(Step::Event(Event::Content {
                    command: self.fetching(&fetched),
                    fetched,
                    length: announced.length,
                }));
            }
        }
        match announced.fits {
            true => self.framer.keep(),
            // It is told as unreadable when it has passed.
            false => self.framer.refuse(&mut self.input),
        }
        Turn::Go
    }

    pub(super) fn frame(&mut self, frame: &Frame) -> Turn {
        let response = match self.reader.response(frame) {
            Ok(response) => response,
            Err(_) if self.state == State::Greeting => {
                self.fail(Error::NotAGreeting);
                return Turn::Go;
            }
            Err(error) => return Turn::Step(Step::Event(Event::Unreadable(error))),
        };
        match (self.state, response) {
            (State::Greeting, Response::Untagged(Data::Status(status))) => self.greeting(status),
            (State::Greeting, _) => {
                self.fail(Error::NotAGreeting);
                Turn::Go
            }
            (_, Response::Continuation(continuation)) => self.continuation(continuation),
            (_, Response::Tagged { tag, status }) => self.tagged(tag, status),
            (_, Response::Untagged(data)) => self.untagged(data),
        }
    }

    pub(super) fn greeting(&mut self, status: Status) -> Turn {
        self.state = match status.kind {
            StatusKind::Ok | StatusKind::PreAuth => State::Open,
            StatusKind::Bye => State::Closing,
            _ => {
                self.fail(Error::NotAGreeting);
                return Turn::Go;
            }
        };
        self.note(status.code.as_ref());
        Turn::Step(Step::Event(Event::Greeting(status)))
    }

    /// `+`: what it means is told by what was sent last.
    pub(super) fn continuation(&mut self, continuation: Continuation) -> Turn {
        let Some(last) = self.sent.checked_sub(1).map(|last| self.queue[last].id) else {
            return unexpected(Response::Continuation(continuation));
        };
        match std::mem::replace(&mut self.sending, Sending::Free) {
            Sending::Literal => {
                self.transfer();
                Turn::Go
            }
            Sending::Asking(Some(withheld)) => {
                self.send_response(withheld.expose());
                Turn::Go
            }
            Sending::Asking(None) => match continuation.challenge() {
                Ok(challenge) => {
                    self.sending = Sending::Challenged;
                    Turn::Step(Step::Event(Event::Challenge(last, challenge)))
                }
                // What cannot be understood is cancelled; the server's answer to that ends it.
                Err(_) => {
                    self.output.push(b"*\r\n");
                    self.sending = Sending::Asking(None);
                    Turn::Go
                }
            },
            Sending::Entering => {
                self.sending = Sending::Idling;
                Turn::Step(Step::Event(Event::Idling(last)))
            }
            other => {
                self.sending = other;
                unexpected(Response::Continuation(continuation))
            }
        }
    }

    /// The answer to a command.
    pub(super) fn tagged(&mut self, tag: Tag, status: Status) -> Turn {
        let at = self
            .queue
            .range(..self.sent)
            .position(|pending| pending.tag == tag);
        let Some(at) = at else {
            return unexpected(Response::Tagged { tag, status });
        };
        let Some(answered) = self.queue.remove(at) else {
            unreachable!("it was found there");
        };
        if at + 1 == self.sent && !matches!(self.sending, Sending::Free) {
            // What was not sent of it must not be sent (RFC 9051 section 4.3).
            self.encoder.clear();
            self.sending = Sending::Free;
        }
        self.sent -= 1;
        self.answered(&answered.body, &status);
        Turn::Step(Step::Event(Event::Completed(answered.id, status)))
    }

    /// What the answer to a command changes.
    pub(super) fn answered(&mut self, body: &CommandBody, status: &Status) {
        let well = status.kind == StatusKind::Ok;
        match body {
            CommandBody::StartTls if well => {
                self.forget_capabilities();
                self.state = State::StartingTls;
            }
            CommandBody::StartTls => self.tls_failed = true,
            // Some servers tell them before their answer, others in it.
            CommandBody::Login(_) | CommandBody::Authenticate(_)
                if well && !self.capabilities_are_new =>
            {
                self.forget_capabilities();
            }
            CommandBody::Unauthenticate if well => {
                self.forget_capabilities();
                self.enabled.clear();
                self.mailbox = None;
            }
            CommandBody::Compress(_) if well => {
                self.layer.begin(&mut self.input, &mut self.output);
            }
            CommandBody::Logout => self.state = State::Closing,
            CommandBody::Close | CommandBody::Unselect if well => self.mailbox = None,
            // Whatever was selected before is not any more (RFC 9051 section 6.3.2).
            CommandBody::Select(_) if status.kind == StatusKind::No => self.mailbox = None,
            _ => {}
        }
        self.reader.set_utf8(self.is_utf8());
        self.note(status.code.as_ref());
    }

    pub(super) fn untagged(&mut self, data: Data) -> Turn {
        match &data {
            Data::Capability(known) => {
                self.capabilities = Some(known.clone());
                self.capabilities_are_new = true;
            }
            Data::Expunge(_) | Data::Vanished { earlier: false, .. } => self.renumber(),
            Data::Enabled(enabled) => {
                self.enabled.extend(enabled.iter().cloned());
                self.reader.set_utf8(self.is_utf8());
            }
            Data::Status(status) => {
                if status.kind == StatusKind::Bye {
                    self.ending = true;
                }
                let code = status.code.clone();
                if code == Some(CodeWord::Closed.into()) {
                    self.mailbox = None;
                }
                self.note(code.as_ref());
            }
            _ => {}
        }
        let selecting = || {
            let mut sent = self.queue.range(..self.sent);
            sent.any(|pending| matches!(pending.body, CommandBody::Select(_)))
        };
        let selected = matches!(data, Data::Flags(_) | Data::Exists(_) | Data::Status(_));
        if self.mailbox.is_none() && selected && selecting() {
            self.mailbox = Some(Box::default());
        }
        if let Some(mailbox) = &mut self.mailbox {
            mailbox.hear(&data, self.config.limits.messages);
        }
        let command = self.asked_for(&data);
        Turn::Step(Step::Event(Event::Data { command, data }))
    }

    /// Takes note of a response code.
    pub(super) fn note(&mut self, code: Option<&Code>) {
        match (code, &mut self.mailbox) {
            (Some(Code::Capability(known)), _) => self.capabilities = Some(known.clone()),
            (Some(code), Some(mailbox)) => mailbox.note(code),
            _ => {}
        }
    }

    pub(super) fn forget_capabilities(&mut self) {
        self.capabilities = None;
    }
}

fn unexpected(response: Response) -> Turn {
    Turn::Step(Step::Event(Event::Unexpected(Box::new(response))))
}
