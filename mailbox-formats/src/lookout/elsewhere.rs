//! Systems other than Linux, by `notify`.

use std::io;
use std::path::Path;
use std::sync::{Mutex, PoisonError};

use notify::event::{EventKind, ModifyKind};
use notify::{Event, RecommendedWatcher, RecursiveMode, Watcher as _};

/// Directories that are watched.
pub(super) struct Watcher(Mutex<RecommendedWatcher>);

impl Watcher {
    pub(super) fn new(told: impl Fn(Option<&Path>) + Send + 'static) -> io::Result<Self> {
        let watcher =
            notify::recommended_watcher(move |event: notify::Result<Event>| match event {
                Ok(event) if event.need_rescan() => told(None),
                Ok(event) if is_change(event.kind) => {
                    event.paths.iter().for_each(|path| told(Some(path)));
                }
                Ok(_) => {}
                Err(_) => told(None),
            });
        Ok(Self(Mutex::new(watcher.map_err(io::Error::other)?)))
    }

    pub(super) fn watch(&self, directory: &Path) -> io::Result<()> {
        let watched = self.with(|watcher| watcher.watch(directory, RecursiveMode::NonRecursive));
        watched.map_err(io::Error::other)
    }

    pub(super) fn watch_names(&self, directory: &Path) -> io::Result<()> {
        self.watch(directory)
    }

    pub(super) fn unwatch(&self, directory: &Path) {
        // One that is gone is watched no more.
        let _ = self.with(|watcher| watcher.unwatch(directory));
    }

    fn with<T>(&self, work: impl FnOnce(&mut RecommendedWatcher) -> T) -> T {
        work(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// Whether something may have become of a file. To look is not: whoever looks because of it would never be done.
fn is_change(kind: EventKind) -> bool {
    !matches!(
        kind,
        EventKind::Access(_) | EventKind::Modify(ModifyKind::Metadata(_))
    )
}
