//! Why something could not be read.

use crate::Tag;

/// A command or response is not what the grammar says.
///
/// The conversation goes on: the frame was whole. A server answers a command with a tagged BAD
/// where [`tag`](Self::tag) is known and with an untagged one otherwise (RFC 9051 section 7.1.3).
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("expected {expected} at octet {offset}")]
pub struct SyntaxError {
    /// The tag, if it could be read.
    pub tag: Option<Tag>,
    /// Where in the frame, in octets from its beginning.
    pub offset: usize,
    /// What should have been there.
    pub expected: &'static str,
}

/// The octets cannot be told apart into frames any more; the connection has to be closed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum FrameError {
    /// An over-long line went on beyond [`FrameLimits::skipped`](crate::FrameLimits::skipped).
    #[error("a line has no end")]
    EndlessLine,
    /// A literal that is sent without waiting has more than
    /// [`FrameLimits::literal`](crate::FrameLimits::literal) octets, or so many that they cannot be counted.
    #[error("a literal has no end")]
    EndlessLiteral,
}

/// The value cannot be written in IMAP.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not {expected}")]
pub struct Invalid {
    /// What it is not.
    pub(crate) expected: &'static str,
}

impl Invalid {
    pub(crate) const fn new(expected: &'static str) -> Self {
        Self { expected }
    }
}
