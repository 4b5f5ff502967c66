//! Copies of a message on their way into mailboxes on disk.

use std::io::{self, Write};

use mailbox_formats::{DeliveryError, maildir, mbox};

use super::files::FileStore;
use super::gathering::Placing;
use super::{Copy, StoreError};

/// The copies of one message. What becomes of one is nothing to the others.
pub(super) struct Copies {
    store: FileStore,
    sender: String,
    copies: Vec<Copy>,
    open: Vec<Result<Open, DeliveryError>>,
    /// Whether there is one that has taken all that was written.
    any: bool,
}

/// A copy that has begun.
pub(super) enum Open {
    Maildir(Box<maildir::Delivery>),
    Mbox(Box<mbox::Delivery>),
}

/// A copy that is complete.
enum Staged {
    Maildir(Box<maildir::Staged>),
    Mbox(Box<mbox::Staged>),
}

impl Copies {
    pub(super) fn new(store: FileStore, sender: &str, copies: Vec<Copy>) -> Self {
        Self {
            store,
            sender: sender.to_owned(),
            copies,
            open: Vec::new(),
            any: true,
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
        self.any = false;
        for open in self.open.iter_mut().flatten() {
            self.any |= open.write_all(octets).is_ok();
        }
    }

    /// Tells why the first copy failed, if all have.
    fn check(&mut self) -> Result<(), StoreError> {
        if self.any {
            return Ok(());
        }
        let failed = self.open.drain(..).find_map(|open| match open {
            Ok(open) => open.stage().err(),
            Err(error) => Some(error),
        });
        Err(failed.map_or_else(|| StoreError::Failed("no copy".into()), StoreError::from))
    }

    fn commit(self) -> Result<Self::Done, StoreError> {
        // All are complete before any can be seen.
        let staged: Vec<_> = self
            .open
            .into_iter()
            .map(|open| open.and_then(Open::stage))
            .collect();
        let published = staged
            .into_iter()
            .map(|staged| staged.and_then(Staged::publish).map_err(StoreError::from));
        Ok(published.collect())
    }

    fn has_begun(&self) -> bool {
        !self.open.is_empty()
    }
}

impl Open {
    fn write_all(&mut self, octets: &[u8]) -> io::Result<()> {
        match self {
            Self::Maildir(delivery) => delivery.write_all(octets),
            Self::Mbox(delivery) => delivery.write_all(octets),
        }
    }

    fn stage(self) -> Result<Staged, DeliveryError> {
        Ok(match self {
            Self::Maildir(delivery) => Staged::Maildir(Box::new(delivery.stage()?)),
            Self::Mbox(delivery) => Staged::Mbox(Box::new(delivery.stage()?)),
        })
    }
}

impl Staged {
    fn publish(self) -> Result<(), DeliveryError> {
        match self {
            Self::Maildir(staged) => staged.publish().map(drop),
            Self::Mbox(staged) => staged.publish().map(drop),
        }
    }
}
