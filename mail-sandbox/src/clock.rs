//! Time, as a sandbox sees it.

use std::fmt;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::sync::watch;

/// The clock that faults and the time-outs of the servers go by.
///
/// With the [system's](Self::system) a delay of five minutes takes five minutes. With one that is
/// set by [hand](Self::manual) it takes as long as it takes the test to say that they have passed,
/// and with one that [skips](Self::skipping) nothing is waited for at all.
///
/// ```
/// use std::time::Duration;
/// use mail_sandbox::Clock;
///
/// let clock = Clock::manual();
/// let before = clock.now();
/// clock.advance(Duration::from_secs(300));
/// assert_eq!(clock.now() - before, Duration::from_secs(300));
/// ```
#[derive(Clone)]
pub struct Clock(Kind);

#[derive(Clone)]
enum Kind {
    System,
    Set(Arc<Set>),
}

struct Set {
    start: Instant,
    /// How much time has passed since.
    passed: watch::Sender<Duration>,
    skips: bool,
}

impl Clock {
    /// The clock of the system.
    pub fn system() -> Self {
        Self(Kind::System)
    }

    /// A clock that stands still until it is [advanced](Self::advance).
    pub fn manual() -> Self {
        Self::set(false)
    }

    /// The same, but what a fault waits for has passed at once: the clock jumps there. Time-outs of
    /// the servers come only when it is advanced.
    pub fn skipping() -> Self {
        Self::set(true)
    }

    fn set(skips: bool) -> Self {
        Self(Kind::Set(Arc::new(Set {
            start: Instant::now(),
            passed: watch::Sender::new(Duration::ZERO),
            skips,
        })))
    }

    /// Lets time pass. On the system's clock this does nothing: it cannot be hurried.
    pub fn advance(&self, by: Duration) {
        if let Kind::Set(set) = &self.0 {
            set.passed
                .send_modify(|passed| *passed = passed.saturating_add(by));
        }
    }

    /// The time now.
    pub fn now(&self) -> Instant {
        match &self.0 {
            Kind::System => Instant::now(),
            Kind::Set(set) => set.start + *set.passed.borrow(),
        }
    }

    /// Waits until something is due: a time-out.
    pub(crate) async fn reach(&self, time: Instant) {
        match &self.0 {
            Kind::System => tokio::time::sleep_until(time.into()).await,
            Kind::Set(set) => {
                let due = time.saturating_duration_since(set.start);
                let mut passed = set.passed.subscribe();
                // The sender is in the clock, which we hold.
                let _ = passed.wait_for(|passed| *passed >= due).await;
            }
        }
    }

    /// Waits because a fault says so.
    pub(crate) async fn wait_until(&self, time: Instant) {
        match &self.0 {
            Kind::Set(set) if set.skips => {
                let due = time.saturating_duration_since(set.start);
                set.passed.send_modify(|passed| *passed = due.max(*passed));
            }
            _ => self.reach(time).await,
        }
    }
}

impl Default for Clock {
    fn default() -> Self {
        Self::system()
    }
}

impl fmt::Debug for Clock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Kind::System => f.write_str("Clock(system)"),
            Kind::Set(set) => write!(f, "Clock({:?} passed)", *set.passed.borrow()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn hands_of_a_clock() {
        let clock = Clock::manual();
        let due = clock.now() + Duration::from_secs(10);
        let mut waiting = std::pin::pin!(clock.wait_until(due));
        let mut cx = std::task::Context::from_waker(std::task::Waker::noop());
        assert!(waiting.as_mut().poll(&mut cx).is_pending());
        clock.advance(Duration::from_secs(9));
        assert!(waiting.as_mut().poll(&mut cx).is_pending());
        clock.advance(Duration::from_secs(1));
        waiting.await;

        let skipping = Clock::skipping();
        let due = skipping.now() + Duration::from_secs(3600);
        skipping.wait_until(due).await;
        assert_eq!(skipping.now(), due);
    }
}
