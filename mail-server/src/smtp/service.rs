//! What an application implements.

use std::fmt;

use async_trait::async_trait;
use bytes::Bytes;
use mailwire::TlsInfo;
use mailwire::drive::tokio::Driver;
use mailwire::drive::{DriveError, Next};
use sasl::server::Authenticated;
use smtp_proto::command::{ClientFacts, Hello, Mail, Node, Rcpt, Verify};
use smtp_proto::server::{Event, Server};
use smtp_proto::{Error, Extensions, Reply};
use tracing::info;

use crate::listener::{Peer, Transport};

/// An application's side of one connection: whom to serve, and what becomes of messages.
///
/// A value of it lives as long as the connection, so it may keep what it learns. The defaults
/// refuse: recipients and messages are not taken unless you say so.
///
/// A refusal is a reply of 4xx or 5xx; after 421 the connection is closed. A service that says no
/// with a reply of another class has made a mistake: the client is told 421, and the log says so.
///
/// A transaction begins with [`mail`](Self::mail), and that is all a service need know: what it
/// has gathered about an earlier one is void then, whether that one was completed, given up or
/// forgotten for TLS. No method is called while another runs.
#[async_trait]
pub trait Service: Send + 'static {
    /// Somebody connected. A refusal becomes the greeting; 421 closes.
    ///
    /// # Errors
    ///
    /// The reply that refuses.
    async fn connect(&mut self, session: &Session) -> Result<(), Reply> {
        let _ = session;
        Ok(())
    }

    /// A client introduced itself; if that is accepted, what was said before about a message is void.
    ///
    /// # Errors
    ///
    /// The reply that refuses.
    async fn hello(&mut self, session: &Session, hello: &Hello) -> Result<(), Reply> {
        let _ = (session, hello);
        Ok(())
    }

    /// Which extensions this client is offered, given those of the configuration: fewer to one that
    /// uses them wrongly, XCLIENT and XFORWARD to one that is trusted. Asked before it is greeted.
    fn extensions(&mut self, session: &Session, offered: Extensions) -> Extensions {
        let _ = session;
        offered
    }

    /// A message is announced.
    ///
    /// # Errors
    ///
    /// The reply that refuses.
    async fn mail(&mut self, session: &Session, mail: &Mail) -> Result<(), Reply> {
        let _ = (session, mail);
        Ok(())
    }

    /// A recipient is named. The default refuses, so that nobody runs an open relay by mistake.
    ///
    /// # Errors
    ///
    /// The reply that refuses.
    async fn rcpt(&mut self, session: &Session, rcpt: &Rcpt) -> Result<(), Reply> {
        let _ = (session, rcpt);
        Err(Reply::fixed(554, Some((5, 7, 1)), "Relay access denied"))
    }

    /// A message arrives. Read it from `body`; saying [accepted](Statuses::accepted) takes
    /// responsibility for it (RFC 5321 section 4.2.5).
    ///
    /// Returning early is fine: the rest is skipped. If `body` ended in an error there is no
    /// message, and the client has been or will be told; what is returned is not sent.
    ///
    /// # Errors
    ///
    /// The reply that refuses, for all recipients.
    async fn message(
        &mut self,
        session: &Session,
        envelope: &Envelope,
        body: &mut Body<'_>,
    ) -> Result<Statuses, Reply> {
        let _ = (session, envelope, body);
        Err(Reply::fixed(
            554,
            Some((5, 3, 0)),
            "This server takes no messages",
        ))
    }

    /// A client asks about an address. The default is "cannot verify" (252).
    ///
    /// # Errors
    ///
    /// The reply that is sent instead, be it an answer or a refusal.
    async fn verify(&mut self, session: &Session, verify: &Verify) -> Result<(), Reply> {
        let _ = (session, verify);
        Ok(())
    }

    /// A client asks who is on a list, where EXPN is on offer. The default is "cannot expand" (252).
    ///
    /// # Errors
    ///
    /// The reply that is sent instead: 250 with a member each line, or a refusal.
    async fn expand(&mut self, session: &Session, list: &Verify) -> Result<(), Reply> {
        let _ = (session, list);
        Ok(())
    }

    /// A client wants what waits for it, where ETRN is on offer. The default refuses.
    ///
    /// # Errors
    ///
    /// The reply that is sent instead of 250, be it another success or a refusal.
    async fn etrn(&mut self, session: &Session, node: &Node) -> Result<(), Reply> {
        let _ = (session, node);
        Err(Reply::fixed(
            458,
            Some((4, 3, 0)),
            "Unable to queue messages for this node",
        ))
    }

    /// A client says that it speaks for another (XCLIENT), or where the next message comes from
    /// (XFORWARD), where that is on offer. The default believes it, and
    /// [`Session::speaks_for`] tells.
    ///
    /// # Errors
    ///
    /// The reply that refuses.
    async fn facts(&mut self, session: &Session, facts: &ClientFacts) -> Result<(), Reply> {
        let _ = (session, facts);
        Ok(())
    }
}

/// What is known of a connection.
#[derive(Debug)]
#[non_exhaustive]
pub struct Session {
    /// Who is there.
    pub peer: Peer,
    /// The TLS session, once there is one.
    pub tls: Option<TlsInfo>,
    /// The accepted hello.
    pub hello: Option<Hello>,
    /// Who has proven to be there.
    pub authenticated: Option<Authenticated>,
    /// What a trusted client said last about the one it speaks for.
    pub speaks_for: Option<ClientFacts>,
}

/// From whom a message comes and to whom it goes.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Envelope {
    /// The sender, and what was said about the message.
    pub mail: Mail,
    /// The recipients that were accepted, in order, repetitions included.
    pub recipients: Vec<Rcpt>,
}

/// A message on its way in.
#[derive(Debug)]
pub struct Body<'a> {
    pub(super) driver: &'a mut Driver<Server, Transport>,
    pub(super) state: BodyState,
}

/// How far the message has come.
#[derive(Debug)]
pub(super) enum BodyState {
    /// More comes; this has come already.
    Reading(Option<Event>),
    /// All of it was read.
    Complete,
    /// The machine has refused it.
    Aborted,
    /// The connection is lost.
    Over(DriveError<Error>),
}

impl Body<'_> {
    /// The next piece: CRLF line ends, stuffing removed; `None` at the end. Pieces are slices of
    /// the receive buffer: use them up, or copy what must stay. Cancel-safe.
    ///
    /// # Errors
    ///
    /// If there will be no whole message. Throw away what there is.
    pub async fn next(&mut self) -> Result<Option<Bytes>, BodyEnded> {
        let mut event = match &mut self.state {
            BodyState::Complete => return Ok(None),
            BodyState::Aborted | BodyState::Over(_) => return Err(BodyEnded),
            BodyState::Reading(event) => event.take(),
        };
        loop {
            let next = match event.take() {
                Some(event) => Ok(Next::Event(event)),
                None => self.driver.next().await,
            };
            self.state = match next {
                Ok(Next::Event(Event::Body(piece))) => return Ok(Some(piece)),
                Ok(Next::Event(Event::EndOfData)) => {
                    self.state = BodyState::Complete;
                    return Ok(None);
                }
                // Between two chunks the client may say something else, or give the message up.
                Ok(Next::Event(Event::Rejected(reply))) => {
                    info!(%reply, "command refused");
                    continue;
                }
                Ok(Next::Event(Event::Aborted(_) | Event::Reset)) => BodyState::Aborted,
                Ok(_) => BodyState::Over(DriveError::Protocol(Error::Disconnected)),
                Err(error) => BodyState::Over(error),
            };
            return Err(BodyEnded);
        }
    }
}

/// A message has ended before its end: it was too large, malformed, or the client has gone.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the message did not arrive whole")]
pub struct BodyEnded;

/// So that `?` can be used in [`Service::message`]; the reply itself is not sent.
impl From<BodyEnded> for Reply {
    fn from(_: BodyEnded) -> Self {
        Self::fixed(451, Some((4, 3, 0)), "The message did not arrive whole")
    }
}

/// What became of a message.
#[must_use]
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Statuses(pub(super) Fates);

/// For whom a status is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Fates {
    All(Reply),
    Each(Vec<Reply>),
}

impl Statuses {
    /// It is ours now, for all recipients.
    pub fn accepted() -> Self {
        Self::all(Reply::fixed(250, Some((2, 0, 0)), "Ok"))
    }

    /// The same for all recipients.
    pub fn all(reply: Reply) -> Self {
        Self(Fates::All(reply))
    }

    /// One status for each recipient of the envelope, in its order.
    ///
    /// LMTP passes them on one by one. SMTP has one reply only: it is the first refusal if there
    /// is one, so that nothing is lost, although some recipients may then get the message twice.
    /// Any other number than that of the recipients is an error of the service's: the client is
    /// told 421 and comes back.
    pub fn each(replies: Vec<Reply>) -> Self {
        Self(Fates::Each(replies))
    }
}

impl fmt::Display for Statuses {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Fates::All(reply) => write!(f, "{reply}"),
            Fates::Each(replies) => replies.iter().enumerate().try_for_each(|(index, reply)| {
                let separator = if index == 0 { "" } else { "; " };
                write!(f, "{separator}{reply}")
            }),
        }
    }
}
