//! Commands: what a client says (RFC 9051 section 6, and the extensions').

use crate::class::Class;
use crate::encode::Encoder;
use crate::lex::{Cursor, FOLDED, Parsed};
use crate::string::{Atom, Octets};
use crate::tag::Tag;

pub(crate) mod session;
pub use session::{Authenticate, Login};

mod mailbox;
pub use mailbox::{Create, QResync, Rename, Select};

mod list;
pub use list::{List, ListKind, ListReturn, ListSelection};

mod append;
pub use append::{Append, AppendData, AppendMessage, CatenatePart, Replace};

pub(crate) mod fetch;
pub use fetch::{Fetch, FetchAttribute, FetchAttributes, FetchMacro, FetchModifiers};

pub(crate) mod store;
pub use store::{Copy, Store, StoreHow, StoreWhat};

mod search;
pub use search::{
    AnnotationValue, DayKey, ESearch, EntryType, IsKey, Search, SearchKey, SearchReturn,
    SearchReturnOptions, Sort, SortCriterion, SortKey, TextKey, Thread,
};

pub(crate) mod notify;
pub use notify::{Notify, NotifyEvent, NotifyEvents, NotifyGroup};

mod source;
pub use source::Source;

mod access;
pub use access::{Rights, RightsChange, SetAcl};

mod metadata;
pub use metadata::{Depth, GetMetadata, MetadataEntry, SetMetadata};

mod quota;
pub use quota::{Resource, SetQuota};

mod url;
pub use url::{GenUrlAuth, UrlFetch, UrlFetchPart};

use crate::capability::Capability;
use crate::mailbox::MailboxName;
use crate::set::SequenceSet;
use crate::status::StatusItem;

/// A command with its tag.
#[derive(Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Command {
    /// What its answer will begin with.
    pub tag: Tag,
    /// What is to be done.
    pub body: CommandBody,
}

impl Command {
    /// A command.
    pub fn new(tag: Tag, body: CommandBody) -> Self {
        Self { tag, body }
    }
}

/// How messages are named in a command and its answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[expect(clippy::exhaustive_enums, reason = "IMAP has these two")]
pub enum By {
    /// By their position in the mailbox.
    Sequence,
    /// By their unique identifiers: `UID FETCH` and so on.
    Uid,
}

/// What is to be done.
#[derive(Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum CommandBody {
    /// `CAPABILITY`
    Capability,
    /// `NOOP`
    Noop,
    /// `LOGOUT`
    Logout,
    /// `ID` (RFC 2971): who the client is; `None` if it does not say.
    Id(Option<Vec<(Octets, Option<Octets>)>>),
    /// `STARTTLS`
    StartTls,
    /// `AUTHENTICATE`
    Authenticate(Box<Authenticate>),
    /// `LOGIN`
    Login(Box<Login>),
    /// `UNAUTHENTICATE` (RFC 8437)
    Unauthenticate,
    /// `ENABLE` (RFC 5161)
    Enable(Vec<Capability>),
    /// `COMPRESS` (RFC 4978) with this mechanism.
    Compress(Atom),
    /// `LANGUAGE` (RFC 5255): what is wanted, the best first; none to list what there is.
    Language(Vec<Octets>),
    /// `COMPARATOR` (RFC 5255): what is wanted, the best first; none to ask which is active.
    Comparator(Vec<Octets>),
    /// `GETJMAPACCESS` (RFC 9698)
    GetJmapAccess,
    /// `SELECT`, and `EXAMINE` which is the same for reading only.
    Select(Box<Select>),
    /// `CREATE`
    Create(Box<Create>),
    /// `DELETE`
    Delete(MailboxName),
    /// `RENAME`
    Rename(Box<Rename>),
    /// `SUBSCRIBE`
    Subscribe(MailboxName),
    /// `UNSUBSCRIBE`
    Unsubscribe(MailboxName),
    /// `LIST`, `LSUB`, `XLIST`, `RLIST` and `RLSUB`
    List(Box<List>),
    /// `NAMESPACE` (RFC 2342)
    Namespace,
    /// `STATUS`
    Status(MailboxName, Vec<StatusItem>),
    /// `APPEND`, with more than one message (RFC 3502) or messages made of parts (RFC 4469) too.
    Append(Box<Append>),
    /// `REPLACE` (RFC 8508)
    Replace(Box<Replace>),
    /// `IDLE` (RFC 2177). It is ended by a line of its own, which is no command: `DONE`.
    Idle,
    /// `CHECK`, of IMAP4rev1.
    Check,
    /// `CLOSE`
    Close,
    /// `UNSELECT` (RFC 3691)
    Unselect,
    /// `EXPUNGE`, or with UIDs `UID EXPUNGE` (RFC 4315).
    Expunge(Option<SequenceSet>),
    /// `SEARCH`
    Search(Box<Search>),
    /// `SORT` (RFC 5256)
    Sort(Box<Sort>),
    /// `THREAD` (RFC 5256)
    Thread(Box<Thread>),
    /// `ESEARCH` (RFC 7377): a search in many mailboxes.
    ESearch(Box<ESearch>),
    /// `CANCELUPDATE` (RFC 5267) of searches with these tags.
    CancelUpdate(Vec<Octets>),
    /// `FETCH`
    Fetch(Box<Fetch>),
    /// `STORE`
    Store(Box<Store>),
    /// `COPY`
    Copy(Box<Copy>),
    /// `MOVE` (RFC 6851)
    Move(Box<Copy>),
    /// `NOTIFY` (RFC 5465)
    Notify(Box<Notify>),
    /// `GETQUOTA` (RFC 9208) of a quota root.
    GetQuota(Octets),
    /// `GETQUOTAROOT`
    GetQuotaRoot(MailboxName),
    /// `SETQUOTA`
    SetQuota(Box<SetQuota>),
    /// `SETACL` (RFC 4314)
    SetAcl(Box<SetAcl>),
    /// `DELETEACL` of an identifier.
    DeleteAcl(MailboxName, Octets),
    /// `GETACL`
    GetAcl(MailboxName),
    /// `LISTRIGHTS` of an identifier.
    ListRights(MailboxName, Octets),
    /// `MYRIGHTS`
    MyRights(MailboxName),
    /// `GETMETADATA` (RFC 5464)
    GetMetadata(Box<GetMetadata>),
    /// `SETMETADATA`
    SetMetadata(Box<SetMetadata>),
    /// `GENURLAUTH` (RFC 4467)
    GenUrlAuth(Vec<GenUrlAuth>),
    /// `RESETKEY` of a mailbox and these mechanisms, or of all.
    ResetKey(Option<(MailboxName, Vec<Atom>)>),
    /// `URLFETCH`, with RFC 5524's extension.
    UrlFetch(Vec<UrlFetch>),
}

/// Commands that can be given as what they are. `Copy` may be two, and what has a password is boxed already.
macro_rules! bodies {
    ($($command:ident)*) => {
        $(impl From<$command> for CommandBody {
            fn from(command: $command) -> Self {
                Self::$command(Box::new(command))
            }
        })*
    };
}

bodies! {
    Select Create Rename List Append Replace Search Sort Thread ESearch Fetch Store Notify
    SetQuota SetAcl GetMetadata SetMetadata
}

/// Reads the line that ends `IDLE` (RFC 2177): `DONE`, in any case, without its line end.
pub fn is_idle_done(line: &[u8]) -> bool {
    line.eq_ignore_ascii_case(b"DONE")
}

impl CommandBody {
    /// The command's name, as it stands behind the tag.
    pub fn name(&self) -> &'static str {
        let by_uid = |by: By, name: &'static str, uid: &'static str| match by {
            By::Sequence => name,
            By::Uid => uid,
        };
        match self {
            Self::Capability => "CAPABILITY",
            Self::Noop => "NOOP",
            Self::Logout => "LOGOUT",
            Self::Id(_) => "ID",
            Self::StartTls => "STARTTLS",
            Self::Authenticate(_) => "AUTHENTICATE",
            Self::Login(_) => "LOGIN",
            Self::Unauthenticate => "UNAUTHENTICATE",
            Self::Enable(_) => "ENABLE",
            Self::Compress(_) => "COMPRESS",
            Self::Language(_) => "LANGUAGE",
            Self::Comparator(_) => "COMPARATOR",
            Self::GetJmapAccess => "GETJMAPACCESS",
            Self::Select(select) if select.read_only => "EXAMINE",
            Self::Select(_) => "SELECT",
            Self::Create(_) => "CREATE",
            Self::Delete(_) => "DELETE",
            Self::Rename(_) => "RENAME",
            Self::Subscribe(_) => "SUBSCRIBE",
            Self::Unsubscribe(_) => "UNSUBSCRIBE",
            Self::List(list) => list.kind.as_str(),
            Self::Namespace => "NAMESPACE",
            Self::Status(..) => "STATUS",
            Self::Append(_) => "APPEND",
            Self::Replace(replace) => by_uid(replace.by, "REPLACE", "UID REPLACE"),
            Self::Idle => "IDLE",
            Self::Check => "CHECK",
            Self::Close => "CLOSE",
            Self::Unselect => "UNSELECT",
            Self::Expunge(None) => "EXPUNGE",
            Self::Expunge(Some(_)) => "UID EXPUNGE",
            Self::Search(search) => by_uid(search.by, "SEARCH", "UID SEARCH"),
            Self::Sort(sort) => by_uid(sort.by, "SORT", "UID SORT"),
            Self::Thread(thread) => by_uid(thread.by, "THREAD", "UID THREAD"),
            Self::ESearch(_) => "ESEARCH",
            Self::CancelUpdate(_) => "CANCELUPDATE",
            Self::Fetch(fetch) => by_uid(fetch.by, "FETCH", "UID FETCH"),
            Self::Store(store) => by_uid(store.by, "STORE", "UID STORE"),
            Self::Copy(copy) => by_uid(copy.by, "COPY", "UID COPY"),
            Self::Move(copy) => by_uid(copy.by, "MOVE", "UID MOVE"),
            Self::Notify(_) => "NOTIFY",
            Self::GetQuota(_) => "GETQUOTA",
            Self::GetQuotaRoot(_) => "GETQUOTAROOT",
            Self::SetQuota(_) => "SETQUOTA",
            Self::SetAcl(_) => "SETACL",
            Self::DeleteAcl(..) => "DELETEACL",
            Self::GetAcl(_) => "GETACL",
            Self::ListRights(..) => "LISTRIGHTS",
            Self::MyRights(_) => "MYRIGHTS",
            Self::GetMetadata(_) => "GETMETADATA",
            Self::SetMetadata(_) => "SETMETADATA",
            Self::GenUrlAuth(_) => "GENURLAUTH",
            Self::ResetKey(_) => "RESETKEY",
            Self::UrlFetch(_) => "URLFETCH",
        }
    }

    fn read(cursor: &mut Cursor<'_>) -> Parsed<Self> {
        let start = cursor.at();
        let mut word = FOLDED;
        let name = cursor.keyword(&mut word, "a command")?;
        let body = match name {
            b"UID" => {
                cursor.space()?;
                return Self::read_by_uid(cursor);
            }
            b"FETCH" => Self::Fetch(Fetch::read(cursor, By::Sequence)?),
            b"STORE" => Self::Store(Store::read(cursor, By::Sequence)?),
            b"SEARCH" => Self::Search(Search::read(cursor, By::Sequence)?),
            b"COPY" => Self::Copy(Copy::read(cursor, By::Sequence)?),
            b"MOVE" => Self::Move(Copy::read(cursor, By::Sequence)?),
            b"SORT" => Self::Sort(Sort::read(cursor, By::Sequence)?),
            b"THREAD" => Self::Thread(Thread::read(cursor, By::Sequence)?),
            b"REPLACE" => Self::Replace(Replace::read(cursor, By::Sequence)?),
            b"EXPUNGE" => Self::Expunge(None),
            b"NOOP" => Self::Noop,
            b"IDLE" => Self::Idle,
            b"SELECT" => Self::Select(Select::read(cursor, false)?),
            b"EXAMINE" => Self::Select(Select::read(cursor, true)?),
            b"STATUS" => {
                let mailbox = mailbox_behind_space(cursor)?;
                cursor.space()?;
                Self::Status(mailbox, cursor.list(StatusItem::read)?)
            }
            b"LIST" => Self::List(List::read(cursor, ListKind::List)?),
            b"LSUB" => Self::List(List::read(cursor, ListKind::Lsub)?),
            b"XLIST" => Self::List(List::read(cursor, ListKind::XList)?),
            b"RLIST" => Self::List(List::read(cursor, ListKind::RList)?),
            b"RLSUB" => Self::List(List::read(cursor, ListKind::RLsub)?),
            b"APPEND" => Self::Append(Append::read(cursor)?),
            b"CAPABILITY" => Self::Capability,
            b"LOGOUT" => Self::Logout,
            b"STARTTLS" => Self::StartTls,
            b"LOGIN" => Self::Login(Login::read(cursor)?),
            b"AUTHENTICATE" => Self::Authenticate(Authenticate::read(cursor)?),
            b"ID" => Self::Id(session::read_id(cursor)?),
            b"ENABLE" => Self::Enable(one_or_more(cursor, Capability::read)?),
            b"NAMESPACE" => Self::Namespace,
            b"CHECK" => Self::Check,
            b"CLOSE" => Self::Close,
            b"UNSELECT" => Self::Unselect,
            b"CREATE" => Self::Create(Create::read(cursor)?),
            b"DELETE" => Self::Delete(mailbox_behind_space(cursor)?),
            b"RENAME" => Self::Rename(Rename::read(cursor)?),
            b"SUBSCRIBE" => Self::Subscribe(mailbox_behind_space(cursor)?),
            b"UNSUBSCRIBE" => Self::Unsubscribe(mailbox_behind_space(cursor)?),
            b"NOTIFY" => Self::Notify(Notify::read(cursor)?),
            b"COMPRESS" => {
                cursor.space()?;
                Self::Compress(cursor.atom()?)
            }
            b"UNAUTHENTICATE" => Self::Unauthenticate,
            _ => {
                let Some(body) = Self::read_rare(name, cursor)? else {
                    cursor.reset(start);
                    return cursor.fail("a command");
                };
                body
            }
        };
        Ok(body)
    }

    fn read_by_uid(cursor: &mut Cursor<'_>) -> Parsed<Self> {
        let start = cursor.at();
        let mut word = FOLDED;
        Ok(match cursor.keyword(&mut word, "a command with UIDs")? {
            b"FETCH" => Self::Fetch(Fetch::read(cursor, By::Uid)?),
            b"STORE" => Self::Store(Store::read(cursor, By::Uid)?),
            b"SEARCH" => Self::Search(Search::read(cursor, By::Uid)?),
            b"COPY" => Self::Copy(Copy::read(cursor, By::Uid)?),
            b"MOVE" => Self::Move(Copy::read(cursor, By::Uid)?),
            b"SORT" => Self::Sort(Sort::read(cursor, By::Uid)?),
            b"THREAD" => Self::Thread(Thread::read(cursor, By::Uid)?),
            b"REPLACE" => Self::Replace(Replace::read(cursor, By::Uid)?),
            b"EXPUNGE" => {
                cursor.space()?;
                Self::Expunge(Some(SequenceSet::read(cursor)?))
            }
            _ => {
                cursor.reset(start);
                return cursor.fail("a command with UIDs");
            }
        })
    }

    /// Commands of extensions that few clients send.
    fn read_rare(name: &[u8], cursor: &mut Cursor<'_>) -> Parsed<Option<Self>> {
        Ok(Some(match name {
            b"LANGUAGE" => Self::Language(cursor.spaced(Cursor::astring)?),
            b"COMPARATOR" => Self::Comparator(cursor.spaced(Cursor::astring)?),
            b"GETJMAPACCESS" => Self::GetJmapAccess,
            b"ESEARCH" => Self::ESearch(ESearch::read(cursor)?),
            b"CANCELUPDATE" => Self::CancelUpdate(one_or_more(cursor, |cursor| cursor.string())?),
            b"GETQUOTA" => {
                cursor.space()?;
                Self::GetQuota(cursor.astring()?)
            }
            b"GETQUOTAROOT" => Self::GetQuotaRoot(mailbox_behind_space(cursor)?),
            b"SETQUOTA" => Self::SetQuota(SetQuota::read(cursor)?),
            b"SETACL" => Self::SetAcl(SetAcl::read(cursor)?),
            b"DELETEACL" => {
                let mailbox = mailbox_behind_space(cursor)?;
                cursor.space()?;
                Self::DeleteAcl(mailbox, cursor.astring()?)
            }
            b"GETACL" => Self::GetAcl(mailbox_behind_space(cursor)?),
            b"LISTRIGHTS" => {
                let mailbox = mailbox_behind_space(cursor)?;
                cursor.space()?;
                Self::ListRights(mailbox, cursor.astring()?)
            }
            b"MYRIGHTS" => Self::MyRights(mailbox_behind_space(cursor)?),
            b"GETMETADATA" => Self::GetMetadata(GetMetadata::read(cursor)?),
            b"SETMETADATA" => Self::SetMetadata(SetMetadata::read(cursor)?),
            b"GENURLAUTH" => Self::GenUrlAuth(one_or_more(cursor, GenUrlAuth::read)?),
            b"RESETKEY" => Self::ResetKey(url::read_reset_key(cursor)?),
            b"URLFETCH" => Self::UrlFetch(one_or_more(cursor, UrlFetch::read)?),
            _ => return Ok(None),
        }))
    }

    fn write(&self, to: &mut Encoder) {
        to.word(self.name());
        match self {
            Self::Capability
            | Self::Noop
            | Self::Logout
            | Self::StartTls
            | Self::Unauthenticate
            | Self::GetJmapAccess
            | Self::Namespace
            | Self::Idle
            | Self::Check
            | Self::Close
            | Self::Unselect
            | Self::Expunge(None) => {}
            Self::Id(parameters) => session::write_id(parameters.as_ref(), to),
            Self::Authenticate(authenticate) => authenticate.write(to),
            Self::Login(login) => login.write(to),
            Self::Enable(capabilities) => each(capabilities, to, |to, capability| {
                to.display(capability);
            }),
            Self::Compress(mechanism) => {
                to.space().word(mechanism.as_str());
            }
            Self::Language(values) | Self::Comparator(values) => each(values, to, |to, value| {
                to.astring(value);
            }),
            Self::Select(select) => select.write(to),
            Self::Create(create) => create.write(to),
            Self::Rename(rename) => rename.write(to),
            Self::Delete(mailbox)
            | Self::Subscribe(mailbox)
            | Self::Unsubscribe(mailbox)
            | Self::GetQuotaRoot(mailbox)
            | Self::GetAcl(mailbox)
            | Self::MyRights(mailbox) => mailbox.write(to.space()),
            Self::List(list) => list.write(to),
            Self::Status(mailbox, items) => {
                mailbox.write(to.space());
                to.space().list(items, |to, item| {
                    to.word(item.as_str());
                });
            }
            Self::Append(append) => append.write(to),
            Self::Replace(replace) => replace.write(to),
            Self::Expunge(Some(set)) => {
                to.space().display(set);
            }
            Self::Search(search) => search.write(to),
            Self::Sort(sort) => sort.write(to),
            Self::Thread(thread) => thread.write(to),
            Self::ESearch(search) => search.write(to),
            Self::CancelUpdate(tags) => each(tags, to, |to, tag| {
                to.string(tag);
            }),
            Self::Fetch(fetch) => fetch.write(to),
            Self::Store(store) => store.write(to),
            Self::Copy(copy) | Self::Move(copy) => copy.write(to),
            Self::Notify(notify) => notify.write(to),
            Self::GetQuota(root) => {
                to.space().astring(root);
            }
            Self::SetQuota(set) => set.write(to),
            Self::SetAcl(set) => set.write(to),
            Self::DeleteAcl(mailbox, identifier) | Self::ListRights(mailbox, identifier) => {
                mailbox.write(to.space());
                to.space().astring(identifier);
            }
            Self::GetMetadata(get) => get.write(to),
            Self::SetMetadata(set) => set.write(to),
            Self::GenUrlAuth(requests) => each(requests, to, |to, request| request.write(to)),
            Self::ResetKey(key) => url::write_reset_key(key.as_ref(), to),
            Self::UrlFetch(urls) => each(urls, to, |to, url| url.write(to)),
        }
    }
}

impl Command {
    pub(crate) fn read(cursor: &mut Cursor<'_>) -> Parsed<Self> {
        let tag = cursor.run(Class::TAG, "a tag")?;
        let tag = Tag::new(tag).map_err(|_| cursor.fault("a tag"))?;
        cursor.space()?;
        let body = CommandBody::read(cursor)?;
        cursor.end()?;
        Ok(Self { tag, body })
    }

    pub(crate) fn write(&self, to: &mut Encoder) {
        to.word(self.tag.as_str()).space();
        self.body.write(to);
        to.crlf();
    }
}

fn mailbox_behind_space(cursor: &mut Cursor<'_>) -> Parsed<MailboxName> {
    cursor.space()?;
    MailboxName::read(cursor)
}

/// ` a b c`, with at least one.
fn one_or_more<T>(
    cursor: &mut Cursor<'_>,
    read: impl FnMut(&mut Cursor<'_>) -> Parsed<T>,
) -> Parsed<Vec<T>> {
    let values = cursor.spaced(read)?;
    match values.is_empty() {
        false => Ok(values),
        true => cursor.fail("an argument"),
    }
}

fn each<T>(values: &[T], to: &mut Encoder, mut write: impl FnMut(&mut Encoder, &T)) {
    for value in values {
        write(to.space(), value);
    }
}
