//! A server that says what a transcript says.

use std::sync::Arc;

use mailwire::testing::transcript::{Dialogue, Role, Turn};
use tokio::net::TcpStream;

use super::likeness::is_like;
use super::tags::Tags;
use super::units::{Unit, Units};
use crate::authority::Certificate;
use crate::connection::{Connection, Ended, Words};
use crate::conversation::Conversation;
use crate::endpoint::Endpoint;
use crate::fault::{Action, Side};
use crate::sandbox::Shared;

/// Plays a transcript to its end, or until the client says something that is not in it.
pub(crate) async fn replay(
    shared: Arc<Shared>,
    endpoint: Endpoint,
    stream: TcpStream,
    conversation: Conversation,
    dialogue: &Dialogue,
) {
    let mut player = Player {
        endpoint,
        connection: Connection::new(Side::Server, stream, conversation, shared.clock.clone()),
        said: Units::new(endpoint),
        written: Units::new(endpoint),
        tags: Tags::default(),
    };
    let ended = player.play(dialogue).await.err().unwrap_or(Ended::Ours);
    player.connection.end(ended).await;
}

struct Player {
    endpoint: Endpoint,
    connection: Connection,
    /// What the client says.
    said: Units,
    /// What it should say.
    written: Units,
    tags: Tags,
}

impl Player {
    async fn play(&mut self, dialogue: &Dialogue) -> Result<(), Ended> {
        let begins_with_tls = dialogue.turns.iter().find_map(|turn| match turn {
            Turn::Comment(_) => None,
            turn => Some(*turn == Turn::Tls),
        });
        if self.endpoint.is_secured() && begins_with_tls != Some(true) {
            self.connection.accept(Certificate::Good).await?;
        }
        for turn in &dialogue.turns {
            match turn {
                Turn::Said(Role::Server, words) => {
                    self.said.hear_server(words);
                    self.written.clear();
                    self.written.hear_server(words);
                    let words = Words::new(self.tags.translate(words));
                    self.connection.utter(words, Default::default()).await?;
                }
                Turn::Said(Role::Client, octets) => {
                    self.written.buffer.extend_from_slice(octets);
                    self.listen().await?;
                }
                Turn::Pause(time) => self.connection.act(&Action::Delay(*time)).await?,
                Turn::Tls => {
                    self.connection.accept(Certificate::Good).await?;
                }
                Turn::Eof => break,
                Turn::End => return Ok(()),
                _ => {}
            }
        }
        // It is the client's to go.
        loop {
            self.next().await?;
        }
    }

    /// Hears what is written, or what is [like](is_like) it. Messages are the client's own affair.
    async fn listen(&mut self) -> Result<(), Ended> {
        while let Some(written) = self.written.next() {
            if let Unit::Piece(_) = written {
                continue;
            }
            let said = loop {
                match self.next().await? {
                    Unit::Piece(_) => {}
                    said => break said,
                }
            };
            if !is_like(&written, &said) {
                let (said, written) = (text(&said), text(&written));
                self.connection.note(format!(
                    "the client says {said} where the transcript has {written}"
                ));
                return Err(Ended::Astray);
            }
            if let (Unit::Line { command, .. }, Unit::Line { command: said, .. }) =
                (&written, &said)
            {
                self.tags.learn(&command.tag, &said.tag);
            }
        }
        // Where the message breaks off in the transcript, so does the wait for it.
        while self.said.is_within_message() && !self.written.is_within_message() {
            self.next().await?;
        }
        Ok(())
    }

    async fn next(&mut self) -> Result<Unit, Ended> {
        loop {
            if let Some(unit) = self.said.next() {
                let (Unit::Line { shown, .. } | Unit::Rest(shown) | Unit::Piece(shown)) = &unit;
                self.connection.hear(shown.clone());
                return Ok(unit);
            }
            self.connection.read().await?;
            let octets = self.connection.transport.buffer.split();
            self.said.buffer.unsplit(octets);
        }
    }
}

fn text(unit: &Unit) -> String {
    let (Unit::Line { shown, .. } | Unit::Rest(shown) | Unit::Piece(shown)) = unit;
    String::from_utf8_lossy(shown).trim_end().to_owned()
}
