//! What the application must look up or decide.
//!
//! The needs of SCRAM, of digests, of tokens and of relayed mechanisms stand with them.

use std::fmt;

#[cfg(any(feature = "cram-md5", feature = "apop"))]
use super::LookupSharedSecret;
use super::outcome::{Authenticated, Failure, Verdict};
use super::{Awaiting, Challenge, LookupScram, Nonce, Relay, Step, VerifyToken};
use crate::{Mechanism, Prepared};

/// What the application must look up or decide.
///
/// An application that meets one that it does not know drops it, and reports
/// [`Failure::Unavailable`] to the peer. That cannot happen while it
/// [offers](super::Context::offer) only mechanisms whose needs it knows:
///
/// | mechanism | needs |
/// |---|---|
/// | PLAIN, LOGIN, [`Server::password`](super::Server::password) | `VerifyPassword` |
/// | SCRAM, with or without PLUS | `LookupScram`, `Nonce` |
/// | OAUTHBEARER, XOAUTH2 | `VerifyToken` |
/// | EXTERNAL | `ExternalIdentity` |
/// | ANONYMOUS | `Anonymous` |
/// | CRAM-MD5 | `Nonce`, `LookupSharedSecret` |
/// | [`Server::apop`](super::Server) | `LookupSharedSecret` |
/// | any that is [relayed](super::Context::relay) | `Relay` |
/// | any but LOGIN and ANONYMOUS, if the peer asks to act as another user | `Authorize` |
#[derive(Debug)]
#[non_exhaustive]
#[must_use = "a need that is dropped ends the exchange"]
pub enum Need {
    /// Is this the user's password?
    VerifyPassword(VerifyPassword),
    /// What does a user's verifier look like?
    LookupScram(LookupScram),
    /// What is a user's password?
    #[cfg(any(feature = "cram-md5", feature = "apop"))]
    LookupSharedSecret(LookupSharedSecret),
    /// Whose token is this?
    VerifyToken(VerifyToken),
    /// Who is the peer, by what it has proven outside?
    ExternalIdentity(ExternalIdentity),
    /// May anybody come in?
    Anonymous(Anonymous),
    /// May this user act as that one?
    Authorize(Authorize),
    /// Random octets: this crate has no source of them.
    Nonce(Nonce),
    /// What does the one say who understands this message?
    Relay(Relay),
}

impl Need {
    /// The name that the peer claims, where it is about a user's password.
    #[must_use]
    pub fn username(&self) -> Option<&str> {
        match self {
            Self::VerifyPassword(need) => Some(need.username()),
            Self::LookupScram(need) => Some(need.username()),
            #[cfg(any(feature = "cram-md5", feature = "apop"))]
            Self::LookupSharedSecret(need) => Some(need.username()),
            _ => None,
        }
    }
}

/// The question whether a password is the user's.
///
/// Name and password are [`Prepared`]. What they are compared with must be prepared too.
/// An unknown user must cost as much as a wrong password: [`crate::PasswordFile`] sees to it.
#[must_use = "a need that is dropped ends the exchange"]
pub struct VerifyPassword {
    pub(super) mechanism: Option<Mechanism>,
    pub(super) authzid: Option<Prepared>,
    pub(super) authcid: Prepared,
    pub(super) password: Prepared,
}

impl VerifyPassword {
    /// The name of the user whose password it should be.
    #[must_use]
    pub fn username(&self) -> &str {
        self.authcid.as_str()
    }

    /// The password that the peer presented.
    #[must_use]
    pub fn password(&self) -> &str {
        self.password.as_str()
    }

    /// The mechanism of this exchange; none where the protocol's own command was used.
    #[must_use]
    pub fn mechanism(&self) -> Option<Mechanism> {
        self.mechanism
    }

    /// Goes on with what was found out.
    ///
    /// An accepted user who asked to act as another one is not yet through: the next step is
    /// [`Need::Authorize`] (RFC 4422 section 3.4.1).
    pub fn answer(self, verdict: Verdict) -> Step {
        match verdict.failure() {
            Some(failure) => Step::Done(Err(failure)),
            None => identified(self.mechanism, self.authcid, self.authzid, Last::Nothing),
        }
    }

    /// Goes on as [`answer`](Self::answer) does with a password that is right, of a user whose
    /// name is another one in truth. A name that cannot be [prepared](Prepared) is nobody's.
    pub fn accept_as(self, username: &str) -> Step {
        match Prepared::parse(username) {
            Ok(authcid) => identified(self.mechanism, authcid, self.authzid, Last::Nothing),
            Err(_) => Step::Done(Err(Failure::Rejected)),
        }
    }
}

impl fmt::Debug for VerifyPassword {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("VerifyPassword")
            .field("mechanism", &self.mechanism)
            .field("username", &self.username())
            .finish_non_exhaustive()
    }
}

/// The question who the peer is, by what it has proven outside, such as a certificate (RFC
/// 4422 appendix A).
#[must_use = "a need that is dropped ends the exchange"]
pub struct ExternalIdentity {
    pub(super) authzid: Option<Prepared>,
}

impl ExternalIdentity {
    /// Whom the peer asks to act as. Without one it is whoever it has proven to be.
    #[must_use]
    pub fn authzid(&self) -> Option<&str> {
        self.authzid.as_ref().map(Prepared::as_str)
    }

    /// Goes on with the user that the certificate stands for. If the peer asked for another
    /// one, the next step is [`Need::Authorize`].
    ///
    /// A name that cannot be [prepared](Prepared) is nobody's.
    pub fn is(self, username: &str) -> Step {
        match Prepared::parse(username) {
            Ok(authcid) => identified(
                Some(Mechanism::External),
                authcid,
                self.authzid,
                Last::Nothing,
            ),
            Err(_) => Step::Done(Err(Failure::Rejected)),
        }
    }

    /// Ends the exchange: nobody known was proven, or nobody knows now.
    pub fn refuse(self, failure: Failure) -> Step {
        Step::Done(Err(failure))
    }
}

impl fmt::Debug for ExternalIdentity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ExternalIdentity")
            .field("authzid", &self.authzid())
            .finish()
    }
}

/// The question whether anybody may come in (RFC 4505).
#[must_use = "a need that is dropped ends the exchange"]
pub struct Anonymous {
    pub(super) trace: String,
}

impl Anonymous {
    /// What the peer leaves for the log, or nothing. It proves nothing, and is nobody's name.
    #[must_use]
    pub fn trace(&self) -> &str {
        &self.trace
    }

    /// Lets the peer in, as `anonymous`: ask
    /// [`is_anonymous`](Authenticated::is_anonymous), as a user may be called that.
    pub fn grant(self) -> Step {
        let nobody = Prepared::parse("anonymous").expect("letters");
        let mechanism = Some(Mechanism::Anonymous);
        identified(mechanism, nobody, None, Last::Nothing)
    }

    /// Ends the exchange with [`Failure::Unauthorized`].
    pub fn refuse(self) -> Step {
        Step::Done(Err(Failure::Unauthorized))
    }
}

impl fmt::Debug for Anonymous {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Anonymous")
            .field("trace", &self.trace)
            .finish()
    }
}

/// The question whether an authenticated user may act as another one.
///
/// Where nobody may, the answer is always [`Authorize::refuse`].
#[must_use = "a need that is dropped ends the exchange"]
pub struct Authorize {
    mechanism: Option<Mechanism>,
    authcid: Prepared,
    authzid: Prepared,
    last: Last,
}

impl Authorize {
    /// The user who has authenticated.
    #[must_use]
    pub fn authcid(&self) -> &str {
        self.authcid.as_str()
    }

    /// The user to act as.
    #[must_use]
    pub fn authzid(&self) -> &str {
        self.authzid.as_str()
    }

    /// The mechanism of this exchange.
    #[must_use]
    pub fn mechanism(&self) -> Option<Mechanism> {
        self.mechanism
    }

    /// Lets the one act as the other.
    pub fn grant(self) -> Step {
        let authenticated = Authenticated::new(self.mechanism, self.authcid, self.authzid);
        self.last.say(authenticated)
    }

    /// Ends the exchange with [`Failure::Unauthorized`].
    pub fn refuse(self) -> Step {
        Step::Done(Err(Failure::Unauthorized))
    }
}

impl fmt::Debug for Authorize {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Authorize")
            .field("mechanism", &self.mechanism)
            .field("authcid", &self.authcid())
            .field("authzid", &self.authzid())
            .finish_non_exhaustive()
    }
}

/// What is left to say to a peer that is let in (RFC 4422 section 5).
pub(super) enum Last {
    Nothing,
    /// The protocol cannot say it with its success, so it is one more challenge.
    InChallenge(Mechanism, String),
    InSuccess(String),
}

impl Last {
    fn say(self, authenticated: Authenticated) -> Step {
        match self {
            Self::Nothing => Step::Done(Ok(authenticated)),
            Self::InSuccess(data) => {
                Step::Done(Ok(authenticated.with_success_data(data.into_bytes())))
            }
            Self::InChallenge(mechanism, data) => Step::Challenge(Challenge::new(
                mechanism,
                data.into_bytes(),
                Awaiting::Acknowledgement(authenticated),
            )),
        }
    }
}

/// The peer is who it says: it is let in, unless it wants to be another one.
pub(super) fn identified(
    mechanism: Option<Mechanism>,
    authcid: Prepared,
    authzid: Option<Prepared>,
    last: Last,
) -> Step {
    match authzid {
        Some(authzid) if authzid != authcid => Step::Need(Need::Authorize(Authorize {
            mechanism,
            authcid,
            authzid,
            last,
        })),
        _ => last.say(Authenticated::new(mechanism, authcid.clone(), authcid)),
    }
}
