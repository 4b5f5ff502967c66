//! The messages of an mbox with their numbers and flags, to be read one by one.

use std::fs::{File, Metadata, OpenOptions};
use std::io::{self, BufRead, Read};
use std::ops::Range;
use std::os::unix::fs::{FileExt, OpenOptionsExt};
use std::path::Path;
use std::sync::Arc;

use rustix::fs::OFlags;

use crate::effects::{Effects, Step};
use crate::error::{MailboxError, StepError};
use crate::line_ends::SizeCounter;
use crate::maildir::Sizes;
use crate::mbox::reader::{MessagePlace, Reader};
use crate::mbox::status::{Base, Status};
use crate::mbox::{Decoder, Detected, Postmark, Rules, Variant};
use crate::{Flags, limits};

/// The messages of an mbox, as they were when it was read.
///
/// They can be read for as long as this lives, one by one and in any order, whatever is
/// appended meanwhile, and also if the mbox is replaced.
#[derive(Clone, Debug)]
pub struct List {
    pub(super) file: Arc<File>,
    pub(super) variant: Option<Variant>,
    pub(super) base: Base,
    pub(super) messages: Vec<Listed>,
    /// The message that holds the data of the mailbox, if there is one.
    pub(super) internal: Option<Listed>,
    /// Where the first message starts, if there is one.
    pub(super) start: Option<u64>,
    /// Bytes of the file.
    pub(super) end: u64,
    /// Some number is not yet in the file.
    pub(super) is_new: bool,
}

/// A message of an mbox.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listed {
    pub(super) uid: u32,
    pub(super) place: MessagePlace,
    /// Where the header ends, behind the empty line.
    pub(super) body: u64,
    /// Where the next message starts, or the end of the file.
    pub(super) after: u64,
    pub(super) status: Status,
    /// The status is other than in the file.
    pub(super) is_changed: bool,
    line: Box<[u8]>,
    sizes: Sizes,
}

impl List {
    /// The UIDVALIDITY: as long as it stays, a number means the same message.
    #[must_use]
    pub fn validity(&self) -> u32 {
        self.base.validity
    }

    /// The number of the next new message.
    #[must_use]
    pub fn next(&self) -> u32 {
        self.base.last.saturating_add(1)
    }

    /// The messages in the order of the file, in which their numbers grow.
    #[must_use]
    pub fn messages(&self) -> &[Listed] {
        &self.messages
    }

    /// The message with a number.
    #[must_use]
    pub fn find(&self, uid: u32) -> Option<&Listed> {
        let found = self.messages.binary_search_by_key(&uid, Listed::uid);
        found.ok().map(|index| &self.messages[index])
    }

    /// Reads a message as it was before it was put into the mbox: see [`Decoder`].
    ///
    /// # Errors
    /// [`MailboxError::Changed`] if another program has moved messages inside of the file.
    pub fn read(&self, message: &Listed) -> Result<Content, MailboxError> {
        if !self.is_in_place(message).unwrap_or(false) {
            return Err(MailboxError::Changed);
        }
        let range = message.place.content.clone();
        Ok(Content::new(self.file.clone(), range, self.variant))
    }
}

impl List {
    /// Whether a message starts and ends where it did. What other programs change in place
    /// within that, are fields that are not part of the message.
    fn is_in_place(&self, message: &Listed) -> io::Result<bool> {
        let has = |at: u64, expected: &[u8]| {
            let mut found = vec![0; expected.len()];
            self.file.read_exact_at(&mut found, at)?;
            Ok(found == expected)
        };
        if !has(message.place.offset, &message.line)? {
            return Ok(false);
        }
        let next = self
            .messages
            .binary_search_by_key(&message.after, |next| next.place.offset);
        if let Ok(next) = next {
            return has(message.after, &self.messages[next].line);
        }
        // What is behind the last message has been appended since.
        let mut behind = [0; 8];
        let read = self.file.read_at(&mut behind, message.after)?;
        let behind = behind[..read].trim_ascii_start();
        Ok(behind.starts_with(b"From ") || b"From ".starts_with(behind))
    }
}

impl Listed {
    /// The number, by which the message is known for as long as the UIDVALIDITY stays.
    #[must_use]
    pub fn uid(&self) -> u32 {
        self.uid
    }

    /// Where it is in the file.
    #[must_use]
    pub fn place(&self) -> &MessagePlace {
        &self.place
    }

    /// The sizes of the message that [`List::read`] gives.
    #[must_use]
    pub fn sizes(&self) -> Sizes {
        self.sizes
    }

    /// Its flags.
    #[must_use]
    pub fn flags(&self) -> Flags {
        self.status.flags
    }

    /// Its keywords.
    #[must_use]
    pub fn keywords(&self) -> &[Vec<u8>] {
        &self.status.keywords
    }

    /// What its `From_` line tells.
    #[must_use]
    pub fn postmark(&self) -> Postmark<'_> {
        Postmark::parse(&self.line).expect("a separator begins with `From `")
    }
}

/// A message that is read from an mbox, decoded.
#[derive(Debug)]
pub struct Content {
    file: Arc<File>,
    at: u64,
    end: u64,
    /// Gone when the message is over.
    decoder: Option<Decoder>,
    read: Vec<u8>,
    decoded: Vec<u8>,
    given: usize,
}

impl Content {
    pub(crate) fn new(file: Arc<File>, range: Range<u64>, variant: Option<Variant>) -> Self {
        let decoder = Some(Decoder::new(variant));
        Self {
            decoder,
            ..Self::stored(file, range)
        }
    }

    /// A part of a file as it is.
    pub(crate) fn stored(file: Arc<File>, range: Range<u64>) -> Self {
        Self {
            file,
            at: range.start,
            end: range.end,
            decoder: Some(Decoder::nothing()),
            read: vec![0; limits::CONTENT_BUFFER],
            decoded: Vec::new(),
            given: 0,
        }
    }
}

impl Read for Content {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let mut available = self.fill_buf()?;
        let read = available.read(buffer)?;
        self.consume(read);
        Ok(read)
    }
}

impl BufRead for Content {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        while self.given == self.decoded.len() {
            let Some(mut decoder) = self.decoder.take() else {
                break;
            };
            (self.given, self.decoded) = (0, std::mem::take(&mut self.decoded));
            self.decoded.clear();
            let decoded = &mut self.decoded;
            let room = (self.end - self.at).min(self.read.len() as u64) as usize;
            let read = self.file.read_at(&mut self.read[..room], self.at);
            match read {
                Ok(0) => decoder.finish(|bytes| decoded.extend_from_slice(bytes)),
                Ok(read) => {
                    self.at += read as u64;
                    decoder.push(&self.read[..read], |bytes| decoded.extend_from_slice(bytes));
                    self.decoder = Some(decoder);
                }
                Err(error) => {
                    self.decoder = Some(decoder);
                    return Err(error);
                }
            }
        }
        Ok(&self.decoded[self.given..])
    }

    fn consume(&mut self, count: usize) {
        self.given += count;
    }
}

/// Reads all of an mbox, which nobody may change meanwhile.
pub(super) fn list(
    effects: &Effects,
    path: &Path,
    known: Option<(Rules, Option<Variant>)>,
    numbers: Option<(u32, u32)>,
) -> Result<List, MailboxError> {
    let (file, metadata) = open(effects, path)?;
    let (rules, variant) = match known {
        Some(known) => known,
        None => {
            let mut sample = Vec::new();
            let start = (&file).take(limits::SAMPLE as u64);
            effects.run(Step::Read, path, || {
                let mut start = start;
                start.read_to_end(&mut sample)
            })?;
            let detected = Detected::from_sample(&sample);
            (detected.rules(), detected.variant())
        }
    };
    let mut list = List {
        file: Arc::new(file),
        variant,
        base: Base::default(),
        messages: Vec::new(),
        internal: None,
        start: None,
        end: metadata.len(),
        is_new: false,
    };
    effects.run(Step::Read, path, || list.scan(rules))?;
    list.number(effects, numbers)
        .ok_or_else(|| MailboxError::NoNumber(path.to_owned()))?;
    Ok(list)
}

impl List {
    fn scan(&mut self, rules: Rules) -> io::Result<()> {
        let file = self.file.clone();
        let mut reader = Reader::new(FileAt(&file, 0), rules);
        let mut header = Vec::new();
        while let Some(mut message) = reader.next_message()? {
            self.start.get_or_insert_with(|| message.offset());
            let offset = message.offset();
            let line: Box<[u8]> = message.postmark().line().into();
            let start = message.position();
            let mut decoder = Decoder::new(self.variant);
            let mut size = SizeCounter::default();
            header.clear();
            let mut body = None;
            loop {
                let chunk = message.fill_buf()?;
                if chunk.is_empty() {
                    break;
                }
                if body.is_none() {
                    body = take_header(&mut header, chunk).map(|length| start + length);
                }
                decoder.push(chunk, |bytes| size.push(bytes));
                let length = chunk.len();
                message.consume(length);
            }
            decoder.finish(|bytes| size.push(bytes));
            let end = message.position();
            // A header without an end is all of the message, unless it is too long for one.
            let body = body.unwrap_or(match header.len() as u64 > limits::HEADER {
                true => start,
                false => end,
            });
            header.truncate((body - start) as usize);
            let listed = Listed {
                uid: 0,
                place: MessagePlace {
                    offset,
                    content: start..end,
                },
                body,
                after: self.end,
                status: Status::parse(&header),
                is_changed: false,
                line,
                sizes: Sizes {
                    stored: Some(size.stored()),
                    wire: Some(size.wire()),
                },
            };
            if let Some(before) = self.messages.last_mut().or(self.internal.as_mut()) {
                before.after = offset;
            }
            match listed.status.is_internal && offset == 0 {
                true => self.internal = Some(listed),
                false => self.messages.push(listed),
            }
        }
        Ok(())
    }

    /// Takes the numbers that can be believed, and gives numbers to the rest.
    fn number(&mut self, effects: &Effects, numbers: Option<(u32, u32)>) -> Option<()> {
        let holder = self.internal.as_ref().or_else(|| self.messages.first());
        let base = holder.and_then(|message| message.status.base.clone());
        let has_base = base.is_some();
        let believed = base.as_ref().map_or(0, |base| base.last);
        self.base = base.unwrap_or_else(|| {
            let (validity, last) = numbers.unwrap_or_else(|| (seconds(effects), 0));
            Base {
                validity: validity.max(1),
                last,
                ..Base::default()
            }
        });
        let mut last = 0;
        for message in &mut self.messages {
            // A number that has not been given yet is a stranger's.
            // Numbers only grow, so behind a new message none of the old ones counts.
            let told = message
                .status
                .uid
                .filter(|uid| (last + 1..=believed).contains(uid));
            message.uid = match told {
                Some(uid) => uid,
                None => {
                    self.base.last = self.base.last.checked_add(1)?;
                    self.base.last
                }
            };
            last = message.uid;
            message.is_changed = message.status.uid != Some(message.uid);
            message.status.uid = Some(message.uid);
            self.is_new |= message.is_changed;
        }
        self.is_new |= !has_base && !self.messages.is_empty();
        self.settle_base();
        Some(())
    }

    /// Puts the base where it belongs: into the internal message, else into the first.
    pub(super) fn settle_base(&mut self) {
        let mut base = Some(self.base.clone());
        for message in self.internal.iter_mut().chain(&mut self.messages) {
            let base = base.take();
            if message.status.base != base {
                message.status.base = base;
                message.is_changed = true;
            }
        }
    }
}

/// Gathers a header; once it is over, says how long it is with the empty line at its end.
fn take_header(header: &mut Vec<u8>, chunk: &[u8]) -> Option<u64> {
    if header.len() as u64 > limits::HEADER {
        return None;
    }
    // The empty line may start in what was gathered before.
    let from = header.len().saturating_sub(3);
    header.extend_from_slice(chunk);
    let mut at = from;
    while let Some(end) = memchr::memchr(b'\n', &header[at..]).map(|end| at + end + 1) {
        let line = &header[..end];
        let line = line.strip_suffix(b"\r\n").unwrap_or(&line[..end - 1]);
        if line.is_empty() || line.ends_with(b"\n") {
            return Some(end as u64);
        }
        at = end;
    }
    None
}

fn open(effects: &Effects, path: &Path) -> Result<(File, Metadata), StepError> {
    effects.run(Step::Open, path, || {
        let flags = (OFlags::NOFOLLOW | OFlags::NONBLOCK).bits() as i32;
        let mut options = OpenOptions::new();
        let file = options.read(true).custom_flags(flags).open(path)?;
        let metadata = file.metadata()?;
        Ok((file, metadata))
    })
}

/// Reads a file from a place of its own.
pub(super) struct FileAt<'a>(pub(super) &'a File, pub(super) u64);

impl Read for FileAt<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.0.read_at(buffer, self.1)?;
        self.1 += read as u64;
        Ok(read)
    }
}

/// The time as a UIDVALIDITY.
pub(super) fn seconds(effects: &Effects) -> u32 {
    let now = effects.system().now();
    let since = now
        .duration_since(std::time::UNIX_EPOCH)
        .unwrap_or_default();
    u32::try_from(since.as_secs()).unwrap_or(u32::MAX)
}
