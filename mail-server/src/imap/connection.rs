//! One connection: the driver's events go to folders, what they tell to the machine.

use std::sync::Arc;

use imap_proto::Error;
use imap_proto::server::{Event, Server};
use mailwire::drive::{DriveError, Next};
use sasl::server::Outcome;
use tokio::net::TcpStream;
use tokio::time::timeout;
use tracing::{Instrument, error, info_span};

use super::answers::{Answers, check};
use super::service::{Service, Session};
use super::{Imap, refusals};
use crate::auth::Turn;
use crate::conversation::Conversation;
use crate::limits::PROGRESS_FLUSH;
use crate::listener::{Peer, Shared, Stop, log_end};

/// Serves one connection to its end.
pub(super) async fn run<S: Service>(
    shared: Arc<Shared<Imap>>,
    stream: TcpStream,
    peer: Peer,
    stop: Stop,
    service: S,
) {
    let span = info_span!("imap", peer = %peer.address);
    let served = async { log_end(serve(&shared, stream, peer, stop, service).await) };
    served.instrument(span).await;
}

async fn serve<S: Service>(
    shared: &Arc<Shared<Imap>>,
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
    };
    let machine = match service.connect(&session).await {
        Ok(()) => Server::new(Arc::clone(&shared.config)),
        Err(refusal) => Server::refusing(Arc::clone(&shared.config), refusal),
    };
    let login = shared.login(session.peer);
    let mut connection = Connection {
        conversation: Conversation::begin(shared, entered, machine, login, stop),
        session,
        service,
        answers: Answers::default(),
    };
    loop {
        let next = tokio::select! {
            biased;
            next = connection.conversation.next() => next?,
            () = connection.answers.news() => {
                connection.answers.hear(connection.conversation.machine()).await;
                continue;
            }
        };
        match next {
            Next::Event(event) => connection.event(event).await,
            // The machine has room for more of what was asked for.
            Next::Paused => {
                if connection.answers.takes_long() {
                    // Whoever does not read is dealt with when there is an answer.
                    let _ = timeout(PROGRESS_FLUSH, connection.conversation.driver.flush()).await;
                }
                let machine = connection.conversation.machine();
                if !connection.answers.go_on(machine).await {
                    // Every event is answered before the driver goes on.
                    error!("an event was left without an answer");
                    return Ok(());
                }
            }
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

struct Connection<S> {
    conversation: Conversation<Imap>,
    session: Session,
    service: S,
    answers: Answers,
}

impl<S: Service> Connection<S> {
    async fn event(&mut self, event: Event) {
        match event {
            Event::Login(given) => {
                let (name, password) = (&given.user, given.password.expose());
                let outcome = self.conversation.password(name, password).await;
                self.logged_in(outcome).await;
            }
            Event::Authenticate(auth) => {
                let initial = auth.initial_response.as_ref();
                let initial = initial.map(|initial| initial.expose());
                let mechanism = auth.mechanism.as_str();
                let turn = self.conversation.authenticate(mechanism, initial).await;
                self.take_turn(turn).await;
            }
            Event::AuthData(response) => {
                let turn = self.conversation.respond(response.expose()).await;
                self.take_turn(turn).await;
            }
            Event::AuthCancelled => self.conversation.cancel(),
            event => {
                if matches!(event, Event::Unauthenticated) {
                    self.session.authenticated = None;
                }
                let machine = self.conversation.machine();
                if let Err(refusal) = self.answers.answer(machine, event).await {
                    check(machine.no(refusal));
                }
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
            Err(failure) => Err(refusals::of_login(failure)),
        };
        let told = match opened {
            Ok(folders) => {
                self.answers.open(folders);
                self.conversation.machine().ok()
            }
            Err(refusal) => {
                self.session.authenticated = None;
                self.conversation.machine().no(refusal)
            }
        };
        check(told);
    }
}
