//! saslauthd as the users of a server.

use std::io;
use std::path::PathBuf;

use async_trait::async_trait;
use sasl::Mechanism;
use sasl::backend::saslauthd::{Question, Reply};
use sasl::server::{Failure, Need, Step, Verdict};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::UnixStream;
use tokio::time::timeout;
use tracing::warn;

use super::{Authenticator, Origin};
use crate::limits::SASLAUTHD_TIME;

/// Asks a saslauthd, by its socket (`/run/saslauthd/mux`), whose password is whose.
///
/// It can check passwords and nothing else: PLAIN, LOGIN, and the commands of protocols. When it
/// is not there, or takes too long, that is temporary: nobody is told that the password is wrong.
/// Everybody is but themselves.
#[derive(Debug, Clone)]
pub struct Saslauthd {
    socket: PathBuf,
    split_realm: bool,
}

impl Saslauthd {
    /// By this socket. Nothing is asked yet.
    pub fn new(socket: impl Into<PathBuf>) -> Self {
        Self {
            socket: socket.into(),
            split_realm: true,
        }
    }

    /// Whether the part of a name behind its last `@` is sent as the realm, as most programs do;
    /// on by default. A saslauthd with `-r` puts them together again.
    #[must_use]
    pub fn split_realm(self, split_realm: bool) -> Self {
        Self {
            split_realm,
            ..self
        }
    }

    /// Asks about one password.
    pub async fn verify(&self, origin: &Origin, user: &str, password: &str) -> Verdict {
        let (login, realm) = match user.rsplit_once('@') {
            Some(parts) if self.split_realm => parts,
            _ => (user, ""),
        };
        let peer = origin.peer.address;
        let client = format!("{};{}", peer.ip().to_canonical(), peer.port());
        let question = Question::new(login, password, origin.service, realm, &client);
        let question = match question {
            Ok(question) => question,
            Err(error) => {
                warn!(%error, "not asked");
                return Verdict::Reject;
            }
        };
        match timeout(SASLAUTHD_TIME, self.ask(&question)).await {
            Ok(Ok(verdict)) => verdict,
            Ok(Err(error)) => {
                warn!(%error, socket = %self.socket.display(), "saslauthd cannot be asked");
                Verdict::Unavailable
            }
            Err(_) => {
                warn!(socket = %self.socket.display(), "saslauthd does not answer");
                Verdict::Unavailable
            }
        }
    }

    /// The connection is closed as soon as the verdict is there: the other end waits for that.
    async fn ask(&self, question: &Question) -> io::Result<Verdict> {
        let mut stream = UnixStream::connect(&self.socket).await?;
        stream.write_all(question.as_bytes()).await?;
        let (mut reply, mut octets) = (Reply::default(), [0; 256]);
        loop {
            let length = stream.read(&mut octets).await?;
            if length == 0 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
            if let Some(verdict) = reply.read(&octets[..length]) {
                return Ok(verdict);
            }
        }
    }
}

#[async_trait]
impl Authenticator for Saslauthd {
    fn mechanisms(&self) -> Vec<Mechanism> {
        vec![Mechanism::Plain, Mechanism::Login]
    }

    async fn answer(&self, origin: &Origin, need: Need) -> Step {
        match need {
            Need::VerifyPassword(need) => {
                let verdict = self.verify(origin, need.username(), need.password()).await;
                need.answer(verdict)
            }
            Need::Authorize(need) => need.refuse(),
            _ => Step::Done(Err(Failure::Unavailable)),
        }
    }
}
