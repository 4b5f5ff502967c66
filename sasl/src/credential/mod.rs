//! Stored passwords, plain or hashed.

#[cfg(feature = "hashes")]
mod hashed;

use std::fmt;
use std::hint::black_box;
use std::str::FromStr;

use subtle::ConstantTimeEq;
use zeroize::Zeroizing;

use crate::scram::{DecoyKey, Hash, SALT_LENGTH, Verifier, VerifierError};
use crate::server::{Failure, Need, Step, Verdict};
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
/// | `$2b$…`, `$2a$…`, `$2y$…` | bcrypt, as `htpasswd -B` makes it; looks at the first 72 octets of a password only |
/// | `$6$…`, `$5$…` | SHA-512 and SHA-256 of crypt(3), as in shadow(5) and from `htpasswd -5` |
/// | `{SCRAM-SHA-256}iterations,salt,StoredKey,ServerKey` | SCRAM: a [`Verifier`] |
/// | `{PLAIN}password` | the password itself, for tests and for CRAM-MD5 and APOP |
///
/// Before a hash that begins with `$` may stand the name that Dovecot gives it in braces:
/// `{ARGON2ID}`, `{BLF-CRYPT}`, `{SHA512-CRYPT}`, `{CRYPT}` and so on.
///
/// A value whose check would cost more than [`limits`] allow cannot exist. Not supported:
/// `argon2d`, and schemes that are guessed too fast, such as the `$apr1$` and `{SHA}` of older
/// htpasswd files.
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
    pub fn check(&self, password: &Prepared) -> Verdict {
        #[cfg(test)]
        crate::work::done("check", 1);
        match &self.0 {
            Scheme::Scram(verifier) if verifier.check(password) => Verdict::Accept,
            Scheme::Scram(_) => Verdict::Reject,
            Scheme::Plain(stored) if *stored == Padded::new(password) => Verdict::Accept,
            Scheme::Plain(_) => Verdict::Reject,
            #[cfg(feature = "hashes")]
            Scheme::Hashed(hashed) => hashed.check(password),
        }
    }

    /// What SCRAM needs of it: a stored verifier, if it is made with this hash function; or one
    /// made of a password now, with a salt that is always the same for the user. None where
    /// only another hash is stored.
    ///
    /// Making one takes milliseconds. [`PasswordFile`](crate::PasswordFile) hides who is
    /// known; whoever calls this must see to it.
    #[must_use]
    pub fn verifier(&self, hash: Hash, username: &str, key: &DecoyKey) -> Option<Verifier> {
        match &self.0 {
            Scheme::Scram(verifier) if verifier.hash() == hash => Some((**verifier).clone()),
            Scheme::Plain(password) => {
                let password = Prepared::parse(password.as_str()).ok()?;
                let salt = key.salt(username.as_bytes(), SALT_LENGTH);
                Some(Verifier::of(
                    hash,
                    &password,
                    &salt,
                    limits::SCRAM_ITERATIONS,
                ))
            }
            _ => None,
        }
    }

    /// The password, where it is stored as it is.
    #[must_use]
    pub fn shared_secret(&self) -> Option<&str> {
        match &self.0 {
            Scheme::Plain(password) => Some(password.as_str()),
            _ => None,
        }
    }

    /// Iterations and length of the salt, if it is a verifier made with this hash function, or
    /// one can be made.
    pub(crate) fn scram_shape(&self, hash: Hash) -> Option<(u32, usize)> {
        match &self.0 {
            Scheme::Scram(verifier) if verifier.hash() == hash => {
                Some((verifier.iterations(), verifier.salt().len()))
            }
            Scheme::Plain(_) => Some((limits::SCRAM_ITERATIONS, SALT_LENGTH)),
            _ => None,
        }
    }

    /// A credential of nobody, whose check costs as much as this one's: to be checked in place
    /// of one that is not there, so that the time it takes does not tell.
    #[must_use]
    pub fn decoy(&self) -> Self {
        Self(match &self.0 {
            Scheme::Plain(_) => Scheme::Plain(Padded::blank()),
            Scheme::Scram(verifier) => Scheme::Scram(Box::new(verifier.decoy())),
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
        match stored.parse::<Verifier>() {
            Ok(verifier) => return Ok(Self(Scheme::Scram(Box::new(verifier)))),
            Err(VerifierError::UnknownScheme) => {}
            Err(VerifierError::Iterations) => return Err(CredentialError::Iterations),
            Err(_) => return Err(CredentialError::Malformed),
        }
        #[cfg(feature = "hashes")]
        return Ok(Self(Scheme::Hashed(Hashed::parse(without_name(stored))?)));
        #[cfg(not(feature = "hashes"))]
        Err(CredentialError::UnknownScheme)
    }
}

impl fmt::Debug for Credential {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Credential(..)")
    }
}

/// Answers a need with the credential of a user that was looked up elsewhere, such as in a
/// database, or was not found. Everybody is but themselves; a need that no credential answers
/// ends the exchange with [`Failure::Unavailable`].
///
/// So that nobody is told which users there are, an unknown one is given the work and the looks of
/// `like`, a credential such as the others have. The name is that under which the user was looked
/// for.
pub fn answer(
    name: &str,
    found: Option<&Credential>,
    like: &Credential,
    key: &DecoyKey,
    need: Need,
) -> Step {
    match need {
        Need::VerifyPassword(need) => {
            let verdict = match (Prepared::parse(need.password()), found) {
                (Ok(password), Some(credential)) => credential.check(&password),
                (Ok(password), None) => {
                    // The box keeps a compiler from leaving out work whose result nobody wants.
                    let _ = black_box(like.decoy().check(&password));
                    Verdict::Reject
                }
                (Err(_), _) => Verdict::Reject,
            };
            need.answer(verdict)
        }
        Need::LookupScram(need) => {
            let hash = need.hash();
            let verifier = match found {
                Some(credential) => credential.verifier(hash, name, key),
                None => {
                    let _ = black_box(like.verifier(hash, name, key));
                    None
                }
            };
            match verifier {
                Some(verifier) => need.found(verifier),
                None => {
                    let default = (limits::SCRAM_ITERATIONS, SALT_LENGTH);
                    let (iterations, salt) = like.scram_shape(hash).unwrap_or(default);
                    let decoy = key.verifier_like(hash, name, iterations, salt);
                    need.barred(decoy, Verdict::Reject)
                }
            }
        }
        #[cfg(any(feature = "cram-md5", feature = "apop"))]
        Need::LookupSharedSecret(need) => match found.and_then(Credential::shared_secret) {
            Some(secret) => need.found(secret),
            None => need.unknown(),
        },
        Need::Authorize(need) => need.refuse(),
        _ => Step::Done(Err(Failure::Unavailable)),
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
    /// A SCRAM verifier with fewer iterations than [`limits::SCRAM_LEAST_ITERATIONS`], or more
    /// than [`limits::PBKDF2_ITERATIONS`].
    #[error("the stored verifier has too few or too many iterations")]
    Iterations,
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
    Scram(Box<Verifier>),
    #[cfg(feature = "hashes")]
    Hashed(Hashed),
}

/// A hash without the name of its scheme: what follows tells it too.
#[cfg(feature = "hashes")]
fn without_name(stored: &str) -> &str {
    NAMES
        .iter()
        .find_map(|name| {
            stored
                .strip_prefix(name)
                .filter(|rest| rest.starts_with('$'))
        })
        .unwrap_or(stored)
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

    fn as_str(&self) -> &str {
        let end = self.0.iter().position(|&octet| octet == 0);
        let text = &self.0[..end.unwrap_or(limits::FIELD)];
        std::str::from_utf8(text).expect("made of a text")
    }
}

impl PartialEq for Padded {
    fn eq(&self, other: &Self) -> bool {
        self.0.ct_eq(&**other.0).into()
    }
}

/// Dovecot's names for the hashes that are supported.
#[cfg(feature = "hashes")]
const NAMES: &[&str] = &[
    "{ARGON2ID}",
    "{ARGON2I}",
    "{BLF-CRYPT}",
    "{SHA512-CRYPT}",
    "{SHA256-CRYPT}",
    "{CRYPT}",
];

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

    #[cfg(feature = "hashes")]
    #[test]
    fn names_in_braces() {
        let hash = "$2y$04$abcdefghijklmnopqrstuumJUK7dJmoK7yMfXBMkeTJL1Y.du7qIG";
        for name in NAMES {
            let stored: Credential = format!("{name}{hash}").parse().unwrap();
            assert!(stored.verify("tanstaaf"), "{name}");
        }
        for stored in [
            "{CRYPT}tanstaaf",
            "{CRYPT}{CRYPT}$2y$04$x",
            "{PLAIN-MD5}$2y$04$x",
        ] {
            assert!(stored.parse::<Credential>().is_err(), "{stored}");
        }
    }

    /// A verifier checks a password, and is what SCRAM asks for; a plain password becomes one.
    #[test]
    fn verifiers() {
        let key = DecoyKey::from([7; 32]);
        let verifier = Verifier::derive(Hash::Sha256, "tanstaaf", b"0123", 4096).unwrap();
        let stored: Credential = verifier.to_stored().parse().unwrap();
        assert!(stored.verify("tanstaaf") && !stored.verify("tanstaa"));
        let found = stored.verifier(Hash::Sha256, "tim", &key).unwrap();
        assert_eq!(found.to_stored(), verifier.to_stored());
        assert!(stored.verifier(Hash::Sha1, "tim", &key).is_none());
        assert!(stored.shared_secret().is_none());

        let plain = Credential::plain("tanstaaf").unwrap();
        assert_eq!(plain.shared_secret(), Some("tanstaaf"));
        for &hash in Hash::ALL {
            let made = plain.verifier(hash, "tim", &key).unwrap();
            let again = plain.verifier(hash, "tim", &key).unwrap();
            assert!(made.verify("tanstaaf"));
            assert_eq!(made.to_stored(), again.to_stored());
            // It looks like the decoy of somebody who does not exist.
            let decoy = key.verifier(hash, "tim");
            assert_eq!(
                (made.salt(), made.iterations()),
                (decoy.salt(), decoy.iterations())
            );
        }
    }

    #[test]
    fn refused() {
        use CredentialError::{Password, UnknownScheme};
        for (stored, error) in [
            ("", UnknownScheme),
            ("tanstaaf", UnknownScheme),
            ("{plain}tanstaaf", UnknownScheme),
            ("{SSHA}tanstaaf", UnknownScheme),
            ("$2x$10$tanstaaf", UnknownScheme),
            ("$apr1$tanstaaf$tanstaaf", UnknownScheme),
            ("{SCRAM-SHA-256}tanstaaf", CredentialError::Malformed),
            (
                "{SCRAM-SHA-256}1,AAAA,AAAA,AAAA",
                CredentialError::Iterations,
            ),
            ("{PLAIN}", Password(PrepareError::Empty)),
            ("{PLAIN}tan\tstaaf", Password(PrepareError::Prohibited)),
        ] {
            let refused = stored.parse::<Credential>().unwrap_err();
            assert_eq!(refused, error, "{stored:?}");
            assert!(!refused.to_string().contains("tanstaaf"));
        }
    }
}
