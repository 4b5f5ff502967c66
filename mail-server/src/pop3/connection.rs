//! One connection: the driver's events go to the service, its answers to the machine.

use std::sync::Arc;

use bytes::Bytes;
use mailwire::ApiMisuse;
use mailwire::drive::{DriveError, Next};
use pop3_proto::server::{Event, Server};
use pop3_proto::{Error, Refusal, ResponseCode};
use sasl::server::{Failure, Outcome};
use tokio::net::TcpStream;
use tracing::{Instrument, error, info, info_span};

use super::Pop3;
use super::service::{Service, Session, refusal};
use crate::auth::{Login, Turn};
use crate::conversation::Conversation;
use crate::listener::{Peer, Shared, Stop, log_end};

/// Serves one connection to its end.
pub(super) async fn run<S: Service>(
    shared: Arc<Shared<Pop3>>,
    stream: TcpStream,
    peer: Peer,
    stop: Stop,
    service: S,
) {
    let span = info_span!("pop3", peer = %peer.address);
    let served = async { log_end(serve(&shared, stream, peer, stop, service).await) };
    served.instrument(span).await;
}

async fn serve<S: Service>(
    shared: &Arc<Shared<Pop3>>,
    stream: TcpStream,
    peer: Peer,
    stop: Stop,
    mut service: S,
) -> Result<(), DriveError<Error>> {
    let entered = shared.enter(stream, peer, &stop).await?;
    let session = Session {
        peer: entered.peer,
        tls: entered.tls.clone(),
        authenticated: None,
        utf8: false,
    };
    let login = shared.login(session.peer);
    let machine = match service.connect(&session).await {
        Ok(()) => greet(shared, &session, login.as_ref(), &mut service),
        Err(refusal) => Server::refusing(Arc::clone(&shared.config), refusal),
    };
    let mut connection = Connection {
        conversation: Conversation::begin(shared, entered, machine, login, stop),
        session,
        service,
    };
    let mut sending = None;
    loop {
        match connection.conversation.next().await? {
            Next::Event(Event::Retrieve(retrieve)) => {
                connection.session.utf8 = retrieve.utf8;
                sending = connection.begin(retrieve.number).await;
            }
            Next::Event(event) => connection.event(event).await,
            // The machine has room for more of the message that is being sent.
            Next::Paused => match &mut sending {
                Some(message) => connection.send(message).await,
                None => {
                    // Every event is answered before the driver goes on.
                    error!("an event was left without an answer");
                    return Ok(());
                }
            },
            Next::StartTls => {
                // Boxed, since hardly anybody waits for it.
                let secured = Box::pin(connection.conversation.start_tls()).await?;
                connection.conversation = secured.0;
                connection.session.tls = Some(secured.1);
            }
            Next::Closed => return Ok(()),
        }
    }
}

/// A session that will be served, with an offer of APOP if there is to be one.
fn greet<S: Service>(
    shared: &Shared<Pop3>,
    session: &Session,
    login: Option<&Login>,
    service: &mut S,
) -> Server {
    #[cfg(feature = "apop")]
    if login.is_some_and(Login::knows_secrets) {
        if let Some(timestamp) = service.timestamp(session) {
            return Server::with_apop(Arc::clone(&shared.config), timestamp);
        }
    }
    let _ = (session, login, service);
    Server::new(Arc::clone(&shared.config))
}

struct Connection<S> {
    conversation: Conversation<Pop3>,
    session: Session,
    service: S,
}

/// A message on its way out.
struct Message {
    number: u32,
    /// What was read and is not sent yet.
    piece: Bytes,
    /// Where the next piece begins.
    from: u64,
}

impl<S: Service> Connection<S> {
    async fn event(&mut self, event: Event) {
        match event {
            Event::Login(given) => {
                let (name, password) = (given.name.as_str().as_bytes(), given.password.expose());
                let outcome = self.conversation.password(name, password).await;
                self.logged_in(outcome).await;
            }
            #[cfg(feature = "apop")]
            Event::Apop(given) => {
                let timestamp = self.conversation.machine().timestamp();
                let timestamp = timestamp
                    .map_or("", |timestamp| timestamp.as_str())
                    .to_owned();
                let (name, digest) = (given.name.as_str().as_bytes(), given.digest.as_bytes());
                let outcome = self.conversation.apop(&timestamp, name, digest).await;
                self.logged_in(outcome).await;
            }
            Event::Auth(auth) => {
                let initial = auth.initial.as_ref().map(|initial| initial.expose());
                let mechanism = auth.mechanism.as_str();
                let turn = self.conversation.authenticate(mechanism, initial).await;
                self.take_turn(turn).await;
            }
            Event::AuthData(response) => {
                let turn = self.conversation.respond(response.expose()).await;
                self.take_turn(turn).await;
            }
            Event::AuthCancelled => self.conversation.cancel(),
            Event::Update(update) => {
                let told = match self.service.update(&self.session, update).await {
                    Ok(()) => self.conversation.machine().ok(),
                    Err(refusal) => self.conversation.machine().err(refusal),
                };
                check(told);
            }
            Event::Rejected(refusal) => info!(%refusal, "command refused"),
            // Not offered, so it does not come.
            _ => {
                let told = self
                    .conversation
                    .machine()
                    .err(refused(Failure::Unavailable));
                check(told);
            }
        }
    }

    async fn take_turn(&mut self, turn: Turn) {
        match turn {
            Turn::Challenge(challenge) => {
                let told = self.conversation.machine().challenge(&challenge);
                check(told);
            }
            Turn::Done(outcome) => self.logged_in(outcome).await,
        }
    }

    /// Somebody has proven who they are, or not.
    async fn logged_in(&mut self, outcome: Outcome) {
        let opened = match outcome {
            Ok(identity) => {
                self.session.authenticated = Some(identity);
                self.service.open(&self.session).await
            }
            Err(failure) => Err(refused(failure)),
        };
        let told = match opened {
            Ok(maildrop) => self.conversation.machine().open(maildrop),
            Err(refusal) => {
                self.session.authenticated = None;
                self.conversation.machine().err(refusal)
            }
        };
        check(told);
    }

    /// Reads the beginning of a message before it is promised.
    async fn begin(&mut self, number: u32) -> Option<Message> {
        match self.service.read(&self.session, number, 0).await {
            Ok(piece) => {
                let told = self.conversation.machine().ok();
                check(told);
                let from = piece.len() as u64;
                let mut message = Message {
                    number,
                    piece,
                    from,
                };
                self.write(&mut message);
                Some(message)
            }
            Err(refusal) => {
                let told = self.conversation.machine().err(refusal);
                check(told);
                None
            }
        }
    }

    /// Sends more of a message, or its end.
    async fn send(&mut self, message: &mut Message) {
        if message.piece.is_empty() {
            let machine = self.conversation.machine();
            if !machine.wants_body() {
                let told = machine.finish_body();
                return check(told);
            }
            let (number, from) = (message.number, message.from);
            match self.service.read(&self.session, number, from).await {
                Ok(piece) if piece.is_empty() => {
                    let told = self.conversation.machine().finish_body();
                    return check(told);
                }
                Ok(piece) => {
                    message.from += piece.len() as u64;
                    message.piece = piece;
                }
                Err(refusal) => {
                    error!(%refusal, "a message could not be sent to its end");
                    let told = self.conversation.machine().abort_body();
                    return check(told);
                }
            }
        }
        self.write(message);
    }

    /// Gives the machine what it has room for.
    fn write(&mut self, message: &mut Message) {
        let told = self.conversation.machine().write_body(&mut message.piece);
        check(told);
    }
}

/// What does not fit is our mistake, not the client's.
fn check(told: Result<(), ApiMisuse>) {
    if let Err(error) = told {
        error!(%error, "an impossible answer");
    }
}

/// What a client is told whose authentication failed.
fn refused(failure: Failure) -> Refusal {
    match failure {
        Failure::Malformed => plain("Malformed authentication data"),
        Failure::TooLong => plain("Authentication data is too long"),
        Failure::Cancelled => plain("Authentication cancelled"),
        Failure::NotOffered => plain("Mechanism is not on offer"),
        Failure::EncryptionRequired => plain("Passwords need TLS"),
        Failure::Expired => refusal(ResponseCode::Auth, "The password has expired"),
        Failure::Disabled => refusal(ResponseCode::Auth, "The account is disabled"),
        failure if failure.is_temporary() => {
            refusal(ResponseCode::SysTemp, "Temporary authentication failure")
        }
        _ => refusal(ResponseCode::Auth, "Authentication failed"),
    }
}

fn plain(text: &'static str) -> Refusal {
    Refusal::new(None, text).expect("a short text without control characters")
}
