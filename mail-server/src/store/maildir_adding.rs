//! Messages on their way into a Maildir.

use std::io::Write;
use std::num::NonZeroU32;
use std::time::{Duration, SystemTime, UNIX_EPOCH};
use std::{fs, mem};

use async_trait::async_trait;
use bytes::Bytes;
use imap_proto::{DateTime, Flags};
use mailbox_formats::Durability;
use mailbox_formats::maildir::{
    Delivery, FileName, Letters, Maildir, Options, Place, Staged, publish_all,
};
use tokio::runtime::Handle;
use tokio::task::spawn_blocking;

use super::folder::Adding;
use super::maildir_flags::letters_of;
use super::maildir_folder::MaildirFolder;
use super::{StoreError, lost};
use crate::limits::GATHERED;

/// Gathers pieces, so that a thread is only borrowed for a worthwhile amount of work: a small message is
/// opened, written, published and numbered in one go, and a client that sends slowly holds no thread.
pub(super) struct MaildirAdding {
    folder: MaildirFolder,
    gathered: Vec<Part>,
    /// The octets of it.
    octets: usize,
    /// What threads have done so far; lost if one of them, or who waited for it, was.
    work: Option<Work>,
}

enum Part {
    /// Another message begins.
    Message(Flags, Option<DateTime>),
    /// More of it.
    Octets(Vec<u8>),
}

/// What is done where blocking is allowed.
#[derive(Default)]
struct Work {
    staged: Vec<Staged>,
    places: Vec<Place>,
    /// Of all of them.
    octets: u64,
    messages: u64,
    open: Option<Delivery>,
}

impl MaildirAdding {
    pub(super) fn new(folder: MaildirFolder) -> Self {
        Self {
            folder,
            gathered: Vec::new(),
            octets: 0,
            work: Some(Work::default()),
        }
    }
}

#[async_trait]
impl Adding for MaildirAdding {
    async fn message(
        &mut self,
        flags: Flags,
        internal_date: Option<DateTime>,
    ) -> Result<(), StoreError> {
        self.gathered.push(Part::Message(flags, internal_date));
        Ok(())
    }

    async fn write(&mut self, piece: Bytes) -> Result<(), StoreError> {
        self.octets += piece.len();
        match self.gathered.last_mut() {
            Some(Part::Octets(octets)) => octets.extend_from_slice(&piece),
            _ => self.gathered.push(Part::Octets(piece.into())),
        }
        if self.octets < GATHERED {
            return Ok(());
        }
        self.octets = 0;
        let gathered = mem::take(&mut self.gathered);
        let mut work = self.work.take().ok_or_else(lost)?;
        let folder = self.folder.clone();
        let taken = spawn_blocking(move || {
            work.take(&folder, gathered)?;
            Ok::<_, StoreError>(work)
        });
        self.work = Some(taken.await.map_err(|_| lost())??);
        Ok(())
    }

    async fn commit(mut self: Box<Self>) -> Result<Vec<NonZeroU32>, StoreError> {
        let gathered = mem::take(&mut self.gathered);
        let mut work = self.work.take().ok_or_else(lost)?;
        let folder = self.folder.clone();
        let committed = spawn_blocking(move || {
            work.take(&folder, gathered)?;
            work.commit(&folder)
        });
        committed.await.map_err(|_| lost())?
    }
}

impl Drop for MaildirAdding {
    /// Files that were begun are removed, and that blocks.
    fn drop(&mut self) {
        let begun = self.work.take().filter(Work::has_begun);
        if let (Some(work), Ok(runtime)) = (begun, Handle::try_current()) {
            drop(runtime.spawn_blocking(move || drop(work)));
        }
    }
}

impl Work {
    fn has_begun(&self) -> bool {
        self.open.is_some() || !self.staged.is_empty()
    }

    /// Writes what has come.
    fn take(&mut self, folder: &MaildirFolder, parts: Vec<Part>) -> Result<(), StoreError> {
        let maildir = folder.maildir();
        for part in parts {
            match part {
                Part::Message(flags, internal_date) => {
                    self.stage()?;
                    let letters = letters_of(&flags, maildir)?;
                    self.begin(maildir, letters, internal_date)?;
                    self.messages += 1;
                }
                Part::Octets(octets) => {
                    self.octets += octets.len() as u64;
                    if let Some(open) = &mut self.open {
                        // A failure stays with it, and is told when it is staged.
                        let _ = open.write_all(&octets);
                    }
                }
            }
        }
        folder.budget().takes(self.octets, self.messages)
    }

    fn begin(
        &mut self,
        maildir: &Maildir,
        letters: Letters,
        internal_date: Option<DateTime>,
    ) -> Result<(), StoreError> {
        // The names are waited for together, behind their numbers.
        let mut options = Options::default().durability(Durability::File);
        let mut place = Place::New;
        if !letters.is_empty() {
            options = options.letters(letters);
            place = Place::Cur;
        }
        if let Some(received) = internal_date.and_then(system_time) {
            options = options.received(received);
        }
        self.open = Some(maildir.deliver(options)?);
        if !self.places.contains(&place) {
            self.places.push(place);
        }
        Ok(())
    }

    fn stage(&mut self) -> Result<(), StoreError> {
        if let Some(open) = self.open.take() {
            self.staged.push(open.stage()?);
        }
        Ok(())
    }

    /// Gives all of them their names and numbers, or none.
    fn commit(mut self, folder: &MaildirFolder) -> Result<Vec<NonZeroU32>, StoreError> {
        self.stage()?;
        let (staged, places) = (self.staged, self.places);
        folder.with_blocking(move |maildir, state| {
            let mut published = Vec::with_capacity(staged.len());
            let mut failed = None;
            for result in publish_all(staged) {
                match result {
                    Ok(delivered) => published.push(delivered.path),
                    Err(error) => failed = Some(error),
                }
            }
            if let Some(error) = failed {
                for path in published {
                    let _ = fs::remove_file(path);
                }
                return Err(error.into());
            }
            let names = published
                .iter()
                .map(|path| FileName::new(path.file_name().unwrap_or_default().as_encoded_bytes()));
            let names: Vec<_> = names.collect();
            let uids = state.number(maildir, &names)?;
            // The list of numbers has been waited for, and often the names with it.
            for place in places {
                maildir.sync_place(place)?;
            }
            Ok(uids)
        })
    }
}

fn system_time(date: DateTime) -> Option<SystemTime> {
    let seconds = u64::try_from(date.unix_seconds()).ok()?;
    UNIX_EPOCH.checked_add(Duration::from_secs(seconds))
}
