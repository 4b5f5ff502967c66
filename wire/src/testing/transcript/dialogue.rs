//! A transcript as what both sides say, for those who have no machine to play it with.

use std::fmt;
use std::time::Duration;

use super::Role;
use super::script::{duration, octets};
use crate::testing::text;

/// What is said in a transcript, in its order, and what else happens on the connection.
///
/// What an application does about it, settings and comments are not read; comments are written.
///
/// ```
/// use mailwire::testing::transcript::{Dialogue, Role, Turn};
///
/// let file = "S: 220 mx.test\nC: QUIT\nS: 221 Bye\n! close\n";
/// let dialogue: Dialogue = file.parse()?;
/// assert_eq!(dialogue.turns[1], Turn::Said(Role::Client, b"QUIT\r\n".to_vec()));
/// assert_eq!(dialogue.to_string(), file);
/// # Ok::<(), String>(())
/// ```
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Dialogue {
    /// All of them.
    pub turns: Vec<Turn>,
}

/// Something that is said, or that happens.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Turn {
    /// This side says these octets in one go.
    Said(Role, Vec<u8>),
    /// Time passes.
    Pause(Duration),
    /// TLS begins.
    Tls,
    /// The client closes its side; in the transcript of a client, the server does.
    Eof,
    /// It is over.
    End,
    /// Something for the reader alone.
    Comment(String),
}

impl std::str::FromStr for Dialogue {
    type Err = String;

    /// Reads a file. The error has the number of its line.
    fn from_str(file: &str) -> Result<Self, String> {
        let mut turns = Vec::new();
        for (index, line) in file.lines().enumerate() {
            let turn = turn(line, &mut turns);
            let turn = turn.map_err(|error| format!("line {}: {error}", index + 1))?;
            turns.extend(turn);
        }
        Ok(Self { turns })
    }
}

/// The turn of a line, if it is one of its own and does not go on with the last.
fn turn(line: &str, turns: &mut [Turn]) -> Result<Option<Turn>, String> {
    let mut marks = line.chars();
    let speaker = |side| match side {
        'S' => Role::Server,
        _ => Role::Client,
    };
    Ok(match (marks.next(), marks.next()) {
        (None | Some('#' | '>' | '<'), _) => None,
        (Some('!'), _) => Some(Turn::End),
        (Some(side @ ('S' | 'C')), Some(':')) => Some(Turn::Said(speaker(side), octets(line)?)),
        (Some(side @ ('S' | 'C')), Some('+')) => match turns.last_mut() {
            Some(Turn::Said(by, all)) if *by == speaker(side) => {
                all.extend(octets(line)?);
                None
            }
            _ => return Err("nothing to go on with".into()),
        },
        (Some('@'), _) => {
            let directive = &line[1..];
            match directive.split_once(' ').unwrap_or((directive, "")) {
                ("time", words) => Some(Turn::Pause(duration(words)?)),
                ("tls", _) => Some(Turn::Tls),
                ("eof", _) => Some(Turn::Eof),
                ("limits" | "config" | "shutdown", _) => None,
                (name, _) => return Err(format!("unknown directive @{name}")),
            }
        }
        _ => return Err(format!("not a line of a transcript: {line}")),
    })
}

impl fmt::Display for Dialogue {
    /// As a file.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for turn in &self.turns {
            match turn {
                Turn::Said(by, bytes) => {
                    for line in said(*by, bytes) {
                        writeln!(f, "{line}")?;
                    }
                }
                Turn::Pause(time) => writeln!(f, "@time +{}ms", time.as_millis())?,
                Turn::Tls => writeln!(f, "@tls")?,
                Turn::Eof => writeln!(f, "@eof")?,
                Turn::End => writeln!(f, "! close")?,
                Turn::Comment(text) => writeln!(f, "# {}", text::print(text.as_bytes()))?,
            }
        }
        Ok(())
    }
}

/// The lines that write what was said in one go.
pub(super) fn said(by: Role, bytes: &[u8]) -> Vec<String> {
    let side = match by {
        Role::Server => 'S',
        Role::Client => 'C',
    };
    if bytes.is_empty() {
        return vec![format!("{side}: \\")];
    }
    let lines = bytes.split_inclusive(|&octet| octet == b'\n');
    let lines = lines.enumerate().map(|(index, line)| {
        let shown = match line.strip_suffix(b"\r\n") {
            Some(line) => text::print(line),
            None => text::print(line) + "\\",
        };
        // An editor may take a space from the end of a line; what was said must stay.
        let shown = match shown.strip_suffix(' ') {
            Some(front) => format!("{front}\\x20"),
            None => shown,
        };
        let joint = if index == 0 { ':' } else { '+' };
        format!("{side}{joint} {shown}").trim_end().into()
    });
    lines.collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn turns() -> impl Strategy<Value = Turn> {
        let bytes = prop_oneof![
            proptest::collection::vec(any::<u8>(), 0..40),
            "([a-z ]{0,5}\r?\n?){1,5}[\\\\ ]{0,3}".prop_map(String::into_bytes),
        ];
        prop_oneof![
            bytes
                .clone()
                .prop_map(|bytes| Turn::Said(Role::Server, bytes)),
            bytes.prop_map(|bytes| Turn::Said(Role::Client, bytes)),
            (0..100_000u64).prop_map(|time| Turn::Pause(Duration::from_millis(time))),
            Just(Turn::Tls),
            Just(Turn::Eof),
            Just(Turn::End),
        ]
    }

    proptest! {
        #[test]
        fn what_is_written_is_read(turns in proptest::collection::vec(turns(), 0..10)) {
            let dialogue = Dialogue { turns };
            let same: Dialogue = dialogue.to_string().parse().expect("what was written");
            prop_assert_eq!(same, dialogue);
        }
    }

    #[test]
    fn errors_name_their_line() {
        for (file, error) in [
            ("S: a\nC+ b", "line 2: nothing to go on with"),
            ("# x\n\nX: a", "line 3: not a line of a transcript: X: a"),
            ("S: \\q", "line 1: unknown escape \\q"),
            ("@sleep 1s", "line 1: unknown directive @sleep"),
        ] {
            assert_eq!(file.parse::<Dialogue>(), Err(error.into()));
        }
    }
}
