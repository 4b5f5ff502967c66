//! What the application asks for.

use bytes::Bytes;
use mailwire::Secret;
use mailwire::auth::{self, MechanismName};

use super::outgoing::Outgoing;
use super::transaction::{Framing, Transaction};
use super::{Awaited, Client, Delivery, Error, Fate, Refused, State};
use crate::Extension;
use crate::limits::COMMAND_LINE;

impl Client {
    /// Sends a message to its recipients. [`SendBody`](super::Event::SendBody) asks for its body, unless
    /// nobody is left to get it, and [`Delivered`](super::Event::Delivered) ends it.
    ///
    /// # Errors
    ///
    /// If it needs what the server does not offer, or more than it takes; or if the session is
    /// busy. Nothing is sent then.
    pub fn deliver(&mut self, mut delivery: Delivery) -> Result<(), Refused> {
        self.is_free()?;
        self.capabilities.take(&delivery, self.messages)?;
        let parameters = &mut delivery.mail.parameters;
        let size = parameters.size;
        if !self.capabilities.has(Extension::Size) {
            parameters.size = None;
        }
        if delivery.is_international() {
            delivery.mail.parameters.smtputf8 = true;
        }
        let is_small = size.is_some_and(|size| size <= self.config.limits.eager_body);
        let pipelines = self.capabilities.has(Extension::Pipelining);
        let framing = match self.capabilities.has(Extension::Chunking) {
            true if pipelines && is_small => Framing::EagerChunks,
            // Chunks have to be answered one by one.
            true if pipelines || delivery.is_binary() => Framing::Chunks,
            _ => Framing::Dots,
        };
        self.messages = self.messages.saturating_add(1);
        self.transaction = Some(Box::new(Transaction::new(delivery, framing)));
        self.state = State::Envelope;
        Ok(())
    }

    /// Takes as much of a piece of the message as fits, from its front. What is left has to be
    /// offered again, when the machine has said [`Paused`](mailwire::Step::Paused) again.
    ///
    /// Line ends are CRLF, or as the [policy](super::Config::strays) has them. A message that turns out
    /// to be refused is taken and thrown away.
    ///
    /// # Errors
    ///
    /// If no body is wanted now, or if it holds a bare CR or LF or NUL and the policy is to refuse
    /// that; then it can only be [given up](Self::abandon_body).
    pub fn write_body(&mut self, piece: &mut Bytes) -> Result<(), Refused> {
        let (State::Body, Some(transaction)) = (self.state, &mut self.transaction) else {
            return Err(self.no_body());
        };
        if transaction.finished {
            return Err(Refused::Busy);
        }
        if transaction.is_refused() {
            piece.clear();
            return Ok(());
        }
        let body = transaction.body.as_mut().expect("a body is being sent");
        body.write(piece, &mut self.output).map_err(Refused::Stray)
    }

    /// Ends the message.
    ///
    /// # Errors
    ///
    /// As for [`write_body`](Self::write_body).
    pub fn finish_body(&mut self) -> Result<(), Refused> {
        let (State::Body, Some(transaction)) = (self.state, &mut self.transaction) else {
            return Err(self.no_body());
        };
        if let Some(stray) = transaction.body.as_ref().and_then(Outgoing::refused) {
            return Err(Refused::Stray(stray));
        }
        transaction.finished = true;
        Ok(())
    }

    /// Gives the message up in the middle. Where it is sent in chunks the session goes on; there
    /// is no other way to stop behind DATA than to [end the connection](Error::Abandoned).
    ///
    /// # Errors
    ///
    /// If no body is wanted now.
    pub fn abandon_body(&mut self) -> Result<(), Refused> {
        let (State::Body, Some(transaction)) = (self.state, &mut self.transaction) else {
            return Err(self.no_body());
        };
        match transaction.framing {
            Framing::Dots => self.fail(Error::Abandoned, &Fate::Interrupted),
            Framing::Chunks | Framing::EagerChunks => {
                transaction.body = None;
                transaction.finished = true;
            }
        }
        Ok(())
    }

    /// Asks for TLS. The machine says [`StartTls`](mailwire::Step::StartTls) if the server agrees, and is
    /// [`Ready`](super::Event::Ready) anew behind the handshake; else the answer is
    /// [`Replied`](super::Event::Replied).
    ///
    /// # Errors
    ///
    /// If it is not offered, or there already, or the session is busy.
    pub fn start_tls(&mut self) -> Result<(), Refused> {
        self.is_free()?;
        if self.tls.is_some() {
            return Err(Refused::TlsAlready);
        }
        self.needs(Extension::StartTls)?;
        self.say("STARTTLS", Awaited::StartTls);
        Ok(())
    }

    /// Authenticates with a SASL mechanism. Challenges come as events, and so does the end.
    ///
    /// An initial response with which the line would be longer than the 512 octets of RFC 5321
    /// section 4.5.3.1.4 is sent when the server asks for it, as RFC 4954 section 4 has it.
    ///
    /// # Errors
    ///
    /// If the mechanism is not offered, or there is no TLS and that is not
    /// [tolerated](super::Config::auth_without_tls), or the session is busy.
    pub fn auth(
        &mut self,
        mechanism: &MechanismName,
        initial: Option<&Secret>,
    ) -> Result<(), Refused> {
        self.is_free()?;
        self.needs(Extension::Auth)?;
        if !self.capabilities.mechanisms.contains(mechanism) {
            return Err(Refused::UnknownMechanism);
        }
        if self.tls.is_none() && !self.config.auth_without_tls {
            return Err(Refused::Plaintext);
        }
        let Some(initial) = initial.map(Secret::expose) else {
            self.say(format_args!("AUTH {mechanism}"), Awaited::Auth);
            return Ok(());
        };
        let encoded = initial.len().div_ceil(3) * 4;
        if encoded > self.config.limits.reply_line {
            return Err(Refused::TooLong);
        }
        if "AUTH  \r\n".len() + mechanism.as_str().len() + encoded > COMMAND_LINE {
            self.withheld = Some(Secret::from(initial.to_vec()));
            self.say(format_args!("AUTH {mechanism}"), Awaited::Auth);
        } else if initial.is_empty() {
            // Absent and empty differ (RFC 4954 section 4).
            self.say(format_args!("AUTH {mechanism} ="), Awaited::Auth);
        } else {
            let initial = auth::encode(initial);
            self.say(format_args!("AUTH {mechanism} {initial}"), Awaited::Auth);
        }
        Ok(())
    }

    /// Responds to a challenge.
    ///
    /// # Errors
    ///
    /// If there is none.
    pub fn respond(&mut self, response: &Secret) -> Result<(), Refused> {
        if self.state != State::Challenged {
            return Err(Refused::Busy);
        }
        self.state = State::Ready;
        self.say(auth::encode(response.expose()), Awaited::Auth);
        Ok(())
    }

    /// Gives the authentication up, in place of a response.
    ///
    /// # Errors
    ///
    /// If there is no challenge.
    pub fn cancel(&mut self) -> Result<(), Refused> {
        if self.state != State::Challenged {
            return Err(Refused::Busy);
        }
        self.state = State::Ready;
        self.say("*", Awaited::Auth);
        Ok(())
    }

    /// Whether a command may be said.
    ///
    /// # Errors
    ///
    /// If not, why.
    pub fn is_free(&self) -> Result<(), Refused> {
        match self.state {
            State::Ready if self.stopping || self.ended => Err(Refused::Over),
            State::Ready if self.awaited.is_empty() => Ok(()),
            State::Quitting | State::Closing => Err(Refused::Over),
            _ => Err(Refused::Busy),
        }
    }

    pub(super) fn needs(&self, extension: Extension) -> Result<(), Refused> {
        match self.capabilities.has(extension) {
            true => Ok(()),
            false => Err(Refused::NotOffered(extension)),
        }
    }

    pub(super) fn no_body(&self) -> Refused {
        match self.state {
            State::Quitting | State::Closing => Refused::Over,
            _ => Refused::Busy,
        }
    }
}
