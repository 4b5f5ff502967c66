//! Drivers: what moves bytes between a transport and a [`Machine`](crate::Machine).
//!
//! They are small on purpose, hold no bytes of their own, and can be replaced by a loop of the
//! application's. [`blocking::Driver`] works on anything that reads and writes,
//! `tokio::Driver` (feature `tokio`) on anything that does so asynchronously.

pub mod blocking;
#[cfg(feature = "tokio")]
pub mod tokio;

/// What a driver hands to the application.
///
/// The enum is complete on purpose: it is what is left of [`Step`](crate::Step) when the bytes
/// have been moved.
#[must_use]
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(clippy::exhaustive_enums, reason = "mirrors `Step`, which is complete")]
pub enum Next<E> {
    /// The application should know this, or decide.
    Event(E),
    /// Nothing moves until the application answers an event or goes on with a body.
    Paused,
    /// All output is sent. Run the TLS handshake on the transport, call
    /// [`Machine::tls_started`](crate::Machine::tls_started), and go on with the new transport.
    StartTls,
    /// The conversation is over and our side of the transport is closed. The peer was given a
    /// moment to see the last answer and to close its own.
    Closed,
}

/// Why a driver gave up.
#[derive(Debug, thiserror::Error)]
#[expect(
    clippy::exhaustive_enums,
    reason = "either the machine or the transport fails"
)]
pub enum DriveError<E: std::error::Error> {
    /// The machine ended the conversation; its farewell has been sent if that was possible.
    #[error(transparent)]
    Protocol(E),
    /// The transport failed.
    #[error("transport: {0}")]
    Transport(#[from] std::io::Error),
}

/// How long a farewell may take to be sent, and how long a peer is listened to afterwards so
/// that the farewell is not destroyed by a reset (RFC 1122 section 4.2.2.13).
const FAREWELL: std::time::Duration = std::time::Duration::from_secs(2);

/// How much is read, and thrown away, in that time.
const FAREWELL_OCTETS: usize = 256 * 1024;
