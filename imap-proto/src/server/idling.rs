//! A client that listens (RFC 2177, RFC 9051 section 6.3.13).

use std::time::Instant;

use mailwire::Step;

use super::news::{Moment, Told};
use super::question::Back;
use super::replies::{bad, completed, ok};
use super::{Event, Server, State, Turn};
use crate::command;
use crate::frame::Found;
use crate::response::Data;
use crate::tag::Tag;

impl Server {
    /// The client listens from now on.
    pub(super) fn begin_idle(&mut self, tag: Tag) -> Turn {
        self.speaker.proceed("idling");
        self.framer.expect_line();
        self.state = State::Idling(tag);
        Turn::Step(Step::Event(Event::Idle))
    }

    pub(super) fn idle(&mut self, now: Instant) -> Turn {
        let State::Idling(tag) = &self.state else {
            unreachable!("called in this state alone");
        };
        let tag = tag.clone();
        match self.tell(Moment::Idle) {
            Told::Nothing => {}
            Told::Some => return Turn::Go,
            Told::Ask(asked) => return self.look_up(asked, Back::Idle(tag)),
        }
        if self.stopping {
            return self.stop();
        }
        let found = match self.framer.next(&mut self.input) {
            Ok(found) => found,
            Err(error) => return self.break_off(error.into()),
        };
        match found {
            Found::Incomplete => {
                if self.keepalive.has_expired(now) {
                    self.speaker.untagged(Data::Status(ok("Still here")));
                    self.keepalive.disarm();
                }
                if let Some(time) = self.config.keepalive {
                    self.keepalive.arm_if_idle(now, time);
                }
                let turn = self.need_input(now);
                if !matches!(self.state, State::Idling(_)) {
                    self.keepalive.disarm();
                }
                return turn;
            }
            Found::Frame(frame) if command::is_idle_done(frame.octets()) => {
                self.end(tag, completed("IDLE"), true);
            }
            _ => {
                // What came in its place is not done.
                self.speaker
                    .answer(Some(tag), bad("DONE is what ends IDLE"));
                self.state = State::Command;
                self.count_error();
            }
        }
        self.timer.disarm();
        self.keepalive.disarm();
        Turn::Go
    }
}
