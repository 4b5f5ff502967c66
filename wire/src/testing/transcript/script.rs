//! A transcript as a file: reading it, and writing it with what came of it.

use std::time::Duration;

use super::Role;
use super::replay::{Manner, Player, Replayed, compare};
use crate::testing::{Settings, Stage, text};

/// One file.
#[derive(Debug)]
pub struct Transcript {
    pub(super) role: Role,
    pub(super) settings: Settings,
    pub(super) items: Vec<Item>,
}

/// A line of the script, with what stands around it in the file.
#[derive(Debug)]
pub(super) enum Item {
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
pub(super) enum Cue {
    Time(Duration),
    Tls,
    Eof,
    Shutdown,
    Act(String),
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
        let bytes = octets(line)?;
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

    pub(super) fn replay<S: Stage>(&self, stage: &S) -> Result<Replayed, String> {
        Player::new(self, stage, Manner::AsWritten)?.play()
    }

    pub(super) fn replay_every_way<S: Stage>(&self, stage: &S) -> Result<(), String> {
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
    pub(super) fn render(&self, replayed: &Replayed) -> String {
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

/// What is said in a line, behind its mark.
pub(super) fn octets(line: &str) -> Result<Vec<u8>, String> {
    let words = line.get(2..).unwrap_or_default();
    let words = words.strip_prefix(' ').unwrap_or(words);
    // A backslash at the end, unless it is itself escaped, takes the CRLF away.
    let open = words.trim_end_matches('\\');
    match (words.len() - open.len()) % 2 {
        0 => Ok([text::parse(words)?, b"\r\n".to_vec()].concat()),
        _ => text::parse(&words[..words.len() - 1]),
    }
}

pub(super) fn duration(words: &str) -> Result<Duration, String> {
    let words = words.trim().trim_start_matches('+');
    let split = words
        .find(|c: char| !c.is_ascii_digit())
        .unwrap_or(words.len());
    let (number, unit) = words.split_at(split);
    let number: u64 = number.parse().map_err(|_| "a time needs a number")?;
    let milliseconds: u64 = match unit {
        "ms" => 1,
        "s" | "" => 1000,
        "m" => 60_000,
        "h" => 3_600_000,
        _ => return Err(format!("unknown unit {unit}")),
    };
    let time = number.checked_mul(milliseconds).map(Duration::from_millis);
    let time = time.filter(|time| *time <= LONGEST);
    time.ok_or_else(|| "longer than a year".to_owned())
}

/// The longest time that may pass: clocks can still add it.
const LONGEST: Duration = Duration::from_secs(365 * 24 * 3600);

/// Streams of up to this many octets are split at every position.
const SPLIT_EVERYWHERE: usize = 4 * 1024;
