//! Conversations in text files, replayed against a machine.
//!
//! ```text
//! # RFC 2920 section 3.1: a group is answered in one write
//! @limits recipients=1
//! S: 220 mx.test ESMTP ready
//! C: EHLO c.test
//! > hello c.test            | accept
//! S: 250 mx.test
//! C: MAIL FROM:<a@b.test>
//! C+ RCPT TO:<x@y.test>
//! > mail <a@b.test>         | accept
//! > rcpt <x@y.test>         | reply 550 5.1.1 No such user
//! S: 250 2.1.0 Ok
//! S+ 550 5.1.1 No such user
//! @time +301s
//! S: 421 4.4.2 Timeout
//! ! timeout
//! ```
//!
//! | line | meaning |
//! |---|---|
//! | `C:` `S:` | what the client and the server say: a line without its CRLF, in the notation of [`text`](super::text). With a `\` at its end nothing is added |
//! | `C+` `S+` | goes on in the same segment (of the peer) or the same write (of ours) |
//! | `>` | an event, and behind ` \| ` what the application does about it |
//! | `<` | something that the application does of its own accord |
//! | `@limits`, `@config` | settings, at the top |
//! | `@time +1s` | time passes (`ms`, `s`, `m`, `h`) |
//! | `@tls` | the handshake that the machine asked for is done, or the connection began with TLS |
//! | `@eof` | the peer closes its side |
//! | `@shutdown` | the application asks for an orderly end |
//! | `!` | the end: an error's text, or `close` |
//! | `#` | a comment |
//!
//! Lines of the peer and `@`, `<` lines are the script; `>`, `!` and our own lines are what
//! comes of it, in the order in which it happened. Each file is replayed as written, octet by
//! octet, split at every position, and with writes of one octet; all must give the same
//! events and bytes. With `BLESS=1` in the environment what came of the script is written back
//! into the file, for a person to read.

mod script;
pub use script::Transcript;

mod dialogue;
pub use dialogue::{Dialogue, Turn};

mod contents;
pub use contents::check_contents;

mod replay;

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use super::Stage;

/// Which side the machine under test plays.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(clippy::exhaustive_enums, reason = "a connection has two sides")]
pub enum Role {
    /// The machine speaks the `S:` lines.
    Server,
    /// The machine speaks the `C:` lines.
    Client,
}

/// Replays every `.txt` file below `folder`; with `BLESS` in the environment, corrects them.
///
/// # Panics
///
/// If one of them does not come out as written, or the folder holds none.
pub fn replay_all<S: Stage>(stage: &S, role: Role, folder: impl AsRef<Path>) {
    #[expect(
        clippy::disallowed_methods,
        reason = "blessing is asked for by the person at the keyboard"
    )]
    let bless = std::env::var("BLESS").is_ok_and(|value| !value.is_empty());
    replay_folder(stage, role, folder, bless);
}

/// Replays every `.txt` file below `folder`. To `bless` is to write into the files what came of
/// their scripts, if it differs.
///
/// # Panics
///
/// If one of them does not come out as written (unless blessed) or not the same in every manner,
/// or the folder holds none.
pub fn replay_folder<S: Stage>(stage: &S, role: Role, folder: impl AsRef<Path>, bless: bool) {
    let mut files = Vec::new();
    find_files(folder.as_ref(), &mut files);
    assert!(
        !files.is_empty(),
        "no transcripts in {}",
        folder.as_ref().display()
    );
    let mut failures = String::new();
    for file in &files {
        let written = std::fs::read_to_string(file).expect("a readable transcript");
        let outcome = Transcript::parse(&written, role).and_then(|transcript| {
            let replayed = transcript.replay(stage)?;
            Ok((transcript.render(&replayed), transcript))
        });
        match outcome {
            Ok((rendered, transcript)) => {
                if rendered != written {
                    if bless {
                        std::fs::write(file, &rendered).expect("a writable transcript");
                    } else {
                        let _ = writeln!(
                            failures,
                            "{}:\n{}",
                            file.display(),
                            difference(&written, &rendered)
                        );
                        continue;
                    }
                }
                if let Err(error) = transcript.replay_every_way(stage) {
                    let _ = writeln!(failures, "{}: {error}", file.display());
                }
            }
            Err(error) => {
                let _ = writeln!(failures, "{}: {error}", file.display());
            }
        }
    }
    assert!(
        failures.is_empty(),
        "transcripts that do not hold:\n\n{failures}"
    );
}

fn find_files(folder: &Path, files: &mut Vec<PathBuf>) {
    let mut entries: Vec<_> = std::fs::read_dir(folder)
        .unwrap_or_else(|error| panic!("{}: {error}", folder.display()))
        .map(|entry| entry.expect("a readable folder").path())
        .collect();
    entries.sort();
    for path in entries {
        if path.is_dir() {
            find_files(&path, files);
        } else if path.extension().is_some_and(|extension| extension == "txt") {
            files.push(path);
        }
    }
}

fn difference(written: &str, rendered: &str) -> String {
    let mut account = String::new();
    let (mut left, mut right) = (written.lines(), rendered.lines());
    for number in 1.. {
        let (left, right) = match (left.next(), right.next()) {
            (None, None) => break,
            pair => pair,
        };
        if left != right {
            let _ = writeln!(
                account,
                "  line {number} is written  {}",
                left.unwrap_or("(nothing)")
            );
            let _ = writeln!(
                account,
                "  line {number} came out as {}",
                right.unwrap_or("(nothing)")
            );
            let _ = writeln!(account, "  (BLESS=1 writes what came out)");
            break;
        }
    }
    account
}
