//! What a client does of its own accord.

use crate::ClientLimits;

/// The configuration of a client session.
///
/// ```
/// use pop3_proto::client::Config;
///
/// let mut config = Config::new();
/// config.pipelining = false;
/// config.limits.pipeline = 10;
/// ```
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Config {
    /// Bounds on everything.
    pub limits: ClientLimits,
    /// Send commands before earlier ones are answered, if the server says that it can take them.
    pub pipelining: bool,
    /// Send an initial response along with AUTH. It is withheld anyway if the line would grow beyond
    /// the 255 octets of RFC 5034 section 4; some servers want it withheld always.
    pub initial_response: bool,
}

impl Config {
    /// Pipelining and initial responses as the RFCs have them.
    pub fn new() -> Self {
        Self {
            limits: ClientLimits::default(),
            pipelining: true,
            initial_response: true,
        }
    }
}

impl Default for Config {
    fn default() -> Self {
        Self::new()
    }
}
