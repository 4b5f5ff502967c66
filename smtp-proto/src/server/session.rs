//! What a session remembers between commands, and what it refuses for it.

use compact_str::CompactString;
use mailwire::TlsInfo;
use mailwire::auth::MechanismName;

use super::{Config, Protocol, replies};
use crate::command::{Auth, Command, HelloVerb, Mail, Rcpt};
use crate::parameter::{BodyType, ByMode, Hold, MailParameters, MailTerms};
use crate::{Extension, Extensions, ForwardPath, Reply};

/// What is remembered between commands.
#[derive(Debug, Default)]
pub(super) struct Session {
    pub(super) tls: Option<TlsInfo>,
    pub(super) hello: Option<HelloVerb>,
    pub(super) authenticated: bool,
    /// The mechanisms on offer, if they are not those of the configuration.
    pub(super) own_mechanisms: Option<Box<[MechanismName]>>,
    pub(super) transaction: Transaction,
    /// What this client is offered, as far as the state of the session allows it.
    pub(super) allowed: Extensions,
    pub(super) spent: Spent,
}

/// What a session has cost us. It is never forgotten.
#[derive(Debug, Default, Clone, Copy)]
pub(super) struct Spent {
    pub(super) errors: u32,
    pub(super) idle_commands: u32,
    pub(super) auth_failures: u32,
    /// MAIL commands.
    pub(super) messages: u32,
    /// Octets of chunks that were not wanted.
    pub(super) skipped: u64,
}

/// What is remembered of a message that is on its way.
#[derive(Debug, Default)]
pub(super) struct Transaction {
    /// MAIL was accepted.
    pub(super) open: bool,
    /// MAIL said SMTPUTF8, so that recipients may be international.
    pub(super) smtputf8: bool,
    /// MAIL said BODY=BINARYMIME.
    pub(super) binary: bool,
    /// RCPT commands, and those that were accepted.
    pub(super) recipients_asked: u32,
    pub(super) recipients: u32,
    /// The domains of recipients, where they are counted.
    domains: Vec<CompactString>,
    pub(super) chunks: Chunks,
}

/// How far a message is that comes in chunks.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub(super) enum Chunks {
    #[default]
    NotBegun,
    Coming,
    /// One was refused: so are all that follow (RFC 3030 section 2).
    Failed,
}

impl Transaction {
    /// What MAIL says about it.
    pub(super) fn prepare(&mut self, parameters: &MailParameters) {
        self.smtputf8 = parameters.smtputf8;
        self.binary = parameters.body == Some(BodyType::Binary);
    }

    /// Whether a recipient is one too many domains. If not, its domain is remembered.
    pub(super) fn exceeds_domains(&mut self, rcpt: &Rcpt, config: &Config) -> bool {
        let Some(most) = config.limits.recipient_domains else {
            return false;
        };
        let domain = match &rcpt.path {
            ForwardPath::Postmaster => config.hostname.as_str(),
            ForwardPath::Mailbox(mailbox) => mailbox.domain(),
        };
        if self
            .domains
            .iter()
            .any(|known| known.eq_ignore_ascii_case(domain))
        {
            return false;
        }
        let exceeds = self.domains.len() as u64 >= u64::from(most);
        if !exceeds {
            self.domains.push(domain.into());
        }
        exceeds
    }
}

/// Why a command that is legal by itself is not legal here, if so: the order of commands (RFC
/// 5321 section 4.1.4), what was announced, and what the configuration insists on.
impl Session {
    /// A session of somebody who is offered this.
    pub(super) fn new(allowed: Extensions) -> Self {
        Self {
            allowed,
            ..Self::default()
        }
    }

    /// What is announced now.
    pub(super) fn offered(&self, config: &Config) -> Extensions {
        let mut offered = self.understood();
        if self.tls.is_some() {
            offered.remove(Extension::StartTls);
        }
        if self.authenticated || (self.tls.is_none() && !config.auth_without_tls) {
            offered.remove(Extension::Auth);
        }
        offered
    }

    /// How many statuses a message has at its end, or a chunk of it.
    pub(super) fn statuses_after(&self, last: bool, config: &Config) -> u32 {
        match config.protocol {
            // RFC 2033 section 4.2: one for each RCPT that was accepted.
            Protocol::Lmtp if last => self.transaction.recipients.max(1),
            _ => 1,
        }
    }

    /// Whose parameters are understood now.
    fn understood(&self) -> Extensions {
        let mut understood = self.allowed;
        if self.tls.is_none() {
            // RFC 8689 section 2.
            understood.remove(Extension::RequireTls);
        }
        for (extension, needed) in [
            // RFC 3030 section 3.
            (Extension::BinaryMime, Extension::Chunking),
            // RFC 6531 section 3.1.
            (Extension::SmtpUtf8, Extension::EightBitMime),
        ] {
            if !understood.contains(needed) {
                understood.remove(extension);
            }
        }
        understood
    }

    /// Why a command is refused, if so.
    #[inline]
    pub(super) fn refuses(&self, command: &Command, config: &Config) -> Option<&'static Reply> {
        match command {
            Command::Hello(hello) => refuses_verb(hello.verb, config),
            Command::Mail(mail) => self.refuses_mail(mail, config),
            Command::Rcpt(rcpt) => self.refuses_rcpt(rcpt, config),
            Command::Data => self.refuses_data(config),
            Command::Bdat(_) => self.refuses_chunk(config),
            Command::Rset | Command::Noop | Command::Quit | Command::Help => None,
            Command::Verify(verify) | Command::Expand(verify)
                if verify.smtputf8() && !self.understood().contains(Extension::SmtpUtf8) =>
            {
                Some(&replies::NO_SMTPUTF8)
            }
            Command::Verify(_) => self.refuses_question(Extension::Verify, config),
            Command::Expand(_) => self.refuses_question(Extension::Expand, config),
            Command::Etrn(_) => self.refuses_question(Extension::Etrn, config),
            Command::StartTls => self.refuses_start_tls(),
            Command::Auth(auth) => self.refuses_auth(auth, config),
            Command::XClient(_) => self.refuses_facts(Extension::XClient),
            Command::XForward(_) => self.refuses_facts(Extension::XForward),
        }
    }

    fn refuses_start_tls(&self) -> Option<&'static Reply> {
        if !self.allowed.contains(Extension::StartTls) {
            Some(&replies::NOT_IMPLEMENTED)
        } else if self.tls.is_some() {
            Some(&replies::TLS_ALREADY)
        } else {
            None
        }
    }

    fn refuses_mail(&self, mail: &Mail, config: &Config) -> Option<&'static Reply> {
        let parameters = &mail.parameters;
        let needs = parameters.needs();
        let unknown = match self.hello {
            Some(HelloVerb::Helo) => !parameters.is_empty(),
            _ => {
                self.understood().first_missing(needs).is_some()
                    || (!parameters.terms().other.is_empty() && !config.unknown_parameters)
            }
        };
        let too_large = match (parameters.size, config.limits.message) {
            (Some(size), Some(limit)) => size > limit,
            _ => false,
        };
        if self.hello.is_none() {
            Some(&replies::HELLO_FIRST)
        } else if let Some(refusal) = self.refuses_strangers(config) {
            Some(refusal)
        } else if self.transaction.open {
            Some(&replies::NESTED_MAIL)
        } else if unknown {
            Some(&replies::UNKNOWN_PARAMETER)
        } else if too_large {
            Some(&replies::TOO_LARGE)
        } else {
            refuses_terms(parameters.terms(), config)
        }
    }

    fn refuses_rcpt(&self, rcpt: &Rcpt, config: &Config) -> Option<&'static Reply> {
        let parameters = &rcpt.parameters;
        let unknown = match self.hello {
            Some(HelloVerb::Helo) => !parameters.is_empty(),
            _ => {
                self.understood()
                    .first_missing(parameters.needs())
                    .is_some()
                    || (!parameters.terms().other.is_empty() && !config.unknown_parameters)
            }
        };
        if !self.transaction.open {
            Some(&replies::MAIL_FIRST)
        } else if self.transaction.chunks != Chunks::NotBegun {
            Some(&replies::CHUNKS_HAVE_BEGUN)
        } else if unknown {
            Some(&replies::UNKNOWN_PARAMETER)
        } else if rcpt.path.is_international() && !self.transaction.smtputf8 {
            Some(&replies::RECIPIENT_NEEDS_SMTPUTF8)
        } else {
            None
        }
    }

    fn refuses_data(&self, config: &Config) -> Option<&'static Reply> {
        let transaction = &self.transaction;
        if !transaction.open {
            Some(&replies::MAIL_FIRST)
        } else if transaction.chunks != Chunks::NotBegun {
            Some(&replies::CHUNKS_HAVE_BEGUN)
        } else if transaction.recipients == 0 {
            if transaction.recipients_asked > 0 && config.protocol == Protocol::Smtp {
                Some(&replies::NO_VALID_RECIPIENTS)
            } else {
                Some(&replies::RCPT_FIRST)
            }
        } else if transaction.binary {
            // RFC 3030 section 3.
            Some(&replies::BINARY_NEEDS_BDAT)
        } else {
            None
        }
    }

    fn refuses_chunk(&self, config: &Config) -> Option<&'static Reply> {
        // HELO has turned the extensions off (RFC 5321 section 4.1.4).
        if !self.allowed.contains(Extension::Chunking) || self.hello == Some(HelloVerb::Helo) {
            return Some(&replies::NO_CHUNKING);
        }
        match self.transaction.chunks {
            Chunks::NotBegun => match self.refuses_data(config) {
                Some(reply) if *reply == replies::BINARY_NEEDS_BDAT => None,
                refusal => refusal,
            },
            Chunks::Coming => None,
            Chunks::Failed => Some(&replies::CHUNKS_HAVE_FAILED),
        }
    }

    fn refuses_auth(&self, auth: &Auth, config: &Config) -> Option<&'static Reply> {
        if config.mechanisms.is_empty() || !self.allowed.contains(Extension::Auth) {
            Some(&replies::NO_AUTH)
        } else if matches!(self.hello, None | Some(HelloVerb::Helo)) {
            Some(&replies::HELLO_FIRST)
        } else if self.authenticated {
            Some(&replies::ALREADY_AUTHENTICATED)
        } else if self.transaction.open {
            Some(&replies::AUTH_IN_TRANSACTION)
        } else if config.require_tls && self.tls.is_none() {
            Some(&replies::STARTTLS_FIRST)
        } else if self.tls.is_none() && !config.auth_without_tls {
            Some(&replies::AUTH_NEEDS_TLS)
        } else if !self.mechanisms(config).contains(&auth.mechanism) {
            Some(&replies::UNKNOWN_MECHANISM)
        } else {
            None
        }
    }

    /// Commands of extensions that ask something, which are legal whenever they are on offer, but
    /// not between two chunks: their answer would be the application's, which is at a message.
    fn refuses_question(&self, extension: Extension, config: &Config) -> Option<&'static Reply> {
        if extension != Extension::Verify && !self.allowed.contains(extension) {
            Some(&replies::NOT_IMPLEMENTED)
        } else if self.transaction.chunks != Chunks::NotBegun {
            Some(&replies::CHUNKS_HAVE_BEGUN)
        } else {
            self.refuses_strangers(config)
        }
    }

    /// XCLIENT and XFORWARD: for those who are trusted, between transactions.
    fn refuses_facts(&self, extension: Extension) -> Option<&'static Reply> {
        if !self.allowed.contains(extension) {
            Some(&replies::NOT_RECOGNISED)
        } else if self.transaction.open {
            Some(&replies::NOT_IN_TRANSACTION)
        } else {
            None
        }
    }

    /// The mechanisms on offer.
    pub(super) fn mechanisms<'a>(&'a self, config: &'a Config) -> &'a [MechanismName] {
        self.own_mechanisms.as_deref().unwrap_or(&config.mechanisms)
    }

    /// Why nothing is done for this client yet, if so (RFC 3207 section 4, RFC 4954 section 6).
    fn refuses_strangers(&self, config: &Config) -> Option<&'static Reply> {
        if config.require_tls && self.tls.is_none() {
            Some(&replies::STARTTLS_FIRST)
        } else if config.require_auth && !self.authenticated {
            Some(&replies::AUTH_FIRST)
        } else {
            None
        }
    }
}

/// Each of the two protocols has a hello of its own.
fn refuses_verb(verb: HelloVerb, config: &Config) -> Option<&'static Reply> {
    match (config.protocol, verb) {
        (Protocol::Lmtp, HelloVerb::Lhlo) => None,
        (Protocol::Lmtp, _) => Some(&replies::USE_LHLO),
        (Protocol::Smtp, HelloVerb::Lhlo) => Some(&replies::NO_LHLO),
        (Protocol::Smtp, _) => None,
    }
}

/// Why a message is not taken on the terms that its sender wants, if so.
fn refuses_terms(terms: &MailTerms, config: &Config) -> Option<&'static Reply> {
    let held_too_long = match terms.hold {
        Some(Hold::For(interval)) => interval > config.hold_for_at_most,
        Some(Hold::Until(time)) => time > config.hold_until_at_most,
        None => false,
    };
    if held_too_long {
        return Some(&replies::HOLD_TOO_LONG);
    }
    if let (Some(by), Some(least)) = (&terms.deliver_by, &config.deliver_by_at_least) {
        if by.mode() == ByMode::Return && i64::from(by.seconds()) < i64::from(least.seconds()) {
            return Some(&replies::TOO_SOON);
        }
    }
    if let (Some(said), Some(refused)) = (&terms.solicitation, &config.no_soliciting) {
        let mut said = said.keywords();
        if said.any(|one| {
            refused
                .keywords()
                .any(|other| one.eq_ignore_ascii_case(other))
        }) {
            return Some(&replies::NO_SOLICITING);
        }
    }
    None
}
