//! SMTP, submission and LMTP.

use std::sync::Arc;

use bytes::Bytes;
use mailwire::{Machine as _, TlsInfo};
use sasl::server::Failure;
use smtp_proto::command::{Auth, Mail, Rcpt};
use smtp_proto::server::{Config, Event, Protocol as Dialect, Server};
use smtp_proto::{Extension, ForwardPath, Reply, ReversePath};

use super::protocol::{Capability, Chunk, Command, Expects, Protocol, is_among, take_words, words};
use crate::accounts::{Login, Turn};
use crate::conversation::Conversation;
use crate::endpoint::Endpoint;
use crate::fault::Place;
use crate::message::{Arrived, Envelope, Recipient};
use crate::sandbox::Shared;

/// One connection's side of SMTP.
pub(crate) struct Smtp {
    machine: Server,
    config: Arc<Config>,
    shared: Arc<Shared>,
    endpoint: Endpoint,
    conversation: Conversation,
    login: Login,
    hello: Option<String>,
    user: Option<String>,
    tls: Option<TlsInfo>,
    envelope: Envelope,
    body: Vec<u8>,
    /// Which of the answers at the end of the message are refusals.
    refused: Vec<bool>,
}

impl Smtp {
    pub(crate) fn new(shared: Arc<Shared>, endpoint: Endpoint, conversation: Conversation) -> Self {
        let config = Arc::new(config(&shared, endpoint));
        let mut new = Self {
            machine: Server::new(Arc::clone(&config)),
            config,
            login: Login::new(&shared.accounts, "smtp"),
            shared,
            endpoint,
            conversation,
            hello: None,
            user: None,
            tls: None,
            envelope: Envelope::default(),
            body: Vec::new(),
            refused: Vec::new(),
        };
        new.offer_mechanisms();
        new
    }

    fn offer_mechanisms(&mut self) {
        if self.endpoint != Endpoint::Lmtp {
            self.machine.offer_mechanisms(self.login.names());
        }
    }

    fn take_turn(&mut self, turn: Turn) {
        let told = match turn {
            Turn::Challenge(challenge) => self.machine.challenge(&challenge),
            Turn::Done(Ok(user)) => {
                self.user = Some(user);
                self.machine.accept()
            }
            Turn::Done(Err(failure)) => self.machine.reply(refusal(failure)),
        };
        told.expect("an authentication waits for this");
    }

    fn authenticate(&mut self, auth: &Auth) {
        let initial = auth.initial.as_ref().map(|initial| initial.expose());
        let mechanism = auth.mechanism.as_str();
        let turn = self.login.start(&self.shared.accounts, mechanism, initial);
        self.take_turn(turn);
    }

    fn mail(&mut self, mail: &Mail) {
        self.envelope = Envelope::default();
        self.body.clear();
        self.envelope.sender = match &mail.path {
            ReversePath::Null => String::new(),
            ReversePath::Mailbox(mailbox) => mailbox.as_str().to_owned(),
        };
        self.envelope.mail = format!("MAIL FROM:{}{}", mail.path, mail.parameters);
    }

    fn rcpt(&mut self, rcpt: &Rcpt) {
        let address = match &rcpt.path {
            ForwardPath::Postmaster => "postmaster".to_owned(),
            ForwardPath::Mailbox(mailbox) => mailbox.as_str().to_owned(),
        };
        let rcpt = format!("RCPT TO:{}{}", rcpt.path, rcpt.parameters);
        self.envelope.recipients.push(Recipient { address, rcpt });
    }

    /// The message is complete: for those who do not refuse it.
    fn end(&mut self) {
        let mut envelope = std::mem::take(&mut self.envelope);
        let refused = std::mem::take(&mut self.refused);
        let is_refused = |index: usize| refused.get(index).copied().unwrap_or(false);
        let due = self.machine.statuses_due() as usize;
        if self.endpoint == Endpoint::Lmtp {
            let mut index = 0;
            envelope.recipients.retain(|_| {
                index += 1;
                !is_refused(index - 1)
            });
        } else if is_refused(0) {
            envelope.recipients.clear();
        }
        let mut accepted = Reply::fixed(250, Some((2, 0, 0)), "Ok");
        if !envelope.recipients.is_empty() {
            let message = self.shared.store.add(Arrived {
                endpoint: Some(self.endpoint),
                envelope,
                hello: self.hello.clone(),
                user: self.user.clone(),
                folder: None,
                tls: self.tls.clone(),
                raw: Bytes::from(std::mem::take(&mut self.body)),
                conversation: self.conversation.clone(),
            });
            let text = format!("Ok: message {}", message.id());
            accepted = Reply::new(250, (2, 0, 0), text).expect("a short text");
        }
        for index in 0..due {
            let reply = match is_refused(index) {
                true => REFUSED,
                false => accepted.clone(),
            };
            let told = self.machine.reply(reply);
            told.expect("so many answers are due");
        }
    }
}

impl Protocol for Smtp {
    type Machine = Server;

    fn machine(&mut self) -> &mut Server {
        &mut self.machine
    }

    async fn answer(&mut self, event: Event) {
        let told = match event {
            Event::Hello(hello) => {
                self.hello = Some(hello.name.as_str().to_owned());
                self.envelope = Envelope::default();
                self.machine.accept()
            }
            Event::Auth(auth) => return self.authenticate(&auth),
            Event::AuthData(response) => {
                let accounts = &self.shared.accounts;
                let turn = self.login.respond(accounts, response.expose());
                return self.take_turn(turn);
            }
            Event::AuthCancelled => return self.login.cancel(),
            Event::Mail(mail) => {
                self.mail(&mail);
                self.machine.accept()
            }
            Event::Rcpt(rcpt) => {
                self.rcpt(&rcpt);
                self.machine.accept()
            }
            Event::Body(piece) => return self.body.extend_from_slice(&piece),
            Event::EndOfData => return self.end(),
            Event::Aborted(_) | Event::Reset => {
                self.envelope = Envelope::default();
                self.body.clear();
                return;
            }
            Event::Data | Event::Verify(_) => self.machine.accept(),
            // Not offered, or nothing to answer.
            _ => return,
        };
        told.expect("the event waits for its answer");
    }

    async fn go_on(&mut self) -> bool {
        false
    }

    fn tls_started(&mut self, tls: TlsInfo) {
        // What was said before is forgotten (RFC 3207 section 4.2).
        self.hello = None;
        self.user = None;
        self.login.tls_started(&tls);
        self.tls = Some(tls.clone());
        self.machine.tls_started(tls);
        self.offer_mechanisms();
    }

    fn refuse_greeting(&mut self, text: &str) {
        let first = text.lines().next().unwrap_or_default();
        let reply = first.parse().unwrap_or(REFUSED);
        if let Ok(mut machine) = Server::refusing(Arc::clone(&self.config), reply) {
            if let Some(tls) = &self.tls {
                machine.tls_started(tls.clone());
            }
            self.machine = machine;
        }
    }

    fn addresses(&self) -> Vec<String> {
        let Envelope {
            sender, recipients, ..
        } = &self.envelope;
        let recipients = recipients.iter().map(|to| to.address.clone());
        let sender = Some(sender.clone()).filter(|sender| !sender.is_empty());
        recipients.chain(sender).collect()
    }

    fn answers_due(&self) -> Vec<Vec<String>> {
        match self.endpoint {
            Endpoint::Lmtp => {
                let recipients = self.envelope.recipients.iter();
                recipients.map(|to| vec![to.address.clone()]).collect()
            }
            _ => vec![self.addresses()],
        }
    }

    fn refuse_message(&mut self, refused: Vec<bool>) {
        self.refused = refused;
    }

    fn expects(command: &Command, said: &[u8]) -> Expects {
        match &command.place {
            Place::Command(verb) if verb == "DATA" && said.starts_with(b"354") => Expects::Message,
            _ if said.starts_with(b"334") => Expects::Response,
            _ => Expects::Command,
        }
    }

    fn command(line: &[u8]) -> Command {
        let mut parts = words(line);
        let mut command = Command::new(parts.next().unwrap_or_default());
        let Place::Command(verb) = &command.place else {
            return command;
        };
        match verb.as_str() {
            "EHLO" | "LHLO" => command.announces = true,
            "MAIL" | "RCPT" => command.address = path(line),
            "AUTH" => {
                let mechanism = parts.next().map(String::from_utf8_lossy);
                command.mechanism = mechanism.map(|name| name.to_ascii_uppercase());
                command.hide_behind(2, line);
            }
            "BDAT" => {
                let size = parts.next().and_then(|size| std::str::from_utf8(size).ok());
                command.chunk = size.and_then(|size| size.parse().ok()).map(|octets| Chunk {
                    octets,
                    is_last: parts
                        .next()
                        .is_some_and(|word| word.eq_ignore_ascii_case(b"LAST")),
                });
            }
            _ => {}
        }
        command
    }

    fn refuses(answer: &str) -> bool {
        answer.starts_with(['4', '5'])
    }

    fn closes(answer: &str) -> bool {
        answer.starts_with("421")
    }

    fn refusal(place: &Place) -> &'static str {
        match place {
            Place::Greeting => "554 5.3.2 No service here",
            Place::Mechanism(_) | Place::Response => "535 5.7.8 Authentication refused",
            _ => "550 5.7.1 Refused",
        }
    }

    fn disk_full() -> &'static str {
        "452 4.3.1 Insufficient system storage"
    }

    fn announce(answer: &mut Vec<u8>, change: Capability<'_>) {
        if !answer.starts_with(b"250") {
            return;
        }
        let text = String::from_utf8_lossy(answer);
        let mut lines: Vec<String> = text
            .lines()
            .map(|line| line.get(4..).unwrap_or_default().to_owned())
            .collect();
        match change {
            Capability::With(words) => lines.push(words.to_owned()),
            Capability::Without(words) => {
                // The first line is the server's name.
                let mut index = 0;
                lines.retain_mut(|line| {
                    index += 1;
                    index == 1 || withdraw(line, words)
                });
            }
            Capability::Only(words) => {
                let mut index = 0;
                lines.retain(|line| {
                    index += 1;
                    index == 1 || is_among(line, words)
                });
            }
        }
        let last = lines.len() - 1;
        let lines = lines.iter().enumerate().map(|(index, line)| {
            let mark = if index == last { ' ' } else { '-' };
            format!("250{mark}{line}\r\n")
        });
        *answer = lines.collect::<String>().into_bytes();
    }
}

/// Takes words out of a line that announces a capability. Whether it stays.
pub(super) fn withdraw(line: &mut String, unwanted: &str) -> bool {
    let mut words = unwanted.split_whitespace();
    let keyword = words.next().unwrap_or_default();
    let found = line.split([' ', '=']).next().unwrap_or_default();
    if !found.eq_ignore_ascii_case(keyword) {
        return true;
    }
    let words: Vec<_> = words.collect();
    match take_words(line, &words) {
        Some(left) if !words.is_empty() => {
            *line = left;
            true
        }
        _ => false,
    }
}

/// What stands in angle brackets.
fn path(line: &[u8]) -> Option<String> {
    let text = String::from_utf8_lossy(line);
    let (_, rest) = text.split_once('<')?;
    let (path, _) = rest.split_once('>')?;
    Some(path.to_owned())
}

fn config(shared: &Shared, endpoint: Endpoint) -> Config {
    let mut config = Config::new(shared.hostname.clone());
    config.limits.message = Some(shared.message_limit);
    config.extensions.insert(Extension::Dsn);
    // The body is kept octet by octet.
    config.extensions.insert(Extension::BinaryMime);
    if endpoint == Endpoint::Lmtp {
        config.protocol = Dialect::Lmtp;
        return config;
    }
    config.starttls = true;
    config.mechanisms = Login::new(&shared.accounts, "smtp").names();
    config.auth_without_tls = true;
    config.require_auth = matches!(endpoint, Endpoint::Submission | Endpoint::Smtps);
    config
}

/// The reply for a failed authentication (RFC 4954 section 6).
fn refusal(failure: Failure) -> Reply {
    match failure {
        Failure::Malformed => Reply::fixed(501, Some((5, 5, 2)), "Malformed authentication data"),
        Failure::Cancelled => Reply::fixed(501, Some((5, 7, 0)), "Authentication cancelled"),
        Failure::NotOffered => Reply::fixed(504, Some((5, 5, 4)), "Mechanism not offered here"),
        failure if failure.is_temporary() => {
            Reply::fixed(454, Some((4, 7, 0)), "Temporary authentication failure")
        }
        _ => Reply::fixed(535, Some((5, 7, 8)), "Authentication credentials invalid"),
    }
}

/// Said to the machine where a fault refuses; the client hears the fault's own words.
const REFUSED: Reply = Reply::fixed(554, Some((5, 0, 0)), "Refused");
