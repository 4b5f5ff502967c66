//! A password file as the users of a server.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::available_parallelism;
use std::time::SystemTime;

use async_trait::async_trait;
use sasl::server::{Failure, Need, Step};
use sasl::{LineError, Mechanism, PasswordFile};
use tokio::sync::Semaphore;
use tracing::{error, info};

use super::{Authenticator, Origin};

/// Users from a [`PasswordFile`]. Everybody is but themselves.
///
/// As many passwords are hashed at a time as there are processors: each may take a lot of
/// memory, and anybody may have us do it. It is done on blocking threads.
#[derive(Debug)]
pub struct Passwords {
    held: Arc<Held>,
    hashing: Semaphore,
}

/// The users, and where they are from.
#[derive(Debug)]
struct Held {
    file: Mutex<Arc<PasswordFile>>,
    source: Option<Source>,
}

#[derive(Debug)]
struct Source {
    path: PathBuf,
    /// What the file looked like when it was last looked at.
    seen: Mutex<Option<Seen>>,
}

type Seen = (SystemTime, u64);

impl Passwords {
    /// Users from a file, which is read again when it has changed, at the next attempt. If it
    /// cannot be read then, or has errors, the log says so, and those who were there stay.
    ///
    /// # Errors
    ///
    /// If it cannot be read now, or has errors.
    pub fn from_file(path: impl Into<PathBuf>) -> Result<Self, PasswordsError> {
        let path = path.into();
        let (file, seen) = read(&path)?;
        Ok(Self::of(
            file,
            Some(Source {
                path,
                seen: Mutex::new(seen),
            }),
        ))
    }

    fn of(file: PasswordFile, source: Option<Source>) -> Self {
        Self {
            held: Arc::new(Held {
                file: Mutex::new(Arc::new(file)),
                source,
            }),
            hashing: Semaphore::new(available_parallelism().map_or(1, usize::from)),
        }
    }
}

/// Users that are known for good.
impl From<PasswordFile> for Passwords {
    fn from(file: PasswordFile) -> Self {
        Self::of(file, None)
    }
}

#[async_trait]
impl Authenticator for Passwords {
    fn mechanisms(&self) -> Vec<Mechanism> {
        self.held.last_read().mechanisms()
    }

    fn shares_secrets(&self) -> bool {
        self.held.last_read().shares_secrets()
    }

    async fn answer(&self, _: &Origin, need: Need) -> Step {
        let Ok(_turn) = self.hashing.acquire().await else {
            return Step::Done(Err(Failure::Unavailable));
        };
        let held = Arc::clone(&self.held);
        let answered = tokio::task::spawn_blocking(move || held.current().answer(need));
        answered
            .await
            .unwrap_or(Step::Done(Err(Failure::Unavailable)))
    }
}

impl Held {
    fn last_read(&self) -> Arc<PasswordFile> {
        let file = self.file.lock().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(&file)
    }

    /// The users as they are now. Blocks: it looks at the file.
    fn current(&self) -> Arc<PasswordFile> {
        if let Some(source) = &self.source {
            if let Some(file) = source.changed() {
                let mut held = self.file.lock().unwrap_or_else(PoisonError::into_inner);
                *held = Arc::new(file.with_decoys_of(&held));
            }
        }
        self.last_read()
    }
}

impl Source {
    /// The users, if the file has changed and can be used.
    fn changed(&self) -> Option<PasswordFile> {
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        if look(&self.path).ok()? == *seen {
            return None;
        }
        match read(&self.path) {
            Ok((file, now)) => {
                *seen = now;
                info!(path = %self.path.display(), "users read again");
                Some(file)
            }
            Err(error) => {
                // Said once for each change.
                *seen = look(&self.path).ok()?;
                error!(%error, path = %self.path.display(), "users not read again");
                None
            }
        }
    }
}

/// When a file was changed last, and its size.
fn look(path: &Path) -> io::Result<Option<Seen>> {
    let about = std::fs::metadata(path)?;
    Ok(about.modified().ok().map(|time| (time, about.len())))
}

fn read(path: &Path) -> Result<(PasswordFile, Option<Seen>), PasswordsError> {
    // Looked at before it is read: what is changed meanwhile is seen the next time.
    let seen = look(path)?;
    let text = std::fs::read_to_string(path)?;
    let file = PasswordFile::parse(&text).map_err(PasswordsError::Lines)?;
    Ok((file, seen))
}

/// Why a file of users cannot be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PasswordsError {
    /// It cannot be read.
    #[error("{0}")]
    Io(#[from] io::Error),
    /// These lines are in error.
    #[error("{}", .0.iter().map(ToString::to_string).collect::<Vec<_>>().join("; "))]
    Lines(Vec<LineError>),
}

#[cfg(test)]
mod tests {
    use sasl::server::Verdict;

    use super::*;

    #[test]
    fn a_file_is_read_again() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("users");
        let write = |text: &str| std::fs::write(&path, text).expect("written");
        write("tim:{PLAIN}one\n");
        let users = Passwords::from_file(&path).expect("users");
        let verify = |user, password| users.held.current().verify(user, password);
        assert_eq!(verify("tim", "one"), Verdict::Accept);
        write("tim:{PLAIN}other\ntom:{PLAIN}x\n");
        assert_eq!(verify("tim", "one"), Verdict::Reject);
        assert_eq!(verify("tom", "x"), Verdict::Accept);
        // What is in error changes nothing; nor does it when there is no file.
        write("tim:nothing\n");
        assert_eq!(verify("tom", "x"), Verdict::Accept);
        write("tom:{PLAIN}yy\n");
        assert_eq!(verify("tom", "yy"), Verdict::Accept);
        std::fs::remove_file(&path).expect("removed");
        assert_eq!(verify("tom", "yy"), Verdict::Accept);
        write("");
        assert_eq!(verify("tom", "yy"), Verdict::Reject);
        let error = Passwords::from_file(folder.path().join("none")).expect_err("no file");
        assert!(matches!(error, PasswordsError::Io(_)));
        write("a\nb\n");
        let error = Passwords::from_file(&path)
            .expect_err("no users")
            .to_string();
        assert!(
            error.starts_with("line 1: no colon") && error.contains("; line 2"),
            "{error}"
        );
    }
}
