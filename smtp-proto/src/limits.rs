//! Every number that bounds a session: its RFC minimum, and what it protects from.

use std::time::Duration;

/// The bounds of a server session.
///
/// The defaults are generous for people and tight for attackers. Everything that RFC 5321
/// section 4.5.3.1 sets a minimum for is at or above that minimum.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Limits {
    /// Octets of a command line with its CRLF, other than AUTH. RFC 5321 section 4.5.3.1.4 asks
    /// for 512, and SIZE, 8BITMIME, AUTH= and SMTPUTF8 together add 553. Stops lines that are
    /// only there to be stored. Default 2048.
    pub command_line: usize,
    /// Octets of a line of an authentication exchange, AUTH itself included. RFC 4954 section 4
    /// names 12288 as sufficient; tokens have grown since, but not past it. Default 12288.
    pub auth_line: usize,
    /// Octets of an over-long line that are skipped in search of its end, before the connection
    /// is given up. Stops a line without end. Default 1 MiB.
    pub skipped_line: usize,
    /// Octets of a message, counted with CRLF and without stuffing (RFC 1870 section 4). `None`
    /// announces no limit. Stops a full disk. Default 10,240,000.
    pub message: Option<u64>,
    /// Octets beyond that which are still read of a message that is refused already, in search of
    /// its end and the place for the reply. Then the connection is closed. Stops a message
    /// without end. Default 100 MiB.
    pub skipped_message: u64,
    /// Recipients of a transaction. RFC 5321 section 4.5.3.1.8 asks for 100. More are answered
    /// 452 (section 4.5.3.1.10), so that a client sends the rest in another transaction; those
    /// beyond twice the number count as errors too. Default 1000.
    pub recipients: u32,
    /// Domains among the recipients of a transaction; recipients of further ones are answered 452.
    /// Announced by LIMITS as `RCPTDOMAINMAX` (RFC 9422). Default `None`: no limit.
    pub recipient_domains: Option<u32>,
    /// MAIL commands of a session, whether they succeed or not; the next is answered 421 and the
    /// connection closed. Announced by LIMITS as `MAILMAX` (RFC 9422). Default `None`: no limit.
    pub messages: Option<u32>,
    /// Commands that were wrong, of whatever kind, before the connection is closed. Stops
    /// probing. Default 20.
    pub errors: u32,
    /// Commands that move no mail (RSET, NOOP, VRFY, HELP, a repeated hello) since the last
    /// accepted message; further ones count as errors. Stops a session that is held open for
    /// nothing. Default 100.
    pub idle_commands: u32,
    /// AUTH commands answered 535 before the connection is closed. Stops guessing, and leaves room for
    /// clients that try every mechanism they know with one wrong password. Default 5.
    pub auth_failures: u32,
    /// Time for which a client has to be silent before it is greeted; one that is not is turned
    /// away. Stops programs that send without listening. Default none: the greeting is immediate.
    pub greeting_delay: Duration,
    /// Time for a command to arrive whole, from the moment we can take it. RFC 5321 section
    /// 4.5.3.2.7 asks for 5 minutes. Not prolonged by single octets. Default 5 minutes.
    pub command_time: Duration,
    /// Time between two pieces of a message. Section 4.5.3.2.5 has clients give up after 3
    /// minutes without progress. Default 5 minutes.
    pub data_time: Duration,
    /// Time for a whole message. Stops a message that is dripped in octet by octet. Default 2 hours.
    pub message_time: Duration,
    /// Time for a line of an authentication exchange. Default 5 minutes.
    pub auth_time: Duration,
    /// Octets received and not understood yet. Holds the longest line, or what one read of a
    /// body brings. Default 64 KiB.
    pub input: usize,
    /// Octets of replies above which nothing more is parsed until some are sent. Stops a client
    /// that sends commands and never reads. Default 16 KiB.
    pub output: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            command_line: 2048,
            auth_line: 12 * 1024,
            skipped_line: 1 << 20,
            message: Some(10_240_000),
            skipped_message: 100 << 20,
            recipients: 1000,
            recipient_domains: None,
            messages: None,
            errors: 20,
            idle_commands: 100,
            auth_failures: 5,
            greeting_delay: Duration::ZERO,
            command_time: Duration::from_secs(300),
            data_time: Duration::from_secs(300),
            message_time: Duration::from_secs(2 * 3600),
            auth_time: Duration::from_secs(300),
            input: 64 * 1024,
            output: 16 * 1024,
        }
    }
}

/// The longest command line that every server takes, with its CRLF (RFC 5321 section 4.5.3.1.4). AUTH
/// is not exempt (RFC 4954 section 4).
pub(crate) const COMMAND_LINE: usize = 512;

/// The longest local part (RFC 5321 section 4.5.3.1.1).
pub(crate) const LOCAL_PART: usize = 64;

/// The longest domain (section 4.5.3.1.2).
pub(crate) const DOMAIN: usize = 255;

/// The longest path, with its punctuation (section 4.5.3.1.3), widened to what the two parts
/// allow: a longer domain than the path could hold would be refused for the wrong reason.
pub(crate) const PATH: usize = LOCAL_PART + 1 + DOMAIN + 2;

/// The longest reply line with code and CRLF (section 4.5.3.1.5).
pub(crate) const REPLY_LINE: usize = 512;

/// The most lines of a reply: an EHLO reply has some thirty, and nobody reads more than a few
/// of an error's.
pub(crate) const REPLY_LINES: usize = 100;

/// The most parameters of one MAIL or RCPT: every registered one fits, several times.
pub(crate) const PARAMETERS: usize = 64;

/// The longest `ENVID=` value (RFC 3461 section 4.4).
pub(crate) const ENVELOPE_ID: usize = 100;

/// The longest `ORCPT=` value (RFC 3461 section 4.2).
pub(crate) const ORIGINAL_RECIPIENT: usize = 500;

/// The longest `SOLICIT=` value (RFC 3865 section 2.4).
pub(crate) const SOLICITATION: usize = 1000;
