//! A delivery that is going on: what was said of it, and what was answered.

use super::outgoing::Outgoing;
use super::{Delivery, Fate, Outcome};
use crate::Reply;
use crate::server::Protocol;

/// What is known of a message on its way.
#[derive(Debug)]
pub(super) struct Transaction {
    pub(super) delivery: Delivery,
    pub(super) framing: Framing,
    pub(super) mail_said: bool,
    /// How many recipients were said.
    pub(super) said: usize,
    pub(super) mail_accepted: bool,
    /// The recipients that were accepted, and those that have their fate.
    accepted: Vec<usize>,
    answers: Vec<Option<Reply>>,
    /// What refused the whole: the answer to MAIL, DATA or a chunk.
    refused: Option<Reply>,
    pub(super) body: Option<Outgoing>,
    /// The application has finished the message.
    pub(super) finished: bool,
    /// Its end was put into the output.
    pub(super) complete: bool,
}

/// How the message will be sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Framing {
    /// With DATA.
    Dots,
    /// With BDAT, once recipients are accepted.
    Chunks,
    /// With BDAT, along with the envelope.
    EagerChunks,
}

impl Transaction {
    pub(super) fn new(delivery: Delivery, framing: Framing) -> Self {
        Self {
            answers: vec![None; delivery.recipients.len()],
            delivery,
            framing,
            mail_said: false,
            said: 0,
            mail_accepted: false,
            accepted: Vec::new(),
            refused: None,
            body: None,
            finished: false,
            complete: false,
        }
    }

    /// Whether somebody will get the message, as far as is known.
    pub(super) fn has_recipients(&self) -> bool {
        !self.accepted.is_empty() && self.refused.is_none()
    }

    pub(super) fn is_refused(&self) -> bool {
        self.refused.is_some()
    }

    pub(super) fn mail_answered(&mut self, reply: Reply) {
        self.mail_accepted = reply.is_positive();
        if !self.mail_accepted {
            self.refuse(reply);
        }
    }

    pub(super) fn rcpt_answered(&mut self, recipient: usize, reply: Reply) {
        if reply.is_positive() {
            self.accepted.push(recipient);
        } else if self.refused.is_none() {
            // Otherwise this only says that there was no MAIL before it.
            self.answers[recipient] = Some(reply);
        }
    }

    /// The message will not be accepted, for the first reason that there is.
    pub(super) fn refuse(&mut self, reply: Reply) {
        self.refused.get_or_insert(reply);
    }

    /// A status for the message. Says whether more are due (RFC 2033 section 4.2).
    pub(super) fn message_answered(
        &mut self,
        status: usize,
        reply: Reply,
        protocol: Protocol,
    ) -> bool {
        match protocol {
            Protocol::Smtp => {
                for recipient in std::mem::take(&mut self.accepted) {
                    self.answers[recipient] = Some(reply.clone());
                }
                false
            }
            Protocol::Lmtp => {
                if let Some(recipient) = self.accepted.get(status) {
                    self.answers[*recipient] = Some(reply);
                }
                status + 1 < self.accepted.len()
            }
        }
    }

    /// Whether all that was answered to the message itself was positive.
    pub(super) fn is_success(&self) -> bool {
        let mut answers = self.answers.iter().flatten();
        self.refused.is_none() && answers.any(Reply::is_positive)
    }

    /// What became of it. Where nothing was answered, `unanswered` says what that means.
    pub(super) fn outcome(self, unanswered: &Fate) -> Outcome {
        let fate = |answer: Option<Reply>| match (answer, &self.refused) {
            // A recipient that was accepted for a message that was not.
            (Some(reply), Some(refused)) if reply.is_positive() => Fate::of(refused),
            (Some(reply), _) => Fate::of(&reply),
            (None, Some(refused)) => Fate::of(refused),
            (None, None) => unanswered.clone(),
        };
        Outcome(self.answers.into_iter().map(fate).collect())
    }
}
