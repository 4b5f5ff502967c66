//! The page: three files that are part of the program.

use axum::Router;
use axum::http::HeaderName;
use axum::http::header::{
    CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, REFERRER_POLICY, X_CONTENT_TYPE_OPTIONS,
};
use axum::routing::get;

/// Its routes.
pub(crate) fn router<S: Clone + Send + Sync + 'static>() -> Router<S> {
    Router::new()
        .route("/", get(async || file("text/html; charset=utf-8", HTML)))
        .route(
            "/inbox.css",
            get(async || file("text/css; charset=utf-8", CSS)),
        )
        .route(
            "/inbox.js",
            get(async || file("text/javascript; charset=utf-8", JS)),
        )
        .route("/icon.svg", get(async || file("image/svg+xml", ICON)))
}

type Headers = [(HeaderName, &'static str); 5];

fn file(media_type: &'static str, text: &'static str) -> (Headers, &'static str) {
    let headers = [
        (CONTENT_TYPE, media_type),
        (CONTENT_SECURITY_POLICY, POLICY),
        (X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (REFERRER_POLICY, "no-referrer"),
        (CACHE_CONTROL, "no-cache"),
    ];
    (headers, text)
}

/// Nothing from elsewhere, and no script but the page's own file.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; \
     connect-src 'self'; frame-src 'self'; base-uri 'none'; form-action 'none'; \
     frame-ancestors 'none'";

const HTML: &str = include_str!("inbox.html");
const CSS: &str = include_str!("inbox.css");
const JS: &str = include_str!("inbox.js");
const ICON: &str = include_str!("icon.svg");
