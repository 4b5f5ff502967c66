//! Data that nobody here knows, cut into tokens.

use crate::encode::Encoder;
use crate::lex::{Cursor, Parsed};
use crate::quirks::Quirks;
use crate::string::{Content, Text};

/// A token of something that is not known.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Token {
    /// A word, such as a number, an atom or NIL, as it stands there.
    Word(Text),
    /// A string, quoted or a literal.
    String(Content),
    /// What stands in parentheses.
    List(Vec<Self>),
}

impl Token {
    /// One token.
    pub(in crate::response) fn read(cursor: &mut Cursor<'_>) -> Parsed<Self> {
        match cursor.peek() {
            Some(b'(') => cursor.deeper(|cursor| {
                cursor.eat(b'(');
                let tokens = Self::read_all(cursor)?;
                // Where the frame ends with a literal that is still to come, nothing closes the list.
                if !cursor.is_at_announced() {
                    cursor.expect(b')', "a closing parenthesis")?;
                }
                Ok(Self::List(tokens))
            }),
            Some(b'{') => cursor.literal().map(Self::String),
            Some(b'~') if cursor.rest().starts_with(b"~{") => cursor.literal().map(Self::String),
            Some(b'"') => Ok(Self::String(Content::Whole(cursor.string()?))),
            _ => Self::read_word(cursor).map(Self::Word),
        }
    }

    /// Tokens up to a closing parenthesis or the end. Between them is one space, or none where that is clear.
    pub(super) fn read_all(cursor: &mut Cursor<'_>) -> Parsed<Vec<Self>> {
        let mut tokens = Vec::new();
        loop {
            let spaces = cursor.rest().iter().take_while(|octet| **octet == b' ');
            let spaces = spaces.count();
            let end = matches!(cursor.rest().get(spaces), None | Some(b')'));
            let expected = usize::from(!tokens.is_empty() && !end);
            if spaces > expected && !cursor.forgives(Quirks::EXTRA_SPACES) {
                return cursor.fail("a token");
            }
            cursor.reset(cursor.at() + spaces);
            if end {
                return Ok(tokens);
            }
            tokens.push(Self::read(cursor)?);
        }
    }

    /// Up to a space or parenthesis, but for those within brackets: `BODY[HEADER.FIELDS (X)]`.
    pub(super) fn read_word(cursor: &mut Cursor<'_>) -> Parsed<Text> {
        let mut bracket = false;
        let length = cursor.rest().iter().position(|octet| {
            match octet {
                b'[' => bracket = true,
                b']' => bracket = false,
                _ => {}
            }
            matches!(octet, 0 | b'\r' | b'\n')
                || (!bracket && matches!(octet, b' ' | b'(' | b')' | b'"'))
        });
        let length = length.unwrap_or_else(|| cursor.rest().len());
        if length == 0 {
            return cursor.fail("a token");
        }
        let start = cursor.at();
        let text = Text::new(cursor.slice(start, start + length));
        let text = text.map_err(|_| cursor.fault("a token"))?;
        cursor.reset(start + length);
        Ok(text)
    }

    pub(super) fn write(&self, to: &mut Encoder) {
        match self {
            Self::Word(word) => to.raw(word.as_octets()),
            Self::String(Content::Whole(octets)) => to.string(octets),
            Self::String(streamed) => to.literal(streamed, false),
            Self::List(tokens) => to.list(tokens, |to, token| token.write(to)),
        };
    }
}

/// A response that is not known here.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct Unknown {
    /// Its tokens, the first one its name, or a number with its name behind it.
    pub tokens: Vec<Token>,
}

impl Unknown {
    /// A response of tokens.
    pub fn new(tokens: Vec<Token>) -> Self {
        Self { tokens }
    }

    /// Up to the end of the line. What cannot be cut into tokens is a word, where mistakes are forgiven.
    pub(super) fn read(cursor: &mut Cursor<'_>) -> Parsed<Self> {
        let (start, end) = (cursor.at(), cursor.at() + cursor.rest().len());
        let failed = match Token::read_all(cursor) {
            Ok(tokens) if cursor.is_at_end() && !tokens.is_empty() => return Ok(Self { tokens }),
            Ok(_) => cursor.fault("a token"),
            Err(fault) => fault,
        };
        match Text::new(cursor.slice(start, end)) {
            Ok(text) if start < end && cursor.forgives(Quirks::LOOSE_STRING) => {
                cursor.reset(end);
                Ok(Self::new(vec![Token::Word(text)]))
            }
            _ => Err(failed),
        }
    }

    pub(super) fn write(&self, to: &mut Encoder) {
        to.spaced(&self.tokens, |to, token| token.write(to));
    }
}
