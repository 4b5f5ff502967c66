//! Messages on their way into a Maildir.

use std::fs;
use std::io::Write;
use std::num::NonZeroU32;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use imap_proto::{DateTime, Flags};
use mailbox_formats::Durability;
use mailbox_formats::maildir::{Delivery, FileName, Options, Place, Staged, publish_all};

use super::StoreError;
use super::gathering::Placing;
use super::maildir_flags::letters_of;
use super::maildir_folder::MaildirFolder;
use super::shared_folder::SharedFolder;

/// Messages of which all but the last have come.
pub(super) struct MaildirPlacing {
    folder: SharedFolder<MaildirFolder>,
    staged: Vec<Staged>,
    places: Vec<Place>,
    /// Of all of them.
    octets: u64,
    messages: u64,
    open: Option<Delivery>,
}

impl MaildirPlacing {
    pub(super) fn new(folder: SharedFolder<MaildirFolder>) -> Self {
        Self {
            folder,
            staged: Vec::new(),
            places: Vec::new(),
            octets: 0,
            messages: 0,
            open: None,
        }
    }

    fn stage(&mut self) -> Result<(), StoreError> {
        if let Some(open) = self.open.take() {
            self.staged.push(open.stage()?);
        }
        Ok(())
    }
}

impl Placing for MaildirPlacing {
    type About = (Flags, Option<DateTime>);
    type Done = Vec<NonZeroU32>;

    fn begin(&mut self, (flags, internal_date): &Self::About) -> Result<(), StoreError> {
        self.stage()?;
        self.messages += 1;
        let maildir = self.folder.disk().maildir();
        let letters = letters_of(flags, maildir)?;
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

    fn write(&mut self, octets: &[u8]) {
        self.octets += octets.len() as u64;
        if let Some(open) = &mut self.open {
            // A failure stays with it, and is told when it is staged.
            let _ = open.write_all(octets);
        }
    }

    fn check(&mut self) -> Result<(), StoreError> {
        let budget = self.folder.disk().budget();
        budget.takes(self.octets, self.messages)
    }

    /// Gives all of them their names and numbers, or none.
    fn commit(mut self) -> Result<Vec<NonZeroU32>, StoreError> {
        self.check()?;
        self.stage()?;
        let (staged, places) = (self.staged, self.places);
        self.folder.with_blocking(move |disk, state| {
            let maildir = disk.maildir();
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

    fn has_begun(&self) -> bool {
        self.open.is_some() || !self.staged.is_empty()
    }
}

/// A date as a time, unless it lies before 1970.
pub(super) fn system_time(date: DateTime) -> Option<SystemTime> {
    let seconds = u64::try_from(date.unix_seconds()).ok()?;
    UNIX_EPOCH.checked_add(Duration::from_secs(seconds))
}
