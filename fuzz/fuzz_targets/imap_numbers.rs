//! Sets of numbers have one form, and are read back from it; their algebra keeps its laws.

#![no_main]

use std::num::NonZeroU32;

use imap_proto::{NumberSet, OrderedSet, SequenceSet};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let Ok(text) = std::str::from_utf8(data) else {
        return;
    };
    if let Ok(set) = text.parse::<SequenceSet>() {
        assert_eq!(set.to_string().parse(), Ok(set.clone()));
        if let Some(all) = set.resolve(NonZeroU32::MAX) {
            assert_normal(&all);
        }
    }
    if let Ok(set) = text.parse::<OrderedSet>() {
        assert_eq!(set.to_string().parse(), Ok(set.clone()));
        assert_normal(&set.to_set());
    }
    let (one, other) = text.split_once(' ').unwrap_or((text, "1:4294967295"));
    let (Ok(one), Ok(other)) = (one.parse::<NumberSet>(), other.parse::<NumberSet>()) else {
        return;
    };
    let (both, either) = (one.intersection(&other), one.union(&other));
    let (only_one, only_other) = (one.difference(&other), other.difference(&one));
    for set in [&one, &other, &both, &either, &only_one, &only_other] {
        assert_normal(set);
    }
    assert_eq!(either, other.union(&one));
    assert_eq!(both, other.intersection(&one));
    assert_eq!(either.count() + both.count(), one.count() + other.count());
    assert_eq!(only_one.union(&both), one);
    assert_eq!(only_one.union(&other), either);
    assert!(only_one.intersection(&other).is_empty());
    assert_eq!(
        only_one.count() + both.count() + only_other.count(),
        either.count()
    );
});

/// Sorted, with a gap between each two.
fn assert_normal(set: &NumberSet) {
    let mut before = None;
    for run in set.runs() {
        assert!(run.first <= run.last, "{set}");
        let next = before.map_or(1, |last: NonZeroU32| u64::from(last.get()) + 2);
        assert!(u64::from(run.first.get()) >= next, "{set}");
        before = Some(run.last);
    }
}
