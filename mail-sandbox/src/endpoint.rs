//! What a sandbox serves, and where.

use std::fmt;
use std::str::FromStr;

/// A protocol on a port of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Endpoint {
    /// SMTP as other servers speak it: STARTTLS and AUTH are offered and not needed.
    Smtp,
    /// Submission (RFC 6409): AUTH is needed before MAIL.
    Submission,
    /// Submission under TLS from the start (RFC 8314).
    Smtps,
    /// LMTP (RFC 2033).
    Lmtp,
    /// POP3, with STLS.
    Pop3,
    /// POP3 under TLS from the start.
    Pop3s,
    /// IMAP4rev1 and IMAP4rev2, with STARTTLS.
    Imap,
    /// IMAP under TLS from the start.
    Imaps,
}

impl Endpoint {
    /// All of them.
    pub const ALL: [Self; 8] = [
        Self::Smtp,
        Self::Submission,
        Self::Smtps,
        Self::Lmtp,
        Self::Pop3,
        Self::Pop3s,
        Self::Imap,
        Self::Imaps,
    ];

    /// Its name in fault files, in transcripts and among the options of the program.
    pub fn name(self) -> &'static str {
        match self {
            Self::Smtp => "smtp",
            Self::Submission => "submission",
            Self::Smtps => "smtps",
            Self::Lmtp => "lmtp",
            Self::Pop3 => "pop3",
            Self::Pop3s => "pop3s",
            Self::Imap => "imap",
            Self::Imaps => "imaps",
        }
    }

    /// The scheme of its URLs, as `curl` and mail libraries know it.
    pub fn scheme(self) -> &'static str {
        match self {
            Self::Submission => "smtp",
            other => other.name(),
        }
    }

    /// Whether TLS begins with the connection.
    pub fn is_secured(self) -> bool {
        matches!(self, Self::Smtps | Self::Pop3s | Self::Imaps)
    }
}

impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for Endpoint {
    type Err = UnknownEndpoint;

    fn from_str(name: &str) -> Result<Self, UnknownEndpoint> {
        let mut all = Self::ALL.into_iter();
        let found = all.find(|endpoint| endpoint.name().eq_ignore_ascii_case(name));
        found.ok_or(UnknownEndpoint)
    }
}

/// The name is not that of an endpoint.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not smtp, submission, smtps, lmtp, pop3, pop3s, imap or imaps")]
pub struct UnknownEndpoint;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_read_as_they_are_printed() {
        for endpoint in Endpoint::ALL {
            assert_eq!(endpoint.to_string().parse(), Ok(endpoint));
        }
        assert_eq!("jmap".parse::<Endpoint>(), Err(UnknownEndpoint));
    }
}
