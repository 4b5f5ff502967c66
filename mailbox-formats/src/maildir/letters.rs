//! The letters behind `:2,` in a file name: flags and keywords.

use std::fmt;

use crate::Flags;

/// A set of flag letters, kept in the order of ASCII, as
/// <https://cr.yp.to/proto/maildir.html> wants them written.
///
/// Capital letters are flags, small ones are keywords of which
/// [`Keywords`](super::Keywords) knows the names. Letters and digits that nobody has given a
/// meaning yet are members like all others, so that no change of one flag loses another.
///
/// ```
/// use mailbox_formats::maildir::Letters;
///
/// let letters = Letters::parse(b"Sab");
/// assert_eq!(letters.with(Letters::FLAGGED).to_string(), "FSab");
/// assert_eq!(letters.without(Letters::SEEN).to_string(), "ab");
/// assert_eq!(letters.keywords().collect::<Vec<_>>(), [0, 1]);
/// ```
#[derive(Clone, Copy, Default, PartialEq, Eq, Hash)]
pub struct Letters(u128);

impl Letters {
    /// No letter.
    pub const NONE: Self = Self(0);
    /// `D`: not finished by its writer.
    pub const DRAFT: Self = Self::of(b'D');
    /// `F`: marked as important.
    pub const FLAGGED: Self = Self::of(b'F');
    /// `P`: sent on to somebody else.
    pub const PASSED: Self = Self::of(b'P');
    /// `R`: answered.
    pub const REPLIED: Self = Self::of(b'R');
    /// `S`: read.
    pub const SEEN: Self = Self::of(b'S');
    /// `T`: to be removed.
    pub const TRASHED: Self = Self::of(b'T');

    /// The letters and digits among `bytes`.
    #[must_use]
    pub fn parse(bytes: &[u8]) -> Self {
        let letters = bytes.iter().filter(|byte| byte.is_ascii_alphanumeric());
        letters.fold(Self::NONE, |set, letter| set.with(Self::of(*letter)))
    }

    /// The letter of a keyword: `a` for 0 to `z` for 25, and none for more.
    #[must_use]
    pub fn keyword(index: u8) -> Option<Self> {
        (index < 26).then(|| Self::of(b'a' + index))
    }

    /// All letters of both.
    #[must_use]
    pub const fn with(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// The letters that `other` has not.
    #[must_use]
    pub const fn without(self, other: Self) -> Self {
        Self(self.0 & !other.0)
    }

    /// Whether all letters of `other` are here.
    #[must_use]
    pub const fn contains(self, other: Self) -> bool {
        self.0 & other.0 == other.0
    }

    /// Whether there is no letter.
    #[must_use]
    pub const fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// The letters in the order of ASCII.
    pub fn iter(self) -> impl Iterator<Item = char> {
        self.bytes().map(char::from)
    }

    pub(super) fn bytes(mut self) -> impl Iterator<Item = u8> {
        std::iter::from_fn(move || {
            if self.is_empty() {
                return None;
            }
            let letter = self.0.trailing_zeros() as u8;
            self = self.without(Self::of(letter));
            Some(letter)
        })
    }

    /// The keywords by their number: 0 for `a` to 25 for `z`.
    pub fn keywords(self) -> impl Iterator<Item = u8> {
        (0..26).filter(move |index| self.contains(Self::of(b'a' + index)))
    }

    /// The flags among the letters.
    ///
    /// [`Flags::OLD`] is not one of them: that is told by the directory.
    #[must_use]
    pub fn flags(self) -> Flags {
        let present = TABLE.iter().filter(|(letter, _)| self.contains(*letter));
        present.fold(Flags::empty(), |flags, (_, flag)| flags | *flag)
    }

    /// These letters, with the flags that have one made just `flags`.
    #[must_use]
    pub fn with_flags(self, flags: Flags) -> Self {
        TABLE.iter().fold(self, |letters, (letter, flag)| {
            if flags.contains(*flag) {
                letters.with(*letter)
            } else {
                letters.without(*letter)
            }
        })
    }

    const fn of(letter: u8) -> Self {
        Self(1 << letter)
    }
}

impl fmt::Display for Letters {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.iter()
            .try_for_each(|letter| fmt::Write::write_char(f, letter))
    }
}

impl fmt::Debug for Letters {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Letters({self})")
    }
}

const TABLE: [(Letters, Flags); 6] = [
    (Letters::DRAFT, Flags::DRAFT),
    (Letters::FLAGGED, Flags::FLAGGED),
    (Letters::PASSED, Flags::FORWARDED),
    (Letters::REPLIED, Flags::ANSWERED),
    (Letters::SEEN, Flags::SEEN),
    (Letters::TRASHED, Flags::DELETED),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn letters_are_read_as_they_are_printed() {
        for text in ["", "S", "DFPRST", "FSabz", "0QXyz"] {
            assert_eq!(Letters::parse(text.as_bytes()).to_string(), text);
        }
        assert_eq!(Letters::parse(b"TSSa,F\xff").to_string(), "FSTa");
    }

    #[test]
    fn flags_become_letters_and_back() {
        for bits in 0..=Flags::all().bits() {
            let flags = Flags::from_bits_truncate(bits) - Flags::OLD;
            let letters = Letters::parse(b"QSTa").with_flags(flags);
            assert_eq!(letters.flags(), flags);
            assert!(letters.contains(Letters::parse(b"Qa")));
        }
        assert_eq!(Letters::keyword(25).unwrap().to_string(), "z");
        assert_eq!(Letters::keyword(26), None);
    }
}
