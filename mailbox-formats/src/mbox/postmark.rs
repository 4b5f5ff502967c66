//! The `From_` line as somebody else wrote it, of which there are more than twenty forms.

use std::time::SystemTime;

use jiff::civil::DateTime;
use jiff::tz::{Offset, TimeZone};

use crate::mbox::Date;

/// A `From_` line that was read: who sent the message and when, as far as the line tells.
///
/// ```
/// use mailbox_formats::mbox::Postmark;
///
/// let line = b"From \"Tom T\"@example.org Sat Jan  3 01:05:34 1996 +0100 remote from mx";
/// let postmark = Postmark::parse(line).unwrap();
/// assert_eq!(postmark.sender(), b"\"Tom T\"@example.org");
/// assert_eq!(postmark.date().unwrap().to_string(), "Wed Jan  3 01:05:34 1996");
/// assert_eq!(postmark.zone(), Some(3600));
/// assert_eq!(postmark.remote(), Some(&b"mx"[..]));
///
/// assert_eq!(Postmark::parse(b"From - \n").unwrap().date(), None);
/// assert_eq!(Postmark::parse(b"From: tom@example.org"), None);
/// ```
///
/// The date is understood as `asctime` prints it, with the seconds missing, with zones before
/// or behind the year, with a year of two digits, in the order of RFC 5322, and as ISO 8601.
/// The weekday need not be right. What is not understood is the sender's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Postmark<'a> {
    line: &'a [u8],
    sender: &'a [u8],
    date: Option<Date>,
    zone: Option<i32>,
    remote: Option<&'a [u8]>,
}

impl<'a> Postmark<'a> {
    /// Reads a line, with or without its line end; `None` if it does not start with `From `.
    #[must_use]
    pub fn parse(line: &'a [u8]) -> Option<Self> {
        let line = without_end(line);
        let rest = line.strip_prefix(b"From ")?;
        let (rest, remote) = split_remote(rest);
        let mut postmark = Self {
            line,
            sender: rest.trim_ascii(),
            date: None,
            zone: None,
            remote,
        };
        // The date is as long as it can be: the weekday of RFC 5322 may be left out.
        for at in word_starts(rest) {
            if let Some((date, zone)) = std::str::from_utf8(&rest[at..]).ok().and_then(dated) {
                postmark.sender = rest[..at].trim_ascii();
                (postmark.date, postmark.zone) = (Some(date), zone);
            }
        }
        Some(postmark)
    }

    /// The line as it stands in the mbox, without its line end.
    #[must_use]
    pub fn line(&self) -> &'a [u8] {
        self.line
    }

    /// Whatever stands before the date: an address as a rule, and else `-`, nothing at all,
    /// `MAILER-DAEMON`, `tom at example.org`, or bytes of any kind.
    #[must_use]
    pub fn sender(&self) -> &'a [u8] {
        self.sender
    }

    /// The date, by custom local time of the machine that wrote it.
    #[must_use]
    pub fn date(&self) -> Option<Date> {
        self.date
    }

    /// Seconds east of UTC, if the line has a zone in digits or one that RFC 822 names.
    #[must_use]
    pub fn zone(&self) -> Option<i32> {
        self.zone
    }

    /// Behind `remote from`: the host that passed the message on, as UUCP writes it.
    #[must_use]
    pub fn remote(&self) -> Option<&'a [u8]> {
        self.remote
    }

    /// The moment of the date: by the zone of the line, else by that of this machine.
    #[must_use]
    pub fn time(&self) -> Option<SystemTime> {
        let date = self.date?.civil();
        let zone = match self.zone.and_then(|zone| Offset::from_seconds(zone).ok()) {
            Some(offset) => TimeZone::fixed(offset),
            None => TimeZone::system(),
        };
        Some(zone.to_timestamp(date).ok()?.into())
    }

    /// Whether it is the first line of a patch by `git format-patch`, which may well stand in
    /// the body of a message behind an empty line.
    #[must_use]
    pub fn is_patch(&self) -> bool {
        is_patch(self.line)
    }
}

/// Whether a line that starts with `From ` has a date. The usual form is seen at a glance.
pub(super) fn is_dated(line: &[u8]) -> bool {
    let line = without_end(line);
    match line.last_chunk::<25>() {
        Some([b' ', date @ ..]) if is_asctime(date) => true,
        _ if !has_clock(line) => false,
        _ => Postmark::parse(line).is_some_and(|postmark| postmark.date.is_some()),
    }
}

/// Whether a colon stands between digits, as in every time of day: most prose has none.
fn has_clock(line: &[u8]) -> bool {
    let is_digit = |at: usize| line.get(at).is_some_and(u8::is_ascii_digit);
    memchr::memchr_iter(b':', line).any(|at| at > 0 && is_digit(at - 1) && is_digit(at + 1))
}

/// `From`, a hash of SHA-1 or SHA-256, and the date that git always writes there.
pub(super) fn is_patch(line: &[u8]) -> bool {
    let line = without_end(line);
    let hash = line
        .strip_prefix(b"From ")
        .and_then(|rest| rest.strip_suffix(b" Mon Sep 17 00:00:00 2001"));
    hash.is_some_and(|hash| matches!(hash.len(), 40 | 64) && hash.iter().all(u8::is_ascii_hexdigit))
}

/// Whether this is a date by `asctime`. `false` may also mean that it takes a closer look.
fn is_asctime(date: &[u8; 24]) -> bool {
    let [
        _,
        _,
        _,
        b' ',
        _,
        _,
        _,
        b' ',
        d1,
        d2,
        b' ',
        h1,
        h2,
        b':',
        m1,
        m2,
        b':',
        s1,
        s2,
        b' ',
        year @ ..,
    ] = date
    else {
        return false;
    };
    WEEKDAYS.iter().any(|name| date.starts_with(name.as_bytes()))
        && MONTHS.iter().any(|name| date[4..].starts_with(name.as_bytes()))
        // No month ends before the 29th.
        && matches!(d1, b' ' | b'0'..=b'2')
        && matches!(d2, b'1'..=b'8')
        && (matches!(h1, b'0'..=b'1') && h2.is_ascii_digit()
            || *h1 == b'2' && matches!(h2, b'0'..=b'3'))
        && matches!((m1, s1), (b'0'..=b'5', b'0'..=b'5'))
        && m2.is_ascii_digit()
        && s2.is_ascii_digit()
        && year.iter().all(u8::is_ascii_digit)
}

fn without_end(line: &[u8]) -> &[u8] {
    let line = line.strip_suffix(b"\n").unwrap_or(line);
    line.strip_suffix(b"\r").unwrap_or(line)
}

/// Takes `remote from <host>` off the end.
fn split_remote(rest: &[u8]) -> (&[u8], Option<&[u8]>) {
    match memchr::memmem::rfind(rest, REMOTE) {
        Some(at) => (&rest[..at], Some(rest[at + REMOTE.len()..].trim_ascii())),
        None => (rest, None),
    }
}

/// Where the last words start, from right to left: as many as a date may have.
fn word_starts(rest: &[u8]) -> impl Iterator<Item = usize> {
    let is_start = |at: &usize| rest[*at] != b' ' && (*at == 0 || rest[at - 1] == b' ');
    (0..rest.len()).rev().filter(is_start).take(DATE_WORDS)
}

/// Reads a date that fills all of `text`, and its zone.
fn dated(text: &str) -> Option<(Date, Option<i32>)> {
    let mut words = text.split_ascii_whitespace().peekable();
    let first = words.peek()?;
    if first.as_bytes().first()?.is_ascii_digit() && first.contains('-') {
        return iso(text);
    }
    words.next_if(|word| WEEKDAYS.contains(&word.trim_end_matches(',')));
    let mut parts = Parts::default();
    match month(words.peek()?) {
        Some(month) => {
            words.next();
            parts.month = month;
            parts.day = number(words.next()?, 1, 2)?;
            parts.clock(words.next()?)?;
            while let Some(zone) = words.next_if(|word| is_zone(word)) {
                parts.zone(zone);
            }
            parts.year(words.next()?)?;
        }
        None => {
            parts.day = number(words.next()?, 1, 2)?;
            parts.month = month(words.next()?)?;
            parts.year(words.next()?)?;
            parts.clock(words.next()?)?;
        }
    }
    for zone in words {
        if !is_zone(zone) {
            return None;
        }
        parts.zone(zone);
    }
    parts.date()
}

/// `2001-12-31T23:59:59Z`, or with a blank for the `T`, a fraction of a second, another zone.
fn iso(text: &str) -> Option<(Date, Option<i32>)> {
    let (day, clock) = text.split_once(['T', ' '])?;
    let mut parts = Parts::default();
    let mut numbers = day.split('-');
    parts.year = number(numbers.next()?, 4, 4)?;
    parts.month = i8::try_from(number(numbers.next()?, 2, 2)?).ok()?;
    parts.day = number(numbers.next()?, 2, 2)?;
    let zone = clock.find(['Z', '+', '-', ' ']).unwrap_or(clock.len());
    let (clock, zone) = clock.split_at(zone);
    let clock = clock.split_once('.').map_or(clock, |(clock, _)| clock);
    parts.clock(clock)?;
    let zone = zone.trim_start().replace(':', "");
    if !zone.is_empty() {
        if !is_zone(&zone) {
            return None;
        }
        parts.zone(&zone);
    }
    numbers.next().is_none().then(|| parts.date())?
}

/// A date in the making.
#[derive(Default)]
struct Parts {
    year: i16,
    month: i8,
    day: i16,
    hour: i16,
    minute: i16,
    second: i16,
    zone: Option<i32>,
}

impl Parts {
    /// Two digits are of the years 1970 to 2069.
    fn year(&mut self, word: &str) -> Option<()> {
        self.year = match number(word, 2, 4)? {
            year @ 0..70 if word.len() == 2 => 2000 + year,
            year if word.len() == 2 => 1900 + year,
            _ if word.len() == 3 => return None,
            year => year,
        };
        Some(())
    }

    fn clock(&mut self, word: &str) -> Option<()> {
        let mut numbers = word.split(':');
        self.hour = number(numbers.next()?, 1, 2)?;
        self.minute = number(numbers.next()?, 2, 2)?;
        self.second = match numbers.next() {
            Some(second) => number(second, 2, 2)?,
            None => 0,
        };
        numbers.next().is_none().then_some(())
    }

    fn zone(&mut self, word: &str) {
        self.zone = self.zone.or_else(|| offset(word));
    }

    /// A leap second counts as the one before it.
    fn date(&self) -> Option<(Date, Option<i32>)> {
        if self.second > 60 {
            return None;
        }
        let [day, hour, minute, second] =
            [self.day, self.hour, self.minute, self.second.min(59)].map(|part| part as i8);
        let date = DateTime::new(self.year, self.month, day, hour, minute, second, 0).ok()?;
        Some((Date::from_civil(date), self.zone))
    }
}

/// The number of a month. Some programs write `???` when they do not know it.
fn month(word: &str) -> Option<i8> {
    if word == "???" {
        return Some(1);
    }
    let index = MONTHS.iter().position(|name| *name == word)?;
    Some(index as i8 + 1)
}

fn is_zone(word: &str) -> bool {
    match word.as_bytes() {
        [b'+' | b'-', digits @ ..] => digits.len() == 4 && digits.iter().all(u8::is_ascii_digit),
        letters => letters.len() <= 5 && letters.iter().all(u8::is_ascii_uppercase),
    }
}

/// Seconds east of UTC (RFC 5322 sections 3.3 and 4.3).
fn offset(zone: &str) -> Option<i32> {
    if let Some((_, hours)) = ZONES.iter().find(|(name, _)| *name == zone) {
        return Some(hours * 3600);
    }
    let sign = match zone.as_bytes().first()? {
        b'+' => 1,
        b'-' => -1,
        _ => return None,
    };
    let digits: i32 = zone[1..].parse().ok()?;
    Some(sign * (digits / 100 * 3600 + digits % 100 * 60))
}

/// A number of so many digits.
fn number(text: &str, least: usize, most: usize) -> Option<i16> {
    let digits = text.bytes().all(|byte| byte.is_ascii_digit());
    (digits && (least..=most).contains(&text.len())).then(|| text.parse().ok())?
}

const REMOTE: &[u8] = b" remote from ";

/// `Thu Jan 1 00:00:00 MET DST 1970` and a zone behind it.
const DATE_WORDS: usize = 8;

pub(super) const WEEKDAYS: [&str; 7] = ["Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"];

pub(super) const MONTHS: [&str; 12] = [
    "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec",
];

const ZONES: [(&str, i32); 12] = [
    ("Z", 0),
    ("UT", 0),
    ("UTC", 0),
    ("GMT", 0),
    ("EST", -5),
    ("EDT", -4),
    ("CST", -6),
    ("CDT", -5),
    ("MST", -7),
    ("MDT", -6),
    ("PST", -8),
    ("PDT", -7),
];

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    use proptest::prelude::*;

    /// The line, its sender, its date and its zone.
    const DATED: &[(&str, &str, &str, Option<i32>)] = &[
        (
            "a@b  Thu Jan  1 00:00:00 1970\r\n",
            "a@b",
            "Thu Jan  1 00:00:00 1970",
            None,
        ),
        (
            "a@b Thu Jan 1 00:00 1970",
            "a@b",
            "Thu Jan  1 00:00:00 1970",
            None,
        ),
        (
            "a@b Thu Jan 01 0:05:09 1970",
            "a@b",
            "Thu Jan  1 00:05:09 1970",
            None,
        ),
        (
            "1x@xxx Thu Jan 01 00:00:00 +0000 1970",
            "1x@xxx",
            "Thu Jan  1 00:00:00 1970",
            Some(0),
        ),
        (
            "a@b Thu Jan  1 00:00:00 MET DST 1970",
            "a@b",
            "Thu Jan  1 00:00:00 1970",
            None,
        ),
        (
            "a@b Thu Jan  1 00:00:00 PST 1970",
            "a@b",
            "Thu Jan  1 00:00:00 1970",
            Some(-28800),
        ),
        (
            "a@b Thu Jan  1 00:00:00 1970 +0130",
            "a@b",
            "Thu Jan  1 00:00:00 1970",
            Some(5400),
        ),
        (
            "a@b Thu Jan  1 00:00:00 1970 -0330",
            "a@b",
            "Thu Jan  1 00:00:00 1970",
            Some(-12600),
        ),
        (
            "a@b Sat Jan  3 01:05:34 96",
            "a@b",
            "Wed Jan  3 01:05:34 1996",
            None,
        ),
        (
            "a@b Wed Jan  3 01:05:34 20",
            "a@b",
            "Fri Jan  3 01:05:34 2020",
            None,
        ),
        (
            "a@b Thu, 9 Nov 2002 22:33:52 +0100",
            "a@b",
            "Sat Nov  9 22:33:52 2002",
            Some(3600),
        ),
        (
            "a@b 9 Nov 2002 22:33",
            "a@b",
            "Sat Nov  9 22:33:00 2002",
            None,
        ),
        (
            "a@b 2001-12-31T23:59:60Z",
            "a@b",
            "Mon Dec 31 23:59:59 2001",
            Some(0),
        ),
        (
            "a@b 2001-12-31 23:59:58.123+02:00",
            "a@b",
            "Mon Dec 31 23:59:58 2001",
            Some(7200),
        ),
        (
            "a@b Thu ??? 10 10:10:10 1970",
            "a@b",
            "Sat Jan 10 10:10:10 1970",
            None,
        ),
        (
            "- Thu Jan  1 00:00:00 1970",
            "-",
            "Thu Jan  1 00:00:00 1970",
            None,
        ),
        (
            "MAILER-DAEMON Thu Jan  1 00:00:00 1970",
            "MAILER-DAEMON",
            "Thu Jan  1 00:00:00 1970",
            None,
        ),
        (
            "Thu Jan  1 00:00:00 1970",
            "",
            "Thu Jan  1 00:00:00 1970",
            None,
        ),
        (
            "tom at example.org  Fri Feb 29 12:00:01 2008",
            "tom at example.org",
            "Fri Feb 29 12:00:01 2008",
            None,
        ),
        (
            "\"Mon Jan 1\"@b Thu Jan  1 00:00:00 1970",
            "\"Mon Jan 1\"@b",
            "Thu Jan  1 00:00:00 1970",
            None,
        ),
        (
            "host!user Thu Jan  1 00:00:00 1970 remote from mx",
            "host!user",
            "Thu Jan  1 00:00:00 1970",
            None,
        ),
    ];

    #[test]
    fn dates_of_every_kind_are_read() {
        for (rest, sender, date, zone) in DATED {
            let line = format!("From {rest}");
            let postmark = Postmark::parse(line.as_bytes()).unwrap();
            assert_eq!(postmark.sender(), sender.as_bytes(), "{line}");
            let read = postmark.date().map(|date| date.to_string());
            assert_eq!(read.as_deref(), Some(*date), "{line}");
            assert_eq!(postmark.zone(), *zone, "{line}");
            assert!(is_dated(line.as_bytes()), "{line}");
        }
    }

    #[test]
    fn what_has_no_date_has_only_a_sender() {
        let table = [
            ("From ", ""),
            ("From - \r\n", "-"),
            ("From here to there", "here to there"),
            (
                "From a@b Thu Jan 32 00:00:00 1970",
                "a@b Thu Jan 32 00:00:00 1970",
            ),
            (
                "From a@b Thu Jan  1 24:00:00 1970",
                "a@b Thu Jan  1 24:00:00 1970",
            ),
            (
                "From a@b Thu Jan  1 00:00:61 1970",
                "a@b Thu Jan  1 00:00:61 1970",
            ),
            (
                "From a@b Thu Jan  1 0:0:0:0 1970",
                "a@b Thu Jan  1 0:0:0:0 1970",
            ),
            (
                "From a@b Thu Jan  1 00:00:00 197",
                "a@b Thu Jan  1 00:00:00 197",
            ),
            (
                "From a@b Thu Jan  1 00:00:00 1970 and more",
                "a@b Thu Jan  1 00:00:00 1970 and more",
            ),
            (
                "From a@b Sun Feb 29 00:00:00 2009",
                "a@b Sun Feb 29 00:00:00 2009",
            ),
        ];
        for (line, sender) in table {
            let postmark = Postmark::parse(line.as_bytes()).unwrap();
            assert_eq!(
                (postmark.date(), postmark.sender()),
                (None, sender.as_bytes()),
                "{line}"
            );
            assert!(!is_dated(line.as_bytes()), "{line}");
        }
        for line in [
            "",
            "From",
            "From: a@b",
            ">From a@b",
            "from a@b",
            " From a@b",
        ] {
            assert_eq!(Postmark::parse(line.as_bytes()), None, "{line}");
        }
    }

    #[test]
    fn a_date_with_a_zone_is_a_moment() {
        let postmark = Postmark::parse(b"From a Thu Jan  1 01:00:05 1970 +0100").unwrap();
        let expected = SystemTime::UNIX_EPOCH + Duration::from_secs(5);
        assert_eq!(postmark.time(), Some(expected));
        assert!(
            Postmark::parse(b"From a Thu Jan  1 01:00:05 1999")
                .unwrap()
                .time()
                .is_some()
        );
    }

    #[test]
    fn patches_are_told_apart() {
        let hash = "0123456789abcdef0123456789abcdef01234567";
        let line = |hash: &str| format!("From {hash} Mon Sep 17 00:00:00 2001\r\n");
        assert!(is_patch(line(hash).as_bytes()));
        assert!(is_patch(line(&format!("{hash}{}", &hash[..24])).as_bytes()));
        assert!(!is_patch(line(&hash[1..]).as_bytes()));
        assert!(!is_patch(line(&hash.replace('0', "g")).as_bytes()));
        assert!(!is_patch(line(hash).replace("17", "18").as_bytes()));
    }

    proptest! {
        /// What is seen at a glance is what a closer look sees.
        #[test]
        fn the_glance_sees_what_is_there(
            line in "From [a-c@. ]{0,4}((Mon|Tue|Xxx) (Jan|Feb|Yyy) [ 0-3][0-9] [0-2][0-9]:[0-6][0-9]:[0-6][0-9] [0-9]{3,5}( [A-Z+0-9]{0,5})?|.{0,30})"
        ) {
            let postmark = Postmark::parse(line.as_bytes()).unwrap();
            prop_assert_eq!(is_dated(line.as_bytes()), postmark.date().is_some());
            prop_assert_eq!(is_patch(line.as_bytes()), postmark.is_patch());
        }
    }
}
