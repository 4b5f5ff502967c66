//! Servers that live as long as a value.

use std::collections::HashMap;
use std::fmt;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use smtp_proto::Domain;
use tokio::net::TcpListener;
use tokio::task::{AbortHandle, JoinSet};
use tokio::time::timeout;

use crate::accounts::Accounts;
use crate::authority;
use crate::builder::{Builder, StartError};
use crate::clock::Clock;
use crate::conversation::Conversation;
use crate::endpoint::Endpoint;
use crate::fault::{Armed, Fault, FaultError, Injected};
use crate::feed::Feed;
use crate::limits::DROP;
use crate::mailbox::Mailbox;
use crate::message::{Arrived, Envelope, Message, Recipient};
use crate::not_arrived::NotArrived;
use crate::query::Query;
use crate::runtime;
use crate::scripted::Script;
use crate::session;
use crate::store::Store;

/// Mail servers for a test, on ports of their own: SMTP, submission, LMTP, POP3 and IMAP, plain and
/// under TLS, over one store in memory.
///
/// Every recipient is accepted and nothing is relayed. What comes is in the `INBOX` of its recipients at once, and
/// what a client appends to a folder has come too. When the value is dropped, connections and
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
    /// How many connections there have been.
    pub(crate) connections: AtomicU64,
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

    /// The mailbox of an account, which needs no login to be there.
    pub fn mailbox(&self, account: &str) -> Mailbox {
        Mailbox(self.shared.store.mailbox(account).folders)
    }

    /// Forgets messages, in mailboxes too, and says how many. What clients have moved or copied to other
    /// folders stays there.
    pub fn remove(&self, query: &Query) -> usize {
        self.shared.store.remove(|message| query.matches(message))
    }

    /// Puts a message where these find it by POP3 and IMAP, as if it had come.
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
            folder: None,
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

    /// Serves these sockets, on the runtime that does.
    pub(crate) fn serve(
        shared: Arc<Shared>,
        bound: Vec<(Endpoint, SocketAddr, TcpListener)>,
    ) -> Self {
        let (alive, closed) = channel();
        let ports = bound
            .iter()
            .map(|(endpoint, address, _)| (*endpoint, *address));
        let ports = ports.collect();
        let listeners = bound.into_iter().map(|(endpoint, _, socket)| {
            let serving = serve(Arc::clone(&shared), endpoint, socket, alive.clone());
            tokio::spawn(serving).abort_handle()
        });
        Self {
            listeners: listeners.collect(),
            shared,
            ports,
            closed: Mutex::new(closed),
        }
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

impl fmt::Debug for Shared {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Shared")
            .field("hostname", &self.hostname.as_str())
            .field("clock", &self.clock)
            .finish_non_exhaustive()
    }
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
