//! What was found in messages, for those who ask again.

use std::collections::HashMap;
use std::num::NonZeroU32;
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use imap_proto::NumberSet;
use imap_proto::response::Envelope;
use tokio::task::spawn_blocking;

use super::envelope_file::EnvelopeFile;
use crate::limits::RECALLED_OCTETS;

/// What was found in the messages of a folder. All folders of a store share the room for it, and
/// what nobody has asked for in a while is forgotten.
///
/// It is in memory, and may be in a file besides: what a message says never changes, so nothing in here can be wrong,
/// and what is lost is found again.
///
/// ```
/// use std::num::NonZeroU32;
/// use std::sync::Arc;
///
/// use imap_proto::response::Envelope;
/// use mail_server::store::Recall;
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let directory = tempfile::tempdir()?;
/// let path = directory.path().join("mailwire-envelopes");
/// let (uid_validity, message) = (NonZeroU32::MIN, (NonZeroU32::MIN, 1234));
/// let folder = Recall::new().of_folder(&path, uid_validity);
/// assert_eq!(folder.envelopes(&[message]).await, [None]);
/// folder.keep(&[(message, Arc::new(Envelope::default()), 0)]);
///
/// let later = Recall::new().of_folder(&path, uid_validity);
/// assert!(later.envelopes(&[message]).await[0].is_some());
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Clone)]
pub struct Recall {
    found: Arc<Mutex<Found>>,
    folder: u64,
    file: Option<Arc<Mutex<EnvelopeFile>>>,
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
            file: None,
        }
    }

    /// For another folder, or for one whose UIDs mean other messages now.
    #[must_use]
    pub fn another(&self) -> Self {
        Self {
            found: Arc::clone(&self.found),
            folder: another(),
            file: None,
        }
    }

    /// The same for a folder whose UIDs mean something as long as this is its UIDVALIDITY, and of which it is kept in a
    /// file too. The file is ours alone. One that is damaged, or of another UIDVALIDITY, is written anew.
    #[must_use]
    pub fn of_folder(&self, file: &Path, uid_validity: NonZeroU32) -> Self {
        let file = EnvelopeFile::new(file.to_owned(), uid_validity);
        Self {
            file: Some(Arc::new(Mutex::new(file))),
            ..self.another()
        }
    }

    /// What is known of messages with these UIDs and sizes, in their order.
    pub async fn envelopes(&self, messages: &[(NonZeroU32, u64)]) -> Vec<Option<Arc<Envelope>>> {
        let mut known: Vec<_> = {
            let mut found = lock(&self.found);
            let uids = messages.iter().map(|(uid, _)| *uid);
            uids.map(|uid| found.find((self.folder, uid))).collect()
        };
        let unknown = messages.iter().zip(&known);
        let unknown = unknown.filter(|(_, known)| known.is_none());
        let unknown: Vec<_> = unknown.map(|(message, _)| *message).collect();
        if let (Some(file), false) = (self.file.clone(), unknown.is_empty()) {
            let this = self.clone();
            let read = spawn_blocking(move || this.read(&file, &unknown)).await;
            let mut read = read.unwrap_or_default().into_iter();
            let gaps = known.iter_mut().filter(|known| known.is_none());
            gaps.for_each(|gap| *gap = read.next().flatten());
        }
        known
    }

    /// What a file tells of messages, which is in memory from now on.
    fn read(
        &self,
        file: &Mutex<EnvelopeFile>,
        messages: &[(NonZeroU32, u64)],
    ) -> Vec<Option<Arc<Envelope>>> {
        let read = lock(file).read(messages);
        let mut found = lock(&self.found);
        let read = read.into_iter().zip(messages);
        let envelopes = read.map(|(read, (uid, _))| {
            let (envelope, octets) = read?;
            let envelope = Arc::new(envelope);
            found.insert((self.folder, *uid), Arc::clone(&envelope), octets);
            Some(envelope)
        });
        envelopes.collect()
    }

    /// Keeps what was found: of messages with these UIDs and sizes their envelopes, each with about the octets that its
    /// texts take. Blocks.
    pub fn keep(&self, envelopes: &[((NonZeroU32, u64), Arc<Envelope>, usize)]) {
        {
            let mut found = lock(&self.found);
            for ((uid, _), envelope, octets) in envelopes {
                found.insert((self.folder, *uid), Arc::clone(envelope), *octets);
            }
        }
        if let Some(file) = &self.file {
            let envelopes = envelopes.iter();
            let envelopes = envelopes.map(|((uid, size), envelope, _)| (*uid, *size, &**envelope));
            // What is not in the file is found again.
            let _ = lock(file).add(envelopes);
        }
    }

    /// Whether a folder with so many messages should [sort out](Self::retain) what it keeps.
    pub(super) fn has_outgrown(&self, messages: usize) -> bool {
        let file = self.file.as_ref();
        // Whoever is at it now does so without being asked.
        let file = file.and_then(|file| file.try_lock().ok());
        file.is_some_and(|file| file.has_outgrown(messages))
    }

    /// Forgets what is on disk of other messages than these. Blocks.
    pub(super) fn retain(&self, there: &NumberSet) {
        if let Some(file) = &self.file {
            // A file that is too long is no harm.
            let _ = lock(file).keep(there);
        }
    }
}

/// Nothing in here is left half done by a panic.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
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
        self.put(key, Arc::clone(&envelope), octets);
        Some(envelope)
    }

    /// Keeps an envelope with so many octets of texts.
    fn insert(&mut self, key: Key, envelope: Arc<Envelope>, octets: usize) {
        self.put(key, envelope, octets + OVERHEAD);
    }

    fn put(&mut self, key: Key, envelope: Arc<Envelope>, octets: usize) {
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
        let message = |number, subject| ((uid(number), 1), envelope(subject), 0);
        recall.keep(&[message(1, "kept"), message(2, "lost")]);
        let knows = |recall: &Recall, number| {
            let mut found = lock(&recall.found);
            found.find((recall.folder, uid(number))).is_some()
        };
        assert!(knows(&recall, 2) && !knows(&other, 1));
        let many = 3 * RECALLED_OCTETS / OVERHEAD / 2;
        for number in 3..u32::try_from(many).expect("not so many") {
            recall.keep(&[message(number, "x")]);
            assert!(knows(&recall, 1), "{number}");
        }
        assert!(!knows(&recall, 2));
        let found = lock(&recall.found);
        assert!(found.young.len() + found.old.len() <= many);
    }
}
