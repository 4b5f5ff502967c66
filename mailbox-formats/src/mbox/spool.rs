//! Where a message waits for its mbox, so that no lock is held while it comes in.

use std::fs::File;
use std::io::Write;
use std::ops::Range;
use std::os::unix::fs::FileExt;
use std::path::PathBuf;

use crate::effects::{Effects, Step};
use crate::error::StepError;
use crate::limits;

/// A message in memory, or, when it is larger than [`limits::SPOOL_MEMORY`], in an unlinked file.
#[derive(Debug)]
pub(crate) struct Spool {
    effects: Effects,
    directory: PathBuf,
    /// All of the message, or what is not yet in the file.
    memory: Vec<u8>,
    file: Option<File>,
    failure: Option<StepError>,
}

impl Spool {
    pub(crate) fn new(effects: Effects, directory: PathBuf) -> Self {
        Self {
            effects,
            directory,
            memory: Vec::new(),
            file: None,
            failure: None,
        }
    }

    /// Takes bytes, unless taking bytes has failed before.
    pub(crate) fn push(&mut self, bytes: &[u8]) {
        if self.failure.is_some() {
            return;
        }
        if self.memory.len() + bytes.len() <= limits::SPOOL_MEMORY {
            return self.memory.extend_from_slice(bytes);
        }
        let written = self.write_out().and_then(|()| {
            if bytes.len() <= limits::SPOOL_MEMORY {
                self.memory.extend_from_slice(bytes);
                return Ok(());
            }
            self.write(bytes)
        });
        self.failure = written.err();
    }

    /// Ends a message that has gone to a file.
    pub(crate) fn finish(&mut self) {
        if self.file.is_some() && self.failure.is_none() {
            self.failure = self.write_out().err();
        }
    }

    /// Appends a range of the message to `buffer`, and has `full` empty the buffer as often
    /// as the range comes from the file. A range in memory never calls `full`.
    pub(crate) fn read(
        &self,
        range: Range<u64>,
        buffer: &mut Vec<u8>,
        mut full: impl FnMut(&mut Vec<u8>) -> Result<(), StepError>,
    ) -> Result<(), StepError> {
        let Some(file) = &self.file else {
            buffer.extend_from_slice(&self.memory[range.start as usize..range.end as usize]);
            return Ok(());
        };
        let Range { mut start, end } = range;
        while start < end {
            let length = (end - start).min(limits::WRITE_BUFFER as u64);
            let old = buffer.len();
            buffer.resize(old + length as usize, 0);
            let part = &mut buffer[old..];
            self.effects.run(Step::Read, &self.directory, || {
                file.read_exact_at(part, start)
            })?;
            start += length;
            full(buffer)?;
        }
        Ok(())
    }

    /// Why the message cannot be used, if so.
    pub(crate) fn failure(&self) -> Option<StepError> {
        self.failure.as_ref().map(StepError::again)
    }

    fn write_out(&mut self) -> Result<(), StepError> {
        let memory = std::mem::take(&mut self.memory);
        self.write(&memory)?;
        self.memory = memory;
        self.memory.clear();
        Ok(())
    }

    fn write(&mut self, bytes: &[u8]) -> Result<(), StepError> {
        let Self {
            effects,
            directory,
            file,
            ..
        } = self;
        effects.run(Step::Spool, directory, || {
            match file {
                Some(file) => file,
                None => file.insert(tempfile::tempfile_in(&*directory)?),
            }
            .write_all(bytes)
        })
    }
}
