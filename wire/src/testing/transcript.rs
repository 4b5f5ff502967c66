//! Conversations in text files, replayed against a machine.
//!
//! ```text
//! # RFC 2920 section 3.1: a group is answered in one write
//! @limits recipients=1
//! S: 220 mx.test ESMTP ready
//! C: EHLO c.test
//! > hello c.test            | accept
//! S: 250 mx.test
//! C: MAIL FROM:<a@b.test>
//! C+ RCPT TO:<x@y.test>
//! > mail <a@b.test>         | accept
//! > rcpt <x@y.test>         | reply 550 5.1.1 No such user
//! S: 250 2.1.0 Ok
//! S+ 550 5.1.1 No such user
//! @time +301s
//! S: 421 4.4.2 Timeout
//! ! timeout
//! ```
//!
//! | line | meaning |
//! |---|---|
//! | `C:` `S:` | what the client and the server say: a line without its CRLF, in the notation of [`text`]. With a `\` at its end nothing is added |
//! | `C+` `S+` | goes on in the same segment (of the peer) or the same write (of ours) |
//! | `>` | an event, and behind ` \| ` what the application does about it |
//! | `<` | something that the application does of its own accord |
//! | `@limits`, `@config` | settings, at the top |
//! | `@time +1s` | time passes (`ms`, `s`, `m`, `h`) |
//! | `@tls` | the handshake that the machine asked for is done, or the connection began with TLS |
//! | `@eof` | the peer closes its side |
//! | `@shutdown` | the application asks for an orderly end |
//! | `!` | the end: an error's text, or `close` |
//! | `#` | a comment |
//!
//! Lines of the peer and `@`, `<` lines are the script; `>`, `!` and our own lines are what
//! comes of it, in the order in which it happened. Each file is replayed as written, octet by
//! octet, split at every position, and with writes of one octet; all must give the same
//! events and bytes. With `BLESS=1` in the environment what came of the script is written back
//! into the file, for a person to read.

use std::collections::VecDeque;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use bytes::{Buf, Bytes};

use super::{Events, Said, Settings, Stage, text};
use crate::{Machine, Step, TlsInfo};

/// Which side the machine under test plays.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(clippy::exhaustive_enums, reason = "a connection has two sides")]
pub enum Role {
    /// The machine speaks the `S:` lines.
    Server,
    /// The machine speaks the `C:` lines.
    Client,
}

/// Replays every `.txt` file below `folder`; with `BLESS` in the environment, corrects them.
///
/// # Panics
///
/// If one of them does not come out as written, or the folder holds none.
pub fn replay_all<S: Stage>(stage: &S, role: Role, folder: impl AsRef<Path>) {
    #[expect(
        clippy::disallowed_methods,
        reason = "blessing is asked for by the person at the keyboard"
    )]
    let bless = std::env::var("BLESS").is_ok_and(|value| !value.is_empty());
    replay_folder(stage, role, folder, bless);
}

/// Replays every `.txt` file below `folder`. To `bless` is to write into the files what came of
/// their scripts, if it differs.
///
/// # Panics
///
/// If one of them does not come out as written (unless blessed) or not the same in every manner,
/// or the folder holds none.
pub fn replay_folder<S: Stage>(stage: &S, role: Role, folder: impl AsRef<Path>, bless: bool) {
    let mut files = Vec::new();
    find_files(folder.as_ref(), &mut files);
    assert!(
        !files.is_empty(),
        "no transcripts in {}",
        folder.as_ref().display()
    );
    let mut failures = String::new();
    for file in &files {
        let written = std::fs::read_to_string(file).expect("a readable transcript");
        let outcome = Transcript::parse(&written, role).and_then(|transcript| {
            let replayed = transcript.replay(stage)?;
            Ok((transcript.render(&replayed), transcript))
        });
        match outcome {
            Ok((rendered, transcript)) => {
                if rendered != written {
                    if bless {
                        std::fs::write(file, &rendered).expect("a writable transcript");
                    } else {
                        let _ = writeln!(
                            failures,
                            "{}:\n{}",
                            file.display(),
                            difference(&written, &rendered)
                        );
                        continue;
                    }
                }
                if let Err(error) = transcript.replay_every_way(stage) {
                    let _ = writeln!(failures, "{}: {error}", file.display());
                }
            }
            Err(error) => {
                let _ = writeln!(failures, "{}: {error}", file.display());
            }
        }
    }
    assert!(
        failures.is_empty(),
        "transcripts that do not hold:\n\n{failures}"
    );
}

fn find_files(folder: &Path, files: &mut Vec<PathBuf>) {
    let mut entries: Vec<_> = std::fs::read_dir(folder)
        .unwrap_or_else(|error| panic!("{}: {error}", folder.display()))
        .map(|entry| entry.expect("a readable folder").path())
        .collect();
    entries.sort();
    for path in entries {
        if path.is_dir() {
            find_files(&path, files);
        } else if path.extension().is_some_and(|extension| extension == "txt") {
            files.push(path);
        }
    }
}

fn difference(written: &str, rendered: &str) -> String {
    let mut account = String::new();
    let (mut left, mut right) = (written.lines(), rendered.lines());
    for number in 1.. {
        let (left, right) = match (left.next(), right.next()) {
            (None, None) => break,
            pair => pair,
        };
        if left != right {
            let _ = writeln!(
                account,
                "  line {number} is written  {}",
                left.unwrap_or("(nothing)")
            );
            let _ = writeln!(
                account,
                "  line {number} came out as {}",
                right.unwrap_or("(nothing)")
            );
            let _ = writeln!(account, "  (BLESS=1 writes what came out)");
            break;
        }
    }
    account
}

/// One file.
#[derive(Debug)]
pub struct Transcript {
    role: Role,
    settings: Settings,
    items: Vec<Item>,
}

/// A line of the script, with what stands around it in the file.
#[derive(Debug)]
enum Item {
    /// A comment, a blank line or a setting: kept as it is.
    Verbatim(String),
    /// What the peer sends in one go, and the lines that say so.
    Segment { lines: Vec<String>, bytes: Vec<u8> },
    /// Something else that happens.
    Cue { line: String, cue: Cue },
    /// What the application does about an event.
    Answer { event: String, words: String },
}

#[derive(Debug)]
enum Cue {
    Time(Duration),
    Tls,
    Eof,
    Shutdown,
    Act(String),
}

/// What came of a script: for each item, the lines to be written behind it.
#[derive(Debug, Default)]
struct Replayed {
    behind: Vec<Vec<String>>,
    essence: Essence,
}

/// What must be the same however the bytes were cut.
#[derive(Debug, Default, PartialEq, Eq)]
struct Essence {
    /// Events and the end.
    happened: Events,
    said: Vec<u8>,
}

/// How a replay cuts bytes.
#[derive(Debug, Clone, Copy)]
enum Manner {
    AsWritten,
    OctetByOctet,
    /// The peer's stream is cut behind this many octets, besides where it is cut anyway.
    Split(usize),
    OneOctetWrites,
}

impl Transcript {
    /// Reads a file.
    ///
    /// # Errors
    ///
    /// If a line is none of those above, with its number.
    pub fn parse(file: &str, role: Role) -> Result<Self, String> {
        let (ours, peer) = match role {
            Role::Server => ('S', 'C'),
            Role::Client => ('C', 'S'),
        };
        let mut transcript = Self {
            role,
            settings: Settings::new(),
            items: Vec::new(),
        };
        for (index, line) in file.lines().enumerate() {
            let at = |error: String| format!("line {}: {error}", index + 1);
            let mut marks = line.chars();
            let mark = (marks.next(), marks.next());
            match mark {
                (None | Some('#'), _) => transcript.items.push(Item::Verbatim(line.into())),
                (Some(side), Some(':' | '+')) if side == ours => {}
                (Some('!'), _) => {}
                (Some(side), Some(joint @ (':' | '+'))) if side == peer => {
                    transcript.add_segment(line, joint == '+').map_err(at)?;
                }
                (Some('>'), _) => {
                    if let Some((event, words)) = line[1..].split_once(" | ") {
                        transcript.items.push(Item::Answer {
                            event: event.trim().into(),
                            words: words.trim().into(),
                        });
                    }
                }
                (Some('<'), _) => transcript.items.push(Item::Cue {
                    line: line.into(),
                    cue: Cue::Act(line[1..].trim().into()),
                }),
                (Some('@'), _) => transcript.add_directive(line).map_err(at)?,
                _ => return Err(at(format!("not a line of a transcript: {line}"))),
            }
        }
        Ok(transcript)
    }

    fn add_segment(&mut self, line: &str, joined: bool) -> Result<(), String> {
        let words = &line[2..];
        let words = words.strip_prefix(' ').unwrap_or(words);
        // `\` at the end, unless it is itself escaped, takes the CRLF away.
        let bytes = match words.strip_suffix('\\') {
            Some(open) if !open.ends_with('\\') || open.ends_with("\\\\") => text::parse(open)?,
            _ => [text::parse(words)?, b"\r\n".to_vec()].concat(),
        };
        if joined {
            let last = self
                .items
                .iter_mut()
                .rfind(|item| !matches!(item, Item::Verbatim(_)));
            let Some(Item::Segment { lines, bytes: all }) = last else {
                return Err("nothing to go on with".into());
            };
            lines.push(line.into());
            all.extend(bytes);
        } else {
            self.items.push(Item::Segment {
                lines: vec![line.into()],
                bytes,
            });
        }
        Ok(())
    }

    fn add_directive(&mut self, line: &str) -> Result<(), String> {
        let line_after_mark = &line[1..];
        let (name, words) = line_after_mark
            .split_once(' ')
            .unwrap_or((line_after_mark, ""));
        let cue = match name {
            "limits" | "config" => {
                self.settings.add(words);
                self.items.push(Item::Verbatim(line.into()));
                return Ok(());
            }
            "time" => Cue::Time(duration(words)?),
            "tls" => Cue::Tls,
            "eof" => Cue::Eof,
            "shutdown" => Cue::Shutdown,
            _ => return Err(format!("unknown directive @{name}")),
        };
        self.items.push(Item::Cue {
            line: line.into(),
            cue,
        });
        Ok(())
    }

    /// What the peer says in the whole conversation: a seed for fuzzing.
    pub fn peer_bytes(&self) -> Vec<u8> {
        let mut all = Vec::new();
        for item in &self.items {
            if let Item::Segment { bytes, .. } = item {
                all.extend_from_slice(bytes);
            }
        }
        all
    }

    fn replay<S: Stage>(&self, stage: &S) -> Result<Replayed, String> {
        Player::new(self, stage, Manner::AsWritten)?.play()
    }

    fn replay_every_way<S: Stage>(&self, stage: &S) -> Result<(), String> {
        let written = Player::new(self, stage, Manner::AsWritten)?.play()?.essence;
        let again = Player::new(self, stage, Manner::AsWritten)?.play()?.essence;
        compare("a second time", &written, &again)?;
        for manner in [Manner::OctetByOctet, Manner::OneOctetWrites] {
            let other = Player::new(self, stage, manner)?.play()?.essence;
            compare(&format!("{manner:?}"), &written, &other)?;
        }
        for position in self.splits() {
            let manner = Manner::Split(position);
            let other = Player::new(self, stage, manner)?.play()?.essence;
            compare(&format!("{manner:?}"), &written, &other)?;
        }
        Ok(())
    }

    /// Every position, or where the stream is long: those near a line end and a sample of others.
    fn splits(&self) -> Vec<usize> {
        let bytes = self.peer_bytes();
        if bytes.len() <= SPLIT_EVERYWHERE {
            return (1..bytes.len()).collect();
        }
        let stride = bytes.len() / 200;
        let mut splits: Vec<_> = memchr::memchr_iter(b'\n', &bytes)
            .take(100)
            .flat_map(|end| end.saturating_sub(3)..(end + 4).min(bytes.len()))
            .chain((1..bytes.len()).step_by(stride))
            .filter(|&split| split > 0)
            .collect();
        splits.sort_unstable();
        splits.dedup();
        splits
    }

    /// The file as it should be written.
    fn render(&self, replayed: &Replayed) -> String {
        let mut file = String::new();
        let mut behind = replayed.behind.iter();
        let mut write = |lines: &[String]| {
            for line in lines {
                file.push_str(line);
                file.push('\n');
            }
        };
        // What happens before the peer says anything comes behind the settings.
        let opening = behind.next().map_or(&[][..], Vec::as_slice);
        let mut opened = false;
        let last_setting = self
            .items
            .iter()
            .rposition(|item| matches!(item, Item::Verbatim(line) if line.starts_with("@")));
        let first_cue = self
            .items
            .iter()
            .position(|item| matches!(item, Item::Segment { .. } | Item::Cue { .. }))
            .unwrap_or(self.items.len());
        let open_at = last_setting.map_or_else(
            || {
                self.items[..first_cue]
                    .iter()
                    .position(|item| !matches!(item, Item::Verbatim(line) if line.starts_with('#')))
                    .unwrap_or(first_cue)
            },
            |setting| setting + 1,
        );
        for (index, item) in self.items.iter().enumerate() {
            if index == open_at && !opened {
                write(opening);
                opened = true;
            }
            match item {
                Item::Verbatim(line) => write(std::slice::from_ref(line)),
                Item::Segment { lines, .. } => {
                    write(lines);
                    write(behind.next().map_or(&[][..], Vec::as_slice));
                }
                Item::Cue { line, .. } => {
                    write(std::slice::from_ref(line));
                    write(behind.next().map_or(&[][..], Vec::as_slice));
                }
                Item::Answer { .. } => {}
            }
        }
        if !opened {
            write(opening);
        }
        file
    }
}

fn compare(manner: &str, written: &Essence, other: &Essence) -> Result<(), String> {
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

fn duration(words: &str) -> Result<Duration, String> {
    let words = words.trim().trim_start_matches('+');
    let split = words
        .find(|c: char| !c.is_ascii_digit())
        .unwrap_or(words.len());
    let (number, unit) = words.split_at(split);
    let number: u64 = number.parse().map_err(|_| "a time needs a number")?;
    Ok(match unit {
        "ms" => Duration::from_millis(number),
        "s" | "" => Duration::from_secs(number),
        "m" => Duration::from_secs(number * 60),
        "h" => Duration::from_secs(number * 3600),
        _ => return Err(format!("unknown unit {unit}")),
    })
}

/// One replay.
struct Player<'a, S: Stage> {
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
    fn new(transcript: &'a Transcript, stage: &'a S, manner: Manner) -> Result<Self, String> {
        #[expect(
            clippy::disallowed_methods,
            reason = "any beginning will do: only differences count"
        )]
        let now = Instant::now();
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

    fn play(mut self) -> Result<Replayed, String> {
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
        let side = match self.transcript.role {
            Role::Server => 'S',
            Role::Client => 'C',
        };
        let mut joint = ':';
        for line in bytes.split_inclusive(|&octet| octet == b'\n') {
            let shown = match line.strip_suffix(b"\r\n") {
                Some(line) => text::print(line),
                None => text::print(line) + "\\",
            };
            // An editor may take a space from the end of a line; what we said must stay.
            let shown = match shown.strip_suffix(' ') {
                Some(front) => format!("{front}\\x20"),
                None => shown,
            };
            self.lines
                .push(format!("{side}{joint} {shown}").trim_end().into());
            joint = '+';
        }
        Ok(())
    }
}

fn first_word(line: &str) -> &str {
    line.split_whitespace().next().unwrap_or("")
}

/// Streams of up to this many octets are split at every position.
const SPLIT_EVERYWHERE: usize = 4 * 1024;
