//! What a client wants to hear about a message's fate (RFC 3461, RFC 6533).

use std::fmt;
use std::str::FromStr;

use compact_str::CompactString;

use super::xtext;
use crate::{SyntaxError, limits};

/// `RET=`: how much of the message a failure report brings back (RFC 3461 section 4.3).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(clippy::exhaustive_enums, reason = "the grammar has these two")]
pub enum Ret {
    /// `FULL`
    Full,
    /// `HDRS`
    Headers,
}

impl Ret {
    pub(super) fn parse(value: &[u8]) -> Result<Self, SyntaxError> {
        if value.eq_ignore_ascii_case(b"FULL") {
            Ok(Self::Full)
        } else if value.eq_ignore_ascii_case(b"HDRS") {
            Ok(Self::Headers)
        } else {
            Err(SyntaxError::Parameter)
        }
    }
}

impl fmt::Display for Ret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Full => "FULL",
            Self::Headers => "HDRS",
        })
    }
}

/// `ENVID=`: a name that the sender gives to the transaction and finds again in reports (RFC
/// 3461 section 4.4). Printable ASCII, at most 100 octets when it is encoded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EnvelopeId(CompactString);

impl EnvelopeId {
    /// The name, decoded.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    pub(super) fn parse(value: &[u8]) -> Result<Self, SyntaxError> {
        let text = xtext::decode_text(value).ok_or(SyntaxError::Parameter)?;
        text.parse()
    }
}

impl FromStr for EnvelopeId {
    type Err = SyntaxError;

    fn from_str(text: &str) -> Result<Self, SyntaxError> {
        let printable = text.bytes().all(|octet| matches!(octet, b' '..=b'~'));
        let encoded = xtext::encode(text);
        match printable && (1..=limits::ENVELOPE_ID).contains(&encoded.len()) {
            true => Ok(Self(text.into())),
            false => Err(SyntaxError::Parameter),
        }
    }
}

impl fmt::Display for EnvelopeId {
    /// As it is written on the wire.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&xtext::encode(&self.0))
    }
}

/// `NOTIFY=`: about what a report is wanted (RFC 3461 section 4.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(clippy::exhaustive_enums, reason = "never, or these three")]
pub enum Notify {
    /// `NEVER`: about nothing. It stands alone.
    Never,
    /// At least one of the three.
    On(Occasions),
}

/// The occasions of [`Notify::On`].
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[expect(clippy::exhaustive_structs, reason = "RFC 3461 has these three")]
pub struct Occasions {
    /// `SUCCESS`: it was delivered.
    pub success: bool,
    /// `FAILURE`: it could not be delivered.
    pub failure: bool,
    /// `DELAY`: it waits longer than usual.
    pub delay: bool,
}

impl Notify {
    pub(super) fn parse(value: &[u8]) -> Result<Self, SyntaxError> {
        if value.eq_ignore_ascii_case(b"NEVER") {
            return Ok(Self::Never);
        }
        let mut on = Occasions::default();
        for word in value.split(|&octet| octet == b',') {
            let occasion = if word.eq_ignore_ascii_case(b"SUCCESS") {
                &mut on.success
            } else if word.eq_ignore_ascii_case(b"FAILURE") {
                &mut on.failure
            } else if word.eq_ignore_ascii_case(b"DELAY") {
                &mut on.delay
            } else {
                return Err(SyntaxError::Parameter);
            };
            if std::mem::replace(occasion, true) {
                return Err(SyntaxError::Parameter);
            }
        }
        Ok(Self::On(on))
    }
}

impl fmt::Display for Notify {
    /// As it is written on the wire. No occasion at all is `NEVER`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let on = match self {
            Self::On(on) if *on != Occasions::default() => on,
            _ => return f.write_str("NEVER"),
        };
        let words = [
            (on.success, "SUCCESS"),
            (on.failure, "FAILURE"),
            (on.delay, "DELAY"),
        ];
        let mut separator = "";
        for (_, word) in words.into_iter().filter(|(wanted, _)| *wanted) {
            write!(f, "{separator}{word}")?;
            separator = ",";
        }
        Ok(())
    }
}

/// `ORCPT=`: the address that the sender had in mind (RFC 3461 section 4.2), with its type.
///
/// ```
/// use smtp_proto::parameter::OriginalRecipient;
///
/// let original = OriginalRecipient::new("rfc822", "a+b@example.org")?;
/// assert_eq!(original.to_string(), "rfc822;a+2Bb@example.org");
/// assert!(OriginalRecipient::new("rfc822", "a\r\nRCPT TO:<b>").is_err());
/// # Ok::<(), smtp_proto::SyntaxError>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OriginalRecipient {
    kind: Box<str>,
    address: Box<str>,
}

impl OriginalRecipient {
    /// An address of a kind, such as `rfc822` or `utf-8`.
    ///
    /// # Errors
    ///
    /// If the kind is no atom, the address is empty or holds what ends lines, or both together
    /// are longer than 500 octets on the wire.
    pub fn new(kind: &str, address: &str) -> Result<Self, SyntaxError> {
        let is_kind = |octet: u8| octet.is_ascii_alphanumeric() || octet == b'-';
        let legal = !kind.is_empty()
            && kind.bytes().all(is_kind)
            && !address.is_empty()
            && xtext::is_printable(address);
        let original = Self {
            kind: kind.into(),
            address: address.into(),
        };
        match legal && original.to_string().len() <= limits::ORIGINAL_RECIPIENT {
            true => Ok(original),
            false => Err(SyntaxError::Parameter),
        }
    }

    /// The type of the address, in any case.
    pub fn kind(&self) -> &str {
        &self.kind
    }

    /// The address, decoded.
    pub fn address(&self) -> &str {
        &self.address
    }

    /// Whether it is an address that may hold UTF-8.
    pub fn is_utf8(&self) -> bool {
        self.kind.eq_ignore_ascii_case("utf-8")
    }

    pub(super) fn parse(value: &[u8]) -> Result<Self, SyntaxError> {
        let value = std::str::from_utf8(value).map_err(|_| SyntaxError::Parameter)?;
        let (kind, address) = value.split_once(';').ok_or(SyntaxError::Parameter)?;
        let address = if kind.eq_ignore_ascii_case("utf-8") {
            decode_utf8(address)
        } else {
            xtext::decode_text(address.as_bytes())
        };
        Self::new(kind, &address.ok_or(SyntaxError::Parameter)?)
    }
}

impl fmt::Display for OriginalRecipient {
    /// As it is written on the wire, in ASCII: an address in UTF-8 is `utf-8-addr-xtext`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{};", self.kind)?;
        if !self.is_utf8() {
            return f.write_str(&xtext::encode(&self.address));
        }
        for character in self.address.chars() {
            match character {
                '+' | '=' | '\\' => write!(f, "\\x{{{:X}}}", u32::from(character))?,
                '!'..='~' => write!(f, "{character}")?,
                _ => write!(f, "\\x{{{:X}}}", u32::from(character))?,
            }
        }
        Ok(())
    }
}

/// Decodes `utf-8-addr-xtext` and `utf-8-addr-unitext` (RFC 6533 section 3): UTF-8 as it is, and
/// `\x{HEX}` for a character.
fn decode_utf8(text: &str) -> Option<String> {
    let mut address = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(character) = rest.chars().next() {
        if character == '\\' {
            let (digits, after) = rest.strip_prefix("\\x{")?.split_once('}')?;
            let is_digit = |octet: u8| octet.is_ascii_digit() || matches!(octet, b'A'..=b'F');
            if !(2..=6).contains(&digits.len()) || !digits.bytes().all(is_digit) {
                return None;
            }
            address.push(char::from_u32(u32::from_str_radix(digits, 16).ok()?)?);
            rest = after;
            continue;
        }
        if matches!(character, '+' | '=' | '\0'..=' ' | '\x7f') {
            return None;
        }
        address.push(character);
        rest = &rest[character.len_utf8()..];
    }
    Some(address)
}
