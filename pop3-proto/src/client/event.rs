//! What a client session tells the application.

use bytes::Bytes;
use compact_str::CompactString;
use mailwire::Secret;

use crate::{Refusal, UniqueId};
use mailwire::auth::MechanismName;

/// Which command an event belongs to: what the method that gave the command returned.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct CommandId(pub(super) u64);

/// Something the application should know.
///
/// Each command ends with exactly one of [`Ok`](Self::Ok), [`Failed`](Self::Failed) and
/// [`End`](Self::End), in the order of the commands.
#[derive(Debug)]
#[non_exhaustive]
pub enum Event {
    /// The server has greeted; its timestamp for APOP, if it offers one, is in
    /// [`Client::timestamp`](super::Client::timestamp).
    Greeting(CompactString),
    /// The command was done: what the server said besides. For STLS this comes before the
    /// handshake.
    Ok(CommandId, CompactString),
    /// The command was not done.
    Failed(CommandId, Failure),
    /// The end of a list or a message.
    End(CommandId),
    /// A challenge of the authentication that is going on. Answer:
    /// [`respond`](super::Client::respond) or [`cancel`](super::Client::cancel).
    Challenge(Secret),
    /// How many messages there are, and of how many octets together; `Ok` follows.
    Stat {
        /// The number of messages.
        count: u32,
        /// Their size. 0 if the server said something negative.
        octets: u64,
    },
    /// A message's size.
    Size {
        /// The message's number.
        number: u32,
        /// Its size. Not to be relied on: a message ends where it ends.
        octets: u64,
    },
    /// A message's unique id.
    UniqueId {
        /// The message's number.
        number: u32,
        /// Its name, which outlives the session.
        unique_id: UniqueId,
    },
    /// A mechanism that AUTH takes.
    Mechanism(MechanismName),
    /// A language that LANG takes.
    Language {
        /// Its tag.
        tag: CompactString,
        /// Its name in itself. May be empty.
        name: CompactString,
    },
    /// The highest number that was retrieved (LAST); `Ok` follows.
    Last(u32),
    /// A line of a list that is not what it should be, and was skipped.
    Unreadable,
    /// A message begins.
    Message {
        /// Which command asked for it.
        id: CommandId,
        /// Its number.
        number: u32,
        /// Its size, if the server named one. Not to be relied on.
        octets: Option<u64>,
    },
    /// A piece of the message: stuffing removed, line ends as they came.
    Body(Bytes),
    /// The server says why it will close, unasked.
    Farewell(Refusal),
}

/// Why a command was not done.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Failure {
    /// The server refused.
    #[error("refused: {0}")]
    Refused(Refusal),
    /// The server agreed, in words that make no sense.
    #[error("the server's answer makes no sense")]
    Malformed,
}

/// A command cannot be given now.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Refused {
    /// More commands than [`ClientLimits::pipeline`](crate::ClientLimits::pipeline) are
    /// unanswered.
    #[error("too many commands are unanswered")]
    Busy,
    /// QUIT was given already, or the server has said farewell.
    #[error("the session is ending")]
    Ending,
    /// STLS in a session with TLS, or behind UTF8 (RFC 6856 section 2.1).
    #[error("STLS is not allowed here")]
    StlsNotAllowed,
    /// No challenge waits for a response.
    #[error("no challenge waits")]
    NoChallenge,
}
