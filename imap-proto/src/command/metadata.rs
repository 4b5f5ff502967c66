//! Metadata of mailboxes and of the server (RFC 5464).

use super::mailbox_behind_space;
use crate::annotation::read_one_or_list;
use crate::encode::Encoder;
use crate::keyword::keywords;
use crate::lex::{Cursor, Parsed};
use crate::mailbox::MailboxName;
use crate::string::Octets;

keywords! {
    /// How far below an entry (RFC 5464 section 4.2.2).
    pub enum Depth {
        /// Only itself.
        Zero = "0",
        /// Itself and what is right below.
        One = "1",
        /// Itself and all below.
        Infinity = "infinity",
    }
}

/// An entry with its value, or without where it is to be removed or is not there.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct MetadataEntry {
    /// Its name, a path such as `/private/comment`.
    pub name: Octets,
    /// Its value.
    pub value: Option<Octets>,
}

impl MetadataEntry {
    /// An entry.
    pub fn new(name: impl Into<Octets>, value: Option<Octets>) -> Self {
        Self {
            name: name.into(),
            value,
        }
    }

    /// `entry-value`
    pub(crate) fn read(cursor: &mut Cursor<'_>) -> Parsed<Self> {
        let name = cursor.astring()?;
        cursor.space()?;
        let value = cursor.nstring()?;
        Ok(Self { name, value })
    }

    pub(crate) fn write(&self, to: &mut Encoder) {
        to.astring(&self.name).space();
        match &self.value {
            Some(value) => to.string8(value),
            None => to.raw(b"NIL"),
        };
    }
}

/// `GETMETADATA`
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct GetMetadata {
    /// Of which mailbox; of the server if it has no name.
    pub mailbox: MailboxName,
    /// `MAXSIZE`: only values of at most so many octets.
    pub max_size: Option<u32>,
    /// `DEPTH`
    pub depth: Option<Depth>,
    /// Which entries.
    pub entries: Vec<Octets>,
}

impl GetMetadata {
    /// Which entries of a mailbox.
    pub fn new(mailbox: MailboxName, entries: Vec<Octets>) -> Self {
        Self {
            mailbox,
            max_size: None,
            depth: None,
            entries,
        }
    }

    pub(super) fn read(cursor: &mut Cursor<'_>) -> Parsed<Box<Self>> {
        let (mut max_size, mut depth) = (None, None);
        let mut options = |cursor: &mut Cursor<'_>| {
            cursor.nonempty_list(|cursor| {
                if cursor.eat_word(b"MAXSIZE") {
                    cursor.space()?;
                    max_size = Some(cursor.number()?);
                    return Ok(());
                }
                cursor.expect_word("DEPTH")?;
                cursor.space()?;
                depth = Some(Depth::read(cursor)?);
                Ok(())
            })
        };
        // The grammar has the options first, the examples have them behind the mailbox.
        let start = cursor.at();
        cursor.space()?;
        let first = cursor.peek() == Some(b'(');
        match first {
            true => drop(options(cursor)?),
            false => cursor.reset(start),
        }
        let mailbox = mailbox_behind_space(cursor)?;
        cursor.space()?;
        if !first && starts_options(cursor) {
            options(cursor)?;
            cursor.space()?;
        }
        let entries = read_one_or_list(cursor, |cursor| cursor.astring())?;
        Ok(Box::new(Self {
            mailbox,
            max_size,
            depth,
            entries,
        }))
    }

    pub(super) fn write(&self, to: &mut Encoder) {
        if self.max_size.is_some() || self.depth.is_some() {
            to.raw(b" (");
            if let Some(size) = self.max_size {
                to.raw(b"MAXSIZE ").number(size);
            }
            if let Some(depth) = self.depth {
                to.word(if self.max_size.is_some() {
                    " DEPTH "
                } else {
                    "DEPTH "
                });
                to.word(depth.as_str());
            }
            to.raw(b")");
        }
        self.mailbox.write(to.space());
        // Quoted, what is no path cannot be read as an option.
        to.space().list(&self.entries, |to, entry| {
            match entry.starts_with(b"/") {
                true => to.astring(entry),
                false => to.string(entry),
            };
        });
    }
}

/// Whether a parenthesis opens options rather than entries, which begin with a slash.
fn starts_options(cursor: &Cursor<'_>) -> bool {
    cursor.rest().starts_with(b"(") && !matches!(cursor.rest().get(1), Some(b'/' | b'"' | b'{'))
}

/// `SETMETADATA`
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct SetMetadata {
    /// Of which mailbox; of the server if it has no name.
    pub mailbox: MailboxName,
    /// The entries; those without a value are removed.
    pub entries: Vec<MetadataEntry>,
}

impl SetMetadata {
    /// Entries of a mailbox.
    pub fn new(mailbox: MailboxName, entries: Vec<MetadataEntry>) -> Self {
        Self { mailbox, entries }
    }

    pub(super) fn read(cursor: &mut Cursor<'_>) -> Parsed<Box<Self>> {
        let mailbox = mailbox_behind_space(cursor)?;
        cursor.space()?;
        let entries = cursor.nonempty_list(MetadataEntry::read)?;
        Ok(Box::new(Self { mailbox, entries }))
    }

    pub(super) fn write(&self, to: &mut Encoder) {
        self.mailbox.write(to.space());
        to.space().list(&self.entries, |to, entry| entry.write(to));
    }
}
