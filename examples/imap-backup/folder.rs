//! What a folder of a backup is, whatever its format.

use std::num::NonZeroU32;
use std::path::Path;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use anyhow::{Context as _, Result};
use clap::ValueEnum;
use imap_proto::response::{FetchItem, Fetched};
use imap_proto::{DateTime, Flag, NumberSet};
use mailbox_formats::Flags;
use tempfile::SpooledTempFile;

use crate::{maildir, mbox};

/// In which format the backup is.
#[derive(Debug, Clone, Copy, ValueEnum)]
pub(crate) enum Store {
    Maildir,
    Mbox,
}

/// A folder to which messages are added.
pub(crate) trait Folder {
    /// The UIDs of the messages that are there.
    fn uids(&self) -> &NumberSet;

    /// Adds a message. If the program is killed before [`settle`](Self::settle), it is either there and known to be, or not
    /// there.
    fn add(&mut self, message: Message) -> Result<()>;

    /// Waits until all is on disk.
    fn settle(&mut self) -> Result<()>;
}

/// A message to be added.
pub(crate) struct Message {
    pub(crate) uid: NonZeroU32,
    pub(crate) flags: Flags,
    pub(crate) keywords: Vec<Vec<u8>>,
    pub(crate) received: Option<SystemTime>,
    pub(crate) content: SpooledTempFile,
}

impl Store {
    /// Opens a folder, or makes it. One that has messages of another validity is left as it is, and the number joins the
    /// name.
    pub(crate) fn open(
        self,
        root: &Path,
        parts: &[&str],
        validity: NonZeroU32,
    ) -> Result<Box<dyn Folder>> {
        let open = |parts: &[&str]| -> Result<Option<Box<dyn Folder>>> {
            Ok(match self {
                Self::Maildir => {
                    maildir::open(root, parts, validity)?.map(|folder| Box::new(folder) as _)
                }
                Self::Mbox => {
                    mbox::open(root, parts, validity)?.map(|folder| Box::new(folder) as _)
                }
            })
        };
        if let Some(folder) = open(parts)? {
            return Ok(folder);
        }
        let (last, above) = parts.split_last().context("a folder without a name")?;
        let other = format!("{last}-{validity}");
        let other: Vec<&str> = above.iter().copied().chain([&*other]).collect();
        open(&other)?.context("the folder is of another kind")
    }
}

impl Message {
    /// What the server has told of a message.
    pub(crate) fn read(fetched: &Fetched, content: SpooledTempFile) -> Result<Self> {
        let mut message = Self {
            uid: fetched.uid().context("a message without a UID")?,
            flags: Flags::empty(),
            keywords: Vec::new(),
            received: None,
            content,
        };
        for item in &fetched.items {
            match item {
                FetchItem::Flags(flags) => flags.iter().for_each(|flag| message.flag(flag)),
                FetchItem::InternalDate(date) => message.received = time(*date),
                _ => {}
            }
        }
        Ok(message)
    }

    fn flag(&mut self, flag: Flag) {
        self.flags |= match flag {
            Flag::Seen => Flags::SEEN,
            Flag::Answered => Flags::ANSWERED,
            Flag::Flagged => Flags::FLAGGED,
            Flag::Draft => Flags::DRAFT,
            Flag::Deleted => Flags::DELETED,
            Flag::Keyword(keyword) => {
                self.keywords.push(keyword.as_str().into());
                return;
            }
            _ => return,
        };
    }
}

fn time(date: DateTime) -> Option<SystemTime> {
    let seconds = date.unix_seconds();
    let distance = Duration::from_secs(seconds.unsigned_abs());
    match seconds < 0 {
        true => UNIX_EPOCH.checked_sub(distance),
        false => UNIX_EPOCH.checked_add(distance),
    }
}
