//! What the machine itself says.

use mailwire::Output;
use mailwire::auth::MechanismName;
use mailwire::dot::Stray;

use super::session::Session;
use super::{Aborted, Config, Protocol};
use crate::command::{XCLIENT_ATTRIBUTES, XFORWARD_ATTRIBUTES};
use crate::{Error, Extension, Reply};

pub(super) static OK: Reply = Reply::fixed(250, Some((2, 0, 0)), "Ok");
pub(super) static BYE: Reply = Reply::fixed(221, Some((2, 0, 0)), "Bye");
pub(super) static START_TLS: Reply = Reply::fixed(220, Some((2, 0, 0)), "Ready to start TLS");
pub(super) static HELP: Reply = Reply::fixed(
    214,
    Some((2, 0, 0)),
    "EHLO HELO MAIL RCPT DATA BDAT RSET NOOP VRFY HELP QUIT STARTTLS AUTH",
);

pub(super) static HELLO_FIRST: Reply = Reply::fixed(503, Some((5, 5, 1)), "Say hello first");
pub(super) static MAIL_FIRST: Reply = Reply::fixed(503, Some((5, 5, 1)), "MAIL first");
pub(super) static RCPT_FIRST: Reply = Reply::fixed(503, Some((5, 5, 1)), "RCPT first");
pub(super) static NESTED_MAIL: Reply =
    Reply::fixed(503, Some((5, 5, 1)), "Error: nested MAIL command");
pub(super) static NO_VALID_RECIPIENTS: Reply =
    Reply::fixed(554, Some((5, 5, 1)), "No valid recipients");
pub(super) static ONLY_QUIT: Reply = Reply::fixed(503, Some((5, 5, 1)), "No service: say QUIT");
// No answers to a hello, but to a verb that the protocol does not have: with enhanced codes.
pub(super) static USE_LHLO: Reply = Reply::fixed(500, Some((5, 5, 1)), "This is LMTP: say LHLO");
pub(super) static NO_LHLO: Reply = Reply::fixed(500, Some((5, 5, 1)), "This is SMTP: say EHLO");

pub(super) static NOT_IN_TRANSACTION: Reply =
    Reply::fixed(503, Some((5, 5, 1)), "Not in a transaction");
pub(super) static NOT_IMPLEMENTED: Reply =
    Reply::fixed(502, Some((5, 5, 1)), "Command not implemented");
pub(super) static NOT_RECOGNISED: Reply =
    Reply::fixed(500, Some((5, 5, 2)), "Command not recognised");

pub(super) static NO_CHUNKING: Reply =
    Reply::fixed(502, Some((5, 5, 1)), "CHUNKING is not announced");
pub(super) static CHUNKS_HAVE_BEGUN: Reply =
    Reply::fixed(503, Some((5, 5, 1)), "The message has begun: BDAT or RSET");
pub(super) static CHUNKS_HAVE_FAILED: Reply = Reply::fixed(
    503,
    Some((5, 5, 1)),
    "A chunk of this message was refused: RSET",
);
pub(super) static BINARY_NEEDS_BDAT: Reply =
    Reply::fixed(503, Some((5, 5, 1)), "BODY=BINARYMIME needs BDAT");

pub(super) static HOLD_TOO_LONG: Reply =
    Reply::fixed(501, Some((5, 5, 4)), "Messages are not held for so long");
pub(super) static TOO_SOON: Reply = Reply::fixed(
    554,
    Some((5, 4, 7)),
    "Delivery within that time is not promised",
);
pub(super) static NO_SOLICITING: Reply = Reply::fixed(
    550,
    Some((5, 7, 1)),
    "Solicitation of this kind is not wanted",
);
pub(super) static TOO_MANY_DOMAINS: Reply = Reply::fixed(
    452,
    Some((4, 5, 3)),
    "Too many domains among the recipients",
);
pub(super) static NOT_TLS: Reply = Reply::fixed(500, Some((5, 5, 2)), "This is not TLS");

pub(super) static UNKNOWN_PARAMETER: Reply = Reply::fixed(
    555,
    Some((5, 5, 4)),
    "Parameter of an extension that is not on offer",
);
pub(super) static TOO_LARGE: Reply =
    Reply::fixed(552, Some((5, 3, 4)), "Message exceeds the size limit");
/// RFC 6531 section 3.5: 553 at RCPT, where MAIL has 550.
pub(super) static RECIPIENT_NEEDS_SMTPUTF8: Reply =
    Reply::fixed(553, Some((5, 6, 7)), "Address needs SMTPUTF8 at MAIL");
pub(super) static TOO_MANY_RECIPIENTS: Reply =
    Reply::fixed(452, Some((4, 5, 3)), "Too many recipients");

/// RFC 6531 section 3.7.4.2.
pub(super) static ANSWER_NEEDS_SMTPUTF8: Reply =
    Reply::fixed(252, Some((2, 6, 8)), "The answer needs SMTPUTF8");
pub(super) static NO_SMTPUTF8: Reply =
    Reply::fixed(504, Some((5, 5, 4)), "SMTPUTF8 is not on offer");
pub(super) static TLS_ALREADY: Reply = Reply::fixed(503, Some((5, 5, 1)), "TLS is in use already");
pub(super) static STARTTLS_FIRST: Reply =
    Reply::fixed(530, Some((5, 7, 0)), "Must issue STARTTLS first");
pub(super) static NO_AUTH: Reply = Reply::fixed(502, Some((5, 5, 1)), "AUTH is not on offer");
pub(super) static AUTH_FIRST: Reply = Reply::fixed(530, Some((5, 7, 0)), "Authentication required");
pub(super) static ALREADY_AUTHENTICATED: Reply =
    Reply::fixed(503, Some((5, 5, 1)), "Already authenticated");
pub(super) static AUTH_IN_TRANSACTION: Reply =
    Reply::fixed(503, Some((5, 5, 1)), "AUTH is not allowed in a transaction");
pub(super) static AUTH_NEEDS_TLS: Reply = Reply::fixed(
    538,
    Some((5, 7, 11)),
    "Encryption required for the requested mechanism",
);
pub(super) static UNKNOWN_MECHANISM: Reply =
    Reply::fixed(504, Some((5, 5, 4)), "Mechanism is not on offer");
pub(super) static AUTH_CANCELLED: Reply =
    Reply::fixed(501, Some((5, 7, 0)), "Authentication cancelled");
pub(super) static AUTH_LINE_TOO_LONG: Reply = Reply::fixed(
    500,
    Some((5, 5, 6)),
    "Authentication exchange line is too long",
);

pub(super) static STOPPING: Reply = Reply::fixed(421, Some((4, 3, 2)), "Service is shutting down");

/// The greeting (section 4.2). No enhanced code (RFC 2034 section 4).
pub(super) fn greeting(config: &Config, output: &mut Output) {
    output.push(b"220 ");
    output.push(config.hostname.as_str().as_bytes());
    output.push(match config.protocol {
        Protocol::Smtp => b" ESMTP ready\r\n",
        Protocol::Lmtp => b" LMTP ready\r\n",
    });
}

/// The answer to HELO.
pub(super) fn helo(config: &Config, output: &mut Output) {
    output.push(b"250 ");
    output.push(config.hostname.as_str().as_bytes());
    output.push(b"\r\n");
}

/// The answer to EHLO and LHLO: our name, then what is on offer now.
pub(super) fn ehlo(config: &Config, session: &Session, output: &mut Output) {
    let offered = session.offered(config);
    let mechanisms = session.mechanisms(config);
    let mut left = offered.len();
    output.push(if left > 0 { b"250-" } else { b"250 " });
    output.push(config.hostname.as_str().as_bytes());
    for extension in offered.iter() {
        left -= 1;
        if extension == Extension::Auth && config.old_auth_line {
            output.push(b"\r\n250-AUTH");
            names(mechanisms, b"=", output);
        }
        output.push(if left > 0 { b"\r\n250-" } else { b"\r\n250 " });
        output.push(extension.keyword().as_bytes());
        detail(extension, config, mechanisms, output);
    }
    output.push(b"\r\n");
}

/// What stands behind a keyword.
fn detail(
    extension: Extension,
    config: &Config,
    mechanisms: &[MechanismName],
    output: &mut Output,
) {
    match extension {
        Extension::Size => {
            if let Some(limit) = config.limits.message {
                output.push(b" ");
                output.push_number(limit);
            }
        }
        Extension::Auth => names(mechanisms, b" ", output),
        Extension::DeliverBy => {
            if let Some(least) = config.deliver_by_at_least {
                output.push(b" ");
                output.push_number(least.seconds().into());
            }
        }
        Extension::FutureRelease => {
            output.push(b" ");
            output.push_number(config.hold_for_at_most.seconds().into());
            output.push(format!(" {}", config.hold_until_at_most).as_bytes());
        }
        Extension::Limits => limits(config, output),
        Extension::NoSoliciting => {
            if let Some(refused) = &config.no_soliciting {
                output.push(b" ");
                output.push(refused.as_str().as_bytes());
            }
        }
        Extension::XClient => {
            output.push(b" ");
            output.push(XCLIENT_ATTRIBUTES.as_bytes());
        }
        Extension::XForward => {
            output.push(b" ");
            output.push(XFORWARD_ATTRIBUTES.as_bytes());
        }
        _ => {}
    }
}

/// RFC 9422 section 3: numbers of up to six digits.
fn limits(config: &Config, output: &mut Output) {
    let limits = &config.limits;
    for (name, limit) in [
        (&b" MAILMAX="[..], limits.messages),
        (b" RCPTMAX=", Some(limits.recipients)),
        (b" RCPTDOMAINMAX=", limits.recipient_domains),
    ] {
        if let Some(limit) = limit {
            output.push(name);
            output.push_number(limit.min(999_999).into());
        }
    }
}

fn names(mechanisms: &[MechanismName], mut separator: &'static [u8], output: &mut Output) {
    for mechanism in mechanisms {
        output.push(separator);
        output.push(mechanism.as_str().as_bytes());
        separator = b" ";
    }
}

/// What is said to a chunk that is not the last.
pub(super) fn chunk(octets: u64, output: &mut Output) {
    output.push(b"250 2.0.0 ");
    output.push_number(octets);
    output.push(b" octets received so far\r\n");
}

/// What a client is told at the end of a message that was refused on its way.
pub(super) fn aborted(reason: Aborted) -> Reply {
    match reason {
        Aborted::TooLarge => TOO_LARGE.clone(),
        Aborted::Stray(Stray::Cr) => Reply::fixed(
            550,
            Some((5, 5, 2)),
            "Bare <CR> in message: lines must end with <CR><LF>",
        ),
        Aborted::Stray(Stray::Nul) => {
            Reply::fixed(550, Some((5, 5, 2)), "NUL character in message")
        }
        Aborted::Stray(Stray::Lf) => Reply::fixed(
            550,
            Some((5, 5, 2)),
            "Bare <LF> in message: lines must end with <CR><LF>",
        ),
    }
}

/// What is said when the session ends in an error; nothing to a peer that does not listen.
pub(super) fn farewell(error: Error) -> Option<Reply> {
    Some(match error {
        Error::CommandTimeout | Error::MessageTimeout => {
            Reply::fixed(421, Some((4, 4, 2)), "Timeout, closing the connection")
        }
        Error::TooManyErrors => Reply::fixed(
            421,
            Some((4, 7, 0)),
            "Too many errors, closing the connection",
        ),
        Error::TooManyAuthFailures => Reply::fixed(
            421,
            Some((4, 7, 0)),
            "Too many failed authentications, closing the connection",
        ),
        Error::EndlessLine => Reply::fixed(
            421,
            Some((4, 5, 0)),
            "Line without end, closing the connection",
        ),
        Error::OutOfStep => {
            Reply::fixed(421, Some((4, 5, 0)), "Out of step, closing the connection")
        }
        Error::EarlyTalker => {
            Reply::fixed(554, Some((5, 5, 0)), "You spoke before you were greeted")
        }
        Error::Unsynchronised => Reply::fixed(
            554,
            Some((5, 5, 0)),
            "You sent on without waiting for an answer",
        ),
        Error::TooManyMessages => Reply::fixed(
            421,
            Some((4, 7, 0)),
            "Too many messages, use another connection",
        ),
        // The reason why the message or the line was refused is said instead.
        Error::EndlessMessage | Error::AnotherProtocol => return None,
        Error::WriteTimeout | Error::Disconnected | Error::PlaintextBehindStartTls => return None,
    })
}
