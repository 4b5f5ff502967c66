//! The server's side of POP3.

mod answers;
mod body;
mod commands;
mod config;
mod event;
mod listing;
mod question;
mod replies;
mod session;
mod texts;

use std::sync::Arc;
use std::time::Instant;

use mailwire::auth::{self, MechanismName};
use mailwire::line::{Found, LineReader};
use mailwire::{ApiMisuse, FlushTimer, Input, Machine, Output, Secret, Step, Timer, TlsInfo};

pub use config::{Config, Timestamp};
pub use event::{Event, Login, Retrieve, Update};
pub use texts::{Language, Text};

use self::body::Body;
use self::listing::List;
use self::question::Question;
use self::session::Session;
use crate::command::{Command, SyntaxError};
use crate::{Error, Refusal, ResponseCode};

/// A server session: one connection, from greeting to farewell.
///
/// Drive it as any [`Machine`] and answer its [`Event`]s. It owns what RFC 1939 says about states,
/// numbers, deletions and framing; the application knows whose password is whose and has the
/// messages.
///
/// | event | yes | usual refusals |
/// |---|---|---|
/// | `Login`, `Apop`, `Auth`, `AuthData` | `open(maildrop)` | `[AUTH]`, `[IN-USE]`, `[LOGIN-DELAY]`, `[SYS/TEMP]` |
/// | `Auth`, `AuthData` | `challenge(data)` | |
/// | `Retrieve` | `ok()`, `write_body`…, `finish_body()` | `[SYS/TEMP]`, `[UTF8]` |
/// | `Update` | `ok()` | `[SYS/TEMP]` |
#[derive(Debug)]
pub struct Server {
    config: Arc<Config>,
    timestamp: Option<Timestamp>,
    input: Input,
    output: Output,
    lines: LineReader,
    state: State,
    timer: Timer,
    /// When somebody must have logged in.
    login_timer: Timer,
    session: Session,
    /// When the peer must have read something.
    flush_timer: FlushTimer,
    ended: bool,
    stopping: bool,
    failed: Option<Error>,
}

/// Where the session stands.
///
/// Whether it is in AUTHORIZATION or in TRANSACTION (RFC 1939 section 3) is told by the maildrop
/// of the session: there is one, or not yet.
///
/// ```text
///  Greeting ── -ERR ──► Closing
///     │ +OK
///     ▼
///  Command ──┬── answered by the machine ───────────────► Command
///            ├──► Listing ── its last line ─────────────► Command
///            ├──► Answering ── answer ──────────────────► Command
///            │      │ ▲    ├── ok to RETR, TOP ──► Body ── finish_body ──► Command
///            │      │ │    └── answer to QUIT ──► Closing
///            │      │ └─────────────────┐
///            │      └── challenge ──► AuthLine ── response ──► Answering
///            │                           └── `*` or no response ──► Command
///            └──► StartingTls ── tls_started ───────────► Command
///
///  QUIT before the login, and any failure in any state ─► Closing
/// ```
#[derive(Debug)]
enum State {
    /// Nothing was said yet; or this, instead of `+OK`.
    Greeting(Option<Refusal>),
    /// A command comes next.
    Command,
    /// An event waits for its answer.
    Answering(Question),
    /// The response to a challenge comes next.
    AuthLine,
    /// A list is being sent, from this message on. One piece at a time, so that a hundred thousand
    /// messages do not make the output larger than its mark.
    Listing(List, u32),
    /// A message is being sent.
    Body(Body),
    /// `+OK` was said to STLS.
    StartingTls,
    /// All was said.
    Closing,
}

/// What advancing by one transition came to.
enum Turn {
    /// The state has changed, or something was consumed: look again.
    Go,
    Step(Step<Event>),
}

impl Server {
    /// A session that greets without offering APOP.
    pub fn new(config: impl Into<Arc<Config>>) -> Self {
        let config = config.into();
        let limits = &config.limits;
        let longest = limits.auth_line.max(limits.command_line);
        Self {
            timestamp: None,
            input: Input::new(limits.input.max(longest + 1)),
            output: Output::new(limits.output),
            lines: LineReader::new(longest, limits.skipped_line),
            state: State::Greeting(None),
            timer: Timer::new(),
            login_timer: Timer::new(),
            session: Session::default(),
            flush_timer: FlushTimer::new(),
            ended: false,
            stopping: false,
            failed: None,
            config,
        }
    }

    /// A session whose greeting offers APOP with this timestamp.
    ///
    /// Only offer it to those who can have it: clients prefer it, and some fail if it does.
    pub fn with_apop(config: impl Into<Arc<Config>>, timestamp: Timestamp) -> Self {
        Self {
            timestamp: Some(timestamp),
            ..Self::new(config)
        }
    }

    /// A session that greets with a refusal and closes.
    pub fn refusing(config: impl Into<Arc<Config>>, refusal: Refusal) -> Self {
        let mut server = Self::new(config);
        server.state = State::Greeting(Some(refusal));
        server
    }

    /// Offers these mechanisms in place of all those of the configuration, until TLS starts: some
    /// depend on the channel.
    pub fn offer_mechanisms(&mut self, mechanisms: Vec<MechanismName>) {
        self.session.own_mechanisms = Some(mechanisms.into());
    }

    /// The TLS session, if there is one.
    pub fn tls(&self) -> Option<&TlsInfo> {
        self.session.tls.as_ref()
    }

    /// The timestamp that was offered for APOP.
    pub fn timestamp(&self) -> Option<&Timestamp> {
        self.timestamp.as_ref()
    }

    /// The configuration.
    pub fn config(&self) -> &Config {
        &self.config
    }

    /// Ends the session, for the first reason that there is. Nothing is said: a client that was
    /// silent for too long gets no answer (RFC 1939 section 3), others have had theirs.
    fn fail(&mut self, error: Error) {
        if self.failed.is_none() {
            self.input.clear();
            self.state = State::Closing;
            self.failed = Some(error);
        }
    }

    /// One transition. Nothing but this and the answers of the application changes the state.
    fn advance(&mut self, now: Instant) -> Turn {
        match &mut self.state {
            State::Greeting(refusal) => {
                self.login_timer.arm(now, self.config.limits.login_time);
                self.state = match refusal.take() {
                    Some(refusal) => {
                        refusal.write(&mut self.output);
                        State::Closing
                    }
                    None => {
                        let text = self.language().say(Text::Ready);
                        replies::greeting(text, self.timestamp.as_ref(), &mut self.output);
                        State::Command
                    }
                };
                Turn::Go
            }
            State::Command | State::AuthLine => self.line(now),
            State::Listing(..) => self.listing(),
            State::Answering(_) | State::Body(_) => Turn::Step(Step::Paused),
            State::StartingTls => {
                if !self.input.is_empty() {
                    self.fail(Error::PlaintextBehindStls);
                    return Turn::Go;
                }
                // For the answer to be taken and the handshake to be made.
                self.timer.arm_if_idle(now, self.config.limits.idle_time);
                Turn::Step(Step::StartTls)
            }
            State::Closing => Turn::Step(Step::Close),
        }
    }

    /// The next line, in the two states that are waiting for one.
    fn line(&mut self, now: Instant) -> Turn {
        if self.stopping {
            let refusal = self
                .language()
                .refuse(Some(ResponseCode::SysTemp), Text::Stopping);
            refusal.write(&mut self.output);
            self.state = State::Closing;
            return Turn::Go;
        }
        let found = self.lines.next(&self.input);
        let line = match found {
            Found::Incomplete { consume } => {
                self.input.consume(consume);
                return self.need_input(now);
            }
            Found::Endless => {
                let refusal = self.language().refuse(None, Text::TooLong);
                refusal.write(&mut self.output);
                self.fail(Error::EndlessLine);
                return Turn::Go;
            }
            Found::TooLong { .. } => Err(SyntaxError::TooLong),
            Found::Line { crlf: false, .. } if !self.config.strictness.bare_lf_commands => {
                Err(SyntaxError::BareLineFeed)
            }
            Found::Line { length, .. } => match self.state {
                State::AuthLine => Line::response(&self.input[..length]),
                _ => Line::command(&self.input[..length], &self.config),
            },
        };
        self.timer.disarm();
        self.input.consume(found.consume());
        match (&self.state, line) {
            (State::AuthLine, Ok(Line::Response(response))) => {
                self.ask(Question::Auth, Event::AuthData(response))
            }
            (State::AuthLine, Ok(_)) => self.cancel_auth(Text::AuthCancelled),
            (State::AuthLine, Err(error)) => self.cancel_auth(replies::syntax(error)),
            (_, Ok(Line::Command(command))) => self.command(command),
            (_, Ok(_)) => unreachable!("a command line is read as a command"),
            (_, Err(error)) => self.reject(None, replies::syntax(error)),
        }
    }

    fn ask(&mut self, question: Question, event: Event) -> Turn {
        self.state = State::Answering(question);
        Turn::Step(Step::Event(event))
    }

    fn say(&mut self, text: Text) {
        let text = self.language().say(text);
        replies::ok(text, &mut self.output);
    }

    /// Refuses a command, as an error of the client's.
    fn reject(&mut self, code: Option<ResponseCode>, text: Text) -> Turn {
        let refusal = self.language().refuse(code, text);
        refusal.write(&mut self.output);
        self.count_error();
        Turn::Step(Step::Event(Event::Rejected(refusal)))
    }

    /// Ends an authentication that the client gave up or got wrong.
    fn cancel_auth(&mut self, text: Text) -> Turn {
        let refusal = self.language().refuse(None, text);
        refusal.write(&mut self.output);
        self.state = State::Command;
        self.count_error();
        Turn::Step(Step::Event(Event::AuthCancelled))
    }

    fn count_error(&mut self) {
        self.session.errors += 1;
        if self.session.errors >= self.config.limits.errors {
            self.fail(Error::TooManyErrors);
        }
    }

    fn language(&self) -> &Language {
        static ENGLISH: Language = texts::ENGLISH;
        let languages = &self.config.languages;
        languages.get(self.session.language).unwrap_or(&ENGLISH)
    }

    /// Nothing complete is there: wait, but not for ever; or it is over.
    fn need_input(&mut self, now: Instant) -> Turn {
        if self.ended {
            let between = self.input.is_empty() && !self.lines.is_within_line();
            match self.state {
                // To leave without QUIT is allowed, and deletes nothing (RFC 1939 section 6).
                State::Command if between => self.state = State::Closing,
                _ => self.fail(Error::Disconnected),
            }
            return Turn::Go;
        }
        let limits = &self.config.limits;
        match self.state {
            State::AuthLine => self.timer.arm_if_idle(now, limits.auth_time),
            _ => self.timer.arm_if_idle(now, limits.idle_time),
        }
        Turn::Step(Step::NeedInput)
    }

    fn expire(&mut self, now: Instant) {
        if self.flush_timer.has_expired(now, &self.output) {
            self.fail(Error::WriteTimeout);
        } else if self.timer.has_expired(now) || self.is_late(now) {
            self.fail(Error::CommandTimeout);
        }
    }

    /// Whether the login has taken too long. Not while the application thinks about it.
    fn is_late(&self, now: Instant) -> bool {
        self.login_timer.has_expired(now) && !matches!(self.state, State::Answering(_))
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
                let time = self.config.limits.write_time;
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
        let login = match self.state {
            State::Answering(_) => None,
            _ => self.login_timer.deadline(),
        };
        [self.timer.deadline(), self.flush_timer.deadline(), login]
            .into_iter()
            .flatten()
            .min()
    }

    fn tls_started(&mut self, tls: TlsInfo) {
        if !self.input.is_empty() {
            self.fail(Error::PlaintextBehindStls);
            return;
        }
        self.timer.disarm();
        // All that was said in clear text is forgotten (RFC 2595 section 4); what it cost us is
        // not.
        self.session = Session {
            tls: Some(tls),
            errors: self.session.errors,
            auth_failures: self.session.auth_failures,
            ..Session::default()
        };
        if !matches!(self.state, State::Greeting(_)) {
            self.state = State::Command;
        }
    }

    fn shutdown(&mut self) {
        self.stopping = true;
        if matches!(self.state, State::Greeting(None)) {
            let refusal = self
                .language()
                .refuse(Some(ResponseCode::SysTemp), Text::Stopping);
            self.state = State::Greeting(Some(refusal));
        }
    }
}

/// What a line is, in the state in which it comes.
enum Line {
    Command(Command),
    Response(Secret),
    /// `*`: no response, and no more of them.
    Cancel,
}

impl Line {
    fn command(line: &[u8], config: &Config) -> Result<Self, SyntaxError> {
        let command = Command::parse(line, &config.strictness)?;
        // Only AUTH may need more than a command line holds.
        if line.len() + 2 > config.limits.command_line && !matches!(command, Command::Auth(_)) {
            return Err(SyntaxError::TooLong);
        }
        Ok(Self::Command(command))
    }

    fn response(line: &[u8]) -> Result<Self, SyntaxError> {
        match line {
            b"*" => Ok(Self::Cancel),
            _ => Ok(Self::Response(auth::decode(line)?)),
        }
    }
}

fn misuse(call: &'static str, state: &'static str) -> ApiMisuse {
    ApiMisuse { call, state }
}
