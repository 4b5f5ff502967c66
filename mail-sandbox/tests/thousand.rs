//! Many sandboxes in one process: alone in this file, since it looks at the memory of the process.

mod support;

use std::net::TcpStream;
use std::time::Instant;

use mail_sandbox::blocking::Sandbox;
use mail_sandbox::{Endpoint, Query};
use support::Typist;

/// A test that uses one: a mail comes by SMTP, is found, and is there by IMAP.
fn use_one() {
    let sandbox = Sandbox::start().expect("a sandbox");
    let mut client = Typist::connect(&sandbox, Endpoint::Smtp);
    assert!(client.hear().starts_with("220 "));
    client.ask("HELO me");
    client.ask("MAIL FROM:<a@x.test>");
    client.ask("RCPT TO:<b@x.test>");
    client.ask("DATA");
    client.ask(&format!(
        "Subject: x\r\n\r\n{}\r\n.",
        "a line of text\r\n".repeat(1000)
    ));
    assert_eq!(sandbox.find(&Query::to("b@x.test").body("a line")).len(), 1);
    let mut client = Typist::connect(&sandbox, Endpoint::Imap);
    assert!(client.hear().starts_with("* OK "));
    assert!(client.ask("a LOGIN b@x.test secret").starts_with("a OK "));
    assert!(
        client
            .ask("b STATUS INBOX (MESSAGES)")
            .ends_with(" (MESSAGES 1)")
    );
    let address = sandbox.address(Endpoint::Smtp);
    drop(sandbox);
    assert!(TcpStream::connect(address).is_err(), "everything is gone");
}

/// One after the other, they leave nothing behind; hundreds are fine side by side.
#[test]
fn a_thousand_sandboxes() {
    (0..100).for_each(|_| use_one());
    let (before, start) = (memory(), Instant::now());
    (0..1000).for_each(|_| use_one());
    let (after, took) = (memory(), start.elapsed());
    println!("1000 sandboxes in {took:.1?}: {before} KiB of memory before, {after} KiB after");
    assert!(
        after < before + 4096,
        "{before} KiB before, {after} KiB after"
    );

    let start = Instant::now();
    let together: Vec<_> = (0..300)
        .map(|_| Sandbox::start().expect("a sandbox"))
        .collect();
    for sandbox in &together {
        let mut client = Typist::connect(sandbox, Endpoint::Pop3);
        assert!(client.hear().starts_with("+OK"));
    }
    let (took, all) = (start.elapsed(), memory());
    println!("300 side by side in {took:.1?}: {all} KiB of memory");
}

/// What of the process is in memory, in KiB; nothing where nobody tells.
fn memory() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find(|line| line.starts_with("VmRSS:"));
    let number = line.and_then(|line| line.split_whitespace().nth(1));
    number.map_or(0, |number| number.parse().expect("a number"))
}
