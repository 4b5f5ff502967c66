//! Replies, and what they mean.

use mailwire::Step;
use mailwire::auth;

use super::transaction::Framing;
use super::{Awaited, Capabilities, Client, Error, Event, Fate, State, Turn};
use crate::Reply;
use crate::command::HelloVerb;
use crate::server::Protocol;

impl Client {
    /// A reply: what does it answer?
    pub(super) fn receive(&mut self, reply: Reply) -> Turn {
        self.reply_timer.disarm();
        let awaited = self.awaited.pop_front();
        if reply.code() == 421 && awaited != Some(Awaited::Quit) {
            // In place of any reply, or of none (section 3.8).
            let fate = Fate::Temporary(reply.clone());
            let error = match awaited {
                Some(Awaited::Greeting) => Error::NotServed(reply),
                _ => Error::ServiceClosing(reply),
            };
            self.fail(error, &fate);
            return Turn::Go;
        }
        let Some(awaited) = awaited else {
            return self.unexpected(reply);
        };
        let may_go_on = matches!(awaited, Awaited::Data | Awaited::Auth);
        if reply.is_intermediate() && !may_go_on {
            return self.unexpected(reply);
        }
        if let Some(transaction) = &mut self.transaction {
            match awaited {
                Awaited::Mail => transaction.mail_answered(reply),
                Awaited::Rcpt(recipient) => transaction.rcpt_answered(recipient, reply),
                Awaited::Data => return self.data_answered(reply),
                Awaited::Chunk if reply.is_positive() => {}
                Awaited::Chunk => transaction.refuse(reply),
                Awaited::Message(status) => self.message_answered(status, reply),
                _ => {}
            }
            return Turn::Go;
        }
        match awaited {
            Awaited::Greeting if reply.is_positive() => {
                self.introduce(self.hello());
                Turn::Go
            }
            Awaited::Hello(verb) if reply.is_positive() => {
                *self.capabilities = match verb {
                    HelloVerb::Helo => Capabilities::default(),
                    _ => Capabilities::read(&reply, self.config.ignored),
                };
                self.state = State::Ready;
                Turn::Step(Step::Event(Event::Ready(self.capabilities.clone())))
            }
            // A server that knows no extensions (section 4.1.4, RFC 1869 section 4.5).
            Awaited::Hello(HelloVerb::Ehlo) if matches!(reply.code(), 500..=504) => {
                self.introduce(HelloVerb::Helo);
                Turn::Go
            }
            Awaited::Greeting | Awaited::Hello(_) => {
                self.output.push(b"QUIT\r\n");
                self.fail(Error::NotServed(reply), &Fate::Interrupted);
                Turn::Go
            }
            Awaited::StartTls if reply.code() == 220 => {
                self.state = State::StartingTls;
                Turn::Go
            }
            Awaited::StartTls if reply.is_positive() => self.unexpected(reply),
            Awaited::Auth => self.auth_answered(reply),
            Awaited::Quit => {
                self.state = State::Closing;
                Turn::Go
            }
            _ => Turn::Step(Step::Event(Event::Replied(reply))),
        }
    }

    fn unexpected(&mut self, reply: Reply) -> Turn {
        self.lose(Error::UnexpectedReply(reply));
        Turn::Go
    }

    fn data_answered(&mut self, reply: Reply) -> Turn {
        if reply.is_positive() {
            return self.unexpected(reply);
        }
        let transaction = self.transaction.as_mut().expect("it is going on");
        if !reply.is_intermediate() {
            transaction.refuse(reply);
            self.reset();
            return Turn::Go;
        }
        if transaction.has_recipients() {
            return Turn::Step(Step::Event(self.want_body()));
        }
        // How many answers an LMTP server would give is nowhere said.
        if self.config.protocol == Protocol::Lmtp {
            return self.unexpected(reply);
        }
        // RFC 2920 section 3.1: the answer is of no interest.
        self.say(".", Awaited::LoneDot);
        self.state = State::Ending;
        Turn::Go
    }

    fn message_answered(&mut self, status: usize, reply: Reply) {
        let transaction = self.transaction.as_mut().expect("it is going on");
        if transaction.message_answered(status, reply, self.config.protocol) {
            self.awaited.push_front(Awaited::Message(status + 1));
        } else if transaction.framing != Framing::Dots && !transaction.is_success() {
            // Behind a refused chunk the transaction may still be there (RFC 3030 section 2).
            self.reset();
        }
    }

    fn auth_answered(&mut self, reply: Reply) -> Turn {
        let withheld = self.withheld.take();
        if !reply.is_intermediate() {
            return Turn::Step(Step::Event(Event::Authenticated(reply)));
        }
        if reply.code() != 334 {
            return self.unexpected(reply);
        }
        if let Some(initial) = withheld {
            self.say(auth::encode(initial.expose()), Awaited::Auth);
            return Turn::Go;
        }
        let challenge = reply.lines().next().unwrap_or_default();
        match auth::decode(challenge.as_bytes()) {
            Ok(challenge) => {
                self.state = State::Challenged;
                Turn::Step(Step::Event(Event::Challenge(challenge)))
            }
            Err(_) => {
                // RFC 4954 section 4.
                self.say("*", Awaited::Auth);
                Turn::Go
            }
        }
    }
}
