//! Backs up all folders of an IMAP account: `cargo run --release --example imap-backup -- --help`.
//!
//! What was fetched once is not fetched again, and a run that was broken off is gone on with where it ended: no message is there
//! twice, and none is missing. If the server numbers a folder anew (another UIDVALIDITY), it is backed up anew,
//! beside what was there. Messages that are gone from the server stay; flags are as they were when the message was fetched.

#[path = "../account.rs"]
mod account;
mod folder;
mod maildir;
mod mbox;

use std::io::{Seek as _, Write as _};
use std::num::NonZeroU32;
use std::path::PathBuf;

use account::Account;
use anyhow::{Context as _, Result, bail};
use clap::Parser;
use folder::{Folder, Message, Store};
use imap_proto::command::{
    By, Fetch, FetchAttribute, IsKey, List, ListKind, Search, SearchKey, Select,
};
use imap_proto::response::{FetchItem, Fetched, Listed};
use imap_proto::{MailboxAttributes, NumberSet, Section};
use indicatif::{ProgressBar, ProgressStyle};
use mail_server::imap::{Client, ClientError};
use tempfile::SpooledTempFile;

/// Backs up all folders of an IMAP account, with flags, keywords and dates.
#[derive(Debug, Parser)]
struct Arguments {
    #[command(flatten)]
    account: Account,
    /// Where to; it is made if it is not there
    target: PathBuf,
    /// A Maildir++, or a tree of mbox files
    #[arg(long, value_enum, default_value_t = Store::Maildir)]
    store: Store,
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<()> {
    let arguments = Arguments::parse();
    let account = &arguments.account;
    let (host, port) = account.address(993, 143)?;
    let mut client = Client::connect(host, port, account.security()?).await?;
    client.login(&account.user, &account.password()?).await?;

    let list = List::new(ListKind::List, "".parse()?, "*".parse()?);
    let listed = client.command(list).await?;
    let mut failed = 0;
    for listed in listed.listed().filter(|listed| holds_messages(listed)) {
        match back_up(&mut client, listed, &arguments).await {
            Ok((there, new)) => println!("{}: {there} messages, {new} of them new", listed.mailbox),
            Err(error) if is_of_one_folder(&error) => {
                eprintln!("{}: {error:#}", listed.mailbox);
                failed += 1;
            }
            Err(error) => return Err(error),
        }
    }
    client.logout().await?;
    match failed {
        0 => Ok(()),
        failed => bail!("{failed} folders are not complete"),
    }
}

fn holds_messages(listed: &Listed) -> bool {
    let without = MailboxAttributes::NO_SELECT | MailboxAttributes::NON_EXISTENT;
    !listed.attributes.intersects(without)
}

/// Whether the next folder may be tried: the connection holds.
fn is_of_one_folder(error: &anyhow::Error) -> bool {
    match error.downcast_ref::<ClientError>() {
        Some(error) => matches!(error, ClientError::Refused(_)),
        None => error.downcast_ref::<std::io::Error>().is_none(),
    }
}

/// Fetches what is not there yet. Says how many messages the server has, and how many were new.
async fn back_up(
    client: &mut Client,
    listed: &Listed,
    arguments: &Arguments,
) -> Result<(u64, usize)> {
    let mut select = Select::new(listed.mailbox.clone());
    select.read_only = true;
    client.command(select).await?;
    let mailbox = client.mailbox().context("nothing is selected")?;
    let validity = mailbox.uid_validity.context("UIDs are not valid here")?;
    let mut there = NumberSet::new();
    if mailbox.exists() > 0 {
        let all = Search::new(By::Uid, vec![SearchKey::Is(IsKey::All)]);
        there = client.command(all).await?.found().to_set();
    }
    let name = listed.mailbox.to_text();
    let parts: Vec<&str> = match listed.delimiter {
        Some(delimiter) => name.split(delimiter).collect(),
        None => vec![&*name],
    };
    let mut folder = arguments.store.open(&arguments.target, &parts, validity)?;
    let wanted: Vec<_> = there.difference(folder.uids()).numbers().collect();

    let bar = ProgressBar::new(wanted.len() as u64).with_style(ProgressStyle::with_template(
        "{prefix} {bar:40} {pos}/{len} messages, {msg}, {eta} left",
    )?);
    bar.set_prefix(name.into_owned());
    let mut skipped = 0;
    for uids in wanted.chunks(AT_ONCE) {
        skipped += fetch(client, uids, &mut *folder, &bar).await?;
    }
    folder.settle()?;
    bar.finish_and_clear();
    match skipped {
        0 => Ok((there.count(), wanted.len())),
        skipped => bail!("{skipped} messages cannot be read"),
    }
}

/// Fetches some messages, and says how many of them make no sense.
async fn fetch(
    client: &mut Client,
    uids: &[NonZeroU32],
    folder: &mut dyn Folder,
    bar: &ProgressBar,
) -> Result<usize> {
    let uids: NumberSet = uids.iter().copied().collect();
    let wanted = vec![
        FetchAttribute::Uid,
        FetchAttribute::Flags,
        FetchAttribute::InternalDate,
        FetchAttribute::peek(Section::whole()),
    ];
    let mut messages = client.fetch(Fetch::new(By::Uid, uids.into(), wanted))?;
    let (mut skipped, mut octets) = (0, 0);
    'messages: while let Some(mut message) = messages.next().await? {
        let mut content = SpooledTempFile::new(IN_MEMORY);
        loop {
            match message.next().await {
                Ok(Some(piece)) => {
                    content.write_all(&piece)?;
                    octets += piece.len() as u64;
                }
                Ok(None) => break,
                Err(ClientError::Malformed(_)) => {
                    skipped += 1;
                    continue 'messages;
                }
                Err(error) => return Err(error.into()),
            }
        }
        // Others may change flags meanwhile, which is told as well.
        if !has_content(message.fetched()) {
            continue;
        }
        content.rewind()?;
        folder.add(Message::read(message.fetched(), content)?)?;
        bar.inc(1);
        bar.set_message(format!("{} KiB", octets / 1024));
    }
    Ok(skipped)
}

fn has_content(fetched: &Fetched) -> bool {
    let mut items = fetched.items.iter();
    items.any(|item| matches!(item, FetchItem::Section(_)) && item.content().is_some())
}

/// How many messages one command asks for: few enough that it is short even if each of them is named.
const AT_ONCE: usize = 500;

/// How large a message may be, in octets, that waits in memory until all that belongs to it has come.
const IN_MEMORY: usize = 1 << 20;
