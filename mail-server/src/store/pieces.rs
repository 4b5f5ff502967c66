//! A message on disk, read piece by piece.

use std::io::{self, Read};

use async_trait::async_trait;
use bytes::{Buf, Bytes};
use tokio::task::spawn_blocking;

use super::folder::Reading;
use super::{StoreError, lost};
use crate::limits::READ_AHEAD;

/// A message that comes out of a file, or of a part of it, and gets CRLF line ends on the way.
pub(super) struct Pieces<R> {
    /// Away while a thread is at it; lost if that thread or its caller was.
    work: Option<Work<R>>,
}

/// What is done where blocking is allowed.
struct Work<R> {
    source: R,
    /// What was read last was a CR.
    behind_cr: bool,
    /// Octets, with CRLF line ends, that are not wanted.
    skip: u64,
}

impl<R: Read> Pieces<R> {
    /// What is in the source, from this octet on.
    pub(super) fn new(source: R, from: u64) -> Self {
        Self {
            work: Some(Work {
                source,
                behind_cr: false,
                skip: from,
            }),
        }
    }
}

#[async_trait]
impl<R: Read + Send + Sync + 'static> Reading for Pieces<R> {
    async fn next(&mut self) -> Result<Bytes, StoreError> {
        let mut work = self.work.take().ok_or_else(lost)?;
        let read = spawn_blocking(move || {
            let read = work.next();
            (work, read)
        });
        let (work, read) = read.await.map_err(|_| lost())?;
        self.work = Some(work);
        Ok(read?)
    }
}

impl<R: Read> Work<R> {
    fn next(&mut self) -> io::Result<Bytes> {
        let mut stored = Vec::with_capacity(READ_AHEAD);
        loop {
            stored.clear();
            let mut source = (&mut self.source).take(READ_AHEAD as u64);
            if source.read_to_end(&mut stored)? == 0 {
                return Ok(Bytes::new());
            }
            let mut octets = Vec::with_capacity(stored.len() + stored.len() / 16);
            push_with_crlf(&mut octets, &stored, self.behind_cr);
            self.behind_cr = stored.ends_with(b"\r");
            let length = octets.len() as u64;
            if length <= self.skip {
                self.skip -= length;
                continue;
            }
            let mut octets = Bytes::from(octets);
            octets.advance(usize::try_from(std::mem::take(&mut self.skip)).unwrap_or(usize::MAX));
            return Ok(octets);
        }
    }
}

/// With CRLF for each LF that has no CR.
pub(super) fn push_with_crlf(to: &mut Vec<u8>, octets: &[u8], mut behind_cr: bool) {
    let mut from = 0;
    for at in memchr::memchr_iter(b'\n', octets) {
        let line = &octets[from..=at];
        to.extend_from_slice(line);
        let has_cr = match line {
            [.., before, _] => *before == b'\r',
            _ => behind_cr,
        };
        if let (false, Some(last)) = (has_cr, to.last_mut()) {
            *last = b'\r';
            to.push(b'\n');
        }
        (from, behind_cr) = (at + 1, false);
    }
    to.extend_from_slice(&octets[from..]);
}

#[cfg(test)]
mod tests {
    use super::push_with_crlf;

    #[test]
    fn lines_end_with_crlf_wherever_the_file_is_cut() {
        for (stored, wire) in [
            ("", ""),
            ("a\nb\n", "a\r\nb\r\n"),
            ("a\r\nb\n\n", "a\r\nb\r\n\r\n"),
            ("\n\r\n\r\r\n", "\r\n\r\n\r\r\n"),
            ("no end", "no end"),
        ] {
            for cut in 0..=stored.len() {
                let (one, other) = stored.as_bytes().split_at(cut);
                let mut octets = Vec::new();
                push_with_crlf(&mut octets, one, false);
                push_with_crlf(&mut octets, other, one.ends_with(b"\r"));
                assert_eq!(octets, wire.as_bytes(), "{stored:?} cut at {cut}");
            }
        }
    }
}
