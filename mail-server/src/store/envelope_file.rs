//! Envelopes on disk: a file of ours for each folder, so that a client that asks for all of them after a restart need
//! not wait until every message was looked into.
//!
//! `mailwire-envelopes` begins with a line that tells its version and the folder's UIDVALIDITY. Then come
//! [records](super::envelope_record), one behind the other, in any order.
//!
//! Nothing depends on it: it is not synced to the disk, records are checked as they are read, what is not as it should
//! be is as if it were not there, and what stands behind a record that was cut off is cut off too. The file only grows,
//! until most of it is of messages that are gone; then it is written anew.

use std::collections::HashMap;
use std::fs::{File, OpenOptions};
use std::io::{self, BufReader, Read, Seek, SeekFrom, Write};
use std::num::NonZeroU32;
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::PathBuf;

use imap_proto::NumberSet;
use imap_proto::response::Envelope;
use rustix::fs::OFlags;

use super::envelope_record::{self, Head};
use super::replace::replace;
use crate::limits::{ENVELOPE_FILE, ENVELOPES_GONE};

/// What the file is called.
pub(super) const NAME: &str = "mailwire-envelopes";

/// The file of a folder, as long as UIDs mean the same. All of it blocks.
#[derive(Debug)]
pub(super) struct EnvelopeFile {
    path: PathBuf,
    uid_validity: NonZeroU32,
    /// `None` before it was looked at.
    index: Option<Index>,
}

/// Where the records of a file are.
#[derive(Debug)]
struct Index {
    /// Which file it is.
    file: (u64, u64),
    /// Where the last record of each message begins.
    places: HashMap<NonZeroU32, u64>,
    /// How many records there are.
    records: usize,
    /// Where the last one ends; 0 in a file that is none of ours.
    end: u64,
}

impl EnvelopeFile {
    pub(super) fn new(path: PathBuf, uid_validity: NonZeroU32) -> Self {
        Self {
            path,
            uid_validity,
            index: None,
        }
    }

    /// The envelopes of messages with these UIDs and sizes, as far as they are known, each with the octets that it
    /// takes.
    pub(super) fn read(
        &mut self,
        messages: &[(NonZeroU32, u64)],
    ) -> Vec<Option<(Envelope, usize)>> {
        let uid_validity = self.uid_validity;
        let opened = options().open(&self.path);
        let opened = opened.and_then(|file| Ok((self.look_at(&file)?, file)));
        let Ok((index, file)) = opened else {
            return messages.iter().map(|_| None).collect();
        };
        let read = messages.iter().map(|(uid, size)| {
            let place = *index.places.get(uid)?;
            let record = envelope_record::read_at(&file, place, uid_validity);
            let record = record.filter(|(head, _)| head.message() == (*uid, *size));
            let envelope = record.and_then(|(_, record)| {
                let envelope = envelope_record::envelope(&record)?;
                Some((envelope, record.len()))
            });
            if envelope.is_none() {
                // So that it is written anew.
                index.places.remove(uid);
            }
            envelope
        });
        read.collect()
    }

    /// Adds envelopes of messages with these UIDs and sizes.
    ///
    /// # Errors
    ///
    /// If the file cannot be written, which is no harm.
    pub(super) fn add<'a>(
        &mut self,
        envelopes: impl Iterator<Item = (NonZeroU32, u64, &'a Envelope)>,
    ) -> io::Result<()> {
        let mut file = match options().append(true).open(&self.path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                let records = self.records(envelopes, None);
                return self.begin(records);
            }
            opened => opened?,
        };
        let index = self.look_at(&file)?;
        if index.end == 0 {
            let records = self.records(envelopes, None);
            return self.begin(records);
        }
        if file.metadata()?.len() > index.end {
            file.set_len(index.end)?;
        }
        let records = self.records(envelopes, self.index.as_ref());
        let Some(index) = &mut self.index else {
            return Ok(());
        };
        let octets: usize = records.iter().map(|(_, record)| record.len()).sum();
        if records.is_empty() || index.end + octets as u64 > ENVELOPE_FILE {
            return Ok(());
        }
        let all = records.iter().map(|(_, record)| &record[..]);
        file.write_all(&all.collect::<Vec<_>>().concat())?;
        for (uid, record) in &records {
            index.places.insert(*uid, index.end);
            index.records += 1;
            index.end += record.len() as u64;
        }
        Ok(())
    }

    /// Whether most of it is of messages that are gone, if there are so many.
    pub(super) fn has_outgrown(&self, messages: usize) -> bool {
        let records = self.index.as_ref().map_or(0, |index| index.records);
        records > messages.saturating_mul(2).saturating_add(ENVELOPES_GONE)
    }

    /// Writes it anew, for these messages alone.
    ///
    /// # Errors
    ///
    /// If that cannot be done, which is no harm.
    pub(super) fn keep(&mut self, there: &NumberSet) -> io::Result<()> {
        let uid_validity = self.uid_validity;
        let file = options().open(&self.path)?;
        let index = self.look_at(&file)?;
        let kept = index.places.iter();
        let kept = kept.filter(|(uid, _)| there.contains(**uid));
        let records = kept.filter_map(|(uid, place)| {
            let (head, record) = envelope_record::read_at(&file, *place, uid_validity)?;
            let (of, _) = head.message();
            (of == *uid).then(|| (of, record.to_vec()))
        });
        let records = records.collect();
        self.begin(records)
    }

    /// Writes it anew, of these records.
    fn begin(&mut self, records: Vec<(NonZeroU32, Vec<u8>)>) -> io::Result<()> {
        let mut content = first_line(self.uid_validity).into_bytes();
        for (_, record) in &records {
            content.extend_from_slice(record);
        }
        self.index = None;
        replace(&self.path, content)
    }

    /// Records of envelopes, but of those that are too large or that the file has.
    fn records<'a>(
        &self,
        envelopes: impl Iterator<Item = (NonZeroU32, u64, &'a Envelope)>,
        index: Option<&Index>,
    ) -> Vec<(NonZeroU32, Vec<u8>)> {
        let is_new = |uid| index.is_none_or(|index| !index.places.contains_key(&uid));
        let new = envelopes.filter(|(uid, ..)| is_new(*uid));
        let records = new.filter_map(|(uid, size, envelope)| {
            let record = envelope_record::of(self.uid_validity, (uid, size), envelope)?;
            Some((uid, record))
        });
        records.collect()
    }

    /// What is in a file that was opened, as far as that was not known.
    fn look_at(&mut self, file: &File) -> io::Result<&mut Index> {
        let found = file.metadata()?;
        let (id, length) = ((found.dev(), found.ino()), found.len());
        let known = self.index.take();
        let known = known.filter(|index| index.file == id && index.end <= length);
        let mut index = known.unwrap_or_else(|| Index::new(id));
        if index.end < length && length <= ENVELOPE_FILE {
            index.read_on(file, length, self.uid_validity)?;
        }
        Ok(self.index.insert(index))
    }
}

impl Index {
    fn new(file: (u64, u64)) -> Self {
        Self {
            file,
            places: HashMap::new(),
            records: 0,
            end: 0,
        }
    }

    /// Finds the records behind those that are known, up to the first that is none.
    fn read_on(&mut self, file: &File, length: u64, uid_validity: NonZeroU32) -> io::Result<()> {
        let mut reader = BufReader::new(file);
        reader.seek(SeekFrom::Start(self.end))?;
        if self.end == 0 {
            let expected = first_line(uid_validity);
            let mut line = vec![0; expected.len()];
            if length < line.len() as u64 {
                return Ok(());
            }
            reader.read_exact(&mut line)?;
            if line != expected.as_bytes() {
                return Ok(());
            }
            self.end = line.len() as u64;
        }
        let mut octets = [0; Head::LENGTH];
        while length - self.end >= octets.len() as u64 {
            reader.read_exact(&mut octets)?;
            let Some(head) = Head::read(&octets) else {
                break;
            };
            let end = self.end + head.record_length();
            if end > length {
                break;
            }
            let envelope = head.record_length() - octets.len() as u64;
            reader.seek_relative(i64::try_from(envelope).unwrap_or(i64::MAX))?;
            self.places.insert(head.message().0, self.end);
            self.records += 1;
            self.end = end;
        }
        Ok(())
    }
}

/// How it is opened: whatever else somebody has put there is not waited for, nor followed.
fn options() -> OpenOptions {
    let mut options = OpenOptions::new();
    let flags = (OFlags::NOFOLLOW | OFlags::NONBLOCK).bits() as i32;
    options.read(true).custom_flags(flags);
    options
}

fn first_line(uid_validity: NonZeroU32) -> String {
    format!("{NAME} 1 {uid_validity}\n")
}

#[cfg(test)]
mod tests {
    use tempfile::TempDir;

    use super::*;
    use crate::limits::ENVELOPE_OCTETS;

    fn number(number: u32) -> NonZeroU32 {
        NonZeroU32::new(number).expect("not 0")
    }

    fn envelope(subject: &str) -> Envelope {
        let mut envelope = Envelope::default();
        envelope.subject = Some(subject.into());
        envelope
    }

    fn file(folder: &TempDir) -> EnvelopeFile {
        EnvelopeFile::new(folder.path().join(NAME), number(7))
    }

    /// Adds the envelopes of these messages, which have as many octets as their UID says.
    fn add(file: &mut EnvelopeFile, uids: &[u32]) {
        let envelopes: Vec<_> = uids
            .iter()
            .map(|uid| envelope(&format!("message {uid}")))
            .collect();
        let messages = uids.iter().zip(&envelopes);
        let added = file.add(messages.map(|(uid, made)| (number(*uid), u64::from(*uid), made)));
        added.expect("there is room");
    }

    /// Which of these messages are known; each as it was.
    fn known(file: &mut EnvelopeFile, uids: &[u32]) -> Vec<u32> {
        let messages: Vec<_> = uids
            .iter()
            .map(|uid| (number(*uid), u64::from(*uid)))
            .collect();
        let read = file.read(&messages).into_iter().zip(uids);
        let read = read.filter_map(|(read, uid)| {
            assert_eq!(read?.0, envelope(&format!("message {uid}")));
            Some(*uid)
        });
        read.collect()
    }

    #[test]
    fn what_was_added_is_read_later() {
        let folder = tempfile::tempdir().expect("a folder");
        let mut one = file(&folder);
        assert!(known(&mut one, &[1]).is_empty());
        add(&mut one, &[3, 1]);
        add(&mut one, &[2, 3]);
        assert_eq!(known(&mut one, &[1, 2, 3, 4]), [1, 2, 3]);
        let mut later = file(&folder);
        assert_eq!(known(&mut later, &[4, 3, 2, 1]), [3, 2, 1]);
        // What another process adds meanwhile is found.
        add(&mut later, &[4]);
        assert_eq!(known(&mut one, &[4]), [4]);
        // What is there is not added again.
        let length = || {
            std::fs::metadata(folder.path().join(NAME))
                .expect("there")
                .len()
        };
        let before = length();
        add(&mut one, &[1, 2, 3, 4]);
        assert_eq!(length(), before);
    }

    #[test]
    fn a_message_of_another_size_is_another_one() {
        let folder = tempfile::tempdir().expect("a folder");
        let mut one = file(&folder);
        add(&mut one, &[1]);
        assert!(one.read(&[(number(1), 2)])[0].is_none());
        let again = envelope("another");
        let added = one.add([(number(1), 2, &again)].into_iter());
        added.expect("there is room");
        let read = file(&folder).read(&[(number(1), 2)]).remove(0);
        assert_eq!(read.map(|(envelope, _)| envelope), Some(again));
    }

    #[test]
    fn what_is_of_another_uid_validity_or_version_is_thrown_away() {
        for other in [
            "mailwire-envelopes 1 8\n",
            "mailwire-envelopes 2 7\n",
            "",
            "rubbish",
        ] {
            let folder = tempfile::tempdir().expect("a folder");
            add(&mut file(&folder), &[1]);
            let path = folder.path().join(NAME);
            let content = std::fs::read(&path).expect("there");
            let records = &content["mailwire-envelopes 1 7\n".len()..];
            std::fs::write(&path, [other.as_bytes(), records].concat()).expect("written");
            let mut changed = file(&folder);
            assert!(known(&mut changed, &[1]).is_empty(), "{other}");
            add(&mut changed, &[2]);
            assert_eq!(known(&mut file(&folder), &[1, 2]), [2], "{other}");
        }
    }

    #[test]
    fn a_file_that_was_cut_off_anywhere_is_mended() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join(NAME);
        add(&mut file(&folder), &[1, 2, 3]);
        let content = std::fs::read(&path).expect("there");
        for length in 0..content.len() {
            std::fs::write(&path, &content[..length]).expect("written");
            let mut cut = file(&folder);
            let left = known(&mut cut, &[1, 2, 3]);
            assert!(left.len() < 3 && [1, 2, 3].starts_with(&left), "{length}");
            add(&mut cut, &[1, 2, 3, 4]);
            assert_eq!(known(&mut cut, &[1, 2, 3, 4]), [1, 2, 3, 4], "{length}");
            assert_eq!(
                known(&mut file(&folder), &[1, 2, 3, 4]),
                [1, 2, 3, 4],
                "{length}"
            );
        }
    }

    #[test]
    fn an_octet_that_is_another_is_noticed_wherever_it_is() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join(NAME);
        add(&mut file(&folder), &[1, 2, 3]);
        let content = std::fs::read(&path).expect("there");
        for at in 0..content.len() {
            let mut changed = content.clone();
            changed[at] ^= 0x41;
            std::fs::write(&path, &changed).expect("written");
            let mut changed = file(&folder);
            assert!(known(&mut changed, &[1, 2, 3]).len() < 3, "{at}");
            add(&mut changed, &[1, 2, 3]);
            // Behind a wrong length some records may have to be found twice.
            known(&mut changed, &[1, 2, 3]);
            add(&mut changed, &[1, 2, 3]);
            assert_eq!(known(&mut file(&folder), &[1, 2, 3]), [1, 2, 3], "{at}");
        }
    }

    #[test]
    fn messages_that_are_gone_are_left_out_in_time() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join(NAME);
        let mut one = file(&folder);
        let count = u32::try_from(ENVELOPES_GONE + 10).expect("few");
        let all: Vec<u32> = (1..=count).collect();
        add(&mut one, &all);
        assert!(!one.has_outgrown(5), "nobody has looked yet");
        assert_eq!(known(&mut one, &all).len(), all.len());
        assert!(!one.has_outgrown(5) && one.has_outgrown(4));
        let before = std::fs::metadata(&path).expect("there").len();
        let there = [number(2), number(5)].into_iter().collect();
        one.keep(&there).expect("there is room");
        assert!(std::fs::metadata(&path).expect("there").len() < before / 100);
        assert_eq!(known(&mut one, &all), [2, 5]);
        assert!(!one.has_outgrown(0));
        assert_eq!(known(&mut file(&folder), &all), [2, 5]);
    }

    #[test]
    fn what_is_too_large_is_not_kept() {
        let folder = tempfile::tempdir().expect("a folder");
        let large = envelope(&"x".repeat(ENVELOPE_OCTETS as usize));
        let mut one = file(&folder);
        one.add([(number(1), 1, &large)].into_iter())
            .expect("there is room");
        assert!(one.read(&[(number(1), 1)])[0].is_none());
        // Nor is a file that somebody has made large.
        let path = folder.path().join(NAME);
        let sparse = OpenOptions::new().write(true).open(&path).expect("there");
        sparse
            .set_len(ENVELOPE_FILE + 1)
            .expect("no octet of it is written");
        assert!(known(&mut one, &[1]).is_empty());
        add(&mut one, &[1]);
        assert_eq!(known(&mut file(&folder), &[1]), [1]);
    }
}
