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
        let bare_is_fine = self.config.strictness.bare_lf_commands;
        let line = line.and_then(|(line, crlf)| {
            let line = match self.state {
                State::AuthLine => Line::response(line),
                _ => Line::command(line, &self.config),
            };
            match line {
                // However it ends, its octets follow.
                Err(SyntaxError::Chunk) => line,
                _ if !crlf && !bare_is_fine => Err(SyntaxError::BareLineFeed),
                _ => line,
            }
        });
        self.clock.arrived();
        self.input.consume(found.consume());
        match (&self.state, line) {
            (State::Refused, Ok(Line::Command(Command::Quit))) => self.command(Command::Quit),
            (State::Refused, _) => self.reject(replies::ONLY_QUIT.clone()),
            (State::AuthLine, Ok(Line::Response(response))) => {
                self.ask(Question::Auth, Event::AuthData(response))
            }
            (State::AuthLine, Err(SyntaxError::TooLong)) => {
                self.cancel_auth(&replies::AUTH_LINE_TOO_LONG)
            }
            (State::AuthLine, Err(error)) => self.cancel_auth(&error.reply()),
            (State::AuthLine, Ok(_)) => self.cancel_auth(&replies::AUTH_CANCELLED),
            (_, Ok(Line::Command(command))) => self.command(command),
            (_, Ok(_)) => unreachable!("a command line is read as a command"),
            (_, Err(error)) => {
                let turn = self.reject(error.reply());
                match error {
                    SyntaxError::Chunk => self.fail(Error::OutOfStep),
                    SyntaxError::Foreign => self.fail(Error::AnotherProtocol),
                    _ => {}
                }
                turn
            }
        }
    }
}

enum Line {
    Command(Command),
    Response(Secret),
    /// `*`: no response, and no more of them.
    Cancel,
}

impl Line {
    #[inline]
    fn command(line: &[u8], config: &Config) -> Result<Self, SyntaxError> {
        let command = Command::parse(line, &config.strictness)?;
        // Only AUTH may need more than a command line holds.
        if line.len() + 2 > config.limits.command_line && !matches!(command, Command::Auth(_)) {
            return Err(SyntaxError::TooLong);
        }
        Ok(Self::Command(command))
    }

    fn response(line: &[u8]) -> Result<Self, SyntaxError> {
        match line {
            b"*" => Ok(Self::Cancel),
            _ => Ok(Self::Response(auth::decode(line)?)),
        }
    }
}

/// A record of TLS begins with this octet, and no command does.
const TLS_HANDSHAKE: u8 = 0x16;
