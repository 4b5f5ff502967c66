//! A driver for tokio.

use std::future::{Future as _, poll_fn};
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Instant;

use bytes::{Buf, BytesMut};
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt};
use tokio::time::{Sleep, sleep_until, timeout};
use tokio_util::io::{poll_read_buf, poll_write_buf};

use super::{DriveError, FAREWELL, FAREWELL_OCTETS, Next};
use crate::{Machine, Step};

/// Drives a machine over an asynchronous transport, full duplex.
///
/// [`next`](Self::next) is cancel-safe: whatever has been received or sent is accounted for in
/// the machine, so the future may be dropped at any time and called again. That is how an
/// application waits for the peer and for its own news at once.
#[derive(Debug)]
pub struct Driver<M, T> {
    machine: M,
    transport: T,
    /// One timer for the whole conversation. It may be set to an earlier time than the
    /// machine's deadline, and is only moved when it fires: deadlines mostly move away.
    alarm: Option<Pin<Box<Sleep>>>,
    /// The transport may hold on to octets it was given.
    unflushed: bool,
    /// The peer has closed its side.
    ended: bool,
}

impl<M, T> Driver<M, T>
where
    M: Machine,
    T: AsyncRead + AsyncWrite + Unpin,
{
    /// Puts a machine and a transport together.
    pub fn new(machine: M, transport: T) -> Self {
        Self {
            machine,
            transport,
            alarm: None,
            unflushed: false,
            ended: false,
        }
    }

    /// The machine, to answer its events.
    pub fn machine(&mut self) -> &mut M {
        &mut self.machine
    }

    /// The transport, to ask it about the peer.
    pub fn transport(&self) -> &T {
        &self.transport
    }

    /// Takes both apart, for a TLS handshake.
    pub fn into_parts(self) -> (M, T) {
        (self.machine, self.transport)
    }

    /// Moves bytes until the application is needed. Cancel-safe.
    ///
    /// # Errors
    ///
    /// If the transport fails, or the machine ends the conversation with an error.
    pub async fn next(&mut self) -> Result<Next<M::Event>, DriveError<M::Error>> {
        loop {
            #[expect(clippy::disallowed_methods, reason = "a driver brings the clock")]
            let now = Instant::now();
            match self.machine.step(now) {
                Ok(Step::Event(event)) => return Ok(Next::Event(event)),
                Ok(Step::Paused) => return Ok(Next::Paused),
                Ok(Step::NeedInput) => poll_fn(|cx| self.exchange(Want::Input, cx)).await?,
                Ok(Step::NeedFlush) => poll_fn(|cx| self.exchange(Want::Flush, cx)).await?,
                Ok(Step::StartTls) => {
                    if poll_fn(|cx| self.send_in_time(cx)).await? {
                        return Ok(Next::StartTls);
                    }
                }
                Ok(Step::Close) => {
                    let _ = timeout(FAREWELL, self.part(Listen::WhileThereIs)).await;
                    return Ok(Next::Closed);
                }
                Err(error) => {
                    let _ = timeout(FAREWELL, self.part(Listen::ToTheEnd)).await;
                    return Err(DriveError::Protocol(error));
                }
            }
        }
    }

    /// Sends what is there, without waiting for anything else. Cancel-safe.
    ///
    /// # Errors
    ///
    /// If the transport fails.
    pub async fn flush(&mut self) -> io::Result<()> {
        poll_fn(|cx| self.send_all(cx)).await
    }

    /// Writes and reads at the same time, until what the machine wants has happened in part.
    fn exchange(&mut self, want: Want, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let flushed = match self.send_all(cx) {
            Poll::Ready(Err(error)) => return Poll::Ready(Err(error)),
            Poll::Ready(Ok(())) => true,
            Poll::Pending => false,
        };
        if want == Want::Flush && !self.machine.output().is_over() {
            return Poll::Ready(Ok(()));
        }
        // While flushing, too, we listen: a peer that sends before it reads must not be
        // waited for while it waits for us.
        if !self.ended && !self.machine.input().is_full() {
            let mut space = self.machine.input().space();
            match poll_read_buf(Pin::new(&mut self.transport), cx, &mut space) {
                Poll::Ready(Ok(0)) => {
                    self.ended = true;
                    self.machine.eof();
                    return Poll::Ready(Ok(()));
                }
                Poll::Ready(Ok(_)) => return Poll::Ready(Ok(())),
                Poll::Ready(Err(error)) => return Poll::Ready(Err(error)),
                Poll::Pending => {}
            }
        } else if flushed && want == Want::Input {
            // Its contract forbids a machine to want more than it may hold or than there is.
            return Poll::Ready(Err(io::Error::other("the machine wants impossible input")));
        }
        self.poll_alarm(cx).map(Ok)
    }

    fn send_all(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        while self.machine.output().has_remaining() {
            if ready!(self.send_some(cx))? == 0 {
                return Poll::Ready(Err(io::ErrorKind::WriteZero.into()));
            }
            self.unflushed = true;
        }
        if self.unflushed {
            ready!(Pin::new(&mut self.transport).poll_flush(cx))?;
            self.unflushed = false;
        }
        Poll::Ready(Ok(()))
    }

    fn send_some(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<usize>> {
        let transport = Pin::new(&mut self.transport);
        let output = self.machine.output();
        if output.chunk().len() < output.remaining() {
            return poll_write_buf(transport, cx, output);
        }
        // One piece, as most replies are, is less work for the system than a list of one.
        let sent = ready!(transport.poll_write(cx, output.chunk()))?;
        output.advance(sent);
        Poll::Ready(Ok(sent))
    }

    /// Sends what waits and says whether that was possible before the machine's deadline.
    fn send_in_time(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<bool>> {
        match self.send_all(cx) {
            Poll::Ready(sent) => Poll::Ready(sent.map(|()| true)),
            Poll::Pending => self.poll_alarm(cx).map(|()| Ok(false)),
        }
    }

    /// Ready when the machine's deadline has come.
    fn poll_alarm(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let Some(deadline) = self.machine.deadline() else {
            return Poll::Pending;
        };
        let deadline = tokio::time::Instant::from_std(deadline);
        let alarm = self
            .alarm
            .get_or_insert_with(|| Box::pin(sleep_until(deadline)));
        if deadline < alarm.deadline() {
            alarm.as_mut().reset(deadline);
        }
        loop {
            ready!(alarm.as_mut().poll(cx));
            if deadline <= alarm.deadline() {
                return Poll::Ready(());
            }
            alarm.as_mut().reset(deadline);
        }
    }

    /// Sends what is left and closes so that the peer gets to see it: an answer that stands in
    /// front of unread input would be destroyed by a reset.
    async fn part(&mut self, listen: Listen) -> io::Result<()> {
        self.flush().await?;
        self.transport.shutdown().await?;
        let mut ignored = BytesMut::with_capacity(FAREWELL_PIECE);
        let mut octets = 0;
        while octets < FAREWELL_OCTETS && !self.ended {
            ignored.clear();
            let read = poll_fn(|cx| {
                let read = poll_read_buf(Pin::new(&mut self.transport), cx, &mut ignored);
                match (read, listen) {
                    (Poll::Pending, Listen::WhileThereIs) => Poll::Ready(Ok(0)),
                    (read, _) => read,
                }
            });
            match read.await? {
                0 => return Ok(()),
                count => octets += count,
            }
        }
        Ok(())
    }
}

/// How much is read at a time of what comes behind a farewell. Mostly there is nothing.
const FAREWELL_PIECE: usize = 1000;

/// How long a peer is listened to that has nothing to say any more.
#[derive(Clone, Copy)]
enum Listen {
    /// After an orderly end: what has come must not be left unread, but nothing is waited for.
    WhileThereIs,
    /// After an error: the peer may still be talking, and has to hear us first.
    ToTheEnd,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Want {
    Input,
    Flush,
}
