//! Dates and times (RFC 9051 section 9, `date` and `date-time`).

use std::fmt;
use std::str::FromStr;

use crate::encode::Encoder;
use crate::error::Invalid;
use crate::lex::{Cursor, Parsed};
use crate::quirks::Quirks;

/// A day, such as `1-Feb-1994`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Date {
    year: u16,
    month: u8,
    day: u8,
}

impl Date {
    /// A day.
    ///
    /// # Errors
    ///
    /// If there is none such, or its year has not four digits.
    pub fn new(year: u16, month: u8, day: u8) -> Result<Self, Invalid> {
        let leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
        let days = match month {
            4 | 6 | 9 | 11 => 30,
            2 if leap => 29,
            2 => 28,
            1..=12 => 31,
            _ => 0,
        };
        match year <= 9999 && (1..=days).contains(&day) {
            true => Ok(Self { year, month, day }),
            false => Err(Invalid::new("a day")),
        }
    }

    /// 0 to 9999.
    pub fn year(self) -> u16 {
        self.year
    }

    /// 1 to 12.
    pub fn month(self) -> u8 {
        self.month
    }

    /// 1 to 31.
    pub fn day(self) -> u8 {
        self.day
    }

    /// Days since 1 January 1970.
    pub fn days_since_epoch(self) -> i64 {
        // Years begin in March here, so that a leap day is the last of its year.
        let (month, day) = (i64::from(self.month), i64::from(self.day));
        let year = i64::from(self.year) - i64::from(month <= 2);
        let (era, year_of_era) = (year.div_euclid(400), year.rem_euclid(400));
        let day_of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
        era * 146_097 + year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year
            - 719_468
    }

    fn from_days(days: i64) -> Result<Self, Invalid> {
        let days = days + 719_468;
        let (era, day_of_era) = (days.div_euclid(146_097), days.rem_euclid(146_097));
        let year_of_era =
            (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
        let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
        let shifted = (5 * day_of_year + 2) / 153;
        let day = day_of_year - (153 * shifted + 2) / 5 + 1;
        let month = (shifted + 2) % 12 + 1;
        let year = era * 400 + year_of_era + i64::from(month <= 2);
        let year = u16::try_from(year).map_err(|_| Invalid::new("a day"))?;
        Self::new(year, month as u8, day as u8)
    }

    /// `date`, with or without quotes.
    pub(crate) fn read(cursor: &mut Cursor<'_>) -> Parsed<Self> {
        let quoted = cursor.eat(b'"');
        let day = digits(cursor, 1..=2)?;
        let date = Self::read_behind_day(cursor, day)?;
        if quoted {
            cursor.expect(b'"', "a closing quote")?;
        }
        Ok(date)
    }

    /// `-Feb-1994`
    fn read_behind_day(cursor: &mut Cursor<'_>, day: u16) -> Parsed<Self> {
        let start = cursor.at();
        cursor.expect(b'-', "a hyphen")?;
        let name = cursor.rest().get(..3).unwrap_or_default();
        let known = MONTHS
            .iter()
            .position(|month| month.as_bytes().eq_ignore_ascii_case(name));
        let Some(month) = known else {
            return cursor.fail("a month");
        };
        cursor.reset(cursor.at() + 3);
        cursor.expect(b'-', "a hyphen")?;
        let at = cursor.at();
        let mut year = digits(cursor, 2..=4)?;
        if cursor.at() - at != 4 {
            if !cursor.forgives(Quirks::LOOSE_DATE) {
                return cursor.fail("a year of four digits");
            }
            year += match year {
                0..50 => 2000,
                50..1000 => 1900,
                _ => 0,
            };
        }
        Self::new(year, month as u8 + 1, day as u8).map_err(|_| {
            cursor.reset(start);
            cursor.fault("a day of the calendar")
        })
    }
}

impl FromStr for Date {
    type Err = Invalid;

    fn from_str(text: &str) -> Result<Self, Invalid> {
        whole(text, Self::read)
    }
}

impl fmt::Display for Date {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let month = MONTHS[usize::from(self.month) - 1];
        write!(f, "{}-{month}-{:04}", self.day, self.year)
    }
}

/// A moment with its time zone, such as `17-Jul-1996 02:44:25 -0700`: an INTERNALDATE.
///
/// ```
/// use imap_proto::DateTime;
///
/// let date: DateTime = "17-Jul-1996 02:44:25 -0700".parse()?;
/// assert_eq!(date.unix_seconds(), 837596665);
/// assert_eq!(DateTime::from_unix_seconds(837596665, -420)?, date);
/// # Ok::<(), imap_proto::Invalid>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct DateTime {
    date: Date,
    hour: u8,
    minute: u8,
    second: u8,
    /// Minutes east of Greenwich.
    zone: i16,
}

impl DateTime {
    /// A time of a day, with minutes east of Greenwich.
    ///
    /// # Errors
    ///
    /// If there is no such time, or the zone is 100 hours or more away.
    pub fn new(
        date: Date,
        (hour, minute, second): (u8, u8, u8),
        zone: i16,
    ) -> Result<Self, Invalid> {
        match hour < 24 && minute < 60 && second <= 60 && zone.unsigned_abs() < 100 * 60 {
            true => Ok(Self {
                date,
                hour,
                minute,
                second,
                zone,
            }),
            false => Err(Invalid::new("a time")),
        }
    }

    /// What the clocks showed there at a moment.
    ///
    /// # Errors
    ///
    /// If that is before the year 0 or after the year 9999.
    pub fn from_unix_seconds(seconds: i64, zone: i16) -> Result<Self, Invalid> {
        let local = seconds.saturating_add(i64::from(zone) * 60);
        let (days, second) = (local.div_euclid(86_400), local.rem_euclid(86_400));
        // A day has fewer seconds than fit, and each of these is less than 60.
        let time = (
            (second / 3600) as u8,
            (second / 60 % 60) as u8,
            (second % 60) as u8,
        );
        Self::new(Date::from_days(days)?, time, zone)
    }

    /// Seconds since the beginning of 1970 in Greenwich.
    pub fn unix_seconds(self) -> i64 {
        let time =
            i64::from(self.hour) * 3600 + i64::from(self.minute) * 60 + i64::from(self.second);
        self.date.days_since_epoch() * 86_400 + time - i64::from(self.zone) * 60
    }

    /// The day, there.
    pub fn date(self) -> Date {
        self.date
    }

    /// Hour, minute and second, there.
    pub fn time(self) -> (u8, u8, u8) {
        (self.hour, self.minute, self.second)
    }

    /// Minutes east of Greenwich.
    pub fn zone(self) -> i16 {
        self.zone
    }

    /// `date-time`
    pub(crate) fn read(cursor: &mut Cursor<'_>) -> Parsed<Self> {
        cursor.expect(b'"', "a date in quotes")?;
        let padded = cursor.eat(b' ');
        let at = cursor.at();
        let day = digits(cursor, 1..=2)?;
        let proper = cursor.at() - at == if padded { 1 } else { 2 };
        if !proper && !cursor.forgives(Quirks::LOOSE_DATE) {
            cursor.reset(at);
            return cursor.fail("a day of two digits, or a space and one digit");
        }
        let date = Date::read_behind_day(cursor, day)?;
        cursor.space()?;
        let start = cursor.at();
        let hour = digits(cursor, 2..=2)?;
        cursor.expect(b':', "a colon")?;
        let minute = digits(cursor, 2..=2)?;
        cursor.expect(b':', "a colon")?;
        let second = digits(cursor, 2..=2)?;
        cursor.space()?;
        let sign = match cursor.eat(b'-') {
            true => -1,
            false => {
                cursor.expect(b'+', "a time zone")?;
                1
            }
        };
        let zone = digits(cursor, 4..=4)?;
        cursor.expect(b'"', "a closing quote")?;
        // All of them have two digits, but the zone, which has four.
        let zone = sign * (zone / 100 * 60 + zone % 100) as i16;
        let time = (hour as u8, minute as u8, second as u8);
        Self::new(date, time, zone).map_err(|_| {
            cursor.reset(start);
            cursor.fault("a time of day")
        })
    }

    pub(crate) fn write(self, to: &mut Encoder) {
        to.raw(b"\"").display(&self).raw(b"\"");
    }
}

impl FromStr for DateTime {
    type Err = Invalid;

    fn from_str(text: &str) -> Result<Self, Invalid> {
        whole(&format!("\"{text}\""), Self::read)
    }
}

impl fmt::Display for DateTime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Date { year, month, day } = self.date;
        let month = MONTHS[usize::from(month) - 1];
        let (sign, zone) = (
            if self.zone < 0 { '-' } else { '+' },
            self.zone.unsigned_abs(),
        );
        write!(
            f,
            "{day:2}-{month}-{year:04} {:02}:{:02}:{:02} {sign}{:02}{:02}",
            self.hour,
            self.minute,
            self.second,
            zone / 60,
            zone % 60
        )
    }
}

/// A number of so many digits.
fn digits(cursor: &mut Cursor<'_>, count: std::ops::RangeInclusive<usize>) -> Parsed<u16> {
    let rest = cursor.rest();
    let length = rest
        .iter()
        .take(*count.end())
        .take_while(|octet| octet.is_ascii_digit())
        .count();
    if !count.contains(&length) {
        return cursor.fail("digits");
    }
    cursor.reset(cursor.at() + length);
    let digits = rest[..length].iter();
    Ok(digits.fold(0, |number, octet| number * 10 + u16::from(octet - b'0')))
}

fn whole<T>(text: &str, read: impl Fn(&mut Cursor<'_>) -> Parsed<T>) -> Result<T, Invalid> {
    let frame = crate::frame::Frame::from(bytes::Bytes::copy_from_slice(text.as_bytes()));
    let mut cursor = Cursor::new(&frame, Quirks::empty(), false, 0);
    match read(&mut cursor) {
        Ok(value) if frame.octets().len() == text.len() && cursor.is_at_end() => Ok(value),
        _ => Err(Invalid::new("a date")),
    }
}

const MONTHS: [&str; 12] = [
    "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec",
];
