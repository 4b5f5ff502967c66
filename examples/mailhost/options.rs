//! The command line.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::str::FromStr;

use clap::{Parser, ValueEnum};
use ipnet::IpNet;
use smtp_proto::Domain;

use crate::default_domains;
use crate::listeners::Kind;

/// A working mail host on loopback: SMTP, submission, SMTPS and LMTP into Maildirs or mbox files, and POP3
/// and IMAP out of them.
#[derive(Debug, Clone, Parser)]
#[command(name = "mailhost", version)]
pub(crate) struct Options {
    /// Our name, in greetings and trace fields
    #[arg(long, default_value = "localhost")]
    pub(crate) hostname: Domain,
    /// A domain that is delivered here (repeat; default: example.org and localhost)
    #[arg(long, value_name = "NAME")]
    domain: Vec<Domain>,
    /// Mail is kept at DIR/<domain>/<user>/ (default: a fresh temporary folder)
    #[arg(long, value_name = "DIR")]
    pub(crate) root: Option<PathBuf>,
    /// How mail is kept
    #[arg(long, value_enum, default_value_t = Store::Maildir)]
    pub(crate) store: Store,
    /// An account, NAME or NAME@DOMAIN (repeat; default without --users: alice:alice and bob:bob)
    #[arg(long, value_name = "NAME:PASSWORD")]
    pub(crate) user: Vec<String>,
    /// Accounts from elsewhere; --user adds to them
    ///
    /// file:PATH, lines user:credential, hashed or {PLAIN} or {SCRAM-SHA-256}..., read again when
    /// the file changes; saslauthd:SOCKET; dovecot:SOCKET (auth-client); or a database, asked each
    /// time: sqlite:PATH, mysql://USER:PASSWORD@HOST/DATABASE, postgres://... with the table
    /// CREATE TABLE users (address VARCHAR(255) PRIMARY KEY, credential TEXT NOT NULL), an
    /// address being a name in our first domain or NAME@DOMAIN, in small letters
    #[arg(long, value_name = "URL")]
    pub(crate) users: Option<String>,
    /// SMTP: ADDR:PORT or off
    #[arg(long, value_name = "ADDR:PORT", default_value = "127.0.0.1:2525")]
    smtp: Address,
    /// Submission (AUTH needed): ADDR:PORT or off
    #[arg(long, value_name = "ADDR:PORT", default_value = "127.0.0.1:2587")]
    submission: Address,
    /// Submission over TLS: ADDR:PORT or off
    #[arg(long, value_name = "ADDR:PORT", default_value = "127.0.0.1:2465")]
    smtps: Address,
    /// LMTP: ADDR:PORT or off
    #[arg(long, value_name = "ADDR:PORT", default_value = "127.0.0.1:2424")]
    lmtp: Address,
    /// POP3: ADDR:PORT or off
    #[arg(long, value_name = "ADDR:PORT", default_value = "127.0.0.1:2110")]
    pop3: Address,
    /// POP3 over TLS: ADDR:PORT or off
    #[arg(long, value_name = "ADDR:PORT", default_value = "127.0.0.1:2995")]
    pop3s: Address,
    /// IMAP: ADDR:PORT or off
    #[arg(long, value_name = "ADDR:PORT", default_value = "127.0.0.1:2143")]
    imap: Address,
    /// IMAP over TLS: ADDR:PORT or off
    #[arg(long, value_name = "ADDR:PORT", default_value = "127.0.0.1:2993")]
    imaps: Address,
    /// Certificate chain, PEM (default: self-signed, made at start)
    #[arg(long, value_name = "FILE", requires = "tls_key")]
    pub(crate) tls_cert: Option<PathBuf>,
    /// Its private key, PEM
    #[arg(long, value_name = "FILE", requires = "tls_cert")]
    pub(crate) tls_key: Option<PathBuf>,
    /// Let AUTH be used without TLS on every listener (always so on loopback addresses)
    #[arg(long)]
    pub(crate) allow_plaintext_auth: bool,
    /// aliases(5): lines `name: target, ...`
    #[arg(long, value_name = "FILE")]
    pub(crate) aliases: Option<PathBuf>,
    /// access(5) by client address: lines `192.168.88 REJECT`
    #[arg(long, value_name = "FILE")]
    pub(crate) access: Option<PathBuf>,
    /// Networks whose clients might relay (repeat); so far there is no way to other domains
    #[arg(long, value_name = "CIDR", default_value = "127.0.0.0/8")]
    pub(crate) mynetworks: Vec<IpNet>,
    /// The largest message, in octets
    #[arg(long, value_name = "BYTES", default_value_t = 10_240_000)]
    pub(crate) max_size: u64,
    /// Connections at a time, to each listener
    #[arg(long, value_name = "N", default_value_t = 1000)]
    pub(crate) max_connections: usize,
    /// Of them, from one address
    #[arg(long, value_name = "N", default_value_t = 100)]
    pub(crate) max_connections_per_address: usize,
}

impl Options {
    /// The domains that are delivered here; never none.
    pub(crate) fn domains(&self) -> Vec<Domain> {
        match &self.domain[..] {
            [] => default_domains(),
            domains => domains.to_vec(),
        }
    }

    /// The listeners: the option's name, where, and what for.
    pub(crate) fn listeners(&self) -> [(&'static str, Address, Kind); 8] {
        [
            ("smtp", self.smtp, Kind::Smtp),
            ("submission", self.submission, Kind::Submission),
            ("smtps", self.smtps, Kind::Smtps),
            ("lmtp", self.lmtp, Kind::Lmtp),
            ("pop3", self.pop3, Kind::Pop3),
            ("pop3s", self.pop3s, Kind::Pop3s),
            ("imap", self.imap, Kind::Imap),
            ("imaps", self.imaps, Kind::Imaps),
        ]
    }
}

/// How mail is kept.
#[derive(Debug, Clone, Copy, ValueEnum)]
pub(crate) enum Store {
    /// One file a message
    Maildir,
    /// One file a mailbox
    Mbox,
    /// Nowhere, for long
    Memory,
}

/// An address to listen on, or `off`.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Address(pub(crate) Option<SocketAddr>);

impl FromStr for Address {
    type Err = std::net::AddrParseError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text {
            "off" => Ok(Self(None)),
            address => address.parse().map(|address| Self(Some(address))),
        }
    }
}
