//! The contract that every protocol machine keeps.

use std::time::Instant;

use crate::{Input, Output, TlsInfo};

/// A protocol, one side of one connection, without any I/O.
///
/// Bytes go into [`input`](Self::input), [`step`](Self::step) turns them into events, answers
/// are methods of the machine itself, and bytes to send are taken from
/// [`output`](Self::output). Whoever has driven one machine has driven all of them; the
/// drivers in [`drive`](crate::drive) need nothing but this trait.
///
/// # Laws
///
/// Each of them is a property test that runs over every machine (feature `testing`).
///
/// 1. *Determinism.* The same bytes, calls and `now` give the same events and output.
/// 2. *Split.* Any segmentation of input and output gives the same conversation.
/// 3. *Bound.* Input stays within its limit, output within its mark plus one reply, and every
///    queue within its limit, whatever the peer does.
/// 4. *Progress.* Once `step` has returned anything but an event, it returns the same until
///    something else is called; k bytes cost O(k), and no line is searched twice.
/// 5. *No panic* on anything that a peer sends.
/// 6. *One answer* for each command, in order.
/// 7. *Round trip.* What the client writes, the server reads back equal, and the reverse.
/// 8. *No injection.* No argument can hold CR, LF or NUL: types refuse them when they are made.
/// 9. *No secret* reaches `Debug`, an error text or a trace.
pub trait Machine {
    /// What the application should know or decide.
    type Event;

    /// Why the conversation is over. The output may still hold a farewell: send it.
    type Error: std::error::Error + Send + Sync + 'static;

    /// Advances as far as the next event, or says what must happen first.
    ///
    /// This is the only method that advances, and the only one that looks at the time: timers
    /// that have run out by `now` expire here.
    ///
    /// # Errors
    ///
    /// The conversation is over. The error stays: every later call returns it again.
    fn step(&mut self, now: Instant) -> Result<Step<Self::Event>, Self::Error>;

    /// Where received bytes are put.
    fn input(&mut self) -> &mut Input;

    /// Where bytes to send are taken from.
    fn output(&mut self) -> &mut Output;

    /// Tells that the peer has closed its side: no more input will come.
    fn eof(&mut self);

    /// The time at which [`step`](Self::step) must be called at the latest.
    ///
    /// There is none while the machine waits for the application, so that a peer is never
    /// punished for our slowness.
    fn deadline(&self) -> Option<Instant>;

    /// Tells that the TLS handshake asked for by [`Step::StartTls`] is done, or that the
    /// connection began with TLS. The machine forgets all it learnt in clear text.
    fn tls_started(&mut self, tls: TlsInfo);

    /// Asks for an orderly end: a server says 421 or BYE after the current command, a client
    /// QUIT or LOGOUT.
    fn shutdown(&mut self);
}

/// What must happen before [`Machine::step`] is called again.
///
/// The enum is complete on purpose: a driver must handle every variant, and a new one would be
/// a new contract.
#[must_use]
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Step<E> {
    /// The application should know this, or decide.
    Event(E),
    /// Nothing complete is buffered: send the output, then read more.
    NeedInput,
    /// Too much is unsent: send before anything more is parsed.
    NeedFlush,
    /// Nothing moves until the application answers an event or goes on with a body.
    Paused,
    /// Send the output, run the TLS handshake on the bare stream, then call
    /// [`Machine::tls_started`].
    StartTls,
    /// Send the output and close.
    Close,
}

/// The application answered or commanded something that the machine was not waiting for.
///
/// Nothing has changed: the call had no effect.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{call} does not fit here: {state}")]
pub struct ApiMisuse {
    /// The method that was called.
    pub call: &'static str,
    /// What the machine was doing.
    pub state: &'static str,
}
