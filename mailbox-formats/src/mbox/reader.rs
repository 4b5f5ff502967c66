//! Reads the messages of an mbox: from memory without a copy, or from a stream of any size.

use std::io::{self, BufRead, Read};
use std::ops::Range;

use crate::limits;
use crate::mbox::Postmark;
use crate::mbox::scanner::{Event, Input, Rules, Scanner};

/// The messages of an mbox in memory, as slices of it.
///
/// ```
/// use mailbox_formats::mbox::{Messages, Separators};
///
/// let mbox = b"From a@b Thu Jan  1 00:00:00 1970\nSubject: x\n\nHello.\n\n";
/// let message = Messages::new(mbox, Separators::STRICT.into()).next().unwrap();
/// assert_eq!(message.postmark().sender(), b"a@b");
/// assert_eq!(message.content(), b"Subject: x\n\nHello.\n");
/// ```
#[derive(Clone, Debug)]
pub struct Messages<'a> {
    mbox: &'a [u8],
    scanner: Scanner,
}

impl<'a> Messages<'a> {
    /// The messages of all of an mbox.
    #[must_use]
    pub fn new(mbox: &'a [u8], rules: Rules) -> Self {
        Self {
            mbox,
            scanner: Scanner::new(rules),
        }
    }

    /// The next event, for those who want to know of doubts as well.
    pub fn next_event(&mut self) -> Option<Event> {
        self.scanner.next(Input {
            bytes: self.mbox,
            offset: 0,
            is_last: true,
        })
    }
}

impl<'a> Iterator for Messages<'a> {
    type Item = Message<'a>;

    fn next(&mut self) -> Option<Message<'a>> {
        let mut start = None;
        loop {
            match self.next_event()? {
                Event::Start { offset, content } => start = Some((offset, content)),
                Event::End(end) => {
                    let (offset, content) = start.expect("a message ends that has started");
                    return Some(Message {
                        mbox: self.mbox,
                        place: MessagePlace {
                            offset,
                            content: content..end,
                        },
                    });
                }
                _ => {}
            }
        }
    }
}

/// Where a message is in an mbox.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MessagePlace {
    /// Where its `From_` line starts.
    pub offset: u64,
    /// The message itself, as stored.
    pub content: Range<u64>,
}

impl MessagePlace {
    /// Bytes of the message as stored.
    #[must_use]
    pub fn length(&self) -> u64 {
        self.content.end - self.content.start
    }
}

/// A message of an mbox in memory.
#[derive(Clone, Debug)]
pub struct Message<'a> {
    mbox: &'a [u8],
    place: MessagePlace,
}

impl<'a> Message<'a> {
    /// What its `From_` line tells.
    #[must_use]
    pub fn postmark(&self) -> Postmark<'a> {
        let line = &self.mbox[self.place.offset as usize..self.place.content.start as usize];
        Postmark::parse(line).expect("a separator begins with `From `")
    }

    /// The message as stored: fields of the mbox and quotes are still there.
    #[must_use]
    pub fn content(&self) -> &'a [u8] {
        &self.mbox[self.place.content.start as usize..self.place.content.end as usize]
    }

    /// Where it is.
    #[must_use]
    pub fn place(&self) -> &MessagePlace {
        &self.place
    }
}

/// Reads an mbox from a stream, of which it holds no more than a buffer.
///
/// Messages of any size are read piece by piece. After its first steps it allocates nothing.
///
/// ```
/// use mailbox_formats::mbox::{Reader, Separators};
/// use std::io::Read;
///
/// # fn main() -> std::io::Result<()> {
/// let mbox = &b"From a@b Thu Jan  1 00:00:00 1970\nSubject: x\n\nHello.\n\n"[..];
/// let mut reader = Reader::new(mbox, Separators::STRICT.into());
/// while let Some(mut message) = reader.next_message()? {
///     assert_eq!(message.postmark().sender(), b"a@b");
///     let mut content = String::new();
///     message.read_to_string(&mut content)?;
///     assert_eq!(content, "Subject: x\n\nHello.\n");
/// }
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
pub struct Reader<R> {
    inner: R,
    scanner: Scanner,
    /// Bytes of the file from `offset` on: `filled` of them.
    buffer: Vec<u8>,
    offset: u64,
    filled: usize,
    is_last: bool,
    /// What has been taken out of the open message; bytes from here on are kept for it.
    taken: u64,
    /// A message is open, and where it ends if that is known.
    open: Option<Open>,
    /// The `From_` line of the open message.
    line: Vec<u8>,
}

#[derive(Clone, Copy, Debug)]
struct Open {
    offset: u64,
    end: Option<u64>,
}

impl<R: Read> Reader<R> {
    /// A reader at the start of a file.
    pub fn new(inner: R, rules: Rules) -> Self {
        Self::on(inner, Scanner::new(rules), 0)
    }

    /// A reader that goes on in the middle of a file, at a separator.
    pub(super) fn resume(inner: R, rules: Rules, offset: u64) -> Self {
        Self::on(inner, Scanner::resume(rules, offset), offset)
    }

    fn on(inner: R, scanner: Scanner, offset: u64) -> Self {
        Self {
            inner,
            scanner,
            buffer: vec![0; limits::READ_BUFFER],
            offset,
            filled: 0,
            is_last: false,
            taken: offset,
            open: None,
            line: Vec::new(),
        }
    }

    /// The next event. Content is passed over without a copy.
    ///
    /// # Errors
    /// Those of the stream; reading can go on after [`io::ErrorKind::Interrupted`] and others
    /// that pass.
    pub fn next_event(&mut self) -> io::Result<Option<Event>> {
        self.open = None;
        loop {
            self.taken = self.taken.max(self.scanner.keep());
            if let Some(event) = self.scan() {
                return Ok(Some(event));
            }
            if self.is_last {
                return Ok(None);
            }
            self.fill()?;
        }
    }

    /// The next message. What was not read of the one before is passed over.
    ///
    /// # Errors
    /// Those of the stream.
    pub fn next_message(&mut self) -> io::Result<Option<MessageReader<'_, R>>> {
        while self.end().is_none() {
            self.taken = self.taken.max(self.scanner.settled());
            if !self.pump()? {
                break;
            }
        }
        if let Some(end) = self.open.take().and_then(|open| open.end) {
            self.taken = end;
        }
        loop {
            match self.scan() {
                Some(Event::Start { offset, content }) => {
                    let line = (offset - self.offset) as usize..(content - self.offset) as usize;
                    self.line.clear();
                    self.line.extend_from_slice(&self.buffer[line]);
                    self.taken = content;
                    self.open = Some(Open { offset, end: None });
                    return Ok(Some(MessageReader { reader: self }));
                }
                Some(_) => {}
                None if self.is_last => return Ok(None),
                None => {
                    self.taken = self.taken.max(self.scanner.settled());
                    self.fill()?;
                }
            }
        }
    }

    /// Where the open message ends, if that is known; also if no message is open.
    fn end(&self) -> Option<u64> {
        match self.open {
            Some(open) => open.end,
            None => Some(self.taken),
        }
    }

    /// Learns more about the open message; `false` at the end of the file.
    fn pump(&mut self) -> io::Result<bool> {
        match self.scan() {
            Some(Event::End(end)) => {
                let open = self.open.as_mut().expect("a message ends that has started");
                open.end = Some(end);
            }
            Some(_) => {}
            None if self.is_last => return Ok(false),
            None => self.fill()?,
        }
        Ok(true)
    }

    fn scan(&mut self) -> Option<Event> {
        self.scanner.next(Input {
            bytes: &self.buffer[..self.filled],
            offset: self.offset,
            is_last: self.is_last,
        })
    }

    /// Reads more behind what is still needed.
    fn fill(&mut self) -> io::Result<()> {
        let needed = self.scanner.keep().min(self.taken).max(self.offset);
        let start = (needed - self.offset) as usize;
        self.buffer.copy_within(start..self.filled, 0);
        self.filled -= start;
        self.offset = needed;
        if self.filled == self.buffer.len() {
            self.buffer.resize(2 * self.filled, 0);
        }
        let read = self.inner.read(&mut self.buffer[self.filled..])?;
        self.filled += read;
        self.is_last = read == 0;
        Ok(())
    }
}

/// A message that is read from a stream, as stored.
#[derive(Debug)]
pub struct MessageReader<'a, R> {
    reader: &'a mut Reader<R>,
}

impl<R: Read> MessageReader<'_, R> {
    /// What its `From_` line tells.
    #[must_use]
    pub fn postmark(&self) -> Postmark<'_> {
        Postmark::parse(&self.reader.line).expect("a separator begins with `From `")
    }

    /// Where its `From_` line starts.
    #[must_use]
    pub fn offset(&self) -> u64 {
        self.reader.open.map_or(0, |open| open.offset)
    }

    /// How far it has been read: the offset in the file of the next byte.
    #[must_use]
    pub fn position(&self) -> u64 {
        self.reader.taken
    }
}

impl<R: Read> Read for MessageReader<'_, R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let mut available = self.fill_buf()?;
        let read = available.read(buffer)?;
        self.consume(read);
        Ok(read)
    }
}

impl<R: Read> BufRead for MessageReader<'_, R> {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        let reader = &mut *self.reader;
        let settled = loop {
            let settled = match reader.end() {
                Some(end) => break end,
                None => reader.scanner.settled(),
            };
            if settled > reader.taken || !reader.pump()? {
                break settled;
            }
        };
        let settled = settled.min(reader.offset + reader.filled as u64);
        let range = (reader.taken - reader.offset) as usize..(settled - reader.offset) as usize;
        Ok(&reader.buffer[range])
    }

    fn consume(&mut self, count: usize) {
        self.reader.taken += count as u64;
    }
}
