//! Numbers of messages in a Maildir that one has just put there.

use std::io::Write;

use mailbox_formats::maildir::{FileName, Maildir, Options};

/// What was just put here is numbered by its name alone, once, and others find the same number.
#[test]
fn messages_of_ones_own_are_numbered_without_a_look_at_the_others() {
    let directory = tempfile::tempdir().expect("a directory");
    let maildir = Maildir::create(directory.path().join("alice")).expect("a Maildir");
    let deliver = || {
        let mut delivery = maildir.deliver(Options::default()).expect("a delivery");
        delivery.write_all(b"Subject: x\r\n\r\n").expect("room");
        let path = delivery.commit().expect("delivered").path;
        FileName::new(path.file_name().expect("a name").as_encoded_bytes())
    };
    deliver();
    let validity = maildir.uids().expect("numbers").validity;
    let own = [deliver(), deliver()];
    let numbered = maildir.number(&own).expect("numbers");
    assert_eq!(numbered, (validity, vec![2, 3]));
    assert_eq!(maildir.number(&own).expect("the same"), numbered);
    let uids = maildir.uids().expect("numbers");
    let found: Vec<_> = uids
        .messages
        .iter()
        .map(|(uid, entry)| (*uid, entry.unique()))
        .collect();
    assert_eq!(found[1..], [(2, own[0].unique()), (3, own[1].unique())]);
    assert_eq!(uids.next, 4);
}
