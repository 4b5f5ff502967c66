//! A new content for an mbox, and how it takes the place of the old one.

use std::fs::{File, OpenOptions};
use std::io::Write;
use std::ops::Range;
use std::os::unix::fs::{FileExt, OpenOptionsExt};
use std::path::Path;
use std::sync::Arc;

use rustix::fs::OFlags;

use crate::effects::{Effects, Step};
use crate::error::{MailboxError, StepError};
use crate::limits;
use crate::maildir::UniqueName;
use crate::mbox::list::List;
use crate::mbox::lock::Locked;
use crate::path::parent;
use crate::side_file::take_after;

/// Parts of the old content, with new headers between them.
#[derive(Debug)]
pub(super) struct Rewrite {
    file: Arc<File>,
    pieces: Vec<Piece>,
}

#[derive(Debug)]
enum Piece {
    /// A part of the old content.
    Old(Range<u64>),
    New(Vec<u8>),
}

impl Rewrite {
    pub(super) fn new(list: &List, effects: &Effects, path: &Path) -> Result<Self, StepError> {
        let mut rewrite = Self {
            file: list.file.clone(),
            pieces: Vec::new(),
        };
        rewrite.old(0..list.start.unwrap_or(list.end));
        for message in list.internal.iter().chain(&list.messages) {
            let start = message.place.offset;
            if !message.is_changed {
                rewrite.old(start..message.after);
                continue;
            }
            let header = message.place.content.start..message.body;
            rewrite.old(start..header.start);
            let mut old = vec![0; (header.end - header.start) as usize];
            effects.run(Step::Read, path, || {
                list.file.read_exact_at(&mut old, header.start)
            })?;
            rewrite.pieces.push(Piece::New(message.status.write(&old)));
            rewrite.old(header.end..message.after);
        }
        Ok(rewrite)
    }

    /// Bytes at the start that stay as they are.
    pub(super) fn kept(&self) -> u64 {
        match self.pieces.first() {
            Some(Piece::Old(Range { start: 0, end })) => *end,
            _ => 0,
        }
    }

    /// Bytes of the new content.
    pub(super) fn length(&self) -> u64 {
        let length = |piece: &Piece| match piece {
            Piece::Old(range) => range.end - range.start,
            Piece::New(bytes) => bytes.len() as u64,
        };
        self.pieces.iter().map(length).sum()
    }

    /// Writes the new content but for the first `skipped` bytes, no more than are kept.
    pub(super) fn write(
        &self,
        skipped: u64,
        effects: &Effects,
        (mut out, path): (&File, &Path),
        locked: &mut Locked,
    ) -> Result<(), StepError> {
        for (index, piece) in self.pieces.iter().enumerate() {
            match piece {
                Piece::Old(range) => {
                    let skipped = if index == 0 { skipped } else { 0 };
                    let range = range.start + skipped..range.end;
                    copy(effects, (&self.file, range), (out, path), locked)?;
                }
                Piece::New(bytes) => {
                    effects.run(Step::Write, path, || out.write_all(bytes))?;
                }
            }
        }
        Ok(())
    }

    fn old(&mut self, range: Range<u64>) {
        match self.pieces.last_mut() {
            Some(Piece::Old(last)) if last.end == range.start => last.end = range.end,
            _ if range.is_empty() => {}
            _ => self.pieces.push(Piece::Old(range)),
        }
    }
}

/// Puts a new file with the new content in the place of the mbox, which is locked.
///
/// Whoever waits for a lock of the old file sees, once he has it, that it is no longer there.
pub(super) fn replace(
    effects: &Effects,
    path: &Path,
    locked: &mut Locked,
    rewrite: &Rewrite,
) -> Result<(), MailboxError> {
    let system = effects.system();
    let unique = UniqueName::new(system.tick(), &system.identity());
    let draft = path.with_file_name(format!(".mbox.{unique}"));
    let model = effects.run(Step::Open, path, || locked.file.metadata())?;
    let file = effects.run(Step::Create, &draft, || {
        let mut options = OpenOptions::new();
        let options = options.write(true).create_new(true).mode(0o600);
        options
            .custom_flags(OFlags::NOFOLLOW.bits() as i32)
            .open(&draft)
    })?;
    let written = take_after(&file, &model, effects, &draft)
        .and_then(|()| rewrite.write(0, effects, (&file, &draft), locked))
        .and_then(|()| effects.run(Step::SyncFile, &draft, || file.sync_all()))
        .and_then(|()| effects.close(file, &draft))
        .and_then(|()| effects.run(Step::Replace, path, || std::fs::rename(&draft, path)));
    if let Err(error) = written {
        // Nobody is left to be told, and the mbox is as it was.
        let _ = effects.unlink(&draft);
        return Err(error.into());
    }
    Ok(effects.sync_directory(parent(path))?)
}

/// Copies a part of a file to where another one is written.
pub(super) fn copy(
    effects: &Effects,
    (from, Range { mut start, end }): (&File, Range<u64>),
    (mut to, path): (&File, &Path),
    locked: &mut Locked,
) -> Result<(), StepError> {
    let mut buffer = vec![0; (end - start).min(limits::WRITE_BUFFER as u64) as usize];
    while start < end {
        locked.keep_alive(effects)?;
        let length = (end - start).min(limits::WRITE_BUFFER as u64) as usize;
        let part = &mut buffer[..length];
        effects.run(Step::Read, path, || from.read_exact_at(part, start))?;
        effects.run(Step::Write, path, || to.write_all(part))?;
        start += length as u64;
    }
    Ok(())
}
