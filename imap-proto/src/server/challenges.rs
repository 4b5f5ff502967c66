//! Challenges of an authentication, and the responses to them (RFC 9051 section 6.2.2).

use std::time::Instant;

use mailwire::{ApiMisuse, Step};

use super::question::Question;
use super::replies::bad;
use super::{Event, Server, State, Turn, misuse};
use crate::command::Authenticate;
use crate::frame::Found;
use crate::response::{Continuation, Response};
use crate::tag::Tag;

impl Server {
    /// Sends a challenge of the authentication that is going on.
    ///
    /// # Errors
    ///
    /// If no authentication waits. Nothing has changed then.
    pub fn challenge(&mut self, challenge: &[u8]) -> Result<(), ApiMisuse> {
        let Question::Auth = self.question("challenge")? else {
            return Err(misuse("challenge", "no authentication waits"));
        };
        let running = self.running("challenge")?;
        let continuation = Continuation::from_challenge(challenge);
        self.speaker.say(&Response::Continuation(continuation));
        self.expect_response(running.tag);
        Ok(())
    }

    /// The response to a challenge comes next.
    fn expect_response(&mut self, tag: Tag) {
        self.framer.expect_line();
        self.state = State::AuthLine(tag);
    }

    pub(super) fn auth_line(&mut self, now: Instant) -> Turn {
        let found = match self.framer.next(&mut self.input) {
            Ok(found) => found,
            Err(error) => return self.break_off(error.into()),
        };
        let line = match found {
            Found::Incomplete if self.stopping => return self.stop(),
            Found::Incomplete => return self.need_input(now),
            Found::Frame(frame) => Authenticate::read_response(frame.octets()),
            _ => Err(mailwire::auth::NotBase64),
        };
        self.timer.disarm();
        let State::AuthLine(tag) = std::mem::replace(&mut self.state, State::Command) else {
            unreachable!("called in this state alone");
        };
        let status = match line {
            Ok(Some(response)) => {
                let event = Event::AuthData(response);
                return self.ask(tag, "AUTHENTICATE", Question::Auth, event);
            }
            Ok(None) => bad("Authentication cancelled"),
            Err(_) => bad("Malformed base64"),
        };
        self.speaker.answer(Some(tag), status);
        self.count_error();
        Turn::Step(Step::Event(Event::AuthCancelled))
    }
}
