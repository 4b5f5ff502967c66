//! Messages of a Maildir, read with CRLF line ends.

use std::fs::File;
use std::io;
use std::num::NonZeroU32;

use async_trait::async_trait;
use bytes::{Buf, Bytes};
use mailbox_formats::MailboxError;
use mailbox_formats::maildir::{Entry, Maildir};
use rustix::buffer::spare_capacity;
use rustix::io::pread;
use tokio::task::spawn_blocking;

use super::folder::Reading;
use super::{StoreError, lost};
use crate::limits::READ_AHEAD;

/// These messages, whole, but for those that are gone. They share one buffer.
pub(super) fn all(
    maildir: &Maildir,
    entries: Vec<(NonZeroU32, Entry)>,
) -> Result<Vec<(NonZeroU32, Bytes)>, StoreError> {
    let mut ends = Vec::with_capacity(entries.len());
    let wire = entries
        .iter()
        .filter_map(|(_, entry)| entry.name().sizes().wire);
    let mut octets = Vec::with_capacity(usize::try_from(wire.sum::<u64>()).unwrap_or(0));
    let mut stored = Vec::new();
    let maildir = maildir.held_open()?;
    for (uid, entry) in &entries {
        let file = match maildir.open_message(entry) {
            Err(MailboxError::Vanished(_)) => continue,
            opened => opened?.file,
        };
        let size = entry.name().sizes().stored.unwrap_or(READ_AHEAD as u64);
        let size = usize::try_from(size).unwrap_or(READ_AHEAD);
        let (mut at, mut behind_cr) = (0, false);
        loop {
            stored.clear();
            // One octet more than there should be, so that the end is seen at once.
            stored.reserve(READ_AHEAD.min(size + 1));
            let room = stored.capacity();
            let read = pread(&file, spare_capacity(&mut stored), at);
            at += read.map_err(io::Error::from)? as u64;
            push_with_crlf(&mut octets, &stored, behind_cr);
            if stored.len() < room {
                break;
            }
            behind_cr = stored.ends_with(b"\r");
        }
        ends.push((*uid, octets.len()));
    }
    let (all, mut start) = (Bytes::from(octets), 0);
    let messages = ends.into_iter().map(|(uid, end)| {
        let message = all.slice(start..end);
        start = end;
        (uid, message)
    });
    Ok(messages.collect())
}

/// A message that is read piece by piece.
pub(super) struct MaildirReading {
    /// Away while a thread is at it; lost if that thread or its caller was.
    work: Option<Work>,
}

/// What is done where blocking is allowed.
struct Work {
    file: File,
    /// What is read next, in the file.
    at: u64,
    /// What was read last was a CR.
    behind_cr: bool,
    /// Octets, with CRLF line ends, that are not wanted.
    skip: u64,
}

impl MaildirReading {
    /// Opens a message. Blocks.
    pub(super) fn open(maildir: &Maildir, entry: &Entry, from: u64) -> Result<Self, StoreError> {
        let file = match maildir.open_message(entry) {
            Err(MailboxError::Vanished(_)) => return Err(StoreError::Gone),
            opened => opened?.file,
        };
        let work = Work {
            file,
            at: 0,
            behind_cr: false,
            skip: from,
        };
        Ok(Self { work: Some(work) })
    }
}

#[async_trait]
impl Reading for MaildirReading {
    async fn next(&mut self) -> Result<Bytes, StoreError> {
        let mut work = self.work.take().ok_or_else(lost)?;
        let read = spawn_blocking(move || {
            let read = work.next();
            (work, read)
        });
        let (work, read) = read.await.map_err(|_| lost())?;
        self.work = Some(work);
        Ok(read?)
    }
}

impl Work {
    fn next(&mut self) -> io::Result<Bytes> {
        let mut stored = Vec::with_capacity(READ_AHEAD);
        loop {
            stored.clear();
            let read = pread(&self.file, spare_capacity(&mut stored), self.at)?;
            if read == 0 {
                return Ok(Bytes::new());
            }
            self.at += read as u64;
            let mut octets = Vec::with_capacity(read + read / 16);
            push_with_crlf(&mut octets, &stored, self.behind_cr);
            self.behind_cr = stored.ends_with(b"\r");
            let length = octets.len() as u64;
            if length <= self.skip {
                self.skip -= length;
                continue;
            }
            let mut octets = Bytes::from(octets);
            octets.advance(usize::try_from(std::mem::take(&mut self.skip)).unwrap_or(usize::MAX));
            return Ok(octets);
        }
    }
}

/// With CRLF for each LF that has no CR.
fn push_with_crlf(to: &mut Vec<u8>, octets: &[u8], mut behind_cr: bool) {
    let mut from = 0;
    for at in memchr::memchr_iter(b'\n', octets) {
        let line = &octets[from..at];
        to.extend_from_slice(line);
        let has_cr = line.last().map_or(behind_cr, |last| *last == b'\r');
        to.extend_from_slice(if has_cr { b"\n" } else { b"\r\n" });
        (from, behind_cr) = (at + 1, false);
    }
    to.extend_from_slice(&octets[from..]);
}

#[cfg(test)]
mod tests {
    use super::push_with_crlf;

    #[test]
    fn lines_end_with_crlf_wherever_the_file_is_cut() {
        for (stored, wire) in [
            ("", ""),
            ("a\nb\n", "a\r\nb\r\n"),
            ("a\r\nb\n\n", "a\r\nb\r\n\r\n"),
            ("\n\r\n\r\r\n", "\r\n\r\n\r\r\n"),
            ("no end", "no end"),
        ] {
            for cut in 0..=stored.len() {
                let (one, other) = stored.as_bytes().split_at(cut);
                let mut octets = Vec::new();
                push_with_crlf(&mut octets, one, false);
                push_with_crlf(&mut octets, other, one.ends_with(b"\r"));
                assert_eq!(octets, wire.as_bytes(), "{stored:?} cut at {cut}");
            }
        }
    }
}
