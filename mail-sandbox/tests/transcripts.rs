//! Conversations become transcripts, and transcripts become servers.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{Shutdown, TcpStream};
use std::path::Path;
use std::time::Duration;

use lettre::transport::smtp::authentication::Credentials;
use lettre::transport::smtp::client::{Certificate, Tls, TlsParameters};
use lettre::{Message, SmtpTransport, Transport};
use mail_sandbox::blocking::{self, Sandbox};
use mail_sandbox::{
    Builder, Clock, Conversation, Endpoint, MisbehavingClient, Speaker, StartError,
};
use mailwire::testing::transcript::{Dialogue, Role, Transcript, Turn};

const SOON: Duration = Duration::from_secs(10);

fn start(builder: Builder) -> Sandbox {
    Sandbox::start_with(builder.clock(Clock::skipping())).expect("a sandbox")
}

/// Sends a mail as an application would, with STARTTLS and a login.
fn send(sandbox: &Sandbox, endpoint: Endpoint, body: &str) -> Result<(), String> {
    let authority = Certificate::from_pem(sandbox.ca_pem().as_bytes()).expect("PEM");
    let tls = TlsParameters::builder("127.0.0.1".into())
        .add_root_certificate(authority)
        .build_rustls()
        .expect("a configuration of TLS");
    let tls = match endpoint {
        Endpoint::Smtps => Tls::Wrapper(tls),
        _ => Tls::Required(tls),
    };
    let transport = SmtpTransport::builder_dangerous("127.0.0.1")
        .port(sandbox.address(endpoint).port())
        .tls(tls)
        .credentials(Credentials::new("alice".into(), "rabbit".into()))
        .timeout(Some(SOON))
        .build();
    let mail = Message::builder()
        .from("shop@example.net".parse().expect("an address"))
        .to("bob@example.org".parse().expect("an address"))
        .subject("Welcome")
        .date(std::time::SystemTime::UNIX_EPOCH)
        .body(body.to_owned())
        .expect("a message");
    let sent = transport.send(&mail);
    sent.map(|_| ()).map_err(|error| format!("{error:?}"))
}

/// The only conversation, when its client has gone.
fn conversation(sandbox: &Sandbox) -> Conversation {
    let deadline = std::time::Instant::now() + SOON;
    loop {
        let [conversation] = &sandbox.conversations()[..] else {
            panic!("one conversation: {:?}", sandbox.conversations());
        };
        if conversation.said(Speaker::Event).contains("closed by ") {
            return conversation.clone();
        }
        assert!(std::time::Instant::now() < deadline, "{conversation}");
        std::thread::yield_now();
    }
}

/// A transcript without the comment that says who talked, and without what the network decides: how
/// many of a client's lines come at once.
fn words(conversation: &Conversation) -> String {
    let transcript = conversation.transcript();
    let (comment, words) = transcript.split_once('\n').expect("a comment");
    assert!(comment.starts_with("# "), "{comment}");
    words.replace("\nC+ ", "\nC: ").replace("\nC+\n", "\nC:\n")
}

#[test]
fn what_was_said_can_be_said_again() {
    for endpoint in [Endpoint::Submission, Endpoint::Smtps] {
        for body in [
            "Hello\r\n.\r\n..dots\r\n".into(),
            "A long line of text\r\n".repeat(2000),
        ] {
            let first = start(mail_sandbox::Sandbox::builder());
            send(&first, endpoint, &body).expect("taken");
            let transcript = words(&conversation(&first));
            assert!(transcript.contains("@tls\n"), "{transcript}");
            assert!(transcript.contains("C: AUTH PLAIN ***\n"), "{transcript}");

            let builder = mail_sandbox::Sandbox::builder().replay(endpoint, &transcript[..]);
            let second = start(builder);
            send(&second, endpoint, &body).expect("taken again");
            assert!(second.messages().is_empty(), "nobody is there to take it");
            let again = words(&conversation(&second));
            // Where a message is not shown as a whole, it is not in both in the same way.
            if body.len() < 1000 {
                assert_eq!(again, transcript);
            }
            // Another mail is as good.
            send(&second, endpoint, "Something else\r\n").expect("taken again");
        }
    }
}

#[test]
fn a_foreign_server_is_recorded_and_replayed() {
    let foreign = start(mail_sandbox::Sandbox::builder());
    foreign.deliver(["alice@x.test"], "Subject: x\r\n\r\n.A body\r\n");
    for endpoint in Endpoint::ALL {
        let visit = |sandbox: &Sandbox| {
            let address = sandbox.address(endpoint);
            let client = MisbehavingClient::new(endpoint, address).patience(SOON);
            let client = match endpoint {
                Endpoint::Lmtp => client,
                Endpoint::Smtps | Endpoint::Pop3s | Endpoint::Imaps => {
                    client.login("alice@x.test", "rabbit")
                }
                Endpoint::Imap => client.starttls().authenticate("alice@x.test", "rabbit"),
                _ => client.starttls().login("alice@x.test", "rabbit"),
            };
            let client = match endpoint {
                Endpoint::Pop3 | Endpoint::Pop3s => client.command("RETR 1"),
                Endpoint::Imap | Endpoint::Imaps => client
                    .append("INBOX", "C9 LOGIN not secret\r\n".repeat(2000))
                    .command("SELECT INBOX")
                    .command("IDLE")
                    .command("DONE")
                    .command("FETCH 1 (FLAGS BODY.PEEK[])")
                    .append("Nowhere", "Subject: x\r\n\r\n"),
                _ => client
                    .deliver(
                        "a@x.test",
                        ["b@x.test"],
                        "..\r\nPASS not secret\r\n".repeat(2000),
                    )
                    .deliver_in_chunks("a@x.test", ["c@x.test"], "AUTH PLAIN not secret", 7),
            };
            blocking::run(client).expect("a connection")
        };
        let server = foreign.address(endpoint).to_string();
        let recorder = start(mail_sandbox::Sandbox::builder().record(endpoint, server));
        let seen = visit(&recorder);
        let recorded = conversation(&recorder);
        assert_eq!(recorded.said(Speaker::Server), seen.said(Speaker::Server));
        let said = recorded.said(Speaker::Client);
        assert!(!said.contains("rabbit"), "{recorded}");
        if matches!(endpoint, Endpoint::Imap | Endpoint::Imaps) {
            assert_eq!(said.matches("C9 LOGIN not secret\r\n").count(), 2000);
        } else if !matches!(endpoint, Endpoint::Pop3 | Endpoint::Pop3s) {
            assert_eq!(said.matches("\r\nPASS not secret\r\n").count(), 2000);
            assert!(said.contains("BDAT 7\r\nAUTH PLBDAT 7"), "{recorded}");
        }

        let replay =
            start(mail_sandbox::Sandbox::builder().replay(endpoint, recorded.transcript()));
        let heard = visit(&replay).said(Speaker::Server);
        assert_eq!(heard, seen.said(Speaker::Server), "{endpoint}");
        let machine =
            Transcript::parse(&recorded.transcript(), Role::Server).expect("a transcript");
        assert_eq!(machine.peer_bytes(), said.as_bytes(), "{endpoint}");
    }
}

#[test]
fn a_server_that_is_not_there_is_in_the_record() {
    let gone = start(mail_sandbox::Sandbox::builder());
    let address = gone.address(Endpoint::Smtp).to_string();
    drop(gone);
    let recorder = start(mail_sandbox::Sandbox::builder().record(Endpoint::Smtp, &address[..]));
    let client = MisbehavingClient::new(Endpoint::Smtp, recorder.address(Endpoint::Smtp));
    assert_eq!(
        blocking::run(client)
            .expect("a connection")
            .said(Speaker::Server),
        ""
    );
    let shown = conversation(&recorder).to_string();
    assert!(
        shown.contains(&format!("cannot connect to {address}: ")),
        "{shown}"
    );
}

#[test]
fn a_client_that_leaves_the_transcript_is_told_of() {
    let script = "S: 220 mx.test\nC: EHLO x\nS: 250 mx.test\nC: STARTTLS\nS: 502 No\n! close\n";
    let second = "S: 421 Busy\n! close\n";
    let builder = mail_sandbox::Sandbox::builder()
        .replay(Endpoint::Smtp, script)
        .replay(Endpoint::Smtp, second);
    let sandbox = start(builder);
    let client = MisbehavingClient::new(Endpoint::Smtp, sandbox.address(Endpoint::Smtp));
    let heard = blocking::run(client.clone()).expect("a connection");
    assert_eq!(
        heard.said(Speaker::Server),
        "220 mx.test\r\n250 mx.test\r\n"
    );
    let shown = conversation(&sandbox).to_string();
    let why = "the client says QUIT where the transcript has STARTTLS";
    assert!(shown.contains(why), "{shown}");
    for _ in 0..2 {
        let heard = blocking::run(client.clone()).expect("a connection");
        assert_eq!(heard.said(Speaker::Server), "421 Busy\r\n");
    }
}

/// What has to be as it is written, and what need not be.
#[test]
fn a_client_of_a_transcript_may_choose_its_tags_and_messages() {
    let script = "S: * OK ready\nC: a LOGIN {5}\nS: + go on\nC: *****\\\nC:  ***\nS: a OK in\n\
        C: b APPEND \"Sent\" {3}\nS: + go on\nC: x\nC:\nS: b OK [APPENDUID 1 1] b OK\n\
        C: c SEARCH FROM ***\nS: * SEARCH 1\nS+ c OK found\nC: d LOGOUT\nS: d OK bye\n! close\n";
    let sandbox = start(mail_sandbox::Sandbox::builder().replay(Endpoint::Imap, script));
    let visit = |search: &str| {
        let mut stream = TcpStream::connect(sandbox.address(Endpoint::Imap)).expect("a connection");
        stream.set_read_timeout(Some(SOON)).expect("a time-out");
        let mut heard = BufReader::new(stream.try_clone().expect("a stream"));
        let mut all = String::new();
        for (said, answers) in [
            ("", 1),
            ("C1 LOGIN {5}\r\n", 1),
            ("alice \"rabbit\"\r\n", 1),
            ("C2 APPEND \"Sent\" {20}\r\n", 1),
            ("Subject: another\r\n\r\n\r\n", 1),
            (search, 2),
            ("C4 LOGOUT\r\n", 1),
        ] {
            let _ = stream.write_all(said.as_bytes());
            (0..answers).for_each(|_| drop(heard.read_line(&mut all)));
        }
        all
    };
    assert_eq!(
        visit("C3 SEARCH FROM bob\r\n"),
        "* OK ready\r\n+ go on\r\nC1 OK in\r\n+ go on\r\nC2 OK [APPENDUID 1 1] b OK\r\n\
         * SEARCH 1\r\nC3 OK found\r\nC4 OK bye\r\n"
    );
    assert!(!visit("C3 SEARCH TO bob\r\n").contains("C3 OK"));
    let shown = sandbox.conversations()[1].to_string();
    let why = "the client says C3 SEARCH TO bob where the transcript has c SEARCH FROM ***";
    assert!(shown.contains(why), "{shown}");
    assert!(
        !shown.contains("rabbit") && !shown.contains("alice"),
        "{shown}"
    );
}

#[test]
fn a_transcript_that_cannot_be_read_is_refused() {
    let builder = mail_sandbox::Sandbox::builder().replay(Endpoint::Lmtp, "S: 220 x\nT: 250 y\n");
    let error = Sandbox::start_with(builder).expect_err("no such mark");
    assert!(matches!(error, StartError::Transcript { .. }));
    assert_eq!(
        error.to_string(),
        "transcript for lmtp: line 2: not a line of a transcript: T: 250 y"
    );
}

/// The transcripts of the machines' own tests, as servers.
#[test]
fn every_transcript_is_a_server() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut count = 0;
    for (endpoint, folder) in [
        (
            Endpoint::Smtp,
            folder.join("../smtp-proto/tests/transcripts"),
        ),
        (
            Endpoint::Pop3,
            folder.join("../pop3-proto/tests/transcripts"),
        ),
        (
            Endpoint::Imap,
            folder.join("../imap-proto/tests/transcripts"),
        ),
    ] {
        for side in ["server", "client"] {
            for entry in std::fs::read_dir(folder.join(side)).expect("transcripts") {
                let path = entry.expect("a file").path();
                let file = std::fs::read_to_string(&path).expect("a transcript");
                let dialogue: Dialogue = file.parse().expect("a transcript");
                // TLS is seen above, and a server's own end of file is no turn of the client's.
                if dialogue.turns.contains(&Turn::Tls)
                    || (side == "client" && file.contains("@eof"))
                    // What is compressed has no lines.
                    || file.contains("COMPRESS DEFLATE")
                {
                    continue;
                }
                let builder = mail_sandbox::Sandbox::builder()
                    .only([])
                    .replay(endpoint, file);
                act(&start(builder), endpoint, &dialogue, &path);
                count += 1;
            }
        }
    }
    assert!(count > 200, "{count} transcripts");
}

/// Does what the client of a transcript does, and hears what its server says.
fn act(sandbox: &Sandbox, endpoint: Endpoint, dialogue: &Dialogue, path: &Path) {
    let mut stream = TcpStream::connect(sandbox.address(endpoint)).expect("a connection");
    stream.set_read_timeout(Some(SOON)).expect("a time-out");
    for turn in &dialogue.turns {
        match turn {
            Turn::Said(Role::Client, octets) => stream.write_all(octets).expect("sent"),
            Turn::Said(Role::Server, words) => {
                let mut heard = vec![0; words.len()];
                let read = stream.read_exact(&mut heard);
                read.unwrap_or_else(|error| {
                    let shown = sandbox.conversations()[0].to_string();
                    panic!("{}: {error}\n{shown}", path.display())
                });
                assert_eq!(&heard, words, "{}", path.display());
            }
            Turn::Eof | Turn::End => break,
            _ => {}
        }
    }
    stream
        .shutdown(Shutdown::Write)
        .expect("an open connection");
    let mut rest = Vec::new();
    stream.read_to_end(&mut rest).expect("an end");
    assert_eq!(rest, b"", "{}", path.display());
}
