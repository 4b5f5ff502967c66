//! Mailboxes, one a response (RFC 9051 section 7.3.1, RFC 5258).

use super::token::Token;
use crate::command::ListKind;
use crate::encode::Encoder;
use crate::flag::{MailboxAttribute, MailboxAttributes};
use crate::lex::{Cursor, Parsed};
use crate::mailbox::MailboxName;
use crate::quirks::Quirks;
use crate::string::{Atom, Octets};

/// A mailbox in a listing.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Listed {
    /// Which command it answers: `LIST`, `LSUB` or `XLIST`.
    pub kind: ListKind,
    /// What it is.
    pub attributes: MailboxAttributes,
    /// Attributes that have no name here.
    pub other_attributes: Vec<Atom>,
    /// What stands between the levels of its name.
    pub delimiter: Option<char>,
    /// Its name.
    pub mailbox: MailboxName,
    /// What extensions say of it.
    pub extended: Vec<ListExtended>,
}

/// What extensions say of a mailbox.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum ListExtended {
    /// `CHILDINFO`: it has children that match these selections (RFC 5258 section 3.5).
    ChildInfo(Vec<Octets>),
    /// `OLDNAME`: how it was called before (RFC 9051 section 6.3.9.7).
    OldName(MailboxName),
    /// Something that is not known here.
    Other(Octets, Token),
}

impl Listed {
    /// A mailbox.
    pub fn new(
        attributes: MailboxAttributes,
        delimiter: Option<char>,
        mailbox: MailboxName,
    ) -> Self {
        Self {
            kind: ListKind::List,
            attributes,
            other_attributes: Vec::new(),
            delimiter,
            mailbox,
            extended: Vec::new(),
        }
    }

    pub(super) fn read(cursor: &mut Cursor<'_>, kind: ListKind) -> Parsed<Box<Self>> {
        cursor.space()?;
        let mut attributes = MailboxAttributes::empty();
        let mut other_attributes = Vec::new();
        cursor.list(|cursor| {
            match MailboxAttribute::read(cursor)? {
                MailboxAttribute::Known(known) => attributes |= known,
                MailboxAttribute::Other(other) => other_attributes.push(other),
            }
            Ok(())
        })?;
        cursor.space()?;
        let delimiter = read_delimiter(cursor)?;
        cursor.space()?;
        let mailbox = MailboxName::read(cursor)?;
        let extended = match cursor.eat_space() {
            true => cursor.list(ListExtended::read)?,
            false => Vec::new(),
        };
        Ok(Box::new(Self {
            kind,
            attributes,
            other_attributes,
            delimiter,
            mailbox,
            extended,
        }))
    }

    pub(super) fn write(&self, to: &mut Encoder) {
        self.attributes
            .write(to.word(self.kind.as_str()).raw(b" ("));
        if !self.attributes.is_empty() && !self.other_attributes.is_empty() {
            to.space();
        }
        to.spaced(&self.other_attributes, |to, other| {
            to.raw(b"\\").word(other.as_str());
        });
        write_delimiter(self.delimiter, to.raw(b") "));
        self.mailbox.write(to.space());
        if !self.extended.is_empty() {
            to.space().list(&self.extended, |to, item| item.write(to));
        }
    }
}

impl ListExtended {
    fn read(cursor: &mut Cursor<'_>) -> Parsed<Self> {
        let name = cursor.astring()?;
        cursor.space()?;
        if name.eq_ignore_ascii_case(b"CHILDINFO") {
            return cursor
                .nonempty_list(|cursor| cursor.astring())
                .map(Self::ChildInfo);
        }
        if name.eq_ignore_ascii_case(b"OLDNAME") {
            return cursor.parenthesised(MailboxName::read).map(Self::OldName);
        }
        Ok(Self::Other(name, Token::read(cursor)?))
    }

    fn write(&self, to: &mut Encoder) {
        match self {
            Self::ChildInfo(selections) => {
                to.raw(b"\"CHILDINFO\" ").list(selections, |to, selection| {
                    to.string(selection);
                });
            }
            Self::OldName(old) => {
                old.write(to.raw(b"\"OLDNAME\" ("));
                to.raw(b")");
            }
            Self::Other(name, value) => value.write(to.string(name).space()),
        }
    }
}

/// A character in quotes, or NIL.
pub(super) fn read_delimiter(cursor: &mut Cursor<'_>) -> Parsed<Option<char>> {
    let start = cursor.at();
    let Some(octets) = cursor.nstring()? else {
        return Ok(None);
    };
    let mut chars = octets.as_str().unwrap_or_default().chars();
    match (chars.next(), chars.next()) {
        (Some(delimiter), None) => Ok(Some(delimiter)),
        (None, _) if octets.is_empty() && cursor.forgives(Quirks::EMPTY_DELIMITER) => Ok(None),
        _ => {
            cursor.reset(start);
            cursor.fail("a character in quotes, or NIL")
        }
    }
}

pub(super) fn write_delimiter(delimiter: Option<char>, to: &mut Encoder) {
    match delimiter {
        Some(delimiter) => to.string(delimiter.encode_utf8(&mut [0; 4]).as_bytes()),
        None => to.raw(b"NIL"),
    };
}
