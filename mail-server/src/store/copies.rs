//! Copies of a message on their way into mailboxes on disk.

use std::io::{self, Write};

use mailbox_formats::{maildir, mbox};

use super::files::FileStore;
use super::gathering::Placing;
use super::maildir_quota::Budget;
use super::{Copy, StoreError};

/// The copies of one message. What becomes of one is nothing to the others.
pub(super) struct Copies {
    store: FileStore,
    sender: String,
    copies: Vec<Copy>,
    open: Vec<Result<Open, StoreError>>,
    /// Octets of the message so far, without what each copy begins with.
    octets: u64,
    /// Whether there is one that has taken all that was written.
    any: bool,
}

/// A copy that has begun.
pub(super) enum Open {
    /// With what it counts against.
    Maildir(Box<maildir::Delivery>, Budget),
    Mbox(Box<mbox::Delivery>),
}

/// A copy that is complete.
enum Staged {
    Maildir(Box<maildir::Staged>, Budget),
    Mbox(Box<mbox::Staged>),
}

impl Copies {
    pub(super) fn new(store: FileStore, sender: &str, copies: Vec<Copy>) -> Self {
        Self {
            store,
            sender: sender.to_owned(),
            copies,
            open: Vec::new(),
            octets: 0,
            any: true,
        }
    }

    /// Gives up the copies that are too much for their mailboxes. Where that cannot be found out mail is taken.
    fn check_budgets(&mut self) {
        for (open, copy) in self.open.iter_mut().zip(&self.copies) {
            let octets = self.octets + copy.header.len() as u64;
            let checked = match open {
                Ok(Open::Maildir(_, budget)) => budget.takes(octets, 1),
                _ => Ok(()),
            };
            if let Err(error @ StoreError::OverQuota) = checked {
                *open = Err(error);
            }
        }
    }
}

impl Placing for Copies {
    type About = ();
    /// What became of each, in their order.
    type Done = Vec<Result<(), StoreError>>;

    fn begin(&mut self, (): &()) -> Result<(), StoreError> {
        let open = |copy: &Copy| {
            let mut open = self.store.begin(&self.sender, &copy.account)?;
            // A failure stays with the delivery until it is staged.
            let _ = open.write_all(copy.header.as_bytes());
            Ok(open)
        };
        self.open = self.copies.iter().map(open).collect();
        Ok(())
    }

    fn write(&mut self, octets: &[u8]) {
        self.octets += octets.len() as u64;
        self.any = false;
        for open in self.open.iter_mut().flatten() {
            self.any |= open.write_all(octets).is_ok();
        }
    }

    /// Tells why the first copy failed, if all have.
    fn check(&mut self) -> Result<(), StoreError> {
        self.check_budgets();
        if self.any && self.open.iter().any(Result::is_ok) {
            return Ok(());
        }
        let failed = self.open.drain(..).find_map(|open| match open {
            Ok(open) => open.stage().err(),
            Err(error) => Some(error),
        });
        Err(failed.unwrap_or_else(|| StoreError::Failed("no copy".into())))
    }

    fn commit(mut self) -> Result<Self::Done, StoreError> {
        self.check_budgets();
        // All are complete before any can be seen.
        let staged: Vec<_> = self
            .open
            .into_iter()
            .map(|open| open.and_then(Open::stage))
            .collect();
        let published = staged
            .into_iter()
            .map(|staged| staged.and_then(Staged::publish));
        Ok(published.collect())
    }

    fn has_begun(&self) -> bool {
        !self.open.is_empty()
    }
}

impl Open {
    fn write_all(&mut self, octets: &[u8]) -> io::Result<()> {
        match self {
            Self::Maildir(delivery, _) => delivery.write_all(octets),
            Self::Mbox(delivery) => delivery.write_all(octets),
        }
    }

    fn stage(self) -> Result<Staged, StoreError> {
        Ok(match self {
            Self::Maildir(delivery, budget) => Staged::Maildir(Box::new(delivery.stage()?), budget),
            Self::Mbox(delivery) => Staged::Mbox(Box::new(delivery.stage()?)),
        })
    }
}

impl Staged {
    fn publish(self) -> Result<(), StoreError> {
        match self {
            Self::Maildir(staged, budget) => {
                let delivered = staged.publish()?;
                budget.delivered(delivered.sizes);
            }
            Self::Mbox(staged) => {
                staged.publish()?;
            }
        }
        Ok(())
    }
}
