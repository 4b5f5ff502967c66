//! Commands that are legal by themselves and here: what the application is asked.

use std::num::NonZeroU32;

use super::event::{Copy, Event, Fetch, Search, Sort, Store, Thread};
use super::question::{Fetching, Question, Selecting, Storing};
use super::replies::{bad, no};
use super::search::{self, Wanted};
use super::session::{Enabled, Session, Standing};
use super::view::{Named, NoSuchNumber};
use super::{Place, Refusal, Server, Turn, offers, uid_required};
use crate::capability::Extension;
use crate::command::{
    self, Authenticate, By, Command, CommandBody, FetchAttribute, Login, Notify, SearchKey, Select,
    StoreWhat,
};
use crate::flag::Flag;
use crate::response::{Code, CodeWord, Data, Status, StatusKind};
use crate::set::{NumberSet, SequenceSet};
use crate::status::StatusItem;
use crate::string::Octets;
use crate::tag::Tag;

impl Server {
    pub(super) fn perform(&mut self, tag: Tag, body: CommandBody) -> Turn {
        let name = body.name();
        match body {
            CommandBody::Capability => {
                let offered = offers::capabilities(&self.config, &self.session);
                self.speaker.untagged(Data::Capability(offered));
                self.done(tag, name)
            }
            CommandBody::Logout => self.log_out(tag, name),
            CommandBody::Id(parameters) => {
                let id = self.config.id.clone();
                self.speaker.untagged(Data::Id(id));
                self.done_with(tag, name, Event::Id(parameters))
            }
            CommandBody::Noop | CommandBody::Check => match self.session.standing {
                Standing::Selected(_) => self.ask(tag, name, Question::Noop, Event::Noop),
                _ => self.done(tag, name),
            },
            CommandBody::StartTls if self.session.tls.is_some() => {
                self.reject(Some(tag), bad("TLS is in use already"))
            }
            CommandBody::StartTls => self.begin_tls(tag),
            CommandBody::Login(login) => self.login(tag, name, login),
            CommandBody::Authenticate(authenticate) => self.authenticate(tag, name, authenticate),
            CommandBody::Compress(_) if self.deflated.is_some() => {
                let status = no("Compression is on already");
                self.reject(Some(tag), status.with_code(CodeWord::CompressionActive))
            }
            CommandBody::Compress(_) => self.begin_compression(tag),
            // Where in the stream its octets are no longer compressed cannot be told for sure.
            CommandBody::Unauthenticate if self.deflated.is_some() => {
                self.reject(Some(tag), bad("Not with compression"))
            }
            CommandBody::Unauthenticate => {
                let fresh = Session::new(&self.config);
                self.session = Session {
                    tls: self.session.tls.take(),
                    own_mechanisms: self.session.own_mechanisms.take(),
                    auth_failures: self.session.auth_failures,
                    ..fresh
                };
                self.set_utf8();
                self.done_with(tag, name, Event::Unauthenticated)
            }
            CommandBody::Enable(wanted) => {
                let (enabled, listed) = offers::enabled_by(&wanted, &self.config);
                self.session.enabled |= enabled;
                self.set_utf8();
                self.speaker.untagged(Data::Enabled(listed));
                self.done(tag, name)
            }
            CommandBody::Idle => self.begin_idle(tag),
            CommandBody::Select(select) => self.select(tag, name, select),
            CommandBody::Close => {
                let expunge = self.session.selection().is_some_and(|it| !it.read_only);
                self.ask(tag, name, Question::Close, Event::Close { expunge })
            }
            CommandBody::Unselect => {
                let event = Event::Close { expunge: false };
                self.ask(tag, name, Question::Close, event)
            }
            CommandBody::Append(_) | CommandBody::Replace(_) => {
                self.begin_append(Command { tag, body }, None)
            }
            CommandBody::Notify(notify) => {
                let set = matches!(*notify, Notify::Set { .. });
                let question = Question::Notify { set };
                self.ask(tag, name, question, Event::Notify(notify))
            }
            body if Place::of(&body) == Place::Selected => self.in_mailbox(tag, name, body),
            body => self.about_mailboxes(tag, name, body),
        }
    }

    /// Commands that are the application's, but for the order in which they come.
    pub(super) fn about_mailboxes(
        &mut self,
        tag: Tag,
        name: &'static str,
        body: CommandBody,
    ) -> Turn {
        let event = match body {
            CommandBody::Create(create) => Event::Create(create),
            CommandBody::Delete(mailbox) => Event::Delete(mailbox),
            CommandBody::Rename(rename) => Event::Rename(rename),
            CommandBody::Subscribe(mailbox) => Event::Subscribe(mailbox),
            CommandBody::Unsubscribe(mailbox) => Event::Unsubscribe(mailbox),
            CommandBody::List(list) => Event::List(list),
            CommandBody::Namespace => Event::Namespace,
            CommandBody::Status(mailbox, items) => {
                if items.contains(&StatusItem::HighestModSeq) {
                    self.enable_condstore();
                }
                Event::Status(mailbox, items)
            }
            other => Event::Other(Box::new(other)),
        };
        self.ask(tag, name, Question::Plain, event)
    }

    pub(super) fn login(&mut self, tag: Tag, name: &'static str, login: Box<Login>) -> Turn {
        if offers::may_log_in(&self.config, &self.session) {
            return self.ask(tag, name, Question::Login, Event::Login(login));
        }
        let status = match self.config.login {
            true => Refusal::from(CodeWord::PrivacyRequired).into_status(StatusKind::No),
            false => no("LOGIN is not on offer").with_code(CodeWord::Cannot),
        };
        self.reject(Some(tag), status)
    }

    pub(super) fn authenticate(
        &mut self,
        tag: Tag,
        name: &'static str,
        authenticate: Box<Authenticate>,
    ) -> Turn {
        let config = &self.config;
        let offered = self.session.mechanisms(config);
        let initial = config.serves(Extension::SaslIr) || config.serves(Extension::Imap4Rev2);
        let status = if !offered.contains(&authenticate.mechanism) {
            no("Mechanism is not on offer").with_code(CodeWord::Cannot)
        } else if !offers::is_secured(config, &self.session) {
            Refusal::from(CodeWord::PrivacyRequired).into_status(StatusKind::No)
        } else if authenticate.initial_response.is_some() && !initial {
            bad("Initial responses are not supported")
        } else {
            return self.ask(tag, name, Question::Auth, Event::Authenticate(authenticate));
        };
        self.reject(Some(tag), status)
    }

    pub(super) fn select(&mut self, tag: Tag, name: &'static str, select: Box<Select>) -> Turn {
        let enabled = self.session.enabled;
        if select.qresync.is_some() && !enabled.contains(Enabled::QRESYNC) {
            // RFC 7162 section 3.2.5
            return self.reject(Some(tag), bad("ENABLE QRESYNC first"));
        }
        let matches = select
            .qresync
            .as_ref()
            .is_some_and(|it| it.matches.is_some());
        if matches && enabled.contains(Enabled::UIDONLY) {
            return self.reject(Some(tag), uid_required());
        }
        // Whatever becomes of it, the old mailbox is not selected any more (RFC 9051 section 6.3.2).
        let old = std::mem::replace(&mut self.session.standing, Standing::Authenticated);
        if matches!(old, Standing::Selected(_)) {
            self.speaker
                .note(CodeWord::Closed, "Previous mailbox is closed");
        }
        if select.condstore {
            self.enable_condstore();
        }
        let selecting = Selecting {
            read_only: select.read_only,
            qresync: select.qresync.clone(),
        };
        let question = Question::Select(Box::new(selecting));
        self.ask(tag, name, question, Event::Select(select))
    }

    pub(super) fn in_mailbox(&mut self, tag: Tag, name: &'static str, body: CommandBody) -> Turn {
        let uid_only = self.session.enabled.contains(Enabled::UIDONLY);
        if uid_only && calls_by_number(&body) {
            // RFC 9586 section 3.2
            return self.reject(Some(tag), uid_required());
        }
        let done = match body {
            CommandBody::Expunge(set) => self.expunge(&tag, name, set),
            CommandBody::Search(search) => self.search(&tag, name, *search),
            CommandBody::Sort(sort) => self.sort(&tag, name, *sort),
            CommandBody::Thread(thread) => self.thread(&tag, name, *thread),
            CommandBody::Fetch(fetch) => self.begin_fetch(&tag, name, *fetch),
            CommandBody::Store(store) => self.store(&tag, name, *store),
            CommandBody::Copy(copy) => self.copy(&tag, name, *copy, false),
            CommandBody::Move(copy) => self.copy(&tag, name, *copy, true),
            _ => Err(bad("This command is not supported")),
        };
        done.unwrap_or_else(|status| self.reject(Some(tag), status))
    }

    pub(super) fn named(&mut self, by: By, set: &SequenceSet) -> Result<Named, NoSuchNumber> {
        match self.session.view() {
            Some(view) => view.named(by, set),
            None => Err(NoSuchNumber),
        }
    }

    pub(super) fn is_read_only(&mut self) -> bool {
        self.session
            .selection()
            .is_none_or(|selection| selection.read_only)
    }

    /// Whether the mailbox keeps no mod-sequences, so that nothing can be asked about them (RFC 7162 section
    /// 3.1.2.2).
    fn has_no_mod_seqs(&mut self) -> bool {
        let selection = self.session.selection();
        selection.is_none_or(|selection| !selection.mod_seqs)
    }

    pub(super) fn expunge(
        &mut self,
        tag: &Tag,
        name: &'static str,
        set: Option<SequenceSet>,
    ) -> Result<Turn, Status> {
        if self.is_read_only() {
            return Err(no("Mailbox is read-only"));
        }
        let uids = match set {
            Some(set) => Some(self.named(By::Uid, &set)?.uids),
            None => None,
        };
        let (question, event) = (Question::Expunge(false), Event::Expunge(uids));
        Ok(self.ask(tag.clone(), name, question, event))
    }

    pub(super) fn search(
        &mut self,
        tag: &Tag,
        name: &'static str,
        search: command::Search,
    ) -> Result<Turn, Status> {
        let by = search.by;
        if search.charset.is_some() && self.session.enabled.contains(Enabled::UTF8) {
            // RFC 6855 section 3
            return Err(bad("No CHARSET behind UTF8=ACCEPT"));
        }
        let looked = self.looked_for(search.keys, search.charset)?;
        let returned = search.returned;
        let question = Question::Search(Box::new(Wanted { by, returned }));
        Ok(self.ask(tag.clone(), name, question, Event::Search(Box::new(looked))))
    }

    pub(super) fn sort(
        &mut self,
        tag: &Tag,
        name: &'static str,
        sort: command::Sort,
    ) -> Result<Turn, Status> {
        let by = sort.by;
        let looked = self.looked_for(sort.keys, Some(sort.charset))?;
        let event = Event::Sort(Box::new(Sort {
            criteria: sort.criteria,
            search: looked,
        }));
        let returned = sort.returned;
        let question = Question::Sort(Box::new(Wanted { by, returned }));
        Ok(self.ask(tag.clone(), name, question, event))
    }

    pub(super) fn thread(
        &mut self,
        tag: &Tag,
        name: &'static str,
        thread: command::Thread,
    ) -> Result<Turn, Status> {
        let looked = self.looked_for(thread.keys, Some(thread.charset))?;
        let event = Event::Thread(Box::new(Thread {
            algorithm: thread.algorithm,
            search: looked,
        }));
        Ok(self.ask(tag.clone(), name, Question::Thread(thread.by), event))
    }

    pub(super) fn looked_for(
        &mut self,
        keys: Vec<SearchKey>,
        charset: Option<Octets>,
    ) -> Result<Search, Status> {
        if search::sets(&keys) > self.config.limits.search_sets {
            return Err(no("Too many sets of messages").with_code(CodeWord::Limit));
        }
        let mod_seq = search::asks_for_mod_seq(&keys);
        if mod_seq && self.has_no_mod_seqs() {
            return Err(no_mod_seqs());
        }
        let view = self.session.view().ok_or(NoSuchNumber)?;
        let keys = view.search_keys(keys)?;
        if mod_seq {
            self.enable_condstore();
        }
        Ok(Search {
            keys,
            charset,
            mod_seq,
        })
    }

    pub(super) fn begin_fetch(
        &mut self,
        tag: &Tag,
        name: &'static str,
        fetch: command::Fetch,
    ) -> Result<Turn, Status> {
        let modifiers = fetch.modifiers;
        let qresync = self.session.enabled.contains(Enabled::QRESYNC);
        if modifiers.vanished
            && (!qresync || fetch.by == By::Sequence || modifiers.changed_since.is_none())
        {
            // RFC 7162 section 3.2.6
            let text = "VANISHED is for UID FETCH with CHANGEDSINCE, behind ENABLE QRESYNC";
            return Err(bad(text));
        }
        let uses_mod_seqs = modifiers.changed_since.is_some()
            || fetch.attributes.expand().contains(&FetchAttribute::ModSeq);
        if uses_mod_seqs && self.has_no_mod_seqs() {
            return Err(no_mod_seqs());
        }
        let mut named = self.named(fetch.by, &fetch.set)?;
        let mut attributes = fetch.attributes.expand().to_vec();
        let seen = attributes.iter().any(marks_seen) && !self.is_read_only();
        if modifiers.changed_since.is_some() && !attributes.contains(&FetchAttribute::ModSeq) {
            attributes.push(FetchAttribute::ModSeq);
        }
        if attributes.contains(&FetchAttribute::ModSeq) {
            self.enable_condstore();
        }
        if let Some(range) = &modifiers.partial {
            let some = search::partial(&named.uids.into(), range);
            named.uids = some.to_set();
        }
        let vanished = match (modifiers.vanished, &fetch.set, self.session.view()) {
            (true, SequenceSet::Numbers(_), Some(view)) => {
                let last = NonZeroU32::new(u32::MAX).filter(|_| view.count() == 0);
                let last = last.or_else(|| view.last_uid());
                fetch.set.resolve(last.unwrap_or(NonZeroU32::MAX))
            }
            _ => None,
        };
        if named.uids.is_empty() && vanished.is_none() {
            return Ok(self.nothing_named(tag.clone(), name, fetch.by, &named));
        }
        let with_uid = fetch.by == By::Uid || attributes.contains(&FetchAttribute::Uid);
        attributes.retain(|attribute| *attribute != FetchAttribute::Uid);
        let question = Question::Fetch(Box::new(Fetching {
            by: fetch.by,
            with_uid,
            uids: named.uids.clone(),
            gone: !named.gone.is_empty(),
            told: NumberSet::new(),
            vanished: vanished.clone(),
        }));
        let event = Event::Fetch(Box::new(Fetch {
            uids: named.uids,
            attributes,
            changed_since: modifiers.changed_since,
            vanished,
            seen,
        }));
        Ok(self.ask(tag.clone(), name, question, event))
    }

    pub(super) fn store(
        &mut self,
        tag: &Tag,
        name: &'static str,
        store: command::Store,
    ) -> Result<Turn, Status> {
        if self.is_read_only() {
            return Err(no("Mailbox is read-only"));
        }
        if store.unchanged_since.is_some() && self.has_no_mod_seqs() {
            return Err(no_mod_seqs());
        }
        let named = self.named(store.by, &store.set)?;
        if store.unchanged_since.is_some() {
            self.enable_condstore();
        }
        if named.uids.is_empty() {
            return Ok(self.nothing_named(tag.clone(), name, store.by, &named));
        }
        let mut what = store.what;
        if let StoreWhat::Flags(flags) = &mut what {
            // RFC 3501 section 2.3.2: not the client's to change.
            flags.remove(&Flag::Recent);
        }
        let question = Question::Store(Box::new(Storing {
            by: store.by,
            uids: named.uids.clone(),
            gone: !named.gone.is_empty(),
            told: NumberSet::new(),
            silent: store.silent,
        }));
        let event = Event::Store(Box::new(Store {
            uids: named.uids,
            unchanged_since: store.unchanged_since,
            how: store.how,
            what,
        }));
        Ok(self.ask(tag.clone(), name, question, event))
    }

    pub(super) fn copy(
        &mut self,
        tag: &Tag,
        name: &'static str,
        copy: command::Copy,
        moves: bool,
    ) -> Result<Turn, Status> {
        let named = self.named(copy.by, &copy.set)?;
        if moves && self.is_read_only() {
            return Err(no("Mailbox is read-only"));
        }
        // All or nothing (RFC 9051 section 6.4.7), and all is not to be had if some are gone.
        let some_gone = copy.by == By::Sequence && !named.gone.is_empty();
        if named.uids.is_empty() || some_gone {
            return Ok(self.nothing_named(tag.clone(), name, copy.by, &named));
        }
        let (uids, mailbox, by) = (named.uids, copy.mailbox, copy.by);
        let copy = Box::new(Copy { uids, mailbox });
        let (question, event) = match moves {
            true => (Question::Move, Event::Move(copy)),
            false => (Question::Copy(by), Event::Copy(copy)),
        };
        Ok(self.ask(tag.clone(), name, question, event))
    }

    /// There are no such messages. Of UIDs that is no error (RFC 9051 section 6.4.9).
    fn nothing_named(&mut self, tag: Tag, name: &'static str, by: By, named: &Named) -> Turn {
        if by == By::Uid || named.gone.is_empty() {
            return self.done(tag, name);
        }
        let status = Refusal::from(CodeWord::ExpungeIssued).into_status(StatusKind::No);
        // MOVE may tell what is gone, the others may not.
        self.end(tag, status, name == "MOVE");
        Turn::Go
    }

    /// The client has shown that it knows mod-sequences (RFC 7162 section 3.1).
    pub(super) fn enable_condstore(&mut self) {
        if self.session.enabled.contains(Enabled::CONDSTORE) {
            return;
        }
        self.session.enabled |= Enabled::CONDSTORE;
        let selection = self.session.selection();
        let highest = selection
            .filter(|selection| selection.mod_seqs)
            .and_then(|selection| {
                let view = &selection.view;
                view.safe_mod_seq().or_else(|| view.highest())
            });
        if let Some(highest) = highest {
            self.speaker.note(Code::HighestModSeq(highest), "Highest");
        }
    }
}

fn no_mod_seqs() -> Status {
    bad("Mailbox has no mod-sequences")
}

/// Whether to fetch this makes a message `\Seen` (RFC 9051 section 6.4.5).
fn marks_seen(attribute: &FetchAttribute) -> bool {
    use FetchAttribute as A;
    match attribute {
        A::Rfc822 | A::Rfc822Text => true,
        A::Section { peek, .. } | A::Binary { peek, .. } => !peek,
        _ => false,
    }
}

/// Whether a command calls messages by sequence numbers.
fn calls_by_number(body: &CommandBody) -> bool {
    let by = match body {
        CommandBody::Search(search) => {
            return search.by == By::Sequence || search::uses_numbers(&search.keys);
        }
        CommandBody::Sort(sort) => {
            return sort.by == By::Sequence || search::uses_numbers(&sort.keys);
        }
        CommandBody::Thread(thread) => {
            return thread.by == By::Sequence || search::uses_numbers(&thread.keys);
        }
        CommandBody::Fetch(fetch) => fetch.by,
        CommandBody::Store(store) => store.by,
        CommandBody::Copy(copy) | CommandBody::Move(copy) => copy.by,
        _ => By::Uid,
    };
    by == By::Sequence
}
