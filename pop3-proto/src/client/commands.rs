//! What an application can have a server asked, apart from QUIT: a method for each command.

use mailwire::Secret;
use mailwire::auth::MechanismName;

use super::task::{Exchange, Task};
use super::{Client, CommandId, Refused};
use crate::command::{Apop, Auth, Command, LanguageRange, Password, UserName};

impl Client {
    /// CAPA: asks what the server can do. The answer is in [`capabilities`](Self::capabilities)
    /// when `End` has come; a server that does not know the command has none.
    ///
    /// # Errors
    ///
    /// If the command cannot be queued: here as for all commands, nothing has changed then.
    pub fn capa(&mut self) -> Result<CommandId, Refused> {
        self.give(Command::Capa)
    }

    /// STLS: asks for TLS. Behind `Ok`, `step` asks for the handshake.
    ///
    /// A server that refuses may be an attacker in between: whoever needs TLS must not go on.
    ///
    /// # Errors
    ///
    /// If the command cannot be queued, there is TLS, or UTF8 was given.
    pub fn stls(&mut self) -> Result<CommandId, Refused> {
        match self.tls.is_some() || self.utf8 {
            true => Err(Refused::StlsNotAllowed),
            false => self.give(Command::Stls),
        }
    }

    /// USER and PASS. The password is sent once the name was accepted.
    ///
    /// # Errors
    ///
    /// If the command cannot be queued.
    pub fn login(&mut self, name: UserName, password: Password) -> Result<CommandId, Refused> {
        self.enqueue(Task::Login {
            name,
            password,
            user_accepted: false,
        })
    }

    /// APOP, with a digest made of the [timestamp](Self::timestamp) and the password.
    ///
    /// # Errors
    ///
    /// If the command cannot be queued.
    pub fn apop(&mut self, apop: Apop) -> Result<CommandId, Refused> {
        self.give(Command::Apop(apop))
    }

    /// AUTH: authenticates with a SASL mechanism. Challenges come as events.
    ///
    /// # Errors
    ///
    /// If the command cannot be queued.
    pub fn auth(
        &mut self,
        mechanism: MechanismName,
        initial: Option<Secret>,
    ) -> Result<CommandId, Refused> {
        let initial_response = self.config.initial_response;
        let auth = Auth { mechanism, initial };
        self.enqueue(Task::Auth(Exchange::new(auth, initial_response)))
    }

    /// AUTH without a mechanism: which are there? For servers that are older than CAPA.
    ///
    /// # Errors
    ///
    /// If the command cannot be queued.
    pub fn mechanisms(&mut self) -> Result<CommandId, Refused> {
        self.give(Command::Mechanisms)
    }

    /// UTF8 (RFC 6856 section 2): messages may come in UTF-8.
    ///
    /// # Errors
    ///
    /// If the command cannot be queued.
    pub fn utf8(&mut self) -> Result<CommandId, Refused> {
        let id = self.give(Command::Utf8)?;
        self.utf8 = true;
        Ok(id)
    }

    /// LANG (RFC 6856 section 3): in which language texts should be, or which there are.
    ///
    /// # Errors
    ///
    /// If the command cannot be queued.
    pub fn lang(&mut self, range: Option<LanguageRange>) -> Result<CommandId, Refused> {
        self.give(Command::Lang(range))
    }

    /// STAT: how many messages, and of which size.
    ///
    /// # Errors
    ///
    /// If the command cannot be queued.
    pub fn stat(&mut self) -> Result<CommandId, Refused> {
        self.give(Command::Stat)
    }

    /// LIST: the size of one message (then `Ok` ends the answer) or of all (`End`).
    ///
    /// # Errors
    ///
    /// If the command cannot be queued.
    pub fn list(&mut self, number: Option<u32>) -> Result<CommandId, Refused> {
        self.give(Command::List(number))
    }

    /// UIDL: the unique id of one message (then `Ok` ends the answer) or of all (`End`).
    ///
    /// # Errors
    ///
    /// If the command cannot be queued.
    pub fn uidl(&mut self, number: Option<u32>) -> Result<CommandId, Refused> {
        self.give(Command::Uidl(number))
    }

    /// RETR: a message.
    ///
    /// # Errors
    ///
    /// If the command cannot be queued.
    pub fn retr(&mut self, number: u32) -> Result<CommandId, Refused> {
        self.give(Command::Retr(number))
    }

    /// TOP: a message's header, and so many lines of its body.
    ///
    /// # Errors
    ///
    /// If the command cannot be queued.
    pub fn top(&mut self, number: u32, lines: u32) -> Result<CommandId, Refused> {
        self.give(Command::Top(number, lines))
    }

    /// DELE: marks a message to be deleted by QUIT.
    ///
    /// # Errors
    ///
    /// If the command cannot be queued.
    pub fn dele(&mut self, number: u32) -> Result<CommandId, Refused> {
        self.give(Command::Dele(number))
    }

    /// RSET: takes all these marks away.
    ///
    /// # Errors
    ///
    /// If the command cannot be queued.
    pub fn rset(&mut self) -> Result<CommandId, Refused> {
        self.give(Command::Rset)
    }

    /// NOOP: nothing, so that the server does not time out.
    ///
    /// # Errors
    ///
    /// If the command cannot be queued.
    pub fn noop(&mut self) -> Result<CommandId, Refused> {
        self.give(Command::Noop)
    }

    /// LAST (RFC 1460): the highest number that was retrieved. Few servers know it.
    ///
    /// # Errors
    ///
    /// If the command cannot be queued.
    pub fn last(&mut self) -> Result<CommandId, Refused> {
        self.give(Command::Last)
    }

    pub(super) fn give(&mut self, command: Command) -> Result<CommandId, Refused> {
        self.enqueue(Task::Command(command))
    }
}
