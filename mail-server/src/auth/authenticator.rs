//! What an application implements.

use async_trait::async_trait;
use mailwire::TlsInfo;
use sasl::Mechanism;
use sasl::server::{Need, Step};

use crate::listener::Peer;

/// Knows users: their passwords, verifiers, tokens, and who may act as whom.
///
/// One value serves all connections of all protocols.
#[async_trait]
pub trait Authenticator: Send + Sync + 'static {
    /// The mechanisms whose needs this one can answer now. They are offered where the channel
    /// permits them.
    fn mechanisms(&self) -> Vec<Mechanism>;

    /// The mechanisms whose messages somebody else understands, and which come here as
    /// [`Need::Relay`]. The default has none.
    fn relayed(&self) -> Vec<Mechanism> {
        Vec::new()
    }

    /// Whether it knows everybody's password in clear text, so that APOP can be offered. The
    /// default does not: clients prefer APOP, and would fail.
    fn shares_secrets(&self) -> bool {
        false
    }

    /// Answers one need of an exchange. Randomness is not asked for here.
    ///
    /// A need that it does not know is answered with
    /// `Step::Done(Err(Failure::Unavailable))`. What takes the processor for long belongs on
    /// a blocking thread. A connection that goes away drops the future.
    async fn answer(&self, origin: &Origin, need: Need) -> Step;
}

/// Where an authentication comes from.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Origin {
    /// The protocol's name in SASL: `smtp`, `pop3`, `imap`.
    pub service: &'static str,
    /// Who is there.
    pub peer: Peer,
    /// The TLS session, once there is one.
    pub tls: Option<TlsInfo>,
}

impl Origin {
    pub(super) fn new(service: &'static str, peer: Peer) -> Self {
        Self {
            service,
            peer,
            tls: None,
        }
    }
}
