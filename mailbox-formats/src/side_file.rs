//! A small file beside the messages that several programs read and replace.

use std::fs::{File, Metadata, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

use rustix::fs::{FlockOperation, Gid, OFlags, Uid, fchown, flock};

use crate::effects::{Effects, Step};
use crate::error::{Fault, MailboxError, StepError};
use crate::limits;
use crate::mbox::dotlock::{Lockfile, Stale, Taken};
use crate::mbox::lock::patiently;
use crate::mbox::{Holder, LockError};
use crate::path::{parent, suffixed};

const STALE: Stale = Stale {
    unused: limits::SIDE_FILE_STALE,
    dead: limits::SIDE_FILE_DEAD,
};

/// Where such a file is. Readers take no lock, because it is only ever replaced as a whole, or grows by whole
/// lines.
#[derive(Debug)]
pub(crate) struct SideFile<'a> {
    effects: &'a Effects,
    path: PathBuf,
}

/// What becomes of the content.
#[derive(Debug)]
pub(crate) enum Edit {
    /// It stays.
    None,
    /// It is this from now on.
    All(Vec<u8>),
    /// This comes behind it. A crash may leave a part of it: the last line has no end then.
    End(Vec<u8>),
}

impl<'a> SideFile<'a> {
    pub(crate) fn new(effects: &'a Effects, path: PathBuf) -> Self {
        Self { effects, path }
    }

    /// The content; `None` if there is no such file.
    pub(crate) fn read(&self) -> Result<Option<Vec<u8>>, StepError> {
        let read = self.effects.run(Step::Read, &self.path, || {
            let mut content = Vec::new();
            let flags = (OFlags::NOFOLLOW | OFlags::NONBLOCK).bits() as i32;
            let mut options = OpenOptions::new();
            let file = options.read(true).custom_flags(flags).open(&self.path)?;
            file.take(limits::SIDE_FILE + 1).read_to_end(&mut content)?;
            if content.len() as u64 > limits::SIDE_FILE {
                return Err(io::ErrorKind::FileTooLarge.into());
            }
            Ok(content)
        });
        match read {
            Ok(content) => Ok(Some(content)),
            Err(error) if error.fault() == Fault::Missing => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Changes the content, under the lock `<file>.lock`, as `change` says, which gives a result for the caller
    /// as well. The new content is on disk when this returns.
    pub(crate) fn update<T>(
        &self,
        change: impl FnOnce(Option<&[u8]>) -> Result<(Edit, T), MailboxError>,
    ) -> Result<T, MailboxError> {
        let _locked = patiently(self.effects, &self.path, limits::LOCK_WAIT, || self.lock())?;
        let old = self.read()?;
        let (edit, result) = change(old.as_deref())?;
        match edit {
            Edit::None => {}
            Edit::All(new) => self.replace(&new)?,
            Edit::End(more) => self.append(&more)?,
        }
        Ok(result)
    }

    /// Takes the lock file, and before it a lock that keeps two of us from breaking the
    /// same stale lock file.
    fn lock(&self) -> Result<Result<(Lockfile, File), Holder>, LockError> {
        let directory = parent(&self.path);
        let guard = self
            .effects
            .run(Step::Open, directory, || File::open(directory))?;
        let locked = self.effects.run(Step::LockFlock, directory, || {
            match flock(&guard, FlockOperation::NonBlockingLockExclusive) {
                Err(rustix::io::Errno::AGAIN) => Ok(false),
                // Without such locks the lock file has to do.
                _ => Ok(true),
            }
        })?;
        if !locked {
            return Ok(Err(Holder::Flock));
        }
        let metadata = self.metadata()?;
        Ok(
            match Lockfile::take(self.effects, &self.path, &metadata, STALE)? {
                Taken::Ours(lockfile) => Ok((lockfile, guard)),
                Taken::Theirs => Err(Holder::Dotlock),
            },
        )
    }

    fn replace(&self, content: &[u8]) -> Result<(), StepError> {
        let Self { effects, path } = self;
        let metadata = self.metadata()?;
        let draft = suffixed(path, ".tmp");
        // A crash may have left one; we hold the lock, so nobody is at it.
        let _ = std::fs::remove_file(&draft);
        let file = effects.run(Step::Create, &draft, || {
            let mut options = OpenOptions::new();
            let options = options.write(true).create_new(true).mode(0o600);
            options
                .custom_flags(OFlags::NOFOLLOW.bits() as i32)
                .open(&draft)
        })?;
        let written = take_after(&file, &metadata, effects, &draft)
            .and_then(|()| effects.run(Step::Write, &draft, || (&file).write_all(content)))
            .and_then(|()| effects.run(Step::SyncFile, &draft, || file.sync_all()))
            .and_then(|()| effects.close(file, &draft))
            .and_then(|()| effects.run(Step::Replace, path, || std::fs::rename(&draft, path)));
        if let Err(error) = written {
            // Nobody is left to be told; the next one removes it first of all.
            let _ = effects.unlink(&draft);
            return Err(error);
        }
        effects.sync_directory(parent(path))
    }

    fn append(&self, more: &[u8]) -> Result<(), StepError> {
        let Self { effects, path } = self;
        let file = effects.run(Step::Open, path, || {
            let flags = OFlags::NOFOLLOW.bits() as i32;
            let mut options = OpenOptions::new();
            options.append(true).custom_flags(flags).open(path)
        })?;
        effects.run(Step::Write, path, || (&file).write_all(more))?;
        effects.run(Step::SyncFile, path, || file.sync_data())?;
        effects.close(file, path)
    }

    /// Of the file, or of the directory for a file that is to be made.
    fn metadata(&self) -> Result<Metadata, StepError> {
        let look = || match self.path.symlink_metadata() {
            Err(error) if error.kind() == io::ErrorKind::NotFound => parent(&self.path).metadata(),
            other => other,
        };
        self.effects.run(Step::Open, &self.path, look)
    }
}

/// Gives a file the mode and the owner of the one that it replaces, as far as we may.
pub(crate) fn take_after(
    file: &File,
    model: &Metadata,
    effects: &Effects,
    path: &Path,
) -> Result<(), StepError> {
    effects.run(Step::Create, path, || {
        let ours = file.metadata()?;
        if (ours.uid(), ours.gid()) != (model.uid(), model.gid()) {
            let (uid, gid) = (Uid::from_raw(model.uid()), Gid::from_raw(model.gid()));
            // Only root may give files away; what is made by another stays his.
            if fchown(file, Some(uid), Some(gid)).is_err() {
                let _ = fchown(file, None, Some(gid));
            }
        }
        let mode = std::fs::Permissions::from_mode(model.mode() & 0o666);
        file.set_permissions(mode)
    })
}
