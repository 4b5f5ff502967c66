//! Whole sessions through a real socket, and services that do as they like.

mod support;

use async_trait::async_trait;
use mail_server::Proxies;
use mail_server::smtp::{Body, Envelope, Service, Session, Statuses};
use mail_server::store::{Account, MemoryStore};
use smtp_proto::Reply;
use smtp_proto::command::{Hello, Mail, Rcpt};
use support::{Answer, Answers, Host, Running, listener, lmtp, smtp};

fn account(text: &str) -> Account {
    text.parse().expect("an account")
}

#[tokio::test]
async fn a_message_from_greeting_to_farewell() {
    let store = MemoryStore::new();
    let running = Running::start(listener(smtp()).await, Host::new(store.clone()).service()).await;
    let mut client = running.client().await;
    client
        .begin("EHLO client.example.net", &["alice@example.org"])
        .await;
    let queued = client.say("Subject: hello\r\n\r\n..dot\r\n.").await;
    let id = queued
        .strip_prefix("250 2.0.0 Ok: queued as ")
        .expect("an id");
    client.talk(&[("QUIT", "221 ")]).await;
    assert!(client.is_closed().await);

    let [message] = &store.messages(&account("alice@example.org"))[..] else {
        panic!("one message");
    };
    assert_eq!(message.sender, "tom@example.net");
    let text = std::str::from_utf8(&message.bytes).expect("ASCII");
    let (trace, rest) = text.split_once("; ").expect("a date");
    assert_eq!(
        trace,
        format!(
            "Return-Path: <tom@example.net>\r\nX-Original-To: alice@example.org\r\n\
             Delivered-To: alice@example.org\r\n\
             Received: from client.example.net ([127.0.0.1])\r\n\
             \tby mx.example.org with ESMTP id {id}\r\n\tfor <alice@example.org>"
        )
    );
    let (_, body) = rest.split_once("\r\n").expect("the end of the field");
    assert_eq!(body, "Subject: hello\r\n\r\n.dot\r\n");
    drop(client);
    running.end().await;
}

#[tokio::test]
async fn several_recipients_are_not_told_of_each_other() {
    let store = MemoryStore::new();
    let running = Running::start(listener(smtp()).await, Host::new(store.clone()).service()).await;
    let mut client = running.client().await;
    let recipients = ["alice@example.org", "Bob@EXAMPLE.org", "ALICE@example.org"];
    client.begin("HELO (odd);<name>", &recipients).await;
    client.talk(&[("Subject: x\r\n\r\n.", "250")]).await;
    for (owner, other) in [("alice", "bob"), ("bob", "alice")] {
        let messages = store.messages(&account(&format!("{owner}@example.org")));
        assert_eq!(messages.len(), 1, "one copy for {owner}");
        let text = String::from_utf8_lossy(&messages[0].bytes).to_lowercase();
        assert!(!text.contains(other), "{text}");
        assert!(
            text.contains("received: from ?odd???name? ([127.0.0.1])"),
            "{text}"
        );
        assert!(text.contains(" with smtp id "), "{text}");
    }
    drop(client);
    running.end().await;
}

#[tokio::test]
async fn recipients_that_no_store_should_see() {
    let store = MemoryStore::new();
    let running = Running::start(listener(smtp()).await, Host::new(store).service()).await;
    let mut client = running.client().await;
    client
        .talk(&[
            ("EHLO c", "250"),
            ("MAIL FROM:<>", "250"),
            ("RCPT TO:<\"../../etc\"@example.org>", "550 5.1.1"),
            ("RCPT TO:<\".\"@example.org>", "550 5.1.1"),
            ("RCPT TO:<a/b@example.org>", "550 5.1.1"),
            ("RCPT TO:<alice@example.net>", "554 5.7.1"),
            ("RCPT TO:<@example.org:alice@example.net>", "554 5.7.1"),
            ("RCPT TO:<alice@[127.0.0.1]>", "554 5.7.1"),
            ("DATA", "554 5.5.1"),
        ])
        .await;
    drop(client);
    running.end().await;
}

#[tokio::test]
async fn lmtp_has_a_status_for_each_recipient() {
    let running = Running::start(listener(lmtp()).await, |_| {
        Answers(|envelope| {
            let replies = envelope.recipients.iter().map(|rcpt| {
                match rcpt.path.to_string().contains("full") {
                    true => Reply::fixed(452, Some((4, 2, 2)), "Mailbox is full"),
                    false => Reply::fixed(250, Some((2, 0, 0)), "Ok"),
                }
            });
            Ok(Statuses::each(replies.collect()))
        })
    })
    .await;
    let mut client = running.client().await;
    client
        .begin("LHLO c", &["a@x.test", "full@x.test", "b@x.test"])
        .await;
    client.talk(&[("x\r\n.", "250 2.0.0")]).await;
    assert!(client.reply().await.starts_with("452 4.2.2"));
    assert!(client.reply().await.starts_with("250 2.0.0"));
    client.talk(&[("NOOP", "250")]).await;
    drop(client);
    running.end().await;
}

#[tokio::test]
async fn lmtp_repeats_one_status() {
    let running = Running::start(listener(lmtp()).await, |_| {
        Answers(|_| Ok(Statuses::accepted()))
    })
    .await;
    let mut client = running.client().await;
    client.begin("LHLO c", &["a@x.test", "b@x.test"]).await;
    client.talk(&[("x\r\n.", "250")]).await;
    assert!(client.reply().await.starts_with("250"));
    client.talk(&[("QUIT", "221")]).await;
    drop(client);
    running.end().await;
}

#[tokio::test]
async fn smtp_tells_the_first_refusal() {
    let running = Running::start(listener(smtp()).await, |_| {
        Answers(|_| {
            Ok(Statuses::each(vec![
                Reply::fixed(250, Some((2, 0, 0)), "Ok"),
                Reply::fixed(452, Some((4, 2, 2)), "Mailbox is full"),
            ]))
        })
    })
    .await;
    let mut client = running.client().await;
    client.begin("EHLO c", &["a@x.test", "b@x.test"]).await;
    client.talk(&[("x\r\n.", "452 4.2.2")]).await;
    drop(client);
    running.end().await;
}

/// Too few, too many, or a refusal that is none: nobody is told that the message is safe.
#[tokio::test]
async fn impossible_statuses_are_421() {
    let answers: [Answer; 5] = [
        |_| Ok(Statuses::each(vec![])),
        |_| Ok(Statuses::each(vec![Reply::fixed(250, None, "Ok")])),
        |_| Ok(Statuses::each(vec![Reply::fixed(250, None, "Ok"); 3])),
        |_| Ok(Statuses::all(Reply::fixed(354, None, "Go on"))),
        |_| Err(Reply::fixed(250, None, "Ok")),
    ];
    for config in [smtp(), lmtp()] {
        let hello = ["EHLO c", "LHLO c"][usize::from(config.protocol == lmtp().protocol)];
        for answer in answers {
            let running =
                Running::start(listener(config.clone()).await, move |_| Answers(answer)).await;
            let mut client = running.client().await;
            client.begin(hello, &["a@x.test", "b@x.test"]).await;
            // Nothing is said behind a 421, not even to a second recipient of LMTP.
            client.talk(&[("x\r\n.", "421 4.3.0")]).await;
            assert!(client.is_closed().await);
            drop(client);
            running.end().await;
        }
    }
}

#[tokio::test]
async fn what_a_service_does_not_read_is_skipped() {
    let running = Running::start(listener(smtp()).await, |_| {
        Answers(|_| Err(Reply::fixed(554, Some((5, 6, 0)), "Not this")))
    })
    .await;
    let mut client = running.client().await;
    for _ in 0..2 {
        client.begin("EHLO c", &["a@x.test"]).await;
        client.send("QUIT\r\n".repeat(50_000)).await;
        client.talk(&[(".", "554 5.6.0 Not this")]).await;
    }
    client.talk(&[("QUIT", "221")]).await;
    drop(client);
    running.end().await;
}

#[tokio::test]
async fn a_panic_ends_one_connection_only() {
    let running = Running::start(listener(smtp()).await, |_| {
        Answers(|envelope| match envelope.recipients.len() {
            1 => panic!("a test's panic, of no consequence"),
            _ => Ok(Statuses::accepted()),
        })
    })
    .await;
    let (mut one, mut other) = (running.client().await, running.client().await);
    one.begin("EHLO c", &["a@x.test"]).await;
    other.begin("EHLO c", &["a@x.test", "b@x.test"]).await;
    one.send("x\r\n.\r\n").await;
    assert!(one.is_closed().await);
    other.talk(&[("x\r\n.", "250"), ("QUIT", "221")]).await;
    running.client().await;
    drop((one, other));
    running.end().await;
}

#[tokio::test]
async fn what_did_not_arrive_whole_is_not_stored() {
    let store = MemoryStore::new();
    let mut config = smtp();
    config.limits.message = Some(1000);
    let running = Running::start(listener(config).await, Host::new(store.clone()).service()).await;
    let mut client = running.client().await;
    for (message, reply) in [
        ("x".repeat(900) + "\r\n" + &"x".repeat(900), "552 5.3.4"),
        ("x\ny".into(), "550 5.5.2"),
        ("x\ry".into(), "550 5.5.2"),
    ] {
        client.begin("EHLO c", &["alice@example.org"]).await;
        client.talk(&[(&format!("{message}\r\n."), reply)]).await;
    }
    client.talk(&[("NOOP", "250")]).await;
    client.begin("EHLO c", &["alice@example.org"]).await;
    client.send("Subject: half\r\n\r\n.\r").await;
    drop(client);
    running.end().await;
    assert!(store.messages(&account("alice@example.org")).is_empty());
}

/// Says no to hellos but for the first, and yes in words of refusal.
#[derive(Default)]
struct Contrary {
    hellos: u32,
}

#[async_trait]
impl Service for Contrary {
    async fn hello(&mut self, _: &Session, _: &Hello) -> Result<(), Reply> {
        self.hellos += 1;
        match self.hellos {
            1 => Ok(()),
            _ => Err(Reply::fixed(550, None, "Once is enough")),
        }
    }

    async fn mail(&mut self, _: &Session, mail: &Mail) -> Result<(), Reply> {
        match mail.path.to_string().contains("yes") {
            true => Err(Reply::fixed(250, None, "Yes")),
            false => Ok(()),
        }
    }

    async fn rcpt(&mut self, _: &Session, rcpt: &Rcpt) -> Result<(), Reply> {
        match rcpt.path.to_string().contains("yes") {
            true => Err(Reply::fixed(250, None, "Yes")),
            false => Ok(()),
        }
    }

    async fn message(
        &mut self,
        _: &Session,
        _: &Envelope,
        _: &mut Body<'_>,
    ) -> Result<Statuses, Reply> {
        Ok(Statuses::accepted())
    }
}

/// RFC 5321 section 4.1.4: the transaction goes on.
#[tokio::test]
async fn a_refused_hello_changes_nothing() {
    let running = Running::start(listener(smtp()).await, |_| Contrary::default()).await;
    let mut client = running.client().await;
    client
        .talk(&[
            ("EHLO c", "250"),
            ("MAIL FROM:<a@x.test>", "250"),
            ("RCPT TO:<b@x.test>", "250"),
            ("EHLO d", "550 Once"),
            ("DATA", "354"),
            ("x\r\n.", "250"),
        ])
        .await;
    drop(client);
    running.end().await;
}

#[tokio::test]
async fn a_refusal_in_words_of_success_is_421() {
    let running = Running::start(listener(smtp()).await, |_| Contrary::default()).await;
    let mut client = running.client().await;
    client
        .talk(&[("EHLO c", "250"), ("MAIL FROM:<yes@x.test>", "421 4.3.0")])
        .await;
    assert!(client.is_closed().await);
    drop(client);
    let mut client = running.client().await;
    client
        .talk(&[
            ("EHLO c", "250"),
            ("MAIL FROM:<a@x.test>", "250"),
            ("RCPT TO:<yes@x.test>", "421 4.3.0"),
        ])
        .await;
    drop(client);
    running.end().await;
}

/// The default service takes nothing from anybody.
#[tokio::test]
async fn the_defaults_refuse() {
    struct Nothing;
    impl Service for Nothing {}
    let running = Running::start(listener(smtp()).await, |_| Nothing).await;
    let mut client = running.client().await;
    client
        .talk(&[
            ("EHLO c", "250"),
            ("VRFY a", "252"),
            ("AUTH PLAIN", "502"),
            ("MAIL FROM:<a@x.test>", "250"),
            ("RCPT TO:<a@x.test>", "554 5.7.1"),
            ("RCPT TO:<postmaster>", "554 5.7.1"),
            ("DATA", "554"),
        ])
        .await;
    drop(client);
    running.end().await;
}

/// RFC 3030: chunks are one message; what is said between them is answered, and a message that
/// is given up between them is gone.
#[tokio::test]
async fn a_message_in_chunks() {
    let store = MemoryStore::new();
    let running = Running::start(listener(smtp()).await, Host::new(store.clone()).service()).await;
    let mut client = running.client().await;
    let envelope = [
        ("MAIL FROM:<tom@example.net>", "250"),
        ("RCPT TO:<alice@example.org>", "250"),
    ];
    client.talk(&[("EHLO client.example.net", "250")]).await;
    for end in ["RSET", "EHLO client.example.net", "BDAT 4 LAST\r\nok"] {
        client.talk(&envelope).await;
        let first = "BDAT 14\r\nSubject: x\r\n";
        client
            .talk(&[
                (first, "250 2.0.0 14 octets"),
                ("VRFY alice", "503"),
                ("NOOP", "250"),
                (end, "250"),
            ])
            .await;
    }
    client.talk(&envelope).await;
    client
        .talk(&[("BDAT 3\r\nx", "250"), ("QUIT", "221")])
        .await;
    let [message] = &store.messages(&account("alice@example.org"))[..] else {
        panic!("one message");
    };
    assert!(message.bytes.ends_with(b"Subject: x\r\n\r\nok\r\n"));
    drop(client);
    running.end().await;
}

/// A proxy is believed, and must say whom it speaks for; others are not.
#[tokio::test]
async fn behind_a_proxy() {
    let store = MemoryStore::new();
    for (is_proxy, header, from) in [
        (
            true,
            "PROXY TCP4 192.0.2.7 192.0.2.1 35646 25",
            Some("192.0.2.7"),
        ),
        (true, "PROXY UNKNOWN", Some("127.0.0.1")),
        (true, "EHLO c", None),
        (
            false,
            "PROXY TCP4 192.0.2.7 192.0.2.1 35646 25",
            Some("127.0.0.1"),
        ),
    ] {
        let proxies = Proxies::new(move |address| is_proxy && address.is_loopback());
        let listener = listener(smtp()).await.behind(proxies);
        let running = Running::start(listener, Host::new(store.clone()).service()).await;
        let mut client = running.connect().await;
        client.send(format!("{header}\r\nEHLO c\r\n")).await;
        let greeting = client.reply().await;
        let Some(from) = from else {
            assert_eq!(greeting, "", "a connection without a header is given up");
            continue;
        };
        assert!(greeting.starts_with("220 "), "{greeting}");
        if !is_proxy {
            assert!(client.reply().await.starts_with("500 "));
        }
        assert!(client.reply().await.starts_with("250-"));
        client.begin("EHLO c", &["alice@example.org"]).await;
        client.talk(&[(".", "250")]).await;
        let messages = store.messages(&account("alice@example.org"));
        let text = String::from_utf8_lossy(&messages.last().expect("a message").bytes).into_owned();
        assert!(text.contains(&format!("from c ([{from}])")), "{text}");
        drop(client);
        running.end().await;
    }
}
