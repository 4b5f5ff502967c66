//! The folders of every store: what is done to them, and what others hear of it.

use std::io::Write;
use std::num::NonZeroU32;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, UNIX_EPOCH};

use bytes::Bytes;
use imap_proto::{Flag, Flags, MailboxAttributes, MailboxName, ModSeqOrZero, NumberSet};
use mail_server::store::{
    Account, Copy, FileStore, FlagChange, Folder, Folders, Mailstore, MemoryStore, NewMessage,
    StoreError,
};
use mailbox_formats::Flags as Marks;
use mailbox_formats::maildir::{Letters, Maildir};
use mailbox_formats::mbox::{self, Access, Date, FromLine, Mbox, Rules, Variant};
use tempfile::TempDir;
use tokio::time::timeout;

fn alice() -> Account {
    "alice@example.org".parse().expect("an account")
}

fn name(name: &str) -> MailboxName {
    MailboxName::new(name).expect("a name")
}

fn set(text: &str) -> NumberSet {
    text.parse().expect("a set")
}

fn flags(names: &str) -> Flags {
    let names = names.split_whitespace();
    names.map(|name| name.parse().expect("a flag")).collect()
}

fn message(text: &str, names: &str) -> NewMessage {
    NewMessage {
        octets: Bytes::copy_from_slice(text.as_bytes()),
        flags: flags(names),
        internal_date: Some("17-Jul-1996 02:44:25 +0000".parse().expect("a date")),
    }
}

/// Each store, with the folder that it needs.
fn stores() -> Vec<(Arc<dyn Mailstore>, Option<TempDir>)> {
    let (maildirs, mboxes) = (tempfile::tempdir(), tempfile::tempdir());
    let (maildirs, mboxes) = (maildirs.expect("a folder"), mboxes.expect("a folder"));
    vec![
        (Arc::new(MemoryStore::new()), None),
        (
            Arc::new(FileStore::maildir(maildirs.path())),
            Some(maildirs),
        ),
        (Arc::new(FileStore::mbox(mboxes.path())), Some(mboxes)),
    ]
}

async fn names(folders: &Arc<dyn Folders>) -> Vec<String> {
    let listed = folders.list().await.expect("a list");
    let line = |entry: mail_server::store::FolderEntry| {
        let subscribed = if entry.subscribed { " subscribed" } else { "" };
        let attributes: Vec<_> = entry.attributes.names().collect();
        format!("{}{subscribed} {}", entry.name, attributes.join(" "))
            .trim_end()
            .to_owned()
    };
    let mut lines: Vec<_> = listed.into_iter().map(line).collect();
    lines.sort();
    lines
}

async fn told(folder: &Arc<dyn Folder>, since: ModSeqOrZero) -> (Vec<String>, String) {
    let changes = folder.changes(since).await.expect("changes");
    let line = |info: mail_server::store::Info| format!("{} {}", info.uid, info.flags);
    let lines = changes.messages.into_iter().map(line);
    (
        lines.map(|line| line.trim_end().to_owned()).collect(),
        changes.gone.to_string(),
    )
}

#[tokio::test]
async fn folders_are_made_renamed_and_removed() {
    for (store, _kept) in stores() {
        let folders = store.folders(&alice()).await.expect("folders");
        assert_eq!(names(&folders).await, ["INBOX"]);
        let none = MailboxAttributes::empty();
        folders
            .create(&name("Lists/Züge.1"), none)
            .await
            .expect("made");
        folders
            .create(&name("Sent/"), MailboxAttributes::SENT)
            .await
            .expect("made");
        assert_eq!(
            names(&folders).await,
            ["INBOX", "Lists", "Lists/Züge.1", "Sent Sent"]
        );
        for taken in ["inbox", "Sent", "Lists"] {
            let again = folders.create(&name(taken), none).await;
            assert!(matches!(again, Err(StoreError::Exists)), "{taken}");
        }
        for impossible in ["a//b", "/a"] {
            let made = folders.create(&name(impossible), none).await;
            assert!(matches!(made, Err(StoreError::Unsupported)), "{impossible}");
        }

        folders
            .subscribe(&name("Lists/Züge.1"), true)
            .await
            .expect("subscribed");
        folders
            .subscribe(&name("nowhere"), true)
            .await
            .expect("subscribed");
        folders
            .rename(&name("Lists"), &name("Old"))
            .await
            .expect("renamed");
        folders
            .rename(&name("Sent"), &name("Out"))
            .await
            .expect("renamed");
        assert_eq!(
            names(&folders).await,
            [
                "INBOX",
                "Lists/Züge.1 subscribed NonExistent",
                "Old",
                "Old/Züge.1",
                "Out Sent",
                "nowhere subscribed NonExistent"
            ]
        );
        let below = folders.rename(&name("Old"), &name("Old/itself")).await;
        assert!(matches!(below, Err(StoreError::Unsupported)));
        folders.delete(&name("Old")).await.expect("removed");
        let gone = folders.open(&name("Old")).await;
        assert!(matches!(gone, Err(StoreError::NoFolder)));
        folders
            .open(&name("Old/Züge.1"))
            .await
            .expect("what is below stays");
        let inbox = folders.delete(&name("INBOX")).await;
        assert!(matches!(inbox, Err(StoreError::Unsupported)));
    }
}

#[tokio::test]
async fn messages_are_changed_and_others_hear_of_it() {
    for (store, _kept) in stores() {
        let folders = store.folders(&alice()).await.expect("folders");
        let folder = folders.open(&name("INBOX")).await.expect("INBOX");
        let added = vec![
            message("Subject: 1\r\n\r\n", "\\Seen $Work"),
            message("2\r\n", ""),
        ];
        let uids = folder.append(added).await.expect("added");
        assert_eq!(uids.len(), 2);
        let (lines, gone) = told(&folder, ModSeqOrZero::ZERO).await;
        assert_eq!(lines, ["1 \\Seen $Work", "2"]);
        assert_eq!(gone, "");
        let read = folder.read(uids[0]).await.expect("it is there");
        assert_eq!(read, "Subject: 1\r\n\r\n");
        let info = &folder.messages(&set("1")).await.expect("it is there")[0];
        assert_eq!(info.internal_date.unix_seconds(), 837_571_465);
        assert_eq!(info.size, 14);

        let before = folder.state().await.expect("a state");
        let add = FlagChange::Add(flags("\\Flagged $Work"));
        let modified = folder
            .change(&set("1:9"), &add, None)
            .await
            .expect("changed");
        assert!(modified.is_empty());
        let (lines, _) = told(&folder, before.mod_seq.into()).await;
        assert_eq!(lines, ["1 \\Flagged \\Seen $Work", "2 \\Flagged $Work"]);
        // Those that have changed since are left alone.
        let replace = FlagChange::Replace(Flags::new());
        let since = Some(before.mod_seq.into());
        let modified = folder
            .change(&set("1:2"), &replace, since)
            .await
            .expect("changed");
        assert_eq!(modified.to_string(), "1:2");

        let other = folders.open(&name("INBOX")).await.expect("INBOX");
        let mut news = other.news();
        news.mark_unchanged();
        let middle = folder.state().await.expect("a state");
        folder.expunge(&set("1,7")).await.expect("removed");
        timeout(Duration::from_secs(5), news.changed())
            .await
            .expect("news")
            .expect("news");
        assert_eq!(
            told(&other, middle.mod_seq.into()).await,
            (vec![], "1".into())
        );
        assert!(matches!(other.read(uids[0]).await, Err(StoreError::Gone)));

        // A number is never given twice.
        let uids = folder
            .append(vec![message("3\r\n", "\\Draft")])
            .await
            .expect("added");
        assert_eq!(uids, [NonZeroU32::new(3).expect("not 0")]);
    }
}

#[tokio::test]
async fn copies_keep_flags_and_dates() {
    for (store, _kept) in stores() {
        let folders = store.folders(&alice()).await.expect("folders");
        folders
            .create(&name("Archive"), MailboxAttributes::empty())
            .await
            .expect("made");
        let inbox = folders.open(&name("INBOX")).await.expect("INBOX");
        let archive = folders.open(&name("Archive")).await.expect("a folder");
        inbox
            .append(vec![message("1\r\n", "\\Seen $Work \\Answered")])
            .await
            .expect("added");
        let (from, to) = inbox.copy(&set("1:5"), &*archive).await.expect("copied");
        assert_eq!((from.len(), to.len()), (1, 1));
        let copied = &archive.messages(&set("1")).await.expect("there")[0];
        let original = &inbox.messages(&set("1")).await.expect("there")[0];
        let sorted = |flags: &Flags| {
            let mut names: Vec<_> = flags.iter().map(|flag| flag.to_string()).collect();
            names.sort();
            names
        };
        assert_eq!(sorted(&copied.flags), sorted(&original.flags));
        assert_eq!(copied.internal_date, original.internal_date);
    }
}

#[tokio::test]
async fn what_is_delivered_is_news_and_recent_once() {
    for (store, _kept) in stores() {
        let folders = store.folders(&alice()).await.expect("folders");
        let folder = folders.open(&name("INBOX")).await.expect("INBOX");
        assert!(folder.take_recent().await.expect("none").is_empty());
        let mut news = folder.news();
        news.mark_unchanged();
        let copies = vec![Copy {
            account: alice(),
            header: "X-Test: 1\r\n".into(),
        }];
        let mut delivery = store
            .deliver("tom@example.net", copies)
            .await
            .expect("room");
        delivery.write(b"Subject: new\r\n\r\n").await.expect("room");
        for copy in delivery.commit().await {
            copy.expect("it is stored");
        }
        timeout(Duration::from_secs(5), news.changed())
            .await
            .expect("news")
            .expect("news");
        assert_eq!(told(&folder, ModSeqOrZero::ZERO).await.0, ["1"]);
        assert_eq!(folder.take_recent().await.expect("one").to_string(), "1");
        assert!(folder.take_recent().await.expect("none").is_empty());
    }
}

#[tokio::test]
async fn who_selects_a_folder_is_told_how_it_is_now() {
    for (store, _kept) in stores() {
        let folders = store.folders(&alice()).await.expect("folders");
        let folder = folders.open(&name("INBOX")).await.expect("INBOX");
        let seen = async |read_only| {
            let selection = folder.select(read_only).await.expect("selected");
            let state = folder.state().await.expect("there");
            assert_eq!(selection.state.mod_seq, state.mod_seq);
            let overview = selection.overview;
            let mut flags: Vec<_> = overview.flags.iter().map(|flag| flag.to_string()).collect();
            flags.sort();
            let unseen = overview.unseen.map_or(0, NonZeroU32::get);
            format!("{} {unseen} {}", overview.uids, flags.join(" "))
        };
        assert_eq!(seen(true).await.trim(), "0");
        let three = [("1\r\n", "\\Seen"), ("2\r\n", "$Work"), ("3\r\n", "")];
        let three = three.map(|(text, names)| message(text, names)).into();
        folder.append(three).await.expect("added");
        assert_eq!(seen(true).await, "1:3 2 $Work \\Seen");
        // Who has only looked has taken nothing.
        let recent = async |read_only| folder.select(read_only).await.expect("selected").recent;
        assert_eq!(recent(true).await.to_string(), "");
        assert!(recent(false).await.contains(NonZeroU32::new(3).expect("3")));
        assert!(recent(false).await.is_empty());
        let change = FlagChange::Remove(flags("\\Seen"));
        folder
            .change(&set("1"), &change, None)
            .await
            .expect("changed");
        assert_eq!(seen(false).await, "1:3 1 $Work");
        folder.expunge(&set("2")).await.expect("removed");
        assert_eq!(seen(false).await, "1,3 1 ");
    }
}

/// The INBOX of one account, by a store that is new each time, as behind a restart.
struct OnDisk {
    root: TempDir,
    open: fn(PathBuf) -> FileStore,
}

impl OnDisk {
    fn new(open: fn(PathBuf) -> FileStore) -> Self {
        let root = tempfile::tempdir().expect("a folder");
        Self { root, open }
    }

    fn store(&self) -> FileStore {
        (self.open)(self.root.path().into())
    }

    async fn inbox(&self) -> Arc<dyn Folder> {
        let folders = self.store().folders(&alice()).await.expect("folders");
        folders.open(&name("INBOX")).await.expect("INBOX")
    }

    fn path(&self) -> PathBuf {
        self.store().path(&alice())
    }

    /// A file of ours about INBOX.
    fn beside(&self, file: &str) -> PathBuf {
        let path = self.path();
        match path.is_dir() {
            true => path.join(file),
            false => path.with_extension(file),
        }
    }

    /// Another program flags the last message and removes the one before.
    fn change_behind_our_back(&self) {
        let path = self.path();
        if path.is_dir() {
            let maildir = Maildir::open(path).expect("a Maildir");
            let uids = maildir.uids().expect("numbers");
            let [.., (_, one), (_, last)] = &uids.messages[..] else {
                panic!("{uids:?}");
            };
            let flagged = maildir.change(last, |letters| letters.with(Letters::FLAGGED));
            flagged.expect("changed");
            maildir.expunge(one).expect("removed");
            return;
        }
        let (mbox, access) = (Mbox::new(path), access());
        let list = mbox.list(&access).expect("a list");
        let [.., one, last] = list.messages() else {
            panic!("{list:?}");
        };
        let changes = mbox::Changes::default()
            .expunge(one.uid())
            .flags(last.uid(), last.flags() | Marks::FLAGGED);
        mbox.change(&list, &changes, &access).expect("changed");
    }
}

fn access() -> Access {
    Access::default().kind(Rules::STRICT, Some(Variant::Mboxrd))
}

#[tokio::test]
async fn mod_sequences_outlive_a_restart() {
    for open in [
        FileStore::maildir as fn(PathBuf) -> FileStore,
        FileStore::mbox,
    ] {
        let disk = OnDisk::new(open);
        let folder = disk.inbox().await;
        let three = (1..4).map(|_| message("x\r\n", "")).collect();
        folder.append(three).await.expect("added");
        let first = folder.state().await.expect("a state");
        let seen = FlagChange::Add(flags("\\Seen"));
        folder
            .change(&set("2"), &seen, None)
            .await
            .expect("changed");
        let second = folder.state().await.expect("a state");
        folder.expunge(&set("1")).await.expect("removed");
        let third = folder.state().await.expect("a state");
        drop(folder);

        let folder = disk.inbox().await;
        let state = folder.state().await.expect("a state");
        assert_eq!(state, third);
        let (lines, gone) = told(&folder, first.mod_seq.into()).await;
        assert_eq!((lines, gone), (vec!["2 \\Seen".to_owned()], "1".to_owned()));
        assert_eq!(
            told(&folder, second.mod_seq.into()).await,
            (vec![], "1".into())
        );
        drop(folder);

        // What others have done while nobody looked has happened since.
        disk.change_behind_our_back();
        let folder = disk.inbox().await;
        let (lines, gone) = told(&folder, state.mod_seq.into()).await;
        assert_eq!(
            (lines, gone),
            (vec!["3 \\Flagged".to_owned()], "2".to_owned())
        );
        drop(folder);

        // Without the log, or by one of another folder, everything may have changed.
        let log = disk.beside("mailwire-mod-sequences");
        for other in [None, Some("mailwire-mod-sequences 1 77 10\n= 11 3 \n")] {
            let folder = disk.inbox().await;
            let state = folder.state().await.expect("a state");
            drop(folder);
            match other {
                None => std::fs::remove_file(&log).expect("it was there"),
                Some(other) => std::fs::write(&log, other).expect("written"),
            }
            let folder = disk.inbox().await;
            let (lines, gone) = told(&folder, state.mod_seq.into()).await;
            assert_eq!(lines, ["3 \\Flagged"]);
            assert_eq!(gone, "1:2");
            assert!(folder.state().await.expect("a state").mod_seq > state.mod_seq);
        }
    }
}

#[tokio::test]
async fn what_other_programs_do_is_seen() {
    let disk = OnDisk::new(FileStore::maildir);
    let folder = disk.inbox().await;
    let two = vec![message("1\r\n", ""), message("2\r\n", "")];
    folder.append(two).await.expect("added");
    let before = folder.state().await.expect("a state").mod_seq;
    let maildir = Maildir::open(disk.path()).expect("a Maildir");
    let entries = maildir.uids().expect("numbers").messages;
    let keyword = maildir.keyword_letters(&[b"$Work"]).expect("a letter");
    maildir
        .change(&entries[0].1, |letters| letters.with(keyword))
        .expect("changed");
    maildir.expunge(&entries[1].1).expect("removed");
    // Longer than it is believed that only we change it.
    tokio::time::sleep(Duration::from_millis(1100)).await;
    let (lines, gone) = told(&folder, before.into()).await;
    assert_eq!((lines, gone), (vec!["1 $Work".to_owned()], "2".to_owned()));
    // Letters that mean nothing here stay where they are.
    let entry = &maildir.list().expect("a list")[0];
    maildir
        .change(entry, |letters| letters.with(Letters::parse(b"X")))
        .expect("changed");
    let replace = FlagChange::Replace([Flag::Seen].into_iter().collect());
    folder
        .change(&set("1"), &replace, None)
        .await
        .expect("changed");
    let letters = maildir.list().expect("a list")[0].letters();
    assert_eq!(letters.to_string(), "SX");
}

#[tokio::test]
async fn there_are_26_keywords_and_no_more() {
    let disk = OnDisk::new(FileStore::maildir);
    let folder = disk.inbox().await;
    folder
        .append(vec![message("1\r\n", "")])
        .await
        .expect("added");
    let many: Vec<String> = (0..27).map(|number| format!("k{number}")).collect();
    let add = FlagChange::Add(flags(&many.join(" ")));
    assert!(folder.change(&set("1"), &add, None).await.is_err());
    assert_eq!(told(&folder, ModSeqOrZero::ZERO).await.0, ["1"]);
    let add = FlagChange::Add(flags(&many[..26].join(" ")));
    folder
        .change(&set("1"), &add, None)
        .await
        .expect("so many there are");
}

#[tokio::test]
async fn a_folder_keeps_its_id_under_another_name() {
    for (store, _folder) in stores() {
        let folders = store.folders(&alice()).await.expect("folders");
        let none = MailboxAttributes::empty();
        let mut ids = Vec::new();
        for at in ["Old", "Other"] {
            folders.create(&name(at), none).await.expect("made");
            let folder = folders.open(&name(at)).await.expect("opened");
            ids.push(folder.state().await.expect("a state").id);
        }
        assert_ne!(ids[0], ids[1]);
        let renamed = folders.rename(&name("Old"), &name("New")).await;
        renamed.expect("renamed");
        let folder = folders.open(&name("New")).await.expect("opened");
        assert_eq!(folder.state().await.expect("a state").id, ids[0]);
    }
}

#[tokio::test]
async fn an_mbox_that_was_emptied_goes_on_with_its_numbers() {
    let disk = OnDisk::new(FileStore::mbox);
    let folder = disk.inbox().await;
    let two = vec![message("1\r\n", ""), message("2\r\n", "\\Seen $Work")];
    folder.append(two).await.expect("added");
    let before = folder.state().await.expect("a state");
    folder.expunge(&set("1:2")).await.expect("removed");
    assert_eq!(std::fs::read(disk.path()).expect("a file"), b"");
    let uids = folder.append(vec![message("3\r\n", "")]).await;
    assert_eq!(uids.expect("added")[0].get(), 3);
    let after = folder.state().await.expect("a state");
    assert_eq!(after.uid_validity, before.uid_validity);
    let (lines, gone) = told(&folder, before.mod_seq.into()).await;
    assert_eq!((lines, gone), (vec!["3".to_owned()], "1:2".to_owned()));
}

#[tokio::test]
async fn what_others_do_to_an_mbox_is_seen_and_outlives_a_restart() {
    let disk = OnDisk::new(FileStore::mbox);
    let folder = disk.inbox().await;
    let text = "Subject: x\r\n\r\nFrom here\r\n>From there\r\n";
    let two = vec![message(text, "\\Seen $Work"), message("2\r\n", "")];
    folder.append(two).await.expect("added");
    let before = folder.state().await.expect("a state");

    let mbox = Mbox::new(disk.path());
    let access = access();
    let list = mbox.list(&access).expect("a list");
    let changes = mbox::Changes::default().expunge(2).flags(1, Marks::FLAGGED);
    mbox.change(&list, &changes, &access).expect("changed");
    let from = FromLine::new(b"tom@example.net", Date::at_offset(UNIX_EPOCH, 0));
    let mut delivery = mbox.deliver(mbox::Options::new(from));
    delivery.write_all(b"3\r\n").expect("spooled");
    delivery.commit().expect("delivered");

    let (lines, gone) = told(&folder, before.mod_seq.into()).await;
    assert_eq!(lines, ["1 \\Flagged $Work", "3"]);
    assert_eq!(gone, "2");

    let folder = disk.inbox().await;
    let state = folder.state().await.expect("a state");
    assert_eq!(state.uid_validity, before.uid_validity);
    assert_eq!(state.uid_next.get(), 4);
    assert_eq!(state.id, before.id);
    let (lines, _) = told(&folder, ModSeqOrZero::ZERO).await;
    assert_eq!(lines, ["1 \\Flagged $Work", "3"]);
    let uid = NonZeroU32::MIN;
    assert_eq!(folder.read(uid).await.expect("read"), text.as_bytes());
    let mut rest = Vec::new();
    let mut reading = folder.read_from(uid, 5).await.expect("opened");
    loop {
        let piece = reading.next().await.expect("read");
        if piece.is_empty() {
            break;
        }
        rest.extend_from_slice(&piece);
    }
    assert_eq!(rest, &text.as_bytes()[5..]);
    let infos = folder.messages(&set("1")).await.expect("known");
    assert_eq!(infos[0].size, text.len() as u64);
    assert_eq!(
        infos[0].internal_date.unix_seconds(),
        message("", "").internal_date.expect("one").unix_seconds()
    );
}
