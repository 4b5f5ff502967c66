//! The answers of the application.

use std::io::Write as _;

use bytes::Bytes;
use mailwire::ApiMisuse;
use mailwire::auth;

use super::body::Body;
use super::question::Question;
use super::session::Marked;
use super::{Server, State, Text, misuse, replies};
use crate::{Error, Maildrop, Refusal, ResponseCode};

impl Server {
    /// Says yes to a login: this is the mailbox. It should be locked by now (RFC 1939 section 4),
    /// and stay so to the end of the session.
    ///
    /// # Errors
    ///
    /// If no login waits. Nothing has changed then.
    pub fn open(&mut self, maildrop: Maildrop) -> Result<(), ApiMisuse> {
        match self.question("open")? {
            Question::Login | Question::Auth => {}
            _ => return Err(misuse("open", "no login waits")),
        }
        self.session.user = None;
        self.session.maildrop = Some(Marked::new(maildrop));
        self.login_timer.disarm();
        self.say(Text::LoggedIn);
        self.state = State::Command;
        Ok(())
    }

    /// Says yes to `Retrieve`, behind which the message is owed, or to `Update`.
    ///
    /// # Errors
    ///
    /// If neither waits. Nothing has changed then.
    pub fn ok(&mut self) -> Result<(), ApiMisuse> {
        match self.question("ok")? {
            Question::Retrieve { number, lines } => {
                let marked = self.session.maildrop.as_ref();
                let size = marked.and_then(|marked| marked.maildrop.size(number));
                match size {
                    Some(size) if lines.is_none() => replies::octets(size, &mut self.output),
                    _ => self.say(Text::MessageFollows),
                }
                self.state = State::Body(Body::new(number, lines));
            }
            Question::Update { deletes } => {
                self.say(match deletes {
                    true => Text::ByeDeleted,
                    false => Text::Bye,
                });
                self.state = State::Closing;
            }
            Question::Login | Question::Auth => {
                return Err(misuse("ok", "a login is answered with its maildrop"));
            }
        }
        Ok(())
    }

    /// Says no to the event that waits, whatever it is.
    ///
    /// A login that is refused with the code `AUTH` counts as a wrong guess, and the last one that
    /// is put up with ends the session; one without a code counts as an error of the client's. So
    /// say `AUTH` where the credentials were wrong. The refusal of `Update` ends the session.
    ///
    /// # Errors
    ///
    /// If no event waits. Nothing has changed then.
    pub fn err(&mut self, refusal: Refusal) -> Result<(), ApiMisuse> {
        let question = self.question("err")?;
        refusal.write(&mut self.output);
        self.state = match question {
            Question::Update { .. } => State::Closing,
            _ => State::Command,
        };
        if matches!(question, Question::Login | Question::Auth) {
            self.session.user = None;
            match refusal.code() {
                Some(ResponseCode::Auth) => self.session.auth_failures += 1,
                None => self.count_error(),
                Some(_) => {}
            }
            if self.session.auth_failures >= self.config.limits.auth_failures {
                self.fail(Error::TooManyAuthFailures);
            }
        }
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
        // The space stays even if nothing follows it (RFC 5034 section 4).
        self.output.push(b"+ ");
        write!(self.output, "{}\r\n", auth::encode(challenge)).expect("writing to memory");
        self.state = State::AuthLine;
        Ok(())
    }

    /// Sends the next piece of the message, with LF or CRLF line ends, as far as there is room for
    /// it: what stays in the piece is offered again when the machine has been flushed.
    ///
    /// # Errors
    ///
    /// If no message is being sent.
    pub fn write_body(&mut self, piece: &mut Bytes) -> Result<(), ApiMisuse> {
        match &mut self.state {
            State::Body(body) => {
                body.write(piece, &mut self.output);
                Ok(())
            }
            _ => Err(misuse("write_body", "no message is being sent")),
        }
    }

    /// Whether more of the message would be sent: not if TOP has all its lines.
    pub fn wants_body(&self) -> bool {
        matches!(&self.state, State::Body(body) if body.wants_more())
    }

    /// Ends the message.
    ///
    /// # Errors
    ///
    /// If no message is being sent.
    pub fn finish_body(&mut self) -> Result<(), ApiMisuse> {
        match std::mem::replace(&mut self.state, State::Command) {
            State::Body(body) => {
                if let (true, Some(marked)) = (body.is_whole(), &mut self.session.maildrop) {
                    marked.retrieved(body.number);
                }
                body.finish(&mut self.output);
                Ok(())
            }
            other => {
                self.state = other;
                Err(misuse("finish_body", "no message is being sent"))
            }
        }
    }

    /// Gives up a message that cannot be read to its end. The session is over: an ending
    /// would make the client believe that it has all.
    ///
    /// # Errors
    ///
    /// If no message is being sent.
    pub fn abort_body(&mut self) -> Result<(), ApiMisuse> {
        match self.state {
            State::Body(_) => {
                self.fail(Error::BodyAborted);
                Ok(())
            }
            _ => Err(misuse("abort_body", "no message is being sent")),
        }
    }

    pub(super) fn question(&self, call: &'static str) -> Result<Question, ApiMisuse> {
        match self.state {
            State::Answering(question) => Ok(question),
            _ => Err(misuse(call, "no event waits for an answer")),
        }
    }
}
