//! Mailboxes on disk: a Maildir or an mbox for each account.

use std::fs::{DirBuilder, File};
use std::io;
use std::os::unix::fs::DirBuilderExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use async_trait::async_trait;
use mailbox_formats::maildir::{self, Maildir};
use mailbox_formats::mbox::{self, FromLine, Mbox};
use tokio::task::spawn_blocking;

use super::bulletin::Bulletins;
use super::copies::{Copies, Open};
use super::folder::Folders;
use super::gathering::Gathering;
use super::maildir_folder::MaildirFolder;
use super::maildir_inbox::MaildirInbox;
use super::maildir_layout::MaildirLayout;
use super::maildir_quota::Budget;
use super::mbox_folder::MboxFolder;
use super::mbox_inbox::MboxInbox;
use super::mbox_layout::MboxLayout;
use super::open_folders::OpenFolders;
use super::sessions::Sessions;
use super::shared_folder::SharedFolder;
use super::tree::Tree;
use super::{Account, Copy, Delivery, Inbox, Mailstore, StoreError, lost};

/// A folder of mailboxes: `ROOT/<domain>/<name>/` is a Maildir, or holds the file `mbox`.
///
/// Made on first delivery. A message that was accepted outlives a power failure. One that is too much for the quota of
/// its Maildir, in the file `maildirsize`, is refused; mboxes have none.
#[derive(Debug, Clone)]
pub struct FileStore {
    root: Arc<Path>,
    format: Format,
    sessions: Sessions,
    maildirs: OpenFolders<SharedFolder<MaildirFolder>>,
    mboxes: OpenFolders<SharedFolder<MboxFolder>>,
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

    /// Begins a copy for an account. Blocks.
    pub(super) fn begin(&self, sender: &str, account: &Account) -> Result<Open, StoreError> {
        let path = self.path(account);
        match self.format {
            Format::Maildir => {
                let maildir = Maildir::open(&path).or_else(|_| Maildir::create(&path))?;
                let delivery = maildir.deliver(maildir::Options::default())?;
                let budget = Budget::new(maildir, false);
                Ok(Open::Maildir(Box::new(delivery), budget))
            }
            Format::Mbox => {
                let folder = path.parent().expect("`path` has put it into a folder");
                // What goes wrong here is told when the mbox is opened.
                let _ = make_folder(folder);
                let date = mbox::Date::local(SystemTime::now());
                let options = mbox::Options::new(FromLine::new(sender.as_bytes(), date));
                let delivery = Mbox::new(path).deliver(options.staging(&*self.root));
                Ok(Open::Mbox(Box::new(delivery)))
            }
        }
    }
}

#[async_trait]
impl Mailstore for FileStore {
    async fn deliver(
        &self,
        sender: &str,
        copies: Vec<Copy>,
    ) -> Result<Box<dyn Delivery>, StoreError> {
        let paths = copies.iter().map(|copy| self.path(&copy.account));
        let paths = paths.collect();
        let mut gathering = Gathering::new(Copies::new(self.clone(), sender, copies));
        gathering.begin(());
        Ok(Box::new(Pending {
            store: self.clone(),
            paths,
            copies: gathering,
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
                Format::Maildir => {
                    let layout = MaildirLayout::open(&path, &store.maildirs)?;
                    Arc::new(Tree::new(layout, store.maildirs))
                }
                Format::Mbox => {
                    let layout = MboxLayout::open(path, store.root.to_path_buf())?;
                    Arc::new(Tree::new(layout, store.mboxes))
                }
            };
            Ok(bulletins.of(&account, folders))
        });
        opened.await.map_err(|_| lost())?
    }
}

/// Copies that are gathered, and those who wait for them.
struct Pending {
    store: FileStore,
    /// Where they go.
    paths: Vec<PathBuf>,
    copies: Gathering<Copies>,
}

#[async_trait]
impl Delivery for Pending {
    async fn write(&mut self, piece: &[u8]) -> Result<(), StoreError> {
        self.copies.write(piece).await
    }

    async fn commit(self: Box<Self>) -> Vec<Result<(), StoreError>> {
        let Self {
            store,
            paths,
            copies,
        } = *self;
        let committed = copies.commit().await;
        for path in &paths {
            match store.format {
                Format::Maildir => store.maildirs.delivered(path),
                Format::Mbox => store.mboxes.delivered(path),
            }
        }
        committed.unwrap_or_else(|_| paths.iter().map(|_| Err(lost())).collect())
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
