//! Messages on their way into a folder.

use std::num::NonZeroU32;

use bytes::Bytes;
use imap_proto::response::Code;
use imap_proto::server::{self, Refusal};

use super::refusals;
use crate::store::{Adding, Folders, StoreError};

/// The messages of one command, which are added together.
pub(super) struct Appending {
    adding: Box<dyn Adding>,
    uid_validity: NonZeroU32,
    replaces: Option<NonZeroU32>,
    /// Why there will be none, which is told when the command may be answered.
    failed: Option<StoreError>,
}

impl Appending {
    /// Begins with the folder that is named.
    pub(super) async fn begin(
        folders: &dyn Folders,
        message: &server::NewMessage,
    ) -> Result<Self, Refusal> {
        let folder = folders.open(&message.mailbox).await;
        let folder = folder.map_err(refusals::of_target)?;
        let state = folder.state().await.map_err(refusals::of_store)?;
        let adding = folder.add().await.map_err(refusals::of_target)?;
        Ok(Self {
            adding,
            uid_validity: state.uid_validity,
            replaces: message.replaces,
            failed: None,
        })
    }

    /// Another message comes.
    pub(super) async fn message(&mut self, message: server::NewMessage) -> Result<(), Refusal> {
        if let Some(error) = self.failed.take() {
            return Err(refusals::of_target(error));
        }
        let begun = self.adding.message(message.flags, message.date).await;
        begun.map_err(refusals::of_target)
    }

    /// More of it.
    pub(super) async fn body(&mut self, octets: Bytes) {
        if self.failed.is_none() {
            self.failed = self.adding.write(octets).await.err();
        }
    }

    /// Adds them, and gives what programs should know, and the message that was replaced.
    pub(super) async fn end(self) -> Result<(Code, Option<NonZeroU32>), Refusal> {
        if let Some(error) = self.failed {
            return Err(refusals::of_target(error));
        }
        let uids = self.adding.commit().await.map_err(refusals::of_target)?;
        let code = Code::AppendUid {
            uid_validity: self.uid_validity,
            uids: uids.into_iter().collect(),
        };
        Ok((code, self.replaces))
    }
}
