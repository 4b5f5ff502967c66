//! SCRAM (RFC 5802, RFC 7677), the server's side.

use std::fmt;

use super::need::{Last, identified};
use super::nonce::For;
use super::{Awaiting, Challenge, Context, Failure, Need, Nonce, Step, Verdict};
use crate::gs2::Flag;
use crate::scram::message::{ClientFinal, ClientFirst, ServerFinal, ServerFirst};
use crate::scram::{DecoyKey, Hash, Verifier};
use crate::{Mechanism, Prepared};

/// Waits for the first message.
pub(super) struct First {
    hash: Hash,
    mechanism: Mechanism,
    context: Context,
}

impl First {
    pub(super) fn new(mechanism: Mechanism, hash: Hash, context: &Context) -> Self {
        Self {
            hash,
            mechanism,
            context: context.clone(),
        }
    }

    pub(super) fn respond(self, response: &[u8]) -> Result<Step, Failure> {
        let first = ClientFirst::parse(response).ok_or(Failure::Malformed)?;
        let Self {
            hash,
            mechanism,
            context,
        } = self;
        // RFC 5802 section 6.
        let bound = match &first.header.binding {
            Flag::No => &[],
            // The peer could bind and was made to believe that we cannot: somebody has struck
            // our mechanisms out.
            Flag::Unused if context.permits(Mechanism::ScramPlus(hash)) => {
                return Err(Failure::Rejected);
            }
            Flag::Unused => &[],
            Flag::Used(name) => context.bindings().named(name).ok_or(Failure::Rejected)?,
        };
        let binds = matches!(first.header.binding, Flag::Used(_));
        if binds != matches!(mechanism, Mechanism::ScramPlus(_)) {
            return Err(Failure::Malformed);
        }
        Ok(Step::Need(Need::LookupScram(LookupScram {
            hash,
            mechanism,
            binding: [first.gs2.as_bytes(), bound].concat(),
            success_data: context.has_success_data(),
            first,
        })))
    }
}

/// The question what a user's verifier looks like.
///
/// Whether there is such a user must not show. [`unknown`](Self::unknown) goes on with a
/// decoy, which nobody can satisfy; [`crate::PasswordFile`] makes decoys that look like the
/// verifiers of its users.
#[must_use = "a need that is dropped ends the exchange"]
pub struct LookupScram {
    hash: Hash,
    mechanism: Mechanism,
    first: ClientFirst,
    /// What the peer has to repeat: its header, and the data of the channel binding.
    binding: Vec<u8>,
    success_data: bool,
}

impl LookupScram {
    /// The user's name.
    #[must_use]
    pub fn username(&self) -> &str {
        self.first.username.as_str()
    }

    /// The hash function that the verifier has to be made with.
    #[must_use]
    pub fn hash(&self) -> Hash {
        self.hash
    }

    /// The mechanism of this exchange.
    #[must_use]
    pub fn mechanism(&self) -> Mechanism {
        self.mechanism
    }

    /// Goes on with the user's verifier. One that is made with another hash function is as
    /// good as none: the exchange ends with [`Failure::Unavailable`].
    pub fn found(self, verifier: Verifier) -> Step {
        self.answer(verifier, Verdict::Accept)
    }

    /// Goes on with the verifier of a user who will not be let in, which is told to those who
    /// know the password.
    pub fn barred(self, verifier: Verifier, verdict: Verdict) -> Step {
        self.answer(verifier, verdict)
    }

    /// Goes on as if there were such a user, to the same end as with a wrong password.
    pub fn unknown(self, key: &DecoyKey) -> Step {
        let decoy = key.verifier(self.hash, self.username());
        self.answer(decoy, Verdict::Reject)
    }

    /// Ends the exchange: nobody knows now.
    pub fn unavailable(self) -> Step {
        Step::Done(Err(Failure::Unavailable))
    }

    fn answer(self, verifier: Verifier, verdict: Verdict) -> Step {
        if verifier.hash() != self.hash || verdict == Verdict::Unavailable {
            return self.unavailable();
        }
        Step::Need(Need::Nonce(Nonce(For::Scram(Box::new(Found {
            exchange: self,
            verifier,
            verdict,
        })))))
    }
}

impl fmt::Debug for LookupScram {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LookupScram")
            .field("mechanism", &self.mechanism)
            .field("username", &self.username())
            .finish_non_exhaustive()
    }
}

/// A verifier was found, or a decoy.
pub(super) struct Found {
    exchange: LookupScram,
    verifier: Verifier,
    verdict: Verdict,
}

impl Found {
    pub(super) fn challenge(self: Box<Self>, nonce: &str) -> Step {
        let nonce = format!("{}{nonce}", self.exchange.first.nonce);
        let first = ServerFirst::new(nonce, self.verifier.salt(), self.verifier.iterations());
        let mechanism = self.exchange.mechanism;
        let text = first.text.clone();
        let last = Awaiting::ScramFinal(Box::new(Final {
            found: *self,
            first,
        }));
        Step::Challenge(Challenge::new(mechanism, text.into_bytes(), last))
    }
}

/// Waits for the proof.
pub(super) struct Final {
    found: Found,
    first: ServerFirst,
}

impl Final {
    pub(super) fn respond(self, response: &[u8]) -> Result<Step, Failure> {
        let last = ClientFinal::parse(response).ok_or(Failure::Malformed)?;
        let Found {
            exchange,
            verifier,
            verdict,
        } = self.found;
        if last.nonce != self.first.nonce || last.binding != exchange.binding {
            return Err(Failure::Rejected);
        }
        // RFC 5802 section 3, `AuthMessage`: what was said, to the octet.
        let said = [&exchange.first.bare, ",", &self.first.text, ",", &last.bare];
        let signature = verifier
            .sign(&said.map(str::as_bytes), &last.proof)
            .ok_or(Failure::Rejected)?;
        if let Some(failure) = verdict.failure() {
            return Err(failure);
        }
        let signature = ServerFinal::text(signature.as_bytes());
        let authcid: Prepared = exchange.first.username;
        Ok(identified(
            Some(exchange.mechanism),
            authcid,
            exchange.first.header.authzid,
            match exchange.success_data {
                true => Last::InSuccess(signature),
                false => Last::InChallenge(exchange.mechanism, signature),
            },
        ))
    }
}
