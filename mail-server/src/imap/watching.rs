//! Folders that are not selected, and names: what NOTIFY wants to be told of them (RFC 5465).

use std::collections::BTreeMap;
use std::future::pending;
use std::num::NonZeroU32;
use std::sync::Arc;

use imap_proto::command::{NotifyEvent, NotifyGroup, Source};
use imap_proto::response::{
    Data, ListExtended, Listed, MailboxStatus, Metadata, MetadataEntries, StatusValue,
};
use imap_proto::server::Server;
use imap_proto::{Flag, MailboxAttributes, MailboxName, ModSeqOrZero, NumberSet, Octets};
use tokio::sync::watch;
use tokio::task::{AbortHandle, JoinSet};
use tracing::warn;

use super::answers::check;
use super::listing::Names;
use crate::limits::NOTIFIED_FOLDERS;
use crate::store::{
    Changes, Folder, FolderEntry, FolderEvent, FolderEvents, Folders, Info, StoreError,
};

/// What a session listens to besides the folder that is selected.
pub(super) struct Watching {
    groups: Vec<NotifyGroup>,
    delimiter: Option<char>,
    /// Those whose messages are told of.
    folders: BTreeMap<MailboxName, Watched>,
    /// One task for each, which waits until something has happened to it.
    waits: JoinSet<Option<Heard>>,
    /// What happens to names, if that is to be told, or changes which folders are meant.
    events: Option<FolderEvents>,
    /// What has happened and was not told yet, and whether it was this session's doing.
    happened: Vec<(FolderEvent, bool)>,
}

/// Something has happened to a folder.
type Heard = (MailboxName, watch::Receiver<u64>);

/// A folder whose messages are told of.
struct Watched {
    folder: Arc<dyn Folder>,
    /// How it was when the client was told last.
    told: Counts,
    /// Whether changes of flags are told.
    flags: bool,
    /// Whether something has happened since.
    has_news: bool,
    /// What this session has put there since.
    ours: NumberSet,
    wait: AbortHandle,
}

/// How a folder was found.
struct Seen {
    now: Counts,
    /// Whether messages have come or changed that this session has not put there.
    changed: bool,
}

/// What a status is made of.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Counts {
    uid_validity: NonZeroU32,
    uid_next: NonZeroU32,
    messages: u32,
    unseen: u32,
    mod_seq: ModSeqOrZero,
}

impl Watching {
    /// Begins to listen.
    ///
    /// # Errors
    ///
    /// [`StoreError::TooMany`], or if folders cannot be opened.
    pub(super) async fn begin(
        folders: &dyn Folders,
        groups: Vec<NotifyGroup>,
    ) -> Result<Self, StoreError> {
        let mut watching = Self {
            delimiter: folders.delimiter(),
            // From here on, so that nothing is missed between.
            events: folders.events(),
            groups,
            folders: BTreeMap::new(),
            waits: JoinSet::new(),
            happened: Vec::new(),
        };
        watching.choose(folders, &folders.list().await?).await?;
        Ok(watching)
    }

    /// Opens the folders that are meant, and forgets those that are meant no more.
    async fn choose(
        &mut self,
        folders: &dyn Folders,
        entries: &[FolderEntry],
    ) -> Result<(), StoreError> {
        let none = MailboxAttributes::NON_EXISTENT | MailboxAttributes::NO_SELECT;
        let meant = entries.iter().filter(|it| !it.attributes.intersects(none));
        let meant = meant.filter(|it| self.wants(NotifyEvent::MessageNew, &it.name, it.subscribed));
        let meant: BTreeMap<_, _> = meant.map(|it| (it.name.clone(), it.subscribed)).collect();
        if meant.len() > NOTIFIED_FOLDERS {
            return Err(StoreError::TooMany);
        }
        self.folders.retain(|name, watched| {
            let stays = meant.contains_key(name);
            if !stays {
                watched.wait.abort();
            }
            stays
        });
        for (name, subscribed) in meant {
            let flags = self.wants(NotifyEvent::FlagChange, &name, subscribed);
            if let Some(watched) = self.folders.get_mut(&name) {
                watched.flags = flags;
                continue;
            }
            match self.watch(folders, name, flags).await {
                // It went meanwhile.
                Ok(()) | Err(StoreError::NoFolder) => {}
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    async fn watch(
        &mut self,
        folders: &dyn Folders,
        name: MailboxName,
        flags: bool,
    ) -> Result<(), StoreError> {
        let folder = folders.open(&name).await?;
        let mut news = folder.news();
        // What happens from here on is counted below, or heard of.
        news.mark_unchanged();
        let (told, _) = Counts::of(&*folder).await?;
        let watched = Watched {
            folder,
            told,
            flags,
            has_news: false,
            ours: NumberSet::new(),
            wait: self.wait((name.clone(), news)),
        };
        self.folders.insert(name, watched);
        Ok(())
    }

    fn wait(&mut self, (name, mut news): Heard) -> AbortHandle {
        self.waits.spawn(async move {
            news.changed().await.ok()?;
            Some((name, news))
        })
    }

    /// Waits until something has happened. Cancel-safe.
    pub(super) async fn news(&mut self) {
        loop {
            let heard = tokio::select! {
                Some(heard) = self.waits.join_next() => heard,
                happened = next(&mut self.events) => {
                    self.happened.push(happened);
                    return;
                }
            };
            // Of a folder that is gone, or meant no more, nothing is heard.
            let Ok(Some((name, news))) = heard else {
                continue;
            };
            let wait = self.wait((name.clone(), news));
            match self.folders.get_mut(&name) {
                Some(watched) => {
                    (watched.has_news, watched.wait) = (true, wait);
                    return;
                }
                None => wait.abort(),
            }
        }
    }

    /// This session has put messages into a folder: that is no news to its client (RFC 5465 section 5).
    pub(super) fn added(&mut self, name: &MailboxName, uids: &NumberSet) {
        if let Some(watched) = self.folders.get_mut(name) {
            watched.ours = watched.ours.union(uids);
        }
    }

    /// Tells the machine what has happened. `false` if the client does not want to hear any more of it.
    ///
    /// # Errors
    ///
    /// [`StoreError::TooMany`] if it is too much, or if folders cannot be read.
    pub(super) async fn tell(
        &mut self,
        machine: &mut Server,
        folders: &dyn Folders,
        selected: Option<&MailboxName>,
    ) -> Result<bool, StoreError> {
        if !self.happened.is_empty() && !self.tell_names(machine, folders).await? {
            return Ok(false);
        }
        let knows_mod_seqs = machine.knows_mod_seqs();
        let mut gone = Vec::new();
        for (name, watched) in &mut self.folders {
            // Of the selected folder something else is told (section 3.1).
            if !watched.has_news || selected == Some(name) {
                continue;
            }
            watched.has_news = false;
            match watched.look().await {
                Ok(seen) => {
                    if let Some(values) = watched.news(seen, knows_mod_seqs) {
                        let status = MailboxStatus::new(name.clone(), values);
                        if !told(machine, Data::MailboxStatus(Box::new(status))) {
                            return Ok(false);
                        }
                    }
                }
                Err(StoreError::NoFolder) => gone.push(name.clone()),
                Err(error) => warn!(%error, "no news of a folder"),
            }
        }
        for name in gone {
            self.forget(&name);
        }
        Ok(true)
    }

    /// The statuses of all folders, before anything happens (RFC 5465 section 3.1).
    pub(super) fn statuses(&self, selected: Option<&MailboxName>) -> Vec<Data> {
        let others = self.folders.iter();
        let others = others.filter(|(name, _)| selected != Some(*name));
        let statuses = others.map(|(name, watched)| {
            let values = watched.told.all(watched.flags);
            Data::MailboxStatus(Box::new(MailboxStatus::new(name.clone(), values)))
        });
        statuses.collect()
    }

    fn forget(&mut self, name: &MailboxName) {
        if let Some(watched) = self.folders.remove(name) {
            watched.wait.abort();
        }
    }

    /// Tells what has happened to names, and listens to those that are meant now.
    async fn tell_names(
        &mut self,
        machine: &mut Server,
        folders: &dyn Folders,
    ) -> Result<bool, StoreError> {
        let entries = folders.list().await?;
        let names = Names::new(entries.clone(), self.delimiter);
        for (event, is_ours) in &std::mem::take(&mut self.happened) {
            match event {
                // Whoever has the name now is another folder.
                FolderEvent::Created(name)
                | FolderEvent::Deleted(name)
                | FolderEvent::Renamed { from: name, .. } => self.forget(name),
                FolderEvent::Missed => return Err(StoreError::TooMany),
                _ => {}
            }
            if *is_ours {
                continue;
            }
            for data in self.told_of(event, &names) {
                if !told(machine, data) {
                    return Ok(false);
                }
            }
        }
        self.choose(folders, &entries).await?;
        Ok(true)
    }

    /// What is told of an event, if anything.
    fn told_of(&self, event: &FolderEvent, names: &Names) -> Vec<Data> {
        let named = |name: &MailboxName| {
            let wanted = self.wants(NotifyEvent::MailboxName, name, names.is_subscribed(name));
            wanted.then(|| names.listed(name))
        };
        let list = |listed: Listed| Data::List(Box::new(listed));
        match event {
            FolderEvent::Created(name) | FolderEvent::Deleted(name) => {
                // What it is in now has children, or has none any more (section 5.4).
                let affected = [Some(name.clone()), self.above(name)].into_iter().flatten();
                affected.filter_map(|name| named(&name).map(list)).collect()
            }
            FolderEvent::Renamed { from, to } => {
                let mentioned = named(to).or_else(|| named(from).map(|_| names.listed(to)));
                let renamed = mentioned.map(|mut listed| {
                    listed.extended.push(ListExtended::OldName(from.clone()));
                    list(listed)
                });
                renamed.into_iter().collect()
            }
            FolderEvent::Subscribed(name) | FolderEvent::Unsubscribed(name) => {
                match self.wants(NotifyEvent::SubscriptionChange, name, true) {
                    true => vec![list(names.listed(name))],
                    false => Vec::new(),
                }
            }
            FolderEvent::Metadata { folder, entries } => {
                let wanted = match folder {
                    Some(name) => {
                        let event = NotifyEvent::MailboxMetadataChange;
                        self.wants(event, name, names.is_subscribed(name))
                    }
                    None => self.has(NotifyEvent::ServerMetadataChange),
                };
                let server = || MailboxName::new("").expect("an empty name");
                let entries = entries.iter().map(|name| Octets::from(name.as_str()));
                let changed = MetadataEntries::Changed(entries.collect());
                let changed = Metadata::new(folder.clone().unwrap_or_else(server), changed);
                let told = wanted.then(|| Data::Metadata(Box::new(changed)));
                told.into_iter().collect()
            }
            FolderEvent::Missed => Vec::new(),
        }
    }

    fn above(&self, name: &MailboxName) -> Option<MailboxName> {
        let text = name.to_text();
        let (above, _) = text.rsplit_once(self.delimiter?)?;
        MailboxName::new(above).ok()
    }

    /// Whether an event is wanted of a folder.
    fn wants(&self, event: NotifyEvent, name: &MailboxName, subscribed: bool) -> bool {
        let groups = self.groups.iter().filter(|group| has(group, event));
        let mut means = groups.map(|group| means(&group.source, name, subscribed, self.delimiter));
        means.any(|means| means)
    }

    /// Whether an event is wanted of anything.
    fn has(&self, event: NotifyEvent) -> bool {
        self.groups.iter().any(|group| has(group, event))
    }
}

/// The next event, for ever if there are none.
async fn next(events: &mut Option<FolderEvents>) -> (FolderEvent, bool) {
    match events {
        Some(events) => events.next().await,
        None => pending().await,
    }
}

fn has(group: &NotifyGroup, event: NotifyEvent) -> bool {
    let events = group.events.as_ref();
    events.is_some_and(|events| events.events.contains(&event))
}

/// Whether a folder is meant (RFC 5465 section 6). All are the user's own, and which of them mail is delivered to is not
/// known.
fn means(source: &Source, name: &MailboxName, subscribed: bool, delimiter: Option<char>) -> bool {
    let below = |above: &MailboxName| {
        let (name, above) = (name.to_text(), above.to_text());
        let rest = name.strip_prefix(&*above);
        rest.is_some_and(|rest| delimiter.is_some_and(|it| rest.starts_with(it)))
    };
    match source {
        Source::Inboxes | Source::Personal => true,
        Source::Subscribed => subscribed,
        Source::Subtree(names) => names.iter().any(|it| it == name || below(it)),
        Source::Mailboxes(names) => names.contains(name),
        _ => false,
    }
}

/// Tells the machine something. `false` if the client does not want to hear it any more.
fn told(machine: &mut Server, data: Data) -> bool {
    let told = machine.notice(data);
    let goes_on = !matches!(told, Ok(false));
    check(told.map(drop));
    goes_on
}

impl Watched {
    /// How the folder is now.
    async fn look(&self) -> Result<Seen, StoreError> {
        let (now, messages) = Counts::of(&*self.folder).await?;
        let before = self.told.mod_seq;
        let changed = messages
            .iter()
            .any(|info| before < info.mod_seq.into() && !self.ours.contains(info.uid));
        Ok(Seen { now, changed })
    }

    /// What is told of that, if anything.
    fn news(&mut self, seen: Seen, knows_mod_seqs: bool) -> Option<Vec<StatusValue>> {
        let ours = std::mem::take(&mut self.ours);
        let values = seen.news(&self.told, &ours, self.flags, knows_mod_seqs);
        self.told = seen.now;
        values
    }
}

impl Seen {
    /// What is told of the difference (RFC 5465 sections 5.1 to 5.3).
    fn news(
        &self,
        before: &Counts,
        ours: &NumberSet,
        flags: bool,
        knows_mod_seqs: bool,
    ) -> Option<Vec<StatusValue>> {
        let Self { now, changed } = self;
        let last = ours.last().map(|last| last.saturating_add(1));
        let added = u32::try_from(ours.count()).unwrap_or(u32::MAX);
        let has_come_and_gone = now.uid_validity != before.uid_validity
            || now.messages != before.messages.saturating_add(added)
            || now.uid_next != last.unwrap_or(before.uid_next);
        // The session's own messages may be unseen without being news.
        let unseen = flags && now.unseen != before.unseen && (*changed || added == 0);
        let is_news = has_come_and_gone || unseen || (flags && knows_mod_seqs && *changed);
        is_news.then(|| {
            let mut values = vec![StatusValue::UidValidity(Some(now.uid_validity))];
            if has_come_and_gone {
                values.push(StatusValue::UidNext(Some(now.uid_next)));
                values.push(StatusValue::Messages(now.messages));
            }
            if unseen {
                values.push(StatusValue::Unseen(now.unseen));
            }
            if knows_mod_seqs {
                values.push(StatusValue::HighestModSeq(now.mod_seq));
            }
            values
        })
    }
}

impl Counts {
    /// Counts the messages of a folder, and gives them.
    async fn of(folder: &dyn Folder) -> Result<(Self, Vec<Info>), StoreError> {
        let state = folder.state().await?;
        let Changes {
            messages, mod_seq, ..
        } = folder.changes(ModSeqOrZero::ZERO).await?;
        // Some may have come between the two.
        let next = messages.last().map(|last| last.uid.saturating_add(1));
        let unseen = messages
            .iter()
            .filter(|info| !info.flags.contains(&Flag::Seen));
        let count = |count: usize| u32::try_from(count).unwrap_or(u32::MAX);
        let counts = Self {
            uid_validity: state.uid_validity,
            uid_next: state.uid_next.max(next.unwrap_or(state.uid_next)),
            messages: count(messages.len()),
            unseen: count(unseen.count()),
            mod_seq,
        };
        Ok((counts, messages))
    }

    /// What is told first, of messages and of flags.
    fn all(&self, flags: bool) -> Vec<StatusValue> {
        let mut values = vec![
            StatusValue::Messages(self.messages),
            StatusValue::UidNext(Some(self.uid_next)),
            StatusValue::UidValidity(Some(self.uid_validity)),
        ];
        if flags {
            values.push(StatusValue::Unseen(self.unseen));
            values.push(StatusValue::HighestModSeq(self.mod_seq));
        }
        values
    }
}

#[cfg(test)]
mod tests {
    use std::num::NonZeroU32;

    use imap_proto::{ModSeq, NumberSet};

    use super::{Counts, Seen};

    fn counts(messages: u32, next: u32, unseen: u32, mod_seq: u64) -> Counts {
        let number = |number| NonZeroU32::new(number).expect("a number");
        Counts {
            uid_validity: number(7),
            uid_next: number(next),
            messages,
            unseen,
            mod_seq: ModSeq::new(mod_seq).expect("a mod-sequence").into(),
        }
    }

    #[test]
    fn what_others_have_done_is_news_and_what_is_ours_is_not() {
        let before = counts(2, 3, 1, 5);
        let (none, ours) = (NumberSet::new(), NumberSet::from_iter(NonZeroU32::new(3)));
        for (now, ours, changed, with_mod_seqs, without) in [
            (counts(2, 3, 1, 5), &none, false, false, false),
            // A message of ours, and with it a flag of another.
            (counts(3, 4, 2, 6), &ours, false, false, false),
            (counts(3, 4, 2, 7), &ours, true, true, true),
            (counts(3, 4, 1, 7), &ours, true, true, false),
            // Two messages, one of them ours.
            (counts(4, 5, 3, 7), &ours, true, true, true),
            // Flags alone.
            (counts(2, 3, 1, 6), &none, true, true, false),
            (counts(2, 3, 0, 6), &none, true, true, true),
            // One is gone.
            (counts(1, 3, 0, 6), &none, false, true, true),
        ] {
            let seen = Seen { now, changed };
            let is_told = |knows| seen.news(&before, ours, true, knows).is_some();
            let told = (is_told(true), is_told(false));
            assert_eq!(told, (with_mod_seqs, without), "{:?}", seen.now);
        }
    }
}
