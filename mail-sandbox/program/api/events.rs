//! News for those who watch.

use std::convert::Infallible;

use axum::extract::State;
use axum::response::sse::{Event, KeepAlive, Sse};
use futures_util::stream::{Stream, unfold};
use mail_sandbox::News;

use super::{Api, Summary};

pub(super) async fn stream(
    State(api): State<Api>,
) -> Sse<impl Stream<Item = Result<Event, Infallible>>> {
    let feed = api.sandbox.follow();
    let events = unfold(feed, async |mut feed| {
        loop {
            let event = match feed.next().await? {
                News::Arrived(message) => Event::default()
                    .event("arrived")
                    .json_data(Summary::of(&message)),
                News::Removed(id) => Event::default().event("removed").json_data(id),
                _ => continue,
            };
            let event = event.expect("strings and numbers are JSON");
            return Some((Ok(event), feed));
        }
    });
    Sse::new(events).keep_alive(KeepAlive::default())
}
