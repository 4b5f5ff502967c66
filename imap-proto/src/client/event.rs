//! What a client session tells the application.

use bytes::Bytes;
use mailwire::Secret;

use crate::error::SyntaxError;
use crate::response::{Data, Fetched, Response, Status};

/// Which command an event belongs to: what [`Client::send`](super::Client::send) returned.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct CommandId(pub(super) u64);

/// Something the application should know.
#[derive(Debug)]
#[non_exhaustive]
pub enum Event {
    /// The server has greeted. With `PREAUTH` nobody has to log in, with `BYE` nobody can.
    Greeting(Status),
    /// The server tells something.
    Data {
        /// Which command asked for it, as far as that can be told; `None` for what nobody asked for, such as news of
        /// other sessions and what is said by the way.
        command: Option<CommandId>,
        /// What it is. The [mailbox](super::Client::mailbox) has taken note of it.
        data: Data,
    },
    /// A part of a message begins that has more than [`FrameLimits::kept_literal`](crate::FrameLimits::kept_literal)
    /// octets. They follow as [`Body`](Self::Body). When all of its response is there, it is told as
    /// [`Data`](Self::Data) too, without these octets; smaller parts are told there with theirs.
    Content {
        /// Which command asked for it.
        command: Option<CommandId>,
        /// What has been told of the message so far; the last item is what begins.
        fetched: Fetched,
        /// How many octets there are.
        length: u64,
    },
    /// Some of those octets.
    Body(Bytes),
    /// A command is done, or not done, or was not understood. Each command has one such event, or
    /// [`Withheld`](Self::Withheld).
    Completed(CommandId, Status),
    /// A command was not sent, although it was given: by the time its turn had come its sequence numbers meant other messages; or it
    /// has a password, and it was known that the server takes none, or that there is no TLS although STARTTLS was
    /// tried. The command is gone.
    Withheld(CommandId, Refused),
    /// A challenge of an authentication. Answer: [`respond`](super::Client::respond) or
    /// [`cancel`](super::Client::cancel).
    Challenge(CommandId, Secret),
    /// So many octets of a message that is to be added are wanted now, through
    /// [`write_body`](super::Client::write_body).
    Wanted(CommandId, u64),
    /// The server listens for the end of IDLE: [`done`](super::Client::done).
    Idling(CommandId),
    /// The server has said something that does not belong here, such as an answer to no command. It was skipped.
    Unexpected(Box<Response>),
    /// The server has said something that could not be read. It was skipped.
    Unreadable(SyntaxError),
}

/// A command cannot be given now.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Refused {
    /// More commands than [`ClientLimits::pipeline`](crate::ClientLimits::pipeline) are
    /// unanswered.
    #[error("too many commands are unanswered")]
    Busy,
    /// LOGOUT was given already, or the server has said farewell.
    #[error("the session is ending")]
    Ending,
    /// The server takes no passwords here: LOGINDISABLED (RFC 9051 section 6.2.3).
    #[error("the server takes no passwords here")]
    LoginDisabled,
    /// There is no TLS, although STARTTLS was tried.
    #[error("there is no TLS")]
    NoTls,
    /// STARTTLS in a session with TLS.
    #[error("TLS is in use already")]
    TlsAlready,
    /// A message is gone, so that the sequence numbers of the command mean others than when it was given.
    #[error("sequence numbers have changed")]
    Renumbered,
    /// No challenge waits for a response.
    #[error("no challenge waits")]
    NoChallenge,
    /// The server is not listening for the end of IDLE.
    #[error("no IDLE goes on")]
    NotIdling,
    /// No octets are wanted.
    #[error("no octets are wanted")]
    NothingWanted,
}
