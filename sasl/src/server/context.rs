//! What the protocol knows about the channel.

use crate::{ChannelBindings, Mechanism};

/// The facts of the protocol and its channel that an exchange depends on.
///
/// A new context is the cautious one: it offers PLAIN and LOGIN, which need nothing but
/// somebody who can check a password, and as the channel is not secured, it permits neither.
/// Make a new context when TLS has started.
///
/// ```
/// use sasl::Mechanism;
/// use sasl::scram::Hash;
/// use sasl::server::Context;
///
/// assert!(!Context::new("smtp").permits(Mechanism::Plain));
/// assert!(Context::new("smtp").secured(true).permits(Mechanism::Plain));
/// assert_eq!(Context::new("smtp").mechanisms().count(), 0);
///
/// let context = Context::new("smtp").offer(Mechanism::ALL);
/// assert!(context.permits(Mechanism::Scram(Hash::Sha256)));
/// assert!(!context.permits(Mechanism::ScramPlus(Hash::Sha256))); // nothing to bind to
/// ```
#[derive(Clone, Debug)]
pub struct Context {
    service: String,
    hostname: String,
    offered: Vec<Mechanism>,
    relayed: Vec<Mechanism>,
    secured: bool,
    clear_passwords: bool,
    success_data: bool,
    external: bool,
    bindings: ChannelBindings,
}

impl Context {
    /// A context for a protocol by its service name, such as `smtp`, which mechanisms and
    /// those who verify passwords may ask for.
    pub fn new(service: impl Into<String>) -> Self {
        Self {
            service: service.into(),
            hostname: "localhost".to_owned(),
            offered: vec![Mechanism::Plain, Mechanism::Login],
            relayed: Vec::new(),
            secured: false,
            clear_passwords: false,
            success_data: false,
            external: false,
            bindings: ChannelBindings::default(),
        }
    }

    /// The mechanisms whose needs the application can answer. Others are not started.
    #[must_use]
    pub fn offer(self, mechanisms: &[Mechanism]) -> Self {
        Self {
            offered: mechanisms.to_vec(),
            ..self
        }
    }

    /// The mechanisms whose messages somebody else understands: they are offered, and every
    /// message of theirs is a [`Need::Relay`](super::Need::Relay). What is offered besides is not
    /// relayed.
    ///
    /// Those with a channel binding cannot be relayed and are left out.
    #[must_use]
    pub fn relay(mut self, mechanisms: &[Mechanism]) -> Self {
        self.relayed = mechanisms
            .iter()
            .copied()
            .filter(|mechanism| !matches!(mechanism, Mechanism::ScramPlus(_)))
            .collect();
        self
    }

    /// The name of this host, which stands in the challenges of CRAM-MD5.
    #[must_use]
    pub fn hostname(self, hostname: impl Into<String>) -> Self {
        Self {
            hostname: hostname.into(),
            ..self
        }
    }

    /// Whether the channel keeps secrets: TLS, or a local socket.
    #[must_use]
    pub fn secured(self, secured: bool) -> Self {
        Self { secured, ..self }
    }

    /// Whether passwords and tokens may cross a channel that is not secured. Off by default
    /// (RFC 4616 section 5); for tests on loopback, and for devices that know no TLS.
    #[must_use]
    pub fn allow_clear_passwords(self, clear_passwords: bool) -> Self {
        Self {
            clear_passwords,
            ..self
        }
    }

    /// Whether the protocol's success reply can carry a mechanism's last message (RFC 4422
    /// section 5). Not so in SMTP, POP3 and IMAP: there it is one more challenge, which the
    /// peer answers with nothing.
    #[must_use]
    pub fn success_data(self, success_data: bool) -> Self {
        Self {
            success_data,
            ..self
        }
    }

    /// Whether the peer has proven an identity outside, such as by a certificate that was
    /// verified. Only then EXTERNAL makes sense.
    #[must_use]
    pub fn external(self, external: bool) -> Self {
        Self { external, ..self }
    }

    /// What an exchange may be bound to, for the mechanisms whose names end in `-PLUS`.
    #[must_use]
    pub fn channel_bindings(self, bindings: ChannelBindings) -> Self {
        Self { bindings, ..self }
    }

    /// The protocol's service name.
    #[must_use]
    pub fn service(&self) -> &str {
        &self.service
    }

    /// The name of this host.
    #[must_use]
    pub fn host(&self) -> &str {
        &self.hostname
    }

    /// Whether the channel was declared secured.
    #[must_use]
    pub fn is_secured(&self) -> bool {
        self.secured
    }

    /// Whether the protocol's success reply can carry data.
    #[must_use]
    pub fn has_success_data(&self) -> bool {
        self.success_data
    }

    /// Whether passwords may cross this channel as they are, in a mechanism or in a command
    /// of the protocol.
    #[must_use]
    pub fn permits_passwords(&self) -> bool {
        self.secured || self.clear_passwords
    }

    /// Whether a mechanism may be used on this channel: it is offered or relayed, and the
    /// channel has what it asks for.
    #[must_use]
    pub fn permits(&self, mechanism: Mechanism) -> bool {
        self.is_known(mechanism)
            && match mechanism {
                Mechanism::ScramPlus(_) => !self.bindings.is_empty(),
                Mechanism::External => self.external,
                mechanism => !mechanism.is_plaintext() || self.permits_passwords(),
            }
    }

    /// The mechanisms to advertise on this channel, the preferred first.
    pub fn mechanisms(&self) -> impl Iterator<Item = Mechanism> + '_ {
        Mechanism::ALL
            .iter()
            .copied()
            .filter(|&mechanism| self.permits(mechanism))
    }

    pub(super) fn is_known(&self, mechanism: Mechanism) -> bool {
        self.offered.contains(&mechanism) || self.relayed.contains(&mechanism)
    }

    pub(super) fn relays(&self, mechanism: Mechanism) -> bool {
        self.relayed.contains(&mechanism) && !self.offered.contains(&mechanism)
    }

    pub(super) fn bindings(&self) -> &ChannelBindings {
        &self.bindings
    }
}
