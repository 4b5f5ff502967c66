//! What the SASL profiles of all protocols share: names of mechanisms, and base64.
//!
//! Protocol machines carry the messages of mechanisms as opaque octets; this is all that they
//! know of SASL (RFC 4422). Base64 is read strictly, here and nowhere else.

use std::fmt;
use std::str::FromStr;

use base64::Engine as _;
use base64::display::Base64Display;
use base64::engine::general_purpose::STANDARD;

use crate::Secret;

/// The name of a SASL mechanism (RFC 4422 section 3.1): 1 to 20 upper-case letters, digits,
/// `-` and `_`. Read in any case.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct MechanismName {
    octets: [u8; LONGEST],
    length: u8,
}

impl MechanismName {
    /// The name.
    pub fn as_str(&self) -> &str {
        let octets = &self.octets[..usize::from(self.length)];
        std::str::from_utf8(octets).expect("it was read as letters, digits, `-` and `_`")
    }
}

impl FromStr for MechanismName {
    type Err = InvalidMechanismName;

    fn from_str(text: &str) -> Result<Self, InvalidMechanismName> {
        let legal = |octet: u8| octet.is_ascii_alphanumeric() || matches!(octet, b'-' | b'_');
        if !(1..=LONGEST).contains(&text.len()) || !text.bytes().all(legal) {
            return Err(InvalidMechanismName);
        }
        let mut octets = [0; LONGEST];
        octets[..text.len()].copy_from_slice(text.as_bytes());
        octets.make_ascii_uppercase();
        Ok(Self {
            octets,
            length: text.len() as u8,
        })
    }
}

impl fmt::Display for MechanismName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl fmt::Debug for MechanismName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("MechanismName")
            .field(&self.as_str())
            .finish()
    }
}

/// The text cannot be the name of a mechanism.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not the name of a mechanism")]
pub struct InvalidMechanismName;

/// Reads base64: the alphabet, the padding, and nothing else, trailing bits that are not zero
/// included (RFC 4648 sections 3.3 to 3.5).
///
/// # Errors
///
/// If it is anything else.
pub fn decode(text: &[u8]) -> Result<Secret, NotBase64> {
    match STANDARD.decode(text) {
        Ok(octets) => Ok(Secret::from(octets)),
        Err(_) => Err(NotBase64),
    }
}

/// Octets to be printed as base64 (RFC 4648 section 4), without a copy of them on the way.
pub fn encode(octets: &[u8]) -> impl fmt::Display + '_ {
    Base64Display::new(octets, &STANDARD)
}

/// The text is not base64, or not the one way to write it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("malformed base64")]
pub struct NotBase64;

/// The longest name.
const LONGEST: usize = 20;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names() {
        for (text, name) in [
            ("PLAIN", Some("PLAIN")),
            ("scram-sha-256", Some("SCRAM-SHA-256")),
            ("X_1", Some("X_1")),
            ("A2345678901234567890", Some("A2345678901234567890")),
            ("A23456789012345678901", None),
            ("", None),
            ("PL+IN", None),
            ("PLAIN\r", None),
            ("PL\u{e4}IN", None),
        ] {
            let read: Option<MechanismName> = text.parse().ok();
            assert_eq!(read.as_ref().map(MechanismName::as_str), name, "{text:?}");
        }
    }

    #[test]
    fn base64_both_ways() {
        for (octets, text) in [
            (&b""[..], ""),
            (b"\0a", "AGE="),
            (b"abc", "YWJj"),
            (b"\xff", "/w=="),
        ] {
            assert_eq!(encode(octets).to_string(), text);
            let read = decode(text.as_bytes()).expect(text);
            assert_eq!(read.expose(), octets);
        }
        for text in [
            "A", "AA", "AA=", "AB==", "AA==\r", " AA==", "AA==AA==", "_w==", "*", "=",
        ] {
            assert_eq!(decode(text.as_bytes()).err(), Some(NotBase64), "{text:?}");
        }
    }
}
