//! What the application tells of messages: what was found, fetched and stored.

use std::num::NonZeroU32;

use bytes::Bytes;
use mailwire::ApiMisuse;

use super::message::mod_seq_item;
use super::question::{Ending, Question, Running};
use super::replies::completed;
use super::search::Listing;
use super::{Server, State, misuse};
use crate::command::By;
use crate::encode::Next;
use crate::error::Error;
use crate::flag::Flags;
use crate::limits::LEAST_PIECE;
use crate::number::ModSeq;
use crate::response::{CodeWord, Data, FetchItem, MessageThread, Response};
use crate::set::{NumberSet, OrderedSet};

impl Server {
    /// Tells which messages went before the client knew (RFC 7162 section 3.2.10.1): for `Select` with
    /// `QRESYNC` and for `Fetch` with `VANISHED`. More may be named than the client asked for.
    ///
    /// # Errors
    ///
    /// If neither waits.
    pub fn vanished(&mut self, uids: &NumberSet) -> Result<(), ApiMisuse> {
        let asked = match self.question("vanished")? {
            Question::Select(selecting) => {
                let qresync = selecting.qresync.as_ref();
                qresync.map(|qresync| match &qresync.known_uids {
                    Some(known) => uids.intersection(known),
                    None => uids.clone(),
                })
            }
            Question::Fetch(fetching) => {
                let asked = fetching.vanished.as_ref();
                asked.map(|asked| uids.intersection(asked))
            }
            _ => None,
        };
        let (Some(gone), Some(selection)) = (asked, self.session.selection()) else {
            return Err(misuse("vanished", "nobody has asked for this"));
        };
        let gone = gone.difference(&selection.view.present(&gone));
        if !gone.is_empty() {
            self.speaker.untagged(Data::Vanished {
                earlier: true,
                uids: gone,
            });
        }
        Ok(())
    }

    /// Answers `Search`: these messages were found. Those that the client does not know are left out.
    ///
    /// # Errors
    ///
    /// If no `Search` waits. Nothing has changed then.
    pub fn found(&mut self, uids: NumberSet, mod_seq: Option<ModSeq>) -> Result<(), ApiMisuse> {
        let Question::Search(_) = self.question("found")? else {
            return Err(misuse("found", "no SEARCH waits"));
        };
        self.tell_found("found", uids.into(), mod_seq)
    }

    /// Answers `Sort`: these messages were found, in this order. Those that the client does not know are left
    /// out.
    ///
    /// # Errors
    ///
    /// If no `Sort` waits. Nothing has changed then.
    pub fn sorted(&mut self, uids: OrderedSet, mod_seq: Option<ModSeq>) -> Result<(), ApiMisuse> {
        let Question::Sort(_) = self.question("sorted")? else {
            return Err(misuse("sorted", "no SORT waits"));
        };
        self.tell_found("sorted", uids, mod_seq)
    }

    /// Answers `Thread`: these threads of messages, by UID. Messages that the client does not know are left
    /// out.
    ///
    /// # Errors
    ///
    /// If no `Thread` waits. Nothing has changed then.
    pub fn threads(&mut self, threads: Vec<MessageThread>) -> Result<(), ApiMisuse> {
        let &Question::Thread(by) = self.question("threads")? else {
            return Err(misuse("threads", "no THREAD waits"));
        };
        let running = self.running("threads")?;
        let Some(view) = self.session.view() else {
            unreachable!("a mailbox is selected while one is searched");
        };
        let threads = threads
            .into_iter()
            .filter_map(|thread| view.thread(thread, by));
        let threads = threads.collect();
        self.speaker.untagged(Data::Thread(threads));
        self.finish(running, None);
        Ok(())
    }

    /// Tells what was asked for of a message: for `Fetch`, and for `Select` with `QRESYNC`. The machine adds the UID
    /// and `\Recent` where they belong.
    ///
    /// Behind an item with [streamed](crate::Content::Streamed) content so many octets are owed through
    /// [`write_body`](Self::write_body), one item after another.
    ///
    /// A message that the client does not know is left out, if all its content is at hand.
    ///
    /// # Errors
    ///
    /// If neither waits, or not for this message. Nothing has changed then.
    pub fn fetch(&mut self, uid: NonZeroU32, items: Vec<FetchItem>) -> Result<(), ApiMisuse> {
        let with_uid = match self.asked("fetch")? {
            Question::Fetch(fetching) if fetching.uids.contains(uid) => {
                fetching.told.insert(uid);
                fetching.with_uid
            }
            Question::Select(selecting) if selecting.qresync.is_some() => true,
            _ => return Err(misuse("fetch", "nobody has asked for this message")),
        };
        let enabled = self.session.enabled;
        let Some(message) = self.message(uid) else {
            return Err(misuse("fetch", "the client does not know this message"));
        };
        let mod_seq = items.iter().find_map(|item| match item {
            FetchItem::ModSeq(mod_seq) => mod_seq.nonzero(),
            _ => None,
        });
        let tells_flags = items.iter().any(|item| matches!(item, FetchItem::Flags(_)));
        if let (true, Some(view)) = (tells_flags, self.session.view()) {
            view.told(uid, mod_seq);
        }
        let response = Response::Untagged(message.tell(items, with_uid, enabled));
        let next = self.speaker.say_up_to_content(&response);
        if next != Next::Done {
            let running = self.running("fetch")?;
            self.send(running, next);
        }
        Ok(())
    }

    /// Sends the next octets of what was announced by [`fetch`](Self::fetch), as far as there is room for them:
    /// what stays in the piece is offered again when the machine has been flushed, or does not belong there.
    ///
    /// # Errors
    ///
    /// If no octets are owed.
    pub fn write_body(&mut self, piece: &mut Bytes) -> Result<(), ApiMisuse> {
        if self.owed() == 0 {
            return Err(misuse("write_body", "no octets are owed"));
        }
        let owed = usize::try_from(self.owed()).unwrap_or(usize::MAX);
        let output = &mut self.speaker.output;
        if output.is_over() {
            return Ok(());
        }
        let most = output.room().max(LEAST_PIECE).min(owed);
        let taken = piece.split_to(most.min(piece.len()));
        let count = taken.len() as u64;
        output.push_bytes(taken);
        self.has_sent(count);
        Ok(())
    }

    /// Whether so much waits to be sent that nothing more should be told of messages before the machine has been
    /// stepped, and flushed. With COMPRESS it is more than [`output`](mailwire::Machine::output) that waits.
    pub fn is_full(&self) -> bool {
        self.speaker.output.is_over() || self.to_send().is_over()
    }

    /// How many octets [`write_body`](Self::write_body) owes for the item that is being sent; 0 if none is.
    pub fn owed(&self) -> u64 {
        match self.state {
            State::Sending(_, owed) => owed,
            _ => 0,
        }
    }

    /// Gives up content that cannot be read to its end. The session is over: the client counts on all the
    /// octets, and would take whatever else came for them.
    ///
    /// # Errors
    ///
    /// If no octets are owed.
    pub fn abort_body(&mut self) -> Result<(), ApiMisuse> {
        if self.owed() == 0 {
            return Err(misuse("abort_body", "no octets are owed"));
        }
        self.fail(Error::BodyAborted);
        Ok(())
    }

    /// Tells what `STORE` has made of a message, or for `Refresh` what its flags are. There need be no
    /// `\Recent` among them, which is the machine's to know.
    ///
    /// # Errors
    ///
    /// If neither waits, or not for this message.
    pub fn stored(
        &mut self,
        uid: NonZeroU32,
        flags: &Flags,
        mod_seq: Option<ModSeq>,
    ) -> Result<(), ApiMisuse> {
        let (silent, with_uid) = match self.asked("stored")? {
            Question::Store(storing) if storing.uids.contains(uid) => {
                storing.told.insert(uid);
                (storing.silent, storing.by == By::Uid)
            }
            Question::Refresh(_) => (false, false),
            _ => return Err(misuse("stored", "nobody has asked for this message")),
        };
        let enabled = self.session.enabled;
        let Some(message) = self.message(uid) else {
            return Ok(());
        };
        if let Some(view) = self.session.view() {
            view.told(uid, mod_seq);
        }
        let flags = (!silent).then(|| FetchItem::Flags(flags.clone()));
        // To a client that knows mod-sequences the new one is told, silent or not (RFC 7162 section 3.1.3).
        let items: Vec<_> = flags
            .into_iter()
            .chain(mod_seq_item(mod_seq, enabled))
            .collect();
        if !items.is_empty() {
            self.speaker
                .untagged(message.tell(items, with_uid, enabled));
        }
        Ok(())
    }

    pub(super) fn tell_found(
        &mut self,
        call: &'static str,
        found: OrderedSet,
        mod_seq: Option<ModSeq>,
    ) -> Result<(), ApiMisuse> {
        let running = self.running(call)?;
        let gone = running.question.may_tell_gone();
        let rev2 = self.session.is_rev2();
        let (Question::Search(wanted) | Question::Sort(wanted)) = &running.question else {
            unreachable!("the callers have looked");
        };
        let is_sort = matches!(running.question, Question::Sort(_));
        let Some(view) = self.session.view() else {
            unreachable!("a mailbox is selected while one is searched");
        };
        let found = view.present_in_order(&found);
        if let Some(saved) = wanted.saved(&found) {
            view.save(saved);
        }
        let mut status = completed(running.name);
        if !gone && view.has_gone() {
            // RFC 5530: the client may want to hear of it.
            status = status.with_code(CodeWord::ExpungeIssued);
        }
        let tag = running.tag.clone();
        let ending = Ending {
            tag,
            status,
            gone,
            expunges: false,
        };
        if wanted.returned.is_some() || (rev2 && !is_sort) {
            if !wanted.is_saved_only() {
                let found = wanted.extended(running.tag.clone(), &found, mod_seq, view);
                self.speaker.untagged(Data::ESearch(Box::new(found)));
            }
            self.end_with(ending);
            return Ok(());
        }
        let numbers = match wanted.by {
            By::Uid => found,
            By::Sequence => view.numbers_in_order(&found),
        };
        let name = if is_sort { "* SORT" } else { "* SEARCH" };
        self.speaker.output.push(name.as_bytes());
        self.list_before(Listing::new(numbers, mod_seq), ending);
        Ok(())
    }

    /// So many of the octets that are owed have gone.
    fn has_sent(&mut self, count: u64) {
        let State::Sending(_, owed) = &mut self.state else {
            return;
        };
        *owed -= count;
        if *owed > 0 {
            return;
        }
        if let Ok(running) = self.running("write_body") {
            let next = self.speaker.go_on();
            self.send(running, next);
        }
    }

    /// Something was said, up to content or to its end.
    fn send(&mut self, running: Running, mut next: Next) {
        while next == Next::Stream(0) {
            next = self.speaker.go_on();
        }
        self.state = match next {
            Next::Stream(owed) => State::Sending(Box::new(running), owed),
            _ => State::Answering(Box::new(running)),
        };
    }

    /// Numbers are the answer.
    fn list_before(&mut self, listing: Listing, ending: Ending) {
        self.state = State::Listing(listing, Box::new(ending));
    }
}
