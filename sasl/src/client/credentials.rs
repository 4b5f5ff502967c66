//! What a client has to show.

use std::fmt;

use zeroize::Zeroizing;

use crate::{Mechanism, PrepareError, Prepared, limits};

/// Who the client is, and what proves it. It decides which mechanisms come into question: a
/// password is not tried as a token, nor a token as a password.
///
/// ```
/// use sasl::client::Credentials;
///
/// let credentials = Credentials::password("tim", "tanstaaf")?;
/// assert_eq!(format!("{credentials:?}"), "Credentials::Password");
/// assert!(Credentials::password("tim", "tan\0staaf").is_err());
/// # Ok::<(), sasl::client::CredentialsError>(())
/// ```
pub struct Credentials {
    pub(super) kind: Kind,
    pub(super) authzid: Option<Prepared>,
}

pub(super) enum Kind {
    Password {
        username: Prepared,
        password: Zeroizing<String>,
    },
    Token {
        username: Prepared,
        token: Zeroizing<String>,
    },
    External,
    Anonymous {
        trace: String,
    },
}

impl Credentials {
    /// A name and a password.
    ///
    /// PLAIN and LOGIN send the password as it is, since servers that prepare nothing exist;
    /// the other mechanisms [prepare](Prepared) it, as their RFCs say.
    ///
    /// # Errors
    ///
    /// If the name cannot be prepared, or the password is empty, too long or holds NUL.
    pub fn password(username: &str, password: &str) -> Result<Self, CredentialsError> {
        let legal = !password.is_empty() && !password.contains('\0');
        if !legal || password.len() > limits::FIELD {
            return Err(CredentialsError::Secret);
        }
        Ok(Self::of(Kind::Password {
            username: Prepared::parse(username)?,
            password: Zeroizing::new(password.to_owned()),
        }))
    }

    /// A name and a bearer token (RFC 6750).
    ///
    /// # Errors
    ///
    /// If the name cannot be prepared, or the token holds what no token may.
    pub fn token(username: &str, token: &str) -> Result<Self, CredentialsError> {
        if !crate::token::is_token(token) {
            return Err(CredentialsError::Secret);
        }
        Ok(Self::of(Kind::Token {
            username: Prepared::parse(username)?,
            token: Zeroizing::new(token.to_owned()),
        }))
    }

    /// A certificate that was shown in the TLS handshake.
    #[must_use]
    pub fn external() -> Self {
        Self::of(Kind::External)
    }

    /// Nobody in particular. The trace is for the server's log and may be empty; longer than
    /// [`limits::TRACE`] characters it is cut.
    #[must_use]
    pub fn anonymous(trace: &str) -> Self {
        let legal = trace.chars().filter(|c| !c.is_control());
        Self::of(Kind::Anonymous {
            trace: legal.take(limits::TRACE).collect(),
        })
    }

    /// Asks to act as another user. Most servers want this to be left away.
    ///
    /// # Errors
    ///
    /// If the name cannot be prepared.
    pub fn authzid(self, authzid: &str) -> Result<Self, CredentialsError> {
        Ok(Self {
            authzid: Some(Prepared::parse(authzid)?),
            ..self
        })
    }

    fn of(kind: Kind) -> Self {
        Self {
            kind,
            authzid: None,
        }
    }

    /// Whether a mechanism can carry them, all of them.
    pub(super) fn fit(&self, mechanism: Mechanism) -> bool {
        match (&self.kind, mechanism) {
            (Kind::Password { .. }, Mechanism::Scram(_) | Mechanism::ScramPlus(_)) => true,
            (Kind::Password { .. }, Mechanism::Plain) => true,
            // They know no authorization identity.
            (Kind::Password { .. }, Mechanism::Login) => self.authzid.is_none(),
            #[cfg(feature = "cram-md5")]
            (Kind::Password { .. }, Mechanism::CramMd5) => self.authzid.is_none(),
            (Kind::Token { .. }, Mechanism::OAuthBearer | Mechanism::XOAuth2) => true,
            (Kind::External, Mechanism::External) => true,
            (Kind::Anonymous { .. }, Mechanism::Anonymous) => self.authzid.is_none(),
            _ => false,
        }
    }
}

impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.kind {
            Kind::Password { .. } => "Credentials::Password",
            Kind::Token { .. } => "Credentials::Token",
            Kind::External => "Credentials::External",
            Kind::Anonymous { .. } => "Credentials::Anonymous",
        })
    }
}

/// Why something cannot be used as credentials.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum CredentialsError {
    /// The name cannot be prepared for comparison.
    #[error("the name cannot be used: {0}")]
    Name(#[from] PrepareError),
    /// The password or token is empty, too long, or holds what it may not.
    #[error("the password or token cannot be used")]
    Secret,
}
