//! TLS and authentication, with a client of rustls.

mod support;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use mail_server::Limits;
use mail_server::smtp::Config;
use mail_server::store::MemoryStore;
use std::time::Duration;
use support::{Client, Host, Running, certificate, handshake, listener, smtp};
use tokio::io::{AsyncRead, AsyncWrite};

/// Offers PLAIN and LOGIN over TLS.
fn with_auth() -> Config {
    let mut config = smtp();
    config.mechanisms = ["PLAIN", "LOGIN"]
        .map(|name| name.parse().expect("a name"))
        .into();
    config
}

fn plain(user: &str, password: &str) -> String {
    STANDARD.encode(format!("\0{user}\0{password}"))
}

async fn authenticate<T: AsyncRead + AsyncWrite + Unpin>(client: &mut Client<T>) {
    let (right, wrong) = (plain("alice", "rabbit hole"), plain("alice", "rabbit"));
    let unknown = plain("mallory", "rabbit hole");
    let (name, password) = (STANDARD.encode("alice"), STANDARD.encode("rabbit hole"));
    client
        .talk(&[
            (&format!("AUTH PLAIN {wrong}"), "535 5.7.8"),
            (&format!("AUTH PLAIN {unknown}"), "535 5.7.8"),
            ("AUTH LOGIN", "334 VXNlcm5hbWU6"),
            ("*", "501 5.7.0"),
            ("AUTH CRAM-MD5", "504 5.5.4"),
            ("AUTH LOGIN", "334 VXNlcm5hbWU6"),
            (&name, "334 UGFzc3dvcmQ6"),
            (&password, "235 2.7.0"),
            (&format!("AUTH PLAIN {right}"), "503 5.5.1"),
        ])
        .await;
}

#[tokio::test]
async fn starttls_then_authentication_then_a_message() {
    let (tls, connector) = certificate();
    let store = MemoryStore::new();
    let listener = listener(with_auth()).await.starttls(tls);
    let running = Running::start(listener, Host::new(store.clone()).service()).await;
    let mut client = running.client().await;
    let extensions = client.say("EHLO c").await;
    assert!(extensions.contains("STARTTLS") && !extensions.contains("AUTH"));
    let early = format!("AUTH PLAIN {}", plain("alice", "rabbit hole"));
    client
        .talk(&[(&early, "538 5.7.11"), ("STARTTLS", "220 2.0.0")])
        .await;
    let mut client = handshake(&connector, client.into_inner())
        .await
        .expect("a handshake");
    // All that was said in clear text is forgotten.
    client.talk(&[("MAIL FROM:<a@x.test>", "503 5.5.1")]).await;
    let extensions = client.say("EHLO c").await;
    assert!(!extensions.contains("STARTTLS") && extensions.contains("AUTH PLAIN LOGIN"));
    authenticate(&mut client).await;
    client.begin("EHLO c", &["alice@example.org"]).await;
    client.talk(&[("x\r\n.", "250"), ("QUIT", "221")]).await;
    let account = "alice@example.org".parse().expect("an account");
    let message = &store.messages(&account)[0].bytes;
    let message = String::from_utf8_lossy(message);
    assert!(
        message.contains("(using TLSv1.3 with cipher TLS13_"),
        "{message}"
    );
    assert!(message.contains(" with ESMTPSA id "), "{message}");
    drop(client);
    running.end().await;
}

#[tokio::test]
async fn implicit_tls() {
    let (tls, connector) = certificate();
    let store = MemoryStore::new();
    let listener = listener(with_auth()).await.implicit_tls(tls);
    let running = Running::start(listener, Host::new(store).service()).await;
    let bare = running.connect().await.into_inner();
    let mut client = handshake(&connector, bare).await.expect("a handshake");
    assert!(client.reply().await.starts_with("220 "));
    let extensions = client.say("EHLO c").await;
    assert!(!extensions.contains("STARTTLS"));
    authenticate(&mut client).await;
    client.talk(&[("STARTTLS", "502"), ("QUIT", "221")]).await;
    // Who speaks in clear text gets no answer in clear text.
    let mut bare = running.connect().await;
    bare.send("EHLO c\r\nQUIT\r\n").await;
    assert!(!bare.reply().await.contains("220"));
    drop((client, bare));
    running.end().await;
}

/// What is injected behind STARTTLS is never run (RFC 3207 section 4.2).
#[tokio::test]
async fn plaintext_behind_starttls_ends_the_session() {
    let (tls, connector) = certificate();
    let listener = listener(smtp()).await.starttls(tls);
    let running = Running::start(listener, Host::new(MemoryStore::new()).service()).await;
    let mut client = running.client().await;
    client.talk(&[("EHLO c", "250")]).await;
    client.send("STARTTLS\r\nRSET\r\n").await;
    let first = client.reply().await;
    assert!(first.is_empty() || first.starts_with("220"), "{first}");
    assert!(handshake(&connector, client.into_inner()).await.is_err());
    running.end().await;
}

#[tokio::test]
async fn guessing_ends_the_session() {
    let mut config = with_auth();
    config.auth_without_tls = true;
    config.limits.auth_failures = 3;
    let running = Running::start(
        listener(config).await,
        Host::new(MemoryStore::new()).service(),
    )
    .await;
    let mut client = running.client().await;
    let wrong = format!("AUTH PLAIN {}", plain("alice", "rabbit"));
    client
        .talk(&[
            ("EHLO c", "250"),
            (&wrong, "535"),
            (&wrong, "535"),
            (&wrong, "421 4.7.0"),
        ])
        .await;
    assert!(client.is_closed().await);
    drop(client);
    running.end().await;
}

/// Nobody acts for somebody else unless the service says so.
#[tokio::test]
async fn another_identity_is_refused() {
    let mut config = with_auth();
    config.auth_without_tls = true;
    let running = Running::start(
        listener(config).await,
        Host::new(MemoryStore::new()).service(),
    )
    .await;
    let mut client = running.client().await;
    let other = STANDARD.encode("bob\0alice\0rabbit hole");
    client
        .talk(&[("EHLO c", "250"), (&format!("AUTH PLAIN {other}"), "535")])
        .await;
    drop(client);
    running.end().await;
}

#[tokio::test]
async fn a_handshake_that_never_comes_is_given_up() {
    let mut limits = Limits::default();
    limits.handshake = Duration::from_millis(20);
    let (tls, _) = certificate();
    let implicit = listener(smtp()).await.implicit_tls(tls.clone());
    let running = Running::start(
        implicit.limits(limits.clone()),
        Host::new(MemoryStore::new()).service(),
    )
    .await;
    assert!(running.connect().await.is_closed().await);
    running.end().await;

    let starttls = listener(smtp()).await.starttls(tls).limits(limits);
    let running = Running::start(starttls, Host::new(MemoryStore::new()).service()).await;
    let mut client = running.client().await;
    client.talk(&[("EHLO c", "250"), ("STARTTLS", "220")]).await;
    assert!(client.is_closed().await);
    running.end().await;
}

/// It has been told nothing, so there is nothing to wait for.
#[tokio::test]
async fn stopping_does_not_wait_for_handshakes() {
    let mut limits = Limits::default();
    limits.grace = Duration::from_secs(3600);
    limits.handshake = Duration::from_secs(3600);
    let (tls, _) = certificate();
    let starttls = listener(smtp()).await.starttls(tls.clone());
    let running = Running::start(
        starttls.limits(limits.clone()),
        Host::new(MemoryStore::new()).service(),
    )
    .await;
    let mut client = running.client().await;
    client.talk(&[("EHLO c", "250"), ("STARTTLS", "220")]).await;
    running.end().await;
    assert!(client.is_closed().await);

    let listener = listener(smtp()).await.implicit_tls(tls).limits(limits);
    let (begun, mut sessions) = tokio::sync::mpsc::unbounded_channel();
    let running = Running::start(listener, move |_| {
        begun.send(()).expect("the test waits");
        Host::new(MemoryStore::new())
    })
    .await;
    let mut client = running.connect().await;
    sessions.recv().await.expect("the connection was accepted");
    running.end().await;
    assert!(client.is_closed().await);
}
