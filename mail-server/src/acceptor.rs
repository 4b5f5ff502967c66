//! Accepting connections, within limits.

use std::collections::HashMap;
use std::io;
use std::net::{IpAddr, Ipv6Addr, SocketAddr};
use std::pin::pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use rustix::net::sockopt::set_tcp_nodelay;
use tokio::net::{TcpListener, TcpSocket, TcpStream, ToSocketAddrs, lookup_host};
use tokio::task::JoinSet;
use tokio::time::{MissedTickBehavior, interval, sleep, timeout};
use tracing::{debug, warn};

use crate::limits::{ACCEPT_PAUSE, BACKLOG, Limits, TIDY};
use crate::listener::{Peer, Stop};

/// A bound TCP socket that hands out connections within its limits.
#[derive(Debug)]
pub(crate) struct Acceptor {
    socket: TcpListener,
    local: SocketAddr,
    limits: Limits,
    counts: Arc<Mutex<Counts>>,
}

#[derive(Debug, Default)]
struct Counts {
    all: usize,
    by_address: HashMap<IpAddr, usize>,
}

/// What connections are told that get no session.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Refusals {
    /// There are too many.
    pub(crate) busy: &'static [u8],
    /// The listener stops.
    pub(crate) stopping: &'static [u8],
}

impl Refusals {
    /// Before a TLS handshake nothing can be said.
    pub(crate) const SILENT: Self = Self {
        busy: b"",
        stopping: b"",
    };
}

/// A connection that counts while it lives.
#[derive(Debug)]
pub(crate) struct Counted {
    counts: Arc<Mutex<Counts>>,
    address: IpAddr,
}

impl Acceptor {
    pub(crate) async fn bind(address: impl ToSocketAddrs) -> io::Result<Self> {
        let mut last = io::Error::from(io::ErrorKind::AddrNotAvailable);
        for address in lookup_host(address).await? {
            match listen(address).and_then(Self::new) {
                Ok(acceptor) => return Ok(acceptor),
                Err(error) => last = error,
            }
        }
        Err(last)
    }

    #[expect(
        clippy::disallowed_types,
        reason = "it is made a socket of the runtime's"
    )]
    pub(crate) fn from_std(socket: std::net::TcpListener) -> io::Result<Self> {
        socket.set_nonblocking(true)?;
        Self::new(TcpListener::from_std(socket)?)
    }

    fn new(socket: TcpListener) -> io::Result<Self> {
        // Replies are gathered before they are sent, so nothing is won by waiting for more. What is accepted has this
        // from the socket.
        set_tcp_nodelay(&socket, true)?;
        Ok(Self {
            local: socket.local_addr()?,
            socket,
            limits: Limits::default(),
            counts: Arc::default(),
        })
    }

    pub(crate) fn local_addr(&self) -> SocketAddr {
        self.local
    }

    pub(crate) fn set_limits(&mut self, limits: Limits) {
        self.limits = limits;
    }

    pub(crate) fn handshake(&self) -> Duration {
        self.limits.handshake
    }

    /// Runs `session` for every connection, until stopped and all sessions have ended. Those
    /// that are left when the grace is over, or when this future is dropped, are dropped too.
    pub(crate) async fn serve<F>(
        self,
        stop: Stop,
        refusals: Refusals,
        session: impl Fn(TcpStream, Peer, Stop) -> F,
    ) where
        F: Future<Output = ()> + Send + 'static,
    {
        let mut sessions = JoinSet::new();
        let mut stopped = pin!(stop.stopped());
        // While it ticks, the runtime need not be woken for the deadlines of sessions, which are later.
        let mut tick = interval(TIDY);
        tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            let accepted = tokio::select! {
                accepted = self.socket.accept() => Some(accepted),
                _ = tick.tick(), if !sessions.is_empty() => None,
                () = &mut stopped => break,
            };
            // What is left of those that have ended, which nobody was woken for, is let go of.
            while sessions.try_join_next().is_some() {}
            let Some(accepted) = accepted else {
                continue;
            };
            let (stream, address) = match accepted {
                Ok(accepted) => accepted,
                Err(error) => {
                    // Out of descriptors, or the client has gone already.
                    warn!(%error, "cannot accept");
                    sleep(ACCEPT_PAUSE).await;
                    continue;
                }
            };
            let Some(counted) = self.count(address.ip()) else {
                debug!(%address, "one connection too many");
                // Nobody is waited for: the socket's buffer takes a line, or it is not sent.
                let _ = stream.try_write(refusals.busy);
                continue;
            };
            // One that is bound to an address has no other.
            let local = match self.local.ip().is_unspecified() {
                true => stream.local_addr().unwrap_or(self.local),
                false => self.local,
            };
            // Boxed: what a block of code takes with it and awaits lies in it twice.
            let session = Box::pin(session(stream, Peer { address, local }, stop.clone()));
            sessions.spawn(async move {
                session.await;
                drop(counted);
            });
        }
        // Those who came in while we were stopping are told so.
        for _ in 0..BACKLOG {
            let Some(stream) = self.waiting().await else {
                break;
            };
            let _ = stream.try_write(refusals.stopping);
        }
        drop(self.socket);
        let all = async { while sessions.join_next().await.is_some() {} };
        if timeout(self.limits.grace, all).await.is_err() {
            warn!(left = sessions.len(), "sessions did not end in time");
            sessions.shutdown().await;
        }
    }

    /// A connection that is there already.
    async fn waiting(&self) -> Option<TcpStream> {
        tokio::select! {
            biased;
            accepted = self.socket.accept() => accepted.ok().map(|(stream, _)| stream),
            () = std::future::ready(()) => None,
        }
    }

    fn count(&self, address: IpAddr) -> Option<Counted> {
        let address = network(address);
        let mut counts = self.counts.lock().unwrap_or_else(PoisonError::into_inner);
        let here = counts.by_address.get(&address).copied().unwrap_or(0);
        let fits =
            counts.all < self.limits.connections && here < self.limits.connections_per_address;
        if !fits {
            return None;
        }
        counts.all += 1;
        counts.by_address.insert(address, here + 1);
        Some(Counted {
            counts: Arc::clone(&self.counts),
            address,
        })
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        let mut counts = self.counts.lock().unwrap_or_else(PoisonError::into_inner);
        counts.all -= 1;
        if let Some(here) = counts.by_address.get_mut(&self.address) {
            *here -= 1;
            if *here == 0 {
                counts.by_address.remove(&self.address);
            }
        }
    }
}

/// What counts as one address: one of IPv4, or a network of IPv6, since whoever has one address
/// there has 2^64 of them (RFC 4291 section 2.5.4).
pub(crate) fn network(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(v6) => Ipv6Addr::from_bits(v6.to_bits() >> 64 << 64).into(),
        v4 => v4,
    }
}

fn listen(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = match address {
        SocketAddr::V4(_) => TcpSocket::new_v4()?,
        SocketAddr::V6(_) => TcpSocket::new_v6()?,
    };
    // A restart must not wait for old connections to fade.
    socket.set_reuseaddr(true)?;
    socket.bind(address)?;
    socket.listen(BACKLOG)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn what_is_accepted_does_not_wait_for_more_to_send() {
        let acceptor = Acceptor::bind("127.0.0.1:0").await.expect("a socket");
        let client = TcpStream::connect(acceptor.local_addr()).await;
        let (accepted, _) = acceptor.socket.accept().await.expect("a connection");
        assert!(client.is_ok() && accepted.nodelay().expect("an option"));
    }

    #[test]
    fn an_address_counts_as_its_network() {
        for (address, counts_as) in [
            ("192.0.2.7", "192.0.2.7"),
            ("::ffff:192.0.2.7", "192.0.2.7"),
            ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::"),
            ("2001:db8:1:2::", "2001:db8:1:2::"),
        ] {
            let address = address.parse().expect("an address");
            assert_eq!(network(address).to_string(), counts_as);
        }
    }
}
