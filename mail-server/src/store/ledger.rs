//! What a folder's messages are, and how they have changed: what all folders keep in memory.

use std::cell::OnceCell;
use std::collections::BTreeMap;
use std::num::NonZeroU32;
use std::time::SystemTime;

use imap_proto::{Atom, DateTime, Flags, ModSeq, ModSeqOrZero, NumberSet, Run};

use super::folder::{Changes, FlagChange, FolderState, Info, Overview, Selection, date_time};
use crate::limits::GONE_MESSAGES;

/// The messages of a folder by UID, each with what a store needs to find it.
#[derive(Debug)]
pub(super) struct Ledger<T> {
    id: Atom,
    uid_validity: NonZeroU32,
    uid_next: NonZeroU32,
    mod_seq: ModSeq,
    messages: BTreeMap<NonZeroU32, Entry<T>>,
    /// Those that are gone, with the mod-sequence of that, oldest first.
    gone: Vec<(ModSeq, NonZeroU32)>,
    /// Messages from here on are recent.
    recent_from: NonZeroU32,
    /// Up to here it is not known any more which have gone.
    forgotten: ModSeqOrZero,
    /// All messages together, as long as they are as they were when somebody asked.
    overview: OnceCell<Overview>,
}

#[derive(Debug)]
pub(super) struct Entry<T> {
    pub(super) info: Info,
    pub(super) place: T,
}

impl<T> Ledger<T> {
    pub(super) fn new(id: Atom, uid_validity: NonZeroU32) -> Self {
        Self {
            id,
            uid_validity,
            uid_next: NonZeroU32::MIN,
            mod_seq: ModSeq::new(1).expect("1 is one"),
            messages: BTreeMap::new(),
            gone: Vec::new(),
            recent_from: NonZeroU32::MIN,
            forgotten: ModSeqOrZero::ZERO,
            overview: OnceCell::new(),
        }
    }

    pub(super) fn state(&self) -> FolderState {
        FolderState {
            id: self.id.clone(),
            uid_validity: self.uid_validity,
            uid_next: self.uid_next,
            mod_seq: self.mod_seq,
        }
    }

    pub(super) fn uid_validity(&self) -> NonZeroU32 {
        self.uid_validity
    }

    /// The last mod-sequence.
    pub(super) fn mod_seq(&self) -> ModSeq {
        self.mod_seq
    }

    /// What has changed behind a mod-sequence. Where it is no longer known what has gone since, everything that is not
    /// there counts as gone.
    pub(super) fn changes(&self, since: ModSeqOrZero) -> Changes {
        let is_new = |mod_seq: ModSeq| mod_seq.value() > since.value();
        let infos = self.messages.values().map(|entry| &entry.info);
        let mut messages = match since == ModSeqOrZero::ZERO {
            true => Vec::with_capacity(self.messages.len()),
            false => Vec::new(),
        };
        messages.extend(infos.filter(|info| is_new(info.mod_seq)).cloned());
        let gone = match since < self.forgotten {
            true => self.absent(),
            false => {
                let start = self.gone.partition_point(|(when, _)| !is_new(*when));
                self.gone[start..].iter().map(|(_, uid)| *uid).collect()
            }
        };
        Changes {
            messages,
            gone,
            mod_seq: self.mod_seq.into(),
        }
    }

    /// What whoever selects the folder is told, with what is recent to them.
    pub(super) fn select(&self, recent: NumberSet) -> Selection {
        let overview = self.overview.get_or_init(|| {
            let infos = self.messages.values().map(|entry| &entry.info);
            Overview::of(infos)
        });
        Selection {
            state: self.state(),
            overview: overview.clone(),
            recent,
        }
    }

    /// UIDs that were given, or passed over, and are of no message now.
    fn absent(&self) -> NumberSet {
        let Some(last) = NonZeroU32::new(self.uid_next.get() - 1) else {
            return NumberSet::new();
        };
        let there = self.messages.keys().copied().collect();
        NumberSet::from(Run::new(NonZeroU32::MIN, last)).difference(&there)
    }

    /// A message that has a number already: told by the disk, or known from before. Numbers and mod-sequences only
    /// rise.
    pub(super) fn insert(&mut self, info: Info, place: T) {
        self.raise(info.uid.saturating_add(1), info.mod_seq);
        self.overview.take();
        self.messages.insert(info.uid, Entry { info, place });
    }

    /// The next UID and the last mod-sequence are not lower than these.
    pub(super) fn raise(&mut self, uid_next: NonZeroU32, mod_seq: ModSeq) {
        self.uid_next = self.uid_next.max(uid_next);
        self.mod_seq = self.mod_seq.max(mod_seq);
    }

    /// What is known of the past: which messages have gone, oldest first, and from when on that is known.
    pub(super) fn remember(&mut self, gone: Vec<(ModSeq, NonZeroU32)>, forgotten: ModSeqOrZero) {
        self.gone = gone;
        self.forgotten = forgotten;
    }

    pub(super) fn get_mut(&mut self, uid: NonZeroU32) -> Option<&mut Entry<T>> {
        self.messages.get_mut(&uid)
    }

    /// How many messages there are.
    pub(super) fn len(&self) -> usize {
        self.messages.len()
    }

    pub(super) fn entries(&self) -> impl Iterator<Item = &Entry<T>> {
        self.messages.values()
    }

    /// Adds a message with the next UID.
    pub(super) fn add(
        &mut self,
        flags: Flags,
        internal_date: DateTime,
        size: u64,
        place: T,
    ) -> NonZeroU32 {
        let uid = self.uid_next;
        let info = Info {
            uid,
            flags,
            mod_seq: self.next_mod_seq(),
            internal_date,
            saved: Some(date_time(SystemTime::now())),
            size,
        };
        self.insert(info, place);
        uid
    }

    pub(super) fn get(&self, uid: NonZeroU32) -> Option<&Entry<T>> {
        self.messages.get(&uid)
    }

    /// Those of a set that are there.
    pub(super) fn among<'a>(&'a self, uids: &'a NumberSet) -> impl Iterator<Item = &'a Entry<T>> {
        let runs = uids.runs().iter();
        runs.flat_map(|run| self.messages.range(run.first..=run.last))
            .map(|(_, entry)| entry)
    }

    /// Messages that nobody has taken for recent yet.
    pub(super) fn take_recent(&mut self) -> NumberSet {
        let from = std::mem::replace(&mut self.recent_from, self.uid_next);
        self.messages.range(from..).map(|(uid, _)| *uid).collect()
    }

    /// Changes the flags of a message that is there.
    pub(super) fn set_flags(&mut self, uid: NonZeroU32, flags: Flags) {
        let next = self.mod_seq.value().saturating_add(1);
        let Some(entry) = self.messages.get_mut(&uid) else {
            return;
        };
        if entry.info.flags == flags {
            return;
        }
        if let Ok(next) = ModSeq::new(next) {
            self.mod_seq = next;
        }
        entry.info.flags = flags;
        entry.info.mod_seq = self.mod_seq;
        self.overview.take();
    }

    /// The flags that messages get, and those that have changed meanwhile and keep theirs.
    pub(super) fn plan(
        &self,
        uids: &NumberSet,
        change: &FlagChange,
        unchanged_since: Option<ModSeqOrZero>,
    ) -> (Vec<(NonZeroU32, Flags)>, NumberSet) {
        let (mut planned, mut modified) = (Vec::new(), NumberSet::new());
        for Entry { info, .. } in self.among(uids) {
            match unchanged_since {
                Some(since) if info.mod_seq.value() > since.value() => modified.insert(info.uid),
                _ => {
                    let flags = change.apply(&info.flags);
                    if flags != info.flags {
                        planned.push((info.uid, flags));
                    }
                }
            }
        }
        (planned, modified)
    }

    /// A message that was there once is gone, and nothing more is known of it.
    pub(super) fn lose(&mut self, uid: NonZeroU32) -> ModSeq {
        let mod_seq = self.next_mod_seq();
        self.gone.push((mod_seq, uid));
        mod_seq
    }

    /// Takes a message out.
    pub(super) fn remove(&mut self, uid: NonZeroU32) -> Option<T> {
        let entry = self.messages.remove(&uid)?;
        self.overview.take();
        let mod_seq = self.next_mod_seq();
        self.gone.push((mod_seq, uid));
        if self.gone.len() > GONE_MESSAGES {
            let mut drained = self.gone.drain(..GONE_MESSAGES / 2);
            let last = drained.next_back();
            self.forgotten = last.map_or(self.forgotten, |(when, _)| when.into());
        }
        Some(entry.place)
    }

    pub(super) fn next_mod_seq(&mut self) -> ModSeq {
        if let Ok(next) = ModSeq::new(self.mod_seq.value().saturating_add(1)) {
            self.mod_seq = next;
        }
        self.mod_seq
    }
}
