//! Every number that bounds a listener.

use std::time::Duration;

/// The bounds of a listener, besides those of the protocol's own sessions.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Limits {
    /// Connections at a time; more are told to come back later. Stops a flood from taking all
    /// file descriptors and memory. Default 1000.
    pub connections: usize,
    /// Connections at a time from one address, or from one /64 network of IPv6. Stops one client
    /// from taking all of the above. Default 100.
    pub connections_per_address: usize,
    /// Time for a TLS handshake. Stops half-open handshakes from piling up. Default 30 seconds.
    pub handshake: Duration,
    /// Time that sessions have to come to an end once the listener is stopped; those that are
    /// left then are dropped. Stops a slow client from keeping us here. Default 30 seconds.
    pub grace: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            connections: 1000,
            connections_per_address: 100,
            handshake: Duration::from_secs(30),
            grace: Duration::from_secs(30),
        }
    }
}

/// How long accepting rests when the system refuses to give us another socket: long enough
/// not to spin, short enough not to be noticed.
pub(crate) const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

/// Connections that wait to be accepted. The system may allow fewer.
pub(crate) const BACKLOG: u32 = 1024;

/// Octets of a message that are gathered before a thread writes them: most messages are
/// written in one go, and one on its way costs this much memory, the last piece, and what
/// `mailbox_formats` buffers for each copy.
pub(crate) const GATHERED: usize = 256 * 1024;

/// Octets of a stored message that are read at a time: what a client downloads is in memory in
/// pieces of this size, however large it is.
pub(crate) const PIECE: usize = 64 * 1024;

/// Octets of the next messages that are read ahead for a client that fetches one after the other, so that
/// a thread is only borrowed for a worthwhile amount of work.
pub(crate) const READ_AHEAD: usize = 256 * 1024;

/// How many messages that may be.
pub(crate) const READ_AHEAD_MESSAGES: usize = 64;

/// How long saslauthd may take for an answer. What it asks may delay failures by seconds.
pub(crate) const SASLAUTHD_TIME: Duration = Duration::from_secs(15);

/// How long a Dovecot may take for a handshake: it starts its service for it.
pub(crate) const DOVECOT_HANDSHAKE: Duration = Duration::from_secs(10);

/// How long a Dovecot may take for an answer. It delays failures by 2 to 17 seconds.
pub(crate) const DOVECOT_TIME: Duration = Duration::from_secs(30);

/// How long a database may take for an answer, a connection to it included.
#[cfg(any(feature = "sqlite", feature = "mysql", feature = "postgres"))]
pub(crate) const SQL_TIME: Duration = Duration::from_secs(10);

/// Connections to a database at a time.
#[cfg(any(feature = "sqlite", feature = "mysql", feature = "postgres"))]
pub(crate) const SQL_CONNECTIONS: u32 = 8;

/// How long it is believed what a table of users is like as a whole.
#[cfg(any(feature = "sqlite", feature = "mysql", feature = "postgres"))]
pub(crate) const SQL_OFFER_AGE: Duration = Duration::from_secs(60);

/// Addresses whose failed authentications are remembered. Stops a network of many from taking
/// memory without bound: the one that has guessed least is forgotten.
pub(crate) const FAILED_ADDRESSES: usize = 4096;
