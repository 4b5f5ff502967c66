//! What was said on a connection.

use std::fmt;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use bytes::Bytes;
use mailwire::testing::text;

use crate::endpoint::Endpoint;
use crate::limits::{BODY_SHOWN, CONVERSATION, RECORDING};

/// The record of one connection, from its beginning to now; it grows while the connection lives.
///
/// Passwords are not in it: what a client sends to authenticate is replaced by `***`. Neither is
/// the whole of a long message, but its beginning.
///
/// It prints as lines of `C:` and `S:`, with the seconds since the beginning, and what else
/// happened behind a `*`.
#[derive(Clone)]
pub struct Conversation(Arc<Mutex<Record>>);

struct Record {
    endpoint: Option<Endpoint>,
    peer: Option<SocketAddr>,
    start: Instant,
    lines: Vec<Line>,
    octets: usize,
    /// How many octets may be remembered in all, and of one line.
    limits: (usize, usize),
}

/// Something that was said, or that happened.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Line {
    /// How long after the beginning, by the clock of the sandbox.
    pub at: Duration,
    /// By whom.
    pub by: Speaker,
    /// The octets, line ends included; of what happened, a description.
    pub bytes: Bytes,
}

/// Whose line it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(clippy::exhaustive_enums, reason = "two speak, and things happen")]
pub enum Speaker {
    /// The client said it.
    Client,
    /// The server said it.
    Server,
    /// It happened: a handshake, a fault, the end.
    Event,
}

impl Conversation {
    pub(crate) fn new(endpoint: Option<Endpoint>, peer: Option<SocketAddr>, now: Instant) -> Self {
        Self(Arc::new(Mutex::new(Record {
            endpoint,
            peer,
            start: now,
            lines: Vec::new(),
            octets: 0,
            limits: (CONVERSATION, BODY_SHOWN),
        })))
    }

    /// One in which messages are whole.
    pub(crate) fn whole(
        endpoint: Option<Endpoint>,
        peer: Option<SocketAddr>,
        now: Instant,
    ) -> Self {
        let new = Self::new(endpoint, peer, now);
        new.lock().limits = (RECORDING, RECORDING);
        new
    }

    /// Adds a line; those that are said in one go are one.
    pub(crate) fn add(&self, now: Instant, by: Speaker, bytes: impl Into<Bytes>) {
        let mut bytes = bytes.into();
        let mut record = self.lock();
        let at = now.saturating_duration_since(record.start);
        let (all, most) = record.limits;
        if bytes.is_empty() || record.octets > all {
            return;
        }
        let hidden = bytes.len().saturating_sub(most);
        bytes.truncate(most);
        record.octets += bytes.len();
        let is_full = record.octets > all;
        record.lines.push(Line { at, by, bytes });
        let mut note = |what: String| {
            let (by, bytes) = (Speaker::Event, what.into());
            record.lines.push(Line { at, by, bytes });
        };
        if hidden > 0 {
            note(format!("{hidden} more octets, which are not shown"));
        }
        if is_full {
            note("what follows is not remembered".into());
        }
    }

    /// Which endpoint it was; none if it was none of the sandbox's.
    pub fn endpoint(&self) -> Option<Endpoint> {
        self.lock().endpoint
    }

    /// Who was at the other end.
    pub fn peer(&self) -> Option<SocketAddr> {
        self.lock().peer
    }

    /// What was said until now.
    pub fn lines(&self) -> Vec<Line> {
        self.lock().lines.clone()
    }

    /// How many octets are remembered.
    pub(crate) fn octets(&self) -> usize {
        self.lock().octets
    }

    /// What one of them said, as text: for assertions.
    ///
    /// ```
    /// # use mail_sandbox::Speaker;
    /// # fn said(conversation: mail_sandbox::Conversation) {
    /// assert!(conversation.said(Speaker::Client).starts_with("EHLO "));
    /// # }
    /// ```
    pub fn said(&self, by: Speaker) -> String {
        let record = self.lock();
        let lines = record.lines.iter().filter(|line| line.by == by);
        let mut all = String::new();
        for line in lines {
            all.push_str(&String::from_utf8_lossy(&line.bytes));
            if by == Speaker::Event {
                all.push('\n');
            }
        }
        all
    }

    fn lock(&self) -> MutexGuard<'_, Record> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Display for Conversation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let record = self.lock();
        match (record.endpoint, record.peer) {
            (Some(endpoint), Some(peer)) => writeln!(f, "{endpoint} with {peer}")?,
            _ => writeln!(f, "no connection")?,
        }
        for line in &record.lines {
            let mark = match line.by {
                Speaker::Client => "C:",
                Speaker::Server => "S:",
                Speaker::Event => "* ",
            };
            for words in line.bytes.split_inclusive(|&octet| octet == b'\n') {
                let whole = words.strip_suffix(b"\r\n");
                // What does not end a line shows it, as in transcripts.
                let open = match (whole, line.by) {
                    (None, Speaker::Client | Speaker::Server) => "\\",
                    _ => "",
                };
                let words = text::print(whole.unwrap_or(words));
                writeln!(f, "{:9.3} {mark} {words}{open}", line.at.as_secs_f64())?;
            }
        }
        Ok(())
    }
}

impl fmt::Debug for Conversation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let record = self.lock();
        f.debug_struct("Conversation")
            .field("endpoint", &record.endpoint)
            .field("peer", &record.peer)
            .field("lines", &record.lines.len())
            .finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_more_is_remembered_than_there_is_room_for() {
        let now = Instant::now();
        let piece = Bytes::from(vec![b'x'; 1 << 20]);
        for (conversation, most, limit) in [
            (Conversation::new(None, None, now), BODY_SHOWN, CONVERSATION),
            (Conversation::whole(None, None, now), 1 << 20, RECORDING),
        ] {
            for _ in 0..100 {
                conversation.add(now, Speaker::Client, piece.clone());
            }
            let said = conversation.said(Speaker::Client).len();
            assert_eq!(said, conversation.octets());
            assert!(said <= limit + most, "{said}");
            let events = conversation.said(Speaker::Event);
            let is_full = said > limit;
            let end = "what follows is not remembered\n";
            assert_eq!(events.ends_with(end), is_full, "{events}");
            assert_eq!(is_full, 100 * most > limit);
        }
    }
}
