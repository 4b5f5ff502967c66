//! Maildir: one file a message, and never a lock.

mod name;

mod delivery;

mod file_name;
mod letters;

mod listing;
mod message;

mod uid_list;
mod uids;

mod keywords;

mod folder_name;
mod folders;
mod quota;
mod tmp;

#[cfg(feature = "watch")]
mod watch;

use std::fs::{DirBuilder, File};
use std::io;
use std::num::NonZeroU32;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::SystemTime;

use crate::effects::{Effects, Step, System};
use crate::error::{DeliveryError, MailboxError, StepError};
use crate::{Durability, LineEnds};

pub use delivery::{Delivered, Delivery, Staged, publish_all};
pub use file_name::{FileName, Separator};
pub use folder_name::{FolderName, NameEncoding};
pub use keywords::Keywords;
pub use letters::Letters;
pub use listing::{Entry, Place};
pub use message::Opened;
pub use name::{Sizes, UniqueName};
pub use quota::{MaildirSize, Quota, Usage};
pub use uid_list::UidList;
pub use uids::Uids;
#[cfg(feature = "watch")]
pub use watch::{Change, Watch};

/// A Maildir: a directory with `tmp`, `new` and `cur`.
///
/// ```
/// use mailbox_formats::maildir::{Maildir, Options};
/// use std::io::Write;
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let directory = tempfile::tempdir()?;
/// let maildir = Maildir::create(directory.path().join("alice"))?;
/// let mut delivery = maildir.deliver(Options::default())?;
/// delivery.write_all(b"Subject: hello\r\n\r\nHow have you been?\r\n")?;
/// let delivered = delivery.commit()?;
/// assert_eq!(std::fs::read(&delivered.path)?, b"Subject: hello\n\nHow have you been?\n");
/// assert!(delivered.path.to_str().unwrap().ends_with(",S=35,W=38"));
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug)]
pub struct Maildir {
    path: Arc<Path>,
    effects: Effects,
    /// `new/`, open since before anything is delivered: a sync of the file system by this
    /// handle tells of every write that failed meanwhile.
    new: Arc<File>,
    /// Both directories, for somebody who goes through many messages.
    held: Option<Arc<[File; 2]>>,
    separator: Separator,
}

impl Maildir {
    /// Opens a Maildir.
    ///
    /// # Errors
    /// [`DeliveryError::NotMaildir`] names what is missing.
    pub fn open(path: impl Into<PathBuf>) -> Result<Self, DeliveryError> {
        Self::open_with(path.into(), Effects::default())
    }

    /// Opens a Maildir, which is made if it is not there, with all directories above it.
    ///
    /// Every new directory is on disk when this returns, with its name. That takes two syncs
    /// even if nothing had to be made, so a server opens, and creates when that fails.
    ///
    /// # Errors
    /// A directory cannot be made or synced.
    pub fn create(path: impl Into<PathBuf>) -> Result<Self, DeliveryError> {
        Self::create_with(path.into(), Effects::default())
    }

    /// As [`create`](Self::create), on another system, for tests.
    ///
    /// # Errors
    /// Those of `create`.
    pub fn create_on(
        path: impl Into<PathBuf>,
        system: Arc<dyn System>,
    ) -> Result<Self, DeliveryError> {
        Self::create_with(path.into(), Effects::new(system))
    }

    /// The same Maildir, in which names that have no flags yet get them behind this separator.
    #[must_use]
    pub fn separator(self, separator: Separator) -> Self {
        Self { separator, ..self }
    }

    /// The same Maildir with its directories held open, so that the kernel need not look for them at each of many
    /// messages that are opened or flagged in a row.
    ///
    /// # Errors
    /// One of them cannot be opened.
    pub fn held_open(&self) -> Result<Self, MailboxError> {
        let open = |place: Place| {
            let path = self.part(place.directory());
            self.effects.run(Step::Open, &path, || File::open(&path))
        };
        let held = [open(Place::New)?, open(Place::Cur)?];
        Ok(Self {
            held: Some(Arc::new(held)),
            ..self.clone()
        })
    }

    /// Starts a delivery in `tmp/`.
    ///
    /// # Errors
    /// The file cannot be made.
    pub fn deliver(&self, options: Options) -> Result<Delivery, DeliveryError> {
        Delivery::new(self.clone(), options)
    }

    /// Where the Maildir is.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    fn open_with(path: PathBuf, effects: Effects) -> Result<Self, DeliveryError> {
        for part in PARTS {
            let part = path.join(part);
            if !part.is_dir() {
                return Err(DeliveryError::NotMaildir(part));
            }
        }
        let new = path.join("new");
        let new = effects.run(Step::Open, &new, || File::open(&new))?;
        Ok(Self {
            path: path.into(),
            effects,
            new: Arc::new(new),
            held: None,
            separator: Separator::default(),
        })
    }

    fn create_with(path: PathBuf, effects: Effects) -> Result<Self, DeliveryError> {
        make_directories(&effects, &path)?;
        for part in PARTS {
            make_directory(&effects, &path.join(part))?;
        }
        effects.sync_directory(&path)?;
        Self::open_with(path, effects)
    }

    fn unique_name(&self) -> UniqueName {
        let system = self.effects.system();
        UniqueName::new(system.tick(), &system.identity())
    }

    fn part(&self, part: &str) -> PathBuf {
        self.path.join(part)
    }
}

/// How a message is put into a Maildir.
#[derive(Clone, Copy, Debug)]
#[must_use]
pub struct Options {
    durability: Durability,
    line_ends: LineEnds,
    mode: u32,
    letters: Option<Letters>,
    received: Option<SystemTime>,
    uid: Option<NonZeroU32>,
}

impl Options {
    /// What `stage` and `publish` wait for.
    pub fn durability(self, durability: Durability) -> Self {
        Self { durability, ..self }
    }

    /// How lines end in the file; LF unless said otherwise.
    pub fn line_ends(self, line_ends: LineEnds) -> Self {
        Self { line_ends, ..self }
    }

    /// The mode of the file; `0o600` unless said otherwise.
    pub fn mode(self, mode: u32) -> Self {
        Self { mode, ..self }
    }

    /// Puts the message into `cur/`, with these flags, as is done with mail that is copied
    /// and not new.
    pub fn letters(self, letters: Letters) -> Self {
        let letters = Some(letters);
        Self { letters, ..self }
    }

    /// When the message was received, if not now: the time of its file.
    pub fn received(self, received: SystemTime) -> Self {
        let received = Some(received);
        Self { received, ..self }
    }

    /// Which UID the message has where it is copied from: its name [tells](FileName::uid) it, so that what has been
    /// copied is known for as long as it is there.
    pub fn uid(self, uid: NonZeroU32) -> Self {
        let uid = Some(uid);
        Self { uid, ..self }
    }
}

impl Default for Options {
    fn default() -> Self {
        Self {
            durability: Durability::default(),
            line_ends: LineEnds::default(),
            mode: 0o600,
            letters: None,
            received: None,
            uid: None,
        }
    }
}

/// Makes a directory and those above it, and syncs each one that holds a new name.
fn make_directories(effects: &Effects, path: &Path) -> Result<(), StepError> {
    let parent = match path.parent() {
        Some(parent) if parent != Path::new("") => parent,
        _ => Path::new("."),
    };
    match make_directory(effects, path) {
        Err(error) if error.reason().kind() == io::ErrorKind::NotFound => {
            make_directories(effects, parent)?;
            make_directory(effects, path)?;
        }
        other => other?,
    }
    // Also if it was there: whoever made it may have crashed before this.
    effects.sync_directory(parent)
}

/// Makes a directory, unless it is there.
fn make_directory(effects: &Effects, path: &Path) -> Result<(), StepError> {
    let make = || DirBuilder::new().mode(0o700).create(path);
    match effects.run(Step::MakeDirectory, path, make) {
        Err(error) if error.reason().kind() != io::ErrorKind::AlreadyExists => Err(error),
        Ok(()) | Err(_) => Ok(()),
    }
}

const PARTS: [&str; 3] = ["tmp", "new", "cur"];
