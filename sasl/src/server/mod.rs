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
mod need;
mod outcome;

mod plain;

mod login;

mod outside;

mod scram;

mod oauth;

#[cfg(any(feature = "cram-md5", feature = "apop"))]
mod digest;

mod nonce;

mod relay;

mod field;

use std::borrow::Cow;
use std::fmt;

use crate::{Mechanism, Prepared, limits};

pub use context::Context;
#[cfg(any(feature = "cram-md5", feature = "apop"))]
pub use digest::LookupSharedSecret;
pub use need::{Anonymous, Authorize, ExternalIdentity, Need, VerifyPassword};
pub use nonce::Nonce;
pub use oauth::VerifyToken;
pub use outcome::{Authenticated, Failure, Outcome, Verdict};
pub use relay::Relay;
pub use scram::LookupScram;
#[cfg(test)]
pub(crate) use scram::tests::EXAMPLES as SCRAM_EXAMPLES;

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
    /// Where the context does not [offer](Context::offer) the mechanism, or the channel lacks
    /// what it asks for, the exchange is over at once with [`Failure::NotOffered`]; where it
    /// shows a secret and the context does not permit that, with
    /// [`Failure::EncryptionRequired`].
    pub fn start(mechanism: Mechanism, initial: Option<&[u8]>, context: &Context) -> Step {
        if !context.is_known(mechanism) {
            return Step::Done(Err(Failure::NotOffered));
        }
        if mechanism.is_plaintext() && !context.permits_passwords() {
            return Step::Done(Err(Failure::EncryptionRequired));
        }
        if !context.permits(mechanism) {
            return Step::Done(Err(Failure::NotOffered));
        }
        if context.relays(mechanism) {
            return match initial {
                Some(message) if message.len() > limits::MESSAGE => {
                    Step::Done(Err(Failure::TooLong))
                }
                _ => Step::Need(Need::Relay(Relay::new(mechanism, initial, None))),
            };
        }
        let (prompt, awaiting) = match mechanism {
            Mechanism::ScramPlus(hash) | Mechanism::Scram(hash) => {
                let first = scram::First::new(mechanism, hash, context);
                (&b""[..], Awaiting::ScramFirst(Box::new(first)))
            }
            Mechanism::OAuthBearer | Mechanism::XOAuth2 => (&b""[..], Awaiting::TokenMessage),
            Mechanism::External => (&b""[..], Awaiting::ExternalAuthzid),
            Mechanism::Plain => (&b""[..], Awaiting::PlainMessage),
            Mechanism::Login => (login::USERNAME_PROMPT, Awaiting::LoginUsername),
            Mechanism::Anonymous => (&b""[..], Awaiting::AnonymousTrace),
            #[cfg(feature = "cram-md5")]
            Mechanism::CramMd5 => {
                return match initial {
                    None => Step::Need(Need::Nonce(Nonce(nonce::For::Cram(digest::Cram {
                        hostname: context.host().to_owned(),
                    })))),
                    // The server begins, so nothing can have been answered (RFC 4954 section 4).
                    Some(_) => Step::Done(Err(Failure::Malformed)),
                };
            }
        };
        let challenge = Challenge::new(mechanism, prompt, awaiting);
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
            Ok(Need::VerifyPassword(VerifyPassword {
                mechanism: None,
                authzid: None,
                authcid,
                password: field::parse(password)?,
            }))
        });
        Step::from(need.map(Step::Need))
    }

    /// Starts with the command APOP of POP3 (RFC 1939 section 7): the timestamp is that of the
    /// greeting, angle brackets included, and must be another one for each connection.
    ///
    /// There is no challenge: the next step is a need, or the end.
    #[cfg(feature = "apop")]
    pub fn apop(timestamp: &str, name: &[u8], digest: &[u8]) -> Step {
        let need = LookupSharedSecret::apop(timestamp, name, digest);
        Step::from(need.map(|need| Step::Need(Need::LookupSharedSecret(need))))
    }
}

/// Who must act next.
///
/// ```text
/// start --> Challenge <--------------------------------------------+
///   |          | |                                                 |
///   |          | +-- respond --> Need: a password, a verifier, ... +
///   |          |                  |                                |
///   |          |                  +-- accepted, another authzid    |
///   |          |                  |          |                     |
///   |          |                  |   Need::Authorize -- grant ----+
///   |          |                  |          |                     |
///   |          |                  |          +-- refuse --+        |
///   |          |                  +-- answer -------------+--> Done +
///   |          +-- cancel, an unusable response ----------------^
///   +-- not offered, or the channel is not secured -------------+
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

impl From<Result<Self, Failure>> for Step {
    fn from(step: Result<Self, Failure>) -> Self {
        step.unwrap_or_else(|failure| Self::Done(Err(failure)))
    }
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
pub struct Challenge {
    mechanism: Mechanism,
    data: Cow<'static, [u8]>,
    awaiting: Awaiting,
}

impl Challenge {
    fn new(mechanism: Mechanism, data: impl Into<Cow<'static, [u8]>>, awaiting: Awaiting) -> Self {
        Self {
            mechanism,
            data: data.into(),
            awaiting,
        }
    }

    /// What to send, before any encoding; it may be empty.
    #[must_use]
    pub fn data(&self) -> &[u8] {
        &self.data
    }

    /// The mechanism of this exchange.
    #[must_use]
    pub fn mechanism(&self) -> Mechanism {
        self.mechanism
    }

    /// Takes the peer's decoded response.
    pub fn respond(self, response: &[u8]) -> Step {
        if response.len() > limits::MESSAGE {
            return Step::Done(Err(Failure::TooLong));
        }
        Step::from(self.awaiting.respond(self.mechanism, response))
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

/// Which response is awaited.
enum Awaiting {
    PlainMessage,
    LoginUsername,
    LoginPassword {
        username: Prepared,
    },
    ExternalAuthzid,
    AnonymousTrace,
    ScramFirst(Box<scram::First>),
    ScramFinal(Box<scram::Final>),
    TokenMessage,
    /// The peer has been told why, and says that it has seen it.
    TokenRefused(Failure),
    #[cfg(feature = "cram-md5")]
    CramResponse {
        challenge: String,
    },
    /// The last message was a challenge for want of another place; its response is empty.
    Acknowledgement(Authenticated),
    Relayed(relay::Conversation),
}

impl Awaiting {
    fn respond(self, mechanism: Mechanism, response: &[u8]) -> Result<Step, Failure> {
        let need = match self {
            Self::PlainMessage => {
                let message = plain::Message::parse(response)?;
                Need::VerifyPassword(VerifyPassword {
                    mechanism: Some(mechanism),
                    authzid: message.authzid,
                    authcid: message.authcid,
                    password: message.password,
                })
            }
            Self::LoginUsername => {
                let username = field::parse(response)?;
                let awaiting = Self::LoginPassword { username };
                let challenge = Challenge::new(mechanism, login::PASSWORD_PROMPT, awaiting);
                return Ok(Step::Challenge(challenge));
            }
            Self::LoginPassword { username } => Need::VerifyPassword(VerifyPassword {
                mechanism: Some(mechanism),
                authzid: None,
                authcid: username,
                password: field::parse(response)?,
            }),
            Self::ExternalAuthzid => Need::ExternalIdentity(ExternalIdentity::parse(response)?),
            Self::AnonymousTrace => Need::Anonymous(Anonymous::parse(response)?),
            Self::ScramFirst(first) => return first.respond(response),
            Self::ScramFinal(last) => return last.respond(response),
            Self::TokenMessage => Need::VerifyToken(VerifyToken::parse(mechanism, response)?),
            Self::TokenRefused(failure) => return Err(failure),
            #[cfg(feature = "cram-md5")]
            Self::CramResponse { challenge } => {
                Need::LookupSharedSecret(LookupSharedSecret::cram(challenge, response)?)
            }
            Self::Acknowledgement(authenticated) if response.is_empty() => {
                return Ok(Step::Done(Ok(authenticated)));
            }
            Self::Acknowledgement(_) => return Err(Failure::Malformed),
            Self::Relayed(conversation) => {
                Need::Relay(Relay::new(mechanism, Some(response), Some(conversation)))
            }
        };
        Ok(Step::Need(need))
    }
}
