//! The client's side of POP3.

mod commands;
mod config;
mod event;
mod task;

use std::collections::VecDeque;
use std::io::Write as _;
use std::sync::Arc;
use std::time::Instant;

use compact_str::CompactString;
use mailwire::auth;
use mailwire::dot::{Strays, Unstuffed, Unstuffer};
use mailwire::line::{Found, LineReader};
use mailwire::{FlushTimer, Input, Machine, Output, Step, Timer, TlsInfo};

pub use config::Config;
pub use event::{CommandId, Event, Failure, Refused};

use self::task::{Pending, Task};
use crate::capability::{Capabilities, Capability};
use crate::command::Command;
use crate::server::Timestamp;
use crate::{Error, Reply};

/// A client session: one connection, from greeting to QUIT.
///
/// Drive it as any [`Machine`]. Commands may be given at any time: they are queued, and sent as
/// the protocol allows, several at a time if the server has announced PIPELINING. Each
/// returns the [`CommandId`] that the events of its answer carry.
///
/// The server's [capabilities](Self::capabilities) are forgotten when TLS starts and when a login
/// succeeds, since both may change them: ask again.
#[derive(Debug)]
pub struct Client {
    config: Arc<Config>,
    input: Input,
    output: Output,
    lines: LineReader,
    state: State,
    /// Unanswered commands, of which the first `sent` were sent.
    queue: VecDeque<Pending>,
    sent: usize,
    next_id: u64,
    capabilities: Option<Capabilities>,
    /// Those that are being listed.
    listed: Capabilities,
    timestamp: Option<Timestamp>,
    tls: Option<TlsInfo>,
    utf8: bool,
    /// QUIT is in the queue, or the server has said farewell.
    ending: bool,
    timer: Timer,
    octets_received: u64,
    flush_timer: FlushTimer,
    ended: bool,
    failed: Option<Error>,
}

/// What comes next from the server.
///
/// ```text
///  Greeting ── +OK ──► Status ──┬── a line is the answer ───────────► Status
///     │                         ├──► Told ──────────────────────────► Status
///     │ -ERR                    ├──► List ── its last line ─────────► Status
///     ▼                         ├──► Message ── its end ────────────► Status
///  Closing                      ├──► Challenge ── response ─────────► Status
///                               ├──► StartingTls ── tls_started ────► Status
///                               └── answer to QUIT ─────────────────► Closing
/// ```
#[derive(Debug)]
enum State {
    /// The greeting.
    Greeting,
    /// The first line of an answer.
    Status,
    /// Nothing before the end of an answer was told, whose fact was told already.
    Told(CompactString),
    /// A line of a list.
    List,
    /// A message.
    Message(Unstuffer),
    /// Nothing before the application has responded to a challenge.
    Challenge,
    /// The TLS handshake.
    StartingTls,
    /// Nothing any more.
    Closing,
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
            lines: LineReader::new(limits.reply_line, limits.reply_line),
            state: State::Greeting,
            queue: VecDeque::new(),
            sent: 0,
            next_id: 0,
            capabilities: None,
            listed: Capabilities::default(),
            timestamp: None,
            tls: None,
            utf8: false,
            ending: false,
            timer: Timer::new(),
            octets_received: 0,
            flush_timer: FlushTimer::new(),
            ended: false,
            failed: None,
            config,
        }
    }

    /// QUIT: deletes what is marked, and ends. No command can follow.
    ///
    /// # Errors
    ///
    /// If the command cannot be queued.
    pub fn quit(&mut self) -> Result<CommandId, Refused> {
        let id = self.give(Command::Quit)?;
        self.ending = true;
        Ok(id)
    }

    /// Responds to the challenge.
    ///
    /// # Errors
    ///
    /// If none waits.
    pub fn respond(&mut self, response: &[u8]) -> Result<(), Refused> {
        self.challenged()?;
        self.send_response(response);
        Ok(())
    }

    /// Gives up the authentication instead of responding. `Failed` follows.
    ///
    /// # Errors
    ///
    /// If no challenge waits.
    pub fn cancel(&mut self) -> Result<(), Refused> {
        self.challenged()?;
        self.output.push(b"*\r\n");
        self.state = State::Status;
        Ok(())
    }

    /// What the server can do, if that is known by now.
    pub fn capabilities(&self) -> Option<&Capabilities> {
        self.capabilities.as_ref()
    }

    /// The timestamp for APOP that the greeting offers.
    pub fn timestamp(&self) -> Option<&Timestamp> {
        self.timestamp.as_ref()
    }

    /// The TLS session, if there is one.
    pub fn tls(&self) -> Option<&TlsInfo> {
        self.tls.as_ref()
    }

    /// How many commands are unanswered.
    pub fn unanswered(&self) -> usize {
        self.queue.len()
    }

    /// Puts a command behind the others; it is sent when its turn has come.
    fn enqueue(&mut self, task: Task) -> Result<CommandId, Refused> {
        if self.ending || matches!(self.state, State::Closing) {
            return Err(Refused::Ending);
        }
        if self.queue.len() >= self.config.limits.pipeline {
            return Err(Refused::Busy);
        }
        let id = CommandId(self.next_id);
        self.next_id += 1;
        self.queue.push_back(Pending { id, task });
        Ok(id)
    }

    fn challenged(&self) -> Result<(), Refused> {
        match self.state {
            State::Challenge => Ok(()),
            _ => Err(Refused::NoChallenge),
        }
    }

    fn send_response(&mut self, response: &[u8]) {
        write!(self.output, "{}\r\n", auth::encode(response)).expect("writing to memory");
        if let Some(Task::Auth(exchange)) = self.queue.front_mut().map(|first| &mut first.task) {
            exchange.has_responded = true;
        }
        self.state = State::Status;
    }

    /// Ends the session, for the first reason that there is.
    fn fail(&mut self, error: Error) {
        if self.failed.is_none() {
            self.input.clear();
            self.queue.clear();
            self.state = State::Closing;
            self.failed = Some(error);
        }
    }

    /// One transition. Nothing but this and the responses above changes the state.
    fn advance(&mut self, now: Instant) -> Turn {
        match &mut self.state {
            State::Greeting => self.line(now, Self::greeting),
            State::Status => {
                self.send();
                if self.output.is_over() {
                    return Turn::Go;
                }
                self.line(now, Self::status)
            }
            State::Told(text) => {
                let text = std::mem::take(text);
                self.done(|id| Event::Ok(id, text))
            }
            State::List => self.line(now, Self::entry),
            State::Message(unstuffer) => match unstuffer.next(&mut self.input) {
                Unstuffed::Data(piece) => Turn::Step(Step::Event(Event::Body(piece))),
                Unstuffed::NeedInput => self.need_input(now),
                Unstuffed::End => {
                    self.input.expect_bulk(false);
                    self.done(Event::End)
                }
            },
            State::Challenge => Turn::Step(Step::Paused),
            State::StartingTls => {
                if !self.input.is_empty() {
                    self.fail(Error::PlaintextBehindStls);
                    return Turn::Go;
                }
                self.timer.arm_if_idle(now, self.config.limits.reply_time);
                Turn::Step(Step::StartTls)
            }
            State::Closing => Turn::Step(Step::Close),
        }
    }

    /// Sends the commands that may be sent now.
    fn send(&mut self) {
        let pipelining = self.config.pipelining
            && self
                .capabilities
                .as_ref()
                .is_some_and(|known| known.has(&Capability::Pipelining));
        while let Some(next) = self.queue.get(self.sent) {
            // Something alone is alone: the one before it is the first, if there is one.
            let alone = next.task.is_alone() || self.queue[0].task.is_alone();
            if self.output.is_over() || self.sent > 0 && (alone || !pipelining) {
                return;
            }
            next.task.write(&mut self.output);
            self.sent += 1;
        }
    }

    /// The next line, and what it is in this state.
    fn line(&mut self, now: Instant, read: fn(&mut Self, &[u8]) -> Turn) -> Turn {
        let found = self.lines.next(&self.input);
        match found {
            Found::Incomplete { consume } => {
                self.input.consume(consume);
                self.need_input(now)
            }
            Found::Endless | Found::TooLong { .. } => {
                self.fail(Error::EndlessLine);
                Turn::Go
            }
            Found::Line {
                length, consume, ..
            } => {
                self.timer.disarm();
                let line = self.input.take(consume);
                read(self, &line[..length])
            }
        }
    }

    fn greeting(&mut self, line: &[u8]) -> Turn {
        match Reply::parse(line) {
            Ok(Reply::Ok(text)) => {
                self.timestamp = Timestamp::find(&text);
                self.state = State::Status;
                Turn::Step(Step::Event(Event::Greeting(text)))
            }
            Ok(Reply::Err(refusal)) => {
                self.queue.clear();
                self.state = State::Closing;
                Turn::Step(Step::Event(Event::Farewell(refusal)))
            }
            Err(_) => {
                self.fail(Error::NotAReply);
                Turn::Go
            }
        }
    }

    fn status(&mut self, line: &[u8]) -> Turn {
        let reply = Reply::parse(line);
        if self.sent == 0 {
            // Nothing was asked. A server that says no to that says why it will close.
            return match reply {
                Ok(Reply::Err(refusal)) => {
                    self.ending = true;
                    self.queue.clear();
                    Turn::Step(Step::Event(Event::Farewell(refusal)))
                }
                _ => {
                    self.fail(Error::Unexpected);
                    Turn::Go
                }
            };
        }
        let first = &mut self.queue[0];
        if let Task::Auth(exchange) = &mut first.task {
            let challenge = match (line, &reply) {
                (b"+", _) => Some(&b""[..]),
                ([b'+', b' ', data @ ..], _) => Some(data),
                // Some servers say this for an empty challenge. It cannot mean success: nobody has
                // said yet who is there.
                (_, Ok(Reply::Ok(_))) if !exchange.has_responded => Some(&b""[..]),
                _ => None,
            };
            if let Some(challenge) = challenge {
                return self.challenge(challenge);
            }
        }
        let text = match reply {
            Ok(Reply::Ok(text)) => text,
            Ok(Reply::Err(refusal)) => {
                let failure = match &first.task {
                    Task::Auth(exchange) if exchange.is_malformed => Failure::Malformed,
                    _ => Failure::Refused(refusal),
                };
                match first.task {
                    // It does not even know the question.
                    Task::Command(Command::Capa) => {
                        self.capabilities = Some(Capabilities::default());
                    }
                    Task::Command(Command::Utf8) => self.utf8 = false,
                    _ => {}
                }
                return self.done(|id| Event::Failed(id, failure));
            }
            Err(_) => {
                self.fail(Error::NotAReply);
                return Turn::Go;
            }
        };
        match &mut first.task {
            task if task.is_list() => {
                self.state = State::List;
                self.listed = Capabilities::default();
                Turn::Go
            }
            Task::Command(Command::Retr(number) | Command::Top(number, _)) => {
                let (id, number) = (first.id, *number);
                let octets = task::announced_octets(&text);
                self.state = State::Message(Unstuffer::new(Strays::Allow));
                self.input.expect_bulk(true);
                Turn::Step(Step::Event(Event::Message { id, number, octets }))
            }
            Task::Login { user_accepted, .. } if !*user_accepted => {
                *user_accepted = true;
                first.task.write(&mut self.output);
                Turn::Go
            }
            Task::Login { .. } | Task::Auth(_) | Task::Command(Command::Apop(_)) => {
                self.capabilities = None;
                self.done(|id| Event::Ok(id, text))
            }
            Task::Command(Command::Stls) => {
                self.capabilities = None;
                let turn = self.done(|id| Event::Ok(id, text));
                self.state = State::StartingTls;
                turn
            }
            Task::Command(Command::Quit) => {
                let turn = self.done(|id| Event::Ok(id, text));
                self.state = State::Closing;
                turn
            }
            task => match task.facts(&text) {
                None => self.done(|id| Event::Failed(id, Failure::Malformed)),
                Some(None) => self.done(|id| Event::Ok(id, text)),
                Some(Some(fact)) => {
                    self.state = State::Told(text);
                    Turn::Step(Step::Event(fact))
                }
            },
        }
    }

    fn challenge(&mut self, challenge: &[u8]) -> Turn {
        let Some(Task::Auth(exchange)) = self.queue.front_mut().map(|first| &mut first.task) else {
            unreachable!("called for an authentication alone");
        };
        if let Some(initial) = exchange.take_withheld() {
            self.send_response(initial.expose());
            return Turn::Go;
        }
        match auth::decode(challenge) {
            Ok(challenge) => {
                self.state = State::Challenge;
                Turn::Step(Step::Event(Event::Challenge(challenge)))
            }
            // What cannot be understood is cancelled; the server's answer to that ends it.
            Err(_) => {
                exchange.is_malformed = true;
                exchange.has_responded = true;
                self.output.push(b"*\r\n");
                Turn::Go
            }
        }
    }

    fn entry(&mut self, line: &[u8]) -> Turn {
        let task = &self.queue[0].task;
        let is_capa = matches!(task, Task::Command(Command::Capa));
        match line {
            b"." => {
                if is_capa {
                    self.capabilities = Some(std::mem::take(&mut self.listed));
                }
                self.done(Event::End)
            }
            [b'.', line @ ..] | line if is_capa => {
                self.listed.push(Capability::parse(line));
                if self.listed.len() > self.config.limits.capabilities {
                    self.fail(Error::EndlessList);
                }
                Turn::Go
            }
            [b'.', line @ ..] | line => {
                Turn::Step(Step::Event(task.entry(line).unwrap_or(Event::Unreadable)))
            }
        }
    }

    /// The first command is answered.
    fn done(&mut self, event: impl FnOnce(CommandId) -> Event) -> Turn {
        let first = self.queue.pop_front();
        self.sent -= 1;
        self.state = State::Status;
        match first {
            Some(first) => Turn::Step(Step::Event(event(first.id))),
            None => unreachable!("an answer belongs to a command"),
        }
    }

    /// Nothing complete is there: wait, but not for ever; or it is over.
    fn need_input(&mut self, now: Instant) -> Turn {
        let idle = matches!(self.state, State::Status) && self.sent == 0;
        if self.ended {
            match idle && self.input.is_empty() && !self.lines.is_within_line() {
                // As servers do that have waited too long.
                true => self.state = State::Closing,
                false => self.fail(Error::Disconnected),
            }
            return Turn::Go;
        }
        if !idle {
            let received = self.input.octets_received();
            if std::mem::replace(&mut self.octets_received, received) != received {
                self.timer.disarm();
            }
            self.timer.arm_if_idle(now, self.config.limits.reply_time);
        }
        Turn::Step(Step::NeedInput)
    }

    fn expire(&mut self, now: Instant) {
        if self.flush_timer.has_expired(now, &self.output) {
            self.fail(Error::WriteTimeout);
        } else if self.timer.has_expired(now) {
            // What came since we last waited is progress.
            if self.input.octets_received() == self.octets_received {
                self.fail(Error::ReplyTimeout);
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
            if let Some(error) = self.failed {
                return Err(error);
            }
            if self.output.is_over() {
                let time = self.config.limits.reply_time;
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
        [self.timer.deadline(), self.flush_timer.deadline()]
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
        // What was learnt in clear text is forgotten (RFC 2595 section 4).
        self.capabilities = None;
        self.tls = Some(tls);
        if matches!(self.state, State::StartingTls) {
            self.state = State::Status;
        }
    }

    fn shutdown(&mut self) {
        // A queue that is full, or ends already, needs no QUIT more.
        let _ = self.quit();
    }
}
