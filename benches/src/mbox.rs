//! Reading an mbox.
//!
//! The archive is made for the run, in a temporary folder, with lines that look like
//! separators. Every contender reads the file itself, and has to find what it promises to.

use std::fs::File;
use std::io::{BufReader, BufWriter, Read, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Instant;

use anyhow::{Context, Result, bail, ensure};
use mailbox_formats::mbox::{Event, Reader, Rules, Separators};
use memchr::memmem;
use tempfile::TempDir;

use crate::case::{Better, Case, Contender, Effort, Entry, Metric, OURS, OverRounds};
use crate::lazy::Lazy;
use crate::processes::build_apart;

pub(crate) fn cases(effort: Effort) -> Vec<Case> {
    let bytes = match effort {
        Effort::Full => 1 << 30,
        Effort::Smoke => 8 << 20,
    };
    let archive = Lazy::new(move || Archive::make(bytes));
    vec![reading(&archive), slow_readers(&archive)]
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
            newest_mail_parser(archive),
        ],
    }
}

/// Beside these only the order of magnitude counts, so they read once.
fn slow_readers(archive: &Lazy<Archive>) -> Case {
    let script = "import mailbox,sys; print(len(mailbox.mbox(sys.argv[1]).keys()))";
    let count = move |path: &Path| {
        let output = Command::new("python3")
            .args(["-c", script])
            .arg(path)
            .output()?;
        let text = String::from_utf8(output.stdout)?;
        text.trim().parse().context("python3 printed no number")
    };
    let ours = |path: &Path| ours(path, Rules::STRICT);
    Case {
        name: "mailboxes, the same, beside slow readers".into(),
        metrics: &[SPEED],
        over_rounds: OverRounds::Once,
        contenders: vec![
            slow_reader(OURS, archive, ours, Promise::Messages),
            slow_reader("mbox-reader 0.2", archive, mbox_reader, Promise::Any),
            match which::which("python3") {
                Ok(_) => slow_reader("Python mailbox", archive, count, Promise::Lines),
                Err(_) => Contender::missing("Python mailbox", "python3 is not installed"),
            },
            match which::which("git") {
                Ok(_) => slow_reader("git mailsplit", archive, git_mailsplit, Promise::Messages),
                Err(_) => Contender::missing("git mailsplit", "git is not installed"),
            },
            match which::which("formail") {
                Ok(_) => slow_reader("formail -s", archive, formail, Promise::Any),
                Err(_) => Contender::missing("formail -s", "procmail is not installed"),
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

/// Splits into files, which is what it is for.
fn git_mailsplit(path: &Path) -> Result<usize> {
    let folder = tempfile::tempdir()?;
    let output = Command::new("git")
        .arg("mailsplit")
        .arg(format!("-o{}", folder.path().display()))
        .arg(path)
        .output()?;
    let text = String::from_utf8(output.stdout)?;
    text.trim().parse().context("git printed no number")
}

/// Copies every message to its output. With a program to run for each it would count them,
/// but be measured by that program.
fn formail(path: &Path) -> Result<usize> {
    let status = Command::new("formail")
        .arg("-s")
        .stdin(File::open(path)?)
        .stdout(Stdio::null())
        .status()?;
    ensure!(status.success(), "formail failed");
    Ok(1)
}

/// The newest mail-parser declares a newer Rust than it needs. Cargo would not let it into the
/// workspace, so a program of its own is built that measures itself.
fn newest_mail_parser(archive: &Lazy<Archive>) -> Contender {
    let archive = archive.clone();
    let program = Lazy::new(|| build_apart("mail-parser-1", "mailwire-bench-mail-parser"));
    let run = move || {
        let archive = archive.value()?;
        let output = Command::new(program.value()?).arg(&archive.path).output()?;
        let text = String::from_utf8(output.stdout)?;
        let [found, seconds, allocations] = text.split_whitespace().collect::<Vec<_>>()[..] else {
            bail!("it printed {text:?}");
        };
        ensure!(
            found.parse() == Ok(archive.lines),
            "{found} messages found instead of {}",
            archive.lines
        );
        let (seconds, allocations): (f64, f64) = (seconds.parse()?, allocations.parse()?);
        Ok(vec![
            archive.bytes as f64 / seconds / 1e6,
            allocations / archive.messages as f64,
        ])
    };
    Contender {
        name: "mail-parser 1.0",
        entry: Entry::Runs(Box::new(run)),
    }
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
        let mut speed = Ok(0.0);
        allocation_counter::opt_out(|| speed = archive.speed(&read, promise));
        let counted = allocation_counter::measure(|| _ = read(&archive.path));
        let allocations = counted.count_total as f64 / archive.messages as f64;
        Ok(vec![speed?, allocations])
    };
    Contender {
        name,
        entry: Entry::Runs(Box::new(run)),
    }
}

/// One whose allocations are its own affair.
fn slow_reader(
    name: &'static str,
    archive: &Lazy<Archive>,
    read: impl Fn(&Path) -> Result<usize> + 'static,
    promise: Promise,
) -> Contender {
    let archive = archive.clone();
    let run = move || {
        let mut speed = Ok(0.0);
        let archive = archive.value()?;
        allocation_counter::opt_out(|| speed = archive.speed(&read, promise));
        Ok(vec![speed?])
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
    /// How fast it is read, in MB/s, if what was promised is found.
    fn speed(&self, read: impl Fn(&Path) -> Result<usize>, promise: Promise) -> Result<f64> {
        let start = Instant::now();
        let found = read(&self.path)?;
        let seconds = start.elapsed().as_secs_f64();
        let wanted = match promise {
            Promise::Messages => self.messages,
            Promise::Lines => self.lines,
            Promise::Any => found,
        };
        ensure!(
            found == wanted,
            "{found} messages found instead of {wanted}"
        );
        Ok(self.bytes as f64 / seconds / 1e6)
    }

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

const SPEED: Metric = Metric {
    unit: "MB/s",
    better: Better::Higher,
};

const READING: &[Metric] = &[
    SPEED,
    Metric {
        unit: "allocations/message",
        better: Better::Lower,
    },
];
