//! The mailboxes of accounts, which POP3 and IMAP serve.

use std::collections::HashMap;
use std::num::NonZeroU32;
use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use bytes::Bytes;
use imap_proto::{Flags, MailboxName, NumberSet};
use mail_server::store::{
    Account, Folder, Folders, Inbox, Mailstore, MemoryStore, NewMessage, StoreError,
};

use crate::message::Message;

/// The mailboxes of all accounts that somebody has looked for.
#[derive(Default)]
pub(crate) struct Mailboxes {
    memory: MemoryStore,
    /// By the name of the account, in lower case.
    made: HashMap<String, Made>,
    /// Where the messages of the sandbox are that clients have put into folders.
    appended: HashMap<u64, Spot>,
}

/// Where a message is.
pub(crate) struct Spot {
    pub(crate) folder: Arc<dyn Folder>,
    pub(crate) uid: NonZeroU32,
}

/// A mailbox that somebody has looked for, and that mail comes into from then on.
struct Made {
    owner: Account,
    folders: Arc<dyn Folders>,
    inbox: Arc<dyn Folder>,
    /// The UIDs in `INBOX` of the messages of the sandbox.
    uids: HashMap<u64, NonZeroU32>,
}

/// An account's mailbox, to be opened outside of the lock.
pub(crate) struct Door {
    memory: MemoryStore,
    owner: Account,
    pub(crate) folders: Arc<dyn Folders>,
}

impl Mailboxes {
    /// The mailbox of an account: if there was none, one with those of the messages that are for it.
    pub(crate) fn door<'a>(
        &mut self,
        account: &str,
        messages: impl IntoIterator<Item = &'a Message>,
    ) -> Door {
        let name = account.to_lowercase();
        let made = match self.made.get(&name) {
            Some(made) => made,
            None => {
                let mut made = Made::new(&self.memory, self.made.len());
                let all = messages.into_iter();
                all.filter(|message| message.is_for(&name))
                    .for_each(|message| made.take(message));
                self.made.entry(name).or_insert(made)
            }
        };
        Door {
            memory: self.memory.clone(),
            owner: made.owner.clone(),
            folders: Arc::clone(&made.folders),
        }
    }

    /// A message has come: to recipients, or to a spot in a folder.
    pub(crate) fn take(&mut self, message: &Message, spot: Option<Spot>) {
        if let Some(spot) = spot {
            self.appended.insert(message.id(), spot);
        }
        for (account, made) in &mut self.made {
            if message.is_for(account) {
                made.take(message);
            }
        }
    }

    /// Messages are forgotten, where nobody has moved them to another folder.
    pub(crate) fn forget(&mut self, ids: &[u64]) {
        for Spot { folder, uid } in ids.iter().filter_map(|id| self.appended.remove(id)) {
            let _ = ready(folder.expunge(&[uid].into_iter().collect()));
        }
        for made in self.made.values_mut() {
            let uids = ids.iter().filter_map(|id| made.uids.remove(id));
            let uids: NumberSet = uids.collect();
            if !uids.is_empty() {
                let _ = ready(made.inbox.expunge(&uids));
            }
        }
    }
}

impl Made {
    /// The mailbox of the nth account. Names of accounts may be anything; the store has narrower views of them.
    fn new(memory: &MemoryStore, number: usize) -> Self {
        let owner = Account::new(&number.to_string(), "sandbox").expect("digits are a name");
        let folders = ready(memory.folders(&owner)).expect("the store has folders");
        let inbox = MailboxName::new("INBOX").expect("a name");
        let inbox = ready(folders.open(&inbox)).expect("an INBOX is always there");
        Self {
            owner,
            folders,
            inbox,
            uids: HashMap::new(),
        }
    }

    fn take(&mut self, message: &Message) {
        let new = new_message(message.raw().clone(), Flags::new());
        if let Ok([uid]) = ready(self.inbox.append(vec![new])).as_deref() {
            self.uids.insert(message.id(), *uid);
        }
    }
}

impl Door {
    /// Opens it for POP3, which has one session at a time.
    pub(crate) async fn inbox(&self) -> Result<Box<dyn Inbox>, StoreError> {
        self.memory.inbox(&self.owner).await
    }
}

pub(crate) fn new_message(octets: Bytes, flags: Flags) -> NewMessage {
    NewMessage {
        octets,
        flags,
        internal_date: None,
    }
}

/// What comes of a future that waits for nothing: all that a folder in memory does is done when it is asked for.
pub(crate) fn ready<T>(future: impl Future<Output = T>) -> T {
    let mut context = Context::from_waker(Waker::noop());
    match pin!(future).poll(&mut context) {
        Poll::Ready(done) => done,
        Poll::Pending => unreachable!("memory has nothing to wait for"),
    }
}
