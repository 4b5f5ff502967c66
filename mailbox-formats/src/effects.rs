//! Every touch of the disk, each a named [`Step`], and the [`System`] it happens on.
//!
//! The seam is one trait with defaults: [`Local`] is the real machine, and a test that
//! implements [`System::before`] stops a delivery at any step: once for a fault
//! (`ENOSPC` at the third write), or from there on for a crash.

use std::fmt;
use std::fs::File;
use std::hash::{BuildHasher, RandomState};
use std::io;
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant, SystemTime};

use crate::error::StepError;

/// The machine below a mailbox: clock, identity, patience, and a word on every step.
///
/// All methods have the real behaviour as default, so an implementation overrides only
/// what it wants to control.
///
/// ```
/// use mailbox_formats::effects::{Step, System};
/// use mailbox_formats::maildir::{Maildir, Options};
/// use mailbox_formats::Fault;
/// use std::{io, path::Path, sync::Arc};
///
/// #[derive(Debug)]
/// struct FullDisk;
///
/// impl System for FullDisk {
///     fn before(&self, step: Step, _: &Path) -> io::Result<()> {
///         match step {
///             Step::Write => Err(io::ErrorKind::StorageFull.into()),
///             _ => Ok(()),
///         }
///     }
/// }
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let directory = tempfile::tempdir()?;
/// let maildir = Maildir::create_on(directory.path().join("alice"), Arc::new(FullDisk))?;
/// let mut delivery = maildir.deliver(Options::default())?;
/// io::Write::write_all(&mut delivery, b"Subject: hello\r\n")?;
/// let error = delivery.commit().unwrap_err();
/// assert_eq!(error.fault(), Fault::Full);
/// # Ok(())
/// # }
/// ```
pub trait System: fmt::Debug + Send + Sync {
    /// Called before each step; an error is taken for the error of the step itself, which
    /// is then not done.
    ///
    /// # Errors
    /// Whatever the implementation wants the step to fail with.
    fn before(&self, step: Step, path: &Path) -> io::Result<()> {
        let _ = (step, path);
        Ok(())
    }

    /// The wall clock, by which the age of a lock file is judged.
    fn now(&self) -> SystemTime {
        SystemTime::now()
    }

    /// The monotonic clock, by which a wait for locks is ended.
    fn uptime(&self) -> Instant {
        Instant::now()
    }

    /// Waits before locks are tried again.
    fn pause(&self, time: Duration) {
        std::thread::sleep(time);
    }

    /// A moment that no other name of this process carries.
    fn tick(&self) -> Tick {
        static LAST: AtomicU64 = AtomicU64::new(0);
        static SEQUENCE: AtomicU64 = AtomicU64::new(0);
        let now = self
            .now()
            .duration_since(SystemTime::UNIX_EPOCH)
            .unwrap_or_default();
        // Half the range is 290,000 years, and leaves room to count on.
        let now = u64::try_from(now.as_micros())
            .unwrap_or(u64::MAX)
            .min(u64::MAX / 2);
        let next = |last: u64| Some(now.max(last + 1));
        let (Ok(last) | Err(last)) = LAST.fetch_update(Ordering::Relaxed, Ordering::Relaxed, next);
        Tick {
            micros: now.max(last + 1),
            sequence: SEQUENCE.fetch_add(1, Ordering::Relaxed),
        }
    }

    /// Who we are, in file names and lock files.
    fn identity(&self) -> Identity {
        static FIXED: OnceLock<(String, u64)> = OnceLock::new();
        let (host, random) = FIXED.get_or_init(|| {
            let host = rustix::system::uname()
                .nodename()
                .to_string_lossy()
                .into_owned();
            (host, RandomState::new().hash_one(std::process::id()))
        });
        Identity {
            pid: std::process::id(),
            host: host.clone(),
            random: *random,
        }
    }
}

/// The machine that the process runs on.
#[derive(Clone, Copy, Debug, Default)]
pub struct Local;

impl System for Local {}

/// A moment, unique within a process.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Tick {
    /// Microseconds since 1970, made to grow with every tick of a process even when the
    /// clock stands or is set back.
    pub micros: u64,
    /// How many ticks the process had before this one.
    pub sequence: u64,
}

/// A process, told apart from all others.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Identity {
    /// The process id, which containers may share.
    pub pid: u32,
    /// The host name, which containers may share as well.
    pub host: String,
    /// Drawn once by a process: what containers do not share.
    pub random: u64,
}

/// One effect on the disk.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Step {
    /// Makes a directory of a new Maildir.
    MakeDirectory,
    /// Opens a mailbox that exists, or looks at it.
    Open,
    /// Creates a file that does not exist.
    Create,
    /// Writes to a message in `tmp/`, to an mbox, or to a lock file.
    Write,
    /// Writes to the spool in which a message waits for its mbox.
    Spool,
    /// Reads the spool, the end of an mbox, or a list beside the messages.
    Read,
    /// Reads the names in a directory.
    ReadDirectory,
    /// Waits until the content of a file is on disk.
    SyncFile,
    /// Waits until all of a file system is on disk.
    SyncFilesystem,
    /// Waits until the names in a directory are on disk.
    SyncDirectory,
    /// Closes a file, the last chance of some file systems to say that a write failed.
    Close,
    /// Gives a file its final name without replacing another.
    Rename,
    /// Gives a file the name of another, which it replaces.
    Replace,
    /// Adds a name to a file without replacing another.
    Link,
    /// Removes a name.
    Unlink,
    /// Takes the fcntl lock.
    LockFcntl,
    /// Takes the flock lock.
    LockFlock,
    /// Shows that the owner of a lock file still works.
    Touch,
    /// Cuts an mbox back to its old length.
    Truncate,
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::MakeDirectory => "make directory",
            Self::Open => "open",
            Self::Create => "create",
            Self::Write => "write",
            Self::Spool => "spool",
            Self::Read => "read",
            Self::ReadDirectory => "read directory",
            Self::SyncFile => "sync file",
            Self::SyncFilesystem => "sync file system of",
            Self::SyncDirectory => "sync directory",
            Self::Close => "close",
            Self::Rename => "rename",
            Self::Replace => "replace",
            Self::Link => "link",
            Self::Unlink => "unlink",
            Self::LockFcntl => "lock (fcntl)",
            Self::LockFlock => "lock (flock)",
            Self::Touch => "touch",
            Self::Truncate => "truncate",
        })
    }
}

/// Does steps on a system.
#[derive(Clone, Debug)]
pub(crate) struct Effects(Arc<dyn System>);

impl Effects {
    pub(crate) fn new(system: Arc<dyn System>) -> Self {
        Self(system)
    }

    /// Does one step: asks the system, acts, and says on failure what failed where.
    pub(crate) fn run<T>(
        &self,
        step: Step,
        path: &Path,
        act: impl FnOnce() -> io::Result<T>,
    ) -> Result<T, StepError> {
        let done = self.0.before(step, path).and_then(|()| act());
        done.map_err(|error| StepError::new(step, path, error))
    }

    pub(crate) fn close(&self, file: File, path: &Path) -> Result<(), StepError> {
        self.run(Step::Close, path, || Ok(nix::unistd::close(file)?))
    }

    pub(crate) fn sync_directory(&self, path: &Path) -> Result<(), StepError> {
        self.run(Step::SyncDirectory, path, || File::open(path)?.sync_all())
    }

    pub(crate) fn unlink(&self, path: &Path) -> Result<(), StepError> {
        self.run(Step::Unlink, path, || std::fs::remove_file(path))
    }

    pub(crate) fn system(&self) -> &dyn System {
        &*self.0
    }
}

impl Default for Effects {
    fn default() -> Self {
        Self(Arc::new(Local))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug)]
    struct Stopped;

    impl System for Stopped {
        fn now(&self) -> SystemTime {
            SystemTime::UNIX_EPOCH
        }
    }

    #[test]
    fn ticks_grow_although_the_clock_stands() {
        let ticks: Vec<Tick> = (0..100).map(|_| Stopped.tick()).collect();
        assert!(ticks.windows(2).all(|pair| pair[0].micros < pair[1].micros));
        assert!(
            ticks
                .windows(2)
                .all(|pair| pair[0].sequence < pair[1].sequence)
        );
    }

    #[test]
    fn a_failed_step_names_itself_and_its_path() {
        let path = Path::new("/no/such");
        let error = Effects::default().unlink(path).unwrap_err();
        assert!(
            error
                .to_string()
                .starts_with("cannot unlink \"/no/such\": "),
            "{error}"
        );
    }
}
