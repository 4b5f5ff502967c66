//! One message: opened, flagged, moved to `cur/`, removed, while others may rename it.

use std::fs::{File, OpenOptions};
use std::io;
use std::os::unix::fs::OpenOptionsExt;

use rustix::fs::OFlags;

use crate::effects::Step;
use crate::error::{Fault, MailboxError, StepError};
use crate::limits;
use crate::maildir::delivery::{is_unsupported, rename_noreplace};
use crate::maildir::{Entry, Letters, Maildir, Place};

/// A message that is open. It can be read to its end even if it is removed meanwhile.
#[derive(Debug)]
pub struct Opened {
    /// The message as stored.
    pub file: File,
    /// What it was called when it was opened.
    pub entry: Entry,
}

impl Maildir {
    /// Opens a message, under its new name if it was renamed since it was listed.
    ///
    /// # Errors
    /// [`MailboxError::Vanished`] if it is gone.
    pub fn open_message(&self, entry: &Entry) -> Result<Opened, MailboxError> {
        self.follow(entry, |maildir, entry| {
            let path = maildir.path_of(entry);
            let flags = (OFlags::NOFOLLOW | OFlags::NONBLOCK).bits() as i32;
            let file = maildir.effects.run(Step::Open, &path, || {
                OpenOptions::new()
                    .read(true)
                    .custom_flags(flags)
                    .open(&path)
            })?;
            let entry = entry.clone();
            Ok(Opened { file, entry })
        })
    }

    /// How many bytes a message has in its file: as its name tells, else as the file does.
    ///
    /// # Errors
    /// [`MailboxError::Vanished`] if it is gone.
    pub fn size(&self, entry: &Entry) -> Result<u64, MailboxError> {
        if let Some(stored) = entry.name().sizes().stored {
            return Ok(stored);
        }
        self.follow(entry, |maildir, entry| {
            let path = maildir.path_of(entry);
            let look = || path.symlink_metadata();
            Ok(maildir.effects.run(Step::Open, &path, look)?.len())
        })
    }

    /// Changes the letters of a message, which is in `cur/` afterwards, and returns its new name.
    ///
    /// `change` gets the letters that the message has now and may be called more than once:
    /// if another program changes the message at the same time, both changes come true.
    /// Letters that stay the same just move a message from `new/` to `cur/`.
    ///
    /// ```
    /// use mailbox_formats::maildir::{Letters, Maildir, Options, Place};
    /// use std::io::Write;
    ///
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let directory = tempfile::tempdir()?;
    /// let maildir = Maildir::create(directory.path().join("alice"))?;
    /// let mut delivery = maildir.deliver(Options::default())?;
    /// delivery.write_all(b"Subject: hello\r\n\r\n")?;
    /// delivery.commit()?;
    ///
    /// let entry = &maildir.list()?[0];
    /// let entry = maildir.change(entry, |letters| letters.with(Letters::SEEN))?;
    /// assert_eq!((entry.place(), entry.letters()), (Place::Cur, Letters::SEEN));
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// [`MailboxError::Vanished`] if it is gone, or the rename failed.
    pub fn change(
        &self,
        entry: &Entry,
        change: impl Fn(Letters) -> Letters,
    ) -> Result<Entry, MailboxError> {
        self.follow(entry, |maildir, entry| {
            let letters = change(entry.letters());
            let name = entry.name().with_letters(letters, maildir.separator);
            let changed = Entry::new(Place::Cur, name);
            if changed == *entry {
                // Whether it still is there has to be seen all the same.
                let path = maildir.path_of(entry);
                let look = || path.symlink_metadata();
                maildir.effects.run(Step::Open, &path, look)?;
            } else {
                maildir.rename(entry, &changed)?;
            }
            Ok(changed)
        })
    }

    /// Removes a message; `false` if somebody else had done so.
    ///
    /// # Errors
    /// The file cannot be removed.
    pub fn expunge(&self, entry: &Entry) -> Result<bool, MailboxError> {
        let removed = self.follow(entry, |maildir, entry| {
            maildir.effects.unlink(&maildir.path_of(entry))
        });
        match removed {
            Ok(()) => Ok(true),
            Err(MailboxError::Vanished(_)) => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// Waits until all changes so far are on disk: flags and removals, which else may be
    /// undone by a power failure.
    ///
    /// # Errors
    /// A directory cannot be synced.
    pub fn sync(&self) -> Result<(), MailboxError> {
        for place in [Place::New, Place::Cur] {
            self.effects.sync_directory(&self.part(place.directory()))?;
        }
        Ok(())
    }

    /// Does something with a message under its last known name, and under its present one
    /// for as long as there is one and others keep changing it.
    fn follow<T>(
        &self,
        entry: &Entry,
        act: impl Fn(&Self, &Entry) -> Result<T, StepError>,
    ) -> Result<T, MailboxError> {
        let mut found = entry.clone();
        for _ in 0..limits::RENAME_TRIES {
            match act(self, &found) {
                Err(error) if error.fault() == Fault::Missing => {}
                done => return Ok(done?),
            }
            match self.find(entry.unique())? {
                Some(entry) => found = entry,
                None => break,
            }
        }
        Err(MailboxError::Vanished(self.path_of(entry)))
    }

    /// Renames without replacing, where the file system can: two files of one unique name
    /// are two messages to whoever made them.
    fn rename(&self, from: &Entry, to: &Entry) -> Result<(), StepError> {
        let (from, to) = (self.path_of(from), self.path_of(to));
        let renamed = self
            .effects
            .run(Step::Rename, &to, || rename_noreplace(&from, &to));
        match renamed {
            Err(error) if is_unsupported(&error) => self.effects.run(Step::Rename, &to, || {
                if to.symlink_metadata().is_ok() {
                    return Err(io::ErrorKind::AlreadyExists.into());
                }
                std::fs::rename(&from, &to)
            }),
            other => other,
        }
    }
}
