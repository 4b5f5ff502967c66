//! What the application sends.

use std::io::Write as _;

use bytes::Bytes;
use mailwire::auth;

use super::{Client, CommandId, Pending, Refused, Sending, State};
use crate::capability::{Capability, Extension};
use crate::command::CommandBody;
use crate::limits::LEAST_PIECE;
use crate::tag::Tag;

impl Client {
    /// Gives a command. It is sent when its turn has come.
    ///
    /// Sequence numbers are those that the [mailbox](Self::mailbox) has now. Should an EXPUNGE come while the command waits for its turn,
    /// it is [withheld](super::Event::Withheld), since it would be about other messages. UIDs have no such trouble.
    ///
    /// SELECT with [`qresync`](crate::command::Select::qresync) brings the [mailbox](Self::mailbox) up to date in one call (RFC
    /// 7162 section 3.2.5): QRESYNC is enabled before, if that is not done. What is gone comes as
    /// [`Vanished`](crate::response::Data::Vanished), what has changed as [`Fetch`](crate::response::Data::Fetch). Only for
    /// servers that have `QRESYNC`. Compare the UIDVALIDITY before anything is believed.
    ///
    /// A message to be added may be [streamed](crate::Content::Streamed): it is [wanted](super::Event::Wanted) when the server is ready
    /// for it. IDLE ends with [`done`](Self::done), and nothing behind it is sent before.
    ///
    /// # Errors
    ///
    /// If the command cannot be queued. A password is refused where the server is known to take none, or there is no TLS
    /// although STARTTLS was tried.
    pub fn send(&mut self, body: CommandBody) -> Result<CommandId, Refused> {
        if matches!(&body, CommandBody::Select(select) if select.qresync.is_some()) {
            self.enable_qresync()?;
        }
        if self.ending || self.state == State::Closing {
            return Err(Refused::Ending);
        }
        if self.queue.len() >= self.config.limits.pipeline {
            return Err(Refused::Busy);
        }
        // What waits for TLS is looked at when its turn has come.
        let changes_tls = |pending: &Pending| matches!(pending.body, CommandBody::StartTls);
        if let (Some(why), false) = (self.withholds(&body), self.queue.iter().any(changes_tls)) {
            return Err(why);
        }
        if matches!(body, CommandBody::StartTls) && self.tls.is_some() {
            return Err(Refused::TlsAlready);
        }
        let id = CommandId(self.next_id);
        let tag = Tag::new(format!("A{}", self.next_id)).expect("a letter and digits are a tag");
        self.next_id += 1;
        self.ending |= matches!(body, CommandBody::Logout);
        self.queue.push_back(Pending {
            id,
            tag,
            body,
            renumbered: false,
        });
        Ok(id)
    }

    /// Responds to the challenge.
    ///
    /// # Errors
    ///
    /// If none waits.
    pub fn respond(&mut self, response: &[u8]) -> Result<(), Refused> {
        self.challenged()?;
        self.send_response(response);
        Ok(())
    }

    /// Gives up the authentication instead of responding. The server's refusal follows.
    ///
    /// # Errors
    ///
    /// If no challenge waits.
    pub fn cancel(&mut self) -> Result<(), Refused> {
        self.challenged()?;
        self.output.push(b"*\r\n");
        self.sending = Sending::Asking(None);
        Ok(())
    }

    /// Ends IDLE. Its completion follows.
    ///
    /// # Errors
    ///
    /// If none goes on.
    pub fn done(&mut self) -> Result<(), Refused> {
        match self.sending {
            Sending::Idling => {
                self.output.push(b"DONE\r\n");
                self.sending = Sending::Free;
                Ok(())
            }
            _ => Err(Refused::NotIdling),
        }
    }

    /// Sends the next octets of the message that is [wanted](super::Event::Wanted), as far as there is room for them: what stays in
    /// the piece is offered again when the machine has been flushed, or does not belong there.
    ///
    /// # Errors
    ///
    /// If none are wanted.
    pub fn write_body(&mut self, piece: &mut Bytes) -> Result<(), Refused> {
        let Sending::Wanted(left) = &mut self.sending else {
            return Err(Refused::NothingWanted);
        };
        if self.output.is_over() {
            return Ok(());
        }
        let most = self.output.room().max(LEAST_PIECE);
        let most = most.min(usize::try_from(*left).unwrap_or(usize::MAX));
        let taken = piece.split_to(most.min(piece.len()));
        *left -= taken.len() as u64;
        let all = *left == 0;
        self.output.push_bytes(taken);
        if all {
            self.transfer();
        }
        Ok(())
    }

    fn enable_qresync(&mut self) -> Result<(), Refused> {
        let qresync = Capability::Known(Extension::QResync);
        let asks = |pending: &Pending| matches!(&pending.body, CommandBody::Enable(wanted) if wanted.contains(&qresync));
        if !self.enabled.contains(&qresync) && !self.queue.iter().any(asks) {
            self.send(CommandBody::Enable(vec![qresync]))?;
        }
        Ok(())
    }

    pub(super) fn challenged(&self) -> Result<(), Refused> {
        match self.sending {
            Sending::Challenged => Ok(()),
            _ => Err(Refused::NoChallenge),
        }
    }

    pub(super) fn send_response(&mut self, response: &[u8]) {
        write!(self.output, "{}\r\n", auth::encode(response)).expect("writing to memory");
        self.sending = Sending::Asking(None);
    }
}
