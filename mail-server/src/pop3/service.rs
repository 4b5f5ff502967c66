//! What an application implements.

use async_trait::async_trait;
use bytes::Bytes;
use mailwire::TlsInfo;
#[cfg(feature = "apop")]
use pop3_proto::server::Timestamp;
use pop3_proto::server::Update;
use pop3_proto::{Maildrop, Refusal, ResponseCode};
use sasl::server::Authenticated;

use crate::listener::Peer;

/// An application's side of one connection: whose mailbox it is, and what is in it.
///
/// A value of it lives as long as the connection, so it may keep what it learns, and when it is
/// dropped the session is over. The defaults refuse. No method is called while another runs.
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

    /// The timestamp that the greeting offers for APOP; the default offers none. It has to be
    /// another each time: see [`timestamp`](super::timestamp).
    #[cfg(feature = "apop")]
    fn timestamp(&mut self, session: &Session) -> Option<Timestamp> {
        let _ = session;
        None
    }

    /// Somebody has proven who they are, and [`Session::authenticated`] tells it. Lock their
    /// mailbox for as long as this value lives, and tell what is in it.
    ///
    /// # Errors
    ///
    /// The refusal: `[IN-USE]` if another session has it.
    async fn open(&mut self, session: &Session) -> Result<Maildrop, Refusal> {
        let _ = session;
        Err(refusal(
            ResponseCode::SysPerm,
            "There are no mailboxes here",
        ))
    }

    /// A piece of a message from this place on, with LF or CRLF line ends: as much as is handy,
    /// up to some 64 KiB; nothing at its end. It is called for a message's beginning, and then
    /// for what follows each piece.
    ///
    /// # Errors
    ///
    /// The refusal, which is only told at the beginning of a message; later the connection is
    /// closed, so that half a message is not taken for all.
    async fn read(&mut self, session: &Session, number: u32, from: u64) -> Result<Bytes, Refusal> {
        let _ = (session, number, from);
        Err(refusal(ResponseCode::SysPerm, "There are no messages here"))
    }

    /// The client has said QUIT: delete what it has marked, and give up the lock.
    ///
    /// # Errors
    ///
    /// The refusal, if not all could be deleted.
    async fn update(&mut self, session: &Session, update: Update) -> Result<(), Refusal> {
        let _ = session;
        match update.deleted.is_empty() {
            true => Ok(()),
            false => Err(refusal(
                ResponseCode::SysPerm,
                "Nothing can be deleted here",
            )),
        }
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
    /// The client has asked for UTF8 (RFC 6856 section 2).
    pub utf8: bool,
}

/// One of our own, whose text is known to be fine.
pub(super) fn refusal(code: ResponseCode, text: &'static str) -> Refusal {
    Refusal::new(code, text).expect("a short text without control characters")
}
