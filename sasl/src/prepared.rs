//! Preparation of names and passwords for comparison: SASLprep, RFC 4013.

use std::fmt;

use stringprep::saslprep;
use stringprep::tables::unassigned_code_point;
use subtle::ConstantTimeEq;
use zeroize::Zeroizing;

use crate::limits;

/// A name or password in the one form in which it may be compared or hashed.
///
/// The same word can reach a server as different code points: composed or not, with a hard
/// space or a soft one, in full-width letters. SASLprep (RFC 4013) maps these to one form.
/// RFC 4616 section 2 wants both sides of a comparison prepared: what the peer sent, and what
/// was stored or hashed. Everything in this crate that takes a name or password prepares it;
/// applications with their own user table call [`Prepared::parse`] before they store or hash.
///
/// - Printable ASCII is never changed. Case is kept.
/// - Control characters and what else SASLprep prohibits are refused, and so is a text of
///   which nothing remains.
/// - The fallback: SASLprep stands on Unicode 3.2, which knows no emoji and no scripts
///   encoded since. Such *unassigned* code points are kept as they are, the rule for query
///   strings (RFC 3454 section 7), and the text between them is prepared as usual. Without
///   this rule a password with an emoji could not be used.
///
/// The value wipes itself when dropped, prints nothing in `Debug`, and compares in a time that
/// depends on lengths alone. The libraries that normalise text other than ASCII use buffers of their own, which
/// are not wiped.
///
/// ```
/// use sasl::{Prepared, PrepareError};
///
/// assert_eq!(Prepared::parse("\u{2168}")?.as_str(), "IX");
/// assert_eq!(Prepared::parse("zoe\u{308}")?, Prepared::parse("zo\u{eb}")?);
/// assert_eq!(Prepared::parse("a\tb").unwrap_err(), PrepareError::Prohibited);
/// # Ok::<(), PrepareError>(())
/// ```
#[derive(Clone)]
pub struct Prepared(Zeroizing<String>);

impl Prepared {
    /// Prepares a name or password.
    ///
    /// # Errors
    ///
    /// If the text is empty or longer than [`limits::FIELD`], before or after preparation,
    /// or holds characters that SASLprep prohibits.
    pub fn parse(text: &str) -> Result<Self, PrepareError> {
        if text.len() > limits::FIELD {
            return Err(PrepareError::TooLong);
        }
        // Never grows beyond its capacity, so no copy is left behind by a reallocation.
        let mut prepared = Zeroizing::new(String::with_capacity(limits::FIELD));
        let mut rest = text;
        while !rest.is_empty() {
            let (known, tail) = split(rest, unassigned_code_point);
            let (unassigned, tail) = split(tail, |c| !unassigned_code_point(c));
            let known = saslprep(known).map_err(|_| PrepareError::Prohibited)?;
            let known = Zeroizing::new(known.into_owned());
            if prepared.len() + known.len() + unassigned.len() > limits::FIELD {
                return Err(PrepareError::TooLong);
            }
            prepared.push_str(&known);
            prepared.push_str(unassigned);
            rest = tail;
        }
        if prepared.is_empty() {
            return Err(PrepareError::Empty);
        }
        Ok(Self(prepared))
    }

    /// The prepared text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl PartialEq for Prepared {
    fn eq(&self, other: &Self) -> bool {
        self.0.as_bytes().ct_eq(other.0.as_bytes()).into()
    }
}

impl Eq for Prepared {}

impl fmt::Debug for Prepared {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Prepared(..)")
    }
}

/// Why a text cannot be used as a name or password.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum PrepareError {
    /// Nothing is there, or nothing remains after preparation.
    #[error("the text is empty")]
    Empty,
    /// More than [`limits::FIELD`] octets, before or after preparation.
    #[error("the text is too long")]
    TooLong,
    /// Control characters, or others that SASLprep prohibits (RFC 4013 sections 2.3, 2.4).
    #[error("the text holds a prohibited character")]
    Prohibited,
}

/// Splits before the first character for which `end` holds.
fn split(text: &str, end: impl Fn(char) -> bool) -> (&str, &str) {
    text.split_at(text.find(end).unwrap_or(text.len()))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn prepared(text: &str) -> Result<String, PrepareError> {
        Prepared::parse(text).map(|prepared| prepared.as_str().to_owned())
    }

    /// Pitfall 16: preparation, its fallback, and what is prohibited.
    #[test]
    fn table() {
        use PrepareError::{Empty, Prohibited, TooLong};
        let stretched = "\u{fdfa}".repeat(100);
        let long = "x".repeat(limits::FIELD + 1);
        for (text, expected) in [
            // RFC 4013 section 3.
            ("I\u{ad}X", Ok("IX")),
            ("user", Ok("user")),
            ("USER", Ok("USER")),
            ("\u{aa}", Ok("a")),
            ("\u{2168}", Ok("IX")),
            ("\u{7}", Err(Prohibited)),
            ("\u{627}\u{31}", Err(Prohibited)),
            // Spaces are text, and nothing is trimmed.
            (" pass word ", Ok(" pass word ")),
            ("a\u{a0}b", Ok("a b")),
            // Unassigned in Unicode 3.2: kept, with prepared text around it.
            ("\u{1f600}", Ok("\u{1f600}")),
            ("e\u{301}\u{1f600}\u{2168}", Ok("\u{e9}\u{1f600}IX")),
            ("\u{1f600}\n", Err(Prohibited)),
            // Nothing, or nothing that remains.
            ("", Err(Empty)),
            ("\u{ad}", Err(Empty)),
            ("a\0b", Err(Prohibited)),
            ("a\u{7f}", Err(Prohibited)),
            ("\u{e000}", Err(Prohibited)),
            (&long, Err(TooLong)),
            (&stretched, Err(TooLong)),
        ] {
            assert_eq!(prepared(text), expected.map(str::to_owned), "{text:?}");
        }
        assert!(prepared(&long[1..]).is_ok());
    }

    proptest! {
        #[test]
        fn preparing_twice_changes_nothing(text in "\\PC{0,40}") {
            if let Ok(once) = prepared(&text) {
                prop_assert_eq!(prepared(&once), Ok(once));
            }
        }

        #[test]
        fn printable_ascii_is_kept(text in "[ -~]{1,80}") {
            prop_assert_eq!(prepared(&text), Ok(text));
        }
    }
}
