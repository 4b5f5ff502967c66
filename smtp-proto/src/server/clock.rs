//! The timers of a session.

use std::time::{Duration, Instant};

use mailwire::{FlushTimer, Input, Output, Step, Timer};

use super::{Server, State, Turn};
use crate::{Error, Limits};

/// What a session waits for, and how long.
#[derive(Debug, Default)]
pub(super) struct Clock {
    /// For the next line, or the next octets of a message.
    input: Timer,
    /// For the whole message.
    message: Timer,
    /// For the peer to read something.
    flush: FlushTimer,
    /// What had come when the timers last moved.
    octets_received: u64,
}

impl Clock {
    /// No whole line is there, or no handshake yet: single octets prolong nothing.
    #[inline]
    pub(super) fn wait(&mut self, now: Instant, time: Duration) {
        self.input.arm_if_idle(now, time);
    }

    /// No more of a message is there: whatever comes prolongs it.
    fn wait_for_message(&mut self, now: Instant, input: &Input, limits: &Limits) {
        self.message.arm_if_idle(now, limits.message_time);
        let received = input.octets_received();
        let has_come = std::mem::replace(&mut self.octets_received, received) != received;
        if has_come || self.input.deadline().is_none() {
            self.input.arm(now, limits.data_time);
        }
    }

    /// What was waited for has come.
    #[inline]
    pub(super) fn arrived(&mut self) {
        self.input.disarm();
    }

    /// There is no message any more.
    #[inline]
    pub(super) fn message_over(&mut self) {
        self.input.disarm();
        self.message.disarm();
    }

    /// More waits to be sent than may be: the peer has to read, in time.
    pub(super) fn wait_for_reader(&mut self, now: Instant, output: &Output, limits: &Limits) {
        self.flush.wait(now, output, limits.command_time);
    }

    /// The peer reads.
    #[inline]
    pub(super) fn is_read(&mut self) {
        self.flush.disarm();
    }

    /// Whether a time is up, so that something [may have expired](Self::expired). It is asked in every
    /// step, and hardly ever true.
    #[inline]
    fn has_struck(&self, now: Instant) -> bool {
        let flush = self.flush.deadline();
        self.input.has_expired(now)
            || self.message.has_expired(now)
            || flush.is_some_and(|deadline| deadline <= now)
    }

    /// What has taken too long, if so. `within_message` says that its octets are waited for.
    fn expired(
        &self,
        now: Instant,
        within_message: bool,
        input: &Input,
        output: &Output,
    ) -> Option<Error> {
        if self.flush.has_expired(now, output) {
            Some(Error::WriteTimeout)
        } else if self.message.has_expired(now) {
            Some(Error::MessageTimeout)
        } else if !self.input.has_expired(now) {
            None
        } else if !within_message {
            Some(Error::CommandTimeout)
        } else if input.octets_received() == self.octets_received {
            Some(Error::MessageTimeout)
        } else {
            // What came since we last waited is progress, even if it came in the last moment or
            // the application took long over it.
            None
        }
    }

    pub(super) fn deadline(&self) -> Option<Instant> {
        let waits = [self.input.deadline(), self.message.deadline()];
        waits
            .into_iter()
            .chain([self.flush.deadline()])
            .flatten()
            .min()
    }
}

impl Server {
    /// Nothing complete is there: wait, but not for ever; or it is over.
    #[inline]
    pub(super) fn need_input(&mut self, now: Instant) -> Turn {
        if self.ended {
            return self.input_ended();
        }
        let limits = &self.config.limits;
        let time = match self.state {
            State::Body | State::Skipping { .. } => {
                self.clock.wait_for_message(now, &self.input, limits);
                return Turn::Step(Step::NeedInput);
            }
            State::AuthLine => limits.auth_time,
            State::Silence => limits.greeting_delay,
            _ => limits.command_time,
        };
        self.clock.wait(now, time);
        Turn::Step(Step::NeedInput)
    }

    #[cold]
    fn input_ended(&mut self) -> Turn {
        match self.state {
            State::Command | State::Refused
                if self.input.is_empty() && !self.lines.is_within_line() =>
            {
                self.state = State::Closing;
            }
            _ => self.fail(Error::Disconnected),
        }
        Turn::Go
    }

    #[inline]
    pub(super) fn expire(&mut self, now: Instant) {
        if self.clock.has_struck(now) {
            self.struck(now);
        }
    }

    /// A time is up.
    #[cold]
    fn struck(&mut self, now: Instant) {
        let within_message = matches!(self.state, State::Body | State::Skipping { .. });
        match self
            .clock
            .expired(now, within_message, &self.input, &self.output)
        {
            // It was silent for long enough, if it was.
            Some(Error::CommandTimeout) if matches!(self.state, State::Silence) => {
                self.clock.arrived();
                match self.input.is_empty() {
                    true => self.state = State::Greeting(None),
                    false => self.fail(Error::EarlyTalker),
                }
            }
            Some(error) => self.fail(error),
            None => {}
        }
    }
}
