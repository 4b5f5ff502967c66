//! The lines of IMAP, as far as faults and transcripts need to know them.

use bytes::Bytes;
use memchr::memmem::find;

use super::protocol::{Capability, Command, Literal, is_among, words};
use crate::fault::Place;

/// Reads the first line of a command.
pub(crate) fn command(line: &[u8]) -> Command {
    let mut parts = words(line).peekable();
    let tag = parts.next().unwrap_or_default();
    if tag.eq_ignore_ascii_case(b"DONE") && parts.peek().is_none() {
        // The end of IDLE, which has no tag (RFC 2177). The machine has to hear it in any case.
        let mut done = Command::new(tag);
        done.instead = b"DONE\r\n";
        return done;
    }
    let mut verb = parts.next().unwrap_or_default();
    if verb.eq_ignore_ascii_case(b"UID") {
        verb = parts.next().unwrap_or_default();
    }
    let mut command = Command::new(verb);
    command.tag = String::from_utf8_lossy(tag).into_owned();
    command.literal = literal(line);
    let Place::Command(verb) = &command.place else {
        return command;
    };
    let first = parts.next().map(String::from_utf8_lossy);
    match verb.as_str() {
        "CAPABILITY" => command.announces = true,
        "LOGIN" => {
            command.address = first.map(|user| user.trim_matches('"').to_owned());
            command.hide_behind(3, line);
            if command.literal.is_some() {
                // The password is in what follows, and an announcement alone is no secret.
                let hidden = command.shown.and_then(|shown| line.get(shown));
                if hidden.is_none_or(|&octet| octet == b'{') {
                    command.shown = Some(line.len());
                }
            }
        }
        "AUTHENTICATE" => {
            command.mechanism = first.map(|name| name.to_ascii_uppercase());
            command.hide_behind(3, line);
        }
        _ => {}
    }
    command
}

/// An answer in a fault's words. A status is that of the command, or nobody's; what is more than a status stands as it is.
pub(crate) fn phrase(text: &str, tag: &str) -> Vec<u8> {
    let tag = if tag.is_empty() { "*" } else { tag };
    let mut phrase = Vec::new();
    for line in text.split('\n') {
        let tag = match line.split_whitespace().next().unwrap_or_default() {
            "OK" | "NO" | "BAD" => tag,
            "BYE" | "PREAUTH" => "*",
            _ => "",
        };
        phrase.extend_from_slice(tag.as_bytes());
        if !tag.is_empty() {
            phrase.push(b' ');
        }
        phrase.extend_from_slice(line.trim_end_matches('\r').as_bytes());
        phrase.extend_from_slice(b"\r\n");
    }
    phrase
}

/// Changes what the answer announces, if it announces anything.
pub(crate) fn announce(answer: &mut Vec<u8>, change: Capability<'_>) {
    let Some(begin) = find(answer, b"CAPABILITY ").map(|at| at + b"CAPABILITY ".len()) else {
        return;
    };
    let length = answer[begin..]
        .iter()
        .position(|octet| matches!(octet, b']' | b'\r' | b'\n'));
    let end = length.map_or(answer.len(), |length| begin + length);
    let list = String::from_utf8_lossy(&answer[begin..end]).into_owned();
    let list = match change {
        Capability::With(words) => format!("{list} {words}"),
        Capability::Without(words) => {
            let left = list.split(' ').filter(|one| !is_meant(one, words));
            left.collect::<Vec<_>>().join(" ")
        }
        Capability::Only(words) => {
            let left = list.split(' ').filter(|one| is_among(one, words));
            left.collect::<Vec<_>>().join(" ")
        }
    };
    answer.splice(begin..end, list.into_bytes());
}

/// Whether a capability such as `AUTH=PLAIN` is meant by `AUTH`, by `AUTH PLAIN` or by its whole name.
fn is_meant(capability: &str, unwanted: &str) -> bool {
    let (keyword, value) = capability.split_once('=').unwrap_or((capability, ""));
    let mut words = unwanted.split_whitespace();
    let first = words.next().unwrap_or_default();
    let mut values = words.peekable();
    match values.peek() {
        None => first.eq_ignore_ascii_case(capability) || first.eq_ignore_ascii_case(keyword),
        Some(_) => {
            first.eq_ignore_ascii_case(keyword)
                && values.any(|word| word.eq_ignore_ascii_case(value))
        }
    }
}

/// What a line announces at its end (RFC 9051 section 4.3, RFC 7888).
pub(crate) fn literal(line: &[u8]) -> Option<Literal> {
    let line = line.strip_suffix(b"\n").unwrap_or(line);
    let line = line.strip_suffix(b"\r").unwrap_or(line);
    let inner = line.strip_suffix(b"}")?;
    let begin = memchr::memrchr(b'{', inner)?;
    let digits = std::str::from_utf8(&inner[begin + 1..]).ok()?;
    let (digits, is_asked_for) = match digits.strip_suffix(['+', '-']) {
        Some(digits) => (digits, false),
        None => (digits, true),
    };
    Some(Literal {
        octets: digits.parse().ok()?,
        is_asked_for,
    })
}

/// How a command goes on behind a literal, where there may be a secret in it.
pub(crate) fn redacted(line: &[u8]) -> Bytes {
    let announced = line.iter().rposition(|&octet| octet == b'{');
    match announced.filter(|_| literal(line).is_some()) {
        Some(at) => Bytes::from([b" *** ", &line[at..]].concat()),
        None if line.trim_ascii().is_empty() => Bytes::copy_from_slice(line),
        None => Bytes::from_static(b" ***\r\n"),
    }
}

/// Whether the server's last words are that the client may go on.
pub(crate) fn proceeds(said: &[u8]) -> bool {
    let line = said.strip_suffix(b"\n").unwrap_or(said);
    let last = memchr::memrchr(b'\n', line).map_or(line, |end| &line[end + 1..]);
    last.starts_with(b"+")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn commands_as_faults_see_them() {
        for (line, place, tag, octets, shown) in [
            ("a1 noop\r\n", "command NOOP", "a1", None, "a1 noop\r\n"),
            (
                "a2 UID fetch 1 (UID)\r\n",
                "command FETCH",
                "a2",
                None,
                "a2 UID fetch 1 (UID)\r\n",
            ),
            (
                "x LOGIN bob secret\r\n",
                "command LOGIN",
                "x",
                None,
                "x LOGIN bob ***\r\n",
            ),
            (
                "x LOGIN \"a b\" secret\r\n",
                "command LOGIN",
                "x",
                None,
                "x LOGIN \"a ***\r\n",
            ),
            (
                "x LOGIN {3}\r\n",
                "command LOGIN",
                "x",
                Some((3, true)),
                "x LOGIN {3}\r\n",
            ),
            (
                "x LOGIN bob {6+}\r\n",
                "command LOGIN",
                "x",
                Some((6, false)),
                "x LOGIN bob {6+}\r\n",
            ),
            (
                "x AUTHENTICATE PLAIN AGE=\r\n",
                "command AUTHENTICATE",
                "x",
                None,
                "x AUTHENTICATE PLAIN ***\r\n",
            ),
            (
                "x APPEND INBOX (\\Seen) ~{12}\r\n",
                "command APPEND",
                "x",
                Some((12, true)),
                "x APPEND INBOX (\\Seen) ~{12}\r\n",
            ),
            ("x NOOP {1\r\n", "command NOOP", "x", None, "x NOOP {1\r\n"),
            ("done\r\n", "command DONE", "", None, "done\r\n"),
            (
                "done noop\r\n",
                "command NOOP",
                "done",
                None,
                "done noop\r\n",
            ),
            ("\r\n", "command ", "", None, "\r\n"),
        ] {
            let command = command(line.as_bytes());
            assert_eq!(command.place.to_string(), place, "{line}");
            assert_eq!(command.tag, tag, "{line}");
            let found = command.literal;
            let found = found.map(|literal| (literal.octets, literal.is_asked_for));
            assert_eq!(found, octets, "{line}");
            assert_eq!(command.redacted(line.as_bytes()), shown, "{line}");
        }
    }

    #[test]
    fn what_is_announced() {
        let said =
            "* CAPABILITY IMAP4rev1 AUTH=PLAIN AUTH=LOGIN SORT SORT=DISPLAY\r\na OK done\r\n";
        for (change, expected) in [
            (
                Capability::With("XLIST"),
                "IMAP4rev1 AUTH=PLAIN AUTH=LOGIN SORT SORT=DISPLAY XLIST",
            ),
            (Capability::Without("auth"), "IMAP4rev1 SORT SORT=DISPLAY"),
            (
                Capability::Without("AUTH plain"),
                "IMAP4rev1 AUTH=LOGIN SORT SORT=DISPLAY",
            ),
            (
                Capability::Without("AUTH=LOGIN"),
                "IMAP4rev1 AUTH=PLAIN SORT SORT=DISPLAY",
            ),
            (
                Capability::Without("SORT DISPLAY"),
                "IMAP4rev1 AUTH=PLAIN AUTH=LOGIN SORT",
            ),
            (
                Capability::Without("IDLE"),
                "IMAP4rev1 AUTH=PLAIN AUTH=LOGIN SORT SORT=DISPLAY",
            ),
        ] {
            let mut answer = said.as_bytes().to_vec();
            announce(&mut answer, change);
            let expected = format!("* CAPABILITY {expected}\r\na OK done\r\n");
            assert_eq!(String::from_utf8(answer), Ok(expected), "{change:?}");
        }
    }

    #[test]
    fn statuses_have_the_tag_of_their_command() {
        for (text, expected) in [
            ("NO Later", "a7 NO Later\r\n"),
            ("* 1 EXISTS\nOK", "* 1 EXISTS\r\na7 OK\r\n"),
            ("BYE Enough", "* BYE Enough\r\n"),
            ("a9 OK To another", "a9 OK To another\r\n"),
        ] {
            assert_eq!(phrase(text, "a7"), expected.as_bytes(), "{text}");
        }
        assert_eq!(phrase("OK Hello", ""), b"* OK Hello\r\n");
    }
}
