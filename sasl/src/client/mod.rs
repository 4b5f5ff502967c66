//! The client side: an exchange that answers challenges, and knows when it may be believed.
//!
//! [`Client::select`] takes what the server offers and begins with the best of it that the
//! [`Credentials`] and the channel allow. A protocol then sends the mechanism's name, perhaps
//! with the [initial response](Client::initial_response), answers challenges with
//! [`respond`](Client::respond), and when the server says that all is well, asks
//! [`finish`](Client::finish) whether it is: some mechanisms make the server prove itself,
//! and a server that skips this is not to be trusted.
//!
//! ```
//! use sasl::client::{Client, Context, Credentials};
//!
//! let credentials = Credentials::password("tim", "tanstaaf")?;
//! let context = Context::new().secured(true);
//! let random = [7; 18]; // new ones each time, of course
//! let mut client = Client::select(["LOGIN", "PLAIN"], &credentials, &context, random)?;
//!
//! assert_eq!(client.mechanism().name(), "PLAIN");
//! let initial = client.initial_response(500).unwrap();
//! assert_eq!(initial.as_bytes(), b"\0tim\0tanstaaf");
//! client.finish(None)?; // the server said 235, +OK or OK
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! When the server refuses the credentials, that is the answer: to try them with another
//! mechanism would show them to a server that has just denied to know them. When it refuses the
//! *mechanism* (504), select again [without](Context::without) it.

mod context;
mod credentials;

mod scram;

use std::fmt;

use zeroize::Zeroizing;

use crate::gs2::{Flag, Header};
use crate::{Mechanism, PrepareError};

pub use context::Context;
use credentials::Kind;
pub use credentials::{Credentials, CredentialsError};

/// One exchange, seen from the client.
pub struct Client {
    mechanism: Mechanism,
    state: State,
}

impl Client {
    /// Begins with the best of the mechanisms that a server offers, by the order of
    /// [`Mechanism::ALL`]. Names that are not known are passed over.
    ///
    /// The octets are for the mechanism's nonce: they must be random and new each time.
    ///
    /// # Errors
    ///
    /// If none of them can be used with these credentials on this channel.
    pub fn select<'a>(
        offered: impl IntoIterator<Item = &'a str>,
        credentials: &Credentials,
        context: &Context,
        random: [u8; 18],
    ) -> Result<Self, ClientError> {
        let offered: Vec<Mechanism> = offered
            .into_iter()
            .filter_map(|name| name.parse().ok())
            .collect();
        let mut fit = Mechanism::ALL
            .iter()
            .copied()
            .filter(|mechanism| offered.contains(mechanism))
            .filter(|&mechanism| context.supports(mechanism) && credentials.fit(mechanism));
        let found = fit.clone().find(|&mechanism| context.permits(mechanism));
        let Some(mechanism) = found else {
            return Err(match fit.next() {
                Some(_) => ClientError::EncryptionRequired,
                None => ClientError::NoMechanism,
            });
        };
        // Had the server offered to bind the channel, that would have been chosen: if it has,
        // and somebody in between has taken the offer away, it will see by this that we could.
        let flag = match context.bindings().is_empty() {
            true => Flag::No,
            false => Flag::Unused,
        };
        Self::begin(mechanism, credentials, context, flag, random)
    }

    /// Begins with this mechanism, whatever was offered.
    ///
    /// # Errors
    ///
    /// If it cannot be used with these credentials on this channel.
    pub fn start(
        mechanism: Mechanism,
        credentials: &Credentials,
        context: &Context,
        random: [u8; 18],
    ) -> Result<Self, ClientError> {
        if !context.supports(mechanism) || !credentials.fit(mechanism) {
            return Err(ClientError::NoMechanism);
        }
        if !context.permits(mechanism) {
            return Err(ClientError::EncryptionRequired);
        }
        Self::begin(mechanism, credentials, context, Flag::No, random)
    }

    fn begin(
        mechanism: Mechanism,
        credentials: &Credentials,
        context: &Context,
        flag: Flag,
        random: [u8; 18],
    ) -> Result<Self, ClientError> {
        let authzid = credentials.authzid.as_ref();
        let state = match (mechanism, &credentials.kind) {
            (
                Mechanism::Scram(hash) | Mechanism::ScramPlus(hash),
                Kind::Password { username, password },
            ) => {
                let flag = match (mechanism, context.bindings().best()) {
                    (Mechanism::ScramPlus(_), Some(name)) => Flag::Used(name.to_owned()),
                    _ => flag,
                };
                let header = Header {
                    binding: flag,
                    authzid: authzid.cloned(),
                };
                let sent = scram::Sent::new(hash, header, username, password, context, random)?;
                let message = Response::from(sent.message());
                State::First(message, Box::new(State::ScramFirst(Box::new(sent))))
            }
            (Mechanism::Plain, Kind::Password { username, password }) => {
                let authzid = authzid.map_or("", |authzid| authzid.as_str());
                let message = [authzid, "\0", username.as_str(), "\0", password.as_str()];
                State::First(Response::from(message.concat()), Box::new(State::Sent))
            }
            (Mechanism::Login, Kind::Password { username, password }) => State::LoginUsername {
                username: Response::from(username.as_str().to_owned()),
                password: Response::from(password.as_str().to_owned()),
            },
            #[cfg(feature = "cram-md5")]
            (Mechanism::CramMd5, Kind::Password { username, password }) => State::CramChallenge {
                username: username.as_str().to_owned(),
                password: crate::Prepared::parse(password)?,
            },
            (Mechanism::OAuthBearer, Kind::Token { username, token }) => {
                let header = Header {
                    binding: Flag::No,
                    authzid: Some(authzid.unwrap_or(username).clone()),
                };
                let place = context.place();
                let message = format!("{header}\x01{place}auth=Bearer {}\x01\x01", token.as_str());
                let sent = State::TokenSent { seen: b"\x01" };
                State::First(Response::from(message), Box::new(sent))
            }
            (Mechanism::XOAuth2, Kind::Token { username, token }) => {
                let user = authzid.unwrap_or(username).as_str();
                let message = format!("user={user}\x01auth=Bearer {}\x01\x01", token.as_str());
                let sent = State::TokenSent { seen: b"" };
                State::First(Response::from(message), Box::new(sent))
            }
            (Mechanism::External, Kind::External) => {
                let authzid = authzid.map_or("", |authzid| authzid.as_str());
                let message = Response::from(authzid.to_owned());
                State::First(message, Box::new(State::Sent))
            }
            (Mechanism::Anonymous, Kind::Anonymous { trace }) => {
                State::First(Response::from(trace.clone()), Box::new(State::Sent))
            }
            _ => return Err(ClientError::NoMechanism),
        };
        Ok(Self { mechanism, state })
    }

    /// The mechanism to name to the server.
    #[must_use]
    pub fn mechanism(&self) -> Mechanism {
        self.mechanism
    }

    /// What to send along with the mechanism's name, if the protocol can do that: it may be
    /// empty, which is another thing than none.
    ///
    /// There is none where the server begins, and where base64 would not fit into `room`
    /// octets: then it is what answers the first challenge.
    #[must_use]
    pub fn initial_response(&mut self, room: usize) -> Option<Response> {
        let State::First(message, _) = &self.state else {
            return None;
        };
        if message.0.len().div_ceil(3).saturating_mul(4) > room {
            return None;
        }
        match std::mem::replace(&mut self.state, State::Over) {
            State::First(message, next) => {
                self.state = *next;
                Some(message)
            }
            _ => unreachable!("the state was looked at above"),
        }
    }

    /// Answers a challenge, decoded. An empty answer is one.
    ///
    /// # Errors
    ///
    /// If the server cannot be trusted, or says what it may not. The exchange is over then:
    /// cancel it, and read what the server has to say to that.
    pub fn respond(&mut self, challenge: &[u8]) -> Result<Response, ClientError> {
        let (response, next) = match std::mem::replace(&mut self.state, State::Over) {
            // Whatever it says: it asks for the first message.
            State::First(message, next) => (message, *next),
            // Whatever they say: the prompts of servers differ.
            State::LoginUsername { username, password } => {
                (username, State::LoginPassword { password })
            }
            State::LoginPassword { password } => (password, State::Sent),
            #[cfg(feature = "cram-md5")]
            State::CramChallenge { username, password } => {
                let digest = crate::md5::hmac(password.as_str().as_bytes(), challenge);
                let digest = String::from_utf8_lossy(&digest);
                (Response::from(format!("{username} {digest}")), State::Sent)
            }
            State::ScramFirst(sent) => {
                let (message, server) = sent.respond(challenge)?;
                (Response::from(message), State::ScramFinal(Box::new(server)))
            }
            State::ScramFinal(server) => {
                server.verify(challenge)?;
                (Response::from(String::new()), State::Sent)
            }
            // The challenge says why the token is not taken; the failure itself follows (RFC
            // 7628 section 3.2.3).
            State::TokenSent { seen } => (Response::from(seen), State::Over),
            State::Sent | State::Over => return Err(ClientError::Unexpected),
        };
        self.state = next;
        Ok(response)
    }

    /// Says whether the server's success is to be believed. The data is what its reply
    /// carried, in a protocol where it can.
    ///
    /// # Errors
    ///
    /// If the server has not proven that it knows the password, where the mechanism promises
    /// that (RFC 5802 section 5); or if it was content before it was told everything. Close the
    /// connection then.
    pub fn finish(self, success_data: Option<&[u8]>) -> Result<(), ClientError> {
        match (self.state, success_data) {
            (State::Sent | State::TokenSent { .. }, None | Some([])) => Ok(()),
            (State::ScramFinal(server), Some(data)) => server.verify(data),
            (State::ScramFinal(_), None) => Err(ClientError::ServerNotVerified),
            _ => Err(ClientError::Unexpected),
        }
    }
}

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Client")
            .field("mechanism", &self.mechanism)
            .finish_non_exhaustive()
    }
}

/// How far an exchange has come.
///
/// ```text
/// First -------------------> Sent            PLAIN, EXTERNAL, ANONYMOUS
/// First -------------------> TokenSent --> Over     (a challenge refuses the token)
/// First --> ScramFirst --> ScramFinal --> Sent      (the server is verified)
/// LoginUsername --> LoginPassword --> Sent
/// CramChallenge -----------> Sent
/// anything that goes wrong: Over
/// ```
enum State {
    /// The first message, which goes with the name or answers the first challenge.
    First(Response, Box<Self>),
    LoginUsername {
        username: Response,
        password: Response,
    },
    LoginPassword {
        password: Response,
    },
    #[cfg(feature = "cram-md5")]
    CramChallenge {
        username: String,
        password: crate::Prepared,
    },
    ScramFirst(Box<scram::Sent>),
    ScramFinal(Box<scram::Expected>),
    /// The token was sent; what answers a challenge that refuses it.
    TokenSent {
        seen: &'static [u8],
    },
    /// Nothing is left to say.
    Sent,
    Over,
}

/// What answers a challenge: wiped when dropped, and never printed.
pub struct Response(Zeroizing<Vec<u8>>);

impl Response {
    /// The octets to send, before any encoding.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }
}

impl From<String> for Response {
    fn from(message: String) -> Self {
        Self(Zeroizing::new(message.into_bytes()))
    }
}

impl From<&'static [u8]> for Response {
    fn from(message: &'static [u8]) -> Self {
        Self(Zeroizing::new(message.to_vec()))
    }
}

impl fmt::Debug for Response {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Response({} octets)", self.0.len())
    }
}

/// Why an exchange cannot begin or go on, seen from the client.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ClientError {
    /// No mechanism fits the server, the credentials and the channel.
    #[error("the server offers no mechanism that fits the credentials")]
    NoMechanism,
    /// What fits would show the password or token on a channel that is not secured.
    #[error("the mechanism needs a secured channel")]
    EncryptionRequired,
    /// The password cannot be used with this mechanism.
    #[error("the password cannot be used with this mechanism: {0}")]
    Password(#[from] PrepareError),
    /// The server's message has not the mechanism's form.
    #[error("the server's message is malformed")]
    Malformed,
    /// The server's nonce does not go on from ours, or adds nothing.
    #[error("the server's nonce is not made of ours")]
    Nonce,
    /// Fewer or more iterations than the context [allows](Context::iterations).
    #[error("the server asks for too few or too many iterations")]
    Iterations,
    /// The server has not proven that it knows the password.
    #[error("the server did not prove that it knows the password")]
    ServerNotVerified,
    /// A challenge or a success where there can be none.
    #[error("the server's message comes at the wrong time")]
    Unexpected,
}

/// The digest that the command APOP sends (RFC 1939 section 7): the timestamp is that of the
/// greeting, angle brackets included.
///
/// ```
/// let digest = sasl::client::apop("<1896.697170952@dbc.mtview.ca.us>", "tanstaaf");
/// assert_eq!(digest, "c4c9334bac560ecc979e58001b3e22fb");
/// ```
#[cfg(feature = "apop")]
#[must_use]
pub fn apop(timestamp: &str, password: &str) -> String {
    let digest = crate::md5::digest(&[timestamp.as_bytes(), password.as_bytes()]);
    String::from_utf8_lossy(&digest).into_owned()
}
