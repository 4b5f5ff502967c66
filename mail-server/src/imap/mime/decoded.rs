//! `BINARY[part]`: parts without their transfer encoding (RFC 3516).

use std::num::NonZeroU32;

use bytes::Bytes;
use mail_parser::decoders::base64::base64_decode;
use mail_parser::decoders::quoted_printable::quoted_printable_decode;

use super::entity::{Entity, Kind};

/// A part is not what its encoding says, or has one that is not known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::imap) struct Undecodable;

pub(super) fn of(root: &Entity<'_>, part: &[NonZeroU32]) -> Option<Result<Bytes, Undecodable>> {
    if part.is_empty() {
        return Some(Ok(root.whole()));
    }
    let part = root.part(part)?;
    let body = part.body();
    if !matches!(part.kind, Kind::Single) {
        return Some(Ok(body));
    }
    let encoding = part.header().value("Content-Transfer-Encoding");
    let encoding = encoding.unwrap_or_default().to_ascii_lowercase();
    let decoded = match &encoding[..] {
        b"" | b"7bit" | b"8bit" | b"binary" => return Some(Ok(body)),
        b"base64" => base64_decode(&body),
        b"quoted-printable" => quoted_printable_decode(&body),
        _ => None,
    };
    Some(decoded.map(Bytes::from).ok_or(Undecodable))
}
