//! Delivering into a Maildir, and listing one.

use std::fs::File;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::rc::Rc;
use std::time::Instant;

use anyhow::{Context, Result, ensure};
use io_maildir::client::MaildirClient;
use io_maildir::flag::MaildirFlags;
use io_maildir::maildir::MaildirSubdir;
use mailbox_formats::Durability;
use mailbox_formats::maildir::{Maildir, Options, publish_all};
use tempfile::TempDir;

use crate::case::{Better, Case, Contender, Effort, Entry, Metric, OURS, OverRounds};
use crate::lazy::Lazy;

pub(crate) fn cases(effort: Effort) -> Vec<Case> {
    let (deliveries, listed) = match effort {
        Effort::Full => (2000, 100_000),
        Effort::Smoke => (20, 1000),
    };
    let listing = Lazy::new(move || Listing::make(listed));
    vec![
        delivering(deliveries, Durability::None),
        delivering(deliveries, Durability::File),
        delivering(deliveries, Durability::FileAndDirectory),
        delivering(deliveries, Durability::Batch),
        listing_case(&listing),
    ]
}

fn delivering(count: usize, durability: Durability) -> Case {
    let message = Rc::new(
        b"Subject: x\r\n\r\n"
            .iter()
            .copied()
            .chain(std::iter::repeat_n(b'x', 4080))
            .collect::<Vec<u8>>(),
    );
    let contender = |name, deliver: fn(&Path, &[u8], usize, Durability) -> Result<()>| {
        let message = Rc::clone(&message);
        let run = move || {
            let folder = tempfile::tempdir()?;
            let root = folder.path().join("m");
            Maildir::create(&root)?;
            let start = Instant::now();
            deliver(&root, &message, count, durability)?;
            let seconds = start.elapsed().as_secs_f64();
            let found = std::fs::read_dir(root.join("new"))?.count();
            ensure!(
                found == count,
                "{found} messages delivered instead of {count}"
            );
            Ok(vec![count as f64 / seconds])
        };
        Contender {
            name,
            entry: Entry::Runs(Box::new(run)),
        }
    };
    let mut contenders = vec![contender(OURS, deliver_ours)];
    match durability {
        Durability::None => contenders.extend([
            Contender::missing("maildir 0.6", "it always syncs the file"),
            contender("io-maildir 0.3", deliver_io_maildir),
        ]),
        Durability::File => contenders.extend([
            contender("maildir 0.6", deliver_maildir),
            Contender::missing("io-maildir 0.3", "it never syncs"),
        ]),
        _ => contenders.push(contender("maildir 0.6 (file synced only)", deliver_maildir)),
    }
    Case {
        name: format!("mailboxes, Maildir delivery, 4 KB, {durability:?}"),
        metrics: DELIVERING,
        over_rounds: OverRounds::Median,
        contenders,
    }
}

fn deliver_ours(root: &Path, message: &[u8], count: usize, durability: Durability) -> Result<()> {
    let maildir = Maildir::open(root)?;
    let mut staged = Vec::new();
    for _ in 0..count {
        let mut delivery = maildir.deliver(Options::default().durability(durability))?;
        delivery.write_all(message)?;
        match durability {
            Durability::Batch => staged.push(delivery.stage()?),
            _ => drop(delivery.commit()?),
        }
    }
    for published in publish_all(staged) {
        published?;
    }
    Ok(())
}

fn deliver_maildir(root: &Path, message: &[u8], count: usize, _: Durability) -> Result<()> {
    let maildir = maildir::Maildir::from(root.to_path_buf());
    for _ in 0..count {
        maildir.store_new(message)?;
    }
    Ok(())
}

fn deliver_io_maildir(root: &Path, message: &[u8], count: usize, _: Durability) -> Result<()> {
    let client = MaildirClient::new("");
    for _ in 0..count {
        let maildir = io_maildir(root)?;
        let flags = MaildirFlags::default();
        client.store(maildir, MaildirSubdir::New, flags, message.to_vec())?;
    }
    Ok(())
}

fn io_maildir(root: &Path) -> Result<io_maildir::maildir::Maildir> {
    let root = root.to_str().context("a path in UTF-8")?;
    Ok(io_maildir::maildir::Maildir::from_path(root))
}

fn listing_case(listing: &Lazy<Listing>) -> Case {
    let contender = |name, list: fn(&Path) -> Result<usize>| {
        let listing = listing.clone();
        let run = move || {
            let listing = listing.value()?;
            let start = Instant::now();
            let found = list(&listing.path)?;
            let seconds = start.elapsed().as_secs_f64();
            ensure!(
                found == listing.count,
                "{found} messages listed instead of {}",
                listing.count
            );
            Ok(vec![seconds * 1e3])
        };
        Contender {
            name,
            entry: Entry::Runs(Box::new(run)),
        }
    };
    Case {
        name: "mailboxes, listing a Maildir".into(),
        metrics: LISTING,
        over_rounds: OverRounds::Best,
        contenders: vec![
            contender(OURS, |path| Ok(Maildir::open(path)?.list()?.len())),
            contender("maildir 0.6", |path| {
                let mut listed = 0;
                for entry in maildir::Maildir::from(path.to_path_buf()).list_cur() {
                    std::hint::black_box(entry?);
                    listed += 1;
                }
                Ok(listed)
            }),
            contender("io-maildir 0.3", |path| {
                let listed = MaildirClient::new("").list_entries(io_maildir(path)?)?;
                Ok(listed.len())
            }),
        ],
    }
}

/// A Maildir of empty messages, all of them in `cur/`.
struct Listing {
    _folder: TempDir,
    path: PathBuf,
    count: usize,
}

impl Listing {
    fn make(count: usize) -> Result<Self> {
        let folder = tempfile::tempdir()?;
        let path = folder.path().join("m");
        Maildir::create(&path)?;
        for number in 0..count {
            let seconds = 1_700_000_000 + number;
            File::create(path.join(format!("cur/{seconds}.M{number}P1.mx,S=35,W=38:2,S")))?;
        }
        Ok(Self {
            _folder: folder,
            path,
            count,
        })
    }
}

const DELIVERING: &[Metric] = &[Metric {
    unit: "messages/s",
    better: Better::Higher,
}];

const LISTING: &[Metric] = &[Metric {
    unit: "ms",
    better: Better::Lower,
}];
