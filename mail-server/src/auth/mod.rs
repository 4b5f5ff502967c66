//! Authentication, the same for all protocols.
//!
//! [`sasl`] says what an exchange needs to know; an [`Authenticator`] knows it. An
//! [`Authentication`] puts a [`Policy`] for failures around one, and gives each connection its
//! [`Login`]: the side of an exchange that a protocol sees, with challenges to pass on and an
//! outcome at the end.
//!
//! [`Passwords`] are those of a file; [`Saslauthd`] and [`Dovecot`] ask those programs, and with
//! the features `sqlite`, `mysql` and `postgres` there is `Sql`, for a table in a database.
//!
//! ```
//! use mail_server::auth::{Authentication, Passwords};
//! use sasl::PasswordFile;
//!
//! let users = PasswordFile::parse("alice:{PLAIN}rabbit hole\n").unwrap();
//! let authentication = Authentication::new(Passwords::from(users));
//! ```

mod authenticator;
pub use authenticator::{Authenticator, Origin};

mod login;
pub(crate) use login::name;
pub use login::{Login, Turn};

mod policy;
pub use policy::Policy;

mod passwords;
pub use passwords::{Passwords, PasswordsError};

mod saslauthd;
pub use saslauthd::Saslauthd;

mod dovecot;
pub use dovecot::Dovecot;

#[cfg(any(feature = "sqlite", feature = "mysql", feature = "postgres"))]
mod sql;
#[cfg(any(feature = "sqlite", feature = "mysql", feature = "postgres"))]
pub use sql::{Sql, SqlError};

use std::fmt;
use std::sync::Arc;

use crate::listener::Peer;

/// Who is let in, and what becomes of those who are not: what all connections share.
///
/// Clone it to give it to several listeners: it is the same one, and counts guesses together.
#[derive(Clone)]
pub struct Authentication(Arc<Shared>);

struct Shared {
    authenticator: Arc<dyn Authenticator>,
    policy: Policy,
    guesses: policy::Guesses,
}

impl Authentication {
    /// Asks this authenticator.
    pub fn new(authenticator: impl Authenticator) -> Self {
        Self::from(Arc::new(authenticator) as Arc<dyn Authenticator>)
    }

    /// The same with another policy; what was counted so far is not taken over.
    #[must_use]
    pub fn with_policy(self, policy: Policy) -> Self {
        Self(Arc::new(Shared {
            authenticator: Arc::clone(&self.0.authenticator),
            policy,
            guesses: policy::Guesses::default(),
        }))
    }

    /// What a new connection of a protocol logs in by. The service is the name of the
    /// protocol in SASL: `smtp`, `pop3`, `imap`.
    pub fn login(&self, service: &'static str, peer: Peer) -> Login {
        Login::new(self.clone(), Origin::new(service, peer))
    }
}

/// One that is used elsewhere too.
impl From<Arc<dyn Authenticator>> for Authentication {
    fn from(authenticator: Arc<dyn Authenticator>) -> Self {
        Self(Arc::new(Shared {
            authenticator,
            policy: Policy::default(),
            guesses: policy::Guesses::default(),
        }))
    }
}

impl fmt::Debug for Authentication {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Authentication")
            .field("policy", &self.0.policy)
            .finish_non_exhaustive()
    }
}
