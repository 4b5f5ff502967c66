//! Commands about the messages of the selected mailbox, in UIDs.

use std::num::NonZeroU32;

use super::event::{Copy, Event, Fetch, Search, Sort, Store, Thread};
use super::question::{Fetching, Question, Storing};
use super::replies::{bad, no, uid_required};
use super::search::{self, Wanted};
use super::session::Enabled;
use super::view::{Named, NoSuchNumber};
use super::{Refusal, Server, Turn};
use crate::command::{self, By, CommandBody, FetchAttribute, SearchKey, StoreWhat};
use crate::flag::Flag;
use crate::response::{Code, CodeWord, Status, StatusKind};
use crate::set::{NumberSet, SequenceSet};
use crate::string::Octets;
use crate::tag::Tag;

impl Server {
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
        search::check_returned(search.returned.as_ref())?;
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
        search::check_returned(sort.returned.as_ref())?;
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
        if modifiers.partial.is_some() && fetch.by == By::Sequence {
            // RFC 9394 section 3.3
            return Err(bad("PARTIAL is for UID FETCH"));
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
            back: None,
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
pub(super) fn marks_seen(attribute: &FetchAttribute) -> bool {
    use FetchAttribute as A;
    match attribute {
        A::Rfc822 | A::Rfc822Text => true,
        A::Section { peek, .. } | A::Binary { peek, .. } => !peek,
        _ => false,
    }
}

/// Whether a command calls messages by sequence numbers.
fn calls_by_number(body: &CommandBody) -> bool {
    let numbers = |keys: &[SearchKey]| keys.iter().any(SearchKey::uses_numbers);
    let by = match body {
        CommandBody::Search(it) => return it.by == By::Sequence || numbers(&it.keys),
        CommandBody::Sort(it) => return it.by == By::Sequence || numbers(&it.keys),
        CommandBody::Thread(it) => return it.by == By::Sequence || numbers(&it.keys),
        CommandBody::Fetch(fetch) => fetch.by,
        CommandBody::Store(store) => store.by,
        CommandBody::Copy(copy) | CommandBody::Move(copy) => copy.by,
        _ => By::Uid,
    };
    by == By::Sequence
}
