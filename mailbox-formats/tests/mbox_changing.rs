//! Messages of an mbox: listed, numbered, flagged and removed, beside others who append.

mod common;

use std::fs::{self, OpenOptions};
use std::io::{Read, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use common::{Script, Stop, dead_pid, files};
use mailbox_formats::mbox::{Access, Changes, Date, FromLine, List, Mbox, Options};
use mailbox_formats::mbox::{Rules, Variant};
use mailbox_formats::{Durability, Flags, MailboxError};

const FROM: &str = "From a@b  Thu Jan  1 00:00:00 1970\n";

/// In memory where that can be had: hundreds of crashes are hundreds of syncs.
fn folder() -> (tempfile::TempDir, PathBuf) {
    let memory = tempfile::tempdir_in("/dev/shm");
    let folder = memory.or_else(|_| tempfile::tempdir()).unwrap();
    let path = folder.path().join("mbox");
    (folder, path)
}

/// `%` stands for a separator.
fn text(text: &str) -> String {
    text.replace('%', FROM)
}

fn put(path: &Path, content: &str) {
    fs::write(path, text(content)).unwrap();
}

fn append(path: &Path, content: &str) {
    let mut file = OpenOptions::new().append(true).open(path).unwrap();
    file.write_all(text(content).as_bytes()).unwrap();
}

fn contents(list: &List) -> Vec<(u32, String)> {
    let content = |message| {
        let mut content = String::new();
        list.read(message)
            .unwrap()
            .read_to_string(&mut content)
            .unwrap();
        content
    };
    let messages = list.messages().iter();
    messages
        .map(|message| (message.uid(), content(message)))
        .collect()
}

fn access() -> Access {
    Access::default()
}

/// Replaces the file, or changes it where it is.
fn both_ways(folder: &tempfile::TempDir) -> [Access; 2] {
    let journals = folder.path().join("journals");
    fs::create_dir_all(&journals).unwrap();
    [access(), access().in_place(journals)]
}

#[test]
fn numbers_are_given_and_stay() {
    let (folder, path) = folder();
    for access in both_ways(&folder) {
        put(&path, "%A: b\n\none\n\n%Status: O\nA: b\n\ntwo\n");
        let mbox = Mbox::new(&path);
        let list = mbox.list(&access).unwrap();
        let validity = list.validity();
        assert_eq!(
            fs::read_to_string(&path).unwrap(),
            text(&format!(
                "%A: b\nX-IMAPbase: {validity} 0000000002\nX-UID: 1\n\none\n\n\
                 %A: b\nX-UID: 2\nStatus: O\n\ntwo\n"
            )),
        );
        let expected = [
            (1, "A: b\n\none\n".to_owned()),
            (2, "A: b\n\ntwo\n".to_owned()),
        ];
        assert_eq!(contents(&list), expected);
        assert_eq!(list.messages()[1].sizes().wire, Some(6 + 2 + 5));
        assert_eq!(list.messages()[0].postmark().sender(), b"a@b");

        let before = fs::metadata(&path).unwrap().modified().unwrap();
        let again = Mbox::new(&path).list(&access).unwrap();
        assert_eq!((again.validity(), again.next()), (validity, 3));
        assert_eq!(contents(&again), expected);
        let after = fs::metadata(&path).unwrap().modified().unwrap();
        assert_eq!(before, after, "nothing is new, so nothing is written");
    }
}

#[test]
fn messages_go_while_others_come() {
    let (folder, path) = folder();
    for access in both_ways(&folder) {
        put(&path, "%A: b\n\none\n\n%A: b\n\ntwo\n\n%A: b\n\nthree\n\n");
        let mbox = Mbox::new(&path);
        let list = mbox.list(&access).unwrap();
        append(&path, "%A: b\n\nfour\n\n");
        let changes = Changes::default().expunge(1).expunge(3).expunge(77);
        let now = mbox.change(&list, &changes, &access).unwrap();
        let expected = [
            (2, "A: b\n\ntwo\n".to_owned()),
            (4, "A: b\n\nfour\n".to_owned()),
        ];
        assert_eq!(contents(&now), expected);
        assert_eq!((now.validity(), now.next()), (list.validity(), 5));
        // The first message has gone, and with it the base, which had to move.
        assert_eq!(contents(&mbox.list(&access).unwrap()), expected);
        // Who has listed before can read on if the file was replaced.
        match list.read(&list.messages()[2]) {
            Ok(mut content) => {
                let mut text = String::new();
                content.read_to_string(&mut text).unwrap();
                assert_eq!(text, "A: b\n\nthree\n");
            }
            Err(error) => assert!(matches!(error, MailboxError::Changed), "{error}"),
        }
    }
}

#[test]
fn flags_and_keywords_are_kept() {
    let (folder, path) = folder();
    for access in both_ways(&folder) {
        put(
            &path,
            "%A: b\r\n\r\none\r\n\r\n%X-Status: F\nX-Keywords: old\n\ntwo\n\n",
        );
        let mbox = Mbox::new(&path);
        let list = mbox.list(&access).unwrap();
        assert_eq!(list.messages()[1].flags(), Flags::FLAGGED);
        assert_eq!(list.messages()[1].keywords(), [b"old"]);
        let changes = Changes::default()
            .flags(1, Flags::all())
            .flags(2, Flags::SEEN | Flags::OLD)
            .keywords(1, [&b"work"[..], b"not one", b"todo"]);
        let now = mbox.change(&list, &changes, &access).unwrap();
        assert_eq!(now.messages()[0].flags(), Flags::all() - Flags::FORWARDED);
        assert_eq!(now.messages()[0].keywords(), [&b"work"[..], b"todo"]);
        assert_eq!(now.messages()[1].flags(), Flags::SEEN | Flags::OLD);
        let validity = list.validity();
        assert_eq!(
            fs::read_to_string(&path).unwrap(),
            text(&format!(
                "%A: b\r\nX-IMAPbase: {validity} 0000000002 work todo\r\nX-UID: 1\r\n\
                 Status: RO\r\nX-Status: AFTD\r\nX-Keywords: work todo\r\n\r\none\r\n\r\n\
                 %X-UID: 2\nStatus: RO\nX-Keywords: old\n\ntwo\n\n"
            )),
        );
        assert_eq!(now.messages()[0].sizes().stored, Some(6 + 2 + 5));
    }
}

#[test]
fn numbers_of_strangers_are_not_believed() {
    let (_folder, path) = folder();
    let cases: [(&str, &[u32]); 6] = [
        // No base, so no number means anything.
        ("%X-UID: 7\n\na\n\n", &[1]),
        // Numbers that were given, and one that was not.
        (
            "%X-IMAPbase: 5 9\nX-UID: 7\n\na\n\n%X-UID: 10\n\nb\n\n",
            &[7, 10],
        ),
        (
            "%X-IMAPbase: 5 9\nX-UID: 7\n\na\n\n%X-UID: 4000000000\n\nb\n\n",
            &[7, 10],
        ),
        // Twice the same, and one that goes back.
        (
            "%X-IMAPbase: 5 9\nX-UID: 7\n\na\n\n%X-UID: 7\n\nb\n\n%X-UID: 8\n\nc\n\n",
            &[7, 10, 11],
        ),
        // A base in another message than the first.
        (
            "%X-IMAPbase: 5 2\nX-UID: 2\n\na\n\n%X-IMAPbase: 6 9\nX-UID: 3\n\nb\n\n",
            &[2, 3],
        ),
        // A base that would leave no number.
        (
            "%X-IMAPbase: 5 4294967295\nX-UID: 4294967295\n\na\n\n",
            &[1],
        ),
    ];
    for (content, expected) in cases {
        put(&path, content);
        let list = Mbox::new(&path).list(&access()).unwrap();
        let uids: Vec<u32> = list
            .messages()
            .iter()
            .map(|message| message.uid())
            .collect();
        assert_eq!(uids, expected, "{content}");
        let again = Mbox::new(&path).list(&access()).unwrap();
        assert_eq!(contents(&again), contents(&list), "{content}");
        assert_eq!(again.validity(), list.validity());
    }
}

#[test]
fn the_data_of_the_mailbox_are_no_message() {
    let (_folder, path) = folder();
    put(
        &path,
        "%Subject: DON'T DELETE THIS MESSAGE -- FOLDER INTERNAL DATA\nX-IMAP: 5 2\nStatus: RO\n\nx\n\n\
         %X-UID: 2\n\ntwo\n\n%\nthree\n\n",
    );
    let mbox = Mbox::new(&path);
    let list = mbox.list(&access()).unwrap();
    assert_eq!(
        contents(&list),
        [(2, "\ntwo\n".to_owned()), (3, "\nthree\n".to_owned())]
    );
    assert_eq!(list.validity(), 5);
    let all = Changes::default().expunge(2).expunge(3);
    let now = mbox.change(&list, &all, &access()).unwrap();
    assert_eq!(
        (now.messages().len(), now.validity(), now.next()),
        (0, 5, 4)
    );
    assert!(
        fs::read_to_string(&path)
            .unwrap()
            .contains("X-IMAP: 5 0000000003\n")
    );
}

#[test]
fn an_mbox_that_was_emptied_starts_again_with_another_validity() {
    let (folder, path) = folder();
    for access in both_ways(&folder) {
        put(&path, "%\none\n\n");
        let mbox = Mbox::new(&path);
        let list = mbox.list(&access).unwrap();
        let empty = mbox
            .change(&list, &Changes::default().expunge(1), &access)
            .unwrap();
        assert!(empty.messages().is_empty());
        assert_eq!(fs::read_to_string(&path).unwrap(), "");
        append(&path, "%\nnew\n\n");
        let new = mbox.list(&access).unwrap();
        assert_eq!(new.messages()[0].uid(), 1);
        assert_ne!(new.validity(), list.validity());
        let error = mbox
            .change(&list, &Changes::default().expunge(1), &access)
            .unwrap_err();
        assert!(matches!(error, MailboxError::Changed), "{error}");
        fs::remove_file(&path).unwrap();
        assert!(mbox.list(&access).unwrap().messages().is_empty());
    }
}

#[test]
fn what_another_program_has_moved_is_not_read() {
    let (_folder, path) = folder();
    put(&path, "%\none\n\n%\ntwo\n\n%\nthree\n\n");
    let list = Mbox::new(&path).list(&access()).unwrap();
    append(&path, "%\nfour\n\n");
    assert_eq!(contents(&list).len(), 3, "an append moves nothing");
    let moved = fs::read_to_string(&path)
        .unwrap()
        .replace("one", "one and more");
    // In place, as Dovecot and others do it.
    let mut file = OpenOptions::new().write(true).open(&path).unwrap();
    file.write_all(moved.as_bytes()).unwrap();
    for message in list.messages() {
        let error = list.read(message).unwrap_err();
        assert!(matches!(error, MailboxError::Changed), "{error}");
    }
}

#[test]
fn odd_files_survive_a_change() {
    let (folder, path) = folder();
    // Junk before, a header without an end, no header, CRLF, no last line end.
    let odd = "junk\n\n%A: b\n\n%no field\nat all\n\n%\r\nbody\r\n\r\n%A: b\n\nlast";
    for access in both_ways(&folder) {
        put(&path, odd);
        let mbox = Mbox::new(&path);
        let before = {
            let variant = Some(Variant::Mboxrd);
            mbox.list(&access.clone().kind(Rules::STRICT, variant))
                .unwrap()
        };
        let texts = contents(&before);
        assert_eq!(texts.len(), 4);
        let change = Changes::default().flags(2, Flags::SEEN).expunge(3);
        let now = mbox.change(&before, &change, &access).unwrap();
        let mut expected = texts.clone();
        expected.remove(2);
        assert_eq!(contents(&now), expected);
        let mut delivery = mbox.deliver(options());
        delivery.write_all(b"A: b\n\nnew\n").unwrap();
        delivery.commit().unwrap();
        let list = mbox.list(&access).unwrap();
        assert_eq!(list.messages().len(), 4);
        assert!(
            fs::read_to_string(&path)
                .unwrap()
                .starts_with("junk\n\nFrom a@b")
        );
    }
}

fn options() -> Options {
    let date = Date::at_offset(SystemTime::UNIX_EPOCH, 0);
    Options::new(FromLine::new(b"a@b", date)).durability(Durability::None)
}

/// Wherever the process dies, the mbox is as before or as after; also if a program that
/// knows nothing of us appends before we come again.
#[test]
fn a_crash_leaves_the_mbox_whole() {
    // A file that shrinks, and one that grows.
    let long = "long line\n".repeat(8_000);
    let shrinks = format!("%A: b\n\none {long}\n%A: b\n\ntwo\n\n%A: b\n\nthree {long}\n");
    let grows = "%A: b\n\none\n\n%A: b\n\ntwo\n\n%A: b\n\nthree\n\n";
    let change_shrinks = Changes::default().expunge(1).flags(2, Flags::SEEN);
    let words: Vec<_> = (0..200_u8).map(|word| [word | 0x80; 200]).collect();
    let change_grows = Changes::default().keywords(2, words.iter().map(|word| &word[..]));
    for (content, changes) in [(&*shrinks, change_shrinks), (grows, change_grows)] {
        for is_in_place in [false, true] {
            for is_appended in [false, true] {
                crash_everywhere(content, &changes, is_in_place, is_appended);
            }
        }
    }
}

fn crash_everywhere(content: &str, changes: &Changes, is_in_place: bool, is_appended: bool) {
    for stop in 0.. {
        let (folder, path) = folder();
        let access = both_ways(&folder)[usize::from(is_in_place)].clone();
        put(&path, content);
        let mbox = Mbox::new(&path);
        let list = mbox.list(&access).unwrap();
        let old = contents(&list);
        let mut script = Script::new(Stop::Crash(stop));
        script.identity.pid = dead_pid();
        let script = Arc::new(script);
        let done = Mbox::new(&path)
            .on(script.clone())
            .change(&list, changes, &access);
        let is_done = done.is_ok();
        let new = done.as_ref().map(contents).ok();
        drop(done);
        if is_appended {
            append(&path, "%A: b\n\nappended\n\n");
        }
        // A lock file of the dead may have stayed behind.
        let later = Arc::new(Script::new(Stop::Never).later(Duration::from_secs(600)));
        let mbox = Mbox::new(&path).on(later);
        let now = mbox.list(&access).unwrap();
        let mut found = contents(&now);
        let texts = |list: &[(u32, String)]| -> Vec<String> {
            list.iter().map(|(_, text)| text.clone()).collect()
        };
        if is_appended {
            let last = found.pop().expect("the appended message is there");
            assert_eq!(
                last,
                (4, "A: b\n\nappended\n".to_owned()),
                "stopped at {stop}"
            );
        }
        let mut expected = old.clone();
        if changes_remove_first(changes) && texts(&found) != texts(&old) {
            expected.remove(0);
        }
        assert_eq!(found, expected, "stopped at {stop}");
        if let Some(new) = new {
            assert_eq!(found, new, "what was acknowledged is there");
        }
        assert_eq!(now.validity(), list.validity());
        let journals = folder.path().join("journals");
        assert!(
            files(&journals)
                .iter()
                .all(|path| path.to_string_lossy().ends_with(".tmp"))
        );
        if is_done && !script.has_stopped() {
            assert!(stop > 20, "the run had only {stop} steps");
            break;
        }
    }
}

fn changes_remove_first(changes: &Changes) -> bool {
    format!("{changes:?}").contains("expunged: {1}")
}

#[test]
fn a_journal_of_another_file_is_not_used() {
    let (folder, path) = folder();
    let access = &both_ways(&folder)[1];
    put(&path, "%A: b\n\none\n\n%A: b\n\ntwo\n\n");
    let list = Mbox::new(&path).list(access).unwrap();
    // Die once the journal is there.
    for stop in 0.. {
        let mut script = Script::new(Stop::Crash(stop)).later(Duration::from_secs(600));
        script.identity.pid = dead_pid();
        assert!(stop < 200, "no journal is ever made");
        let changes = Changes::default().expunge(2);
        let done = Mbox::new(&path)
            .on(Arc::new(script))
            .change(&list, &changes, access);
        drop(done);
        let journals = files(folder.path().join("journals"));
        if journals
            .iter()
            .any(|path| path.to_string_lossy().ends_with("-journal"))
        {
            break;
        }
    }
    // The same inode gets another content.
    put(&path, "%C: d\n\nother\n\n%C: d\n\nmails\n\n");
    let later = Arc::new(Script::new(Stop::Never).later(Duration::from_secs(600)));
    let list = Mbox::new(&path).on(later).list(access).unwrap();
    assert_eq!(contents(&list)[1].1, "C: d\n\nmails\n");
    assert!(files(folder.path().join("journals")).is_empty());
}
