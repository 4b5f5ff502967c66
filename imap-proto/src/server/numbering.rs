//! Which message has which sequence number.

use std::num::NonZeroU32;

use crate::set::{NumberSet, Run};

/// The UIDs of the messages that a client knows, in order: the first has the sequence number 1, and so on
/// (RFC 9051 section 2.3.1.2).
///
/// Kept as spans of consecutive UIDs, so that a mailbox from which little was ever deleted costs
/// next to nothing, however many messages it has. A million messages with a gap behind each cost 8 MB.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Numbering {
    /// Ascending, with a gap before each but the first.
    spans: Vec<Span>,
    count: u32,
}

/// Consecutive UIDs, up to where the next span's numbers begin.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Span {
    /// The first of them.
    uid: u32,
    /// Its sequence number.
    number: u32,
}

impl Numbering {
    pub(super) fn new(uids: &NumberSet) -> Self {
        let mut numbering = Self::default();
        for run in uids.runs() {
            numbering.append(*run);
        }
        numbering
    }

    /// Adds messages behind all others. UIDs that are not above all others are not new, and are
    /// left out (RFC 9051 section 2.3.1.1).
    pub(super) fn append(&mut self, run: Run) {
        let last = self.last_uid().map_or(0, NonZeroU32::get);
        let first = run.first.get().max(last.saturating_add(1));
        if first > run.last.get() || first == last {
            return;
        }
        if self.spans.is_empty() || first != last + 1 {
            let number = self.count + 1;
            self.spans.push(Span { uid: first, number });
        }
        self.count += run.last.get() - first + 1;
    }

    /// Takes messages out; those behind them move up. What lies before the first of them is not
    /// looked at.
    pub(super) fn remove(&mut self, uids: &NumberSet) {
        let Some(first) = uids.first() else {
            return;
        };
        let from = self.span_reaching(first);
        let behind: NumberSet = (from..self.spans.len()).map(|at| self.run(at)).collect();
        self.count = self
            .spans
            .get(from)
            .map_or(self.count, |span| span.number - 1);
        self.spans.truncate(from);
        for run in behind.difference(uids).runs() {
            self.append(*run);
        }
    }

    /// How many messages there are.
    pub(super) fn count(&self) -> u32 {
        self.count
    }

    pub(super) fn last_uid(&self) -> Option<NonZeroU32> {
        let last = self.spans.len().checked_sub(1)?;
        Some(self.run(last).last)
    }

    /// The sequence number of a message, if it is there.
    pub(super) fn number_of(&self, uid: NonZeroU32) -> Option<NonZeroU32> {
        let span = self.spans.get(self.span_reaching(uid))?;
        let offset = uid.get().checked_sub(span.uid)?;
        NonZeroU32::new(span.number + offset)
    }

    /// The UIDs of messages, unless there are not so many messages.
    pub(super) fn uids_of(&self, numbers: &NumberSet) -> Option<NumberSet> {
        if numbers.last().is_some_and(|last| last.get() > self.count) {
            return None;
        }
        let runs = numbers.runs().iter().flat_map(|numbers| {
            let from = self
                .spans
                .partition_point(|span| span.number <= numbers.first.get())
                - 1;
            let spans = self.spans[from..].iter().enumerate();
            spans
                .take_while(|(_, span)| span.number <= numbers.last.get())
                .map(move |(index, span)| {
                    let first = numbers.first.get().max(span.number);
                    let last = numbers.last.get().min(self.last_number(from + index));
                    run(span.uid + (first - span.number), last - first)
                })
        });
        Some(runs.collect())
    }

    /// Those of the UIDs that belong to messages.
    pub(super) fn known(&self, uids: &NumberSet) -> NumberSet {
        self.overlaps(uids).map(|(_, uids)| uids).collect()
    }

    /// The sequence numbers of messages; UIDs that belong to none are left out.
    pub(super) fn numbers_of(&self, uids: &NumberSet) -> NumberSet {
        self.overlaps(uids)
            .map(|(span, uids)| {
                let offset = uids.first.get() - span.uid;
                run(span.number + offset, uids.last.get() - uids.first.get())
            })
            .collect()
    }

    /// Where the UIDs meet the spans.
    fn overlaps<'a>(&'a self, uids: &'a NumberSet) -> impl Iterator<Item = (Span, Run)> + 'a {
        uids.runs().iter().flat_map(move |wanted| {
            (self.span_reaching(wanted.first)..self.spans.len())
                .map(|at| (self.spans[at], self.run(at)))
                .take_while(|(_, run)| run.first <= wanted.last)
                .map(|(span, run)| {
                    let (first, last) = (run.first.max(wanted.first), run.last.min(wanted.last));
                    (span, Run { first, last })
                })
        })
    }

    /// The first span that does not end before a UID.
    fn span_reaching(&self, uid: NonZeroU32) -> usize {
        let at = self.spans.partition_point(|span| span.uid <= uid.get());
        match at.checked_sub(1) {
            Some(before) if self.run(before).last >= uid => before,
            _ => at,
        }
    }

    /// The UIDs of a span.
    fn run(&self, at: usize) -> Run {
        let span = self.spans[at];
        run(span.uid, self.last_number(at) - span.number)
    }

    /// The last sequence number of a span.
    fn last_number(&self, at: usize) -> u32 {
        match self.spans.get(at + 1) {
            Some(next) => next.number - 1,
            None => self.count,
        }
    }
}

/// So many numbers more than the first.
fn run(first: u32, more: u32) -> Run {
    let number = |number| NonZeroU32::new(number).expect("UIDs and sequence numbers begin at 1");
    Run::new(number(first), number(first + more))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn set(numbers: &[u32]) -> NumberSet {
        let numbers = numbers.iter().filter_map(|number| NonZeroU32::new(*number));
        numbers.collect()
    }

    fn list(set: &NumberSet) -> Vec<u32> {
        set.numbers().map(NonZeroU32::get).collect()
    }

    /// The same, as anybody would write it down.
    #[derive(Debug, Default)]
    struct Naive(Vec<u32>);

    impl Naive {
        fn append(&mut self, uids: &[u32]) {
            for uid in uids {
                if self.0.last().is_none_or(|last| last < uid) {
                    self.0.push(*uid);
                }
            }
        }

        fn numbers_of(&self, uids: &[u32]) -> Vec<u32> {
            let numbers = (1..)
                .zip(&self.0)
                .filter(|(_, uid)| uids.contains(uid))
                .map(|(number, _)| number);
            numbers.collect()
        }
    }

    #[derive(Debug, Clone)]
    enum Change {
        Append(Vec<u32>),
        Remove(Vec<u32>),
    }

    fn sorted() -> impl Strategy<Value = Vec<u32>> {
        prop::collection::btree_set(1u32..60, 0..12).prop_map(|set| set.into_iter().collect())
    }

    fn change() -> impl Strategy<Value = Change> {
        prop_oneof![
            sorted().prop_map(Change::Append),
            sorted().prop_map(Change::Remove)
        ]
    }

    proptest! {
        #[test]
        fn as_a_list_would_have_it(
            changes in prop::collection::vec(change(), 0..12),
            asked in sorted(),
        ) {
            let (mut numbering, mut naive) = (Numbering::default(), Naive::default());
            for change in changes {
                match change {
                    Change::Append(uids) => {
                        for run in set(&uids).runs() {
                            numbering.append(*run);
                        }
                        naive.append(&uids);
                    }
                    Change::Remove(uids) => {
                        numbering.remove(&set(&uids));
                        naive.0.retain(|uid| !uids.contains(uid));
                    }
                }
                let all = set(&naive.0);
                prop_assert_eq!(&numbering, &Numbering::new(&all), "one way to keep it");
                prop_assert_eq!(numbering.count() as usize, naive.0.len());
                prop_assert_eq!(numbering.last_uid().map(NonZeroU32::get), naive.0.last().copied());
                prop_assert_eq!(list(&numbering.known(&set(&asked))), list(&all.intersection(&set(&asked))));
                prop_assert_eq!(list(&numbering.numbers_of(&set(&asked))), naive.numbers_of(&asked));
                for uid in &asked {
                    let number = NonZeroU32::new(*uid).and_then(|uid| numbering.number_of(uid));
                    prop_assert_eq!(
                        number.map(NonZeroU32::get),
                        naive.numbers_of(&[*uid]).first().copied()
                    );
                }
                let uids: Option<Vec<_>> = asked
                    .iter()
                    .map(|number| naive.0.get(*number as usize - 1).copied())
                    .collect();
                prop_assert_eq!(numbering.uids_of(&set(&asked)).map(|uids| list(&uids)), uids);
            }
        }
    }

    #[test]
    fn the_last_of_all_uids() {
        let most = NonZeroU32::MAX;
        let mut numbering = Numbering::new(&Run::new(most, most).into());
        numbering.append(Run::new(most, most));
        assert_eq!(numbering.count(), 1);
        assert_eq!(numbering.number_of(most), NonZeroU32::new(1));
        numbering.remove(&Run::new(NonZeroU32::MIN, most).into());
        assert_eq!(numbering, Numbering::default());
    }
}
