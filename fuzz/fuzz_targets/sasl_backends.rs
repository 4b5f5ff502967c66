//! What saslauthd and Dovecot might say, in any pieces: no panic, memory within bounds, and the
//! same whatever the pieces are.

#![no_main]

use libfuzzer_sys::fuzz_target;
use sasl::backend::dovecot::{Client, Event, Request};
use sasl::backend::saslauthd::Reply;

fuzz_target!(|data: &[u8]| {
    let Some((&[at, choice], said)) = data.split_first_chunk() else {
        return;
    };
    let (first, rest) = said.split_at(usize::from(at).min(said.len()));
    if choice & 1 == 0 {
        let whole = Reply::default().read(said);
        let mut reply = Reply::default();
        let split = reply.read(first).or_else(|| reply.read(rest));
        assert_eq!(whole, split);
        return;
    }
    assert_eq!(dovecot(&[said], choice), dovecot(&[first, rest], choice));
});

fn dovecot(pieces: &[&[u8]], choice: u8) -> (bool, Vec<Event>) {
    let mut client = Client::new(1);
    if choice & 2 == 0 {
        let greeting = b"VERSION\t1\t2\nMECH\tPLAIN\tplaintext\nMECH\tLOGIN\nSPID\t1\nDONE\n";
        client.receive(greeting).expect("a handshake");
        for _ in 0..4 {
            client.start(&Request::new("PLAIN", "smtp")).expect("ready");
        }
    }
    let mut events = Vec::new();
    let fine = pieces.iter().all(|piece| client.receive(piece).is_ok());
    while let Some(event) = client.event() {
        if let Event::Challenge { id, .. } = event {
            let _ = client.respond(id, b"x");
        }
        events.push(event);
    }
    for line in client.take_output().split(|&octet| octet == b'\n') {
        assert!(line.len() < sasl::limits::DOVECOT_LINE);
    }
    (fine, events)
}
