//! `dovecot-uidlist`: which number each message has, as Dovecot writes it.

use std::fmt::Write as _;

use crate::effects::{Identity, Tick};

/// The content of a `dovecot-uidlist` of version 3.
///
/// ```text
/// 3 V1700000000 N8 G0123456789abcdef0123456789abcdef
/// 3 W38 S35 :1700000000.M42P7.mx,S=35,W=38
/// 7 :1700000001.M43P7.mx
/// ```
///
/// The first line has the UIDVALIDITY, the next number, and the identity of the mailbox.
/// Each other line is a message: its number, fields of Dovecot's that we keep but do not
/// understand, and its unique name.
///
/// ```
/// use mailbox_formats::maildir::UidList;
///
/// let mut list = UidList::new(1_700_000_000);
/// assert_eq!(list.add(b"1.M2P3.mx"), Some(1));
/// assert_eq!(list.to_bytes(), b"3 V1700000000 N2\n1 :1.M2P3.mx\n");
/// assert_eq!(UidList::parse(&list.to_bytes()), Some(list));
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UidList {
    validity: u32,
    next: u32,
    /// Fields of the header that are neither `V` nor `N`.
    fields: Vec<u8>,
    messages: Vec<Numbered>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Numbered {
    pub(super) uid: u32,
    /// What stands between the number and the name, blanks included.
    fields: Box<[u8]>,
    pub(super) unique: Box<[u8]>,
}

impl UidList {
    /// An empty list.
    #[must_use]
    pub fn new(validity: u32) -> Self {
        Self {
            validity: validity.max(1),
            next: 1,
            fields: Vec::new(),
            messages: Vec::new(),
        }
    }

    /// An empty list of a mailbox that has never had one: valid from now on, with an identity.
    pub(super) fn first(tick: Tick, identity: &Identity) -> Self {
        let mut list = Self::new(u32::try_from(tick.micros / 1_000_000).unwrap_or(u32::MAX));
        list.identify(tick, identity);
        list
    }

    /// Gives the mailbox an identity, if it has none.
    pub(super) fn identify(&mut self, tick: Tick, identity: &Identity) {
        if self.identity().is_some() {
            return;
        }
        let low = tick.micros ^ (u64::from(identity.pid) << 40) ^ (tick.sequence << 24);
        write!(
            Text(&mut self.fields),
            " G{:016x}{low:016x}",
            identity.random
        )
        .expect("a buffer takes all");
    }

    /// Reads a list; `None` if the header is none of version 3.
    ///
    /// A message keeps its number only if the line leaves no doubt: those are passed over
    /// whose number does not grow, and a last line without an end, which somebody is still
    /// writing. If a name comes twice, the later number is its own.
    #[must_use]
    pub fn parse(content: &[u8]) -> Option<Self> {
        let mut lines = content.split_inclusive(|byte| *byte == b'\n');
        let header = lines.next()?.strip_suffix(b"\n")?.strip_prefix(b"3 ")?;
        let mut list = Self::new(0);
        let mut is_valid = false;
        for field in header.split(|byte| *byte == b' ') {
            match field {
                [b'V', validity @ ..] => {
                    list.validity = number(validity).filter(|number| *number > 0)?;
                    is_valid = true;
                }
                [b'N', next @ ..] => list.next = number(next)?,
                [] => {}
                other => {
                    list.fields.push(b' ');
                    list.fields.extend_from_slice(other);
                }
            }
        }
        let mut last = 0;
        for message in lines.filter_map(Numbered::parse) {
            if message.uid > last {
                last = message.uid;
                list.messages.push(message);
            }
        }
        list.next = list.next.max(last.saturating_add(1));
        is_valid.then_some(list)
    }

    /// The list as it is written.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = format!("3 V{} N{}", self.validity, self.next).into_bytes();
        bytes.extend_from_slice(&self.fields);
        bytes.push(b'\n');
        bytes.extend(self.lines_from(0));
        bytes
    }

    /// The lines of the messages whose numbers begin here.
    pub(super) fn lines_from(&self, first: u32) -> Vec<u8> {
        let start = self.messages.partition_point(|message| message.uid < first);
        let mut bytes = Vec::new();
        for Numbered {
            uid,
            fields,
            unique,
        } in &self.messages[start..]
        {
            write!(Text(&mut bytes), "{uid}").expect("a buffer takes all");
            for part in [fields, &b" :"[..], unique, b"\n"] {
                bytes.extend_from_slice(part);
            }
        }
        bytes
    }

    /// Gives a message the next number; `None` if there is none left.
    ///
    /// A name with a line end, which no list can hold, gets none either.
    pub fn add(&mut self, unique: &[u8]) -> Option<u32> {
        let uid = self.next;
        self.next = uid.checked_add(1)?;
        if unique.contains(&b'\n') {
            return None;
        }
        self.messages.push(Numbered {
            uid,
            fields: Box::default(),
            unique: unique.into(),
        });
        Some(uid)
    }

    /// Forgets the messages for which `keep` says `false`. Their numbers are not used again.
    pub fn retain(&mut self, mut keep: impl FnMut(&[u8]) -> bool) {
        self.messages.retain(|message| keep(&message.unique));
    }

    /// The messages: number and unique name, in ascending order of the numbers.
    pub fn iter(&self) -> impl DoubleEndedIterator<Item = (u32, &[u8])> {
        self.messages
            .iter()
            .map(|message| (message.uid, &*message.unique))
    }

    /// What tells the mailbox from all others, whatever it is called: letters and digits.
    #[must_use]
    pub fn identity(&self) -> Option<&str> {
        let mut fields = self.fields.split(|byte| *byte == b' ');
        let is_plain = |identity: &&[u8]| {
            !identity.is_empty() && identity.iter().all(u8::is_ascii_alphanumeric)
        };
        let identity = fields.find_map(|field| field.strip_prefix(b"G").filter(is_plain))?;
        std::str::from_utf8(identity).ok()
    }

    /// The UIDVALIDITY, never 0: as long as it stays, a number means the same message.
    #[must_use]
    pub fn validity(&self) -> u32 {
        self.validity
    }

    /// The number of the next new message.
    #[must_use]
    pub fn next(&self) -> u32 {
        self.next
    }
}

impl Numbered {
    fn parse(line: &[u8]) -> Option<Self> {
        let line = line.strip_suffix(b"\n")?;
        let digits = line.iter().take_while(|byte| byte.is_ascii_digit()).count();
        let (uid, rest) = line.split_at(digits);
        let name = memchr::memmem::find(rest, b" :")?;
        let unique = &rest[name + 2..];
        Some(Self {
            // The greatest number would leave none for the next message.
            uid: number(uid).filter(|uid| *uid < u32::MAX)?,
            fields: rest[..name].into(),
            // Some versions of Dovecot wrote the flags, too.
            unique: match memchr::memchr(b':', unique) {
                Some(end) => unique[..end].into(),
                None => unique.into(),
            },
        })
    }
}

/// A decimal number and nothing else.
fn number(digits: &[u8]) -> Option<u32> {
    let is_number = digits.iter().all(u8::is_ascii_digit);
    is_number.then(|| std::str::from_utf8(digits).ok()?.parse().ok())?
}

/// Formats into bytes.
struct Text<'a>(&'a mut Vec<u8>);

impl std::fmt::Write for Text<'_> {
    fn write_str(&mut self, text: &str) -> std::fmt::Result {
        self.0.extend_from_slice(text.as_bytes());
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    type Pairs<'a> = &'a [(u32, &'a str)];

    fn pairs(list: &UidList) -> Vec<(u32, &str)> {
        let text = |unique| std::str::from_utf8(unique).unwrap();
        list.iter()
            .map(|(uid, unique)| (uid, text(unique)))
            .collect()
    }

    #[test]
    fn lists_are_read_as_they_are_printed() {
        let table: &[(&str, u32, u32, Pairs<'_>)] = &[
            ("3 V1 N1\n", 1, 1, &[]),
            (
                "3 V9 N8 Gabc\n3 W38 S35 :a,S=35\n7 :b\n",
                9,
                8,
                &[(3, "a,S=35"), (7, "b")],
            ),
            ("3 V9 N8 Gabc Xnew\n1 Pid :a b\n", 9, 8, &[(1, "a b")]),
        ];
        for (text, validity, next, messages) in table {
            let list = UidList::parse(text.as_bytes()).unwrap();
            assert_eq!((list.validity(), list.next()), (*validity, *next), "{text}");
            assert_eq!(pairs(&list), *messages, "{text}");
            assert_eq!(list.to_bytes(), text.as_bytes());
        }
    }

    #[test]
    fn a_list_of_others_or_in_the_making_is_understood() {
        let table: &[(&str, u32, Pairs<'_>)] = &[
            ("3 V5 N2\n1 :a\n2 :b", 2, &[(1, "a")]),
            ("3 V5 N2\n1 :a\n4 :b\n", 5, &[(1, "a"), (4, "b")]),
            (
                "3 V5 N9\n2 :a\n2 :b\n1 :c\n3 :d\n",
                9,
                &[(2, "a"), (3, "d")],
            ),
            ("3 V5 N9\nx\n\n1\n1 a\n 2 :a\n99999999999 :b\n", 9, &[]),
            ("3 V5 N9\n1 :a:2,S\n", 9, &[(1, "a")]),
            ("3 V5 N9\n4294967295 :a\n", 9, &[]),
        ];
        for (text, next, messages) in table {
            let list = UidList::parse(text.as_bytes()).unwrap();
            assert_eq!(list.next(), *next, "{text}");
            assert_eq!(pairs(&list), *messages, "{text}");
        }
        for odd in [
            "",
            "3",
            "3 V5 N1",
            "1 5 2\n",
            "3 N2\n",
            "3 V0 N1\n",
            "3 V5 Nx\n",
            "3 V-1 N1\n",
        ] {
            assert_eq!(UidList::parse(odd.as_bytes()), None, "{odd:?}");
        }
    }

    #[test]
    fn numbers_grow_and_end() {
        let mut list = UidList::parse(b"3 V5 N4294967294\n").unwrap();
        assert_eq!(list.add(b"a"), Some(u32::MAX - 1));
        assert_eq!(list.add(b"b"), None);
        list.retain(|unique| unique != b"a");
        assert_eq!((list.iter().count(), list.next()), (0, u32::MAX));
    }

    #[test]
    fn a_mailbox_has_one_identity() {
        let tick = Tick {
            micros: 1,
            sequence: 2,
        };
        let identity = Identity {
            pid: 7,
            host: "mx".into(),
            random: 3,
        };
        for (text, known) in [
            ("3 V5 N1 G0ab\n", Some("0ab")),
            ("3 V5 N1\n", None),
            ("3 V5 N1 G\n", None),
            ("3 V5 N1 Gx)y\n", None),
        ] {
            let mut list = UidList::parse(text.as_bytes()).unwrap();
            assert_eq!(list.identity(), known, "{text}");
            list.identify(tick, &identity);
            assert_eq!(known.is_some(), list.identity() == known, "{text}");
            assert!(list.identity().is_some(), "{text}");
        }
    }

    #[test]
    fn a_first_list_can_be_read() {
        let tick = Tick {
            micros: 1_700_000_000_000_001,
            sequence: 3,
        };
        let identity = Identity {
            pid: 7,
            host: "mx".into(),
            random: 0xbeef,
        };
        let list = UidList::first(tick, &identity);
        let bytes = list.to_bytes();
        assert!(bytes.starts_with(b"3 V1700000000 N1 G000000000000beef"));
        assert_eq!(bytes.len(), "3 V1700000000 N1 G\n".len() + 32);
        assert_eq!(list.identity().map(str::len), Some(32));
        assert_eq!(UidList::parse(&bytes), Some(list));
    }
}
