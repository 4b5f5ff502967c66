//! A mail, a client library that sends it, and a client that is typed by hand.

#![allow(dead_code, reason = "each test file uses a part of it")]

pub(crate) mod imap;

use std::io::{BufRead, BufReader, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use lettre::message::Mailbox;
use lettre::transport::smtp::authentication::Credentials;
use lettre::transport::smtp::client::{Certificate, Tls, TlsParameters};
use lettre::{Message, SmtpTransport};
use mail_sandbox::blocking::Sandbox;
use mail_sandbox::{Builder, Endpoint};

pub(crate) const SOON: Duration = Duration::from_secs(10);

pub(crate) fn mail(to: &str) -> Message {
    Message::builder()
        .from("shop@example.net".parse::<Mailbox>().expect("an address"))
        .to(to.parse::<Mailbox>().expect("an address"))
        .subject("Welcome")
        .body("Hello\r\n.\r\n..dots\r\n".to_owned())
        .expect("a message")
}

pub(crate) fn transport(sandbox: &Sandbox, endpoint: Endpoint, tls: Tls) -> SmtpTransport {
    SmtpTransport::builder_dangerous("127.0.0.1")
        .port(sandbox.address(endpoint).port())
        .tls(tls)
        .credentials(Credentials::new("alice".into(), "rabbit".into()))
        .timeout(Some(SOON))
        .build()
}

pub(crate) fn trusting(sandbox: &Sandbox) -> TlsParameters {
    let authority = Certificate::from_pem(sandbox.ca_pem().as_bytes()).expect("PEM");
    TlsParameters::builder("127.0.0.1".into())
        .add_root_certificate(authority)
        .build_rustls()
        .expect("a configuration of TLS")
}

/// Says a line on a connection of its own, and reads one answer.
pub(crate) struct Typist(BufReader<TcpStream>);

impl Typist {
    pub(crate) fn connect(sandbox: &Sandbox, endpoint: Endpoint) -> Self {
        Self::connect_to(sandbox.address(endpoint))
    }

    pub(crate) fn connect_to(address: SocketAddr) -> Self {
        let stream = TcpStream::connect(address).expect("a connection");
        stream.set_read_timeout(Some(SOON)).expect("a time-out");
        Self(BufReader::new(stream))
    }

    pub(crate) fn say(&mut self, line: &str) {
        let line = format!("{line}\r\n");
        self.0.get_mut().write_all(line.as_bytes()).expect("sent");
    }

    pub(crate) fn hear(&mut self) -> String {
        let mut line = String::new();
        self.0.read_line(&mut line).expect("an answer");
        assert!(line.ends_with('\n'), "an answer, and not {line:?}");
        line.trim_end().to_owned()
    }

    /// What is said; nothing if the connection has ended.
    pub(crate) fn hear_or_end(&mut self) -> String {
        let mut line = Vec::new();
        let _ = self.0.read_until(b'\n', &mut line);
        String::from_utf8_lossy(&line).trim_end().to_owned()
    }

    pub(crate) fn ask_or_end(&mut self, line: &str) -> String {
        let _ = self.0.get_mut().write_all(format!("{line}\r\n").as_bytes());
        self.hear_or_end()
    }

    pub(crate) fn ask(&mut self, line: &str) -> String {
        self.say(line);
        self.hear()
    }
}

pub(crate) fn start(builder: Builder) -> Sandbox {
    Sandbox::start_with(builder).expect("a sandbox")
}
