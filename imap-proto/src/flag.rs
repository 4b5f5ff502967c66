//! Flags of messages (RFC 9051 section 2.3.2) and attributes of mailboxes (section 7.3.1).

use std::collections::HashSet;
use std::fmt;
use std::str::FromStr;

use bitflags::bitflags;

use crate::class::Class;
use crate::encode::Encoder;
use crate::error::Invalid;
use crate::lex::{Cursor, Parsed};
use crate::limits;
use crate::quirks::Quirks;
use crate::string::Atom;

/// A flag of a message.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Flag {
    /// `\Answered`
    Answered,
    /// `\Flagged`
    Flagged,
    /// `\Deleted`
    Deleted,
    /// `\Seen`
    Seen,
    /// `\Draft`
    Draft,
    /// `\Recent`, of IMAP4rev1: this session is the first to see the message.
    Recent,
    /// A keyword, such as `$Forwarded`.
    Keyword(Atom),
    /// Another flag with a backslash.
    Extension(Atom),
}

bitflags! {
    /// The flags that every server has.
    #[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
    struct System: u8 {
        const ANSWERED = 1;
        const FLAGGED = 2;
        const DELETED = 4;
        const SEEN = 8;
        const DRAFT = 16;
        const RECENT = 32;
    }
}

const SYSTEM: [(System, Flag, &str); 6] = [
    (System::ANSWERED, Flag::Answered, "\\Answered"),
    (System::FLAGGED, Flag::Flagged, "\\Flagged"),
    (System::DELETED, Flag::Deleted, "\\Deleted"),
    (System::SEEN, Flag::Seen, "\\Seen"),
    (System::DRAFT, Flag::Draft, "\\Draft"),
    (System::RECENT, Flag::Recent, "\\Recent"),
];

impl Flag {
    fn bit(&self) -> System {
        match self {
            Self::Answered => System::ANSWERED,
            Self::Flagged => System::FLAGGED,
            Self::Deleted => System::DELETED,
            Self::Seen => System::SEEN,
            Self::Draft => System::DRAFT,
            Self::Recent => System::RECENT,
            Self::Keyword(_) | Self::Extension(_) => System::empty(),
        }
    }

    /// `flag`, `flag-fetch`
    #[inline]
    pub(crate) fn read(cursor: &mut Cursor<'_>) -> Parsed<Self> {
        if !cursor.eat(b'\\') {
            return cursor.loose_atom().map(Self::Keyword);
        }
        let name = cursor.run(Class::ATOM, "a flag")?;
        Ok(match name.len() {
            8 if name.eq_ignore_ascii_case(b"Answered") => Self::Answered,
            7 if name.eq_ignore_ascii_case(b"Flagged") => Self::Flagged,
            7 if name.eq_ignore_ascii_case(b"Deleted") => Self::Deleted,
            4 if name.eq_ignore_ascii_case(b"Seen") => Self::Seen,
            5 if name.eq_ignore_ascii_case(b"Draft") => Self::Draft,
            6 if name.eq_ignore_ascii_case(b"Recent") => Self::Recent,
            _ => Self::Extension(Atom::known(name)),
        })
    }
}

impl FromStr for Flag {
    type Err = Invalid;

    fn from_str(flag: &str) -> Result<Self, Invalid> {
        let Some(name) = flag.strip_prefix('\\') else {
            return flag.parse().map(Self::Keyword);
        };
        match SYSTEM
            .iter()
            .find(|(_, _, known)| known.eq_ignore_ascii_case(flag))
        {
            Some((_, flag, _)) => Ok(flag.clone()),
            None => name.parse().map(Self::Extension),
        }
    }
}

impl fmt::Display for Flag {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Keyword(keyword) => keyword.fmt(f),
            Self::Extension(name) => write!(f, "\\{name}"),
            system => {
                let known = SYSTEM.iter().find(|(bit, _, _)| *bit == system.bit());
                f.write_str(known.map_or("", |(_, _, name)| name))
            }
        }
    }
}

/// A set of flags. Those that every server has cost nothing.
///
/// ```
/// use imap_proto::{Flag, Flags};
///
/// let mut flags: Flags = [Flag::Seen, "$Forwarded".parse()?].into_iter().collect();
/// assert!(flags.contains(&Flag::Seen));
/// flags.remove(&Flag::Seen);
/// assert_eq!(flags.to_string(), "$Forwarded");
/// # Ok::<(), imap_proto::Invalid>(())
/// ```
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
pub struct Flags {
    system: System,
    others: Vec<Flag>,
}

impl Flags {
    /// None.
    pub const fn new() -> Self {
        Self {
            system: System::empty(),
            others: Vec::new(),
        }
    }

    /// Adds a flag; says whether it is new. Keywords are the same in any case.
    pub fn insert(&mut self, flag: Flag) -> bool {
        let new = !self.contains(&flag);
        match flag.bit() {
            bit if bit.is_empty() => {
                if new {
                    self.others.push(flag);
                }
            }
            bit => self.system |= bit,
        }
        new
    }

    /// Adds all of these.
    pub fn merge(&mut self, others: &Self) {
        self.system |= others.system;
        for flag in &others.others {
            self.insert(flag.clone());
        }
    }

    /// Takes a flag out; says whether it was there.
    pub fn remove(&mut self, flag: &Flag) -> bool {
        let there = self.contains(flag);
        self.system -= flag.bit();
        self.others.retain(|other| !is_same(other, flag));
        there
    }

    /// Whether a flag is there.
    pub fn contains(&self, flag: &Flag) -> bool {
        match flag.bit() {
            bit if bit.is_empty() => self.others.iter().any(|other| is_same(other, flag)),
            bit => self.system.contains(bit),
        }
    }

    /// The flags.
    pub fn iter(&self) -> impl Iterator<Item = Flag> + '_ {
        let system = SYSTEM
            .iter()
            .filter(|(bit, _, _)| self.system.contains(*bit));
        let system = system.map(|(_, flag, _)| flag.clone());
        system.chain(self.others.iter().cloned())
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.system.bits().count_ones() as usize + self.others.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.system.is_empty() && self.others.is_empty()
    }

    /// `flag-list`
    #[inline]
    pub(crate) fn read(cursor: &mut Cursor<'_>) -> Parsed<Self> {
        let mut flags = Self::new();
        flags.read_list(cursor, |_| None)?;
        Ok(flags)
    }

    /// A list of flags, and of what else may be among them.
    #[inline]
    fn read_list(
        &mut self,
        cursor: &mut Cursor<'_>,
        mut other: impl FnMut(&mut Cursor<'_>) -> Option<()>,
    ) -> Parsed<()> {
        cursor.expect(b'(', "a list of flags")?;
        if cursor.peek() == Some(b' ') && cursor.forgives(Quirks::EXTRA_SPACES) {
            while cursor.eat(b' ') {}
        }
        if cursor.eat(b')') {
            return Ok(());
        }
        loop {
            if other(cursor).is_none() {
                match Flag::read(cursor)? {
                    flag if flag.bit().is_empty() => self.others.push(flag),
                    system => self.system |= system.bit(),
                }
            }
            if !cursor.eat_space() {
                break;
            }
        }
        self.remove_repeated();
        cursor.expect(b')', "a space or closing parenthesis")
    }

    /// Leaves each of the others once. A list may have a million of them, so each is looked up among many.
    fn remove_repeated(&mut self) {
        if self.others.len() <= limits::FEW_FLAGS {
            let mut at = 1;
            while at < self.others.len() {
                let (before, behind) = self.others.split_at(at);
                match before.iter().any(|flag| is_same(flag, &behind[0])) {
                    true => drop(self.others.remove(at)),
                    false => at += 1,
                }
            }
            return;
        }
        let mut seen = HashSet::with_capacity(self.others.len());
        self.others.retain(|flag| {
            let (Flag::Keyword(name) | Flag::Extension(name)) = flag else {
                return true;
            };
            let extension = matches!(flag, Flag::Extension(_));
            seen.insert((extension, name.as_str().to_ascii_lowercase()))
        });
    }

    /// `a b c`
    fn write_names(&self, to: &mut Encoder) {
        let system = SYSTEM
            .iter()
            .filter(|(bit, _, _)| self.system.contains(*bit));
        to.spaced(system, |to, (_, _, name)| {
            to.word(name);
        });
        if !self.system.is_empty() && !self.others.is_empty() {
            to.space();
        }
        to.spaced(&self.others, |to, flag| match flag {
            Flag::Keyword(keyword) => {
                to.word(keyword.as_str());
            }
            other => {
                to.display(other);
            }
        });
    }

    pub(crate) fn write(&self, to: &mut Encoder) {
        to.raw(b"(");
        self.write_names(to);
        to.raw(b")");
    }
}

/// The flags that can be changed for good (RFC 9051 section 7.1, `PERMANENTFLAGS`).
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct PermanentFlags {
    /// These.
    pub flags: Flags,
    /// `\*`: and whatever keywords a client makes up.
    pub any: bool,
}

impl PermanentFlags {
    /// These, and if `any` others too.
    pub fn new(flags: Flags, any: bool) -> Self {
        Self { flags, any }
    }

    pub(crate) fn read(cursor: &mut Cursor<'_>) -> Parsed<Self> {
        let mut permanent = Self::default();
        let any = &mut permanent.any;
        permanent.flags.read_list(cursor, |cursor| {
            let found = cursor.rest().starts_with(b"\\*");
            if found {
                *any = cursor.eat(b'\\') && cursor.eat(b'*');
            }
            found.then_some(())
        })?;
        Ok(permanent)
    }

    pub(crate) fn write(&self, to: &mut Encoder) {
        to.raw(b"(");
        self.flags.write_names(to);
        if self.any {
            to.raw(if self.flags.is_empty() {
                b"\\*"
            } else {
                b" \\*"
            });
        }
        to.raw(b")");
    }
}

fn is_same(one: &Flag, other: &Flag) -> bool {
    match (one, other) {
        (Flag::Keyword(one), Flag::Keyword(other))
        | (Flag::Extension(one), Flag::Extension(other)) => one.is(other.as_str()),
        (one, other) => one == other,
    }
}

impl FromIterator<Flag> for Flags {
    fn from_iter<I: IntoIterator<Item = Flag>>(flags: I) -> Self {
        let mut set = Self::new();
        set.extend(flags);
        set
    }
}

impl Extend<Flag> for Flags {
    fn extend<I: IntoIterator<Item = Flag>>(&mut self, flags: I) {
        for flag in flags {
            self.insert(flag);
        }
    }
}

impl fmt::Display for Flags {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, flag) in self.iter().enumerate() {
            if index > 0 {
                f.write_str(" ")?;
            }
            flag.fmt(f)?;
        }
        Ok(())
    }
}

/// Something about a mailbox in a listing (RFC 9051 section 7.3.1).
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum MailboxAttribute {
    /// One that has a name here.
    Known(MailboxAttributes),
    /// Another.
    Other(Atom),
}

bitflags! {
    /// What is said of mailboxes in listings: base attributes, children (RFC 3348), special uses
    /// (RFC 6154, RFC 8457), and the state of subscription (RFC 5258).
    #[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
    pub struct MailboxAttributes: u32 {
        /// `\NonExistent`: only its children are there.
        const NON_EXISTENT = 1;
        /// `\Noinferiors`: it can have no children.
        const NO_INFERIORS = 1 << 1;
        /// `\Noselect`: it cannot be selected.
        const NO_SELECT = 1 << 2;
        /// `\Marked`: it may have new messages.
        const MARKED = 1 << 3;
        /// `\Unmarked`: it has none.
        const UNMARKED = 1 << 4;
        /// `\HasChildren`
        const HAS_CHILDREN = 1 << 5;
        /// `\HasNoChildren`
        const HAS_NO_CHILDREN = 1 << 6;
        /// `\Subscribed`
        const SUBSCRIBED = 1 << 7;
        /// `\Remote`: it is on another server.
        const REMOTE = 1 << 8;
        /// `\All`: all messages.
        const ALL = 1 << 9;
        /// `\Archive`
        const ARCHIVE = 1 << 10;
        /// `\Drafts`
        const DRAFTS = 1 << 11;
        /// `\Flagged`: the flagged messages.
        const FLAGGED = 1 << 12;
        /// `\Junk`
        const JUNK = 1 << 13;
        /// `\Sent`
        const SENT = 1 << 14;
        /// `\Trash`
        const TRASH = 1 << 15;
        /// `\Important` (RFC 8457)
        const IMPORTANT = 1 << 16;
        /// `\Memos`, for notes.
        const MEMOS = 1 << 17;
        /// `\Scheduled`
        const SCHEDULED = 1 << 18;
        /// `\Snoozed`
        const SNOOZED = 1 << 19;
        /// `\Inbox`, in answers to Gmail's XLIST.
        const INBOX = 1 << 20;
        /// `\AllMail`, in answers to Gmail's XLIST.
        const ALL_MAIL = 1 << 21;
        /// `\Spam`, in answers to Gmail's XLIST.
        const SPAM = 1 << 22;
        /// `\Starred`, in answers to Gmail's XLIST.
        const STARRED = 1 << 23;
    }
}

const ATTRIBUTES: [(MailboxAttributes, &str); 24] = [
    (MailboxAttributes::NON_EXISTENT, "NonExistent"),
    (MailboxAttributes::NO_INFERIORS, "Noinferiors"),
    (MailboxAttributes::NO_SELECT, "Noselect"),
    (MailboxAttributes::MARKED, "Marked"),
    (MailboxAttributes::UNMARKED, "Unmarked"),
    (MailboxAttributes::HAS_CHILDREN, "HasChildren"),
    (MailboxAttributes::HAS_NO_CHILDREN, "HasNoChildren"),
    (MailboxAttributes::SUBSCRIBED, "Subscribed"),
    (MailboxAttributes::REMOTE, "Remote"),
    (MailboxAttributes::ALL, "All"),
    (MailboxAttributes::ARCHIVE, "Archive"),
    (MailboxAttributes::DRAFTS, "Drafts"),
    (MailboxAttributes::FLAGGED, "Flagged"),
    (MailboxAttributes::JUNK, "Junk"),
    (MailboxAttributes::SENT, "Sent"),
    (MailboxAttributes::TRASH, "Trash"),
    (MailboxAttributes::IMPORTANT, "Important"),
    (MailboxAttributes::MEMOS, "Memos"),
    (MailboxAttributes::SCHEDULED, "Scheduled"),
    (MailboxAttributes::SNOOZED, "Snoozed"),
    (MailboxAttributes::INBOX, "Inbox"),
    (MailboxAttributes::ALL_MAIL, "AllMail"),
    (MailboxAttributes::SPAM, "Spam"),
    (MailboxAttributes::STARRED, "Starred"),
];

impl MailboxAttribute {
    #[inline]
    pub(crate) fn read(cursor: &mut Cursor<'_>) -> Parsed<Self> {
        if !cursor.eat(b'\\') && !cursor.forgives(Quirks::LOOSE_ATOM) {
            return cursor.fail("an attribute of a mailbox");
        }
        let name = cursor.run(Class::ATOM, "an attribute of a mailbox")?;
        // The length tells nearly all of them apart.
        let known = ATTRIBUTES.iter().find(|(_, known)| {
            known.len() == name.len() && known.as_bytes().eq_ignore_ascii_case(name)
        });
        Ok(match known {
            Some((known, _)) => Self::Known(*known),
            None => Self::Other(Atom::known(name)),
        })
    }
}

impl MailboxAttributes {
    /// The names of those that are set, as they are written behind the backslash.
    pub fn names(self) -> impl Iterator<Item = &'static str> {
        let set = ATTRIBUTES
            .into_iter()
            .filter(move |(bit, _)| self.contains(*bit));
        set.map(|(_, name)| name)
    }

    /// `\A \B`
    pub(crate) fn write(self, to: &mut Encoder) {
        to.spaced(self.names(), |to, name| {
            to.raw(b"\\").word(name);
        });
    }

    /// The one with this name, as it is written behind the backslash, in any case.
    pub fn named(name: &str) -> Option<Self> {
        let known = ATTRIBUTES
            .iter()
            .find(|(_, known)| known.eq_ignore_ascii_case(name));
        known.map(|(bit, _)| *bit)
    }
}

#[cfg(test)]
mod tests {
    use super::{Cursor, Flags, Quirks};

    /// What a list is read as.
    fn read(list: &str) -> Flags {
        let frame = crate::Frame::from(bytes::Bytes::copy_from_slice(list.as_bytes()));
        let mut cursor = Cursor::new(&frame, Quirks::empty(), false, 0);
        Flags::read(&mut cursor).expect("a list of flags")
    }

    #[test]
    fn each_is_there_once() {
        let flags = read("(a \\Seen A b \\a \\SEEN \\A B)");
        assert_eq!(flags.to_string(), "\\Seen a b \\a");
        // The same of a list that is too long to compare each with each.
        let names: Vec<_> = (0..100_000)
            .map(|number| format!("k{}", number / 2))
            .collect();
        let flags = read(&format!("({} K7 \\k7)", names.join(" ")));
        assert_eq!(flags.len(), 50_001);
    }
}
