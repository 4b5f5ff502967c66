//! What a client knows of the mailbox that it has selected.

use std::num::NonZeroU32;

use crate::command::By;
use crate::flag::{Flags, PermanentFlags};
use crate::number::ModSeq;
use crate::response::{Code, CodeWord, Data, FetchItem, Fetched};
use crate::set::NumberSet;

/// The selected mailbox, as far as the server has told.
///
/// Sequence numbers change with every EXPUNGE; this is what they mean now. The UID of a message is known once any response
/// has told it: `UID FETCH 1:* (UID)` makes all of them known.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Mailbox {
    /// What makes its UIDs valid.
    pub uid_validity: Option<NonZeroU32>,
    /// The lowest UID that the next message may get, when it was selected.
    pub uid_next: Option<NonZeroU32>,
    /// The highest mod-sequence that it is safe to ask about next time (RFC 7162 section 3.2); `None` if the mailbox keeps none.
    pub highest_mod_seq: Option<ModSeq>,
    /// The flags that messages may have.
    pub flags: Flags,
    /// Those that can be changed for good.
    pub permanent_flags: Option<Box<PermanentFlags>>,
    /// Whether nothing can be changed.
    pub read_only: bool,
    /// By position: its UID, 0 if that is not known.
    uids: Vec<u32>,
}

impl Mailbox {
    /// How many messages there are.
    pub fn exists(&self) -> u32 {
        u32::try_from(self.uids.len()).unwrap_or(u32::MAX)
    }

    /// The UID of the message with a sequence number, if it was told.
    pub fn uid(&self, number: NonZeroU32) -> Option<NonZeroU32> {
        let uid = self.uids.get(number.get() as usize - 1)?;
        NonZeroU32::new(*uid)
    }

    /// The sequence number of a message, if its UID was told.
    pub fn number(&self, uid: NonZeroU32) -> Option<NonZeroU32> {
        // Most often all are known, and then they ascend.
        let at = match self.uids.binary_search(&uid.get()) {
            Ok(at) => Some(at),
            Err(_) => self.uids.iter().position(|known| *known == uid.get()),
        };
        NonZeroU32::new(u32::try_from(at? + 1).ok()?)
    }

    /// The UIDs that are known.
    pub fn uids(&self) -> NumberSet {
        self.uids
            .iter()
            .filter_map(|uid| NonZeroU32::new(*uid))
            .collect()
    }

    /// Takes note of a response.
    pub(super) fn hear(&mut self, data: &Data, most: usize) {
        match data {
            Data::Exists(count) => {
                // It never makes a mailbox smaller (RFC 9051 section 7.4.1), and never larger than we can bear.
                let count = (*count as usize).min(most);
                if count > self.uids.len() {
                    self.uids.resize(count, 0);
                }
            }
            Data::Expunge(number) => {
                let at = number.get() as usize - 1;
                if at < self.uids.len() {
                    self.uids.remove(at);
                }
            }
            Data::Vanished {
                earlier: false,
                uids,
            } => self.vanish(uids),
            Data::Fetch(fetched) => self.fetched(fetched),
            Data::Flags(flags) => self.flags = (**flags).clone(),
            Data::Status(status) => {
                if let Some(code) = &status.code {
                    self.note(code);
                }
            }
            _ => {}
        }
    }

    /// Takes note of a response code.
    pub(super) fn note(&mut self, code: &Code) {
        match code {
            Code::UidValidity(value) => self.uid_validity = Some(*value),
            Code::UidNext(uid) => self.uid_next = Some(*uid),
            Code::HighestModSeq(value) => self.highest_mod_seq = Some(*value),
            Code::PermanentFlags(flags) => self.permanent_flags = Some(flags.clone()),
            Code::Word(CodeWord::ReadOnly) => self.read_only = true,
            Code::Word(CodeWord::ReadWrite) => self.read_only = false,
            Code::Word(CodeWord::NoModSeq) => self.highest_mod_seq = None,
            _ => {}
        }
    }

    /// Messages are gone. Those whose UIDs were not told are among those whose are not known (RFC 7162 section 3.2.10.2).
    fn vanish(&mut self, gone: &NumberSet) {
        let before = self.uids.len();
        self.uids
            .retain(|uid| NonZeroU32::new(*uid).is_none_or(|uid| !gone.contains(uid)));
        let named = (before - self.uids.len()) as u64;
        let mut unknown = gone.count().saturating_sub(named);
        self.uids.retain(|uid| {
            let goes = *uid == 0 && unknown > 0;
            unknown -= u64::from(goes);
            !goes
        });
    }

    fn fetched(&mut self, fetched: &Fetched) {
        let told = fetched.items.iter().find_map(|item| match item {
            FetchItem::Uid(uid) => Some(*uid),
            _ => None,
        });
        if let (By::Sequence, Some(uid)) = (fetched.by, told) {
            if let Some(known) = self.uids.get_mut(fetched.number.get() as usize - 1) {
                *known = uid.get();
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hear(mailbox: &mut Mailbox, said: &str) {
        let frame = crate::frame::Frame::from(bytes::Bytes::from(format!("* {said}")));
        match crate::reader::Reader::strict().response(&frame) {
            Ok(crate::response::Response::Untagged(data)) => mailbox.hear(&data, 1000),
            other => panic!("{said}: {other:?}"),
        }
    }

    #[test]
    fn what_is_told_is_known() {
        let mut mailbox = Mailbox::default();
        for (said, expected) in [
            ("3 EXISTS", "0 0 0"),
            ("1 FETCH (UID 10)", "10 0 0"),
            ("3 FETCH (FLAGS () UID 30)", "10 0 30"),
            ("2 EXPUNGE", "10 30"),
            ("1 EXISTS", "10 30"),
            ("5 EXISTS", "10 30 0 0 0"),
            ("VANISHED 10,40", "30 0 0"),
            ("VANISHED (EARLIER) 1:30", "30 0 0"),
            ("9 EXPUNGE", "30 0 0"),
            ("9 FETCH (UID 9)", "30 0 0"),
        ] {
            hear(&mut mailbox, said);
            let shown: Vec<_> = mailbox.uids.iter().map(u32::to_string).collect();
            assert_eq!(shown.join(" "), expected, "{said}");
        }
        let number = NonZeroU32::new(30).and_then(|uid| mailbox.number(uid));
        assert_eq!(number, NonZeroU32::new(1));
        assert_eq!(mailbox.uids().to_string(), "30");
    }
}
