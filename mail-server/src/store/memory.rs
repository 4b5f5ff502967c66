//! A store that forgets: for tests, and for hosts that only show what arrives.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;

use super::{Account, Copy, Delivery, Mailstore, StoreError};

/// Mailboxes in memory, shared by all clones of the store.
#[derive(Debug, Clone, Default)]
pub struct MemoryStore(Arc<Mutex<HashMap<Account, Vec<Stored>>>>);

/// A message as it was stored.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Stored {
    /// The envelope's sender; empty if there is none.
    pub sender: String,
    /// The message with its header lines, CRLF line ends.
    pub bytes: Arc<[u8]>,
}

impl MemoryStore {
    /// An empty store.
    pub fn new() -> Self {
        Self::default()
    }

    /// The messages of an account, oldest first.
    pub fn messages(&self, account: &Account) -> Vec<Stored> {
        let mailboxes = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        mailboxes.get(account).cloned().unwrap_or_default()
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
        let mut mailboxes = self.store.0.lock().unwrap_or_else(PoisonError::into_inner);
        for copy in &self.copies {
            let stored = Stored {
                sender: self.sender.clone(),
                bytes: [copy.header.as_bytes(), &self.bytes].concat().into(),
            };
            mailboxes
                .entry(copy.account.clone())
                .or_default()
                .push(stored);
        }
        self.copies.iter().map(|_| Ok(())).collect()
    }
}
