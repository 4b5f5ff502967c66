//! What a server announces and insists on.

use std::fmt;
use std::str::FromStr;

use compact_str::CompactString;

use super::texts::Language;
use crate::capability::{Expire, ImplementationName, PerUser};
use crate::{InvalidReply, Limits, Strictness};
use mailwire::auth::MechanismName;

/// The configuration of a server session, shared by all sessions of a listener.
///
/// ```
/// use pop3_proto::server::Config;
///
/// let mut config = Config::new();
/// config.stls = true;
/// config.mechanisms = vec!["PLAIN".parse()?];
/// # Ok::<(), pop3_proto::SyntaxError>(())
/// ```
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Config {
    /// Bounds on everything.
    pub limits: Limits,
    /// What is forgiven besides the grammar.
    pub strictness: Strictness,
    /// Announce STLS, while there is no TLS.
    pub stls: bool,
    /// Take passwords and mechanisms without TLS too. They are then at anybody's mercy on the way.
    pub auth_without_tls: bool,
    /// Serve USER and PASS.
    pub user: bool,
    /// The SASL mechanisms on offer; none means that AUTH does not exist.
    pub mechanisms: Vec<MechanismName>,
    /// Serve UTF8 (RFC 6856 section 2) and take names and passwords that are not ASCII.
    pub utf8: bool,
    /// What is said to people, in which languages (RFC 6856 section 3). The first is spoken from
    /// the beginning. LANG is announced if there are two or more.
    pub languages: Vec<Language>,
    /// How long messages are kept, if that is announced (RFC 2449 section 6.7). Keeping to it is the
    /// application's.
    pub expire: Option<PerUser<Expire>>,
    /// Seconds between logins, if that is announced (section 6.5). Keeping to it is the application's: it
    /// refuses with `[LOGIN-DELAY]`.
    pub login_delay: Option<PerUser<u32>>,
    /// Whose server it is (section 6.9); told to those who have logged in.
    pub implementation: Option<ImplementationName>,
}

impl Config {
    /// Plain, strict POP3: USER and PASS under TLS, no STLS, no AUTH.
    pub fn new() -> Self {
        Self {
            limits: Limits::default(),
            strictness: Strictness::strict(),
            stls: false,
            auth_without_tls: false,
            user: true,
            mechanisms: Vec::new(),
            utf8: false,
            languages: vec![Language::english()],
            expire: None,
            login_delay: None,
            implementation: None,
        }
    }
}

impl Default for Config {
    fn default() -> Self {
        Self::new()
    }
}

/// The timestamp that a greeting offers for APOP (RFC 1939 section 7): `<process.clock@host>`.
///
/// It must be another for each connection: whoever sees one used twice can use an old digest.
/// The application makes it, since this crate has no clock and no random source.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Timestamp(CompactString);

impl Timestamp {
    /// The timestamp with its angle brackets, as it goes into the digest.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The first timestamp in a text, wherever it stands.
    pub(crate) fn find(text: &str) -> Option<Self> {
        let candidates = text.match_indices('<');
        candidates
            .filter_map(|(start, _)| {
                let length = text[start..].find('>')? + 1;
                text[start..start + length].parse().ok()
            })
            .next()
    }
}

impl FromStr for Timestamp {
    type Err = InvalidReply;

    /// # Errors
    ///
    /// If it is not of the form `<...@...>` in visible ASCII, or longer than 255 octets.
    fn from_str(text: &str) -> Result<Self, InvalidReply> {
        let inner = text
            .strip_prefix('<')
            .and_then(|text| text.strip_suffix('>'));
        let (left, right) = inner
            .and_then(|text| text.split_once('@'))
            .ok_or(InvalidReply)?;
        let part = |part: &str| {
            !part.is_empty()
                && part
                    .bytes()
                    .all(|octet| octet.is_ascii_graphic() && !matches!(octet, b'<' | b'>'))
        };
        match text.len() <= 255 && part(left) && part(right) {
            true => Ok(Self(text.into())),
            false => Err(InvalidReply),
        }
    }
}

impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn timestamps_are_found_anywhere() {
        for (greeting, found) in [
            (
                "POP3 server ready <1896.697170952@mail.test>",
                Some("<1896.697170952@mail.test>"),
            ),
            ("<a@b>", Some("<a@b>")),
            ("<a@b> ready", Some("<a@b>")),
            ("x<y <z> <a@b> <c@d>", Some("<a@b>")),
            ("POP3 ready", None),
            ("<ready> <@> <a b@c>", None),
        ] {
            let stamp = Timestamp::find(greeting);
            assert_eq!(stamp.as_ref().map(Timestamp::as_str), found, "{greeting}");
        }
    }
}
