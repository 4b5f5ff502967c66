//! Bytes as one line of text, and back.
//!
//! Printable ASCII stands for itself, other octets are `\r`, `\n`, `\t`, `\0` or `\xNN`, and
//! `\\` is a backslash. `\{N*text}` is the text N times.

/// Writes `bytes` on one line. Long runs of one octet are written as a repetition.
pub fn print(bytes: &[u8]) -> String {
    let mut line = String::new();
    let mut rest = bytes;
    while let Some(&octet) = rest.first() {
        let run = rest.iter().take_while(|&&next| next == octet).count();
        // A repetition ends with a brace, so that of braces cannot be written.
        if run >= SHORTEST_RUN && octet != b'}' {
            line.push_str(&format!("\\{{{run}*{}}}", octet_text(octet)));
            rest = &rest[run..];
        } else {
            line.push_str(&octet_text(octet));
            rest = &rest[1..];
        }
    }
    line
}

fn octet_text(octet: u8) -> String {
    match octet {
        b'\r' => "\\r".into(),
        b'\n' => "\\n".into(),
        b'\t' => "\\t".into(),
        0 => "\\0".into(),
        b'\\' => "\\\\".into(),
        b' '..=b'~' => char::from(octet).into(),
        _ => format!("\\x{octet:02x}"),
    }
}

/// Reads what [`print()`] writes. Characters beyond ASCII stand for their UTF-8 octets.
///
/// # Errors
///
/// If an escape is not one of those above.
pub fn parse(line: &str) -> Result<Vec<u8>, String> {
    let mut bytes = Vec::new();
    let mut rest = line;
    while let Some(next) = rest.chars().next() {
        rest = &rest[next.len_utf8()..];
        if next != '\\' {
            bytes.extend(next.to_string().bytes());
            continue;
        }
        let escape = rest.chars().next().ok_or("a lone backslash")?;
        rest = &rest[escape.len_utf8()..];
        match escape {
            'r' => bytes.push(b'\r'),
            'n' => bytes.push(b'\n'),
            't' => bytes.push(b'\t'),
            '0' => bytes.push(0),
            '\\' => bytes.push(b'\\'),
            'x' => {
                let digits = rest.get(..2).ok_or("\\x needs two digits")?;
                let octet = u8::from_str_radix(digits, 16).map_err(|_| "\\x needs two digits")?;
                bytes.push(octet);
                rest = &rest[2..];
            }
            '{' => {
                let (count, after) = rest.split_once('*').ok_or("\\{ needs a *")?;
                let (text, after) = after.split_once('}').ok_or("\\{ needs a }")?;
                let count: usize = count.parse().map_err(|_| "\\{ needs a count")?;
                bytes.extend(parse(text)?.repeat(count));
                rest = after;
            }
            other => return Err(format!("unknown escape \\{other}")),
        }
    }
    Ok(bytes)
}

/// Octets in a row that are worth a repetition.
const SHORTEST_RUN: usize = 32;

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn parse_undoes_print(bytes in proptest::collection::vec(any::<u8>(), 0..100), run in 0usize..100) {
            let bytes = [bytes, vec![b'}'; run]].concat();
            prop_assert_eq!(super::parse(&super::print(&bytes)), Ok(bytes));
        }
    }

    #[test]
    fn repetitions() {
        assert_eq!(
            super::parse("a\\{3*x\\r\\n}b").unwrap(),
            b"ax\r\nx\r\nx\r\nb"
        );
        assert_eq!(super::print(&[b'a'; 40]), "\\{40*a}");
        assert!(super::parse("\\q").is_err());
    }
}
