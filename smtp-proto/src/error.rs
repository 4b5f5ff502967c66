//! Why a session is over before its time.

/// The conversation cannot go on. What was being received is lost and must be thrown away.
///
/// The machine has said what there was to say; send its output and close.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The peer took too long over a command.
    #[error("timeout: command")]
    CommandTimeout,
    /// The peer took too long over a message.
    #[error("timeout: message")]
    MessageTimeout,
    /// The peer did not read what we sent.
    #[error("timeout: the peer does not read")]
    WriteTimeout,
    /// The peer closed in the middle of a command, an authentication or a message.
    #[error("the peer closed the connection in the middle of something")]
    Disconnected,
    /// More wrong commands than [`Limits::errors`](crate::Limits::errors).
    #[error("too many errors")]
    TooManyErrors,
    /// More failed authentications than [`Limits::auth_failures`](crate::Limits::auth_failures).
    #[error("too many authentication failures")]
    TooManyAuthFailures,
    /// A line went on beyond [`Limits::skipped_line`](crate::Limits::skipped_line).
    #[error("a line has no end")]
    EndlessLine,
    /// A refused message went on beyond [`Limits::skipped_message`](crate::Limits::skipped_message).
    #[error("a message has no end")]
    EndlessMessage,
    /// Something was sent in clear text behind STARTTLS (RFC 3207 section 4.2; the attack that
    /// injects commands).
    #[error("plaintext behind STARTTLS")]
    PlaintextBehindStartTls,
    /// Octets follow that cannot be told from commands: BDAT without a size.
    #[error("out of step with the peer")]
    OutOfStep,
    /// The peer spoke before it was greeted ([`Limits::greeting_delay`](crate::Limits::greeting_delay)).
    #[error("the peer did not wait for the greeting")]
    EarlyTalker,
    /// The peer did not wait for an answer that it has to wait for (RFC 2920 section 3.1).
    #[error("the peer did not wait for an answer")]
    Unsynchronised,
    /// More messages than [`Limits::messages`](crate::Limits::messages).
    #[error("too many messages")]
    TooManyMessages,
    /// The peer speaks TLS or HTTP.
    #[error("the peer speaks another protocol")]
    AnotherProtocol,
}
