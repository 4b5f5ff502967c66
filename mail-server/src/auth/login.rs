//! A connection's side of authentication: exchanges from their first message to the outcome.

use std::fmt;

use mailwire::TlsInfo;
use mailwire::auth::MechanismName;
use sasl::server::{Challenge, Context, Failure, Need, Outcome, Server, Step};
use sasl::{ChannelBindings, Mechanism};
use tokio::time::{Instant, sleep};
use tracing::{info, warn};

use super::{Authentication, Origin};
use crate::acceptor::network;

/// One connection's way in.
///
/// A protocol passes on what its peer sends, decoded: [`start`](Self::start) for its command,
/// [`respond`](Self::respond) for what answers a challenge, [`cancel`](Self::cancel) when the
/// peer gives up. [`password`](Self::password), and with the feature `apop` a method of that name,
/// are for protocols with such a command.
///
/// An exchange that was left in the middle is over when the next one begins. The answer to a
/// guess is held back here, as the [`Policy`](super::Policy) says.
pub struct Login {
    authentication: Authentication,
    origin: Origin,
    hostname: String,
    /// The mechanisms that the protocol's configuration wants, if not all.
    wanted: Option<Vec<Mechanism>>,
    allow_clear_passwords: bool,
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
            authentication,
            origin,
            hostname: "localhost".to_owned(),
            wanted: None,
            allow_clear_passwords: false,
            challenge: None,
        }
    }

    /// The name of this host, which some mechanisms tell.
    #[must_use]
    pub fn hostname(mut self, hostname: impl Into<String>) -> Self {
        self.hostname = hostname.into();
        self
    }

    /// Offers these mechanisms at most. What is not announced must not be thought of as offered
    /// either: a client that could bind to the channel and sees no offer to do so says so, and
    /// that is a sign of an attack only if there was an offer (RFC 5802 section 6).
    #[must_use]
    pub fn only(mut self, mechanisms: impl IntoIterator<Item = Mechanism>) -> Self {
        self.wanted = Some(mechanisms.into_iter().collect());
        self
    }

    /// Lets passwords and tokens cross the channel in clear text.
    #[must_use]
    pub fn allow_clear_passwords(mut self, allow: bool) -> Self {
        self.allow_clear_passwords = allow;
        self
    }

    /// The channel is TLS from now on. An exchange that was begun before is forgotten.
    pub fn tls_started(&mut self, tls: &TlsInfo) {
        self.challenge = None;
        self.origin.tls = Some(tls.clone());
    }

    /// The mechanisms to announce now: in the order that [`only`](Self::only) gave them, else the
    /// preferred first.
    pub fn mechanisms(&self) -> Vec<Mechanism> {
        let able: Vec<_> = self.context().mechanisms().collect();
        match &self.wanted {
            None => able,
            Some(wanted) => wanted
                .iter()
                .copied()
                .filter(|name| able.contains(name))
                .collect(),
        }
    }

    /// The same by their names, for a protocol machine.
    pub fn names(&self) -> Vec<MechanismName> {
        self.mechanisms().iter().map(name).collect()
    }

    /// Whether [`apop`](Self::apop) is to be offered: everybody's password is known.
    #[cfg(feature = "apop")]
    pub fn knows_secrets(&self) -> bool {
        self.authentication.0.authenticator.shares_secrets()
    }

    /// Begins an exchange: the mechanism's name, and the initial response if there is one, which
    /// may be empty.
    pub async fn start(&mut self, mechanism: &str, initial: Option<&[u8]>) -> Turn {
        self.challenge = None;
        let step = match mechanism.parse::<Mechanism>() {
            Ok(mechanism) => Server::start(mechanism, initial, &self.context()),
            Err(_) => Step::Done(Err(Failure::NotOffered)),
        };
        self.begin(step).await
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
        self.challenge = None;
    }

    /// A name and a password in a command of the protocol itself: USER and PASS, LOGIN.
    ///
    /// # Errors
    ///
    /// Why the peer is not let in.
    pub async fn password(&mut self, username: &[u8], password: &[u8]) -> Outcome {
        let step = Server::password(username, password, &self.context());
        self.outcome(step).await
    }

    /// A name and a digest in the command APOP of POP3; the timestamp is that of the greeting.
    ///
    /// # Errors
    ///
    /// Why the peer is not let in.
    #[cfg(feature = "apop")]
    pub async fn apop(&mut self, timestamp: &str, name: &[u8], digest: &[u8]) -> Outcome {
        let step = Server::apop(timestamp, name, digest);
        self.outcome(step).await
    }

    /// What is known of the channel now, and what can be answered now.
    fn context(&self) -> Context {
        let tls = self.origin.tls.as_ref();
        let mut bindings = ChannelBindings::default();
        if let Some(exporter) = tls.and_then(|tls| tls.exporter.clone()) {
            bindings = bindings.exporter(exporter);
        }
        if let Some(hash) = tls.and_then(|tls| tls.server_end_point.clone()) {
            bindings = bindings.server_end_point(hash);
        }
        let authenticator = &self.authentication.0.authenticator;
        let wanted = |mechanism: &Mechanism| match &self.wanted {
            Some(wanted) => wanted.contains(mechanism),
            None => true,
        };
        let (mut offered, mut relayed) = (authenticator.mechanisms(), authenticator.relayed());
        offered.retain(wanted);
        relayed.retain(wanted);
        Context::new(self.origin.service)
            .hostname(&self.hostname)
            .offer(&offered)
            .relay(&relayed)
            .secured(tls.is_some())
            .allow_clear_passwords(self.allow_clear_passwords)
            .external(tls.is_some_and(|tls| tls.peer_certificate.is_some()))
            .channel_bindings(bindings)
    }

    /// Where no challenge can come: a command of the protocol said all that there is.
    async fn outcome(&mut self, step: Step) -> Outcome {
        self.challenge = None;
        match self.begin(step).await {
            Turn::Done(outcome) => outcome,
            Turn::Challenge(_) => Err(Failure::Unavailable),
        }
    }

    /// Looks nothing up for those who have guessed too much.
    async fn begin(&mut self, step: Step) -> Turn {
        let shared = &self.authentication.0;
        let address = network(self.origin.peer.address.ip());
        if shared
            .guesses
            .are_too_many(address, &shared.policy, Instant::now())
        {
            warn!("too many failed authentications from this address");
            return Turn::Done(Err(Failure::Unavailable));
        }
        self.go_on(step).await
    }

    /// Answers needs until it is the peer's turn, or nobody's.
    async fn go_on(&mut self, mut step: Step) -> Turn {
        let authenticator = &self.authentication.0.authenticator;
        let outcome = loop {
            step = match step {
                Step::Need(Need::Nonce(need)) => {
                    let mut random = [0; 18];
                    match getrandom::fill(&mut random) {
                        Ok(()) => need.fill(random),
                        Err(_) => Step::Done(Err(Failure::Unavailable)),
                    }
                }
                Step::Need(need) => authenticator.answer(&self.origin, need).await,
                Step::Challenge(challenge) => {
                    let data = challenge.data().to_vec();
                    self.challenge = Some(challenge);
                    return Turn::Challenge(data);
                }
                Step::Done(outcome) => break outcome,
            };
        };
        self.tell(&outcome).await;
        Turn::Done(outcome)
    }

    /// To the log, and to those who guess by the time that it takes.
    async fn tell(&self, outcome: &Outcome) {
        match outcome {
            Ok(identity) => {
                let mechanism = identity.mechanism().map(Mechanism::name);
                info!(user = ?identity.authzid(), mechanism, "authenticated");
            }
            Err(failure) => {
                warn!(%failure, "authentication failed");
                if failure.is_guess() {
                    let shared = &self.authentication.0;
                    let address = network(self.origin.peer.address.ip());
                    shared
                        .guesses
                        .count(address, &shared.policy, Instant::now());
                    sleep(shared.policy.delay).await;
                }
            }
        }
    }
}

/// A mechanism's name, as protocol machines have it.
pub(crate) fn name(mechanism: &Mechanism) -> MechanismName {
    let name = mechanism.name().parse();
    name.expect("mechanisms have names that RFC 4422 allows")
}

impl fmt::Debug for Login {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Login")
            .field("origin", &self.origin)
            .field("challenge", &self.challenge)
            .finish_non_exhaustive()
    }
}
