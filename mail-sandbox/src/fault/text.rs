//! Faults as text.

use std::fmt;
use std::str::FromStr;

use super::notation::{Escaped, Time, unescape};
use super::{Action, Fault, Per, Place, Side, Times};
use crate::authority::Certificate;
use crate::limits::{FAULT_FILE, FAULTS};

/// A fault file: one fault a line, blank lines, and comments behind `#` at the beginning of a line.
///
/// It is parsed as one for servers; [`for_client`](Self::for_client) reads one for a client.
///
/// ```
/// use mail_sandbox::fault::Faults;
///
/// let faults: Faults = "# busy at first\ngreeting first 1 -> reply 421 4.3.2 Busy\n".parse()?;
/// assert_eq!(faults.iter().count(), 1);
/// let error = "end -> reply 250 ok\ncommand RCPT -> explode".parse::<Faults>().unwrap_err();
/// assert_eq!(error.to_string(), "line 2: no such action: explode");
/// # Ok::<(), mail_sandbox::fault::FaultError>(())
/// ```
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Faults(Vec<Fault>);

impl Faults {
    /// Reads a file for a [client](crate::MisbehavingClient).
    ///
    /// # Errors
    ///
    /// If a line is no fault, or one that means nothing for a client.
    pub fn for_client(file: &str) -> Result<Self, FaultError> {
        Self::read(file, Side::Client)
    }

    fn read(file: &str, side: Side) -> Result<Self, FaultError> {
        if file.len() > FAULT_FILE {
            return Err(FaultError::of("the file is too long"));
        }
        let mut faults = Vec::new();
        for (index, line) in file.lines().enumerate() {
            let line = line.trim();
            if line.is_empty() || line.starts_with('#') {
                continue;
            }
            let at = |reason: String| FaultError {
                line: Some(index + 1),
                reason,
            };
            let fault = parse(line).map_err(at)?;
            fault.check(side).map_err(at)?;
            faults.push(fault);
            if faults.len() > FAULTS {
                return Err(at(format!("more than {FAULTS} faults")));
            }
        }
        Ok(Self(faults))
    }

    /// The faults, in order.
    pub fn iter(&self) -> impl Iterator<Item = &Fault> {
        self.0.iter()
    }
}

impl FromIterator<Fault> for Faults {
    fn from_iter<T: IntoIterator<Item = Fault>>(faults: T) -> Self {
        Self(faults.into_iter().collect())
    }
}

impl IntoIterator for Faults {
    type Item = Fault;
    type IntoIter = std::vec::IntoIter<Fault>;

    fn into_iter(self) -> Self::IntoIter {
        self.0.into_iter()
    }
}

impl FromStr for Faults {
    type Err = FaultError;

    fn from_str(file: &str) -> Result<Self, FaultError> {
        Self::read(file, Side::Server)
    }
}

impl fmt::Display for Faults {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|fault| writeln!(f, "{fault}"))
    }
}

/// A fault that means nothing, or cannot be read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FaultError {
    line: Option<usize>,
    reason: String,
}

impl FaultError {
    pub(super) fn of(reason: impl Into<String>) -> Self {
        Self {
            line: None,
            reason: reason.into(),
        }
    }

    /// The line of the file, the first being 1.
    pub fn line(&self) -> Option<usize> {
        self.line
    }

    /// What is wrong with it.
    pub fn reason(&self) -> &str {
        &self.reason
    }
}

impl std::error::Error for FaultError {}

impl fmt::Display for FaultError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(line) = self.line {
            write!(f, "line {line}: ")?;
        }
        f.write_str(&self.reason)
    }
}

impl FromStr for Fault {
    type Err = FaultError;

    /// Reads what means something for a server or for a client.
    fn from_str(line: &str) -> Result<Self, FaultError> {
        let fault = parse(line).map_err(FaultError::of)?;
        let for_server = fault.check(Side::Server);
        let checked = for_server.or_else(|error| fault.check(Side::Client).map_err(|_| error));
        checked.map(|()| fault).map_err(FaultError::of)
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(endpoint) = self.endpoint {
            write!(f, "{endpoint}: ")?;
        }
        write!(f, "{}", self.place)?;
        if let Some(address) = &self.address {
            write!(f, " for {}", Escaped::word(address))?;
        }
        if let Some(part) = &self.containing {
            write!(f, " containing {}", Escaped::word(part))?;
        }
        write!(f, "{}", self.times)?;
        match self.per {
            Per::Sandbox => {}
            Per::Connection => f.write_str(" per connection")?,
            Per::Address => f.write_str(" per address")?,
        }
        if self.after > 0 {
            write!(f, " after {}", self.after)?;
        }
        for (index, action) in self.actions.iter().enumerate() {
            f.write_str(if index == 0 { " -> " } else { "; " })?;
            write!(f, "{action}")?;
        }
        Ok(())
    }
}

fn parse(line: &str) -> Result<Fault, String> {
    let (when, what) = line.split_once("->").ok_or("no -> before the actions")?;
    let when = when.trim();
    let (first, rest) = when.split_once(' ').unwrap_or((when, ""));
    let (endpoint, when) = match first.strip_suffix(':') {
        Some(name) => {
            let endpoint = name.parse().map_err(|error| format!("{name}: {error}"))?;
            (Some(endpoint), rest)
        }
        None => (None, when),
    };
    let mut words = Words(when.split_whitespace());
    let mut fault = Fault::at(place(&mut words)?);
    fault.endpoint = endpoint;
    while let Some(word) = words.0.next() {
        filter(&mut fault, word, &mut words)?;
    }
    for action in split(what) {
        fault.actions.push(parse_action(action)?);
    }
    Ok(fault)
}

/// What stands in front of the arrow.
struct Words<'a>(std::str::SplitWhitespace<'a>);

impl<'a> Words<'a> {
    fn next(&mut self, what: &str) -> Result<&'a str, String> {
        self.0.next().ok_or_else(|| format!("{what} is missing"))
    }

    fn number<T: FromStr>(&mut self, what: &str) -> Result<T, String> {
        let word = self.next(&format!("the number behind {what}"))?;
        let number = word.parse();
        number.map_err(|_| format!("{what}: not a number: {word}"))
    }

    fn exactly(&mut self, word: &str, behind: &str) -> Result<(), String> {
        match self.0.next() {
            Some(found) if found == word => Ok(()),
            _ => Err(format!("{behind} needs {word}")),
        }
    }
}

fn place(words: &mut Words<'_>) -> Result<Place, String> {
    Ok(match words.next("a place")? {
        "greeting" => Place::Greeting,
        "tls" => Place::Tls,
        "capabilities" => Place::Capabilities,
        "command" => Place::Command(words.next("the command")?.to_ascii_uppercase()),
        "mechanism" => Place::Mechanism(words.next("the mechanism")?.to_ascii_uppercase()),
        "response" => Place::Response,
        "body" => Place::Body,
        "end" => Place::End,
        other => return Err(format!("no such place: {other}")),
    })
}

fn filter(fault: &mut Fault, word: &str, words: &mut Words<'_>) -> Result<(), String> {
    let times = match word {
        "nth" => Times::Nth(words.number(word)?),
        "first" => Times::First(words.number(word)?),
        "from" => Times::From(words.number(word)?),
        "every" => Times::Every(words.number(word)?),
        "chance" => {
            let probability = words.number(word)?;
            words.exactly("seed", word)?;
            let seed = words.number("seed")?;
            Times::Chance { probability, seed }
        }
        "over" => {
            let count = words.number(word)?;
            words.exactly("in", word)?;
            let within = words.next("the time behind in")?.parse::<Time>()?.0;
            Times::Over { count, within }
        }
        "for-the-first" => Times::ForTheFirst(words.next("the time")?.parse::<Time>()?.0),
        "per" => {
            fault.per = match words.next("what to count apart")? {
                "connection" => Per::Connection,
                "address" => Per::Address,
                other => return Err(format!("cannot count per {other}")),
            };
            return Ok(());
        }
        "for" => {
            fault.address = Some(unescape(words.next("the address")?)?);
            return Ok(());
        }
        "containing" => {
            fault.containing = Some(unescape(words.next("the text")?)?);
            return Ok(());
        }
        "after" => {
            fault.after = words.number(word)?;
            return Ok(());
        }
        other => return Err(format!("no such filter: {other}")),
    };
    if fault.times != Times::Always {
        return Err(format!("{word}: how often was said before"));
    }
    fault.times = times;
    Ok(())
}

/// The actions behind the arrow: what stands between semicolons that are not escaped.
fn split(actions: &str) -> Vec<&str> {
    let (mut all, mut begin, mut escaped) = (Vec::new(), 0, false);
    for (at, octet) in actions.bytes().enumerate() {
        if octet == b';' && !escaped {
            all.push(actions[begin..at].trim());
            begin = at + 1;
        }
        escaped = octet == b'\\' && !escaped;
    }
    all.push(actions[begin..].trim());
    all
}

fn parse_action(text: &str) -> Result<Action, String> {
    let (word, rest) = text.split_once(' ').unwrap_or((text, ""));
    let rest = rest.trim();
    let words = || match rest.is_empty() {
        true => Err(format!("{word} what?")),
        false => unescape(rest),
    };
    let time = || rest.parse::<Time>().map(|time| time.0);
    let action = match word {
        "reply" => return Ok(Action::Reply(words()?)),
        "insert" => return Ok(Action::Insert(words()?)),
        "with" => return Ok(Action::With(words()?)),
        "without" => return Ok(Action::Without(words()?)),
        "only" => return Ok(Action::Only(words()?)),
        "delay" => return Ok(Action::Delay(time()?)),
        "slowly" => return Ok(Action::Slowly(time()?)),
        "replace" => {
            let (from, to) = rest
                .split_once("=>")
                .ok_or("replace needs => between the texts")?;
            let (from, to) = (unescape(from.trim())?, unescape(to.trim())?);
            return match from.is_empty() {
                true => Err("replace what?".into()),
                false => Ok(Action::Replace(from, to)),
            };
        }
        "certificate" => {
            let mut all = Certificate::ALL.into_iter();
            let found = all.find(|certificate| certificate.name() == rest);
            let found = found.ok_or_else(|| format!("no such certificate: {rest}"))?;
            return Ok(Action::Certificate(found));
        }
        "refuse" => Action::Refuse,
        "disk-full" => Action::DiskFull,
        "drop" => Action::Drop,
        "reset" => Action::Reset,
        "stop-reading" => Action::StopReading,
        "truncate" => Action::Truncate,
        "garble" => Action::Garble,
        "bare-lf" => Action::BareLf,
        "later" => Action::Later,
        "hurry" => Action::Hurry,
        "lose-end" => Action::LoseEnd,
        "end-first" => Action::EndFirst,
        "" => return Err("an action is missing".into()),
        other => return Err(format!("no such action: {other}")),
    };
    match rest.is_empty() {
        true => Ok(action),
        false => Err(format!("{word} stands alone: {rest}")),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Each is printed as it is read.
    #[test]
    fn what_can_be_written() {
        for line in [
            "greeting -> reply 421 4.3.2 Busy",
            "smtp: command RCPT for bob@* nth 2 -> reply 450 4.2.0 Later",
            "command * -> delay 5m",
            "command EHLO after 5 -> delay 1500ms; drop",
            "lmtp: end every 3 -> disk-full",
            "pop3s: command RETR containing 17 first 2 per connection -> truncate",
            "mechanism PLAIN -> refuse",
            "response chance 0.25 seed 7 -> garble",
            "body after 1000 -> reset",
            "capabilities -> without AUTH PLAIN; with X-UNHEARD",
            "capabilities per connection -> only SIZE 8BITMIME",
            "tls -> certificate other-name",
            "command MAIL over 10 in 1m per connection -> reply 421 4.7.0 Slow\\; down\\nplease",
            "command RCPT for-the-first 5m per address -> refuse",
            "command RCPT for <a\\u{20}b@x.test-\\u{3e} containing NOTIFY=NEVER -> refuse",
            "command NOOP from 2 -> insert * BYE; later; slowly 10ms; stop-reading",
            "end -> bare-lf",
            "body after 7 -> garble",
            "greeting -> hurry",
            "imaps: command FETCH -> lose-end",
            "command FETCH nth 2 -> end-first",
            "command STATUS -> replace )\\r\\n => ) \\r\\n; replace a \\u{3e} b => c => d",
            "command LIST -> replace \\u{20}x => ",
        ] {
            let fault: Fault = line.parse().expect(line);
            assert_eq!(fault.to_string(), line);
        }
    }

    #[test]
    fn what_cannot() {
        for (line, reason) in [
            ("greeting", "no -> before the actions"),
            ("-> drop", "a place is missing"),
            ("nowhere -> drop", "no such place: nowhere"),
            (
                "jmap: greeting -> drop",
                "jmap: not smtp, submission, smtps, lmtp, pop3, pop3s, imap or imaps",
            ),
            ("command -> drop", "the command is missing"),
            ("greeting twice -> drop", "no such filter: twice"),
            ("greeting nth two -> drop", "nth: not a number: two"),
            ("greeting nth 0 -> drop", "the first time is 1"),
            (
                "greeting first 1 nth 1 -> drop",
                "nth: how often was said before",
            ),
            ("greeting chance 0.5 -> drop", "chance needs seed"),
            (
                "greeting chance 1.5 seed 1 -> drop",
                "a probability is between 0 and 1",
            ),
            ("greeting per galaxy -> drop", "cannot count per galaxy"),
            ("greeting ->", "an action is missing"),
            ("greeting -> drop;", "an action is missing"),
            ("smtp:greeting -> drop", "no such place: smtp:greeting"),
            ("greeting -> drop it", "drop stands alone: it"),
            ("greeting -> reply", "reply what?"),
            ("greeting -> reply \\q", "unknown escape \\q"),
            (
                "greeting -> delay 5",
                "not a time such as 500ms, 5s, 5m or 1h: 5",
            ),
            ("greeting -> delay 99999999h", "longer than a year"),
            (
                "greeting -> replace x",
                "replace needs => between the texts",
            ),
            ("greeting -> replace => x", "replace what?"),
            (
                "greeting -> certificate expired",
                "certificate expired means nothing at greeting of a server",
            ),
            ("tls -> certificate mouldy", "no such certificate: mouldy"),
            ("tls -> later", "later means nothing at tls of a server"),
            (
                "body -> garble; disk-full",
                "garble means nothing at body of a server",
            ),
            (
                "end -> without SIZE",
                "without SIZE means nothing at end of a server",
            ),
        ] {
            let error = line.parse::<Fault>().expect_err(line);
            assert_eq!(error.to_string(), reason, "{line}");
        }
    }

    #[test]
    fn errors_name_their_line() {
        let file = "# one\n\ngreeting -> drop\nend -> explode\n";
        let error = file.parse::<Faults>().expect_err("an unknown action");
        assert_eq!(error.to_string(), "line 4: no such action: explode");
        assert_eq!(
            (error.line(), error.reason()),
            (Some(4), "no such action: explode")
        );
    }

    #[test]
    fn a_file_is_for_servers_or_for_clients() {
        let file = "command MAIL -> drop\nbody -> garble\n";
        assert_eq!(
            file.parse::<Faults>().map_err(|error| error.to_string()),
            Err("line 2: garble means nothing at body of a server".into())
        );
        assert_eq!(Faults::for_client(file).map(|faults| faults.0.len()), Ok(2));
        assert_eq!(
            Faults::for_client("end -> disk-full").map_err(|error| error.to_string()),
            Err("line 1: disk-full means nothing at end of a client".into())
        );
    }

    proptest! {
        #[test]
        fn replacements_survive(
            from in "[ ;=>\\\\\r\na-]{1,8}",
            to in "[ ;=>\\\\\r\na-]{0,8}",
        ) {
            let fault = Fault::command("NOOP").act(Action::Replace(from, to));
            let same: Fault = fault.to_string().parse().expect("what was printed");
            prop_assert_eq!(same, fault);
        }

        #[test]
        fn texts_survive(text in "\\PC{1,20}|[ ;\\\\\r\n\t\u{85}a]{1,10}") {
            let fault = Fault::command("NOOP").act(Action::Insert(text));
            let same: Fault = fault.to_string().parse().expect("what was printed");
            prop_assert_eq!(same, fault);
        }

        #[test]
        fn nothing_panics(line in "(greeting|body|end|tls)? ?(nth|over|after)? ?[0-9]{0,3} ?(->)? ?(reply|delay|\\\\u\\{)? ?\\PC{0,10}") {
            if let Ok(fault) = line.parse::<Fault>() {
                prop_assert_eq!(fault.to_string().parse::<Fault>(), Ok(fault));
            }
        }
    }
}
