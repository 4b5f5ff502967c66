//! Playing a transcript against a machine, and what comes of it.

use std::collections::VecDeque;
use std::time::Instant;

use bytes::{Buf, Bytes};

use super::dialogue::said;
use super::script::{Cue, Item, Transcript};
use crate::testing::{Events, Said, Stage, beginning, text};
use crate::{Machine, Step, TlsInfo};

/// What came of a script: for each item, the lines to be written behind it.
#[derive(Debug, Default)]
pub(super) struct Replayed {
    pub(super) behind: Vec<Vec<String>>,
    pub(super) essence: Essence,
}

/// What must be the same however the bytes were cut.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Essence {
    /// Events and the end.
    happened: Events,
    said: Vec<u8>,
}

/// How a replay cuts bytes.
#[derive(Debug, Clone, Copy)]
pub(super) enum Manner {
    AsWritten,
    OctetByOctet,
    /// The peer's stream is cut behind this many octets, besides where it is cut anyway.
    Split(usize),
    OneOctetWrites,
}

pub(super) fn compare(manner: &str, written: &Essence, other: &Essence) -> Result<(), String> {
    if written == other {
        return Ok(());
    }
    for index in 0..written.happened.0.len() {
        let (happened, instead) = (written.happened.shown(index), other.happened.shown(index));
        if happened != instead {
            return Err(format!(
                "replayed {manner}, event {index} is {instead:?} instead of {happened:?}"
            ));
        }
    }
    Err(format!(
        "replayed {manner}, more happens or other things are said:\n{:?}\n{}\ninstead of\n{:?}\n{}",
        other.happened,
        text::print(&other.said),
        written.happened,
        text::print(&written.said)
    ))
}

/// One replay.
pub(super) struct Player<'a, S: Stage> {
    transcript: &'a Transcript,
    stage: &'a S,
    machine: S::Machine,
    manner: Manner,
    now: Instant,
    /// Answers that stand between here and the next segment or cue, and all later ones.
    answers: VecDeque<(&'a str, &'a str)>,
    /// Octets that the peer has sent.
    sent: usize,
    body: Vec<u8>,
    lines: Vec<String>,
    essence: Essence,
    ended: bool,
}

impl<'a, S: Stage> Player<'a, S> {
    pub(super) fn new(
        transcript: &'a Transcript,
        stage: &'a S,
        manner: Manner,
    ) -> Result<Self, String> {
        let now = beginning();
        let answers = transcript.items.iter().filter_map(|item| match item {
            Item::Answer { event, words } => Some((event.as_str(), words.as_str())),
            _ => None,
        });
        Ok(Self {
            transcript,
            stage,
            machine: stage.machine(&transcript.settings)?,
            manner,
            now,
            answers: answers.collect(),
            sent: 0,
            body: Vec::new(),
            lines: Vec::new(),
            essence: Essence::default(),
            ended: false,
        })
    }

    pub(super) fn play(mut self) -> Result<Replayed, String> {
        let mut behind = Vec::new();
        // A connection that begins with TLS has no greeting before it.
        let first = self
            .transcript
            .items
            .iter()
            .find(|item| matches!(item, Item::Segment { .. } | Item::Cue { .. }));
        if !matches!(first, Some(Item::Cue { cue: Cue::Tls, .. })) {
            self.run()?;
        }
        behind.push(self.take_lines());
        for item in &self.transcript.items {
            match item {
                Item::Verbatim(_) | Item::Answer { .. } => continue,
                Item::Segment { bytes, .. } => self.send(bytes)?,
                Item::Cue { cue, .. } => self.cue(cue)?,
            }
            behind.push(self.take_lines());
        }
        Ok(Replayed {
            behind,
            essence: self.essence,
        })
    }

    fn take_lines(&mut self) -> Vec<String> {
        self.end_body();
        std::mem::take(&mut self.lines)
    }

    fn send(&mut self, bytes: &[u8]) -> Result<(), String> {
        let mut pieces: Vec<&[u8]> = Vec::new();
        match self.manner {
            Manner::OctetByOctet => pieces.extend(bytes.chunks(1)),
            Manner::Split(at) if at > self.sent && at < self.sent + bytes.len() => {
                let (first, second) = bytes.split_at(at - self.sent);
                pieces.extend([first, second]);
            }
            _ => pieces.push(bytes),
        }
        self.sent += bytes.len();
        for mut piece in pieces {
            while !piece.is_empty() && !self.ended {
                let before = self.machine.input().len();
                let taken = self.machine.input().extend(piece);
                piece = &piece[taken..];
                self.run()?;
                if taken == 0 && self.machine.input().len() == before {
                    return Err("the machine is stuck with a full input".into());
                }
            }
        }
        Ok(())
    }

    fn cue(&mut self, cue: &Cue) -> Result<(), String> {
        match cue {
            Cue::Time(passed) => self.now += *passed,
            Cue::Tls => self.machine.tls_started(TlsInfo::default()),
            Cue::Eof => self.machine.eof(),
            Cue::Shutdown => self.machine.shutdown(),
            Cue::Act(words) => self.stage.act(&mut self.machine, words)?,
        }
        self.run()
    }

    /// Steps until the machine wants something.
    fn run(&mut self) -> Result<(), String> {
        if self.ended {
            return Ok(());
        }
        loop {
            let limit = self.machine.input().limit();
            assert!(
                self.machine.input().len() <= limit,
                "law 3: more input than its limit"
            );
            match self.machine.step(self.now) {
                Ok(Step::Event(event)) => {
                    self.event(&event)?;
                    continue;
                }
                Ok(Step::NeedInput) => self.drain()?,
                Ok(Step::NeedFlush) => {
                    self.drain()?;
                    continue;
                }
                Ok(Step::Paused) => {
                    if self.machine.deadline().is_some() {
                        return Err("a deadline while the application thinks".into());
                    }
                    self.drain()?;
                }
                // Asked for again, until the script has `@tls`.
                Ok(Step::StartTls) => self.drain()?,
                Ok(Step::Close) => self.end("close".into())?,
                Err(error) => self.end(error.to_string())?,
            }
            return Ok(());
        }
    }

    fn end(&mut self, reason: String) -> Result<(), String> {
        self.drain()?;
        self.happened(format!("! {reason}"));
        self.ended = true;
        Ok(())
    }

    fn event(&mut self, event: &<S::Machine as Machine>::Event) -> Result<(), String> {
        let line = match self.stage.describe(event) {
            Said::Body(bytes) => {
                self.body.extend_from_slice(&bytes);
                return Ok(());
            }
            Said::Line(line) => line,
        };
        self.end_body();
        self.essence.happened.push_line(line.clone());
        let name = first_word(&line);
        let answer = self
            .answers
            .front()
            .filter(|(event, _)| first_word(event) == name)
            .map(|(_, words)| *words);
        let Some(words) = answer else {
            self.lines.push(format!("> {line}"));
            return Ok(());
        };
        self.answers.pop_front();
        self.lines.push(format!("> {line:<23} | {words}"));
        for words in words.split(';') {
            self.stage
                .act(&mut self.machine, words.trim())
                .map_err(|error| format!("{line} | {words}: {error}"))?;
        }
        Ok(())
    }

    fn end_body(&mut self) {
        if !self.body.is_empty() {
            let body = std::mem::take(&mut self.body);
            self.essence.happened.push_body(&body);
            self.lines.push(format!("> body {}", text::print(&body)));
        }
    }

    fn happened(&mut self, line: String) {
        self.end_body();
        self.essence.happened.push_line(line.clone());
        self.lines.push(line);
    }

    /// Takes the output as one write, or octet by octet.
    fn drain(&mut self) -> Result<(), String> {
        if self.machine.output().is_empty() {
            return Ok(());
        }
        self.end_body();
        let output = self.machine.output();
        let bytes: Bytes = if matches!(self.manner, Manner::OneOctetWrites) {
            let mut all = Vec::new();
            while output.has_remaining() {
                all.push(output.get_u8());
            }
            all.into()
        } else {
            output.copy_to_bytes(output.remaining())
        };
        self.essence.said.extend_from_slice(&bytes);
        self.lines.extend(said(self.transcript.role, &bytes));
        Ok(())
    }
}

fn first_word(line: &str) -> &str {
    line.split_whitespace().next().unwrap_or("")
}
