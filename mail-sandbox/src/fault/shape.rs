//! IMAP servers with the habits of others.

use super::{Action, Fault};
use crate::endpoint::Endpoint;

/// Exchange and Office 365.
pub(super) fn exchange() -> Vec<Fault> {
    let bare = [
        ("(\"inline\" NIL)", "\"inline\""),
        ("(\"attachment\" NIL)", "\"attachment\""),
    ];
    on_imap([
        Fault::greeting().reply("OK The Microsoft Exchange IMAP4 service is ready."),
        announcing(
            "IMAP4rev1 AUTH STARTTLS SASL-IR UIDPLUS MOVE ID UNSELECT CHILDREN IDLE NAMESPACE \
             LITERAL+",
        ),
        shaped(Fault::command("STATUS"), &[(")\r\n", ") \r\n")]),
        shaped(Fault::command("FETCH"), &bare),
        shaped(
            Fault::command("MOVE"),
            &[("* OK [COPYUID", "[COPYUID"), ("] Moved", "]")],
        ),
        Fault::command("ID")
            .containing("NIL")
            .reply("BAD Command Argument Error. 11"),
    ])
}

/// The same when it is busy.
pub(super) fn not_connected() -> Vec<Fault> {
    let commands = ["SELECT", "EXAMINE", "LIST", "STATUS", "APPEND"];
    on_imap(commands.map(|command| {
        Fault::command(command).reply("BAD User is authenticated but not connected.")
    }))
}

/// Gmail.
pub(super) fn gmail() -> Vec<Fault> {
    let success = (" completed\r\n", " completed (Success)\r\n");
    let without_text = ("] Highest\r\n", "]\r\n");
    on_imap([
        Fault::greeting().reply("OK Gimap ready for requests from 127.0.0.1"),
        announcing(
            "IMAP4rev1 AUTH STARTTLS SASL-IR UNSELECT IDLE NAMESPACE ID CHILDREN UIDPLUS ENABLE \
             MOVE CONDSTORE ESEARCH LIST-EXTENDED LIST-STATUS SPECIAL-USE APPENDLIMIT",
        ),
        shaped(Fault::command("*"), &[success, without_text]),
        shaped(Fault::end(), &[success]),
        shaped(
            Fault::command("LOGOUT"),
            &[("BYE Logging out", "BYE LOGOUT Requested")],
        ),
    ])
}

/// Yandex.
pub(super) fn yandex() -> Vec<Fault> {
    // The & is within the encoded run, where no printable character may be (RFC 3501 section 5.1.3).
    let name = ("&BBAEMQQy-&-&BDMENAQ1-", "&BBAEMQQyACYEMwQ0BDU-");
    on_imap([
        Fault::greeting().reply("OK Yandex IMAP4rev1 at imap.test ready to talk"),
        announcing(
            "IMAP4rev1 AUTH STARTTLS SASL-IR CHILDREN UNSELECT NAMESPACE IDLE UIDPLUS LITERAL+ \
             ID MOVE ENABLE",
        ),
        shaped(
            Fault::command("FETCH"),
            &[("] \"\"", "] "), ("] {0}\r\n", "] ")],
        ),
        shaped(Fault::command("LIST"), &[name]),
    ])
}

/// The same at both of its endpoints.
fn on_imap<const N: usize>(faults: [Fault; N]) -> Vec<Fault> {
    let both = [Endpoint::Imap, Endpoint::Imaps];
    let both = both
        .iter()
        .flat_map(|endpoint| faults.iter().map(|fault| fault.clone().on(*endpoint)));
    both.collect()
}

/// Announces no more than these.
fn announcing(capabilities: &str) -> Fault {
    Fault::capabilities().act(Action::Only(capabilities.into()))
}

/// Other texts in place of some.
fn shaped(fault: Fault, texts: &[(&str, &str)]) -> Fault {
    texts.iter().fold(fault, |fault, (from, to)| {
        fault.act(Action::Replace((*from).into(), (*to).into()))
    })
}
