//! SASL mechanisms whose needs are values: no callbacks, no I/O.
//!
//! A server that lets its peers log in has to look things up: is this the password, may this
//! user act as that one? Here these questions are values. An exchange hands one out, the
//! application finds the answer in whatever way and time it likes, and giving the answer
//! yields the next step. Nothing blocks, nothing is called back, and no step can be taken
//! twice or left out: the [`Authenticated`](server::Authenticated) at the end can be made by
//! a successful exchange alone, so a protocol may take it as proof.
//!
//! # A tour
//!
//! [`server`] is the server side. [`Server::start`](server::Server::start) takes a
//! [`Mechanism`], the peer's initial response and what the protocol knows about the channel,
//! and returns a [`Step`](server::Step): send a challenge, answer a need, or done. [`client`]
//! is the other side, [`backend`] speaks to programs that know users. Here is a LOGIN, with a
//! [`PasswordFile`] to check passwords against:
//!
//! ```
//! use sasl::server::{Context, Failure, Need, Server, Step};
//! use sasl::{Mechanism, PasswordFile};
//!
//! let users = PasswordFile::from_accounts(["tim:tanstaaf"]).unwrap();
//! let mut responses = ["tim", "tanstaaf"].into_iter(); // the peer
//! let mut challenges = Vec::new();
//!
//! let context = Context::new("smtp").secured(true);
//! let mut step = Server::start(Mechanism::Login, None, &context);
//! let outcome = loop {
//!     step = match step {
//!         Step::Challenge(challenge) => {
//!             challenges.push(challenge.data().to_vec()); // send it, and read a response
//!             match responses.next() {
//!                 Some(response) => challenge.respond(response.as_bytes()),
//!                 None => challenge.cancel(),
//!             }
//!         }
//!         Step::Need(Need::VerifyPassword(need)) => {
//!             let verdict = users.verify(need.username(), need.password());
//!             need.answer(verdict)
//!         }
//!         Step::Need(Need::Authorize(need)) => need.refuse(), // everybody is but themselves
//!         Step::Need(_) => break Err(Failure::Unavailable), // of mechanisms that are not offered
//!         Step::Done(outcome) => break outcome,
//!     };
//! };
//!
//! assert_eq!(challenges, [b"Username:", b"Password:"]);
//! assert_eq!(outcome.unwrap().authzid(), "tim");
//! ```
//!
//! [`PasswordFile`] holds users and their [`Credential`](credential::Credential)s: hashed, as
//! verifiers for SCRAM, or plain. It spends the same work on unknown users as on known ones, and
//! [answers](PasswordFile::answer) whatever need a password can answer. An application with
//! users of its own needs neither; it answers [`VerifyPassword`](server::VerifyPassword) from
//! its database, and stores names and passwords in the form that [`Prepared`] gives them.
//! [`limits`] has all bounds.
//!
//! # What it leaves to others
//!
//! - Messages are bytes. Base64, `=` for an empty response and `*` for a cancelled exchange
//!   are the protocol's.
//! - Counting and delaying failed attempts is the application's.
//! - Randomness is passed in, as the salt of [`credential::hash`] and as the answer to
//!   [`Need::Nonce`](server::Need::Nonce).
//! - Not supported: GSSAPI and what else is made of other systems' tickets, DIGEST-MD5 (moved to
//!   historic by RFC 6331), and security layers.
//!
//! # Features
//!
//! `hashes` (on by default): credentials hashed with argon2, scrypt, pbkdf2, bcrypt or crypt(3),
//! and the libraries for it. Without it, [`PasswordFile`] knows plain passwords and SCRAM verifiers
//! only.
//!
//! `cram-md5` and `apop` (off): the digests of CRAM-MD5 and of POP3's APOP, for old clients.
//! They make the server keep passwords in clear text.

pub mod server;

pub mod client;

pub mod scram;

mod mechanism;
mod prepared;

mod gs2;
mod token;

#[cfg(any(feature = "cram-md5", feature = "apop"))]
mod md5;

mod password_file;

pub mod credential;

pub mod backend;

pub mod limits;

#[cfg(test)]
mod work;

pub use gs2::ChannelBindings;
pub use mechanism::{Mechanism, MechanismError};
pub use password_file::{LineError, LineReason, PasswordFile};
pub use prepared::{PrepareError, Prepared};
