//! An IMAP listener out of each store that has folders, and a client that types.

use std::sync::Arc;

use mail_server::Stop;
use mail_server::imap::{FromStore, Listener, config};
use mail_server::store::{FileStore, Mailstore, MemoryStore};
use tempfile::TempDir;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::TcpStream;
use tokio::task::JoinHandle;

use super::authentication;

/// Each store, with the folder that it needs.
pub(crate) fn stores() -> Vec<(Arc<dyn Mailstore>, Option<TempDir>)> {
    let maildirs = tempfile::tempdir().expect("a folder");
    vec![
        (Arc::new(MemoryStore::new()), None),
        (
            Arc::new(FileStore::maildir(maildirs.path())),
            Some(maildirs),
        ),
    ]
}

pub(crate) struct Running {
    port: u16,
    stop: Stop,
    served: JoinHandle<()>,
}

impl Running {
    pub(crate) async fn start(store: &Arc<dyn Mailstore>) -> Self {
        let mut config = config();
        config.auth_without_tls = true;
        let listener = Listener::bind("127.0.0.1:0", config).await;
        let stop = Stop::new();
        let listener = listener.expect("a free port");
        let listener = listener
            .authentication(authentication())
            .stop_with(stop.clone());
        let port = listener.local_addr().port();
        let whose = |user: &str| format!("{user}@example.org").parse().ok();
        let service = FromStore::shared(Arc::clone(store), whose);
        let served = tokio::spawn(listener.serve(move |_peer| service.clone()));
        Self { port, stop, served }
    }

    pub(crate) async fn client(&self) -> Client {
        let stream = TcpStream::connect(("127.0.0.1", self.port))
            .await
            .expect("a server");
        let mut client = Client(BufReader::new(stream));
        let greeting = client.line().await;
        assert!(greeting.starts_with("* OK [CAPABILITY "), "{greeting}");
        let answer = client.say("LOGIN alice \"rabbit hole\"").await;
        assert!(answer[0].starts_with("t OK [CAPABILITY "), "{answer:?}");
        client
    }

    pub(crate) async fn end(self) {
        self.stop.stop();
        self.served.await.expect("the listener does not panic");
    }
}

pub(crate) struct Client(BufReader<TcpStream>);

impl Client {
    pub(crate) fn new(stream: BufReader<TcpStream>) -> Self {
        Self(stream)
    }

    /// The connection, for another protocol.
    pub(crate) fn into_inner(self) -> TcpStream {
        self.0.into_inner()
    }

    pub(crate) async fn send(&mut self, text: &str) {
        self.0.write_all(text.as_bytes()).await.expect("it listens");
    }

    /// With the octets of a literal, and what stands behind it.
    pub(crate) async fn line(&mut self) -> String {
        let mut line = String::new();
        loop {
            self.0.read_line(&mut line).await.expect("text");
            let length = line
                .trim_end()
                .strip_suffix('}')
                .and_then(|rest| rest.rsplit_once('{'));
            let Some(length) = length.and_then(|(_, length)| length.parse().ok()) else {
                return line.trim_end().to_owned();
            };
            let mut octets = vec![0; length];
            self.0.read_exact(&mut octets).await.expect("a literal");
            line.push_str(&String::from_utf8(octets).expect("text"));
        }
    }

    /// The lines of an answer, the tagged one last.
    pub(crate) async fn say(&mut self, command: &str) -> Vec<String> {
        self.send(&format!("t {command}\r\n")).await;
        let mut lines = Vec::new();
        loop {
            let line = self.line().await;
            let is_last = line.starts_with("t ");
            lines.push(line);
            if is_last {
                return lines;
            }
        }
    }
}
