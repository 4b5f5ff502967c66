//! What listeners of all protocols have in common.

use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use mailwire::auth::MechanismName;
use mailwire::drive::DriveError;
use mailwire::{Machine, TlsInfo};
use sasl::Mechanism;
use tokio::net::{TcpStream, ToSocketAddrs};
use tokio::time::timeout;
use tokio_rustls::server::TlsStream;
use tokio_util::either::Either;
use tokio_util::sync::{CancellationToken, WaitForCancellationFutureOwned};
use tracing::{debug, info};

use crate::acceptor::{Acceptor, Refusals};
use crate::auth::{Authentication, Login, name};
use crate::limits::Limits;
use crate::proxy::Proxies;
use crate::tls::Tls;

/// A TCP socket on which a protocol is served: [`smtp::Listener`](crate::smtp::Listener),
/// [`pop3::Listener`](crate::pop3::Listener) or [`imap::Listener`](crate::imap::Listener).
///
/// Each protocol has a `serve` of its own.
pub struct Listener<P: Protocol> {
    acceptor: Acceptor,
    config: P::Config,
    tls: Option<Tls>,
    implicit_tls: bool,
    proxies: Option<Proxies>,
    authentication: Option<Authentication>,
    stop: Stop,
}

/// What listeners need to know of a protocol. Not for implementing: those that there are do.
pub trait Protocol {
    /// How the sessions of the protocol are configured.
    type Config;

    /// A session.
    type Machine: Machine;

    /// The protocol's name in SASL (RFC 4422 section 4), and in the log.
    const SERVICE: &'static str;

    /// Has STARTTLS announced, or what the protocol calls it.
    fn offer_tls(config: &mut Self::Config);

    /// Has these mechanisms announced in a session, and no others.
    fn offer_mechanisms(machine: &mut Self::Machine, mechanisms: Vec<MechanismName>);

    /// The mechanisms that the configuration names.
    fn mechanisms(config: &mut Self::Config) -> &mut Vec<MechanismName>;

    /// The name of this host, if the configuration has it.
    fn hostname(config: &Self::Config) -> Option<&str>;

    /// Whether passwords may cross the network in clear text.
    fn allows_clear_passwords(config: &Self::Config) -> bool;
}

impl<P: Protocol> Listener<P> {
    /// Binds a socket. Port 0 takes a free one: see [`local_addr`](Self::local_addr).
    ///
    /// # Errors
    ///
    /// If the address cannot be bound.
    pub async fn bind(address: impl ToSocketAddrs, config: P::Config) -> io::Result<Self> {
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
    pub fn from_std(socket: std::net::TcpListener, config: P::Config) -> io::Result<Self> {
        Ok(Self::new(Acceptor::from_std(socket)?, config))
    }

    fn new(acceptor: Acceptor, config: P::Config) -> Self {
        Self {
            acceptor,
            config,
            tls: None,
            implicit_tls: false,
            proxies: None,
            authentication: None,
            stop: Stop::new(),
        }
    }

    /// Offers STARTTLS (RFC 3207), which POP3 calls STLS (RFC 2595).
    #[must_use]
    pub fn starttls(mut self, tls: Tls) -> Self {
        P::offer_tls(&mut self.config);
        self.tls = Some(tls);
        self
    }

    /// Connections begin with the TLS handshake, as on the ports 465, 995 and 993 (RFC 8314
    /// section 3.3).
    #[must_use]
    pub fn implicit_tls(mut self, tls: Tls) -> Self {
        self.implicit_tls = true;
        self.tls = Some(tls);
        self
    }

    /// Connections from these begin with a header of the PROXY protocol, and the session's
    /// peer is the client that it names. The limits on connections, and what the
    /// service is made for, still go by the proxy.
    #[must_use]
    pub fn behind(mut self, proxies: Proxies) -> Self {
        self.proxies = Some(proxies);
        self
    }

    /// Lets clients authenticate, with the mechanisms that the channel and the
    /// [`Authenticator`](crate::auth::Authenticator) allow; if the configuration names
    /// some, with those of them. Without this, nobody is let in.
    #[must_use]
    pub fn authentication(mut self, authentication: Authentication) -> Self {
        let mechanisms = P::mechanisms(&mut self.config);
        if mechanisms.is_empty() {
            *mechanisms = Mechanism::ALL.iter().map(name).collect();
        }
        self.authentication = Some(authentication);
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

    /// Runs `session` for every connection. Behind a TLS handshake that is due nothing is said to
    /// those who get no session.
    pub(crate) async fn serve_with<F>(
        mut self,
        refusals: Refusals,
        session: impl Fn(&Arc<Shared<P>>, TcpStream, Peer, Stop) -> F,
    ) where
        F: Future<Output = ()> + Send + 'static,
    {
        let refusals = match self.implicit_tls {
            true => Refusals::SILENT,
            false => refusals,
        };
        let mechanisms = P::mechanisms(&mut self.config).iter();
        let mechanisms = mechanisms.filter_map(|name| name.as_str().parse().ok());
        let shared = Arc::new(Shared {
            mechanisms: mechanisms.collect(),
            config: Arc::new(self.config),
            tls: self.tls,
            implicit_tls: self.implicit_tls,
            proxies: self.proxies,
            handshake: self.acceptor.handshake(),
            authentication: self.authentication,
        });
        self.acceptor
            .serve(self.stop, refusals, |stream, peer, stop| {
                session(&shared, stream, peer, stop)
            })
            .await;
    }
}

impl<P: Protocol> fmt::Debug for Listener<P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Listener")
            .field("protocol", &P::SERVICE)
            .field("address", &self.local_addr())
            .finish_non_exhaustive()
    }
}

/// Who is at the other end, and where they came in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Peer {
    /// The client's address.
    pub address: SocketAddr,
    /// Our own address, that the client connected to.
    pub local: SocketAddr,
}

/// Stops listeners, and the sessions that they have begun, in an orderly way.
///
/// Clone it and give it to several listeners to stop them together.
#[derive(Debug, Clone, Default)]
pub struct Stop(CancellationToken);

impl Stop {
    /// Nothing is stopped yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// No new connections; sessions finish what they are at.
    pub fn stop(&self) {
        self.0.cancel();
    }

    /// Whether [`stop`](Self::stop) was called.
    pub fn is_stopped(&self) -> bool {
        self.0.is_cancelled()
    }

    /// Waits until [`stop`](Self::stop) was called.
    pub async fn stopped(&self) {
        self.0.cancelled().await;
    }

    pub(crate) fn stopped_owned(&self) -> WaitForCancellationFutureOwned {
        self.0.clone().cancelled_owned()
    }
}

/// What all connections of a listener share.
pub(crate) struct Shared<P: Protocol> {
    pub(crate) config: Arc<P::Config>,
    tls: Option<Tls>,
    implicit_tls: bool,
    proxies: Option<Proxies>,
    handshake: Duration,
    authentication: Option<Authentication>,
    /// Those that the configuration names, as far as they are known, in its order.
    mechanisms: Vec<Mechanism>,
}

/// A connection, bare or under TLS.
pub(crate) type Transport = Either<TcpStream, Box<TlsStream<TcpStream>>>;

/// A connection on which the protocol can begin.
pub(crate) struct Entered {
    pub(crate) transport: Transport,
    /// The client, also where a proxy stands in between.
    pub(crate) peer: Peer,
    pub(crate) tls: Option<TlsInfo>,
}

impl<P: Protocol> Shared<P> {
    /// Does what comes before the protocol: the proxy's header, and the TLS handshake.
    pub(crate) async fn enter(
        &self,
        mut stream: TcpStream,
        mut peer: Peer,
        stop: &Stop,
    ) -> io::Result<Entered> {
        if let Some(proxies) = &self.proxies {
            peer = tokio::select! {
                client = proxies.unwrap(&mut stream, peer, self.handshake) => client?,
                () = stop.stopped() => return Err(io::Error::other("stopped before it began")),
            };
            debug!(client = %peer.address, "through a proxy");
        }
        let (mut transport, mut tls) = (Either::Left(stream), None);
        if self.implicit_tls {
            let (secured, info) = self.upgrade(transport, stop).await?;
            (transport, tls) = (secured, Some(info));
        }
        Ok(Entered {
            transport,
            peer,
            tls,
        })
    }

    /// Runs the TLS handshake on a bare stream.
    pub(crate) async fn upgrade(
        &self,
        transport: Transport,
        stop: &Stop,
    ) -> io::Result<(Transport, TlsInfo)> {
        let (Some(tls), Either::Left(stream)) = (&self.tls, transport) else {
            return Err(io::Error::other("no certificate to speak TLS with"));
        };
        // Boxed, so that connections without TLS do not carry the room for a handshake.
        let handshake = Box::pin(tls.accept(stream));
        let (stream, info) = tokio::select! {
            accepted = timeout(self.handshake, handshake) => accepted??,
            // Nothing can be said in the middle of a handshake, so nothing is waited for.
            () = stop.stopped() => return Err(io::Error::other("stopped in the TLS handshake")),
        };
        Ok((Either::Right(stream), info))
    }

    /// A connection's way to authenticate, if there is one.
    pub(crate) fn login(&self, peer: Peer) -> Option<Login> {
        let authentication = self.authentication.as_ref()?;
        let login = authentication.login(P::SERVICE, peer);
        let mut login = login.only(self.mechanisms.iter().copied());
        if let Some(hostname) = P::hostname(&self.config) {
            login = login.hostname(hostname);
        }
        Some(login.allow_clear_passwords(P::allows_clear_passwords(&self.config)))
    }
}

/// Tells the log how a session ended.
///
/// It takes the end and not the session: a future that is handed to an `async fn` lies in it
/// twice, which doubles the memory of an idle connection.
pub(crate) fn log_end<E: std::error::Error>(end: Result<(), DriveError<E>>) {
    match end {
        Ok(()) => debug!("closed"),
        Err(DriveError::Protocol(error)) => info!(%error, "session ended"),
        Err(DriveError::Transport(error)) => info!(%error, "connection lost"),
    }
}
