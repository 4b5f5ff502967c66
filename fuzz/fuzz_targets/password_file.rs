//! Password files of any content are read or refused, line by line.

#![no_main]

use libfuzzer_sys::fuzz_target;
use sasl::PasswordFile;

fuzz_target!(|text: &str| {
    match PasswordFile::parse(text) {
        Ok(users) => {
            // Hashes and verifiers are made slow on purpose, so only plain passwords are tried.
            let is_plain = !text.contains('$') && !text.contains("{SCRAM");
            for line in text.lines() {
                let Some((user, password)) = line.split_once(':') else {
                    continue;
                };
                let _ = users.contains(user);
                if is_plain {
                    let _ = users.verify(user, password.trim_start_matches("{PLAIN}"));
                }
            }
        }
        Err(errors) => {
            assert!(!errors.is_empty());
            for error in errors {
                assert!((1..=text.lines().count()).contains(&error.line()));
            }
        }
    }
});
