//! POP3: replies, and what has many lines behind them; commands.

use mailwire::auth;
use pop3_proto::command::Command;
use pop3_proto::{Reply, Strictness};

use super::Unit;
use super::recording::Lines;

pub(crate) fn replies(octets: &[u8]) -> Vec<Unit> {
    let mut lines = Lines::new(octets);
    let mut units = Vec::new();
    while let Some((number, line)) = lines.next() {
        if line == b"+" || line.starts_with(b"+ ") {
            units.push(Unit::new(number, "+", "a challenge"));
            continue;
        }
        match Reply::parse(line) {
            Ok(reply @ Reply::Ok(_)) => {
                units.push(Unit::new(number, "+OK", reply.to_string()));
                units.extend(behind(number + 1, &mut lines));
            }
            Ok(reply) => units.push(Unit::new(number, "-ERR", reply.to_string())),
            Err(error) => units.push(Unit::error(number, error)),
        }
    }
    units
}

/// What has many lines, if that follows: whatever is not another reply.
fn behind(number: usize, lines: &mut Lines<'_>) -> Option<Unit> {
    let next = lines.peek()?;
    if Reply::parse(next).is_ok() || next == b"+" || next.starts_with(b"+ ") {
        return None;
    }
    Some(match lines.until_dot() {
        Some((lines, octets)) => {
            Unit::new(number, "data", format!("{lines} lines, {octets} octets"))
        }
        None => Unit::error(number, "the recording ends before a full stop alone"),
    })
}

pub(crate) fn commands(octets: &[u8]) -> Vec<Unit> {
    let mut lines = Lines::new(octets);
    let mut units = Vec::new();
    let mut authenticating = false;
    while let Some((number, line)) = lines.next() {
        let unit = match Command::parse(line, &Strictness::lenient()) {
            Ok(command) => {
                authenticating = matches!(command, Command::Auth(_));
                let shown = command.to_string();
                let verb = shown.split(' ').next().unwrap_or_default();
                Unit::new(number, verb, shown.clone())
            }
            Err(_) if authenticating && (line == b"*" || auth::decode(line).is_ok()) => {
                Unit::new(number, "answer", "an answer to a challenge")
            }
            Err(error) => Unit::error(number, error),
        };
        units.push(unit);
    }
    units
}
