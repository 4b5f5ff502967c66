//! IMAP.

use std::sync::Arc;

use bytes::Bytes;
use imap_proto::response::CodeWord;
use imap_proto::server::{Config, Event, Refusal, Server};
use imap_proto::{Capability as Announced, MailboxName, Text};
use mail_server::imap::{self, Answers};
use mailwire::TlsInfo;
use sasl::server::Failure;

use super::imap_lines as lines;
use super::protocol::{Capability, Command, Expects, Protocol};
use crate::accounts::{Login, Turn};
use crate::conversation::Conversation;
use crate::endpoint::Endpoint;
use crate::fault::Place;
use crate::message::{Arrived, Envelope};
use crate::sandbox::Shared;

/// One connection's side of IMAP. What is done in folders, `mail_server` does.
pub(crate) struct Imap {
    machine: Server,
    config: Arc<Config>,
    answers: Answers,
    shared: Arc<Shared>,
    endpoint: Endpoint,
    conversation: Conversation,
    login: Login,
    tls: Option<TlsInfo>,
    user: Option<String>,
    /// The messages of an APPEND that is on its way, and their folder.
    appended: Vec<(MailboxName, Vec<u8>)>,
    /// Whether a fault refuses the APPEND.
    is_refused: bool,
}

impl Imap {
    pub(crate) fn new(shared: Arc<Shared>, endpoint: Endpoint, conversation: Conversation) -> Self {
        let login = Login::new(&shared.accounts, "imap");
        let mut config = imap::config();
        // What is compressed no fault could find its place in.
        let is_plain = |capability: &Announced| !matches!(capability, Announced::Compress(_));
        config.extensions.retain(is_plain);
        config.starttls = true;
        config.auth_without_tls = true;
        config.mechanisms = login.names();
        config.append_limit = Some(shared.message_limit);
        let config = Arc::new(config);
        let mut new = Self {
            machine: Server::new(Arc::clone(&config)),
            config,
            answers: Answers::default(),
            shared,
            endpoint,
            conversation,
            login,
            tls: None,
            user: None,
            appended: Vec::new(),
            is_refused: false,
        };
        new.machine.offer_mechanisms(new.login.names());
        new
    }

    fn take_turn(&mut self, turn: Turn) {
        match turn {
            Turn::Challenge(challenge) => {
                let told = self.machine.challenge(&challenge);
                told.expect("an authentication waits for this");
            }
            Turn::Done(outcome) => self.logged_in(outcome),
        }
    }

    fn logged_in(&mut self, outcome: Result<String, Failure>) {
        let told = match outcome {
            Ok(user) => {
                let mailbox = self.shared.store.mailbox(&user);
                self.answers.open(mailbox.folders);
                self.user = Some(user);
                self.machine.ok()
            }
            Err(failure) => self.machine.no(refusal(failure)),
        };
        told.expect("a login waits for this");
    }

    /// Answers an event of somebody who has logged in.
    async fn answer_user(&mut self, event: Event) {
        let mut ends_append = false;
        match &event {
            Event::Append(new) => {
                let folder = new.mailbox.clone();
                if new.index == 0 {
                    self.appended.clear();
                }
                self.appended.push((folder, Vec::new()));
            }
            Event::Body(octets) => {
                if let Some((_, message)) = self.appended.last_mut() {
                    message.extend_from_slice(octets);
                }
            }
            Event::AppendEnd => ends_append = true,
            Event::AppendAborted => self.appended.clear(),
            Event::Unauthenticated => self.user = None,
            _ => {}
        }
        let is_refused = ends_append && std::mem::take(&mut self.is_refused);
        let answered = match is_refused {
            // As if the client had gone before the end: nothing is added.
            true => {
                let aborted = Event::AppendAborted;
                let forgotten = self.answers.answer(&mut self.machine, aborted).await;
                forgotten.and(Err(CodeWord::Cannot.into()))
            }
            false => self.answers.answer(&mut self.machine, event).await,
        };
        match answered {
            Ok(()) if ends_append => self.keep_appended(),
            Ok(()) => {}
            Err(refusal) => {
                let told = self.machine.no(refusal);
                told.expect("the event waits for its answer");
            }
        }
    }

    /// What a client has put into a folder has come too.
    fn keep_appended(&mut self) {
        for (folder, message) in self.appended.drain(..) {
            self.shared.store.add(Arrived {
                endpoint: Some(self.endpoint),
                envelope: Envelope::default(),
                hello: None,
                user: self.user.clone(),
                folder: Some(folder.to_text().into_owned()),
                tls: self.tls.clone(),
                raw: Bytes::from(message),
                conversation: self.conversation.clone(),
            });
        }
    }
}

impl Protocol for Imap {
    type Machine = Server;

    fn machine(&mut self) -> &mut Server {
        &mut self.machine
    }

    async fn answer(&mut self, event: Event) {
        let accounts = &self.shared.accounts;
        match event {
            Event::Login(given) => {
                let name = &given.user;
                let outcome = self.login.password(accounts, name, given.password.expose());
                self.logged_in(outcome);
            }
            Event::Authenticate(auth) => {
                let initial = auth.initial_response.as_ref();
                let initial = initial.map(|initial| initial.expose());
                let turn = self.login.start(accounts, auth.mechanism.as_str(), initial);
                self.take_turn(turn);
            }
            Event::AuthData(response) => {
                let turn = self.login.respond(accounts, response.expose());
                self.take_turn(turn);
            }
            Event::AuthCancelled => self.login.cancel(),
            event => self.answer_user(event).await,
        }
    }

    async fn go_on(&mut self) -> bool {
        self.answers.go_on(&mut self.machine).await
    }

    async fn news(&mut self) {
        self.answers.news().await;
    }

    async fn hear(&mut self) {
        self.answers.hear(&mut self.machine).await;
    }

    fn tls_started(&mut self, tls: TlsInfo) {
        use mailwire::Machine as _;
        self.login.tls_started(&tls);
        self.tls = Some(tls.clone());
        self.machine.tls_started(tls);
        self.machine.offer_mechanisms(self.login.names());
    }

    fn refuse_greeting(&mut self, _text: &str) {
        use mailwire::Machine as _;
        let refusal = CodeWord::Unavailable.into();
        let mut machine = Server::refusing(Arc::clone(&self.config), refusal);
        if let Some(tls) = &self.tls {
            machine.tls_started(tls.clone());
        }
        self.machine = machine;
    }

    fn addresses(&self) -> Vec<String> {
        self.user.iter().cloned().collect()
    }

    fn answers_due(&self) -> Vec<Vec<String>> {
        vec![self.addresses()]
    }

    fn refuse_message(&mut self, refused: Vec<bool>) {
        self.is_refused = refused.contains(&true);
    }

    fn announces(said: &[u8]) -> bool {
        memchr::memmem::find(said, b"[CAPABILITY ").is_some()
    }

    fn expects(command: &Command, said: &[u8]) -> Expects {
        let authenticates = match &command.place {
            Place::Command(verb) => verb == "AUTHENTICATE",
            place => *place == Place::Response,
        };
        match authenticates && lines::proceeds(said) {
            true => Expects::Response,
            false => Expects::Command,
        }
    }

    fn command(line: &[u8]) -> Command {
        lines::command(line)
    }

    fn phrase(text: &str, tag: &str) -> Vec<u8> {
        lines::phrase(text, tag)
    }

    fn refuses(answer: &str) -> bool {
        let mut lines = answer.lines();
        lines.any(|line| line.starts_with("NO") || line.starts_with("BAD")) || Self::closes(answer)
    }

    fn closes(answer: &str) -> bool {
        let mut lines = answer.lines();
        lines.any(|line| line.strip_prefix("* ").unwrap_or(line).starts_with("BYE"))
    }

    fn refusal(place: &Place) -> &'static str {
        match place {
            Place::Greeting => "BYE [UNAVAILABLE] No service here",
            Place::Mechanism(_) | Place::Response => {
                "NO [AUTHENTICATIONFAILED] Authentication refused"
            }
            _ => "NO [NOPERM] Refused",
        }
    }

    fn disk_full() -> &'static str {
        "NO [OVERQUOTA] No space left"
    }

    fn announce(answer: &mut Vec<u8>, change: Capability<'_>) {
        lines::announce(answer, change);
    }
}

fn refusal(failure: Failure) -> Refusal {
    match failure {
        Failure::Malformed => Refusal::new(Text::fixed("Malformed authentication data")),
        Failure::NotOffered => Refusal::new(Text::fixed("Mechanism is not on offer")),
        failure if failure.is_temporary() => CodeWord::Unavailable.into(),
        _ => CodeWord::AuthenticationFailed.into(),
    }
}
