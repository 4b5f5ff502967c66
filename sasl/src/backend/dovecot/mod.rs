//! Dovecot's authentication protocol, from the client's side: any number of exchanges on one
//! connection, answered in any order.
//!
//! <https://doc.dovecot.org/2.4.4/developers/design/auth_protocol.html>, version 1.2. A
//! [`Client`] is fed with what was read, says what to write, and hands out [`Event`]s:
//!
//! ```
//! use sasl::backend::dovecot::{Client, Event, Request};
//!
//! let mut client = Client::new(4711);
//! assert_eq!(client.take_output().as_slice(), b"VERSION\t1\t2\nCPID\t4711\n");
//! client.receive(b"VERSION\t1\t2\nMECH\tPLAIN\tplaintext\nSPID\t1\nCUID\t2\nDONE\n")?;
//! assert_eq!(client.event(), Some(Event::Ready));
//!
//! let id = client.start(&Request::new("PLAIN", "smtp").initial(b"\0tim\0tanstaaf"))?;
//! assert!(client.take_output().ends_with(b"\tresp=AHRpbQB0YW5zdGFhZg==\n"));
//! client.receive(b"OK\t1\tuser=tim\n")?;
//! assert_eq!(client.event(), Some(Event::Accepted { id, user: "tim".to_owned() }));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! Not supported: channel bindings (version 1.3), and the sockets on which users are looked up.

mod field;
mod request;

use std::collections::{BTreeSet, VecDeque};
use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use zeroize::Zeroizing;

pub use request::Request;

use self::field::{encode, unescape};
use crate::limits;
use crate::server::Verdict;

/// A connection to the authentication service.
///
/// When it has failed, make a new one: exchanges do not outlive it.
pub struct Client {
    state: State,
    /// What was read of a line that has not ended.
    line: Vec<u8>,
    output: Zeroizing<Vec<u8>>,
    events: VecDeque<Event>,
    mechanisms: Vec<Mechanism>,
    /// The exchanges that were not answered for good.
    open: BTreeSet<u32>,
    last_id: u32,
}

impl Client {
    /// A new connection, with the process id of this program. What is to be written is there at
    /// once: newer versions say nothing before they have read it.
    #[must_use]
    pub fn new(process: u32) -> Self {
        // 0 is not taken.
        let hello = format!("VERSION\t1\t2\nCPID\t{}\n", process.max(1));
        Self {
            state: State::Handshake { versioned: false },
            line: Vec::new(),
            output: Zeroizing::new(hello.into_bytes()),
            events: VecDeque::new(),
            mechanisms: Vec::new(),
            open: BTreeSet::new(),
            last_id: 0,
        }
    }

    /// What to write. It holds passwords: it wipes itself.
    #[must_use]
    pub fn take_output(&mut self) -> Zeroizing<Vec<u8>> {
        std::mem::take(&mut self.output)
    }

    /// Takes what was read; then ask for [events](Self::event).
    ///
    /// # Errors
    ///
    /// If this is not the service that it should be. The connection is of no use any more, and
    /// all its exchanges are over.
    pub fn receive(&mut self, octets: &[u8]) -> Result<(), Error> {
        for piece in octets.split_inclusive(|&octet| octet == b'\n') {
            if self.line.len() + piece.len() > limits::DOVECOT_LINE {
                return Err(self.fail(Error::TooLong));
            }
            self.line.extend_from_slice(piece);
            if piece.last() != Some(&b'\n') {
                break;
            }
            let mut line = std::mem::take(&mut self.line);
            line.pop();
            if let Err(error) = self.take(&line) {
                return Err(self.fail(error));
            }
            line.clear();
            self.line = line;
        }
        Ok(())
    }

    /// What has happened.
    pub fn event(&mut self) -> Option<Event> {
        self.events.pop_front()
    }

    /// Whether the handshake is done, and nothing has failed.
    #[must_use]
    pub fn is_ready(&self) -> bool {
        matches!(self.state, State::Ready)
    }

    /// The mechanisms that it may be asked for, from the handshake.
    #[must_use]
    pub fn mechanisms(&self) -> &[Mechanism] {
        &self.mechanisms
    }

    /// Begins an exchange, and returns its number.
    ///
    /// # Errors
    ///
    /// If the service would close the connection for it, with all other exchanges.
    pub fn start(&mut self, request: &Request<'_>) -> Result<u32, Refused> {
        if !self.is_ready() {
            return Err(Refused::NotReady);
        }
        let name = request.mechanism;
        let Some(known) = self
            .mechanisms
            .iter()
            .find(|known| known.name.eq_ignore_ascii_case(name))
        else {
            return Err(Refused::Unsupported);
        };
        let Some(id) = self.last_id.checked_add(1) else {
            return Err(Refused::NotReady);
        };
        let line = request.line(id, &known.name);
        self.send(&line)?;
        self.last_id = id;
        self.open.insert(id);
        Ok(id)
    }

    /// Answers a challenge of an exchange.
    ///
    /// # Errors
    ///
    /// If the exchange is over, or the response is longer than a line.
    pub fn respond(&mut self, id: u32, response: &[u8]) -> Result<(), Refused> {
        if !self.open.contains(&id) || !self.is_ready() {
            return Err(Refused::NotReady);
        }
        let mut line = Zeroizing::new(Vec::with_capacity(32 + response.len() * 2));
        line.extend_from_slice(format!("CONT\t{id}\t").as_bytes());
        encode(response, &mut line);
        self.send(&line)
    }

    /// Gives up an exchange. What the service still says to it is passed over.
    pub fn cancel(&mut self, id: u32) {
        if self.open.remove(&id) && self.is_ready() {
            let line = format!("CANCEL\t{id}");
            let sent = self.send(line.as_bytes());
            debug_assert!(sent.is_ok(), "a short line");
        }
    }

    fn send(&mut self, line: &[u8]) -> Result<(), Refused> {
        if line.len() >= limits::DOVECOT_LINE {
            return Err(Refused::TooLong);
        }
        self.output.extend_from_slice(line);
        self.output.push(b'\n');
        Ok(())
    }

    fn fail(&mut self, error: Error) -> Error {
        self.state = State::Failed;
        self.open.clear();
        error
    }

    /// Takes one line: the transitions of the machine.
    fn take(&mut self, line: &[u8]) -> Result<(), Error> {
        let mut fields = line.split(|&octet| octet == b'\t');
        let command = fields.next().unwrap_or_default();
        match (&mut self.state, command) {
            (State::Failed, _) => return Err(Error::Malformed),
            (State::Handshake { versioned }, b"VERSION") => {
                if fields.next() != Some(b"1") {
                    return Err(Error::Version);
                }
                *versioned = true;
            }
            (State::Handshake { .. }, b"MECH") => {
                let name = fields.next().unwrap_or_default();
                let flags: Vec<_> = fields.collect();
                if let Some(mechanism) = Mechanism::parse(name, &flags) {
                    if self.mechanisms.len() < limits::DOVECOT_MECHANISMS {
                        self.mechanisms.push(mechanism);
                    }
                }
            }
            // Sockets for other purposes say so too, but know no mechanisms.
            (State::Handshake { versioned }, b"DONE") => {
                if !*versioned || self.mechanisms.is_empty() {
                    return Err(Error::OtherService);
                }
                self.state = State::Ready;
                self.events.push_back(Event::Ready);
            }
            (State::Ready, b"CONT" | b"OK" | b"FAIL") => {
                let id = fields.next().and_then(number).ok_or(Error::Malformed)?;
                let fields: Vec<_> = fields.collect();
                // What was cancelled may be answered all the same.
                if !self.open.contains(&id) {
                    return Ok(());
                }
                let event = answer(id, command, &fields)?;
                if !matches!(event, Event::Challenge { .. }) {
                    self.open.remove(&id);
                }
                self.events.push_back(event);
            }
            // Newer versions may say more.
            (State::Handshake { .. } | State::Ready, _) => {}
        }
        Ok(())
    }
}

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Client")
            .field("state", &self.state)
            .field("mechanisms", &self.mechanisms)
            .field("open", &self.open.len())
            .finish_non_exhaustive()
    }
}

/// ```text
/// Handshake -- VERSION, MECH..., DONE --> Ready -- AUTH, CONT, OK, FAIL --> Ready
///     +-- anything wrong --> Failed <-- anything wrong --+
/// ```
#[derive(Debug)]
enum State {
    Handshake { versioned: bool },
    Ready,
    Failed,
}

/// What the service says.
#[derive(Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Event {
    /// The handshake is done: exchanges may begin.
    Ready,
    /// A challenge for the client; [`respond`](Client::respond), or [`cancel`](Client::cancel).
    Challenge {
        /// The exchange.
        id: u32,
        /// What to send, decoded.
        data: Vec<u8>,
    },
    /// The client is let in.
    Accepted {
        /// The exchange.
        id: u32,
        /// Who it is: what the service says counts, not what the client said.
        user: String,
    },
    /// It is not.
    Refused {
        /// The exchange.
        id: u32,
        /// Why; never [`Verdict::Accept`].
        verdict: Verdict,
    },
}

/// A mechanism that the service knows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mechanism {
    name: String,
    is_private: bool,
    is_plaintext: bool,
}

impl Mechanism {
    fn parse(name: &[u8], flags: &[&[u8]]) -> Option<Self> {
        let name = std::str::from_utf8(name).ok()?;
        let legal = |b: u8| b.is_ascii_alphanumeric() || b == b'-' || b == b'_';
        let fits = (1..=20).contains(&name.len()) && name.bytes().all(legal);
        fits.then(|| Self {
            name: name.to_owned(),
            is_private: flags.contains(&&b"private"[..]),
            is_plaintext: flags.contains(&&b"plaintext"[..]),
        })
    }

    /// Its name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Not to be announced to clients: it is for a command of a protocol, such as APOP.
    #[must_use]
    pub fn is_private(&self) -> bool {
        self.is_private
    }

    /// It shows the password.
    #[must_use]
    pub fn is_plaintext(&self) -> bool {
        self.is_plaintext
    }
}

/// Why something is not asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Refused {
    /// The handshake is not done, the connection has failed, or the exchange is over.
    #[error("there is no such exchange, or no connection yet")]
    NotReady,
    /// The service does not know the mechanism.
    #[error("the authentication service does not know the mechanism")]
    Unsupported,
    /// It would not fit into a line.
    #[error("the message is too long for the authentication service")]
    TooLong,
}

/// Why a connection is of no use.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// Another major version than 1.
    #[error("the authentication service speaks another version")]
    Version,
    /// A socket of Dovecot's, but not one where clients authenticate.
    #[error("this socket is not for authentication")]
    OtherService,
    /// A line of more than [`limits::DOVECOT_LINE`] octets.
    #[error("the authentication service sent too long a line")]
    TooLong,
    /// A line that cannot be understood.
    #[error("the authentication service sent a malformed line")]
    Malformed,
}

fn answer(id: u32, command: &[u8], fields: &[&[u8]]) -> Result<Event, Error> {
    match command {
        b"CONT" => {
            let data = fields.first().copied().unwrap_or_default();
            let data = STANDARD.decode(data).map_err(|_| Error::Malformed)?;
            Ok(Event::Challenge { id, data })
        }
        b"OK" => {
            let user = fields.iter().find_map(|field| field.strip_prefix(b"user="));
            let user = String::from_utf8(unescape(user.unwrap_or_default()));
            Ok(match user {
                Ok(user) if !user.is_empty() => Event::Accepted { id, user },
                // Nobody is not let in.
                _ => Event::Refused {
                    id,
                    verdict: Verdict::Unavailable,
                },
            })
        }
        _ => {
            let verdict = fields.iter().find_map(|field| match *field {
                // The second of each is how 2.2 and older say it.
                b"code=temp_fail" | b"temp" => Some(Verdict::Unavailable),
                b"code=user_disabled" | b"user_disabled" => Some(Verdict::Disabled),
                b"code=pass_expired" | b"pass_expired" => Some(Verdict::Expired),
                _ => None,
            });
            Ok(Event::Refused {
                id,
                verdict: verdict.unwrap_or(Verdict::Reject),
            })
        }
    }
}

fn number(digits: &[u8]) -> Option<u32> {
    let digits = std::str::from_utf8(digits).ok()?;
    let legal = digits.bytes().all(|octet| octet.is_ascii_digit());
    legal.then(|| digits.parse().ok())?
}

#[cfg(test)]
mod tests {
    use super::*;

    /// As version 2.3.19 greets.
    const HANDSHAKE: &[u8] = b"VERSION\t1\t2\nMECH\tPLAIN\tplaintext\nMECH\tLOGIN\tplaintext\n\
        MECH\tCRAM-MD5\tdictionary\tactive\nMECH\tSCRAM-SHA-256\tmutual-auth\n\
        MECH\tAPOP\tprivate\tdictionary\tactive\nSPID\t16489\nCUID\t1\nCOOKIE\t0123\nDONE\n";

    fn ready() -> Client {
        let mut client = Client::new(7);
        let _ = client.take_output();
        client.receive(HANDSHAKE).unwrap();
        assert_eq!(client.event(), Some(Event::Ready));
        client
    }

    fn output(client: &mut Client) -> String {
        String::from_utf8(client.take_output().to_vec()).unwrap()
    }

    fn events(client: &mut Client) -> Vec<Event> {
        std::iter::from_fn(|| client.event()).collect()
    }

    #[test]
    fn handshake() {
        for cut in 0..HANDSHAKE.len() {
            let mut client = Client::new(0);
            assert_eq!(output(&mut client), "VERSION\t1\t2\nCPID\t1\n");
            client.receive(&HANDSHAKE[..cut]).unwrap();
            assert!(!client.is_ready());
            let early = client.start(&Request::new("PLAIN", "smtp"));
            assert_eq!(early, Err(Refused::NotReady));
            client.receive(&HANDSHAKE[cut..]).unwrap();
            assert!(client.is_ready());
            let names: Vec<_> = client.mechanisms().iter().map(Mechanism::name).collect();
            assert_eq!(
                names,
                ["PLAIN", "LOGIN", "CRAM-MD5", "SCRAM-SHA-256", "APOP"]
            );
            let apop = client.mechanisms().last().unwrap();
            assert!(apop.is_private() && !apop.is_plaintext());
        }
        for (said, error) in [
            ("VERSION\t2\t0\n", Error::Version),
            ("VERSION\n", Error::Version),
            ("VERSION\t1\t2\nSPID\t1\nDONE\n", Error::OtherService),
            ("MECH\tPLAIN\nDONE\n", Error::OtherService),
            ("VERSION\t1\t2\nMECH\tPL AIN\nDONE\n", Error::OtherService),
        ] {
            let mut client = Client::new(7);
            assert_eq!(client.receive(said.as_bytes()), Err(error), "{said:?}");
            assert_eq!(client.receive(HANDSHAKE), Err(Error::Malformed));
            assert!(!client.is_ready());
        }
    }

    #[test]
    fn requests() {
        let mut client = ready();
        let request = Request::new("plain", "smtp");
        assert_eq!(client.start(&request), Ok(1));
        assert_eq!(output(&mut client), "AUTH\t1\tPLAIN\tservice=smtp\n");
        // Empty is not absent.
        assert_eq!(client.start(&request.initial(b"")), Ok(2));
        assert_eq!(output(&mut client), "AUTH\t2\tPLAIN\tservice=smtp\tresp=\n");
        let request = Request::new("LOGIN", "a\tb\nc")
            .secured(true)
            .addresses(
                "[::ffff:192.0.2.1]:40000".parse().unwrap(),
                "[2001:db8::1]:25".parse().unwrap(),
            )
            .initial(b"tim");
        assert_eq!(client.start(&request), Ok(3));
        assert_eq!(
            output(&mut client),
            "AUTH\t3\tLOGIN\tservice=a\x01tb\x01nc\tsecured\trip=192.0.2.1\tlip=2001:db8::1\
             \trport=40000\tlport=25\tresp=dGlt\n"
        );
        assert_eq!(
            client.start(&Request::new("GSSAPI", "smtp")),
            Err(Refused::Unsupported)
        );
        assert_eq!(
            client.start(&Request::new("PLAIN\t", "smtp")),
            Err(Refused::Unsupported)
        );
        let long = vec![b'x'; limits::DOVECOT_LINE];
        let request = Request::new("PLAIN", "smtp").initial(&long);
        assert_eq!(client.start(&request), Err(Refused::TooLong));
        assert_eq!(client.respond(1, &long), Err(Refused::TooLong));
        assert_eq!(output(&mut client), "");
    }

    /// Answers in any order, to whom they belong; what was cancelled is passed over.
    #[test]
    fn out_of_order() {
        let mut client = ready();
        let request = Request::new("PLAIN", "smtp");
        for id in 1..=5 {
            assert_eq!(client.start(&request), Ok(id));
        }
        let _ = output(&mut client);
        client.cancel(4);
        client.cancel(4);
        assert_eq!(output(&mut client), "CANCEL\t4\n");
        let said = b"OK\t3\tuser=al\x01tice\toriginal_user=x\n\
            CONT\t1\tVXNlcm5hbWU6\nFAIL\t4\tuser=tim\nFAIL\t2\tuser=tim\tcode=temp_fail\treason=x\n\
            CONT\t5\t\nSOMETHING\telse\nCANCELLED\t4\n";
        client.receive(said).unwrap();
        assert_eq!(
            events(&mut client),
            [
                Event::Accepted {
                    id: 3,
                    user: "al\tice".to_owned()
                },
                Event::Challenge {
                    id: 1,
                    data: b"Username:".to_vec()
                },
                Event::Refused {
                    id: 2,
                    verdict: Verdict::Unavailable
                },
                Event::Challenge {
                    id: 5,
                    data: Vec::new()
                },
            ]
        );
        client.respond(1, b"tim").unwrap();
        client.respond(5, b"").unwrap();
        assert_eq!(output(&mut client), "CONT\t1\tdGlt\nCONT\t5\t\n");
        for id in [2, 3, 4, 6] {
            assert_eq!(client.respond(id, b"x"), Err(Refused::NotReady));
        }
    }

    #[test]
    fn verdicts() {
        for (said, verdict) in [
            ("FAIL\t1", Some(Verdict::Reject)),
            ("FAIL\t1\tuser=tim", Some(Verdict::Reject)),
            ("FAIL\t1\tuser=tim\tcode=authz_fail", Some(Verdict::Reject)),
            ("FAIL\t1\tuser=tim\ttemp", Some(Verdict::Unavailable)),
            ("FAIL\t1\tcode=user_disabled", Some(Verdict::Disabled)),
            ("FAIL\t1\tpass_expired", Some(Verdict::Expired)),
            ("FAIL\t1\treason=code=temp_fail", Some(Verdict::Reject)),
            // Somebody, or nobody.
            ("OK\t1", Some(Verdict::Unavailable)),
            ("OK\t1\tuser=", Some(Verdict::Unavailable)),
            ("OK\t1\toriginal_user=tim", Some(Verdict::Unavailable)),
            ("OK\t1\tuser=tim", None),
        ] {
            let mut client = ready();
            let id = client.start(&Request::new("PLAIN", "smtp")).unwrap();
            client.receive(format!("{said}\n").as_bytes()).unwrap();
            let expected = match verdict {
                Some(verdict) => Event::Refused { id, verdict },
                None => Event::Accepted {
                    id,
                    user: "tim".to_owned(),
                },
            };
            assert_eq!(events(&mut client), [expected], "{said:?}");
        }
    }

    #[test]
    fn malformed() {
        for said in [
            "OK",
            "OK\tx",
            "OK\t",
            "FAIL\t-1",
            "CONT\t1\t!!!",
            "CONT\t1\tAAA",
            "CONT\t+1\t",
        ] {
            let mut client = ready();
            client.start(&Request::new("PLAIN", "smtp")).unwrap();
            let refused = client.receive(format!("{said}\n").as_bytes());
            assert_eq!(refused, Err(Error::Malformed), "{said:?}");
            assert_eq!(client.respond(1, b""), Err(Refused::NotReady));
        }
        let mut client = ready();
        let long = vec![b'x'; limits::DOVECOT_LINE];
        assert_eq!(client.receive(&long), Ok(()));
        assert_eq!(client.receive(b"x"), Err(Error::TooLong));
    }

    #[test]
    fn secrets_are_not_printed() {
        let mut client = ready();
        let request = Request::new("PLAIN", "smtp").initial(b"\0tim\0tanstaaf");
        client.start(&request).unwrap();
        let printed = format!("{client:?} {request:?}");
        assert!(
            !printed.contains("tanstaaf") && !printed.contains("AHRpb"),
            "{printed}"
        );
    }
}
