//! What was found in messages, for those who ask again.

use std::collections::HashMap;
use std::num::NonZeroU32;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use imap_proto::response::Envelope;

use crate::limits::RECALLED_OCTETS;

/// What was found in the messages of a folder. All folders of a store share the room for it, and
/// what nobody has asked for in a while is forgotten.
///
/// It is in memory alone: what a message says never changes, so nothing in here can be wrong, and what is lost is
/// found again.
#[derive(Debug, Clone)]
pub struct Recall {
    found: Arc<Mutex<Found>>,
    folder: u64,
}

/// A folder as long as its UIDs mean the same, and a message in it.
type Key = (u64, NonZeroU32);

/// Two generations: what is asked for moves to the young one. Once that fills its half of the room, the old one is
/// forgotten and the young one becomes old.
#[derive(Debug, Default)]
struct Found {
    young: HashMap<Key, (Arc<Envelope>, usize)>,
    old: HashMap<Key, (Arc<Envelope>, usize)>,
    /// Octets of the young ones.
    octets: usize,
}

impl Recall {
    /// With room of its own, for one folder.
    pub fn new() -> Self {
        Self {
            found: Arc::default(),
            folder: another(),
        }
    }

    /// For another folder, or for one whose UIDs mean other messages now.
    #[must_use]
    pub fn another(&self) -> Self {
        Self {
            found: Arc::clone(&self.found),
            folder: another(),
        }
    }

    /// What is known of these messages, in their order.
    pub(crate) fn envelopes(
        &self,
        uids: impl Iterator<Item = NonZeroU32>,
    ) -> Vec<Option<Arc<Envelope>>> {
        let mut found = self.found.lock().unwrap_or_else(PoisonError::into_inner);
        uids.map(|uid| found.find((self.folder, uid))).collect()
    }

    /// Keeps what was found, each with about the octets that it takes.
    pub(crate) fn keep(
        &self,
        envelopes: impl IntoIterator<Item = (NonZeroU32, Arc<Envelope>, usize)>,
    ) {
        let mut found = self.found.lock().unwrap_or_else(PoisonError::into_inner);
        for (uid, envelope, octets) in envelopes {
            found.insert((self.folder, uid), envelope, octets + OVERHEAD);
        }
    }
}

impl Default for Recall {
    fn default() -> Self {
        Self::new()
    }
}

impl Found {
    fn find(&mut self, key: Key) -> Option<Arc<Envelope>> {
        if let Some((envelope, _)) = self.young.get(&key) {
            return Some(Arc::clone(envelope));
        }
        let (envelope, octets) = self.old.remove(&key)?;
        self.insert(key, Arc::clone(&envelope), octets);
        Some(envelope)
    }

    fn insert(&mut self, key: Key, envelope: Arc<Envelope>, octets: usize) {
        if self.octets + octets > RECALLED_OCTETS / 2 {
            self.old = std::mem::take(&mut self.young);
            self.octets = 0;
        }
        if self.young.insert(key, (envelope, octets)).is_none() {
            self.octets += octets;
        }
    }
}

fn another() -> u64 {
    static LAST: AtomicU64 = AtomicU64::new(0);
    LAST.fetch_add(1, Ordering::Relaxed)
}

/// About what an envelope takes besides its texts, with its place in the table.
const OVERHEAD: usize = 1024;

#[cfg(test)]
mod tests {
    use super::*;

    fn uid(number: u32) -> NonZeroU32 {
        NonZeroU32::new(number).expect("not 0")
    }

    fn envelope(subject: &str) -> Arc<Envelope> {
        let mut envelope = Envelope::default();
        envelope.subject = Some(subject.into());
        Arc::new(envelope)
    }

    #[test]
    fn what_is_asked_for_stays_and_the_rest_is_forgotten_in_time() {
        let recall = Recall::new();
        let other = recall.another();
        recall.keep([(uid(1), envelope("kept"), 0), (uid(2), envelope("lost"), 0)]);
        let knows =
            |recall: &Recall, number| recall.envelopes([uid(number)].into_iter())[0].is_some();
        assert!(knows(&recall, 2) && !knows(&other, 1));
        let many = 3 * RECALLED_OCTETS / OVERHEAD / 2;
        for number in 3..u32::try_from(many).expect("not so many") {
            recall.keep([(uid(number), envelope("x"), 0)]);
            assert!(knows(&recall, 1), "{number}");
        }
        assert!(!knows(&recall, 2));
        let found = recall.found.lock().expect("nobody has panicked");
        assert!(found.young.len() + found.old.len() <= many);
    }
}
