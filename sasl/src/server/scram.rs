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

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    /// RFC 5802 section 5, RFC 7677 section 3, and the latter's inputs with SHA-512: hash,
    /// client's nonce, what the server adds, salt, proof, signature.
    pub(crate) const EXAMPLES: &[(Hash, &str, &str, &str, &str, &str)] = &[
        (
            Hash::Sha1,
            "fyko+d2lbbFgONRv9qkxdawL",
            "3rfcNHYJY1ZVvWVs7j",
            "QSXCR+Q6sek8bf92",
            "v0X8v3Bz2T0CJGbJQyF0X+HI4Ts=",
            "rmF9pqV8S7suAoZWja4dJRkFsKQ=",
        ),
        (
            Hash::Sha256,
            "rOprNGfwEbeRWgbNEkqO",
            "%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0",
            "W22ZaJ0SNY7soEsUEjb6gQ==",
            "dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ=",
            "6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4=",
        ),
        (
            Hash::Sha512,
            "rOprNGfwEbeRWgbNEkqO",
            "%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0",
            "W22ZaJ0SNY7soEsUEjb6gQ==",
            "gMGXRcevScNtxZ6/8lQYpGtnsNAc3mGcmNomv+xnoOMw+3R2xNJdMNnzMlTN8PPC6wdp6dybEmDYXYTxwnYPJQ==",
            "ZQnYEgWQMFmmsM8aQMF0nDDCy/AgCzkwk8CmMZYcMg0vSVlKDanekLtifDSeVGT4+5ZxXnJq199RVG2rR7N7Zw==",
        ),
    ];

    #[test]
    fn examples() {
        use base64::Engine as _;
        use base64::engine::general_purpose::STANDARD;
        for (hash, ours, theirs, salt, proof, signature) in EXAMPLES {
            let octets = STANDARD.decode(salt).unwrap();
            let verifier = Verifier::derive(*hash, "pencil", &octets, 4096).unwrap();
            let mechanism = Mechanism::Scram(*hash);
            let first = First::new(mechanism, *hash, &Context::new("smtp"));
            let message = format!("n,,n=user,r={ours}");
            let Ok(Step::Need(Need::LookupScram(need))) = first.respond(message.as_bytes()) else {
                panic!("no look-up");
            };
            assert_eq!((need.username(), need.hash()), ("user", *hash));
            let Step::Need(Need::Nonce(Nonce(For::Scram(found)))) = need.found(verifier) else {
                panic!("no nonce");
            };
            let Step::Challenge(challenge) = found.challenge(theirs) else {
                panic!("no challenge");
            };
            let expected = format!("r={ours}{theirs},s={salt},i=4096");
            assert_eq!(challenge.data(), expected.as_bytes());
            let response = format!("c=biws,r={ours}{theirs},p={proof}");
            let Step::Challenge(last) = challenge.respond(response.as_bytes()) else {
                panic!("no signature");
            };
            assert_eq!(last.data(), format!("v={signature}").as_bytes());
            let Step::Done(Ok(identity)) = last.respond(b"") else {
                panic!("not in");
            };
            assert_eq!(identity.authzid(), "user");
        }
    }

    /// Pitfall 13: what is signed is what was said, extensions that nobody knows included.
    #[test]
    fn extensions_are_signed() {
        use crate::scram::{client_key, server_key};
        let verifier = Verifier::derive(Hash::Sha256, "pencil", b"salt", 4096).unwrap();
        let first = First::new(
            Mechanism::Scram(Hash::Sha256),
            Hash::Sha256,
            &Context::new("smtp").success_data(true),
        );
        let bare = "n=us=2Cer,r=abc,x=1,y==";
        let Ok(Step::Need(Need::LookupScram(need))) =
            first.respond(format!("n,,{bare}").as_bytes())
        else {
            panic!("no look-up");
        };
        let Step::Need(Need::Nonce(need)) = need.found(verifier) else {
            panic!("no nonce");
        };
        let Step::Challenge(challenge) = need.fill([0; 18]) else {
            panic!("no challenge");
        };
        let server = String::from_utf8(challenge.data().to_vec()).unwrap();
        let nonce = ServerFirst::parse(server.as_bytes()).unwrap().nonce;
        let last = format!("c=biws,r={nonce},z=2");
        let said = format!("{bare},{server},{last}");
        let hash = Hash::Sha256;
        let salted = hash.salted_password(b"pencil", b"salt", 4096);
        let key = client_key(hash, &salted);
        let stored = hash.digest(key.as_bytes());
        let proof = hash
            .hmac(stored.as_bytes(), &[said.as_bytes()])
            .xor(key.as_bytes());
        let response = ClientFinal::text(&last, proof.as_bytes());
        let Step::Done(Ok(identity)) = challenge.respond(response.as_bytes()) else {
            panic!("not in");
        };
        assert_eq!(identity.authzid(), "us,er");
        let signature = hash.hmac(server_key(hash, &salted).as_bytes(), &[said.as_bytes()]);
        let signature = ServerFinal::text(signature.as_bytes());
        assert_eq!(identity.success_data(), signature.as_bytes());
    }
}
