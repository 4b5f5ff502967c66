//! Folders, for tests that make some or look into them.

use std::fmt;
use std::sync::Arc;

use bytes::Bytes;
use imap_proto::{Flag, Flags, MailboxAttributes, MailboxName, ModSeqOrZero};
use mail_server::store::{Folder, Folders, StoreError};

use crate::mailboxes::{new_message, ready};

/// The mailbox of an account as its owner sees it by IMAP: for tests that need folders to be there, or look at what a
/// client has done to them.
///
/// ```
/// # fn run() -> Result<(), Box<dyn std::error::Error>> {
/// use mail_sandbox::blocking::Sandbox;
///
/// let sandbox = Sandbox::start()?;
/// let mailbox = sandbox.mailbox("alice@example.org");
/// mailbox.create("Archive/2025")?;
/// mailbox.add("Archive/2025", "Subject: old\r\n\r\n", &["\\Seen"])?;
/// // And when the client under test has flagged it:
/// let messages = mailbox.messages("Archive/2025")?;
/// assert_eq!((messages[0].uid, &messages[0].flags[..]), (1, &["\\Seen".to_owned()][..]));
/// # Ok(())
/// # }
/// # run().unwrap();
/// ```
#[derive(Clone)]
pub struct Mailbox(pub(crate) Arc<dyn Folders>);

/// A message in a folder.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Filed {
    /// Its number in the folder (RFC 9051 section 2.3.1.1).
    pub uid: u32,
    /// Its flags, such as `\Seen`.
    pub flags: Vec<String>,
    /// Its octets.
    pub raw: Bytes,
}

impl Mailbox {
    /// Makes a folder, and those above it, which are parted by `/`.
    ///
    /// # Errors
    ///
    /// If it is there already, or if that is no name.
    pub fn create(&self, folder: &str) -> Result<(), FolderError> {
        let none = MailboxAttributes::empty();
        let created = ready(self.0.create(&name(folder)?, none));
        created.map_err(|error| FolderError::new(folder, &error))
    }

    /// Puts a message into a folder, as if it had always been there: queries do not find it.
    ///
    /// # Errors
    ///
    /// If there is no such folder, or if a flag cannot be one.
    pub fn add(
        &self,
        folder: &str,
        message: impl Into<Bytes>,
        flags: &[&str],
    ) -> Result<(), FolderError> {
        let flags = flags.iter().map(|flag| flag.parse::<Flag>());
        let flags = flags.collect::<Result<Flags, _>>();
        let flags = flags.map_err(|error| FolderError::new(folder, &error))?;
        let message = new_message(message.into(), flags);
        let added = ready(self.open(folder)?.append(vec![message]));
        added
            .map(drop)
            .map_err(|error| FolderError::new(folder, &error))
    }

    /// The names of all folders, in order.
    pub fn folders(&self) -> Vec<String> {
        let entries = ready(self.0.list()).unwrap_or_default();
        let there = entries
            .iter()
            .filter(|entry| !entry.attributes.contains(MailboxAttributes::NON_EXISTENT));
        let mut names: Vec<_> = there
            .map(|entry| entry.name.to_text().into_owned())
            .collect();
        names.sort();
        names
    }

    /// The messages in a folder, in order.
    ///
    /// # Errors
    ///
    /// If there is no such folder.
    pub fn messages(&self, folder: &str) -> Result<Vec<Filed>, FolderError> {
        let opened = self.open(folder)?;
        let filed = ready(read_all(&*opened));
        filed.map_err(|error| FolderError::new(folder, &error))
    }

    fn open(&self, folder: &str) -> Result<Arc<dyn Folder>, FolderError> {
        let opened = ready(self.0.open(&name(folder)?));
        opened.map_err(|error| FolderError::new(folder, &error))
    }
}

impl fmt::Debug for Mailbox {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Mailbox").field(&self.folders()).finish()
    }
}

async fn read_all(folder: &dyn Folder) -> Result<Vec<Filed>, StoreError> {
    let changes = folder.changes(ModSeqOrZero::ZERO).await?;
    let mut filed = Vec::new();
    for info in changes.messages {
        filed.push(Filed {
            uid: info.uid.get(),
            flags: info.flags.iter().map(|flag| flag.to_string()).collect(),
            raw: folder.read(info.uid).await?,
        });
    }
    Ok(filed)
}

fn name(folder: &str) -> Result<MailboxName, FolderError> {
    MailboxName::new(folder).map_err(|error| FolderError::new(folder, &error))
}

/// Something cannot be done with a folder.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{folder}: {reason}")]
pub struct FolderError {
    folder: String,
    reason: String,
}

impl FolderError {
    fn new(folder: &str, reason: &dyn fmt::Display) -> Self {
        Self {
            folder: folder.to_owned(),
            reason: reason.to_string(),
        }
    }
}
