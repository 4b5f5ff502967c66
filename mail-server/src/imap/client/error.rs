//! Why a client could not do what it was asked for.

use std::io;

use imap_proto::client::Refused;
use imap_proto::response::Status;
use imap_proto::{Error, SyntaxError};
use mailwire::drive::DriveError;
use sasl::client::CredentialsError;

/// Why a client could not do what it was asked for.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ClientError {
    /// The server has said NO or BAD. The session goes on.
    #[error("refused: {}", .0.text)]
    Refused(Status),
    /// The server has said BYE, and the session is over.
    #[error("the server has ended the session: {}", .0.text)]
    Farewell(Status),
    /// The command was not sent.
    #[error(transparent)]
    Withheld(#[from] Refused),
    /// What the server said of a message makes no sense. The next one can be read.
    #[error("the server's answer makes no sense: {0}")]
    Malformed(SyntaxError),
    /// The answer is larger than what is gathered in memory. Ask for less at a time.
    #[error("the answer is too large")]
    TooMuch,
    /// The conversation is over.
    #[error(transparent)]
    Protocol(Error),
    /// The network failed, or the TLS handshake did.
    #[error(transparent)]
    Transport(#[from] io::Error),
    /// The text of a message cannot be read. The session is over.
    #[error("the message cannot be read: {0}")]
    Text(io::Error),
    /// There is no way to log in, or the server is not to be trusted.
    #[error(transparent)]
    Sasl(#[from] sasl::client::ClientError),
    /// Not a name or password that can be used.
    #[error(transparent)]
    Credentials(#[from] CredentialsError),
}

impl From<DriveError<Error>> for ClientError {
    fn from(error: DriveError<Error>) -> Self {
        match error {
            DriveError::Protocol(error) => Self::Protocol(error),
            DriveError::Transport(error) => Self::Transport(error),
        }
    }
}
