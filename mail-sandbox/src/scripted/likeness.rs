//! Whether a client says what is written.

use super::units::Unit;
use crate::fault::Place;
use crate::pattern::fits;
use crate::session::imap_lines;

/// Whether what is said is like what is written, in any case of letters. `***` stands for anything, and what
/// belongs to a message or to the client's host is its own affair: sizes, and the name in EHLO. So are IMAP's
/// tags.
pub(super) fn is_like(written: &Unit, said: &Unit) -> bool {
    match (written, said) {
        (
            Unit::Line { command, shown },
            Unit::Line {
                command: other,
                shown: said,
            },
        ) => {
            let (Place::Command(verb), Place::Command(said_verb)) = (&command.place, &other.place)
            else {
                return command.place == other.place && matches(shown, said);
            };
            match verb.as_str() {
                "EHLO" | "HELO" | "LHLO" => verb == said_verb,
                _ => {
                    verb == said_verb
                        && matches(
                            behind_tag(command.tag.len(), shown),
                            behind_tag(other.tag.len(), said),
                        )
                }
            }
        }
        (Unit::Rest(written), Unit::Rest(said)) => matches(written, said),
        _ => false,
    }
}

fn behind_tag(tag: usize, line: &[u8]) -> &[u8] {
    line.get(tag..).unwrap_or_default()
}

fn matches(written: &[u8], said: &[u8]) -> bool {
    let (written, said) = (without_sizes(written), without_sizes(said));
    fits(&written, "***", &said)
}

/// A line in lower case, without its end and without how large a message is.
fn without_sizes(line: &[u8]) -> String {
    let literal = imap_lines::literal(line);
    let line = String::from_utf8_lossy(line).to_lowercase();
    let line = line.trim_end();
    let line = match literal {
        Some(_) => line.rsplit_once('{').map_or(line, |(before, _)| before),
        None => line,
    };
    let is_chunk = line.starts_with("bdat ");
    let words = line.split(' ').enumerate().map(|(index, word)| match word {
        word if word.starts_with("size=") => "size=",
        _ if is_chunk && index == 1 => "",
        word => word,
    });
    let mut line = words.collect::<Vec<_>>().join(" ");
    if let Some(literal) = literal {
        line.push_str(if literal.is_asked_for { "{}" } else { "{+}" });
    }
    line
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn likeness() {
        for (written, said, expected) in [
            (
                "RCPT TO:<bob@example.org>",
                "rcpt TO:<bob@EXAMPLE.org>",
                true,
            ),
            (
                "RCPT TO:<bob@example.org>",
                "RCPT TO:<carol@example.org>",
                false,
            ),
            (
                "RCPT TO:<***@example.org>",
                "RCPT TO:<carol@example.org>",
                true,
            ),
            (
                "RCPT TO:<***@example.org> ***",
                "RCPT TO:<carol@example.org>",
                false,
            ),
            ("AUTH PLAIN ***", "AUTH PLAIN dGVzdA==", true),
            ("AUTH PLAIN ***", "AUTH PLAIN", false),
            (
                "MAIL FROM:<a@x.test> SIZE=12 BODY=8BITMIME",
                "MAIL FROM:<a@x.test> size=9999 BODY=8BITMIME",
                true,
            ),
            (
                "MAIL FROM:<a@x.test> SIZE=12",
                "MAIL FROM:<a@x.test>",
                false,
            ),
            ("BDAT 12 LAST", "BDAT 7 LAST", true),
            ("BDAT 12 LAST", "BDAT 7", false),
            (" APPEND INBOX {12}", " append inbox {99}", true),
            (" APPEND INBOX {12}", " APPEND INBOX {12+}", false),
            (" UID SEARCH SUBJECT {3}", " UID SEARCH FROM {3}", false),
            ("", "", true),
        ] {
            let found = matches(written.as_bytes(), said.as_bytes());
            assert_eq!(found, expected, "{written} and {said}");
        }
    }
}
