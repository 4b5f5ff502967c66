//! Octets to and from a peer, and the ways in which a connection ends.

use bytes::BytesMut;
use mailwire::TlsInfo;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::TlsStream;

use crate::authority::{self, Certificate};
use crate::fault::Side;
use crate::limits::{FAREWELL, HANDSHAKE};
use crate::trust;

/// A socket, bare or under TLS, with what has come and nobody has looked at.
pub(crate) struct Transport {
    stream: Stream,
    pub(crate) buffer: BytesMut,
}

enum Stream {
    Bare(TcpStream),
    Secured(Box<TlsStream<TcpStream>>),
    /// A handshake has failed.
    Gone,
}

/// How a connection has ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Ended {
    /// All was said.
    Ours,
    /// The peer has gone, or the network.
    Theirs,
    /// No TLS came about.
    Handshake,
    /// A fault closed it.
    Dropped,
    /// A fault reset it.
    Reset,
    /// The client said something that is not in the transcript.
    Astray,
    /// The peer took too long.
    GaveUp,
}

impl Ended {
    /// For the record of one who was at this side.
    pub(crate) fn describe(self, side: Side) -> String {
        match self {
            Self::Ours => format!("closed by the {side}"),
            Self::Theirs => format!("closed by the {}", side.peer()),
            Self::Handshake => "the TLS handshake failed".into(),
            Self::Dropped => "closed by a fault".into(),
            Self::Reset => "reset by a fault".into(),
            Self::Astray => "closed by the transcript, which does not go on like this".into(),
            Self::GaveUp => format!("the {side} gave up waiting"),
        }
    }
}

impl Transport {
    pub(crate) fn new(stream: TcpStream) -> Self {
        // Answers are whole when they are written.
        let _ = stream.set_nodelay(true);
        Self {
            stream: Stream::Bare(stream),
            buffer: BytesMut::new(),
        }
    }

    /// Reads more into the buffer. Cancel-safe.
    pub(crate) async fn read(&mut self) -> Result<(), Ended> {
        self.buffer.reserve(READ);
        let read = match &mut self.stream {
            Stream::Bare(stream) => stream.read_buf(&mut self.buffer).await,
            Stream::Secured(stream) => stream.read_buf(&mut self.buffer).await,
            Stream::Gone => return Err(Ended::Theirs),
        };
        match read {
            Ok(0) | Err(_) => Err(Ended::Theirs),
            Ok(_) => Ok(()),
        }
    }

    pub(crate) async fn write(&mut self, bytes: &[u8]) -> Result<(), Ended> {
        let written = match &mut self.stream {
            Stream::Bare(stream) => stream.write_all(bytes).await,
            Stream::Secured(stream) => match stream.write_all(bytes).await {
                Ok(()) => stream.flush().await,
                error => error,
            },
            Stream::Gone => return Err(Ended::Theirs),
        };
        written.map_err(|_| Ended::Theirs)
    }

    /// Begins TLS as the server, who shows this certificate.
    pub(crate) async fn accept(&mut self, certificate: Certificate) -> Result<TlsInfo, Ended> {
        let stream = self.bare()?;
        let accepted = timeout(HANDSHAKE, authority::accept(certificate, stream)).await;
        let Ok(Ok(stream)) = accepted else {
            return Err(Ended::Handshake);
        };
        Ok(self.secured(stream.into()))
    }

    /// Begins TLS as the client, who believes every server.
    pub(crate) async fn connect(&mut self, server_name: &str) -> Result<TlsInfo, Ended> {
        let stream = self.bare()?;
        let connected = timeout(HANDSHAKE, trust::connect(server_name, stream)).await;
        let Ok(Ok(stream)) = connected else {
            return Err(Ended::Handshake);
        };
        Ok(self.secured(stream.into()))
    }

    fn bare(&mut self) -> Result<TcpStream, Ended> {
        match std::mem::replace(&mut self.stream, Stream::Gone) {
            Stream::Bare(stream) => Ok(stream),
            _ => Err(Ended::Handshake),
        }
    }

    fn secured(&mut self, stream: TlsStream<TcpStream>) -> TlsInfo {
        let info = authority::info(&stream);
        self.stream = Stream::Secured(Box::new(stream));
        info
    }

    /// Closes so that the peer gets to see our last words: behind unread input, a reset would
    /// destroy them.
    pub(crate) async fn part(&mut self) {
        let shut = match &mut self.stream {
            Stream::Bare(stream) => stream.shutdown().await,
            Stream::Secured(stream) => stream.shutdown().await,
            Stream::Gone => return,
        };
        if shut.is_ok() {
            let listen = async {
                while self.read().await.is_ok() {
                    self.buffer.clear();
                }
            };
            let _ = timeout(FAREWELL, listen).await;
        }
    }

    /// Has the connection reset when it is dropped.
    pub(crate) fn reset(&self) {
        let stream = match &self.stream {
            Stream::Bare(stream) => stream,
            Stream::Secured(stream) => stream.get_ref().0,
            Stream::Gone => return,
        };
        let _ = stream.set_zero_linger();
    }
}

/// Room that is made for a read.
const READ: usize = 16 * 1024;
