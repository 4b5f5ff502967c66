//! Conversations as transcripts.

use std::time::Duration;

use mailwire::testing::transcript::{Dialogue, Role, Turn};

use crate::connection::{Ended, HANDSHAKE_DONE};
use crate::conversation::{Conversation, Speaker};
use crate::fault::Side;

impl Conversation {
    /// The conversation as a transcript, in the format of
    /// [`mailwire::testing::transcript`]: a file that can be read, kept, and
    /// [replayed](crate::Builder::replay).
    ///
    /// What is not in the conversation is not in the transcript either: passwords, and the rest of
    /// long messages, unless it was [recorded](crate::Builder::record).
    pub fn transcript(&self) -> String {
        let mut turns = Vec::new();
        if let (Some(endpoint), Some(peer)) = (self.endpoint(), self.peer()) {
            turns.push(Turn::Comment(format!("{endpoint} with {peer}")));
        }
        let mut time = Duration::ZERO;
        for line in self.lines() {
            let passed = line.at.saturating_sub(time);
            if passed >= PAUSE && line.by == Speaker::Server {
                turns.push(Turn::Pause(passed));
            }
            time = line.at;
            let by = match line.by {
                Speaker::Server => Role::Server,
                Speaker::Client => Role::Client,
                Speaker::Event => {
                    turns.push(happening(&String::from_utf8_lossy(&line.bytes)));
                    continue;
                }
            };
            match turns.last_mut() {
                // The octets of a line may have come in pieces.
                Some(Turn::Said(last, octets)) if *last == by && !octets.ends_with(b"\n") => {
                    octets.extend_from_slice(&line.bytes);
                }
                _ => turns.push(Turn::Said(by, line.bytes.to_vec())),
            }
        }
        Dialogue { turns }.to_string()
    }
}

fn happening(what: &str) -> Turn {
    let is = |ended: Ended| what == ended.describe(Side::Server);
    if what.starts_with(HANDSHAKE_DONE) {
        Turn::Tls
    } else if is(Ended::Theirs) {
        Turn::Eof
    } else if [Ended::Ours, Ended::Dropped, Ended::Reset, Ended::Astray]
        .into_iter()
        .any(is)
    {
        Turn::End
    } else {
        Turn::Comment(what.to_owned())
    }
}

/// What a server takes longer for is worth a line.
const PAUSE: Duration = Duration::from_secs(1);
