//! Frames: whole commands and responses out of a stream of octets (RFC 9051 section 2.2).
//!
//! A line ends a command or response, unless it ends with a literal: then the line goes on behind
//! the literal's octets. To see that takes more than a look at the last octets: in text for people, and within
//! quotes, `{5}` means nothing. The [`Framer`] knows, and keeps little: text up to a limit, small literals,
//! and of large ones nothing.

use bytes::{Bytes, BytesMut};
use mailwire::Input;

use crate::class::{Class, length_of};
use crate::error::FrameError;
use crate::limits::{self, FrameLimits};
use crate::tag::Tag;

/// A command or response without its last line end, literals within it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Frame {
    octets: Bytes,
    /// Where literals would stand that were streamed or refused.
    streamed: Vec<usize>,
    open: bool,
    bare_lf: bool,
}

impl Frame {
    /// The octets. Of a literal that was streamed there is only its length.
    #[inline]
    pub fn octets(&self) -> &Bytes {
        &self.octets
    }

    /// Whether it ends with a literal that is still to come.
    ///
    /// Of `APPEND`, `REPLACE` and `FETCH` such a frame can be read, to see what the literal belongs to.
    pub fn is_open(&self) -> bool {
        self.open
    }

    /// Whether a line of it ended with LF alone.
    pub fn has_bare_lf(&self) -> bool {
        self.bare_lf
    }

    /// The tag of a command or of the answer to one.
    pub fn tag(&self) -> Option<Tag> {
        tag_of(&self.octets)
    }

    #[inline]
    pub(crate) fn is_streamed_at(&self, offset: usize) -> bool {
        !self.streamed.is_empty() && self.streamed.contains(&offset)
    }
}

impl From<Bytes> for Frame {
    /// A frame whose end is known, with or without its last line end.
    fn from(mut octets: Bytes) -> Self {
        let bare_lf = match octets.strip_suffix(b"\n") {
            Some(line) => {
                let crlf = line.ends_with(b"\r");
                octets.truncate(line.len() - usize::from(crlf));
                !crlf
            }
            None => false,
        };
        Self {
            octets,
            bare_lf,
            ..Self::default()
        }
    }
}

/// Cuts a stream into frames, whatever the pieces in which it arrives.
///
/// ```
/// use imap_proto::frame::{Found, Framer};
/// use mailwire::Input;
///
/// let mut framer = Framer::commands();
/// let mut input = Input::new(framer.input_limit());
/// assert_eq!(input.extend(b"A1 LOGIN {5}\r\n"), 14);
/// // The client waits until it is told to go on.
/// let Found::Literal(announced) = framer.next(&mut input)? else { panic!() };
/// assert_eq!((announced.length, announced.synchronising), (5, true));
/// framer.keep();
/// assert_eq!(input.extend(b"alice secret\r\n"), 14);
/// let Found::Frame(frame) = framer.next(&mut input)? else { panic!() };
/// assert_eq!(&frame.octets()[..], b"A1 LOGIN {5}\r\nalice secret");
/// # Ok::<(), imap_proto::FrameError>(())
/// ```
#[derive(Debug)]
pub struct Framer {
    side: Side,
    limits: FrameLimits,
    bare_lf: bool,
    announce_all: bool,
    state: State,
    /// Whether the next frame is a line without literals.
    line: bool,
    /// What of the frame has left the input, because a literal was streamed.
    head: BytesMut,
    streamed: Vec<usize>,
    /// Octets of the input without a line end.
    scanned: usize,
    /// Where in the input the part of the line begins that no literal has interrupted.
    segment: usize,
    /// Octets outside of literals before `segment`, and within literals that were kept.
    text: usize,
    kept: u64,
    literals: usize,
    any_bare_lf: bool,
}

/// Who speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Side {
    Commands,
    Responses,
}

/// ```text
///            +------------ keep ----------- Keep
///            v                               ^
///   Line ----+--> announced --> Decide ------+
///    ^  \                        |   \
///    |   +--> Skip <--- Discard <-+    +--> Stream --+
///    |                                              |
///    +----------------------------------------------+
/// ```
#[derive(Debug)]
enum State {
    /// A line's end is looked for.
    Line,
    /// A literal stays in the input, up to this offset.
    Keep(usize),
    /// A literal was announced, and the caller has to say what becomes of it.
    Decide(Announcement),
    /// So many octets of a literal are handed out.
    Stream(u64),
    /// So many octets of a refused literal are counted off.
    Discard(u64, Refused),
    /// The rest of a line is looked at only for its end; so many octets of it are gone.
    Skip(usize, Refused),
    /// A synchronising literal was refused, so its command is over.
    Over(Refused),
}

/// What stands in the input.
#[must_use]
#[derive(Debug, PartialEq, Eq)]
#[expect(clippy::exhaustive_enums, reason = "callers have to handle each")]
pub enum Found {
    /// Nothing whole yet: more input is needed.
    Incomplete,
    /// A command or response.
    Frame(Frame),
    /// A literal is announced. Say [`keep`](Framer::keep), [`stream`](Framer::stream) or
    /// [`refuse`](Framer::refuse); until then this is found again.
    Literal(Announcement),
    /// Octets of a literal that is streamed.
    Piece {
        /// Some of its octets, in order; none if the literal is empty.
        octets: Bytes,
        /// Whether these are the last.
        last: bool,
    },
    /// The end of a command or response that was not to be had.
    Refused(Refused),
}

/// A literal that is about to come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Announcement {
    /// How many octets it has.
    pub length: u64,
    /// Whether the client waits for a continuation request (RFC 9051 section 4.3). Never so in responses.
    pub synchronising: bool,
    /// Whether it is a `literal8`, which may hold NUL (RFC 3516 section 4.4).
    pub binary: bool,
    /// Whether it may still be kept: there is room for it.
    pub fits: bool,
}

/// A command or response that was not to be had, and is gone.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Refused {
    /// Its tag, if it could be read.
    pub tag: Option<Tag>,
    /// Why.
    pub why: Why,
}

/// Why a command or response was not to be had.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Why {
    /// The caller [refused](Framer::refuse) a literal.
    Refused,
    /// It has more text than [`FrameLimits::text`].
    TooLong,
    /// It has more literals than [`FrameLimits::literals`].
    TooManyLiterals,
    /// It has a literal that should have waited: of more octets than [`FrameLimits::non_synchronising`].
    /// Answered with BAD and the code TOOBIG (RFC 7888 section 5).
    NotAskedFor,
    /// A line ended with LF alone.
    BareLf,
}

impl Framer {
    /// For what a client says.
    pub fn commands() -> Self {
        Self::new(Side::Commands, FrameLimits::commands())
    }

    /// For what a server says.
    pub fn responses() -> Self {
        Self::new(Side::Responses, FrameLimits::responses())
    }

    fn new(side: Side, limits: FrameLimits) -> Self {
        Self {
            side,
            limits,
            bare_lf: false,
            announce_all: false,
            state: State::Line,
            line: false,
            head: BytesMut::new(),
            streamed: Vec::new(),
            scanned: 0,
            segment: 0,
            text: 0,
            kept: 0,
            literals: 0,
            any_bare_lf: false,
        }
    }

    /// With other limits.
    pub fn with_limits(mut self, limits: FrameLimits) -> Self {
        self.limits = limits;
        self
    }

    /// Takes LF alone as the end of a line ([`Quirks::BARE_LF`](crate::Quirks::BARE_LF)).
    pub fn with_bare_lf(mut self, bare_lf: bool) -> Self {
        self.bare_lf = bare_lf;
        self
    }

    /// Announces every literal, small ones that come without being asked for included: for those who
    /// decide by what a literal belongs to.
    pub fn with_every_literal_announced(mut self) -> Self {
        self.announce_all = true;
        self
    }

    /// Looks for what comes next, and takes it out of the input.
    ///
    /// # Errors
    ///
    /// If the stream cannot be cut into frames any more.
    pub fn next(&mut self, input: &mut Input) -> Result<Found, FrameError> {
        loop {
            match &mut self.state {
                State::Line => match self.line(input)? {
                    Some(found) => return Ok(found),
                    None => continue,
                },
                State::Keep(end) => {
                    if input.len() < *end {
                        return Ok(Found::Incomplete);
                    }
                    self.scanned = *end;
                    self.segment = *end;
                    self.state = State::Line;
                }
                State::Decide(announcement) => return Ok(Found::Literal(*announcement)),
                State::Stream(left) => {
                    let (octets, last) = take_of(left, input);
                    if last {
                        self.state = State::Line;
                        input.expect_bulk(false);
                    } else if octets.is_empty() {
                        input.expect_bulk(true);
                        return Ok(Found::Incomplete);
                    }
                    return Ok(Found::Piece { octets, last });
                }
                State::Discard(left, refused) => {
                    let count = input
                        .len()
                        .min(usize::try_from(*left).unwrap_or(usize::MAX));
                    input.consume(count);
                    *left -= count as u64;
                    if *left > 0 {
                        return Ok(Found::Incomplete);
                    }
                    self.state = State::Skip(0, refused.clone());
                }
                State::Skip(..) => match self.skip(input)? {
                    Some(found) => return Ok(found),
                    None => continue,
                },
                State::Over(refused) => {
                    let refused = refused.clone();
                    self.restart();
                    return Ok(Found::Refused(refused));
                }
            }
        }
    }

    /// Takes the announced literal into the frame. A synchronising one has to be asked for with a
    /// continuation request.
    ///
    /// # Panics
    ///
    /// If none is announced, or if it does not [fit](Announcement::fits).
    pub fn keep(&mut self) {
        let State::Decide(announcement) = &self.state else {
            panic!("no literal is announced");
        };
        assert!(announcement.fits, "the literal does not fit");
        self.kept += announcement.length;
        // It fits, so it is smaller than memory.
        self.state = State::Keep(self.scanned + announcement.length as usize);
    }

    /// Hands the announced literal out in [pieces](Found::Piece). A synchronising one has to be asked
    /// for with a continuation request.
    ///
    /// # Panics
    ///
    /// If none is announced.
    pub fn stream(&mut self, input: &mut Input) {
        let State::Decide(announcement) = &self.state else {
            panic!("no literal is announced");
        };
        self.state = State::Stream(announcement.length);
        self.head.extend_from_slice(&input[..self.scanned]);
        input.consume(self.scanned);
        self.streamed.push(self.head.len());
        (self.scanned, self.segment) = (0, 0);
    }

    /// Has nothing to do with the announced literal and what it belongs to.
    ///
    /// A synchronising literal will not come, nor the rest of its command, if the command is answered
    /// with NO or BAD now. Any other is counted off with the rest of the line, and never looked at as a command.
    /// [`Found::Refused`] tells that it is over.
    ///
    /// # Panics
    ///
    /// If none is announced.
    pub fn refuse(&mut self, input: &mut Input) {
        let State::Decide(announcement) = self.state else {
            panic!("no literal is announced");
        };
        self.refuse_because(Why::Refused, announcement, input);
    }

    /// What of the frame is there, up to the announced literal, which counts as streamed.
    pub fn head(&self, input: &Input) -> Frame {
        let mut octets = self.head.clone();
        octets.extend_from_slice(&input[..self.scanned]);
        let mut streamed = self.streamed.clone();
        streamed.push(octets.len());
        Frame {
            octets: octets.freeze(),
            streamed,
            open: true,
            bare_lf: self.any_bare_lf,
        }
    }

    /// The beginning of what is there of the frame: enough to see which command it is.
    pub fn start<'a>(&'a self, input: &'a Input) -> &'a [u8] {
        match self.head.is_empty() {
            true => &input[..self.scanned],
            false => &self.head,
        }
    }

    /// Expects a line of the other kind next: an answer to a challenge, or `DONE`. It holds no literal.
    pub fn expect_line(&mut self) {
        self.line = true;
    }

    /// Whether part of something has been seen: used to find out whether a peer was cut off.
    pub fn is_within_frame(&self, input: &Input) -> bool {
        !matches!(self.state, State::Line) || !input.is_empty() || !self.head.is_empty()
    }

    /// The limits in force.
    pub fn limits(&self) -> &FrameLimits {
        &self.limits
    }

    /// What an [`Input`] has to be able to hold.
    pub fn input_limit(&self) -> usize {
        let kept = usize::try_from(self.limits.kept_literals).unwrap_or(usize::MAX / 2);
        self.limits.text + kept + limits::ANNOUNCEMENT
    }

    /// Looks for the end of a line that is part of a frame.
    #[inline]
    fn line(&mut self, input: &mut Input) -> Result<Option<Found>, FrameError> {
        let Some(offset) = memchr::memchr(b'\n', &input[self.scanned..]) else {
            self.scanned = input.len();
            if self.text + (self.scanned - self.segment) > self.limits.text {
                self.give_up(Why::TooLong, input);
                return Ok(None);
            }
            return Ok(Some(Found::Incomplete));
        };
        let end = self.scanned + offset;
        let crlf = end > self.segment && input[end - 1] == b'\r';
        if self.text + (end + 1 - self.segment) > self.limits.text {
            self.give_up(Why::TooLong, input);
            return Ok(None);
        }
        if !crlf {
            if !self.bare_lf {
                self.give_up(Why::BareLf, input);
                return Ok(None);
            }
            self.any_bare_lf = true;
        }
        if let Some(announced) = self.announced_by(&input[..end - usize::from(crlf)]) {
            self.scanned = end + 1;
            self.text += end + 1 - self.segment;
            return self.announce(announced, input).map(|()| None);
        }
        let kept = end - usize::from(crlf);
        let mut octets = input.take(end + 1);
        octets.truncate(kept);
        Ok(Some(Found::Frame(self.finish(octets))))
    }

    /// What literal follows the line that ends the input.
    #[inline]
    fn announced_by(&self, input: &[u8]) -> Option<Announced> {
        let line = &input[self.segment..];
        if line.last() != Some(&b'}') || self.line {
            return None;
        }
        let announced = announced(line)?;
        let literal = !within_quotes(line) && !self.is_text(input);
        literal.then_some(announced)
    }

    fn finish(&mut self, octets: Bytes) -> Frame {
        let bare_lf = self.any_bare_lf;
        if self.streamed.is_empty() {
            self.restart();
            return Frame {
                octets,
                streamed: Vec::new(),
                open: false,
                bare_lf,
            };
        }
        self.head.extend_from_slice(&octets);
        let frame = Frame {
            octets: self.head.split().freeze(),
            streamed: std::mem::take(&mut self.streamed),
            open: false,
            bare_lf,
        };
        self.restart();
        frame
    }

    fn announce(
        &mut self,
        (length, plus, binary): Announced,
        input: &mut Input,
    ) -> Result<(), FrameError> {
        let synchronising = self.side == Side::Commands && !plus;
        let in_bounds = length.filter(|length| *length <= self.limits.literal);
        if in_bounds.is_none() && !synchronising {
            return Err(FrameError::EndlessLiteral);
        }
        let length = in_bounds.unwrap_or(u64::MAX);
        let small = length <= self.limits.kept_literal;
        let fits = small && self.kept + length <= self.limits.kept_literals;
        let announcement = Announcement {
            length,
            synchronising,
            binary,
            fits,
        };
        self.literals += 1;
        if self.literals > self.limits.literals {
            self.refuse_because(Why::TooManyLiterals, announcement, input);
            return Ok(());
        }
        let asks = synchronising || self.side == Side::Responses;
        if !asks && length > self.limits.non_synchronising {
            self.refuse_because(Why::NotAskedFor, announcement, input);
            return Ok(());
        }
        self.state = State::Decide(announcement);
        if fits && !synchronising && !self.announce_all {
            self.keep();
        }
        Ok(())
    }

    /// Lets go of a frame at a literal.
    fn refuse_because(&mut self, why: Why, announcement: Announcement, input: &mut Input) {
        let refused = self.refused(why, input);
        input.consume(self.scanned);
        self.scanned = 0;
        self.state = match announcement.synchronising {
            true => State::Over(refused),
            false => State::Discard(announcement.length, refused),
        };
    }

    /// Lets go of a frame within a line.
    fn give_up(&mut self, why: Why, input: &mut Input) {
        self.state = State::Skip(0, self.refused(why, input));
        input.consume(self.segment);
        (self.scanned, self.segment) = (0, 0);
    }

    fn refused(&self, why: Why, input: &[u8]) -> Refused {
        let start = match self.head.is_empty() {
            true => input,
            false => &self.head,
        };
        // As much as there is of any line that is too long, whatever the pieces it comes in.
        let sure = &start[..start.len().min(self.limits.text)];
        Refused {
            tag: ended_tag_of(sure),
            why,
        }
    }

    /// Goes past the rest of a line, and past what literals it announces.
    fn skip(&mut self, input: &mut Input) -> Result<Option<Found>, FrameError> {
        let State::Skip(gone, refused) = &mut self.state else {
            unreachable!("called while a line is skipped");
        };
        let end = memchr::memchr(b'\n', input);
        let most = self.limits.text.saturating_add(self.limits.skipped);
        if *gone + end.unwrap_or(input.len()) > most {
            return Err(FrameError::EndlessLine);
        }
        let Some(end) = end else {
            let count = input.len().saturating_sub(limits::ANNOUNCEMENT);
            input.consume(count);
            *gone += count;
            return Ok(Some(Found::Incomplete));
        };
        let line = input[..end].strip_suffix(b"\r").unwrap_or(&input[..end]);
        // Without its beginning nobody knows whether this is within quotes; to count octets
        // off is the safe side. Only what is there of any line is looked at, whatever the pieces.
        let tail = &line[line.len().saturating_sub(limits::ANNOUNCEMENT - 1)..];
        let literal = announced(tail).filter(|_| !self.line);
        let refused = refused.clone();
        input.consume(end + 1);
        match literal {
            Some((length, plus, _)) if plus || self.side == Side::Responses => {
                let Some(length) = length.filter(|length| *length <= self.limits.literal) else {
                    return Err(FrameError::EndlessLiteral);
                };
                self.state = State::Discard(length, refused);
                Ok(None)
            }
            _ => {
                self.restart();
                Ok(Some(Found::Refused(refused)))
            }
        }
    }

    /// Whether the line that ends the input is text for people, in which braces mean nothing: a
    /// status or a continuation request (RFC 9051 section 7.1).
    fn is_text(&self, frame: &[u8]) -> bool {
        if self.side == Side::Commands || self.literals > 0 {
            return false;
        }
        let mut words = frame.splitn(3, |octet| matches!(octet, b' ' | b'\r'));
        let (first, second) = (words.next(), words.next().unwrap_or_default());
        let status = |words: &[&[u8]]| words.iter().any(|word| second.eq_ignore_ascii_case(word));
        match first {
            Some([b'+', ..]) => true,
            Some(b"*") => status(&[b"OK", b"NO", b"BAD", b"BYE", b"PREAUTH"]),
            _ => status(&[b"OK", b"NO", b"BAD"]),
        }
    }

    fn restart(&mut self) {
        self.state = State::Line;
        self.line = false;
        self.head.clear();
        self.streamed.clear();
        (self.scanned, self.segment, self.text) = (0, 0, 0);
        (self.kept, self.literals) = (0, 0);
        self.any_bare_lf = false;
    }
}

fn take_of(left: &mut u64, input: &mut Input) -> (Bytes, bool) {
    let count = input
        .len()
        .min(usize::try_from(*left).unwrap_or(usize::MAX));
    *left -= count as u64;
    (input.take(count), *left == 0)
}

/// How long the literal is that a line ends with, whether it comes without being asked for, and
/// whether it is binary. The length may be beyond counting.
type Announced = (Option<u64>, bool, bool);

/// What literal a line announces whose last octet is `}`.
fn announced(line: &[u8]) -> Option<Announced> {
    let line = line.strip_suffix(b"}")?;
    let (line, plus) = match line.strip_suffix(b"+") {
        Some(line) => (line, true),
        None => (line, false),
    };
    let digits = line
        .iter()
        .rev()
        .take_while(|octet| octet.is_ascii_digit())
        .count();
    let (line, digits) = line.split_at(line.len() - digits);
    let line = line.strip_suffix(b"{")?;
    if digits.is_empty() {
        return None;
    }
    let length = std::str::from_utf8(digits)
        .ok()
        .and_then(|digits| digits.parse().ok());
    Some((length, plus, line.ends_with(b"~")))
}

/// Whether the end of a line is within a quoted string that has no end.
fn within_quotes(line: &[u8]) -> bool {
    let mut within = false;
    let mut octets = line.iter();
    while let Some(octet) = octets.next() {
        match octet {
            b'"' => within = !within,
            b'\\' if within => {
                octets.next();
            }
            _ => {}
        }
    }
    within
}

/// The tag that a whole frame begins with.
fn tag_of(octets: &[u8]) -> Option<Tag> {
    match octets.len() <= limits::TAG && length_of(octets, Class::TAG) == octets.len() {
        true => Tag::new(octets).ok(),
        false => ended_tag_of(octets),
    }
}

/// The tag that octets begin with, if they show that it ends.
fn ended_tag_of(octets: &[u8]) -> Option<Tag> {
    let start = &octets[..octets.len().min(limits::TAG)];
    let length = length_of(start, Class::TAG);
    match start.get(length) {
        Some(b' ' | b'\r' | b'\n') => Tag::new(&start[..length]).ok(),
        _ => None,
    }
}
