//! How a sandbox is to be, and its start.

use std::collections::HashMap;
use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::{Arc, Once};

use mailwire::testing::transcript::Dialogue;
use tokio::net::{TcpListener, TcpSocket};

use crate::accounts::Accounts;
use crate::clock::Clock;
use crate::endpoint::Endpoint;
use crate::fault::{Armed, Fault, FaultError, Side};
use crate::limits::{BACKLOG, MESSAGE, MESSAGES};
use crate::runtime;
use crate::sandbox::{Sandbox, Shared};
use crate::scripted::Script;
use crate::store::Store;

/// How a sandbox is to be.
#[derive(Debug, Clone)]
pub struct Builder {
    address: IpAddr,
    ports: Vec<(Endpoint, u16)>,
    hostname: String,
    accounts: Vec<String>,
    faults: Vec<Fault>,
    clock: Clock,
    message_limit: u64,
    keep: usize,
    transcripts: Vec<(Endpoint, String)>,
    recorded: Vec<(Endpoint, String)>,
}

impl Builder {
    /// Listens at this address instead of 127.0.0.1.
    #[must_use]
    pub fn address(mut self, address: IpAddr) -> Self {
        self.address = address;
        self
    }

    /// Only these endpoints.
    #[must_use]
    pub fn only(mut self, endpoints: impl IntoIterator<Item = Endpoint>) -> Self {
        self.ports = endpoints.into_iter().map(|which| (which, 0)).collect();
        self
    }

    /// An endpoint on this port, instead of one that is free.
    #[must_use]
    pub fn port(mut self, endpoint: Endpoint, port: u16) -> Self {
        self.ports.retain(|(other, _)| *other != endpoint);
        self.ports.push((endpoint, port));
        self
    }

    /// The name that the servers have. Default `sandbox.test`.
    #[must_use]
    pub fn hostname(mut self, hostname: impl Into<String>) -> Self {
        self.hostname = hostname.into();
        self
    }

    /// Somebody who may log in. If nobody is named, everybody may: an account is then made when it
    /// is used for the first time, with the password that was said.
    ///
    /// A mailbox holds what is addressed to the account's name, or to that name in any domain if it
    /// has none itself. It needs no account to be mailed to.
    #[must_use]
    pub fn account(mut self, name: &str, password: &str) -> Self {
        self.accounts.push(format!("{name}:{password}"));
        self
    }

    /// Something goes wrong from the beginning.
    #[must_use]
    pub fn fault(mut self, fault: Fault) -> Self {
        self.faults.push(fault);
        self
    }

    /// Several things do: those of a [file](crate::fault::Faults), or of a
    /// [preset](crate::fault::Preset).
    #[must_use]
    pub fn faults(mut self, faults: impl IntoIterator<Item = Fault>) -> Self {
        self.faults.extend(faults);
        self
    }

    /// Goes by this clock.
    #[must_use]
    pub fn clock(mut self, clock: Clock) -> Self {
        self.clock = clock;
        self
    }

    /// Octets that a message may have. Default 64 MiB.
    #[must_use]
    pub fn message_limit(mut self, octets: u64) -> Self {
        self.message_limit = octets;
        self
    }

    /// How many messages are kept: the oldest make room. Default 100,000.
    #[must_use]
    pub fn keep(mut self, messages: usize) -> Self {
        self.keep = messages;
        self
    }

    /// An endpoint that says what a [transcript](crate::Conversation::transcript) says, instead of
    /// being served. Of several transcripts, the first connection gets the first, and so on; the
    /// last is repeated.
    ///
    /// A client has to say each command as it is written, in any case of letters; `***` stands for anything, as in
    /// `RCPT TO:<***>`, and so the secrets that were left out when it was recorded do. Messages and their sizes, the
    /// name in EHLO, and IMAP's tags may be others than those that are written: the server's answers have the
    /// client's tags. If a command differs, the connection is closed and the conversation says why. Delays go by
    /// the clock. Messages are not kept, and faults do not happen here.
    ///
    /// ```
    /// use mail_sandbox::{Endpoint, MisbehavingClient, Sandbox, Speaker};
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let script = "S: 220 mx.test\nC: EHLO x\nS: 500 What?\nC: QUIT\nS: 221 Bye\n! close\n";
    /// let sandbox = Sandbox::builder().replay(Endpoint::Smtp, script).start().await?;
    /// let client = MisbehavingClient::new(Endpoint::Smtp, sandbox.address(Endpoint::Smtp));
    /// let heard = client.run().await?.said(Speaker::Server);
    /// assert_eq!(heard, "220 mx.test\r\n500 What?\r\n221 Bye\r\n");
    /// # Ok(())
    /// # }
    /// ```
    #[must_use]
    pub fn replay(mut self, endpoint: Endpoint, transcript: impl Into<String>) -> Self {
        self.transcripts.push((endpoint, transcript.into()));
        self.with(endpoint)
    }

    /// An endpoint that passes everything on to another server, `HOST:PORT`, and keeps the
    /// [conversations](Sandbox::conversations) with messages whole, for their
    /// [transcripts](crate::Conversation::transcript). TLS ends here and begins anew towards the
    /// server, whose certificate is not checked. Faults do not happen here.
    ///
    /// Up to 64 MiB are kept of a connection, and 256 MiB of all that have ended. What is beyond is passed on all the
    /// same; the conversation, and its transcript, say where they end, and the oldest ones make room.
    #[must_use]
    pub fn record(mut self, endpoint: Endpoint, server: impl Into<String>) -> Self {
        self.recorded.push((endpoint, server.into()));
        self.with(endpoint)
    }

    /// This endpoint too.
    fn with(mut self, endpoint: Endpoint) -> Self {
        if self.ports.iter().all(|(other, _)| *other != endpoint) {
            self.ports.push((endpoint, 0));
        }
        self
    }

    /// Starts it.
    ///
    /// # Errors
    ///
    /// If a port is taken, or if what was said cannot be.
    pub async fn start(self) -> Result<Sandbox, StartError> {
        runtime::run(async move { self.start_here() }).await
    }

    /// The same on a thread that may block, or that has a runtime.
    pub(crate) fn start_blocking(self) -> Result<Sandbox, StartError> {
        runtime::block_on(async move { self.start_here() })
    }

    /// On the runtime that serves.
    fn start_here(self) -> Result<Sandbox, StartError> {
        raise_file_limit();
        let hostname = self.hostname.parse();
        let hostname = hostname.map_err(|_| StartError::Hostname(self.hostname))?;
        let accounts = Accounts::new(&self.accounts).ok_or(StartError::Account)?;
        let faults = Arc::new(Armed::new(Side::Server));
        for fault in self.faults {
            faults.add(fault)?;
        }
        let scripts = scripts(self.transcripts, self.recorded)?;
        let shared = Arc::new(Shared {
            hostname,
            message_limit: self.message_limit,
            accounts,
            store: Arc::new(Store::new(self.keep)),
            faults,
            clock: self.clock,
            scripts,
            connections: Default::default(),
        });
        let mut bound = Vec::new();
        for (endpoint, port) in self.ports {
            let address = SocketAddr::new(self.address, port);
            let socket = listen(address).and_then(|socket| Ok((socket.local_addr()?, socket)));
            let (address, socket) = socket.map_err(|error| StartError::Port {
                endpoint,
                address,
                error,
            })?;
            bound.push((endpoint, address, socket));
        }
        Ok(Sandbox::serve(shared, bound))
    }
}

impl Default for Builder {
    fn default() -> Self {
        Self {
            address: Ipv4Addr::LOCALHOST.into(),
            ports: Endpoint::ALL.map(|endpoint| (endpoint, 0)).into(),
            hostname: "sandbox.test".into(),
            accounts: Vec::new(),
            faults: Vec::new(),
            clock: Clock::system(),
            message_limit: MESSAGE,
            keep: MESSAGES,
            transcripts: Vec::new(),
            recorded: Vec::new(),
        }
    }
}

/// The endpoints that no machine serves.
fn scripts(
    transcripts: Vec<(Endpoint, String)>,
    recorded: Vec<(Endpoint, String)>,
) -> Result<HashMap<Endpoint, Arc<Script>>, StartError> {
    let mut dialogues: HashMap<Endpoint, Vec<Dialogue>> = HashMap::new();
    for (endpoint, transcript) in transcripts {
        let dialogue = transcript.parse();
        let dialogue = dialogue.map_err(|reason| StartError::Transcript { endpoint, reason })?;
        dialogues.entry(endpoint).or_default().push(dialogue);
    }
    let replayed = dialogues
        .into_iter()
        .map(|(endpoint, dialogues)| (endpoint, Script::replay(dialogues)));
    let recorded = recorded
        .into_iter()
        .map(|(endpoint, server)| (endpoint, Script::Record(server)));
    let all = replayed.chain(recorded);
    Ok(all
        .map(|(endpoint, script)| (endpoint, Arc::new(script)))
        .collect())
}

fn listen(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = match address {
        SocketAddr::V4(_) => TcpSocket::new_v4()?,
        SocketAddr::V6(_) => TcpSocket::new_v6()?,
    };
    // A port that was served a moment ago is free, although its connections are remembered.
    #[cfg(unix)]
    socket.set_reuseaddr(true)?;
    socket.bind(address)?;
    socket.listen(BACKLOG)
}

/// Hundreds of sandboxes need more sockets than the thousand descriptors that a process has at
/// first; it may have more if it asks.
fn raise_file_limit() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        use rustix::process::{Resource, getrlimit, setrlimit};
        let mut limit = getrlimit(Resource::Nofile);
        limit.current = limit.maximum;
        let _ = setrlimit(Resource::Nofile, limit);
    });
}

/// A sandbox could not be started.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StartError {
    /// The port is in use, or not ours to take.
    #[error("cannot listen on {address} for {endpoint}: {error}")]
    Port {
        /// For what.
        endpoint: Endpoint,
        /// Where.
        address: SocketAddr,
        /// Why.
        error: io::Error,
    },
    /// The name is none of a host.
    #[error("not a name of a host: {0}")]
    Hostname(String),
    /// An account's name or password cannot be one, or a name is there twice.
    #[error("not an account")]
    Account,
    /// A transcript cannot be read.
    #[error("transcript for {endpoint}: {reason}")]
    Transcript {
        /// For what.
        endpoint: Endpoint,
        /// The line, and what is wrong with it.
        reason: String,
    },
    /// A fault means nothing.
    #[error("fault: {0}")]
    Fault(#[from] FaultError),
}
