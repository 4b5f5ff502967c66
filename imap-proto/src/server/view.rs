//! What a client knows of the mailbox that it has selected, and what it has not been told yet.

use std::collections::BTreeMap;
use std::num::NonZeroU32;

use super::numbering::Numbering;
use super::replies::bad;
use crate::command::{By, IsKey, SearchKey};
use crate::flag::Flags;
use crate::number::ModSeq;
use crate::response::{MessageThread, Status};
use crate::set::{NumberSet, OrderedSet, Run, SequenceSet};

/// A selected mailbox, as one client sees it.
///
/// What happens to the mailbox is news, which wait here until the client may be told (RFC 9051 sections
/// 5.2 and 7.5.1). Until then the client's sequence numbers stay what they are, those of messages that
/// are gone included.
///
/// News take a bounded room, whatever happens: numbers are kept as runs, the flags of a message once,
/// and those of many messages not at all ([`take_stale`](Self::take_stale)).
#[derive(Debug, Default)]
pub(super) struct View {
    numbering: Numbering,
    /// Messages that no other session was told of before.
    recent: NumberSet,
    /// `$` (RFC 5182).
    saved: NumberSet,
    /// Gone, and still numbered.
    gone: NumberSet,
    /// The lowest mod-sequence with which one of them went.
    gone_at: Option<ModSeq>,
    /// There, and not numbered yet.
    arrived: NumberSet,
    /// Those that the client has put there itself.
    added: NumberSet,
    /// Those with new flags.
    changed: BTreeMap<NonZeroU32, Changed>,
    /// Those of which it is only known that their flags are new.
    stale: NumberSet,
    /// How many new flags are kept.
    most_changed: usize,
    /// The highest mod-sequence that was heard of.
    highest: Option<ModSeq>,
}

/// What has become of a message's flags.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Changed {
    pub(super) flags: Flags,
    pub(super) mod_seq: Option<ModSeq>,
}

/// The messages that a command means.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Named {
    /// Those that are there.
    pub(super) uids: NumberSet,
    /// Those that are gone, and the client does not know.
    pub(super) gone: NumberSet,
}

/// A sequence number that no message has, which is a mistake of the client (RFC 9051 section 9,
/// `seq-number`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct NoSuchNumber;

impl From<NoSuchNumber> for Status {
    fn from(_: NoSuchNumber) -> Self {
        bad("No such message")
    }
}

impl View {
    /// A mailbox with these messages, which the client is told of by whoever makes the view.
    pub(super) fn new(uids: &NumberSet, recent: NumberSet, most_changed: usize) -> Self {
        Self {
            numbering: Numbering::new(uids),
            recent: recent.intersection(uids),
            most_changed,
            ..Self::default()
        }
    }

    // What happens.

    /// Messages have come.
    pub(super) fn arrived(&mut self, uids: &NumberSet, recent: bool) {
        let last = self.arrived.last().max(self.numbering.last_uid());
        let new: NumberSet = match last {
            Some(last) => uids.difference(&Run::new(NonZeroU32::MIN, last).into()),
            None => uids.clone(),
        };
        if recent {
            self.recent = self.recent.union(&new);
        }
        self.arrived = self.arrived.union(&new);
    }

    /// The client has put messages there itself.
    pub(super) fn added(&mut self, uids: &NumberSet) {
        self.added = self.added.union(uids);
    }

    /// Messages have gone.
    pub(super) fn expunged(&mut self, uids: &NumberSet, mod_seq: Option<ModSeq>) {
        self.heard(mod_seq);
        // Of what the client has not heard of, it need not hear that it is gone.
        self.arrived = self.arrived.difference(uids);
        self.recent = self.recent.difference(uids);
        self.stale = self.stale.difference(uids);
        self.changed.retain(|uid, _| !uids.contains(*uid));
        let gone = self.numbering.known(uids).difference(&self.gone);
        if !gone.is_empty() {
            let lowest = [self.gone_at, mod_seq].into_iter().flatten().min();
            self.gone_at = lowest;
            self.gone = self.gone.union(&gone);
        }
    }

    /// The flags of a message have become these.
    pub(super) fn changed(&mut self, uid: NonZeroU32, flags: Flags, mod_seq: Option<ModSeq>) {
        self.heard(mod_seq);
        let known = self.number_of(uid).is_some() && !self.gone.contains(uid);
        if !known || self.stale.contains(uid) {
            // A message that was not announced is fetched with all its flags.
            return;
        }
        let room = self.changed.len() < self.most_changed || self.changed.contains_key(&uid);
        match room {
            true => {
                self.changed.insert(uid, Changed { flags, mod_seq });
            }
            false => self.stale.insert(uid),
        }
    }

    /// The client has heard of a message's flags in another way.
    pub(super) fn told(&mut self, uid: NonZeroU32, mod_seq: Option<ModSeq>) {
        self.heard(mod_seq);
        self.changed.remove(&uid);
    }

    pub(super) fn heard(&mut self, mod_seq: Option<ModSeq>) {
        self.highest = self.highest.max(mod_seq);
    }

    /// Keeps the result of a search.
    pub(super) fn save(&mut self, uids: NumberSet) {
        self.saved = uids;
    }

    // What the client is told.

    /// Whether messages are gone of which the client does not know.
    pub(super) fn has_gone(&self) -> bool {
        !self.gone.is_empty()
    }

    /// The mod-sequence before that of the first message that is gone in secret: what is safe to be
    /// called the highest (RFC 7162 section 3.2).
    pub(super) fn safe_mod_seq(&self) -> Option<ModSeq> {
        ModSeq::new(self.gone_at?.value() - 1).ok()
    }

    /// Up to so many of those that are gone, as sequence numbers: each as it is when those before it
    /// are gone (RFC 9051 section 7.5.1).
    pub(super) fn take_gone_numbers(&mut self, most: usize) -> Vec<u32> {
        let uids: NumberSet = self.gone.numbers().take(most).collect();
        let numbers = self.numbering.numbers_of(&uids);
        let numbers = (0..).zip(numbers.numbers());
        let moved = numbers.map(|(before, number)| number.get() - before);
        let moved = moved.collect();
        self.forget(&uids);
        moved
    }

    /// Up to so many runs of those that are gone.
    pub(super) fn take_gone_uids(&mut self, most: usize) -> NumberSet {
        let uids: NumberSet = self.gone.runs().iter().take(most).copied().collect();
        self.forget(&uids);
        uids
    }

    fn forget(&mut self, uids: &NumberSet) {
        self.numbering.remove(uids);
        self.saved = self.saved.difference(uids);
        self.gone = self.gone.difference(uids);
        if self.gone.is_empty() {
            self.gone_at = None;
        }
    }

    /// Whether messages are there that the client does not know.
    pub(super) fn has_arrived(&self) -> bool {
        !self.arrived.is_empty()
    }

    /// Numbers the messages that have come, and gives those that others have put there.
    pub(super) fn take_arrived(&mut self) -> NumberSet {
        let arrived = std::mem::take(&mut self.arrived);
        for run in arrived.runs() {
            self.numbering.append(*run);
        }
        let foreign = arrived.difference(&self.added);
        self.added = self.added.difference(&arrived);
        foreign
    }

    /// New flags of a message.
    pub(super) fn take_changed(&mut self) -> Option<(NonZeroU32, Changed)> {
        self.changed.pop_first()
    }

    /// Messages whose new flags have to be asked for.
    pub(super) fn take_stale(&mut self) -> NumberSet {
        std::mem::take(&mut self.stale)
    }

    // What it is now.

    /// How many messages the client knows.
    pub(super) fn count(&self) -> u32 {
        self.numbering.count()
    }

    /// How many of them are recent.
    pub(super) fn recent_count(&self) -> u32 {
        u32::try_from(self.numbering.known(&self.recent).count()).unwrap_or(u32::MAX)
    }

    pub(super) fn is_recent(&self, uid: NonZeroU32) -> bool {
        self.recent.contains(uid)
    }

    pub(super) fn highest(&self) -> Option<ModSeq> {
        self.highest
    }

    pub(super) fn last_uid(&self) -> Option<NonZeroU32> {
        self.numbering.last_uid()
    }

    /// The sequence number of a message that the client knows.
    pub(super) fn number_of(&self, uid: NonZeroU32) -> Option<NonZeroU32> {
        self.numbering.number_of(uid)
    }

    /// The sequence numbers of messages, without those that the client does not know.
    pub(super) fn numbers_of(&self, uids: &NumberSet) -> NumberSet {
        self.numbering.numbers_of(uids)
    }

    /// Those of the messages that are there, as far as the client knows and as we know.
    pub(super) fn present(&self, uids: &NumberSet) -> NumberSet {
        self.numbering.known(uids).difference(&self.gone)
    }

    /// The same, in an order that means something.
    pub(super) fn present_in_order(&self, uids: &OrderedSet) -> OrderedSet {
        let set = uids.to_set();
        let there = self.present(&set);
        match set.runs() == uids.runs() {
            // They ascend, as those of most searches do.
            true => there.into(),
            false => uids.numbers().filter(|uid| there.contains(*uid)).collect(),
        }
    }

    /// Sequence numbers for UIDs, in their order.
    pub(super) fn numbers_in_order(&self, uids: &OrderedSet) -> OrderedSet {
        let set = uids.to_set();
        if set.runs() == uids.runs() {
            return self.numbers_of(&set).into();
        }
        uids.numbers()
            .filter_map(|uid| self.number_of(uid))
            .collect()
    }

    /// A thread without what the client does not know, in numbers of its kind.
    pub(super) fn thread(&self, thread: MessageThread, by: By) -> Option<MessageThread> {
        let there = |uid: &NonZeroU32| match (self.gone.contains(*uid), by) {
            (true, _) => None,
            (false, By::Uid) => self.number_of(*uid).map(|_| *uid),
            (false, By::Sequence) => self.number_of(*uid),
        };
        let numbers: Vec<_> = thread.numbers.iter().filter_map(there).collect();
        let branches = thread.branches.into_iter();
        let mut branches: Vec<_> = branches
            .filter_map(|branch| self.thread(branch, by))
            .collect();
        if branches.len() == 1 {
            // What is left of a fork goes on where it was.
            let only = branches.remove(0);
            let numbers = [numbers, only.numbers].concat();
            return Some(MessageThread::new(numbers, only.branches));
        }
        let empty = numbers.is_empty() && branches.is_empty();
        (!empty).then(|| MessageThread::new(numbers, branches))
    }

    /// Those of the messages that are gone, and the client does not know.
    pub(super) fn gone_among(&self, uids: &NumberSet) -> NumberSet {
        self.gone.intersection(uids)
    }

    /// The messages that a set means (RFC 9051 sections 6.4.9 and 9).
    ///
    /// UIDs that belong to no message are none, without an error.
    pub(super) fn named(&self, by: By, set: &SequenceSet) -> Result<Named, NoSuchNumber> {
        let uids = match (by, set) {
            (_, SequenceSet::Saved) => self.numbering.known(&self.saved),
            (By::Uid, set) => match self.numbering.last_uid().and_then(|last| set.resolve(last)) {
                Some(uids) => self.numbering.known(&uids),
                None => NumberSet::new(),
            },
            (By::Sequence, set) => {
                let last = NonZeroU32::new(self.count()).ok_or(NoSuchNumber)?;
                let numbers = set.resolve(last).ok_or(NoSuchNumber)?;
                self.numbering.uids_of(&numbers).ok_or(NoSuchNumber)?
            }
        };
        Ok(Named {
            gone: self.gone_among(&uids),
            uids: uids.difference(&self.gone),
        })
    }

    /// A search key in which messages are named by UIDs that are there.
    pub(super) fn search_key(&self, key: SearchKey) -> Result<SearchKey, NoSuchNumber> {
        Ok(match key {
            // To look through all of nothing is no mistake.
            SearchKey::Sequence(SequenceSet::Numbers(set))
                if self.count() == 0 && set.numbers.is_empty() =>
            {
                SearchKey::Uid(NumberSet::new().into())
            }
            SearchKey::Sequence(set) => SearchKey::Uid(self.named(By::Sequence, &set)?.uids.into()),
            SearchKey::Uid(set) => SearchKey::Uid(self.named(By::Uid, &set)?.uids.into()),
            // Who is recent is a matter of the session (RFC 3501 section 2.3.2).
            SearchKey::Is(IsKey::Recent) => SearchKey::Uid(self.recent.clone().into()),
            SearchKey::Is(IsKey::Old) => {
                SearchKey::Not(Box::new(SearchKey::Uid(self.recent.clone().into())))
            }
            SearchKey::Is(IsKey::New) => SearchKey::And(vec![
                SearchKey::Uid(self.recent.clone().into()),
                SearchKey::Is(IsKey::Unseen),
            ]),
            SearchKey::And(keys) => SearchKey::And(self.search_keys(keys)?),
            SearchKey::Or(keys) => {
                let (one, other) = *keys;
                SearchKey::Or(Box::new((self.search_key(one)?, self.search_key(other)?)))
            }
            SearchKey::Not(key) => SearchKey::Not(Box::new(self.search_key(*key)?)),
            SearchKey::Fuzzy(key) => SearchKey::Fuzzy(Box::new(self.search_key(*key)?)),
            other => other,
        })
    }

    pub(super) fn search_keys(&self, keys: Vec<SearchKey>) -> Result<Vec<SearchKey>, NoSuchNumber> {
        keys.into_iter().map(|key| self.search_key(key)).collect()
    }
}

#[cfg(test)]
mod tests {
    use std::collections::{BTreeMap, BTreeSet};

    use proptest::prelude::*;

    use super::*;
    use crate::flag::Flag;

    /// What a client makes of what it is told, and what the mailbox is.
    #[derive(Debug, Default)]
    struct Naive {
        /// By sequence number.
        client: Vec<u32>,
        mailbox: BTreeSet<u32>,
        flags: BTreeMap<u32, Flags>,
        next: u32,
    }

    #[derive(Debug, Clone)]
    enum Deed {
        Arrive(u32),
        Expunge(Vec<u32>),
        Flag(u32, bool),
        Announce,
        Tell,
        TellGone(usize),
        TellGoneUids(usize),
    }

    fn deed() -> impl Strategy<Value = Deed> {
        prop_oneof![
            3 => (1u32..5).prop_map(Deed::Arrive),
            3 => prop::collection::vec(1u32..30, 1..8).prop_map(Deed::Expunge),
            3 => (1u32..30, any::<bool>()).prop_map(|(uid, seen)| Deed::Flag(uid, seen)),
            1 => Just(Deed::Announce),
            2 => Just(Deed::Tell),
            1 => (1usize..5).prop_map(Deed::TellGone),
            1 => (1usize..3).prop_map(Deed::TellGoneUids),
        ]
    }

    fn number(number: u32) -> NonZeroU32 {
        NonZeroU32::new(number).expect("not 0")
    }

    fn set<'a>(numbers: impl IntoIterator<Item = &'a u32>) -> NumberSet {
        numbers.into_iter().map(|value| number(*value)).collect()
    }

    /// Does a deed to both, and lets the client hear what it is told.
    fn act(view: &mut View, naive: &mut Naive, deed: Deed) {
        match deed {
            Deed::Arrive(gap) => {
                naive.next += gap;
                naive.mailbox.insert(naive.next);
                view.arrived(&set(&[naive.next]), false);
            }
            Deed::Expunge(uids) => {
                naive.mailbox.retain(|uid| !uids.contains(uid));
                view.expunged(&set(&uids), None);
            }
            Deed::Flag(uid, seen) => {
                if naive.mailbox.contains(&uid) {
                    let flags: Flags = seen.then_some(Flag::Seen).into_iter().collect();
                    naive.flags.insert(uid, flags.clone());
                    view.changed(number(uid), flags, None);
                }
            }
            Deed::Announce => {
                if !view.take_arrived().is_empty() {
                    let known = naive.client.last().copied().unwrap_or(0);
                    let new = naive.mailbox.range(known + 1..).copied();
                    naive.client.extend(new);
                    assert_eq!(view.count() as usize, naive.client.len(), "EXISTS");
                }
            }
            Deed::Tell => {
                while let Some((uid, changed)) = view.take_changed() {
                    assert_eq!(naive.flags.remove(&uid.get()), Some(changed.flags));
                }
                for uid in view.take_stale().numbers() {
                    assert!(naive.flags.remove(&uid.get()).is_some());
                }
            }
            Deed::TellGone(most) => {
                for gone in view.take_gone_numbers(most) {
                    naive.client.remove(gone as usize - 1);
                }
            }
            Deed::TellGoneUids(most) => {
                let gone = view.take_gone_uids(most);
                naive.client.retain(|uid| !gone.contains(number(*uid)));
            }
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(1000))]

        /// Whatever happens, and whatever the client is told when, it has the numbers that we have, and
        /// in the end knows everything.
        #[test]
        fn client_and_view_agree(deeds in prop::collection::vec(deed(), 0..40), most_changed in 0usize..4) {
            let mut view = View::new(&NumberSet::new(), NumberSet::new(), most_changed);
            let mut naive = Naive::default();
            for deed in deeds {
                act(&mut view, &mut naive, deed);
                // What is not known yet is not told; what has gone is asked for in vain.
                naive.flags.retain(|uid, _| naive.mailbox.contains(uid) && view.number_of(number(*uid)).is_some());
                prop_assert_eq!(view.count() as usize, naive.client.len());
                let numbers: NumberSet = (1..=view.count()).map(number).collect();
                let named = view.named(By::Sequence, &numbers.clone().into());
                if numbers.is_empty() {
                    prop_assert_eq!(named, Err(NoSuchNumber));
                    continue;
                }
                let named = named.expect("all of them are there");
                let there: Vec<_> = naive.client.iter().filter(|uid| naive.mailbox.contains(uid)).collect();
                prop_assert_eq!(&named.uids, &set(there));
                prop_assert_eq!(named.uids.union(&named.gone), set(&naive.client));
                prop_assert_eq!(view.has_gone(), !named.gone.is_empty());
            }
            act(&mut view, &mut naive, Deed::TellGone(usize::MAX));
            act(&mut view, &mut naive, Deed::Announce);
            act(&mut view, &mut naive, Deed::Tell);
            prop_assert!(!view.has_gone() && !view.has_arrived());
            prop_assert!(view.take_changed().is_none() && view.take_stale().is_empty());
            prop_assert_eq!(naive.client, naive.mailbox.into_iter().collect::<Vec<_>>());
            prop_assert!(naive.flags.is_empty(), "untold: {:?}", naive.flags);
        }
    }

    /// Deleting 3, 4, 7 and 11 is told as 3, 3, 5, 8 (RFC 9051 section 7.5.1).
    #[test]
    fn each_expunge_moves_those_behind_it() {
        let all: Vec<u32> = (1..=11).collect();
        let mut view = View::new(&set(&all), NumberSet::new(), 9);
        view.expunged(&set(&[3, 4, 7, 11]), None);
        assert_eq!(view.take_gone_numbers(9), [3, 3, 5, 8]);
        assert_eq!(view.count(), 7);
    }

    #[test]
    fn sets() {
        let mut view = View::new(&set(&[10, 20, 30]), NumberSet::new(), 9);
        view.expunged(&set(&[20]), None);
        view.save(set(&[10, 20, 40]));
        let named = |by, text: &str| {
            let named = view.named(by, &text.parse().expect("a set"));
            named.map(|named| format!("{} {}", named.uids, named.gone))
        };
        for (by, set, expected) in [
            (By::Sequence, "1", Ok("10 ")),
            (By::Sequence, "2:*", Ok("30 20")),
            (By::Sequence, "4", Err(NoSuchNumber)),
            (By::Sequence, "3:4", Err(NoSuchNumber)),
            (By::Sequence, "$", Ok("10 20")),
            (By::Uid, "5:25", Ok("10 20")),
            (By::Uid, "11:19", Ok(" ")),
            (By::Uid, "559:*", Ok("30 ")),
            (By::Uid, "$", Ok("10 20")),
        ] {
            assert_eq!(named(by, set), expected.map(str::to_owned), "{by:?} {set}");
        }
        let empty = View::default();
        for by in [By::Sequence, By::Uid] {
            let named = empty.named(by, &SequenceSet::all());
            assert_eq!(named.is_ok(), by == By::Uid);
        }
    }

    /// RFC 7162 section 3.2: what the client may believe to be the highest, while it does not know
    /// what is gone.
    #[test]
    fn mod_sequences() {
        let mod_seq = |value| ModSeq::new(value).ok();
        let mut view = View::new(&set(&[1, 2, 3]), NumberSet::new(), 9);
        view.expunged(&set(&[1]), mod_seq(7));
        view.expunged(&set(&[2]), mod_seq(9));
        assert_eq!(
            (view.safe_mod_seq(), view.highest()),
            (mod_seq(6), mod_seq(9))
        );
        view.take_gone_uids(9);
        assert_eq!(view.safe_mod_seq(), None);
    }
}
