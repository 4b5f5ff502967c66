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
    pub(super) fn line(&mut self, now: Instant) -> Turn {
        if self.stopping {
            replies::STOPPING.write(&mut self.output);
            self.state = State::Closing;
            return Turn::Go;
        }
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
            Found::TooLong { .. } => Err(SyntaxError::TooLong),
            Found::Line { length, crlf, .. } => Ok((&self.input[..length], crlf)),
        };
        self.clock.arrived();
        match self.state {
            State::AuthLine => {
                let response = response(line, &self.config);
                self.input.consume(found.consume());
                self.auth_line(response)
            }
            State::Refused => {
                let command = command(line, &self.config);
                self.input.consume(found.consume());
                match command {
                    Ok(Command::Quit) => self.command(Command::Quit),
                    _ => self.reject(replies::ONLY_QUIT.clone()),
                }
            }
            _ => {
                let command = command(line, &self.config);
                self.input.consume(found.consume());
                match command {
                    Ok(command) => self.command(command),
                    Err(error) => self.no_command(error),
                }
            }
        }
    }

    /// The response to a challenge, or what came in its place.
    fn auth_line(&mut self, response: Result<Option<Secret>, SyntaxError>) -> Turn {
        match response {
            Ok(Some(response)) => self.ask(Question::Auth, Event::AuthData(response)),
            Ok(None) => self.cancel_auth(&replies::AUTH_CANCELLED),
            Err(SyntaxError::TooLong) => self.cancel_auth(&replies::AUTH_LINE_TOO_LONG),
            Err(error) => self.cancel_auth(&error.reply()),
        }
    }

    fn no_command(&mut self, error: SyntaxError) -> Turn {
        let turn = self.reject(error.reply());
        match error {
            SyntaxError::Chunk => self.fail(Error::OutOfStep),
            SyntaxError::Foreign => self.fail(Error::AnotherProtocol),
            _ => {}
        }
        turn
    }
}

/// A command, out of a line without its end and whether that was CRLF.
#[inline]
fn command(
    line: Result<(&[u8], bool), SyntaxError>,
    config: &Config,
) -> Result<Command, SyntaxError> {
    let (line, crlf) = line?;
    let command = Command::parse(line, &config.strictness);
    if !crlf && !config.strictness.bare_lf_commands {
        return match command {
            // However it ends, its octets follow.
            Err(SyntaxError::Chunk) => command,
            _ => Err(SyntaxError::BareLineFeed),
        };
    }
    // Only AUTH may need more than a command line holds.
    let is_long = line.len() + 2 > config.limits.command_line;
    match command {
        Ok(Command::Auth(_)) | Err(_) => command,
        Ok(_) if is_long => Err(SyntaxError::TooLong),
        _ => command,
    }
}

/// A response to a challenge; nothing if it is `*`: there will be none.
fn response(
    line: Result<(&[u8], bool), SyntaxError>,
    config: &Config,
) -> Result<Option<Secret>, SyntaxError> {
    match line? {
        (_, false) if !config.strictness.bare_lf_commands => Err(SyntaxError::BareLineFeed),
        (b"*", _) => Ok(None),
        (line, _) => Ok(Some(auth::decode(line)?)),
    }
}

/// A record of TLS begins with this octet, and no command does.
const TLS_HANDSHAKE: u8 = 0x16;
