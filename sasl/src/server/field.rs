//! A name or password as it stands in a message.

use super::Failure;
use crate::{PrepareError, Prepared};

/// Reads one field: UTF-8 without NUL (RFC 4616 section 2), nothing trimmed.
///
/// What is no field at all is malformed; what cannot be prepared is no user's name or
/// password, and verification fails (RFC 4616 section 2).
pub(super) fn parse(field: &[u8]) -> Result<Prepared, Failure> {
    if field.is_empty() || field.contains(&0) {
        return Err(Failure::Malformed);
    }
    let text = std::str::from_utf8(field).map_err(|_| Failure::Malformed)?;
    Prepared::parse(text).map_err(|error| match error {
        PrepareError::TooLong => Failure::TooLong,
        PrepareError::Empty | PrepareError::Prohibited => Failure::Rejected,
    })
}
