//! What a session remembers between commands, and what it refuses for it.

use mailwire::TlsInfo;

use super::{Config, Protocol, replies};
use crate::Reply;
use crate::command::{Auth, HelloVerb, Mail, MechanismName, Rcpt};

/// What is remembered between commands.
#[derive(Debug, Default)]
pub(super) struct Session {
    pub(super) tls: Option<TlsInfo>,
    pub(super) hello: Option<HelloVerb>,
    pub(super) authenticated: bool,
    /// The mechanisms on offer, if they are not those of the configuration.
    pub(super) offered: Option<Box<[MechanismName]>>,
    /// MAIL was accepted.
    pub(super) transaction: bool,
    /// MAIL said SMTPUTF8, so that recipients may be international.
    pub(super) smtputf8: bool,
    /// RCPT commands, and those that were accepted.
    pub(super) recipients_asked: u32,
    pub(super) recipients: u32,
    pub(super) errors: u32,
    pub(super) idle_commands: u32,
    pub(super) auth_failures: u32,
}

/// Why a command that is legal by itself is not legal here, if so: the order of commands (RFC
/// 5321 section 4.1.4), what was announced, and what the configuration insists on.
impl Session {
    pub(super) fn refuses_mail(&self, mail: &Mail, config: &Config) -> Option<&'static Reply> {
        let parameters = &mail.parameters;
        let unknown = match self.hello {
            Some(HelloVerb::Helo) => !parameters.is_empty(),
            _ => {
                (parameters.auth.is_some() && config.mechanisms.is_empty())
                    || (!parameters.other.is_empty() && !config.unknown_parameters)
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
        } else if self.transaction {
            Some(&replies::NESTED_MAIL)
        } else if unknown {
            Some(&replies::UNKNOWN_PARAMETER)
        } else if too_large {
            Some(&replies::TOO_LARGE)
        } else {
            None
        }
    }

    pub(super) fn refuses_rcpt(&self, rcpt: &Rcpt, config: &Config) -> Option<&'static Reply> {
        let unknown = self.hello == Some(HelloVerb::Helo) || !config.unknown_parameters;
        if !self.transaction {
            Some(&replies::MAIL_FIRST)
        } else if unknown && !rcpt.parameters.other.is_empty() {
            Some(&replies::UNKNOWN_PARAMETER)
        } else if rcpt.path.is_international() && !self.smtputf8 {
            Some(&replies::RECIPIENT_NEEDS_SMTPUTF8)
        } else {
            None
        }
    }

    pub(super) fn refuses_data(&self, config: &Config) -> Option<&'static Reply> {
        if !self.transaction {
            Some(&replies::MAIL_FIRST)
        } else if self.recipients > 0 {
            None
        } else if self.recipients_asked > 0 && config.protocol == Protocol::Smtp {
            Some(&replies::NO_VALID_RECIPIENTS)
        } else {
            Some(&replies::RCPT_FIRST)
        }
    }

    pub(super) fn refuses_auth(&self, auth: &Auth, config: &Config) -> Option<&'static Reply> {
        if config.mechanisms.is_empty() {
            Some(&replies::NO_AUTH)
        } else if matches!(self.hello, None | Some(HelloVerb::Helo)) {
            Some(&replies::HELLO_FIRST)
        } else if self.authenticated {
            Some(&replies::ALREADY_AUTHENTICATED)
        } else if self.transaction {
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

    /// The mechanisms on offer.
    pub(super) fn mechanisms<'a>(&'a self, config: &'a Config) -> &'a [MechanismName] {
        self.offered.as_deref().unwrap_or(&config.mechanisms)
    }

    /// Why nothing is done for this client yet, if so (RFC 3207 section 4, RFC 4954 section 6).
    pub(super) fn refuses_strangers(&self, config: &Config) -> Option<&'static Reply> {
        if config.require_tls && self.tls.is_none() {
            Some(&replies::STARTTLS_FIRST)
        } else if config.require_auth && !self.authenticated {
            Some(&replies::AUTH_FIRST)
        } else {
            None
        }
    }
}
