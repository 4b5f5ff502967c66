//! Commands that may take long: their clients are told how far they have come (RFC 9585).

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use imap_proto::response::{Code, MessageThread};
use imap_proto::server::{Refusal, Server};
use imap_proto::{Extension, MailboxName, ModSeq, NumberSet, OrderedSet};
use tokio::time::timeout;

use super::answers::check;
use crate::limits::PROGRESS_INTERVAL;

/// A command that is being carried out.
pub(super) struct Long {
    work: Pin<Box<dyn Future<Output = Result<Done, Refusal>> + Send>>,
    progress: Arc<Progress>,
}

/// What has come of it.
pub(super) enum Done {
    /// Messages were found.
    Found(NumberSet, Option<ModSeq>),
    /// They were found, and have an order.
    Sorted(OrderedSet, Option<ModSeq>),
    /// They were found, and belong together.
    Threads(Vec<MessageThread>),
    /// Messages were copied to this folder, or moved there.
    Copied {
        mailbox: MailboxName,
        code: Option<Code>,
    },
}

/// How far a command has come.
#[derive(Debug, Default)]
pub(super) struct Progress {
    done: AtomicU64,
    /// 0 if nobody knows.
    goal: AtomicU64,
}

impl Progress {
    /// So much more is to be done.
    pub(super) fn expect(&self, more: usize) {
        self.goal.fetch_add(more as u64, Ordering::Relaxed);
    }

    /// So much more is done.
    pub(super) fn add(&self, done: usize) {
        self.done.fetch_add(done as u64, Ordering::Relaxed);
    }

    fn told(&self) -> (Option<u64>, Option<u64>) {
        match self.goal.load(Ordering::Relaxed) {
            0 => (None, None),
            goal => (Some(self.done.load(Ordering::Relaxed)), Some(goal)),
        }
    }
}

impl Long {
    /// A command that says how far it has come.
    pub(super) fn new<W>(work: impl FnOnce(Arc<Progress>) -> W) -> Self
    where
        W: Future<Output = Result<Done, Refusal>> + Send + 'static,
    {
        let progress = Arc::default();
        Self {
            work: Box::pin(work(Arc::clone(&progress))),
            progress,
        }
    }

    /// Goes on for a while. `None` if it is not done then; the client is told so.
    pub(super) async fn go_on(&mut self, machine: &mut Server) -> Option<Result<Done, Refusal>> {
        if let Ok(done) = timeout(PROGRESS_INTERVAL, &mut self.work).await {
            return Some(done);
        }
        // Who does not read need not be told again and again.
        if machine.config().serves(Extension::InProgress) && !machine.is_full() {
            let (done, goal) = self.progress.told();
            check(machine.progress(done, goal));
        }
        None
    }
}
