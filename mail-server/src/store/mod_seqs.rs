//! Mod-sequences on disk: a file of ours for each folder, beside those that are shared with other servers.
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
//! A message has changed and looks like this since, or has gone: of a Maildir it tells the letters, of an mbox the
//! flags. A line that was cut off by a crash is passed over: what it told is found out again from the messages, and gets
//! a new mod-sequence, higher than all that were ever given. So the log is not synced to the disk, and losing it costs
//! clients no more than asking for all flags once.

use std::collections::HashMap;
use std::fmt::{Display, Write as _};
use std::fs::{self, OpenOptions};
use std::io::{self, Write as _};
use std::num::NonZeroU32;
use std::path::PathBuf;
use std::time::{SystemTime, UNIX_EPOCH};

use imap_proto::{Flags, ModSeq};
use mailbox_formats::maildir::Letters;

use super::folder::Info;
use super::ledger::Ledger;
use super::replace::replace;
use crate::limits::GONE_MESSAGES;

/// What the file is called.
pub(super) const NAME: &str = "mailwire-mod-sequences";

/// What is seen of a message when it has changed.
pub(super) trait Look: Display + PartialEq {
    /// Reads what was written.
    fn parse(text: &str) -> Self;
}

impl Look for Letters {
    fn parse(text: &str) -> Self {
        Self::parse(text.as_bytes())
    }
}

impl Look for Flags {
    fn parse(text: &str) -> Self {
        let words = text.split_ascii_whitespace();
        words.filter_map(|word| word.parse().ok()).collect()
    }
}

/// The log of a folder.
#[derive(Debug)]
pub(super) struct Log {
    path: PathBuf,
    /// What is not written yet.
    lines: String,
}

/// What a log tells.
#[derive(Debug)]
struct Past<L> {
    /// Each message with its mod-sequence and how it looks.
    messages: HashMap<NonZeroU32, (ModSeq, L)>,
    /// Those that are gone, oldest first.
    gone: Vec<(ModSeq, NonZeroU32)>,
    /// Up to here it is not known which have gone.
    forgotten: ModSeq,
    /// The last mod-sequence.
    last: ModSeq,
    /// Whether the log is much longer than what it tells.
    is_long: bool,
    /// Whether its end is missing.
    is_cut: bool,
}

impl Log {
    pub(super) fn new(path: PathBuf) -> Self {
        Self {
            path,
            lines: String::new(),
        }
    }

    /// Puts the messages of a folder that is read for the first time into its ledger. Those that are as the log has them
    /// keep their mod-sequences. The others have changed since, and those that are not there have gone.
    pub(super) fn fill<T, L: Look>(
        &mut self,
        ledger: &mut Ledger<T>,
        uid_next: NonZeroU32,
        messages: impl IntoIterator<Item = (Info, T)>,
        look: impl Fn(&Info, &T) -> L,
    ) {
        let past = self.read::<L>(ledger.state().uid_validity);
        let now = past
            .as_ref()
            .map_or_else(of_now, |past| of_now().max(next(past.last)));
        let mut fresh = Vec::new();
        for (mut info, place) in messages {
            let known = past.as_ref().and_then(|past| past.messages.get(&info.uid));
            info.mod_seq = match known {
                Some((mod_seq, known)) if *known == look(&info, &place) => *mod_seq,
                _ => {
                    fresh.push(info.uid);
                    now
                }
            };
            ledger.insert(info, place);
        }
        ledger.raise(uid_next, past.as_ref().map_or(now, |past| past.last));
        let Some(past) = past else {
            ledger.remember(Vec::new(), now.into());
            return self.rewrite(ledger, look);
        };
        ledger.remember(past.gone, past.forgotten.into());
        let gone = past.messages.keys().copied();
        let gone = gone.filter(|uid| ledger.get(*uid).is_none());
        let mut gone: Vec<_> = gone.collect();
        gone.sort_unstable();
        if past.is_cut || !gone.is_empty() {
            ledger.raise(NonZeroU32::MIN, now);
        }
        for uid in gone {
            // It went while nobody looked.
            let mod_seq = ledger.lose(uid);
            self.gone(uid, mod_seq);
        }
        if past.is_long || past.is_cut {
            let forgotten = ledger.state().mod_seq.into();
            ledger.remember(Vec::new(), forgotten);
            return self.rewrite(ledger, look);
        }
        for uid in fresh {
            if let Some(entry) = ledger.get(uid) {
                let look = look(&entry.info, &entry.place);
                self.changed(uid, entry.info.mod_seq, &look);
            }
        }
    }

    /// Reads it. `None` if there is none, or it is of another UIDVALIDITY.
    fn read<L: Look>(&self, uid_validity: NonZeroU32) -> Option<Past<L>> {
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
            is_cut: !content.ends_with('\n'),
        };
        let mut count = 0;
        for line in lines {
            let Some((mod_seq, uid, look)) = change(line) else {
                continue;
            };
            count += 1;
            past.last = past.last.max(mod_seq);
            match look {
                Some(look) => {
                    past.messages.insert(uid, (mod_seq, look));
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
    fn rewrite<T, L: Look>(&mut self, ledger: &Ledger<T>, look: impl Fn(&Info, &T) -> L) {
        let state = ledger.state();
        let mut content = format!("{NAME} 1 {} {}\n", state.uid_validity, state.mod_seq);
        for entry in ledger.entries() {
            let (info, look) = (&entry.info, look(&entry.info, &entry.place));
            let _ = writeln!(content, "= {} {} {look}", info.mod_seq, info.uid);
        }
        self.lines.clear();
        if replace(&self.path, content).is_err() {
            // Without one the next start costs more, and that is all. One that is not up to date would tell of
            // mod-sequences that are lower than those that clients have heard of.
            let _ = fs::remove_file(&self.path);
        }
    }

    /// A message is new, or looks like this now.
    pub(super) fn changed(&mut self, uid: NonZeroU32, mod_seq: ModSeq, look: &impl Look) {
        let _ = writeln!(self.lines, "= {mod_seq} {uid} {look}");
    }

    /// A message is gone.
    pub(super) fn gone(&mut self, uid: NonZeroU32, mod_seq: ModSeq) {
        let _ = writeln!(self.lines, "- {mod_seq} {uid}");
    }

    /// Writes what was told since. A log that cannot be written is a log that was lost: it begins anew.
    pub(super) fn flush<T, L: Look>(&mut self, ledger: &Ledger<T>, look: impl Fn(&Info, &T) -> L) {
        if !self.lines.is_empty() && self.append().is_err() {
            self.rewrite(ledger, look);
        }
    }

    fn append(&mut self) -> io::Result<()> {
        let mut file = OpenOptions::new().append(true).open(&self.path)?;
        file.write_all(self.lines.as_bytes())?;
        self.lines.clear();
        Ok(())
    }
}

/// `= 17 12 FS`, `- 18 11`
fn change<L: Look>(line: &str) -> Option<(ModSeq, NonZeroU32, Option<L>)> {
    let mut words = line.splitn(4, ' ');
    let kind = words.next()?;
    let (when, uid) = (mod_seq(words.next()?)?, words.next()?.parse().ok()?);
    match (kind, words.next()) {
        ("=", Some(look)) => Some((when, uid, Some(L::parse(look)))),
        ("-", None) => Some((when, uid, None)),
        _ => None,
    }
}

fn mod_seq(text: &str) -> Option<ModSeq> {
    ModSeq::new(text.parse().ok()?).ok()
}

/// Of a message whose mod-sequence is to be found out yet.
pub(super) fn lowest() -> ModSeq {
    ModSeq::new(1).expect("1 is one")
}

fn next(mod_seq: ModSeq) -> ModSeq {
    ModSeq::new(mod_seq.value().saturating_add(1)).unwrap_or(mod_seq)
}

/// One that is higher than all that were given before this program was started, as long as the clock was not
/// put back: the microseconds since 1970. No folder changes so often for long.
fn of_now() -> ModSeq {
    let since = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default();
    let micros = u64::try_from(since.as_micros()).unwrap_or(1).max(1);
    ModSeq::new(micros).unwrap_or_else(|_| lowest())
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use imap_proto::{ModSeqOrZero, NumberSet};
    use tempfile::TempDir;

    use super::*;
    use crate::store::folder::date_time;

    fn number(number: u32) -> NonZeroU32 {
        NonZeroU32::new(number).expect("not 0")
    }

    fn log(folder: &TempDir) -> Log {
        Log::new(folder.path().join(NAME))
    }

    /// A folder that has these messages and is read for the first time. How they look is where they are.
    fn filled(log: &mut Log, messages: &[(u32, &str)]) -> Ledger<Letters> {
        let mut ledger = Ledger::new("F1".parse().expect("an atom"), number(7));
        let messages = messages.iter().map(|(uid, letters)| {
            let info = Info {
                uid: number(*uid),
                flags: Flags::new(),
                mod_seq: lowest(),
                internal_date: date_time(UNIX_EPOCH),
                saved: None,
                size: 1,
            };
            (info, Letters::parse(letters.as_bytes()))
        });
        log.fill(&mut ledger, number(10), messages, look);
        ledger
    }

    fn look(_: &Info, letters: &Letters) -> Letters {
        *letters
    }

    /// What has changed and what has gone behind a mod-sequence.
    fn since(ledger: &Ledger<Letters>, mod_seq: u64) -> (String, String) {
        let since = ModSeqOrZero::from(ModSeq::new(mod_seq).expect("one"));
        let changes = ledger.changes(since);
        let changed = changes.messages.iter().map(|info| info.uid);
        let changed: NumberSet = changed.collect();
        (changed.to_string(), changes.gone.to_string())
    }

    #[test]
    fn what_was_written_is_read() {
        let folder = tempfile::tempdir().expect("a folder");
        let mut one = log(&folder);
        let mut ledger = filled(&mut one, &[(1, "S"), (3, "")]);
        let first = ledger.state().mod_seq.value();
        ledger.remove(number(3));
        one.gone(number(3), ledger.state().mod_seq);
        one.flush(&ledger, look);
        one.changed(number(1), ledger.next_mod_seq(), &Letters::parse(b"Fa"));
        one.flush(&ledger, look);

        let ledger = filled(&mut log(&folder), &[(1, "Fa")]);
        assert_eq!(ledger.state().mod_seq.value(), first + 2);
        assert_eq!(since(&ledger, first), ("1".into(), "3".into()));
        assert_eq!(since(&ledger, first + 1), ("1".into(), String::new()));
        assert_eq!(since(&ledger, first + 2), Default::default());
    }

    #[test]
    fn what_does_not_match_has_changed_behind_all_that_was_told() {
        // The clock has been put back since.
        let last = of_now().value() + 1_000_000_000_000;
        let content = format!("{NAME} 1 7 10\n= {last} 1 S\n= 11 2 \n");
        for (now, changed, gone) in [
            (vec![(1, "S"), (2, "")], "", ""),
            (vec![(1, "FS"), (2, "")], "1", ""),
            (vec![(1, "S"), (2, ""), (3, "")], "3", ""),
            (vec![(1, "S")], "", "2"),
        ] {
            let folder = tempfile::tempdir().expect("a folder");
            fs::write(folder.path().join(NAME), &content).expect("written");
            let mut one = log(&folder);
            let ledger = filled(&mut one, &now);
            let told = (changed.to_owned(), gone.to_owned());
            assert_eq!(since(&ledger, last), told);
            let is_past = ledger.state().mod_seq.value() > last;
            assert_eq!(is_past, told != Default::default(), "{now:?}");
            // And that is remembered.
            one.flush(&ledger, look);
            let again = filled(&mut log(&folder), &now);
            assert_eq!(again.state(), ledger.state());
            assert_eq!(since(&again, last), told);
        }
    }

    #[test]
    fn a_log_that_was_cut_off_anywhere_moves_on() {
        let last = of_now().value() + 1_000_000_000_000;
        let content = format!("{NAME} 1 7 10\n= 11 1 S\n- 12 3\n= {last} 2 FS\n");
        let now = [(1, "S"), (2, "FS")];
        for end in 0..content.len() {
            let folder = tempfile::tempdir().expect("a folder");
            fs::write(folder.path().join(NAME), &content[..end]).expect("written");
            let mut one = log(&folder);
            let ledger = filled(&mut one, &now);
            let state = ledger.state();
            // What was cut off is found out again, as a change that nobody has heard of.
            let known = ledger.get(number(2)).expect("it is there").info.mod_seq;
            assert!(known == state.mod_seq && known.value() != last, "{end}");
            one.flush(&ledger, look);
            assert_eq!(filled(&mut log(&folder), &now).state(), state, "{end}");
        }
    }

    #[test]
    fn what_stood_where_a_log_was_cut_off_may_have_been_anything() {
        let folder = tempfile::tempdir().expect("a folder");
        let whole = format!("{NAME} 1 7 10\n= 11 1 S\n");
        for cut in ["-", "- 12 3", "= 12 1 "] {
            fs::write(folder.path().join(NAME), format!("{whole}{cut}")).expect("written");
            let ledger = filled(&mut log(&folder), &[(1, "S")]);
            assert!(ledger.mod_seq().value() > 12, "{cut}");
            assert_eq!(since(&ledger, 11), (String::new(), "2:9".into()), "{cut}");
        }
    }

    #[test]
    fn a_log_that_cannot_be_written_is_removed() {
        let folder = tempfile::tempdir().expect("a folder");
        let mut one = log(&folder);
        let mut ledger = filled(&mut one, &[(1, "S")]);
        // It cannot grow, as it leads nowhere, and a directory stands where it would be written anew.
        fs::remove_file(&one.path).expect("it was there");
        symlink(folder.path().join("nowhere/else"), &one.path).expect("made");
        fs::create_dir(one.path.with_extension("mailwire-new")).expect("made");
        one.changed(number(1), ledger.next_mod_seq(), &Letters::NONE);
        one.flush(&ledger, look);
        assert!(one.path.symlink_metadata().is_err());
    }

    #[test]
    fn what_has_gone_from_a_long_log_is_told() {
        let folder = tempfile::tempdir().expect("a folder");
        let last = of_now().value() + 1_000_000_000_000;
        let mut content = format!("{NAME} 1 7 10\n= 11 1 S\n");
        for _ in 0..GONE_MESSAGES + 10 {
            content.push_str("= 12 2 \n");
        }
        let _ = writeln!(content, "= {last} 2 ");
        fs::write(folder.path().join(NAME), &content).expect("written");
        let mut one = log(&folder);
        let ledger = filled(&mut one, &[(2, "")]);
        assert!(ledger.state().mod_seq.value() > last);
        assert!(since(&ledger, last).1.contains('1'));
        let length = fs::metadata(folder.path().join(NAME)).expect("there").len();
        assert!(length < 100, "it was written anew");
    }

    #[test]
    fn a_log_that_says_nothing_of_the_folder_is_written_anew() {
        let other = format!("{NAME} 1 8 10\n= 11 1 \n- 12 2\n");
        for content in [&other[..], "rubbish", "", "mailwire-mod-sequences 2 7 10\n"] {
            let folder = tempfile::tempdir().expect("a folder");
            fs::write(folder.path().join(NAME), content).expect("written");
            let before = of_now();
            let ledger = filled(&mut log(&folder), &[(1, "")]);
            assert!(ledger.state().mod_seq >= before, "{content}");
            // Up to there nobody knows what has gone.
            assert_eq!(since(&ledger, 20).0, "1");
            let again = filled(&mut log(&folder), &[(1, "")]);
            assert_eq!(again.state(), ledger.state());
        }
    }

    #[test]
    fn lines_that_are_none_are_passed_over() {
        let folder = tempfile::tempdir().expect("a folder");
        let content = format!("{NAME} 1 7 10\n= 11 1 S\nrubbish\n= 12 0 S\n= 13 1 \n");
        fs::write(folder.path().join(NAME), content).expect("written");
        let ledger = filled(&mut log(&folder), &[(1, "")]);
        let known = ledger.get(number(1)).expect("it is there");
        assert_eq!(known.info.mod_seq.value(), 13);
    }

    #[test]
    fn flags_are_read_as_they_are_written() {
        for text in ["", "\\Seen", "\\Flagged \\Seen $Work other"] {
            assert_eq!(<Flags as Look>::parse(text).to_string(), text);
        }
    }
}
