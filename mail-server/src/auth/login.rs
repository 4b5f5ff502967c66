//! A connection's side of authentication: exchanges from their first message to the outcome.

use std::fmt;

use mailwire::TlsInfo;
use sasl::Mechanism;
use sasl::server::{Challenge, Context, Failure, Outcome, Server, Step};
use tracing::{error, info, warn};

use super::{Authentication, Origin};

/// One connection's way in.
///
/// A protocol passes on what its peer sends, decoded: [`start`](Self::start) for its command,
/// [`respond`](Self::respond) for what answers a challenge, [`cancel`](Self::cancel) when the
/// peer gives up. [`password`](Self::password) is for protocols with such a command.
///
/// An exchange that was left in the middle is over when the next one begins.
pub struct Login {
    authentication: Authentication,
    origin: Origin,
    context: Context,
    /// What the peer has yet to answer.
    challenge: Option<Challenge>,
}

/// Whose turn it is.
#[derive(Debug)]
#[must_use = "the peer waits for it"]
pub enum Turn {
    /// The peer's: send it this challenge, and [`respond`](Login::respond).
    Challenge(Vec<u8>),
    /// Nobody's: the exchange is over.
    Done(Outcome),
}

impl Login {
    pub(super) fn new(authentication: Authentication, origin: Origin) -> Self {
        Self {
            context: Context::new(origin.service),
            authentication,
            origin,
            challenge: None,
        }
    }

    /// Lets passwords cross the channel in clear text.
    #[must_use]
    pub fn allow_clear_passwords(mut self, allow: bool) -> Self {
        self.context = self.context.allow_clear_passwords(allow);
        self
    }

    /// The channel is TLS from now on. An exchange that was begun before is forgotten.
    pub fn tls_started(&mut self, _tls: &TlsInfo) {
        self.challenge = None;
        self.context = self.context.clone().secured(true);
    }

    /// The mechanisms to announce now, the preferred first.
    pub fn mechanisms(&self) -> impl Iterator<Item = Mechanism> + '_ {
        let known = self.authentication.authenticator().mechanisms();
        self.context
            .mechanisms()
            .filter(|mechanism| known.contains(mechanism))
    }

    /// Begins an exchange: the mechanism's name, and the initial response if there is one, which
    /// may be empty.
    pub async fn start(&mut self, mechanism: &str, initial: Option<&[u8]>) -> Turn {
        self.challenge = None;
        let step = match mechanism.parse::<Mechanism>() {
            Ok(mechanism) => Server::start(mechanism, initial, &self.context),
            Err(_) => {
                error!(mechanism, "announced, but there is no such mechanism");
                Step::Done(Err(Failure::Unavailable))
            }
        };
        self.go_on(step).await
    }

    /// Goes on with the peer's response to the last challenge. Without one there is nothing to
    /// respond to: that is malformed.
    pub async fn respond(&mut self, response: &[u8]) -> Turn {
        match self.challenge.take() {
            Some(challenge) => self.go_on(challenge.respond(response)).await,
            None => Turn::Done(Err(Failure::Malformed)),
        }
    }

    /// The peer gave up.
    pub fn cancel(&mut self) {
        if let Some(challenge) = self.challenge.take() {
            drop(challenge.cancel());
        }
    }

    /// A name and a password in a command of the protocol itself: USER and PASS, LOGIN.
    ///
    /// # Errors
    ///
    /// Why the peer is not let in.
    pub async fn password(&mut self, username: &[u8], password: &[u8]) -> Outcome {
        self.challenge = None;
        let step = Server::password(username, password, &self.context);
        match self.go_on(step).await {
            Turn::Done(outcome) => outcome,
            // There is nobody to ask: a password is all that there is.
            Turn::Challenge(_) => Err(Failure::Unavailable),
        }
    }

    /// Answers needs until it is the peer's turn, or nobody's.
    async fn go_on(&mut self, mut step: Step) -> Turn {
        let authenticator = self.authentication.authenticator();
        let outcome = loop {
            step = match step {
                Step::Need(need) => authenticator.answer(&self.origin, need).await,
                Step::Challenge(challenge) => {
                    let data = challenge.data().to_vec();
                    self.challenge = Some(challenge);
                    return Turn::Challenge(data);
                }
                Step::Done(outcome) => break outcome,
            };
        };
        match &outcome {
            Ok(identity) => {
                let mechanism = identity.mechanism().map(Mechanism::name);
                info!(user = identity.authzid(), mechanism, "authenticated");
            }
            Err(failure) => warn!(%failure, "authentication failed"),
        }
        Turn::Done(outcome)
    }
}

impl fmt::Debug for Login {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Login")
            .field("origin", &self.origin)
            .field("challenge", &self.challenge)
            .finish_non_exhaustive()
    }
}
