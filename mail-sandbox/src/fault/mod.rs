//! Faults: where a server or a client misbehaves, how often, and how.
//!
//! The language is the same for all protocols, and for both sides: what is said here of answers is
//! true of a [client](crate::MisbehavingClient)'s commands and messages. A [`Fault`] has a [`Place`], may say how often it
//! happens and to whom, and has one or more [`Action`]s. It is written in a program with methods,
//! and in a file with one line for each:
//!
//! ```text
//! # ENDPOINT, if not all : PLACE  FILTERS -> ACTION ; ACTION
//! greeting nth 2 -> reply 421 4.3.2 Come back later
//! command RCPT for bob@* first 1 -> reply 450 4.2.0 Greylisted
//! smtp: command * -> delay 5s
//! body after 1000 -> reset
//! end every 3 -> delay 2s; truncate
//! pop3: capabilities -> without UIDL
//! tls -> certificate expired
//! imap: command FETCH -> lose-end
//! ```
//!
//! [`Faults`] reads and prints such files; [`Preset`] has those that hurt in life.
//!
//! | place | of a server | of a client |
//! |---|---|---|
//! | `greeting` | the first answer of a connection | the same: the client has nothing to say yet |
//! | `tls` | a TLS handshake | the first message of one |
//! | `capabilities` | an answer that tells what the server can do: EHLO's, CAPA's, CAPABILITY's, and of IMAP's others those with the code CAPABILITY | |
//! | `command VERB` | the answer to a command; `*` is any | the command |
//! | `mechanism NAME` | the answer to the beginning of an authentication; `*` is any | its command |
//! | `response` | the answer to what a client says to a challenge | what it says |
//! | `body` | a message on its way in, or any other literal of IMAP | the message, or a chunk of it, or the literal of an APPEND |
//! | `end` | the answer to the end of a message, in LMTP once for each recipient | the line with the dot, or the end of an APPEND |
//!
//! | filter | when it happens |
//! |---|---|
//! | `nth N`, `first N`, `from N`, `every N` | the Nth time, the first N times, from the Nth time on, each Nth time |
//! | `chance P seed S` | with a probability between 0 and 1, the same for the same seed |
//! | `over N in TIME` | once there were more than N within this time |
//! | `for-the-first TIME` | as long as no more has passed since the first time |
//! | `per connection`, `per address` | those count for each apart; without it all count together |
//! | `for ADDRESS` | the command, or the transaction, has this address; `*` is any part of one |
//! | `containing TEXT` | the command line has this in it, in any case of letters |
//! | `after N` | once N octets of it have come or left: of a body, of an answer, of a command |
//!
//! | action | what happens |
//! |---|---|
//! | `reply TEXT` | this is said instead, with `\n` between lines. If a server refuses so, the command is not carried out; with anything else it is |
//! | `delay TIME` | nothing happens for so long (`ms`, `s`, `m`, `h`) |
//! | `drop`, `reset` | the connection is closed, in order or with a reset |
//! | `stop-reading` | the connection stays open, and nothing is ever read again. A server has nothing to say then, a client does not wait for answers |
//! | `slowly TIME` | it comes octet by octet, each so long after the other |
//! | `truncate` | the rest of it, or all of it, is lost |
//! | `garble` | it is not what anybody understands |
//! | `bare-lf` | its line ends are bare LFs |
//! | `insert TEXT` | something nobody asked for, in front of it |
//! | `lose-end` | its last line is lost: of IMAP the one with the tag (servers) |
//! | `end-first` | its last line comes first (servers) |
//! | `replace TEXT => TEXT` | each of the first text in it is the second (servers) |
//! | `later` | it comes behind the next |
//! | `refuse` | a server's own way to say no; `disk-full` says why |
//! | `with WORDS`, `without WORDS` | a capability, or some words of it, that is not there, or is (servers) |
//! | `only WORDS` | no capabilities but those that begin with one of these words (servers) |
//! | `certificate NAME` | `expired`, `other-name`, `unknown-authority` (servers) |
//! | `hurry` | the next is said without waiting for the answer (clients) |
//!
//! `after` is how a fault gets between any two octets: `command EHLO after 5 -> delay 1m`.
//!
//! In IMAP, a command is named without its `UID`, the answer to one whose literal is waited for is `+` at first, and the
//! end of IDLE is the command `DONE`. In `reply`, a line that begins with OK, NO or BAD gets the command's tag, one that begins
//! with BYE gets a `*`, and others stand as they are: `reply * 23 EXISTS\nOK Done`.

mod action;
pub use action::Action;

mod place;
pub use place::Place;

mod times;
pub use times::{Per, Times};

mod text;
pub use text::{FaultError, Faults};

mod notation;

mod preset;
pub use preset::{Preset, UnknownPreset};

mod shape;

mod armed;
pub use armed::Injected;
pub(crate) use armed::{Armed, Hit, Meeting};

mod side;
pub(crate) use side::Side;

use std::time::Duration;

use crate::authority::Certificate;
use crate::endpoint::Endpoint;

/// One way in which a server or a client misbehaves: see the [module](self).
///
/// ```
/// use std::time::Duration;
/// use mail_sandbox::fault::Fault;
///
/// let fault = Fault::command("RCPT").address("bob@*").first(1).reply("450 4.2.0 Greylisted");
/// assert_eq!(fault.to_string(), "command RCPT for bob@* first 1 -> reply 450 4.2.0 Greylisted");
/// let same: Fault = fault.to_string().parse()?;
/// assert_eq!(same, fault);
/// # Ok::<(), mail_sandbox::fault::FaultError>(())
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct Fault {
    pub(crate) endpoint: Option<Endpoint>,
    pub(crate) place: Place,
    pub(crate) times: Times,
    pub(crate) per: Per,
    pub(crate) address: Option<String>,
    pub(crate) containing: Option<String>,
    pub(crate) after: u64,
    pub(crate) actions: Vec<Action>,
}

impl Fault {
    /// Something goes wrong here. It needs an action yet.
    pub fn at(place: Place) -> Self {
        Self {
            endpoint: None,
            place,
            times: Times::Always,
            per: Per::Sandbox,
            address: None,
            containing: None,
            after: 0,
            actions: Vec::new(),
        }
    }

    /// At the greeting.
    pub fn greeting() -> Self {
        Self::at(Place::Greeting)
    }

    /// At a command; `*` is any.
    pub fn command(verb: impl Into<String>) -> Self {
        Self::at(Place::Command(verb.into().to_ascii_uppercase()))
    }

    /// While a message arrives.
    pub fn body() -> Self {
        Self::at(Place::Body)
    }

    /// At the end of a message.
    pub fn end() -> Self {
        Self::at(Place::End)
    }

    /// In a TLS handshake.
    pub fn tls() -> Self {
        Self::at(Place::Tls)
    }

    /// In what the server says it can do.
    pub fn capabilities() -> Self {
        Self::at(Place::Capabilities)
    }

    /// At the beginning of an authentication by this mechanism; `*` is any.
    pub fn mechanism(name: impl Into<String>) -> Self {
        Self::at(Place::Mechanism(name.into().to_ascii_uppercase()))
    }

    /// Only at this endpoint.
    #[must_use]
    pub fn on(mut self, endpoint: Endpoint) -> Self {
        self.endpoint = Some(endpoint);
        self
    }

    /// Only the nth time, the first being 1.
    #[must_use]
    pub fn nth(self, n: u64) -> Self {
        self.times(Times::Nth(n))
    }

    /// Only the first n times.
    #[must_use]
    pub fn first(self, n: u64) -> Self {
        self.times(Times::First(n))
    }

    /// From the nth time on.
    #[must_use]
    pub fn from(self, n: u64) -> Self {
        self.times(Times::From(n))
    }

    /// How often, in any way.
    #[must_use]
    pub fn times(mut self, times: Times) -> Self {
        self.times = times;
        self
    }

    /// Counts for each connection, or each address, apart.
    #[must_use]
    pub fn per(mut self, per: Per) -> Self {
        self.per = per;
        self
    }

    /// Only if the command, or the transaction, has an address like this, where `*` is any part.
    #[must_use]
    pub fn address(mut self, pattern: impl Into<String>) -> Self {
        self.address = Some(pattern.into());
        self
    }

    /// Only if the command line has this in it.
    #[must_use]
    pub fn containing(mut self, part: impl Into<String>) -> Self {
        self.containing = Some(part.into());
        self
    }

    /// Not before so many octets: of a body, received; elsewhere, of the answer, sent.
    #[must_use]
    pub fn after(mut self, octets: u64) -> Self {
        self.after = octets;
        self
    }

    /// Does this, behind what it does already.
    #[must_use]
    pub fn act(mut self, action: Action) -> Self {
        self.actions.push(action);
        self
    }

    /// This is the answer.
    #[must_use]
    pub fn reply(self, text: impl Into<String>) -> Self {
        self.act(Action::Reply(text.into()))
    }

    /// Nothing happens for so long.
    #[must_use]
    pub fn delay(self, time: Duration) -> Self {
        self.act(Action::Delay(time))
    }

    /// The connection is closed.
    #[must_use]
    pub fn hang_up(self) -> Self {
        self.act(Action::Drop)
    }

    /// Another certificate is shown.
    #[must_use]
    pub fn certificate(self, certificate: Certificate) -> Self {
        self.act(Action::Certificate(certificate))
    }

    /// Whether every action means something at this place of this side, and nothing in it could
    /// never happen.
    pub(crate) fn check(&self, side: Side) -> Result<(), String> {
        if self.actions.is_empty() {
            return Err("nothing happens: there is no action".into());
        }
        if let Place::Command(name) | Place::Mechanism(name) = &self.place {
            if name.is_empty() || name.contains(char::is_whitespace) || name.contains('>') {
                return Err("a command or mechanism is one word".into());
            }
        }
        let texts = [&self.address, &self.containing];
        if texts.into_iter().flatten().any(String::is_empty) {
            return Err("an empty text is in everything".into());
        }
        self.times.check()?;
        let mut actions = self.actions.iter();
        match actions.find(|action| !action.fits(&self.place, side)) {
            Some(action) => Err(format!(
                "{action} means nothing at {} of a {side}",
                self.place
            )),
            None => Ok(()),
        }
    }
}
