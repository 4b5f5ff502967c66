//! One connection: the driver's events go to folders, what they tell to the machine.

use std::pin::pin;
use std::sync::Arc;

use imap_proto::Error;
use imap_proto::server::{Event, Server};
use mailwire::Machine;
use mailwire::drive::tokio::Driver;
use mailwire::drive::{DriveError, Next};
use sasl::server::{Failure, Outcome};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tracing::{Instrument, error, info_span};

use super::answers::{Answers, check};
use super::service::{Service, Session};
use super::{Imap, refusals};
use crate::auth::{Login, Turn};
use crate::limits::PROGRESS_FLUSH;
use crate::listener::{Entered, Peer, Shared, Stop, Transport, begin, log_end, tls_started};

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
    shared: &Shared<Imap>,
    stream: TcpStream,
    peer: Peer,
    stop: Stop,
    mut service: S,
) -> Result<(), DriveError<Error>> {
    let Entered {
        transport,
        peer,
        tls,
    } = shared.enter(stream, peer, &stop).await?;
    let session = Session {
        peer,
        tls,
        authenticated: None,
    };
    let mut login = shared.login(peer);
    let mut machine = match service.connect(&session).await {
        Ok(()) => Server::new(Arc::clone(&shared.config)),
        Err(refusal) => Server::refusing(Arc::clone(&shared.config), refusal),
    };
    let mut stopping = begin(&mut machine, login.as_mut(), session.tls.as_ref(), &stop);
    let mut connection = Connection {
        driver: Driver::new(machine, transport),
        session,
        service,
        login,
        answers: Answers::default(),
    };
    connection.offer_mechanisms();
    let mut stopped = pin!(stop.stopped());
    loop {
        let next = tokio::select! {
            // A client that is never short of commands must not keep us from stopping.
            biased;
            () = &mut stopped, if !stopping => {
                stopping = true;
                connection.driver.machine().shutdown();
                continue;
            }
            next = connection.driver.next() => next?,
            () = connection.answers.news() => {
                connection.answers.hear(connection.driver.machine()).await;
                continue;
            }
        };
        match next {
            Next::Event(event) => connection.event(event).await,
            // The machine has room for more of what was asked for.
            Next::Paused => {
                if connection.answers.takes_long() {
                    // Whoever does not read is dealt with when there is an answer.
                    let _ = timeout(PROGRESS_FLUSH, connection.driver.flush()).await;
                }
                let machine = connection.driver.machine();
                if !connection.answers.go_on(machine).await {
                    // Every event is answered before the driver goes on.
                    error!("an event was left without an answer");
                    return Ok(());
                }
            }
            Next::StartTls => {
                let (mut machine, transport) = connection.driver.into_parts();
                let (transport, info) = shared.upgrade(transport, &stop).await?;
                tls_started(&mut machine, connection.login.as_mut(), &info);
                connection.session.tls = Some(info);
                connection.driver = Driver::new(machine, transport);
                connection.offer_mechanisms();
            }
            Next::Closed => return Ok(()),
        }
    }
}

struct Connection<S> {
    driver: Driver<Server, Transport>,
    session: Session,
    service: S,
    /// Its way in, if there is one.
    login: Option<Login>,
    answers: Answers,
}

impl<S: Service> Connection<S> {
    async fn event(&mut self, event: Event) {
        match event {
            Event::Login(given) => {
                let outcome = match &mut self.login {
                    Some(login) => login.password(&given.user, given.password.expose()).await,
                    None => Err(Failure::Unavailable),
                };
                self.logged_in(outcome).await;
            }
            Event::Authenticate(auth) => {
                let turn = match &mut self.login {
                    Some(login) => {
                        let initial = auth.initial_response.as_ref();
                        let initial = initial.map(|initial| initial.expose());
                        login.start(auth.mechanism.as_str(), initial).await
                    }
                    None => Turn::Done(Err(Failure::Unavailable)),
                };
                self.take_turn(turn).await;
            }
            Event::AuthData(response) => {
                let turn = match &mut self.login {
                    Some(login) => login.respond(response.expose()).await,
                    None => Turn::Done(Err(Failure::Unavailable)),
                };
                self.take_turn(turn).await;
            }
            Event::AuthCancelled => {
                if let Some(login) = &mut self.login {
                    login.cancel();
                }
            }
            event => {
                if matches!(event, Event::Unauthenticated) {
                    self.session.authenticated = None;
                }
                let machine = self.driver.machine();
                if let Err(refusal) = self.answers.answer(machine, event).await {
                    check(machine.no(refusal));
                }
            }
        }
    }

    /// Announces what can be used on this channel.
    fn offer_mechanisms(&mut self) {
        if let Some(login) = &self.login {
            self.driver.machine().offer_mechanisms(login.names());
        }
    }

    async fn take_turn(&mut self, turn: Turn) {
        match turn {
            Turn::Challenge(challenge) => {
                let told = self.driver.machine().challenge(&challenge);
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
                self.driver.machine().ok()
            }
            Err(refusal) => {
                self.session.authenticated = None;
                self.driver.machine().no(refusal)
            }
        };
        check(told);
    }
}
