//! IMAP.

use std::num::NonZeroU32;
use std::sync::Arc;

use bytes::Bytes;
use imap_proto::response::CodeWord;
use imap_proto::server::{Config, Event, Refusal, Server};
use imap_proto::{Capability as Announced, MailboxName, Text};
use mail_server::imap::{self, Answers};
use mail_server::store::{Folder, FolderState, Folders, StoreError};
use mailwire::TlsInfo;
use sasl::server::Failure;

use super::imap_lines as lines;
use super::protocol::{Capability, Command, Expects, Protocol};
use crate::accounts::{Login, Turn};
use crate::conversation::Conversation;
use crate::endpoint::Endpoint;
use crate::fault::Place;
use crate::mailboxes::Spot;
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
    /// Whose they are, once somebody has logged in.
    folders: Option<Arc<dyn Folders>>,
    appending: Option<Appending>,
    /// Whether a fault refuses the APPEND.
    is_refused: bool,
}

/// An APPEND that is on its way.
struct Appending {
    name: MailboxName,
    messages: Vec<Vec<u8>>,
}

/// A folder before something is appended.
struct Before {
    folder: Arc<dyn Folder>,
    state: FolderState,
}

impl Before {
    async fn of(folders: &dyn Folders, name: &MailboxName) -> Option<Self> {
        let folder = folders.open(name).await.ok()?;
        let state = folder.state().await.ok()?;
        Some(Self { folder, state })
    }
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
            folders: None,
            appending: None,
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
                self.folders = Some(Arc::clone(&mailbox.folders));
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
        let mut before = None;
        match &event {
            Event::Append(new) => {
                let appending = self.appending.get_or_insert_with(|| Appending {
                    name: new.mailbox.clone(),
                    messages: Vec::new(),
                });
                appending.messages.push(Vec::new());
            }
            Event::Body(octets) => {
                let appending = self.appending.as_mut();
                if let Some(message) = appending.and_then(|all| all.messages.last_mut()) {
                    message.extend_from_slice(octets);
                }
            }
            Event::AppendEnd if std::mem::take(&mut self.is_refused) => {
                return self.refuse_append().await;
            }
            Event::AppendEnd => {
                let name = self.appending.as_ref().map(|it| it.name.clone());
                if let (Some(folders), Some(name)) = (self.folders.clone(), name) {
                    before = Before::of(&*folders, &name).await;
                }
            }
            Event::AppendAborted => self.appending = None,
            Event::Unauthenticated => self.user = None,
            _ => {}
        }
        let answered = self.answers.answer(&mut self.machine, event).await;
        match answered {
            Ok(()) => {
                if let Some(before) = before {
                    self.keep_appended(before).await;
                }
            }
            Err(refusal) => {
                self.appending = None;
                let told = self.machine.no(refusal);
                told.expect("the event waits for its answer");
            }
        }
    }

    /// As if the client had gone before the end: nothing is added.
    async fn refuse_append(&mut self) {
        self.appending = None;
        let aborted = Event::AppendAborted;
        let forgotten = self.answers.answer(&mut self.machine, aborted).await;
        debug_assert!(forgotten.is_ok(), "nothing speaks against forgetting");
        let told = self.machine.no(CodeWord::Cannot);
        told.expect("the event waits for its answer");
    }

    /// What a client has put into a folder has come too.
    async fn keep_appended(&mut self, before: Before) {
        let Some(Appending { name, messages }) = self.appending.take() else {
            return;
        };
        let mut new = new_messages(&before).await.unwrap_or_default();
        for message in messages {
            // Others may have appended something meanwhile.
            let is_it = |(_, octets): &(NonZeroU32, Bytes)| *octets == message;
            let Some(index) = new.iter().position(is_it) else {
                continue;
            };
            let (uid, raw) = new.remove(index);
            let arrived = Arrived {
                endpoint: Some(self.endpoint),
                envelope: Envelope::default(),
                hello: None,
                user: self.user.clone(),
                folder: Some(name.to_text().into_owned()),
                tls: self.tls.clone(),
                raw,
                conversation: self.conversation.clone(),
            };
            let folder = Arc::clone(&before.folder);
            self.shared
                .store
                .add_appended(arrived, Spot { folder, uid });
        }
    }
}

/// What has come into a folder since, by UID.
async fn new_messages(before: &Before) -> Result<Vec<(NonZeroU32, Bytes)>, StoreError> {
    let since = before.state.mod_seq.into();
    let changes = before.folder.changes(since).await?;
    let uids = changes.messages.iter().map(|info| info.uid);
    let new: Vec<_> = uids.filter(|uid| *uid >= before.state.uid_next).collect();
    before.folder.read_several(&new).await
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
