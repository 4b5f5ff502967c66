//! A message on its way in: framed by dots (DATA) or by counting (BDAT), limited and screened.

use bytes::Bytes;
use mailwire::Input;
use mailwire::dot::{Screen, Stray, Strays, Unstuffed, Unstuffer};

use super::{Aborted, Config};
use crate::Limits;
use crate::command::Chunk;

/// A message that is being received.
#[derive(Debug)]
pub(super) struct Incoming {
    framing: Framing,
    /// What had been received before it.
    start: u64,
    /// How much of it was handed out.
    octets: u64,
    /// How much was announced by its chunks.
    announced: u64,
    refused: Option<Aborted>,
    /// The application knows that it is refused.
    told: bool,
    complete: bool,
}

#[derive(Debug)]
enum Framing {
    /// Up to a line with a dot.
    Dots(Unstuffer),
    /// So many octets more, then perhaps another chunk.
    Chunks {
        screen: Screen,
        left: u64,
        last: bool,
    },
}

/// What the next octets of a message are.
#[derive(Debug)]
pub(super) enum Found {
    Piece(Bytes),
    /// It will not be accepted: to be told once.
    Refused(Aborted),
    NeedInput,
    /// The end of a chunk that is not the last.
    ChunkEnd,
    End,
    /// It is refused, and does not end within the bound.
    Endless(Aborted),
}

impl Incoming {
    /// A message that follows DATA.
    pub(super) fn dots(input: &Input, config: &Config) -> Self {
        Self::new(input, Framing::Dots(Unstuffer::new(config.strays)))
    }

    /// A message whose first chunk is still to be [begun](Self::begin). If it is `binary`, its octets
    /// mean nothing, so that none is amiss.
    pub(super) fn chunks(input: &Input, config: &Config, binary: bool) -> Self {
        let policy = if binary { Strays::Allow } else { config.strays };
        let framing = Framing::Chunks {
            screen: Screen::new(policy),
            left: 0,
            last: false,
        };
        Self::new(input, framing)
    }

    fn new(input: &Input, framing: Framing) -> Self {
        Self {
            framing,
            start: input.octets_received() - input.len() as u64,
            octets: 0,
            announced: 0,
            refused: None,
            told: false,
            complete: false,
        }
    }

    /// A chunk follows. If it is more than the message may have, none of it is looked at.
    pub(super) fn begin(&mut self, chunk: Chunk, limits: &Limits) {
        let Framing::Chunks { left, last, .. } = &mut self.framing else {
            unreachable!("BDAT is not legal behind DATA");
        };
        (*left, *last) = (chunk.size, chunk.last);
        self.announced = self.announced.saturating_add(chunk.size);
        let room = limits.message.unwrap_or(u64::MAX) - self.octets;
        if chunk.size > room {
            self.refused.get_or_insert(Aborted::TooLarge);
        }
    }

    /// Why it will not be accepted, if so.
    pub(super) fn refused(&self) -> Option<Aborted> {
        self.refused
    }

    /// How many octets its chunks had, up to the end of the one that comes.
    pub(super) fn announced(&self) -> u64 {
        self.announced
    }

    /// What comes next.
    pub(super) fn next(&mut self, input: &mut Input, limits: &Limits) -> Found {
        loop {
            if let Some(refused) = self.refused {
                if !std::mem::replace(&mut self.told, true) {
                    return Found::Refused(refused);
                }
                if self.is_endless(input, limits) {
                    return Found::Endless(refused);
                }
            }
            if self.complete {
                return Found::End;
            }
            let framed = self.framing.next(input, self.refused.is_some());
            if self.refused.is_none() {
                self.refused = self.framing.stray().map(Aborted::Stray);
            }
            match framed {
                Framed::Text(_) if self.refused.is_some() => {}
                Framed::Text(mut piece) => {
                    let left = limits.message.unwrap_or(u64::MAX) - self.octets;
                    if piece.len() as u64 > left {
                        // What fits is still handed out, so that the cut does not depend on
                        // how the bytes arrived.
                        piece.truncate(usize::try_from(left).expect("less than a piece"));
                        self.refused = Some(Aborted::TooLarge);
                    }
                    if !piece.is_empty() {
                        self.octets += piece.len() as u64;
                        return Found::Piece(piece);
                    }
                }
                Framed::Wait if self.refused.is_none() => return Found::NeedInput,
                Framed::Wait if self.told && !self.is_endless(input, limits) => {
                    return Found::NeedInput;
                }
                Framed::Wait => {}
                Framed::ChunkEnd => match self.refused {
                    Some(_) if !self.told => {}
                    _ => return Found::ChunkEnd,
                },
                Framed::End => self.complete = true,
            }
        }
    }

    fn is_endless(&self, input: &Input, limits: &Limits) -> bool {
        let read = input.octets_received() - input.len() as u64 - self.start;
        let most = limits
            .message
            .unwrap_or(0)
            .saturating_add(limits.skipped_message);
        read > most
    }
}

/// What a framing finds, whatever becomes of it.
enum Framed {
    Text(Bytes),
    Wait,
    ChunkEnd,
    End,
}

impl Framing {
    fn next(&mut self, input: &mut Input, skipping: bool) -> Framed {
        match self {
            Self::Dots(unstuffer) => match unstuffer.next(input) {
                Unstuffed::Data(piece) => Framed::Text(piece),
                Unstuffed::NeedInput => Framed::Wait,
                Unstuffed::End => Framed::End,
            },
            Self::Chunks { left: 0, last, .. } if !*last => Framed::ChunkEnd,
            Self::Chunks {
                left: 0, screen, ..
            } => match screen.finish() {
                rest if rest.is_empty() => Framed::End,
                rest => Framed::Text(rest),
            },
            Self::Chunks { left, .. } if skipping => {
                *left -= skip(input, *left);
                match *left {
                    0 => self.next(input, skipping),
                    _ => Framed::Wait,
                }
            }
            Self::Chunks { left, screen, .. } => {
                let (taken, piece) = screen.next(input, *left);
                *left -= taken as u64;
                match taken {
                    0 if piece.is_empty() => Framed::Wait,
                    _ => Framed::Text(piece),
                }
            }
        }
    }

    /// The first stray, where strays are refused.
    fn stray(&self) -> Option<Stray> {
        match self {
            Self::Dots(unstuffer) => unstuffer.refused(),
            Self::Chunks { screen, .. } => screen.refused(),
        }
    }
}

/// Removes up to `most` octets, as far as they are there, and says how many.
pub(super) fn skip(input: &mut Input, most: u64) -> u64 {
    let here = usize::try_from(most).map_or(input.len(), |most| most.min(input.len()));
    input.consume(here);
    here as u64
}
