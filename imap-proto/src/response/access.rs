//! Who may do what with a mailbox (RFC 4314 section 3).

use crate::command::Rights;
use crate::encode::Encoder;
use crate::lex::{Cursor, Parsed};
use crate::mailbox::MailboxName;
use crate::string::Octets;

/// `ACL`: who has which rights.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Acl {
    /// To which mailbox.
    pub mailbox: MailboxName,
    /// Who, and which.
    pub entries: Vec<AclEntry>,
}

/// Somebody's rights.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct AclEntry {
    /// Who; behind a `-` it is what they have no right to.
    pub identifier: Octets,
    /// Which rights.
    pub rights: Rights,
}

/// `LISTRIGHTS`: which rights somebody may be given.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct ListRights {
    /// To which mailbox.
    pub mailbox: MailboxName,
    /// Who.
    pub identifier: Octets,
    /// Those that they have always.
    pub required: Rights,
    /// Those that they may be given; of several in one only all can be given.
    pub optional: Vec<Rights>,
}

/// `MYRIGHTS`: which rights the user has.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct MyRights {
    /// To which mailbox.
    pub mailbox: MailboxName,
    /// Which rights.
    pub rights: Rights,
}

impl Acl {
    /// Who has which rights to a mailbox.
    pub fn new(mailbox: MailboxName, entries: Vec<AclEntry>) -> Self {
        Self { mailbox, entries }
    }

    pub(super) fn read(cursor: &mut Cursor<'_>) -> Parsed<Self> {
        cursor.space()?;
        let mailbox = MailboxName::read(cursor)?;
        let entries = cursor.spaced(|cursor| {
            let identifier = cursor.astring()?;
            cursor.space()?;
            let rights = Rights::read(cursor)?;
            Ok(AclEntry { identifier, rights })
        })?;
        Ok(Self { mailbox, entries })
    }

    pub(super) fn write(&self, to: &mut Encoder) {
        self.mailbox.write(to.raw(b"ACL "));
        for AclEntry { identifier, rights } in &self.entries {
            to.space().astring(identifier);
            rights.write(to.space());
        }
    }
}

impl AclEntry {
    /// Somebody's rights.
    pub fn new(identifier: impl Into<Octets>, rights: Rights) -> Self {
        Self {
            identifier: identifier.into(),
            rights,
        }
    }
}

impl ListRights {
    /// Which rights to a mailbox somebody may be given.
    pub fn new(
        mailbox: MailboxName,
        identifier: impl Into<Octets>,
        required: Rights,
        optional: Vec<Rights>,
    ) -> Self {
        Self {
            mailbox,
            identifier: identifier.into(),
            required,
            optional,
        }
    }

    pub(super) fn read(cursor: &mut Cursor<'_>) -> Parsed<Self> {
        cursor.space()?;
        let mailbox = MailboxName::read(cursor)?;
        cursor.space()?;
        let identifier = cursor.astring()?;
        cursor.space()?;
        let required = Rights::read(cursor)?;
        let optional = cursor.spaced(Rights::read)?;
        Ok(Self {
            mailbox,
            identifier,
            required,
            optional,
        })
    }

    pub(super) fn write(&self, to: &mut Encoder) {
        self.mailbox.write(to.raw(b"LISTRIGHTS "));
        to.space().astring(&self.identifier);
        self.required.write(to.space());
        for rights in &self.optional {
            rights.write(to.space());
        }
    }
}

impl MyRights {
    /// Which rights to a mailbox the user has.
    pub fn new(mailbox: MailboxName, rights: Rights) -> Self {
        Self { mailbox, rights }
    }

    pub(super) fn read(cursor: &mut Cursor<'_>) -> Parsed<Self> {
        cursor.space()?;
        let mailbox = MailboxName::read(cursor)?;
        cursor.space()?;
        let rights = Rights::read(cursor)?;
        Ok(Self { mailbox, rights })
    }

    pub(super) fn write(&self, to: &mut Encoder) {
        self.mailbox.write(to.raw(b"MYRIGHTS "));
        self.rights.write(to.space());
    }
}
