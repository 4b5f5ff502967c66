//! What a server session tells the application.

use mailwire::Secret;

use crate::Refusal;
use crate::command::{Apop, Auth, Password, UserName};

/// Something the application should know, or decide.
///
/// Those that say "answer" make the machine wait for the call that is named.
/// [`Server::err`](super::Server::err) fits them all.
#[derive(Debug)]
#[non_exhaustive]
pub enum Event {
    /// USER and PASS. Answer: [`open`](super::Server::open), once the password is
    /// right and the mailbox is locked.
    Login(Login),
    /// APOP. Answer as for `Login`.
    Apop(Apop),
    /// AUTH. Answer: [`challenge`](super::Server::challenge), or as for `Login`.
    Auth(Auth),
    /// The response to a challenge. Answer as for `Auth`.
    AuthData(Secret),
    /// The client gave up authenticating, or sent something that is no response; it has been
    /// told. Drop the exchange.
    AuthCancelled,
    /// RETR or TOP. Answer: [`ok`](super::Server::ok), then the message from its beginning
    /// through [`write_body`](super::Server::write_body) and
    /// [`finish_body`](super::Server::finish_body).
    Retrieve(Retrieve),
    /// QUIT after a login (RFC 1939 section 6): delete these messages, give up the lock, then
    /// answer: [`ok`](super::Server::ok). Without this event nothing may be deleted.
    Update(Update),
    /// A command was answered by the machine, and not with success.
    Rejected(Refusal),
}

/// A login by name and password.
#[derive(Debug)]
#[non_exhaustive]
pub struct Login {
    /// Who wants to log in.
    pub name: UserName,
    /// The password.
    pub password: Password,
}

/// A message is wanted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Retrieve {
    /// Its number, the first being 1.
    pub number: u32,
    /// For TOP: so many lines of the body. The machine cuts the message by itself, and says in
    /// [`wants_body`](super::Server::wants_body) when it has enough.
    pub lines: Option<u32>,
    /// The session is in UTF-8 mode. Otherwise a message whose header is in UTF-8 should be
    /// refused with `[UTF8]` (RFC 6856 section 5), if the application knows.
    pub utf8: bool,
}

/// The session ends, and its deletions come true.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Update {
    /// The numbers of the messages to delete, in order.
    pub deleted: Vec<u32>,
    /// The numbers of the messages that were sent whole, in order, deleted or not: what a mailbox may
    /// mark as seen.
    pub retrieved: Vec<u32>,
}
