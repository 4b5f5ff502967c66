//! The folder that is selected: what is done to its messages, and what is heard of them.

use std::future::pending;
use std::num::NonZeroU32;
use std::sync::Arc;

use imap_proto::command::{Select, StoreHow, StoreWhat};
use imap_proto::response::{Code, CodeWord, CopyUid, FetchItem};
use imap_proto::server::{self, Copy, Refusal, Server, Store};
use imap_proto::{Flag, Flags, MailboxName, ModSeq, ModSeqOrZero, NumberSet, PermanentFlags};
use tokio::sync::watch;

use super::answers::check;
use super::places::Places;
use super::refusals;
use crate::store::{FlagChange, Folder, Folders, Info, Selection, StoreError};

/// A folder, and how much of it this session knows.
pub(super) struct Selected {
    pub(super) folder: Arc<dyn Folder>,
    pub(super) name: MailboxName,
    /// What is known of the parts of its messages.
    pub(super) places: Arc<Places>,
    news: watch::Receiver<u64>,
    /// Up to where changes are known.
    since: ModSeqOrZero,
    /// What comes from here on is new.
    next: NonZeroU32,
}

/// Waits until something has happened to the folder that is selected.
pub(super) async fn news(selected: &mut Option<Selected>) {
    let heard = match selected {
        Some(selected) => selected.news.changed().await,
        None => pending().await,
    };
    if heard.is_err() {
        // Nobody is left who could tell.
        pending::<()>().await;
    }
}

impl Selected {
    /// Opens a folder, and tells the machine what is in it.
    pub(super) async fn open(
        folders: &dyn Folders,
        select: &Select,
        machine: &mut Server,
    ) -> Result<Self, StoreError> {
        let folder = folders.open(&select.mailbox).await?;
        let mut news = folder.news();
        // What happens from here on is seen by the changes below, or heard of again.
        news.mark_unchanged();
        let Selection {
            state,
            overview,
            recent,
        } = folder.select(select.read_only).await?;
        let uids = overview.uids;
        let next = uids.last().map_or(state.uid_next, |last| {
            state.uid_next.max(last.saturating_add(1))
        });
        let mut told = server::Selected::new(state.uid_validity, next);
        told.uids.clone_from(&uids);
        told.recent = recent;
        told.unseen = overview.unseen;
        told.flags = system_flags();
        told.flags.merge(&overview.flags);
        told.permanent_flags = PermanentFlags::new(told.flags.clone(), true);
        told.highest_mod_seq = Some(state.mod_seq);
        told.mailbox_id = Some(state.id);
        check(machine.selected(told));
        if let Some(resync) = &select.qresync {
            if resync.uid_validity == state.uid_validity {
                let since = resync.mod_seq.into();
                let changes = folder.changes(since).await?;
                check(machine.vanished(&changes.gone));
                for info in changes.messages {
                    let items = vec![
                        FetchItem::Uid(info.uid),
                        FetchItem::Flags(info.flags),
                        FetchItem::ModSeq(info.mod_seq.into()),
                    ];
                    if uids.contains(info.uid) {
                        check(machine.fetch(info.uid, items));
                    }
                }
            }
        }
        Ok(Self {
            folder,
            name: select.mailbox.clone(),
            places: Arc::default(),
            news,
            since: state.mod_seq.into(),
            next,
        })
    }

    /// Tells the machine what has happened.
    pub(super) async fn hear(&mut self, machine: &mut Server) -> Result<(), StoreError> {
        for info in self.changed(machine).await? {
            check(machine.changed(info.uid, info.flags, Some(info.mod_seq)));
        }
        Ok(())
    }

    /// Tells the machine which messages have come and gone, and gives those with new flags.
    async fn changed(&mut self, machine: &mut Server) -> Result<Vec<Info>, StoreError> {
        let changes = self.folder.changes(self.since).await?;
        self.since = changes.mod_seq;
        if !changes.gone.is_empty() {
            check(machine.expunged(&changes.gone, changes.mod_seq.nonzero()));
        }
        let is_new = |info: &Info| info.uid >= self.next;
        let (new, changed): (Vec<_>, Vec<_>) = changes.messages.into_iter().partition(is_new);
        if let Some(last) = new.last() {
            self.next = last.uid.saturating_add(1);
            let uids = new.iter().map(|info| info.uid).collect();
            let recent = !self.folder.take_recent().await?.is_empty();
            check(machine.arrived(&uids, recent));
        }
        Ok(changed)
    }

    /// Those of the messages that are there.
    pub(super) async fn messages(&self, uids: &NumberSet) -> Result<Vec<Info>, StoreError> {
        self.folder.messages(uids).await
    }

    /// Removes what is `\Deleted`, of all messages or of these.
    pub(super) async fn expunge(&self, uids: Option<&NumberSet>) -> Result<(), StoreError> {
        let messages = match uids {
            Some(uids) => self.folder.messages(uids).await?,
            None => self.folder.changes(ModSeqOrZero::ZERO).await?.messages,
        };
        let deleted = messages
            .iter()
            .filter(|info| info.flags.contains(&Flag::Deleted));
        let deleted: NumberSet = deleted.map(|info| info.uid).collect();
        match deleted.is_empty() {
            true => Ok(()),
            false => self.folder.expunge(&deleted).await,
        }
    }

    /// Removes messages, whatever their flags.
    pub(super) async fn remove(&self, uids: &NumberSet) -> Result<(), StoreError> {
        self.folder.expunge(uids).await
    }

    /// Changes flags, tells what they are now, and gives the messages that others have changed meanwhile.
    pub(super) async fn store(
        &mut self,
        store: &Store,
        machine: &mut Server,
    ) -> Result<NumberSet, Refusal> {
        let StoreWhat::Flags(flags) = &store.what else {
            return Err(CodeWord::Cannot.into());
        };
        let change = match store.how {
            StoreHow::Add => FlagChange::Add(flags.clone()),
            StoreHow::Remove => FlagChange::Remove(flags.clone()),
            _ => FlagChange::Replace(flags.clone()),
        };
        let failed = refusals::of_store;
        // What others did before counts as theirs.
        self.hear(machine).await.map_err(failed)?;
        let changed = self
            .folder
            .change(&store.uids, &change, store.unchanged_since);
        let modified = changed.await.map_err(failed)?;
        let stored = store.uids.difference(&modified);
        for info in self.changed(machine).await.map_err(failed)? {
            if !stored.contains(info.uid) {
                check(machine.changed(info.uid, info.flags, Some(info.mod_seq)));
            }
        }
        for info in self.folder.messages(&stored).await.map_err(failed)? {
            check(machine.stored(info.uid, &info.flags, Some(info.mod_seq)));
        }
        Ok(modified)
    }

    /// Marks messages as seen, and gives those that were not.
    pub(super) async fn see(&self, uids: &NumberSet) -> Result<NumberSet, StoreError> {
        let messages = self.folder.messages(uids).await?;
        let unseen = messages
            .iter()
            .filter(|info| !info.flags.contains(&Flag::Seen));
        let unseen: NumberSet = unseen.map(|info| info.uid).collect();
        if !unseen.is_empty() {
            let seen = FlagChange::Add([Flag::Seen].into_iter().collect());
            self.folder.change(&unseen, &seen, None).await?;
        }
        Ok(unseen)
    }

    /// The highest mod-sequence of some messages.
    pub(super) fn highest<'a>(messages: impl Iterator<Item = &'a Info>) -> Option<ModSeq> {
        messages.map(|info| info.mod_seq).max()
    }
}

/// Copies messages, and gives what programs should know of that.
pub(super) async fn copy(
    folder: &dyn Folder,
    folders: &dyn Folders,
    copy: &Copy,
) -> Result<Option<Code>, Refusal> {
    let target = folders
        .open(&copy.mailbox)
        .await
        .map_err(refusals::of_target)?;
    let failed = refusals::of_store;
    let state = target.state().await.map_err(failed)?;
    let (from, to) = folder.copy(&copy.uids, &*target).await.map_err(failed)?;
    if from.is_empty() {
        return Ok(None);
    }
    let from = from.into_iter().collect();
    let to = to.into_iter().collect();
    Ok(Some(Code::CopyUid(Box::new(CopyUid::new(
        state.uid_validity,
        from,
        to,
    )))))
}

fn system_flags() -> Flags {
    [
        Flag::Answered,
        Flag::Flagged,
        Flag::Deleted,
        Flag::Seen,
        Flag::Draft,
    ]
    .into_iter()
    .collect()
}
