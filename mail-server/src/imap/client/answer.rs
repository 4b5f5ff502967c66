//! The answer to a command.

use imap_proto::response::{
    Code, CopyUid, Data, ESearchFound, ESearchResult, Fetched, Listed, MailboxStatus,
    MessageThread, Namespaces, Status,
};
use imap_proto::{NumberSet, OrderedSet};

/// What a server has answered to a command that it has carried out.
///
/// [`data`](Self::data) has all of it; the others look for what is most often wanted in there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    status: Status,
    data: Vec<Data>,
}

impl Answer {
    pub(super) fn new(status: Status, data: Vec<Data>) -> Self {
        Self { status, data }
    }

    /// The line that ended it.
    pub fn status(&self) -> &Status {
        &self.status
    }

    /// What was told for this command, in its order. What cannot be read is left out.
    pub fn data(&self) -> &[Data] {
        &self.data
    }

    /// All of that, to keep.
    pub fn into_data(self) -> Vec<Data> {
        self.data
    }

    /// The codes of its lines, that of the last one first.
    pub fn codes(&self) -> impl Iterator<Item = &Code> {
        let earlier = self.data.iter().filter_map(|data| match data {
            Data::Status(status) => status.code.as_ref(),
            _ => None,
        });
        self.status.code.iter().chain(earlier)
    }

    /// The mailboxes that LIST or LSUB has found.
    pub fn listed(&self) -> impl Iterator<Item = &Listed> {
        self.data.iter().filter_map(|data| match data {
            Data::List(listed) => Some(&**listed),
            _ => None,
        })
    }

    /// What STATUS has told, or LIST with STATUS (RFC 5819).
    pub fn statuses(&self) -> impl Iterator<Item = &MailboxStatus> {
        self.data.iter().filter_map(|data| match data {
            Data::MailboxStatus(status) => Some(&**status),
            _ => None,
        })
    }

    /// What NAMESPACE has told (RFC 2342).
    pub fn namespaces(&self) -> Option<&Namespaces> {
        self.data.iter().find_map(|data| match data {
            Data::Namespace(namespaces) => Some(&**namespaces),
            _ => None,
        })
    }

    /// The messages that SEARCH or SORT has found, in its order, in whichever way they were told (RFC 4731): all, or
    /// those of the part that was asked for.
    pub fn found(&self) -> OrderedSet {
        let mut runs = Vec::new();
        for data in &self.data {
            match data {
                Data::Search(found) | Data::Sort(found) => {
                    let found: OrderedSet = found.numbers.iter().copied().collect();
                    runs.extend_from_slice(found.runs());
                }
                Data::ESearch(found) => {
                    for result in &found.results {
                        match result {
                            ESearchResult::All(set) | ESearchResult::Partial(_, Some(set)) => {
                                runs.extend_from_slice(set.runs());
                            }
                            _ => {}
                        }
                    }
                }
                _ => {}
            }
        }
        runs.into_iter().collect()
    }

    /// What a search has told in the extended way (RFC 4731): counts, the first and the last, and so on.
    pub fn esearch(&self) -> Option<&ESearchFound> {
        self.data.iter().find_map(|data| match data {
            Data::ESearch(found) => Some(&**found),
            _ => None,
        })
    }

    /// What THREAD has found (RFC 5256).
    pub fn threads(&self) -> &[MessageThread] {
        let threads = self.data.iter().find_map(|data| match data {
            Data::Thread(threads) => Some(&**threads),
            _ => None,
        });
        threads.unwrap_or_default()
    }

    /// What was told of messages, such as their new flags by STORE.
    pub fn fetched(&self) -> impl Iterator<Item = &Fetched> {
        self.data.iter().filter_map(|data| match data {
            Data::Fetch(fetched) => Some(fetched),
            _ => None,
        })
    }

    /// The UIDs of messages that are gone (RFC 7162).
    pub fn vanished(&self) -> NumberSet {
        let mut all = NumberSet::new();
        for data in &self.data {
            if let Data::Vanished { uids, .. } = data {
                all = all.union(uids);
            }
        }
        all
    }

    /// The messages that STORE has left alone, since others have changed them meanwhile (RFC 7162 section 3.1.3).
    pub fn modified(&self) -> Option<&NumberSet> {
        self.codes().find_map(|code| match code {
            Code::Modified(modified) => Some(modified),
            _ => None,
        })
    }

    /// Which messages COPY or MOVE has made of which (RFC 4315).
    pub fn copied(&self) -> Option<&CopyUid> {
        self.codes().find_map(|code| match code {
            Code::CopyUid(copied) => Some(&**copied),
            _ => None,
        })
    }

    /// The UIDs of what APPEND has added (RFC 4315).
    pub fn appended(&self) -> Option<&OrderedSet> {
        self.codes().find_map(|code| match code {
            Code::AppendUid { uids, .. } => Some(uids),
            _ => None,
        })
    }
}
