//! Lines come out the same, whatever the pieces.

#![no_main]

use libfuzzer_sys::fuzz_target;
use mailwire::line::{Found, LineReader};

fuzz_target!(|data: &[u8]| {
    let &[longest, discard, piece, ref said @ ..] = data else {
        return;
    };
    let (longest, discard) = (usize::from(longest), usize::from(discard));
    let whole = read(said, said.len().max(1), longest, discard);
    let pieces = read(said, 1 + usize::from(piece), longest, discard);
    assert_eq!(whole, pieces);
    assert_eq!(whole, read(said, 1, longest, discard));
});

#[derive(Debug, PartialEq)]
enum Seen {
    Line(Vec<u8>, bool),
    TooLong,
    Endless,
}

fn read(said: &[u8], piece: usize, longest: usize, discard: usize) -> Vec<Seen> {
    let mut reader = LineReader::new(longest, discard);
    let (mut buffer, mut seen) = (Vec::new(), Vec::new());
    for piece in said.chunks(piece) {
        buffer.extend_from_slice(piece);
        loop {
            let found = reader.next(&buffer);
            match found {
                Found::Incomplete { .. } => {}
                Found::Line {
                    length,
                    crlf,
                    consume,
                } => {
                    assert!(consume <= longest, "a line over its limit");
                    assert!(!buffer[..length].contains(&b'\n'));
                    seen.push(Seen::Line(buffer[..length].to_vec(), crlf));
                }
                Found::TooLong { .. } => seen.push(Seen::TooLong),
                Found::Endless => {
                    seen.push(Seen::Endless);
                    return seen;
                }
            }
            buffer.drain(..found.consume());
            if matches!(found, Found::Incomplete { .. }) {
                assert!(buffer.len() <= longest, "more is kept than a line may have");
                break;
            }
        }
    }
    seen
}
