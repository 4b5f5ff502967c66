//! Fetches mail from a POP3 server into a Maildir: `cargo run --release --example pop3-fetch -- --help`.
//!
//! What was fetched once is not fetched again, also if the last run was broken off: the unique ids
//! of the messages that are safe in the Maildir are kept in a file beside them.

mod account;

use std::collections::HashSet;
use std::fs::{File, OpenOptions, read_to_string};
use std::io::{ErrorKind, Write as _};
use std::path::{Path, PathBuf};

use account::Account;
use anyhow::Result;
use clap::Parser;
use indicatif::{ProgressBar, ProgressStyle};
use mail_server::pop3::Client;
use mailbox_formats::maildir::{Maildir, Options};

/// Fetches mail from a POP3 server into a Maildir, and each message once.
#[derive(Debug, Parser)]
struct Arguments {
    #[command(flatten)]
    account: Account,
    /// The Maildir; it is made if it is not there
    maildir: PathBuf,
    /// Delete on the server what is safe here
    #[arg(long)]
    delete: bool,
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<()> {
    let arguments = Arguments::parse();
    let account = &arguments.account;
    let (host, port) = account.address(995, 110)?;
    let mut client = Client::connect(host, port, account.security()?).await?;
    client.login(&account.user, &account.password()?).await?;

    let maildir =
        Maildir::open(&arguments.maildir).or_else(|_| Maildir::create(&arguments.maildir))?;
    let mut fetched = Fetched::open(&arguments.maildir, host, &account.user)?;
    let ids = client.unique_ids().await?;
    let wanted = ids.iter().filter(|(_, id)| !fetched.has(id.as_str()));
    let wanted: Vec<u32> = wanted.map(|(number, _)| *number).collect();
    let bar = ProgressBar::new(wanted.len() as u64).with_style(ProgressStyle::with_template(
        "{bar:40} {pos}/{len} messages, {msg}, {eta} left",
    )?);

    let mut messages = client.retrieve(wanted.iter().copied());
    let mut octets = 0;
    while let Some(mut message) = messages.next().await? {
        let mut delivery = maildir.deliver(Options::default())?;
        while let Some(piece) = message.next().await? {
            delivery.write_all(&piece)?;
            octets += piece.len() as u64;
            bar.set_message(format!("{} KiB", octets / 1024));
        }
        // Safe on disk first, then noted: in between it may be fetched twice, but never lost.
        delivery.commit()?;
        let number = message.number();
        if let Some((_, id)) = ids.iter().find(|(known, _)| *known == number) {
            fetched.note(id.as_str())?;
        }
        bar.inc(1);
    }
    bar.finish();
    if arguments.delete {
        client.delete(ids.iter().map(|(number, _)| *number)).await?;
    }
    client.quit().await?;
    println!(
        "{} of {} messages fetched, the others were here already",
        wanted.len(),
        ids.len()
    );
    Ok(())
}

/// The unique ids of what is in the Maildir, one a line, in a file for each mailbox.
struct Fetched {
    ids: HashSet<String>,
    file: File,
}

impl Fetched {
    fn open(maildir: &Path, host: &str, user: &str) -> Result<Self> {
        let name = format!("pop3-fetch-{host}-{user}").replace(['/', '\0'], "_");
        let path = maildir.join(name);
        let known = match read_to_string(&path) {
            Err(error) if error.kind() != ErrorKind::NotFound => return Err(error.into()),
            known => known.unwrap_or_default(),
        };
        let mut file = OpenOptions::new().create(true).append(true).open(path)?;
        if !known.is_empty() && !known.ends_with('\n') {
            // The last run was broken off in the middle of an id, which is none.
            file.write_all(b"\n")?;
        }
        let ids = known.lines().map(String::from).collect();
        Ok(Self { ids, file })
    }

    fn has(&self, id: &str) -> bool {
        self.ids.contains(id)
    }

    fn note(&mut self, id: &str) -> Result<()> {
        self.file.write_all(format!("{id}\n").as_bytes())?;
        self.ids.insert(id.to_owned());
        Ok(())
    }
}
