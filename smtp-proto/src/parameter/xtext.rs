//! xtext: printable text that may stand behind `=` (RFC 3461 section 4).

/// Decodes xtext: `+` and two upper-case hexadecimal digits for an octet.
pub(crate) fn decode(text: &[u8]) -> Option<Vec<u8>> {
    let digit = |octet: u8| match octet {
        b'0'..=b'9' => Some(octet - b'0'),
        b'A'..=b'F' => Some(octet - b'A' + 10),
        _ => None,
    };
    let mut octets = Vec::with_capacity(text.len());
    let mut rest = text;
    while let [octet, after @ ..] = rest {
        rest = match (octet, after) {
            (b'+', [high, low, after @ ..]) => {
                octets.push(digit(*high)? << 4 | digit(*low)?);
                after
            }
            (b'+' | b'=', _) => return None,
            (b'!'..=b'~', _) => {
                octets.push(*octet);
                after
            }
            _ => return None,
        };
    }
    Some(octets)
}

/// The same, where what is encoded is text that can be printed: nothing that ends lines.
pub(crate) fn decode_text(text: &[u8]) -> Option<String> {
    let text = String::from_utf8(decode(text)?).ok()?;
    is_printable(&text).then_some(text)
}

/// Whether nothing in a text ends a line or moves a cursor.
pub(crate) fn is_printable(text: &str) -> bool {
    !text.contains(|c: char| c.is_control() || matches!(c, '\u{2028}' | '\u{2029}'))
}

/// Encodes text.
pub(crate) fn encode(text: &str) -> String {
    let mut xtext = String::with_capacity(text.len());
    for octet in text.bytes() {
        match octet {
            b'+' | b'=' => xtext.push_str(&format!("+{octet:02X}")),
            b'!'..=b'~' => xtext.push(char::from(octet)),
            _ => xtext.push_str(&format!("+{octet:02X}")),
        }
    }
    xtext
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn decode_undoes_encode(text in "\\PC{0,40}") {
            let xtext = encode(&text);
            prop_assert!(xtext.bytes().all(|octet| matches!(octet, b'!'..=b'<' | b'>'..=b'~')));
            prop_assert_eq!(decode(xtext.as_bytes()), Some(text.clone().into_bytes()));
            // Among characters that are no controls are two that end lines.
            let printable = is_printable(&text).then_some(text);
            prop_assert_eq!(decode_text(xtext.as_bytes()), printable);
        }
    }

    #[test]
    fn malformed() {
        for text in ["+", "+2", "+2b", "+gg", "a=b", "a b", "ü"] {
            assert_eq!(decode(text.as_bytes()), None, "{text}");
        }
        assert_eq!(decode_text(b"a+0Db"), None);
        assert_eq!(decode_text(b"a+FF"), None);
        assert_eq!(decode_text(b"a+E2+80+A8"), None);
    }
}
