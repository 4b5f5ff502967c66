//! One connection: the driver's events go to the service, its answers to the machine.

use std::fmt::Display;
use std::sync::Arc;

use mailwire::ApiMisuse;
use mailwire::drive::{DriveError, Next};
use smtp_proto::command::{Mail, Rcpt};
use smtp_proto::server::{Event, Protocol, Server};
use smtp_proto::{Error, Extension, Reply};
use tokio::net::TcpStream;
use tracing::{Instrument, error, info, info_span};

use super::Smtp;
use super::service::{Body, BodyState, Envelope, Fates, Service, Session, Statuses};
use crate::conversation::Conversation;
use crate::listener::{Peer, Shared, Stop, log_end};

/// Serves one connection to its end.
pub(super) async fn run<S: Service>(
    shared: Arc<Shared<Smtp>>,
    stream: TcpStream,
    peer: Peer,
    stop: Stop,
    service: S,
) {
    let span = info_span!("smtp", peer = %peer.address);
    let served = async { log_end(serve(&shared, stream, peer, stop, service).await) };
    served.instrument(span).await;
}

async fn serve<S: Service>(
    shared: &Arc<Shared<Smtp>>,
    stream: TcpStream,
    peer: Peer,
    stop: Stop,
    mut service: S,
) -> Result<(), DriveError<Error>> {
    let entered = shared.enter(stream, peer, &stop).await?;
    let session = Session {
        peer: entered.peer,
        tls: entered.tls.clone(),
        hello: None,
        authenticated: None,
        speaks_for: None,
    };
    let mut machine = match service.connect(&session).await {
        Ok(()) => Server::new(Arc::clone(&shared.config)),
        Err(reply) => Server::refusing(Arc::clone(&shared.config), reply)
            .or_else(|_| Server::refusing(Arc::clone(&shared.config), FAULT))
            .expect("our own reply is one of refusal"),
    };
    let offered = shared.config.extensions;
    let wanted = service.extensions(&session, offered);
    for extension in Extension::ALL {
        match (offered.contains(extension), wanted.contains(extension)) {
            (true, false) => machine.hide(extension),
            (false, true) => machine.offer(extension),
            _ => {}
        }
    }
    let login = shared.login(session.peer);
    let mut connection = Connection {
        conversation: Conversation::begin(shared, entered, machine, login, stop),
        session,
        service,
        envelope: None,
    };
    loop {
        match connection.conversation.next().await? {
            Next::Event(event) => connection.event(event).await?,
            Next::StartTls => {
                // What was learnt in clear text is forgotten (RFC 3207 section 4.2).
                connection.session.hello = None;
                connection.session.authenticated = None;
                // Boxed, since hardly anybody waits for it.
                let secured = Box::pin(connection.conversation.start_tls()).await?;
                connection.conversation = secured.0;
                connection.session.tls = Some(secured.1);
            }
            Next::Closed => return Ok(()),
            Next::Paused => {
                // Every event is answered before the driver goes on.
                error!("an event was left without an answer");
                return Ok(());
            }
        }
    }
}

pub(super) struct Connection<S> {
    pub(super) conversation: Conversation<Smtp>,
    pub(super) session: Session,
    pub(super) service: S,
    /// The transaction that is going on.
    envelope: Option<Envelope>,
}

impl<S: Service> Connection<S> {
    async fn event(&mut self, event: Event) -> Result<(), DriveError<Error>> {
        match event {
            Event::Hello(hello) => {
                let answer = self.service.hello(&self.session, &hello).await;
                // One that is refused changes nothing (RFC 5321 section 4.1.4).
                if answer.is_ok() {
                    self.envelope = None;
                    self.session.hello = Some(hello);
                }
                self.answer(answer);
            }
            Event::Mail(mail) => self.mail(mail).await,
            Event::Rcpt(rcpt) => self.rcpt(rcpt).await,
            Event::Data => self.answer(Ok(())),
            Event::Body(_) | Event::EndOfData => self.message(Some(event)).await?,
            Event::Verify(verify) => {
                let answer = self.service.verify(&self.session, &verify).await;
                self.say(answer);
            }
            Event::Expand(list) => {
                let answer = self.service.expand(&self.session, &list).await;
                self.say(answer);
            }
            Event::Etrn(node) => {
                let answer = self.service.etrn(&self.session, &node).await;
                self.say(answer);
            }
            Event::XClient(facts) => {
                let answer = self.service.facts(&self.session, &facts).await;
                if answer.is_ok() {
                    // As if it had just connected.
                    self.session.hello = None;
                    self.session.authenticated = None;
                    self.session.speaks_for = Some(facts);
                }
                self.answer(answer);
            }
            Event::XForward(facts) => {
                let answer = self.service.facts(&self.session, &facts).await;
                if answer.is_ok() {
                    self.session.speaks_for = Some(facts);
                }
                self.answer(answer);
            }
            Event::Auth(auth) => self.authenticate(auth).await,
            Event::AuthData(response) => self.auth_data(response.expose()).await,
            Event::AuthCancelled => self.conversation.cancel(),
            Event::Aborted(reason) => {
                self.envelope = None;
                info!(?reason, "message refused");
            }
            Event::Reset => self.envelope = None,
            Event::Rejected(reply) => info!(%reply, "command refused"),
            _ => {}
        }
        Ok(())
    }

    async fn mail(&mut self, mail: Mail) {
        let answer = self.service.mail(&self.session, &mail).await;
        match &answer {
            Ok(()) => {
                self.envelope = Some(Envelope {
                    mail,
                    recipients: Vec::new(),
                });
            }
            Err(reply) => info!(from = %escaped(&mail.path), %reply, "sender refused"),
        }
        self.answer(answer);
    }

    async fn rcpt(&mut self, rcpt: Rcpt) {
        let answer = self.service.rcpt(&self.session, &rcpt).await;
        match (&answer, &mut self.envelope) {
            (Ok(()), Some(envelope)) => envelope.recipients.push(rcpt),
            (Ok(()), None) => {}
            (Err(reply), _) => info!(to = %escaped(&rcpt.path), %reply, "recipient refused"),
        }
        self.answer(answer);
    }

    /// A message has begun to come: `event` is its first.
    async fn message(&mut self, event: Option<Event>) -> Result<(), DriveError<Error>> {
        let Some(envelope) = self.envelope.take() else {
            return Ok(());
        };
        let mut body = Body {
            driver: &mut self.conversation.driver,
            state: BodyState::Reading(event),
        };
        let statuses = self
            .service
            .message(&self.session, &envelope, &mut body)
            .await;
        // What the service did not read is skipped.
        while matches!(body.next().await, Ok(Some(_))) {}
        match body.state {
            BodyState::Over(error) => return Err(error),
            // The machine answers, when the rest of the message has come.
            BodyState::Aborted => return Ok(()),
            BodyState::Reading(_) | BodyState::Complete => {}
        }
        // Shown only where somebody listens.
        let from = &envelope.mail.path;
        let recipients = envelope.recipients.len();
        let statuses = match statuses {
            Ok(statuses) => {
                info!(from = %escaped(from), recipients, %statuses, "message");
                statuses
            }
            Err(reply) => {
                info!(from = %escaped(from), recipients, %reply, "message refused");
                Statuses::all(refusing(reply))
            }
        };
        self.statuses(statuses, recipients);
        Ok(())
    }

    /// Tells what became of a message, in as many replies as the protocol has.
    fn statuses(&mut self, statuses: Statuses, recipients: usize) {
        let machine = self.conversation.machine();
        let told = match statuses.0 {
            Fates::All(reply) => machine.reply_all(&reply),
            Fates::Each(replies) if replies.len() != recipients => {
                error!(
                    recipients,
                    given = replies.len(),
                    "wrong number of statuses"
                );
                machine.reply_all(&FAULT)
            }
            Fates::Each(mut replies) if machine.config().protocol == Protocol::Smtp => {
                let refusal = replies.iter().position(|reply| !reply.is_positive());
                machine.reply_all(&replies.swap_remove(refusal.unwrap_or(0)))
            }
            Fates::Each(replies) => replies
                .into_iter()
                .try_for_each(|reply| machine.reply(reply)),
        };
        self.check(told);
    }

    pub(super) fn answer(&mut self, answer: Result<(), Reply>) {
        let machine = self.conversation.machine();
        let told = match answer {
            Ok(()) => machine.accept(),
            Err(reply) => machine.reply(refusing(reply)),
        };
        self.check(told);
    }

    /// Answers one of the questions whose answer may be of any kind.
    fn say(&mut self, answer: Result<(), Reply>) {
        let machine = self.conversation.machine();
        let told = match answer {
            Ok(()) => machine.accept(),
            Err(reply) => machine.reply(reply),
        };
        self.check(told);
    }

    /// A service's reply that does not fit is the service's mistake, not the client's.
    pub(super) fn check(&mut self, told: Result<(), ApiMisuse>) {
        if let Err(error) = told {
            error!(%error, "the service gave an impossible answer");
            let machine = self.conversation.machine();
            let _ = machine.reply_all(&FAULT).or_else(|_| machine.reply(FAULT));
        }
    }
}

/// A reply that refuses. With another, the machine would go on as if the service had agreed, and
/// we as if it had not.
fn refusing(reply: Reply) -> Reply {
    if reply.is_temporary() || reply.is_permanent() {
        return reply;
    }
    error!(%reply, "the service refuses in words that do not");
    FAULT
}

/// A path for a line of the log: an address may hold any letters, and what reverses or ends lines.
fn escaped(path: &impl Display) -> String {
    path.to_string().escape_debug().collect()
}

/// Said when the fault is ours.
const FAULT: Reply = Reply::fixed(421, Some((4, 3, 0)), "Internal error, try again later");
