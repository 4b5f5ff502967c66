//! Transcripts of any content are read or refused; what is read is printed as it is read.

#![no_main]

use libfuzzer_sys::fuzz_target;
use mailwire::testing::transcript::{Dialogue, Role, Transcript};

fuzz_target!(|text: &str| {
    // A repetition may be of any length.
    if text.contains("\\{") {
        return;
    }
    if let Ok(dialogue) = text.parse::<Dialogue>() {
        let printed = dialogue.to_string();
        assert_eq!(printed.parse().as_ref(), Ok(&dialogue), "{printed}");
        for role in [Role::Server, Role::Client] {
            Transcript::parse(&printed, role).expect("a transcript too");
        }
    }
});
