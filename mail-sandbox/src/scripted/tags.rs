//! The tags of a transcript's IMAP commands, and those that the client has chosen for them.

use std::collections::HashMap;

use crate::session::imap_lines;

/// What a server says, with the client's tags in place of those that are written.
#[derive(Debug, Default)]
pub(super) struct Tags {
    /// By those that are written.
    said: HashMap<String, String>,
    /// Octets of a literal that are to come.
    literal: u64,
}

impl Tags {
    /// The client has given a command this tag.
    pub(super) fn learn(&mut self, written: &str, said: &str) {
        if written != said {
            self.said.insert(written.to_owned(), said.to_owned());
        }
    }

    /// The words with the client's tags: of lines alone, and not of literals.
    pub(super) fn translate(&mut self, words: &[u8]) -> Vec<u8> {
        let (mut translated, mut rest) = (Vec::with_capacity(words.len()), words);
        while !rest.is_empty() {
            let octets = usize::try_from(self.literal).unwrap_or(usize::MAX);
            let (literal, behind) = rest.split_at(octets.min(rest.len()));
            translated.extend_from_slice(literal);
            self.literal -= literal.len() as u64;
            let begins_line = literal.is_empty();
            let end = memchr::memchr(b'\n', behind).map_or(behind.len(), |end| end + 1);
            let (line, behind) = behind.split_at(end);
            let tag = line
                .split(|&octet| octet == b' ')
                .next()
                .unwrap_or_default();
            let known = std::str::from_utf8(tag)
                .ok()
                .and_then(|tag| self.said.get(tag));
            match known.filter(|_| begins_line) {
                Some(said) => {
                    translated.extend_from_slice(said.as_bytes());
                    translated.extend_from_slice(&line[tag.len()..]);
                }
                None => translated.extend_from_slice(line),
            }
            let announced = imap_lines::literal(line).filter(|_| line.ends_with(b"\n"));
            self.literal = announced.map_or(0, |literal| literal.octets);
            rest = behind;
        }
        translated
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        /// However the words come, and whatever they are: nothing but known tags is changed.
        #[test]
        fn other_words_stay(words in proptest::collection::vec("[a-c0-9 {}+*\r\n]{0,12}\r?\n?", 0..6)) {
            let mut tags = Tags::default();
            tags.learn("tag", "other");
            for words in &words {
                prop_assert_eq!(tags.translate(words.as_bytes()), words.as_bytes());
            }
        }
    }

    #[test]
    fn tags_are_those_of_the_client() {
        let mut tags = Tags::default();
        tags.learn("a1", "XYZ7");
        tags.learn("a2", "a2");
        for (written, expected) in [
            ("* OK a1\r\na1 OK done\r\n", "* OK a1\r\nXYZ7 OK done\r\n"),
            ("a2 OK done\r\na11 OK\r\n", "a2 OK done\r\na11 OK\r\n"),
            // What looks like an answer within a message is none, not even in two pieces.
            (
                "* 1 FETCH (BODY[] {9}\r\na1 OK\r\n",
                "* 1 FETCH (BODY[] {9}\r\na1 OK\r\n",
            ),
            ("a1)\r\na1 OK\r\n", "a1)\r\nXYZ7 OK\r\n"),
        ] {
            let translated = tags.translate(written.as_bytes());
            assert_eq!(String::from_utf8_lossy(&translated), expected);
        }
    }
}
