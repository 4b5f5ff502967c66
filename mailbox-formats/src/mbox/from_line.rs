//! The `From_` line, which starts every message of an mbox: `From sender  date`.

use std::fmt;
use std::time::{Duration, SystemTime};

use jiff::civil::DateTime;
use jiff::tz::{Offset, TimeZone};
use jiff::{Timestamp, Zoned};

use crate::limits;

/// Who sent a message and when it came, as an mbox tells.
///
/// ```
/// use mailbox_formats::mbox::{Date, FromLine};
/// use std::time::SystemTime;
///
/// let line = FromLine::new(b"tom@example.org", Date::at_offset(SystemTime::UNIX_EPOCH, 3600));
/// assert_eq!(line.to_bytes(), b"From tom@example.org  Thu Jan  1 01:00:00 1970\n");
/// assert_eq!(FromLine::parse(&line.to_bytes()), Some(line));
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FromLine {
    sender: Vec<u8>,
    date: Date,
}

impl FromLine {
    /// A line for an envelope sender, as SMTP had it between `<` and `>`.
    ///
    /// No sender can forge a line or a field of it: blanks and controls become `-`, a
    /// sender beyond [`limits::FROM_SENDER`] is cut, and the empty sender of a bounce is
    /// `MAILER-DAEMON`.
    #[must_use]
    pub fn new(sender: &[u8], date: Date) -> Self {
        let safe = |byte: &u8| {
            if *byte <= b' ' || *byte == 0x7f {
                b'-'
            } else {
                *byte
            }
        };
        let mut sender: Vec<u8> = sender.iter().take(limits::FROM_SENDER).map(safe).collect();
        if sender.is_empty() {
            sender.extend_from_slice(b"MAILER-DAEMON");
        }
        Self { sender, date }
    }

    /// Reads a line, with or without its line end.
    ///
    /// The date is as `asctime` has it; the seconds may be missing, and zones before or
    /// behind the year are passed over. The sender is whatever stands before the date.
    #[must_use]
    pub fn parse(line: &[u8]) -> Option<Self> {
        let line = line.strip_suffix(b"\n").unwrap_or(line);
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        let rest = line.strip_prefix(b"From ")?;
        // The last weekday on the line starts the date: a quoted sender may hold others.
        let starts = memchr::memrchr_iter(b' ', rest)
            .map(|blank| blank + 1)
            .chain([0]);
        let (at, date) = starts
            .filter_map(|at| Some((at, Date::parse(rest.get(at..)?)?)))
            .next()?;
        Some(Self::new(rest[..at].trim_ascii(), date))
    }

    /// The line as it is written, with its line end.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        [
            b"From ",
            &*self.sender,
            b"  ",
            self.date.to_string().as_bytes(),
            b"\n",
        ]
        .concat()
    }

    /// The sender.
    #[must_use]
    pub fn sender(&self) -> &[u8] {
        &self.sender
    }

    /// The date.
    #[must_use]
    pub fn date(&self) -> Date {
        self.date
    }
}

/// A date without a zone, as `asctime` prints it: by custom, local time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Date(DateTime);

impl Date {
    /// The time in the zone of this machine (`TZ`, else `/etc/localtime`, else UTC).
    #[must_use]
    pub fn local(time: SystemTime) -> Self {
        Self(Zoned::new(timestamp(time), TimeZone::system()).datetime())
    }

    /// The time at an offset in seconds east of UTC.
    ///
    /// Offsets of more than a day are not times of day anywhere, and count as UTC.
    #[must_use]
    pub fn at_offset(time: SystemTime, seconds: i32) -> Self {
        let offset = Offset::from_seconds(seconds).unwrap_or(Offset::UTC);
        Self(offset.to_datetime(timestamp(time)))
    }

    /// Reads a date that fills all of `text`.
    fn parse(text: &[u8]) -> Option<Self> {
        let named = |name: &&str| text.starts_with(name.as_bytes());
        let text = text.get(WEEKDAYS.iter().find(|name| named(name))?.len()..)?;
        let mut words = std::str::from_utf8(text.strip_prefix(b" ")?)
            .ok()?
            .split_ascii_whitespace();
        let month = words.next()?;
        let month = MONTHS.iter().position(|name| *name == month)? + 1;
        let day = number(words.next()?, 1, 2)?;
        let mut time = words.next()?.split(':');
        let (hour, minute) = (number(time.next()?, 1, 2)?, number(time.next()?, 2, 2)?);
        let second = time.next().map_or(Some(0), |text| number(text, 2, 2))?;
        let mut year = words.next()?;
        while is_zone(year) {
            year = words.next()?;
        }
        if time.next().is_some() || !words.all(is_zone) || second > 60 {
            return None;
        }
        let (year, month) = (number(year, 4, 4)?, i8::try_from(month).ok()?);
        let [day, hour, minute, second] =
            [day, hour, minute, second.min(59)].map(|part| part as i8);
        DateTime::new(year, month, day, hour, minute, second, 0)
            .ok()
            .map(Self)
    }
}

impl fmt::Display for Date {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let weekday = WEEKDAYS[self.0.weekday().to_sunday_zero_offset() as usize];
        let month = MONTHS[self.0.month() as usize - 1];
        let (day, hour, minute) = (self.0.day(), self.0.hour(), self.0.minute());
        let (second, year) = (self.0.second(), self.0.year());
        write!(
            f,
            "{weekday} {month} {day:2} {hour:02}:{minute:02}:{second:02} {year:04}"
        )
    }
}

/// A time that has four digits of year in every zone.
fn timestamp(time: SystemTime) -> Timestamp {
    const LAST: Duration = Duration::from_secs(253_402_200_000); // 30 December 9999
    let since = time
        .duration_since(SystemTime::UNIX_EPOCH)
        .unwrap_or_default()
        .min(LAST);
    Timestamp::from_second(since.as_secs() as i64).expect("the years 1970 to 9999 are in range")
}

fn is_zone(word: &str) -> bool {
    match word.as_bytes() {
        [b'+' | b'-', digits @ ..] => digits.len() == 4 && digits.iter().all(u8::is_ascii_digit),
        letters => letters.len() <= 5 && letters.iter().all(u8::is_ascii_uppercase),
    }
}

/// A number of so many digits.
fn number(text: &str, least: usize, most: usize) -> Option<i16> {
    let digits = text.bytes().all(|byte| byte.is_ascii_digit());
    (digits && (least..=most).contains(&text.len())).then(|| text.parse().ok())?
}

const WEEKDAYS: [&str; 7] = ["Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"];

const MONTHS: [&str; 12] = [
    "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec",
];

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: u64) -> Date {
        Date::at_offset(SystemTime::UNIX_EPOCH + Duration::from_secs(seconds), 0)
    }

    #[test]
    fn lines_are_read_as_they_are_printed() {
        let table: &[(&str, &str, u64)] = &[
            (
                "Somebody@example.net",
                "Wed Aug 16 23:33:34 2017",
                1_502_926_414,
            ),
            ("MAILER-DAEMON", "Thu Jan  1 00:00:00 1970", 0),
            ("a--b@x", "Thu Feb 29 12:00:01 2024", 1_709_208_001),
            ("sent.on.Mon@x", "Thu Dec 31 23:59:59 9998", 253_370_764_799),
        ];
        for (sender, date, seconds) in table {
            let line = FromLine::new(sender.as_bytes(), at(*seconds));
            assert_eq!(
                line.to_bytes(),
                format!("From {sender}  {date}\n").as_bytes()
            );
            assert_eq!(FromLine::parse(&line.to_bytes()), Some(line));
        }
    }

    #[test]
    fn lines_of_others_are_read() {
        let table = [
            ("From a@b Thu Jan  1 00:00:00 1970\r\n", "a@b"),
            ("From a@b Thu Jan 1 00:00 1970", "a@b"),
            ("From a@b Thu Jan 01 00:00:00 +0000 1970", "a@b"),
            ("From a@b Thu Jan  1 00:00:00 MET DST 1970", "a@b"),
            ("From a@b Thu Jan  1 00:00:00 1970 +0100", "a@b"),
            ("From - Thu Jan  1 00:00:00 1970", "-"),
            ("From Thu Jan  1 00:00:00 1970", "MAILER-DAEMON"),
            (
                "From \"Mon Jan 1\"@b Thu Jan  1 00:00:00 1970",
                "\"Mon-Jan-1\"@b",
            ),
        ];
        for (line, sender) in table {
            let expected = FromLine::new(sender.as_bytes(), at(0));
            assert_eq!(FromLine::parse(line.as_bytes()), Some(expected), "{line}");
        }
        let not = [
            "From ",
            "From here to there",
            "From: a@b Thu Jan  1 00:00:00 1970",
            ">From a@b Thu Jan  1 00:00:00 1970",
            "from a@b Thu Jan  1 00:00:00 1970",
            "From a@b Thu Jan 32 00:00:00 1970",
            "From a@b Thu Jan  1 24:00:00 1970",
            "From a@b Thu Jan  1 00:00:61 1970",
            "From a@b Thu Jan  1 0:0:0:0 1970",
            "From a@b Thu Jan  1 00:00:00 70",
            "From a@b Thu Jan  1 00:00:00 1970 and more",
        ];
        for line in not {
            assert_eq!(FromLine::parse(line.as_bytes()), None, "{line}");
        }
    }

    #[test]
    fn a_sender_cannot_forge() {
        let table: &[(&[u8], &[u8])] = &[
            (b"", b"MAILER-DAEMON"),
            (b"a b\tc", b"a-b-c"),
            (b"x\nFrom y", b"x-From-y"),
            (b"x\r\n\0\x7f\x1b", b"x-----"),
            ("\u{fc}@x".as_bytes(), "\u{fc}@x".as_bytes()),
        ];
        for (sender, safe) in table {
            assert_eq!(FromLine::new(sender, at(0)).sender(), *safe);
        }
        let long = FromLine::new(&[b'x'; 9999], at(0));
        assert_eq!(long.sender().len(), limits::FROM_SENDER);
    }

    #[test]
    fn every_time_has_a_date() {
        let long_ago = SystemTime::UNIX_EPOCH - Duration::from_secs(1);
        let far = SystemTime::UNIX_EPOCH + Duration::from_secs(1 << 40);
        for time in [long_ago, far] {
            for offset in [i32::MIN, -90_000, -50_000, 0, 50_000, i32::MAX] {
                let line = FromLine::new(b"a", Date::at_offset(time, offset));
                assert_eq!(FromLine::parse(&line.to_bytes()), Some(line));
            }
            let _ = Date::local(time);
        }
    }
}
