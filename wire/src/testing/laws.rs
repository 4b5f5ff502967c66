//! The laws of [`Machine`], checked on any machine and any bytes.

use std::time::{Duration, Instant};

use bytes::Buf;

use super::{Events, Settings, Stage, text};
use crate::{Machine, Step};

/// An application that answers every event in its own way, without a script.
pub trait Answers<S: Stage> {
    /// Reacts to an event. Events that want no answer are left alone.
    fn answer(&mut self, machine: &mut S::Machine, event: &<S::Machine as Machine>::Event);
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
    #[expect(
        clippy::disallowed_methods,
        reason = "any beginning will do: only differences count"
    )]
    let now = Instant::now();
    let mut machine = stage
        .machine(settings)
        .expect("settings that the stage knows");
    let mut course = Course {
        events: Events::default(),
        said: Vec::new(),
    };
    let octets: usize = pieces.iter().map(|piece| piece.len()).sum();
    // Each octet may bring an event and a flush, each piece a wait; a constant for the ends.
    let most_steps = 4 * (octets + pieces.len()) + 64;
    let mut pieces = pieces.iter();
    let mut rest: &[u8] = &[];
    let mut ended = false;
    for steps in 0.. {
        assert!(
            steps <= most_steps,
            "law 4: {steps} steps for {octets} octets"
        );
        assert!(
            machine.input().len() <= machine.input().limit(),
            "law 3: input over its limit"
        );
        let step = machine.step(now);
        let most_output = machine.output().mark().saturating_add(S::LONGEST_REPLY);
        assert!(
            machine.output().len() <= most_output,
            "law 3: {} octets of output",
            machine.output().len()
        );
        match step {
            Ok(Step::Event(event)) => {
                course.events.push(stage.describe(&event));
                answers.answer(&mut machine, &event);
            }
            Ok(Step::NeedInput) => {
                assert_stays(&mut machine, now, "NeedInput", |step| {
                    matches!(step, Ok(Step::NeedInput))
                });
                drain(&mut machine, write, &mut course.said);
                if rest.is_empty() {
                    match pieces.next() {
                        Some(piece) => rest = piece,
                        None if ended => break,
                        None => {
                            ended = true;
                            machine.eof();
                            continue;
                        }
                    }
                }
                let taken = machine.input().extend(rest);
                assert!(
                    taken > 0 || rest.is_empty(),
                    "law 4: a full input, and more is wanted"
                );
                rest = &rest[taken..];
            }
            Ok(Step::NeedFlush) => {
                assert!(!machine.output().is_empty(), "law 4: nothing to flush");
                assert_stays(&mut machine, now, "NeedFlush", |step| {
                    matches!(step, Ok(Step::NeedFlush))
                });
                drain(&mut machine, write, &mut course.said);
            }
            Ok(Step::Paused) => {
                assert_stays(&mut machine, now, "Paused", |step| {
                    matches!(step, Ok(Step::Paused))
                });
                course.events.push_line("paused");
                break;
            }
            Ok(Step::StartTls) => {
                assert_stays(&mut machine, now, "StartTls", |step| {
                    matches!(step, Ok(Step::StartTls))
                });
                // What the peer still says comes in clear text, and too early.
                if rest.is_empty() {
                    match pieces.next() {
                        Some(piece) => rest = piece,
                        None => {
                            course.events.push_line("starttls");
                            break;
                        }
                    }
                }
                let taken = machine.input().extend(rest);
                rest = &rest[taken..];
            }
            Ok(Step::Close) => {
                assert_stays(&mut machine, now, "Close", |step| {
                    matches!(step, Ok(Step::Close))
                });
                course.events.push_line("close");
                break;
            }
            Err(error) => {
                course.events.push_line(format!("error {error}"));
                let later = now + Duration::from_secs(1);
                let again = machine.step(later).err().map(|error| error.to_string());
                assert_eq!(again, Some(error.to_string()), "law 4: an error stays");
                break;
            }
        }
    }
    drain(&mut machine, usize::MAX, &mut course.said);
    course
}

fn assert_stays<M: Machine>(
    machine: &mut M,
    now: Instant,
    name: &str,
    same: impl Fn(Result<Step<M::Event>, M::Error>) -> bool,
) {
    let before = machine.output().len();
    assert!(same(machine.step(now)), "law 4: {name} did not stay");
    assert_eq!(
        machine.output().len(),
        before,
        "law 4: a second step said more"
    );
}

fn drain<M: Machine>(machine: &mut M, write: usize, said: &mut Vec<u8>) {
    let output = machine.output();
    while output.has_remaining() {
        let count = output.chunk().len().min(write);
        said.extend_from_slice(&output.chunk()[..count]);
        output.advance(count);
    }
}
