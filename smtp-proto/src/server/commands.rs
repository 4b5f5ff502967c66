//! Commands that are legal by themselves: are they legal here?

use mailwire::Step;

use super::question::Question;
use super::session::Chunks;
use super::{Event, Server, State, Turn, replies};
use crate::Error;
use crate::command::{ClientAttribute, Command, Hello, HelloVerb, Rcpt, SyntaxError};

impl Server {
    /// Does what a client says in a line of so many octets, unless it is no command or not legal
    /// here.
    pub(super) fn command(&mut self, said: Result<Command, SyntaxError>, octets: usize) -> Turn {
        self.input.consume(octets);
        if matches!(self.state, State::Refused) && !matches!(said, Ok(Command::Quit)) {
            return self.reject(replies::ONLY_QUIT.clone());
        }
        // Looked at where it lies, since it is moved into the event whole.
        if let Ok(command) = &said {
            if let Some(turn) = self.refuse(command) {
                return turn;
            }
            if let Command::Mail(mail) = command {
                self.session.transaction.prepare(&mail.parameters);
            }
        }
        match said {
            Ok(Command::Hello(hello)) => self.hello(hello),
            Ok(Command::Mail(mail)) => self.ask(Question::Mail, || Event::Mail(mail)),
            Ok(Command::Rcpt(rcpt)) => self.ask(Question::Rcpt, || Event::Rcpt(rcpt)),
            Ok(Command::Data) => self.ask(Question::Data, || Event::Data),
            Ok(Command::Bdat(chunk)) => self.chunk(chunk),
            Ok(Command::Rset) => {
                replies::OK.write(&mut self.output);
                self.reset()
            }
            Ok(Command::Noop) => {
                replies::OK.write(&mut self.output);
                Turn::Go
            }
            Ok(Command::Help) => {
                replies::HELP.write(&mut self.output);
                Turn::Go
            }
            Ok(Command::Verify(verify)) => {
                let utf8 = verify.smtputf8();
                self.ask(Question::Verify { utf8 }, || Event::Verify(verify))
            }
            Ok(Command::Expand(list)) => {
                let utf8 = list.smtputf8();
                self.ask(Question::Expand { utf8 }, || Event::Expand(list))
            }
            Ok(Command::Etrn(node)) => self.ask(Question::Etrn, || Event::Etrn(node)),
            Ok(Command::Quit) => {
                replies::BYE.write(&mut self.output);
                self.state = State::Closing;
                self.reset()
            }
            Ok(Command::StartTls) => {
                replies::START_TLS.write(&mut self.output);
                self.state = State::StartingTls;
                self.reset()
            }
            Ok(Command::Auth(auth)) => self.ask(Question::Auth, || Event::Auth(auth)),
            Ok(Command::XClient(facts)) => {
                let login = facts.known(ClientAttribute::Login).is_some();
                self.ask(Question::XClient { login }, || Event::XClient(facts))
            }
            Ok(Command::XForward(facts)) => self.ask(Question::XForward, || Event::XForward(facts)),
            Err(error) => self.no_command(error),
        }
    }

    /// A command that is legal by itself: what is said to it if it is not legal here.
    fn refuse(&mut self, command: &Command) -> Option<Turn> {
        if let Command::Mail(_) = command {
            let messages = self.session.spent.messages.saturating_add(1);
            self.session.spent.messages = messages;
            if self
                .config
                .limits
                .messages
                .is_some_and(|most| messages > most)
            {
                self.fail(Error::TooManyMessages);
                return Some(Turn::Go);
            }
        }
        if self.config.forbid_early_commands
            && !self.input.is_empty()
            && must_be_last(command, self.session.hello)
        {
            self.fail(Error::Unsynchronised);
            return Some(Turn::Go);
        }
        if moves_no_mail(command, self.session.hello) && !self.affords_idle_command() {
            return Some(Turn::Go);
        }
        match (self.session.refuses(command, &self.config), command) {
            (None, Command::Rcpt(rcpt)) => self.refuse_excess(rcpt),
            (None, _) => None,
            (Some(reply), Command::Bdat(chunk)) => {
                // Octets follow, whatever is said to this (RFC 3030 section 2).
                self.skip(*chunk, reply.clone());
                Some(Turn::Step(Step::Event(Event::Rejected(reply.clone()))))
            }
            (Some(reply), _) => Some(self.reject(reply.clone())),
        }
    }

    pub(super) fn hello(&mut self, hello: Hello) -> Turn {
        if self.session.transaction.chunks != Chunks::NotBegun {
            self.state = State::Resetting(Box::new(hello));
            return self.reset();
        }
        self.ask(Question::Hello(hello.verb), || Event::Hello(hello))
    }

    /// What is said to a recipient that is one too many, if it is.
    fn refuse_excess(&mut self, rcpt: &Rcpt) -> Option<Turn> {
        let transaction = &mut self.session.transaction;
        let most = self.config.limits.recipients;
        transaction.recipients_asked = transaction.recipients_asked.saturating_add(1);
        let reply = if transaction.recipients >= most {
            &replies::TOO_MANY_RECIPIENTS
        } else if transaction.exceeds_domains(rcpt, &self.config) {
            &replies::TOO_MANY_DOMAINS
        } else {
            return None;
        };
        if transaction.recipients_asked / 2 > most {
            return Some(self.reject(reply.clone()));
        }
        // Not yet an error of the client's: it sends the rest in another transaction.
        reply.write(&mut self.output);
        Some(Turn::Step(Step::Event(Event::Rejected(reply.clone()))))
    }

    /// Counts a command that moves no mail. Says no if it was the last straw: then the farewell
    /// is its answer.
    fn affords_idle_command(&mut self) -> bool {
        let spent = &mut self.session.spent;
        spent.idle_commands = spent.idle_commands.saturating_add(1);
        if spent.idle_commands > self.config.limits.idle_commands {
            self.count_error();
        }
        self.failed.is_none()
    }
}

/// Whether a client has to wait for the answer to a command before it sends on, given its hello
/// (RFC 2920 section 3.1, RFC 4954 section 4).
fn must_be_last(command: &Command, hello: Option<HelloVerb>) -> bool {
    match command {
        Command::Hello(_) | Command::Data | Command::Auth(_) => true,
        // Its octets follow without waiting.
        Command::Bdat(_) => false,
        _ => matches!(hello, None | Some(HelloVerb::Helo)),
    }
}

/// Whether a command is one of those that hold a session open for nothing, if there are too many.
fn moves_no_mail(command: &Command, hello: Option<HelloVerb>) -> bool {
    match command {
        Command::Rset
        | Command::Noop
        | Command::Help
        | Command::Verify(_)
        | Command::Expand(_)
        | Command::Etrn(_)
        | Command::XForward(_) => true,
        Command::Bdat(chunk) => chunk.size == 0 && !chunk.last,
        Command::Hello(_) => hello.is_some(),
        _ => false,
    }
}
