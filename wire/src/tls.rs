//! What is known of the TLS session that a connection runs in.

/// Facts about a TLS session, as the transport reports them.
///
/// A machine only needs to know that TLS is there; the facts are carried for the application:
/// for a `Received` field, for SASL EXTERNAL, for channel binding.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct TlsInfo {
    /// The protocol version, such as `TLSv1.3`.
    pub version: Option<String>,
    /// The cipher suite's name, such as `TLS13_AES_256_GCM_SHA384`.
    pub cipher: Option<String>,
    /// The server name that the client asked for (SNI, RFC 6066 section 3).
    pub server_name: Option<String>,
    /// The peer's leaf certificate in DER, if it showed one that was verified.
    pub peer_certificate: Option<Vec<u8>>,
    /// The `tls-exporter` channel binding (RFC 9266), on TLS 1.3.
    pub exporter: Option<Vec<u8>>,
    /// The `tls-server-end-point` channel binding (RFC 5929 section 4): the hash of the server's
    /// certificate, where it is known which one that is.
    pub server_end_point: Option<Vec<u8>>,
}
