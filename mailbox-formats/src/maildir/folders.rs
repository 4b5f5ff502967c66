//! Maildir++: folders within a Maildir.

use std::ffi::OsString;
use std::fs::OpenOptions;
use std::io;
use std::os::unix::fs::OpenOptionsExt;

use crate::effects::Step;
use crate::error::{DeliveryError, MailboxError};
use crate::maildir::{FolderName, Maildir, NameEncoding};

impl Maildir {
    /// All folders, sorted. The Maildir itself, the INBOX, is none of them.
    ///
    /// A directory whose name is not in this encoding is not a folder by that name: ask with
    /// the other encoding, do not guess.
    ///
    /// # Errors
    /// The directory cannot be read.
    pub fn folders(&self, encoding: NameEncoding) -> Result<Vec<FolderName>, MailboxError> {
        let mut names = Vec::new();
        self.effects.run(Step::ReadDirectory, &self.path, || {
            for entry in std::fs::read_dir(&self.path)? {
                let name: OsString = entry?.file_name();
                let parsed = name
                    .to_str()
                    .and_then(|name| FolderName::parse(name, encoding));
                if let Some(parsed) = parsed.filter(|_| self.path.join(&name).join("cur").is_dir())
                {
                    names.push(parsed);
                }
            }
            Ok(())
        })?;
        names.sort_unstable();
        Ok(names)
    }

    /// Opens a folder.
    ///
    /// # Errors
    /// [`DeliveryError::NotMaildir`] if there is none by this name.
    pub fn folder(&self, name: &FolderName, encoding: NameEncoding) -> Result<Self, DeliveryError> {
        let directory = name.directory(encoding);
        let directory =
            directory.ok_or_else(|| DeliveryError::NotMaildir(self.path.to_path_buf()))?;
        let folder = Self::open_with(self.path.join(directory), self.effects.clone())?;
        Ok(folder.separator(self.separator))
    }

    /// Opens a folder, which is made if it is not there, with the file `maildirfolder` by
    /// which delivery agents know that it is one.
    ///
    /// # Errors
    /// It cannot be made, or the name cannot be one of a directory.
    pub fn create_folder(
        &self,
        name: &FolderName,
        encoding: NameEncoding,
    ) -> Result<Self, DeliveryError> {
        let directory = name.directory(encoding);
        let directory =
            directory.ok_or_else(|| DeliveryError::NotMaildir(self.path.to_path_buf()))?;
        let folder = Self::create_with(self.path.join(directory), self.effects.clone())?;
        let marker = folder.path.join("maildirfolder");
        let made = self.effects.run(Step::Create, &marker, || {
            let mut options = OpenOptions::new();
            options
                .write(true)
                .create_new(true)
                .mode(0o600)
                .open(&marker)
        });
        match made {
            Ok(_) => self.effects.sync_directory(&folder.path)?,
            Err(error) if error.reason().kind() == io::ErrorKind::AlreadyExists => {}
            Err(error) => return Err(error.into()),
        }
        Ok(folder.separator(self.separator))
    }
}
