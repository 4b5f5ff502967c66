//! Every fault is met by a client library, and seen on the wire.

mod support;

use std::time::Duration;

use lettre::transport::smtp::authentication::{Credentials, Mechanism};
use lettre::transport::smtp::client::{SmtpConnection, Tls};
use lettre::transport::smtp::extension::ClientId;
use lettre::{SmtpTransport, Transport};
use mail_sandbox::blocking::Sandbox;
use mail_sandbox::fault::{Fault, Preset};
use mail_sandbox::{Clock, Endpoint};
use support::{SOON, Typist, mail, start, transport, trusting};

fn fault(text: &str) -> Fault {
    text.parse().expect(text)
}

/// A sandbox with one fault, in which nobody waits.
fn with(text: &str) -> Sandbox {
    let builder = mail_sandbox::Sandbox::builder();
    start(builder.clock(Clock::skipping()).fault(fault(text)))
}

/// All that was said, and what happened.
fn shown(sandbox: &Sandbox) -> String {
    let all = sandbox.conversations();
    all.iter().map(ToString::to_string).collect()
}

/// How lettre fares: whether it is content or what it complains of, and what its connection shows.
#[test]
fn a_client_library_meets_them() {
    for (text, is_secured, outcome, wire) in [
        // What is answered.
        (
            "greeting -> reply 421 4.3.2 Busy",
            false,
            "421",
            "S: 421 4.3.2 Busy\n",
        ),
        (
            "greeting -> refuse",
            false,
            "554",
            "S: 554 5.3.2 No service here\n",
        ),
        ("command EHLO -> reply 250 odd", false, "", "S: 250 odd\n"),
        (
            "command EHLO -> reply 500 What?\\nNow",
            false,
            "",
            "S: 500 What?\n    0.000 S: Now\n",
        ),
        (
            "command MAIL -> refuse",
            false,
            "550",
            "S: 550 5.7.1 Refused\n",
        ),
        (
            "command MAIL -> disk-full",
            false,
            "452",
            "S: 452 4.3.1 Insufficient",
        ),
        (
            "command DATA -> reply 451 4.3.0 Later",
            false,
            "451",
            "C: DATA\n    0.000 *  fault",
        ),
        (
            "end -> disk-full",
            false,
            "452",
            "C: .\n    0.000 *  fault at end: disk-full",
        ),
        (
            "end -> reply 554 5.6.0 No",
            false,
            "554",
            "S: 554 5.6.0 No\n",
        ),
        (
            "body after 20 -> reply 421 4.3.0 Gone",
            false,
            "",
            "S: 421 4.3.0 Gone\n",
        ),
        ("body -> disk-full", false, "", "S: 452 4.3.1 Insufficient"),
        (
            "mechanism PLAIN -> refuse",
            false,
            "535",
            "S: 535 5.7.8 Authentication refused\n",
        ),
        ("mechanism LOGIN -> refuse", false, "ok", "S: 235 "),
        // To whom, and which.
        (
            "command RCPT for bob@* -> reply 450 4.2.0 No",
            false,
            "450",
            "S: 450 4.2.0 No\n",
        ),
        (
            "command RCPT for carol@* -> refuse",
            false,
            "ok",
            "S: 250 2.1.5 Ok\n",
        ),
        (
            "command RCPT containing EXAMPLE.org -> refuse",
            false,
            "550",
            "S: 550 5.7.1 Refused\n",
        ),
        (
            "command RCPT containing nobody@ -> refuse",
            false,
            "ok",
            "S: 250 2.1.5 Ok\n",
        ),
        (
            "smtp: command RCPT -> refuse",
            false,
            "550",
            "S: 550 5.7.1 Refused\n",
        ),
        (
            "lmtp: command RCPT -> refuse",
            false,
            "ok",
            "S: 250 2.1.5 Ok\n",
        ),
        // How often.
        ("command * nth 3 -> refuse", false, "550", "C: MAIL"),
        (
            "command * first 2 -> reply 250 Ok",
            false,
            "",
            "S: 250 Ok\n",
        ),
        ("command * from 4 -> refuse", false, "550", "C: RCPT"),
        (
            "command * every 4 per connection -> refuse",
            false,
            "550",
            "C: RCPT",
        ),
        (
            "command * chance 1 seed 7 -> delay 1s",
            false,
            "ok",
            "1.000 S: 250-",
        ),
        (
            "command * chance 0 seed 7 -> drop",
            false,
            "ok",
            "0.000 S: 250-",
        ),
        ("command * over 3 in 1m -> refuse", false, "550", "C: RCPT"),
        (
            "command RCPT for-the-first 1m per address -> refuse",
            false,
            "550",
            "C: RCPT",
        ),
        // When.
        ("command * -> delay 1h", false, "ok", "3600.000 S: 250-"),
        (
            "command EHLO after 5 -> delay 1m",
            false,
            "ok",
            "S: 250-s\\\n   60.000 S: andbox.test\n",
        ),
        ("command MAIL -> slowly 1m", false, "ok", "840.000 C: RCPT"),
        // That it breaks off.
        (
            "greeting -> drop",
            false,
            "incomplete",
            "closed by a fault\n",
        ),
        ("command RCPT -> drop", false, "incomplete", "C: RCPT"),
        ("command RCPT -> reset", false, "eset", "reset by a fault\n"),
        (
            "command EHLO after 7 -> truncate; drop",
            false,
            "",
            "S: 250-san\\\n    0.000 *  closed",
        ),
        (
            "end -> truncate; drop",
            false,
            "incomplete",
            "closed by a fault\n",
        ),
        ("body after 20 -> drop", false, "", "closed by a fault\n"),
        (
            "body after 20 -> reset",
            false,
            "eset",
            "reset by a fault\n",
        ),
        ("end -> reset", false, "eset", "reset by a fault\n"),
        // That it is not what it should be.
        (
            "command MAIL -> garble",
            false,
            "",
            "S: \\xb2\\xb5\\xb0\\xa0",
        ),
        (
            "command MAIL -> insert 250 2.0.0 Unasked",
            false,
            "ok",
            "S: 250 2.0.0 Unasked\n",
        ),
        // What can be done.
        (
            "capabilities -> without AUTH",
            false,
            "No compatible",
            "S: 250-STARTTLS\n    0.000 S: 250-VRFY\n",
        ),
        (
            "capabilities -> without AUTH PLAIN",
            false,
            "ok",
            "S: 250-AUTH LOGIN\n",
        ),
        (
            "capabilities -> with X-UNHEARD",
            false,
            "ok",
            "S: 250 X-UNHEARD\n",
        ),
        (
            "capabilities -> without STARTTLS",
            true,
            "STARTTLS",
            "S: 250-SIZE 67108864\n    0.000 S: 250-AUTH",
        ),
        // TLS.
        ("tls -> drop", true, "", "closed by a fault\n"),
        ("tls -> reset", true, "eset", "reset by a fault\n"),
        ("tls -> garble", true, "", "S: \\{64*\\x80}\\\n"),
        ("tls -> reply 220 What?", true, "", "S: 220 What?\n"),
        ("tls -> delay 1m", true, "ok", "60.000 *  TLS handshake"),
        (
            "tls -> certificate expired",
            true,
            "xpired",
            "fault at tls: certificate expired",
        ),
        (
            "tls -> certificate other-name",
            true,
            "NotValidForName",
            "fault at tls: certificate other-name",
        ),
        (
            "tls -> certificate unknown-authority",
            true,
            "UnknownIssuer",
            "certificate unknown",
        ),
    ] {
        let sandbox = with(text);
        let tls = match is_secured {
            false => Tls::None,
            true => Tls::Required(trusting(&sandbox)),
        };
        let sent = transport(&sandbox, Endpoint::Smtp, tls).send(&mail("bob@example.org"));
        let told = match sent {
            Ok(_) => "ok".to_owned(),
            Err(error) => format!("{error} {error:?}"),
        };
        match outcome {
            "ok" => assert_eq!(told, "ok", "{text}"),
            _ => assert!(told != "ok" && told.contains(outcome), "{text}: {told}"),
        }
        let seen = shown(&sandbox);
        assert!(seen.contains(wire), "{text}\n{seen}\n{told}");
        let happened = sandbox.faults()[0].1;
        assert_eq!(happened > 0, seen.contains("fault at "), "{text}\n{seen}");
        assert!(happened > 0 || outcome == "ok", "{text}\n{seen}");
    }
}

/// What a client waits for in vain.
#[test]
fn a_client_library_waits_for_what_does_not_come() {
    for (text, wire) in [
        (
            "greeting -> stop-reading",
            "fault at greeting: stop-reading",
        ),
        ("tls -> stop-reading", "fault at tls: stop-reading"),
        ("command MAIL -> stop-reading", "C: MAIL"),
        (
            "command EHLO -> truncate",
            "fault at command EHLO: truncate",
        ),
        ("command EHLO -> bare-lf", "S: 250-sandbox.test\\n\\\n"),
        ("command MAIL -> later", "fault at command MAIL: later"),
        (
            "body after 20 -> stop-reading",
            "fault at body: stop-reading",
        ),
    ] {
        let sandbox = with(text);
        let tls = match text.starts_with("tls") {
            true => Tls::Required(trusting(&sandbox)),
            false => Tls::None,
        };
        let impatient = SmtpTransport::builder_dangerous("127.0.0.1")
            .port(sandbox.address(Endpoint::Smtp).port())
            .tls(tls)
            .timeout(Some(Duration::from_millis(200)))
            .build();
        let sent = impatient.send(&mail("bob@example.org"));
        assert!(sent.is_err(), "{text}");
        let seen = shown(&sandbox);
        assert!(seen.contains(wire), "{text}\n{seen}");
        sandbox.clear_faults();
        let sent = impatient.send(&mail("bob@example.org"));
        sent.unwrap_or_else(|error| panic!("{text}, and then: {error}"));
    }
}

/// Authentication by challenges, which the library meets with LOGIN.
#[test]
fn a_client_library_meets_them_at_its_responses() {
    for (text, wire) in [
        (
            "response -> refuse",
            "C: ***\n    0.000 *  fault at response",
        ),
        (
            "response nth 2 -> reply 454 4.7.0 Later",
            "S: 454 4.7.0 Later\n",
        ),
        ("response -> drop", "closed by a fault\n"),
        ("mechanism LOGIN -> garble", "S: \\xb3\\xb3\\xb4\\xa0"),
    ] {
        let sandbox = with(text);
        let by_login = SmtpTransport::builder_dangerous("127.0.0.1")
            .port(sandbox.address(Endpoint::Submission).port())
            .credentials(Credentials::new("alice".into(), "rabbit".into()))
            .authentication(vec![Mechanism::Login])
            .timeout(Some(SOON))
            .build();
        let sent = by_login.send(&mail("bob@example.org"));
        assert!(sent.is_err(), "{text}");
        let seen = shown(&sandbox);
        assert!(seen.contains(wire), "{text}\n{seen}");
        sandbox.clear_faults();
        assert!(by_login.send(&mail("bob@example.org")).is_ok(), "{text}");
    }
}

/// What POP3 answers to the last of some commands, and what else the connection shows.
#[test]
fn pop3_misbehaves_too() {
    let login = &["USER bob@x.test", "PASS secret"][..];
    let fetch = &["USER bob@x.test", "PASS secret", "RETR 1"][..];
    for (text, commands, answer, wire) in [
        ("greeting -> refuse", &[][..], "-ERR Refused", ""),
        (
            "greeting -> reply -ERR [SYS/TEMP] Busy",
            &[],
            "-ERR [SYS/TEMP] Busy",
            "",
        ),
        ("greeting -> drop", &[], "", "closed by a fault"),
        ("command USER -> refuse", &login[..1], "-ERR Refused", ""),
        (
            "command USER for bob@* -> refuse",
            &login[..1],
            "-ERR Refused",
            "",
        ),
        ("command USER for carol -> refuse", &login[..1], "+OK", ""),
        (
            "command PASS -> reply -ERR [IN-USE] Locked",
            login,
            "-ERR [IN-USE] Locked",
            "",
        ),
        (
            "command PASS -> disk-full",
            login,
            "-ERR [SYS/TEMP] No space",
            "",
        ),
        ("command PASS -> delay 5m", login, "+OK", "  300.000 S: +OK"),
        ("command RETR -> refuse", fetch, "-ERR Refused", ""),
        ("command RETR nth 2 -> refuse", fetch, "+OK", ""),
        (
            "command RETR after 8 -> drop",
            fetch,
            "+OK",
            "S: +OK 22 o\\\n",
        ),
        (
            "command RETR -> truncate; reset",
            fetch,
            "",
            "reset by a fault",
        ),
        ("command RETR -> slowly 1s", fetch, "+OK", "C: RETR 1"),
        (
            "command RETR -> garble",
            fetch,
            "\u{fffd}",
            "S: \\xab\\xcf\\xcb",
        ),
        (
            "command RETR -> bare-lf",
            fetch,
            "+OK",
            "S: Subject: x\\n\\\n",
        ),
        (
            "command RETR -> insert +OK surprise",
            fetch,
            "+OK surprise",
            "",
        ),
        (
            "command RETR -> reply +OK\\nnothing\\n.",
            fetch,
            "+OK",
            "S: nothing\n",
        ),
        (
            "mechanism PLAIN -> refuse",
            &["AUTH PLAIN"],
            "-ERR [AUTH] Auth",
            "",
        ),
        (
            "response -> refuse",
            &["AUTH PLAIN", "AGJvYgB4"],
            "-ERR [AUTH] Auth",
            "",
        ),
        (
            "response -> drop",
            &["AUTH PLAIN", "AGJvYgB4"],
            "",
            "closed by a fault",
        ),
        (
            "pop3: command STAT -> drop",
            &["STAT"],
            "",
            "closed by a fault",
        ),
        ("pop3s: command STAT -> drop", &["STAT"], "-ERR", ""),
        (
            "command * over 2 in 1m -> refuse",
            fetch,
            "-ERR Refused",
            "",
        ),
    ] {
        let sandbox = with(text);
        sandbox.deliver(["bob@x.test"], "Subject: x\r\n\r\nA body\r\n");
        let mut client = Typist::connect(&sandbox, Endpoint::Pop3);
        let mut heard = client.hear_or_end();
        for command in commands {
            heard = client.ask_or_end(command);
        }
        let is_expected = match answer {
            "" => heard.is_empty(),
            answer => heard.starts_with(answer),
        };
        let seen = shown(&sandbox);
        assert!(is_expected, "{text}: {heard}\n{seen}");
        assert!(seen.contains(wire), "{text}\n{seen}");
    }
    for (text, is_there, is_not) in [
        ("capabilities -> without UIDL", "TOP", "UIDL"),
        (
            "capabilities -> without SASL PLAIN",
            "SASL LOGIN",
            "SASL PLAIN",
        ),
        (
            "capabilities -> with X-UNHEARD OF",
            "X-UNHEARD OF",
            "nothing",
        ),
    ] {
        let sandbox = with(text);
        let mut client = Typist::connect(&sandbox, Endpoint::Pop3);
        client.hear();
        client.say("CAPA");
        let mut all = Vec::new();
        while all.last().is_none_or(|line| line != ".") {
            all.push(client.hear());
        }
        let has = |start: &str| all.iter().any(|line| line.starts_with(start));
        assert!(has(is_there) && !has(is_not), "{text}: {all:?}");
    }
}

/// Servers as there are many.
#[test]
fn a_client_library_meets_presets() {
    let minute = Duration::from_secs(60);
    let with = |preset: Preset| {
        let builder = mail_sandbox::Sandbox::builder();
        start(builder.clock(Clock::manual()).faults(preset.faults()))
    };
    let send = |sandbox: &Sandbox| {
        let sent = transport(sandbox, Endpoint::Smtp, Tls::None).send(&mail("bob@example.org"));
        sent.map(|_| ())
            .map_err(|error| format!("{error} {error:?}"))
    };
    let refused = |sandbox: &Sandbox, code: &str| {
        let error = send(sandbox).expect_err("refused");
        assert!(error.contains(code), "{error}");
        assert!(
            shown(sandbox).contains(&format!("S: {code} ")),
            "{}",
            shown(sandbox)
        );
    };

    let sandbox = with(Preset::Greylisting(5 * minute));
    refused(&sandbox, "450");
    refused(&sandbox, "450");
    sandbox.clock().advance(5 * minute);
    send(&sandbox).expect("taken");
    assert_eq!(sandbox.messages().len(), 1);

    let sandbox = with(Preset::MessagesPerConnection(2));
    let address = sandbox.address(Endpoint::Smtp);
    for _ in 0..2 {
        let me = ClientId::Domain("client.test".into());
        let connection = SmtpConnection::connect(address, Some(SOON), &me, None, None);
        let mut connection = connection.expect("a connection");
        let letter = mail("bob@example.org");
        let mut send = || connection.send(letter.envelope(), &letter.formatted());
        send().expect("the first");
        send().expect("the second");
        let error = send().expect_err("one too many").to_string();
        assert!(error.contains("421") || error.contains("4.7.0"), "{error}");
    }
    assert_eq!(sandbox.messages().len(), 4);

    let sandbox = with(Preset::RateLimit(2, minute));
    send(&sandbox).expect("the first");
    send(&sandbox).expect("the second");
    refused(&sandbox, "451");
    sandbox.clock().advance(2 * minute);
    send(&sandbox).expect("another minute");

    let builder = mail_sandbox::Sandbox::builder().clock(Clock::skipping());
    let sandbox = start(builder.faults(Preset::Tarpit(minute).faults()));
    let before = sandbox.clock().now();
    send(&sandbox).expect("taken");
    assert!(
        sandbox.clock().now() - before >= 5 * minute,
        "EHLO, AUTH, MAIL, RCPT, DATA"
    );

    refused(&with(Preset::DiskFull), "452");

    let sandbox = with(Preset::LostAcknowledgements);
    send(&sandbox).expect_err("nobody says that it was taken");
    assert_eq!(sandbox.messages().len(), 1);

    let sandbox = with(Preset::StrippedTls);
    let tls = Tls::Required(trusting(&sandbox));
    let sent = transport(&sandbox, Endpoint::Smtp, tls).send(&mail("bob@example.org"));
    assert!(format!("{sent:?}").contains("STARTTLS"), "{sent:?}");
    assert!(!shown(&sandbox).contains("250-STARTTLS"));
    let mut client = Typist::connect(&sandbox, Endpoint::Pop3);
    client.hear();
    assert!(client.ask("STLS").starts_with("-ERR"));
}

#[test]
fn answers_come_out_of_order() {
    let sandbox = Sandbox::start().expect("a sandbox");
    let fault = "command MAIL -> later".parse().expect("a fault");
    sandbox.inject(fault).expect("a fault");
    let mut client = Typist::connect(&sandbox, Endpoint::Smtp);
    client.hear();
    assert!(client.ask("HELO me").starts_with("250"));
    client.say("MAIL FROM:<a@x.test>\r\nRCPT TO:<b@x.test>");
    assert_eq!(
        [client.hear(), client.hear()],
        ["250 2.1.5 Ok", "250 2.1.0 Ok"]
    );
}

#[test]
fn lmtp_answers_for_each_recipient_and_so_do_faults() {
    let sandbox = Sandbox::start().expect("a sandbox");
    let fault = Fault::end().address("bob@*").reply("452 4.2.2 Full");
    let injected = sandbox.inject(fault).expect("a fault");
    let mut client = Typist::connect(&sandbox, Endpoint::Lmtp);
    assert!(client.hear().starts_with("220 "));
    client.say("LHLO me");
    while client.hear().starts_with("250-") {}
    assert_eq!(client.ask("MAIL FROM:<a@x.test>"), "250 2.1.0 Ok");
    assert_eq!(client.ask("RCPT TO:<alice@x.test>"), "250 2.1.5 Ok");
    assert_eq!(client.ask("RCPT TO:<bob@x.test>"), "250 2.1.5 Ok");
    assert!(client.ask("DATA").starts_with("354"));
    assert_eq!(client.ask("Subject: x\r\n\r\n."), "250 2.0.0 Ok: message 1");
    assert_eq!(client.hear(), "452 4.2.2 Full");
    assert_eq!(injected.happened(), 1);
    let recipients = sandbox.messages()[0].envelope().recipients.clone();
    assert_eq!(recipients.len(), 1);
    assert_eq!(recipients[0].address, "alice@x.test");
}
