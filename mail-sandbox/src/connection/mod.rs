//! One end of a connection: what is said there is remembered, and goes through the faults.
//!
//! Servers and misbehaving clients have the same: octets to say, and something that becomes of them
//! on their way.

mod hits;
pub(crate) use hits::{Hits, lines};

mod transport;
pub(crate) use transport::{Ended, Transport};

use std::time::{Duration, Instant};

use bytes::Bytes;
use mailwire::TlsInfo;
use tokio::net::TcpStream;
use tokio::time::timeout;

use crate::authority::Certificate;
use crate::clock::Clock;
use crate::conversation::{Conversation, Speaker};
use crate::fault::{Action, Side};

/// One end of a connection.
pub(crate) struct Connection {
    side: Side,
    pub(crate) transport: Transport,
    conversation: Conversation,
    clock: Clock,
    /// Something that is said behind the next.
    held: Words,
    /// How long faults have kept the peer waiting: time that a machine knows nothing of, as it
    /// would hold it against the peer.
    lost_time: Duration,
    /// Nothing is read any more.
    pub(crate) is_deaf: bool,
    /// How long it waits for the peer, if not for ever.
    patience: Option<Duration>,
}

/// Something to say.
#[derive(Debug, Default)]
pub(crate) struct Words {
    pub(crate) octets: Vec<u8>,
    /// What is behind so many octets is a secret, which is not remembered.
    pub(crate) shown: Option<usize>,
    /// Nothing can be said behind it.
    pub(crate) are_last: bool,
}

impl Connection {
    pub(crate) fn new(
        side: Side,
        stream: TcpStream,
        conversation: Conversation,
        clock: Clock,
    ) -> Self {
        Self {
            side,
            transport: Transport::new(stream),
            conversation,
            clock,
            held: Words::default(),
            lost_time: Duration::ZERO,
            is_deaf: false,
            patience: None,
        }
    }

    /// One that does not wait for ever.
    pub(crate) fn patient(mut self, patience: Duration) -> Self {
        self.patience = Some(patience);
        self
    }

    /// Says something as the faults want it.
    pub(crate) async fn utter(&mut self, mut words: Words, hits: Hits) -> Result<(), Ended> {
        hits.edit(&mut words.octets);
        if hits.is_later() && !words.are_last {
            self.held.append(std::mem::take(&mut words));
        } else {
            words.append(std::mem::take(&mut self.held));
        }
        let (mut said, mut is_lost, pace) = (0, false, hits.pace());
        for hit in hits.0 {
            let after = usize::try_from(hit.after).unwrap_or(usize::MAX);
            let upto = after.clamp(said, words.octets.len());
            if !is_lost {
                self.say(&words, said..upto, pace).await?;
            }
            said = upto;
            is_lost |= hit.action == Action::Truncate;
            self.act(&hit.action).await?;
        }
        match is_lost {
            true => Ok(()),
            false => self.say(&words, said..words.octets.len(), pace).await,
        }
    }

    /// What happens to the connection rather than to the words.
    pub(crate) async fn act(&mut self, action: &Action) -> Result<(), Ended> {
        match action {
            Action::Delay(time) => {
                self.wait(*time).await;
                Ok(())
            }
            Action::Drop => Err(Ended::Dropped),
            Action::Reset => Err(Ended::Reset),
            Action::StopReading => match self.side {
                // Until the sandbox is dropped: who reads nothing has nothing to answer.
                Side::Server => self.be_silent().await,
                Side::Client => {
                    self.is_deaf = true;
                    Ok(())
                }
            },
            _ => Ok(()),
        }
    }

    /// Says some of the octets, and remembers them.
    async fn say(
        &mut self,
        words: &Words,
        which: std::ops::Range<usize>,
        pace: Option<Duration>,
    ) -> Result<(), Ended> {
        let octets = &words.octets[which.clone()];
        if octets.is_empty() {
            return Ok(());
        }
        let now = self.clock.now();
        let shown = words.shown.unwrap_or(usize::MAX).max(which.start) - which.start;
        match octets.get(..shown) {
            Some(open) if shown < octets.len() => {
                let redacted = [open, b"***\r\n"].concat();
                self.conversation.add(now, self.side.speaker(), redacted);
            }
            _ => self
                .conversation
                .add(now, self.side.speaker(), octets.to_vec()),
        }
        let Some(pace) = pace else {
            return self.write(octets).await;
        };
        for octet in octets {
            self.wait(pace).await;
            self.write(std::slice::from_ref(octet)).await?;
        }
        Ok(())
    }

    /// Remembers words that were passed on.
    pub(crate) fn remember(&self, words: impl Into<Bytes>) {
        self.conversation
            .add(self.clock.now(), self.side.speaker(), words);
    }

    /// Begins TLS as the server.
    pub(crate) async fn accept(&mut self, certificate: Certificate) -> Result<TlsInfo, Ended> {
        let info = self.transport.accept(certificate).await?;
        Ok(self.secured(info))
    }

    /// Begins TLS as the client.
    pub(crate) async fn connect(&mut self, server_name: &str) -> Result<TlsInfo, Ended> {
        let info = self.transport.connect(server_name).await?;
        Ok(self.secured(info))
    }

    fn secured(&self, info: TlsInfo) -> TlsInfo {
        let version = info.version.as_deref().unwrap_or("TLS");
        self.note(format!("{HANDSHAKE_DONE}: {version}"));
        info
    }

    pub(crate) async fn write(&mut self, octets: &[u8]) -> Result<(), Ended> {
        match self.patience {
            None => self.transport.write(octets).await,
            Some(patience) => {
                let written = timeout(patience, self.transport.write(octets)).await;
                written.unwrap_or(Err(Ended::GaveUp))
            }
        }
    }

    /// Reads more into the transport's buffer. Cancel-safe.
    pub(crate) async fn read(&mut self) -> Result<(), Ended> {
        match self.patience {
            None => self.transport.read().await,
            Some(patience) => {
                let read = timeout(patience, self.transport.read()).await;
                read.unwrap_or(Err(Ended::GaveUp))
            }
        }
    }

    /// Is there, and reads nothing.
    pub(crate) async fn be_silent(&self) -> Result<(), Ended> {
        match self.patience {
            None => std::future::pending().await,
            Some(patience) => tokio::time::sleep(patience).await,
        }
        Err(Ended::GaveUp)
    }

    /// Remembers what the peer said.
    pub(crate) fn hear(&self, octets: impl Into<Bytes>) {
        let peer = self.side.peer().speaker();
        self.conversation.add(self.clock.now(), peer, octets);
    }

    /// Remembers what happened.
    pub(crate) fn note(&self, what: String) {
        self.conversation
            .add(self.clock.now(), Speaker::Event, what);
    }

    /// Ends it in this way.
    pub(crate) async fn end(&mut self, ended: Ended) {
        self.note(ended.describe(self.side));
        match ended {
            Ended::Ours | Ended::Dropped | Ended::Astray => self.transport.part().await,
            Ended::Reset => self.transport.reset(),
            Ended::Theirs | Ended::Handshake | Ended::GaveUp => {}
        }
    }

    /// The time that a machine is told.
    pub(crate) fn machine_time(&self) -> Instant {
        self.clock.now() - self.lost_time
    }

    /// Waits until a machine's deadline has come.
    pub(crate) fn reach(&self, deadline: Instant) -> impl Future<Output = ()> + use<> {
        let (clock, deadline) = (self.clock.clone(), deadline + self.lost_time);
        async move { clock.reach(deadline).await }
    }

    async fn wait(&mut self, time: Duration) {
        let before = self.clock.now();
        match before.checked_add(time) {
            Some(due) => self.clock.wait_until(due).await,
            // Beyond what a clock can say.
            None => std::future::pending().await,
        }
        self.lost_time += self.clock.now() - before;
    }
}

/// How what is remembered of a handshake begins.
pub(crate) const HANDSHAKE_DONE: &str = "TLS handshake";

impl Words {
    pub(crate) fn new(octets: impl Into<Vec<u8>>) -> Self {
        Self {
            octets: octets.into(),
            ..Self::default()
        }
    }

    /// Goes on with these. What is behind a secret is not remembered either.
    fn append(&mut self, mut behind: Self) {
        let before = self.octets.len();
        self.octets.append(&mut behind.octets);
        let shown = behind.shown.map(|shown| before + shown);
        self.shown = self.shown.or(shown);
    }
}
