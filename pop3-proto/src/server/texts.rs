//! What a server says to people, and in which language (RFC 6856 section 3).

use std::fmt;

use compact_str::CompactString;

use crate::{InvalidReply, Refusal, ResponseCode};

/// A language that a server speaks.
#[derive(Clone)]
pub struct Language {
    tag: CompactString,
    name: CompactString,
    translate: fn(Text) -> Option<&'static str>,
}

impl Language {
    /// A language by its tag (RFC 5646), its name in itself, and its texts. A text that is `None`,
    /// holds a control character or is too long for a line is said in English.
    ///
    /// # Errors
    ///
    /// If the tag is no tag, or the name holds control characters.
    pub fn new(
        tag: &str,
        name: &str,
        translate: fn(Text) -> Option<&'static str>,
    ) -> Result<Self, InvalidReply> {
        let range: crate::command::LanguageRange = tag.parse().map_err(|_| InvalidReply)?;
        if range.as_str() == "*" || name.chars().any(char::is_control) || name.len() > 255 {
            return Err(InvalidReply);
        }
        Ok(Self {
            tag: tag.into(),
            name: name.into(),
            translate,
        })
    }

    /// The language of this crate.
    pub fn english() -> Self {
        ENGLISH
    }

    /// The tag, such as `en`.
    pub fn tag(&self) -> &str {
        &self.tag
    }

    /// The name in the language itself.
    pub fn name(&self) -> &str {
        &self.name
    }

    pub(super) fn say(&self, text: Text) -> &'static str {
        (self.translate)(text)
            .filter(|said| said.len() <= LONGEST && !said.chars().any(char::is_control))
            .unwrap_or_else(|| text.english())
    }

    pub(super) fn refuse(&self, code: Option<ResponseCode>, text: Text) -> Refusal {
        Refusal::fixed(code, self.say(text))
    }
}

impl fmt::Debug for Language {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Language({} {})", self.tag, self.name)
    }
}

macro_rules! texts {
    ($($(#[$doc:meta])* $name:ident = $english:literal,)*) => {
        /// What the machine itself says, apart from numbers and lists.
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        #[non_exhaustive]
        pub enum Text {
            $($(#[$doc])* $name,)*
        }

        impl Text {
            /// The text in English.
            pub const fn english(self) -> &'static str {
                match self {
                    $(Self::$name => $english,)*
                }
            }
        }
    };
}

texts! {
    /// The greeting.
    Ready = "POP3 ready",
    /// To CAPA.
    Capabilities = "Capability list follows",
    /// To AUTH without a mechanism.
    Mechanisms = "Mechanisms follow",
    /// To STLS.
    BeginTls = "Begin TLS negotiation",
    /// To UTF8.
    Utf8 = "UTF-8 mode",
    /// To LANG without an argument.
    Languages = "Language listing follows",
    /// To LANG.
    LanguageChanged = "Language changed",
    /// To USER, known or not.
    NowPassword = "Send the password",
    /// To a login.
    LoggedIn = "Logged in",
    /// To RETR and TOP.
    MessageFollows = "Message follows",
    /// To UIDL without an argument.
    UniqueIds = "Unique id listing follows",
    /// To DELE.
    Deleted = "Message deleted",
    /// To RSET.
    Restored = "Deletions forgotten",
    /// To NOOP.
    Nothing = "Done",
    /// To QUIT.
    Bye = "Bye",
    /// To QUIT, where messages were deleted.
    ByeDeleted = "Bye, messages deleted",
    /// A command that belongs behind the login.
    LogInFirst = "Log in first",
    /// A command that belongs before the login.
    LoggedInAlready = "Already logged in",
    /// PASS without USER.
    UserFirst = "USER first",
    /// A password is refused because there is no TLS.
    TlsFirst = "Passwords need TLS",
    /// STLS under TLS.
    TlsAlready = "TLS is in use already",
    /// STLS behind UTF8.
    TlsBehindUtf8 = "STLS is not allowed behind UTF8",
    /// A mechanism that is not on offer.
    NoMechanism = "Mechanism is not on offer",
    /// `*` in an authentication.
    AuthCancelled = "Authentication cancelled",
    /// A name or password that is not ASCII.
    NotAscii = "Name and password must be ASCII",
    /// A number beyond the last message.
    NoSuchMessage = "No such message",
    /// The number of a message that is deleted.
    IsDeleted = "Message is deleted",
    /// LANG with a language that is not spoken.
    NoLanguage = "Language is not supported",
    /// A command that does not exist.
    UnknownCommand = "Unknown command",
    /// An argument is missing or wrong.
    Argument = "Missing or malformed argument",
    /// An argument too many.
    Surplus = "Too many arguments",
    /// Control characters.
    Control = "Control characters are not allowed",
    /// Octets that are not UTF-8.
    NotUtf8 = "Not UTF-8",
    /// A line that is too long.
    TooLong = "Line too long",
    /// A line that ends with LF.
    BareLineFeed = "Lines end with CR LF",
    /// Malformed base64.
    Base64 = "Invalid base64 data",
    /// The server is going down.
    Stopping = "Server is shutting down",
}

/// What is spoken where nothing else is.
pub(super) const ENGLISH: Language = Language {
    tag: CompactString::const_new("en"),
    name: CompactString::const_new("English"),
    translate: |_| None,
};

/// The longest text of ours: with the code and a number in front of it the line is short enough.
const LONGEST: usize = 400;
