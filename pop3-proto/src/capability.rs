//! Capabilities: what a server can do beyond RFC 1939 (RFC 2449 section 6).

use std::fmt;
use std::str::FromStr;

use compact_str::CompactString;
use mailwire::auth::MechanismName;

use crate::InvalidReply;
use crate::command::digits;

/// One line of the answer to CAPA.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Capability {
    /// `TOP`
    Top,
    /// `USER`: USER and PASS are welcome, here and now.
    User,
    /// `SASL`: AUTH takes these mechanisms (RFC 5034 section 3). Those with impossible names are
    /// left out.
    Sasl(Vec<MechanismName>),
    /// `RESP-CODES`: what stands in brackets is for programs.
    RespCodes,
    /// `AUTH-RESP-CODE`: `[AUTH]` tells wrong credentials from trouble (RFC 3206).
    AuthRespCode,
    /// `LOGIN-DELAY`: seconds between logins.
    LoginDelay(PerUser<u32>),
    /// `PIPELINING`: commands may be sent before earlier ones are answered.
    Pipelining,
    /// `EXPIRE`: days that messages are kept, or for ever.
    Expire(PerUser<Expire>),
    /// `UIDL`
    Uidl,
    /// `IMPLEMENTATION`: whose server it is.
    Implementation(ImplementationName),
    /// `STLS` (RFC 2595 section 4)
    Stls,
    /// `UTF8` (RFC 6856 section 2)
    Utf8 {
        /// Names and passwords may be UTF-8 (section 2.2).
        user: bool,
    },
    /// `LANG` (RFC 6856 section 3)
    Lang,
    /// Another, with its arguments, as it stands.
    Other(CompactString),
}

/// The name of a server's program: not empty, without control characters, and short enough
/// for a line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ImplementationName(CompactString);

impl ImplementationName {
    /// The name.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for ImplementationName {
    type Err = InvalidReply;

    fn from_str(text: &str) -> Result<Self, InvalidReply> {
        match (1..=255).contains(&text.len()) && !text.chars().any(char::is_control) {
            true => Ok(Self(text.into())),
            false => Err(InvalidReply),
        }
    }
}

impl fmt::Display for ImplementationName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A value that, before the login, may be another for some users.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(clippy::exhaustive_structs, reason = "this is all there is to it")]
pub struct PerUser<T> {
    /// The value.
    pub value: T,
    /// It may be different for a user (`USER` behind it).
    pub varies: bool,
}

/// How long messages are kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(clippy::exhaustive_enums, reason = "RFC 2449 section 6.7")]
pub enum Expire {
    /// They are not deleted by the server.
    Never,
    /// So many days. 0 means that they may be gone after the session.
    Days(u32),
}

impl Capability {
    /// Reads a line, without its line end.
    ///
    /// What is known but malformed is [`Other`](Self::Other). What is not UTF-8 is replaced.
    pub fn parse(line: &[u8]) -> Self {
        let line = String::from_utf8_lossy(line);
        Self::read(line.trim_end()).unwrap_or_else(|| Self::Other(line.trim_end().into()))
    }

    fn read(line: &str) -> Option<Self> {
        let (tag, rest) = line.split_once(' ').unwrap_or((line, ""));
        let mut words = rest.split(' ').filter(|word| !word.is_empty());
        Some(match tag.to_ascii_uppercase().as_str() {
            "TOP" => Self::Top,
            "USER" => Self::User,
            "SASL" => Self::Sasl(words.filter_map(|word| word.parse().ok()).collect()),
            "RESP-CODES" => Self::RespCodes,
            "AUTH-RESP-CODE" => Self::AuthRespCode,
            "LOGIN-DELAY" => Self::LoginDelay(PerUser {
                value: digits(words.next()?).ok()?,
                varies: is_user(words.next()),
            }),
            "PIPELINING" => Self::Pipelining,
            "EXPIRE" => Self::Expire(PerUser {
                value: match words.next()? {
                    never if never.eq_ignore_ascii_case("NEVER") => Expire::Never,
                    days => Expire::Days(digits(days).ok()?),
                },
                varies: is_user(words.next()),
            }),
            "UIDL" => Self::Uidl,
            "IMPLEMENTATION" => Self::Implementation(rest.parse().ok()?),
            "STLS" => Self::Stls,
            "UTF8" => Self::Utf8 {
                user: is_user(words.next()),
            },
            "LANG" => Self::Lang,
            _ => return None,
        })
    }
}

impl fmt::Display for Capability {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let user = |varies: bool| if varies { " USER" } else { "" };
        match self {
            Self::Top => f.write_str("TOP"),
            Self::User => f.write_str("USER"),
            Self::Sasl(mechanisms) => {
                f.write_str("SASL")?;
                mechanisms.iter().try_for_each(|name| write!(f, " {name}"))
            }
            Self::RespCodes => f.write_str("RESP-CODES"),
            Self::AuthRespCode => f.write_str("AUTH-RESP-CODE"),
            Self::LoginDelay(delay) => {
                write!(f, "LOGIN-DELAY {}{}", delay.value, user(delay.varies))
            }
            Self::Pipelining => f.write_str("PIPELINING"),
            Self::Expire(expire) => match expire.value {
                Expire::Never => write!(f, "EXPIRE NEVER{}", user(expire.varies)),
                Expire::Days(days) => write!(f, "EXPIRE {days}{}", user(expire.varies)),
            },
            Self::Uidl => f.write_str("UIDL"),
            Self::Implementation(name) => write!(f, "IMPLEMENTATION {name}"),
            Self::Stls => f.write_str("STLS"),
            Self::Utf8 { user: names } => write!(f, "UTF8{}", user(*names)),
            Self::Lang => f.write_str("LANG"),
            Self::Other(line) => f.write_str(line),
        }
    }
}

/// All that a server can do: the answer to CAPA.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Capabilities(Vec<Capability>);

impl Capabilities {
    /// Whether a capability is among them, with these very arguments.
    pub fn has(&self, capability: &Capability) -> bool {
        self.0.contains(capability)
    }

    /// The mechanisms that AUTH takes.
    pub fn mechanisms(&self) -> &[MechanismName] {
        let sasl = self.0.iter().find_map(|capability| match capability {
            Capability::Sasl(mechanisms) => Some(&mechanisms[..]),
            _ => None,
        });
        sasl.unwrap_or_default()
    }

    /// All of them, in the server's order.
    pub fn iter(&self) -> impl Iterator<Item = &Capability> {
        self.0.iter()
    }

    pub(crate) fn push(&mut self, capability: Capability) {
        self.0.push(capability);
    }

    /// The number of lines.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

fn is_user(word: Option<&str>) -> bool {
    word.is_some_and(|word| word.eq_ignore_ascii_case("USER"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn capabilities_both_ways() {
        for (line, known) in [
            ("TOP", true),
            ("USER", true),
            ("SASL PLAIN SCRAM-SHA-256", true),
            ("SASL", true),
            ("RESP-CODES", true),
            ("AUTH-RESP-CODE", true),
            ("LOGIN-DELAY 900", true),
            ("LOGIN-DELAY 900 USER", true),
            ("PIPELINING", true),
            ("EXPIRE NEVER", true),
            ("EXPIRE 31 USER", true),
            ("EXPIRE 0", true),
            ("UIDL", true),
            ("IMPLEMENTATION Shlemazle-Plotz-v302 beta", true),
            ("STLS", true),
            ("UTF8", true),
            ("UTF8 USER", true),
            ("LANG", true),
            ("XOIP", false),
            ("EXPIRE soon", false),
            ("LOGIN-DELAY", false),
            ("IMPLEMENTATION", false),
            ("", false),
        ] {
            let capability = Capability::parse(line.as_bytes());
            assert_eq!(capability.to_string(), line);
            assert_eq!(!matches!(capability, Capability::Other(_)), known, "{line}");
        }
        let sasl = Capability::parse(b"sasl plain  X-ZIMBRA gss\xff login ");
        assert_eq!(sasl.to_string(), "SASL PLAIN X-ZIMBRA LOGIN");
    }
}
