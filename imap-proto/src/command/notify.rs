//! What a client wants to be told without asking (RFC 5465).

use super::fetch::FetchAttribute;
use super::source::Source;
use crate::encode::Encoder;
use crate::keyword::keywords;
use crate::lex::{Cursor, Parsed};
use crate::string::Atom;

/// `NOTIFY`
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Notify {
    /// `NONE`: nothing.
    None,
    /// `SET`: these events, and no others.
    Set {
        /// Whether the status of the mailboxes is to be told at once.
        status: bool,
        /// Which events of which mailboxes.
        groups: Vec<NotifyGroup>,
    },
}

/// Some mailboxes, and what is to be told of them.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct NotifyGroup {
    /// Which mailboxes.
    pub source: Source,
    /// What happens to them; `None` for nothing: `NONE`.
    pub events: Option<NotifyEvents>,
}

/// What is to be told.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct NotifyEvents {
    /// These.
    pub events: Vec<NotifyEvent>,
    /// And of a new message in the selected mailbox this.
    pub attributes: Vec<FetchAttribute>,
    /// Others, of which nothing is known here: who is asked for them has to say which there are.
    pub unknown: Vec<Atom>,
}

keywords! {
    /// What may happen.
    pub enum NotifyEvent {
        /// A message comes.
        MessageNew = "MessageNew",
        /// A message goes.
        MessageExpunge = "MessageExpunge",
        /// Flags change.
        FlagChange = "FlagChange",
        /// Annotations change.
        AnnotationChange = "AnnotationChange",
        /// A mailbox comes, goes, or gets another name.
        MailboxName = "MailboxName",
        /// A subscription comes or goes.
        SubscriptionChange = "SubscriptionChange",
        /// A mailbox's metadata change.
        MailboxMetadataChange = "MailboxMetadataChange",
        /// The server's metadata change.
        ServerMetadataChange = "ServerMetadataChange",
    }
}

impl NotifyGroup {
    /// Some mailboxes, and what is to be told of them.
    pub fn new(source: Source, events: Vec<NotifyEvent>) -> Self {
        Self {
            source,
            events: Some(NotifyEvents {
                events,
                ..NotifyEvents::default()
            }),
        }
    }

    fn read(cursor: &mut Cursor<'_>) -> Parsed<Self> {
        cursor.parenthesised(|cursor| {
            let source = Source::read(cursor)?;
            cursor.space()?;
            let events = match cursor.eat_word(b"NONE") {
                true => None,
                false => Some(NotifyEvents::read(cursor)?),
            };
            Ok(Self { source, events })
        })
    }

    fn write(&self, to: &mut Encoder) {
        self.source.write(to.raw(b"("));
        match &self.events {
            None => {
                to.raw(b" NONE");
            }
            Some(events) => events.write(to.space()),
        }
        to.raw(b")");
    }
}

impl NotifyEvents {
    fn read(cursor: &mut Cursor<'_>) -> Parsed<Self> {
        let mut read = Self::default();
        cursor.expect(b'(', "events")?;
        read.read_event(cursor)?;
        while cursor.eat_space() {
            if read.events.last() == Some(&NotifyEvent::MessageNew) && cursor.peek() == Some(b'(') {
                read.attributes = cursor.nonempty_list(FetchAttribute::read)?;
                continue;
            }
            read.read_event(cursor)?;
        }
        cursor.expect(b')', "a space or closing parenthesis")?;
        Ok(read)
    }

    fn read_event(&mut self, cursor: &mut Cursor<'_>) -> Parsed<()> {
        let name = cursor.atom()?;
        match NotifyEvent::from_word(name.as_str().as_bytes()) {
            Some(event) => self.events.push(event),
            None => self.unknown.push(name),
        }
        Ok(())
    }

    fn write(&self, to: &mut Encoder) {
        let known = self.events.iter().map(Ok);
        let all: Vec<_> = known.chain(self.unknown.iter().map(Err)).collect();
        to.list(&all, |to, event| match event {
            Ok(event) => {
                to.word(event.as_str());
                if **event == NotifyEvent::MessageNew && !self.attributes.is_empty() {
                    to.space()
                        .list(&self.attributes, |to, attribute| attribute.write(to));
                }
            }
            Err(unknown) => {
                to.word(unknown.as_str());
            }
        });
    }
}

impl Notify {
    pub(super) fn read(cursor: &mut Cursor<'_>) -> Parsed<Box<Self>> {
        cursor.space()?;
        if cursor.eat_word(b"NONE") {
            return Ok(Box::new(Self::None));
        }
        cursor.expect_word("SET")?;
        cursor.space()?;
        let status = cursor.eat_word(b"STATUS");
        if status {
            cursor.space()?;
        }
        let mut groups = vec![NotifyGroup::read(cursor)?];
        groups.extend(cursor.spaced(NotifyGroup::read)?);
        Ok(Box::new(Self::Set { status, groups }))
    }

    pub(super) fn write(&self, to: &mut Encoder) {
        let Self::Set { status, groups } = self else {
            {
                to.raw(b" NONE");
                return;
            }
        };
        to.raw(if *status { b" SET STATUS " } else { b" SET " });
        to.spaced(groups, |to, group| group.write(to));
    }
}
