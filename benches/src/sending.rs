//! Layer C, clients: one message to 50 recipients through a slow network, and many messages to one
//! recipient over a kept connection. The server is ours, and takes everything.

use crate::case::{Better, Case, Contender, Effort, Entry, Metric, OURS, OverRounds};
use crate::processes::own_cpu_seconds;
use crate::sinks;
use anyhow::{Context, Result, ensure};
use lettre::transport::smtp::client::SmtpConnection;
use lettre::transport::smtp::extension::ClientId;
use mail_send::SmtpClientBuilder;
use mail_send::smtp::message::Message;
use mail_server::Security;
use mail_server::smtp::Outgoing;
use smtp_proto::client::{Config, Delivery};
use smtp_proto::{Extension, ReversePath};
use std::net::{SocketAddr, TcpListener as Probe, TcpStream as Connection};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::runtime::Runtime;
use tokio::sync::mpsc;
use tokio::time::sleep_until;

pub(crate) fn cases(effort: Effort) -> Vec<Case> {
    let messages = match effort {
        // Some peers wait 40 ms for each, since they write a message in two pieces and leave it to the
        // network to gather small ones.
        Effort::Full => 200,
        Effort::Smoke => 20,
    };
    let case = |name: &str, metrics, recipients, messages, latency| Case {
        name: name.to_owned(),
        metrics,
        over_rounds: OverRounds::Median,
        contenders: [
            (OURS, Client::Ours { chunks: true }),
            ("mailwire, no CHUNKING", Client::Ours { chunks: false }),
            ("lettre 0.11", Client::Lettre),
            ("mail-send 0.7", Client::MailSend),
        ]
        .map(|(name, client)| Contender {
            name,
            entry: Entry::Runs(Box::new(move || {
                let load = Load {
                    recipients,
                    messages,
                    latency,
                };
                load.run(client)
            })),
        })
        .into(),
    };
    vec![
        case(
            "sending: 1 message to 50 recipients, 20 ms away",
            SLOW,
            50,
            1,
            Some(Duration::from_millis(10)),
        ),
        case("sending: over a kept connection", KEPT, 1, messages, None),
    ]
}

const SLOW: &[Metric] = &[
    Metric {
        unit: "round trips",
        better: Better::Lower,
    },
    Metric {
        unit: "ms",
        better: Better::Lower,
    },
];

const KEPT: &[Metric] = &[
    Metric {
        unit: "us/message",
        better: Better::Lower,
    },
    Metric {
        unit: "client CPU us/message",
        better: Better::Lower,
    },
];

#[derive(Clone, Copy)]
enum Client {
    Ours { chunks: bool },
    Lettre,
    MailSend,
}

#[derive(Clone, Copy)]
struct Load {
    recipients: usize,
    messages: usize,
    /// One way.
    latency: Option<Duration>,
}

impl Load {
    fn run(self, client: Client) -> Result<Vec<f64>> {
        let server = Server::start()?;
        let runtime = Runtime::new()?;
        let turns = Arc::new(Turns::default());
        let address = match self.latency {
            None => server.address,
            Some(latency) => {
                runtime.block_on(delay(server.address, latency, Arc::clone(&turns)))?
            }
        };
        let before = own_cpu_seconds()?;
        let start = Instant::now();
        match client {
            Client::Ours { chunks } => runtime.block_on(self.ours(address, chunks))?,
            Client::Lettre => self.lettre(address)?,
            Client::MailSend => runtime.block_on(self.mail_send(address))?,
        }
        let seconds = start.elapsed().as_secs_f64();
        let messages = self.messages as f64;
        Ok(match self.latency {
            Some(_) => vec![turns.count.load(Ordering::Relaxed) as f64, seconds * 1e3],
            None => vec![
                seconds * 1e6 / messages,
                (own_cpu_seconds()? - before) * 1e6 / messages,
            ],
        })
    }

    async fn ours(self, address: SocketAddr, chunks: bool) -> Result<()> {
        let mut config = Config::new("client.example.net".parse()?);
        if !chunks {
            config.ignored.insert(Extension::Chunking);
        }
        let host = address.ip().to_string();
        let connection = Outgoing::connect(&host, address.port(), config, Security::None);
        let mut connection = connection.await?;
        let mut delivery = Delivery::new(ReversePath::Mailbox(SENDER.parse()?));
        delivery.mail.parameters.size = Some(TEXT.len() as u64);
        for recipient in self.recipients() {
            delivery.to(recipient.parse()?);
        }
        for _ in 0..self.messages {
            let outcome = connection.send(delivery.clone(), TEXT).await?;
            ensure!(outcome.is_success(), "{:?}", outcome.fates());
        }
        Ok(())
    }

    fn lettre(self, address: SocketAddr) -> Result<()> {
        let hello = ClientId::Domain("client.example.net".into());
        let patience = Some(Duration::from_secs(60));
        let mut connection = SmtpConnection::connect(address, patience, &hello, None, None)?;
        let recipients: Result<Vec<_>, _> = self.recipients().map(|to| to.parse()).collect();
        let envelope = lettre::address::Envelope::new(Some(SENDER.parse()?), recipients?)?;
        for _ in 0..self.messages {
            connection.send(&envelope, TEXT)?;
        }
        Ok(())
    }

    async fn mail_send(self, address: SocketAddr) -> Result<()> {
        let host = address.ip().to_string();
        let builder = SmtpClientBuilder::new(host, address.port()).map_err(anyhow::Error::msg)?;
        let builder = builder.implicit_tls(false);
        let mut client = builder.connect_plain().await?;
        for _ in 0..self.messages {
            let recipients: Vec<_> = self.recipients().collect();
            let recipients = recipients.iter().map(String::as_str);
            let message = Message::new(SENDER, recipients, TEXT);
            client.send(message).await?;
        }
        Ok(())
    }

    fn recipients(self) -> impl Iterator<Item = String> {
        (0..self.recipients).map(|number| format!("user{number}@example.org"))
    }
}

const SENDER: &str = "sender@example.net";

const TEXT: &[u8] = b"From: <sender@example.net>\r\nSubject: hello\r\n\r\nA short message.\r\n";

/// The server, a process of its own.
struct Server {
    child: Child,
    address: SocketAddr,
}

impl Server {
    fn start() -> Result<Self> {
        let address = Probe::bind(("127.0.0.1", 0))?.local_addr()?;
        let child = Command::new(std::env::current_exe()?)
            .args(["--sink", sinks::MAILWIRE, &address.port().to_string()])
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .spawn()
            .context("the server")?;
        let server = Self { child, address };
        let deadline = Instant::now() + Duration::from_secs(10);
        while Connection::connect(address).is_err() {
            ensure!(Instant::now() < deadline, "the server does not listen");
            std::thread::sleep(Duration::from_millis(5));
        }
        Ok(server)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // It serves until it is killed.
        _ = self.child.kill();
        _ = self.child.wait();
    }
}

/// How often the server has spoken behind what the client had said: round trips.
#[derive(Default)]
struct Turns {
    count: AtomicUsize,
    is_server: AtomicBool,
}

impl Turns {
    fn speaks(&self, is_server: bool) {
        if self.is_server.swap(is_server, Ordering::Relaxed) != is_server && is_server {
            self.count.fetch_add(1, Ordering::Relaxed);
        }
    }
}

/// A place from which the server is so far away, each way.
async fn delay(server: SocketAddr, latency: Duration, turns: Arc<Turns>) -> Result<SocketAddr> {
    let socket = TcpListener::bind("127.0.0.1:0").await?;
    let address = socket.local_addr()?;
    tokio::spawn(async move {
        while let Ok((client, _)) = socket.accept().await {
            let turns = Arc::clone(&turns);
            tokio::spawn(async move {
                // A connection, too, takes its way there.
                tokio::time::sleep(latency).await;
                let server = TcpStream::connect(server).await?;
                client.set_nodelay(true)?;
                server.set_nodelay(true)?;
                let (client_read, client_write) = client.into_split();
                let (server_read, server_write) = server.into_split();
                let both = Arc::clone(&turns);
                pass(client_read, server_write, latency, move || {
                    both.speaks(false)
                });
                pass(server_read, client_write, latency, move || {
                    turns.speaks(true)
                });
                std::io::Result::Ok(())
            });
        }
    });
    Ok(address)
}

fn pass(
    mut from: OwnedReadHalf,
    mut to: OwnedWriteHalf,
    latency: Duration,
    speaks: impl Fn() + Send + 'static,
) {
    let (on_the_way, mut arriving) = mpsc::unbounded_channel();
    tokio::spawn(async move {
        let mut piece = vec![0; 64 * 1024];
        while let Ok(count @ 1..) = from.read(&mut piece).await {
            speaks();
            let due = tokio::time::Instant::now() + latency;
            if on_the_way.send((due, piece[..count].to_vec())).is_err() {
                return;
            }
        }
    });
    tokio::spawn(async move {
        while let Some((due, piece)) = arriving.recv().await {
            sleep_until(due).await;
            if to.write_all(&piece).await.is_err() {
                return;
            }
        }
    });
}
