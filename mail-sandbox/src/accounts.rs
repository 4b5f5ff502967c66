//! Who may log in to a sandbox.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use mailwire::TlsInfo;
use mailwire::auth::MechanismName;
use sasl::server::{Challenge, Context, Failure, Need, Server, Step, Verdict};
use sasl::{Mechanism, PasswordFile};

/// The accounts of a sandbox.
pub(crate) enum Accounts {
    /// Nobody was named: an account is made when it is used for the first time, with the password
    /// that was said then.
    Open(Mutex<HashMap<String, String>>),
    /// These, and nobody else.
    Declared(Box<PasswordFile>),
}

impl Accounts {
    /// Made of `NAME:PASSWORD`. `None` if one of them cannot be an account.
    pub(crate) fn new(declared: &[String]) -> Option<Self> {
        if declared.is_empty() {
            return Some(Self::Open(Mutex::default()));
        }
        let file = PasswordFile::from_accounts(declared.iter().map(String::as_str));
        Some(Self::Declared(Box::new(file.ok()?)))
    }

    fn mechanisms(&self) -> Vec<Mechanism> {
        match self {
            // Whose password is not known yet can only tell it.
            Self::Open(_) => vec![Mechanism::Plain, Mechanism::Login],
            Self::Declared(file) => {
                // Without those that bind to a channel, which mail readers pick and cannot use.
                let all = file.mechanisms().into_iter();
                all.filter(|mechanism| !mechanism.name().ends_with("-PLUS"))
                    .collect()
            }
        }
    }

    fn answer(&self, need: Need) -> Step {
        match (self, need) {
            (_, Need::Nonce(need)) => {
                let mut random = [0; 18];
                match getrandom::fill(&mut random) {
                    Ok(()) => need.fill(random),
                    Err(_) => Step::Done(Err(Failure::Unavailable)),
                }
            }
            (Self::Declared(file), need) => file.answer(need),
            (Self::Open(known), Need::VerifyPassword(need)) => {
                let mut known = known.lock().unwrap_or_else(PoisonError::into_inner);
                let password = known
                    .entry(need.username().to_owned())
                    .or_insert_with(|| need.password().to_owned());
                let verdict = match password == need.password() {
                    true => Verdict::Accept,
                    false => Verdict::Reject,
                };
                need.answer(verdict)
            }
            (Self::Open(_), Need::Authorize(need)) => need.grant(),
            _ => Step::Done(Err(Failure::Unavailable)),
        }
    }
}

/// One connection's way in.
pub(crate) struct Login {
    context: Context,
    challenge: Option<Challenge>,
}

/// Whose turn it is.
pub(crate) enum Turn {
    /// The client's: it has to answer this.
    Challenge(Vec<u8>),
    /// Nobody's: this is who it is, or why not.
    Done(Result<String, Failure>),
}

impl Login {
    /// For a protocol, by its name in SASL.
    pub(crate) fn new(accounts: &Accounts, service: &str) -> Self {
        let context = Context::new(service)
            .hostname("localhost")
            .offer(&accounts.mechanisms())
            .allow_clear_passwords(true);
        Self {
            context,
            challenge: None,
        }
    }

    pub(crate) fn tls_started(&mut self, _: &TlsInfo) {
        self.challenge = None;
        self.context = self.context.clone().secured(true);
    }

    /// What is on offer.
    pub(crate) fn names(&self) -> Vec<MechanismName> {
        let names = self.context.mechanisms();
        names
            .map(|name| name.name().parse().expect("names that RFC 4422 allows"))
            .collect()
    }

    pub(crate) fn start(
        &mut self,
        accounts: &Accounts,
        mechanism: &str,
        initial: Option<&[u8]>,
    ) -> Turn {
        let step = match mechanism.parse::<Mechanism>() {
            Ok(mechanism) => Server::start(mechanism, initial, &self.context),
            Err(_) => Step::Done(Err(Failure::NotOffered)),
        };
        self.go_on(accounts, step)
    }

    pub(crate) fn respond(&mut self, accounts: &Accounts, response: &[u8]) -> Turn {
        match self.challenge.take() {
            Some(challenge) => self.go_on(accounts, challenge.respond(response)),
            None => Turn::Done(Err(Failure::Malformed)),
        }
    }

    /// A name and a password in commands of the protocol's own.
    pub(crate) fn password(
        &mut self,
        accounts: &Accounts,
        name: &[u8],
        password: &[u8],
    ) -> Result<String, Failure> {
        let step = Server::password(name, password, &self.context);
        match self.go_on(accounts, step) {
            Turn::Done(outcome) => outcome,
            Turn::Challenge(_) => Err(Failure::Unavailable),
        }
    }

    pub(crate) fn cancel(&mut self) {
        self.challenge = None;
    }

    fn go_on(&mut self, accounts: &Accounts, mut step: Step) -> Turn {
        loop {
            step = match step {
                Step::Need(need) => accounts.answer(need),
                Step::Challenge(challenge) => {
                    let data = challenge.data().to_vec();
                    self.challenge = Some(challenge);
                    return Turn::Challenge(data);
                }
                Step::Done(outcome) => {
                    return Turn::Done(outcome.map(|user| user.authzid().to_owned()));
                }
            };
        }
    }
}
