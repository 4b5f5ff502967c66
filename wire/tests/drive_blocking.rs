//! The blocking driver, with a toy machine and a real socket pair.
#![cfg(unix)]
#![expect(clippy::disallowed_methods, reason = "a peer in a thread of its own")]

use std::io::{Read, Write};
use std::net::Shutdown;
use std::os::unix::net::UnixStream;
use std::thread;
use std::time::{Duration, Instant};

use mailwire::drive::blocking::Driver;
use mailwire::drive::{DriveError, Next};
use mailwire::{Machine, TlsInfo};
use toy::{Event, Failed, Fault, Toy};

mod toy;

type Outcome = Result<Next<Event>, DriveError<Failed>>;

/// Serves with answers of `size` octets until there is something but an event.
fn serve(driver: &mut Driver<Toy, UnixStream>, size: usize) -> Outcome {
    loop {
        match driver.next()? {
            Next::Event(Event::Line(line)) => {
                let answer = line.clone() + &"x".repeat(size.saturating_sub(line.len()));
                driver
                    .machine()
                    .answer(answer.as_bytes())
                    .expect("a line that waits");
            }
            other => return Ok(other),
        }
    }
}

fn served(toy: Toy, size: usize) -> (UnixStream, thread::JoinHandle<Outcome>) {
    let (ours, theirs) = UnixStream::pair().expect("a pair of sockets");
    let server = thread::spawn(move || serve(&mut Driver::new(toy, ours), size));
    (theirs, server)
}

#[test]
fn a_conversation_to_its_close() {
    let (mut client, server) = served(Toy::new(Fault::None), 0);
    for octet in b"one\r\ntwo\r\nquit\r\n" {
        client.write_all(&[*octet]).expect("a server that listens");
    }
    let mut heard = String::new();
    client
        .read_to_string(&mut heard)
        .expect("a server that closes");
    assert_eq!(heard, "hello\r\none\r\ntwo\r\n");
    drop(client);
    assert!(matches!(server.join(), Ok(Ok(Next::Closed))));
}

#[test]
fn more_than_the_input_holds() {
    let (mut client, server) = served(Toy::new(Fault::None), 0);
    client
        .write_all(&b"line\r\n".repeat(500))
        .expect("a server that listens");
    client.shutdown(Shutdown::Write).expect("half a close");
    let mut heard = String::new();
    client
        .read_to_string(&mut heard)
        .expect("a server that closes");
    assert_eq!(heard, "hello\r\n".to_owned() + &"line\r\n".repeat(500));
    drop(client);
    assert!(matches!(server.join(), Ok(Ok(Next::Closed))));
}

#[test]
fn a_slow_reader_gets_it_all() {
    let (mut client, server) = served(Toy::new(Fault::None), 50_000);
    client
        .write_all(&b"a\n".repeat(20))
        .expect("a server that listens");
    client.shutdown(Shutdown::Write).expect("half a close");
    let (mut heard, mut piece) = (0, [0; 9_999]);
    loop {
        match client.read(&mut piece).expect("a server that closes") {
            0 => break,
            count => heard += count,
        }
        thread::sleep(Duration::from_millis(1));
    }
    assert_eq!(heard, 7 + 20 * 50_002);
    drop(client);
    assert!(matches!(server.join(), Ok(Ok(Next::Closed))));
}

#[test]
fn a_deadline_ends_the_wait() {
    let toy = Toy::with(Fault::None, 1000, Duration::from_millis(50));
    let (mut client, server) = served(toy, 0);
    client
        .write_all(b"one\r\nhalf a li")
        .expect("a server that listens");
    let mut heard = String::new();
    client
        .read_to_string(&mut heard)
        .expect("a server that closes");
    assert_eq!(heard, "hello\r\none\r\nlate\r\n");
    drop(client);
    let outcome = server.join().expect("no panic");
    assert!(
        matches!(outcome, Err(DriveError::Protocol(Failed::Late))),
        "{outcome:?}"
    );
}

#[test]
fn a_peer_that_never_reads_is_given_up() {
    let toy = Toy::with(Fault::None, 1000, Duration::from_millis(50));
    let (mut client, server) = served(toy, 1_000_000);
    let begin = Instant::now();
    client
        .write_all(b"one\r\ntwo\r\n")
        .expect("a server that listens");
    let outcome = server.join().expect("no panic");
    assert!(
        matches!(outcome, Err(DriveError::Protocol(Failed::Late))),
        "{outcome:?}"
    );
    assert!(begin.elapsed() < Duration::from_secs(10));
    drop(client);
}

#[test]
fn an_error_is_told_before_the_connection_is_reset() {
    let (mut client, server) = served(Toy::new(Fault::None), 0);
    // More than is ever read before the failure: it must not destroy the farewell.
    client
        .write_all(b"fail\r\n")
        .expect("a server that listens");
    client
        .write_all(&[b'x'; 50_000])
        .expect("a server that listens");
    client.shutdown(Shutdown::Write).expect("half a close");
    let mut heard = String::new();
    client.read_to_string(&mut heard).expect("no reset");
    assert_eq!(heard, "hello\r\nfailed\r\n");
    let outcome = server.join().expect("no panic");
    assert!(
        matches!(outcome, Err(DriveError::Protocol(Failed::Told))),
        "{outcome:?}"
    );
}

#[test]
fn the_last_answer_is_seen_though_the_peer_said_more() {
    let (mut client, server) = served(Toy::new(Fault::None), 0);
    client
        .write_all(b"quit\r\n")
        .expect("a server that listens");
    client
        .write_all(&[b'x'; 50_000])
        .expect("a server that listens");
    client.shutdown(Shutdown::Write).expect("half a close");
    let mut heard = String::new();
    client.read_to_string(&mut heard).expect("no reset");
    assert_eq!(heard, "hello\r\n");
    drop(client);
    assert!(matches!(server.join(), Ok(Ok(Next::Closed))));
}

#[test]
fn tls_is_handed_to_the_application() {
    let (ours, mut client) = UnixStream::pair().expect("a pair of sockets");
    let mut driver = Driver::new(Toy::new(Fault::None), ours);
    client.write_all(b"tls\r\n").expect("room");
    assert!(matches!(serve(&mut driver, 0), Ok(Next::StartTls)));
    let mut go = [0; 11];
    client.read_exact(&mut go).expect("all that was said");
    assert_eq!(&go, b"hello\r\ngo\r\n");
    let (mut toy, socket) = driver.into_parts();
    toy.tls_started(TlsInfo::default());
    client.write_all(b"quit\r\n").expect("room");
    assert!(matches!(
        serve(&mut Driver::new(toy, socket), 0),
        Ok(Next::Closed)
    ));
}
