//! Flags of IMAP as the letters in names of a Maildir's files.

use imap_proto::{Flag, Flags};
use mailbox_formats::maildir::{Keywords, Letters, Maildir};

use super::StoreError;

/// The flags that letters mean.
pub(super) fn flags_of(letters: Letters, keywords: &Keywords) -> Flags {
    let system = FLAGS.iter().filter(|(letter, _)| letters.contains(*letter));
    let mut flags: Flags = system.map(|(_, flag)| flag.clone()).collect();
    if letters.contains(Letters::PASSED) {
        flags.extend(FORWARDED.parse());
    }
    let names = keywords
        .names(letters)
        .filter_map(|name| std::str::from_utf8(name).ok());
    flags.extend(names.filter_map(|name| name.parse().ok()));
    flags
}

/// The letters of flags. Keywords that have none yet get one.
pub(super) fn letters_of(flags: &Flags, maildir: &Maildir) -> Result<Letters, StoreError> {
    let mut letters = Letters::NONE;
    let mut names = Vec::new();
    for flag in flags.iter() {
        if let Some((letter, _)) = FLAGS.iter().find(|(_, known)| *known == flag) {
            letters = letters.with(*letter);
        } else if let Flag::Keyword(keyword) = flag {
            match keyword.is(FORWARDED) {
                true => letters = letters.with(Letters::PASSED),
                false => names.push(keyword),
            }
        }
    }
    if names.is_empty() {
        return Ok(letters);
    }
    let names: Vec<&[u8]> = names.iter().map(|name| name.as_str().as_bytes()).collect();
    Ok(letters.with(maildir.keyword_letters(&names)?))
}

/// The letters that mean flags of IMAP. Others are somebody else's, and stay.
pub(super) fn ours(letters: Letters) -> Letters {
    let known = FLAGS
        .iter()
        .map(|(letter, _)| *letter)
        .chain([Letters::PASSED]);
    let keywords = (0..26).filter_map(Letters::keyword);
    let all = known.chain(keywords).fold(Letters::NONE, Letters::with);
    letters.without(letters.without(all))
}

const FLAGS: [(Letters, Flag); 5] = [
    (Letters::REPLIED, Flag::Answered),
    (Letters::FLAGGED, Flag::Flagged),
    (Letters::TRASHED, Flag::Deleted),
    (Letters::SEEN, Flag::Seen),
    (Letters::DRAFT, Flag::Draft),
];

/// Of a message that was sent on: Maildir has a letter for it, IMAP a keyword.
const FORWARDED: &str = "$Forwarded";
