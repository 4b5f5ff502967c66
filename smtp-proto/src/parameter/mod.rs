//! What may follow the path in MAIL and RCPT (RFC 5321 section 4.1.2, "esmtp-param").
//!
//! What an extension that we know defines is typed; the rest is kept as it came, in
//! [`Parameter`]s. A value of these types is legal, so printing it is what a client does.

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
use crate::{Extension, Extensions, SyntaxError, limits};

/// The parameters of MAIL.
///
/// ```
/// use smtp_proto::Strictness;
/// use smtp_proto::command::Command;
/// use smtp_proto::parameter::Ret;
///
/// let line = b"MAIL FROM:<a@b.test> SIZE=1000 RET=HDRS ENVID=QQ+2B1";
/// let Command::Mail(mail) = Command::parse(line, &Strictness::strict())? else { panic!() };
/// assert_eq!(mail.parameters.size, Some(1000));
/// let terms = mail.parameters.terms();
/// assert_eq!(terms.ret, Some(Ret::Headers));
/// assert_eq!(terms.envelope_id.as_ref().map(|id| id.as_str()), Some("QQ+1"));
/// # Ok::<(), smtp_proto::SyntaxError>(())
/// ```
#[derive(Debug, Clone, Default)]
#[non_exhaustive]
pub struct MailParameters {
    /// `SIZE=`: how large the client believes the message to be, in octets with CRLF (RFC 1870).
    /// A number that does not fit into 64 bits is the largest that does.
    pub size: Option<u64>,
    /// `BODY=` (RFC 6152, RFC 3030).
    pub body: Option<BodyType>,
    /// `SMTPUTF8` (RFC 6531): addresses and header may hold UTF-8.
    pub smtputf8: bool,
    /// Apart, since few messages have any: a command is moved more often than it is looked at.
    terms: Option<Box<MailTerms>>,
}

/// What a sender says and asks for besides plain delivery.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct MailTerms {
    /// `AUTH=`: who submitted the message first (RFC 4954 section 5).
    pub auth: Option<Submitter>,
    /// `REQUIRETLS` (RFC 8689): do not pass it on without TLS.
    pub require_tls: bool,
    /// `RET=` (RFC 3461).
    pub ret: Option<Ret>,
    /// `ENVID=` (RFC 3461).
    pub envelope_id: Option<EnvelopeId>,
    /// `BY=` (RFC 2852).
    pub deliver_by: Option<DeliverBy>,
    /// `HOLDFOR=` or `HOLDUNTIL=` (RFC 4865).
    pub hold: Option<Hold>,
    /// `MT-PRIORITY=` (RFC 6710).
    pub priority: Option<Priority>,
    /// `SOLICIT=` (RFC 3865): what kinds of solicitation the message is.
    pub solicitation: Option<Solicitation>,
    /// Parameters of other extensions, in order.
    pub other: Vec<Parameter>,
}

impl MailParameters {
    pub(crate) fn parse(text: &[u8]) -> Result<Self, SyntaxError> {
        let mut parameters = Self::default();
        for word in word::words(text) {
            let (keyword, value) = word?;
            let mut upper = [0; LONGEST_KEYWORD];
            let repeated = match upper_case(keyword, &mut upper) {
                b"SIZE" => set(&mut parameters.size, size(given(value)?)?),
                b"BODY" => set(&mut parameters.body, BodyType::parse(given(value)?)?),
                b"SMTPUTF8" => std::mem::replace(&mut parameters.smtputf8, true) || value.is_some(),
                upper => parameters.terms_mut().add(upper, keyword, value)?,
            };
            if repeated {
                return Err(SyntaxError::Parameter);
            }
        }
        Ok(parameters)
    }

    /// What is asked for besides plain delivery: nothing, most often.
    pub fn terms(&self) -> &MailTerms {
        static NONE: MailTerms = MailTerms {
            auth: None,
            require_tls: false,
            ret: None,
            envelope_id: None,
            deliver_by: None,
            hold: None,
            priority: None,
            solicitation: None,
            other: Vec::new(),
        };
        self.terms.as_deref().unwrap_or(&NONE)
    }

    /// The same, to ask for more.
    pub fn terms_mut(&mut self) -> &mut MailTerms {
        self.terms.get_or_insert_default()
    }

    /// Whether there are none, as in SMTP without extensions.
    pub fn is_empty(&self) -> bool {
        self.needs() == Extensions::none() && self.terms().other.is_empty()
    }

    /// The extensions that these parameters belong to: they may only be used where all of them
    /// are on offer.
    pub fn needs(&self) -> Extensions {
        let mut needs = match &self.terms {
            Some(terms) => terms.needs(),
            None => Extensions::none(),
        };
        if self.size.is_some() {
            needs.insert(Extension::Size);
        }
        match self.body {
            None => {}
            Some(BodyType::Binary) => needs.insert(Extension::BinaryMime),
            Some(BodyType::SevenBit | BodyType::EightBit) => needs.insert(Extension::EightBitMime),
        }
        if self.smtputf8 {
            needs.insert(Extension::SmtpUtf8);
        }
        needs
    }
}

impl PartialEq for MailParameters {
    fn eq(&self, other: &Self) -> bool {
        (self.size, self.body, self.smtputf8) == (other.size, other.body, other.smtputf8)
            && self.terms() == other.terms()
    }
}

impl Eq for MailParameters {}

impl MailTerms {
    /// Adds one, by its keyword in upper case and as it came, and says whether it was there already.
    fn add(
        &mut self,
        upper: &[u8],
        keyword: &[u8],
        value: Option<&[u8]>,
    ) -> Result<bool, SyntaxError> {
        Ok(match upper {
            b"AUTH" => set(&mut self.auth, Submitter::parse(given(value)?)?),
            b"REQUIRETLS" => std::mem::replace(&mut self.require_tls, true) || value.is_some(),
            b"RET" => set(&mut self.ret, Ret::parse(given(value)?)?),
            b"ENVID" => set(&mut self.envelope_id, EnvelopeId::parse(given(value)?)?),
            b"BY" => set(&mut self.deliver_by, DeliverBy::parse(given(value)?)?),
            // One of the two, once.
            b"HOLDFOR" => set(&mut self.hold, Hold::parse_for(given(value)?)?),
            b"HOLDUNTIL" => set(&mut self.hold, Hold::parse_until(given(value)?)?),
            b"MT-PRIORITY" => set(&mut self.priority, Priority::parse(given(value)?)?),
            b"SOLICIT" => set(&mut self.solicitation, Solicitation::parse(given(value)?)?),
            _ => {
                word::add(&mut self.other, keyword, value)?;
                false
            }
        })
    }

    fn needs(&self) -> Extensions {
        [
            (self.auth.is_some(), Extension::Auth),
            (self.require_tls, Extension::RequireTls),
            (self.ret.is_some(), Extension::Dsn),
            (self.envelope_id.is_some(), Extension::Dsn),
            (self.deliver_by.is_some(), Extension::DeliverBy),
            (self.hold.is_some(), Extension::FutureRelease),
            (self.priority.is_some(), Extension::Priority),
            (self.solicitation.is_some(), Extension::NoSoliciting),
        ]
        .into_iter()
        .filter_map(|(is_asked_for, extension)| is_asked_for.then_some(extension))
        .collect()
    }
}

impl fmt::Display for MailParameters {
    /// As they follow a path on the wire, each with a space before it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        show(f, "SIZE", self.size.as_ref())?;
        show(f, "BODY", self.body.as_ref())?;
        if self.smtputf8 {
            f.write_str(" SMTPUTF8")?;
        }
        self.terms().fmt(f)
    }
}

impl fmt::Display for MailTerms {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        show(f, "AUTH", self.auth.as_ref())?;
        if self.require_tls {
            f.write_str(" REQUIRETLS")?;
        }
        show(f, "RET", self.ret.as_ref())?;
        show(f, "ENVID", self.envelope_id.as_ref())?;
        show(f, "BY", self.deliver_by.as_ref())?;
        if let Some(hold) = &self.hold {
            write!(f, " {hold}")?;
        }
        show(f, "MT-PRIORITY", self.priority.as_ref())?;
        show(f, "SOLICIT", self.solicitation.as_ref())?;
        self.other
            .iter()
            .try_for_each(|parameter| write!(f, " {parameter}"))
    }
}

/// The parameters of RCPT.
#[derive(Debug, Clone, Default)]
#[non_exhaustive]
pub struct RcptParameters {
    /// `NOTIFY=` (RFC 3461).
    pub notify: Option<Notify>,
    /// Apart, since few recipients have any.
    terms: Option<Box<RcptTerms>>,
}

/// What a sender says of a recipient besides where the message goes.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct RcptTerms {
    /// `ORCPT=` (RFC 3461, RFC 6533).
    pub original: Option<OriginalRecipient>,
    /// `RRVS=` (RFC 7293).
    pub valid_since: Option<ValidSince>,
    /// Parameters of other extensions, in order.
    pub other: Vec<Parameter>,
}

impl RcptParameters {
    pub(crate) fn parse(text: &[u8]) -> Result<Self, SyntaxError> {
        let mut parameters = Self::default();
        for word in word::words(text) {
            let (keyword, value) = word?;
            let mut upper = [0; LONGEST_KEYWORD];
            let repeated = match upper_case(keyword, &mut upper) {
                b"NOTIFY" => set(&mut parameters.notify, Notify::parse(given(value)?)?),
                upper => parameters.terms_mut().add(upper, keyword, value)?,
            };
            if repeated {
                return Err(SyntaxError::Parameter);
            }
        }
        Ok(parameters)
    }

    /// What is said besides: nothing, most often.
    pub fn terms(&self) -> &RcptTerms {
        static NONE: RcptTerms = RcptTerms {
            original: None,
            valid_since: None,
            other: Vec::new(),
        };
        self.terms.as_deref().unwrap_or(&NONE)
    }

    /// The same, to say more.
    pub fn terms_mut(&mut self) -> &mut RcptTerms {
        self.terms.get_or_insert_default()
    }

    /// Whether there are none, as in SMTP without extensions.
    pub fn is_empty(&self) -> bool {
        self.needs() == Extensions::none() && self.terms().other.is_empty()
    }

    /// The extensions that these parameters belong to.
    pub fn needs(&self) -> Extensions {
        let mut needs = Extensions::none();
        if self.notify.is_some() || self.terms().original.is_some() {
            needs.insert(Extension::Dsn);
        }
        if self.terms().valid_since.is_some() {
            needs.insert(Extension::ValidSince);
        }
        needs
    }
}

impl PartialEq for RcptParameters {
    fn eq(&self, other: &Self) -> bool {
        self.notify == other.notify && self.terms() == other.terms()
    }
}

impl Eq for RcptParameters {}

impl RcptTerms {
    /// Adds one, by its keyword in upper case and as it came, and says whether it was there already.
    fn add(
        &mut self,
        upper: &[u8],
        keyword: &[u8],
        value: Option<&[u8]>,
    ) -> Result<bool, SyntaxError> {
        Ok(match upper {
            b"ORCPT" => set(&mut self.original, OriginalRecipient::parse(given(value)?)?),
            b"RRVS" => set(&mut self.valid_since, ValidSince::parse(given(value)?)?),
            _ => {
                word::add(&mut self.other, keyword, value)?;
                false
            }
        })
    }
}

impl fmt::Display for RcptParameters {
    /// As they follow a path on the wire, each with a space before it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        show(f, "NOTIFY", self.notify.as_ref())?;
        self.terms().fmt(f)
    }
}

impl fmt::Display for RcptTerms {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        show(f, "ORCPT", self.original.as_ref())?;
        show(f, "RRVS", self.valid_since.as_ref())?;
        self.other
            .iter()
            .try_for_each(|parameter| write!(f, " {parameter}"))
    }
}

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
