//! A message on its way into an mbox: streamed into a spool, then appended under locks.

use std::io::{self, Read, Write};
use std::os::unix::fs::FileExt;
use std::path::Path;

use crate::Durability;
use crate::effects::{Effects, Step};
use crate::error::{DeliveryError, MailboxError, StepError};
use crate::limits;
use crate::mbox::encoder::{Encoder, Layout};
use crate::mbox::lock::Locked;
use crate::mbox::spool::Spool;
use crate::mbox::status::fields_of;
use crate::mbox::{Access, List, Mbox, Options};
use crate::path::parent;

/// A message that comes in. Nothing of it is in the mbox; dropping it drops the message.
#[derive(Debug)]
#[must_use]
pub struct Delivery {
    mbox: Mbox,
    options: Options,
    encoder: Encoder,
    spool: Spool,
}

impl Delivery {
    pub(super) fn new(mbox: Mbox, options: Options) -> Self {
        let encoder = Encoder::new(options.variant);
        let spool = Spool::new(mbox.effects.clone(), options.staging.clone());
        Self {
            mbox,
            options,
            encoder,
            spool,
        }
    }

    /// Ends the message. It is complete, and still not in the mbox.
    ///
    /// # Errors
    /// The spool could not take all of the message, now or in an earlier `write`.
    pub fn stage(self) -> Result<Staged, DeliveryError> {
        let Self {
            mbox,
            options,
            encoder,
            mut spool,
        } = self;
        let layout = encoder.finish(|bytes| spool.push(bytes));
        spool.finish();
        match spool.failure() {
            Some(error) => Err(error.into()),
            None => Ok(Staged {
                mbox,
                options,
                spool,
                layout,
            }),
        }
    }

    /// Ends the message and appends it: [`stage`](Self::stage) and [`publish`](Staged::publish).
    ///
    /// # Errors
    /// Those of `stage` and `publish`.
    pub fn commit(self) -> Result<Delivered, DeliveryError> {
        self.stage()?.publish()
    }
}

impl Write for Delivery {
    /// Takes all of the chunk; an error is sticky.
    fn write(&mut self, chunk: &[u8]) -> io::Result<usize> {
        let Self { encoder, spool, .. } = self;
        encoder.push(chunk, |bytes| spool.push(bytes));
        match spool.failure() {
            Some(error) => Err(error.into()),
            None => Ok(chunk.len()),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// A complete message that waits to be appended. Dropping it drops the message.
#[derive(Debug)]
#[must_use]
pub struct Staged {
    mbox: Mbox,
    options: Options,
    spool: Spool,
    layout: Layout,
}

/// Where in an mbox a message was put.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Delivered {
    /// Where its `From_` line starts.
    pub offset: u64,
    /// Bytes from there to the next `From_` line.
    pub length: u64,
}

impl Staged {
    /// Locks the mbox, appends the message, waits until it is durable, and unlocks.
    ///
    /// On an error the mbox is cut back to its old length before it is unlocked. A crash
    /// in the middle of a message larger than [`SPOOL_MEMORY`](crate::limits::SPOOL_MEMORY),
    /// which takes several writes, leaves a part of it at the end: never acknowledged, and
    /// harmless to the next message, which starts on a line of its own.
    ///
    /// # Errors
    /// The mbox is locked by others, cannot be written to, or is no mbox.
    pub fn publish(self) -> Result<Delivered, DeliveryError> {
        let Self {
            mbox,
            options,
            spool,
            layout,
        } = self;
        let Mbox { path, effects } = &mbox;
        let locked = Locked::acquire(effects, path, options.mode, &options.lock)?;
        let mut append = Append::new(effects, path, locked)?;
        let appended = append.write(&options, &spool, layout).and_then(|offset| {
            append.sync(&options)?;
            Ok(Delivered {
                offset,
                length: append.old + append.length - offset,
            })
        });
        match appended {
            Ok(delivered) => {
                append
                    .locked
                    .close(effects, path)
                    .map_err(DeliveryError::Unsynced)?;
                Ok(delivered)
            }
            Err(cause) => Err(append.roll_back(cause)),
        }
    }
}

impl Mbox {
    /// Adds messages, all or none, and lists the mbox: they are the last in the list, in their order, and have their
    /// numbers on disk when this returns.
    ///
    /// Of their [options](Options) the lock and the durability do not count.
    ///
    /// # Errors
    /// Those of [`list`](Self::list).
    pub fn add(
        &self,
        messages: impl IntoIterator<Item = Staged>,
        access: &Access,
    ) -> Result<List, MailboxError> {
        let mut append = Append::new(&self.effects, &self.path, self.lock(access)?)?;
        let added = messages
            .into_iter()
            .try_for_each(|message| {
                let written = append.write(&message.options, &message.spool, message.layout);
                written.map(drop)
            })
            .map_err(MailboxError::from)
            .and_then(|()| self.numbered(&mut append.locked, access));
        match added {
            Ok(list) => {
                append.locked.close(&self.effects, &self.path)?;
                Ok(list)
            }
            Err(error) => match append.roll_back_to_old() {
                Ok(()) => Err(error),
                Err(rollback) => Err(rollback.into()),
            },
        }
    }
}

/// A message with its `From_` line and its fields, without quotes and without a length: what
/// MMDF has between its marks.
pub(crate) fn unquoted(options: Options, content: &mut impl Read) -> io::Result<impl Read> {
    let mut delivery = Delivery::new(Mbox::new(""), options);
    io::copy(content, &mut delivery)?;
    let Staged {
        options,
        spool,
        layout,
        ..
    } = delivery.stage()?;
    let mut head = options.from.to_bytes();
    spool.read(0..layout.header, &mut head, |_| Ok(()))?;
    head.extend_from_slice(&fields_of(options.flags, &options.keywords));
    head.push(b'\n');
    let mut at = layout.header;
    let end = at + layout.body;
    let body = std::iter::from_fn(move || {
        (at < end).then(|| {
            let range = at..end.min(at + limits::WRITE_BUFFER as u64);
            at = range.end;
            let mut part = Vec::new();
            spool.read(range, &mut part, |_| Ok(()))?;
            Ok(part)
        })
    });
    Ok(Parts {
        parts: body,
        part: io::Cursor::new(head),
    })
}

/// Parts of a message, one behind the other.
struct Parts<I> {
    parts: I,
    part: io::Cursor<Vec<u8>>,
}

impl<I: Iterator<Item = Result<Vec<u8>, StepError>>> Read for Parts<I> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        loop {
            let read = self.part.read(buffer)?;
            if read > 0 || buffer.is_empty() {
                return Ok(read);
            }
            match self.parts.next() {
                Some(part) => self.part = io::Cursor::new(part?),
                None => return Ok(0),
            }
        }
    }
}

/// The time between lock and unlock.
struct Append<'a> {
    effects: &'a Effects,
    path: &'a Path,
    locked: Locked,
    /// The length of the mbox before.
    old: u64,
    /// Bytes written since.
    length: u64,
    /// A write has begun, so that an error means to cut the mbox.
    is_dirty: bool,
}

impl<'a> Append<'a> {
    fn new(effects: &'a Effects, path: &'a Path, locked: Locked) -> Result<Self, StepError> {
        let metadata = effects.run(Step::Open, path, || locked.file.metadata())?;
        Ok(Self {
            effects,
            path,
            locked,
            old: metadata.len(),
            length: 0,
            is_dirty: false,
        })
    }

    /// Writes a message and returns where its `From_` line starts.
    ///
    /// A message that was spooled in memory goes into one buffer and is written by one call.
    fn write(
        &mut self,
        options: &Options,
        spool: &Spool,
        layout: Layout,
    ) -> Result<u64, StepError> {
        let mut buffer = self.missing_lines()?.to_vec();
        let offset = self.old + self.length + buffer.len() as u64;
        buffer.extend_from_slice(&options.from.to_bytes());
        let end = layout.header + layout.body;
        let fields = fields_of(options.flags, &options.keywords);
        let header = layout.header - layout.empty_line;
        spool.read(0..header, &mut buffer, |full| self.flush(full))?;
        buffer.extend_from_slice(&fields);
        spool.read(header..layout.header, &mut buffer, |full| self.flush(full))?;
        if options.variant.has_length() {
            buffer.extend_from_slice(layout.length_field().as_bytes());
        }
        spool.read(layout.header..end, &mut buffer, |full| self.flush(full))?;
        buffer.push(b'\n');
        self.flush(&mut buffer)?;
        Ok(offset)
    }

    /// What lacks at the end of the mbox so that a message can start there: the end of its
    /// last line, and an empty line.
    fn missing_lines(&self) -> Result<&'static [u8], StepError> {
        let mut tail = [0; 4];
        let end = self.old + self.length;
        let tail = &mut tail[..end.min(4) as usize];
        let start = end - tail.len() as u64;
        let file = &self.locked.file;
        self.effects
            .run(Step::Read, self.path, || file.read_exact_at(tail, start))?;
        Ok(match tail {
            [] | [b'\n'] | [b'\r', b'\n'] => b"",
            [.., b'\n', b'\n'] | [.., b'\n', b'\r', b'\n'] => b"",
            [.., b'\n'] => b"\n",
            _ => b"\n\n",
        })
    }

    fn flush(&mut self, buffer: &mut Vec<u8>) -> Result<(), StepError> {
        self.locked.keep_alive(self.effects)?;
        let mut file = &self.locked.file;
        self.is_dirty = true;
        self.effects
            .run(Step::Write, self.path, || file.write_all(buffer))?;
        self.length += buffer.len() as u64;
        buffer.clear();
        Ok(())
    }

    fn sync(&self, options: &Options) -> Result<(), StepError> {
        let durability = options.durability;
        if durability == Durability::None {
            return Ok(());
        }
        let file = &self.locked.file;
        self.effects
            .run(Step::SyncFile, self.path, || file.sync_data())?;
        // A mailbox that was empty may be new, and whoever made it may have crashed since.
        if durability.syncs_directory() && self.old == 0 {
            self.effects.sync_directory(parent(self.path))?;
        }
        Ok(())
    }

    /// Makes the mbox as it was.
    fn roll_back(self, cause: StepError) -> DeliveryError {
        match self.roll_back_to_old() {
            Ok(()) => cause.into(),
            Err(rollback) => DeliveryError::Rollback { cause, rollback },
        }
    }

    fn roll_back_to_old(self) -> Result<(), StepError> {
        if !self.is_dirty {
            return Ok(());
        }
        let (effects, path, file) = (self.effects, self.path, &self.locked.file);
        effects.run(Step::Truncate, path, || file.set_len(self.old))?;
        effects.run(Step::SyncFile, path, || file.sync_data())
    }
}
