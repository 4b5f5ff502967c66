//! Bytes that wait to be sent.

use std::collections::VecDeque;
use std::fmt;
use std::io::{self, IoSlice, Write};

use bytes::{Buf, Bytes};

/// The queue of bytes to send: small things are gathered, large ones are chained uncopied.
///
/// A machine appends ([`push`](Self::push), [`push_bytes`](Self::push_bytes) or, for
/// formatted text, [`std::io::Write`]); a driver takes from the front through [`bytes::Buf`],
/// vectored where the transport can. Above its mark the machine stops producing
/// ([`is_over`](Self::is_over)).
pub struct Output {
    /// Closed segments, sent before `tail`.
    segments: VecDeque<Bytes>,
    /// Octets in `segments`.
    chained: usize,
    /// Gathered small writes, of which the first `sent` are gone.
    tail: Vec<u8>,
    sent: usize,
    mark: usize,
    /// Octets that have left, ever: how a machine sees that its peer reads.
    left: u64,
}

impl Output {
    /// An empty queue that asks to be flushed when more than `mark` octets wait.
    pub fn new(mark: usize) -> Self {
        Self {
            segments: VecDeque::new(),
            chained: 0,
            tail: Vec::new(),
            sent: 0,
            mark,
            left: 0,
        }
    }

    /// Appends a copy of `bytes`. For machines.
    #[inline]
    pub fn push(&mut self, bytes: &[u8]) {
        if self.tail.capacity() == 0 {
            // Most replies fit, and a group's worth does not grow step by step.
            self.tail = Vec::with_capacity(FIRST_TAIL.max(bytes.len()));
        }
        self.tail.extend_from_slice(bytes);
    }

    /// Makes room for so many octets of copies, so that the queue does not grow step by step. For
    /// machines.
    #[inline]
    pub fn reserve(&mut self, count: usize) {
        self.tail.reserve(count);
    }

    /// Appends a number in decimal digits. For machines.
    pub fn push_number(&mut self, number: u64) {
        if number < 10 {
            // As nearly all of them are, in the codes of replies.
            return self.push(&[b'0' + number as u8]);
        }
        self.push(itoa::Buffer::new().format(number).as_bytes());
    }

    /// Appends `bytes` without a copy, unless they are so few that a copy is cheaper. For machines.
    pub fn push_bytes(&mut self, bytes: Bytes) {
        if bytes.len() < CHAIN_FROM {
            return self.push(&bytes);
        }
        self.close_tail();
        self.chained += bytes.len();
        self.segments.push_back(bytes);
    }

    /// Appends all that waits in another queue, without a copy of what is large. For machines.
    pub fn append(&mut self, other: &mut Self) {
        other.close_tail();
        for segment in other.segments.drain(..) {
            self.push_bytes(segment);
        }
        other.chained = 0;
    }

    /// Whether more than the mark waits, so that nothing should be added before a flush.
    #[inline]
    pub fn is_over(&self) -> bool {
        self.remaining() > self.mark
    }

    /// The number of octets above which nothing should be added.
    pub fn mark(&self) -> usize {
        self.mark
    }

    /// How many octets may be added before the queue [is over](Self::is_over) its mark.
    pub fn room(&self) -> usize {
        self.mark.saturating_sub(self.remaining())
    }

    /// The number of octets that wait.
    #[inline]
    pub fn len(&self) -> usize {
        self.remaining()
    }

    /// Whether nothing waits.
    #[inline]
    pub fn is_empty(&self) -> bool {
        self.remaining() == 0
    }

    /// How many octets have left since the beginning.
    pub fn octets_left(&self) -> u64 {
        self.left
    }

    fn close_tail(&mut self) {
        if self.tail.len() == self.sent {
            return;
        }
        let mut tail = Bytes::from(std::mem::take(&mut self.tail));
        tail.advance(std::mem::take(&mut self.sent));
        self.chained += tail.len();
        self.segments.push_back(tail);
    }
}

impl fmt::Debug for Output {
    /// Without the bytes: a client's output has its password in it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Output({} octets, mark {})", self.len(), self.mark)
    }
}

impl Buf for Output {
    #[inline]
    fn remaining(&self) -> usize {
        self.chained + self.tail.len() - self.sent
    }

    #[inline]
    fn chunk(&self) -> &[u8] {
        match self.segments.front() {
            Some(segment) => segment,
            None => &self.tail[self.sent..],
        }
    }

    fn chunks_vectored<'a>(&'a self, slices: &mut [IoSlice<'a>]) -> usize {
        let tail = &self.tail[self.sent..];
        let chunks = self.segments.iter().map(|segment| &segment[..]);
        let chunks = chunks.chain((!tail.is_empty()).then_some(tail));
        let mut filled = 0;
        for (slice, chunk) in slices.iter_mut().zip(chunks) {
            *slice = IoSlice::new(chunk);
            filled += 1;
        }
        filled
    }

    #[inline]
    fn advance(&mut self, mut count: usize) {
        assert!(
            count <= self.remaining(),
            "advanced past the end of the output"
        );
        self.left += count as u64;
        while let Some(front) = self.segments.front_mut() {
            if count < front.len() {
                front.advance(count);
                self.chained -= count;
                return;
            }
            count -= front.len();
            self.chained -= front.len();
            self.segments.pop_front();
        }
        self.sent += count;
        if self.sent == self.tail.len() {
            self.sent = 0;
            if self.tail.capacity() > KEEP {
                self.tail = Vec::new();
            } else {
                self.tail.clear();
            }
        }
    }
}

impl Write for Output {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.push(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Chaining costs a reference count and a slot of a vectored write; below this many octets a
/// copy is cheaper.
const CHAIN_FROM: usize = 512;

/// What the first small write allocates: the answer to a hello.
const FIRST_TAIL: usize = 256;

/// What an empty queue keeps allocated: the replies of an ordinary pipelined group.
const KEEP: usize = 2 * 1024;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keeps_the_order_of_copied_and_chained() {
        let mut output = Output::new(100);
        output.push(b"small,");
        output.push_bytes(Bytes::from(vec![b'L'; CHAIN_FROM]));
        output.push_bytes(Bytes::from_static(b",tiny"));
        output.push(b",");
        output.push_number(7);
        assert!(output.is_over());
        assert_eq!(output.len(), 6 + CHAIN_FROM + 7);

        let mut slices = [IoSlice::new(&[]); 8];
        assert_eq!(output.chunks_vectored(&mut slices), 3);

        let mut all = Vec::new();
        while output.has_remaining() {
            let octet = output.get_u8();
            all.push(octet);
        }
        let mut expected = b"small,".to_vec();
        expected.extend([b'L'; CHAIN_FROM]);
        expected.extend(b",tiny,7");
        assert_eq!(all, expected);
        assert_eq!(output.octets_left(), expected.len() as u64);
        assert!(output.is_empty() && !output.is_over());
    }
}
