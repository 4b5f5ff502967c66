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
pub use hashed::hash;
#[cfg(feature = "hashes")]
use hashed::Hashed;

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
        Ok(Self(Scheme::Plain(Box::new(padded(&password)))))
    }

    /// Whether this is the password.
    ///
    /// The time it takes tells about the stored scheme only. That there *is* a stored
    /// password shows all the same: [`PasswordFile`](crate::PasswordFile) hides this too.
    #[must_use]
    pub fn verify(&self, password: &str) -> bool {
        Prepared::parse(password).is_ok_and(|password| self.check(&password) == Verdict::Accept)
    }

    /// As [`verify`](Self::verify), but tells apart a password that is wrong and one that
    /// could not be checked for lack of memory.
    pub(crate) fn check(&self, password: &Prepared) -> Verdict {
        match &self.0 {
            Scheme::Plain(stored) => match stored.ct_eq(&*padded(password)).into() {
                true => Verdict::Accept,
                false => Verdict::Reject,
            },
            #[cfg(feature = "hashes")]
            Scheme::Hashed(hashed) => hashed.check(password),
        }
    }

    /// A credential that costs the same to check. Equal costs give equal decoys.
    pub(crate) fn decoy(&self) -> Decoy {
        Decoy(Self(match &self.0 {
            Scheme::Plain(_) => Scheme::Plain(Box::new(Zeroizing::new([0; limits::FIELD]))),
            #[cfg(feature = "hashes")]
            Scheme::Hashed(hashed) => Scheme::Hashed(hashed.decoy()),
        }))
    }

    fn scheme(&self) -> &str {
        match &self.0 {
            Scheme::Plain(_) => "plain",
            #[cfg(feature = "hashes")]
            Scheme::Hashed(hashed) => hashed.scheme(),
        }
    }
}
