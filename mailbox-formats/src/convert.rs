//! Mail from one format into another, with flags, keywords, dates and senders.

use std::fs::File;
use std::io::{self, Read};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::SystemTime;

use crate::compressed;
use crate::maildir::{self, Entry, Keywords, Letters, Maildir, Place};
use crate::mbox::status::read_fields;
use crate::mbox::{
    self, Date, Detected, Dotlock, FromLine, Index, LockPolicy, Mbox, MessagePlace, Postmark,
    Rules, Variant,
};
use crate::{Durability, Flags, LineEnds, limits, mh, mmdf};

/// What is known of a message beside its bytes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Envelope {
    /// Who sent it: from the `From_` line, else from `Return-Path`.
    pub sender: Option<Vec<u8>>,
    /// When it was received: from the `From_` line, else the time of its file.
    pub received: Option<SystemTime>,
    /// Its flags.
    pub flags: Flags,
    /// Its keywords.
    pub keywords: Vec<Vec<u8>>,
}

/// A kind of mailbox.
///
/// The list is complete for this crate; a variant is only known where there is one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Format {
    /// [Maildir](crate::maildir).
    Maildir,
    /// [`mbox`], and which kind of it, if that is known.
    Mbox(Option<Variant>),
    /// [MMDF](crate::mmdf).
    Mmdf,
    /// [MH](crate::mh).
    Mh,
}

/// A mailbox of any format, to be read message by message.
///
/// ```
/// use mailbox_formats::convert::{Format, Source, Target};
/// use mailbox_formats::maildir::Maildir;
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let directory = tempfile::tempdir()?;
/// let (from, to) = (directory.path().join("a"), directory.path().join("b"));
/// std::fs::write(&from, "From a@b Thu Jan  1 00:00:00 1970\nSubject: x\nStatus: R\n\nHello.\n\n")?;
/// let source = Source::open(&from)?;
/// let mut target = Target::create(&to, Format::Maildir)?;
/// for index in 0..source.count() {
///     let (envelope, content) = source.read(index)?;
///     target.add(&envelope, content)?;
/// }
/// target.finish()?;
/// assert_eq!(Maildir::open(&to)?.list()?[0].letters().to_string(), "S");
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
pub struct Source {
    format: Format,
    messages: Messages,
}

#[derive(Debug)]
enum Messages {
    Maildir(Maildir, Box<Keywords>, Vec<Entry>),
    File(Arc<File>, Option<Variant>, Vec<MessagePlace>),
    Mh(mh::Folder, mh::Sequences, Vec<u32>),
}

impl Source {
    /// Opens a mailbox, whatever its format: a directory is a Maildir or an MH folder, a file
    /// is MMDF or an mbox, of which the kind is learnt from its start. Nothing is locked or
    /// changed. A compressed file is unpacked into a temporary one, if the feature for it is on.
    ///
    /// # Errors
    /// It cannot be read.
    pub fn open(path: impl AsRef<Path>) -> io::Result<Self> {
        let path = path.as_ref();
        if !path.is_dir() {
            let file = compressed::unpacked(path)?;
            return match sample(&file, 5)?.starts_with(mmdf::MARK) {
                true => Self::mmdf(file),
                false => {
                    let detected = Detected::from_sample(&sample(&file, limits::SAMPLE)?);
                    Self::mbox(file, detected.rules(), detected.variant())
                }
            };
        }
        match path.join("cur").is_dir() {
            true => Self::maildir(path),
            false => Self::mh(path),
        }
    }

    /// Opens an mbox whose kind is known.
    ///
    /// # Errors
    /// It cannot be read.
    pub fn open_mbox(
        path: impl AsRef<Path>,
        rules: Rules,
        variant: Option<Variant>,
    ) -> io::Result<Self> {
        Self::mbox(compressed::unpacked(path.as_ref())?, rules, variant)
    }

    /// The format, with the kind of an mbox as far as it is known.
    #[must_use]
    pub fn format(&self) -> Format {
        self.format
    }

    /// How many messages there are.
    #[must_use]
    pub fn count(&self) -> usize {
        match &self.messages {
            Messages::Maildir(_, _, entries) => entries.len(),
            Messages::File(_, _, places) => places.len(),
            Messages::Mh(_, _, numbers) => numbers.len(),
        }
    }

    /// Where a message is in its file, if it shares one with others.
    #[must_use]
    pub fn place(&self, index: usize) -> Option<&MessagePlace> {
        match &self.messages {
            Messages::File(_, _, places) => places.get(index),
            _ => None,
        }
    }

    /// Reads a message, by its index from 0 on. An error of one message says nothing about
    /// the others.
    ///
    /// # Errors
    /// It cannot be read, or is gone.
    ///
    /// # Panics
    /// There is no message of this index.
    pub fn read(&self, index: usize) -> io::Result<(Envelope, Content)> {
        match &self.messages {
            Messages::Maildir(maildir, keywords, entries) => {
                let opened = maildir.open_message(&entries[index])?;
                let mut envelope = Envelope::of_file(&opened.file)?;
                let letters = opened.entry.letters();
                envelope.flags = letters.flags();
                let is_old = opened.entry.place() == Place::Cur;
                envelope.flags.set(Flags::OLD, is_old);
                envelope.keywords = keywords.names(letters).map(<[u8]>::to_vec).collect();
                Ok((envelope, Content::File(opened.file)))
            }
            Messages::Mh(folder, sequences, numbers) => {
                let number = numbers[index];
                let file = folder.open(number)?;
                let mut envelope = Envelope::of_file(&file)?;
                envelope.flags = sequences.flags(number);
                let keywords = sequences.keywords(number);
                envelope.keywords = keywords.map(|name| name.as_bytes().to_vec()).collect();
                Ok((envelope, Content::File(file)))
            }
            Messages::File(file, variant, places) => {
                let place = &places[index];
                let line = part(file, place.offset, limits::FROM_LINE)?;
                let line = line.split_inclusive(|byte| *byte == b'\n').next();
                let postmark = line.and_then(Postmark::parse);
                let mut content = place.content.clone();
                if content.start == place.offset && postmark.is_some() {
                    // In MMDF the line is a part of the message, or missing.
                    content.start += line.map_or(0, <[u8]>::len) as u64;
                }
                let length = (content.end - content.start).min(limits::HEADER) as usize;
                let head = part(file, content.start, length)?;
                let (flags, keywords) = read_fields(header(&head));
                let sender = postmark.map(|postmark| postmark.sender().to_vec());
                let envelope = Envelope {
                    sender: sender.filter(|sender| !sender.is_empty()),
                    received: postmark.and_then(|postmark| postmark.time()),
                    flags,
                    keywords,
                };
                let content = mbox::Content::new(file.clone(), content, *variant);
                Ok((envelope, Content::Part(Box::new(content))))
            }
        }
    }

    /// Reads a message as it is stored, with quotes and fields of an mbox.
    ///
    /// # Errors
    /// It cannot be read, or is gone.
    ///
    /// # Panics
    /// There is no message of this index.
    pub fn read_stored(&self, index: usize) -> io::Result<Content> {
        match &self.messages {
            Messages::File(file, _, places) => {
                let content = mbox::Content::stored(file.clone(), places[index].content.clone());
                Ok(Content::Part(Box::new(content)))
            }
            _ => Ok(self.read(index)?.1),
        }
    }

    fn maildir(path: &Path) -> io::Result<Self> {
        let maildir = Maildir::open(path)?;
        let keywords = Box::new(maildir.keywords()?);
        let mut entries = maildir.list()?;
        entries.sort_by_cached_key(Entry::delivered);
        Ok(Self {
            format: Format::Maildir,
            messages: Messages::Maildir(maildir, keywords, entries),
        })
    }

    fn mh(path: &Path) -> io::Result<Self> {
        let folder = mh::Folder::new(path);
        let (sequences, numbers) = (folder.sequences()?, folder.messages()?);
        Ok(Self {
            format: Format::Mh,
            messages: Messages::Mh(folder, sequences, numbers),
        })
    }

    fn mmdf(file: File) -> io::Result<Self> {
        let places = mmdf::places(&file)?;
        Ok(Self {
            format: Format::Mmdf,
            messages: Messages::File(file.into(), None, places),
        })
    }

    fn mbox(file: File, rules: Rules, variant: Option<Variant>) -> io::Result<Self> {
        let places = Index::build(&file, rules)?.messages().to_vec();
        Ok(Self {
            format: Format::Mbox(variant),
            messages: Messages::File(file.into(), variant, places),
        })
    }
}

/// A message that is read from a [`Source`].
#[derive(Debug)]
pub enum Content {
    /// A file of its own.
    File(File),
    /// A part of a file.
    Part(Box<mbox::Content>),
}

impl Read for Content {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self {
            Self::File(file) => file.read(buffer),
            Self::Part(part) => part.read(buffer),
        }
    }
}

impl Envelope {
    fn of_file(file: &File) -> io::Result<Self> {
        let head = part(file, 0, limits::HEADER_START * 8)?;
        Ok(Self {
            sender: return_path(header(&head)),
            received: file.metadata()?.modified().ok(),
            ..Self::default()
        })
    }
}

/// A mailbox of any format, to which messages are added.
///
/// Messages stay byte for byte what they are, but for what the format asks for: an mbox and
/// MMDF have lines that end with LF, the last one too, and fields of their own.
/// The sender has a place in an mbox and in MMDF alone: in the others it is what the
/// message itself has in `Return-Path`.
#[derive(Debug)]
pub struct Target(Kind);

#[derive(Debug)]
enum Kind {
    Maildir(Maildir, Vec<maildir::Staged>),
    Mbox(Mbox, Variant),
    Mmdf(mmdf::Writer),
    /// With what is known of the messages that were added.
    Mh(mh::Folder, mh::Sequences),
}

/// A mailbox that is being made lies where its reader wants it, and no lock file beside it.
const LOCKS: LockPolicy = LockPolicy::new().dotlock(Dotlock::Off);

impl Target {
    /// Opens a mailbox, which is made if it is not there. An mbox of unknown variant becomes
    /// [`Mboxrd`](Variant::Mboxrd).
    ///
    /// # Errors
    /// It cannot be made.
    pub fn create(path: impl Into<PathBuf>, format: Format) -> io::Result<Self> {
        let path = path.into();
        Ok(Self(match format {
            Format::Maildir => Kind::Maildir(Maildir::create(path)?, Vec::new()),
            Format::Mbox(variant) => {
                File::options().append(true).create(true).open(&path)?;
                Kind::Mbox(Mbox::new(path), variant.unwrap_or_default())
            }
            Format::Mmdf => Kind::Mmdf(mmdf::Writer::open(path, LOCKS)?),
            Format::Mh => Kind::Mh(mh::Folder::create(path)?, mh::Sequences::default()),
        }))
    }

    /// Adds a message. It is on disk once [`finish`](Self::finish) has returned.
    ///
    /// A keyword for which the format has no place, such as the 27th of a Maildir, is left out.
    ///
    /// # Errors
    /// It cannot be read or written.
    pub fn add(&mut self, envelope: &Envelope, mut content: impl Read) -> io::Result<()> {
        let keywords = envelope.keywords.iter().map(Vec::as_slice);
        match &mut self.0 {
            Kind::Maildir(maildir, staged) => {
                let mut options = maildir::Options::default()
                    .durability(Durability::Batch)
                    .line_ends(LineEnds::Keep);
                let mut letters = Letters::NONE.with_flags(envelope.flags);
                for keyword in keywords {
                    if let Ok(letter) = maildir.keyword_letters(&[keyword]) {
                        letters = letters.with(letter);
                    }
                }
                if !letters.is_empty() || envelope.flags.contains(Flags::OLD) {
                    options = options.letters(letters);
                }
                if let Some(received) = envelope.received {
                    options = options.received(received);
                }
                let mut delivery = maildir.deliver(options)?;
                io::copy(&mut content, &mut delivery)?;
                staged.push(delivery.stage()?);
                if staged.len() >= limits::BATCH {
                    publish(staged)?;
                }
            }
            Kind::Mbox(mbox, variant) => {
                let options = mbox::Options::new(envelope.postmark())
                    .variant(*variant)
                    .durability(Durability::None)
                    .lock(LOCKS)
                    .flags(envelope.flags)
                    .keywords(keywords);
                let mut delivery = mbox.deliver(options);
                io::copy(&mut content, &mut delivery)?;
                delivery.commit()?;
            }
            Kind::Mmdf(writer) => {
                // The kind of mbox that quotes nothing, without its length.
                let options = mbox::Options::new(envelope.postmark())
                    .variant(Variant::Mboxcl2)
                    .flags(envelope.flags)
                    .keywords(keywords);
                let message = mbox::unquoted(options, &mut content)?;
                writer.append(message)?;
            }
            Kind::Mh(folder, sequences) => {
                let number = folder.append(&mut content, Durability::File)?;
                let keywords: Vec<&[u8]> = keywords.collect();
                sequences.set(number, envelope.flags, &keywords);
                if let Some(received) = envelope.received {
                    folder.open(number)?.set_modified(received)?;
                }
            }
        }
        Ok(())
    }

    /// Waits until all that was added is on disk.
    ///
    /// # Errors
    /// It cannot be written or synced.
    pub fn finish(self) -> io::Result<()> {
        match self.0 {
            Kind::Maildir(_, mut staged) => publish(&mut staged),
            Kind::Mbox(mbox, _) => File::open(mbox.path())?.sync_all(),
            Kind::Mmdf(writer) => writer.sync(),
            Kind::Mh(folder, added) => {
                folder.change_sequences(|sequences| sequences.merge(&added))?;
                File::open(folder.path())?.sync_all()
            }
        }
    }
}

impl Envelope {
    fn postmark(&self) -> FromLine {
        let received = self.received.unwrap_or_else(SystemTime::now);
        let sender = self.sender.as_deref().unwrap_or_default();
        FromLine::new(sender, Date::local(received))
    }
}

fn publish(staged: &mut Vec<maildir::Staged>) -> io::Result<()> {
    for published in maildir::publish_all(staged.drain(..)) {
        published?;
    }
    Ok(())
}

/// The start of a file.
fn sample(file: &File, length: usize) -> io::Result<Vec<u8>> {
    part(file, 0, length)
}

/// So many bytes of a file, or fewer if it ends.
fn part(file: &File, at: u64, length: usize) -> io::Result<Vec<u8>> {
    let mut bytes = vec![0; length];
    let mut filled = 0;
    while filled < length {
        match file.read_at(&mut bytes[filled..], at + filled as u64)? {
            0 => break,
            read => filled += read,
        }
    }
    bytes.truncate(filled);
    Ok(bytes)
}

/// Up to the empty line.
fn header(head: &[u8]) -> &[u8] {
    let mut at = 0;
    for line in head.split_inclusive(|byte| *byte == b'\n') {
        if matches!(line, b"\n" | b"\r\n") {
            break;
        }
        at += line.len();
    }
    &head[..at]
}

/// The address in `Return-Path` (RFC 5321 section 4.4).
fn return_path(header: &[u8]) -> Option<Vec<u8>> {
    let mut lines = header.split(|byte| *byte == b'\n');
    let value = lines.find_map(|line| {
        let (name, value) = line.split_at_checked(b"Return-Path:".len())?;
        name.eq_ignore_ascii_case(b"Return-Path:").then_some(value)
    })?;
    let value = value.trim_ascii();
    let value = value.strip_prefix(b"<").unwrap_or(value);
    let value = value.strip_suffix(b">").unwrap_or(value);
    (!value.is_empty()).then(|| value.to_vec())
}
