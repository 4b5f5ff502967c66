//! Mboxes as the folders of an account.
//!
//! INBOX is the mbox that mail is delivered to. The others are in the directory `folders` beside it, all on one level:
//! the messages of `Work/2026` are in `Work.2026.mbox`, with names as in a Maildir++.

use std::fs::{self, OpenOptions};
use std::io;
use std::num::NonZeroU32;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use async_trait::async_trait;
use imap_proto::{NumberSet, Run};
use mailbox_formats::maildir::FolderName;

use super::StoreError;
use super::attending::Attending;
use super::envelope_file;
use super::files::make_folder;
use super::folder::Folder;
use super::lists::Lists;
use super::mbox_folder::MboxFolder;
use super::metadata;
use super::mod_seqs;
use super::recall::Recall;
use super::replace::missing_is_fine;
use super::shared_folder::SharedFolder;
use super::tree::{ENCODING, INBOX, Layout, text_of};
use crate::limits::FOLDER_FILE;

/// The mboxes of an account.
#[derive(Debug, Clone)]
pub(super) struct MboxLayout {
    inbox: PathBuf,
    /// Where the others are.
    directory: PathBuf,
    /// Where large messages wait until they are complete.
    staging: PathBuf,
}

const DIRECTORY: &str = "folders";
const ENDING: &str = ".mbox";

/// Files of ours about a folder, which end in this instead.
const OURS: [&str; 3] = [metadata::OF_A_FOLDER, mod_seqs::NAME, envelope_file::NAME];

impl MboxLayout {
    /// Opens the folders of an account, and makes what is not there. Blocks.
    pub(super) fn open(inbox: PathBuf, staging: PathBuf) -> Result<Self, StoreError> {
        let directory = inbox.with_file_name(DIRECTORY);
        make_folder(&directory)?;
        make_file(&inbox)?;
        Ok(Self {
            inbox,
            directory,
            staging,
        })
    }
}

#[async_trait]
impl Layout for MboxLayout {
    type Folder = SharedFolder<MboxFolder>;

    fn inbox(&self) -> &Path {
        &self.inbox
    }

    fn directory(&self) -> &Path {
        &self.directory
    }

    fn names(&self) -> Result<Vec<FolderName>, StoreError> {
        let mut names = Vec::new();
        for entry in fs::read_dir(&self.directory)? {
            let file = entry?.file_name();
            let name = file.to_str().and_then(|name| name.strip_suffix(ENDING));
            names.extend(name.and_then(|name| FolderName::parse(&format!(".{name}"), ENCODING)));
        }
        Ok(names)
    }

    fn path_of(&self, name: &FolderName) -> Result<PathBuf, StoreError> {
        let directory = name.directory(ENCODING).ok_or(StoreError::Unsupported)?;
        let name = directory.strip_prefix('.').unwrap_or(&directory);
        match name.len() > FOLDER_FILE {
            true => Err(StoreError::Unsupported),
            false => Ok(self.directory.join(format!("{name}{ENDING}"))),
        }
    }

    fn is_there(&self, path: &Path) -> bool {
        path.is_file()
    }

    fn make(&self, name: &FolderName) -> Result<(), StoreError> {
        make_file(&self.path_of(name)?)
    }

    fn remove(&self, path: &Path) -> Result<(), StoreError> {
        fs::remove_file(path)?;
        for file in OURS {
            missing_is_fine(fs::remove_file(path.with_extension(file)))?;
        }
        Ok(())
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        fs::rename(from, to)?;
        for file in OURS {
            missing_is_fine(fs::rename(
                from.with_extension(file),
                to.with_extension(file),
            ))?;
        }
        Ok(())
    }

    fn noted_about(&self, path: &Path) -> PathBuf {
        match path == self.inbox {
            true => path.with_file_name(metadata::OF_A_FOLDER),
            false => path.with_extension(metadata::OF_A_FOLDER),
        }
    }

    fn noted_about_all(&self) -> PathBuf {
        self.inbox.with_file_name(metadata::OF_THE_SERVER)
    }

    fn folder(
        &self,
        name: Option<&FolderName>,
        path: &Path,
        recall: Recall,
        attending: Attending,
    ) -> Result<Self::Folder, StoreError> {
        let name = name.map_or_else(|| INBOX.to_owned(), text_of);
        let id = Lists::new(&self.directory).id_of(&name)?;
        let folder = MboxFolder::new(path.to_owned(), self.staging.clone(), id);
        Ok(SharedFolder::new(folder, recall, attending))
    }

    async fn move_all(&self, from: Self::Folder, to: Self::Folder) -> Result<(), StoreError> {
        let all = NumberSet::from(Run::new(NonZeroU32::MIN, NonZeroU32::MAX));
        let (moved, _) = from.copy(&all, &to).await?;
        from.expunge(&moved.into_iter().collect()).await
    }
}

/// Makes an mbox without messages, unless it is there.
fn make_file(path: &Path) -> Result<(), StoreError> {
    let mut options = OpenOptions::new();
    options.append(true).create(true).mode(0o600).open(path)?;
    Ok(())
}
