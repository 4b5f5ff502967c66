//! Every number that bounds a session: its RFC minimum, and what it protects from.

use std::time::Duration;

/// The bounds of a server session.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Limits {
    /// Octets of a command line with its CRLF, other than AUTH. RFC 2449 section 4 has clients
    /// keep to 255. Stops lines that are only there to be stored. Default 512.
    pub command_line: usize,
    /// Octets of a line of an authentication exchange, AUTH itself included. RFC 5034 section 4
    /// names 12288 as sufficient. Default 12288.
    pub auth_line: usize,
    /// Octets of an over-long line that are skipped in search of its end, before the connection
    /// is given up. Stops a line without end. Default 64 KiB.
    pub skipped_line: usize,
    /// Commands that were wrong, of whatever kind, before the connection is closed. Stops
    /// probing. Default 50: a client that asks for each of many deleted messages is no attacker.
    pub errors: u32,
    /// Failed logins before the connection is closed. Stops guessing, and leaves room for clients that
    /// try every mechanism they know with one wrong password. Default 5.
    pub auth_failures: u32,
    /// Time without a command before the session is given up. RFC 1939 section 3 asks for at
    /// least 10 minutes. Not prolonged by single octets. Default 10 minutes.
    pub idle_time: Duration,
    /// Time from the greeting to a successful login, however busy the client is. Stops a
    /// connection that is held open with NOOPs by a stranger. Default 10 minutes.
    pub login_time: Duration,
    /// Time for a line of an authentication exchange. Default 5 minutes.
    pub auth_time: Duration,
    /// Time in which a client must take at least something of what is sent. Stops a client that
    /// asks and never reads. Default 10 minutes.
    pub write_time: Duration,
    /// Octets received and not understood yet. Holds the longest line, and what a client sends
    /// ahead. Default 16 KiB.
    pub input: usize,
    /// Octets to be sent above which nothing more is parsed or taken of a message. Stops a client that
    /// sends commands and never reads. Default 64 KiB: enough for the network to be busy while
    /// more of a message is read.
    pub output: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            command_line: 512,
            auth_line: 12 * 1024,
            skipped_line: 64 * 1024,
            errors: 50,
            auth_failures: 5,
            idle_time: Duration::from_secs(600),
            login_time: Duration::from_secs(600),
            auth_time: Duration::from_secs(300),
            write_time: Duration::from_secs(600),
            input: 16 * 1024,
            output: 64 * 1024,
        }
    }
}

/// The bounds of a client session.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct ClientLimits {
    /// Octets of a line of a reply or a list. RFC 2449 section 4 has servers keep to 512 for the
    /// first line; challenges may have 12288 (RFC 5034 section 4). Stops a line without end.
    /// Default 16 KiB.
    pub reply_line: usize,
    /// Commands that may be unanswered, sent or not. Default 1000.
    pub pipeline: usize,
    /// Lines of the answer to CAPA. Stops a server that fills the memory. Default 200.
    pub capabilities: usize,
    /// Time in which a server must say something, while an answer is due. Default 5 minutes.
    pub reply_time: Duration,
    /// Octets received and not understood yet. Default 64 KiB.
    pub input: usize,
    /// Octets of commands above which no more are sent until some have left. Default 16 KiB.
    pub output: usize,
}

impl Default for ClientLimits {
    fn default() -> Self {
        Self {
            reply_line: 16 * 1024,
            pipeline: 1000,
            capabilities: 200,
            reply_time: Duration::from_secs(300),
            input: 64 * 1024,
            output: 16 * 1024,
        }
    }
}

/// The longest first line of an answer, with its CRLF (RFC 2449 section 4).
pub(crate) const STATUS_LINE: usize = 512;

/// The longest line of a command, with its CRLF, that a client sends (RFC 2449 section 4; for AUTH
/// with an initial response RFC 5034 section 4).
pub(crate) const SENT_LINE: usize = 255;

/// The longest unique id (RFC 1939 section 7).
pub(crate) const UNIQUE_ID: usize = 70;

/// The most messages of a maildrop: their numbers are 32 bits wide.
pub(crate) const MESSAGES: usize = u32::MAX as usize;
