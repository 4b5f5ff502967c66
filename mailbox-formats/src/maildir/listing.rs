//! What is in a Maildir, although others rename files while it is read.

use std::collections::HashSet;
use std::hash::{Hash, Hasher};
use std::path::PathBuf;
use std::time::{Duration, SystemTime};

use rustix::fs::{Dir, FileType};

use crate::effects::{Effects, Step};
use crate::error::{MailboxError, StepError};
use crate::limits;
use crate::maildir::{FileName, Letters, Maildir};

/// A message in a Maildir, as it was called when it was last seen.
///
/// The name may have changed since: whatever takes an entry looks for the message under its
/// [unique part](FileName::unique) if it is not there any more.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    place: Place,
    name: FileName,
}

impl Entry {
    /// The message of a name.
    #[must_use]
    pub fn new(place: Place, name: FileName) -> Self {
        Self { place, name }
    }

    /// The directory in which it is.
    #[must_use]
    pub fn place(&self) -> Place {
        self.place
    }

    /// Its file name.
    #[must_use]
    pub fn name(&self) -> &FileName {
        &self.name
    }

    /// What identifies it for as long as it exists.
    #[must_use]
    pub fn unique(&self) -> &[u8] {
        self.name.unique()
    }

    /// Its flags and keywords. Files in `new/` may have some, too: some programs put them there.
    #[must_use]
    pub fn letters(&self) -> Letters {
        self.name.letters()
    }
}

/// The directory in which a message is.
///
/// The list is complete: `tmp/` has no messages.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Place {
    /// `new/`: no mail reader has taken notice of it.
    New,
    /// `cur/`.
    Cur,
}

impl Place {
    /// The name of the directory.
    #[must_use]
    pub fn directory(self) -> &'static str {
        match self {
            Self::New => "new",
            Self::Cur => "cur",
        }
    }
}

impl Maildir {
    /// All messages, in no particular order. No file is looked at, the names tell it all.
    ///
    /// Reading a directory is not a snapshot: a file that is renamed meanwhile may be seen
    /// twice or not at all. So both directories are read again until their times prove that
    /// nothing was renamed, or until one more reading would hardly find more; each message
    /// is there once. One that somebody removed meanwhile may still be among them.
    ///
    /// # Errors
    /// A directory cannot be read.
    pub fn list(&self) -> Result<Vec<Entry>, MailboxError> {
        Ok(self.listing()?.entries)
    }

    pub(super) fn listing(&self) -> Result<Listing, MailboxError> {
        let mut seen = Union::default();
        for scans in 1..=limits::DIRECTORY_SCANS {
            let scan = self.scan(|_| true)?;
            if scan.is_quiet {
                let mut only = Union::default();
                only.add(scan.entries);
                return Ok(only.into_listing(true));
            }
            let hidden = seen.add(scan.entries);
            // Readings hide a name independently of each other.
            let left = seen.0.len() as f64 * hidden.powi(scans as i32);
            if scans > 1 && left < ONE_IN_A_MILLION {
                break;
            }
        }
        Ok(seen.into_listing(false))
    }

    /// Finds a message by its unique part; `None` if it is gone.
    pub(super) fn find(&self, unique: &[u8]) -> Result<Option<Entry>, MailboxError> {
        for _ in 0..limits::DIRECTORY_SCANS {
            let scan = self.scan(|name| is_called(name, unique))?;
            match scan.entries.into_iter().next_back() {
                Some(entry) => return Ok(Some(entry)),
                None if scan.is_quiet => return Ok(None),
                None => {}
            }
        }
        Ok(None)
    }

    /// The path of a message as it was called last.
    pub(super) fn path_of(&self, entry: &Entry) -> PathBuf {
        let (directory, name) = (entry.place.directory(), entry.name.as_os_str());
        let length = self.path.as_os_str().len() + directory.len() + name.len() + 2;
        let mut path = PathBuf::with_capacity(length);
        path.push(&self.path);
        path.push(directory);
        path.push(name);
        path
    }

    /// Reads `new/` and then `cur/`, so that what goes from one to the other is seen.
    fn scan(&self, wanted: impl Fn(&[u8]) -> bool) -> Result<Listing, StepError> {
        let start = self.effects.system().now();
        let mut entries = Vec::new();
        let mut directories = Vec::new();
        for place in [Place::New, Place::Cur] {
            let mut directory = Directory::open(&self.effects, self.part(place.directory()))?;
            directory.read(&self.effects, |name| {
                if wanted(name) {
                    entries.push(Entry::new(place, FileName::new(name)));
                }
            })?;
            directories.push(directory);
        }
        let mut is_quiet = true;
        for directory in &directories {
            is_quiet &= directory.is_quiet_since(&self.effects, start)?;
        }
        Ok(Listing { entries, is_quiet })
    }
}

/// What readings of both directories have found.
#[derive(Debug)]
pub(super) struct Listing {
    pub(super) entries: Vec<Entry>,
    /// Nothing was renamed meanwhile: what is not listed does not exist.
    pub(super) is_quiet: bool,
}

/// The messages of several readings, each once.
#[derive(Default)]
struct Union(HashSet<ByUnique>);

impl Union {
    /// Adds a reading, and returns which share of all messages it did not see.
    ///
    /// The later name of a message is the better one: `cur/` was read after `new/`.
    fn add(&mut self, entries: Vec<Entry>) -> f64 {
        let known = self.0.len();
        self.0.reserve(entries.len().saturating_sub(known));
        let replaced = entries
            .into_iter()
            .filter_map(|entry| self.0.replace(ByUnique(entry)))
            .count();
        known.saturating_sub(replaced) as f64 / self.0.len().max(1) as f64
    }

    fn into_listing(self, is_quiet: bool) -> Listing {
        let entries = self.0.into_iter().map(|ByUnique(entry)| entry).collect();
        Listing { entries, is_quiet }
    }
}

/// A message, equal to another name of the same message.
struct ByUnique(Entry);

impl PartialEq for ByUnique {
    fn eq(&self, other: &Self) -> bool {
        self.0.unique() == other.0.unique()
    }
}

impl Eq for ByUnique {}

impl Hash for ByUnique {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.0.unique().hash(state);
    }
}

/// `new/` or `cur/`, open.
struct Directory {
    path: PathBuf,
    entries: Dir,
}

impl Directory {
    fn open(effects: &Effects, path: PathBuf) -> Result<Self, StepError> {
        let entries = effects.run(Step::Open, &path, || {
            Ok(Dir::new(std::fs::File::open(&path)?)?)
        })?;
        Ok(Self { path, entries })
    }

    /// Gives the name of every file that can be a message.
    ///
    /// A symbolic link is none: it could lead out of the mailbox.
    fn read(&mut self, effects: &Effects, mut visit: impl FnMut(&[u8])) -> Result<(), StepError> {
        let Self { path, entries } = self;
        effects.run(Step::ReadDirectory, path, || {
            while let Some(entry) = entries.read() {
                let entry = entry?;
                let name = entry.file_name().to_bytes();
                let is_file =
                    matches!(entry.file_type(), FileType::RegularFile | FileType::Unknown);
                if is_file && !name.starts_with(b".") {
                    visit(name);
                }
            }
            Ok(())
        })
    }

    /// Whether the directory is certainly as it was at `start`.
    fn is_quiet_since(&self, effects: &Effects, start: SystemTime) -> Result<bool, StepError> {
        let stat = effects.run(Step::Open, &self.path, || Ok(self.entries.stat()?))?;
        // Where no part of a second is kept, a second or two may look the same.
        let tick = match stat.st_mtime_nsec {
            0 => limits::COARSE_DIRECTORY_TICK,
            _ => limits::DIRECTORY_TICK,
        };
        let changed = Duration::new(
            u64::try_from(stat.st_mtime).unwrap_or(0),
            u32::try_from(stat.st_mtime_nsec).unwrap_or(0),
        );
        Ok(SystemTime::UNIX_EPOCH + changed + tick < start)
    }
}

/// Whether a file name is a name of the message.
fn is_called(name: &[u8], unique: &[u8]) -> bool {
    name.starts_with(unique) && FileName::new(name).unique() == unique
}

const ONE_IN_A_MILLION: f64 = 1e-6;
