//! Who has a mailbox here, and whose password is whose.

use std::collections::HashMap;

use mail_server::store::Account;
use sasl::server::{Need, Step};
use sasl::{Mechanism, PasswordFile, Prepared};
use smtp_proto::Domain;

use crate::Error;
use crate::options::Options;

/// The accounts. A name without a domain belongs to the first of our domains and is reached
/// in all of them. Names are the same in any case.
#[derive(Debug)]
pub(crate) struct Accounts {
    passwords: PasswordFile,
    /// Each account by its name as it is listed.
    mailboxes: HashMap<String, Account>,
    domains: Vec<Domain>,
    first: Option<Account>,
}

impl Accounts {
    /// Those of the options, and of the file if there is one.
    pub(crate) fn read(options: &Options, file: Option<&str>) -> Result<Self, Error> {
        let given = match (&options.user[..], &options.users) {
            ([], None) => ["alice:alice", "bob:bob"].map(String::from).into(),
            (users, _) => users.to_vec(),
        };
        let text = match file {
            None => None,
            Some(path) => {
                let text = std::fs::read_to_string(path).map_err(|e| format!("{path}: {e}"))?;
                Some((path, text))
            }
        };
        let file = text.as_ref().map(|(path, text)| (*path, text.as_str()));
        let accounts = Self::collect(&given, file, options.domains())?;
        // Elsewhere there may be some.
        if accounts.mailboxes.is_empty() && (file.is_some() || options.users.is_none()) {
            return Err("there is no account".into());
        }
        Ok(accounts)
    }

    /// Keeps what an earlier reading has shown of those who do not exist.
    pub(crate) fn after(mut self, earlier: &Self) -> Self {
        self.passwords = self.passwords.with_decoys_of(&earlier.passwords);
        self
    }

    /// Accounts of the command line, and those of a file, if there is one.
    fn collect(
        given: &[String],
        file: Option<(&str, &str)>,
        domains: Vec<Domain>,
    ) -> Result<Self, Error> {
        let given: Vec<_> = given.iter().map(|user| canonical_line(user)).collect();
        let listed = file.map_or("", |(_, text)| text).lines();
        let listed: Vec<_> = listed.map(canonical_line).collect();
        let passwords = match file {
            None => PasswordFile::from_accounts(given.iter().map(String::as_str)),
            Some(_) => PasswordFile::parse(&beside(&listed, &given)?),
        };
        let passwords = passwords.map_err(|errors| {
            let path = file.map_or("", |(path, _)| path);
            let place = |error: &sasl::LineError| match error.line().checked_sub(listed.len()) {
                None | Some(0) => format!("{path} line {}: {}", error.line(), error.reason()),
                Some(number) => format!("--user number {number}: {}", error.reason()),
            };
            errors.iter().map(place).collect::<Vec<_>>().join("; ")
        })?;
        let mut mailboxes: HashMap<String, Account> = HashMap::new();
        let mut names_of: HashMap<Account, &str> = HashMap::new();
        let mut first = None;
        let names = given.iter().chain(&listed).filter_map(|line| name(line));
        for name in names {
            let (local, domain) = name.rsplit_once('@').unwrap_or((name, domains[0].as_str()));
            let account = Account::new(local, domain).map_err(|e| format!("{name:?}: {e}"))?;
            if let Some(other) = names_of.insert(account.clone(), name) {
                return Err(format!("{other} and {name} would share one mailbox").into());
            }
            first.get_or_insert_with(|| account.clone());
            mailboxes.insert(name.to_owned(), account);
        }
        Ok(Self {
            passwords,
            mailboxes,
            domains,
            first,
        })
    }

    /// Whether mail for this domain is delivered here.
    pub(crate) fn is_local(&self, domain: &str) -> bool {
        self.domains
            .iter()
            .any(|ours| ours.as_str().eq_ignore_ascii_case(domain))
    }

    /// The domain of names that have none.
    pub(crate) fn domain(&self) -> &str {
        self.domains[0].as_str()
    }

    /// The account of a user, whose name may lack its domain.
    pub(crate) fn find(&self, user: &str) -> Option<&Account> {
        self.mailboxes.get(&self.known_as(user))
    }

    /// Whoever was named first.
    pub(crate) fn first(&self) -> Option<&Account> {
        self.first.as_ref()
    }

    /// Answers what is asked about a password. The same work, whoever is asked about.
    pub(crate) fn answer(&self, need: Need) -> Step {
        let user = self.known_as(need.username().unwrap_or_default());
        self.passwords.answer_as(&user, need)
    }

    /// What everybody who is listed can log in by.
    pub(crate) fn mechanisms(&self) -> Vec<Mechanism> {
        self.passwords.mechanisms()
    }

    /// Whether all their passwords are known in clear text.
    pub(crate) fn shares_secrets(&self) -> bool {
        self.passwords.shares_secrets()
    }

    /// The account that somebody who is not listed would have, if the name is one.
    pub(crate) fn would_be(&self, user: &str) -> Option<Account> {
        let user = self.known_as(user);
        let (local, domain) = user
            .rsplit_once('@')
            .unwrap_or_else(|| (&user, self.domain()));
        Account::new(local, domain).ok()
    }

    /// The name under which a user is listed: as given, or without one of our domains.
    pub(crate) fn known_as(&self, user: &str) -> String {
        let user = canonical(user);
        if self.mailboxes.contains_key(&user) {
            return user;
        }
        match user.rsplit_once('@') {
            Some((name, domain)) if self.is_local(domain) => name.to_owned(),
            _ => user,
        }
    }
}

/// The one form of a name: mail for any other way to write it goes to the same mailbox, so
/// strangers cannot have us make another.
fn canonical(name: &str) -> String {
    let prepared = |name: &str| Prepared::parse(name).map(|name| name.as_str().to_owned());
    prepared(name)
        .and_then(|name| prepared(&name.to_lowercase()))
        .unwrap_or_default()
}

/// `NAME:...` with the name in its one form. What is no such line, and a name that cannot be
/// one, stays as it is, for the error to tell.
fn canonical_line(line: &str) -> String {
    let Some(name) = name(line) else {
        return line.to_owned();
    };
    match canonical(name) {
        known if known.is_empty() => line.to_owned(),
        known => known + &line[name.len()..],
    }
}

/// The name that a line is about; none if it is a comment.
fn name(line: &str) -> Option<&str> {
    let (name, _) = line.split_once(':')?;
    (!line.starts_with('#')).then_some(name)
}

/// The lines of a file, and after them, so that theirs keep their numbers, accounts of the
/// command line with their plain passwords.
fn beside(listed: &[String], given: &[String]) -> Result<String, Error> {
    let mut lines = listed.to_vec();
    for user in given {
        let (name, password) = user.split_once(':').ok_or("--user takes NAME:PASSWORD")?;
        if password.contains(':') {
            return Err("beside --users, a password of --user can hold no colon".into());
        }
        lines.push(format!("{name}:{{PLAIN}}{password}"));
    }
    Ok(lines.join("\n"))
}

#[cfg(test)]
mod tests {
    use sasl::server::{Context, Failure, Server};

    use super::*;

    fn accounts(given: &[&str], file: Option<&str>) -> Result<Accounts, String> {
        let given: Vec<_> = given.iter().map(|user| (*user).to_owned()).collect();
        let domains = ["example.org", "localhost"].map(|name| name.parse().expect("a domain"));
        Accounts::collect(&given, file.map(|text| ("users", text)), domains.into())
            .map_err(|error| error.to_string())
    }

    fn verify(accounts: &Accounts, user: &str, password: &str) -> Result<(), Failure> {
        let context = Context::new("smtp").secured(true);
        let step = Server::password(user.as_bytes(), password.as_bytes(), &context);
        let Step::Need(need) = step else {
            panic!("nothing to ask");
        };
        match accounts.answer(need) {
            Step::Done(outcome) => outcome.map(drop),
            step => panic!("{step:?}"),
        }
    }

    #[test]
    fn names_are_found_in_every_spelling() {
        let accounts = accounts(
            &[
                "Alice:a:b",
                "carol@example.net:c",
                "zo\u{eb}:z",
                "dave@localhost:d",
            ],
            None,
        )
        .expect("accounts");
        for (user, account) in [
            ("alice", Some("alice@example.org")),
            ("ALICE@Example.ORG", Some("alice@example.org")),
            ("alice@localhost", Some("alice@example.org")),
            ("alice@example.net", None),
            // Full width, and with a soft hyphen.
            ("\u{ff41}lice@example.org", Some("alice@example.org")),
            ("al\u{ad}ice@example.org", Some("alice@example.org")),
            ("ZOE\u{308}@example.org", Some("zo\u{eb}@example.org")),
            ("carol@example.net", Some("carol@example.net")),
            ("carol", None),
            ("dave@localhost", Some("dave@localhost")),
            ("dave@example.org", None),
            ("", None),
            ("@example.org", None),
            ("a\0lice", None),
        ] {
            let found = accounts.find(user).map(ToString::to_string);
            assert_eq!(found.as_deref(), account, "{user:?}");
        }
        assert_eq!(verify(&accounts, "Alice@localhost", "a:b"), Ok(()));
        assert_eq!(verify(&accounts, "alice", "a"), Err(Failure::Rejected));
        assert_eq!(
            verify(&accounts, "alice@example.net", "a:b"),
            Err(Failure::Rejected)
        );
        let first = accounts.first().map(ToString::to_string);
        assert_eq!(first.as_deref(), Some("alice@example.org"));
    }

    #[test]
    fn a_file_and_the_command_line() {
        let hash = "$2y$04$abcdefghijklmnopqrstuumJUK7dJmoK7yMfXBMkeTJL1Y.du7qIG";
        // The reference implementation's test of argon2id.
        let argon2 =
            "$argon2id$v=19$m=256,t=2,p=1$c29tZXNhbHQ$nf65EOgLrQMR/uIPnA4rEsF5h7TKyQwu9U1bMCHGi/4";
        let file = format!("# users\nTim:{hash}\nann:{argon2}\nbob:{{PLAIN}}b:1000:1000\n");
        let accounts = accounts(&["alice:a"], Some(&file)).expect("accounts");
        assert_eq!(verify(&accounts, "tim", "tanstaaf"), Ok(()));
        assert_eq!(verify(&accounts, "ann", "password"), Ok(()));
        assert_eq!(verify(&accounts, "ann", "passw0rd"), Err(Failure::Rejected));
        assert_eq!(verify(&accounts, "bob", "b"), Ok(()));
        assert_eq!(verify(&accounts, "alice", "a"), Ok(()));
        let first = accounts.first().map(ToString::to_string);
        assert_eq!(first.as_deref(), Some("alice@example.org"));
        assert!(accounts.find("# users").is_none());
    }

    #[test]
    fn errors_say_where() {
        for (given, file, error) in [
            (
                &["alice"][..],
                None,
                "--user number 1: no colon between user and password",
            ),
            (
                &["a:1", "A:2"],
                None,
                "--user number 2: the user has an entry already",
            ),
            (
                &["a:1", "b:"],
                Some("# users\n\nc:{PLAIN}3\n"),
                "--user number 2: the password cannot be used: the text is empty",
            ),
            (&["a:1"], Some("# users\nc:3\n"), "users line 2: "),
            (&["a:1:2"], Some(""), "beside --users, a password"),
            (
                &["a:1", "a@example.org:2"],
                None,
                "a and a@example.org would share",
            ),
            (&["../a:1"], None, "\"../a\": not a name of an account"),
        ] {
            let found = accounts(given, file).expect_err(error);
            assert!(found.starts_with(error), "{found}");
        }
    }
}
