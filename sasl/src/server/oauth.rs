//! OAUTHBEARER (RFC 7628) and XOAUTH2: a token in place of a password.

use std::fmt;

use zeroize::Zeroizing;

use super::need::{Last, identified};
use super::{Awaiting, Challenge, Failure, Step, Verdict, field};
use crate::gs2::{Flag, Header};
use crate::token::is_token;
use crate::{Mechanism, Prepared};

/// The question whose token this is, and whether it still holds.
#[must_use = "a need that is dropped ends the exchange"]
pub struct VerifyToken {
    mechanism: Mechanism,
    authzid: Option<Prepared>,
    token: Zeroizing<String>,
}

impl VerifyToken {
    pub(super) fn parse(mechanism: Mechanism, message: &[u8]) -> Result<Self, Failure> {
        let message = std::str::from_utf8(message).map_err(|_| Failure::Malformed)?;
        let (authzid, pairs) = match mechanism {
            Mechanism::XOAuth2 => {
                let (user, pairs) = message.split_once(SEPARATOR).ok_or(Failure::Malformed)?;
                let user = user.strip_prefix("user=").ok_or(Failure::Malformed)?;
                (Some(field::parse(user.as_bytes())?), pairs)
            }
            _ => {
                // RFC 7628 section 3.1; there is no form with a channel binding.
                let (header, pairs) = Header::parse(message).ok_or(Failure::Malformed)?;
                let pairs = pairs.strip_prefix(SEPARATOR).ok_or(Failure::Malformed)?;
                if let Flag::Used(_) = header.binding {
                    return Err(Failure::Malformed);
                }
                (header.authzid, pairs)
            }
        };
        Ok(Self {
            mechanism,
            authzid,
            token: Zeroizing::new(token(pairs)?.to_owned()),
        })
    }

    /// The token. Nothing but its letters has been looked at.
    #[must_use]
    pub fn token(&self) -> &str {
        &self.token
    }

    /// Whom the peer asks to act as. In XOAUTH2 it always asks; most mean themselves.
    #[must_use]
    pub fn authzid(&self) -> Option<&str> {
        self.authzid.as_ref().map(Prepared::as_str)
    }

    /// The mechanism of this exchange.
    #[must_use]
    pub fn mechanism(&self) -> Mechanism {
        self.mechanism
    }

    /// Goes on with the user whose token it is. If the peer asked for another one, the next
    /// step is [`Need::Authorize`](super::Need::Authorize).
    ///
    /// A name that cannot be [prepared](Prepared) is nobody's.
    pub fn accept(self, username: &str) -> Step {
        match Prepared::parse(username) {
            Ok(authcid) => identified(Some(self.mechanism), authcid, self.authzid, Last::Nothing),
            Err(_) => self.refuse(Verdict::Reject),
        }
    }

    /// Does not let the peer in. It is told why in a challenge first (RFC 7628 section 3.2.2),
    /// which it has to answer; only then the exchange is over.
    pub fn refuse(self, verdict: Verdict) -> Step {
        let failure = match verdict.failure() {
            Some(Failure::Unavailable) => return Step::Done(Err(Failure::Unavailable)),
            Some(failure) => failure,
            // To accept takes a name.
            None => Failure::Rejected,
        };
        let error = match self.mechanism {
            Mechanism::XOAuth2 => r#"{"status":"401","schemes":"bearer","scope":""}"#,
            _ => r#"{"status":"invalid_token"}"#,
        };
        Step::Challenge(Challenge::new(
            self.mechanism,
            error.as_bytes(),
            Awaiting::TokenRefused(failure),
        ))
    }
}

impl fmt::Debug for VerifyToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("VerifyToken")
            .field("mechanism", &self.mechanism)
            .field("authzid", &self.authzid())
            .finish_non_exhaustive()
    }
}

/// The token among the pairs (RFC 7628 section 3.1): each ends with a separator, and one more
/// ends them all. Host, port and what else there may be are not needed here.
fn token(pairs: &str) -> Result<&str, Failure> {
    let pairs = pairs.strip_suffix(SEPARATOR).ok_or(Failure::Malformed)?;
    let pairs = pairs.strip_suffix(SEPARATOR).ok_or(Failure::Malformed)?;
    let mut token = None;
    for pair in pairs.split(SEPARATOR) {
        let (key, value) = pair.split_once('=').ok_or(Failure::Malformed)?;
        let legal = |c: char| matches!(c, ' '..='~' | '\t' | '\r' | '\n');
        if key.is_empty()
            || !key.bytes().all(|b| b.is_ascii_alphabetic())
            || !value.chars().all(legal)
        {
            return Err(Failure::Malformed);
        }
        if key != "auth" {
            continue;
        }
        let (scheme, value) = value.split_once(' ').ok_or(Failure::Malformed)?;
        // Of the scheme the case does not matter (RFC 7628 section 3.1).
        if token.is_some() || !scheme.eq_ignore_ascii_case("Bearer") {
            return Err(Failure::Malformed);
        }
        token = Some(value.trim_start_matches(' '));
    }
    token
        .filter(|token| is_token(token))
        .ok_or(Failure::Malformed)
}

/// RFC 7628 section 3.1, `kvsep`.
const SEPARATOR: char = '\x01';

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages() {
        use Mechanism::{OAuthBearer, XOAuth2};
        let examples = [
            // RFC 7628 section 4.1.
            (
                OAuthBearer,
                "n,a=user@example.com,\x01host=server.example.com\x01port=143\x01auth=Bearer vF9dft4qmTc2Nvb3RlckBhbHRhdmlzdGEuY29tCg==\x01\x01",
                Ok((
                    Some("user@example.com"),
                    "vF9dft4qmTc2Nvb3RlckBhbHRhdmlzdGEuY29tCg==",
                )),
            ),
            (
                OAuthBearer,
                "n,,\x01auth=bearer abc\x01\x01",
                Ok((None, "abc")),
            ),
            (
                OAuthBearer,
                "y,,\x01auth=Bearer  abc\x01\x01",
                Ok((None, "abc")),
            ),
            (
                XOAuth2,
                "user=tim\x01auth=Bearer a-b._~+/=\x01\x01",
                Ok((Some("tim"), "a-b._~+/=")),
            ),
            (
                XOAuth2,
                "user=\x01auth=Bearer abc\x01\x01",
                Err(Failure::Malformed),
            ),
            (XOAuth2, "auth=Bearer abc\x01\x01", Err(Failure::Malformed)),
            (
                XOAuth2,
                "n,,\x01auth=Bearer abc\x01\x01",
                Err(Failure::Malformed),
            ),
            (
                OAuthBearer,
                "user=tim\x01auth=Bearer abc\x01\x01",
                Err(Failure::Malformed),
            ),
            (
                OAuthBearer,
                "p=tls-exporter,,\x01auth=Bearer abc\x01\x01",
                Err(Failure::Malformed),
            ),
            (
                OAuthBearer,
                "n,,\x01auth=Bearer abc\x01",
                Err(Failure::Malformed),
            ),
            (
                OAuthBearer,
                "n,,\x01auth=Bearer abc",
                Err(Failure::Malformed),
            ),
            (
                OAuthBearer,
                "n,,\x01auth=Bearer abc\x01\x01\x01",
                Err(Failure::Malformed),
            ),
            (
                OAuthBearer,
                "n,,\x01auth=Basic abc\x01\x01",
                Err(Failure::Malformed),
            ),
            (
                OAuthBearer,
                "n,,\x01auth=Bearer\x01\x01",
                Err(Failure::Malformed),
            ),
            (
                OAuthBearer,
                "n,,\x01auth=Bearer =\x01\x01",
                Err(Failure::Malformed),
            ),
            (
                OAuthBearer,
                "n,,\x01auth=Bearer a b\x01\x01",
                Err(Failure::Malformed),
            ),
            (
                OAuthBearer,
                "n,,\x01auth=Bearer a\x01auth=Bearer b\x01\x01",
                Err(Failure::Malformed),
            ),
            (
                OAuthBearer,
                "n,,\x01host=x\x01\x01",
                Err(Failure::Malformed),
            ),
            (
                OAuthBearer,
                "n,,\x01=x\x01auth=Bearer a\x01\x01",
                Err(Failure::Malformed),
            ),
            (
                OAuthBearer,
                "n,,\x01host\x01auth=Bearer a\x01\x01",
                Err(Failure::Malformed),
            ),
            (OAuthBearer, "n,,\x01\x01", Err(Failure::Malformed)),
            (
                OAuthBearer,
                "n,,auth=Bearer a\x01\x01",
                Err(Failure::Malformed),
            ),
            (OAuthBearer, "\x01", Err(Failure::Malformed)),
            (OAuthBearer, "", Err(Failure::Malformed)),
        ];
        for (mechanism, message, expected) in examples {
            let parsed = VerifyToken::parse(mechanism, message.as_bytes());
            let found = parsed.as_ref().map(|need| (need.authzid(), need.token()));
            assert_eq!(found.map_err(|&failure| failure), expected, "{message:?}");
        }
    }
}
