//! Where users come from: the command line, a file, other programs, databases.

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::available_parallelism;
use std::time::SystemTime;

use mail_server::auth::{Authenticator, Dovecot, Origin, Saslauthd, Sql};
use mail_server::store::Account;
use sasl::Mechanism;
use sasl::server::{Failure, Need, Step};
use tokio::sync::Semaphore;

use crate::Error;
use crate::accounts::Accounts;
use crate::options::Options;

/// Everybody who may log in, and everybody who gets mail.
///
/// Those who are listed, on the command line or in a file, are known by name. The others are
/// looked up each time somebody asks for them: in a database, or, where only a password can be
/// asked about, by whether they have logged in or have a folder of mail.
pub(crate) struct Users {
    options: Options,
    listed: Mutex<Arc<Accounts>>,
    file: Option<File>,
    elsewhere: Option<Elsewhere>,
    /// Who was found elsewhere, by the name that they go by.
    found: Mutex<HashMap<String, Account>>,
    /// Where mail is kept.
    root: PathBuf,
    /// As many passwords are hashed at a time as there are processors: each takes a lot of
    /// memory, and anybody may have us do it.
    hashing: Semaphore,
}

/// A file that is read again when it has changed.
struct File {
    path: String,
    seen: Mutex<Option<(SystemTime, u64)>>,
}

enum Elsewhere {
    Saslauthd(Saslauthd),
    Dovecot(Dovecot),
    Sql(Box<Sql>),
}

impl Users {
    pub(crate) async fn new(options: &Options, root: PathBuf) -> Result<Self, Error> {
        let url = options.users.as_deref().unwrap_or_default();
        let (scheme, place) = url.split_once(':').unwrap_or((url, ""));
        let mut file = None;
        let mut elsewhere = None;
        match scheme {
            "" => {}
            "file" => {
                file = Some(File {
                    path: place.to_owned(),
                    seen: Mutex::new(look(place)),
                });
            }
            "saslauthd" => elsewhere = Some(Elsewhere::Saslauthd(Saslauthd::new(place))),
            "dovecot" => elsewhere = Some(Elsewhere::Dovecot(Dovecot::connect(place).await)),
            "sqlite" | "mysql" | "postgres" => {
                let sql = Sql::connect(url).await;
                let sql = sql.map_err(|error| format!("--users {scheme}: {error}"))?;
                elsewhere = Some(Elsewhere::Sql(Box::new(sql)));
            }
            _ => {
                return Err(
                    "--users takes file:, saslauthd:, dovecot:, sqlite:, mysql: or postgres:"
                        .into(),
                );
            }
        }
        let path = file.as_ref().map(|file: &File| file.path.as_str());
        let listed = Accounts::read(options, path)?;
        Ok(Self {
            options: options.clone(),
            listed: Mutex::new(Arc::new(listed)),
            file,
            elsewhere,
            found: Mutex::default(),
            root,
            hashing: Semaphore::new(available_parallelism().map_or(1, usize::from)),
        })
    }

    /// Those who are listed now.
    pub(crate) fn listed(&self) -> Arc<Accounts> {
        let mut listed = lock(&self.listed);
        if let Some(file) = &self.file {
            let now = look(&file.path);
            let mut seen = lock(&file.seen);
            // A file that is not there is one that is being replaced.
            if now.is_some() && *seen != now {
                *seen = now;
                match Accounts::read(&self.options, Some(&file.path)) {
                    Ok(accounts) => *listed = Arc::new(accounts.after(&listed)),
                    // Those who were there stay.
                    Err(error) => eprintln!("mailhost: users are not read again: {error}"),
                }
            }
        }
        Arc::clone(&listed)
    }

    /// The account of a user, whose name may lack its domain.
    pub(crate) fn find(&self, user: &str) -> Option<Account> {
        let listed = self.listed();
        let known = listed.find(user).cloned();
        known.or_else(|| lock(&self.found).get(&listed.known_as(user)).cloned())
    }

    /// Finds out whether there is such a user elsewhere.
    pub(crate) async fn look_up(&self, user: &str) {
        let listed = self.listed();
        let (None, Some(elsewhere)) = (listed.find(user), &self.elsewhere) else {
            return;
        };
        let (Some(account), name) = (listed.would_be(user), listed.known_as(user)) else {
            return;
        };
        let is_there = match elsewhere {
            Elsewhere::Sql(sql) => match sql.contains(&name).await {
                Ok(is_there) => is_there,
                // What was known stays known.
                Err(error) => return eprintln!("mailhost: {error}"),
            },
            Elsewhere::Saslauthd(_) | Elsewhere::Dovecot(_) => {
                let folder = self.root.join(account.domain()).join(account.name());
                folder.is_dir() || lock(&self.found).contains_key(&name)
            }
        };
        let mut found = lock(&self.found);
        match is_there {
            true => found.insert(name, account),
            false => found.remove(&name),
        };
    }

    /// Whoever is there when nobody else is.
    pub(crate) fn somebody(&self) -> Account {
        let listed = self.listed();
        let first = listed.first().cloned();
        first.unwrap_or_else(|| {
            let postmaster = Account::new("postmaster", listed.domain());
            postmaster.expect("a name of an account")
        })
    }

    async fn answer_elsewhere(&self, elsewhere: &Elsewhere, origin: &Origin, need: Need) -> Step {
        let listed = self.listed();
        let name = need.username().map(|user| listed.known_as(user));
        let step = match (elsewhere, name) {
            (Elsewhere::Sql(sql), Some(name)) => sql.answer_as(&name, need).await,
            (Elsewhere::Sql(_), None) => Step::Done(Err(Failure::Unavailable)),
            (Elsewhere::Saslauthd(saslauthd), _) => saslauthd.answer(origin, need).await,
            (Elsewhere::Dovecot(dovecot), _) => dovecot.answer(origin, need).await,
        };
        if let Step::Done(Ok(identity)) = &step {
            let user = identity.authzid();
            if let Some(account) = listed.would_be(user) {
                lock(&self.found).insert(listed.known_as(user), account);
            }
        }
        step
    }
}

#[async_trait::async_trait]
impl Authenticator for Users {
    /// What everybody can log in by, wherever they come from.
    fn mechanisms(&self) -> Vec<Mechanism> {
        let listed = self.listed();
        let mut mechanisms = listed.mechanisms();
        let Some(elsewhere) = &self.elsewhere else {
            return mechanisms;
        };
        let there = match elsewhere {
            Elsewhere::Saslauthd(saslauthd) => saslauthd.mechanisms(),
            Elsewhere::Dovecot(dovecot) => dovecot.mechanisms(),
            Elsewhere::Sql(sql) => sql.mechanisms(),
        };
        match listed.first() {
            Some(_) => {
                mechanisms.retain(|mechanism| there.contains(mechanism));
                mechanisms
            }
            None => there,
        }
    }

    fn relayed(&self) -> Vec<Mechanism> {
        match &self.elsewhere {
            // Whom Dovecot does not know could not use them.
            Some(Elsewhere::Dovecot(dovecot)) if self.listed().first().is_none() => {
                dovecot.relayed()
            }
            _ => Vec::new(),
        }
    }

    fn shares_secrets(&self) -> bool {
        self.elsewhere.is_none() && self.listed().shares_secrets()
    }

    async fn answer(&self, origin: &Origin, need: Need) -> Step {
        // A user may name the own account in full; nobody acts for others.
        if let Need::Authorize(need) = need {
            let wanted = self.find(need.authzid());
            return match wanted.is_some() && wanted == self.find(need.authcid()) {
                true => need.grant(),
                false => need.refuse(),
            };
        }
        let listed = self.listed();
        let is_listed = need
            .username()
            .is_some_and(|user| listed.find(user).is_some());
        match &self.elsewhere {
            Some(elsewhere) if !is_listed => self.answer_elsewhere(elsewhere, origin, need).await,
            _ => {
                let Ok(_turn) = self.hashing.acquire().await else {
                    return Step::Done(Err(Failure::Unavailable));
                };
                // Hashing takes its time, on purpose: not on a worker of the runtime.
                let answered = tokio::task::spawn_blocking(move || listed.answer(need));
                let answered = answered.await;
                answered.unwrap_or(Step::Done(Err(Failure::Unavailable)))
            }
        }
    }
}

/// When a file was changed last, and its size.
fn look(path: &str) -> Option<(SystemTime, u64)> {
    let about = std::fs::metadata(path).ok()?;
    Some((about.modified().ok()?, about.len()))
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
