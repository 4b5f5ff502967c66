//! What may follow the path in MAIL and RCPT (RFC 5321 section 4.1.2, "esmtp-param").
//!
//! What an extension that we know defines is typed; the rest is kept as it came, in
//! [`Parameter`]s. A value of these types is legal, so printing it is what a client does.

mod mail;
pub use mail::{MailParameters, MailTerms};

mod rcpt;
pub use rcpt::{RcptParameters, RcptTerms};

mod dsn;
pub use dsn::{EnvelopeId, Notify, Occasions, OriginalRecipient, Ret};

mod schedule;
pub use schedule::{ByMode, DateTime, DeliverBy, Hold, Interval, NoRrvs, Priority, ValidSince};

mod word;
pub use word::Parameter;

pub(crate) mod xtext;

use std::fmt;
use std::str::FromStr;

use crate::path::Mailbox;
use crate::{SyntaxError, limits};

fn given(value: Option<&[u8]>) -> Result<&[u8], SyntaxError> {
    value.ok_or(SyntaxError::Parameter)
}

/// Sets what was not set before, and says whether it was.
fn set<T>(place: &mut Option<T>, value: T) -> bool {
    place.replace(value).is_some()
}

fn show(
    f: &mut fmt::Formatter<'_>,
    keyword: &str,
    value: Option<impl fmt::Display>,
) -> fmt::Result {
    match value {
        Some(value) => write!(f, " {keyword}={value}"),
        None => Ok(()),
    }
}

/// A keyword in upper case; one that is too long to be known is nothing.
fn upper_case<'a>(keyword: &[u8], room: &'a mut [u8; LONGEST_KEYWORD]) -> &'a [u8] {
    let Some(room) = room.get_mut(..keyword.len()) else {
        return &[];
    };
    for (upper, octet) in room.iter_mut().zip(keyword) {
        *upper = octet.to_ascii_uppercase();
    }
    room
}

/// `MT-PRIORITY`
const LONGEST_KEYWORD: usize = 11;

/// How the body is written (RFC 6152, RFC 3030).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum BodyType {
    /// `7BIT`
    SevenBit,
    /// `8BITMIME`
    EightBit,
    /// `BINARYMIME`: any octets, with BDAT alone.
    Binary,
}

impl BodyType {
    fn parse(value: &[u8]) -> Result<Self, SyntaxError> {
        if value.eq_ignore_ascii_case(b"7BIT") {
            Ok(Self::SevenBit)
        } else if value.eq_ignore_ascii_case(b"8BITMIME") {
            Ok(Self::EightBit)
        } else if value.eq_ignore_ascii_case(b"BINARYMIME") {
            Ok(Self::Binary)
        } else {
            Err(SyntaxError::Parameter)
        }
    }
}

impl fmt::Display for BodyType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::SevenBit => "7BIT",
            Self::EightBit => "8BITMIME",
            Self::Binary => "BINARYMIME",
        })
    }
}

/// Who submitted a message, as another server vouches for it.
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(clippy::exhaustive_enums, reason = "known or not")]
pub enum Submitter {
    /// `<>`: not known, or not trusted.
    Unknown,
    /// Whoever has this mailbox.
    Mailbox(Mailbox),
}

impl Submitter {
    fn parse(value: &[u8]) -> Result<Self, SyntaxError> {
        if value == b"<>" {
            return Ok(Self::Unknown);
        }
        let text = xtext::decode_text(value).ok_or(SyntaxError::Parameter)?;
        text.parse()
            .map(Self::Mailbox)
            .map_err(|_| SyntaxError::Parameter)
    }
}

impl fmt::Display for Submitter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unknown => f.write_str("<>"),
            Self::Mailbox(mailbox) => f.write_str(&xtext::encode(mailbox.as_str())),
        }
    }
}

/// Kinds of solicitation, such as `net.example:ADV`, with commas between them (RFC 3865
/// section 2): at most 1000 octets.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Solicitation(Box<str>);

impl Solicitation {
    /// The list as it is written.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The kinds. Compare them without regard to case.
    pub fn keywords(&self) -> impl Iterator<Item = &str> {
        self.0.split(',')
    }

    fn parse(value: &[u8]) -> Result<Self, SyntaxError> {
        let value = std::str::from_utf8(value).map_err(|_| SyntaxError::Parameter)?;
        value.parse()
    }
}

impl FromStr for Solicitation {
    type Err = SyntaxError;

    fn from_str(text: &str) -> Result<Self, SyntaxError> {
        let is_word_octet =
            |octet: u8| octet.is_ascii_alphanumeric() || matches!(octet, b'.' | b'-' | b'_' | b':');
        let is_word = |word: &str| {
            word.starts_with(|c: char| c.is_ascii_alphabetic()) && word.bytes().all(is_word_octet)
        };
        match text.len() <= limits::SOLICITATION && text.split(',').all(is_word) {
            true => Ok(Self(text.into())),
            false => Err(SyntaxError::Parameter),
        }
    }
}

impl fmt::Display for Solicitation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// `size-value`: one to twenty digits (RFC 1870 section 4).
pub(crate) fn size(value: &[u8]) -> Result<u64, SyntaxError> {
    if !(1..=20).contains(&value.len()) || !value.iter().all(u8::is_ascii_digit) {
        return Err(SyntaxError::Parameter);
    }
    let digits = value.iter().map(|octet| u64::from(octet - b'0'));
    Ok(digits.fold(0u64, |sum, digit| {
        sum.saturating_mul(10).saturating_add(digit)
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_mail_read_and_printed() {
        for (text, printed) in [
            ("", ""),
            (" size=0", " SIZE=0"),
            (" SIZE=99999999999999999999", " SIZE=18446744073709551615"),
            (
                " BODY=8bitmime SMTPUTF8 SIZE=7",
                " SIZE=7 BODY=8BITMIME SMTPUTF8",
            ),
            (" body=binarymime", " BODY=BINARYMIME"),
            (" AUTH=<>", " AUTH=<>"),
            (" AUTH=e+3Dmc2@b.test", " AUTH=e+3Dmc2@b.test"),
            (" ENVID=QQ314159 ret=hdrs", " RET=HDRS ENVID=QQ314159"),
            (" RET=FULL ENVID=a+2Bb+20c", " RET=FULL ENVID=a+2Bb+20c"),
            (" by=+00120;nT", " BY=120;NT"),
            (" BY=-5;N", " BY=-5;N"),
            (" BY=999999999;R", " BY=999999999;R"),
            (" HOLDFOR=60", " HOLDFOR=60"),
            (
                " holduntil=2026-11-21t10:00:00.5-00:30",
                " HOLDUNTIL=2026-11-21T10:30:00Z",
            ),
            (" MT-PRIORITY=-9", " MT-PRIORITY=-9"),
            (" mt-priority=0", " MT-PRIORITY=0"),
            (" REQUIRETLS", " REQUIRETLS"),
            (
                " SOLICIT=net.example:ADV,org.x",
                " SOLICIT=net.example:ADV,org.x",
            ),
            (" X-unknown-to-us=1 Y", " X-UNKNOWN-TO-US=1 Y"),
        ] {
            let parameters = MailParameters::parse(text.as_bytes());
            assert_eq!(
                parameters.as_ref().map(ToString::to_string).as_deref(),
                Ok(printed),
                "{text:?}"
            );
            assert_eq!(MailParameters::parse(printed.as_bytes()), parameters);
        }
    }

    #[test]
    fn of_rcpt_read_and_printed() {
        for (text, printed) in [
            ("", ""),
            (" notify=never", " NOTIFY=NEVER"),
            (" NOTIFY=delay,success", " NOTIFY=SUCCESS,DELAY"),
            (" NOTIFY=FAILURE", " NOTIFY=FAILURE"),
            (" ORCPT=rfc822;a+2Bb@c", " ORCPT=rfc822;a+2Bb@c"),
            (" ORCPT=utf-8;a\\x{FC}@c", " ORCPT=utf-8;a\\x{FC}@c"),
            (" ORCPT=UTF-8;aü@c", " ORCPT=UTF-8;a\\x{FC}@c"),
            (" RRVS=2014-04-03T23:01:00Z", " RRVS=2014-04-03T23:01:00Z"),
            (
                " rrvs=2014-04-03T23:01:00Z;c",
                " RRVS=2014-04-03T23:01:00Z;C",
            ),
            (
                " RRVS=2014-04-03T23:01:00Z;R",
                " RRVS=2014-04-03T23:01:00Z;R",
            ),
            (" SIZE=1", " SIZE=1"),
        ] {
            let parameters = RcptParameters::parse(text.as_bytes());
            assert_eq!(
                parameters.as_ref().map(ToString::to_string).as_deref(),
                Ok(printed),
                "{text:?}"
            );
            assert_eq!(RcptParameters::parse(printed.as_bytes()), parameters);
        }
    }

    #[test]
    fn of_mail_refused() {
        let id = format!(" ENVID={}", "x".repeat(101));
        let solicitation = format!(" SOLICIT={}", "x".repeat(1001));
        for text in [
            " ",
            "  SIZE=1",
            " SIZE",
            " SIZE=",
            " SIZE=-1",
            " SIZE=1x",
            " SIZE=1 SIZE=1",
            "SIZE=1",
            " SIZE=999999999999999999999",
            " BODY=9BIT",
            " SMTPUTF8=1",
            " SMTPUTF8 SMTPUTF8",
            " -A=1",
            " A=b=c",
            " A=\u{1}",
            " A=ü",
            " AUTH=a",
            " AUTH=a+2",
            " AUTH=a+3d@b",
            " AUTH=a+0D@b",
            " X=1 x=2",
            " RET=ALL",
            " RET=FULL RET=HDRS",
            " ENVID=a+0A",
            " ENVID=a+C3+BC",
            " ENVID=",
            &id,
            " BY=1",
            " BY=1;",
            " BY=1;X",
            " BY=1;TN",
            " BY=0;R",
            " BY=-1;R",
            " BY=1000000000;N",
            " BY=--1;N",
            " HOLDFOR=0",
            " HOLDFOR=1000000000",
            " HOLDUNTIL=tomorrow",
            " HOLDFOR=1 HOLDUNTIL=2026-11-21T10:00:00Z",
            " MT-PRIORITY=10",
            " MT-PRIORITY=-0",
            " MT-PRIORITY=+1",
            " MT-PRIORITY",
            " REQUIRETLS=yes",
            " SOLICIT=1",
            " SOLICIT=a,,b",
            &solicitation,
        ] {
            let parameters = MailParameters::parse(text.as_bytes());
            assert_eq!(parameters, Err(SyntaxError::Parameter), "{text:?}");
        }
    }

    #[test]
    fn of_rcpt_refused() {
        let original = format!(" ORCPT=rfc822;{}", "x".repeat(500));
        for text in [
            " NOTIFY=",
            " NOTIFY",
            " NOTIFY=NEVER,SUCCESS",
            " NOTIFY=SUCCESS,NEVER",
            " NOTIFY=SUCCESS,SUCCESS",
            " NOTIFY=SUCCESS,",
            " NOTIFY=FAILURE NOTIFY=DELAY",
            " ORCPT=a@b",
            " ORCPT=;a@b",
            " ORCPT=rfc822;",
            " ORCPT=utf-8;",
            " ORCPT=rfc822;a+2",
            " ORCPT=rfc822;a+0Ab",
            " ORCPT=rfc822;ü@b",
            " ORCPT=utf-8;a\\x{D800}",
            " ORCPT=utf-8;a\\x{A}",
            " ORCPT=utf-8;a\\x{0D}b",
            " ORCPT=utf-8;a\\y",
            " ORCPT=utf-8;a+41",
            &original,
            " RRVS=2014-04-03T23:01:00Z;X",
            " RRVS=now",
            " A=ü",
        ] {
            let parameters = RcptParameters::parse(text.as_bytes());
            assert_eq!(parameters, Err(SyntaxError::Parameter), "{text:?}");
        }
        let many = " A".to_owned() + &(0..100).map(|n| format!(" X{n}")).collect::<String>();
        assert!(RcptParameters::parse(many.as_bytes()).is_err());
    }
}
