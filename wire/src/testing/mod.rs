//! Tests for machines: conversations in text files, and the laws of the contract.
//!
//! A crate that has a machine implements [`Stage`] for it, in its tests, and gets both.
//!
//! This module is for tests (feature `testing`). It reads files and panics with a readable
//! account when a test fails.

mod dice;
pub mod dot;
pub mod laws;
pub mod text;
mod traces;
pub mod transcript;

use std::collections::BTreeMap;
use std::fmt;
use std::time::Instant;

use bytes::Bytes;

pub use dice::Dice;
pub use traces::Traces;

use crate::Machine;

/// How the tests put a machine on stage: build it, name its events, speak its answers.
pub trait Stage {
    /// The machine under test.
    type Machine: Machine;

    /// The most octets of a single reply that the tests provoke: law 3 allows the output its mark
    /// and one of these.
    const LONGEST_REPLY: usize = 4 * 1024;

    /// A machine as it is at the beginning of a connection.
    ///
    /// # Errors
    ///
    /// If a setting is not known or not well-formed; say which.
    fn machine(&self, settings: &Settings) -> Result<Self::Machine, String>;

    /// An event in the words of a transcript.
    fn describe(&self, event: &<Self::Machine as Machine>::Event) -> Said;

    /// Does what a transcript says behind `|` or `<`: an answer or a command.
    ///
    /// # Errors
    ///
    /// If the words mean nothing, or the machine refuses them.
    fn act(&self, machine: &mut Self::Machine, words: &str) -> Result<(), String>;
}

/// A time at which a conversation may begin.
#[must_use]
pub fn beginning() -> Instant {
    #[expect(clippy::disallowed_methods, reason = "any beginning will do")]
    Instant::now()
}

/// An event as a transcript shows it.
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(
    clippy::exhaustive_enums,
    reason = "an event is a piece of a body, or it is not"
)]
pub enum Said {
    /// One line, lower case, beginning with the event's name.
    Line(String),
    /// Part of a body. Parts in a row are shown as one `body` line, because where they are cut
    /// depends on how the bytes arrived.
    Body(Bytes),
}

/// What happened in a conversation, in order. A body is one whole, however it came.
#[derive(Default, PartialEq, Eq)]
struct Events(Vec<Said>);

impl Events {
    fn push_line(&mut self, line: impl Into<String>) {
        self.0.push(Said::Line(line.into()));
    }

    fn push_body(&mut self, piece: &[u8]) {
        match self.0.last_mut() {
            Some(Said::Body(body)) => *body = [&**body, piece].concat().into(),
            _ => self.0.push(Said::Body(Bytes::copy_from_slice(piece))),
        }
    }

    fn push(&mut self, said: Said) {
        match said {
            Said::Line(line) => self.push_line(line),
            Said::Body(piece) => self.push_body(&piece),
        }
    }

    /// The event at a place, as a transcript shows it.
    fn shown(&self, index: usize) -> Option<String> {
        self.0.get(index).map(|said| match said {
            Said::Line(line) => line.clone(),
            Said::Body(body) => format!("body {}", text::print(body)),
        })
    }
}

impl fmt::Debug for Events {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let shown = (0..self.0.len()).filter_map(|index| self.shown(index));
        f.debug_list().entries(shown).finish()
    }
}

/// The words of the `@limits` and `@config` lines of a transcript.
#[derive(Debug, Clone, Default)]
pub struct Settings(BTreeMap<String, String>);

impl From<&str> for Settings {
    /// The settings of one line.
    fn from(words: &str) -> Self {
        let mut settings = Self::new();
        settings.add(words);
        settings
    }
}

impl Settings {
    /// No settings.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds the `key=value` words of a line; a word without `=` means `key=yes`.
    pub fn add(&mut self, words: &str) {
        for word in words.split_whitespace() {
            let (key, value) = word.split_once('=').unwrap_or((word, "yes"));
            self.0.insert(key.to_owned(), value.to_owned());
        }
    }

    /// All settings, by name.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0
            .iter()
            .map(|(key, value)| (key.as_str(), value.as_str()))
    }
}
