//! Lists, in parentheses or not.

use super::{Cursor, Parsed};
use crate::quirks::Quirks;

impl Cursor<'_> {
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
