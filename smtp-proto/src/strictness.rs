//! How much is forgiven.

use crate::Domain;

/// What a server takes besides the grammar, each switch with the clients that need it.
///
/// The strict profile is the default. None of the switches lets a line end, a message end or a
/// parameter be read differently: those are never matters of taste.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Strictness {
    /// `MAIL FROM:a@b` without brackets. People who type, and scripts that imitate them.
    pub brackets_optional: bool,
    /// `MAIL FROM: <a@b>` with spaces behind the colon (RFC 5321 section 3.3 forbids them).
    /// Many devices and some relays.
    pub space_after_colon: bool,
    /// An address without a domain gets this one. People who type, and local programs.
    pub default_domain: Option<Domain>,
    /// Dots at the ends of a local part or in a row. Old mailboxes of Japanese phone companies.
    pub loose_dots: bool,
    /// Underscores in domains. Hosts that were named for another network.
    pub underscores: bool,
    /// A hello without a name. Printers and scanners.
    pub nameless_hello: bool,
    /// Command lines that end with LF alone. People with `nc`, and gsasl. Bodies have a policy of
    /// their own: [`Strays`](mailwire::dot::Strays).
    pub bare_lf_commands: bool,
}

impl Strictness {
    /// Nothing but the grammar.
    pub fn strict() -> Self {
        Self::default()
    }

    /// Everything above; addresses without a domain belong to `default_domain`.
    pub fn lenient(default_domain: Domain) -> Self {
        Self {
            brackets_optional: true,
            space_after_colon: true,
            default_domain: Some(default_domain),
            loose_dots: true,
            underscores: true,
            nameless_hello: true,
            bare_lf_commands: true,
        }
    }
}
