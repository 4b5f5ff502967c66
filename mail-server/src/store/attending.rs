//! Folders on disk that somebody waits for: what other programs do to them is seen at once where the system tells of it,
//! and looked for where it does not.

use std::collections::HashMap;
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::Duration;

use mailbox_formats::Lookout;
use tokio::runtime::Handle;
use tokio::sync::Notify;
use tokio::task::spawn_blocking;
use tokio::time::{Instant, sleep, sleep_until};
use tracing::info;

use super::open_folders::Shareable;
use crate::limits::{FOLDER_LOOK, FOLDER_REST, FOLDER_STAY, FOLDER_TICK, TOLD_FOLDER_LOOKS};

/// Whether somebody looks after a folder, and how.
#[derive(Debug)]
pub(super) struct Attending {
    bells: Bells,
    has_begun: AtomicBool,
    /// Rung when it is time to look.
    ring: Arc<Notify>,
    /// The bells that ring it.
    hung: Mutex<Option<Hung>>,
    /// How many changes of ours are under way for which they are taken down.
    hushed: AtomicUsize,
}

/// What tells of a folder's changes: the names of all files in a directory, or what becomes of one of them.
#[derive(Debug, Clone)]
pub(super) struct Place {
    pub(super) directory: PathBuf,
    pub(super) file: Option<OsString>,
}

impl Attending {
    pub(super) fn new(bells: Bells) -> Self {
        Self {
            bells,
            has_begun: AtomicBool::new(false),
            ring: Arc::default(),
            hung: Mutex::default(),
            hushed: AtomicUsize::new(0),
        }
    }

    /// Takes the bells down for many changes of ours: to be told of each of them costs as much as to make it. What others
    /// do meanwhile is looked for when this is over. Blocks.
    pub(super) fn hush(&self) -> Hush<'_> {
        self.hushed.fetch_add(1, Ordering::SeqCst);
        drop(lock(&self.hung).take());
        Hush(self)
    }

    /// Whether the bells hang.
    fn hangs(&self) -> bool {
        lock(&self.hung).is_some()
    }

    /// Hangs the bells, unless they hang or are taken down for a while. `false` if the system does not tell of changes.
    /// Blocks.
    fn hang(&self, places: Vec<Place>) -> bool {
        let mut hung = lock(&self.hung);
        if hung.is_some() || self.hushed.load(Ordering::SeqCst) > 0 {
            return true;
        }
        *hung = self.bells.clone().hang(places, Arc::clone(&self.ring));
        hung.is_some()
    }
}

/// As long as there is one, the bells of a folder stay down.
pub(super) struct Hush<'a>(&'a Attending);

impl Drop for Hush<'_> {
    fn drop(&mut self) {
        self.0.hushed.fetch_sub(1, Ordering::SeqCst);
        self.0.ring.notify_one();
    }
}

/// Looks after a folder for as long as somebody waits for news of it. Once it is called, it is looked after: who waits
/// does so already.
pub(super) fn attend(folder: &impl Shareable) {
    if folder.attending().has_begun.swap(true, Ordering::SeqCst) {
        return;
    }
    match Handle::try_current() {
        Ok(runtime) => drop(runtime.spawn(look_after(folder.clone()))),
        Err(_) => folder.attending().has_begun.store(false, Ordering::SeqCst),
    }
}

async fn look_after(folder: impl Shareable) {
    let has_begun = &folder.attending().has_begun;
    loop {
        // Most who open a folder are soon gone.
        wait(&folder, FOLDER_STAY, std::future::pending()).await;
        look_while_watched(&folder).await;
        has_begun.store(false, Ordering::SeqCst);
        // Somebody may have come meanwhile, and have counted on us.
        if !folder.is_watched() || has_begun.swap(true, Ordering::SeqCst) {
            return;
        }
    }
}

async fn look_while_watched(folder: &impl Shareable) {
    let attending = folder.attending();
    let every = attending.bells.0.every;
    let mut is_told = true;
    while folder.is_watched() {
        if is_told && !attending.hangs() {
            let folder = folder.clone();
            let hung = spawn_blocking(move || folder.attending().hang(folder.places())).await;
            is_told = hung.unwrap_or(false);
        }
        let begun = Instant::now();
        folder.look().await;
        // A large folder to which much happens is not looked at all the time.
        let rest = begun.elapsed() * FOLDER_REST;
        let rested = Instant::now() + rest.min(every);
        let time = match is_told {
            true => every * TOLD_FOLDER_LOOKS,
            false => every,
        };
        let ring = rung(&attending.ring, rested);
        wait(folder, time, ring).await;
    }
    if let Some(hung) = lock(&attending.hung).take() {
        // Not where it would keep others waiting.
        drop(spawn_blocking(move || drop(hung)));
    }
}

/// Waits until nobody waits for the folder any more, or it is time to look.
async fn wait(folder: &impl Shareable, time: Duration, rung: impl Future<Output = ()>) {
    tokio::select! {
        () = rung => {}
        () = sleep(time) => {}
        () = folder.waiting().closed() => {}
    }
}

/// Waits until the bells have rung, and whoever looks has rested.
async fn rung(ring: &Notify, rested: Instant) {
    ring.notified().await;
    // More is likely to come with it, and times of directories are coarse.
    sleep_until(rested.max(Instant::now() + FOLDER_TICK)).await;
}

/// What rings when something changes in a folder: one handle of the system for all folders of a store.
#[derive(Debug, Clone)]
pub(super) struct Bells(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    /// How often a folder is looked at of which the system does not tell.
    every: Duration,
    /// Made when it is first needed; `None` if there is none to be had.
    lookout: OnceLock<Option<Lookout>>,
    /// Who hangs bells, or takes them down, does so alone. The lookout, which rings them, does not wait for this.
    hanging: Mutex<()>,
    by_directory: Arc<Mutex<ByDirectory>>,
}

type ByDirectory = HashMap<PathBuf, Vec<Bell>>;

#[derive(Debug)]
struct Bell {
    file: Option<OsString>,
    ring: Arc<Notify>,
}

/// The bells of a folder, which are taken down when this is dropped. Blocks.
#[derive(Debug)]
struct Hung {
    bells: Bells,
    places: Vec<Place>,
    ring: Arc<Notify>,
}

impl Default for Bells {
    fn default() -> Self {
        Self::new(FOLDER_LOOK)
    }
}

impl Bells {
    pub(super) fn new(every: Duration) -> Self {
        Self(Arc::new(Inner {
            every,
            lookout: OnceLock::new(),
            hanging: Mutex::default(),
            by_directory: Arc::default(),
        }))
    }

    /// Hangs the bells of a folder; `None` if the system does not tell of its changes. Blocks.
    fn hang(self, places: Vec<Place>, ring: Arc<Notify>) -> Option<Hung> {
        let bells = self.clone();
        let alone = lock(&bells.0.hanging);
        let lookout = bells.0.lookout.get_or_init(|| bells.look_out()).as_ref()?;
        let mut hung = Hung {
            bells: self,
            places: Vec::new(),
            ring,
        };
        let mut failed = None;
        for place in places {
            let bell = Bell {
                file: place.file.clone(),
                ring: Arc::clone(&hung.ring),
            };
            lock(&bells.0.by_directory)
                .entry(place.directory.clone())
                .or_default()
                .push(bell);
            // Also if others are there: what has the name now may be another directory than theirs.
            let watched = match place.file {
                Some(_) => lookout.watch(&place.directory),
                None => lookout.watch_names(&place.directory),
            };
            failed = failed.or_else(|| watched.err());
            hung.places.push(place);
        }
        drop(alone);
        if let Some(error) = failed {
            info!(%error, "a folder is looked at now and then");
            return None;
        }
        Some(hung)
    }

    fn look_out(&self) -> Option<Lookout> {
        let by_directory = Arc::clone(&self.0.by_directory);
        let lookout = Lookout::new(move |path| ring(&lock(&by_directory), path));
        if let Err(error) = &lookout {
            info!(%error, "folders are looked at now and then");
        }
        lookout.ok()
    }
}

impl Drop for Hung {
    fn drop(&mut self) {
        let _alone = lock(&self.bells.0.hanging);
        for place in &self.places {
            let is_empty = {
                let mut by_directory = lock(&self.bells.0.by_directory);
                let Some(there) = by_directory.get_mut(&place.directory) else {
                    continue;
                };
                there.retain(|bell| !Arc::ptr_eq(&bell.ring, &self.ring));
                let is_empty = there.is_empty();
                if is_empty {
                    by_directory.remove(&place.directory);
                }
                is_empty
            };
            if let (true, Some(Some(lookout))) = (is_empty, self.bells.0.lookout.get()) {
                lookout.unwatch(&place.directory);
            }
        }
    }
}

/// Rings for a file, or for all.
fn ring(by_directory: &ByDirectory, path: Option<&Path>) {
    let Some(path) = path else {
        let all = by_directory.values().flatten();
        all.for_each(|bell| bell.ring.notify_one());
        return;
    };
    let there = path.parent().and_then(|parent| by_directory.get(parent));
    for bell in there.into_iter().flatten() {
        if bell.file.is_none() || bell.file.as_deref() == path.file_name() {
            bell.ring.notify_one();
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
