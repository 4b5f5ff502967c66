//! Frames come out the same, whatever the pieces, and no more is kept than the limits say.

#![no_main]

use imap_proto::frame::{Announcement, Found, Framer, Why};
use imap_proto::{FrameError, FrameLimits};
use libfuzzer_sys::fuzz_target;
use mailwire::Input;

fuzz_target!(|data: &[u8]| {
    let &[choice, piece, text, literals, ref said @ ..] = data else {
        return;
    };
    let whole = read(said, 256, choice, text, literals);
    assert_eq!(
        read(said, 1 + usize::from(piece), choice, text, literals),
        whole
    );
    assert_eq!(read(said, 1, choice, text, literals), whole);
});

#[derive(Debug, PartialEq)]
enum Seen {
    Frame(Vec<u8>, bool),
    Announced(Announcement),
    Literal(Vec<u8>),
    Refused(Option<String>, Why),
    Lost(FrameError),
}

fn read(said: &[u8], piece: usize, choice: u8, text: u8, literals: u8) -> Vec<Seen> {
    let (framer, mut limits) = match choice & 1 != 0 {
        true => (Framer::responses(), FrameLimits::responses()),
        false => (Framer::commands(), FrameLimits::commands()),
    };
    limits.text = usize::from(text);
    limits.skipped = 2 * usize::from(text);
    limits.kept_literal = u64::from(literals % 16);
    limits.kept_literals = u64::from(literals);
    limits.literals = usize::from(literals >> 4);
    limits.literal = 1000;
    let mut framer = framer.with_limits(limits).with_bare_lf(choice & 2 != 0);
    let mut input = Input::new(framer.input_limit() + piece);
    let (mut seen, mut literal) = (Vec::new(), Vec::new());
    for piece in said.chunks(piece) {
        assert_eq!(input.extend(piece), piece.len(), "more is kept than may be");
        loop {
            match framer.next(&mut input) {
                Ok(Found::Incomplete) => break,
                Ok(Found::Frame(frame)) => {
                    assert!(!frame.is_open());
                    seen.push(Seen::Frame(frame.octets().to_vec(), frame.has_bare_lf()));
                }
                Ok(Found::Literal(announced)) => {
                    assert!(framer.head(&input).is_open());
                    seen.push(Seen::Announced(announced));
                    match choice >> 2 & 3 {
                        0 => framer.refuse(&mut input),
                        1 | 2 if announced.fits => framer.keep(),
                        _ => framer.stream(&mut input),
                    }
                }
                Ok(Found::Piece { octets, last }) => {
                    literal.extend_from_slice(&octets);
                    if last {
                        seen.push(Seen::Literal(std::mem::take(&mut literal)));
                    }
                }
                Ok(Found::Refused(refused)) => seen.push(Seen::Refused(
                    refused.tag.map(|tag| tag.to_string()),
                    refused.why,
                )),
                Err(error) => {
                    seen.push(Seen::Lost(error));
                    return seen;
                }
            }
        }
    }
    seen
}
