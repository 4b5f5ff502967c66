//! POP3 out of every store, by our own client and by lines typed by hand.

mod support;

use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use mail_server::auth::Authentication;
use mail_server::pop3::{Client, ClientError, Config, FromStore, Listener, Service, Session};
use mail_server::store::{Account, Copy, FileStore, Mailstore, MemoryStore};
use mail_server::{ClientTls, Proxies, Security, Stop, Tls};
use pop3_proto::{Maildrop, Refusal, ResponseCode};
use sasl::client::Credentials;
use support::{authentication, certificate, handshake};
use tempfile::TempDir;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;

/// A store with a name, and the folder that it needs.
struct Stored {
    name: &'static str,
    store: Arc<dyn Mailstore>,
    _folder: Option<TempDir>,
}

fn stores() -> Vec<Stored> {
    let (maildirs, mboxes) = (tempfile::tempdir(), tempfile::tempdir());
    let (maildirs, mboxes) = (maildirs.expect("a folder"), mboxes.expect("a folder"));
    vec![
        Stored {
            name: "memory",
            store: Arc::new(MemoryStore::new()),
            _folder: None,
        },
        Stored {
            name: "maildir",
            store: Arc::new(FileStore::maildir(maildirs.path())),
            _folder: Some(maildirs),
        },
        Stored {
            name: "mbox",
            store: Arc::new(FileStore::mbox(mboxes.path())),
            _folder: Some(mboxes),
        },
    ]
}

fn alice() -> Account {
    "alice@example.org".parse().expect("an account")
}

async fn deliver(store: &Arc<dyn Mailstore>, message: &str) {
    let copies = vec![Copy {
        account: alice(),
        header: String::new(),
    }];
    let mut delivery = store
        .deliver("tom@example.net", copies)
        .await
        .expect("room");
    delivery.write(message.as_bytes()).await.expect("room");
    for copy in delivery.commit().await {
        copy.expect("it is stored");
    }
}

/// A listener for one store.
struct Running {
    port: u16,
    stop: Stop,
    served: JoinHandle<()>,
}

impl Running {
    async fn start(store: &Arc<dyn Mailstore>, setup: impl FnOnce(Listener) -> Listener) -> Self {
        let mut config = Config::new();
        config.auth_without_tls = true;
        let listener = Listener::bind("127.0.0.1:0", config)
            .await
            .expect("a free port");
        let stop = Stop::new();
        let listener = setup(listener)
            .authentication(authentication())
            .stop_with(stop.clone());
        let port = listener.local_addr().port();
        let whose = |user: &str| {
            let name = if user.contains('@') {
                user.to_owned()
            } else {
                format!("{user}@example.org")
            };
            name.parse().ok()
        };
        let service = FromStore::shared(Arc::clone(store), whose);
        let served = tokio::spawn(listener.serve(move |_peer| service.clone()));
        Self { port, stop, served }
    }

    async fn client(&self) -> Client {
        let mut client = Client::connect("127.0.0.1", self.port, Security::None)
            .await
            .expect("a server");
        client
            .login("alice", "rabbit hole")
            .await
            .expect("the right password");
        client
    }

    async fn end(self) {
        self.stop.stop();
        self.served.await.expect("the listener does not panic");
    }
}

/// All messages of a session.
async fn fetch(client: &mut Client) -> Vec<String> {
    let ids = client.unique_ids().await.expect("ids");
    let mut messages = client.retrieve(ids.into_iter().map(|(number, _)| number));
    let mut fetched = Vec::new();
    while let Some(mut message) = messages.next().await.expect("a message") {
        let mut text = Vec::new();
        while let Some(piece) = message.next().await.expect("a piece") {
            text.extend_from_slice(&piece);
        }
        fetched.push(String::from_utf8(text).expect("text"));
    }
    fetched
}

#[tokio::test]
async fn mail_goes_in_and_comes_out() {
    for Stored {
        name,
        store,
        _folder,
    } in stores()
    {
        let long = format!(
            "Subject: long\r\n\r\n{}",
            "From the other side\r\n".repeat(20_000)
        );
        let messages = [
            "Subject: one\r\n\r\n.\r\n..\r\nFrom me\r\n>From you\r\n".to_owned(),
            long,
            "Subject: three\r\n\r\n".to_owned(),
        ];
        for message in &messages {
            deliver(&store, message).await;
        }
        let running = Running::start(&store, |listener| listener).await;
        let mut client = running.client().await;
        assert_eq!(fetch(&mut client).await, messages, "{name}");
        let sizes = client.sizes().await.expect("sizes");
        let expected = (1..).zip(messages.iter().map(|message| message.len() as u64));
        assert_eq!(sizes, expected.collect::<Vec<_>>(), "{name}");
        client.quit().await.expect("nothing to delete");
        running.end().await;
    }
}

#[tokio::test]
async fn deletions_come_true_with_quit_alone() {
    for Stored {
        name,
        store,
        _folder,
    } in stores()
    {
        for number in 1..=4 {
            deliver(&store, &format!("Subject: {number}\r\n\r\n{number}\r\n")).await;
        }
        let running = Running::start(&store, |listener| listener).await;
        let mut client = running.client().await;
        let before = client.unique_ids().await.expect("ids");
        client.delete([1, 3]).await.expect("they are there");
        drop(client);

        // The session has to be noticed to be over.
        let mut client = loop {
            let mut client = Client::connect("127.0.0.1", running.port, Security::None)
                .await
                .expect("a server");
            match client.login("alice", "rabbit hole").await {
                Ok(()) => break client,
                Err(ClientError::Refused(refusal)) => {
                    assert_eq!(refusal.code(), Some(&ResponseCode::InUse), "{name}");
                }
                Err(error) => panic!("{name}: {error}"),
            }
        };
        assert_eq!(client.unique_ids().await.expect("ids"), before, "{name}");
        client.delete([1, 3]).await.expect("they are there");
        // What comes meanwhile is for the next session, and is not lost.
        deliver(&store, "Subject: 5\r\n\r\n5\r\n").await;
        assert_eq!(client.stat().await.expect("numbers").0, 2, "{name}");
        assert_eq!(fetch(&mut client).await.len(), 2, "{name}");
        client.quit().await.expect("they can be deleted");

        let mut client = running.client().await;
        let after = client.unique_ids().await.expect("ids");
        let ids: Vec<_> = after.iter().map(|(_, id)| id).collect();
        assert_eq!(ids[..2], [&before[1].1, &before[3].1], "{name}");
        assert!(
            before.iter().all(|(_, id)| id != ids[2]),
            "{name}: an id was used twice"
        );
        let bodies: Vec<_> = fetch(&mut client)
            .await
            .iter()
            .map(|text| text[9..10].to_owned())
            .collect();
        assert_eq!(bodies, ["2", "4", "5"], "{name}");
        running.end().await;
    }
}

#[tokio::test]
async fn one_session_has_the_mailbox() {
    for Stored {
        name,
        store,
        _folder,
    } in stores()
    {
        let running = Running::start(&store, |listener| listener).await;
        let first = running.client().await;
        let mut second = Client::connect("127.0.0.1", running.port, Security::None)
            .await
            .expect("a server");
        let refused = second.login("alice", "rabbit hole").await;
        let Err(ClientError::Refused(refusal)) = refused else {
            panic!("{name}: {refused:?}");
        };
        assert_eq!(refusal.code(), Some(&ResponseCode::InUse), "{name}");
        first.quit().await.expect("nothing to delete");
        second
            .login("alice", "rabbit hole")
            .await
            .expect("it is free");
        running.end().await;
    }
}

#[tokio::test]
async fn wrong_passwords() {
    let store: Arc<dyn Mailstore> = Arc::new(MemoryStore::new());
    let running = Running::start(&store, |listener| listener).await;
    let mut client = Client::connect("127.0.0.1", running.port, Security::None)
        .await
        .expect("a server");
    for name in ["alice", "nobody"] {
        let refused = client.login(name, "wrong").await;
        let Err(ClientError::Refused(refusal)) = refused else {
            panic!("{refused:?}");
        };
        assert_eq!(refusal.code(), Some(&ResponseCode::Auth));
    }
    client
        .login("alice", "rabbit hole")
        .await
        .expect("the right password");
    running.end().await;
}

#[tokio::test]
async fn tls_on_request_and_from_the_start() {
    let store: Arc<dyn Mailstore> = Arc::new(MemoryStore::new());
    deliver(&store, "Subject: secret\r\n\r\n").await;
    let made = rcgen::generate_simple_self_signed(vec!["localhost".to_owned()]).expect("a key");
    let (certificate, key) = (made.cert.pem(), made.signing_key.serialize_pem());
    let tls = Tls::from_pem(certificate.as_bytes(), key.as_bytes()).expect("a certificate");
    let trust = ClientTls::trusting_pem(certificate.as_bytes()).expect("a certificate");
    let (on_request, from_the_start) = (tls.clone(), tls);
    let stls = Running::start(&store, |listener| listener.starttls(on_request)).await;
    let pop3s = Running::start(&store, |listener| listener.implicit_tls(from_the_start)).await;
    for (running, security) in [
        (&stls, Security::Required(trust.clone())),
        (&pop3s, Security::Implicit(trust.clone())),
    ] {
        let mut client = Client::connect("localhost", running.port, security)
            .await
            .expect("a server");
        let credentials = Credentials::password("alice", "rabbit hole").expect("credentials");
        client
            .authenticate(&credentials)
            .await
            .expect("the right password");
        assert_eq!(fetch(&mut client).await, ["Subject: secret\r\n\r\n"]);
        client.quit().await.expect("nothing to delete");
    }
    // A server that is somebody else.
    let refused = Client::connect("127.0.0.1", pop3s.port, Security::Implicit(trust.clone())).await;
    assert!(matches!(refused, Err(ClientError::Transport(_))));
    // A server that cannot.
    let bare = Running::start(&store, |listener| listener).await;
    let refused = Client::connect("localhost", bare.port, Security::Required(trust)).await;
    assert!(matches!(refused, Err(ClientError::Refused(_))));
    for running in [stls, pop3s, bare] {
        running.end().await;
    }
}

/// Where TLS was wanted and could not be had, no password goes.
#[tokio::test]
async fn no_password_in_clear_text() {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let port = listener.local_addr().expect("an address").port();
    let served = tokio::spawn(async move {
        let (stream, _) = listener.accept().await.expect("a client");
        let (mut stream, mut heard) = (BufReader::new(stream), String::new());
        let mut said = &b"+OK hello\r\n"[..];
        loop {
            stream.write_all(said).await.expect("it listens");
            if stream.read_line(&mut heard).await.expect("text") == 0 {
                return heard;
            }
            said = b"-ERR what?\r\n";
        }
    });
    let tls = ClientTls::unverified().expect("a configuration");
    let client = Client::connect("localhost", port, Security::Opportunistic(tls)).await;
    let mut client = client.expect("a server");
    let refused = client.login("alice", "rabbit hole").await;
    assert!(matches!(refused, Err(ClientError::Sasl(_))), "{refused:?}");
    drop(client);
    assert_eq!(served.await.expect("text"), "CAPA\r\nCAPA\r\n");
}

#[tokio::test]
async fn stopping_ends_idle_sessions() {
    let store: Arc<dyn Mailstore> = Arc::new(MemoryStore::new());
    let running = Running::start(&store, |listener| listener).await;
    let mut stream = TcpStream::connect(("127.0.0.1", running.port))
        .await
        .expect("a server");
    stream.write_all(b"CAPA\r\n").await.expect("sent");
    let mut said = vec![0; 16];
    stream.read_exact(&mut said).await.expect("a greeting");
    running.end().await;
    let mut rest = String::new();
    stream.read_to_string(&mut rest).await.expect("an end");
    assert!(
        rest.ends_with("-ERR [SYS/TEMP] Server is shutting down\r\n"),
        "{rest}"
    );
}

#[tokio::test]
async fn no_mailbox_and_no_users() {
    let store: Arc<dyn Mailstore> = Arc::new(MemoryStore::new());
    let mut config = Config::new();
    config.auth_without_tls = true;
    let listener = Listener::bind("127.0.0.1:0", config)
        .await
        .expect("a free port");
    let port = listener.local_addr().port();
    let service = FromStore::shared(Arc::clone(&store), |_| None);
    let stop = Stop::new();
    let nobody: Authentication = authentication();
    let listener = listener.authentication(nobody).stop_with(stop.clone());
    let served = tokio::spawn(listener.serve(move |_peer| service.clone()));
    let mut client = Client::connect("127.0.0.1", port, Security::None)
        .await
        .expect("a server");
    let refused = client.login("alice", "rabbit hole").await;
    let Err(ClientError::Refused(refusal)) = refused else {
        panic!("{refused:?}");
    };
    assert_eq!(refusal.code(), Some(&ResponseCode::SysPerm));
    stop.stop();
    served.await.expect("the listener does not panic");
}

/// Has no mailboxes, and tells everybody whom it takes them for.
struct Doorkeeper;

#[async_trait]
impl Service for Doorkeeper {
    async fn open(&mut self, session: &Session) -> Result<Maildrop, Refusal> {
        let text = format!("You are {}", session.peer.address.ip());
        Err(Refusal::new(ResponseCode::SysTemp, text).expect("a short text"))
    }
}

/// A proxy is believed, and must say whom it speaks for; others are not. The header comes before
/// the handshake if the connection begins with one.
#[tokio::test]
async fn behind_a_proxy() {
    const HEADER: &str = "PROXY TCP4 192.0.2.7 192.0.2.1 35646 110\r\n";
    let (tls, connector) = certificate();
    for (is_proxy, is_tls, header, from) in [
        (true, false, HEADER, Some("192.0.2.7")),
        (true, true, HEADER, Some("192.0.2.7")),
        (true, false, "PROXY UNKNOWN\r\n", Some("127.0.0.1")),
        (true, false, "", None),
        (false, false, HEADER, Some("127.0.0.1")),
    ] {
        let mut config = Config::new();
        config.auth_without_tls = true;
        let stop = Stop::new();
        let mut listener = Listener::bind("127.0.0.1:0", config)
            .await
            .expect("a free port")
            .behind(Proxies::new(move |address| {
                is_proxy && address.is_loopback()
            }))
            .authentication(authentication())
            .stop_with(stop.clone());
        if is_tls {
            listener = listener.implicit_tls(tls.clone());
        }
        let port = listener.local_addr().port();
        let served = tokio::spawn(listener.serve(|_peer| Doorkeeper));

        let mut stream = TcpStream::connect(("127.0.0.1", port))
            .await
            .expect("a server");
        let commands = "USER alice\r\nPASS rabbit hole\r\nQUIT\r\n";
        let mut said = Vec::new();
        if is_tls {
            stream.write_all(header.as_bytes()).await.expect("sent");
            let client = handshake(&connector, stream).await.expect("a handshake");
            let mut stream = client.into_inner();
            stream.write_all(commands.as_bytes()).await.expect("sent");
            stream.read_to_end(&mut said).await.expect("an end");
        } else {
            let all = format!("{header}{commands}");
            stream.write_all(all.as_bytes()).await.expect("sent");
            // A connection that is given up may be reset.
            let ended = stream.read_to_end(&mut said).await;
            assert!(ended.is_ok() || from.is_none(), "{ended:?}");
        }

        let answers = from.map(|from| {
            let to_header = if is_proxy {
                ""
            } else {
                "-ERR Unknown command\r\n"
            };
            format!(
                "+OK POP3 ready\r\n{to_header}+OK Send the password\r\n\
                 -ERR [SYS/TEMP] You are {from}\r\n+OK Bye\r\n"
            )
        });
        assert_eq!(
            String::from_utf8_lossy(&said),
            answers.unwrap_or_default(),
            "a proxy {is_proxy}, TLS {is_tls}, {header:?}"
        );
        stop.stop();
        served.await.expect("the listener does not panic");
    }
}

/// One message, for clients that understand its header.
struct Strict;

#[async_trait]
impl Service for Strict {
    async fn open(&mut self, _: &Session) -> Result<Maildrop, Refusal> {
        let mut maildrop = Maildrop::new();
        maildrop.push(15, "one").expect("a unique id");
        Ok(maildrop)
    }

    async fn read(&mut self, session: &Session, _: u32, from: u64) -> Result<Bytes, Refusal> {
        match (session.utf8, from) {
            (false, _) => {
                let text = "It needs UTF-8";
                Err(Refusal::new(ResponseCode::Utf8, text).expect("a short text"))
            }
            (true, 0) => Ok(Bytes::from_static("Subject: ö\r\n\r\n".as_bytes())),
            (true, _) => Ok(Bytes::new()),
        }
    }
}

/// What RFC 6856 section 2.1 wants of a message whose header is UTF-8.
#[tokio::test]
async fn a_service_knows_whether_the_client_has_asked_for_utf8() {
    let mut config = Config::new();
    config.auth_without_tls = true;
    config.utf8 = true;
    let stop = Stop::new();
    let listener = Listener::bind("127.0.0.1:0", config)
        .await
        .expect("a free port")
        .authentication(authentication())
        .stop_with(stop.clone());
    let port = listener.local_addr().port();
    let served = tokio::spawn(listener.serve(|_peer| Strict));
    for (command, answer) in [
        ("NOOP", "-ERR [UTF8] It needs UTF-8\r\n"),
        ("UTF8", "Subject: ö\r\n\r\n.\r\n"),
    ] {
        let mut stream = TcpStream::connect(("127.0.0.1", port))
            .await
            .expect("a server");
        let commands = format!("{command}\r\nUSER alice\r\nPASS rabbit hole\r\nRETR 1\r\nQUIT\r\n");
        stream.write_all(commands.as_bytes()).await.expect("sent");
        let mut said = String::new();
        stream.read_to_string(&mut said).await.expect("an end");
        assert!(said.contains(answer), "{command}: {said}");
    }
    stop.stop();
    served.await.expect("the listener does not panic");
}
