//! The file name of a message: what identifies it, and what changes.

use std::ffi::OsStr;
use std::fmt;
use std::num::NonZeroU32;
use std::os::unix::ffi::OsStrExt;
use std::sync::Arc;

use memchr::memchr;

use crate::maildir::{Letters, Sizes};

/// The file name of a message in a Maildir: a unique part, and perhaps `:2,` and letters.
///
/// Nothing of a name is ever lost: other kinds of information than `:2,`, a second list
/// behind a comma and letters without a meaning stay where they are when the flags change.
/// A name may end in `;2,` or `!2,` instead, as file systems ask for that have no colon in
/// names; then it keeps that separator.
///
/// A clone costs nothing: it is the same name in memory.
///
/// ```
/// use mailbox_formats::maildir::{FileName, Letters, Separator};
///
/// let name = FileName::new(b"1700000000.M42P7.mx,S=35,W=38:2,Sa");
/// assert_eq!(name.unique(), b"1700000000.M42P7.mx,S=35,W=38");
/// assert_eq!(name.sizes().stored, Some(35));
/// assert!(name.letters().contains(Letters::SEEN));
///
/// let flagged = name.with_letters(name.letters().with(Letters::FLAGGED), Separator::Colon);
/// assert_eq!(flagged.as_bytes(), b"1700000000.M42P7.mx,S=35,W=38:2,FSa");
/// assert_eq!(flagged.unique(), name.unique());
/// ```
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct FileName(Arc<[u8]>);

impl FileName {
    /// The name of a file in `new/` or `cur/`.
    #[must_use]
    pub fn new(name: &[u8]) -> Self {
        Self(name.into())
    }

    /// What stays the same for as long as the message exists: all before the separator.
    ///
    /// Dovecot's list of UIDs knows messages by it.
    #[must_use]
    pub fn unique(&self) -> &[u8] {
        &self.0[..self.separator().map_or(self.0.len(), |(at, _)| at)]
    }

    /// The flags and keywords.
    #[must_use]
    pub fn letters(&self) -> Letters {
        self.list().map_or(Letters::NONE, |(start, end)| {
            Letters::parse(&self.0[start..end])
        })
    }

    /// The sizes that the name tells.
    #[must_use]
    pub fn sizes(&self) -> Sizes {
        Sizes::of_unique(self.unique())
    }

    /// The UID that the message has in a mailbox that this one is a copy of: `,U=`, as isync and OfflineIMAP note it. It says
    /// nothing about the numbers in this Maildir.
    ///
    /// ```
    /// use std::num::NonZeroU32;
    ///
    /// use mailbox_formats::maildir::FileName;
    ///
    /// assert_eq!(FileName::new(b"1700000000.M42P7.mx,S=35,U=19:2,S").uid(), NonZeroU32::new(19));
    /// ```
    #[must_use]
    pub fn uid(&self) -> Option<NonZeroU32> {
        let mut fields = self.unique().split(|byte| *byte == b',').skip(1);
        let uid = fields.find_map(|field| field.strip_prefix(b"U="))?;
        std::str::from_utf8(uid).ok()?.parse().ok()
    }

    /// The same name, which has no letters, with this UID.
    pub(super) fn with_uid(&self, uid: NonZeroU32) -> Self {
        Self::new(&[&self.0, format!(",U={uid}").as_bytes()].concat())
    }

    /// The same name with these letters; `separator` is for a name that has none yet.
    #[must_use]
    pub fn with_letters(&self, letters: Letters, separator: Separator) -> Self {
        let letters: Vec<u8> = letters.bytes().collect();
        let name = match self.list() {
            Some((start, end)) => [&self.0[..start], &letters, &self.0[end..]].concat(),
            None => {
                let found = self.separator().map(|(_, byte)| byte);
                let separator = found.unwrap_or_else(|| separator.byte());
                [&self.0, &[separator, b'2', b','][..], &letters].concat()
            }
        };
        Self(name.into())
    }

    /// The name as it stands in the directory.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    /// The name as part of a path.
    #[must_use]
    pub fn as_os_str(&self) -> &OsStr {
        OsStr::from_bytes(&self.0)
    }

    /// Where the unique part ends, and the byte that ends it.
    fn separator(&self) -> Option<(usize, u8)> {
        if let Some(at) = memchr(b':', &self.0) {
            return Some((at, b':'));
        }
        // The others may stand in a unique name, so what follows must leave no doubt.
        let at = memchr::memrchr2(b';', b'!', &self.0)?;
        let letters = self.0[at + 1..].strip_prefix(b"2,")?;
        let is_list = letters.iter().all(|byte| is_letter(*byte) || *byte == b',');
        is_list.then_some((at, self.0[at]))
    }

    /// Where the letters are. Other information may stand before and behind them.
    fn list(&self) -> Option<(usize, usize)> {
        let (at, separator) = self.separator()?;
        // Hardly ever more than a few bytes, for which a searcher takes longer to make than to use.
        let mut behind = self.0[at..].windows(3);
        let found = behind.rposition(|three| *three == [separator, b'2', b','])?;
        let start = at + found + 3;
        let length = self.0[start..].iter().take_while(|byte| is_letter(**byte));
        Some((start, start + length.count()))
    }
}

impl fmt::Debug for FileName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "FileName({:?})", self.as_os_str())
    }
}

/// What stands between the unique part of a name and its flags.
///
/// The list is complete: readers know no others.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Separator {
    /// `:`, the standard.
    #[default]
    Colon,
    /// `;`, for file systems that have no colon in names.
    Semicolon,
    /// `!`, another habit for such file systems.
    Exclamation,
}

impl Separator {
    fn byte(self) -> u8 {
        match self {
            Self::Colon => b':',
            Self::Semicolon => b';',
            Self::Exclamation => b'!',
        }
    }
}

fn is_letter(byte: u8) -> bool {
    byte.is_ascii_alphanumeric()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn names_of_every_kind_are_understood_and_nothing_is_lost() {
        // The name, its unique part, its letters, and the name once `F` is among them.
        let table = [
            ("1.M2P3.h", "1.M2P3.h", "", "1.M2P3.h:2,F"),
            ("1.M2P3.h:2,", "1.M2P3.h", "", "1.M2P3.h:2,F"),
            ("1.h,S=3:2,S", "1.h,S=3", "S", "1.h,S=3:2,FS"),
            ("1.h:2,TSa", "1.h", "STa", "1.h:2,FSTa"),
            ("1.h:2,QX9", "1.h", "9QX", "1.h:2,9FQX"),
            ("1.h:2,RS,xyz", "1.h", "RS", "1.h:2,FRS,xyz"),
            ("1.h:1,try", "1.h", "", "1.h:1,try:2,F"),
            ("1.h:1,try:2,S", "1.h", "S", "1.h:1,try:2,FS"),
            ("1.h:", "1.h", "", "1.h::2,F"),
            ("1.h;2,S", "1.h", "S", "1.h;2,FS"),
            ("1.h!2,Sab", "1.h", "Sab", "1.h!2,FSab"),
            ("1.h;x", "1.h;x", "", "1.h;x:2,F"),
            ("1.h!2,S=4", "1.h!2,S=4", "", "1.h!2,S=4:2,F"),
            ("1.h,U=4:2,S", "1.h,U=4", "S", "1.h,U=4:2,FS"),
            ("1.h:2,S\u{e9}", "1.h", "S", "1.h:2,FS\u{e9}"),
        ];
        for (text, unique, letters, flagged) in table {
            let name = FileName::new(text.as_bytes());
            assert_eq!(name.unique(), unique.as_bytes(), "{text}");
            assert_eq!(name.letters().to_string(), letters, "{text}");
            let with = name.letters().with(Letters::FLAGGED);
            let changed = name.with_letters(with, Separator::Colon);
            assert_eq!(changed, FileName::new(flagged.as_bytes()), "{text}");
            assert_eq!(changed.unique(), unique.as_bytes(), "{text}");
        }
        let name = FileName::new(b"1.h").with_letters(Letters::SEEN, Separator::Semicolon);
        assert_eq!(name.as_bytes(), b"1.h;2,S");
    }

    proptest! {
        #[test]
        fn a_change_of_letters_changes_nothing_else(name in "[ -~]{0,12}[:;!]?2?,?[A-Za-z,]{0,5}") {
            let name = FileName::new(name.as_bytes());
            let letters = Letters::parse(b"FSa");
            let changed = name.with_letters(letters, Separator::Colon);
            prop_assert_eq!(changed.unique(), name.unique());
            prop_assert_eq!(changed.letters(), letters);
            prop_assert_eq!(changed.sizes(), name.sizes());
            let again = changed.with_letters(Letters::NONE, Separator::Colon);
            prop_assert_eq!(again.with_letters(letters, Separator::Colon), changed);
        }
    }
}
