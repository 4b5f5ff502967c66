//! What other programs do to folders on disk is told at once, without a look at them now and then.

mod support;

use std::fs;
use std::io::Write;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use mail_server::store::{FileStore, Mailstore};
use support::imap::{Client, Running};
use tokio::time::timeout;

/// Far longer than anything takes, and far shorter than a look is away.
const LONG: Duration = Duration::from_secs(60);
const NEVER: Duration = Duration::from_secs(1 << 20);

const MESSAGE: &str = "Subject: by hand\n\nHello.\n";

async fn idle(running: &Running) -> Client {
    let mut client = running.client().await;
    client.say("SELECT INBOX").await;
    client.send("i IDLE\r\n").await;
    assert_eq!(line(&mut client).await, "+ idling");
    client
}

async fn line(client: &mut Client) -> String {
    timeout(LONG, client.line()).await.expect("news")
}

/// Puts a message into a Maildir as other programs do.
fn put(maildir: &Path, name: &str) {
    let (tmp, new) = (
        maildir.join("tmp").join(name),
        maildir.join("new").join(name),
    );
    fs::write(&tmp, MESSAGE).expect("a file");
    fs::rename(&tmp, &new).expect("a new name");
}

#[tokio::test]
async fn a_maildir() {
    let root = tempfile::tempdir().expect("a folder");
    let store: Arc<dyn Mailstore> = Arc::new(FileStore::maildir(root.path()).look_every(NEVER));
    let running = Running::start(&store).await;
    let (mut one, mut other) = (idle(&running).await, idle(&running).await);
    let inbox = root.path().join("example.org/alice");
    put(&inbox, "1.a.elsewhere");
    for client in [&mut one, &mut other] {
        assert_eq!(line(client).await, "* 1 EXISTS");
        assert!(line(client).await.ends_with(" RECENT"));
    }
    // Whoever was told first has moved it to `cur`.
    let cur = inbox.join("cur");
    let there = fs::read_dir(&cur).expect("a folder").next();
    let there = there.expect("a message").expect("a name").path();
    let name = there.file_name().and_then(|name| name.to_str());
    let (base, _) = name.and_then(|name| name.split_once(":2,")).expect("flags");
    let seen = cur.join(format!("{base}:2,S"));
    fs::rename(&there, &seen).expect("a new name");
    for client in [&mut one, &mut other] {
        let told = line(client).await;
        assert!(told.starts_with("* 1 FETCH (FLAGS (\\Seen"), "{told}");
    }
    fs::remove_file(&seen).expect("a message");
    for client in [&mut one, &mut other] {
        assert_eq!(line(client).await, "* 1 EXPUNGE");
    }
    running.end().await;
}

/// While many messages are changed nobody is told of each of them; then of what others do again.
#[tokio::test]
async fn a_maildir_of_which_much_was_changed() {
    let root = tempfile::tempdir().expect("a folder");
    let inbox = root.path().join("example.org/alice");
    for part in ["tmp", "new", "cur"] {
        fs::create_dir_all(inbox.join(part)).expect("a folder");
    }
    let many = 150;
    (0..many).for_each(|number| put(&inbox, &format!("1.{number}.elsewhere")));
    let store: Arc<dyn Mailstore> = Arc::new(FileStore::maildir(root.path()).look_every(NEVER));
    let running = Running::start(&store).await;
    let (mut listening, mut busy) = (idle(&running).await, running.client().await);
    busy.say("SELECT INBOX").await;
    let said = busy.say("STORE 1:* +FLAGS.SILENT (\\Seen)").await;
    assert!(said.iter().any(|line| line.starts_with("t OK")), "{said:?}");
    for _ in 0..many {
        assert!(line(&mut listening).await.contains("\\Seen"));
    }
    // The first may be found by the look that is due then.
    for more in 1..=3 {
        put(&inbox, &format!("2.{more}.elsewhere"));
        let count = many + more;
        assert_eq!(line(&mut listening).await, format!("* {count} EXISTS"));
        assert!(line(&mut listening).await.ends_with(" RECENT"));
    }
    running.end().await;
}

#[tokio::test]
async fn an_mbox() {
    let root = tempfile::tempdir().expect("a folder");
    let store: Arc<dyn Mailstore> = Arc::new(FileStore::mbox(root.path()).look_every(NEVER));
    let running = Running::start(&store).await;
    let mut client = idle(&running).await;
    let inbox = root.path().join("example.org/alice/mbox");
    let message = format!("From tom@example.net Thu Jan  1 00:00:00 2026\n{MESSAGE}\n");
    // The first may be found by the look that watching begins with.
    for count in 1..=3 {
        // Each time the one that has the name: it may have been replaced.
        let file = fs::OpenOptions::new().append(true).open(&inbox);
        let written = file.expect("an mbox").write_all(message.as_bytes());
        written.expect("room");
        assert_eq!(line(&mut client).await, format!("* {count} EXISTS"));
        assert!(line(&mut client).await.ends_with(" RECENT"));
    }
    running.end().await;
}

#[tokio::test]
async fn a_folder_that_is_not_selected() {
    let root = tempfile::tempdir().expect("a folder");
    let store: Arc<dyn Mailstore> = Arc::new(FileStore::maildir(root.path()).look_every(NEVER));
    let running = Running::start(&store).await;
    let mut client = running.client().await;
    client.say("CREATE Work").await;
    let said = client
        .say("NOTIFY SET (PERSONAL (MessageNew MessageExpunge))")
        .await;
    assert_eq!(said, ["t OK NOTIFY completed"]);
    for count in 1..=3 {
        let work = root.path().join("example.org/alice/.Work");
        put(&work, &format!("{count}.a.elsewhere"));
        let told = line(&mut client).await;
        assert!(told.starts_with("* STATUS Work ("), "{told}");
        assert!(told.contains(&format!("MESSAGES {count}")), "{told}");
    }
    running.end().await;
}

/// Nobody tells, so somebody has to look.
#[tokio::test]
async fn a_folder_that_cannot_be_watched() {
    let root = tempfile::tempdir().expect("a folder");
    let often = Duration::from_millis(10);
    let store = FileStore::maildir(root.path().join("here")).look_every(often);
    let store: Arc<dyn Mailstore> = Arc::new(store);
    let running = Running::start(&store).await;
    let mut client = idle(&running).await;
    // What is watched has another name now, and what has its name is not watched.
    let (here, there) = (root.path().join("here"), root.path().join("there"));
    fs::rename(&here, &there).expect("a new name");
    for part in ["new", "cur", "tmp"] {
        let directory = here.join("example.org/alice").join(part);
        fs::create_dir_all(directory).expect("a folder");
    }
    fs::copy(
        there.join("example.org/alice/dovecot-uidlist"),
        here.join("example.org/alice/dovecot-uidlist"),
    )
    .expect("the same UIDVALIDITY");
    put(&here.join("example.org/alice"), "1.a.elsewhere");
    assert_eq!(line(&mut client).await, "* 1 EXISTS");
    running.end().await;
}
