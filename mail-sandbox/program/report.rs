//! What is printed: one JSON object a line.

use std::collections::BTreeMap;
use std::io::{self, Write as _};
use std::net::SocketAddr;

use anyhow::Result;
use mail_sandbox::{Feed, News, Sandbox};
use serde::Serialize;

use crate::api::Summary;

/// A line.
#[derive(Serialize)]
#[serde(tag = "event", rename_all = "lowercase")]
enum Line {
    /// All ports are open.
    Ready {
        /// URLs, by the names of the endpoints.
        #[serde(flatten)]
        urls: BTreeMap<&'static str, String>,
    },
    /// A message has come.
    Message(Summary),
}

/// Says where everything is.
pub(crate) fn ready(sandbox: &Sandbox, web: Option<SocketAddr>) -> Result<()> {
    let mut urls: BTreeMap<_, _> = sandbox
        .endpoints()
        .map(|(endpoint, _)| (endpoint.name(), sandbox.url(endpoint)))
        .collect();
    if let Some(address) = web {
        urls.insert("http", format!("http://{address}/"));
    }
    for (name, url) in &urls {
        eprintln!("mail-sandbox: {name:<10} {url}");
    }
    print(&Line::Ready { urls })
}

/// Tells of every message that comes.
pub(crate) async fn news(feed: &mut Feed) -> Result<()> {
    while let Some(news) = feed.next().await {
        if let News::Arrived(message) = news {
            print(&Line::Message(Summary::of(&message)))?;
        }
    }
    Ok(())
}

fn print(line: &Line) -> Result<()> {
    let mut line = serde_json::to_vec(line)?;
    line.push(b'\n');
    let mut out = io::stdout().lock();
    out.write_all(&line)?;
    Ok(out.flush()?)
}
