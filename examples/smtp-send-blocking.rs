//! The client's machine without a runtime: sends a message from standard input on one blocking
//! connection, in clear text.
//!
//! `cargo run --example smtp-send-blocking -- 127.0.0.1:2525 me@example.net you@example.org <MESSAGE`

use std::error::Error;
use std::io::Read;
use std::net::TcpStream;

use bytes::Bytes;
use mailwire::Machine;
use mailwire::drive::{Next, blocking::Driver};
use smtp_proto::ReversePath;
use smtp_proto::client::{Client, Config, Delivery, Event};

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<_> = std::env::args().skip(1).collect();
    let [server, from, recipients @ ..] = &arguments[..] else {
        return Err("usage: smtp-send-blocking HOST:PORT FROM TO...".into());
    };
    let mut text = Vec::new();
    std::io::stdin().read_to_end(&mut text)?;
    let mut text = Bytes::from(text);
    let mut delivery = Delivery::new(ReversePath::Mailbox(from.parse()?));
    for recipient in recipients {
        delivery.to(recipient.parse()?);
    }
    let client = Client::new(Config::new("localhost".parse()?));
    let mut driver = Driver::new(client, TcpStream::connect(server)?);
    loop {
        match driver.next()? {
            Next::Event(Event::Ready(_)) => driver.machine().deliver(delivery.clone())?,
            Next::Event(Event::Delivered(outcome)) => {
                outcome.fates().iter().for_each(|fate| println!("{fate}"));
                driver.machine().shutdown();
            }
            Next::Paused if text.is_empty() => driver.machine().finish_body()?,
            Next::Paused => driver.machine().write_body(&mut text)?,
            Next::Closed => return Ok(()),
            Next::Event(_) | Next::StartTls => {}
        }
    }
}
