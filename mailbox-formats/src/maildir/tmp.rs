//! What crashes have left in `tmp/`.

use std::os::unix::fs::MetadataExt;
use std::time::{Duration, SystemTime};

use crate::effects::Step;
use crate::error::MailboxError;
use crate::limits;
use crate::maildir::Maildir;

impl Maildir {
    /// Removes files from `tmp/` that nobody has touched for 36 hours, and returns how many.
    ///
    /// What counts is the time at which the file itself last changed (ctime), which no program
    /// can set: a delivery may give a file the date of an old message.
    ///
    /// # Errors
    /// The directory cannot be read. Files that cannot be removed are passed over.
    pub fn clean_tmp(&self) -> Result<usize, MailboxError> {
        let tmp = self.part("tmp");
        let now = self.effects.system().now();
        let mut old = Vec::new();
        self.effects.run(Step::ReadDirectory, &tmp, || {
            for entry in std::fs::read_dir(&tmp)? {
                let entry = entry?;
                // It may have been published meanwhile.
                let Ok(metadata) = entry.metadata() else {
                    continue;
                };
                let changed = Duration::from_secs(metadata.ctime().try_into().unwrap_or(0));
                let age = now.duration_since(SystemTime::UNIX_EPOCH + changed);
                if metadata.is_file() && age.is_ok_and(|age| age > limits::TMP_AGE) {
                    old.push(entry.path());
                }
            }
            Ok(())
        })?;
        let removed = old.iter().filter(|path| self.effects.unlink(path).is_ok());
        Ok(removed.count())
    }
}
