//! Commands: what a client says (RFC 1939 and its extensions).

use std::fmt;
use std::str::FromStr;

use compact_str::CompactString;
use mailwire::Secret;
use mailwire::auth::{self, InvalidMechanismName, MechanismName, NotBase64};

use crate::Strictness;

/// A command with its arguments, both legal by the grammar.
#[derive(Debug)]
#[non_exhaustive]
pub enum Command {
    /// `USER` (RFC 1939 section 7)
    User(UserName),
    /// `PASS`: the rest of the line as it is, spaces included.
    Pass(Password),
    /// `APOP`
    Apop(Apop),
    /// `AUTH` (RFC 5034)
    Auth(Auth),
    /// `AUTH` without a mechanism, as old clients ask for the list of them.
    Mechanisms,
    /// `STLS` (RFC 2595 section 4)
    Stls,
    /// `CAPA` (RFC 2449 section 5)
    Capa,
    /// `UTF8` (RFC 6856 section 2)
    Utf8,
    /// `LANG` (RFC 6856 section 3): the language wanted, or which there are.
    Lang(Option<LanguageRange>),
    /// `STAT`
    Stat,
    /// `LIST`
    List(Option<u32>),
    /// `UIDL`
    Uidl(Option<u32>),
    /// `RETR`
    Retr(u32),
    /// `TOP`: the header, and so many lines of the body.
    Top(u32, u32),
    /// `DELE`
    Dele(u32),
    /// `RSET`
    Rset,
    /// `NOOP`
    Noop,
    /// `LAST` (RFC 1460)
    Last,
    /// `QUIT`
    Quit,
}

impl Command {
    /// Reads a line, without its line end.
    ///
    /// # Errors
    ///
    /// If it is not a command by the grammar, as far as `strictness` asks for it.
    pub fn parse(line: &[u8], strictness: &Strictness) -> Result<Self, SyntaxError> {
        let split = memchr::memchr(b' ', line).unwrap_or(line.len());
        let (verb, rest) = line.split_at(split);
        let argument = rest.get(1..);
        let verb = Verb::parse(verb).ok_or(SyntaxError::UnknownCommand)?;
        if verb == Verb::Pass {
            let password = argument.ok_or(SyntaxError::Argument)?;
            return Password::new(password.to_vec()).map(Self::Pass);
        }
        let argument = argument.map(text).transpose()?;
        let none = |command: Self| match argument {
            None => Ok(command),
            Some(_) if strictness.surplus_arguments => Ok(command),
            Some(_) => Err(SyntaxError::Surplus),
        };
        let needed = argument.ok_or(SyntaxError::Argument);
        // A space behind a command is no argument, where such are forgiven.
        let given = argument.filter(|text| !(strictness.surplus_arguments && text.is_empty()));
        match verb {
            Verb::User => Ok(Self::User(needed?.parse()?)),
            Verb::Pass => unreachable!("handled above"),
            Verb::Apop => Ok(Self::Apop(needed?.parse()?)),
            Verb::Auth => match given {
                None => Ok(Self::Mechanisms),
                Some(text) => Ok(Self::Auth(Auth::read(text)?)),
            },
            Verb::Stls => none(Self::Stls),
            Verb::Capa => none(Self::Capa),
            Verb::Utf8 => none(Self::Utf8),
            Verb::Lang => Ok(Self::Lang(given.map(str::parse).transpose()?)),
            Verb::Stat => none(Self::Stat),
            Verb::List => Ok(Self::List(given.map(message).transpose()?)),
            Verb::Uidl => Ok(Self::Uidl(given.map(message).transpose()?)),
            Verb::Retr => Ok(Self::Retr(message(needed?)?)),
            Verb::Top => {
                let (number, lines) = needed?.split_once(' ').ok_or(SyntaxError::Argument)?;
                Ok(Self::Top(message(number)?, digits(lines)?))
            }
            Verb::Dele => Ok(Self::Dele(message(needed?)?)),
            Verb::Rset => none(Self::Rset),
            Verb::Noop => none(Self::Noop),
            Verb::Last if strictness.last => none(Self::Last),
            Verb::Last => Err(SyntaxError::UnknownCommand),
            Verb::Quit => none(Self::Quit),
        }
    }
}

impl fmt::Display for Command {
    /// The command's line, without what must not be seen: the password, and the initial response.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::User(name) => write!(f, "USER {name}"),
            Self::Pass(_) => f.write_str("PASS ..."),
            Self::Apop(apop) => write!(f, "APOP {} ...", apop.name),
            Self::Auth(auth) => match auth.initial {
                Some(_) => write!(f, "AUTH {} ...", auth.mechanism),
                None => write!(f, "AUTH {}", auth.mechanism),
            },
            Self::Mechanisms => f.write_str("AUTH"),
            Self::Stls => f.write_str("STLS"),
            Self::Capa => f.write_str("CAPA"),
            Self::Utf8 => f.write_str("UTF8"),
            Self::Lang(None) => f.write_str("LANG"),
            Self::Lang(Some(range)) => write!(f, "LANG {range}"),
            Self::Stat => f.write_str("STAT"),
            Self::List(None) => f.write_str("LIST"),
            Self::List(Some(number)) => write!(f, "LIST {number}"),
            Self::Uidl(None) => f.write_str("UIDL"),
            Self::Uidl(Some(number)) => write!(f, "UIDL {number}"),
            Self::Retr(number) => write!(f, "RETR {number}"),
            Self::Top(number, lines) => write!(f, "TOP {number} {lines}"),
            Self::Dele(number) => write!(f, "DELE {number}"),
            Self::Rset => f.write_str("RSET"),
            Self::Noop => f.write_str("NOOP"),
            Self::Last => f.write_str("LAST"),
            Self::Quit => f.write_str("QUIT"),
        }
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Verb {
    User,
    Pass,
    Apop,
    Auth,
    Stls,
    Capa,
    Utf8,
    Lang,
    Stat,
    List,
    Uidl,
    Retr,
    Top,
    Dele,
    Rset,
    Noop,
    Last,
    Quit,
}

impl Verb {
    fn parse(verb: &[u8]) -> Option<Self> {
        let mut upper = [0; 4];
        let upper = upper.get_mut(..verb.len())?;
        upper.copy_from_slice(verb);
        upper.make_ascii_uppercase();
        Some(match &*upper {
            b"USER" => Self::User,
            b"PASS" => Self::Pass,
            b"APOP" => Self::Apop,
            b"AUTH" => Self::Auth,
            b"STLS" => Self::Stls,
            b"CAPA" => Self::Capa,
            b"UTF8" => Self::Utf8,
            b"LANG" => Self::Lang,
            b"STAT" => Self::Stat,
            b"LIST" => Self::List,
            b"UIDL" => Self::Uidl,
            b"RETR" => Self::Retr,
            b"TOP" => Self::Top,
            b"DELE" => Self::Dele,
            b"RSET" => Self::Rset,
            b"NOOP" => Self::Noop,
            b"LAST" => Self::Last,
            b"QUIT" => Self::Quit,
            _ => return None,
        })
    }
}

/// Who wants to log in: any text without control characters, and not nothing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UserName(CompactString);

impl UserName {
    /// The name.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for UserName {
    type Err = SyntaxError;

    fn from_str(text: &str) -> Result<Self, SyntaxError> {
        match text {
            "" => Err(SyntaxError::Argument),
            text if text.chars().any(char::is_control) => Err(SyntaxError::Control),
            text => Ok(Self(text.into())),
        }
    }
}

impl fmt::Display for UserName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A password: any octets but NUL, CR and LF, which end lines or strings.
#[derive(Debug)]
pub struct Password(Secret);

impl Password {
    /// A password.
    ///
    /// # Errors
    ///
    /// If it holds NUL, CR or LF.
    pub fn new(password: impl Into<Vec<u8>>) -> Result<Self, SyntaxError> {
        let secret = Secret::from(password.into());
        let ends = |octet: &u8| matches!(octet, 0 | b'\r' | b'\n');
        match secret.expose().iter().any(ends) {
            true => Err(SyntaxError::Control),
            false => Ok(Self(secret)),
        }
    }

    /// The octets themselves. What is made of them is the caller's to protect.
    pub fn expose(&self) -> &[u8] {
        self.0.expose()
    }
}

/// A login by digest (RFC 1939 section 7).
#[derive(Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Apop {
    /// Who wants to log in.
    pub name: UserName,
    /// MD5 of the timestamp and the shared secret: 32 hexadecimal digits in lower case.
    pub digest: String,
}

impl fmt::Debug for Apop {
    /// Without the digest: a weak password can be found from it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Apop")
            .field("name", &self.name)
            .finish_non_exhaustive()
    }
}

impl Apop {
    /// A login by digest: MD5 of the timestamp and the shared secret.
    ///
    /// # Errors
    ///
    /// If the digest is not 32 hexadecimal digits in lower case.
    pub fn new(name: UserName, digest: &str) -> Result<Self, SyntaxError> {
        let hexadecimal = |octet: u8| matches!(octet, b'0'..=b'9' | b'a'..=b'f');
        match digest.len() == 32 && digest.bytes().all(hexadecimal) {
            true => Ok(Self {
                name,
                digest: digest.into(),
            }),
            false => Err(SyntaxError::Argument),
        }
    }
}

impl FromStr for Apop {
    type Err = SyntaxError;

    /// Reads `name digest`. The name may hold spaces, the digest cannot.
    fn from_str(text: &str) -> Result<Self, SyntaxError> {
        let (name, digest) = text.rsplit_once(' ').ok_or(SyntaxError::Argument)?;
        Self::new(name.parse()?, digest)
    }
}

/// The beginning of an authentication.
#[derive(Debug)]
#[non_exhaustive]
pub struct Auth {
    /// The mechanism's name, in upper case.
    pub mechanism: MechanismName,
    /// The initial response. `Some` and empty for `=` (RFC 5034 section 4).
    pub initial: Option<Secret>,
}

impl Auth {
    fn read(text: &str) -> Result<Self, SyntaxError> {
        let (mechanism, initial) = match text.split_once(' ') {
            None => (text, None),
            Some((mechanism, "=")) => (mechanism, Some(Secret::default())),
            Some((mechanism, initial)) => (mechanism, Some(auth::decode(initial.as_bytes())?)),
        };
        Ok(Self {
            mechanism: mechanism.parse()?,
            initial,
        })
    }
}

/// Which language is wanted: a tag or its beginning, or `*` for whichever the server prefers (the
/// basic language range of RFC 4647 section 2.1).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LanguageRange(CompactString);

impl LanguageRange {
    /// The range.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether a language is one of this range (RFC 4647 section 3.3.1).
    pub fn matches(&self, tag: &str) -> bool {
        let range = self.as_str();
        let (Some(head), rest) = (tag.get(..range.len()), tag.as_bytes().get(range.len())) else {
            return range == "*";
        };
        range == "*" || head.eq_ignore_ascii_case(range) && matches!(rest, None | Some(b'-'))
    }
}

impl FromStr for LanguageRange {
    type Err = SyntaxError;

    fn from_str(text: &str) -> Result<Self, SyntaxError> {
        let subtag = |subtag: &str| {
            (1..=8).contains(&subtag.len())
                && subtag.bytes().all(|octet| octet.is_ascii_alphanumeric())
        };
        match text == "*" || (text.len() <= 64 && text.split('-').all(subtag)) {
            true => Ok(Self(text.into())),
            false => Err(SyntaxError::Argument),
        }
    }
}

impl fmt::Display for LanguageRange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Why a line is no command.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SyntaxError {
    /// There is no such command.
    #[error("unknown command")]
    UnknownCommand,
    /// An argument is missing, or not what it should be.
    #[error("missing or malformed argument")]
    Argument,
    /// There is an argument too many.
    #[error("too many arguments")]
    Surplus,
    /// It holds NUL, CR or another control character.
    #[error("control character")]
    Control,
    /// It is not UTF-8.
    #[error("not UTF-8")]
    NotUtf8,
    /// It is longer than the limit.
    #[error("line too long")]
    TooLong,
    /// It ends with a bare LF.
    #[error("line ends with a bare LF")]
    BareLineFeed,
    /// What should be base64 is not.
    #[error("invalid base64 data")]
    Base64,
    /// A number that no message can have.
    #[error("no such message")]
    NoSuchMessage,
}

impl From<InvalidMechanismName> for SyntaxError {
    fn from(_: InvalidMechanismName) -> Self {
        Self::Argument
    }
}

impl From<NotBase64> for SyntaxError {
    fn from(_: NotBase64) -> Self {
        Self::Base64
    }
}

fn text(argument: &[u8]) -> Result<&str, SyntaxError> {
    let text = std::str::from_utf8(argument).map_err(|_| SyntaxError::NotUtf8)?;
    match text.chars().any(char::is_control) {
        true => Err(SyntaxError::Control),
        false => Ok(text),
    }
}

/// A message's number: digits only, and not zero.
fn message(text: &str) -> Result<u32, SyntaxError> {
    match digits(text) {
        Ok(0) => Err(SyntaxError::NoSuchMessage),
        number => number,
    }
}

/// Digits only: what `str::parse` takes besides, such as a sign, is no number here. One that is
/// larger than any message's is as good as the largest.
pub(crate) fn digits(text: &str) -> Result<u32, SyntaxError> {
    if text.is_empty() || !text.bytes().all(|octet| octet.is_ascii_digit()) {
        return Err(SyntaxError::Argument);
    }
    Ok(text.parse().unwrap_or(u32::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(line: &str) -> Result<String, SyntaxError> {
        let strict = Command::parse(line.as_bytes(), &Strictness::strict())?;
        Ok(strict.to_string())
    }

    #[test]
    fn commands_both_ways() {
        for line in [
            "USER alice",
            "USER alice b",
            "USER j\u{f6}rg@example.org",
            "AUTH PLAIN",
            "AUTH",
            "STLS",
            "CAPA",
            "UTF8",
            "LANG",
            "LANG *",
            "LANG en-boont",
            "STAT",
            "LIST",
            "LIST 1",
            "UIDL",
            "UIDL 4294967295",
            "RETR 7",
            "TOP 1 0",
            "TOP 12 34",
            "DELE 2",
            "RSET",
            "NOOP",
            "QUIT",
        ] {
            assert_eq!(parse(line).as_deref(), Ok(line));
            let lower = line.to_lowercase();
            let again = Command::parse(lower.as_bytes(), &Strictness::lenient());
            assert!(again.is_ok(), "{lower}");
        }
        assert_eq!(parse("RETR 01").as_deref(), Ok("RETR 1"));
        assert_eq!(
            parse("retr 99999999999999999999").as_deref(),
            Ok("RETR 4294967295")
        );
        let digest = "APOP al ice c4c9334bac560ecc979e58001b3e22fb";
        assert_eq!(parse(digest).as_deref(), Ok("APOP al ice ..."));
    }

    #[test]
    fn what_is_no_command() {
        use SyntaxError::*;
        for (line, error) in [
            ("", UnknownCommand),
            (" STAT", UnknownCommand),
            ("XYZZY", UnknownCommand),
            ("STATS", UnknownCommand),
            ("LAST", UnknownCommand),
            ("GET / HTTP/1.1", UnknownCommand),
            ("USER", Argument),
            ("USER ", Argument),
            ("PASS", Argument),
            ("RETR", Argument),
            ("RETR ", Argument),
            ("RETR +1", Argument),
            ("RETR -1", Argument),
            ("RETR  1", Argument),
            ("RETR 1 2", Argument),
            ("RETR x", Argument),
            ("RETR \u{661}", Argument),
            ("RETR 0", NoSuchMessage),
            ("LIST 00", NoSuchMessage),
            ("TOP 1", Argument),
            ("TOP 1 ", Argument),
            ("TOP 1 -1", Argument),
            ("TOP 0 1", NoSuchMessage),
            ("STAT ", Surplus),
            ("QUIT now", Surplus),
            ("APOP alice", Argument),
            ("APOP alice C4C9334BAC560ECC979E58001B3E22FB", Argument),
            ("APOP alice c4c9334bac560ecc979e58001b3e22f", Argument),
            ("AUTH ", Argument),
            ("AUTH PLAIN !!!", Base64),
            ("AUTH PLAIN AA", Base64),
            ("AUTH PLAIN AA== ", Base64),
            ("AUTH PLAIN AB==", Base64),
            ("AUTH PL+IN", Argument),
            ("AUTH A23456789012345678901", Argument),
            ("LANG ", Argument),
            ("LANG e\u{e9}", Argument),
            ("USER a\0b", Control),
            ("USER a\rb", Control),
            ("NOOP\r", UnknownCommand),
        ] {
            assert_eq!(parse(line), Err(error), "{line:?}");
        }
        let bytes = Command::parse(b"USER \xff", &Strictness::lenient());
        assert_eq!(bytes.err(), Some(NotUtf8));
    }

    #[test]
    fn a_password_is_the_rest_of_the_line() {
        for (line, password) in [
            (&b"PASS se cret"[..], &b"se cret"[..]),
            (b"pass  two  spaces ", b" two  spaces "),
            (b"PASS ", b""),
            (b"PASS \xe9\x01", b"\xe9\x01"),
        ] {
            match Command::parse(line, &Strictness::strict()) {
                Ok(Command::Pass(secret)) => assert_eq!(secret.expose(), password),
                other => panic!("{other:?}"),
            }
        }
        for line in [&b"PASS a\0b"[..], b"PASS a\r", b"PASS a\nQUIT"] {
            let refused = Command::parse(line, &Strictness::lenient());
            assert_eq!(refused.err(), Some(SyntaxError::Control));
        }
    }

    #[test]
    fn initial_responses_absent_and_empty_differ() {
        let initial = |line: &str| match Command::parse(line.as_bytes(), &Strictness::strict()) {
            Ok(Command::Auth(auth)) => auth.initial.map(|initial| initial.expose().to_vec()),
            other => panic!("{other:?}"),
        };
        assert_eq!(initial("AUTH PLAIN"), None);
        assert_eq!(initial("AUTH PLAIN ="), Some(Vec::new()));
        assert_eq!(initial("auth plain AGE="), Some(b"\0a".to_vec()));
    }

    #[test]
    fn ranges_match_whole_subtags() {
        for (range, tag, matches) in [
            ("de", "de", true),
            ("DE", "de-CH", true),
            ("de-ch", "de", false),
            ("de", "deu", false),
            ("*", "sv", true),
        ] {
            let range: LanguageRange = range.parse().expect(range);
            assert_eq!(range.matches(tag), matches, "{range} {tag}");
        }
    }
}
