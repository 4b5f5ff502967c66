//! Numbers.

use std::num::NonZeroU32;

use super::{Cursor, Parsed};
use crate::limits::NUMBER64;

impl Cursor<'_> {
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
    pub(crate) fn plain_numbers(&mut self, numbers: &mut Vec<NonZeroU32>) {
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
            let Some(number) = NonZeroU32::new(value).filter(|_| plain) else {
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
    pub(crate) fn nz_number(&mut self) -> Parsed<NonZeroU32> {
        let start = self.at;
        if self.peek() == Some(b'0') {
            return self.fail("a number that does not begin with 0");
        }
        match NonZeroU32::new(self.number()?) {
            Some(value) => Ok(value),
            None => {
                self.at = start;
                self.fail("a number other than 0")
            }
        }
    }
}

const NUMBER32: &str = "a number of at most 32 bits";
