//! SMTP, ESMTP and LMTP as state machines without I/O.
//!
//! [`server::Server`] is one side of one connection. It owns framing, the order of commands,
//! limits, time-outs and the wording of protocol errors; the application brings the transport
//! and decides whom to serve. It never sees a socket: bytes are put into its input, events come
//! out of [`step`](mailwire::Machine::step), replies are taken from its output.
//!
//! ```
//! use std::time::Instant;
//!
//! use bytes::Buf;
//! use mailwire::{Machine, Step};
//! use smtp_proto::server::{Config, Event, Server};
//!
//! let mut server = Server::new(Config::new("mx.test".parse()?));
//! let mut message = Vec::new();
//! let client = b"EHLO client.test\r\nMAIL FROM:<a@b.test>\r\nRCPT TO:<c@mx.test>\r\nDATA\r\n\
//!     Subject: hello\r\n\r\n..one dot\r\n.\r\nQUIT\r\n";
//! assert_eq!(server.input().extend(client), client.len());
//! loop {
//!     match server.step(Instant::now())? {
//!         Step::Event(Event::Body(piece)) => message.extend_from_slice(&piece),
//!         Step::Event(Event::Rcpt(rcpt)) => match rcpt.path.to_string().as_str() {
//!             "<c@mx.test>" => server.accept()?,
//!             _ => server.reply("550 5.1.1 No such user".parse()?)?,
//!         },
//!         Step::Event(Event::Reset) => {}
//!         Step::Event(_) => server.accept()?,
//!         Step::Close => break,
//!         other => panic!("{other:?} needs a transport"),
//!     }
//! }
//! assert_eq!(message, b"Subject: hello\r\n\r\n.one dot\r\n");
//! let waiting = server.output().remaining();
//! let replies = server.output().copy_to_bytes(waiting);
//! assert!(replies.starts_with(b"220 mx.test ESMTP ready\r\n250-mx.test\r\n"));
//! assert!(replies.ends_with(b"354 End data with <CR><LF>.<CR><LF>\r\n250 2.0.0 Ok\r\n221 2.0.0 Bye\r\n"));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! With a transport the loop is a driver's: see [`mailwire::drive`], and the crate
//! `mailwire-server` for a listener that is ready to use.

pub mod server;

pub mod client;

pub mod command;
pub mod parameter;

mod extension;
pub use extension::{Extension, Extensions};

mod path;
pub use path::{Domain, ForwardPath, InvalidDomain, InvalidPath, Mailbox, ReversePath};

mod reply;
pub use reply::{InvalidReply, MalformedReply, Reply, ReplyReader};

mod strictness;
pub use strictness::Strictness;

mod limits;
pub use limits::Limits;

mod error;
pub use command::SyntaxError;
pub use error::Error;
