//! The digests of an older age, in hexadecimal as they are sent.

#[cfg(feature = "cram-md5")]
use hmac::{Hmac, KeyInit, Mac};
use md5::{Digest, Md5};

/// MD5 of these parts: the digest of APOP.
pub(crate) fn digest(parts: &[&[u8]]) -> [u8; 32] {
    #[cfg(test)]
    crate::work::done("MD5", 1);
    let mut hash = Md5::new();
    for part in parts {
        hash.update(part);
    }
    hexadecimal(&hash.finalize().into())
}

/// HMAC-MD5 (RFC 2104): the digest of CRAM-MD5.
#[cfg(feature = "cram-md5")]
pub(crate) fn hmac(key: &[u8], message: &[u8]) -> [u8; 32] {
    #[cfg(test)]
    crate::work::done("HMAC-MD5", 1);
    let mut mac = Hmac::<Md5>::new_from_slice(key).expect("HMAC takes keys of any length");
    mac.update(message);
    hexadecimal(&mac.finalize().into_bytes().into())
}

fn hexadecimal(digest: &[u8; 16]) -> [u8; 32] {
    let digit = |value: u8| b"0123456789abcdef"[usize::from(value)];
    let mut text = [0; 32];
    for (pair, octet) in text.chunks_exact_mut(2).zip(digest) {
        pair.copy_from_slice(&[digit(octet >> 4), digit(octet & 15)]);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    /// RFC 1939 section 7.
    #[test]
    fn apop() {
        let digest = digest(&[b"<1896.697170952@dbc.mtview.ca.us>", b"tanstaaf"]);
        assert_eq!(digest, *b"c4c9334bac560ecc979e58001b3e22fb");
    }

    /// RFC 2195 section 2.
    #[cfg(feature = "cram-md5")]
    #[test]
    fn cram_md5() {
        let challenge = b"<1896.697170952@postoffice.reston.mci.net>";
        assert_eq!(
            hmac(b"tanstaaftanstaaf", challenge),
            *b"b913a602c7eda7a495b4e6e7334d3890"
        );
    }
}
