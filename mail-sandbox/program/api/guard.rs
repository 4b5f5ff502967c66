//! Which requests are let in.
//!
//! Nobody logs in here, so what a browser sends on behalf of a foreign page must be told from what
//! its user does: such a page could otherwise delete messages, or read them under a name of its own
//! that it has pointed at this address.

use std::net::IpAddr;

use axum::extract::{Request, State};
use axum::http::header::{HOST, ORIGIN};
use axum::http::{HeaderMap, HeaderName, Method, StatusCode};
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Response};

use super::{Api, Problem};

pub(super) async fn check(State(api): State<Api>, request: Request, next: Next) -> Response {
    match refusal(request.method(), request.headers(), &api.names) {
        Some(reason) => Problem::new(StatusCode::FORBIDDEN, reason).into_response(),
        None => next.run(request).await,
    }
}

fn refusal(method: &Method, headers: &HeaderMap, names: &[String]) -> Option<&'static str> {
    let text = |name: HeaderName| headers.get(name).and_then(|value| value.to_str().ok());
    let host = text(HOST).unwrap_or_default();
    if !is_ours(host, names) {
        return Some("this name is not served: see --name");
    }
    if matches!(*method, Method::GET | Method::HEAD) {
        return None;
    }
    let origin = text(ORIGIN);
    let is_foreign = origin.is_some_and(|origin| match origin.split_once("://") {
        Some((_, name)) => name != host,
        None => true,
    });
    is_foreign.then_some("requests of other pages are not served")
}

/// Whether a name cannot belong to somebody else: an address, one of this machine, one of a private
/// network (which has no dot), or one that was named.
fn is_ours(host: &str, names: &[String]) -> bool {
    let name = match host.strip_prefix('[') {
        Some(rest) => rest.split(']').next().unwrap_or_default(),
        None => host.split(':').next().unwrap_or_default(),
    };
    name.parse::<IpAddr>().is_ok()
        || !name.contains('.')
        || name.ends_with(".localhost")
        || names.iter().any(|other| other.eq_ignore_ascii_case(name))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn foreign_pages_stay_outside() {
        let names = ["mail.example.org".to_owned()];
        for (method, host, origin, is_let_in) in [
            (Method::GET, "127.0.0.1:8025", None, true),
            (Method::GET, "[::1]:8025", None, true),
            (Method::GET, "localhost", None, true),
            (Method::GET, "mailbox:8025", None, true),
            (Method::GET, "Mail.example.org:8025", None, true),
            (Method::GET, "evil.example.net:8025", None, false),
            (Method::DELETE, "127.0.0.1:8025", None, true),
            (
                Method::DELETE,
                "127.0.0.1:8025",
                Some("http://127.0.0.1:8025"),
                true,
            ),
            (
                Method::DELETE,
                "127.0.0.1:8025",
                Some("http://127.0.0.1:9000"),
                false,
            ),
            (
                Method::POST,
                "localhost:8025",
                Some("http://evil.example.net"),
                false,
            ),
            (Method::POST, "localhost:8025", Some("null"), false),
        ] {
            let mut headers = HeaderMap::new();
            headers.insert(HOST, host.parse().expect("a value"));
            if let Some(origin) = origin {
                headers.insert(ORIGIN, origin.parse().expect("a value"));
            }
            let refused = refusal(&method, &headers, &names);
            assert_eq!(refused.is_none(), is_let_in, "{method} {host} {origin:?}");
        }
    }
}
