//! What searches have found (RFC 9051 section 7.3.4, RFC 4731, RFC 5256, RFC 5267).

use std::num::NonZeroU32;

use super::detail::{tag, write_tag};
use super::token::Token;
use crate::command::By;
use crate::encode::Encoder;
use crate::lex::{Cursor, FOLDED, Parsed};
use crate::mailbox::MailboxName;
use crate::number::ModSeq;
use crate::set::{OrderedSet, ResultRange};
use crate::string::Atom;
use crate::tag::Tag;

/// `SEARCH` and `SORT`: sequence numbers or UIDs, one by one.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Found {
    /// The numbers, as they came.
    pub numbers: Vec<NonZeroU32>,
    /// The highest mod-sequence of the messages, if it was searched for one (RFC 7162 section 3.1.5).
    pub mod_seq: Option<ModSeq>,
}

impl Found {
    /// These numbers.
    pub fn new(numbers: Vec<NonZeroU32>) -> Self {
        Self {
            numbers,
            mod_seq: None,
        }
    }

    pub(super) fn read(cursor: &mut Cursor<'_>) -> Parsed<Self> {
        // In large mailboxes a number has six or seven digits.
        let mut found = Self::new(Vec::with_capacity(cursor.rest().len() / 8));
        cursor.plain_numbers(&mut found.numbers);
        while cursor.eat_space() {
            if cursor.eat(b'(') {
                cursor.expect_word("MODSEQ")?;
                cursor.space()?;
                found.mod_seq = Some(ModSeq::read(cursor)?);
                cursor.expect(b')', "a closing parenthesis")?;
                break;
            }
            found.numbers.push(cursor.nz_number()?);
        }
        Ok(found)
    }

    pub(super) fn write(&self, to: &mut Encoder) {
        for number in &self.numbers {
            to.space().number(number.get());
        }
        if let Some(mod_seq) = self.mod_seq {
            to.raw(b" (MODSEQ ").number(mod_seq.value()).raw(b")");
        }
    }
}

/// `ESEARCH`
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct ESearchFound {
    /// Which command it answers.
    pub tag: Option<Tag>,
    /// In which mailbox (RFC 7377); in the selected one if `None`.
    pub mailbox: Option<MailboxName>,
    /// What makes the UIDs of that mailbox valid.
    pub uid_validity: Option<NonZeroU32>,
    /// What the numbers are.
    pub by: By,
    /// What was found.
    pub results: Vec<ESearchResult>,
}

/// Something that was found.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum ESearchResult {
    /// `MIN`
    Min(NonZeroU32),
    /// `MAX`
    Max(NonZeroU32),
    /// `ALL`, in the order that was asked for.
    All(OrderedSet),
    /// `COUNT`
    Count(u32),
    /// `MODSEQ`: the highest one of the messages.
    ModSeq(ModSeq),
    /// `PARTIAL`: some of the results (RFC 9394); `None` if there are none in the range.
    Partial(ResultRange, Option<OrderedSet>),
    /// `RELEVANCY` (RFC 6203): how well each message fits that [`All`](Self::All) names, from 1 to 100.
    Relevancy(Vec<u8>),
    /// `ADDTO`: messages that are found now, and at which positions (RFC 5267).
    AddTo(Vec<(u32, OrderedSet)>),
    /// `REMOVEFROM`: messages that are not found any more, and where they were (RFC 5267).
    RemoveFrom(Vec<(u32, OrderedSet)>),
    /// Something that is not known here.
    Other(Atom, Token),
}

impl ESearchFound {
    /// What a command has found.
    pub fn new(tag: Option<Tag>, by: By, results: Vec<ESearchResult>) -> Self {
        Self {
            tag,
            mailbox: None,
            uid_validity: None,
            by,
            results,
        }
    }

    pub(super) fn read(cursor: &mut Cursor<'_>) -> Parsed<Box<Self>> {
        let mut found = Self::new(None, By::Sequence, Vec::new());
        let start = cursor.at();
        match cursor.eat_space() && cursor.peek() == Some(b'(') {
            true => found.read_correlator(cursor)?,
            false => cursor.reset(start),
        }
        let start = cursor.at();
        match cursor.eat_space() && cursor.eat_word(b"UID") {
            true => found.by = By::Uid,
            false => cursor.reset(start),
        }
        found.results = cursor.spaced(ESearchResult::read)?;
        Ok(Box::new(found))
    }

    fn read_correlator(&mut self, cursor: &mut Cursor<'_>) -> Parsed<()> {
        cursor.nonempty_list(|cursor| {
            let mut word = FOLDED;
            let name = cursor.keyword(&mut word, "TAG")?;
            cursor.space()?;
            match name {
                b"TAG" => self.tag = Some(tag(cursor)?),
                b"MAILBOX" => self.mailbox = Some(MailboxName::read(cursor)?),
                b"UIDVALIDITY" => self.uid_validity = Some(cursor.nz_number()?),
                _ => return cursor.fail("TAG, MAILBOX or UIDVALIDITY"),
            }
            Ok(())
        })?;
        Ok(())
    }

    pub(super) fn write(&self, to: &mut Encoder) {
        let mut before: &[u8] = b" (";
        if let Some(tag) = &self.tag {
            write_tag(tag, to.raw(before).raw(b"TAG "));
            before = b" ";
        }
        if let Some(mailbox) = &self.mailbox {
            mailbox.write(to.raw(before).raw(b"MAILBOX "));
            before = b" ";
        }
        if let Some(value) = self.uid_validity {
            to.raw(before).raw(b"UIDVALIDITY ").number(value.get());
            before = b" ";
        }
        if before == b" " {
            to.raw(b")");
        }
        if self.by == By::Uid {
            to.raw(b" UID");
        }
        for result in &self.results {
            result.write(to.space());
        }
    }
}

impl ESearchResult {
    fn read(cursor: &mut Cursor<'_>) -> Parsed<Self> {
        let start = cursor.at();
        let mut word = FOLDED;
        let name = cursor.item(&mut word, "a result")?;
        Ok(match name {
            b"MIN" => Self::Min(cursor.nz_number()?),
            b"MAX" => Self::Max(cursor.nz_number()?),
            b"ALL" => Self::All(OrderedSet::read(cursor)?),
            b"COUNT" => Self::Count(cursor.number()?),
            b"MODSEQ" => Self::ModSeq(ModSeq::read(cursor)?),
            b"PARTIAL" => cursor.parenthesised(|cursor| {
                let range = ResultRange::read(cursor)?;
                cursor.space()?;
                let set = match cursor.eat_word(b"NIL") {
                    true => None,
                    false => Some(OrderedSet::read(cursor)?),
                };
                Ok(Self::Partial(range, set))
            })?,
            b"RELEVANCY" => Self::Relevancy(cursor.list(read_score)?),
            b"ADDTO" => Self::AddTo(cursor.nonempty_list(read_update)?),
            b"REMOVEFROM" => Self::RemoveFrom(cursor.nonempty_list(read_update)?),
            _ => {
                cursor.reset(start);
                let name = cursor.atom()?;
                cursor.space()?;
                Self::Other(name, Token::read(cursor)?)
            }
        })
    }

    fn write(&self, to: &mut Encoder) {
        match self {
            Self::Min(number) => to.raw(b"MIN ").number(number.get()),
            Self::Max(number) => to.raw(b"MAX ").number(number.get()),
            Self::All(set) => to.raw(b"ALL ").display(set),
            Self::Count(count) => to.raw(b"COUNT ").number(*count),
            Self::ModSeq(value) => to.raw(b"MODSEQ ").number(value.value()),
            Self::Partial(range, set) => {
                to.raw(b"PARTIAL (").display(range).space();
                match set {
                    Some(set) => to.display(set),
                    None => to.raw(b"NIL"),
                };
                to.raw(b")")
            }
            Self::Relevancy(scores) => to.raw(b"RELEVANCY ").list(scores, |to, score| {
                to.number(*score);
            }),
            Self::AddTo(updates) => to.raw(b"ADDTO ").list(updates, write_update),
            Self::RemoveFrom(updates) => to.raw(b"REMOVEFROM ").list(updates, write_update),
            Self::Other(name, value) => {
                value.write(to.word(name.as_str()).space());
                to
            }
        };
    }
}

fn read_score(cursor: &mut Cursor<'_>) -> Parsed<u8> {
    let start = cursor.at();
    match u8::try_from(cursor.number()?) {
        Ok(score @ 1..=100) => Ok(score),
        _ => {
            cursor.reset(start);
            cursor.fail("a score from 1 to 100")
        }
    }
}

fn read_update(cursor: &mut Cursor<'_>) -> Parsed<(u32, OrderedSet)> {
    let position = cursor.number()?;
    cursor.space()?;
    Ok((position, OrderedSet::read(cursor)?))
}

fn write_update(to: &mut Encoder, (position, set): &(u32, OrderedSet)) {
    to.number(*position).space().display(set);
}

/// A thread of messages (RFC 5256 section 4): each answers the one before it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct MessageThread {
    /// The messages up to where the thread splits. None, if what they would answer is missing.
    pub numbers: Vec<NonZeroU32>,
    /// The threads it splits into: none, or two or more.
    pub branches: Vec<Self>,
}

impl MessageThread {
    /// Messages, and what the last one splits into.
    pub fn new(numbers: Vec<NonZeroU32>, branches: Vec<Self>) -> Self {
        Self { numbers, branches }
    }

    /// ` (1 2)(3)`, or nothing.
    pub(super) fn read_all(cursor: &mut Cursor<'_>) -> Parsed<Vec<Self>> {
        match cursor.eat_space() {
            true => Self::read_some(cursor),
            false => Ok(Vec::new()),
        }
    }

    fn read_some(cursor: &mut Cursor<'_>) -> Parsed<Vec<Self>> {
        let mut threads = Vec::new();
        while cursor.eat(b'(') {
            threads.push(cursor.deeper(Self::read)?);
        }
        match threads.is_empty() {
            false => Ok(threads),
            true => cursor.fail("a thread"),
        }
    }

    /// Behind the parenthesis.
    fn read(cursor: &mut Cursor<'_>) -> Parsed<Self> {
        let mut thread = Self::default();
        loop {
            if cursor.peek() == Some(b'(') {
                thread.branches = Self::read_some(cursor)?;
                break;
            }
            thread.numbers.push(cursor.nz_number()?);
            if !cursor.eat_space() {
                break;
            }
        }
        cursor.expect(b')', "a closing parenthesis")?;
        Ok(thread)
    }

    pub(super) fn write(&self, to: &mut Encoder) {
        to.raw(b"(").spaced(&self.numbers, |to, number| {
            to.number(number.get());
        });
        if !self.numbers.is_empty() && !self.branches.is_empty() {
            to.space();
        }
        for branch in &self.branches {
            branch.write(to);
        }
        to.raw(b")");
    }
}
