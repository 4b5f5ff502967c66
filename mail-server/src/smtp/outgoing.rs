//! Sending: a client's connection to a server of SMTP or LMTP.

use std::io;

use bytes::BytesMut;
use mailwire::auth::MechanismName;
use mailwire::drive::tokio::Driver;
use mailwire::drive::{DriveError, Next};
use mailwire::{ApiMisuse, Machine, Secret};
use smtp_proto::client::{Capabilities, Client, Config, Delivery, Error, Event, Outcome, Refused};
use smtp_proto::{Extension, Reply};
use tokio::io::{AsyncRead, AsyncReadExt};

use crate::client_tls::{self, ClientTls, Security, Transport};

/// A connection to a server, which has greeted and said what it offers. It sends one message after
/// the other.
///
/// ```no_run
/// use mail_server::smtp::Outgoing;
/// use mail_server::{ClientTls, Security};
/// use smtp_proto::ReversePath;
/// use smtp_proto::client::{Config, Delivery};
///
/// # async fn run() -> Result<(), Box<dyn std::error::Error>> {
/// let config = Config::new("client.example.org".parse()?);
/// let security = Security::Opportunistic(ClientTls::unverified()?);
/// let mut server = Outgoing::connect("mx.example.net", 25, config, security).await?;
/// let mut delivery = Delivery::new(ReversePath::Null);
/// delivery.to("bob@example.net".parse()?);
/// let outcome = server.send(delivery, &b"Subject: hello\r\n\r\nhi\r\n"[..]).await?;
/// println!("{:?}", outcome.fates());
/// server.quit().await?;
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
pub struct Outgoing {
    driver: Driver<Client, Transport>,
}

impl Outgoing {
    /// Connects to a host by name or address, protected as `security` has it.
    ///
    /// # Errors
    ///
    /// If that fails, or the server does not serve us.
    pub async fn connect(
        host: &str,
        port: u16,
        config: Config,
        security: Security,
    ) -> Result<Self, SendError> {
        let patience = config.limits.command_time;
        let (transport, tls) = client_tls::connect(host, port, &security, patience).await?;
        let mut client = Client::new(config);
        if let Some(tls) = tls {
            client.tls_started(tls);
        }
        let driver = Driver::new(client, transport);
        let mut connection = Self { driver };
        connection.ready().await?;
        let tls = match &security {
            Security::Opportunistic(tls) if connection.capabilities().has(Extension::StartTls) => {
                tls
            }
            Security::Required(tls) => tls,
            _ => return Ok(connection),
        };
        connection.start_tls(tls, host).await
    }

    /// What the server offers.
    pub fn capabilities(&mut self) -> &Capabilities {
        self.driver.machine().capabilities()
    }

    /// Sends a message, whose text is read to its end. What became of it is told for each
    /// recipient, even if the connection is lost on the way.
    ///
    /// # Errors
    ///
    /// If nothing was sent, because the server does not offer what this needs or because the
    /// connection is over; or if the text cannot be read, in which case the connection is too.
    pub async fn send(
        &mut self,
        delivery: Delivery,
        mut text: impl AsyncRead + Unpin,
    ) -> Result<Outcome, SendError> {
        self.driver.machine().deliver(delivery)?;
        let mut buffer = BytesMut::new();
        let mut at_end = false;
        loop {
            match self.driver.next().await? {
                Next::Event(Event::Delivered(outcome)) => return Ok(outcome),
                Next::Event(_) => {}
                Next::Paused if !buffer.is_empty() => {
                    let mut piece = buffer.split().freeze();
                    self.driver.machine().write_body(&mut piece)?;
                    buffer = piece.into();
                }
                Next::Paused if at_end => self.driver.machine().finish_body()?,
                Next::Paused => {
                    buffer.reserve(READ);
                    match text.read_buf(&mut buffer).await {
                        Ok(count) => at_end = count == 0,
                        Err(error) => {
                            self.driver.machine().abandon_body()?;
                            return Err(SendError::Text(error));
                        }
                    }
                }
                Next::StartTls | Next::Closed => return Err(confused()),
            }
        }
    }

    /// Authenticates with a SASL mechanism: `respond` is given each challenge, and nothing more is
    /// said if it returns none. The reply is 235, or the server's refusal.
    ///
    /// # Errors
    ///
    /// If the mechanism is not offered, or would be used in clear text; or if the connection is
    /// lost.
    pub async fn authenticate(
        &mut self,
        mechanism: &MechanismName,
        initial: Option<Secret>,
        mut respond: impl FnMut(Secret) -> Option<Secret>,
    ) -> Result<Reply, SendError> {
        self.driver.machine().auth(mechanism, initial.as_ref())?;
        loop {
            match self.driver.next().await? {
                Next::Event(Event::Authenticated(reply)) => return Ok(reply),
                Next::Event(Event::Challenge(challenge)) => match respond(challenge) {
                    Some(response) => self.driver.machine().respond(&response)?,
                    None => self.driver.machine().cancel()?,
                },
                Next::Event(_) => {}
                _ => return Err(confused()),
            }
        }
    }

    /// Says QUIT, and closes the connection.
    ///
    /// # Errors
    ///
    /// If the connection is lost before.
    pub async fn quit(mut self) -> Result<(), SendError> {
        self.driver.machine().shutdown();
        while !matches!(self.driver.next().await?, Next::Closed) {}
        Ok(())
    }

    async fn ready(&mut self) -> Result<(), SendError> {
        match self.driver.next().await? {
            Next::Event(Event::Ready(_)) => Ok(()),
            _ => Err(confused()),
        }
    }

    async fn start_tls(mut self, tls: &ClientTls, host: &str) -> Result<Self, SendError> {
        self.driver.machine().start_tls()?;
        match self.driver.next().await? {
            Next::StartTls => {}
            Next::Event(Event::Replied(reply)) => return Err(SendError::NoTls(reply)),
            _ => return Err(confused()),
        }
        let patience = self.driver.machine().config().limits.command_time;
        let driver = client_tls::start_tls(self.driver, tls, host, patience).await?;
        let mut connection = Self { driver };
        connection.ready().await?;
        Ok(connection)
    }
}

/// The machine has done what it cannot.
fn confused() -> SendError {
    io::Error::other(ApiMisuse {
        call: "next",
        state: "an event that was not waited for",
    })
    .into()
}

/// Why a message was not sent.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SendError {
    /// The server does not offer what this needs, or takes.
    #[error(transparent)]
    Refused(#[from] Refused),
    /// TLS is required, and the server has other plans.
    #[error("no TLS: {0}")]
    NoTls(Reply),
    /// The session is over.
    #[error(transparent)]
    Session(Error),
    /// The connection failed.
    #[error("transport: {0}")]
    Transport(#[from] io::Error),
    /// The text of the message cannot be read.
    #[error("the message cannot be read: {0}")]
    Text(io::Error),
}

impl From<DriveError<Error>> for SendError {
    fn from(error: DriveError<Error>) -> Self {
        match error {
            DriveError::Protocol(error) => Self::Session(error),
            DriveError::Transport(error) => Self::Transport(error),
        }
    }
}

/// How much of a message's text is read at a time.
const READ: usize = 16 * 1024;
