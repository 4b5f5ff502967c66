//! What is said to the client, and what becomes of it on the way.

use std::time::{Duration, Instant};

use super::Session;
use super::protocol::{Protocol, lines};
use super::transport::Ended;
use super::verdict::Hits;
use crate::authority::Certificate;
use crate::conversation::Speaker;
use crate::fault::{Action, Place};

impl<P: Protocol> Session<P> {
    /// Says what the machine has said, or what a fault wants in its place, as the faults want it.
    pub(super) async fn answer(&mut self, hits: Hits, verdict: Option<&str>) -> Result<(), Ended> {
        let mut answer = std::mem::take(&mut self.output);
        if let Some(text) = verdict.filter(|_| !answer.is_empty()) {
            answer = lines(text);
        }
        hits.edit::<P>(&mut answer);
        if hits.is_later() && !self.is_over {
            self.held.append(&mut answer);
        } else {
            answer.append(&mut self.held);
        }
        let (mut said, mut is_lost, pace) = (0, false, hits.pace());
        for hit in hits.0 {
            let after = usize::try_from(hit.after).unwrap_or(usize::MAX);
            let upto = after.clamp(said, answer.len());
            if !is_lost {
                self.say(&answer[said..upto], pace).await?;
            }
            said = upto;
            is_lost |= hit.action == Action::Truncate;
            self.act(&hit.action).await?;
        }
        match is_lost {
            true => Ok(()),
            false => self.say(&answer[said..], pace).await,
        }
    }

    /// A TLS handshake.
    pub(super) async fn handshake(&mut self) -> Result<(), Ended> {
        let hits = self.meet(Place::Tls, b"", Vec::new());
        let mut certificate = Certificate::Good;
        for hit in hits.0 {
            match hit.action {
                Action::Certificate(other) => certificate = other,
                Action::Delay(_) => self.act(&hit.action).await?,
                Action::Garble => return self.fail_handshake(&[0x80; 64], Ended::Dropped).await,
                Action::Reply(text) => {
                    return self.fail_handshake(&lines(&text), Ended::Dropped).await;
                }
                action => {
                    // The client's first message has come, so that it knows what has failed.
                    self.transport.read().await?;
                    self.act(&action).await?;
                }
            }
        }
        let info = self.transport.secure(certificate).await?;
        let version = info.version.as_deref().unwrap_or("TLS").to_owned();
        self.note(format!("TLS handshake: {version}"));
        self.protocol.tls_started(info);
        Ok(())
    }

    async fn fail_handshake(&mut self, words: &[u8], ended: Ended) -> Result<(), Ended> {
        self.transport.read().await?;
        self.say(words, None).await?;
        Err(ended)
    }

    /// What happens while a message arrives.
    pub(super) async fn act_in_body(&mut self, action: Action) -> Result<(), Ended> {
        let Action::Reply(text) = action else {
            return self.act(&action).await;
        };
        // Nobody answers in the middle of a message and then goes on.
        self.say(&lines(&text), None).await?;
        Err(Ended::Dropped)
    }

    /// What happens to the connection rather than to an answer.
    async fn act(&mut self, action: &Action) -> Result<(), Ended> {
        match action {
            Action::Delay(time) => {
                let now = self.shared.clock.now();
                self.wait_until(now + *time).await;
                Ok(())
            }
            Action::Drop => Err(Ended::Dropped),
            Action::Reset => Err(Ended::Reset),
            // Until the sandbox is dropped.
            Action::StopReading => std::future::pending().await,
            _ => Ok(()),
        }
    }

    /// Says something, and remembers it.
    async fn say(&mut self, words: &[u8], pace: Option<Duration>) -> Result<(), Ended> {
        if words.is_empty() {
            return Ok(());
        }
        let now = self.shared.clock.now();
        self.conversation.add(now, Speaker::Server, words.to_vec());
        let Some(pace) = pace else {
            return self.transport.write(words).await;
        };
        let mut due = now;
        for octet in words {
            due += pace;
            self.wait_until(due).await;
            self.transport.write(std::slice::from_ref(octet)).await?;
        }
        Ok(())
    }

    async fn wait_until(&mut self, time: Instant) {
        let clock = &self.shared.clock;
        let before = clock.now();
        clock.wait_until(time).await;
        self.lost_time += clock.now() - before;
    }
}
