//! The threads that serve, apart from those of the test.
//!
//! A test that blocks its own runtime, with a blocking client in an asynchronous test say, would
//! starve servers that live there; and one that pauses time would pause theirs.

use std::sync::LazyLock;
use std::sync::mpsc::sync_channel;

use tokio::runtime::{Builder, Handle, Runtime};

/// Shared by all sandboxes of the process, and left to its end.
static RUNTIME: LazyLock<Runtime> = LazyLock::new(|| {
    let built = Builder::new_multi_thread()
        .worker_threads(2)
        .thread_name("mail-sandbox")
        .enable_all()
        .build();
    built.expect("a system that gives two threads and an event queue")
});

pub(crate) fn handle() -> &'static Handle {
    RUNTIME.handle()
}

/// Runs a future there and awaits it, in whatever runtime the caller is.
pub(crate) async fn run<T: Send + 'static>(future: impl Future<Output = T> + Send + 'static) -> T {
    let done = handle().spawn(future).await;
    done.expect("our own futures do not panic and are not aborted")
}

/// The same for callers who block.
pub(crate) fn block_on<T: Send + 'static>(future: impl Future<Output = T> + Send + 'static) -> T {
    let (sender, receiver) = sync_channel(1);
    handle().spawn(async move {
        let _ = sender.send(future.await);
    });
    receiver
        .recv()
        .expect("our own futures do not panic and are not aborted")
}
