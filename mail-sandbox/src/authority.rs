//! Certificates: an authority that lives as long as the process, and what it has signed.

use std::io;
use std::sync::{Arc, LazyLock};

use mailwire::TlsInfo;
use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair, KeyUsagePurpose,
    date_time_ymd,
};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio_rustls::rustls::{ProtocolVersion, ServerConfig, crypto};
use tokio_rustls::{TlsAcceptor, TlsStream, server};

/// What a server shows in the TLS handshake.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Certificate {
    /// For `localhost`, 127.0.0.1 and ::1, signed by the sandbox's authority.
    #[default]
    Good,
    /// The same, but its time is over.
    Expired,
    /// Signed by the authority for `other.example`, which the server is not.
    OtherName,
    /// For the right names, signed by an authority that nobody knows.
    UnknownAuthority,
}

impl Certificate {
    /// All of them.
    pub const ALL: [Self; 4] = [
        Self::Good,
        Self::Expired,
        Self::OtherName,
        Self::UnknownAuthority,
    ];

    /// Its name in fault files.
    pub fn name(self) -> &'static str {
        match self {
            Self::Good => "good",
            Self::Expired => "expired",
            Self::OtherName => "other-name",
            Self::UnknownAuthority => "unknown-authority",
        }
    }
}

/// The certificate of the authority, in PEM.
pub(crate) fn authority_pem() -> &'static str {
    static PEM: LazyLock<String> = LazyLock::new(|| AUTHORITY.pem());
    &PEM
}

/// The same in DER.
pub(crate) fn authority_der() -> &'static [u8] {
    AUTHORITY.der()
}

/// Runs a handshake as the server.
pub(crate) async fn accept<S>(
    certificate: Certificate,
    stream: S,
) -> io::Result<server::TlsStream<S>>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let acceptor = match certificate {
        Certificate::Good => &*GOOD,
        Certificate::Expired => &*EXPIRED,
        Certificate::OtherName => &*OTHER_NAME,
        Certificate::UnknownAuthority => &*UNKNOWN_AUTHORITY,
    };
    acceptor.accept(stream).await
}

/// What came of a handshake.
pub(crate) fn info<S>(stream: &TlsStream<S>) -> TlsInfo {
    let connection = stream.get_ref().1;
    let mut info = TlsInfo::default();
    info.version = connection.protocol_version().map(|version| match version {
        ProtocolVersion::TLSv1_2 => "TLSv1.2".to_owned(),
        ProtocolVersion::TLSv1_3 => "TLSv1.3".to_owned(),
        other => format!("{other:?}"),
    });
    let suite = connection.negotiated_cipher_suite();
    info.cipher = suite.map(|suite| format!("{:?}", suite.suite()));
    if let TlsStream::Server(stream) = stream {
        info.server_name = stream.get_ref().1.server_name().map(str::to_owned);
    }
    info
}

static AUTHORITY: LazyLock<CertifiedIssuer<'static, KeyPair>> =
    LazyLock::new(|| authority("mail-sandbox test authority"));

static GOOD: LazyLock<TlsAcceptor> = LazyLock::new(|| acceptor(&AUTHORITY, &HERE, false));

static EXPIRED: LazyLock<TlsAcceptor> = LazyLock::new(|| acceptor(&AUTHORITY, &HERE, true));

static OTHER_NAME: LazyLock<TlsAcceptor> =
    LazyLock::new(|| acceptor(&AUTHORITY, &["other.example"], false));

static UNKNOWN_AUTHORITY: LazyLock<TlsAcceptor> =
    LazyLock::new(|| acceptor(&authority("an unknown authority"), &HERE, false));

const HERE: [&str; 3] = ["localhost", "127.0.0.1", "::1"];

fn authority(name: &str) -> CertifiedIssuer<'static, KeyPair> {
    let mut params = CertificateParams::default();
    params.distinguished_name.push(DnType::CommonName, name);
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    let key = KeyPair::generate().expect("a random key");
    CertifiedIssuer::self_signed(params, key).expect("parameters of our own")
}

fn acceptor(
    authority: &CertifiedIssuer<'static, KeyPair>,
    names: &[&str],
    expired: bool,
) -> TlsAcceptor {
    let names: Vec<String> = names.iter().map(|&name| name.to_owned()).collect();
    let mut params = CertificateParams::new(names).expect("names of our own");
    params
        .distinguished_name
        .push(DnType::CommonName, "mail-sandbox");
    params.use_authority_key_identifier_extension = true;
    if expired {
        params.not_before = date_time_ymd(2001, 1, 1);
        params.not_after = date_time_ymd(2002, 1, 1);
    }
    let key = KeyPair::generate().expect("a random key");
    let leaf = params.signed_by(&key, authority).expect("an authority");
    let chain = vec![CertificateDer::from(leaf.der().to_vec())];
    let key = PrivateKeyDer::Pkcs8(key.serialize_der().into());
    let config = ServerConfig::builder_with_provider(Arc::new(crypto::ring::default_provider()))
        .with_safe_default_protocol_versions()
        .expect("the provider has ciphers for both versions")
        .with_no_client_auth()
        .with_single_cert(chain, key)
        .expect("a key that belongs to the certificate");
    TlsAcceptor::from(Arc::new(config))
}
