//! A small machine to try runners and drivers on: it asks the application about each line.

#![allow(dead_code, reason = "each test file uses its part")]

use std::time::{Duration, Instant};

use mailwire::line::{Found, LineReader};
use mailwire::testing::{Said, Settings, Stage};
use mailwire::{ApiMisuse, Input, Machine, Output, Step, Timer, TlsInfo};

/// A server that greets, and answers lines as the application says.
#[derive(Debug)]
pub(crate) struct Toy {
    input: Input,
    output: Output,
    lines: LineReader,
    timer: Timer,
    idle: Duration,
    fault: Fault,
    greeted: bool,
    asked: bool,
    starting_tls: bool,
    closing: bool,
    ended: bool,
    failed: Option<Failed>,
    steps: usize,
}

/// Laws that a toy can be told to break.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fault {
    None,
    /// Tells how much is buffered, which depends on how it was cut.
    SeesPieces,
    /// Counts its steps aloud.
    SaysMoreWhenAskedAgain,
    /// Writes without regard to the mark.
    Floods,
    /// An error goes away.
    ForgetsErrors,
    /// Events without end.
    Chatters,
    /// Wants input though its input is full.
    Stuck,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Event {
    /// A line; answer it.
    Line(String),
    /// Nothing in particular.
    Chatter,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Failed {
    #[error("too late")]
    Late,
    #[error("told to fail")]
    Told,
}

impl Toy {
    pub(crate) fn new(fault: Fault) -> Self {
        Self::with(fault, 1000, Duration::from_secs(60))
    }

    pub(crate) fn with(fault: Fault, mark: usize, idle: Duration) -> Self {
        Self {
            input: Input::new(40),
            output: Output::new(mark),
            lines: LineReader::new(if fault == Fault::Stuck { 100 } else { 20 }, 60),
            timer: Timer::new(),
            idle,
            fault,
            greeted: false,
            asked: false,
            starting_tls: false,
            closing: false,
            ended: false,
            failed: None,
            steps: 0,
        }
    }

    /// Waits less from now on.
    pub(crate) fn hurry(&mut self, idle: Duration) {
        self.idle = idle;
    }

    /// Answers the line that waits.
    pub(crate) fn answer(&mut self, text: &[u8]) -> Result<(), ApiMisuse> {
        if !std::mem::take(&mut self.asked) {
            return Err(ApiMisuse {
                call: "answer",
                state: "no line waits",
            });
        }
        self.output.push(text);
        self.output.push(b"\r\n");
        Ok(())
    }

    fn line(&mut self, now: Instant) -> Option<Step<Event>> {
        let found = self.lines.next(&self.input);
        let text = match found {
            Found::Line { length, .. } => {
                String::from_utf8_lossy(&self.input[..length]).into_owned()
            }
            Found::TooLong { .. } => "too long".to_owned(),
            Found::Endless => "fail".to_owned(),
            Found::Incomplete { consume } => {
                self.input.consume(consume);
                if self.ended {
                    self.closing = true;
                    return None;
                }
                self.timer.arm_if_idle(now, self.idle);
                return Some(Step::NeedInput);
            }
        };
        self.timer.disarm();
        if self.fault == Fault::SeesPieces {
            self.output
                .push(format!("{} octets\r\n", self.input.len()).as_bytes());
        }
        self.input.consume(found.consume());
        match &text[..] {
            "quit" => self.closing = true,
            "fail" => {
                self.output.push(b"failed\r\n");
                self.failed = Some(Failed::Told);
            }
            "tls" => {
                self.output.push(b"go\r\n");
                self.starting_tls = true;
            }
            "flood" if self.fault == Fault::Floods => self.output.push(&[b'x'; 100_000]),
            _ => {
                self.asked = true;
                return Some(Step::Event(Event::Line(text)));
            }
        }
        None
    }
}

impl Machine for Toy {
    type Event = Event;
    type Error = Failed;

    fn step(&mut self, now: Instant) -> Result<Step<Event>, Failed> {
        self.steps += 1;
        if self.failed.is_none() && self.timer.has_expired(now) {
            self.output.push(b"late\r\n");
            self.failed = Some(Failed::Late);
        }
        if self.fault == Fault::SaysMoreWhenAskedAgain {
            self.output.push(b"again\r\n");
        }
        loop {
            if let Some(failed) = self.failed {
                if self.fault == Fault::ForgetsErrors {
                    self.failed = None;
                    self.closing = true;
                }
                return Err(failed);
            }
            if self.output.is_over() {
                self.timer.arm_if_idle(now, self.idle);
                return Ok(Step::NeedFlush);
            }
            if !std::mem::replace(&mut self.greeted, true) {
                self.output.push(b"hello\r\n");
            }
            if self.asked {
                return Ok(Step::Paused);
            }
            if self.fault == Fault::Chatters {
                return Ok(Step::Event(Event::Chatter));
            }
            if self.starting_tls {
                self.timer.arm_if_idle(now, self.idle);
                return Ok(Step::StartTls);
            }
            if self.closing {
                return Ok(Step::Close);
            }
            if let Some(step) = self.line(now) {
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
        self.timer.deadline()
    }

    fn tls_started(&mut self, _: TlsInfo) {
        self.starting_tls = false;
    }

    fn shutdown(&mut self) {
        self.closing = true;
    }
}

/// Puts toys with a fault on stage.
pub(crate) struct ToyStage(pub(crate) Fault);

impl Stage for ToyStage {
    type Machine = Toy;

    fn machine(&self, settings: &Settings) -> Result<Toy, String> {
        match settings.iter().next() {
            Some((key, _)) => Err(format!("unknown setting {key}")),
            None => Ok(Toy::new(self.0)),
        }
    }

    fn describe(&self, event: &Event) -> Said {
        match event {
            Event::Line(line) => Said::Line(format!("line {line}")),
            Event::Chatter => Said::Line("chatter".into()),
        }
    }

    fn act(&self, toy: &mut Toy, words: &str) -> Result<(), String> {
        let (verb, rest) = words.split_once(' ').unwrap_or((words, ""));
        match verb {
            "say" => toy
                .answer(rest.as_bytes())
                .map_err(|error| error.to_string()),
            _ => Err(format!("unknown action {verb}")),
        }
    }
}
