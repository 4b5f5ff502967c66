//! Logins: what failures cost, what is offered, what is told to the log, and back ends that are
//! played by this test.

mod support;

use std::io;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use mail_server::auth::{Authentication, Authenticator, Dovecot, Passwords, Policy, Saslauthd};
use mail_server::smtp::Config;
use mail_server::store::MemoryStore;
use mail_server::{Stop, pop3};
use sasl::PasswordFile;
use support::{Client, Host, Running, certificate, handshake, smtp};
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufStream};
use tokio::net::{TcpStream, UnixListener, UnixStream};
use tokio::time::Instant;

fn clear() -> Config {
    let mut config = smtp();
    config.auth_without_tls = true;
    config
}

fn users() -> Passwords {
    let file = PasswordFile::from_accounts(["alice:rabbit hole"]).expect("an account");
    Passwords::from(file)
}

fn patient(delay: Duration) -> Policy {
    let mut policy = Policy::default();
    policy.delay = delay;
    policy
}

async fn running(config: Config, authentication: Authentication) -> Running {
    let listener = mail_server::smtp::Listener::bind("127.0.0.1:0", config).await;
    let listener = listener
        .expect("a free port")
        .authentication(authentication);
    Running::start(listener, Host::new(MemoryStore::new()).service()).await
}

async fn client(running: &Running) -> Client<TcpStream> {
    let mut client = running.client().await;
    client.talk(&[("EHLO c", "250")]).await;
    client
}

fn plain(user: &str, password: &str) -> String {
    let message = STANDARD.encode(plain_message(user, password));
    format!("AUTH PLAIN {message}")
}

fn plain_message(user: &str, password: &str) -> String {
    format!("\0{user}\0{password}")
}

/// Guesses are answered late, and what is no guess at once; a connection has three, and an
/// address as many as the policy says.
#[tokio::test]
async fn guesses_cost() {
    let delay = Duration::from_millis(300);
    let mut policy = patient(delay);
    policy.guesses = 4;
    let mut config = clear();
    config.limits.auth_failures = 3;
    let running = running(config, Authentication::new(users()).with_policy(policy)).await;
    let mut first = client(&running).await;
    let malformed = format!("AUTH PLAIN {}", STANDARD.encode("alice"));
    let began = Instant::now();
    first
        .talk(&[
            (&malformed, "501 5.5.2"),
            ("AUTH PLAIN =", "501 5.5.2"),
            ("AUTH PLAIN !!!", "501 5.5.2"),
            ("AUTH PLAIN", "334 "),
            ("*", "501 5.7.0"),
            ("AUTH GSSAPI", "504 5.5.4"),
        ])
        .await;
    assert!(began.elapsed() < delay, "what was no guess was held back");
    for _ in 0..2 {
        let began = Instant::now();
        first.talk(&[(&plain("alice", "x"), "535 5.7.8")]).await;
        assert!(began.elapsed() >= delay);
    }
    // Still usable.
    first
        .talk(&[("NOOP", "250"), (&plain("alice", "x"), "421 4.7.0")])
        .await;
    let mut second = client(&running).await;
    second.talk(&[(&plain("mallory", "x"), "535 5.7.8")]).await;
    // Now the address has guessed enough: even the right password is not looked at.
    let began = Instant::now();
    second
        .talk(&[(&plain("alice", "rabbit hole"), "454 4.7.0")])
        .await;
    assert!(began.elapsed() < delay);
    running.end().await;
}

/// What can be used depends on the channel.
#[tokio::test]
async fn offers_follow_the_channel() {
    let (tls, connector) = certificate();
    let listener = mail_server::smtp::Listener::bind("127.0.0.1:0", clear()).await;
    let listener = listener.expect("a free port").starttls(tls);
    let listener = listener.authentication(Authentication::new(users()));
    let running = Running::start(listener, Host::new(MemoryStore::new()).service()).await;
    let mut client = running.client().await;
    let extensions = client.say("EHLO c").await;
    assert!(
        extensions.contains("AUTH SCRAM-SHA-512 SCRAM-SHA-256 SCRAM-SHA-1 "),
        "{extensions}"
    );
    assert!(
        !extensions.contains("-PLUS") && !extensions.contains("EXTERNAL"),
        "{extensions}"
    );
    client
        .talk(&[
            ("AUTH SCRAM-SHA-256-PLUS", "504 5.5.4"),
            ("STARTTLS", "220"),
        ])
        .await;
    let mut client = handshake(&connector, client.into_inner())
        .await
        .expect("TLS");
    let extensions = client.say("EHLO c").await;
    assert!(extensions.contains("SCRAM-SHA-256-PLUS"), "{extensions}");
    assert!(
        extensions.contains(" PLAIN LOGIN") && !extensions.contains("EXTERNAL"),
        "{extensions}"
    );
    running.end().await;
}

/// A line of an exchange may be as long as RFC 4954 section 4 says, whatever becomes of it.
#[tokio::test]
async fn lines_of_full_size() {
    let authentication = Authentication::new(users()).with_policy(patient(Duration::ZERO));
    let running = running(clear(), authentication).await;
    let mut client = client(&running).await;
    let longest = STANDARD.encode(plain_message("alice", &"x".repeat(9216 - 7)));
    assert_eq!(longest.len(), 12_288);
    let room = 12_288 - "AUTH PLAIN \r\n".len();
    let fits = "A".repeat(room - room % 4);
    client
        .talk(&[
            // Too long for a password, which is known once the line has been read.
            (&format!("AUTH PLAIN {fits}"), "501 5.5.2"),
            ("AUTH PLAIN", "334"),
            (&fits, "501 5.5.2"),
            ("AUTH PLAIN", "334"),
            (&longest, "500 5.5.6"),
            (&format!("AUTH PLAIN {longest}"), "500 5.5.2"),
            (&plain("alice", "rabbit hole"), "235"),
        ])
        .await;
    running.end().await;
}

/// All that is traced, by this thread.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl io::Write for Log {
    fn write(&mut self, octets: &[u8]) -> io::Result<usize> {
        self.0.lock().expect("no panic").extend_from_slice(octets);
        Ok(octets.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Log {
    fn start() -> (Self, tracing::subscriber::DefaultGuard) {
        let log = Self::default();
        let writer = log.clone();
        let subscriber = tracing_subscriber::fmt()
            .with_max_level(tracing::Level::TRACE)
            .with_writer(move || writer.clone())
            .finish();
        (log, tracing::subscriber::set_default(subscriber))
    }

    /// Tells who has logged in, and none of the secrets.
    fn check(&self, secrets: &[&str]) {
        let log = String::from_utf8(self.0.lock().expect("no panic").clone()).expect("text");
        assert!(
            log.contains("authenticated") && log.contains("alice"),
            "{log}"
        );
        for secret in secrets {
            assert!(!log.contains(secret), "{secret} in {log}");
        }
    }
}

/// What peers send to authenticate is nowhere in the log, at any level.
#[tokio::test]
async fn secrets_are_not_told_to_the_log() {
    let (log, _guard) = Log::start();
    let authentication = Authentication::new(users()).with_policy(patient(Duration::ZERO));
    let running = running(clear(), authentication).await;
    let mut client = client(&running).await;
    let secrets = ["rabbit hole", "tanstaaf"].map(|secret| STANDARD.encode(secret));
    let (name, wrong, right) = (STANDARD.encode("alice"), &secrets[1], &secrets[0]);
    let whole = STANDARD.encode(plain_message("alice", "tanstaaf"));
    client
        .talk(&[
            (&format!("AUTH PLAIN {whole}"), "535"),
            ("AUTH LOGIN", "334"),
            (&name, "334"),
            (wrong, "535"),
            ("AUTH LOGIN", "334"),
            (&name, "334"),
            (right, "235"),
            ("QUIT", "221"),
        ])
        .await;
    running.end().await;
    log.check(&["rabbit", "tanstaaf", right, wrong, &whole]);
}

/// The same of POP3, whose PASS carries the password as it is.
#[tokio::test]
async fn secrets_of_pop3_are_not_told_to_the_log() {
    let (log, _guard) = Log::start();
    let mut config = pop3::Config::new();
    config.auth_without_tls = true;
    let listener = pop3::Listener::bind("127.0.0.1:0", config).await;
    let authentication = Authentication::new(users()).with_policy(patient(Duration::ZERO));
    let stop = Stop::new();
    let listener = listener.expect("a free port").stop_with(stop.clone());
    let listener = listener.authentication(authentication);
    let address = listener.local_addr();
    let whose = |user: &str| format!("{user}@example.org").parse().ok();
    let service = pop3::FromStore::shared(Arc::new(MemoryStore::new()), whose);
    let served = tokio::spawn(listener.serve(move |_peer| service.clone()));

    let stream = TcpStream::connect(address).await.expect("a listener");
    let mut stream = BufStream::new(stream);
    let right = STANDARD.encode(plain_message("alice", "rabbit hole"));
    let wrong = STANDARD.encode(plain_message("alice", "tanstaaf"));
    for (line, expected) in [
        ("", "+OK"),
        ("USER alice\r\n", "+OK"),
        ("PASS tanstaaf\r\n", "-ERR [AUTH]"),
        (&format!("AUTH PLAIN {wrong}\r\n"), "-ERR [AUTH]"),
        (&format!("AUTH PLAIN {right}\r\n"), "+OK"),
        ("QUIT\r\n", "+OK"),
    ] {
        stream.write_all(line.as_bytes()).await.expect("sent");
        stream.flush().await.expect("sent");
        let mut reply = String::new();
        stream.read_line(&mut reply).await.expect("a reply");
        assert!(reply.starts_with(expected), "{line:?}: {reply:?}");
    }
    stop.stop();
    served.await.expect("the listener does not panic");
    log.check(&["rabbit", "tanstaaf", &right, &wrong]);
}

/// Runs something as a daemon on a socket of its own: one call for each connection.
fn daemon<F>(serve: impl Fn(UnixStream) -> F + Send + 'static) -> tempfile::TempDir
where
    F: Future<Output = ()> + Send + 'static,
{
    let folder = tempfile::tempdir().expect("a folder");
    let listener = UnixListener::bind(folder.path().join("socket")).expect("a socket");
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            tokio::spawn(serve(stream));
        }
    });
    folder
}

async fn replies(authenticator: impl Authenticator, passwords: &[&str]) -> Vec<String> {
    let authentication = Authentication::new(authenticator);
    let running = running(clear(), authentication.with_policy(patient(Duration::ZERO))).await;
    let mut replies = Vec::new();
    for password in passwords {
        let mut client = client(&running).await;
        let reply = client.say(&plain("carol@example.org", password)).await;
        replies.push(reply[..3].to_owned());
    }
    running.end().await;
    replies
}

/// Five fields, and a verdict in any pieces; what is no verdict is temporary.
#[tokio::test]
async fn saslauthd() {
    let folder = daemon(|mut stream| async move {
        let mut fields = Vec::new();
        for _ in 0..5 {
            let length = stream.read_u16().await.expect("a length");
            let mut field = vec![0; length.into()];
            stream.read_exact(&mut field).await.expect("a field");
            fields.push(String::from_utf8(field).expect("text"));
        }
        assert_eq!(
            (&fields[0][..], &fields[2][..], &fields[3][..]),
            ("carol", "smtp", "example.org")
        );
        assert!(fields[4].starts_with("127.0.0.1;"));
        let reply = match &fields[1][..] {
            "right" => &b"\0\x02OK"[..],
            "close" => b"",
            "short" => b"\0\x02O",
            "junk" => b"\0\x02xx",
            _ => b"\0\x03NO ",
        };
        for octet in reply {
            stream.write_all(&[*octet]).await.expect("read");
        }
        // It drains until the other end closes; a client that waits would hold it up.
        if fields[1] == "right" {
            assert_eq!(stream.read(&mut [0]).await.expect("closed"), 0);
        }
    });
    let saslauthd = Saslauthd::new(folder.path().join("socket"));
    let passwords = ["right", "wrong", "close", "short", "junk", "a\0b"];
    let replies = replies(saslauthd, &passwords).await;
    assert_eq!(replies, ["235", "535", "454", "454", "454", "501"]);
    let nowhere = Saslauthd::new(folder.path().join("none"));
    assert_eq!(self::replies(nowhere, &["right"]).await, ["454"]);
}

/// One connection for all, which is made again when it was lost; who it is, the other side says.
#[tokio::test]
async fn dovecot() {
    let folder = daemon(|mut stream| async move {
        let hello = b"VERSION\t1\t2\nMECH\tPLAIN\tplaintext\nMECH\tSCRAM-SHA-256\nSPID\t1\nDONE\n";
        stream.write_all(hello).await.expect("read");
        let (mut text, mut octets) = (String::new(), [0; 1024]);
        loop {
            let length = stream.read(&mut octets).await.expect("a connection");
            if length == 0 {
                return;
            }
            text.push_str(std::str::from_utf8(&octets[..length]).expect("text"));
            while let Some((line, rest)) = text.split_once('\n') {
                let (line, rest) = (line.to_owned(), rest.to_owned());
                text = rest;
                let fields: Vec<_> = line.split('\t').collect();
                if fields[0] != "AUTH" {
                    continue;
                }
                let message = fields.last().and_then(|field| field.strip_prefix("resp="));
                let message = STANDARD
                    .decode(message.expect("a response"))
                    .expect("base64");
                let id = fields[1];
                let reply = match message.rsplit(|&octet| octet == 0).next() {
                    Some(b"right") => format!("OK\t{id}\tuser=carol\n"),
                    Some(b"temporary") => format!("FAIL\t{id}\tcode=temp_fail\n"),
                    Some(b"nobody") => format!("OK\t{id}\n"),
                    Some(b"close") => return,
                    _ => format!("FAIL\t{id}\tuser=carol\n"),
                };
                stream.write_all(reply.as_bytes()).await.expect("read");
            }
        }
    });
    let socket = folder.path().join("socket");
    let dovecot = Dovecot::connect(&socket).await;
    let relayed: Vec<_> = dovecot
        .relayed()
        .iter()
        .map(|mechanism| mechanism.name())
        .collect();
    assert_eq!(relayed, ["SCRAM-SHA-256"]);
    let passwords = [
        "right",
        "wrong",
        "temporary",
        "nobody",
        "close",
        "right",
        "a\0b",
    ];
    let replies = replies(dovecot, &passwords).await;
    assert_eq!(replies, ["235", "535", "454", "454", "454", "235", "501"]);
    let nowhere = Dovecot::connect(folder.path().join("none")).await;
    assert_eq!(self::replies(nowhere, &["right"]).await, ["454"]);
}
