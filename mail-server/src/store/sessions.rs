//! Who has which mailbox open.

use std::collections::HashSet;
use std::sync::{Arc, Mutex, PoisonError};

use super::{Account, StoreError};

/// The mailboxes that a session has, in all clones of a store.
///
/// It keeps the sessions of one process apart. Other programs are not kept out, and need not be: what
/// they add is not seen, and what they remove is gone.
#[derive(Debug, Clone, Default)]
pub(super) struct Sessions(Arc<Mutex<HashSet<Account>>>);

/// A mailbox that a session has, until this is dropped.
#[derive(Debug)]
pub(super) struct Held {
    sessions: Sessions,
    account: Account,
}

impl Sessions {
    pub(super) fn hold(&self, account: &Account) -> Result<Held, StoreError> {
        let mut held = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        match held.insert(account.clone()) {
            true => Ok(Held {
                sessions: self.clone(),
                account: account.clone(),
            }),
            false => Err(StoreError::InUse),
        }
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        let mut held = self
            .sessions
            .0
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        held.remove(&self.account);
    }
}
