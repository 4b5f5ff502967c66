//! File names of a Maildir: unique, and telling the size of the message.

use std::fmt::{self, Write as _};

use memchr::memchr;

use crate::effects::{Identity, Tick};
use crate::limits;

/// A file name that no other delivery has, whatever it shares with ours.
///
/// `<seconds>.M<microseconds>P<pid>Q<sequence>R<random>.<host>`: within a process the tick
/// differs, on a host the process id, between hosts the host name, and between containers,
/// which may share all of these, the random number of the process. Readers take the name
/// as opaque, as <https://cr.yp.to/proto/maildir.html> asks.
///
/// ```
/// use mailbox_formats::effects::{Identity, Tick};
/// use mailbox_formats::maildir::UniqueName;
///
/// let tick = Tick { micros: 1_700_000_000_000_042, sequence: 7 };
/// let identity = Identity { pid: 1, host: "mx/1:a".into(), random: 0xbeef };
/// let name = UniqueName::new(tick, &identity).to_string();
/// assert_eq!(name, r"1700000000.M42P1Q7R000000000000beef.mx\0571\072a");
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UniqueName(String);

impl UniqueName {
    /// The name of a moment in a process.
    #[must_use]
    pub fn new(tick: Tick, identity: &Identity) -> Self {
        let (seconds, micros) = (tick.micros / 1_000_000, tick.micros % 1_000_000);
        let Identity { pid, host, random } = identity;
        let mut name = format!("{seconds}.M{micros}P{pid}Q{}R{random:016x}.", tick.sequence);
        let end = name.len() + limits::NAME_HOST;
        for byte in host.bytes() {
            match byte {
                b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'.' | b'-' | b'_' => {
                    name.push(char::from(byte));
                }
                // A slash would end the name, a colon starts the flags, a comma a size.
                other => write!(name, "\\{other:03o}").expect("a string takes all"),
            }
            if name.len() >= end {
                break;
            }
        }
        Self(name)
    }
}

impl fmt::Display for UniqueName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The sizes of a message, as its file name carries them: `,S=<stored>,W=<wire>`.
///
/// Dovecot and Courier take them from the name to save a `stat` or a read of the message.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Sizes {
    /// `S=`: bytes in the file.
    pub stored: Option<u64>,
    /// `W=`: bytes when every line ends with CRLF.
    pub wire: Option<u64>,
}

impl Sizes {
    /// Reads the sizes from a file name, with or without flags behind it.
    #[must_use]
    pub fn parse(name: &[u8]) -> Self {
        match name.windows(3).rposition(|three| three == b":2,") {
            Some(flags) => Self::of_unique(&name[..flags]),
            None => Self::of_unique(name),
        }
    }

    /// The same for the part of a name that has no flags behind it.
    pub(super) fn of_unique(unique: &[u8]) -> Self {
        let size = |field: &[u8]| std::str::from_utf8(field).ok()?.parse().ok();
        let mut sizes = Self::default();
        let Some(comma) = memchr(b',', unique) else {
            return sizes;
        };
        for field in unique[comma + 1..].split(|byte| *byte == b',') {
            match field {
                [b'S', b'=', number @ ..] => sizes.stored = size(number),
                [b'W', b'=', number @ ..] => sizes.wire = size(number),
                _ => {}
            }
        }
        sizes
    }
}

impl fmt::Display for Sizes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(stored) = self.stored {
            write!(f, ",S={stored}")?;
        }
        if let Some(wire) = self.wire {
            write!(f, ",W={wire}")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn identity(host: &str) -> Identity {
        Identity {
            pid: 1,
            host: host.into(),
            random: 1,
        }
    }

    #[test]
    fn a_name_stays_a_name_whatever_the_host_is_called() {
        let tick = Tick {
            micros: 1,
            sequence: 0,
        };
        for host in [
            "",
            "../../etc",
            "a:2,S",
            "x,S=1",
            "h\0\n\u{e9} ",
            &"long.".repeat(99),
        ] {
            let name = UniqueName::new(tick, &identity(host)).to_string();
            assert!(name.bytes().all(|byte| byte.is_ascii_graphic()), "{name}");
            assert!(
                !name.contains([':', '/', ',']) && name.len() < 160,
                "{name}"
            );
        }
    }

    #[test]
    fn each_part_tells_names_apart() {
        let tick = Tick {
            micros: 1,
            sequence: 0,
        };
        let names = [
            UniqueName::new(tick, &identity("a")),
            UniqueName::new(tick, &identity("b")),
            UniqueName::new(
                tick,
                &Identity {
                    pid: 2,
                    ..identity("a")
                },
            ),
            UniqueName::new(
                tick,
                &Identity {
                    random: 2,
                    ..identity("a")
                },
            ),
            UniqueName::new(
                Tick {
                    micros: 2,
                    sequence: 0,
                },
                &identity("a"),
            ),
            UniqueName::new(
                Tick {
                    micros: 1,
                    sequence: 1,
                },
                &identity("a"),
            ),
        ];
        for (at, name) in names.iter().enumerate() {
            assert!(!names[..at].contains(name));
        }
    }

    #[test]
    fn sizes_are_read_as_they_are_printed() {
        let sizes = |stored, wire| Sizes { stored, wire };
        let table = [
            ("", sizes(None, None)),
            (",S=0", sizes(Some(0), None)),
            (",W=7", sizes(None, Some(7))),
            (",S=12,W=13", sizes(Some(12), Some(13))),
        ];
        for (text, sizes) in table {
            assert_eq!(sizes.to_string(), text);
            for name in [
                format!("1.M2P3.host{text}"),
                format!("1.M2P3.host{text}:2,FS"),
            ] {
                assert_eq!(Sizes::parse(name.as_bytes()), sizes, "{name}");
            }
        }
        let odd = [
            ",S=",
            ",S=-1",
            ",S=99999999999999999999",
            ",U=4,FMD5=x",
            ":2,S=5",
            "S=4",
        ];
        for text in odd {
            let name = format!("1.M2P3.host{text}");
            assert_eq!(Sizes::parse(name.as_bytes()), Sizes::default(), "{name}");
        }
    }
}
