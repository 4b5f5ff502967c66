//! Lines that are no commands, and what is said to that.

use mailwire::auth::{InvalidMechanismName, NotBase64};

use crate::Reply;

/// Why a line is not a command.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SyntaxError {
    /// The verb means nothing.
    #[error("unknown command")]
    Unknown,
    /// A verb of the standards that is not for us.
    #[error("command not implemented")]
    NotImplemented,
    /// BDAT without a size that is understood: the octets that follow cannot be told from commands.
    #[error("malformed chunk size")]
    Chunk,
    /// A command of HTTP.
    #[error("command of another protocol")]
    Foreign,
    /// NUL, a lone CR or another control character.
    #[error("control character in a command")]
    Control,
    /// A bare LF ended the line.
    #[error("line ends without a carriage return")]
    BareLineFeed,
    /// The line is too long.
    #[error("line too long")]
    TooLong,
    /// The argument is missing, superfluous or malformed.
    #[error("malformed argument")]
    Argument,
    /// A hello's argument is missing or malformed.
    #[error("malformed client name")]
    Hello,
    /// MAIL's path is not one.
    #[error("malformed sender address")]
    Sender,
    /// RCPT's path is not one.
    #[error("malformed recipient address")]
    Recipient,
    /// A parameter is malformed, or given twice.
    #[error("malformed parameter")]
    Parameter,
    /// An address beyond ASCII without SMTPUTF8.
    #[error("internationalised address without SMTPUTF8")]
    International,
    /// Not canonical base64.
    #[error("malformed base64")]
    Base64,
}

impl SyntaxError {
    /// The reply that RFC 5321 section 4.2.4 and the extensions have for it.
    pub fn reply(self) -> Reply {
        match self {
            Self::Unknown => Reply::fixed(500, Some((5, 5, 2)), "Command not recognised"),
            Self::NotImplemented => Reply::fixed(502, Some((5, 5, 1)), "Command not implemented"),
            Self::Chunk => Reply::fixed(501, Some((5, 5, 4)), "Malformed chunk size"),
            Self::Foreign => Reply::fixed(500, Some((5, 5, 2)), "This is not HTTP"),
            Self::Control => Reply::fixed(500, Some((5, 5, 2)), "Control character in command"),
            Self::BareLineFeed => {
                Reply::fixed(500, Some((5, 5, 2)), "Lines must end with <CR><LF>")
            }
            Self::TooLong => Reply::fixed(500, Some((5, 5, 2)), "Line too long"),
            Self::Argument => Reply::fixed(501, Some((5, 5, 4)), "Malformed argument"),
            // No enhanced code (RFC 2034 section 4).
            Self::Hello => Reply::fixed(501, None, "Malformed client name"),
            Self::Sender => Reply::fixed(501, Some((5, 1, 7)), "Malformed sender address"),
            Self::Recipient => Reply::fixed(501, Some((5, 1, 3)), "Malformed recipient address"),
            Self::Parameter => Reply::fixed(501, Some((5, 5, 4)), "Malformed parameter"),
            // RFC 6531 section 3.5.
            Self::International => Reply::fixed(550, Some((5, 6, 7)), "Address needs SMTPUTF8"),
            Self::Base64 => Reply::fixed(501, Some((5, 5, 2)), "Malformed base64"),
        }
    }
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
