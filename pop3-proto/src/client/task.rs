//! Commands that are unanswered, and what their answers mean.
use std::io::Write as _;

use mailwire::auth;
use mailwire::{Output, Secret};

use super::event::{CommandId, Event};
use crate::command::{Auth, Command, LanguageRange, Password, UserName, digits};
use crate::limits::SENT_LINE;

/// A command in the queue.
#[derive(Debug)]
pub(super) struct Pending {
    pub(super) id: CommandId,
    pub(super) task: Task,
}

#[derive(Debug)]
pub(super) enum Task {
    /// USER, and PASS once that was accepted: a password is not sent to a server that does not
    /// want it.
    Login {
        name: UserName,
        password: Password,
        user_accepted: bool,
    },
    Auth(Exchange),
    /// Any other.
    Command(Command),
}

/// An authentication.
#[derive(Debug)]
pub(super) struct Exchange {
    auth: Auth,
    /// The initial response is sent when the server asks for it.
    withheld: bool,
    /// Something has been sent that could be a proof of identity.
    pub(super) has_responded: bool,
    /// We have cancelled it, because the challenge made no sense.
    pub(super) is_malformed: bool,
}

impl Exchange {
    pub(super) fn new(auth: Auth, initial_response: bool) -> Self {
        let encoded = auth
            .initial
            .as_ref()
            .map(|initial| initial.expose().len().div_ceil(3) * 4);
        let length =
            "AUTH  \r\n".len() + auth.mechanism.as_str().len() + encoded.unwrap_or(0).max(1);
        let withheld = encoded.is_some() && !(initial_response && length <= SENT_LINE);
        Self {
            has_responded: encoded.is_some() && !withheld,
            auth,
            withheld,
            is_malformed: false,
        }
    }

    /// The initial response, if the server has to ask for it: once.
    pub(super) fn take_withheld(&mut self) -> Option<Secret> {
        std::mem::take(&mut self.withheld)
            .then(|| self.auth.initial.take())
            .flatten()
    }
}

impl Task {
    /// Whether nothing else may be unanswered with it: what it changes decides how others are
    /// read, or what was sent with it would be sent in vain or in clear text.
    pub(super) fn is_alone(&self) -> bool {
        match self {
            Self::Login { .. } | Self::Auth(_) => true,
            Self::Command(command) => matches!(command, Command::Apop(_) | Command::Stls),
        }
    }

    /// Writes the command's line.
    pub(super) fn write(&self, output: &mut Output) {
        match self {
            Self::Login {
                password,
                user_accepted: true,
                ..
            } => {
                output.push(b"PASS ");
                output.push(password.expose());
            }
            Self::Login { name, .. } => {
                output.push(b"USER ");
                output.push(name.as_str().as_bytes());
            }
            Self::Auth(exchange) => {
                output.push(b"AUTH ");
                output.push(exchange.auth.mechanism.as_str().as_bytes());
                match &exchange.auth.initial {
                    Some(initial) if !exchange.withheld => {
                        output.push(b" ");
                        match initial.expose() {
                            // Absent and empty differ (RFC 5034 section 4).
                            b"" => output.push(b"="),
                            octets => write!(output, "{}", auth::encode(octets))
                                .expect("writing to memory"),
                        }
                    }
                    _ => {}
                }
            }
            Self::Command(Command::Apop(apop)) => {
                output.push(b"APOP ");
                output.push(apop.name.as_str().as_bytes());
                output.push(b" ");
                output.push(apop.digest.as_bytes());
            }
            Self::Command(command) => output.push(command.to_string().as_bytes()),
        }
        output.push(b"\r\n");
    }

    /// Whether the answer goes on behind a positive first line, with a list.
    pub(super) fn is_list(&self) -> bool {
        matches!(
            self,
            Self::Command(
                Command::Capa
                    | Command::Mechanisms
                    | Command::List(None)
                    | Command::Uidl(None)
                    | Command::Lang(None)
            )
        )
    }

    /// What a positive answer of one line tells. `None` if it should tell something and does not.
    pub(super) fn facts(&self, text: &str) -> Option<Option<Event>> {
        let Self::Command(command) = self else {
            return Some(None);
        };
        Some(Some(match command {
            Command::Stat => {
                let mut words = words(text);
                Event::Stat {
                    count: digits(words.next()?).ok()?,
                    octets: octets(words.next()?)?,
                }
            }
            Command::List(Some(asked)) => size(text).filter(|event| is_of(event, *asked))?,
            Command::Uidl(Some(asked)) => unique_id(text).filter(|event| is_of(event, *asked))?,
            Command::Last => Event::Last(digits(words(text).next()?).ok()?),
            _ => return Some(None),
        }))
    }

    /// What a line of a list tells.
    pub(super) fn entry(&self, line: &[u8]) -> Option<Event> {
        let line = std::str::from_utf8(line).ok()?;
        let Self::Command(command) = self else {
            return None;
        };
        match command {
            Command::List(None) => size(line),
            Command::Uidl(None) => unique_id(line),
            Command::Mechanisms => Some(Event::Mechanism(line.trim().parse().ok()?)),
            Command::Lang(None) => {
                let (tag, name) = line.split_once(' ').unwrap_or((line, ""));
                let range: LanguageRange = tag.parse().ok()?;
                Some(Event::Language {
                    tag: range.as_str().into(),
                    name: name.into(),
                })
            }
            _ => None,
        }
    }
}

/// `number octets`, with whatever behind it (RFC 1939 section 5: "additional information").
fn size(text: &str) -> Option<Event> {
    let mut words = words(text);
    Some(Event::Size {
        number: number(words.next()?)?,
        octets: octets(words.next()?)?,
    })
}

/// `number id`. Some servers put several spaces between the two.
fn unique_id(text: &str) -> Option<Event> {
    let mut words = words(text);
    Some(Event::UniqueId {
        number: number(words.next()?)?,
        unique_id: words.next()?.parse().ok()?,
    })
}

/// A server that answers about another message than was asked for is out of its mind.
fn is_of(event: &Event, asked: u32) -> bool {
    match event {
        Event::Size { number, .. } | Event::UniqueId { number, .. } => *number == asked,
        _ => false,
    }
}

fn words(text: &str) -> impl Iterator<Item = &str> {
    text.split([' ', '\t']).filter(|word| !word.is_empty())
}

fn number(word: &str) -> Option<u32> {
    digits(word).ok().filter(|&number| number > 0)
}

/// A size. Servers that count in too few bits say negative ones for what is large: as good as
/// none.
fn octets(word: &str) -> Option<u64> {
    let digits = word.strip_prefix('-').unwrap_or(word);
    let is_number = !digits.is_empty() && digits.bytes().all(|octet| octet.is_ascii_digit());
    match is_number {
        false => None,
        true if word.starts_with('-') => Some(0),
        true => Some(digits.parse().unwrap_or(u64::MAX)),
    }
}

/// A size in the text behind `+OK` of RETR, if it begins with one.
pub(super) fn announced_octets(text: &str) -> Option<u64> {
    octets(words(text).next()?)
}
