//! Messages that come in pieces, on their way to where blocking is allowed.

use std::mem;
use std::num::NonZeroU32;

use async_trait::async_trait;
use bytes::Bytes;
use imap_proto::{DateTime, Flags};
use tokio::runtime::Handle;
use tokio::task::spawn_blocking;

use super::folder::Adding;
use super::{StoreError, lost};
use crate::limits::GATHERED;

/// What puts messages into a folder on disk. All of it may block. Dropping it leaves no trace of them.
pub(super) trait Placing: Send + 'static {
    /// Another message.
    fn begin(&mut self, flags: &Flags, internal_date: Option<DateTime>) -> Result<(), StoreError>;

    /// More of it. A failure may be told later.
    fn write(&mut self, octets: &[u8]) -> Result<(), StoreError>;

    /// Puts all of them into the folder, or none.
    fn commit(self) -> Result<Vec<NonZeroU32>, StoreError>;

    /// Whether there is something that dropping it has to remove.
    fn has_begun(&self) -> bool;
}

/// Gathers pieces, so that a thread is only borrowed for a worthwhile amount of work: a small message is
/// opened, written, published and numbered in one go, and a client that sends slowly holds no thread.
pub(super) struct Gathering<P: Placing> {
    gathered: Vec<Part>,
    /// The octets of it.
    octets: usize,
    /// What threads have done so far; lost if one of them, or who waited for it, was.
    work: Option<P>,
}

enum Part {
    /// Another message begins.
    Message(Flags, Option<DateTime>),
    /// More of it.
    Octets(Vec<u8>),
}

impl<P: Placing> Gathering<P> {
    pub(super) fn new(work: P) -> Self {
        Self {
            gathered: Vec::new(),
            octets: 0,
            work: Some(work),
        }
    }
}

#[async_trait]
impl<P: Placing> Adding for Gathering<P> {
    async fn message(
        &mut self,
        flags: Flags,
        internal_date: Option<DateTime>,
    ) -> Result<(), StoreError> {
        self.gathered.push(Part::Message(flags, internal_date));
        Ok(())
    }

    async fn write(&mut self, piece: Bytes) -> Result<(), StoreError> {
        self.octets += piece.len();
        match self.gathered.last_mut() {
            Some(Part::Octets(octets)) => octets.extend_from_slice(&piece),
            _ => self.gathered.push(Part::Octets(piece.into())),
        }
        if self.octets < GATHERED {
            return Ok(());
        }
        self.octets = 0;
        let gathered = mem::take(&mut self.gathered);
        let mut work = self.work.take().ok_or_else(lost)?;
        let taken = spawn_blocking(move || {
            take(&mut work, &gathered)?;
            Ok::<_, StoreError>(work)
        });
        self.work = Some(taken.await.map_err(|_| lost())??);
        Ok(())
    }

    async fn commit(mut self: Box<Self>) -> Result<Vec<NonZeroU32>, StoreError> {
        let gathered = mem::take(&mut self.gathered);
        let mut work = self.work.take().ok_or_else(lost)?;
        let committed = spawn_blocking(move || {
            take(&mut work, &gathered)?;
            work.commit()
        });
        committed.await.map_err(|_| lost())?
    }
}

impl<P: Placing> Drop for Gathering<P> {
    /// Files that were begun are removed, and that blocks.
    fn drop(&mut self) {
        let begun = self.work.take().filter(Placing::has_begun);
        if let (Some(work), Ok(runtime)) = (begun, Handle::try_current()) {
            drop(runtime.spawn_blocking(move || drop(work)));
        }
    }
}

fn take(work: &mut impl Placing, parts: &[Part]) -> Result<(), StoreError> {
    for part in parts {
        match part {
            Part::Message(flags, internal_date) => work.begin(flags, *internal_date)?,
            Part::Octets(octets) => work.write(octets)?,
        }
    }
    Ok(())
}
