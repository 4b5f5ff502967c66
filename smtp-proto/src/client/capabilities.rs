//! What a server offers.

use mailwire::auth::MechanismName;

use super::{Delivery, Refused};
use crate::parameter::{self, DateTime, Hold, Interval};
use crate::{Extension, Extensions, Reply};

/// What a server said in answer to EHLO or LHLO; nothing if it knows no more than HELO.
///
/// Keywords are read in any case, and those that some servers write with `=` (`SIZE=1000`,
/// `AUTH=LOGIN`) too. What is not well-formed is as if it were not there.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Capabilities {
    /// The extensions that we know.
    pub extensions: Extensions,
    /// SIZE: the largest message that is taken, if there is a limit.
    pub size: Option<u64>,
    /// AUTH: the mechanisms.
    pub mechanisms: Vec<MechanismName>,
    /// LIMITS: MAIL commands of a connection, recipients of a message, and domains among them.
    pub limits: ServerLimits,
    /// DELIVERBY: the least time.
    pub deliver_by_at_least: Option<Interval>,
    /// FUTURERELEASE: how long and until when messages are held at most.
    pub hold_at_most: Option<(Interval, DateTime)>,
    /// Each line as it came, keywords that we do not know among them.
    pub lines: Vec<String>,
}

/// What LIMITS says (RFC 9422). What it does not say has no limit that we know of.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct ServerLimits {
    /// `MAILMAX`: MAIL commands of a connection.
    pub messages: Option<u32>,
    /// `RCPTMAX`: recipients of a message.
    pub recipients: Option<u32>,
    /// `RCPTDOMAINMAX`: domains among the recipients of a message.
    pub recipient_domains: Option<u32>,
}

impl Capabilities {
    /// Whether an extension is offered.
    #[inline]
    pub fn has(&self, extension: Extension) -> bool {
        self.extensions.contains(extension)
    }

    /// What stands behind a keyword, `Some("")` if nothing does.
    pub fn argument(&self, keyword: &str) -> Option<&str> {
        self.lines.iter().find_map(|line| {
            let (word, argument) = split(line);
            word.eq_ignore_ascii_case(keyword).then_some(argument)
        })
    }

    /// Reads a positive reply to EHLO. Its first line is the server's name.
    pub(super) fn read(reply: &Reply, ignored: Extensions) -> Self {
        let mut capabilities = Self::default();
        for line in reply.lines().skip(1) {
            capabilities.lines.push(line.to_owned());
            let (keyword, argument) = split(line);
            if let Some(extension) = Extension::from_keyword(keyword) {
                if !ignored.contains(extension) {
                    capabilities.add(extension, argument);
                }
            }
        }
        if !capabilities.has(Extension::Chunking) {
            // RFC 3030 section 3.
            capabilities.extensions.remove(Extension::BinaryMime);
        }
        capabilities
    }

    fn add(&mut self, extension: Extension, argument: &str) {
        self.extensions.insert(extension);
        let mut words = argument.split_ascii_whitespace();
        match extension {
            Extension::Size => {
                // 0 is no limit (RFC 1870 section 4).
                let size = words.next().map(|word| parameter::size(word.as_bytes()));
                self.size = size.and_then(Result::ok).filter(|&size| size > 0);
            }
            Extension::Auth => {
                for mechanism in words.filter_map(|word| word.parse().ok()) {
                    if !self.mechanisms.contains(&mechanism) {
                        self.mechanisms.push(mechanism);
                    }
                }
            }
            Extension::Limits => self.limits = ServerLimits::read(words),
            Extension::DeliverBy => {
                self.deliver_by_at_least = words.next().and_then(interval);
            }
            Extension::FutureRelease => {
                let interval = words.next().and_then(interval);
                let until = words.next().and_then(|word| word.parse().ok());
                self.hold_at_most = interval.zip(until);
            }
            _ => {}
        }
    }

    /// Whether the server takes such a message, as the next one after so many in this session.
    pub(super) fn take(&self, delivery: &Delivery, messages: u32) -> Result<(), Refused> {
        if delivery.recipients.is_empty() {
            return Err(Refused::NoRecipients);
        }
        if let Some(missing) = self.extensions.first_missing(delivery.needs()) {
            return Err(Refused::NotOffered(missing));
        }
        if let (Some(size), Some(limit)) = (delivery.mail.parameters.size, self.size) {
            if size > limit {
                return Err(Refused::TooLarge { limit });
            }
        }
        let limits = &self.limits;
        match limits.recipients {
            Some(most) if delivery.recipients.len() as u64 > u64::from(most) => {
                return Err(Refused::TooManyRecipients { most });
            }
            _ => {}
        }
        match limits.recipient_domains {
            Some(most) if delivery.exceeds_domains(most) => {
                return Err(Refused::TooManyDomains { most });
            }
            _ => {}
        }
        match limits.messages {
            Some(most) if messages >= most => {
                return Err(Refused::TooManyMessages { most });
            }
            _ => {}
        }
        let held_too_long = match (delivery.mail.parameters.terms().hold, self.hold_at_most) {
            (Some(Hold::For(interval)), Some((most, _))) => interval > most,
            (Some(Hold::Until(time)), Some((_, latest))) => time > latest,
            _ => false,
        };
        match held_too_long {
            true => Err(Refused::Terms),
            false => Ok(()),
        }
    }
}

impl ServerLimits {
    fn read<'a>(words: impl Iterator<Item = &'a str>) -> Self {
        let mut limits = Self::default();
        for (name, value) in words.filter_map(|word| word.split_once('=')) {
            let value = match value.parse() {
                Ok(value) if value > 0 => Some(value),
                _ => continue,
            };
            match &name.to_ascii_uppercase()[..] {
                "MAILMAX" => limits.messages = value,
                "RCPTMAX" => limits.recipients = value,
                "RCPTDOMAINMAX" => limits.recipient_domains = value,
                // RFC 9422 section 3: unknown ones are ignored.
                _ => {}
            }
        }
        limits
    }
}

/// The keyword of a line, and what follows it.
fn split(line: &str) -> (&str, &str) {
    line.split_once([' ', '=']).unwrap_or((line, ""))
}

fn interval(word: &str) -> Option<Interval> {
    word.parse()
        .ok()
        .and_then(|seconds| Interval::new(seconds).ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(lines: &str) -> Capabilities {
        let reply = Reply::new(250, None, format!("mx.test\n{lines}")).expect("a reply");
        Capabilities::read(&reply, Extensions::none())
    }

    #[test]
    fn what_servers_say() {
        let all = read(
            "pipelining\nSIZE 1000\nAUTH PLAIN x!y login\nAUTH=PLAIN CRAM-MD5\nLIMITS rcptmax=5 X=1 MAILMAX=0\n\
             DELIVERBY 60\nFUTURERELEASE 3600 2030-01-01T00:00:00Z\nX-OTHER one two\nBINARYMIME",
        );
        assert!(all.has(Extension::Pipelining) && !all.has(Extension::BinaryMime));
        assert_eq!(all.size, Some(1000));
        let names: Vec<_> = all.mechanisms.iter().map(MechanismName::as_str).collect();
        assert_eq!(names, ["PLAIN", "LOGIN", "CRAM-MD5"]);
        assert_eq!(
            (all.limits.recipients, all.limits.messages),
            (Some(5), None)
        );
        assert_eq!(all.deliver_by_at_least.map(Interval::seconds), Some(60));
        assert_eq!(all.hold_at_most.map(|(most, _)| most.seconds()), Some(3600));
        assert_eq!(all.argument("x-other"), Some("one two"));
        assert_eq!(all.argument("X-NONE"), None);
    }

    #[test]
    fn forms_of_size() {
        for (line, size) in [
            ("SIZE", None),
            ("SIZE 0", None),
            ("SIZE=1000", Some(1000)),
            ("size 99999999999999999999", Some(u64::MAX)),
            ("SIZE large", None),
        ] {
            let capabilities = read(line);
            assert!(capabilities.has(Extension::Size));
            assert_eq!(capabilities.size, size, "{line}");
        }
    }
}
