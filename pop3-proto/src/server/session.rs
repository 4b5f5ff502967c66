//! What a session knows: who is there, and what has become of the messages.

use mailwire::TlsInfo;
use mailwire::auth::MechanismName;

use super::Config;
use crate::Maildrop;
use crate::command::UserName;

/// The facts of a session, apart from where it stands.
#[derive(Debug, Default)]
pub(super) struct Session {
    pub(super) tls: Option<TlsInfo>,
    /// The name of USER, while PASS is expected.
    pub(super) user: Option<UserName>,
    /// The mechanisms on offer, if they are not those of the configuration.
    pub(super) own_mechanisms: Option<Box<[MechanismName]>>,
    pub(super) utf8: bool,
    /// Which of the languages is spoken.
    pub(super) language: usize,
    pub(super) maildrop: Option<Marked>,
    pub(super) errors: u32,
    pub(super) auth_failures: u32,
}

impl Session {
    /// The mechanisms on offer.
    pub(super) fn mechanisms<'a>(&'a self, config: &'a Config) -> &'a [MechanismName] {
        self.own_mechanisms.as_deref().unwrap_or(&config.mechanisms)
    }
}

/// A maildrop, and what the client has done with it.
#[derive(Debug)]
pub(super) struct Marked {
    pub(super) maildrop: Maildrop,
    marks: Vec<Mark>,
    /// Messages and octets that are not deleted.
    pub(super) count: u32,
    pub(super) octets: u64,
    /// The highest number that was retrieved, for LAST.
    pub(super) last: u32,
}

#[derive(Debug, Clone, Copy, Default)]
struct Mark {
    deleted: bool,
    retrieved: bool,
}

impl Marked {
    pub(super) fn new(maildrop: Maildrop) -> Self {
        Self {
            marks: vec![Mark::default(); maildrop.len()],
            count: maildrop.len() as u32,
            octets: maildrop.octets(),
            last: 0,
            maildrop,
        }
    }

    pub(super) fn is_deleted(&self, number: u32) -> bool {
        self.mark(number).is_some_and(|mark| mark.deleted)
    }

    /// Marks a message that is there and not deleted.
    pub(super) fn delete(&mut self, number: u32) {
        self.count -= 1;
        self.octets -= self.maildrop.size(number).unwrap_or(0);
        self.last = self.last.max(number);
        self.marks[number as usize - 1].deleted = true;
    }

    pub(super) fn retrieved(&mut self, number: u32) {
        self.last = self.last.max(number);
        self.marks[number as usize - 1].retrieved = true;
    }

    /// Forgets all deletions (RFC 1939 section 5), and what LAST would tell (RFC 1460 section 5).
    pub(super) fn reset(&mut self) {
        for mark in &mut self.marks {
            mark.deleted = false;
        }
        self.count = self.maildrop.len() as u32;
        self.octets = self.maildrop.octets();
        self.last = 0;
    }

    pub(super) fn all_deleted(&self) -> Vec<u32> {
        self.numbers(|mark| mark.deleted)
    }

    pub(super) fn all_retrieved(&self) -> Vec<u32> {
        self.numbers(|mark| mark.retrieved)
    }

    fn numbers(&self, which: impl Fn(&Mark) -> bool) -> Vec<u32> {
        let marked = (1..).zip(&self.marks).filter(|(_, mark)| which(mark));
        marked.map(|(number, _)| number).collect()
    }

    fn mark(&self, number: u32) -> Option<&Mark> {
        self.marks.get((number as usize).checked_sub(1)?)
    }
}
