//! Status responses: how a command ended, and what people should know (RFC 9051 section 7.1).

use super::code::Code;
use crate::encode::Encoder;
use crate::keyword::keywords;
use crate::lex::{Cursor, Parsed};
use crate::quirks::Quirks;
use crate::string::Text;

keywords! {
    /// How it went.
    pub enum StatusKind {
        /// Well.
        Ok = "OK",
        /// It was not done.
        No = "NO",
        /// It was not understood, or is not allowed now.
        Bad = "BAD",
        /// As a greeting: the client is authenticated already. Never with a tag.
        PreAuth = "PREAUTH",
        /// The server closes the connection. Never with a tag.
        Bye = "BYE",
    }
}

/// A status with its text.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Status {
    /// How it went.
    pub kind: StatusKind,
    /// What programs should know.
    pub code: Option<Code>,
    /// What people should know. A bracket at its beginning looks like a code to whoever reads it, where there
    /// is none.
    pub text: Text,
}

impl Status {
    /// A status without a code.
    ///
    /// ```
    /// use imap_proto::Text;
    /// use imap_proto::response::{CodeWord, Status, StatusKind};
    ///
    /// let status = Status::new(StatusKind::No, Text::fixed("Try again later")).with_code(CodeWord::Unavailable);
    /// assert_eq!(status.kind, StatusKind::No);
    /// ```
    pub fn new(kind: StatusKind, text: Text) -> Self {
        Self {
            kind,
            code: None,
            text,
        }
    }

    /// With a code.
    pub fn with_code(mut self, code: impl Into<Code>) -> Self {
        self.code = Some(code.into());
        self
    }

    /// Behind the word.
    pub(super) fn read(cursor: &mut Cursor<'_>, kind: StatusKind) -> Parsed<Self> {
        if !cursor.eat(b' ') && !cursor.forgives(Quirks::MISSING_TEXT) {
            return cursor.fail("a space");
        }
        let (code, text) = read_text(cursor)?;
        Ok(Self { kind, code, text })
    }

    pub(super) fn write(&self, to: &mut Encoder) {
        to.word(self.kind.as_str()).space();
        write_text(self.code.as_ref(), &self.text, to);
    }
}

/// `resp-text`
pub(super) fn read_text(cursor: &mut Cursor<'_>) -> Parsed<(Option<Code>, Text)> {
    let code = match cursor.peek() {
        Some(b'[') => Code::read(cursor),
        _ => None,
    };
    if code.is_some() && !cursor.eat(b' ') && !cursor.forgives(Quirks::MISSING_TEXT) {
        return cursor.fail("a space");
    }
    let (start, end) = (cursor.at(), cursor.at() + cursor.rest().len());
    let Ok(text) = Text::new(cursor.slice(start, end)) else {
        return cursor.fail("a line of text");
    };
    cursor.reset(end);
    Ok((code, text))
}

pub(super) fn write_text(code: Option<&Code>, text: &Text, to: &mut Encoder) {
    if let Some(code) = code {
        code.write(to);
        to.space();
    }
    to.raw(text.as_octets());
}
