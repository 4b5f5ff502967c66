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

/// A list grows by lines; where a crash has cut off the last one, it is written anew without it.
#[test]
fn a_list_grows_unless_its_last_line_has_no_end() {
    let directory = tempfile::tempdir().expect("a directory");
    let maildir = Maildir::create(directory.path().join("alice")).expect("a Maildir");
    let list = maildir.path().join("dovecot-uidlist");
    let name = |name: &str| [FileName::new(name.as_bytes())];
    let content = || std::fs::read_to_string(&list).expect("a list");
    std::fs::write(&list, "3 V5 N2\n1 :a\n").expect("written");
    assert_eq!(maildir.number(&name("b,S=1:2,S")).expect("a number").1, [2]);
    assert_eq!(content(), "3 V5 N2\n1 :a\n2 :b,S=1\n");
    std::fs::write(&list, "3 V5 N2\n1 :a\n2 :b,S=1\n3 :c").expect("written");
    assert_eq!(maildir.number(&name("d")).expect("a number").1, [3]);
    assert_eq!(content(), "3 V5 N4\n1 :a\n2 :b,S=1\n3 :d\n");
}
