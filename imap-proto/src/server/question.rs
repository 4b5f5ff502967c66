//! What the application was asked, and which answers fit.

use mailwire::Step;

use super::append::Appending;
use super::notices::Notices;
use super::search::Wanted;
use super::{Event, Server, State, Turn};
use crate::command::{By, QResync};
use crate::response::{Data, Status};
use crate::set::NumberSet;
use crate::tag::Tag;

/// A command that waits for the application.
#[derive(Debug)]
pub(super) struct Running {
    pub(super) tag: Tag,
    /// What the client calls it.
    pub(super) name: &'static str,
    pub(super) question: Question,
}

#[derive(Debug)]
pub(super) enum Question {
    Login,
    Auth,
    Select(Box<Selecting>),
    Close,
    /// Of the simple kind, for which data may be given.
    Plain,
    /// Of the simple kind, about the selected mailbox.
    Noop,
    Append(Box<Appending>),
    /// Whether any have gone.
    Expunge(bool),
    Search(Box<Wanted>),
    Sort(Box<Wanted>),
    Thread(By),
    Fetch(Box<Fetching>),
    Store(Box<Storing>),
    Copy(By),
    Move,
    /// What is told from here on.
    Notify(Box<Notices>),
    /// What is to be gone on with is told.
    Refresh(Box<Back>),
}

/// A mailbox that is about to be selected.
#[derive(Debug)]
pub(super) struct Selecting {
    pub(super) read_only: bool,
    pub(super) qresync: Option<QResync>,
}

/// Messages that are being told about.
#[derive(Debug)]
pub(super) struct Fetching {
    pub(super) by: By,
    /// Whether the UIDs are told.
    pub(super) with_uid: bool,
    pub(super) uids: NumberSet,
    /// Which of them have gone as far as the application knew when it was asked.
    pub(super) gone: bool,
    pub(super) told: NumberSet,
    /// Those of which `vanished` may tell.
    pub(super) vanished: Option<NumberSet>,
    /// What is gone on with, if they are new messages that NOTIFY wants to be told of.
    pub(super) back: Option<Back>,
}

/// Messages that are being changed.
#[derive(Debug)]
pub(super) struct Storing {
    pub(super) by: By,
    pub(super) uids: NumberSet,
    pub(super) gone: bool,
    pub(super) told: NumberSet,
    pub(super) silent: bool,
}

/// A command that is done, but for what has to be told before its answer.
#[derive(Debug)]
pub(super) struct Ending {
    pub(super) tag: Tag,
    pub(super) status: Status,
    /// Whether it may be told which messages are gone.
    pub(super) gone: bool,
    /// Whether that is what the command has asked for.
    pub(super) expunges: bool,
}

/// What is gone on with when something of messages is told.
#[derive(Debug)]
pub(super) enum Back {
    Ending(Ending),
    Idle(Tag),
    Command,
}

impl Question {
    /// Whether it may be told which messages are gone while this is answered. Not where messages are
    /// called by sequence numbers, and the answer would be about others than the client thinks (RFC 9051
    /// section 7.5.1; RFC 5256 section 3; of COPY it is only prudent).
    pub(super) fn may_tell_gone(&self) -> bool {
        let by = match self {
            Self::Fetch(fetching) => fetching.by,
            Self::Store(storing) => storing.by,
            Self::Search(wanted) | Self::Sort(wanted) => wanted.by,
            Self::Thread(by) | Self::Copy(by) => *by,
            _ => return true,
        };
        by == By::Uid
    }

    /// Whether data is an answer to this. What the machine knows better is none.
    pub(super) fn fits(&self, data: &Data) -> bool {
        let asks = matches!(self, Self::Plain | Self::Notify(_) | Self::Noop);
        let selects = matches!(self, Self::Select(_));
        match data {
            Data::List(_) => asks || selects,
            Data::ESearch(found) => asks && found.mailbox.is_some(),
            Data::MailboxStatus(_)
            | Data::Namespace(_)
            | Data::Quota(_)
            | Data::QuotaRoot(_)
            | Data::Acl(_)
            | Data::ListRights(_)
            | Data::MyRights(_)
            | Data::Metadata(_)
            | Data::GenUrlAuth(_)
            | Data::UrlFetch(_)
            | Data::Language(_)
            | Data::Comparator(..)
            | Data::JmapAccess(_)
            | Data::Unknown(_) => asks,
            _ => false,
        }
    }
}

impl Server {
    pub(super) fn ask(
        &mut self,
        tag: Tag,
        name: &'static str,
        question: Question,
        event: Event,
    ) -> Turn {
        let running = Running {
            tag,
            name,
            question,
        };
        self.state = State::Answering(Box::new(running));
        Turn::Step(Step::Event(event))
    }

    /// A command is over; news are told, then it is answered.
    pub(super) fn end(&mut self, tag: Tag, status: Status, gone: bool) {
        let expunges = false;
        self.end_with(Ending {
            tag,
            status,
            gone,
            expunges,
        });
    }

    pub(super) fn end_with(&mut self, ending: Ending) {
        self.state = State::Telling(Box::new(ending));
    }
}
