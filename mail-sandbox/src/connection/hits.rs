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
                Action::LoseEnd => words.truncate(last_line(words)),
                Action::EndFirst => {
                    let last = last_line(words);
                    words.rotate_left(last);
                }
                Action::Replace(from, to) => replace(words, from, to, hit.after),
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

/// Where the last line begins.
fn last_line(words: &[u8]) -> usize {
    let line = words.strip_suffix(b"\n").unwrap_or(words);
    memchr::memrchr(b'\n', line).map_or(0, |end| end + 1)
}

/// Puts one text in the place of another, wherever that begins behind so many octets.
fn replace(words: &mut Vec<u8>, from: &str, to: &str, after: u64) {
    let after = usize::try_from(after).unwrap_or(usize::MAX);
    let before = std::mem::take(words);
    let (open, behind) = before.split_at(after.min(before.len()));
    words.extend_from_slice(open);
    let mut said = 0;
    for found in memchr::memmem::find_iter(behind, from) {
        words.extend_from_slice(&behind[said..found]);
        words.extend_from_slice(to.as_bytes());
        said = found + from.len();
    }
    words.extend_from_slice(&behind[said..]);
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_becomes_of_an_answer() {
        let answer = b"* 1 EXISTS\r\n* 2 FETCH\r\na OK done\r\n";
        for (action, after, expected) in [
            (Action::LoseEnd, 0, "* 1 EXISTS\r\n* 2 FETCH\r\n"),
            (
                Action::EndFirst,
                0,
                "a OK done\r\n* 1 EXISTS\r\n* 2 FETCH\r\n",
            ),
            (
                Action::Replace("* ".into(), "".into()),
                0,
                "1 EXISTS\r\n2 FETCH\r\na OK done\r\n",
            ),
            (
                Action::Replace("* ".into(), "+ ".into()),
                1,
                "* 1 EXISTS\r\n+ 2 FETCH\r\na OK done\r\n",
            ),
            (
                Action::Replace("* ".into(), "+ ".into()),
                99,
                "* 1 EXISTS\r\n* 2 FETCH\r\na OK done\r\n",
            ),
        ] {
            let mut words = answer.to_vec();
            let shown = format!("{action} after {after}");
            Hits(vec![Hit { after, action }]).edit(&mut words);
            assert_eq!(String::from_utf8_lossy(&words), expected, "{shown}");
        }
        for alone in ["a OK done\r\n", ""] {
            let mut words = alone.as_bytes().to_vec();
            assert_eq!(last_line(&words), 0, "{alone}");
            replace(&mut words, "done", "", 0);
            assert_eq!(words, alone.replace("done", "").as_bytes());
        }
    }
}
