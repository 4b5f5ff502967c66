//! A store that forgets: for tests, and for hosts that only show what arrives.

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use bytes::Bytes;
use pop3_proto::Maildrop;

use super::sessions::{Held, Sessions};
use super::{Account, Copy, Delivery, Inbox, Mailstore, StoreError};

/// Mailboxes in memory, shared by all clones of the store.
#[derive(Debug, Clone, Default)]
pub struct MemoryStore {
    mailboxes: Arc<Mutex<HashMap<Account, Mailbox>>>,
    sessions: Sessions,
}

#[derive(Debug, Default)]
struct Mailbox {
    /// Messages with their numbers, in ascending order.
    messages: Vec<(u64, Stored)>,
    /// How many there have been, ever: the number of the last one.
    count: u64,
}

/// A message as it was stored.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Stored {
    /// The envelope's sender; empty if there is none.
    pub sender: String,
    /// The message with its header lines, CRLF line ends.
    pub bytes: Bytes,
}

impl MemoryStore {
    /// An empty store.
    pub fn new() -> Self {
        Self::default()
    }

    /// The messages of an account, oldest first.
    pub fn messages(&self, account: &Account) -> Vec<Stored> {
        let mailboxes = self.lock();
        let messages = mailboxes.get(account).map(|mailbox| &mailbox.messages[..]);
        let messages = messages.unwrap_or_default().iter();
        messages.map(|(_, stored)| stored.clone()).collect()
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<Account, Mailbox>> {
        self.mailboxes
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}

#[async_trait]
impl Mailstore for MemoryStore {
    async fn deliver(
        &self,
        sender: &str,
        copies: Vec<Copy>,
    ) -> Result<Box<dyn Delivery>, StoreError> {
        Ok(Box::new(Pending {
            store: self.clone(),
            sender: sender.to_owned(),
            copies,
            bytes: Vec::new(),
        }))
    }

    async fn inbox(&self, account: &Account) -> Result<Box<dyn Inbox>, StoreError> {
        let held = self.sessions.hold(account)?;
        let mailboxes = self.lock();
        let mailbox = mailboxes.get(account);
        let messages = mailbox.map(|mailbox| mailbox.messages.clone());
        Ok(Box::new(Snapshot {
            store: self.clone(),
            account: account.clone(),
            messages: messages.unwrap_or_default(),
            _held: held,
        }))
    }
}

/// The messages that a session has found.
struct Snapshot {
    store: MemoryStore,
    account: Account,
    messages: Vec<(u64, Stored)>,
    _held: Held,
}

#[async_trait]
impl Inbox for Snapshot {
    fn maildrop(&mut self) -> Maildrop {
        let mut maildrop = Maildrop::new();
        for (number, stored) in &self.messages {
            let size = stored.bytes.len() as u64;
            let pushed = maildrop.push(size, &number.to_string());
            pushed.expect("digits are a unique id");
        }
        maildrop
    }

    async fn read(&mut self, number: u32, from: u64) -> Result<Bytes, StoreError> {
        let index = (number as usize).checked_sub(1).ok_or(StoreError::Gone)?;
        let (_, stored) = self.messages.get(index).ok_or(StoreError::Gone)?;
        let from = usize::try_from(from).unwrap_or(usize::MAX);
        Ok(stored.bytes.slice(from.min(stored.bytes.len())..))
    }

    async fn update(self: Box<Self>, deleted: &[u32], _seen: &[u32]) -> Result<(), StoreError> {
        let numbers = deleted.iter().filter_map(|&number| {
            let index = (number as usize).checked_sub(1)?;
            self.messages.get(index).map(|(number, _)| *number)
        });
        let numbers: HashSet<u64> = numbers.collect();
        if let Some(mailbox) = self.store.lock().get_mut(&self.account) {
            let stays = |(number, _): &(u64, Stored)| !numbers.contains(number);
            mailbox.messages.retain(stays);
        }
        Ok(())
    }
}

struct Pending {
    store: MemoryStore,
    sender: String,
    copies: Vec<Copy>,
    bytes: Vec<u8>,
}

#[async_trait]
impl Delivery for Pending {
    async fn write(&mut self, piece: &[u8]) -> Result<(), StoreError> {
        self.bytes.extend_from_slice(piece);
        Ok(())
    }

    async fn commit(self: Box<Self>) -> Vec<Result<(), StoreError>> {
        let mut mailboxes = self.store.lock();
        for copy in &self.copies {
            let stored = Stored {
                sender: self.sender.clone(),
                bytes: [copy.header.as_bytes(), &self.bytes].concat().into(),
            };
            let mailbox = mailboxes.entry(copy.account.clone()).or_default();
            mailbox.count += 1;
            mailbox.messages.push((mailbox.count, stored));
        }
        self.copies.iter().map(|_| Ok(())).collect()
    }
}
