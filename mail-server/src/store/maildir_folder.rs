//! A Maildir as a folder of IMAP.

use std::fs;
use std::io;
use std::num::NonZeroU32;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use async_trait::async_trait;
use bytes::Bytes;
use imap_proto::{DateTime, ModSeqOrZero, NumberSet};
use mailbox_formats::MailboxError;
use mailbox_formats::maildir::{Entry, FileName, Letters, Maildir, Place};
use tokio::sync::watch;
use tokio::task::spawn_blocking;

use super::attending::{self, Attending, attend};
use super::folder::{Adding, Changes, FlagChange, Folder, FolderState, Info, Reading, date_time};
use super::gathering::Gathering;
use super::ledger::Ledger;
use super::maildir_adding::MaildirPlacing;
use super::maildir_flags::{flags_of, letters_of, ours};
use super::maildir_inbox::count;
use super::maildir_quota::{Budget, Change};
use super::maildir_reading;
use super::mod_seqs::{self, Log};
use super::open_folders::Shareable;
use super::pieces::Pieces;
use super::recall::Recall;
use super::{StoreError, lost};
use crate::limits::{FOLDER_TICK, MAILDIR_TRUST};

/// A folder that all sessions share.
#[derive(Debug, Clone)]
pub(super) struct MaildirFolder(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    maildir: Maildir,
    /// `None` before it was read, and when it was deleted.
    state: Mutex<Option<State>>,
    /// What was found in messages, as long as UIDs mean the same. It is not among the state, for which one may have
    /// to wait.
    recall: Mutex<Recall>,
    budget: Budget,
    news: watch::Sender<u64>,
    attending: Attending,
}

#[derive(Debug)]
pub(super) struct State {
    ledger: Ledger<Entry>,
    log: Log,
    seen: Seen,
    /// What we have done and not written down for the quota yet.
    change: Change,
}

/// When the folder was read, and how it looked before.
#[derive(Debug, Clone, Copy)]
struct Seen {
    stamp: Stamp,
    at: SystemTime,
    /// Since then only we are known to have changed it.
    unless_ours: Option<Instant>,
}

/// When something was last put into the two directories, or taken out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Stamp {
    new: SystemTime,
    cur: SystemTime,
}

impl Stamp {
    fn of(path: &Path) -> Result<Self, StoreError> {
        let modified = |directory| fs::metadata(path.join(directory))?.modified();
        let stamp = || {
            io::Result::Ok(Self {
                new: modified("new")?,
                cur: modified("cur")?,
            })
        };
        stamp().map_err(|error| match error.kind() {
            io::ErrorKind::NotFound => StoreError::NoFolder,
            _ => StoreError::Read(error),
        })
    }
}

impl MaildirFolder {
    pub(super) fn new(
        maildir: Maildir,
        budget: Budget,
        recall: Recall,
        attending: Attending,
    ) -> Self {
        Self(Arc::new(Shared {
            maildir,
            state: Mutex::new(None),
            recall: Mutex::new(recall.another()),
            budget,
            news: watch::Sender::new(0),
            attending,
        }))
    }

    /// What its messages count against.
    pub(super) fn budget(&self) -> &Budget {
        &self.0.budget
    }

    /// The Maildir itself.
    pub(super) fn maildir(&self) -> &Maildir {
        &self.0.maildir
    }

    /// Does something with the folder as it is now. Blocks.
    pub(super) fn with_blocking<T>(
        &self,
        work: impl FnOnce(&Maildir, &mut State) -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        self.0.with(work)
    }

    /// Does something where blocking is allowed, with the folder as it is now.
    async fn with<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Maildir, &mut State) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, StoreError> {
        let shared = Arc::clone(&self.0);
        let done = spawn_blocking(move || shared.with(work));
        done.await.map_err(|_| lost())?
    }
}

#[async_trait]
impl Shareable for MaildirFolder {
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
        let directory = |part| self.0.maildir.path().join(part);
        let place = |part| attending::Place {
            directory: directory(part),
            file: None,
        };
        ["new", "cur"].map(place).into()
    }
}

impl Shared {
    fn with<T>(
        &self,
        work: impl FnOnce(&Maildir, &mut State) -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        let mut held = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let before = held.as_ref().map(State::uid_validity);
        let state = match held.take() {
            Some(state) => state.synced(&self.maildir)?,
            None => State::read(&self.maildir)?,
        };
        let state = held.insert(state);
        let done = work(&self.maildir, state);
        // A log that cannot be written is a log that was lost.
        if state.log.flush().is_err() {
            let _ = state.begin_log();
        }
        self.budget.note(std::mem::take(&mut state.change));
        if before.is_some_and(|before| before != state.uid_validity()) {
            let mut recall = self.recall.lock().unwrap_or_else(PoisonError::into_inner);
            *recall = recall.another();
        }
        let mod_seq = state.ledger.state().mod_seq.value();
        let told = |last: &mut u64| std::mem::replace(last, mod_seq) != mod_seq;
        self.news.send_if_modified(told);
        done
    }
}

impl Shared {
    /// Where messages were last seen. That others may have moved them since is no matter: they are followed.
    fn entries(&self, uids: &[NonZeroU32]) -> Result<Vec<(NonZeroU32, Entry)>, StoreError> {
        let known = |state: &State| {
            let entries = uids.iter().filter_map(|uid| {
                let entry = state.ledger.get(*uid)?;
                Some((*uid, entry.place.clone()))
            });
            entries.collect::<Vec<_>>()
        };
        let held = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        match held.as_ref().map(known) {
            Some(entries) if entries.len() == uids.len() => Ok(entries),
            _ => {
                drop(held);
                self.with(|_, state| Ok(known(state)))
            }
        }
    }
}

impl State {
    /// Reads a folder for the first time.
    fn read(maildir: &Maildir) -> Result<Self, StoreError> {
        let seen = Seen::now(maildir)?;
        let uids = maildir.uids()?;
        let keywords = maildir.keywords()?;
        let number = |number| NonZeroU32::new(number).unwrap_or(NonZeroU32::MIN);
        let validity = number(uids.validity);
        let log = Log::new(maildir.path());
        let past = log.read(validity);
        let now = mod_seqs::of_now();
        let id = format!("F{}", uids.identity).parse();
        let id = id.map_err(|_| StoreError::Failed("a folder without an identity".into()))?;
        let mut ledger = Ledger::new(id, validity);
        let last = past.as_ref().map_or(now, |past| past.last);
        let mut fresh = Vec::new();
        for (uid, entry) in uids.messages {
            let uid = number(uid);
            let known = past.as_ref().and_then(|past| past.messages.get(&uid));
            let known = known.filter(|(_, letters)| *letters == entry.letters());
            let Some((internal_date, size)) = look_at(maildir, &entry) else {
                continue;
            };
            let mod_seq = known.map(|(mod_seq, _)| *mod_seq);
            if mod_seq.is_none() {
                fresh.push(uid);
            }
            let info = Info {
                uid,
                flags: flags_of(entry.letters(), &keywords),
                mod_seq: mod_seq.unwrap_or_else(|| now.max(last)),
                internal_date,
                saved: saved(&entry),
                size,
            };
            ledger.insert(info, entry);
        }
        ledger.raise(number(uids.next), last);
        let mut state = Self {
            ledger,
            log,
            seen,
            change: Change::default(),
        };
        match past {
            Some(past) if !past.is_long => {
                state.ledger.remember(past.gone, past.forgotten.into());
                for uid in past.messages.keys() {
                    if state.ledger.get(*uid).is_none() {
                        // It went while nobody looked.
                        state.ledger.raise(NonZeroU32::MIN, now);
                        let mod_seq = state.ledger.lose(*uid);
                        state.log.gone(*uid, mod_seq);
                    }
                }
                for uid in fresh {
                    if let Some(entry) = state.ledger.get(uid) {
                        let (mod_seq, letters) = (entry.info.mod_seq, entry.place.letters());
                        state.log.changed(uid, mod_seq, letters);
                    }
                }
            }
            _ => {
                let forgotten = state.ledger.state().mod_seq.into();
                state.ledger.remember(Vec::new(), forgotten);
                // Without it the next start costs more, and that is all.
                let _ = state.begin_log();
            }
        }
        Ok(state)
    }

    fn uid_validity(&self) -> NonZeroU32 {
        self.ledger.state().uid_validity
    }

    fn begin_log(&mut self) -> io::Result<()> {
        let state = self.ledger.state();
        let entries = self.ledger.entries();
        let entries =
            entries.map(|entry| (entry.info.uid, entry.info.mod_seq, entry.place.letters()));
        self.log
            .rewrite(state.uid_validity, state.mod_seq.into(), entries)
    }

    /// The same folder, with what others have done to it.
    fn synced(mut self, maildir: &Maildir) -> Result<Self, StoreError> {
        let now = Seen::now(maildir)?;
        if self.seen.still_holds(&now) {
            return Ok(self);
        }
        let uids = maildir.uids()?;
        if NonZeroU32::new(uids.validity) != Some(self.ledger.state().uid_validity) {
            return Self::read(maildir);
        }
        self.seen = now;
        let mut keywords = None;
        let mut there = Vec::with_capacity(uids.messages.len());
        for (uid, entry) in uids.messages {
            let Some(uid) = NonZeroU32::new(uid) else {
                continue;
            };
            there.push(uid);
            let known = self.ledger.get_mut(uid);
            let letters = known.as_ref().map(|known| known.place.letters());
            if let Some(known) = known {
                if letters == Some(entry.letters()) {
                    known.place = entry;
                    continue;
                }
            }
            let keywords = match &keywords {
                Some(keywords) => keywords,
                None => keywords.insert(maildir.keywords()?),
            };
            let flags = flags_of(entry.letters(), keywords);
            let letters = entry.letters();
            if let Some(known) = self.ledger.get_mut(uid) {
                known.place = entry;
                self.ledger.set_flags(uid, flags);
            } else {
                let Some((internal_date, size)) = look_at(maildir, &entry) else {
                    continue;
                };
                let mod_seq = self.ledger.next_mod_seq();
                let info = Info {
                    uid,
                    flags,
                    mod_seq,
                    internal_date,
                    saved: saved(&entry),
                    size,
                };
                self.ledger.insert(info, entry);
            }
            if let Some(known) = self.ledger.get(uid) {
                self.log.changed(uid, known.info.mod_seq, letters);
            }
        }
        let known = self.ledger.entries().map(|entry| entry.info.uid);
        let gone: Vec<_> = known
            .filter(|uid| there.binary_search(uid).is_err())
            .collect();
        for uid in gone {
            self.ledger.remove(uid);
            self.log.gone(uid, self.ledger.state().mod_seq);
        }
        Ok(self)
    }

    /// What we have changed ourselves need not be read again at once.
    fn is_ours(&mut self, maildir: &Maildir) {
        if let Ok(now) = Seen::now(maildir) {
            let since = self.seen.unless_ours.unwrap_or_else(Instant::now);
            self.seen = Seen {
                unless_ours: Some(since),
                ..now
            };
        }
    }
}

impl Seen {
    fn now(maildir: &Maildir) -> Result<Self, StoreError> {
        // The time is taken first: what happens between is seen again.
        let at = SystemTime::now();
        Ok(Self {
            stamp: Stamp::of(maildir.path())?,
            at,
            unless_ours: None,
        })
    }

    /// Whether nothing can have happened that was not seen.
    fn still_holds(&self, now: &Self) -> bool {
        // A directory that changes twice within a tick of its clock has the same time.
        let settled = |time: SystemTime| {
            self.at
                .duration_since(time)
                .is_ok_and(|age| age > FOLDER_TICK)
        };
        match self.unless_ours {
            Some(since) => self.stamp == now.stamp && since.elapsed() < MAILDIR_TRUST,
            None => self.stamp == now.stamp && settled(now.stamp.new) && settled(now.stamp.cur),
        }
    }
}

#[async_trait]
impl Folder for MaildirFolder {
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
        self.with(|maildir, state| {
            let recent = state.ledger.entries();
            let recent = recent.filter(|entry| entry.place.place() == Place::New);
            let recent: Vec<_> = recent.map(|entry| entry.info.uid).collect();
            for uid in &recent {
                let Some(entry) = state.ledger.get_mut(*uid) else {
                    continue;
                };
                match maildir.change(&entry.place, |letters| letters) {
                    Ok(moved) => entry.place = moved,
                    Err(MailboxError::Vanished(_)) => {}
                    Err(error) => return Err(error.into()),
                }
            }
            if !recent.is_empty() {
                state.is_ours(maildir);
            }
            Ok(recent.into_iter().collect())
        })
        .await
    }

    async fn read(&self, uid: NonZeroU32) -> Result<Bytes, StoreError> {
        let mut read = self.read_several(&[uid]).await?;
        read.pop().map(|(_, octets)| octets).ok_or(StoreError::Gone)
    }

    async fn read_several(
        &self,
        uids: &[NonZeroU32],
    ) -> Result<Vec<(NonZeroU32, Bytes)>, StoreError> {
        let (shared, uids) = (Arc::clone(&self.0), uids.to_vec());
        let read = spawn_blocking(move || {
            let entries = shared.entries(&uids)?;
            maildir_reading::all(&shared.maildir, entries)
        });
        read.await.map_err(|_| lost())?
    }

    async fn read_from(&self, uid: NonZeroU32, from: u64) -> Result<Box<dyn Reading>, StoreError> {
        let shared = Arc::clone(&self.0);
        let opened = spawn_blocking(move || {
            let entries = shared.entries(&[uid])?;
            let (_, entry) = entries.first().ok_or(StoreError::Gone)?;
            match shared.maildir.open_message(entry) {
                Err(MailboxError::Vanished(_)) => Err(StoreError::Gone),
                opened => Ok(opened?.file),
            }
        });
        let file = opened.await.map_err(|_| lost())??;
        Ok(Box::new(Pieces::new(file, from)))
    }

    async fn add(&self) -> Result<Box<dyn Adding>, StoreError> {
        Ok(Box::new(Gathering::new(MaildirPlacing::new(self.clone()))))
    }

    async fn change(
        &self,
        uids: &NumberSet,
        change: &FlagChange,
        unchanged_since: Option<ModSeqOrZero>,
    ) -> Result<NumberSet, StoreError> {
        let (uids, change) = (uids.clone(), change.clone());
        self.with(move |maildir, state| {
            let (planned, modified) = state.ledger.plan(&uids, &change, unchanged_since);
            let held = maildir.held_open()?;
            for (uid, flags) in planned {
                let wanted = letters_of(&flags, maildir)?;
                let Some(entry) = state.ledger.get_mut(uid) else {
                    continue;
                };
                let before = entry.place.letters();
                let (added, removed) = (wanted.without(before), ours(before).without(wanted));
                // What others change at the same time comes true as well.
                let changed =
                    held.change(&entry.place, |letters| letters.with(added).without(removed));
                match changed {
                    Ok(changed) => {
                        let letters = changed.letters();
                        if letters.contains(Letters::TRASHED) != before.contains(Letters::TRASHED) {
                            state.change.went(maildir, &changed, before);
                            state.change.came(maildir, &changed);
                        }
                        entry.place = changed;
                        state.ledger.set_flags(uid, flags);
                        if let Some(entry) = state.ledger.get(uid) {
                            state.log.changed(uid, entry.info.mod_seq, letters);
                        }
                    }
                    Err(MailboxError::Vanished(_)) => {}
                    Err(error) => return Err(error.into()),
                }
            }
            state.is_ours(maildir);
            Ok(modified)
        })
        .await
    }

    async fn expunge(&self, uids: &NumberSet) -> Result<(), StoreError> {
        let uids = uids.clone();
        self.with(move |maildir, state| {
            let there: Vec<_> = state
                .ledger
                .among(&uids)
                .map(|entry| entry.info.uid)
                .collect();
            for uid in there {
                if let Some(entry) = state.ledger.get(uid) {
                    let place = &entry.place;
                    let mut change = state.change;
                    change.went(maildir, place, place.letters());
                    if maildir.expunge(place)? {
                        state.change = change;
                    }
                }
                state.ledger.remove(uid);
                state.log.gone(uid, state.ledger.state().mod_seq);
            }
            maildir.sync()?;
            state.is_ours(maildir);
            Ok(())
        })
        .await
    }

    fn news(&self) -> watch::Receiver<u64> {
        let news = self.0.news.subscribe();
        attend(self);
        news
    }

    fn recall(&self) -> Option<Recall> {
        let recall = &self.0.recall;
        let recall = recall.lock().unwrap_or_else(PoisonError::into_inner);
        Some(recall.clone())
    }
}

impl State {
    /// Gives UIDs to messages of ours that have just come.
    pub(super) fn number(
        &mut self,
        maildir: &Maildir,
        names: &[FileName],
    ) -> Result<Vec<NonZeroU32>, StoreError> {
        let before = self.ledger.state();
        let (validity, numbers) = maildir.number(names)?;
        for name in names {
            // It is not looked for: its name tells the size.
            self.change
                .came(maildir, &Entry::new(Place::New, name.clone()));
        }
        let uids = numbers.into_iter().filter_map(NonZeroU32::new);
        let uids: Vec<NonZeroU32> = uids.collect();
        // Others may have numbered messages, which come first then.
        let is_next = uids.first() == Some(&before.uid_next);
        if !is_next || NonZeroU32::new(validity) != Some(before.uid_validity) {
            let change = self.change;
            *self = Self::read(maildir)?;
            self.change = change;
            return Ok(uids);
        }
        let keywords = maildir.keywords()?;
        for (uid, name) in uids.iter().zip(names) {
            let place = match name.letters().is_empty() {
                true => Place::New,
                false => Place::Cur,
            };
            let entry = Entry::new(place, name.clone());
            let Some((internal_date, size)) = look_at(maildir, &entry) else {
                continue;
            };
            let info = Info {
                uid: *uid,
                flags: flags_of(name.letters(), &keywords),
                mod_seq: self.ledger.next_mod_seq(),
                internal_date,
                saved: saved(&entry),
                size,
            };
            self.log.changed(*uid, info.mod_seq, name.letters());
            self.ledger.insert(info, entry);
        }
        self.is_ours(maildir);
        Ok(uids)
    }
}

/// When a message was received, and its size with CRLF. `None` if it is gone.
fn look_at(maildir: &Maildir, entry: &Entry) -> Option<(DateTime, u64)> {
    let path: PathBuf = maildir
        .path()
        .join(entry.place().directory())
        .join(entry.name().as_os_str());
    let modified = fs::symlink_metadata(path).and_then(|metadata| metadata.modified());
    let modified = match modified {
        Ok(modified) => modified,
        // It may have another name by now.
        Err(_) => maildir
            .open_message(entry)
            .ok()?
            .file
            .metadata()
            .ok()?
            .modified()
            .ok()?,
    };
    let size = match entry.name().sizes().wire {
        Some(size) => size,
        None => count(maildir, entry).ok()?,
    };
    Some((date_time(modified), size))
}

/// When a message was put here, as the name of its file tells: it begins with the second of its delivery or of its
/// copy, whoever wrote it.
fn saved(entry: &Entry) -> Option<DateTime> {
    let digits = entry.unique().split(|octet| *octet == b'.').next()?;
    let seconds: u64 = std::str::from_utf8(digits).ok()?.parse().ok()?;
    let is_a_time = (LEAST_TIME..=MOST_TIME).contains(&seconds);
    is_a_time.then(|| date_time(UNIX_EPOCH + Duration::from_secs(seconds)))
}

/// The years from 1990 to 2200. What lies before or behind is no time.
const LEAST_TIME: u64 = 631_152_000;
const MOST_TIME: u64 = 7_258_118_400;
