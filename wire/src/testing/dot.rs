//! Dot-stuffed text read in the simplest way: the oracle for [`Unstuffer`].

use crate::Input;
use crate::dot::{Stray, Strays, Unstuffed, Unstuffer};

/// A text that was read to its end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Text {
    /// The text without its stuffing.
    pub text: Vec<u8>,
    /// The first character that should not be there.
    pub stray: Option<Stray>,
    /// How many octets were read, the end included.
    pub used: usize,
}

/// Reads octet by octet over the whole text; `None` if it has no end.
pub fn read_naively(wire: &[u8], policy: Strays) -> Option<Text> {
    let (mut text, mut stray, mut at_line_start, mut at) = (Vec::new(), None, true, 0);
    loop {
        let rest = &wire[at..];
        if at_line_start && rest.starts_with(b".\r\n") {
            let used = at + 3;
            return Some(Text { text, stray, used });
        }
        if at_line_start && rest.len() < 3 && b".\r\n".starts_with(rest) {
            return None;
        }
        if at_line_start && rest[0] == b'.' {
            at += 1;
            at_line_start = false;
            continue;
        }
        at_line_start = false;
        let skip = policy == Strays::Reject && stray.is_some();
        let lone = match rest {
            [] | [b'\r'] => return None,
            [b'\r', b'\n', ..] => {
                if !skip {
                    text.extend(b"\r\n");
                }
                at += 2;
                at_line_start = true;
                continue;
            }
            [b'\r', ..] => Stray::Cr,
            [b'\n', ..] => Stray::Lf,
            [0, ..] => Stray::Nul,
            [octet, ..] => {
                if !skip {
                    text.push(*octet);
                }
                at += 1;
                continue;
            }
        };
        at += 1;
        stray.get_or_insert(lone);
        match policy {
            Strays::Reject => {}
            Strays::Normalise => text.extend_from_slice(match lone {
                Stray::Lf => b"\r\n",
                Stray::Cr | Stray::Nul => b" ",
            }),
            Strays::Allow => text.push(rest[0]),
        }
    }
}

/// Reads with the [`Unstuffer`], given pieces of `piece` octets; `None` if there is no end.
///
/// # Panics
///
/// If it hands out an empty piece, or holds back more than two octets.
pub fn read_in_pieces(wire: &[u8], piece: usize, policy: Strays) -> Option<Text> {
    let mut input = Input::new(wire.len());
    let mut unstuffer = Unstuffer::new(policy);
    let (mut text, mut fed) = (Vec::new(), 0);
    for piece in wire.chunks(piece) {
        assert_eq!(input.extend(piece), piece.len(), "there is room for all");
        fed += piece.len();
        loop {
            match unstuffer.next(&mut input) {
                Unstuffed::Data(data) => {
                    assert!(!data.is_empty(), "an empty piece");
                    text.extend_from_slice(&data);
                }
                Unstuffed::NeedInput => break,
                Unstuffed::End => {
                    let (stray, used) = (unstuffer.stray(), fed - input.len());
                    return Some(Text { text, stray, used });
                }
            }
        }
        assert!(input.len() <= 2, "held back {}", input.len());
    }
    None
}
