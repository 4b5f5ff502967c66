//! What happens to the folders of an account besides their messages, for those who want to hear of it.

use std::collections::{BTreeMap, HashMap};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

use async_trait::async_trait;
use bytes::Bytes;
use imap_proto::{MailboxAttributes, MailboxName};
use tokio::sync::broadcast;
use tokio::sync::broadcast::error::RecvError;
use tokio::time::sleep;

use super::folder::{Folder, FolderEntry, Folders, Quota};
use super::metadata::Metadata;
use super::{Account, StoreError};
use crate::limits::{FOLDER_EVENTS, FOLDER_LOOK};

/// What has happened to the folders of an account.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum FolderEvent {
    /// A folder was made.
    Created(MailboxName),
    /// A folder was removed.
    Deleted(MailboxName),
    /// A folder, and those below it, have another name.
    Renamed {
        /// The old one.
        from: MailboxName,
        /// The new one.
        to: MailboxName,
    },
    /// Somebody has subscribed to a name.
    Subscribed(MailboxName),
    /// Somebody has subscribed to a name no more.
    Unsubscribed(MailboxName),
    /// These entries are noted otherwise, or no more.
    Metadata {
        /// About which folder; about the account without one.
        folder: Option<MailboxName>,
        /// The names of the entries.
        entries: Vec<String>,
    },
    /// More than was kept for somebody who did not listen.
    Missed,
}

/// Hears what happens to the folders of an account, from when it was made.
#[derive(Debug)]
pub struct FolderEvents {
    posted: broadcast::Receiver<Arc<Posted>>,
    /// By whom it was made.
    session: u64,
}

impl FolderEvents {
    /// The next event, and whether whoever listens has caused it. For ever, if nothing happens any more. Cancel-safe.
    pub async fn next(&mut self) -> (FolderEvent, bool) {
        match self.posted.recv().await {
            Ok(posted) => (posted.event.clone(), posted.session == Some(self.session)),
            Err(RecvError::Lagged(_)) => (FolderEvent::Missed, false),
            Err(RecvError::Closed) => std::future::pending().await,
        }
    }
}

#[derive(Debug)]
struct Posted {
    event: FolderEvent,
    /// Whose doing it was; nobody's whom we know.
    session: Option<u64>,
}

/// The bulletins of all accounts that somebody has open.
#[derive(Debug, Clone, Default)]
pub(super) struct Bulletins {
    by_account: Arc<Mutex<HashMap<Account, Weak<Bulletin>>>>,
    sessions: Arc<AtomicU64>,
}

impl Bulletins {
    /// The folders of an account as one session has them: what it does is told to all.
    pub(super) fn of(&self, account: &Account, folders: Arc<dyn Folders>) -> Arc<dyn Folders> {
        let mut by_account = lock(&self.by_account);
        let known = by_account.get(account).and_then(Weak::upgrade);
        let bulletin = known.unwrap_or_else(|| {
            by_account.retain(|_, bulletin| bulletin.strong_count() > 0);
            let made = Arc::default();
            by_account.insert(account.clone(), Arc::downgrade(&made));
            made
        });
        Arc::new(Announced {
            folders,
            bulletin,
            session: self.sessions.fetch_add(1, Ordering::Relaxed),
        })
    }
}

/// Where it is told what happens to the folders of an account.
#[derive(Debug, Default)]
struct Bulletin(Mutex<Board>);

#[derive(Debug, Default)]
struct Board {
    /// Once somebody wants to hear of it.
    told: Option<broadcast::Sender<Arc<Posted>>>,
    /// The folders and subscriptions as they were told last, while somebody looks for what other programs do.
    known: Option<Known>,
    /// How often something was posted.
    posts: u64,
}

/// Folders by name.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
struct Known(BTreeMap<MailboxName, Standing>);

/// What is told of a name.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct Standing {
    is_folder: bool,
    subscribed: bool,
}

impl Known {
    fn of(&self, name: &MailboxName) -> Standing {
        self.0.get(name).copied().unwrap_or_default()
    }

    fn at(&mut self, name: &MailboxName) -> &mut Standing {
        self.0.entry(name.clone()).or_default()
    }

    /// What was done here is no news when it is seen on the disk.
    fn apply(&mut self, event: &FolderEvent, delimiter: Option<char>) {
        match event {
            FolderEvent::Created(name) => self.at(name).is_folder = true,
            FolderEvent::Deleted(name) => self.at(name).is_folder = false,
            FolderEvent::Subscribed(name) => self.at(name).subscribed = true,
            FolderEvent::Unsubscribed(name) => self.at(name).subscribed = false,
            FolderEvent::Renamed { from, to } => self.rename(from, to, delimiter),
            FolderEvent::Metadata { .. } | FolderEvent::Missed => {}
        }
    }

    /// Subscriptions stay with the old names.
    fn rename(&mut self, from: &MailboxName, to: &MailboxName, delimiter: Option<char>) {
        let (old, new) = (from.to_text(), to.to_text());
        let moved = self.0.iter_mut().filter(|(_, standing)| standing.is_folder);
        let moved = moved.filter_map(|(name, standing)| {
            let text = name.to_text();
            let rest = text.strip_prefix(&*old)?;
            let moves = rest.is_empty() || delimiter.is_some_and(|it| rest.starts_with(it));
            let renamed = MailboxName::new(format!("{new}{rest}")).ok()?;
            // INBOX stays when it is renamed.
            standing.is_folder = !moves || name.is_inbox();
            moves.then_some(renamed)
        });
        for name in moved.collect::<Vec<_>>() {
            self.at(&name).is_folder = true;
        }
    }

    /// What has become of this.
    fn changes(&self, now: &Self) -> Vec<FolderEvent> {
        let mut events = Vec::new();
        let new = now.0.keys().filter(|name| !self.0.contains_key(*name));
        for name in self.0.keys().chain(new) {
            let (before, now) = (self.of(name), now.of(name));
            match (before.is_folder, now.is_folder) {
                (false, true) => events.push(FolderEvent::Created(name.clone())),
                (true, false) => events.push(FolderEvent::Deleted(name.clone())),
                _ => {}
            }
            match (before.subscribed, now.subscribed) {
                (false, true) => events.push(FolderEvent::Subscribed(name.clone())),
                (true, false) => events.push(FolderEvent::Unsubscribed(name.clone())),
                _ => {}
            }
        }
        events
    }
}

impl From<Vec<FolderEntry>> for Known {
    fn from(entries: Vec<FolderEntry>) -> Self {
        let known = entries.into_iter().map(|entry| {
            let is_folder = !entry.attributes.contains(MailboxAttributes::NON_EXISTENT);
            let subscribed = entry.subscribed;
            (
                entry.name,
                Standing {
                    is_folder,
                    subscribed,
                },
            )
        });
        Self(known.collect())
    }
}

impl Bulletin {
    fn post(&self, session: u64, event: FolderEvent, delimiter: Option<char>) {
        let mut board = lock(&self.0);
        board.posts += 1;
        if let Some(known) = &mut board.known {
            known.apply(&event, delimiter);
        }
        board.tell(Some(session), event);
    }

    /// Compares what is there with what was told, and tells the difference.
    fn compare(&self, posts: u64, now: Known) {
        let mut board = lock(&self.0);
        if board.posts != posts {
            // It may have been read before that or behind it.
            return;
        }
        if let Some(before) = board.known.replace(now.clone()) {
            for event in before.changes(&now) {
                board.tell(None, event);
            }
        }
    }

    fn posts(&self) -> u64 {
        lock(&self.0).posts
    }
}

impl Board {
    fn tell(&self, session: Option<u64>, event: FolderEvent) {
        if let Some(told) = &self.told {
            // Nobody need listen.
            let _ = told.send(Arc::new(Posted { event, session }));
        }
    }
}

/// Looks again and again for what other programs do to the folders, as long as somebody wants to hear of it.
async fn look(bulletin: Weak<Bulletin>, folders: Arc<dyn Folders>) {
    loop {
        {
            let Some(bulletin) = bulletin.upgrade() else {
                return;
            };
            let mut board = lock(&bulletin.0);
            if board
                .told
                .as_ref()
                .is_none_or(|it| it.receiver_count() == 0)
            {
                (board.told, board.known) = (None, None);
                return;
            }
        }
        if let Some(bulletin) = bulletin.upgrade() {
            let posts = bulletin.posts();
            // Who needs them is told what is wrong with them.
            if let Ok(entries) = folders.list().await {
                bulletin.compare(posts, entries.into());
            }
        }
        sleep(FOLDER_LOOK).await;
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The folders of an account, which tell what one session does to them.
struct Announced {
    folders: Arc<dyn Folders>,
    bulletin: Arc<Bulletin>,
    session: u64,
}

impl Announced {
    fn post(&self, event: FolderEvent) {
        self.bulletin.post(self.session, event, self.delimiter());
    }
}

#[async_trait]
impl Folders for Announced {
    fn delimiter(&self) -> Option<char> {
        self.folders.delimiter()
    }

    async fn list(&self) -> Result<Vec<FolderEntry>, StoreError> {
        self.folders.list().await
    }

    async fn create(&self, name: &MailboxName, uses: MailboxAttributes) -> Result<(), StoreError> {
        self.folders.create(name, uses).await?;
        self.post(FolderEvent::Created(name.clone()));
        Ok(())
    }

    async fn delete(&self, name: &MailboxName) -> Result<(), StoreError> {
        self.folders.delete(name).await?;
        self.post(FolderEvent::Deleted(name.clone()));
        Ok(())
    }

    async fn rename(&self, from: &MailboxName, to: &MailboxName) -> Result<(), StoreError> {
        self.folders.rename(from, to).await?;
        let (from, to) = (from.clone(), to.clone());
        self.post(FolderEvent::Renamed { from, to });
        Ok(())
    }

    async fn subscribe(&self, name: &MailboxName, subscribed: bool) -> Result<(), StoreError> {
        self.folders.subscribe(name, subscribed).await?;
        let name = name.clone();
        self.post(match subscribed {
            true => FolderEvent::Subscribed(name),
            false => FolderEvent::Unsubscribed(name),
        });
        Ok(())
    }

    async fn quota(&self) -> Result<Option<Quota>, StoreError> {
        self.folders.quota().await
    }

    async fn metadata(&self, folder: Option<&MailboxName>) -> Result<Metadata, StoreError> {
        self.folders.metadata(folder).await
    }

    async fn annotate(
        &self,
        folder: Option<&MailboxName>,
        changes: Vec<(String, Option<Bytes>)>,
    ) -> Result<(), StoreError> {
        let entries = changes.iter().map(|(name, _)| name.clone()).collect();
        self.folders.annotate(folder, changes).await?;
        let folder = folder.cloned();
        self.post(FolderEvent::Metadata { folder, entries });
        Ok(())
    }

    async fn open(&self, name: &MailboxName) -> Result<Arc<dyn Folder>, StoreError> {
        self.folders.open(name).await
    }

    fn events(&self) -> Option<FolderEvents> {
        let mut board = lock(&self.bulletin.0);
        let posted = match &board.told {
            Some(told) => told.subscribe(),
            None => {
                let (told, posted) = broadcast::channel(FOLDER_EVENTS);
                board.told = Some(told);
                let folders = Arc::clone(&self.folders);
                tokio::spawn(look(Arc::downgrade(&self.bulletin), folders));
                posted
            }
        };
        Some(FolderEvents {
            posted,
            session: self.session,
        })
    }
}

#[cfg(test)]
mod tests {
    use imap_proto::MailboxName;

    use super::{FolderEvent, Known, Standing};

    fn name(text: &str) -> MailboxName {
        MailboxName::new(text).expect("a name")
    }

    /// Names with `!` are of no folder, those with `+` subscribed.
    fn known(names: &[&str]) -> Known {
        let known = names.iter().map(|text| {
            let standing = Standing {
                is_folder: !text.contains('!'),
                subscribed: text.contains('+'),
            };
            (name(text.trim_end_matches(['!', '+'])), standing)
        });
        Known(known.collect())
    }

    #[test]
    fn what_others_have_done() {
        let (before, now) = (known(&["a", "b+", "c!+"]), known(&["b", "c+", "d+"]));
        let expected = [
            FolderEvent::Deleted(name("a")),
            FolderEvent::Unsubscribed(name("b")),
            FolderEvent::Created(name("c")),
            FolderEvent::Created(name("d")),
            FolderEvent::Subscribed(name("d")),
        ];
        assert_eq!(before.changes(&now), expected);
        assert_eq!(now.changes(&now), []);
    }

    #[test]
    fn what_was_done_here_is_no_news() {
        let (a, b, x) = (name("a"), name("b"), name("x"));
        for (event, expected) in [
            (
                FolderEvent::Created(x.clone()),
                &["INBOX", "a+", "a/1", "ab", "x"][..],
            ),
            (
                FolderEvent::Deleted(a.clone()),
                &["INBOX", "a!+", "a/1", "ab"],
            ),
            (
                FolderEvent::Subscribed(b),
                &["INBOX", "a+", "a/1", "ab", "b!+"],
            ),
            (
                FolderEvent::Unsubscribed(a.clone()),
                &["INBOX", "a", "a/1", "ab"],
            ),
            (
                FolderEvent::Renamed {
                    from: a,
                    to: x.clone(),
                },
                &["INBOX", "a!+", "ab", "x", "x/1"],
            ),
            (
                FolderEvent::Renamed {
                    from: name("inbox"),
                    to: x,
                },
                &["INBOX", "a+", "a/1", "ab", "x"],
            ),
        ] {
            let mut known = known(&["INBOX", "a+", "a/1", "ab"]);
            known.apply(&event, Some('/'));
            assert_eq!(known.changes(&self::known(expected)), [], "{event:?}");
        }
    }
}
