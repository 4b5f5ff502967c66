//! What may follow the path in RCPT.

use std::fmt;

use super::{
    LONGEST_KEYWORD, Notify, OriginalRecipient, Parameter, ValidSince, given, set, show,
    upper_case, word,
};
use crate::{Extension, Extensions, SyntaxError};

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
