//! Stored passwords, plain or hashed.

#[cfg(feature = "hashes")]
mod hashed;

use std::fmt;
use std::str::FromStr;

use subtle::ConstantTimeEq;
use zeroize::Zeroizing;

use crate::server::Verdict;
use crate::{PrepareError, Prepared, limits};

#[cfg(feature = "hashes")]
use hashed::Hashed;
#[cfg(feature = "hashes")]
pub use hashed::hash;

/// One stored password, in a form that a presented one can be checked against.
///
/// It is parsed from one string, as it stands in a password file or a table of users:
///
/// | form | scheme |
/// |---|---|
/// | `$argon2id$v=19$m=…,t=…,p=…$salt$hash`, `$argon2i$…` | Argon2, RFC 9106 |
/// | `$scrypt$ln=…,r=…,p=…$salt$hash` | scrypt, RFC 7914 |
/// | `$pbkdf2-sha256$i=…,l=…$salt$hash`, `$pbkdf2-sha512$…` | PBKDF2, RFC 8018 |
/// | `$2b$…`, `$2a$…`, `$2y$…` | bcrypt; looks at the first 72 octets of a password only |
/// | `{PLAIN}password` | the password itself, for tests |
///
/// A value whose check would cost more than [`limits`] allow cannot exist. Not supported:
/// `argon2d`, the other schemes of crypt(3), and scheme names in braces but `{PLAIN}`.
///
/// ```
/// use sasl::credential::Credential;
///
/// let stored: Credential = "{PLAIN}open sesame".parse()?;
/// assert!(stored.verify("open sesame"));
/// assert!(!stored.verify("open wheat"));
/// # Ok::<(), sasl::credential::CredentialError>(())
/// ```
#[derive(Clone)]
pub struct Credential(Scheme);

impl Credential {
    /// The password itself: for tests, and for accounts given on a command line.
    ///
    /// # Errors
    ///
    /// If the password cannot be prepared for comparison.
    pub fn plain(password: &str) -> Result<Self, CredentialError> {
        let password = Prepared::parse(password)?;
        Ok(Self(Scheme::Plain(Padded::new(&password))))
    }

    /// Whether this is the password.
    ///
    /// The time it takes tells about the stored scheme only. That there *is* a stored
    /// password shows all the same: [`PasswordFile`](crate::PasswordFile) hides this too.
    #[must_use]
    pub fn verify(&self, password: &str) -> bool {
        Prepared::parse(password).is_ok_and(|password| self.check(&password) == Verdict::Accept)
    }

    /// Checks as [`verify`](Self::verify) does, but tells a wrong password from one that
    /// could not be checked for want of memory.
    pub(crate) fn check(&self, password: &Prepared) -> Verdict {
        match &self.0 {
            Scheme::Plain(stored) if *stored == Padded::new(password) => Verdict::Accept,
            Scheme::Plain(_) => Verdict::Reject,
            #[cfg(feature = "hashes")]
            Scheme::Hashed(hashed) => hashed.check(password),
        }
    }

    /// A credential of nobody, whose check costs as much as this one's.
    pub(crate) fn decoy(&self) -> Self {
        Self(match &self.0 {
            Scheme::Plain(_) => Scheme::Plain(Padded::blank()),
            #[cfg(feature = "hashes")]
            Scheme::Hashed(hashed) => Scheme::Hashed(hashed.decoy()),
        })
    }

    /// Whether the check of this credential costs as much as the check of that decoy.
    pub(crate) fn costs_as(&self, decoy: &Self) -> bool {
        self.decoy().0 == decoy.0
    }
}

impl FromStr for Credential {
    type Err = CredentialError;

    fn from_str(stored: &str) -> Result<Self, CredentialError> {
        if let Some(password) = stored.strip_prefix("{PLAIN}") {
            return Self::plain(password);
        }
        #[cfg(feature = "hashes")]
        return Ok(Self(Scheme::Hashed(Hashed::parse(stored)?)));
        #[cfg(not(feature = "hashes"))]
        Err(CredentialError::UnknownScheme)
    }
}

impl fmt::Debug for Credential {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Credential(..)")
    }
}

/// Why a string is no [`Credential`], or a password cannot become one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum CredentialError {
    /// None of the schemes that are supported.
    #[error("the stored password has no known scheme; a plain one needs {{PLAIN}} in front")]
    UnknownScheme,
    /// A known scheme, but the rest does not follow its form.
    #[error("the stored password does not have the form of its scheme")]
    Malformed,
    /// Parameters beyond [`limits`].
    #[error("the stored password is too costly to check")]
    TooCostly,
    /// A password that nobody could present.
    #[error("the password cannot be used: {0}")]
    Password(PrepareError),
    /// No memory for the hash.
    #[error("there is not enough memory to hash the password")]
    OutOfMemory,
}

impl From<PrepareError> for CredentialError {
    fn from(error: PrepareError) -> Self {
        Self::Password(error)
    }
}

/// Equality tells about costs, and is only asked of decoys.
#[derive(Clone, PartialEq)]
enum Scheme {
    Plain(Padded),
    #[cfg(feature = "hashes")]
    Hashed(Hashed),
}

/// A password in a buffer of one size, so that a comparison does not show its length.
///
/// The padding is NUL, which no prepared text holds: equal buffers are equal passwords.
#[derive(Clone)]
struct Padded(Box<Zeroizing<[u8; limits::FIELD]>>);

impl Padded {
    fn new(password: &Prepared) -> Self {
        let mut padded = Self::blank();
        // Fits: no prepared text is longer than a field.
        let text = password.as_str().as_bytes();
        padded.0[..text.len()].copy_from_slice(text);
        padded
    }

    fn blank() -> Self {
        Self(Box::new(Zeroizing::new([0; limits::FIELD])))
    }
}

impl PartialEq for Padded {
    fn eq(&self, other: &Self) -> bool {
        self.0.ct_eq(&**other.0).into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plain() {
        let stored: Credential = "{PLAIN}tanstaaf".parse().unwrap();
        assert!(stored.verify("tanstaaf"));
        for wrong in [
            "",
            "tanstaa",
            "tanstaaff",
            "Tanstaaf",
            "tanstaaf\0",
            " tanstaaf",
        ] {
            assert!(!stored.verify(wrong), "{wrong:?}");
        }
        let longest = "x".repeat(limits::FIELD);
        assert!(Credential::plain(&longest).unwrap().verify(&longest));
    }

    /// Pitfall 16: both sides are prepared.
    #[test]
    fn plain_is_prepared() {
        let stored: Credential = "{PLAIN}\u{2168} zoe\u{308}".parse().unwrap();
        assert!(stored.verify("IX\u{a0}zo\u{eb}"));
    }

    #[test]
    fn refused() {
        use CredentialError::{Password, UnknownScheme};
        for (stored, error) in [
            ("", UnknownScheme),
            ("tanstaaf", UnknownScheme),
            ("{plain}tanstaaf", UnknownScheme),
            ("{SSHA}tanstaaf", UnknownScheme),
            ("$6$salt$tanstaaf", UnknownScheme),
            ("$2x$10$tanstaaf", UnknownScheme),
            ("{PLAIN}", Password(PrepareError::Empty)),
            ("{PLAIN}tan\tstaaf", Password(PrepareError::Prohibited)),
        ] {
            let refused = stored.parse::<Credential>().unwrap_err();
            assert_eq!(refused, error, "{stored:?}");
            assert!(!refused.to_string().contains("tanstaaf"));
        }
    }
}
