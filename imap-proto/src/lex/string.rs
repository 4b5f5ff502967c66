//! Strings, in all notations.

use bytes::Bytes;

use super::{AT_HAND, Cursor, Parsed};
use crate::class::{Class, is, length_of};
use crate::quirks::Quirks;
use crate::string::{Content, Octets};

impl Cursor<'_> {
    /// A part of the frame, shared.
    #[inline]
    pub(crate) fn slice(&self, start: usize, end: usize) -> Bytes {
        self.frame.octets().slice(start..end)
    }

    #[inline]
    pub(crate) fn string(&mut self) -> Parsed<Octets> {
        match self.peek() {
            Some(b'"') => self.quoted(),
            Some(b'{' | b'~') => match self.literal()? {
                Content::Whole(octets) => Ok(octets),
                Content::Streamed(_) => self.fail(AT_HAND),
            },
            _ => self.fail("a string"),
        }
    }

    #[inline]
    pub(crate) fn astring(&mut self) -> Parsed<Octets> {
        match self.peek() {
            Some(b'"' | b'{') => self.string(),
            _ => {
                let start = self.at;
                let word = self.run(Class::ASTRING, "a string or an atom")?;
                Ok(self.slice(start, start + word.len()).into())
            }
        }
    }

    #[inline]
    pub(crate) fn nstring(&mut self) -> Parsed<Option<Octets>> {
        match self.peek() {
            Some(b'"' | b'{' | b'~') => self.string().map(Some),
            _ if self.eat_word(b"NIL") => Ok(None),
            Some(octet) if is(octet, Class::ASTRING) && self.forgives(Quirks::LOOSE_STRING) => {
                self.astring().map(Some)
            }
            _ => self.fail("a string or NIL"),
        }
    }

    #[inline]
    fn quoted(&mut self) -> Parsed<Octets> {
        let start = self.at + 1;
        let rest = &self.octets[start..];
        let length = length_of(rest, Class::QUOTED);
        if rest.get(length) == Some(&b'"') {
            let end = start + length;
            if self.quirks.contains(Quirks::UNESCAPED_QUOTES) && !self.closes(end + 1) {
                return self.quoted_with_quotes(start);
            }
            self.at = end + 1;
            return Ok(self.slice(start, end).into());
        }
        self.quoted_slowly(start)
    }

    /// Whether what follows a quote shows that it closed a string.
    #[inline]
    fn closes(&self, behind: usize) -> bool {
        matches!(
            self.octets.get(behind),
            Some(b' ' | b')' | b'(' | b']' | b'>' | b'\r') | None
        )
    }

    /// Whether what follows a quote closed a string that has quotes in it: behind a space a value begins, or the
    /// name of an item, and not a word of people's.
    fn surely_closes(&self, behind: usize) -> bool {
        let next = |at: usize| self.octets.get(at).copied().unwrap_or(b')');
        match next(behind) {
            b' ' => match next(behind + 1) {
                b'"' | b'(' | b')' | b'{' | b'~' | b'0'..=b'9' => true,
                b'A'..=b'Z' => next(behind + 2).is_ascii_uppercase(),
                _ => false,
            },
            _ => self.closes(behind),
        }
    }

    /// A quoted string with escapes, or with octets that need forgiveness.
    #[cold]
    fn quoted_slowly(&mut self, start: usize) -> Parsed<Octets> {
        let mut value = Vec::new();
        let mut at = start;
        loop {
            match self.octets.get(at) {
                Some(b'"') => {
                    if !self.closes(at + 1) && self.quirks.contains(Quirks::UNESCAPED_QUOTES) {
                        return self.quoted_with_quotes(start);
                    }
                    break;
                }
                Some(b'\\') => {
                    match self.octets.get(at + 1) {
                        Some(octet @ (b'"' | b'\\')) => value.push(*octet),
                        // Backslashes that nobody escaped, as in paths of Windows.
                        Some(octet @ b' '..) if self.forgives(Quirks::UNESCAPED_QUOTES) => {
                            value.extend([b'\\', *octet]);
                        }
                        _ => {
                            self.at = at;
                            return self.fail("a quote or backslash behind a backslash");
                        }
                    }
                    at += 2;
                    continue;
                }
                Some(0) if self.forgives(Quirks::NUL) => value.push(0),
                Some(0 | b'\r' | b'\n') | None => {
                    self.at = at;
                    return self.fail("the end of a quoted string");
                }
                Some(octet) => value.push(*octet),
            }
            at += 1;
        }
        let legal = value.is_ascii() || (self.utf8 && std::str::from_utf8(&value).is_ok());
        if !legal && !self.forgives(Quirks::EIGHT_BIT) {
            self.at = start;
            return self.fail("a quoted string of ASCII");
        }
        self.at = at + 1;
        Ok(match value.len() == at - start {
            true => self.slice(start, at).into(),
            false => value.into(),
        })
    }

    /// A quoted string with quotes in it that nobody escaped: it ends at the first one that can be
    /// its end.
    #[cold]
    fn quoted_with_quotes(&mut self, start: usize) -> Parsed<Octets> {
        let mut from = start;
        while let Some(offset) = memchr::memchr2(b'"', b'\n', &self.octets[from..]) {
            let end = from + offset;
            if self.octets[end] == b'\n' {
                break;
            }
            let escaped = self.octets[start..end]
                .iter()
                .rev()
                .take_while(|octet| **octet == b'\\')
                .count()
                % 2
                == 1;
            if self.surely_closes(end + 1) && !escaped {
                self.fired |= Quirks::UNESCAPED_QUOTES;
                self.at = end + 1;
                return Ok(self.slice(start, end).into());
            }
            from = end + 1;
        }
        self.at = start;
        self.fail("the end of a quoted string")
    }

    /// `literal` or `literal8` (RFC 9051 section 4.3, RFC 3516 section 4.4).
    pub(crate) fn literal(&mut self) -> Parsed<Content> {
        let binary = self.eat(b'~');
        self.expect(b'{', "a literal")?;
        let length = self.number64()?;
        self.eat(b'+');
        self.expect(b'}', "the end of a literal's length")?;
        self.eat(b'\r');
        self.expect(b'\n', "a literal's octets")?;
        if self.frame.is_streamed_at(self.at) {
            return Ok(Content::Streamed(length));
        }
        let start = self.at;
        let length = usize::try_from(length).map_err(|_| self.fault("a literal's octets"))?;
        let Some(octets) = self.octets.get(start..).and_then(|rest| rest.get(..length)) else {
            return self.fail("a literal's octets");
        };
        if !binary && memchr::memchr(0, octets).is_some() && !self.forgives(Quirks::NUL) {
            return self.fail("a literal without NUL");
        }
        self.at += length;
        Ok(Content::Whole(self.slice(start, start + length).into()))
    }
}
