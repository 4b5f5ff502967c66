//! Finding messages (RFC 9051 section 6.4.4; RFC 5256, RFC 7377, and what was added to them).

use std::num::NonZeroU32;

use bitflags::bitflags;

use super::By;
use super::source::Source;
use crate::annotation::read_pattern;
use crate::date::Date;
use crate::encode::Encoder;
use crate::keyword::keywords;
use crate::lex::{Cursor, FOLDED, Parsed};
use crate::number::ModSeqOrZero;
use crate::set::{ResultRange, SequenceSet};
use crate::string::{Atom, Octets};

/// `SEARCH`
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Search {
    /// How messages are named in the answer.
    pub by: By,
    /// What of the result is told, or saved; `None` for an answer in the way of IMAP4rev1.
    pub returned: Option<SearchReturn>,
    /// In which character set strings are.
    pub charset: Option<Octets>,
    /// What is looked for: all of these.
    pub keys: Vec<SearchKey>,
}

bitflags! {
    /// What of a result is told (RFC 9051 section 6.4.4, RFC 5267, RFC 6203).
    #[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
    pub struct SearchReturnOptions: u8 {
        /// `MIN`: the lowest number.
        const MIN = 1;
        /// `MAX`: the highest number.
        const MAX = 2;
        /// `ALL`: all numbers.
        const ALL = 4;
        /// `COUNT`: how many there are.
        const COUNT = 8;
        /// `SAVE`: keep the result, for `$` (RFC 5182).
        const SAVE = 16;
        /// `CONTEXT`: there will be more such searches.
        const CONTEXT = 32;
        /// `UPDATE`: tell when the result changes.
        const UPDATE = 64;
        /// `RELEVANCY`: scores, with all numbers.
        const RELEVANCY = 128;
    }
}

const OPTIONS: [(SearchReturnOptions, &str); 8] = [
    (SearchReturnOptions::MIN, "MIN"),
    (SearchReturnOptions::MAX, "MAX"),
    (SearchReturnOptions::ALL, "ALL"),
    (SearchReturnOptions::COUNT, "COUNT"),
    (SearchReturnOptions::SAVE, "SAVE"),
    (SearchReturnOptions::CONTEXT, "CONTEXT"),
    (SearchReturnOptions::UPDATE, "UPDATE"),
    (SearchReturnOptions::RELEVANCY, "RELEVANCY"),
];

/// `RETURN ()`: what of a result is told.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct SearchReturn {
    /// These. None means [`ALL`](SearchReturnOptions::ALL).
    pub options: SearchReturnOptions,
    /// `PARTIAL`: the numbers at these positions (RFC 5267, RFC 9394).
    pub partial: Option<ResultRange>,
}

impl SearchReturn {
    /// These.
    pub fn new(options: SearchReturnOptions) -> Self {
        Self {
            options,
            partial: None,
        }
    }

    /// ` RETURN (...)`, if it is there.
    fn read_optional(cursor: &mut Cursor<'_>) -> Parsed<Option<Self>> {
        let start = cursor.at();
        cursor.space()?;
        if !cursor.eat_word(b"RETURN") {
            cursor.reset(start);
            return Ok(None);
        }
        cursor.space()?;
        Self::read(cursor).map(Some)
    }

    /// `(MIN MAX)`
    fn read(cursor: &mut Cursor<'_>) -> Parsed<Self> {
        let mut returned = Self::default();
        cursor.list(|cursor| {
            if cursor.eat_word(b"PARTIAL") {
                cursor.space()?;
                returned.partial = Some(ResultRange::read(cursor)?);
                return Ok(());
            }
            let known = OPTIONS
                .iter()
                .find(|(_, word)| cursor.eat_word(word.as_bytes()));
            let Some((option, _)) = known else {
                return cursor.fail("a return option that is known");
            };
            returned.options |= *option;
            Ok(())
        })?;
        Ok(returned)
    }

    fn write(&self, to: &mut Encoder) {
        let words = OPTIONS
            .iter()
            .filter(|(bit, _)| self.options.contains(*bit));
        to.raw(b"(").spaced(words, |to, (_, word)| {
            to.word(word);
        });
        if let Some(range) = &self.partial {
            to.raw(if self.options.is_empty() {
                b"PARTIAL "
            } else {
                b" PARTIAL "
            });
            to.display(range);
        }
        to.raw(b")");
    }
}

/// What a message has to be to be found.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum SearchKey {
    /// One of these numbers, or UIDs where the command says so: a `sequence-set`.
    Sequence(SequenceSet),
    /// `UID`
    Uid(SequenceSet),
    /// All of these: keys in parentheses.
    And(Vec<Self>),
    /// `OR`
    Or(Box<(Self, Self)>),
    /// `NOT`
    Not(Box<Self>),
    /// `FUZZY` (RFC 6203): nearly this.
    Fuzzy(Box<Self>),
    /// A key that is a word.
    Is(IsKey),
    /// A key that looks for a text in a part of messages.
    Contains(TextKey, Octets),
    /// A key that compares a day.
    Day(DayKey, Date),
    /// `HEADER`: a field with this name that has this text in it.
    Header(Octets, Octets),
    /// `KEYWORD`
    Keyword(Atom),
    /// `UNKEYWORD`
    Unkeyword(Atom),
    /// `LARGER`
    Larger(u64),
    /// `SMALLER`
    Smaller(u64),
    /// `OLDER` (RFC 5032): by so many seconds.
    Older(NonZeroU32),
    /// `YOUNGER` (RFC 5032)
    Younger(NonZeroU32),
    /// `MODSEQ` (RFC 7162 section 3.1.5): changed since, or a flag of it did.
    ModSeq {
        /// The name of a metadata item, such as `/flags/\draft`, and whose it is.
        entry: Option<(Octets, EntryType)>,
        /// Since when.
        since: ModSeqOrZero,
    },
    /// `FILTER` (RFC 5466): what is stored under this name.
    Filter(Atom),
    /// `EMAILID` (RFC 8474)
    EmailId(Octets),
    /// `THREADID` (RFC 8474)
    ThreadId(Octets),
    /// `ANNOTATION` (RFC 5257)
    Annotation {
        /// The name of an entry, with wildcards.
        entry: Octets,
        /// The name of an attribute.
        attribute: Octets,
        /// What is in it; `None` if nothing.
        value: Option<Octets>,
    },
    /// `X-GM-RAW`: as people type it.
    GmailRaw(Octets),
    /// `X-GM-MSGID`
    GmailMessageId(u64),
    /// `X-GM-THRID`
    GmailThreadId(u64),
    /// `X-GM-LABELS`
    GmailLabels(Vec<Octets>),
}

pub use keys::{DayKey, IsKey, TextKey};

mod keys {
    use super::keywords;

    keywords! {
        /// A key of a search that is a word.
        pub enum IsKey {
            /// Every message.
            All = "ALL",
            /// With `\Answered`.
            Answered = "ANSWERED",
            /// With `\Deleted`.
            Deleted = "DELETED",
            /// With `\Draft`.
            Draft = "DRAFT",
            /// With `\Flagged`.
            Flagged = "FLAGGED",
            /// Recent and not seen.
            New = "NEW",
            /// Not recent.
            Old = "OLD",
            /// With `\Recent`.
            Recent = "RECENT",
            /// With `\Seen`.
            Seen = "SEEN",
            /// Without `\Answered`.
            Unanswered = "UNANSWERED",
            /// Without `\Deleted`.
            Undeleted = "UNDELETED",
            /// Without `\Draft`.
            Undraft = "UNDRAFT",
            /// Without `\Flagged`.
            Unflagged = "UNFLAGGED",
            /// Without `\Seen`.
            Unseen = "UNSEEN",
            /// In a mailbox that keeps the date of saving (RFC 8514).
            SaveDateSupported = "SAVEDATESUPPORTED",
        }
    }

    keywords! {
        /// Where a text is looked for.
        pub enum TextKey {
            /// The field Bcc.
            Bcc = "BCC",
            /// The body.
            Body = "BODY",
            /// The field Cc.
            Cc = "CC",
            /// The field From.
            From = "FROM",
            /// The field Subject.
            Subject = "SUBJECT",
            /// The header and the body.
            Text = "TEXT",
            /// The field To.
            To = "TO",
        }
    }

    keywords! {
        /// Which day is compared. Times and zones do not matter.
        pub enum DayKey {
            /// Internal date before.
            Before = "BEFORE",
            /// Internal date on.
            On = "ON",
            /// Internal date on or after.
            Since = "SINCE",
            /// Field Date before.
            SentBefore = "SENTBEFORE",
            /// Field Date on.
            SentOn = "SENTON",
            /// Field Date on or after.
            SentSince = "SENTSINCE",
            /// Saved before (RFC 8514).
            SavedBefore = "SAVEDBEFORE",
            /// Saved on (RFC 8514).
            SavedOn = "SAVEDON",
            /// Saved on or after (RFC 8514).
            SavedSince = "SAVEDSINCE",
        }
    }

    keywords! {
        /// Whose flag it is (RFC 7162 section 3.1.5).
        pub enum EntryType {
            /// The user's.
            Private = "priv",
            /// Everybody's.
            Shared = "shared",
            /// Either.
            All = "all",
        }
    }
}

pub use keys::EntryType;

impl SearchKey {
    fn read(cursor: &mut Cursor<'_>) -> Parsed<Self> {
        match cursor.peek() {
            Some(b'0'..=b'9' | b'*' | b'$') => SequenceSet::read(cursor).map(Self::Sequence),
            Some(b'(') => cursor
                .deeper(|cursor| cursor.nonempty_list(Self::read))
                .map(Self::And),
            _ => Self::read_word(cursor),
        }
    }

    fn read_word(cursor: &mut Cursor<'_>) -> Parsed<Self> {
        let start = cursor.at();
        let mut word = FOLDED;
        let word = cursor.keyword(&mut word, "a search key")?;
        if let Some(is) = IsKey::from_word(word) {
            return Ok(Self::Is(is));
        }
        cursor.space()?;
        if let Some(field) = TextKey::from_word(word) {
            return Ok(Self::Contains(field, cursor.astring()?));
        }
        if let Some(day) = DayKey::from_word(word) {
            return Ok(Self::Day(day, Date::read(cursor)?));
        }
        Ok(match word {
            b"UID" => Self::Uid(SequenceSet::read(cursor)?),
            b"NOT" => Self::Not(Box::new(cursor.deeper(Self::read)?)),
            b"FUZZY" => Self::Fuzzy(Box::new(cursor.deeper(Self::read)?)),
            b"OR" => cursor.deeper(|cursor| {
                let one = Self::read(cursor)?;
                cursor.space()?;
                Ok(Self::Or(Box::new((one, Self::read(cursor)?))))
            })?,
            b"HEADER" => {
                let name = cursor.astring()?;
                cursor.space()?;
                Self::Header(name, cursor.astring()?)
            }
            b"KEYWORD" => Self::Keyword(cursor.loose_atom()?),
            b"UNKEYWORD" => Self::Unkeyword(cursor.loose_atom()?),
            b"LARGER" => Self::Larger(cursor.number64()?),
            b"SMALLER" => Self::Smaller(cursor.number64()?),
            b"OLDER" => Self::Older(cursor.nz_number()?),
            b"YOUNGER" => Self::Younger(cursor.nz_number()?),
            b"MODSEQ" => read_mod_seq(cursor)?,
            b"FILTER" => Self::Filter(cursor.atom()?),
            b"EMAILID" => Self::EmailId(cursor.astring()?),
            b"THREADID" => Self::ThreadId(cursor.astring()?),
            b"ANNOTATION" => {
                let entry = read_pattern(cursor)?;
                cursor.space()?;
                let attribute = cursor.astring()?;
                cursor.space()?;
                Self::Annotation {
                    entry,
                    attribute,
                    value: cursor.nstring()?,
                }
            }
            b"X-GM-RAW" => Self::GmailRaw(cursor.astring()?),
            b"X-GM-MSGID" => Self::GmailMessageId(cursor.number64()?),
            b"X-GM-THRID" => Self::GmailThreadId(cursor.number64()?),
            b"X-GM-LABELS" => Self::GmailLabels(match cursor.peek() {
                Some(b'(') => cursor.nonempty_list(super::store::read_label)?,
                _ => vec![super::store::read_label(cursor)?],
            }),
            _ => {
                cursor.reset(start);
                return cursor.fail("a search key");
            }
        })
    }

    fn write(&self, to: &mut Encoder) {
        match self {
            Self::Sequence(set) => to.display(set),
            Self::Uid(set) => to.raw(b"UID ").display(set),
            Self::And(keys) => to.list(keys, |to, key| key.write(to)),
            Self::Or(keys) => {
                keys.0.write(to.raw(b"OR "));
                keys.1.write(to.space());
                to
            }
            Self::Not(key) => {
                key.write(to.raw(b"NOT "));
                to
            }
            Self::Fuzzy(key) => {
                key.write(to.raw(b"FUZZY "));
                to
            }
            Self::Is(is) => to.word(is.as_str()),
            Self::Contains(field, text) => to.word(field.as_str()).space().astring(text),
            Self::Day(key, day) => to.word(key.as_str()).space().display(day),
            Self::Header(name, text) => {
                to.raw(b"HEADER ").astring(name);
                to.space().astring(text)
            }
            Self::Keyword(keyword) => to.raw(b"KEYWORD ").word(keyword.as_str()),
            Self::Unkeyword(keyword) => to.raw(b"UNKEYWORD ").word(keyword.as_str()),
            Self::Larger(octets) => to.raw(b"LARGER ").number(*octets),
            Self::Smaller(octets) => to.raw(b"SMALLER ").number(*octets),
            Self::Older(seconds) => to.raw(b"OLDER ").number(seconds.get()),
            Self::Younger(seconds) => to.raw(b"YOUNGER ").number(seconds.get()),
            Self::ModSeq { entry, since } => {
                to.raw(b"MODSEQ ");
                if let Some((name, whose)) = entry {
                    to.string(name).space().word(whose.as_str()).space();
                }
                to.number(since.value())
            }
            Self::Filter(name) => to.raw(b"FILTER ").word(name.as_str()),
            Self::EmailId(id) => to.raw(b"EMAILID ").astring(id),
            Self::ThreadId(id) => to.raw(b"THREADID ").astring(id),
            Self::Annotation {
                entry,
                attribute,
                value,
            } => {
                to.raw(b"ANNOTATION ").string(entry);
                to.space().astring(attribute);
                to.space().nstring(value.as_ref())
            }
            Self::GmailRaw(raw) => to.raw(b"X-GM-RAW ").astring(raw),
            Self::GmailMessageId(id) => to.raw(b"X-GM-MSGID ").number(*id),
            Self::GmailThreadId(id) => to.raw(b"X-GM-THRID ").number(*id),
            Self::GmailLabels(labels) => to.raw(b"X-GM-LABELS ").list(labels, |to, label| {
                to.astring(label);
            }),
        };
    }
}

fn read_mod_seq(cursor: &mut Cursor<'_>) -> Parsed<SearchKey> {
    let mut entry = None;
    if cursor.peek() == Some(b'"') {
        let name = cursor.string()?;
        cursor.space()?;
        let types = [EntryType::Private, EntryType::Shared, EntryType::All];
        let known = types
            .into_iter()
            .find(|word| cursor.eat_word(word.as_str().as_bytes()));
        let Some(whose) = known else {
            return cursor.fail("priv, shared or all");
        };
        cursor.space()?;
        entry = Some((name, whose));
    }
    let since = ModSeqOrZero::read(cursor)?;
    Ok(SearchKey::ModSeq { entry, since })
}

/// ` key key ...`, with at least one.
fn read_keys(cursor: &mut Cursor<'_>) -> Parsed<Vec<SearchKey>> {
    let keys = cursor.spaced(SearchKey::read)?;
    match keys.is_empty() {
        false => Ok(keys),
        true => cursor.fail("a search key"),
    }
}

fn write_keys(keys: &[SearchKey], to: &mut Encoder) {
    to.space().spaced(keys, |to, key| key.write(to));
}

/// ` CHARSET x key key ...`, with or without a character set: `search-program`.
fn read_program(cursor: &mut Cursor<'_>) -> Parsed<(Option<Octets>, Vec<SearchKey>)> {
    let start = cursor.at();
    cursor.space()?;
    let mut charset = None;
    if cursor.eat_word(b"CHARSET") {
        cursor.space()?;
        charset = Some(cursor.astring()?);
    } else {
        cursor.reset(start);
    }
    Ok((charset, read_keys(cursor)?))
}

fn write_program(charset: Option<&Octets>, keys: &[SearchKey], to: &mut Encoder) {
    if let Some(charset) = charset {
        to.raw(b" CHARSET ").astring(charset);
    }
    write_keys(keys, to);
}

impl Search {
    /// What is looked for.
    pub fn new(by: By, keys: Vec<SearchKey>) -> Self {
        Self {
            by,
            returned: None,
            charset: None,
            keys,
        }
    }

    pub(super) fn read(cursor: &mut Cursor<'_>, by: By) -> Parsed<Box<Self>> {
        let returned = SearchReturn::read_optional(cursor)?;
        let (charset, keys) = read_program(cursor)?;
        Ok(Box::new(Self {
            by,
            returned,
            charset,
            keys,
        }))
    }

    pub(super) fn write(&self, to: &mut Encoder) {
        if let Some(returned) = &self.returned {
            returned.write(to.raw(b" RETURN "));
        }
        write_program(self.charset.as_ref(), &self.keys, to);
    }
}

/// `SORT` (RFC 5256), with what of the result is told (RFC 5267).
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Sort {
    /// How messages are named in the answer.
    pub by: By,
    /// What of the result is told.
    pub returned: Option<SearchReturn>,
    /// In which order, the most important first.
    pub criteria: Vec<SortCriterion>,
    /// In which character set strings are.
    pub charset: Octets,
    /// What is looked for: all of these.
    pub keys: Vec<SearchKey>,
}

/// One of the things by which messages are sorted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct SortCriterion {
    /// What.
    pub key: SortKey,
    /// Whether the largest comes first.
    pub reverse: bool,
}

impl SortCriterion {
    /// By this.
    pub fn new(key: SortKey, reverse: bool) -> Self {
        Self { key, reverse }
    }
}

keywords! {
    /// What messages are sorted by.
    pub enum SortKey {
        /// The internal date.
        Arrival = "ARRIVAL",
        /// The first address in Cc.
        Cc = "CC",
        /// The field Date.
        Date = "DATE",
        /// The first address in From.
        From = "FROM",
        /// How large they are.
        Size = "SIZE",
        /// The base subject.
        Subject = "SUBJECT",
        /// The first address in To.
        To = "TO",
        /// The name that is shown for From (RFC 5957).
        DisplayFrom = "DISPLAYFROM",
        /// The name that is shown for To (RFC 5957).
        DisplayTo = "DISPLAYTO",
        /// How well they match (RFC 6203).
        Relevancy = "RELEVANCY",
    }
}

impl Sort {
    /// What is looked for, and in which order it is told.
    pub fn new(by: By, criteria: Vec<SortCriterion>, keys: Vec<SearchKey>) -> Self {
        Self {
            by,
            returned: None,
            criteria,
            charset: "UTF-8".into(),
            keys,
        }
    }

    pub(super) fn read(cursor: &mut Cursor<'_>, by: By) -> Parsed<Box<Self>> {
        let returned = SearchReturn::read_optional(cursor)?;
        cursor.space()?;
        let criteria = cursor.nonempty_list(|cursor| {
            let reverse = cursor.eat_word(b"REVERSE");
            if reverse {
                cursor.space()?;
            }
            let key = SortKey::read(cursor)?;
            Ok(SortCriterion { key, reverse })
        })?;
        cursor.space()?;
        let charset = cursor.astring()?;
        Ok(Box::new(Self {
            by,
            returned,
            criteria,
            charset,
            keys: read_keys(cursor)?,
        }))
    }

    pub(super) fn write(&self, to: &mut Encoder) {
        if let Some(returned) = &self.returned {
            returned.write(to.raw(b" RETURN "));
        }
        to.space().list(&self.criteria, |to, criterion| {
            to.word(if criterion.reverse { "REVERSE " } else { "" });
            to.word(criterion.key.as_str());
        });
        to.space().astring(&self.charset);
        write_keys(&self.keys, to);
    }
}

/// `THREAD` (RFC 5256)
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Thread {
    /// How messages are named in the answer.
    pub by: By,
    /// `ORDEREDSUBJECT`, `REFERENCES` or another.
    pub algorithm: Atom,
    /// In which character set strings are.
    pub charset: Octets,
    /// What is looked for: all of these.
    pub keys: Vec<SearchKey>,
}

impl Thread {
    /// What is looked for, and how it is threaded.
    pub fn new(by: By, algorithm: Atom, keys: Vec<SearchKey>) -> Self {
        Self {
            by,
            algorithm,
            charset: "UTF-8".into(),
            keys,
        }
    }

    pub(super) fn read(cursor: &mut Cursor<'_>, by: By) -> Parsed<Box<Self>> {
        cursor.space()?;
        let algorithm = cursor.atom()?;
        cursor.space()?;
        let charset = cursor.astring()?;
        Ok(Box::new(Self {
            by,
            algorithm,
            charset,
            keys: read_keys(cursor)?,
        }))
    }

    pub(super) fn write(&self, to: &mut Encoder) {
        to.space().word(self.algorithm.as_str());
        to.space().astring(&self.charset);
        write_keys(&self.keys, to);
    }
}

/// `ESEARCH` (RFC 7377): a search in many mailboxes.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct ESearch {
    /// In which; in the selected one if none are named.
    pub sources: Vec<Source>,
    /// What of each result is told.
    pub returned: Option<SearchReturn>,
    /// In which character set strings are.
    pub charset: Option<Octets>,
    /// What is looked for: all of these.
    pub keys: Vec<SearchKey>,
}

impl ESearch {
    /// What is looked for, and where.
    pub fn new(sources: Vec<Source>, keys: Vec<SearchKey>) -> Self {
        Self {
            sources,
            returned: None,
            charset: None,
            keys,
        }
    }

    pub(super) fn read(cursor: &mut Cursor<'_>) -> Parsed<Box<Self>> {
        let start = cursor.at();
        cursor.space()?;
        let mut sources = Vec::new();
        if cursor.eat_word(b"IN") {
            cursor.space()?;
            sources = cursor.nonempty_list(Source::read)?;
        } else {
            cursor.reset(start);
        }
        let returned = SearchReturn::read_optional(cursor)?;
        let (charset, keys) = read_program(cursor)?;
        Ok(Box::new(Self {
            sources,
            returned,
            charset,
            keys,
        }))
    }

    pub(super) fn write(&self, to: &mut Encoder) {
        if !self.sources.is_empty() {
            to.raw(b" IN ")
                .list(&self.sources, |to, source| source.write(to));
        }
        if let Some(returned) = &self.returned {
            returned.write(to.raw(b" RETURN "));
        }
        write_program(self.charset.as_ref(), &self.keys, to);
    }
}
