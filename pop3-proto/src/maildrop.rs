//! The maildrop: what a session sees of a mailbox, from login to the end (RFC 1939 section 8).

use std::collections::HashSet;
use std::fmt;
use std::hash::BuildHasherDefault;
use std::hash::DefaultHasher;
use std::str::FromStr;

use compact_str::CompactString;

use crate::limits;

/// The messages of a mailbox at the moment of the login, in their order.
///
/// The application provides it with the successful login and the machine keeps it: numbers stay
/// what they are, and mail that comes later is for the next session.
///
/// ```
/// use pop3_proto::Maildrop;
///
/// let mut maildrop = Maildrop::new();
/// maildrop.push(120, "QhdPYR:00WBw1Ph7x7")?;
/// assert!(maildrop.push(200, "two words").is_err());
/// assert_eq!((maildrop.len(), maildrop.octets()), (1, 120));
/// # Ok::<(), pop3_proto::InvalidUniqueId>(())
/// ```
#[derive(Debug, Clone, Default)]
pub struct Maildrop {
    /// Size of each message, and where its unique id ends.
    messages: Vec<(u64, usize)>,
    /// All unique ids in a row: one allocation for a hundred thousand messages.
    unique_ids: String,
    octets: u64,
}

impl Maildrop {
    /// An empty maildrop.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a message behind the others.
    ///
    /// `size` is the number of octets that RETR will send: with CRLF line ends, the one that is
    /// added to a last line without an end included, and without stuffing (RFC 1939 section 11;
    /// [`Size`] counts it). `unique_id` must not be that of another message, now or
    /// ever: clients that leave mail on the server know by it what they have (section 7).
    ///
    /// # Errors
    ///
    /// If the id is not 1 to 70 characters in the range `!` to `~`. The maildrop is as it was.
    pub fn push(&mut self, size: u64, unique_id: &str) -> Result<(), InvalidUniqueId> {
        if !is_unique_id(unique_id) || self.messages.len() >= limits::MESSAGES {
            return Err(InvalidUniqueId);
        }
        self.unique_ids.push_str(unique_id);
        self.messages.push((size, self.unique_ids.len()));
        self.octets = self.octets.saturating_add(size);
        Ok(())
    }

    /// The number of messages.
    pub fn len(&self) -> usize {
        self.messages.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.messages.is_empty()
    }

    /// The size of all messages, in octets.
    pub fn octets(&self) -> u64 {
        self.octets
    }

    /// The size of a message by its number, the first being 1.
    pub fn size(&self, number: u32) -> Option<u64> {
        Some(self.messages.get(index(number)?)?.0)
    }

    /// The unique id of a message by its number, the first being 1.
    pub fn unique_id(&self, number: u32) -> Option<&str> {
        let index = index(number)?;
        let end = self.messages.get(index)?.1;
        let start = index
            .checked_sub(1)
            .map_or(0, |before| self.messages[before].1);
        Some(&self.unique_ids[start..end])
    }

    /// The number of the first message whose unique id another one has already.
    ///
    /// For tests of stores: a session does not look for it, since that would cost a large
    /// maildrop its speed.
    pub fn first_duplicate(&self) -> Option<u32> {
        let mut seen: HashSet<&str, BuildHasherDefault<DefaultHasher>> = HashSet::default();
        (1..=self.messages.len() as u32)
            .find(|&number| !self.unique_id(number).is_some_and(|id| seen.insert(id)))
    }
}

/// The name of a message that outlives sessions: 1 to 70 characters from `!` to `~` (RFC 1939
/// section 7).
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct UniqueId(CompactString);

impl UniqueId {
    /// The id.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for UniqueId {
    type Err = InvalidUniqueId;

    fn from_str(text: &str) -> Result<Self, InvalidUniqueId> {
        match is_unique_id(text) {
            true => Ok(Self(text.into())),
            false => Err(InvalidUniqueId),
        }
    }
}

impl fmt::Display for UniqueId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The text cannot be a unique id.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a unique id has 1 to 70 visible ASCII characters")]
pub struct InvalidUniqueId;

/// Counts what a message has when it is sent: with CRLF line ends, as RFC 1939 section 11 wants
/// it.
///
/// ```
/// use pop3_proto::Size;
///
/// let mut size = Size::new();
/// size.add(b"one\ntwo\r\nno end");
/// assert_eq!(size.octets(), "one\r\ntwo\r\nno end\r\n".len() as u64);
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Size {
    octets: u64,
    last: u8,
}

impl Size {
    /// Of nothing yet.
    pub const fn new() -> Self {
        Self {
            octets: 0,
            last: b'\n',
        }
    }

    /// Counts the next piece of the message. Pieces may be cut anywhere.
    pub fn add(&mut self, piece: &[u8]) {
        let Some(&last) = piece.last() else {
            return;
        };
        let bare = memchr::memchr_iter(b'\n', piece)
            .filter(|&at| match at.checked_sub(1) {
                Some(before) => piece[before] != b'\r',
                None => self.last != b'\r',
            })
            .count();
        self.last = last;
        self.octets += (piece.len() + bare) as u64;
    }

    /// The number of octets, with the line end that the last line needs.
    pub fn octets(&self) -> u64 {
        match self.last {
            b'\n' => self.octets,
            _ => self.octets + 2,
        }
    }
}

impl Default for Size {
    fn default() -> Self {
        Self::new()
    }
}

fn is_unique_id(text: &str) -> bool {
    (1..=limits::UNIQUE_ID).contains(&text.len())
        && text.bytes().all(|octet| octet.is_ascii_graphic())
}

fn index(number: u32) -> Option<usize> {
    (number as usize).checked_sub(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_keep_their_numbers() {
        let mut maildrop = Maildrop::new();
        for (size, id) in [(10, "a"), (20, "bb"), (30, "ccc")] {
            maildrop.push(size, id).expect("an id");
        }
        assert_eq!(maildrop.octets(), 60);
        let all: Vec<_> = (0..5)
            .map(|n| (maildrop.size(n), maildrop.unique_id(n)))
            .collect();
        let expected = [
            (None, None),
            (Some(10), Some("a")),
            (Some(20), Some("bb")),
            (Some(30), Some("ccc")),
            (None, None),
        ];
        assert_eq!(all, expected);
        assert_eq!(maildrop.first_duplicate(), None);
        maildrop.push(1, "bb").expect("an id");
        assert_eq!(maildrop.first_duplicate(), Some(4));
    }

    #[test]
    fn ids_are_visible_ascii() {
        for text in ["", " ", "a b", "a\r", "\u{e9}", "\u{7f}"] {
            assert!(text.parse::<UniqueId>().is_err(), "{text:?}");
            assert!(Maildrop::new().push(1, text).is_err(), "{text:?}");
        }
        assert!("!~".repeat(35).parse::<UniqueId>().is_ok());
        assert!("x".repeat(71).parse::<UniqueId>().is_err());
    }

    #[test]
    fn sizes_do_not_depend_on_the_cuts() {
        for (text, octets) in [
            ("", 0),
            ("\n", 2),
            ("\r\n", 2),
            ("a", 3),
            ("a\r", 4),
            ("a\nb\r\n\nc\r\r\n", 12),
            ("\r\n\r\n\n", 6),
        ] {
            for size in 1..=text.len().max(1) {
                let mut counted = Size::new();
                for piece in text.as_bytes().chunks(size) {
                    counted.add(piece);
                }
                assert_eq!(counted.octets(), octets, "{text:?} in pieces of {size}");
            }
        }
    }
}
