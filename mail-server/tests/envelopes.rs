//! Envelopes are kept in a file beside each folder on disk, for those who ask after a restart.

mod support;

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use mail_server::store::{FileStore, Mailstore};
use support::imap::Running;

/// What is answered by a server that has just been started.
async fn fetched(store: FileStore, commands: &[&str]) -> Vec<String> {
    let store: Arc<dyn Mailstore> = Arc::new(store);
    let running = Running::start(&store).await;
    let mut client = running.client().await;
    let mut lines = Vec::new();
    for command in commands {
        let answer = client.say(command).await;
        assert!(
            answer.last().is_some_and(|last| last.starts_with("t OK")),
            "{answer:?}"
        );
        lines = answer;
    }
    drop(client);
    running.end().await;
    lines.retain(|line| line.contains("ENVELOPE"));
    lines
}

const FETCH: [&str; 2] = ["SELECT INBOX", "FETCH 1:* (UID ENVELOPE)"];

/// Each subject becomes another one of the same length, behind everybody's back.
fn change_messages(path: &Path) {
    let files: Vec<PathBuf> = match path.is_dir() {
        true => ["new", "cur"]
            .iter()
            .flat_map(|place| fs::read_dir(path.join(place)).expect("a Maildir"))
            .map(|entry| entry.expect("a file").path())
            .collect(),
        false => vec![path.to_owned()],
    };
    for file in files {
        let text = fs::read_to_string(&file).expect("a message");
        fs::write(&file, text.replace("Subject: old", "Subject: new")).expect("written");
    }
}

#[tokio::test]
async fn envelopes_outlive_a_restart_and_their_file_need_not() {
    for open in [
        FileStore::maildir as fn(PathBuf) -> FileStore,
        FileStore::mbox,
    ] {
        let root = tempfile::tempdir().expect("a folder");
        let store = || open(root.path().into());
        let path = store().path(&"alice@example.org".parse().expect("an account"));
        let file = match path.ends_with("mbox") {
            true => path.with_extension("mailwire-envelopes"),
            false => path.join("mailwire-envelopes"),
        };
        let mut commands = Vec::new();
        for number in 1..=3 {
            let text = format!("Subject: old {number}\r\nFrom: a@example.net\r\n\r\n{number}\r\n");
            commands.push(format!("APPEND INBOX {{{}+}}\r\n{text}", text.len()));
        }
        let commands: Vec<&str> = commands.iter().map(String::as_str).chain(FETCH).collect();
        let before = fetched(store(), &commands).await;
        assert_eq!(before.len(), 3);
        assert!(before[0].contains("\"old 1\""), "{before:?}");
        // What is asked for again comes out of the file, not out of the messages.
        change_messages(&path);
        assert_eq!(fetched(store(), &FETCH).await, before);
        let expunge = [
            "SELECT INBOX",
            "STORE 1 +FLAGS (\\Deleted)",
            "EXPUNGE",
            "FETCH 1:* (UID ENVELOPE)",
        ];
        let left = fetched(store(), &expunge).await;
        assert_eq!(left.len(), 2);
        assert!(left[0].contains("UID 2") && left[0].contains("\"old 2\""));
        // One that is torn tells what it can.
        let content = fs::read(&file).expect("it was written");
        fs::write(&file, &content[..content.len() - 1]).expect("written");
        let torn = fetched(store(), &FETCH).await;
        assert!(torn[0].contains("\"old 2\"") && torn[1].contains("\"new 3\""));
        // One that is lost is written again.
        fs::remove_file(&file).expect("it was written");
        let found = fetched(store(), &FETCH).await;
        assert!(found[0].contains("\"new 2\"") && found[1].contains("\"new 3\""));
        assert!(file.is_file());
        // One that is of another UIDVALIDITY is none.
        let mut content = fs::read(&file).expect("it was written");
        let digit = content
            .iter()
            .position(|octet| *octet == b'\n')
            .expect("a line")
            - 1;
        content[digit] = if content[digit] == b'0' { b'1' } else { b'0' };
        fs::write(&file, &content).expect("written");
        assert_eq!(fetched(store(), &FETCH).await, found);
    }
}
