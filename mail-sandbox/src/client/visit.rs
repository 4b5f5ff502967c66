//! One connection of a client that misbehaves.

use std::collections::VecDeque;
use std::sync::Arc;

use bytes::Bytes;
use tokio::net::TcpStream;

use super::{MisbehavingClient, Unit, VisitError};
use crate::clock::Clock;
use crate::connection::{Connection, Ended, Hits, Words, lines};
use crate::conversation::Conversation;
use crate::endpoint::Endpoint;
use crate::fault::{Action, Armed, Hit, Meeting, Place, Side};
use crate::session::{Command, Imap, Pop3, Protocol as _, Smtp};
use crate::trust;

/// A connection, and what its client knows of the server's mind.
pub(super) struct Visit {
    pub(super) endpoint: Endpoint,
    server_name: String,
    pub(super) connection: Connection,
    conversation: Conversation,
    clock: Clock,
    faults: Arc<Armed>,
    /// Those of the envelope.
    addresses: Vec<String>,
    /// Answers that are due.
    owed: VecDeque<Owed>,
    /// That of something which has not been said yet.
    owed_later: Vec<Owed>,
    /// Recipients that were accepted.
    accepted: usize,
    /// The last answer.
    pub(super) answer: Vec<u8>,
    /// How many commands have had a tag.
    tags: u32,
}

/// An answer that is due.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Owed {
    Greeting,
    Line,
    /// One that ends with a dot, unless it refuses (RFC 1939 section 3).
    Listing,
    /// That of RCPT.
    Recipient,
    /// That of a message: in LMTP, one for each recipient (RFC 2033 section 4.2).
    Message,
}

impl Visit {
    pub(super) async fn begin(client: &MisbehavingClient) -> Result<Self, VisitError> {
        let faults = Arc::new(Armed::new(Side::Client));
        for fault in &client.faults {
            faults.add(fault.clone())?;
        }
        let server = client.server;
        let connected = TcpStream::connect(server).await;
        let stream = connected.map_err(|error| VisitError::Connect { server, error })?;
        let clock = client.clock.clone();
        let conversation = Conversation::new(Some(client.endpoint), Some(server), clock.now());
        let connection = Connection::new(Side::Client, stream, conversation.clone(), clock.clone());
        Ok(Self {
            endpoint: client.endpoint,
            server_name: server.ip().to_string(),
            connection: connection.patient(client.patience),
            conversation,
            clock,
            faults,
            addresses: Vec::new(),
            owed: VecDeque::new(),
            owed_later: Vec::new(),
            accepted: 0,
            answer: Vec::new(),
            tags: 0,
        })
    }

    pub(super) async fn run(mut self, units: Vec<Unit>) -> Conversation {
        let ended = self.converse(units).await.err().unwrap_or(Ended::Ours);
        self.connection.end(ended).await;
        self.conversation
    }

    async fn converse(&mut self, units: Vec<Unit>) -> Result<(), Ended> {
        if self.endpoint.is_secured() {
            self.handshake().await?;
        }
        self.greeting().await?;
        for unit in units {
            match unit {
                Unit::Line(line) => self.command(&line).await?,
                Unit::Response(response) if self.expects(&["334", "+"]) => {
                    self.response(&response).await?;
                }
                Unit::Message(message) if self.expects(&["354"]) => self.message(&message).await?,
                Unit::Chunk { octets, is_last } => self.chunk(octets, is_last).await?,
                Unit::Literal(octets) if self.expects(&["+"]) => self.literal(octets).await?,
                Unit::Handshake if self.expects(&["220", "+OK", "OK"]) => self.handshake().await?,
                Unit::Response(_) | Unit::Message(_) | Unit::Literal(_) | Unit::Handshake => {}
            }
        }
        match self.connection.is_deaf {
            // It is there until its patience is at an end.
            true => self.connection.be_silent().await,
            false => self.catch_up().await,
        }
    }

    /// What a client does before it is greeted.
    async fn greeting(&mut self) -> Result<(), Ended> {
        self.owed.push_back(Owed::Greeting);
        let hits = self.meet(Place::Greeting, b"", &[]);
        self.say(Words::default(), None, hits).await
    }

    async fn command(&mut self, line: &str) -> Result<(), Ended> {
        let octets = [self.tag(line).as_bytes(), line.as_bytes(), b"\r\n"].concat();
        let command = self.read(&octets);
        let hits = self.meet_command(&command, &octets);
        let owed = self.owed_for(&command, line);
        let words = Words {
            shown: command.shown,
            ..Words::new(octets)
        };
        let replaced = hits.verdict();
        if let Place::Command(verb) = &command.place {
            match (verb.as_str(), command.address) {
                ("MAIL", Some(sender)) => {
                    self.addresses = vec![sender];
                    self.accepted = 0;
                }
                ("RCPT", Some(recipient)) => self.addresses.push(recipient),
                _ => {}
            }
        }
        match replaced {
            Some(text) => {
                // Each line of it will be answered.
                let count = text.split('\n').count();
                let owed = vec![Owed::Line; count];
                self.say_owing(Words::new(lines(&text)), &owed, hits).await
            }
            None => self.say_owing(words, &[owed], hits).await,
        }
    }

    /// What a command begins with.
    fn tag(&mut self, line: &str) -> String {
        match self.is_imap() && !line.eq_ignore_ascii_case("DONE") {
            true => {
                self.tags += 1;
                format!("C{} ", self.tags)
            }
            false => String::new(),
        }
    }

    async fn response(&mut self, response: &str) -> Result<(), Ended> {
        let hits = self.meet(Place::Response, response.as_bytes(), &[]);
        let words = Words {
            shown: Some(0),
            ..Words::new(format!("{response}\r\n"))
        };
        self.say(words, Some(Owed::Line), hits).await
    }

    /// A message and its end.
    async fn message(&mut self, message: &[u8]) -> Result<(), Ended> {
        let body = stuffed(message);
        let is_ended = body.is_empty() || body.ends_with(b"\r\n");
        let hits = self.meet(Place::Body, b"", &self.addresses);
        self.say(Words::new(body), None, hits).await?;
        let hits = self.meet(Place::End, b"", &self.addresses);
        let end: &[u8] = match is_ended {
            true => b".\r\n",
            false => b"\r\n.\r\n",
        };
        self.say(Words::new(end), Some(Owed::Message), hits).await
    }

    /// A message of which the server knows how long it is, and the end of its command.
    async fn literal(&mut self, octets: Bytes) -> Result<(), Ended> {
        let hits = self.meet(Place::Body, b"", &self.addresses);
        self.say(Words::new(octets), None, hits).await?;
        let hits = self.meet(Place::End, b"", &self.addresses);
        self.say(Words::new("\r\n"), Some(Owed::Message), hits)
            .await
    }

    async fn chunk(&mut self, octets: Bytes, is_last: bool) -> Result<(), Ended> {
        let last = if is_last { " LAST" } else { "" };
        let line = format!("BDAT {}{last}\r\n", octets.len());
        let command = self.read(line.as_bytes());
        let hits = self.meet_command(&command, line.as_bytes());
        self.say(Words::new(line), None, hits).await?;
        let hits = self.meet(Place::Body, b"", &self.addresses);
        let owed = match is_last {
            true => Owed::Message,
            false => Owed::Line,
        };
        self.say(Words::new(octets), Some(owed), hits).await
    }

    /// TLS, or what a fault makes of its first message: the server will wait for the rest.
    async fn handshake(&mut self) -> Result<(), Ended> {
        let hits = self.meet(Place::Tls, b"", &[]);
        let only_waits = |hit: &Hit| matches!(hit.action, Action::Delay(_));
        if !hits.0.iter().all(only_waits) {
            let octets = match hits.verdict() {
                Some(text) => lines(&text),
                None => trust::hello(&self.server_name),
            };
            self.connection.utter(Words::new(octets), hits).await?;
            loop {
                self.connection.read().await?;
                self.connection.transport.buffer.clear();
            }
        }
        for hit in hits.0 {
            self.connection.act(&hit.action).await?;
        }
        self.connection.connect(&self.server_name).await?;
        Ok(())
    }

    /// Says what is answered so, and waits for the answers unless a fault is against it.
    async fn say(&mut self, words: Words, owed: Option<Owed>, hits: Hits) -> Result<(), Ended> {
        let words = match hits.verdict() {
            Some(text) => Words::new(lines(&text)),
            None => words,
        };
        self.say_owing(words, owed.as_slice(), hits).await
    }

    async fn say_owing(&mut self, words: Words, owed: &[Owed], hits: Hits) -> Result<(), Ended> {
        let inserted = hits.0.iter().filter_map(|hit| match &hit.action {
            Action::Insert(text) => Some(text.split('\n').count()),
            _ => None,
        });
        let inserted = inserted.sum();
        let (is_later, hurries) = (hits.is_later(), hits.hurries());
        let says_something = !words.octets.is_empty();
        self.connection.utter(words, hits).await?;
        self.owed.extend(std::iter::repeat_n(Owed::Line, inserted));
        if is_later {
            self.owed_later.extend(owed);
            return Ok(());
        }
        self.owed.extend(owed);
        if says_something {
            self.owed.extend(self.owed_later.drain(..));
        }
        match hurries || self.connection.is_deaf {
            true => Ok(()),
            false => self.catch_up().await,
        }
    }

    /// Waits for all answers that are due.
    async fn catch_up(&mut self) -> Result<(), Ended> {
        while let Some(owed) = self.owed.pop_front() {
            let answers = match owed {
                Owed::Message if self.endpoint == Endpoint::Lmtp => self.accepted.max(1),
                _ => 1,
            };
            for _ in 0..answers {
                let answer = self.hear(owed).await;
                self.answer = answer?;
            }
            if owed == Owed::Recipient && self.answer.starts_with(b"2") {
                self.accepted += 1;
            }
        }
        Ok(())
    }

    /// Whether the server waits for what comes next. A client that has not listened has to hope so.
    fn expects(&self, answers: &[&str]) -> bool {
        let mut answers = answers.iter();
        !self.owed.is_empty()
            || self.connection.is_deaf
            || answers.any(|start| self.status().starts_with(start.as_bytes()))
    }

    pub(super) fn is_imap(&self) -> bool {
        matches!(self.endpoint, Endpoint::Imap | Endpoint::Imaps)
    }

    fn read(&self, line: &[u8]) -> Command {
        match self.endpoint {
            Endpoint::Pop3 | Endpoint::Pop3s => Pop3::command(line),
            Endpoint::Imap | Endpoint::Imaps => Imap::command(line),
            _ => Smtp::command(line),
        }
    }

    fn owed_for(&self, command: &Command, line: &str) -> Owed {
        let Place::Command(verb) = &command.place else {
            return Owed::Line;
        };
        let is_pop3 = matches!(self.endpoint, Endpoint::Pop3 | Endpoint::Pop3s);
        let has_argument = line.trim_end().contains(' ');
        match verb.as_str() {
            "RCPT" => Owed::Recipient,
            "CAPA" | "RETR" | "TOP" if is_pop3 => Owed::Listing,
            "LIST" | "UIDL" | "AUTH" if is_pop3 && !has_argument => Owed::Listing,
            _ => Owed::Line,
        }
    }

    fn meet_command(&self, command: &Command, line: &[u8]) -> Hits {
        let addresses = match &command.address {
            Some(address) => std::slice::from_ref(address),
            None => &self.addresses[..],
        };
        let mut hits = self.meet(command.place.clone(), line, addresses);
        if let Some(mechanism) = &command.mechanism {
            let place = Place::Mechanism(mechanism.clone());
            hits.0.extend(self.meet(place, line, addresses).0);
        }
        hits.0.sort_by_key(|hit| hit.after);
        hits
    }

    fn meet(&self, place: Place, line: &[u8], addresses: &[String]) -> Hits {
        let meeting = Meeting {
            endpoint: self.endpoint,
            connection: 0,
            place,
            line,
            addresses,
            now: self.clock.now(),
        };
        let hits = self.faults.meet(&meeting);
        for hit in &hits {
            let (place, action) = (&meeting.place, &hit.action);
            self.connection.note(format!("fault at {place}: {action}"));
        }
        Hits(hits)
    }
}

/// A message with a second dot in front of each that begins a line (RFC 5321 section 4.5.2).
fn stuffed(message: &[u8]) -> Vec<u8> {
    let mut stuffed = Vec::with_capacity(message.len());
    let mut begins_line = true;
    for (index, &octet) in message.iter().enumerate() {
        if begins_line && octet == b'.' {
            stuffed.push(b'.');
        }
        stuffed.push(octet);
        begins_line = octet == b'\n' && index > 0 && message[index - 1] == b'\r';
    }
    stuffed
}
