//! Sets of numbers: sorted runs that are never expanded, with or without an open end.

mod ordered;
pub use ordered::OrderedSet;

mod sequence;
pub use sequence::{OpenSet, SequenceSet};

mod range;
pub use range::ResultRange;

use std::fmt;
use std::num::NonZeroU32;
use std::str::FromStr;

use crate::error::Invalid;
use crate::lex::{Cursor, Parsed};
use crate::quirks::Quirks;

/// Consecutive numbers, first and last included.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct Run {
    /// The smallest.
    pub first: NonZeroU32,
    /// The largest.
    pub last: NonZeroU32,
}

impl Run {
    /// The numbers from one to another, whichever is the smaller.
    pub fn new(one: NonZeroU32, other: NonZeroU32) -> Self {
        Self {
            first: one.min(other),
            last: one.max(other),
        }
    }

    /// How many there are.
    pub fn count(&self) -> u64 {
        u64::from(self.last.get() - self.first.get()) + 1
    }

    fn numbers(self) -> impl DoubleEndedIterator<Item = NonZeroU32> {
        (self.first.get()..=self.last.get()).filter_map(NonZeroU32::new)
    }
}

impl fmt::Display for Run {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.first == self.last {
            true => self.first.fmt(f),
            false => write!(f, "{}:{}", self.first, self.last),
        }
    }
}

/// A set of numbers other than 0: UIDs or sequence numbers that are known.
///
/// Kept as sorted runs, so that `1:4294967295` costs as little as `1`.
///
/// ```
/// use imap_proto::NumberSet;
///
/// let mut seen: NumberSet = "4:2,7,3:5".parse()?;
/// assert_eq!(seen.to_string(), "2:5,7");
/// seen.insert(6.try_into()?);
/// assert_eq!(seen.to_string(), "2:7");
/// assert_eq!(seen.difference(&"4:5".parse()?).to_string(), "2:3,6:7");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Default, PartialEq, Eq, Hash)]
pub struct NumberSet {
    /// Sorted, and with a gap between each two.
    runs: Vec<Run>,
}

impl NumberSet {
    /// The empty set. It cannot be written in IMAP, where a set has at least one number.
    pub const fn new() -> Self {
        Self { runs: Vec::new() }
    }

    /// Adds a number.
    pub fn insert(&mut self, number: NonZeroU32) {
        self.insert_run(Run::new(number, number));
    }

    /// Adds a run. At the end of the set, where numbers mostly come, that takes no time.
    pub fn insert_run(&mut self, run: Run) {
        match self.runs.last_mut() {
            None => self.runs.push(run),
            Some(last) if run.first > last.last => match adjoins(*last, run) {
                true => last.last = run.last,
                false => self.runs.push(run),
            },
            Some(_) => {
                let from = self
                    .runs
                    .partition_point(|old| old.last < run.first && !adjoins(*old, run));
                let to = self
                    .runs
                    .partition_point(|old| old.first <= run.last || adjoins(run, *old));
                let merged = self.runs[from..to].iter().fold(run, |merged, old| Run {
                    first: merged.first.min(old.first),
                    last: merged.last.max(old.last),
                });
                self.runs.splice(from..to, [merged]);
            }
        }
    }

    /// Takes a number out.
    pub fn remove(&mut self, number: NonZeroU32) {
        *self = self.difference(&Self::from(Run::new(number, number)));
    }

    /// Whether a number is in it.
    pub fn contains(&self, number: NonZeroU32) -> bool {
        let at = self.runs.partition_point(|run| run.last < number);
        self.runs.get(at).is_some_and(|run| run.first <= number)
    }

    /// How many numbers there are.
    pub fn count(&self) -> u64 {
        self.runs.iter().map(Run::count).sum()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.runs.is_empty()
    }

    /// The smallest.
    pub fn first(&self) -> Option<NonZeroU32> {
        self.runs.first().map(|run| run.first)
    }

    /// The largest.
    pub fn last(&self) -> Option<NonZeroU32> {
        self.runs.last().map(|run| run.last)
    }

    /// The runs, from the smallest.
    pub fn runs(&self) -> &[Run] {
        &self.runs
    }

    /// The numbers one by one, from the smallest. There may be four thousand million of them.
    pub fn numbers(&self) -> impl DoubleEndedIterator<Item = NonZeroU32> + '_ {
        self.runs.iter().flat_map(|run| run.numbers())
    }

    /// What is in either.
    pub fn union(&self, other: &Self) -> Self {
        let (mut one, mut two) = (self.runs.iter().peekable(), other.runs.iter().peekable());
        let mut union = Self::new();
        while let Some(run) = match (one.peek(), two.peek()) {
            (Some(a), Some(b)) if a.first <= b.first => one.next(),
            (_, Some(_)) => two.next(),
            (_, None) => one.next(),
        } {
            union.append(*run);
        }
        union
    }

    /// What is in both.
    pub fn intersection(&self, other: &Self) -> Self {
        let (mut one, mut two) = (0, 0);
        let mut runs = Vec::new();
        while let (Some(a), Some(b)) = (self.runs.get(one), other.runs.get(two)) {
            let (first, last) = (a.first.max(b.first), a.last.min(b.last));
            if first <= last {
                runs.push(Run { first, last });
            }
            match a.last < b.last {
                true => one += 1,
                false => two += 1,
            }
        }
        Self { runs }
    }

    /// What is in this one and not in the other.
    pub fn difference(&self, other: &Self) -> Self {
        let mut runs = Vec::new();
        let mut holes = &other.runs[..];
        for run in &self.runs {
            let passed = holes
                .iter()
                .take_while(|hole| hole.last < run.first)
                .count();
            holes = &holes[passed..];
            let mut first = Some(run.first);
            for hole in holes.iter().take_while(|hole| hole.first <= run.last) {
                if let Some(first) = first.filter(|first| *first < hole.first) {
                    // The hole begins behind a number, so it has one before it.
                    let last = NonZeroU32::new(hole.first.get() - 1).unwrap_or(first);
                    runs.push(Run { first, last });
                }
                first = hole.last.checked_add(1);
            }
            if let Some(first) = first.filter(|first| *first <= run.last) {
                runs.push(Run {
                    first,
                    last: run.last,
                });
            }
        }
        Self { runs }
    }

    /// Adds a run that begins no earlier than the last one.
    fn append(&mut self, run: Run) {
        match self.runs.last_mut() {
            Some(last) if run.first <= last.last || adjoins(*last, run) => {
                last.last = last.last.max(run.last);
            }
            _ => self.runs.push(run),
        }
    }

    pub(super) fn from_runs(mut runs: Vec<Run>) -> Self {
        let is_sorted = runs
            .windows(2)
            .all(|two| two[0].last < two[1].first && !adjoins(two[0], two[1]));
        if is_sorted {
            return Self { runs };
        }
        runs.sort_unstable_by_key(|run| run.first);
        let mut set = Self::new();
        for run in runs {
            set.append(run);
        }
        set
    }

    /// `uid-set`: numbers, without `*` (RFC 4315 section 4).
    pub(crate) fn read(cursor: &mut Cursor<'_>) -> Parsed<Self> {
        Ok(Self::from_runs(OrderedSet::read(cursor)?.into_runs()))
    }
}

/// Whether the second begins right behind the first.
fn adjoins(one: Run, other: Run) -> bool {
    one.last.checked_add(1) == Some(other.first)
}

impl From<Run> for NumberSet {
    fn from(run: Run) -> Self {
        Self { runs: vec![run] }
    }
}

impl FromIterator<NonZeroU32> for NumberSet {
    fn from_iter<I: IntoIterator<Item = NonZeroU32>>(numbers: I) -> Self {
        Self::from_runs(OrderedSet::from_iter(numbers).into_runs())
    }
}

impl FromIterator<Run> for NumberSet {
    fn from_iter<I: IntoIterator<Item = Run>>(runs: I) -> Self {
        Self::from_runs(runs.into_iter().collect())
    }
}

impl FromStr for NumberSet {
    type Err = Invalid;

    fn from_str(text: &str) -> Result<Self, Invalid> {
        whole(text, Self::read)
    }
}

impl fmt::Display for NumberSet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write_runs(&self.runs, f)
    }
}

impl fmt::Debug for NumberSet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "NumberSet({self})")
    }
}

fn write_runs(runs: &[Run], f: &mut fmt::Formatter<'_>) -> fmt::Result {
    for (index, run) in runs.iter().enumerate() {
        if index > 0 {
            f.write_str(",")?;
        }
        write!(f, "{run}")?;
    }
    Ok(())
}

/// Reads a text of which nothing may be left.
fn whole<T>(text: &str, read: impl Fn(&mut Cursor<'_>) -> Parsed<T>) -> Result<T, Invalid> {
    let frame = crate::frame::Frame::from(bytes::Bytes::copy_from_slice(text.as_bytes()));
    let mut cursor = Cursor::new(&frame, Quirks::empty(), false, 0);
    match read(&mut cursor) {
        Ok(value) if frame.octets().len() == text.len() && cursor.is_at_end() => Ok(value),
        _ => Err(Invalid::new("a set of numbers")),
    }
}
