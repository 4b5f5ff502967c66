//! What a server announces and insists on.

use mailwire::dot::Strays;

use crate::parameter::{DateTime, Interval, Solicitation};
use crate::{Domain, Extension, Extensions, Limits, Strictness};
use mailwire::auth::MechanismName;

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
    /// What is announced besides STARTTLS and AUTH. A parameter or command of an extension that is
    /// not among them is refused. BINARYMIME is nothing without CHUNKING, SMTPUTF8 without 8BITMIME, and
    /// REQUIRETLS without TLS. See [`Server::offer`](super::Server::offer) and
    /// [`Server::hide`](super::Server::hide) for exceptions.
    pub extensions: Extensions,
    /// DELIVERBY: the least time in which a message that would be returned must be deliverable.
    pub deliver_by_at_least: Option<Interval>,
    /// FUTURERELEASE: the longest time for which a message is held. Default: as long as can be said.
    pub hold_for_at_most: Interval,
    /// FUTURERELEASE: the latest time until which a message is held. Default: the last that can
    /// be said.
    pub hold_until_at_most: DateTime,
    /// NO-SOLICITING: what solicitation is refused (550) when a client declares it.
    pub no_soliciting: Option<Solicitation>,
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
    /// End the session (554) when a client sends on behind a command whose answer it has to wait for
    /// (RFC 2920 section 3.1): a hello, DATA, AUTH or, without PIPELINING, any. What is seen of that
    /// depends on how the octets arrive, so this is the one rule that breaks the law of splits.
    pub forbid_early_commands: bool,
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
            extensions: Extensions::ordinary(),
            deliver_by_at_least: None,
            hold_for_at_most: Interval::LONGEST,
            hold_until_at_most: DateTime::LAST,
            no_soliciting: None,
            starttls: false,
            require_tls: false,
            mechanisms: Vec::new(),
            auth_without_tls: false,
            require_auth: false,
            old_auth_line: false,
            forbid_early_commands: false,
            unknown_parameters: false,
        }
    }

    /// What a client is offered at most.
    pub(super) fn allows(&self) -> Extensions {
        let mut allowed = self.extensions;
        for (extension, has_means) in [
            (Extension::StartTls, self.starttls),
            (Extension::Auth, !self.mechanisms.is_empty()),
        ] {
            match has_means {
                true => allowed.insert(extension),
                false => allowed.remove(extension),
            }
        }
        allowed
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
