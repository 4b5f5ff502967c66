//! What a search has found, as the client wants to hear it.

use std::num::NonZeroU32;
use std::slice::from_ref;

use super::replies::bad;
use super::view::View;
use super::{Server, State, Turn};
use crate::command::{By, IsKey, SearchKey, SearchReturn, SearchReturnOptions};
use crate::limits::NUMBERS_AT_ONCE;
use crate::number::ModSeq;
use crate::response::{ESearchFound, ESearchResult, Status};
use crate::set::{NumberSet, OrderedSet, ResultRange, Run};
use crate::tag::Tag;

/// How a client wants to hear what is found.
#[derive(Debug)]
pub(super) struct Wanted {
    pub(super) by: By,
    /// As `ESEARCH`, with these results; otherwise as `SEARCH` or `SORT`.
    pub(super) returned: Option<SearchReturn>,
}

impl Wanted {
    /// Whether there is nothing to be said: the result is only saved.
    pub(super) fn is_saved_only(&self) -> bool {
        self.returned.as_ref().is_some_and(|returned| {
            returned.options == SearchReturnOptions::SAVE && returned.partial.is_none()
        })
    }

    /// What is kept for `$`, if that is wanted: `MIN` and `MAX` alone keep no more than they say (RFC 9051
    /// section 6.4.4.1).
    pub(super) fn saved(&self, found: &OrderedSet) -> Option<NumberSet> {
        use SearchReturnOptions as O;
        let returned = self.returned.as_ref()?;
        if !returned.options.contains(O::SAVE) {
            return None;
        }
        let all = found.to_set();
        let ends = returned.options & (O::MIN | O::MAX);
        let others = returned.options & (O::ALL | O::COUNT);
        if let (Some(range), true) = (&returned.partial, others.is_empty()) {
            // RFC 9394 section 3.2
            return Some(partial(found, range).to_set());
        }
        if ends.is_empty() || !others.is_empty() {
            return Some(all);
        }
        let first = all.first().filter(|_| ends.contains(O::MIN));
        let last = all.last().filter(|_| ends.contains(O::MAX));
        Some(first.into_iter().chain(last).collect())
    }

    /// The answer in the way of RFC 4731.
    pub(super) fn extended(
        &self,
        tag: Tag,
        found: &OrderedSet,
        mod_seq: Option<ModSeq>,
        view: &View,
    ) -> ESearchFound {
        use SearchReturnOptions as O;
        let returned = self.returned.clone().unwrap_or_default();
        let mut options = returned.options - O::SAVE - O::CONTEXT;
        if options.is_empty() && returned.partial.is_none() {
            options = O::ALL;
        }
        let named = |uids: &OrderedSet| match self.by {
            By::Uid => uids.clone(),
            By::Sequence => view.numbers_in_order(uids),
        };
        let numbers = named(found);
        let mut results = Vec::new();
        // Of a sort, the first and the last are MIN and MAX (RFC 5267 section 3.1).
        let mut order = numbers.numbers();
        let first = order.next();
        let last = order.next_back().or(first);
        if let (true, Some(first)) = (options.contains(O::MIN), first) {
            results.push(ESearchResult::Min(first));
        }
        if let (true, Some(last)) = (options.contains(O::MAX), last) {
            results.push(ESearchResult::Max(last));
        }
        if options.contains(O::COUNT) {
            let count = u32::try_from(numbers.count()).unwrap_or(u32::MAX);
            results.push(ESearchResult::Count(count));
        }
        if let Some(range) = returned.partial {
            let some = partial(&numbers, &range);
            let some = (some.count() > 0).then_some(some);
            results.push(ESearchResult::Partial(range, some));
        }
        let any = numbers.count() > 0;
        if options.contains(O::ALL) && any {
            results.push(ESearchResult::All(numbers.clone()));
        }
        if let (true, Some(mod_seq)) = (any, mod_seq) {
            results.push(ESearchResult::ModSeq(mod_seq));
        }
        ESearchFound::new(Some(tag), self.by, results)
    }
}

/// Not all and a part at once (RFC 9394 section 3.1).
pub(super) fn check_returned(returned: Option<&SearchReturn>) -> Result<(), Status> {
    let both = returned.is_some_and(|returned| {
        returned.partial.is_some() && returned.options.contains(SearchReturnOptions::ALL)
    });
    match both {
        true => Err(bad("Either ALL or PARTIAL")),
        false => Ok(()),
    }
}

/// The results at these positions.
pub(super) fn partial(found: &OrderedSet, range: &ResultRange) -> OrderedSet {
    let count = found.count();
    let run = range.run;
    let (first, last) = (u64::from(run.first.get()), u64::from(run.last.get()));
    let (first, last) = match range.from_end {
        false => (first, last.min(count)),
        // The last is the first from the end.
        true => (
            (count + 1).saturating_sub(last).max(1),
            (count + 1).saturating_sub(first),
        ),
    };
    if first > last {
        return OrderedSet::default();
    }
    let (mut passed, mut some) = (0, Vec::new());
    for run in found.runs() {
        let from = first.saturating_sub(passed + 1);
        let to = (last - passed).min(run.count());
        if from < to {
            let number = |offset: u64| run.first.get() + offset as u32;
            some.push((number(from), number(to - 1)));
        }
        passed += run.count();
        if passed >= last {
            break;
        }
    }
    let number = |number| NonZeroU32::new(number).unwrap_or(NonZeroU32::MIN);
    let runs = some
        .into_iter()
        .map(|(one, other)| Run::new(number(one), number(other)));
    runs.collect()
}

/// Whether a search is about mod-sequences (RFC 7162 section 3.1.5).
pub(super) fn asks_for_mod_seq(keys: &[SearchKey]) -> bool {
    keys.iter().any(|key| match key {
        SearchKey::ModSeq { .. } => true,
        SearchKey::And(keys) => asks_for_mod_seq(keys),
        SearchKey::Or(keys) => {
            asks_for_mod_seq(from_ref(&keys.0)) || asks_for_mod_seq(from_ref(&keys.1))
        }
        SearchKey::Not(key) | SearchKey::Fuzzy(key) => asks_for_mod_seq(from_ref(key)),
        _ => false,
    })
}

/// How many sets of messages a search names: each may take as much room as the mailbox has gaps.
pub(super) fn sets(keys: &[SearchKey]) -> usize {
    let one = |key: &SearchKey| match key {
        SearchKey::Sequence(_)
        | SearchKey::Uid(_)
        | SearchKey::Is(IsKey::Recent | IsKey::Old | IsKey::New) => 1,
        SearchKey::And(keys) => sets(keys),
        SearchKey::Or(keys) => sets(from_ref(&keys.0)) + sets(from_ref(&keys.1)),
        SearchKey::Not(key) | SearchKey::Fuzzy(key) => sets(from_ref(key)),
        _ => 0,
    };
    keys.iter().map(one).sum()
}

/// An answer of numbers that is written piece by piece, so that a million of them do not make the
/// output larger than its mark.
#[derive(Debug)]
pub(super) struct Listing {
    numbers: OrderedSet,
    /// How many are written.
    written: u64,
    pub(super) mod_seq: Option<ModSeq>,
}

impl Listing {
    pub(super) fn new(numbers: OrderedSet, mod_seq: Option<ModSeq>) -> Self {
        let mod_seq = mod_seq.filter(|_| numbers.count() > 0);
        Self {
            numbers,
            written: 0,
            mod_seq,
        }
    }

    /// The next ones, at most so many.
    pub(super) fn take(&mut self, most: u32) -> Vec<NonZeroU32> {
        let position = |place: u64| u32::try_from(place).ok().and_then(NonZeroU32::new);
        let (Some(first), Some(last)) = (
            position(self.written + 1),
            position(self.written + u64::from(most)),
        ) else {
            return Vec::new();
        };
        let range = ResultRange::from_first(Run::new(first, last));
        let some: Vec<_> = partial(&self.numbers, &range).numbers().collect();
        self.written += some.len() as u64;
        some
    }
}

impl Server {
    /// The next numbers of an answer, as many as the output should hold.
    pub(super) fn list(&mut self) -> Turn {
        let State::Listing(listing, _) = &mut self.state else {
            unreachable!("called in this state alone");
        };
        let output = &mut self.speaker.output;
        while !output.is_over() {
            let some = listing.take(NUMBERS_AT_ONCE);
            for number in &some {
                output.push(b" ");
                output.push_number(number.get().into());
            }
            if !some.is_empty() {
                continue;
            }
            if let Some(mod_seq) = listing.mod_seq {
                output.push(b" (MODSEQ ");
                output.push_number(mod_seq.value());
                output.push(b")");
            }
            output.push(b"\r\n");
            let State::Listing(_, ending) = std::mem::replace(&mut self.state, State::Command)
            else {
                unreachable!("it was looked at above");
            };
            self.state = State::Telling(ending);
            break;
        }
        Turn::Go
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn set(text: &str) -> OrderedSet {
        text.parse().expect("a set")
    }

    #[test]
    fn parts_of_results() {
        let run = |one: u32, other: u32| {
            let number = |number| NonZeroU32::new(number).expect("not 0");
            Run::new(number(one), number(other))
        };
        let found = set("10:12,30,20:22");
        for (first, last, from_first, from_last) in [
            (1, 1, "10", "22"),
            (2, 4, "11:12,30", "30,20:21"),
            (1, 100, "10:12,30,20:22", "10:12,30,20:22"),
            (7, 9, "22", "10"),
            (8, 9, "", ""),
        ] {
            let range = run(first, last);
            let shown = |range| partial(&found, &range).to_string();
            assert_eq!(shown(ResultRange::from_first(range)), from_first);
            assert_eq!(shown(ResultRange::from_last(range)), from_last);
        }
    }

    #[test]
    fn a_list_in_pieces() {
        let mut listing = Listing::new(set("5,1:4,9"), None);
        let mut all = Vec::new();
        loop {
            let some = listing.take(4);
            if some.is_empty() {
                break;
            }
            all.extend(some.into_iter().map(NonZeroU32::get));
        }
        assert_eq!(all, [5, 1, 2, 3, 4, 9]);
    }
}
