//! How values stand in the fields of a line.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use zeroize::Zeroizing;

pub(super) fn encode(octets: &[u8], line: &mut Zeroizing<Vec<u8>>) {
    let encoded = Zeroizing::new(STANDARD.encode(octets));
    line.extend_from_slice(encoded.as_bytes());
}

/// What separates fields and lines must not stand in a value.
pub(super) fn escape(value: &str, line: &mut Vec<u8>) {
    for octet in value.bytes() {
        match ESCAPES.iter().find(|(plain, _)| *plain == octet) {
            Some((_, letter)) => line.extend_from_slice(&[ESCAPE, *letter]),
            None => line.push(octet),
        }
    }
}

pub(super) fn unescape(value: &[u8]) -> Vec<u8> {
    let mut plain = Vec::with_capacity(value.len());
    let mut octets = value.iter();
    while let Some(&octet) = octets.next() {
        plain.push(match octet {
            ESCAPE => match octets.next() {
                Some(letter) => ESCAPES
                    .iter()
                    .find(|(_, escaped)| escaped == letter)
                    .map_or(*letter, |(plain, _)| *plain),
                None => break,
            },
            octet => octet,
        });
    }
    plain
}

const ESCAPE: u8 = 1;

/// Each octet, and the letter that stands for it.
const ESCAPES: [(u8, u8); 5] = [
    (0, b'0'),
    (1, b'1'),
    (b'\t', b't'),
    (b'\r', b'r'),
    (b'\n', b'n'),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn escapes_both_ways() {
        for text in ["", "tim", "\0\x01\t\r\n", "\x01n", "a\tb\u{e4}"] {
            let mut line = Vec::new();
            escape(text, &mut line);
            assert!(!line.iter().any(|octet| b"\0\t\r\n".contains(octet)));
            assert_eq!(unescape(&line), text.as_bytes());
        }
        assert_eq!(unescape(b"a\x01x\x01"), b"ax");
    }
}
