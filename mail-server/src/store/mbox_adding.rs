//! Messages on their way into an mbox.

use std::io::Write;
use std::num::NonZeroU32;
use std::time::SystemTime;

use imap_proto::{DateTime, Flags};
use mailbox_formats::mbox::{Date, Delivery, FromLine, Options, Staged};

use super::StoreError;
use super::gathering::Placing;
use super::maildir_adding::system_time;
use super::mbox_flags::marks_of;
use super::mbox_folder::MboxFolder;
use super::shared_folder::SharedFolder;

/// Messages of which all but the last have come.
pub(super) struct MboxPlacing {
    folder: SharedFolder<MboxFolder>,
    staged: Vec<Staged>,
    open: Option<Delivery>,
}

impl MboxPlacing {
    pub(super) fn new(folder: SharedFolder<MboxFolder>) -> Self {
        Self {
            folder,
            staged: Vec::new(),
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

impl Placing for MboxPlacing {
    type About = (Flags, Option<DateTime>);
    type Done = Vec<NonZeroU32>;

    fn begin(&mut self, (flags, internal_date): &Self::About) -> Result<(), StoreError> {
        self.stage()?;
        let received = internal_date.and_then(system_time);
        let date = Date::local(received.unwrap_or_else(SystemTime::now));
        let (marks, keywords) = marks_of(flags);
        let options = Options::new(FromLine::new(b"", date))
            .flags(marks)
            .keywords(keywords.iter().map(Vec::as_slice));
        self.open = Some(self.folder.disk().deliver(options));
        Ok(())
    }

    fn write(&mut self, octets: &[u8]) {
        if let Some(open) = &mut self.open {
            // A failure stays with it, and is told when it is staged.
            let _ = open.write_all(octets);
        }
    }

    fn check(&mut self) -> Result<(), StoreError> {
        Ok(())
    }

    fn commit(mut self) -> Result<Vec<NonZeroU32>, StoreError> {
        self.stage()?;
        let staged = self.staged;
        self.folder
            .with_blocking(move |disk, state| state.add(disk.mbox(), staged))
    }

    fn has_begun(&self) -> bool {
        self.open.is_some() || !self.staged.is_empty()
    }
}
