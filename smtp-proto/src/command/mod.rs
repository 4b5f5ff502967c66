//! Commands: what a client says (RFC 5321 section 4.1).

mod syntax_error;
pub use syntax_error::SyntaxError;

mod client_facts;
pub use client_facts::{ClientAttribute, ClientFact, ClientFacts};
pub(crate) use client_facts::{XCLIENT_ATTRIBUTES, XFORWARD_ATTRIBUTES};

use std::fmt;
use std::io::Write as _;
use std::str::FromStr;

use client_facts::About;
use compact_str::CompactString;
use mailwire::auth::{self, MechanismName};
use mailwire::{Output, Secret};

use crate::parameter::{MailParameters, RcptParameters, xtext};
use crate::path::{self, Domain, ForwardPath, ReversePath};
use crate::{Strictness, limits};

/// A command with its argument, both legal by the grammar.
#[derive(Debug)]
#[non_exhaustive]
pub enum Command {
    /// `EHLO`, `HELO` or, in LMTP, `LHLO`.
    Hello(Hello),
    /// `MAIL FROM:`
    Mail(Mail),
    /// `RCPT TO:`
    Rcpt(Rcpt),
    /// `DATA`
    Data,
    /// `BDAT` (RFC 3030)
    Bdat(Chunk),
    /// `RSET`
    Rset,
    /// `NOOP`
    Noop,
    /// `QUIT`
    Quit,
    /// `HELP`
    Help,
    /// `VRFY`
    Verify(Verify),
    /// `EXPN`
    Expand(Verify),
    /// `ETRN` (RFC 1985)
    Etrn(Node),
    /// `STARTTLS` (RFC 3207)
    StartTls,
    /// `AUTH` (RFC 4954)
    Auth(Auth),
    /// `XCLIENT` (Postfix)
    XClient(ClientFacts),
    /// `XFORWARD` (Postfix)
    XForward(ClientFacts),
}

/// How a client introduces itself.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Hello {
    /// Which of the three verbs.
    pub verb: HelloVerb,
    /// What it calls itself.
    pub name: ClientName,
}

/// The verbs that begin a session.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(clippy::exhaustive_enums, reason = "RFC 5321 has two, RFC 2033 one")]
pub enum HelloVerb {
    /// SMTP without extensions.
    Helo,
    /// SMTP with extensions.
    Ehlo,
    /// LMTP (RFC 2033).
    Lhlo,
}

/// The name that a client gives with its hello.
///
/// Any run of printable characters without a space: RFC 5321 section 4.1.4 has servers not
/// refuse mail because the name is not one, and what clients send is often a name only to
/// themselves. Empty where a nameless hello is tolerated.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClientName(CompactString);

impl ClientName {
    /// The name.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for ClientName {
    type Err = SyntaxError;

    fn from_str(text: &str) -> Result<Self, SyntaxError> {
        let printable = |character: char| !character.is_control() && !character.is_whitespace();
        let legal =
            text.bytes().all(|octet| octet.is_ascii_graphic()) || text.chars().all(printable);
        match (1..=limits::DOMAIN).contains(&text.len()) && legal {
            true => Ok(Self(text.into())),
            false => Err(SyntaxError::Argument),
        }
    }
}

impl fmt::Display for ClientName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The beginning of a transaction: who sends.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Mail {
    /// Where bounces go.
    pub path: ReversePath,
    /// What the client says about the message.
    pub parameters: MailParameters,
}

/// One recipient.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Rcpt {
    /// Whom the message is for.
    pub path: ForwardPath,
    /// What the client wants for this recipient.
    pub parameters: RcptParameters,
}

/// The head of a chunk: so many octets of the message follow (RFC 3030 section 2).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(clippy::exhaustive_structs, reason = "the grammar has these two")]
pub struct Chunk {
    /// How many octets follow the line.
    pub size: u64,
    /// Whether they are the last.
    pub last: bool,
}

/// Whose mail is to be sent now: a domain, `@domain` with all below it, or `#queue`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Node(CompactString);

impl Node {
    /// The argument of ETRN as it was given.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for Node {
    type Err = SyntaxError;

    fn from_str(text: &str) -> Result<Self, SyntaxError> {
        let name = text.strip_prefix('@').unwrap_or(text);
        let is_queue = text.strip_prefix('#').is_some_and(|queue| {
            !queue.is_empty() && queue.bytes().all(|octet| octet.is_ascii_graphic())
        });
        match is_queue && text.len() <= limits::DOMAIN || name.parse::<Domain>().is_ok() {
            true => Ok(Self(text.into())),
            false => Err(SyntaxError::Argument),
        }
    }
}

/// A question about an address or a list, as free text.
///
/// ```
/// use smtp_proto::command::Verify;
///
/// let question: Verify = "bücher SMTPUTF8".parse()?;
/// assert_eq!(question.as_str(), "bücher");
/// assert!(question.smtputf8());
/// # Ok::<(), smtp_proto::SyntaxError>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Verify {
    question: CompactString,
    smtputf8: bool,
}

impl Verify {
    /// What is asked about.
    pub fn as_str(&self) -> &str {
        &self.question
    }

    /// Whether the answer may go beyond ASCII (RFC 6531 section 3.7.4.2).
    pub fn smtputf8(&self) -> bool {
        self.smtputf8
    }
}

impl fmt::Display for Verify {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let parameter = if self.smtputf8 { " SMTPUTF8" } else { "" };
        write!(f, "{}{parameter}", self.question)
    }
}

/// The beginning of an authentication.
#[derive(Debug)]
#[non_exhaustive]
pub struct Auth {
    /// The mechanism's name, in upper case.
    pub mechanism: MechanismName,
    /// The initial response. `Some` and empty for `=` (RFC 4954 section 4).
    pub initial: Option<Secret>,
}

impl Command {
    /// Reads a line, without its line end.
    ///
    /// # Errors
    ///
    /// If it is not a command by the grammar, as far as `strictness` asks for it.
    pub fn parse(line: &[u8], strictness: &Strictness) -> Result<Self, SyntaxError> {
        let mut command = Self::read(line, strictness);
        // NUL, lone CR and other controls have no place in the grammar, so what holds one is
        // refused; that they were the reason is found out only then.
        if let Err(error) = &mut command {
            if *error != SyntaxError::Chunk && has_control(line) {
                *error = SyntaxError::Control;
            }
        }
        command
    }

    /// Apart, so that a command is written whole, and not in pieces with the error that it might be.
    #[inline(never)]
    fn read(line: &[u8], strictness: &Strictness) -> Result<Self, SyntaxError> {
        // A verb of four letters, in upper case: clearing this bit makes nothing a letter that
        // is none.
        let letters = line.first_chunk::<4>();
        let letters = letters.map(|letters| letters.map(|octet| octet & !0x20));
        // Section 4.1.1: white space before the line end is tolerated. No other is white.
        let mut line = line;
        while let [rest @ .., b' ' | b'\t'] = line {
            line = rest;
        }
        // First of all, since its octets follow whatever else is wrong with the line.
        if letters == Some(*b"BDAT") && line.get(4).is_none_or(|octet| !octet.is_ascii_graphic()) {
            return Chunk::parse(&line[4..]).map(Self::Bdat);
        }
        // Nearly all verbs have four letters.
        let (verb, argument) = match (letters, line.get(4)) {
            (Some(letters), None) if line.len() == 4 => (letters, &[][..]),
            (Some(letters), Some(b' ')) => (letters, &line[5..]),
            _ => return Self::read_long(line),
        };
        let alone = |command| match argument {
            [] => Ok(command),
            _ => Err(SyntaxError::Argument),
        };
        match &verb {
            b"MAIL" => Mail::parse(argument, strictness),
            b"RCPT" => Rcpt::parse(argument, strictness),
            b"DATA" => alone(Self::Data),
            b"EHLO" => Hello::parse(HelloVerb::Ehlo, argument, strictness).map(Self::Hello),
            b"HELO" => Hello::parse(HelloVerb::Helo, argument, strictness).map(Self::Hello),
            b"LHLO" => Hello::parse(HelloVerb::Lhlo, argument, strictness).map(Self::Hello),
            b"RSET" => alone(Self::Rset),
            b"QUIT" => alone(Self::Quit),
            b"NOOP" if !has_control(argument) => Ok(Self::Noop),
            b"HELP" if !has_control(argument) => Ok(Self::Help),
            b"NOOP" | b"HELP" => Err(SyntaxError::Control),
            b"VRFY" => Verify::parse(argument).map(Self::Verify),
            b"EXPN" => Verify::parse(argument).map(Self::Expand),
            b"ETRN" => text(argument)?.parse().map(Self::Etrn),
            b"AUTH" => Auth::parse(argument).map(Self::Auth),
            b"TURN" | b"ATRN" | b"SEND" | b"SOML" | b"SAML" | b"BURL" => {
                Err(SyntaxError::NotImplemented)
            }
            b"POST" | b"HEAD" => Err(SyntaxError::Foreign),
            _ => Err(SyntaxError::Unknown),
        }
    }

    /// The same for verbs that do not have four letters.
    fn read_long(line: &[u8]) -> Result<Self, SyntaxError> {
        let end = line.iter().position(|&octet| octet == b' ');
        let (verb, argument) = line.split_at(end.unwrap_or(line.len()));
        let argument = argument.get(1..).unwrap_or_default();
        if verb.eq_ignore_ascii_case(b"STARTTLS") {
            return match argument {
                [] => Ok(Self::StartTls),
                _ => Err(SyntaxError::Argument),
            };
        }
        if verb.eq_ignore_ascii_case(b"XCLIENT") {
            return ClientFacts::parse(argument, About::XClient).map(Self::XClient);
        }
        if verb.eq_ignore_ascii_case(b"XFORWARD") {
            return ClientFacts::parse(argument, About::XForward).map(Self::XForward);
        }
        // A browser that was made to talk to us. As HTTP has them, in upper case.
        match verb {
            b"GET" | b"PUT" | b"CONNECT" | b"OPTIONS" | b"DELETE" | b"PATCH" | b"TRACE"
            | b"PRI" => Err(SyntaxError::Foreign),
            _ => Err(SyntaxError::Unknown),
        }
    }
}

fn text(argument: &[u8]) -> Result<&str, SyntaxError> {
    std::str::from_utf8(argument).map_err(|_| SyntaxError::Argument)
}

impl fmt::Display for Command {
    /// The line without its CRLF. AUTH is shown without its initial response, which is a secret.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Hello(hello) => hello.fmt(f),
            Self::Mail(mail) => write!(f, "MAIL FROM:{}{}", mail.path, mail.parameters),
            Self::Rcpt(rcpt) => write!(f, "RCPT TO:{}{}", rcpt.path, rcpt.parameters),
            Self::Data => f.write_str("DATA"),
            Self::Bdat(chunk) => chunk.fmt(f),
            Self::Rset => f.write_str("RSET"),
            Self::Noop => f.write_str("NOOP"),
            Self::Quit => f.write_str("QUIT"),
            Self::Help => f.write_str("HELP"),
            Self::Verify(verify) => write!(f, "VRFY {verify}"),
            Self::Expand(list) => write!(f, "EXPN {list}"),
            Self::Etrn(node) => write!(f, "ETRN {}", node.0),
            Self::StartTls => f.write_str("STARTTLS"),
            Self::Auth(auth) => write!(f, "AUTH {}", auth.mechanism),
            Self::XClient(facts) => write!(f, "XCLIENT{facts}"),
            Self::XForward(facts) => write!(f, "XFORWARD{facts}"),
        }
    }
}

impl fmt::Display for Chunk {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let last = if self.last { " LAST" } else { "" };
        write!(f, "BDAT {}{last}", self.size)
    }
}

impl fmt::Display for Hello {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let verb = match self.verb {
            HelloVerb::Helo => "HELO",
            HelloVerb::Ehlo => "EHLO",
            HelloVerb::Lhlo => "LHLO",
        };
        write!(f, "{verb} {}", self.name)
    }
}

/// Whether there is a control character other than TAB.
fn has_control(line: &[u8]) -> bool {
    let control = |octet: u8| (octet < b' ') & (octet != b'\t') | (octet == 0x7f);
    line.iter()
        .fold(false, |found, &octet| found | control(octet))
}

impl Chunk {
    /// Reads what follows the verb. A number that is not understood must not be guessed at: what
    /// follows the line would be taken for commands.
    fn parse(argument: &[u8]) -> Result<Self, SyntaxError> {
        let argument = argument.strip_prefix(b" ").ok_or(SyntaxError::Chunk)?;
        let mut words = argument.split(|&octet| octet == b' ');
        let size = words.next().unwrap_or_default();
        let last = match words.next() {
            None => false,
            Some(word) if word.eq_ignore_ascii_case(b"LAST") => true,
            Some(_) => return Err(SyntaxError::Chunk),
        };
        if words.next().is_some() || !(1..=20).contains(&size.len()) {
            return Err(SyntaxError::Chunk);
        }
        let size = size.iter().try_fold(0u64, |sum, octet| match octet {
            b'0'..=b'9' => sum.checked_mul(10)?.checked_add(u64::from(octet - b'0')),
            _ => None,
        });
        let size = size.ok_or(SyntaxError::Chunk)?;
        Ok(Self { size, last })
    }
}

impl Hello {
    fn parse(verb: HelloVerb, name: &[u8], strictness: &Strictness) -> Result<Self, SyntaxError> {
        if name.is_empty() && strictness.nameless_hello {
            let name = ClientName(CompactString::default());
            return Ok(Self { verb, name });
        }
        let name = std::str::from_utf8(name).map_err(|_| SyntaxError::Hello)?;
        let name = name.parse().map_err(|_| SyntaxError::Hello)?;
        Ok(Self { verb, name })
    }
}

impl Mail {
    /// From somebody, without parameters.
    pub fn new(path: ReversePath) -> Self {
        Self {
            path,
            parameters: MailParameters::default(),
        }
    }

    /// The line with its CRLF.
    pub(crate) fn write(&self, output: &mut Output) {
        output.push(b"MAIL FROM:<");
        if let ReversePath::Mailbox(mailbox) = &self.path {
            output.push(mailbox.as_str().as_bytes());
        }
        output.push(b">");
        if !self.parameters.is_empty() {
            write!(output, "{}", self.parameters).expect("an output takes all");
        }
        output.push(b"\r\n");
    }

    /// As a command at once: its octets would have to be moved from one result to the other.
    fn parse(argument: &[u8], strictness: &Strictness) -> Result<Command, SyntaxError> {
        let path = behind_colon(argument, b"FROM:", strictness)?;
        let (path, rest) = path::reverse_path(path, strictness).ok_or(SyntaxError::Sender)?;
        let parameters = MailParameters::parse(rest).map_err(|error| match rest {
            // Something that is not a parameter belongs to a path that is not one.
            [b' ', ..] => error,
            _ => SyntaxError::Sender,
        })?;
        match &path {
            path if path.is_international() && !parameters.smtputf8 => {
                Err(SyntaxError::International)
            }
            _ => Ok(Command::Mail(Self { path, parameters })),
        }
    }
}

impl Rcpt {
    /// To somebody, without parameters.
    pub fn new(path: ForwardPath) -> Self {
        Self {
            path,
            parameters: RcptParameters::default(),
        }
    }

    /// The line with its CRLF.
    pub(crate) fn write(&self, output: &mut Output) {
        output.push(b"RCPT TO:<");
        output.push(match &self.path {
            ForwardPath::Postmaster => b"postmaster",
            ForwardPath::Mailbox(mailbox) => mailbox.as_str().as_bytes(),
        });
        output.push(b">");
        if !self.parameters.is_empty() {
            write!(output, "{}", self.parameters).expect("an output takes all");
        }
        output.push(b"\r\n");
    }

    /// As a command at once, like [`Mail::parse`].
    fn parse(argument: &[u8], strictness: &Strictness) -> Result<Command, SyntaxError> {
        let path = behind_colon(argument, b"TO:", strictness)?;
        let (path, rest) = path::forward_path(path, strictness).ok_or(SyntaxError::Recipient)?;
        let parameters = RcptParameters::parse(rest).map_err(|error| match rest {
            [b' ', ..] => error,
            _ => SyntaxError::Recipient,
        })?;
        Ok(Command::Rcpt(Self { path, parameters }))
    }
}

/// What follows `FROM:` or `TO:`.
fn behind_colon<'a>(
    argument: &'a [u8],
    word: &[u8],
    strictness: &Strictness,
) -> Result<&'a [u8], SyntaxError> {
    match argument.split_at_checked(word.len()) {
        Some((front, path)) if front.eq_ignore_ascii_case(word) => {
            let spaces = path.iter().take_while(|&&octet| octet == b' ').count();
            match strictness.space_after_colon {
                true => Ok(&path[spaces..]),
                false => Ok(path),
            }
        }
        _ => Err(SyntaxError::Argument),
    }
}

impl Verify {
    fn parse(argument: &[u8]) -> Result<Self, SyntaxError> {
        text(argument)?.trim_matches(' ').parse()
    }
}

impl FromStr for Verify {
    type Err = SyntaxError;

    fn from_str(text: &str) -> Result<Self, SyntaxError> {
        let (question, smtputf8) = match text.rsplit_once(' ') {
            Some((question, word)) if word.eq_ignore_ascii_case("SMTPUTF8") => {
                (question.trim_end_matches(' '), true)
            }
            _ => (text, false),
        };
        match question {
            "" => Err(SyntaxError::Argument),
            _ if !xtext::is_printable(question) => Err(SyntaxError::Control),
            _ => Ok(Self {
                question: question.into(),
                smtputf8,
            }),
        }
    }
}

impl Auth {
    fn parse(argument: &[u8]) -> Result<Self, SyntaxError> {
        let (name, initial) = match memchr::memchr(b' ', argument) {
            Some(space) => (&argument[..space], Some(&argument[space + 1..])),
            None => (argument, None),
        };
        let name = std::str::from_utf8(name).map_err(|_| SyntaxError::Argument)?;
        let mechanism = name.parse()?;
        let initial = match initial {
            None => None,
            Some(b"=") => Some(Secret::default()),
            Some([]) => return Err(SyntaxError::Argument),
            Some(encoded) => Some(auth::decode(encoded)?),
        };
        Ok(Self { mechanism, initial })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Lines as a client may write them, and as they are printed.
    const COMMANDS: &[(&str, &str)] = &[
        ("ehlo client", "EHLO client"),
        ("HELO [192.0.2.1]", "HELO [192.0.2.1]"),
        ("LHLO foo_bar", "LHLO foo_bar"),
        ("MAIL FROM:<a@b>", "MAIL FROM:<a@b>"),
        ("mail from:<> size=12", "MAIL FROM:<> SIZE=12"),
        (
            "Mail From:<a@b> BODY=8BITMIME",
            "MAIL FROM:<a@b> BODY=8BITMIME",
        ),
        ("MAIL FROM:<ü@b> SMTPUTF8", "MAIL FROM:<ü@b> SMTPUTF8"),
        ("RCPT TO:<POSTMASTER>", "RCPT TO:<postmaster>"),
        ("rcpt to:<a@b> NOTIFY=NEVER", "RCPT TO:<a@b> NOTIFY=NEVER"),
        ("bdat 0 last", "BDAT 0 LAST"),
        ("BDAT 18446744073709551615", "BDAT 18446744073709551615"),
        ("BDAT 007 ", "BDAT 7"),
        ("expn the list", "EXPN the list"),
        ("ETRN @b.test", "ETRN @b.test"),
        ("etrn #queue", "ETRN #queue"),
        (
            "xclient name=[unavailable] addr=IPV6:::1",
            "XCLIENT NAME=[UNAVAILABLE] ADDR=IPV6:::1",
        ),
        (
            "XFORWARD IDENT=a+20b SOURCE=LOCAL",
            "XFORWARD IDENT=a+20b SOURCE=LOCAL",
        ),
        ("DATA  ", "DATA"),
        ("data\t", "DATA"),
        ("rset", "RSET"),
        ("noop and more", "NOOP"),
        ("QUIT", "QUIT"),
        ("help me", "HELP"),
        ("VRFY some body", "VRFY some body"),
        ("VRFY SMTPUTF8", "VRFY SMTPUTF8"),
        ("vrfy ü smtputf8", "VRFY ü SMTPUTF8"),
        ("EXPN all of us  SMTPUTF8 ", "EXPN all of us SMTPUTF8"),
        ("StartTLS", "STARTTLS"),
        ("AUTH plain AGEAYg==", "AUTH PLAIN"),
        ("AUTH LOGIN", "AUTH LOGIN"),
        ("AUTH external =", "AUTH EXTERNAL"),
    ];

    #[test]
    fn read_and_printed() {
        for (line, printed) in COMMANDS {
            let command = Command::parse(line.as_bytes(), &Strictness::strict());
            let command = command.unwrap_or_else(|error| panic!("{line}: {error}"));
            assert_eq!(command.to_string(), *printed);
            let again = Command::parse(printed.as_bytes(), &Strictness::strict());
            assert_eq!(again.expect("what we print").to_string(), *printed);
        }
    }

    #[test]
    fn refused() {
        for (line, error) in [
            (&b""[..], SyntaxError::Unknown),
            (b"XYZZY", SyntaxError::Unknown),
            (b"DATA.", SyntaxError::Unknown),
            (b"\xd0\x9cAIL", SyntaxError::Unknown),
            (b"MA\rIL FROM:<a@b>", SyntaxError::Control),
            (b"NOOP\0", SyntaxError::Control),
            (b"TURN", SyntaxError::NotImplemented),
            (b"EXPN", SyntaxError::Argument),
            (b"ETRN", SyntaxError::Argument),
            (b"ETRN #", SyntaxError::Argument),
            (b"ETRN a b", SyntaxError::Argument),
            (b"GET / HTTP/1.1", SyntaxError::Foreign),
            (b"POST / HTTP/1.1", SyntaxError::Foreign),
            (b"get / http/1.1", SyntaxError::Unknown),
            (b"BDAT 5 FIRST", SyntaxError::Chunk),
            (b"BDAT 5 LAST now", SyntaxError::Chunk),
            (b"BDAT -5", SyntaxError::Chunk),
            (b"BDAT +5", SyntaxError::Chunk),
            (b"BDAT 5x", SyntaxError::Chunk),
            (b"BDAT  5", SyntaxError::Chunk),
            (b"BDAT 5\r", SyntaxError::Chunk),
            (b"BDAT 18446744073709551616", SyntaxError::Chunk),
            (b"BDAT 99999999999999999999999", SyntaxError::Chunk),
            (b"XCLIENT", SyntaxError::Argument),
            (b"XCLIENT ADDR", SyntaxError::Argument),
            (b"XCLIENT ADDR=", SyntaxError::Argument),
            (b"XCLIENT ADDR=a+0Ab", SyntaxError::Argument),
            (b"XCLIENT ADDR=1 ADDR=2", SyntaxError::Argument),
            (b"XCLIENT IDENT=a", SyntaxError::Argument),
            (b"XFORWARD LOGIN=a", SyntaxError::Argument),
            (b"bdat", SyntaxError::Chunk),
            (b"BDAT\t5", SyntaxError::Chunk),
            (b"BDATE", SyntaxError::Unknown),
            (b"EHLO", SyntaxError::Hello),
            (b"EHLO two words", SyntaxError::Hello),
            (b"DATA now", SyntaxError::Argument),
            (b"RSET now", SyntaxError::Argument),
            (b"QUIT now", SyntaxError::Argument),
            (b"STARTTLS now", SyntaxError::Argument),
            (b"VRFY", SyntaxError::Argument),
            (b"MAIL", SyntaxError::Argument),
            (b"MAIL <a@b>", SyntaxError::Argument),
            (b"MAIL FROM <a@b>", SyntaxError::Argument),
            (b"MAIL FROM: <a@b>", SyntaxError::Sender),
            (b"MAIL FROM:a@b", SyntaxError::Sender),
            (b"MAIL FROM:<a@b>SIZE=1", SyntaxError::Sender),
            (b"MAIL FROM:<\xc3\xbc@b>", SyntaxError::International),
            (b"RCPT TO:<>", SyntaxError::Recipient),
            (b"RCPT TO:<a@b> =", SyntaxError::Parameter),
            (b"AUTH", SyntaxError::Argument),
            (b"AUTH PLAIN AGEAYg", SyntaxError::Base64),
            (b"AUTH PLAIN AGEAYh==", SyntaxError::Base64),
            (b"AUTH PLAIN A G", SyntaxError::Base64),
            (b"AUTH PL@IN", SyntaxError::Argument),
        ] {
            let parsed = Command::parse(line, &Strictness::strict());
            assert_eq!(parsed.err(), Some(error), "{}", line.escape_ascii());
        }
    }

    #[test]
    fn an_initial_response_may_be_absent_or_empty() {
        let initial = |line: &[u8]| match Command::parse(line, &Strictness::strict()) {
            Ok(Command::Auth(auth)) => auth.initial.map(|secret| secret.expose().to_vec()),
            other => panic!("{other:?}"),
        };
        assert_eq!(initial(b"AUTH PLAIN"), None);
        assert_eq!(initial(b"AUTH PLAIN ="), Some(vec![]));
        assert_eq!(initial(b"AUTH PLAIN AGEAYg=="), Some(b"\0a\0b".to_vec()));
    }
}
