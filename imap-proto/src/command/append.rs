//! Adding messages (RFC 9051 section 6.3.12; RFC 3502, RFC 4469, RFC 6855, RFC 8508).

use super::By;
use crate::annotation::Annotation;
use crate::date::DateTime;
use crate::encode::Encoder;
use crate::flag::Flags;
use crate::lex::{Cursor, Parsed};
use crate::mailbox::MailboxName;
use crate::set::SequenceSet;
use crate::string::{Content, Octets};

/// `APPEND`
///
/// Read from an [open](crate::Frame::is_open) frame it ends with the message or part whose literal is
/// announced.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Append {
    /// Where to.
    pub mailbox: MailboxName,
    /// One message, or more (RFC 3502), all or none of which are added.
    pub messages: Vec<AppendMessage>,
}

/// A message to be added.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct AppendMessage {
    /// Its flags.
    pub flags: Flags,
    /// Its internal date.
    pub date: Option<DateTime>,
    /// Its annotations (RFC 5257 section 4.6).
    pub annotations: Vec<Annotation>,
    /// What it is made of.
    pub data: AppendData,
}

/// What a message to be added is made of.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum AppendData {
    /// Of these octets.
    Message {
        /// The octets.
        content: Content,
        /// Whether NUL is allowed: a `literal8` (RFC 3516, RFC 4466). It is written as a plain literal if the
        /// server [has no such thing](crate::encode::Encoding::binary).
        binary: bool,
    },
    /// Of these octets, with headers in UTF-8 (RFC 6855 section 4).
    Utf8(Content),
    /// Of parts, one after another (RFC 4469).
    Catenate(Vec<CatenatePart>),
}

/// A part of a message to be added.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum CatenatePart {
    /// What an IMAP URL names, on this server.
    Url(Octets),
    /// These octets.
    Text {
        /// The octets.
        content: Content,
        /// Whether NUL is allowed.
        binary: bool,
    },
    /// These octets, with headers in UTF-8 (RFC 6855 section 4).
    Utf8(Content),
}

impl Append {
    /// One message, without flags, now.
    pub fn new(mailbox: MailboxName, content: impl Into<Content>) -> Self {
        Self {
            mailbox,
            messages: vec![AppendMessage::new(content)],
        }
    }

    pub(super) fn read(cursor: &mut Cursor<'_>) -> Parsed<Box<Self>> {
        cursor.space()?;
        let mailbox = MailboxName::read(cursor)?;
        let mut messages = Vec::new();
        while cursor.eat_space() {
            messages.push(AppendMessage::read(cursor)?);
        }
        match messages.is_empty() {
            true => cursor.fail("a message"),
            false => Ok(Box::new(Self { mailbox, messages })),
        }
    }

    pub(super) fn write(&self, to: &mut Encoder) {
        self.mailbox.write(to.space());
        for message in &self.messages {
            message.write(to);
        }
    }
}

impl AppendMessage {
    /// A message without flags, now.
    pub fn new(content: impl Into<Content>) -> Self {
        Self::from_data(AppendData::Message {
            content: content.into(),
            binary: false,
        })
    }

    /// A message without flags, now.
    pub fn from_data(data: AppendData) -> Self {
        Self {
            flags: Flags::new(),
            date: None,
            annotations: Vec::new(),
            data,
        }
    }

    fn read(cursor: &mut Cursor<'_>) -> Parsed<Self> {
        let mut flags = Flags::new();
        if cursor.peek() == Some(b'(') {
            flags = Flags::read(cursor)?;
            cursor.space()?;
        }
        let mut date = None;
        if cursor.peek() == Some(b'"') {
            date = Some(DateTime::read(cursor)?);
            cursor.space()?;
        }
        let mut annotations = Vec::new();
        if cursor.eat_word(b"ANNOTATION") {
            cursor.space()?;
            annotations = Annotation::read_list(cursor)?;
            cursor.space()?;
        }
        let data = AppendData::read(cursor)?;
        Ok(Self {
            flags,
            date,
            annotations,
            data,
        })
    }

    fn write(&self, to: &mut Encoder) {
        if !self.flags.is_empty() {
            self.flags.write(to.space());
        }
        if let Some(date) = self.date {
            date.write(to.space());
        }
        if !self.annotations.is_empty() {
            Annotation::write_list(&self.annotations, to.raw(b" ANNOTATION "));
        }
        self.data.write(to.space());
    }
}

impl AppendData {
    fn read(cursor: &mut Cursor<'_>) -> Parsed<Self> {
        if cursor.eat_word(b"UTF8") {
            cursor.space()?;
            return read_utf8(cursor).map(Self::Utf8);
        }
        if cursor.eat_word(b"CATENATE") {
            cursor.space()?;
            return read_parts(cursor).map(Self::Catenate);
        }
        let binary = cursor.peek() == Some(b'~');
        let content = cursor.literal()?;
        Ok(Self::Message { content, binary })
    }

    fn write(&self, to: &mut Encoder) {
        match self {
            Self::Message { content, binary } => {
                let binary = *binary && to.encoding().binary;
                to.literal(content, binary);
            }
            Self::Utf8(content) => {
                to.raw(b"UTF8 (").literal(content, true).raw(b")");
            }
            Self::Catenate(parts) => {
                to.raw(b"CATENATE ").list(parts, |to, part| part.write(to));
            }
        }
    }
}

impl CatenatePart {
    fn read(cursor: &mut Cursor<'_>) -> Parsed<Self> {
        if cursor.eat_word(b"URL") {
            cursor.space()?;
            return cursor.astring().map(Self::Url);
        }
        if cursor.eat_word(b"UTF8") {
            cursor.space()?;
            return read_utf8(cursor).map(Self::Utf8);
        }
        cursor.expect_word("TEXT")?;
        cursor.space()?;
        let binary = cursor.peek() == Some(b'~');
        let content = cursor.literal()?;
        Ok(Self::Text { content, binary })
    }

    fn write(&self, to: &mut Encoder) {
        match self {
            Self::Url(url) => to.raw(b"URL ").astring(url),
            Self::Text { content, binary } => {
                let binary = *binary && to.encoding().binary;
                to.raw(b"TEXT ").literal(content, binary)
            }
            Self::Utf8(content) => to.raw(b"UTF8 (").literal(content, true).raw(b")"),
        };
    }
}

/// `(literal8)`
fn read_utf8(cursor: &mut Cursor<'_>) -> Parsed<Content> {
    cursor.expect(b'(', "a parenthesis")?;
    let content = cursor.literal()?;
    if !cursor.is_at_announced() {
        cursor.expect(b')', "a closing parenthesis")?;
    }
    Ok(content)
}

fn read_parts(cursor: &mut Cursor<'_>) -> Parsed<Vec<CatenatePart>> {
    cursor.expect(b'(', "a parenthesis")?;
    let mut parts = Vec::new();
    loop {
        parts.push(CatenatePart::read(cursor)?);
        if cursor.is_at_announced() {
            return Ok(parts);
        }
        if !cursor.eat_space() {
            break;
        }
    }
    cursor.expect(b')', "a closing parenthesis")?;
    Ok(parts)
}

/// `REPLACE` (RFC 8508): a new message for an old one.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Replace {
    /// How the old message is named.
    pub by: By,
    /// The old message.
    pub old: SequenceSet,
    /// Where the new message goes.
    pub mailbox: MailboxName,
    /// The new message.
    pub message: AppendMessage,
}

impl Replace {
    /// A new message for an old one, whose UID this is.
    pub fn new(old: std::num::NonZeroU32, mailbox: MailboxName, message: AppendMessage) -> Self {
        Self {
            by: By::Uid,
            old: old.into(),
            mailbox,
            message,
        }
    }

    pub(super) fn read(cursor: &mut Cursor<'_>, by: By) -> Parsed<Box<Self>> {
        cursor.space()?;
        let old = match cursor.eat(b'*') {
            true => SequenceSet::last(),
            false => cursor.nz_number()?.into(),
        };
        cursor.space()?;
        let mailbox = MailboxName::read(cursor)?;
        cursor.space()?;
        let message = AppendMessage::read(cursor)?;
        Ok(Box::new(Self {
            by,
            old,
            mailbox,
            message,
        }))
    }

    pub(super) fn write(&self, to: &mut Encoder) {
        self.mailbox.write(to.space().display(&self.old).space());
        self.message.write(to);
    }
}
