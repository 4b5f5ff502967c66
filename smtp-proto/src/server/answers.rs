//! The answers of the application.

use std::io::Write as _;

use mailwire::ApiMisuse;
use mailwire::auth;

use super::incoming::Incoming;
use super::question::Question;
use super::session::Chunks;
use super::{Server, State, Statuses, misuse};
use crate::Reply;

impl Server {
    /// Says yes to the event that waits, in the words of the table above.
    ///
    /// # Errors
    ///
    /// If no event waits. Nothing has changed then.
    pub fn accept(&mut self) -> Result<(), ApiMisuse> {
        let question = self.question("accept")?;
        question.accept(&self.config, &self.session, &mut self.output);
        self.answered(question, true);
        Ok(())
    }

    /// Answers the event that waits in words of the application. 421 closes the session. In
    /// answer to `Hello` the enhanced status code is left out, as RFC 2034 section 4 wants it. Where
    /// an answer to `Verify` or `Expand` goes beyond ASCII and the client has not said that it may,
    /// 252 is said instead (RFC 6531 section 3.7.4.2).
    ///
    /// # Errors
    ///
    /// If no event waits, or the reply does not fit it: `Hello`, `Data` and `XClient` take refusals
    /// only, since their success has a form that clients rely on, and nothing takes 3xx. Nothing has
    /// changed then.
    pub fn reply(&mut self, reply: Reply) -> Result<(), ApiMisuse> {
        let question = self.question("reply")?;
        if !question.takes(&reply) {
            return Err(misuse("reply", "a reply of another class is due"));
        }
        let reply = question.amend(reply);
        let closes = reply.code() == 421;
        // Only 535 is a wrong guess: what was malformed or cancelled was none.
        if question == Question::Auth && reply.code() == 535 && self.is_last_auth_failure() {
            return Ok(());
        }
        if let (Question::Chunk(chunk), false) = (question, closes) {
            // Said behind the chunk, whose octets are on their way.
            self.session.transaction.chunks = Chunks::Failed;
            self.skip(chunk, reply);
            return Ok(());
        }
        reply.write(&mut self.output);
        self.answered(question, reply.is_positive());
        if closes {
            self.state = State::Closing;
        }
        Ok(())
    }

    /// Gives all statuses that are still due for a message the same reply.
    ///
    /// # Errors
    ///
    /// As for [`reply`](Self::reply), and if it is not a message that waits.
    pub fn reply_all(&mut self, reply: &Reply) -> Result<(), ApiMisuse> {
        let Question::EndOfData(due) = self.question("reply_all")? else {
            return Err(misuse("reply_all", "no message waits"));
        };
        if reply.is_intermediate() {
            return Err(misuse("reply_all", "a reply of another class is due"));
        }
        // Nothing is said behind 421.
        if due == 1 || reply.code() == 421 {
            return self.reply(reply.clone());
        }
        if reply.is_positive() {
            self.session.spent.idle_commands = 0;
        }
        self.state = State::Statuses(Box::new(Statuses {
            reply: reply.clone(),
            left: due,
            is_error: false,
        }));
        Ok(())
    }

    /// Sends a challenge of the authentication that is going on.
    ///
    /// # Errors
    ///
    /// If no authentication waits. Nothing has changed then.
    pub fn challenge(&mut self, challenge: &[u8]) -> Result<(), ApiMisuse> {
        if self.question("challenge")? != Question::Auth {
            return Err(misuse("challenge", "no authentication waits"));
        }
        // The space stays even if nothing follows it (RFC 4954 section 4).
        self.output.push(b"334 ");
        write!(self.output, "{}\r\n", auth::encode(challenge)).expect("writing to memory");
        self.state = State::AuthLine;
        Ok(())
    }

    /// Moves on from a question. The reply has been written.
    pub(super) fn answered(&mut self, question: Question, yes: bool) {
        let session = &mut self.session;
        self.state = State::Command;
        match question {
            Question::Hello(verb) if yes => {
                session.hello = Some(verb);
                // As if RSET had been said; a hello that is refused changes nothing (section 4.1.4).
                self.drop_transaction();
            }
            Question::Mail => session.transaction.open = yes,
            Question::Rcpt => session.transaction.recipients += u32::from(yes),
            Question::Data if yes => {
                self.incoming = Some(Incoming::dots(&self.input, &self.config));
                self.receive();
            }
            Question::Chunk(chunk) => {
                session.transaction.chunks = Chunks::Coming;
                let binary = session.transaction.binary;
                let mut incoming = Incoming::chunks(&self.input, &self.config, binary);
                incoming.begin(chunk, &self.config.limits);
                self.incoming = Some(incoming);
                self.receive();
            }
            Question::EndOfData(due) => {
                if yes {
                    session.spent.idle_commands = 0;
                }
                if due > 1 {
                    self.state = State::Answering(Question::EndOfData(due - 1));
                }
            }
            Question::Auth => session.authenticated = yes,
            Question::XClient { login } if yes => {
                // As if it had just connected, but for TLS.
                session.hello = None;
                session.authenticated = login;
            }
            Question::Hello(_)
            | Question::Data
            | Question::Verify { .. }
            | Question::Expand { .. }
            | Question::Etrn
            | Question::XClient { .. }
            | Question::XForward => {}
        }
    }

    pub(super) fn question(&self, call: &'static str) -> Result<Question, ApiMisuse> {
        match self.state {
            State::Answering(question) => Ok(question),
            _ => Err(misuse(call, "no event waits for an answer")),
        }
    }
}
