//! The folders of an account on disk: what holds for all of them, however their messages are kept.

use std::fmt::Debug;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use imap_proto::{MailboxAttributes, MailboxName};
use mailbox_formats::maildir::{FolderName, NameEncoding};
use tokio::task::spawn_blocking;

use super::attending::Attending;
use super::folder::{Folder, FolderEntry, Folders, Quota};
use super::lists::Lists;
use super::metadata::{self, Metadata};
use super::open_folders::{OpenFolders, Shareable};
use super::recall::Recall;
use super::{StoreError, lost};

/// How the folders of an account lie on disk. All of it may block.
#[async_trait]
pub(super) trait Layout: Debug + Clone + Send + Sync + 'static {
    /// A folder that is open.
    type Folder: Folder + Shareable;

    /// Where INBOX is.
    fn inbox(&self) -> &Path;

    /// Where the lists of folders are.
    fn directory(&self) -> &Path;

    /// The folders besides INBOX.
    fn names(&self) -> Result<Vec<FolderName>, StoreError>;

    /// Where a folder is, or would be.
    fn path_of(&self, name: &FolderName) -> Result<PathBuf, StoreError>;

    /// Whether there is a folder.
    fn is_there(&self, path: &Path) -> bool;

    /// Makes a folder, unless it is there.
    fn make(&self, name: &FolderName) -> Result<(), StoreError>;

    /// Removes a folder that is there, with what is noted about it.
    fn remove(&self, path: &Path) -> Result<(), StoreError>;

    /// Gives a folder that is there, with what is noted about it, another place where there is none.
    fn rename(&self, from: &Path, to: &Path) -> io::Result<()>;

    /// Where it stands what is noted about a folder.
    fn noted_about(&self, path: &Path) -> PathBuf;

    /// Where it stands what is noted about the account.
    fn noted_about_all(&self) -> PathBuf;

    /// Opens a folder that is there: INBOX without a name.
    fn folder(
        &self,
        name: Option<&FolderName>,
        path: &Path,
        recall: Recall,
        attending: Attending,
    ) -> Result<Self::Folder, StoreError>;

    /// Gives all messages of a folder to another one, which is new. After a crash some may be in both.
    async fn move_all(&self, from: Self::Folder, to: Self::Folder) -> Result<(), StoreError>;

    /// How much there is of what is limited.
    fn quota(&self) -> Result<Option<Quota>, StoreError> {
        Ok(None)
    }
}

/// The folders of an account.
#[derive(Debug)]
pub(super) struct Tree<L: Layout> {
    layout: L,
    open: OpenFolders<L::Folder>,
}

/// What parts the levels of names.
pub(super) const DELIMITER: char = '/';

/// How names of folders become names of files.
pub(super) const ENCODING: NameEncoding = NameEncoding::ModifiedUtf7;

impl<L: Layout> Clone for Tree<L> {
    fn clone(&self) -> Self {
        Self {
            layout: self.layout.clone(),
            open: self.open.clone(),
        }
    }
}

impl<L: Layout> Tree<L> {
    pub(super) fn new(layout: L, open: OpenFolders<L::Folder>) -> Self {
        Self { layout, open }
    }

    /// Does something where blocking is allowed.
    async fn with<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Self) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, StoreError> {
        let tree = self.clone();
        let done = spawn_blocking(move || work(&tree));
        done.await.map_err(|_| lost())?
    }

    fn lists(&self) -> Lists<'_> {
        Lists::new(self.layout.directory())
    }

    /// Where a folder is that is there, and its name unless it is INBOX.
    fn find(&self, name: &MailboxName) -> Result<(Option<FolderName>, PathBuf), StoreError> {
        if name.is_inbox() {
            return Ok((None, self.layout.inbox().to_owned()));
        }
        let name = folder_name(&name.to_text()).map_err(|_| StoreError::NoFolder)?;
        let path = self.layout.path_of(&name)?;
        match self.layout.is_there(&path) {
            true => Ok((Some(name), path)),
            false => Err(StoreError::NoFolder),
        }
    }

    /// Where it stands what is noted about a folder, or about the account.
    fn noted_about(&self, folder: Option<&MailboxName>) -> Result<PathBuf, StoreError> {
        Ok(match folder {
            Some(name) => self.layout.noted_about(&self.find(name)?.1),
            None => self.layout.noted_about_all(),
        })
    }

    fn create_blocking(
        &self,
        name: &MailboxName,
        uses: MailboxAttributes,
    ) -> Result<(), StoreError> {
        let text = name.to_text();
        let text = text.strip_suffix(DELIMITER).unwrap_or(&text);
        let name = folder_name(text)?;
        if self.layout.is_there(&self.layout.path_of(&name)?) {
            return Err(StoreError::Exists);
        }
        // What is above it is made with it.
        for length in 1..name.parts().len() {
            let above = FolderName::new(name.parts()[..length].iter().map(String::as_str));
            if let Some(above) = above {
                self.layout.make(&above)?;
            }
        }
        self.layout.make(&name)?;
        self.lists().created(text, uses)
    }

    fn delete_blocking(&self, name: &MailboxName) -> Result<(), StoreError> {
        let (_, path) = self.find(name)?;
        let removed = self.layout.remove(&path);
        if !self.layout.is_there(&path) {
            self.open.forget(&path);
        }
        removed?;
        self.lists().deleted(&name.to_text())
    }

    fn rename_blocking(&self, from: &MailboxName, to: &MailboxName) -> Result<(), StoreError> {
        let target = folder_name(&to.to_text())?;
        if self.layout.is_there(&self.layout.path_of(&target)?) {
            return Err(StoreError::Exists);
        }
        let source = folder_name(&from.to_text())?;
        if !self.layout.is_there(&self.layout.path_of(&source)?) {
            return Err(StoreError::NoFolder);
        }
        if target.parts().starts_with(source.parts()) {
            return Err(StoreError::Unsupported);
        }
        let names = self.layout.names()?;
        let moved = names
            .iter()
            .filter(|name| name.parts().starts_with(source.parts()));
        let mut renames = Vec::new();
        for name in moved {
            let rest = &name.parts()[source.parts().len()..];
            let renamed = target.parts().iter().chain(rest).map(String::as_str);
            let renamed = FolderName::new(renamed).ok_or(StoreError::Unsupported)?;
            let path = self.layout.path_of(name)?;
            self.layout.rename(&path, &self.layout.path_of(&renamed)?)?;
            self.open.forget(&path);
            renames.push((text_of(name), text_of(&renamed)));
        }
        self.lists().renamed(&renames)
    }

    async fn folder(&self, name: &MailboxName) -> Result<L::Folder, StoreError> {
        // INBOX is always there: if it is open, nothing has to be looked for.
        let inbox = || self.open.get(self.layout.inbox());
        if let Some(inbox) = name.is_inbox().then(inbox).flatten() {
            return Ok(inbox);
        }
        let name = name.clone();
        self.with(move |tree| {
            let (name, path) = tree.find(&name)?;
            let make =
                |recall, attending| tree.layout.folder(name.as_ref(), &path, recall, attending);
            tree.open.share(&path, make)
        })
        .await
    }
}

#[async_trait]
impl<L: Layout> Folders for Tree<L> {
    fn delimiter(&self) -> Option<char> {
        Some(DELIMITER)
    }

    async fn list(&self) -> Result<Vec<FolderEntry>, StoreError> {
        self.with(|tree| {
            let names = tree.layout.names()?;
            let names = names.iter().map(text_of).chain([INBOX.to_owned()]);
            tree.lists().entries(names)
        })
        .await
    }

    async fn create(&self, name: &MailboxName, uses: MailboxAttributes) -> Result<(), StoreError> {
        if name.is_inbox() {
            return Err(StoreError::Exists);
        }
        let name = name.clone();
        self.with(move |tree| tree.create_blocking(&name, uses))
            .await
    }

    async fn delete(&self, name: &MailboxName) -> Result<(), StoreError> {
        if name.is_inbox() {
            return Err(StoreError::Unsupported);
        }
        let name = name.clone();
        self.with(move |tree| tree.delete_blocking(&name)).await
    }

    async fn rename(&self, from: &MailboxName, to: &MailboxName) -> Result<(), StoreError> {
        if to.is_inbox() {
            return Err(StoreError::Exists);
        }
        if from.is_inbox() {
            self.create(to, MailboxAttributes::empty()).await?;
            let (inbox, target) = (self.folder(from).await?, self.folder(to).await?);
            return self.layout.move_all(inbox, target).await;
        }
        let (from, to) = (from.clone(), to.clone());
        self.with(move |tree| tree.rename_blocking(&from, &to))
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

    async fn quota(&self) -> Result<Option<Quota>, StoreError> {
        self.with(|tree| tree.layout.quota()).await
    }

    async fn metadata(&self, folder: Option<&MailboxName>) -> Result<Metadata, StoreError> {
        let folder = folder.cloned();
        self.with(move |tree| metadata::read(&tree.noted_about(folder.as_ref())?))
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
            metadata::write(&tree.noted_about(folder.as_ref())?, changes)
        })
        .await
    }

    async fn open(&self, name: &MailboxName) -> Result<Arc<dyn Folder>, StoreError> {
        Ok(Arc::new(self.folder(name).await?))
    }
}

fn folder_name(name: &str) -> Result<FolderName, StoreError> {
    FolderName::new(name.split(DELIMITER)).ok_or(StoreError::Unsupported)
}

/// The name as clients know it.
pub(super) fn text_of(name: &FolderName) -> String {
    name.parts().join(&DELIMITER.to_string())
}

/// The name of the folder that is always there.
pub(super) const INBOX: &str = "INBOX";
