//! Messages as they come and go.

use tokio::sync::mpsc::UnboundedReceiver;

use crate::message::Message;

/// Everything that happens to the messages of a sandbox, from the moment it was
/// [asked for](crate::Sandbox::follow).
///
/// Nothing is left out: what nobody has taken waits in memory.
#[derive(Debug)]
pub struct Feed(pub(crate) UnboundedReceiver<News>);

/// What has happened.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub enum News {
    /// A message has come.
    Arrived(Message),
    /// The message with this number is gone: it was removed, or has made room for another.
    Removed(u64),
}

impl Feed {
    /// Waits for the next. Cancel-safe, on any runtime. `None` when the sandbox and its connections
    /// are gone.
    pub async fn next(&mut self) -> Option<News> {
        self.0.recv().await
    }
}
