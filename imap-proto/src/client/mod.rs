//! The client's side of IMAP.

mod config;
pub use config::Config;

mod event;
pub use event::{CommandId, Event, Refused};

mod mailbox;
pub use mailbox::Mailbox;

mod commands;

mod sending;

mod receiving;

mod rules;

mod solicited;

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Instant;

use mailwire::{FlushTimer, Input, Machine, Output, Secret, Step, Timer, TlsInfo};

use crate::capability::{Capability, Extension};
use crate::command::CommandBody;
use crate::deflate::{Damaged, Layer};
use crate::encode::{Encoder, Encoding};
use crate::error::{Error, SyntaxError};
use crate::frame::{Found, Framer, Why};
use crate::quirks::Quirks;
use crate::reader::Reader;
use crate::tag::Tag;

/// A client session: one connection, from greeting to LOGOUT.
///
/// Drive it as any [`Machine`]. Commands may be given at any time: they are queued, and sent as the protocol allows, several
/// at a time where that is not ambiguous (RFC 9051 section 5.5). Each returns the [`CommandId`] that the events of its answer
/// carry. Literals wait for leave, unless the server is known to need no asking.
///
/// What the server can do is kept in [`capabilities`](Self::capabilities), and forgotten when it may have changed: when TLS
/// starts, and when somebody logs in or out, unless the answer tells. What it tells of the selected mailbox is kept in
/// [`mailbox`](Self::mailbox).
#[derive(Debug)]
pub struct Client {
    config: Arc<Config>,
    input: Input,
    output: Output,
    /// The octets of the connection, where they are not those of the protocol.
    layer: Layer,
    framer: Framer,
    reader: Reader,
    encoder: Encoder,
    state: State,
    sending: Sending,
    /// Unanswered commands, of which the first `sent` were sent, the last of them perhaps in part.
    queue: VecDeque<Pending>,
    sent: usize,
    next_id: u64,
    capabilities: Option<Vec<Capability>>,
    /// Whether they were told since the last command was sent that may change them.
    capabilities_are_new: bool,
    enabled: Vec<Capability>,
    mailbox: Option<Box<Mailbox>>,
    tls: Option<TlsInfo>,
    /// STARTTLS was tried in vain.
    tls_failed: bool,
    /// LOGOUT is in the queue, or the server has said BYE.
    ending: bool,
    timer: Timer,
    octets_received: u64,
    flush_timer: FlushTimer,
    ended: bool,
    failed: Option<Error>,
}

/// What comes from the server.
///
/// ```text
///  Greeting ── OK, PREAUTH ──► Open ──┬──► Content ── its last octet ──► Open
///     │                         ▲     ├──► StartingTls ── tls_started ─► Open
///     │ BYE                     │     └── answer to LOGOUT ────────────► Closing
///     ▼                         └───────┘ any response
///  Closing
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    /// The greeting.
    Greeting,
    /// Any response.
    Open,
    /// Octets of a message.
    Content,
    /// The TLS handshake.
    StartingTls,
    /// Nothing any more.
    Closing,
}

/// How far the last of the sent commands is sent.
///
/// ```text
///  Free ──► Literal ── + ──► Due ── told ──► Wanted ── its last octet ──► Free, Literal, Due
///    ├────► Due
///    ├────► Asking ── + ──► Challenged ── response ──► Asking
///    ├────► Entering ── + ──► Idling ── done ──► Free
///    └────► Free
///
///  any but Due, Wanted and Challenged, when the command is answered ──► Free
/// ```
#[derive(Debug)]
enum Sending {
    /// All of it.
    Free,
    /// Up to a literal for which leave is asked.
    Literal,
    /// Up to so many octets that the application has, of which it has to be told.
    Due(u64),
    /// Up to so many octets, of which it was told.
    Wanted(u64),
    /// An authentication, up to the server's next challenge; with an initial response that it had no place for.
    Asking(Option<Secret>),
    /// An authentication, up to the application's response.
    Challenged,
    /// IDLE, which the server has not agreed to yet.
    Entering,
    /// IDLE.
    Idling,
}

/// A command that is not answered.
#[derive(Debug)]
struct Pending {
    id: CommandId,
    tag: Tag,
    body: CommandBody,
    /// The sequence numbers that it names mean something else than when it was given.
    renumbered: bool,
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
        let framer = Framer::responses()
            .with_limits(limits.frame.clone())
            .with_bare_lf(config.quirks.contains(Quirks::BARE_LF));
        let reader = Reader::with_quirks(config.quirks).with_limits(limits.read.clone());
        Self {
            input: Input::new(framer.input_limit()),
            output: Output::new(limits.output),
            layer: Layer::default(),
            framer,
            reader,
            encoder: Encoder::new(Encoding::commands()),
            state: State::Greeting,
            sending: Sending::Free,
            queue: VecDeque::new(),
            sent: 0,
            next_id: 0,
            capabilities: None,
            capabilities_are_new: false,
            enabled: Vec::new(),
            mailbox: None,
            tls: None,
            tls_failed: false,
            ending: false,
            timer: Timer::new(),
            octets_received: 0,
            flush_timer: FlushTimer::new(),
            ended: false,
            failed: None,
            config,
        }
    }

    /// What the server can do, if that is known by now.
    pub fn capabilities(&self) -> Option<&[Capability]> {
        self.capabilities.as_deref()
    }

    /// Whether the server is known to have an extension.
    pub fn has(&self, extension: Extension) -> bool {
        let known = self.capabilities.as_deref().unwrap_or_default();
        known.contains(&Capability::Known(extension))
    }

    /// What has been enabled.
    pub fn enabled(&self) -> &[Capability] {
        &self.enabled
    }

    /// The selected mailbox.
    pub fn mailbox(&self) -> Option<&Mailbox> {
        self.mailbox.as_deref()
    }

    /// The TLS session, if there is one.
    pub fn tls(&self) -> Option<&TlsInfo> {
        self.tls.as_ref()
    }

    /// How many commands are unanswered.
    pub fn unanswered(&self) -> usize {
        self.queue.len()
    }

    /// How many octets of the protocol have come, inflated if they were compressed.
    pub fn octets_received(&self) -> u64 {
        self.input.octets_received()
    }

    /// Which mistakes of the server had to be forgiven so far.
    pub fn fired(&self) -> Quirks {
        self.reader.fired()
    }

    /// Ends the session, for the first reason that there is.
    fn fail(&mut self, error: Error) {
        if self.failed.is_none() {
            self.input.clear();
            self.state = State::Closing;
            self.failed = Some(error);
        }
    }

    // What comes.

    /// One transition. Nothing but this and what is received within it changes the state.
    fn advance(&mut self, now: Instant) -> Turn {
        if let Sending::Due(length) = self.sending {
            self.sending = Sending::Wanted(length);
            let id = self.queue[self.sent - 1].id;
            return Turn::Step(Step::Event(Event::Wanted(id, length)));
        }
        match self.state {
            // Whatever the server says meanwhile: what was announced has to come, and comes first.
            _ if matches!(self.sending, Sending::Wanted(_) | Sending::Challenged) => {
                self.timer.disarm();
                Turn::Step(Step::Paused)
            }
            State::Greeting => self.receive(now),
            State::Open | State::Content => match self.send_commands() {
                Some(event) => Turn::Step(Step::Event(event)),
                None if self.output.is_over() => Turn::Go,
                None if matches!(self.sending, Sending::Due(_)) => Turn::Go,
                None => self.receive(now),
            },
            State::StartingTls => {
                if !self.input.is_empty() {
                    self.fail(Error::PlaintextBehindStartTls);
                    return Turn::Go;
                }
                self.timer.arm_if_idle(now, self.config.limits.reply_time);
                Turn::Step(Step::StartTls)
            }
            State::Closing => Turn::Step(Step::Close),
        }
    }

    fn receive(&mut self, now: Instant) -> Turn {
        let found = match self.framer.next(&mut self.input) {
            Ok(found) => found,
            Err(error) => {
                self.fail(error.into());
                return Turn::Go;
            }
        };
        if found != Found::Incomplete {
            self.timer.disarm();
        }
        match found {
            Found::Incomplete => self.need_input(now),
            Found::Frame(frame) => self.frame(&frame),
            Found::Literal(announced) => self.content(announced),
            Found::Piece { octets, last } => {
                if last {
                    self.state = State::Open;
                }
                match octets.is_empty() {
                    true => Turn::Go,
                    false => Turn::Step(Step::Event(Event::Body(octets))),
                }
            }
            Found::Refused(refused) => {
                let expected = match refused.why {
                    Why::BareLf => "a line that ends with CR LF",
                    _ => "a response of bearable size",
                };
                let tag = refused.tag;
                Turn::Step(Step::Event(Event::Unreadable(SyntaxError {
                    tag,
                    offset: 0,
                    expected,
                })))
            }
        }
    }

    /// Nothing complete is there: wait, but not for ever; or it is over.
    fn need_input(&mut self, now: Instant) -> Turn {
        // In IDLE the server owes nothing, but that it is there.
        let idle = self.sent == 0 || matches!(self.sending, Sending::Idling);
        let waits = !idle || self.state != State::Open;
        if self.ended {
            match waits || self.framer.is_within_frame(&self.input) {
                // As servers do that have waited too long.
                false => self.state = State::Closing,
                true => self.fail(Error::Disconnected),
            }
            return Turn::Go;
        }
        if waits {
            let received = self.input.octets_received();
            if std::mem::replace(&mut self.octets_received, received) != received {
                self.timer.disarm();
            }
            self.timer.arm_if_idle(now, self.config.limits.reply_time);
        } else {
            self.timer.disarm();
        }
        Turn::Step(Step::NeedInput)
    }

    fn expire(&mut self, now: Instant) {
        if self.flush_timer.has_expired(now, self.to_send()) {
            self.fail(Error::WriteTimeout);
        } else if self.timer.has_expired(now) {
            // What came since we last waited is progress.
            if self.input.octets_received() == self.octets_received {
                self.fail(Error::ReplyTimeout);
            }
        }
    }

    // Compression.

    /// Inflates what has come. Says whether there was anything.
    fn inflate(&mut self) -> bool {
        match self.layer.receive(&mut self.input) {
            Ok(any) => any,
            Err(Damaged) => {
                self.fail(Error::Damaged);
                false
            }
        }
    }

    /// What is to be sent over the connection.
    fn to_send(&self) -> &Output {
        self.layer.output(&self.output)
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
            if self.output.is_over() {
                self.layer.send(&mut self.output);
            }
            let step = match self.failed {
                Some(error) => Err(error),
                None if self.to_send().is_over() => {
                    let output = self.layer.output(&self.output);
                    let time = self.config.limits.reply_time;
                    self.flush_timer.wait(now, output, time);
                    Ok(Step::NeedFlush)
                }
                None => {
                    self.flush_timer.disarm();
                    match self.advance(now) {
                        Turn::Go => continue,
                        Turn::Step(Step::NeedInput | Step::Paused) if self.inflate() => continue,
                        Turn::Step(Step::NeedInput) if self.failed.is_some() => continue,
                        Turn::Step(step) => Ok(step),
                    }
                }
            };
            if !matches!(step, Ok(Step::Event(_))) {
                self.layer.send(&mut self.output);
            }
            return step;
        }
    }

    fn input(&mut self) -> &mut Input {
        self.layer.input(&mut self.input)
    }

    fn output(&mut self) -> &mut Output {
        self.layer.output_mut(&mut self.output)
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
            self.fail(Error::PlaintextBehindStartTls);
            return;
        }
        self.timer.disarm();
        // What was learnt in clear text is forgotten (RFC 9051 section 6.2.1).
        self.forget_capabilities();
        self.tls = Some(tls);
        self.tls_failed = false;
        if self.state == State::StartingTls {
            self.state = State::Open;
        }
    }

    fn shutdown(&mut self) {
        // A queue that is full, or ends already, needs no LOGOUT more.
        let _ = self.done();
        let _ = self.send(CommandBody::Logout);
    }
}
