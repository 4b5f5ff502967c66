//! The service of hosts that have a store.

use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;
use imap_proto::response::CodeWord;
use imap_proto::server::Refusal;
use tracing::{info, warn};

use super::service::{Service, Session};
use crate::store::{Account, Folders, Mailstore};

/// Serves the folders of a [`Mailstore`].
///
/// Clone it for each connection.
#[derive(Clone)]
pub struct FromStore {
    store: Arc<dyn Mailstore>,
    account: Arc<AccountOf>,
}

/// Whose folders a user's are, by the name that was authorised.
type AccountOf = dyn Fn(&str) -> Option<Account> + Send + Sync;

impl FromStore {
    /// A service that opens the folders which `account` names for a user.
    pub fn new(
        store: impl Mailstore,
        account: impl Fn(&str) -> Option<Account> + Send + Sync + 'static,
    ) -> Self {
        Self::shared(Arc::new(store), account)
    }

    /// The same for a store that is shared with others, such as an SMTP listener.
    pub fn shared(
        store: Arc<dyn Mailstore>,
        account: impl Fn(&str) -> Option<Account> + Send + Sync + 'static,
    ) -> Self {
        Self {
            store,
            account: Arc::new(account),
        }
    }
}

impl fmt::Debug for FromStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FromStore").finish_non_exhaustive()
    }
}

#[async_trait]
impl Service for FromStore {
    async fn open(&mut self, session: &Session) -> Result<Arc<dyn Folders>, Refusal> {
        let user = session.authenticated.as_ref();
        let account = user.and_then(|user| (self.account)(user.authzid()));
        let Some(account) = account else {
            return Err(CodeWord::AuthorizationFailed.into());
        };
        info!(%account, "folders opened");
        self.store.folders(&account).await.map_err(|error| {
            warn!(%error, "the store failed");
            CodeWord::Unavailable.into()
        })
    }
}
