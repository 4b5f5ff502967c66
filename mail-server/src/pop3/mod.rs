//! POP3 listeners.
//!
//! Give [`Listener::serve`] a [`Service`], most often one that serves a
//! [`Mailstore`](crate::store::Mailstore):
//!
//! ```no_run
//! use mail_server::auth::{Authentication, Passwords};
//! use mail_server::pop3::{Config, FromStore, Listener};
//! use mail_server::store::FileStore;
//! use sasl::PasswordFile;
//!
//! # async fn run() -> Result<(), Box<dyn std::error::Error>> {
//! let users = PasswordFile::parse("alice@example.org:{PLAIN}rabbit hole\n").unwrap();
//! let mut config = Config::new();
//! config.auth_without_tls = true; // it is only for this host
//! let listener = Listener::bind("127.0.0.1:2110", config)
//!     .await?
//!     .authentication(Authentication::new(Passwords::from(users)));
//! let service = FromStore::new(FileStore::maildir("/var/mail"), |user| user.parse().ok());
//! listener.serve(|_peer| service.clone()).await;
//! # Ok(())
//! # }
//! ```

mod service;
pub use service::{Service, Session};

mod from_store;
pub use from_store::FromStore;

#[cfg(feature = "apop")]
mod apop;
#[cfg(feature = "apop")]
pub use apop::timestamp;

mod connection;

mod client;
pub use client::{Client, ClientError, Message, Messages};

pub use pop3_proto::server::Config;

use std::sync::Arc;

use mailwire::auth::MechanismName;
use pop3_proto::server::Server;

use crate::acceptor::Refusals;
use crate::listener::{self, Peer};

/// A TCP socket on which POP3 is served.
pub type Listener = crate::Listener<Pop3>;

/// What makes a [`Listener`](crate::Listener) one of POP3.
#[derive(Debug)]
#[non_exhaustive]
pub struct Pop3;

impl listener::Protocol for Pop3 {
    type Config = Config;

    type Machine = Server;

    const SERVICE: &'static str = "pop3";

    fn offer_tls(config: &mut Config) {
        config.stls = true;
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
    /// A service that panics ends its own connection. Dropping the future drops all sessions;
    /// they delete nothing then.
    pub async fn serve<S: Service>(self, service: impl Fn(Peer) -> S) {
        self.serve_with(REFUSALS, |shared, stream, peer, stop| {
            connection::run(Arc::clone(shared), stream, peer, stop, service(peer))
        })
        .await;
    }
}

/// Said in place of a greeting.
const REFUSALS: Refusals = Refusals {
    busy: b"-ERR [SYS/TEMP] Too many connections, try again later\r\n",
    stopping: b"-ERR [SYS/TEMP] Server is shutting down\r\n",
};
