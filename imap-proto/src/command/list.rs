//! Listing mailboxes (RFC 9051 section 6.3.9, RFC 5258, and what was added to it).

use bitflags::bitflags;

use crate::encode::Encoder;
use crate::keyword::keywords;
use crate::lex::{Cursor, FOLDED, Parsed};
use crate::mailbox::{MailboxName, MailboxPattern};
use crate::status::StatusItem;
use crate::string::Octets;

keywords! {
    /// Which of the commands that list.
    pub enum ListKind {
        /// Mailboxes that are there.
        List = "LIST",
        /// Subscribed ones, in IMAP4rev1.
        Lsub = "LSUB",
        /// Gmail's older way to tell special uses.
        XList = "XLIST",
        /// With referrals to other servers (RFC 2193).
        RList = "RLIST",
        /// Subscribed ones, with referrals (RFC 2193).
        RLsub = "RLSUB",
    }
}

/// A listing.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct List {
    /// Which command it is.
    pub kind: ListKind,
    /// Which mailboxes are looked at (RFC 5258 section 3.1); `None` if there are no parentheses for it.
    pub selection: Option<ListSelection>,
    /// From where the patterns count.
    pub reference: MailboxName,
    /// Which names are wanted. More than one makes an extended listing.
    pub patterns: Vec<MailboxPattern>,
    /// What is to be told of them.
    pub returned: Option<ListReturn>,
}

bitflags! {
    /// Which mailboxes are looked at (RFC 5258 section 3.1, RFC 6154 section 5.2).
    #[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
    pub struct ListSelection: u8 {
        /// `SUBSCRIBED`
        const SUBSCRIBED = 1;
        /// `REMOTE`: those of other servers too.
        const REMOTE = 2;
        /// `RECURSIVEMATCH`: those whose children match too.
        const RECURSIVE_MATCH = 4;
        /// `SPECIAL-USE`: only those that have one.
        const SPECIAL_USE = 8;
    }
}

const SELECTIONS: [(ListSelection, &str); 4] = [
    (ListSelection::SUBSCRIBED, "SUBSCRIBED"),
    (ListSelection::REMOTE, "REMOTE"),
    (ListSelection::RECURSIVE_MATCH, "RECURSIVEMATCH"),
    (ListSelection::SPECIAL_USE, "SPECIAL-USE"),
];

/// What is to be told of each mailbox.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct ListReturn {
    /// `SUBSCRIBED`: whether it is.
    pub subscribed: bool,
    /// `CHILDREN`: whether it has any.
    pub children: bool,
    /// `SPECIAL-USE`: which it has (RFC 6154).
    pub special_use: bool,
    /// `MYRIGHTS` (RFC 8440)
    pub my_rights: bool,
    /// `STATUS`: these items (RFC 5819).
    pub status: Vec<StatusItem>,
    /// `METADATA`: these entries (RFC 9590).
    pub metadata: Vec<Octets>,
}

impl ListReturn {
    fn read(cursor: &mut Cursor<'_>) -> Parsed<Self> {
        let mut returned = Self::default();
        cursor.list(|cursor| {
            let start = cursor.at();
            let mut word = FOLDED;
            match cursor.keyword(&mut word, "a return option")? {
                b"SUBSCRIBED" => returned.subscribed = true,
                b"CHILDREN" => returned.children = true,
                b"SPECIAL-USE" => returned.special_use = true,
                b"MYRIGHTS" => returned.my_rights = true,
                b"STATUS" => {
                    cursor.space()?;
                    returned.status = cursor.nonempty_list(StatusItem::read)?;
                }
                b"METADATA" => {
                    cursor.space()?;
                    returned.metadata = cursor.nonempty_list(Cursor::astring)?;
                }
                _ => {
                    cursor.reset(start);
                    return cursor.fail("a return option that is known");
                }
            }
            Ok(())
        })?;
        Ok(returned)
    }

    fn write(&self, to: &mut Encoder) {
        let words = [
            (self.subscribed, "SUBSCRIBED"),
            (self.children, "CHILDREN"),
            (self.special_use, "SPECIAL-USE"),
            (self.my_rights, "MYRIGHTS"),
        ];
        let mut any = false;
        to.raw(b"(");
        to.spaced(
            words.into_iter().filter(|(set, _)| *set),
            |to, (_, word)| {
                any = true;
                to.word(word);
            },
        );
        if !self.status.is_empty() {
            to.raw(if any { b" STATUS " } else { b"STATUS " });
            any = true;
            to.list(&self.status, |to, item| {
                to.word(item.as_str());
            });
        }
        if !self.metadata.is_empty() {
            to.raw(if any { b" METADATA " } else { b"METADATA " });
            to.list(&self.metadata, |to, entry| {
                to.astring(entry);
            });
        }
        to.raw(b")");
    }
}

impl List {
    /// A listing of what matches one pattern.
    pub fn new(kind: ListKind, reference: MailboxName, pattern: MailboxPattern) -> Self {
        Self {
            kind,
            selection: None,
            reference,
            patterns: vec![pattern],
            returned: None,
        }
    }

    pub(super) fn read(cursor: &mut Cursor<'_>, kind: ListKind) -> Parsed<Box<Self>> {
        cursor.space()?;
        let selection = match kind == ListKind::List && cursor.peek() == Some(b'(') {
            true => {
                let selection = read_selection(cursor)?;
                cursor.space()?;
                Some(selection)
            }
            false => None,
        };
        let reference = MailboxName::read(cursor)?;
        cursor.space()?;
        let patterns = match cursor.peek() == Some(b'(') {
            true => cursor.nonempty_list(MailboxPattern::read)?,
            false => vec![MailboxPattern::read(cursor)?],
        };
        let mut returned = None;
        if kind == ListKind::List && cursor.eat_space() {
            cursor.expect_word("RETURN")?;
            cursor.space()?;
            returned = Some(ListReturn::read(cursor)?);
        }
        Ok(Box::new(Self {
            kind,
            selection,
            reference,
            patterns,
            returned,
        }))
    }

    pub(super) fn write(&self, to: &mut Encoder) {
        if let Some(selection) = self.selection {
            let words = SELECTIONS
                .iter()
                .filter(|(bit, _)| selection.contains(*bit));
            to.space().list(words, |to, (_, word)| {
                to.word(word);
            });
        }
        self.reference.write(to.space());
        to.space();
        match &self.patterns[..] {
            [pattern] => pattern.write(to),
            patterns => {
                to.list(patterns, |to, pattern| pattern.write(to));
            }
        }
        if let Some(returned) = &self.returned {
            returned.write(to.raw(b" RETURN "));
        }
    }
}

fn read_selection(cursor: &mut Cursor<'_>) -> Parsed<ListSelection> {
    let mut selection = ListSelection::empty();
    cursor.list(|cursor| {
        let known = SELECTIONS
            .iter()
            .find(|(_, word)| cursor.eat_word(word.as_bytes()));
        let Some((bit, _)) = known else {
            return cursor.fail("a selection option that is known");
        };
        selection |= *bit;
        Ok(())
    })?;
    Ok(selection)
}
