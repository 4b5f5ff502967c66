//! Mod-sequences on disk: a file of ours in each folder, beside those that are shared with other servers.
//!
//! `mailwire-mod-sequences` is a log. Its first line tells the folder's UIDVALIDITY, and from which
//! mod-sequence on it knows what has gone. Then a line for each change, oldest first:
//!
//! ```text
//! mailwire-mod-sequences 1 1700000000 17000000000000
//! = 17000000000001 12 FS
//! - 17000000000002 11
//! ```
//!
//! A message has changed and has these letters since, or has gone. A line that was cut off by a crash is
//! passed over: what it told is found out again from the names of files, and gets a new mod-sequence, higher than all
//! that were ever given. So the log is not synced to the disk, and losing it costs clients no more than
//! asking for all flags once.

use std::collections::HashMap;
use std::fmt::Write as _;
use std::fs::{self, OpenOptions};
use std::io::{self, Write as _};
use std::num::NonZeroU32;
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

use imap_proto::{ModSeq, ModSeqOrZero};
use mailbox_formats::maildir::Letters;

use super::replace::replace;
use crate::limits::GONE_MESSAGES;

const NAME: &str = "mailwire-mod-sequences";

/// The log of a folder.
#[derive(Debug)]
pub(super) struct Log {
    path: PathBuf,
    /// What is not written yet.
    lines: String,
}

/// What a log tells.
#[derive(Debug)]
pub(super) struct Past {
    /// Each message with its mod-sequence and letters.
    pub(super) messages: HashMap<NonZeroU32, (ModSeq, Letters)>,
    /// Those that are gone, oldest first.
    pub(super) gone: Vec<(ModSeq, NonZeroU32)>,
    /// Up to here it is not known which have gone.
    pub(super) forgotten: ModSeq,
    /// The last mod-sequence.
    pub(super) last: ModSeq,
    /// Whether the log is much longer than what it tells.
    pub(super) is_long: bool,
}

impl Log {
    pub(super) fn new(folder: &Path) -> Self {
        Self {
            path: folder.join(NAME),
            lines: String::new(),
        }
    }

    /// Reads it. `None` if there is none, or it is of another UIDVALIDITY.
    pub(super) fn read(&self, uid_validity: NonZeroU32) -> Option<Past> {
        let content = fs::read(&self.path).ok()?;
        let content = String::from_utf8_lossy(&content);
        let mut lines = content
            .split_inclusive('\n')
            .filter_map(|line| line.strip_suffix('\n'));
        let head: Vec<&str> = lines.next()?.split(' ').collect();
        let [NAME, "1", validity, forgotten] = head[..] else {
            return None;
        };
        if validity.parse() != Ok(uid_validity) {
            return None;
        }
        let forgotten = mod_seq(forgotten)?;
        let mut past = Past {
            messages: HashMap::new(),
            gone: Vec::new(),
            forgotten,
            last: forgotten,
            is_long: false,
        };
        let mut count = 0;
        for line in lines {
            let Some((mod_seq, uid, letters)) = change(line) else {
                continue;
            };
            count += 1;
            past.last = past.last.max(mod_seq);
            match letters {
                Some(letters) => {
                    past.messages.insert(uid, (mod_seq, letters));
                }
                None => {
                    past.messages.remove(&uid);
                    past.gone.push((mod_seq, uid));
                }
            }
        }
        past.is_long = count > 2 * past.messages.len() + GONE_MESSAGES;
        Some(past)
    }

    /// Begins it anew.
    pub(super) fn rewrite<'a>(
        &mut self,
        uid_validity: NonZeroU32,
        forgotten: ModSeqOrZero,
        messages: impl Iterator<Item = (NonZeroU32, ModSeq, Letters)> + 'a,
    ) -> io::Result<()> {
        let mut content = format!("{NAME} 1 {uid_validity} {}\n", forgotten.value().max(1));
        for (uid, mod_seq, letters) in messages {
            let _ = writeln!(content, "= {mod_seq} {uid} {letters}");
        }
        self.lines.clear();
        replace(&self.path, content)
    }

    /// A message is new, or has these letters now.
    pub(super) fn changed(&mut self, uid: NonZeroU32, mod_seq: ModSeq, letters: Letters) {
        let _ = writeln!(self.lines, "= {mod_seq} {uid} {letters}");
    }

    /// A message is gone.
    pub(super) fn gone(&mut self, uid: NonZeroU32, mod_seq: ModSeq) {
        let _ = writeln!(self.lines, "- {mod_seq} {uid}");
    }

    /// Writes what was told since.
    pub(super) fn flush(&mut self) -> io::Result<()> {
        if self.lines.is_empty() {
            return Ok(());
        }
        let mut file = OpenOptions::new().append(true).open(&self.path)?;
        file.write_all(self.lines.as_bytes())?;
        self.lines.clear();
        Ok(())
    }
}

/// `= 17 12 FS`, `- 18 11`
fn change(line: &str) -> Option<(ModSeq, NonZeroU32, Option<Letters>)> {
    let mut words = line.splitn(4, ' ');
    let kind = words.next()?;
    let (when, uid) = (mod_seq(words.next()?)?, words.next()?.parse().ok()?);
    match (kind, words.next()) {
        ("=", Some(letters)) => Some((when, uid, Some(Letters::parse(letters.as_bytes())))),
        ("-", None) => Some((when, uid, None)),
        _ => None,
    }
}

fn mod_seq(text: &str) -> Option<ModSeq> {
    ModSeq::new(text.parse().ok()?).ok()
}

/// One that is higher than all that were given before this program was started, as long as the clock was not
/// put back: the microseconds since 1970. No folder changes so often for long.
pub(super) fn of_now() -> ModSeq {
    let since = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default();
    let micros = u64::try_from(since.as_micros()).unwrap_or(1).max(1);
    ModSeq::new(micros).unwrap_or_else(|_| ModSeq::new(1).expect("1 is one"))
}

#[cfg(test)]
mod tests {
    use std::num::NonZeroU32;

    use imap_proto::{ModSeq, ModSeqOrZero};
    use mailbox_formats::maildir::Letters;

    use super::Log;

    fn number(number: u32) -> NonZeroU32 {
        NonZeroU32::new(number).expect("not 0")
    }

    fn mod_seq(value: u64) -> ModSeq {
        ModSeq::new(value).expect("one")
    }

    #[test]
    fn what_was_written_is_read() {
        let folder = tempfile::tempdir().expect("a folder");
        let mut log = Log::new(folder.path());
        assert!(log.read(number(7)).is_none());
        let base = ModSeqOrZero::from(mod_seq(10));
        let first = [(number(1), mod_seq(10), Letters::SEEN)];
        log.rewrite(number(7), base, first.into_iter())
            .expect("written");
        log.changed(number(2), mod_seq(11), Letters::NONE);
        log.gone(number(1), mod_seq(12));
        log.flush().expect("written");
        log.changed(number(2), mod_seq(13), Letters::parse(b"Fa"));
        log.flush().expect("written");

        let past = log.read(number(7)).expect("a past");
        assert_eq!(past.messages.len(), 1);
        assert_eq!(
            past.messages[&number(2)],
            (mod_seq(13), Letters::parse(b"Fa"))
        );
        assert_eq!(past.gone, [(mod_seq(12), number(1))]);
        assert_eq!((past.forgotten, past.last), (mod_seq(10), mod_seq(13)));
        assert!(log.read(number(8)).is_none());
    }

    #[test]
    fn a_line_that_was_cut_off_is_passed_over() {
        let folder = tempfile::tempdir().expect("a folder");
        let content = "mailwire-mod-sequences 1 7 10\n= 11 1 S\nrubbish\n= 12 0 S\n= 13 1 \n- 14 1";
        std::fs::write(folder.path().join(super::NAME), content).expect("written");
        let past = Log::new(folder.path()).read(number(7)).expect("a past");
        assert_eq!(past.messages[&number(1)], (mod_seq(13), Letters::NONE));
        assert!(past.gone.is_empty());
    }
}
