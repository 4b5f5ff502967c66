//! An mbox as a folder of IMAP.

use std::io::Read;
use std::num::NonZeroU32;
use std::path::PathBuf;

use bytes::Bytes;
use imap_proto::{Atom, ModSeqOrZero, NumberSet};
use mailbox_formats::mbox::{self, Content, Mbox};
use mailbox_formats::{Flags as Marks, MailboxError};

use super::StoreError;
use super::attending;
use super::folder::FlagChange;
use super::ledger::Ledger;
use super::mbox_adding::MboxPlacing;
use super::mbox_flags::marks_of;
use super::mbox_state::{State, VARIANT, number};
use super::pieces::push_with_crlf;
use super::shared_folder::{OnDisk, SharedFolder};

/// UIDs, flags and keywords are in the mbox itself, where Dovecot and others keep them too, mod-sequences in a log of
/// ours.
#[derive(Debug)]
pub(super) struct MboxFolder {
    mbox: Mbox,
    /// Where large messages wait until they are complete.
    staging: PathBuf,
    id: Atom,
}

impl MboxFolder {
    pub(super) fn new(path: PathBuf, staging: PathBuf, id: Atom) -> Self {
        Self {
            mbox: Mbox::new(path),
            staging,
            id,
        }
    }

    /// The mbox itself.
    pub(super) fn mbox(&self) -> &Mbox {
        &self.mbox
    }

    /// How a message is put into it.
    pub(super) fn deliver(&self, options: mbox::Options) -> mbox::Delivery {
        let staging = self.staging.clone();
        self.mbox.deliver(options.variant(VARIANT).staging(staging))
    }
}

impl OnDisk for MboxFolder {
    type State = State;
    type Place = ();
    type Content = Content;
    type Placing = MboxPlacing;

    fn places(&self) -> Vec<attending::Place> {
        let path = self.mbox.path();
        let place = path.parent().map(|directory| attending::Place {
            directory: directory.to_owned(),
            file: path.file_name().map(ToOwned::to_owned),
        });
        place.into_iter().collect()
    }

    fn beside(&self, file: &str) -> PathBuf {
        self.mbox.path().with_extension(file)
    }

    fn read(&self) -> Result<State, StoreError> {
        State::read(&self.mbox, self.id.clone())
    }

    fn sync(&self, state: &mut State) -> Result<(), StoreError> {
        state.sync(&self.mbox)
    }

    fn note(&self, state: &mut State) {
        state.flush_log();
    }

    fn ledger(state: &State) -> &Ledger<()> {
        &state.ledger
    }

    fn take_recent(&self, state: &mut State) -> Result<NumberSet, StoreError> {
        let messages = state.list.messages().iter();
        let recent = messages.filter(|message| !message.flags().contains(Marks::OLD));
        let (mut changes, mut uids) = (mbox::Changes::default(), NumberSet::new());
        for message in recent {
            changes = changes.flags(message.uid(), message.flags() | Marks::OLD);
            uids.insert(number(message.uid()));
        }
        if !uids.is_empty() {
            state.apply(&self.mbox, &changes)?;
        }
        Ok(uids)
    }

    fn change(
        &self,
        state: &mut State,
        uids: &NumberSet,
        change: &FlagChange,
        unchanged_since: Option<ModSeqOrZero>,
    ) -> Result<NumberSet, StoreError> {
        let (planned, modified) = state.ledger.plan(uids, change, unchanged_since);
        let mut changes = mbox::Changes::default();
        for (uid, flags) in &planned {
            let Some(message) = state.list.find(uid.get()) else {
                continue;
            };
            let (marks, keywords) = marks_of(flags);
            let words = keywords.iter().map(Vec::as_slice);
            let marks = marks | (message.flags() & Marks::OLD);
            changes = changes.flags(uid.get(), marks).keywords(uid.get(), words);
        }
        if !planned.is_empty() {
            state.apply(&self.mbox, &changes)?;
        }
        Ok(modified)
    }

    fn expunge(&self, state: &mut State, uids: &[NonZeroU32]) -> Result<(), StoreError> {
        let expunge = |changes: mbox::Changes, uid: &NonZeroU32| changes.expunge(uid.get());
        let changes = uids.iter().fold(mbox::Changes::default(), expunge);
        state.apply(&self.mbox, &changes)
    }

    fn read_several(
        folder: &SharedFolder<Self>,
        uids: &[NonZeroU32],
    ) -> Result<Vec<(NonZeroU32, Bytes)>, StoreError> {
        let mut read = Vec::with_capacity(uids.len());
        let mut stored = Vec::new();
        for uid in uids {
            let mut content = match Self::open(folder, *uid) {
                Err(StoreError::Gone) => continue,
                opened => opened?,
            };
            stored.clear();
            content.read_to_end(&mut stored)?;
            let mut octets = Vec::with_capacity(stored.len() + stored.len() / 16);
            push_with_crlf(&mut octets, &stored, false);
            read.push((*uid, octets.into()));
        }
        Ok(read)
    }

    /// A message that another program has moved meanwhile is looked for once more.
    fn open(folder: &SharedFolder<Self>, uid: NonZeroU32) -> Result<Content, StoreError> {
        let find = |state: &State| {
            let message = state.list.find(uid.get()).ok_or(StoreError::Gone)?;
            Ok::<_, StoreError>(state.list.read(message))
        };
        folder.with_blocking(|disk, state| match find(state)? {
            Err(MailboxError::Changed) => {
                state.sync_again(&disk.mbox)?;
                Ok(find(state)??)
            }
            read => Ok(read?),
        })
    }

    fn add(folder: SharedFolder<Self>) -> MboxPlacing {
        MboxPlacing::new(folder)
    }
}
