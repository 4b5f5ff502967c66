//! Which commands may be sent before others are answered (RFC 9051 section 5.5), as data.

use std::num::NonZeroU32;

use bitflags::bitflags;

use crate::command::{By, CommandBody, SearchKey};
use crate::set::SequenceSet;

bitflags! {
    /// What a command does to what others mean.
    #[derive(Debug, Clone, Copy, PartialEq, Eq)]
    pub(super) struct Traits: u8 {
        /// It calls messages by sequence numbers.
        const NUMBERS = 1;
        /// EXPUNGE may come in its answer, so that numbers change: everything but FETCH, STORE, SEARCH, SORT and THREAD
        /// by sequence number (section 7.5.1).
        const RENUMBERS = 2;
        /// It is about the selected mailbox.
        const MAILBOX = 4;
        /// Another mailbox is selected then, or none.
        const SELECTS = 8;
        /// Nothing may be on its way before it is answered: what others mean, or what octets mean, may change.
        const ALONE = 16;
    }
}

impl Traits {
    pub(super) fn of(body: &CommandBody) -> Self {
        use CommandBody as C;
        let by = |by: By, keys: &[SearchKey]| match by == By::Sequence
            || keys.iter().any(SearchKey::uses_numbers)
        {
            true => Self::NUMBERS,
            false => Self::empty(),
        };
        let quiet = |by_sequence: bool| match by_sequence {
            true => Self::empty(),
            false => Self::RENUMBERS,
        };
        match body {
            C::StartTls
            | C::Authenticate(_)
            | C::Login(_)
            | C::Unauthenticate
            | C::Compress(_)
            | C::Enable(_)
            | C::Idle
            | C::Logout => Self::ALONE,
            C::Select(_) | C::Close | C::Unselect => Self::SELECTS | Self::RENUMBERS,
            C::Fetch(it) => by(it.by, &[]) | quiet(it.by == By::Sequence) | Self::MAILBOX,
            C::Store(it) => by(it.by, &[]) | quiet(it.by == By::Sequence) | Self::MAILBOX,
            C::Search(it) => by(it.by, &it.keys) | quiet(it.by == By::Sequence) | Self::MAILBOX,
            C::Sort(it) => by(it.by, &it.keys) | quiet(it.by == By::Sequence) | Self::MAILBOX,
            C::Thread(it) => by(it.by, &it.keys) | quiet(it.by == By::Sequence) | Self::MAILBOX,
            C::Copy(it) | C::Move(it) => by(it.by, &[]) | Self::RENUMBERS | Self::MAILBOX,
            C::Replace(it) => by(it.by, &[]) | Self::RENUMBERS | Self::MAILBOX,
            C::Expunge(_) | C::Check | C::CancelUpdate(_) => Self::RENUMBERS | Self::MAILBOX,
            _ => Self::RENUMBERS,
        }
    }

    /// Whether a command like this may be sent while that one is not answered.
    pub(super) fn may_follow(self, running: Self) -> bool {
        let both = |one, other| self.contains(one) && running.contains(other);
        !(self | running).contains(Self::ALONE)
            && !both(Self::NUMBERS, Self::RENUMBERS)
            && !both(Self::MAILBOX, Self::SELECTS)
            && !both(Self::SELECTS, Self::MAILBOX)
            && !both(Self::SELECTS, Self::SELECTS)
    }
}

/// Whether a command means other messages when sequence numbers have changed: whether it names any, but for all of them.
pub(super) fn names_numbers(body: &CommandBody) -> bool {
    use CommandBody as C;
    let some = |by: By, set: &SequenceSet| match set {
        SequenceSet::Numbers(numbers) => {
            by == By::Sequence && numbers.open != Some(NonZeroU32::MIN)
        }
        SequenceSet::Saved => false,
    };
    let any = |keys: &[SearchKey]| keys.iter().any(SearchKey::uses_numbers);
    match body {
        C::Fetch(it) => some(it.by, &it.set),
        C::Store(it) => some(it.by, &it.set),
        C::Copy(it) | C::Move(it) => some(it.by, &it.set),
        C::Replace(it) => it.by == By::Sequence,
        C::Search(it) => any(&it.keys),
        C::Sort(it) => any(&it.keys),
        C::Thread(it) => any(&it.keys),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::frame::Frame;
    use crate::reader::Reader;

    fn traits(command: &str) -> Traits {
        let frame = Frame::from(bytes::Bytes::from(format!("a {command}")));
        let command = Reader::strict().command(&frame).expect(command);
        Traits::of(&command.body)
    }

    /// The examples of RFC 9051 section 5.5, and some more.
    #[test]
    fn what_may_follow_what() {
        for (running, next, expected) in [
            ("FETCH 1 FLAGS", "STORE 1 FLAGS ()", true),
            ("STORE 1 FLAGS ()", "SEARCH ALL", true),
            ("SEARCH ALL", "CHECK", true),
            ("STORE 1 FLAGS ()", "COPY 1 x", true),
            ("COPY 1 x", "EXPUNGE", true),
            ("FETCH 1 FLAGS", "NOOP", true),
            ("NOOP", "STORE 1 FLAGS ()", false),
            ("COPY 1 x", "FETCH 1 FLAGS", false),
            ("COPY 1 x", "COPY 1 x", false),
            ("CHECK", "FETCH 1 FLAGS", false),
            ("UID FETCH 1 FLAGS", "FETCH 1 FLAGS", false),
            ("UID FETCH 1 FLAGS", "UID FETCH 1 FLAGS", true),
            ("UID SEARCH ALL", "UID SEARCH 1:2", false),
            ("UID MOVE 1 x", "UID FETCH 1 FLAGS", true),
            ("SELECT x", "FETCH 1 FLAGS", false),
            ("SELECT x", "UID FETCH 1 FLAGS", false),
            ("UID FETCH 1 FLAGS", "SELECT x", false),
            ("LIST \"\" *", "SELECT x", true),
            ("SELECT x", "SELECT y", false),
            ("CAPABILITY", "NOOP", true),
            ("LOGIN a b", "CAPABILITY", false),
            ("CAPABILITY", "STARTTLS", false),
            ("IDLE", "NOOP", false),
            ("NOOP", "LOGOUT", false),
        ] {
            assert_eq!(
                traits(next).may_follow(traits(running)),
                expected,
                "{next} behind {running}"
            );
        }
    }
}
