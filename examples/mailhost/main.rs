//! A working mail host in one command: `cargo run --release --example mailhost`.
//!
//! SMTP, submission and LMTP on loopback, into Maildirs or mbox files that any mail reader
//! opens, and POP3 and IMAP out of them. It shows how the crates are put together; `--help` shows what can be chosen.

mod access;
mod accounts;
mod aliases;
mod listeners;
mod options;
mod policy;
mod users;

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;

use clap::Parser as _;
use mail_server::auth::{Authentication, Authenticator};
use mail_server::store::{Account, FileStore, Mailstore, MemoryStore};
use mail_server::{Stop, Tls};
use smtp_proto::Domain;
use tempfile::TempDir;
use tokio::signal::unix::{SignalKind, signal};
use tokio::task::JoinSet;

use crate::listeners::{Kind, Surroundings, start};
use crate::options::{Options, Store};
use crate::policy::Host;
use crate::users::Users;

type Error = Box<dyn std::error::Error>;

#[tokio::main]
async fn main() -> ExitCode {
    let options = Options::parse();
    start_log();
    match run(options).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("mailhost: {error}");
            ExitCode::FAILURE
        }
    }
}

/// What happens goes to standard error; `RUST_LOG` chooses how much.
fn start_log() {
    let filter = tracing_subscriber::EnvFilter::try_from_default_env()
        .unwrap_or_else(|_| tracing_subscriber::EnvFilter::new("info"));
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .with_ansi(std::io::IsTerminal::is_terminal(&std::io::stderr()))
        .init();
}

async fn run(options: Options) -> Result<(), Error> {
    raise_file_limit();
    // From the start: whoever starts us may change their mind at any time.
    let (mut terminate, mut interrupt) = (
        signal(SignalKind::terminate())?,
        signal(SignalKind::interrupt())?,
    );
    let folder = Folder::new(&options)?;
    let files = match options.store {
        Store::Maildir => Some(FileStore::maildir(folder.path())),
        Store::Mbox => Some(FileStore::mbox(folder.path())),
        Store::Memory => None,
    };
    let store: Arc<dyn Mailstore> = match &files {
        Some(files) => Arc::new(files.clone()),
        None => Arc::new(MemoryStore::new()),
    };
    let users = Arc::new(Users::new(&options, folder.path().to_owned()).await?);
    let host = Arc::new(Host::new(&options, Arc::clone(&users), store).await?);
    let stop = Stop::new();
    let mut listeners = JoinSet::new();
    let (mut smtp, mut pop3, mut imap) = (None, None, None);
    println!("mail is kept in  {}", place(options.store, folder.path()));
    let around = Surroundings {
        options: &options,
        host: &host,
        authentication: Authentication::from(users as Arc<dyn Authenticator>),
        tls: certificate(&options)?,
        stop: &stop,
    };
    for (name, address, kind) in options.listeners() {
        let Some(address) = address.0 else { continue };
        let started = start(&around, kind, address, &mut listeners).await;
        let bound =
            started.map_err(|error| format!("cannot listen on {address} for --{name}: {error}"))?;
        println!("{name:<15}  {bound}  {}", kind.account());
        match kind {
            Kind::Smtp => smtp = Some(bound),
            Kind::Pop3 => pop3 = Some(bound),
            Kind::Imap => imap = Some(bound),
            _ => {}
        }
    }
    if listeners.is_empty() {
        return Err("every listener is off".into());
    }
    let somebody = host.somebody();
    let mailbox = files.map(|files| files.path(&somebody));
    introduce(&somebody, smtp, pop3, imap, mailbox);
    folder.keep();
    println!("mailhost ready");

    tokio::select! {
        _ = terminate.recv() => {}
        _ = interrupt.recv() => {}
    }
    // No new connections; what is open is finished or told 421.
    stop.stop();
    while listeners.join_next().await.is_some() {}
    Ok(())
}

/// Where mail is kept. A fresh one goes away again if we do not get to start.
enum Folder {
    Chosen(PathBuf),
    Fresh(TempDir),
}

impl Folder {
    fn new(options: &Options) -> Result<Self, Error> {
        let Some(root) = &options.root else {
            return Ok(Self::Fresh(
                tempfile::Builder::new().prefix("mailhost-").tempdir()?,
            ));
        };
        std::fs::create_dir_all(root).map_err(|e| format!("{}: {e}", root.display()))?;
        Ok(Self::Chosen(root.clone()))
    }

    fn path(&self) -> &Path {
        match self {
            Self::Chosen(path) => path,
            Self::Fresh(folder) => folder.path(),
        }
    }

    fn keep(self) {
        if let Self::Fresh(folder) = self {
            let _path = folder.keep();
        }
    }
}

fn place(store: Store, root: &Path) -> String {
    let root = root.display();
    match store {
        Store::Maildir => format!("a Maildir for each account: {root}/DOMAIN/USER/"),
        Store::Mbox => format!("an mbox for each account: {root}/DOMAIN/USER/mbox"),
        Store::Memory => "memory, until the end".into(),
    }
}

/// Says how to send a mail, and how to read it.
fn introduce(
    account: &Account,
    smtp: Option<SocketAddr>,
    pop3: Option<SocketAddr>,
    imap: Option<SocketAddr>,
    mailbox: Option<PathBuf>,
) {
    if let Some(smtp) = smtp {
        println!(
            "send a mail      curl smtp://{smtp} --mail-from you@example.net --mail-rcpt {account} -T FILE"
        );
    }
    if let Some(mailbox) = mailbox {
        println!("read it          s-nail -f {}", mailbox.display());
    }
    if let Some(pop3) = pop3 {
        println!("fetch it         curl -u {account}:PASSWORD pop3://{pop3}/1");
    }
    if let Some(imap) = imap {
        println!("or by IMAP       curl -u {account}:PASSWORD imap://{imap}/INBOX;MAILINDEX=1");
    }
}

/// The certificate of the options, or one made now, which nobody has reason to trust.
fn certificate(options: &Options) -> Result<Tls, Error> {
    if let (Some(certificate), Some(key)) = (&options.tls_cert, &options.tls_key) {
        let tls = Tls::from_pem_files(certificate, key);
        return tls.map_err(|error| {
            format!("{}, {}: {error}", certificate.display(), key.display()).into()
        });
    }
    let mut names: Vec<String> = vec![options.hostname.to_string()];
    names.extend(["localhost", "127.0.0.1", "::1"].map(String::from));
    names.dedup();
    let made = rcgen::generate_simple_self_signed(names)?;
    let (certificate, key) = (made.cert.pem(), made.signing_key.serialize_pem());
    Ok(Tls::from_pem(certificate.as_bytes(), key.as_bytes())?)
}

/// As many connections as the system lets us have.
fn raise_file_limit() {
    use rustix::process::{Resource, getrlimit, setrlimit};
    let mut limit = getrlimit(Resource::Nofile);
    limit.current = limit.maximum;
    // If it may not be raised, the limits on connections are what it is.
    let _ = setrlimit(Resource::Nofile, limit);
}

/// The domains that are served when none is named.
fn default_domains() -> Vec<Domain> {
    ["example.org", "localhost"]
        .map(|name| name.parse().expect("a domain"))
        .into()
}
