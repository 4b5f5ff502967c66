//! What counts against the quota of an account: the file `maildirsize` of its Maildir, which others keep too.
//!
//! As the format has it, neither what is marked as deleted nor the folder `Trash` counts.

use mailbox_formats::maildir::{Entry, Letters, Maildir, Sizes, Usage};

use super::StoreError;
use super::folder::{Limited, Quota};

/// The account that a folder belongs to.
#[derive(Debug, Clone)]
pub(super) struct Budget {
    root: Maildir,
    counts: bool,
}

/// What has come to a folder, and gone from it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Change {
    octets: i64,
    messages: i64,
}

impl Budget {
    /// Of a folder in this Maildir; what is in the trash does not count.
    pub(super) fn new(root: Maildir, is_trash: bool) -> Self {
        let counts = !is_trash;
        Self { root, counts }
    }

    /// Whether so many messages with so many octets may come. Blocks.
    pub(super) fn takes(&self, octets: u64, messages: u64) -> Result<(), StoreError> {
        let size = self.root.usage().map_err(StoreError::from)?;
        let more = Usage {
            bytes: octets,
            messages,
        };
        match size {
            Some(size) if self.counts && size.exceeds(more) => Err(StoreError::OverQuota),
            _ => Ok(()),
        }
    }

    /// A message of these sizes was delivered. Blocks.
    pub(super) fn delivered(&self, sizes: Sizes) {
        let octets = sizes.stored.unwrap_or(0);
        self.note(Change {
            octets: i64::try_from(octets).unwrap_or(0),
            messages: 1,
        });
    }

    /// Writes down what has changed. Blocks.
    pub(super) fn note(&self, change: Change) {
        if self.counts && change != Change::default() {
            // Where it cannot be written, the file is counted anew once it says that there is too much.
            let _ = self.root.note(change.octets, change.messages);
        }
    }
}

impl Change {
    /// A message has come.
    pub(super) fn came(&mut self, maildir: &Maildir, entry: &Entry) {
        self.add(maildir, entry, entry.letters(), 1);
    }

    /// A message that had these letters has gone.
    pub(super) fn went(&mut self, maildir: &Maildir, entry: &Entry, letters: Letters) {
        self.add(maildir, entry, letters, -1);
    }

    fn add(&mut self, maildir: &Maildir, entry: &Entry, letters: Letters, count: i64) {
        if letters.contains(Letters::TRASHED) {
            return;
        }
        let size = maildir.size(entry).unwrap_or(0);
        self.octets += count * i64::try_from(size).unwrap_or(0);
        self.messages += count;
    }
}

/// Counts all mail anew, if there is a quota: more has changed than was written down. Blocks.
pub(super) fn count(root: &Maildir) {
    if let Ok(Some(size)) = root.usage() {
        // It is counted anew too once it says that there is too much.
        let _ = root.set_quota(size.quota());
    }
}

/// What `maildirsize` says. Blocks.
pub(super) fn of(root: &Maildir) -> Result<Option<Quota>, StoreError> {
    let Some(size) = root.usage()? else {
        return Ok(None);
    };
    let (quota, usage) = (size.quota(), size.usage());
    let limited = |used, limit: Option<u64>| limit.map(|limit| Limited { used, limit });
    Ok(Some(Quota {
        octets: limited(usage.bytes, quota.bytes),
        messages: limited(usage.messages, quota.messages),
    }))
}
