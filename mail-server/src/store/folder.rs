//! Folders: mailboxes as IMAP needs them, with flags, and with news for those who look on.

use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use async_trait::async_trait;
use bytes::Bytes;
use imap_proto::{
    Atom, DateTime, Flag, Flags, MailboxAttributes, MailboxName, ModSeq, ModSeqOrZero, NumberSet,
};
use tokio::sync::watch;

use super::StoreError;
use super::bulletin::FolderEvents;
use super::metadata::Metadata;
use super::recall::Recall;

/// The folders of one account. `INBOX` is always there.
#[async_trait]
pub trait Folders: Send + Sync {
    /// What parts the levels of names; `None` if there is one level alone.
    fn delimiter(&self) -> Option<char>;

    /// All folders, and all names that somebody has subscribed to, in any order.
    ///
    /// # Errors
    ///
    /// If they cannot be read.
    async fn list(&self) -> Result<Vec<FolderEntry>, StoreError>;

    /// Makes a folder, for a special use (RFC 6154) if one is given. Those above it are made too where they must
    /// be.
    ///
    /// # Errors
    ///
    /// [`StoreError::Exists`], or [`StoreError::Unsupported`] for a name or use that cannot be.
    async fn create(&self, name: &MailboxName, uses: MailboxAttributes) -> Result<(), StoreError>;

    /// Removes a folder and all its messages. Folders below it stay.
    ///
    /// # Errors
    ///
    /// [`StoreError::NoFolder`], or [`StoreError::Unsupported`] for `INBOX`.
    async fn delete(&self, name: &MailboxName) -> Result<(), StoreError>;

    /// Gives a folder, and those below it, another name. From `INBOX` the messages go to a new folder, and it stays.
    ///
    /// # Errors
    ///
    /// [`StoreError::NoFolder`] or [`StoreError::Exists`].
    async fn rename(&self, from: &MailboxName, to: &MailboxName) -> Result<(), StoreError>;

    /// Subscribes to a name, or no more. The name need not be that of a folder.
    ///
    /// # Errors
    ///
    /// If it cannot be written down.
    async fn subscribe(&self, name: &MailboxName, subscribed: bool) -> Result<(), StoreError>;

    /// How much there is of what is limited, and how much there may be; `None` if nothing is.
    ///
    /// # Errors
    ///
    /// If it cannot be found out.
    async fn quota(&self) -> Result<Option<Quota>, StoreError> {
        Ok(None)
    }

    /// What is noted about a folder, or about the account as a whole.
    ///
    /// # Errors
    ///
    /// [`StoreError::NoFolder`], or [`StoreError::Unsupported`] where nothing can be noted.
    async fn metadata(&self, folder: Option<&MailboxName>) -> Result<Metadata, StoreError> {
        let _ = folder;
        Err(StoreError::Unsupported)
    }

    /// Notes something about a folder, or about the account as a whole: entries with their new values, those
    /// without one are removed. All or none.
    ///
    /// # Errors
    ///
    /// [`StoreError::NoFolder`], [`StoreError::TooLarge`], [`StoreError::TooMany`], or [`StoreError::Unsupported`].
    async fn annotate(
        &self,
        folder: Option<&MailboxName>,
        changes: Vec<(String, Option<Bytes>)>,
    ) -> Result<(), StoreError> {
        let _ = (folder, changes);
        Err(StoreError::Unsupported)
    }

    /// Opens a folder. All who have it open share one.
    ///
    /// # Errors
    ///
    /// [`StoreError::NoFolder`].
    async fn open(&self, name: &MailboxName) -> Result<Arc<dyn Folder>, StoreError>;

    /// What happens from here on to names, subscriptions and what is noted, whoever does it; `None` where nobody
    /// tells.
    fn events(&self) -> Option<FolderEvents> {
        None
    }
}

/// How much an account has stored, and how much it may.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[expect(clippy::exhaustive_structs, reason = "made by stores")]
pub struct Quota {
    /// Octets, if these are limited.
    pub octets: Option<Limited>,
    /// Messages, if these are limited.
    pub messages: Option<Limited>,
}

/// A number that has a limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(clippy::exhaustive_structs, reason = "these two it is")]
pub struct Limited {
    /// How much there is.
    pub used: u64,
    /// How much there may be.
    pub limit: u64,
}

/// A folder in a list.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct FolderEntry {
    /// Its name.
    pub name: MailboxName,
    /// What it is: its special use, or that there is nothing but the name.
    pub attributes: MailboxAttributes,
    /// Whether somebody has subscribed to it.
    pub subscribed: bool,
}

impl FolderEntry {
    /// A folder that is there.
    pub fn new(name: MailboxName) -> Self {
        Self {
            name,
            attributes: MailboxAttributes::empty(),
            subscribed: false,
        }
    }
}

/// A folder that is open.
///
/// Messages have UIDs, which rise and are never given again, and mod-sequences (RFC 7162), which rise with each
/// change. What is asked for and is no more there is passed over.
#[async_trait]
pub trait Folder: Send + Sync {
    /// How it is. What other programs have done to it is found out first.
    ///
    /// # Errors
    ///
    /// If it cannot be read; [`StoreError::NoFolder`] once it was deleted.
    async fn state(&self) -> Result<FolderState, StoreError>;

    /// What has changed behind a mod-sequence: with 0 all that is there.
    ///
    /// # Errors
    ///
    /// If it cannot be read.
    async fn changes(&self, since: ModSeqOrZero) -> Result<Changes, StoreError>;

    /// What whoever selects the folder is told (RFC 9051 section 6.3.2). Unless it is selected for reading only, messages
    /// of which nobody has been told before are recent, and [taken](Self::take_recent).
    ///
    /// # Errors
    ///
    /// If it cannot be read.
    async fn select(&self, read_only: bool) -> Result<Selection, StoreError> {
        let mut state = self.state().await?;
        let changes = self.changes(ModSeqOrZero::ZERO).await?;
        // Something may have happened in between.
        state.mod_seq = changes.mod_seq.nonzero().unwrap_or(state.mod_seq);
        let overview = Overview::of(&changes.messages);
        let recent = match read_only {
            true => NumberSet::new(),
            false => self.take_recent().await?,
        };
        Ok(Selection {
            state,
            overview,
            recent,
        })
    }

    /// Those of the messages that are there.
    ///
    /// # Errors
    ///
    /// If the folder cannot be read.
    async fn messages(&self, uids: &NumberSet) -> Result<Vec<Info>, StoreError>;

    /// Messages of which nobody has asked this before: they are recent to whoever asks (RFC 3501 section
    /// 2.3.2).
    ///
    /// # Errors
    ///
    /// If the folder cannot be read.
    async fn take_recent(&self) -> Result<NumberSet, StoreError>;

    /// The whole message, with CRLF line ends.
    ///
    /// # Errors
    ///
    /// [`StoreError::Gone`] if it is not there, or no more.
    async fn read(&self, uid: NonZeroU32) -> Result<Bytes, StoreError>;

    /// The same for several messages. Those that are not there are left out.
    ///
    /// # Errors
    ///
    /// If one cannot be read.
    async fn read_several(
        &self,
        uids: &[NonZeroU32],
    ) -> Result<Vec<(NonZeroU32, Bytes)>, StoreError> {
        let mut read = Vec::with_capacity(uids.len());
        for uid in uids {
            match self.read(*uid).await {
                Ok(octets) => read.push((*uid, octets)),
                Err(StoreError::Gone) => {}
                Err(error) => return Err(error),
            }
        }
        Ok(read)
    }

    /// The message from an octet on, piece by piece: for those that are too large to be held whole.
    ///
    /// # Errors
    ///
    /// [`StoreError::Gone`] if it is not there, or no more.
    async fn read_from(&self, uid: NonZeroU32, from: u64) -> Result<Box<dyn Reading>, StoreError>;

    /// Begins to add messages.
    ///
    /// # Errors
    ///
    /// If none can be added.
    async fn add(&self) -> Result<Box<dyn Adding>, StoreError>;

    /// Adds messages that are at hand, all or none, and gives their UIDs in order.
    ///
    /// # Errors
    ///
    /// If they cannot be stored.
    async fn append(&self, messages: Vec<NewMessage>) -> Result<Vec<NonZeroU32>, StoreError> {
        let mut adding = self.add().await?;
        for message in messages {
            adding.message(message.flags, message.internal_date).await?;
            adding.write(message.octets).await?;
        }
        adding.commit().await
    }

    /// Changes the flags of messages, except of those that have changed behind `unchanged_since`, and gives those
    /// (RFC 7162 section 3.1.3).
    ///
    /// # Errors
    ///
    /// If not all could be changed.
    async fn change(
        &self,
        uids: &NumberSet,
        change: &FlagChange,
        unchanged_since: Option<ModSeqOrZero>,
    ) -> Result<NumberSet, StoreError>;

    /// Adds copies of messages to another folder, all or none, and gives the UIDs of both in order.
    ///
    /// # Errors
    ///
    /// If they cannot be copied.
    async fn copy(
        &self,
        uids: &NumberSet,
        to: &dyn Folder,
    ) -> Result<(Vec<NonZeroU32>, Vec<NonZeroU32>), StoreError> {
        let (mut from, mut adding) = (Vec::new(), to.add().await?);
        for info in self.messages(uids).await? {
            adding.message(info.flags, Some(info.internal_date)).await?;
            let mut reading = self.read_from(info.uid, 0).await?;
            loop {
                let piece = reading.next().await?;
                if piece.is_empty() {
                    break;
                }
                adding.write(piece).await?;
            }
            from.push(info.uid);
        }
        let to = match from.is_empty() {
            true => Vec::new(),
            false => adding.commit().await?,
        };
        Ok((from, to))
    }

    /// Removes messages for good.
    ///
    /// # Errors
    ///
    /// If not all could be removed.
    async fn expunge(&self, uids: &NumberSet) -> Result<(), StoreError>;

    /// The last mod-sequence, each time it has changed: for those who wait for news.
    fn news(&self) -> watch::Receiver<u64>;

    /// Where that is kept which was found in messages, for those who ask again. `None` if it is found as fast
    /// again. Never waited for.
    fn recall(&self) -> Option<Recall> {
        None
    }
}

/// A message that is being read.
#[async_trait]
pub trait Reading: Send + Sync {
    /// The next octets, with CRLF line ends: as many as is handy, and none at the end.
    ///
    /// # Errors
    ///
    /// If it cannot be read any further.
    async fn next(&mut self) -> Result<Bytes, StoreError>;
}

/// Messages on their way into a folder. Dropping it leaves no trace of them.
#[async_trait]
pub trait Adding: Send {
    /// Another message, which what is written from here on belongs to.
    ///
    /// # Errors
    ///
    /// If they cannot be stored.
    async fn message(
        &mut self,
        flags: Flags,
        internal_date: Option<DateTime>,
    ) -> Result<(), StoreError>;

    /// More of it, with CRLF line ends.
    ///
    /// # Errors
    ///
    /// If it cannot be stored.
    async fn write(&mut self, piece: Bytes) -> Result<(), StoreError>;

    /// Puts all of them into the folder, or none, and gives their UIDs in order. `Ok` once they are as durable as
    /// the store promises.
    ///
    /// # Errors
    ///
    /// If they cannot be stored.
    async fn commit(self: Box<Self>) -> Result<Vec<NonZeroU32>, StoreError>;
}

/// How a folder is.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct FolderState {
    /// What tells the folder from all others for ever, whatever it is called (RFC 8474 section 4).
    pub id: Atom,
    /// Of the same value as long as UIDs mean the same messages.
    pub uid_validity: NonZeroU32,
    /// The UID that the next message will have, or a lower one.
    pub uid_next: NonZeroU32,
    /// The last mod-sequence.
    pub mod_seq: ModSeq,
}

/// What has changed in a folder.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Changes {
    /// Messages that are new or have changed, by UID.
    pub messages: Vec<Info>,
    /// Those that are gone. Some of them may never have been seen.
    pub gone: NumberSet,
    /// The last mod-sequence: changes from here on come next time.
    pub mod_seq: ModSeqOrZero,
}

/// What whoever selects a folder is told (RFC 9051 section 6.3.2).
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(clippy::exhaustive_structs, reason = "made by stores")]
pub struct Selection {
    /// How the folder is. Changes behind its mod-sequence come next time.
    pub state: FolderState,
    /// All messages together.
    pub overview: Overview,
    /// Those that are recent (RFC 3501 section 2.3.2).
    pub recent: NumberSet,
}

/// All messages of a folder together.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Overview {
    /// Which there are.
    pub uids: NumberSet,
    /// The first that is not seen.
    pub unseen: Option<NonZeroU32>,
    /// The flags that any of them has.
    pub flags: Flags,
}

impl Overview {
    /// That of these messages, in the order of their UIDs.
    pub fn of<'a>(messages: impl IntoIterator<Item = &'a Info>) -> Self {
        let (mut unseen, mut flags) = (None, Flags::new());
        let uids = messages.into_iter().map(|info| {
            if unseen.is_none() && !info.flags.contains(&Flag::Seen) {
                unseen = Some(info.uid);
            }
            flags.merge(&info.flags);
            info.uid
        });
        Self {
            uids: uids.collect(),
            unseen,
            flags,
        }
    }
}

/// What is known of a message without a look into it.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Info {
    /// Its name in the folder.
    pub uid: NonZeroU32,
    /// Its flags, `\Recent` never among them.
    pub flags: Flags,
    /// When it has changed.
    pub mod_seq: ModSeq,
    /// When it was received.
    pub internal_date: DateTime,
    /// When it came into this folder (RFC 8514), if that is known.
    pub saved: Option<DateTime>,
    /// How many octets it has with CRLF line ends.
    pub size: u64,
}

/// A message for a folder.
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(clippy::exhaustive_structs, reason = "made by whoever appends")]
pub struct NewMessage {
    /// Its octets, with CRLF line ends.
    pub octets: Bytes,
    /// The flags that it has from the beginning.
    pub flags: Flags,
    /// When it was received, if that is not now.
    pub internal_date: Option<DateTime>,
}

/// A time as clocks in Greenwich show it; of what lies before 1970 or far ahead, the beginning of 1970.
pub(super) fn date_time(time: SystemTime) -> DateTime {
    let since = time.duration_since(UNIX_EPOCH).unwrap_or_default();
    let seconds = i64::try_from(since.as_secs()).unwrap_or(0);
    DateTime::from_unix_seconds(seconds, 0)
        .unwrap_or_else(|_| DateTime::from_unix_seconds(0, 0).expect("there was a year 1970"))
}

/// What becomes of the flags of messages.
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(clippy::exhaustive_enums, reason = "RFC 9051 has these three")]
pub enum FlagChange {
    /// They have these and no others.
    Replace(Flags),
    /// They have these too.
    Add(Flags),
    /// They have these no more.
    Remove(Flags),
}

impl FlagChange {
    /// The flags behind the change. `\Recent` is the server's own and stays out.
    pub fn apply(&self, flags: &Flags) -> Flags {
        let mut changed = match self {
            Self::Replace(wanted) => wanted.clone(),
            Self::Add(more) => {
                let mut changed = flags.clone();
                more.iter().for_each(|flag| {
                    changed.insert(flag);
                });
                changed
            }
            Self::Remove(less) => {
                let mut changed = flags.clone();
                less.iter().for_each(|flag| {
                    changed.remove(&flag);
                });
                changed
            }
        };
        changed.remove(&Flag::Recent);
        changed
    }
}
