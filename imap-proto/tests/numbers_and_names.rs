//! Laws of number sets, mailbox names and dates.

use std::collections::BTreeSet;
use std::num::NonZeroU32;

use imap_proto::{Date, DateTime, MailboxName, NumberSet, OpenSet, OrderedSet, Run, SequenceSet};
use proptest::prelude::*;

fn number(number: u32) -> NonZeroU32 {
    NonZeroU32::new(number).expect("not 0")
}

fn model(set: &NumberSet) -> BTreeSet<u32> {
    set.numbers().map(NonZeroU32::get).collect()
}

/// Sorted, with a gap between each two: then there is one way to keep a set.
fn assert_normal(set: &NumberSet) {
    for run in set.runs() {
        assert!(run.first <= run.last, "{set}");
    }
    for two in set.runs().windows(2) {
        let gap = u64::from(two[1].first.get()).checked_sub(two[0].last.get().into());
        assert!(gap.is_some_and(|gap| gap > 1), "{set}");
    }
}

/// Runs either way round, of numbers near each other and near the ends.
fn pairs() -> impl Strategy<Value = Vec<(u32, u32)>> {
    let low = (1..60u32, 0..6u32).prop_map(|(one, more)| (one, one + more));
    let high = (0..60u32, 0..6u32).prop_map(|(less, fewer)| {
        let one = u32::MAX - less;
        (one, one - fewer)
    });
    proptest::collection::vec(prop_oneof![3 => low, 1 => high], 0..12)
}

fn model_of(pairs: &[(u32, u32)]) -> BTreeSet<u32> {
    pairs
        .iter()
        .flat_map(|(one, other)| *one.min(other)..=*one.max(other))
        .collect()
}

fn set_of(pairs: &[(u32, u32)]) -> NumberSet {
    let mut set = NumberSet::new();
    for (one, other) in pairs {
        set.insert_run(Run::new(number(*one), number(*other)));
    }
    set
}

fn text_of(pairs: &[(u32, u32)]) -> String {
    let texts: Vec<String> = pairs
        .iter()
        .map(|(one, other)| format!("{one}:{other}"))
        .collect();
    texts.join(",")
}

proptest! {
    #[test]
    fn a_set_is_a_set_however_it_is_made(pairs in pairs()) {
        let model = model_of(&pairs);
        let set = set_of(&pairs);
        assert_normal(&set);
        prop_assert_eq!(self::model(&set), model.clone());
        prop_assert_eq!(set.count(), model.len() as u64);
        prop_assert_eq!(set.is_empty(), model.is_empty());
        prop_assert_eq!(set.first().map(NonZeroU32::get), model.first().copied());
        prop_assert_eq!(set.last().map(NonZeroU32::get), model.last().copied());
        let backwards: Vec<u32> = set.numbers().rev().map(NonZeroU32::get).collect();
        prop_assert_eq!(backwards, model.iter().rev().copied().collect::<Vec<_>>());
        prop_assert_eq!(&model.iter().map(|n| number(*n)).collect::<NumberSet>(), &set);
        prop_assert_eq!(&model.iter().rev().map(|n| number(*n)).collect::<NumberSet>(), &set);
        if !pairs.is_empty() {
            prop_assert_eq!(&text_of(&pairs).parse::<NumberSet>().unwrap(), &set);
            prop_assert_eq!(&set.to_string().parse::<NumberSet>().unwrap(), &set);
            let ordered: OrderedSet = text_of(&pairs).parse().unwrap();
            prop_assert_eq!(ordered.to_set(), set);
            prop_assert_eq!(ordered.to_string().parse::<OrderedSet>().unwrap(), ordered);
        }
    }

    #[test]
    fn algebra_is_that_of_sets(one in pairs(), other in pairs(), probe in 1..70u32) {
        let (a, b) = (model_of(&one), model_of(&other));
        let (one, other) = (set_of(&one), set_of(&other));
        for (set, model) in [
            (one.union(&other), &a | &b),
            (one.intersection(&other), &a & &b),
            (one.difference(&other), &a - &b),
        ] {
            assert_normal(&set);
            prop_assert_eq!(self::model(&set), model);
        }
        for probe in [probe, u32::MAX - probe + 1] {
            prop_assert_eq!(one.contains(number(probe)), a.contains(&probe));
            let (mut more, mut less) = (one.clone(), one.clone());
            more.insert(number(probe));
            less.remove(number(probe));
            assert_normal(&more);
            assert_normal(&less);
            prop_assert_eq!(model(&more), &a | &BTreeSet::from([probe]));
            prop_assert_eq!(model(&less), &a - &BTreeSet::from([probe]));
        }
    }

    /// `n:*` and `*:n` mean from `n` to the largest, whichever is the smaller.
    #[test]
    fn a_star_is_the_largest(
        runs in proptest::collection::vec((prop::option::of(1..60u32), prop::option::of(1..60u32)), 1..8),
        largest in 1..60u32,
    ) {
        let star = |end: Option<u32>| end.map_or_else(|| "*".to_owned(), |end| end.to_string());
        let text: Vec<String> = runs
            .iter()
            .map(|(one, other)| match one == other {
                true => star(*one),
                false => format!("{}:{}", star(*one), star(*other)),
            })
            .collect();
        let set: SequenceSet = text.join(",").parse().unwrap();
        prop_assert_eq!(&set.to_string().parse::<SequenceSet>().unwrap(), &set);
        let resolved = set.resolve(number(largest)).expect("numbers");
        // What lies beyond the largest is in it only where it was named without a star.
        let expected = runs.iter().fold(BTreeSet::new(), |mut all, (one, other)| {
            let (from, to) = match (one, other) {
                (Some(one), Some(other)) => (*one.min(other), *one.max(other)),
                (one, other) => (one.or(*other).unwrap_or(largest).min(largest), largest),
            };
            all.extend(from..=to);
            all
        });
        prop_assert_eq!(model(&resolved), expected);
    }

    #[test]
    fn any_text_is_a_set_or_none(text in "[0-9:,*$]{0,12}") {
        if let Ok(set) = text.parse::<SequenceSet>() {
            prop_assert_eq!(set.to_string().parse(), Ok(set));
        }
        if let Ok(set) = text.parse::<NumberSet>() {
            assert_normal(&set);
            prop_assert_eq!(set.to_string().parse(), Ok(set));
        }
    }

    #[test]
    fn names_survive_modified_utf7(name in "[^\0\r\n]{0,12}") {
        let name = MailboxName::new(name).unwrap();
        let written = name.to_utf7().into_owned();
        prop_assert!(written.bytes().all(|octet| (b' '..=b'~').contains(&octet)));
        prop_assert_eq!(MailboxName::from_utf7(&written), Ok(name));
    }

    /// There is one way to write a name: what can be read is what would be written.
    #[test]
    fn modified_utf7_has_no_two_ways(written in "([a-c]|&|&-|-|&[A-D,+/]{1,8}-|&[A-Za-z0-9]{2}[AEIMQUYcgkosw048]-|\u{e4}|\t){0,6}") {
        if let Ok(name) = MailboxName::from_utf7(&written) {
            prop_assert_eq!(name.to_utf7(), written);
        }
    }

    #[test]
    fn days_are_read_as_they_are_printed(year in 0..10_000u16, month in 0..14u8, day in 0..33u8) {
        if let Ok(date) = Date::new(year, month, day) {
            prop_assert_eq!((date.year(), date.month(), date.day()), (year, month, day));
            prop_assert_eq!(date.to_string().parse(), Ok(date));
            prop_assert_eq!(format!("\"{date}\"").parse(), Ok(date));
        }
    }

    #[test]
    fn moments_survive(seconds in -62_167_219_200 + 400_000..253_402_300_800i64 - 400_000, zone in -5999..6000i16) {
        let moment = DateTime::from_unix_seconds(seconds, zone).unwrap();
        prop_assert_eq!(moment.unix_seconds(), seconds);
        prop_assert_eq!(moment.to_string().len(), "17-Jul-1996 02:44:25 -0700".len());
        prop_assert_eq!(moment.to_string().parse(), Ok(moment));
    }

    #[test]
    fn any_text_is_a_date_or_none(text in "[ 0-3]?[0-9]-(jan|FEB|Mar|Xyz)-[0-9]{3,5}( [0-9]{2}:[0-6][0-9]:[0-6][0-9] [+-][0-9]{4})?") {
        if let Ok(date) = text.parse::<Date>() {
            prop_assert_eq!(date.to_string().parse(), Ok(date));
        }
        if let Ok(moment) = text.parse::<DateTime>() {
            prop_assert_eq!(moment.to_string().parse(), Ok(moment));
        }
    }
}

#[test]
fn each_day_follows_the_one_before() {
    let mut days = Date::new(1896, 1, 1).expect("a day").days_since_epoch() - 1;
    for year in 1896..=2004u16 {
        for (month, day) in (1..=12).flat_map(|month| (1..=31).map(move |day| (month, day))) {
            if let Ok(date) = Date::new(year, month, day) {
                days += 1;
                assert_eq!(date.days_since_epoch(), days, "{date}");
                let noon = DateTime::from_unix_seconds(days * 86_400 + 43_200, 0);
                assert_eq!(noon.map(DateTime::date), Ok(date));
            }
        }
    }
    assert_eq!(Date::new(1970, 1, 1).map(Date::days_since_epoch), Ok(0));
}

/// Were it expanded anywhere, this would take gigabytes and minutes.
#[test]
fn all_numbers_are_as_cheap_as_one() {
    let all: NumberSet = "4294967295:1".parse().expect("a set");
    let middle: NumberSet = "1000000000:3000000000".parse().expect("a set");
    for _ in 0..1000 {
        assert_eq!(all.count(), 4_294_967_295);
        assert_eq!(all.union(&middle), all);
        assert_eq!(all.intersection(&middle), middle);
        let rest = all.difference(&middle);
        assert_eq!(rest.to_string(), "1:999999999,3000000001:4294967295");
        assert_eq!(rest.union(&middle), all);
        assert!(all.contains(NonZeroU32::MAX) && !rest.contains(number(2_000_000_000)));
        assert!(all.difference(&all).is_empty());
        assert_eq!(all.numbers().next_back(), Some(NonZeroU32::MAX));
        let open = SequenceSet::all().resolve(NonZeroU32::MAX);
        assert_eq!(open.as_ref(), Some(&all));
    }
    // As many runs as a line can bring, merged pair by pair.
    let even: NumberSet = (1..100_000).map(|n| number(2 * n)).collect();
    let odd: NumberSet = (1..100_000).map(|n| number(2 * n - 1)).collect();
    assert_eq!(even.runs().len(), 99_999);
    assert_eq!(even.union(&odd).to_string(), "1:199998");
    assert_eq!(even.difference(&odd), even);
    assert!(even.intersection(&odd).is_empty());
}

#[test]
fn what_is_no_set() {
    for text in [
        "",
        ",",
        "0",
        "1,",
        ",1",
        "1:",
        ":1",
        "1::2",
        "1:2:3",
        "a",
        " 1",
        "1 ",
        "1\r\n",
        "-1",
        "4294967296",
        "01x",
        "$,1",
        "1,$",
        "1:$",
        "**",
        "*:",
    ] {
        assert!(text.parse::<SequenceSet>().is_err(), "{text:?}");
        assert!(text.parse::<NumberSet>().is_err(), "{text:?}");
    }
    for text in ["*", "1:*", "$"] {
        assert!(text.parse::<SequenceSet>().is_ok(), "{text:?}");
        assert!(text.parse::<NumberSet>().is_err(), "{text:?}");
    }
    assert!(matches!(
        "*:4,7".parse(),
        Ok(SequenceSet::Numbers(OpenSet { open: Some(open), .. })) if open == number(4)
    ));
}
