//! ANONYMOUS (RFC 4505) and EXTERNAL (RFC 4422 appendix A): one message, and no secret in it.

use super::{Anonymous, ExternalIdentity, Failure, field};
use crate::limits;

impl Anonymous {
    /// RFC 4505 section 2: up to 255 characters of UTF-8.
    pub(super) fn parse(message: &[u8]) -> Result<Self, Failure> {
        let trace = std::str::from_utf8(message).map_err(|_| Failure::Malformed)?;
        if trace.chars().any(char::is_control) {
            return Err(Failure::Malformed);
        }
        match trace.chars().count() {
            0..=limits::TRACE => Ok(Self {
                trace: trace.to_owned(),
            }),
            _ => Err(Failure::TooLong),
        }
    }
}

impl ExternalIdentity {
    /// RFC 4422 appendix A.1: an authorization identity, or nothing.
    pub(super) fn parse(message: &[u8]) -> Result<Self, Failure> {
        let authzid = match message {
            [] => None,
            authzid => Some(field::parse(authzid)?),
        };
        Ok(Self { authzid })
    }
}
