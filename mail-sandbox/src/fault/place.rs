//! Where faults happen.

use std::fmt;

/// A point of a conversation, in any protocol.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Place {
    /// The first answer of a connection.
    Greeting,
    /// A TLS handshake, at the beginning of a connection or within it.
    Tls,
    /// An answer that tells what the server can do.
    Capabilities,
    /// A command with this verb, in upper case; `*` is any.
    Command(String),
    /// An authentication begins by this mechanism, in upper case; `*` is any.
    Mechanism(String),
    /// The answer to a challenge.
    Response,
    /// A message is on its way in.
    Body,
    /// A message is complete.
    End,
}

impl Place {
    /// Whether what happens is what is meant.
    pub(super) fn covers(&self, happening: &Self) -> bool {
        match (self, happening) {
            (Self::Command(wanted), Self::Command(met))
            | (Self::Mechanism(wanted), Self::Mechanism(met)) => wanted == "*" || wanted == met,
            (wanted, met) => wanted == met,
        }
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Greeting => f.write_str("greeting"),
            Self::Tls => f.write_str("tls"),
            Self::Capabilities => f.write_str("capabilities"),
            Self::Command(verb) => write!(f, "command {verb}"),
            Self::Mechanism(name) => write!(f, "mechanism {name}"),
            Self::Response => f.write_str("response"),
            Self::Body => f.write_str("body"),
            Self::End => f.write_str("end"),
        }
    }
}
