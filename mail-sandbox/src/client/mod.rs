//! A client that misbehaves, for tests of servers.

mod visit;

mod answer;

use std::net::SocketAddr;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;

use self::visit::Visit;
use crate::clock::Clock;
use crate::conversation::Conversation;
use crate::endpoint::Endpoint;
use crate::fault::{Fault, FaultError};
use crate::limits::PATIENCE;
use crate::runtime;

/// A client that does what it is told and what its [faults](crate::fault) want, whatever the server
/// thinks of it: the reverse of a [`Sandbox`](crate::Sandbox).
///
/// It greets and says farewell by itself; between these it does what was asked for, in order. It
/// goes on when it is refused, but sends neither a message nor a secret that nobody waits for, and it
/// believes every certificate. What comes of it is the conversation.
///
/// ```
/// use mail_sandbox::fault::Fault;
/// use mail_sandbox::{Endpoint, MisbehavingClient, Sandbox, Speaker};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let server = Sandbox::start().await?; // yours
/// let client = MisbehavingClient::new(Endpoint::Smtp, server.address(Endpoint::Smtp))
///     .deliver("a@example.net", ["b@example.org"], "Subject: x\r\n\r\nA body\r\n")
///     .fault(Fault::body().after(5).hang_up());
/// let conversation = client.run().await?;
/// assert!(conversation.said(Speaker::Client).ends_with("DATA\r\nSubje"));
/// assert!(server.messages().is_empty());
/// # Ok(())
/// # }
/// ```
///
/// [`blocking::run`](crate::blocking::run) is for tests without a runtime.
#[derive(Debug, Clone)]
pub struct MisbehavingClient {
    endpoint: Endpoint,
    server: SocketAddr,
    name: String,
    units: Vec<Unit>,
    faults: Vec<Fault>,
    clock: Clock,
    patience: Duration,
}

/// Something to say, or to do, in one go.
#[derive(Debug, Clone)]
enum Unit {
    /// A command, without its line end.
    Line(String),
    /// The answer to a challenge.
    Response(String),
    /// A message behind DATA, as it is: dots are still to be stuffed.
    Message(Bytes),
    /// The literal of an APPEND, if the server asks for it.
    Literal(Bytes),
    /// A command BDAT and its octets.
    Chunk { octets: Bytes, is_last: bool },
    /// TLS begins.
    Handshake,
}

impl MisbehavingClient {
    /// A client of a server that speaks as this endpoint does. TLS begins with the connection if it
    /// does there.
    pub fn new(endpoint: Endpoint, server: SocketAddr) -> Self {
        Self {
            endpoint,
            server,
            name: "client.test".into(),
            units: Vec::new(),
            faults: Vec::new(),
            clock: Clock::system(),
            patience: PATIENCE,
        }
    }

    /// Something goes wrong.
    #[must_use]
    pub fn fault(mut self, fault: Fault) -> Self {
        self.faults.push(fault);
        self
    }

    /// Several things do, as those of a [file](crate::fault::Faults::for_client).
    #[must_use]
    pub fn faults(mut self, faults: impl IntoIterator<Item = Fault>) -> Self {
        self.faults.extend(faults);
        self
    }

    /// The delays of its faults go by this clock.
    #[must_use]
    pub fn clock(mut self, clock: Clock) -> Self {
        self.clock = clock;
        self
    }

    /// How long it waits for an answer, or until the server takes what it says; then it goes away.
    /// Default 10 seconds, by the clock on the wall.
    #[must_use]
    pub fn patience(mut self, patience: Duration) -> Self {
        self.patience = patience;
        self
    }

    /// The name that it introduces itself with. Default `client.test`.
    #[must_use]
    pub fn name(mut self, name: impl Into<String>) -> Self {
        self.name = name.into();
        self
    }

    /// Says STARTTLS or STLS, begins TLS if it may, and introduces itself anew.
    #[must_use]
    pub fn starttls(self) -> Self {
        let verb = match self.endpoint {
            Endpoint::Pop3 | Endpoint::Pop3s => "STLS",
            _ => "STARTTLS",
        };
        let hello = self.hello();
        let mut client = self.command(verb);
        client.units.push(Unit::Handshake);
        client.units.extend(hello.map(Unit::Line));
        client
    }

    /// Logs in: by USER and PASS in POP3, by LOGIN in IMAP, and else by AUTH PLAIN, with the response when
    /// it is asked for.
    #[must_use]
    pub fn login(self, user: &str, password: &str) -> Self {
        match self.endpoint {
            Endpoint::Pop3 | Endpoint::Pop3s => {
                let client = self.command(format!("USER {user}"));
                client.command(format!("PASS {password}"))
            }
            Endpoint::Imap | Endpoint::Imaps => {
                self.command(format!("LOGIN {} {}", quoted(user), quoted(password)))
            }
            _ => self.authenticate(user, password),
        }
    }

    /// Logs in by the mechanism PLAIN, with the response when it is asked for.
    #[must_use]
    pub fn authenticate(self, user: &str, password: &str) -> Self {
        let mut client = match self.endpoint {
            Endpoint::Imap | Endpoint::Imaps => self.command("AUTHENTICATE PLAIN"),
            _ => self.command("AUTH PLAIN"),
        };
        let response = STANDARD.encode(format!("\0{user}\0{password}"));
        client.units.push(Unit::Response(response));
        client
    }

    /// Adds a message to a folder by IMAP's APPEND: octet by octet as it is given, when the server asks for it.
    #[must_use]
    pub fn append(self, folder: &str, message: impl Into<Bytes>) -> Self {
        let message = message.into();
        let mut client = self.command(format!("APPEND {} {{{}}}", quoted(folder), message.len()));
        client.units.push(Unit::Literal(message));
        client
    }

    /// Sends a message by MAIL, RCPT and DATA: octet by octet as it is given, but that dots are
    /// stuffed and the last line is ended.
    #[must_use]
    pub fn deliver<'a>(
        self,
        sender: &str,
        recipients: impl IntoIterator<Item = &'a str>,
        message: impl Into<Bytes>,
    ) -> Self {
        let mut client = self.envelope(sender, recipients).command("DATA");
        client.units.push(Unit::Message(message.into()));
        client
    }

    /// Sends a message by BDAT (RFC 3030), in chunks of so many octets.
    #[must_use]
    pub fn deliver_in_chunks<'a>(
        self,
        sender: &str,
        recipients: impl IntoIterator<Item = &'a str>,
        message: impl Into<Bytes>,
        octets: usize,
    ) -> Self {
        let mut client = self.envelope(sender, recipients);
        let mut rest = message.into();
        loop {
            let octets = rest.split_to(octets.max(1).min(rest.len()));
            let is_last = rest.is_empty();
            client.units.push(Unit::Chunk { octets, is_last });
            if is_last {
                return client;
            }
        }
    }

    /// Says any command, and waits for the answer. In IMAP it gets a tag, unless it is DONE.
    #[must_use]
    pub fn command(mut self, line: impl Into<String>) -> Self {
        self.units.push(Unit::Line(line.into()));
        self
    }

    /// Does it.
    ///
    /// # Errors
    ///
    /// If there is no connection, or if a fault means nothing for a client. Whatever happens on the
    /// connection is no error but in the conversation.
    pub async fn run(self) -> Result<Conversation, VisitError> {
        runtime::run(self.visit()).await
    }

    /// The same on our own runtime.
    pub(crate) async fn visit(mut self) -> Result<Conversation, VisitError> {
        let mut units: Vec<_> = self.hello().map(Unit::Line).into_iter().collect();
        units.append(&mut self.units);
        let farewell = match self.endpoint {
            Endpoint::Imap | Endpoint::Imaps => "LOGOUT",
            _ => "QUIT",
        };
        units.push(Unit::Line(farewell.into()));
        let visit = Visit::begin(&self).await?;
        Ok(visit.run(units).await)
    }

    fn envelope<'a>(self, sender: &str, recipients: impl IntoIterator<Item = &'a str>) -> Self {
        let client = self.command(format!("MAIL FROM:<{sender}>"));
        let recipients = recipients.into_iter();
        recipients.fold(client, |client, recipient| {
            client.command(format!("RCPT TO:<{recipient}>"))
        })
    }

    fn hello(&self) -> Option<String> {
        match self.endpoint {
            Endpoint::Pop3 | Endpoint::Pop3s | Endpoint::Imap | Endpoint::Imaps => None,
            Endpoint::Lmtp => Some(format!("LHLO {}", self.name)),
            Endpoint::Smtp | Endpoint::Submission | Endpoint::Smtps => {
                Some(format!("EHLO {}", self.name))
            }
        }
    }
}

/// A text as IMAP has it (RFC 9051 section 4.3).
fn quoted(text: &str) -> String {
    let text = text.replace('\\', "\\\\").replace('"', "\\\"");
    format!("\"{text}\"")
}

/// A client could not do anything.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum VisitError {
    /// There is no connection.
    #[error("cannot connect to {server}: {error}")]
    Connect {
        /// To whom.
        server: SocketAddr,
        /// Why.
        error: std::io::Error,
    },
    /// A fault means nothing for a client.
    #[error("fault: {0}")]
    Fault(#[from] FaultError),
}
