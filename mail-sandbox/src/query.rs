//! Which messages a test means.

use std::fmt;
use std::sync::Arc;

use crate::message::Message;

/// A description of messages. Everything that is said of them has to hold.
///
/// Texts are parts of what they are compared with, in any case of letters, except for addresses,
/// which are whole.
///
/// ```
/// use mail_sandbox::Query;
///
/// let query = Query::to("alice@example.org").subject("welcome").count(2);
/// assert_eq!(query.to_string(), r#"2 messages to alice@example.org, with subject "welcome""#);
/// ```
#[derive(Clone)]
pub struct Query {
    conditions: Vec<Condition>,
    count: usize,
}

#[derive(Clone)]
enum Condition {
    To(String),
    From(String),
    Subject(String),
    Header(String, String),
    Body(String),
    Attachment(String),
    Matching(Arc<dyn Fn(&Message) -> bool + Send + Sync>),
}

impl Query {
    /// Any message.
    pub fn any() -> Self {
        Self {
            conditions: Vec::new(),
            count: 1,
        }
    }

    /// Messages to this address: in the envelope, so that blind copies count too.
    pub fn to(address: impl Into<String>) -> Self {
        Self::any().and(Condition::To(address.into()))
    }

    /// Messages from this address, in the envelope or in `From`.
    #[must_use]
    pub fn from(self, address: impl Into<String>) -> Self {
        self.and(Condition::From(address.into()))
    }

    /// Messages with this in their subject.
    #[must_use]
    pub fn subject(self, part: impl Into<String>) -> Self {
        self.and(Condition::Subject(part.into()))
    }

    /// Messages that have a header field of this name with this in it.
    #[must_use]
    pub fn header(self, name: impl Into<String>, part: impl Into<String>) -> Self {
        self.and(Condition::Header(name.into(), part.into()))
    }

    /// Messages with this in their decoded text, plain or HTML.
    #[must_use]
    pub fn body(self, part: impl Into<String>) -> Self {
        self.and(Condition::Body(part.into()))
    }

    /// Messages with an attachment that has this in its name.
    #[must_use]
    pub fn attachment(self, part: impl Into<String>) -> Self {
        self.and(Condition::Attachment(part.into()))
    }

    /// Messages that please a function.
    #[must_use]
    pub fn matching(self, pleases: impl Fn(&Message) -> bool + Send + Sync + 'static) -> Self {
        self.and(Condition::Matching(Arc::new(pleases)))
    }

    /// How many messages are waited for: one if nothing is said.
    #[must_use]
    pub fn count(mut self, count: usize) -> Self {
        self.count = count;
        self
    }

    /// Whether a message is meant.
    pub fn matches(&self, message: &Message) -> bool {
        self.conditions
            .iter()
            .all(|condition| condition.holds(message))
    }

    pub(crate) fn wanted(&self) -> usize {
        self.count
    }

    fn and(mut self, condition: Condition) -> Self {
        self.conditions.push(condition);
        self
    }
}

impl Condition {
    fn holds(&self, message: &Message) -> bool {
        let has = |text: &str, part: &str| text.to_lowercase().contains(&part.to_lowercase());
        match self {
            Self::To(address) => {
                let mut recipients = message.envelope().recipients.iter();
                recipients.any(|recipient| recipient.address.eq_ignore_ascii_case(address))
            }
            Self::From(address) => {
                let same = |other: &String| other.eq_ignore_ascii_case(address);
                same(&message.envelope().sender) || message.from().iter().any(same)
            }
            Self::Subject(part) => message.subject().is_some_and(|subject| has(subject, part)),
            Self::Header(name, part) => message
                .headers()
                .any(|(field, value)| field.eq_ignore_ascii_case(name) && has(&value, part)),
            Self::Body(part) => {
                let bodies = [message.text(), message.html()];
                bodies.into_iter().flatten().any(|body| has(&body, part))
            }
            Self::Attachment(part) => message
                .attachment_names()
                .flatten()
                .any(|name| has(name, part)),
            Self::Matching(pleases) => pleases(message),
        }
    }
}

impl fmt::Display for Query {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.count {
            1 => f.write_str("a message")?,
            count => write!(f, "{count} messages")?,
        }
        for (index, condition) in self.conditions.iter().enumerate() {
            f.write_str(if index == 0 { " " } else { ", " })?;
            match condition {
                Condition::To(address) => write!(f, "to {address}")?,
                Condition::From(address) => write!(f, "from {address}")?,
                Condition::Subject(part) => write!(f, "with subject {part:?}")?,
                Condition::Header(name, part) => write!(f, "with {name} {part:?}")?,
                Condition::Body(part) => write!(f, "with {part:?} in its text")?,
                Condition::Attachment(part) => write!(f, "with an attachment {part:?}")?,
                Condition::Matching(_) => f.write_str("that pleases the test")?,
            }
        }
        Ok(())
    }
}

impl fmt::Debug for Query {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Query({self})")
    }
}
