//! The lock file `<mbox>.lock`: the one lock that every program for mbox knows.

use std::fs::{File, Metadata, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use rustix::fs::OFlags;
use rustix::io::Errno;
use rustix::process::{Pid, test_kill_process};

use crate::effects::{Effects, Identity, Step};
use crate::error::StepError;
use crate::limits;
use crate::maildir::UniqueName;
use crate::path::suffixed;

/// A lock file that is ours. It goes when this is dropped.
#[derive(Debug)]
pub(crate) struct Lockfile {
    effects: Effects,
    path: PathBuf,
    file: File,
}

/// How an attempt on a lock file ended.
#[derive(Debug)]
pub(crate) enum Taken {
    Ours(Lockfile),
    Theirs,
}

/// From which ages on a lock file is stale.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Stale {
    /// If its mailbox has not changed for as long either.
    pub(crate) unused: Duration,
    /// If its owner is dead.
    pub(crate) dead: Duration,
}

impl Lockfile {
    /// Tries to take the lock file of an mbox.
    ///
    /// A file of a unique name is filled and then linked to the name that counts, so that
    /// whoever finds the lock file can read its owner; its two links prove that we have it
    /// even where NFS lost the answer. Called with the kernel lock held, which keeps two
    /// of us from breaking the same stale file.
    pub(crate) fn take(
        effects: &Effects,
        mbox: &Path,
        mailbox: &Metadata,
        stale: Stale,
    ) -> Result<Taken, StepError> {
        let identity = effects.system().identity();
        let path = suffixed(mbox, ".lock");
        let unique = UniqueName::new(effects.system().tick(), &identity);
        let draft = path.with_file_name(format!(".lock.{unique}"));
        let file = effects.run(Step::Create, &draft, || {
            let mut options = OpenOptions::new();
            let options = options.write(true).create_new(true).mode(LOCKFILE_MODE);
            options
                .custom_flags(OFlags::NOFOLLOW.bits() as i32)
                .open(&draft)
        })?;
        let lockfile = Self {
            effects: effects.clone(),
            path,
            file,
        };
        let linked = lockfile.fill_and_link(&draft, &identity, mailbox, stale);
        let cleared = effects.unlink(&draft);
        match linked {
            Ok(true) => cleared.map(|()| Taken::Ours(lockfile)),
            Ok(false) => cleared.map(|()| Taken::Theirs),
            Err(error) => Err(error),
        }
    }

    /// Makes the lock file young again.
    pub(crate) fn touch(&self) -> Result<(), StepError> {
        let now = self.effects.system().now();
        self.effects
            .run(Step::Touch, &self.path, || self.file.set_modified(now))
    }

    fn fill_and_link(
        &self,
        draft: &Path,
        identity: &Identity,
        mailbox: &Metadata,
        stale: Stale,
    ) -> Result<bool, StepError> {
        let Self {
            effects,
            path,
            file,
        } = self;
        let owner = Owner {
            pid: identity.pid,
            host: Some(identity.host.clone()),
        };
        effects.run(Step::Write, draft, || {
            let mut file = file;
            file.write_all(owner.to_string().as_bytes())
        })?;
        if self.link(draft)? {
            return Ok(true);
        }
        let Some(theirs) = look(effects, path)? else {
            return self.link(draft);
        };
        let now = effects.system().now();
        let is_dead = theirs
            .owner
            .is_some_and(|owner| owner.is_dead_here(&identity.host));
        let (lock_age, mailbox_age) = (age(&theirs.metadata, now), age(mailbox, now));
        if !is_stale(lock_age, mailbox_age, is_dead, stale) {
            return Ok(false);
        }
        break_stale(effects, path, &suffixed(draft, ".stale"), &theirs.metadata)?;
        self.link(draft)
    }

    /// Gives the draft the name that counts; `false` if somebody has it.
    fn link(&self, draft: &Path) -> Result<bool, StepError> {
        let Self {
            effects,
            path,
            file,
        } = self;
        let linked = effects.run(Step::Link, path, || std::fs::hard_link(draft, path));
        let links = effects.run(Step::Open, draft, || file.metadata())?.nlink();
        match linked {
            _ if links == 2 => Ok(true),
            Err(error) if error.reason().kind() != io::ErrorKind::AlreadyExists => Err(error),
            Ok(()) | Err(_) => Ok(false),
        }
    }
}

impl Drop for Lockfile {
    /// Removes the lock file, unless somebody took it for stale and has one of his own.
    fn drop(&mut self) {
        let (Ok(ours), Ok(found)) = (self.file.metadata(), self.path.symlink_metadata()) else {
            return;
        };
        if is_same(&ours, &found) {
            // Nobody is left to be told; a lock file that stays becomes stale.
            let _ = self.effects.unlink(&self.path);
        }
    }
}

/// Whom a lock file names: `<pid>:<host>`, or `<pid>` alone.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Owner {
    pid: u32,
    host: Option<String>,
}

impl Owner {
    fn parse(content: &[u8]) -> Option<Self> {
        let content = std::str::from_utf8(content).ok()?.trim_end();
        let (pid, host) = match content.split_once(':') {
            Some((pid, host)) => (pid, Some(host.to_owned())),
            None => (content, None),
        };
        Some(Self {
            pid: pid.trim().parse().ok()?,
            host,
        })
    }

    /// Whether this is surely a dead process of our host.
    fn is_dead_here(&self, host: &str) -> bool {
        let Some(pid) = i32::try_from(self.pid).ok().and_then(Pid::from_raw) else {
            return false;
        };
        self.host.as_deref() == Some(host) && test_kill_process(pid) == Err(Errno::SRCH)
    }
}

impl std::fmt::Display for Owner {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}", self.pid)?;
        self.host
            .as_ref()
            .map_or(Ok(()), |host| write!(f, ":{host}"))
    }
}

/// Somebody's lock file.
struct Found {
    metadata: Metadata,
    owner: Option<Owner>,
}

/// Reads a lock file; `None` if it is gone.
fn look(effects: &Effects, path: &Path) -> Result<Option<Found>, StepError> {
    let found = effects.run(Step::Open, path, || {
        let metadata = path.symlink_metadata()?;
        let mut content = Vec::new();
        let flags = (OFlags::NOFOLLOW | OFlags::NONBLOCK).bits() as i32;
        // A lock file that cannot be read has an owner that cannot be known.
        if let Ok(file) = OpenOptions::new().read(true).custom_flags(flags).open(path) {
            let _ = file.take(limits::LOCK_CONTENT).read_to_end(&mut content);
        }
        Ok(Found {
            metadata,
            owner: Owner::parse(&content),
        })
    });
    match found {
        Ok(found) => Ok(Some(found)),
        Err(error) if error.reason().kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

/// Whether a lock file may be broken.
fn is_stale(lockfile: Duration, mailbox: Duration, is_dead: bool, stale: Stale) -> bool {
    let is_orphan = is_dead && lockfile >= stale.dead;
    is_orphan || (lockfile >= stale.unused && mailbox >= stale.unused)
}

/// Moves a stale lock file away, and puts it back if it is another than the one judged:
/// somebody who does not take the kernel lock may have been faster.
fn break_stale(
    effects: &Effects,
    path: &Path,
    aside: &Path,
    judged: &Metadata,
) -> Result<(), StepError> {
    match effects.run(Step::Rename, path, || std::fs::rename(path, aside)) {
        Err(error) if error.reason().kind() == io::ErrorKind::NotFound => return Ok(()),
        other => other?,
    }
    let moved = effects.run(Step::Open, aside, || aside.symlink_metadata())?;
    if !is_same(judged, &moved) {
        match effects.run(Step::Link, path, || std::fs::hard_link(aside, path)) {
            // A third one has taken it meanwhile: it is not ours in any case.
            Err(error) if error.reason().kind() == io::ErrorKind::AlreadyExists => {}
            other => other?,
        }
    }
    effects.unlink(aside)
}

fn is_same(one: &Metadata, other: &Metadata) -> bool {
    (one.dev(), one.ino()) == (other.dev(), other.ino())
}

/// How long ago a file changed, by the time that no program can set.
fn age(metadata: &Metadata, now: SystemTime) -> Duration {
    let seconds = Duration::from_secs(metadata.ctime().try_into().unwrap_or(0));
    now.duration_since(SystemTime::UNIX_EPOCH + seconds)
        .unwrap_or_default()
}

/// Readable by all: others look for the owner inside.
const LOCKFILE_MODE: u32 = 0o644;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn owners_are_read_as_they_are_printed() {
        let owner = |pid, host: Option<&str>| Owner {
            pid,
            host: host.map(Into::into),
        };
        let table = [
            ("12:mx.example.org", Some(owner(12, Some("mx.example.org")))),
            ("12", Some(owner(12, None))),
            ("0", Some(owner(0, None))),
        ];
        for (text, expected) in table {
            assert_eq!(Owner::parse(text.as_bytes()), expected);
            assert_eq!(expected.unwrap().to_string(), text);
        }
        assert_eq!(Owner::parse(b" 7:a\n"), Some(owner(7, Some("a"))));
        for odd in [&b""[..], b"x", b"-1", b"1 2", b"\xff", b"99999999999"] {
            assert_eq!(Owner::parse(odd), None);
        }
    }

    #[test]
    fn only_a_process_that_is_surely_gone_is_dead() {
        let us = std::process::id();
        // Above the largest that the kernel gives out.
        let gone = 4_194_305;
        let owner = |pid, host: &str| Owner {
            pid,
            host: Some(host.into()),
        };
        assert!(owner(gone, "here").is_dead_here("here"));
        assert!(!owner(gone, "there").is_dead_here("here"));
        assert!(!owner(us, "here").is_dead_here("here"));
        assert!(!owner(0, "here").is_dead_here("here"));
        assert!(!owner(u32::MAX, "here").is_dead_here("here"));
        assert!(
            !Owner {
                pid: gone,
                host: None
            }
            .is_dead_here("here")
        );
    }

    #[test]
    fn a_lock_file_is_stale_by_age_and_a_second_sign() {
        let stale = Stale {
            unused: limits::LOCK_STALE,
            dead: limits::LOCK_DEAD,
        };
        let (young, old, orphan) = (Duration::ZERO, stale.unused, stale.dead);
        let table = [
            (young, old, false, false),
            (old, young, false, false),
            (old, old, false, true),
            (young, old, true, false),
            (orphan, young, true, true),
            (orphan, young, false, false),
        ];
        for (lockfile, mailbox, is_dead, expected) in table {
            assert_eq!(is_stale(lockfile, mailbox, is_dead, stale), expected);
        }
    }
}
