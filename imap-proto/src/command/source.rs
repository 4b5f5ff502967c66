//! Which mailboxes are watched or searched (RFC 5465 section 6, RFC 7377 section 2.2).

use crate::annotation::read_one_or_list;
use crate::encode::Encoder;
use crate::lex::{Cursor, FOLDED, Parsed};
use crate::mailbox::MailboxName;

/// Some mailboxes.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Source {
    /// `SELECTED`: the one that is selected.
    Selected,
    /// `SELECTED-DELAYED`: the same, but what is expunged is told later.
    SelectedDelayed,
    /// `INBOXES`: those that mail is delivered to.
    Inboxes,
    /// `PERSONAL`: all of the user's own.
    Personal,
    /// `SUBSCRIBED`
    Subscribed,
    /// `SUBTREE`: these and all below.
    Subtree(Vec<MailboxName>),
    /// `SUBTREE-ONE`: these and those right below.
    SubtreeOne(Vec<MailboxName>),
    /// `MAILBOXES`: these.
    Mailboxes(Vec<MailboxName>),
}

impl Source {
    pub(super) fn read(cursor: &mut Cursor<'_>) -> Parsed<Self> {
        let start = cursor.at();
        let mut word = FOLDED;
        let named = |cursor: &mut Cursor<'_>| {
            cursor.space()?;
            read_one_or_list(cursor, MailboxName::read)
        };
        Ok(match cursor.keyword(&mut word, "mailboxes")? {
            b"SELECTED" => Self::Selected,
            b"SELECTED-DELAYED" => Self::SelectedDelayed,
            b"INBOXES" => Self::Inboxes,
            b"PERSONAL" => Self::Personal,
            b"SUBSCRIBED" => Self::Subscribed,
            b"SUBTREE" => Self::Subtree(named(cursor)?),
            b"SUBTREE-ONE" => Self::SubtreeOne(named(cursor)?),
            b"MAILBOXES" => Self::Mailboxes(named(cursor)?),
            _ => {
                cursor.reset(start);
                return cursor.fail("which mailboxes");
            }
        })
    }

    pub(super) fn write(&self, to: &mut Encoder) {
        let named = match self {
            Self::Selected => {
                to.raw(b"SELECTED");
                return;
            }
            Self::SelectedDelayed => {
                to.raw(b"SELECTED-DELAYED");
                return;
            }
            Self::Inboxes => {
                to.raw(b"INBOXES");
                return;
            }
            Self::Personal => {
                to.raw(b"PERSONAL");
                return;
            }
            Self::Subscribed => {
                to.raw(b"SUBSCRIBED");
                return;
            }
            Self::Subtree(named) => (b"SUBTREE ".as_slice(), named),
            Self::SubtreeOne(named) => (b"SUBTREE-ONE ".as_slice(), named),
            Self::Mailboxes(named) => (b"MAILBOXES ".as_slice(), named),
        };
        to.raw(named.0).list(named.1, |to, name| name.write(to));
    }
}
