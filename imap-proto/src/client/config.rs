//! What a client does of its own accord.

use crate::limits::ClientLimits;
use crate::quirks::Quirks;

/// The configuration of a client session.
///
/// ```
/// use imap_proto::Quirks;
/// use imap_proto::client::Config;
///
/// let mut config = Config::new();
/// config.quirks = Quirks::empty(); // for those who test servers
/// config.limits.pipeline = 10;
/// ```
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Config {
    /// Bounds on everything.
    pub limits: ClientLimits,
    /// Which mistakes of servers are forgiven.
    pub quirks: Quirks,
    /// Send commands before earlier ones are answered, where that is not ambiguous (RFC 9051 section 5.5).
    pub pipelining: bool,
}

impl Config {
    /// Pipelining, and all the forgiveness that there is.
    pub fn new() -> Self {
        Self {
            limits: ClientLimits::default(),
            quirks: Quirks::all(),
            pipelining: true,
        }
    }
}

impl Default for Config {
    fn default() -> Self {
        Self::new()
    }
}
