//! What is answered out of folders to those who have logged in.

use std::fmt;
use std::future::pending;
use std::sync::Arc;

use imap_proto::command::{CommandBody, Create, Notify};
use imap_proto::response::{Code, CodeWord, Data, Namespace, Namespaces};
use imap_proto::server::{Event, Refusal, Server};
use imap_proto::{Extension, MailboxName};
use mailwire::ApiMisuse;
use tracing::{error, info, warn};

use super::append::Appending;
use super::fetch::{Fetching, Progress};
use super::long::{Done, Long};
use super::selected::Selected;
use super::watching::Watching;
use super::{find, listing, metadata, quota, refusals, selected};
use crate::store::{Folders, StoreError};

/// Answers what a machine asks on behalf of somebody who has logged in, out of their folders: for those who drive
/// a [`Server`] by themselves. [`Listener`](super::Listener) does all of it.
#[derive(Default)]
pub struct Answers {
    /// Once somebody has logged in.
    folders: Option<Arc<dyn Folders>>,
    selected: Option<Selected>,
    /// What is to be told of other folders (RFC 5465).
    watching: Option<Box<Watching>>,
    /// What takes more than one answer.
    work: Option<Work>,
}

enum Work {
    Append(Box<Appending>),
    Fetch(Box<Fetching>),
    Long(Box<Long>),
}

impl Answers {
    /// Somebody has logged in, and these are their folders. The machine is the caller's to tell.
    pub fn open(&mut self, folders: Arc<dyn Folders>) {
        self.folders = Some(folders);
    }

    /// Answers an event, unless it is one of those by which somebody logs in: these are the caller's, as the name
    /// and the password are. An APPEND is done once [`Event::AppendEnd`] was answered with `Ok`.
    ///
    /// # Errors
    ///
    /// The refusal, which the caller is to tell the machine by [`Server::no`].
    pub async fn answer(&mut self, machine: &mut Server, event: Event) -> Result<(), Refusal> {
        let answered = match event {
            Event::Unauthenticated => {
                (self.folders, self.selected, self.watching) = (None, None, None);
                Ok(())
            }
            Event::Id(client) => {
                info!(?client, "the client says who it is");
                Ok(())
            }
            Event::Idle => {
                self.hear(machine).await;
                Ok(())
            }
            Event::Rejected(status) => {
                info!(text = %status.text, "command refused");
                Ok(())
            }
            Event::AppendAborted => {
                self.work = None;
                Ok(())
            }
            Event::Body(octets) => {
                if let Some(Work::Append(appending)) = &mut self.work {
                    appending.body(octets).await;
                }
                Ok(())
            }
            event => self.answer_user(machine, event).await,
        };
        if answered.is_err() {
            // Nothing goes on for what was refused.
            self.work = None;
        }
        answered
    }

    /// Goes on with what takes more than one answer, when the machine is [paused](mailwire::Step::Paused). `false`
    /// if there is no such thing.
    pub async fn go_on(&mut self, machine: &mut Server) -> bool {
        let work = self.work.take();
        let is_there = work.is_some();
        if let Some(work) = work {
            self.work(machine, work).await;
        }
        is_there
    }

    /// Whether a command takes so long that its client is told how far it has come: that is to be sent, before it is
    /// [gone on](Self::go_on) with.
    pub fn takes_long(&self) -> bool {
        matches!(self.work, Some(Work::Long(_)))
    }

    /// Waits until something has happened to the folder that is selected, or to others that the client wants to be told
    /// of; for ever, if there are none. Cancel-safe.
    pub async fn news(&mut self) {
        let watching = async {
            match &mut self.watching {
                Some(watching) => watching.news().await,
                None => pending().await,
            }
        };
        tokio::select! {
            () = selected::news(&mut self.selected) => {}
            () = watching => {}
        }
    }

    /// Answers an event of somebody who has logged in.
    async fn answer_user(&mut self, machine: &mut Server, event: Event) -> Result<(), Refusal> {
        let Some(folders) = self.folders.clone() else {
            return Err(CodeWord::ServerBug.into());
        };
        let failed = refusals::of_store;
        match event {
            Event::Select(select) => {
                // If it is the same folder, it stays open all the time.
                let before = self.selected.take();
                let opened = Selected::open(&*folders, &select, machine).await;
                let opened = opened.map(|selected| self.selected = Some(selected));
                drop(before);
                // What was selected before is one of the others now.
                self.hear_of_others(machine).await;
                opened.map_err(failed)?;
            }
            Event::Close { expunge } => {
                if let (true, Some(selected)) = (expunge, &self.selected) {
                    selected.expunge(None).await.map_err(failed)?;
                }
                self.selected = None;
                self.hear_of_others(machine).await;
            }
            Event::Noop => self.hear(machine).await,
            Event::Create(create) => return create_folder(&*folders, *create, machine).await,
            Event::Delete(name) => folders.delete(&name).await.map_err(failed)?,
            Event::Rename(rename) => {
                folders
                    .rename(&rename.from, &rename.to)
                    .await
                    .map_err(failed)?;
            }
            Event::Subscribe(name) => folders.subscribe(&name, true).await.map_err(failed)?,
            Event::Unsubscribe(name) => folders.subscribe(&name, false).await.map_err(failed)?,
            Event::List(list) => {
                let listed = listing::list(&*folders, &list).await?;
                tell(machine, listed);
            }
            Event::Namespace => {
                let mut namespaces = Namespaces::default();
                let prefix = MailboxName::new("").expect("an empty name");
                namespaces.personal = Some(vec![Namespace::new(prefix, folders.delimiter())]);
                tell(machine, [Data::Namespace(Box::new(namespaces))]);
            }
            Event::Status(name, items) => {
                let limit = machine.config().append_limit;
                let status = listing::status(&*folders, name, &items, limit).await;
                tell(machine, [status.map_err(failed)?]);
            }
            Event::Notify(notify) => self.notify(machine, *notify, &*folders).await?,
            Event::Append(message) => {
                let mut appending = match self.work.take() {
                    Some(Work::Append(appending)) => appending,
                    _ => {
                        let most = machine.config().append_limit;
                        Box::new(Appending::begin(&*folders, &message, most).await?)
                    }
                };
                appending.message(*message).await?;
                self.work = Some(Work::Append(appending));
            }
            Event::AppendUrl(url) => {
                let Some(Work::Append(appending)) = &mut self.work else {
                    return Err(CodeWord::ServerBug.into());
                };
                appending
                    .url(&*folders, self.selected.as_ref(), &url)
                    .await?;
            }
            Event::AppendEnd => return self.append_end(machine).await,
            Event::Refresh(uids) => {
                let selected = self.selected.as_ref().ok_or(CodeWord::ServerBug)?;
                for info in selected.messages(&uids).await.map_err(failed)? {
                    let told = machine.stored(info.uid, &info.flags, Some(info.mod_seq));
                    check(told);
                }
            }
            Event::Other(command) => {
                let (told, code) = other(&*folders, *command).await?;
                tell(machine, told);
                if let Some(code) = code {
                    check(machine.ok_with(code));
                    return Ok(());
                }
            }
            event => match long(&folders, self.selected.as_ref(), event) {
                Ok(long) => return self.go_on_with(machine, Box::new(long)).await,
                Err(event) => return self.answer_about_messages(machine, event).await,
            },
        }
        check(machine.ok());
        Ok(())
    }

    /// Answers an event about messages of the folder that is selected.
    async fn answer_about_messages(
        &mut self,
        machine: &mut Server,
        event: Event,
    ) -> Result<(), Refusal> {
        let failed = refusals::of_store;
        let Some(selected) = &mut self.selected else {
            return Err(CodeWord::NonExistent.into());
        };
        let told = match event {
            Event::Expunge(uids) => {
                selected.expunge(uids.as_ref()).await.map_err(failed)?;
                selected.hear(machine).await.map_err(failed)?;
                machine.ok()
            }
            Event::Fetch(fetch) => {
                let fetching = Fetching::begin(selected, *fetch, machine).await;
                let fetching = Box::new(fetching.map_err(failed)?);
                self.work(machine, Work::Fetch(fetching)).await;
                return Ok(());
            }
            Event::Store(store) => match selected.store(&store, machine).await? {
                modified if modified.is_empty() => machine.ok(),
                modified => machine.ok_with(Code::Modified(modified)),
            },
            // Not offered, so it does not come.
            _ => machine.no(CodeWord::Cannot),
        };
        check(told);
        Ok(())
    }

    /// Goes on with a command that may take long, for a while.
    async fn go_on_with(
        &mut self,
        machine: &mut Server,
        mut long: Box<Long>,
    ) -> Result<(), Refusal> {
        let Some(done) = long.go_on(machine).await else {
            self.work = Some(Work::Long(long));
            return Ok(());
        };
        let told = match done? {
            Done::Found(found, mod_seq) => machine.found(found, mod_seq),
            Done::Sorted(sorted, mod_seq) => machine.sorted(sorted, mod_seq),
            Done::Threads(threads) => machine.threads(threads),
            Done::Copied { mailbox, code } => {
                self.hear_of_selected(machine).await;
                self.has_added(machine, &mailbox, code.as_ref());
                match code {
                    Some(code) => machine.ok_with(code),
                    None => machine.ok(),
                }
            }
        };
        check(told);
        Ok(())
    }

    /// All messages of an APPEND are there.
    async fn append_end(&mut self, machine: &mut Server) -> Result<(), Refusal> {
        let Some(Work::Append(appending)) = self.work.take() else {
            return Err(CodeWord::ServerBug.into());
        };
        let mailbox = appending.mailbox.clone();
        let (code, replaced) = appending.end().await?;
        self.has_added(machine, &mailbox, Some(&code));
        if let (Some(uid), Some(selected)) = (replaced, &mut self.selected) {
            let uids = [uid].into_iter().collect();
            selected.remove(&uids).await.map_err(refusals::of_store)?;
        }
        self.hear(machine).await;
        check(machine.ok_with(code));
        Ok(())
    }

    /// Goes on with what takes more than one answer.
    async fn work(&mut self, machine: &mut Server, work: Work) {
        match work {
            Work::Fetch(mut fetching) => match fetching.go_on(machine).await {
                Ok(Progress::Done) => check(machine.ok()),
                Ok(Progress::Full) => self.work = Some(Work::Fetch(fetching)),
                // RFC 3516 section 4.3
                Ok(Progress::Undecodable) => check(machine.no(CodeWord::UnknownCte)),
                Ok(Progress::Broken) => {}
                Err(error) => check(machine.no(refusals::of_store(error))),
            },
            Work::Long(long) => {
                if let Err(refusal) = self.go_on_with(machine, long).await {
                    check(machine.no(refusal));
                }
            }
            Work::Append(_) => error!("a message that is appended waits for nobody"),
        }
    }

    /// The client says what it wants to be told without asking.
    async fn notify(
        &mut self,
        machine: &mut Server,
        notify: Notify,
        folders: &dyn Folders,
    ) -> Result<(), Refusal> {
        let watching = match notify {
            Notify::Set { groups, status } => {
                let watching = Watching::begin(folders, groups).await;
                let watching = watching.map_err(refusals::of_watching)?;
                if status {
                    let selected = self.selected.as_ref().map(|selected| &selected.name);
                    tell(machine, watching.statuses(selected));
                }
                Some(Box::new(watching))
            }
            _ => None,
        };
        self.watching = watching;
        self.hear_of_selected(machine).await;
        Ok(())
    }

    /// The client has put messages somewhere, which is no news to it.
    fn has_added(&mut self, machine: &mut Server, mailbox: &MailboxName, code: Option<&Code>) {
        let uids = match code {
            Some(Code::AppendUid { uids, .. }) => uids.to_set(),
            Some(Code::CopyUid(copied)) => copied.to.to_set(),
            _ => return,
        };
        let is_selected = self.selected.as_ref().is_some_and(|it| it.name == *mailbox);
        if is_selected {
            check(machine.added(&uids));
        } else if let Some(watching) = &mut self.watching {
            watching.added(mailbox, &uids);
        }
    }

    /// Tells the machine what has happened to folders.
    pub async fn hear(&mut self, machine: &mut Server) {
        self.hear_of_selected(machine).await;
        self.hear_of_others(machine).await;
    }

    /// Tells the machine what NOTIFY has asked for.
    async fn hear_of_others(&mut self, machine: &mut Server) {
        let (Some(watching), Some(folders)) = (&mut self.watching, &self.folders) else {
            return;
        };
        let selected = self.selected.as_ref().map(|selected| &selected.name);
        match watching.tell(machine, &**folders, selected).await {
            Ok(true) => {}
            Ok(false) => self.watching = None,
            Err(StoreError::TooMany) => {
                info!("more happens than can be told");
                check(machine.overflow());
                self.watching = None;
            }
            Err(error) => warn!(%error, "no news of the folders"),
        }
    }

    async fn hear_of_selected(&mut self, machine: &mut Server) {
        let Some(selected) = &mut self.selected else {
            return;
        };
        match selected.hear(machine).await {
            Ok(()) => {}
            Err(StoreError::NoFolder) => {
                // It goes by another name, or by none: what is asked of its messages is refused.
                info!("the selected folder is gone");
                self.selected = None;
            }
            Err(error) => warn!(%error, "no news of the folder"),
        }
    }
}

impl fmt::Debug for Answers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Answers").finish_non_exhaustive()
    }
}

/// A command that may take long, or an event that is something else.
fn long(
    folders: &Arc<dyn Folders>,
    selected: Option<&Selected>,
    event: Event,
) -> Result<Long, Event> {
    let Some(selected) = selected else {
        return Err(event);
    };
    let (folder, folders) = (Arc::clone(&selected.folder), Arc::clone(folders));
    Ok(match event {
        Event::Search(search) => Long::new(|progress| async move {
            let (found, mod_seq) = find::search(&*folder, &search, &progress).await?;
            Ok(Done::Found(found, mod_seq))
        }),
        Event::Sort(sort) => Long::new(|progress| async move {
            let (sorted, mod_seq) = find::sort(&*folder, &sort, &progress).await?;
            Ok(Done::Sorted(sorted, mod_seq))
        }),
        Event::Thread(thread) => Long::new(|progress| async move {
            let threads = find::threads(&*folder, &thread, &progress).await?;
            Ok(Done::Threads(threads))
        }),
        Event::Copy(copy) => Long::new(|_| async move {
            let code = selected::copy(&*folder, &*folders, &copy).await?;
            let mailbox = copy.mailbox;
            Ok(Done::Copied { mailbox, code })
        }),
        Event::Move(copy) => Long::new(|_| async move {
            let code = selected::copy(&*folder, &*folders, &copy).await?;
            let removed = folder.expunge(&copy.uids).await;
            removed.map_err(refusals::of_store)?;
            let mailbox = copy.mailbox;
            Ok(Done::Copied { mailbox, code })
        }),
        event => return Err(event),
    })
}

/// Makes a folder.
async fn create_folder(
    folders: &dyn Folders,
    create: Create,
    machine: &mut Server,
) -> Result<(), Refusal> {
    if !create.other_use.is_empty() {
        return Err(CodeWord::UseAttr.into());
    }
    let failed = refusals::of_store;
    // That more is to come below it need not be said (RFC 9051 section 6.3.4).
    let text = create.mailbox.to_text();
    let bare = folders.delimiter().and_then(|it| text.strip_suffix(it));
    let bare = bare.and_then(|bare| MailboxName::new(bare).ok());
    let name = bare.unwrap_or_else(|| create.mailbox.clone());
    folders
        .create(&name, create.special_use)
        .await
        .map_err(failed)?;
    let told = match machine.config().serves(Extension::ObjectId) {
        true => {
            // RFC 8474 section 4.1
            let folder = folders.open(&name).await.map_err(failed)?;
            let id = folder.state().await.map_err(failed)?.id;
            machine.ok_with(Code::MailboxId(id))
        }
        false => machine.ok(),
    };
    check(told);
    Ok(())
}

/// Answers a command that is not about messages, and of which the machine knows nothing but when it may come.
async fn other(
    folders: &dyn Folders,
    command: CommandBody,
) -> Result<(Vec<Data>, Option<Code>), Refusal> {
    let failed = refusals::of_store;
    match command {
        CommandBody::GetQuota(root) => match quota::quota(folders, &root).await.map_err(failed)? {
            Some(quota) => Ok((vec![quota], None)),
            None => Err(CodeWord::NonExistent.into()),
        },
        CommandBody::GetQuotaRoot(mailbox) => {
            let told = quota::roots(folders, mailbox).await.map_err(failed)?;
            Ok((told, None))
        }
        CommandBody::GetMetadata(get) => {
            let (told, code) = metadata::get(folders, *get).await?;
            Ok((told.into_iter().collect(), code))
        }
        CommandBody::SetMetadata(set) => {
            metadata::set(folders, *set).await?;
            Ok((Vec::new(), None))
        }
        CommandBody::SetQuota(_) => Err(CodeWord::NoPerm.into()),
        // Not offered, so it does not come.
        _ => Err(CodeWord::Cannot.into()),
    }
}

fn tell(machine: &mut Server, data: impl IntoIterator<Item = Data>) {
    for data in data {
        check(machine.data(data));
    }
}

/// What does not fit is our mistake, not the client's.
pub(super) fn check(told: Result<(), ApiMisuse>) {
    if let Err(error) = told {
        error!(%error, "an impossible answer");
    }
}
