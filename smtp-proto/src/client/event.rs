//! What a client's session tells the application.

use mailwire::Secret;
use mailwire::dot::Stray;

use super::{Capabilities, Outcome};
use crate::{Extension, Reply};

/// Something the application should know, or go on with.
#[derive(Debug)]
#[non_exhaustive]
pub enum Event {
    /// The server has accepted our hello, and offers this. Comes again after TLS has started.
    Ready(Box<Capabilities>),
    /// The answer to a command that has no event of its own.
    Replied(Reply),
    /// The server wants to know more: [`respond`](super::Client::respond) or
    /// [`cancel`](super::Client::cancel).
    Challenge(Secret),
    /// The authentication has ended: 235, or a refusal.
    Authenticated(Reply),
    /// The message is wanted: [`write_body`](super::Client::write_body) and
    /// [`finish_body`](super::Client::finish_body).
    SendBody,
    /// A message has its fate; or each of its recipients has one.
    Delivered(Outcome),
}

/// Why a command is not sent. Nothing has changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Refused {
    /// Something else is going on, or the server has not greeted yet: wait for its event.
    #[error("the session is busy")]
    Busy,
    /// The session is over, or about to be.
    #[error("the session is over")]
    Over,
    /// The server does not offer what this needs.
    #[error("the server does not offer {0}")]
    NotOffered(Extension),
    /// The server does not offer this mechanism.
    #[error("the server does not offer this mechanism")]
    UnknownMechanism,
    /// AUTH without TLS is not wanted.
    #[error("authentication without TLS")]
    Plaintext,
    /// TLS is there already.
    #[error("TLS is in use already")]
    TlsAlready,
    /// The message is larger than the server takes.
    #[error("the message is larger than {limit} octets")]
    TooLarge {
        /// The server's limit.
        limit: u64,
    },
    /// There are none.
    #[error("a message without recipients")]
    NoRecipients,
    /// More than the server takes (RFC 9422).
    #[error("more than {most} recipients")]
    TooManyRecipients {
        /// The server's limit.
        most: u32,
    },
    /// In more domains than the server takes (RFC 9422).
    #[error("recipients in more than {most} domains")]
    TooManyDomains {
        /// The server's limit.
        most: u32,
    },
    /// More than the server takes in one connection (RFC 9422): use another.
    #[error("more than {most} messages in one connection")]
    TooManyMessages {
        /// The server's limit.
        most: u32,
    },
    /// The terms are more than the server promises (DELIVERBY, FUTURERELEASE).
    #[error("the server does not promise these terms")]
    Terms,
    /// The message holds a bare CR or LF or NUL, and the policy is to refuse that.
    #[error("the message holds a bare CR or LF or NUL")]
    Stray(Stray),
    /// What is to be sent does not fit into a line.
    #[error("longer than a line")]
    TooLong,
}

/// Why a client's session is over before its time.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The server does not serve us: its greeting, or its answer to our hello.
    #[error("refused: {0}")]
    NotServed(Reply),
    /// The server has said 421, and closes.
    #[error("the server closes: {0}")]
    ServiceClosing(Reply),
    /// What the server said is no reply, or one without end.
    #[error("malformed reply")]
    MalformedReply,
    /// A reply to nothing, or one that fits nothing that was said.
    #[error("unexpected reply: {0}")]
    UnexpectedReply(Reply),
    /// Something came in clear text behind the go-ahead for TLS (the attack that injects replies).
    #[error("plaintext behind STARTTLS")]
    PlaintextBehindStartTls,
    /// The server took too long over an answer.
    #[error("timeout: reply")]
    ReplyTimeout,
    /// The server did not read what we sent.
    #[error("timeout: the server does not read")]
    WriteTimeout,
    /// The server has closed the connection.
    #[error("the server closed the connection")]
    Disconnected,
    /// The application gave a message up of which a part was sent: there is no other way to stop.
    #[error("the message was given up")]
    Abandoned,
}
