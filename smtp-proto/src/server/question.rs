//! What the application was asked, and which answers fit.

use mailwire::Output;

use super::session::Session;
use super::{Config, replies};
use crate::Reply;
use crate::command::{Chunk, HelloVerb};

/// What the application was asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Question {
    Hello(HelloVerb),
    Auth,
    Mail,
    Rcpt,
    Data,
    /// This is the first chunk of a message.
    Chunk(Chunk),
    /// So many statuses are still to be given.
    EndOfData(u32),
    /// Whether the answer may go beyond ASCII.
    Verify {
        utf8: bool,
    },
    Expand {
        utf8: bool,
    },
    Etrn,
    /// Whether somebody is logged in there.
    XClient {
        login: bool,
    },
    XForward,
}

impl Question {
    /// Says yes.
    #[inline]
    pub(super) fn accept(self, config: &Config, session: &Session, output: &mut Output) {
        match self {
            Self::Hello(HelloVerb::Helo) => replies::helo(config, output),
            Self::Hello(_) => replies::ehlo(config, session, output),
            Self::XClient { .. } => replies::greeting(config, output),
            _ => output.push(self.yes()),
        }
    }

    /// The words for it, where they are always the same.
    fn yes(self) -> &'static [u8] {
        match self {
            Self::Mail => b"250 2.1.0 Ok\r\n",
            Self::Rcpt => b"250 2.1.5 Ok\r\n",
            Self::Data => b"354 End data with <CR><LF>.<CR><LF>\r\n",
            Self::EndOfData(_) | Self::XForward => b"250 2.0.0 Ok\r\n",
            Self::Auth => b"235 2.7.0 Authentication successful\r\n",
            Self::Verify { .. } => b"252 2.1.5 Cannot verify, but will try\r\n",
            Self::Expand { .. } => b"252 2.1.5 Cannot expand, but will try\r\n",
            Self::Etrn => b"250 2.0.0 Queuing started\r\n",
            // That of a chunk is said behind it; the others depend on the session.
            Self::Chunk(_) | Self::Hello(_) | Self::XClient { .. } => b"",
        }
    }

    /// What is said in place of the application's reply, if the peer could not read that.
    pub(super) fn amend(self, reply: Reply) -> Reply {
        match self {
            // RFC 2034 section 4 has no enhanced code in answer to a hello.
            Self::Hello(_) => reply.plain(),
            // RFC 6531 section 3.7.4.2.
            Self::Verify { utf8: false } | Self::Expand { utf8: false }
                if reply.is_positive() && !reply.lines().all(str::is_ascii) =>
            {
                replies::ANSWER_NEEDS_SMTPUTF8.clone()
            }
            _ => reply,
        }
    }

    /// Whether a reply answers it. The success of some has a form that clients rely on.
    pub(super) fn takes(self, reply: &Reply) -> bool {
        let has_form = matches!(
            self,
            Self::Hello(_) | Self::Data | Self::Chunk(_) | Self::XClient { .. }
        );
        match reply.is_positive() {
            true => !has_form,
            false => !reply.is_intermediate(),
        }
    }
}
