//! A change to an mbox where it is, which a crash may stop at any moment.

use std::fs::{File, OpenOptions};
use std::hash::Hasher;
use std::io::{Read, Seek, SeekFrom, Write};
use std::ops::Range;
use std::os::unix::fs::{FileExt, MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use rustix::fs::OFlags;
use siphasher::sip::SipHasher13;

use crate::effects::{Effects, Step};
use crate::error::{Fault, MailboxError, StepError};
use crate::limits;
use crate::mbox::lock::Locked;
use crate::mbox::rewrite::{Rewrite, copy};
use crate::path::{parent, suffixed};

/// The journal of an mbox.
///
/// First the journal gets all that is to be written, and is on disk; then the mbox is written.
/// A crash before the first moment leaves the mbox as it was; after it, everything is written
/// again from the journal. Another program that knows nothing of journals may have appended
/// to the mbox meanwhile: what it appended is found, and kept.
#[derive(Debug)]
pub(super) struct InPlace<'a> {
    effects: &'a Effects,
    path: &'a Path,
    journal: PathBuf,
}

/// What a journal says: from `offset` on the mbox is what follows in the journal, and so it
/// grows or shrinks from `old` to `new` bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Plan {
    offset: u64,
    old: u64,
    new: u64,
    /// Of the bytes before `offset`, so that no other mbox is taken for this one.
    before: u64,
    /// Of the bytes that are to be cut off: as long as they are there, nothing was cut.
    cut: u64,
}

impl<'a> InPlace<'a> {
    pub(super) fn new(
        journals: &Path,
        locked: &Locked,
        effects: &'a Effects,
        path: &'a Path,
    ) -> Result<Self, StepError> {
        let metadata = effects.run(Step::Open, path, || locked.file.metadata())?;
        let name = format!("{:x}-{:x}.mbox-journal", metadata.dev(), metadata.ino());
        Ok(Self {
            effects,
            path,
            journal: journals.join(name),
        })
    }

    /// Writes a new content.
    pub(super) fn write(&self, locked: &mut Locked, rewrite: &Rewrite) -> Result<(), MailboxError> {
        let old = self.length(locked)?;
        let (offset, new) = (rewrite.kept(), rewrite.length());
        let plan = self.plan(locked, offset, old, new)?;
        self.commit(plan, |journal, path| {
            rewrite.write(offset, self.effects, (journal, path), locked)
        })?;
        self.carry_out(locked)
    }

    /// Completes what a crash has stopped, if so.
    pub(super) fn complete(&self, locked: &mut Locked) -> Result<(), MailboxError> {
        let Some((journal, plan)) = self.read()? else {
            return Ok(());
        };
        let now = self.length(locked)?;
        let is_ours = plan.offset <= now && self.hash(locked, before(plan.offset))? == plan.before;
        if !is_ours {
            return Ok(self.effects.unlink(&self.journal)?);
        }
        if plan.new < plan.old {
            let is_uncut = now >= plan.old && self.hash(locked, plan.new..plan.old)? == plan.cut;
            if !is_uncut {
                // Nothing is cut before all is written.
                return Ok(self.effects.unlink(&self.journal)?);
            }
        }
        let appended = self.appended(locked, &journal, plan, now)?..now;
        if !appended.is_empty() {
            let more = appended.end - appended.start;
            let next = self.plan(locked, plan.offset, now, plan.new + more)?;
            let start = HEADER as u64;
            let end = start + plan.new - plan.offset;
            self.commit(next, |out, path| {
                copy(self.effects, (&journal, start..end), (out, path), locked)?;
                let mbox = File::open(self.path);
                let mbox = self.effects.run(Step::Open, self.path, || mbox)?;
                copy(self.effects, (&mbox, appended), (out, path), locked)
            })?;
        }
        self.carry_out(locked)
    }

    /// Where that starts which another program has appended after the crash.
    fn appended(
        &self,
        locked: &Locked,
        journal: &File,
        plan: Plan,
        now: u64,
    ) -> Result<u64, StepError> {
        // The file grows by what is to be there, so as far as it is there it is ours.
        let mut at = plan.old;
        while at < plan.new.min(now) {
            let length = (plan.new.min(now) - at).min(limits::WRITE_BUFFER as u64) as usize;
            let (mut is, mut should) = (vec![0; length], vec![0; length]);
            let place = HEADER as u64 + at - plan.offset;
            self.effects.run(Step::Read, self.path, || {
                locked.file.read_exact_at(&mut is, at)?;
                journal.read_exact_at(&mut should, place)
            })?;
            let same = is
                .iter()
                .zip(&should)
                .take_while(|(is, should)| is == should);
            let same = same.count();
            at += same as u64;
            if same < length {
                break;
            }
        }
        Ok(at)
    }

    /// Puts a plan with its bytes on disk.
    fn commit(
        &self,
        plan: Plan,
        write: impl FnOnce(&File, &Path) -> Result<(), StepError>,
    ) -> Result<(), StepError> {
        let Self { effects, .. } = self;
        let draft = suffixed(&self.journal, ".tmp");
        let file = effects.run(Step::Create, &draft, || {
            let mut options = OpenOptions::new();
            // A crash may have left one; the mbox is locked, so nobody is at it.
            let options = options.write(true).create(true).truncate(true).mode(0o600);
            options
                .custom_flags(OFlags::NOFOLLOW.bits() as i32)
                .open(&draft)
        })?;
        effects.run(Step::Write, &draft, || (&file).write_all(&plan.to_bytes()))?;
        write(&file, &draft)?;
        effects.run(Step::SyncFile, &draft, || file.sync_all())?;
        effects.close(file, &draft)?;
        let journal = &self.journal;
        effects.run(Step::Replace, journal, || std::fs::rename(&draft, journal))?;
        effects.sync_directory(parent(journal))
    }

    /// Writes what the journal says, and removes the journal.
    fn carry_out(&self, locked: &mut Locked) -> Result<(), MailboxError> {
        let Self { effects, path, .. } = self;
        let (journal, plan) = self.read()?.ok_or(MailboxError::Changed)?;
        // Not through the locked file, which can only be appended to.
        let mut out = effects.run(Step::Open, path, || {
            let flags = OFlags::NOFOLLOW.bits() as i32;
            let mut options = OpenOptions::new();
            options.write(true).custom_flags(flags).open(path)
        })?;
        let place = |at: u64| HEADER as u64 + at - plan.offset;
        let both = plan.old.min(plan.new).max(plan.offset);
        for range in [both..plan.new, plan.offset..both] {
            effects.run(Step::Write, path, || {
                out.seek(SeekFrom::Start(range.start)).map(drop)
            })?;
            let from = place(range.start)..place(range.end);
            copy(effects, (&journal, from), (&out, path), locked)?;
        }
        effects.run(Step::SyncFile, path, || out.sync_all())?;
        if plan.new < plan.old {
            effects.run(Step::Truncate, path, || out.set_len(plan.new))?;
            effects.run(Step::SyncFile, path, || out.sync_all())?;
        }
        effects.close(out, path)?;
        effects.unlink(&self.journal)?;
        Ok(effects.sync_directory(parent(&self.journal))?)
    }

    fn read(&self) -> Result<Option<(File, Plan)>, StepError> {
        let journal = &self.journal;
        let read = self.effects.run(Step::Read, journal, || {
            let mut file = File::open(journal)?;
            let mut header = [0; HEADER];
            let is_whole = file.read_exact(&mut header).is_ok();
            let length = file.metadata()?.len();
            Ok((file, Plan::parse(&header).filter(|_| is_whole), length))
        });
        match read {
            Ok((file, Some(plan), length)) if length - HEADER as u64 == plan.new - plan.offset => {
                Ok(Some((file, plan)))
            }
            // It only ever gets its name when it is complete, so this one is none of ours.
            Ok(_) => Ok(None),
            Err(error) if error.fault() == Fault::Missing => Ok(None),
            Err(error) => Err(error),
        }
    }

    fn plan(&self, locked: &Locked, offset: u64, old: u64, new: u64) -> Result<Plan, StepError> {
        Ok(Plan {
            offset,
            old,
            new,
            before: self.hash(locked, before(offset))?,
            cut: self.hash(locked, new..old.max(new))?,
        })
    }

    fn length(&self, locked: &Locked) -> Result<u64, StepError> {
        let length = || Ok(locked.file.metadata()?.len());
        self.effects.run(Step::Open, self.path, length)
    }

    fn hash(&self, locked: &Locked, mut range: Range<u64>) -> Result<u64, StepError> {
        let mut hasher = SipHasher13::new();
        let mut buffer = vec![0; limits::WRITE_BUFFER];
        while !range.is_empty() {
            let length = (range.end - range.start).min(buffer.len() as u64);
            let part = &mut buffer[..length as usize];
            self.effects.run(Step::Read, self.path, || {
                locked.file.read_exact_at(part, range.start)
            })?;
            hasher.write(part);
            range.start += length;
        }
        Ok(hasher.finish())
    }
}

impl Plan {
    fn parse(header: &[u8; HEADER]) -> Option<Self> {
        let numbers = header.strip_prefix(MAGIC)?;
        let mut numbers = numbers
            .chunks_exact(8)
            .map(|bytes| u64::from_le_bytes(bytes.try_into().expect("a chunk has eight bytes")));
        let mut next = || numbers.next();
        let plan = Self {
            offset: next()?,
            old: next()?,
            new: next()?,
            before: next()?,
            cut: next()?,
        };
        (plan.offset <= plan.old && plan.offset <= plan.new).then_some(plan)
    }

    fn to_bytes(self) -> Vec<u8> {
        let numbers = [self.offset, self.old, self.new, self.before, self.cut];
        let bytes = numbers.iter().flat_map(|number| number.to_le_bytes());
        MAGIC.iter().copied().chain(bytes).collect()
    }
}

/// What is before an offset, as far as it identifies a file.
fn before(offset: u64) -> Range<u64> {
    offset.saturating_sub(limits::WRITE_BUFFER as u64)..offset
}

const MAGIC: &[u8; 16] = b"mbox journal 01\n";

const HEADER: usize = 16 + 5 * 8;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plans_are_read_as_they_are_written() {
        let plan = Plan {
            offset: 5,
            old: 7,
            new: 5,
            before: u64::MAX,
            cut: 3,
        };
        let bytes: [u8; HEADER] = plan.to_bytes().try_into().unwrap();
        assert_eq!(Plan::parse(&bytes), Some(plan));
        let wrong = Plan { new: 4, ..plan };
        assert_eq!(Plan::parse(&wrong.to_bytes().try_into().unwrap()), None);
        assert_eq!(Plan::parse(&[0; HEADER]), None);
    }
}
