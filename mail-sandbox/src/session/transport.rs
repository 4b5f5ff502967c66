//! Octets to and from a client, and the ways in which a connection ends.

use std::fmt;

use bytes::BytesMut;
use mailwire::TlsInfo;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::server::TlsStream;

use crate::authority::{self, Certificate};
use crate::limits::{FAREWELL, HANDSHAKE};

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
    /// The client has gone, or the network.
    Theirs,
    /// No TLS came about.
    Handshake,
    /// A fault closed it.
    Dropped,
    /// A fault reset it.
    Reset,
}

impl fmt::Display for Ended {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Ours => "closed by the server",
            Self::Theirs => "closed by the client",
            Self::Handshake => "the TLS handshake failed",
            Self::Dropped => "closed by a fault",
            Self::Reset => "reset by a fault",
        })
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

    /// Begins TLS.
    pub(crate) async fn secure(&mut self, certificate: Certificate) -> Result<TlsInfo, Ended> {
        let Stream::Bare(stream) = std::mem::replace(&mut self.stream, Stream::Gone) else {
            return Err(Ended::Handshake);
        };
        let accepted = timeout(HANDSHAKE, authority::accept(certificate, stream)).await;
        let Ok(Ok((stream, info))) = accepted else {
            return Err(Ended::Handshake);
        };
        self.stream = Stream::Secured(Box::new(stream));
        Ok(info)
    }

    /// Closes so that the client gets to see our last words: behind unread input, a reset would
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
