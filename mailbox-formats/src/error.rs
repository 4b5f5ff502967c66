//! What can go wrong with a mailbox, told apart as far as a server has to.

use std::io;
use std::path::{Path, PathBuf};

use crate::effects::Step;
use crate::mbox::LockError;

/// A delivery that did not happen.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DeliveryError {
    /// A step on the disk failed; nothing of the message is visible.
    #[error(transparent)]
    Step(#[from] StepError),
    /// The mbox stayed locked by others; nothing of the message is visible.
    #[error(transparent)]
    Lock(LockError),
    /// Every name that was tried is taken: the clock or the random source is broken.
    #[error("no free name in {0:?}")]
    NoFreeName(PathBuf),
    /// The directory lacks `tmp`, `new` or `cur`.
    #[error("not a Maildir, for it is missing: {0:?}")]
    NotMaildir(PathBuf),
    /// The mbox is a directory, a device, or a file with a second name: delivering into it
    /// could write where the owner of the mailbox may not.
    #[error("not a regular file with one name: {0:?}")]
    NotMbox(PathBuf),
    /// The message is visible, but whether it outlives a power failure is unknown.
    ///
    /// Delivering it again may double it; taking this for success may lose it.
    #[error("delivered, but perhaps not durably: {0}")]
    Unsynced(StepError),
    /// An append failed, and so did taking it back: the mbox may end in a part of the message.
    #[error("{cause}; and part of the message may remain: {rollback}")]
    Rollback {
        /// Why the append failed.
        cause: StepError,
        /// Why it could not be taken back.
        rollback: StepError,
    },
}

impl DeliveryError {
    /// Whether trying again later can help, so that a server answers 4xx and not 5xx.
    #[must_use]
    pub fn is_temporary(&self) -> bool {
        match self {
            Self::NotMbox(_) => false,
            Self::NoFreeName(_) | Self::NotMaildir(_) => true,
            Self::Lock(error) => error.is_temporary(),
            Self::Step(error) | Self::Unsynced(error) => error.is_temporary(),
            Self::Rollback { cause, .. } => cause.is_temporary(),
        }
    }

    /// Which resource is at fault.
    #[must_use]
    pub fn fault(&self) -> Fault {
        match self {
            Self::Step(error) | Self::Unsynced(error) => error.fault(),
            Self::Rollback { cause, .. } => cause.fault(),
            Self::Lock(error) => error.fault(),
            Self::NotMaildir(_) => Fault::Missing,
            Self::NoFreeName(_) | Self::NotMbox(_) => Fault::Other,
        }
    }
}

/// A mailbox that cannot be read or changed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum MailboxError {
    /// A step on the disk failed.
    #[error(transparent)]
    Step(#[from] StepError),
    /// The mailbox, or a list that belongs to it, stayed locked by others.
    #[error(transparent)]
    Lock(LockError),
    /// The message is not there any more: somebody has removed it.
    #[error("no longer there: {0:?}")]
    Vanished(PathBuf),
    /// The mbox was changed by another program in a way that what was known of its messages
    /// no longer holds: they have to be listed again.
    #[error("the mbox was changed by another program")]
    Changed,
    /// The mbox is a directory, a device, or a file with a second name.
    #[error("not a regular file with one name: {0:?}")]
    NotMbox(PathBuf),
    /// The kernel does not tell of changes: its watches are used up, for example.
    #[cfg(feature = "watch")]
    #[error("cannot watch: {0}")]
    Watch(io::Error),
    /// All 26 letters for keywords are taken, or this cannot be the name of one.
    #[error("no keyword can be added in {0:?}")]
    NoKeyword(PathBuf),
    /// Every number for a message has been used: the mailbox needs a new UIDVALIDITY.
    #[error("no number is left for a message in {0:?}")]
    NoNumber(PathBuf),
}

impl MailboxError {
    /// Whether trying again later can help.
    #[must_use]
    pub fn is_temporary(&self) -> bool {
        match self {
            Self::Vanished(_) | Self::NoKeyword(_) | Self::NoNumber(_) => false,
            Self::NotMbox(_) => false,
            Self::Changed => true,
            #[cfg(feature = "watch")]
            Self::Watch(_) => true,
            Self::Lock(error) => error.is_temporary(),
            Self::Step(error) => error.is_temporary(),
        }
    }

    /// Which resource is at fault.
    #[must_use]
    pub fn fault(&self) -> Fault {
        match self {
            Self::Vanished(_) => Fault::Missing,
            Self::Changed => Fault::Busy,
            #[cfg(feature = "watch")]
            Self::Watch(_) => Fault::Other,
            Self::NoKeyword(_) | Self::NoNumber(_) | Self::NotMbox(_) => Fault::Other,
            Self::Lock(error) => error.fault(),
            Self::Step(error) => error.fault(),
        }
    }
}

impl From<MailboxError> for io::Error {
    fn from(error: MailboxError) -> Self {
        match error {
            MailboxError::Step(error) => error.into(),
            error => Self::other(error),
        }
    }
}

impl From<DeliveryError> for io::Error {
    fn from(error: DeliveryError) -> Self {
        match error {
            DeliveryError::Step(error) => error.into(),
            error => Self::other(error),
        }
    }
}

impl From<LockError> for DeliveryError {
    fn from(error: LockError) -> Self {
        match error {
            LockError::NotMbox(path) => Self::NotMbox(path),
            error => Self::Lock(error),
        }
    }
}

impl From<LockError> for MailboxError {
    fn from(error: LockError) -> Self {
        match error {
            LockError::NotMbox(path) => Self::NotMbox(path),
            error => Self::Lock(error),
        }
    }
}

/// One effect on the disk that failed: which, where and why.
#[derive(Debug, thiserror::Error)]
#[error("cannot {step} {path:?}: {reason}")]
pub struct StepError {
    step: Step,
    path: PathBuf,
    reason: io::Error,
}

impl StepError {
    pub(crate) fn new(step: Step, path: &Path, reason: io::Error) -> Self {
        Self {
            step,
            path: path.to_owned(),
            reason,
        }
    }

    /// The same failure once more, for a caller who goes on after a failed write.
    pub(crate) fn again(&self) -> Self {
        let reason = match self.reason.raw_os_error() {
            Some(code) => io::Error::from_raw_os_error(code),
            None => self.reason.kind().into(),
        };
        Self::new(self.step, &self.path, reason)
    }

    /// The step that failed.
    #[must_use]
    pub fn step(&self) -> Step {
        self.step
    }

    /// The file or directory on which it failed.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// What the operating system said.
    #[must_use]
    pub fn reason(&self) -> &io::Error {
        &self.reason
    }

    /// Which resource is at fault.
    #[must_use]
    pub fn fault(&self) -> Fault {
        match self.reason.kind() {
            io::ErrorKind::StorageFull => Fault::Full,
            io::ErrorKind::QuotaExceeded => Fault::Quota,
            io::ErrorKind::PermissionDenied => Fault::Denied,
            io::ErrorKind::ReadOnlyFilesystem => Fault::ReadOnly,
            io::ErrorKind::FileTooLarge => Fault::TooLarge,
            io::ErrorKind::NotFound => Fault::Missing,
            _ => Fault::Other,
        }
    }

    /// Whether trying again later can help.
    ///
    /// Always if the spool failed: it is the server's, and says nothing about the mailbox.
    #[must_use]
    pub fn is_temporary(&self) -> bool {
        self.step == Step::Spool || self.fault().is_temporary()
    }
}

impl From<StepError> for io::Error {
    fn from(error: StepError) -> Self {
        Self::new(error.reason.kind(), error)
    }
}

/// Which resource made a step fail.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Fault {
    /// The file system is full (`ENOSPC`): SMTP says 452 4.3.1.
    Full,
    /// The quota of the owner is used up (`EDQUOT`): SMTP says 452 4.2.2 or 552 5.2.2.
    Quota,
    /// A permission is missing (`EACCES`, `EPERM`): SMTP says 550 5.2.0, for time alone will
    /// not mend it.
    Denied,
    /// The file system is mounted read-only (`EROFS`): SMTP says 451 4.3.0.
    ReadOnly,
    /// The file would become larger than it may (`EFBIG`): SMTP says 552 5.2.2.
    TooLarge,
    /// The mailbox or a part of it is not there (`ENOENT`): not mounted, perhaps, so SMTP
    /// says 451 4.2.0 rather than lose mail.
    Missing,
    /// Others hold the mailbox: SMTP says 451 4.2.0.
    Busy,
    /// Anything else, such as `EIO`: SMTP says 451 4.3.0.
    Other,
}

impl Fault {
    /// Whether the fault can pass without anybody's doing something about the mailbox itself.
    #[must_use]
    pub fn is_temporary(self) -> bool {
        match self {
            Self::Full | Self::Quota | Self::ReadOnly => true,
            Self::Missing | Self::Busy | Self::Other => true,
            Self::Denied | Self::TooLarge => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rustix::io::Errno;

    #[test]
    fn errors_of_the_system_are_told_apart() {
        let table = [
            (Errno::NOSPC, Fault::Full, true),
            (Errno::DQUOT, Fault::Quota, true),
            (Errno::ACCESS, Fault::Denied, false),
            (Errno::PERM, Fault::Denied, false),
            (Errno::ROFS, Fault::ReadOnly, true),
            (Errno::FBIG, Fault::TooLarge, false),
            (Errno::NOENT, Fault::Missing, true),
            (Errno::IO, Fault::Other, true),
        ];
        for (errno, fault, temporary) in table {
            let error = StepError::new(Step::Write, Path::new("/m"), errno.into());
            let error = DeliveryError::from(error.again());
            assert_eq!(
                (error.fault(), error.is_temporary()),
                (fault, temporary),
                "{error}"
            );
        }
    }
}
