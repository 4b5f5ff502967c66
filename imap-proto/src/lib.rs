//! IMAP4rev1, IMAP4rev2 and their extensions, as a grammar and as state machines without I/O.
//!
//! [`server::Server`] and [`client::Client`] are one side of one connection each. The server owns framing, literals, the order of commands,
//! sequence numbers, and when a client may be told what; the application brings the transport, the passwords
//! and the mailboxes, and speaks of messages by UID alone. The client sends what may be sent at once, asks for leave
//! where it is needed, and keeps a view of its mailbox.
//!
//! ```
//! use std::time::Instant;
//!
//! use bytes::Buf;
//! use imap_proto::server::{Config, Event, Selected, Server};
//! use mailwire::{Machine, Step};
//!
//! let mut config = Config::new();
//! config.auth_without_tls = true; // nobody listens here
//! let mut server = Server::new(config);
//! let said = b"a LOGIN alice secret\r\nb SELECT INBOX\r\nc IDLE\r\n";
//! assert_eq!(server.input().extend(said), said.len());
//! loop {
//!     match server.step(Instant::now())? {
//!         Step::Event(Event::Login(login)) if login.password.expose() == b"secret" => server.ok()?,
//!         Step::Event(Event::Select(_)) => {
//!             let mut selected = Selected::new(7.try_into()?, 5.try_into()?);
//!             selected.uids = "1:4".parse()?;
//!             server.selected(selected)?;
//!             server.ok()?;
//!         }
//!         // Another session has deleted a message: tell when you may.
//!         Step::Event(Event::Idle) => server.expunged(&"3".parse()?, None)?,
//!         Step::NeedInput => break, // with a transport: send the output, read more
//!         other => panic!("{other:?}"),
//!     }
//! }
//! let output = server.output();
//! let said = output.copy_to_bytes(output.remaining());
//! assert!(said.ends_with(b"+ idling\r\n* 3 EXPUNGE\r\n"));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! The grammar can be had alone: a [`Framer`] cuts a stream into frames, a [`Reader`] reads a frame as a
//! [`command`] or a [`response`], and an [`Encoder`](encode::Encoder) writes one.
//!
//! Not supported: results of searches that are kept up to date (`CONTEXT`, the option `UPDATE`), security layers of SASL
//! mechanisms, and `UNAUTHENTICATE` on a compressed connection. [`features`] lists what the
//! grammar has, and what not.

pub mod server;

pub mod client;

pub mod frame;
pub use frame::{Frame, Framer};

mod tag;
pub use tag::Tag;

mod string;
pub use string::{Atom, Content, Octets, Text};

mod number;
pub use number::{ModSeq, ModSeqOrZero};

mod set;
pub use set::{NumberSet, OpenSet, OrderedSet, ResultRange, Run, SequenceSet};

mod mailbox;
pub use mailbox::{MailboxName, MailboxPattern};

mod utf7;

mod flag;
pub use flag::{Flag, Flags, MailboxAttribute, MailboxAttributes, PermanentFlags};

mod date;
pub use date::{Date, DateTime};

mod section;
pub use section::{Partial, Section, SectionText};

mod annotation;
pub use annotation::Annotation;

mod capability;
pub use capability::{Capability, Extension};

mod status;
pub use status::StatusItem;

pub mod command;
pub mod response;

mod reader;
pub use reader::Reader;

mod deflate;

mod class;
mod keyword;
mod lex;

mod quirks;
pub use quirks::Quirks;

pub mod encode;

mod limits;
pub use limits::{ClientLimits, FrameLimits, Limits, ServerLimits};

#[doc = include_str!("../FEATURES.md")]
pub mod features {}

mod error;
pub use error::{Error, FrameError, Invalid, SyntaxError};
