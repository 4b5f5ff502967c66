//! What happens to the selected mailbox, and how the client is told.

use std::num::NonZeroU32;

use mailwire::ApiMisuse;

use super::message::{Message, mod_seq_item};
use super::question::{Back, Question};
use super::session::Enabled;
use super::{Event, Server, State, Turn, misuse};
use crate::flag::Flags;
use crate::limits::GONE_AT_ONCE;
use crate::number::ModSeq;
use crate::response::{Code, Data, FetchItem};
use crate::set::NumberSet;
use crate::tag::Tag;

/// What telling news came to.
pub(super) enum Told {
    /// There were none.
    Nothing,
    /// There may be more.
    Some,
    /// The application has to be asked for these.
    Stale(NumberSet),
}

impl Server {
    /// Messages have come to the selected mailbox. The client is told when that is allowed.
    ///
    /// They are `recent` if no other session is told of them first.
    ///
    /// # Errors
    ///
    /// If no mailbox is selected.
    pub fn arrived(&mut self, uids: &NumberSet, recent: bool) -> Result<(), ApiMisuse> {
        let recent = recent && !self.session.is_rev2();
        match self.session.view() {
            Some(view) => {
                view.arrived(uids, recent);
                Ok(())
            }
            None => Err(misuse("arrived", "no mailbox is selected")),
        }
    }

    /// Messages have gone from the selected mailbox, whoever is to blame. The client is told when that is
    /// allowed (RFC 9051 section 7.5.1); until then it gets no wrong numbers.
    ///
    /// # Errors
    ///
    /// If no mailbox is selected.
    pub fn expunged(&mut self, uids: &NumberSet, mod_seq: Option<ModSeq>) -> Result<(), ApiMisuse> {
        let Some(view) = self.session.view() else {
            return Err(misuse("expunged", "no mailbox is selected"));
        };
        view.expunged(uids, mod_seq);
        if let State::Answering(running) = &mut self.state {
            if let Question::Expunge(any) = &mut running.question {
                *any = true;
            }
        }
        Ok(())
    }

    /// The flags of a message of the selected mailbox have become these, by somebody else. The client is told
    /// when that is allowed.
    ///
    /// # Errors
    ///
    /// If no mailbox is selected.
    pub fn changed(
        &mut self,
        uid: NonZeroU32,
        flags: Flags,
        mod_seq: Option<ModSeq>,
    ) -> Result<(), ApiMisuse> {
        match self.session.view() {
            Some(view) => {
                view.changed(uid, flags, mod_seq);
                Ok(())
            }
            None => Err(misuse("changed", "no mailbox is selected")),
        }
    }

    /// Tells something of what has happened to the mailbox: what is gone before what has come, since a
    /// mailbox never shrinks otherwise (RFC 9051 section 7.4.1).
    pub(super) fn tell(&mut self, gone: bool) -> Told {
        let enabled = self.session.enabled;
        let rev2 = self.session.is_rev2();
        let Some(selection) = self.session.selection() else {
            return Told::Nothing;
        };
        let by_uid = enabled.contains(Enabled::UIDONLY)
            || (enabled.contains(Enabled::QRESYNC) && selection.mod_seqs);
        let view = &mut selection.view;
        if gone && view.has_gone() {
            if by_uid {
                let uids = view.take_gone_uids(GONE_AT_ONCE);
                let earlier = false;
                self.speaker.untagged(Data::Vanished { earlier, uids });
                return Told::Some;
            }
            for number in view.take_gone_numbers(GONE_AT_ONCE) {
                if let Some(number) = NonZeroU32::new(number) {
                    self.speaker.untagged(Data::Expunge(number));
                }
            }
            return Told::Some;
        }
        if view.take_arrived() {
            self.speaker.untagged(Data::Exists(view.count()));
            if !rev2 {
                self.speaker.untagged(Data::Recent(view.recent_count()));
            }
            return Told::Some;
        }
        if let Some((uid, changed)) = view.take_changed() {
            if let Some(message) = self.message(uid) {
                let items = [FetchItem::Flags(changed.flags)].into_iter();
                let items = items.chain(mod_seq_item(changed.mod_seq, enabled));
                let told = message.tell(items.collect(), false, enabled);
                self.speaker.untagged(told);
            }
            return Told::Some;
        }
        let stale = view.take_stale();
        match stale.is_empty() {
            true => Told::Nothing,
            false => Told::Stale(stale),
        }
    }

    /// A message that the client knows.
    pub(super) fn message(&mut self, uid: NonZeroU32) -> Option<Message> {
        let view = self.session.view()?;
        Some(Message {
            uid,
            number: view.number_of(uid)?,
            recent: view.is_recent(uid),
        })
    }
}

impl Server {
    pub(super) fn tell_before_the_end(&mut self) -> Turn {
        let State::Telling(ending) = &self.state else {
            unreachable!("called in this state alone");
        };
        let gone = ending.gone;
        match self.tell(gone) {
            Told::Some => return Turn::Go,
            Told::Nothing => {}
            Told::Stale(uids) => {
                let State::Telling(ending) = std::mem::replace(&mut self.state, State::Command)
                else {
                    unreachable!("it was looked at above");
                };
                return self.refresh(uids, Back::Ending(*ending));
            }
        }
        let State::Telling(ending) = std::mem::replace(&mut self.state, State::Command) else {
            unreachable!("it was looked at above");
        };
        let qresync = self.session.enabled.contains(Enabled::QRESYNC);
        if let (true, Some(view)) = (qresync, self.session.view()) {
            if let Some(safe) = view.safe_mod_seq() {
                // RFC 7162 section 3.2: what is gone has a higher one, and is not told yet.
                let note = Code::HighestModSeq(safe);
                self.speaker.note(note, "Some messages are gone");
            }
        }
        self.speaker.answer(Some(ending.tag), ending.status);
        Turn::Go
    }

    pub(super) fn refresh(&mut self, uids: NumberSet, back: Back) -> Turn {
        let tag = match &back {
            Back::Ending(ending) => ending.tag.clone(),
            Back::Idle(tag) => tag.clone(),
            Back::Command => Tag::new("x").expect("a letter is a tag"),
        };
        self.keepalive.disarm();
        self.timer.disarm();
        let question = Question::Refresh(Box::new(back));
        self.ask(tag, "", question, Event::Refresh(uids))
    }
}
