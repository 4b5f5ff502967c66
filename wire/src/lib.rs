//! The contract of the mailwire protocol machines: bytes in, events out, bytes out.
//!
//! A [`Machine`] is one side of one connection of a mail protocol, without any I/O. It is kept
//! by every machine of the family, client or server, so whoever has driven one has driven all:
//!
//! - received bytes are appended to its [`Input`];
//! - [`Machine::step`] turns them into events, or says in a [`Step`] what must happen first;
//! - the application answers through the machine's own methods, when it likes;
//! - bytes to send are taken from its [`Output`];
//! - time is an argument, and a [deadline](Machine::deadline) is a value.
//!
//! Most applications use a driver from [`drive`]. The loop is small enough to write by hand, as
//! here, for any machine and any transport that reads and writes:
//!
//! ```
//! use std::io::{self, Read, Write};
//! use std::time::Instant;
//!
//! use bytes::Buf;
//! use mailwire::{Machine, Step};
//!
//! fn drive<M: Machine>(
//!     machine: &mut M,
//!     stream: &mut (impl Read + Write),
//!     mut answer: impl FnMut(&mut M, M::Event),
//! ) -> io::Result<()> {
//!     let mut piece = [0; 4096];
//!     loop {
//!         match machine.step(Instant::now()).map_err(io::Error::other)? {
//!             Step::Event(event) => answer(machine, event),
//!             Step::Close => return send(machine, stream),
//!             Step::NeedFlush => send(machine, stream)?,
//!             Step::NeedInput => {
//!                 send(machine, stream)?;
//!                 let room = piece.len().min(machine.input().limit() - machine.input().len());
//!                 match stream.read(&mut piece[..room])? {
//!                     0 => machine.eof(),
//!                     count => assert_eq!(machine.input().extend(&piece[..count]), count),
//!                 }
//!             }
//!             Step::Paused | Step::StartTls => return Err(io::Error::other("not in this example")),
//!         }
//!     }
//! }
//!
//! fn send<M: Machine>(machine: &mut M, stream: &mut impl Write) -> io::Result<()> {
//!     while machine.output().has_remaining() {
//!         let count = stream.write(machine.output().chunk())?;
//!         machine.output().advance(count);
//!     }
//!     stream.flush()
//! }
//! ```
//!
//! For those who write machines there are codecs that slice instead of copying ([`mod@line`], [`dot`]),
//! the header of the PROXY protocol ([`proxy`]), timers ([`Timer`], [`FlushTimer`]), what the SASL profiles share ([`auth`]), and bytes that must not
//! be seen ([`Secret`]). The feature `testing` has the
//! transcript runner and the checks of the nine laws that stand on [`Machine`]; the feature
//! `tokio` has the asynchronous driver.
//!
//! Not here: protocols, which are crates of their own; TLS, which is the transport's; compression,
//! which is a layer inside the machine that negotiates it.

mod machine;
pub use machine::{ApiMisuse, Machine, Step};

mod input;
pub use input::Input;

mod output;
pub use output::Output;

pub mod drive;

pub mod line;

pub mod dot;

pub mod proxy;

mod timer;
pub use timer::{FlushTimer, Timer};

pub mod auth;

mod secret;
pub use secret::Secret;

mod tls;
pub use tls::TlsInfo;

#[cfg(any(test, feature = "testing"))]
pub mod testing;
