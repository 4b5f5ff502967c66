//! Addresses, and the paths they stand in (RFC 5321 section 4.1.2).
//!
//! A value of these types is legal: it came through the grammar, so it holds no CR, LF, NUL,
//! space or bracket outside of a quoted string, and can be written to the wire as it is. That
//! is also what keeps a quoted local part from smuggling a parameter.

use std::borrow::Cow;
use std::fmt;
use std::net::{Ipv4Addr, Ipv6Addr};
use std::str::FromStr;

use compact_str::{CompactString, format_compact};
use nom::branch::alt;
use nom::bytes::complete::{tag, take_while, take_while1};
use nom::character::complete::char;
use nom::combinator::recognize;
use nom::multi::{many0_count, separated_list1};
use nom::sequence::{delimited, pair, preceded, terminated};
use nom::{IResult, Parser};

use crate::Strictness;
use crate::limits;
use crate::parameter::xtext;

/// `local-part@domain`.
///
/// The local part is kept as it was written, quotes included, since that is what goes on the
/// wire; [`local_part`](Self::local_part) shows it without them. Two mailboxes are equal when
/// their unquoted local parts are identical and their domains are, without regard to case
/// (section 2.4).
///
/// ```
/// use smtp_proto::Mailbox;
///
/// let quoted: Mailbox = r#""Joe.\\Blow"@Example.com"#.parse()?;
/// assert_eq!(quoted.local_part(), r"Joe.\Blow");
/// assert_eq!(quoted.domain(), "Example.com");
/// let (one, other): (Mailbox, Mailbox) = ("\"a.b\"@x.test".parse()?, "a.b@X.TEST".parse()?);
/// assert_eq!(one, other);
/// assert!("a@b\r\nRCPT TO:<c@d>".parse::<Mailbox>().is_err());
/// # Ok::<(), smtp_proto::InvalidPath>(())
/// ```
#[derive(Clone)]
pub struct Mailbox {
    text: CompactString,
    /// Where the `@` is: a local part has at most 64 octets.
    at: u8,
    /// There is more than ASCII in it.
    international: bool,
}

impl Mailbox {
    /// An address that the grammar has seen, with this local part.
    #[inline(always)]
    fn of(text: &str, local: &[u8]) -> Option<Self> {
        let international = !text.is_ascii();
        // The grammar has seen to ASCII; beyond it, too, nothing may end a line for anybody.
        match international && !xtext::is_printable(text) {
            true => None,
            false => Some(Self {
                text: text.into(),
                at: u8::try_from(local.len()).ok()?,
                international,
            }),
        }
    }

    /// The address as it goes on the wire, without brackets.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// The local part as a name: without quotes and their escapes. Compare it exactly.
    pub fn local_part(&self) -> Cow<'_, str> {
        let raw = &self.text[..usize::from(self.at)];
        let Some(quoted) = raw.strip_prefix('"') else {
            return raw.into();
        };
        let quoted = quoted
            .strip_suffix('"')
            .expect("the grammar saw both quotes");
        let mut name = String::with_capacity(quoted.len());
        let mut characters = quoted.chars();
        while let Some(character) = characters.next() {
            name.push(match character {
                '\\' => characters.next().expect("the grammar saw what is escaped"),
                plain => plain,
            });
        }
        name.into()
    }

    /// The domain, or the address literal in its brackets. Compare it without regard to case.
    pub fn domain(&self) -> &str {
        &self.text[usize::from(self.at) + 1..]
    }

    /// Whether there is more than ASCII in it, so that it needs SMTPUTF8 (RFC 6531).
    pub fn is_international(&self) -> bool {
        self.international
    }
}

impl FromStr for Mailbox {
    type Err = InvalidPath;

    fn from_str(text: &str) -> Result<Self, InvalidPath> {
        match mailbox(text.as_bytes(), &Strictness::strict()) {
            Some((mailbox, [])) => Ok(mailbox),
            _ => Err(InvalidPath),
        }
    }
}

impl PartialEq for Mailbox {
    fn eq(&self, other: &Self) -> bool {
        self.domain().eq_ignore_ascii_case(other.domain())
            && self.local_part() == other.local_part()
    }
}

impl Eq for Mailbox {}

impl fmt::Display for Mailbox {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl fmt::Debug for Mailbox {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "<{}>", self.text)
    }
}

/// Whom a message comes from: the argument of MAIL.
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(clippy::exhaustive_enums, reason = "the grammar has these two")]
pub enum ReversePath {
    /// `<>`: nobody, so that no bounce is ever sent back (section 4.5.5).
    Null,
    /// A mailbox.
    Mailbox(Mailbox),
}

impl ReversePath {
    /// Whether there is more than ASCII in it, so that it needs SMTPUTF8 (RFC 6531).
    pub fn is_international(&self) -> bool {
        matches!(self, Self::Mailbox(mailbox) if mailbox.is_international())
    }
}

impl fmt::Display for ReversePath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Null => f.write_str("<>"),
            Self::Mailbox(mailbox) => write!(f, "<{mailbox}>"),
        }
    }
}

/// Whom a message goes to: the argument of RCPT.
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(clippy::exhaustive_enums, reason = "the grammar has these two")]
pub enum ForwardPath {
    /// `<postmaster>` without a domain, in any case: whoever runs this server (section 4.5.1).
    Postmaster,
    /// A mailbox.
    Mailbox(Mailbox),
}

impl ForwardPath {
    /// Whether there is more than ASCII in it, so that it needs SMTPUTF8 (RFC 6531).
    pub fn is_international(&self) -> bool {
        matches!(self, Self::Mailbox(mailbox) if mailbox.is_international())
    }
}

impl fmt::Display for ForwardPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Postmaster => f.write_str("<postmaster>"),
            Self::Mailbox(mailbox) => write!(f, "<{mailbox}>"),
        }
    }
}

/// A domain name, as it stands behind `@` or in a greeting. ASCII: in greetings there is nothing else.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Domain(CompactString);

impl Domain {
    /// The name.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for Domain {
    type Err = InvalidDomain;

    fn from_str(text: &str) -> Result<Self, InvalidDomain> {
        match domain_name(text.as_bytes(), false) {
            Some(([], name)) if name.len() <= limits::DOMAIN && name.is_ascii() => {
                Ok(Self(text.into()))
            }
            _ => Err(InvalidDomain),
        }
    }
}

impl fmt::Display for Domain {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The text is not an address.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not an address of RFC 5321")]
pub struct InvalidPath;

/// The text is not a domain name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a domain name")]
pub struct InvalidDomain;

/// The path at the front of MAIL's argument, and what follows it.
#[inline]
pub(crate) fn reverse_path<'a>(
    text: &'a [u8],
    strictness: &Strictness,
) -> Option<(ReversePath, &'a [u8])> {
    if let Some(rest) = text.strip_prefix(b"<>") {
        return Some((ReversePath::Null, rest));
    }
    let (mailbox, rest) = path(text, strictness)?;
    Some((ReversePath::Mailbox(mailbox), rest))
}

/// The path at the front of RCPT's argument, and what follows it.
#[inline]
pub(crate) fn forward_path<'a>(
    text: &'a [u8],
    strictness: &Strictness,
) -> Option<(ForwardPath, &'a [u8])> {
    let bracketed = b"<postmaster>";
    if let Some((front, rest)) = text.split_at_checked(bracketed.len()) {
        if front.eq_ignore_ascii_case(bracketed) {
            return Some((ForwardPath::Postmaster, rest));
        }
    }
    let (mailbox, rest) = path(text, strictness)?;
    Some((ForwardPath::Mailbox(mailbox), rest))
}

/// `"<" [ A-d-l ":" ] Mailbox ">"`. The source route is accepted and dropped (appendix C).
#[inline(always)]
fn path<'a>(text: &'a [u8], strictness: &Strictness) -> Option<(Mailbox, &'a [u8])> {
    let Some(inside) = text.strip_prefix(b"<") else {
        if !strictness.brackets_optional {
            return None;
        }
        return mailbox(text, strictness);
    };
    let inside = match inside {
        [b'@', ..] => source_route(inside).ok()?.0,
        _ => inside,
    };
    let (mailbox, rest) = mailbox(inside, strictness)?;
    if mailbox.text.len() + 2 > limits::PATH {
        return None;
    }
    Some((mailbox, rest.strip_prefix(b">")?))
}

fn source_route(text: &[u8]) -> IResult<&[u8], &[u8]> {
    let name = |text| domain_name(text, false).map_or_else(|| no_match(text), Ok);
    let hop = preceded(char('@'), name);
    terminated(recognize(separated_list1(char(','), hop)), char(':')).parse_complete(text)
}

/// `Local-part "@" ( Domain / address-literal )`.
///
/// This and what it calls is inlined by force: an address is then put together in registers, where
/// it would be stored and loaded once for each result on its way.
#[inline(always)]
fn mailbox<'a>(text: &'a [u8], strictness: &Strictness) -> Option<(Mailbox, &'a [u8])> {
    let (rest, local) = match text.first()? {
        b'"' => quoted_string(text).ok()?,
        _ if strictness.loose_dots => loose_atoms(text).ok()?,
        _ => dot_string(text)?,
    };
    if local.len() > limits::LOCAL_PART {
        return None;
    }
    let Some(after) = rest.strip_prefix(b"@") else {
        // As typed by hand: the server's own domain is meant.
        let domain = strictness.default_domain.as_ref()?;
        let text = format_compact!("{}@{domain}", std::str::from_utf8(local).ok()?);
        return Some((Mailbox::of(&text, local)?, rest));
    };
    let (rest, domain) = match after.first()? {
        b'[' => address_literal(after)?,
        _ => domain_name(after, strictness.underscores)?,
    };
    if domain.len() > limits::DOMAIN {
        return None;
    }
    let whole = &text[..text.len() - rest.len()];
    let mailbox = Mailbox::of(std::str::from_utf8(whole).ok()?, local)?;
    Some((mailbox, rest))
}

/// `Atom *("." Atom)`, where an atom may hold UTF-8 (RFC 6531 section 3.3).
#[inline(always)]
fn dot_string(text: &[u8]) -> Option<(&[u8], &[u8])> {
    dotted(text, ATEXT, |_| true)
}

/// A local part with dots in any place.
fn loose_atoms(text: &[u8]) -> IResult<&[u8], &[u8]> {
    take_while1(|octet| is(octet, ATEXT) || octet == b'.')(text)
}

/// `sub-domain *("." sub-domain)`; a label begins and ends with a letter, digit or UTF-8.
#[inline(always)]
fn domain_name(text: &[u8], underscores: bool) -> Option<(&[u8], &[u8])> {
    let class = if underscores { LDH | UNDERSCORE } else { LDH };
    dotted(text, class, |label| {
        !label.starts_with(b"-") && !label.ends_with(b"-")
    })
}

/// Runs of octets of a class, with a dot between each two of them.
#[inline]
fn dotted(text: &[u8], class: u8, is_legal: impl Fn(&[u8]) -> bool) -> Option<(&[u8], &[u8])> {
    let mut rest = text;
    loop {
        let end = rest.iter().position(|&octet| !is(octet, class));
        let (run, after) = rest.split_at(end.unwrap_or(rest.len()));
        if run.is_empty() || !is_legal(run) {
            return None;
        }
        match after {
            [b'.', after @ ..] => rest = after,
            _ => return Some((after, &text[..text.len() - after.len()])),
        }
    }
}

fn no_match(text: &[u8]) -> IResult<&[u8], &[u8]> {
    Err(nom::Err::Error(nom::error::make_error(
        text,
        nom::error::ErrorKind::Verify,
    )))
}

/// RFC 5322's atext, or part of a UTF-8 sequence, which is checked as a whole later.
const ATEXT: u8 = 1;

/// A letter, digit or hyphen, or part of a UTF-8 sequence.
const LDH: u8 = 2;

/// In no domain of the grammar, but in names of hosts.
const UNDERSCORE: u8 = 4;

fn is(octet: u8, class: u8) -> bool {
    const SPECIAL: &[u8] = b"!#$%&'*+-/=?^_`{|}~";
    const CLASSES: [u8; 256] = {
        let mut classes = [0; 256];
        let mut octet = 0;
        while octet < 256 {
            if (octet as u8).is_ascii_alphanumeric() || octet >= 0x80 {
                classes[octet] = ATEXT | LDH;
            }
            octet += 1;
        }
        let mut index = 0;
        while index < SPECIAL.len() {
            classes[SPECIAL[index] as usize] = ATEXT;
            index += 1;
        }
        classes[b'-' as usize] |= LDH;
        classes[b'_' as usize] |= UNDERSCORE;
        classes
    };
    CLASSES[usize::from(octet)] & class != 0
}

/// `DQUOTE *QcontentSMTP DQUOTE`: printable ASCII and space, UTF-8, and `\` before printable ASCII.
fn quoted_string(text: &[u8]) -> IResult<&[u8], &[u8]> {
    let plain = take_while1(|octet: u8| {
        matches!(octet, b' '..=b'~' | 0x80..) && octet != b'"' && octet != b'\\'
    });
    let escaped = recognize(pair(
        char('\\'),
        nom::character::complete::satisfy(|character| matches!(character, ' '..='~')),
    ));
    let content = many0_count(alt((plain, escaped)));
    recognize(delimited(char('"'), content, char('"'))).parse_complete(text)
}

/// `"[" ( IPv4 / "IPv6:" IPv6 / tag ":" content ) "]"` (section 4.1.3): rest and literal.
fn address_literal(text: &[u8]) -> Option<(&[u8], &[u8])> {
    let (rest, inside) = literal_content(text).ok()?;
    let inside = std::str::from_utf8(inside).ok()?;
    let legal = match inside.split_once(':') {
        None => inside.parse::<Ipv4Addr>().is_ok(),
        // An IPv6 address without its tag looks like a tag of its own.
        Some(_) if inside.parse::<Ipv6Addr>().is_ok() => false,
        Some((tag, address)) if tag.eq_ignore_ascii_case("IPv6") => {
            address.parse::<Ipv6Addr>().is_ok()
        }
        Some((tag, content)) => is_tag(tag) && !content.is_empty(),
    };
    legal.then(|| (rest, &text[..text.len() - rest.len()]))
}

fn literal_content(text: &[u8]) -> IResult<&[u8], &[u8]> {
    // dcontent: printable ASCII but "[", "\" and "]".
    let content = take_while(|octet: u8| matches!(octet, b'!'..=b'Z' | b'^'..=b'~'));
    delimited(char('['), content, tag("]")).parse_complete(text)
}

/// A `Ldh-str`, as standardised tags are.
fn is_tag(tag: &str) -> bool {
    let mut octets = tag.bytes();
    octets.all(|octet| octet.is_ascii_alphanumeric() || octet == b'-')
        && !tag.is_empty()
        && !tag.ends_with('-')
        && !tag.eq_ignore_ascii_case("IPv6")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn forward(text: &str, strictness: &Strictness) -> Option<String> {
        match forward_path(text.as_bytes(), strictness)? {
            (path, []) => Some(path.to_string()),
            _ => None,
        }
    }

    #[test]
    fn paths_of_the_grammar() {
        let long_local = "l".repeat(64);
        let long_domain = format!("{}.test", "d".repeat(250));
        let strict = Strictness::strict();
        for (text, path) in [
            ("<a@b>", "<a@b>"),
            ("<Postmaster>", "<postmaster>"),
            ("<postmaster@b.test>", "<postmaster@b.test>"),
            ("<a.b+c=d@sub.b-c.test>", "<a.b+c=d@sub.b-c.test>"),
            ("<!#$%&'*+-/=?^_`{|}~@b>", "<!#$%&'*+-/=?^_`{|}~@b>"),
            ("<@a.test,@b.test:u@c.test>", "<u@c.test>"),
            (r#"<"a b"@c.test>"#, r#"<"a b"@c.test>"#),
            (r#"<"a\"b\\>"@c.test>"#, r#"<"a\"b\\>"@c.test>"#),
            (r#"<""@c.test>"#, r#"<""@c.test>"#),
            ("<a@[192.0.2.1]>", "<a@[192.0.2.1]>"),
            ("<a@[IPv6:2001:db8::1]>", "<a@[IPv6:2001:db8::1]>"),
            ("<a@[x-new:what.ever]>", "<a@[x-new:what.ever]>"),
            ("<пётр@почта.test>", "<пётр@почта.test>"),
        ] {
            assert_eq!(forward(text, &strict).as_deref(), Some(path), "{text}");
        }
        assert!(forward(&format!("<{long_local}@b>"), &strict).is_some());
        assert!(forward(&format!("<a@{long_domain}>"), &strict).is_some());
        assert!(forward(&format!("<{long_local}l@b>"), &strict).is_none());
        assert!(forward(&format!("<a@d{long_domain}>"), &strict).is_none());
    }

    #[test]
    fn paths_that_are_none() {
        for text in [
            "",
            "<",
            "<>",
            "<@>",
            "<a>",
            "<a@>",
            "<@b>",
            "a@b",
            "<a@b",
            "<a@b>>",
            "<<a@b>>",
            "<a@b c>",
            "<a b@c>",
            "<.a@b>",
            "<a.@b>",
            "<a..b@c>",
            "<a@-b>",
            "<a@b->",
            "<a@b..c>",
            "<a@b.>",
            "<a@b_c>",
            "<a@[1.2.3]>",
            "<a@[1.2.3.4>",
            "<a@[2001:db8::1]>",
            "<a@[IPv6:1.2.3.4]>",
            "<a@[]>",
            "<@a:@b:c@d>",
            "<@a,c@d>",
            "<a@b@c>",
            "<a\"b\"@c>",
            "<\"a@b>",
            "<\"a\\\"@b>",
            "<\"a\rb\"@c>",
            "<\"a\0b\"@c>",
            "<a\0@b>",
            "<\u{7f}@b>",
            "<a\u{85}b@c>",
            "<a\u{2028}b@c>",
            "<\"a\u{2029}b\"@c>",
        ] {
            assert_eq!(forward(text, &Strictness::strict()), None, "{text:?}");
        }
        let broken = b"<a\xff@b>";
        assert!(forward_path(broken, &Strictness::strict()).is_none());
    }

    #[test]
    fn null_is_a_reverse_path_only() {
        let strict = Strictness::strict();
        assert_eq!(
            reverse_path(b"<>", &strict),
            Some((ReversePath::Null, &[][..]))
        );
        assert_eq!(forward("<>", &strict), None);
    }

    #[test]
    fn as_typed_by_hand() {
        let lenient = Strictness::lenient("our.test".parse().expect("a domain"));
        for (text, path) in [
            ("someone", "<someone@our.test>"),
            ("<tom>", "<tom@our.test>"),
            ("Somebody@example.net", "<Somebody@example.net>"),
            ("<docomo..dots.@b.test>", "<docomo..dots.@b.test>"),
            ("<a@b_c.test>", "<a@b_c.test>"),
        ] {
            assert_eq!(forward(text, &lenient).as_deref(), Some(path), "{text}");
        }
        assert_eq!(forward("a b", &lenient), None);
    }
}
