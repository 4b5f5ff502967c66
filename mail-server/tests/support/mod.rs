//! A client that is typed by hand, and services to talk to.

#![allow(dead_code, reason = "each test file uses a part of it")]

pub(crate) mod imap;

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use mail_server::auth::{Authentication, Passwords, Policy};
use mail_server::smtp::{
    Body, Config, Envelope, Listener, Protocol, Service, Session, Statuses, deliver,
};
use mail_server::store::{Account, Mailstore};
use mail_server::{Peer, Stop, Tls};
use sasl::PasswordFile;
use smtp_proto::command::Rcpt;
use smtp_proto::{ForwardPath, Reply};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, BufStream};
use tokio::net::TcpStream;
use tokio::task::JoinHandle;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use tokio_rustls::rustls::{self, ClientConfig, RootCertStore};

/// A listener that runs.
pub(crate) struct Running {
    pub(crate) address: std::net::SocketAddr,
    pub(crate) stop: Stop,
    pub(crate) served: JoinHandle<()>,
}

impl Running {
    pub(crate) async fn start<S: Service>(
        listener: Listener,
        service: impl Fn(Peer) -> S + Send + Sync + 'static,
    ) -> Self {
        let stop = Stop::new();
        let listener = listener.stop_with(stop.clone());
        let address = listener.local_addr();
        Self {
            address,
            stop,
            served: tokio::spawn(async move { listener.serve(service).await }),
        }
    }

    /// A client that has read the greeting.
    pub(crate) async fn client(&self) -> Client<TcpStream> {
        let mut client = self.connect().await;
        assert!(client.reply().await.starts_with("220 "));
        client
    }

    /// A client that has read nothing yet.
    pub(crate) async fn connect(&self) -> Client<TcpStream> {
        Client::new(TcpStream::connect(self.address).await.expect("listens"))
    }

    /// Stops the listener and waits for its end.
    pub(crate) async fn end(self) {
        self.stop.stop();
        self.served.await.expect("the listener does not panic");
    }
}

/// Where the configuration names mechanisms, alice may log in.
pub(crate) async fn listener(config: Config) -> Listener {
    let has_auth = !config.mechanisms.is_empty();
    let listener = Listener::bind("127.0.0.1:0", config)
        .await
        .expect("a free port");
    match has_auth {
        true => listener.authentication(authentication()),
        false => listener,
    }
}

pub(crate) fn smtp() -> Config {
    Config::new("mx.example.org".parse().expect("a name"))
}

pub(crate) fn lmtp() -> Config {
    let mut config = smtp();
    config.protocol = Protocol::Lmtp;
    config
}

/// Types lines and reads replies.
pub(crate) struct Client<T>(BufStream<T>);

impl<T: AsyncRead + AsyncWrite + Unpin> Client<T> {
    pub(crate) fn new(transport: T) -> Self {
        Self(BufStream::new(transport))
    }

    /// A whole reply, its lines separated by `\n`; empty if the connection is closed or lost.
    pub(crate) async fn reply(&mut self) -> String {
        let mut reply = String::new();
        loop {
            let start = reply.len();
            while !reply[start..].ends_with("\r\n") {
                match self.0.read_u8().await {
                    Ok(octet) => reply.push(octet.into()),
                    Err(_) => return reply,
                }
            }
            reply.truncate(reply.len() - 2);
            if reply.as_bytes()[start..].get(3) != Some(&b'-') {
                return reply;
            }
            reply.push('\n');
        }
    }

    pub(crate) async fn send(&mut self, text: impl AsRef<[u8]>) {
        // That the server has gone already is seen when its reply is read.
        let _ = self.0.write_all(text.as_ref()).await;
        let _ = self.0.flush().await;
    }

    /// Sends a line and reads the reply.
    pub(crate) async fn say(&mut self, line: &str) -> String {
        self.send(format!("{line}\r\n")).await;
        self.reply().await
    }

    /// Says each line and checks how the reply begins.
    pub(crate) async fn talk(&mut self, dialogue: &[(&str, &str)]) {
        for (line, begins) in dialogue {
            let reply = self.say(line).await;
            assert!(reply.starts_with(begins), "{line:?} was answered {reply:?}");
        }
    }

    /// From the hello to 354.
    pub(crate) async fn begin(&mut self, hello: &str, recipients: &[&str]) {
        self.talk(&[(hello, "250"), ("MAIL FROM:<tom@example.net>", "250")])
            .await;
        for recipient in recipients {
            self.talk(&[(&format!("RCPT TO:<{recipient}>"), "250")])
                .await;
        }
        self.talk(&[("DATA", "354")]).await;
    }

    pub(crate) async fn is_closed(&mut self) -> bool {
        self.reply().await.is_empty()
    }

    pub(crate) fn into_inner(self) -> T {
        self.0.into_inner()
    }
}

/// Knows the password of alice.
pub(crate) fn authentication() -> Authentication {
    let passwords = PasswordFile::from_accounts(["alice:rabbit hole"]).expect("an account");
    let mut policy = Policy::default();
    policy.delay = Duration::ZERO;
    Authentication::new(Passwords::from(passwords)).with_policy(policy)
}

/// Stores for everybody in example.org.
#[derive(Clone)]
pub(crate) struct Host {
    pub(crate) store: Arc<dyn Mailstore>,
    accounts: Vec<Vec<Account>>,
}

impl Host {
    pub(crate) fn new(store: impl Mailstore) -> Self {
        Self {
            store: Arc::new(store),
            accounts: Vec::new(),
        }
    }

    pub(crate) fn service(&self) -> impl Fn(Peer) -> Self + Send + Sync + use<> {
        let host = self.clone();
        move |_| host.clone()
    }
}

#[async_trait]
impl Service for Host {
    async fn mail(&mut self, _: &Session, _: &smtp_proto::command::Mail) -> Result<(), Reply> {
        self.accounts.clear();
        Ok(())
    }

    async fn rcpt(&mut self, _: &Session, rcpt: &Rcpt) -> Result<(), Reply> {
        let ForwardPath::Mailbox(mailbox) = &rcpt.path else {
            return Err(Reply::fixed(550, Some((5, 1, 1)), "User unknown"));
        };
        let account = Account::new(&mailbox.local_part(), mailbox.domain())
            .map_err(|_| Reply::fixed(550, Some((5, 1, 1)), "User unknown"))?;
        if account.domain() != "example.org" {
            return Err(Reply::fixed(554, Some((5, 7, 1)), "Relay access denied"));
        }
        self.accounts.push(vec![account]);
        Ok(())
    }

    async fn message(
        &mut self,
        session: &Session,
        envelope: &Envelope,
        body: &mut Body<'_>,
    ) -> Result<Statuses, Reply> {
        let store = self.store.as_ref();
        deliver(
            store,
            "mx.example.org",
            session,
            envelope,
            &self.accounts,
            body,
        )
        .await
    }
}

/// Takes any recipient, and does with messages what its function says without reading them.
#[derive(Clone)]
pub(crate) struct Answers(pub(crate) Answer);

pub(crate) type Answer = fn(&Envelope) -> Result<Statuses, Reply>;

#[async_trait]
impl Service for Answers {
    async fn rcpt(&mut self, _: &Session, _: &Rcpt) -> Result<(), Reply> {
        Ok(())
    }

    async fn message(
        &mut self,
        _: &Session,
        envelope: &Envelope,
        _: &mut Body<'_>,
    ) -> Result<Statuses, Reply> {
        (self.0)(envelope)
    }
}

/// A certificate, and who trusts it.
pub(crate) fn certificate() -> (Tls, TlsConnector) {
    let (tls, config) = certified();
    (tls, TlsConnector::from(config))
}

/// The same, for the clients of this crate.
pub(crate) fn certified() -> (Tls, Arc<ClientConfig>) {
    let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).expect("a key");
    let key = made.signing_key.serialize_pem();
    let tls = Tls::from_pem(made.cert.pem().as_bytes(), key.as_bytes()).expect("a pair");
    let mut roots = RootCertStore::empty();
    roots.add(made.cert.der().clone()).expect("a certificate");
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .expect("versions")
        .with_root_certificates(roots)
        .with_no_client_auth();
    (tls, Arc::new(config))
}

/// The client's side of a handshake.
pub(crate) async fn handshake(
    connector: &TlsConnector,
    transport: TcpStream,
) -> std::io::Result<Client<TlsStream<TcpStream>>> {
    let name = "localhost".try_into().expect("a name");
    Ok(Client::new(connector.connect(name, transport).await?))
}
