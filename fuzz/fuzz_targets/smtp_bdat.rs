//! A message in chunks of any sizes, received in pieces of any sizes, is the message: nothing of it
//! is taken for a command, and what follows it is.
//!
//! Each chunk is an octet for its size and so many octets; the pieces have the sizes in turn.

#![no_main]

use std::time::Instant;

use libfuzzer_sys::fuzz_target;
use mailwire::dot::Strays;
use mailwire::{Machine, Step};
use smtp_proto::server::{Config, Event, Server};

fuzz_target!(|data: &[u8]| {
    let mut said = b"EHLO c\r\nMAIL FROM:<>\r\nRCPT TO:<x@y>\r\n".to_vec();
    let mut message = Vec::new();
    let mut sizes = Vec::new();
    let mut rest = data;
    while let [size, after @ ..] = rest {
        let (chunk, after) = after.split_at(usize::from(*size).min(after.len()));
        said.extend(format!("BDAT {}\r\n", chunk.len()).bytes());
        said.extend(chunk);
        message.extend(chunk);
        sizes.push(usize::from(*size) + 1);
        rest = after;
    }
    said.extend(b"BDAT 0 LAST\r\nQUIT\r\n");
    sizes.push(1000);

    let mut config = Config::new("mx.test".parse().expect("a domain"));
    config.strays = Strays::Allow;
    config.limits.idle_commands = u32::MAX;
    let mut server = Server::new(config);
    let now = Instant::now();
    let mut received = Vec::new();
    let (mut ended, mut cuts) = (0, sizes.iter().cycle());
    let mut rest = &said[..];
    loop {
        match server.step(now).expect("a legal conversation") {
            Step::Event(Event::Body(piece)) => received.extend_from_slice(&piece),
            Step::Event(event) => {
                ended += usize::from(matches!(event, Event::EndOfData));
                server.accept().expect("an event that waits");
            }
            Step::NeedInput => {
                let cut = cuts.next().expect("a cycle");
                let taken = server.input().extend(&rest[..rest.len().min(*cut)]);
                assert!(taken > 0, "all was said, and more is wanted");
                rest = &rest[taken..];
            }
            Step::NeedFlush => {
                let output = server.output();
                bytes::Buf::advance(output, output.len());
            }
            Step::Close => break,
            other => panic!("{other:?}"),
        }
    }
    assert_eq!((received, ended, rest.len()), (message, 1, 0));
});
