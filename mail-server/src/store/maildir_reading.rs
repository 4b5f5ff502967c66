//! Messages of a Maildir, read with CRLF line ends.

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
    let sizes: Vec<_> = entries
        .iter()
        .map(|(_, entry)| entry.name().sizes())
        .collect();
    let wire = sizes.iter().filter_map(|sizes| sizes.wire);
    let mut octets = Vec::with_capacity(usize::try_from(wire.sum::<u64>()).unwrap_or(0));
    let mut stored = Vec::new();
    let maildir = maildir.held_open()?;
    for ((uid, entry), sizes) in entries.iter().zip(sizes) {
        let file = match maildir.open_message(entry) {
            Err(MailboxError::Vanished(_)) => continue,
            opened => opened?.file,
        };
        let size = sizes.stored.unwrap_or(READ_AHEAD as u64);
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
