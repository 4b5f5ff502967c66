//! One message: opened, flagged, moved to `cur/`, removed, while others may rename it.

use std::borrow::Cow;
use std::fs::File;
use std::io;
use std::os::fd::{AsFd, BorrowedFd};
use std::path::Path;

use rustix::fs::{CWD, Mode, OFlags, openat};

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
            let flags = OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
            let (directory, name) = maildir.named(entry);
            let file = maildir
                .effects
                .run(Step::Open, &maildir.path_of(entry), || {
                    let file = openat(directory, &*name, flags | OFlags::RDONLY, Mode::empty())?;
                    Ok(File::from(file))
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
        self.sync_place(Place::New)?;
        self.sync_place(Place::Cur)
    }

    /// The same for one of the directories, for those who have put something into it.
    ///
    /// # Errors
    /// The directory cannot be synced.
    pub fn sync_place(&self, place: Place) -> Result<(), MailboxError> {
        Ok(self.effects.sync_directory(&self.part(place.directory()))?)
    }

    /// Does something with a message under its last known name, and under its present one
    /// for as long as there is one and others keep changing it.
    fn follow<T>(
        &self,
        entry: &Entry,
        act: impl Fn(&Self, &Entry) -> Result<T, StepError>,
    ) -> Result<T, MailboxError> {
        let mut found = Cow::Borrowed(entry);
        for _ in 0..limits::RENAME_TRIES {
            match act(self, &found) {
                Err(error) if error.fault() == Fault::Missing => {}
                done => return Ok(done?),
            }
            match self.find(entry.unique())? {
                Some(entry) => found = Cow::Owned(entry),
                None => break,
            }
        }
        Err(MailboxError::Vanished(self.path_of(entry)))
    }

    /// Renames without replacing, where the file system can: two files of one unique name
    /// are two messages to whoever made them.
    fn rename(&self, from: &Entry, to: &Entry) -> Result<(), StepError> {
        let (new, from_at, to_at) = (self.path_of(to), self.named(from), self.named(to));
        let renamed = self.effects.run(Step::Rename, &new, || {
            rename_noreplace((from_at.0, &from_at.1), (to_at.0, &to_at.1))
        });
        match renamed {
            Err(error) if is_unsupported(&error) => self.effects.run(Step::Rename, &new, || {
                if new.symlink_metadata().is_ok() {
                    return Err(io::ErrorKind::AlreadyExists.into());
                }
                std::fs::rename(self.path_of(from), &new)
            }),
            other => other,
        }
    }

    /// The shortest way to a message: from a directory that is held open, if there is one.
    fn named<'a>(&'a self, entry: &'a Entry) -> (BorrowedFd<'a>, Cow<'a, Path>) {
        match &self.held {
            Some(held) => {
                let directory = match entry.place() {
                    Place::New => &held[0],
                    Place::Cur => &held[1],
                };
                let name = Path::new(entry.name().as_os_str());
                (directory.as_fd(), Cow::Borrowed(name))
            }
            None => (CWD, Cow::Owned(self.path_of(entry))),
        }
    }
}
