//! A password file as the users of a server.

use std::sync::Arc;
use std::thread::available_parallelism;

use async_trait::async_trait;
use sasl::server::{Failure, Need, Step};
use sasl::{Mechanism, PasswordFile};
use tokio::sync::Semaphore;

use super::{Authenticator, Origin};

/// Users from a [`PasswordFile`]. Everybody is but themselves.
///
/// As many passwords are hashed at a time as there are processors: each may take a lot of
/// memory, and anybody may have us do it. It is done on blocking threads.
#[derive(Debug)]
pub struct Passwords {
    file: Arc<PasswordFile>,
    hashing: Semaphore,
}

impl From<PasswordFile> for Passwords {
    fn from(file: PasswordFile) -> Self {
        Self {
            file: Arc::new(file),
            hashing: Semaphore::new(available_parallelism().map_or(1, usize::from)),
        }
    }
}

#[async_trait]
impl Authenticator for Passwords {
    fn mechanisms(&self) -> Vec<Mechanism> {
        self.file.mechanisms()
    }

    async fn answer(&self, _: &Origin, need: Need) -> Step {
        let Ok(_turn) = self.hashing.acquire().await else {
            return Step::Done(Err(Failure::Unavailable));
        };
        let file = Arc::clone(&self.file);
        let answered = tokio::task::spawn_blocking(move || file.answer(need));
        let answered = answered.await;
        answered.unwrap_or(Step::Done(Err(Failure::Unavailable)))
    }
}
