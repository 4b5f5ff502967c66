//! What may follow the path in MAIL and RCPT (RFC 5321 section 4.1.2, "esmtp-param").

use std::fmt;

use compact_str::CompactString;

use crate::path::Mailbox;
use crate::{SyntaxError, limits};

/// The parameters of MAIL. What an extension we know defines is typed; the rest is kept as it came.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct MailParameters {
    /// `SIZE=`: how large the client believes the message to be, in octets with CRLF (RFC 1870).
    /// A number that does not fit into 64 bits is the largest that does.
    pub size: Option<u64>,
    /// `BODY=` (RFC 6152).
    pub body: Option<BodyType>,
    /// `SMTPUTF8` (RFC 6531): addresses and header may hold UTF-8.
    pub smtputf8: bool,
    /// `AUTH=`: who submitted the message first (RFC 4954 section 5).
    pub auth: Option<Submitter>,
    /// Parameters of other extensions, in order.
    pub other: Vec<Parameter>,
}

impl MailParameters {
    pub(crate) fn parse(text: &[u8]) -> Result<Self, SyntaxError> {
        let mut parameters = Self::default();
        for word in words(text) {
            let (keyword, value) = word?;
            let value_given = || value.ok_or(SyntaxError::Parameter);
            let repeated = if keyword.eq_ignore_ascii_case(b"SIZE") {
                parameters.size.replace(size(value_given()?)?).is_some()
            } else if keyword.eq_ignore_ascii_case(b"BODY") {
                let body = BodyType::parse(value_given()?)?;
                parameters.body.replace(body).is_some()
            } else if keyword.eq_ignore_ascii_case(b"SMTPUTF8") {
                std::mem::replace(&mut parameters.smtputf8, true) || value.is_some()
            } else if keyword.eq_ignore_ascii_case(b"AUTH") {
                let submitter = Submitter::parse(value_given()?)?;
                parameters.auth.replace(submitter).is_some()
            } else {
                add(&mut parameters.other, keyword, value)?;
                false
            };
            if repeated {
                return Err(SyntaxError::Parameter);
            }
        }
        Ok(parameters)
    }

    /// Whether there are none, as in SMTP without extensions.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

impl fmt::Display for MailParameters {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(size) = self.size {
            write!(f, " SIZE={size}")?;
        }
        if let Some(body) = self.body {
            write!(f, " BODY={body}")?;
        }
        if self.smtputf8 {
            f.write_str(" SMTPUTF8")?;
        }
        if let Some(submitter) = &self.auth {
            write!(f, " AUTH={submitter}")?;
        }
        self.other
            .iter()
            .try_for_each(|parameter| write!(f, " {parameter}"))
    }
}

/// The parameters of RCPT.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct RcptParameters {
    /// Parameters of extensions, in order.
    pub other: Vec<Parameter>,
}

impl RcptParameters {
    pub(crate) fn parse(text: &[u8]) -> Result<Self, SyntaxError> {
        let mut parameters = Self::default();
        for word in words(text) {
            let (keyword, value) = word?;
            add(&mut parameters.other, keyword, value)?;
        }
        Ok(parameters)
    }
}

impl fmt::Display for RcptParameters {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.other
            .iter()
            .try_for_each(|parameter| write!(f, " {parameter}"))
    }
}

/// A parameter that is not interpreted here.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Parameter {
    keyword: CompactString,
    value: Option<CompactString>,
}

impl Parameter {
    /// The keyword, in upper case.
    pub fn keyword(&self) -> &str {
        &self.keyword
    }

    /// What stands behind `=`.
    pub fn value(&self) -> Option<&str> {
        self.value.as_deref()
    }
}

impl fmt::Display for Parameter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.keyword)?;
        match &self.value {
            Some(value) => write!(f, "={value}"),
            None => Ok(()),
        }
    }
}

/// How the body is written (RFC 6152).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum BodyType {
    /// `7BIT`
    SevenBit,
    /// `8BITMIME`
    EightBit,
}

impl BodyType {
    fn parse(value: &[u8]) -> Result<Self, SyntaxError> {
        if value.eq_ignore_ascii_case(b"7BIT") {
            Ok(Self::SevenBit)
        } else if value.eq_ignore_ascii_case(b"8BITMIME") {
            Ok(Self::EightBit)
        } else if value.eq_ignore_ascii_case(b"BINARYMIME") {
            // Belongs to an extension (RFC 3030) that is not announced.
            Err(SyntaxError::UnknownParameter)
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
        let text = from_xtext(value).ok_or(SyntaxError::Parameter)?;
        if text == b"<>" {
            return Ok(Self::Unknown);
        }
        let text = std::str::from_utf8(&text).map_err(|_| SyntaxError::Parameter)?;
        text.parse()
            .map(Self::Mailbox)
            .map_err(|_| SyntaxError::Parameter)
    }
}

impl fmt::Display for Submitter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unknown => f.write_str("<>"),
            Self::Mailbox(mailbox) => f.write_str(&to_xtext(mailbox.as_str())),
        }
    }
}

/// Decodes xtext (RFC 3461 section 4): `+` and two upper-case hexadecimal digits for an octet.
fn from_xtext(text: &[u8]) -> Option<Vec<u8>> {
    let digit = |octet: u8| match octet {
        b'0'..=b'9' => Some(octet - b'0'),
        b'A'..=b'F' => Some(octet - b'A' + 10),
        _ => None,
    };
    let mut octets = Vec::with_capacity(text.len());
    let mut rest = text;
    while let [octet, after @ ..] = rest {
        (octets, rest) = match (octet, after) {
            (b'+', [high, low, after @ ..]) => {
                octets.push(digit(*high)? << 4 | digit(*low)?);
                (octets, after)
            }
            (b'+' | b'=', _) => return None,
            (b'!'..=b'~', _) => {
                octets.push(*octet);
                (octets, after)
            }
            _ => return None,
        };
    }
    Some(octets)
}

fn to_xtext(text: &str) -> String {
    let mut xtext = String::with_capacity(text.len());
    for octet in text.bytes() {
        match octet {
            b'+' | b'=' => xtext.push_str(&format!("+{octet:02X}")),
            b'!'..=b'~' => xtext.push(char::from(octet)),
            _ => xtext.push_str(&format!("+{octet:02X}")),
        }
    }
    xtext
}

/// `size-value`: one to twenty digits (RFC 1870 section 4).
fn size(value: &[u8]) -> Result<u64, SyntaxError> {
    if !(1..=20).contains(&value.len()) || !value.iter().all(u8::is_ascii_digit) {
        return Err(SyntaxError::Parameter);
    }
    let digits = value.iter().map(|octet| u64::from(octet - b'0'));
    Ok(digits.fold(0u64, |sum, digit| {
        sum.saturating_mul(10).saturating_add(digit)
    }))
}

type Word<'a> = (&'a [u8], Option<&'a [u8]>);

/// The `keyword[=value]` words behind a path, each with one space before it.
fn words(text: &[u8]) -> impl Iterator<Item = Result<Word<'_>, SyntaxError>> {
    let mut rest = text;
    let mut left = limits::PARAMETERS;
    std::iter::from_fn(move || {
        let word = match rest {
            [] => return None,
            [b' ', after @ ..] if left > 0 => word(after),
            _ => None,
        };
        let Some((word, after @ ([] | [b' ', ..]))) = word else {
            return Some(Err(SyntaxError::Parameter));
        };
        (left, rest) = (left - 1, after);
        Some(Ok(word))
    })
}

/// `esmtp-keyword ["=" esmtp-value]` at the front, and what follows it.
fn word(text: &[u8]) -> Option<(Word<'_>, &[u8])> {
    let is_keyword = |octet: u8| octet.is_ascii_alphanumeric() || octet == b'-';
    let is_value = |octet: u8| matches!(octet, b'!'..=b'<' | b'>'..=b'~');
    let (keyword, after) = run(text, is_keyword);
    if !keyword.first()?.is_ascii_alphanumeric() {
        return None;
    }
    let [b'=', value @ ..] = after else {
        return Some(((keyword, None), after));
    };
    let (value, after) = run(value, is_value);
    (!value.is_empty()).then_some(((keyword, Some(value)), after))
}

/// The octets at the front that are of a kind, and what follows them.
fn run(text: &[u8], is_of_kind: impl Fn(u8) -> bool) -> (&[u8], &[u8]) {
    let end = text.iter().position(|&octet| !is_of_kind(octet));
    text.split_at(end.unwrap_or(text.len()))
}

fn add(
    others: &mut Vec<Parameter>,
    keyword: &[u8],
    value: Option<&[u8]>,
) -> Result<(), SyntaxError> {
    let text = |octets| CompactString::from_utf8(octets).map_err(|_| SyntaxError::Parameter);
    let mut keyword = text(keyword)?;
    keyword.make_ascii_uppercase();
    if others.iter().any(|other| other.keyword == keyword) {
        return Err(SyntaxError::Parameter);
    }
    others.push(Parameter {
        keyword,
        value: value.map(text).transpose()?,
    });
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn read_and_printed() {
        for (text, printed) in [
            ("", ""),
            (" size=0", " SIZE=0"),
            (" SIZE=99999999999999999999", " SIZE=18446744073709551615"),
            (
                " BODY=8bitmime SMTPUTF8 SIZE=7",
                " SIZE=7 BODY=8BITMIME SMTPUTF8",
            ),
            (" AUTH=<>", " AUTH=<>"),
            (" AUTH=e+3Dmc2@b.test", " AUTH=e+3Dmc2@b.test"),
            (" ret=HDRS ENVID=QQ314159", " RET=HDRS ENVID=QQ314159"),
        ] {
            let parameters = MailParameters::parse(text.as_bytes());
            assert_eq!(
                parameters.map(|p| p.to_string()).as_deref(),
                Ok(printed),
                "{text:?}"
            );
        }
    }

    #[test]
    fn refused() {
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
            " X=1 x=2",
        ] {
            let parameters = MailParameters::parse(text.as_bytes());
            assert_eq!(parameters, Err(SyntaxError::Parameter), "{text:?}");
        }
        let many = " A".to_owned() + &(0..100).map(|n| format!(" X{n}")).collect::<String>();
        assert!(RcptParameters::parse(many.as_bytes()).is_err());
    }
}
