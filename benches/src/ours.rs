//! Our own side of every comparison, one function each; `None` is printed as "not built yet".
//!
//! What a [`Work`] returns is checked: it must have done as many units as its peers.

use crate::body::Body;
use crate::case::Work;
use anyhow::Result;
use std::net::TcpListener;
use std::rc::Rc;

/// A new server machine for each time: [`HELLO`](crate::session::HELLO),
/// [`TRANSACTION`](crate::session::TRANSACTION), [`FAREWELL`](crate::session::FAREWELL), every
/// event accepted. Returns the messages received.
pub(crate) fn fresh_session() -> Option<Work> {
    None
}

/// One server machine that has been greeted: a [`TRANSACTION`](crate::session::TRANSACTION)
/// each time, every event accepted. Returns the messages received.
pub(crate) fn kept_session() -> Option<Work> {
    None
}

/// The commands of [`MIX`](crate::commands::MIX) each time, into owned values. Returns how
/// many were parsed.
pub(crate) fn parse_commands() -> Option<Work> {
    None
}

/// The wire bytes of `body`, from line start to its end, in its chunks, the copy into the
/// input included. Returns the bytes of content.
pub(crate) fn receive_body(_body: &Rc<Body>) -> Option<Work> {
    None
}

/// A server that accepts every message on `listener` and throws it away, for ever. The
/// listener is a blocking one; it keeps what it received no longer than its peers do.
pub(crate) fn smtp_sink() -> Option<fn(TcpListener) -> Result<()>> {
    None
}
