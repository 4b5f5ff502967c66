//! What is in a message, as it is: the one place where a stranger's octets go to a browser.
//!
//! A policy goes with each of them that lets no script run and nothing be loaded, also when they are
//! opened outside of the page's frame.

use axum::extract::{Path, State};
use axum::http::HeaderName;
use axum::http::header::{
    CONTENT_DISPOSITION, CONTENT_SECURITY_POLICY, CONTENT_TYPE, REFERRER_POLICY,
    X_CONTENT_TYPE_OPTIONS,
};
use axum::response::{IntoResponse, Response};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use mail_sandbox::{Attachment, Message};

use super::{Api, Problem};
use crate::limits::INLINE;

pub(super) async fn raw(State(api): State<Api>, Path(id): Path<u64>) -> Result<Response, Problem> {
    let message = find(&api, id)?;
    let name = format!("message-{id}.eml");
    Ok(content(
        "message/rfc822",
        Some(&name),
        message.raw().clone(),
    ))
}

pub(super) async fn html(State(api): State<Api>, Path(id): Path<u64>) -> Result<Response, Problem> {
    let message = find(&api, id)?;
    let html = message.html().ok_or_else(Problem::no_message)?;
    let html = format!("{HEAD}{}", with_images(html, &message.attachments()));
    Ok(content("text/html; charset=utf-8", None, html))
}

pub(super) async fn attachment(
    State(api): State<Api>,
    Path((id, index)): Path<(u64, usize)>,
) -> Result<Response, Problem> {
    let mut all = find(&api, id)?.attachments();
    if index >= all.len() {
        return Err(Problem::no_message());
    }
    let Attachment { name, bytes, .. } = all.swap_remove(index);
    let name = name.unwrap_or_else(|| format!("attachment-{index}"));
    Ok(content("application/octet-stream", Some(&name), bytes))
}

pub(super) async fn transcript(
    State(api): State<Api>,
    Path(id): Path<u64>,
) -> Result<Response, Problem> {
    let transcript = find(&api, id)?.conversation().transcript();
    Ok(content("text/plain; charset=utf-8", None, transcript))
}

fn find(api: &Api, id: u64) -> Result<Message, Problem> {
    api.sandbox.message(id).ok_or_else(Problem::no_message)
}

/// Octets of a message, to be saved under this name if there is one.
fn content(media_type: &'static str, name: Option<&str>, octets: impl IntoResponse) -> Response {
    let disposition = match name {
        Some(name) => format!("attachment; filename*=UTF-8''{}", percent(name)),
        None => "inline".to_owned(),
    };
    let headers: [(HeaderName, String); 5] = [
        (CONTENT_TYPE, media_type.to_owned()),
        (CONTENT_DISPOSITION, disposition),
        (CONTENT_SECURITY_POLICY, POLICY.to_owned()),
        (X_CONTENT_TYPE_OPTIONS, "nosniff".to_owned()),
        (REFERRER_POLICY, "no-referrer".to_owned()),
    ];
    (headers, octets).into_response()
}

/// Nothing runs and nothing is loaded; links open in a window of their own.
const POLICY: &str = "sandbox allow-popups allow-popups-to-escape-sandbox; default-src 'none'; \
     style-src 'unsafe-inline'; img-src data:; font-src data:; base-uri 'none'; \
     form-action 'none'; frame-ancestors 'self'";

const HEAD: &str = "<!doctype html><meta charset=\"utf-8\"><base target=\"_blank\">";

/// HTML in which the images of the message stand in place of the references to them (RFC 2392), as
/// far as it does not get too long.
fn with_images(html: String, attachments: &[Attachment]) -> String {
    let mut html = html;
    for attachment in attachments {
        let is_image = attachment.media_type.starts_with("image/")
            && attachment.media_type.bytes().all(is_of_a_token);
        let Some(id) = attachment.content_id.as_deref().filter(|_| is_image) else {
            continue;
        };
        let reference = format!("cid:{id}");
        let count = html.matches(&reference).count();
        let grown = count.saturating_mul(attachment.bytes.len() / 3 * 4 + 100);
        if count > 0 && html.len().saturating_add(grown) <= INLINE {
            let data = STANDARD.encode(&attachment.bytes);
            let url = format!("data:{};base64,{data}", attachment.media_type);
            html = html.replace(&reference, &url);
        }
    }
    html
}

/// Whether an octet may stand in a media type, so that it ends no attribute.
fn is_of_a_token(octet: u8) -> bool {
    octet.is_ascii_alphanumeric() || b"/+-._".contains(&octet)
}

/// A name in the notation of RFC 8187.
fn percent(name: &str) -> String {
    let mut encoded = String::new();
    for octet in name.bytes() {
        if octet.is_ascii_alphanumeric() || b"-._".contains(&octet) {
            encoded.push(char::from(octet));
        } else {
            encoded.push_str(&format!("%{octet:02X}"));
        }
    }
    encoded
}

#[cfg(test)]
mod tests {
    use mail_sandbox::{Endpoint, Sandbox};

    use super::*;

    /// Attachments can only be made of a message.
    async fn image(octets: usize) -> Vec<Attachment> {
        let sandbox = Sandbox::builder().only([Endpoint::Smtp]);
        let sandbox = sandbox.start().await.expect("a sandbox");
        let data = STANDARD.encode(vec![7; octets]);
        let message = format!(
            "Content-Type: image/png\r\nContent-ID: <a@b>\r\n\
             Content-Transfer-Encoding: base64\r\nContent-Disposition: attachment\r\n\r\n{data}\r\n"
        );
        sandbox.deliver(["bob@x.test"], message).attachments()
    }

    #[tokio::test]
    async fn images_stand_where_they_are_named() {
        let html = "<img src=\"cid:a@b\"><img src='cid:other'>".to_owned();
        assert_eq!(
            with_images(html, &image(3).await),
            "<img src=\"data:image/png;base64,BwcH\"><img src='cid:other'>"
        );
        let greedy = "cid:a@b ".repeat(100_000);
        assert_eq!(with_images(greedy.clone(), &image(100_000).await), greedy);
    }

    #[test]
    fn names_of_files() {
        assert_eq!(
            percent("Rechnung \"M\u{e4}rz\".pdf"),
            "Rechnung%20%22M%C3%A4rz%22.pdf"
        );
    }
}
