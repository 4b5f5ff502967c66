//! What a session waits for, and how long.

use std::time::Instant;

use mailwire::Step;

use super::{Server, State, Turn};
use crate::error::Error;

impl Server {
    /// Nothing complete is there: wait, but not for ever; or it is over.
    pub(super) fn need_input(&mut self, now: Instant) -> Turn {
        if self.ended {
            return self.input_ended();
        }
        let limits = &self.config.limits;
        let time = match self.state {
            State::AuthLine(_) => limits.auth_time,
            _ => limits.idle_time,
        };
        self.timer.arm_if_idle(now, time);
        Turn::Step(Step::NeedInput)
    }

    /// No more of a message is there: whatever comes prolongs the wait.
    pub(super) fn need_octets(&mut self, now: Instant) -> Turn {
        if self.ended {
            return self.input_ended();
        }
        let received = self.input.octets_received();
        if std::mem::replace(&mut self.octets_received, received) != received {
            self.timer.disarm();
        }
        self.timer.arm_if_idle(now, self.config.limits.data_time);
        Turn::Step(Step::NeedInput)
    }

    fn input_ended(&mut self) -> Turn {
        let within = self.framer.is_within_frame(&self.input);
        match self.state {
            // To leave without LOGOUT is not polite, and harms nobody.
            State::Command | State::Idling(_) if !within => self.state = State::Closing,
            _ => self.fail(Error::Disconnected),
        }
        Turn::Go
    }

    pub(super) fn expire(&mut self, now: Instant) {
        if self.flush_timer.has_expired(now, self.to_send()) {
            self.fail(Error::WriteTimeout);
        } else if self.timer.has_expired(now) || self.is_late(now) {
            let within_message = matches!(self.state, State::Appending(_))
                && self.input.octets_received() != self.octets_received;
            if within_message {
                // What came in the last moment is progress.
                return;
            }
            self.speaker.bye("Autologout");
            self.fail(Error::CommandTimeout);
        }
    }

    /// Whether the login has taken too long. Not while the application thinks about it.
    fn is_late(&self, now: Instant) -> bool {
        self.login_timer.has_expired(now) && !matches!(self.state, State::Answering(_))
    }
}
