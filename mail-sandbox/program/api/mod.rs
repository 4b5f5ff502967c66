//! The HTTP API, and the page that uses it.
//!
//! | request | answer |
//! |---|---|
//! | `GET /api/v1/server` | where mail can be sent to |
//! | `GET /api/v1/messages` | the newest messages, as many as `limit` (100) from before the number `before`; filters as below |
//! | `DELETE /api/v1/messages` | forgets them; filters as below |
//! | `GET /api/v1/messages/ID` | all that is known of one |
//! | `DELETE /api/v1/messages/ID` | forgets it |
//! | `GET /api/v1/messages/ID/raw` | its octets |
//! | `GET /api/v1/messages/ID/html` | its HTML, for a frame |
//! | `GET /api/v1/messages/ID/attachments/N` | an attachment, the first being 0 |
//! | `GET /api/v1/messages/ID/transcript` | the conversation that it came in |
//! | `GET /api/v1/wait` | waits for `count` (1) messages, for `within` seconds (10) at most; filters as below. 408 if they have not come, with what was said instead |
//! | `GET /api/v1/events` | server-sent events: `arrived` with a message, `removed` with its number |
//! | `GET /api/v1/conversations` | all of them, as transcripts |
//! | `GET /api/v1/faults` | the faults, and how often each has happened |
//! | `POST /api/v1/faults` | adds those of a fault file; 400 with line and reason if one is wrong |
//! | `DELETE /api/v1/faults` | takes them all back |
//!
//! Filters are `to`, `from`, `subject`, `body`, `attachment`, `header=NAME:TEXT`, and `text`, which may be
//! anywhere in what a reader sees.

mod messages;
pub(crate) use messages::Summary;

mod search;

mod content;

mod events;

mod faults;

mod guard;

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::extract::{DefaultBodyLimit, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::{any, get};
use axum::{Json, Router, middleware};
use mail_sandbox::Sandbox;
use tokio::net::TcpListener;

use crate::limits::REQUEST;
use crate::page;

/// The web's side of a sandbox.
#[derive(Debug, Clone)]
pub(crate) struct Api {
    sandbox: Arc<Sandbox>,
    /// By which browsers may come.
    names: Arc<[String]>,
}

impl Api {
    pub(crate) fn new(sandbox: Arc<Sandbox>, names: Vec<String>) -> Self {
        let names = names.into();
        Self { sandbox, names }
    }

    pub(crate) async fn serve(self, listener: TcpListener) {
        // It goes on after errors of accepting, so this does not end.
        let _ = axum::serve(listener, self.router()).await;
    }

    fn router(self) -> Router {
        let all = Router::new()
            .route("/server", get(server))
            .route("/messages", get(messages::list).delete(messages::clear))
            .route(
                "/messages/{id}",
                get(messages::show).delete(messages::remove),
            )
            .route("/messages/{id}/raw", get(content::raw))
            .route("/messages/{id}/html", get(content::html))
            .route(
                "/messages/{id}/attachments/{index}",
                get(content::attachment),
            )
            .route("/messages/{id}/transcript", get(content::transcript))
            .route("/wait", get(messages::wait))
            .route("/events", get(events::stream))
            .route("/conversations", get(conversations))
            .route(
                "/faults",
                get(faults::list).post(faults::add).delete(faults::clear),
            )
            .fallback(any(async || {
                Problem::new(StatusCode::NOT_FOUND, "no such resource")
            }));
        Router::new()
            .nest("/api/v1", all)
            .merge(page::router())
            .layer(DefaultBodyLimit::max(REQUEST))
            .layer(middleware::from_fn_with_state(self.clone(), guard::check))
            .with_state(self)
    }
}

/// What went wrong, as an answer.
#[derive(Debug)]
struct Problem {
    status: StatusCode,
    reason: String,
    line: Option<usize>,
}

impl Problem {
    fn new(status: StatusCode, reason: impl Into<String>) -> Self {
        Self {
            status,
            reason: reason.into(),
            line: None,
        }
    }

    fn no_message() -> Self {
        Self::new(StatusCode::NOT_FOUND, "no such message")
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let mut body = serde_json::json!({ "error": self.reason });
        if let Some(line) = self.line {
            body["line"] = line.into();
        }
        (self.status, Json(body)).into_response()
    }
}

async fn server(State(api): State<Api>) -> Json<BTreeMap<&'static str, String>> {
    let urls = api.sandbox.endpoints();
    let urls = urls.map(|(endpoint, _)| (endpoint.name(), api.sandbox.url(endpoint)));
    Json(urls.collect())
}

async fn conversations(State(api): State<Api>) -> Json<Vec<String>> {
    let all = api.sandbox.conversations();
    Json(all.iter().map(|one| one.transcript()).collect())
}
