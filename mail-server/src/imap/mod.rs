//! IMAP listeners.
//!
//! Give [`Listener::serve`] a [`Service`], most often one that serves a
//! [`Mailstore`](crate::store::Mailstore):
//!
//! ```no_run
//! use mail_server::auth::{Authentication, Passwords};
//! use mail_server::imap::{self, FromStore, Listener};
//! use mail_server::store::MemoryStore;
//! use sasl::PasswordFile;
//!
//! # async fn run() -> Result<(), Box<dyn std::error::Error>> {
//! let users = PasswordFile::parse("alice@example.org:{PLAIN}rabbit hole\n").unwrap();
//! let mut config = imap::config();
//! config.auth_without_tls = true; // it is only for this host
//! let listener = Listener::bind("127.0.0.1:2143", config)
//!     .await?
//!     .authentication(Authentication::new(Passwords::from(users)));
//! let service = FromStore::new(MemoryStore::new(), |user| user.parse().ok());
//! listener.serve(|_peer| service.clone()).await;
//! # Ok(())
//! # }
//! ```
//!
//! Messages go to the store and come from it as fast as the client sends or takes them, and are not held whole, except for
//! small ones, and for a look at the parts of larger ones, of which few are held at a time. What has more
//! than 64 MiB is told as one part that programs know nothing of, and searched in its header alone.
//!
//! [`Client`] is the other side.

mod service;
pub use service::{Service, Session};

mod from_store;
pub use from_store::FromStore;

mod offer;
mod places;
pub use offer::config;

mod connection;

mod answers;
pub use answers::Answers;

mod selected;

mod watching;

mod listing;

mod quota;

mod metadata;

mod append;

mod url;

mod fetch;

mod describe;

mod large;

mod streaming;

mod long;

mod find;

mod search;

mod sort;

mod subject;

mod thread;

mod mime;

mod refusals;

mod client;
pub use client::{Answer, Client, ClientError, Idle, Message, Messages};

pub use imap_proto::server::Config;

use std::sync::Arc;

use imap_proto::server::Server;
use mailwire::auth::MechanismName;

use crate::acceptor::Refusals;
use crate::listener::{self, Peer};

/// A TCP socket on which IMAP is served.
pub type Listener = crate::Listener<Imap>;

/// What makes a [`Listener`](crate::Listener) one of IMAP.
#[derive(Debug)]
#[non_exhaustive]
pub struct Imap;

impl listener::Protocol for Imap {
    type Config = Config;

    type Machine = Server;

    const SERVICE: &'static str = "imap";

    fn offer_tls(config: &mut Config) {
        config.starttls = true;
    }

    fn offer_mechanisms(machine: &mut Server, mechanisms: Vec<MechanismName>) {
        machine.offer_mechanisms(mechanisms);
    }

    fn mechanisms(config: &mut Config) -> &mut Vec<MechanismName> {
        &mut config.mechanisms
    }

    fn hostname(_config: &Config) -> Option<&str> {
        None
    }

    fn allows_clear_passwords(config: &Config) -> bool {
        config.auth_without_tls
    }
}

impl Listener {
    /// Serves every connection with a service of its own, until
    /// [stopped](Self::stop_with) and the last session has ended or the
    /// [grace](crate::Limits::grace) is over.
    ///
    /// A service that panics ends its own connection.
    pub async fn serve<S: Service>(self, service: impl Fn(Peer) -> S) {
        self.serve_with(REFUSALS, |shared, stream, peer, stop| {
            connection::run(Arc::clone(shared), stream, peer, stop, service(peer))
        })
        .await;
    }
}

/// Said in place of a greeting.
const REFUSALS: Refusals = Refusals {
    busy: b"* BYE [UNAVAILABLE] Too many connections, try again later\r\n",
    stopping: b"* BYE [UNAVAILABLE] Server is shutting down\r\n",
};
