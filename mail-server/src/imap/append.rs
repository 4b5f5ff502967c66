//! Messages on their way into a folder.

use std::num::NonZeroU32;
use std::sync::Arc;

use imap_proto::response::{Code, CodeWord};
use imap_proto::server::{self, Refusal};

use super::refusals;
use crate::limits::APPEND_TOGETHER;
use crate::store::{Folder, Folders, NewMessage};

/// The messages of one command, which are added together.
pub(super) struct Appending {
    folder: Arc<dyn Folder>,
    uid_validity: NonZeroU32,
    messages: Vec<NewMessage>,
    /// The octets of the last one, so far.
    octets: Vec<u8>,
    total: u64,
    replaces: Option<NonZeroU32>,
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
        Ok(Self {
            folder,
            uid_validity: state.uid_validity,
            messages: Vec::new(),
            octets: Vec::new(),
            total: 0,
            replaces: message.replaces,
        })
    }

    /// Another message comes.
    pub(super) fn message(mut self: Box<Self>, message: server::NewMessage) -> Box<Self> {
        self.end_last();
        self.messages.push(NewMessage {
            octets: bytes::Bytes::new(),
            flags: message.flags,
            internal_date: message.date,
        });
        self
    }

    /// More of it.
    pub(super) fn body(&mut self, octets: &[u8]) {
        self.total += octets.len() as u64;
        if self.total <= APPEND_TOGETHER {
            self.octets.extend_from_slice(octets);
        }
    }

    fn end_last(&mut self) {
        if let Some(last) = self.messages.last_mut() {
            last.octets = std::mem::take(&mut self.octets).into();
        }
    }

    /// Adds them, and gives what programs should know, and the message that was replaced.
    pub(super) async fn end(mut self: Box<Self>) -> Result<(Code, Option<NonZeroU32>), Refusal> {
        if self.total > APPEND_TOGETHER {
            return Err(CodeWord::TooBig.into());
        }
        self.end_last();
        let added = self.folder.append(self.messages).await;
        let uids = added.map_err(refusals::of_target)?;
        let code = Code::AppendUid {
            uid_validity: self.uid_validity,
            uids: uids.into_iter().collect(),
        };
        Ok((code, self.replaces))
    }
}
