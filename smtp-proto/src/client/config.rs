//! How a client presents itself, and what it insists on.

use mailwire::dot::Strays;

use super::Limits;
use crate::Extensions;
use crate::command::ClientName;
use crate::server::Protocol;

/// The configuration of a client's session.
///
/// ```
/// use smtp_proto::client::Config;
///
/// let mut config = Config::new("client.example.org".parse()?);
/// config.limits.pipeline = 10;
/// # Ok::<(), smtp_proto::SyntaxError>(())
/// ```
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Config {
    /// Our name, for the hello.
    pub name: ClientName,
    /// Which protocol is spoken: LMTP has LHLO and a status for each recipient.
    pub protocol: Protocol,
    /// The bounds.
    pub limits: Limits,
    /// What becomes of a bare CR or LF or NUL in a message. Default: it is repaired, since messages
    /// that come from files often have the line ends of the system. It must not be sent: the next
    /// relay could take it for the end of the message. Messages of BODY=BINARYMIME are sent as
    /// they are.
    pub strays: Strays,
    /// Extensions that are not used even if they are offered: for servers that have them wrong.
    pub ignored: Extensions,
    /// Authenticate without TLS too. What is said then is at anybody's mercy on the way.
    pub auth_without_tls: bool,
}

impl Config {
    /// A client of SMTP that repairs line ends.
    pub fn new(name: ClientName) -> Self {
        Self {
            name,
            protocol: Protocol::Smtp,
            limits: Limits::default(),
            strays: Strays::Normalise,
            ignored: Extensions::none(),
            auth_without_tls: false,
        }
    }
}
