//! Where randomness comes in.

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

#[cfg(feature = "cram-md5")]
use super::digest;
use super::{Step, scram};

/// The need for random octets.
///
/// They must come from a generator made for cryptography and be new each time: whoever can
/// foretell or repeat them can replay what somebody else has said. This crate takes them from
/// outside, so that it has no source to be wrong about, and tests can repeat an exchange; as a
/// need and not as a setting, so that nobody uses the same ones for two exchanges.
#[must_use = "a need that is dropped ends the exchange"]
pub struct Nonce(pub(super) For);

/// What the octets are for.
pub(super) enum For {
    Scram(Box<scram::Found>),
    #[cfg(feature = "cram-md5")]
    Cram(digest::Cram),
}

impl Nonce {
    /// Goes on with these octets.
    pub fn fill(self, random: [u8; 18]) -> Step {
        // Printable, without a comma: what SCRAM (RFC 5802 section 7) and a message
        // identifier allow.
        let nonce = STANDARD.encode(random);
        match self.0 {
            For::Scram(found) => found.challenge(&nonce),
            #[cfg(feature = "cram-md5")]
            For::Cram(cram) => cram.challenge(&nonce),
        }
    }
}

impl fmt::Debug for Nonce {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Nonce")
    }
}
