//! What is told of a message, with what the enabled extensions want to go along.

use std::num::NonZeroU32;

use super::session::Enabled;
use crate::command::By;
use crate::flag::Flag;
use crate::number::ModSeq;
use crate::response::{Data, FetchItem, Fetched};

/// A message that the client knows.
#[derive(Debug, Clone, Copy)]
pub(super) struct Message {
    pub(super) uid: NonZeroU32,
    pub(super) number: NonZeroU32,
    pub(super) recent: bool,
}

impl Message {
    /// Something about it.
    ///
    /// The UID goes along where the client asked for it or used UIDs (RFC 9051 section 6.4.9), or has to be able to
    /// rely on them: with IMAP4rev2 (section 7.5.2) and with QRESYNC (RFC 7162 section 3.2.4). With UIDONLY it is what the
    /// message is called by (RFC 9586 section 3.3).
    pub(super) fn tell(self, mut items: Vec<FetchItem>, with_uid: bool, enabled: Enabled) -> Data {
        for item in &mut items {
            if let FetchItem::Flags(flags) = item {
                // That is ours to know (RFC 3501 section 2.3.2).
                flags.remove(&Flag::Recent);
                if self.recent {
                    flags.insert(Flag::Recent);
                }
            }
        }
        if enabled.contains(Enabled::UIDONLY) {
            items.retain(|item| !matches!(item, FetchItem::Uid(_)));
            if items.is_empty() {
                // Nothing else was asked for, and something has to stand there.
                items.push(FetchItem::Uid(self.uid));
            }
            return Data::Fetch(Fetched::new(By::Uid, self.uid, items));
        }
        let wanted = with_uid || enabled.intersects(Enabled::REV2 | Enabled::QRESYNC);
        let told = items.iter().any(|item| matches!(item, FetchItem::Uid(_)));
        if wanted && !told {
            items.insert(0, FetchItem::Uid(self.uid));
        }
        Data::Fetch(Fetched::new(By::Sequence, self.number, items))
    }
}

/// A mod-sequence, for clients that know of them (RFC 7162 section 3.1).
pub(super) fn mod_seq_item(mod_seq: Option<ModSeq>, enabled: Enabled) -> Option<FetchItem> {
    let mod_seq = mod_seq.filter(|_| enabled.contains(Enabled::CONDSTORE))?;
    Some(FetchItem::ModSeq(mod_seq.into()))
}
