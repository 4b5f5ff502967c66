//! How an exchange ends.

use std::fmt;

use crate::{Mechanism, Prepared};

/// The end of an exchange.
pub type Outcome = Result<Authenticated, Failure>;

/// What the application found out about a user's password.
///
/// `Expired` and `Disabled` are for those who know the password: to others they would tell
/// who has an account.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
#[must_use = "a verdict does nothing until it is given as an answer"]
pub enum Verdict {
    /// It is the user's password.
    Accept,
    /// It is not, or there is no such user.
    Reject,
    /// It was the user's password, but is no longer valid.
    Expired,
    /// It is the user's password, but the user is locked out.
    Disabled,
    /// Nobody knows now: the place to look it up is out of reach. The peer may try again.
    Unavailable,
}

impl Verdict {
    /// What a verdict that does not accept comes to.
    pub(super) fn failure(self) -> Option<Failure> {
        match self {
            Self::Accept => None,
            Self::Reject => Some(Failure::Rejected),
            Self::Expired => Some(Failure::Expired),
            Self::Disabled => Some(Failure::Disabled),
            Self::Unavailable => Some(Failure::Unavailable),
        }
    }
}

/// The proof that a peer has authenticated.
///
/// Only an exchange that ended well makes one, so that whoever holds one may rely on it.
///
/// ```compile_fail,E0451
/// use sasl::Mechanism;
/// use sasl::server::Authenticated;
///
/// fn forge(name: sasl::Prepared) -> Authenticated {
///     let mechanism = Some(Mechanism::Plain);
///     Authenticated { mechanism, authcid: name.clone(), authzid: name, success_data: vec![] } // private
/// }
/// ```
#[derive(PartialEq, Eq)]
#[must_use = "this is who the peer is"]
pub struct Authenticated {
    mechanism: Option<Mechanism>,
    authcid: Prepared,
    authzid: Prepared,
    success_data: Vec<u8>,
}

impl Authenticated {
    pub(super) fn new(mechanism: Option<Mechanism>, authcid: Prepared, authzid: Prepared) -> Self {
        Self {
            mechanism,
            authcid,
            authzid,
            success_data: Vec::new(),
        }
    }

    pub(super) fn with_success_data(mut self, data: Vec<u8>) -> Self {
        self.success_data = data;
        self
    }

    /// The authentication identity: whose password it was.
    #[must_use]
    pub fn authcid(&self) -> &str {
        self.authcid.as_str()
    }

    /// The authorization identity: whom the peer acts as. The [`authcid`](Self::authcid)
    /// unless the peer asked for another one and was granted it.
    #[must_use]
    pub fn authzid(&self) -> &str {
        self.authzid.as_str()
    }

    /// The mechanism that was used; none where it was the protocol's own command.
    #[must_use]
    pub fn mechanism(&self) -> Option<Mechanism> {
        self.mechanism
    }

    /// Whether this is nobody in particular, whatever the name says (RFC 4505).
    #[must_use]
    pub fn is_anonymous(&self) -> bool {
        self.mechanism == Some(Mechanism::Anonymous)
    }

    /// Whether the exchange was bound to its TLS session.
    #[must_use]
    pub fn is_channel_bound(&self) -> bool {
        matches!(self.mechanism, Some(Mechanism::ScramPlus(_)))
    }

    /// What the success reply has to carry, in a protocol where it
    /// [can](super::Context::success_data); otherwise empty.
    #[must_use]
    pub fn success_data(&self) -> &[u8] {
        &self.success_data
    }
}

impl fmt::Debug for Authenticated {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Authenticated")
            .field("mechanism", &self.mechanism)
            .field("authcid", &self.authcid())
            .field("authzid", &self.authzid())
            .finish_non_exhaustive()
    }
}

/// Why a peer has not authenticated, as exact as a protocol can tell it.
///
/// | | SMTP (RFC 4954, 5248) | POP3 (RFC 3206) | IMAP (RFC 5530, 9051) |
/// |---|---|---|---|
/// | `Malformed` | 501 5.5.2 | `-ERR` | `BAD` |
/// | `TooLong` | 500 5.5.6 | `-ERR` | `BAD` |
/// | `Cancelled` | 501 | `-ERR` | `BAD` |
/// | `EncryptionRequired` | 538 5.7.11 | `-ERR` | `NO [PRIVACYREQUIRED]` |
/// | `NotOffered` | 504 5.5.4 | `-ERR` | `NO [CANNOT]` |
/// | `Rejected` | 535 5.7.8 | `-ERR [AUTH]` | `NO [AUTHENTICATIONFAILED]` |
/// | `Unauthorized` | 535 5.7.8 | `-ERR [AUTH]` | `NO [AUTHORIZATIONFAILED]` |
/// | `Expired` | 535 5.7.8 | `-ERR [AUTH]` | `NO [EXPIRED]` |
/// | `Disabled` | 525 5.7.13 | `-ERR [AUTH]` | `NO [CONTACTADMIN]` |
/// | `Unavailable` | 454 4.7.0 | `-ERR [SYS/TEMP]` | `NO [UNAVAILABLE]` |
///
/// A protocol counts [guesses](Self::is_guess) towards its limit. In all cases the protocol is back in the state before authentication.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Failure {
    /// The message has not the mechanism's form.
    #[error("the peer's message is malformed")]
    Malformed,
    /// A name or password is longer than [`limits::FIELD`](crate::limits::FIELD), or a message
    /// than [`limits::MESSAGE`](crate::limits::MESSAGE).
    #[error("the peer's message is too long")]
    TooLong,
    /// The peer cancelled the exchange.
    #[error("the peer cancelled the exchange")]
    Cancelled,
    /// The mechanism shows the password, and the channel is not secured.
    #[error("the channel is not secured as the mechanism requires")]
    EncryptionRequired,
    /// The mechanism is not offered on this channel.
    #[error("the mechanism is not offered on this channel")]
    NotOffered,
    /// No such user, or not the user's password; nobody should learn which.
    #[error("the peer's credentials were rejected")]
    Rejected,
    /// The peer may not act as the identity that it asked for.
    #[error("the peer may not act as the requested identity")]
    Unauthorized,
    /// The password is no longer valid.
    #[error("the peer's credentials have expired")]
    Expired,
    /// The user is locked out.
    #[error("the peer's account is disabled")]
    Disabled,
    /// The server cannot tell now. A client must not ask its user for another password.
    #[error("the server cannot verify credentials at the moment")]
    Unavailable,
}

impl Failure {
    /// Whether the same credentials may succeed later: a 4yz reply, not a 5yz.
    #[must_use]
    pub fn is_temporary(&self) -> bool {
        matches!(self, Self::Unavailable)
    }

    /// Whether it was a guess at somebody's credentials, which counts towards limits: what was
    /// malformed, cancelled, refused beforehand or could not be checked was none.
    #[must_use]
    pub fn is_guess(&self) -> bool {
        matches!(
            self,
            Self::Rejected | Self::Unauthorized | Self::Expired | Self::Disabled
        )
    }
}
