//! The unstuffer against the oracle that reads octet by octet, and the stuffer against both.

#![no_main]

use bytes::{Buf, Bytes};
use libfuzzer_sys::fuzz_target;
use mailwire::Output;
use mailwire::dot::{Strays, Stuffer};
use mailwire::testing::dot::{read_in_pieces, read_naively};

fuzz_target!(|data: &[u8]| {
    let Some((&piece, wire)) = data.split_first() else {
        return;
    };
    let piece = 1 + usize::from(piece);
    for policy in [Strays::Reject, Strays::Normalise, Strays::Allow] {
        let mut expected = read_naively(wire, policy);
        if policy == Strays::Allow {
            // Not looked for.
            if let Some(text) = &mut expected {
                text.stray = None;
            }
        }
        assert_eq!(read_in_pieces(wire, piece, policy), expected, "{policy:?}");
    }

    let mut output = Output::new(usize::MAX);
    let mut stuffer = Stuffer::new();
    for piece in wire.chunks(piece) {
        stuffer.write(Bytes::copy_from_slice(piece), &mut output);
    }
    stuffer.finish(&mut output);
    let stuffed = output.copy_to_bytes(output.len());
    let mut expected = wire.to_vec();
    if !wire.is_empty() && !wire.ends_with(b"\r\n") {
        expected.extend(b"\r\n");
    }
    let read = read_naively(&stuffed, Strays::Allow).expect("an end");
    assert_eq!((read.text, read.used), (expected, stuffed.len()));
});
