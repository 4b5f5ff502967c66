//! What the machine itself says.

use std::fmt::Display;
use std::io::Write as _;

use mailwire::Output;

use super::config::{Config, Timestamp};
use super::session::Session;
use super::texts::{Language, Text};
use crate::capability::{Capability, Expire, PerUser};
use crate::command::SyntaxError;

pub(super) fn ok(text: &str, output: &mut Output) {
    output.push(b"+OK ");
    output.push(text.as_bytes());
    output.push(b"\r\n");
}

pub(super) fn greeting(text: &str, timestamp: Option<&Timestamp>, output: &mut Output) {
    output.push(b"+OK ");
    output.push(text.as_bytes());
    if let Some(timestamp) = timestamp {
        output.push(b" ");
        output.push(timestamp.as_str().as_bytes());
    }
    output.push(b"\r\n");
}

/// To RETR: the size, which clients use to show progress.
pub(super) fn octets(size: u64, output: &mut Output) {
    output.push(b"+OK ");
    output.push_number(size);
    output.push(b" octets\r\n");
}

/// To STAT and `LIST n`: two numbers, and nothing else that a client could stumble over.
pub(super) fn pair(first: u64, second: u64, output: &mut Output) {
    output.push(b"+OK ");
    output.push_number(first);
    output.push(b" ");
    output.push_number(second);
    output.push(b"\r\n");
}

/// The beginning of the answer to LIST.
pub(super) fn listing(count: u32, octets: u64, output: &mut Output) {
    output.push(b"+OK ");
    output.push_number(count.into());
    output.push(b" messages (");
    output.push_number(octets);
    output.push(b" octets)\r\n");
}

/// A line of LIST.
pub(super) fn entry(number: u32, size: u64, output: &mut Output) {
    output.push_number(number.into());
    output.push(b" ");
    output.push_number(size);
    output.push(b"\r\n");
}

/// A line of UIDL.
pub(super) fn unique_id(number: u32, unique_id: &str, output: &mut Output) {
    output.push_number(number.into());
    output.push(b" ");
    output.push(unique_id.as_bytes());
    output.push(b"\r\n");
}

/// A list that is short: nothing in it begins with a dot.
pub(super) fn list(text: &str, lines: &[impl Display], output: &mut Output) {
    ok(text, output);
    for line in lines {
        write!(output, "{line}\r\n").expect("writing to memory");
    }
    output.push(b".\r\n");
}

pub(super) fn languages(text: &str, languages: &[Language], output: &mut Output) {
    let lines: Vec<_> = languages
        .iter()
        .map(|language| format!("{} {}", language.tag(), language.name()))
        .collect();
    list(text, &lines, output);
}

/// To LANG: the tag goes in front of the text (RFC 6856 section 3.2).
pub(super) fn language(tag: &str, text: &str, output: &mut Output) {
    output.push(b"+OK ");
    output.push(tag.as_bytes());
    output.push(b" ");
    output.push(text.as_bytes());
    output.push(b"\r\n");
}

/// What is on offer, by state: before the login how to log in, behind it what else there is to
/// know.
pub(super) fn capabilities(config: &Config, session: &Session) -> Vec<Capability> {
    let secured = session.tls.is_some() || config.auth_without_tls;
    let logged_in = session.maildrop.is_some();
    let mut offered = vec![
        Capability::Top,
        Capability::Uidl,
        Capability::RespCodes,
        Capability::AuthRespCode,
        Capability::Pipelining,
    ];
    if !logged_in {
        if config.stls && session.tls.is_none() {
            offered.push(Capability::Stls);
        }
        if config.user && secured {
            offered.push(Capability::User);
        }
        let mechanisms = session.mechanisms(config);
        if !mechanisms.is_empty() && secured {
            offered.push(Capability::Sasl(mechanisms.to_vec()));
        }
    }
    if config.utf8 {
        offered.push(Capability::Utf8 { user: true });
    }
    if config.languages.len() > 1 {
        offered.push(Capability::Lang);
    }
    // Behind the login it is known whose they are (RFC 2449 sections 6.5 and 6.7).
    offered.extend(config.login_delay.map(|delay| {
        Capability::LoginDelay(PerUser {
            varies: delay.varies && !logged_in,
            ..delay
        })
    }));
    offered.extend(config.expire.map(|expire| {
        Capability::Expire(PerUser::<Expire> {
            varies: expire.varies && !logged_in,
            ..expire
        })
    }));
    if let (true, Some(name)) = (logged_in, &config.implementation) {
        offered.push(Capability::Implementation(name.clone()));
    }
    offered
}

pub(super) fn syntax(error: SyntaxError) -> Text {
    match error {
        SyntaxError::UnknownCommand => Text::UnknownCommand,
        SyntaxError::Argument => Text::Argument,
        SyntaxError::Surplus => Text::Surplus,
        SyntaxError::Control => Text::Control,
        SyntaxError::NotUtf8 => Text::NotUtf8,
        SyntaxError::TooLong => Text::TooLong,
        SyntaxError::BareLineFeed => Text::BareLineFeed,
        SyntaxError::Base64 => Text::Base64,
        SyntaxError::NoSuchMessage => Text::NoSuchMessage,
    }
}
