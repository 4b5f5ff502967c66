//! Commands that are legal by themselves: are they legal here?

use super::listing::List;
use super::question::Question;
use super::{Event, Login, Retrieve, Server, State, Text, Turn, Update, replies};
use crate::ResponseCode;
use crate::command::{Command, LanguageRange, UserName};

impl Server {
    /// A command that is legal by itself: is it legal here?
    pub(super) fn command(&mut self, command: Command) -> Turn {
        // USER goes with the PASS right behind it and with no other (RFC 1939 section 7).
        let user = self.session.user.take();
        match command {
            Command::Capa => self.capabilities(),
            Command::Lang(range) => self.lang(range),
            Command::Quit => match &self.session.maildrop {
                None => {
                    self.say(Text::Bye);
                    self.state = State::Closing;
                    Turn::Go
                }
                Some(marked) => {
                    let (deleted, retrieved) = (marked.all_deleted(), marked.all_retrieved());
                    let deletes = !deleted.is_empty();
                    let update = Update { deleted, retrieved };
                    self.ask(Question::Update { deletes }, Event::Update(update))
                }
            },
            command if self.session.maildrop.is_some() => self.transaction(command),
            command => self.authorization(command, user),
        }
    }

    /// A command that is served before the login.
    fn authorization(&mut self, command: Command, user: Option<UserName>) -> Turn {
        let config = &self.config;
        let secured = self.session.tls.is_some() || config.auth_without_tls;
        let mechanisms = self.session.mechanisms(config);
        match command {
            Command::User(_) | Command::Pass(_) if !config.user => {
                self.reject(None, Text::UnknownCommand)
            }
            // Refused before the password has been sent.
            Command::User(_) | Command::Pass(_) if !secured => self.reject(None, Text::TlsFirst),
            Command::User(name) if !config.utf8 && !name.as_str().is_ascii() => {
                self.reject(Some(ResponseCode::Auth), Text::NotAscii)
            }
            Command::User(name) => {
                // Known or not: nobody learns here who has a mailbox.
                self.session.user = Some(name);
                self.say(Text::NowPassword);
                Turn::Go
            }
            Command::Pass(password) => match user {
                Some(name) => self.ask(Question::Login, Event::Login(Login { name, password })),
                None => self.reject(None, Text::UserFirst),
            },
            Command::Apop(_) if self.timestamp.is_none() => self.reject(None, Text::UnknownCommand),
            Command::Apop(apop) => self.ask(Question::Login, Event::Apop(apop)),
            Command::Mechanisms | Command::Auth(_) if mechanisms.is_empty() => {
                self.reject(None, Text::UnknownCommand)
            }
            Command::Mechanisms => {
                let text = self.language().say(Text::Mechanisms);
                let offered = if secured { mechanisms } else { &[] };
                replies::list(text, offered, &mut self.output);
                Turn::Go
            }
            Command::Auth(auth) if !mechanisms.contains(&auth.mechanism) => {
                self.reject(None, Text::NoMechanism)
            }
            Command::Auth(_) if !secured => self.reject(None, Text::TlsFirst),
            Command::Auth(auth) => self.ask(Question::Auth, Event::Auth(auth)),
            Command::Stls if self.session.tls.is_some() => self.reject(None, Text::TlsAlready),
            Command::Stls if !config.stls => self.reject(None, Text::UnknownCommand),
            Command::Stls if self.session.utf8 => self.reject(None, Text::TlsBehindUtf8),
            Command::Stls => {
                self.say(Text::BeginTls);
                self.state = State::StartingTls;
                Turn::Go
            }
            Command::Utf8 if config.utf8 => {
                self.session.utf8 = true;
                self.say(Text::Utf8);
                Turn::Go
            }
            Command::Utf8 => self.reject(None, Text::UnknownCommand),
            _ => self.reject(None, Text::LogInFirst),
        }
    }

    /// A command that is served behind the login.
    fn transaction(&mut self, command: Command) -> Turn {
        let Some(marked) = &mut self.session.maildrop else {
            unreachable!("called behind the login alone");
        };
        if let Command::List(Some(number))
        | Command::Uidl(Some(number))
        | Command::Retr(number)
        | Command::Top(number, _)
        | Command::Dele(number) = command
        {
            // Messages that are deleted are not there (RFC 1939 section 5).
            if marked.is_deleted(number) {
                return self.reject(None, Text::IsDeleted);
            }
            if marked.maildrop.size(number).is_none() {
                return self.reject(None, Text::NoSuchMessage);
            }
        }
        match command {
            Command::Stat => {
                replies::pair(marked.count.into(), marked.octets, &mut self.output);
                Turn::Go
            }
            Command::List(Some(number)) => {
                let size = marked.maildrop.size(number).unwrap_or(0);
                replies::pair(number.into(), size, &mut self.output);
                Turn::Go
            }
            Command::List(None) => {
                replies::listing(marked.count, marked.octets, &mut self.output);
                self.state = State::Listing(List::Sizes, 1);
                Turn::Go
            }
            Command::Uidl(Some(number)) => {
                self.output.push(b"+OK ");
                let unique_id = marked.maildrop.unique_id(number).unwrap_or("");
                replies::unique_id(number, unique_id, &mut self.output);
                Turn::Go
            }
            Command::Uidl(None) => {
                self.say(Text::UniqueIds);
                self.state = State::Listing(List::UniqueIds, 1);
                Turn::Go
            }
            Command::Retr(number) => self.retrieve(number, None),
            Command::Top(number, lines) => self.retrieve(number, Some(lines)),
            Command::Dele(number) => {
                marked.delete(number);
                self.say(Text::Deleted);
                Turn::Go
            }
            Command::Rset => {
                marked.reset();
                self.say(Text::Restored);
                Turn::Go
            }
            Command::Noop => {
                self.say(Text::Nothing);
                Turn::Go
            }
            Command::Last => {
                self.output.push(b"+OK ");
                self.output.push_number(marked.last.into());
                self.output.push(b"\r\n");
                Turn::Go
            }
            _ => self.reject(None, Text::LoggedInAlready),
        }
    }

    fn retrieve(&mut self, number: u32, lines: Option<u32>) -> Turn {
        let utf8 = self.session.utf8;
        let retrieve = Retrieve {
            number,
            lines,
            utf8,
        };
        self.ask(
            Question::Retrieve { number, lines },
            Event::Retrieve(retrieve),
        )
    }

    /// What we can do, here and now (RFC 2449 section 5).
    fn capabilities(&mut self) -> Turn {
        let text = self.language().say(Text::Capabilities);
        let offered = replies::capabilities(&self.config, &self.session);
        replies::list(text, &offered, &mut self.output);
        Turn::Go
    }

    fn lang(&mut self, range: Option<LanguageRange>) -> Turn {
        let languages = &self.config.languages;
        if languages.len() < 2 {
            return self.reject(None, Text::UnknownCommand);
        }
        let Some(range) = range else {
            let text = self.language().say(Text::Languages);
            replies::languages(text, languages, &mut self.output);
            return Turn::Go;
        };
        match languages
            .iter()
            .position(|language| range.matches(language.tag()))
        {
            Some(index) => {
                self.session.language = index;
                let language = self.language();
                let (tag, text) = (
                    language.tag().to_owned(),
                    language.say(Text::LanguageChanged),
                );
                replies::language(&tag, text, &mut self.output);
                Turn::Go
            }
            None => self.reject(None, Text::NoLanguage),
        }
    }
}
