//! POP3, server and client, as state machines without I/O.
//!
//! [`server::Server`] and [`client::Client`] are one side of one connection each. They own framing,
//! the order of commands, numbers and deletions, limits and time-outs; the application brings the
//! transport, the passwords and the mailboxes. They never see a socket: bytes are put into their
//! input, events come out of [`step`](mailwire::Machine::step), and bytes to send are taken from
//! their output.
//!
//! Here the two speak with each other:
//!
//! ```
//! use std::time::Instant;
//!
//! use bytes::{Buf, Bytes};
//! use mailwire::{Machine, Step};
//! use pop3_proto::client::{self, Client};
//! use pop3_proto::command::Password;
//! use pop3_proto::server::{self, Server};
//! use pop3_proto::{Maildrop, Size};
//!
//! let mail = Bytes::from_static(b"Subject: hello\n\n.one dot\n");
//! let mut size = Size::new();
//! size.add(&mail);
//!
//! let mut config = server::Config::new();
//! config.auth_without_tls = true; // nobody listens here
//! let mut server = Server::new(config);
//!
//! let mut client = Client::new(client::Config::new());
//! client.login("alice".parse()?, Password::new(*b"secret")?)?;
//! client.retr(1)?;
//! client.quit()?;
//!
//! let mut fetched = Vec::new();
//! loop {
//!     match server.step(Instant::now())? {
//!         Step::Event(server::Event::Login(login)) => match login.password.expose() {
//!             b"secret" => {
//!                 let mut maildrop = Maildrop::new();
//!                 maildrop.push(size.octets(), "a-name-that-stays")?;
//!                 server.open(maildrop)?;
//!             }
//!             _ => server.err("[AUTH] Authentication failed".parse()?)?,
//!         },
//!         Step::Event(server::Event::Retrieve(_)) => {
//!             server.ok()?;
//!             server.write_body(&mut mail.clone())?; // it is small enough to fit
//!             server.finish_body()?;
//!         }
//!         Step::Event(server::Event::Update(_)) => server.ok()?,
//!         _ => {}
//!     }
//!     match client.step(Instant::now())? {
//!         Step::Event(client::Event::Body(piece)) => fetched.extend_from_slice(&piece),
//!         Step::Close => break,
//!         _ => {}
//!     }
//!     // The network: what one says, the other hears.
//!     let (one, other) = (server.output(), client.input());
//!     let said = one.copy_to_bytes(one.remaining());
//!     assert_eq!(other.extend(&said), said.len());
//!     let (one, other) = (client.output(), server.input());
//!     let said = one.copy_to_bytes(one.remaining());
//!     assert_eq!(other.extend(&said), said.len());
//! }
//! assert_eq!(fetched, b"Subject: hello\r\n\r\n.one dot\r\n");
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! With a transport the loop is a driver's: see [`mailwire::drive`], and the crate
//! `mailwire-server` for a listener and a client that are ready to use.
//!
//! # What is spoken
//!
//! RFC 1939 with TOP, UIDL and APOP, CAPA and the response codes of RFC 2449 and RFC 3206
//! (PIPELINING, RESP-CODES, AUTH-RESP-CODE, EXPIRE, LOGIN-DELAY, IMPLEMENTATION), STLS (RFC 2595),
//! AUTH with initial responses (RFC 5034), UTF8 and LANG (RFC 6856), and LAST (RFC 1460) for those
//! who still ask. SASL mechanisms and the digest of APOP are not computed here: their bytes pass
//! through, so that any engine plugs in, `mailwire-sasl` among them.
//!
//! Not supported: messages are never rewritten for clients without UTF-8 mode (RFC 6856 section
//! 2.1 would allow that; the application may refuse them with `[UTF8]`), and security layers of
//! SASL mechanisms.

pub mod server;

pub mod client;

pub mod command;
pub use command::SyntaxError;

mod reply;
pub use reply::{InvalidReply, OtherCode, Refusal, Reply, ResponseCode};

pub mod capability;

mod maildrop;
pub use maildrop::{InvalidUniqueId, Maildrop, Size, UniqueId};

mod strictness;
pub use strictness::Strictness;

mod limits;
pub use limits::{ClientLimits, Limits};

mod error;
pub use error::Error;
