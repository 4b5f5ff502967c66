//! TLS for listeners, by rustls.

use std::path::Path;
use std::sync::Arc;

use mailwire::TlsInfo;
use sha2::{Digest, Sha256, Sha384, Sha512};
use tokio::net::TcpStream;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio_rustls::rustls::{self, ServerConfig};
use tokio_rustls::server::TlsStream;
use x509_cert::Certificate;
use x509_cert::der::Decode;
use x509_cert::der::oid::db::rfc5912;

/// What a listener needs to speak TLS: a certificate and its key, inside a rustls configuration.
#[derive(Clone)]
pub struct Tls {
    acceptor: TlsAcceptor,
    /// The hash of the one certificate that it has.
    end_point: Option<Vec<u8>>,
}

impl Tls {
    /// From a certificate chain and its private key, both in PEM. The ring provider, TLS 1.2 and 1.3,
    /// no client certificates.
    ///
    /// # Errors
    ///
    /// If either is not PEM of the right kind, or they do not belong together.
    pub fn from_pem(certificates: &[u8], key: &[u8]) -> Result<Self, TlsError> {
        let chain = CertificateDer::pem_slice_iter(certificates).collect::<Result<Vec<_>, _>>()?;
        Self::new(chain, PrivateKeyDer::from_pem_slice(key)?)
    }

    /// The same, from files.
    ///
    /// # Errors
    ///
    /// As [`from_pem`](Self::from_pem), or if a file cannot be read.
    pub fn from_pem_files(certificates: &Path, key: &Path) -> Result<Self, TlsError> {
        let chain = CertificateDer::pem_file_iter(certificates)?.collect::<Result<Vec<_>, _>>()?;
        Self::new(chain, PrivateKeyDer::from_pem_file(key)?)
    }

    fn new(
        chain: Vec<CertificateDer<'static>>,
        key: PrivateKeyDer<'static>,
    ) -> Result<Self, TlsError> {
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let end_point = chain.first().and_then(end_point);
        let config = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()?
            .with_no_client_auth()
            .with_single_cert(chain, key)?;
        Ok(Self {
            end_point,
            ..Self::from(Arc::new(config))
        })
    }

    /// Runs the handshake.
    pub(crate) async fn accept(
        &self,
        stream: TcpStream,
    ) -> std::io::Result<(Box<TlsStream<TcpStream>>, TlsInfo)> {
        let stream = self.acceptor.accept(stream).await?;
        let connection = stream.get_ref().1;
        let mut info = info(connection);
        info.server_name = connection.server_name().map(str::to_owned);
        info.server_end_point.clone_from(&self.end_point);
        Ok((Box::new(stream), info))
    }
}

/// Any configuration of rustls, for client certificates, several names or another provider. Which
/// certificate a session will have is not known then, so `tls-server-end-point` is not offered as
/// a channel binding; `tls-exporter` is.
impl From<Arc<ServerConfig>> for Tls {
    fn from(config: Arc<ServerConfig>) -> Self {
        Self {
            acceptor: TlsAcceptor::from(config),
            end_point: None,
        }
    }
}

impl std::fmt::Debug for Tls {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Tls")
    }
}

/// What rustls knows of a session, on either side, in the words of the machines.
pub(crate) fn info<D>(connection: &rustls::ConnectionCommon<D>) -> TlsInfo {
    let mut info = TlsInfo::default();
    let version = connection.protocol_version();
    info.version = version.map(|version| match version {
        rustls::ProtocolVersion::TLSv1_2 => "TLSv1.2".to_owned(),
        rustls::ProtocolVersion::TLSv1_3 => "TLSv1.3".to_owned(),
        other => format!("{other:?}"),
    });
    let suite = connection.negotiated_cipher_suite();
    info.cipher = suite.map(|suite| format!("{:?}", suite.suite()));
    let certificates = connection.peer_certificates();
    info.peer_certificate = certificates
        .and_then(<[_]>::first)
        .map(|leaf| leaf.as_ref().to_vec());
    if version == Some(rustls::ProtocolVersion::TLSv1_3) {
        // RFC 9266 section 4.2.
        let label = b"EXPORTER-Channel-Binding";
        info.exporter = connection
            .export_keying_material(vec![0; 32], label, Some(&[]))
            .ok();
    }
    info
}

/// The `tls-server-end-point` of a certificate (RFC 5929 section 4.1): its hash, by the function
/// that it is signed with, or SHA-256 where that is MD5 or SHA-1. Other signatures have none.
pub(crate) fn end_point(certificate: &CertificateDer<'_>) -> Option<Vec<u8>> {
    let parsed = Certificate::from_der(certificate).ok()?;
    match parsed.signature_algorithm().oid {
        rfc5912::MD_5_WITH_RSA_ENCRYPTION
        | rfc5912::SHA_1_WITH_RSA_ENCRYPTION
        | rfc5912::SHA_256_WITH_RSA_ENCRYPTION
        | rfc5912::ECDSA_WITH_SHA_256 => Some(Sha256::digest(certificate).to_vec()),
        rfc5912::SHA_384_WITH_RSA_ENCRYPTION | rfc5912::ECDSA_WITH_SHA_384 => {
            Some(Sha384::digest(certificate).to_vec())
        }
        rfc5912::SHA_512_WITH_RSA_ENCRYPTION | rfc5912::ECDSA_WITH_SHA_512 => {
            Some(Sha512::digest(certificate).to_vec())
        }
        _ => None,
    }
}

/// A certificate or key that cannot be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TlsError {
    /// Not PEM, not a certificate or key, or not readable.
    #[error("certificate or key: {0}")]
    Pem(#[from] rustls::pki_types::pem::Error),
    /// Refused by rustls.
    #[error("certificate or key: {0}")]
    Rustls(#[from] rustls::Error),
}
