//! Responses are read and written, and read again.

#![allow(dead_code, reason = "no test needs all of it")]

use bytes::{Buf, Bytes};
use imap_proto::encode::{Encoder, Encoding, Next};
use imap_proto::response::{Data, Response};
use imap_proto::{Frame, Quirks, Reader, SyntaxError};
use mailwire::Output;

pub(crate) fn read(mut reader: Reader, line: &str) -> Result<Response, SyntaxError> {
    reader.response(&Frame::from(Bytes::copy_from_slice(line.as_bytes())))
}

pub(crate) fn strict(line: &str) -> Response {
    read(Reader::strict(), line).unwrap_or_else(|error| panic!("{line:?}: {error}"))
}

pub(crate) fn write(response: &Response) -> String {
    let mut encoder = Encoder::new(Encoding::responses());
    encoder.response(response);
    let mut output = Output::new(1 << 20);
    assert_eq!(encoder.transfer(&mut output), Next::Done);
    let written = output.copy_to_bytes(output.remaining());
    String::from_utf8(written.to_vec()).expect("text")
}

/// Each is known, is written as it was read, and is read as what it was.
pub(crate) fn both_ways(lines: &[&str]) {
    for line in lines {
        let response = strict(line);
        assert!(
            !matches!(response, Response::Untagged(Data::Unknown(_))),
            "{line:?} is not known"
        );
        let written = write(&response);
        assert_eq!(written, format!("{line}\r\n"));
        assert_eq!(strict(&written), response, "{line:?}");
    }
}

/// Each is written another way, which means the same.
pub(crate) fn otherwise(lines: &[(&str, &str)]) {
    for (line, expected) in lines {
        let response = strict(line);
        let written = write(&response);
        assert_eq!(written, format!("{expected}\r\n"));
        assert_eq!(strict(&written), response, "{line:?}");
    }
}

pub(crate) fn refused(lines: &[&str]) {
    for line in lines {
        let response = read(Reader::strict(), line);
        assert!(response.is_err(), "{line:?} is {response:?}");
    }
}

/// What needs forgiveness, which one, and what it is written as.
pub(crate) fn forgiven(lines: &[(&str, Quirks, &str)]) {
    for (line, quirk, expected) in lines {
        assert!(read(Reader::strict(), line).is_err(), "{line:?} is legal");
        let mut reader = Reader::lenient();
        let response = reader
            .response(&Frame::from(Bytes::copy_from_slice(line.as_bytes())))
            .unwrap_or_else(|error| panic!("{line:?}: {error}"));
        assert_eq!(reader.fired(), *quirk, "{line:?}");
        assert_eq!(write(&response), format!("{expected}\r\n"));
        assert!(
            read(Reader::with_quirks(Quirks::all() - *quirk), line).is_err(),
            "{line:?} is read without its quirk"
        );
    }
}
