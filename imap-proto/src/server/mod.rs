//! The server's side of IMAP.

mod config;
pub use config::Config;

mod event;
pub use event::{Copy, Event, Fetch, NewMessage, Search, Sort, Store, Thread};

mod selected;
pub use selected::Selected;

mod replies;
pub use replies::Refusal;

mod session;

mod greeting;

mod commands;

mod messages;

mod offers;

mod question;

mod answers;

mod results;

mod search;

mod message;

mod literals;

mod challenges;

mod append;

mod news;

mod notices;

mod idling;

mod clock;

mod layers;

mod view;

mod numbering;

use std::sync::Arc;
use std::time::Instant;

use mailwire::auth::MechanismName;
use mailwire::{ApiMisuse, FlushTimer, Input, Machine, Output, Step, Timer, TlsInfo};

use self::append::Appending;
use self::greeting::Greeting;
use self::news::{Moment, Told};
use self::question::{Back, Ending, Running};
use self::replies::Speaker;
use self::search::Listing;
use self::session::{Session, Standing};
use crate::deflate::Layer;
use crate::encode::{Encoder, Encoding};
use crate::error::Error;
use crate::frame::{Found, Framer};
use crate::quirks::Quirks;
use crate::reader::Reader;
use crate::response::{CodeWord, Status, StatusKind};
use crate::tag::Tag;

/// A server session: one connection, from greeting to farewell.
///
/// Drive it as any [`Machine`] and answer its [`Event`]s. It owns what RFC 9051 and RFC 3501 say about states,
/// sequence numbers, literals, and when a client may be told what; the application knows whose
/// password is whose and has the mailboxes.
///
/// The application speaks of messages by UID alone, and tells what happens to the selected mailbox
/// whenever it hears of it: [`arrived`](Self::arrived), [`expunged`](Self::expunged),
/// [`changed`](Self::changed). The machine keeps that until the client may be told.
///
/// # What is spoken
///
/// IMAP4rev1 (RFC 3501) and IMAP4rev2 (RFC 9051), and of the extensions those that [`Config::extensions`] names:
///
/// | whose matter | extensions |
/// |---|---|
/// | the machine's alone | `LITERAL+`, `LITERAL-`, `SASL-IR`, `ENABLE`, `ID`, `IDLE`, `UNSELECT`, `COMPRESS=DEFLATE`, `UNAUTHENTICATE`, `SEARCHRES`, `ESEARCH`, `ESORT`, `PARTIAL`, `UIDONLY`, `INPROGRESS`, and how `APPEND` comes in with `MULTIAPPEND`, `CATENATE`, `REPLACE`, `UTF8=ACCEPT`, `APPENDLIMIT` |
/// | the machine has the rules, the application the facts | `CONDSTORE`, `QRESYNC`, `UIDPLUS`, `MOVE`, `NOTIFY`, `BINARY`, `SORT`, `SORT=DISPLAY`, `THREAD=`, `WITHIN`, `SAVEDATE`, `OBJECTID`, `PREVIEW`, `X-GM-EXT-1` |
/// | the application's; the machine carries commands and data | `NAMESPACE`, `CHILDREN`, `LIST-EXTENDED`, `LIST-STATUS`, `LIST-MYRIGHTS`, `LIST-METADATA`, `SPECIAL-USE`, `CREATE-SPECIAL-USE`, `STATUS=SIZE`, `QUOTA`, `ACL`, `METADATA`, `LANGUAGE`, `URLAUTH`, `MULTISEARCH`, `JMAPACCESS` |
///
/// Not: `CONTEXT=SEARCH` and `CONTEXT=SORT`, since results are not kept up to date; `CONVERT`; referrals.
#[derive(Debug)]
pub struct Server {
    config: Arc<Config>,
    input: Input,
    framer: Framer,
    reader: Reader,
    speaker: Speaker,
    /// The octets of the connection, where they are not those of the protocol.
    layer: Layer,
    state: State,
    session: Session,
    timer: Timer,
    /// When somebody must have logged in.
    login_timer: Timer,
    /// When the client in IDLE is told that we are there.
    keepalive: Timer,
    /// When the peer must have read something.
    flush_timer: FlushTimer,
    /// What had come when the wait for octets of a message began.
    octets_received: u64,
    ended: bool,
    stopping: bool,
    failed: Option<Error>,
}

/// What is going on.
///
/// Whether the session is in the not authenticated, the authenticated or the selected state (RFC 9051 section
/// 3) is told by its `Standing`.
///
/// ```text
///  Greeting ── BYE ──► Closing
///     │ OK, PREAUTH
///     ▼
///  Command ──┬── answered by the machine ──────────────────► Command
///     ▲      ├──► Answering ── answer ──► Telling ─────────► Command
///     │      │     ▲ │ │  └── found ───► Listing ──► Telling
///     │      │     │ │ └── challenge ──► AuthLine ── response ──► Answering
///     │      │     │ ├── fetch ──► Sending ── its last octet ──► Answering
///     │      │     │ └── ok to APPEND ─► Appending ── next part, end ──► Answering
///     │      ├──► Idling ── DONE ───────► Telling
///     │      └──► StartingTls ── tls_started ──────────────► Command
///     │
///     └── news that had to be asked for (Refresh, from Telling, Idling or Command)
///
///  LOGOUT, and any failure in any state ─► Closing
/// ```
#[derive(Debug)]
enum State {
    /// Nothing was said yet.
    Greeting(Greeting),
    /// A command comes next.
    Command,
    /// An event waits for its answer.
    Answering(Box<Running>),
    /// So many octets of a message are owed by the application, which answers an event.
    Sending(Box<Running>, u64),
    /// The response to a challenge comes next.
    AuthLine(Tag),
    /// A message is being received, or more of the command that it belongs to.
    Appending(Box<Appending>),
    /// Numbers are being sent.
    Listing(Listing, Box<Ending>),
    /// A command is done; news are told before it is answered.
    Telling(Box<Ending>),
    /// The client listens.
    Idling(Tag),
    /// OK was said to STARTTLS.
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
    /// A session whose client has to log in.
    pub fn new(config: impl Into<Arc<Config>>) -> Self {
        Self::with_greeting(config.into(), Greeting::Ok)
    }

    /// A session whose client is known already, by its certificate or whence it comes (RFC 9051 section
    /// 7.1.4). There will be no STARTTLS.
    pub fn preauthenticated(config: impl Into<Arc<Config>>) -> Self {
        Self::with_greeting(config.into(), Greeting::PreAuth)
    }

    /// A session that greets with a refusal and closes.
    pub fn refusing(config: impl Into<Arc<Config>>, refusal: Refusal) -> Self {
        Self::with_greeting(config.into(), Greeting::Bye(refusal))
    }

    fn with_greeting(config: Arc<Config>, greeting: Greeting) -> Self {
        let framer = literals::framer(&config);
        let mut forgiven = Quirks::empty();
        forgiven.set(Quirks::EXTRA_SPACES, config.extra_spaces);
        let reader = Reader::with_quirks(forgiven).with_limits(config.limits.read.clone());
        let session = Session::new(&config);
        let mut server = Self {
            input: Input::new(framer.input_limit()),
            framer,
            reader,
            speaker: Speaker {
                encoder: Encoder::new(Encoding::responses()),
                output: Output::new(config.limits.output),
            },
            layer: Layer::default(),
            state: State::Greeting(greeting),
            session,
            timer: Timer::new(),
            login_timer: Timer::new(),
            keepalive: Timer::new(),
            flush_timer: FlushTimer::new(),
            octets_received: 0,
            ended: false,
            stopping: false,
            failed: None,
            config,
        };
        server.set_utf8();
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

    /// The configuration.
    pub fn config(&self) -> &Config {
        &self.config
    }

    /// Ends the session, for the first reason that there is.
    fn fail(&mut self, error: Error) {
        if self.failed.is_none() {
            self.input.clear();
            self.state = State::Closing;
            self.failed = Some(error);
        }
    }

    /// One transition. Nothing but this, what it calls, and the answers of the application changes the state.
    fn advance(&mut self, now: Instant) -> Turn {
        match &mut self.state {
            State::Greeting(_) => {
                self.greet();
                Turn::Go
            }
            State::Command => self.between_commands(now),
            State::AuthLine(_) => self.auth_line(now),
            State::Idling(_) => self.idle(now),
            State::Appending(_) => self.append(now),
            State::Answering(_) | State::Sending(..) => Turn::Step(Step::Paused),
            State::Listing(..) => self.list(),
            State::Telling(_) => self.tell_before_the_end(),
            State::StartingTls => self.starting_tls(now),
            State::Closing => Turn::Step(Step::Close),
        }
    }

    fn between_commands(&mut self, now: Instant) -> Turn {
        if self.stopping {
            return self.stop();
        }
        if matches!(self.session.standing, Standing::NotAuthenticated) {
            let time = self.config.limits.login_time;
            self.login_timer.arm_if_idle(now, time);
        }
        // Whatever has come of the next command: it is not in progress before all of it is there.
        match self.tell(Moment::BetweenCommands) {
            Told::Nothing => {}
            Told::Some => return Turn::Go,
            Told::Ask(asked) => return self.look_up(asked, Back::Command),
        }
        let found = match self.framer.next(&mut self.input) {
            Ok(found) => found,
            Err(error) => return self.break_off(error.into()),
        };
        match found {
            Found::Incomplete => self.need_input(now),
            Found::Frame(frame) => {
                self.timer.disarm();
                match self.reader.command(&frame) {
                    Ok(command) => self.command(command),
                    Err(error) => self.reject(error.tag.clone(), replies::syntax(&error)),
                }
            }
            Found::Literal(announced) => self.literal(announced),
            Found::Refused(refused) => self.refused(refused),
            Found::Piece { .. } => unreachable!("no literal is streamed between commands"),
        }
    }

    fn stop(&mut self) -> Turn {
        self.speaker.bye("Server is shutting down");
        self.state = State::Closing;
        Turn::Go
    }

    /// The octets make no sense any more.
    fn break_off(&mut self, error: Error) -> Turn {
        self.speaker.bye("That has no end");
        self.fail(error);
        Turn::Go
    }

    /// Refuses a command; if it made no sense, as an error of the client's.
    fn reject(&mut self, tag: Option<Tag>, status: Status) -> Turn {
        self.speaker.answer(tag, status.clone());
        if status.kind == StatusKind::Bad {
            self.count_error();
        }
        Turn::Step(Step::Event(Event::Rejected(status)))
    }

    fn count_error(&mut self) {
        self.session.errors += 1;
        let most = match self.session.standing {
            Standing::NotAuthenticated => self.config.limits.stranger_errors,
            _ => self.config.limits.errors,
        };
        if self.session.errors >= most {
            self.speaker.bye("Too many errors");
            self.fail(Error::TooManyErrors);
        }
    }

    fn set_utf8(&mut self) {
        let utf8 = self.session.is_utf8();
        self.reader.set_utf8(utf8);
        let mut encoding = self.speaker.encoder.encoding();
        encoding.utf8 = utf8;
        self.speaker.encoder.set_encoding(encoding);
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
            if self.speaker.output.is_over() {
                self.layer.send(&mut self.speaker.output);
            }
            let step = match self.failed {
                Some(error) => Err(error),
                None if self.to_send().is_over() => {
                    let output = self.layer.output(&self.speaker.output);
                    let time = self.config.limits.write_time;
                    self.flush_timer.wait(now, output, time);
                    Ok(Step::NeedFlush)
                }
                None => {
                    self.flush_timer.disarm();
                    match self.advance(now) {
                        Turn::Go => continue,
                        Turn::Step(Step::NeedInput) if self.inflate() => continue,
                        Turn::Step(Step::NeedInput) if self.failed.is_some() => continue,
                        Turn::Step(step) => Ok(step),
                    }
                }
            };
            if !matches!(step, Ok(Step::Event(_))) {
                self.layer.send(&mut self.speaker.output);
            }
            return step;
        }
    }

    fn input(&mut self) -> &mut Input {
        self.layer.input(&mut self.input)
    }

    fn output(&mut self) -> &mut Output {
        self.layer.output_mut(&mut self.speaker.output)
    }

    fn eof(&mut self) {
        self.ended = true;
    }

    fn deadline(&self) -> Option<Instant> {
        let (login, keepalive) = match self.state {
            State::Answering(_) => (None, None),
            _ => (self.login_timer.deadline(), self.keepalive.deadline()),
        };
        [
            self.timer.deadline(),
            self.flush_timer.deadline(),
            login,
            keepalive,
        ]
        .into_iter()
        .flatten()
        .min()
    }

    fn tls_started(&mut self, tls: TlsInfo) {
        if !self.input.is_empty() {
            self.fail(Error::PlaintextBehindStartTls);
            return;
        }
        self.timer.disarm();
        // All that was said in clear text is forgotten (RFC 9051 section 6.2.1); what it cost us is not.
        let fresh = Session::new(&self.config);
        self.session = Session {
            tls: Some(tls),
            errors: self.session.errors,
            auth_failures: self.session.auth_failures,
            ..fresh
        };
        self.framer = literals::framer(&self.config);
        self.set_utf8();
        if !matches!(self.state, State::Greeting(_)) {
            self.state = State::Command;
        }
    }

    fn shutdown(&mut self) {
        self.stopping = true;
        if matches!(self.state, State::Greeting(_)) {
            let refusal = Refusal::from(CodeWord::Unavailable);
            self.state = State::Greeting(Greeting::Bye(refusal));
        }
    }
}

fn misuse(call: &'static str, state: &'static str) -> ApiMisuse {
    ApiMisuse { call, state }
}
