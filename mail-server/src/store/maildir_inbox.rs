//! A session on a Maildir.

use std::collections::VecDeque;
use std::io;
use std::ops::Range;
use std::path::PathBuf;

use async_trait::async_trait;
use bytes::Bytes;
use mailbox_formats::MailboxError;
use mailbox_formats::maildir::{Entry, Letters, Maildir, Opened};
use pop3_proto::{Maildrop, Size};
use rustix::buffer::spare_capacity;
use rustix::io::pread;
use tokio::task::spawn_blocking;

use super::maildir_quota::{Budget, Change};
use super::sessions::Held;
use super::{Inbox, StoreError, lost};
use crate::limits::{PIECE, READ_AHEAD, READ_AHEAD_MESSAGES};

/// The messages that a session has found in a Maildir.
///
/// Their names for clients are made of UIDVALIDITY and UID in the same way as Dovecot does it, so a client
/// that has talked to one before does not fetch everything again from the other.
pub(super) struct MaildirInbox {
    /// Away while a thread is at it; lost if that thread or its caller was.
    work: Option<Work>,
    maildrop: Maildrop,
    /// Whole messages that were read ahead, in order.
    ahead: VecDeque<(u32, Bytes)>,
    /// The message whose beginning was handed out last, and its length if that was all of it.
    current: (u32, Option<u64>),
    _held: Held,
}

/// What is done where blocking is allowed.
struct Work {
    maildir: Option<Maildir>,
    entries: Vec<Entry>,
    /// The message that is being read piece by piece.
    open: Option<(u32, Opened)>,
}

/// What a thread has read.
struct Read {
    piece: Bytes,
    /// The piece ends with the message.
    is_last: bool,
    ahead: VecDeque<(u32, Bytes)>,
}

impl MaildirInbox {
    /// Lists what is there. A Maildir that does not exist yet is empty.
    pub(super) async fn open(path: PathBuf, held: Held) -> Result<Self, StoreError> {
        let listed = spawn_blocking(move || Work::open(path));
        let (work, maildrop) = listed.await.map_err(|_| lost())??;
        Ok(Self {
            work: Some(work),
            maildrop,
            ahead: VecDeque::new(),
            current: (0, None),
            _held: held,
        })
    }
}

#[async_trait]
impl Inbox for MaildirInbox {
    fn maildrop(&mut self) -> Maildrop {
        std::mem::take(&mut self.maildrop)
    }

    async fn read(&mut self, number: u32, from: u64) -> Result<Bytes, StoreError> {
        if from == 0 {
            while let Some((ahead, message)) = self.ahead.pop_front() {
                if ahead == number {
                    self.current = (number, Some(message.len() as u64));
                    return Ok(message);
                }
            }
        } else if self.current == (number, Some(from)) {
            return Ok(Bytes::new());
        }
        // Whoever has asked for two in a row asks for more.
        let in_a_row = from == 0 && number == self.current.0.wrapping_add(1) && number > 1;
        let mut work = self.work.take().ok_or_else(lost)?;
        let read = spawn_blocking(move || {
            let read = work.read(number, from, in_a_row);
            (work, read)
        });
        let (work, read) = read.await.map_err(|_| lost())?;
        self.work = Some(work);
        let read = read?;
        let length = read.is_last.then_some(from + read.piece.len() as u64);
        self.current = (number, length);
        self.ahead = read.ahead;
        Ok(read.piece)
    }

    async fn update(mut self: Box<Self>, deleted: &[u32], seen: &[u32]) -> Result<(), StoreError> {
        let work = self.work.take().ok_or_else(lost)?;
        let (deleted, seen) = (deleted.to_vec(), seen.to_vec());
        let updated = spawn_blocking(move || work.update(&deleted, &seen));
        updated.await.map_err(|_| lost())?
    }
}

impl Work {
    fn open(path: PathBuf) -> Result<(Self, Maildrop), StoreError> {
        let mut maildrop = Maildrop::new();
        let mut entries = Vec::new();
        let maildir = match path.join("cur").exists() {
            true => Some(Maildir::open(path)?),
            false => None,
        };
        if let Some(maildir) = &maildir {
            let uids = maildir.uids()?;
            for (uid, entry) in uids.messages {
                let size = match entry.name().sizes().wire {
                    Some(size) => size,
                    None => match count(maildir, &entry) {
                        Ok(size) => size,
                        Err(MailboxError::Vanished(_)) => continue,
                        Err(error) => return Err(error.into()),
                    },
                };
                let unique_id = format!("{uid:08x}{:08x}", uids.validity);
                let pushed = maildrop.push(size, &unique_id);
                pushed.expect("hexadecimal digits are a unique id");
                entries.push(entry);
            }
        }
        let work = Self {
            maildir,
            entries,
            open: None,
        };
        Ok((work, maildrop))
    }

    /// Reads a piece of a message, and messages behind it if `more` are wanted and it is small.
    fn read(&mut self, number: u32, from: u64, more: bool) -> Result<Read, StoreError> {
        if from == 0 || self.open.as_ref().is_none_or(|(open, _)| *open != number) {
            self.open = Some((number, self.message(number)?));
        }
        let Some((_, message)) = &self.open else {
            return Err(StoreError::Gone);
        };
        let mut buffer = Vec::with_capacity(match more {
            true => READ_AHEAD,
            false => room_for(message),
        });
        let is_last = fill(message, from, PIECE, &mut buffer)?;
        let end = buffer.len();
        let mut ranges = VecDeque::new();
        if is_last {
            self.open = None;
            if more {
                ranges = self.read_ahead(number, &mut buffer);
            }
        }
        let all = Bytes::from(buffer);
        let ahead = ranges.into_iter();
        Ok(Read {
            piece: all.slice(..end),
            is_last,
            ahead: ahead.map(|(n, range)| (n, all.slice(range))).collect(),
        })
    }

    /// Appends the messages behind this one to the buffer, as far as they fit whole. One that cannot be
    /// read is left to the request for it.
    fn read_ahead(&self, number: u32, buffer: &mut Vec<u8>) -> VecDeque<(u32, Range<usize>)> {
        let mut ranges = VecDeque::new();
        for next in (number + 1..).take(READ_AHEAD_MESSAGES) {
            let Ok(message) = self.message(next) else {
                break;
            };
            let (start, most) = (buffer.len(), READ_AHEAD - buffer.len().min(READ_AHEAD));
            if most == 0 {
                break;
            }
            match fill(&message, 0, most, buffer) {
                Ok(true) => ranges.push_back((next, start..buffer.len())),
                _ => {
                    buffer.truncate(start);
                    break;
                }
            }
        }
        ranges
    }

    fn message(&self, number: u32) -> Result<Opened, StoreError> {
        let index = (number as usize).checked_sub(1).ok_or(StoreError::Gone)?;
        let entry = self.entries.get(index).ok_or(StoreError::Gone)?;
        let maildir = self.maildir.as_ref().ok_or(StoreError::Gone)?;
        Ok(maildir.open_message(entry)?)
    }

    fn update(self, deleted: &[u32], seen: &[u32]) -> Result<(), StoreError> {
        let Some(maildir) = &self.maildir else {
            return Ok(());
        };
        let entry = |number: &u32| self.entries.get((*number as usize).checked_sub(1)?);
        let (mut failed, mut change) = (None, Change::default());
        for entry in deleted.iter().filter_map(entry) {
            let mut with_it = change;
            with_it.went(maildir, entry, entry.letters());
            match maildir.expunge(entry) {
                Ok(true) => change = with_it,
                Ok(false) => {}
                // One that stays must not keep the others.
                Err(error) => {
                    failed.get_or_insert(error);
                }
            }
        }
        Budget::new(maildir.clone(), false).note(change);
        let stays = |number: &&u32| deleted.binary_search(number).is_err();
        for entry in seen.iter().filter(stays).filter_map(entry) {
            if !entry.letters().contains(Letters::SEEN) {
                // A mark that is lost is no harm.
                let _ = maildir.change(entry, |letters| letters.with(Letters::SEEN));
            }
        }
        maildir.sync()?;
        match failed {
            Some(error) => Err(error.into()),
            None => Ok(()),
        }
    }
}

/// How large a buffer a message needs at first: one octet more than its name says, so that its end is
/// seen at once, and not more than a piece.
fn room_for(message: &Opened) -> usize {
    let stored = message.entry.name().sizes().stored;
    let stored = stored.and_then(|stored| usize::try_from(stored).ok());
    stored.map_or(PIECE, |stored| PIECE.min(stored.saturating_add(1)))
}

/// Reads from this place on to the message's end, or until there are `most` octets. Says whether
/// that was its end.
fn fill(message: &Opened, from: u64, most: usize, buffer: &mut Vec<u8>) -> io::Result<bool> {
    let start = buffer.len();
    loop {
        let read = buffer.len() - start;
        if read >= most {
            return Ok(false);
        }
        if buffer.len() == buffer.capacity() {
            buffer.reserve(most - read);
        }
        let spare = buffer.capacity() - buffer.len();
        if pread(&message.file, spare_capacity(buffer), from + read as u64)? < spare {
            return Ok(true);
        }
    }
}

/// The size of a message whose name does not tell it.
pub(super) fn count(maildir: &Maildir, entry: &Entry) -> Result<u64, MailboxError> {
    let message = maildir.open_message(entry)?;
    let mut size = Size::new();
    let mut buffer = Vec::with_capacity(PIECE);
    let mut from = 0;
    loop {
        buffer.clear();
        let is_last = fill(&message, from, PIECE, &mut buffer);
        size.add(&buffer);
        from += buffer.len() as u64;
        match is_last {
            Ok(false) => {}
            Ok(true) => return Ok(size.octets()),
            Err(_) => return Err(MailboxError::Vanished(maildir.path().to_path_buf())),
        }
    }
}
