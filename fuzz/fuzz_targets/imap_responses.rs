//! A response that can be read is read back as it was written; what is forgiven does not change what needs no
//! forgiveness.

#![no_main]

use bytes::{Buf, Bytes};
use imap_proto::encode::{Encoder, Encoding, Next};
use imap_proto::frame::{Found, Framer};
use imap_proto::response::{Data, FetchItem, Response};
use imap_proto::{Frame, Reader};
use libfuzzer_sys::fuzz_target;
use mailwire::{Input, Output};

fuzz_target!(|data: &[u8]| {
    let &[choice, ref said @ ..] = data else {
        return;
    };
    let utf8 = choice & 1 != 0;
    for frame in frames(said) {
        let (mut strict, mut lenient) = (Reader::strict(), Reader::lenient());
        strict.set_utf8(utf8);
        lenient.set_utf8(utf8);
        let meant = strict.response(&frame);
        let forgiven = lenient.response(&frame);
        match &forgiven {
            // Of what is invalid in its place more or less may have been read.
            Ok(response) if lenient.fired().is_empty() && !is_invalid(response) => {
                assert_eq!(forgiven, meant, "nothing was forgiven");
            }
            _ => {}
        }
        match (&meant, &forgiven) {
            (Ok(response), _) => written(response, &mut strict, utf8),
            (Err(_), Ok(response)) => written(response, &mut lenient, utf8),
            (Err(error), Err(_)) => {
                assert!(
                    error.offset <= frame.octets().len(),
                    "a mistake behind the end"
                );
            }
        }
    }
});

/// Writes a response, and reads that.
fn written(response: &Response, reader: &mut Reader, utf8: bool) {
    let mut encoding = Encoding::responses();
    encoding.utf8 = utf8;
    let mut encoder = Encoder::new(encoding);
    encoder.response(response);
    let mut output = Output::new(1 << 20);
    assert_eq!(encoder.transfer(&mut output), Next::Done);
    let written: Bytes = output.copy_to_bytes(output.remaining());
    if !reader.fired().is_empty() {
        // What was forgiven may be tokens of nobody knows what, which are written as they stood there.
        return;
    }
    let frames = frames(&written);
    let [frame] = &frames[..] else {
        panic!("{written:?} is no single response");
    };
    let again = reader
        .response(frame)
        .unwrap_or_else(|error| panic!("{written:?} is not read back: {error}"));
    if !is_invalid(response) {
        assert_eq!(&again, response, "written as {written:?}");
    }
}

/// Whether an item of it is known, but not as it should be: its tokens may be written so that they are.
fn is_invalid(response: &Response) -> bool {
    match response {
        Response::Untagged(Data::Fetch(fetched)) => {
            let mut items = fetched.items.iter();
            items.any(|item| matches!(item, FetchItem::Invalid(_)))
        }
        _ => false,
    }
}

/// What a framer finds, with all literals that fit.
fn frames(said: &[u8]) -> Vec<Frame> {
    let mut framer = Framer::responses();
    let mut input = Input::new(framer.input_limit());
    let mut frames = Vec::new();
    assert_eq!(input.extend(said), said.len());
    loop {
        match framer.next(&mut input) {
            Ok(Found::Frame(frame)) => frames.push(frame),
            Ok(Found::Literal(announced)) if announced.fits => framer.keep(),
            Ok(Found::Literal(_)) => framer.refuse(&mut input),
            Ok(Found::Refused(_) | Found::Piece { .. }) => {}
            Ok(Found::Incomplete) | Err(_) => return frames,
        }
    }
}
