//! A Maildir++ as the folders of an account.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;
use bytes::Bytes;
use imap_proto::{MailboxAttributes, MailboxName};
use mailbox_formats::maildir::{FolderName, Maildir, NameEncoding};
use tokio::task::spawn_blocking;
use tokio::time::sleep;

use super::folder::{Folder, FolderEntry, Folders, Quota};
use super::maildir_folder::MaildirFolder;
use super::maildir_quota::{self, Budget};
use super::metadata::{self, Metadata};
use super::recall::Recall;
use super::replace::replace;
use super::{StoreError, lost};
use crate::limits::MAILDIR_LOOK;

/// The Maildirs that sessions have open, by their paths.
#[derive(Debug, Clone, Default)]
pub(super) struct OpenMaildirs {
    by_path: Arc<Mutex<HashMap<PathBuf, MaildirFolder>>>,
    recall: Recall,
    /// Who notes something about a folder does so alone.
    noting: Arc<Mutex<()>>,
}

impl OpenMaildirs {
    /// The one that all share. Nobody waits for news of one that is given back.
    fn share(&self, maildir: Maildir, budget: Budget) -> MaildirFolder {
        let mut open = self.by_path.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(folder) = open.get(maildir.path()) {
            return folder.clone();
        }
        open.retain(|_, folder| folder.is_watched());
        let path = maildir.path().to_owned();
        let folder = MaildirFolder::new(maildir, budget, self.recall.clone());
        open.insert(path, folder.clone());
        folder
    }

    /// One that is open.
    fn maildir(&self, path: &Path) -> Option<Maildir> {
        let open = self.by_path.lock().unwrap_or_else(PoisonError::into_inner);
        open.get(path).map(|folder| folder.maildir().clone())
    }

    fn forget(&self, path: &Path) {
        let mut open = self.by_path.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(folder) = open.remove(path) {
            folder.poke();
        }
    }

    /// Something was delivered to a Maildir.
    pub(super) fn delivered(&self, path: &Path) {
        let open = self.by_path.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(folder) = open.get(path) {
            folder.poke();
        }
    }
}

/// The folders of an account: INBOX is the Maildir itself, the others are in it.
#[derive(Debug, Clone)]
pub(super) struct MaildirTree {
    maildir: Maildir,
    open: OpenMaildirs,
}

const DELIMITER: char = '/';
const ENCODING: NameEncoding = NameEncoding::ModifiedUtf7;

/// The names that somebody has subscribed to, as Dovecot keeps them.
const SUBSCRIPTIONS: &str = "subscriptions";
/// What its second version begins with; the parts of names stand between tabs.
const SUBSCRIPTIONS_HEAD: &str = "V\t2\n\n";

/// What is noted about a folder, in its directory, and about the account. Files of ours.
const METADATA: &str = "mailwire-metadata";
const SERVER_METADATA: &str = "mailwire-server-metadata";

/// The folder that does not count against the quota, by the format.
const TRASH: &str = "Trash";

/// The special uses of folders: lines of attributes, a tab and a name. A file of ours.
const SPECIAL_USES: &str = "mailwire-special-uses";

impl MaildirTree {
    /// Opens the folders of an account, and makes its Maildir if it is not there. Blocks.
    pub(super) fn open(path: &Path, open: OpenMaildirs) -> Result<Self, StoreError> {
        // Where another session has it open, it need not be opened again, nor take another file handle.
        let maildir = match open.maildir(path) {
            Some(maildir) => maildir,
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

    fn names(&self) -> Result<Vec<FolderName>, StoreError> {
        Ok(self.maildir.folders(ENCODING)?)
    }

    fn path_of(&self, name: &FolderName) -> Result<PathBuf, StoreError> {
        let directory = name.directory(ENCODING).ok_or(StoreError::Unsupported)?;
        Ok(self.maildir.path().join(directory))
    }

    fn subscriptions(&self) -> Result<BTreeSet<String>, StoreError> {
        let content = read(&self.maildir.path().join(SUBSCRIPTIONS))?;
        let delimiter = DELIMITER.to_string();
        let names = match content.strip_prefix(SUBSCRIPTIONS_HEAD) {
            Some(names) => names
                .lines()
                .map(|name| name.replace('\t', &delimiter))
                .collect(),
            None => content.lines().map(str::to_owned).collect(),
        };
        Ok(names)
    }

    fn write_subscriptions(&self, names: &BTreeSet<String>) -> Result<(), StoreError> {
        let mut content = String::from(SUBSCRIPTIONS_HEAD);
        for name in names {
            content.push_str(&name.replace(DELIMITER, "\t"));
            content.push('\n');
        }
        Ok(replace(&self.maildir.path().join(SUBSCRIPTIONS), content)?)
    }

    fn special_uses(&self) -> Result<BTreeMap<String, MailboxAttributes>, StoreError> {
        let content = read(&self.maildir.path().join(SPECIAL_USES))?;
        let uses = content.lines().filter_map(|line| {
            let (names, folder) = line.split_once('\t')?;
            let uses = names.split(' ').filter_map(MailboxAttributes::named);
            Some((folder.to_owned(), uses.collect()))
        });
        Ok(uses.collect())
    }

    fn write_special_uses(
        &self,
        uses: &BTreeMap<String, MailboxAttributes>,
    ) -> Result<(), StoreError> {
        let lines = uses.iter().map(|(folder, uses)| {
            let names: Vec<_> = uses.names().collect();
            format!("{}\t{folder}\n", names.join(" "))
        });
        let path = self.maildir.path().join(SPECIAL_USES);
        Ok(replace(&path, lines.collect::<String>())?)
    }

    /// Where it stands what is noted about a folder, or about the account.
    fn metadata_file(&self, folder: Option<&MailboxName>) -> Result<PathBuf, StoreError> {
        let root = self.maildir.path();
        let Some(name) = folder else {
            return Ok(root.join(SERVER_METADATA));
        };
        if name.is_inbox() {
            return Ok(root.join(METADATA));
        }
        let folder = folder_name(&name.to_text()).map_err(|_| StoreError::NoFolder)?;
        let path = self.path_of(&folder)?;
        match path.join("cur").is_dir() {
            true => Ok(path.join(METADATA)),
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
        if !uses.is_empty() {
            let mut all = self.special_uses()?;
            all.insert(text.to_owned(), uses);
            self.write_special_uses(&all)?;
        }
        Ok(())
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
        let mut uses = self.special_uses()?;
        if uses.remove(&*text).is_some() {
            self.write_special_uses(&uses)?;
        }
        Ok(())
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
        let before = self.special_uses()?;
        let mut uses = before.clone();
        for name in moved {
            let rest = &name.parts()[source.parts().len()..];
            let renamed = target.parts().iter().chain(rest).map(String::as_str);
            let renamed = FolderName::new(renamed).ok_or(StoreError::Unsupported)?;
            let path = self.path_of(name)?;
            fs::rename(&path, self.path_of(&renamed)?)?;
            self.open.forget(&path);
            if let Some(known) = uses.remove(&text_of(name)) {
                uses.insert(text_of(&renamed), known);
            }
        }
        match uses == before {
            true => Ok(()),
            false => self.write_special_uses(&uses),
        }
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
            let mut subscribed = tree.subscriptions()?;
            let uses = tree.special_uses()?;
            let names = tree.names()?;
            let names = names.iter().map(text_of).chain(["INBOX".to_owned()]);
            let mut entries: Vec<_> = names
                .filter_map(|name| {
                    let mut entry = FolderEntry::new(MailboxName::new(&name).ok()?);
                    entry.attributes = uses.get(&name).copied().unwrap_or_default();
                    entry.subscribed = subscribed.remove(&name);
                    Some(entry)
                })
                .collect();
            entries.extend(subscribed.into_iter().filter_map(|name| {
                let mut entry = FolderEntry::new(MailboxName::new(&name).ok()?);
                entry.attributes = MailboxAttributes::NON_EXISTENT;
                entry.subscribed = true;
                Some(entry)
            }));
            Ok(entries)
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
            let mut names = tree.subscriptions()?;
            let changed = match subscribed {
                true => names.insert(name),
                false => names.remove(&name),
            };
            match changed {
                true => tree.write_subscriptions(&names),
                false => Ok(()),
            }
        })
        .await
    }

    async fn metadata(&self, folder: Option<&MailboxName>) -> Result<Metadata, StoreError> {
        let folder = folder.cloned();
        self.with(move |tree| {
            let path = tree.metadata_file(folder.as_ref())?;
            Ok(metadata::read(&read_octets(&path)?))
        })
        .await
    }

    async fn annotate(
        &self,
        folder: Option<&MailboxName>,
        changes: Vec<(String, Option<Bytes>)>,
    ) -> Result<(), StoreError> {
        let folder = folder.cloned();
        self.with(move |tree| {
            let path = tree.metadata_file(folder.as_ref())?;
            let noting = &tree.open.noting;
            let _noting = noting.lock().unwrap_or_else(PoisonError::into_inner);
            let mut noted = metadata::read(&read_octets(&path)?);
            metadata::change(&mut noted, changes)?;
            Ok(replace(&path, metadata::write(&noted))?)
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
            let budget = Budget::new(tree.maildir.clone(), is_trash);
            Ok(tree.open.share(maildir, budget))
        });
        let folder = folder.await?;
        watch(&folder);
        Ok(Arc::new(folder))
    }
}

/// Looks again and again at what other programs do to a folder, as long as somebody waits for news.
fn watch(folder: &MaildirFolder) {
    if folder.is_watched() {
        return;
    }
    let folder = folder.clone();
    tokio::spawn(async move {
        loop {
            sleep(MAILDIR_LOOK).await;
            if !folder.is_watched() {
                return;
            }
            folder.look().await;
        }
    });
}

fn folder_name(name: &str) -> Result<FolderName, StoreError> {
    FolderName::new(name.split(DELIMITER)).ok_or(StoreError::Unsupported)
}

fn text_of(name: &FolderName) -> String {
    name.parts().join(&DELIMITER.to_string())
}

/// A small file; an empty one if it is not there.
fn read(path: &Path) -> Result<String, StoreError> {
    Ok(String::from_utf8_lossy(&read_octets(path)?).into_owned())
}

fn read_octets(path: &Path) -> Result<Vec<u8>, StoreError> {
    match fs::read(path) {
        Ok(content) => Ok(content),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Vec::new()),
        Err(error) => Err(error.into()),
    }
}
