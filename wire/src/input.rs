//! Received bytes that are not yet understood.

use std::fmt;
use std::ops::Deref;

use bytes::buf::Limit;
use bytes::{Buf, BufMut, Bytes, BytesMut};

/// The bounded buffer of received bytes.
///
/// A driver appends at the end ([`space`](Self::space) or [`extend`](Self::extend)); a machine
/// reads through `Deref<Target = [u8]>` and removes from the front ([`take`](Self::take) or
/// [`consume`](Self::consume)). It never holds more than its limit.
pub struct Input {
    buffer: BytesMut,
    /// Octets at the front of the buffer that are removed already. They stay until the buffer changes, so
    /// that one which was read to its end is used again from its beginning.
    start: usize,
    limit: usize,
    /// Room for the next read, and what it may grow to.
    room: usize,
    most_room: usize,
    /// Octets that were removed, ever.
    removed: u64,
    /// What had come when room was last offered.
    offered_at: u64,
}

impl Input {
    /// An empty buffer that will hold up to `limit` octets.
    pub fn new(limit: usize) -> Self {
        Self {
            buffer: BytesMut::new(),
            start: 0,
            limit,
            room: FIRST_LINE_ROOM,
            most_room: LINE_ROOM,
            removed: 0,
            offered_at: 0,
        }
    }

    /// Room for one read, as a `BufMut` to read into, never more than may still be held.
    ///
    /// While lines are expected the room is small, so that an idle session costs little;
    /// while a body is received it grows with what comes, so that reads are few. The room is
    /// empty when the buffer [is full](Self::is_full): then `step` first.
    #[inline]
    pub fn space(&mut self) -> Limit<&mut BytesMut> {
        let received = self.octets_received();
        if received - self.offered_at >= self.room as u64 {
            // It was used up, so there is more.
            self.room = (self.room * 4).min(self.most_room);
        }
        self.offered_at = received;
        self.let_go();
        let room = self.room.min(self.limit - self.buffer.len());
        if self.buffer.is_empty() {
            let too_large = self.buffer.capacity() > self.room.max(KEEP);
            if too_large || !self.buffer.try_reclaim(room) {
                // What a body needed is not kept for the wait that follows it; and what grows
                // while it is empty has nothing to copy.
                self.buffer = BytesMut::with_capacity(room);
            }
        }
        self.buffer.reserve(room);
        (&mut self.buffer).limit(room)
    }

    /// Appends as much of `bytes` as may be held and says how much that was.
    #[inline]
    #[must_use = "bytes that did not fit must be offered again"]
    pub fn extend(&mut self, bytes: &[u8]) -> usize {
        self.let_go();
        let fits = bytes.len().min(self.limit - self.buffer.len());
        self.buffer.extend_from_slice(&bytes[..fits]);
        fits
    }

    /// Whether nothing more may be appended before the machine has stepped.
    #[inline]
    pub fn is_full(&self) -> bool {
        self.len() >= self.limit
    }

    /// The most octets that are ever held.
    pub fn limit(&self) -> usize {
        self.limit
    }

    /// Removes the first `count` octets and returns them without a copy. For machines.
    ///
    /// # Panics
    ///
    /// If fewer are held.
    #[inline]
    pub fn take(&mut self, count: usize) -> Bytes {
        self.removed += count as u64;
        self.let_go();
        self.buffer.split_to(count).freeze()
    }

    /// Removes the first `count` octets. For machines.
    ///
    /// # Panics
    ///
    /// If fewer are held.
    #[inline]
    pub fn consume(&mut self, count: usize) {
        assert!(count <= self.len(), "more is removed than is held");
        self.removed += count as u64;
        self.start += count;
        if self.start == self.buffer.len() {
            self.buffer.clear();
            self.start = 0;
        }
    }

    /// Removes everything. For machines.
    pub fn clear(&mut self) {
        self.consume(self.len());
    }

    /// What is held, to be moved within.
    #[inline]
    pub(crate) fn octets_mut(&mut self) -> &mut [u8] {
        &mut self.buffer[self.start..]
    }

    /// How many octets have come since the beginning: how a machine sees that its peer goes on.
    #[inline]
    pub fn octets_received(&self) -> u64 {
        self.removed + self.len() as u64
    }

    /// Lets go of what is removed.
    #[inline]
    fn let_go(&mut self) {
        if self.start > 0 {
            self.buffer.advance(self.start);
            self.start = 0;
        }
    }

    /// Expect bulk data (`true`) or lines (`false`): how much room a read is offered. For machines.
    pub fn expect_bulk(&mut self, bulk: bool) {
        (self.room, self.most_room) = match bulk {
            true => (FIRST_BULK_ROOM, BULK_ROOM),
            false => (FIRST_LINE_ROOM, LINE_ROOM),
        };
    }
}

impl fmt::Debug for Input {
    /// Without the bytes: there may be a password among them.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Input({} of {} octets)", self.len(), self.limit)
    }
}

impl Deref for Input {
    type Target = [u8];

    #[inline]
    fn deref(&self) -> &[u8] {
        &self.buffer[self.start..]
    }
}

/// Room for the first read while commands or replies are expected: what most peers say at a
/// time fits, and ten thousand idle sessions cost 10 MiB.
const FIRST_LINE_ROOM: usize = 1024;

/// Room for a read while lines are expected and many come: a large pipelined group fits.
const LINE_ROOM: usize = 4 * 1024;

/// Room for the first read of a body: a short message fits.
const FIRST_BULK_ROOM: usize = KEEP;

/// Room for a read while a long body is received: larger brings little, since the kernel hands out
/// no more at a time on loopback and in practice less.
const BULK_ROOM: usize = 64 * 1024;

/// What an empty buffer keeps allocated, so that short messages cost no allocations.
const KEEP: usize = 8 * 1024;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn holds_no_more_than_its_limit() {
        let mut input = Input::new(10);
        assert_eq!(input.extend(b"1234567"), 7);
        assert_eq!(input.extend(b"890abc"), 3);
        assert!(input.is_full());
        assert_eq!(input.space().remaining_mut(), 0);
        input.consume(4);
        assert_eq!(input.space().remaining_mut(), 4);
        assert_eq!(&*input.take(6), b"567890");
        assert!(input.is_empty());
    }

    #[test]
    fn what_is_removed_does_not_come_back() {
        let mut input = Input::new(10);
        assert_eq!(input.extend(b"12345678"), 8);
        input.consume(3);
        assert_eq!((&*input, input.octets_received()), (&b"45678"[..], 8));
        assert_eq!(&*input.take(2), b"45");
        input.consume(1);
        assert!(!input.is_full());
        assert_eq!(input.extend(b"abcdefghijk"), 8);
        assert!(input.is_full());
        assert_eq!((&*input, input.octets_received()), (&b"78abcdefgh"[..], 16));
        input.consume(4);
        input.space().put_slice(b"ijkl");
        assert_eq!(&*input, b"cdefghijkl");
        input.clear();
        assert_eq!((&*input, input.octets_received()), (&b""[..], 20));
        assert_eq!(input.extend(b"m"), 1);
        assert_eq!(&*input, b"m");
    }

    #[test]
    fn gives_back_what_a_body_needed() {
        let mut input = Input::new(1 << 20);
        input.expect_bulk(true);
        assert_eq!(input.space().remaining_mut(), FIRST_BULK_ROOM);
        assert_eq!(input.space().remaining_mut(), FIRST_BULK_ROOM);
        for _ in 0..10 {
            let room = input.space().remaining_mut();
            assert_eq!(input.extend(&vec![b'x'; room]), room);
            input.clear();
        }
        assert_eq!(input.space().remaining_mut(), BULK_ROOM);
        input.expect_bulk(false);
        assert_eq!(input.space().remaining_mut(), FIRST_LINE_ROOM);
        assert!(input.buffer.capacity() <= KEEP);
    }
}
