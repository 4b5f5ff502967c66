//! A client: mail out of other people's servers.

use std::collections::VecDeque;
use std::io;
use std::time::Duration;

use bytes::Bytes;
use mailwire::drive::tokio::Driver;
use mailwire::drive::{DriveError, Next};
use mailwire::{Machine, Secret};
use pop3_proto::capability::Capability;
use pop3_proto::client::{self as proto, CommandId, Event, Failure, Refused};
use pop3_proto::command::Password;
use pop3_proto::{Error, Refusal, SyntaxError, UniqueId};
use sasl::client::{Credentials, CredentialsError};

use crate::auth::name;
use crate::client_auth;
use crate::client_tls::{self, ClientTls, Security, Transport};

/// A session with a POP3 server.
///
/// ```no_run
/// use mail_server::Security;
/// use mail_server::pop3::Client;
///
/// # async fn run() -> Result<(), mail_server::pop3::ClientError> {
/// let mut client = Client::connect("localhost", 2110, Security::None).await?;
/// client.login("alice", "rabbit hole").await?;
/// let numbers: Vec<u32> = client.unique_ids().await?.iter().map(|(number, _)| *number).collect();
/// let mut messages = client.retrieve(numbers);
/// while let Some(mut message) = messages.next().await? {
///     println!("message {}", message.number());
///     while let Some(piece) = message.next().await? {
///         print!("{}", String::from_utf8_lossy(&piece));
///     }
/// }
/// client.quit().await?;
/// # Ok(())
/// # }
/// ```
///
/// An error of the protocol or of the network ends the session. A command that the server refuses
/// does not.
#[derive(Debug)]
pub struct Client {
    driver: Driver<proto::Client, Transport>,
    host: String,
    /// How long a handshake may take.
    patience: Duration,
    /// Passwords may cross the network in clear text: the application has chosen no protection.
    clear_passwords: bool,
}

impl Client {
    /// Connects, reads the greeting, begins TLS if there is to be, and asks what the server can do.
    ///
    /// The host's name is the one that its certificate must have.
    ///
    /// # Errors
    ///
    /// If the server cannot be reached, will not serve, or does not get through the TLS that is
    /// wanted.
    pub async fn connect(host: &str, port: u16, security: Security) -> Result<Self, ClientError> {
        Self::connect_with(host, port, security, proto::Config::new()).await
    }

    /// The same with a configuration for the protocol.
    ///
    /// # Errors
    ///
    /// As for [`connect`](Self::connect).
    pub async fn connect_with(
        host: &str,
        port: u16,
        security: Security,
        config: proto::Config,
    ) -> Result<Self, ClientError> {
        let patience = config.limits.reply_time;
        let (transport, tls) = client_tls::connect(host, port, &security, patience).await?;
        let mut machine = proto::Client::new(config);
        if let Some(tls) = tls {
            machine.tls_started(tls);
        }
        let mut client = Self {
            driver: Driver::new(machine, transport),
            host: host.to_owned(),
            patience,
            clear_passwords: matches!(security, Security::None),
        };
        match client.event().await? {
            Event::Greeting(_) => {}
            Event::Farewell(refusal) => return Err(ClientError::Refused(refusal)),
            _ => return Err(ClientError::Protocol(Error::Unexpected)),
        }
        match &security {
            Security::None | Security::Implicit(_) => {}
            Security::Required(tls) => client = client.start_tls(tls).await?,
            Security::Opportunistic(tls) => {
                client.learn().await?;
                if client.capabilities().contains(&Capability::Stls) {
                    client = client.start_tls(tls).await?;
                }
            }
        }
        client.learn().await?;
        Ok(client)
    }

    /// What the server can do, here and now.
    pub fn capabilities(&mut self) -> Vec<Capability> {
        let known = self.driver.machine().capabilities();
        known.map_or_else(Vec::new, |known| known.iter().cloned().collect())
    }

    /// Logs in with a name and a password: by the best mechanism that the server offers, or with
    /// USER and PASS if it offers none.
    ///
    /// In clear text a password is only sent where [`Security::None`] was chosen.
    ///
    /// # Errors
    ///
    /// [`ClientError::Refused`] if the server says no; it is not tried another way then.
    pub async fn login(&mut self, name: &str, password: &str) -> Result<(), ClientError> {
        let credentials = Credentials::password(name, password)?;
        match self.authenticate(&credentials).await {
            // What is not under TLS has no place for a password.
            Err(ClientError::Sasl(sasl::client::ClientError::NoMechanism))
                if self.clear_passwords || self.driver.machine().tls().is_some() => {}
            authenticated => return authenticated,
        }
        let password = Password::new(password)?;
        let id = self.driver.machine().login(name.parse()?, password)?;
        self.done(id).await?;
        self.learn().await
    }

    /// Logs in with a SASL mechanism: the best that the server offers for these credentials.
    ///
    /// # Errors
    ///
    /// [`ClientError::Refused`] if the server says no; [`ClientError::Sasl`] if there is no
    /// mechanism, or the server did not prove what it has to.
    pub async fn authenticate(&mut self, credentials: &Credentials) -> Result<(), ClientError> {
        let machine = self.driver.machine();
        let known = machine
            .capabilities()
            .map(|known| known.mechanisms().to_vec());
        let offered = known.unwrap_or_default();
        let names = offered.iter().map(|name| name.as_str());
        let clear_passwords = self.clear_passwords;
        let tls = machine.tls();
        let mut exchange = client_auth::begin(names, credentials, tls, clear_passwords)??;
        let mechanism = name(&exchange.mechanism());
        // The machine withholds it where it would make the line too long.
        let initial = exchange.initial_response(usize::MAX);
        let initial = initial.map(|initial| Secret::from(initial.as_bytes().to_vec()));
        let id = self.driver.machine().auth(mechanism, initial)?;
        let mut failed = None;
        loop {
            match self.event().await? {
                Event::Challenge(challenge) => match exchange.respond(challenge.expose()) {
                    Ok(response) => self.driver.machine().respond(response.as_bytes())?,
                    Err(error) => {
                        failed = Some(error);
                        self.driver.machine().cancel()?;
                    }
                },
                Event::Ok(done, _) if done == id => break,
                event => self.expected(id, event).map_err(|error| match failed {
                    Some(failed) => ClientError::Sasl(failed),
                    None => error,
                })?,
            }
        }
        exchange.finish(None)?;
        self.learn().await
    }

    /// How many messages there are, and of how many octets together.
    ///
    /// # Errors
    ///
    /// If the server refuses.
    pub async fn stat(&mut self) -> Result<(u32, u64), ClientError> {
        let id = self.driver.machine().stat()?;
        let mut found = (0, 0);
        loop {
            match self.event().await? {
                Event::Stat { count, octets } => found = (count, octets),
                Event::Ok(done, _) if done == id => return Ok(found),
                event => self.expected(id, event)?,
            }
        }
    }

    /// The sizes of all messages, by their numbers. What the server lists and cannot be read is left
    /// out.
    ///
    /// # Errors
    ///
    /// If the server refuses.
    pub async fn sizes(&mut self) -> Result<Vec<(u32, u64)>, ClientError> {
        let id = self.driver.machine().list(None)?;
        let mut found = Vec::new();
        loop {
            match self.event().await? {
                Event::Size { number, octets } => found.push((number, octets)),
                Event::End(done) if done == id => return Ok(found),
                event => self.expected(id, event)?,
            }
        }
    }

    /// The names of all messages that outlive the session, by their numbers.
    ///
    /// # Errors
    ///
    /// If the server refuses: some know no UIDL.
    pub async fn unique_ids(&mut self) -> Result<Vec<(u32, UniqueId)>, ClientError> {
        let id = self.driver.machine().uidl(None)?;
        let mut found = Vec::new();
        loop {
            match self.event().await? {
                Event::UniqueId { number, unique_id } => found.push((number, unique_id)),
                Event::End(done) if done == id => return Ok(found),
                event => self.expected(id, event)?,
            }
        }
    }

    /// Fetches messages, one after the other, and asks for several ahead where the server can take
    /// that.
    pub fn retrieve(&mut self, numbers: impl IntoIterator<Item = u32>) -> Messages<'_> {
        Messages {
            client: self,
            numbers: numbers.into_iter().collect(),
            asked: VecDeque::new(),
            within: None,
        }
    }

    /// Marks messages to be deleted by [`quit`](Self::quit).
    ///
    /// # Errors
    ///
    /// If the server refuses one of them; those before it are marked.
    pub async fn delete(
        &mut self,
        numbers: impl IntoIterator<Item = u32>,
    ) -> Result<(), ClientError> {
        let mut numbers = numbers.into_iter().peekable();
        let mut asked = VecDeque::new();
        let mut refused = None;
        loop {
            while asked.len() < WINDOW && refused.is_none() {
                let Some(number) = numbers.next() else { break };
                asked.push_back(self.driver.machine().dele(number)?);
            }
            let Some(id) = asked.pop_front() else {
                return refused.map_or(Ok(()), Err);
            };
            match self.done(id).await {
                Err(error @ ClientError::Refused(_)) => {
                    refused.get_or_insert(error);
                }
                done => done?,
            }
        }
    }

    /// Ends the session. `Ok` means that what was marked is deleted.
    ///
    /// # Errors
    ///
    /// If the server could not delete all, or nobody knows whether it has.
    pub async fn quit(mut self) -> Result<(), ClientError> {
        let id = self.driver.machine().quit()?;
        self.done(id).await?;
        // Its end of the connection is no news any more.
        let _ = self.driver.next().await;
        Ok(())
    }

    async fn start_tls(mut self, tls: &ClientTls) -> Result<Self, ClientError> {
        let id = self.driver.machine().stls()?;
        self.done(id).await?;
        match self.driver.next().await? {
            Next::StartTls => {}
            _ => return Err(ClientError::Protocol(Error::Unexpected)),
        }
        self.driver = client_tls::start_tls(self.driver, tls, &self.host, self.patience).await?;
        Ok(self)
    }

    /// Asks what the server can do; one that does not know the question can do nothing more.
    async fn learn(&mut self) -> Result<(), ClientError> {
        let id = self.driver.machine().capa()?;
        loop {
            match self.event().await? {
                Event::End(done) if done == id => return Ok(()),
                Event::Failed(done, _) if done == id => return Ok(()),
                event => self.expected(id, event)?,
            }
        }
    }

    /// Waits for the end of a command that tells nothing.
    async fn done(&mut self, id: CommandId) -> Result<(), ClientError> {
        loop {
            match self.event().await? {
                Event::Ok(done, _) if done == id => return Ok(()),
                event => self.expected(id, event)?,
            }
        }
    }

    async fn event(&mut self) -> Result<Event, ClientError> {
        match self.driver.next().await? {
            Next::Event(event) => Ok(event),
            Next::Closed => Err(ClientError::Protocol(Error::Disconnected)),
            // Neither a challenge nor a handshake is left waiting.
            Next::Paused | Next::StartTls => Err(ClientError::Protocol(Error::Unexpected)),
        }
    }

    /// What is left of the events that a command can have: a refusal of it, or what may be passed
    /// over.
    fn expected(&self, id: CommandId, event: Event) -> Result<(), ClientError> {
        match event {
            Event::Failed(failed, Failure::Refused(refusal)) if failed == id => {
                Err(ClientError::Refused(refusal))
            }
            Event::Failed(failed, _) if failed == id => Err(ClientError::Malformed),
            Event::Farewell(refusal) => Err(ClientError::Refused(refusal)),
            _ => Ok(()),
        }
    }
}

/// Messages on their way in.
///
/// Those that are not taken are skipped.
#[derive(Debug)]
pub struct Messages<'a> {
    client: &'a mut Client,
    /// Those that are not asked for yet.
    numbers: VecDeque<u32>,
    asked: VecDeque<CommandId>,
    /// The message that is coming in.
    within: Option<CommandId>,
}

impl<'a> Messages<'a> {
    /// The next message; `None` behind the last one.
    ///
    /// # Errors
    ///
    /// [`ClientError::Refused`] if the server does not give that message; the next call goes on
    /// with the one behind it.
    pub async fn next(&mut self) -> Result<Option<Message<'_, 'a>>, ClientError> {
        while self.piece().await?.is_some() {}
        while self.asked.len() < WINDOW {
            let Some(number) = self.numbers.pop_front() else {
                break;
            };
            let id = self.client.driver.machine().retr(number)?;
            self.asked.push_back(id);
        }
        let Some(id) = self.asked.pop_front() else {
            return Ok(None);
        };
        loop {
            match self.client.event().await? {
                Event::Message {
                    id: found,
                    number,
                    octets,
                } if found == id => {
                    self.within = Some(id);
                    return Ok(Some(Message {
                        messages: self,
                        number,
                        octets,
                    }));
                }
                event => self.client.expected(id, event)?,
            }
        }
    }

    async fn piece(&mut self) -> Result<Option<Bytes>, ClientError> {
        let Some(id) = self.within else {
            return Ok(None);
        };
        loop {
            match self.client.event().await? {
                Event::Body(piece) => return Ok(Some(piece)),
                Event::End(ended) if ended == id => {
                    self.within = None;
                    return Ok(None);
                }
                event => self.client.expected(id, event)?,
            }
        }
    }
}

/// A message on its way in.
#[derive(Debug)]
pub struct Message<'m, 'a> {
    messages: &'m mut Messages<'a>,
    number: u32,
    octets: Option<u64>,
}

impl Message<'_, '_> {
    /// Its number in this session.
    pub fn number(&self) -> u32 {
        self.number
    }

    /// Its size, if the server has named one. Not to be relied on.
    pub fn octets(&self) -> Option<u64> {
        self.octets
    }

    /// The next piece, with CRLF line ends; `None` at the end.
    ///
    /// # Errors
    ///
    /// If the message does not come to its end: what there is of it is not the message.
    pub async fn next(&mut self) -> Result<Option<Bytes>, ClientError> {
        self.messages.piece().await
    }
}

/// Why a client could not do what it was asked for.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ClientError {
    /// The server has said no.
    #[error("refused: {0}")]
    Refused(Refusal),
    /// The server has said yes in words that make no sense.
    #[error("the server's answer makes no sense")]
    Malformed,
    /// The conversation is over.
    #[error(transparent)]
    Protocol(Error),
    /// The network failed, or the TLS handshake did.
    #[error(transparent)]
    Transport(#[from] io::Error),
    /// There is no way to log in, or the server is not to be trusted.
    #[error(transparent)]
    Sasl(#[from] sasl::client::ClientError),
    /// Not a name or password that can be used.
    #[error(transparent)]
    Credentials(#[from] CredentialsError),
    /// Not a name or password that can be sent.
    #[error(transparent)]
    Syntax(#[from] SyntaxError),
    /// The session is ending already.
    #[error(transparent)]
    Ending(#[from] Refused),
}

impl From<DriveError<Error>> for ClientError {
    fn from(error: DriveError<Error>) -> Self {
        match error {
            DriveError::Protocol(error) => Self::Protocol(error),
            DriveError::Transport(error) => Self::Transport(error),
        }
    }
}

/// Commands that are asked ahead: enough to hide the way there and back.
const WINDOW: usize = 32;
