//! Why a session is over before its time.

/// The conversation cannot go on.
///
/// The machine has said what there was to say; send its output and close. On the server's side
/// nothing is deleted then (RFC 1939 section 6).
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
    /// The peer closed in the middle of a line, an authentication, an answer or a message.
    #[error("the peer closed the connection in the middle of something")]
    Disconnected,
    /// More wrong commands than [`Limits::errors`](crate::Limits::errors).
    #[error("too many errors")]
    TooManyErrors,
    /// More failed logins than [`Limits::auth_failures`](crate::Limits::auth_failures).
    #[error("too many authentication failures")]
    TooManyAuthFailures,
    /// A line went on beyond its limit.
    #[error("a line has no end")]
    EndlessLine,
    /// Something was sent in clear text behind STLS (RFC 2595 section 4; the attack that injects
    /// commands or answers).
    #[error("plaintext behind STLS")]
    PlaintextBehindStls,
    /// The application could not go on with a message that it had begun to send.
    #[error("the message could not be sent to its end")]
    BodyAborted,
    /// The server said something that is no answer.
    #[error("not a POP3 server's answer")]
    NotAReply,
    /// The server answers what was not asked.
    #[error("an answer to no command")]
    Unexpected,
    /// A list has more lines than its limit.
    #[error("a list has no end")]
    EndlessList,
}
