//! How much a user stores, and may store (RFC 9208 section 4.2, RFC 2087).

use crate::encode::Encoder;
use crate::lex::{Cursor, Parsed};
use crate::mailbox::MailboxName;
use crate::string::{Atom, Octets};

/// `QUOTA`
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Quota {
    /// The quota root.
    pub root: Octets,
    /// What is limited.
    pub resources: Vec<ResourceUsage>,
}

/// How much of a resource is used, and how much may be.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct ResourceUsage {
    /// `STORAGE`, in units of 1024 octets, `MESSAGE`, `MAILBOX`, `ANNOTATION-STORAGE` or another.
    pub name: Atom,
    /// How much is used.
    pub usage: u64,
    /// How much may be.
    pub limit: u64,
}

/// `QUOTAROOT`: to which quota roots a mailbox belongs.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct QuotaRoot {
    /// The mailbox.
    pub mailbox: MailboxName,
    /// The quota roots.
    pub roots: Vec<Octets>,
}

impl Quota {
    /// What is limited in a quota root.
    pub fn new(root: impl Into<Octets>, resources: Vec<ResourceUsage>) -> Self {
        Self {
            root: root.into(),
            resources,
        }
    }

    pub(super) fn read(cursor: &mut Cursor<'_>) -> Parsed<Self> {
        cursor.space()?;
        let root = cursor.astring()?;
        cursor.space()?;
        // RFC 2087 has empty lists, where nothing is limited.
        let resources = cursor.list(|cursor| {
            let name = cursor.atom()?;
            cursor.space()?;
            let usage = cursor.number64()?;
            cursor.space()?;
            let limit = cursor.number64()?;
            Ok(ResourceUsage { name, usage, limit })
        })?;
        Ok(Self { root, resources })
    }

    pub(super) fn write(&self, to: &mut Encoder) {
        to.raw(b"QUOTA ").astring(&self.root);
        to.space().list(&self.resources, |to, resource| {
            to.word(resource.name.as_str()).space();
            to.number(resource.usage).space().number(resource.limit);
        });
    }
}

impl ResourceUsage {
    /// How much of a resource is used, and how much may be.
    pub fn new(name: Atom, usage: u64, limit: u64) -> Self {
        Self { name, usage, limit }
    }
}

impl QuotaRoot {
    /// To which quota roots a mailbox belongs.
    pub fn new(mailbox: MailboxName, roots: Vec<Octets>) -> Self {
        Self { mailbox, roots }
    }

    pub(super) fn read(cursor: &mut Cursor<'_>) -> Parsed<Self> {
        cursor.space()?;
        let mailbox = MailboxName::read(cursor)?;
        let roots = cursor.spaced(Cursor::astring)?;
        Ok(Self { mailbox, roots })
    }

    pub(super) fn write(&self, to: &mut Encoder) {
        self.mailbox.write(to.raw(b"QUOTAROOT "));
        for root in &self.roots {
            to.space().astring(root);
        }
    }
}
