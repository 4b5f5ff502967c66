//! What a line is, in the state in which it comes.

use mailwire::Secret;
use mailwire::auth;

use super::Config;
use crate::command::{Command, HelloVerb, SyntaxError};

pub(super) enum Line {
    Command(Command),
    Response(Secret),
    /// `*`: no response, and no more of them.
    Cancel,
}

impl Line {
    #[inline]
    pub(super) fn command(line: &[u8], config: &Config) -> Result<Self, SyntaxError> {
        let command = Command::parse(line, &config.strictness)?;
        // Only AUTH may need more than a command line holds.
        if line.len() + 2 > config.limits.command_line && !matches!(command, Command::Auth(_)) {
            return Err(SyntaxError::TooLong);
        }
        Ok(Self::Command(command))
    }

    pub(super) fn response(line: &[u8]) -> Result<Self, SyntaxError> {
        match line {
            b"*" => Ok(Self::Cancel),
            _ => Ok(Self::Response(auth::decode(line)?)),
        }
    }
}

/// Whether a client has to wait for the answer to a command before it sends on, given its hello
/// (RFC 2920 section 3.1, RFC 4954 section 4).
pub(super) fn must_be_last(command: &Command, hello: Option<HelloVerb>) -> bool {
    match command {
        Command::Hello(_) | Command::Data | Command::Auth(_) => true,
        // Its octets follow without waiting.
        Command::Bdat(_) => false,
        _ => matches!(hello, None | Some(HelloVerb::Helo)),
    }
}

/// Whether a command is one of those that hold a session open for nothing, if there are too many.
pub(super) fn moves_no_mail(command: &Command, hello: Option<HelloVerb>) -> bool {
    match command {
        Command::Rset
        | Command::Noop
        | Command::Help
        | Command::Verify(_)
        | Command::Expand(_)
        | Command::Etrn(_)
        | Command::XForward(_) => true,
        Command::Bdat(chunk) => chunk.size == 0 && !chunk.last,
        Command::Hello(_) => hello.is_some(),
        _ => false,
    }
}

/// A record of TLS begins with this octet, and no command does.
pub(super) const TLS_HANDSHAKE: u8 = 0x16;
