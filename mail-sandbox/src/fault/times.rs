//! How often faults happen.

use std::collections::VecDeque;
use std::fmt;
use std::time::{Duration, Instant};

use super::notation::Time;

/// How often, of all the times that a place is met.
#[derive(Debug, Clone, Copy, PartialEq)]
#[non_exhaustive]
pub enum Times {
    /// Each time.
    Always,
    /// The nth time, the first being 1.
    Nth(u64),
    /// The first n times.
    First(u64),
    /// From the nth time on.
    From(u64),
    /// Each nth time.
    Every(u64),
    /// With a probability. The same seed makes the same choices.
    Chance {
        /// Between 0 and 1.
        probability: f64,
        /// Where the choices begin.
        seed: u64,
    },
    /// When there were more than so many within this time, this one included.
    Over {
        /// So many are fine.
        count: u64,
        /// In this time.
        within: Duration,
    },
    /// As long as no more than this time has passed since it was met first.
    ForTheFirst(Duration),
}

/// What is counted together.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Per {
    /// Everything.
    #[default]
    Sandbox,
    /// Each connection apart.
    Connection,
    /// Each address of commands and transactions apart.
    Address,
}

/// What has been counted for a fault, in one of the groups that it counts apart.
#[derive(Debug, Default)]
pub(super) struct Counter {
    met: u64,
    first: Option<Instant>,
    recent: VecDeque<Instant>,
    random: Option<u64>,
}

impl Times {
    /// Whether it could happen.
    pub(super) fn check(&self) -> Result<(), String> {
        match *self {
            Self::Nth(0) | Self::From(0) | Self::Every(0) => Err("the first time is 1".into()),
            Self::First(0) => Err("the first 0 times are none".into()),
            Self::Chance { probability, .. } if !(0.0..=1.0).contains(&probability) => {
                Err("a probability is between 0 and 1".into())
            }
            Self::Over { count, .. } if count > MOST_COUNTED => {
                Err(format!("no more than {MOST_COUNTED} can be counted"))
            }
            _ => Ok(()),
        }
    }
}

impl Counter {
    /// Counts one more, and says whether it is one of those.
    pub(super) fn meet(&mut self, times: &Times, now: Instant) -> bool {
        self.met += 1;
        let first = *self.first.get_or_insert(now);
        match *times {
            Times::Always => true,
            Times::Nth(n) => self.met == n,
            Times::First(n) => self.met <= n,
            Times::From(n) => self.met >= n,
            Times::Every(n) => self.met % n == 0,
            Times::Chance { probability, seed } => {
                let random = self.random.get_or_insert(seed);
                // The upper 53 bits are a fraction that a float holds exactly.
                let fraction = (split_mix(random) >> 11) as f64 / (1_u64 << 53) as f64;
                fraction < probability
            }
            Times::Over { count, within } => {
                let recent = &mut self.recent;
                while recent.front().is_some_and(|&then| now - then > within) {
                    recent.pop_front();
                }
                recent.push_back(now);
                let over = recent.len() as u64 > count;
                if over {
                    // One that was refused has not happened, and no more need be remembered.
                    recent.pop_back();
                }
                over
            }
            Times::ForTheFirst(time) => now - first < time,
        }
    }
}

/// The next number of a sequence that looks random (SplitMix64): the same on every machine.
fn split_mix(state: &mut u64) -> u64 {
    *state = state.wrapping_add(0x9E37_79B9_7F4A_7C15);
    let mut mixed = *state;
    mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    mixed ^ (mixed >> 31)
}

/// What `over` can count: it has to remember each.
const MOST_COUNTED: u64 = 100_000;

impl fmt::Display for Times {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Self::Always => Ok(()),
            Self::Nth(n) => write!(f, " nth {n}"),
            Self::First(n) => write!(f, " first {n}"),
            Self::From(n) => write!(f, " from {n}"),
            Self::Every(n) => write!(f, " every {n}"),
            Self::Chance { probability, seed } => write!(f, " chance {probability} seed {seed}"),
            Self::Over { count, within } => write!(f, " over {count} in {}", Time(within)),
            Self::ForTheFirst(time) => write!(f, " for-the-first {}", Time(time)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn happens(times: Times, seconds: &[u64]) -> Vec<bool> {
        let (mut counter, start) = (Counter::default(), Instant::now());
        let at = |&seconds| start + Duration::from_secs(seconds);
        let met = seconds.iter().map(at);
        met.map(|now| counter.meet(&times, now)).collect()
    }

    #[test]
    fn counting() {
        let five = [0, 0, 0, 0, 0];
        for (times, expected) in [
            (Times::Always, [true; 5]),
            (Times::Nth(2), [false, true, false, false, false]),
            (Times::First(2), [true, true, false, false, false]),
            (Times::From(4), [false, false, false, true, true]),
            (Times::Every(2), [false, true, false, true, false]),
        ] {
            assert_eq!(happens(times, &five), expected, "{times:?}");
        }
    }

    #[test]
    fn time() {
        let within = Duration::from_secs(10);
        let over = Times::Over { count: 2, within };
        assert_eq!(
            happens(over, &[0, 1, 2, 3, 11, 12, 12]),
            [false, false, true, true, false, false, true]
        );
        let first = Times::ForTheFirst(within);
        assert_eq!(happens(first, &[5, 14, 15]), [true, true, false]);
    }

    #[test]
    fn chance_is_the_same_for_the_same_seed() {
        let chance = |seed| {
            let times = Times::Chance {
                probability: 0.3,
                seed,
            };
            happens(times, &[0; 1000])
        };
        assert_eq!(chance(7), chance(7));
        assert_ne!(chance(7), chance(8));
        let happened = chance(7).into_iter().filter(|&happens| happens).count();
        assert!((250..350).contains(&happened), "{happened} of 1000");
        for (probability, expected) in [(0.0, false), (1.0, true)] {
            let times = Times::Chance {
                probability,
                seed: 1,
            };
            assert_eq!(happens(times, &[0; 3]), [expected; 3]);
        }
    }
}
