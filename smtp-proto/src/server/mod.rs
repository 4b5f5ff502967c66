//! The server's side of SMTP and LMTP.

mod config;
mod event;
mod replies;
mod session;

use std::sync::Arc;
use std::time::Instant;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use mailwire::dot::{Strays, Unstuffed, Unstuffer};
use mailwire::line::{Found, LineReader};
use mailwire::{ApiMisuse, Input, Machine, Output, Secret, Step, Timer, TlsInfo};

pub use config::{Config, Protocol};
pub use event::{Aborted, Event};

use self::session::Session;
use crate::command::{Command, Hello, HelloVerb, MechanismName, Rcpt, SyntaxError, decode};
use crate::{Error, Reply};

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
/// | `Data` | 354 | 452 4.3.1 |
/// | `EndOfData` | 250 2.0.0 | 451 4.3.0, 452 4.3.1, 554 5.6.0 |
/// | `Auth`, `AuthData` | 235 2.7.0 | 535 5.7.8, 454 4.7.0, 504 5.5.4 |
/// | `Verify` | 252 2.1.5 | 550 5.1.1 |
#[derive(Debug)]
pub struct Server {
    config: Arc<Config>,
    input: Input,
    output: Output,
    lines: LineReader,
    state: State,
    timer: Timer,
    /// When the message must be complete.
    message_timer: Timer,
    session: Session,
    /// When the peer must have read something.
    flush_timer: Timer,
    /// What had come, and what had left, when the timers last moved.
    octets_received: u64,
    octets_left: u64,
    ended: bool,
    stopping: bool,
    failed: Option<Error>,
}

/// Where the session stands.
///
/// ```text
///  Greeting ── 554 ──► Refused
///     │ 220
///     ▼
///  Command ──┬── answered by the machine ───────────────► Command
///            ├──► Answering ── answer ──────────────────► Command
///            │      │ ▲    └── 354 ──► Body
///            │      │ └─────────────────┤ end
///            │      │                   └ aborted, end ─► Statuses ──► Command
///            │      └── challenge ──► AuthLine ── response ──► Answering
///            │                           └── `*` or no response ──► Command
///            └──► StartingTls ── tls_started ───────────► Command
///
///  QUIT, a 421 or any failure, in any state ────────────► Closing
/// ```
#[derive(Debug)]
enum State {
    /// Nothing was said yet; or this, instead of 220.
    Greeting(Option<Reply>),
    /// 554 was the greeting: only QUIT is served (section 3.1).
    Refused,
    /// A command comes next.
    Command,
    /// An event waits for its answer.
    Answering(Question),
    /// The response to a challenge comes next.
    AuthLine,
    /// The message comes.
    Body(Body),
    /// A message gets the same status so many times more. One at a time, so that a thousand
    /// recipients in LMTP do not make the output larger than its mark.
    Statuses {
        reply: Reply,
        left: u32,
        is_error: bool,
    },
    /// 220 was said to STARTTLS.
    StartingTls,
    /// All was said.
    Closing,
}

/// What the application was asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Question {
    Hello(HelloVerb),
    Auth,
    Mail,
    Rcpt,
    Data,
    /// So many statuses are still to be given.
    EndOfData(u32),
    Verify,
}

/// A message on its way in.
#[derive(Debug)]
struct Body {
    unstuffer: Unstuffer,
    /// What had been received before it.
    start: u64,
    octets: u64,
    aborted: Option<Aborted>,
    /// The application knows that it is aborted.
    told: bool,
    /// Its end was found.
    complete: bool,
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
            state: State::Greeting(None),
            timer: Timer::new(),
            message_timer: Timer::new(),
            session: Session::default(),
            flush_timer: Timer::new(),
            octets_received: 0,
            octets_left: 0,
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
        server.state = State::Greeting(Some(reply));
        Ok(server)
    }

    /// Says yes to the event that waits, in the words of the table above.
    ///
    /// # Errors
    ///
    /// If no event waits. Nothing has changed then.
    pub fn accept(&mut self) -> Result<(), ApiMisuse> {
        let question = self.question("accept")?;
        match question {
            Question::Hello(HelloVerb::Helo) => replies::helo(&self.config, &mut self.output),
            Question::Hello(_) => {
                replies::ehlo(&self.config, &self.session, &mut self.output);
            }
            Question::Mail => self.output.push(b"250 2.1.0 Ok\r\n"),
            Question::Rcpt => self.output.push(b"250 2.1.5 Ok\r\n"),
            Question::Data => self.output.push(b"354 End data with <CR><LF>.<CR><LF>\r\n"),
            Question::EndOfData(_) => self.output.push(b"250 2.0.0 Ok\r\n"),
            Question::Auth => self.output.push(b"235 2.7.0 Authentication successful\r\n"),
            Question::Verify => self
                .output
                .push(b"252 2.1.5 Cannot verify, but will try\r\n"),
        }
        self.answered(question, true);
        Ok(())
    }

    /// Answers the event that waits in words of the application. 421 closes the session. In
    /// answer to `Hello` the enhanced status code is left out, as RFC 2034 section 4 wants it.
    ///
    /// # Errors
    ///
    /// If no event waits, or the reply does not fit it: `Hello` and `Data` take refusals only,
    /// since their success has a form that clients rely on, and nothing takes 3xx. Nothing has
    /// changed then.
    pub fn reply(&mut self, reply: Reply) -> Result<(), ApiMisuse> {
        let question = self.question("reply")?;
        let fits = match question {
            Question::Hello(_) | Question::Data => !reply.is_positive(),
            _ => true,
        };
        if !fits || reply.is_intermediate() {
            return Err(misuse("reply", "a reply of another class is due"));
        }
        // No enhanced code in answer to a hello (RFC 2034 section 4).
        let reply = match question {
            Question::Hello(_) => reply.plain(),
            _ => reply,
        };
        let closes = reply.code() == 421;
        // Only 535 is a wrong guess: what was malformed or cancelled was none.
        if question == Question::Auth && reply.code() == 535 && self.is_last_auth_failure() {
            return Ok(());
        }
        reply.write(&mut self.output);
        self.answered(question, reply.is_positive());
        if closes {
            self.state = State::Closing;
        }
        Ok(())
    }

    /// Gives all statuses that are still due for a message the same reply.
    ///
    /// # Errors
    ///
    /// As for [`reply`](Self::reply), and if it is not a message that waits.
    pub fn reply_all(&mut self, reply: &Reply) -> Result<(), ApiMisuse> {
        let Question::EndOfData(due) = self.question("reply_all")? else {
            return Err(misuse("reply_all", "no message waits"));
        };
        if reply.is_intermediate() {
            return Err(misuse("reply_all", "a reply of another class is due"));
        }
        if reply.is_positive() {
            self.session.idle_commands = 0;
        }
        self.state = State::Statuses {
            reply: reply.clone(),
            left: due,
            is_error: false,
        };
        Ok(())
    }

    /// Sends a challenge of the authentication that is going on.
    ///
    /// # Errors
    ///
    /// If no authentication waits. Nothing has changed then.
    pub fn challenge(&mut self, challenge: &[u8]) -> Result<(), ApiMisuse> {
        if self.question("challenge")? != Question::Auth {
            return Err(misuse("challenge", "no authentication waits"));
        }
        // The space stays even if nothing follows it (RFC 4954 section 4).
        self.output.push(b"334 ");
        self.output.push(STANDARD.encode(challenge).as_bytes());
        self.output.push(b"\r\n");
        self.state = State::AuthLine;
        Ok(())
    }

    /// Offers these mechanisms in place of all those of the configuration, until TLS starts:
    /// which ones can be used may depend on the channel, or change with time.
    pub fn offer(&mut self, mechanisms: Vec<MechanismName>) {
        self.session.offered = Some(mechanisms.into());
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

    fn question(&self, call: &'static str) -> Result<Question, ApiMisuse> {
        match self.state {
            State::Answering(question) => Ok(question),
            _ => Err(misuse(call, "no event waits for an answer")),
        }
    }

    /// Moves on from a question. The reply has been written.
    fn answered(&mut self, question: Question, yes: bool) {
        let session = &mut self.session;
        self.state = State::Command;
        match question {
            Question::Hello(verb) if yes => {
                session.hello = Some(verb);
                // As if RSET had been said; a hello that is refused changes nothing (section 4.1.4).
                self.drop_transaction();
            }
            Question::Mail => session.transaction = yes,
            Question::Rcpt => session.recipients += u32::from(yes),
            Question::Data if yes => {
                self.state = State::Body(Body {
                    unstuffer: Unstuffer::new(self.config.strays),
                    start: self.input.octets_received() - self.input.len() as u64,
                    octets: 0,
                    aborted: None,
                    told: false,
                    complete: false,
                });
                self.input.expect_bulk(true);
            }
            Question::EndOfData(due) => {
                if yes {
                    session.idle_commands = 0;
                }
                if due > 1 {
                    self.state = State::Answering(Question::EndOfData(due - 1));
                }
            }
            Question::Auth => session.authenticated = yes,
            Question::Hello(_) | Question::Data | Question::Verify => {}
        }
    }

    /// Counts a refused authentication. The last one that is put up with is answered by 421.
    fn is_last_auth_failure(&mut self) -> bool {
        self.session.auth_failures += 1;
        if self.session.auth_failures < self.config.limits.auth_failures {
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

    /// One transition. Nothing but this and the answers above changes the state.
    fn advance(&mut self, now: Instant) -> Turn {
        match &mut self.state {
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
            State::Body(_) => self.body(now),
            State::Statuses { .. } => self.status(),
            State::Answering(_) => Turn::Step(Step::Paused),
            State::StartingTls => {
                if !self.input.is_empty() {
                    self.fail(Error::PlaintextBehindStartTls);
                    return Turn::Go;
                }
                // For the 220 to be taken and the handshake to be made.
                self.timer.arm_if_idle(now, self.config.limits.command_time);
                Turn::Step(Step::StartTls)
            }
            State::Closing => Turn::Step(Step::Close),
        }
    }

    /// The next line, in the three states that are waiting for one.
    fn line(&mut self, now: Instant) -> Turn {
        if self.stopping {
            replies::STOPPING.write(&mut self.output);
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
                self.fail(Error::EndlessLine);
                return Turn::Go;
            }
            Found::TooLong { .. } => Err(SyntaxError::TooLong),
            Found::Line { length, crlf, .. } => Ok((&self.input[..length], crlf)),
        };
        let bare_is_fine = self.config.strictness.bare_lf_commands;
        let line = line.and_then(|(line, crlf)| {
            let line = match self.state {
                State::AuthLine => Line::response(line),
                _ => Line::command(line, &self.config),
            };
            match line {
                // However it ends, its octets follow.
                Err(SyntaxError::Chunk) => line,
                _ if !crlf && !bare_is_fine => Err(SyntaxError::BareLineFeed),
                _ => line,
            }
        });
        self.timer.disarm();
        self.input.consume(found.consume());
        match (&self.state, line) {
            (State::Refused, Ok(Line::Command(Command::Quit))) => self.command(Command::Quit),
            (State::Refused, _) => self.reject(replies::ONLY_QUIT.clone()),
            (State::AuthLine, Ok(Line::Response(response))) => {
                self.ask(Question::Auth, Event::AuthData(response))
            }
            (State::AuthLine, Err(SyntaxError::TooLong)) => {
                self.cancel_auth(&replies::AUTH_LINE_TOO_LONG)
            }
            (State::AuthLine, Err(error)) => self.cancel_auth(&error.reply()),
            (State::AuthLine, Ok(_)) => self.cancel_auth(&replies::AUTH_CANCELLED),
            (_, Ok(Line::Command(command))) => self.command(command),
            (_, Ok(_)) => unreachable!("a command line is read as a command"),
            (_, Err(error)) => {
                let turn = self.reject(error.reply());
                if error == SyntaxError::Chunk {
                    self.fail(Error::OutOfStep);
                }
                turn
            }
        }
    }

    /// A command that is legal by itself: is it legal here?
    fn command(&mut self, command: Command) -> Turn {
        let moves_no_mail = match &command {
            Command::Rset | Command::Noop | Command::Help | Command::Verify(_) => true,
            Command::Hello(_) => self.session.hello.is_some(),
            _ => false,
        };
        if moves_no_mail && !self.affords_idle_command() {
            return Turn::Go;
        }
        match command {
            Command::Hello(hello) => self.hello(hello),
            Command::Mail(mail) => match self.session.refuses_mail(&mail, &self.config) {
                Some(reply) => self.reject(reply.clone()),
                None => {
                    self.session.smtputf8 = mail.parameters.smtputf8;
                    self.ask(Question::Mail, Event::Mail(mail))
                }
            },
            Command::Rcpt(rcpt) => self.rcpt(rcpt),
            Command::Data => match self.session.refuses_data(&self.config) {
                Some(reply) => self.reject(reply.clone()),
                None => self.ask(Question::Data, Event::Data),
            },
            Command::Rset => {
                replies::OK.write(&mut self.output);
                self.reset()
            }
            Command::Noop => {
                replies::OK.write(&mut self.output);
                Turn::Go
            }
            Command::Help => {
                replies::HELP.write(&mut self.output);
                Turn::Go
            }
            Command::Verify(verify) => match self.session.refuses_strangers(&self.config) {
                Some(reply) => self.reject(reply.clone()),
                None => self.ask(Question::Verify, Event::Verify(verify)),
            },
            Command::Quit => {
                replies::BYE.write(&mut self.output);
                self.state = State::Closing;
                self.reset()
            }
            Command::StartTls => {
                if !self.config.starttls {
                    return self.reject(SyntaxError::NotImplemented.reply());
                }
                if self.session.tls.is_some() {
                    return self.reject(replies::TLS_ALREADY.clone());
                }
                replies::START_TLS.write(&mut self.output);
                self.state = State::StartingTls;
                self.reset()
            }
            Command::Auth(auth) => match self.session.refuses_auth(&auth, &self.config) {
                Some(reply) => self.reject(reply.clone()),
                None => self.ask(Question::Auth, Event::Auth(auth)),
            },
        }
    }

    fn hello(&mut self, hello: Hello) -> Turn {
        let lmtp = self.config.protocol == Protocol::Lmtp;
        if lmtp != (hello.verb == HelloVerb::Lhlo) {
            let reply = if lmtp {
                &replies::USE_LHLO
            } else {
                &replies::NO_LHLO
            };
            return self.reject(reply.clone());
        }
        self.ask(Question::Hello(hello.verb), Event::Hello(hello))
    }

    fn rcpt(&mut self, rcpt: Rcpt) -> Turn {
        if let Some(reply) = self.session.refuses_rcpt(&rcpt, &self.config) {
            return self.reject(reply.clone());
        }
        let (session, most) = (&mut self.session, self.config.limits.recipients);
        session.recipients_asked = session.recipients_asked.saturating_add(1);
        if session.recipients < most {
            return self.ask(Question::Rcpt, Event::Rcpt(rcpt));
        }
        let reply = replies::TOO_MANY_RECIPIENTS.clone();
        if session.recipients_asked / 2 > most {
            return self.reject(reply);
        }
        // Not yet an error of the client's: it sends the rest in another transaction.
        reply.write(&mut self.output);
        Turn::Step(Step::Event(Event::Rejected(reply)))
    }

    /// The next piece of the message.
    fn body(&mut self, now: Instant) -> Turn {
        let limits = &self.config.limits;
        let State::Body(body) = &mut self.state else {
            unreachable!("called in this state alone");
        };
        let mut used_up = false;
        loop {
            if let (Some(aborted), false) = (body.aborted, body.told) {
                body.told = true;
                return Turn::Step(Step::Event(Event::Aborted(aborted)));
            }
            if let Some(aborted) = body.aborted {
                let read = self.input.octets_received() - self.input.len() as u64 - body.start;
                let most = limits
                    .message
                    .unwrap_or(0)
                    .saturating_add(limits.skipped_message);
                if read > most {
                    replies::aborted(aborted).write(&mut self.output);
                    self.fail(Error::EndlessMessage);
                    return Turn::Go;
                }
            }
            if body.complete {
                let aborted = body.aborted;
                return self.end_of_data(aborted);
            }
            if used_up {
                return self.need_input(now);
            }
            let found = body.unstuffer.next(&mut self.input);
            if body.aborted.is_none() && self.config.strays == Strays::Reject {
                body.aborted = body.unstuffer.stray().map(Aborted::Stray);
            }
            match found {
                Unstuffed::Data(_) if body.aborted.is_some() => {}
                Unstuffed::Data(mut piece) => {
                    let left = limits.message.unwrap_or(u64::MAX) - body.octets;
                    if piece.len() as u64 > left {
                        // What fits is still handed out, so that the cut does not depend on
                        // how the bytes arrived.
                        piece.truncate(usize::try_from(left).expect("less than a piece"));
                        body.aborted = Some(Aborted::TooLarge);
                    }
                    if !piece.is_empty() {
                        body.octets += piece.len() as u64;
                        return Turn::Step(Step::Event(Event::Body(piece)));
                    }
                }
                Unstuffed::NeedInput => used_up = true,
                Unstuffed::End => body.complete = true,
            }
        }
    }

    fn end_of_data(&mut self, aborted: Option<Aborted>) -> Turn {
        let due = match self.config.protocol {
            Protocol::Smtp => 1,
            // RFC 2033 section 4.2: one for each RCPT that was accepted.
            Protocol::Lmtp => self.session.recipients,
        };
        self.timer.disarm();
        self.message_timer.disarm();
        self.input.expect_bulk(false);
        // The transaction is over, whatever the reply will be.
        self.drop_transaction();
        let Some(aborted) = aborted else {
            return self.ask(Question::EndOfData(due), Event::EndOfData);
        };
        self.state = State::Statuses {
            reply: replies::aborted(aborted),
            left: due,
            is_error: true,
        };
        Turn::Go
    }

    /// The next of several statuses, or what comes after the last.
    fn status(&mut self) -> Turn {
        let State::Statuses {
            reply,
            left,
            is_error,
        } = &mut self.state
        else {
            unreachable!("called in this state alone");
        };
        if *left > 0 {
            *left -= 1;
            reply.write(&mut self.output);
            return Turn::Go;
        }
        let is_error = *is_error;
        self.state = match reply.code() {
            421 => State::Closing,
            _ => State::Command,
        };
        if is_error {
            self.count_error();
        }
        Turn::Go
    }

    fn ask(&mut self, question: Question, event: Event) -> Turn {
        self.state = State::Answering(question);
        Turn::Step(Step::Event(event))
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
        self.session.errors += 1;
        if self.session.errors >= self.config.limits.errors {
            self.fail(Error::TooManyErrors);
        }
    }

    /// Counts a command that moves no mail. Says no if it was the last straw: then the farewell
    /// is its answer.
    fn affords_idle_command(&mut self) -> bool {
        self.session.idle_commands = self.session.idle_commands.saturating_add(1);
        if self.session.idle_commands > self.config.limits.idle_commands {
            self.count_error();
        }
        self.failed.is_none()
    }

    /// Forgets the transaction and tells the application if there was one.
    fn reset(&mut self) -> Turn {
        match self.drop_transaction() {
            true => Turn::Step(Step::Event(Event::Reset)),
            false => Turn::Go,
        }
    }

    fn drop_transaction(&mut self) -> bool {
        self.session.recipients = 0;
        self.session.recipients_asked = 0;
        std::mem::take(&mut self.session.transaction)
    }

    /// Nothing complete is there: wait, but not for ever; or it is over.
    fn need_input(&mut self, now: Instant) -> Turn {
        if self.ended {
            match self.state {
                State::Command | State::Refused
                    if self.input.is_empty() && !self.lines.is_within_line() =>
                {
                    self.state = State::Closing;
                }
                _ => self.fail(Error::Disconnected),
            }
            return Turn::Go;
        }
        let limits = &self.config.limits;
        match self.state {
            State::Body(_) => {
                self.message_timer.arm_if_idle(now, limits.message_time);
                let received = self.input.octets_received();
                if std::mem::replace(&mut self.octets_received, received) != received {
                    self.timer.arm(now, limits.data_time);
                }
                self.timer.arm_if_idle(now, limits.data_time);
            }
            State::AuthLine => self.timer.arm_if_idle(now, limits.auth_time),
            _ => self.timer.arm_if_idle(now, limits.command_time),
        }
        Turn::Step(Step::NeedInput)
    }

    /// More waits to be sent than may be: the peer has to read, in time.
    fn need_flush(&mut self, now: Instant) {
        let left = self.output.octets_left();
        if std::mem::replace(&mut self.octets_left, left) != left {
            self.flush_timer.disarm();
        }
        self.flush_timer
            .arm_if_idle(now, self.config.limits.command_time);
    }

    fn expire(&mut self, now: Instant) {
        if self.flush_timer.has_expired(now) {
            self.fail(Error::WriteTimeout);
        } else if self.message_timer.has_expired(now) {
            self.fail(Error::MessageTimeout);
        } else if self.timer.has_expired(now) {
            match self.state {
                // What came since we last waited is progress, even if it came in the last moment or
                // the application took long over it.
                State::Body(_) if self.input.octets_received() != self.octets_received => {}
                State::Body(_) => self.fail(Error::MessageTimeout),
                _ => self.fail(Error::CommandTimeout),
            }
        }
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
                self.need_flush(now);
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
        [&self.timer, &self.message_timer, &self.flush_timer]
            .into_iter()
            .filter_map(Timer::deadline)
            .min()
    }

    fn tls_started(&mut self, tls: TlsInfo) {
        if !self.input.is_empty() {
            self.fail(Error::PlaintextBehindStartTls);
            return;
        }
        self.timer.disarm();
        // All that was said in clear text is forgotten (RFC 3207 section 4.2); what it cost us
        // is not.
        self.session = Session {
            tls: Some(tls),
            errors: self.session.errors,
            idle_commands: self.session.idle_commands,
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
            self.state = State::Greeting(Some(replies::STOPPING.clone()));
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
            _ => decode(line).map(Self::Response),
        }
    }
}

fn misuse(call: &'static str, state: &'static str) -> ApiMisuse {
    ApiMisuse { call, state }
}
