//! Limits of what a user may store (RFC 9208, RFC 2087).

use crate::encode::Encoder;
use crate::lex::{Cursor, Parsed};
use crate::string::{Atom, Octets};

/// A resource of a quota root and a number: its limit, in units of 1024 octets for `STORAGE`.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct Resource {
    /// `STORAGE`, `MESSAGE`, `MAILBOX`, `ANNOTATION-STORAGE` or another.
    pub name: Atom,
    /// How much.
    pub limit: u64,
}

impl Resource {
    /// A resource and its limit.
    pub fn new(name: Atom, limit: u64) -> Self {
        Self { name, limit }
    }
}

/// `SETQUOTA`
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct SetQuota {
    /// The quota root.
    pub root: Octets,
    /// Its limits; those that are not named are lifted.
    pub resources: Vec<Resource>,
}

impl SetQuota {
    /// Limits of a quota root.
    pub fn new(root: impl Into<Octets>, resources: Vec<Resource>) -> Self {
        Self {
            root: root.into(),
            resources,
        }
    }

    pub(super) fn read(cursor: &mut Cursor<'_>) -> Parsed<Box<Self>> {
        cursor.space()?;
        let root = cursor.astring()?;
        cursor.space()?;
        let resources = cursor.list(|cursor| {
            let name = cursor.atom()?;
            cursor.space()?;
            Ok(Resource::new(name, cursor.number64()?))
        })?;
        Ok(Box::new(Self { root, resources }))
    }

    pub(super) fn write(&self, to: &mut Encoder) {
        to.space().astring(&self.root);
        to.space().list(&self.resources, |to, resource| {
            to.word(resource.name.as_str())
                .space()
                .number(resource.limit);
        });
    }
}
