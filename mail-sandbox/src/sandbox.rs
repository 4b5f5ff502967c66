//! Servers that live as long as a value.

use std::collections::HashMap;
use std::fmt;
use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex, Once, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use mailwire::testing::transcript::Dialogue;
use smtp_proto::Domain;
use tokio::net::{TcpListener, TcpSocket};
use tokio::task::{AbortHandle, JoinSet};
use tokio::time::timeout;

use crate::accounts::Accounts;
use crate::authority;
use crate::clock::Clock;
use crate::conversation::Conversation;
use crate::endpoint::Endpoint;
use crate::fault::{Armed, Fault, FaultError, Injected, Side};
use crate::feed::Feed;
use crate::limits::{BACKLOG, DROP, MESSAGE, MESSAGES};
use crate::message::{Arrived, Envelope, Message, Recipient};
use crate::query::Query;
use crate::runtime;
use crate::scripted::Script;
use crate::session;
use crate::store::Store;

/// Mail servers for a test, on ports of their own: SMTP, submission, LMTP and POP3, plain and
/// under TLS, over one store in memory.
///
/// Every recipient is accepted and nothing is relayed. When the value is dropped, connections and
/// ports are closed and the messages are gone.
///
/// The servers run on threads that all sandboxes of the process share, and which are not the
/// test's: a test may block, and it need not have a runtime.
#[derive(Debug)]
pub struct Sandbox {
    shared: Arc<Shared>,
    ports: Vec<(Endpoint, SocketAddr)>,
    listeners: Vec<AbortHandle>,
    /// Disconnected once all of them are gone. Locked, so that threads can share a sandbox.
    closed: Mutex<Receiver<()>>,
}

/// What all connections of a sandbox share.
pub(crate) struct Shared {
    pub(crate) hostname: Domain,
    pub(crate) message_limit: u64,
    pub(crate) accounts: Accounts,
    pub(crate) store: Arc<Store>,
    pub(crate) faults: Arc<Armed>,
    pub(crate) clock: Clock,
    pub(crate) scripts: HashMap<Endpoint, Arc<Script>>,
    connections: AtomicU64,
}

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

impl Sandbox {
    /// Starts all endpoints on free ports of the loopback, without faults.
    ///
    /// # Errors
    ///
    /// If the system has no ports or descriptors left.
    pub async fn start() -> Result<Self, StartError> {
        Self::builder().start().await
    }

    /// A sandbox that is somehow else.
    pub fn builder() -> Builder {
        Builder::default()
    }

    /// Where an endpoint listens.
    ///
    /// # Panics
    ///
    /// If the sandbox was made without it.
    pub fn address(&self, endpoint: Endpoint) -> SocketAddr {
        let found = self.ports.iter().find(|(other, _)| *other == endpoint);
        match found {
            Some((_, address)) => *address,
            None => panic!("this sandbox has no {endpoint}"),
        }
    }

    /// The same as a URL, such as `smtp://127.0.0.1:43210`.
    ///
    /// # Panics
    ///
    /// If the sandbox was made without it.
    pub fn url(&self, endpoint: Endpoint) -> String {
        format!("{}://{}", endpoint.scheme(), self.address(endpoint))
    }

    /// All endpoints that there are.
    pub fn endpoints(&self) -> impl Iterator<Item = (Endpoint, SocketAddr)> {
        self.ports.iter().copied()
    }

    /// The certificate that clients have to trust, in PEM. It is made anew in each process.
    pub fn ca_pem(&self) -> &'static str {
        authority::authority_pem()
    }

    /// The same in DER.
    pub fn ca_der(&self) -> &'static [u8] {
        authority::authority_der()
    }

    /// The clock that the sandbox goes by.
    pub fn clock(&self) -> &Clock {
        &self.shared.clock
    }

    /// All messages, oldest first.
    pub fn messages(&self) -> Vec<Message> {
        self.find(&Query::any())
    }

    /// The messages that a query means, oldest first.
    pub fn find(&self, query: &Query) -> Vec<Message> {
        self.shared.store.messages(|message| query.matches(message))
    }

    /// The message with a number.
    pub fn message(&self, id: u64) -> Option<Message> {
        self.shared.store.message(id)
    }

    /// Waits until there are as many messages as the query wants, which may have come before, and
    /// tells them all.
    ///
    /// # Errors
    ///
    /// When this time has passed, by the clock on the wall. The error shows what came instead, and
    /// what was said.
    pub async fn wait_for(
        &self,
        query: &Query,
        within: Duration,
    ) -> Result<Vec<Message>, NotArrived> {
        runtime::run(wait(Arc::clone(&self.shared), query.clone(), within)).await
    }

    /// Waits for a message, and tells the first.
    ///
    /// # Errors
    ///
    /// As for [`wait_for`](Self::wait_for).
    pub async fn wait_for_one(
        &self,
        query: &Query,
        within: Duration,
    ) -> Result<Message, NotArrived> {
        let mut found = self.wait_for(&query.clone().count(1), within).await?;
        Ok(found.swap_remove(0))
    }

    /// Tells of messages as they come and go, from now on.
    pub fn follow(&self) -> Feed {
        self.shared.store.follow()
    }

    /// Forgets messages, in mailboxes too, and says how many.
    pub fn remove(&self, query: &Query) -> usize {
        self.shared.store.remove(|message| query.matches(message))
    }

    /// Puts a message where these find it by POP3, as if it had come.
    pub fn deliver<'a>(
        &self,
        recipients: impl IntoIterator<Item = &'a str>,
        message: impl Into<Bytes>,
    ) -> Message {
        let recipients = recipients.into_iter().map(|address| Recipient {
            address: address.to_owned(),
            rcpt: format!("RCPT TO:<{address}>"),
        });
        self.shared.store.add(Arrived {
            endpoint: None,
            envelope: Envelope {
                recipients: recipients.collect(),
                ..Envelope::default()
            },
            hello: None,
            user: None,
            tls: None,
            raw: message.into(),
            conversation: Conversation::new(None, None, self.shared.clock.now()),
        })
    }

    /// The conversations of all connections, oldest first.
    pub fn conversations(&self) -> Vec<Conversation> {
        self.shared.store.conversations()
    }

    /// Makes something go wrong from now on.
    ///
    /// # Errors
    ///
    /// If the fault means nothing: it has no action, or one that does not fit its place.
    pub fn inject(&self, fault: Fault) -> Result<Injected, FaultError> {
        self.shared.faults.add(fault)
    }

    /// The faults that there are, and how often each has happened.
    pub fn faults(&self) -> Vec<(Fault, u64)> {
        self.shared.faults.list()
    }

    /// Takes all faults back.
    pub fn clear_faults(&self) {
        self.shared.faults.clear();
    }

    pub(crate) fn shared(&self) -> Arc<Shared> {
        Arc::clone(&self.shared)
    }
}

impl Drop for Sandbox {
    fn drop(&mut self) {
        for listener in &self.listeners {
            listener.abort();
        }
        // Each of them holds a sender, so this ends when the last socket is closed.
        let closed = self.closed.get_mut();
        let _ = closed
            .unwrap_or_else(PoisonError::into_inner)
            .recv_timeout(DROP);
    }
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

    /// An endpoint that says what a [transcript](Conversation::transcript) says, instead of being
    /// served. Of several transcripts, the first connection gets the first, and so on; the last
    /// is repeated.
    ///
    /// A client may say other names, addresses and messages than those that are written, but each
    /// of its commands has to begin with the same word; if one does not, the connection is closed
    /// and the conversation says why. Delays go by the clock. Messages are not kept, and faults do not
    /// happen here.
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
    /// [transcripts](Conversation::transcript). TLS ends here and begins anew towards the server,
    /// whose certificate is not checked. Faults do not happen here.
    ///
    /// Up to 64 MiB are kept of a connection.
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
            connections: AtomicU64::new(0),
        });
        let (alive, closed) = channel();
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
        let ports = bound
            .iter()
            .map(|(endpoint, address, _)| (*endpoint, *address));
        let ports = ports.collect();
        let listeners = bound.into_iter().map(|(endpoint, _, socket)| {
            let serving = serve(Arc::clone(&shared), endpoint, socket, alive.clone());
            tokio::spawn(serving).abort_handle()
        });
        Ok(Sandbox {
            listeners: listeners.collect(),
            shared,
            ports,
            closed: Mutex::new(closed),
        })
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

impl fmt::Debug for Shared {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Shared")
            .field("hostname", &self.hostname.as_str())
            .field("clock", &self.clock)
            .finish_non_exhaustive()
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

/// Accepts connections until it is dropped, and they with it.
async fn serve(shared: Arc<Shared>, endpoint: Endpoint, socket: TcpListener, alive: Sender<()>) {
    let mut sessions = JoinSet::new();
    loop {
        tokio::select! {
            accepted = socket.accept() => match accepted {
                Ok((stream, _)) => {
                    let number = shared.connections.fetch_add(1, Ordering::Relaxed);
                    let session = session::serve(Arc::clone(&shared), endpoint, stream, number);
                    let alive = alive.clone();
                    sessions.spawn(async move {
                        let _alive = alive;
                        session.await;
                    });
                }
                // Out of descriptors, or the client has gone already.
                Err(_) => tokio::time::sleep(ACCEPT_PAUSE).await,
            },
            Some(_) = sessions.join_next() => {}
        }
    }
}

/// How long accepting rests when the system refuses to give us another socket.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

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

/// Waits for messages without looking for them again and again.
pub(crate) async fn wait(
    shared: Arc<Shared>,
    query: Query,
    within: Duration,
) -> Result<Vec<Message>, NotArrived> {
    let mut news = shared.store.news();
    let arrived = async {
        loop {
            news.borrow_and_update();
            let found = shared.store.messages(|message| query.matches(message));
            if found.len() >= query.wanted() {
                return found;
            }
            // The sender is in the store, which we hold.
            let _ = news.changed().await;
        }
    };
    match timeout(within, arrived).await {
        Ok(found) => Ok(found),
        Err(_) => Err(NotArrived::new(&shared, &query, within)),
    }
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

/// The messages that were waited for did not come.
///
/// It prints with the messages that came, and with every conversation, so that the output of a
/// failed test shows why.
pub struct NotArrived(Box<Missing>);

struct Missing {
    query: Query,
    within: Duration,
    found: usize,
    messages: Vec<Message>,
    conversations: Vec<Conversation>,
}

impl NotArrived {
    fn new(shared: &Shared, query: &Query, within: Duration) -> Self {
        let messages = shared.store.messages(|_| true);
        Self(Box::new(Missing {
            found: messages
                .iter()
                .filter(|message| query.matches(message))
                .count(),
            query: query.clone(),
            within,
            messages,
            conversations: shared.store.conversations(),
        }))
    }

    /// How many of those that were wanted have come.
    pub fn found(&self) -> usize {
        self.0.found
    }

    /// What had come.
    pub fn messages(&self) -> &[Message] {
        &self.0.messages
    }
}

impl std::error::Error for NotArrived {}

impl fmt::Display for NotArrived {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let missing = &*self.0;
        let within = missing.within;
        writeln!(f, "{} did not arrive within {within:?}", missing.query)?;
        match missing.messages.len() {
            0 => writeln!(f, "no message came")?,
            count => writeln!(f, "{count} came, {} of them wanted:", missing.found)?,
        }
        let skipped = missing.messages.len().saturating_sub(SHOWN);
        for message in missing.messages.iter().skip(skipped) {
            writeln!(f, "  {message}")?;
        }
        match missing.conversations.len() {
            0 => writeln!(f, "nobody connected")?,
            count => writeln!(f, "{count} connections:")?,
        }
        let skipped = missing.conversations.len().saturating_sub(SHOWN);
        for conversation in missing.conversations.iter().skip(skipped) {
            writeln!(f, "{conversation}")?;
        }
        Ok(())
    }
}

impl fmt::Debug for NotArrived {
    /// As it prints: this is what `unwrap` shows.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// How many messages, and conversations, an error shows: the last of them.
const SHOWN: usize = 10;
