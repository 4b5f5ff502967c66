//! A client: mailboxes on other people's servers.

mod conversation;

mod answer;
pub use answer::Answer;

mod fetching;
pub use fetching::{Message, Messages};

mod idling;
pub use idling::Idle;

mod error;
pub use error::ClientError;

use std::collections::VecDeque;
use std::time::Duration;

use imap_proto::Error;
use imap_proto::client::{self as proto, CommandId, Event, Mailbox, Refused};
use imap_proto::command::{Append, Authenticate, CommandBody, Fetch, Login};
use imap_proto::response::{Data, Status, StatusKind};
use imap_proto::{Capability, Extension};
use mailwire::drive::Next;
use mailwire::drive::tokio::Driver;
use mailwire::{Machine, Secret};
use sasl::client::Credentials;
use tokio::io::{AsyncRead, empty};

use crate::auth::name;
use crate::client_auth;
use crate::client_tls::{self, ClientTls, Security, Transport};

/// A session with an IMAP server.
///
/// ```no_run
/// use imap_proto::Section;
/// use imap_proto::command::{By, Fetch, FetchAttribute, IsKey, Search, SearchKey, Select};
/// use mail_server::Security;
/// use mail_server::imap::Client;
///
/// # async fn run() -> Result<(), Box<dyn std::error::Error>> {
/// let mut client = Client::connect("localhost", 2143, Security::None).await?;
/// client.login("alice", "rabbit hole").await?;
/// client.command(Select::new("INBOX".parse()?)).await?;
/// println!("{} messages", client.mailbox().map_or(0, |mailbox| mailbox.exists()));
///
/// let unseen = vec![SearchKey::Is(IsKey::Unseen)];
/// let found = client.command(Search::new(By::Uid, unseen)).await?.found();
/// let everything = vec![FetchAttribute::peek(Section::whole())];
/// let mut messages = client.fetch(Fetch::new(By::Uid, found.to_set().into(), everything))?;
/// while let Some(mut message) = messages.next().await? {
///     while let Some(piece) = message.next().await? {
///         print!("{}", String::from_utf8_lossy(&piece));
///     }
/// }
/// client.logout().await?;
/// # Ok(())
/// # }
/// ```
///
/// [`command`](Self::command) takes every command there is, and gathers its answer. What does not fit into that has a method
/// of its own: [`fetch`](Self::fetch) and [`append`](Self::append), which stream messages, [`idle`](Self::idle), which
/// waits, and what changes the session itself.
///
/// What the server tells without being asked changes the [`mailbox`](Self::mailbox), and can be had as [`news`](Self::news).
///
/// An error of the protocol or of the network ends the session. A command that the server refuses does not. A future
/// or stream that is dropped half-way leaves the rest of its answer to be passed over by the next command; a message
/// that was sent in part cannot be taken back, and ends the session.
#[derive(Debug)]
pub struct Client {
    driver: Driver<proto::Client, Transport>,
    host: String,
    /// How long a handshake may take.
    patience: Duration,
    /// Passwords may cross the network in clear text: the application has chosen no protection.
    clear_passwords: bool,
    /// The oldest first.
    news: VecDeque<Data>,
    /// What came while a message was sent, and was not looked at yet.
    meanwhile: VecDeque<Event>,
    /// Which command asked for the octets that come.
    content: Option<CommandId>,
    /// The server has said BYE.
    farewell: Option<Status>,
}

impl Client {
    /// Connects, reads the greeting, begins TLS if there is to be, and asks what the server can do.
    ///
    /// The host's name is the one that its certificate must have.
    ///
    /// # Errors
    ///
    /// If the server cannot be reached, will not serve, or does not get through the TLS that is wanted.
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
            news: VecDeque::new(),
            meanwhile: VecDeque::new(),
            content: None,
            farewell: None,
        };
        let greeting = match client.event().await? {
            Event::Greeting(greeting) => greeting.kind,
            _ => return Err(ClientError::Protocol(Error::NotAGreeting)),
        };
        match &security {
            Security::None | Security::Implicit(_) => {}
            // Whoever sits on the way could greet so to have STARTTLS left out, which is for those who have yet
            // to log in.
            Security::Required(_) if greeting == StatusKind::PreAuth => {
                return Err(Refused::NoTls.into());
            }
            Security::Required(tls) => client = client.start_tls(tls).await?,
            Security::Opportunistic(tls) => {
                client.learn().await?;
                if client.has(Extension::StartTls) {
                    client = client.start_tls(tls).await?;
                }
            }
        }
        client.learn().await?;
        Ok(client)
    }

    /// What the server can do, here and now.
    pub fn capabilities(&mut self) -> &[Capability] {
        let known = self.driver.machine().capabilities();
        known.unwrap_or_default()
    }

    /// Whether the server has an extension.
    pub fn has(&mut self, extension: Extension) -> bool {
        self.driver.machine().has(extension)
    }

    /// What has been enabled.
    pub fn enabled(&mut self) -> &[Capability] {
        self.driver.machine().enabled()
    }

    /// The selected mailbox, as far as the server has told.
    pub fn mailbox(&mut self) -> Option<&Mailbox> {
        self.driver.machine().mailbox()
    }

    /// What the server has told without being asked since this was called last, the oldest first: new messages, flags that others
    /// have set, messages that are gone, and words for people. The mailbox has taken note of it.
    ///
    /// No more than a thousand are kept; older ones are forgotten.
    pub fn news(&mut self) -> impl Iterator<Item = Data> + '_ {
        self.news.drain(..)
    }

    /// Logs in with a name and a password: by the best mechanism that the server offers, or with LOGIN if it offers none.
    ///
    /// In clear text a password is only sent where [`Security::None`] was chosen.
    ///
    /// # Errors
    ///
    /// [`ClientError::Refused`] if the server says no; it is not tried another way then.
    /// [`ClientError::Withheld`] if the password cannot be sent.
    pub async fn login(&mut self, name: &str, password: &str) -> Result<(), ClientError> {
        let credentials = Credentials::password(name, password)?;
        match self.authenticate(&credentials).await {
            Err(ClientError::Sasl(sasl::client::ClientError::NoMechanism)) => {}
            authenticated => return authenticated,
        }
        if !self.clear_passwords && self.driver.machine().tls().is_none() {
            return Err(Refused::NoTls.into());
        }
        let login = Login::new(name, password);
        self.command(CommandBody::Login(login)).await?;
        self.learn().await
    }

    /// Logs in with a SASL mechanism: the best that the server offers for these credentials.
    ///
    /// # Errors
    ///
    /// [`ClientError::Refused`] if the server says no; [`ClientError::Sasl`] if there is no mechanism, or the server
    /// did not prove what it has to.
    pub async fn authenticate(&mut self, credentials: &Credentials) -> Result<(), ClientError> {
        let machine = self.driver.machine();
        let offered = machine.capabilities().unwrap_or_default();
        let names = offered.iter().filter_map(|capability| match capability {
            Capability::Auth(name) => Some(name.as_str()),
            _ => None,
        });
        let (tls, clear_passwords) = (machine.tls(), self.clear_passwords);
        let mut exchange = client_auth::begin(names, credentials, tls, clear_passwords)??;
        // The machine withholds it from servers that do not know SASL-IR.
        let initial = exchange.initial_response(usize::MAX);
        let initial = initial.map(|initial| Secret::from(initial.as_bytes().to_vec()));
        let authenticate = Authenticate::new(name(&exchange.mechanism()), initial);
        let id = self.give(CommandBody::Authenticate(authenticate))?;
        let mut failed = None;
        loop {
            match self.next(id).await {
                Ok(Event::Challenge(_, challenge)) => match exchange.respond(challenge.expose()) {
                    Ok(response) => self.driver.machine().respond(response.as_bytes())?,
                    Err(error) => {
                        failed = Some(error);
                        self.driver.machine().cancel()?;
                    }
                },
                Ok(Event::Completed(..)) => break,
                Ok(_) => {}
                Err(ClientError::Refused(status)) => {
                    return Err(failed.map_or(ClientError::Refused(status), ClientError::Sasl));
                }
                Err(error) => return Err(error),
            }
        }
        exchange.finish(None)?;
        self.learn().await
    }

    /// Gives a command, and gathers its answer.
    ///
    /// ```no_run
    /// use imap_proto::command::{CommandBody, Create, List, ListKind, QResync, Select};
    /// use imap_proto::ModSeq;
    ///
    /// # async fn run(mut client: mail_server::imap::Client) -> Result<(), Box<dyn std::error::Error>> {
    /// client.command(Create::new("Letters".parse()?)).await?;
    /// let list = List::new(ListKind::List, "".parse()?, "*".parse()?);
    /// for listed in client.command(list).await?.listed() {
    ///     println!("{}", listed.mailbox);
    /// }
    /// // What has changed since yesterday. Where it has not been yet, QRESYNC is enabled first.
    /// let mut select = Select::new("Letters".parse()?);
    /// select.qresync = Some(QResync::new(1234567.try_into()?, ModSeq::new(99)?));
    /// let changes = client.command(select).await?;
    /// println!("{} are gone", changes.vanished().count());
    /// // From here on all is compressed.
    /// client.command(CommandBody::Compress("DEFLATE".parse()?)).await?;
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// Of a FETCH, contents that are not small are left out: that is what [`fetch`](Self::fetch) is for. Nothing is
    /// streamed to an APPEND: that is what [`append`](Self::append) is for. TLS begins with the session, and IDLE ends
    /// at once.
    ///
    /// # Errors
    ///
    /// [`ClientError::Refused`] if the server says NO or BAD.
    pub async fn command(
        &mut self,
        command: impl Into<CommandBody>,
    ) -> Result<Answer, ClientError> {
        self.converse(command.into(), &mut empty()).await
    }

    /// Fetches messages, one after another as they come, however large they are.
    ///
    /// # Errors
    ///
    /// If the command cannot be given.
    pub fn fetch(&mut self, fetch: Fetch) -> Result<Messages<'_>, ClientError> {
        Messages::begin(self, fetch)
    }

    /// Adds messages. What of them is [streamed](imap_proto::Content::Streamed) is read from `text`, one after another.
    ///
    /// ```no_run
    /// use imap_proto::command::Append;
    /// use imap_proto::{Content, Flag};
    ///
    /// # async fn run(mut client: mail_server::imap::Client) -> Result<(), Box<dyn std::error::Error>> {
    /// // As well from a file, or whatever else is read asynchronously.
    /// let letter = &b"Subject: hello\r\n\r\nHow have you been?\r\n"[..];
    /// let mut append = Append::new("Drafts".parse()?, Content::Streamed(letter.len() as u64));
    /// append.messages[0].flags.insert(Flag::Draft);
    /// let answer = client.append(append, letter).await?;
    /// println!("{:?}", answer.appended());
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// [`ClientError::Refused`] if the server does not take it. [`ClientError::Text`] if the text cannot be read or is too short,
    /// which ends the session.
    pub async fn append(
        &mut self,
        append: Append,
        mut text: impl AsyncRead + Unpin,
    ) -> Result<Answer, ClientError> {
        self.converse(append.into(), &mut text).await
    }

    /// Waits for news (RFC 2177). Ended by [`Idle::done`], or when the next command is given.
    ///
    /// # Errors
    ///
    /// If the command cannot be given. That the server knows no IDLE is found out by waiting.
    pub fn idle(&mut self) -> Result<Idle<'_>, ClientError> {
        Idle::begin(self)
    }

    /// Ends the session.
    ///
    /// # Errors
    ///
    /// If the connection is lost before.
    pub async fn logout(mut self) -> Result<(), ClientError> {
        let ended = self.command(CommandBody::Logout).await;
        match ended {
            // Some close the connection instead of answering.
            Err(ClientError::Farewell(_)) => return Ok(()),
            ended => ended?,
        };
        // Its end of the connection is no news any more.
        let _ = self.driver.next().await;
        Ok(())
    }

    async fn start_tls(mut self, tls: &ClientTls) -> Result<Self, ClientError> {
        self.command(CommandBody::StartTls).await?;
        match self.driver.next().await? {
            Next::StartTls => {}
            _ => return Err(Refused::NoTls.into()),
        }
        self.driver = client_tls::start_tls(self.driver, tls, &self.host, self.patience).await?;
        Ok(self)
    }

    /// Asks what the server can do, unless it has said so.
    async fn learn(&mut self) -> Result<(), ClientError> {
        if self.driver.machine().capabilities().is_none() {
            self.command(CommandBody::Capability).await?;
        }
        Ok(())
    }
}
