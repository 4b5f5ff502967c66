//! The servers of the loopback layer: programs of their own, so that their CPU time is theirs.

use crate::ours;
use anyhow::{Result, anyhow, bail};
use mailin_embedded::{Handler, Server, SslConfig};
use std::net::TcpListener;
use tokio::runtime::Builder;

/// Serves on the loopback `port` until killed, as the server called `name`.
pub(crate) fn serve(name: &str, port: u16) -> Result<()> {
    let listener = TcpListener::bind(("127.0.0.1", port))?;
    if let Some(root) = name.strip_prefix(POP3) {
        return ours::pop3_server(listener, root);
    }
    if let Some(root) = name.strip_prefix(IMAP) {
        return ours::imap_server(listener, root);
    }
    match name {
        MAILIN => serve_mailin(listener),
        MAILWIRE => ours::smtp_sink(listener, Builder::new_current_thread()),
        WORKERS => ours::smtp_sink(listener, Builder::new_multi_thread()),
        THREADS => ours::smtp_sink_on_threads(&listener),
        _ => bail!("no server is called {name}"),
    }
}

pub(crate) const MAILIN: &str = "mailin";
pub(crate) const MAILWIRE: &str = "mailwire";
pub(crate) const WORKERS: &str = "mailwire-workers";
pub(crate) const THREADS: &str = "mailwire-threads";

/// Serves POP3 from Maildirs in the folder whose path stands behind it.
pub(crate) const POP3: &str = "pop3:";

/// The same for IMAP.
pub(crate) const IMAP: &str = "imap:";

/// Its defaults accept every message and throw it away.
fn serve_mailin(listener: TcpListener) -> Result<()> {
    #[derive(Clone)]
    struct Discard;
    impl Handler for Discard {}

    let mut server = Server::new(Discard);
    server
        .with_name("mx.example.org")
        .with_ssl(SslConfig::None)
        .map_err(|error| anyhow!("{error}"))?
        .with_num_threads(32)
        .with_tcp_listener(listener);
    server.serve().map_err(|error| anyhow!("{error}"))
}
