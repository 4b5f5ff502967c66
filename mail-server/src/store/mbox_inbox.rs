//! A session on an mbox.

use std::io::BufRead;
use std::path::PathBuf;

use async_trait::async_trait;
use bytes::Bytes;
use mailbox_formats::Flags;
use mailbox_formats::mbox::{Access, Changes, Content, List, Listed, Mbox, Rules, Variant};
use pop3_proto::Maildrop;
use tokio::task::spawn_blocking;

use super::sessions::Held;
use super::{Inbox, StoreError, lost};
use crate::limits::PIECE;

/// The messages that a session has found in an mbox.
///
/// The mbox is locked while it is listed and while it is changed, and not in between: mail comes in
/// meanwhile.
pub(super) struct MboxInbox {
    /// Away while a thread is at it; lost if that thread or its caller was.
    work: Option<Work>,
    maildrop: Maildrop,
    _held: Held,
}

/// What is done where blocking is allowed.
struct Work {
    mbox: Mbox,
    list: Option<List>,
    /// The message that is being read, and how far that has come.
    open: Option<Open>,
}

struct Open {
    number: u32,
    from: u64,
    content: Content,
}

impl MboxInbox {
    /// Lists what is there. An mbox that does not exist yet is empty.
    pub(super) async fn open(path: PathBuf, held: Held) -> Result<Self, StoreError> {
        let listed = spawn_blocking(move || Work::open(path));
        let (work, maildrop) = listed.await.map_err(|_| lost())??;
        Ok(Self {
            work: Some(work),
            maildrop,
            _held: held,
        })
    }
}

#[async_trait]
impl Inbox for MboxInbox {
    fn maildrop(&mut self) -> Maildrop {
        std::mem::take(&mut self.maildrop)
    }

    async fn read(&mut self, number: u32, from: u64) -> Result<Bytes, StoreError> {
        let mut work = self.work.take().ok_or_else(lost)?;
        let read = spawn_blocking(move || {
            let read = work.read(number, from);
            (work, read)
        });
        let (work, read) = read.await.map_err(|_| lost())?;
        self.work = Some(work);
        read
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
        let is_there = path.exists();
        let mbox = Mbox::new(path);
        let list = match is_there {
            true => Some(mbox.list(&access())?),
            false => None,
        };
        if let Some(list) = &list {
            for message in list.messages() {
                let size = message.sizes().wire.unwrap_or(0);
                let unique_id = format!("{:08x}{:08x}", message.uid(), list.validity());
                let pushed = maildrop.push(size, &unique_id);
                pushed.expect("hexadecimal digits are a unique id");
            }
        }
        let work = Self {
            mbox,
            list,
            open: None,
        };
        Ok((work, maildrop))
    }

    fn message(&self, number: u32) -> Option<(&List, &Listed)> {
        let list = self.list.as_ref()?;
        let index = (number as usize).checked_sub(1)?;
        Some((list, list.messages().get(index)?))
    }

    /// Reads a piece of a message. It is decoded on the way, so it is read from its beginning.
    fn read(&mut self, number: u32, from: u64) -> Result<Bytes, StoreError> {
        let goes_on = |open: &Open| open.number == number && open.from == from;
        if !self.open.as_ref().is_some_and(goes_on) {
            let (list, message) = self.message(number).ok_or(StoreError::Gone)?;
            let mut open = Open {
                number,
                from: 0,
                content: list.read(message)?,
            };
            open.skip(from)?;
            self.open = Some(open);
        }
        let Some(open) = &mut self.open else {
            return Err(StoreError::Gone);
        };
        let mut piece = Vec::new();
        while piece.len() < PIECE {
            let found = open.content.fill_buf()?;
            if found.is_empty() {
                break;
            }
            piece.extend_from_slice(found);
            let count = found.len();
            open.content.consume(count);
            open.from += count as u64;
        }
        Ok(piece.into())
    }

    fn update(self, deleted: &[u32], seen: &[u32]) -> Result<(), StoreError> {
        let Some(list) = &self.list else {
            return Ok(());
        };
        let mut changes = Changes::default();
        let mut changed = false;
        for (_, message) in deleted.iter().filter_map(|number| self.message(*number)) {
            changes = changes.expunge(message.uid());
            changed = true;
        }
        let stays = |number: &&u32| deleted.binary_search(number).is_err();
        for number in seen.iter().filter(stays) {
            let Some((_, message)) = self.message(*number) else {
                continue;
            };
            if !message.flags().contains(Flags::SEEN) {
                changes = changes.flags(message.uid(), message.flags() | Flags::SEEN);
                changed = true;
            }
        }
        if changed {
            self.mbox.change(list, &changes, &access())?;
        }
        Ok(())
    }
}

/// Mailboxes of a store are of the variant that it writes.
fn access() -> Access {
    Access::default().kind(Rules::STRICT, Some(Variant::Mboxrd))
}

impl Open {
    /// Goes on to this place without looking.
    fn skip(&mut self, to: u64) -> Result<(), StoreError> {
        while self.from < to {
            let found = self.content.fill_buf()?.len() as u64;
            if found == 0 {
                break;
            }
            let count = found.min(to - self.from);
            self.content.consume(count as usize);
            self.from += count;
        }
        Ok(())
    }
}
