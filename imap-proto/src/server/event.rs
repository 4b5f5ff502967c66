//! What a server session tells the application.

use std::num::NonZeroU32;

use bytes::Bytes;
use mailwire::Secret;

use crate::annotation::Annotation;
use crate::command::session::IdParameters;
use crate::command::{
    Authenticate, CommandBody, Create, FetchAttribute, List, Login, Notify, Rename, SearchKey,
    Select, SortCriterion, StoreHow, StoreWhat,
};
use crate::date::DateTime;
use crate::flag::Flags;
use crate::mailbox::MailboxName;
use crate::number::ModSeqOrZero;
use crate::response::Status;
use crate::set::NumberSet;
use crate::status::StatusItem;
use crate::string::{Atom, Octets};

/// Something the application should know, or decide.
///
/// Those that say "answer" make the machine wait for [`Server::ok`](super::Server::ok) or
/// [`Server::no`](super::Server::no), or for what is named there. Before it says `ok` the application
/// gives what the command asks for.
///
/// Messages are named by their UIDs, whatever the client called them, and only those are named that the client
/// knows and that are there.
#[derive(Debug)]
#[non_exhaustive]
pub enum Event {
    /// `LOGIN`. Answer.
    Login(Box<Login>),
    /// `AUTHENTICATE`. Answer, with [`challenge`](super::Server::challenge) as long as it goes on.
    Authenticate(Box<Authenticate>),
    /// The response to a challenge. Answer as for `Authenticate`.
    AuthData(Secret),
    /// The client gave up authenticating, or sent something that is no response; it has been told. Drop
    /// the exchange.
    AuthCancelled,
    /// `UNAUTHENTICATE` (RFC 8437): nobody is logged in any more, nothing is selected. The client has been
    /// told.
    Unauthenticated,
    /// `ID` (RFC 2971): who the client is, if it says. It has been told who we are.
    Id(Option<IdParameters>),
    /// `SELECT` or `EXAMINE`. What was selected before is not any more. Answer:
    /// [`selected`](super::Server::selected), then what `QRESYNC` asks for with
    /// [`vanished`](super::Server::vanished) and [`fetch`](super::Server::fetch) if UIDVALIDITY is what the client
    /// believes, then `ok`.
    Select(Box<Select>),
    /// `CLOSE`, `UNSELECT`: the mailbox will be selected no more. Answer.
    Close {
        /// Whether what is `\Deleted` goes; nobody is told in this session.
        expunge: bool,
    },
    /// `NOOP` or `CHECK`, with a mailbox: now is the time to tell what has happened to it. Answer.
    Noop,
    /// `IDLE` (RFC 2177) has begun: what happens to the mailbox is told at once.
    Idle,
    /// `CREATE`. Answer.
    Create(Box<Create>),
    /// `DELETE`. Answer.
    Delete(MailboxName),
    /// `RENAME`. Answer.
    Rename(Box<Rename>),
    /// `SUBSCRIBE`. Answer.
    Subscribe(MailboxName),
    /// `UNSUBSCRIBE`. Answer.
    Unsubscribe(MailboxName),
    /// `LIST` and its like. Answer: [`data`](super::Server::data), then `ok`.
    List(Box<List>),
    /// `NAMESPACE`. Answer: [`data`](super::Server::data), then `ok`.
    Namespace,
    /// `STATUS`. Answer: [`data`](super::Server::data), then `ok`.
    Status(MailboxName, Vec<StatusItem>),
    /// A message is to be added: `APPEND`, `REPLACE`. Answer: `ok` to have it, or `no`.
    Append(Box<NewMessage>),
    /// Octets of that message.
    Body(Bytes),
    /// That message goes on with what this URL names (RFC 4469). Answer: `ok`, or `no` with
    /// [`BADURL`](crate::response::Code::BadUrl).
    AppendUrl(Octets),
    /// All messages are complete; they are added together or not at all. Answer: `ok`, or rather
    /// [`ok_with`](super::Server::ok_with) [`APPENDUID`](crate::response::Code::AppendUid).
    AppendEnd,
    /// No message will be added after all; throw away what there is. The client has been told.
    AppendAborted,
    /// `EXPUNGE`, or of these messages `UID EXPUNGE`: what is `\Deleted` goes. Answer:
    /// [`expunged`](super::Server::expunged), then `ok`.
    Expunge(Option<NumberSet>),
    /// `SEARCH`. Answer: [`found`](super::Server::found).
    Search(Box<Search>),
    /// `SORT`. Answer: [`sorted`](super::Server::sorted).
    Sort(Box<Sort>),
    /// `THREAD`. Answer: [`threads`](super::Server::threads).
    Thread(Box<Thread>),
    /// `FETCH`, or new messages of which the client wants to know more (RFC 5465 section 5.2). Answer:
    /// [`fetch`](super::Server::fetch) for each message, then `ok`.
    Fetch(Box<Fetch>),
    /// `STORE`. Answer: [`stored`](super::Server::stored) for each message, then `ok`, or `ok_with`
    /// [`MODIFIED`](crate::response::Code::Modified).
    Store(Box<Store>),
    /// `COPY`, all or nothing. Answer: `ok`, or rather `ok_with`
    /// [`COPYUID`](crate::response::Code::CopyUid).
    Copy(Box<Copy>),
    /// `MOVE`. Answer: [`expunged`](super::Server::expunged), then as for `Copy`.
    Move(Box<Copy>),
    /// The flags of these messages are about to be told, and are too many to be kept here. Answer:
    /// [`stored`](super::Server::stored) for each message, then `ok`.
    Refresh(NumberSet),
    /// `NOTIFY` (RFC 5465): a wish that makes sense, and only for events of extensions that are served. Tell what has
    /// happened to the selected mailbox; answer, with `STATUS` first [`data`](super::Server::data); from there on
    /// tell what happens to others with [`notice`](super::Server::notice). What is told of the selected mailbox is the
    /// machine's matter.
    Notify(Box<Notify>),
    /// A command of which the machine knows nothing but who may say it when: about quotas, rights,
    /// metadata, languages and URLs. Answer: [`data`](super::Server::data), then `ok`.
    Other(Box<CommandBody>),
    /// A command was answered by the machine, and not with success.
    Rejected(Status),
}

/// A message that is about to be added.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct NewMessage {
    /// Where to.
    pub mailbox: MailboxName,
    /// How many messages came before it in the same command (RFC 3502).
    pub index: usize,
    /// Its flags.
    pub flags: Flags,
    /// Its internal date; now if there is none.
    pub date: Option<DateTime>,
    /// Its annotations (RFC 5257).
    pub annotations: Vec<Annotation>,
    /// How many octets it has; `None` if it is made of parts (RFC 4469).
    pub length: Option<u64>,
    /// Whether its headers may be UTF-8 (RFC 6855 section 4).
    pub utf8: bool,
    /// The message of the selected mailbox that goes when this one is there (RFC 8508).
    pub replaces: Option<NonZeroU32>,
}

/// What is looked for.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Search {
    /// All of these. Messages are named by [`Uid`](SearchKey::Uid) alone.
    pub keys: Vec<SearchKey>,
    /// In which character set strings are. One that is not known is refused with
    /// [`BADCHARSET`](crate::response::Code::BadCharset).
    pub charset: Option<Octets>,
    /// Whether the highest mod-sequence of what is found is wanted (RFC 7162 section 3.1.5).
    pub mod_seq: bool,
}

/// What is looked for, and in which order it is told.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Sort {
    /// The most important first.
    pub criteria: Vec<SortCriterion>,
    /// What is looked for.
    pub search: Search,
}

/// What is looked for, and how it is threaded.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Thread {
    /// `ORDEREDSUBJECT`, `REFERENCES` or another.
    pub algorithm: Atom,
    /// What is looked for.
    pub search: Search,
}

/// What is wanted of messages.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Fetch {
    /// Which messages.
    pub uids: NumberSet,
    /// What of each. UIDs are told by the machine.
    pub attributes: Vec<FetchAttribute>,
    /// Only of those that have changed since (RFC 7162 section 3.1.4.1).
    pub changed_since: Option<ModSeqOrZero>,
    /// First tell with [`vanished`](super::Server::vanished) which messages of these went since then: their UIDs
    /// are not among the above.
    pub vanished: Option<NumberSet>,
    /// Whether the messages become `\Seen`: where they do, their flags are told as well (RFC 9051 section
    /// 6.4.5).
    pub seen: bool,
}

/// A change of messages.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Store {
    /// Which messages.
    pub uids: NumberSet,
    /// Only those that have not changed since (RFC 7162 section 3.1.3).
    pub unchanged_since: Option<ModSeqOrZero>,
    /// How.
    pub how: StoreHow,
    /// What. There is no [`Recent`](crate::Flag::Recent) among flags, which is not the client's to change.
    pub what: StoreWhat,
}

/// Messages that go somewhere else.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Copy {
    /// Which messages.
    pub uids: NumberSet,
    /// Where to.
    pub mailbox: MailboxName,
}
