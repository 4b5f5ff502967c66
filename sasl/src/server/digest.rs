//! CRAM-MD5 (RFC 2195) and APOP (RFC 1939 section 7): digests of a password that the server
//! has to know.

use std::fmt;

use subtle::ConstantTimeEq;

use super::need::{Last, identified};
#[cfg(feature = "cram-md5")]
use super::{Awaiting, Challenge};
use super::{Failure, Step, Verdict, field};
use crate::{Mechanism, Prepared};

/// CRAM-MD5 before its challenge.
#[cfg(feature = "cram-md5")]
pub(super) struct Cram {
    pub(super) hostname: String,
}

#[cfg(feature = "cram-md5")]
impl Cram {
    /// RFC 2195 section 2: in the form of a message identifier. The nonce stands for the
    /// process and the time of day.
    pub(super) fn challenge(self, nonce: &str) -> Step {
        let challenge = format!("<{nonce}@{}>", self.hostname);
        Step::Challenge(Challenge::new(
            Mechanism::CramMd5,
            challenge.clone().into_bytes(),
            Awaiting::CramResponse { challenge },
        ))
    }
}

/// The question what a user's password is, which the peer has shown a digest of.
///
/// Whether there is such a user must not show: [`unknown`](Self::unknown) makes a digest too.
#[must_use = "a need that is dropped ends the exchange"]
pub struct LookupSharedSecret {
    mechanism: Option<Mechanism>,
    challenge: String,
    authcid: Prepared,
    digest: [u8; DIGEST],
}

impl LookupSharedSecret {
    /// RFC 2195 section 2: a name, a space, a digest. The name may hold spaces.
    #[cfg(feature = "cram-md5")]
    pub(super) fn cram(challenge: String, response: &[u8]) -> Result<Self, Failure> {
        let space = response.iter().rposition(|&octet| octet == b' ');
        let (name, digest) = response.split_at(space.ok_or(Failure::Malformed)?);
        Ok(Self {
            mechanism: Some(Mechanism::CramMd5),
            challenge,
            authcid: field::parse(name)?,
            digest: parse(&digest[1..])?,
        })
    }

    #[cfg(feature = "apop")]
    pub(super) fn apop(timestamp: &str, name: &[u8], digest: &[u8]) -> Result<Self, Failure> {
        Ok(Self {
            mechanism: None,
            challenge: timestamp.to_owned(),
            authcid: field::parse(name)?,
            digest: parse(digest)?,
        })
    }

    /// The user's name.
    #[must_use]
    pub fn username(&self) -> &str {
        self.authcid.as_str()
    }

    /// The mechanism; none for APOP.
    #[must_use]
    pub fn mechanism(&self) -> Option<Mechanism> {
        self.mechanism
    }

    /// Goes on with the user's password. One that cannot be [prepared](Prepared) is as good as
    /// none.
    pub fn found(self, password: &str) -> Step {
        self.barred(password, Verdict::Accept)
    }

    /// Goes on with the password of a user who will not be let in, which is told to those who
    /// know it.
    pub fn barred(self, password: &str, verdict: Verdict) -> Step {
        let Ok(password) = Prepared::parse(password) else {
            return self.unknown();
        };
        if self
            .expected(password.as_str().as_bytes())
            .ct_ne(&self.digest)
            .into()
        {
            return Step::Done(Err(Failure::Rejected));
        }
        match verdict.failure() {
            Some(failure) => Step::Done(Err(failure)),
            None => identified(self.mechanism, self.authcid, None, Last::Nothing),
        }
    }

    /// Ends the exchange as with a wrong password, and does the same work.
    pub fn unknown(self) -> Step {
        let expected = self.expected(&[0; 16]);
        let _ = std::hint::black_box(expected.ct_eq(&self.digest));
        Step::Done(Err(Failure::Rejected))
    }

    /// Ends the exchange: nobody knows now.
    pub fn unavailable(self) -> Step {
        Step::Done(Err(Failure::Unavailable))
    }

    fn expected(&self, password: &[u8]) -> [u8; DIGEST] {
        match self.mechanism {
            #[cfg(feature = "cram-md5")]
            Some(_) => crate::md5::hmac(password, self.challenge.as_bytes()),
            _ => crate::md5::digest(&[self.challenge.as_bytes(), password]),
        }
    }
}

impl fmt::Debug for LookupSharedSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LookupSharedSecret")
            .field("mechanism", &self.mechanism)
            .field("username", &self.username())
            .finish_non_exhaustive()
    }
}

/// 32 hexadecimal digits in lower case, as both RFCs have it.
fn parse(text: &[u8]) -> Result<[u8; DIGEST], Failure> {
    let legal = |octet: &u8| matches!(octet, b'0'..=b'9' | b'a'..=b'f');
    match <[u8; DIGEST]>::try_from(text) {
        Ok(digest) if digest.iter().all(legal) => Ok(digest),
        _ => Err(Failure::Malformed),
    }
}

const DIGEST: usize = 32;

#[cfg(test)]
mod tests {
    use super::*;

    fn outcome(step: Step) -> Result<String, Failure> {
        match step {
            Step::Done(Ok(identity)) => Ok(identity.authzid().to_owned()),
            Step::Done(Err(failure)) => Err(failure),
            step => panic!("{step:?}"),
        }
    }

    /// RFC 2195 section 2. Pitfall 17: names may hold spaces, digests are 32 small digits.
    #[cfg(feature = "cram-md5")]
    #[test]
    fn cram_md5() {
        const CHALLENGE: &str = "<1896.697170952@postoffice.reston.mci.net>";
        const DIGEST: &str = "b913a602c7eda7a495b4e6e7334d3890";
        let parse =
            |response: &str| LookupSharedSecret::cram(CHALLENGE.to_owned(), response.as_bytes());
        for name in ["tim", "tim and tom", "tim "] {
            let need = parse(&format!("{name} {DIGEST}")).unwrap();
            assert_eq!(need.username(), name);
            assert_eq!(outcome(need.found("tanstaaftanstaaf")), Ok(name.to_owned()));
        }
        for (response, failure) in [
            (String::new(), Failure::Malformed),
            (DIGEST.to_owned(), Failure::Malformed),
            (format!(" {DIGEST}"), Failure::Malformed),
            (format!("tim {}", DIGEST.to_uppercase()), Failure::Malformed),
            (format!("tim {}", &DIGEST[1..]), Failure::Malformed),
            (format!("tim {DIGEST} "), Failure::Malformed),
            (format!("tim {DIGEST}0"), Failure::Malformed),
            (format!("t\0m {DIGEST}"), Failure::Malformed),
            (format!("t\u{7}m {DIGEST}"), Failure::Rejected),
        ] {
            assert_eq!(parse(&response).err(), Some(failure), "{response:?}");
        }
        let need = || parse(&format!("tim {DIGEST}")).unwrap();
        assert_eq!(outcome(need().found("tanstaaf")), Err(Failure::Rejected));
        assert_eq!(outcome(need().found("")), Err(Failure::Rejected));
        assert_eq!(outcome(need().unknown()), Err(Failure::Rejected));
        assert_eq!(outcome(need().unavailable()), Err(Failure::Unavailable));
        let barred = need().barred("tanstaaftanstaaf", Verdict::Disabled);
        assert_eq!(outcome(barred), Err(Failure::Disabled));
        let barred = need().barred("tanstaaf", Verdict::Disabled);
        assert_eq!(outcome(barred), Err(Failure::Rejected));
    }

    /// RFC 1939 section 7.
    #[cfg(feature = "apop")]
    #[test]
    fn apop() {
        const TIMESTAMP: &str = "<1896.697170952@dbc.mtview.ca.us>";
        const DIGEST: &[u8] = b"c4c9334bac560ecc979e58001b3e22fb";
        let need = || LookupSharedSecret::apop(TIMESTAMP, b"mrose", DIGEST).unwrap();
        assert_eq!((need().username(), need().mechanism()), ("mrose", None));
        assert_eq!(outcome(need().found("tanstaaf")), Ok("mrose".to_owned()));
        assert_eq!(outcome(need().found("tanstaa")), Err(Failure::Rejected));
        assert_eq!(outcome(need().unknown()), Err(Failure::Rejected));
        for digest in [&b""[..], &DIGEST[1..], b"C4C9334BAC560ECC979E58001B3E22FB"] {
            assert!(LookupSharedSecret::apop(TIMESTAMP, b"mrose", digest).is_err());
        }
    }
}
