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

/// What puts messages where they belong on disk. All of it may block. Dropping it leaves no trace of them.
pub(super) trait Placing: Send + 'static {
    /// What is told of a message before its octets.
    type About: Send + Sync + 'static;
    /// What is told once the messages are in their places.
    type Done: Send + 'static;

    /// Another message.
    fn begin(&mut self, about: &Self::About) -> Result<(), StoreError>;

    /// More of it. A failure is told later.
    fn write(&mut self, octets: &[u8]);

    /// Whether what has come so far can be placed.
    fn check(&mut self) -> Result<(), StoreError>;

    /// Puts the messages into their places.
    fn commit(self) -> Result<Self::Done, StoreError>;

    /// Whether there is something that dropping it has to remove.
    fn has_begun(&self) -> bool;
}

/// Gathers pieces, so that a thread is only borrowed for a worthwhile amount of work: a small message is
/// opened, written and published in one go, and a client that sends slowly holds no thread.
pub(super) struct Gathering<P: Placing> {
    gathered: Vec<Part<P::About>>,
    /// The octets of it.
    octets: usize,
    /// Room for the next ones, which was used before.
    room: Vec<u8>,
    /// What threads have done so far; lost if one of them, or who waited for it, was.
    work: Option<P>,
}

enum Part<A> {
    /// Another message begins.
    Message(A),
    /// More of it.
    Octets(Vec<u8>),
}

impl<P: Placing> Gathering<P> {
    pub(super) fn new(work: P) -> Self {
        Self {
            gathered: Vec::new(),
            octets: 0,
            room: Vec::new(),
            work: Some(work),
        }
    }

    /// Another message.
    pub(super) fn begin(&mut self, about: P::About) {
        self.gathered.push(Part::Message(about));
    }

    /// More of it.
    pub(super) async fn write(&mut self, piece: &[u8]) -> Result<(), StoreError> {
        self.octets += piece.len();
        match self.gathered.last_mut() {
            Some(Part::Octets(octets)) => octets.extend_from_slice(piece),
            _ => {
                let mut octets = mem::take(&mut self.room);
                octets.extend_from_slice(piece);
                self.gathered.push(Part::Octets(octets));
            }
        }
        if self.octets < GATHERED {
            return Ok(());
        }
        self.octets = 0;
        let gathered = mem::take(&mut self.gathered);
        let mut work = self.work.take().ok_or_else(lost)?;
        let taken = spawn_blocking(move || {
            let room = take(&mut work, gathered)?;
            work.check()?;
            Ok::<_, StoreError>((work, room))
        });
        let (work, room) = taken.await.map_err(|_| lost())??;
        (self.work, self.room) = (Some(work), room);
        Ok(())
    }

    /// Puts the messages into their places.
    pub(super) async fn commit(mut self) -> Result<P::Done, StoreError> {
        let gathered = mem::take(&mut self.gathered);
        let mut work = self.work.take().ok_or_else(lost)?;
        let committed = spawn_blocking(move || {
            take(&mut work, gathered)?;
            work.commit()
        });
        committed.await.map_err(|_| lost())?
    }
}

/// Hands over what was gathered, and gives back room for more.
fn take<P: Placing>(work: &mut P, parts: Vec<Part<P::About>>) -> Result<Vec<u8>, StoreError> {
    let mut room = Vec::new();
    for part in parts {
        match part {
            Part::Message(about) => work.begin(&about)?,
            Part::Octets(octets) => {
                work.write(&octets);
                room = octets;
            }
        }
    }
    room.clear();
    Ok(room)
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

#[async_trait]
impl<P> Adding for Gathering<P>
where
    P: Placing<About = (Flags, Option<DateTime>), Done = Vec<NonZeroU32>>,
{
    async fn message(
        &mut self,
        flags: Flags,
        internal_date: Option<DateTime>,
    ) -> Result<(), StoreError> {
        self.begin((flags, internal_date));
        Ok(())
    }

    async fn write(&mut self, piece: Bytes) -> Result<(), StoreError> {
        self.write(&piece).await
    }

    async fn commit(self: Box<Self>) -> Result<Vec<NonZeroU32>, StoreError> {
        (*self).commit().await
    }
}
