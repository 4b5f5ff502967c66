//! What is known of a Maildir: its messages, and how it looked when that was found out.

use std::fs;
use std::io;
use std::num::NonZeroU32;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use imap_proto::{DateTime, Flags};
use mailbox_formats::maildir::{Entry, FileName, Letters, Maildir, Place};

use super::StoreError;
use super::folder::{Info, date_time};
use super::ledger::Ledger;
use super::maildir_flags::flags_of;
use super::maildir_inbox::count;
use super::maildir_quota::Change;
use super::mod_seqs::{self, Log};
use crate::limits::{FOLDER_TICK, MAILDIR_TRUST};

/// Its messages, as far as they are known.
#[derive(Debug)]
pub(super) struct State {
    pub(super) ledger: Ledger<Entry>,
    pub(super) log: Log,
    seen: Seen,
    /// Whether messages may be in `new/`.
    pub(super) has_new: bool,
    /// What we have done and not written down for the quota yet.
    pub(super) change: Change,
}

impl State {
    /// Reads a folder for the first time.
    pub(super) fn read(maildir: &Maildir) -> Result<Self, StoreError> {
        let seen = Seen::now(maildir)?;
        let uids = maildir.uids()?;
        let keywords = maildir.keywords()?;
        let number = |number| NonZeroU32::new(number).unwrap_or(NonZeroU32::MIN);
        let id = format!("F{}", uids.identity).parse();
        let id = id.map_err(|_| StoreError::Failed("a folder without an identity".into()))?;
        let mut ledger = Ledger::new(id, number(uids.validity));
        let messages = uids.messages.into_iter().filter_map(|(uid, entry)| {
            let flags = flags_of(entry.letters(), &keywords);
            Some((info(maildir, number(uid), &entry, flags)?, entry))
        });
        let mut log = Log::new(maildir.path().join(mod_seqs::NAME));
        log.fill(&mut ledger, number(uids.next), messages, look);
        Ok(Self {
            ledger,
            log,
            seen,
            has_new: true,
            change: Change::default(),
        })
    }

    /// Writes down what was changed.
    pub(super) fn flush_log(&mut self) {
        self.log.flush(&self.ledger, look);
    }

    /// Finds out what others have done to it.
    pub(super) fn sync(&mut self, maildir: &Maildir) -> Result<(), StoreError> {
        let now = Seen::now(maildir)?;
        if self.seen.still_holds(&now) {
            return Ok(());
        }
        self.has_new = true;
        let uids = maildir.uids()?;
        if NonZeroU32::new(uids.validity) != Some(self.ledger.uid_validity()) {
            *self = Self::read(maildir)?;
            return Ok(());
        }
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
                let Some(mut info) = info(maildir, uid, &entry, flags) else {
                    continue;
                };
                info.mod_seq = self.ledger.next_mod_seq();
                self.ledger.insert(info, entry);
            }
            if let Some(known) = self.ledger.get(uid) {
                self.log.changed(uid, known.info.mod_seq, &letters);
            }
        }
        let known = self.ledger.entries().map(|entry| entry.info.uid);
        let gone: Vec<_> = known
            .filter(|uid| there.binary_search(uid).is_err())
            .collect();
        for uid in gone {
            self.ledger.remove(uid);
            self.log.gone(uid, self.ledger.mod_seq());
        }
        self.seen = now;
        Ok(())
    }

    /// What we have changed ourselves need not be read again at once.
    pub(super) fn is_ours(&mut self, maildir: &Maildir) {
        if let Ok(now) = Seen::now(maildir) {
            let since = self.seen.unless_ours.unwrap_or_else(Instant::now);
            self.seen = Seen {
                unless_ours: Some(since),
                ..now
            };
        }
    }

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
        self.has_new = true;
        let keywords = maildir.keywords()?;
        for (uid, name) in uids.iter().zip(names) {
            let place = match name.letters().is_empty() {
                true => Place::New,
                false => Place::Cur,
            };
            let entry = Entry::new(place, name.clone());
            let flags = flags_of(name.letters(), &keywords);
            let Some(mut info) = info(maildir, *uid, &entry, flags) else {
                continue;
            };
            info.mod_seq = self.ledger.next_mod_seq();
            self.log.changed(*uid, info.mod_seq, &name.letters());
            self.ledger.insert(info, entry);
        }
        self.is_ours(maildir);
        Ok(uids)
    }
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

/// What tells that a message has changed.
fn look(_: &Info, entry: &Entry) -> Letters {
    entry.letters()
}

/// What is known of a message, whose mod-sequence is to be found out yet. `None` if it is gone.
fn info(maildir: &Maildir, uid: NonZeroU32, entry: &Entry, flags: Flags) -> Option<Info> {
    let (internal_date, size) = look_at(maildir, entry)?;
    Some(Info {
        uid,
        flags,
        mod_seq: mod_seqs::lowest(),
        internal_date,
        saved: saved(entry),
        size,
    })
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
