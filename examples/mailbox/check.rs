//! `check`: the places of an mbox that may have been read wrongly.

use std::io::Read;
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Context, Result};
use mailbox_formats::compressed;
use mailbox_formats::convert::{Format, Source};
use mailbox_formats::limits;
use mailbox_formats::mbox::{Detected, Event, Reader, Rules};

use crate::print::{Printer, Report};

pub(crate) fn check(path: &PathBuf, printer: Printer) -> Result<ExitCode> {
    let source = crate::open(path)?;
    let found = match source.format() {
        Format::Mbox(_) => check_mbox(path, printer)?,
        _ => check_messages(&source, printer)?,
    };
    Ok(match found {
        0 => ExitCode::SUCCESS,
        _ => ExitCode::FAILURE,
    })
}

fn check_mbox(path: &PathBuf, printer: Printer) -> Result<usize> {
    let open = || compressed::open(path).with_context(|| format!("cannot read {path:?}"));
    let mut sample = Vec::new();
    open()?
        .take(limits::SAMPLE as u64)
        .read_to_end(&mut sample)?;
    // Lengths are looked at in any case: a wrong one is what is asked for.
    let rules: Rules = Detected::from_sample(&sample).rules().lengths(true);
    let mut reader = Reader::new(open()?, rules);
    let (mut messages, mut found) = (0, 0);
    while let Some(event) = reader.next_event()? {
        let (offset, problem) = match event {
            Event::Start { .. } => {
                messages += 1;
                continue;
            }
            Event::Prologue(range) => (
                range.start,
                format!("{} bytes before the first message", range.end - range.start),
            ),
            Event::Doubt { offset, doubt } => (offset, doubt.to_string()),
            _ => continue,
        };
        found += 1;
        printer.report(&Report {
            index: (messages > 0).then_some(messages),
            offset,
            problem,
        })?;
    }
    Ok(found)
}

/// Other formats leave no doubt where a message is: it can be read or not.
fn check_messages(source: &Source, printer: Printer) -> Result<usize> {
    let mut found = 0;
    for index in 0..source.count() {
        if let Err(error) = crate::length(source, index) {
            found += 1;
            printer.report(&Report {
                index: Some(index + 1),
                offset: source.place(index).map_or(0, |place| place.offset),
                problem: format!("{error:#}"),
            })?;
        }
    }
    Ok(found)
}
