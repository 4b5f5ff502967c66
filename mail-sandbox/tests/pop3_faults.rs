//! Every fault of POP3 is met by our own client, and seen on the wire; in `interop/`, poplib meets them too.

use std::time::Duration;

use mail_sandbox::fault::Fault;
use mail_sandbox::{Clock, Endpoint, Sandbox};
use mail_server::Security;
use mail_server::pop3::{Client, ClientError};
use tokio::task::JoinSet;
use tokio::time::timeout;

const MAIL: &str = "Subject: x\r\n\r\nA body\r\n";

/// Does with our own client what mail readers do: what it was told, or what it complains of.
async fn visit(sandbox: &Sandbox) -> Result<String, ClientError> {
    let port = sandbox.address(Endpoint::Pop3).port();
    let mut client = Client::connect("127.0.0.1", port, Security::None).await?;
    client.login("bob@x.test", "secret").await?;
    let mut told = format!("{:?}\n{:?}\n", client.capabilities(), client.stat().await?);
    let mut messages = client.retrieve([1]);
    while let Some(mut message) = messages.next().await? {
        while let Some(piece) = message.next().await? {
            told.push_str(&String::from_utf8_lossy(&piece));
        }
    }
    client.quit().await?;
    Ok(told)
}

/// How it fares: what it says of it, and what its connection shows.
#[tokio::test]
async fn our_client_meets_them() {
    let mut visits = JoinSet::new();
    for (text, outcome, wire) in [
        ("greeting -> refuse", "", "S: -ERR Refused\n"),
        (
            "greeting -> reply -ERR [SYS/TEMP] Busy",
            "",
            "S: -ERR [SYS/TEMP] Busy\n",
        ),
        ("greeting -> drop", "", "closed by a fault\n"),
        ("greeting -> reset", "", "reset by a fault\n"),
        (
            "greeting -> stop-reading",
            "waits",
            "fault at greeting: stop-reading\n",
        ),
        ("capabilities -> without UIDL", "ok", "S: TOP\n"),
        ("capabilities -> with X-UNHEARD", "ok", "S: X-UNHEARD\n"),
        (
            "capabilities -> only USER STLS",
            "ok",
            "S: STLS\n    0.000 S: USER\n    0.000 S: .\n",
        ),
        (
            "mechanism PLAIN -> refuse",
            "Refused",
            "S: -ERR [AUTH] Authentication refused\n",
        ),
        ("mechanism LOGIN -> refuse", "ok", "C: AUTH PLAIN ***\n"),
        (
            "command AUTH -> reply -ERR [IN-USE] Locked",
            "Locked",
            "S: -ERR [IN-USE] Locked\n",
        ),
        (
            "command AUTH -> disk-full",
            "No space",
            "S: -ERR [SYS/TEMP] No space",
        ),
        ("command AUTH -> delay 1h", "ok", " 3600.000 S: +OK"),
        ("capabilities -> without SASL", "ok", "C: PASS ***\n"),
        (
            "command AUTH -> lose-end",
            "waits",
            "fault at command AUTH: lose-end\n",
        ),
        ("command STAT -> drop", "", "closed by a fault\n"),
        ("command STAT -> reset", "", "reset by a fault\n"),
        ("command STAT -> garble", "", "S: \\xab\\xcf\\xcb"),
        ("command STAT -> insert +OK 7 7", "7", "S: +OK 7 7\n"),
        (
            "command STAT -> replace +OK 1 => +OK x",
            "",
            "S: +OK x 22\n",
        ),
        ("command STAT -> slowly 1m", "ok", "S: +OK 1 22\n"),
        ("command STAT nth 2 -> refuse", "ok", "S: +OK 1 22\n"),
        ("command RETR -> refuse", "Refused", "S: -ERR Refused\n"),
        ("command RETR after 20 -> drop", "", "closed by a fault\n"),
        ("command RETR after 20 -> reset", "", "reset by a fault\n"),
        (
            "command RETR after 20 -> truncate",
            "waits",
            "fault at command RETR: truncate\n",
        ),
        (
            "command RETR after 20 -> delay 1h",
            "ok",
            "\\\n 3600.000 S: ",
        ),
        ("command RETR -> lose-end", "waits", "S: A body\n"),
        ("command RETR -> end-first", "", "S: .\n    0.000 S: +OK"),
        (
            "command RETR -> later",
            "waits",
            "fault at command RETR: later\n",
        ),
        ("command RETR -> bare-lf", "waits", "S: Subject: x\\n\\\n"),
        (
            "command RETR -> stop-reading",
            "waits",
            "fault at command RETR: stop-reading\n",
        ),
        ("command QUIT -> refuse", "Refused", "S: -ERR Refused\n"),
        ("pop3s: command RETR -> refuse", "ok", "S: A body\n"),
        (
            "command * over 3 in 1m -> refuse",
            "Refused",
            "S: -ERR Refused\n",
        ),
        (
            "command * chance 1 seed 7 -> delay 1m",
            "ok",
            "   60.000 S: +OK",
        ),
    ] {
        visits.spawn(async move {
            let fault: Fault = text.parse().expect(text);
            let builder = Sandbox::builder().clock(Clock::skipping()).fault(fault);
            let sandbox = builder.start().await.expect("a sandbox");
            sandbox.deliver(["bob@x.test"], MAIL);
            let told = timeout(Duration::from_secs(2), visit(&sandbox)).await;
            let seen = sandbox.conversations()[0].to_string();
            let is_expected = match (&told, outcome) {
                (Ok(Ok(_)), "ok") | (Err(_), "waits") => true,
                (Ok(Ok(told)), part) => !part.is_empty() && told.contains(part),
                (Ok(Err(error)), part) => format!("{error} {error:?}").contains(part),
                (Err(_), _) => false,
            };
            assert!(is_expected, "{text}: {told:?}\n{seen}");
            assert!(seen.contains(wire), "{text}: {told:?}\n{seen}");
            if text.ends_with("stop-reading") {
                // Whoever is never heard again keeps the mailbox.
                return;
            }
            sandbox.clear_faults();
            let again = visit(&sandbox).await.expect(text);
            assert!(again.contains("A body"), "{text}: {again}");
        });
    }
    visits.join_all().await;
}
