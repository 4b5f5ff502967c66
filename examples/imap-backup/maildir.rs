//! A backup as a Maildir++.
//!
//! The name of each file has the UID of its message, so that one rename publishes the message and notes that it is there.

use std::fs::{self, File};
use std::io::{ErrorKind, Write as _};
use std::num::NonZeroU32;
use std::path::Path;

use anyhow::{Context as _, Result};
use imap_proto::NumberSet;
use mailbox_formats::maildir::{
    FolderName, Letters, Maildir, NameEncoding, Options, Staged, publish_all,
};
use mailbox_formats::{Durability, Flags};

use crate::folder::{Folder, Message};

pub(crate) struct Backup {
    maildir: Maildir,
    uids: NumberSet,
    staged: Vec<Staged>,
}

/// Opens a folder, or makes it; `None` if it has messages of another validity.
pub(crate) fn open(root: &Path, parts: &[&str], validity: NonZeroU32) -> Result<Option<Backup>> {
    let maildir = Maildir::create(root)?;
    let maildir = match parts {
        // The Maildir itself is the inbox.
        [inbox] if inbox.eq_ignore_ascii_case("INBOX") => maildir,
        parts => {
            let name = FolderName::new(parts.iter().copied());
            let name = name.context("no name for a folder of a Maildir")?;
            maildir.create_folder(&name, NameEncoding::ModifiedUtf7)?
        }
    };
    let valid = maildir.path().join("uidvalidity");
    match fs::read_to_string(&valid) {
        Ok(known) if known.trim() == validity.to_string() => {}
        Ok(_) => return Ok(None),
        Err(error) if error.kind() == ErrorKind::NotFound => {
            let new = valid.with_extension("new");
            let mut file = File::create(&new)?;
            writeln!(file, "{validity}")?;
            file.sync_all()?;
            fs::rename(new, valid)?;
            maildir.sync()?;
        }
        Err(error) => return Err(error.into()),
    }
    let uids = maildir.list()?.into_iter();
    let uids = uids.filter_map(|entry| entry.name().uid());
    Ok(Some(Backup {
        uids: uids.collect(),
        staged: Vec::new(),
        maildir,
    }))
}

impl Folder for Backup {
    fn uids(&self) -> &NumberSet {
        &self.uids
    }

    fn add(&mut self, mut message: Message) -> Result<()> {
        let mut letters = Letters::NONE.with_flags(message.flags);
        for keyword in &message.keywords {
            // A Maildir has letters for 26 of them; others are left out.
            if let Ok(letter) = self.maildir.keyword_letters(&[keyword]) {
                letters = letters.with(letter);
            }
        }
        let mut options = Options::default()
            .durability(Durability::Batch)
            .uid(message.uid);
        // What was never looked at stays new.
        if !letters.is_empty() || message.flags.contains(Flags::SEEN) {
            options = options.letters(letters);
        }
        if let Some(received) = message.received {
            options = options.received(received);
        }
        let mut delivery = self.maildir.deliver(options)?;
        std::io::copy(&mut message.content, &mut delivery)?;
        self.staged.push(delivery.stage()?);
        match self.staged.len() < BATCH {
            true => Ok(()),
            false => self.settle(),
        }
    }

    fn settle(&mut self) -> Result<()> {
        for published in publish_all(self.staged.drain(..)) {
            published?;
        }
        Ok(())
    }
}

/// How many messages are waited for together.
const BATCH: usize = 64;
