//! A table of a database as the users of a server.

use std::sync::{Mutex, MutexGuard, Once, PoisonError};
use std::thread::available_parallelism;

use async_trait::async_trait;
use sasl::Mechanism;
use sasl::credential::{self, Credential};
use sasl::scram::{DecoyKey, Hash};
use sasl::server::{Failure, Need, Step};
use sqlx::any::{AnyPoolOptions, AnyRow};
use sqlx::{AnyPool, Row};
use tokio::sync::Semaphore;
use tokio::time::{Instant, timeout};
use tracing::{error, warn};

use super::{Authenticator, Origin};
use crate::limits::{SQL_CONNECTIONS, SQL_OFFER_AGE, SQL_TIME};

/// Users from one table, `users`, with the columns `address` and `credential`: see
/// [`SCHEMA`](Self::SCHEMA). The credential is what [`Credential`] parses.
///
/// A user is looked up at each attempt, so that changes count at once. Everybody is but
/// themselves. When the database cannot be asked, that is temporary.
///
/// The databases are those of the features: `sqlite:PATH`, `mysql://USER:PASSWORD@HOST/DATABASE`,
/// `postgres://USER:PASSWORD@HOST/DATABASE`, without TLS.
#[derive(Debug)]
pub struct Sql {
    pool: AnyPool,
    queries: Queries,
    decoy_key: DecoyKey,
    hashing: Semaphore,
    known: Mutex<Known>,
}

/// What was seen of the table.
#[derive(Debug)]
struct Known {
    /// A credential such as users have there.
    like: Credential,
    mechanisms: Vec<Mechanism>,
    looked: Option<Instant>,
}

impl Sql {
    /// The table.
    pub const SCHEMA: &str =
        "CREATE TABLE users (address VARCHAR(255) PRIMARY KEY, credential TEXT NOT NULL)";

    /// By a URL. The table is looked at once, so that it is known what to offer; if that fails,
    /// the log says so.
    ///
    /// # Errors
    ///
    /// If the URL is none of a database that was compiled in, or there is no randomness.
    pub async fn connect(url: &str) -> Result<Self, SqlError> {
        static DRIVERS: Once = Once::new();
        DRIVERS.call_once(sqlx::any::install_default_drivers);
        let mut random = [0; 32];
        getrandom::fill(&mut random).map_err(|_| SqlError::Randomness)?;
        let pool = AnyPoolOptions::new()
            .max_connections(SQL_CONNECTIONS)
            .acquire_timeout(SQL_TIME)
            .connect_lazy(url)?;
        let sql = Self {
            pool,
            queries: Queries::of(url),
            decoy_key: DecoyKey::from(random),
            hashing: Semaphore::new(available_parallelism().map_or(1, usize::from)),
            known: Mutex::new(Known {
                like: Credential::plain("nobody").expect("letters"),
                mechanisms: vec![Mechanism::Plain, Mechanism::Login],
                looked: None,
            }),
        };
        if let Err(error) = sql.look().await {
            error!(%error, "the table of users cannot be read");
        }
        Ok(sql)
    }

    /// Whether there is such a user. Not for a peer that has yet to authenticate.
    ///
    /// # Errors
    ///
    /// If the database cannot be asked.
    pub async fn contains(&self, address: &str) -> Result<bool, SqlError> {
        Ok(self.stored(address).await?.is_some())
    }

    /// Answers a need by the name that the user has in the table.
    pub async fn answer_as(&self, address: &str, need: Need) -> Step {
        if let Need::Authorize(need) = need {
            return need.refuse();
        }
        if let Err(error) = self.look().await {
            warn!(%error, "the database cannot be asked");
            return Step::Done(Err(Failure::Unavailable));
        }
        let found = match self.stored(address).await {
            Ok(stored) => stored
                .map(|stored| stored.parse::<Credential>())
                .transpose(),
            Err(error) => {
                warn!(%error, "the database cannot be asked");
                return Step::Done(Err(Failure::Unavailable));
            }
        };
        let found = match found {
            Ok(found) => found,
            Err(error) => {
                error!(%error, ?address, "a credential of the table cannot be used");
                return Step::Done(Err(Failure::Unavailable));
            }
        };
        let like = self.known().like.clone();
        let (name, key) = (address.to_owned(), self.decoy_key.clone());
        let Ok(_turn) = self.hashing.acquire().await else {
            return Step::Done(Err(Failure::Unavailable));
        };
        let answered = tokio::task::spawn_blocking(move || {
            credential::answer(&name, found.as_ref(), &like, &key, need)
        });
        answered
            .await
            .unwrap_or(Step::Done(Err(Failure::Unavailable)))
    }

    async fn stored(&self, address: &str) -> Result<Option<String>, SqlError> {
        let query = sqlx::query(self.queries.one).bind(address);
        let row = timeout(SQL_TIME, query.fetch_optional(&self.pool));
        let row = row.await.map_err(|_| SqlError::Time)??;
        Ok(row.as_ref().map(text).transpose()?)
    }

    /// Looks at the table as a whole, if that is long ago: what can be offered to all users, and
    /// what a credential is like there.
    async fn look(&self) -> Result<(), SqlError> {
        let now = Instant::now();
        let fresh = |looked: Instant| now.duration_since(looked) < SQL_OFFER_AGE;
        if self.known().looked.is_some_and(fresh) {
            return Ok(());
        }
        let look = async {
            let any = sqlx::query(self.queries.any);
            let any = any.fetch_optional(&self.pool).await?;
            let any = any.as_ref().map(text).transpose()?;
            let mut able = Vec::new();
            for &hash in Hash::ALL {
                let own = format!("{{{}}}%", Mechanism::Scram(hash));
                let others: i64 = sqlx::query_scalar(self.queries.others)
                    .bind(own)
                    .fetch_one(&self.pool)
                    .await?;
                if others == 0 && any.is_some() {
                    able.push(hash);
                }
            }
            Ok::<_, sqlx::Error>((any, able))
        };
        let (any, able) = timeout(SQL_TIME, look)
            .await
            .map_err(|_| SqlError::Time)??;
        let mut known = self.known();
        if let Some(Ok(like)) = any.map(|stored| stored.parse()) {
            known.like = like;
        }
        let can = |mechanism: &Mechanism| match mechanism {
            Mechanism::Scram(hash) | Mechanism::ScramPlus(hash) => able.contains(hash),
            mechanism => matches!(mechanism, Mechanism::Plain | Mechanism::Login),
        };
        known.mechanisms = Mechanism::ALL.iter().copied().filter(can).collect();
        known.looked = Some(now);
        Ok(())
    }

    fn known(&self) -> MutexGuard<'_, Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[async_trait]
impl Authenticator for Sql {
    fn mechanisms(&self) -> Vec<Mechanism> {
        self.known().mechanisms.clone()
    }

    async fn answer(&self, _: &Origin, need: Need) -> Step {
        let user = need.username().unwrap_or_default().to_owned();
        self.answer_as(&user, need).await
    }
}

/// What is asked, in the words of each database.
#[derive(Debug)]
struct Queries {
    /// A user's credential.
    one: &'static str,
    /// Somebody's.
    any: &'static str,
    /// How many have neither a plain password nor a verifier of this kind.
    others: &'static str,
}

impl Queries {
    fn of(url: &str) -> Self {
        let any = "SELECT credential FROM users LIMIT 1";
        match url.starts_with("postgres") {
            true => Self {
                one: "SELECT credential FROM users WHERE address = $1",
                any,
                others: "SELECT COUNT(*) FROM users \
                         WHERE credential NOT LIKE '{PLAIN}%' AND credential NOT LIKE $1",
            },
            false => Self {
                one: "SELECT credential FROM users WHERE address = ?",
                any,
                others: "SELECT COUNT(*) FROM users \
                         WHERE credential NOT LIKE '{PLAIN}%' AND credential NOT LIKE ?",
            },
        }
    }
}

/// The one column of a row, which MySQL calls a blob.
fn text(row: &AnyRow) -> Result<String, sqlx::Error> {
    row.try_get::<String, _>(0).or_else(|_| {
        let octets = row.try_get::<Vec<u8>, _>(0)?;
        String::from_utf8(octets).map_err(|error| sqlx::Error::Decode(error.into()))
    })
}

/// Why a database cannot be asked.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SqlError {
    /// The URL cannot be used, or the database says no.
    #[error("{0}")]
    Database(#[from] sqlx::Error),
    /// The database does not answer.
    #[error("the database does not answer")]
    Time,
    /// The system has no random octets for us.
    #[error("no randomness")]
    Randomness,
}
