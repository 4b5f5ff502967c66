//! What a server session tells the application.

use bytes::Bytes;
use mailwire::Secret;
use mailwire::dot::Stray;

use crate::Reply;
use crate::command::{Auth, ClientFacts, Hello, Mail, Node, Rcpt, Verify};

/// Something the application should know, or decide.
///
/// Those that say "answer" make the machine wait for [`Server::accept`](super::Server::accept)
/// or [`Server::reply`](super::Server::reply). The others are for information.
#[derive(Debug)]
#[non_exhaustive]
pub enum Event {
    /// A client introduced itself; if it is accepted, a transaction that
    /// was open is gone. Answer.
    Hello(Hello),
    /// A client wants to authenticate. Answer: [`challenge`](super::Server::challenge), or
    /// `accept` once the identity is proven, or `reply` with a refusal.
    Auth(Auth),
    /// The response to a challenge. Answer as for `Auth`.
    AuthData(Secret),
    /// The client gave up authenticating, or sent something that is no response; it has been
    /// told 501. Drop the exchange.
    AuthCancelled,
    /// A transaction begins. Answer.
    Mail(Mail),
    /// A recipient. Answer.
    Rcpt(Rcpt),
    /// The client wants to send the message. Answer: `accept` says 354 to DATA and nothing to
    /// BDAT, whose first chunk is on its way already.
    Data,
    /// A piece of the message: CRLF line ends, stuffing removed.
    Body(Bytes),
    /// The message is complete. Answer, in LMTP once for each accepted recipient: whoever says
    /// 2xx has taken responsibility (section 4.2.5).
    EndOfData,
    /// The message that is being received will not be accepted; throw away what there is of it.
    /// The client is told at its end, or that of its chunk, by the machine.
    Aborted(Aborted),
    /// The transaction was given up (RSET, a new hello, QUIT). Forget it.
    Reset,
    /// Does this address exist? Answer: `accept` says 252, "cannot verify" (section 3.5.3).
    Verify(Verify),
    /// Who is on this list? Answer: with [`reply`](super::Server::reply), a member each line
    /// (section 3.5.2); `accept` says 252, "cannot verify".
    Expand(Verify),
    /// The mail that waits for somebody should be sent now (RFC 1985). Answer.
    Etrn(Node),
    /// A trusted client speaks for another. Answer: `accept` greets anew, and all that was said
    /// before is forgotten; whoever [logged in](crate::command::ClientAttribute::Login) there
    /// is authenticated here.
    XClient(ClientFacts),
    /// A trusted client tells where the next message came from. Answer.
    XForward(ClientFacts),
    /// A command was answered by the machine, and not with success.
    Rejected(Reply),
}

/// Why a message is refused while it arrives.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Aborted {
    /// It is larger than [`Limits::message`](crate::Limits::message).
    TooLarge,
    /// It holds a bare CR or LF, and the policy is to reject that.
    Stray(Stray),
}
