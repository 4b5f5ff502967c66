//! Why a test failed: the messages that came instead, and what was said.

use std::fmt;
use std::time::Duration;

use crate::conversation::Conversation;
use crate::message::Message;
use crate::query::Query;
use crate::sandbox::Shared;

/// The messages that were waited for did not come.
///
/// It prints with the messages that came, and with every conversation, so that the output of a
/// failed test shows why.
pub struct NotArrived(Box<Missing>);

struct Missing {
    query: Query,
    within: Duration,
    found: usize,
    messages: Vec<Message>,
    conversations: Vec<Conversation>,
}

impl NotArrived {
    pub(crate) fn new(shared: &Shared, query: &Query, within: Duration) -> Self {
        let messages = shared.store.messages(|_| true);
        Self(Box::new(Missing {
            found: messages
                .iter()
                .filter(|message| query.matches(message))
                .count(),
            query: query.clone(),
            within,
            messages,
            conversations: shared.store.conversations(),
        }))
    }

    /// How many of those that were wanted have come.
    pub fn found(&self) -> usize {
        self.0.found
    }

    /// What had come.
    pub fn messages(&self) -> &[Message] {
        &self.0.messages
    }
}

impl std::error::Error for NotArrived {}

impl fmt::Display for NotArrived {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let missing = &*self.0;
        let within = missing.within;
        writeln!(f, "{} did not arrive within {within:?}", missing.query)?;
        match missing.messages.len() {
            0 => writeln!(f, "no message came")?,
            count => writeln!(f, "{count} came, {} of them wanted:", missing.found)?,
        }
        let skipped = missing.messages.len().saturating_sub(SHOWN);
        for message in missing.messages.iter().skip(skipped) {
            writeln!(f, "  {message}")?;
        }
        match missing.conversations.len() {
            0 => writeln!(f, "nobody connected")?,
            count => writeln!(f, "{count} connections:")?,
        }
        let skipped = missing.conversations.len().saturating_sub(SHOWN);
        for conversation in missing.conversations.iter().skip(skipped) {
            writeln!(f, "{conversation}")?;
        }
        Ok(())
    }
}

impl fmt::Debug for NotArrived {
    /// As it prints: this is what `unwrap` shows.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// How many messages, and conversations, an error shows: the last of them.
const SHOWN: usize = 10;
