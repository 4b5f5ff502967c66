//! The `From_` line, which starts every message of an mbox: `From sender  date`.

use std::fmt;
use std::time::{Duration, SystemTime};

use jiff::civil::DateTime;
use jiff::tz::{Offset, TimeZone};
use jiff::{Timestamp, Zoned};

use crate::limits;
use crate::mbox::Postmark;
use crate::mbox::postmark::{MONTHS, WEEKDAYS};

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

    /// Reads a line that has a date, with or without its line end, in any form that
    /// [`Postmark`] understands. The zone, if there is one, is left out.
    #[must_use]
    pub fn parse(line: &[u8]) -> Option<Self> {
        let postmark = Postmark::parse(line)?;
        Some(Self::new(postmark.sender(), postmark.date()?))
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

    pub(super) fn from_civil(date: DateTime) -> Self {
        Self(date)
    }

    pub(super) fn civil(self) -> DateTime {
        self.0
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
