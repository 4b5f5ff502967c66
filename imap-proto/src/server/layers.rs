//! What lies between the protocol and the connection: TLS and compression.

use std::time::Instant;

use mailwire::{Output, Step};

use super::replies::ok;
use super::{Server, State, Turn};
use crate::deflate::Damaged;
use crate::error::Error;
use crate::tag::Tag;

impl Server {
    pub(super) fn begin_tls(&mut self, tag: Tag) -> Turn {
        self.speaker.answer(Some(tag), ok("Begin TLS negotiation"));
        self.state = State::StartingTls;
        Turn::Go
    }

    pub(super) fn starting_tls(&mut self, now: Instant) -> Turn {
        if !self.input.is_empty() {
            self.fail(Error::PlaintextBehindStartTls);
            return Turn::Go;
        }
        // For the answer to be taken and the handshake to be made.
        let time = self.config.limits.auth_time;
        self.timer.arm_if_idle(now, time);
        Turn::Step(Step::StartTls)
    }

    /// From behind this answer on everything is compressed, both ways (RFC 4978 section 3).
    pub(super) fn begin_compression(&mut self, tag: Tag) -> Turn {
        self.speaker.answer(Some(tag), ok("Compression begins"));
        self.layer.begin(&mut self.input, &mut self.speaker.output);
        self.session.compressed = true;
        Turn::Go
    }

    /// Inflates what has come. Says whether there was anything.
    pub(super) fn inflate(&mut self) -> bool {
        match self.layer.receive(&mut self.input) {
            Ok(any) => any,
            Err(Damaged) => {
                self.speaker.bye("That is not compressed well");
                self.fail(Error::Damaged);
                false
            }
        }
    }

    /// What is to be sent over the connection.
    pub(super) fn to_send(&self) -> &Output {
        self.layer.output(&self.speaker.output)
    }
}
