//! Mailboxes on disk, delivered to through a real socket.

mod support;

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use imap_proto::{Flags, MailboxAttributes, MailboxName};
use mail_server::store::{Account, Copy, FileStore, Limited, Mailstore, NewMessage, Quota};
use mailbox_formats::maildir::{Maildir, Quota as Limits};
use support::{Host, Running, listener, lmtp, smtp};
use tempfile::TempDir;

fn root() -> TempDir {
    tempfile::tempdir().expect("a folder")
}

fn account(text: &str) -> Account {
    text.parse().expect("an account")
}

/// The files in a folder; none if it is not there.
fn files(folder: impl AsRef<Path>) -> Vec<PathBuf> {
    let Ok(entries) = fs::read_dir(folder) else {
        return Vec::new();
    };
    entries
        .map(|entry| entry.expect("an entry").path())
        .collect()
}

/// The only message in a Maildir.
fn only(store: &FileStore, owner: &str) -> String {
    let found = files(store.path(&account(owner)).join("new"));
    assert_eq!(found.len(), 1, "{owner}: {found:?}");
    fs::read_to_string(&found[0]).expect("readable")
}

#[tokio::test]
async fn a_message_in_a_maildir() {
    let root = root();
    let store = FileStore::maildir(root.path());
    let running = Running::start(listener(smtp()).await, Host::new(store.clone()).service()).await;
    let mut client = running.client().await;
    client.begin("EHLO c", &["Alice@Example.Org"]).await;
    client
        .talk(&[("Subject: hello\r\n\r\n..\r\n.", "250"), ("QUIT", "221")])
        .await;
    drop(client);
    running.end().await;
    let text = only(&store, "alice@example.org");
    assert!(text.starts_with(
        "Return-Path: <tom@example.net>\nX-Original-To: Alice@Example.Org\n\
         Delivered-To: alice@example.org\nReceived: from c ([127.0.0.1])\n"
    ));
    assert!(text.ends_with("\nSubject: hello\n\n.\n") && !text.contains('\r'));
    assert!(files(root.path().join("example.org/alice/tmp")).is_empty());
}

#[tokio::test]
async fn messages_in_an_mbox() {
    use std::os::unix::fs::PermissionsExt as _;
    let root = root();
    let store = FileStore::mbox(root.path().join("spool"));
    let running = Running::start(listener(smtp()).await, Host::new(store.clone()).service()).await;
    let mut client = running.client().await;
    for _ in 0..2 {
        client.begin("EHLO c", &["alice@example.org"]).await;
        client.talk(&[("x\r\n\r\nFrom me\r\n.", "250")]).await;
    }
    drop(client);
    running.end().await;
    let path = store.path(&account("alice@example.org"));
    let text = fs::read_to_string(&path).expect("an mbox");
    assert!(text.starts_with("From tom@example.net  "));
    assert_eq!(text.matches("\n\nFrom tom@example.net  ").count(), 1);
    assert_eq!(text.matches("\n>From me\n").count(), 2);
    // Mail is its owner's alone.
    let folder = path.parent().expect("a folder");
    let mode = fs::metadata(folder).expect("there").permissions().mode();
    assert_eq!(mode & 0o777, 0o700);
    assert_eq!(
        files(root.path().join("spool")),
        [root.path().join("spool/example.org")]
    );
}

/// A file stands where bob's folder should be.
#[tokio::test]
async fn one_copy_fails_and_the_others_are_delivered() {
    for store in [
        FileStore::maildir as fn(PathBuf) -> FileStore,
        FileStore::mbox,
    ] {
        let root = root();
        let store = store(root.path().into());
        fs::create_dir(root.path().join("example.org")).expect("a folder");
        fs::write(root.path().join("example.org/bob"), "").expect("a file");
        let running =
            Running::start(listener(lmtp()).await, Host::new(store.clone()).service()).await;
        let mut client = running.client().await;
        let recipients = ["alice@example.org", "bob@example.org", "carol@example.org"];
        client.begin("LHLO c", &recipients).await;
        client.talk(&[("x\r\n.", "250 2.0.0")]).await;
        assert!(client.reply().await.starts_with("451 4."));
        assert!(client.reply().await.starts_with("250 2.0.0"));
        // All fail: one refusal, and the session goes on.
        client.begin("LHLO c", &["bob@example.org"]).await;
        client.talk(&[("x\r\n.", "451 4."), ("QUIT", "221")]).await;
        drop(client);
        running.end().await;
        for owner in ["alice", "carol"] {
            let path = store.path(&account(&format!("{owner}@example.org")));
            assert!(path.is_file() || files(path.join("new")).len() == 1);
        }
    }
}

/// What the account has, and may have.
async fn quota(store: &FileStore, owner: &str) -> Quota {
    let folders = store.folders(&account(owner)).await.expect("folders");
    folders.quota().await.expect("read").expect("a quota")
}

#[tokio::test]
async fn what_is_delivered_counts_and_is_refused_once_the_mailbox_is_full() {
    let root = root();
    let store = FileStore::maildir(root.path());
    let (alice, carol) = ("alice@example.org", "carol@example.org");
    let limit = |owner, bytes, messages| {
        let maildir = Maildir::create(store.path(&account(owner))).expect("made");
        let quota = Limits { bytes, messages };
        maildir.set_quota(quota).expect("written");
    };
    limit(alice, None, Some(2));
    limit(carol, Some(5000), None);
    let running = Running::start(listener(lmtp()).await, Host::new(store.clone()).service()).await;
    let mut client = running.client().await;
    let lines = |count| "0123456789\r\n".repeat(count);
    for (text, replies) in [
        (lines(200), ["250", "250", "250"]),
        (lines(200), ["250", "250", "452 4.2.2"]),
        // More than is gathered at a time.
        (lines(50_000), ["452 4.2.2", "250", "452 4.2.2"]),
    ] {
        let all = [alice, "bob@example.org", carol];
        client.begin("LHLO c", &all).await;
        client.send(format!("{text}.\r\n")).await;
        for expected in replies {
            let reply = client.reply().await;
            assert!(reply.starts_with(expected), "{reply} instead of {expected}");
        }
    }
    client.talk(&[("QUIT", "221")]).await;
    running.end().await;

    let has = |limited: Option<Limited>| limited.map(|limited| (limited.used, limited.limit));
    assert_eq!(has(quota(&store, alice).await.messages), Some((2, 2)));
    let octets = only(&store, carol).len() as u64;
    assert_eq!(has(quota(&store, carol).await.octets), Some((octets, 5000)));
    assert_eq!(files(store.path(&account(carol)).join("tmp")).len(), 0);

    // What is deleted makes room for one that comes in by SMTP, which is told of the next.
    let inbox = store.inbox(&account(alice)).await.expect("free");
    inbox.update(&[1], &[]).await.expect("deleted");
    assert_eq!(has(quota(&store, alice).await.messages), Some((1, 2)));
    let running = Running::start(listener(smtp()).await, Host::new(store.clone()).service()).await;
    let mut client = running.client().await;
    client.begin("EHLO c", &[alice]).await;
    client.talk(&[("x\r\n.", "250")]).await;
    client.begin("EHLO c", &[alice]).await;
    client
        .talk(&[("x\r\n.", "452 4.2.2"), ("QUIT", "221")])
        .await;
    running.end().await;
    assert_eq!(has(quota(&store, alice).await.messages), Some((2, 2)));
    // The sum is what a count gives.
    let maildir = Maildir::open(store.path(&account(alice))).expect("there");
    let sum = maildir.usage().expect("read").expect("a quota");
    assert_eq!(maildir.set_quota(sum.quota()).expect("counted"), sum);
}

#[tokio::test]
async fn a_folder_that_goes_away_gives_its_room_back() {
    let root = root();
    let store = FileStore::maildir(root.path());
    let alice = "alice@example.org";
    let maildir = Maildir::create(store.path(&account(alice))).expect("made");
    let limits = Limits {
        bytes: None,
        messages: Some(9),
    };
    maildir.set_quota(limits).expect("written");
    let folders = store.folders(&account(alice)).await.expect("folders");
    let name = |name| MailboxName::new(name).expect("a name");
    for folder in ["Old", "Other"] {
        let none = MailboxAttributes::empty();
        folders.create(&name(folder), none).await.expect("made");
        let message = NewMessage {
            octets: "x\r\n".into(),
            flags: Flags::new(),
            internal_date: None,
        };
        let opened = folders.open(&name(folder)).await.expect("there");
        let added = opened.append(vec![message.clone(), message]).await;
        added.expect("there is room");
    }
    let used = async || quota(&store, alice).await.messages.map(|all| all.used);
    assert_eq!(used().await, Some(4));
    folders.delete(&name("Old")).await.expect("removed");
    assert_eq!(used().await, Some(2));
    // What is in the trash does not count.
    let trash = name("Trash");
    folders
        .rename(&name("Other"), &trash)
        .await
        .expect("renamed");
    assert_eq!(used().await, Some(0));
}

/// More than is gathered at a time, to two mailboxes.
#[tokio::test]
async fn a_large_message_streams() {
    let root = root();
    let store = FileStore::maildir(root.path());
    let running = Running::start(listener(smtp()).await, Host::new(store.clone()).service()).await;
    let mut client = running.client().await;
    client
        .begin("EHLO c", &["alice@example.org", "bob@example.org"])
        .await;
    let line = "0123456789".repeat(7);
    client.send(format!("{line}\r\n").repeat(20_000)).await;
    client.talk(&[(".", "250"), ("QUIT", "221")]).await;
    drop(client);
    running.end().await;
    for owner in ["alice@example.org", "bob@example.org"] {
        let text = only(&store, owner);
        assert!(text.ends_with(&format!("{line}\n").repeat(20_000)));
        assert_eq!(text.matches(&line).count(), 20_000);
    }
}

/// Whatever ends a delivery early, its file goes.
#[tokio::test]
async fn nothing_is_left_of_what_did_not_arrive() {
    let root = root();
    let store = FileStore::maildir(root.path());
    let running = Running::start(listener(smtp()).await, Host::new(store.clone()).service()).await;
    let tmp = root.path().join("example.org/alice/tmp");
    let mut client = running.client().await;
    client.begin("EHLO c", &["alice@example.org"]).await;
    // More than is gathered, so that a file has been begun.
    client.send("0123456789\r\n".repeat(50_000)).await;
    wait(|| files(&tmp).len() == 1).await;
    // The connection's task is dropped in the middle.
    running.served.abort();
    assert!(client.is_closed().await);
    wait(|| files(&tmp).is_empty()).await;
    assert!(files(root.path().join("example.org/alice/new")).is_empty());

    let running = Running::start(listener(smtp()).await, Host::new(store.clone()).service()).await;
    let mut client = running.client().await;
    client.begin("EHLO c", &["alice@example.org"]).await;
    client.send("0123456789\r\n".repeat(50_000)).await;
    wait(|| files(&tmp).len() == 1).await;
    // The client vanishes.
    drop(client);
    wait(|| files(&tmp).is_empty()).await;
    running.end().await;
    assert!(files(root.path().join("example.org/alice/new")).is_empty());
}

/// What a delivery wrote is only there once it was committed; a copy for each account.
#[tokio::test]
async fn a_delivery_by_hand() {
    let root = root();
    let store = FileStore::maildir(root.path());
    let copy = |owner: &str| Copy {
        account: account(owner),
        header: format!("Delivered-To: {owner}\r\n"),
    };
    let copies = vec![copy("alice@example.org"), copy("alice@example.net")];
    let mut delivery = store.deliver("", copies).await.expect("begun");
    delivery.write(b"Subject: x\r\n").await.expect("written");
    let new = root.path().join("example.org/alice/new");
    assert!(files(&new).is_empty());
    let outcomes = delivery.commit().await;
    assert!(outcomes.iter().all(Result::is_ok) && outcomes.len() == 2);
    for owner in ["alice@example.org", "alice@example.net"] {
        let text = only(&store, owner);
        assert_eq!(text, format!("Delivered-To: {owner}\nSubject: x\n"));
    }
}

#[test]
fn names_that_leave_the_root_are_no_accounts() {
    for text in [
        "..@example.org",
        "../x@example.org",
        ".hidden@example.org",
        "x@..",
        "x@../y",
        "a/b@example.org",
        "a\\b@example.org",
        "a\0@example.org",
        "a\n@example.org",
        "a\u{85}b@example.org",
        "a\u{2028}b@example.org",
        "@example.org",
        "x@",
        "x",
        &format!("{}@example.org", "x".repeat(256)),
        // Longer in lower case.
        &format!("{}@example.org", "\u{130}".repeat(127)),
    ] {
        assert!(text.parse::<Account>().is_err(), "{text:?}");
    }
    let root = Path::new("/mail");
    let store = FileStore::maildir(root);
    for text in [
        "a..b@example.org",
        "~@example.org",
        "a b@example.org",
        "-@x",
        "%2e%2e@x",
    ] {
        let path = store.path(&account(text));
        assert_eq!(
            path.components().count(),
            root.components().count() + 2,
            "{text}"
        );
        assert!(path.starts_with(root));
    }
}

/// Waits for what another thread does.
async fn wait(come: impl Fn() -> bool) {
    let waited = async {
        while !come() {
            tokio::task::yield_now().await;
        }
    };
    let limit = Duration::from_secs(60);
    tokio::time::timeout(limit, waited)
        .await
        .expect("comes in time");
}
