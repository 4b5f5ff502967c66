//! What the service is asked.

use std::fmt;
use std::net::SocketAddr;

use zeroize::Zeroizing;

use super::field::{encode, escape};

/// What to ask for.
#[derive(Clone, Copy)]
pub struct Request<'a> {
    pub(super) mechanism: &'a str,
    service: &'a str,
    secured: bool,
    addresses: Option<(SocketAddr, SocketAddr)>,
    initial: Option<&'a [u8]>,
}

impl<'a> Request<'a> {
    /// An exchange by this mechanism, for a protocol: `smtp`, `pop3`, `imap`.
    #[must_use]
    pub fn new(mechanism: &'a str, service: &'a str) -> Self {
        Self {
            mechanism,
            service,
            secured: false,
            addresses: None,
            initial: None,
        }
    }

    /// The client's channel is TLS.
    #[must_use]
    pub fn secured(self, secured: bool) -> Self {
        Self { secured, ..self }
    }

    /// The client's address, which the service counts failures by, and ours.
    #[must_use]
    pub fn addresses(self, peer: SocketAddr, local: SocketAddr) -> Self {
        Self {
            addresses: Some((peer, local)),
            ..self
        }
    }

    /// The client's initial response, which may be empty.
    #[must_use]
    pub fn initial(self, initial: &'a [u8]) -> Self {
        Self {
            initial: Some(initial),
            ..self
        }
    }

    /// The line that asks for it, by the mechanism's name as the service has it.
    pub(super) fn line(&self, id: u32, mechanism: &str) -> Zeroizing<Vec<u8>> {
        // Room for all of it, so that no copy is left behind by growing.
        let initial = self.initial.map_or(0, |initial| initial.len() * 2);
        let room = 512 + self.service.len() * 2 + initial;
        let mut line = Zeroizing::new(Vec::with_capacity(room));
        line.extend_from_slice(format!("AUTH\t{id}\t{mechanism}\tservice=").as_bytes());
        escape(self.service, &mut line);
        if self.secured {
            line.extend_from_slice(b"\tsecured");
        }
        if let Some((peer, local)) = self.addresses {
            let (rip, lip) = (peer.ip().to_canonical(), local.ip().to_canonical());
            let (rport, lport) = (peer.port(), local.port());
            let places = format!("\trip={rip}\tlip={lip}\trport={rport}\tlport={lport}");
            line.extend_from_slice(places.as_bytes());
        }
        if let Some(initial) = self.initial {
            // The last of all. Empty it means an empty response; absent none.
            line.extend_from_slice(b"\tresp=");
            encode(initial, &mut line);
        }
        line
    }
}

impl fmt::Debug for Request<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Request")
            .field("mechanism", &self.mechanism)
            .field("service", &self.service)
            .finish_non_exhaustive()
    }
}
