//! Finds the messages of an mbox in one pass over its bytes.

use std::collections::VecDeque;
use std::ops::Range;

use memchr::{memchr, memchr2, memmem};

use crate::limits;
use crate::mbox::length::{Found, LengthSearch};
use crate::mbox::separators::{Candidate, Doubt, FROM, Next, Separators, Verdict};

/// How an mbox is read: which lines are separators, and whether `Content-Length` counts.
///
/// ```
/// use mailbox_formats::mbox::{Rules, Separators};
///
/// let rules = Rules::from(Separators::DATED).lengths(true);
/// # let _ = rules;
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[must_use]
pub struct Rules {
    separators: Separators,
    lengths: bool,
}

impl Rules {
    /// [`Separators::STRICT`], and no length is believed.
    pub const STRICT: Self = Self {
        separators: Separators::STRICT,
        lengths: false,
    };

    /// Which lines are separators.
    pub const fn separators_are(self, separators: Separators) -> Self {
        Self { separators, ..self }
    }

    /// Whether a `Content-Length` is believed that ends just before a separator or with the
    /// file, as in [`Mboxcl`](super::Variant::Mboxcl) and [`Mboxcl2`](super::Variant::Mboxcl2).
    ///
    /// In a file of another kind the sender of a message could hide the next one with it.
    pub const fn lengths(self, lengths: bool) -> Self {
        Self { lengths, ..self }
    }

    /// Which lines count as separators by these rules.
    pub const fn separators(self) -> Separators {
        self.separators
    }
}

impl Rules {
    /// The rules as a number, to be saved.
    pub(super) fn to_bits(self) -> u64 {
        self.separators.to_bits() << 1 | u64::from(self.lengths)
    }

    pub(super) fn from_bits(bits: u64) -> Option<Self> {
        let separators = Separators::from_bits(bits >> 1)?;
        Some(Self::from(separators).lengths(bits & 1 == 1))
    }
}

impl From<Separators> for Rules {
    fn from(separators: Separators) -> Self {
        Self::STRICT.separators_are(separators)
    }
}

/// What a scanner finds. All numbers are offsets in the file.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Event {
    /// Bytes before the first message that are not blank and belong to none.
    Prologue(Range<u64>),
    /// A message starts.
    Start {
        /// Where its `From_` line starts.
        offset: u64,
        /// Where the message itself starts, behind that line.
        content: u64,
    },
    /// The message ends here. The empty line before the next separator belongs to none.
    End(u64),
    /// A place that may have been read wrongly.
    Doubt {
        /// Where it is.
        offset: u64,
        /// What is wrong with it.
        doubt: Doubt,
    },
}

/// Finds where messages start and end, in bytes that come piece by piece.
///
/// It neither keeps nor copies any bytes, and holds no memory that grows with a message. Each
/// call of [`next`](Self::next) shows it what is at hand; [`keep`](Self::keep) says what has
/// to be shown again, which is a line or less. However the pieces are cut, the events are the
/// same.
///
/// ```
/// use mailbox_formats::mbox::{Event, Input, Scanner, Separators};
///
/// let mbox = b"From a@b Thu Jan  1 00:00:00 1970\nSubject: x\n\nHello.\n\n";
/// let mut scanner = Scanner::new(Separators::STRICT.into());
/// let mut events = Vec::new();
/// let input = Input { bytes: mbox, offset: 0, is_last: true };
/// while let Some(event) = scanner.next(input) {
///     events.push(event);
/// }
/// assert_eq!(events, [Event::Start { offset: 0, content: 34 }, Event::End(53)]);
/// ```
#[derive(Clone, Debug)]
pub struct Scanner {
    rules: Rules,
    finder: memmem::Finder<'static>,
    state: State,
    /// No line before this offset is left to look at.
    at: u64,
    events: VecDeque<Event>,
    /// Where the content of the message starts that is open.
    content: u64,
    length: Length,
    /// Separators within the length of the message that is open.
    held: VecDeque<Line>,
}

/// A piece of an mbox.
#[derive(Clone, Copy, Debug)]
pub struct Input<'a> {
    /// The bytes, from [`Scanner::keep`] on or earlier.
    pub bytes: &'a [u8],
    /// Where in the file they start.
    pub offset: u64,
    /// The file ends behind them.
    pub is_last: bool,
}

/// ```text
///   Start --> Prologue --> Message --> Done
///     |  first separator      ^
///     +-----------------------+
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    /// Nothing has been looked at: a byte order mark may come.
    Start,
    /// Before the first message; all from `start` to `blank` is known to be blank.
    Prologue { start: u64, blank: u64 },
    /// In a message.
    Message,
    /// The file is over.
    Done,
}

/// What is known of the length of the message that is open.
#[derive(Clone, Debug)]
enum Length {
    /// None, or not to be believed.
    Unknown,
    /// Its header goes by.
    Searched(LengthSearch),
    /// It ends here if its length is right.
    End(u64),
}

/// A separator.
#[derive(Clone, Copy, Debug)]
struct Line {
    start: u64,
    /// Behind its end.
    end: u64,
    /// Bytes of the empty line before it.
    blank: u64,
}

impl Scanner {
    /// A scanner at the start of a file.
    #[must_use]
    pub fn new(rules: Rules) -> Self {
        Self {
            rules,
            finder: memmem::Finder::new(b"\nFrom "),
            state: State::Start,
            at: 0,
            events: VecDeque::new(),
            content: 0,
            length: Length::Unknown,
            held: VecDeque::new(),
        }
    }

    /// A scanner that goes on in the middle of a file, at a line which is known to be a
    /// separator; or starts anew.
    pub(super) fn resume(rules: Rules, offset: u64) -> Self {
        if offset == 0 {
            return Self::new(rules);
        }
        let (start, blank) = (offset, offset);
        Self {
            state: State::Prologue { start, blank },
            at: offset,
            ..Self::new(rules)
        }
    }

    /// The next event; `None` if more has to be read, or the file is over.
    pub fn next(&mut self, input: Input<'_>) -> Option<Event> {
        loop {
            if let Some(event) = self.events.pop_front() {
                return Some(event);
            }
            if !self.advance(input) && self.events.is_empty() {
                return None;
            }
        }
    }

    /// From which offset on bytes have to be shown again by the next call.
    #[must_use]
    pub fn keep(&self) -> u64 {
        let start = match self.state {
            State::Prologue { start, .. } => start,
            _ => 0,
        };
        let line = self.at.saturating_sub(BEFORE).max(start);
        match &self.length {
            Length::Searched(search) => line.min(search.at()),
            _ => line,
        }
    }

    /// Up to which offset bytes certainly belong to the message that is open; 0 while there
    /// are events that wait for [`next`](Self::next).
    #[must_use]
    pub fn settled(&self) -> u64 {
        if !self.events.is_empty() {
            return 0;
        }
        let next = self.held.front().map_or(self.at, |line| line.start);
        next.saturating_sub(BEFORE).max(self.content)
    }

    /// Looks for the next line that may be a separator, and at it. `false` if there is none.
    fn advance(&mut self, input: Input<'_>) -> bool {
        match self.state {
            State::Start => self.start(input),
            State::Done => false,
            State::Prologue { .. } | State::Message => {
                let Some(start) = self.find(input) else {
                    return self.reach_end(input);
                };
                self.search_length(input, start);
                self.at = start;
                self.give_up_length(start);
                self.look_at(start, input)
            }
        }
    }

    fn start(&mut self, input: Input<'_>) -> bool {
        if input.bytes.len() < BYTE_ORDER_MARK.len() && !input.is_last {
            return false;
        }
        if input.bytes.starts_with(BYTE_ORDER_MARK) {
            self.at = BYTE_ORDER_MARK.len() as u64;
        }
        self.state = State::Prologue {
            start: self.at,
            blank: self.at,
        };
        true
    }

    /// Where the next line starts that begins `From `.
    fn find(&self, input: Input<'_>) -> Option<u64> {
        let at = (self.at - input.offset) as usize;
        let bytes = &input.bytes[at..];
        let is_first = matches!(self.state, State::Prologue { start, .. } if start == self.at);
        if is_first && bytes.starts_with(FROM) {
            return Some(self.at);
        }
        if is_first && FROM.starts_with(bytes) && !input.is_last {
            return None;
        }
        // The line end before `at` is part of what is looked for.
        let mut from = at.saturating_sub(1);
        loop {
            let found = self.finder.find(&input.bytes[from..])?;
            let start = from + found + 1;
            if !self.is_prose(start, input) {
                return Some(input.offset + start as u64);
            }
            from = start;
        }
    }

    /// Whether a line of a message is nothing but body, and not worth a closer look. This only
    /// saves time: of such a line [`look_at`](Self::look_at) would have nothing to tell.
    fn is_prose(&self, start: usize, input: Input<'_>) -> bool {
        let (before, line) = input.bytes.split_at(start);
        let line = &line[..line.len().min(limits::FROM_LINE)];
        self.state == State::Message
            && self.rules.separators.needs_blank
            && !before.ends_with(b"\n\n")
            && !before.ends_with(b"\n\r\n")
            && matches!(first_end(&line[FROM.len()..]), (Some(_), false))
    }

    /// Everything at hand has been looked at.
    fn reach_end(&mut self, input: Input<'_>) -> bool {
        let end = input.offset + input.bytes.len() as u64;
        self.search_length(input, end);
        if input.is_last {
            self.finish(input, end);
            return true;
        }
        let is_first = matches!(self.state, State::Prologue { start, .. } if start == self.at);
        if !is_first || end - self.at >= FROM.len() as u64 {
            // The start of what is looked for may be at the end.
            self.at = self.at.max(end.saturating_sub(FROM.len() as u64 - 1));
        }
        self.pass_blank(input, self.at);
        self.give_up_length(self.at)
    }

    /// Looks at a line that begins `From `; `false` if too little of it is at hand.
    fn look_at(&mut self, start: u64, input: Input<'_>) -> bool {
        self.pass_blank(input, start);
        let bytes = &input.bytes[(start - input.offset) as usize..];
        let line = &bytes[..bytes.len().min(limits::FROM_LINE)];
        let (end, has_colon) = first_end(&line[FROM.len()..]);
        let line = match end {
            Some(end) => &line[..FROM.len() + end],
            None if line.len() == limits::FROM_LINE => {
                self.at = start + FROM.len() as u64;
                return true;
            }
            None if input.is_last => line,
            None => return false,
        };
        let end = bytes.len().min(line.len() + 1);
        let blank = self.blank_before(start, input);
        let is_first = matches!(self.state, State::Prologue { blank, .. } if blank == start);
        let next = Next {
            bytes: &bytes[end..],
            is_all: input.is_last,
        };
        let verdict = match is_first {
            true => Verdict::Separator,
            false => {
                let candidate = Candidate {
                    line,
                    has_colon,
                    has_blank: blank > 0,
                };
                self.rules.separators.judge(candidate, next)
            }
        };
        match verdict {
            Verdict::Open => return false,
            Verdict::Body(doubt) => {
                self.at = start + FROM.len() as u64;
                if let Some(doubt) = doubt.filter(|_| self.state == State::Message) {
                    self.doubt(start, doubt);
                }
            }
            Verdict::Separator => {
                let end = start + end as u64;
                self.at = end;
                self.separate(Line { start, end, blank }, input);
            }
        }
        true
    }

    /// A separator by the rule; whether it is one, the length of the message may know better.
    fn separate(&mut self, line: Line, input: Input<'_>) {
        if let Length::End(end) = self.length {
            if leads_to(end, line.start, input) {
                for within in std::mem::take(&mut self.held) {
                    self.doubt(within.start, Doubt::WithinLength);
                }
                self.events.push_back(Event::End(end));
                return self.open(line);
            }
            if line.start < end && self.may_hold(line.start, end) {
                return self.held.push_back(line);
            }
            self.give_up();
        }
        self.close(line);
        self.open(line);
    }

    /// Whether a separator can wait for the length to be proven.
    fn may_hold(&self, start: u64, end: u64) -> bool {
        let first = self.held.front().map_or(start, |line| line.start);
        end - first <= limits::LENGTH_WINDOW && self.held.len() < limits::LENGTH_HELD
    }

    /// Gives up the length once it is clear that it leads to no separator.
    fn give_up_length(&mut self, at: u64) -> bool {
        match self.length {
            Length::End(end) if end.saturating_add(BEFORE) < at => {
                self.give_up();
                true
            }
            _ => false,
        }
    }

    /// The length was wrong: what it covered are separators.
    fn give_up(&mut self) {
        self.length = Length::Unknown;
        self.doubt(self.content, Doubt::WrongLength);
        for line in std::mem::take(&mut self.held) {
            self.close(line);
            self.events.push_back(Event::Start {
                offset: line.start,
                content: line.end,
            });
            self.content = line.end;
        }
    }

    /// Ends what is before a separator.
    fn close(&mut self, line: Line) {
        let end = line.start - line.blank;
        match self.state {
            State::Message => self.events.push_back(Event::End(end.max(self.content))),
            State::Prologue { start, blank } if blank < line.start => {
                self.events.push_back(Event::Prologue(start..line.start));
            }
            _ => {}
        }
    }

    fn open(&mut self, line: Line) {
        self.events.push_back(Event::Start {
            offset: line.start,
            content: line.end,
        });
        self.state = State::Message;
        self.content = line.end;
        self.length = match self.rules.lengths {
            true => Length::Searched(LengthSearch::new(line.end)),
            false => Length::Unknown,
        };
    }

    fn finish(&mut self, input: Input<'_>, end: u64) {
        match self.state {
            State::Message => {
                let mut content_end = end - self.blank_before(end, input);
                if let Length::End(length_end) = self.length {
                    if leads_to(length_end, end, input) {
                        for within in std::mem::take(&mut self.held) {
                            self.doubt(within.start, Doubt::WithinLength);
                        }
                        content_end = length_end;
                    } else {
                        self.give_up();
                    }
                }
                if input.bytes.last().is_some_and(|last| *last != b'\n') {
                    self.doubt(end, Doubt::TornTail);
                }
                self.events
                    .push_back(Event::End(content_end.max(self.content)));
            }
            State::Prologue { start, .. } => {
                self.pass_blank(input, end);
                if matches!(self.state, State::Prologue { blank, .. } if blank < end) {
                    self.events.push_back(Event::Prologue(start..end));
                }
            }
            State::Start | State::Done => {}
        }
        self.state = State::Done;
        self.at = end;
    }

    fn search_length(&mut self, input: Input<'_>, end: u64) {
        if let Length::Searched(search) = &mut self.length {
            match search.search(input.bytes, input.offset, end) {
                Found::Open => {}
                Found::End(end) => self.length = Length::End(end),
                Found::Nothing => self.length = Length::Unknown,
            }
        }
    }

    /// Learns how far the file is blank, for as long as no message has started.
    fn pass_blank(&mut self, input: Input<'_>, end: u64) {
        if let State::Prologue { start, blank } = self.state {
            if blank < end && blank >= input.offset {
                let bytes = &input.bytes[(blank - input.offset) as usize..];
                let bytes = &bytes[..(end - blank) as usize];
                let more = bytes.iter().take_while(|byte| byte.is_ascii_whitespace());
                let blank = blank + more.count() as u64;
                self.state = State::Prologue { start, blank };
            }
        }
    }

    /// How many bytes the empty line before `start` has; 0 if there is none.
    #[inline]
    fn blank_before(&self, start: u64, input: Input<'_>) -> u64 {
        let before = &input.bytes[..(start - input.offset) as usize];
        let is_start = |rest: &[u8]| match self.state {
            // The first line of the file has nothing before it.
            State::Prologue { start, .. } => input.offset + rest.len() as u64 == start,
            _ => false,
        };
        let ends_line = |rest: &[u8]| rest.ends_with(b"\n") || is_start(rest);
        if let Some(rest) = before.strip_suffix(b"\r\n").filter(|rest| ends_line(rest)) {
            return (before.len() - rest.len()) as u64;
        }
        match before.strip_suffix(b"\n").filter(|rest| ends_line(rest)) {
            Some(_) => 1,
            None => 0,
        }
    }

    fn doubt(&mut self, offset: u64, doubt: Doubt) {
        self.events.push_back(Event::Doubt { offset, doubt });
    }
}

/// Where the first line of `bytes` ends, and whether a colon stands in it: of most prose both
/// are known by one look.
fn first_end(bytes: &[u8]) -> (Option<usize>, bool) {
    match memchr2(b'\n', b':', bytes) {
        Some(colon) if bytes[colon] == b':' => {
            let end = memchr(b'\n', &bytes[colon..]);
            (end.map(|end| colon + end), true)
        }
        end => (end, false),
    }
}

/// Whether nothing but one or two line ends is between the end of a body and a separator.
fn leads_to(end: u64, separator: u64, input: Input<'_>) -> bool {
    let Some(gap) = separator.checked_sub(end) else {
        return false;
    };
    let separator = (separator - input.offset) as usize;
    gap <= BEFORE
        && separator >= gap as usize
        && matches!(
            &input.bytes[separator - gap as usize..separator],
            b"" | b"\n" | b"\r\n" | b"\n\n" | b"\r\n\r\n"
        )
}

/// Bytes before a line that are needed to judge it: two line ends.
const BEFORE: u64 = 4;

const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";
