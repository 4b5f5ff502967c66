//! Commands on their way: which may go now, and up to where.

use super::rules::{Traits, names_numbers};
use super::{Client, Event, Refused, Sending};
use crate::capability::{Capability, Extension};
use crate::command::{Command, CommandBody};
use crate::encode::{Encoding, Literals, Next};

impl Client {
    /// Sends the commands that may be sent now. Says whether the application has to know something of it.
    pub(super) fn send_commands(&mut self) -> Option<Event> {
        while matches!(self.sending, Sending::Free) && !self.output.is_over() {
            let next = self.queue.get(self.sent)?;
            let traits = Traits::of(&next.body);
            let mut running = self.queue.range(..self.sent);
            let pipelining = self.config.pipelining || self.sent == 0;
            if !pipelining || !running.all(|it| traits.may_follow(Traits::of(&it.body))) {
                return None;
            }
            let renumbered = next.renumbered.then_some(Refused::Renumbered);
            if let Some(why) = self.withholds(&next.body).or(renumbered) {
                let withheld = self.queue.remove(self.sent)?;
                return Some(Event::Withheld(withheld.id, why));
            }
            self.begin_next();
        }
        None
    }

    /// A message is gone: numbers that were given before mean others now. Those behind a SELECT are about its mailbox.
    pub(super) fn renumber(&mut self) {
        for (at, pending) in self.queue.iter_mut().enumerate() {
            if matches!(pending.body, CommandBody::Select(_)) {
                return;
            }
            pending.renumbered |= at >= self.sent && names_numbers(&pending.body);
        }
    }

    /// Why a password must not be sent, if so.
    pub(super) fn withholds(&self, body: &CommandBody) -> Option<Refused> {
        match body {
            CommandBody::Login(_) | CommandBody::Authenticate(_) if self.tls_failed => {
                Some(Refused::NoTls)
            }
            CommandBody::Login(_) if self.has(Extension::LoginDisabled) => {
                Some(Refused::LoginDisabled)
            }
            _ => None,
        }
    }

    pub(super) fn begin_next(&mut self) {
        self.set_encoding();
        let no_initial = !self.has(Extension::SaslIr) && !self.has(Extension::Imap4Rev2);
        let closes = [
            Extension::CondStore,
            Extension::QResync,
            Extension::Imap4Rev2,
        ];
        let tells_closed = closes.iter().any(|extension| self.has(*extension));
        let next = &mut self.queue[self.sent];
        self.sent += 1;
        let mut withheld = None;
        if let CommandBody::Authenticate(authenticate) = &mut next.body {
            if no_initial {
                withheld = authenticate.initial_response.take();
            }
        }
        if matches!(
            next.body,
            CommandBody::Login(_) | CommandBody::Authenticate(_)
        ) {
            self.capabilities_are_new = false;
        }
        if let (CommandBody::Select(_), false) = (&next.body, tells_closed) {
            // What follows is about the new one; others say CLOSED.
            self.mailbox = None;
        }
        let body = std::mem::replace(&mut next.body, CommandBody::Noop);
        let command = Command::new(next.tag.clone(), body);
        self.encoder.command(&command);
        next.body = command.body;
        let after = match next.body {
            CommandBody::Authenticate(_) => Sending::Asking(withheld),
            CommandBody::Idle => Sending::Entering,
            _ => Sending::Free,
        };
        self.transfer();
        if matches!(self.sending, Sending::Free) {
            self.sending = after;
        }
    }

    /// Sends what may be sent of the command that is on its way.
    pub(super) fn transfer(&mut self) {
        loop {
            self.sending = match self.encoder.transfer(&mut self.output) {
                Next::Done => Sending::Free,
                Next::Continuation => Sending::Literal,
                Next::Stream(0) => continue,
                Next::Stream(length) => Sending::Due(length),
            };
            return;
        }
    }

    /// Writes in the way that the server is known to read.
    pub(super) fn set_encoding(&mut self) {
        let mut encoding = Encoding::commands();
        encoding.literals = if self.has(Extension::LiteralPlus) {
            Literals::Plus
        } else if self.has(Extension::LiteralMinus) || self.has(Extension::Imap4Rev2) {
            Literals::Minus
        } else {
            Literals::Synchronising
        };
        encoding.binary = self.has(Extension::Binary);
        encoding.utf8 = self.is_utf8();
        self.encoder.set_encoding(encoding);
    }

    pub(super) fn is_utf8(&self) -> bool {
        let utf8 = [Extension::Utf8Accept, Extension::Imap4Rev2];
        utf8.iter()
            .any(|extension| self.enabled.contains(&Capability::Known(*extension)))
    }
}
