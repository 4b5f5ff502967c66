//! What messages a request means.

use axum::http::StatusCode;
use mail_sandbox::{Message, Query};
use serde::Deserialize;

use super::Problem;

/// Filters, as they stand in a URL.
#[derive(Debug, Default, Deserialize)]
// A filter that is misspelt must not delete everything.
#[serde(deny_unknown_fields)]
pub(super) struct Search {
    to: Option<String>,
    from: Option<String>,
    subject: Option<String>,
    body: Option<String>,
    attachment: Option<String>,
    /// `NAME:TEXT`.
    header: Option<String>,
    text: Option<String>,
    pub(super) limit: Option<usize>,
    pub(super) before: Option<u64>,
    pub(super) count: Option<usize>,
    /// Seconds.
    pub(super) within: Option<f64>,
}

impl Search {
    pub(super) fn query(self) -> Result<Query, Problem> {
        let mut query = Query::any();
        if let Some(address) = self.to {
            query = query.matching(move |message| {
                let mut all = message.envelope().recipients.iter();
                all.any(|recipient| has(&recipient.address, &address))
            });
        }
        if let Some(address) = self.from {
            query = query.matching(move |message| {
                has(&message.envelope().sender, &address)
                    || message.from().iter().any(|from| has(from, &address))
            });
        }
        if let Some(part) = self.subject {
            query = query.subject(part);
        }
        if let Some(part) = self.body {
            query = query.body(part);
        }
        if let Some(part) = self.attachment {
            query = query.attachment(part);
        }
        if let Some(header) = self.header {
            let parts = header.split_once(':');
            let (name, part) = parts
                .ok_or_else(|| Problem::new(StatusCode::BAD_REQUEST, "header is NAME:TEXT"))?;
            query = query.header(name.trim(), part.trim());
        }
        if let Some(words) = self.text.filter(|text| !text.trim().is_empty()) {
            query = query.matching(move |message| {
                let mut words = words.split_whitespace();
                words.all(|word| is_anywhere(message, word))
            });
        }
        Ok(query)
    }
}

/// Whether a word is in anything that a reader sees.
fn is_anywhere(message: &Message, word: &str) -> bool {
    let envelope = message.envelope();
    let mut recipients = envelope.recipients.iter();
    message.subject().is_some_and(|subject| has(subject, word))
        || has(&envelope.sender, word)
        || recipients.any(|recipient| has(&recipient.address, word))
        || message.header("From").is_some_and(|from| has(&from, word))
        || message.header("To").is_some_and(|to| has(&to, word))
        || message.text().is_some_and(|text| has(&text, word))
        || message.html().is_some_and(|html| has(&html, word))
        || (message.attachment_names().flatten()).any(|name| has(name, word))
}

fn has(text: &str, part: &str) -> bool {
    text.to_lowercase().contains(&part.to_lowercase())
}
