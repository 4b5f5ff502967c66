//! Every number that bounds a client's session: what the RFC has for it, and what it protects from.

use std::time::Duration;

/// The bounds of a client's session.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Limits {
    /// Octets of a line of a reply with its CRLF. RFC 5321 section 4.5.3.1.5 has 512; servers with
    /// long addresses in their texts send more, and challenges of AUTH up to 12288 (RFC 4954
    /// section 4). Stops a line without end. Default 12288.
    pub reply_line: usize,
    /// Lines of a reply. The longest are those to EHLO, of some thirty. Stops a reply without end.
    /// Default 200.
    pub reply_lines: usize,
    /// Octets received and not understood yet: holds the longest line. Default 16 KiB.
    pub input: usize,
    /// Octets above which nothing more is said, and no more of a message taken, until some are
    /// sent. Default 64 KiB.
    pub output: usize,
    /// Commands that may be unanswered where the server offers PIPELINING. Their answers have to
    /// fit into what two sockets hold, or both sides wait for each other (RFC 2920 section 3.1).
    /// Default 100.
    pub pipeline: usize,
    /// Octets of a chunk of BDAT (RFC 3030). Each has a reply of its own. Default 256 KiB.
    pub chunk: usize,
    /// A message of up to so many octets is sent along with its recipients, before it is known
    /// whether any is accepted, where the server offers PIPELINING and CHUNKING. A larger one
    /// would be wasted too often. Default 64 KiB.
    pub eager_body: u64,
    /// Time for the greeting (section 4.5.3.2.1). Default 5 minutes.
    pub greeting_time: Duration,
    /// Time for the answers to a hello, AUTH, MAIL, RCPT and all that has no time of its own
    /// (sections 4.5.3.2.2 and 4.5.3.2.3). Default 5 minutes.
    pub command_time: Duration,
    /// Time for the answer to DATA (section 4.5.3.2.4). Default 2 minutes.
    pub data_time: Duration,
    /// Time in which the server has to take something of a message (section 4.5.3.2.5). Default 3
    /// minutes.
    pub block_time: Duration,
    /// Time for the answer to a whole message (section 4.5.3.2.6). Whoever gives up earlier sends
    /// messages twice (RFC 1047). Default 10 minutes.
    pub message_time: Duration,
    /// Time for the answer to QUIT. Default 10 seconds.
    pub quit_time: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            reply_line: 12 * 1024,
            reply_lines: 200,
            input: 16 * 1024,
            output: 64 * 1024,
            pipeline: 100,
            chunk: 256 * 1024,
            eager_body: 64 * 1024,
            greeting_time: Duration::from_secs(300),
            command_time: Duration::from_secs(300),
            data_time: Duration::from_secs(120),
            block_time: Duration::from_secs(180),
            message_time: Duration::from_secs(600),
            quit_time: Duration::from_secs(10),
        }
    }
}
