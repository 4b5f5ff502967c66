//! A message on its way out: its envelope, its body, and its end.

use mailwire::Step;
use mailwire::dot::Strays;

use super::outgoing::Outgoing;
use super::transaction::Framing;
use super::{Awaited, Client, Error, Event, Fate, State, Turn};
use crate::Extension;

impl Client {
    /// Says as much of the envelope as may be unanswered.
    pub(super) fn envelope(&mut self) -> Option<Event> {
        let transaction = self
            .transaction
            .as_mut()
            .expect("an envelope is being said");
        let pipelines = self.capabilities.has(Extension::Pipelining);
        let window = if pipelines {
            self.config.limits.pipeline.max(1)
        } else {
            1
        };
        while self.awaited.len() < window && !self.output.is_over() && !transaction.is_refused() {
            if !transaction.mail_said {
                transaction.mail_said = true;
                transaction.delivery.mail.write(&mut self.output);
                self.awaited.push_back(Awaited::Mail);
                continue;
            }
            let Some(recipient) = transaction.delivery.recipients.get(transaction.said) else {
                return self.all_said(pipelines);
            };
            recipient.write(&mut self.output);
            self.awaited.push_back(Awaited::Rcpt(transaction.said));
            transaction.said += 1;
        }
        if transaction.is_refused() && self.awaited.is_empty() {
            self.reset();
        }
        None
    }

    /// All recipients were said: the message is next.
    fn all_said(&mut self, pipelines: bool) -> Option<Event> {
        let transaction = self
            .transaction
            .as_mut()
            .expect("an envelope is being said");
        let all_answered = self.awaited.is_empty();
        match transaction.framing {
            Framing::EagerChunks => return Some(self.want_body()),
            // DATA is the last of its group (RFC 2920 section 3.1), and said once.
            Framing::Dots if self.awaited.back() == Some(&Awaited::Data) => {}
            Framing::Dots if pipelines && !all_answered => self.say("DATA", Awaited::Data),
            Framing::Dots if all_answered && transaction.has_recipients() => {
                self.say("DATA", Awaited::Data);
            }
            Framing::Chunks if all_answered && transaction.has_recipients() => {
                return Some(self.want_body());
            }
            _ if all_answered => self.reset(),
            _ => {}
        }
        None
    }

    pub(super) fn want_body(&mut self) -> Event {
        let transaction = self.transaction.as_mut().expect("a message is due");
        let strays = match transaction.delivery.is_binary() {
            true => Strays::Allow,
            false => self.config.strays,
        };
        transaction.body = Some(match transaction.framing {
            Framing::Dots => Outgoing::dots(strays),
            _ => Outgoing::chunks(strays, self.config.limits.chunk.max(1)),
        });
        self.state = State::Body;
        Event::SendBody
    }

    /// Goes on with the message as far as the application has written it. Says whether it could.
    pub(super) fn send_body(&mut self) -> bool {
        let transaction = self.transaction.as_mut().expect("a message is being sent");
        if transaction.is_refused() || transaction.body.is_none() {
            if !transaction.finished || !self.awaited.is_empty() {
                return false;
            }
            // Behind the answers to what was sent of it.
            self.reset();
            return true;
        }
        let body = transaction.body.as_mut().expect("it was just looked at");
        if !transaction.finished && !body.is_full() {
            return false;
        }
        let may_speak = match transaction.framing {
            Framing::Dots => true,
            // Each chunk has an answer.
            _ if self.capabilities.has(Extension::Pipelining) => {
                self.awaited.len() < self.config.limits.pipeline.max(1)
            }
            _ => self.awaited.is_empty(),
        };
        if !may_speak {
            return false;
        }
        if body.is_full() {
            body.chunk(false, &mut self.output);
            self.awaited.push_back(Awaited::Chunk);
            return true;
        }
        let body = transaction.body.take().expect("it was just looked at");
        if body.finish(&mut self.output).is_err() {
            // A CR at the very end, where strays are refused.
            self.fail(Error::Abandoned, &Fate::Interrupted);
            return true;
        }
        transaction.complete = true;
        self.awaited.push_back(Awaited::Message(0));
        self.state = State::Ending;
        true
    }

    /// Whether the application owes more of the message.
    pub(super) fn wants_body(&self) -> bool {
        let transaction = self.transaction.as_ref();
        self.state == State::Body
            && transaction.is_some_and(|transaction| {
                let body = transaction.body.as_ref();
                let has_room = body.is_none_or(|body| !body.is_full());
                !transaction.finished && (has_room || transaction.is_refused())
            })
    }

    /// Ends a transaction that has come to nothing, at the server too.
    pub(super) fn reset(&mut self) {
        let transaction = self.transaction.as_ref().expect("it is going on");
        if transaction.mail_accepted {
            self.say("RSET", Awaited::Reset);
        }
        self.state = State::Ending;
    }

    pub(super) fn end_transaction(&mut self) -> Turn {
        let transaction = self.transaction.take().expect("it is going on");
        self.state = State::Ready;
        // What was given up has no answer.
        let outcome = transaction.outcome(&Fate::Interrupted);
        Turn::Step(Step::Event(Event::Delivered(outcome)))
    }
}
