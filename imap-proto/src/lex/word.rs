//! Single octets and words.

use super::{Cursor, Parsed};
use crate::class::{Class, is, length_of};
use crate::quirks::Quirks;
use crate::string::Atom;

impl<'a> Cursor<'a> {
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
}

/// Room for a word in upper case: no command or item has a longer name.
pub(crate) type Folded = [u8; 24];

/// A new one.
pub(crate) const FOLDED: Folded = [0; 24];
