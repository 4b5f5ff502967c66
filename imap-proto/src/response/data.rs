//! Untagged responses: which there are.

use std::num::NonZeroU32;

use super::access::{Acl, ListRights, MyRights};
use super::fetch::Fetched;
use super::list::Listed;
use super::mailbox::{MailboxStatus, Namespaces};
use super::metadata::Metadata;
use super::quota::{Quota, QuotaRoot};
use super::search::{ESearchFound, Found, MessageThread};
use super::status::{self, Status, StatusKind};
use super::token::Unknown;
use super::url::UrlFetched;
use crate::capability::Capability;
use crate::command::session::{IdParameters, read_id_parameters, write_id};
use crate::command::{By, ListKind};
use crate::encode::Encoder;
use crate::flag::Flags;
use crate::lex::{Cursor, FOLDED, Parsed};
use crate::quirks::Quirks;
use crate::set::NumberSet;
use crate::string::Octets;

/// What an untagged response tells.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Data {
    /// `OK`, `NO`, `BAD`, `PREAUTH` and `BYE`
    Status(Status),
    /// `CAPABILITY`
    Capability(Vec<Capability>),
    /// `ENABLED` (RFC 5161): what is enabled now.
    Enabled(Vec<Capability>),
    /// `ID` (RFC 2971): who the server is; `None` if it does not say.
    Id(Option<IdParameters>),
    /// `FLAGS`: those of the mailbox.
    Flags(Box<Flags>),
    /// `EXISTS`: how many messages there are.
    Exists(u32),
    /// `RECENT`, of IMAP4rev1: how many of them are `\Recent`.
    Recent(u32),
    /// `EXPUNGE`: the message with this sequence number is gone, and those behind it move up.
    Expunge(NonZeroU32),
    /// `FETCH` and `UIDFETCH`: something about a message.
    Fetch(Fetched),
    /// `VANISHED` (RFC 7162): messages that are gone.
    Vanished {
        /// Whether they went before this session could see them.
        earlier: bool,
        /// Their UIDs.
        uids: NumberSet,
    },
    /// `LIST`, `LSUB` and `XLIST`
    List(Box<Listed>),
    /// `STATUS`
    MailboxStatus(Box<MailboxStatus>),
    /// `NAMESPACE`
    Namespace(Box<Namespaces>),
    /// `SEARCH`
    Search(Found),
    /// `SORT` (RFC 5256)
    Sort(Found),
    /// `ESEARCH`
    ESearch(Box<ESearchFound>),
    /// `THREAD` (RFC 5256)
    Thread(Vec<MessageThread>),
    /// `QUOTA` (RFC 9208)
    Quota(Box<Quota>),
    /// `QUOTAROOT`
    QuotaRoot(Box<QuotaRoot>),
    /// `ACL` (RFC 4314)
    Acl(Box<Acl>),
    /// `LISTRIGHTS`
    ListRights(Box<ListRights>),
    /// `MYRIGHTS`
    MyRights(Box<MyRights>),
    /// `METADATA` (RFC 5464)
    Metadata(Box<Metadata>),
    /// `GENURLAUTH` (RFC 4467): URLs with their authorisation, in the order in which they were asked for.
    GenUrlAuth(Vec<Octets>),
    /// `URLFETCH`
    UrlFetch(Vec<UrlFetched>),
    /// `LANGUAGE` (RFC 5255): the one that is spoken now, or all that could be.
    Language(Vec<Octets>),
    /// `COMPARATOR` (RFC 5255): the one that is used now, and all that match what was asked for.
    Comparator(Octets, Vec<Octets>),
    /// `JMAPACCESS` (RFC 9698): the URL of the JMAP session.
    JmapAccess(Octets),
    /// Something that is not known here.
    Unknown(Box<Unknown>),
}

impl Data {
    pub(super) fn read(cursor: &mut Cursor<'_>) -> Parsed<Self> {
        let start = cursor.at();
        if cursor.peek() == Some(b'[') && cursor.forgives(Quirks::MISSING_STATUS) {
            let (code, text) = status::read_text(cursor)?;
            let kind = StatusKind::Ok;
            return Ok(Self::Status(Status { kind, code, text }));
        }
        let known = match cursor.peek() {
            Some(b'0'..=b'9') => Self::read_numbered(cursor)?,
            _ => Self::read_named(cursor)?,
        };
        match known {
            Some(status @ Self::Status(_)) => Ok(status),
            Some(data) => cursor.end().map(|()| data),
            None => {
                cursor.reset(start);
                Unknown::read(cursor).map(|unknown| Self::Unknown(Box::new(unknown)))
            }
        }
    }

    /// `number SP name`
    fn read_numbered(cursor: &mut Cursor<'_>) -> Parsed<Option<Self>> {
        let start = cursor.at();
        cursor.skip_digits();
        if cursor.peek() != Some(b' ') {
            return Ok(None);
        }
        cursor.space()?;
        let mut word = FOLDED;
        let name = cursor.keyword(&mut word, "a response").unwrap_or_default();
        let end = cursor.at();
        cursor.reset(start);
        let data = match name {
            b"FETCH" | b"UIDFETCH" => {
                let by = match name {
                    b"FETCH" => By::Sequence,
                    _ => By::Uid,
                };
                let number = cursor.nz_number()?;
                cursor.reset(end);
                return Fetched::read(cursor, by, number).map(|fetched| Some(Self::Fetch(fetched)));
            }
            b"EXISTS" => Self::Exists(cursor.number()?),
            b"RECENT" => Self::Recent(cursor.number()?),
            b"EXPUNGE" => Self::Expunge(cursor.nz_number()?),
            _ => return Ok(None),
        };
        cursor.reset(end);
        Ok(Some(data))
    }

    fn read_named(cursor: &mut Cursor<'_>) -> Parsed<Option<Self>> {
        let mut word = FOLDED;
        let name = cursor.keyword(&mut word, "a response").unwrap_or_default();
        if let Some(kind) = StatusKind::from_word(name) {
            return Status::read(cursor, kind).map(|status| Some(Self::Status(status)));
        }
        Ok(Some(match name {
            b"LIST" => Self::List(Listed::read(cursor, ListKind::List)?),
            b"LSUB" => Self::List(Listed::read(cursor, ListKind::Lsub)?),
            b"XLIST" => Self::List(Listed::read(cursor, ListKind::XList)?),
            b"SEARCH" => Self::Search(Found::read(cursor)?),
            b"SORT" => Self::Sort(Found::read(cursor)?),
            b"ESEARCH" => Self::ESearch(ESearchFound::read(cursor)?),
            b"THREAD" => Self::Thread(MessageThread::read_all(cursor)?),
            b"STATUS" => Self::MailboxStatus(Box::new(MailboxStatus::read(cursor)?)),
            b"CAPABILITY" => Self::Capability(cursor.spaced(Capability::read)?),
            b"ENABLED" => Self::Enabled(cursor.spaced(Capability::read)?),
            b"NAMESPACE" => Self::Namespace(Box::new(Namespaces::read(cursor)?)),
            b"FLAGS" => {
                cursor.space()?;
                Self::Flags(Box::new(Flags::read(cursor)?))
            }
            b"ID" => {
                cursor.space()?;
                Self::Id(read_id_parameters(cursor)?)
            }
            b"VANISHED" => {
                cursor.space()?;
                let earlier = cursor.eat(b'(');
                if earlier {
                    cursor.expect_word("EARLIER")?;
                    cursor.expect(b')', "a closing parenthesis")?;
                    cursor.space()?;
                }
                let uids = NumberSet::read(cursor)?;
                Self::Vanished { earlier, uids }
            }
            name => return Self::read_rare(cursor, name),
        }))
    }

    /// Responses of extensions that few servers have.
    fn read_rare(cursor: &mut Cursor<'_>, name: &[u8]) -> Parsed<Option<Self>> {
        Ok(Some(match name {
            b"QUOTA" => Self::Quota(Box::new(Quota::read(cursor)?)),
            b"QUOTAROOT" => Self::QuotaRoot(Box::new(QuotaRoot::read(cursor)?)),
            b"ACL" => Self::Acl(Box::new(Acl::read(cursor)?)),
            b"LISTRIGHTS" => Self::ListRights(Box::new(ListRights::read(cursor)?)),
            b"MYRIGHTS" => Self::MyRights(Box::new(MyRights::read(cursor)?)),
            b"METADATA" => Self::Metadata(Box::new(Metadata::read(cursor)?)),
            b"URLFETCH" => Self::UrlFetch(UrlFetched::read_all(cursor)?),
            b"GENURLAUTH" => match cursor.spaced(Cursor::astring)? {
                urls if urls.is_empty() => return cursor.fail("a URL"),
                urls => Self::GenUrlAuth(urls),
            },
            b"LANGUAGE" => {
                cursor.space()?;
                Self::Language(cursor.nonempty_list(Cursor::astring)?)
            }
            b"COMPARATOR" => {
                cursor.space()?;
                let active = cursor.astring()?;
                let matching = match cursor.eat_space() {
                    true => cursor.nonempty_list(Cursor::astring)?,
                    false => Vec::new(),
                };
                Self::Comparator(active, matching)
            }
            b"JMAPACCESS" => {
                cursor.space()?;
                Self::JmapAccess(cursor.string()?)
            }
            _ => return Ok(None),
        }))
    }

    pub(super) fn write(&self, to: &mut Encoder) {
        match self {
            Self::Status(status) => status.write(to),
            Self::Capability(capabilities) => write_capabilities("CAPABILITY", capabilities, to),
            Self::Enabled(capabilities) => write_capabilities("ENABLED", capabilities, to),
            Self::Id(parameters) => write_id(parameters.as_ref(), to.raw(b"ID")),
            Self::Flags(flags) => flags.write(to.raw(b"FLAGS ")),
            Self::Exists(count) => {
                to.number(*count).raw(b" EXISTS");
            }
            Self::Recent(count) => {
                to.number(*count).raw(b" RECENT");
            }
            Self::Expunge(number) => {
                to.number(number.get()).raw(b" EXPUNGE");
            }
            Self::Fetch(fetched) => fetched.write(to),
            Self::Vanished { earlier, uids } => {
                let earlier: &[u8] = if *earlier { b"(EARLIER) " } else { b"" };
                to.raw(b"VANISHED ").raw(earlier).display(uids);
            }
            Self::List(listed) => listed.write(to),
            Self::MailboxStatus(status) => status.write(to),
            Self::Namespace(namespaces) => namespaces.write(to),
            Self::Search(found) => found.write(to.raw(b"SEARCH")),
            Self::Sort(found) => found.write(to.raw(b"SORT")),
            Self::ESearch(found) => found.write(to.raw(b"ESEARCH")),
            Self::Thread(threads) => {
                to.raw(b"THREAD");
                if !threads.is_empty() {
                    to.space();
                }
                for thread in threads {
                    thread.write(to);
                }
            }
            Self::Quota(quota) => quota.write(to),
            Self::QuotaRoot(root) => root.write(to),
            Self::Acl(acl) => acl.write(to),
            Self::ListRights(rights) => rights.write(to),
            Self::MyRights(rights) => rights.write(to),
            Self::Metadata(metadata) => metadata.write(to),
            Self::GenUrlAuth(urls) => {
                to.raw(b"GENURLAUTH ").spaced(urls, |to, url| {
                    to.string(url);
                });
            }
            Self::UrlFetch(fetched) => {
                to.raw(b"URLFETCH ")
                    .spaced(fetched, |to, url| url.write(to));
            }
            Self::Language(tags) => {
                to.raw(b"LANGUAGE ").list(tags, |to, tag| {
                    to.astring(tag);
                });
            }
            Self::Comparator(active, matching) => {
                to.raw(b"COMPARATOR ").astring(active);
                if !matching.is_empty() {
                    to.space().list(matching, |to, comparator| {
                        to.astring(comparator);
                    });
                }
            }
            Self::JmapAccess(url) => {
                to.raw(b"JMAPACCESS ").string(url);
            }
            Self::Unknown(unknown) => unknown.write(to),
        }
    }
}

fn write_capabilities(name: &str, capabilities: &[Capability], to: &mut Encoder) {
    to.word(name);
    for capability in capabilities {
        to.space().display(capability);
    }
}
