//! Mail servers for tests: real ports, captured messages, scripted faults.
//!
//! A [`Sandbox`] is a whole mail host for one test: SMTP, submission, LMTP, POP3 and IMAP, plain and
//! under TLS, on free ports of the loopback. What is sent to it is held in memory, and a test waits for
//! it, asks for it and looks at all of it: the octets, the envelope, the conversation. Here an
//! application signs somebody up, and the test looks for the mail:
//!
//! ```
//! use std::time::Duration;
//! use mail_sandbox::{Endpoint, Query, Sandbox};
//! # use lettre::{AsyncSmtpTransport, AsyncTransport, Message, Tokio1Executor};
//! # async fn sign_up(url: &str, whom: &str) -> Result<(), Box<dyn std::error::Error>> {
//! #     let transport = AsyncSmtpTransport::<Tokio1Executor>::from_url(url)?.build();
//! #     let mail = Message::builder().from("shop@example.net".parse()?).to(whom.parse()?);
//! #     let mail = mail.subject("Welcome").body(format!("https://example.net/confirm/42"))?;
//! #     transport.send(mail).await?;
//! #     Ok(())
//! # }
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let sandbox = Sandbox::start().await?;
//! sign_up(&sandbox.url(Endpoint::Smtp), "alice@example.org").await?;
//!
//! let query = Query::to("alice@example.org").subject("Welcome");
//! let mail = sandbox.wait_for_one(&query, Duration::from_secs(5)).await?;
//! assert!(mail.text().unwrap().contains("https://example.net/confirm/"));
//! assert_eq!(mail.envelope().sender, "shop@example.net");
//! # Ok(())
//! # }
//! ```
//!
//! [`blocking`] has the same for tests without a runtime. [`fault`] makes the servers misbehave, at
//! any point of a conversation and as often as is wanted, and with a [`Clock`] of the test's own
//! nothing has to be waited for:
//!
//! ```
//! use std::time::Duration;
//! use mail_sandbox::fault::{Fault, Preset};
//! use mail_sandbox::{Clock, Sandbox};
//!
//! # async fn run() -> Result<(), mail_sandbox::StartError> {
//! let sandbox = Sandbox::builder()
//!     .clock(Clock::manual())
//!     .faults(Preset::Greylisting(Duration::from_secs(300)).faults())
//!     .fault(Fault::command("EHLO").nth(2).hang_up())
//!     .start()
//!     .await?;
//! // The first attempt is refused; and five minutes later:
//! sandbox.clock().advance(Duration::from_secs(300));
//! # Ok(())
//! # }
//! ```
//!
//! A [conversation](Conversation) is written as a [transcript](Conversation::transcript), and a
//! transcript becomes a server: [`replay`](Builder::replay). One of a foreign server is made by a
//! sandbox between: [`record`](Builder::record).
//!
//! For tests of servers there is the reverse: a [`MisbehavingClient`] has the same faults.
//!
//! The program `mail-sandbox`, a sandbox with a web inbox and an HTTP API, is behind the feature `program`. It is on
//! by default for the sake of `cargo install mailwire-sandbox`; tests do not need what it is built with, and add
//! the crate by `cargo add --dev mailwire-sandbox --no-default-features`.
//!
//! Not supported: APOP, and of IMAP what [`mail_server::imap::config`] does not name, and COMPRESS, in which
//! no fault could find its place.

mod sandbox;
pub use sandbox::Sandbox;

mod builder;
pub use builder::{Builder, StartError};

mod not_arrived;
pub use not_arrived::NotArrived;

pub mod blocking;

mod endpoint;
pub use endpoint::{Endpoint, UnknownEndpoint};

mod message;
pub use message::{Attachment, Envelope, Message, Recipient};

mod query;
pub use query::Query;

mod mailbox;
pub use mailbox::{Filed, FolderError, Mailbox};

mod feed;
pub use feed::{Feed, News};

mod conversation;
pub use conversation::{Conversation, Line, Speaker};

pub mod fault;

mod client;
pub use client::{MisbehavingClient, VisitError};

mod clock;
pub use clock::Clock;

mod authority;
pub use authority::Certificate;

mod trust;

mod store;

mod mailboxes;

mod accounts;

mod session;

mod scripted;

mod transcript;

mod pattern;

mod connection;

mod runtime;

mod limits;

/// The examples there are run with the others.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
mod readme {}
