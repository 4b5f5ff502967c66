//! What was asked for, and by which command.

use std::num::NonZeroU32;

use super::{Client, CommandId};
use crate::command::{By, CommandBody};
use crate::response::{Code, CodeWord, Data, FetchItem, Fetched};
use crate::set::SequenceSet;

impl Client {
    /// Which of the commands on their way asked for this, as far as that can be told.
    pub(super) fn asked_for(&self, data: &Data) -> Option<CommandId> {
        if let Data::Fetch(fetched) = data {
            return self.fetching(fetched);
        }
        if let Data::ESearch(found) = data {
            let asking = |(_, tag): &(CommandId, &str)| {
                found
                    .tag
                    .as_ref()
                    .is_some_and(|named| named.as_str() == *tag)
            };
            let mut sent = self.queue.range(..self.sent);
            let tagged = sent
                .by_ref()
                .map(|pending| (pending.id, pending.tag.as_str()));
            return tagged.into_iter().find(asking).map(|(id, _)| id);
        }
        self.first(|body| {
            use CommandBody as C;
            match data {
                Data::Status(status) => status.code.as_ref().is_some_and(|code| match body {
                    C::Select(_) => is_of_selecting(code),
                    C::Copy(_) | C::Move(_) => matches!(code, Code::CopyUid(_)),
                    _ => false,
                }),
                Data::Capability(_) => matches!(body, C::Capability),
                Data::Enabled(_) => matches!(body, C::Enable(_)),
                Data::Id(_) => matches!(body, C::Id(_)),
                Data::Flags(_) | Data::Exists(_) | Data::Recent(_) => matches!(body, C::Select(_)),
                Data::Vanished { earlier: true, .. } => matches!(body, C::Select(_) | C::Fetch(_)),
                Data::Expunge(_) | Data::Vanished { .. } => {
                    matches!(body, C::Expunge(_) | C::Move(_) | C::Replace(_))
                }
                Data::List(_) => matches!(body, C::List(_)),
                Data::MailboxStatus(told) => match body {
                    C::Status(mailbox, _) => *mailbox == told.mailbox,
                    C::List(list) => list
                        .returned
                        .as_ref()
                        .is_some_and(|it| !it.status.is_empty()),
                    _ => false,
                },
                Data::Namespace(_) => matches!(body, C::Namespace),
                Data::Search(_) => matches!(body, C::Search(_)),
                Data::Sort(_) => matches!(body, C::Sort(_)),
                Data::Thread(_) => matches!(body, C::Thread(_)),
                Data::Quota(_) => {
                    matches!(body, C::GetQuota(_) | C::GetQuotaRoot(_) | C::SetQuota(_))
                }
                Data::QuotaRoot(_) => matches!(body, C::GetQuotaRoot(_)),
                Data::Acl(_) => matches!(body, C::GetAcl(_)),
                Data::ListRights(_) => matches!(body, C::ListRights(..)),
                Data::MyRights(_) => matches!(body, C::MyRights(_)),
                Data::Metadata(_) => matches!(body, C::GetMetadata(_)),
                Data::GenUrlAuth(_) => matches!(body, C::GenUrlAuth(_)),
                Data::UrlFetch(_) => matches!(body, C::UrlFetch(_)),
                Data::Language(_) => matches!(body, C::Language(_)),
                Data::Comparator(..) => matches!(body, C::Comparator(_)),
                Data::JmapAccess(_) => matches!(body, C::GetJmapAccess),
                _ => false,
            }
        })
    }

    /// Which FETCH or STORE this answers: the first that names the message. News of others look just the same, but tell
    /// nothing that does not change: what has more in it was asked for, even if the UID is not known yet.
    pub(super) fn fetching(&self, fetched: &Fetched) -> Option<CommandId> {
        let (number, uid) = match fetched.by {
            By::Sequence => {
                let known = self
                    .mailbox()
                    .and_then(|mailbox| mailbox.uid(fetched.number));
                (Some(fetched.number), fetched.uid().or(known))
            }
            By::Uid => (None, Some(fetched.number)),
        };
        let asked = fetched.items.iter().any(|item| {
            use FetchItem as I;
            !matches!(item, I::Flags(_) | I::Uid(_) | I::ModSeq(_))
        });
        let names = |by: By, set: &SequenceSet| {
            let named = match by {
                By::Sequence => number,
                By::Uid => uid,
            };
            named.map_or(asked, |named| may_name(set, named))
        };
        self.first(|body| match body {
            CommandBody::Fetch(fetch) => names(fetch.by, &fetch.set),
            CommandBody::Store(store) => names(store.by, &store.set),
            CommandBody::Select(select) => select.qresync.is_some(),
            _ => false,
        })
    }

    fn first(&self, asks: impl Fn(&CommandBody) -> bool) -> Option<CommandId> {
        let mut sent = self.queue.range(..self.sent);
        sent.find(|pending| asks(&pending.body))
            .map(|pending| pending.id)
    }
}

/// Whether a code tells of the mailbox that is being selected (RFC 9051 section 6.3.2, RFC 7162 section 3.1.2, RFC 8474 section 4.2).
fn is_of_selecting(code: &Code) -> bool {
    use CodeWord as W;
    matches!(
        code,
        Code::PermanentFlags(_)
            | Code::UidNext(_)
            | Code::UidValidity(_)
            | Code::Unseen(_)
            | Code::HighestModSeq(_)
            | Code::MailboxId(_)
            | Code::Word(W::Closed | W::NoModSeq | W::UidNotSticky)
    )
}

/// Whether a set names a message, or may: what `*` and `$` are only the server knows.
fn may_name(set: &SequenceSet, number: NonZeroU32) -> bool {
    match set {
        SequenceSet::Saved => true,
        SequenceSet::Numbers(set) => set.open.is_some() || set.numbers.contains(number),
    }
}
