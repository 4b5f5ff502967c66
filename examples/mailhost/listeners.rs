//! What mailhost listens for, and how.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;

use mail_server::auth::Authentication;
use mail_server::{Limits, Stop, Tls, imap, pop3, smtp};
use smtp_proto::Extension;
use tokio::task::JoinSet;

use crate::options::{Options, Store};
use crate::policy::Host;

/// What a listener is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Smtp,
    Submission,
    Smtps,
    Lmtp,
    Pop3,
    Pop3s,
    Imap,
    Imaps,
}

impl Kind {
    /// Who comes there, and what for.
    pub(crate) fn account(self) -> &'static str {
        match self {
            Self::Smtp => "mail for our domains, from anybody; STARTTLS, AUTH",
            Self::Submission => "mail from our users: AUTH needed; STARTTLS",
            Self::Smtps => "the same, TLS from the start",
            Self::Lmtp => "mail from another server: a reply for each recipient",
            Self::Pop3 => "mail to our users; STLS",
            Self::Pop3s => "the same, TLS from the start",
            Self::Imap => "folders of our users; STARTTLS",
            Self::Imaps => "the same, TLS from the start",
        }
    }
}

/// What all listeners share.
pub(crate) struct Surroundings<'a> {
    pub(crate) options: &'a Options,
    pub(crate) host: &'a Arc<Host>,
    pub(crate) authentication: Authentication,
    pub(crate) tls: Tls,
    pub(crate) stop: &'a Stop,
}

/// Binds a listener and serves it among the others. Says where.
pub(crate) async fn start(
    around: &Surroundings<'_>,
    kind: Kind,
    address: SocketAddr,
    listeners: &mut JoinSet<()>,
) -> io::Result<SocketAddr> {
    let authentication = around.authentication.clone();
    match kind {
        Kind::Smtp | Kind::Submission | Kind::Smtps | Kind::Lmtp => {
            let config = smtp_config(around.options, kind, address);
            let listener = smtp::Listener::bind(address, config).await?;
            let listener = match kind {
                Kind::Lmtp => around.common(listener),
                Kind::Smtps => around.secured(listener).authentication(authentication),
                _ => around.upgradable(listener).authentication(authentication),
            };
            let bound = listener.local_addr();
            let host = Arc::clone(around.host);
            listeners.spawn(listener.serve(move |_peer| host.service()));
            Ok(bound)
        }
        Kind::Pop3 | Kind::Pop3s => {
            let config = pop3_config(around.options, address);
            let listener = pop3::Listener::bind(address, config).await?;
            let listener = match kind {
                Kind::Pop3s => around.secured(listener),
                _ => around.upgradable(listener),
            };
            let listener = listener.authentication(authentication);
            let bound = listener.local_addr();
            let service = around.host.mailboxes();
            listeners.spawn(listener.serve(move |_peer| service.clone()));
            Ok(bound)
        }
        Kind::Imap | Kind::Imaps => {
            let config = imap_config(around.options, address);
            let listener = imap::Listener::bind(address, config).await?;
            let listener = match kind {
                Kind::Imaps => around.secured(listener),
                _ => around.upgradable(listener),
            };
            let listener = listener.authentication(authentication);
            let bound = listener.local_addr();
            let service = around.host.folders();
            listeners.spawn(listener.serve(move |_peer| service.clone()));
            Ok(bound)
        }
    }
}

impl Surroundings<'_> {
    fn common<P: mail_server::Protocol>(
        &self,
        listener: mail_server::Listener<P>,
    ) -> mail_server::Listener<P> {
        let mut limits = Limits::default();
        limits.connections = self.options.max_connections;
        limits.connections_per_address = self.options.max_connections_per_address;
        listener.limits(limits).stop_with(self.stop.clone())
    }

    fn upgradable<P: mail_server::Protocol>(
        &self,
        listener: mail_server::Listener<P>,
    ) -> mail_server::Listener<P> {
        self.common(listener).starttls(self.tls.clone())
    }

    fn secured<P: mail_server::Protocol>(
        &self,
        listener: mail_server::Listener<P>,
    ) -> mail_server::Listener<P> {
        self.common(listener).implicit_tls(self.tls.clone())
    }
}

fn smtp_config(options: &Options, kind: Kind, address: SocketAddr) -> smtp::Config {
    let mut config = smtp::Config::new(options.hostname.clone());
    config.limits.message = Some(options.max_size);
    config.extensions.insert(Extension::Limits);
    if matches!(options.store, Store::Memory) {
        // Files have line ends of their own, which octets that mean nothing would not survive.
        config.extensions.insert(Extension::BinaryMime);
    }
    if kind == Kind::Lmtp {
        // Only programs speak LMTP: they have no excuse.
        config.protocol = smtp::Protocol::Lmtp;
        return config;
    }
    // What people type, and what devices send, is taken as it is meant.
    config.strictness = smtp_proto::Strictness::lenient(options.domains()[0].clone());
    config.auth_without_tls = allows_clear_passwords(options, address);
    config.old_auth_line = true;
    // Those that the oldest clients know first: some take the first that they see.
    let names = sasl::Mechanism::ALL
        .iter()
        .map(|mechanism| mechanism.name());
    let old = ["PLAIN", "LOGIN"];
    let names = old
        .into_iter()
        .chain(names.filter(|name| !old.contains(name)));
    config.mechanisms = names.map(|name| name.parse().expect("a name")).collect();
    config.require_auth = kind != Kind::Smtp;
    config
}

fn pop3_config(options: &Options, address: SocketAddr) -> pop3::Config {
    let mut config = pop3::Config::new();
    config.strictness = pop3_proto::Strictness::lenient();
    config.auth_without_tls = allows_clear_passwords(options, address);
    config.utf8 = true;
    config.mechanisms = readers_mechanisms();
    config.implementation = Some("mailhost".parse().expect("a name"));
    config
}

fn imap_config(options: &Options, address: SocketAddr) -> imap::Config {
    let mut config = imap::config();
    config.auth_without_tls = allows_clear_passwords(options, address);
    config.mechanisms = readers_mechanisms();
    config.id = Some(vec![("name".into(), Some("mailhost".into()))]);
    config.append_limit = Some(options.max_size);
    config
}

/// Clients that read mail pick the -PLUS forms and then find that they cannot bind to TLS 1.3.
fn readers_mechanisms() -> Vec<mailwire::auth::MechanismName> {
    let names = sasl::Mechanism::ALL
        .iter()
        .map(|mechanism| mechanism.name());
    let names = names.filter(|name| !name.ends_with("-PLUS"));
    names.map(|name| name.parse().expect("a name")).collect()
}

fn allows_clear_passwords(options: &Options, address: SocketAddr) -> bool {
    options.allow_plaintext_auth || address.ip().is_loopback()
}
