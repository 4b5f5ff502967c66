//! A Maildir++ as the folders of an account: INBOX is the Maildir itself, the others are in it.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use async_trait::async_trait;
use mailbox_formats::maildir::{FolderName, Maildir};
use tokio::task::spawn_blocking;

use super::attending::Attending;
use super::folder::Quota;
use super::maildir_folder::MaildirFolder;
use super::maildir_quota::{self, Budget};
use super::metadata;
use super::open_folders::{OpenFolders, Shareable};
use super::recall::Recall;
use super::replace::missing_is_fine;
use super::shared_folder::SharedFolder;
use super::tree::{ENCODING, Layout};
use super::{StoreError, lost};

/// The Maildir of an account.
#[derive(Debug, Clone)]
pub(super) struct MaildirLayout(Maildir);

impl MaildirLayout {
    /// Opens the Maildir of an account, and makes it if it is not there. Blocks.
    pub(super) fn open(
        path: &Path,
        open: &OpenFolders<SharedFolder<MaildirFolder>>,
    ) -> Result<Self, StoreError> {
        // Where another session has it open, it need not be opened again, nor take another file handle.
        Ok(Self(match open.get(path) {
            Some(folder) => folder.disk().maildir().clone(),
            None => Maildir::open(path).or_else(|_| Maildir::create(path))?,
        }))
    }
}

#[async_trait]
impl Layout for MaildirLayout {
    type Folder = SharedFolder<MaildirFolder>;

    fn inbox(&self) -> &Path {
        self.0.path()
    }

    fn directory(&self) -> &Path {
        self.0.path()
    }

    fn names(&self) -> Result<Vec<FolderName>, StoreError> {
        Ok(self.0.folders(ENCODING)?)
    }

    fn path_of(&self, name: &FolderName) -> Result<PathBuf, StoreError> {
        let directory = name.directory(ENCODING).ok_or(StoreError::Unsupported)?;
        Ok(self.0.path().join(directory))
    }

    fn is_there(&self, path: &Path) -> bool {
        path.join("cur").is_dir()
    }

    fn make(&self, name: &FolderName) -> Result<(), StoreError> {
        self.0.create_folder(name, ENCODING)?;
        Ok(())
    }

    fn remove(&self, path: &Path) -> Result<(), StoreError> {
        // Out of the way first: what is left of it after a crash is no folder.
        let aside = self.0.path().join("tmp").join(format!(
            "deleted-{}-{}",
            std::process::id(),
            path.file_name().unwrap_or_default().to_string_lossy()
        ));
        fs::rename(path, &aside)?;
        maildir_quota::count(&self.0);
        Ok(fs::remove_dir_all(&aside)?)
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        fs::rename(from, to)?;
        // What is in the trash does not count.
        maildir_quota::count(&self.0);
        Ok(())
    }

    fn noted_about(&self, path: &Path) -> PathBuf {
        path.join(metadata::OF_A_FOLDER)
    }

    fn noted_about_all(&self) -> PathBuf {
        self.0.path().join(metadata::OF_THE_SERVER)
    }

    fn folder(
        &self,
        name: Option<&FolderName>,
        _: &Path,
        recall: Recall,
        attending: Attending,
    ) -> Result<Self::Folder, StoreError> {
        let maildir = match name {
            None => self.0.clone(),
            Some(name) => {
                let opened = self.0.folder(name, ENCODING);
                opened.map_err(|_| StoreError::NoFolder)?
            }
        };
        let is_trash = name.is_some_and(|name| name.parts()[0] == TRASH);
        let budget = Budget::new(self.0.clone(), is_trash);
        let folder = MaildirFolder::new(maildir, budget);
        Ok(SharedFolder::new(folder, recall, attending))
    }

    async fn move_all(&self, from: Self::Folder, to: Self::Folder) -> Result<(), StoreError> {
        let moved = spawn_blocking(move || {
            move_files(from.disk().maildir(), to.disk().maildir())?;
            maildir_quota::count(from.disk().maildir());
            from.poke();
            Ok(())
        });
        moved.await.map_err(|_| lost())?
    }

    fn quota(&self) -> Result<Option<Quota>, StoreError> {
        maildir_quota::of(&self.0)
    }
}

/// Moves the files of all messages, in which their flags are.
fn move_files(from: &Maildir, to: &Maildir) -> Result<(), StoreError> {
    for entry in from.list()? {
        let file = Path::new(entry.place().directory()).join(entry.name().as_os_str());
        missing_is_fine(fs::rename(from.path().join(&file), to.path().join(&file)))?;
    }
    // The letters of keywords mean the same there.
    let keywords = "dovecot-keywords";
    let copied = fs::copy(from.path().join(keywords), to.path().join(keywords));
    Ok(missing_is_fine(copied.map(drop))?)
}

/// The folder that does not count against the quota, by the format.
const TRASH: &str = "Trash";
