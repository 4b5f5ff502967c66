//! What is told of messages (RFC 9051 section 7.5.2, and what was added to it).

use std::num::NonZeroU32;

use super::body::BodyStructure;
use super::envelope::Envelope;
use super::token::Token;
use crate::annotation::Annotation;
use crate::command::By;
use crate::command::fetch::read_binary_part;
use crate::command::store::read_label;
use crate::date::DateTime;
use crate::encode::Encoder;
use crate::flag::Flags;
use crate::lex::{Cursor, FOLDED, Fault, NESTING, Parsed};
use crate::number::ModSeqOrZero;
use crate::quirks::Quirks;
use crate::section::{Section, write_part};
use crate::string::{Atom, Content, Octets, Text};

/// `FETCH`, and `UIDFETCH` (RFC 9586 section 3.3).
///
/// Servers tell what was asked for, and more or less: changes that others have made come like this too.
///
/// Read from an [open](crate::Frame::is_open) frame it ends with the item whose literal is announced, which is
/// [`Content::Streamed`]. Whole it is read again when the literal has passed, with the same items and those behind.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Fetched {
    /// How the message is named: by its position in `FETCH`, by its UID in `UIDFETCH`.
    pub by: By,
    /// Its position or UID.
    pub number: NonZeroU32,
    /// What is told of it.
    pub items: Vec<FetchItem>,
}

/// Something that is told of a message.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum FetchItem {
    /// `FLAGS`
    Flags(Flags),
    /// `UID`
    Uid(NonZeroU32),
    /// `MODSEQ` (RFC 7162); 0 only where that was [forgiven](crate::Quirks::ZERO_MODSEQ).
    ModSeq(ModSeqOrZero),
    /// `INTERNALDATE`
    InternalDate(DateTime),
    /// `RFC822.SIZE`, in octets.
    Rfc822Size(u64),
    /// `ENVELOPE`
    Envelope(Box<Envelope>),
    /// `BODY`: the structure without extension data.
    Body(BodyStructure),
    /// `BODYSTRUCTURE`
    BodyStructure(BodyStructure),
    /// `BODY[]`
    Section(Box<FetchedSection>),
    /// `BINARY[]` (RFC 3516): a part decoded.
    Binary(Box<FetchedBinary>),
    /// `BINARY.SIZE[]`: a part's length in octets, decoded.
    BinarySize(Vec<NonZeroU32>, u64),
    /// `RFC822`
    Rfc822(Option<Content>),
    /// `RFC822.HEADER`
    Rfc822Header(Option<Content>),
    /// `RFC822.TEXT`
    Rfc822Text(Option<Content>),
    /// `EMAILID` (RFC 8474)
    EmailId(Atom),
    /// `THREADID` (RFC 8474); `None` if the server has no threads.
    ThreadId(Option<Atom>),
    /// `SAVEDATE` (RFC 8514); `None` if the mailbox keeps none.
    SaveDate(Option<DateTime>),
    /// `PREVIEW` (RFC 8970); `None` if it is not at hand.
    Preview(Option<Octets>),
    /// `ANNOTATION` (RFC 5257)
    Annotations(Vec<Annotation>),
    /// `X-GM-MSGID`
    GmailMessageId(u64),
    /// `X-GM-THRID`
    GmailThreadId(u64),
    /// `X-GM-LABELS`, in modified UTF-7; the system's own begin with a backslash.
    GmailLabels(Vec<Octets>),
    /// Something that is not known here.
    Other(Box<OtherItem>),
    /// Something that is known, and is not as it should be.
    Invalid(Box<InvalidItem>),
}

/// Part of a message.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct FetchedSection {
    /// Which part.
    pub section: Section,
    /// From which octet on, if only some of them were asked for.
    pub origin: Option<u64>,
    /// Its octets; `None` if there is no such part.
    pub content: Option<Content>,
}

/// Part of a message, decoded.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct FetchedBinary {
    /// Which part.
    pub part: Vec<NonZeroU32>,
    /// From which octet on, if only some of them were asked for.
    pub origin: Option<u64>,
    /// Its octets; `None` if there is no such part.
    pub content: Option<Content>,
}

/// An item that is not known here.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct OtherItem {
    /// Its name, as it was written.
    pub name: Text,
    /// Its value.
    pub value: Token,
}

/// An item that is not as it should be. The others of its response are what they are.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct InvalidItem {
    /// Its name, as it was written.
    pub name: Text,
    /// Its value. It is written as it is; an empty list, if there was none.
    pub value: Token,
    /// What should have been there.
    pub expected: &'static str,
    /// Where in the frame.
    pub offset: usize,
}

impl Fetched {
    /// What is told of a message.
    pub fn new(by: By, number: NonZeroU32, items: Vec<FetchItem>) -> Self {
        Self { by, number, items }
    }

    /// The UID, if it is told.
    pub fn uid(&self) -> Option<NonZeroU32> {
        if self.by == By::Uid {
            return Some(self.number);
        }
        self.items.iter().find_map(|item| match item {
            FetchItem::Uid(uid) => Some(*uid),
            _ => None,
        })
    }

    /// Behind the name.
    pub(super) fn read(cursor: &mut Cursor<'_>, by: By, number: NonZeroU32) -> Parsed<Self> {
        cursor.space()?;
        cursor.expect(b'(', "what is told of a message")?;
        let mut items = Vec::new();
        if cursor.peek() == Some(b' ') && cursor.forgives(Quirks::EXTRA_SPACES) {
            while cursor.eat(b' ') {}
        }
        if !cursor.eat(b')') {
            loop {
                items.push(FetchItem::read(cursor)?);
                if cursor.is_at_announced() {
                    return Ok(Self { by, number, items });
                }
                if !cursor.eat_space() {
                    break;
                }
            }
            cursor.expect(b')', "a space or closing parenthesis")?;
        }
        Ok(Self { by, number, items })
    }

    pub(super) fn write(&self, to: &mut Encoder) {
        to.number(self.number.get()).raw(match self.by {
            By::Sequence => b" FETCH ",
            By::Uid => b" UIDFETCH ",
        });
        to.list(&self.items, |to, item| item.write(to));
    }
}

impl FetchItem {
    /// Its octets, of an item that has some: a message or a part of it.
    pub fn content(&self) -> Option<&Content> {
        match self {
            Self::Section(section) => section.content.as_ref(),
            Self::Binary(binary) => binary.content.as_ref(),
            Self::Rfc822(content) | Self::Rfc822Header(content) | Self::Rfc822Text(content) => {
                content.as_ref()
            }
            _ => None,
        }
    }

    /// An item. One that is not as it should be is that, as long as it can be told where it ends.
    fn read(cursor: &mut Cursor<'_>) -> Parsed<Self> {
        let (start, fired) = (cursor.at(), cursor.fired);
        let failed = match Self::read_known(cursor) {
            Ok(Some(item)) => return Ok(item),
            Ok(None) => None,
            Err(fault) => Some(fault),
        };
        cursor.reset(start);
        // What was forgiven in vain was not needed.
        cursor.fired = fired;
        Self::read_tokens(cursor, failed)
    }

    /// A name and a value, of which nothing is known.
    #[cold]
    fn read_tokens(cursor: &mut Cursor<'_>, failed: Option<Fault>) -> Parsed<Self> {
        let name = Token::read_word(cursor)?;
        let (value, failed) = match cursor.eat_space() {
            true => {
                let value = read_any_value(cursor).map_err(|fault| failed.unwrap_or(fault))?;
                (value, failed)
            }
            // An item without a value is of no use, but does no harm.
            false => {
                let fault = failed.unwrap_or_else(|| cursor.fault("a space"));
                (Token::List(Vec::new()), Some(fault))
            }
        };
        Ok(match failed {
            None => Self::Other(Box::new(OtherItem { name, value })),
            Some(fault) => Self::Invalid(Box::new(InvalidItem {
                name,
                value,
                expected: fault.expected,
                offset: fault.at,
            })),
        })
    }

    /// `msg-att`, of those that have a name here.
    fn read_known(cursor: &mut Cursor<'_>) -> Parsed<Option<Self>> {
        let mut word = FOLDED;
        let name = cursor.keyword_before(b'[', &mut word, "an item")?;
        match name {
            b"BODY" if cursor.peek() == Some(b'[') => return read_section(cursor).map(Some),
            b"BINARY" if cursor.peek() == Some(b'[') => return read_binary(cursor).map(Some),
            b"BINARY.SIZE" if cursor.peek() == Some(b'[') => {
                let part = read_binary_part(cursor)?;
                cursor.space()?;
                return Ok(Some(Self::BinarySize(part, cursor.number64()?)));
            }
            _ => {}
        }
        if !cursor.eat_space() {
            return Ok(None);
        }
        let item = match name {
            b"FLAGS" => Self::Flags(Flags::read(cursor)?),
            b"UID" => Self::Uid(cursor.nz_number()?),
            b"MODSEQ" => Self::ModSeq(cursor.parenthesised(ModSeqOrZero::read_nonzero)?),
            b"INTERNALDATE" => Self::InternalDate(DateTime::read(cursor)?),
            b"RFC822.SIZE" => Self::Rfc822Size(cursor.number64()?),
            b"ENVELOPE" => Self::Envelope(Envelope::read(cursor)?),
            b"BODYSTRUCTURE" => Self::BodyStructure(cursor.deeper(BodyStructure::read)?),
            b"BODY" => Self::Body(cursor.deeper(BodyStructure::read)?),
            b"RFC822" => Self::Rfc822(read_content(cursor)?),
            b"RFC822.HEADER" => Self::Rfc822Header(read_content(cursor)?),
            b"RFC822.TEXT" => Self::Rfc822Text(read_content(cursor)?),
            b"EMAILID" => Self::EmailId(cursor.parenthesised(Cursor::atom)?),
            b"THREADID" if cursor.eat_word(b"NIL") => Self::ThreadId(None),
            b"THREADID" => Self::ThreadId(Some(cursor.parenthesised(Cursor::atom)?)),
            b"SAVEDATE" if cursor.eat_word(b"NIL") => Self::SaveDate(None),
            b"SAVEDATE" => Self::SaveDate(Some(DateTime::read(cursor)?)),
            b"PREVIEW" => Self::Preview(cursor.nstring()?),
            b"ANNOTATION" => Self::Annotations(Annotation::read_list(cursor)?),
            b"X-GM-MSGID" => Self::GmailMessageId(cursor.gmail_id()?),
            b"X-GM-THRID" => Self::GmailThreadId(cursor.gmail_id()?),
            b"X-GM-LABELS" => Self::GmailLabels(cursor.list(read_label)?),
            _ => return Ok(None),
        };
        Ok(Some(item))
    }

    fn write(&self, to: &mut Encoder) {
        match self {
            Self::Flags(flags) => flags.write(to.raw(b"FLAGS ")),
            Self::Uid(uid) => {
                to.raw(b"UID ").number(uid.get());
            }
            Self::ModSeq(value) => {
                to.raw(b"MODSEQ (").number(value.value()).raw(b")");
            }
            Self::InternalDate(date) => date.write(to.raw(b"INTERNALDATE ")),
            Self::Rfc822Size(size) => {
                to.raw(b"RFC822.SIZE ").number(*size);
            }
            Self::Envelope(envelope) => envelope.write(to.raw(b"ENVELOPE ")),
            Self::Body(body) => body.write(to.raw(b"BODY ")),
            Self::BodyStructure(body) => body.write(to.raw(b"BODYSTRUCTURE ")),
            Self::Section(section) => section.write(to),
            Self::Binary(binary) => binary.write(to),
            Self::BinarySize(part, size) => {
                write_part(part, to.raw(b"BINARY.SIZE["));
                to.raw(b"] ").number(*size);
            }
            Self::Rfc822(content) => write_content(content.as_ref(), to.raw(b"RFC822 ")),
            Self::Rfc822Header(content) => {
                write_content(content.as_ref(), to.raw(b"RFC822.HEADER "));
            }
            Self::Rfc822Text(content) => write_content(content.as_ref(), to.raw(b"RFC822.TEXT ")),
            Self::EmailId(id) => {
                to.raw(b"EMAILID (").word(id.as_str()).raw(b")");
            }
            Self::ThreadId(None) => {
                to.raw(b"THREADID NIL");
            }
            Self::ThreadId(Some(id)) => {
                to.raw(b"THREADID (").word(id.as_str()).raw(b")");
            }
            Self::SaveDate(None) => {
                to.raw(b"SAVEDATE NIL");
            }
            Self::SaveDate(Some(date)) => date.write(to.raw(b"SAVEDATE ")),
            Self::Preview(text) => {
                to.raw(b"PREVIEW ").nstring(text.as_ref());
            }
            Self::Annotations(annotations) => {
                Annotation::write_list(annotations, to.raw(b"ANNOTATION "));
            }
            Self::GmailMessageId(id) => {
                to.raw(b"X-GM-MSGID ").number(*id);
            }
            Self::GmailThreadId(id) => {
                to.raw(b"X-GM-THRID ").number(*id);
            }
            Self::GmailLabels(labels) => {
                to.raw(b"X-GM-LABELS ").list(labels, |to, label| {
                    to.astring(label);
                });
            }
            Self::Other(item) => item.value.write(to.raw(item.name.as_octets()).space()),
            Self::Invalid(item) => item.value.write(to.raw(item.name.as_octets()).space()),
        }
    }
}

impl FetchedSection {
    /// Octets of a section from an offset on, if only some of them were asked for.
    ///
    /// ```
    /// use imap_proto::response::{FetchItem, FetchedSection};
    /// use imap_proto::{Content, Section};
    ///
    /// // The first octets of a message that is sent by whoever has it.
    /// let section = FetchedSection::new(Section::whole(), Some(0), Some(Content::Streamed(4096)));
    /// let item = FetchItem::Section(Box::new(section));
    /// assert_eq!(item.content().map(Content::len), Some(4096));
    /// ```
    pub fn new(section: Section, origin: Option<u64>, content: Option<Content>) -> Self {
        Self {
            section,
            origin,
            content,
        }
    }

    fn write(&self, to: &mut Encoder) {
        self.section.write(to.raw(b"BODY"));
        write_origin(self.origin, to);
        write_content(self.content.as_ref(), to.space());
    }
}

impl FetchedBinary {
    /// Octets of a part, decoded, from an offset on, if only some of them were asked for.
    pub fn new(
        part: impl Into<Vec<NonZeroU32>>,
        origin: Option<u64>,
        content: Option<Content>,
    ) -> Self {
        Self {
            part: part.into(),
            origin,
            content,
        }
    }

    fn write(&self, to: &mut Encoder) {
        write_part(&self.part, to.raw(b"BINARY["));
        write_origin(self.origin, to.raw(b"]"));
        write_binary(self.content.as_ref(), to.space());
    }
}

fn read_section(cursor: &mut Cursor<'_>) -> Parsed<FetchItem> {
    let section = Section::read(cursor)?;
    let origin = read_origin(cursor)?;
    cursor.space()?;
    let content = read_content(cursor)?;
    Ok(FetchItem::Section(Box::new(FetchedSection {
        section,
        origin,
        content,
    })))
}

fn read_binary(cursor: &mut Cursor<'_>) -> Parsed<FetchItem> {
    let part = read_binary_part(cursor)?;
    let origin = read_origin(cursor)?;
    cursor.space()?;
    let content = read_content(cursor)?;
    Ok(FetchItem::Binary(Box::new(FetchedBinary {
        part,
        origin,
        content,
    })))
}

/// `<0>`, if it is there.
fn read_origin(cursor: &mut Cursor<'_>) -> Parsed<Option<u64>> {
    if !cursor.eat(b'<') {
        return Ok(None);
    }
    let origin = cursor.number64()?;
    cursor.expect(b'>', "a closing angle bracket")?;
    Ok(Some(origin))
}

fn write_origin(origin: Option<u64>, to: &mut Encoder) {
    if let Some(origin) = origin {
        to.raw(b"<").number(origin).raw(b">");
    }
}

/// An `nstring` or `literal8` that may be streamed.
pub(super) fn read_content(cursor: &mut Cursor<'_>) -> Parsed<Option<Content>> {
    match cursor.peek() {
        Some(b'{' | b'~') => cursor.literal().map(Some),
        _ => Ok(cursor.nstring()?.map(Content::Whole)),
    }
}

/// As a literal, as clients are used to; but there are clients that do not take an empty one.
pub(super) fn write_content(content: Option<&Content>, to: &mut Encoder) {
    match content {
        None => to.raw(b"NIL"),
        Some(Content::Whole(octets)) if octets.is_empty() => to.raw(b"\"\""),
        Some(content) => to.literal(content, false),
    };
}

/// As a `literal8` where it holds NUL, or may do so because it is not at hand.
pub(super) fn write_binary(content: Option<&Content>, to: &mut Encoder) {
    match content {
        Some(streamed @ Content::Streamed(_)) => {
            to.literal(streamed, true);
        }
        Some(whole @ Content::Whole(octets)) if memchr::memchr(0, octets).is_some() => {
            to.literal(whole, true);
        }
        content => write_content(content, to),
    }
}

/// A value that is not known, or not as it should be: a token, or where mistakes are forgiven all that is left.
fn read_any_value(cursor: &mut Cursor<'_>) -> Parsed<Token> {
    let start = cursor.at();
    let failed = match Token::read(cursor) {
        Ok(value) => return Ok(value),
        Err(fault) => fault,
    };
    cursor.reset(start);
    let rest = cursor.rest();
    let end = start + rest.len() - usize::from(rest.ends_with(b")"));
    match Text::new(cursor.slice(start, end)) {
        Ok(text) if failed.expected != NESTING && cursor.forgives(Quirks::LOOSE_STRING) => {
            cursor.reset(end);
            Ok(Token::Word(text))
        }
        _ => Err(failed),
    }
}
