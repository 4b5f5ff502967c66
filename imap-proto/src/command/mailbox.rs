//! Commands that select and change mailboxes.

use std::num::NonZeroU32;

use crate::encode::Encoder;
use crate::flag::{MailboxAttribute, MailboxAttributes};
use crate::lex::{Cursor, FOLDED, Parsed};
use crate::mailbox::MailboxName;
use crate::number::ModSeq;
use crate::set::NumberSet;
use crate::string::Atom;

/// `SELECT` and `EXAMINE`.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Select {
    /// Which mailbox.
    pub mailbox: MailboxName,
    /// Whether nothing may be changed: `EXAMINE`.
    pub read_only: bool,
    /// Whether mod-sequences are wanted from now on (RFC 7162 section 3.1.8).
    pub condstore: bool,
    /// What the client knows already (RFC 7162 section 3.2.5).
    pub qresync: Option<QResync>,
    /// Whether annotations are wanted (RFC 5257 section 4.1).
    pub annotate: bool,
}

/// What a client knows of a mailbox, to be told what has changed since.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct QResync {
    /// The UIDVALIDITY.
    pub uid_validity: NonZeroU32,
    /// The highest mod-sequence that was seen.
    pub mod_seq: ModSeq,
    /// The UIDs that are known; all below UIDNEXT if `None`.
    pub known_uids: Option<NumberSet>,
    /// Some sequence numbers and the UIDs that belonged to them.
    pub matches: Option<(NumberSet, NumberSet)>,
}

impl QResync {
    /// All that was there.
    pub fn new(uid_validity: NonZeroU32, mod_seq: ModSeq) -> Self {
        Self {
            uid_validity,
            mod_seq,
            known_uids: None,
            matches: None,
        }
    }

    fn read(cursor: &mut Cursor<'_>) -> Parsed<Self> {
        cursor.space()?;
        cursor.parenthesised(|cursor| {
            let uid_validity = cursor.nz_number()?;
            cursor.space()?;
            let mut qresync = Self::new(uid_validity, ModSeq::read(cursor)?);
            let mut more = cursor.eat_space();
            if more && cursor.peek() != Some(b'(') {
                qresync.known_uids = Some(NumberSet::read(cursor)?);
                more = cursor.eat_space();
            }
            if more {
                qresync.matches = Some(cursor.parenthesised(|cursor| {
                    let numbers = NumberSet::read(cursor)?;
                    cursor.space()?;
                    Ok((numbers, NumberSet::read(cursor)?))
                })?);
            }
            Ok(qresync)
        })
    }

    fn write(&self, to: &mut Encoder) {
        to.raw(b"QRESYNC (").number(self.uid_validity.get());
        to.space().number(self.mod_seq.value());
        if let Some(known) = &self.known_uids {
            to.space().display(known);
        }
        if let Some((numbers, uids)) = &self.matches {
            to.raw(b" (")
                .display(numbers)
                .space()
                .display(uids)
                .raw(b")");
        }
        to.raw(b")");
    }
}

impl Select {
    /// `SELECT`, without parameters.
    pub fn new(mailbox: MailboxName) -> Self {
        Self {
            mailbox,
            read_only: false,
            condstore: false,
            qresync: None,
            annotate: false,
        }
    }

    pub(super) fn read(cursor: &mut Cursor<'_>, read_only: bool) -> Parsed<Box<Self>> {
        cursor.space()?;
        let mut select = Self::new(MailboxName::read(cursor)?);
        select.read_only = read_only;
        if cursor.eat_space() {
            cursor.nonempty_list(|cursor| {
                let start = cursor.at();
                let mut word = FOLDED;
                match cursor.keyword(&mut word, "a parameter")? {
                    b"CONDSTORE" => select.condstore = true,
                    b"QRESYNC" => select.qresync = Some(QResync::read(cursor)?),
                    b"ANNOTATE" => select.annotate = true,
                    _ => {
                        cursor.reset(start);
                        return cursor.fail("a parameter that is known");
                    }
                }
                Ok(())
            })?;
        }
        Ok(Box::new(select))
    }

    pub(super) fn write(&self, to: &mut Encoder) {
        self.mailbox.write(to.space());
        let before = [(self.condstore, "CONDSTORE"), (self.annotate, "ANNOTATE")];
        let before = before
            .into_iter()
            .filter_map(|(set, word)| set.then_some(word));
        if before.clone().next().is_none() && self.qresync.is_none() {
            return;
        }
        to.raw(b" (");
        let mut words = 0;
        to.spaced(before, |to, word| {
            words += 1;
            to.word(word);
        });
        if let Some(qresync) = &self.qresync {
            if words > 0 {
                to.space();
            }
            qresync.write(to);
        }
        to.raw(b")");
    }
}

/// `CREATE`
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Create {
    /// Which mailbox.
    pub mailbox: MailboxName,
    /// What for: attributes such as `\Sent` (RFC 6154 section 3).
    pub special_use: MailboxAttributes,
    /// And others, that have no name here.
    pub other_use: Vec<Atom>,
}

impl Create {
    /// A mailbox without special use.
    pub fn new(mailbox: MailboxName) -> Self {
        Self {
            mailbox,
            special_use: MailboxAttributes::empty(),
            other_use: Vec::new(),
        }
    }

    pub(super) fn read(cursor: &mut Cursor<'_>) -> Parsed<Box<Self>> {
        cursor.space()?;
        let mut create = Self::new(MailboxName::read(cursor)?);
        if cursor.eat_space() {
            cursor.parenthesised(|cursor| {
                cursor.expect_word("USE")?;
                cursor.space()?;
                cursor.list(|cursor| {
                    match MailboxAttribute::read(cursor)? {
                        MailboxAttribute::Known(known) => create.special_use |= known,
                        MailboxAttribute::Other(other) => create.other_use.push(other),
                    }
                    Ok(())
                })
            })?;
        }
        Ok(Box::new(create))
    }

    pub(super) fn write(&self, to: &mut Encoder) {
        self.mailbox.write(to.space());
        if self.special_use.is_empty() && self.other_use.is_empty() {
            return;
        }
        to.raw(b" (USE (");
        self.special_use.write(to);
        if !self.special_use.is_empty() && !self.other_use.is_empty() {
            to.space();
        }
        to.spaced(&self.other_use, |to, name| {
            to.raw(b"\\").word(name.as_str());
        });
        to.raw(b"))");
    }
}

/// `RENAME`
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Rename {
    /// Its name now.
    pub from: MailboxName,
    /// Its name then.
    pub to: MailboxName,
}

impl Rename {
    /// A change of name.
    pub fn new(from: MailboxName, to: MailboxName) -> Self {
        Self { from, to }
    }

    pub(super) fn read(cursor: &mut Cursor<'_>) -> Parsed<Box<Self>> {
        cursor.space()?;
        let from = MailboxName::read(cursor)?;
        cursor.space()?;
        let to = MailboxName::read(cursor)?;
        Ok(Box::new(Self { from, to }))
    }

    pub(super) fn write(&self, to: &mut Encoder) {
        self.from.write(to.space());
        self.to.write(to.space());
    }
}
