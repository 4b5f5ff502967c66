//! What faults do.

use std::fmt;
use std::time::Duration;

use super::Place;
use super::text::{Escaped, Time};
use crate::authority::Certificate;

/// What happens at a fault.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Action {
    /// This is the answer, of any number of lines. If it refuses, in the terms of the protocol, the
    /// command is not carried out; otherwise it is. In a body it is said at once, and the
    /// connection is closed; in place of a TLS handshake too.
    Reply(String),
    /// The protocol's own refusal.
    Refuse,
    /// The protocol's own way to say that there is no room for a message.
    DiskFull,
    /// Nothing happens for so long.
    Delay(Duration),
    /// The connection is closed in order.
    Drop,
    /// The connection is reset.
    Reset,
    /// The connection stays open, and nothing is ever read or said again.
    StopReading,
    /// The answer comes octet by octet, each so long after the other.
    Slowly(Duration),
    /// The rest of the answer is lost.
    Truncate,
    /// The answer has octets that do not belong there, and none that it should have, besides its
    /// line ends.
    Garble,
    /// A line that nobody asked for, in front of the answer.
    Insert(String),
    /// The answer comes behind the next one.
    Later,
    /// A capability is announced that is not there.
    With(String),
    /// A capability is not announced: all of it, or the words that are named behind it.
    Without(String),
    /// Another certificate is shown.
    Certificate(Certificate),
}

impl Action {
    /// Whether it means something at a place.
    pub(super) fn fits(&self, place: &Place) -> bool {
        let within_answer = !matches!(place, Place::Tls | Place::Body);
        match self {
            Self::Delay(_) | Self::Drop | Self::Reset | Self::StopReading | Self::Reply(_) => true,
            Self::Certificate(_) => *place == Place::Tls,
            Self::With(_) | Self::Without(_) => *place == Place::Capabilities,
            Self::DiskFull => matches!(place, Place::Body | Place::End | Place::Command(_)),
            Self::Garble => *place != Place::Body,
            Self::Refuse | Self::Slowly(_) | Self::Truncate | Self::Insert(_) | Self::Later => {
                within_answer
            }
        }
    }
}

impl fmt::Display for Action {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Reply(text) => write!(f, "reply {}", Escaped::text(text)),
            Self::Refuse => f.write_str("refuse"),
            Self::DiskFull => f.write_str("disk-full"),
            Self::Delay(time) => write!(f, "delay {}", Time(*time)),
            Self::Drop => f.write_str("drop"),
            Self::Reset => f.write_str("reset"),
            Self::StopReading => f.write_str("stop-reading"),
            Self::Slowly(time) => write!(f, "slowly {}", Time(*time)),
            Self::Truncate => f.write_str("truncate"),
            Self::Garble => f.write_str("garble"),
            Self::Insert(text) => write!(f, "insert {}", Escaped::text(text)),
            Self::Later => f.write_str("later"),
            Self::With(words) => write!(f, "with {}", Escaped::text(words)),
            Self::Without(words) => write!(f, "without {}", Escaped::text(words)),
            Self::Certificate(certificate) => write!(f, "certificate {}", certificate.name()),
        }
    }
}
