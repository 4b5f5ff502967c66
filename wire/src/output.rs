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
    /// Large pieces, each with what is sent before it.
    chained: VecDeque<Chained>,
    /// Octets of these pieces.
    chained_octets: usize,
    /// Small writes, of which the first `sent` are gone.
    gathered: Vec<u8>,
    sent: usize,
    /// How many of those that are left come before the last large piece.
    before_chained: usize,
    mark: usize,
    /// Octets that have left, ever: how a machine sees that its peer reads.
    left: u64,
}

/// A large piece.
struct Chained {
    /// So many gathered octets come first.
    before: usize,
    piece: Bytes,
}

impl Output {
    /// An empty queue that asks to be flushed when more than `mark` octets wait.
    pub fn new(mark: usize) -> Self {
        Self {
            chained: VecDeque::new(),
            chained_octets: 0,
            gathered: Vec::new(),
            sent: 0,
            before_chained: 0,
            mark,
            left: 0,
        }
    }

    /// Appends a copy of `bytes`. For machines.
    #[inline]
    pub fn push(&mut self, bytes: &[u8]) {
        if self.gathered.capacity() == 0 {
            // Most replies fit, and a group's worth does not grow step by step.
            self.gathered = Vec::with_capacity(FIRST_GATHERED.max(bytes.len()));
        }
        self.gathered.extend_from_slice(bytes);
    }

    /// Makes room for so many octets of copies, so that the queue does not grow step by step. For
    /// machines.
    #[inline]
    pub fn reserve(&mut self, count: usize) {
        self.gathered.reserve(count);
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
        let before = self.gathered.len() - self.sent - self.before_chained;
        self.before_chained += before;
        self.chained_octets += bytes.len();
        let piece = bytes;
        self.chained.push_back(Chained { before, piece });
    }

    /// Appends all that waits in another queue, without a copy of what is large. For machines.
    pub fn append(&mut self, other: &mut Self) {
        while let Some(Chained { before, piece }) = other.chained.pop_front() {
            self.push(&other.gathered[other.sent..][..before]);
            self.push_bytes(piece);
            other.sent += before;
        }
        let mut rest = Bytes::from(std::mem::take(&mut other.gathered));
        rest.advance(std::mem::take(&mut other.sent));
        self.push_bytes(rest);
        (other.chained_octets, other.before_chained) = (0, 0);
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

    /// Gives up the room of what has left.
    #[inline]
    fn tidy(&mut self) {
        if self.sent < self.gathered.len() {
            if self.sent > KEEP {
                self.move_up();
            }
            return;
        }
        self.sent = 0;
        if self.gathered.capacity() > KEEP {
            self.gathered = Vec::new();
        } else {
            self.gathered.clear();
        }
    }

    /// A queue that is never empty does not grow. Fewer octets are moved than have left: it takes no longer on the whole
    /// than to have them there.
    #[cold]
    fn move_up(&mut self) {
        if self.sent > self.gathered.len() / 2 {
            self.gathered.drain(..self.sent);
            self.sent = 0;
        }
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
        self.chained_octets + self.gathered.len() - self.sent
    }

    #[inline]
    fn chunk(&self) -> &[u8] {
        let gathered = &self.gathered[self.sent..];
        match self.chained.front() {
            None => gathered,
            Some(Chained { before: 0, piece }) => piece,
            Some(Chained { before, .. }) => &gathered[..*before],
        }
    }

    fn chunks_vectored<'a>(&'a self, slices: &mut [IoSlice<'a>]) -> usize {
        let mut gathered = &self.gathered[self.sent..];
        let mut filled = 0;
        let mut fill = |chunk: &'a [u8]| {
            if let (false, Some(slice)) = (chunk.is_empty(), slices.get_mut(filled)) {
                *slice = IoSlice::new(chunk);
                filled += 1;
            }
            filled < slices.len()
        };
        for Chained { before, piece } in &self.chained {
            let first;
            (first, gathered) = gathered.split_at(*before);
            fill(first);
            if !fill(piece) {
                return filled;
            }
        }
        fill(gathered);
        filled
    }

    #[inline]
    fn advance(&mut self, mut count: usize) {
        assert!(
            count <= self.remaining(),
            "advanced past the end of the output"
        );
        self.left += count as u64;
        while let Some(Chained { before, piece }) = self.chained.front_mut() {
            let first = count.min(*before);
            *before -= first;
            self.before_chained -= first;
            self.sent += first;
            count -= first;
            if count < piece.len() {
                piece.advance(count);
                self.chained_octets -= count;
                return self.tidy();
            }
            count -= piece.len();
            self.chained_octets -= piece.len();
            self.chained.pop_front();
        }
        self.sent += count;
        self.tidy();
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
const FIRST_GATHERED: usize = 256;

/// What an empty queue keeps allocated: the replies of an ordinary pipelined group.
const KEEP: usize = 2 * 1024;

#[cfg(test)]
mod tests {
    use proptest::collection::vec;
    use proptest::prelude::*;

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

    #[test]
    fn a_queue_that_is_never_empty_does_not_grow() {
        let mut output = Output::new(100);
        output.push(b"something");
        for _ in 0..100_000 {
            output.push(&[b'x'; 100]);
            output.advance(100);
        }
        assert_eq!(output.len(), 9);
        assert!(output.gathered.capacity() <= 4 * KEEP);
    }

    /// Something that is done to a queue.
    #[derive(Debug, Clone)]
    enum Act {
        Push(usize),
        PushBytes(usize),
        Append(usize, usize),
        Advance(usize),
    }

    fn act() -> impl Strategy<Value = Act> {
        prop_oneof![
            (0..3 * KEEP).prop_map(Act::Push),
            (0..2 * CHAIN_FROM).prop_map(Act::PushBytes),
            (0..2 * CHAIN_FROM, 0..2 * CHAIN_FROM).prop_map(|(one, other)| Act::Append(one, other)),
            (0..3 * KEEP).prop_map(Act::Advance),
        ]
    }

    proptest! {
        #[test]
        fn what_goes_in_comes_out(acts in vec(act(), 0..50), slots in 1usize..8) {
            let mut output = Output::new(0);
            let mut expected = Vec::new();
            let mut octets = (0u8..=u8::MAX).cycle();
            let mut next = |count| octets.by_ref().take(count).collect::<Vec<_>>();
            for act in acts {
                match act {
                    Act::Push(count) => {
                        let octets = next(count);
                        output.push(&octets);
                        expected.extend(octets);
                    }
                    Act::PushBytes(count) => {
                        let octets = next(count);
                        expected.extend_from_slice(&octets);
                        output.push_bytes(octets.into());
                    }
                    Act::Append(one, two) => {
                        let mut other = Output::new(0);
                        for count in [one, two, one] {
                            let octets = next(count);
                            expected.extend_from_slice(&octets);
                            other.push(&octets[..count / 2]);
                            other.push_bytes(octets[count / 2..].to_vec().into());
                        }
                        let gone = (one / 3).min(other.len());
                        let at = expected.len() - other.len();
                        expected.drain(at..at + gone);
                        other.advance(gone);
                        output.append(&mut other);
                        prop_assert!(other.is_empty());
                    }
                    Act::Advance(count) => {
                        let count = count.min(expected.len());
                        expected.drain(..count);
                        output.advance(count);
                    }
                }
                prop_assert_eq!(output.len(), expected.len());
                prop_assert!(expected.starts_with(output.chunk()));
                prop_assert_eq!(output.chunk().is_empty(), expected.is_empty());
                let mut slices = vec![IoSlice::new(&[]); slots];
                let filled = output.chunks_vectored(&mut slices);
                let told: Vec<u8> = slices[..filled].iter().flat_map(|slice| slice.to_vec()).collect();
                prop_assert!(expected.starts_with(&told));
                prop_assert!(told.len() == expected.len() || filled == slots);
            }
        }
    }
}
