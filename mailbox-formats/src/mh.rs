//! MH: a directory in which each message is a file with a number for a name.

use std::collections::BTreeMap;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Read};
use std::os::unix::fs::{FileExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::effects::{Effects, Local, Step, System};
use crate::error::MailboxError;
use crate::maildir::UniqueName;
use crate::mbox::LockPolicy;
use crate::mbox::lock::Locked;
use crate::{Durability, Flags, limits};

/// An MH folder.
///
/// Flags and keywords are in the file `.mh_sequences`: `unseen`, `flagged` and `replied` are
/// flags, every other sequence is a keyword. A number is taken by a name that does not exist yet; the
/// sequences are changed under the locks of an mbox, which are those of nmh and of Python's mailbox.
///
/// ```
/// use mailbox_formats::{Durability, Flags};
/// use mailbox_formats::mh::{Folder, Sequences};
///
/// # fn main() -> std::io::Result<()> {
/// # let directory = tempfile::tempdir()?;
/// let folder = Folder::create(directory.path().join("inbox"))?;
/// let number = folder.append(&b"Subject: x\n\nHello.\n"[..], Durability::default())?;
/// folder.change_sequences(|sequences| sequences.set(number, Flags::FLAGGED, &[]))?;
/// assert_eq!(folder.messages()?, [1]);
/// assert_eq!(folder.sequences()?.flags(1), Flags::FLAGGED);
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug)]
pub struct Folder {
    path: PathBuf,
}

impl Folder {
    /// The folder at a path.
    #[must_use]
    pub fn new(path: impl Into<PathBuf>) -> Self {
        Self { path: path.into() }
    }

    /// Makes a folder, unless it is there.
    ///
    /// # Errors
    /// The directory cannot be made.
    pub fn create(path: impl Into<PathBuf>) -> io::Result<Self> {
        let folder = Self::new(path);
        fs::create_dir_all(&folder.path)?;
        folder.change_sequences(|_| ())?;
        Ok(folder)
    }

    /// The numbers of all messages, ascending.
    ///
    /// # Errors
    /// The directory cannot be read.
    pub fn messages(&self) -> io::Result<Vec<u32>> {
        let mut numbers = Vec::new();
        for entry in fs::read_dir(&self.path)? {
            let entry = entry?;
            let number = entry.file_name().to_str().and_then(number);
            if let Some(number) =
                number.filter(|_| entry.file_type().is_ok_and(|kind| kind.is_file()))
            {
                numbers.push(number);
            }
        }
        numbers.sort_unstable();
        Ok(numbers)
    }

    /// Opens a message.
    ///
    /// # Errors
    /// There is no such message, or it cannot be read.
    pub fn open(&self, number: u32) -> io::Result<File> {
        File::open(self.path.join(number.to_string()))
    }

    /// Adds a message, and returns its number: the next one behind the last.
    ///
    /// Nothing of it is visible before all of it is there.
    ///
    /// # Errors
    /// The message cannot be read or written.
    pub fn append(&self, mut message: impl Read, durability: Durability) -> io::Result<u32> {
        // A name with a comma is none of a message to all programs for MH.
        let unique = UniqueName::new(Local.tick(), &Local.identity());
        let draft = self.path.join(format!(",{unique}"));
        let mut options = OpenOptions::new();
        let file = options
            .write(true)
            .create_new(true)
            .mode(0o600)
            .open(&draft)?;
        let added = self.fill_and_link(&mut message, file, &draft, durability);
        // The message has its number by now, or none at all.
        let removed = fs::remove_file(&draft);
        let number = added?;
        removed?;
        if durability.syncs_directory() {
            File::open(&self.path)?.sync_all()?;
        }
        Ok(number)
    }

    /// Which messages have which flags and keywords.
    ///
    /// # Errors
    /// The file is there and cannot be read.
    pub fn sequences(&self) -> io::Result<Sequences> {
        match fs::read(self.path.join(SEQUENCES)) {
            Ok(content) => Ok(Sequences::parse(&content)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Sequences::default()),
            Err(error) => Err(error),
        }
    }

    /// Changes which messages have which flags and keywords, as `change` does, while nobody else
    /// changes them.
    ///
    /// The file keeps its place, since other programs lock the file that they have opened. A process that is
    /// killed in between has changed all or nothing.
    ///
    /// # Errors
    /// The file cannot be read or written, or stays locked by others.
    pub fn change_sequences(
        &self,
        change: impl FnOnce(&mut Sequences),
    ) -> Result<(), MailboxError> {
        let path = self.path.join(SEQUENCES);
        let effects = Effects::new(Arc::new(Local));
        let locked = Locked::acquire(&effects, &path, 0o600, &LockPolicy::default())?;
        let mut old = Vec::new();
        effects.run(Step::Open, &path, || {
            File::open(&path)?.read_to_end(&mut old)
        })?;
        let mut sequences = Sequences::parse(&old);
        change(&mut sequences);
        let mut new = sequences.to_bytes();
        if new == old {
            return Ok(());
        }
        let length = new.len();
        // What is left of the old ones until the file is cut is empty lines.
        new.resize(length.max(old.len()), b'\n');
        effects.run(Step::Write, &path, || {
            let file = File::options().write(true).open(&path)?;
            file.write_all_at(&new, 0)?;
            file.set_len(length as u64)?;
            file.sync_all()
        })?;
        Ok(locked.close(&effects, &path)?)
    }

    /// Where the folder is.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    fn fill_and_link(
        &self,
        message: &mut impl Read,
        mut file: File,
        draft: &Path,
        durability: Durability,
    ) -> io::Result<u32> {
        io::copy(message, &mut file)?;
        if durability != Durability::None {
            file.sync_all()?;
        }
        drop(file);
        let mut number = self
            .messages()?
            .last()
            .map_or(1, |last| last.saturating_add(1));
        for _ in 0..limits::NAME_TRIES {
            match fs::hard_link(draft, self.path.join(number.to_string())) {
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => number += 1,
                other => return other.map(|()| number),
            }
        }
        Err(io::ErrorKind::AlreadyExists.into())
    }
}

/// The sequences of an MH folder: names for sets of messages.
///
/// ```
/// use mailbox_formats::Flags;
/// use mailbox_formats::mh::Sequences;
///
/// let sequences = Sequences::parse(b"unseen: 1-3 7\nreplied: 4\nwork: 2 4\n");
/// assert_eq!(sequences.flags(2), Flags::empty());
/// assert_eq!(sequences.flags(4), Flags::SEEN | Flags::OLD | Flags::ANSWERED);
/// assert_eq!(sequences.keywords(4).collect::<Vec<_>>(), ["work"]);
/// assert_eq!(sequences.to_bytes(), b"replied: 4\nunseen: 1-3 7\nwork: 2 4\n");
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Sequences(BTreeMap<String, Vec<(u32, u32)>>);

impl Sequences {
    /// Reads the file. What makes no sense is passed over.
    #[must_use]
    pub fn parse(content: &[u8]) -> Self {
        let mut sequences = Self::default();
        for line in String::from_utf8_lossy(content).lines() {
            let Some((name, members)) = line.split_once(':') else {
                continue;
            };
            if !is_name(name) {
                continue;
            }
            let ranges = members.split_ascii_whitespace().filter_map(|member| {
                let (first, last) = member.split_once('-').unwrap_or((member, member));
                let (first, last) = (number(first)?, number(last)?);
                (first <= last).then_some((first, last))
            });
            for (first, last) in ranges {
                sequences.add(name, first, last);
            }
        }
        sequences
    }

    /// The file as it is written.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut text = String::new();
        for (name, ranges) in &self.0 {
            text.push_str(name);
            text.push(':');
            for (first, last) in ranges {
                text.push_str(&match first == last {
                    true => format!(" {first}"),
                    false => format!(" {first}-{last}"),
                });
            }
            text.push('\n');
        }
        text.into_bytes()
    }

    /// The flags of a message.
    #[must_use]
    pub fn flags(&self, message: u32) -> Flags {
        let mut flags = match self.contains(UNSEEN, message) {
            true => Flags::empty(),
            false => Flags::SEEN | Flags::OLD,
        };
        for (name, flag) in FLAGS {
            flags.set(flag, self.contains(name, message));
        }
        flags
    }

    /// The keywords of a message.
    pub fn keywords(&self, message: u32) -> impl Iterator<Item = &str> {
        let is_keyword = |name: &&str| {
            *name != UNSEEN && *name != CURRENT && FLAGS.iter().all(|(flag, _)| flag != name)
        };
        let names = self.0.keys().map(String::as_str).filter(is_keyword);
        names.filter(move |name| self.contains(name, message))
    }

    /// Adds a message with its flags and keywords. A keyword that cannot be the name of a
    /// sequence is left out.
    pub fn set(&mut self, message: u32, flags: Flags, keywords: &[&[u8]]) {
        if !flags.contains(Flags::SEEN) {
            self.add(UNSEEN, message, message);
        }
        for (name, flag) in FLAGS {
            if flags.contains(flag) {
                self.add(name, message, message);
            }
        }
        for keyword in keywords {
            if let Some(name) = std::str::from_utf8(keyword)
                .ok()
                .filter(|name| is_name(name))
            {
                self.add(name, message, message);
            }
        }
    }

    /// Adds all that others have.
    pub fn merge(&mut self, others: &Self) {
        for (name, ranges) in &others.0 {
            for &(first, last) in ranges {
                self.add(name, first, last);
            }
        }
    }

    fn contains(&self, name: &str, message: u32) -> bool {
        self.0.get(name).is_some_and(|ranges| {
            ranges
                .iter()
                .any(|(first, last)| (*first..=*last).contains(&message))
        })
    }

    /// Ranges that touch become one.
    fn add(&mut self, name: &str, first: u32, last: u32) {
        let ranges = self.0.entry(name.to_owned()).or_default();
        ranges.push((first, last));
        ranges.sort_unstable();
        let mut merged: Vec<(u32, u32)> = Vec::with_capacity(ranges.len());
        for (first, last) in ranges.drain(..) {
            match merged.last_mut() {
                Some(before) if first <= before.1.saturating_add(1) => {
                    before.1 = before.1.max(last)
                }
                _ => merged.push((first, last)),
            }
        }
        *ranges = merged;
    }
}

/// The number of a message, written without a leading zero.
fn number(text: &str) -> Option<u32> {
    let is_number = text.bytes().all(|byte| byte.is_ascii_digit()) && !text.starts_with('0');
    is_number.then(|| text.parse().ok())?
}

/// nmh wants a letter first, and letters and digits behind it; more than that is read too.
fn is_name(name: &str) -> bool {
    (1..=limits::KEYWORD).contains(&name.len())
        && name
            .bytes()
            .all(|byte| byte.is_ascii_graphic() && byte != b':')
}

const SEQUENCES: &str = ".mh_sequences";
const UNSEEN: &str = "unseen";
const CURRENT: &str = "cur";
const FLAGS: [(&str, Flags); 2] = [("flagged", Flags::FLAGGED), ("replied", Flags::ANSWERED)];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sequences_are_read_as_they_are_printed() {
        for text in [
            "",
            "a: 1\n",
            "a: 1-3 5\nb:\n",
            "cur: 4\nunseen: 1-7 9-4294967295\n",
        ] {
            let sequences = Sequences::parse(text.as_bytes());
            let printed = text.replace("b:\n", "");
            assert_eq!(String::from_utf8(sequences.to_bytes()).unwrap(), printed);
        }
        let odd = "a: 3-1 x 0 01 -2 5 5 6 4294967296\n\nno colon\n: 3\n b: 1\na: 7\n";
        assert_eq!(Sequences::parse(odd.as_bytes()).to_bytes(), b"a: 5-7\n");
    }

    #[test]
    fn what_is_no_message_is_passed_over() {
        let directory = tempfile::tempdir().unwrap();
        let folder = Folder::create(directory.path().join("inbox")).unwrap();
        for name in ["3", "12", "07", ",4", "x", "5x", "99999999999"] {
            fs::write(folder.path().join(name), "x").unwrap();
        }
        fs::create_dir(folder.path().join("6")).unwrap();
        assert_eq!(folder.messages().unwrap(), [3, 12]);
        let number = folder.append(&b"new"[..], Durability::None).unwrap();
        assert_eq!(number, 13);
        let mut text = String::new();
        folder.open(13).unwrap().read_to_string(&mut text).unwrap();
        assert_eq!(text, "new");
    }

    #[test]
    fn changes_at_the_same_time_are_all_made() {
        let directory = tempfile::tempdir().unwrap();
        let folder = Folder::create(directory.path().join("inbox")).unwrap();
        std::thread::scope(|scope| {
            for thread in 0..4 {
                let folder = &folder;
                scope.spawn(move || {
                    for message in 0..25 {
                        let message = 1 + thread * 25 + message;
                        let add = |all: &mut Sequences| all.set(message, Flags::FLAGGED, &[]);
                        folder.change_sequences(add).unwrap();
                    }
                });
            }
        });
        let content = fs::read_to_string(folder.path().join(SEQUENCES)).unwrap();
        assert_eq!(content, "flagged: 1-100\nunseen: 1-100\n");
        let clear = |all: &mut Sequences| *all = Sequences::default();
        folder.change_sequences(clear).unwrap();
        assert_eq!(fs::read(folder.path().join(SEQUENCES)).unwrap(), b"");
    }
}
