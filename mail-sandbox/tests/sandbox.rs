//! A client library meets the servers of a sandbox.

mod support;

use std::time::Duration;

use lettre::Transport;
use lettre::transport::smtp::client::Tls;
use mail_sandbox::blocking::Sandbox;
use mail_sandbox::{Clock, Endpoint, News, Query, Speaker, StartError};
use support::{SOON, Typist, mail, transport, trusting};

#[test]
fn a_message_comes_with_all_that_is_known_of_it() {
    let sandbox = Sandbox::start().expect("a sandbox");
    for (endpoint, tls, secured) in [
        (Endpoint::Smtp, Tls::None, false),
        (Endpoint::Smtp, Tls::Required(trusting(&sandbox)), true),
        (
            Endpoint::Submission,
            Tls::Required(trusting(&sandbox)),
            true,
        ),
        (Endpoint::Smtps, Tls::Wrapper(trusting(&sandbox)), true),
    ] {
        let sent = mail("bob@example.org");
        let taken = transport(&sandbox, endpoint, tls).send(&sent);
        taken.expect("taken");
        let query = Query::to("bob@example.org")
            .from("shop@example.net")
            .subject("welcome")
            .header("To", "bob@")
            .body("..dots");
        let found = sandbox.wait_for_one(&query, SOON).expect("arrived");
        assert_eq!(found.endpoint(), Some(endpoint));
        assert_eq!(found.tls().is_some(), secured);
        assert_eq!(found.user(), Some("alice"));
        // lettre ends every message with a line end of its own.
        assert_eq!(found.raw(), &[&sent.formatted()[..], b"\r\n"].concat());
        let text = found.text().expect("a text");
        assert_eq!(text, "Hello\r\n.\r\n..dots\r\n\r\n");
        assert!(
            found
                .envelope()
                .mail
                .starts_with("MAIL FROM:<shop@example.net>")
        );
        let said = found.conversation().said(Speaker::Client);
        assert!(said.contains("RCPT TO:<bob@example.org>"), "{said}");
        assert!(said.contains("AUTH PLAIN ***"), "{said}");
        assert_eq!(sandbox.remove(&Query::any()), 1);
    }
}

#[test]
fn a_wrong_password_is_one() {
    let builder = mail_sandbox::Sandbox::builder().account("alice", "other");
    let sandbox = Sandbox::start_with(builder).expect("a sandbox");
    let sent = transport(&sandbox, Endpoint::Smtp, Tls::None).send(&mail("bob@example.org"));
    let error = sent.expect_err("a wrong password").to_string();
    assert!(
        error.contains("535") || error.contains("credentials"),
        "{error}"
    );
    assert!(sandbox.messages().is_empty());
}

#[test]
fn what_did_not_arrive_is_explained() {
    let sandbox = Sandbox::start().expect("a sandbox");
    let sent = transport(&sandbox, Endpoint::Smtp, Tls::None).send(&mail("bob@example.org"));
    sent.expect("taken");
    let query = Query::to("carol@example.org");
    let missing = sandbox.wait_for(&query, Duration::from_millis(10));
    let shown = missing.expect_err("nobody wrote to her").to_string();
    for part in [
        "a message to carol@example.org did not arrive",
        "message 1 from <shop@example.net> to <bob@example.org>",
        "C: RCPT TO:<bob@example.org>",
        "S: 250 2.0.0 Ok: message 1",
    ] {
        assert!(shown.contains(part), "{part} is not in {shown}");
    }
}

#[test]
fn mail_is_fetched_by_pop3_and_deleted_from_one_mailbox() {
    let sandbox = Sandbox::start().expect("a sandbox");
    sandbox.deliver(["alice@x.test", "bob@x.test"], "Subject: x\r\n\r\n.\r\n");
    let mut client = Typist::connect(&sandbox, Endpoint::Pop3);
    assert!(client.hear().starts_with("+OK"));
    assert!(client.ask("USER alice@x.test").starts_with("+OK"));
    assert!(client.ask("PASS secret").starts_with("+OK"));
    assert_eq!(client.ask("STAT"), "+OK 1 17");
    assert!(client.ask("RETR 1").starts_with("+OK"));
    let lines: Vec<_> = (0..4).map(|_| client.hear()).collect();
    assert_eq!(lines, ["Subject: x", "", "..", "."]);
    assert!(client.ask("DELE 1").starts_with("+OK"));
    assert!(client.ask("QUIT").starts_with("+OK"));
    let said = sandbox.conversations()[0].said(Speaker::Client);
    assert!(
        said.contains("PASS ***") && !said.contains("secret"),
        "{said}"
    );
    for (user, count) in [("alice@x.test", "+OK 0 0"), ("bob", "+OK 1 17")] {
        let mut client = Typist::connect(&sandbox, Endpoint::Pop3);
        client.hear();
        client.ask(&format!("USER {user}"));
        client.ask("PASS secret");
        assert_eq!(client.ask("STAT"), count, "{user}");
    }
    assert_eq!(sandbox.messages().len(), 1);
}

#[test]
fn a_server_that_waits_too_long_says_so() {
    let builder = mail_sandbox::Sandbox::builder().clock(Clock::manual());
    let sandbox = Sandbox::start_with(builder).expect("a sandbox");
    let mut client = Typist::connect(&sandbox, Endpoint::Smtp);
    assert!(client.hear().starts_with("220 "));
    sandbox.clock().advance(Duration::from_secs(3600));
    assert!(client.hear().starts_with("421 "));
}

#[test]
fn a_port_in_use_is_a_clear_error() {
    let sandbox = Sandbox::start().expect("a sandbox");
    let port = sandbox.address(Endpoint::Smtp).port();
    let builder = mail_sandbox::Sandbox::builder().port(Endpoint::Smtp, port);
    let error = Sandbox::start_with(builder).expect_err("a taken port");
    assert!(matches!(error, StartError::Port { .. }));
    let start = format!("cannot listen on 127.0.0.1:{port} for smtp: ");
    assert!(error.to_string().starts_with(&start), "{error}");
}

#[test]
fn many_messages_are_held_and_searched() {
    let sandbox = Sandbox::start().expect("a sandbox");
    for n in 0..10_000 {
        let to = format!("user{n}@x.test");
        sandbox.deliver(
            [&to[..], "all@x.test"],
            format!("Subject: message {n}\r\n\r\nbody {n}\r\n"),
        );
    }
    assert_eq!(sandbox.find(&Query::any().subject("message 9999")).len(), 1);
    assert_eq!(
        sandbox
            .find(&Query::to("user77@x.test").body("body 77"))
            .len(),
        1
    );
    let mut imap = Typist::connect(&sandbox, Endpoint::Imap);
    imap.hear();
    assert!(imap.ask("a LOGIN all@x.test secret").starts_with("a OK "));
    imap.say("b SELECT INBOX");
    let mut selected = vec![imap.hear()];
    while !selected.last().is_some_and(|line| line.starts_with("b ")) {
        selected.push(imap.hear());
    }
    assert!(
        selected.contains(&"* 10000 EXISTS".to_owned()),
        "{selected:?}"
    );
    for (search, found) in [
        ("SUBJECT \"message 9999\"", "* SEARCH 10000"),
        (
            "BODY \"body 77\" SUBJECT \"message 77\" SMALLER 33",
            "* SEARCH 78",
        ),
        ("UID 5000:5002 UNSEEN", "* SEARCH 5000 5001 5002"),
    ] {
        assert_eq!(imap.ask(&format!("c SEARCH {search}")), found, "{search}");
        assert!(imap.hear().starts_with("c OK "), "{search}");
    }
    assert_eq!(sandbox.remove(&Query::any()), 10_000);
    imap.say("d NOOP");
    let gone = std::iter::repeat_with(|| imap.hear()).take_while(|line| !line.starts_with("d "));
    assert_eq!(
        gone.filter(|line| line.ends_with(" EXPUNGE")).count(),
        10_000
    );
}

#[test]
fn threads_share_a_sandbox() {
    let sandbox = Sandbox::start().expect("a sandbox");
    std::thread::scope(|scope| {
        for number in 0..4 {
            let sandbox = &sandbox;
            scope.spawn(move || {
                let to = format!("bob{number}@example.org");
                let sent = transport(sandbox, Endpoint::Smtp, Tls::None).send(&mail(&to));
                sent.expect("taken");
                sandbox.wait_for_one(&Query::to(to), SOON).expect("arrived");
            });
        }
    });
    assert_eq!(sandbox.messages().len(), 4);
}

#[tokio::test]
async fn messages_are_followed_as_they_come_and_go() {
    let builder = mail_sandbox::Sandbox::builder().keep(2);
    let sandbox = builder.start().await.expect("a sandbox");
    let mut feed = sandbox.follow();
    for _ in 0..3 {
        sandbox.deliver(["bob@x.test"], "Subject: x\r\n\r\n");
    }
    assert_eq!(sandbox.remove(&Query::any()), 2);
    drop(sandbox);
    let mut told = Vec::new();
    while let Some(news) = feed.next().await {
        told.push(match news {
            News::Arrived(message) => format!("+{}", message.id()),
            News::Removed(id) => format!("-{id}"),
            other => panic!("unknown news: {other:?}"),
        });
    }
    assert_eq!(told, ["+1", "+2", "+3", "-1", "-2", "-3"]);
}
