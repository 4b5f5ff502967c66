//! Mail listeners on tokio and rustls, made of the mailwire protocol machines.
//!
//! The machines know what the RFCs say about bytes and their order. This crate adds what most
//! servers need besides: sockets, TLS, limits on connections, an orderly stop, logins, and stores
//! that mail is delivered into and fetched from. What is left to the application is a [`Service`](smtp::Service):
//! whom to serve, and what becomes of a message.
//!
//! # A tour
//!
//! [`smtp`] has the [`Listener`](smtp::Listener) and its service, for SMTP, submission and LMTP, and
//! [`smtp::Outgoing`], which sends. [`pop3`] has the same for those who fetch their mail, [`imap`] for those who
//! leave it there.
//! [`auth`] is for those who must log in, in whatever protocol.
//! [`smtp::deliver`] is what most services do with a message: it streams it, with its trace
//! header fields, into a [`Mailstore`](store::Mailstore). [`store`] has two of them, in memory
//! and in files, out of which POP3 and IMAP are served. Here is all of it, with a client typed by hand:
//!
//! ```
//! use mail_server::Stop;
//! use mail_server::smtp::{self, Body, Config, Envelope, Listener, Service, Session, Statuses};
//! use mail_server::store::{Account, MemoryStore};
//! use smtp_proto::Reply;
//! use smtp_proto::command::Rcpt;
//! use tokio::io::{AsyncReadExt, AsyncWriteExt};
//! use tokio::net::TcpStream;
//!
//! struct ForAlice(MemoryStore, Account);
//!
//! #[async_trait::async_trait]
//! impl Service for ForAlice {
//!     async fn rcpt(&mut self, _: &Session, _: &Rcpt) -> Result<(), Reply> {
//!         Ok(()) // whoever it is for, it goes to her
//!     }
//!
//!     async fn message(
//!         &mut self,
//!         session: &Session,
//!         envelope: &Envelope,
//!         body: &mut Body<'_>,
//!     ) -> Result<Statuses, Reply> {
//!         let accounts = vec![vec![self.1.clone()]; envelope.recipients.len()];
//!         smtp::deliver(&self.0, "localhost", session, envelope, &accounts, body).await
//!     }
//! }
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let (store, alice, stop): (_, Account, _) =
//!     (MemoryStore::new(), "alice@example.org".parse()?, Stop::new());
//! let listener = Listener::bind("127.0.0.1:0", Config::new("localhost".parse()?)).await?;
//! let address = listener.local_addr();
//! let (mails, owner) = (store.clone(), alice.clone());
//! let service = move |_peer| ForAlice(mails.clone(), owner.clone());
//! let served = tokio::spawn(listener.stop_with(stop.clone()).serve(service));
//!
//! let mut client = TcpStream::connect(address).await?;
//! let (mut replies, mut greeting) = (String::new(), [0; 4]);
//! client.read_exact(&mut greeting).await?;
//! client.write_all(b"EHLO me\r\nMAIL FROM:<tom@example.net>\r\nRCPT TO:<alice@example.org>\r\nDATA\r\n").await?;
//! client.write_all(b"Subject: hello\r\n\r\nHow have you been?\r\n.\r\nQUIT\r\n").await?;
//! client.read_to_string(&mut replies).await?;
//! assert!(replies.contains("250 2.0.0 Ok: queued as "));
//!
//! let mail = &store.messages(&alice)[0];
//! assert_eq!(mail.sender, "tom@example.net");
//! assert!(mail.bytes.starts_with(b"Return-Path: <tom@example.net>\r\n"));
//! assert!(mail.bytes.ends_with(b"\r\nSubject: hello\r\n\r\nHow have you been?\r\n"));
//! drop(client);
//! stop.stop();
//! served.await?;
//! # Ok(())
//! # }
//! ```
//!
//! - [`Tls`] takes a certificate and a key, or any configuration of rustls.
//! - [`Limits`] bounds connections; the sessions' own bounds are in the
//!   [`Config`](smtp::Config).
//! - [`Stop`] ends any number of listeners: idle clients are told to come back later, messages that are on
//!   their way are finished, and after the grace what is left is dropped.
//! - What happens is told to `tracing`, each connection in a span of its own. Passwords never
//!   are, and what a peer names itself cannot break a line.
//!
//! `mailhost` among the examples is a whole host made of these.

pub mod smtp;

pub mod pop3;

pub mod imap;

pub mod auth;

pub mod store;

mod listener;
pub use listener::{Listener, Peer, Protocol, Stop};

mod conversation;

mod acceptor;

mod limits;
pub use limits::Limits;

mod client_tls;
pub use client_tls::{ClientTls, Security};

mod client_auth;

mod proxy;
pub use proxy::Proxies;

mod tls;
pub use tls::{Tls, TlsError};
