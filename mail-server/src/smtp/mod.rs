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
pub use outgoing::{Outgoing, Security, SendError};

pub use smtp_proto::server::{Config, Protocol};

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;

use tokio::net::ToSocketAddrs;

use crate::limits::Limits;
use crate::listener::{Acceptor, Peer, Refusals, Stop};
use crate::proxy::Proxies;
use crate::tls::Tls;

/// A TCP socket on which SMTP or LMTP is served.
///
/// The [`Config`] says which of the two, and everything else about the protocol.
#[derive(Debug)]
pub struct Listener {
    acceptor: Acceptor,
    config: Config,
    tls: Option<Tls>,
    implicit_tls: bool,
    proxies: Option<Proxies>,
    stop: Stop,
}

impl Listener {
    /// Binds a socket. Port 0 takes a free one: see [`local_addr`](Self::local_addr).
    ///
    /// # Errors
    ///
    /// If the address cannot be bound.
    pub async fn bind(address: impl ToSocketAddrs, config: Config) -> io::Result<Self> {
        Ok(Self::new(Acceptor::bind(address).await?, config))
    }

    /// Takes a socket that listens already, such as one inherited from a supervisor.
    ///
    /// # Errors
    ///
    /// If the socket cannot be used without blocking.
    ///
    /// # Panics
    ///
    /// Outside of a tokio runtime.
    #[expect(
        clippy::disallowed_types,
        reason = "it is made a socket of the runtime's"
    )]
    pub fn from_std(socket: std::net::TcpListener, config: Config) -> io::Result<Self> {
        Ok(Self::new(Acceptor::from_std(socket)?, config))
    }

    fn new(acceptor: Acceptor, config: Config) -> Self {
        Self {
            acceptor,
            config,
            tls: None,
            implicit_tls: false,
            proxies: None,
            stop: Stop::new(),
        }
    }

    /// Offers STARTTLS (RFC 3207).
    #[must_use]
    pub fn starttls(mut self, tls: Tls) -> Self {
        self.config.starttls = true;
        self.tls = Some(tls);
        self
    }

    /// Connections begin with the TLS handshake, as on port 465 (RFC 8314 section 3.3).
    #[must_use]
    pub fn implicit_tls(mut self, tls: Tls) -> Self {
        self.implicit_tls = true;
        self.tls = Some(tls);
        self
    }

    /// Connections from these begin with a header of the PROXY protocol, and
    /// [`Session::peer`] is the client that it names. The limits on connections, and what the
    /// service is made for, still go by the proxy.
    #[must_use]
    pub fn behind(mut self, proxies: Proxies) -> Self {
        self.proxies = Some(proxies);
        self
    }

    /// Sets the limits on connections.
    #[must_use]
    pub fn limits(mut self, limits: Limits) -> Self {
        self.acceptor.set_limits(limits);
        self
    }

    /// Stops when `stop` says so.
    #[must_use]
    pub fn stop_with(mut self, stop: Stop) -> Self {
        self.stop = stop;
        self
    }

    /// Where it listens.
    pub fn local_addr(&self) -> SocketAddr {
        self.acceptor.local_addr()
    }

    /// Serves every connection with a service of its own, until [stopped](Self::stop_with) and
    /// the last session has ended or the [grace](Limits::grace) is over.
    ///
    /// A service that panics ends its own connection. Dropping the future drops all sessions.
    pub async fn serve<S: Service>(self, service: impl Fn(Peer) -> S) {
        let shared = Arc::new(connection::Shared {
            config: Arc::new(self.config),
            tls: self.tls,
            implicit_tls: self.implicit_tls,
            proxies: self.proxies,
            handshake: self.acceptor.handshake(),
        });
        let refusals = if self.implicit_tls {
            NO_REFUSALS
        } else {
            REFUSALS
        };
        self.acceptor
            .serve(self.stop, refusals, |stream, peer, stop| {
                connection::run(Arc::clone(&shared), stream, peer, stop, service(peer))
            })
            .await;
    }
}

/// Said in place of a greeting.
const REFUSALS: Refusals = Refusals {
    busy: b"421 4.7.0 Too many connections, try again later\r\n",
    stopping: b"421 4.3.2 Service is shutting down\r\n",
};

/// Before a TLS handshake nothing can be said.
const NO_REFUSALS: Refusals = Refusals {
    busy: b"",
    stopping: b"",
};
