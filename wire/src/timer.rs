//! A point in time that a machine must not sleep through.

use std::time::{Duration, Instant};

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
