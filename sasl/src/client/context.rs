//! What the client knows about the channel, and what it puts up with.

use std::ops::RangeInclusive;

use crate::{ChannelBindings, Mechanism, limits};

/// The channel that an exchange runs on, and the client's own rules.
///
/// A new context is the cautious one: the channel is not secured, and neither a password nor a
/// token crosses it in clear text.
#[derive(Clone, Debug)]
pub struct Context {
    secured: bool,
    clear_passwords: bool,
    external: bool,
    bindings: ChannelBindings,
    iterations: RangeInclusive<u32>,
    without: Vec<Mechanism>,
    server: Option<(String, u16)>,
}

impl Context {
    /// A channel that is not secured.
    #[must_use]
    pub fn new() -> Self {
        Self {
            secured: false,
            clear_passwords: false,
            external: false,
            bindings: ChannelBindings::default(),
            iterations: limits::CLIENT_ITERATIONS,
            without: Vec::new(),
            server: None,
        }
    }

    /// Whether the channel keeps secrets and its other end is whom it should be: TLS with a
    /// verified certificate, or a local socket.
    #[must_use]
    pub fn secured(self, secured: bool) -> Self {
        Self { secured, ..self }
    }

    /// Whether passwords and tokens may cross a channel that is not secured. Off by default.
    #[must_use]
    pub fn allow_clear_passwords(self, clear_passwords: bool) -> Self {
        Self {
            clear_passwords,
            ..self
        }
    }

    /// Whether a certificate of ours was shown, so that EXTERNAL makes sense.
    #[must_use]
    pub fn external(self, external: bool) -> Self {
        Self { external, ..self }
    }

    /// What an exchange may be bound to. Leave it away where TLS ends at a proxy before the
    /// server: there it could not be bound.
    #[must_use]
    pub fn channel_bindings(self, bindings: ChannelBindings) -> Self {
        Self { bindings, ..self }
    }

    /// How many iterations a server may ask for in SCRAM; by default
    /// [`limits::CLIENT_ITERATIONS`]. Fewer let who listens guess the password cheaply (RFC
    /// 5802 section 9), more are a server's way to keep us busy.
    #[must_use]
    pub fn iterations(self, iterations: RangeInclusive<u32>) -> Self {
        Self { iterations, ..self }
    }

    /// Does not select this mechanism, as the server has refused it though it offers it.
    #[must_use]
    pub fn without(mut self, mechanism: Mechanism) -> Self {
        self.without.push(mechanism);
        self
    }

    /// The server's name and port, which OAUTHBEARER tells it (RFC 7628 section 3.1). A name
    /// that is none is left away.
    #[must_use]
    pub fn server(self, host: impl Into<String>, port: u16) -> Self {
        let host = host.into();
        let legal = |b: u8| b.is_ascii_alphanumeric() || b"-._:[]".contains(&b);
        let server = host.bytes().all(legal).then_some((host, port));
        Self { server, ..self }
    }

    /// Whether the channel has what a mechanism asks for, but for secrecy.
    pub(super) fn supports(&self, mechanism: Mechanism) -> bool {
        !self.without.contains(&mechanism)
            && match mechanism {
                Mechanism::ScramPlus(_) => !self.bindings.is_empty(),
                Mechanism::External => self.external,
                _ => true,
            }
    }

    pub(super) fn permits(&self, mechanism: Mechanism) -> bool {
        self.secured || self.clear_passwords || !mechanism.is_plaintext()
    }

    pub(super) fn bindings(&self) -> &ChannelBindings {
        &self.bindings
    }

    pub(super) fn accepted_iterations(&self) -> RangeInclusive<u32> {
        self.iterations.clone()
    }

    /// The pairs of OAUTHBEARER that name the server.
    pub(super) fn place(&self) -> String {
        match &self.server {
            Some((host, port)) => format!("host={host}\x01port={port}\x01"),
            None => String::new(),
        }
    }
}

impl Default for Context {
    fn default() -> Self {
        Self::new()
    }
}
