//! How many connections there may be, and how they come to an end.

mod support;

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use mail_server::Limits;
use mail_server::smtp::{Body, Envelope, Service, Session, Statuses};
use mail_server::store::{Account, MemoryStore};
use smtp_proto::Reply;
use smtp_proto::command::Rcpt;
use support::{Host, Running, certificate, listener, smtp};
use tokio::net::TcpSocket;
use tokio::sync::Notify;

fn host() -> impl Fn(mail_server::Peer) -> Host + Send + Sync + 'static {
    Host::new(MemoryStore::new()).service()
}

fn limits(all: usize, per_address: usize) -> Limits {
    let mut limits = Limits::default();
    limits.connections = all;
    limits.connections_per_address = per_address;
    limits
}

/// A client that comes from one of the many addresses of loopback.
async fn greeting_from(
    running: &Running,
    address: &str,
) -> (String, support::Client<tokio::net::TcpStream>) {
    let socket = TcpSocket::new_v4().expect("a socket");
    let local = format!("{address}:0").parse().expect("an address");
    socket.bind(local).expect("loopback");
    let stream = socket.connect(running.address).await.expect("listens");
    let mut client = support::Client::new(stream);
    (client.reply().await, client)
}

#[tokio::test]
async fn one_too_many_is_told_and_counts_come_back() {
    let running = Running::start(listener(smtp()).await.limits(limits(2, 100)), host()).await;
    let mut clients = vec![running.client().await, running.client().await];
    let mut third = running.connect().await;
    assert!(third.reply().await.starts_with("421 4.7.0"));
    assert!(third.is_closed().await);
    clients[0].talk(&[("QUIT", "221")]).await;
    clients.remove(0);
    // The count comes back when the session is over, a moment after the client sees its end.
    loop {
        let mut client = running.connect().await;
        if client.reply().await.starts_with("220") {
            break;
        }
    }
    drop(clients);
    running.end().await;
}

#[tokio::test]
async fn addresses_are_counted_each() {
    let running = Running::start(listener(smtp()).await.limits(limits(3, 1)), host()).await;
    let (one, _first) = greeting_from(&running, "127.0.0.1").await;
    let (again, _) = greeting_from(&running, "127.0.0.1").await;
    let (other, _second) = greeting_from(&running, "127.0.0.2").await;
    assert!(one.starts_with("220") && other.starts_with("220"));
    assert!(again.starts_with("421 4.7.0"), "{again}");
    drop((_first, _second));
    running.end().await;
}

/// In the middle of a TLS handshake a line of text would only confuse.
#[tokio::test]
async fn one_too_many_is_told_nothing_where_tls_comes_first() {
    let (tls, _) = certificate();
    let listener = listener(smtp()).await.implicit_tls(tls);
    let running = Running::start(listener.limits(limits(0, 0)), host()).await;
    assert_eq!(running.connect().await.reply().await, "");
    running.end().await;
}

#[tokio::test]
async fn an_idle_session_is_told_421() {
    let running = Running::start(listener(smtp()).await, host()).await;
    let mut idle = running.client().await;
    let mut announced = running.client().await;
    announced
        .talk(&[("EHLO c", "250"), ("MAIL FROM:<a@x.test>", "250")])
        .await;
    running.stop.stop();
    for client in [&mut idle, &mut announced] {
        assert!(client.reply().await.starts_with("421 4.3.2"));
        assert!(client.is_closed().await);
    }
    drop((idle, announced));
    running.end().await;
}

#[tokio::test]
async fn an_open_message_is_finished() {
    let store = MemoryStore::new();
    let running = Running::start(listener(smtp()).await, Host::new(store.clone()).service()).await;
    let mut client = running.client().await;
    client.begin("EHLO c", &["alice@example.org"]).await;
    client.send("Subject: first\r\n").await;
    let mut other = running.client().await;
    running.stop.stop();
    // The other one is told; so the listener has stopped when this one goes on.
    assert!(other.reply().await.starts_with("421"));
    client.talk(&[("\r\nsecond\r\n.", "250 2.0.0")]).await;
    assert!(client.reply().await.starts_with("421 4.3.2"));
    drop((client, other));
    running.end().await;
    let account: Account = "alice@example.org".parse().expect("an account");
    assert_eq!(store.messages(&account).len(), 1);
}

#[tokio::test]
async fn the_grace_is_bounded_and_what_is_left_is_dropped() {
    let store = MemoryStore::new();
    let mut limits = Limits::default();
    limits.grace = Duration::from_millis(20);
    let listener = listener(smtp()).await.limits(limits);
    let running = Running::start(listener, Host::new(store.clone()).service()).await;
    let mut client = running.client().await;
    client.begin("EHLO c", &["alice@example.org"]).await;
    client.send("Subject: first\r\n").await;
    running.end().await;
    client.send("\r\nlate\r\n.\r\n").await;
    assert!(client.is_closed().await);
    let account: Account = "alice@example.org".parse().expect("an account");
    assert!(store.messages(&account).is_empty());
}

#[tokio::test]
async fn dropping_the_listener_drops_its_sessions() {
    let running = Running::start(listener(smtp()).await, host()).await;
    let mut client = running.client().await;
    running.served.abort();
    assert!(client.is_closed().await);
}

/// Refuses to be connected to.
struct Closed(Reply);

#[async_trait]
impl Service for Closed {
    async fn connect(&mut self, _: &Session) -> Result<(), Reply> {
        Err(self.0.clone())
    }
}

#[tokio::test]
async fn a_refused_connection() {
    let running = Running::start(listener(smtp()).await, |_| {
        Closed(Reply::fixed(554, None, "No mail here"))
    })
    .await;
    let mut client = running.connect().await;
    assert_eq!(client.reply().await, "554 No mail here");
    client.talk(&[("EHLO c", "503"), ("QUIT", "221")]).await;
    drop(client);
    running.end().await;

    for reply in [
        Reply::fixed(421, None, "Later"),
        // Not one of refusal: the service's mistake.
        Reply::fixed(220, None, "Welcome"),
    ] {
        let running = Running::start(listener(smtp()).await, move |_| Closed(reply.clone())).await;
        let mut client = running.connect().await;
        assert!(client.reply().await.starts_with("421"));
        assert!(client.is_closed().await);
        drop(client);
        running.end().await;
    }
}

/// Gives up on the body at the first sign, and reads on later.
struct Impatient(Arc<Notify>);

#[async_trait]
impl Service for Impatient {
    async fn rcpt(&mut self, _: &Session, _: &Rcpt) -> Result<(), Reply> {
        Ok(())
    }

    async fn message(
        &mut self,
        _: &Session,
        _: &Envelope,
        body: &mut Body<'_>,
    ) -> Result<Statuses, Reply> {
        let mut text = Vec::new();
        loop {
            tokio::select! {
                biased;
                piece = body.next() => match piece? {
                    Some(piece) => text.extend_from_slice(&piece),
                    None => break,
                },
                () = std::future::ready(()) => {
                    self.0.notify_one();
                    tokio::task::yield_now().await;
                }
            }
        }
        match &text[..] {
            b"one\r\ntwo\r\n" => Ok(Statuses::accepted()),
            _ => Err(Reply::fixed(554, None, "Something was lost")),
        }
    }
}

#[tokio::test]
async fn waiting_for_a_body_may_be_given_up() {
    let waits = Arc::new(Notify::new());
    let gives_up = Arc::clone(&waits);
    let running = Running::start(listener(smtp()).await, move |_| {
        Impatient(Arc::clone(&gives_up))
    })
    .await;
    let mut client = running.client().await;
    client.begin("EHLO c", &["a@x.test"]).await;
    for part in ["on", "e\r", "\ntw", "o\r\n."] {
        client.send(part).await;
        waits.notified().await;
    }
    client.talk(&[("", "250")]).await;
    drop(client);
    running.end().await;
}
