//! Looks into mailboxes and converts them: mbox of every kind, Maildir, MMDF and MH.
//!
//! ```sh
//! cargo run --release --example mailbox -- info PATH
//! cargo run --release --example mailbox -- convert SRC DST --to maildir
//! ```
//!
//! `--json` prints one JSON object a line. The exit code is 1 on an error, and for `check`
//! also if there is anything to report.

mod check;
mod print;

use std::io::{self, Write};
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Context, Result, bail, ensure};
use clap::{Parser, Subcommand, ValueEnum};
use indicatif::{ProgressBar, ProgressStyle};
use mailbox_formats::convert::{Format, Source, Target};
use mailbox_formats::mbox::Variant;

use print::Printer;

fn main() -> ExitCode {
    let options = Options::parse();
    match run(&options) {
        Ok(code) => code,
        // Whoever reads our output has seen enough.
        Err(error) if is_broken_pipe(&error) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("mailbox: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(options: &Options) -> Result<ExitCode> {
    let printer = Printer::new(options.json);
    match &options.command {
        Command::Info { path } => info(path, printer)?,
        Command::List { path } => list(path, printer)?,
        Command::Cat { path, index } => cat(path, *index)?,
        Command::Convert { from, to, format } => convert(from, to, *format, printer)?,
        Command::Check { path } => return check::check(path, printer),
    }
    Ok(ExitCode::SUCCESS)
}

fn info(path: &PathBuf, printer: Printer) -> Result<()> {
    let source = open(path)?;
    let mut bytes = 0;
    let progress = progress(source.count());
    for index in 0..source.count() {
        bytes += length(&source, index).unwrap_or(0);
        progress.inc(1);
    }
    progress.finish_and_clear();
    printer.info(source.format(), source.count(), bytes)
}

fn list(path: &PathBuf, printer: Printer) -> Result<()> {
    let source = open(path)?;
    let mut failed = 0;
    for index in 0..source.count() {
        let line = print::Line::read(&source, index);
        match line.with_context(|| format!("message {}", index + 1)) {
            Ok(line) => printer.line(&line)?,
            Err(error) => {
                eprintln!("mailbox: {error:#}");
                failed += 1;
            }
        }
    }
    ensure!(failed == 0, "{failed} messages could not be read");
    Ok(())
}

fn cat(path: &PathBuf, index: usize) -> Result<()> {
    let source = open(path)?;
    let count = source.count();
    ensure!(
        (1..=count).contains(&index),
        "no message {index}: there are {count}"
    );
    let mut content = source.read_stored(index - 1)?;
    let mut out = io::stdout().lock();
    io::copy(&mut content, &mut out)?;
    Ok(out.flush()?)
}

fn convert(from: &PathBuf, to: &PathBuf, format: To, printer: Printer) -> Result<()> {
    let source = open(from)?;
    if to.symlink_metadata().is_ok() {
        bail!("{to:?} is there already");
    }
    let format = Format::from(format);
    let mut target = Target::create(to, format).with_context(|| format!("cannot make {to:?}"))?;
    let progress = progress(source.count());
    let (mut bytes, mut failed) = (0, 0);
    for index in 0..source.count() {
        let copied = source
            .read(index)
            .and_then(|(envelope, content)| target.add(&envelope, content));
        match copied.with_context(|| format!("message {}", index + 1)) {
            Ok(()) => bytes += length(&source, index).unwrap_or(0),
            Err(error) => {
                progress.suspend(|| eprintln!("mailbox: {error:#}"));
                failed += 1;
            }
        }
        progress.inc(1);
    }
    target.finish()?;
    progress.finish_and_clear();
    printer.info(format, source.count() - failed, bytes)?;
    ensure!(failed == 0, "{failed} messages could not be copied");
    Ok(())
}

fn open(path: &PathBuf) -> Result<Source> {
    Source::open(path).with_context(|| format!("cannot read {path:?}"))
}

/// Bytes of a message as it is stored.
fn length(source: &Source, index: usize) -> Result<u64> {
    if let Some(place) = source.place(index) {
        return Ok(place.length());
    }
    let mut content = source.read_stored(index)?;
    Ok(io::copy(&mut content, &mut io::sink())?)
}

/// A bar on a terminal, nothing elsewhere.
fn progress(count: usize) -> ProgressBar {
    let style = ProgressStyle::with_template("{wide_bar} {pos}/{len} messages, {eta}")
        .expect("the template is one");
    ProgressBar::new(count as u64).with_style(style)
}

fn is_broken_pipe(error: &anyhow::Error) -> bool {
    let error = error.downcast_ref::<io::Error>();
    error.is_some_and(|error| error.kind() == io::ErrorKind::BrokenPipe)
}

/// Looks into mailboxes and converts them.
#[derive(Debug, Parser)]
struct Options {
    /// Print one JSON object a line.
    #[arg(long, global = true)]
    json: bool,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Print the format, the variant, and how many messages and bytes there are.
    Info {
        /// A mailbox of any format.
        path: PathBuf,
    },
    /// Print a line for each message: index, offset, length, sender, date, flags, subject.
    List {
        /// A mailbox of any format.
        path: PathBuf,
    },
    /// Print a message as it is stored.
    Cat {
        /// A mailbox of any format.
        path: PathBuf,
        /// Which message: 1 is the first.
        index: usize,
    },
    /// Copy all messages into a new mailbox.
    Convert {
        /// A mailbox of any format.
        #[arg(value_name = "SRC")]
        from: PathBuf,
        /// Where the new mailbox is made.
        #[arg(value_name = "DST")]
        to: PathBuf,
        /// The format of the new mailbox.
        #[arg(long = "to")]
        format: To,
    },
    /// Report ambiguous separators, torn tails and wrong lengths of an mbox.
    Check {
        /// A mailbox of any format.
        path: PathBuf,
    },
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum To {
    Maildir,
    Mboxo,
    Mboxrd,
    Mboxcl,
    Mboxcl2,
    Mmdf,
    Mh,
}

impl From<To> for Format {
    fn from(to: To) -> Self {
        match to {
            To::Maildir => Self::Maildir,
            To::Mboxo => Self::Mbox(Some(Variant::Mboxo)),
            To::Mboxrd => Self::Mbox(Some(Variant::Mboxrd)),
            To::Mboxcl => Self::Mbox(Some(Variant::Mboxcl)),
            To::Mboxcl2 => Self::Mbox(Some(Variant::Mboxcl2)),
            To::Mmdf => Self::Mmdf,
            To::Mh => Self::Mh,
        }
    }
}
