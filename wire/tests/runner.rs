//! The tests' own tests: a transcript that is wrong fails, and so does a machine that breaks a law.

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};

use mailwire::testing::transcript::{Role, replay_folder};
use mailwire::testing::{Settings, laws};
use toy::{Event, Fault, Toy, ToyStage};

mod toy;

const RIGHT: &str = "\
# A comment stays.
S: hello

C: one
> line one                | say 1
S: 1
C: two
C+ three
> line two                | say 2
> line three              | say 3
S: 2
S+ 3
# Parts of a line.
C: fo\\
C: ur
> line four
< say 4
S: 4
C: quit
! close
";

/// Replays one transcript and returns why it failed, if it did, and what became of the file.
fn replay(transcript: &str, fault: Fault, bless: bool) -> (Option<String>, String) {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("it.txt");
    std::fs::write(&file, transcript).expect("a file");
    let replayed = catch_unwind(AssertUnwindSafe(|| {
        replay_folder(&ToyStage(fault), Role::Server, folder.path(), bless);
    }));
    let reason = replayed.err().map(message);
    (reason, std::fs::read_to_string(&file).expect("the file"))
}

#[test]
fn a_right_transcript_passes_and_is_left_alone() {
    for bless in [false, true] {
        assert_eq!(replay(RIGHT, Fault::None, bless), (None, RIGHT.to_owned()));
    }
}

#[test]
fn a_wrong_transcript_fails() {
    for (right, wrong) in [
        ("S: hello\n", "S: hallo\n"),
        ("S: hello\n", ""),
        ("S: 1\n", "S: 1\nS: 1\n"),
        ("S: 2\nS+ 3\n", "S: 2\nS: 3\n"),
        ("S: 4\n", ""),
        ("> line three  ", "> line tree   "),
        ("> line four\n", ""),
        ("| say 3", "| say three"),
        ("< say 4\n", ""),
        ("C: one\n", "C: eins\n"),
        ("! close\n", "! too late\n"),
        ("! close\n", ""),
        ("C: quit\n! close\n", "C: quit\n! close\nS: more\n"),
        // Not a transcript at all.
        ("C: one\n", "one\n"),
        ("C: one\n", "C+ one\n@nonsense\n"),
        ("C: one\n", "C: \\q\n"),
        ("S: hello\n", "@limits size=1\nS: hello\n"),
        ("| say 1", "| shout 1"),
        ("< say 4\n", "< say 4\n< say 4\n"),
    ] {
        let transcript = RIGHT.replacen(right, wrong, 1);
        assert_ne!(transcript, RIGHT, "{right:?} is not there");
        let (reason, file) = replay(&transcript, Fault::None, false);
        let reason = reason.unwrap_or_else(|| panic!("{wrong:?} for {right:?} passes"));
        assert!(reason.contains("it.txt"), "{reason}");
        assert_eq!(file, transcript, "not blessed, and changed");
    }
}

#[test]
fn blessing_writes_what_happened() {
    let script: String = RIGHT
        .lines()
        .filter(|line| !line.starts_with('S') && !line.starts_with('!'))
        .filter(|line| !line.ends_with("line four"))
        .map(|line| line.replace("   ", "") + "\n")
        .collect();
    let (reason, file) = replay(&script, Fault::None, true);
    assert_eq!(reason, None);
    assert_eq!(file, RIGHT);
}

#[test]
fn blessing_does_not_hide_a_machine_that_sees_pieces() {
    let (reason, _) = replay(RIGHT, Fault::SeesPieces, true);
    assert!(reason.expect("a failure").contains("OctetByOctet"));
}

#[test]
fn an_empty_folder_is_no_success() {
    let folder = tempfile::tempdir().expect("a folder");
    let replayed = catch_unwind(|| {
        replay_folder(&ToyStage(Fault::None), Role::Server, folder.path(), false);
    });
    assert!(replayed.is_err());
}

/// Why the law check does not like a toy, if so.
fn judge(fault: Fault, said: &[u8]) -> Option<String> {
    let answers = || {
        |toy: &mut Toy, event: &Event| {
            if let Event::Line(line) = event {
                toy.answer(line.as_bytes()).expect("a line that waits");
            }
        }
    };
    let checked = catch_unwind(|| {
        laws::check(
            &ToyStage(fault),
            &Settings::new(),
            answers,
            said,
            &[3, 1, 7],
        );
    });
    checked.err().map(message)
}

fn message(panic: Box<dyn Any + Send>) -> String {
    match panic.downcast::<String>() {
        Ok(message) => *message,
        Err(panic) => panic
            .downcast::<&str>()
            .map_or("", |message| *message)
            .to_owned(),
    }
}

#[test]
fn the_law_check_finds_each_fault() {
    const SAID: &[u8] = b"one\ntwo\nflood\nfail\n";
    assert_eq!(judge(Fault::None, SAID), None);
    assert_eq!(judge(Fault::None, b"tls\nquit\n"), None);
    assert_eq!(
        judge(Fault::None, &b"far too long a line\n".repeat(20)),
        None
    );
    for (fault, said, law) in [
        (Fault::SeesPieces, SAID, "law 2"),
        (Fault::SaysMoreWhenAskedAgain, SAID, "law 4"),
        (Fault::Floods, SAID, "law 3"),
        (Fault::ForgetsErrors, SAID, "law 4"),
        (Fault::Chatters, SAID, "law 4"),
        (Fault::Stuck, &[b'x'; 90], "law 4"),
    ] {
        let reason = judge(fault, said).unwrap_or_else(|| panic!("{fault:?} is not found"));
        assert!(reason.contains(law), "{fault:?} is {reason}");
    }
}
