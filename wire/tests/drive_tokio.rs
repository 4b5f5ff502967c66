//! The driver for tokio, with a toy machine and pipes in memory.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use mailwire::drive::tokio::Driver;
use mailwire::drive::{DriveError, Next};
use mailwire::{Machine, TlsInfo};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, ReadBuf, duplex};
use tokio::time::{Instant, sleep, timeout};
use toy::{Event, Failed, Fault, Toy};

mod toy;

type Outcome = Result<Next<Event>, DriveError<Failed>>;

async fn serve<T: AsyncRead + AsyncWrite + Unpin>(
    driver: &mut Driver<Toy, T>,
    size: usize,
) -> Outcome {
    loop {
        match driver.next().await? {
            Next::Event(Event::Line(line)) => answer(driver, &line, size),
            other => return Ok(other),
        }
    }
}

/// The same, but every wait is given up at once and taken up again when something moves.
async fn serve_with_cancellations<T: AsyncRead + AsyncWrite + Unpin>(
    driver: &mut Driver<Toy, T>,
    size: usize,
) -> (Outcome, usize) {
    let mut cancelled = 0;
    loop {
        let next = tokio::select! {
            biased;
            next = driver.next() => next,
            () = tokio::task::yield_now() => {
                cancelled += 1;
                continue;
            }
        };
        match next {
            Ok(Next::Event(Event::Line(line))) => answer(driver, &line, size),
            other => return (other, cancelled),
        }
    }
}

fn answer<T: AsyncRead + AsyncWrite + Unpin>(driver: &mut Driver<Toy, T>, line: &str, size: usize) {
    let answer = line.to_owned() + &"x".repeat(size.saturating_sub(line.len()));
    driver
        .machine()
        .answer(answer.as_bytes())
        .expect("a line that waits");
}

#[tokio::test]
async fn a_conversation_to_its_close() {
    let (ours, mut client) = duplex(5);
    let mut driver = Driver::new(Toy::new(Fault::None), ours);
    let client = async move {
        let mut heard = String::new();
        client
            .write_all(b"one\r\ntwo\r\nquit\r\n")
            .await
            .expect("a server that listens");
        client
            .read_to_string(&mut heard)
            .await
            .expect("a server that closes");
        heard
    };
    let (outcome, heard) = tokio::join!(serve(&mut driver, 0), client);
    assert!(matches!(outcome, Ok(Next::Closed)), "{outcome:?}");
    assert_eq!(heard, "hello\r\none\r\ntwo\r\n");
}

#[tokio::test]
async fn a_dropped_wait_loses_nothing() {
    let (ours, client) = duplex(3);
    let mut driver = Driver::new(Toy::with(Fault::None, 10, Duration::from_secs(60)), ours);
    let (mut reader, mut writer) = tokio::io::split(client);
    let say = async move {
        for octet in b"one\r\ntwo\r\nthree\r\n".repeat(20) {
            writer
                .write_all(&[octet])
                .await
                .expect("a server that listens");
            tokio::task::yield_now().await;
        }
        writer.shutdown().await.expect("half a close");
    };
    let hear = async move {
        let mut heard = String::new();
        reader
            .read_to_string(&mut heard)
            .await
            .expect("a server that closes");
        heard
    };
    // Driven together, so that each dropped wait is followed by a move of the client's.
    let ((outcome, cancelled), (), heard) =
        tokio::join!(serve_with_cancellations(&mut driver, 9), say, hear);
    assert!(matches!(outcome, Ok(Next::Closed)), "{outcome:?}");
    assert!(cancelled > 100, "{cancelled} waits were dropped");
    let once = "onexxxxxx\r\ntwoxxxxxx\r\nthreexxxx\r\n";
    assert_eq!(heard, "hello\r\n".to_owned() + &once.repeat(20));
}

#[tokio::test]
async fn a_slow_reader_gets_it_all() {
    let (ours, client) = duplex(1000);
    let mut driver = Driver::new(Toy::new(Fault::None), ours);
    let (mut reader, mut writer) = tokio::io::split(client);
    let say = async move {
        writer
            .write_all(&b"a\n".repeat(50))
            .await
            .expect("a server that listens");
        writer.shutdown().await.expect("half a close");
    };
    let hear = async move {
        let (mut heard, mut piece) = (0, [0; 777]);
        loop {
            match reader.read(&mut piece).await.expect("a server that closes") {
                0 => return heard,
                count => heard += count,
            }
            tokio::task::yield_now().await;
        }
    };
    let (outcome, (), heard) = tokio::join!(serve(&mut driver, 10_000), say, hear);
    assert!(matches!(outcome, Ok(Next::Closed)), "{outcome:?}");
    assert_eq!(heard, 7 + 50 * 10_002);
}

#[tokio::test]
async fn a_deadline_ends_the_wait() {
    let (ours, mut client) = duplex(1000);
    let toy = Toy::with(Fault::None, 1000, Duration::from_millis(50));
    let mut driver = Driver::new(toy, ours);
    let client = async move {
        let mut heard = String::new();
        client
            .write_all(b"one\r\nhalf")
            .await
            .expect("a server that listens");
        client
            .read_to_string(&mut heard)
            .await
            .expect("a server that closes");
        drop(client);
        heard
    };
    let begin = Instant::now();
    let (outcome, heard) = tokio::join!(serve(&mut driver, 0), client);
    assert!(
        matches!(outcome, Err(DriveError::Protocol(Failed::Late))),
        "{outcome:?}"
    );
    assert_eq!(heard, "hello\r\none\r\nlate\r\n");
    assert!(begin.elapsed() >= Duration::from_millis(50));
}

#[tokio::test]
async fn a_deadline_moves_away_with_each_line() {
    let (ours, mut client) = duplex(1000);
    let toy = Toy::with(Fault::None, 1000, Duration::from_millis(200));
    let mut driver = Driver::new(toy, ours);
    let client = async move {
        for _ in 0..6 {
            sleep(Duration::from_millis(60)).await;
            client
                .write_all(b"on\r\n")
                .await
                .expect("a server that listens");
        }
        client
            .write_all(b"quit\r\n")
            .await
            .expect("a server that listens");
        let mut heard = String::new();
        client
            .read_to_string(&mut heard)
            .await
            .expect("a server that closes");
        heard
    };
    let (outcome, heard) = tokio::join!(serve(&mut driver, 0), client);
    assert!(matches!(outcome, Ok(Next::Closed)), "{outcome:?}");
    assert_eq!(heard, "hello\r\n".to_owned() + &"on\r\n".repeat(6));
}

#[tokio::test]
async fn a_deadline_may_come_nearer() {
    let (ours, mut client) = duplex(1000);
    let mut driver = Driver::new(Toy::new(Fault::None), ours);
    assert!(
        timeout(Duration::from_millis(20), serve(&mut driver, 0))
            .await
            .is_err()
    );
    driver.machine().hurry(Duration::from_millis(50));
    client.write_all(b"one\r\n").await.expect("room");
    let client = async move {
        let mut heard = String::new();
        client
            .read_to_string(&mut heard)
            .await
            .expect("a server that closes");
        drop(client);
    };
    let both = async { tokio::join!(serve(&mut driver, 0), client) };
    let (outcome, ()) = timeout(Duration::from_secs(10), both)
        .await
        .expect("an end, long before a minute is over");
    assert!(
        matches!(outcome, Err(DriveError::Protocol(Failed::Late))),
        "{outcome:?}"
    );
}

/// A TLS stream holds back what it was given, until it is flushed.
#[tokio::test]
async fn a_transport_that_holds_back_is_flushed() {
    let (ours, mut client) = duplex(1000);
    let mut driver = Driver::new(Toy::new(Fault::None), tokio::io::BufWriter::new(ours));
    let client = async move {
        let mut hello = [0; 7];
        client.read_exact(&mut hello).await.expect("a greeting");
        client
            .write_all(b"one\r\n")
            .await
            .expect("a server that listens");
        let mut one = [0; 5];
        client.read_exact(&mut one).await.expect("an answer");
        client
            .write_all(b"quit\r\n")
            .await
            .expect("a server that listens");
    };
    let both = async { tokio::join!(serve(&mut driver, 0), client) };
    let (outcome, ()) = timeout(Duration::from_secs(10), both)
        .await
        .expect("all that was said arrives");
    assert!(matches!(outcome, Ok(Next::Closed)), "{outcome:?}");
}

#[tokio::test]
async fn a_peer_that_never_reads_is_given_up() {
    // Above the mark, and below it with a handshake to come.
    for (said, size) in [(&b"one\r\ntwo\r\n"[..], 1000), (b"one\r\ntls\r\n", 300)] {
        let (ours, mut client) = duplex(100);
        let toy = Toy::with(Fault::None, 500, Duration::from_millis(50));
        let mut driver = Driver::new(toy, ours);
        client.write_all(said).await.expect("room");
        let outcome = timeout(Duration::from_secs(10), serve(&mut driver, size)).await;
        let outcome = outcome.expect("an end");
        assert!(
            matches!(outcome, Err(DriveError::Protocol(Failed::Late))),
            "{outcome:?}"
        );
        drop(client);
    }
}

#[tokio::test]
async fn a_half_closed_peer_is_waited_for_without_spinning() {
    let (ours, mut client) = duplex(100);
    let polls = Arc::new(AtomicUsize::new(0));
    let counted = Counted {
        inner: ours,
        polls: polls.clone(),
    };
    let mut driver = Driver::new(Toy::with(Fault::None, 10, Duration::from_secs(60)), counted);
    client.write_all(b"one\r\ntwo\r\n").await.expect("room");
    client.shutdown().await.expect("half a close");
    let waited = timeout(Duration::from_millis(200), serve(&mut driver, 5000)).await;
    assert!(waited.is_err(), "it has to wait for the reader");
    let polled = polls.load(Ordering::Relaxed);
    assert!(polled < 30, "{polled} polls while nothing moves");
    // And nothing is lost.
    let hear = async move {
        let mut heard = Vec::new();
        client
            .read_to_end(&mut heard)
            .await
            .expect("a server that closes");
        heard.len()
    };
    let (outcome, heard) = tokio::join!(serve(&mut driver, 5000), hear);
    assert!(matches!(outcome, Ok(Next::Closed)), "{outcome:?}");
    assert_eq!(heard, 7 + 2 * 5002);
}

#[tokio::test]
async fn an_idle_connection_does_not_spin() {
    let (ours, client) = duplex(100);
    let polls = Arc::new(AtomicUsize::new(0));
    let counted = Counted {
        inner: ours,
        polls: polls.clone(),
    };
    let mut driver = Driver::new(Toy::new(Fault::None), counted);
    assert!(
        timeout(Duration::from_millis(100), serve(&mut driver, 0))
            .await
            .is_err()
    );
    assert!(polls.load(Ordering::Relaxed) < 10);
    drop(client);
    assert!(matches!(serve(&mut driver, 0).await, Ok(Next::Closed)));
}

#[tokio::test]
async fn tls_is_handed_to_the_application() {
    let (ours, mut client) = duplex(100);
    let mut driver = Driver::new(Toy::new(Fault::None), ours);
    client.write_all(b"tls\r\n").await.expect("room");
    assert!(matches!(serve(&mut driver, 0).await, Ok(Next::StartTls)));
    let mut go = [0; 11];
    client.read_exact(&mut go).await.expect("all that was said");
    assert_eq!(&go, b"hello\r\ngo\r\n");
    let (mut toy, pipe) = driver.into_parts();
    toy.tls_started(TlsInfo::default());
    client.write_all(b"quit\r\n").await.expect("room");
    assert!(matches!(
        serve(&mut Driver::new(toy, pipe), 0).await,
        Ok(Next::Closed)
    ));
}

/// Counts how often it is asked to move something.
struct Counted<T> {
    inner: T,
    polls: Arc<AtomicUsize>,
}

impl<T: AsyncRead + Unpin> AsyncRead for Counted<T> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        self.polls.fetch_add(1, Ordering::Relaxed);
        Pin::new(&mut self.inner).poll_read(cx, buf)
    }
}

impl<T: AsyncWrite + Unpin> AsyncWrite for Counted<T> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.polls.fetch_add(1, Ordering::Relaxed);
        Pin::new(&mut self.inner).poll_write(cx, buf)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_shutdown(cx)
    }
}
