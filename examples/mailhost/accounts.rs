//! Who has a mailbox here, and whose password is whose.

use mail_server::store::Account;
use sasl::PasswordFile;
use sasl::server::Verdict;
use smtp_proto::Domain;

use crate::Error;
use crate::options::Options;

/// The accounts. A name without a domain belongs to the first of our domains and is reached
/// in all of them.
#[derive(Debug)]
pub(crate) struct Accounts {
    passwords: PasswordFile,
    domains: Vec<Domain>,
    /// The name of the first account: whoever gets what nobody else is there for.
    first: String,
}

impl Accounts {
    pub(crate) fn new(options: &Options) -> Result<Self, Error> {
        let given = match (&options.user[..], &options.users) {
            ([], None) => ["alice:alice", "bob:bob"].map(String::from).into(),
            (users, _) => users.to_vec(),
        };
        let (passwords, first) = match &options.users {
            None => (
                PasswordFile::from_accounts(given.iter().map(String::as_str)),
                given[0].clone(),
            ),
            Some(url) => {
                let path = url.strip_prefix("file:").ok_or("--users takes file:PATH")?;
                let text = std::fs::read_to_string(path).map_err(|e| format!("{path}: {e}"))?;
                // What is on the command line stands beside the file, as plain passwords.
                let plain = given.iter().map(|user| match user.split_once(':') {
                    Some((name, password)) => format!("{name}:{{PLAIN}}{password}"),
                    None => user.clone(),
                });
                let all: Vec<_> = plain.chain(text.lines().map(String::from)).collect();
                let first = all
                    .iter()
                    .find(|line| line.contains(':') && !line.starts_with('#'));
                let first = first.cloned().unwrap_or_default();
                (PasswordFile::parse(&all.join("\n")), first)
            }
        };
        let passwords = passwords.map_err(|errors| {
            let errors: Vec<_> = errors.iter().map(ToString::to_string).collect();
            format!("accounts: {}", errors.join("; "))
        })?;
        let first = first.split(':').next().unwrap_or_default().to_owned();
        Ok(Self {
            passwords,
            domains: options.domains(),
            first,
        })
    }

    /// Whether mail for this domain is delivered here.
    pub(crate) fn is_local(&self, domain: &str) -> bool {
        self.domains
            .iter()
            .any(|ours| ours.as_str().eq_ignore_ascii_case(domain))
    }

    /// The account of a user, whose name may lack its domain.
    pub(crate) fn find(&self, user: &str) -> Option<Account> {
        let known = self.known_as(user);
        if !self.passwords.contains(&known) {
            return None;
        }
        match known.rsplit_once('@') {
            Some((name, domain)) => Account::new(name, domain).ok(),
            None => Account::new(&known, self.domains[0].as_str()).ok(),
        }
    }

    /// Whoever is there when nobody else is.
    pub(crate) fn first(&self) -> Option<Account> {
        self.find(&self.first)
    }

    /// Whether this is the user's password. One look, whoever is asked about.
    pub(crate) fn verify(&self, user: &str, password: &str) -> Verdict {
        self.passwords.verify(&self.known_as(user), password)
    }

    /// The name under which a user is listed: as given, or without one of our domains.
    fn known_as(&self, user: &str) -> String {
        let user = user.to_lowercase();
        if self.passwords.contains(&user) {
            return user;
        }
        match user.rsplit_once('@') {
            Some((name, domain)) if self.is_local(domain) => name.to_owned(),
            _ => user,
        }
    }
}
