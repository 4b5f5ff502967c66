//! What a server announces and insists on.

use std::time::Duration;

use mailwire::auth::MechanismName;

use crate::capability::{Capability, Extension};
use crate::limits::ServerLimits;
use crate::string::Octets;

/// The configuration of a server session, shared by all sessions of a listener.
///
/// ```
/// use imap_proto::Extension;
/// use imap_proto::server::Config;
///
/// let mut config = Config::new();
/// config.starttls = true;
/// config.mechanisms = vec!["PLAIN".parse()?];
/// config.extensions.push(Extension::Move.into());
/// # Ok::<(), mailwire::auth::InvalidMechanismName>(())
/// ```
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Config {
    /// Bounds on everything.
    pub limits: ServerLimits,
    /// What is served, besides what the other fields say: the protocol versions, and whatever extensions the
    /// application has what it takes for. A command of an extension that is not here is not known.
    ///
    /// The two versions and what a stranger has to know are told to everybody, the rest to those who have
    /// logged in.
    pub extensions: Vec<Capability>,
    /// Announce STARTTLS, while there is no TLS.
    pub starttls: bool,
    /// Take passwords and mechanisms without TLS too. They are then at anybody's mercy on the way.
    pub auth_without_tls: bool,
    /// Serve LOGIN.
    pub login: bool,
    /// The SASL mechanisms on offer.
    pub mechanisms: Vec<MechanismName>,
    /// What is said about us to ID (RFC 2971).
    pub id: Option<Vec<(Octets, Option<Octets>)>>,
    /// How large a message may be (RFC 7889); what is larger is refused before it is sent.
    pub append_limit: Option<u64>,
    /// How often a client in IDLE is told that we are still there, so that no router in between forgets the
    /// connection.
    pub keepalive: Option<Duration>,
    /// Take LF alone as the end of a line: for people who type, and for scripts.
    pub bare_lf: bool,
    /// Take more than one space where there should be one: for IMAPClient of Python, whose MULTIAPPEND has two behind each
    /// message.
    pub extra_spaces: bool,
}

impl Config {
    /// IMAP4rev1 with what needs nothing of the application: LOGIN under TLS, LITERAL+, SASL-IR, ENABLE,
    /// ID, IDLE and UNSELECT.
    pub fn new() -> Self {
        let own = [
            Extension::Imap4Rev1,
            Extension::LiteralPlus,
            Extension::SaslIr,
            Extension::Enable,
            Extension::Id,
            Extension::Idle,
            Extension::Unselect,
        ];
        Self {
            limits: ServerLimits::default(),
            extensions: own.map(Capability::from).to_vec(),
            starttls: false,
            auth_without_tls: false,
            login: true,
            mechanisms: Vec::new(),
            id: None,
            append_limit: None,
            keepalive: Some(Duration::from_secs(120)),
            bare_lf: false,
            extra_spaces: false,
        }
    }

    /// Whether an extension is served.
    pub fn serves(&self, extension: Extension) -> bool {
        self.extensions.contains(&Capability::Known(extension))
    }
}

impl Default for Config {
    fn default() -> Self {
        Self::new()
    }
}
