//! MMDF: one file, in which lines of four control-A characters stand around each message.

use std::fs::File;
use std::io::{self, Read, Write};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use memchr::memmem;

use crate::effects::{Effects, Local};
use crate::error::MailboxError;
use crate::limits;
use crate::mbox::lock::Locked;
use crate::mbox::{LockPolicy, MessagePlace};

/// Finds the messages of an MMDF file in a stream of it. Bytes outside of messages are none.
///
/// A message that the end of the file cuts is there as far as it goes. A `From_` line at the
/// start of a message, which many programs write, belongs to it.
///
/// ```
/// let mmdf = b"\x01\x01\x01\x01\nSubject: x\n\nHello.\n\x01\x01\x01\x01\n";
/// let places = mailbox_formats::mmdf::places(&mmdf[..])?;
/// assert_eq!(places[0].content, 5..24);
/// # Ok::<(), std::io::Error>(())
/// ```
///
/// # Errors
/// Those of the stream.
pub fn places(stream: impl Read) -> io::Result<Vec<MessagePlace>> {
    let mut places = Vec::new();
    scan(stream, |place| places.push(place))?;
    Ok(places)
}

/// Tells each message, and returns whether the end of the stream cut the last one.
fn scan(mut stream: impl Read, mut tell: impl FnMut(MessagePlace)) -> io::Result<bool> {
    let finder = memmem::Finder::new(MARK);
    let mut buffer = vec![0; limits::READ_BUFFER];
    // The line end before a mark is looked at as well; the file starts as if behind one.
    buffer[0] = b'\n';
    let (mut offset, mut filled) = (0_u64, 1);
    let mut open: Option<u64> = None;
    loop {
        let read = stream.read(&mut buffer[filled..])?;
        filled += read;
        let bytes = &buffer[..filled];
        let mut from = 1;
        while let Some(at) = finder.find(&bytes[from.min(filled)..]).map(|at| from + at) {
            if bytes[at - 1] != b'\n' {
                from = at + 1;
                continue;
            }
            // `offset` counts the line end that was put before the file.
            let mark = offset + at as u64 - 1;
            match open.take() {
                Some(start) => tell(place(start, mark)),
                None => open = Some(mark + MARK.len() as u64),
            }
            from = at + MARK.len();
        }
        let end = offset + filled as u64 - 1;
        if read == 0 {
            if let Some(start) = open.filter(|start| *start < end) {
                tell(place(start, end));
            }
            return Ok(open.is_some());
        }
        let kept = from
            .max((filled + 1).saturating_sub(MARK.len()))
            .min(filled)
            - 1;
        buffer.copy_within(kept..filled, 0);
        offset += kept as u64;
        filled -= kept;
    }
}

fn place(start: u64, end: u64) -> MessagePlace {
    MessagePlace {
        offset: start,
        content: start..end,
    }
}

/// Appends messages to an MMDF file, which is made if it is not there and locked until this is dropped.
///
/// The locks are those of an mbox.
#[derive(Debug)]
pub struct Writer {
    path: PathBuf,
    effects: Effects,
    locked: Locked,
    /// The file ends behind a message, as far as is known.
    whole: bool,
}

impl Writer {
    /// Opens and locks a file.
    ///
    /// # Errors
    /// The file cannot be opened, or stays locked by others.
    pub fn open(path: impl Into<PathBuf>, policy: LockPolicy) -> Result<Self, MailboxError> {
        let path = path.into();
        let effects = Effects::new(Arc::new(Local));
        let locked = Locked::acquire(&effects, &path, 0o600, &policy)?;
        Ok(Self {
            path,
            effects,
            locked,
            whole: false,
        })
    }

    /// Appends a message, with its last line ended. A line of it that would be taken for a
    /// mark gets a blank before it.
    ///
    /// A message that was cut, as by a crash, is ended first: the mark at the start of this one would
    /// be taken for the one at its end. So the first call reads the whole file.
    ///
    /// # Errors
    /// The file cannot be written, or the message not be read; the file is then cut back.
    pub fn append(&mut self, message: impl Read) -> io::Result<()> {
        self.locked.keep_alive(&self.effects)?;
        if !self.whole {
            self.end_the_last()?;
        }
        let old = self.locked.file.metadata()?.len();
        self.whole = false;
        let written = self.write(message);
        self.whole = written.is_ok() || self.locked.file.set_len(old).is_ok();
        written
    }

    /// Waits until all is on disk.
    ///
    /// # Errors
    /// The file cannot be synced.
    pub fn sync(&self) -> io::Result<()> {
        self.locked.file.sync_all()
    }

    /// Where the file is.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    fn end_the_last(&mut self) -> io::Result<()> {
        let mut file = &self.locked.file;
        let length = file.metadata()?.len();
        let mut last = [b'\n'];
        if length > 0 {
            file.read_exact_at(&mut last, length - 1)?;
        }
        // First the line, which may be a mark that lacks nothing but its end.
        if last != [b'\n'] {
            file.write_all(b"\n")?;
        }
        if scan(File::open(&self.path)?, |_| ())? {
            file.write_all(MARK)?;
        }
        self.whole = true;
        Ok(())
    }

    fn write(&self, mut message: impl Read) -> io::Result<()> {
        let mut out = io::BufWriter::with_capacity(limits::WRITE_BUFFER, &self.locked.file);
        out.write_all(MARK)?;
        let mut buffer = vec![0; limits::CONTENT_BUFFER];
        let (mut start, mut filled) = (true, 0);
        loop {
            let read = message.read(&mut buffer[filled..])?;
            filled += read;
            let mut bytes = &buffer[..filled];
            // Lines are judged by their first five bytes.
            while bytes.len() >= MARK.len() || read == 0 && !bytes.is_empty() {
                if start && bytes.starts_with(&MARK[..4]) {
                    out.write_all(b" ")?;
                }
                let line = memchr::memchr(b'\n', bytes).map(|end| end + 1);
                let (line, rest) = bytes.split_at(line.unwrap_or(bytes.len()));
                out.write_all(line)?;
                (start, bytes) = (line.ends_with(b"\n"), rest);
            }
            let rest = bytes.len();
            buffer.copy_within(filled - rest..filled, 0);
            filled = rest;
            if read == 0 {
                break;
            }
        }
        if !start {
            out.write_all(b"\n")?;
        }
        out.write_all(MARK)?;
        out.flush()
    }
}

pub(crate) const MARK: &[u8] = b"\x01\x01\x01\x01\n";

#[cfg(test)]
mod tests {
    use super::*;

    /// Gives one byte at a time.
    struct Drip<'a>(&'a [u8]);

    impl Read for Drip<'_> {
        fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
            let one = self.0.len().min(1).min(buffer.len());
            self.0.read(&mut buffer[..one])
        }
    }

    #[test]
    fn messages_are_found_in_pieces_of_any_size() {
        let table: &[(&str, &[&str])] = &[
            ("", &[]),
            ("@", &[]),
            ("@a\n@", &["a\n"]),
            ("@a\n@@b\n@", &["a\n", "b\n"]),
            ("junk\n@a\n@ and junk\n@b\n", &["a\n", "b\n"]),
            ("@a\u{1}\u{1}\u{1}\u{1}\n@", &["a\u{1}\u{1}\u{1}\u{1}\n"]),
            ("@a", &["a"]),
            ("@@@a\n@", &["", "a\n"]),
        ];
        for (text, expected) in table {
            let mmdf = text.replace('@', "\x01\x01\x01\x01\n");
            let mmdf = mmdf.as_bytes();
            let text = |place: &MessagePlace| {
                let content = &mmdf[place.content.start as usize..place.content.end as usize];
                String::from_utf8(content.to_vec()).unwrap()
            };
            let whole: Vec<String> = places(mmdf).unwrap().iter().map(text).collect();
            let drip: Vec<String> = places(Drip(mmdf)).unwrap().iter().map(text).collect();
            assert_eq!(whole, drip);
            assert_eq!(whole, *expected);
        }
    }

    #[test]
    fn what_is_written_is_found() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("mmdf");
        let messages = [
            "a\n",
            "",
            "b\n\x01\x01\x01\x01\nc",
            "\x01\x01\x01\x01",
            "\x01\x01\nx",
        ];
        let mut writer = Writer::open(&path, LockPolicy::default()).unwrap();
        for message in messages {
            writer.append(Drip(message.as_bytes())).unwrap();
        }
        let written = std::fs::read(&path).unwrap();
        let places = places(&written[..]).unwrap();
        let text = |place: &MessagePlace| {
            let content = &written[place.content.start as usize..place.content.end as usize];
            String::from_utf8(content.to_vec()).unwrap()
        };
        let read: Vec<String> = places.iter().map(text).collect();
        let expected = [
            "a\n",
            "",
            "b\n \x01\x01\x01\x01\nc\n",
            " \x01\x01\x01\x01\n",
            "\x01\x01\nx\n",
        ];
        assert_eq!(read, expected);
    }

    #[test]
    fn a_file_that_was_cut_anywhere_takes_messages() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("mmdf");
        let append = |message: &str| {
            let mut writer = Writer::open(&path, LockPolicy::default()).unwrap();
            writer.append(message.as_bytes()).unwrap();
        };
        append("one\n");
        let first = std::fs::metadata(&path).unwrap().len();
        append("two\n");
        let whole = std::fs::read(&path).unwrap();
        for length in 0..=whole.len() {
            std::fs::write(&path, &whole[..length]).unwrap();
            append("new\n");
            let written = std::fs::read(&path).unwrap();
            let places = places(&written[..]).unwrap();
            let mut found = places
                .iter()
                .map(|place| &written[place.content.start as usize..place.content.end as usize]);
            if length as u64 >= first {
                assert_eq!(found.next(), Some(&b"one\n"[..]), "cut at {length}");
            }
            assert_eq!(found.next_back(), Some(&b"new\n"[..]), "cut at {length}");
        }
    }

    #[test]
    fn two_do_not_write_at_once() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("mmdf");
        let held = Writer::open(&path, LockPolicy::default()).unwrap();
        let policy = LockPolicy::default().wait(std::time::Duration::ZERO);
        let refused = Writer::open(&path, policy).unwrap_err();
        assert_eq!(refused.fault(), crate::Fault::Busy);
        drop(held);
        Writer::open(&path, policy).unwrap();
    }
}
