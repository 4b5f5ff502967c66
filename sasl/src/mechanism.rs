//! Mechanism names.

use std::fmt;
use std::str::FromStr;

use crate::scram::Hash;

/// A SASL mechanism that this crate knows.
///
/// Names are read without regard to case, as SMTP, POP3 and IMAP do, and printed in the
/// registered upper case.
///
/// ```
/// use sasl::scram::Hash;
/// use sasl::{Mechanism, MechanismError};
///
/// assert_eq!("plain".parse(), Ok(Mechanism::Plain));
/// assert_eq!("SCRAM-SHA-256-PLUS".parse(), Ok(Mechanism::ScramPlus(Hash::Sha256)));
/// assert_eq!(Mechanism::Login.to_string(), "LOGIN");
/// assert_eq!("GSSAPI".parse::<Mechanism>(), Err(MechanismError::Unsupported));
/// assert_eq!("not a name".parse::<Mechanism>(), Err(MechanismError::Malformed));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Mechanism {
    /// SCRAM with a channel binding: `SCRAM-SHA-256-PLUS` and its like, RFC 5802.
    ScramPlus(Hash),
    /// SCRAM: `SCRAM-SHA-256` and its like, RFC 5802 and RFC 7677. The password is never
    /// shown, and the server proves that it knows it too.
    Scram(Hash),
    /// OAUTHBEARER, RFC 7628: a token in place of a password.
    OAuthBearer,
    /// XOAUTH2, its forerunner, never standardised, which the large mail providers speak.
    XOAuth2,
    /// EXTERNAL, RFC 4422 appendix A: who the peer is was proven outside, by its certificate.
    External,
    /// CRAM-MD5, RFC 2195 (feature `cram-md5`). It shows no password, but the server has to
    /// keep all of them in clear text.
    #[cfg(feature = "cram-md5")]
    CramMd5,
    /// PLAIN, RFC 4616: identities and password in one message.
    Plain,
    /// LOGIN: user name and password, each asked for. Obsolete, never standardised
    /// (draft-murchison-sasl-login), and the only one that some devices speak.
    Login,
    /// ANONYMOUS, RFC 4505: nobody in particular.
    Anonymous,
}

impl Mechanism {
    /// All mechanisms, the preferred first: the order in which to advertise them, and in
    /// which a client tries them.
    pub const ALL: &'static [Self] = &[
        Self::ScramPlus(Hash::Sha512),
        Self::ScramPlus(Hash::Sha256),
        Self::ScramPlus(Hash::Sha1),
        Self::Scram(Hash::Sha512),
        Self::Scram(Hash::Sha256),
        Self::Scram(Hash::Sha1),
        Self::OAuthBearer,
        Self::XOAuth2,
        Self::External,
        #[cfg(feature = "cram-md5")]
        Self::CramMd5,
        Self::Plain,
        Self::Login,
        Self::Anonymous,
    ];

    /// The registered name.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::ScramPlus(Hash::Sha512) => "SCRAM-SHA-512-PLUS",
            Self::ScramPlus(Hash::Sha256) => "SCRAM-SHA-256-PLUS",
            Self::ScramPlus(Hash::Sha1) => "SCRAM-SHA-1-PLUS",
            Self::Scram(Hash::Sha512) => "SCRAM-SHA-512",
            Self::Scram(Hash::Sha256) => "SCRAM-SHA-256",
            Self::Scram(Hash::Sha1) => "SCRAM-SHA-1",
            Self::OAuthBearer => "OAUTHBEARER",
            Self::XOAuth2 => "XOAUTH2",
            Self::External => "EXTERNAL",
            #[cfg(feature = "cram-md5")]
            Self::CramMd5 => "CRAM-MD5",
            Self::Plain => "PLAIN",
            Self::Login => "LOGIN",
            Self::Anonymous => "ANONYMOUS",
        }
    }

    /// Whether a secret crosses the channel as it is, a password or a token, so that the
    /// channel must be secured (RFC 4616 section 5, RFC 6750 section 5.3).
    #[must_use]
    pub const fn is_plaintext(self) -> bool {
        matches!(
            self,
            Self::Plain | Self::Login | Self::OAuthBearer | Self::XOAuth2
        )
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
    /// A name, but of a mechanism that this crate does not know (SMTP: 504).
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
            ("SCRAM-SHA-224", Unsupported),
            ("DIGEST-MD5", Unsupported),
        ] {
            assert_eq!(name.parse::<Mechanism>(), Err(error), "{name:?}");
        }
    }
}
