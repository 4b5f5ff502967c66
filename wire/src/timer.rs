//! A point in time that a machine must not sleep through.

use std::time::{Duration, Instant};

use crate::Output;

/// One deadline: armed, or not.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Timer(Option<Instant>);

impl Timer {
    /// A timer that is not armed.
    pub const fn new() -> Self {
        Self(None)
    }

    /// Runs out `after` this long from `now`.
    ///
    /// A time too far to be represented is as good as never.
    #[inline]
    pub fn arm(&mut self, now: Instant, after: Duration) {
        self.0 = now.checked_add(after);
    }

    /// Runs out `after` this long from `now`, unless it is running already.
    #[inline]
    pub fn arm_if_idle(&mut self, now: Instant, after: Duration) {
        if self.0.is_none() {
            self.arm(now, after);
        }
    }

    /// Does not run out any more.
    #[inline]
    pub fn disarm(&mut self) {
        self.0 = None;
    }

    /// Whether it has run out by `now`.
    #[inline]
    pub fn has_expired(&self, now: Instant) -> bool {
        self.0.is_some_and(|deadline| deadline <= now)
    }

    /// When it runs out.
    #[inline]
    pub fn deadline(&self) -> Option<Instant> {
        self.0
    }
}

/// The time in which a peer must read at least something of what waits for it. Each octet that
/// leaves is progress, so a slow reader is waited for, and one that does not read at all is not.
#[derive(Debug, Default)]
pub struct FlushTimer {
    timer: Timer,
    /// What had left when somebody last looked.
    octets_left: u64,
}

impl FlushTimer {
    /// A timer that is not armed.
    pub const fn new() -> Self {
        Self {
            timer: Timer::new(),
            octets_left: 0,
        }
    }

    /// More waits to be sent than should: the peer has to read, `within` this long.
    pub fn wait(&mut self, now: Instant, output: &Output, within: Duration) {
        let left = output.octets_left();
        if std::mem::replace(&mut self.octets_left, left) != left {
            self.timer.disarm();
        }
        self.timer.arm_if_idle(now, within);
    }

    /// The peer need not read.
    #[inline]
    pub fn disarm(&mut self) {
        self.timer.disarm();
    }

    /// Whether the time has run out by `now` and nothing has left in it.
    #[inline]
    pub fn has_expired(&self, now: Instant, output: &Output) -> bool {
        self.timer.has_expired(now) && output.octets_left() == self.octets_left
    }

    /// When it runs out.
    #[inline]
    pub fn deadline(&self) -> Option<Instant> {
        self.timer.deadline()
    }
}

#[cfg(test)]
mod tests {
    use bytes::Buf;

    use super::*;

    #[test]
    fn a_slow_reader_is_waited_for() {
        #[expect(clippy::disallowed_methods, reason = "any beginning will do")]
        let start = Instant::now();
        let minute = Duration::from_secs(60);
        let mut output = Output::new(0);
        output.push(b"abc");
        let mut timer = FlushTimer::new();
        timer.wait(start, &output, minute);
        output.advance(1);
        let later = start + minute;
        assert!(!timer.has_expired(later, &output), "an octet has left");
        timer.wait(later, &output, minute);
        assert!(!timer.has_expired(later, &output));
        assert!(timer.has_expired(later + minute, &output), "none has since");
        timer.disarm();
        assert!(!timer.has_expired(later + minute, &output));
    }
}
