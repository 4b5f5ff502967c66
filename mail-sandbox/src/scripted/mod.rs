//! Endpoints that are not served by a machine: one that plays a transcript, and one that records
//! what another server says.

mod replay;
use replay::replay;

mod record;
use record::record;

mod units;

mod likeness;

mod tags;

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use mailwire::testing::transcript::Dialogue;
use tokio::net::TcpStream;

use crate::conversation::Conversation;
use crate::endpoint::Endpoint;
use crate::sandbox::Shared;

/// How an endpoint is served, if not by a machine.
#[derive(Debug)]
pub(crate) enum Script {
    /// The connections get these, one after the other, and the last again and again.
    Replay(Vec<Arc<Dialogue>>, AtomicUsize),
    /// All is passed on to this server, and remembered.
    Record(String),
}

impl Script {
    pub(crate) fn replay(dialogues: Vec<Dialogue>) -> Self {
        let dialogues = dialogues.into_iter().map(Arc::new).collect();
        Self::Replay(dialogues, AtomicUsize::new(0))
    }

    pub(crate) async fn serve(
        &self,
        shared: Arc<Shared>,
        endpoint: Endpoint,
        stream: TcpStream,
        conversation: Conversation,
    ) {
        match self {
            Self::Replay(dialogues, next) => {
                let index = next.fetch_add(1, Ordering::Relaxed);
                let dialogue = &dialogues[index.min(dialogues.len() - 1)];
                replay(shared, endpoint, stream, conversation, dialogue).await;
            }
            Self::Record(server) => {
                record(shared, endpoint, stream, conversation, server).await;
            }
        }
    }
}
