//! The cursor that all grammar reads with: one pass over the octets of a frame, no way back but by name.

mod word;
pub(crate) use word::FOLDED;

mod list;
mod number;
mod string;

use crate::frame::Frame;
use crate::quirks::Quirks;

/// What was not as expected, and where.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Fault {
    pub(crate) at: usize,
    pub(crate) expected: &'static str,
}

pub(crate) type Parsed<T> = Result<T, Fault>;

/// A position in a frame.
pub(crate) struct Cursor<'a> {
    octets: &'a [u8],
    at: usize,
    frame: &'a Frame,
    /// Which mistakes are forgiven, and which were.
    pub(crate) quirks: Quirks,
    pub(crate) fired: Quirks,
    /// Whether strings may be UTF-8 and mailbox names are (RFC 6855, RFC 9051).
    pub(crate) utf8: bool,
    /// Levels that may still be gone down.
    depth: u16,
}

impl<'a> Cursor<'a> {
    pub(crate) fn new(frame: &'a Frame, quirks: Quirks, utf8: bool, depth: u16) -> Self {
        Self {
            octets: frame.octets(),
            at: 0,
            frame,
            quirks,
            fired: Quirks::empty(),
            utf8,
            depth,
        }
    }

    // Where we are.

    #[inline]
    pub(crate) fn at(&self) -> usize {
        self.at
    }

    /// Goes back to a place where the cursor has been.
    #[inline]
    pub(crate) fn reset(&mut self, at: usize) {
        self.at = at;
    }

    #[inline]
    pub(crate) fn rest(&self) -> &'a [u8] {
        &self.octets[self.at..]
    }

    #[inline]
    pub(crate) fn peek(&self) -> Option<u8> {
        self.octets.get(self.at).copied()
    }

    #[inline]
    pub(crate) fn is_at_end(&self) -> bool {
        self.at == self.octets.len()
    }

    /// Whether the frame ends here with a literal that is still to come.
    pub(crate) fn is_at_announced(&self) -> bool {
        self.is_at_end() && self.frame.is_open()
    }

    #[cold]
    pub(crate) fn fault(&self, expected: &'static str) -> Fault {
        Fault {
            at: self.at,
            expected,
        }
    }

    pub(crate) fn fail<T>(&self, expected: &'static str) -> Parsed<T> {
        Err(self.fault(expected))
    }

    /// Whether a mistake is forgiven; if it is, that is recorded.
    #[cold]
    pub(crate) fn forgives(&mut self, quirk: Quirks) -> bool {
        let forgiven = self.quirks.contains(quirk);
        if forgiven {
            self.fired |= quirk;
        }
        forgiven
    }

    /// Reads something nested, as long as it is not nested too deep.
    pub(crate) fn deeper<T>(&mut self, read: impl FnOnce(&mut Self) -> Parsed<T>) -> Parsed<T> {
        if self.depth == 0 {
            return self.fail(NESTING);
        }
        self.depth -= 1;
        let read = read(self);
        self.depth += 1;
        read
    }
}

/// What is expected of what is nested too deep.
pub(crate) const NESTING: &str = "fewer levels of nesting";

/// What is expected where a string is used whose literal is not here.
pub(crate) const AT_HAND: &str = "a string that is not streamed";
