//! `maildirsize`: how much mail a Maildir has, and how much it may have.

use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::time::Duration;

use rustix::fs::OFlags;

use crate::effects::Step;
use crate::error::MailboxError;
use crate::limits;
use crate::maildir::{Letters, Maildir, NameEncoding};
use crate::side_file::{Edit, SideFile};

/// How much a Maildir may hold; `None` is without end.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Quota {
    /// Bytes of all messages: `S` in the file.
    pub bytes: Option<u64>,
    /// Messages: `C` in the file.
    pub messages: Option<u64>,
}

/// How much mail there is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Usage {
    /// Bytes of all messages.
    pub bytes: u64,
    /// Messages.
    pub messages: u64,
}

/// The content of a `maildirsize`: the quota, and changes that add up to the usage.
///
/// ```text
/// 10000000S,1000C
/// 123456 12
/// 4096 1
/// -1024 -1
/// ```
///
/// ```
/// use mailbox_formats::maildir::{MaildirSize, Quota, Usage};
///
/// let size = MaildirSize::parse(b"1000S,2C\n500 1\n100 1\n").unwrap();
/// assert_eq!(size.usage(), Usage { bytes: 600, messages: 2 });
/// assert!(size.exceeds(Usage { bytes: 1, messages: 1 }));
/// assert_eq!(size.to_bytes(), b"1000S,2C\n         600            2\n");
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct MaildirSize {
    quota: Quota,
    usage: Usage,
}

impl MaildirSize {
    /// What a Maildir of this quota and usage has.
    #[must_use]
    pub fn new(quota: Quota, usage: Usage) -> Self {
        Self { quota, usage }
    }

    /// Reads the file; `None` if it is damaged or its sum is negative, so that the mail has
    /// to be counted anew.
    #[must_use]
    pub fn parse(content: &[u8]) -> Option<Self> {
        let text = std::str::from_utf8(content).ok()?;
        let mut lines = text.strip_suffix('\n')?.split('\n');
        let mut quota = Quota::default();
        for limit in lines.next()?.split(',').filter(|limit| !limit.is_empty()) {
            let (number, unit) = limit.split_at_checked(limit.len() - 1)?;
            let number = digits(number)?;
            // 0 is the same as no limit.
            let number = Some(number).filter(|number| *number > 0);
            match unit {
                "S" => quota.bytes = number,
                "C" => quota.messages = number,
                // Of a kind that is not known, as the format asks for.
                _ => {}
            }
        }
        let (mut bytes, mut messages) = (0_i64, 0_i64);
        for line in lines {
            let mut numbers = line.split_ascii_whitespace();
            bytes = bytes.checked_add(numbers.next()?.parse().ok()?)?;
            messages = messages.checked_add(numbers.next()?.parse().ok()?)?;
            if numbers.next().is_some() {
                return None;
            }
        }
        let usage = Usage {
            bytes: u64::try_from(bytes).ok()?,
            messages: u64::try_from(messages).ok()?,
        };
        Some(Self { quota, usage })
    }

    /// The file as it is written anew, with one sum.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        let bytes = self.quota.bytes.map(|bytes| format!("{bytes}S"));
        let messages = self.quota.messages.map(|messages| format!("{messages}C"));
        let limits: Vec<String> = bytes.into_iter().chain(messages).collect();
        let Usage { bytes, messages } = self.usage;
        format!("{}\n{bytes:12} {messages:12}\n", limits.join(",")).into_bytes()
    }

    /// How much the Maildir may hold.
    #[must_use]
    pub fn quota(&self) -> Quota {
        self.quota
    }

    /// How much it holds.
    #[must_use]
    pub fn usage(&self) -> Usage {
        self.usage
    }

    /// Whether so much more would be too much.
    #[must_use]
    pub fn exceeds(&self, more: Usage) -> bool {
        let is_over = |limit: Option<u64>, now: u64, more: u64| {
            limit.is_some_and(|limit| now.saturating_add(more) > limit)
        };
        is_over(self.quota.bytes, self.usage.bytes, more.bytes)
            || is_over(self.quota.messages, self.usage.messages, more.messages)
    }
}

impl Maildir {
    /// The quota and usage by `maildirsize`; `None` if there is no such file, which means
    /// that there is no quota.
    ///
    /// The mail is counted anew if the file is damaged, or longer than 5120 bytes, or says
    /// that the quota is exceeded and is older than 15 minutes, as the format asks for.
    ///
    /// # Errors
    /// The file or the mail cannot be read.
    pub fn usage(&self) -> Result<Option<MaildirSize>, MailboxError> {
        let file = self.quota_file();
        let Some(content) = file.read()? else {
            return Ok(None);
        };
        let size = MaildirSize::parse(&content);
        let is_current = match size {
            Some(_) if content.len() as u64 > limits::QUOTA_FILE => false,
            Some(size) => !size.exceeds(Usage::default()) || !self.is_old()?,
            None => false,
        };
        if is_current {
            return Ok(size);
        }
        let quota = size.map_or_else(|| quota_of(&content), |size| size.quota);
        self.set_quota(quota).map(Some)
    }

    /// Counts all mail, and writes the file for this quota.
    ///
    /// # Errors
    /// The mail cannot be counted, or the file not be replaced.
    pub fn set_quota(&self, quota: Quota) -> Result<MaildirSize, MailboxError> {
        self.quota_file().update(|_| {
            let size = MaildirSize::new(quota, self.count()?);
            Ok((Edit::All(size.to_bytes()), size))
        })
    }

    /// Notes that mail has come or gone, if there is a quota.
    ///
    /// # Errors
    /// The file cannot be written.
    pub fn note(&self, bytes: i64, messages: i64) -> Result<(), MailboxError> {
        let path = self.path.join(MAILDIRSIZE);
        let noted = self.effects.run(Step::Write, &path, || {
            let flags = OFlags::NOFOLLOW.bits() as i32;
            let mut options = std::fs::OpenOptions::new();
            let mut file = options.append(true).custom_flags(flags).open(&path)?;
            // One write, for others append as well.
            file.write_all(format!("{bytes} {messages}\n").as_bytes())
        });
        match noted {
            Err(error) if error.fault() == crate::Fault::Missing => Ok(()),
            other => Ok(other?),
        }
    }

    /// Counts the mail of the Maildir and its folders. As the format has it, mail that is
    /// marked as deleted, or in the folder `Trash`, does not count.
    fn count(&self) -> Result<Usage, MailboxError> {
        let mut usage = Usage::default();
        let mut maildirs = vec![self.clone()];
        for name in self.folders(NameEncoding::Utf8)? {
            if name.parts()[0] != "Trash" {
                // A folder may have been removed meanwhile.
                maildirs.extend(self.folder(&name, NameEncoding::Utf8));
            }
        }
        for maildir in maildirs {
            for entry in maildir.list()? {
                if entry.letters().contains(Letters::TRASHED) {
                    continue;
                }
                match maildir.size(&entry) {
                    Ok(size) => usage.bytes = usage.bytes.saturating_add(size),
                    Err(MailboxError::Vanished(_)) => continue,
                    Err(error) => return Err(error),
                }
                usage.messages += 1;
            }
        }
        Ok(usage)
    }

    fn is_old(&self) -> Result<bool, MailboxError> {
        let path = self.path.join(MAILDIRSIZE);
        let metadata = self
            .effects
            .run(Step::Open, &path, || path.symlink_metadata())?;
        let modified = metadata.modified().unwrap_or(std::time::UNIX_EPOCH);
        let age = self.effects.system().now().duration_since(modified);
        Ok(age.unwrap_or(Duration::ZERO) > limits::QUOTA_AGE)
    }

    fn quota_file(&self) -> SideFile<'_> {
        SideFile::new(&self.effects, self.path.join(MAILDIRSIZE))
    }
}

/// The quota of a file whose other lines are damaged.
fn quota_of(content: &[u8]) -> Quota {
    let end = memchr::memchr(b'\n', content).map_or(content.len(), |end| end + 1);
    MaildirSize::parse(&content[..end]).map_or_else(Quota::default, |size| size.quota)
}

fn digits(text: &str) -> Option<u64> {
    text.bytes()
        .all(|byte| byte.is_ascii_digit())
        .then(|| text.parse().ok())?
}

const MAILDIRSIZE: &str = "maildirsize";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_are_read_as_they_are_printed() {
        let usage = |bytes, messages| Usage { bytes, messages };
        let quota = |bytes, messages| Quota { bytes, messages };
        let table = [
            ("1000S,10C\n", quota(Some(1000), Some(10)), usage(0, 0)),
            ("10C\n5 1\n-5 -1\n", quota(None, Some(10)), usage(0, 0)),
            (
                "1000S\n 100  2\n-50   -1\n",
                quota(Some(1000), None),
                usage(50, 1),
            ),
            ("0S,7X\n1 1\n", quota(None, None), usage(1, 1)),
            ("\n1 1\n", quota(None, None), usage(1, 1)),
        ];
        for (text, quota, usage) in table {
            let size = MaildirSize::parse(text.as_bytes()).unwrap();
            assert_eq!((size.quota(), size.usage()), (quota, usage), "{text}");
            assert_eq!(MaildirSize::parse(&size.to_bytes()), Some(size), "{text}");
        }
        for odd in [
            "",
            "S\n",
            "1000S",
            "-1S\n",
            "10C\n1\n",
            "10C\nx y\n",
            "10C\n1 1 1\n",
            "10C\n-1 0\n",
            "10C\n9223372036854775807 1\n1 1\n",
        ] {
            assert_eq!(MaildirSize::parse(odd.as_bytes()), None, "{odd:?}");
        }
    }
}
