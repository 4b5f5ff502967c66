//! A Maildir as a folder of IMAP.

use std::fs::File;
use std::num::NonZeroU32;
use std::path::PathBuf;

use bytes::Bytes;
use imap_proto::{ModSeqOrZero, NumberSet};
use mailbox_formats::MailboxError;
use mailbox_formats::maildir::{Entry, Letters, Maildir, Place};

use super::StoreError;
use super::attending;
use super::folder::FlagChange;
use super::ledger::Ledger;
use super::maildir_adding::MaildirPlacing;
use super::maildir_flags::{letters_of, ours};
use super::maildir_quota::Budget;
use super::maildir_reading;
use super::maildir_state::State;
use super::shared_folder::{OnDisk, SharedFolder};

/// UIDs and keywords are in the files that Dovecot has for them, flags in the names of messages, mod-sequences in a log
/// of ours.
#[derive(Debug)]
pub(super) struct MaildirFolder {
    maildir: Maildir,
    budget: Budget,
}

impl MaildirFolder {
    pub(super) fn new(maildir: Maildir, budget: Budget) -> Self {
        Self { maildir, budget }
    }

    /// What its messages count against.
    pub(super) fn budget(&self) -> &Budget {
        &self.budget
    }

    /// The Maildir itself.
    pub(super) fn maildir(&self) -> &Maildir {
        &self.maildir
    }
}

impl OnDisk for MaildirFolder {
    type State = State;
    type Place = Entry;
    type Content = File;
    type Placing = MaildirPlacing;

    fn places(&self) -> Vec<attending::Place> {
        let directory = |part| self.maildir.path().join(part);
        let place = |part| attending::Place {
            directory: directory(part),
            file: None,
        };
        ["new", "cur"].map(place).into()
    }

    fn beside(&self, file: &str) -> PathBuf {
        self.maildir.path().join(file)
    }

    fn read(&self) -> Result<State, StoreError> {
        State::read(&self.maildir)
    }

    fn sync(&self, state: &mut State) -> Result<(), StoreError> {
        state.sync(&self.maildir)
    }

    fn note(&self, state: &mut State) {
        state.flush_log();
        self.budget.note(std::mem::take(&mut state.change));
    }

    fn ledger(state: &State) -> &Ledger<Entry> {
        &state.ledger
    }

    fn take_recent(&self, state: &mut State) -> Result<NumberSet, StoreError> {
        if !state.has_new {
            return Ok(NumberSet::new());
        }
        let recent = state.ledger.entries();
        let recent = recent.filter(|entry| entry.place.place() == Place::New);
        let recent: Vec<_> = recent.map(|entry| entry.info.uid).collect();
        for uid in &recent {
            let Some(entry) = state.ledger.get_mut(*uid) else {
                continue;
            };
            match self.maildir.change(&entry.place, |letters| letters) {
                Ok(moved) => entry.place = moved,
                Err(MailboxError::Vanished(_)) => {}
                Err(error) => return Err(error.into()),
            }
        }
        if !recent.is_empty() {
            state.is_ours(&self.maildir);
        }
        state.has_new = false;
        Ok(recent.into_iter().collect())
    }

    fn change(
        &self,
        state: &mut State,
        uids: &NumberSet,
        change: &FlagChange,
        unchanged_since: Option<ModSeqOrZero>,
    ) -> Result<NumberSet, StoreError> {
        let (planned, modified) = state.ledger.plan(uids, change, unchanged_since);
        let held = self.maildir.held_open()?;
        for (uid, flags) in planned {
            let wanted = letters_of(&flags, &self.maildir)?;
            let Some(entry) = state.ledger.get_mut(uid) else {
                continue;
            };
            let before = entry.place.letters();
            let (added, removed) = (wanted.without(before), ours(before).without(wanted));
            // What others change at the same time comes true as well.
            let changed = held.change(&entry.place, |letters| letters.with(added).without(removed));
            match changed {
                Ok(changed) => {
                    let letters = changed.letters();
                    if letters.contains(Letters::TRASHED) != before.contains(Letters::TRASHED) {
                        state.change.went(&self.maildir, &changed, before);
                        state.change.came(&self.maildir, &changed);
                    }
                    entry.place = changed;
                    state.ledger.set_flags(uid, flags);
                    if let Some(entry) = state.ledger.get(uid) {
                        state.log.changed(uid, entry.info.mod_seq, &letters);
                    }
                }
                Err(MailboxError::Vanished(_)) => {}
                Err(error) => return Err(error.into()),
            }
        }
        state.is_ours(&self.maildir);
        Ok(modified)
    }

    fn expunge(&self, state: &mut State, uids: &[NonZeroU32]) -> Result<(), StoreError> {
        for uid in uids {
            if let Some(entry) = state.ledger.get(*uid) {
                let place = &entry.place;
                let mut change = state.change;
                change.went(&self.maildir, place, place.letters());
                if self.maildir.expunge(place)? {
                    state.change = change;
                }
            }
            state.ledger.remove(*uid);
            state.log.gone(*uid, state.ledger.mod_seq());
        }
        self.maildir.sync()?;
        state.is_ours(&self.maildir);
        Ok(())
    }

    fn read_several(
        folder: &SharedFolder<Self>,
        uids: &[NonZeroU32],
    ) -> Result<Vec<(NonZeroU32, Bytes)>, StoreError> {
        maildir_reading::all(&folder.disk().maildir, entries(folder, uids)?)
    }

    fn open(folder: &SharedFolder<Self>, uid: NonZeroU32) -> Result<File, StoreError> {
        let entries = entries(folder, &[uid])?;
        let (_, entry) = entries.first().ok_or(StoreError::Gone)?;
        match folder.disk().maildir.open_message(entry) {
            Err(MailboxError::Vanished(_)) => Err(StoreError::Gone),
            opened => Ok(opened?.file),
        }
    }

    fn add(folder: SharedFolder<Self>) -> MaildirPlacing {
        MaildirPlacing::new(folder)
    }
}

/// Where messages were last seen. That others may have moved them since is no matter: they are followed.
fn entries(
    folder: &SharedFolder<MaildirFolder>,
    uids: &[NonZeroU32],
) -> Result<Vec<(NonZeroU32, Entry)>, StoreError> {
    let known = |state: &State| {
        let entries = uids.iter().filter_map(|uid| {
            let entry = state.ledger.get(*uid)?;
            Some((*uid, entry.place.clone()))
        });
        entries.collect::<Vec<_>>()
    };
    match folder.known(known) {
        Some(entries) if entries.len() == uids.len() => Ok(entries),
        _ => folder.with_blocking(|_, state| Ok(known(state))),
    }
}
