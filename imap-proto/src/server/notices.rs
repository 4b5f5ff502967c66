//! What a client is told without asking, once it has said what that shall be (RFC 5465).

use std::collections::VecDeque;
use std::mem::discriminant;

use mailwire::ApiMisuse;

use super::config::Config;
use super::event::{Event, Fetch};
use super::messages::marks_seen;
use super::news::Moment;
use super::offers;
use super::question::{Back, Fetching, Question};
use super::replies::{bad, no, ok};
use super::session::Enabled;
use super::{Server, Turn, misuse};
use crate::capability::Extension;
use crate::command::{By, FetchAttribute, Notify, NotifyEvent, NotifyEvents, Source};
use crate::response::{Code, CodeWord, Data, Status, StatusValue};
use crate::set::NumberSet;
use crate::string::Atom;
use crate::tag::Tag;

/// What NOTIFY has set, and what waits until it may be told.
#[derive(Debug, Default)]
pub(super) struct Notices {
    selected: OfSelected,
    /// Whether anything is told of other mailboxes, and of names and metadata.
    of_others: bool,
    /// Statuses, names and metadata.
    waiting: VecDeque<Data>,
}

/// What is told of the messages of the selected mailbox.
#[derive(Debug, Default)]
enum OfSelected {
    /// Nothing: what the client knows stays as it is.
    #[default]
    Nothing,
    /// Which come and go; new ones with these attributes.
    Messages {
        /// What is gone only waits for a command that may tell it (section 6.1.2).
        delayed: bool,
        /// Flags too.
        flags: bool,
        attributes: Vec<FetchAttribute>,
    },
}

/// What of the selected mailbox may be told at a moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Tellable {
    pub(super) gone: bool,
    pub(super) new: bool,
    pub(super) flags: bool,
}

impl Tellable {
    const NOTHING: Self = Self {
        gone: false,
        new: false,
        flags: false,
    };

    /// Without NOTIFY the selected mailbox is told of in answers and in IDLE.
    pub(super) fn without_notify(moment: Moment) -> Self {
        match moment {
            Moment::BetweenCommands => Self::NOTHING,
            Moment::Idle => Self::all(true),
            Moment::Answer { gone, .. } => Self::all(gone),
        }
    }

    fn all(gone: bool) -> Self {
        Self {
            gone,
            new: true,
            flags: true,
        }
    }
}

impl Notices {
    /// What a client wants.
    ///
    /// # Errors
    ///
    /// What to say to a wish that makes no sense, or that cannot be granted.
    pub(super) fn wanted(notify: &Notify, config: &Config) -> Result<Self, Status> {
        let Notify::Set { groups, .. } = notify else {
            return Ok(Self::default());
        };
        let is_selected =
            |source: &Source| matches!(source, Source::Selected | Source::SelectedDelayed);
        if groups.iter().filter(|it| is_selected(&it.source)).count() > 1 {
            return Err(bad("The selected mailbox is named twice"));
        }
        let mut wanted = Self::default();
        for group in groups {
            let Some(events) = &group.events else {
                continue;
            };
            check_together(events)?;
            match is_selected(&group.source) {
                true => {
                    let delayed = group.source == Source::SelectedDelayed;
                    wanted.selected = OfSelected::of(events, delayed, config)?;
                }
                false if !events.attributes.is_empty() => {
                    return Err(bad("Attributes are for the selected mailbox"));
                }
                false => wanted.of_others = true,
            }
        }
        match groups.iter().flat_map(|it| &it.events).all(|events| {
            events.unknown.is_empty() && events.events.iter().all(|it| serves(*it, config))
        }) {
            true => Ok(wanted),
            false => {
                let events = NotifyEvent::ALL.iter().filter(|it| serves(**it, config));
                let names = events.map(|event| Atom::known(event.as_str().as_bytes()));
                let refusal = no("That event is not told of");
                Err(refusal.with_code(Code::BadEvent(names.collect())))
            }
        }
    }

    /// What of the selected mailbox may be told at a moment.
    pub(super) fn tellable(&self, moment: Moment) -> Tellable {
        let OfSelected::Messages { delayed, flags, .. } = self.selected else {
            // The answer to EXPUNGE is no notice.
            let expunges = matches!(moment, Moment::Answer { expunges: true, .. });
            return Tellable {
                gone: expunges,
                ..Tellable::NOTHING
            };
        };
        let gone = match moment {
            Moment::BetweenCommands => !delayed,
            Moment::Idle => true,
            Moment::Answer { gone, .. } => gone,
        };
        Tellable {
            gone,
            new: true,
            flags,
        }
    }

    /// What of new messages in the selected mailbox is told besides that they are there.
    pub(super) fn attributes(&self) -> &[FetchAttribute] {
        match &self.selected {
            OfSelected::Messages { attributes, .. } => attributes,
            OfSelected::Nothing => &[],
        }
    }

    /// The next that waits.
    pub(super) fn take(&mut self) -> Option<Data> {
        self.waiting.pop_front()
    }

    /// Keeps a notice. A status takes the place of one of the same mailbox, with the values that only that has.
    fn push(&mut self, mut data: Data) {
        if let Data::MailboxStatus(status) = &mut data {
            self.waiting.retain_mut(|waiting| match waiting {
                Data::MailboxStatus(older) if older.mailbox == status.mailbox => {
                    let has = |value: &StatusValue, values: &[StatusValue]| {
                        values
                            .iter()
                            .any(|it| discriminant(it) == discriminant(value))
                    };
                    let older = std::mem::take(&mut older.values);
                    let older = older.into_iter();
                    let left: Vec<_> = older.filter(|it| !has(it, &status.values)).collect();
                    status.values.extend(left);
                    false
                }
                _ => true,
            });
        }
        self.waiting.push_back(data);
    }

    /// Nothing more is told, but that it was too much (section 5.8).
    fn overflow(&mut self) {
        let text = "More happens than can be told";
        let status = ok(text).with_code(CodeWord::NotificationOverflow);
        *self = Self::default();
        self.waiting.push_back(Data::Status(status));
    }
}

impl OfSelected {
    fn of(events: &NotifyEvents, delayed: bool, config: &Config) -> Result<Self, Status> {
        if !events.events.iter().all(|event| is_of_messages(*event)) {
            return Err(bad("Of the selected mailbox only messages are told"));
        }
        if !offers::serves_attributes(&events.attributes, config) {
            return Err(bad("An attribute is not supported"));
        }
        if !events.events.contains(&NotifyEvent::MessageNew) {
            return Ok(Self::Nothing);
        }
        Ok(Self::Messages {
            delayed,
            flags: events.events.contains(&NotifyEvent::FlagChange),
            attributes: events.attributes.clone(),
        })
    }
}

/// Whether events are there that go together (section 5).
fn check_together(events: &NotifyEvents) -> Result<(), Status> {
    let has = |event| events.events.contains(&event);
    let new = has(NotifyEvent::MessageNew);
    if new != has(NotifyEvent::MessageExpunge) {
        return Err(bad("MessageNew and MessageExpunge go together"));
    }
    let changes = has(NotifyEvent::FlagChange) || has(NotifyEvent::AnnotationChange);
    match changes && !new {
        true => Err(bad("Changes of messages go with MessageNew")),
        false => Ok(()),
    }
}

fn is_of_messages(event: NotifyEvent) -> bool {
    matches!(
        event,
        NotifyEvent::MessageNew
            | NotifyEvent::MessageExpunge
            | NotifyEvent::FlagChange
            | NotifyEvent::AnnotationChange
    )
}

/// Events of extensions that are served have to be told (sections 5.1, 5.6 and 5.7).
fn serves(event: NotifyEvent, config: &Config) -> bool {
    match event {
        NotifyEvent::AnnotationChange => config.serves(Extension::AnnotateExperiment1),
        NotifyEvent::MailboxMetadataChange => config.serves(Extension::Metadata),
        NotifyEvent::ServerMetadataChange => {
            config.serves(Extension::Metadata) || config.serves(Extension::MetadataServer)
        }
        _ => true,
    }
}

impl Server {
    /// Tells something that NOTIFY has asked for and that is not about messages of the selected mailbox: the status of
    /// another one, a name, or which metadata have changed. It waits here until the client may be told, which may be
    /// between commands. Of each mailbox one status waits, the last.
    ///
    /// `false` if the client does not want to hear any more: it has said so, or too much waited, and it was told
    /// `NOTIFICATIONOVERFLOW`.
    ///
    /// # Errors
    ///
    /// If it is something else.
    pub fn notice(&mut self, data: Data) -> Result<bool, ApiMisuse> {
        if !matches!(
            data,
            Data::List(_) | Data::MailboxStatus(_) | Data::Metadata(_)
        ) {
            return Err(misuse("notice", "NOTIFY does not ask for this"));
        }
        let most = self.config.limits.notices;
        let Some(notices) = self.session.notices.as_mut().filter(|it| it.of_others) else {
            return Ok(false);
        };
        notices.push(data);
        if notices.waiting.len() > most {
            notices.overflow();
            return Ok(false);
        }
        Ok(true)
    }

    /// Says that more happens than can be told (RFC 5465 section 5.8). From here on it is as if the client had said
    /// `NOTIFY NONE`.
    ///
    /// # Errors
    ///
    /// If the client has not said NOTIFY.
    pub fn overflow(&mut self) -> Result<(), ApiMisuse> {
        match &mut self.session.notices {
            Some(notices) => {
                notices.overflow();
                Ok(())
            }
            None => Err(misuse("overflow", "the client has not asked to be told")),
        }
    }

    /// These messages, which come to the selected mailbox, were put there by this client: it is not told what is in
    /// them (RFC 5465 section 5.2).
    ///
    /// # Errors
    ///
    /// If no mailbox is selected.
    pub fn added(&mut self, uids: &NumberSet) -> Result<(), ApiMisuse> {
        match self.session.view() {
            Some(view) => {
                view.added(uids);
                Ok(())
            }
            None => Err(misuse("added", "no mailbox is selected")),
        }
    }

    /// Whether the client has shown that it knows mod-sequences (RFC 7162 section 3.1), so that statuses that it did
    /// not ask for have to hold them.
    pub fn knows_mod_seqs(&self) -> bool {
        self.session.enabled.contains(Enabled::CONDSTORE)
    }

    /// NOTIFY, which the application is asked to obey.
    pub(super) fn notify(&mut self, tag: Tag, name: &'static str, notify: Box<Notify>) -> Turn {
        match Notices::wanted(&notify, &self.config) {
            Ok(notices) => {
                let question = Question::Notify(Box::new(notices));
                self.ask(tag, name, question, Event::Notify(notify))
            }
            Err(status) => self.reject(Some(tag), status),
        }
    }

    /// The application is asked for what the client wants to know of new messages.
    pub(super) fn announce(&mut self, tag: Tag, uids: NumberSet, back: Back) -> Turn {
        let attributes = self.session.notices.as_ref();
        let mut attributes = attributes.map_or_else(Vec::new, |it| it.attributes().to_vec());
        let seen = attributes.iter().any(marks_seen) && !self.is_read_only();
        let with_uid = attributes.contains(&FetchAttribute::Uid);
        attributes.retain(|attribute| *attribute != FetchAttribute::Uid);
        if attributes.contains(&FetchAttribute::ModSeq) {
            self.enable_condstore();
        }
        let question = Question::Fetch(Box::new(Fetching {
            by: By::Uid,
            with_uid,
            uids: uids.clone(),
            gone: false,
            told: NumberSet::new(),
            vanished: None,
            back: Some(back),
        }));
        let event = Event::Fetch(Box::new(Fetch {
            uids,
            attributes,
            changed_since: None,
            vanished: None,
            seen,
        }));
        self.ask(tag, "", question, event)
    }

    /// Those of the messages that have just come of which the client wants to know more.
    pub(super) fn to_announce(&self, arrived: NumberSet) -> NumberSet {
        let Some(notices) = &self.session.notices else {
            return NumberSet::new();
        };
        match notices.attributes().is_empty() {
            true => NumberSet::new(),
            false => arrived,
        }
    }
}
