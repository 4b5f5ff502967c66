//! A command that can be read is read back as it was written, whatever literals it is written with.

#![no_main]

use bytes::{Buf, Bytes};
use imap_proto::encode::{Encoder, Encoding, Literals, Next};
use imap_proto::{Frame, Quirks, Reader};
use libfuzzer_sys::fuzz_target;
use mailwire::Output;

fuzz_target!(|data: &[u8]| {
    let &[choice, ref said @ ..] = data else {
        return;
    };
    let utf8 = choice & 1 != 0;
    let mut reader = match choice & 2 != 0 {
        true => Reader::with_quirks(Quirks::all()),
        false => Reader::strict(),
    };
    reader.set_utf8(utf8);
    let command = match reader.command(&Frame::from(Bytes::copy_from_slice(said))) {
        Ok(command) => command,
        Err(error) => {
            assert!(error.offset <= said.len(), "a mistake behind the end");
            return;
        }
    };
    if !reader.fired().is_empty() {
        // What was forgiven may have no way to be written.
        return;
    }
    let mut encoding = Encoding::commands();
    encoding.utf8 = utf8;
    encoding.binary = true;
    for literals in [Literals::Synchronising, Literals::Minus, Literals::Plus] {
        encoding.literals = literals;
        let mut encoder = Encoder::new(encoding);
        encoder.command(&command);
        let mut output = Output::new(1 << 20);
        while encoder.transfer(&mut output) != Next::Done {}
        let written = output.copy_to_bytes(output.remaining());
        assert!(written.ends_with(b"\r\n"));
        let again = reader
            .command(&Frame::from(written.clone()))
            .unwrap_or_else(|error| panic!("{written:?} is not read back: {error}"));
        assert_eq!(command, again, "written as {written:?}");
    }
});
