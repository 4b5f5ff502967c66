//! The client's side of IMAP.

mod config;
pub use config::Config;

mod event;
pub use event::{CommandId, Event, Refused};

mod mailbox;
pub use mailbox::Mailbox;

mod rules;

mod solicited;

use std::collections::VecDeque;
use std::io::Write as _;
use std::sync::Arc;
use std::time::Instant;

use bytes::Bytes;
use mailwire::{FlushTimer, Input, Machine, Output, Secret, Step, Timer, TlsInfo, auth};

use self::rules::Traits;
use crate::capability::{Capability, Extension};
use crate::command::{Command, CommandBody, QResync, Select};
use crate::deflate::{Damaged, Layer};
use crate::encode::{Encoder, Encoding, Literals, Next};
use crate::error::{Error, SyntaxError};
use crate::frame::{Announcement, Found, Frame, Framer, Why};
use crate::mailbox::MailboxName;
use crate::quirks::Quirks;
use crate::reader::Reader;
use crate::response::{Code, CodeWord, Continuation, Data, Response, Status, StatusKind};
use crate::string::Content;
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
///  Free ──► Literal ── + ──► Wanted ── its last octet ──► Free, Literal
///    ├────► Asking ── + ──► Challenged ── response ──► Asking
///    ├────► Entering ── + ──► Idling ── done ──► Free
///    └────► Free
///
///  any but Wanted and Challenged, when the command is answered ──► Free
/// ```
#[derive(Debug)]
enum Sending {
    /// All of it.
    Free,
    /// Up to a literal for which leave is asked.
    Literal,
    /// Up to so many octets that the application has.
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

    /// Gives a command. It is sent when its turn has come.
    ///
    /// A message to be added may be [streamed](Content::Streamed): it is [wanted](Event::Wanted) when the server is ready
    /// for it. IDLE ends with [`done`](Self::done), and nothing behind it is sent before.
    ///
    /// # Errors
    ///
    /// If the command cannot be queued. A password is refused where the server is known to take none, or there is no TLS
    /// although STARTTLS was tried.
    pub fn send(&mut self, body: CommandBody) -> Result<CommandId, Refused> {
        if self.ending || self.state == State::Closing {
            return Err(Refused::Ending);
        }
        if self.queue.len() >= self.config.limits.pipeline {
            return Err(Refused::Busy);
        }
        // What waits for TLS is looked at when its turn has come.
        let changes_tls = |pending: &Pending| matches!(pending.body, CommandBody::StartTls);
        if let (Some(why), false) = (self.withholds(&body), self.queue.iter().any(changes_tls)) {
            return Err(why);
        }
        if matches!(body, CommandBody::StartTls) && self.tls.is_some() {
            return Err(Refused::TlsAlready);
        }
        let id = CommandId(self.next_id);
        let tag = Tag::new(format!("A{}", self.next_id)).expect("a letter and digits are a tag");
        self.next_id += 1;
        self.ending |= matches!(body, CommandBody::Logout);
        self.queue.push_back(Pending { id, tag, body });
        Ok(id)
    }

    /// Selects a mailbox of which something is known, to be told what has changed (RFC 7162 section 3.2.5): enables QRESYNC
    /// first if that is not done. What is gone comes as [`Vanished`](Data::Vanished), what has changed as
    /// [`Fetch`](Data::Fetch). Only for servers that have `QRESYNC`. Compare the UIDVALIDITY of the [mailbox](Self::mailbox) before anything is believed.
    ///
    /// # Errors
    ///
    /// If the commands cannot be queued.
    pub fn resynchronise(
        &mut self,
        mailbox: MailboxName,
        known: QResync,
    ) -> Result<CommandId, Refused> {
        let qresync = Capability::Known(Extension::QResync);
        let asked = |pending: &Pending| matches!(&pending.body, CommandBody::Enable(wanted) if wanted.contains(&qresync));
        if !self.enabled.contains(&qresync) && !self.queue.iter().any(asked) {
            self.send(CommandBody::Enable(vec![qresync]))?;
        }
        let mut select = Select::new(mailbox);
        select.qresync = Some(known);
        self.send(CommandBody::Select(Box::new(select)))
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

    /// Gives up the authentication instead of responding. The server's refusal follows.
    ///
    /// # Errors
    ///
    /// If no challenge waits.
    pub fn cancel(&mut self) -> Result<(), Refused> {
        self.challenged()?;
        self.output.push(b"*\r\n");
        self.sending = Sending::Asking(None);
        Ok(())
    }

    /// Ends IDLE. Its completion follows.
    ///
    /// # Errors
    ///
    /// If none goes on.
    pub fn done(&mut self) -> Result<(), Refused> {
        match self.sending {
            Sending::Idling => {
                self.output.push(b"DONE\r\n");
                self.sending = Sending::Free;
                Ok(())
            }
            _ => Err(Refused::NotIdling),
        }
    }

    /// Sends the next octets of the message that is [wanted](Event::Wanted), as far as there is room for them: what stays in
    /// the piece is offered again when the machine has been flushed, or does not belong there.
    ///
    /// # Errors
    ///
    /// If none are wanted.
    pub fn write_body(&mut self, piece: &mut Bytes) -> Result<(), Refused> {
        let Sending::Wanted(left) = &mut self.sending else {
            return Err(Refused::NothingWanted);
        };
        if self.output.is_over() {
            return Ok(());
        }
        let most = self.output.room().max(LEAST);
        let most = most.min(usize::try_from(*left).unwrap_or(usize::MAX));
        let taken = piece.split_to(most.min(piece.len()));
        *left -= taken.len() as u64;
        let all = *left == 0;
        self.output.push_bytes(taken);
        if all {
            self.transfer();
        }
        Ok(())
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

    /// Which mistakes of the server had to be forgiven so far.
    pub fn fired(&self) -> Quirks {
        self.reader.fired()
    }

    fn challenged(&self) -> Result<(), Refused> {
        match self.sending {
            Sending::Challenged => Ok(()),
            _ => Err(Refused::NoChallenge),
        }
    }

    fn send_response(&mut self, response: &[u8]) {
        write!(self.output, "{}\r\n", auth::encode(response)).expect("writing to memory");
        self.sending = Sending::Asking(None);
    }

    /// Ends the session, for the first reason that there is.
    fn fail(&mut self, error: Error) {
        if self.failed.is_none() {
            self.input.clear();
            self.state = State::Closing;
            self.failed = Some(error);
        }
    }

    // What is sent.

    /// Sends the commands that may be sent now. Says whether the application has to know something of it.
    fn send_commands(&mut self) -> Option<Event> {
        while matches!(self.sending, Sending::Free) && !self.output.is_over() {
            let next = self.queue.get(self.sent)?;
            let traits = Traits::of(&next.body);
            let mut running = self.queue.range(..self.sent);
            let pipelining = self.config.pipelining || self.sent == 0;
            if !pipelining || !running.all(|it| traits.may_follow(Traits::of(&it.body))) {
                return None;
            }
            if let Some(why) = self.withholds(&next.body) {
                let withheld = self.queue.remove(self.sent)?;
                return Some(Event::Withheld(withheld.id, why));
            }
            self.begin_next();
            if let Sending::Wanted(length) = self.sending {
                return Some(Event::Wanted(self.queue[self.sent - 1].id, length));
            }
        }
        None
    }

    /// Why a password must not be sent, if so.
    fn withholds(&self, body: &CommandBody) -> Option<Refused> {
        match body {
            CommandBody::Login(_) | CommandBody::Authenticate(_) if self.tls_failed => {
                Some(Refused::NoTls)
            }
            CommandBody::Login(_) if self.has(Extension::LoginDisabled) => {
                Some(Refused::LoginDisabled)
            }
            _ => None,
        }
    }

    fn begin_next(&mut self) {
        self.set_encoding();
        let no_initial = !self.has(Extension::SaslIr) && !self.has(Extension::Imap4Rev2);
        let closes = [
            Extension::CondStore,
            Extension::QResync,
            Extension::Imap4Rev2,
        ];
        let tells_closed = closes.iter().any(|extension| self.has(*extension));
        let next = &mut self.queue[self.sent];
        self.sent += 1;
        let mut withheld = None;
        if let CommandBody::Authenticate(authenticate) = &mut next.body {
            if no_initial {
                withheld = authenticate.initial_response.take();
            }
        }
        if matches!(
            next.body,
            CommandBody::Login(_) | CommandBody::Authenticate(_)
        ) {
            self.capabilities_are_new = false;
        }
        if let (CommandBody::Select(_), false) = (&next.body, tells_closed) {
            // What follows is about the new one; others say CLOSED.
            self.mailbox = None;
        }
        let body = std::mem::replace(&mut next.body, CommandBody::Noop);
        let command = Command::new(next.tag.clone(), body);
        self.encoder.command(&command);
        next.body = command.body;
        let after = match next.body {
            CommandBody::Authenticate(_) => Sending::Asking(withheld),
            CommandBody::Idle => Sending::Entering,
            _ => Sending::Free,
        };
        self.transfer();
        if matches!(self.sending, Sending::Free) {
            self.sending = after;
        }
    }

    /// Sends what may be sent of the command that is on its way.
    fn transfer(&mut self) {
        loop {
            self.sending = match self.encoder.transfer(&mut self.output) {
                Next::Done => Sending::Free,
                Next::Continuation => Sending::Literal,
                Next::Stream(0) => continue,
                Next::Stream(length) => Sending::Wanted(length),
            };
            return;
        }
    }

    /// Writes in the way that the server is known to read.
    fn set_encoding(&mut self) {
        let mut encoding = Encoding::commands();
        encoding.literals = if self.has(Extension::LiteralPlus) {
            Literals::Plus
        } else if self.has(Extension::LiteralMinus) || self.has(Extension::Imap4Rev2) {
            Literals::Minus
        } else {
            Literals::Synchronising
        };
        encoding.binary = self.has(Extension::Binary);
        encoding.utf8 = self.is_utf8();
        self.encoder.set_encoding(encoding);
    }

    fn is_utf8(&self) -> bool {
        let utf8 = [Extension::Utf8Accept, Extension::Imap4Rev2];
        utf8.iter()
            .any(|extension| self.enabled.contains(&Capability::Known(*extension)))
    }

    // What comes.

    /// One transition. Nothing but this and the responses above changes the state.
    fn advance(&mut self, now: Instant) -> Turn {
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

    /// A literal that is not small is announced.
    fn content(&mut self, announced: Announcement) -> Turn {
        let head = self.framer.head(&self.input);
        let response = self.reader.response(&head);
        if let (State::Open, Ok(Response::Untagged(Data::Fetch(fetched)))) = (self.state, response)
        {
            let streamed = fetched.items.last().and_then(|item| item.content());
            if matches!(streamed, Some(Content::Streamed(_))) {
                self.framer.stream(&mut self.input);
                self.state = State::Content;
                return Turn::Step(Step::Event(Event::Content {
                    command: self.fetching(&fetched),
                    fetched,
                    length: announced.length,
                }));
            }
        }
        match announced.fits {
            true => self.framer.keep(),
            // It is told as unreadable when it has passed.
            false => self.framer.refuse(&mut self.input),
        }
        Turn::Go
    }

    fn frame(&mut self, frame: &Frame) -> Turn {
        let response = match self.reader.response(frame) {
            Ok(response) => response,
            Err(_) if self.state == State::Greeting => {
                self.fail(Error::NotAGreeting);
                return Turn::Go;
            }
            Err(error) => return Turn::Step(Step::Event(Event::Unreadable(error))),
        };
        match (self.state, response) {
            (State::Greeting, Response::Untagged(Data::Status(status))) => self.greeting(status),
            (State::Greeting, _) => {
                self.fail(Error::NotAGreeting);
                Turn::Go
            }
            (_, Response::Continuation(continuation)) => self.continuation(continuation),
            (_, Response::Tagged { tag, status }) => self.tagged(tag, status),
            (_, Response::Untagged(data)) => self.untagged(data),
        }
    }

    fn greeting(&mut self, status: Status) -> Turn {
        self.state = match status.kind {
            StatusKind::Ok | StatusKind::PreAuth => State::Open,
            StatusKind::Bye => State::Closing,
            _ => {
                self.fail(Error::NotAGreeting);
                return Turn::Go;
            }
        };
        self.note(status.code.as_ref());
        Turn::Step(Step::Event(Event::Greeting(status)))
    }

    /// `+`: what it means is told by what was sent last.
    fn continuation(&mut self, continuation: Continuation) -> Turn {
        let Some(last) = self.sent.checked_sub(1).map(|last| self.queue[last].id) else {
            return unexpected(Response::Continuation(continuation));
        };
        match std::mem::replace(&mut self.sending, Sending::Free) {
            Sending::Literal => {
                self.transfer();
                match self.sending {
                    Sending::Wanted(length) => Turn::Step(Step::Event(Event::Wanted(last, length))),
                    _ => Turn::Go,
                }
            }
            Sending::Asking(Some(withheld)) => {
                self.send_response(withheld.expose());
                Turn::Go
            }
            Sending::Asking(None) => match continuation.challenge() {
                Ok(challenge) => {
                    self.sending = Sending::Challenged;
                    Turn::Step(Step::Event(Event::Challenge(last, challenge)))
                }
                // What cannot be understood is cancelled; the server's answer to that ends it.
                Err(_) => {
                    self.output.push(b"*\r\n");
                    self.sending = Sending::Asking(None);
                    Turn::Go
                }
            },
            Sending::Entering => {
                self.sending = Sending::Idling;
                Turn::Step(Step::Event(Event::Idling(last)))
            }
            other => {
                self.sending = other;
                unexpected(Response::Continuation(continuation))
            }
        }
    }

    /// The answer to a command.
    fn tagged(&mut self, tag: Tag, status: Status) -> Turn {
        let at = self
            .queue
            .range(..self.sent)
            .position(|pending| pending.tag == tag);
        let Some(at) = at else {
            return unexpected(Response::Tagged { tag, status });
        };
        let Some(answered) = self.queue.remove(at) else {
            unreachable!("it was found there");
        };
        if at + 1 == self.sent && !matches!(self.sending, Sending::Free) {
            // What was not sent of it must not be sent (RFC 9051 section 4.3).
            self.encoder.clear();
            self.sending = Sending::Free;
        }
        self.sent -= 1;
        self.answered(&answered.body, &status);
        Turn::Step(Step::Event(Event::Completed(answered.id, status)))
    }

    /// What the answer to a command changes.
    fn answered(&mut self, body: &CommandBody, status: &Status) {
        let well = status.kind == StatusKind::Ok;
        match body {
            CommandBody::StartTls if well => {
                self.forget_capabilities();
                self.state = State::StartingTls;
            }
            CommandBody::StartTls => self.tls_failed = true,
            // Some servers tell them before their answer, others in it.
            CommandBody::Login(_) | CommandBody::Authenticate(_)
                if well && !self.capabilities_are_new =>
            {
                self.forget_capabilities();
            }
            CommandBody::Unauthenticate if well => {
                self.forget_capabilities();
                self.enabled.clear();
                self.mailbox = None;
            }
            CommandBody::Compress(_) if well => {
                self.layer.begin(&mut self.input, &mut self.output);
            }
            CommandBody::Logout => self.state = State::Closing,
            CommandBody::Close | CommandBody::Unselect if well => self.mailbox = None,
            // Whatever was selected before is not any more (RFC 9051 section 6.3.2).
            CommandBody::Select(_) if status.kind == StatusKind::No => self.mailbox = None,
            _ => {}
        }
        self.reader.set_utf8(self.is_utf8());
        self.note(status.code.as_ref());
    }

    fn untagged(&mut self, data: Data) -> Turn {
        match &data {
            Data::Capability(known) => {
                self.capabilities = Some(known.clone());
                self.capabilities_are_new = true;
            }
            Data::Enabled(enabled) => {
                self.enabled.extend(enabled.iter().cloned());
                self.reader.set_utf8(self.is_utf8());
            }
            Data::Status(status) => {
                if status.kind == StatusKind::Bye {
                    self.ending = true;
                }
                let code = status.code.clone();
                if code == Some(CodeWord::Closed.into()) {
                    self.mailbox = None;
                }
                self.note(code.as_ref());
            }
            _ => {}
        }
        let selecting = || {
            let mut sent = self.queue.range(..self.sent);
            sent.any(|pending| matches!(pending.body, CommandBody::Select(_)))
        };
        let selected = matches!(data, Data::Flags(_) | Data::Exists(_) | Data::Status(_));
        if self.mailbox.is_none() && selected && selecting() {
            self.mailbox = Some(Box::default());
        }
        if let Some(mailbox) = &mut self.mailbox {
            mailbox.hear(&data, self.config.limits.messages);
        }
        let command = self.asked_for(&data);
        Turn::Step(Step::Event(Event::Data { command, data }))
    }

    /// Takes note of a response code.
    fn note(&mut self, code: Option<&Code>) {
        match (code, &mut self.mailbox) {
            (Some(Code::Capability(known)), _) => self.capabilities = Some(known.clone()),
            (Some(code), Some(mailbox)) => mailbox.note(code),
            _ => {}
        }
    }

    fn forget_capabilities(&mut self) {
        self.capabilities = None;
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

fn unexpected(response: Response) -> Turn {
    Turn::Step(Step::Event(Event::Unexpected(Box::new(response))))
}

/// What is taken of a message at least while the output is not over its mark, however close it is.
const LEAST: usize = 64;
