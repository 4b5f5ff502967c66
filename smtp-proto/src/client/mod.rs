//! The client's side of SMTP and LMTP.

mod capabilities;
mod commands;
mod config;
mod delivery;
mod event;
mod limits;
mod outgoing;
mod questions;
mod receiving;
mod sending;
mod transaction;

use std::collections::VecDeque;
use std::fmt::Display;
use std::io::Write as _;
use std::sync::Arc;
use std::time::{Duration, Instant};

use mailwire::{FlushTimer, Input, Machine, Output, Secret, Step, Timer, TlsInfo};

pub use capabilities::{Capabilities, ServerLimits};
pub use config::Config;
pub use delivery::{Delivery, Fate, Outcome};
pub use event::{Error, Event, Refused};
pub use limits::Limits;

use self::transaction::Transaction;
use crate::ReplyReader;
use crate::command::HelloVerb;
use crate::server::Protocol;

/// A client session: one connection, from greeting to farewell.
///
/// It introduces itself and says [`Ready`](Event::Ready). Then [`deliver`](Self::deliver) sends a
/// message: the machine plans it for as few round trips as the server's extensions allow, asks
/// for its [body](Event::SendBody), and tells what became of it for [each
/// recipient](Event::Delivered). What the server does not offer is [refused](Refused) before
/// anything is sent.
///
/// | the server offers | round trips of a message |
/// |---|---|
/// | CHUNKING and PIPELINING, and the message is [small](Limits::eager_body) | 1 |
/// | PIPELINING | 2: envelope and DATA, message |
/// | neither | one for each recipient, and 3 |
///
/// Drive it as any [`Machine`]. While it is idle it says `NeedInput`, since the server may close at
/// any time; `Paused` means that a body or the response to a challenge is owed.
///
/// ```
/// use std::time::Instant;
///
/// use bytes::{Buf, Bytes};
/// use mailwire::{Machine, Step};
/// use smtp_proto::ReversePath;
/// use smtp_proto::client::{Client, Config, Delivery, Event};
///
/// let mut client = Client::new(Config::new("client.test".parse()?));
/// let greeting = b"220 mx.test\r\n250-mx.test\r\n250-PIPELINING\r\n250 CHUNKING\r\n";
/// assert_eq!(client.input().extend(greeting), greeting.len());
/// loop {
///     match client.step(Instant::now())? {
///         Step::Event(Event::Ready(_)) => {
///             let mut delivery = Delivery::new(ReversePath::Null);
///             delivery.mail.parameters.size = Some(4);
///             delivery.to("alice@mx.test".parse()?).to("eve@mx.test".parse()?);
///             client.deliver(delivery)?;
///         }
///         Step::Event(Event::SendBody) => {
///             client.write_body(&mut Bytes::from_static(b"hi\r\n"))?;
///             client.finish_body()?;
///         }
///         Step::NeedInput => {
///             // All of it goes out at once, and is answered at once.
///             let answers = b"250 Ok\r\n250 Ok\r\n550 No such user\r\n250 Ok\r\n";
///             assert_eq!(client.input().extend(answers), answers.len());
///         }
///         Step::Event(Event::Delivered(outcome)) => {
///             assert!(outcome.fates()[0].reply().unwrap().is_positive());
///             assert!(outcome.fates()[1].reply().unwrap().is_permanent());
///             break;
///         }
///         other => panic!("{other:?} needs a transport"),
///     }
/// }
/// let waiting = client.output().remaining();
/// let said = client.output().copy_to_bytes(waiting);
/// assert!(said.starts_with(b"EHLO client.test\r\nMAIL FROM:<>\r\nRCPT TO:<alice@mx.test>\r\n"));
/// assert!(said.ends_with(b"BDAT 4 LAST\r\nhi\r\n"));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct Client {
    config: Arc<Config>,
    input: Input,
    output: Output,
    replies: ReplyReader,
    state: State,
    /// What was said and is not answered, in order.
    awaited: VecDeque<Awaited>,
    capabilities: Box<Capabilities>,
    transaction: Option<Box<Transaction>>,
    tls: Option<TlsInfo>,
    /// MAIL commands so far.
    messages: u32,
    /// An initial response that waits to be asked for.
    withheld: Option<Secret>,
    reply_timer: Timer,
    flush_timer: FlushTimer,
    ended: bool,
    stopping: bool,
    /// To be told before the error.
    last_words: Option<Event>,
    failed: Option<Error>,
}

/// Where the session stands.
///
/// ```text
///  Greeting ── 220 ──► Introducing ── 250 ──► Ready ◄──────────────────────────┐
///                         ▲ │ 500, EHLO                                         │
///                         └─┘                                                   │
///  Ready ──┬── a command ──► Ready                                              │
///          ├── start_tls ──► Ready ── 220 ──► StartingTls ── tls_started ──► Introducing
///          ├── auth ───────► Ready ── 334 ──► Challenged ── respond ──► Ready   │
///          ├── deliver ────► Envelope ──┬── 354, or chunks ──► Body ──► Ending ─┤
///          │                            └── nobody is left ──► Ending ──────────┘
///          └── shutdown ───► Quitting ── 221 ──► Closing
///
///  A 421 or any failure, in any state ──► Closing
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    /// Nothing was heard yet.
    Greeting,
    /// A hello was said.
    Introducing,
    /// A command may be said, or one was.
    Ready,
    /// The application owes the response to a challenge.
    Challenged,
    /// The server said 220 to STARTTLS.
    StartingTls,
    /// MAIL, RCPT and DATA are being said.
    Envelope,
    /// The application owes the message.
    Body,
    /// The last of a message was said.
    Ending,
    /// QUIT was said.
    Quitting,
    /// All was said.
    Closing,
}

/// What a reply answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Awaited {
    Greeting,
    Hello(HelloVerb),
    /// A command whose answer is the application's alone.
    Answer,
    StartTls,
    Auth,
    Mail,
    /// The recipient of this index.
    Rcpt(usize),
    Data,
    /// A chunk that is not the last.
    Chunk,
    /// The whole message; this status of it.
    Message(usize),
    /// A dot that ends a message which nobody wants (RFC 2920 section 3.1).
    LoneDot,
    /// RSET, behind a message that was not accepted.
    Reset,
    Quit,
}

/// What advancing by one transition came to.
enum Turn {
    /// The state has changed, or something was consumed: look again.
    Go,
    Step(Step<Event>),
}

impl Client {
    /// A session that waits for the greeting.
    pub fn new(config: impl Into<Arc<Config>>) -> Self {
        let config = config.into();
        let limits = &config.limits;
        Self {
            input: Input::new(limits.input.max(limits.reply_line + 1)),
            output: Output::new(limits.output),
            replies: ReplyReader::new(limits.reply_line, limits.reply_lines),
            state: State::Greeting,
            awaited: VecDeque::from([Awaited::Greeting]),
            capabilities: Box::default(),
            transaction: None,
            tls: None,
            messages: 0,
            withheld: None,
            reply_timer: Timer::new(),
            flush_timer: FlushTimer::new(),
            ended: false,
            stopping: false,
            last_words: None,
            failed: None,
            config,
        }
    }

    /// The configuration.
    pub fn config(&self) -> &Config {
        &self.config
    }

    /// What the server offers, as far as it has said so since TLS started.
    pub fn capabilities(&self) -> &Capabilities {
        &self.capabilities
    }

    /// The TLS session, if there is one.
    pub fn tls(&self) -> Option<&TlsInfo> {
        self.tls.as_ref()
    }

    /// Says a line, and knows what its answer will be about.
    fn say(&mut self, line: impl Display, awaited: Awaited) {
        write!(self.output, "{line}\r\n").expect("an output takes all");
        self.awaited.push_back(awaited);
    }

    fn introduce(&mut self, verb: HelloVerb) {
        let verb_text = match verb {
            HelloVerb::Helo => "HELO",
            HelloVerb::Ehlo => "EHLO",
            HelloVerb::Lhlo => "LHLO",
        };
        let config = Arc::clone(&self.config);
        self.say(
            format_args!("{verb_text} {}", config.name),
            Awaited::Hello(verb),
        );
        self.state = State::Introducing;
    }

    /// The hello of our protocol.
    fn hello(&self) -> HelloVerb {
        match self.config.protocol {
            Protocol::Smtp => HelloVerb::Ehlo,
            Protocol::Lmtp => HelloVerb::Lhlo,
        }
    }

    /// Ends the session, for the first reason that there is. A message on its way has its fate
    /// told first.
    fn fail(&mut self, error: Error, unanswered: &Fate) {
        if self.failed.is_some() {
            return;
        }
        if let Some(transaction) = self.transaction.take() {
            self.last_words = Some(Event::Delivered(transaction.outcome(unanswered)));
        }
        self.input.clear();
        self.state = State::Closing;
        self.failed = Some(error);
    }

    /// Ends the session because no answer will be understood, or come.
    fn lose(&mut self, error: Error) {
        let complete = self
            .transaction
            .as_ref()
            .is_some_and(|transaction| transaction.complete);
        // What could not be sent to its end was not accepted. Whoever answers ahead of it may
        // have meant anything.
        let is_silent = matches!(
            error,
            Error::Disconnected | Error::ReplyTimeout | Error::WriteTimeout
        );
        let may_have_arrived = !is_silent || self.output.is_empty();
        let fate = match complete && may_have_arrived {
            true => Fate::Unknown,
            false => Fate::Interrupted,
        };
        self.fail(error, &fate);
    }

    /// One transition. Nothing but this, what it calls, and the commands of the application changes the state.
    fn advance(&mut self, now: Instant) -> Turn {
        if self.state == State::Body && self.send_body() {
            return Turn::Go;
        }
        match self.state {
            State::Closing => return Turn::Step(Step::Close),
            State::Challenged => return Turn::Step(Step::Paused),
            State::StartingTls => return self.starting_tls(now),
            State::Ready if self.stopping && self.awaited.is_empty() => {
                self.say("QUIT", Awaited::Quit);
                self.state = State::Quitting;
            }
            State::Envelope => {
                if let Some(event) = self.envelope() {
                    return Turn::Step(Step::Event(event));
                }
                if self.state != State::Envelope {
                    return Turn::Go;
                }
            }
            State::Ending if self.awaited.is_empty() => return self.end_transaction(),
            _ => {}
        }
        if self.output.is_over() {
            // What was just said has to leave before anything more is read.
            return Turn::Go;
        }
        match self.replies.next(&mut self.input) {
            Ok(Some(reply)) => self.receive(reply),
            Ok(None) if self.wants_body() => {
                // The application's turn, which has no deadline.
                self.reply_timer.disarm();
                Turn::Step(Step::Paused)
            }
            Ok(None) => self.need_input(now),
            Err(_) => {
                self.lose(Error::MalformedReply);
                Turn::Go
            }
        }
    }

    fn starting_tls(&mut self, now: Instant) -> Turn {
        if !self.input.is_empty() {
            self.fail(Error::PlaintextBehindStartTls, &Fate::Interrupted);
            return Turn::Go;
        }
        self.reply_timer
            .arm_if_idle(now, self.config.limits.command_time);
        Turn::Step(Step::StartTls)
    }

    /// Nothing complete is there: wait, but not for ever; or it is over.
    fn need_input(&mut self, now: Instant) -> Turn {
        if self.ended {
            match self.state {
                State::Quitting => self.state = State::Closing,
                _ => self.lose(Error::Disconnected),
            }
            return Turn::Go;
        }
        if let Some(awaited) = self.awaited.front() {
            let time = self.time_for(*awaited);
            self.reply_timer.arm_if_idle(now, time);
        }
        Turn::Step(Step::NeedInput)
    }

    /// How long an answer may take (section 4.5.3.2).
    fn time_for(&self, awaited: Awaited) -> Duration {
        let limits = &self.config.limits;
        match awaited {
            Awaited::Greeting => limits.greeting_time,
            Awaited::Data => limits.data_time,
            Awaited::Chunk | Awaited::Message(_) | Awaited::LoneDot => limits.message_time,
            Awaited::Quit => limits.quit_time,
            _ => limits.command_time,
        }
    }

    fn expire(&mut self, now: Instant) {
        if self.flush_timer.has_expired(now, &self.output) {
            self.lose(Error::WriteTimeout);
        } else if self.reply_timer.has_expired(now) {
            match self.state {
                State::Quitting => self.state = State::Closing,
                _ => self.lose(Error::ReplyTimeout),
            }
        }
    }
}

impl Machine for Client {
    type Event = Event;
    type Error = Error;

    fn step(&mut self, now: Instant) -> Result<Step<Event>, Error> {
        if self.failed.is_none() {
            self.expire(now);
        }
        loop {
            if let Some(event) = self.last_words.take() {
                return Ok(Step::Event(event));
            }
            if let Some(error) = &self.failed {
                return Err(error.clone());
            }
            if self.output.is_over() {
                let time = self.config.limits.block_time;
                self.flush_timer.wait(now, &self.output, time);
                return Ok(Step::NeedFlush);
            }
            self.flush_timer.disarm();
            if let Turn::Step(step) = self.advance(now) {
                return Ok(step);
            }
        }
    }

    fn input(&mut self) -> &mut Input {
        &mut self.input
    }

    fn output(&mut self) -> &mut Output {
        &mut self.output
    }

    fn eof(&mut self) {
        self.ended = true;
    }

    fn deadline(&self) -> Option<Instant> {
        [self.reply_timer.deadline(), self.flush_timer.deadline()]
            .into_iter()
            .flatten()
            .min()
    }

    fn tls_started(&mut self, tls: TlsInfo) {
        if !self.input.is_empty() {
            self.fail(Error::PlaintextBehindStartTls, &Fate::Interrupted);
            return;
        }
        self.reply_timer.disarm();
        self.tls = Some(tls);
        // All that was said in clear text is forgotten (RFC 3207 section 4.2).
        *self.capabilities = Capabilities::default();
        if self.state == State::StartingTls {
            self.introduce(self.hello());
        }
    }

    fn shutdown(&mut self) {
        self.stopping = true;
    }
}
