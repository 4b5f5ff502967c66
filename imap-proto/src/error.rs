//! Why something could not be read.

use crate::Tag;

/// A command or response is not what the grammar says.
///
/// The conversation goes on: the frame was whole. A server answers a command with a tagged BAD
/// where [`tag`](Self::tag) is known and with an untagged one otherwise (RFC 9051 section 7.1.3).
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("expected {expected} at octet {offset}")]
pub struct SyntaxError {
    /// The tag, if it could be read.
    pub tag: Option<Tag>,
    /// Where in the frame, in octets from its beginning.
    pub offset: usize,
    /// What should have been there.
    pub expected: &'static str,
}

/// The octets cannot be told apart into frames any more; the connection has to be closed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum FrameError {
    /// An over-long line went on beyond [`FrameLimits::skipped`](crate::FrameLimits::skipped).
    #[error("a line has no end")]
    EndlessLine,
    /// A literal that is sent without waiting has more than
    /// [`FrameLimits::literal`](crate::FrameLimits::literal) octets, or so many that they cannot be counted.
    #[error("a literal has no end")]
    EndlessLiteral,
}

/// The conversation cannot go on.
///
/// The machine has said what there was to say; send its output and close.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The client was silent for too long, or took too long to log in.
    #[error("timeout: command")]
    CommandTimeout,
    /// The server was silent although an answer is due.
    #[error("timeout: reply")]
    ReplyTimeout,
    /// The peer did not read what we sent.
    #[error("timeout: the peer does not read")]
    WriteTimeout,
    /// The peer closed in the middle of a command, an authentication or a message.
    #[error("the peer closed the connection in the middle of something")]
    Disconnected,
    /// More wrong commands than [`ServerLimits::errors`](crate::ServerLimits::errors) in a row.
    #[error("too many errors")]
    TooManyErrors,
    /// More failed logins than [`ServerLimits::auth_failures`](crate::ServerLimits::auth_failures).
    #[error("too many authentication failures")]
    TooManyAuthFailures,
    /// What came cannot be told apart into commands any more.
    #[error("{0}")]
    Frame(#[from] FrameError),
    /// What came first is no greeting.
    #[error("not an IMAP server's greeting")]
    NotAGreeting,
    /// Something was sent in clear text behind STARTTLS (RFC 9051 section 6.2.1; the attack that injects
    /// commands or answers).
    #[error("plaintext behind STARTTLS")]
    PlaintextBehindStartTls,
    /// What came is not compressed, or not well (RFC 4978).
    #[error("the compressed data is damaged")]
    Damaged,
    /// The application could not go on with a message that it had begun to send.
    #[error("the message could not be sent to its end")]
    BodyAborted,
}

/// The value cannot be written in IMAP.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not {expected}")]
pub struct Invalid {
    /// What it is not.
    pub(crate) expected: &'static str,
}

impl Invalid {
    pub(crate) const fn new(expected: &'static str) -> Self {
        Self { expected }
    }
}
