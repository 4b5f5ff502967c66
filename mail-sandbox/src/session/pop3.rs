//! POP3.

use std::sync::Arc;

use bytes::Bytes;
use mail_server::store::Inbox;
use mailwire::{Machine as _, TlsInfo};
use pop3_proto::server::{Config, Event, Server};
use pop3_proto::{Refusal, ResponseCode};
use sasl::server::Failure;

use super::protocol::{Capability, Command, Expects, Protocol, is_among, words};
use super::smtp::withdraw;
use crate::accounts::{Login, Turn};
use crate::fault::Place;
use crate::sandbox::Shared;

/// One connection's side of POP3.
pub(crate) struct Pop3 {
    machine: Server,
    config: Arc<Config>,
    shared: Arc<Shared>,
    login: Login,
    tls: bool,
    user: Option<String>,
    inbox: Option<Box<dyn Inbox>>,
    /// What is left of the message that is being sent.
    sending: Option<Bytes>,
}

impl Pop3 {
    pub(crate) fn new(shared: Arc<Shared>) -> Self {
        let login = Login::new(&shared.accounts, "pop");
        let mut config = Config::new();
        config.stls = true;
        config.utf8 = true;
        config.auth_without_tls = true;
        config.mechanisms = login.names();
        let config = Arc::new(config);
        let mut new = Self {
            machine: Server::new(Arc::clone(&config)),
            config,
            shared,
            login,
            tls: false,
            user: None,
            inbox: None,
            sending: None,
        };
        new.machine.offer_mechanisms(new.login.names());
        new
    }

    async fn take_turn(&mut self, turn: Turn) {
        match turn {
            Turn::Challenge(challenge) => {
                let told = self.machine.challenge(&challenge);
                told.expect("an authentication waits for this");
            }
            Turn::Done(outcome) => self.logged_in(outcome).await,
        }
    }

    async fn logged_in(&mut self, outcome: Result<String, Failure>) {
        let told = match outcome {
            Ok(user) => match self.shared.store.mailbox(&user).inbox().await {
                Ok(mut inbox) => {
                    let maildrop = inbox.maildrop();
                    self.user = Some(user);
                    self.inbox = Some(inbox);
                    self.machine.open(maildrop)
                }
                Err(_) => self.machine.err(refusal(
                    ResponseCode::InUse,
                    "Another session has this mailbox",
                )),
            },
            Err(failure) => {
                let code = match failure.is_temporary() {
                    true => ResponseCode::SysTemp,
                    false => ResponseCode::Auth,
                };
                self.machine.err(refusal(code, "Authentication failed"))
            }
        };
        told.expect("a login waits for this");
    }

    async fn retrieve(&mut self, number: u32) {
        let message = match &mut self.inbox {
            Some(inbox) => inbox.read(number, 0).await.ok(),
            None => None,
        };
        let told = match message {
            Some(message) => {
                self.sending = Some(message);
                self.machine.ok()
            }
            None => self.machine.err(refusal(None, "No such message")),
        };
        told.expect("the event waits for its answer");
    }
}

impl Protocol for Pop3 {
    type Machine = Server;

    fn machine(&mut self) -> &mut Server {
        &mut self.machine
    }

    async fn answer(&mut self, event: Event) {
        let accounts = &self.shared.accounts;
        match event {
            Event::Login(given) => {
                let name = given.name.as_str().as_bytes();
                let outcome = self.login.password(accounts, name, given.password.expose());
                self.logged_in(outcome).await;
            }
            Event::Auth(auth) => {
                let initial = auth.initial.as_ref().map(|initial| initial.expose());
                let turn = self.login.start(accounts, auth.mechanism.as_str(), initial);
                self.take_turn(turn).await;
            }
            Event::AuthData(response) => {
                let turn = self.login.respond(accounts, response.expose());
                self.take_turn(turn).await;
            }
            Event::AuthCancelled => self.login.cancel(),
            Event::Retrieve(retrieve) => self.retrieve(retrieve.number).await,
            Event::Update(update) => {
                if let Some(inbox) = self.inbox.take() {
                    let updated = inbox.update(&update.deleted, &update.retrieved).await;
                    updated.expect("memory takes every change");
                }
                self.machine.ok().expect("the event waits for its answer");
            }
            // Not offered, or nothing to answer.
            _ => {}
        }
    }

    async fn go_on(&mut self) -> bool {
        let Some(rest) = &mut self.sending else {
            return false;
        };
        let told = match rest.is_empty() || !self.machine.wants_body() {
            true => {
                self.sending = None;
                self.machine.finish_body()
            }
            false => self.machine.write_body(rest),
        };
        told.is_ok()
    }

    fn tls_started(&mut self, tls: TlsInfo) {
        self.tls = true;
        self.login.tls_started(&tls);
        self.machine.tls_started(tls);
        self.machine.offer_mechanisms(self.login.names());
    }

    fn refuse_greeting(&mut self, text: &str) {
        let text = text.strip_prefix("-ERR ").unwrap_or("Refused");
        let refused = text.parse().unwrap_or_else(|_| refusal(None, "Refused"));
        let mut machine = Server::refusing(Arc::clone(&self.config), refused);
        if self.tls {
            machine.tls_started(TlsInfo::default());
        }
        self.machine = machine;
    }

    fn addresses(&self) -> Vec<String> {
        self.user.iter().cloned().collect()
    }

    fn answers_due(&self) -> Vec<Vec<String>> {
        Vec::new()
    }

    fn refuse_message(&mut self, _: Vec<bool>) {}

    fn expects(_: &Command, said: &[u8]) -> Expects {
        match said.starts_with(b"+ ") {
            true => Expects::Response,
            false => Expects::Command,
        }
    }

    fn command(line: &[u8]) -> Command {
        let mut parts = words(line);
        let mut command = Command::new(parts.next().unwrap_or_default());
        let Place::Command(verb) = &command.place else {
            return command;
        };
        let first = parts.next().map(String::from_utf8_lossy);
        match verb.as_str() {
            "CAPA" => command.announces = true,
            "USER" => command.address = first.map(String::from),
            "PASS" => command.hide_behind(1, line),
            "APOP" => command.hide_behind(2, line),
            "AUTH" => {
                command.mechanism = first.map(|name| name.to_ascii_uppercase());
                command.hide_behind(2, line);
            }
            _ => {}
        }
        command
    }

    fn refuses(answer: &str) -> bool {
        answer.starts_with('-')
    }

    fn closes(_: &str) -> bool {
        false
    }

    fn refusal(place: &Place) -> &'static str {
        match place {
            Place::Mechanism(_) | Place::Response => "-ERR [AUTH] Authentication refused",
            _ => "-ERR Refused",
        }
    }

    fn disk_full() -> &'static str {
        "-ERR [SYS/TEMP] No space left on device"
    }

    fn announce(answer: &mut Vec<u8>, change: Capability<'_>) {
        if !answer.starts_with(b"+OK") {
            return;
        }
        let text = String::from_utf8_lossy(answer);
        let mut lines: Vec<String> = text.lines().map(str::to_owned).collect();
        // Between the first line and the dot.
        let end = lines.len() - 1;
        match change {
            Capability::With(words) => lines.insert(end, words.to_owned()),
            Capability::Without(words) => {
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
                    index == 1 || line == "." || is_among(line, words)
                });
            }
        }
        *answer = (lines.join("\r\n") + "\r\n").into_bytes();
    }
}

fn refusal(code: impl Into<Option<ResponseCode>>, text: &'static str) -> Refusal {
    Refusal::new(code, text).expect("a short text without control characters")
}
