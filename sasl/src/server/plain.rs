//! PLAIN (RFC 4616): one message, sent in answer to an empty challenge.

use super::{Failure, field};
use crate::Prepared;

/// RFC 4616 section 2: `[authzid] NUL authcid NUL passwd`.
pub(super) struct Message {
    pub(super) authzid: Option<Prepared>,
    pub(super) authcid: Prepared,
    pub(super) password: Prepared,
}

impl Message {
    pub(super) fn parse(message: &[u8]) -> Result<Self, Failure> {
        let mut fields = message.split(|&byte| byte == 0);
        let (Some(authzid), Some(authcid), Some(password), None) =
            (fields.next(), fields.next(), fields.next(), fields.next())
        else {
            return Err(Failure::Malformed);
        };
        Ok(Self {
            authzid: match authzid {
                [] => None,
                authzid => Some(field::parse(authzid)?),
            },
            authcid: field::parse(authcid)?,
            password: field::parse(password)?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::limits;

    /// Pitfalls 1 and 2: exactly two NULs, nothing empty but the authzid, no authcid made up
    /// from the authzid.
    #[test]
    fn table() {
        type Fields<'a> = (Option<&'a str>, &'a str, &'a str);
        let longest = "x".repeat(limits::FIELD);
        let most = format!("{longest}\0{longest}\0{longest}");
        let more = format!("\0tim\0{longest}x");
        let cases: &[(&[u8], Result<Fields<'_>, Failure>)] = &[
            // RFC 4616 section 4.
            (
                b"\0tim\0tanstaaftanstaaf",
                Ok((None, "tim", "tanstaaftanstaaf")),
            ),
            (
                b"Ursel\0Kurt\0xipj3plmq",
                Ok((Some("Ursel"), "Kurt", "xipj3plmq")),
            ),
            // Nothing is trimmed.
            (b"\0 tim\0 pass word ", Ok((None, " tim", " pass word "))),
            // Prepared (RFC 4616 section 2).
            (
                "I\u{ad}X\0\u{2168}\0\u{aa}".as_bytes(),
                Ok((Some("IX"), "IX", "a")),
            ),
            (most.as_bytes(), Ok((Some(&longest), &longest, &longest))),
            (b"", Err(Failure::Malformed)),
            (b"tim", Err(Failure::Malformed)),
            (b"tim\0secret", Err(Failure::Malformed)),
            (b"\0tim\0secret\0", Err(Failure::Malformed)),
            (b"\0tim\0secret\0more", Err(Failure::Malformed)),
            (b"\0\0", Err(Failure::Malformed)),
            (b"tim\0\0secret", Err(Failure::Malformed)),
            (b"\0\0secret", Err(Failure::Malformed)),
            (b"\0tim\0", Err(Failure::Malformed)),
            (b"\0t\xffm\0secret", Err(Failure::Malformed)),
            (b"\0tim\0\xc0\x80", Err(Failure::Malformed)),
            (b"\xff\0tim\0secret", Err(Failure::Malformed)),
            (b"\0tim\r\n\0secret", Err(Failure::Rejected)),
            (b"\0tim\0sec\x07ret", Err(Failure::Rejected)),
            (b"\n\0tim\0secret", Err(Failure::Rejected)),
            (b"\0\xc2\xad\0secret", Err(Failure::Rejected)),
            (more.as_bytes(), Err(Failure::TooLong)),
        ];
        for (message, expected) in cases {
            let parsed = Message::parse(message);
            let fields = parsed.as_ref().map_err(|&failure| failure).map(|message| {
                (
                    message.authzid.as_ref().map(Prepared::as_str),
                    message.authcid.as_str(),
                    message.password.as_str(),
                )
            });
            assert_eq!(fields, *expected, "{}", message.escape_ascii());
        }
    }
}
