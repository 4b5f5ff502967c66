//! Messages, listed and shown.

use std::time::{Duration, UNIX_EPOCH};

use axum::Json;
use axum::extract::{Path, Query, State};
use axum::http::StatusCode;
use mail_sandbox::{Message, Query as Wanted};
use serde::Serialize;

use super::search::Search;
use super::{Api, Problem};
use crate::limits::{LARGEST_PAGE, LONGEST_WAIT, PAGE, SNIPPET, WAIT};

/// A message in a list.
#[derive(Debug, Serialize)]
pub(crate) struct Summary {
    id: u64,
    /// Milliseconds since 1970.
    received: u64,
    subject: Option<String>,
    /// The field, decoded as far as addresses go; the envelope is beside it.
    from: Vec<String>,
    sender: String,
    recipients: Vec<String>,
    endpoint: Option<&'static str>,
    size: usize,
    attachments: usize,
    /// How the text begins.
    snippet: String,
}

/// Messages in a list.
#[derive(Debug, Serialize)]
pub(super) struct List {
    /// How many there are in all, of those that are wanted.
    total: usize,
    messages: Vec<Summary>,
}

/// All that is known of a message.
#[derive(Debug, Serialize)]
pub(super) struct Whole {
    #[serde(flatten)]
    summary: Summary,
    to: Vec<String>,
    mail: String,
    rcpt: Vec<String>,
    hello: Option<String>,
    user: Option<String>,
    folder: Option<String>,
    tls: Option<String>,
    headers: Vec<(String, String)>,
    text: Option<String>,
    has_html: bool,
    files: Vec<File>,
    conversation: String,
}

#[derive(Debug, Serialize)]
struct File {
    name: Option<String>,
    media_type: String,
    size: usize,
}

#[derive(Debug, Serialize)]
pub(super) struct Removed {
    removed: usize,
}

impl Summary {
    pub(crate) fn of(message: &Message) -> Self {
        let envelope = message.envelope();
        let since = message.received().duration_since(UNIX_EPOCH);
        let recipients = envelope.recipients.iter();
        Self {
            id: message.id(),
            received: since.map_or(0, |since| since.as_millis() as u64),
            subject: message.subject().map(str::to_owned),
            from: message.from(),
            sender: envelope.sender.clone(),
            recipients: recipients.map(|to| to.address.clone()).collect(),
            endpoint: message.endpoint().map(|endpoint| endpoint.name()),
            size: message.raw().len(),
            attachments: message.attachment_names().count(),
            snippet: snippet(&message.text().unwrap_or_default()),
        }
    }
}

impl Whole {
    fn of(message: &Message) -> Self {
        let recipients = message.envelope().recipients.iter();
        let files = message.attachments().into_iter().map(|found| File {
            size: found.bytes.len(),
            name: found.name,
            media_type: found.media_type,
        });
        Self {
            summary: Summary::of(message),
            to: message.to(),
            mail: message.envelope().mail.clone(),
            rcpt: recipients.map(|to| to.rcpt.clone()).collect(),
            hello: message.hello().map(str::to_owned),
            user: message.user().map(str::to_owned),
            folder: message.folder().map(str::to_owned),
            tls: message.tls().and_then(|tls| tls.version.clone()),
            headers: message.headers().collect(),
            text: message.text(),
            has_html: message.html().is_some(),
            files: files.collect(),
            conversation: message.conversation().to_string(),
        }
    }
}

pub(super) async fn list(
    State(api): State<Api>,
    Query(search): Query<Search>,
) -> Result<Json<List>, Problem> {
    let limit = search.limit.unwrap_or(PAGE).min(LARGEST_PAGE);
    let before = search.before.unwrap_or(u64::MAX);
    let found = api.sandbox.find(&search.query()?);
    let shown = found.iter().rev().filter(|message| message.id() < before);
    Ok(Json(List {
        total: found.len(),
        messages: shown.take(limit).map(Summary::of).collect(),
    }))
}

pub(super) async fn clear(
    State(api): State<Api>,
    Query(search): Query<Search>,
) -> Result<Json<Removed>, Problem> {
    let removed = api.sandbox.remove(&search.query()?);
    Ok(Json(Removed { removed }))
}

pub(super) async fn show(
    State(api): State<Api>,
    Path(id): Path<u64>,
) -> Result<Json<Whole>, Problem> {
    let message = api.sandbox.message(id).ok_or_else(Problem::no_message)?;
    Ok(Json(Whole::of(&message)))
}

pub(super) async fn remove(
    State(api): State<Api>,
    Path(id): Path<u64>,
) -> Result<Json<Removed>, Problem> {
    let this = Wanted::any().matching(move |message| message.id() == id);
    match api.sandbox.remove(&this) {
        0 => Err(Problem::no_message()),
        removed => Ok(Json(Removed { removed })),
    }
}

pub(super) async fn wait(
    State(api): State<Api>,
    Query(search): Query<Search>,
) -> Result<Json<List>, Problem> {
    let (count, within) = (search.count.unwrap_or(1), search.within.unwrap_or(WAIT));
    let within = Duration::try_from_secs_f64(within)
        .ok()
        .filter(|within| *within <= LONGEST_WAIT)
        .ok_or_else(|| Problem::new(StatusCode::BAD_REQUEST, "within is seconds, up to 600"))?;
    let query = search.query()?.count(count);
    let found = api.sandbox.wait_for(&query, within).await;
    let found =
        found.map_err(|missing| Problem::new(StatusCode::REQUEST_TIMEOUT, missing.to_string()))?;
    Ok(Json(List {
        total: found.len(),
        messages: found.iter().take(LARGEST_PAGE).map(Summary::of).collect(),
    }))
}

/// The first words of a text.
fn snippet(text: &str) -> String {
    let mut snippet = String::new();
    for word in text.split_whitespace() {
        if snippet.chars().count() > SNIPPET {
            break;
        }
        snippet.push_str(word);
        snippet.push(' ');
    }
    snippet.trim_end().chars().take(SNIPPET).collect()
}
