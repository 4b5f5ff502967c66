//! async-imap, on connections to a sandbox.

use std::io;
use std::sync::Arc;

use mail_sandbox::{Endpoint, Sandbox};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use tokio_rustls::rustls::pki_types::{CertificateDer, ServerName};
use tokio_rustls::rustls::{ClientConfig, RootCertStore, crypto};

pub(crate) type Client = async_imap::Client<TcpStream>;
pub(crate) type Session = async_imap::Session<TcpStream>;

/// A client that has not read the greeting.
pub(crate) async fn connect(sandbox: &Sandbox) -> Client {
    let stream = stream(sandbox, Endpoint::Imap).await;
    async_imap::Client::new(stream.expect("a connection"))
}

/// A connection on which nothing waits for company.
pub(crate) async fn stream(sandbox: &Sandbox, endpoint: Endpoint) -> io::Result<TcpStream> {
    let stream = TcpStream::connect(sandbox.address(endpoint)).await?;
    stream.set_nodelay(true)?;
    Ok(stream)
}

pub(crate) async fn login(sandbox: &Sandbox, user: &str) -> Session {
    let session = connect(sandbox).await.login(user, "secret").await;
    session.map_err(|(error, _)| error).expect("a login")
}

pub(crate) async fn secured(
    sandbox: &Sandbox,
    endpoint: Endpoint,
) -> async_imap::Client<TlsStream<TcpStream>> {
    let stream = stream(sandbox, endpoint).await;
    let stream = handshake(sandbox, stream.expect("a connection")).await;
    async_imap::Client::new(stream.expect("a handshake"))
}

pub(crate) async fn handshake(
    sandbox: &Sandbox,
    stream: TcpStream,
) -> io::Result<TlsStream<TcpStream>> {
    let mut roots = RootCertStore::empty();
    let authority = CertificateDer::from(sandbox.ca_der().to_vec());
    roots.add(authority).expect("a certificate");
    let config = ClientConfig::builder_with_provider(Arc::new(crypto::ring::default_provider()))
        .with_safe_default_protocol_versions()
        .expect("versions")
        .with_root_certificates(roots)
        .with_no_client_auth();
    let name = ServerName::try_from("localhost").expect("a name");
    TlsConnector::from(Arc::new(config))
        .connect(name, stream)
        .await
}
