//! Commands that go on behind their first line, with octets that were counted beforehand (RFC 9051 section 4.3).

use super::Session;
use super::imap_lines::{literal, proceeds, redacted};
use super::protocol::{Command, Literal, Protocol};
use crate::connection::{Ended, Hits};
use crate::fault::Place;

impl<P: Protocol> Session<P> {
    /// The octets that a line has announced, and all that follows them. The machine has heard the line; its answer
    /// is out if the client waits for one.
    pub(super) async fn literals(
        &mut self,
        command: &Command,
        mut announced: Literal,
        mut hits: Hits,
        verdict: Option<String>,
    ) -> Result<(), Ended> {
        let is_secret = command.shown.is_some();
        loop {
            self.begin(is_secret);
            let octets = self.literal(announced.octets).await;
            self.arriving = None;
            octets?;
            let Some(line) = self.read_line().await? else {
                return Ok(());
            };
            self.connection.hear(match is_secret {
                true => redacted(&line),
                false => line.clone(),
            });
            let Some(next) = literal(&line) else {
                if is_message(command) {
                    return self.end_message(&line, hits, verdict).await;
                }
                self.feed(&line).await;
                if verdict.is_none() {
                    self.meet_announcement(&mut hits);
                }
                return self.answer(hits, verdict.as_deref()).await;
            };
            self.feed(&line).await;
            let goes_on = !next.is_asked_for || proceeds(&self.output);
            if next.is_asked_for {
                self.answer(std::mem::take(&mut hits), verdict.as_deref())
                    .await?;
            }
            if self.is_over || !goes_on {
                return Ok(());
            }
            announced = next;
        }
    }

    /// Reads what a command that is withheld has announced and sends without being asked.
    pub(super) async fn skip_literals(&mut self, first: Literal) -> Result<(), Ended> {
        let mut announced = Some(first);
        while let Some(Literal {
            octets,
            is_asked_for: false,
        }) = announced
        {
            self.skip(octets).await?;
            let line = self.read_line().await?;
            announced = line.and_then(|line| literal(&line));
        }
        Ok(())
    }

    async fn literal(&mut self, octets: u64) -> Result<(), Ended> {
        let mut left = octets;
        while left > 0 && !self.is_over {
            let room = self.room().await? as u64;
            if self.connection.transport.buffer.is_empty() {
                self.read_more().await?;
            }
            let available = (self.connection.transport.buffer.len() as u64)
                .min(room)
                .min(left);
            let piece = self.take(available as usize);
            left -= available;
            self.feed(&piece).await;
        }
        // What is due at the last octet.
        self.room().await.map(drop)
    }

    /// A message is complete with this line.
    async fn end_message(
        &mut self,
        line: &[u8],
        mut hits: Hits,
        verdict: Option<String>,
    ) -> Result<(), Ended> {
        let met = self.meet(Place::End, b"", self.protocol.addresses());
        let verdict = met.verdict().or(verdict);
        hits.0.extend(met.0);
        hits.0.sort_by_key(|hit| hit.after);
        let text = verdict.as_deref();
        let is_refused = text.is_some_and(P::refuses);
        self.protocol.refuse_message(vec![is_refused]);
        self.feed(line).await;
        self.is_over |= text.is_some_and(P::closes);
        self.answer(hits, text).await
    }
}

/// Whether a message is what is counted.
fn is_message(command: &Command) -> bool {
    let Place::Command(verb) = &command.place else {
        return false;
    };
    verb == "APPEND" || verb == "REPLACE"
}
