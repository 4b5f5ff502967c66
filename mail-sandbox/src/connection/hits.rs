//! What the faults of a place come to.

use std::time::Duration;

use crate::fault::{Action, Hit};

/// What has to be done at a place, in the order of its octets.
#[derive(Debug, Default)]
pub(crate) struct Hits(pub(crate) Vec<Hit>);

impl Hits {
    /// What the faults want to be said in place of it, if they do: the first of them.
    pub(crate) fn verdict(&self) -> Option<String> {
        self.0.iter().find_map(|hit| match &hit.action {
            Action::Reply(text) => Some(text.clone()),
            _ => None,
        })
    }

    /// Changes what is to be said as a whole.
    pub(super) fn edit(&self, words: &mut Vec<u8>) {
        for hit in &self.0 {
            match &hit.action {
                Action::Garble => garble(words, hit.after),
                Action::BareLf => bare_lf(words, hit.after),
                Action::Insert(text) => {
                    words.splice(..0, lines(text));
                }
                _ => {}
            }
        }
    }

    /// Whether the next is said without waiting for the answer.
    pub(crate) fn hurries(&self) -> bool {
        self.0.iter().any(|hit| hit.action == Action::Hurry)
    }

    pub(crate) fn is_later(&self) -> bool {
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
    pub(crate) fn next_at(&self) -> Option<u64> {
        self.0.first().map(|hit| hit.after)
    }
}

/// Sets the highest bit of every octet behind so many of them, but for line ends.
fn garble(words: &mut [u8], after: u64) {
    let after = usize::try_from(after).unwrap_or(usize::MAX);
    for octet in words.iter_mut().skip(after) {
        if !matches!(octet, b'\r' | b'\n') {
            *octet |= 0x80;
        }
    }
}

/// Takes the CR from every line end behind so many octets.
fn bare_lf(words: &mut Vec<u8>, after: u64) {
    let after = usize::try_from(after).unwrap_or(usize::MAX);
    let mut index = 0;
    let before = std::mem::take(words);
    words.extend(before.iter().copied().filter(|&octet| {
        index += 1;
        let is_end = octet == b'\r' && before.get(index) == Some(&b'\n');
        !is_end || index <= after
    }));
}

/// A text of a fault as lines.
pub(crate) fn lines(text: &str) -> Vec<u8> {
    let mut lines = Vec::new();
    for line in text.split('\n') {
        lines.extend_from_slice(line.trim_end_matches('\r').as_bytes());
        lines.extend_from_slice(b"\r\n");
    }
    lines
}
