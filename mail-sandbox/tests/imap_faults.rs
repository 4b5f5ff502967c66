//! Every fault of IMAP is met by a client library, and seen on the wire.

mod support;

use std::time::Duration;

use futures_util::TryStreamExt;
use mail_sandbox::fault::{Fault, Preset};
use mail_sandbox::{Clock, Endpoint, Sandbox};
use support::Typist;
use support::imap::{connect, handshake, login, secured, stream};
use tokio::task::JoinSet;
use tokio::time::timeout;

const MAIL: &str = "From: a@example.net\r\nSubject: x\r\n\r\nA body\r\n";

/// A sandbox with one fault, in which nobody waits.
async fn with(text: &str) -> Sandbox {
    let fault: Fault = text.parse().expect(text);
    let builder = Sandbox::builder().clock(Clock::skipping()).fault(fault);
    let sandbox = builder.start().await.expect("a sandbox");
    sandbox.deliver(["bob@x.test"], MAIL);
    sandbox
}

/// All that was said, and what happened.
fn shown(sandbox: &Sandbox) -> String {
    let all = sandbox.conversations();
    all.iter().map(ToString::to_string).collect()
}

/// PLAIN, whose response is asked for.
struct Plain;

impl async_imap::Authenticator for Plain {
    type Response = &'static str;

    fn process(&mut self, _challenge: &[u8]) -> &'static str {
        "\0bob@x.test\0secret"
    }
}

/// Does with async-imap what mail readers do. What it complains of, or what it was told.
async fn visit(sandbox: &Sandbox, authenticates: bool) -> Result<String, String> {
    let wrong = |error: async_imap::error::Error| format!("{error} {error:?}");
    let stream = stream(sandbox, Endpoint::Imap).await;
    let mut client = async_imap::Client::new(stream.map_err(|error| error.to_string())?);
    let greeting = client.read_response().await;
    let greeting = greeting.map_err(|error| error.to_string())?;
    let greeting = format!("{:?}", greeting.ok_or("no greeting")?.parsed());
    if !greeting.contains("Ok") {
        return Err(greeting);
    }
    let session = match authenticates {
        true => client.authenticate("PLAIN", Plain).await,
        false => client.login("bob@x.test", "secret").await,
    };
    let mut session = session.map_err(|(error, _)| wrong(error))?;
    let capabilities = session.capabilities().await.map_err(wrong)?;
    let mut told: Vec<_> = capabilities.iter().map(|one| format!("{one:?}")).collect();
    told.sort();
    let inbox = session.select("INBOX").await.map_err(wrong)?;
    told.push(format!("{} in INBOX", inbox.exists));
    let fetched = session.fetch("1:*", "(UID BODY.PEEK[])").await;
    let fetched: Vec<_> = fetched.map_err(wrong)?.try_collect().await.map_err(wrong)?;
    let bodies = fetched.iter().filter_map(|one| one.body());
    told.extend(bodies.map(|body| String::from_utf8_lossy(body).into_owned()));
    let appended = session.append("INBOX", None, None, MAIL).await;
    appended.map_err(wrong)?;
    let found = session.search("ALL").await.map_err(wrong)?;
    told.push(format!("{} found", found.len()));
    session.logout().await.map_err(wrong)?;
    Ok(told.join("\n"))
}

/// How it fares: what it says of it, and what its connection shows.
#[tokio::test]
async fn a_client_library_meets_them() {
    for (text, outcome, wire) in [
        // What is answered.
        (
            "greeting -> refuse",
            "Bye",
            "S: * BYE [UNAVAILABLE] No service here\n",
        ),
        (
            "greeting -> reply BYE Overloaded",
            "Bye",
            "S: * BYE Overloaded\n",
        ),
        ("greeting -> reply OK Odd", "ok", "S: * OK Odd\n"),
        (
            "command LOGIN -> refuse",
            "no response",
            " NO [NOPERM] Refused\n",
        ),
        (
            "command LOGIN for bob@* -> reply NO [UNAVAILABLE] Later",
            "no response",
            " NO [UNAVAILABLE] Later\n",
        ),
        (
            "command SELECT -> reply BAD User is authenticated but not connected",
            "bad response",
            " BAD User is auth",
        ),
        (
            "command SELECT -> reply * 23 EXISTS\\nOK Done",
            "23 in INBOX",
            "S: * 23 EXISTS\n",
        ),
        (
            "command FETCH -> reply * BYE Enough",
            "",
            "S: * BYE Enough\n",
        ),
        (
            "command APPEND -> disk-full",
            "append",
            " NO [OVERQUOTA] No space left\n",
        ),
        (
            "end -> disk-full",
            "no response",
            " NO [OVERQUOTA] No space left\n",
        ),
        (
            "end -> reply NO [LIMIT] Enough",
            "no response",
            " NO [LIMIT] Enough\n",
        ),
        (
            "body after 10 -> reply BYE Gone",
            "lost",
            "C: From: a@ex\\\n    0.000 S: * BYE Gone\n",
        ),
        // To whom, and which.
        ("command LOGIN for carol -> refuse", "ok", " OK "),
        ("command * nth 3 -> refuse", "no response", "SELECT"),
        (
            "command FETCH containing BODY -> refuse",
            "1 in INBOX\n2 found",
            " NO [NOPERM] Refused\n",
        ),
        (
            "imaps: command FETCH -> refuse",
            "ok",
            " OK FETCH completed\n",
        ),
        (
            "command * chance 1 seed 7 -> delay 1m",
            "ok",
            "  60.000 S: ",
        ),
        (
            "command * over 3 in 1m per connection -> refuse",
            "append",
            " NO [NOPERM] Refused\n",
        ),
        // When.
        (
            "command FETCH after 12 -> delay 1h",
            "ok",
            "S: * 1 FETCH (U\\\n 3600.000 S: ID 1 ",
        ),
        ("command SEARCH -> slowly 1m", "ok", "S: * SEARCH 1 2\n"),
        (
            "body after 10 -> delay 1h",
            "ok",
            "C: From: a@ex\\\n 3600.000",
        ),
        // That it breaks off.
        ("greeting -> drop", "no greeting", "closed by a fault\n"),
        ("greeting -> reset", "eset", "reset by a fault\n"),
        ("command SELECT -> drop", "append", "closed by a fault\n"),
        ("command FETCH after 80 -> drop", "", "closed by a fault\n"),
        (
            "command FETCH after 80 -> reset",
            "eset",
            "reset by a fault\n",
        ),
        (
            "command FETCH after 80 -> truncate; drop",
            "",
            "closed by a fault\n",
        ),
        (
            "body after 10 -> drop",
            "lost",
            "C: From: a@ex\\\n    0.000 *  closed by a fault\n",
        ),
        ("end -> truncate; drop", "lost", "closed by a fault\n"),
        // That it is not what it should be.
        ("command SELECT -> garble", "", "S: \\xaa\\xa0"),
        (
            "command SELECT -> bare-lf",
            "",
            "S: * FLAGS (\\\\Answered \\\\Flagged \\\\Deleted \\\\Seen \\\\Draft)\\n\\\n",
        ),
        (
            "command FETCH -> insert * 99 EXISTS",
            "ok",
            "S: * 99 EXISTS\n",
        ),
        (
            "command FETCH -> insert * 1 WHATEVER (NIL)",
            "",
            "S: * 1 WHATEVER (NIL)\n",
        ),
        (
            "command FETCH -> reply X9 OK To another\\n* 1 FETCH (UID 1)\\nOK Done",
            "ok",
            "S: X9 OK To another\n",
        ),
        (
            "command SEARCH -> end-first",
            "0 found",
            " OK SEARCH completed\n    0.000 S: * SEARCH 1 2\n",
        ),
        (
            "command FETCH -> replace BODY[] {43} => BODY[] {42}",
            "",
            "BODY[] {42}",
        ),
        (
            "command FETCH -> replace BODY[] => BODY[1",
            "1 in INBOX\n2 found",
            "BODY[1 {43}",
        ),
        // What can be done.
        ("capabilities -> without IDLE", "ok", "without IDLE"),
        ("capabilities -> with XLIST", "XLIST", " XLIST]"),
        (
            "capabilities -> only IMAP4rev1 UIDPLUS",
            "ok",
            "S: * CAPABILITY IMAP4rev1 UIDPLUS\n",
        ),
    ] {
        let sandbox = with(text).await;
        let told = timeout(Duration::from_secs(10), visit(&sandbox, false)).await;
        check(&sandbox, text, outcome, wire, told.expect(text));
        // What is refused at its end has not come, though it was sent whole.
        let is_refused = text.starts_with("end") && wire.contains(" NO ");
        let inbox = sandbox.mailbox("bob@x.test").messages("INBOX");
        let count = inbox.expect("an INBOX").len();
        assert_eq!(count, sandbox.messages().len(), "{text}");
        assert!(!is_refused || count == 1, "{text}: {count} messages");
    }
    for (text, outcome, wire) in [
        (
            "mechanism PLAIN -> refuse",
            "no response",
            " NO [AUTHENTICATIONFAILED] Auth",
        ),
        ("mechanism LOGIN -> refuse", "ok", " OK "),
        (
            "response -> refuse",
            "no response",
            "C: ***\n    0.000 *  fault at response",
        ),
        ("response -> reply + \\nNO Later", "", "S: + \n"),
        ("response -> drop", "lost", "closed by a fault\n"),
        (
            "capabilities -> without AUTH=PLAIN",
            "ok",
            " STARTTLS AUTH=LOGIN] ",
        ),
    ] {
        let sandbox = with(text).await;
        let told = timeout(Duration::from_secs(10), visit(&sandbox, true)).await;
        check(&sandbox, text, outcome, wire, told.expect(text));
    }
}

fn check(sandbox: &Sandbox, text: &str, outcome: &str, wire: &str, told: Result<String, String>) {
    let seen = shown(sandbox);
    let is_expected = match (&told, outcome) {
        (Ok(_), "ok") => true,
        (Ok(told), other) => !other.is_empty() && told.contains(other),
        (Err(error), other) => other != "ok" && error.contains(other),
    };
    assert!(is_expected, "{text}: {told:?}\n{seen}");
    assert!(seen.contains(wire), "{text}\n{seen}\n{told:?}");
    let happened = sandbox.faults()[0].1;
    assert_eq!(happened > 0, seen.contains("fault at "), "{text}\n{seen}");
    assert!(happened > 0 || told.is_ok(), "{text}\n{seen}");
}

/// What it waits for in vain.
#[tokio::test]
async fn a_client_library_waits_for_what_does_not_come() {
    // At the same time, as each takes as long as the library waits.
    let mut waiting = JoinSet::new();
    for (text, wire) in [
        (
            "greeting -> stop-reading",
            "fault at greeting: stop-reading",
        ),
        ("command LOGIN -> lose-end", "LOGIN \"bob@x.test\" ***\n"),
        ("command SELECT -> lose-end", "[HIGHESTMODSEQ 2] Highest\n"),
        (
            "command SELECT -> truncate",
            "fault at command SELECT: truncate",
        ),
        ("command SELECT -> later", "fault at command SELECT: later"),
        (
            "command FETCH after 80 -> truncate",
            "fault at command FETCH: truncate",
        ),
        (
            "command FETCH -> replace BODY[] {43} => BODY[] {4300}",
            "BODY[] {4300}",
        ),
        (
            "command APPEND -> truncate",
            "C: A0005 APPEND \"INBOX\" {43}\n    0.000 *  fault at",
        ),
        (
            "body after 10 -> stop-reading",
            "fault at body: stop-reading",
        ),
        ("end -> lose-end", "* 2 EXISTS\n"),
    ] {
        waiting.spawn(async move {
            let sandbox = with(text).await;
            let told = timeout(Duration::from_secs(2), visit(&sandbox, false)).await;
            assert!(told.is_err(), "{text}: {told:?}");
            let seen = shown(&sandbox);
            assert!(seen.contains(wire), "{text}\n{seen}");
            sandbox.clear_faults();
            visit(&sandbox, false).await.expect(text);
        });
    }
    waiting.join_all().await;
}

/// TLS that does not come about.
#[tokio::test]
async fn a_client_library_meets_them_in_handshakes() {
    for (text, reason, wire) in [
        ("tls -> drop", "eof", "closed by a fault\n"),
        ("tls -> reset", "eset", "reset by a fault\n"),
        ("tls -> garble", "", "S: \\{64*\\x80}\\\n"),
        (
            "tls -> certificate expired",
            "xpired",
            "fault at tls: certificate expired",
        ),
        (
            "tls -> certificate other-name",
            "NotValidForName",
            "fault at tls: certificate",
        ),
        (
            "tls -> certificate unknown-authority",
            "UnknownIssuer",
            "fault at tls: cert",
        ),
    ] {
        let sandbox = with(text).await;
        let stream = stream(&sandbox, Endpoint::Imaps).await;
        let shaken = handshake(&sandbox, stream.expect("a connection")).await;
        let error = format!("{:?}", shaken.expect_err(text));
        assert!(error.contains(reason), "{text}: {error}");
        let seen = shown(&sandbox);
        assert!(seen.contains(wire), "{text}\n{seen}");
        sandbox.clear_faults();
        let session = secured(&sandbox, Endpoint::Imaps)
            .await
            .login("bob", "x")
            .await;
        session.map_err(|(error, _)| error).expect(text);
    }
}

/// Servers as there are, in the words that they use.
#[tokio::test]
async fn a_client_library_meets_presets() {
    let with = async |preset: Preset| {
        let builder = Sandbox::builder().faults(preset.faults());
        let sandbox = builder.start().await.expect("a sandbox");
        let parts = "From: a@x.test\r\nMIME-Version: 1.0\r\n\
            Content-Type: multipart/mixed; boundary=b\r\n\r\n\
            --b\r\nContent-Disposition: inline\r\n\r\nA body\r\n\
            --b\r\nContent-Type: application/pdf\r\n\r\n\r\n--b--\r\n";
        sandbox.deliver(["bob@x.test"], parts);
        let mailbox = sandbox.mailbox("bob@x.test");
        mailbox.create("Абв&где").expect("a folder");
        sandbox
    };

    let sandbox = with(Preset::ExchangeImap).await;
    let mut session = login(&sandbox, "bob@x.test").await;
    session
        .status("INBOX", "(MESSAGES)")
        .await
        .expect("a status with a space");
    session.select("INBOX").await.expect("an INBOX");
    // It takes a refusal of ID for an answer.
    let id = session.id_nil().await;
    assert!(matches!(id, Ok(None)), "{id:?}");
    let structure = session.fetch("1", "BODYSTRUCTURE").await.expect("sent");
    let structure: Vec<_> = structure.try_collect().await.expect("parts");
    assert_eq!(structure.len(), 1);
    let mut session = login(&sandbox, "bob@x.test").await;
    session.select("INBOX").await.expect("an INBOX");
    let moved = session.uid_mv("1", "&BBAEMQQy-&-&BDMENAQ1-").await;
    moved.expect_err("a line that begins with a code");
    let seen = shown(&sandbox);
    for line in [
        "S: * OK The Microsoft Exchange IMAP4 service is ready.\n",
        "S: * STATUS INBOX (MESSAGES 1) \n",
        " NIL \"inline\" NIL NIL)",
        "S: [COPYUID 2 1 1]\n",
        " BAD Command Argument Error. 11\n",
    ] {
        assert!(seen.contains(line), "{line}\n{seen}");
    }

    let sandbox = with(Preset::ExchangeNotConnected).await;
    let mut session = login(&sandbox, "bob@x.test").await;
    let error = session.select("INBOX").await.expect_err("not connected");
    assert!(
        error
            .to_string()
            .contains("authenticated but not connected"),
        "{error}"
    );

    let sandbox = with(Preset::StrippedTls).await;
    let mut client = connect(&sandbox).await;
    let refused = client.run_command_and_check_ok("STARTTLS", None).await;
    let error = refused.expect_err("no TLS").to_string();
    assert!(error.contains("Unknown command"), "{error}");
    assert!(!shown(&sandbox).contains("ID IDLE IMAP4rev2 STARTTLS"));

    let sandbox = with(Preset::GmailImap).await;
    let told = visit(&sandbox, true).await.expect("a visit");
    assert!(told.contains("MOVE") && !told.contains("QRESYNC"), "{told}");
    let seen = shown(&sandbox);
    for line in [
        "S: * OK Gimap ready for requests from 127.0.0.1\n",
        "S: * OK [HIGHESTMODSEQ 2]\n",
        " OK [READ-WRITE] SELECT completed (Success)\n",
        " APPEND completed (Success)\n",
        "S: * BYE LOGOUT Requested\n",
    ] {
        assert!(seen.contains(line), "{line}\n{seen}");
    }

    let sandbox = with(Preset::YandexImap).await;
    let mut session = login(&sandbox, "bob@x.test").await;
    let folders = session.list(None, Some("*")).await.expect("sent");
    let folders: Vec<_> = folders.try_collect().await.expect("folders");
    let names: Vec<_> = folders.iter().map(|folder| folder.name()).collect();
    assert!(names.contains(&"&BBAEMQQyACYEMwQ0BDU-"), "{names:?}");
    session.select("INBOX").await.expect("an INBOX");
    let fetched = session.fetch("1", "BODY.PEEK[2]").await.expect("sent");
    let fetched: Result<Vec<_>, _> = fetched.try_collect().await;
    fetched.expect_err("a part that is nothing");
    let seen = shown(&sandbox);
    assert!(seen.contains("S: * 1 FETCH (BODY[2] )\n"), "{seen}");
}

/// What a client types, line by line, and what it hears last.
async fn typed(fault: &str, lines: &[(&str, &str)]) -> String {
    let sandbox = with(fault).await;
    let address = sandbox.address(Endpoint::Imap);
    let lines: Vec<_> = lines
        .iter()
        .map(|(line, answer)| ((*line).to_owned(), (*answer).to_owned()))
        .collect();
    let typing = tokio::task::spawn_blocking(move || {
        let mut client = Typist::connect_to(address);
        client.hear();
        for (line, answer) in lines {
            let heard = client.ask(&line);
            assert!(heard.starts_with(&answer), "{line}: {heard}");
        }
    });
    typing.await.expect("what is expected");
    shown(&sandbox)
}

#[tokio::test]
async fn commands_with_literals_are_refused_as_a_whole() {
    typed(
        "command LOGIN first 1 -> refuse",
        &[
            // The octets of a refused command are none of another.
            (
                "a LOGIN {8+}\r\nx NOOP\r\n {6+}\r\nsecret",
                "a NO [NOPERM] Refused",
            ),
            ("b NOOP", "b OK NOOP completed"),
        ],
    )
    .await;
    let seen = typed(
        "command LOGIN first 1 -> refuse",
        &[
            (
                "a LOGIN {10+}\r\nbob@x.test {6+}\r\nsecret",
                "a NO [NOPERM] Refused",
            ),
            (
                "b LOGIN {10+}\r\nbob@x.test {6+}\r\nsecret",
                "b OK [CAPABILITY ",
            ),
            ("c NOOP", "c OK NOOP completed"),
        ],
    )
    .await;
    assert!(!seen.contains("secret"), "{seen}");
    // What a login announces is a place also if it came in literals.
    typed(
        "capabilities -> only IMAP4rev1",
        &[
            ("a LOGIN {10+}\r\nbob@x.test {6}", "+ OK"),
            ("secret", "a OK [CAPABILITY IMAP4rev1] LOGIN completed"),
        ],
    )
    .await;
    // Those that are asked for are not sent.
    typed(
        "command APPEND first 1 -> disk-full",
        &[
            ("a LOGIN bob@x.test {6}", "+ OK"),
            ("secret", "a OK [CAPABILITY "),
            ("b APPEND INBOX {5}", "b NO [OVERQUOTA] No space left"),
            (
                "c APPEND INBOX {5+}\r\na:b\r\n",
                "c OK [APPENDUID 1 2] APPEND completed",
            ),
            ("d APPEND INBOX {5+}\r\na:b\r\n {5}", "+ OK"),
            ("a:b\r\n", "d OK [APPENDUID 1 3:4] APPEND completed"),
        ],
    )
    .await;
}

#[tokio::test]
async fn an_idle_that_is_not_let_go_is_over_all_the_same() {
    typed(
        "command DONE -> reply NO Not yet",
        &[
            ("a LOGIN bob@x.test secret", "a OK "),
            ("b IDLE", "+ idling"),
            ("DONE", "b NO Not yet"),
            ("c NOOP", "c OK NOOP completed"),
        ],
    )
    .await;
}

#[tokio::test]
async fn answers_come_out_of_order() {
    typed(
        "command NOOP first 1 -> later",
        &[
            ("a NOOP\r\nb NOOP", "b OK NOOP completed"),
            ("c NOOP", "a OK NOOP completed"),
        ],
    )
    .await;
}
