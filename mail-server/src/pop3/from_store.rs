//! The service of hosts that have a store.

use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
#[cfg(feature = "apop")]
use pop3_proto::server::Timestamp;
use pop3_proto::server::Update;
use pop3_proto::{Maildrop, Refusal, ResponseCode};
use tracing::{info, warn};

use super::service::{Service, Session, refusal};
use crate::store::{Account, Inbox, Mailstore, StoreError};

/// Serves the mailboxes of a [`Mailstore`].
///
/// A message is sent as it is stored, also one whose header is not ASCII to a client that has not asked for UTF8: RFC
/// 6856 section 2.1 wants it refused or rewritten, but most such headers are old 8-bit ones that readers expect to get,
/// and a refused message blocks the fetching of a whole mailbox. A service that wants the rule can refuse in
/// [`read`](Service::read), where [`Session::utf8`] tells.
///
/// Clone it for each connection.
pub struct FromStore {
    store: Arc<dyn Mailstore>,
    account: Arc<AccountOf>,
    /// The name of the host that offers APOP.
    #[cfg(feature = "apop")]
    apop: Option<Arc<str>>,
    /// The mailbox of this connection, once somebody has logged in.
    inbox: Option<Box<dyn Inbox>>,
}

/// Whose mailbox a user's is, by the name that was authorised.
type AccountOf = dyn Fn(&str) -> Option<Account> + Send + Sync;

impl FromStore {
    /// A service that opens the mailbox which `account` names for a user.
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
            #[cfg(feature = "apop")]
            apop: None,
            inbox: None,
        }
    }

    /// Offers APOP, in the name of this host. Only to be used if the passwords of all users are
    /// known in clear text: clients prefer it, and some do not try anything else.
    #[cfg(feature = "apop")]
    #[must_use]
    pub fn offer_apop(mut self, hostname: &str) -> Self {
        self.apop = Some(hostname.into());
        self
    }
}

impl Clone for FromStore {
    /// Another of the kind, for another connection.
    fn clone(&self) -> Self {
        Self {
            store: Arc::clone(&self.store),
            account: Arc::clone(&self.account),
            #[cfg(feature = "apop")]
            apop: self.apop.clone(),
            inbox: None,
        }
    }
}

impl fmt::Debug for FromStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FromStore")
            .field("open", &self.inbox.is_some())
            .finish_non_exhaustive()
    }
}

#[async_trait]
impl Service for FromStore {
    #[cfg(feature = "apop")]
    fn timestamp(&mut self, _: &Session) -> Option<Timestamp> {
        super::timestamp(self.apop.as_ref()?)
    }

    async fn open(&mut self, session: &Session) -> Result<Maildrop, Refusal> {
        let user = session.authenticated.as_ref();
        let account = user.and_then(|user| (self.account)(user.authzid()));
        let Some(account) = account else {
            return Err(refusal(ResponseCode::SysPerm, "You have no mailbox here"));
        };
        let mut inbox = self.store.inbox(&account).await.map_err(refused)?;
        let maildrop = inbox.maildrop();
        info!(%account, messages = maildrop.len(), "mailbox opened");
        self.inbox = Some(inbox);
        Ok(maildrop)
    }

    async fn read(&mut self, _: &Session, number: u32, from: u64) -> Result<Bytes, Refusal> {
        match &mut self.inbox {
            Some(inbox) => inbox.read(number, from).await.map_err(refused),
            None => Err(refusal(ResponseCode::SysPerm, "No mailbox is open")),
        }
    }

    async fn update(&mut self, _: &Session, update: Update) -> Result<(), Refusal> {
        let Some(inbox) = self.inbox.take() else {
            return Ok(());
        };
        let deleted = update.deleted.len();
        let updated = inbox.update(&update.deleted, &update.retrieved).await;
        info!(
            deleted,
            retrieved = update.retrieved.len(),
            "mailbox closed"
        );
        updated.map_err(|error| {
            warn!(%error, "the mailbox could not be updated");
            refusal(ResponseCode::SysTemp, "Some messages were not deleted")
        })
    }
}

/// What a client is told of a store's trouble.
fn refused(error: StoreError) -> Refusal {
    match error {
        StoreError::InUse => refusal(ResponseCode::InUse, "Another session has this mailbox"),
        error => {
            warn!(%error, "the store failed");
            refusal(ResponseCode::SysTemp, "The mailbox cannot be read now")
        }
    }
}
