//! Which lines start a message: the question that every mbox leaves open.

use memchr::memchr;

use crate::mbox::postmark::{is_dated, is_patch};

/// Which lines that begin `From ` are separators.
///
/// No rule is right for every file: a body may hold such a line unquoted, and some programs
/// write separators without a date or without an empty line before them. So the rule is
/// chosen, by the caller or by `detect` from the file itself. Lines that
/// nearly were separators are reported as [`Doubt`](super::Doubt).
///
/// The first line of a file is a separator under every rule.
///
/// ```
/// use mailbox_formats::mbox::{Messages, Separators};
///
/// let mbox = b"From a@b Thu Jan  1 00:00:00 1970\n\nFrom here on it is body.\n";
/// assert_eq!(Messages::new(mbox, Separators::STRICT.into()).count(), 1);
/// assert_eq!(Messages::new(mbox, Separators::ANY.into()).count(), 2);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[must_use]
pub struct Separators {
    pub(super) needs_blank: bool,
    needs_header: bool,
    undated: Undated,
    patches: bool,
}

/// Which lines without a date are separators.
///
/// The list is complete: a line is one of these, or has a date.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Undated {
    /// None.
    No,
    /// `From ` and nothing else, as some exports write.
    Bare,
    /// `From - ` and anything, as the Netscape family writes.
    Dash,
    /// All.
    All,
}

impl Separators {
    /// An empty line before it, a date in it, and no first line of a git patch: the rule
    /// that tells body lines of real archives apart.
    pub const STRICT: Self = Self {
        needs_blank: true,
        needs_header: false,
        undated: Undated::No,
        patches: false,
    };

    /// A date, wherever the line is: the rule of Dovecot, mutt and git.
    pub const DATED: Self = Self {
        needs_blank: false,
        patches: true,
        ..Self::STRICT
    };

    /// Every line that begins `From `: the rule for a file in which all others are quoted.
    pub const ANY: Self = Self {
        undated: Undated::All,
        ..Self::DATED
    };

    /// Whether an empty line has to stand before a separator.
    pub const fn needs_blank(self, needs_blank: bool) -> Self {
        Self {
            needs_blank,
            ..self
        }
    }

    /// Whether a header field has to follow a separator, unless the file ends there.
    pub const fn needs_header(self, needs_header: bool) -> Self {
        Self {
            needs_header,
            ..self
        }
    }

    /// Which lines without a date are separators.
    pub const fn undated(self, undated: Undated) -> Self {
        Self { undated, ..self }
    }

    /// Whether the first line of a patch by `git format-patch` is a separator, as it is in
    /// files that git itself writes.
    pub const fn patches(self, patches: bool) -> Self {
        Self { patches, ..self }
    }

    pub(super) fn to_bits(self) -> u64 {
        let undated = UNDATED.iter().position(|undated| *undated == self.undated);
        let undated = undated.expect("the table is complete") as u64;
        let flags = [self.needs_blank, self.needs_header, self.patches];
        flags
            .iter()
            .fold(undated, |bits, flag| bits << 1 | u64::from(*flag))
    }

    pub(super) fn from_bits(bits: u64) -> Option<Self> {
        let flag = |at: u64| bits >> at & 1 == 1;
        Some(Self {
            needs_blank: flag(2),
            needs_header: flag(1),
            patches: flag(0),
            undated: *UNDATED.get(usize::try_from(bits >> 3).ok()?)?,
        })
    }

    /// Judges a line that begins `From `. `next` is what follows it, as far as it is known.
    pub(super) fn judge(self, candidate: Candidate<'_>, next: Next<'_>) -> Verdict {
        let Candidate {
            line,
            has_colon,
            has_blank,
        } = candidate;
        if self.needs_blank && !has_blank {
            return match has_colon && is_dated(line) {
                true => Verdict::Body(Some(Doubt::NoEmptyLine)),
                false => Verdict::Body(None),
            };
        }
        if has_colon && is_patch(line) {
            if !self.patches {
                return Verdict::Body(Some(Doubt::Patch));
            }
        } else if !(self.undated.admits(line) || has_colon && is_dated(line)) {
            return Verdict::Body(has_blank.then_some(Doubt::NoDate));
        }
        if !self.needs_header {
            return Verdict::Separator;
        }
        match next.is_header() {
            Some(true) => Verdict::Separator,
            Some(false) => Verdict::Body(Some(Doubt::NoHeader)),
            None => Verdict::Open,
        }
    }
}

impl Default for Separators {
    fn default() -> Self {
        Self::STRICT
    }
}

impl Undated {
    fn admits(self, line: &[u8]) -> bool {
        match self {
            Self::No => false,
            Self::Bare => line[FROM.len()..].trim_ascii().is_empty(),
            Self::Dash => matches!(
                line.get(FROM.len()..),
                Some([b'-'] | [b'-', b' ' | b'\r', ..])
            ),
            Self::All => true,
        }
    }
}

/// Why a place in an mbox may have been read wrongly.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Doubt {
    /// A line with a date, but without an empty line before it: taken for body.
    NoEmptyLine,
    /// A line behind an empty line, but without a date: taken for body.
    NoDate,
    /// The first line of a git patch: taken for body.
    Patch,
    /// A line that no header follows: taken for body.
    NoHeader,
    /// A separator within the `Content-Length` of a message, which ends just before another
    /// separator: taken for body.
    WithinLength,
    /// A `Content-Length` that does not end before a separator or with the file: not believed.
    WrongLength,
    /// The last line of the file has no end: the file was cut, or somebody is writing to it.
    TornTail,
}

impl std::fmt::Display for Doubt {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::NoEmptyLine => "a separator without an empty line before it, taken for body",
            Self::NoDate => "a separator without a date, taken for body",
            Self::Patch => "the first line of a git patch, taken for body",
            Self::NoHeader => "a separator without a header behind it, taken for body",
            Self::WithinLength => "a separator within Content-Length, taken for body",
            Self::WrongLength => "a wrong Content-Length, not believed",
            Self::TornTail => "a last line without an end",
        })
    }
}

pub(super) enum Verdict {
    Separator,
    Body(Option<Doubt>),
    /// It depends on what follows.
    Open,
}

/// A line that begins `From `, without its line feed.
#[derive(Clone, Copy)]
pub(super) struct Candidate<'a> {
    pub(super) line: &'a [u8],
    /// It has a colon, as every date and no more than some of the prose.
    pub(super) has_colon: bool,
    /// An empty line stands before it.
    pub(super) has_blank: bool,
}

/// What follows a line.
pub(super) struct Next<'a> {
    pub(super) bytes: &'a [u8],
    /// Nothing comes behind `bytes`.
    pub(super) is_all: bool,
}

impl Next<'_> {
    /// Whether a message can begin like this; `None` if more has to be seen.
    fn is_header(&self) -> Option<bool> {
        let bytes = &self.bytes[..self.bytes.len().min(HEADER_NAME)];
        let end = memchr(b'\n', bytes);
        let line = &bytes[..end.unwrap_or(bytes.len())];
        if line.starts_with(b">From ") || line.starts_with(FROM) {
            return Some(true);
        }
        if let Some(colon) = memchr(b':', line) {
            let name = line[..colon].trim_ascii_end();
            return Some(!name.is_empty() && name.iter().all(u8::is_ascii_graphic));
        }
        if end.is_some() {
            return Some(false);
        }
        (self.is_all || bytes.len() == HEADER_NAME).then_some(line.is_empty())
    }
}

const UNDATED: [Undated; 4] = [Undated::No, Undated::Bare, Undated::Dash, Undated::All];

pub(super) const FROM: &[u8] = b"From ";

/// Bytes of the line behind a separator in which its colon has to be.
pub(super) const HEADER_NAME: usize = 128;

#[cfg(test)]
mod tests {
    use super::*;

    fn judge(rule: Separators, line: &str, has_blank: bool, next: &str) -> Option<Option<Doubt>> {
        let next = Next {
            bytes: next.as_bytes(),
            is_all: true,
        };
        let candidate = Candidate {
            line: line.as_bytes(),
            has_colon: line.contains(':'),
            has_blank,
        };
        match rule.judge(candidate, next) {
            Verdict::Separator => None,
            Verdict::Body(doubt) => Some(doubt),
            Verdict::Open => panic!("nothing is open"),
        }
    }

    #[test]
    fn each_rule_has_its_separators() {
        let dated = "From a@b Thu Jan  1 00:00:00 1970\r";
        let patch = "From 0123456789abcdef0123456789abcdef01234567 Mon Sep 17 00:00:00 2001";
        let strict = Separators::STRICT;
        let table = [
            (strict, dated, true, None),
            (strict, dated, false, Some(Some(Doubt::NoEmptyLine))),
            (strict, "From here", true, Some(Some(Doubt::NoDate))),
            (strict, "From here", false, Some(None)),
            (strict, patch, true, Some(Some(Doubt::Patch))),
            (strict.patches(true), patch, true, None),
            (strict.undated(Undated::Bare), "From ", true, None),
            (strict.undated(Undated::Bare), "From \r", true, None),
            (
                strict.undated(Undated::Bare),
                "From -",
                true,
                Some(Some(Doubt::NoDate)),
            ),
            (strict.undated(Undated::Dash), "From - \r", true, None),
            (strict.undated(Undated::Dash), "From -\r", true, None),
            (
                strict.undated(Undated::Dash),
                "From -a",
                true,
                Some(Some(Doubt::NoDate)),
            ),
            (
                strict.undated(Undated::Dash),
                "From ",
                true,
                Some(Some(Doubt::NoDate)),
            ),
            (Separators::DATED, dated, false, None),
            (Separators::DATED, patch, false, None),
            (Separators::DATED, "From here", false, Some(None)),
            (Separators::ANY, "From here", false, None),
        ];
        for (rule, line, has_blank, expected) in table {
            assert_eq!(
                judge(rule, line, has_blank, "x"),
                expected,
                "{rule:?} {line}"
            );
        }
    }

    #[test]
    fn rules_are_read_as_they_are_saved() {
        for bits in 0..32 {
            assert_eq!(Separators::from_bits(bits).unwrap().to_bits(), bits);
        }
        assert_eq!(Separators::from_bits(32), None);
    }

    #[test]
    fn a_header_is_seen() {
        let rule = Separators::ANY.needs_header(true);
        for next in ["A: b", "A :b\n", "", "From x", ">From a", "X-Long"] {
            let is_header = judge(rule, "From x", true, next).is_none();
            assert_eq!(is_header, next != "X-Long", "{next:?}");
        }
        for next in ["a b\n", "a b: c\n", ": x\n", "and so on", "\n", "\r\nx"] {
            assert!(judge(rule, "From x", true, next).is_some(), "{next:?}");
        }
    }
}
