//! Connections that come through a proxy.

use std::fmt;
use std::io;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use mailwire::proxy::{Header, Preface};
use tokio::io::AsyncReadExt;
use tokio::net::TcpStream;
use tokio::time::timeout;

use crate::Peer;

/// Whom a listener believes to be a proxy: their connections begin with a header of the PROXY
/// protocol, and count as those of the client that it names.
#[derive(Clone)]
pub struct Proxies(Arc<dyn Fn(IpAddr) -> bool + Send + Sync>);

impl Proxies {
    /// Those for whose addresses this says yes. An IPv4 address is one, however it came.
    pub fn new(are: impl Fn(IpAddr) -> bool + Send + Sync + 'static) -> Self {
        Self(Arc::new(are))
    }

    /// The client behind a connection, which is itself the client unless it is a proxy's.
    ///
    /// Not an octet behind the header is taken, since it may belong to a TLS handshake.
    pub(crate) async fn unwrap(
        &self,
        stream: &mut TcpStream,
        peer: Peer,
        within: Duration,
    ) -> io::Result<Peer> {
        if !(self.0)(peer.address.ip().to_canonical()) {
            return Ok(peer);
        }
        let header = timeout(within, read(stream)).await??;
        Ok(Peer {
            address: header.source.unwrap_or(peer.address),
            local: header.destination.unwrap_or(peer.local),
        })
    }
}

impl fmt::Debug for Proxies {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Proxies")
    }
}

async fn read(stream: &mut TcpStream) -> io::Result<Header> {
    let mut preface = Preface::new();
    let mut seen = [0; 512];
    loop {
        let count = stream.peek(&mut seen).await?;
        if count == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        let (taken, header) = preface.take(&seen[..count]).map_err(io::Error::other)?;
        stream.read_exact(&mut seen[..taken]).await?;
        if let Some(header) = header {
            return Ok(header);
        }
    }
}
