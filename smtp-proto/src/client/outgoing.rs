//! A message on its way out: screened, and framed by dots (DATA) or by counting (BDAT).

use bytes::Bytes;
use mailwire::Output;
use mailwire::dot::{Screen, Stray, Strays, Stuffer};

use crate::command::Chunk;

/// A message that is being sent.
#[derive(Debug)]
pub(super) struct Outgoing {
    screen: Screen,
    framing: Framing,
}

#[derive(Debug)]
enum Framing {
    Dots(Stuffer),
    /// What is gathered for the next chunk, and how much that is at most.
    Chunks {
        gathered: Output,
        most: usize,
    },
}

impl Outgoing {
    /// For DATA.
    pub(super) fn dots(strays: Strays) -> Self {
        Self {
            screen: Screen::new(strays),
            framing: Framing::Dots(Stuffer::new()),
        }
    }

    /// For BDAT, in chunks of up to `most` octets or a little more.
    pub(super) fn chunks(strays: Strays, most: usize) -> Self {
        let gathered = Output::new(most);
        Self {
            screen: Screen::new(strays),
            framing: Framing::Chunks { gathered, most },
        }
    }

    /// Whether a chunk is full, and has to be [sent](Self::chunk) before more is taken.
    pub(super) fn is_full(&self) -> bool {
        match &self.framing {
            Framing::Dots(_) => false,
            Framing::Chunks { gathered, most } => gathered.len() >= *most,
        }
    }

    /// What is amiss with it, where that is refused.
    pub(super) fn refused(&self) -> Option<Stray> {
        self.screen.refused()
    }

    /// Takes what fits from the front of a piece.
    pub(super) fn write(&mut self, piece: &mut Bytes, output: &mut Output) -> Result<(), Stray> {
        let room = match &self.framing {
            // One more than to the mark, so that it is flushed and not only full.
            Framing::Dots(_) => output.room() + 1,
            Framing::Chunks { gathered, .. } => gathered.room(),
        };
        let mut fits = piece.split_to(room.min(piece.len()));
        while !fits.is_empty() && self.screen.refused().is_none() {
            let text = self.screen.filter(&mut fits);
            self.push(text, output);
        }
        self.screen.refused().map_or(Ok(()), Err)
    }

    /// Sends what is gathered as a chunk.
    pub(super) fn chunk(&mut self, last: bool, output: &mut Output) {
        let Framing::Chunks { gathered, .. } = &mut self.framing else {
            unreachable!("only chunks are gathered");
        };
        let size = gathered.len() as u64;
        let head = format!("{}\r\n", Chunk { size, last });
        output.push(head.as_bytes());
        output.append(gathered);
    }

    /// Ends the message.
    pub(super) fn finish(mut self, output: &mut Output) -> Result<(), Stray> {
        let rest = self.screen.finish();
        if let Some(stray) = self.screen.refused() {
            return Err(stray);
        }
        self.push(rest, output);
        match self.framing {
            Framing::Dots(stuffer) => stuffer.finish(output),
            Framing::Chunks { .. } => self.chunk(true, output),
        }
        Ok(())
    }

    fn push(&mut self, text: Bytes, output: &mut Output) {
        match &mut self.framing {
            Framing::Dots(stuffer) => stuffer.write(text, output),
            Framing::Chunks { gathered, .. } => gathered.push_bytes(text),
        }
    }
}
