//! `dovecot-keywords`: the names of the keywords that letters stand for.

use crate::error::MailboxError;
use crate::maildir::{Letters, Maildir};
use crate::side_file::{Edit, SideFile};

/// The keywords of a Maildir: at most 26, a letter for each.
///
/// Kept as Dovecot keeps them, in lines `<number> <name>`: number 0 is the letter `a`.
///
/// ```
/// use mailbox_formats::maildir::{Keywords, Letters};
///
/// let mut keywords = Keywords::parse(b"0 $Forwarded\n2 work\n");
/// let letters = keywords.add(b"todo").unwrap();
/// assert_eq!(letters.to_string(), "b");
/// assert_eq!(keywords.names(Letters::parse(b"Sbc")).collect::<Vec<_>>(), [&b"todo"[..], b"work"]);
/// assert_eq!(keywords.to_bytes(), b"0 $Forwarded\n1 todo\n2 work\n");
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Keywords([Option<Box<[u8]>>; 26]);

impl Keywords {
    /// Reads a list. Lines that make no sense are passed over, and so is a name that comes
    /// a second time; the last line of a number counts.
    #[must_use]
    pub fn parse(content: &[u8]) -> Self {
        let mut keywords = Self::default();
        for line in content.split(|byte| *byte == b'\n') {
            let Some(blank) = memchr::memchr(b' ', line) else {
                continue;
            };
            let (number, name) = (&line[..blank], &line[blank + 1..]);
            let is_number = !number.is_empty() && number.iter().all(u8::is_ascii_digit);
            let number = std::str::from_utf8(number).ok().filter(|_| is_number);
            let index = number.and_then(|number| number.parse::<usize>().ok());
            if is_name(name) && keywords.find(name).is_none() {
                if let Some(slot) = index.and_then(|index| keywords.0.get_mut(index)) {
                    *slot = Some(name.into());
                }
            }
        }
        keywords
    }

    /// The list as it is written.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = Vec::new();
        for (index, name) in self.0.iter().enumerate() {
            if let Some(name) = name {
                bytes.extend_from_slice(format!("{index} ").as_bytes());
                bytes.extend_from_slice(name);
                bytes.push(b'\n');
            }
        }
        bytes
    }

    /// The letter of a keyword, which gets the first free one if it has none.
    ///
    /// `None` if no letter is free, or this cannot be a name: it is empty, or has a blank or
    /// a control in it, or is longer than a line may be.
    pub fn add(&mut self, name: &[u8]) -> Option<Letters> {
        if let Some(letter) = self.find(name) {
            return Some(letter);
        }
        let free = self.0.iter().position(Option::is_none)?;
        if !is_name(name) {
            return None;
        }
        self.0[free] = Some(name.into());
        Letters::keyword(free as u8)
    }

    /// The letter of a keyword, if it has one. Case does not matter, as in IMAP.
    #[must_use]
    pub fn find(&self, name: &[u8]) -> Option<Letters> {
        let is_it = |slot: &Option<Box<[u8]>>| {
            slot.as_ref()
                .is_some_and(|known| known.eq_ignore_ascii_case(name))
        };
        Letters::keyword(self.0.iter().position(is_it)? as u8)
    }

    /// The names of the keywords among the letters. A letter without a name gives none.
    pub fn names(&self, letters: Letters) -> impl Iterator<Item = &[u8]> {
        letters
            .keywords()
            .filter_map(|index| self.0[usize::from(index)].as_deref())
    }
}

impl Maildir {
    /// The keywords that letters of this Maildir stand for.
    ///
    /// # Errors
    /// The list is there and cannot be read.
    pub fn keywords(&self) -> Result<Keywords, MailboxError> {
        let content = self.keyword_file().read()?.unwrap_or_default();
        Ok(Keywords::parse(&content))
    }

    /// The letters of keywords, which are added to the list of this Maildir where they have
    /// no letter yet.
    ///
    /// # Errors
    /// [`MailboxError::NoKeyword`] if there are too many keywords or one cannot be a name;
    /// none is added then. Or the list cannot be locked or replaced.
    pub fn keyword_letters(&self, names: &[&[u8]]) -> Result<Letters, MailboxError> {
        let known = self.keywords()?;
        let find = |letters: Letters, name: &&[u8]| Some(letters.with(known.find(name)?));
        if let Some(letters) = names.iter().try_fold(Letters::NONE, find) {
            return Ok(letters);
        }
        self.keyword_file().update(|content| {
            let mut keywords = Keywords::parse(content.unwrap_or_default());
            let add = |letters: Letters, name: &&[u8]| Some(letters.with(keywords.add(name)?));
            let letters = names.iter().try_fold(Letters::NONE, add);
            let letters =
                letters.ok_or_else(|| MailboxError::NoKeyword(self.path.to_path_buf()))?;
            Ok((Edit::All(keywords.to_bytes()), letters))
        })
    }

    fn keyword_file(&self) -> SideFile<'_> {
        SideFile::new(&self.effects, self.path.join("dovecot-keywords"))
    }
}

/// An atom of IMAP is more than this forbids; files of others are read as they are.
fn is_name(name: &[u8]) -> bool {
    !name.is_empty()
        && name.len() <= crate::limits::KEYWORD
        && name.iter().all(|byte| *byte > b' ' && *byte != 0x7f)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_are_read_as_they_are_printed() {
        for text in ["", "0 a\n", "0 $Forwarded\n3 b\u{e9}\n25 z\n"] {
            assert_eq!(Keywords::parse(text.as_bytes()).to_bytes(), text.as_bytes());
        }
        let odd = "26 a\n-1 b\n+2 b\nx c\n3\n4 \n5 d e\n6 f\n7 F\n 8 g\n6 h\n9 noend";
        assert_eq!(
            Keywords::parse(odd.as_bytes()).to_bytes(),
            b"6 h\n9 noend\n"
        );
    }

    #[test]
    fn the_letters_come_to_an_end() {
        let mut keywords = Keywords::default();
        for index in 0..26_u8 {
            let letter = keywords.add(format!("k{index}").as_bytes());
            assert_eq!(letter, Letters::keyword(index));
        }
        assert_eq!(keywords.add(b"more"), None);
        assert_eq!(keywords.add(b"K3"), Letters::keyword(3));
        for odd in [&b""[..], b"a b", b"a\n", b"\x7f", &[b'x'; 1000]] {
            assert_eq!(Keywords::default().add(odd), None);
        }
    }
}
