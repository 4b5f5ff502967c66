//! Messages of a Maildir: listed, numbered, changed and removed, beside others who rename.

mod common;

use std::collections::HashSet;
use std::fs;
use std::io::{Read, Write};
use std::num::NonZeroU32;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use common::{Script, Stop, dead_pid, files};
use mailbox_formats::effects::Step;
use mailbox_formats::maildir::{
    Entry, FileName, Letters, Maildir, Options, Place, Separator, UidList,
};
use mailbox_formats::{Durability, MailboxError};

fn maildir() -> (tempfile::TempDir, Maildir) {
    let folder = tempfile::tempdir().unwrap();
    let maildir = Maildir::create(folder.path().join("m")).unwrap();
    (folder, maildir)
}

fn put(maildir: &Maildir, place: Place, name: &str) -> Entry {
    let path = maildir.path().join(place.directory()).join(name);
    fs::write(path, format!("Subject: {name}\n\n")).unwrap();
    Entry::new(place, FileName::new(name.as_bytes()))
}

fn names(entries: &[Entry]) -> Vec<(Place, String)> {
    let name = |entry: &Entry| String::from_utf8(entry.name().as_bytes().to_vec()).unwrap();
    let mut names: Vec<_> = entries
        .iter()
        .map(|entry| (entry.place(), name(entry)))
        .collect();
    names.sort_by(|one, other| one.1.cmp(&other.1));
    names
}

fn text(maildir: &Maildir, entry: &Entry) -> String {
    let mut text = String::new();
    let mut opened = maildir.open_message(entry).unwrap();
    opened.file.read_to_string(&mut text).unwrap();
    text
}

fn uids(maildir: &Maildir) -> Vec<(u32, String)> {
    let uids = maildir.uids().unwrap();
    let unique = |entry: &Entry| String::from_utf8(entry.unique().to_vec()).unwrap();
    let pair = |(uid, entry): &(u32, Entry)| (*uid, unique(entry));
    uids.messages.iter().map(pair).collect()
}

#[test]
fn what_is_no_message_is_not_listed() {
    let (folder, maildir) = maildir();
    put(&maildir, Place::New, "1.new");
    put(&maildir, Place::New, "2.flags:2,S");
    put(&maildir, Place::Cur, "3.cur:2,");
    put(&maildir, Place::Cur, "4.bare");
    put(&maildir, Place::Cur, ".hidden");
    fs::create_dir(maildir.path().join("cur/5.folder")).unwrap();
    fs::write(maildir.path().join("tmp/6.tmp"), "").unwrap();
    std::os::unix::fs::symlink("/etc/passwd", maildir.path().join("cur/7.link")).unwrap();
    let expected = [
        (Place::New, "1.new".to_owned()),
        (Place::New, "2.flags:2,S".to_owned()),
        (Place::Cur, "3.cur:2,".to_owned()),
        (Place::Cur, "4.bare".to_owned()),
    ];
    assert_eq!(names(&maildir.list().unwrap()), expected);
    drop(folder);
}

#[test]
fn one_message_in_two_places_is_one() {
    let (_folder, maildir) = maildir();
    put(&maildir, Place::New, "1.a");
    put(&maildir, Place::Cur, "1.a:2,S");
    put(&maildir, Place::Cur, "2.b:2,S");
    put(&maildir, Place::Cur, "2.b:2,RS");
    let listed = maildir.list().unwrap();
    assert_eq!(listed.len(), 2);
    let first = listed.iter().find(|entry| entry.unique() == b"1.a");
    assert_eq!(first.unwrap().place(), Place::Cur);
}

#[test]
fn a_message_is_found_under_the_name_that_another_program_gave_it() {
    let (_folder, maildir) = maildir();
    let entry = put(&maildir, Place::New, "1.a,S=14");
    let new = maildir.path().join("new/1.a,S=14");
    fs::rename(new, maildir.path().join("cur/1.a,S=14:2,F")).unwrap();
    assert_eq!(text(&maildir, &entry), "Subject: 1.a,S=14\n\n");
    let seen = maildir
        .change(&entry, |letters| letters.with(Letters::SEEN))
        .unwrap();
    assert_eq!(seen.name().as_bytes(), b"1.a,S=14:2,FS");
    assert_eq!(maildir.size(&entry).unwrap(), 14);
    assert!(maildir.expunge(&entry).unwrap());
    assert!(!maildir.expunge(&entry).unwrap());
    for error in [
        maildir.open_message(&entry).unwrap_err(),
        maildir.change(&entry, |letters| letters).unwrap_err(),
    ] {
        assert!(matches!(error, MailboxError::Vanished(_)), "{error}");
    }
}

#[test]
fn both_changes_come_true_when_two_programs_make_them_at_once() {
    let (folder, maildir) = maildir();
    drop(maildir);
    let root = folder.path().join("m");
    let cur = root.join("cur");
    // Just before our first rename, another program sets a flag and a keyword.
    let raced = AtomicUsize::new(0);
    let script = Script::hooked(move |step, _| {
        if step == Step::Rename && raced.fetch_add(1, Ordering::Relaxed) == 0 {
            fs::rename(cur.join("1.a:2,S"), cur.join("1.a:2,FSk")).unwrap();
        }
        Ok(())
    });
    let maildir = Maildir::create_on(&root, Arc::new(script)).unwrap();
    let entry = put(&maildir, Place::Cur, "1.a:2,S");
    let changed = maildir
        .change(&entry, |letters| letters.with(Letters::REPLIED))
        .unwrap();
    assert_eq!(changed.name().as_bytes(), b"1.a:2,FRSk");
    assert!(root.join("cur/1.a:2,FRSk").exists());
}

#[test]
fn a_message_that_is_renamed_all_the_time_can_be_opened_and_removed() {
    let (folder, maildir) = maildir();
    drop(maildir);
    let root = folder.path().join("m");
    let cur = root.join("cur");
    // For a while, each time somebody wants the file it has just got another name.
    let rename = |times: usize| {
        let (cur, at) = (cur.clone(), AtomicUsize::new(0));
        move |step: Step, path: &Path| {
            let is_message = path.parent() == Some(&cur);
            if is_message && matches!(step, Step::Open | Step::Unlink) {
                let at = at.fetch_add(1, Ordering::Relaxed);
                if at < times {
                    let other = if at % 2 == 0 { "1.a:2,F" } else { "1.a:2,S" };
                    fs::rename(path, cur.join(other)).unwrap();
                }
            }
            Ok(())
        }
    };
    let maildir = Maildir::create_on(&root, Arc::new(Script::hooked(rename(20)))).unwrap();
    let entry = put(&maildir, Place::Cur, "1.a:2,S");
    assert_eq!(text(&maildir, &entry), "Subject: 1.a:2,S\n\n");
    let endless = Maildir::create_on(&root, Arc::new(Script::hooked(rename(usize::MAX)))).unwrap();
    let error = endless.open_message(&entry).unwrap_err();
    assert!(matches!(error, MailboxError::Vanished(_)), "{error}");
    assert!(maildir.expunge(&entry).unwrap());
    assert!(files(root.join("cur")).is_empty());
}

#[test]
fn flags_go_behind_the_separator_of_the_maildir() {
    let (_folder, maildir) = maildir();
    let maildir = maildir.separator(Separator::Semicolon);
    let entry = put(&maildir, Place::New, "1.a");
    let entry = maildir.change(&entry, |_| Letters::SEEN).unwrap();
    assert_eq!(entry.name().as_bytes(), b"1.a;2,S");
    assert_eq!(maildir.list().unwrap(), [entry]);
}

#[test]
fn a_change_replaces_no_other_file() {
    let (_folder, maildir) = maildir();
    let entry = put(&maildir, Place::Cur, "1.a:2,");
    put(&maildir, Place::Cur, "1.a:2,S");
    maildir
        .change(&entry, |letters| letters.with(Letters::SEEN))
        .unwrap_err();
    assert_eq!(files(maildir.path().join("cur")).len(), 2);
}

#[test]
fn a_listing_beside_a_storm_of_renames_is_complete() {
    const FILES: usize = 20_000;
    let (_folder, maildir) = maildir();
    for number in 0..FILES {
        put(&maildir, Place::Cur, &format!("{number}.x:2,"));
    }
    let is_over = AtomicBool::new(false);
    let renames = std::thread::scope(|scope| {
        let storm = scope.spawn(|| {
            let cur = maildir.path().join("cur");
            let (mut count, mut from, mut to) = (0, "", "S");
            while !is_over.load(Ordering::Relaxed) {
                for number in 0..FILES {
                    let name = |flags| cur.join(format!("{number}.x:2,{flags}"));
                    fs::rename(name(from), name(to)).unwrap();
                    count += 1;
                }
                std::mem::swap(&mut from, &mut to);
            }
            count
        });
        for _ in 0..3 {
            let listed = maildir.list().unwrap();
            let unique: HashSet<&[u8]> = listed.iter().map(Entry::unique).collect();
            assert_eq!((listed.len(), unique.len()), (FILES, FILES));
        }
        is_over.store(true, Ordering::Relaxed);
        storm.join().unwrap()
    });
    assert!(renames > 0);
}

#[test]
fn numbers_follow_delivery_and_stay() {
    let (folder, maildir) = maildir();
    assert_eq!(uids(&maildir), []);
    for body in ["first", "second", "third"] {
        let mut delivery = maildir
            .deliver(Options::default().durability(Durability::None))
            .unwrap();
        delivery.write_all(body.as_bytes()).unwrap();
        delivery.commit().unwrap();
    }
    let before = maildir.uids().unwrap();
    let numbers: Vec<u32> = before.messages.iter().map(|(uid, _)| *uid).collect();
    assert_eq!(numbers, [1, 2, 3]);
    let texts: Vec<String> = before
        .messages
        .iter()
        .map(|(_, entry)| text(&maildir, entry))
        .collect();
    assert_eq!(texts, ["first", "second", "third"]);

    maildir
        .change(&before.messages[0].1, |_| Letters::SEEN)
        .unwrap();
    maildir.expunge(&before.messages[2].1).unwrap();
    put(&maildir, Place::New, "1.older");
    let again = Maildir::open(folder.path().join("m")).unwrap();
    let after = again.uids().unwrap();
    assert_eq!(after.validity, before.validity);
    let numbers: Vec<u32> = after.messages.iter().map(|(uid, _)| *uid).collect();
    assert_eq!((numbers, after.next), (vec![1, 2, 4], 5));
    assert_eq!(after.messages[0].1.letters(), Letters::SEEN);
}

#[test]
fn a_list_of_dovecot_is_kept_and_continued() {
    let (_folder, maildir) = maildir();
    let list = maildir.path().join("dovecot-uidlist");
    let content = "3 V1234 N20 G0011\n7 W9 :1.a,S=5\n9 :2.gone\n12 P5 Gx :3.c\n13 :4.torn";
    fs::write(&list, content).unwrap();
    put(&maildir, Place::Cur, "1.a,S=5:2,S");
    put(&maildir, Place::Cur, "3.c:2,");
    assert_eq!(uids(&maildir), [(7, "1.a,S=5".into()), (12, "3.c".into())]);
    assert_eq!(
        fs::read_to_string(&list).unwrap(),
        content,
        "nothing is new"
    );
    put(&maildir, Place::New, "4.torn");
    assert_eq!(uids(&maildir)[2], (20, "4.torn".into()));
    let written = fs::read_to_string(&list).unwrap();
    let with_gone = "3 V1234 N21 G0011\n7 W9 :1.a,S=5\n9 :2.gone\n12 P5 Gx :3.c\n20 :4.torn\n";
    let without = with_gone.replace("9 :2.gone\n", "");
    // The directory has just changed, so the second name may or may not be proven gone.
    assert!([with_gone, &*without].contains(&&*written), "{written}");
    assert_eq!(maildir.uids().unwrap().validity, 1234);
}

#[test]
fn a_damaged_list_gets_a_new_validity() {
    let (_folder, maildir) = maildir();
    put(&maildir, Place::New, "1.a");
    fs::write(maildir.path().join("dovecot-uidlist"), "rubbish\n").unwrap();
    let first = maildir.uids().unwrap();
    assert_eq!((first.messages[0].0, first.next), (1, 2));
    assert!(first.validity > 1_600_000_000);
}

#[test]
fn a_name_that_no_list_can_hold_is_listed_and_has_no_number() {
    let (_folder, maildir) = maildir();
    put(&maildir, Place::New, "1.a\n2 :1.b");
    put(&maildir, Place::New, "3.c");
    assert_eq!(maildir.list().unwrap().len(), 2);
    assert_eq!(uids(&maildir), [(1, "3.c".into())]);
}

#[test]
fn a_list_without_numbers_left_is_an_error() {
    let (_folder, maildir) = maildir();
    put(&maildir, Place::New, "1.a");
    fs::write(maildir.path().join("dovecot-uidlist"), "3 V5 N4294967295\n").unwrap();
    let error = maildir.uids().unwrap_err();
    assert!(matches!(error, MailboxError::NoNumber(_)), "{error}");
}

#[test]
fn threads_that_number_at_once_agree() {
    let (_folder, maildir) = maildir();
    for number in 0..50 {
        put(&maildir, Place::New, &format!("{number}.x"));
    }
    let all = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..8).map(|_| scope.spawn(|| uids(&maildir))).collect();
        let results = threads.into_iter().map(|thread| thread.join().unwrap());
        results.collect::<Vec<_>>()
    });
    assert!(all.windows(2).all(|pair| pair[0] == pair[1]));
    assert_eq!(all[0].len(), 50);
}

/// Wherever the process dies while it numbers messages, a number that a caller was told
/// means the same message afterwards, and no number two.
#[test]
fn a_crash_while_numbering_changes_no_number() {
    for stop in 0.. {
        let (folder, maildir) = maildir();
        put(&maildir, Place::New, "1.a");
        let before = uids(&maildir);
        drop(maildir);
        let root = folder.path().join("m");
        let script = Arc::new(Script::new(Stop::Crash(usize::MAX)));
        let maildir = Maildir::create_on(&root, script.clone()).unwrap();
        put(&maildir, Place::New, "2.b");
        let made = script.taken().len();
        drop(maildir);
        let mut script = Script::new(Stop::Crash(made + stop));
        script.identity.pid = dead_pid();
        let script = Arc::new(script);
        let maildir = Maildir::create_on(&root, script.clone()).unwrap();
        let told = maildir.uids().map(|uids| uids.messages.len());
        // The next process finds a lock file whose owner is dead.
        let later = Script::new(Stop::Never).later(std::time::Duration::from_secs(500));
        let maildir = Maildir::create_on(&root, Arc::new(later)).unwrap();
        let after = uids(&maildir);
        assert_eq!(after[..1], before);
        assert_eq!(after[1], (2, "2.b".into()), "stopped at {stop}: {told:?}");
        let list = fs::read(root.join("dovecot-uidlist")).unwrap();
        assert!(UidList::parse(&list).is_some());
        if !script.has_stopped() {
            assert!(stop > 10, "the run had only {stop} steps");
            break;
        }
    }
}

#[test]
fn keywords_get_letters_that_stay() {
    let (_folder, maildir) = maildir();
    let list = maildir.path().join("dovecot-keywords");
    fs::write(&list, "0 $Forwarded\n2 work\n").unwrap();
    let letters = maildir.keyword_letters(&[b"WORK", b"todo"]).unwrap();
    assert_eq!(letters.to_string(), "bc");
    assert_eq!(
        fs::read_to_string(&list).unwrap(),
        "0 $Forwarded\n1 todo\n2 work\n"
    );
    let error = maildir
        .keyword_letters(&[b"fine", b"not fine"])
        .unwrap_err();
    assert!(matches!(error, MailboxError::NoKeyword(_)), "{error}");
    assert_eq!(maildir.keywords().unwrap().find(b"fine"), None);
    let left: Vec<PathBuf> = files(maildir.path());
    assert_eq!(left.len(), 4, "no lock stays behind: {left:?}");
}

#[test]
fn a_copy_tells_the_uid_that_it_was_made_of() {
    let directory = tempfile::tempdir().unwrap();
    let maildir = Maildir::create(directory.path().join("maildir")).unwrap();
    let seven = NonZeroU32::new(7).unwrap();
    for options in [
        Options::default().uid(NonZeroU32::MAX),
        Options::default().uid(seven).letters(Letters::SEEN),
        Options::default(),
    ] {
        let mut delivery = maildir.deliver(options).unwrap();
        delivery.write_all(b"Subject: x\n\n").unwrap();
        delivery.commit().unwrap();
    }
    let mut uids: Vec<_> = maildir
        .list()
        .unwrap()
        .iter()
        .map(|it| it.name().uid())
        .collect();
    uids.sort();
    assert_eq!(uids, [None, Some(seven), Some(NonZeroU32::MAX)]);
    let seen = maildir.list().unwrap();
    let seen = seen
        .iter()
        .find(|it| it.name().uid() == Some(seven))
        .unwrap();
    assert_eq!(
        (seen.letters(), seen.name().sizes().stored),
        (Letters::SEEN, Some(12))
    );
}
