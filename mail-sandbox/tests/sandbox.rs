//! A client library meets the servers of a sandbox.

use std::io::{BufRead, BufReader, Write};
use std::net::TcpStream;
use std::time::Duration;

use lettre::message::Mailbox;
use lettre::transport::smtp::authentication::Credentials;
use lettre::transport::smtp::client::{Certificate, Tls, TlsParameters};
use lettre::{Message, SmtpTransport, Transport};
use mail_sandbox::blocking::Sandbox;
use mail_sandbox::fault::Fault;
use mail_sandbox::{Clock, Endpoint, News, Query, Speaker, StartError};

const SOON: Duration = Duration::from_secs(10);

fn mail(to: &str) -> Message {
    Message::builder()
        .from("shop@example.net".parse::<Mailbox>().expect("an address"))
        .to(to.parse::<Mailbox>().expect("an address"))
        .subject("Welcome")
        .body("Hello\r\n.\r\n..dots\r\n".to_owned())
        .expect("a message")
}

fn transport(sandbox: &Sandbox, endpoint: Endpoint, tls: Tls) -> SmtpTransport {
    SmtpTransport::builder_dangerous("127.0.0.1")
        .port(sandbox.address(endpoint).port())
        .tls(tls)
        .credentials(Credentials::new("alice".into(), "rabbit".into()))
        .timeout(Some(SOON))
        .build()
}

fn trusting(sandbox: &Sandbox) -> TlsParameters {
    let authority = Certificate::from_pem(sandbox.ca_pem().as_bytes()).expect("PEM");
    TlsParameters::builder("127.0.0.1".into())
        .add_root_certificate(authority)
        .build_rustls()
        .expect("a configuration of TLS")
}

/// Says a line on a connection of its own, and reads one answer.
struct Typist(BufReader<TcpStream>);

impl Typist {
    fn connect(sandbox: &Sandbox, endpoint: Endpoint) -> Self {
        let stream = TcpStream::connect(sandbox.address(endpoint)).expect("a connection");
        stream.set_read_timeout(Some(SOON)).expect("a time-out");
        Self(BufReader::new(stream))
    }

    fn say(&mut self, line: &str) {
        let line = format!("{line}\r\n");
        self.0.get_mut().write_all(line.as_bytes()).expect("sent");
    }

    fn hear(&mut self) -> String {
        let mut line = String::new();
        self.0.read_line(&mut line).expect("an answer");
        line.trim_end().to_owned()
    }

    fn ask(&mut self, line: &str) -> String {
        self.say(line);
        self.hear()
    }
}

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
fn lmtp_answers_for_each_recipient_and_so_do_faults() {
    let sandbox = Sandbox::start().expect("a sandbox");
    let fault = Fault::end().address("bob@*").reply("452 4.2.2 Full");
    let injected = sandbox.inject(fault).expect("a fault");
    let mut client = Typist::connect(&sandbox, Endpoint::Lmtp);
    assert!(client.hear().starts_with("220 "));
    client.say("LHLO me");
    while client.hear().starts_with("250-") {}
    assert_eq!(client.ask("MAIL FROM:<a@x.test>"), "250 2.1.0 Ok");
    assert_eq!(client.ask("RCPT TO:<alice@x.test>"), "250 2.1.5 Ok");
    assert_eq!(client.ask("RCPT TO:<bob@x.test>"), "250 2.1.5 Ok");
    assert!(client.ask("DATA").starts_with("354"));
    assert_eq!(client.ask("Subject: x\r\n\r\n."), "250 2.0.0 Ok: message 1");
    assert_eq!(client.hear(), "452 4.2.2 Full");
    assert_eq!(injected.happened(), 1);
    let recipients = sandbox.messages()[0].envelope().recipients.clone();
    assert_eq!(recipients.len(), 1);
    assert_eq!(recipients[0].address, "alice@x.test");
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

/// What lettre says when it meets a fault, and that the fault is in the conversation.
#[test]
fn faults_are_met_by_a_client_library() {
    for (fault, plain_tls, expected) in [
        ("greeting -> reply 421 4.3.2 Busy", true, "421"),
        ("command EHLO -> reply 500 Unknown", true, ""),
        ("command MAIL -> refuse", true, "550"),
        (
            "command RCPT for bob@* -> reply 450 4.2.0 Greylisted",
            true,
            "450",
        ),
        ("command RCPT containing nobody@ -> refuse", true, "ok"),
        ("command DATA -> reply 451 4.3.0 Later", true, "451"),
        ("end -> disk-full", true, "452"),
        ("end -> truncate; drop", true, ""),
        ("command RCPT -> drop", true, ""),
        ("command RCPT -> reset", true, ""),
        ("command EHLO after 7 -> truncate; drop", true, ""),
        ("command MAIL -> garble", true, ""),
        ("command MAIL -> insert 250 2.0.0 Unasked", true, "ok"),
        ("mechanism * -> refuse", true, "535"),
        ("capabilities -> without AUTH", true, ""),
        ("capabilities -> with X-UNHEARD", true, "ok"),
        ("capabilities -> without STARTTLS", false, ""),
        ("body after 20 -> reset", true, ""),
        ("body after 20 -> reply 421 4.3.0 Gone", true, ""),
        ("tls -> drop", false, ""),
        ("tls -> garble", false, ""),
        ("tls -> certificate expired", false, ""),
        ("tls -> certificate other-name", false, ""),
        ("tls -> certificate unknown-authority", false, ""),
        ("command * -> delay 1h", true, "ok"),
        ("command MAIL -> slowly 1m", true, "ok"),
    ] {
        let builder = mail_sandbox::Sandbox::builder()
            .clock(Clock::skipping())
            .fault(fault.parse().expect(fault));
        let sandbox = Sandbox::start_with(builder).expect("a sandbox");
        let tls = match plain_tls {
            true => Tls::None,
            false => Tls::Required(trusting(&sandbox)),
        };
        let sent = transport(&sandbox, Endpoint::Smtp, tls).send(&mail("bob@example.org"));
        match (expected, sent) {
            ("ok", Ok(_)) => {}
            ("ok", Err(error)) => panic!("{fault}: {error:?}"),
            (_, Ok(_)) => panic!("{fault}: was not met"),
            (code, Err(error)) => {
                let error = format!("{error:?} {error}");
                assert!(error.contains(code), "{fault}: {error}");
            }
        }
        let happened = sandbox.faults()[0].1;
        let said: String = sandbox
            .conversations()
            .iter()
            .map(ToString::to_string)
            .collect();
        if fault.contains("nobody@") {
            assert_eq!(happened, 0, "{fault}\n{said}");
        } else {
            assert!(happened > 0, "{fault}\n{said}");
            assert!(said.contains("fault at "), "{fault}\n{said}");
        }
    }
}

#[test]
fn greylisting_passes_with_time_that_nobody_waits_for() {
    let five_minutes = Duration::from_secs(300);
    let builder = mail_sandbox::Sandbox::builder()
        .clock(Clock::manual())
        .faults(mail_sandbox::fault::Preset::Greylisting(five_minutes).faults());
    let sandbox = Sandbox::start_with(builder).expect("a sandbox");
    let transport = transport(&sandbox, Endpoint::Smtp, Tls::None);
    let mail = mail("bob@example.org");
    for _ in 0..2 {
        assert!(transport.send(&mail).is_err());
    }
    sandbox.clock().advance(five_minutes);
    assert!(transport.send(&mail).is_ok());
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
fn a_thousand_sandboxes() {
    for _ in 0..1000 {
        let sandbox = Sandbox::start().expect("a sandbox");
        let address = sandbox.address(Endpoint::Smtp);
        let mut client = Typist::connect(&sandbox, Endpoint::Smtp);
        assert!(client.hear().starts_with("220 "));
        drop(sandbox);
        assert!(TcpStream::connect(address).is_err(), "everything is gone");
    }
}

#[test]
fn many_messages_are_held_and_searched() {
    let sandbox = Sandbox::start().expect("a sandbox");
    for n in 0..10_000 {
        let to = format!("user{n}@x.test");
        sandbox.deliver(
            [&to[..]],
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
    assert_eq!(sandbox.remove(&Query::any()), 10_000);
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

#[test]
fn a_server_that_stops_reading_keeps_the_connection() {
    let sandbox = Sandbox::start().expect("a sandbox");
    let fault = "command MAIL -> stop-reading".parse().expect("a fault");
    let injected = sandbox.inject(fault).expect("a fault");
    let started = SmtpTransport::builder_dangerous("127.0.0.1")
        .port(sandbox.address(Endpoint::Smtp).port())
        .timeout(Some(Duration::from_millis(200)))
        .build();
    let error = started.send(&mail("bob@example.org"));
    assert!(error.is_err(), "there is no answer");
    assert_eq!(injected.happened(), 1);
    injected.remove();
    assert!(started.send(&mail("bob@example.org")).is_ok());
}

#[test]
fn answers_come_out_of_order() {
    let sandbox = Sandbox::start().expect("a sandbox");
    let fault = "command MAIL -> later".parse().expect("a fault");
    sandbox.inject(fault).expect("a fault");
    let mut client = Typist::connect(&sandbox, Endpoint::Smtp);
    client.hear();
    assert!(client.ask("HELO me").starts_with("250"));
    client.say("MAIL FROM:<a@x.test>\r\nRCPT TO:<b@x.test>");
    assert_eq!(
        [client.hear(), client.hear()],
        ["250 2.1.5 Ok", "250 2.1.0 Ok"]
    );
}
