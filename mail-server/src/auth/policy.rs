//! What failures cost those who fail.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

use crate::limits::FAILED_ADDRESSES;

/// How authentication answers those who guess.
///
/// Only guesses count, for a user who does not exist or with a wrong password; not what was
/// malformed or cancelled, nor what nobody could check. How many guesses a connection has is in
/// the limits of its protocol.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Policy {
    /// How long the answer to a guess is held back. Default 1 second.
    pub delay: Duration,
    /// Guesses from one address, or from one /64 network of IPv6, after which nothing is looked
    /// up any more: the client is told to come back later. Default 30.
    pub guesses: u32,
    /// After this time one guess of an address is forgotten. Default 1 minute.
    pub decay: Duration,
}

impl Default for Policy {
    fn default() -> Self {
        Self {
            delay: Duration::from_secs(1),
            guesses: 30,
            decay: Duration::from_secs(60),
        }
    }
}

/// The guesses of each address.
#[derive(Debug, Default)]
pub(super) struct Guesses(Mutex<HashMap<IpAddr, Guessed>>);

#[derive(Debug, Clone, Copy)]
struct Guessed {
    count: u32,
    /// Since when the first of them is being forgotten.
    since: Instant,
}

impl Guesses {
    /// Whether this address has guessed too much.
    pub(super) fn are_too_many(&self, address: IpAddr, policy: &Policy, now: Instant) -> bool {
        let guesses = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let guessed = guesses.get(&address);
        guessed.is_some_and(|guessed| guessed.decayed(policy, now).count >= policy.guesses)
    }

    /// Counts one more.
    pub(super) fn count(&self, address: IpAddr, policy: &Policy, now: Instant) {
        let mut guesses = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if !guesses.contains_key(&address) && guesses.len() >= FAILED_ADDRESSES {
            guesses.retain(|_, guessed| guessed.decayed(policy, now).count > 0);
            // Whoever has guessed least is forgotten for the newcomer.
            if guesses.len() >= FAILED_ADDRESSES {
                let least = guesses.iter().min_by_key(|(_, guessed)| guessed.count);
                if let Some(address) = least.map(|(address, _)| *address) {
                    guesses.remove(&address);
                }
            }
        }
        let fresh = Guessed {
            count: 0,
            since: now,
        };
        let guessed = guesses.entry(address).or_insert(fresh);
        *guessed = guessed.decayed(policy, now);
        guessed.count = guessed.count.saturating_add(1);
    }
}

impl Guessed {
    fn decayed(self, policy: &Policy, now: Instant) -> Self {
        let passed = now.saturating_duration_since(self.since);
        let forgotten = passed
            .as_nanos()
            .checked_div(policy.decay.as_nanos())
            .map_or(u32::MAX, |n| u32::try_from(n).unwrap_or(u32::MAX));
        match self.count.checked_sub(forgotten) {
            None | Some(0) => Self {
                count: 0,
                since: now,
            },
            Some(count) => Self {
                count,
                since: self.since + policy.decay * forgotten,
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn policy() -> Policy {
        Policy {
            guesses: 3,
            ..Policy::default()
        }
    }

    #[tokio::test]
    async fn one_guess_is_forgotten_at_a_time() {
        let (guesses, policy, start) = (Guesses::default(), policy(), Instant::now());
        let address = "192.0.2.1".parse().expect("an address");
        let at = |seconds| start + Duration::from_secs(seconds);
        for seconds in [0, 10, 20] {
            assert!(!guesses.are_too_many(address, &policy, at(seconds)));
            guesses.count(address, &policy, at(seconds));
        }
        let other = "192.0.2.2".parse().expect("an address");
        assert!(!guesses.are_too_many(other, &policy, at(20)));
        assert!(guesses.are_too_many(address, &policy, at(59)));
        assert!(!guesses.are_too_many(address, &policy, at(60)));
        guesses.count(address, &policy, at(61));
        assert!(guesses.are_too_many(address, &policy, at(119)));
        assert!(!guesses.are_too_many(address, &policy, at(120)));
        assert!(!guesses.are_too_many(address, &policy, at(100_000)));
        // Looking does not keep them.
        guesses.count(address, &policy, at(100_000));
        assert!(!guesses.are_too_many(address, &policy, at(100_000)));
    }

    #[tokio::test]
    async fn what_is_remembered_is_bounded() {
        let (guesses, policy, now) = (Guesses::default(), policy(), Instant::now());
        let old = "2001:db8::".parse().expect("an address");
        for _ in 0..3 {
            guesses.count(old, &policy, now);
        }
        for n in 0..u32::try_from(2 * FAILED_ADDRESSES).expect("a small number") {
            guesses.count(IpAddr::from(n.to_be_bytes()), &policy, now);
        }
        let length = guesses.0.lock().expect("no panic").len();
        assert_eq!(length, FAILED_ADDRESSES);
        assert!(guesses.are_too_many(old, &policy, now));
    }

    #[tokio::test]
    async fn a_policy_without_decay_forgets_at_once() {
        let policy = Policy {
            decay: Duration::ZERO,
            ..policy()
        };
        let (guesses, now) = (Guesses::default(), Instant::now());
        let address = "192.0.2.1".parse().expect("an address");
        for _ in 0..5 {
            guesses.count(address, &policy, now);
        }
        assert!(!guesses.are_too_many(address, &policy, now));
    }
}
