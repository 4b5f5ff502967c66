//! What happens to the selected mailbox, and how the client is told.

use std::num::NonZeroU32;

use mailwire::ApiMisuse;

use super::message::{Message, mod_seq_item};
use super::notices::Tellable;
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
    /// The application has to be asked.
    Ask(Asked),
}

/// What has to be asked for before it can be told.
pub(super) enum Asked {
    /// The flags of these messages.
    Flags(NumberSet),
    /// What NOTIFY wants to know of these, which are new.
    New(NumberSet),
}

/// When something is told.
#[derive(Debug, Clone, Copy)]
pub(super) enum Moment {
    /// No command is in progress.
    BetweenCommands,
    /// The client is in IDLE.
    Idle,
    /// A command is about to be answered.
    Answer {
        /// Whether it may be told which messages are gone.
        gone: bool,
        /// Whether that is what the command has asked for.
        expunges: bool,
    },
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

    /// Tells something of what has happened, if this is a moment for it.
    pub(super) fn tell(&mut self, moment: Moment) -> Told {
        let tellable = match &self.session.notices {
            None => Tellable::without_notify(moment),
            Some(notices) => notices.tellable(moment),
        };
        match self.tell_of_selected(tellable) {
            Told::Nothing => {}
            told => return told,
        }
        match self.session.notices.as_mut().and_then(|it| it.take()) {
            Some(notice) => {
                self.speaker.untagged(notice);
                Told::Some
            }
            None => Told::Nothing,
        }
    }

    /// Tells something of what has happened to the selected mailbox: what is gone before what has come, since a
    /// mailbox never shrinks otherwise (RFC 9051 section 7.4.1).
    fn tell_of_selected(&mut self, tellable: Tellable) -> Told {
        let enabled = self.session.enabled;
        let rev2 = self.session.is_rev2();
        // RFC 5465 section 5.1
        let with_uid = self.session.notices.is_some();
        let Some(selection) = self.session.selection() else {
            return Told::Nothing;
        };
        let by_uid = enabled.contains(Enabled::UIDONLY)
            || (enabled.contains(Enabled::QRESYNC) && selection.mod_seqs);
        let view = &mut selection.view;
        if tellable.gone && view.has_gone() {
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
        if tellable.new && view.has_arrived() {
            let arrived = view.take_arrived();
            self.speaker.untagged(Data::Exists(view.count()));
            if !rev2 {
                self.speaker.untagged(Data::Recent(view.recent_count()));
            }
            let unknown = self.to_announce(arrived);
            return match unknown.is_empty() {
                true => Told::Some,
                false => Told::Ask(Asked::New(unknown)),
            };
        }
        if !tellable.flags {
            return Told::Nothing;
        }
        if let Some((uid, changed)) = view.take_changed() {
            if let Some(message) = self.message(uid) {
                let items = [FetchItem::Flags(changed.flags)].into_iter();
                let items = items.chain(mod_seq_item(changed.mod_seq, enabled));
                let told = message.tell(items.collect(), with_uid, enabled);
                self.speaker.untagged(told);
            }
            return Told::Some;
        }
        let stale = view.take_stale();
        match stale.is_empty() {
            true => Told::Nothing,
            false => Told::Ask(Asked::Flags(stale)),
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
        let moment = Moment::Answer {
            gone: ending.gone,
            expunges: ending.expunges,
        };
        match self.tell(moment) {
            Told::Some => return Turn::Go,
            Told::Nothing => {}
            Told::Ask(asked) => {
                let State::Telling(ending) = std::mem::replace(&mut self.state, State::Command)
                else {
                    unreachable!("it was looked at above");
                };
                return self.look_up(asked, Back::Ending(*ending));
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

    pub(super) fn look_up(&mut self, asked: Asked, back: Back) -> Turn {
        let tag = match &back {
            Back::Ending(ending) => ending.tag.clone(),
            Back::Idle(tag) => tag.clone(),
            Back::Command => Tag::new("x").expect("a letter is a tag"),
        };
        self.keepalive.disarm();
        self.timer.disarm();
        match asked {
            Asked::Flags(uids) => {
                let question = Question::Refresh(Box::new(back));
                self.ask(tag, "", question, Event::Refresh(uids))
            }
            Asked::New(uids) => self.announce(tag, uids, back),
        }
    }
}
