//! Messages of a Maildir, read with CRLF line ends.

use std::fs::File;
use std::io;
use std::num::NonZeroU32;

use bytes::Bytes;
use mailbox_formats::MailboxError;
use mailbox_formats::maildir::{Entry, Maildir};
use rustix::buffer::spare_capacity;
use rustix::io::pread;

use super::StoreError;
use super::pieces::push_with_crlf;
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
        // One octet more than there should be, so that the end is seen at once.
        let size = entry.name().sizes().stored.unwrap_or(READ_AHEAD as u64);
        stored.clear();
        stored.reserve(usize::try_from(size).unwrap_or(READ_AHEAD) + 1);
        while !fill(&file, &mut stored)? {
            stored.reserve(READ_AHEAD);
        }
        push_with_crlf(&mut octets, &stored, false);
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

/// Fills the buffer from behind what it holds. Says whether the end of the file is in it.
fn fill(file: &File, buffer: &mut Vec<u8>) -> io::Result<bool> {
    let (start, spare) = (buffer.len() as u64, buffer.capacity() - buffer.len());
    Ok(pread(file, spare_capacity(buffer), start)? < spare)
}
