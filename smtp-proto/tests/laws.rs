//! The laws of `mailwire::Machine`, for the server.

use bytes::{Buf, Bytes};
use mailwire::auth::MechanismName;
use mailwire::testing::laws::{self, Answers};
use mailwire::testing::{Settings, Stage, Traces, beginning};
use mailwire::{Machine, Step};
use proptest::prelude::*;
use smtp_proto::client::Client;
use smtp_proto::command::{ClientName, Command, Node, Verify};
use smtp_proto::parameter::{EnvelopeId, OriginalRecipient, Parameter, Solicitation};
use smtp_proto::server::{Event, Server};
use smtp_proto::{Domain, Mailbox, Reply, Strictness};
use stage::{CONFIGURATIONS, ServerStage, Whims, client};

mod stage;

/// Pieces of what clients say, legal and not.
fn fragment() -> impl Strategy<Value = Vec<u8>> {
    let fixed = prop::sample::select(FRAGMENTS).prop_map(<[u8]>::to_vec);
    let long = (0usize..300, any::<bool>()).prop_map(|(length, ends)| {
        let mut line = vec![b'a'; length];
        line.extend(if ends { &b"\r\n"[..] } else { b"" });
        line
    });
    let noise = prop::collection::vec(any::<u8>(), 0..20);
    prop_oneof![20 => fixed, 1 => long, 1 => noise]
}

/// Commands in the order that leads somewhere, with things between them.
fn conversation() -> impl Strategy<Value = Vec<u8>> {
    let free = || prop::collection::vec(fragment(), 0..40).prop_map(|parts| parts.concat());
    let guided = (
        prop::collection::vec(fragment(), 0..3),
        prop::sample::select(&["EHLO c\r\n", "HELO c\r\n", "LHLO c\r\n", "EHLO c\n"][..]),
        prop::collection::vec(fragment(), 0..3),
        1usize..4,
        prop::collection::vec(body(), 0..12),
        free(),
    )
        .prop_map(|(before, hello, between, recipients, body, after)| {
            let mut said = before.concat();
            said.extend(hello.bytes());
            said.extend(between.concat());
            said.extend(b"MAIL FROM:<a@b.test>\r\n");
            said.extend(b"RCPT TO:<x@mx.test>\r\n".repeat(recipients));
            said.extend(b"DATA\r\n");
            said.extend(body.concat());
            said.extend(b"\r\n.\r\n");
            said.extend(after);
            said
        });
    prop_oneof![free(), guided]
}

/// Pieces of messages: all that matters to where a message ends.
fn body() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        prop::sample::select(BODY).prop_map(<[u8]>::to_vec),
        (0usize..200).prop_map(|length| vec![b'x'; length]),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(600))]

    /// Laws 1 to 5.
    #[test]
    fn one_to_five(
        said in conversation(),
        configuration in prop::sample::select(CONFIGURATIONS),
        mood in any::<u64>(),
        cuts in prop::collection::vec(any::<usize>(), 1..8),
    ) {
        let settings = Settings::from(configuration);
        laws::check(&ServerStage, &settings, || Whims(mood.into()), &said, &cuts);
    }

    /// Laws 1 to 5, for the client.
    #[test]
    fn one_to_five_of_the_client(
        said in prop::collection::vec(server_fragment(), 0..60),
        hello in prop::sample::select(HELLOS),
        configuration in prop::sample::select(client::CONFIGURATIONS),
        mood in any::<u64>(),
        cuts in prop::collection::vec(any::<usize>(), 1..8),
    ) {
        let settings = Settings::from(configuration);
        let said = [hello, &said.concat()].concat();
        let answers = || client::ClientWhims(mood.into());
        laws::check(&client::ClientStage, &settings, answers, &said, &cuts);
    }

    /// Law 6, one command at a time and with an application that refuses at will: each command
    /// has one reply, a message one for each recipient in LMTP.
    #[test]
    fn six_one_by_one(
        commands in prop::collection::vec(prop::sample::select(LEGAL), 0..40),
        lmtp in any::<bool>(),
        mood in any::<u64>(),
    ) {
        let words = if lmtp { "lmtp errors=1000000" } else { "errors=1000000" };
        let mut server = ServerStage.machine(&Settings::from(words)).expect("settings");
        let mut whims = Whims(mood.into());
        let mut recipients = 0;
        prop_assert_eq!(converse(&mut server, b"", &mut whims), ["220"]);
        for command in commands {
            let command = match command {
                "EHLO c" if lmtp => "LHLO c",
                command => command,
            };
            let replies = converse(&mut server, format!("{command}\r\n").as_bytes(), &mut whims);
            prop_assert_eq!(replies.len(), 1, "{} was answered {:?}", command, replies);
            match (command, &replies[0][..]) {
                (_, "421") => break,
                ("RCPT TO:<x@mx.test>", "250") => recipients += 1,
                ("RSET" | "EHLO c" | "LHLO c", "250") => recipients = 0,
                ("DATA", "354") => {
                    let replies = converse(&mut server, b"text\r\n.\r\n", &mut whims);
                    let due = if lmtp { std::mem::take(&mut recipients) } else { 1 };
                    let closed = replies.last().is_some_and(|code| code == "421");
                    prop_assert!(replies.len() == due || closed, "{} statuses", replies.len());
                    recipients = 0;
                    if closed {
                        break;
                    }
                }
                _ => {}
            }
        }
    }

    /// Law 6, all commands in one segment: as many replies, in the order of the commands.
    #[test]
    fn six_pipelined(transactions in prop::collection::vec(0usize..4, 1..5), body in "[a-z]{0,9}") {
        let mut said = b"EHLO c\r\n".to_vec();
        let mut expected = vec!["220", "250"];
        for recipients in transactions {
            said.extend(b"NOOP\r\nMAIL FROM:<a@b.test>\r\n");
            expected.extend(["250", "250"]);
            said.extend(b"RCPT TO:<x@mx.test>\r\nVRFY x\r\n".repeat(recipients));
            expected.extend(["250", "252"].repeat(recipients));
            if recipients > 0 {
                said.extend(format!("DATA\r\n{body}\r\n.\r\nBOGUS\r\n").bytes());
                expected.extend(["354", "250", "500"]);
            } else {
                said.extend(b"DATA\r\nRSET\r\n");
                expected.extend(["503", "250"]);
            }
        }
        said.extend(b"QUIT\r\nNOOP\r\n");
        expected.push("221");
        let mut server = ServerStage.machine(&Settings::from("")).expect("settings");
        let mut accept = |server: &mut Server, event: &Event| match event {
            Event::Body(_) | Event::Reset | Event::Rejected(_) => {}
            _ => server.accept().expect("an event that waits"),
        };
        prop_assert_eq!(converse(&mut server, &said, &mut accept), expected);
    }

    /// Law 7: what a command prints is read back as the same command.
    #[test]
    fn seven_commands(line in command_line()) {
        let lenient = Strictness::lenient("our.test".parse().expect("a domain"));
        for strictness in [Strictness::strict(), lenient] {
            let Ok(command) = Command::parse(line.as_bytes(), &strictness) else {
                continue;
            };
            let printed = command.to_string();
            let again = Command::parse(printed.as_bytes(), &strictness);
            let again = again.unwrap_or_else(|error| panic!("{printed:?}: {error}"));
            prop_assert_eq!(again.to_string(), printed);
            match (command, again) {
                (Command::Hello(one), Command::Hello(other)) => prop_assert_eq!(one, other),
                (Command::Mail(one), Command::Mail(other)) => prop_assert_eq!(one, other),
                (Command::Rcpt(one), Command::Rcpt(other)) => prop_assert_eq!(one, other),
                (Command::Verify(one), Command::Verify(other)) => prop_assert_eq!(one, other),
                (Command::Expand(one), Command::Expand(other)) => prop_assert_eq!(one, other),
                (Command::Etrn(one), Command::Etrn(other)) => prop_assert_eq!(one, other),
                (Command::Bdat(one), Command::Bdat(other)) => prop_assert_eq!(one, other),
                (Command::XClient(one), Command::XClient(other)) => prop_assert_eq!(one, other),
                (Command::XForward(one), Command::XForward(other)) => prop_assert_eq!(one, other),
                _ => {}
            }
        }
    }

    /// Law 8: no argument holds CR, LF or NUL, wherever they stand.
    #[test]
    fn eight_no_injection(
        text in prop::sample::select(&["a@b.test", "\"a b\"@b.test", "b.test", "PLAIN", "c", ""][..]),
        place in any::<prop::sample::Index>(),
        forbidden in prop::sample::select(&["\r", "\n", "\0", "\r\nRCPT TO:<x@y>"][..]),
    ) {
        let mut text = text.to_owned();
        text.insert_str(place.index(text.len() + 1), forbidden);
        prop_assert!(text.parse::<Mailbox>().is_err());
        prop_assert!(text.parse::<Domain>().is_err());
        prop_assert!(text.parse::<ClientName>().is_err());
        prop_assert!(text.parse::<MechanismName>().is_err());
        prop_assert!(text.parse::<Verify>().is_err());
        prop_assert!(text.parse::<Node>().is_err());
        prop_assert!(text.parse::<EnvelopeId>().is_err());
        prop_assert!(text.parse::<Solicitation>().is_err());
        prop_assert!(text.parse::<Parameter>().is_err());
        prop_assert!(OriginalRecipient::new("rfc822", &text).is_err());
        prop_assert!(OriginalRecipient::new(&text, "a").is_err());
        for strictness in [Strictness::strict(), Strictness::lenient("b.test".parse().expect("a domain"))] {
            for verb in ["EHLO ", "MAIL FROM:<", "RCPT TO:<", "VRFY ", "AUTH ", "NOOP "] {
                let line = format!("{verb}{text}>");
                prop_assert!(Command::parse(line.as_bytes(), &strictness).is_err(), "{:?}", line);
            }
        }
        // In a reply a line feed begins a line that has the code, too; the others are refused.
        match Reply::new(550, (5, 7, 1), text.clone()) {
            Err(_) => prop_assert!(text.contains(['\r', '\0'])),
            Ok(reply) => {
                prop_assert!(!text.contains(['\r', '\0']));
                prop_assert_eq!(reply.lines().count(), 2);
                let mut server = ServerStage.machine(&Settings::from("")).expect("settings");
                let mut refuse = |server: &mut Server, event: &Event| match event {
                    Event::Rejected(_) => {}
                    _ => server.reply(reply.clone()).expect("an event that waits"),
                };
                let _ = converse(&mut server, b"", &mut refuse);
                let said = converse_for_bytes(&mut server, b"VRFY x\r\n", &mut refuse);
                for line in said.split_inclusive(|&octet| octet == b'\n') {
                    prop_assert!(line.starts_with(b"550") && line[4..].starts_with(b"5.7.1 "));
                }
            }
        }
    }
}

/// Law 9: nothing of a password is seen in what can be printed, however far an authentication is.
#[test]
fn nine_no_secret() {
    let said =
        b"EHLO c\r\nAUTH PLAIN AHRpbQB0YW5zdGFhZg==\r\nAUTH LOGIN\r\ndGlt\r\ndGFuc3RhYWY=\r\n\
        AUTH PLAIN dGFuc3RhYWY\r\nAUTH PLAIN\r\ndGFuc3RhYWY\r\n";
    let traces = Traces::of("tanstaa");
    let look = |shown: String| traces.look(shown);
    let mut server = ServerStage
        .machine(&Settings::from(
            "auth=PLAIN,LOGIN auth_without_tls auth_failures=9",
        ))
        .expect("settings");
    let mut seen = 0;
    for octet in said {
        assert_eq!(server.input().extend(&[*octet]), 1);
        look(format!("{server:?} {server:#?}"));
        loop {
            match server.step(beginning()).expect("no error") {
                Step::Event(event) => {
                    look(format!("{event:?} {event:#?}"));
                    match &event {
                        Event::Auth(auth) if auth.initial.is_none() => {
                            server.challenge(b"?").expect("it waits");
                        }
                        Event::AuthData(data) if data.expose() == b"tim" => {
                            server.challenge(b"?").expect("it waits");
                        }
                        Event::Auth(_) | Event::AuthData(_) => {
                            seen += 1;
                            let reply = "535 5.7.8 No".parse().expect("a reply");
                            server.reply(reply).expect("it waits");
                        }
                        Event::Hello(_) => server.accept().expect("it waits"),
                        _ => {}
                    }
                }
                Step::NeedInput => break,
                other => panic!("{other:?}"),
            }
            look(format!("{server:?}"));
        }
    }
    assert_eq!(seen, 2, "both passwords came through");
    let command = Command::parse(b"AUTH PLAIN AHRpbQB0YW5zdGFhZg==", &Strictness::strict());
    let command = command.expect("a command");
    look(format!("{command:?} {command}"));
}

/// Law 9, for the client: what it says to authenticate is seen in its output alone.
#[test]
fn nine_no_secret_of_the_client() {
    let mut client: Client = client::ClientStage
        .machine(&Settings::from("auth_without_tls"))
        .expect("settings");
    let greeting = b"220 mx\r\n250-mx\r\n250 AUTH LOGIN\r\n334 \r\n";
    assert_eq!(client.input().extend(greeting), greeting.len());
    for actions in [&["auth LOGIN tanstaaf"][..], &["respond tanstaaf"]] {
        while !matches!(client.step(beginning()), Ok(Step::Event(_))) {}
        for action in actions {
            client::ClientStage
                .act(&mut client, action)
                .expect("it fits");
        }
        let shown = format!("{client:?} {client:#?}");
        assert!(
            !shown.contains("tanstaa") && !shown.contains("dGFuc3RhYW"),
            "{shown}"
        );
    }
    let waiting = client.output().len();
    let said = client.output().copy_to_bytes(waiting);
    assert!(said.ends_with(b"dGFuc3RhYWY=\r\n"));
}

/// Says something, answers what is asked, and returns the codes of the replies.
fn converse(
    server: &mut Server,
    said: &[u8],
    answers: &mut impl Answers<ServerStage>,
) -> Vec<String> {
    let bytes = converse_for_bytes(server, said, answers);
    let text = String::from_utf8(bytes.to_vec()).expect("replies are text");
    let last_lines = text
        .split_terminator("\r\n")
        .filter(|line| line.as_bytes()[3] == b' ');
    last_lines.map(|line| line[..3].to_owned()).collect()
}

fn converse_for_bytes(
    server: &mut Server,
    mut said: &[u8],
    answers: &mut impl Answers<ServerStage>,
) -> Bytes {
    let mut heard = Vec::new();
    loop {
        let taken = server.input().extend(said);
        said = &said[taken..];
        match server.step(beginning()) {
            Ok(Step::Event(event)) => answers.answer(server, &event),
            Ok(Step::NeedFlush) => {
                let waiting = server.output().len();
                heard.extend(server.output().copy_to_bytes(waiting));
            }
            Ok(Step::NeedInput) if !said.is_empty() => {}
            _ => break,
        }
    }
    let waiting = server.output().len();
    heard.extend(server.output().copy_to_bytes(waiting));
    heard.into()
}

/// Lines that are nearly commands, and commands.
fn command_line() -> impl Strategy<Value = String> {
    let verb = prop::sample::select(
        &[
            "MAIL FROM:",
            "RCPT TO:",
            "mail from: ",
            "EHLO ",
            "VRFY ",
            "NOOP ",
            "AUTH ",
            "LHLO ",
            "EXPN ",
            "ETRN @",
            "XCLIENT NAME=",
            "xforward IDENT=",
            "BDAT 1",
        ][..],
    );
    let address = prop_oneof![
        "<([a-z.+]{1,5}|\"([a-z @<>.]|\\\\[ -~]){0,6}\")@([a-z-]{1,5}(\\.[a-z]{1,3}){0,2}|\\[[0-9.:a-zIPv]{0,12}\\])>",
        "<(@[a-z]{1,3}(,@[a-z]{1,3}){0,2}:)?[a-zü]{1,4}@[a-zü]{1,4}>",
        "[a-z]{1,5}(@[a-z_]{1,4})?",
        Just("<>".to_owned()),
        Just("<postMASTER>".to_owned()),
        "\\PC{0,12}",
    ];
    let parameters = prop_oneof![
        3 => Just(String::new()),
        1 => "( (SIZE=[0-9]{1,21}|BODY=(7bit|8BITMIME)|SMTPUTF8|AUTH=(<>|[a-z+3D]{1,5}@b)|[A-z-]{1,5}(=[!-~]{0,5})?)){1,3}",
        1 => "( (RET=(full|HDRS)|ENVID=[a-z+2B]{1,9}|BY=[+-]?[0-9]{1,10};[NR]T?|HOLDFOR=[0-9]{1,10}|MT-PRIORITY=-?[0-9]{1,2}|REQUIRETLS|SOLICIT=[a-z:,.]{1,9}|HOLDUNTIL=20[0-9]{2}-[01][0-9]-[0-3][0-9]T[0-2][0-9]:00:00(Z|[+-]0[0-9]:00))){1,3}",
        1 => "( (NOTIFY=(NEVER|success,failure|DELAY)|ORCPT=(rfc822;[a-z+2B@]{1,9}|utf-8;([a-zü@]|\\\\x\\{[0-9A-F]{2,5}\\}){1,5})|RRVS=20[0-9]{2}-[01][0-9]-[0-3][0-9]T[0-2][0-9]:00:00.5Z(;[CR])?)){1,3}",
    ];
    (verb, address, parameters)
        .prop_map(|(verb, address, parameters)| verb.to_owned() + &address + &parameters)
}

/// Pieces of what servers say, legal and not.
fn server_fragment() -> impl Strategy<Value = Vec<u8>> {
    let fixed = prop::sample::select(SERVER_FRAGMENTS).prop_map(<[u8]>::to_vec);
    let noise = prop::collection::vec(any::<u8>(), 0..20);
    prop_oneof![40 => fixed, 1 => noise]
}

const HELLOS: &[&[u8]] = &[
    b"",
    b"220 mx\r\n250 mx\r\n",
    b"220 mx\r\n250-mx\r\n250-PIPELINING\r\n250-AUTH PLAIN\r\n250 STARTTLS\r\n",
    b"220 mx\r\n250-mx\r\n250-PIPELINING\r\n250-CHUNKING\r\n250-BINARYMIME\r\n250 DSN\r\n",
    b"220 mx\r\n250-mx\r\n250-CHUNKING\r\n250-SIZE 50000\r\n250 BINARYMIME\r\n",
    b"220 mx\r\n500 what\r\n250 mx\r\n",
];

const SERVER_FRAGMENTS: &[&[u8]] = &[
    b"250 Ok\r\n",
    b"250 Ok\r\n",
    b"250 Ok\r\n",
    b"250 2.1.0 Ok\r\n250 2.1.5 Ok\r\n354 Go on\r\n",
    b"250-a\r\n250-b\r\n250 c\r\n",
    b"354 Go on\r\n",
    b"550 5.1.1 No\r\n",
    b"452 4.2.2 Full\r\n",
    b"503 No\r\n",
    b"334 \r\n",
    b"334 dGVzdA==\r\n",
    b"334 !\r\n",
    b"235 2.7.0 Ok\r\n",
    b"220 Go ahead\r\n",
    b"221 Bye\r\n",
    b"421 Closing\r\n",
    b"250-a\r\n550 b\r\n",
    b"250 a\n",
    b"250",
    b"\r\n",
    b"99",
];

const BODY: &[&[u8]] = &[
    b"\r\n", b".", b"\r", b"\n", b"text", b"\r\n.", b"..", b"\0\xff",
];

const LEGAL: &[&str] = &[
    "EHLO c",
    "MAIL FROM:<a@b.test>",
    "RCPT TO:<x@mx.test>",
    "RCPT TO:<x@mx.test>",
    "DATA",
    "NOOP",
    "RSET",
    "HELP",
    "VRFY x",
    "BOGUS",
    "RCPT TO:<>",
    "EXPN x",
    "ETRN b.test",
];

const FRAGMENTS: &[&[u8]] = &[
    b"EHLO c.test\r\n",
    b"EHLO\r\n",
    b"HELO c.test\r\n",
    b"LHLO c.test\r\n",
    b"MAIL FROM:<a@b.test>\r\n",
    b"MAIL FROM:<> SIZE=41\r\n",
    b"MAIL FROM:<a@b.test> BODY=8BITMIME SMTPUTF8\r\n",
    b"mail from: a\r\n",
    b"RCPT TO:<x@mx.test>\r\n",
    b"RCPT TO:<x@mx.test> NOTIFY=NEVER\r\n",
    b"RCPT TO:<\xc3\xbc@mx.test>\r\n",
    b"RCPT TO:<\"a b\"@mx.test>\r\n",
    b"DATA\r\n",
    b"text\r\n",
    b".\r\n",
    b"..\r\n",
    b".",
    b"\r\n",
    b"\r",
    b"\n",
    b"\0",
    b"\xff",
    b"RSET\r\n",
    b"NOOP\n",
    b"HELP\r\n",
    b"VRFY x\r\n",
    b"QUIT\r\n",
    b"STARTTLS\r\n",
    b"BDAT 5\r\n",
    b"BDAT 6\r\ntext\r\n",
    b"BDAT 3 LAST\r\na\r\n",
    b"BDAT 2\r\na\r",
    b"BDAT 1 LAST\r\n\n",
    b"BDAT 0 LAST\r\n",
    b"BDAT 0\r\n",
    b"BDAT 99999999999999999999\r\n",
    b"BDAT 1000\r\n",
    b"MAIL FROM:<a@b.test> BODY=BINARYMIME\r\n",
    b"MAIL FROM:<a@b.test> RET=FULL ENVID=x BY=9;N MT-PRIORITY=3\r\n",
    b"RCPT TO:<x@mx.test> ORCPT=rfc822;x\r\n",
    b"EXPN x\r\n",
    b"ETRN b.test\r\n",
    b"XCLIENT ADDR=192.0.2.1\r\n",
    b"XFORWARD ADDR=192.0.2.1\r\n",
    b"GET / HTTP/1.1\r\n",
    b"\x16\x03\x01",
    b"AUTH PLAIN\r\n",
    b"AUTH LOGIN dGlt\r\n",
    b"AUTH PLAIN AHRpbQB0YW5zdGFhZg==\r\n",
    b"AUTH X =\r\n",
    b"dGFuc3RhYWY=\r\n",
    b"*\r\n",
    b"=\r\n",
    b"XYZZY\r\n",
];
