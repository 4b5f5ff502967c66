//! Octets of a message that are owed, read as fast as the client takes them.

use std::collections::VecDeque;
use std::num::NonZeroU32;
use std::ops::Range;
use std::sync::Arc;

use bytes::Bytes;
use imap_proto::server::Server;

use super::answers::check;
use crate::store::{Folder, Reading, StoreError};

/// What is owed of one message.
pub(super) struct Streaming {
    folder: Arc<dyn Folder>,
    uid: NonZeroU32,
    owed: VecDeque<Range<u64>>,
    /// Reads the first of them.
    reading: Option<Box<dyn Reading>>,
    /// What was read and has not been taken yet.
    piece: Bytes,
}

impl Streaming {
    pub(super) fn new(folder: &Arc<dyn Folder>, uid: NonZeroU32, owed: Vec<Range<u64>>) -> Self {
        Self {
            folder: Arc::clone(folder),
            uid,
            owed: owed.into(),
            reading: None,
            piece: Bytes::new(),
        }
    }

    /// Hands out a piece. Says whether it was the last one.
    ///
    /// # Errors
    ///
    /// If the message cannot be read, or ends too soon.
    pub(super) async fn go_on(&mut self, machine: &mut Server) -> Result<bool, StoreError> {
        let Some(range) = self.owed.front_mut() else {
            return Ok(true);
        };
        if self.piece.is_empty() {
            let reading = match &mut self.reading {
                Some(reading) => reading,
                none => none.insert(self.folder.read_from(self.uid, range.start).await?),
            };
            self.piece = reading.next().await?;
            if self.piece.is_empty() {
                return Err(StoreError::Gone);
            }
        }
        let before = self.piece.len();
        check(machine.write_body(&mut self.piece));
        range.start += (before - self.piece.len()) as u64;
        if range.start >= range.end {
            self.owed.pop_front();
            (self.reading, self.piece) = (None, Bytes::new());
        }
        Ok(self.owed.is_empty())
    }
}
