//! The hash functions, and the keys that are made with them (RFC 5802 section 3).

use std::fmt;

use hmac::{Hmac, KeyInit, Mac};
use sha1::Sha1;
use sha2::{Digest, Sha256, Sha512};
use subtle::ConstantTimeEq;
use zeroize::Zeroizing;

/// A hash function that SCRAM is used with.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Hash {
    /// SCRAM-SHA-512 (draft-melnikov-scram-sha-512); few peers know it.
    Sha512,
    /// SCRAM-SHA-256, RFC 7677.
    Sha256,
    /// SCRAM-SHA-1, RFC 5802. What is broken of SHA-1, its resistance to collisions, SCRAM
    /// does not rely on.
    Sha1,
}

impl Hash {
    /// All of them, the preferred first.
    pub const ALL: &'static [Self] = &[Self::Sha512, Self::Sha256, Self::Sha1];

    /// The octets of a digest.
    pub(crate) const fn length(self) -> usize {
        match self {
            Self::Sha1 => 20,
            Self::Sha256 => 32,
            Self::Sha512 => 64,
        }
    }

    /// `H(str)`.
    pub(crate) fn digest(self, octets: &[u8]) -> Key {
        #[cfg(test)]
        crate::work::done("digest", 1);
        match self {
            Self::Sha1 => Key::new(&Sha1::digest(octets)),
            Self::Sha256 => Key::new(&Sha256::digest(octets)),
            Self::Sha512 => Key::new(&Sha512::digest(octets)),
        }
    }

    /// `HMAC(key, str)`, the string in parts.
    pub(crate) fn hmac(self, key: &[u8], parts: &[&[u8]]) -> Key {
        #[cfg(test)]
        crate::work::done("hmac", 1);
        match self {
            Self::Sha1 => mac::<Hmac<Sha1>>(key, parts),
            Self::Sha256 => mac::<Hmac<Sha256>>(key, parts),
            Self::Sha512 => mac::<Hmac<Sha512>>(key, parts),
        }
    }

    /// `SaltedPassword`: the work that iterations make of it.
    pub(crate) fn salted_password(self, password: &[u8], salt: &[u8], iterations: u32) -> Key {
        #[cfg(test)]
        crate::work::done("iteration", iterations);
        let mut key = Key::new(&[0; LONGEST][..self.length()]);
        let out = &mut key.octets[..self.length()];
        match self {
            Self::Sha1 => pbkdf2::pbkdf2_hmac::<Sha1>(password, salt, iterations, out),
            Self::Sha256 => pbkdf2::pbkdf2_hmac::<Sha256>(password, salt, iterations, out),
            Self::Sha512 => pbkdf2::pbkdf2_hmac::<Sha512>(password, salt, iterations, out),
        }
        key
    }
}

/// A key or a digest: wiped when dropped, compared in constant time, never printed.
#[derive(Clone)]
pub(crate) struct Key {
    octets: Zeroizing<[u8; LONGEST]>,
    length: usize,
}

impl Key {
    /// No more octets than the longest digest has.
    pub(crate) fn new(octets: &[u8]) -> Self {
        let mut key = Self {
            octets: Zeroizing::new([0; LONGEST]),
            length: octets.len(),
        };
        key.octets[..octets.len()].copy_from_slice(octets);
        key
    }

    pub(crate) fn as_bytes(&self) -> &[u8] {
        &self.octets[..self.length]
    }

    /// Whether these are the octets of the key.
    pub(crate) fn is(&self, octets: &[u8]) -> bool {
        self.as_bytes().ct_eq(octets).into()
    }

    /// This key exclusive-or that one, of the same length.
    pub(crate) fn xor(mut self, other: &[u8]) -> Self {
        for (octet, other) in self.octets.iter_mut().zip(other) {
            *octet ^= other;
        }
        self
    }
}

impl PartialEq for Key {
    fn eq(&self, other: &Self) -> bool {
        self.as_bytes().ct_eq(other.as_bytes()).into()
    }
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Key(..)")
    }
}

fn mac<M: Mac + KeyInit>(key: &[u8], parts: &[&[u8]]) -> Key {
    let mut mac = <M as KeyInit>::new_from_slice(key).expect("HMAC takes keys of any length");
    for part in parts {
        Mac::update(&mut mac, part);
    }
    Key::new(&mac.finalize().into_bytes())
}

/// The octets of the longest digest, that of SHA-512.
const LONGEST: usize = 64;
