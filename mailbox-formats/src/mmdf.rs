//! MMDF: one file, in which lines of four control-A characters stand around each message.

use std::fs::{File, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

use memchr::memmem;

use crate::limits;
use crate::mbox::MessagePlace;

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
pub fn places(mut stream: impl Read) -> io::Result<Vec<MessagePlace>> {
    let finder = memmem::Finder::new(MARK);
    let mut places = Vec::new();
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
                Some(start) => places.push(place(start, mark)),
                None => open = Some(mark + MARK.len() as u64),
            }
            from = at + MARK.len();
        }
        let end = offset + filled as u64 - 1;
        if read == 0 {
            places.extend(
                open.filter(|start| *start < end)
                    .map(|start| place(start, end)),
            );
            return Ok(places);
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

/// Appends messages to an MMDF file, which is made if it is not there.
#[derive(Debug)]
pub struct Writer {
    path: PathBuf,
    file: File,
}

impl Writer {
    /// Opens a file. It is not locked: that is for whoever shares it.
    ///
    /// # Errors
    /// The file cannot be opened.
    pub fn open(path: impl Into<PathBuf>) -> io::Result<Self> {
        let path = path.into();
        let mut options = OpenOptions::new();
        let file = options.read(true).append(true).create(true).open(&path)?;
        Ok(Self { path, file })
    }

    /// Appends a message, with its last line ended. A line of it that would be taken for a
    /// mark gets a blank before it.
    ///
    /// # Errors
    /// The file cannot be written, or the message not be read; the file is then cut back.
    pub fn append(&mut self, message: impl Read) -> io::Result<()> {
        let old = self.file.metadata()?.len();
        self.write(old, message).inspect_err(|_| {
            // The first error is the one to tell.
            let _ = self.file.set_len(old);
        })
    }

    /// Waits until all is on disk.
    ///
    /// # Errors
    /// The file cannot be synced.
    pub fn sync(&self) -> io::Result<()> {
        self.file.sync_all()
    }

    /// Where the file is.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    fn write(&self, old: u64, mut message: impl Read) -> io::Result<()> {
        let mut out = io::BufWriter::with_capacity(limits::WRITE_BUFFER, &self.file);
        let mut last = [b'\n'];
        if old > 0 {
            self.file.read_exact_at(&mut last, old - 1)?;
        }
        if last != [b'\n'] {
            out.write_all(b"\n")?;
        }
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
        let mut writer = Writer::open(&path).unwrap();
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
}
