//! What extensions tell of folders and messages, out of every store.

mod support;

use std::sync::Arc;

use mail_server::store::{FileStore, Mailstore};
use support::imap::{Client, Running, stores};

/// What stands in these brackets behind this.
fn told<'a>(line: &'a str, name: &str) -> &'a str {
    let rest = line.split_once(&format!("{name} (")).map(|(_, rest)| rest);
    let id = rest.and_then(|rest| rest.split_once(')')).map(|(id, _)| id);
    id.unwrap_or_else(|| panic!("no {name} in {line}"))
}

async fn append(client: &mut Client, folder: &str, text: &str) {
    let command = format!("APPEND {folder} {{{}+}}\r\n{text}", text.len());
    let added = client.say(&command).await;
    assert!(added[0].contains("[APPENDUID "), "{added:?}");
}

#[tokio::test]
async fn ids_of_folders_and_messages_stay() {
    for (store, kept) in stores() {
        let running = Running::start(&store).await;
        let mut client = running.client().await;
        let made = client.say("CREATE Here").await;
        let here = told(&made[0], "MAILBOXID").to_owned();
        let inbox = client.say("STATUS INBOX (MAILBOXID)").await;
        assert_ne!(told(&inbox[0], "MAILBOXID"), here);
        assert!(client.say("RENAME Here There").await[0].starts_with("t OK"));
        let status = client.say("STATUS There (MAILBOXID)").await;
        assert_eq!(told(&status[0], "MAILBOXID"), here);
        let again = client.say("CREATE Here").await;
        assert_ne!(told(&again[0], "MAILBOXID"), here);

        append(&mut client, "INBOX", "Subject: one\r\n\r\n1\r\n").await;
        append(&mut client, "INBOX", "Subject: two\r\n\r\n2\r\n").await;
        client.say("SELECT INBOX").await;
        let fetched = client.say("FETCH 1:2 (EMAILID THREADID)").await;
        let one = told(&fetched[0], "EMAILID").to_owned();
        assert_ne!(told(&fetched[1], "EMAILID"), one);
        assert!(fetched[0].contains("THREADID NIL"), "{fetched:?}");
        let found = client.say(&format!("SEARCH EMAILID {one}")).await;
        assert_eq!(found[0], "* SEARCH 1");
        client.say("COPY 1 Here").await;
        client.say("MOVE 1 There").await;
        for folder in ["Here", "There"] {
            let selected = client.say(&format!("SELECT {folder}")).await;
            let has_id = selected.iter().any(|line| line.contains("[MAILBOXID ("));
            assert!(has_id, "{selected:?}");
            let fetched = client.say("FETCH 1 (EMAILID FLAGS)").await;
            assert_eq!(told(&fetched[0], "EMAILID"), one, "{folder}");
        }
        running.end().await;

        let Some(kept) = kept else { continue };
        let store: Arc<dyn Mailstore> = Arc::new(FileStore::maildir(kept.path()));
        let running = Running::start(&store).await;
        let mut client = running.client().await;
        let status = client.say("STATUS There (MAILBOXID)").await;
        assert_eq!(told(&status[0], "MAILBOXID"), here);
        client.say("SELECT There").await;
        let fetched = client.say("FETCH 1 (EMAILID)").await;
        assert_eq!(told(&fetched[0], "EMAILID"), one);
        running.end().await;
    }
}

#[tokio::test]
async fn the_day_of_saving_is_not_that_of_receiving() {
    for (store, _kept) in stores() {
        let running = Running::start(&store).await;
        let mut client = running.client().await;
        let old = "APPEND INBOX \"01-Jan-2001 00:00:00 +0000\" {3+}\r\nx\r\n";
        assert!(client.say(old).await[0].starts_with("t OK"));
        client.say("SELECT INBOX").await;
        let fetched = client.say("FETCH 1 (SAVEDATE INTERNALDATE)").await;
        assert!(
            fetched[0].contains("INTERNALDATE \" 1-Jan-2001"),
            "{fetched:?}"
        );
        assert!(fetched[0].contains("SAVEDATE \""), "{fetched:?}");
        for (keys, found) in [
            ("SAVEDSINCE 1-Jan-2020", "* SEARCH 1"),
            ("SAVEDBEFORE 1-Jan-2020", "* SEARCH"),
            ("SINCE 1-Jan-2020", "* SEARCH"),
            ("SAVEDATESUPPORTED", "* SEARCH 1"),
        ] {
            assert_eq!(
                client.say(&format!("SEARCH {keys}")).await[0],
                found,
                "{keys}"
            );
        }
        running.end().await;
    }
}

#[tokio::test]
async fn what_cannot_be_decoded_is_refused() {
    for (store, _kept) in stores() {
        let running = Running::start(&store).await;
        let mut client = running.client().await;
        let strange = "Content-Transfer-Encoding: x-strange\r\n\r\n???\r\n";
        append(&mut client, "INBOX", strange).await;
        let good = "Content-Transfer-Encoding: base64\r\n\r\nAAEC\r\n";
        append(&mut client, "INBOX", good).await;
        client.say("SELECT INBOX").await;
        for item in ["BINARY.PEEK[1]", "BINARY.SIZE[1]"] {
            let answer = client.say(&format!("FETCH 1 ({item})")).await;
            assert!(answer[0].starts_with("t NO [UNKNOWN-CTE]"), "{answer:?}");
        }
        let size = client.say("FETCH 2 (BINARY.SIZE[1])").await;
        assert_eq!(size[0], "* 2 FETCH (BINARY.SIZE[1] 3)");
        running.end().await;
    }
}

#[tokio::test]
async fn an_envelope_is_told_whatever_else_is_asked_for() {
    for (store, _kept) in stores() {
        let running = Running::start(&store).await;
        let mut client = running.client().await;
        append(&mut client, "INBOX", "Subject: one\r\n\r\n1\r\n").await;
        client.say("SELECT INBOX").await;
        for items in [
            "ENVELOPE",
            "ENVELOPE BODY.PEEK[]",
            "ENVELOPE BODY",
            "ENVELOPE EMAILID",
        ] {
            for _ in 0..2 {
                let fetched = client.say(&format!("FETCH 1 ({items} FLAGS)")).await;
                let envelope = "ENVELOPE (NIL \"one\" NIL NIL NIL NIL NIL NIL NIL NIL)";
                assert!(fetched[0].contains(envelope), "{items}: {fetched:?}");
                assert!(fetched[0].contains("FLAGS ("), "{items}: {fetched:?}");
            }
        }
        running.end().await;
    }
}
