//! The words behind a path, and parameters that are not interpreted here.

use std::fmt;
use std::str::FromStr;

use compact_str::CompactString;

use crate::{SyntaxError, limits};

/// A parameter that is not interpreted here: `KEYWORD` or `KEYWORD=value`.
///
/// ```
/// use smtp_proto::parameter::Parameter;
///
/// let parameter: Parameter = "x-new=value".parse()?;
/// assert_eq!((parameter.keyword(), parameter.value()), ("X-NEW", Some("value")));
/// assert!("X-NEW=two words".parse::<Parameter>().is_err());
/// # Ok::<(), smtp_proto::SyntaxError>(())
/// ```
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

impl FromStr for Parameter {
    type Err = SyntaxError;

    fn from_str(text: &str) -> Result<Self, SyntaxError> {
        let mut one = Vec::new();
        match word(text.as_bytes()) {
            Some(((keyword, value), [])) => add(&mut one, keyword, value)?,
            _ => return Err(SyntaxError::Parameter),
        }
        one.pop().ok_or(SyntaxError::Parameter)
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

pub(super) type Word<'a> = (&'a [u8], Option<&'a [u8]>);

/// The `keyword[=value]` words behind a path, each with one space before it.
pub(super) fn words(text: &[u8]) -> impl Iterator<Item = Result<Word<'_>, SyntaxError>> {
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
    // UTF-8 for the one parameter that may hold it (RFC 6533 section 3).
    let is_value = |octet: u8| is_value(octet) || octet >= 0x80;
    let (value, after) = run(value, is_value);
    (!value.is_empty()).then_some(((keyword, Some(value)), after))
}

/// The octets at the front that are of a kind, and what follows them.
fn run(text: &[u8], is_of_kind: impl Fn(u8) -> bool) -> (&[u8], &[u8]) {
    let end = text.iter().position(|&octet| !is_of_kind(octet));
    text.split_at(end.unwrap_or(text.len()))
}

pub(super) fn add(
    others: &mut Vec<Parameter>,
    keyword: &[u8],
    value: Option<&[u8]>,
) -> Result<(), SyntaxError> {
    let text = |octets: &[u8]| match octets.is_ascii() {
        true => CompactString::from_utf8(octets).map_err(|_| SyntaxError::Parameter),
        false => Err(SyntaxError::Parameter),
    };
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
