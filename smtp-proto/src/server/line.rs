//! What a line is, in the state in which it comes.

use std::time::Instant;

use mailwire::Secret;
use mailwire::auth;
use mailwire::line::Found;

use super::question::Question;
use super::{Config, Event, Server, State, Turn, replies};
use crate::Error;
use crate::command::{Command, SyntaxError};

impl Server {
    /// The next line, in the three states that are waiting for one.
    #[inline]
    pub(super) fn line(&mut self, now: Instant) -> Turn {
        if self.stopping {
            replies::STOPPING.write(&mut self.output);
            self.state = State::Closing;
            return Turn::Go;
        }
        // As it is after each but those in a group.
        if self.input.is_empty() {
            return self.need_input(now);
        }
        self.read_line(now)
    }

    /// Apart, so that a step which finds nothing does not prepare for this.
    #[inline(never)]
    fn read_line(&mut self, now: Instant) -> Turn {
        let is_tls = self.input.first() == Some(&TLS_HANDSHAKE) && !self.lines.is_skipping();
        if is_tls && !matches!(self.state, State::AuthLine) {
            let turn = self.reject(replies::NOT_TLS.clone());
            self.fail(Error::AnotherProtocol);
            return turn;
        }
        let found = self.lines.next(&self.input);
        let line = match found {
            Found::Incomplete { consume } => {
                self.input.consume(consume);
                return self.need_input(now);
            }
            Found::Endless => {
                self.fail(Error::EndlessLine);
                return Turn::Go;
            }
            Found::TooLong { .. } => None,
            Found::Line { length, crlf, .. } => Some((&self.input[..length], crlf)),
        };
        self.clock.arrived();
        if let State::AuthLine = self.state {
            let response = response(line, &self.config);
            self.input.consume(found.consume());
            return self.auth_line(response);
        }
        // In one expression, so that the command is read to where it is used.
        self.command(command(line, &self.config), found.consume())
    }

    /// The response to a challenge, or what came in its place.
    fn auth_line(&mut self, response: Result<Option<Secret>, SyntaxError>) -> Turn {
        match response {
            Ok(Some(response)) => self.ask(Question::Auth, || Event::AuthData(response)),
            Ok(None) => self.cancel_auth(&replies::AUTH_CANCELLED),
            Err(SyntaxError::TooLong) => self.cancel_auth(&replies::AUTH_LINE_TOO_LONG),
            Err(error) => self.cancel_auth(&error.reply()),
        }
    }

    pub(super) fn no_command(&mut self, error: SyntaxError) -> Turn {
        let turn = self.reject(error.reply());
        match error {
            SyntaxError::Chunk => self.fail(Error::OutOfStep),
            SyntaxError::Foreign => self.fail(Error::AnotherProtocol),
            _ => {}
        }
        turn
    }
}

/// A command, out of a line without its end and whether that was CRLF, or out of one that was too
/// long.
#[inline]
fn command(line: Option<(&[u8], bool)>, config: &Config) -> Result<Command, SyntaxError> {
    let (line, crlf) = line.ok_or(SyntaxError::TooLong)?;
    let is_bare = !crlf && !config.strictness.bare_lf_commands;
    if is_bare || line.len() + 2 > config.limits.command_line {
        return flawed_command(line, is_bare, config);
    }
    Command::parse(line, &config.strictness)
}

#[cold]
fn flawed_command(line: &[u8], is_bare: bool, config: &Config) -> Result<Command, SyntaxError> {
    match Command::parse(line, &config.strictness) {
        // However it ends, its octets follow.
        Err(SyntaxError::Chunk) => Err(SyntaxError::Chunk),
        _ if is_bare => Err(SyntaxError::BareLineFeed),
        // Only AUTH may need more than a command line holds.
        command @ (Ok(Command::Auth(_)) | Err(_)) => command,
        _ => Err(SyntaxError::TooLong),
    }
}

/// A response to a challenge; nothing if it is `*`: there will be none.
fn response(line: Option<(&[u8], bool)>, config: &Config) -> Result<Option<Secret>, SyntaxError> {
    match line.ok_or(SyntaxError::TooLong)? {
        (_, false) if !config.strictness.bare_lf_commands => Err(SyntaxError::BareLineFeed),
        (b"*", _) => Ok(None),
        (line, _) => Ok(Some(auth::decode(line)?)),
    }
}

/// A record of TLS begins with this octet, and no command does.
const TLS_HANDSHAKE: u8 = 0x16;
