//! Locks on an mbox, beside programs that take them in another order.
//!
//! The kernel lock comes first, as Debian Policy 11.6 has it, then the lock file; Postfix
//! goes the other way round. Nobody waits for anybody in a circle, because nothing here
//! waits while it holds a lock: who does not get all drops all, and tries again after a
//! random pause.

use std::fs::{File, Metadata, OpenOptions};
use std::hash::BuildHasher;
use std::io;
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use rustix::fs::{FlockOperation, OFlags};
use rustix::io::Errno;

use crate::effects::{Effects, Step};
use crate::error::{Fault, StepError};
use crate::limits;
use crate::mbox::dotlock::{Lockfile, Stale, Taken};

/// Which locks are taken, and how patiently.
///
/// The fcntl lock is always taken: as open-file-description lock on Linux, which keeps
/// threads apart too and does not vanish when somebody closes the file elsewhere. (A lock
/// that the application itself holds by POSIX `fcntl` does vanish when we close the mbox.)
///
/// ```
/// use mailbox_formats::mbox::{Dotlock, LockPolicy};
/// use std::time::Duration;
///
/// let policy = LockPolicy::default().dotlock(Dotlock::Require).wait(Duration::from_secs(5));
/// # let _ = policy;
/// ```
#[derive(Clone, Copy, Debug)]
#[must_use]
pub struct LockPolicy {
    dotlock: Dotlock,
    flock: bool,
    wait: Duration,
    stale: Duration,
}

impl LockPolicy {
    /// The default.
    pub(crate) const fn new() -> Self {
        Self {
            dotlock: Dotlock::TryIfWritable,
            flock: false,
            wait: limits::LOCK_WAIT,
            stale: limits::LOCK_STALE,
        }
    }

    /// Whether a lock file is taken; [`Dotlock::TryIfWritable`] unless said otherwise.
    pub const fn dotlock(self, dotlock: Dotlock) -> Self {
        Self { dotlock, ..self }
    }

    /// Whether the flock lock is taken too, for readers that know no other.
    ///
    /// Not on NFS, where it is the fcntl lock under another name and conflicts with ours.
    pub fn flock(self, flock: bool) -> Self {
        Self { flock, ..self }
    }

    /// How long locks are tried for; [`limits::LOCK_WAIT`] unless said otherwise.
    pub fn wait(self, wait: Duration) -> Self {
        Self { wait, ..self }
    }

    /// When a lock file is stale, if the mailbox has not changed for as long either;
    /// [`limits::LOCK_STALE`] unless said otherwise.
    pub fn stale_after(self, stale: Duration) -> Self {
        Self { stale, ..self }
    }
}

impl LockPolicy {
    fn staleness(&self) -> Stale {
        Stale {
            unused: self.stale,
            dead: limits::LOCK_DEAD.min(self.stale),
        }
    }
}

impl Default for LockPolicy {
    fn default() -> Self {
        Self::new()
    }
}

/// Whether `<mbox>.lock` is taken.
///
/// The list is complete: there is nothing between trying and requiring.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Dotlock {
    /// No delivery without it. For a spool that other programs lock by lock file alone.
    Require,
    /// Taken where the directory can be written to, as in a home directory; elsewhere, as
    /// in a spool of which root is the owner, the kernel lock has to do.
    #[default]
    TryIfWritable,
    /// Not taken.
    Off,
}

/// An mbox could not be locked.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum LockError {
    /// Others held it for as long as was tried.
    #[error("{path:?} stays locked by {holder}")]
    TimedOut {
        /// The mbox.
        path: PathBuf,
        /// What was in the way last.
        holder: Holder,
    },
    /// The mbox is a directory, a device, or a file with a second name: what is written to
    /// it could be written where the owner of the mailbox may not.
    #[error("not a regular file with one name: {0:?}")]
    NotMbox(PathBuf),
    /// A step failed for another reason than that the mbox is locked.
    #[error(transparent)]
    Step(#[from] StepError),
}

impl LockError {
    /// Whether trying again later can help.
    #[must_use]
    pub fn is_temporary(&self) -> bool {
        !matches!(self, Self::NotMbox(_)) && self.fault().is_temporary()
    }

    /// Which resource is at fault.
    #[must_use]
    pub fn fault(&self) -> Fault {
        match self {
            Self::TimedOut { .. } => Fault::Busy,
            Self::NotMbox(_) => Fault::Other,
            Self::Step(error) => error.fault(),
        }
    }
}

/// What stands in the way of a lock.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Holder {
    /// An fcntl lock of another process or thread.
    Fcntl,
    /// A flock lock.
    Flock,
    /// A lock file that is not stale.
    Dotlock,
    /// Somebody who replaced the file between our opening and locking it.
    Replacer,
}

impl std::fmt::Display for Holder {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Fcntl => "an fcntl lock",
            Self::Flock => "a flock lock",
            Self::Dotlock => "a lock file",
            Self::Replacer => "a program that replaces it",
        })
    }
}

/// An mbox that is ours alone until this is dropped or closed.
#[derive(Debug)]
pub(crate) struct Locked {
    // The order of the fields is the order in which the locks go: the lock file first.
    lockfile: Option<Lockfile>,
    pub(crate) file: File,
    touched: Instant,
}

impl Locked {
    /// Opens and locks an mbox, which is made if it is not there.
    pub(crate) fn acquire(
        effects: &Effects,
        path: &Path,
        mode: u32,
        policy: &LockPolicy,
    ) -> Result<Self, LockError> {
        patiently(effects, path, policy.wait, || {
            Self::attempt(effects, path, mode, policy)
        })
    }

    /// Says that we still work, so that nobody takes the lock file for stale.
    pub(crate) fn keep_alive(&mut self, effects: &Effects) -> Result<(), StepError> {
        let now = effects.system().uptime();
        match &self.lockfile {
            Some(lockfile) if now.duration_since(self.touched) >= limits::LOCK_TOUCH => {
                self.touched = now;
                lockfile.touch()
            }
            _ => Ok(()),
        }
    }

    /// Unlocks, and says whether the file system had a complaint left.
    pub(crate) fn close(self, effects: &Effects, path: &Path) -> Result<(), StepError> {
        drop(self.lockfile);
        effects.close(self.file, path)
    }

    /// Tries each lock once. What has been taken when one is refused goes with the `File`.
    fn attempt(
        effects: &Effects,
        path: &Path,
        mode: u32,
        policy: &LockPolicy,
    ) -> Result<Result<Self, Holder>, LockError> {
        let file = open(effects, path, mode)?;
        if !take(effects, Step::LockFcntl, path, || fcntl(&file))? {
            return Ok(Err(Holder::Fcntl));
        }
        let flock = || {
            Ok(rustix::fs::flock(
                &file,
                FlockOperation::NonBlockingLockExclusive,
            )?)
        };
        if policy.flock && !take(effects, Step::LockFlock, path, flock)? {
            return Ok(Err(Holder::Flock));
        }
        let ours = stat(effects, path, || file.metadata())?;
        let lockfile = match policy.dotlock {
            Dotlock::Off => None,
            wish => match Lockfile::take(effects, path, &ours, policy.staleness()) {
                Ok(Taken::Ours(lockfile)) => Some(lockfile),
                Ok(Taken::Theirs) => return Ok(Err(Holder::Dotlock)),
                Err(error) if wish == Dotlock::TryIfWritable && is_unwritable(&error) => None,
                Err(error) => return Err(error.into()),
            },
        };
        // A program that rewrites an mbox may have put another file in its place.
        let theirs = match stat(effects, path, || path.symlink_metadata()) {
            Err(error) if error.fault() == Fault::Missing => return Ok(Err(Holder::Replacer)),
            other => other?,
        };
        if (ours.dev(), ours.ino()) != (theirs.dev(), theirs.ino()) {
            return Ok(Err(Holder::Replacer));
        }
        if theirs.nlink() != 1 {
            return Err(LockError::NotMbox(path.to_owned()));
        }
        let touched = effects.system().uptime();
        Ok(Ok(Self {
            lockfile,
            file,
            touched,
        }))
    }
}

/// Tries again until it works or the time is up, with a pause between that differs for everybody.
pub(crate) fn patiently<T>(
    effects: &Effects,
    path: &Path,
    wait: Duration,
    mut attempt: impl FnMut() -> Result<Result<T, Holder>, LockError>,
) -> Result<T, LockError> {
    let system = effects.system();
    let start = system.uptime();
    let mut attempts = 0_u32;
    loop {
        let holder = match attempt()? {
            Ok(locked) => return Ok(locked),
            Err(holder) => holder,
        };
        let waited = system.uptime().saturating_duration_since(start);
        let left = wait.saturating_sub(waited);
        if left.is_zero() {
            let path = path.to_owned();
            return Err(LockError::TimedOut { path, holder });
        }
        system.pause(pause(attempts).min(left));
        attempts = attempts.saturating_add(1);
    }
}

/// Opens an mbox to append to, never through a symbolic link.
fn open(effects: &Effects, path: &Path, mode: u32) -> Result<File, LockError> {
    let flags = (OFlags::NOFOLLOW | OFlags::NONBLOCK).bits() as i32;
    let mut options = OpenOptions::new();
    options
        .read(true)
        .append(true)
        .create(true)
        .mode(mode)
        .custom_flags(flags);
    let opened = effects.run(Step::Open, path, || {
        let file = options.open(path)?;
        let is_file = file.metadata()?.is_file();
        Ok((file, is_file))
    });
    match opened {
        Ok((file, true)) => Ok(file),
        Ok((_, false)) => Err(LockError::NotMbox(path.to_owned())),
        Err(error) => Err(match Errno::from_io_error(error.reason()) {
            Some(Errno::LOOP | Errno::ISDIR | Errno::NXIO) => LockError::NotMbox(path.to_owned()),
            _ => error.into(),
        }),
    }
}

fn stat(
    effects: &Effects,
    path: &Path,
    stat: impl FnOnce() -> io::Result<Metadata>,
) -> Result<Metadata, StepError> {
    effects.run(Step::Open, path, stat)
}

/// Takes a kernel lock; `false` if somebody else has it.
fn take(
    effects: &Effects,
    step: Step,
    path: &Path,
    lock: impl FnOnce() -> io::Result<()>,
) -> Result<bool, LockError> {
    match effects.run(step, path, lock) {
        Ok(()) => Ok(true),
        // POSIX lets fcntl say either.
        Err(error) => match Errno::from_io_error(error.reason()) {
            Some(Errno::AGAIN | Errno::ACCESS) => Ok(false),
            _ => Err(error.into()),
        },
    }
}

/// The lock on all of a file that belongs to the open file, not to the process.
#[cfg(any(target_os = "linux", target_os = "android"))]
fn fcntl(file: &File) -> io::Result<()> {
    use nix::{fcntl, libc};
    let lock = libc::flock {
        l_type: libc::F_WRLCK as libc::c_short,
        l_whence: libc::SEEK_SET as libc::c_short,
        l_start: 0,
        l_len: 0,
        l_pid: 0,
    };
    fcntl::fcntl(file, fcntl::FcntlArg::F_OFD_SETLK(&lock))?;
    Ok(())
}

/// Elsewhere the lock belongs to the process; the lock file keeps its threads apart.
#[cfg(not(any(target_os = "linux", target_os = "android")))]
fn fcntl(file: &File) -> io::Result<()> {
    Ok(rustix::fs::fcntl_lock(
        file,
        FlockOperation::NonBlockingLockExclusive,
    )?)
}

fn is_unwritable(error: &StepError) -> bool {
    matches!(error.fault(), Fault::Denied | Fault::ReadOnly)
}

/// A pause that grows with the attempts and differs between those who wait.
fn pause(attempt: u32) -> Duration {
    let random = std::hash::RandomState::new().hash_one(attempt);
    let longest = (limits::LOCK_PAUSE_MIN * 2_u32.pow(attempt.min(10))).min(limits::LOCK_PAUSE);
    let spread = (longest - limits::LOCK_PAUSE_MIN).as_micros() as u64 + 1;
    limits::LOCK_PAUSE_MIN + Duration::from_micros(random % spread)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_grow_within_their_bounds() {
        for attempt in 0..100 {
            let pause = pause(attempt);
            assert!((limits::LOCK_PAUSE_MIN..=limits::LOCK_PAUSE).contains(&pause));
        }
        assert_eq!(pause(0), limits::LOCK_PAUSE_MIN);
    }
}
