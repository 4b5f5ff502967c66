//! A store that forgets: for tests, and for hosts that only show what arrives.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::num::NonZeroU32;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::SystemTime;

use async_trait::async_trait;
use bytes::Bytes;
use imap_proto::{DateTime, Flag, Flags, MailboxAttributes, MailboxName, ModSeqOrZero, NumberSet};
use pop3_proto::Maildrop;
use tokio::sync::watch;

use super::bulletin::Bulletins;
use super::folder::{
    Adding, Changes, FlagChange, Folder, FolderEntry, FolderState, Folders, Info, Reading,
    Selection, date_time,
};
use super::ledger::Ledger;
use super::metadata::{self, Metadata};
use super::sessions::{Held, Sessions};
use super::{Account, Copy, Delivery, Inbox, Mailstore, StoreError};
use crate::limits::ADDED_IN_MEMORY;

/// Mailboxes in memory, shared by all clones of the store.
#[derive(Debug, Clone, Default)]
pub struct MemoryStore {
    accounts: Arc<Mutex<HashMap<Account, Arc<Tree>>>>,
    sessions: Sessions,
    bulletins: Bulletins,
}

/// A message as it was stored.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Stored {
    /// The envelope's sender; empty if there is none, and for what a client has put here.
    pub sender: String,
    /// The message with its header lines, CRLF line ends.
    pub bytes: Bytes,
}

impl MemoryStore {
    /// An empty store.
    pub fn new() -> Self {
        Self::default()
    }

    /// The messages in an account's `INBOX`, oldest first.
    pub fn messages(&self, account: &Account) -> Vec<Stored> {
        let tree = lock(&self.accounts).get(account).cloned();
        tree.map_or_else(Vec::new, |tree| tree.inbox.stored().1)
    }

    fn account(&self, account: &Account) -> Arc<Tree> {
        let mut accounts = lock(&self.accounts);
        Arc::clone(accounts.entry(account.clone()).or_default())
    }
}

/// Nothing in here is left half done by a panic.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[async_trait]
impl Mailstore for MemoryStore {
    async fn deliver(
        &self,
        sender: &str,
        copies: Vec<Copy>,
    ) -> Result<Box<dyn Delivery>, StoreError> {
        Ok(Box::new(Pending {
            store: self.clone(),
            sender: sender.to_owned(),
            copies,
            bytes: Vec::new(),
        }))
    }

    async fn inbox(&self, account: &Account) -> Result<Box<dyn Inbox>, StoreError> {
        let held = self.sessions.hold(account)?;
        let inbox = Arc::clone(&self.account(account).inbox);
        let (uids, messages) = inbox.stored();
        Ok(Box::new(Snapshot {
            inbox,
            uids,
            messages,
            _held: held,
        }))
    }

    async fn folders(&self, account: &Account) -> Result<Arc<dyn Folders>, StoreError> {
        Ok(self.bulletins.of(account, self.account(account)))
    }
}

/// The messages that a POP3 session has found.
struct Snapshot {
    inbox: Arc<MemoryFolder>,
    uids: Vec<NonZeroU32>,
    messages: Vec<Stored>,
    _held: Held,
}

#[async_trait]
impl Inbox for Snapshot {
    fn maildrop(&mut self) -> Maildrop {
        let mut maildrop = Maildrop::new();
        for (uid, stored) in self.uids.iter().zip(&self.messages) {
            let size = stored.bytes.len() as u64;
            let pushed = maildrop.push(size, &uid.to_string());
            pushed.expect("digits are a unique id");
        }
        maildrop
    }

    async fn read(&mut self, number: u32, from: u64) -> Result<Bytes, StoreError> {
        let index = (number as usize).checked_sub(1).ok_or(StoreError::Gone)?;
        let stored = self.messages.get(index).ok_or(StoreError::Gone)?;
        let from = usize::try_from(from).unwrap_or(usize::MAX);
        Ok(stored.bytes.slice(from.min(stored.bytes.len())..))
    }

    async fn update(self: Box<Self>, deleted: &[u32], seen: &[u32]) -> Result<(), StoreError> {
        let uids = |numbers: &[u32]| {
            let index = |number: &u32| (*number as usize).checked_sub(1);
            let uids = numbers
                .iter()
                .filter_map(|number| self.uids.get(index(number)?));
            uids.copied().collect::<NumberSet>()
        };
        let seen_flag = FlagChange::Add([Flag::Seen].into_iter().collect());
        self.inbox.change(&uids(seen), &seen_flag, None).await?;
        self.inbox.expunge(&uids(deleted)).await
    }
}

struct Pending {
    store: MemoryStore,
    sender: String,
    copies: Vec<Copy>,
    bytes: Vec<u8>,
}

#[async_trait]
impl Delivery for Pending {
    async fn write(&mut self, piece: &[u8]) -> Result<(), StoreError> {
        self.bytes.extend_from_slice(piece);
        Ok(())
    }

    async fn commit(self: Box<Self>) -> Vec<Result<(), StoreError>> {
        let added = self.copies.iter().map(|copy| {
            let stored = Stored {
                sender: self.sender.clone(),
                bytes: [copy.header.as_bytes(), &self.bytes].concat().into(),
            };
            let tree = self.store.account(&copy.account);
            tree.inbox.put([(stored, Flags::new(), now())]).map(drop)
        });
        added.collect()
    }
}

fn now() -> DateTime {
    date_time(SystemTime::now())
}

/// The folders of an account.
#[derive(Debug)]
struct Tree {
    inbox: Arc<MemoryFolder>,
    others: Mutex<Others>,
}

#[derive(Debug, Default)]
struct Others {
    /// By name, all but INBOX.
    folders: BTreeMap<String, (Arc<MemoryFolder>, MailboxAttributes)>,
    subscribed: BTreeSet<String>,
    /// By the names of folders; about the account without one.
    metadata: BTreeMap<Option<String>, Metadata>,
    /// How many folders there have been, so that none is taken for another.
    made: u32,
}

const DELIMITER: char = '/';
const INBOX: &str = "INBOX";

impl Default for Tree {
    fn default() -> Self {
        Self {
            inbox: Arc::new(MemoryFolder::new(NonZeroU32::MIN)),
            others: Mutex::default(),
        }
    }
}

impl Others {
    /// Where it stands what is noted about a folder, or about the account.
    fn noted_at(&self, folder: Option<&MailboxName>) -> Result<Option<String>, StoreError> {
        let Some(name) = folder else {
            return Ok(None);
        };
        if name.is_inbox() {
            return Ok(Some(INBOX.to_owned()));
        }
        let name = name.to_text();
        match self.folders.contains_key(&*name) {
            true => Ok(Some(name.into_owned())),
            false => Err(StoreError::NoFolder),
        }
    }

    fn make(&mut self) -> Arc<MemoryFolder> {
        self.made = self.made.saturating_add(1);
        Arc::new(MemoryFolder::new(NonZeroU32::MIN.saturating_add(self.made)))
    }
}

#[async_trait]
impl Folders for Tree {
    fn delimiter(&self) -> Option<char> {
        Some(DELIMITER)
    }

    async fn list(&self) -> Result<Vec<FolderEntry>, StoreError> {
        let others = lock(&self.others);
        let there = others
            .folders
            .iter()
            .map(|(name, (_, uses))| (name.as_str(), *uses));
        let there = there.chain([(INBOX, MailboxAttributes::empty())]);
        let only_names = others
            .subscribed
            .iter()
            .filter(|name| *name != INBOX && !others.folders.contains_key(*name));
        let only_names = only_names.map(|name| (name.as_str(), MailboxAttributes::NON_EXISTENT));
        let entries = there.chain(only_names).filter_map(|(name, attributes)| {
            Some(FolderEntry {
                name: MailboxName::new(name).ok()?,
                attributes,
                subscribed: others.subscribed.contains(name),
            })
        });
        Ok(entries.collect())
    }

    async fn create(&self, name: &MailboxName, uses: MailboxAttributes) -> Result<(), StoreError> {
        let name = name.to_text();
        let name = name.strip_suffix(DELIMITER).unwrap_or(&name);
        let mut others = lock(&self.others);
        if name.eq_ignore_ascii_case(INBOX) || others.folders.contains_key(name) {
            return Err(StoreError::Exists);
        }
        if name.split(DELIMITER).any(str::is_empty) {
            return Err(StoreError::Unsupported);
        }
        // What is above it is made with it.
        for (end, _) in name.match_indices(DELIMITER) {
            if !others.folders.contains_key(&name[..end])
                && !name[..end].eq_ignore_ascii_case(INBOX)
            {
                let made = (others.make(), MailboxAttributes::empty());
                others.folders.insert(name[..end].to_owned(), made);
            }
        }
        let made = (others.make(), uses);
        others.folders.insert(name.to_owned(), made);
        Ok(())
    }

    async fn delete(&self, name: &MailboxName) -> Result<(), StoreError> {
        if name.is_inbox() {
            return Err(StoreError::Unsupported);
        }
        let mut others = lock(&self.others);
        let name = name.to_text().into_owned();
        let removed = others.folders.remove(&name);
        let (folder, _) = removed.ok_or(StoreError::NoFolder)?;
        others.metadata.remove(&Some(name));
        folder.close();
        Ok(())
    }

    async fn rename(&self, from: &MailboxName, to: &MailboxName) -> Result<(), StoreError> {
        let (old, new) = (from.to_text(), to.to_text());
        let mut others = lock(&self.others);
        if to.is_inbox() || others.folders.contains_key(&*new) {
            return Err(StoreError::Exists);
        }
        if from.is_inbox() {
            let made = others.make();
            made.put(self.inbox.take_all())?;
            others
                .folders
                .insert(new.into_owned(), (made, MailboxAttributes::empty()));
            return Ok(());
        }
        if !others.folders.contains_key(&*old) {
            return Err(StoreError::NoFolder);
        }
        let below = format!("{old}{DELIMITER}");
        if new.starts_with(&below) {
            return Err(StoreError::Unsupported);
        }
        let moved = others.folders.keys();
        let moved: Vec<String> = moved
            .filter(|name| **name == *old || name.starts_with(&below))
            .cloned()
            .collect();
        for name in moved {
            if let Some(folder) = others.folders.remove(&name) {
                let renamed = format!("{new}{}", &name[old.len()..]);
                if let Some(noted) = others.metadata.remove(&Some(name)) {
                    others.metadata.insert(Some(renamed.clone()), noted);
                }
                others.folders.insert(renamed, folder);
            }
        }
        Ok(())
    }

    async fn subscribe(&self, name: &MailboxName, subscribed: bool) -> Result<(), StoreError> {
        let name = match name.is_inbox() {
            true => INBOX.to_owned(),
            false => name.to_text().into_owned(),
        };
        let mut others = lock(&self.others);
        match subscribed {
            true => others.subscribed.insert(name),
            false => others.subscribed.remove(&name),
        };
        Ok(())
    }

    async fn metadata(&self, folder: Option<&MailboxName>) -> Result<Metadata, StoreError> {
        let others = lock(&self.others);
        let noted = others.metadata.get(&others.noted_at(folder)?);
        Ok(noted.cloned().unwrap_or_default())
    }

    async fn annotate(
        &self,
        folder: Option<&MailboxName>,
        changes: Vec<(String, Option<Bytes>)>,
    ) -> Result<(), StoreError> {
        let mut others = lock(&self.others);
        let place = others.noted_at(folder)?;
        metadata::change(others.metadata.entry(place).or_default(), changes)
    }

    async fn open(&self, name: &MailboxName) -> Result<Arc<dyn Folder>, StoreError> {
        if name.is_inbox() {
            return Ok(Arc::clone(&self.inbox) as Arc<dyn Folder>);
        }
        let others = lock(&self.others);
        let (folder, _) = others
            .folders
            .get(&*name.to_text())
            .ok_or(StoreError::NoFolder)?;
        Ok(Arc::clone(folder) as Arc<dyn Folder>)
    }
}

/// All clones are one folder.
#[derive(Debug, Clone)]
struct MemoryFolder {
    /// `None` once it was deleted.
    ledger: Arc<Mutex<Option<Ledger<Stored>>>>,
    news: watch::Sender<u64>,
}

impl MemoryFolder {
    /// UIDVALIDITY is another one for each folder.
    fn new(uid_validity: NonZeroU32) -> Self {
        let id = format!("F{uid_validity}").parse().expect("an atom");
        Self {
            ledger: Arc::new(Mutex::new(Some(Ledger::new(id, uid_validity)))),
            news: watch::Sender::new(0),
        }
    }

    /// Does something to what is there, and tells those who wait if that has changed anything.
    fn with<T>(&self, work: impl FnOnce(&mut Ledger<Stored>) -> T) -> Result<T, StoreError> {
        let mut held = lock(&self.ledger);
        let ledger = held.as_mut().ok_or(StoreError::NoFolder)?;
        let done = work(ledger);
        let mod_seq = ledger.state().mod_seq.value();
        self.news
            .send_if_modified(|last| std::mem::replace(last, mod_seq) != mod_seq);
        Ok(done)
    }

    fn close(&self) {
        lock(&self.ledger).take();
        self.news.send_modify(|_| {});
    }

    fn stored(&self) -> (Vec<NonZeroU32>, Vec<Stored>) {
        let found = self.with(|ledger| {
            let entries = ledger.entries();
            entries
                .map(|entry| (entry.info.uid, entry.place.clone()))
                .unzip()
        });
        found.unwrap_or_default()
    }

    fn put(
        &self,
        messages: impl IntoIterator<Item = (Stored, Flags, DateTime)>,
    ) -> Result<Vec<NonZeroU32>, StoreError> {
        self.with(|ledger| {
            let messages = messages.into_iter();
            let added = messages.map(|(stored, flags, date)| {
                let size = stored.bytes.len() as u64;
                ledger.add(flags, date, size, stored)
            });
            added.collect()
        })
    }

    fn take_all(&self) -> Vec<(Stored, Flags, DateTime)> {
        let taken = self.with(|ledger| {
            let infos = ledger.entries().map(|entry| entry.info.clone());
            let infos: Vec<_> = infos.collect();
            let taken = infos.into_iter().filter_map(|info| {
                Some((ledger.remove(info.uid)?, info.flags, info.internal_date))
            });
            taken.collect()
        });
        taken.unwrap_or_default()
    }
}

#[async_trait]
impl Folder for MemoryFolder {
    async fn state(&self) -> Result<FolderState, StoreError> {
        self.with(|ledger| ledger.state())
    }

    async fn changes(&self, since: ModSeqOrZero) -> Result<Changes, StoreError> {
        self.with(|ledger| ledger.changes(since))
    }

    async fn select(&self, read_only: bool) -> Result<Selection, StoreError> {
        self.with(|ledger| {
            let recent = match read_only {
                true => NumberSet::new(),
                false => ledger.take_recent(),
            };
            ledger.select(recent)
        })
    }

    async fn messages(&self, uids: &NumberSet) -> Result<Vec<Info>, StoreError> {
        self.with(|ledger| ledger.among(uids).map(|entry| entry.info.clone()).collect())
    }

    async fn take_recent(&self) -> Result<NumberSet, StoreError> {
        self.with(Ledger::take_recent)
    }

    async fn read(&self, uid: NonZeroU32) -> Result<Bytes, StoreError> {
        let found = self.with(|ledger| ledger.get(uid).map(|entry| entry.place.bytes.clone()))?;
        found.ok_or(StoreError::Gone)
    }

    async fn read_from(&self, uid: NonZeroU32, from: u64) -> Result<Box<dyn Reading>, StoreError> {
        let octets = self.read(uid).await?;
        let from = usize::try_from(from).unwrap_or(usize::MAX);
        Ok(Box::new(Rest(octets.slice(from.min(octets.len())..))))
    }

    async fn add(&self) -> Result<Box<dyn Adding>, StoreError> {
        Ok(Box::new(MemoryAdding {
            folder: self.clone(),
            messages: Vec::new(),
            octets: 0,
        }))
    }

    async fn change(
        &self,
        uids: &NumberSet,
        change: &FlagChange,
        unchanged_since: Option<ModSeqOrZero>,
    ) -> Result<NumberSet, StoreError> {
        self.with(|ledger| {
            let (planned, modified) = ledger.plan(uids, change, unchanged_since);
            for (uid, flags) in planned {
                ledger.set_flags(uid, flags);
            }
            modified
        })
    }

    async fn expunge(&self, uids: &NumberSet) -> Result<(), StoreError> {
        self.with(|ledger| {
            let there: Vec<_> = ledger.among(uids).map(|entry| entry.info.uid).collect();
            for uid in there {
                ledger.remove(uid);
            }
        })
    }

    fn news(&self) -> watch::Receiver<u64> {
        self.news.subscribe()
    }
}

/// What is left of a message.
struct Rest(Bytes);

#[async_trait]
impl Reading for Rest {
    async fn next(&mut self) -> Result<Bytes, StoreError> {
        Ok(std::mem::take(&mut self.0))
    }
}

/// Messages that are held until all of them are there.
struct MemoryAdding {
    folder: MemoryFolder,
    messages: Vec<(Vec<u8>, Flags, DateTime)>,
    /// Of all of them.
    octets: usize,
}

#[async_trait]
impl Adding for MemoryAdding {
    async fn message(
        &mut self,
        flags: Flags,
        internal_date: Option<DateTime>,
    ) -> Result<(), StoreError> {
        let flags = FlagChange::Replace(flags).apply(&Flags::new());
        let date = internal_date.unwrap_or_else(now);
        self.messages.push((Vec::new(), flags, date));
        Ok(())
    }

    async fn write(&mut self, piece: Bytes) -> Result<(), StoreError> {
        self.octets += piece.len();
        if self.octets > ADDED_IN_MEMORY {
            return Err(StoreError::TooLarge);
        }
        if let Some((octets, ..)) = self.messages.last_mut() {
            octets.extend_from_slice(&piece);
        }
        Ok(())
    }

    async fn commit(self: Box<Self>) -> Result<Vec<NonZeroU32>, StoreError> {
        let messages = self.messages.into_iter().map(|(octets, flags, date)| {
            let stored = Stored {
                sender: String::new(),
                bytes: octets.into(),
            };
            (stored, flags, date)
        });
        self.folder.put(messages)
    }
}
