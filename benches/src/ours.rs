//! Our own side of every comparison, one function each; `None` is printed as "not built yet".
//!
//! What a [`Work`] returns is checked: it must have done as many units as its peers.

use std::hint::black_box;
use std::net::{TcpListener, TcpStream};
use std::rc::Rc;
use std::sync::Arc;
use std::time::Instant;

use anyhow::Result;
use async_trait::async_trait;
use bytes::Buf;
use mail_server::Limits;
use mail_server::auth::{Authenticator, Origin};
use mail_server::smtp::{Body as Incoming, Config, Envelope, Listener, Service, Session, Statuses};
use mailwire::dot::{Strays, Unstuffed, Unstuffer};
use mailwire::drive::{Next, blocking::Driver};
use mailwire::line::{Found, LineReader};
use mailwire::{Input, Machine, Step};
use sasl::Mechanism;
use sasl::server::{Failure, Need, Verdict};
use smtp_proto::command::{Command, Rcpt};
use smtp_proto::server::{Event, Server};
use smtp_proto::{Reply, ReplyReader, Strictness};
use tokio::runtime::Builder;

use crate::body::Body;
use crate::case::Work;
use crate::commands::MIX;
use crate::session::{FAREWELL, HELLO, TRANSACTION};

/// A new server machine for each time: [`HELLO`], [`TRANSACTION`], [`FAREWELL`], every event
/// accepted. Returns the messages received.
pub(crate) fn fresh_session() -> Option<Work> {
    let config = Arc::new(config());
    Some(Box::new(move |times| {
        let now = Instant::now();
        let mut messages = 0;
        for _ in 0..times {
            let mut server = Server::new(Arc::clone(&config));
            messages += hear(&mut server, b"", now);
            messages += hear(&mut server, HELLO, now);
            for line in TRANSACTION {
                messages += hear(&mut server, line, now);
            }
            messages += hear(&mut server, FAREWELL, now);
        }
        messages
    }))
}

/// One server machine that has been greeted: a [`TRANSACTION`] each time, every event
/// accepted. Returns the messages received.
pub(crate) fn kept_session() -> Option<Work> {
    let config = Arc::new(config());
    Some(Box::new(move |times| {
        let now = Instant::now();
        let mut server = Server::new(Arc::clone(&config));
        hear(&mut server, b"", now);
        hear(&mut server, HELLO, now);
        let mut messages = 0;
        for _ in 0..times {
            for line in TRANSACTION {
                messages += hear(&mut server, line, now);
            }
        }
        messages
    }))
}

/// Gives the machine what a client says, accepts everything and takes the replies away.
fn hear(server: &mut Server, line: &[u8], now: Instant) -> usize {
    let mut messages = 0;
    // As a driver does before a read.
    server.input().space();
    let taken = server.input().extend(line);
    assert_eq!(taken, line.len(), "a line fits");
    loop {
        match &server.step(now) {
            Ok(Step::Event(Event::Body(piece))) => {
                black_box(&piece[..]);
            }
            Ok(Step::Event(Event::Reset)) => {}
            Ok(Step::Event(event)) => {
                messages += usize::from(matches!(black_box(event), Event::EndOfData));
                server.accept().expect("an event waits");
            }
            Ok(_) => break,
            Err(error) => panic!("a legal conversation: {error}"),
        }
    }
    let output = server.output();
    black_box(output.chunk());
    output.advance(output.remaining());
    messages
}

/// The commands of [`MIX`] each time, into owned values. Returns how many were parsed.
pub(crate) fn parse_commands() -> Option<Work> {
    let strictness = Strictness::strict();
    Some(Box::new(move |times| {
        let mut parsed = 0;
        for _ in 0..times {
            let mut lines = LineReader::new(2048, 2048);
            let mut rest = black_box(MIX);
            while let found @ Found::Line { length, .. } = lines.next(rest) {
                let command = Command::parse(&rest[..length], &strictness);
                black_box(command.expect("a legal command"));
                rest = &rest[found.consume()..];
                parsed += 1;
            }
        }
        parsed
    }))
}

/// The replies of `stream` each time, into owned values. Returns how many were read.
pub(crate) fn read_replies(stream: &'static [u8]) -> Option<Work> {
    Some(Box::new(move |times| {
        let mut read = 0;
        let mut input = Input::new(64 * 1024);
        for _ in 0..times {
            input.space();
            assert_eq!(input.extend(black_box(stream)), stream.len(), "it fits");
            let mut replies = ReplyReader::new(12 * 1024, 200);
            while let Some(reply) = replies.next(&mut input).expect("legal replies") {
                black_box(reply);
                read += 1;
            }
        }
        read
    }))
}

/// The wire bytes of `body`, from line start to its end, in its chunks, the copy into the
/// input included. Returns the bytes of content.
pub(crate) fn receive_body(body: &Rc<Body>, strays: Strays) -> Option<Work> {
    let body = Rc::clone(body);
    Some(Box::new(move |times| {
        let mut content = 0;
        for _ in 0..times {
            let mut input = Input::new(2 * body.chunk.max(1024));
            input.expect_bulk(true);
            let mut unstuffer = Unstuffer::new(strays);
            let mut ended = false;
            for chunk in body.wire.chunks(body.chunk) {
                input.space();
                let taken = input.extend(black_box(chunk));
                assert_eq!(taken, chunk.len(), "a chunk fits");
                ended = loop {
                    match unstuffer.next(&mut input) {
                        Unstuffed::Data(piece) => content += black_box(piece).len(),
                        Unstuffed::NeedInput => break false,
                        Unstuffed::End => break true,
                    }
                };
            }
            assert!(ended, "the body has its end");
        }
        content
    }))
}

/// A server that accepts every message on `listener` and throws it away, for ever. The
/// listener is a blocking one; it keeps what it received no longer than its peers do.
pub(crate) fn smtp_sink(listener: TcpListener, mut runtime: Builder) -> Result<()> {
    let runtime = runtime.enable_all().build()?;
    // A task, as every server's accept loop should be: beside worker threads, what `block_on` is
    // given itself runs on a thread of its own, which has to be woken for each connection.
    let serving = runtime.spawn(async {
        let listener = Listener::from_std(listener, config())?;
        let mut limits = Limits::default();
        limits.connections_per_address = limits.connections;
        listener.limits(limits).serve(|_peer| Discard).await;
        Ok(())
    });
    runtime.block_on(serving)?
}

/// The same on a thread for each connection, as mailin-embedded does it.
pub(crate) fn smtp_sink_on_threads(listener: &TcpListener) -> Result<()> {
    let config = Arc::new(config());
    for stream in listener.incoming() {
        let (stream, server) = (stream?, Server::new(Arc::clone(&config)));
        stream.set_nodelay(true)?;
        std::thread::spawn(move || discard(&mut Driver::new(server, stream)));
    }
    Ok(())
}

fn discard(driver: &mut Driver<Server, TcpStream>) -> Result<()> {
    loop {
        match driver.next()? {
            Next::Event(event) => drop(black_box(event)),
            Next::Paused => driver.machine().accept()?,
            Next::Closed | Next::StartTls => return Ok(()),
        }
    }
}

/// Accepts everything and throws it away.
struct Discard;

#[async_trait]
impl Service for Discard {
    async fn rcpt(&mut self, _: &Session, _: &Rcpt) -> Result<(), Reply> {
        Ok(())
    }

    async fn message(
        &mut self,
        _: &Session,
        _: &Envelope,
        body: &mut Incoming<'_>,
    ) -> Result<Statuses, Reply> {
        while let Some(piece) = body.next().await? {
            black_box(piece);
        }
        Ok(Statuses::accepted())
    }
}

fn config() -> Config {
    Config::new("mx.example.org".parse().expect("a domain"))
}

/// POP3 out of Maildirs in a folder, for everybody with the password `secret`.
pub(crate) fn pop3_server(listener: TcpListener, root: &str) -> Result<()> {
    use mail_server::auth::Authentication;
    use mail_server::pop3;
    use mail_server::store::FileStore;

    let mut config = pop3::Config::new();
    config.auth_without_tls = true;
    let whose = |user: &str| format!("{user}@example.org").parse().ok();
    let service = pop3::FromStore::new(FileStore::maildir(root), whose);
    let runtime = Builder::new_multi_thread().enable_all().build()?;
    runtime.block_on(async {
        let listener = pop3::Listener::from_std(listener, config)?
            .authentication(Authentication::new(Everybody));
        tokio::spawn(listener.serve(move |_peer| service.clone())).await?;
        Ok(())
    })
}

/// IMAP out of the same.
pub(crate) fn imap_server(listener: TcpListener, root: &str) -> Result<()> {
    use mail_server::auth::Authentication;
    use mail_server::imap;
    use mail_server::store::FileStore;

    let mut config = imap::config();
    config.auth_without_tls = true;
    let whose = |user: &str| format!("{user}@example.org").parse().ok();
    let service = imap::FromStore::new(FileStore::maildir(root), whose);
    let runtime = Builder::new_multi_thread().enable_all().build()?;
    runtime.block_on(async {
        let listener = imap::Listener::from_std(listener, config)?
            .authentication(Authentication::new(Everybody));
        tokio::spawn(listener.serve(move |_peer| service.clone())).await?;
        Ok(())
    })
}

/// Knows the password of all. No mechanism of the newer ones is offered: one of the clients gives
/// up at a list of mechanisms with a name that it does not know.
struct Everybody;

#[async_trait]
impl Authenticator for Everybody {
    fn mechanisms(&self) -> Vec<Mechanism> {
        vec![Mechanism::Plain, Mechanism::Login]
    }

    async fn answer(&self, _: &Origin, need: Need) -> sasl::server::Step {
        match need {
            Need::VerifyPassword(need) => {
                let verdict = match need.password() {
                    "secret" => Verdict::Accept,
                    _ => Verdict::Reject,
                };
                need.answer(verdict)
            }
            _ => sasl::server::Step::Done(Err(Failure::Unavailable)),
        }
    }
}
