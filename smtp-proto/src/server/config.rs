//! What a server announces and insists on.

use mailwire::dot::Strays;

use crate::command::MechanismName;
use crate::{Domain, Limits, Strictness};

/// The configuration of a server session, shared by all sessions of a listener.
///
/// ```
/// use smtp_proto::server::Config;
///
/// let mut config = Config::new("mx.example.org".parse()?);
/// config.starttls = true;
/// config.limits.recipients = 10;
/// # Ok::<(), smtp_proto::InvalidDomain>(())
/// ```
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Config {
    /// Our name, in the greeting and in the hello's answer.
    pub hostname: Domain,
    /// SMTP or LMTP.
    pub protocol: Protocol,
    /// Bounds on everything.
    pub limits: Limits,
    /// What is forgiven besides the grammar.
    pub strictness: Strictness,
    /// What becomes of a bare CR or LF in a message.
    pub strays: Strays,
    /// Announce STARTTLS, while there is no TLS.
    pub starttls: bool,
    /// MAIL, VRFY and AUTH need TLS (530 otherwise).
    pub require_tls: bool,
    /// The SASL mechanisms on offer; none means that AUTH does not exist.
    pub mechanisms: Vec<MechanismName>,
    /// Offer them without TLS too. They are then at anybody's mercy on the way.
    pub auth_without_tls: bool,
    /// MAIL and VRFY need an authentication (530 otherwise): submission (RFC 6409 section 4.3).
    pub require_auth: bool,
    /// Announce `AUTH=LOGIN PLAIN` as well, for clients older than RFC 2554.
    pub old_auth_line: bool,
    /// Hand parameters of unknown extensions to the application instead of answering 555.
    pub unknown_parameters: bool,
}

impl Config {
    /// Plain, strict SMTP: no TLS, no AUTH.
    pub fn new(hostname: Domain) -> Self {
        Self {
            hostname,
            protocol: Protocol::Smtp,
            limits: Limits::default(),
            strictness: Strictness::strict(),
            strays: Strays::Reject,
            starttls: false,
            require_tls: false,
            mechanisms: Vec::new(),
            auth_without_tls: false,
            require_auth: false,
            old_auth_line: false,
            unknown_parameters: false,
        }
    }
}

/// Which protocol a server speaks.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[expect(clippy::exhaustive_enums, reason = "these two share a machine")]
pub enum Protocol {
    /// RFC 5321: one reply for a message.
    #[default]
    Smtp,
    /// RFC 2033: LHLO, and one reply for each recipient.
    Lmtp,
}
