//! Users and their stored passwords, checked in the same time whether a user exists or not.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::fmt;
use std::hint::black_box;

use crate::credential::{Credential, CredentialError};
use crate::server::Verdict;
use crate::{PrepareError, Prepared, limits};

/// Users and their credentials, from a text in the manner of Dovecot's passwd-file or from
/// a command line.
///
/// Each check does the same work, whoever it asks for: every cost that occurs in the file,
/// which is a scheme with its parameters, is worked through once, with the user's credential
/// for its own cost and with a decoy for the others. An unknown user gets decoys alone. A
/// file whose hashes all have one cost thus takes one hash for a check; one that is being
/// moved to a new cost takes two.
///
/// Names are compared after preparation, case and all. A check of a hash takes as long as
/// the hash was made to take: on an asynchronous runtime it belongs on a blocking thread.
///
/// ```
/// use sasl::PasswordFile;
/// use sasl::server::Verdict;
///
/// let file = PasswordFile::parse("# who may send\nalice:{PLAIN}rabbit hole\n").unwrap();
/// assert_eq!(file.verify("alice", "rabbit hole"), Verdict::Accept);
/// assert_eq!(file.verify("alice", "rabbit"), Verdict::Reject);
/// assert_eq!(file.verify("mallory", "rabbit hole"), Verdict::Reject);
/// ```
#[derive(Clone, Default)]
pub struct PasswordFile {
    users: BTreeMap<String, User>,
    /// One for each cost in the file.
    decoys: Vec<Credential>,
}

impl PasswordFile {
    /// Reads `user:credential` lines, the credential being what [`Credential`] parses.
    ///
    /// Whatever follows another colon is ignored, so that the other fields of a passwd-file
    /// may stay; a `{PLAIN}` password can hold no colon here. Blank lines and lines that
    /// begin with `#` are skipped. Nothing is trimmed but the line end.
    ///
    /// # Errors
    ///
    /// All lines that are in error, so that they can be mended at once.
    pub fn parse(text: &str) -> Result<Self, Vec<LineError>> {
        let lines = text
            .lines()
            .enumerate()
            .filter(|(_, line)| !line.trim().is_empty() && !line.starts_with('#'))
            .map(|(index, line)| (index, user_and_credential(line)));
        Self::collect(lines)
    }

    /// Takes accounts of the form `NAME:PASSWORD`, as they are given on a command line. The
    /// password is plain and may hold colons.
    ///
    /// # Errors
    ///
    /// All accounts that are in error; the line of the first one is 1.
    pub fn from_accounts<'a>(
        accounts: impl IntoIterator<Item = &'a str>,
    ) -> Result<Self, Vec<LineError>> {
        let accounts = accounts.into_iter().enumerate();
        Self::collect(accounts.map(|(index, account)| (index, user_and_password(account))))
    }

    /// Checks a user's password: accepts, rejects, or is unavailable for want of memory.
    pub fn verify(&self, user: &str, password: &str) -> Verdict {
        self.verify_with(user, password, Credential::check)
    }

    /// Whether there is such a user. Not for a peer that has yet to authenticate.
    #[must_use]
    pub fn contains(&self, user: &str) -> bool {
        self.find(user).is_some()
    }

    fn verify_with(
        &self,
        user: &str,
        password: &str,
        mut check: impl FnMut(&Credential, &Prepared) -> Verdict,
    ) -> Verdict {
        // Before the user is looked up: this early end tells nothing about users.
        let Ok(password) = Prepared::parse(password) else {
            return Verdict::Reject;
        };
        let user = self.find(user);
        let mut verdict = Verdict::Reject;
        for (cost, decoy) in self.decoys.iter().enumerate() {
            match user {
                Some(user) if user.cost == cost => verdict = check(&user.credential, &password),
                // The box keeps a compiler from leaving out work whose result nobody wants.
                _ => drop(black_box(check(decoy, &password))),
            }
        }
        verdict
    }

    fn find(&self, user: &str) -> Option<&User> {
        let user = Prepared::parse(user).ok()?;
        self.users.get(user.as_str())
    }

    fn collect(
        entries: impl Iterator<Item = (usize, Result<(Prepared, Credential), LineReason>)>,
    ) -> Result<Self, Vec<LineError>> {
        let mut file = Self::default();
        let mut errors = Vec::new();
        for (index, entry) in entries {
            let added = entry.and_then(|(user, credential)| file.add(&user, credential));
            if let Err(reason) = added {
                let line = index + 1;
                errors.push(LineError { line, reason });
            }
        }
        if errors.is_empty() {
            Ok(file)
        } else {
            Err(errors)
        }
    }

    fn add(&mut self, user: &Prepared, credential: Credential) -> Result<(), LineReason> {
        let Entry::Vacant(vacant) = self.users.entry(user.as_str().to_owned()) else {
            return Err(LineReason::Duplicate);
        };
        let known = self
            .decoys
            .iter()
            .position(|decoy| credential.costs_as(decoy));
        let cost = match known {
            Some(cost) => cost,
            None if self.decoys.len() < limits::COSTS => {
                self.decoys.push(credential.decoy());
                self.decoys.len() - 1
            }
            None => return Err(LineReason::TooManyCosts),
        };
        vacant.insert(User { credential, cost });
        Ok(())
    }
}

impl fmt::Debug for PasswordFile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PasswordFile")
            .field("users", &self.users.len())
            .field("costs", &self.decoys.len())
            .finish_non_exhaustive()
    }
}

/// An entry of a [`PasswordFile`] that is in error.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("line {line}: {reason}")]
pub struct LineError {
    line: usize,
    reason: LineReason,
}

impl LineError {
    /// The number of the line or account, from 1.
    #[must_use]
    pub fn line(&self) -> usize {
        self.line
    }

    /// What is wrong with it.
    #[must_use]
    pub fn reason(&self) -> LineReason {
        self.reason
    }
}

/// What is wrong with an entry of a [`PasswordFile`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum LineReason {
    /// There is no colon.
    #[error("no colon between user and password")]
    NoColon,
    /// The user's name cannot be prepared for comparison.
    #[error("the user's name cannot be used: {0}")]
    User(PrepareError),
    /// The credential cannot be used.
    #[error(transparent)]
    Credential(#[from] CredentialError),
    /// The user has an entry already; names that differ may be the same after preparation.
    #[error("the user has an entry already")]
    Duplicate,
    /// More than [`limits::COSTS`] different costs.
    #[error("too many different hash costs in one file")]
    TooManyCosts,
}

#[derive(Clone)]
struct User {
    credential: Credential,
    /// The index of the decoy of the same cost.
    cost: usize,
}

fn user_and_credential(line: &str) -> Result<(Prepared, Credential), LineReason> {
    let (user, rest) = line.split_once(':').ok_or(LineReason::NoColon)?;
    let stored = rest.split_once(':').map_or(rest, |(stored, _)| stored);
    let user = Prepared::parse(user).map_err(LineReason::User)?;
    Ok((user, stored.parse()?))
}

fn user_and_password(account: &str) -> Result<(Prepared, Credential), LineReason> {
    let (user, password) = account.split_once(':').ok_or(LineReason::NoColon)?;
    let user = Prepared::parse(user).map_err(LineReason::User)?;
    Ok((user, Credential::plain(password)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// How many checks of which costs a verification takes, decoys and others alike.
    fn work(file: &PasswordFile, user: &str, password: &str) -> (Verdict, Vec<usize>) {
        let mut costs = Vec::new();
        let verdict = file.verify_with(user, password, |credential, password| {
            let cost = file
                .decoys
                .iter()
                .position(|decoy| credential.costs_as(decoy));
            costs.push(cost.expect("of a cost in the file"));
            credential.check(password)
        });
        (verdict, costs)
    }

    #[test]
    fn lines() {
        let file = PasswordFile::parse(
            "# comment: not a user\n\
             alice:{PLAIN}rabbit\n\
             \n   \t\n\
             bob:{PLAIN}two words:1000:1000::/home/bob::extra=1\r\n\
             zo\u{eb}:{PLAIN}\u{2168}",
        )
        .unwrap();
        for (user, password, verdict) in [
            ("alice", "rabbit", Verdict::Accept),
            ("alice", "two words", Verdict::Reject),
            ("Alice", "rabbit", Verdict::Reject),
            ("alice ", "rabbit", Verdict::Reject),
            ("bob", "two words", Verdict::Accept),
            ("bob", "two words:1000", Verdict::Reject),
            ("bob", "", Verdict::Reject),
            ("bob\n", "two words", Verdict::Reject),
            ("# comment", " not a user", Verdict::Reject),
            ("", "rabbit", Verdict::Reject),
            // Pitfall 16: prepared on both sides.
            ("zoe\u{308}", "IX", Verdict::Accept),
        ] {
            assert_eq!(file.verify(user, password), verdict, "{user:?}");
        }
        assert!(file.contains("alice") && !file.contains("mallory"));
    }

    #[test]
    fn lines_in_error() {
        let errors = PasswordFile::parse(
            "alice:{PLAIN}rabbit\n\
             rabbit\n\
             :{PLAIN}rabbit\n\
             # comment\n\
             bob:rabbit\n\
             carol:\n\
             alice:{PLAIN}rabbit\n\
             dave:{PLAIN}\n\
             e\tve:{PLAIN}rabbit\n\
             al\u{ad}ice:{PLAIN}rabbit\n",
        )
        .unwrap_err();
        let found: Vec<_> = errors
            .iter()
            .map(|error| (error.line(), error.reason()))
            .collect();
        assert_eq!(
            found,
            [
                (2, LineReason::NoColon),
                (3, LineReason::User(PrepareError::Empty)),
                (5, LineReason::Credential(CredentialError::UnknownScheme)),
                (6, LineReason::Credential(CredentialError::UnknownScheme)),
                (7, LineReason::Duplicate),
                (8, LineReason::Credential(PrepareError::Empty.into())),
                (9, LineReason::User(PrepareError::Prohibited)),
                (10, LineReason::Duplicate),
            ]
        );
        let texts: Vec<_> = errors.iter().map(LineError::to_string).collect();
        assert_eq!(texts[0], "line 2: no colon between user and password");
        assert_eq!(
            texts[5],
            "line 8: the password cannot be used: the text is empty"
        );
        assert!(texts.iter().all(|text| !text.contains("rabbit")));
    }

    #[test]
    fn accounts() {
        let file = PasswordFile::from_accounts(["alice:a:b:c", "bob@example.org:bob"]).unwrap();
        assert_eq!(file.verify("alice", "a:b:c"), Verdict::Accept);
        assert_eq!(file.verify("bob@example.org", "bob"), Verdict::Accept);
        assert_eq!(file.verify("bob", "bob"), Verdict::Reject);
        let errors = PasswordFile::from_accounts(["alice:a", "bob"]).unwrap_err();
        assert_eq!(errors[0].line(), 2);
    }

    /// Pitfall 15: an unknown user costs what a wrong password costs.
    #[test]
    fn same_work_for_everybody_with_one_cost() {
        let file = PasswordFile::from_accounts(["alice:rabbit", "bob:two words"]).unwrap();
        for (user, password, verdict) in [
            ("alice", "rabbit", Verdict::Accept),
            ("alice", "wrong", Verdict::Reject),
            ("mallory", "wrong", Verdict::Reject),
            ("mallory", "rabbit", Verdict::Reject),
            ("", "rabbit", Verdict::Reject),
            ("\n", "rabbit", Verdict::Reject),
        ] {
            assert_eq!(work(&file, user, password), (verdict, vec![0]), "{user:?}");
        }
        // No user gets further than this, known or not.
        for user in ["alice", "mallory"] {
            assert_eq!(work(&file, user, ""), (Verdict::Reject, vec![]));
        }
    }

    /// Pitfall 15, in a file whose users do not all have the same scheme.
    #[cfg(feature = "hashes")]
    #[test]
    fn same_work_for_everybody_with_many_costs() {
        let file = PasswordFile::parse(
            "plain:{PLAIN}tanstaaf\n\
             bcrypt:$2y$04$abcdefghijklmnopqrstuumJUK7dJmoK7yMfXBMkeTJL1Y.du7qIG\n\
             other:$2b$04$abcdefghijklmnopqrstuumJUK7dJmoK7yMfXBMkeTJL1Y.du7qIG\n\
             pbkdf2:$pbkdf2-sha256$i=1000,l=32$MDEyMzQ1Njc4OWFiY2RlZg$ODKfnE8/RGGkWmVyJynhHKTHJYvKAUkroK4GJHnD5jM\n",
        )
        .unwrap();
        for user in ["plain", "bcrypt", "other", "pbkdf2"] {
            assert_eq!(
                work(&file, user, "tanstaaf"),
                (Verdict::Accept, vec![0, 1, 2])
            );
            assert_eq!(work(&file, user, "wrong"), (Verdict::Reject, vec![0, 1, 2]));
        }
        assert_eq!(
            work(&file, "mallory", "tanstaaf"),
            (Verdict::Reject, vec![0, 1, 2])
        );
    }

    #[cfg(feature = "hashes")]
    #[test]
    fn too_many_costs() {
        let text: String = (0..=limits::COSTS)
            .map(|n| {
                let hash = "abcdefghijklmnopqrstuumJUK7dJmoK7yMfXBMkeTJL1Y.du7qIG";
                format!("user{n}:$2b${:02}${hash}\n", n + 4)
            })
            .collect();
        let errors = PasswordFile::parse(&text).unwrap_err();
        assert_eq!(errors.len(), 1);
        assert_eq!(errors[0].reason(), LineReason::TooManyCosts);
    }

    /// What a decoy accepts, nobody gets: there is no user behind it.
    #[test]
    fn decoys_let_nobody_in() {
        let file = PasswordFile::from_accounts(["alice:rabbit"]).unwrap();
        let everything = |_: &Credential, _: &Prepared| Verdict::Accept;
        assert_eq!(
            file.verify_with("mallory", "x", everything),
            Verdict::Reject
        );
        assert_eq!(
            PasswordFile::default().verify("mallory", "x"),
            Verdict::Reject
        );
    }

    /// Pitfall 23: want of memory is not a wrong password.
    #[test]
    fn unavailable_is_kept() {
        let file = PasswordFile::from_accounts(["alice:rabbit"]).unwrap();
        let nothing = |_: &Credential, _: &Prepared| Verdict::Unavailable;
        assert_eq!(
            file.verify_with("alice", "x", nothing),
            Verdict::Unavailable
        );
    }
}
