//! Which literals are taken (RFC 9051 section 4.3, RFC 7888).

use super::config::Config;
use super::replies::{Refusal, bad};
use super::session::{Session, Standing};
use crate::capability::Extension;
use crate::frame::{Announcement, Framer, Why};
use crate::limits;
use crate::response::{CodeWord, Status, StatusKind};
use crate::string::Text;

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
pub(super) fn fits(announced: &Announcement, config: &Config, session: &Session) -> bool {
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
