//! The name of a mailbox has one form in modified UTF-7, and is read back from it.

#![no_main]

use imap_proto::MailboxName;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    if let Ok(name) = MailboxName::from_utf7(data) {
        let written = name.to_utf7();
        assert!(
            written.as_bytes().eq_ignore_ascii_case(data),
            "two ways to write {name:?}"
        );
        assert_eq!(MailboxName::from_utf7(written.as_bytes()), Ok(name.clone()));
    }
    let Ok(text) = std::str::from_utf8(data) else {
        return;
    };
    if let Ok(name) = MailboxName::new(text) {
        assert_eq!(MailboxName::from_utf7(name.to_utf7().as_bytes()), Ok(name));
    }
});
