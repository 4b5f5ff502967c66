//! When a message is to be delivered, and how urgent it is.

use std::fmt;

use crate::SyntaxError;

/// `BY=`: deliver within so many seconds, or do something about it (RFC 2852 section 4).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DeliverBy {
    seconds: i32,
    mode: ByMode,
    trace: bool,
}

/// What becomes of a message whose time is over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(clippy::exhaustive_enums, reason = "RFC 2852 has these two")]
pub enum ByMode {
    /// `N`: the sender is notified, and delivery goes on.
    Notify,
    /// `R`: the message is returned.
    Return,
}

impl DeliverBy {
    /// So many seconds from now; negative if the time is over. With `trace`, each relay is
    /// reported.
    ///
    /// # Errors
    ///
    /// If the number has more than nine digits, or no time is left for a message that would be
    /// returned then.
    pub fn new(seconds: i32, mode: ByMode, trace: bool) -> Result<Self, SyntaxError> {
        let has_time = seconds > 0 || mode == ByMode::Notify;
        match has_time && seconds.unsigned_abs() <= NINE_DIGITS {
            true => Ok(Self {
                seconds,
                mode,
                trace,
            }),
            false => Err(SyntaxError::Parameter),
        }
    }

    /// Seconds that are left; negative if the time is over.
    pub fn seconds(&self) -> i32 {
        self.seconds
    }

    /// What becomes of the message then.
    pub fn mode(&self) -> ByMode {
        self.mode
    }

    /// Whether each relay is to be reported.
    pub fn trace(&self) -> bool {
        self.trace
    }

    pub(super) fn parse(value: &[u8]) -> Result<Self, SyntaxError> {
        let semicolon = memchr::memchr(b';', value).ok_or(SyntaxError::Parameter)?;
        let (time, how) = (&value[..semicolon], &value[semicolon + 1..]);
        let (negative, digits) = match time {
            [b'-', digits @ ..] => (true, digits),
            [b'+', digits @ ..] | digits => (false, digits),
        };
        let magnitude: i32 = digits_of(digits, 9)?.try_into().expect("nine digits fit");
        let seconds = if negative { -magnitude } else { magnitude };
        let (mode, trace) = match how {
            [mode] => (mode, false),
            [mode, b'T' | b't'] => (mode, true),
            _ => return Err(SyntaxError::Parameter),
        };
        let mode = match mode {
            b'N' | b'n' => ByMode::Notify,
            b'R' | b'r' => ByMode::Return,
            _ => return Err(SyntaxError::Parameter),
        };
        Self::new(seconds, mode, trace)
    }
}

impl fmt::Display for DeliverBy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mode = match self.mode {
            ByMode::Notify => "N",
            ByMode::Return => "R",
        };
        let trace = if self.trace { "T" } else { "" };
        write!(f, "{};{mode}{trace}", self.seconds)
    }
}

/// `HOLDFOR=` or `HOLDUNTIL=`: submit later (RFC 4865 section 5).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(clippy::exhaustive_enums, reason = "RFC 4865 has these two")]
pub enum Hold {
    /// So long from now.
    For(Interval),
    /// Until then.
    Until(DateTime),
}

impl Hold {
    pub(super) fn parse_for(value: &[u8]) -> Result<Self, SyntaxError> {
        Interval::new(digits_of(value, 9)?).map(Self::For)
    }

    pub(super) fn parse_until(value: &[u8]) -> Result<Self, SyntaxError> {
        DateTime::parse(value).map(Self::Until)
    }
}

impl fmt::Display for Hold {
    /// The whole parameter, keyword included.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::For(interval) => write!(f, "HOLDFOR={}", interval.seconds()),
            Self::Until(time) => write!(f, "HOLDUNTIL={time}"),
        }
    }
}

/// A number of seconds: 1 to 999,999,999.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Interval(u32);

impl Interval {
    /// The longest: nearly 32 years.
    pub const LONGEST: Self = Self(NINE_DIGITS);

    /// So many seconds.
    ///
    /// # Errors
    ///
    /// If there are none, or more than nine digits of them.
    pub fn new(seconds: u32) -> Result<Self, SyntaxError> {
        match (1..=NINE_DIGITS).contains(&seconds) {
            true => Ok(Self(seconds)),
            false => Err(SyntaxError::Parameter),
        }
    }

    /// The number.
    pub fn seconds(self) -> u32 {
        self.0
    }
}

/// A point in time, to the second: seconds since 1970 in UTC, years 1 to 9999.
///
/// Read as RFC 3339 has it, fractions dropped, and printed in UTC.
///
/// ```
/// use smtp_proto::parameter::DateTime;
///
/// let time: DateTime = "2026-11-21T10:00:00+02:00".parse()?;
/// assert_eq!(time.to_string(), "2026-11-21T08:00:00Z");
/// assert_eq!(time.unix_seconds(), 1_795_248_000);
/// # Ok::<(), smtp_proto::SyntaxError>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct DateTime(i64);

impl DateTime {
    /// The last second of the year 9999.
    pub const LAST: Self = Self(LAST_SECOND);

    /// So many seconds after the beginning of 1970.
    ///
    /// # Errors
    ///
    /// If the year would not have four digits.
    pub fn from_unix_seconds(seconds: i64) -> Result<Self, SyntaxError> {
        match (FIRST_SECOND..=LAST_SECOND).contains(&seconds) {
            true => Ok(Self(seconds)),
            false => Err(SyntaxError::Parameter),
        }
    }

    /// Seconds since the beginning of 1970; negative before.
    pub fn unix_seconds(self) -> i64 {
        self.0
    }

    pub(super) fn parse(text: &[u8]) -> Result<Self, SyntaxError> {
        read_date_time(text)
            .and_then(|seconds| Self::from_unix_seconds(seconds).ok())
            .ok_or(SyntaxError::Parameter)
    }
}

impl std::str::FromStr for DateTime {
    type Err = SyntaxError;

    fn from_str(text: &str) -> Result<Self, SyntaxError> {
        Self::parse(text.as_bytes())
    }
}

impl fmt::Display for DateTime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (days, second) = (self.0.div_euclid(86_400), self.0.rem_euclid(86_400));
        let (year, month, day) = date_of(days);
        let (hour, minute, second) = (second / 3600, second / 60 % 60, second % 60);
        write!(
            f,
            "{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}Z"
        )
    }
}

/// `date-time` of RFC 3339 section 5.6.
fn read_date_time(text: &[u8]) -> Option<i64> {
    let number = |digits: &[u8]| digits_of(digits, digits.len()).ok().map(i64::from);
    let (front, rest) = text.split_at_checked(19)?;
    let punctuation = [(4, b"-"), (7, b"-"), (10, b"T"), (13, b":"), (16, b":")];
    if punctuation
        .iter()
        .any(|(at, mark)| !front[*at..*at + 1].eq_ignore_ascii_case(*mark))
    {
        return None;
    }
    let (year, month, day) = (
        number(&front[..4])?,
        number(&front[5..7])?,
        number(&front[8..10])?,
    );
    let (hour, minute, second) = (
        number(&front[11..13])?,
        number(&front[14..16])?,
        number(&front[17..19])?,
    );
    let days = days_of(year, month, day);
    if date_of(days) != (year, month, day) || hour > 23 || minute > 59 || second > 60 {
        return None;
    }
    let zone = match rest {
        [b'.', fraction @ ..] => {
            let digits = fraction.iter().take_while(|octet| octet.is_ascii_digit());
            let digits = digits.count();
            (digits > 0).then_some(&fraction[digits..])?
        }
        zone => zone,
    };
    let offset = match zone {
        b"Z" | b"z" => 0,
        [sign @ (b'+' | b'-'), h1, h2, b':', m1, m2] => {
            let (hours, minutes) = (number(&[*h1, *h2])?, number(&[*m1, *m2])?);
            if hours > 23 || minutes > 59 {
                return None;
            }
            let offset = hours * 3600 + minutes * 60;
            if *sign == b'-' { -offset } else { offset }
        }
        _ => return None,
    };
    Some(days * 86_400 + hour * 3600 + minute * 60 + second - offset)
}

/// Days from 1970 to a date of the Gregorian calendar. Years begin in March here, so that the
/// leap day is the last.
fn days_of(year: i64, month: i64, day: i64) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let era = year.div_euclid(400);
    let year_of_era = year.rem_euclid(400);
    let day_of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    let day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    era * 146_097 + day_of_era - 719_468
}

/// The date so many days after the first of 1970.
fn date_of(days: i64) -> (i64, i64, i64) {
    let days = days + 719_468;
    let (era, day_of_era) = (days.div_euclid(146_097), days.rem_euclid(146_097));
    let year_of_era =
        (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month + 2) / 5 + 1;
    let month = if month < 10 { month + 3 } else { month - 9 };
    let year = year_of_era + era * 400 + i64::from(month <= 2);
    (year, month, day)
}

const NINE_DIGITS: u32 = 999_999_999;
const FIRST_SECOND: i64 = -62_135_596_800;
const LAST_SECOND: i64 = 253_402_300_799;

/// `MT-PRIORITY=`: from -9 to 9 (RFC 6710 section 4).
///
/// ```
/// use smtp_proto::parameter::Priority;
///
/// assert_eq!(Priority::new(-4)?.level(), -4);
/// assert!(Priority::new(10).is_err());
/// # Ok::<(), smtp_proto::SyntaxError>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Priority(i8);

impl Priority {
    /// A priority; 0 is the usual one.
    ///
    /// # Errors
    ///
    /// If it is not within -9 and 9.
    pub fn new(level: i8) -> Result<Self, SyntaxError> {
        match (-9..=9).contains(&level) {
            true => Ok(Self(level)),
            false => Err(SyntaxError::Parameter),
        }
    }

    /// The number.
    pub fn level(self) -> i8 {
        self.0
    }

    pub(super) fn parse(value: &[u8]) -> Result<Self, SyntaxError> {
        match value {
            [digit @ b'0'..=b'9'] => Self::new((digit - b'0') as i8),
            [b'-', digit @ b'1'..=b'9'] => Self::new(-((digit - b'0') as i8)),
            _ => Err(SyntaxError::Parameter),
        }
    }
}

impl fmt::Display for Priority {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)
    }
}

/// `RRVS=`: only if the mailbox has had the same owner since then (RFC 7293 section 3).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(clippy::exhaustive_structs, reason = "RFC 7293 has these two")]
pub struct ValidSince {
    /// The time.
    pub time: DateTime,
    /// What a relay does whose next hop does not know the extension.
    pub otherwise: Option<NoRrvs>,
}

/// What a relay does with a recipient when it cannot pass `RRVS` on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(clippy::exhaustive_enums, reason = "RFC 7293 has these two")]
pub enum NoRrvs {
    /// `C`: goes on without.
    Continue,
    /// `R`: rejects.
    Reject,
}

impl ValidSince {
    pub(super) fn parse(value: &[u8]) -> Result<Self, SyntaxError> {
        let (time, otherwise) = match value {
            [time @ .., b';', b'C' | b'c'] => (time, Some(NoRrvs::Continue)),
            [time @ .., b';', b'R' | b'r'] => (time, Some(NoRrvs::Reject)),
            time => (time, None),
        };
        let time = DateTime::parse(time)?;
        Ok(Self { time, otherwise })
    }
}

impl fmt::Display for ValidSince {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let otherwise = match self.otherwise {
            Some(NoRrvs::Continue) => ";C",
            Some(NoRrvs::Reject) => ";R",
            None => "",
        };
        write!(f, "{}{otherwise}", self.time)
    }
}

/// One to `most` digits as a number; nine fit.
fn digits_of(text: &[u8], most: usize) -> Result<u32, SyntaxError> {
    if !(1..=most).contains(&text.len()) || !text.iter().all(u8::is_ascii_digit) {
        return Err(SyntaxError::Parameter);
    }
    let digits = text.iter().map(|octet| u32::from(octet - b'0'));
    Ok(digits.fold(0, |sum, digit| sum * 10 + digit))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates() {
        for (text, seconds) in [
            ("1970-01-01T00:00:00Z", 0),
            ("2000-02-29T23:59:59Z", 951_868_799),
            ("1969-12-31T23:59:59Z", -1),
            ("0001-01-01T00:00:00Z", FIRST_SECOND),
            ("9999-12-31T23:59:59Z", LAST_SECOND),
        ] {
            let time: DateTime = text.parse().expect(text);
            assert_eq!(
                (time.unix_seconds(), &time.to_string()[..]),
                (seconds, text)
            );
        }
        for text in [
            "",
            "2026-11-21",
            "2026-11-21T10:00:00",
            "2026-02-29T10:00:00Z",
            "2026-13-01T10:00:00Z",
            "2026-00-01T10:00:00Z",
            "2026-11-21T24:00:00Z",
            "2026-11-21T10:00:00.Z",
            "2026-11-21T10:00:00+2:00",
            "2026-11-21 10:00:00Z",
            "0000-01-01T00:00:00Z",
            "0001-01-01T00:00:00+01:00",
        ] {
            assert!(text.parse::<DateTime>().is_err(), "{text}");
        }
    }
}
