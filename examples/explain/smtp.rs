//! SMTP and LMTP: replies; commands, and the messages between them.

use mailwire::{Input, auth};
use smtp_proto::command::Command;
use smtp_proto::{Reply, ReplyReader, Strictness, SyntaxError};

use super::Unit;
use super::recording::Lines;

pub(crate) fn replies(octets: &[u8]) -> Vec<Unit> {
    let mut lines = Lines::new(octets);
    let mut units = Vec::new();
    let mut reader = new_reader();
    // The line in which the reply begins that is being read.
    let mut begun = None;
    while let Some((number, line)) = lines.next() {
        let first = *begun.get_or_insert(number);
        let mut input = Input::new(line.len() + 2);
        let taken = input.extend(line) + input.extend(b"\r\n");
        assert_eq!(taken, line.len() + 2, "there is room for a line");
        match reader.next(&mut input) {
            Ok(None) => continue,
            Ok(Some(reply)) => units.push(Unit::new(first, reply.code().to_string(), told(&reply))),
            Err(error) => {
                units.push(Unit::error(number, error));
                reader = new_reader();
            }
        }
        begun = None;
    }
    if let Some(first) = begun {
        units.push(Unit::error(first, "the recording ends within a reply"));
    }
    units
}

fn new_reader() -> ReplyReader {
    ReplyReader::new(LONGEST, LINES)
}

fn told(reply: &Reply) -> String {
    let text: Vec<_> = reply.lines().collect();
    let text = text.join(" / ");
    match reply.enhanced() {
        Some((class, subject, detail)) => format!("{class}.{subject}.{detail} {text}"),
        None => text,
    }
}

pub(crate) fn commands(octets: &[u8]) -> Vec<Unit> {
    let mut lines = Lines::new(octets);
    let mut units = Vec::new();
    let mut authenticating = false;
    while let Some((number, line)) = lines.next() {
        let command = match parse(line) {
            Ok(command) => command,
            Err(_) if authenticating && (line == b"*" || auth::decode(line).is_ok()) => {
                units.push(Unit::new(number, "answer", "an answer to a challenge"));
                continue;
            }
            Err(error) => {
                units.push(Unit::error(number, error));
                continue;
            }
        };
        authenticating = matches!(command, Command::Auth(_));
        let verb =
            String::from_utf8_lossy(line.split(|octet| *octet == b' ').next().unwrap_or(line));
        units.push(Unit::new(number, verb.to_uppercase(), command.to_string()));
        match command {
            Command::Data => units.extend(message(number + 1, &mut lines)),
            Command::Bdat(chunk) => {
                let octets = lines.take(chunk.size);
                let detail = format!("{} octets of {}", octets.len(), chunk.size);
                units.push(match octets.len() as u64 == chunk.size {
                    true => Unit::new(number + 1, "chunk", detail),
                    false => Unit::error(number + 1, detail),
                });
            }
            _ => {}
        }
    }
    units
}

/// What follows DATA: a message, unless the client went on with a command, because the server refused it.
fn message(number: usize, lines: &mut Lines<'_>) -> Option<Unit> {
    if parse(lines.peek()?).is_ok() {
        return None;
    }
    Some(match lines.until_dot() {
        Some((lines, octets)) => {
            Unit::new(number, "message", format!("{lines} lines, {octets} octets"))
        }
        None => Unit::error(number, "the recording ends within a message"),
    })
}

/// A command of SMTP, or of LMTP. An address without a domain is one here.
fn parse(line: &[u8]) -> Result<Command, SyntaxError> {
    let here = "localhost".parse().expect("a domain");
    Command::parse(line, &Strictness::lenient(here))
}

const LONGEST: usize = 64 * 1024;
const LINES: usize = 10_000;
