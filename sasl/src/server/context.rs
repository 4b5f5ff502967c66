//! What the protocol knows about the channel.

use crate::Mechanism;

/// The facts of the protocol and its channel that an exchange depends on.
///
/// A new context is the cautious one: the channel is not secured, and no password may cross
/// it in clear text. Make a new context when TLS has started.
///
/// ```
/// use sasl::Mechanism;
/// use sasl::server::Context;
///
/// assert!(!Context::new("smtp").permits(Mechanism::Plain));
/// assert!(Context::new("smtp").secured(true).permits(Mechanism::Plain));
/// assert_eq!(Context::new("smtp").mechanisms().count(), 0);
/// ```
#[derive(Clone, Debug)]
pub struct Context {
    service: String,
    secured: bool,
    clear_passwords: bool,
    success_data: bool,
}

impl Context {
    /// A context for a protocol by its service name, such as `smtp`, which mechanisms and
    /// those who verify passwords may ask for.
    pub fn new(service: impl Into<String>) -> Self {
        Self {
            service: service.into(),
            secured: false,
            clear_passwords: false,
            success_data: false,
        }
    }

    /// Whether the channel keeps secrets: TLS, or a local socket.
    #[must_use]
    pub fn secured(self, secured: bool) -> Self {
        Self { secured, ..self }
    }

    /// Whether passwords may cross a channel that is not secured. Off by default (RFC 4616
    /// section 5); for tests on loopback, and for devices that know no TLS.
    #[must_use]
    pub fn allow_clear_passwords(self, clear_passwords: bool) -> Self {
        Self {
            clear_passwords,
            ..self
        }
    }

    /// Whether the protocol's success reply can carry a mechanism's last message (RFC 4422
    /// section 5). Not so in SMTP, POP3 and IMAP; PLAIN and LOGIN have no such message.
    #[must_use]
    pub fn success_data(self, success_data: bool) -> Self {
        Self {
            success_data,
            ..self
        }
    }

    /// The protocol's service name.
    #[must_use]
    pub fn service(&self) -> &str {
        &self.service
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

    /// Whether a mechanism may be used on this channel.
    #[must_use]
    pub fn permits(&self, mechanism: Mechanism) -> bool {
        !mechanism.is_plaintext() || self.permits_passwords()
    }

    /// Whether passwords may cross this channel as they are, in a mechanism or in a command
    /// of the protocol.
    #[must_use]
    pub fn permits_passwords(&self) -> bool {
        self.secured || self.clear_passwords
    }

    /// The mechanisms to advertise on this channel, the preferred first.
    pub fn mechanisms(&self) -> impl Iterator<Item = Mechanism> + '_ {
        Mechanism::ALL
            .iter()
            .copied()
            .filter(|&mechanism| self.permits(mechanism))
    }
}
