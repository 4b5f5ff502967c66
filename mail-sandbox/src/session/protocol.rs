//! What the driver and the faults need to know of a protocol.

use bytes::Bytes;
use mailwire::{Machine, TlsInfo};

use crate::connection::lines;
use crate::fault::Place;

/// One connection's side of a protocol: its machine, the application behind it, and the forms of
/// its commands and answers.
pub(crate) trait Protocol: Send {
    type Machine: Machine<Event: Send> + Send;

    fn machine(&mut self) -> &mut Self::Machine;

    /// Answers an event of the machine.
    fn answer(
        &mut self,
        event: <Self::Machine as Machine>::Event,
    ) -> impl Future<Output = ()> + Send;

    /// Goes on with what the machine waits for. Whether there was anything.
    fn go_on(&mut self) -> impl Future<Output = bool> + Send;

    /// Waits until there is something to tell the client that it has not asked for. Cancel-safe.
    fn news(&mut self) -> impl Future<Output = ()> + Send {
        std::future::pending()
    }

    /// Tells the machine what has happened.
    fn hear(&mut self) -> impl Future<Output = ()> + Send {
        std::future::ready(())
    }

    /// A handshake is done.
    fn tls_started(&mut self, tls: TlsInfo);

    /// The greeting will be a refusal. What the machine makes of it is not heard.
    fn refuse_greeting(&mut self, text: &str);

    /// Whom a command concerns that names nobody.
    fn addresses(&self) -> Vec<String>;

    /// Whom each of the answers concerns that are due at the end of a message.
    fn answers_due(&self) -> Vec<Vec<String>>;

    /// The message is not to be taken where this says so, in the order of the answers due.
    fn refuse_message(&mut self, refused: Vec<bool>);

    /// Whether an answer tells what the server can do, besides those to commands that ask for it.
    fn announces(_said: &[u8]) -> bool {
        false
    }

    /// What the client sends next, given what the machine said to its command.
    fn expects(command: &Command, said: &[u8]) -> Expects;

    /// Reads a command, as far as faults need to know.
    fn command(line: &[u8]) -> Command;

    /// An answer in a fault's words, to the command with this tag.
    fn phrase(text: &str, _tag: &str) -> Vec<u8> {
        lines(text)
    }

    /// Whether an answer is a refusal.
    fn refuses(answer: &str) -> bool;

    /// Whether nothing may follow an answer.
    fn closes(answer: &str) -> bool;

    /// How to say no here.
    fn refusal(place: &Place) -> &'static str;

    /// How to say that there is no room for a message.
    fn disk_full() -> &'static str;

    /// Changes what an answer announces.
    fn announce(answer: &mut Vec<u8>, change: Capability<'_>);
}

/// A change to what is announced.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Capability<'a> {
    With(&'a str),
    Without(&'a str),
    Only(&'a str),
}

/// A command, as far as faults need to know.
#[derive(Debug)]
pub(crate) struct Command {
    pub(crate) place: Place,
    /// It begins an authentication by this.
    pub(crate) mechanism: Option<String>,
    /// Its answer tells what the server can do.
    pub(crate) announces: bool,
    /// So many octets of a message follow it.
    pub(crate) chunk: Option<Chunk>,
    /// It goes on with octets, and then with another line.
    pub(crate) literal: Option<Literal>,
    /// What its answers begin with; nothing if the protocol has no such thing.
    pub(crate) tag: String,
    /// What the machine has to hear if the command is withheld from it.
    pub(crate) instead: &'static [u8],
    /// Whom it names.
    pub(crate) address: Option<String>,
    /// So many octets of the line may be shown. Behind them there is a secret.
    pub(crate) shown: Option<usize>,
}

/// Octets of a message, counted beforehand.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Chunk {
    pub(crate) octets: u64,
    pub(crate) is_last: bool,
}

/// Octets of a command, counted beforehand.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Literal {
    pub(crate) octets: u64,
    /// Whether the client waits until it may send them.
    pub(crate) is_asked_for: bool,
}

/// What a client sends next.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Expects {
    Command,
    /// The answer to a challenge.
    Response,
    /// A message that ends with a dot.
    Message,
}

impl Command {
    pub(crate) fn new(verb: &[u8]) -> Self {
        let verb = String::from_utf8_lossy(verb).to_ascii_uppercase();
        Self {
            place: Place::Command(verb),
            mechanism: None,
            announces: false,
            chunk: None,
            literal: None,
            tag: String::new(),
            instead: b"",
            address: None,
            shown: None,
        }
    }

    /// The answer to a challenge.
    pub(crate) fn response() -> Self {
        Self {
            place: Place::Response,
            instead: b"*\r\n",
            shown: Some(0),
            ..Self::new(b"")
        }
    }

    /// Says that a secret stands behind so many words.
    pub(crate) fn hide_behind(&mut self, words: usize, line: &[u8]) {
        let mut spaces = memchr::memchr_iter(b' ', line);
        self.shown = spaces.nth(words - 1).map(|at| at + 1);
    }

    /// The line as it may be remembered.
    pub(crate) fn redacted(&self, line: &[u8]) -> Bytes {
        match self.shown {
            Some(shown) if shown < line.len() => Bytes::from([&line[..shown], b"***\r\n"].concat()),
            _ => Bytes::copy_from_slice(line),
        }
    }
}

/// Whether an announcement's keyword is among these words.
pub(crate) fn is_among(line: &str, words: &str) -> bool {
    let keyword = line.split([' ', '=']).next().unwrap_or_default();
    let mut words = words.split_whitespace();
    words.any(|word| word.eq_ignore_ascii_case(keyword))
}

/// The words of a line, without its end.
pub(crate) fn words(line: &[u8]) -> impl Iterator<Item = &[u8]> {
    let words = line.split(|octet| octet.is_ascii_whitespace());
    words.filter(|word| !word.is_empty())
}

/// Takes words out of an announcement, in any case of letters. `None` if nothing is left of it.
pub(crate) fn take_words(line: &str, unwanted: &[&str]) -> Option<String> {
    let left: Vec<_> = line
        .split(' ')
        .filter(|word| {
            !unwanted
                .iter()
                .any(|other| other.eq_ignore_ascii_case(word))
        })
        .collect();
    (left.len() > 1).then(|| left.join(" "))
}
