//! Where the messages of an mbox are, remembered from one time to the next.

use std::fs::{File, Metadata};
use std::hash::Hasher;
use std::io;
use std::os::unix::fs::{FileExt, MetadataExt};

use siphasher::sip::SipHasher13;

use crate::limits;
use crate::mbox::list::FileAt;
use crate::mbox::reader::{MessagePlace, Reader};
use crate::mbox::{Event, Rules};

/// The places of all messages of an mbox.
///
/// An archive that has only grown is not read again: it is taken up at the last message that
/// is known. Anything else than growth is noticed, by the identity of the file, its time and
/// size, and hashes of separators, and the file is read anew.
///
/// ```
/// use mailbox_formats::mbox::{Index, Rules, Update};
/// use std::fs::{File, OpenOptions};
/// use std::io::Write;
///
/// # fn main() -> std::io::Result<()> {
/// # let directory = tempfile::tempdir()?;
/// let path = directory.path().join("archive");
/// std::fs::write(&path, "From a@b Thu Jan  1 00:00:00 1970\nSubject: x\n\nHello.\n\n")?;
/// let index = Index::build(&File::open(&path)?, Rules::STRICT)?;
/// let saved = index.to_bytes();
///
/// let mut file = OpenOptions::new().append(true).open(&path)?;
/// file.write_all(b"From a@b Thu Jan  1 00:00:01 1970\nSubject: y\n\nHello again.\n\n")?;
/// let mut index = Index::parse(&saved).expect("saved by the same version");
/// assert_eq!(index.update(&File::open(&path)?)?, Update::Grown);
/// assert_eq!(index.messages()[1].offset, 54);
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Index {
    rules: Rules,
    file: Identity,
    messages: Vec<MessagePlace>,
    /// Of the separators that are looked at again: see [`Index::samples`].
    hash: u64,
    /// The last line of the file had no end, so it may go on.
    is_torn: bool,
}

/// What an update has found.
///
/// The list is complete: a file is the same, longer, or another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Update {
    /// The file is as it was.
    Unchanged,
    /// Something was appended, and nothing else.
    Grown,
    /// The file is another one, or was changed in the middle: all was read anew.
    Rebuilt,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Identity {
    device: u64,
    inode: u64,
    size: u64,
    /// Nanoseconds since 1970.
    modified: u64,
}

impl Index {
    /// Reads all of a file.
    ///
    /// # Errors
    /// The file cannot be read.
    pub fn build(file: &File, rules: Rules) -> io::Result<Self> {
        let mut index = Self {
            rules,
            file: Identity::of(&file.metadata()?),
            messages: Vec::new(),
            hash: 0,
            is_torn: false,
        };
        index.scan(file, 0)?;
        Ok(index)
    }

    /// Brings the index up to date with its file, or with the one that has taken its place.
    ///
    /// A change within the same tick of the clock that the size does not show goes unseen;
    /// whoever cannot have that locks the mbox meanwhile.
    ///
    /// # Errors
    /// The file cannot be read.
    pub fn update(&mut self, file: &File) -> io::Result<Update> {
        let now = Identity::of(&file.metadata()?);
        if now == self.file {
            return Ok(Update::Unchanged);
        }
        if !self.has_only_grown(file, now)? {
            *self = Self::build(file, self.rules)?;
            return Ok(Update::Rebuilt);
        }
        self.file = now;
        // The last message may have been cut, or have got its end just now.
        let last = self.messages.pop().map_or(0, |last| last.offset);
        self.scan(file, last)?;
        Ok(Update::Grown)
    }

    /// The messages in the order of the file.
    #[must_use]
    pub fn messages(&self) -> &[MessagePlace] {
        &self.messages
    }

    /// How the file is read.
    pub fn rules(&self) -> Rules {
        self.rules
    }

    /// The index as it is saved.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        let Identity {
            device,
            inode,
            size,
            modified,
        } = self.file;
        let rules = self.rules.to_bits();
        let head = [
            device,
            inode,
            size,
            modified,
            self.hash,
            rules,
            u64::from(self.is_torn),
        ];
        let places = self
            .messages
            .iter()
            .flat_map(|place| [place.offset, place.content.start, place.content.end]);
        let mut bytes = MAGIC.to_vec();
        for number in head.into_iter().chain(places) {
            bytes.extend_from_slice(&number.to_le_bytes());
        }
        let hash = hash(&bytes);
        bytes.extend_from_slice(&hash.to_le_bytes());
        bytes
    }

    /// Reads a saved index; `None` if it is damaged, or of another version of this crate that
    /// would have found other messages.
    #[must_use]
    pub fn parse(bytes: &[u8]) -> Option<Self> {
        let (content, sum) = bytes.split_last_chunk::<8>()?;
        if hash(content) != u64::from_le_bytes(*sum) {
            return None;
        }
        let numbers = content.strip_prefix(MAGIC)?.chunks_exact(8);
        if !numbers.remainder().is_empty() {
            return None;
        }
        let mut numbers = numbers
            .map(|number| u64::from_le_bytes(number.try_into().expect("a chunk has eight bytes")));
        let mut next = || numbers.next();
        let file = Identity {
            device: next()?,
            inode: next()?,
            size: next()?,
            modified: next()?,
        };
        let (hash, rules, is_torn) = (next()?, Rules::from_bits(next()?)?, next()? != 0);
        let mut messages: Vec<MessagePlace> = Vec::new();
        while let Some(offset) = next() {
            let content = next()?..next()?;
            let before = messages.last().map_or(0, |last| last.content.end);
            let is_legal = before <= offset
                && offset < content.start
                && content.start <= content.end
                && content.end <= file.size;
            if !is_legal {
                return None;
            }
            messages.push(MessagePlace { offset, content });
        }
        Some(Self {
            rules,
            file,
            messages,
            hash,
            is_torn,
        })
    }

    fn scan(&mut self, file: &File, from: u64) -> io::Result<()> {
        let mut reader = Reader::resume(FileAt(file, from), self.rules, from);
        let mut start = None;
        while let Some(event) = reader.next_event()? {
            match event {
                Event::Start { offset, content } => start = Some((offset, content)),
                Event::End(end) => {
                    let (offset, content) = start.expect("a message ends that has started");
                    let content = content..end;
                    self.messages.push(MessagePlace { offset, content });
                }
                _ => {}
            }
        }
        let mut last = [b'\n'];
        if self.file.size > 0 {
            // Somebody may be cutting the file; then it is rebuilt the next time.
            let _ = file.read_at(&mut last, self.file.size - 1)?;
        }
        self.is_torn = last != [b'\n'];
        self.hash = self.samples(file)?;
        Ok(())
    }

    fn has_only_grown(&self, file: &File, now: Identity) -> io::Result<bool> {
        let old = self.file;
        let is_longer = (now.device, now.inode) == (old.device, old.inode) && now.size > old.size;
        if !is_longer || self.messages.is_empty() || self.samples(file)? != self.hash {
            return Ok(false);
        }
        let mut behind = [0; 16];
        let read = file.read_at(&mut behind, old.size)?;
        let behind = behind[..read].trim_ascii_start();
        Ok(self.is_torn || behind.starts_with(b"From ") || b"From ".starts_with(behind))
    }

    /// A hash of some separators: of the last one, and of others all over the file.
    fn samples(&self, file: &File) -> io::Result<u64> {
        let mut hasher = SipHasher13::new();
        let step = self.messages.len().div_ceil(limits::INDEX_SAMPLES).max(1);
        for place in self.messages.iter().rev().step_by(step) {
            let mut line = vec![0; (place.content.start - place.offset) as usize];
            let read = file.read_at(&mut line, place.offset)?;
            hasher.write(&line[..read]);
        }
        Ok(hasher.finish())
    }
}

impl Identity {
    fn of(metadata: &Metadata) -> Self {
        let nanos = metadata.mtime().unsigned_abs().wrapping_mul(1_000_000_000);
        Self {
            device: metadata.dev(),
            inode: metadata.ino(),
            size: metadata.len(),
            modified: nanos.wrapping_add(metadata.mtime_nsec().unsigned_abs()),
        }
    }
}

fn hash(bytes: &[u8]) -> u64 {
    let mut hasher = SipHasher13::new();
    hasher.write(bytes);
    hasher.finish()
}

/// The number is the version of what finds messages: when it finds others, that changes.
const MAGIC: &[u8] = b"mbox index 1\n";

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs::OpenOptions;
    use std::io::Write;

    const FROM: &str = "From a@b  Thu Jan  1 00:00:00 1970\n";

    fn messages(index: &Index, file: &File) -> Vec<String> {
        let content = |place: &MessagePlace| {
            let mut content = vec![0; place.length() as usize];
            file.read_exact_at(&mut content, place.content.start)
                .unwrap();
            String::from_utf8(content).unwrap()
        };
        index.messages().iter().map(content).collect()
    }

    /// After each change the index is the one of a new reading, saved in between or not.
    #[test]
    fn what_happens_to_a_file_is_noticed() {
        type Change = fn(&str) -> String;
        let steps: [(&str, Change, Update); 6] = [
            ("nothing", str::to_owned, Update::Unchanged),
            (
                "a message",
                |text| format!("{text}{FROM}two\n\n"),
                Update::Grown,
            ),
            (
                "half a message",
                |text| format!("{text}{FROM}thr"),
                Update::Grown,
            ),
            (
                "its other half",
                |text| format!("{text}ee\n\n"),
                Update::Grown,
            ),
            (
                "no separator",
                |text| format!("{text}more\n"),
                Update::Rebuilt,
            ),
            (
                "a change",
                |text| text.replace("one", "many") + FROM,
                Update::Rebuilt,
            ),
        ];
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("mbox");
        let mut text = format!("{FROM}one\n\n");
        std::fs::write(&path, &text).unwrap();
        let file = File::open(&path).unwrap();
        let mut index = Index::build(&file, Rules::STRICT).unwrap();
        for (name, change, expected) in steps {
            text = change(&text);
            if expected != Update::Unchanged {
                let mut file = OpenOptions::new().write(true).open(&path).unwrap();
                file.write_all(text.as_bytes()).unwrap();
                file.set_len(text.len() as u64).unwrap();
            }
            index = Index::parse(&index.to_bytes()).unwrap();
            assert_eq!(index.update(&file).unwrap(), expected, "{name}");
            let anew = Index::build(&file, Rules::STRICT).unwrap();
            assert_eq!(messages(&index, &file), messages(&anew, &file), "{name}");
            assert_eq!(index, anew, "{name}");
        }
        std::fs::remove_file(&path).unwrap();
        std::fs::write(&path, &text).unwrap();
        let file = File::open(&path).unwrap();
        assert_eq!(index.update(&file).unwrap(), Update::Rebuilt);
    }

    #[test]
    fn a_damaged_index_is_none() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("mbox");
        std::fs::write(&path, format!("{FROM}one\n\n{FROM}two\n\n")).unwrap();
        let index = Index::build(&File::open(&path).unwrap(), Rules::STRICT).unwrap();
        let bytes = index.to_bytes();
        assert_eq!(Index::parse(&bytes), Some(index));
        for at in 0..bytes.len() {
            let mut damaged = bytes.clone();
            damaged[at] ^= 1;
            assert_eq!(Index::parse(&damaged), None);
            assert_eq!(Index::parse(&bytes[..at]), None);
        }
    }
}
