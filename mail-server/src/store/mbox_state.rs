//! What is known of an mbox: its messages, and how it looked when that was found out.

use std::fs;
use std::io;
use std::num::NonZeroU32;
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::time::{SystemTime, UNIX_EPOCH};

use imap_proto::{Atom, Flags};
use mailbox_formats::mbox::{self, Access, List, Listed, Mbox, Rules, Variant};

use super::StoreError;
use super::folder::{Info, date_time};
use super::ledger::Ledger;
use super::mbox_flags::flags_of;
use super::mod_seqs::{self, Log};
use crate::limits::FOLDER_TICK;

/// Its messages, as far as they are known.
#[derive(Debug)]
pub(super) struct State {
    pub(super) ledger: Ledger<()>,
    log: Log,
    pub(super) list: List,
    seen: Option<Seen>,
}

impl State {
    /// Reads a folder for the first time.
    pub(super) fn read(mbox: &Mbox, id: Atom) -> Result<Self, StoreError> {
        Stamp::of(mbox.path())?;
        let at = SystemTime::now();
        let list = mbox.list(&access())?;
        let mut state = Self::of(mbox, list, id);
        state.look_again_unless(mbox, at);
        Ok(state)
    }

    fn of(mbox: &Mbox, list: List, id: Atom) -> Self {
        let mut ledger = Ledger::new(id, number(list.validity()));
        let mut log = Log::new(mbox.path().with_extension(mod_seqs::NAME));
        let messages = list.messages().iter().map(|message| (info(message), ()));
        log.fill(&mut ledger, number(list.next()), messages, look);
        Self {
            ledger,
            log,
            list,
            seen: None,
        }
    }

    /// Writes down what was changed.
    pub(super) fn flush_log(&mut self) {
        self.log.flush(&self.ledger, look);
    }

    /// Finds out what others have done to it.
    pub(super) fn sync(&mut self, mbox: &Mbox) -> Result<(), StoreError> {
        let stamp = Stamp::of(mbox.path())?;
        if self.seen.is_some_and(|seen| seen.still_holds(stamp)) {
            return Ok(());
        }
        let at = SystemTime::now();
        let list = mbox.list(&self.access())?;
        self.take(mbox, list);
        self.look_again_unless(mbox, at);
        Ok(())
    }

    /// Finds out what others have done to it, however it looks.
    pub(super) fn sync_again(&mut self, mbox: &Mbox) -> Result<(), StoreError> {
        self.seen = None;
        self.sync(mbox)
    }

    /// Changes messages.
    pub(super) fn apply(&mut self, mbox: &Mbox, changes: &mbox::Changes) -> Result<(), StoreError> {
        let at = SystemTime::now();
        let list = mbox.change(&self.list, changes, &self.access())?;
        self.take(mbox, list);
        self.look_again_unless(mbox, at);
        Ok(())
    }

    /// An mbox that was emptied goes on with its UIDs, as long as somebody remembers them.
    fn access(&self) -> Access {
        let state = self.ledger.state();
        access().numbers(state.uid_validity.get(), state.uid_next.get() - 1)
    }

    /// The messages are these now.
    fn take(&mut self, mbox: &Mbox, list: List) {
        if number(list.validity()) != self.ledger.uid_validity() {
            let id = self.ledger.state().id;
            *self = Self::of(mbox, list, id);
            return;
        }
        for message in list.messages() {
            let (uid, flags) = (number(message.uid()), flags_of(message));
            match self.ledger.get(uid) {
                Some(known) if known.info.flags == flags => continue,
                Some(_) => self.ledger.set_flags(uid, flags.clone()),
                None => {
                    let mut info = info(message);
                    info.mod_seq = self.ledger.next_mod_seq();
                    self.ledger.insert(info, ());
                }
            }
            // Each change has the last mod-sequence.
            self.log.changed(uid, self.ledger.mod_seq(), &flags);
        }
        let known = self.ledger.entries().map(|entry| entry.info.uid);
        let gone: Vec<_> = known.filter(|uid| list.find(uid.get()).is_none()).collect();
        for uid in gone {
            self.ledger.remove(uid);
            self.log.gone(uid, self.ledger.mod_seq());
        }
        let mod_seq = self.ledger.mod_seq();
        self.ledger.raise(number(list.next()), mod_seq);
        self.list = list;
    }

    /// The mbox was read at this time, and need not be again unless it changes.
    fn look_again_unless(&mut self, mbox: &Mbox, at: SystemTime) {
        let stamp = Stamp::of(mbox.path()).ok();
        self.seen = stamp.map(|stamp| Seen { stamp, at });
    }

    /// Adds messages, and gives their UIDs.
    pub(super) fn add(
        &mut self,
        mbox: &Mbox,
        messages: Vec<mbox::Staged>,
    ) -> Result<Vec<NonZeroU32>, StoreError> {
        let (at, count) = (SystemTime::now(), messages.len());
        let list = mbox.add(messages, &self.access())?;
        let new = list.messages().iter().rev().take(count).rev();
        let uids = new.map(|message| number(message.uid())).collect();
        self.take(mbox, list);
        self.look_again_unless(mbox, at);
        Ok(uids)
    }
}

/// When the mbox was read, and how it looked then.
#[derive(Debug, Clone, Copy)]
struct Seen {
    stamp: Stamp,
    at: SystemTime,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Stamp {
    file: (u64, u64),
    length: u64,
    modified: SystemTime,
}

impl Stamp {
    fn of(path: &Path) -> Result<Self, StoreError> {
        let stamp = || {
            let found = fs::metadata(path)?;
            io::Result::Ok(Self {
                file: (found.dev(), found.ino()),
                length: found.len(),
                modified: found.modified()?,
            })
        };
        stamp().map_err(|error| match error.kind() {
            io::ErrorKind::NotFound => StoreError::NoFolder,
            _ => StoreError::Read(error),
        })
    }
}

impl Seen {
    /// Whether nothing can have happened that was not seen. A file that changes twice within a tick of its clock
    /// has the same time.
    fn still_holds(&self, stamp: Stamp) -> bool {
        let age = self.at.duration_since(stamp.modified);
        self.stamp == stamp && age.is_ok_and(|age| age > FOLDER_TICK)
    }
}

/// Mailboxes of a store are of one variant.
pub(super) const VARIANT: Variant = Variant::Mboxrd;

fn access() -> Access {
    Access::default().kind(Rules::STRICT, Some(VARIANT))
}

pub(super) fn number(number: u32) -> NonZeroU32 {
    NonZeroU32::new(number).unwrap_or(NonZeroU32::MIN)
}

/// What tells that a message has changed.
fn look(info: &Info, (): &()) -> Flags {
    info.flags.clone()
}

/// What is known of a message, whose mod-sequence is to be found out yet.
fn info(message: &Listed) -> Info {
    let received = message.postmark().time();
    Info {
        uid: number(message.uid()),
        flags: flags_of(message),
        mod_seq: mod_seqs::lowest(),
        internal_date: date_time(received.unwrap_or(UNIX_EPOCH)),
        saved: None,
        size: message.sizes().wire.unwrap_or(0),
    }
}
