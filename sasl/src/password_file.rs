//! Users and their stored passwords, checked in the same time whether a user exists or not.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::fmt;
use std::hint::black_box;

use zeroize::Zeroizing;

use crate::credential::{Credential, CredentialError};
use crate::scram::{DecoyKey, Hash, SALT_LENGTH, Verifier};
use crate::server::{Failure, Need, Step, Verdict};
use crate::{Mechanism, PrepareError, Prepared, limits};

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
///
/// It answers the other needs that passwords are stored for too: what SCRAM wants (a plain
/// password is made into a verifier each time, which in a file with such a password costs some
/// milliseconds for everybody), and what CRAM-MD5 and APOP want. Users whose password is stored in another form, and those who do not
/// exist, get decoys there, which look like what other users of the file have.
#[derive(Clone)]
pub struct PasswordFile {
    users: BTreeMap<String, User>,
    /// One for each cost in the file.
    decoys: Vec<Credential>,
    /// Iterations and length of the salt, of how many users, for each hash function.
    shapes: BTreeMap<Hash, BTreeMap<(u32, usize), u64>>,
    /// Whether a verifier has to be made for somebody, as their password is plain.
    has_plain: bool,
    decoy_key: DecoyKey,
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
        Self::collect(lines, text.as_bytes())
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
        let accounts: Vec<_> = accounts.into_iter().collect();
        let secret = Zeroizing::new(accounts.join("\n"));
        let accounts = accounts.iter().enumerate();
        let accounts = accounts.map(|(index, account)| (index, user_and_password(account)));
        Self::collect(accounts, secret.as_bytes())
    }

    /// Shows for unknown users what an earlier reading of the file has shown, which would
    /// otherwise change with the file and tell that they do not exist.
    #[must_use]
    pub fn with_decoys_of(self, earlier: &Self) -> Self {
        Self {
            decoy_key: earlier.decoy_key.clone(),
            ..self
        }
    }

    /// Checks a user's password: accepts, rejects, or is unavailable for want of memory.
    pub fn verify(&self, user: &str, password: &str) -> Verdict {
        self.verify_with(user, password, Credential::check)
    }

    /// Answers the needs that stored passwords can answer, by the name that the peer said.
    /// Everybody is but themselves; what it does not know ends the exchange with
    /// [`Failure::Unavailable`].
    pub fn answer(&self, need: Need) -> Step {
        let user = need.username().unwrap_or_default().to_owned();
        self.answer_as(&user, need)
    }

    /// The same by the name that the user has in the file, if that is another one.
    pub fn answer_as(&self, user: &str, need: Need) -> Step {
        match need {
            Need::VerifyPassword(need) => {
                let verdict = self.verify(user, need.password());
                need.answer(verdict)
            }
            Need::LookupScram(need) => {
                let (verifier, verdict) =
                    self.verifier_with(user, need.hash(), Credential::verifier);
                need.barred(verifier, verdict)
            }
            #[cfg(any(feature = "cram-md5", feature = "apop"))]
            Need::LookupSharedSecret(need) => {
                let known = self.find(user);
                match known.and_then(|user| user.credential.shared_secret()) {
                    Some(secret) => need.found(secret),
                    None => need.unknown(),
                }
            }
            Need::Authorize(need) => need.refuse(),
            _ => Step::Done(Err(Failure::Unavailable)),
        }
    }

    /// The mechanisms that the stored credentials allow to all users: PLAIN and LOGIN always;
    /// SCRAM where everybody has a verifier for it or a plain password; CRAM-MD5 where everybody
    /// has that. A client takes the strongest of the offer, and must not be led to one in which
    /// its user cannot get in.
    #[must_use]
    pub fn mechanisms(&self) -> Vec<Mechanism> {
        let can = |mechanism: &Mechanism| match *mechanism {
            Mechanism::Plain | Mechanism::Login => true,
            Mechanism::Scram(hash) | Mechanism::ScramPlus(hash) => {
                let able = self.shapes.get(&hash).map(|shapes| shapes.values().sum());
                able == Some(self.users.len() as u64)
            }
            #[cfg(feature = "cram-md5")]
            Mechanism::CramMd5 => self.shares_secrets(),
            _ => false,
        };
        Mechanism::ALL.iter().copied().filter(can).collect()
    }

    /// Whether all passwords are plain, so that digests of them can be checked: CRAM-MD5, APOP.
    #[must_use]
    pub fn shares_secrets(&self) -> bool {
        let is_plain = |user: &User| user.credential.shared_secret().is_some();
        self.has_plain && self.users.values().all(is_plain)
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

    /// The verifier to show, and what to tell those who satisfy it.
    fn verifier_with(
        &self,
        name: &str,
        hash: Hash,
        mut derive: impl FnMut(&Credential, Hash, &str, &DecoyKey) -> Option<Verifier>,
    ) -> (Verifier, Verdict) {
        // For those who need none too, so that nobody is told by its work.
        let decoy = self.decoy(name, hash);
        let user = self.find(name);
        let plain = user.filter(|user| user.credential.shared_secret().is_some());
        let found = match (plain, user) {
            (Some(user), _) => derive(&user.credential, hash, name, &self.decoy_key),
            (None, user) => {
                if self.has_plain {
                    // As much work as for those whose verifier has to be made.
                    let nobody = Credential::plain("nobody").expect("letters");
                    drop(black_box(derive(&nobody, hash, name, &self.decoy_key)));
                }
                user.and_then(|user| user.credential.verifier(hash, name, &self.decoy_key))
            }
        };
        match found {
            Some(verifier) => (verifier, Verdict::Accept),
            None => (decoy, Verdict::Reject),
        }
    }

    /// A verifier of nobody, in the form that some user of the file has: of the forms, each as
    /// often as it occurs there.
    fn decoy(&self, name: &str, hash: Hash) -> Verifier {
        let shapes = self.shapes.get(&hash);
        let (iterations, salt) = shapes
            .and_then(|shapes| {
                let all: u64 = shapes.values().sum();
                let mut lot = self.decoy_key.lot(name) % all.max(1);
                shapes.iter().find_map(|(&shape, &count)| {
                    let falls_here = lot < count;
                    lot = lot.saturating_sub(count);
                    falls_here.then_some(shape)
                })
            })
            .unwrap_or((limits::SCRAM_ITERATIONS, SALT_LENGTH));
        self.decoy_key.verifier_like(hash, name, iterations, salt)
    }

    fn find(&self, user: &str) -> Option<&User> {
        let user = Prepared::parse(user).ok()?;
        self.users.get(user.as_str())
    }

    fn collect(
        entries: impl Iterator<Item = (usize, Result<(Prepared, Credential), LineReason>)>,
        secret: &[u8],
    ) -> Result<Self, Vec<LineError>> {
        let mut file = Self {
            users: BTreeMap::new(),
            decoys: Vec::new(),
            shapes: BTreeMap::new(),
            has_plain: false,
            decoy_key: DecoyKey::of(secret),
        };
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
        for &hash in Hash::ALL {
            if let Some(shape) = credential.scram_shape(hash) {
                let shapes = self.shapes.entry(hash).or_default();
                *shapes.entry(shape).or_default() += 1;
            }
        }
        self.has_plain |= credential.shared_secret().is_some();
        vacant.insert(User { credential, cost });
        Ok(())
    }
}

/// Nobody.
impl Default for PasswordFile {
    fn default() -> Self {
        Self::parse("").expect("no line, no error")
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

    /// How many verifiers a look-up takes to make, and what it comes to.
    fn scram_work(file: &PasswordFile, user: &str, hash: Hash) -> (Verdict, usize, Verifier) {
        let mut made = 0;
        let (verifier, verdict) = file.verifier_with(user, hash, |credential, hash, user, key| {
            made += 1;
            credential.verifier(hash, user, key)
        });
        (verdict, made, verifier)
    }

    /// Pitfall 14: whoever is looked up costs the same, and gets the same kind of answer, the
    /// same one each time.
    #[test]
    fn scram_hides_who_is_known() {
        let verifier = |iterations| {
            let made = Verifier::derive(Hash::Sha256, "tanstaaf", b"0123456789", iterations);
            made.unwrap().to_stored()
        };
        let text = format!(
            "a:{}\nb:{}\nc:{}\n",
            verifier(5000),
            verifier(5000),
            verifier(6000)
        );
        let stored = PasswordFile::parse(&text).unwrap();
        let mixed = PasswordFile::parse(&format!("{text}d:{{PLAIN}}tanstaaf\n")).unwrap();
        let mut iterations = BTreeMap::new();
        for n in 0..200 {
            let name = format!("nobody{n}");
            let (verdict, made, shown) = scram_work(&stored, &name, Hash::Sha256);
            assert_eq!((verdict, made), (Verdict::Reject, 0));
            let (_, _, again) = scram_work(&stored, &name, Hash::Sha256);
            assert!(shown == again && shown.salt().len() == 10);
            *iterations.entry(shown.iterations()).or_insert(0) += 1;
        }
        // Two thirds, one third.
        assert!((100..170).contains(&iterations[&5000]), "{iterations:?}");
        assert_eq!(iterations.len(), 2);
        assert_eq!(scram_work(&stored, "a", Hash::Sha256).0, Verdict::Accept);
        assert_eq!(scram_work(&stored, "a", Hash::Sha1).0, Verdict::Reject);
        for (user, verdict) in [
            ("a", Verdict::Accept),
            ("d", Verdict::Accept),
            ("nobody", Verdict::Reject),
            ("", Verdict::Reject),
            ("\n", Verdict::Reject),
        ] {
            let (found, made, _) = scram_work(&mixed, user, Hash::Sha256);
            assert_eq!((found, made), (verdict, 1), "{user:?}");
        }
        let salt = |file: &PasswordFile| scram_work(file, "nobody", Hash::Sha256).2.salt().to_vec();
        let changed = PasswordFile::parse(&format!("{text}# more\n")).unwrap();
        assert_ne!(salt(&stored), salt(&changed));
        assert_eq!(salt(&stored), salt(&changed.with_decoys_of(&stored)));
    }

    #[test]
    fn mechanisms() {
        let names = |text: String| -> Vec<_> {
            let file = PasswordFile::parse(&text).unwrap();
            file.mechanisms().into_iter().map(Mechanism::name).collect()
        };
        assert_eq!(names(String::new()), ["PLAIN", "LOGIN"]);
        let verifier = Verifier::derive(Hash::Sha1, "x", b"0123", 4096).unwrap();
        assert_eq!(
            names(format!("tim:{}", verifier.to_stored())),
            ["SCRAM-SHA-1-PLUS", "SCRAM-SHA-1", "PLAIN", "LOGIN"]
        );
        let other = Verifier::derive(Hash::Sha256, "x", b"0123", 4096).unwrap();
        let mixed = format!("tim:{}\ntom:{}", verifier.to_stored(), other.to_stored());
        assert_eq!(names(mixed), ["PLAIN", "LOGIN"]);
        let all = names("tim:{PLAIN}x".to_owned());
        assert!(all.len() >= 8, "{all:?}");
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
