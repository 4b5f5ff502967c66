//! Stored credentials of any form are read or refused, and verifiers are printed as they were.

#![no_main]

use libfuzzer_sys::fuzz_target;
use sasl::credential::Credential;
use sasl::scram::Verifier;

fuzz_target!(|stored: &str| {
    let credential = stored.parse::<Credential>();
    if let Ok(credential) = &credential {
        let _ = credential.decoy();
        if let Some(secret) = credential.shared_secret() {
            assert!(credential.verify(secret));
        }
    }
    if let Ok(verifier) = stored.parse::<Verifier>() {
        assert_eq!(verifier.to_stored(), stored);
        assert!(credential.is_ok());
    }
});
