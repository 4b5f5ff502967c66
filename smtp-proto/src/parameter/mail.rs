//! What may follow the path in MAIL.

use std::fmt;

use super::{
    BodyType, DeliverBy, EnvelopeId, Hold, LONGEST_KEYWORD, Parameter, Priority, Ret, Solicitation,
    Submitter, given, set, show, size, upper_case, word,
};
use crate::{Extension, Extensions, SyntaxError};

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
