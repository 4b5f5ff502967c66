//! In which of many directories something changes.

#[cfg(not(any(target_os = "linux", target_os = "android")))]
mod elsewhere;
#[cfg(any(target_os = "linux", target_os = "android"))]
mod linux;

use std::fmt;
use std::path::Path;

#[cfg(not(any(target_os = "linux", target_os = "android")))]
use elsewhere::Watcher;
#[cfg(any(target_os = "linux", target_os = "android"))]
use linux::Watcher;

use crate::error::MailboxError;

/// Tells which files come, go, or get another content in directories, of which there may be many: one handle of the
/// kernel and one thread serve all of them.
///
/// It is what the kernel says, and no more: it may be told twice, and what another host does on a file system that
/// they share is not told at all. So what has changed is to be found by looking, and now and then it is to be looked
/// without being told. [`maildir::Watch`](crate::maildir::Watch) does so for one Maildir.
///
/// On systems other than Linux the crate `notify` asks the kernel. There a directory that is watched under two names
/// may be told under one of them only, and one that was renamed since under its old name.
///
/// ```
/// use mailbox_formats::Lookout;
/// use std::sync::mpsc;
/// use std::time::Duration;
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let directory = tempfile::tempdir()?;
/// let (tell, told) = mpsc::channel();
/// let lookout = Lookout::new(move |path| {
///     let _ = tell.send(path.map(|path| path.to_owned()));
/// })?;
/// lookout.watch(directory.path())?;
/// let file = directory.path().join("mbox");
/// std::fs::write(&file, "From x\n")?;
/// assert_eq!(told.recv_timeout(Duration::from_secs(10))?, Some(file));
/// # Ok(())
/// # }
/// ```
pub struct Lookout(Watcher);

impl Lookout {
    /// Looks out for nothing yet. A thread calls `told` with the path of a file, or without one if more has happened than
    /// the kernel could keep: then anything may have changed.
    ///
    /// # Errors
    ///
    /// The kernel has no such handle left: there may be few for each user.
    pub fn new(told: impl Fn(Option<&Path>) + Send + 'static) -> Result<Self, MailboxError> {
        Ok(Self(Watcher::new(told).map_err(MailboxError::Watch)?))
    }

    /// Looks out for changes in a directory, not below it.
    ///
    /// # Errors
    ///
    /// It is not there, or the kernel has no watch left.
    pub fn watch(&self, directory: &Path) -> Result<(), MailboxError> {
        self.0.watch(directory).map_err(MailboxError::Watch)
    }

    /// Looks out for files that come to a directory, go from it or are renamed there, not for what is written to them.
    /// That is all that happens in a Maildir; to open and read its many files takes longer for all programs while somebody looks
    /// out for more. A directory that is [watched](Self::watch) stays so.
    ///
    /// On systems other than Linux it is told what is written, too.
    ///
    /// # Errors
    ///
    /// It is not there, or the kernel has no watch left.
    pub fn watch_names(&self, directory: &Path) -> Result<(), MailboxError> {
        self.0.watch_names(directory).map_err(MailboxError::Watch)
    }

    /// Looks out for changes in a directory no more.
    pub fn unwatch(&self, directory: &Path) {
        self.0.unwatch(directory);
    }
}

impl fmt::Debug for Lookout {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Lookout").finish_non_exhaustive()
    }
}
