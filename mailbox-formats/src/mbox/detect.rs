//! What kind of mbox a file is, learnt from its start.

use memchr::memmem;

use crate::mbox::length::{Found, LengthSearch};
use crate::mbox::separators::FROM;
use crate::mbox::{Messages, Postmark, Rules, Separators, Undated, Variant};

/// What the start of a file tells about it.
///
/// ```
/// use mailbox_formats::mbox::{Detected, Variant};
///
/// let sample = b"From a@b Thu Jan  1 00:00:00 1970\nContent-Length: 11\n\nFrom there\n\n\
///                From a@b Thu Jan  1 00:00:00 1970\nContent-Length: 2\n\nx\n";
/// let detected = Detected::from_sample(sample);
/// assert_eq!(detected.variant(), Some(Variant::Mboxcl2));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Detected {
    is_mbox: bool,
    variant: Option<Variant>,
    rules: Rules,
    has_crlf: bool,
}

impl Detected {
    /// Learns from the first bytes of a file; [`limits::SAMPLE`](crate::limits::SAMPLE) are
    /// enough.
    ///
    /// - The first separator shows whether separators have a date, and whether git patches
    ///   are messages here. Where it has none, those without a date are separators as well.
    /// - An empty line before separators is asked for, unless most lines that begin `From `
    ///   and have a header behind them have none before.
    /// - The variant is one with a length if every message of the sample has one that leads
    ///   to the next: with a body line `From ` it is [`Mboxcl2`](Variant::Mboxcl2), with
    ///   `>From ` instead [`Mboxcl`](Variant::Mboxcl).
    /// - Without lengths, `>>From ` is only written by [`Mboxrd`](Variant::Mboxrd) as a rule.
    ///   A single `>From ` decides nothing: then the variant is `None`, and no quote is
    ///   taken away.
    #[must_use]
    pub fn from_sample(sample: &[u8]) -> Self {
        let lines = FromLines::count(sample);
        let mut separators = Separators::STRICT;
        if let Some(first) = lines.first {
            let undated = match (first.date(), first.sender()) {
                (Some(_), _) => Undated::No,
                (None, b"") => Undated::Bare,
                (None, b"-") => Undated::Dash,
                (None, _) => Undated::All,
            };
            separators = separators.undated(undated).patches(first.is_patch());
            if lines.crowded > lines.spaced {
                separators = separators.needs_blank(false).needs_header(true);
            }
        }
        let is_mbox = lines.first.is_some();
        let rules = Rules::from(separators).lengths(true);
        let lengths = Lengths::check(sample, rules);
        let variant = match (lengths.right > 0 && lengths.wrong == 0, lines) {
            (true, lines) if lines.has_quoted && !lengths.has_from => Some(Variant::Mboxcl),
            (true, _) => Some(Variant::Mboxcl2),
            (false, lines) => lines.has_twice_quoted.then_some(Variant::Mboxrd),
        };
        Self {
            is_mbox,
            variant,
            rules: rules.lengths(variant.is_some_and(Variant::has_length)),
            has_crlf: memchr::memchr(b'\n', sample).is_some_and(|at| sample[..at].ends_with(b"\r")),
        }
    }

    /// Whether a `From_` line starts the file, but for blank lines and a byte order mark.
    #[must_use]
    pub fn is_mbox(&self) -> bool {
        self.is_mbox
    }

    /// The variant, if the sample leaves no doubt.
    #[must_use]
    pub fn variant(&self) -> Option<Variant> {
        self.variant
    }

    /// How to read the file.
    pub fn rules(&self) -> Rules {
        self.rules
    }

    /// Whether the first line ends with CRLF.
    #[must_use]
    pub fn has_crlf(&self) -> bool {
        self.has_crlf
    }
}

/// The lines of a sample that begin `From `, with quotes or without.
#[derive(Default)]
struct FromLines<'a> {
    first: Option<Postmark<'a>>,
    /// Of those that look like the first and have a header behind them: without an empty
    /// line before them, and with one.
    crowded: usize,
    spaced: usize,
    has_quoted: bool,
    has_twice_quoted: bool,
}

impl<'a> FromLines<'a> {
    fn count(sample: &'a [u8]) -> Self {
        let mut lines = Self::default();
        let text = sample.strip_prefix(b"\xef\xbb\xbf").unwrap_or(sample);
        let text = text.trim_ascii_start();
        let Some(first) = Postmark::parse(line_at(text, 0)) else {
            return lines;
        };
        lines.first = Some(first);
        let is_alike = |other: &Postmark<'_>| match first.date() {
            Some(_) => other.date().is_some() && other.is_patch() == first.is_patch(),
            None => other.date().is_none() && other.sender() == first.sender(),
        };
        for at in memmem::find_iter(text, b"From ").skip(1) {
            let quotes = text[..at]
                .iter()
                .rev()
                .take_while(|byte| **byte == b'>')
                .count();
            if !text[..at - quotes].ends_with(b"\n") {
                continue;
            }
            lines.has_quoted |= quotes > 0;
            lines.has_twice_quoted |= quotes > 1;
            let line = line_at(text, at);
            let next = line_at(text, at + line.len());
            let is_separator = Postmark::parse(line).is_some_and(|line| is_alike(&line));
            if quotes > 0 || !is_separator || !has_field(next) {
                continue;
            }
            let before = text[..at].strip_suffix(b"\n").unwrap_or_default();
            let before = before.strip_suffix(b"\r").unwrap_or(before);
            match before.ends_with(b"\n") {
                true => lines.spaced += 1,
                false => lines.crowded += 1,
            }
        }
        lines
    }
}

/// The messages of a sample by their lengths.
#[derive(Default)]
struct Lengths {
    /// Have one that leads to a separator.
    right: usize,
    /// Have none, or another one.
    wrong: usize,
    /// A body has a line `From `.
    has_from: bool,
}

impl Lengths {
    fn check(sample: &[u8], rules: Rules) -> Self {
        let mut lengths = Self::default();
        let mut messages = Messages::new(sample, rules).peekable();
        while let Some(message) = messages.next() {
            let place = message.place();
            let mut search = LengthSearch::new(place.content.start);
            let end = search.search(sample, 0, place.content.end);
            match end == Found::End(place.content.end) {
                true => lengths.right += 1,
                // The sample may have cut the last one.
                false if messages.peek().is_none() => {}
                false => lengths.wrong += 1,
            }
            lengths.has_from |= memmem::find(message.content(), b"\nFrom ").is_some();
        }
        lengths
    }
}

fn line_at(text: &[u8], at: usize) -> &[u8] {
    let rest = &text[at..];
    match memchr::memchr(b'\n', rest) {
        Some(end) => &rest[..=end],
        None => rest,
    }
}

fn has_field(line: &[u8]) -> bool {
    let name = line.split(|byte| *byte == b':').next().unwrap_or_default();
    name.len() < line.len() && !name.is_empty() && name.iter().all(u8::is_ascii_graphic)
        || line.starts_with(FROM)
}

#[cfg(test)]
mod tests {
    use super::*;

    const DATE: &str = "Thu Jan  1 00:00:00 1970";

    fn detect(text: &str) -> Detected {
        Detected::from_sample(text.replace("DATE", DATE).as_bytes())
    }

    #[test]
    fn the_variant_is_what_the_sample_leaves_no_doubt_of() {
        let table = [
            ("", None),
            ("From a DATE\nA: b\n\nx\n", None),
            ("From a DATE\nA: b\n\n>From x\n", None),
            ("From a DATE\nA: b\n\n>>From x\n", Some(Variant::Mboxrd)),
            (
                "From a DATE\nContent-Length: 2\n\nx\n\n",
                Some(Variant::Mboxcl2),
            ),
            (
                "From a DATE\nContent-Length: 8\n\n>From x\n\n",
                Some(Variant::Mboxcl),
            ),
            (
                "From a DATE\nContent-Length: 15\n\n>From x\nFrom y\n\n",
                Some(Variant::Mboxcl2),
            ),
            (
                "From a DATE\nContent-Length: 4\n\nx\n\nFrom b DATE\nContent-Length: 2\n\nx\n",
                None,
            ),
        ];
        for (text, variant) in table {
            let detected = detect(text);
            assert_eq!(detected.variant(), variant, "{text}");
            assert_eq!(detected.is_mbox(), !text.is_empty());
        }
    }

    #[test]
    fn the_rule_is_learnt_from_the_first_separators() {
        let strict = Separators::STRICT;
        let crowded = |rule: Separators| rule.needs_blank(false).needs_header(true);
        let hash = "0123456789abcdef0123456789abcdef01234567";
        let patch = format!("From {hash} Mon Sep 17 00:00:00 2001\nA: b\n");
        let table = [
            ("From a DATE\nA: b\n\nFrom here\nA: b\n", strict),
            ("\u{feff}\r\n\nFrom a DATE\r\n", strict),
            ("From - \nA: b\n\nFrom - \n", strict.undated(Undated::Dash)),
            ("From \nA: b\n", strict.undated(Undated::Bare)),
            ("From tom\nA: b\n", strict.undated(Undated::All)),
            (&patch, strict.patches(true)),
            (
                "From - \nA: b\n\nx\nFrom - \nA: b\n",
                crowded(strict.undated(Undated::Dash)),
            ),
            (
                "From a DATE\nA: b\n\nx\nFrom b DATE\nA: b\n",
                crowded(strict),
            ),
            ("From a DATE\nA: b\n\nx\nFrom b DATE\nand\n", strict),
        ];
        for (text, rule) in table {
            assert_eq!(detect(text).rules().separators(), rule, "{text}");
        }
        assert!(detect("From a DATE\r\n").has_crlf());
        assert!(!detect("junk\nFrom a DATE\n").is_mbox());
    }
}
