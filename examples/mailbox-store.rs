//! A mailbox as a mail server sees it: messages with numbers that stay, flags and removal.
//! A Maildir or an mbox, beside other programs on the same files.
//!
//! ```sh
//! cargo run --release --example mailbox-store -- list PATH
//! ```

use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use anyhow::{Context, Result};
use clap::{Parser, Subcommand};
use mailbox_formats::Flags;
use mailbox_formats::maildir::{Entry, Letters, Maildir};
use mailbox_formats::mbox::{self, Access, Changes, Date, FromLine, LockPolicy, Mbox};
use serde_json::json;

fn main() -> Result<()> {
    let Options { command } = Options::parse();
    match command {
        Command::List { path } => match Store::open(&path)? {
            Store::Maildir(maildir) => list_maildir(&maildir),
            Store::Mbox(mbox, access) => list_mbox(&mbox, &access),
        },
        Command::Flag {
            path,
            uid,
            letters,
            keywords,
        } => {
            let letters = Letters::parse(letters.as_bytes());
            let keywords: Vec<&[u8]> = keywords.iter().map(String::as_bytes).collect();
            match Store::open(&path)? {
                Store::Maildir(maildir) => {
                    let letters = letters.with(maildir.keyword_letters(&keywords)?);
                    maildir.change(&entry(&maildir, uid)?, |_| letters)?;
                    Ok(maildir.sync()?)
                }
                Store::Mbox(mbox, access) => {
                    let changes = Changes::default()
                        .flags(uid, letters.flags() | Flags::OLD)
                        .keywords(uid, keywords);
                    mbox.change(&mbox.list(&access)?, &changes, &access)?;
                    Ok(())
                }
            }
        }
        Command::Expunge { path, uids } => match Store::open(&path)? {
            Store::Maildir(maildir) => {
                for uid in uids {
                    maildir.expunge(&entry(&maildir, uid)?)?;
                }
                Ok(maildir.sync()?)
            }
            Store::Mbox(mbox, access) => {
                let changes = uids.into_iter().fold(Changes::default(), Changes::expunge);
                mbox.change(&mbox.list(&access)?, &changes, &access)?;
                Ok(())
            }
        },
        Command::Append { path, count, tag } => append(&path, count, &tag),
    }
}

enum Store {
    Maildir(Maildir),
    Mbox(Mbox, Access),
}

impl Store {
    fn open(path: &Path) -> Result<Self> {
        if path.is_dir() {
            return Ok(Self::Maildir(Maildir::open(path)?));
        }
        let access = Access::default().lock(patient());
        Ok(Self::Mbox(Mbox::new(path), access))
    }
}

fn list_maildir(maildir: &Maildir) -> Result<()> {
    let (uids, keywords) = (maildir.uids()?, maildir.keywords()?);
    for (uid, entry) in &uids.messages {
        let letters = entry.letters();
        let keywords = keywords.names(letters).map(String::from_utf8_lossy);
        print(json!({
            "uid": uid,
            "validity": uids.validity,
            "flags": Letters::NONE.with_flags(letters.flags()).to_string(),
            "keywords": keywords.collect::<Vec<_>>(),
            "size": maildir.size(entry)?,
            "wire": entry.name().sizes().wire,
        }))?;
    }
    Ok(())
}

fn list_mbox(mbox: &Mbox, access: &Access) -> Result<()> {
    let list = mbox.list(access)?;
    for message in list.messages() {
        let keywords = message
            .keywords()
            .iter()
            .map(|word| String::from_utf8_lossy(word));
        print(json!({
            "uid": message.uid(),
            "validity": list.validity(),
            "flags": Letters::NONE.with_flags(message.flags()).to_string(),
            "keywords": keywords.collect::<Vec<_>>(),
            "size": message.sizes().stored,
            "wire": message.sizes().wire,
        }))?;
    }
    Ok(())
}

fn entry(maildir: &Maildir, uid: u32) -> Result<Entry> {
    let found = maildir
        .uids()?
        .messages
        .into_iter()
        .find(|(other, _)| *other == uid);
    Ok(found.with_context(|| format!("no message {uid}"))?.1)
}

/// Appends messages, each on disk before its number is printed.
fn append(path: &Path, count: u32, tag: &str) -> Result<()> {
    for number in 1..=count {
        let header =
            format!("Subject: {tag}-{number}\r\nMessage-ID: <{tag}-{number}@example.org>\r\n\r\n");
        let line = format!("From {tag} comes line after line of message {number}, and more.\r\n");
        let text = header + &line.repeat(1 + number as usize % 40) + "the end\r\n";
        if path.is_dir() {
            let mut delivery = Maildir::open(path)?.deliver(Default::default())?;
            delivery.write_all(text.as_bytes())?;
            delivery.commit()?;
        } else {
            let from = FromLine::new(tag.as_bytes(), Date::local(SystemTime::now()));
            let options = mbox::Options::new(from).lock(patient());
            let mut delivery = Mbox::new(path).deliver(options);
            delivery.write_all(text.as_bytes())?;
            delivery.commit()?;
        }
        writeln!(io::stdout(), "{tag}-{number}")?;
    }
    Ok(())
}

fn patient() -> LockPolicy {
    LockPolicy::default().wait(Duration::from_secs(120))
}

fn print(line: serde_json::Value) -> Result<()> {
    Ok(writeln!(io::stdout(), "{line}")?)
}

/// A mailbox as a mail server sees it.
#[derive(Debug, Parser)]
struct Options {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Print a JSON object for each message: uid, validity, flags, keywords, size, wire.
    List { path: PathBuf },
    /// Give a message just these flags and keywords.
    Flag {
        path: PathBuf,
        uid: u32,
        /// As in a Maildir: `D`, `F`, `R`, `S`, `T`.
        letters: String,
        keywords: Vec<String>,
    },
    /// Remove messages.
    Expunge { path: PathBuf, uids: Vec<u32> },
    /// Append so many messages, and print a line for each that is on disk.
    Append {
        path: PathBuf,
        count: u32,
        /// Whose messages they are.
        #[arg(default_value = "ours")]
        tag: String,
    },
}
