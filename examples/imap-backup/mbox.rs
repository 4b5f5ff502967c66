//! A backup as mbox files, a file for each folder, and beside it one that says which messages are in it.
//!
//! ```text
//! uidvalidity 1234567
//! begin 0              what is in the file from here on is not known
//! end 81920 1:64       up to here there are the messages with these UIDs
//! ```
//!
//! A run that was broken off behind `begin` is `undone` by cutting the file where it had begun.

use std::fs::{self, File, OpenOptions};
use std::io::{ErrorKind, Write as _};
use std::num::NonZeroU32;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use anyhow::{Context as _, Result, bail};
use imap_proto::NumberSet;
use mailbox_formats::Durability;
use mailbox_formats::mbox::{Date, Dotlock, FromLine, LockPolicy, Mbox, Options};

use crate::folder::{Folder, Message};

pub(crate) struct Backup {
    mbox: Mbox,
    log: File,
    uids: NumberSet,
    /// Of those that were added since `begin`.
    open: NumberSet,
}

/// Opens a folder, or makes it; `None` if it has messages of another validity.
pub(crate) fn open(root: &Path, parts: &[&str], validity: NonZeroU32) -> Result<Option<Backup>> {
    let path = path(root, parts)?;
    fs::create_dir_all(path.parent().unwrap_or(root))?;
    let known = path.with_extension("mbox-uids");
    let text = match fs::read_to_string(&known) {
        Err(error) if error.kind() != ErrorKind::NotFound => return Err(error.into()),
        text => text.unwrap_or_default(),
    };
    let mut log = OpenOptions::new().create(true).append(true).open(&known)?;
    // A line without its end was broken off, and says nothing.
    let whole = text.rfind('\n').map_or(0, |end| end + 1);
    if whole < text.len() {
        log.set_len(whole as u64)?;
    }
    let (mut uids, mut begun, mut valid) = (NumberSet::new(), None, None);
    for line in text[..whole].lines() {
        match line.split(' ').collect::<Vec<_>>()[..] {
            ["uidvalidity", number] => valid = Some(number.parse::<NonZeroU32>()?),
            ["begin", length] => begun = Some(length.parse::<u64>()?),
            ["end", _, set] => {
                begun = None;
                uids = uids.union(&set.parse()?);
            }
            ["undone"] => begun = None,
            _ => bail!("{} is damaged", known.display()),
        }
    }
    match valid {
        None => note(&mut log, &format!("uidvalidity {validity}"))?,
        Some(valid) if valid == validity => {}
        Some(_) => return Ok(None),
    }
    let mbox = OpenOptions::new().create(true).append(true).open(&path)?;
    if let Some(length) = begun.filter(|length| mbox.metadata().is_ok_and(|it| it.len() > *length))
    {
        mbox.set_len(length)?;
        mbox.sync_all()?;
    }
    if begun.is_some() {
        // It was undone; what others add from here on is theirs.
        note(&mut log, "undone")?;
    }
    Ok(Some(Backup {
        mbox: Mbox::new(path),
        log,
        uids,
        open: NumberSet::new(),
    }))
}

impl Folder for Backup {
    fn uids(&self) -> &NumberSet {
        &self.uids
    }

    fn add(&mut self, mut message: Message) -> Result<()> {
        if self.open.is_empty() {
            let length = fs::metadata(self.mbox.path())?.len();
            note(&mut self.log, &format!("begin {length}"))?;
        }
        let received = message.received.unwrap_or_else(SystemTime::now);
        let options = Options::new(FromLine::new(b"", Date::local(received)))
            .durability(Durability::None)
            .lock(LockPolicy::default().dotlock(Dotlock::Off))
            .flags(message.flags)
            .keywords(message.keywords.iter().map(Vec::as_slice));
        let mut delivery = self.mbox.deliver(options);
        std::io::copy(&mut message.content, &mut delivery)?;
        delivery.commit()?;
        self.open.insert(message.uid);
        match self.open.count() < BATCH {
            true => Ok(()),
            false => self.settle(),
        }
    }

    fn settle(&mut self) -> Result<()> {
        if self.open.is_empty() {
            return Ok(());
        }
        let file = File::open(self.mbox.path())?;
        file.sync_all()?;
        let (length, set) = (file.metadata()?.len(), std::mem::take(&mut self.open));
        note(&mut self.log, &format!("end {length} {set}"))
    }
}

/// Writes a line, and waits until it is on disk: what follows relies on it.
fn note(log: &mut File, line: &str) -> Result<()> {
    log.write_all(format!("{line}\n").as_bytes())?;
    Ok(log.sync_data()?)
}

/// `Archive/2026` is the file `Archive/2026.mbox`; what a file cannot be called is written as in a URL.
fn path(root: &Path, parts: &[&str]) -> Result<PathBuf> {
    let mut path = root.to_owned();
    for part in parts {
        if part.is_empty() || part.contains(char::is_control) {
            bail!("no name for a file");
        }
        let mut name = part.replace('%', "%25").replace('/', "%2F");
        if let Some(rest) = name.strip_prefix('.') {
            name = format!("%2E{rest}");
        }
        path.push(name);
    }
    let mut name = path
        .file_name()
        .context("a folder without a name")?
        .to_owned();
    name.push(".mbox");
    Ok(path.with_file_name(name))
}

/// How many messages are waited for together.
const BATCH: u64 = 64;
