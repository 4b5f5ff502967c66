//! The cursor that all grammar reads with: one pass over the octets of a frame, no way back but by name.

use bytes::Bytes;

use crate::class::{Class, is, length_of};
use crate::frame::Frame;
use crate::limits::NUMBER64;
use crate::quirks::Quirks;
use crate::string::{Atom, Content, Octets};

/// What was not as expected, and where.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Fault {
    pub(crate) at: usize,
    pub(crate) expected: &'static str,
}

pub(crate) type Parsed<T> = Result<T, Fault>;

/// A position in a frame.
pub(crate) struct Cursor<'a> {
    octets: &'a [u8],
    at: usize,
    frame: &'a Frame,
    /// Which mistakes are forgiven, and which were.
    pub(crate) quirks: Quirks,
    pub(crate) fired: Quirks,
    /// Whether strings may be UTF-8 and mailbox names are (RFC 6855, RFC 9051).
    pub(crate) utf8: bool,
    /// Levels that may still be gone down.
    depth: u16,
}

impl<'a> Cursor<'a> {
    pub(crate) fn new(frame: &'a Frame, quirks: Quirks, utf8: bool, depth: u16) -> Self {
        Self {
            octets: frame.octets(),
            at: 0,
            frame,
            quirks,
            fired: Quirks::empty(),
            utf8,
            depth,
        }
    }

    // Where we are.

    #[inline]
    pub(crate) fn at(&self) -> usize {
        self.at
    }

    /// Goes back to a place where the cursor has been.
    #[inline]
    pub(crate) fn reset(&mut self, at: usize) {
        self.at = at;
    }

    #[inline]
    pub(crate) fn rest(&self) -> &'a [u8] {
        &self.octets[self.at..]
    }

    #[inline]
    pub(crate) fn peek(&self) -> Option<u8> {
        self.octets.get(self.at).copied()
    }

    #[inline]
    pub(crate) fn is_at_end(&self) -> bool {
        self.at == self.octets.len()
    }

    /// Whether the frame ends here with a literal that is still to come.
    pub(crate) fn is_at_announced(&self) -> bool {
        self.is_at_end() && self.frame.is_open()
    }

    #[cold]
    pub(crate) fn fault(&self, expected: &'static str) -> Fault {
        Fault {
            at: self.at,
            expected,
        }
    }

    pub(crate) fn fail<T>(&self, expected: &'static str) -> Parsed<T> {
        Err(self.fault(expected))
    }

    /// Whether a mistake is forgiven; if it is, that is recorded.
    #[cold]
    pub(crate) fn forgives(&mut self, quirk: Quirks) -> bool {
        let forgiven = self.quirks.contains(quirk);
        if forgiven {
            self.fired |= quirk;
        }
        forgiven
    }

    /// Reads something nested, as long as it is not nested too deep.
    pub(crate) fn deeper<T>(&mut self, read: impl FnOnce(&mut Self) -> Parsed<T>) -> Parsed<T> {
        if self.depth == 0 {
            return self.fail(NESTING);
        }
        self.depth -= 1;
        let read = read(self);
        self.depth += 1;
        read
    }

    // Single octets and words.

    #[inline]
    pub(crate) fn eat(&mut self, octet: u8) -> bool {
        let found = self.peek() == Some(octet);
        self.at += usize::from(found);
        found
    }

    #[inline]
    pub(crate) fn expect(&mut self, octet: u8, expected: &'static str) -> Parsed<()> {
        match self.eat(octet) {
            true => Ok(()),
            false => self.fail(expected),
        }
    }

    /// One space.
    #[inline]
    pub(crate) fn space(&mut self) -> Parsed<()> {
        if !self.eat(b' ') {
            return self.fail("a space");
        }
        if self.peek() == Some(b' ') {
            self.surplus_spaces();
        }
        Ok(())
    }

    /// One space, if there is one and something stands behind it.
    #[inline]
    pub(crate) fn eat_space(&mut self) -> bool {
        if self.peek() != Some(b' ') {
            return false;
        }
        self.at += 1;
        if matches!(self.peek(), Some(b' ' | b')') | None) {
            return self.surplus_space_ended();
        }
        true
    }

    #[cold]
    fn surplus_spaces(&mut self) {
        if self.forgives(Quirks::EXTRA_SPACES) {
            while self.eat(b' ') {}
        }
    }

    /// After a space with another, a parenthesis or nothing behind it: whether something follows.
    #[cold]
    fn surplus_space_ended(&mut self) -> bool {
        if !self.quirks.contains(Quirks::EXTRA_SPACES) {
            return true;
        }
        self.fired |= Quirks::EXTRA_SPACES;
        while self.eat(b' ') {}
        !matches!(self.peek(), Some(b')') | None)
    }

    pub(crate) fn end(&mut self) -> Parsed<()> {
        if self.is_at_end() {
            return Ok(());
        }
        if self.peek() == Some(b' ') && !self.eat_space() && self.is_at_end() {
            return Ok(());
        }
        self.fail("the end of the line")
    }

    /// Octets of a class; at least one.
    #[inline]
    pub(crate) fn run(&mut self, class: Class, expected: &'static str) -> Parsed<&'a [u8]> {
        let rest = self.rest();
        let length = length_of(rest, class);
        if length == 0 {
            return self.fail(expected);
        }
        self.at += length;
        Ok(&rest[..length])
    }

    /// A word in upper case. What is too long to be one of ours is returned as an empty word, and
    /// stays where it is.
    #[inline]
    pub(crate) fn keyword<'b>(
        &mut self,
        buffer: &'b mut Folded,
        expected: &'static str,
    ) -> Parsed<&'b [u8]> {
        let word = self.run(Class::ATOM, expected)?;
        if word.len() > buffer.len() {
            return Ok(&[]);
        }
        let folded = &mut buffer[..word.len()];
        for (to, from) in folded.iter_mut().zip(word) {
            *to = from.to_ascii_uppercase();
        }
        Ok(folded)
    }

    /// The name of an item, in upper case, and the space between it and its value. What is too long
    /// to be one of ours is an empty word.
    #[inline]
    pub(crate) fn item<'b>(
        &mut self,
        buffer: &'b mut Folded,
        expected: &'static str,
    ) -> Parsed<&'b [u8]> {
        let name = self.keyword(buffer, expected)?;
        if !name.is_empty() {
            self.space()?;
        }
        Ok(name)
    }

    /// A word in upper case, up to a bracket or the like that belongs to atoms otherwise.
    #[inline]
    pub(crate) fn keyword_before<'b>(
        &mut self,
        stop: u8,
        buffer: &'b mut Folded,
        expected: &'static str,
    ) -> Parsed<&'b [u8]> {
        let mut length = 0;
        while let Some(octet) = self.octets.get(self.at + length) {
            if *octet == stop || !is(*octet, Class::ATOM) {
                break;
            }
            if length == buffer.len() {
                return Ok(&[]);
            }
            buffer[length] = octet.to_ascii_uppercase();
            length += 1;
        }
        if length == 0 {
            return self.fail(expected);
        }
        self.at += length;
        Ok(&buffer[..length])
    }

    /// Whether this word, written in upper case, comes next; if so it is gone past.
    #[inline]
    pub(crate) fn eat_word(&mut self, word: &[u8]) -> bool {
        let found = self
            .octets
            .get(self.at..self.at + word.len())
            .is_some_and(|octets| octets.eq_ignore_ascii_case(word))
            && !self
                .octets
                .get(self.at + word.len())
                .is_some_and(|octet| is(*octet, Class::ATOM));
        if found {
            self.at += word.len();
        }
        found
    }

    pub(crate) fn expect_word(&mut self, word: &'static str) -> Parsed<()> {
        match self.eat_word(word.as_bytes()) {
            true => Ok(()),
            false => self.fail(word),
        }
    }

    pub(crate) fn atom(&mut self) -> Parsed<Atom> {
        Ok(Atom::known(self.run(Class::ATOM, "an atom")?))
    }

    /// An atom, or, where that is forgiven, what also holds `[` and `]`.
    pub(crate) fn loose_atom(&mut self) -> Parsed<Atom> {
        let word = self.run(Class::ASTRING, "an atom")?;
        if word.contains(&b']') && !self.forgives(Quirks::LOOSE_ATOM) {
            self.at -= word.len();
            return self.fail("an atom");
        }
        Ok(Atom::known(word))
    }

    // Numbers.

    #[inline]
    pub(crate) fn number64(&mut self) -> Parsed<u64> {
        let rest = self.rest();
        let mut value: u64 = 0;
        let mut length = 0;
        while let Some(digit) = rest.get(length).map(|octet| octet.wrapping_sub(b'0')) {
            if digit > 9 {
                break;
            }
            if length >= 18 {
                match value
                    .checked_mul(10)
                    .and_then(|v| v.checked_add(digit.into()))
                {
                    Some(next) if next <= NUMBER64 => value = next,
                    _ => return self.fail("a number of at most 63 bits"),
                }
            } else {
                value = value * 10 + u64::from(digit);
            }
            length += 1;
        }
        if length == 0 {
            return self.fail("a number");
        }
        self.at += length;
        Ok(value)
    }

    #[inline]
    pub(crate) fn number(&mut self) -> Parsed<u32> {
        let rest = self.rest();
        let mut value: u64 = 0;
        let mut length = 0;
        while let Some(digit @ b'0'..=b'9') = rest.get(length) {
            if length == 10 {
                return self.long_number();
            }
            value = value * 10 + u64::from(digit - b'0');
            length += 1;
        }
        if length == 0 {
            return self.fail("a number");
        }
        match u32::try_from(value) {
            Ok(value) => {
                self.at += length;
                Ok(value)
            }
            Err(_) => self.fail(NUMBER32),
        }
    }

    /// ` 2 84 882`: as many as are plain, in one pass. What is left, if anything, is not.
    #[inline]
    pub(crate) fn plain_numbers(&mut self, numbers: &mut Vec<std::num::NonZeroU32>) {
        let mut rest = self.rest();
        while let [b' ', first @ b'1'..=b'9', behind @ ..] = rest {
            let mut value = u32::from(first - b'0');
            let mut left = behind;
            while let [digit @ b'0'..=b'9', behind @ ..] = left {
                value = value.wrapping_mul(10).wrapping_add(u32::from(digit - b'0'));
                left = behind;
            }
            // Nine digits are always within 32 bits.
            let plain = behind.len() - left.len() < 9 && matches!(left, [] | [b' ', ..]);
            let Some(number) = std::num::NonZeroU32::new(value).filter(|_| plain) else {
                break;
            };
            numbers.push(number);
            rest = left;
        }
        self.at = self.octets.len() - rest.len();
    }

    /// A number of more digits than one of 32 bits has, unless it begins with 0.
    #[cold]
    fn long_number(&mut self) -> Parsed<u32> {
        let start = self.at;
        u32::try_from(self.number64()?).map_err(|_| {
            self.at = start;
            self.fault(NUMBER32)
        })
    }

    /// Goes past digits, if there are some.
    #[inline]
    pub(crate) fn skip_digits(&mut self) {
        while matches!(self.peek(), Some(b'0'..=b'9')) {
            self.at += 1;
        }
    }

    /// Gmail's numbers have all of 64 bits.
    pub(crate) fn gmail_id(&mut self) -> Parsed<u64> {
        let start = self.at;
        self.skip_digits();
        let digits = std::str::from_utf8(&self.octets[start..self.at]);
        let id = digits.ok().and_then(|digits| digits.parse().ok());
        id.ok_or_else(|| {
            self.at = start;
            self.fault("a number of 64 bits")
        })
    }

    /// `nz-number`, which does not begin with 0 (RFC 9051 section 9).
    #[inline]
    pub(crate) fn nz_number(&mut self) -> Parsed<std::num::NonZeroU32> {
        let start = self.at;
        if self.peek() == Some(b'0') {
            return self.fail("a number that does not begin with 0");
        }
        match std::num::NonZeroU32::new(self.number()?) {
            Some(value) => Ok(value),
            None => {
                self.at = start;
                self.fail("a number other than 0")
            }
        }
    }

    // Strings.

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

    // Lists.

    /// `(a)`
    #[inline]
    pub(crate) fn parenthesised<T>(
        &mut self,
        read: impl FnOnce(&mut Self) -> Parsed<T>,
    ) -> Parsed<T> {
        self.expect(b'(', "a parenthesis")?;
        let value = read(self)?;
        self.expect(b')', "a closing parenthesis")?;
        Ok(value)
    }

    /// `(a b c)`, empty too.
    #[inline]
    pub(crate) fn list<T>(
        &mut self,
        mut read: impl FnMut(&mut Self) -> Parsed<T>,
    ) -> Parsed<Vec<T>> {
        self.expect(b'(', "a parenthesis")?;
        let mut values = Vec::new();
        if self.peek() == Some(b' ') {
            self.leading_space();
        }
        if self.eat(b')') {
            return Ok(values);
        }
        loop {
            values.push(read(self)?);
            if !self.eat_space() {
                break;
            }
        }
        self.expect(b')', "a space or closing parenthesis")?;
        Ok(values)
    }

    #[cold]
    fn leading_space(&mut self) {
        if self.forgives(Quirks::EXTRA_SPACES) {
            while self.eat(b' ') {}
        }
    }

    /// `(a b c)` with at least one.
    pub(crate) fn nonempty_list<T>(
        &mut self,
        read: impl FnMut(&mut Self) -> Parsed<T>,
    ) -> Parsed<Vec<T>> {
        let start = self.at;
        let values = self.list(read)?;
        match values.is_empty() {
            false => Ok(values),
            true => {
                self.at = start;
                self.fail("a list that is not empty")
            }
        }
    }

    /// ` a b c` up to the end of the line or list, empty too.
    pub(crate) fn spaced<T>(
        &mut self,
        mut read: impl FnMut(&mut Self) -> Parsed<T>,
    ) -> Parsed<Vec<T>> {
        let mut values = Vec::new();
        while self.eat_space() {
            values.push(read(self)?);
        }
        Ok(values)
    }
}

const NUMBER32: &str = "a number of at most 32 bits";

/// What is expected of what is nested too deep.
pub(crate) const NESTING: &str = "fewer levels of nesting";

/// What is expected where a string is used whose literal is not here.
pub(crate) const AT_HAND: &str = "a string that is not streamed";

/// Room for a word in upper case: no command or item has a longer name.
pub(crate) type Folded = [u8; 24];

/// A new one.
pub(crate) const FOLDED: Folded = [0; 24];
