//! An mbox as a folder of IMAP.

use std::fs;
use std::io::{self, Read};
use std::num::NonZeroU32;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{SystemTime, UNIX_EPOCH};

use async_trait::async_trait;
use bytes::Bytes;
use imap_proto::{Atom, Flag, Flags, ModSeq, ModSeqOrZero, NumberSet};
use mailbox_formats::mbox::{self, Access, Content, List, Listed, Mbox, Rules, Variant};
use mailbox_formats::{Flags as Marks, MailboxError};
use tokio::sync::watch;
use tokio::task::spawn_blocking;

use super::attending::{self, Attending, attend};
use super::folder::{Adding, Changes, FlagChange, Folder, FolderState, Info, Reading, date_time};
use super::gathering::Gathering;
use super::ledger::Ledger;
use super::mbox_adding::MboxPlacing;
use super::mod_seqs;
use super::open_folders::Shareable;
use super::pieces::{Pieces, push_with_crlf};
use super::recall::Recall;
use super::{StoreError, lost};
use crate::limits::FOLDER_TICK;

/// A folder that all sessions share.
///
/// UIDs, flags and keywords are in the mbox itself, where Dovecot and others keep them too. Mod-sequences are in
/// memory: after a restart clients are told all flags once more.
#[derive(Debug, Clone)]
pub(super) struct MboxFolder(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    mbox: Mbox,
    /// Where large messages wait until they are complete.
    staging: PathBuf,
    id: Atom,
    /// `None` before it was read.
    state: Mutex<Option<State>>,
    recall: Recall,
    news: watch::Sender<u64>,
    attending: Attending,
}

#[derive(Debug)]
pub(super) struct State {
    ledger: Ledger<()>,
    list: List,
    seen: Option<Seen>,
    recall: Recall,
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

impl MboxFolder {
    pub(super) fn new(
        path: PathBuf,
        staging: PathBuf,
        id: Atom,
        recall: Recall,
        attending: Attending,
    ) -> Self {
        Self(Arc::new(Shared {
            mbox: Mbox::new(path),
            staging,
            id,
            state: Mutex::new(None),
            recall,
            news: watch::Sender::new(0),
            attending,
        }))
    }

    /// How a message is put into it.
    pub(super) fn deliver(&self, options: mbox::Options) -> mbox::Delivery {
        let staging = self.0.staging.clone();
        self.0
            .mbox
            .deliver(options.variant(VARIANT).staging(staging))
    }

    /// Does something with the folder as it is now. Blocks.
    pub(super) fn with_blocking<T>(
        &self,
        work: impl FnOnce(&Mbox, &mut State) -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        self.0.with(work)
    }

    /// Does something where blocking is allowed, with the folder as it is now.
    async fn with<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Mbox, &mut State) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, StoreError> {
        let shared = Arc::clone(&self.0);
        let done = spawn_blocking(move || shared.with(work));
        done.await.map_err(|_| lost())?
    }
}

#[async_trait]
impl Shareable for MboxFolder {
    async fn look(&self) {
        // Whoever needs the folder is told what is wrong with it.
        let _ = self.with(|_, _| Ok(())).await;
    }

    fn waiting(&self) -> &watch::Sender<u64> {
        &self.0.news
    }

    fn attending(&self) -> &Attending {
        &self.0.attending
    }

    fn places(&self) -> Vec<attending::Place> {
        let path = self.0.mbox.path();
        let place = path.parent().map(|directory| attending::Place {
            directory: directory.to_owned(),
            file: path.file_name().map(ToOwned::to_owned),
        });
        place.into_iter().collect()
    }
}

impl Shared {
    fn with<T>(
        &self,
        work: impl FnOnce(&Mbox, &mut State) -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        let mut held = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let state = match &mut *held {
            Some(state) => {
                state.sync(&self.mbox)?;
                state
            }
            none => {
                let id = self.id.clone();
                none.insert(State::read(&self.mbox, id, self.recall.another())?)
            }
        };
        let done = work(&self.mbox, state);
        let mod_seq = state.ledger.state().mod_seq.value();
        let told = |last: &mut u64| std::mem::replace(last, mod_seq) != mod_seq;
        self.news.send_if_modified(told);
        done
    }

    /// A message as it is in the file. One that another program has moved meanwhile is looked for once more.
    fn content(&self, uid: NonZeroU32) -> Result<Content, StoreError> {
        let find = |state: &State| {
            let message = state.list.find(uid.get()).ok_or(StoreError::Gone)?;
            Ok::<_, StoreError>(state.list.read(message))
        };
        self.with(|mbox, state| match find(state)? {
            Err(MailboxError::Changed) => {
                state.seen = None;
                state.sync(mbox)?;
                Ok(find(state)??)
            }
            read => Ok(read?),
        })
    }

    fn read(&self, uid: NonZeroU32) -> Result<Bytes, StoreError> {
        let mut stored = Vec::new();
        self.content(uid)?.read_to_end(&mut stored)?;
        let mut octets = Vec::with_capacity(stored.len() + stored.len() / 16);
        push_with_crlf(&mut octets, &stored, false);
        Ok(octets.into())
    }
}

impl State {
    /// Reads a folder for the first time.
    fn read(mbox: &Mbox, id: Atom, recall: Recall) -> Result<Self, StoreError> {
        Stamp::of(mbox.path())?;
        let at = SystemTime::now();
        let list = mbox.list(&access())?;
        let mut state = Self::of(list, id, recall);
        state.look_again_unless(mbox, at);
        Ok(state)
    }

    fn of(list: List, id: Atom, recall: Recall) -> Self {
        let now = mod_seqs::of_now();
        let mut ledger = Ledger::new(id, number(list.validity()));
        for message in list.messages() {
            ledger.insert(info(message, now), ());
        }
        ledger.raise(number(list.next()), now);
        ledger.remember(Vec::new(), now.into());
        Self {
            ledger,
            list,
            seen: None,
            recall,
        }
    }

    /// Finds out what others have done to it.
    fn sync(&mut self, mbox: &Mbox) -> Result<(), StoreError> {
        let stamp = Stamp::of(mbox.path())?;
        if self.seen.is_some_and(|seen| seen.still_holds(stamp)) {
            return Ok(());
        }
        let at = SystemTime::now();
        let list = mbox.list(&self.access())?;
        self.take(list);
        self.look_again_unless(mbox, at);
        Ok(())
    }

    /// Changes messages.
    fn apply(&mut self, mbox: &Mbox, changes: &mbox::Changes) -> Result<(), StoreError> {
        let at = SystemTime::now();
        let list = mbox.change(&self.list, changes, &self.access())?;
        self.take(list);
        self.look_again_unless(mbox, at);
        Ok(())
    }

    /// An mbox that was emptied goes on with its UIDs, as long as somebody remembers them.
    fn access(&self) -> Access {
        let state = self.ledger.state();
        access().numbers(state.uid_validity.get(), state.uid_next.get() - 1)
    }

    /// The messages are these now.
    fn take(&mut self, list: List) {
        if number(list.validity()) != self.ledger.state().uid_validity {
            let id = self.ledger.state().id;
            *self = Self::of(list, id, self.recall.another());
            return;
        }
        for message in list.messages() {
            let uid = number(message.uid());
            match self.ledger.get(uid) {
                Some(_) => self.ledger.set_flags(uid, flags_of(message)),
                None => {
                    let mod_seq = self.ledger.next_mod_seq();
                    self.ledger.insert(info(message, mod_seq), ());
                }
            }
        }
        let known = self.ledger.entries().map(|entry| entry.info.uid);
        let gone: Vec<_> = known.filter(|uid| list.find(uid.get()).is_none()).collect();
        for uid in gone {
            self.ledger.remove(uid);
        }
        let mod_seq = self.ledger.state().mod_seq;
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
        self.take(list);
        self.look_again_unless(mbox, at);
        Ok(uids)
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

#[async_trait]
impl Folder for MboxFolder {
    async fn state(&self) -> Result<FolderState, StoreError> {
        self.with(|_, state| Ok(state.ledger.state())).await
    }

    async fn changes(&self, since: ModSeqOrZero) -> Result<Changes, StoreError> {
        self.with(move |_, state| Ok(state.ledger.changes(since)))
            .await
    }

    async fn messages(&self, uids: &NumberSet) -> Result<Vec<Info>, StoreError> {
        let uids = uids.clone();
        self.with(move |_, state| {
            let messages = state.ledger.among(&uids);
            Ok(messages.map(|entry| entry.info.clone()).collect())
        })
        .await
    }

    async fn take_recent(&self) -> Result<NumberSet, StoreError> {
        self.with(|mbox, state| {
            let messages = state.list.messages().iter();
            let recent = messages.filter(|message| !message.flags().contains(Marks::OLD));
            let (mut changes, mut uids) = (mbox::Changes::default(), NumberSet::new());
            for message in recent {
                changes = changes.flags(message.uid(), message.flags() | Marks::OLD);
                uids.insert(number(message.uid()));
            }
            if !uids.is_empty() {
                state.apply(mbox, &changes)?;
            }
            Ok(uids)
        })
        .await
    }

    async fn read(&self, uid: NonZeroU32) -> Result<Bytes, StoreError> {
        let shared = Arc::clone(&self.0);
        let read = spawn_blocking(move || shared.read(uid));
        read.await.map_err(|_| lost())?
    }

    async fn read_from(&self, uid: NonZeroU32, from: u64) -> Result<Box<dyn Reading>, StoreError> {
        let shared = Arc::clone(&self.0);
        let content = spawn_blocking(move || shared.content(uid));
        let content = content.await.map_err(|_| lost())??;
        Ok(Box::new(Pieces::new(content, from)))
    }

    async fn add(&self) -> Result<Box<dyn Adding>, StoreError> {
        Ok(Box::new(Gathering::new(MboxPlacing::new(self.clone()))))
    }

    async fn change(
        &self,
        uids: &NumberSet,
        change: &FlagChange,
        unchanged_since: Option<ModSeqOrZero>,
    ) -> Result<NumberSet, StoreError> {
        let (uids, change) = (uids.clone(), change.clone());
        self.with(move |mbox, state| {
            let (planned, modified) = state.ledger.plan(&uids, &change, unchanged_since);
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
                state.apply(mbox, &changes)?;
            }
            Ok(modified)
        })
        .await
    }

    async fn expunge(&self, uids: &NumberSet) -> Result<(), StoreError> {
        let uids = uids.clone();
        self.with(move |mbox, state| {
            let there = state.ledger.among(&uids).map(|entry| entry.info.uid);
            let there: Vec<_> = there.collect();
            let expunge = |changes: mbox::Changes, uid: NonZeroU32| changes.expunge(uid.get());
            let changes = there
                .iter()
                .copied()
                .fold(mbox::Changes::default(), expunge);
            match there.is_empty() {
                true => Ok(()),
                false => state.apply(mbox, &changes),
            }
        })
        .await
    }

    fn news(&self) -> watch::Receiver<u64> {
        let news = self.0.news.subscribe();
        attend(self);
        news
    }

    fn recall(&self) -> Option<Recall> {
        let held = self.0.state.lock().unwrap_or_else(PoisonError::into_inner);
        held.as_ref().map(|state| state.recall.clone())
    }
}

/// Mailboxes of a store are of one variant.
const VARIANT: Variant = Variant::Mboxrd;

fn access() -> Access {
    Access::default().kind(Rules::STRICT, Some(VARIANT))
}

fn number(number: u32) -> NonZeroU32 {
    NonZeroU32::new(number).unwrap_or(NonZeroU32::MIN)
}

fn info(message: &Listed, mod_seq: ModSeq) -> Info {
    let received = message.postmark().time();
    Info {
        uid: number(message.uid()),
        flags: flags_of(message),
        mod_seq,
        internal_date: date_time(received.unwrap_or(UNIX_EPOCH)),
        saved: None,
        size: message.sizes().wire.unwrap_or(0),
    }
}

const FLAGS: [(Marks, Flag); 5] = [
    (Marks::ANSWERED, Flag::Answered),
    (Marks::FLAGGED, Flag::Flagged),
    (Marks::DELETED, Flag::Deleted),
    (Marks::SEEN, Flag::Seen),
    (Marks::DRAFT, Flag::Draft),
];

fn flags_of(message: &Listed) -> Flags {
    let system = FLAGS
        .iter()
        .filter(|(mark, _)| message.flags().contains(*mark));
    let mut flags: Flags = system.map(|(_, flag)| flag.clone()).collect();
    let words = message.keywords().iter();
    let words = words.filter_map(|word| std::str::from_utf8(word).ok());
    flags.extend(words.filter_map(|word| word.parse().ok()));
    flags
}

/// Flags as an mbox has them: those with a letter, and words.
pub(super) fn marks_of(flags: &Flags) -> (Marks, Vec<Vec<u8>>) {
    let (mut marks, mut words) = (Marks::empty(), Vec::new());
    for flag in flags.iter() {
        match FLAGS.iter().find(|(_, known)| *known == flag) {
            Some((mark, _)) => marks |= *mark,
            None => {
                if let Flag::Keyword(keyword) = flag {
                    words.push(keyword.as_str().as_bytes().to_vec());
                }
            }
        }
    }
    (marks, words)
}
