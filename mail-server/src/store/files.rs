//! Mailboxes on disk: a Maildir or an mbox for each account.

use std::fs::{DirBuilder, File};
use std::io::{self, Write};
use std::os::unix::fs::DirBuilderExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use async_trait::async_trait;
use mailbox_formats::DeliveryError;
use mailbox_formats::maildir::{self, Maildir};
use mailbox_formats::mbox::{self, FromLine, Mbox};
use tokio::runtime::Handle;
use tokio::task::spawn_blocking;

use super::bulletin::Bulletins;
use super::folder::Folders;
use super::maildir_folder::MaildirFolder;
use super::maildir_inbox::MaildirInbox;
use super::maildir_tree::MaildirTree;
use super::mbox_folder::MboxFolder;
use super::mbox_inbox::MboxInbox;
use super::mbox_tree::MboxTree;
use super::open_folders::OpenFolders;
use super::sessions::Sessions;
use super::{Account, Copy, Delivery, Inbox, Mailstore, StoreError, lost};
use crate::limits::GATHERED;

/// A folder of mailboxes: `ROOT/<domain>/<name>/` is a Maildir, or holds the file `mbox`.
///
/// Made on first delivery. A message that was accepted outlives a power failure.
#[derive(Debug, Clone)]
pub struct FileStore {
    root: Arc<Path>,
    format: Format,
    sessions: Sessions,
    maildirs: OpenFolders<MaildirFolder>,
    mboxes: OpenFolders<MboxFolder>,
    bulletins: Bulletins,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Format {
    Maildir,
    Mbox,
}

impl FileStore {
    /// One file a message.
    pub fn maildir(root: impl Into<PathBuf>) -> Self {
        Self {
            root: root.into().into(),
            format: Format::Maildir,
            sessions: Sessions::default(),
            maildirs: OpenFolders::default(),
            mboxes: OpenFolders::default(),
            bulletins: Bulletins::default(),
        }
    }

    /// One file a mailbox, in the variant mboxrd.
    pub fn mbox(root: impl Into<PathBuf>) -> Self {
        Self {
            root: root.into().into(),
            format: Format::Mbox,
            sessions: Sessions::default(),
            maildirs: OpenFolders::default(),
            mboxes: OpenFolders::default(),
            bulletins: Bulletins::default(),
        }
    }

    /// Looks so often at folders that somebody waits for, for what other programs do to them, where the system does not
    /// tell of it: file systems of a network, or more folders than the system watches. Where it does they are looked at
    /// ten times as seldom. By default 2 seconds. Call it before the store is used.
    #[must_use]
    pub fn look_every(mut self, interval: Duration) -> Self {
        self.maildirs = OpenFolders::looked_at_every(interval);
        self.mboxes = OpenFolders::looked_at_every(interval);
        self
    }

    /// Where an account's mailbox is: the Maildir, or the mbox file.
    pub fn path(&self, account: &Account) -> PathBuf {
        let folder = self.root.join(account.domain()).join(account.name());
        match self.format {
            Format::Maildir => folder,
            Format::Mbox => folder.join("mbox"),
        }
    }

    /// Begins a copy. Blocks.
    fn open(&self, sender: &str, copy: &Copy) -> Result<Open, DeliveryError> {
        let path = self.path(&copy.account);
        let mut open = match self.format {
            Format::Maildir => {
                let maildir = Maildir::open(&path).or_else(|_| Maildir::create(&path))?;
                Open::Maildir(Box::new(maildir.deliver(maildir::Options::default())?))
            }
            Format::Mbox => {
                let folder = path.parent().expect("`path` has put it into a folder");
                // What goes wrong here is told when the mbox is opened.
                let _ = make_folder(folder);
                let date = mbox::Date::local(SystemTime::now());
                let options = mbox::Options::new(FromLine::new(sender.as_bytes(), date));
                let mbox = Mbox::new(path).deliver(options.staging(&*self.root));
                Open::Mbox(Box::new(mbox))
            }
        };
        // A failure stays with the delivery until it is staged.
        let _ = open.write_all(copy.header.as_bytes());
        Ok(open)
    }
}

#[async_trait]
impl Mailstore for FileStore {
    async fn deliver(
        &self,
        sender: &str,
        copies: Vec<Copy>,
    ) -> Result<Box<dyn Delivery>, StoreError> {
        Ok(Box::new(Pending {
            gathered: Vec::new(),
            copies: copies.len(),
            work: Some(Work {
                store: self.clone(),
                sender: sender.to_owned(),
                copies,
                open: Vec::new(),
            }),
        }))
    }

    async fn inbox(&self, account: &Account) -> Result<Box<dyn Inbox>, StoreError> {
        let held = self.sessions.hold(account)?;
        let path = self.path(account);
        match self.format {
            Format::Maildir => Ok(Box::new(MaildirInbox::open(path, held).await?)),
            Format::Mbox => Ok(Box::new(MboxInbox::open(path, held).await?)),
        }
    }

    async fn folders(&self, account: &Account) -> Result<Arc<dyn Folders>, StoreError> {
        let (store, path) = (self.clone(), self.path(account));
        let account = account.clone();
        let opened = spawn_blocking(move || {
            let bulletins = store.bulletins;
            let folders: Arc<dyn Folders> = match store.format {
                Format::Maildir => Arc::new(MaildirTree::open(&path, store.maildirs)?),
                Format::Mbox => {
                    let staging = store.root.to_path_buf();
                    Arc::new(MboxTree::open(path, staging, store.mboxes)?)
                }
            };
            Ok(bulletins.of(&account, folders))
        });
        opened.await.map_err(|_| lost())?
    }
}

/// Gathers pieces, so that a thread is only borrowed for a worthwhile amount of work: a small
/// message is opened, written and published in one go, and a client that sends slowly holds no thread.
struct Pending {
    gathered: Vec<u8>,
    copies: usize,
    /// Away while a thread is at it; lost if that thread or its caller was.
    work: Option<Work>,
}

/// What is done where blocking is allowed.
struct Work {
    store: FileStore,
    sender: String,
    copies: Vec<Copy>,
    open: Vec<Result<Open, DeliveryError>>,
}

enum Open {
    Maildir(Box<maildir::Delivery>),
    Mbox(Box<mbox::Delivery>),
}

enum Staged {
    Maildir(Box<maildir::Staged>),
    Mbox(Box<mbox::Staged>),
}

impl Work {
    /// Adds `bytes` to every copy that has not failed. `false` if all have.
    fn write(&mut self, bytes: &[u8]) -> bool {
        if self.open.is_empty() {
            let open = self
                .copies
                .iter()
                .map(|copy| self.store.open(&self.sender, copy));
            self.open = open.collect();
        }
        let mut alive = false;
        for open in self.open.iter_mut().flatten() {
            alive |= open.write_all(bytes).is_ok();
        }
        alive
    }

    fn commit(self) -> Vec<Result<(), StoreError>> {
        // All are complete before any can be seen.
        let staged: Vec<_> = self
            .open
            .into_iter()
            .map(|open| open.and_then(Open::stage))
            .collect();
        staged
            .into_iter()
            .map(|staged| staged.and_then(Staged::publish).map_err(StoreError::from))
            .collect()
    }

    /// Why the first copy failed.
    fn failure(self) -> StoreError {
        let failed = self.open.into_iter().find_map(|open| match open {
            Ok(open) => open.stage().err(),
            Err(error) => Some(error),
        });
        failed.map_or_else(|| StoreError::Failed("no copy".into()), StoreError::from)
    }
}

impl Open {
    fn write_all(&mut self, bytes: &[u8]) -> io::Result<()> {
        match self {
            Self::Maildir(delivery) => delivery.write_all(bytes),
            Self::Mbox(delivery) => delivery.write_all(bytes),
        }
    }

    fn stage(self) -> Result<Staged, DeliveryError> {
        Ok(match self {
            Self::Maildir(delivery) => Staged::Maildir(Box::new(delivery.stage()?)),
            Self::Mbox(delivery) => Staged::Mbox(Box::new(delivery.stage()?)),
        })
    }
}

impl Staged {
    fn publish(self) -> Result<(), DeliveryError> {
        match self {
            Self::Maildir(staged) => staged.publish().map(drop),
            Self::Mbox(staged) => staged.publish().map(drop),
        }
    }
}

impl Pending {
    /// Lets a thread write what is gathered.
    async fn flush(&mut self) -> Result<(), StoreError> {
        let gathered = std::mem::take(&mut self.gathered);
        let mut work = self.work.take().ok_or_else(lost)?;
        let written = spawn_blocking(move || match work.write(&gathered) {
            true => Ok((work, gathered)),
            false => Err(work.failure()),
        });
        let (work, mut gathered) = written.await.map_err(|_| lost())??;
        gathered.clear();
        self.gathered = gathered;
        self.work = Some(work);
        Ok(())
    }
}

#[async_trait]
impl Delivery for Pending {
    async fn write(&mut self, piece: &[u8]) -> Result<(), StoreError> {
        self.gathered.extend_from_slice(piece);
        if self.gathered.len() >= GATHERED {
            self.flush().await?;
        }
        Ok(())
    }

    async fn commit(mut self: Box<Self>) -> Vec<Result<(), StoreError>> {
        let copies = self.copies;
        let all_lost = || (0..copies).map(|_| Err(lost())).collect();
        let Some(mut work) = self.work.take() else {
            return all_lost();
        };
        let gathered = std::mem::take(&mut self.gathered);
        let store = work.store.clone();
        let paths = work.copies.iter().map(|copy| store.path(&copy.account));
        let paths: Vec<PathBuf> = paths.collect();
        let committed = spawn_blocking(move || {
            work.write(&gathered);
            work.commit()
        });
        let committed = committed.await.unwrap_or_else(|_| all_lost());
        for path in paths {
            match store.format {
                Format::Maildir => store.maildirs.delivered(&path),
                Format::Mbox => store.mboxes.delivered(&path),
            }
        }
        committed
    }
}

impl Drop for Pending {
    /// Files that were begun are removed, and that blocks.
    fn drop(&mut self) {
        let begun = self.work.take().filter(|work| !work.open.is_empty());
        if let (Some(work), Ok(runtime)) = (begun, Handle::try_current()) {
            drop(runtime.spawn_blocking(move || drop(work)));
        }
    }
}

/// Makes a folder and those above it, for the owner alone, each with its name on disk.
pub(super) fn make_folder(folder: &Path) -> io::Result<()> {
    if folder.is_dir() {
        return Ok(());
    }
    let parent = match folder.parent() {
        Some(parent) if parent != Path::new("") => parent,
        _ => Path::new("."),
    };
    make_folder(parent)?;
    match DirBuilder::new().mode(0o700).create(folder) {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => return Err(error),
        Ok(()) | Err(_) => {}
    }
    File::open(parent)?.sync_all()
}
