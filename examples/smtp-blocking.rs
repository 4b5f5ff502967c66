//! The machine without a runtime: a thread of the standard library for each connection. Prints
//! what arrives, as `smtp-listener` does.
//!
//! `cargo run --example smtp-blocking`, and in another terminal
//! `curl smtp://127.0.0.1:2525 --mail-from me@example.net --mail-rcpt you@example.org -T FILE`.

use std::error::Error;
use std::net::{TcpListener, TcpStream};
use std::sync::Arc;

use mailwire::drive::{Next, blocking::Driver};
use smtp_proto::server::{Config, Event, Server};

fn main() -> Result<(), Box<dyn Error>> {
    let config = Arc::new(Config::new("localhost".parse()?));
    let listener = TcpListener::bind("127.0.0.1:2525")?;
    println!("listening on {}", listener.local_addr()?);
    for stream in listener.incoming() {
        let (stream, server) = (stream?, Server::new(Arc::clone(&config)));
        std::thread::spawn(move || serve(server, stream).inspect_err(|e| eprintln!("{e}")).ok());
    }
    Ok(())
}

fn serve(server: Server, stream: TcpStream) -> Result<(), Box<dyn Error>> {
    let mut driver = Driver::new(server, stream);
    loop {
        match driver.next()? {
            Next::Event(Event::Body(piece)) => print!("{}", String::from_utf8_lossy(&piece)),
            Next::Event(event) => println!("{event:?}"),
            // An event wants an answer, and we say yes to everything.
            Next::Paused => driver.machine().accept()?,
            Next::Closed | Next::StartTls => return Ok(()),
        }
    }
}
