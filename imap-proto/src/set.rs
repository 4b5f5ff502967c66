//! Sets of numbers: sorted runs that are never expanded, with or without an open end.

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

    fn from_runs(mut runs: Vec<Run>) -> Self {
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
        Ok(Self::from_runs(OrderedSet::read(cursor)?.runs))
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
        let runs = numbers.into_iter().map(|number| Run::new(number, number));
        Self::from_runs(runs.collect())
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

/// Numbers in an order that means something: what was copied to what (RFC 4315 section 3), and
/// results of a sorted search (RFC 5267 section 3).
#[derive(Clone, Default, PartialEq, Eq, Hash)]
pub struct OrderedSet {
    /// As they were given.
    runs: Vec<Run>,
}

impl OrderedSet {
    /// The numbers one by one, in their order.
    pub fn numbers(&self) -> impl DoubleEndedIterator<Item = NonZeroU32> + '_ {
        self.runs.iter().flat_map(|run| run.numbers())
    }

    /// The runs, in their order.
    pub fn runs(&self) -> &[Run] {
        &self.runs
    }

    /// How many numbers there are.
    pub fn count(&self) -> u64 {
        self.runs.iter().map(Run::count).sum()
    }

    /// The same without their order.
    pub fn to_set(&self) -> NumberSet {
        NumberSet::from_runs(self.runs.clone())
    }

    pub(crate) fn read(cursor: &mut Cursor<'_>) -> Parsed<Self> {
        let mut runs = Vec::new();
        loop {
            let one = cursor.nz_number()?;
            let other = match cursor.eat(b':') {
                true => cursor.nz_number()?,
                false => one,
            };
            runs.push(Run::new(one, other));
            if !cursor.eat(b',') {
                return Ok(Self { runs });
            }
        }
    }
}

impl From<NumberSet> for OrderedSet {
    fn from(set: NumberSet) -> Self {
        Self { runs: set.runs }
    }
}

impl FromIterator<NonZeroU32> for OrderedSet {
    fn from_iter<I: IntoIterator<Item = NonZeroU32>>(numbers: I) -> Self {
        let mut runs: Vec<Run> = Vec::new();
        for number in numbers {
            match runs.last_mut() {
                Some(last) if last.last.checked_add(1) == Some(number) => last.last = number,
                _ => runs.push(Run::new(number, number)),
            }
        }
        Self { runs }
    }
}

impl FromIterator<Run> for OrderedSet {
    fn from_iter<I: IntoIterator<Item = Run>>(runs: I) -> Self {
        Self {
            runs: runs.into_iter().collect(),
        }
    }
}

impl FromStr for OrderedSet {
    type Err = Invalid;

    fn from_str(text: &str) -> Result<Self, Invalid> {
        whole(text, Self::read)
    }
}

impl fmt::Display for OrderedSet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write_runs(&self.runs, f)
    }
}

impl fmt::Debug for OrderedSet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "OrderedSet({self})")
    }
}

/// Which messages a command means (RFC 9051 section 9, `sequence-set`).
///
/// `*` stands for the largest number in use, which only the server knows; it stays a symbol until
/// it is [resolved](Self::resolve).
///
/// ```
/// use imap_proto::SequenceSet;
///
/// let set: SequenceSet = "2,559:*".parse()?;
/// assert_eq!(set.to_string(), "2,559:*");
/// // With 500 messages, `559:*` still means the last of them.
/// let resolved = set.resolve(500.try_into()?).expect("it is not the saved result");
/// assert_eq!(resolved.to_string(), "2,500");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, PartialEq, Eq, Hash)]
#[expect(clippy::exhaustive_enums, reason = "RFC 9051 has these two")]
pub enum SequenceSet {
    /// Numbers, with or without an open end.
    Numbers(OpenSet),
    /// `$`: the result that was saved (RFC 5182).
    Saved,
}

/// Numbers, and possibly all from one up to `*`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct OpenSet {
    /// Those that are known.
    pub numbers: NumberSet,
    /// The `n` of `n:*`. A lone `*` is `4294967295:*`, which means the same.
    pub open: Option<NonZeroU32>,
}

impl SequenceSet {
    /// All messages: `1:*`.
    pub fn all() -> Self {
        Self::from_open(NonZeroU32::MIN)
    }

    /// The last message: `*`.
    pub fn last() -> Self {
        Self::from_open(NonZeroU32::MAX)
    }

    /// From a number to the last: `n:*`.
    pub fn from_open(first: NonZeroU32) -> Self {
        Self::Numbers(OpenSet {
            numbers: NumberSet::new(),
            open: Some(first),
        })
    }

    /// What it means where `largest` is the largest number in use; `None` for the saved result.
    ///
    /// Numbers beyond the largest are kept: as sequence numbers they are an error of the client, as
    /// UIDs they are none (RFC 9051 section 6.4.9).
    pub fn resolve(&self, largest: NonZeroU32) -> Option<NumberSet> {
        let Self::Numbers(set) = self else {
            return None;
        };
        let mut numbers = set.numbers.clone();
        if let Some(first) = set.open {
            numbers.insert_run(Run::new(first.min(largest), largest));
        }
        Some(numbers)
    }

    pub(crate) fn read(cursor: &mut Cursor<'_>) -> Parsed<Self> {
        if cursor.eat(b'$') {
            return Ok(Self::Saved);
        }
        let mut runs = Vec::new();
        let mut open: Option<NonZeroU32> = None;
        loop {
            let one = seq_number(cursor)?;
            let other = match cursor.eat(b':') {
                true => seq_number(cursor)?,
                false => one,
            };
            match (one, other) {
                (Some(one), Some(other)) => runs.push(Run::new(one, other)),
                (one, other) => {
                    let first = one.or(other).unwrap_or(NonZeroU32::MAX);
                    open = Some(open.map_or(first, |open| open.min(first)));
                }
            }
            if !cursor.eat(b',') {
                break;
            }
        }
        Ok(Self::Numbers(OpenSet {
            numbers: NumberSet::from_runs(runs),
            open,
        }))
    }
}

/// `seq-number`; `None` is `*`.
fn seq_number(cursor: &mut Cursor<'_>) -> Parsed<Option<NonZeroU32>> {
    match cursor.eat(b'*') {
        true => Ok(None),
        false => cursor.nz_number().map(Some),
    }
}

impl From<NumberSet> for SequenceSet {
    fn from(numbers: NumberSet) -> Self {
        Self::Numbers(OpenSet {
            numbers,
            open: None,
        })
    }
}

impl From<NonZeroU32> for SequenceSet {
    fn from(number: NonZeroU32) -> Self {
        NumberSet::from(Run::new(number, number)).into()
    }
}

impl FromStr for SequenceSet {
    type Err = Invalid;

    fn from_str(text: &str) -> Result<Self, Invalid> {
        whole(text, Self::read)
    }
}

impl fmt::Display for SequenceSet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self::Numbers(set) = self else {
            return f.write_str("$");
        };
        write_runs(set.numbers.runs(), f)?;
        if !set.numbers.is_empty() && set.open.is_some() {
            f.write_str(",")?;
        }
        match set.open {
            None => Ok(()),
            Some(NonZeroU32::MAX) => f.write_str("*"),
            Some(first) => write!(f, "{first}:*"),
        }
    }
}

impl fmt::Debug for SequenceSet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SequenceSet({self})")
    }
}

/// Which of many results (RFC 9394, RFC 5267): `1:100` from the first, `-1:-100` from the last.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct ResultRange {
    /// The positions, counted from 1.
    pub run: Run,
    /// Whether they are counted from the end.
    pub from_end: bool,
}

impl ResultRange {
    /// Positions from the first.
    pub fn from_first(run: Run) -> Self {
        Self {
            run,
            from_end: false,
        }
    }

    /// Positions from the last.
    pub fn from_last(run: Run) -> Self {
        Self {
            run,
            from_end: true,
        }
    }

    pub(crate) fn read(cursor: &mut Cursor<'_>) -> Parsed<Self> {
        let from_end = cursor.eat(b'-');
        let one = cursor.nz_number()?;
        cursor.expect(b':', "a colon")?;
        if from_end {
            cursor.expect(b'-', "a position from the end")?;
        }
        let other = cursor.nz_number()?;
        Ok(Self {
            run: Run::new(one, other),
            from_end,
        })
    }
}

impl fmt::Display for ResultRange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let sign = if self.from_end { "-" } else { "" };
        write!(f, "{sign}{}:{sign}{}", self.run.first, self.run.last)
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
