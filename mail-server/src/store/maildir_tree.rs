//! A Maildir++ as the folders of an account.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use imap_proto::{MailboxAttributes, MailboxName};
use mailbox_formats::maildir::{FolderName, Maildir, NameEncoding};
use tokio::task::spawn_blocking;

use super::folder::{Folder, FolderEntry, Folders, Quota};
use super::lists::Lists;
use super::maildir_folder::MaildirFolder;
use super::maildir_quota::{self, Budget};
use super::metadata::{self, Metadata};
use super::open_folders::OpenFolders;
use super::{StoreError, lost};

/// The folders of an account: INBOX is the Maildir itself, the others are in it.
#[derive(Debug, Clone)]
pub(super) struct MaildirTree {
    maildir: Maildir,
    open: OpenFolders<MaildirFolder>,
}

pub(super) const DELIMITER: char = '/';
pub(super) const ENCODING: NameEncoding = NameEncoding::ModifiedUtf7;

/// The folder that does not count against the quota, by the format.
const TRASH: &str = "Trash";

impl MaildirTree {
    /// Opens the folders of an account, and makes its Maildir if it is not there. Blocks.
    pub(super) fn open(path: &Path, open: OpenFolders<MaildirFolder>) -> Result<Self, StoreError> {
        // Where another session has it open, it need not be opened again, nor take another file handle.
        let maildir = match open.get(path) {
            Some(folder) => folder.maildir().clone(),
            None => Maildir::open(path).or_else(|_| Maildir::create(path))?,
        };
        Ok(Self { maildir, open })
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
        Lists::new(self.maildir.path(), DELIMITER)
    }

    fn names(&self) -> Result<Vec<FolderName>, StoreError> {
        Ok(self.maildir.folders(ENCODING)?)
    }

    fn path_of(&self, name: &FolderName) -> Result<PathBuf, StoreError> {
        let directory = name.directory(ENCODING).ok_or(StoreError::Unsupported)?;
        Ok(self.maildir.path().join(directory))
    }

    /// Where it stands what is noted about a folder, or about the account.
    fn metadata_file(&self, folder: Option<&MailboxName>) -> Result<PathBuf, StoreError> {
        let root = self.maildir.path();
        let Some(name) = folder else {
            return Ok(root.join(metadata::OF_THE_SERVER));
        };
        if name.is_inbox() {
            return Ok(root.join(metadata::OF_A_FOLDER));
        }
        let folder = folder_name(&name.to_text()).map_err(|_| StoreError::NoFolder)?;
        let path = self.path_of(&folder)?;
        match path.join("cur").is_dir() {
            true => Ok(path.join(metadata::OF_A_FOLDER)),
            false => Err(StoreError::NoFolder),
        }
    }

    fn create(&self, name: &MailboxName, uses: MailboxAttributes) -> Result<(), StoreError> {
        let text = name.to_text();
        let text = text.strip_suffix(DELIMITER).unwrap_or(&text);
        let name = folder_name(text)?;
        if self.path_of(&name)?.join("cur").is_dir() {
            return Err(StoreError::Exists);
        }
        // What is above it is made with it.
        for length in 1..name.parts().len() {
            let above = FolderName::new(name.parts()[..length].iter().map(String::as_str));
            if let Some(above) = above {
                self.maildir.create_folder(&above, ENCODING)?;
            }
        }
        self.maildir.create_folder(&name, ENCODING)?;
        self.lists().created(text, uses)
    }

    fn delete(&self, name: &MailboxName) -> Result<(), StoreError> {
        let text = name.to_text();
        let path = self.path_of(&folder_name(&text)?)?;
        if !path.join("cur").is_dir() {
            return Err(StoreError::NoFolder);
        }
        // Out of the way first: what is left of it after a crash is no folder.
        let aside = self.maildir.path().join("tmp").join(format!(
            "deleted-{}-{}",
            std::process::id(),
            path.file_name().unwrap_or_default().to_string_lossy()
        ));
        fs::rename(&path, &aside)?;
        self.open.forget(&path);
        fs::remove_dir_all(&aside)?;
        self.lists().deleted(&text)
    }

    fn rename(&self, from: &MailboxName, to: &MailboxName) -> Result<(), StoreError> {
        let (old, new) = (from.to_text(), to.to_text());
        let target = folder_name(&new)?;
        if self.path_of(&target)?.join("cur").is_dir() {
            return Err(StoreError::Exists);
        }
        let source = folder_name(&old)?;
        if !self.path_of(&source)?.join("cur").is_dir() {
            return Err(StoreError::NoFolder);
        }
        if target.parts().starts_with(source.parts()) {
            return Err(StoreError::Unsupported);
        }
        let moved = self.names()?;
        let moved = moved
            .iter()
            .filter(|name| name.parts().starts_with(source.parts()));
        let mut renames = Vec::new();
        for name in moved {
            let rest = &name.parts()[source.parts().len()..];
            let renamed = target.parts().iter().chain(rest).map(String::as_str);
            let renamed = FolderName::new(renamed).ok_or(StoreError::Unsupported)?;
            let path = self.path_of(name)?;
            fs::rename(&path, self.path_of(&renamed)?)?;
            self.open.forget(&path);
            renames.push((text_of(name), text_of(&renamed)));
        }
        self.lists().renamed(&renames)
    }

    /// The messages of INBOX go to a new folder.
    fn rename_inbox(&self, to: &MailboxName) -> Result<(), StoreError> {
        self.create(to, MailboxAttributes::empty())?;
        let target = self.path_of(&folder_name(&to.to_text())?)?;
        for entry in self.maildir.list()? {
            let place = entry.place().directory();
            let name = entry.name().as_os_str();
            let moved = fs::rename(
                self.maildir.path().join(place).join(name),
                target.join(place).join(name),
            );
            match moved {
                Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error.into()),
                Ok(()) | Err(_) => {}
            }
        }
        // The letters of keywords mean the same there.
        let keywords = "dovecot-keywords";
        match fs::copy(self.maildir.path().join(keywords), target.join(keywords)) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error.into()),
            Ok(_) | Err(_) => {}
        }
        self.open.delivered(self.maildir.path());
        Ok(())
    }
}

#[async_trait]
impl Folders for MaildirTree {
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
        self.with(move |tree| tree.create(&name, uses)).await
    }

    async fn delete(&self, name: &MailboxName) -> Result<(), StoreError> {
        if name.is_inbox() {
            return Err(StoreError::Unsupported);
        }
        let name = name.clone();
        self.with(move |tree| tree.delete(&name)).await
    }

    async fn rename(&self, from: &MailboxName, to: &MailboxName) -> Result<(), StoreError> {
        if to.is_inbox() {
            return Err(StoreError::Exists);
        }
        let (from, to) = (from.clone(), to.clone());
        self.with(move |tree| match from.is_inbox() {
            true => tree.rename_inbox(&to),
            false => tree.rename(&from, &to),
        })
        .await
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

    async fn quota(&self) -> Result<Option<Quota>, StoreError> {
        self.with(|tree| maildir_quota::of(&tree.maildir)).await
    }

    async fn open(&self, name: &MailboxName) -> Result<Arc<dyn Folder>, StoreError> {
        let name = name.clone();
        let folder = self.with(move |tree| {
            let mut is_trash = false;
            let maildir = match name.is_inbox() {
                true => tree.maildir.clone(),
                false => {
                    let folder = folder_name(&name.to_text()).map_err(|_| StoreError::NoFolder)?;
                    is_trash = folder.parts()[0] == TRASH;
                    let opened = tree.maildir.folder(&folder, ENCODING);
                    opened.map_err(|_| StoreError::NoFolder)?
                }
            };
            let path = maildir.path().to_owned();
            let budget = Budget::new(tree.maildir.clone(), is_trash);
            let make = |recall, attending| {
                let folder = MaildirFolder::new(maildir, budget, recall, attending);
                Ok(folder)
            };
            tree.open.share(&path, make)
        });
        Ok(Arc::new(folder.await?))
    }
}

pub(super) fn folder_name(name: &str) -> Result<FolderName, StoreError> {
    FolderName::new(name.split(DELIMITER)).ok_or(StoreError::Unsupported)
}

pub(super) fn text_of(name: &FolderName) -> String {
    name.parts().join(&DELIMITER.to_string())
}
