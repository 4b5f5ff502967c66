//! Mechanism names.

use std::fmt;
use std::str::FromStr;

/// A SASL mechanism that this crate can serve.
///
/// Names are read without regard to case, as SMTP, POP3 and IMAP do, and printed in the
/// registered upper case.
///
/// ```
/// use sasl::{Mechanism, MechanismError};
///
/// assert_eq!("plain".parse(), Ok(Mechanism::Plain));
/// assert_eq!(Mechanism::Login.to_string(), "LOGIN");
/// assert_eq!("GSSAPI".parse::<Mechanism>(), Err(MechanismError::Unsupported));
/// assert_eq!("not a name".parse::<Mechanism>(), Err(MechanismError::Malformed));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Mechanism {
    /// PLAIN, RFC 4616: identities and password in one message.
    Plain,
    /// LOGIN: user name and password, each asked for. Obsolete, never standardised
    /// (draft-murchison-sasl-login), and the only one that some devices speak.
    Login,
}

impl Mechanism {
    /// All mechanisms, the preferred first: the order in which to advertise them.
    pub const ALL: &'static [Self] = &[Self::Plain, Self::Login];

    /// The registered name.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Plain => "PLAIN",
            Self::Login => "LOGIN",
        }
    }

    /// Whether the password crosses the channel as it is, so that the channel must be
    /// secured (RFC 4616 section 5).
    #[must_use]
    pub const fn is_plaintext(self) -> bool {
        match self {
            Self::Plain | Self::Login => true,
        }
    }
}

impl fmt::Display for Mechanism {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for Mechanism {
    type Err = MechanismError;

    fn from_str(name: &str) -> Result<Self, MechanismError> {
        if !is_name(name) {
            return Err(MechanismError::Malformed);
        }
        Self::ALL
            .iter()
            .copied()
            .find(|mechanism| mechanism.name().eq_ignore_ascii_case(name))
            .ok_or(MechanismError::Unsupported)
    }
}

/// Why a string names no [`Mechanism`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum MechanismError {
    /// Not a mechanism name by RFC 4422 section 3.1 (SMTP: 501).
    #[error("the peer's mechanism name is malformed")]
    Malformed,
    /// A name, but of a mechanism that is not served here (SMTP: 504).
    #[error("the peer's mechanism is not supported")]
    Unsupported,
}

/// RFC 4422 section 3.1: `1*20mech-char`, here in either case.
fn is_name(name: &str) -> bool {
    (1..=NAME_LENGTH).contains(&name.len())
        && name
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_')
}

/// RFC 4422 section 3.1: the longest mechanism name.
const NAME_LENGTH: usize = 20;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_both_ways() {
        for &mechanism in Mechanism::ALL {
            assert_eq!(mechanism.name().parse(), Ok(mechanism));
            assert_eq!(mechanism.name().to_lowercase().parse(), Ok(mechanism));
            assert_eq!(mechanism.to_string(), mechanism.name());
        }
    }

    #[test]
    fn other_names() {
        use MechanismError::{Malformed, Unsupported};
        for (name, error) in [
            ("", Malformed),
            (" PLAIN", Malformed),
            ("PLAIN ", Malformed),
            ("PLA\u{130}N", Malformed),
            ("PLAIN\0", Malformed),
            ("A23456789-123456789_X", Malformed),
            ("A23456789-123456789_", Unsupported),
            ("SCRAM-SHA-256-PLUS", Unsupported),
        ] {
            assert_eq!(name.parse::<Mechanism>(), Err(error), "{name:?}");
        }
    }
}
