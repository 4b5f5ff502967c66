//! TLS handshakes.

use super::Session;
use super::protocol::Protocol;
use crate::authority::Certificate;
use crate::connection::{Ended, Words, lines};
use crate::fault::{Action, Place};

impl<P: Protocol> Session<P> {
    /// A TLS handshake.
    pub(super) async fn handshake(&mut self) -> Result<(), Ended> {
        let hits = self.meet(Place::Tls, b"", Vec::new());
        let mut certificate = Certificate::Good;
        for hit in hits.0 {
            match hit.action {
                Action::Certificate(other) => certificate = other,
                Action::Delay(_) => self.connection.act(&hit.action).await?,
                Action::Garble => return self.fail_handshake(&[0x80; 64]).await,
                Action::Reply(text) => return self.fail_handshake(&lines(&text)).await,
                action => {
                    // The client's first message has come, so that it knows what has failed.
                    self.connection.transport.read().await?;
                    self.connection.act(&action).await?;
                }
            }
        }
        let info = self.connection.accept(certificate).await?;
        self.protocol.tls_started(info);
        Ok(())
    }

    async fn fail_handshake(&mut self, words: &[u8]) -> Result<(), Ended> {
        self.connection.transport.read().await?;
        let hits = Default::default();
        self.connection.utter(Words::new(words), hits).await?;
        Err(Ended::Dropped)
    }
}
