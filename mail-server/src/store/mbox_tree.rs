//! Mboxes as the folders of an account.
//!
//! INBOX is the mbox that mail is delivered to. The others are in the directory `folders` beside it, all on one level:
//! the messages of `Work/2026` are in `Work.2026.mbox`, with names as in a Maildir++.

use std::fs::{self, OpenOptions};
use std::io;
use std::num::NonZeroU32;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use imap_proto::{MailboxAttributes, MailboxName, NumberSet, Run};
use mailbox_formats::maildir::FolderName;
use tokio::task::spawn_blocking;

use super::files::make_folder;
use super::folder::{Folder, FolderEntry, Folders};
use super::lists::Lists;
use super::maildir_tree::{DELIMITER, ENCODING, folder_name, text_of};
use super::mbox_folder::MboxFolder;
use super::metadata::{self, Metadata};
use super::open_folders::OpenFolders;
use super::{StoreError, lost};
use crate::limits::FOLDER_FILE;

/// The folders of an account.
#[derive(Debug, Clone)]
pub(super) struct MboxTree {
    inbox: PathBuf,
    /// Where the others are.
    directory: PathBuf,
    /// Where large messages wait until they are complete.
    staging: PathBuf,
    open: OpenFolders<MboxFolder>,
}

const DIRECTORY: &str = "folders";
const ENDING: &str = ".mbox";

impl MboxTree {
    /// Opens the folders of an account, and makes what is not there. Blocks.
    pub(super) fn open(
        inbox: PathBuf,
        staging: PathBuf,
        open: OpenFolders<MboxFolder>,
    ) -> Result<Self, StoreError> {
        let directory = inbox.with_file_name(DIRECTORY);
        make_folder(&directory)?;
        make(&inbox)?;
        Ok(Self {
            inbox,
            directory,
            staging,
            open,
        })
    }

    async fn with<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Self) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, StoreError> {
        let tree = self.clone();
        let done = spawn_blocking(move || work(&tree));
        done.await.map_err(|_| lost())?
    }

    fn lists(&self) -> Lists<'_> {
        Lists::new(&self.directory, DELIMITER)
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

    /// Where it stands what is noted about a folder, or about the account.
    fn metadata_file(&self, folder: Option<&MailboxName>) -> Result<PathBuf, StoreError> {
        let Some(name) = folder else {
            return Ok(self.inbox.with_file_name(metadata::OF_THE_SERVER));
        };
        if name.is_inbox() {
            return Ok(self.inbox.with_file_name(metadata::OF_A_FOLDER));
        }
        let folder = folder_name(&name.to_text()).map_err(|_| StoreError::NoFolder)?;
        let path = self.path_of(&folder)?;
        match path.is_file() {
            true => Ok(noted_beside(&path)),
            false => Err(StoreError::NoFolder),
        }
    }

    fn create_file(&self, name: &MailboxName, uses: MailboxAttributes) -> Result<(), StoreError> {
        let text = name.to_text();
        let text = text.strip_suffix(DELIMITER).unwrap_or(&text);
        let name = folder_name(text)?;
        let path = self.path_of(&name)?;
        if path.exists() {
            return Err(StoreError::Exists);
        }
        // What is above it is made with it.
        for length in 1..name.parts().len() {
            let above = FolderName::new(name.parts()[..length].iter().map(String::as_str));
            if let Some(above) = above {
                make(&self.path_of(&above)?)?;
            }
        }
        make(&path)?;
        self.lists().created(text, uses)
    }

    fn delete_file(&self, name: &MailboxName) -> Result<(), StoreError> {
        let text = name.to_text();
        let path = self.path_of(&folder_name(&text)?)?;
        match fs::remove_file(&path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Err(StoreError::NoFolder),
            removed => {
                removed?;
                self.open.forget(&path);
                missing_is_fine(fs::remove_file(noted_beside(&path)))?;
                self.lists().deleted(&text)
            }
        }
    }

    fn rename_files(&self, from: &MailboxName, to: &MailboxName) -> Result<(), StoreError> {
        let (source, target) = (folder_name(&from.to_text())?, folder_name(&to.to_text())?);
        if self.path_of(&target)?.exists() {
            return Err(StoreError::Exists);
        }
        if !self.path_of(&source)?.exists() {
            return Err(StoreError::NoFolder);
        }
        if target.parts().starts_with(source.parts()) {
            return Err(StoreError::Unsupported);
        }
        let names = self.names()?;
        let moved = names
            .iter()
            .filter(|name| name.parts().starts_with(source.parts()));
        let mut renames = Vec::new();
        for name in moved {
            let rest = &name.parts()[source.parts().len()..];
            let renamed = target.parts().iter().chain(rest).map(String::as_str);
            let renamed = FolderName::new(renamed).ok_or(StoreError::Unsupported)?;
            let (path, new) = (self.path_of(name)?, self.path_of(&renamed)?);
            fs::rename(&path, &new)?;
            missing_is_fine(fs::rename(noted_beside(&path), noted_beside(&new)))?;
            self.open.forget(&path);
            renames.push((text_of(name), text_of(&renamed)));
        }
        self.lists().renamed(&renames)
    }

    fn folder(&self, name: &str, path: &Path) -> Result<MboxFolder, StoreError> {
        if !path.is_file() {
            return Err(StoreError::NoFolder);
        }
        let make = |recall, attending| {
            let (path, staging) = (path.to_owned(), self.staging.clone());
            let id = self.lists().id_of(name)?;
            Ok(MboxFolder::new(path, staging, id, recall, attending))
        };
        self.open.share(path, make)
    }

    /// The messages of INBOX go to a new folder. After a crash some may be in both.
    async fn rename_inbox(&self, from: &MailboxName, to: &MailboxName) -> Result<(), StoreError> {
        self.create(to, MailboxAttributes::empty()).await?;
        let (inbox, target) = (self.open(from).await?, self.open(to).await?);
        let all = NumberSet::from(Run::new(NonZeroU32::MIN, NonZeroU32::MAX));
        let (moved, _) = inbox.copy(&all, &*target).await?;
        inbox.expunge(&moved.into_iter().collect()).await
    }
}

fn noted_beside(path: &Path) -> PathBuf {
    path.with_extension(metadata::OF_A_FOLDER)
}

fn missing_is_fine(done: io::Result<()>) -> io::Result<()> {
    match done {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        done => done,
    }
}

/// Makes an mbox without messages, unless it is there.
fn make(path: &Path) -> Result<(), StoreError> {
    let mut options = OpenOptions::new();
    options.append(true).create(true).mode(0o600).open(path)?;
    Ok(())
}

#[async_trait]
impl Folders for MboxTree {
    fn delimiter(&self) -> Option<char> {
        Some(DELIMITER)
    }

    async fn list(&self) -> Result<Vec<FolderEntry>, StoreError> {
        self.with(|tree| {
            let names = tree.names()?;
            let names = names.iter().map(text_of).chain(["INBOX".to_owned()]);
            tree.lists().entries(names)
        })
        .await
    }

    async fn create(&self, name: &MailboxName, uses: MailboxAttributes) -> Result<(), StoreError> {
        if name.is_inbox() {
            return Err(StoreError::Exists);
        }
        let name = name.clone();
        self.with(move |tree| tree.create_file(&name, uses)).await
    }

    async fn delete(&self, name: &MailboxName) -> Result<(), StoreError> {
        if name.is_inbox() {
            return Err(StoreError::Unsupported);
        }
        let name = name.clone();
        self.with(move |tree| tree.delete_file(&name)).await
    }

    async fn rename(&self, from: &MailboxName, to: &MailboxName) -> Result<(), StoreError> {
        if to.is_inbox() {
            return Err(StoreError::Exists);
        }
        if from.is_inbox() {
            return self.rename_inbox(from, to).await;
        }
        let (from, to) = (from.clone(), to.clone());
        self.with(move |tree| tree.rename_files(&from, &to)).await
    }

    async fn subscribe(&self, name: &MailboxName, subscribed: bool) -> Result<(), StoreError> {
        let name = name.to_text().into_owned();
        self.with(move |tree| {
            let _alone = tree.open.alone();
            tree.lists().subscribe(name, subscribed)
        })
        .await
    }

    async fn metadata(&self, folder: Option<&MailboxName>) -> Result<Metadata, StoreError> {
        let folder = folder.cloned();
        self.with(move |tree| metadata::read(&tree.metadata_file(folder.as_ref())?))
            .await
    }

    async fn annotate(
        &self,
        folder: Option<&MailboxName>,
        changes: Vec<(String, Option<Bytes>)>,
    ) -> Result<(), StoreError> {
        let folder = folder.cloned();
        self.with(move |tree| {
            let _alone = tree.open.alone();
            metadata::write(&tree.metadata_file(folder.as_ref())?, changes)
        })
        .await
    }

    async fn open(&self, name: &MailboxName) -> Result<Arc<dyn Folder>, StoreError> {
        let name = name.clone();
        let folder = self.with(move |tree| match name.is_inbox() {
            true => tree.folder(&name.to_text(), &tree.inbox),
            false => {
                let text = name.to_text();
                let name = folder_name(&text).map_err(|_| StoreError::NoFolder)?;
                tree.folder(&text, &tree.path_of(&name)?)
            }
        });
        Ok(Arc::new(folder.await?))
    }
}
