//! A client library meets the IMAP server of a sandbox.

mod support;

use std::time::Duration;

use futures_util::TryStreamExt;
use mail_sandbox::{Endpoint, Query, Sandbox, Speaker};
use support::imap::{Client, Session, connect, login, secured};
use support::{SOON, Typist};
use tokio::time::timeout;

const MAIL: &str = "From: a@example.net\r\nSubject: x\r\n\r\nA body\r\n";

async fn bodies(session: &mut Session) -> Vec<String> {
    let fetched = session.fetch("1:*", "(UID BODY.PEEK[])").await;
    let fetched: Vec<_> = fetched.expect("sent").try_collect().await.expect("fetched");
    let bodies = fetched.iter().filter_map(|one| one.body());
    bodies
        .map(|body| String::from_utf8_lossy(body).into_owned())
        .collect()
}

#[tokio::test]
async fn mail_is_in_the_inbox_at_once() {
    let sandbox = Sandbox::start().await.expect("a sandbox");
    sandbox.deliver(["alice@x.test"], MAIL);
    let mut session = login(&sandbox, "alice@x.test").await;
    let inbox = session.select("INBOX").await.expect("an INBOX");
    assert_eq!(inbox.exists, 1);
    assert_eq!(bodies(&mut session).await, [MAIL]);
    // What comes by SMTP.
    let mut smtp = Typist::connect_to(sandbox.address(Endpoint::Smtp));
    smtp.hear();
    for command in [
        "HELO me",
        "MAIL FROM:<a@x.test>",
        "RCPT TO:<alice@x.test>",
        "DATA",
    ] {
        smtp.ask(command);
    }
    assert!(smtp.ask("Subject: y\r\n\r\n.").starts_with("250"));
    session.noop().await.expect("a NOOP");
    assert_eq!(bodies(&mut session).await.len(), 2);
    let found = session.search("SUBJECT y").await.expect("a search");
    assert_eq!(found.into_iter().collect::<Vec<_>>(), [2]);
    // What is forgotten is gone from there.
    assert_eq!(sandbox.remove(&Query::any().subject("x")), 1);
    session.noop().await.expect("a NOOP");
    assert_eq!(bodies(&mut session).await, ["Subject: y\r\n\r\n"]);
    session.logout().await.expect("a farewell");
    let said = sandbox.conversations()[0].said(Speaker::Client);
    assert!(said.contains("LOGIN \"alice@x.test\" ***"), "{said}");
    assert!(!said.contains("secret"), "{said}");
}

#[tokio::test]
async fn who_idles_is_told() {
    let sandbox = Sandbox::start().await.expect("a sandbox");
    let mut session = login(&sandbox, "alice@x.test").await;
    session.select("INBOX").await.expect("an INBOX");
    let mut idle = session.idle();
    idle.init().await.expect("an IDLE");
    let (told, _stop) = idle.wait();
    sandbox.deliver(["alice@x.test"], MAIL);
    let told = timeout(SOON, told).await.expect("in time").expect("news");
    assert!(format!("{told:?}").contains("Exists(1)"), "{told:?}");
    let mut session = idle.done().await.expect("the end of it");
    assert_eq!(bodies(&mut session).await, [MAIL]);
    let said = sandbox.conversations()[0].said(Speaker::Server);
    assert!(said.contains("+ idling\r\n* 1 EXISTS\r\n"), "{said}");
}

#[tokio::test]
async fn what_is_appended_has_come_too() {
    let sandbox = Sandbox::start().await.expect("a sandbox");
    let mut session = login(&sandbox, "alice@x.test").await;
    let query = Query::any().subject("x").count(2);
    let waiting = sandbox.wait_for(&query, SOON);
    let appending = async {
        session.create("Sent").await.expect("a folder");
        for (folder, flags) in [("Sent", Some("(\\Seen)")), ("INBOX", None)] {
            let appended = session.append(folder, flags, None, MAIL).await;
            appended.expect("taken");
        }
        let appended = session.append("Nowhere", None, None, MAIL).await;
        appended.expect_err("no such folder");
    };
    let (found, ()) = tokio::join!(waiting, appending);
    let found = found.expect("both");
    assert_eq!(found[0].folder(), Some("Sent"));
    assert_eq!(found[0].user(), Some("alice@x.test"));
    assert_eq!(found[0].endpoint(), Some(Endpoint::Imap));
    assert_eq!(found[0].raw(), MAIL);
    let said = found[1].conversation().said(Speaker::Client);
    assert!(said.contains("A body"), "{said}");
    assert_eq!(sandbox.messages().len(), 2);
    let mailbox = sandbox.mailbox("alice@x.test");
    assert_eq!(mailbox.folders(), ["INBOX", "Sent"]);
    let sent = mailbox.messages("Sent").expect("a folder");
    assert_eq!((sent[0].uid, &sent[0].raw[..]), (1, MAIL.as_bytes()));
    assert_eq!(sent[0].flags, ["\\Seen"]);
    assert_eq!(mailbox.messages("INBOX").expect("a folder").len(), 1);
    // It is forgotten as all others are.
    assert_eq!(sandbox.remove(&Query::any()), 2);
    assert_eq!(mailbox.messages("Sent").expect("a folder"), []);
    assert_eq!(mailbox.messages("INBOX").expect("a folder"), []);
}

#[tokio::test]
async fn what_is_appended_makes_room_too() {
    let sandbox = Sandbox::builder().keep(3).start().await;
    let sandbox = sandbox.expect("a sandbox");
    let mut session = login(&sandbox, "alice@x.test").await;
    for number in 0..5 {
        let message = format!("Subject: {number}\r\n\r\n");
        let appended = session.append("INBOX", None, None, message).await;
        appended.expect("taken");
        sandbox.deliver(["alice@x.test"], MAIL);
    }
    let kept = sandbox.mailbox("alice@x.test").messages("INBOX");
    let kept: Vec<_> = kept.expect("a folder").iter().map(|one| one.uid).collect();
    assert_eq!(kept, [8, 9, 10]);
    assert_eq!(sandbox.messages().len(), 3);
}

#[tokio::test]
async fn folders_of_the_test_are_the_clients() {
    let sandbox = Sandbox::start().await.expect("a sandbox");
    let mailbox = sandbox.mailbox("alice@x.test");
    mailbox.create("Archive/2025").expect("a folder");
    mailbox.create("Archive").expect_err("it was made with it");
    mailbox
        .add("Nowhere", MAIL, &[])
        .expect_err("no such folder");
    mailbox
        .add("Archive", MAIL, &["not a flag"])
        .expect_err("no such flag");
    mailbox.add("Archive", MAIL, &["\\Flagged"]).expect("added");
    assert!(sandbox.messages().is_empty());
    sandbox.deliver(["alice@x.test"], MAIL);
    let mut session = login(&sandbox, "alice@x.test").await;
    session.select("INBOX").await.expect("an INBOX");
    session.mv("1", "Archive/2025").await.expect("moved");
    assert_eq!(mailbox.messages("INBOX").expect("a folder"), []);
    assert_eq!(mailbox.messages("Archive/2025").expect("a folder").len(), 1);
    // What a client has moved is its own; what came is still known.
    assert_eq!(sandbox.remove(&Query::any()), 1);
    assert_eq!(mailbox.messages("Archive/2025").expect("a folder").len(), 1);
    // POP3 sees the same.
    sandbox.deliver(["alice@x.test"], MAIL);
    let mut pop3 = Typist::connect_to(sandbox.address(Endpoint::Pop3));
    pop3.hear();
    for (command, answer) in [
        ("USER alice@x.test", "+OK"),
        ("PASS secret", "+OK"),
        ("STAT", "+OK 1 43"),
        ("DELE 1", "+OK"),
        ("QUIT", "+OK"),
    ] {
        let heard = pop3.ask(command);
        assert!(heard.starts_with(answer), "{command}: {heard}");
    }
    let inbox = session.select("INBOX").await.expect("an INBOX");
    assert_eq!(inbox.exists, 0);
}

#[tokio::test]
async fn tls_is_there_in_both_ways() {
    let sandbox = Sandbox::start().await.expect("a sandbox");
    let session = secured(&sandbox, Endpoint::Imaps).await;
    let session = session
        .login("alice", "secret")
        .await
        .map_err(|(error, _)| error);
    session
        .expect("a login")
        .logout()
        .await
        .expect("a farewell");
    let mut client: Client = connect(&sandbox).await;
    client
        .run_command_and_check_ok("STARTTLS", None)
        .await
        .expect("STARTTLS");
    let stream = support::imap::handshake(&sandbox, client.into_inner()).await;
    let mut client = async_imap::Client::new(stream.expect("a handshake"));
    client
        .run_command_and_check_ok("CAPABILITY", None)
        .await
        .expect("TLS");
    let shown = sandbox.conversations()[1].to_string();
    assert!(shown.contains("*  TLS handshake: "), "{shown}");
}

#[tokio::test]
async fn a_client_that_says_nothing_is_told_to_go() {
    let builder = Sandbox::builder().clock(mail_sandbox::Clock::manual());
    let sandbox = builder.start().await.expect("a sandbox");
    let mut client = Typist::connect_to(sandbox.address(Endpoint::Imap));
    assert!(client.hear().starts_with("* OK "));
    sandbox.clock().advance(Duration::from_secs(3600));
    assert!(client.hear().starts_with("* BYE "));
}
