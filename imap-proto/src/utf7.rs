//! Modified UTF-7, in which IMAP4rev1 writes mailbox names (RFC 3501 section 5.1.3).

/// What a modified UTF-7 name means, if it is one.
///
/// There is exactly one way to write a name; every other is refused, so that two names that mean
/// the same are the same.
pub(crate) fn decode(name: &[u8]) -> Option<String> {
    let mut decoded = String::with_capacity(name.len());
    let mut rest = name;
    let mut shifted_before = false;
    while let Some((octet, after)) = rest.split_first() {
        match octet {
            b'&' => {
                let end = after.iter().position(|octet| *octet == b'-')?;
                let (shifted, behind) = after.split_at(end);
                rest = &behind[1..];
                if shifted.is_empty() {
                    decoded.push('&');
                    shifted_before = false;
                    continue;
                }
                if shifted_before {
                    // Two in a row should have been one.
                    return None;
                }
                shift(shifted, &mut decoded)?;
                shifted_before = true;
            }
            0x20..=0x7e => {
                decoded.push(char::from(*octet));
                rest = after;
                shifted_before = false;
            }
            _ => return None,
        }
    }
    Some(decoded)
}

/// The modified UTF-7 of a name.
pub(crate) fn encode(name: &str) -> String {
    let mut encoded = String::with_capacity(name.len());
    let mut units: Vec<u16> = Vec::new();
    for character in name.chars() {
        if matches!(character, ' '..='~') {
            flush(&mut units, &mut encoded);
            encoded.push(character);
            if character == '&' {
                encoded.push('-');
            }
        } else {
            units.extend_from_slice(character.encode_utf16(&mut [0; 2]));
        }
    }
    flush(&mut units, &mut encoded);
    encoded
}

/// Decodes what stands between `&` and `-`: UTF-16 in base64 with `,` for `/`, without padding.
fn shift(base64: &[u8], decoded: &mut String) -> Option<()> {
    let mut units = Vec::with_capacity(base64.len() * 3 / 8);
    let (mut bits, mut count) = (0u32, 0u32);
    for octet in base64 {
        let value = ALPHABET.iter().position(|letter| letter == octet)?;
        // At most 15 bits wait, and 6 come.
        bits = (bits << 6 | value as u32) & 0x3f_ffff;
        count += 6;
        if count >= 16 {
            count -= 16;
            units.push((bits >> count) as u16);
        }
    }
    if count >= 6 || bits & ((1 << count) - 1) != 0 {
        return None;
    }
    for character in char::decode_utf16(units) {
        match character {
            Ok(' '..='~') | Err(_) => return None,
            Ok(character) => decoded.push(character),
        }
    }
    Some(())
}

fn flush(units: &mut Vec<u16>, encoded: &mut String) {
    if units.is_empty() {
        return;
    }
    encoded.push('&');
    let (mut bits, mut count) = (0u32, 0u32);
    for unit in units.drain(..) {
        // At most 4 bits wait, and 16 come.
        bits = bits << 16 | u32::from(unit);
        count += 16;
        while count >= 6 {
            count -= 6;
            encoded.push(char::from(ALPHABET[(bits >> count) as usize & 63]));
        }
        bits &= (1 << count) - 1;
    }
    if count > 0 {
        encoded.push(char::from(ALPHABET[(bits << (6 - count)) as usize & 63]));
    }
    encoded.push('-');
}

const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+,";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_ways() {
        for (name, encoded) in [
            ("", ""),
            ("INBOX", "INBOX"),
            ("a&b", "a&-b"),
            ("&&", "&-&-"),
            ("Entwürfe", "Entw&APw-rfe"),
            ("~peter/mail/台北/日本語", "~peter/mail/&U,BTFw-/&ZeVnLIqe-"),
            ("😀", "&2D3eAA-"),
            ("ä", "&AOQ-"),
            ("äö", "&AOQA9g-"),
            ("äöü", "&AOQA9gD8-"),
            ("a\u{1}b", "a&AAE-b"),
            ("ü&ü", "&APw-&-&APw-"),
        ] {
            assert_eq!(encode(name), encoded);
            assert_eq!(decode(encoded.as_bytes()).as_deref(), Some(name));
        }
    }

    #[test]
    fn what_is_not_the_one_way() {
        for name in [
            "&",
            "&A",
            "&APw",
            "a&APw",
            "&AGE-",
            "&APw-&APw-",
            "&A-",
            "&AP-",
            "&APx-",
            "&APwA-",
            "&APwAA-",
            "&2D0-",
            "&3gA-",
            "&3gDYPQ-",
            "&AP/-",
            "&AP w-",
            "&AO=-",
            "Entw\u{fc}rfe",
            "a\u{7f}b",
            "a\tb",
            "&U,BTFw-&ZeVnLIqe-",
        ] {
            assert_eq!(decode(name.as_bytes()), None, "{name:?}");
        }
    }
}
