//! What a transcript cannot show: calls at the wrong time, deadlines, a peer that does not read.

use std::time::{Duration, Instant};

use bytes::{Buf, BufMut, Bytes};
use mailwire::testing::{Settings, Stage, beginning};
use mailwire::{Machine, Step, TlsInfo};
use smtp_proto::client;
use smtp_proto::server::{Config, Event, Server};
use smtp_proto::{Error, Extension, Reply};
use stage::ServerStage;

mod stage;

fn server(words: &str) -> Server {
    let settings = Settings::from(words);
    ServerStage.machine(&settings).expect("settings")
}

/// Says something and steps once.
fn say(server: &mut Server, said: &str, now: Instant) -> Result<Step<Event>, Error> {
    assert_eq!(server.input().extend(said.as_bytes()), said.len());
    server.step(now)
}

fn heard(server: &mut Server) -> String {
    let waiting = server.output().len();
    String::from_utf8(server.output().copy_to_bytes(waiting).to_vec()).expect("text")
}

/// Brings a session to the point at which a message is expected.
fn to_data(server: &mut Server, recipients: usize, now: Instant) {
    let rcpt = "RCPT TO:<x@mx.test>\r\n".repeat(recipients);
    let hello = match server.config().protocol {
        smtp_proto::server::Protocol::Smtp => "EHLO",
        smtp_proto::server::Protocol::Lmtp => "LHLO",
    };
    let said = format!("{hello} c\r\nMAIL FROM:<a@b.test>\r\n{rcpt}DATA\r\n");
    assert_eq!(server.input().extend(said.as_bytes()), said.len());
    loop {
        match server.step(now).expect("no error") {
            Step::Event(_) => server.accept().expect("an event that waits"),
            Step::NeedFlush => drop(heard(server)),
            Step::NeedInput => break,
            other => panic!("{other:?}"),
        }
    }
    heard(server);
}

#[test]
fn an_answer_that_nobody_waits_for_changes_nothing() {
    let now = beginning();
    let mut server = server("auth=PLAIN auth_without_tls");
    let ok: Reply = "250 2.0.0 Ok".parse().expect("a reply");
    let nothing_works = |server: &mut Server| {
        let before = format!("{server:?}");
        assert!(server.accept().is_err());
        assert!(server.reply(ok.clone()).is_err());
        assert!(server.reply_all(&ok).is_err());
        assert!(server.challenge(b"").is_err());
        assert_eq!(server.statuses_due(), 0);
        assert_eq!(format!("{server:?}"), before);
    };
    nothing_works(&mut server);
    assert!(matches!(server.step(now), Ok(Step::NeedInput)));
    nothing_works(&mut server);

    let hello = say(&mut server, "EHLO c\r\n", now);
    assert!(matches!(hello, Ok(Step::Event(Event::Hello(_)))));
    // A hello's success has a form of its own, and nothing takes 3xx.
    assert!(server.reply(ok.clone()).is_err());
    assert!(server.reply("354 Go on".parse().expect("a reply")).is_err());
    assert!(server.reply_all(&ok).is_err());
    assert!(server.challenge(b"").is_err());
    server.accept().expect("it waits");
    nothing_works(&mut server);

    to_data(&mut server, 1, now);
    let body = say(&mut server, "text\r\n.\r\n", now);
    assert!(matches!(body, Ok(Step::Event(Event::Body(_)))));
    nothing_works(&mut server);
    assert!(matches!(
        server.step(now),
        Ok(Step::Event(Event::EndOfData))
    ));
    assert_eq!(server.statuses_due(), 1);
    server.accept().expect("it waits");
    nothing_works(&mut server);
}

#[test]
fn nothing_can_be_said_behind_a_farewell() {
    let now = beginning();
    let mut server = server("auth=PLAIN auth_without_tls auth_failures=1");
    for said in ["EHLO c\r\n", "AUTH PLAIN AGEAYg==\r\n"] {
        assert!(matches!(say(&mut server, said, now), Ok(Step::Event(_))));
        if said.starts_with("EHLO") {
            server.accept().expect("it waits");
        }
    }
    let refusal: Reply = "535 5.7.8 No".parse().expect("a reply");
    server.reply(refusal.clone()).expect("it waits");
    assert!(server.accept().is_err(), "it was answered, with 421");
    assert!(server.reply(refusal).is_err());
    assert!(matches!(server.step(now), Err(Error::TooManyAuthFailures)));
    assert!(heard(&mut server).ends_with("closing the connection\r\n"));
}

#[test]
fn too_few_statuses_cannot_be_sent_and_too_many_are_misuse() {
    let now = beginning();
    let mut server = server("lmtp");
    to_data(&mut server, 3, now);
    assert!(matches!(
        say(&mut server, ".\r\n", now),
        Ok(Step::Event(Event::EndOfData))
    ));
    for due in [3, 2, 1] {
        assert_eq!(server.statuses_due(), due);
        assert!(matches!(server.step(now), Ok(Step::Paused)));
        server.accept().expect("a status that is due");
    }
    assert!(server.accept().is_err());
    assert_eq!(heard(&mut server), "250 2.0.0 Ok\r\n".repeat(3));
}

/// Law 3: a thousand statuses keep to the output's mark.
#[test]
fn many_statuses_wait_for_the_peer_to_read() {
    let now = beginning();
    for (said, bare) in [(".\r\n", false), ("a\nb\r\n.\r\n", true)] {
        let mut server = server("lmtp output=100");
        to_data(&mut server, 1000, now);
        assert_eq!(server.input().extend(said.as_bytes()), said.len());
        let mut statuses = 0;
        loop {
            match server.step(now).expect("no error") {
                Step::Event(Event::EndOfData) => {
                    let reply = "250 2.0.0 Ok".parse().expect("a reply");
                    server.reply_all(&reply).expect("a message that waits");
                }
                Step::Event(_) => {}
                Step::NeedFlush => {
                    assert!(server.output().len() < 100 + 100);
                    statuses += heard(&mut server).matches("\r\n").count();
                }
                Step::NeedInput => break,
                other => panic!("{other:?}"),
            }
        }
        statuses += heard(&mut server).matches("\r\n").count();
        assert_eq!(statuses, 1000, "bare lines: {bare}");
    }
}

#[test]
fn refusing_takes_refusals_only() {
    let config = || Config::new("mx.test".parse().expect("a domain"));
    for (reply, is_refusal) in [
        ("250 2.0.0 Ok", false),
        ("354 Go on", false),
        ("554 No", true),
    ] {
        let reply = reply.parse().expect("a reply");
        assert_eq!(Server::refusing(config(), reply).is_ok(), is_refusal);
    }
}

#[test]
fn shutdown_before_the_greeting_is_the_greeting() {
    let now = beginning();
    for tls in [false, true] {
        let mut server = server("");
        if tls {
            server.tls_started(TlsInfo::default());
        }
        server.shutdown();
        assert!(matches!(server.step(now), Ok(Step::Close)));
        assert_eq!(heard(&mut server), "421 4.3.2 Service is shutting down\r\n");
    }
    let mut server = server("refuse=554_No");
    server.shutdown();
    assert!(matches!(server.step(now), Ok(Step::Close)));
    assert_eq!(
        heard(&mut server),
        "554 No\r\n421 4.3.2 Service is shutting down\r\n"
    );
}

/// Pitfall 32: the deadline is that of the phase, and there is none while we think.
#[test]
fn deadlines() {
    let now = beginning();
    let after = |seconds| Some(now + Duration::from_secs(seconds));
    let words =
        "command_time=10 data_time=20 message_time=70 auth_time=40 auth=PLAIN auth_without_tls";
    let mut server = server(words);
    assert_eq!(server.deadline(), None, "nothing has begun");
    assert!(matches!(server.step(now), Ok(Step::NeedInput)));
    assert_eq!(server.deadline(), after(10));
    assert!(matches!(
        say(&mut server, "EHLO c\r\n", now),
        Ok(Step::Event(_))
    ));
    assert_eq!(server.deadline(), None, "we think");
    server.accept().expect("it waits");
    assert!(matches!(
        say(&mut server, "AUTH PLAIN\r\n", now),
        Ok(Step::Event(_))
    ));
    server.challenge(b"").expect("it waits");
    assert!(matches!(server.step(now), Ok(Step::NeedInput)));
    assert_eq!(server.deadline(), after(40));
    assert!(matches!(
        say(&mut server, "*\r\n", now),
        Ok(Step::Event(Event::AuthCancelled))
    ));

    to_data(&mut server, 1, now);
    assert_eq!(server.deadline(), after(20));
    // The application takes long over a piece: the peer is not to blame.
    let later = now + Duration::from_secs(15);
    assert!(matches!(
        say(&mut server, "text\r\n", later),
        Ok(Step::Event(Event::Body(_)))
    ));
    let much_later = now + Duration::from_secs(50);
    assert!(matches!(server.step(much_later), Ok(Step::NeedInput)));
    assert_eq!(server.deadline(), after(70));
    // A piece that came in the last moment is progress.
    let last = now + Duration::from_secs(69);
    assert!(matches!(
        say(&mut server, ".\r\n", last),
        Ok(Step::Event(Event::EndOfData))
    ));
    assert_eq!(server.deadline(), None, "we think");
}

#[test]
fn a_peer_that_does_not_read_is_given_up() {
    let mut now = beginning();
    let mut server = server("output=30 command_time=60");
    let said = "NOOP\r\n".repeat(100);
    assert!(matches!(say(&mut server, &said, now), Ok(Step::NeedFlush)));
    assert_eq!(server.deadline(), Some(now + Duration::from_secs(60)));
    // Reading a little prolongs it.
    now += Duration::from_secs(59);
    server.output().advance(1);
    assert!(matches!(server.step(now), Ok(Step::NeedFlush)));
    assert_eq!(server.deadline(), Some(now + Duration::from_secs(60)));
    now += Duration::from_secs(60);
    let before = server.output().len();
    assert!(matches!(server.step(now), Err(Error::WriteTimeout)));
    assert_eq!(
        server.output().len(),
        before,
        "nothing is added for a peer that does not read"
    );
}

/// Pitfall 32 (RFC 5321 section 4.5.3.2.5).
#[test]
fn a_server_that_does_not_take_a_message_is_given_up() {
    let mut now = beginning();
    let settings = Settings::from("output=100");
    let mut client = stage::client::ClientStage
        .machine(&settings)
        .expect("settings");
    let answers = b"220 mx\r\n250 mx\r\n250 Ok\r\n250 Ok\r\n354 Go on\r\n";
    assert_eq!(client.input().extend(answers), answers.len());
    assert!(matches!(
        client.step(now),
        Ok(Step::Event(client::Event::Ready(_)))
    ));
    stage::client::ClientStage
        .act(&mut client, "deliver <> / <x@mx.test>")
        .expect("it is free");
    assert!(matches!(
        client.step(now),
        Ok(Step::Event(client::Event::SendBody))
    ));
    let waiting = client.output().len();
    client.output().advance(waiting);
    let mut body = Bytes::from(vec![b'x'; 200]);
    client.write_body(&mut body).expect("a body is wanted");
    assert!(matches!(client.step(now), Ok(Step::NeedFlush)));
    assert_eq!(client.deadline(), Some(now + Duration::from_secs(180)));
    // Taking a little prolongs it.
    now += Duration::from_secs(179);
    client.output().advance(1);
    assert!(matches!(client.step(now), Ok(Step::Paused)));
    client.write_body(&mut body).expect("there is room");
    assert!(matches!(client.step(now), Ok(Step::NeedFlush)));
    now += Duration::from_secs(180);
    let Ok(Step::Event(client::Event::Delivered(outcome))) = client.step(now) else {
        panic!("the fate of the message comes first");
    };
    assert_eq!(outcome.fates(), [client::Fate::Interrupted]);
    assert!(matches!(client.step(now), Err(client::Error::WriteTimeout)));
}

#[test]
fn a_piece_in_the_last_moment_is_progress() {
    let now = beginning();
    let mut server = server("data_time=20 message_time=70");
    to_data(&mut server, 1, now);
    let last = now + Duration::from_secs(20);
    let body = say(&mut server, "text\r\n", last);
    assert!(matches!(body, Ok(Step::Event(Event::Body(_)))));
    assert!(matches!(server.step(last), Ok(Step::NeedInput)));
    let next = last + Duration::from_secs(20);
    assert_eq!(server.deadline(), Some(next));
    assert!(matches!(server.step(next), Err(Error::MessageTimeout)));
}

#[test]
fn a_slow_reader_is_forgiven_once_it_has_read() {
    let mut now = beginning();
    let mut server = server("output=30 command_time=60");
    assert!(matches!(
        say(&mut server, "NOOP\r\nNOOP\r\n", now),
        Ok(Step::NeedFlush)
    ));
    now += Duration::from_secs(59);
    heard(&mut server);
    assert!(matches!(server.step(now), Ok(Step::NeedInput)));
    assert_eq!(server.deadline(), Some(now + Duration::from_secs(60)));
    now += Duration::from_secs(59);
    assert!(matches!(server.step(now), Ok(Step::NeedInput)));
}

#[test]
fn reads_are_large_while_a_message_comes() {
    let now = beginning();
    let mut server = server("");
    let lines = server.input().space().remaining_mut();
    to_data(&mut server, 1, now);
    assert!(server.input().space().remaining_mut() > lines);
    assert!(matches!(
        say(&mut server, ".\r\n", now),
        Ok(Step::Event(Event::EndOfData))
    ));
    assert_eq!(server.input().space().remaining_mut(), lines);
}

#[test]
fn a_handshake_has_its_time() {
    let now = beginning();
    let mut server = server("starttls command_time=60");
    assert!(matches!(
        say(&mut server, "STARTTLS\r\n", now),
        Ok(Step::StartTls)
    ));
    assert_eq!(server.deadline(), Some(now + Duration::from_secs(60)));
    server.tls_started(TlsInfo::default());
    assert_eq!(server.deadline(), None);
    assert!(server.tls().is_some());
}

#[test]
fn plaintext_that_comes_with_the_handshake_is_an_error_that_stays() {
    let now = beginning();
    let mut server = server("starttls");
    assert!(matches!(
        say(&mut server, "STARTTLS\r\n", now),
        Ok(Step::StartTls)
    ));
    assert_eq!(server.input().extend(b"MAIL"), 4);
    server.tls_started(TlsInfo::default());
    for _ in 0..2 {
        assert!(matches!(
            server.step(now),
            Err(Error::PlaintextBehindStartTls)
        ));
    }
}

/// RFC 2920 section 3.1: what must be the last of a group may be insisted on.
#[test]
fn early_commands_can_be_forbidden() {
    let now = beginning();
    for (said, is_early) in [
        ("EHLO c\r\n", false),
        ("NOOP\r\nNOOP\r\n", true),
        ("EHLO c\r\nNOOP\r\n", true),
        (
            "EHLO c\r\n|MAIL FROM:<a@b.test>\r\nRCPT TO:<x@mx.test>\r\nDATA\r\n",
            false,
        ),
        (
            "EHLO c\r\n|MAIL FROM:<a@b.test>\r\nRCPT TO:<x@mx.test>\r\nDATA\r\n.\r\n",
            true,
        ),
        (
            "HELO c\r\n|MAIL FROM:<a@b.test>\r\nRCPT TO:<x@mx.test>\r\n",
            true,
        ),
        (
            "EHLO c\r\n|MAIL FROM:<a@b.test>\r\nRCPT TO:<x@mx.test>\r\nBDAT 2 LAST\r\n\r\n",
            false,
        ),
        ("EHLO c\r\n|AUTH PLAIN\r\nAGEAYg==\r\n", true),
    ] {
        let mut config = Config::new("mx.test".parse().expect("a domain"));
        config.forbid_early_commands = true;
        config.mechanisms = vec!["PLAIN".parse().expect("a mechanism")];
        config.auth_without_tls = true;
        let mut server = Server::new(config);
        assert!(matches!(server.step(now), Ok(Step::NeedInput)));
        let mut last = Ok(Step::NeedInput);
        for segment in said.split('|') {
            last = say(&mut server, segment, now);
            while matches!(last, Ok(Step::Event(_) | Step::Paused)) {
                let _ = server.accept();
                last = server.step(now);
            }
        }
        let ended = matches!(last, Err(Error::Unsynchronised));
        assert_eq!(ended, is_early, "{said:?}: {last:?}");
    }
}

/// An extension can be offered to one client, and hidden from another.
#[test]
fn extensions_of_one_client() {
    let now = beginning();
    let mut server = server("");
    server.offer(Extension::XClient);
    server.offer(Extension::StartTls);
    server.offer(Extension::Auth);
    server.hide(Extension::Chunking);
    assert!(matches!(
        say(&mut server, "EHLO c\r\n", now),
        Ok(Step::Event(_))
    ));
    server.accept().expect("it waits");
    let said = heard(&mut server);
    assert!(said.contains("250 XCLIENT NAME") && !said.contains("CHUNKING"));
    // These need a certificate and mechanisms.
    assert!(!said.contains("STARTTLS") && !said.contains("AUTH"));
}
