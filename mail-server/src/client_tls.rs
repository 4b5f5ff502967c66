//! TLS for those who connect, by rustls.

use std::fmt;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use mailwire::drive::tokio::Driver;
use mailwire::{Machine, TlsInfo};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use tokio_rustls::rustls::client::danger::{
    HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier,
};
use tokio_rustls::rustls::crypto::CryptoProvider;
use tokio_rustls::rustls::pki_types::pem::{self, PemObject};
use tokio_rustls::rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use tokio_rustls::rustls::{
    self, ClientConfig, DigitallySignedStruct, RootCertStore, SignatureScheme,
};
use tokio_util::either::Either;

use crate::tls::{TlsError, end_point, info};

/// How a client's connection is protected.
#[derive(Debug, Clone)]
#[expect(clippy::exhaustive_enums, reason = "there are no other ways")]
pub enum Security {
    /// Not at all. For servers on this host.
    None,
    /// By STARTTLS or STLS, where it is offered; otherwise not at all. Whoever sits on the way can
    /// have it not offered.
    Opportunistic(ClientTls),
    /// By STARTTLS or STLS, or nothing is said.
    Required(ClientTls),
    /// By TLS from the beginning, as on the ports 465, 995 and 993 (RFC 8314 section 3).
    Implicit(ClientTls),
}

/// A client's connection, bare or under TLS.
pub(crate) type Transport = Either<TcpStream, Box<TlsStream<TcpStream>>>;

/// Connects to a host by name or address, under TLS if the connection begins with that.
pub(crate) async fn connect(
    host: &str,
    port: u16,
    security: &Security,
    patience: Duration,
) -> io::Result<(Transport, Option<TlsInfo>)> {
    let stream = timeout(patience, TcpStream::connect((host, port))).await??;
    // What is said at once is gathered by the machine.
    stream.set_nodelay(true)?;
    Ok(match security {
        Security::Implicit(tls) => {
            let (stream, info) = tls.connect(stream, host, patience).await?;
            (Either::Right(stream), Some(info))
        }
        _ => (Either::Left(stream), None),
    })
}

/// Runs the handshake that a machine waits for, and goes on with it under TLS.
pub(crate) async fn start_tls<M: Machine>(
    driver: Driver<M, Transport>,
    tls: &ClientTls,
    host: &str,
    patience: Duration,
) -> io::Result<Driver<M, Transport>> {
    let (mut machine, transport) = driver.into_parts();
    let Either::Left(stream) = transport else {
        return Err(io::Error::other("TLS within TLS"));
    };
    let (stream, info) = tls.connect(stream, host, patience).await?;
    machine.tls_started(info);
    Ok(Driver::new(machine, Either::Right(stream)))
}

/// What a client needs to speak TLS: whom to trust, inside a rustls configuration.
#[derive(Clone)]
pub struct ClientTls {
    connector: TlsConnector,
}

impl ClientTls {
    /// Trusts servers whose certificates lead to one of these roots and have the name that was
    /// connected to. The crates `rustls-native-certs` and `webpki-roots` have roots.
    ///
    /// # Errors
    ///
    /// If rustls refuses.
    pub fn trusting(roots: RootCertStore) -> Result<Self, rustls::Error> {
        let config = builder()?
            .with_root_certificates(roots)
            .with_no_client_auth();
        Ok(Self::from(Arc::new(config)))
    }

    /// The same with the roots in this PEM.
    ///
    /// # Errors
    ///
    /// If there is none, or one is no certificate.
    pub fn trusting_pem(pem: &[u8]) -> Result<Self, TlsError> {
        let mut roots = RootCertStore::empty();
        for certificate in CertificateDer::pem_slice_iter(pem) {
            roots.add(certificate?)?;
        }
        match roots.is_empty() {
            true => Err(TlsError::Pem(pem::Error::NoItemsFound)),
            false => Ok(Self::trusting(roots)?),
        }
    }

    /// Trusts whoever answers: no certificate is verified. What is said cannot be read on the
    /// way, unless somebody on the way is who answers. Better than clear text, which is all that
    /// would be left between servers (RFC 7435), and good for nothing else.
    ///
    /// # Errors
    ///
    /// If rustls refuses.
    pub fn unverified() -> Result<Self, rustls::Error> {
        let verifier = Arc::new(Unverified(provider()));
        let config = builder()?
            .dangerous()
            .with_custom_certificate_verifier(verifier)
            .with_no_client_auth();
        Ok(Self::from(Arc::new(config)))
    }

    /// Runs the handshake with a server of this name or address.
    async fn connect(
        &self,
        stream: TcpStream,
        host: &str,
        patience: Duration,
    ) -> io::Result<(Box<TlsStream<TcpStream>>, TlsInfo)> {
        let name = ServerName::try_from(host.to_owned()).map_err(io::Error::other)?;
        let stream = timeout(patience, self.connector.connect(name, stream)).await??;
        let connection = stream.get_ref().1;
        let mut info = info(connection);
        info.server_name = Some(host.to_owned());
        let certificates = connection.peer_certificates();
        info.server_end_point = certificates.and_then(<[_]>::first).and_then(end_point);
        Ok((Box::new(stream), info))
    }
}

/// Any configuration of rustls, for client certificates or another provider.
impl From<Arc<ClientConfig>> for ClientTls {
    fn from(config: Arc<ClientConfig>) -> Self {
        Self {
            connector: TlsConnector::from(config),
        }
    }
}

impl fmt::Debug for ClientTls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ClientTls")
    }
}

fn provider() -> Arc<CryptoProvider> {
    Arc::new(rustls::crypto::ring::default_provider())
}

fn builder() -> Result<rustls::ConfigBuilder<ClientConfig, rustls::WantsVerifier>, rustls::Error> {
    ClientConfig::builder_with_provider(provider()).with_safe_default_protocol_versions()
}

/// Believes anything: whoever answers is whom we talk to, so that no signature says more.
#[derive(Debug)]
struct Unverified(Arc<CryptoProvider>);

impl ServerCertVerifier for Unverified {
    fn verify_server_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        Ok(HandshakeSignatureValid::assertion())
    }

    fn verify_tls13_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        Ok(HandshakeSignatureValid::assertion())
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.signature_verification_algorithms.supported_schemes()
    }
}
