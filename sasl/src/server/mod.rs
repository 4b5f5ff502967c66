//! The server side: exchanges whose every step is a value.
//!
//! [`Server::start`] returns a [`Step`]. A step says who must act, and carries the means to
//! go on: each of them consumes the value, so that a step cannot be taken twice, and a step
//! that is dropped ends the exchange. Between a [`Need`] and its answer the application may
//! await whatever it wants; nothing here borrows, blocks or calls back.
//!
//! A protocol that has user names and passwords of its own (USER and PASS in POP3, LOGIN in
//! IMAP) gets its [`Authenticated`] the same way, from [`Server::password`].

mod context;
mod outcome;

mod plain;

mod login;

mod field;

use std::fmt;

use crate::{Mechanism, Prepared};

pub use context::Context;
pub use outcome::{Authenticated, Failure, Outcome, Verdict};

/// The entry to an exchange; see [`Server::start`].
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct Server;

impl Server {
    /// Starts an exchange.
    ///
    /// `initial` is the decoded initial response: `None` where the peer sent none, which is
    /// another thing than an empty one (`=` on the wire, RFC 4954 section 4). A first
    /// challenge that the initial response already answers is not sent.
    ///
    /// Where the mechanism shows the password and the context does not permit that, the
    /// exchange is over at once with [`Failure::EncryptionRequired`].
    pub fn start(mechanism: Mechanism, initial: Option<&[u8]>, context: &Context) -> Step {
        if !context.permits(mechanism) {
            return Step::Done(Err(Failure::EncryptionRequired));
        }
        let challenge = Challenge(match mechanism {
            Mechanism::Plain => Awaiting::PlainMessage,
            Mechanism::Login => Awaiting::LoginUsername,
        });
        match initial {
            Some(response) => challenge.respond(response),
            None => Step::Challenge(challenge),
        }
    }

    /// Starts where a protocol has a command of its own for a name and a password: USER and
    /// PASS (RFC 1939 section 7), LOGIN (RFC 9051 section 6.2.3).
    ///
    /// What the peer sent is taken as octets; what is no name or password fails as it does in
    /// a mechanism. There is no challenge: the next step is a need, or the end.
    pub fn password(username: &[u8], password: &[u8], context: &Context) -> Step {
        if !context.permits_passwords() {
            return Step::Done(Err(Failure::EncryptionRequired));
        }
        let need = field::parse(username).and_then(|authcid| {
            Ok(VerifyPassword {
                mechanism: None,
                authzid: None,
                authcid,
                password: field::parse(password)?,
            })
        });
        match need {
            Ok(need) => Step::Need(Need::VerifyPassword(need)),
            Err(failure) => Step::Done(Err(failure)),
        }
    }
}

/// Who must act next.
///
/// ```text
/// start --> Challenge -- respond --> Need::VerifyPassword -- answer ----------> Done
///   |          | ^                            |                                  ^
///   |          | +-- LOGIN asks twice         +-- accepted, another authzid      |
///   |          |                                       |                         |
///   |          |                               Need::Authorize -- grant, refuse -+
///   |          +-- cancel, an unusable response ---------------------------------+
///   +-- the channel is not secured ----------------------------------------------+
/// ```
///
/// Complete, and thus exhaustive: every mechanism is made of these three.
#[derive(Debug)]
#[must_use = "an exchange goes no further than its step is taken"]
pub enum Step {
    /// The peer: send it this challenge, and respond with what it answers.
    Challenge(Challenge),
    /// The application: look this up, and answer.
    Need(Need),
    /// Nobody: the exchange is over.
    Done(Outcome),
}

/// A challenge to send to the peer, which waits for its response.
///
/// ```compile_fail,E0382
/// use sasl::server::Challenge;
///
/// fn twice(challenge: Challenge) {
///     let _ = challenge.respond(b"tim");
///     let _ = challenge.respond(b"tom"); // the value was used up
/// }
/// ```
#[must_use = "a challenge that is dropped ends the exchange"]
pub struct Challenge(Awaiting);

impl Challenge {
    /// What to send, before any encoding; it may be empty.
    #[must_use]
    pub fn data(&self) -> &[u8] {
        self.0.prompt()
    }

    /// The mechanism of this exchange.
    #[must_use]
    pub fn mechanism(&self) -> Mechanism {
        match self.0 {
            Awaiting::PlainMessage => Mechanism::Plain,
            Awaiting::LoginUsername | Awaiting::LoginPassword { .. } => Mechanism::Login,
        }
    }

    /// Takes the peer's decoded response.
    pub fn respond(self, response: &[u8]) -> Step {
        self.0
            .respond(response)
            .unwrap_or_else(|failure| Step::Done(Err(failure)))
    }

    /// Ends the exchange because the peer cancelled it, with a line that is exactly `*`
    /// (RFC 4954 section 4).
    pub fn cancel(self) -> Step {
        Step::Done(Err(Failure::Cancelled))
    }
}

impl fmt::Debug for Challenge {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Challenge")
            .field("mechanism", &self.mechanism())
            .finish_non_exhaustive()
    }
}

/// What the application must look up or decide.
///
/// Later mechanisms bring further needs. An application that meets one that it does not know
/// drops it, and reports [`Failure::Unavailable`] to the peer.
#[derive(Debug)]
#[non_exhaustive]
#[must_use = "a need that is dropped ends the exchange"]
pub enum Need {
    /// Is this the user's password?
    VerifyPassword(VerifyPassword),
    /// May this user act as that one?
    Authorize(Authorize),
}

/// The question whether a password is the user's.
///
/// Name and password are [`Prepared`]. What they are compared with must be prepared too.
/// An unknown user must cost as much as a wrong password: [`crate::PasswordFile`] sees to it.
#[must_use = "a need that is dropped ends the exchange"]
pub struct VerifyPassword {
    mechanism: Option<Mechanism>,
    authzid: Option<Prepared>,
    authcid: Prepared,
    password: Prepared,
}

impl VerifyPassword {
    /// The name of the user whose password it should be.
    #[must_use]
    pub fn username(&self) -> &str {
        self.authcid.as_str()
    }

    /// The password that the peer presented.
    #[must_use]
    pub fn password(&self) -> &str {
        self.password.as_str()
    }

    /// The mechanism of this exchange; none where the protocol's own command was used.
    #[must_use]
    pub fn mechanism(&self) -> Option<Mechanism> {
        self.mechanism
    }

    /// Goes on with what was found out.
    ///
    /// An accepted user who asked to act as another one is not yet through: the next step is
    /// [`Need::Authorize`] (RFC 4422 section 3.4.1).
    pub fn answer(self, verdict: Verdict) -> Step {
        let failure = match verdict {
            Verdict::Accept => return self.accepted(),
            Verdict::Reject => Failure::Rejected,
            Verdict::Expired => Failure::Expired,
            Verdict::Disabled => Failure::Disabled,
            Verdict::Unavailable => Failure::Unavailable,
        };
        Step::Done(Err(failure))
    }

    fn accepted(self) -> Step {
        match self.authzid {
            Some(authzid) if authzid != self.authcid => Step::Need(Need::Authorize(Authorize {
                mechanism: self.mechanism,
                authcid: self.authcid,
                authzid,
            })),
            _ => {
                let authzid = self.authcid.clone();
                let authenticated = Authenticated::new(self.mechanism, self.authcid, authzid);
                Step::Done(Ok(authenticated))
            }
        }
    }
}

impl fmt::Debug for VerifyPassword {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("VerifyPassword")
            .field("mechanism", &self.mechanism)
            .field("username", &self.username())
            .finish_non_exhaustive()
    }
}

/// The question whether an authenticated user may act as another one.
///
/// Where nobody may, the answer is always [`Authorize::refuse`].
#[must_use = "a need that is dropped ends the exchange"]
pub struct Authorize {
    mechanism: Option<Mechanism>,
    authcid: Prepared,
    authzid: Prepared,
}

impl Authorize {
    /// The user who has authenticated.
    #[must_use]
    pub fn authcid(&self) -> &str {
        self.authcid.as_str()
    }

    /// The user to act as.
    #[must_use]
    pub fn authzid(&self) -> &str {
        self.authzid.as_str()
    }

    /// The mechanism of this exchange; none where the protocol's own command was used.
    #[must_use]
    pub fn mechanism(&self) -> Option<Mechanism> {
        self.mechanism
    }

    /// Lets the one act as the other.
    pub fn grant(self) -> Step {
        let authenticated = Authenticated::new(self.mechanism, self.authcid, self.authzid);
        Step::Done(Ok(authenticated))
    }

    /// Ends the exchange with [`Failure::Unauthorized`].
    pub fn refuse(self) -> Step {
        Step::Done(Err(Failure::Unauthorized))
    }
}

impl fmt::Debug for Authorize {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Authorize")
            .field("mechanism", &self.mechanism)
            .field("authcid", &self.authcid())
            .field("authzid", &self.authzid())
            .finish()
    }
}

/// Which response is awaited.
enum Awaiting {
    PlainMessage,
    LoginUsername,
    LoginPassword { username: Prepared },
}

impl Awaiting {
    fn prompt(&self) -> &[u8] {
        match self {
            Self::PlainMessage => plain::PROMPT,
            Self::LoginUsername => login::USERNAME_PROMPT,
            Self::LoginPassword { .. } => login::PASSWORD_PROMPT,
        }
    }

    fn respond(self, response: &[u8]) -> Result<Step, Failure> {
        let step = match self {
            Self::PlainMessage => {
                let message = plain::Message::parse(response)?;
                Step::Need(Need::VerifyPassword(VerifyPassword {
                    mechanism: Some(Mechanism::Plain),
                    authzid: message.authzid,
                    authcid: message.authcid,
                    password: message.password,
                }))
            }
            Self::LoginUsername => {
                let username = field::parse(response)?;
                Step::Challenge(Challenge(Self::LoginPassword { username }))
            }
            Self::LoginPassword { username } => Step::Need(Need::VerifyPassword(VerifyPassword {
                mechanism: Some(Mechanism::Login),
                authzid: None,
                authcid: username,
                password: field::parse(response)?,
            })),
        };
        Ok(step)
    }
}
