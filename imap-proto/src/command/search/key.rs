//! What a message has to be to be found (RFC 9051 section 6.4.4, and what was added).

use std::num::NonZeroU32;

use crate::annotation::read_pattern;
use crate::command::store::read_label;
use crate::date::Date;
use crate::encode::Encoder;
use crate::flag::Flag;
use crate::keyword::keywords;
use crate::lex::{Cursor, FOLDED, Parsed};
use crate::number::ModSeqOrZero;
use crate::set::SequenceSet;
use crate::string::{Atom, Octets};

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
        /// Which flag, and whose.
        entry: Option<(Flag, EntryType)>,
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
        /// Which of its values.
        attribute: AnnotationValue,
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
    /// Which value of an annotation (RFC 5257 section 7).
    pub enum AnnotationValue {
        /// Either.
        Both = "value",
        /// The user's own.
        Private = "value.priv",
        /// Everybody's.
        Shared = "value.shared",
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

impl SearchKey {
    /// Whether it calls messages by sequence numbers.
    pub(crate) fn uses_numbers(&self) -> bool {
        match self {
            Self::Sequence(set) => matches!(set, SequenceSet::Numbers(_)),
            Self::And(keys) => keys.iter().any(Self::uses_numbers),
            Self::Or(keys) => keys.0.uses_numbers() || keys.1.uses_numbers(),
            Self::Not(key) | Self::Fuzzy(key) => key.uses_numbers(),
            _ => false,
        }
    }

    pub(super) fn read(cursor: &mut Cursor<'_>) -> Parsed<Self> {
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
                let attribute = AnnotationValue::read(cursor)?;
                cursor.space()?;
                Self::Annotation {
                    entry,
                    attribute,
                    value: cursor.nstring()?,
                }
            }
            b"X-GM-RAW" => Self::GmailRaw(cursor.astring()?),
            b"X-GM-MSGID" => Self::GmailMessageId(cursor.gmail_id()?),
            b"X-GM-THRID" => Self::GmailThreadId(cursor.gmail_id()?),
            b"X-GM-LABELS" => Self::GmailLabels(match cursor.peek() {
                Some(b'(') => cursor.nonempty_list(read_label)?,
                _ => vec![read_label(cursor)?],
            }),
            _ => {
                cursor.reset(start);
                return cursor.fail("a search key");
            }
        })
    }

    pub(super) fn write(&self, to: &mut Encoder) {
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
                if let Some((flag, whose)) = entry {
                    // Always quoted, and a flag has nothing to escape but its backslash.
                    let escaped = if matches!(flag, Flag::Keyword(_)) {
                        ""
                    } else {
                        "\\"
                    };
                    to.raw(b"\"/flags/").word(escaped).display(flag).raw(b"\" ");
                    to.word(whose.as_str()).space();
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
                to.space().word(attribute.as_str());
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
        let start = cursor.at();
        let name = cursor.string()?;
        let flag = name.as_str().and_then(|name| name.strip_prefix("/flags/"));
        let Some(Ok(flag)) = flag.map(str::parse) else {
            cursor.reset(start);
            return cursor.fail("the entry of a flag");
        };
        cursor.space()?;
        let whose = EntryType::read(cursor)?;
        cursor.space()?;
        entry = Some((flag, whose));
    }
    let since = ModSeqOrZero::read(cursor)?;
    Ok(SearchKey::ModSeq { entry, since })
}
