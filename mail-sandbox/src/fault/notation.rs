//! How texts and times are written in faults.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

/// A text of a fault, which may hold line ends and semicolons.
pub(super) struct Escaped<'a> {
    text: &'a str,
    until: Until,
}

/// Where a text ends.
#[derive(PartialEq, Eq)]
enum Until {
    /// With the action.
    Semicolon,
    /// With the first space, or with the arrow that begins the actions.
    Space,
    /// With ` => `.
    Arrow,
}

impl<'a> Escaped<'a> {
    pub(super) fn text(text: &'a str) -> Self {
        let until = Until::Semicolon;
        Self { text, until }
    }

    pub(super) fn word(text: &'a str) -> Self {
        let until = Until::Space;
        Self { text, until }
    }

    /// What stands on the left of ` => `.
    pub(super) fn left(text: &'a str) -> Self {
        let until = Until::Arrow;
        Self { text, until }
    }
}

impl fmt::Display for Escaped<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let last = self.text.chars().count().saturating_sub(1);
        for (index, c) in self.text.chars().enumerate() {
            let at_an_end = index == 0 || index == last;
            match c {
                '\\' => f.write_str("\\\\")?,
                ';' => f.write_str("\\;")?,
                '\n' => f.write_str("\\n")?,
                '\r' => f.write_str("\\r")?,
                // What would be trimmed, or taken for the end of the line.
                ' ' if !at_an_end && self.until != Until::Space => f.write_str(" ")?,
                '>' if self.until == Until::Semicolon => f.write_str(">")?,
                c if c.is_control() || c.is_whitespace() || c == '>' => {
                    write!(f, "\\u{{{:x}}}", u32::from(c))?;
                }
                c => write!(f, "{c}")?,
            }
        }
        Ok(())
    }
}

/// Reads what [`Escaped`] prints.
pub(super) fn unescape(text: &str) -> Result<String, String> {
    let mut all = String::new();
    let mut rest = text;
    while let Some((before, behind)) = rest.split_once('\\') {
        all.push_str(before);
        let escape = behind.chars().next().ok_or("a lone backslash")?;
        rest = &behind[escape.len_utf8()..];
        match escape {
            '\\' | ';' => all.push(escape),
            'n' => all.push('\n'),
            'r' => all.push('\r'),
            'u' => {
                let code = rest.strip_prefix('{').and_then(|rest| rest.split_once('}'));
                let (digits, behind) = code.ok_or("\\u needs {digits}")?;
                let c = u32::from_str_radix(digits, 16)
                    .ok()
                    .and_then(char::from_u32);
                all.push(c.ok_or_else(|| format!("no such character: {digits}"))?);
                rest = behind;
            }
            other => return Err(format!("unknown escape \\{other}")),
        }
    }
    all.push_str(rest);
    Ok(all)
}

/// A length of time: `500ms`, `5s`, `5m`, `1h`.
pub(super) struct Time(pub(super) Duration);

impl FromStr for Time {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let end = text
            .find(|c: char| !c.is_ascii_digit())
            .unwrap_or(text.len());
        let (number, unit) = text.split_at(end);
        let wrong = || format!("not a time such as 500ms, 5s, 5m or 1h: {text}");
        let number: u64 = number.parse().map_err(|_| wrong())?;
        let milliseconds: u64 = match unit {
            "ms" => 1,
            "s" => 1000,
            "m" => 60_000,
            "h" => 3_600_000,
            _ => return Err(wrong()),
        };
        let time = number
            .checked_mul(milliseconds)
            .filter(|&all| all <= LONGEST);
        let time = time.ok_or("longer than a year")?;
        Ok(Self(Duration::from_millis(time)))
    }
}

/// Milliseconds of the longest time that can be written: clocks can still add it.
const LONGEST: u64 = 365 * 24 * 3_600_000;

impl fmt::Display for Time {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let all = self.0.as_millis();
        let (number, unit) = match all {
            0 => (0, "s"),
            all if all % 3_600_000 == 0 => (all / 3_600_000, "h"),
            all if all % 60_000 == 0 => (all / 60_000, "m"),
            all if all % 1000 == 0 => (all / 1000, "s"),
            all => (all, "ms"),
        };
        write!(f, "{number}{unit}")
    }
}
