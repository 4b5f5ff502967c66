//! Messages on their way into a folder.

use std::num::NonZeroU32;
use std::ops::Range;
use std::sync::Arc;

use bytes::Bytes;
use imap_proto::command::FetchAttribute;
use imap_proto::response::{Code, FetchItem};
use imap_proto::server::{self, Refusal};
use imap_proto::{Content, MailboxName, Octets, Text};

use super::selected::Selected;
use super::url::MessageUrl;
use super::{large, refusals};
use crate::store::{Adding, Folder, Folders, StoreError};

/// The messages of one command, which are added together.
pub(super) struct Appending {
    /// Where they go.
    pub(super) mailbox: MailboxName,
    adding: Box<dyn Adding>,
    uid_validity: NonZeroU32,
    replaces: Option<NonZeroU32>,
    /// Octets of the message so far, and how many there may be.
    octets: u64,
    most: u64,
    /// Why there will be none, which is told when the command may be answered.
    failed: Option<StoreError>,
}

impl Appending {
    /// Begins with the folder that is named.
    pub(super) async fn begin(
        folders: &dyn Folders,
        message: &server::NewMessage,
        most: Option<u64>,
    ) -> Result<Self, Refusal> {
        let folder = folders.open(&message.mailbox).await;
        let folder = folder.map_err(refusals::of_target)?;
        let state = folder.state().await.map_err(refusals::of_store)?;
        let adding = folder.add().await.map_err(refusals::of_target)?;
        Ok(Self {
            mailbox: message.mailbox.clone(),
            adding,
            uid_validity: state.uid_validity,
            replaces: message.replaces,
            octets: 0,
            most: most.unwrap_or(u64::MAX),
            failed: None,
        })
    }

    /// Another message comes.
    pub(super) async fn message(&mut self, message: server::NewMessage) -> Result<(), Refusal> {
        if let Some(error) = self.failed.take() {
            return Err(refusals::of_target(error));
        }
        self.octets = 0;
        let begun = self.adding.message(message.flags, message.date).await;
        begun.map_err(refusals::of_target)
    }

    /// More of it.
    pub(super) async fn body(&mut self, octets: Bytes) {
        self.octets += octets.len() as u64;
        if self.octets > self.most {
            self.failed = Some(StoreError::TooLarge);
        }
        if self.failed.is_none() {
            self.failed = self.adding.write(octets).await.err();
        }
    }

    /// It goes on with what a URL names (RFC 4469).
    pub(super) async fn url(
        &mut self,
        folders: &dyn Folders,
        selected: Option<&Selected>,
        url: &Octets,
    ) -> Result<(), Refusal> {
        let bad = || {
            let refusal = Refusal::new(Text::fixed("The URL names nothing here"));
            match Text::new(url.clone()) {
                Ok(url) => refusal.with_code(Code::BadUrl(url)),
                Err(_) => refusal,
            }
        };
        let named = MessageUrl::parse(url).ok_or_else(bad)?;
        let folder = match &named.mailbox {
            Some(name) => folders.open(name).await.map_err(|_| bad())?,
            None => Arc::clone(&selected.ok_or_else(bad)?.folder),
        };
        let state = folder.state().await.map_err(refusals::of_store)?;
        let is_valid = named
            .uid_validity
            .is_none_or(|valid| valid == state.uid_validity);
        let info = folder.messages(&[named.uid].into_iter().collect()).await;
        let info = info.map_err(refusals::of_store)?.pop();
        let info = info.filter(|_| is_valid).ok_or_else(bad)?;
        // What is asked for is what FETCH tells.
        let attribute = FetchAttribute::Section {
            section: named.section,
            partial: named.partial,
            peek: true,
        };
        let attributes = Arc::from([attribute]);
        let described = large::describe(&folder, &attributes, &info, &Arc::default()).await;
        let described = described.map_err(refusals::of_store)?.ok_or_else(bad)?;
        let Some(FetchItem::Section(section)) = described.items.into_iter().next() else {
            return Err(bad());
        };
        match section.content {
            Some(Content::Whole(octets)) => {
                self.body(Bytes::copy_from_slice(&octets)).await;
            }
            Some(Content::Streamed(_)) => {
                for range in described.owed {
                    self.copy(&*folder, info.uid, range).await?;
                }
            }
            None => return Err(bad()),
        }
        Ok(())
    }

    /// It goes on with these octets of another message.
    async fn copy(
        &mut self,
        folder: &dyn Folder,
        uid: NonZeroU32,
        range: Range<u64>,
    ) -> Result<(), Refusal> {
        let failed = refusals::of_store;
        let mut reading = folder.read_from(uid, range.start).await.map_err(failed)?;
        let mut left = range.end - range.start;
        while left > 0 && self.failed.is_none() {
            let mut piece = reading.next().await.map_err(failed)?;
            if piece.is_empty() {
                return Err(failed(StoreError::Gone));
            }
            piece.truncate(usize::try_from(left).unwrap_or(usize::MAX));
            left -= piece.len() as u64;
            self.body(piece).await;
        }
        Ok(())
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
