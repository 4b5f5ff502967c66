//! A `From_` line of any bytes is understood or not, and what is printed is understood.

#![no_main]

use libfuzzer_sys::fuzz_target;
use mailbox_formats::mbox::{FromLine, Postmark};

fuzz_target!(|line: &[u8]| {
    let line = [b"From ", line].concat();
    let Some(postmark) = Postmark::parse(&line) else {
        panic!("every line that begins so is one");
    };
    assert!(line.starts_with(postmark.line()));
    let _ = (postmark.time(), postmark.is_patch());
    if let Some(date) = postmark.date() {
        let printed = FromLine::new(postmark.sender(), date);
        assert_eq!(FromLine::parse(&line), Some(printed.clone()));
        // Years before 1000 and after 9999 are not printed with four digits.
        let bytes = printed.to_bytes();
        assert_eq!(FromLine::parse(&bytes), Some(printed));
    }
});
