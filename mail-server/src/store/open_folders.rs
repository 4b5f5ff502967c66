//! Folders on disk that sessions have open.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use tokio::sync::watch;

use super::StoreError;
use super::attending::{Attending, Bells, Place};
use super::recall::Recall;

/// A folder of which all clones are one.
#[async_trait]
pub(super) trait Shareable: Clone + Send + Sync + 'static {
    /// Looks whether others have changed it, and tells those who wait.
    async fn look(&self);

    /// Where those who wait are told.
    fn waiting(&self) -> &watch::Sender<u64>;

    /// Who looks after it.
    fn attending(&self) -> &Attending;

    /// Where others change it.
    fn places(&self) -> Vec<Place>;

    /// Lets them look: something was delivered.
    fn poke(&self) {
        self.waiting().send_modify(|_| {});
    }

    /// Whether anybody waits.
    fn is_watched(&self) -> bool {
        self.waiting().receiver_count() > 0
    }
}

/// Folders by their paths, each of which all sessions share.
#[derive(Debug)]
pub(super) struct OpenFolders<F> {
    by_path: Arc<Mutex<HashMap<PathBuf, F>>>,
    recall: Recall,
    bells: Bells,
    noting: Arc<Mutex<()>>,
}

impl<F> Clone for OpenFolders<F> {
    fn clone(&self) -> Self {
        Self {
            by_path: Arc::clone(&self.by_path),
            recall: self.recall.clone(),
            bells: self.bells.clone(),
            noting: Arc::clone(&self.noting),
        }
    }
}

impl<F> Default for OpenFolders<F> {
    fn default() -> Self {
        Self {
            by_path: Arc::default(),
            recall: Recall::default(),
            bells: Bells::default(),
            noting: Arc::default(),
        }
    }
}

impl<F: Shareable> OpenFolders<F> {
    /// Folders that are looked at so often of which the system does not tell.
    pub(super) fn looked_at_every(interval: Duration) -> Self {
        Self {
            bells: Bells::new(interval),
            ..Self::default()
        }
    }

    /// The one that all share, made if there is none yet. Nobody waits for news of one that is given back.
    ///
    /// # Errors
    ///
    /// Those of `make`, which nobody else does meanwhile.
    pub(super) fn share(
        &self,
        path: &Path,
        make: impl FnOnce(Recall, Attending) -> Result<F, StoreError>,
    ) -> Result<F, StoreError> {
        let mut open = self.by_path.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(folder) = open.get(path) {
            return Ok(folder.clone());
        }
        open.retain(|_, folder| folder.is_watched());
        let attending = Attending::new(self.bells.clone());
        let folder = make(self.recall.clone(), attending)?;
        open.insert(path.to_owned(), folder.clone());
        Ok(folder)
    }

    /// One that is open.
    pub(super) fn get(&self, path: &Path) -> Option<F> {
        let open = self.by_path.lock().unwrap_or_else(PoisonError::into_inner);
        open.get(path).cloned()
    }

    /// Who changes what is noted about folders does so alone.
    pub(super) fn alone(&self) -> MutexGuard<'_, ()> {
        self.noting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A folder is no more, or has another name.
    pub(super) fn forget(&self, path: &Path) {
        let mut open = self.by_path.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(folder) = open.remove(path) {
            folder.poke();
        }
    }

    /// Something was delivered to a folder.
    pub(super) fn delivered(&self, path: &Path) {
        let open = self.by_path.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(folder) = open.get(path) {
            folder.poke();
        }
    }
}
