//! A server that passes everything on to another, and remembers it.

use std::sync::Arc;

use bytes::BytesMut;
use tokio::net::TcpStream;

use super::units::{Unit, Units};
use crate::authority::Certificate;
use crate::connection::{Connection, Ended, Transport};
use crate::conversation::Conversation;
use crate::endpoint::Endpoint;
use crate::fault::{Place, Side};
use crate::sandbox::Shared;

/// Serves a connection by another to this server.
pub(crate) async fn record(
    shared: Arc<Shared>,
    endpoint: Endpoint,
    stream: TcpStream,
    conversation: Conversation,
    server: &str,
) {
    let clock = shared.clock.clone();
    let mut connection = Connection::new(Side::Server, stream, conversation, clock);
    let ended = match TcpStream::connect(server).await {
        Ok(upstream) => {
            let host = server.rsplit_once(':').map_or(server, |(host, _)| host);
            let mut recorder = Recorder {
                host: host.trim_matches(['[', ']']).to_owned(),
                upstream: Transport::new(upstream),
                units: Units::new(endpoint),
                answer: BytesMut::new(),
                starts_tls: false,
                connection,
            };
            let ended = recorder.run(endpoint).await;
            recorder.remember();
            connection = recorder.connection;
            ended.err().unwrap_or(Ended::Ours)
        }
        Err(error) => {
            connection.note(format!("cannot connect to {server}: {error}"));
            Ended::Ours
        }
    };
    connection.end(ended).await;
}

struct Recorder {
    host: String,
    upstream: Transport,
    connection: Connection,
    units: Units,
    /// What the server has said and is not remembered yet: until its line has an end.
    answer: BytesMut,
    /// The client has asked for TLS.
    starts_tls: bool,
}

impl Recorder {
    async fn run(&mut self, endpoint: Endpoint) -> Result<(), Ended> {
        if endpoint.is_secured() {
            self.secure().await?;
        }
        loop {
            tokio::select! {
                read = self.connection.read() => {
                    read?;
                    self.client_said().await?;
                }
                read = self.upstream.read() => match read {
                    Ok(()) => self.server_said().await?,
                    Err(_) => return Ok(()),
                },
            }
        }
    }

    async fn client_said(&mut self) -> Result<(), Ended> {
        self.remember();
        let octets = self.connection.transport.buffer.split();
        self.upstream.write(&octets).await?;
        self.units.buffer.unsplit(octets);
        while let Some(unit) = self.units.next() {
            match unit {
                Unit::Line { command, shown } => {
                    self.starts_tls = matches!(
                        &command.place,
                        Place::Command(verb) if verb == "STARTTLS" || verb == "STLS"
                    );
                    self.connection.hear(shown);
                }
                Unit::Rest(octets) | Unit::Piece(octets) => self.connection.hear(octets),
            }
        }
        Ok(())
    }

    async fn server_said(&mut self) -> Result<(), Ended> {
        let octets = self.upstream.buffer.split();
        self.connection.write(&octets).await?;
        self.answer.unsplit(octets);
        if !self.answer.ends_with(b"\n") {
            return Ok(());
        }
        let has_agreed = self.units.agrees(&self.answer);
        self.remember();
        match std::mem::take(&mut self.starts_tls) && has_agreed {
            true => self.secure().await,
            false => Ok(()),
        }
    }

    /// Remembers what the server has said.
    fn remember(&mut self) {
        if !self.answer.is_empty() {
            let answer = self.answer.split().freeze();
            self.units.hear_server(&answer);
            self.connection.remember(answer);
        }
    }

    /// TLS with both: each believes that it talks to the other.
    async fn secure(&mut self) -> Result<(), Ended> {
        self.connection.accept(Certificate::Good).await?;
        let secured = self.upstream.connect(&self.host).await;
        secured.map(|_| ()).inspect_err(|_| {
            self.connection.note("no TLS with the server".into());
        })
    }
}
