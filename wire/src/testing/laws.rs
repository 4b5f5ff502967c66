//! The laws of [`Machine`], checked on any machine and any bytes.

use std::time::{Duration, Instant};

use bytes::Buf;

use super::{Events, Settings, Stage, beginning, text};
use crate::{Machine, Step};

/// An application that answers every event in its own way, without a script.
pub trait Answers<S: Stage> {
    /// Reacts to an event. Events that want no answer are left alone.
    fn answer(&mut self, machine: &mut S::Machine, event: &<S::Machine as Machine>::Event);

    /// Goes on with a body that the machine waits for. Says whether there was anything to do.
    fn proceed(&mut self, machine: &mut S::Machine) -> bool {
        let _ = machine;
        false
    }
}

impl<S: Stage, F> Answers<S> for F
where
    F: FnMut(&mut S::Machine, &<S::Machine as Machine>::Event),
{
    fn answer(&mut self, machine: &mut S::Machine, event: &<S::Machine as Machine>::Event) {
        self(machine, event);
    }
}

/// What a conversation came to.
#[derive(Debug, PartialEq, Eq)]
struct Course {
    events: Events,
    said: Vec<u8>,
}

/// Puts a machine through laws 1 to 5: `bytes` are given whole, octet by octet and in pieces
/// that `cuts` (any numbers) decide, and the conversation must be the same each time, within
/// its bounds.
///
/// # Panics
///
/// If a law is broken, saying which.
pub fn check<S, A>(
    stage: &S,
    settings: &Settings,
    answers: impl Fn() -> A,
    bytes: &[u8],
    cuts: &[usize],
) where
    S: Stage,
    A: Answers<S>,
{
    let run = |pieces: &[&[u8]], write: usize| course(stage, settings, answers(), pieces, write);
    let whole = run(&[bytes], usize::MAX);
    assert_same("1 (determinism)", bytes, &whole, &run(&[bytes], usize::MAX));
    let octets: Vec<_> = bytes.chunks(1).collect();
    assert_same("2 (split, octet by octet)", bytes, &whole, &run(&octets, 1));
    let mut pieces = Vec::new();
    let mut rest = bytes;
    let mut cuts = cuts.iter().cycle();
    while !rest.is_empty() {
        let cut = cuts.next().map_or(rest.len(), |cut| 1 + cut % rest.len());
        let (piece, after) = rest.split_at(cut);
        pieces.push(piece);
        rest = after;
    }
    assert_same("2 (split)", bytes, &whole, &run(&pieces, 7));
}

fn assert_same(law: &str, bytes: &[u8], left: &Course, right: &Course) {
    assert!(
        left == right,
        "law {law} is broken by\n{}\n{:?}\n{}\nagainst\n{:?}\n{}",
        text::print(bytes),
        left.events,
        text::print(&left.said),
        right.events,
        text::print(&right.said)
    );
}

/// Runs one conversation and checks laws 3 and 4 on the way.
fn course<S: Stage, A: Answers<S>>(
    stage: &S,
    settings: &Settings,
    mut answers: A,
    pieces: &[&[u8]],
    write: usize,
) -> Course {
    let now = beginning();
    let machine = stage
        .machine(settings)
        .expect("settings that the stage knows");
    let mut run = Run {
        stage,
        machine,
        pieces: pieces.iter(),
        rest: &[],
        ended: false,
        write,
        now,
        events: Events::default(),
        said: Vec::new(),
    };
    let octets: usize = pieces.iter().map(|piece| piece.len()).sum();
    let mut steps = 0;
    while run.step(&mut answers) {
        steps += 1;
        // Each octet may bring an event, each piece a wait, each write a flush; a constant for
        // the ends.
        let most = 4 * (octets + pieces.len()) + run.said.len() + 64;
        assert!(steps <= most, "law 4: {steps} steps for {octets} octets");
    }
    while run.drain() {}
    Course {
        events: run.events,
        said: run.said,
    }
}

/// A conversation that is going on.
struct Run<'a, S: Stage> {
    stage: &'a S,
    machine: S::Machine,
    pieces: std::slice::Iter<'a, &'a [u8]>,
    /// What the machine's input had no room for.
    rest: &'a [u8],
    ended: bool,
    /// Octets that are taken from the output at a time.
    write: usize,
    now: Instant,
    events: Events,
    said: Vec<u8>,
}

impl<S: Stage> Run<'_, S> {
    /// One step and what it asks for. Says whether there will be another.
    fn step(&mut self, answers: &mut impl Answers<S>) -> bool {
        match self.bounded_step() {
            Ok(Step::Event(event)) => {
                self.events.push(self.stage.describe(&event));
                answers.answer(&mut self.machine, &event);
                true
            }
            Ok(Step::NeedInput) => {
                self.assert_stays("NeedInput", |step| matches!(step, Ok(Step::NeedInput)));
                while self.drain() {}
                self.feed() || self.end_input()
            }
            Ok(Step::NeedFlush) => {
                self.assert_stays("NeedFlush", |step| matches!(step, Ok(Step::NeedFlush)));
                assert!(self.drain(), "law 4: nothing to flush");
                true
            }
            Ok(Step::Paused) => {
                self.assert_stays("Paused", |step| matches!(step, Ok(Step::Paused)));
                let deadline = self.machine.deadline();
                assert!(
                    deadline.is_none(),
                    "a deadline while the application thinks"
                );
                answers.proceed(&mut self.machine) || self.end("paused")
            }
            Ok(Step::StartTls) => {
                self.assert_stays("StartTls", |step| matches!(step, Ok(Step::StartTls)));
                // What the peer still says comes in clear text, and too early.
                self.feed() || self.end("starttls")
            }
            Ok(Step::Close) => {
                self.assert_stays("Close", |step| matches!(step, Ok(Step::Close)));
                self.end("close")
            }
            Err(error) => {
                self.events.push_line(format!("error {error}"));
                let later = self.now + Duration::from_secs(1);
                let again = self.machine.step(later).err();
                let again = again.map(|error| error.to_string());
                assert_eq!(again, Some(error.to_string()), "law 4: an error stays");
                false
            }
        }
    }

    /// A step under law 3.
    fn bounded_step(&mut self) -> Outcome<S::Machine> {
        let (held, limit) = (self.machine.input().len(), self.machine.input().limit());
        assert!(held <= limit, "law 3: {held} octets of input");
        let step = self.machine.step(self.now);
        let (waiting, mark) = (self.machine.output().len(), self.machine.output().mark());
        assert!(
            waiting <= mark.saturating_add(S::LONGEST_REPLY),
            "law 3: {waiting} octets of output"
        );
        step
    }

    fn assert_stays(&mut self, name: &str, same: impl Fn(Outcome<S::Machine>) -> bool) {
        let before = self.machine.output().len();
        let again = self.machine.step(self.now);
        assert!(same(again), "law 4: {name} did not stay");
        let after = self.machine.output().len();
        assert_eq!(after, before, "law 4: a second step said more");
    }

    /// Gives the machine what it has room for, if the peer has more to say.
    fn feed(&mut self) -> bool {
        if self.rest.is_empty() {
            let Some(piece) = self.pieces.next() else {
                return false;
            };
            self.rest = piece;
        }
        let taken = self.machine.input().extend(self.rest);
        assert!(
            taken > 0 || self.rest.is_empty(),
            "law 4: a full input, and more is wanted"
        );
        self.rest = &self.rest[taken..];
        true
    }

    fn end_input(&mut self) -> bool {
        if self.ended {
            return self.end("more is wanted, and nothing comes");
        }
        self.ended = true;
        self.machine.eof();
        true
    }

    fn end(&mut self, how: &str) -> bool {
        self.events.push_line(how);
        false
    }

    /// Takes one write from the output, if there is anything.
    fn drain(&mut self) -> bool {
        let output = self.machine.output();
        let count = output.chunk().len().min(self.write);
        self.said.extend_from_slice(&output.chunk()[..count]);
        output.advance(count);
        count > 0
    }
}

type Outcome<M> = Result<Step<<M as Machine>::Event>, <M as Machine>::Error>;
