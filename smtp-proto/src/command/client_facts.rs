//! What a trusted client tells of another: XCLIENT and XFORWARD, as Postfix has them.

use std::fmt;

use compact_str::CompactString;

use super::SyntaxError;
use crate::parameter::xtext;

/// What is said about a client, each fact at most once.
///
/// ```
/// use smtp_proto::Strictness;
/// use smtp_proto::command::{ClientAttribute, Command};
///
/// let line = b"XCLIENT NAME=[UNAVAILABLE] ADDR=192.0.2.7 LOGIN=alice+40example.org";
/// let Command::XClient(facts) = Command::parse(line, &Strictness::strict())? else { panic!() };
/// assert_eq!(facts.known(ClientAttribute::Address), Some("192.0.2.7"));
/// assert_eq!(facts.known(ClientAttribute::Login), Some("alice@example.org"));
/// assert_eq!(facts.known(ClientAttribute::Name), None);
/// # Ok::<(), smtp_proto::SyntaxError>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClientFacts(Vec<(ClientAttribute, ClientFact)>);

/// What a fact is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum ClientAttribute {
    /// `NAME`: the client's host name.
    Name,
    /// `ADDR`: its address; IPv6 has the prefix `IPV6:`.
    Address,
    /// `PORT`: its port.
    Port,
    /// `PROTO`: SMTP or ESMTP.
    Protocol,
    /// `HELO`: how it introduced itself.
    Hello,
    /// `LOGIN`: who it has proven to be (XCLIENT).
    Login,
    /// `DESTADDR`: the address that it connected to (XCLIENT).
    DestinationAddress,
    /// `DESTPORT`: and the port (XCLIENT).
    DestinationPort,
    /// `IDENT`: what the message is called there (XFORWARD).
    Ident,
    /// `SOURCE`: LOCAL or REMOTE (XFORWARD).
    Source,
}

/// A fact, or why there is none.
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(clippy::exhaustive_enums, reason = "the protocol has these three")]
pub enum ClientFact {
    /// It is this.
    Known(CompactString),
    /// `[UNAVAILABLE]`: there is none.
    Unavailable,
    /// `[TEMPUNAVAIL]`: it could not be found out now.
    TemporarilyUnavailable,
}

/// Which of the two commands, since not all facts belong to both.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum About {
    XClient,
    XForward,
}

impl ClientFacts {
    /// All facts, in the order in which they were said.
    pub fn iter(&self) -> impl Iterator<Item = (ClientAttribute, &ClientFact)> {
        self.0.iter().map(|(attribute, fact)| (*attribute, fact))
    }

    /// One of them, if it was said and is known.
    pub fn known(&self, attribute: ClientAttribute) -> Option<&str> {
        self.0.iter().find_map(|(about, fact)| match fact {
            ClientFact::Known(text) if *about == attribute => Some(&text[..]),
            _ => None,
        })
    }

    pub(super) fn parse(argument: &[u8], about: About) -> Result<Self, SyntaxError> {
        let mut facts: Vec<(ClientAttribute, ClientFact)> = Vec::new();
        for word in argument.split(|&octet| octet == b' ') {
            let equals = memchr::memchr(b'=', word).ok_or(SyntaxError::Argument)?;
            let attribute = ClientAttribute::parse(&word[..equals], about)?;
            if facts.iter().any(|(known, _)| *known == attribute) {
                return Err(SyntaxError::Argument);
            }
            facts.push((attribute, ClientFact::parse(&word[equals + 1..])?));
        }
        Ok(Self(facts))
    }
}

impl fmt::Display for ClientFacts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (attribute, fact) in &self.0 {
            write!(f, " {}={fact}", attribute.name())?;
        }
        Ok(())
    }
}

impl ClientAttribute {
    const ALL: [(Self, &'static str); 10] = [
        (Self::Name, "NAME"),
        (Self::Address, "ADDR"),
        (Self::Port, "PORT"),
        (Self::Protocol, "PROTO"),
        (Self::Hello, "HELO"),
        (Self::Login, "LOGIN"),
        (Self::DestinationAddress, "DESTADDR"),
        (Self::DestinationPort, "DESTPORT"),
        (Self::Ident, "IDENT"),
        (Self::Source, "SOURCE"),
    ];

    fn name(self) -> &'static str {
        let mut all = Self::ALL.into_iter();
        all.find_map(|(attribute, name)| (attribute == self).then_some(name))
            .expect("all are listed")
    }

    fn parse(name: &[u8], about: About) -> Result<Self, SyntaxError> {
        let mut all = Self::ALL.into_iter();
        let found = all.find(|(_, known)| name.eq_ignore_ascii_case(known.as_bytes()));
        let (attribute, _) = found.ok_or(SyntaxError::Argument)?;
        let belongs = match attribute {
            Self::Login | Self::DestinationAddress | Self::DestinationPort => About::XClient,
            Self::Ident | Self::Source => About::XForward,
            _ => about,
        };
        match belongs == about {
            true => Ok(attribute),
            false => Err(SyntaxError::Argument),
        }
    }
}

impl ClientFact {
    fn parse(value: &[u8]) -> Result<Self, SyntaxError> {
        if value.eq_ignore_ascii_case(b"[UNAVAILABLE]") {
            return Ok(Self::Unavailable);
        }
        if value.eq_ignore_ascii_case(b"[TEMPUNAVAIL]") {
            return Ok(Self::TemporarilyUnavailable);
        }
        match xtext::decode_text(value) {
            Some(text) if !text.is_empty() => Ok(Self::Known(text.into())),
            _ => Err(SyntaxError::Argument),
        }
    }
}

impl fmt::Display for ClientFact {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Known(text) => f.write_str(&xtext::encode(text)),
            Self::Unavailable => f.write_str("[UNAVAILABLE]"),
            Self::TemporarilyUnavailable => f.write_str("[TEMPUNAVAIL]"),
        }
    }
}

/// The attributes that each of the two is announced with.
pub(crate) const XCLIENT_ATTRIBUTES: &str = "NAME ADDR PORT PROTO HELO LOGIN DESTADDR DESTPORT";
pub(crate) const XFORWARD_ATTRIBUTES: &str = "NAME ADDR PORT PROTO HELO IDENT SOURCE";
