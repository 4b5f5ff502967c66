//! A driver for threads and blocking transports.

use std::io::{self, ErrorKind, Read, Write};
use std::time::{Duration, Instant};

use bytes::Buf;

use super::{DriveError, FAREWELL, FAREWELL_OCTETS, Next};
use crate::{Machine, Step};

/// A stream whose reads and writes can be given a time limit, so that a machine's deadlines are
/// kept.
///
/// Implemented for the sockets of the standard library. For a TLS stream, pass the call on to
/// the socket below.
pub trait Transport: Read + Write {
    /// Reads return [`ErrorKind::WouldBlock`] or [`ErrorKind::TimedOut`] after this long.
    ///
    /// # Errors
    ///
    /// If the transport refuses.
    fn set_read_timeout(&mut self, timeout: Option<Duration>) -> io::Result<()>;

    /// Writes return such an error after this long.
    ///
    /// # Errors
    ///
    /// If the transport refuses.
    fn set_write_timeout(&mut self, timeout: Option<Duration>) -> io::Result<()>;

    /// Says that we will send no more.
    ///
    /// # Errors
    ///
    /// If the transport refuses.
    fn finish(&mut self) -> io::Result<()>;
}

#[expect(clippy::disallowed_types, reason = "a blocking transport is just this")]
impl Transport for std::net::TcpStream {
    fn set_read_timeout(&mut self, timeout: Option<Duration>) -> io::Result<()> {
        Self::set_read_timeout(self, timeout)
    }

    fn set_write_timeout(&mut self, timeout: Option<Duration>) -> io::Result<()> {
        Self::set_write_timeout(self, timeout)
    }

    fn finish(&mut self) -> io::Result<()> {
        self.shutdown(std::net::Shutdown::Write)
    }
}

#[cfg(unix)]
impl Transport for std::os::unix::net::UnixStream {
    fn set_read_timeout(&mut self, timeout: Option<Duration>) -> io::Result<()> {
        Self::set_read_timeout(self, timeout)
    }

    fn set_write_timeout(&mut self, timeout: Option<Duration>) -> io::Result<()> {
        Self::set_write_timeout(self, timeout)
    }

    fn finish(&mut self) -> io::Result<()> {
        self.shutdown(std::net::Shutdown::Write)
    }
}

/// Drives a machine over a blocking transport.
///
/// ```no_run
/// use mailwire::drive::{blocking::Driver, Next};
/// # fn serve<M: mailwire::Machine>(machine: M, socket: std::net::TcpStream)
/// #     -> Result<(), Box<dyn std::error::Error>> where M::Event: std::fmt::Debug {
/// let mut driver = Driver::new(machine, socket);
/// loop {
///     match driver.next()? {
///         Next::Event(event) => println!("{event:?}"), // answer through driver.machine()
///         Next::Closed => break Ok(()),
///         Next::Paused | Next::StartTls => unimplemented!("not in this example"),
///     }
/// }
/// # }
/// ```
#[derive(Debug)]
pub struct Driver<M, T> {
    machine: M,
    transport: T,
    /// The time limits that the transport has been given.
    limits: Limits,
    /// Where a read lands before it is appended to the machine's input: std cannot read into
    /// uninitialised memory.
    landing: Vec<u8>,
}

impl<M: Machine, T: Transport> Driver<M, T> {
    /// Puts a machine and a transport together.
    pub fn new(machine: M, transport: T) -> Self {
        Self {
            machine,
            transport,
            limits: Limits::default(),
            landing: vec![0; LANDING],
        }
    }

    /// The machine, to answer its events.
    pub fn machine(&mut self) -> &mut M {
        &mut self.machine
    }

    /// Takes both apart, for a TLS handshake.
    pub fn into_parts(self) -> (M, T) {
        (self.machine, self.transport)
    }

    /// Moves bytes until the application is needed.
    ///
    /// # Errors
    ///
    /// If the transport fails, or the machine ends the conversation with an error.
    #[expect(
        clippy::should_implement_trait,
        reason = "named as in the asynchronous driver"
    )]
    pub fn next(&mut self) -> Result<Next<M::Event>, DriveError<M::Error>> {
        loop {
            #[expect(clippy::disallowed_methods, reason = "a driver brings the clock")]
            let now = Instant::now();
            match self.machine.step(now) {
                Ok(Step::Event(event)) => return Ok(Next::Event(event)),
                Ok(Step::Paused) => return Ok(Next::Paused),
                Ok(Step::NeedFlush) => {
                    self.send()?;
                }
                Ok(Step::NeedInput) => {
                    if self.send()? {
                        self.receive(now)?;
                    }
                }
                Ok(Step::StartTls) => {
                    if self.send()? {
                        return Ok(Next::StartTls);
                    }
                }
                Ok(Step::Close) => {
                    // What has come must not be left unread, but nothing is waited for.
                    self.part(now, SHORTEST_WAIT);
                    return Ok(Next::Closed);
                }
                Err(error) => {
                    // The peer may still be talking, and has to hear us first.
                    self.part(now, FAREWELL);
                    return Err(DriveError::Protocol(error));
                }
            }
        }
    }

    /// Sends what waits and says whether that was possible before the machine's deadline. If not,
    /// the machine has to look at the time.
    fn send(&mut self) -> io::Result<bool> {
        self.send_until(self.machine.deadline())
    }

    fn send_until(&mut self, deadline: Option<Instant>) -> io::Result<bool> {
        while self.machine.output().has_remaining() {
            #[expect(clippy::disallowed_methods, reason = "a driver brings the clock")]
            let left = deadline.map(|deadline| deadline.saturating_duration_since(Instant::now()));
            if left == Some(Duration::ZERO) {
                return Ok(false);
            }
            self.limits.write(&mut self.transport, left)?;
            let output = self.machine.output();
            match self.transport.write(output.chunk()) {
                Ok(0) => return Err(ErrorKind::WriteZero.into()),
                Ok(sent) => output.advance(sent),
                Err(error) if is_timeout(&error) => {}
                Err(error) => return Err(error),
            }
        }
        self.transport.flush()?;
        Ok(true)
    }

    fn receive(&mut self, now: Instant) -> io::Result<()> {
        let deadline = self.machine.deadline();
        let left = deadline.map(|deadline| deadline.saturating_duration_since(now));
        self.limits.read(&mut self.transport, left)?;
        let input = self.machine.input();
        let room = self.landing.len().min(input.limit() - input.len());
        match self.transport.read(&mut self.landing[..room]) {
            Ok(0) => self.machine.eof(),
            Ok(count) => {
                let taken = input.extend(&self.landing[..count]);
                debug_assert_eq!(taken, count, "no more was read than there was room for");
            }
            Err(error) if is_timeout(&error) => {}
            Err(error) => return Err(error),
        }
        Ok(())
    }

    /// Sends what is left and closes so that the peer gets to see it, as well as that goes: an
    /// answer that stands in front of unread input would be destroyed by a reset.
    fn part(&mut self, now: Instant, listen: Duration) {
        let sent = self.send_until(Some(now + FAREWELL));
        if !matches!(sent, Ok(true)) || self.transport.finish().is_err() {
            return;
        }
        let _ = self.limits.read(&mut self.transport, Some(listen));
        let mut octets = 0;
        while octets < FAREWELL_OCTETS {
            match self.transport.read(&mut self.landing) {
                Ok(0) => return,
                Ok(count) => octets += count,
                Err(_) => return,
            }
            if now.elapsed() > FAREWELL {
                return;
            }
        }
    }
}

/// The time limits of a transport. They are coarse, so that a socket need not be told of every deadline; a machine that is
/// stepped too early just asks for more.
#[derive(Debug, Default)]
struct Limits {
    read: Option<Duration>,
    write: Option<Duration>,
}

impl Limits {
    fn read(&mut self, transport: &mut impl Transport, left: Option<Duration>) -> io::Result<()> {
        renew(&mut self.read, left, |limit| {
            transport.set_read_timeout(limit)
        })
    }

    fn write(&mut self, transport: &mut impl Transport, left: Option<Duration>) -> io::Result<()> {
        renew(&mut self.write, left, |limit| {
            transport.set_write_timeout(limit)
        })
    }
}

/// Tells a transport of a limit if it is another than before.
fn renew(
    known: &mut Option<Duration>,
    left: Option<Duration>,
    tell: impl FnOnce(Option<Duration>) -> io::Result<()>,
) -> io::Result<()> {
    let limit = left.map(coarse);
    if limit != *known {
        tell(limit)?;
        *known = limit;
    }
    Ok(())
}

/// The longest of the times that are doubled again and again which is no longer than this one.
fn coarse(left: Duration) -> Duration {
    let times = (left.as_nanos() / SHORTEST_WAIT.as_nanos()).max(1);
    let doubled = u32::try_from(times).map_or(u32::BITS - 1, u32::ilog2);
    SHORTEST_WAIT * 2_u32.pow(doubled)
}

fn is_timeout(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        ErrorKind::WouldBlock | ErrorKind::TimedOut | ErrorKind::Interrupted
    )
}

/// Octets read at a time.
const LANDING: usize = 32 * 1024;

/// The shortest time limit that is asked for: zero means none.
const SHORTEST_WAIT: Duration = Duration::from_millis(1);

#[cfg(test)]
mod tests {
    use std::io::{self, Read, Write};
    use std::time::Duration;

    use super::{Limits, Transport, coarse};

    #[derive(Default)]
    struct Asked(Vec<Option<Duration>>);

    impl Transport for Asked {
        fn set_read_timeout(&mut self, timeout: Option<Duration>) -> io::Result<()> {
            self.0.push(timeout);
            Ok(())
        }

        fn set_write_timeout(&mut self, timeout: Option<Duration>) -> io::Result<()> {
            self.0.push(timeout);
            Ok(())
        }

        fn finish(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    impl Read for Asked {
        fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
            Ok(0)
        }
    }

    impl Write for Asked {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn a_limit_is_never_late_zero_or_far_too_early() {
        for left in [0, 1, 2, 3, 999, 1_000, 1_024, 299_999, 300_000, u64::MAX] {
            let left = Duration::from_millis(left);
            let limit = coarse(left);
            assert!(limit > Duration::ZERO);
            assert!(limit <= left.max(Duration::from_millis(1)), "{left:?}");
            let longest = Duration::from_millis(1 << 31);
            assert!(limit >= left.min(longest) / 2, "{left:?}");
        }
    }

    #[test]
    fn deadlines_that_move_with_the_clock_are_told_once() {
        let (mut limits, mut transport) = (Limits::default(), Asked::default());
        for left in [300_000, 299_990, 300_000, 290_000] {
            let left = Some(Duration::from_millis(left));
            limits.read(&mut transport, left).expect("it takes all");
            limits.write(&mut transport, left).expect("it takes all");
        }
        assert_eq!(transport.0.len(), 2);
        limits.read(&mut transport, None).expect("it takes all");
        assert_eq!(transport.0.last(), Some(&None));
    }
}
