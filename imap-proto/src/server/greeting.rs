//! The first words of a session.

use super::replies::ok;
use super::session::Standing;
use super::{Refusal, Server, State, offers};
use crate::response::{Code, Data, StatusKind};

/// How a session begins (RFC 9051 section 7.1).
#[derive(Debug)]
pub(super) enum Greeting {
    Ok,
    PreAuth,
    Bye(Refusal),
}

impl Server {
    pub(super) fn greet(&mut self) {
        let State::Greeting(greeting) = std::mem::replace(&mut self.state, State::Command) else {
            unreachable!("called in this state alone");
        };
        let kind = match greeting {
            Greeting::Bye(refusal) => {
                let status = refusal.into_status(StatusKind::Bye);
                self.speaker.untagged(Data::Status(status));
                self.state = State::Closing;
                return;
            }
            Greeting::PreAuth => {
                self.session.standing = Standing::Authenticated;
                StatusKind::PreAuth
            }
            Greeting::Ok => StatusKind::Ok,
        };
        let offered = offers::capabilities(&self.config, &self.session);
        let mut status = ok("IMAP server ready").with_code(Code::Capability(offered));
        status.kind = kind;
        self.speaker.untagged(Data::Status(status));
    }
}
