//! Every number that bounds what is read: its RFC minimum, and what it protects from.

use std::time::Duration;

/// The bounds of a server session.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct ServerLimits {
    /// Of what a client sends. Default [`FrameLimits::commands`].
    pub frame: FrameLimits,
    /// Of what is read of it.
    pub read: Limits,
    /// Octets of a literal that somebody may send who has not logged in. Holds names, passwords and what
    /// ID tells. Default 1000.
    pub stranger_literal: u64,
    /// Commands in a row that were wrong, before the connection is closed. Stops probing. Default 20.
    pub errors: u32,
    /// The same for those who have not logged in. Stops clients of other protocols, which somebody may have
    /// talked into sending commands (RFC 9051 section 11). Default 3.
    pub stranger_errors: u32,
    /// Failed logins before the connection is closed. Stops guessing, and leaves room for clients that try
    /// every mechanism they know with one wrong password. Default 5.
    pub auth_failures: u32,
    /// Time without a command before the session is given up. RFC 9051 section 5.4 asks for at least 30
    /// minutes. Not prolonged by single octets. Default 30 minutes.
    pub idle_time: Duration,
    /// Time from the greeting to a login, however busy the client is. Stops a connection that is held open by
    /// a stranger. Default 3 minutes.
    pub login_time: Duration,
    /// Time for a line of an authentication exchange, or for a TLS handshake. Default 3 minutes.
    pub auth_time: Duration,
    /// Time for the next octets of a message. Default 5 minutes.
    pub data_time: Duration,
    /// Time in which a client must take at least something of what is sent. Stops a client that asks and
    /// never reads. Default 10 minutes.
    pub write_time: Duration,
    /// Messages whose new flags are kept until the client may be told; of more it is only kept which they
    /// are. Stops a session that never asks from filling the memory. Default 1000.
    pub news: usize,
    /// Sets of messages that one search names, such as `1:*`. Each takes room for every gap in the
    /// mailbox; stops a search that names all messages ten thousand times. Default 100.
    pub search_sets: usize,
    /// Statuses and names that NOTIFY has asked for and that wait to be told. Stops a client that wants to hear of
    /// everything and never reads; it is told that it was too much (RFC 5465 section 5.8). Default 2000.
    pub notices: usize,
    /// Octets to be sent above which nothing more is parsed or taken of a message. Stops a client that sends
    /// commands and never reads. Default 128 KiB: a client that reads messages by the thousand is woken less often than
    /// with less.
    pub output: usize,
}

impl Default for ServerLimits {
    fn default() -> Self {
        Self {
            frame: FrameLimits::commands(),
            read: Limits::default(),
            stranger_literal: 1000,
            errors: 20,
            stranger_errors: 3,
            auth_failures: 5,
            idle_time: Duration::from_secs(1800),
            login_time: Duration::from_secs(180),
            auth_time: Duration::from_secs(180),
            data_time: Duration::from_secs(300),
            write_time: Duration::from_secs(600),
            news: 1000,
            search_sets: 100,
            notices: 2000,
            output: 128 * 1024,
        }
    }
}

/// The bounds of a client session.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct ClientLimits {
    /// Of what a server sends. Default [`FrameLimits::responses`].
    pub frame: FrameLimits,
    /// Of what is read of it.
    pub read: Limits,
    /// Commands that may be unanswered, sent or not. Default 1000.
    pub pipeline: usize,
    /// Messages of the selected mailbox whose UIDs are kept, 4 octets each. Stops a server that claims to have
    /// any number. Default 10 million.
    pub messages: usize,
    /// Time in which a server must say something, while an answer is due. Default 5 minutes.
    pub reply_time: Duration,
    /// Octets of commands above which no more are sent until some have left. Default 64 KiB.
    pub output: usize,
}

impl Default for ClientLimits {
    fn default() -> Self {
        Self {
            frame: FrameLimits::responses(),
            read: Limits::default(),
            pipeline: 1000,
            messages: 10_000_000,
            reply_time: Duration::from_secs(300),
            output: 64 * 1024,
        }
    }
}

/// The bounds of a [`Framer`](crate::Framer).
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct FrameLimits {
    /// Octets of a command or response outside of its literals. RFC 7162 section 4 has servers take
    /// 8192. Stops lines that are only there to be stored. Default 64 KiB for commands and 4 MiB for
    /// responses: `SEARCH` answers with all its numbers in one line.
    pub text: usize,
    /// Octets of an over-long line, beyond [`text`](Self::text), that are skipped in search of its
    /// end before the connection is given up. Stops a line without end. Default 64 KiB for
    /// commands, 64 MiB for responses.
    pub skipped: usize,
    /// Octets of a literal that is kept within its frame without a question. What is larger is
    /// [announced](crate::frame::Found::Literal), and may be streamed or refused. Default 64 KiB.
    pub kept_literal: u64,
    /// Octets of all literals that are kept within one frame. Stops a command or response that
    /// collects literals in memory. Default 1 MiB.
    pub kept_literals: u64,
    /// Literals of one frame. Stops one that never ends in small steps. Default 1000: a response
    /// or command has few, but `APPEND` may bring many messages (RFC 3502).
    pub literals: usize,
    /// Octets of a literal that a client may send without waiting. A server with `LITERAL-` has 4096 here
    /// (RFC 7888 section 5), so that nobody can send much that is not wanted. Default: no other limit than
    /// [`literal`](Self::literal), as with `LITERAL+`.
    pub non_synchronising: u64,
    /// Octets of a literal that is streamed. Default 2^63 - 1 (RFC 9051 section 9, `number64`): how
    /// large a message may be is decided when it is announced.
    pub literal: u64,
}

impl FrameLimits {
    /// For commands, which come from anybody.
    pub const fn commands() -> Self {
        Self {
            text: 64 * 1024,
            skipped: 64 * 1024,
            kept_literal: 64 * 1024,
            kept_literals: 1024 * 1024,
            literals: 1000,
            non_synchronising: NUMBER64,
            literal: NUMBER64,
        }
    }

    /// For responses, which come from a server of the user's choice.
    pub const fn responses() -> Self {
        Self {
            text: 4 * 1024 * 1024,
            skipped: 64 * 1024 * 1024,
            ..Self::commands()
        }
    }
}

/// The bounds of a [`Reader`](crate::Reader).
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Limits {
    /// Levels of parentheses, search keys or body parts within each other. Stops recursion that
    /// exhausts the stack. Default 100: no mail program comes near.
    pub depth: u16,
}

impl Default for Limits {
    fn default() -> Self {
        Self { depth: 100 }
    }
}

/// The largest number of 63 bits (RFC 9051 section 9, `number64`; RFC 7162, `mod-sequence-value`).
pub(crate) const NUMBER64: u64 = i64::MAX as u64;

/// The longest value that is written as a quoted string; what is longer becomes a literal. Old
/// servers have fixed buffers for quoted strings, and RFC 2683 section 3.4.2 advises literals.
pub(crate) const QUOTED: usize = 1024;

/// The largest literal that LITERAL- lets a client send without waiting (RFC 7888 section 5).
pub(crate) const LITERAL_MINUS: u64 = 4096;

/// Up to so many flags each is compared with each; more are looked up. Stops a list of a million.
pub(crate) const FEW_FLAGS: usize = 16;

/// Literals from this size on are chained into the output instead of copied.
pub(crate) const CHAINED: usize = 1024;

/// The longest tag that is looked for in a command that is too long to be kept.
pub(crate) const TAG: usize = 128;

/// Octets that decide whether an over-long line ends with a literal: `~{9223372036854775807+}` and
/// its line end.
pub(crate) const ANNOUNCEMENT: usize = 26;

/// Sequence numbers, or runs of UIDs, that are told to be gone in one go, before it is looked whether the
/// output is full.
pub(crate) const GONE_AT_ONCE: usize = 500;

/// Compressed octets that were received and not inflated yet. More wait in the network.
pub(crate) const DEFLATED_INPUT: usize = 16 * 1024;

/// Numbers of a search's result that are written in one go, before it is looked whether the output is full.
pub(crate) const NUMBERS_AT_ONCE: u32 = 1000;

/// Octets of a message that are taken at least while the output is not over its mark, however close it is.
pub(crate) const LEAST_PIECE: usize = 64;
