//! What the faults of a place come to.

use std::time::Duration;

use super::protocol::{Capability, Protocol};
use crate::fault::{Action, Hit};

/// What has to be done at a place, in the order of its octets.
#[derive(Debug, Default)]
pub(super) struct Hits(pub(super) Vec<Hit>);

impl Hits {
    /// The answer that the faults want, if they want one: the first of them.
    pub(super) fn verdict(&self) -> Option<String> {
        self.0.iter().find_map(|hit| match &hit.action {
            Action::Reply(text) => Some(text.clone()),
            _ => None,
        })
    }

    /// Changes an answer as a whole.
    pub(super) fn edit<P: Protocol>(&self, answer: &mut Vec<u8>) {
        for hit in &self.0 {
            match &hit.action {
                Action::With(words) => P::announce(answer, Capability::With(words)),
                Action::Without(words) => P::announce(answer, Capability::Without(words)),
                Action::Garble => garble(answer, hit.after),
                Action::Insert(text) => {
                    answer.splice(..0, super::protocol::lines(text));
                }
                _ => {}
            }
        }
    }

    pub(super) fn is_later(&self) -> bool {
        self.0.iter().any(|hit| hit.action == Action::Later)
    }

    /// How long after each other the octets are said.
    pub(super) fn pace(&self) -> Option<Duration> {
        self.0.iter().find_map(|hit| match hit.action {
            Action::Slowly(time) => Some(time),
            _ => None,
        })
    }

    /// Where the next of them is due.
    pub(super) fn next_at(&self) -> Option<u64> {
        self.0.first().map(|hit| hit.after)
    }
}

/// Sets the highest bit of every octet behind so many of them, but for line ends.
fn garble(answer: &mut [u8], after: u64) {
    let after = usize::try_from(after).unwrap_or(usize::MAX);
    for octet in answer.iter_mut().skip(after) {
        if !matches!(octet, b'\r' | b'\n') {
            *octet |= 0x80;
        }
    }
}
