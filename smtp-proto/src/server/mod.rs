//! The server's side of SMTP and LMTP.

mod answers;
mod clock;
mod commands;
mod config;
mod event;
mod incoming;
mod line;
mod question;
mod receiving;
mod replies;
mod session;

use std::sync::Arc;
use std::time::Instant;

use mailwire::auth::MechanismName;
use mailwire::line::LineReader;
use mailwire::{ApiMisuse, Input, Machine, Output, Step, TlsInfo};

pub use config::{Config, Protocol};
pub use event::{Aborted, Event};

use self::clock::Clock;
use self::incoming::Incoming;
use self::question::Question;
use self::session::Session;
use crate::command::Hello;
use crate::{Error, Extension, Reply};

/// A server session: one connection, from greeting to farewell.
///
/// Drive it as any [`Machine`] and answer its [`Event`]s. It owns what RFC 5321 says about the
/// order of commands, about framing and about replies; the application decides whom to serve.
///
/// | event | `accept()` says | usual refusals |
/// |---|---|---|
/// | `Hello` | 250 and the extensions | 550, 421 |
/// | `Mail` | 250 2.1.0 | 550 5.7.1, 451 4.3.0 |
/// | `Rcpt` | 250 2.1.5 | 550 5.1.1, 554 5.7.1, 450 4.2.1 |
/// | `Data` | 354, or nothing yet to a chunk | 452 4.3.1 |
/// | `EndOfData` | 250 2.0.0 | 451 4.3.0, 452 4.3.1, 554 5.6.0 |
/// | `Auth`, `AuthData` | 235 2.7.0 | 535 5.7.8, 454 4.7.0, 504 5.5.4 |
/// | `Verify`, `Expand` | 252 2.1.5 | 550 5.1.1 |
/// | `Etrn` | 250 2.0.0 | 458, 459 |
/// | `XClient` | 220, as a new greeting | 550 5.7.0 |
/// | `XForward` | 250 2.0.0 | 550 5.7.0 |
#[derive(Debug)]
pub struct Server {
    config: Arc<Config>,
    input: Input,
    output: Output,
    lines: LineReader,
    state: State,
    clock: Clock,
    session: Session,
    /// The message that is being received, between its chunks too.
    incoming: Option<Incoming>,
    ended: bool,
    stopping: bool,
    failed: Option<Error>,
}

/// Where the session stands.
///
/// ```text
///  Silence ── in time ──► Greeting ── 554 ──► Refused
///                            │ 220
///                            ▼
///  Command ──┬── answered by the machine ───────────────► Command
///            ├──► Answering ── answer ──────────────────► Command
///            │      │ ▲    └── 354, or yes to a chunk ──► Body
///            │      │ ├─────────────────┤ end
///            │      │ │                 ├ end of a chunk ► Command
///            │      │ │                 └ aborted, end ─► Statuses ──► Command
///            │      │ └── Resetting ◄── hello between chunks
///            │      └── challenge ──► AuthLine ── response ──► Answering
///            │                           └── `*` or no response ──► Command
///            ├──► Skipping ── end of a refused chunk ───► Statuses
///            └──► StartingTls ── tls_started ───────────► Command
///
///  QUIT, a 421 or any failure, in any state ────────────► Closing
/// ```
///
/// It is written with every command and looked at in every step. So what few states hold is boxed,
/// and `repr(u8)` keeps the tag in an octet of its own: among the values of some field, where it would
/// be otherwise, it has to be decoded each time.
#[derive(Debug)]
#[repr(u8)]
enum State {
    /// The peer has to be silent for a while.
    Silence,
    /// Nothing was said yet; or this, instead of 220.
    Greeting(Option<Box<Reply>>),
    /// 554 was the greeting: only QUIT is served (section 3.1).
    Refused,
    /// A command comes next.
    Command,
    /// An event waits for its answer.
    Answering(Question),
    /// The response to a challenge comes next.
    AuthLine,
    /// The message comes.
    Body,
    /// So many octets of a refused chunk come, and then these statuses are due.
    Skipping { octets: u64, due: Box<Statuses> },
    /// One status after the other is due.
    Statuses(Box<Statuses>),
    /// A hello has ended a message between its chunks, which was told; the hello itself was not.
    Resetting(Box<Hello>),
    /// 220 was said to STARTTLS.
    StartingTls,
    /// All was said.
    Closing,
}

/// A message gets the same status so many times more. One at a time, so that a thousand recipients
/// in LMTP do not make the output larger than its mark.
#[derive(Debug)]
struct Statuses {
    reply: Reply,
    left: u32,
    is_error: bool,
}

/// What advancing by one transition came to.
enum Turn {
    /// The state has changed, or something was consumed: look again.
    Go,
    Step(Step<Event>),
}

impl Server {
    /// A session that greets with 220.
    pub fn new(config: impl Into<Arc<Config>>) -> Self {
        let config = config.into();
        let limits = &config.limits;
        let longest = limits.auth_line.max(limits.command_line);
        Self {
            input: Input::new(limits.input.max(longest + 1)),
            output: Output::new(limits.output),
            lines: LineReader::new(longest, limits.skipped_line),
            state: match limits.greeting_delay.is_zero() {
                true => State::Greeting(None),
                false => State::Silence,
            },
            clock: Clock::default(),
            session: Session::new(config.allows()),
            incoming: None,
            ended: false,
            stopping: false,
            failed: None,
            config,
        }
    }

    /// A session that greets with a refusal: after 421 it closes, after any other it serves
    /// QUIT alone (section 3.1).
    ///
    /// # Errors
    ///
    /// If the reply is not one of refusal.
    pub fn refusing(config: impl Into<Arc<Config>>, reply: Reply) -> Result<Self, ApiMisuse> {
        if reply.is_positive() || reply.is_intermediate() {
            return Err(misuse("refusing", "a greeting"));
        }
        let mut server = Self::new(config);
        server.state = State::Greeting(Some(Box::new(reply)));
        Ok(server)
    }

    /// Offers this client an extension that is not among the
    /// [configuration's](Config::extensions): XCLIENT and XFORWARD are for those that are trusted.
    /// Before its hello; STARTTLS and AUTH cannot be had without what they need.
    pub fn offer(&mut self, extension: Extension) {
        let has_means = match extension {
            Extension::StartTls => self.config.starttls,
            Extension::Auth => !self.config.mechanisms.is_empty(),
            _ => true,
        };
        if has_means {
            self.session.allowed.insert(extension);
        }
    }

    /// Does not offer this client an extension, say because it is known to use it wrongly. Its
    /// parameters and commands are then refused. Before its hello.
    pub fn hide(&mut self, extension: Extension) {
        self.session.allowed.remove(extension);
    }

    /// Offers these mechanisms in place of all those of the configuration, until TLS starts:
    /// which ones can be used may depend on the channel, or change with time.
    pub fn offer_mechanisms(&mut self, mechanisms: Vec<MechanismName>) {
        self.session.own_mechanisms = Some(mechanisms.into());
    }

    /// How many statuses are due: in LMTP one for each accepted recipient.
    pub fn statuses_due(&self) -> u32 {
        match self.state {
            State::Answering(Question::EndOfData(due)) => due,
            _ => 0,
        }
    }

    /// The TLS session, if there is one.
    pub fn tls(&self) -> Option<&TlsInfo> {
        self.session.tls.as_ref()
    }

    /// The configuration.
    pub fn config(&self) -> &Config {
        &self.config
    }

    /// Counts a refused authentication. The last one that is put up with is answered by 421.
    fn is_last_auth_failure(&mut self) -> bool {
        self.session.spent.auth_failures += 1;
        if self.session.spent.auth_failures < self.config.limits.auth_failures {
            return false;
        }
        self.fail(Error::TooManyAuthFailures);
        true
    }

    /// Ends the session, for the first reason that there is. The farewell depends on it.
    fn fail(&mut self, error: Error) {
        if self.failed.is_some() {
            return;
        }
        if let Some(reply) = replies::farewell(error) {
            reply.write(&mut self.output);
        }
        self.input.clear();
        self.state = State::Closing;
        self.failed = Some(error);
    }

    /// One transition. Nothing but this, what it calls, and the answers of the application changes the state.
    fn advance(&mut self, now: Instant) -> Turn {
        match &mut self.state {
            State::Silence => self.silence(now),
            State::Greeting(refusal) => {
                match refusal.take() {
                    None => {
                        replies::greeting(&self.config, &mut self.output);
                        self.state = State::Command;
                    }
                    Some(reply) => {
                        reply.write(&mut self.output);
                        self.state = match reply.code() {
                            421 => State::Closing,
                            _ => State::Refused,
                        };
                    }
                }
                Turn::Go
            }
            State::Command | State::AuthLine | State::Refused => self.line(now),
            State::Body => self.body(now),
            State::Skipping { .. } => self.skip_on(now),
            State::Statuses(_) => self.status(),
            State::Resetting(_) => {
                let State::Resetting(hello) = std::mem::replace(&mut self.state, State::Command)
                else {
                    unreachable!("it was just looked at");
                };
                self.hello(*hello)
            }
            State::Answering(_) => Turn::Step(Step::Paused),
            State::StartingTls => {
                if !self.input.is_empty() {
                    self.fail(Error::PlaintextBehindStartTls);
                    return Turn::Go;
                }
                // For the 220 to be taken and the handshake to be made.
                self.clock.wait(now, self.config.limits.command_time);
                Turn::Step(Step::StartTls)
            }
            State::Closing => Turn::Step(Step::Close),
        }
    }

    /// Nothing may come before the greeting.
    fn silence(&mut self, now: Instant) -> Turn {
        if !self.input.is_empty() {
            self.fail(Error::EarlyTalker);
            return Turn::Go;
        }
        self.need_input(now)
    }

    /// Waits for the answer to an event. It is made last and here, so that what it holds is moved once.
    #[inline(always)]
    fn ask(&mut self, question: Question, event: impl FnOnce() -> Event) -> Turn {
        self.state = State::Answering(question);
        Turn::Step(Step::Event(event()))
    }

    /// Refuses a command, as an error of the client's.
    fn reject(&mut self, reply: Reply) -> Turn {
        reply.write(&mut self.output);
        self.count_error();
        Turn::Step(Step::Event(Event::Rejected(reply)))
    }

    /// Ends an authentication that the client gave up or got wrong.
    fn cancel_auth(&mut self, reply: &Reply) -> Turn {
        reply.write(&mut self.output);
        self.state = State::Command;
        self.count_error();
        Turn::Step(Step::Event(Event::AuthCancelled))
    }

    fn count_error(&mut self) {
        self.session.spent.errors += 1;
        if self.session.spent.errors >= self.config.limits.errors {
            self.fail(Error::TooManyErrors);
        }
    }

    /// Forgets the transaction and tells the application if there was one.
    fn reset(&mut self) -> Turn {
        match self.drop_transaction() {
            true => Turn::Step(Step::Event(Event::Reset)),
            false => Turn::Go,
        }
    }

    fn drop_transaction(&mut self) -> bool {
        self.clock.message_over();
        self.incoming = None;
        std::mem::take(&mut self.session.transaction).open
    }
}

impl Machine for Server {
    type Event = Event;
    type Error = Error;

    fn step(&mut self, now: Instant) -> Result<Step<Event>, Error> {
        if self.failed.is_none() {
            self.expire(now);
        }
        loop {
            if let Some(error) = self.failed {
                return Err(error);
            }
            if self.output.is_over() {
                let limits = &self.config.limits;
                self.clock.wait_for_reader(now, &self.output, limits);
                return Ok(Step::NeedFlush);
            }
            self.clock.is_read();
            match self.advance(now) {
                Turn::Go => {}
                // Half of all steps; there is nothing in them that has to be moved.
                Turn::Step(Step::NeedInput) => return Ok(Step::NeedInput),
                Turn::Step(step) => return Ok(step),
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
        self.clock.deadline()
    }

    fn tls_started(&mut self, tls: TlsInfo) {
        if !self.input.is_empty() {
            self.fail(Error::PlaintextBehindStartTls);
            return;
        }
        self.clock.message_over();
        self.incoming = None;
        // All that was said in clear text is forgotten (RFC 3207 section 4.2); what it cost us
        // is not.
        self.session = Session {
            tls: Some(tls),
            spent: self.session.spent,
            ..Session::new(self.session.allowed)
        };
        if !matches!(self.state, State::Greeting(_) | State::Silence) {
            self.state = State::Command;
        }
    }

    fn shutdown(&mut self) {
        self.stopping = true;
        if matches!(self.state, State::Greeting(None) | State::Silence) {
            self.clock.arrived();
            self.state = State::Greeting(Some(Box::new(replies::STOPPING.clone())));
        }
    }
}

fn misuse(call: &'static str, state: &'static str) -> ApiMisuse {
    ApiMisuse { call, state }
}
