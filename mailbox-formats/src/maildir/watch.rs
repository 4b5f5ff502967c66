//! News of a Maildir, as they happen.

use std::collections::HashMap;
use std::sync::mpsc::{self, Receiver, RecvTimeoutError};
use std::time::Duration;

use crate::Lookout;
use crate::error::MailboxError;
use crate::maildir::{Entry, Maildir, Place};

/// Tells what changes in a Maildir.
///
/// The kernel only says when to look; what has changed is found by listing. So nothing gets
/// lost when there is more news than the kernel keeps, and a rename is one change, not a
/// removal and an arrival.
///
/// ```
/// use mailbox_formats::maildir::{Change, Maildir, Options, Watch};
/// use std::io::Write;
/// use std::time::Duration;
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let directory = tempfile::tempdir()?;
/// let maildir = Maildir::create(directory.path().join("alice"))?;
/// let mut watch = Watch::new(maildir.clone())?;
/// let mut delivery = maildir.deliver(Options::default())?;
/// delivery.write_all(b"Subject: hello\r\n\r\n")?;
/// delivery.commit()?;
/// let changes = watch.next(Duration::from_secs(10))?;
/// assert!(matches!(&changes[..], [Change::Added(_)]));
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
pub struct Watch {
    maildir: Maildir,
    known: HashMap<Vec<u8>, Entry>,
    news: Receiver<()>,
    /// Looks out for as long as it lives.
    _lookout: Lookout,
}

/// What happened to a message.
///
/// The list is complete.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Change {
    /// It has come.
    Added(Entry),
    /// It has other flags, or has gone from `new/` to `cur/`.
    Changed(Entry),
    /// It has gone.
    Removed(Entry),
}

impl Watch {
    /// Watches from now on.
    ///
    /// # Errors
    /// The Maildir cannot be listed, or the kernel has no watch left.
    pub fn new(maildir: Maildir) -> Result<Self, MailboxError> {
        // One is enough: it says that something is new.
        let (tell, news) = mpsc::sync_channel(1);
        let lookout = Lookout::new(move |_| {
            // If it is full, they have been told already.
            let _ = tell.try_send(());
        })?;
        for place in [Place::New, Place::Cur] {
            lookout.watch(&maildir.part(place.directory()))?;
        }
        let known = by_unique(maildir.list()?);
        Ok(Self {
            maildir,
            known,
            news,
            _lookout: lookout,
        })
    }

    /// Waits until something changes, or the time is up, and says what has changed: nothing
    /// if the time was up.
    ///
    /// # Errors
    /// The Maildir cannot be listed.
    pub fn next(&mut self, wait: Duration) -> Result<Vec<Change>, MailboxError> {
        let start = std::time::Instant::now();
        loop {
            let left = wait.saturating_sub(start.elapsed());
            let news = self.news.recv_timeout(left);
            let changes = self.look()?;
            // Also looked at when the time is up, for file systems whose kernel says nothing.
            if !changes.is_empty() || news == Err(RecvTimeoutError::Timeout) {
                return Ok(changes);
            }
        }
    }

    fn look(&mut self) -> Result<Vec<Change>, MailboxError> {
        let mut before = std::mem::replace(&mut self.known, by_unique(self.maildir.list()?));
        let mut changes = Vec::new();
        for (unique, entry) in &self.known {
            match before.remove(unique) {
                None => changes.push(Change::Added(entry.clone())),
                Some(old) if old != *entry => changes.push(Change::Changed(entry.clone())),
                Some(_) => {}
            }
        }
        changes.extend(before.into_values().map(Change::Removed));
        Ok(changes)
    }
}

fn by_unique(entries: Vec<Entry>) -> HashMap<Vec<u8>, Entry> {
    let keyed = |entry: Entry| (entry.unique().to_vec(), entry);
    entries.into_iter().map(keyed).collect()
}
