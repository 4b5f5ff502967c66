//! IMAP out of every store that has folders, by lines typed by hand.

mod support;

use std::sync::Arc;

use mail_server::Stop;
use mail_server::imap::{FromStore, Listener, config};
use mail_server::store::{Mailstore, MemoryStore};
use support::authentication;
use support::imap::{Client, Running, stores};
use tokio::io::BufReader;
use tokio::net::TcpStream;

#[tokio::test]
async fn mail_is_added_read_flagged_found_and_removed() {
    for (store, _kept) in stores() {
        let running = Running::start(&store).await;
        let mut client = running.client().await;
        let text = "From: Tom <tom@example.net>\r\nSubject: hello\r\n\r\nHow are you?\r\n";
        let added = client
            .say(&format!(
                "APPEND INBOX ($Work) {{{}+}}\r\n{text}",
                text.len()
            ))
            .await;
        assert!(added[0].contains("[APPENDUID "), "{added:?}");
        let selected = client.say("SELECT INBOX").await;
        assert!(selected.contains(&"* 1 EXISTS".to_owned()), "{selected:?}");

        let fetched = client.say("FETCH 1 (BODY[])").await;
        let expected = format!("* 1 FETCH (BODY[] {{{}}}\r\n{text} FLAGS (", text.len());
        assert!(fetched[0].starts_with(&expected), "{fetched:?}");
        assert!(fetched[0].contains("\\Seen"), "{fetched:?}");
        let envelope = client.say("UID FETCH 1 ENVELOPE").await;
        assert!(
            envelope[0]
                .contains("UID 1 ENVELOPE (NIL \"hello\" ((\"Tom\" NIL \"tom\" \"example.net\"))")
        );

        assert_eq!(client.say("SEARCH BODY \"how ARE\"").await[0], "* SEARCH 1");
        assert_eq!(
            client.say("SEARCH KEYWORD $work UNSEEN").await[0],
            "* SEARCH"
        );
        assert!(client.say("SEARCH CHARSET KOI8-R ALL").await[0].starts_with("t NO [BADCHARSET"));
        assert!(client.say("COPY 1 Nowhere").await[0].starts_with("t NO [TRYCREATE]"));
        assert!(client.say("CREATE Kept").await[0].starts_with("t OK"));
        let moved = client.say("MOVE 1 Kept").await;
        assert!(moved[0].starts_with("* OK [COPYUID "), "{moved:?}");
        assert_eq!(moved[1], "* 1 EXPUNGE");
        let status = client.say("STATUS Kept (MESSAGES UNSEEN SIZE)").await;
        let expected = format!("* STATUS Kept (MESSAGES 1 UNSEEN 0 SIZE {})", text.len());
        assert_eq!(status[0], expected);
        assert!(client.say("LOGOUT").await[0].starts_with("* BYE"));
        running.end().await;
    }
}

#[tokio::test]
async fn sessions_hear_of_each_other() {
    for (store, _kept) in stores() {
        let running = Running::start(&store).await;
        let (mut one, mut other) = (running.client().await, running.client().await);
        for _ in 0..2 {
            let added = one.say("APPEND INBOX {3+}\r\nx\r\n").await;
            assert!(added[0].starts_with("t OK"), "{added:?}");
        }
        one.say("SELECT INBOX").await;
        other.say("SELECT INBOX").await;
        other.send("i IDLE\r\n").await;
        assert_eq!(other.line().await, "+ idling");
        one.say("STORE 2 +FLAGS (\\Flagged)").await;
        assert_eq!(other.line().await, "* 2 FETCH (FLAGS (\\Flagged))");
        one.say("APPEND INBOX {3+}\r\ny\r\n").await;
        assert_eq!(other.line().await, "* 3 EXISTS");
        assert!(other.line().await.ends_with(" RECENT"));
        one.say("STORE 1 +FLAGS.SILENT (\\Deleted)").await;
        assert_eq!(other.line().await, "* 1 FETCH (FLAGS (\\Deleted))");
        one.say("EXPUNGE").await;
        assert_eq!(other.line().await, "* 1 EXPUNGE");
        other.send("DONE\r\n").await;
        assert!(other.line().await.starts_with("i OK"));
        running.end().await;
    }
}

#[tokio::test]
async fn an_append_that_is_too_large_or_broken_off_leaves_nothing() {
    for (store, _kept) in stores() {
        let running = Running::start(&store).await;
        let mut client = running.client().await;
        let refused = client.say("APPEND INBOX {99999999999}").await;
        assert!(refused[0].starts_with("t NO [TOOBIG]"), "{refused:?}");
        client.send("t APPEND INBOX {100+}\r\nhalf of it").await;
        drop(client);
        let mut client = running.client().await;
        let status = client.say("STATUS INBOX (MESSAGES)").await;
        assert_eq!(status[0], "* STATUS INBOX (MESSAGES 0)");
        running.end().await;
    }
}

#[tokio::test]
async fn a_folder_that_goes_while_it_is_selected_ends_nothing() {
    for (store, _kept) in stores() {
        let running = Running::start(&store).await;
        let (mut one, mut other) = (running.client().await, running.client().await);
        one.say("CREATE Gone").await;
        other.say("SELECT Gone").await;
        assert!(one.say("DELETE Gone").await[0].starts_with("t OK"));
        let fetched = other.say("UID SEARCH ALL").await;
        let last = fetched.last().expect("an answer");
        assert!(
            last.starts_with("t NO") || last.starts_with("t OK"),
            "{fetched:?}"
        );
        assert!(
            other
                .say("SELECT INBOX")
                .await
                .last()
                .expect("one")
                .starts_with("t OK")
        );
        running.end().await;
    }
}

#[tokio::test]
async fn passwords_need_tls_unless_it_is_said_otherwise() {
    let store: Arc<dyn Mailstore> = Arc::new(MemoryStore::new());
    let listener = Listener::bind("127.0.0.1:0", config())
        .await
        .expect("a free port");
    let (stop, port) = (Stop::new(), listener.local_addr().port());
    let listener = listener
        .authentication(authentication())
        .stop_with(stop.clone());
    let service = FromStore::shared(store, |user| user.parse().ok());
    let served = tokio::spawn(listener.serve(move |_peer| service.clone()));
    let stream = TcpStream::connect(("127.0.0.1", port))
        .await
        .expect("a server");
    let mut client = Client::new(BufReader::new(stream));
    let greeting = client.line().await;
    assert!(
        greeting.contains("LOGINDISABLED") && !greeting.contains("AUTH="),
        "{greeting}"
    );
    let refused = client.say("LOGIN alice \"rabbit hole\"").await;
    assert!(
        refused[0].starts_with("t NO [PRIVACYREQUIRED]"),
        "{refused:?}"
    );
    assert!(client.say("SELECT INBOX").await[0].starts_with("t BAD"));
    stop.stop();
    served.await.expect("the listener does not panic");
}
