//! Flags of IMAP as an mbox has them: those with a letter, and words.

use imap_proto::{Flag, Flags};
use mailbox_formats::Flags as Marks;
use mailbox_formats::mbox::Listed;

/// The flags of a message.
pub(super) fn flags_of(message: &Listed) -> Flags {
    let system = FLAGS
        .iter()
        .filter(|(mark, _)| message.flags().contains(*mark));
    let mut flags: Flags = system.map(|(_, flag)| flag.clone()).collect();
    let words = message.keywords().iter();
    let words = words.filter_map(|word| std::str::from_utf8(word).ok());
    flags.extend(words.filter_map(|word| word.parse().ok()));
    flags
}

/// What flags are in an mbox.
pub(super) fn marks_of(flags: &Flags) -> (Marks, Vec<Vec<u8>>) {
    let (mut marks, mut words) = (Marks::empty(), Vec::new());
    for flag in flags.iter() {
        match FLAGS.iter().find(|(_, known)| *known == flag) {
            Some((mark, _)) => marks |= *mark,
            None => {
                if let Flag::Keyword(keyword) = flag {
                    words.push(keyword.as_str().as_bytes().to_vec());
                }
            }
        }
    }
    (marks, words)
}

const FLAGS: [(Marks, Flag); 5] = [
    (Marks::ANSWERED, Flag::Answered),
    (Marks::FLAGGED, Flag::Flagged),
    (Marks::DELETED, Flag::Deleted),
    (Marks::SEEN, Flag::Seen),
    (Marks::DRAFT, Flag::Draft),
];
