//! The lists beside the messages: what is read is printed, and read again the same.

#![no_main]

use libfuzzer_sys::fuzz_target;
use mailbox_formats::maildir::{Keywords, MaildirSize, UidList, Usage};
use mailbox_formats::mh::Sequences;

fuzz_target!(|content: &[u8]| {
    if let Some(mut list) = UidList::parse(content) {
        assert_eq!(UidList::parse(&list.to_bytes()), Some(list.clone()));
        let uids: Vec<u32> = list.iter().map(|(uid, _)| uid).collect();
        assert!(uids.windows(2).all(|pair| pair[0] < pair[1]));
        assert!(uids.last().is_none_or(|last| *last < list.next()));
        if let Some(uid) = list.add(b"new") {
            assert!(uids.last().is_none_or(|last| *last < uid));
            assert_eq!(UidList::parse(&list.to_bytes()), Some(list));
        }
    }
    let keywords = Keywords::parse(content);
    assert_eq!(Keywords::parse(&keywords.to_bytes()), keywords);
    if let Some(size) = MaildirSize::parse(content) {
        assert_eq!(MaildirSize::parse(&size.to_bytes()), Some(size));
        let _ = size.exceeds(Usage {
            bytes: u64::MAX,
            messages: u64::MAX,
        });
    }
    let sequences = Sequences::parse(content);
    assert_eq!(Sequences::parse(&sequences.to_bytes()), sequences);
});
