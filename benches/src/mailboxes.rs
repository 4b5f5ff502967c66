//! Mailbox files: reading an mbox, delivering into and listing a Maildir.
//!
//! The archive is made for the run, in a temporary folder, with lines that look like
//! separators. Every contender reads the file itself, and has to find what it promises to.

use std::fs::File;
use std::io::{BufReader, BufWriter, Read, Write};
use std::path::{Path, PathBuf};
use std::rc::Rc;
use std::time::Instant;

use anyhow::{Context, Result, ensure};
use mailbox_formats::Durability;
use mailbox_formats::maildir::{Maildir, Options, publish_all};
use mailbox_formats::mbox::{Event, Reader, Rules, Separators};
use memchr::memmem;
use tempfile::TempDir;

use crate::case::{Better, Case, Contender, Effort, Entry, Metric, OURS, OverRounds};

pub(crate) fn cases(effort: Effort) -> Vec<Case> {
    let (bytes, deliveries, listed) = match effort {
        Effort::Full => (1 << 30, 2000, 100_000),
        Effort::Smoke => (8 << 20, 20, 1000),
    };
    let archive = Lazy::new(move || Archive::make(bytes));
    let listing = Lazy::new(move || Listing::make(listed));
    vec![
        reading(&archive),
        slow_readers(&archive),
        delivering(deliveries, Durability::None),
        delivering(deliveries, Durability::File),
        delivering(deliveries, Durability::FileAndDirectory),
        delivering(deliveries, Durability::Batch),
        listing_case(&listing),
    ]
}

fn reading(archive: &Lazy<Archive>) -> Case {
    Case {
        name: "mailboxes, an mbox with hostile lines, streamed".into(),
        metrics: READING,
        over_rounds: OverRounds::Best,
        contenders: vec![
            reader(
                OURS,
                archive,
                |path| ours(path, Rules::STRICT),
                Promise::Messages,
            ),
            reader(
                "every From_ line, by us",
                archive,
                |path| ours(path, Separators::ANY.into()),
                Promise::Lines,
            ),
            reader("memchr, bare search", archive, bare_search, Promise::Lines),
            reader("mail-parser 0.11", archive, mail_parser, Promise::Lines),
        ],
    }
}

/// Beside these only the order of magnitude counts, so they read a few times.
fn slow_readers(archive: &Lazy<Archive>) -> Case {
    let script = "import mailbox,sys; print(len(mailbox.mbox(sys.argv[1]).keys()))";
    let count = move |path: &Path| {
        let output = std::process::Command::new("python3")
            .args(["-c", script])
            .arg(path)
            .output()?;
        let text = String::from_utf8(output.stdout)?;
        text.trim().parse().context("python3 printed no number")
    };
    Case {
        name: "mailboxes, the same, beside slow readers".into(),
        metrics: READING,
        over_rounds: OverRounds::Median,
        contenders: vec![
            reader(
                OURS,
                archive,
                |path| ours(path, Rules::STRICT),
                Promise::Messages,
            ),
            reader("mbox-reader 0.2", archive, mbox_reader, Promise::Any),
            match which::which("python3") {
                Ok(_) => reader("Python mailbox", archive, count, Promise::Lines),
                Err(_) => missing("Python mailbox", "python3 is not installed"),
            },
        ],
    }
}

fn ours(path: &Path, rules: Rules) -> Result<usize> {
    let mut reader = Reader::new(File::open(path)?, rules);
    let mut messages = 0;
    while let Some(event) = reader.next_event()? {
        messages += usize::from(matches!(event, Event::Start { .. }));
    }
    Ok(messages)
}

/// What the machine can do: the same reads, and no question about what was found.
fn bare_search(path: &Path) -> Result<usize> {
    let finder = memmem::Finder::new(b"\nFrom ");
    let mut file = File::open(path)?;
    let mut buffer = vec![0; mailbox_formats::limits::READ_BUFFER];
    let (mut kept, mut found) = (0, 1);
    loop {
        let read = file.read(&mut buffer[kept..])?;
        if read == 0 {
            return Ok(found);
        }
        let filled = kept + read;
        found += finder.find_iter(&buffer[..filled]).count();
        kept = filled.min(5);
        buffer.copy_within(filled - kept..filled, 0);
    }
}

fn mail_parser(path: &Path) -> Result<usize> {
    use mail_parser::mailbox::mbox::MessageIterator;
    let mut messages = 0;
    for message in MessageIterator::new(BufReader::with_capacity(128 << 10, File::open(path)?)) {
        std::hint::black_box(message.map_err(|_| anyhow::anyhow!("it gave up"))?);
        messages += 1;
    }
    Ok(messages)
}

fn mbox_reader(path: &Path) -> Result<usize> {
    let file = mbox_reader::MboxFile::from_file(path)?;
    Ok(file
        .iter()
        .filter(|entry| entry.message().is_some())
        .count())
}

/// How many messages a reader has to find.
#[derive(Clone, Copy)]
enum Promise {
    /// As many as were written.
    Messages,
    /// As many as there are lines that begin `From `.
    Lines,
    /// It has rules of its own.
    Any,
}

fn reader(
    name: &'static str,
    archive: &Lazy<Archive>,
    read: impl Fn(&Path) -> Result<usize> + 'static,
    promise: Promise,
) -> Contender {
    let archive = archive.clone();
    let run = move || {
        let archive = archive.value()?;
        let (mut found, mut seconds) = (0, 0.0);
        allocation_counter::opt_out(|| {
            let start = Instant::now();
            found = read(&archive.path).unwrap_or(0);
            seconds = start.elapsed().as_secs_f64();
        });
        let wanted = match promise {
            Promise::Messages => archive.messages,
            Promise::Lines => archive.lines,
            Promise::Any => found,
        };
        ensure!(
            found == wanted,
            "{found} messages found instead of {wanted}"
        );
        let counted = allocation_counter::measure(|| _ = read(&archive.path));
        let allocations = counted.count_total as f64 / archive.messages as f64;
        Ok(vec![archive.bytes as f64 / seconds / 1e6, allocations])
    };
    Contender {
        name,
        entry: Entry::Runs(Box::new(run)),
    }
}

/// An mbox of letters of 4 KB, in which one line in twenty begins `From `.
struct Archive {
    _folder: TempDir,
    path: PathBuf,
    bytes: u64,
    messages: usize,
    lines: usize,
}

impl Archive {
    fn make(bytes: u64) -> Result<Self> {
        let folder = tempfile::tempdir()?;
        let path = folder.path().join("archive.mbox");
        let mut out = BufWriter::with_capacity(1 << 20, File::create(&path)?);
        let (mut written, mut messages, mut lines) = (0, 0, 0);
        while written < bytes {
            let mut text = format!(
                "From user{messages}@example.org  Thu Jan  {} {:02}:{:02}:00 2015\n\
                 From: user{messages}@example.org\nTo: all@example.org\nSubject: letter {messages}\n\n",
                1 + messages % 8,
                messages / 60 % 24,
                messages % 60
            );
            lines += 1;
            for line in 0..55 {
                text.push_str(match line % 20 {
                    7 => {
                        lines += 1;
                        "From here on the text goes along as text does in letters, with words\n"
                    }
                    9 => ">From there it came, said the fox, and nobody knew what to answer it\n",
                    _ => "The quick brown fox jumps over the lazy dog, and over nobody else\n",
                });
            }
            text.push('\n');
            out.write_all(text.as_bytes())?;
            written += text.len() as u64;
            messages += 1;
        }
        out.flush()?;
        Ok(Self {
            _folder: folder,
            path,
            bytes: written,
            messages,
            lines,
        })
    }
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
        Durability::None => {
            contenders.push(missing("maildir 0.6", "it always syncs the file"));
        }
        Durability::File => contenders.push(contender("maildir 0.6", deliver_maildir)),
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

/// Made when it is first asked for, since a filter may leave its cases out.
struct Lazy<T>(Rc<LazyState<T>>);

struct LazyState<T> {
    value: std::cell::OnceCell<T>,
    make: Box<dyn Fn() -> Result<T>>,
}

impl<T> Lazy<T> {
    fn new(make: impl Fn() -> Result<T> + 'static) -> Self {
        Self(Rc::new(LazyState {
            value: std::cell::OnceCell::new(),
            make: Box::new(make),
        }))
    }

    fn value(&self) -> Result<&T> {
        if self.0.value.get().is_none() {
            let value = (self.0.make)()?;
            _ = self.0.value.set(value);
        }
        Ok(self.0.value.get().expect("it has just been made"))
    }
}

impl<T> Clone for Lazy<T> {
    fn clone(&self) -> Self {
        Self(Rc::clone(&self.0))
    }
}

fn missing(name: &'static str, why: &'static str) -> Contender {
    Contender {
        name,
        entry: Entry::Missing(why),
    }
}

const READING: &[Metric] = &[
    Metric {
        unit: "MB/s",
        better: Better::Higher,
    },
    Metric {
        unit: "allocations/message",
        better: Better::Lower,
    },
];

const DELIVERING: &[Metric] = &[Metric {
    unit: "messages/s",
    better: Better::Higher,
}];

const LISTING: &[Metric] = &[Metric {
    unit: "ms",
    better: Better::Lower,
}];
