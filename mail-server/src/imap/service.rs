//! What an application implements.

use std::sync::Arc;

use async_trait::async_trait;
use imap_proto::response::CodeWord;
use imap_proto::server::Refusal;
use mailwire::TlsInfo;
use sasl::server::Authenticated;

use crate::listener::Peer;
use crate::store::Folders;

/// An application's side of one connection: whose folders there are.
///
/// A value of it lives as long as the connection. The defaults refuse.
/// [`FromStore`](super::FromStore) is one that serves a store.
#[async_trait]
pub trait Service: Send + 'static {
    /// Somebody connected. A refusal becomes the greeting.
    ///
    /// # Errors
    ///
    /// The refusal.
    async fn connect(&mut self, session: &Session) -> Result<(), Refusal> {
        let _ = session;
        Ok(())
    }

    /// Somebody has proven who they are, and [`Session::authenticated`] tells it: these are their folders.
    ///
    /// # Errors
    ///
    /// The refusal.
    async fn open(&mut self, session: &Session) -> Result<Arc<dyn Folders>, Refusal> {
        let _ = session;
        Err(CodeWord::AuthorizationFailed.into())
    }
}

/// What is known of a connection.
#[derive(Debug)]
#[non_exhaustive]
pub struct Session {
    /// Who is there.
    pub peer: Peer,
    /// The TLS session, once there is one.
    pub tls: Option<TlsInfo>,
    /// Who has proven to be there.
    pub authenticated: Option<Authenticated>,
}
