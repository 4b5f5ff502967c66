//! Messages on their way in: their octets, and what is said at their end.

use std::time::Instant;

use mailwire::Step;

use super::question::Question;
use super::session::Chunks;
use super::{Aborted, Event, Server, State, Statuses, Turn, incoming, replies};
use crate::command::Chunk;
use crate::{Error, Reply};

impl Server {
    pub(super) fn chunk(&mut self, chunk: Chunk) -> Turn {
        let Some(incoming) = &mut self.incoming else {
            return self.ask(Question::Chunk(chunk), || Event::Data);
        };
        incoming.begin(chunk, &self.config.limits);
        self.receive();
        Turn::Go
    }

    /// Takes no notice of a chunk's octets, and says this behind them.
    pub(super) fn skip(&mut self, chunk: Chunk, reply: Reply) {
        let limits = &self.config.limits;
        let spent = &mut self.session.spent;
        spent.skipped = spent.skipped.saturating_add(chunk.size);
        let most = limits.message.unwrap_or(0);
        if spent.skipped > most.saturating_add(limits.skipped_message) {
            reply.write(&mut self.output);
            self.fail(Error::EndlessMessage);
            return;
        }
        let ends = chunk.last && self.session.transaction.chunks == Chunks::Failed;
        self.state = State::Skipping {
            octets: chunk.size,
            due: Box::new(Statuses {
                reply,
                left: self.session.statuses_after(ends, &self.config),
                is_error: true,
            }),
        };
        self.input.expect_bulk(true);
        if ends {
            self.drop_transaction();
        }
    }

    #[cold]
    pub(super) fn skip_on(&mut self, now: Instant) -> Turn {
        let State::Skipping { octets, .. } = &mut self.state else {
            unreachable!("called in this state alone");
        };
        *octets -= incoming::skip(&mut self.input, *octets);
        if *octets > 0 {
            return self.need_input(now);
        }
        self.clock.message_over();
        self.input.expect_bulk(false);
        if let State::Skipping { due, .. } = std::mem::replace(&mut self.state, State::Command) {
            self.state = State::Statuses(due);
        }
        Turn::Go
    }

    /// Waits for the octets of a message.
    pub(super) fn receive(&mut self) {
        self.state = State::Body;
        self.input.expect_bulk(true);
    }

    /// The next piece of the message. Apart from the step, like the reading of a line.
    #[inline(never)]
    pub(super) fn body(&mut self, now: Instant) -> Turn {
        let incoming = self.incoming.as_mut().expect("a message is coming");
        match incoming.next(&mut self.input, &self.config.limits) {
            incoming::Found::Piece(piece) => Turn::Step(Step::Event(Event::Body(piece))),
            incoming::Found::Refused(aborted) => Turn::Step(Step::Event(Event::Aborted(aborted))),
            incoming::Found::NeedInput => self.need_input(now),
            incoming::Found::ChunkEnd => {
                let (octets, refused) = (incoming.announced(), incoming.refused());
                self.end_of_chunk(octets, refused)
            }
            incoming::Found::End => {
                let refused = incoming.refused();
                self.end_of_data(refused)
            }
            incoming::Found::Endless(aborted) => {
                replies::aborted(aborted).write(&mut self.output);
                self.fail(Error::EndlessMessage);
                Turn::Go
            }
        }
    }

    /// The end of a chunk that is not the last.
    fn end_of_chunk(&mut self, octets: u64, refused: Option<Aborted>) -> Turn {
        self.clock.arrived();
        self.input.expect_bulk(false);
        let Some(refused) = refused else {
            replies::chunk(octets, &mut self.output);
            self.state = State::Command;
            return Turn::Go;
        };
        self.incoming = None;
        self.clock.message_over();
        self.session.transaction.chunks = Chunks::Failed;
        self.state = State::Statuses(Box::new(Statuses {
            reply: replies::aborted(refused),
            left: 1,
            is_error: true,
        }));
        Turn::Go
    }

    fn end_of_data(&mut self, aborted: Option<Aborted>) -> Turn {
        let due = self.session.statuses_after(true, &self.config);
        self.input.expect_bulk(false);
        // The transaction is over, whatever the reply will be.
        self.drop_transaction();
        let Some(aborted) = aborted else {
            return self.ask(Question::EndOfData(due), || Event::EndOfData);
        };
        self.state = State::Statuses(Box::new(Statuses {
            reply: replies::aborted(aborted),
            left: due,
            is_error: true,
        }));
        Turn::Go
    }

    /// The next of several statuses, or what comes after the last.
    #[cold]
    pub(super) fn status(&mut self) -> Turn {
        let State::Statuses(due) = &mut self.state else {
            unreachable!("called in this state alone");
        };
        if due.left > 0 {
            due.left -= 1;
            due.reply.write(&mut self.output);
            return Turn::Go;
        }
        let is_error = due.is_error;
        self.state = match due.reply.code() {
            421 => State::Closing,
            _ => State::Command,
        };
        if is_error {
            self.count_error();
        }
        Turn::Go
    }
}
