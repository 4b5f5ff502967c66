//! NOTIFY (RFC 5465): one session is told what another one does, out of every store.

mod support;

use std::collections::BTreeMap;
use std::time::Duration;

use mail_server::store::{Copy, Mailstore};
use support::imap::{Client, Running, stores};
use tokio::time::timeout;

/// Far longer than anything takes.
const LONG: Duration = Duration::from_secs(60);

async fn line(client: &mut Client) -> String {
    timeout(LONG, client.line()).await.expect("news")
}

async fn ok(client: &mut Client, command: &str) -> Vec<String> {
    let said = timeout(LONG, client.say(command)).await.expect("an answer");
    let answer = said.last().expect("an answer");
    assert!(answer.starts_with("t OK"), "{command}: {said:?}");
    said
}

async fn append(client: &mut Client, folder: &str, text: &str) {
    let command = format!("APPEND {folder} {{{}+}}\r\n{text}", text.len());
    ok(client, &command).await;
}

async fn deliver(store: &dyn Mailstore) {
    let copy = Copy {
        account: "alice@example.org".parse().expect("an account"),
        header: String::new(),
    };
    let delivery = store.deliver("tom@example.net", vec![copy]).await;
    let mut delivery = delivery.expect("a mailbox");
    delivery.write(b"Subject: x\r\n\r\n").await.expect("room");
    assert!(delivery.commit().await.iter().all(Result::is_ok));
}

/// The mailbox and the values of a status.
fn status(line: &str) -> (String, BTreeMap<String, u64>) {
    let rest = line.strip_prefix("* STATUS ");
    let parts = rest.and_then(|rest| rest.split_once(" ("));
    let (name, values) = parts.unwrap_or_else(|| panic!("no status: {line}"));
    let words: Vec<_> = values.trim_end_matches(')').split(' ').collect();
    let pairs = words.chunks(2).map(|pair| {
        let value = pair[1].parse().expect("a number");
        (pair[0].to_owned(), value)
    });
    (name.to_owned(), pairs.collect())
}

/// Some of the values of a status, in this order; the others may be anything.
async fn counts(client: &mut Client, names: &[&str]) -> (String, Vec<Option<u64>>) {
    let line = line(client).await;
    let (mailbox, values) = status(&line);
    let values = names.iter().map(|name| values.get(*name).copied());
    (mailbox, values.collect())
}

#[tokio::test]
async fn messages_of_folders_that_are_not_selected() {
    for (store, _kept) in stores() {
        let running = Running::start(&store).await;
        let (mut one, mut other) = (running.client().await, running.client().await);
        ok(&mut other, "CREATE Work").await;
        ok(&mut other, "CREATE Work/2026").await;
        ok(&mut other, "CREATE Play").await;
        append(&mut other, "Play", "x\r\n").await;
        ok(&mut one, "SELECT Play").await;
        let said = ok(
            &mut one,
            "NOTIFY SET STATUS (SELECTED (MessageNew MessageExpunge)) (SUBTREE Work (MessageNew MessageExpunge)) (MAILBOXES (INBOX Play Nowhere) (MessageNew MessageExpunge FlagChange))",
        )
        .await;
        let (told, answer) = said.split_at(said.len() - 1);
        assert_eq!(answer, ["t OK NOTIFY completed"]);
        let told: Vec<_> = told.iter().map(|line| status(line)).collect();
        let names: Vec<_> = told.iter().map(|(name, _)| name.as_str()).collect();
        assert_eq!(names, ["INBOX", "Work", "Work/2026"]);
        let keys: Vec<_> = told[0].1.keys().map(String::as_str).collect();
        let all = [
            "HIGHESTMODSEQ",
            "MESSAGES",
            "UIDNEXT",
            "UIDVALIDITY",
            "UNSEEN",
        ];
        assert_eq!(keys, all);
        assert_eq!(told[1].1.len(), 3, "{told:?}");

        // A delivery, an addition, a copy, and what is gone.
        let of = ["MESSAGES", "UIDNEXT", "UNSEEN"];
        deliver(&*store).await;
        let heard = counts(&mut one, &of).await;
        assert_eq!(heard, ("INBOX".into(), vec![Some(1), Some(2), Some(1)]));
        append(&mut other, "Work/2026", "y\r\n").await;
        let heard = counts(&mut one, &of).await;
        assert_eq!(heard, ("Work/2026".into(), vec![Some(1), Some(2), None]));
        ok(&mut other, "SELECT INBOX").await;
        ok(&mut other, "COPY 1 Work").await;
        let heard = counts(&mut one, &of).await;
        assert_eq!(heard, ("Work".into(), vec![Some(1), Some(2), None]));
        ok(&mut other, "STORE 1 +FLAGS (\\Seen)").await;
        let heard = counts(&mut one, &of).await;
        assert_eq!(heard, ("INBOX".into(), vec![None, None, Some(0)]));
        // Without CONDSTORE nobody can be told of another flag: the next thing is that it is gone.
        ok(&mut other, "STORE 1 +FLAGS (\\Deleted)").await;
        ok(&mut other, "EXPUNGE").await;
        let heard = counts(&mut one, &of).await;
        assert_eq!(heard, ("INBOX".into(), vec![Some(0), Some(2), None]));
        // Of the selected folder what SELECTED says.
        append(&mut other, "Play", "z\r\n").await;
        assert_eq!(line(&mut one).await, "* 2 EXISTS");
        assert_eq!(line(&mut one).await, "* 2 RECENT");
        running.end().await;
    }
}

#[tokio::test]
async fn clients_that_know_mod_sequences_hear_of_flags() {
    for (store, _kept) in stores() {
        let running = Running::start(&store).await;
        let (mut one, mut other) = (running.client().await, running.client().await);
        append(&mut other, "INBOX", "x\r\n").await;
        ok(&mut other, "SELECT INBOX").await;
        ok(&mut one, "ENABLE CONDSTORE").await;
        let groups = "(PERSONAL (MessageNew MessageExpunge FlagChange))";
        let said = ok(&mut one, &format!("NOTIFY SET STATUS {groups}")).await;
        let before = status(&said[0]).1["HIGHESTMODSEQ"];
        ok(&mut other, "STORE 1 +FLAGS ($Work)").await;
        let (name, values) = status(&line(&mut one).await);
        let keys: Vec<_> = values.keys().map(String::as_str).collect();
        assert_eq!(
            (&*name, keys),
            ("INBOX", vec!["HIGHESTMODSEQ", "UIDVALIDITY"])
        );
        assert!(values["HIGHESTMODSEQ"] > before);
        // In IDLE the same.
        one.send("i IDLE\r\n").await;
        assert_eq!(line(&mut one).await, "+ idling");
        deliver(&*store).await;
        let heard = counts(&mut one, &["MESSAGES", "UNSEEN"]).await;
        assert_eq!(heard, ("INBOX".into(), vec![Some(2), Some(2)]));
        running.end().await;
    }
}

#[tokio::test]
async fn what_a_client_has_done_itself_is_no_news_to_it() {
    for (store, _kept) in stores() {
        let running = Running::start(&store).await;
        let (mut one, mut other) = (running.client().await, running.client().await);
        ok(&mut one, "SELECT INBOX").await;
        ok(
            &mut one,
            "NOTIFY SET (SELECTED (MessageNew (FLAGS) MessageExpunge)) (PERSONAL (MessageNew MessageExpunge MailboxName SubscriptionChange MailboxMetadataChange))",
        )
        .await;
        ok(&mut one, "CREATE Kept").await;
        ok(&mut one, "SUBSCRIBE Kept").await;
        ok(&mut one, "SETMETADATA Kept (/private/comment \"mine\")").await;
        append(&mut one, "Kept", "x\r\n").await;
        let said = ok(&mut one, "APPEND INBOX {3+}\r\ny\r\n").await;
        assert_eq!(said[0], "* 1 EXISTS");
        assert!(!said.iter().any(|line| line.contains("FETCH")), "{said:?}");
        ok(&mut one, "COPY 1 Kept").await;
        // What it has made is watched all the same, and is the first thing to be heard of.
        append(&mut other, "Kept", "z\r\n").await;
        let heard = counts(&mut one, &["MESSAGES", "UIDNEXT"]).await;
        assert_eq!(heard, ("Kept".into(), vec![Some(3), Some(4)]));
        append(&mut other, "INBOX", "w\r\n").await;
        assert_eq!(line(&mut one).await, "* 2 EXISTS");
        assert_eq!(line(&mut one).await, "* 2 RECENT");
        let fetched = line(&mut one).await;
        assert!(fetched.starts_with("* 2 FETCH (FLAGS ("), "{fetched}");
        running.end().await;
    }
}

#[tokio::test]
async fn new_messages_come_with_what_is_wanted_of_them() {
    for (store, _kept) in stores() {
        let running = Running::start(&store).await;
        let (mut one, mut other) = (running.client().await, running.client().await);
        ok(&mut one, "ENABLE QRESYNC").await;
        ok(&mut one, "SELECT INBOX").await;
        let wish = "(SELECTED (MessageNew (UID BODY.PEEK[HEADER.FIELDS (Subject)] BODY.PEEK[]) MessageExpunge FlagChange))";
        ok(&mut one, &format!("NOTIFY SET {wish}")).await;
        let large = "0123456789\r\n".repeat(200_000);
        append(&mut other, "INBOX", &format!("Subject: hi\r\n\r\n{large}")).await;
        assert_eq!(line(&mut one).await, "* 1 EXISTS");
        assert_eq!(line(&mut one).await, "* 1 RECENT");
        let fetched = line(&mut one).await;
        let expected = "* 1 FETCH (UID 1 BODY[HEADER.FIELDS (Subject)] {15}\r\nSubject: hi\r\n\r\n BODY[] {2400015}\r\nSubject: hi\r\n\r\n0123";
        assert!(fetched.starts_with(expected), "{}", &fetched[..200]);
        assert!(fetched.ends_with("6789\r\n)"));
        ok(&mut other, "SELECT INBOX").await;
        ok(&mut other, "STORE 1 +FLAGS (\\Deleted)").await;
        let changed = line(&mut one).await;
        assert!(changed.starts_with("* 1 FETCH (UID 1 FLAGS ("), "{changed}");
        ok(&mut other, "EXPUNGE").await;
        assert_eq!(line(&mut one).await, "* VANISHED 1");
        running.end().await;
    }
}

#[tokio::test]
async fn names_subscriptions_and_metadata() {
    for (store, _kept) in stores() {
        let running = Running::start(&store).await;
        let (mut one, mut other) = (running.client().await, running.client().await);
        ok(&mut other, "CREATE a").await;
        ok(
            &mut one,
            "NOTIFY SET (PERSONAL (MailboxName SubscriptionChange MailboxMetadataChange ServerMetadataChange MessageNew MessageExpunge))",
        )
        .await;
        for (command, told) in [
            (
                "CREATE a/b",
                &[
                    "* LIST (\\HasNoChildren) \"/\" a/b",
                    "* LIST (\\HasChildren) \"/\" a",
                ][..],
            ),
            ("CREATE c/", &["* LIST (\\HasNoChildren) \"/\" c"]),
            (
                "SUBSCRIBE c",
                &["* LIST (\\HasNoChildren \\Subscribed) \"/\" c"],
            ),
            (
                "RENAME c d",
                &["* LIST (\\HasNoChildren) \"/\" d (\"OLDNAME\" (c))"],
            ),
            (
                "UNSUBSCRIBE c",
                &["* LIST (\\NonExistent \\HasNoChildren) \"/\" c"],
            ),
            (
                "SETMETADATA d (/private/comment \"x\")",
                &["* METADATA d /private/comment"],
            ),
            (
                "SETMETADATA \"\" (/shared/comment \"x\")",
                &["* METADATA \"\" /shared/comment"],
            ),
            (
                "DELETE a/b",
                &[
                    "* LIST (\\NonExistent \\HasNoChildren) \"/\" a/b",
                    "* LIST (\\HasNoChildren) \"/\" a",
                ],
            ),
        ] {
            ok(&mut other, command).await;
            for expected in told {
                assert_eq!(line(&mut one).await, *expected, "{command}");
            }
        }
        // What has a new name, or was made, is watched.
        append(&mut other, "d", "x\r\n").await;
        let heard = counts(&mut one, &["MESSAGES"]).await;
        assert_eq!(heard, ("d".into(), vec![Some(1)]));
        running.end().await;
    }
}

#[tokio::test]
async fn what_is_subscribed_to_is_watched() {
    for (store, _kept) in stores() {
        let running = Running::start(&store).await;
        let (mut one, mut other) = (running.client().await, running.client().await);
        ok(&mut other, "CREATE a").await;
        ok(&mut other, "SUBSCRIBE a").await;
        ok(
            &mut one,
            "NOTIFY SET (SUBSCRIBED (MessageNew MessageExpunge SubscriptionChange))",
        )
        .await;
        append(&mut other, "INBOX", "x\r\n").await;
        ok(&mut other, "SUBSCRIBE INBOX").await;
        let listed = "* LIST (\\HasNoChildren \\Subscribed) \"/\" INBOX";
        assert_eq!(line(&mut one).await, listed);
        append(&mut other, "INBOX", "y\r\n").await;
        let heard = counts(&mut one, &["MESSAGES"]).await;
        assert_eq!(heard, ("INBOX".into(), vec![Some(2)]));
        ok(&mut other, "UNSUBSCRIBE INBOX").await;
        assert_eq!(line(&mut one).await, "* LIST (\\HasNoChildren) \"/\" INBOX");
        append(&mut other, "INBOX", "z\r\n").await;
        append(&mut other, "a", "z\r\n").await;
        let heard = counts(&mut one, &["MESSAGES"]).await;
        assert_eq!(heard, ("a".into(), vec![Some(1)]));
        running.end().await;
    }
}

#[tokio::test]
async fn a_folder_that_is_selected_no_more_is_watched_again() {
    for (store, _kept) in stores() {
        let running = Running::start(&store).await;
        let (mut one, mut other) = (running.client().await, running.client().await);
        ok(
            &mut one,
            "NOTIFY SET (PERSONAL (MessageNew MessageExpunge))",
        )
        .await;
        ok(&mut one, "SELECT INBOX").await;
        append(&mut other, "INBOX", "x\r\n").await;
        // It was selected, and SELECTED was not asked for.
        let said = ok(&mut one, "NOOP").await;
        assert_eq!(said, ["t OK NOOP completed"]);
        one.send("u UNSELECT\r\n").await;
        let (name, values) = status(&line(&mut one).await);
        assert_eq!((&*name, values["MESSAGES"]), ("INBOX", 1));
        assert_eq!(line(&mut one).await, "u OK UNSELECT completed");
        ok(&mut one, "NOTIFY NONE").await;
        append(&mut other, "INBOX", "x\r\n").await;
        assert_eq!(ok(&mut one, "NOOP").await, ["t OK NOOP completed"]);
        running.end().await;
    }
}

#[tokio::test]
async fn too_many_folders_are_refused_and_later_given_up() {
    // The limit is for all stores, and folders in memory are soon made.
    let (store, _) = stores().remove(0);
    let running = Running::start(&store).await;
    let (mut one, mut other) = (running.client().await, running.client().await);
    for number in 1..500 {
        ok(&mut other, &format!("CREATE f{number}")).await;
    }
    ok(
        &mut one,
        "NOTIFY SET (PERSONAL (MessageNew MessageExpunge))",
    )
    .await;
    ok(&mut other, "CREATE one-more").await;
    let told = line(&mut one).await;
    assert!(told.starts_with("* OK [NOTIFICATIONOVERFLOW]"), "{told}");
    append(&mut other, "f1", "x\r\n").await;
    assert_eq!(ok(&mut one, "NOOP").await, ["t OK NOOP completed"]);
    let said = one
        .say("NOTIFY SET (PERSONAL (MessageNew MessageExpunge))")
        .await;
    assert!(
        said[0].starts_with("t NO [NOTIFICATIONOVERFLOW]"),
        "{said:?}"
    );
    ok(
        &mut one,
        "NOTIFY SET (MAILBOXES f1 (MessageNew MessageExpunge))",
    )
    .await;
    running.end().await;
}

#[tokio::test]
async fn what_other_programs_do_to_folders_is_seen() {
    for (store, kept) in stores() {
        let Some(kept) = kept else { continue };
        let running = Running::start(&store).await;
        let mut one = running.client().await;
        ok(
            &mut one,
            "NOTIFY SET (PERSONAL (MailboxName SubscriptionChange))",
        )
        .await;
        ok(&mut one, "CREATE ours").await;
        // What is there when it is first looked is no news: so long it is made anew.
        let home = kept.path().join("example.org/alice");
        let mut number = 0;
        let told = loop {
            number += 1;
            for directory in ["cur", "new", "tmp"] {
                let directory = home.join(format!(".f{number}")).join(directory);
                std::fs::create_dir_all(directory).expect("a folder");
            }
            if let Ok(told) = timeout(Duration::from_secs(5), one.line()).await {
                break told;
            }
        };
        let expected = format!("* LIST (\\HasNoChildren) \"/\" f{number}");
        assert_eq!(told, expected);
        running.end().await;
    }
}
