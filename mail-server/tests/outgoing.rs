//! Our client's connections, to our listeners and to servers that are typed by hand.

mod support;

use mail_server::ClientTls;
use mail_server::Security;
use mail_server::smtp::{Outgoing, SendError};
use mail_server::store::{Account, MemoryStore};
use mailwire::Secret;
use smtp_proto::client::{Config, Delivery, Error, Fate, Refused};
use smtp_proto::{Extension, ReversePath};
use support::{Host, Running, certified, listener, lmtp, smtp};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

fn config() -> Config {
    Config::new("client.example.net".parse().expect("a name"))
}

fn delivery(recipients: &[&str]) -> Delivery {
    let sender = "tom@example.net".parse().expect("an address");
    let mut delivery = Delivery::new(ReversePath::Mailbox(sender));
    for recipient in recipients {
        delivery.to(recipient.parse().expect("an address"));
    }
    delivery
}

async fn connect(running: &Running, security: Security) -> Result<Outgoing, SendError> {
    Outgoing::connect("localhost", running.address.port(), config(), security).await
}

/// The texts that have arrived for somebody, without their trace fields.
fn texts(store: &MemoryStore, account: &str) -> Vec<String> {
    let account: Account = account.parse().expect("an account");
    let messages = store.messages(&account);
    let texts = messages.iter().map(|message| {
        let text = String::from_utf8_lossy(&message.bytes).into_owned();
        let at = text.find("Subject:").expect("a subject");
        text[at..].to_owned()
    });
    texts.collect()
}

#[tokio::test]
async fn message_after_message() {
    let store = MemoryStore::new();
    let running = Running::start(listener(smtp()).await, Host::new(store.clone()).service()).await;
    let mut connection = connect(&running, Security::None).await.expect("served");
    let long = format!("Subject: long\n\n{}", ".line\n".repeat(100_000));
    let short = "Subject: short\r\n\r\nhi\r\n".to_owned();
    for (text, size) in [(&long, None), (&short, Some(22)), (&short, None)] {
        let mut delivery = delivery(&["alice@example.org", "eve@example.com"]);
        delivery.mail.parameters.size = size;
        let outcome = connection.send(delivery, text.as_bytes()).await;
        let outcome = outcome.expect("sent");
        assert!(matches!(outcome.fates()[0], Fate::Delivered(_)));
        assert!(matches!(&outcome.fates()[1], Fate::Permanent(reply) if reply.code() == 554));
    }
    let nobody = connection.send(delivery(&["eve@example.com"]), short.as_bytes());
    assert!(!nobody.await.expect("answered").is_success());
    connection.quit().await.expect("an orderly end");
    let expected = [long.replace('\n', "\r\n"), short.clone(), short];
    assert_eq!(texts(&store, "alice@example.org"), expected);
    running.end().await;
}

#[tokio::test]
async fn lmtp_too() {
    let store = MemoryStore::new();
    let running = Running::start(listener(lmtp()).await, Host::new(store.clone()).service()).await;
    let mut config = config();
    config.protocol = mail_server::smtp::Protocol::Lmtp;
    let port = running.address.port();
    let connection = Outgoing::connect("127.0.0.1", port, config, Security::None).await;
    let mut connection = connection.expect("served");
    let delivery = delivery(&["alice@example.org", "x@example.com", "bob@example.org"]);
    let text = &b"Subject: x\r\n\r\n"[..];
    let outcome = connection.send(delivery, text).await.expect("sent");
    let codes = outcome
        .fates()
        .iter()
        .map(|fate| fate.reply().expect("a reply").code());
    assert_eq!(codes.collect::<Vec<_>>(), [250, 554, 250]);
    connection.quit().await.expect("an orderly end");
    running.end().await;
}

#[tokio::test]
async fn with_tls_and_without() {
    let (tls, trusting) = certified();
    let trusting = || ClientTls::from(trusting.clone());
    let unverified = || ClientTls::unverified().expect("a configuration");
    let stranger = || ClientTls::from(certified().1);
    let text = &b"Subject: x\r\n\r\n"[..];

    let store = MemoryStore::new();
    let offers = listener(smtp()).await.starttls(tls.clone());
    let offers = Running::start(offers, Host::new(store.clone()).service()).await;
    for (security, is_encrypted) in [
        (Security::None, false),
        (Security::Opportunistic(unverified()), true),
        (Security::Required(trusting()), true),
    ] {
        let mut connection = connect(&offers, security).await.expect("served");
        assert_eq!(
            connection.capabilities().has(Extension::StartTls),
            !is_encrypted
        );
        let sent = connection
            .send(delivery(&["alice@example.org"]), text)
            .await;
        assert!(sent.expect("sent").is_success());
        connection.quit().await.expect("an orderly end");
    }
    let wrong = connect(&offers, Security::Required(stranger())).await;
    assert!(matches!(wrong, Err(SendError::Transport(_))), "{wrong:?}");
    offers.end().await;

    let plain = Running::start(listener(smtp()).await, Host::new(store.clone()).service()).await;
    let opportunistic = connect(&plain, Security::Opportunistic(trusting())).await;
    opportunistic
        .expect("in clear text")
        .quit()
        .await
        .expect("an orderly end");
    let required = connect(&plain, Security::Required(trusting())).await;
    let why = Refused::NotOffered(Extension::StartTls);
    assert!(matches!(required, Err(SendError::Refused(refused)) if refused == why));
    plain.end().await;

    let implicit = listener(smtp()).await.implicit_tls(tls);
    let implicit = Running::start(implicit, Host::new(store.clone()).service()).await;
    let mut connection = connect(&implicit, Security::Implicit(trusting()))
        .await
        .expect("served");
    let sent = connection
        .send(delivery(&["alice@example.org"]), text)
        .await;
    assert!(sent.expect("sent").is_success());
    connection.quit().await.expect("an orderly end");
    let wrong = connect(&implicit, Security::Implicit(stranger())).await;
    assert!(matches!(wrong, Err(SendError::Transport(_))), "{wrong:?}");
    implicit.end().await;
    assert_eq!(texts(&store, "alice@example.org").len(), 4);
}

#[tokio::test]
async fn authenticated() {
    let (tls, trusting) = certified();
    let mut config = smtp();
    config.mechanisms = vec![
        "PLAIN".parse().expect("a name"),
        "LOGIN".parse().expect("a name"),
    ];
    config.require_auth = true;
    let store = MemoryStore::new();
    let listener = listener(config).await.starttls(tls);
    let running = Running::start(listener, Host::new(store.clone()).service()).await;
    let security = Security::Required(ClientTls::from(trusting));
    let mut connection = connect(&running, security).await.expect("served");
    let plain = "PLAIN".parse().expect("a name");
    let login = "LOGIN".parse().expect("a name");
    let unknown = "X".parse().expect("a name");
    let secret = |text: &str| Secret::from(text.as_bytes().to_vec());
    let refused = connection.authenticate(&unknown, None, |_| None).await;
    assert!(matches!(
        refused,
        Err(SendError::Refused(Refused::UnknownMechanism))
    ));
    let wrong = connection
        .authenticate(&plain, Some(secret("\0alice\0wrong")), |_| None)
        .await;
    assert_eq!(wrong.expect("an answer").code(), 535);
    let cancelled = connection.authenticate(&login, None, |_| None).await;
    assert_eq!(cancelled.expect("an answer").code(), 501);
    let mut words = ["rabbit hole", "alice"].to_vec();
    let right = connection
        .authenticate(&login, None, |_| words.pop().map(secret))
        .await;
    assert_eq!(right.expect("an answer").code(), 235);
    let text = &b"Subject: x\r\n\r\n"[..];
    let sent = connection
        .send(delivery(&["alice@example.org"]), text)
        .await;
    assert!(sent.expect("sent").is_success());
    connection.quit().await.expect("an orderly end");
    running.end().await;
}

/// A server that says this and goes, once it has heard something.
async fn by_hand(said: &'static str) -> u16 {
    let socket = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let port = socket.local_addr().expect("bound").port();
    tokio::spawn(async move {
        let (mut stream, _) = socket.accept().await.expect("a client");
        for piece in said.split('|') {
            stream.write_all(piece.as_bytes()).await.expect("a reader");
            let mut heard = [0; 1000];
            let _ = stream.read(&mut heard).await;
        }
    });
    port
}

#[tokio::test]
async fn servers_that_end_early() {
    let hello = "220 mx\r\n|250-mx\r\n250 PIPELINING\r\n";
    for (said, fate) in [
        ("", Fate::Interrupted),
        ("|250 Ok\r\n250 Ok\r\n354 Go on\r\n", Fate::Unknown),
    ] {
        let script: &'static str = format!("{hello}{said}").leak();
        let port = by_hand(script).await;
        let connection = Outgoing::connect("127.0.0.1", port, config(), Security::None).await;
        let mut connection = connection.expect("served");
        let text = &b"Subject: x\r\n\r\n"[..];
        let sent = connection
            .send(delivery(&["alice@example.org"]), text)
            .await;
        assert_eq!(sent.expect("an outcome").fates(), [fate]);
        let again = connection
            .send(delivery(&["alice@example.org"]), text)
            .await;
        assert!(again.is_err());
    }
    let port = by_hand("554 mx No\r\n").await;
    let refused = Outgoing::connect("127.0.0.1", port, config(), Security::None).await;
    assert!(
        matches!(refused, Err(SendError::Session(Error::NotServed(_)))),
        "{refused:?}"
    );
}
