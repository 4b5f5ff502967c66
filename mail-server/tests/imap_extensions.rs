//! What extensions tell of folders and messages, out of every store.

mod support;

use std::sync::Arc;

use mail_server::store::{FileStore, Mailstore};
use mailbox_formats::maildir::{Maildir, Quota};
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

#[tokio::test]
async fn messages_are_made_of_parts_of_others() {
    for (store, _kept) in stores() {
        let running = Running::start(&store).await;
        let mut client = running.client().await;
        append(&mut client, "INBOX", "Subject: one\r\n\r\nbody of one\r\n").await;
        client.say("SELECT INBOX").await;
        let made = client
            .say("APPEND INBOX CATENATE (URL \"/INBOX/;UID=1/;SECTION=HEADER\" TEXT {6+}\r\nnew, b URL \";UID=1/;SECTION=TEXT/;PARTIAL=1.100\")")
            .await;
        assert!(
            made[0].contains("EXISTS") || made[0].contains("[APPENDUID "),
            "{made:?}"
        );
        client.say("NOOP").await;
        let fetched = client.say("FETCH 2 (BODY.PEEK[])").await;
        let text = "Subject: one\r\n\r\nnew, body of one\r\n";
        let expected = format!("* 2 FETCH (BODY[] {{{}}}\r\n{text})", text.len());
        assert_eq!(fetched[0], expected);
        for url in [
            "/INBOX/;UID=9",
            "/Nowhere/;UID=1",
            "/INBOX;UIDVALIDITY=7777777/;UID=1",
            "/INBOX/;UID=1/;SECTION=7",
            "rubbish",
        ] {
            let command = format!("APPEND INBOX CATENATE (TEXT {{1+}}\r\nx URL \"{url}\")");
            let answer = client.say(&command).await;
            let expected = format!("t NO [BADURL {url}]");
            let quoted = format!("t NO [BADURL \"{url}\"]");
            let last = &answer[answer.len() - 1];
            assert!(
                last.starts_with(&expected) || last.starts_with(&quoted),
                "{answer:?}"
            );
        }
        let status = client.say("STATUS INBOX (MESSAGES)").await;
        assert_eq!(status[0], "* STATUS INBOX (MESSAGES 2)");
        running.end().await;
    }
}

#[tokio::test]
async fn names_and_headers_are_in_utf8_for_those_who_want_it() {
    for (store, _kept) in stores() {
        let running = Running::start(&store).await;
        let (mut new, mut old) = (running.client().await, running.client().await);
        let enabled = new.say("ENABLE UTF8=ACCEPT").await;
        assert_eq!(enabled[0], "* ENABLED UTF8=ACCEPT");
        assert!(new.say("CREATE \"Entwürfe\"").await[0].starts_with("t OK"));
        let listed = new.say("LIST \"\" Entw*").await;
        assert!(listed[0].ends_with("\"Entwürfe\""), "{listed:?}");
        let listed = old.say("LIST \"\" Entw*").await;
        assert!(listed[0].contains("Entw&APw-rfe"), "{listed:?}");
        let text = "Subject: Grüße\r\n\r\nhallo\r\n";
        let command = format!("APPEND \"Entwürfe\" UTF8 (~{{{}+}}\r\n{text})", text.len());
        let added = new.say(&command).await;
        assert!(added[0].contains("[APPENDUID "), "{added:?}");
        new.say("SELECT \"Entwürfe\"").await;
        let fetched = new.say("FETCH 1 (ENVELOPE BODY.PEEK[])").await;
        assert!(fetched[0].contains("(NIL \"Grüße\" "), "{fetched:?}");
        assert!(fetched[0].contains(text), "{fetched:?}");
        assert_eq!(new.say("SEARCH SUBJECT \"GRÜSSE\"").await[0], "* SEARCH");
        assert_eq!(new.say("SEARCH SUBJECT \"GRÜ\"").await[0], "* SEARCH 1");
        running.end().await;
    }
}

#[tokio::test]
async fn a_quota_is_told_and_kept() {
    for (store, kept) in stores() {
        let running = Running::start(&store).await;
        let mut client = running.client().await;
        let none = client.say("GETQUOTAROOT INBOX").await;
        assert_eq!(none[0], "* QUOTAROOT INBOX");
        assert!(client.say("GETQUOTA \"\"").await[0].starts_with("t NO [NONEXISTENT]"));
        let Some(kept) = kept else {
            running.end().await;
            continue;
        };
        let maildir = Maildir::open(kept.path().join("example.org/alice")).expect("there");
        let quota = Quota {
            bytes: Some(10 << 10),
            messages: Some(3),
        };
        maildir.set_quota(quota).expect("written");
        let usage = || maildir.usage().expect("read").expect("a quota").usage();
        let text = format!("Subject: 1\r\n\r\n{}", "x".repeat(2000));
        append(&mut client, "INBOX", &text).await;
        assert_eq!(usage().messages, 1);
        let told = client.say("GETQUOTAROOT INBOX").await;
        assert_eq!(told[0], "* QUOTAROOT INBOX \"\"");
        assert_eq!(told[1], "* QUOTA \"\" (STORAGE 2 10 MESSAGE 1 3)");
        let large = format!("APPEND INBOX {{9000+}}\r\n{}", "x".repeat(9000));
        assert!(client.say(&large).await[0].starts_with("t NO [OVERQUOTA]"));
        append(&mut client, "INBOX", "Subject: 2\r\n\r\n").await;
        append(&mut client, "INBOX", "Subject: 3\r\n\r\n").await;
        client.say("SELECT INBOX").await;
        let copied = client.say("COPY 2 INBOX").await;
        assert!(copied[0].starts_with("t NO [OVERQUOTA]"), "{copied:?}");
        // What is marked as deleted does not count, and goes once.
        client.say("STORE 1 +FLAGS (\\Deleted)").await;
        assert_eq!(usage().messages, 2);
        client.say("EXPUNGE").await;
        let left = usage();
        assert_eq!(left.messages, 2);
        assert_eq!(maildir.set_quota(quota).expect("counted").usage(), left);
        let refused = client.say("SETQUOTA \"\" (STORAGE 100)").await;
        assert!(refused[0].starts_with("t NO [NOPERM]"), "{refused:?}");
        running.end().await;
    }
}

#[tokio::test]
async fn folders_and_accounts_have_metadata() {
    for (store, kept) in stores() {
        let running = Running::start(&store).await;
        let mut client = running.client().await;
        let mut say = async |command: &str| client.say(command).await;
        say("CREATE Old").await;
        let set = say("SETMETADATA Old (/private/Comment {5+}\r\nhello /shared/a/b \"1\" /shared/a/b/c \"22\")").await;
        assert!(set[0].starts_with("t OK"), "{set:?}");
        assert!(say("SETMETADATA \"\" (/shared/admin \"me\")").await[0].starts_with("t OK"));
        say("RENAME Old New").await;
        let told = say("GETMETADATA New /PRIVATE/comment").await;
        assert_eq!(told[0], "* METADATA New (/private/comment \"hello\")");
        let told = say("GETMETADATA (DEPTH infinity) New (/shared/a)").await;
        let expected = "* METADATA New (/shared/a NIL /shared/a/b \"1\" /shared/a/b/c \"22\")";
        assert_eq!(told[0], expected);
        let told = say("GETMETADATA (DEPTH 1) New (/shared/a)").await;
        assert_eq!(told[0], "* METADATA New (/shared/a NIL /shared/a/b \"1\")");
        let told = say("GETMETADATA (MAXSIZE 1) New (/shared/a/b /shared/a/b/c)").await;
        assert_eq!(told[0], "* METADATA New (/shared/a/b \"1\")");
        assert!(
            told[1].starts_with("t OK [METADATA LONGENTRIES 2]"),
            "{told:?}"
        );
        let told = say("GETMETADATA \"\" /shared/admin").await;
        assert_eq!(told[0], "* METADATA \"\" (/shared/admin \"me\")");
        let listed = say("LIST \"\" * RETURN (METADATA (/private/comment))").await;
        let noted = listed.iter().filter(|line| line.starts_with("* METADATA "));
        assert_eq!(noted.count(), 2, "{listed:?}");

        assert!(say("SETMETADATA New (/shared/a/b NIL)").await[0].starts_with("t OK"));
        let told = say("GETMETADATA New /shared/a/b").await;
        assert_eq!(told[0], "* METADATA New (/shared/a/b NIL)");
        for name in [
            "/comment",
            "/private/",
            "/shared//a",
            "/shared/a*",
            "/other/a",
        ] {
            let refused = say(&format!("SETMETADATA New (\"{name}\" \"x\")")).await;
            assert!(refused[0].starts_with("t NO"), "{name}: {refused:?}");
        }
        let refused = say("GETMETADATA Old /shared/a").await;
        assert!(refused[0].starts_with("t NO [NONEXISTENT]"), "{refused:?}");
        for number in 0..99 {
            say(&format!("SETMETADATA New (/shared/{number} \"x\")")).await;
        }
        let refused = say("SETMETADATA New (/shared/more \"x\")").await;
        assert!(
            refused[0].starts_with("t NO [METADATA TOOMANY]"),
            "{refused:?}"
        );
        // What is made anew has none of it.
        say("DELETE New").await;
        say("CREATE New").await;
        let told = say("GETMETADATA New /private/comment").await;
        assert_eq!(told[0], "* METADATA New (/private/comment NIL)");
        running.end().await;

        let Some(kept) = kept else { continue };
        let store: Arc<dyn Mailstore> = Arc::new(FileStore::maildir(kept.path()));
        let running = Running::start(&store).await;
        let mut client = running.client().await;
        let told = client.say("GETMETADATA \"\" /shared/admin").await;
        assert_eq!(told[0], "* METADATA \"\" (/shared/admin \"me\")");
        running.end().await;
    }
}
