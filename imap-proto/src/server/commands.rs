//! Commands that are legal by themselves: are they legal here, and what is the application asked?

use mailwire::Step;

use super::event::Event;
use super::offers::{self, Place};
use super::question::{Question, Selecting};
use super::replies::{bad, completed, no, uid_required};
use super::session::{Enabled, Session, Standing};
use super::{Refusal, Server, State, Turn};
use crate::capability::Extension;
use crate::command::{Authenticate, Command, CommandBody, Login, Select};
use crate::response::{CodeWord, Data, Status, StatusKind};
use crate::status::StatusItem;
use crate::tag::Tag;

impl Server {
    /// A command that is legal by itself: is it legal here?
    pub(super) fn command(&mut self, command: Command) -> Turn {
        let Command { tag, body } = command;
        if let Some(status) = self.objection(&body) {
            return self.reject(Some(tag), status);
        }
        self.session.errors = 0;
        self.perform(tag, body)
    }

    pub(super) fn objection(&self, body: &CommandBody) -> Option<Status> {
        if let Some(text) = Place::of(body).objection(&self.session.standing) {
            return Some(bad(text));
        }
        offers::lacking(body, &self.config).map(bad)
    }

    fn perform(&mut self, tag: Tag, body: CommandBody) -> Turn {
        let name = body.name();
        match body {
            CommandBody::Capability => {
                let offered = offers::capabilities(&self.config, &self.session);
                self.speaker.untagged(Data::Capability(offered));
                self.done(tag, name)
            }
            CommandBody::Logout => self.log_out(tag, name),
            CommandBody::Id(parameters) => {
                let id = self.config.id.clone();
                self.speaker.untagged(Data::Id(id));
                self.done_with(tag, name, Event::Id(parameters))
            }
            CommandBody::Noop | CommandBody::Check => match self.session.standing {
                Standing::Selected(_) => self.ask(tag, name, Question::Noop, Event::Noop),
                _ => self.done(tag, name),
            },
            CommandBody::StartTls if self.session.tls.is_some() => {
                self.reject(Some(tag), bad("TLS is in use already"))
            }
            CommandBody::StartTls => self.begin_tls(tag),
            CommandBody::Login(login) => self.login(tag, name, login),
            CommandBody::Authenticate(authenticate) => self.authenticate(tag, name, authenticate),
            CommandBody::Compress(_) if self.layer.is_on() => {
                let status = no("Compression is on already");
                self.reject(Some(tag), status.with_code(CodeWord::CompressionActive))
            }
            CommandBody::Compress(_) => self.begin_compression(tag),
            // Where in the stream its octets are no longer compressed cannot be told for sure.
            CommandBody::Unauthenticate if self.layer.is_on() => {
                self.reject(Some(tag), bad("Not with compression"))
            }
            CommandBody::Unauthenticate => {
                let fresh = Session::new(&self.config);
                self.session = Session {
                    tls: self.session.tls.take(),
                    own_mechanisms: self.session.own_mechanisms.take(),
                    auth_failures: self.session.auth_failures,
                    ..fresh
                };
                self.set_utf8();
                self.done_with(tag, name, Event::Unauthenticated)
            }
            CommandBody::Enable(wanted) => {
                let (enabled, listed) = offers::enabled_by(&wanted, &self.config);
                self.session.enabled |= enabled;
                self.set_utf8();
                self.speaker.untagged(Data::Enabled(listed));
                self.done(tag, name)
            }
            CommandBody::Idle => self.begin_idle(tag),
            CommandBody::Select(select) => self.select(tag, name, select),
            CommandBody::Close => {
                let expunge = self.session.selection().is_some_and(|it| !it.read_only);
                self.ask(tag, name, Question::Close, Event::Close { expunge })
            }
            CommandBody::Unselect => {
                let event = Event::Close { expunge: false };
                self.ask(tag, name, Question::Close, event)
            }
            CommandBody::Append(_) | CommandBody::Replace(_) => {
                self.begin_append(Command { tag, body }, None)
            }
            CommandBody::Notify(notify) => self.notify(tag, name, notify),
            body if Place::of(&body) == Place::Selected => self.in_mailbox(tag, name, body),
            body => self.about_mailboxes(tag, name, body),
        }
    }

    /// Commands that are the application's, but for the order in which they come.
    pub(super) fn about_mailboxes(
        &mut self,
        tag: Tag,
        name: &'static str,
        body: CommandBody,
    ) -> Turn {
        let event = match body {
            CommandBody::Create(create) => Event::Create(create),
            CommandBody::Delete(mailbox) => Event::Delete(mailbox),
            CommandBody::Rename(rename) => Event::Rename(rename),
            CommandBody::Subscribe(mailbox) => Event::Subscribe(mailbox),
            CommandBody::Unsubscribe(mailbox) => Event::Unsubscribe(mailbox),
            CommandBody::List(list) => Event::List(list),
            CommandBody::Namespace => Event::Namespace,
            CommandBody::Status(mailbox, items) => {
                if items.contains(&StatusItem::HighestModSeq) {
                    self.enable_condstore();
                }
                Event::Status(mailbox, items)
            }
            other => Event::Other(Box::new(other)),
        };
        self.ask(tag, name, Question::Plain, event)
    }

    pub(super) fn login(&mut self, tag: Tag, name: &'static str, login: Box<Login>) -> Turn {
        if offers::may_log_in(&self.config, &self.session) {
            return self.ask(tag, name, Question::Login, Event::Login(login));
        }
        let status = match self.config.login {
            true => Refusal::from(CodeWord::PrivacyRequired).into_status(StatusKind::No),
            false => no("LOGIN is not on offer").with_code(CodeWord::Cannot),
        };
        self.reject(Some(tag), status)
    }

    pub(super) fn authenticate(
        &mut self,
        tag: Tag,
        name: &'static str,
        authenticate: Box<Authenticate>,
    ) -> Turn {
        let config = &self.config;
        let offered = self.session.mechanisms(config);
        let initial = config.serves(Extension::SaslIr) || config.serves(Extension::Imap4Rev2);
        let status = if !offered.contains(&authenticate.mechanism) {
            no("Mechanism is not on offer").with_code(CodeWord::Cannot)
        } else if !offers::is_secured(config, &self.session) {
            Refusal::from(CodeWord::PrivacyRequired).into_status(StatusKind::No)
        } else if authenticate.initial_response.is_some() && !initial {
            bad("Initial responses are not supported")
        } else {
            return self.ask(tag, name, Question::Auth, Event::Authenticate(authenticate));
        };
        self.reject(Some(tag), status)
    }

    pub(super) fn select(&mut self, tag: Tag, name: &'static str, select: Box<Select>) -> Turn {
        let enabled = self.session.enabled;
        if select.qresync.is_some() && !enabled.contains(Enabled::QRESYNC) {
            // RFC 7162 section 3.2.5
            return self.reject(Some(tag), bad("ENABLE QRESYNC first"));
        }
        let matches = select
            .qresync
            .as_ref()
            .is_some_and(|it| it.matches.is_some());
        if matches && enabled.contains(Enabled::UIDONLY) {
            return self.reject(Some(tag), uid_required());
        }
        // Whatever becomes of it, the old mailbox is not selected any more (RFC 9051 section 6.3.2).
        let old = std::mem::replace(&mut self.session.standing, Standing::Authenticated);
        if matches!(old, Standing::Selected(_)) {
            self.speaker
                .note(CodeWord::Closed, "Previous mailbox is closed");
        }
        if select.condstore {
            self.enable_condstore();
        }
        let selecting = Selecting {
            read_only: select.read_only,
            qresync: select.qresync.clone(),
        };
        let question = Question::Select(Box::new(selecting));
        self.ask(tag, name, question, Event::Select(select))
    }

    pub(super) fn done(&mut self, tag: Tag, name: &'static str) -> Turn {
        self.end(tag, completed(name), true);
        Turn::Go
    }

    /// A command that the application need only know of.
    pub(super) fn done_with(&mut self, tag: Tag, name: &'static str, event: Event) -> Turn {
        self.end(tag, completed(name), true);
        Turn::Step(Step::Event(event))
    }

    fn log_out(&mut self, tag: Tag, name: &'static str) -> Turn {
        self.speaker.bye("Logging out");
        self.speaker.answer(Some(tag), completed(name));
        self.state = State::Closing;
        Turn::Go
    }
}
