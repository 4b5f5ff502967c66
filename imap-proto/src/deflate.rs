//! Compression (RFC 4978): a layer between the octets of the connection and those of the protocol.

use std::fmt;

use bytes::Buf;
use flate2::{Compress, Compression, Decompress, FlushCompress, FlushDecompress, Status};
use mailwire::{Input, Output};

use crate::limits::DEFLATED_INPUT;

/// The layer, if there is one: what a machine has between its own octets and those of the connection.
#[derive(Debug, Default)]
pub(crate) struct Layer(Option<Box<Deflated>>);

impl Layer {
    /// From here on octets are compressed. What has come already is, what waits to be sent is not.
    pub(crate) fn begin(&mut self, input: &mut Input, output: &mut Output) {
        self.0 = Some(Box::new(Deflated::begin(input, output)));
    }

    pub(crate) fn is_on(&self) -> bool {
        self.0.is_some()
    }

    /// Inflates what has come, as far as there is room for it. Says whether there was anything.
    pub(crate) fn receive(&mut self, plain: &mut Input) -> Result<bool, Damaged> {
        match &mut self.0 {
            Some(deflated) => deflated.receive(plain),
            None => Ok(false),
        }
    }

    /// Deflates all that waits to be sent.
    pub(crate) fn send(&mut self, plain: &mut Output) {
        if let Some(deflated) = &mut self.0 {
            deflated.send(plain);
        }
    }

    /// What comes from the connection.
    pub(crate) fn input<'a>(&'a mut self, plain: &'a mut Input) -> &'a mut Input {
        match &mut self.0 {
            Some(deflated) => &mut deflated.input,
            None => plain,
        }
    }

    /// What goes to the connection.
    pub(crate) fn output<'a>(&'a self, plain: &'a Output) -> &'a Output {
        match &self.0 {
            Some(deflated) => &deflated.output,
            None => plain,
        }
    }

    /// The same, to be taken from.
    pub(crate) fn output_mut<'a>(&'a mut self, plain: &'a mut Output) -> &'a mut Output {
        match &mut self.0 {
            Some(deflated) => &mut deflated.output,
            None => plain,
        }
    }
}

/// Both directions of a connection, compressed.
///
/// What comes is inflated only as far as there is room for it, so that a little that stands for very much is taken
/// in turns, like anything else.
struct Deflated {
    /// What comes from the connection.
    input: Input,
    /// What goes to the connection.
    output: Output,
    inflate: Decompress,
    deflate: Compress,
    /// More may come out of what has gone in.
    more: bool,
    /// The peer has said that nothing more will come, as some do behind LOGOUT.
    over: bool,
}

/// The compressed octets make no sense.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Damaged;

impl Deflated {
    fn begin(input: &mut Input, output: &mut Output) -> Self {
        let mut deflated = Self {
            input: Input::new(DEFLATED_INPUT.max(input.len())),
            output: Output::new(output.mark()),
            inflate: Decompress::new(false),
            deflate: Compress::new(Compression::fast(), false),
            more: false,
            over: false,
        };
        let taken = deflated.input.extend(input);
        debug_assert_eq!(taken, input.len(), "there is room for it");
        input.clear();
        deflated.output.append(output);
        deflated
    }

    /// Inflates what has come, as far as there is room for it. Says whether there was anything.
    fn receive(&mut self, plain: &mut Input) -> Result<bool, Damaged> {
        let mut piece = [0; PIECE];
        let mut any = false;
        while self.more || !self.input.is_empty() {
            if self.over {
                return Err(Damaged);
            }
            let room = PIECE.min(plain.limit() - plain.len());
            if room == 0 {
                break;
            }
            let (taken, given) = (self.inflate.total_in(), self.inflate.total_out());
            let status = self
                .inflate
                .decompress(&self.input, &mut piece[..room], FlushDecompress::None)
                .map_err(|_| Damaged)?;
            let taken = (self.inflate.total_in() - taken) as usize;
            let given = (self.inflate.total_out() - given) as usize;
            self.input.consume(taken);
            let fits = plain.extend(&piece[..given]);
            debug_assert_eq!(fits, given, "there was room for it");
            any |= given > 0;
            self.more = given == room;
            if status == Status::StreamEnd {
                (self.over, self.more) = (true, false);
            }
            if taken == 0 && given == 0 {
                break;
            }
        }
        Ok(any)
    }

    /// Deflates all that waits to be sent, so that the peer can read it at once.
    fn send(&mut self, plain: &mut Output) {
        if plain.is_empty() {
            return;
        }
        while plain.has_remaining() {
            let count = self.push(plain.chunk(), FlushCompress::None);
            plain.advance(count);
        }
        self.push(&[], FlushCompress::Sync);
    }

    /// Deflates some octets, and says how many.
    fn push(&mut self, octets: &[u8], flush: FlushCompress) -> usize {
        let mut piece = [0; PIECE];
        let mut taken = 0;
        loop {
            let (before_in, before_out) = (self.deflate.total_in(), self.deflate.total_out());
            let status = self.deflate.compress(&octets[taken..], &mut piece, flush);
            status.expect("deflate takes anything");
            taken += (self.deflate.total_in() - before_in) as usize;
            let given = (self.deflate.total_out() - before_out) as usize;
            self.output.push(&piece[..given]);
            if given < PIECE {
                return taken;
            }
        }
    }
}

impl fmt::Debug for Deflated {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Deflated")
            .field("input", &self.input)
            .field("output", &self.output)
            .finish_non_exhaustive()
    }
}

/// Octets that are inflated or deflated in one go.
const PIECE: usize = 4 * 1024;

#[cfg(test)]
mod tests {
    use super::*;

    fn pair() -> (Deflated, Deflated) {
        let begin = || Deflated::begin(&mut Input::new(9), &mut Output::new(1 << 20));
        (begin(), begin())
    }

    /// Sends octets from one to the other, in pieces, into a small input that is emptied whenever it is full.
    fn carry(octets: &[u8], size: usize, room: usize) -> Vec<u8> {
        let (mut one, mut other) = pair();
        let mut plain = Output::new(1 << 20);
        plain.push(octets);
        one.send(&mut plain);
        let (mut input, mut all) = (Input::new(room), Vec::new());
        while one.output.has_remaining() {
            let count = one.output.chunk().len().min(size);
            let taken = other.input.extend(&one.output.chunk()[..count]);
            one.output.advance(taken);
            while other.receive(&mut input).expect("it is whole") {
                assert!(input.len() <= room);
                all.extend_from_slice(&input);
                input.clear();
            }
        }
        all
    }

    #[test]
    fn what_goes_in_comes_out() {
        let mixed: Vec<u8> = (0..30_000_u32)
            .flat_map(|n| (n * n).to_le_bytes())
            .collect();
        for octets in [&b""[..], b"a NOOP\r\n", &[b'x'; 100_000], &mixed] {
            for (size, room) in [(usize::MAX, 1 << 20), (1, 7), (100, 5000)] {
                assert!(
                    carry(octets, size, room) == octets,
                    "{} by {size} and {room}",
                    octets.len()
                );
            }
        }
    }

    /// A hundred megabytes of nothing are taken in turns.
    #[test]
    fn a_bomb_is_bounded() {
        let (mut one, mut other) = pair();
        let mut plain = Output::new(1 << 20);
        let bomb = vec![0; 10 << 20];
        plain.push(&bomb);
        one.send(&mut plain);
        let compressed = one.output.copy_to_bytes(one.output.remaining());
        let mut input = Input::new(10_000);
        let (mut rest, mut count) = (&compressed[..], 0);
        loop {
            let taken = other.input.extend(rest);
            rest = &rest[taken..];
            if !other.receive(&mut input).expect("it is whole") {
                break;
            }
            assert!(input.len() <= 10_000 && other.input.len() <= DEFLATED_INPUT);
            count += input.len();
            input.clear();
        }
        assert_eq!(count, bomb.len());
    }

    /// A peer may end its stream; nothing can come behind.
    #[test]
    fn an_end() {
        let (mut one, mut other) = pair();
        let mut octets = Vec::with_capacity(100);
        let said = b"* BYE\r\n";
        let done = one
            .deflate
            .compress_vec(said, &mut octets, FlushCompress::Finish);
        assert_eq!(done.expect("anything can be deflated"), Status::StreamEnd);
        assert_eq!(other.input.extend(&octets), octets.len());
        let mut input = Input::new(100);
        assert_eq!(other.receive(&mut input), Ok(true));
        assert_eq!(&input[..], said);
        assert_eq!(other.receive(&mut input), Ok(false));
        assert_eq!(other.input.extend(b"x"), 1);
        assert_eq!(other.receive(&mut input), Err(Damaged));
    }

    #[test]
    fn what_is_not_compressed_is_damaged() {
        let (_, mut other) = pair();
        let said = b"a LOGIN mallory secret\r\n";
        assert_eq!(other.input.extend(said), said.len());
        assert_eq!(other.receive(&mut Input::new(1000)), Err(Damaged));
    }
}
