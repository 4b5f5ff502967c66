//! One connection: what a client says goes to the machine in units, and what the machine answers
//! goes to the client, through the faults.
//!
//! The machines own the protocol, and they rightly refuse to misbehave. So this driver gives them
//! one command at a time and holds their answer in its hands before it is sent. What faults need to
//! know of a protocol, they know from a [`Protocol`].

mod protocol;
pub(crate) use protocol::{Command, Expects, Protocol};

mod smtp;
pub(crate) use smtp::Smtp;

mod pop3;
pub(crate) use pop3::Pop3;

mod imap;
pub(crate) use imap::Imap;

pub(crate) mod imap_lines;

mod message;
pub(crate) use message::EndOfMessage;

mod literals;

mod handshake;

use std::sync::Arc;

use bytes::{Buf, Bytes};
use mailwire::{Machine, Step};
use tokio::net::TcpStream;

use self::message::Arriving;
use self::protocol::Capability;
use crate::connection::{Connection, Ended, Hits, Words};
use crate::conversation::Conversation;
use crate::endpoint::Endpoint;
use crate::fault::{Action, Meeting, Place, Side};
use crate::limits::LINE;
use crate::sandbox::Shared;
use crate::scripted::Script;

/// Serves one connection to its end.
pub(crate) async fn serve(shared: Arc<Shared>, endpoint: Endpoint, stream: TcpStream, number: u64) {
    let peer = stream.peer_addr().ok();
    let script = shared.scripts.get(&endpoint).map(Arc::clone);
    let now = shared.clock.now();
    let conversation = match script.as_deref() {
        Some(Script::Record(_)) => Conversation::whole(Some(endpoint), peer, now),
        _ => Conversation::new(Some(endpoint), peer, now),
    };
    shared.store.begin(conversation.clone());
    if let Some(script) = script {
        return script.serve(shared, endpoint, stream, conversation).await;
    }
    match endpoint {
        Endpoint::Pop3 | Endpoint::Pop3s => {
            let protocol = Pop3::new(Arc::clone(&shared));
            let session = Session::new(shared, endpoint, protocol, stream, number, conversation);
            session.run().await;
        }
        Endpoint::Imap | Endpoint::Imaps => {
            let protocol = Imap::new(Arc::clone(&shared), endpoint, conversation.clone());
            let session = Session::new(shared, endpoint, protocol, stream, number, conversation);
            session.run().await;
        }
        Endpoint::Smtp | Endpoint::Submission | Endpoint::Smtps | Endpoint::Lmtp => {
            let protocol = Smtp::new(Arc::clone(&shared), endpoint, conversation.clone());
            let session = Session::new(shared, endpoint, protocol, stream, number, conversation);
            session.run().await;
        }
    }
}

struct Session<P: Protocol> {
    shared: Arc<Shared>,
    endpoint: Endpoint,
    protocol: P,
    connection: Connection,
    /// Its place among the connections of the sandbox.
    number: u64,
    /// What answers to the last command begin with.
    tag: String,
    /// What the machine said and nobody has heard yet.
    output: Vec<u8>,
    /// Nothing more will be said.
    is_over: bool,
    /// A message that has begun to come.
    arriving: Option<Arriving>,
}

/// What the machine wants when it has nothing more to say.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Wants {
    Input,
    Tls,
    Close,
}

impl<P: Protocol> Session<P> {
    fn new(
        shared: Arc<Shared>,
        endpoint: Endpoint,
        protocol: P,
        stream: TcpStream,
        number: u64,
        conversation: Conversation,
    ) -> Self {
        let clock = shared.clock.clone();
        Self {
            shared,
            endpoint,
            protocol,
            connection: Connection::new(Side::Server, stream, conversation, clock),
            number,
            tag: String::new(),
            output: Vec::new(),
            is_over: false,
            arriving: None,
        }
    }

    async fn run(mut self) {
        let ended = self.converse().await.err().unwrap_or(Ended::Ours);
        self.connection.end(ended).await;
    }

    async fn converse(&mut self) -> Result<(), Ended> {
        if self.endpoint.is_secured() {
            self.handshake().await?;
        }
        self.greet().await?;
        let mut expects = Expects::Command;
        while !self.is_over {
            expects = match expects {
                Expects::Message => {
                    self.message().await?;
                    Expects::Command
                }
                line => self.line(line).await?,
            };
        }
        Ok(())
    }

    async fn greet(&mut self) -> Result<(), Ended> {
        let mut hits = self.meet(Place::Greeting, b"", self.protocol.addresses());
        let verdict = hits.verdict();
        if let Some(text) = verdict.as_deref().filter(|text| P::refuses(text)) {
            // The machine knows what may follow that.
            self.protocol.refuse_greeting(text);
        }
        self.settle().await;
        if verdict.is_none() {
            self.meet_announcement(&mut hits);
        }
        self.answer(hits, verdict.as_deref()).await
    }

    /// A command, or the answer to a challenge.
    async fn line(&mut self, expects: Expects) -> Result<Expects, Ended> {
        let Some(line) = self.read_line().await? else {
            return Ok(expects);
        };
        let command = match expects {
            Expects::Response => Command::response(),
            _ => P::command(&line),
        };
        if !command.tag.is_empty() {
            self.tag.clone_from(&command.tag);
        }
        self.connection.hear(command.redacted(&line));
        let mut hits = self.meet_command(&command, &line);
        let verdict = hits.verdict();
        let refusal = verdict.as_deref().filter(|text| P::refuses(text));
        if let Some(text) = refusal {
            self.withhold(&command, text, hits).await?;
            return Ok(Expects::Command);
        }
        if let Some(chunk) = command.chunk {
            self.chunk(&line, chunk, hits, verdict).await?;
            return Ok(Expects::Command);
        }
        self.arriving = None;
        let mut wants = self.feed(&line).await;
        let next = P::expects(&command, &self.output);
        if wants == Wants::Tls && !self.connection.transport.buffer.is_empty() {
            // What stands behind the command is the machine's to object to.
            let behind = self.connection.transport.buffer.split().freeze();
            wants = self.feed(&behind).await;
        }
        if let Some(literal) = command.literal.filter(|_| !self.is_over) {
            if !literal.is_asked_for {
                self.literals(&command, literal, hits, verdict).await?;
                return Ok(Expects::Command);
            }
            if imap_lines::proceeds(&self.output) {
                self.answer(hits, verdict.as_deref()).await?;
                let (hits, verdict) = (Hits::default(), None);
                self.literals(&command, literal, hits, verdict).await?;
                return Ok(Expects::Command);
            }
        }
        if !command.announces && verdict.is_none() {
            self.meet_announcement(&mut hits);
        }
        self.answer(hits, verdict.as_deref()).await?;
        if wants == Wants::Tls {
            self.handshake().await?;
            self.settle().await;
        }
        Ok(next)
    }

    /// Answers in place of the machine, which does not get to see the command.
    async fn withhold(&mut self, command: &Command, text: &str, hits: Hits) -> Result<(), Ended> {
        // It waits for this.
        self.feed(command.instead).await;
        if let Some(chunk) = command.chunk {
            // It is on its way already.
            self.skip(chunk.octets).await?;
        }
        if let Some(literal) = command.literal {
            self.skip_literals(literal).await?;
        }
        self.output = P::phrase(text, &self.tag);
        self.is_over |= P::closes(text);
        self.answer(hits, None).await
    }

    /// Says what the machine has said, or what a fault wants in its place, as the faults want it.
    async fn answer(&mut self, hits: Hits, verdict: Option<&str>) -> Result<(), Ended> {
        let mut answer = std::mem::take(&mut self.output);
        if let Some(text) = verdict.filter(|_| !answer.is_empty()) {
            answer = P::phrase(text, &self.tag);
        }
        for hit in &hits.0 {
            match &hit.action {
                Action::With(words) => P::announce(&mut answer, Capability::With(words)),
                Action::Without(words) => P::announce(&mut answer, Capability::Without(words)),
                Action::Only(words) => P::announce(&mut answer, Capability::Only(words)),
                _ => {}
            }
        }
        let words = Words {
            are_last: self.is_over,
            ..Words::new(answer)
        };
        self.connection.utter(words, hits).await
    }

    /// What has to be done here.
    fn meet(&self, place: Place, line: &[u8], addresses: Vec<String>) -> Hits {
        let meeting = Meeting {
            endpoint: self.endpoint,
            connection: self.number,
            place,
            line,
            addresses: &addresses,
            now: self.shared.clock.now(),
        };
        let mut hits = self.shared.faults.meet(&meeting);
        for hit in &mut hits {
            self.connection
                .note(format!("fault at {}: {}", meeting.place, hit.action));
            // In the words of the protocol, which differ from place to place.
            hit.action = match hit.action {
                Action::Refuse => Action::Reply(P::refusal(&meeting.place).to_owned()),
                Action::DiskFull => Action::Reply(P::disk_full().to_owned()),
                _ => continue,
            };
        }
        Hits(hits)
    }

    /// A command is more than one place.
    fn meet_command(&self, command: &Command, line: &[u8]) -> Hits {
        let addresses = match &command.address {
            Some(address) => vec![address.clone()],
            None => self.protocol.addresses(),
        };
        let mut hits = self.meet(command.place.clone(), line, addresses.clone());
        if let Some(mechanism) = &command.mechanism {
            let place = Place::Mechanism(mechanism.clone());
            hits.0.extend(self.meet(place, line, addresses.clone()).0);
        }
        if command.announces {
            hits.0
                .extend(self.meet(Place::Capabilities, line, addresses).0);
        }
        hits.0.sort_by_key(|hit| hit.after);
        hits
    }

    /// An answer that announces something without being asked for it is a place too.
    fn meet_announcement(&self, hits: &mut Hits) {
        if P::announces(&self.output) {
            let met = self.meet(Place::Capabilities, b"", self.protocol.addresses());
            hits.0.extend(met.0);
            hits.0.sort_by_key(|hit| hit.after);
        }
    }

    /// A line with its end. `None` if there was one that is too long: it has been dealt with.
    async fn read_line(&mut self) -> Result<Option<Bytes>, Ended> {
        let mut searched = 0;
        loop {
            let buffer = &mut self.connection.transport.buffer;
            if let Some(end) = memchr::memchr(b'\n', &buffer[searched..]) {
                return Ok(Some(buffer.split_to(searched + end + 1).freeze()));
            }
            if buffer.len() >= LINE {
                // The machine knows what to say to that.
                let piece = buffer.split().freeze();
                self.feed(&piece).await;
                self.answer(Hits::default(), None).await?;
                return match self.is_over {
                    true => Err(Ended::Ours),
                    false => Ok(None),
                };
            }
            searched = buffer.len();
            self.read_more().await?;
        }
    }

    /// Waits for more octets, as long as the machine does, and tells the client meanwhile what it wants to hear.
    async fn read_more(&mut self) -> Result<(), Ended> {
        loop {
            let deadline = self.protocol.machine().deadline();
            let timeout = deadline.map(|deadline| self.connection.reach(deadline));
            let timeout = async {
                match timeout {
                    Some(timeout) => timeout.await,
                    None => std::future::pending().await,
                }
            };
            let has_news = tokio::select! {
                read = self.connection.transport.read() => return read,
                () = timeout => false,
                () = self.protocol.news() => true,
            };
            if has_news {
                self.protocol.hear().await;
            }
            self.settle().await;
            if !self.output.is_empty() {
                self.answer(Hits::default(), None).await?;
            }
            if self.is_over {
                return Err(Ended::Ours);
            }
            if !has_news {
                return Ok(());
            }
        }
    }

    /// Gives octets to the machine, and answers what it asks.
    async fn feed(&mut self, mut bytes: &[u8]) -> Wants {
        let mut wants = Wants::Input;
        while !bytes.is_empty() && !self.is_over {
            let taken = self.protocol.machine().input().extend(bytes);
            bytes = &bytes[taken..];
            wants = self.settle().await;
        }
        wants
    }

    /// Lets the machine say all that it has to say.
    async fn settle(&mut self) -> Wants {
        let wants = loop {
            let now = self.connection.machine_time();
            match self.protocol.machine().step(now) {
                Ok(Step::Event(event)) => self.protocol.answer(event).await,
                Ok(Step::NeedFlush) => self.drain(),
                Ok(Step::Paused) if self.protocol.go_on().await => {}
                Ok(Step::NeedInput) => break Wants::Input,
                Ok(Step::StartTls) => break Wants::Tls,
                Ok(Step::Close | Step::Paused) | Err(_) => break Wants::Close,
            }
        };
        self.drain();
        self.is_over |= wants == Wants::Close;
        wants
    }

    fn drain(&mut self) {
        let output = self.protocol.machine().output();
        while output.has_remaining() {
            let piece = output.chunk();
            let length = piece.len();
            self.output.extend_from_slice(piece);
            output.advance(length);
        }
    }
}
