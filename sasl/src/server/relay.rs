//! Mechanisms whose messages somebody else understands, such as Dovecot's auth service.

use std::any::Any;
use std::fmt;

use zeroize::Zeroizing;

use super::need::{Last, identified};
use super::{Awaiting, Challenge, Failure, Step, Verdict};
use crate::{Mechanism, Prepared};

/// What the relay remembers of an exchange between two of its messages. When an exchange is
/// cancelled or dropped it is dropped, by which the relay notices.
pub(super) type Conversation = Box<dyn Any + Send + Sync>;

/// The question what the one says who understands this message.
///
/// The messages are opaque; that PLAIN and its like are not used in clear text has been seen
/// to.
#[must_use = "a need that is dropped ends the exchange"]
pub struct Relay {
    mechanism: Mechanism,
    message: Option<Zeroizing<Vec<u8>>>,
    conversation: Option<Conversation>,
}

impl Relay {
    pub(super) fn new(
        mechanism: Mechanism,
        message: Option<&[u8]>,
        conversation: Option<Conversation>,
    ) -> Self {
        Self {
            mechanism,
            message: message.map(|message| Zeroizing::new(message.to_vec())),
            conversation,
        }
    }

    /// The mechanism.
    #[must_use]
    pub fn mechanism(&self) -> Mechanism {
        self.mechanism
    }

    /// The initial response if there is one, later the peer's response, which there always is.
    #[must_use]
    pub fn message(&self) -> Option<&[u8]> {
        self.message.as_deref().map(Vec::as_slice)
    }

    /// What was given with the last challenge; nothing at the first message.
    #[must_use]
    pub fn conversation(&mut self) -> Option<Box<dyn Any + Send + Sync>> {
        self.conversation.take()
    }

    /// Goes on with a challenge for the peer, and what the relay wants back with the response.
    pub fn challenge(self, challenge: &[u8], conversation: Box<dyn Any + Send + Sync>) -> Step {
        Step::Challenge(Challenge::new(
            self.mechanism,
            challenge.to_vec(),
            Awaiting::Relayed(conversation),
        ))
    }

    /// Lets the peer in, as the user that the other side names. A name that cannot be
    /// [prepared](Prepared) is nobody's.
    pub fn accept(self, username: &str) -> Step {
        match Prepared::parse(username) {
            Ok(user) => identified(Some(self.mechanism), user, None, Last::Nothing),
            Err(_) => Step::Done(Err(Failure::Rejected)),
        }
    }

    /// Ends the exchange. To accept takes a name, so a verdict that accepts rejects.
    pub fn refuse(self, verdict: Verdict) -> Step {
        Step::Done(Err(verdict.failure().unwrap_or(Failure::Rejected)))
    }
}

impl fmt::Debug for Relay {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Relay")
            .field("mechanism", &self.mechanism)
            .finish_non_exhaustive()
    }
}
