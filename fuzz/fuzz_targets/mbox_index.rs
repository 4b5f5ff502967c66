//! A saved index of any bytes is read back as it is printed, or refused.

#![no_main]

use std::hash::Hasher;

use libfuzzer_sys::fuzz_target;
use mailbox_formats::mbox::Index;
use siphasher::sip::SipHasher13;

fuzz_target!(|content: &[u8]| {
    let _ = Index::parse(content);
    // With the sum that it has to have, so that the rest of the parser is reached.
    let mut bytes = [b"mbox index 1\n", content].concat();
    let mut hasher = SipHasher13::new();
    hasher.write(&bytes);
    bytes.extend_from_slice(&hasher.finish().to_le_bytes());
    if let Some(index) = Index::parse(&bytes) {
        let again = Index::parse(&index.to_bytes());
        assert_eq!(again, Some(index));
    }
});
