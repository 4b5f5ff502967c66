//! What is printed of mailboxes and messages, as text or as JSON.

use std::io::{self, Read, Write};
use std::time::SystemTime;

use anyhow::Result;
use jiff::Timestamp;
use mailbox_formats::Flags;
use mailbox_formats::convert::{Format, Source};
use mailbox_formats::maildir::Letters;
use mailbox_formats::mbox::Variant;
use serde::Serialize;

#[derive(Clone, Copy, Debug)]
pub(crate) struct Printer {
    json: bool,
}

impl Printer {
    pub(crate) fn new(json: bool) -> Self {
        Self { json }
    }

    pub(crate) fn info(self, format: Format, messages: usize, bytes: u64) -> Result<()> {
        let (format, variant) = names(format);
        let info = Info {
            format,
            variant,
            messages,
            bytes,
        };
        if self.json {
            return print_json(&info);
        }
        let mut out = io::stdout().lock();
        writeln!(out, "format:   {format}")?;
        if let Some(variant) = variant {
            writeln!(out, "variant:  {variant}")?;
        }
        writeln!(out, "messages: {messages}")?;
        writeln!(out, "bytes:    {bytes}")?;
        Ok(())
    }

    pub(crate) fn line(self, line: &Line) -> Result<()> {
        if self.json {
            return print_json(line);
        }
        let or_dash = |text: &Option<String>| text.clone().unwrap_or_else(|| "-".to_owned());
        let offset = line.offset.map(|offset| offset.to_string());
        let mut out = io::stdout().lock();
        writeln!(
            out,
            "{}\t{}\t{}\t{}\t{}\t{}\t{}",
            line.index,
            or_dash(&offset),
            line.length,
            or_dash(&line.sender),
            or_dash(&line.date),
            if line.flags.is_empty() {
                "-"
            } else {
                &line.flags
            },
            line.subject
        )?;
        Ok(())
    }

    pub(crate) fn report(self, report: &Report) -> Result<()> {
        if self.json {
            return print_json(report);
        }
        let message = match report.index {
            Some(index) => format!("message {index}, "),
            None => String::new(),
        };
        let mut out = io::stdout().lock();
        writeln!(out, "{message}offset {}: {}", report.offset, report.problem)?;
        Ok(())
    }
}

#[derive(Debug, Serialize)]
struct Info {
    format: &'static str,
    variant: Option<&'static str>,
    messages: usize,
    bytes: u64,
}

/// What `list` prints of a message.
#[derive(Debug, Serialize)]
pub(crate) struct Line {
    /// From 1 on.
    index: usize,
    /// Of the `From_` line in the file.
    offset: Option<u64>,
    /// Bytes as stored, without the `From_` line.
    length: u64,
    sender: Option<String>,
    date: Option<String>,
    /// Letters as in a Maildir.
    flags: String,
    subject: String,
}

impl Line {
    pub(crate) fn read(source: &Source, index: usize) -> Result<Self> {
        let (envelope, content) = source.read(index)?;
        let mut head = Vec::new();
        content.take(HEADER).read_to_end(&mut head)?;
        let text = |bytes: Vec<u8>| printable(&String::from_utf8_lossy(&bytes));
        Ok(Self {
            index: index + 1,
            offset: source.place(index).map(|place| place.offset),
            length: crate::length(source, index)?,
            sender: envelope.sender.map(text),
            date: envelope.received.and_then(date),
            flags: letters(envelope.flags),
            subject: subject(&head),
        })
    }
}

/// What `check` has found.
#[derive(Debug, Serialize)]
pub(crate) struct Report {
    /// The message in which it is, from 1 on.
    pub(crate) index: Option<usize>,
    pub(crate) offset: u64,
    pub(crate) problem: String,
}

pub(crate) fn names(format: Format) -> (&'static str, Option<&'static str>) {
    match format {
        Format::Maildir => ("maildir", None),
        Format::Mmdf => ("mmdf", None),
        Format::Mh => ("mh", None),
        Format::Mbox(variant) => {
            let name = |variant| match variant {
                Variant::Mboxrd => "mboxrd",
                Variant::Mboxo => "mboxo",
                Variant::Mboxcl => "mboxcl",
                Variant::Mboxcl2 => "mboxcl2",
            };
            ("mbox", variant.map(name))
        }
    }
}

fn print_json(value: &impl Serialize) -> Result<()> {
    let mut out = io::stdout().lock();
    serde_json::to_writer(&mut out, value).map_err(io::Error::from)?;
    writeln!(out)?;
    Ok(())
}

fn letters(flags: Flags) -> String {
    Letters::NONE.with_flags(flags).to_string()
}

fn date(time: SystemTime) -> Option<String> {
    let time = Timestamp::try_from(time).ok()?;
    Some(Timestamp::from_second(time.as_second()).ok()?.to_string())
}

/// The subject on one line. What is encoded in it stays so.
fn subject(head: &[u8]) -> String {
    let head = String::from_utf8_lossy(head);
    let mut subject = String::new();
    let mut is_open = false;
    for line in head.lines().take_while(|line| !line.trim_end().is_empty()) {
        let is_folded = line.starts_with([' ', '\t']);
        if is_open && is_folded {
            subject.push(' ');
            subject.push_str(line.trim());
            continue;
        }
        if is_open {
            break;
        }
        if let Some((name, value)) = line.split_once(':') {
            is_open = name.trim_end().eq_ignore_ascii_case("subject");
            if is_open {
                subject.push_str(value.trim());
            }
        }
    }
    printable(&subject)
}

/// Nothing that would confuse a terminal or the columns.
fn printable(text: &str) -> String {
    let safe = |letter: char| {
        if letter.is_control() {
            '\u{fffd}'
        } else {
            letter
        }
    };
    text.chars().map(safe).collect()
}

/// Bytes in which a subject is looked for.
const HEADER: u64 = 64 * 1024;
