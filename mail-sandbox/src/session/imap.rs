//! IMAP.

use std::sync::Arc;

use bytes::Bytes;
use imap_proto::response::CodeWord;
use imap_proto::server::{Config, Event, Refusal, Server};
use imap_proto::{Capability as Announced, MailboxName, Text};
use mail_server::imap::{self, Answers};
use mailwire::TlsInfo;
use sasl::server::Failure;

use super::protocol::{Capability, Command, Expects, Literal, Protocol, is_among, words};
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
        find(said, b"[CAPABILITY ").is_some()
    }

    fn expects(command: &Command, said: &[u8]) -> Expects {
        let authenticates = match &command.place {
            Place::Command(verb) => verb == "AUTHENTICATE",
            place => *place == Place::Response,
        };
        match authenticates && proceeds(said) {
            true => Expects::Response,
            false => Expects::Command,
        }
    }

    fn command(line: &[u8]) -> Command {
        let mut parts = words(line);
        let tag = parts.next().unwrap_or_default();
        if tag.eq_ignore_ascii_case(b"DONE") {
            // The end of IDLE, which has no tag (RFC 2177). The machine has to hear it in any case.
            let mut done = Command::new(tag);
            done.instead = b"DONE\r\n";
            return done;
        }
        let mut verb = parts.next().unwrap_or_default();
        if verb.eq_ignore_ascii_case(b"UID") {
            verb = parts.next().unwrap_or_default();
        }
        let mut command = Command::new(verb);
        command.tag = String::from_utf8_lossy(tag).into_owned();
        command.literal = literal(line);
        let Place::Command(verb) = &command.place else {
            return command;
        };
        let first = parts.next().map(String::from_utf8_lossy);
        match verb.as_str() {
            "CAPABILITY" => command.announces = true,
            "LOGIN" => {
                command.address = first.map(|user| user.trim_matches('"').to_owned());
                command.hide_behind(3, line);
                if command.literal.is_some() {
                    // The password is in what follows.
                    command.shown.get_or_insert(line.len());
                }
            }
            "AUTHENTICATE" => {
                command.mechanism = first.map(|name| name.to_ascii_uppercase());
                command.hide_behind(3, line);
            }
            _ => {}
        }
        command
    }

    /// A status is that of the command, or nobody's; what is more than a status stands as it is.
    fn phrase(text: &str, tag: &str) -> Vec<u8> {
        let tag = if tag.is_empty() { "*" } else { tag };
        let mut phrase = Vec::new();
        for line in text.split('\n') {
            let tag = match line.split_whitespace().next().unwrap_or_default() {
                "OK" | "NO" | "BAD" => tag,
                "BYE" | "PREAUTH" => "*",
                _ => "",
            };
            phrase.extend_from_slice(tag.as_bytes());
            if !tag.is_empty() {
                phrase.push(b' ');
            }
            phrase.extend_from_slice(line.trim_end_matches('\r').as_bytes());
            phrase.extend_from_slice(b"\r\n");
        }
        phrase
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
        let Some(begin) = find(answer, b"CAPABILITY ").map(|at| at + b"CAPABILITY ".len()) else {
            return;
        };
        let length = answer[begin..]
            .iter()
            .position(|octet| matches!(octet, b']' | b'\r' | b'\n'));
        let end = length.map_or(answer.len(), |length| begin + length);
        let list = String::from_utf8_lossy(&answer[begin..end]).into_owned();
        let list = match change {
            Capability::With(words) => format!("{list} {words}"),
            Capability::Without(words) => {
                let left = list.split(' ').filter(|one| !is_meant(one, words));
                left.collect::<Vec<_>>().join(" ")
            }
            Capability::Only(words) => {
                let left = list.split(' ').filter(|one| is_among(one, words));
                left.collect::<Vec<_>>().join(" ")
            }
        };
        answer.splice(begin..end, list.into_bytes());
    }
}

/// Whether a capability such as `AUTH=PLAIN` is meant by `AUTH`, by `AUTH PLAIN` or by its whole name.
fn is_meant(capability: &str, unwanted: &str) -> bool {
    let (keyword, value) = capability.split_once('=').unwrap_or((capability, ""));
    let mut words = unwanted.split_whitespace();
    let first = words.next().unwrap_or_default();
    let mut values = words.peekable();
    match values.peek() {
        None => first.eq_ignore_ascii_case(capability) || first.eq_ignore_ascii_case(keyword),
        Some(_) => {
            first.eq_ignore_ascii_case(keyword)
                && values.any(|word| word.eq_ignore_ascii_case(value))
        }
    }
}

/// What a line announces at its end (RFC 9051 section 4.3, RFC 7888).
pub(crate) fn literal(line: &[u8]) -> Option<Literal> {
    let line = line.strip_suffix(b"\n").unwrap_or(line);
    let line = line.strip_suffix(b"\r").unwrap_or(line);
    let inner = line.strip_suffix(b"}")?;
    let begin = memchr::memrchr(b'{', inner)?;
    let digits = std::str::from_utf8(&inner[begin + 1..]).ok()?;
    let (digits, is_asked_for) = match digits.strip_suffix(['+', '-']) {
        Some(digits) => (digits, false),
        None => (digits, true),
    };
    Some(Literal {
        octets: digits.parse().ok()?,
        is_asked_for,
    })
}

/// How a command goes on behind a literal, where there may be a secret in it.
pub(crate) fn redacted(line: &[u8]) -> Bytes {
    let announced = line.iter().rposition(|&octet| octet == b'{');
    match announced.filter(|_| literal(line).is_some()) {
        Some(at) => Bytes::from([b" *** ", &line[at..]].concat()),
        None if line.trim_ascii().is_empty() => Bytes::copy_from_slice(line),
        None => Bytes::from_static(b" ***\r\n"),
    }
}

/// Whether the server's last words are that the client may go on.
pub(crate) fn proceeds(said: &[u8]) -> bool {
    let line = said.strip_suffix(b"\n").unwrap_or(said);
    let last = memchr::memrchr(b'\n', line).map_or(line, |end| &line[end + 1..]);
    last.starts_with(b"+")
}

fn find(octets: &[u8], part: &[u8]) -> Option<usize> {
    memchr::memmem::find(octets, part)
}

fn refusal(failure: Failure) -> Refusal {
    match failure {
        Failure::Malformed => Refusal::new(Text::fixed("Malformed authentication data")),
        Failure::NotOffered => Refusal::new(Text::fixed("Mechanism is not on offer")),
        failure if failure.is_temporary() => CodeWord::Unavailable.into(),
        _ => CodeWord::AuthenticationFailed.into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn commands_as_faults_see_them() {
        for (line, place, tag, octets, shown) in [
            ("a1 noop\r\n", "command NOOP", "a1", None, "a1 noop\r\n"),
            (
                "a2 UID fetch 1 (UID)\r\n",
                "command FETCH",
                "a2",
                None,
                "a2 UID fetch 1 (UID)\r\n",
            ),
            (
                "x LOGIN bob secret\r\n",
                "command LOGIN",
                "x",
                None,
                "x LOGIN bob ***\r\n",
            ),
            (
                "x LOGIN \"a b\" secret\r\n",
                "command LOGIN",
                "x",
                None,
                "x LOGIN \"a ***\r\n",
            ),
            (
                "x LOGIN {3}\r\n",
                "command LOGIN",
                "x",
                Some((3, true)),
                "x LOGIN {3}\r\n",
            ),
            (
                "x LOGIN bob {6+}\r\n",
                "command LOGIN",
                "x",
                Some((6, false)),
                "x LOGIN bob ***\r\n",
            ),
            (
                "x AUTHENTICATE PLAIN AGE=\r\n",
                "command AUTHENTICATE",
                "x",
                None,
                "x AUTHENTICATE PLAIN ***\r\n",
            ),
            (
                "x APPEND INBOX (\\Seen) ~{12}\r\n",
                "command APPEND",
                "x",
                Some((12, true)),
                "x APPEND INBOX (\\Seen) ~{12}\r\n",
            ),
            ("x NOOP {1\r\n", "command NOOP", "x", None, "x NOOP {1\r\n"),
            ("done\r\n", "command DONE", "", None, "done\r\n"),
            ("\r\n", "command ", "", None, "\r\n"),
        ] {
            let command = Imap::command(line.as_bytes());
            assert_eq!(command.place.to_string(), place, "{line}");
            assert_eq!(command.tag, tag, "{line}");
            let found = command.literal;
            let found = found.map(|literal| (literal.octets, literal.is_asked_for));
            assert_eq!(found, octets, "{line}");
            assert_eq!(command.redacted(line.as_bytes()), shown, "{line}");
        }
    }

    #[test]
    fn what_is_announced() {
        let said =
            "* CAPABILITY IMAP4rev1 AUTH=PLAIN AUTH=LOGIN SORT SORT=DISPLAY\r\na OK done\r\n";
        for (change, expected) in [
            (
                Capability::With("XLIST"),
                "IMAP4rev1 AUTH=PLAIN AUTH=LOGIN SORT SORT=DISPLAY XLIST",
            ),
            (Capability::Without("auth"), "IMAP4rev1 SORT SORT=DISPLAY"),
            (
                Capability::Without("AUTH plain"),
                "IMAP4rev1 AUTH=LOGIN SORT SORT=DISPLAY",
            ),
            (
                Capability::Without("AUTH=LOGIN"),
                "IMAP4rev1 AUTH=PLAIN SORT SORT=DISPLAY",
            ),
            (
                Capability::Without("SORT DISPLAY"),
                "IMAP4rev1 AUTH=PLAIN AUTH=LOGIN SORT",
            ),
            (
                Capability::Without("IDLE"),
                "IMAP4rev1 AUTH=PLAIN AUTH=LOGIN SORT SORT=DISPLAY",
            ),
        ] {
            let mut answer = said.as_bytes().to_vec();
            Imap::announce(&mut answer, change);
            let expected = format!("* CAPABILITY {expected}\r\na OK done\r\n");
            assert_eq!(String::from_utf8(answer), Ok(expected), "{change:?}");
        }
    }

    #[test]
    fn statuses_have_the_tag_of_their_command() {
        for (text, expected) in [
            ("NO Later", "a7 NO Later\r\n"),
            ("* 1 EXISTS\nOK", "* 1 EXISTS\r\na7 OK\r\n"),
            ("BYE Enough", "* BYE Enough\r\n"),
            ("a9 OK To another", "a9 OK To another\r\n"),
        ] {
            assert_eq!(Imap::phrase(text, "a7"), expected.as_bytes(), "{text}");
        }
        assert_eq!(Imap::phrase("OK Hello", ""), b"* OK Hello\r\n");
    }
}
