//! Metadata of mailboxes and of the server (RFC 5464 section 4.4).

use crate::command::MetadataEntry;
use crate::encode::Encoder;
use crate::lex::{Cursor, Parsed};
use crate::mailbox::MailboxName;
use crate::string::Octets;

/// `METADATA`
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Metadata {
    /// Of which mailbox; of the server if it has no name.
    pub mailbox: MailboxName,
    /// What is told.
    pub entries: MetadataEntries,
}

/// What is told of metadata.
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(clippy::exhaustive_enums, reason = "RFC 5464 has these two")]
pub enum MetadataEntries {
    /// What was asked for: entries with their values.
    Values(Vec<MetadataEntry>),
    /// What has changed: the names of entries.
    Changed(Vec<Octets>),
}

impl Metadata {
    /// Something about the metadata of a mailbox.
    pub fn new(mailbox: MailboxName, entries: MetadataEntries) -> Self {
        Self { mailbox, entries }
    }

    pub(super) fn read(cursor: &mut Cursor<'_>) -> Parsed<Self> {
        cursor.space()?;
        let mailbox = MailboxName::read(cursor)?;
        cursor.space()?;
        let entries = match cursor.peek() {
            Some(b'(') => MetadataEntries::Values(cursor.nonempty_list(MetadataEntry::read)?),
            _ => {
                let mut names = vec![cursor.astring()?];
                names.extend(cursor.spaced(Cursor::astring)?);
                MetadataEntries::Changed(names)
            }
        };
        Ok(Self { mailbox, entries })
    }

    pub(super) fn write(&self, to: &mut Encoder) {
        self.mailbox.write(to.raw(b"METADATA "));
        to.space();
        match &self.entries {
            MetadataEntries::Values(entries) => to.list(entries, |to, entry| entry.write(to)),
            MetadataEntries::Changed(names) => to.spaced(names, |to, name| {
                to.astring(name);
            }),
        };
    }
}
