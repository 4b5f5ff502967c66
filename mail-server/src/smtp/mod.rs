//! SMTP, submission and LMTP listeners.
//!
//! Implement [`Service`], and [`Listener::serve`] does the rest:
//!
//! ```no_run
//! use mail_server::smtp::{Body, Config, Envelope, Listener, Service, Session, Statuses};
//! use smtp_proto::Reply;
//! use smtp_proto::command::Rcpt;
//!
//! struct Print;
//!
//! #[async_trait::async_trait]
//! impl Service for Print {
//!     async fn rcpt(&mut self, _: &Session, _: &Rcpt) -> Result<(), Reply> {
//!         Ok(()) // the default refuses everybody
//!     }
//!
//!     async fn message(
//!         &mut self,
//!         _: &Session,
//!         envelope: &Envelope,
//!         body: &mut Body<'_>,
//!     ) -> Result<Statuses, Reply> {
//!         println!("from {}", envelope.mail.path);
//!         while let Some(piece) = body.next().await? {
//!             print!("{}", String::from_utf8_lossy(&piece));
//!         }
//!         Ok(Statuses::accepted())
//!     }
//! }
//!
//! # async fn run() -> Result<(), Box<dyn std::error::Error>> {
//! let config = Config::new("localhost".parse()?);
//! Listener::bind("127.0.0.1:2525", config).await?.serve(|_peer| Print).await;
//! # Ok(())
//! # }
//! ```

mod service;
pub use service::{Body, BodyEnded, Envelope, Service, Session, Statuses};

mod connection;

mod authentication;

mod deliver;
pub use deliver::deliver;

mod outgoing;
pub use outgoing::{Outgoing, SendError};

pub use smtp_proto::server::{Config, Protocol};

use std::sync::Arc;

use mailwire::auth::MechanismName;
use smtp_proto::server::Server;

use crate::acceptor::Refusals;
use crate::listener::{self, Peer};

/// A TCP socket on which SMTP or LMTP is served.
///
/// The [`Config`] says which of the two, and everything else about the protocol.
pub type Listener = crate::Listener<Smtp>;

/// What makes a [`Listener`](crate::Listener) one of SMTP or LMTP.
#[derive(Debug)]
#[non_exhaustive]
pub struct Smtp;

impl listener::Protocol for Smtp {
    type Config = Config;

    type Machine = Server;

    const SERVICE: &'static str = "smtp";

    fn offer_tls(config: &mut Config) {
        config.starttls = true;
    }

    fn offer_mechanisms(machine: &mut Server, mechanisms: Vec<MechanismName>) {
        machine.offer_mechanisms(mechanisms);
    }

    fn mechanisms(config: &mut Config) -> &mut Vec<MechanismName> {
        &mut config.mechanisms
    }

    fn hostname(config: &Config) -> Option<&str> {
        Some(config.hostname.as_str())
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
    /// A service that panics ends its own connection. Dropping the future drops all sessions.
    pub async fn serve<S: Service>(self, service: impl Fn(Peer) -> S) {
        self.serve_with(REFUSALS, |shared, stream, peer, stop| {
            connection::run(Arc::clone(shared), stream, peer, stop, service(peer))
        })
        .await;
    }
}

/// Said in place of a greeting.
const REFUSALS: Refusals = Refusals {
    busy: b"421 4.7.0 Too many connections, try again later\r\n",
    stopping: b"421 4.3.2 Service is shutting down\r\n",
};
