//! What a server keeps in place of a password, and what it shows for users that it has not.

use std::fmt;
use std::ops::RangeInclusive;
use std::str::FromStr;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::{Hash, Key};
use crate::{PrepareError, Prepared, limits};

/// A password as SCRAM keeps it (RFC 5802 section 3): enough to check it, and to prove that
/// the server knows it; not enough to log in with.
///
/// It is read from and written as the one string that `gsasl --mkpasswd` and `doveadm pw`
/// print too, `{SCRAM-SHA-256}iterations,salt,StoredKey,ServerKey`, in base64 but for the
/// number.
///
/// ```
/// # let random = [7; 16];
/// use sasl::scram::{Hash, Verifier};
///
/// let verifier = Verifier::derive(Hash::Sha256, "open sesame", &random, 10_000)?;
/// let stored = verifier.to_stored();
/// assert!(stored.starts_with("{SCRAM-SHA-256}10000,BwcHBwcHBwcHBwcHBwcHBw==,"));
/// assert!(stored.parse::<Verifier>()?.verify("open sesame"));
/// # Ok::<(), sasl::scram::VerifierError>(())
/// ```
#[derive(Clone, PartialEq)]
pub struct Verifier {
    hash: Hash,
    iterations: u32,
    salt: Vec<u8>,
    stored_key: Key,
    server_key: Key,
}

impl Verifier {
    /// Derives it from a password. The salt must be new for each password, and random: 16
    /// octets are customary.
    ///
    /// # Errors
    ///
    /// If the password cannot be prepared, or the salt or the iterations are beyond
    /// [`limits`].
    pub fn derive(
        hash: Hash,
        password: &str,
        salt: &[u8],
        iterations: u32,
    ) -> Result<Self, VerifierError> {
        let password = Prepared::parse(password)?;
        if !ITERATIONS.contains(&iterations) {
            return Err(VerifierError::Iterations);
        }
        if !SALT.contains(&salt.len()) {
            return Err(VerifierError::Malformed);
        }
        Ok(Self::of(hash, &password, salt, iterations))
    }

    /// Derives it from what is known to be within the limits.
    pub(crate) fn of(hash: Hash, password: &Prepared, salt: &[u8], iterations: u32) -> Self {
        let salted = hash.salted_password(password.as_str().as_bytes(), salt, iterations);
        let client_key = client_key(hash, &salted);
        Self {
            hash,
            iterations,
            salt: salt.to_vec(),
            stored_key: hash.digest(client_key.as_bytes()),
            server_key: server_key(hash, &salted),
        }
    }

    /// Whether this is the password: for PLAIN and LOGIN.
    #[must_use]
    pub fn verify(&self, password: &str) -> bool {
        Prepared::parse(password).is_ok_and(|password| self.check(&password))
    }

    pub(crate) fn check(&self, password: &Prepared) -> bool {
        let presented = Self::of(self.hash, password, &self.salt, self.iterations);
        presented.stored_key == self.stored_key
    }

    /// The hash function.
    #[must_use]
    pub fn hash(&self) -> Hash {
        self.hash
    }

    /// The number of iterations.
    #[must_use]
    pub fn iterations(&self) -> u32 {
        self.iterations
    }

    pub(crate) fn salt(&self) -> &[u8] {
        &self.salt
    }

    /// One of nobody that takes the same work to check.
    pub(crate) fn decoy(&self) -> Self {
        Self {
            salt: vec![0; SALT_LENGTH],
            stored_key: Key::new(&[0; 64][..self.hash.length()]),
            server_key: Key::new(&[0; 64][..self.hash.length()]),
            ..*self
        }
    }

    /// The server's signature, if the client's proof is right (RFC 5802 section 3).
    pub(crate) fn sign(&self, message: &[&[u8]], proof: &[u8]) -> Option<Key> {
        let signature = self.hash.hmac(self.stored_key.as_bytes(), message);
        let server_signature = self.hash.hmac(self.server_key.as_bytes(), message);
        let client_key = signature.xor(proof);
        let right = proof.len() == self.hash.length()
            && self.hash.digest(client_key.as_bytes()) == self.stored_key;
        right.then_some(server_signature)
    }

    /// The string to store. It is as secret as a hashed password.
    #[must_use]
    pub fn to_stored(&self) -> String {
        format!(
            "{}{},{},{},{}",
            scheme(self.hash),
            self.iterations,
            STANDARD.encode(&self.salt),
            STANDARD.encode(self.stored_key.as_bytes()),
            STANDARD.encode(self.server_key.as_bytes()),
        )
    }
}

impl FromStr for Verifier {
    type Err = VerifierError;

    fn from_str(stored: &str) -> Result<Self, VerifierError> {
        let (hash, rest) = Hash::ALL
            .iter()
            .find_map(|&hash| Some((hash, stored.strip_prefix(scheme(hash))?)))
            .ok_or(VerifierError::UnknownScheme)?;
        let mut fields = rest.split(',');
        let (Some(iterations), Some(salt), Some(stored_key), Some(server_key), None) = (
            fields.next(),
            fields.next(),
            fields.next(),
            fields.next(),
            fields.next(),
        ) else {
            return Err(VerifierError::Malformed);
        };
        let decode = |field| STANDARD.decode(field).map_err(|_| VerifierError::Malformed);
        let salt = decode(salt)?;
        let key = |field| match decode(field)? {
            key if key.len() == hash.length() => Ok(Key::new(&key)),
            _ => Err(VerifierError::Malformed),
        };
        let iterations = number(iterations).ok_or(VerifierError::Malformed)?;
        if !ITERATIONS.contains(&iterations) {
            return Err(VerifierError::Iterations);
        }
        if !SALT.contains(&salt.len()) {
            return Err(VerifierError::Malformed);
        }
        Ok(Self {
            hash,
            iterations,
            salt,
            stored_key: key(stored_key)?,
            server_key: key(server_key)?,
        })
    }
}

impl fmt::Debug for Verifier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Verifier")
            .field("hash", &self.hash)
            .field("iterations", &self.iterations)
            .finish_non_exhaustive()
    }
}

/// Why a string is no [`Verifier`], or a password cannot become one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum VerifierError {
    /// Not `{SCRAM-SHA-1}`, `{SCRAM-SHA-256}` or `{SCRAM-SHA-512}`.
    #[error("the stored verifier has no known scheme")]
    UnknownScheme,
    /// A known scheme, but the rest does not follow its form.
    #[error("the stored verifier does not have the form of its scheme")]
    Malformed,
    /// Fewer iterations than [`limits::SCRAM_LEAST_ITERATIONS`], or more than
    /// [`limits::PBKDF2_ITERATIONS`].
    #[error("the number of iterations is out of bounds")]
    Iterations,
    /// A password that nobody could present.
    #[error("the password cannot be used: {0}")]
    Password(PrepareError),
}

impl From<PrepareError> for VerifierError {
    fn from(error: PrepareError) -> Self {
        Self::Password(error)
    }
}

/// A secret of the server's from which it makes up what it shows for users that do not exist.
///
/// A salt that changed with each attempt would tell that there is no such user, and so would
/// the lack of one. A decoy is the same each time. Keep the key when the server starts anew,
/// or accept that each start changes the salts of those who do not exist.
///
/// ```
/// use sasl::scram::{DecoyKey, Hash};
///
/// let key = DecoyKey::from([7; 32]); // random, of course
/// let [once, again] = [(); 2].map(|()| key.verifier(Hash::Sha256, "nobody").to_stored());
/// assert_eq!(once, again);
/// ```
#[derive(Clone)]
pub struct DecoyKey(Key);

impl DecoyKey {
    /// A key that is as secret as this text, such as a file of credentials.
    pub(crate) fn of(secret: &[u8]) -> Self {
        Self(Hash::Sha256.hmac(b"decoys of mailwire", &[secret]))
    }

    /// What is shown for a user that does not exist: nobody knows the password.
    #[must_use]
    pub fn verifier(&self, hash: Hash, username: &str) -> Verifier {
        self.verifier_like(hash, username, limits::SCRAM_ITERATIONS, SALT_LENGTH)
    }

    /// The same, with iterations and a salt like those of others.
    pub(crate) fn verifier_like(
        &self,
        hash: Hash,
        username: &str,
        iterations: u32,
        salt: usize,
    ) -> Verifier {
        let username = username.as_bytes();
        let key = |purpose| Key::new(&self.made(purpose, username).as_bytes()[..hash.length()]);
        Verifier {
            hash,
            iterations,
            salt: self.salt(username, salt),
            stored_key: key(b"stored key"),
            server_key: key(b"server key"),
        }
    }

    /// A salt for a user, the same at each attempt; as long as is asked for, up to 64 octets.
    pub(crate) fn salt(&self, username: &[u8], length: usize) -> Vec<u8> {
        let salt = self.made(b"salt", username);
        salt.as_bytes()[..length.min(64)].to_vec()
    }

    /// A number that falls on a user by chance, but always the same.
    pub(crate) fn lot(&self, username: &str) -> u64 {
        let lot = self.made(b"lot", username.as_bytes());
        lot.as_bytes()
            .iter()
            .take(8)
            .fold(0, |number, &octet| number << 8 | u64::from(octet))
    }

    fn made(&self, purpose: &[u8], username: &[u8]) -> Key {
        Hash::Sha512.hmac(self.0.as_bytes(), &[purpose, b"\0", username])
    }
}

impl From<[u8; 32]> for DecoyKey {
    fn from(random: [u8; 32]) -> Self {
        Self(Key::new(&random))
    }
}

impl fmt::Debug for DecoyKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("DecoyKey(..)")
    }
}

/// RFC 5802 section 7, `posit-number`: no sign, no leading zero.
pub(crate) fn number(text: &str) -> Option<u32> {
    let digits = text.bytes().all(|octet| octet.is_ascii_digit());
    (digits && !text.starts_with('0')).then(|| text.parse().ok())?
}

/// RFC 5802 section 3, `ClientKey`.
pub(crate) fn client_key(hash: Hash, salted_password: &Key) -> Key {
    hash.hmac(salted_password.as_bytes(), &[b"Client Key"])
}

/// RFC 5802 section 3, `ServerKey`.
pub(crate) fn server_key(hash: Hash, salted_password: &Key) -> Key {
    hash.hmac(salted_password.as_bytes(), &[b"Server Key"])
}

fn scheme(hash: Hash) -> &'static str {
    match hash {
        Hash::Sha1 => "{SCRAM-SHA-1}",
        Hash::Sha256 => "{SCRAM-SHA-256}",
        Hash::Sha512 => "{SCRAM-SHA-512}",
    }
}

/// The salt that new verifiers have, and that gsasl and Dovecot make.
pub(crate) const SALT_LENGTH: usize = 16;

const ITERATIONS: RangeInclusive<u32> = limits::SCRAM_LEAST_ITERATIONS..=limits::PBKDF2_ITERATIONS;

const SALT: RangeInclusive<usize> = 1..=limits::SCRAM_SALT;

#[cfg(test)]
mod tests {
    use super::*;

    /// RFC 7677 section 3; keys as `gsasl --mkpasswd` prints them.
    const STORED: &str = "{SCRAM-SHA-256}4096,W22ZaJ0SNY7soEsUEjb6gQ==,\
        WG5d8oPm3OtcPnkdi4Uo7BkeZkBFzpcXkuLmtbsT4qY=,\
        wfPLwcE6nTWhTAmQ7tl2KeoiWGPlZqQxSrmfPwDl2dU=";

    #[test]
    fn both_ways() {
        let verifier: Verifier = STORED.parse().unwrap();
        assert_eq!(verifier.to_stored(), STORED);
        assert_eq!(
            (verifier.hash(), verifier.iterations()),
            (Hash::Sha256, 4096)
        );
        assert!(verifier.verify("pencil") && !verifier.verify("pencils"));
        for &hash in Hash::ALL {
            let derived = Verifier::derive(hash, "pencil", verifier.salt(), 4096).unwrap();
            let stored = derived.to_stored();
            assert_eq!(stored == STORED, hash == Hash::Sha256);
            assert_eq!(stored.parse::<Verifier>().unwrap().to_stored(), stored);
            assert!(!stored.contains("pencil"));
        }
    }

    #[test]
    fn refused() {
        use VerifierError::{Iterations, Malformed, UnknownScheme};
        let with = |from: &str, to: &str| STORED.replace(from, to);
        for (stored, error) in [
            (String::new(), UnknownScheme),
            (with("{SCRAM-SHA-256}", ""), UnknownScheme),
            (with("256", "224"), UnknownScheme),
            (with("SCRAM-SHA-256", "scram-sha-256"), UnknownScheme),
            (with("256", "512"), Malformed),
            (with("256", "1"), Malformed),
            (with("4096", "4095"), Iterations),
            (with("4096", "5000001"), Iterations),
            (with("4096", "04096"), Malformed),
            (with("4096", "+4096"), Malformed),
            (with("4096", "99999999999"), Malformed),
            (with("4096", ""), Malformed),
            (with("gQ==", "gQ="), Malformed),
            (with("gQ==", "gR=="), Malformed),
            (with("W22ZaJ0SNY7soEsUEjb6gQ==", ""), Malformed),
            (format!("{STORED},"), Malformed),
            (format!("{STORED} "), Malformed),
            (format!(" {STORED}"), UnknownScheme),
        ] {
            assert_eq!(stored.parse::<Verifier>().unwrap_err(), error, "{stored}");
        }
        let derive = |password, salt: &[u8], iterations| {
            Verifier::derive(Hash::Sha1, password, salt, iterations).unwrap_err()
        };
        assert_eq!(derive("x", b"salt", 4095), Iterations);
        assert_eq!(derive("x", b"", 4096), Malformed);
        assert_eq!(derive("", b"salt", 4096), PrepareError::Empty.into());
    }

    /// Pitfall 14: the same for the same name, another one for another, and nobody's.
    #[test]
    fn decoys() {
        let key = DecoyKey::from([7; 32]);
        for &hash in Hash::ALL {
            let stored = |key: &DecoyKey, user| key.verifier(hash, user).to_stored();
            assert_eq!(stored(&key, "tim"), stored(&key, "tim"));
            assert_ne!(stored(&key, "tim"), stored(&key, "tom"));
            assert_ne!(stored(&key, "tim"), stored(&DecoyKey::from([8; 32]), "tim"));
            // What is shown has the form of what is stored.
            let shown: Verifier = stored(&key, "tim").parse().unwrap();
            assert_eq!(shown.salt().len(), SALT_LENGTH);
        }
    }
}
