//! saslauthd, the password checker of Cyrus SASL: one question, one answer, one connection.
//!
//! There is no specification but the program. A question is five counted strings: name,
//! password, service, realm, and since version 2.1.29 the client's address; earlier ones read
//! four and do not mind the fifth. The answer is one, which begins with `OK` or `NO`.
//!
//! ```
//! use sasl::backend::saslauthd::{Question, Reply};
//! use sasl::server::Verdict;
//!
//! let question = Question::new("tim", "tanstaaf", "smtp", "", "")?;
//! // Connect to the socket, and write question.as_bytes().
//! let mut reply = Reply::default();
//! assert_eq!(reply.read(b"\0"), None); // nothing complete yet
//! assert_eq!(reply.read(b"\x02OK"), Some(Verdict::Accept));
//! // Close at once: the program serves nobody else until then.
//! # Ok::<(), sasl::backend::saslauthd::QuestionError>(())
//! ```

use std::fmt;

use zeroize::Zeroizing;

use crate::limits;
use crate::server::Verdict;

/// A question, ready to be written.
pub struct Question(Zeroizing<Vec<u8>>);

impl Question {
    /// Asks whether this is the user's password.
    ///
    /// The realm is most often the domain of the user's name, or empty. The client's address is
    /// in the form `192.0.2.1;25`, or empty.
    ///
    /// # Errors
    ///
    /// If the program would take something else for it than it is, or not take it at all. That
    /// is nobody's password: [`Verdict::Reject`].
    pub fn new(
        login: &str,
        password: &str,
        service: &str,
        realm: &str,
        client: &str,
    ) -> Result<Self, QuestionError> {
        let fields = [login, password, service, realm, client];
        // It reads them as strings of C: what stands behind a NUL would not count.
        if fields.iter().any(|field| field.contains('\0')) {
            return Err(QuestionError::Nul);
        }
        if fields
            .iter()
            .any(|field| field.len() > limits::SASLAUTHD_FIELD)
        {
            return Err(QuestionError::TooLong);
        }
        if login.is_empty() || password.is_empty() {
            return Err(QuestionError::Empty);
        }
        let length = fields.iter().map(|field| 2 + field.len()).sum();
        let mut question = Zeroizing::new(Vec::with_capacity(length));
        for field in fields {
            let length = u16::try_from(field.len()).expect("within the limit");
            question.extend_from_slice(&length.to_be_bytes());
            question.extend_from_slice(field.as_bytes());
        }
        Ok(Self(question))
    }

    /// What to write.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }
}

impl fmt::Debug for Question {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Question({} octets)", self.0.len())
    }
}

/// Why something cannot be asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum QuestionError {
    /// A NUL, behind which the program reads no further.
    #[error("saslauthd can be asked nothing that holds NUL")]
    Nul,
    /// More than [`limits::SASLAUTHD_FIELD`] octets in one field.
    #[error("the name or password is too long for saslauthd")]
    TooLong,
    /// No name, or no password.
    #[error("the name or password is empty")]
    Empty,
}

/// An answer on its way in.
#[derive(Debug, Default)]
pub struct Reply {
    /// The length, and the two octets that count.
    head: Vec<u8>,
}

impl Reply {
    /// Takes what was read, and tells the verdict as soon as it is clear.
    ///
    /// What is no answer is [`Verdict::Unavailable`], and so is the end of the connection before
    /// there is a verdict: the program closes when it does not like a question.
    pub fn read(&mut self, octets: &[u8]) -> Option<Verdict> {
        let wanted = HEAD - self.head.len().min(HEAD);
        self.head.extend(octets.iter().take(wanted));
        match self.head[..] {
            [0, 0 | 1, ..] => Some(Verdict::Unavailable),
            [_, _, b'O', b'K'] => Some(Verdict::Accept),
            [_, _, b'N', b'O'] => Some(Verdict::Reject),
            [_, _, _, _] => Some(Verdict::Unavailable),
            _ => None,
        }
    }
}

/// Two octets of length, two of the text.
const HEAD: usize = 4;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn questions() {
        let question = Question::new("tim", "x y", "smtp", "mx.test", "192.0.2.1;25").unwrap();
        assert_eq!(
            question.as_bytes(),
            b"\0\x03tim\0\x03x y\0\x04smtp\0\x07mx.test\0\x0c192.0.2.1;25"
        );
        let most = "x".repeat(256);
        assert!(Question::new(&most, &most, &most, &most, &most).is_ok());
        let more = "x".repeat(257);
        for (login, password, error) in [
            ("tim", "se cret\0junk", QuestionError::Nul),
            ("tim\0", "x", QuestionError::Nul),
            ("tim", more.as_str(), QuestionError::TooLong),
            (&more, "x", QuestionError::TooLong),
            ("", "x", QuestionError::Empty),
            ("tim", "", QuestionError::Empty),
        ] {
            let refused = Question::new(login, password, "smtp", "", "").unwrap_err();
            assert_eq!(refused, error, "{login:?} {password:?}");
        }
        for field in ["\0", more.as_str()] {
            assert!(Question::new("a", "b", field, "", "").is_err());
            assert!(Question::new("a", "b", "", field, "").is_err());
            assert!(Question::new("a", "b", "", "", field).is_err());
        }
        assert!(!format!("{question:?}").contains("x y"));
    }

    /// As version 2.1.28 says it, and what no version says; each cut everywhere.
    #[test]
    fn replies() {
        for (reply, verdict) in [
            (
                &b"\x00\x23OK remote authentication successful"[..],
                Some(Verdict::Accept),
            ),
            (
                b"\x00\x2aNO remote server rejected your credentials",
                Some(Verdict::Reject),
            ),
            (b"\x00\x03NO ", Some(Verdict::Reject)),
            (b"\x00\x02OK", Some(Verdict::Accept)),
            (b"\xff\xffOK", Some(Verdict::Accept)),
            (b"\x00\x02ok", Some(Verdict::Unavailable)),
            (b"\x00\x01O", Some(Verdict::Unavailable)),
            (b"\x00\x00", Some(Verdict::Unavailable)),
            (b"\x00\x02ONK", Some(Verdict::Unavailable)),
            (b"\x00\x02O", None),
            (b"\x00", None),
            (b"", None),
        ] {
            assert_eq!(
                Reply::default().read(reply),
                verdict,
                "{}",
                reply.escape_ascii()
            );
            for cut in 0..reply.len() {
                let mut split = Reply::default();
                let first = split.read(&reply[..cut]);
                let last = first.or_else(|| split.read(&reply[cut..]));
                assert_eq!(last, verdict, "{} at {cut}", reply.escape_ascii());
            }
        }
    }
}
