//! A message on its way through `tmp/` into `new/`.

use std::collections::HashMap;
use std::fs::{File, OpenOptions};
use std::hash::Hash;
use std::io::{self, Write};
use std::num::NonZeroU32;
use std::os::fd::BorrowedFd;
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustix::fs::{CWD, OFlags};
use rustix::io::Errno;

use crate::Durability;
use crate::effects::{Effects, Step};
use crate::error::{DeliveryError, StepError};
use crate::limits;
use crate::line_ends::{LineFilter, SizeCounter};
use crate::maildir::name::{Sizes, UniqueName};
use crate::maildir::{FileName, Letters, Maildir, Options, Place};

/// A message that comes in, in `tmp/`. Dropping it removes the file.
#[derive(Debug)]
#[must_use]
pub struct Delivery {
    maildir: Maildir,
    options: Options,
    lines: LineFilter,
    sink: Sink,
    temporary: Temporary,
}

impl Delivery {
    pub(super) fn new(maildir: Maildir, options: Options) -> Result<Self, DeliveryError> {
        let effects = maildir.effects.clone();
        for _ in 0..limits::NAME_TRIES {
            let name = maildir.unique_name();
            let path = maildir.part("tmp").join(name.to_string());
            let file = effects.run(Step::Create, &path, || {
                let flags = OFlags::NOFOLLOW.bits() as i32;
                let mut create = OpenOptions::new();
                create
                    .write(true)
                    .create_new(true)
                    .mode(options.mode)
                    .custom_flags(flags);
                let file = create.open(&path)?;
                let metadata = file.metadata()?;
                Ok((file, (metadata.dev(), metadata.ino())))
            });
            let (file, inode) = match file {
                Err(error) if error.reason().kind() == io::ErrorKind::AlreadyExists => continue,
                other => other?,
            };
            return Ok(Self {
                lines: LineFilter::new(options.line_ends),
                sink: Sink::new(effects.clone(), path.clone(), file),
                temporary: Temporary {
                    effects,
                    path,
                    inode,
                    name,
                    is_published: false,
                },
                maildir,
                options,
            });
        }
        Err(DeliveryError::NoFreeName(maildir.part("tmp")))
    }

    /// Ends the message. It is complete and, as the level of durability says, on disk; no
    /// reader sees it yet.
    ///
    /// # Errors
    /// The file could not take all of the message, now or in an earlier `write`.
    pub fn stage(self) -> Result<Staged, DeliveryError> {
        let Self {
            maildir,
            options,
            lines,
            mut sink,
            temporary,
        } = self;
        lines.finish(|bytes| sink.push(bytes));
        let sizes = sink.finish(&options)?;
        Ok(Staged {
            maildir,
            durability: options.durability,
            letters: options.letters,
            uid: options.uid,
            sizes,
            temporary,
        })
    }

    /// Ends the message and publishes it: [`stage`](Self::stage) and [`publish`](Staged::publish).
    ///
    /// # Errors
    /// Those of `stage` and `publish`.
    pub fn commit(self) -> Result<Delivered, DeliveryError> {
        self.stage()?.publish()
    }
}

impl Write for Delivery {
    /// Takes all of the chunk; an error is sticky.
    fn write(&mut self, chunk: &[u8]) -> io::Result<usize> {
        let Self { lines, sink, .. } = self;
        lines.push(chunk, |bytes| sink.push(bytes));
        match &sink.failure {
            Some(error) => Err(error.again().into()),
            None => Ok(chunk.len()),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// A complete message in `tmp/` that waits to be published. Dropping it removes the file.
#[derive(Debug)]
#[must_use]
pub struct Staged {
    maildir: Maildir,
    durability: Durability,
    /// For `cur/`; without them it goes to `new/`.
    letters: Option<Letters>,
    uid: Option<NonZeroU32>,
    sizes: Sizes,
    temporary: Temporary,
}

impl Staged {
    /// Gives the message its name in `new/`, or in `cur/` if it has flags, and waits until the
    /// name is on disk, as the level of durability says.
    ///
    /// # Errors
    /// The name cannot be given; or, as [`DeliveryError::Unsynced`], it cannot be synced.
    pub fn publish(self) -> Result<Delivered, DeliveryError> {
        publish_all([self])
            .pop()
            .expect("one message has one result")
    }

    /// What tells open handles apart: each knows of the failures since it was opened.
    fn handle(&self) -> *const File {
        Arc::as_ptr(&self.maildir.new)
    }

    /// What tells directories apart: names are given and synced by path.
    fn directory(&self) -> (Arc<Path>, &'static str) {
        (self.maildir.path.clone(), self.place().directory())
    }

    fn place(&self) -> Place {
        match self.letters {
            Some(_) => Place::Cur,
            None => Place::New,
        }
    }

    fn rename(&mut self) -> Result<PathBuf, DeliveryError> {
        let directory = self.maildir.part(self.place().directory());
        for _ in 0..limits::NAME_TRIES {
            let name = format!("{}{}", self.temporary.name, self.sizes);
            let mut name = FileName::new(name.as_bytes());
            if let Some(uid) = self.uid {
                name = name.with_uid(uid);
            }
            if let Some(letters) = self.letters {
                name = name.with_letters(letters, self.maildir.separator);
            }
            let path = directory.join(name.as_os_str());
            match self.temporary.publish(&path) {
                Ok(()) => return Ok(path),
                Err(error) if error.reason().kind() == io::ErrorKind::AlreadyExists => {
                    self.temporary.name = self.maildir.unique_name();
                }
                Err(error) => return Err(error.into()),
            }
        }
        Err(DeliveryError::NoFreeName(directory))
    }
}

/// Where a message was put.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Delivered {
    /// The file in `new/` or `cur/`. It may get another name as soon as a reader sees it.
    pub path: PathBuf,
    /// The sizes that its name carries.
    pub sizes: Sizes,
}

/// Publishes many messages, in one Maildir or several, and waits once for all that can be
/// waited for together: one sync of each `new/`, and one of the file system instead of one
/// for each file at [`Durability::Batch`].
///
/// There is one result for each message, in their order.
pub fn publish_all(
    staged: impl IntoIterator<Item = Staged>,
) -> Vec<Result<Delivered, DeliveryError>> {
    let staged: Vec<Staged> = staged.into_iter().collect();
    let batch = staged
        .iter()
        .filter(|staged| staged.durability == Durability::Batch);
    let contents = once_each(batch, Staged::handle, |Staged { maildir, .. }| {
        let path = maildir.part("new");
        let sync = || sync_filesystem(&maildir.new);
        maildir.effects.run(Step::SyncFilesystem, &path, sync)
    });
    let renamed: Vec<_> = staged
        .into_iter()
        .map(|mut staged| match contents.get(&staged.handle()) {
            Some(error) if staged.durability == Durability::Batch => Err(error.again().into()),
            _ => staged.rename().map(|path| (staged, path)),
        })
        .collect();
    let synced = renamed.iter().flatten().map(|(staged, _)| staged);
    let synced = synced.filter(|staged| staged.durability.syncs_directory());
    let names = once_each(synced, Staged::directory, |staged| {
        let Staged { maildir, .. } = staged;
        let directory = maildir.part(staged.place().directory());
        maildir.effects.sync_directory(&directory)
    });
    let finish = |(staged, path): (Staged, PathBuf)| match names.get(&staged.directory()) {
        Some(error) if staged.durability.syncs_directory() => {
            Err(DeliveryError::Unsynced(error.again()))
        }
        _ => Ok(Delivered {
            path,
            sizes: staged.sizes,
        }),
    };
    renamed
        .into_iter()
        .map(|renamed| renamed.and_then(finish))
        .collect()
}

/// Does something once for each key among the messages, and returns what went wrong.
fn once_each<'a, K: Eq + Hash>(
    staged: impl Iterator<Item = &'a Staged>,
    key: impl Fn(&Staged) -> K,
    act: impl Fn(&Staged) -> Result<(), StepError>,
) -> HashMap<K, StepError> {
    let different: HashMap<K, &Staged> = staged.map(|staged| (key(staged), staged)).collect();
    let failed = |(key, staged)| Some((key, act(staged).err()?));
    different.into_iter().filter_map(failed).collect()
}

/// The content of a file in `tmp/`, gathered to large writes.
#[derive(Debug)]
struct Sink {
    effects: Effects,
    path: PathBuf,
    file: File,
    buffer: Vec<u8>,
    size: SizeCounter,
    failure: Option<StepError>,
}

impl Sink {
    fn new(effects: Effects, path: PathBuf, file: File) -> Self {
        let (buffer, size) = (Vec::new(), SizeCounter::default());
        Self {
            effects,
            path,
            file,
            buffer,
            size,
            failure: None,
        }
    }

    /// Takes bytes, unless taking bytes has failed before.
    fn push(&mut self, mut bytes: &[u8]) {
        while self.failure.is_none() && !bytes.is_empty() {
            let room = limits::WRITE_BUFFER - self.buffer.len();
            let (part, rest) = bytes.split_at(room.min(bytes.len()));
            self.buffer.extend_from_slice(part);
            bytes = rest;
            if self.buffer.len() == limits::WRITE_BUFFER {
                self.failure = self.write_out().err();
            }
        }
    }

    fn finish(mut self, options: &Options) -> Result<Sizes, StepError> {
        if let Some(error) = self.failure {
            return Err(error);
        }
        if !self.buffer.is_empty() {
            self.write_out()?;
        }
        let Self {
            effects,
            path,
            file,
            size,
            ..
        } = self;
        if let Some(received) = options.received {
            effects.run(Step::Touch, &path, || file.set_modified(received))?;
        }
        if options.durability.syncs_file() {
            effects.run(Step::SyncFile, &path, || file.sync_all())?;
        }
        effects.close(file, &path)?;
        Ok(Sizes {
            stored: Some(size.stored()),
            wire: Some(size.wire()),
        })
    }

    fn write_out(&mut self) -> Result<(), StepError> {
        let Self {
            effects,
            path,
            file,
            buffer,
            size,
            ..
        } = self;
        effects.run(Step::Write, path, || file.write_all(buffer))?;
        size.push(buffer);
        buffer.clear();
        Ok(())
    }
}

/// A file in `tmp/`, removed unless it is published.
#[derive(Debug)]
struct Temporary {
    effects: Effects,
    path: PathBuf,
    inode: (u64, u64),
    name: UniqueName,
    is_published: bool,
}

impl Temporary {
    /// Gives the file its name without replacing another.
    fn publish(&mut self, target: &Path) -> Result<(), StepError> {
        let renamed = self.effects.run(Step::Rename, target, || {
            rename_noreplace((CWD, &self.path), (CWD, target))
        });
        let published = match renamed {
            Err(error) if is_unsupported(&error) => self
                .effects
                .run(Step::Link, target, || {
                    std::fs::hard_link(&self.path, target)
                })
                .or_else(|error| self.unless_ours(target, error))
                // The message is published: that it has a second name harms nobody.
                .map(|()| drop(self.effects.unlink(&self.path))),
            other => other.or_else(|error| self.unless_ours(target, error)),
        };
        self.is_published = published.is_ok();
        published
    }

    /// NFS may do what it is asked for, lose the answer, be asked again, and then refuse.
    fn unless_ours(&self, target: &Path, error: StepError) -> Result<(), StepError> {
        match target.symlink_metadata() {
            Ok(found) if (found.dev(), found.ino()) == self.inode => Ok(()),
            _ => Err(error),
        }
    }
}

impl Drop for Temporary {
    fn drop(&mut self) {
        if !self.is_published {
            // Nobody is left to be told; what stays in `tmp/` is removed when it is old.
            let _ = self.effects.unlink(&self.path);
        }
    }
}

/// What a file is called, and from where that is looked for.
pub(super) type Named<'a> = (BorrowedFd<'a>, &'a Path);

#[cfg(any(target_os = "linux", target_os = "android", target_vendor = "apple"))]
pub(super) fn rename_noreplace(from: Named<'_>, to: Named<'_>) -> io::Result<()> {
    use rustix::fs::{RenameFlags, renameat_with};
    Ok(renameat_with(
        from.0,
        from.1,
        to.0,
        to.1,
        RenameFlags::NOREPLACE,
    )?)
}

#[cfg(not(any(target_os = "linux", target_os = "android", target_vendor = "apple")))]
pub(super) fn rename_noreplace(_: Named<'_>, _: Named<'_>) -> io::Result<()> {
    Err(Errno::NOSYS.into())
}

/// Whether the file system cannot rename without replacing, so that a link has to do.
pub(super) fn is_unsupported(error: &StepError) -> bool {
    let unsupported = [Errno::INVAL, Errno::NOSYS, Errno::NOTSUP, Errno::OPNOTSUPP];
    Errno::from_io_error(error.reason()).is_some_and(|errno| unsupported.contains(&errno))
}

#[cfg(any(target_os = "linux", target_os = "android"))]
fn sync_filesystem(file: &File) -> io::Result<()> {
    Ok(rustix::fs::syncfs(file)?)
}

/// Elsewhere all file systems are synced together.
#[cfg(not(any(target_os = "linux", target_os = "android")))]
fn sync_filesystem(_: &File) -> io::Result<()> {
    rustix::fs::sync();
    Ok(())
}
