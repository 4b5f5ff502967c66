//! Bytes that must not be seen.

use std::fmt;

use zeroize::Zeroizing;

/// A password, token or SASL message: wiped when dropped, and never printed.
///
/// It cannot be cloned, so that there is one copy to wipe.
///
/// ```
/// let secret = mailwire::Secret::from(b"tanstaaf".to_vec());
/// assert_eq!(format!("{secret:?}"), "Secret(8 octets)");
/// assert_eq!(secret.expose(), b"tanstaaf");
/// ```
#[derive(Default)]
pub struct Secret(Zeroizing<Vec<u8>>);

impl Secret {
    /// The bytes themselves. What is made of them is the caller's to protect.
    pub fn expose(&self) -> &[u8] {
        &self.0
    }
}

impl From<Vec<u8>> for Secret {
    fn from(bytes: Vec<u8>) -> Self {
        Self(Zeroizing::new(bytes))
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Secret({} octets)", self.0.len())
    }
}
