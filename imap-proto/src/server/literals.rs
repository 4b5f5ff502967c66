//! Which literals are taken (RFC 9051 section 4.3, RFC 7888).

use super::config::Config;
use super::replies::{self, Refusal, bad};
use super::session::{Session, Standing};
use super::{Server, Turn, append};
use crate::capability::Extension;
use crate::frame::{Announcement, Framer, Refused, Why};
use crate::lex::AT_HAND;
use crate::limits;
use crate::response::{CodeWord, Status, StatusKind};
use crate::string::Text;

impl Server {
    /// A literal is announced: what does it belong to?
    pub(super) fn literal(&mut self, announced: Announcement) -> Turn {
        let start = self.framer.start(&self.input);
        let adds = append::is_append(start)
            && !matches!(self.session.standing, Standing::NotAuthenticated);
        if adds {
            let head = self.framer.head(&self.input);
            match self.reader.command(&head) {
                Ok(command) => return self.begin_append(command, Some(announced)),
                // It is the name of the mailbox.
                Err(error) if error.expected == AT_HAND => {}
                Err(error) => return self.refuse_literal(replies::syntax(&error)),
            }
        }
        if !fits(&announced, &self.config, &self.session) {
            return self.refuse_literal(too_large());
        }
        if announced.synchronising {
            self.speaker.proceed("OK");
        }
        self.framer.keep();
        Turn::Go
    }

    pub(super) fn refuse_literal(&mut self, status: Status) -> Turn {
        let tag = self.framer.head(&self.input).tag();
        self.framer.refuse(&mut self.input);
        self.reject(tag, status)
    }

    /// A command was not to be had. If we refused its literal it is answered already.
    pub(super) fn refused(&mut self, refused: Refused) -> Turn {
        self.timer.disarm();
        match refusal(refused.why) {
            Some(status) => self.reject(refused.tag, status),
            None => Turn::Go,
        }
    }
}

/// How the stream is cut: small literals may come without being asked for if LITERAL- says so, and any with
/// LITERAL+.
pub(super) fn framer(config: &Config) -> Framer {
    let minus = config.serves(Extension::LiteralMinus) || config.serves(Extension::Imap4Rev2);
    let mut limits = config.limits.frame.clone();
    if !config.serves(Extension::LiteralPlus) {
        let most = if minus { limits::LITERAL_MINUS } else { 0 };
        limits.non_synchronising = limits.non_synchronising.min(most);
    }
    Framer::commands()
        .with_limits(limits)
        .with_bare_lf(config.bare_lf)
        .with_every_literal_announced()
}

/// What to say to a command that was not to be had. If we refused its literal, that was said already.
pub(super) fn refusal(why: Why) -> Option<Status> {
    Some(match why {
        Why::Refused => return None,
        Why::TooLong => bad("Command is too long"),
        Why::TooManyLiterals => bad("Too many literals"),
        Why::NotAskedFor => bad("Literal has to be asked for").with_code(CodeWord::TooBig),
        Why::BareLf => bad("Lines end with CR LF"),
    })
}

/// Whether a literal may be kept with its command.
fn fits(announced: &Announcement, config: &Config, session: &Session) -> bool {
    let stranger = matches!(session.standing, Standing::NotAuthenticated);
    announced.fits && (!stranger || announced.length <= config.limits.stranger_literal)
}

/// To a literal that is too large for what it is.
pub(super) fn too_large() -> Status {
    let text = Text::fixed("Literal is too large");
    Refusal::new(text)
        .with_code(CodeWord::Limit)
        .into_status(StatusKind::No)
}
