//! The order of messages (RFC 5256 section 3, RFC 5957).

use std::cmp::Ordering;
use std::num::NonZeroU32;

use imap_proto::command::{SortCriterion, SortKey};

use super::mime::Parsed;
use super::subject;
use crate::store::Info;

/// What a message is sorted by.
pub(super) struct Sorted {
    pub(super) uid: NonZeroU32,
    values: Vec<Value>,
}

/// Equal kinds are compared alone.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
enum Value {
    Number(i64),
    Text(String),
}

/// Whether these cannot be told without the texts of messages.
pub(super) fn needs_texts(criteria: &[SortCriterion]) -> bool {
    let without = |key| matches!(key, SortKey::Arrival | SortKey::Size | SortKey::Relevancy);
    !criteria.iter().all(|criterion| without(criterion.key))
}

impl Sorted {
    pub(super) fn new(
        criteria: &[SortCriterion],
        info: &Info,
        parsed: Option<&Parsed<'_>>,
    ) -> Self {
        let values = criteria
            .iter()
            .map(|criterion| value(criterion.key, info, parsed));
        Self {
            uid: info.uid,
            values: values.collect(),
        }
    }

    /// Equal ones stay in the order of the folder.
    pub(super) fn compare(&self, other: &Self, criteria: &[SortCriterion]) -> Ordering {
        let pairs = self.values.iter().zip(&other.values).zip(criteria);
        pairs
            .map(|((one, other), criterion)| match criterion.reverse {
                true => other.cmp(one),
                false => one.cmp(other),
            })
            .find(|ordering| ordering.is_ne())
            .unwrap_or_else(|| self.uid.cmp(&other.uid))
    }
}

fn value(key: SortKey, info: &Info, parsed: Option<&Parsed<'_>>) -> Value {
    let text = |text: Option<String>| Value::Text(text.unwrap_or_default().to_lowercase());
    let first = |pick: fn(imap_proto::response::Envelope) -> Vec<imap_proto::response::Address>| {
        parsed.and_then(|parsed| pick(parsed.envelope()).into_iter().next())
    };
    let mailbox = |address: Option<imap_proto::response::Address>| {
        let mailbox = address.and_then(|address| address.mailbox);
        text(mailbox.map(|mailbox| mailbox.to_text().into_owned()))
    };
    let display = |field: &str| {
        let shown = parsed.and_then(|parsed| parsed.texts().display_name(field));
        text(shown)
    };
    match key {
        SortKey::Arrival => Value::Number(info.internal_date.unix_seconds()),
        SortKey::Size => Value::Number(i64::try_from(info.size).unwrap_or(i64::MAX)),
        SortKey::Date => Value::Number(sent(info, parsed)),
        SortKey::From => mailbox(first(|envelope| envelope.from)),
        SortKey::To => mailbox(first(|envelope| envelope.to)),
        SortKey::Cc => mailbox(first(|envelope| envelope.cc)),
        SortKey::Subject => {
            let subject = parsed.and_then(|parsed| parsed.texts().value("Subject"));
            text(subject.map(|subject| subject::base(&subject).0))
        }
        SortKey::DisplayFrom => display("From"),
        SortKey::DisplayTo => display("To"),
        _ => Value::Number(0),
    }
}

/// When it was sent, in seconds since 1970; when it was received, if it does not say.
pub(super) fn sent(info: &Info, parsed: Option<&Parsed<'_>>) -> i64 {
    let date = parsed.and_then(|parsed| parsed.texts().date());
    date.map_or_else(
        || info.internal_date.unix_seconds(),
        |date| date.to_timestamp(),
    )
}
