//! What the machine itself says.

use mailwire::Output;

use crate::encode::{Encoder, Next};
use crate::error::SyntaxError;
use crate::response::{Code, CodeWord, Data, Response, Status, StatusKind};
use crate::string::Text;
use crate::tag::Tag;

/// Why something is not done: what programs and people should know.
///
/// ```
/// use imap_proto::Text;
/// use imap_proto::response::CodeWord;
/// use imap_proto::server::Refusal;
///
/// let refusal = Refusal::new(Text::fixed("The disk is full")).with_code(CodeWord::Limit);
/// let usual = Refusal::from(CodeWord::NonExistent);
/// assert_eq!(usual.text().to_text(), "No such mailbox");
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    code: Option<Code>,
    text: Text,
}

impl Refusal {
    /// A refusal without a code.
    pub fn new(text: Text) -> Self {
        Self { code: None, text }
    }

    /// With a code.
    pub fn with_code(mut self, code: impl Into<Code>) -> Self {
        self.code = Some(code.into());
        self
    }

    /// What programs should know.
    pub fn code(&self) -> Option<&Code> {
        self.code.as_ref()
    }

    /// What people should know.
    pub fn text(&self) -> &Text {
        &self.text
    }

    pub(super) fn into_status(self, kind: StatusKind) -> Status {
        let mut status = Status::new(kind, self.text);
        status.code = self.code;
        status
    }
}

impl From<CodeWord> for Refusal {
    /// With the text that goes with the code.
    fn from(code: CodeWord) -> Self {
        let text = match code {
            CodeWord::AuthenticationFailed => "Authentication failed",
            CodeWord::AuthorizationFailed => "Not allowed to act for that user",
            CodeWord::NonExistent | CodeWord::TryCreate => "No such mailbox",
            CodeWord::AlreadyExists => "Mailbox exists already",
            CodeWord::NoPerm => "Permission denied",
            CodeWord::OverQuota => "Quota exceeded",
            CodeWord::TooBig => "Message is too large",
            CodeWord::InUse => "Mailbox is in use",
            CodeWord::Unavailable => "Try again later",
            CodeWord::Cannot => "That is not possible",
            CodeWord::Limit => "A limit is reached",
            CodeWord::HasChildren => "Mailbox has children",
            CodeWord::ExpungeIssued => "Some of the messages no longer exist",
            CodeWord::PrivacyRequired => "Start TLS first",
            CodeWord::UseAttr => "That use is not possible",
            CodeWord::UnknownCte => "A part has an unknown encoding",
            CodeWord::ServerBug => "Internal error",
            _ => "Failed",
        };
        Self::new(Text::fixed(text)).with_code(code)
    }
}

/// Where what is said goes: through the encoder to the output.
#[derive(Debug)]
pub(super) struct Speaker {
    pub(super) encoder: Encoder,
    pub(super) output: Output,
}

impl Speaker {
    /// Says something that is all at hand.
    pub(super) fn say(&mut self, response: &Response) {
        let next = self.say_up_to_content(response);
        debug_assert_eq!(next, Next::Done, "content is streamed by `fetch` alone");
    }

    /// Says something, up to content that somebody else has.
    pub(super) fn say_up_to_content(&mut self, response: &Response) -> Next {
        self.encoder.response(response);
        self.go_on()
    }

    /// Goes on behind content.
    pub(super) fn go_on(&mut self) -> Next {
        self.encoder.transfer(&mut self.output)
    }

    pub(super) fn untagged(&mut self, data: Data) {
        self.say(&Response::Untagged(data));
    }

    /// `* OK [code] text`
    pub(super) fn note(&mut self, code: impl Into<Code>, text: &'static str) {
        self.untagged(Data::Status(ok(text).with_code(code)));
    }

    /// A tagged answer, or an untagged one where the tag is not known.
    pub(super) fn answer(&mut self, tag: Option<Tag>, status: Status) {
        match tag {
            Some(tag) => self.say(&Response::Tagged { tag, status }),
            None => self.untagged(Data::Status(status)),
        }
    }

    pub(super) fn bye(&mut self, text: &'static str) {
        self.untagged(Data::Status(Status::new(
            StatusKind::Bye,
            Text::fixed(text),
        )));
    }

    /// Goes on: a literal may come, or whatever follows IDLE.
    pub(super) fn proceed(&mut self, text: &'static str) {
        self.output.push(b"+ ");
        self.output.push(text.as_bytes());
        self.output.push(b"\r\n");
    }
}

pub(super) fn ok(text: &'static str) -> Status {
    Status::new(StatusKind::Ok, Text::fixed(text))
}

pub(super) fn no(text: &'static str) -> Status {
    Status::new(StatusKind::No, Text::fixed(text))
}

pub(super) fn bad(text: &'static str) -> Status {
    Status::new(StatusKind::Bad, Text::fixed(text))
}

pub(super) fn uid_required() -> Status {
    bad("Messages have to be named by UID").with_code(CodeWord::UidRequired)
}

pub(super) fn completed(name: &str) -> Status {
    let text = [name, " completed"].concat();
    let text = Text::new(text).expect("names of commands are words");
    Status::new(StatusKind::Ok, text)
}

pub(super) fn syntax(error: &SyntaxError) -> Status {
    if error.expected == "a command" {
        return bad("Unknown command");
    }
    let text = format!("Expected {} at octet {}", error.expected, error.offset);
    Status::new(StatusKind::Bad, Text::new(text).unwrap_or_default())
}
