//! Whom mailhost serves: its `smtp::Service`.

use std::net::IpAddr;
use std::path::Path;
use std::sync::Arc;

use ipnet::IpNet;
use mail_server::smtp::{self, Body, Envelope, Service, Session, Statuses};
use mail_server::store::{Account, Mailstore};
use mail_server::{imap, pop3};
use smtp_proto::command::{Mail, Rcpt};
use smtp_proto::{ForwardPath, Reply};

use crate::Error;
use crate::access::Access;
use crate::aliases::Aliases;
use crate::options::Options;
use crate::users::Users;

/// What all connections share.
pub(crate) struct Host {
    hostname: String,
    users: Arc<Users>,
    aliases: Aliases,
    access: Access,
    mynetworks: Vec<IpNet>,
    store: Arc<dyn Mailstore>,
}

impl Host {
    pub(crate) async fn new(
        options: &Options,
        users: Arc<Users>,
        store: Arc<dyn Mailstore>,
    ) -> Result<Self, Error> {
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
        let host = Self {
            hostname: options.hostname.to_string(),
            users,
            aliases,
            access,
            mynetworks: options.mynetworks.clone(),
            store,
        };
        // Mail for an alias that leads nowhere would be lost in silence.
        for end in host.aliases.ends() {
            if host.target(&end).await.is_none() {
                return Err(format!("an alias leads to {end}, which is no account here").into());
            }
        }
        Ok(host)
    }

    /// The service of one connection.
    pub(crate) fn service(self: &Arc<Self>) -> Connection {
        Connection {
            host: Arc::clone(self),
            accounts: Vec::new(),
        }
    }

    /// The service of those who fetch their mail.
    pub(crate) fn mailboxes(self: &Arc<Self>) -> pop3::FromStore {
        let host = Arc::clone(self);
        let account = move |user: &str| host.users.find(user);
        pop3::FromStore::shared(Arc::clone(&self.store), account).offer_apop(&self.hostname)
    }

    /// The service of those who read their mail here.
    pub(crate) fn folders(self: &Arc<Self>) -> imap::FromStore {
        let host = Arc::clone(self);
        let account = move |user: &str| host.users.find(user);
        imap::FromStore::shared(Arc::clone(&self.store), account)
    }

    /// Whoever is there for certain.
    pub(crate) fn somebody(&self) -> Account {
        self.users.somebody()
    }

    /// The accounts that mail for an address goes to.
    async fn resolve(&self, path: &ForwardPath) -> Result<Vec<Account>, Reply> {
        let listed = self.users.listed();
        let (local, domain) = match path {
            ForwardPath::Postmaster => ("postmaster".into(), listed.domain()),
            ForwardPath::Mailbox(mailbox) => (mailbox.local_part(), mailbox.domain()),
        };
        if !listed.is_local(domain) {
            return Err(RELAY_DENIED);
        }
        let mut found = Vec::new();
        match self.aliases.expand(&local) {
            Some(targets) => {
                for target in targets {
                    found.extend(self.target(&target).await);
                }
            }
            // What is quoted as `"a@b"@c` is one strange name, not an address of its own.
            None if local.contains('@') => {}
            // An account of this very domain goes before one of all domains.
            None => found.extend(self.account(&format!("{local}@{domain}")).await),
        }
        if found.is_empty() && local.eq_ignore_ascii_case("postmaster") {
            // Somebody has to be there (RFC 5321 section 4.5.1).
            found.push(self.users.somebody());
        }
        match found.is_empty() {
            true => Err(Reply::fixed(550, Some((5, 1, 1)), "User unknown")),
            false => Ok(found),
        }
    }

    /// The account that an alias leads to. A name without a domain is one of our first domain,
    /// whichever the mail was for.
    async fn target(&self, target: &str) -> Option<Account> {
        match target.contains('@') {
            true => self.account(target).await,
            false => {
                let qualified = format!("{target}@{}", self.users.listed().domain());
                self.account(&qualified).await
            }
        }
    }

    async fn account(&self, user: &str) -> Option<Account> {
        self.users.look_up(user).await;
        self.users.find(user)
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
    async fn mail(&mut self, _: &Session, _: &Mail) -> Result<(), Reply> {
        self.accounts.clear();
        Ok(())
    }

    async fn rcpt(&mut self, session: &Session, rcpt: &Rcpt) -> Result<(), Reply> {
        let client = session.peer.address.ip();
        // Users are welcome from anywhere.
        if let Some(refusal) = self.host.access.refusal(client) {
            if session.authenticated.is_none() {
                return Err(refusal.clone());
            }
        }
        let resolved = self.host.resolve(&rcpt.path).await;
        let accounts = resolved.map_err(|refusal| {
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

#[cfg(test)]
mod tests {
    use clap::Parser as _;
    use mail_server::store::MemoryStore;
    use smtp_proto::Mailbox;

    use super::*;

    /// A host with these aliases, and accounts alice, bob and bob@localhost.
    fn host(aliases: &str) -> Result<Host, String> {
        let mut file = tempfile::NamedTempFile::new().expect("a file");
        std::io::Write::write_all(&mut file, aliases.as_bytes()).expect("written");
        let path = file.path().to_str().expect("UTF-8");
        let mut arguments = vec!["mailhost", "--aliases", path];
        for user in ["Alice:a", "bob:b", "bob@localhost:c", "eve@example.net:e"] {
            arguments.extend(["--user", user]);
        }
        let options = Options::parse_from(arguments);
        run(async {
            let users = Users::new(&options, "/nowhere".into())
                .await
                .expect("users");
            let store = Arc::new(MemoryStore::new());
            let host = Host::new(&options, Arc::new(users), store).await;
            host.map_err(|error| error.to_string())
        })
    }

    fn run<T>(future: impl Future<Output = T>) -> T {
        let runtime = tokio::runtime::Builder::new_current_thread().build();
        runtime.expect("a runtime").block_on(future)
    }

    fn resolve(host: &Host, address: &str) -> String {
        let path = match address {
            "postmaster" => ForwardPath::Postmaster,
            address => ForwardPath::Mailbox(address.parse::<Mailbox>().expect(address)),
        };
        match run(host.resolve(&path)) {
            Ok(accounts) => accounts.iter().map(|a| format!("{a} ")).collect(),
            Err(reply) => reply.to_string(),
        }
    }

    #[test]
    fn where_mail_goes() {
        let host = host("root: alice, bob\nwww: bob@localhost, eve@example.net\n").expect("a host");
        let unknown = "550 5.1.1 User unknown";
        let denied = "554 5.7.1 Relay access denied";
        for (address, goes) in [
            ("alice@example.org", "alice@example.org "),
            ("ALICE@LOCALHOST", "alice@example.org "),
            ("\"alice\"@example.org", "alice@example.org "),
            ("bob@example.org", "bob@example.org "),
            ("bob@localhost", "bob@localhost "),
            ("Root@localhost", "alice@example.org bob@example.org "),
            ("www@example.org", "bob@localhost eve@example.net "),
            ("postmaster", "alice@example.org "),
            ("PostMaster@localhost", "alice@example.org "),
            ("mallory@example.org", unknown),
            ("\"bob@localhost\"@example.org", unknown),
            ("\"eve@example.net\"@example.org", unknown),
            ("\"eve%example.net\"@example.org", unknown),
            ("eve%example.net@example.org", unknown),
            ("example.net!eve@example.org", unknown),
            ("\"../alice\"@example.org", unknown),
            ("\" \"@example.org", unknown),
            // Its account is reached by an alias and to log in, but that domain is not served.
            ("eve@example.net", denied),
            ("alice@example.org.example.net", denied),
            ("alice@[127.0.0.1]", denied),
        ] {
            assert_eq!(resolve(&host, address), goes, "{address}");
        }
    }

    #[test]
    fn postmaster_may_be_an_alias_or_an_account() {
        let host = host("postmaster: bob\n").expect("a host");
        for address in ["postmaster", "postmaster@example.org"] {
            assert_eq!(resolve(&host, address), "bob@example.org ");
        }
    }

    #[test]
    fn aliases_that_lead_nowhere_are_told_at_the_start() {
        for aliases in [
            "root: carol\n",
            "a: b\nb: a\n",
            "root: alice, x@example.com\n",
        ] {
            let error = host(aliases).err().expect(aliases);
            assert!(error.starts_with("an alias leads to "), "{error}");
        }
        let error = host("root alice\n").err().expect("no colon");
        assert!(error.ends_with(": line 1: a colon is needed"), "{error}");
    }
}
