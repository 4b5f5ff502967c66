//! Connecting to servers: what clients of all protocols have in common.

use std::fmt;
use std::io;
use std::sync::Arc;

use mailwire::TlsInfo;
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::pki_types::{CertificateDer, ServerName};
use tokio_rustls::rustls::{self, ClientConfig, RootCertStore};
use tokio_util::either::Either;

use crate::tls::{TlsError, end_point, info};

/// Whether a client speaks TLS, and whom it believes.
#[derive(Debug, Clone)]
#[expect(clippy::exhaustive_enums, reason = "these are the three ways")]
pub enum Security {
    /// In clear text. For servers on this host.
    None,
    /// In clear text at first, and not a word more than it takes to begin TLS. A server that
    /// cannot is left.
    StartTls(Trust),
    /// TLS from the start (RFC 8314 section 3).
    Tls(Trust),
}

/// Which servers' certificates are believed.
#[derive(Clone)]
pub struct Trust(Arc<ClientConfig>);

impl Trust {
    /// Those that one of these authorities has signed, in PEM.
    ///
    /// # Errors
    ///
    /// If there is none among them, or one is not a certificate.
    pub fn authorities(pem: &[u8]) -> Result<Self, TlsError> {
        let mut roots = RootCertStore::empty();
        for certificate in CertificateDer::pem_slice_iter(pem) {
            roots.add(certificate?)?;
        }
        if roots.is_empty() {
            return Err(TlsError::Pem(rustls::pki_types::pem::Error::NoItemsFound));
        }
        Self::roots(roots)
    }

    /// Those that one of these roots has signed, such as the ones of `webpki-roots`.
    ///
    /// # Errors
    ///
    /// If the provider of rustls has none of the protocol's versions.
    pub fn roots(roots: RootCertStore) -> Result<Self, TlsError> {
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let config = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()?
            .with_root_certificates(roots)
            .with_no_client_auth();
        Ok(Self::from(Arc::new(config)))
    }
}

/// Any configuration of rustls, for client certificates, other rules or another provider.
impl From<Arc<ClientConfig>> for Trust {
    fn from(config: Arc<ClientConfig>) -> Self {
        Self(config)
    }
}

impl fmt::Debug for Trust {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Trust")
    }
}

/// A client's connection, bare or under TLS.
pub(crate) type Transport = Either<TcpStream, Box<TlsStream<TcpStream>>>;

/// Runs the TLS handshake on a bare stream.
pub(crate) async fn upgrade(
    transport: Transport,
    host: &str,
    trust: &Trust,
) -> io::Result<(Transport, TlsInfo)> {
    let Either::Left(stream) = transport else {
        return Err(io::Error::other("TLS is in use already"));
    };
    let name = ServerName::try_from(host.to_owned()).map_err(io::Error::other)?;
    let connector = TlsConnector::from(Arc::clone(&trust.0));
    let stream = Box::new(connector.connect(name, stream).await?);
    let connection = stream.get_ref().1;
    let mut facts = info(connection);
    facts.server_name = Some(host.to_owned());
    let certificates = connection.peer_certificates();
    facts.server_end_point = certificates.and_then(<[_]>::first).and_then(end_point);
    Ok((Either::Right(stream), facts))
}
