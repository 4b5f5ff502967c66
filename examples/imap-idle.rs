//! Prints new mail as it arrives: `cargo run --example imap-idle -- --help`.
//!
//! A connection that is lost is made again, and what arrived meanwhile is printed then.

mod account;

use std::num::NonZeroU32;
use std::time::Duration;

use account::Account;
use anyhow::{Context as _, Result};
use clap::Parser;
use imap_proto::SequenceSet;
use imap_proto::command::{By, Fetch, FetchAttribute, Select};
use imap_proto::response::{Data, FetchItem};
use mail_server::imap::{Client, ClientError};

/// Prints new mail as it arrives.
#[derive(Debug, Parser)]
struct Arguments {
    #[command(flatten)]
    account: Account,
    /// The mailbox to watch
    #[arg(long, default_value = "INBOX")]
    mailbox: String,
}

/// What makes UIDs valid, and the first one that was not printed.
type Seen = Option<(NonZeroU32, NonZeroU32)>;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<()> {
    let arguments = Arguments::parse();
    let mut seen = None;
    loop {
        // What will not get better by trying again ends the program.
        let mut client = match log_in(&arguments.account).await {
            Err(error) if seen.is_some() && !is_final(&error) => {
                pause(&error).await;
                continue;
            }
            client => client?,
        };
        if let Err(error) = watch(&mut client, &arguments.mailbox, &mut seen).await {
            match is_final(&error) {
                true => return Err(error),
                false => pause(&error).await,
            }
        }
    }
}

async fn log_in(account: &Account) -> Result<Client> {
    let (host, port) = account.address(993, 143)?;
    let mut client = Client::connect(host, port, account.security()?).await?;
    client.login(&account.user, &account.password()?).await?;
    Ok(client)
}

/// Prints and waits, until the connection is lost.
async fn watch(client: &mut Client, mailbox: &str, seen: &mut Seen) -> Result<()> {
    let mut select = Select::new(mailbox.parse()?);
    select.read_only = true;
    client.command(select).await?;
    let selected = client.mailbox().context("nothing is selected")?;
    let validity = selected.uid_validity.context("no UIDVALIDITY")?;
    let next = selected.uid_next.context("no UIDNEXT")?;
    // What was there before the first look is no news, and nor is what others now number anew.
    let mut first = match *seen {
        Some((valid, first)) if valid == validity => first,
        _ => next,
    };
    println!("watching {mailbox}");
    loop {
        *seen = Some((validity, first));
        first = print_from(client, first).await?;
        *seen = Some((validity, first));
        let mut idle = client.idle()?;
        while !matches!(idle.next().await?, Data::Exists(_)) {}
        idle.done().await?;
    }
}

/// Prints what has this UID or a higher one. Returns the first that has not come yet.
async fn print_from(client: &mut Client, mut first: NonZeroU32) -> Result<NonZeroU32> {
    let wanted = vec![FetchAttribute::Uid, FetchAttribute::Envelope];
    let set = SequenceSet::from_open(first);
    let mut messages = client.fetch(Fetch::new(By::Uid, set, wanted))?;
    let begin = first;
    while let Some(mut message) = messages.next().await? {
        while message.next().await?.is_some() {}
        let fetched = message.fetched();
        // `n:*` has the last message in it, however low its UID is.
        let Some(uid) = fetched.uid().filter(|uid| *uid >= begin) else {
            continue;
        };
        for item in &fetched.items {
            if let FetchItem::Envelope(envelope) = item {
                let subject = envelope.subject.as_ref().map(|subject| subject.to_text());
                println!("{uid}: {}", subject.unwrap_or_default());
            }
        }
        first = first.max(uid.saturating_add(1));
    }
    Ok(first)
}

/// Whether it is of no use to try again: the server has said no, or TLS has.
fn is_final(error: &anyhow::Error) -> bool {
    use ClientError as E;
    !matches!(
        error.downcast_ref(),
        Some(E::Farewell(_) | E::Protocol(_) | E::Transport(_))
    )
}

async fn pause(error: &anyhow::Error) {
    eprintln!("{error}; trying again");
    tokio::time::sleep(Duration::from_secs(5)).await;
}
