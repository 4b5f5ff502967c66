//! Whom mailhost serves: its `smtp::Service`.

use std::net::IpAddr;
use std::path::Path;
use std::sync::Arc;

use ipnet::IpNet;
use mail_server::smtp::{self, Body, Envelope, Service, Session, Statuses};
use mail_server::store::{Account, Mailstore};
use sasl::server::{Failure, Need, Step};
use smtp_proto::command::{Mail, Rcpt};
use smtp_proto::{ForwardPath, Reply};

use crate::Error;
use crate::access::Access;
use crate::accounts::Accounts;
use crate::aliases::Aliases;
use crate::options::Options;

/// What all connections share.
pub(crate) struct Host {
    hostname: String,
    accounts: Accounts,
    aliases: Aliases,
    access: Access,
    mynetworks: Vec<IpNet>,
    store: Arc<dyn Mailstore>,
}

impl Host {
    pub(crate) fn new(options: &Options, store: Arc<dyn Mailstore>) -> Result<Self, Error> {
        let read = |path: &Path| {
            std::fs::read_to_string(path).map_err(|error| format!("{}: {error}", path.display()))
        };
        let aliases = match &options.aliases {
            Some(path) => {
                Aliases::parse(&read(path)?).map_err(|e| format!("{}: {e}", path.display()))?
            }
            None => Aliases::default(),
        };
        let access = match &options.access {
            Some(path) => {
                Access::parse(&read(path)?).map_err(|e| format!("{}: {e}", path.display()))?
            }
            None => Access::default(),
        };
        let accounts = Accounts::new(options)?;
        // Mail for an alias that leads nowhere would be lost in silence.
        if let Some(lost) = aliases.ends().find(|end| accounts.find(end).is_none()) {
            return Err(format!("an alias leads to {lost}, which is no account here").into());
        }
        Ok(Self {
            hostname: options.hostname.to_string(),
            accounts,
            aliases,
            access,
            mynetworks: options.mynetworks.clone(),
            store,
        })
    }

    /// The service of one connection.
    pub(crate) fn service(self: &Arc<Self>) -> Connection {
        Connection {
            host: Arc::clone(self),
            accounts: Vec::new(),
        }
    }

    /// Says how to send a mail, and how to read it.
    pub(crate) fn introduce(&self, options: &Options) {
        let Some(account) = self.accounts.first() else {
            return;
        };
        if let Some(smtp) = options.listeners()[0].1.0 {
            println!(
                "send a mail      curl smtp://{smtp} --mail-from you@example.net --mail-rcpt {account} -T FILE"
            );
        }
        if let Some(root) = &options.root {
            println!(
                "read it          s-nail -f {}/{}/{}",
                root.display(),
                account.domain(),
                account.name()
            );
        }
    }

    /// The accounts that mail for an address goes to.
    fn resolve(&self, path: &ForwardPath) -> Result<Vec<Account>, Reply> {
        let (local, domain) = match path {
            ForwardPath::Postmaster => ("postmaster".into(), None),
            ForwardPath::Mailbox(mailbox) => (mailbox.local_part(), Some(mailbox.domain())),
        };
        if let Some(domain) = domain {
            if !self.accounts.is_local(domain) {
                return Err(RELAY_DENIED);
            }
        }
        let mut found = Vec::new();
        for target in self.aliases.expand(&local) {
            let qualified = match domain {
                // An account of this very domain goes before one of all domains.
                Some(domain) if !target.contains('@') => format!("{target}@{domain}"),
                _ => target,
            };
            found.extend(self.accounts.find(&qualified));
        }
        if found.is_empty() && local.eq_ignore_ascii_case("postmaster") {
            // Somebody has to be there (RFC 5321 section 4.5.1).
            found.extend(self.accounts.first());
        }
        match found.is_empty() {
            true => Err(Reply::fixed(550, Some((5, 1, 1)), "User unknown")),
            false => Ok(found),
        }
    }

    fn is_ours(&self, client: IpAddr) -> bool {
        let client = client.to_canonical();
        self.mynetworks
            .iter()
            .any(|network| network.contains(&client))
    }
}

/// One connection.
pub(crate) struct Connection {
    host: Arc<Host>,
    /// For each accepted recipient, who gets the message.
    accounts: Vec<Vec<Account>>,
}

#[async_trait::async_trait]
impl Service for Connection {
    async fn authenticate(&mut self, _: &Session, need: Need) -> Step {
        let host = Arc::clone(&self.host);
        match need {
            Need::VerifyPassword(need) => {
                // Hashing takes its time, on purpose: not on a worker of the runtime.
                let verified = tokio::task::spawn_blocking(move || {
                    let verdict = host.accounts.verify(need.username(), need.password());
                    need.answer(verdict)
                });
                let verified = verified.await;
                verified.unwrap_or(Step::Done(Err(Failure::Unavailable)))
            }
            // A user may name the own account in full; nobody acts for others.
            Need::Authorize(need) => {
                let wanted = host.accounts.find(need.authzid());
                match wanted.is_some() && wanted == host.accounts.find(need.authcid()) {
                    true => need.grant(),
                    false => need.refuse(),
                }
            }
            _ => Step::Done(Err(Failure::Unavailable)),
        }
    }

    async fn mail(&mut self, _: &Session, _: &Mail) -> Result<(), Reply> {
        self.accounts.clear();
        Ok(())
    }

    async fn rcpt(&mut self, session: &Session, rcpt: &Rcpt) -> Result<(), Reply> {
        let client = session.peer.address.ip();
        if let Some(refusal) = self.host.access.refusal(client) {
            if session.authenticated.is_none() {
                return Err(refusal.clone());
            }
        }
        let accounts = self.host.resolve(&rcpt.path).map_err(|refusal| {
            let may_relay = session.authenticated.is_some() || self.host.is_ours(client);
            match may_relay && refusal == RELAY_DENIED {
                true => NO_RELAY,
                false => refusal,
            }
        })?;
        self.accounts.push(accounts);
        Ok(())
    }

    async fn message(
        &mut self,
        session: &Session,
        envelope: &Envelope,
        body: &mut Body<'_>,
    ) -> Result<Statuses, Reply> {
        let host = &self.host;
        let accounts = std::mem::take(&mut self.accounts);
        let store = host.store.as_ref();
        smtp::deliver(store, &host.hostname, session, envelope, &accounts, body).await
    }
}

/// Said to strangers.
const RELAY_DENIED: Reply = Reply::fixed(554, Some((5, 7, 1)), "Relay access denied");

/// Said to those who might, if there were a way.
const NO_RELAY: Reply = Reply::fixed(
    554,
    Some((5, 7, 1)),
    "This host does not relay: it has no way to other domains",
);
