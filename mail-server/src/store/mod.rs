//! Where mail lives: the trait that stores implement, and the stores.
//!
//! Listeners deliver through [`Mailstore`] and read through the [`Inbox`] that it opens.

mod files;
pub use files::FileStore;

mod copies;

mod gathering;

mod maildir_inbox;

mod mbox_inbox;

mod sessions;

mod memory;
pub use memory::{MemoryStore, Stored};

mod folder;
pub use folder::{
    Adding, Changes, FlagChange, Folder, FolderEntry, FolderState, Folders, Info, Limited,
    NewMessage, Overview, Quota, Reading, Selection,
};

mod metadata;
pub use metadata::Metadata;

mod bulletin;
pub use bulletin::{FolderEvent, FolderEvents};

mod recall;
pub use recall::Recall;

mod envelope_file;

mod envelope_record;

mod ledger;

mod tree;

mod maildir_layout;

mod mbox_layout;

mod lists;

mod replace;

mod open_folders;

mod attending;

mod shared_folder;

mod pieces;

mod maildir_folder;

mod maildir_state;

mod maildir_reading;

mod maildir_adding;

mod maildir_flags;

mod maildir_quota;

mod mod_seqs;

mod mbox_folder;

mod mbox_state;

mod mbox_adding;

mod mbox_flags;

use std::fmt;
use std::io;
use std::str::FromStr;
use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use mailbox_formats::{DeliveryError, Fault, MailboxError};
use pop3_proto::Maildrop;
use smtp_proto::Reply;

/// A place that holds a mailbox for each account.
#[async_trait]
pub trait Mailstore: Send + Sync + 'static {
    /// Begins to put one message into the mailboxes of `copies`.
    ///
    /// # Errors
    ///
    /// If not even one copy can be begun.
    async fn deliver(
        &self,
        sender: &str,
        copies: Vec<Copy>,
    ) -> Result<Box<dyn Delivery>, StoreError>;

    /// Opens a mailbox for one session, and keeps other sessions of the same kind out of it
    /// until that is dropped. Mail is delivered meanwhile. One that nobody has delivered to yet is
    /// empty.
    ///
    /// # Errors
    ///
    /// [`StoreError::InUse`] if another session has it, or if it cannot be read.
    async fn inbox(&self, account: &Account) -> Result<Box<dyn Inbox>, StoreError>;

    /// The folders of an account, for IMAP. All sessions of an account share them, and see each other's changes.
    ///
    /// # Errors
    ///
    /// [`StoreError::Unsupported`] unless the store has folders.
    async fn folders(&self, account: &Account) -> Result<Arc<dyn Folders>, StoreError> {
        let _ = account;
        Err(StoreError::Unsupported)
    }
}

/// A mailbox as it was when a session opened it: mail that comes later is not in it.
///
/// Dropping it gives it back as it is.
#[async_trait]
pub trait Inbox: Send + Sync {
    /// The messages, oldest first, with their sizes and the names by which clients know them
    /// again: a name is never that of another message, now or later. Told once: the next call may
    /// find nothing left.
    fn maildrop(&mut self) -> Maildrop;

    /// A piece of a message from this place on, with LF or CRLF line ends: as much as is handy, and
    /// nothing at its end. Messages are numbered from 1.
    ///
    /// # Errors
    ///
    /// If the message cannot be read; another session, or another program, may have removed it.
    async fn read(&mut self, number: u32, from: u64) -> Result<Bytes, StoreError>;

    /// Deletes messages and marks others as seen, both in ascending order. `Ok` once that is as
    /// durable as the store promises.
    ///
    /// # Errors
    ///
    /// If not all could be deleted. Nothing but what was to be deleted ever is.
    async fn update(self: Box<Self>, deleted: &[u32], seen: &[u32]) -> Result<(), StoreError>;
}

/// A message on its way into a store. Dropping it leaves no trace of it.
#[async_trait]
pub trait Delivery: Send {
    /// Adds a piece of the message, with CRLF line ends, to all copies.
    ///
    /// # Errors
    ///
    /// If no copy can be completed any more.
    async fn write(&mut self, piece: &[u8]) -> Result<(), StoreError>;

    /// Completes all copies and makes them visible. For each, in order: `Ok` once it is as
    /// durable as the store promises.
    ///
    /// No copy is visible before all of them are complete.
    async fn commit(self: Box<Self>) -> Vec<Result<(), StoreError>>;
}

/// One mailbox that a message goes to.
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(clippy::exhaustive_structs, reason = "made by whoever delivers")]
pub struct Copy {
    /// Whose mailbox.
    pub account: Account,
    /// Header lines that this copy begins with, such as `Delivered-To`, with CRLF line ends.
    pub header: String,
}

/// A mailbox's owner: a name in a domain, both safe as names of folders.
///
/// Lower case, so that one account is one mailbox however its address is written.
///
/// ```
/// use mail_server::store::Account;
///
/// let account: Account = "Alice@Example.org".parse()?;
/// assert_eq!((account.name(), account.domain()), ("alice", "example.org"));
/// assert!("../etc@example.org".parse::<Account>().is_err());
/// # Ok::<(), mail_server::store::InvalidAccount>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Account {
    name: String,
    domain: String,
}

impl Account {
    /// An account.
    ///
    /// # Errors
    ///
    /// If either part is empty, begins with a dot, is longer than 255 octets, or holds a
    /// slash, a backslash, a control character or a line separator: it could name another folder
    /// than its own, or end a line that it stands in.
    pub fn new(name: &str, domain: &str) -> Result<Self, InvalidAccount> {
        let safe = |part: &str| {
            (1..=255).contains(&part.len())
                && !part.starts_with('.')
                && !part.contains(|c: char| {
                    c.is_control() || matches!(c, '/' | '\\' | '\u{2028}' | '\u{2029}')
                })
        };
        let (name, domain) = (name.to_lowercase(), domain.to_lowercase());
        match safe(&name) && safe(&domain) {
            true => Ok(Self { name, domain }),
            false => Err(InvalidAccount),
        }
    }

    /// The name within the domain.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The domain.
    pub fn domain(&self) -> &str {
        &self.domain
    }
}

impl FromStr for Account {
    type Err = InvalidAccount;

    fn from_str(text: &str) -> Result<Self, InvalidAccount> {
        let (name, domain) = text.rsplit_once('@').ok_or(InvalidAccount)?;
        Self::new(name, domain)
    }
}

impl fmt::Display for Account {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}@{}", self.name, self.domain)
    }
}

/// The text cannot name an account.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a name of an account")]
pub struct InvalidAccount;

/// A message could not be stored.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StoreError {
    /// The mailbox could not be written.
    #[error(transparent)]
    Delivery(#[from] DeliveryError),
    /// The mailbox could not be read or changed.
    #[error(transparent)]
    Mailbox(#[from] MailboxError),
    /// Another session has the mailbox.
    #[error("the mailbox is in use")]
    InUse,
    /// There is no such message, or no more.
    #[error("the message is gone")]
    Gone,
    /// There is no such folder, or no more.
    #[error("there is no such folder")]
    NoFolder,
    /// A folder has that name already.
    #[error("the folder exists")]
    Exists,
    /// The store cannot do this.
    #[error("the store cannot do this")]
    Unsupported,
    /// There are as many as there may be.
    #[error("there are too many")]
    TooMany,
    /// The account has as much as it may have.
    #[error("the quota is exceeded")]
    OverQuota,
    /// The store cannot hold so large a message, or so many at once.
    #[error("the message is too large")]
    TooLarge,
    /// A message could not be read.
    #[error("cannot read the message: {0}")]
    Read(#[from] io::Error),
    /// The store itself failed.
    #[error("the store failed: {0}")]
    Failed(String),
}

impl StoreError {
    /// What a client is told. Always a temporary refusal, except for a mailbox that can hold no
    /// more: a server's trouble must not bounce mail.
    pub fn reply(&self) -> Reply {
        let fault = match self {
            Self::Delivery(error) => error.fault(),
            Self::Mailbox(error) => error.fault(),
            Self::InUse => Fault::Busy,
            Self::OverQuota => Fault::Quota,
            Self::TooLarge => Fault::TooLarge,
            Self::Gone
            | Self::NoFolder
            | Self::Exists
            | Self::TooMany
            | Self::Unsupported
            | Self::Read(_)
            | Self::Failed(_) => Fault::Other,
        };
        match fault {
            Fault::Full => Reply::fixed(452, Some((4, 3, 1)), "Insufficient system storage"),
            Fault::Quota => Reply::fixed(452, Some((4, 2, 2)), "Mailbox is full"),
            Fault::TooLarge => Reply::fixed(552, Some((5, 2, 2)), "Mailbox is full"),
            Fault::Busy => Reply::fixed(451, Some((4, 2, 0)), "Mailbox is locked, try again later"),
            _ => Reply::fixed(
                451,
                Some((4, 3, 0)),
                "Cannot store the message, try again later",
            ),
        }
    }
}

/// A thread panicked, or its runtime is going down.
fn lost() -> StoreError {
    StoreError::Failed("a thread was lost".into())
}
