//! A folder on disk that all sessions share: what holds for all of them, however their messages are kept.

use std::fmt::Debug;
use std::io::Read;
use std::num::NonZeroU32;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;
use bytes::Bytes;
use imap_proto::{DateTime, Flags, ModSeqOrZero, NumberSet};
use tokio::sync::watch;
use tokio::task::spawn_blocking;

use super::attending::{self, Attending, Hush, attend};
use super::envelope_file;
use super::folder::{Adding, Changes, FlagChange, Folder, FolderState, Info, Reading, Selection};
use super::gathering::{Gathering, Placing};
use super::ledger::Ledger;
use super::open_folders::Shareable;
use super::pieces::Pieces;
use super::recall::Recall;
use super::{StoreError, lost};
use crate::limits::HUSHED_CHANGES;

/// How the messages of a folder are kept on disk. All of it may block.
pub(super) trait OnDisk: Debug + Send + Sync + Sized + 'static {
    /// What is known of the folder.
    type State: Debug + Send;
    /// What is known of where a message is.
    type Place;
    /// A message that is being read, with the line ends that it has there.
    type Content: Read + Send + Sync + 'static;
    /// Messages on their way into the folder.
    type Placing: Placing<About = (Flags, Option<DateTime>), Done = Vec<NonZeroU32>>;

    /// Where other programs change it.
    fn places(&self) -> Vec<attending::Place>;

    /// Where a file of ours is that is about the folder.
    fn beside(&self, file: &str) -> PathBuf;

    /// Reads the folder for the first time.
    fn read(&self) -> Result<Self::State, StoreError>;

    /// Finds out what others have done to it.
    fn sync(&self, state: &mut Self::State) -> Result<(), StoreError>;

    /// Writes down what has been done to it, in files of ours.
    fn note(&self, state: &mut Self::State);

    fn ledger(state: &Self::State) -> &Ledger<Self::Place>;

    /// [`Folder::take_recent`]
    fn take_recent(&self, state: &mut Self::State) -> Result<NumberSet, StoreError>;

    /// [`Folder::change`]
    fn change(
        &self,
        state: &mut Self::State,
        uids: &NumberSet,
        change: &FlagChange,
        unchanged_since: Option<ModSeqOrZero>,
    ) -> Result<NumberSet, StoreError>;

    /// Removes messages that are there.
    fn expunge(&self, state: &mut Self::State, uids: &[NonZeroU32]) -> Result<(), StoreError>;

    /// [`Folder::read_several`]
    fn read_several(
        folder: &SharedFolder<Self>,
        uids: &[NonZeroU32],
    ) -> Result<Vec<(NonZeroU32, Bytes)>, StoreError>;

    /// Opens a message.
    fn open(folder: &SharedFolder<Self>, uid: NonZeroU32) -> Result<Self::Content, StoreError>;

    /// Begins to add messages.
    fn add(folder: SharedFolder<Self>) -> Self::Placing;
}

/// A folder of which all clones are one.
#[derive(Debug)]
pub(super) struct SharedFolder<D: OnDisk>(Arc<Shared<D>>);

#[derive(Debug)]
struct Shared<D: OnDisk> {
    disk: D,
    /// `None` before it was read.
    state: Mutex<Option<D::State>>,
    /// What was found in messages, as long as UIDs mean the same. It is not among the state, for which one may have
    /// to wait.
    recall: Mutex<Recall>,
    news: watch::Sender<u64>,
    attending: Attending,
}

impl<D: OnDisk> Clone for SharedFolder<D> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

impl<D: OnDisk> SharedFolder<D> {
    pub(super) fn new(disk: D, recall: Recall, attending: Attending) -> Self {
        Self(Arc::new(Shared {
            disk,
            state: Mutex::new(None),
            recall: Mutex::new(recall.another()),
            news: watch::Sender::new(0),
            attending,
        }))
    }

    pub(super) fn disk(&self) -> &D {
        &self.0.disk
    }

    /// Does something with the folder as it is now. Blocks.
    pub(super) fn with_blocking<T>(
        &self,
        work: impl FnOnce(&D, &mut D::State) -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        let shared = &*self.0;
        let mut held = shared.state.lock().unwrap_or_else(PoisonError::into_inner);
        let uid_validity = |state: &D::State| D::ledger(state).uid_validity();
        let before = held.as_ref().map(uid_validity);
        let state = match &mut *held {
            Some(state) => {
                shared.disk.sync(state)?;
                state
            }
            none => none.insert(shared.disk.read()?),
        };
        let done = work(&shared.disk, state);
        shared.disk.note(state);
        let now = uid_validity(state);
        if before != Some(now) {
            let mut recall = shared.recall.lock().unwrap_or_else(PoisonError::into_inner);
            *recall = recall.of_folder(&shared.disk.beside(envelope_file::NAME), now);
        }
        let mod_seq = D::ledger(state).mod_seq().value();
        let told = |last: &mut u64| std::mem::replace(last, mod_seq) != mod_seq;
        shared.news.send_if_modified(told);
        done
    }

    fn current_recall(&self) -> Recall {
        let recall = &self.0.recall;
        let recall = recall.lock().unwrap_or_else(PoisonError::into_inner);
        recall.clone()
    }

    /// What is known already, though others may have changed the folder since; `None` if that is nothing. Blocks.
    pub(super) fn known<T>(&self, look: impl FnOnce(&D::State) -> T) -> Option<T> {
        let held = self.0.state.lock().unwrap_or_else(PoisonError::into_inner);
        held.as_ref().map(look)
    }

    /// For changes of so many messages. Blocks.
    fn hush_for(&self, uids: &NumberSet) -> Option<Hush<'_>> {
        (uids.count() > HUSHED_CHANGES).then(|| self.0.attending.hush())
    }

    /// Does something where blocking is allowed.
    async fn apart<T: Send + 'static>(
        &self,
        work: impl FnOnce(Self) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, StoreError> {
        let folder = self.clone();
        let done = spawn_blocking(move || work(folder));
        done.await.map_err(|_| lost())?
    }

    /// Does something where blocking is allowed, with the folder as it is now.
    async fn with<T: Send + 'static>(
        &self,
        work: impl FnOnce(&D, &mut D::State) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, StoreError> {
        self.apart(move |folder| folder.with_blocking(work)).await
    }
}

#[async_trait]
impl<D: OnDisk> Shareable for SharedFolder<D> {
    async fn look(&self) {
        // Whoever needs the folder is told what is wrong with it.
        let _ = self.with(|_, _| Ok(())).await;
    }

    fn waiting(&self) -> &watch::Sender<u64> {
        &self.0.news
    }

    fn attending(&self) -> &Attending {
        &self.0.attending
    }

    fn places(&self) -> Vec<attending::Place> {
        self.0.disk.places()
    }
}

#[async_trait]
impl<D: OnDisk> Folder for SharedFolder<D> {
    async fn state(&self) -> Result<FolderState, StoreError> {
        self.with(|_, state| Ok(D::ledger(state).state())).await
    }

    async fn changes(&self, since: ModSeqOrZero) -> Result<Changes, StoreError> {
        self.with(move |_, state| Ok(D::ledger(state).changes(since)))
            .await
    }

    async fn select(&self, read_only: bool) -> Result<Selection, StoreError> {
        self.with(move |disk, state| {
            let recent = match read_only {
                true => NumberSet::new(),
                false => disk.take_recent(state)?,
            };
            Ok(D::ledger(state).select(recent))
        })
        .await
    }

    async fn messages(&self, uids: &NumberSet) -> Result<Vec<Info>, StoreError> {
        let uids = uids.clone();
        self.apart(move |folder| {
            let recall = folder.current_recall();
            let (messages, all) = folder.with_blocking(|_, state| {
                let ledger = D::ledger(state);
                let messages = ledger.among(&uids).map(|entry| entry.info.clone());
                let all = || ledger.entries().map(|entry| entry.info.uid).collect();
                let all = recall.has_outgrown(ledger.len()).then(all);
                Ok((messages.collect(), all))
            })?;
            if let Some(all) = all {
                recall.retain(&all);
            }
            Ok(messages)
        })
        .await
    }

    async fn take_recent(&self) -> Result<NumberSet, StoreError> {
        self.with(D::take_recent).await
    }

    async fn read(&self, uid: NonZeroU32) -> Result<Bytes, StoreError> {
        let mut read = self.read_several(&[uid]).await?;
        read.pop().map(|(_, octets)| octets).ok_or(StoreError::Gone)
    }

    async fn read_several(
        &self,
        uids: &[NonZeroU32],
    ) -> Result<Vec<(NonZeroU32, Bytes)>, StoreError> {
        let uids = uids.to_vec();
        self.apart(move |folder| D::read_several(&folder, &uids))
            .await
    }

    async fn read_from(&self, uid: NonZeroU32, from: u64) -> Result<Box<dyn Reading>, StoreError> {
        let content = self.apart(move |folder| D::open(&folder, uid)).await?;
        Ok(Box::new(Pieces::new(content, from)))
    }

    async fn add(&self) -> Result<Box<dyn Adding>, StoreError> {
        Ok(Box::new(Gathering::new(D::add(self.clone()))))
    }

    async fn change(
        &self,
        uids: &NumberSet,
        change: &FlagChange,
        unchanged_since: Option<ModSeqOrZero>,
    ) -> Result<NumberSet, StoreError> {
        let (uids, change) = (uids.clone(), change.clone());
        self.apart(move |folder| {
            let _hush = folder.hush_for(&uids);
            folder.with_blocking(|disk, state| disk.change(state, &uids, &change, unchanged_since))
        })
        .await
    }

    async fn expunge(&self, uids: &NumberSet) -> Result<(), StoreError> {
        let uids = uids.clone();
        self.apart(move |folder| {
            let _hush = folder.hush_for(&uids);
            folder.with_blocking(|disk, state| {
                let there = D::ledger(state).among(&uids).map(|entry| entry.info.uid);
                let there: Vec<_> = there.collect();
                match there.is_empty() {
                    true => Ok(()),
                    false => disk.expunge(state, &there),
                }
            })
        })
        .await
    }

    fn news(&self) -> watch::Receiver<u64> {
        let news = self.0.news.subscribe();
        attend(self);
        news
    }

    fn recall(&self) -> Option<Recall> {
        Some(self.current_recall())
    }
}
