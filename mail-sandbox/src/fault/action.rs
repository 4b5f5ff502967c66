//! What faults do.

use std::fmt;
use std::time::Duration;

use super::notation::{Escaped, Time};
use super::{Place, Side};
use crate::authority::Certificate;

/// What happens at a fault: to the answer of a server, or to what a client says.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Action {
    /// This is said instead, of any number of lines; in IMAP a line that begins with OK, NO or BAD gets the tag of the
    /// command. From a server that is the answer: if it
    /// refuses, in the terms of the protocol, the command is not carried out; otherwise it is. In a
    /// body it is said at once, and the connection is closed; in place of a TLS handshake too.
    Reply(String),
    /// The protocol's own refusal, of a server.
    Refuse,
    /// A server's own way to say that there is no room for a message.
    DiskFull,
    /// Nothing happens for so long.
    Delay(Duration),
    /// The connection is closed in order.
    Drop,
    /// The connection is reset.
    Reset,
    /// The connection stays open, and nothing is ever read again. A server has nothing to say
    /// then; a client says the rest without waiting for answers.
    StopReading,
    /// It comes octet by octet, each so long after the other.
    Slowly(Duration),
    /// The rest of it is lost.
    Truncate,
    /// It has octets that do not belong there, and none that it should have, besides its line ends.
    Garble,
    /// Its line ends are bare LFs.
    BareLf,
    /// A line that nobody asked for, in front of it.
    Insert(String),
    /// It comes behind the next.
    Later,
    /// Of a server, its last line is lost: of IMAP's answers the one with the tag, of POP3's the dot.
    LoseEnd,
    /// Of a server, its last line comes first: what should follow an answer's data stands in front of it.
    EndFirst,
    /// Of a server, each text in it that is the first of these is the second.
    Replace(String, String),
    /// A client says the next without waiting for the answer to this.
    Hurry,
    /// A server announces a capability that is not there.
    With(String),
    /// A server does not announce a capability: all of it, or the words that are named behind it.
    Without(String),
    /// A server announces none of its capabilities but these, which are named by their first words.
    Only(String),
    /// A server shows another certificate.
    Certificate(Certificate),
}

impl Action {
    /// Whether it means something at a place of this side.
    pub(super) fn fits(&self, place: &Place, side: Side) -> bool {
        match side {
            Side::Server => self.fits_server(place),
            Side::Client => self.fits_client(place),
        }
    }

    fn fits_server(&self, place: &Place) -> bool {
        let within_answer = !matches!(place, Place::Tls | Place::Body);
        match self {
            Self::Delay(_) | Self::Drop | Self::Reset | Self::StopReading | Self::Reply(_) => true,
            Self::Certificate(_) => *place == Place::Tls,
            Self::With(_) | Self::Without(_) | Self::Only(_) => *place == Place::Capabilities,
            Self::DiskFull => matches!(place, Place::Body | Place::End | Place::Command(_)),
            Self::Garble => *place != Place::Body,
            Self::Hurry => false,
            Self::Refuse
            | Self::Slowly(_)
            | Self::Truncate
            | Self::BareLf
            | Self::Insert(_)
            | Self::LoseEnd
            | Self::EndFirst
            | Self::Replace(..)
            | Self::Later => within_answer,
        }
    }

    fn fits_client(&self, place: &Place) -> bool {
        // A client announces nothing, and at the greeting it has nothing to say.
        let says_something = !matches!(place, Place::Greeting | Place::Capabilities);
        match self {
            Self::Delay(_) | Self::Drop | Self::Reset | Self::StopReading => {
                *place != Place::Capabilities
            }
            Self::Insert(_) | Self::Hurry => !matches!(place, Place::Tls | Place::Capabilities),
            Self::Reply(_) | Self::Truncate | Self::Garble => says_something,
            Self::Slowly(_) | Self::BareLf | Self::Later => says_something && *place != Place::Tls,
            Self::Refuse
            | Self::DiskFull
            | Self::LoseEnd
            | Self::EndFirst
            | Self::Replace(..)
            | Self::With(_)
            | Self::Without(_)
            | Self::Only(_)
            | Self::Certificate(_) => false,
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
            Self::BareLf => f.write_str("bare-lf"),
            Self::Insert(text) => write!(f, "insert {}", Escaped::text(text)),
            Self::Later => f.write_str("later"),
            Self::LoseEnd => f.write_str("lose-end"),
            Self::EndFirst => f.write_str("end-first"),
            Self::Replace(from, to) => {
                let (from, to) = (Escaped::left(from), Escaped::text(to));
                write!(f, "replace {from} => {to}")
            }
            Self::Hurry => f.write_str("hurry"),
            Self::With(words) => write!(f, "with {}", Escaped::text(words)),
            Self::Without(words) => write!(f, "without {}", Escaped::text(words)),
            Self::Only(words) => write!(f, "only {}", Escaped::text(words)),
            Self::Certificate(certificate) => write!(f, "certificate {}", certificate.name()),
        }
    }
}
