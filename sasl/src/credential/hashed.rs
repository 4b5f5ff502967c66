//! Hashes: PHC strings, and the older formats of crypt(3). The hashing is the libraries'.

use argon2::Argon2;
use bcrypt::HashParts;
use password_hash::phc::{Output, PasswordHash, Salt};
use password_hash::{Error, PasswordHasher, PasswordVerifier};
use pbkdf2::Pbkdf2;
use scrypt::Scrypt;
use sha_crypt::ShaCrypt;

use super::CredentialError;
use crate::server::Verdict;
use crate::{Prepared, limits};

/// Hashes a new password, for storing: argon2id with 19 MiB and 2 passes, as a PHC string.
///
/// The salt must be new for each password, and random.
///
/// ```
/// # let random = [7; 16];
/// use sasl::credential::{Credential, hash};
///
/// let stored = hash("open sesame", &random)?;
/// assert!(stored.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"));
/// assert!(stored.parse::<Credential>()?.verify("open sesame"));
/// # Ok::<(), sasl::credential::CredentialError>(())
/// ```
///
/// # Errors
///
/// If the password cannot be prepared, or there is no memory for the hash.
pub fn hash(password: &str, salt: &[u8; 16]) -> Result<String, CredentialError> {
    let password = Prepared::parse(password)?;
    Argon2::default()
        .hash_password_with_salt(password.as_str().as_bytes(), salt)
        .map(|phc: PasswordHash| phc.to_string())
        // Nothing else can fail: the lengths of the password, the salt and the hash are legal.
        .map_err(|_| CredentialError::OutOfMemory)
}

/// A hash that was found to be well formed and not too costly.
#[derive(Clone, PartialEq)]
pub(super) enum Hashed {
    Phc(Algorithm, Box<PasswordHash>),
    Bcrypt(String),
    ShaCrypt(String),
}

impl Hashed {
    pub(super) fn parse(stored: &str) -> Result<Self, CredentialError> {
        let (scheme, _) = stored
            .strip_prefix('$')
            .and_then(|stored| stored.split_once('$'))
            .ok_or(CredentialError::UnknownScheme)?;
        let algorithm = match scheme {
            "2a" | "2b" | "2y" => return bcrypt(stored),
            "5" | "6" => return sha_crypt(stored),
            "argon2id" | "argon2i" => Algorithm::Argon2,
            "scrypt" => Algorithm::Scrypt,
            "pbkdf2-sha256" | "pbkdf2-sha512" => Algorithm::Pbkdf2,
            _ => return Err(CredentialError::UnknownScheme),
        };
        let phc = PasswordHash::new(stored).map_err(|_| CredentialError::Malformed)?;
        if phc.salt.is_none() || phc.hash.is_none() {
            return Err(CredentialError::Malformed);
        }
        match algorithm {
            Algorithm::Argon2 => argon2(&phc)?,
            Algorithm::Scrypt => scrypt(&phc)?,
            Algorithm::Pbkdf2 => pbkdf2(&phc)?,
        }
        Ok(Self::Phc(algorithm, Box::new(phc)))
    }

    pub(super) fn check(&self, password: &Prepared) -> Verdict {
        let password = password.as_str().as_bytes();
        let checked = match self {
            Self::Phc(algorithm, phc) => match algorithm {
                Algorithm::Argon2 => Argon2::default().verify_password(password, &**phc),
                Algorithm::Scrypt => Scrypt::new().verify_password(password, &**phc),
                Algorithm::Pbkdf2 => Pbkdf2::default().verify_password(password, &**phc),
            },
            Self::Bcrypt(stored) => match bcrypt::verify(password, stored) {
                Ok(true) => Ok(()),
                Ok(false) => Err(Error::PasswordInvalid),
                Err(_) => Err(Error::Internal),
            },
            Self::ShaCrypt(stored) => ShaCrypt::SHA512.verify_password(password, stored.as_str()),
        };
        match checked {
            Ok(()) => Verdict::Accept,
            Err(Error::PasswordInvalid) => Verdict::Reject,
            // The parameters are legal, so what is wanting is memory.
            Err(_) => Verdict::Unavailable,
        }
    }

    /// The same with a salt and a hash of zeroes, of the length that decides the work.
    pub(super) fn decoy(&self) -> Self {
        match self {
            Self::Phc(algorithm, phc) => {
                let zeroes = |hash: Output| Output::new(&[0; Output::MAX_LENGTH][..hash.len()]);
                let decoy = PasswordHash {
                    salt: Salt::new(&[0; 16]).ok(),
                    hash: phc.hash.and_then(|hash| zeroes(hash).ok()),
                    ..(**phc).clone()
                };
                Self::Phc(*algorithm, Box::new(decoy))
            }
            Self::Bcrypt(stored) => {
                let cost = &stored[BCRYPT_COST_AT];
                Self::Bcrypt(format!("$2b${cost}${:.<53}", ""))
            }
            Self::ShaCrypt(stored) => {
                // All but the salt and the hash, which are the last two.
                let mut fields = stored.rsplitn(3, '$');
                let (hash, _) = (fields.next().unwrap_or(""), fields.next());
                let head = fields.next().unwrap_or("");
                Self::ShaCrypt(format!("{head}${:.<16}${:.<2$}", "", "", hash.len()))
            }
        }
    }
}

/// Which library understands a PHC string.
#[derive(Clone, Copy, PartialEq)]
pub(super) enum Algorithm {
    Argon2,
    Scrypt,
    Pbkdf2,
}

fn bcrypt(stored: &str) -> Result<Hashed, CredentialError> {
    let parts: HashParts = stored.parse().map_err(|_| CredentialError::Malformed)?;
    match parts.get_cost() {
        0..BCRYPT_LEAST_COST => Err(CredentialError::Malformed),
        BCRYPT_LEAST_COST..=limits::BCRYPT_COST => Ok(Hashed::Bcrypt(stored.to_owned())),
        _ => Err(CredentialError::TooCostly),
    }
}

/// `$5$` and `$6$`, the hashes of crypt(3): rounds if they are not 5,000, a salt, a hash.
fn sha_crypt(stored: &str) -> Result<Hashed, CredentialError> {
    let (length, rest) = match stored.split_at(3) {
        ("$5$", rest) => (43, rest),
        (_, rest) => (86, rest),
    };
    let rest = match rest.strip_prefix("rounds=") {
        None => rest,
        Some(rest) => {
            let (rounds, rest) = rest.split_once('$').ok_or(CredentialError::Malformed)?;
            let rounds = rounds.parse().map_err(|_| CredentialError::Malformed)?;
            within(rounds, limits::SHA_CRYPT_ROUNDS)?;
            // The library refuses what is too little.
            sha_crypt::Params::new(rounds).map_err(|_| CredentialError::Malformed)?;
            rest
        }
    };
    let (salt, hash) = rest.split_once('$').ok_or(CredentialError::Malformed)?;
    let legal = |b: u8| b.is_ascii_alphanumeric() || b == b'.' || b == b'/';
    let fits = (1..=16).contains(&salt.len()) && hash.len() == length;
    match fits && salt.bytes().chain(hash.bytes()).all(legal) {
        true => Ok(Hashed::ShaCrypt(stored.to_owned())),
        false => Err(CredentialError::Malformed),
    }
}

fn argon2(phc: &PasswordHash) -> Result<(), CredentialError> {
    within(u64::from(parameter(phc, "m")?), limits::HASH_MEMORY_KIB)?;
    within(parameter(phc, "t")?, limits::ARGON2_PASSES)?;
    within(parameter(phc, "p")?, limits::ARGON2_LANES)?;
    let version = phc.version.map(argon2::Version::try_from);
    match (version, argon2::Params::try_from(phc)) {
        (Some(Ok(_)), Ok(_)) => Ok(()),
        _ => Err(CredentialError::Malformed),
    }
}

fn scrypt(phc: &PasswordHash) -> Result<(), CredentialError> {
    let [ln, r, p] = [
        parameter(phc, "ln")?,
        parameter(phc, "r")?,
        parameter(phc, "p")?,
    ];
    // RFC 7914 section 2: 128 * r * N octets, N being 2 to the power of `ln`; p times.
    let octets = 128_u64
        .checked_mul(1_u64.checked_shl(ln).unwrap_or(u64::MAX))
        .and_then(|octets| octets.checked_mul(u64::from(r)))
        .and_then(|octets| octets.checked_mul(u64::from(p)))
        .ok_or(CredentialError::TooCostly)?;
    within(octets, limits::HASH_MEMORY_KIB * 1024)?;
    // Only now: the library multiplies these numbers without a check.
    match scrypt::Params::try_from(phc) {
        Ok(_) => Ok(()),
        Err(_) => Err(CredentialError::Malformed),
    }
}

fn pbkdf2(phc: &PasswordHash) -> Result<(), CredentialError> {
    within(parameter(phc, "i")?, limits::PBKDF2_ITERATIONS)?;
    match pbkdf2::Params::try_from(phc) {
        Ok(_) => Ok(()),
        Err(_) => Err(CredentialError::Malformed),
    }
}

/// The value of a parameter; the largest, as PHC strings may name one more than once.
fn parameter(phc: &PasswordHash, name: &str) -> Result<u32, CredentialError> {
    phc.params
        .iter()
        .filter(|(found, _)| found.as_str() == name)
        .filter_map(|(_, value)| value.decimal().ok())
        .max()
        .ok_or(CredentialError::Malformed)
}

fn within<T: PartialOrd>(value: T, limit: T) -> Result<(), CredentialError> {
    if value <= limit {
        Ok(())
    } else {
        Err(CredentialError::TooCostly)
    }
}

/// Where a bcrypt string has its cost: `$2b$NN$`.
const BCRYPT_COST_AT: std::ops::Range<usize> = 4..6;

/// The least cost that the format knows.
const BCRYPT_LEAST_COST: u32 = 4;

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::credential::Credential;

    /// Made by other implementations, `tanstaaf` by libxcrypt and Python's hashlib.
    const STORED: &[(&str, &str)] = &[
        (
            "password",
            "$argon2id$v=19$m=256,t=2,p=1$c29tZXNhbHQ$nf65EOgLrQMR/uIPnA4rEsF5h7TKyQwu9U1bMCHGi/4",
        ),
        (
            "password",
            "$argon2i$v=19$m=256,t=2,p=1$c29tZXNhbHQ$iekCn0Y3spW+sCcFanM2xBT63UP2sghkUoHLIUpWRS8",
        ),
        (
            "tanstaaf",
            "$scrypt$ln=4,r=8,p=2$MDEyMzQ1Njc4OWFiY2RlZg$fYURKsGKJj9ZPU7m0eKkqck4IcjcBmneDyYsdv1t7LI",
        ),
        (
            "tanstaaf",
            "$pbkdf2-sha256$i=1000,l=32$MDEyMzQ1Njc4OWFiY2RlZg$ODKfnE8/RGGkWmVyJynhHKTHJYvKAUkroK4GJHnD5jM",
        ),
        (
            "tanstaaf",
            "$pbkdf2-sha512$i=1000,l=64$MDEyMzQ1Njc4OWFiY2RlZg$vuCNWT4750LwjsfsuMbtsTObKQuX/op9zztW4xNUli9U9GaDM5Lf3V2cX5sLDF6C+HIxI2oqq2FTtMlsAWYIsw",
        ),
        (
            "tanstaaf",
            "$2a$04$abcdefghijklmnopqrstuumJUK7dJmoK7yMfXBMkeTJL1Y.du7qIG",
        ),
        (
            "tanstaaf",
            "$2b$04$abcdefghijklmnopqrstuumJUK7dJmoK7yMfXBMkeTJL1Y.du7qIG",
        ),
        (
            "tanstaaf",
            "$2y$04$abcdefghijklmnopqrstuumJUK7dJmoK7yMfXBMkeTJL1Y.du7qIG",
        ),
        (
            "tanstaaf",
            "$5$rounds=1000$0123456789abcdef$AxGvS/Uryo9XTuZMIKi5pENq7ENpTnjPGjP2awk7DK6",
        ),
        (
            "tanstaaf",
            "$6$saltstring$wi5aZabVEbZhKbcLeWtMDysR5fiBLATiSFjr4ouJfQ6PS1qsrL2HlVPZG9gwohJiQ7PAmMLYS9iVdS4PtzCXk.",
        ),
    ];

    #[test]
    fn verified() {
        for (password, stored) in STORED {
            let credential: Credential = stored.parse().expect(stored);
            assert!(credential.verify(password), "{stored}");
            assert!(!credential.verify("Password"), "{stored}");
            assert!(!credential.verify(""), "{stored}");
        }
    }

    /// Pitfall 15: a decoy that is no whole hash would cost nothing.
    #[test]
    fn decoys_are_whole_hashes() {
        for (password, stored) in STORED {
            let password = Prepared::parse(password).unwrap();
            let hashed = Hashed::parse(stored).expect(stored);
            let decoy = hashed.decoy();
            let text = match &decoy {
                Hashed::Phc(_, phc) => phc.to_string(),
                Hashed::Bcrypt(text) | Hashed::ShaCrypt(text) => text.clone(),
            };
            assert!(Hashed::parse(&text).is_ok(), "{text}");
            assert_eq!(decoy.check(&password), Verdict::Reject, "{text}");
            assert!(decoy != hashed && decoy.decoy() == decoy, "{text}");
        }
    }

    #[test]
    fn bounds() {
        use CredentialError::{Malformed, TooCostly, UnknownScheme};
        const REST: &str = "$c29tZXNhbHQ$nf65EOgLrQMR/uIPnA4rEsF5h7TKyQwu9U1bMCHGi/4";
        const BCRYPT: &str = "$abcdefghijklmnopqrstuumJUK7dJmoK7yMfXBMkeTJL1Y.du7qIG";
        for (parameters, expected) in [
            ("$argon2id$v=19$m=262144,t=16,p=16", None),
            ("$argon2id$v=19$m=262145,t=1,p=1", Some(TooCostly)),
            ("$argon2id$v=19$m=4294967295,t=1,p=1", Some(TooCostly)),
            ("$argon2id$v=19$m=64,t=17,p=1", Some(TooCostly)),
            ("$argon2id$v=19$m=262144,t=1,p=17", Some(TooCostly)),
            ("$argon2id$v=19$m=64,t=17,p=1,t=1", Some(TooCostly)),
            ("$argon2id$v=19$m=64,t=1,p=9", Some(Malformed)),
            ("$argon2id$v=19$m=64,t=1", Some(Malformed)),
            ("$argon2id$v=19$m=64,t=x,p=1", Some(Malformed)),
            ("$argon2id$v=18$m=64,t=1,p=1", Some(Malformed)),
            ("$argon2id$m=64,t=1,p=1", Some(Malformed)),
            ("$argon2d$v=19$m=64,t=1,p=1", Some(UnknownScheme)),
            ("$scrypt$ln=17,r=8,p=2", None),
            ("$scrypt$ln=18,r=8,p=2", Some(TooCostly)),
            ("$scrypt$ln=17,r=8,p=3", Some(TooCostly)),
            ("$scrypt$ln=1,r=4294967295,p=4294967295", Some(TooCostly)),
            ("$scrypt$ln=63,r=1,p=1", Some(TooCostly)),
            ("$scrypt$ln=64,r=1,p=1", Some(TooCostly)),
            ("$scrypt$ln=4294967295,r=0,p=0", Some(TooCostly)),
            ("$scrypt$ln=4,r=0,p=1", Some(Malformed)),
            ("$scrypt$ln=4,r=8", Some(Malformed)),
            ("$scrypt$v=1$ln=4,r=8,p=1", Some(Malformed)),
            ("$pbkdf2-sha256$i=5000000,l=32", None),
            ("$pbkdf2-sha256$i=5000001,l=32", Some(TooCostly)),
            ("$pbkdf2-sha512$i=1,l=32", Some(Malformed)),
            ("$pbkdf2-sha512$l=32", Some(Malformed)),
            ("$pbkdf2-sha512$i=1000,l=33", Some(Malformed)),
            ("$pbkdf2$i=1000,l=32", Some(UnknownScheme)),
        ] {
            let parsed = Hashed::parse(&format!("{parameters}{REST}"));
            assert_eq!(parsed.err(), expected, "{parameters}");
        }
        for (cost, expected) in [
            ("$2b$15", None),
            ("$2b$16", Some(TooCostly)),
            ("$2b$99", Some(TooCostly)),
            ("$2b$03", Some(Malformed)),
            ("$2b$1x", Some(Malformed)),
            ("$2c$10", Some(UnknownScheme)),
        ] {
            let parsed = Hashed::parse(&format!("{cost}{BCRYPT}"));
            assert_eq!(parsed.err(), expected, "{cost}");
        }
        let hash = ".".repeat(86);
        for (head, expected) in [
            ("$6$salt$", None),
            ("$6$rounds=1000000$salt$", None),
            ("$6$rounds=1000001$salt$", Some(TooCostly)),
            ("$6$rounds=99999999999$salt$", Some(Malformed)),
            ("$6$rounds=999$salt$", Some(Malformed)),
            ("$6$rounds=x$salt$", Some(Malformed)),
            ("$6$rounds=1000$", Some(Malformed)),
            ("$6$$", Some(Malformed)),
            ("$6$0123456789abcdefg$", Some(Malformed)),
            ("$6$sa:lt$", Some(Malformed)),
            ("$6$salt", Some(Malformed)),
            ("$5$salt$", Some(Malformed)),
            ("$1$salt$", Some(UnknownScheme)),
        ] {
            let parsed = Hashed::parse(&format!("{head}{hash}"));
            assert_eq!(parsed.err(), expected, "{head}");
        }
    }

    #[test]
    fn nothing_may_surround_it() {
        for (_, stored) in STORED {
            for (before, after) in [(" ", ""), ("", " "), ("", "="), ("", "$"), ("", "\n")] {
                let parsed = Hashed::parse(&format!("{before}{stored}{after}"));
                assert!(parsed.is_err(), "{before:?}{stored}{after:?}");
            }
        }
    }

    proptest! {
        /// Whatever a file holds, it is refused or can be checked, and costs little to read.
        #[test]
        fn damaged(which in 0..STORED.len(), at in 0..60_usize, with in "[$=,a-z0-9]{0,3}") {
            let mut stored = STORED[which].1.to_owned();
            stored.replace_range(at..at + 1, &with);
            let _ = Hashed::parse(&stored);
        }
    }
}
