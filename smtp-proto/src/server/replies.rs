//! What the machine itself says.

use mailwire::Output;
use mailwire::dot::Stray;

use super::session::Session;
use super::{Aborted, Config, Protocol};
use crate::command::MechanismName;
use crate::{Error, Reply};

pub(super) static OK: Reply = Reply::fixed(250, Some((2, 0, 0)), "Ok");
pub(super) static BYE: Reply = Reply::fixed(221, Some((2, 0, 0)), "Bye");
pub(super) static START_TLS: Reply = Reply::fixed(220, Some((2, 0, 0)), "Ready to start TLS");
pub(super) static HELP: Reply = Reply::fixed(
    214,
    Some((2, 0, 0)),
    "EHLO HELO MAIL RCPT DATA RSET NOOP VRFY HELP QUIT STARTTLS AUTH",
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
    let tls = session.tls.is_some();
    let mechanisms = session.mechanisms(config);
    output.push(b"250-");
    output.push(config.hostname.as_str().as_bytes());
    output.push(b"\r\n250-PIPELINING\r\n250-SIZE");
    if let Some(limit) = config.limits.message {
        output.push(b" ");
        output.push_number(limit);
    }
    output.push(b"\r\n");
    if config.starttls && !tls {
        output.push(b"250-STARTTLS\r\n");
    }
    if !mechanisms.is_empty() && !session.authenticated && (tls || config.auth_without_tls) {
        auth(mechanisms, b"250-AUTH", b" ", output);
        if config.old_auth_line {
            auth(mechanisms, b"250-AUTH", b"=", output);
        }
    }
    output.push(b"250-VRFY\r\n250-ENHANCEDSTATUSCODES\r\n250-8BITMIME\r\n250 SMTPUTF8\r\n");
}

fn auth(
    mechanisms: &[MechanismName],
    keyword: &[u8],
    mut separator: &'static [u8],
    output: &mut Output,
) {
    output.push(keyword);
    for mechanism in mechanisms {
        output.push(separator);
        output.push(mechanism.as_str().as_bytes());
        separator = b" ";
    }
    output.push(b"\r\n");
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
        // The reason why the message was refused is said instead.
        Error::EndlessMessage => return None,
        Error::WriteTimeout | Error::Disconnected | Error::PlaintextBehindStartTls => return None,
    })
}
