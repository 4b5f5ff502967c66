//! The laws of `mailwire::Machine`, for both machines.

use bytes::Buf;
use mailwire::auth::MechanismName;
use mailwire::testing::laws::{self, Answers};
use mailwire::testing::{Settings, Stage, Traces, beginning};
use mailwire::{Machine, Secret, Step};
use pop3_proto::client::{Client, Event as Heard};
use pop3_proto::command::{Apop, Command, LanguageRange, Password, UserName};
use pop3_proto::server::{Event, Server, Timestamp};
use pop3_proto::{Maildrop, Refusal, ResponseCode, Size, Strictness, UniqueId, client, server};
use proptest::prelude::*;
use stage::{CLIENTS, CONFIGURATIONS, ClientStage, Patience, ServerStage, Whims};

mod stage;

/// Pieces of what one side says, legal and not.
fn said(fragments: &'static [&'static [u8]]) -> impl Strategy<Value = Vec<u8>> {
    let fixed = prop::sample::select(fragments).prop_map(<[u8]>::to_vec);
    let long = (0usize..300, any::<bool>()).prop_map(|(length, ends)| {
        let mut line = vec![b'a'; length];
        line.extend(if ends { &b"\r\n"[..] } else { b"" });
        line
    });
    let noise = prop::collection::vec(any::<u8>(), 0..20);
    let fragment = prop_oneof![30 => fixed, 1 => long, 1 => noise];
    prop::collection::vec(fragment, 0..40).prop_map(|parts| parts.concat())
}

/// A client that logs in first, so that what follows is served.
fn session() -> impl Strategy<Value = Vec<u8>> {
    (any::<bool>(), said(CLIENT)).prop_map(|(logs_in, rest)| {
        let login: &[u8] = if logs_in {
            b"USER alice\r\nPASS secret\r\n"
        } else {
            b""
        };
        [login, &rest].concat()
    })
}

/// A server that greets and answers first, so that the client's commands go out.
fn answers() -> impl Strategy<Value = Vec<u8>> {
    (any::<bool>(), said(SERVER)).prop_map(|(greets, rest)| {
        let greeting: &[u8] = if greets {
            b"+OK ready <1@mx.test>\r\n"
        } else {
            b""
        };
        [greeting, &rest].concat()
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(600))]

    /// Laws 1 to 5 for the server.
    #[test]
    fn one_to_five_server(
        said in session(),
        configuration in prop::sample::select(CONFIGURATIONS),
        mood in any::<u64>(),
        cuts in prop::collection::vec(any::<usize>(), 1..8),
    ) {
        laws::check(&ServerStage, &Settings::from(configuration), || Whims::new(mood), &said, &cuts);
    }

    /// Laws 1 to 5 for the client.
    #[test]
    fn one_to_five_client(
        said in answers(),
        configuration in prop::sample::select(CLIENTS),
        cuts in prop::collection::vec(any::<usize>(), 1..8),
    ) {
        laws::check(&ClientStage, &Settings::from(configuration), || Patience, &said, &cuts);
    }

    /// Law 6: one answer for each command, whatever the application says to it.
    #[test]
    fn six(commands in prop::collection::vec(prop::sample::select(LEGAL), 0..30), mood in any::<u64>()) {
        let mut server = ServerStage.machine(&Settings::from("errors=1000 auth_failures=1000")).expect("settings");
        let mut whims = Whims::new(mood);
        let mut logged_in = false;
        prop_assert!(converse(&mut server, b"", &mut whims).starts_with(b"+OK"));
        for command in commands {
            let answer = converse(&mut server, format!("{command}\r\n").as_bytes(), &mut whims);
            let answer = String::from_utf8(answer).expect("text");
            let positive = answer.starts_with("+OK");
            let is_list = matches!(command, "CAPA" | "LIST" | "UIDL" | "RETR 1" | "TOP 2 1");
            let whole = if positive && is_list && (logged_in || command == "CAPA") {
                answer.ends_with("\r\n.\r\n")
            } else {
                answer.matches("\r\n").count() == 1
            };
            logged_in |= positive && command.starts_with("PASS");
            // A message that is given up has no end, and nothing follows it.
            match server.step(beginning()) {
                Ok(Step::NeedInput) => prop_assert!(whole, "{command} was answered {answer:?}"),
                _ => break,
            }
        }
    }

    /// Law 7, end to end: messages that are stored, sent through both machines in any pieces, and
    /// read, are what was stored, with CRLF line ends; and so are sizes and unique ids.
    #[test]
    fn seven_messages(
        messages in prop::collection::vec(message(), 0..5),
        pipelining in any::<bool>(),
        cuts in prop::collection::vec(1usize..300, 1..9),
    ) {
        let mut stored = Maildrop::new();
        for (index, message) in messages.iter().enumerate() {
            let mut size = Size::new();
            size.add(message);
            stored.push(size.octets(), &format!("id-{index}")).expect("an id");
        }
        let expected: Vec<_> = messages.iter().map(|message| wired(message)).collect();
        let (read, listed) = fetch(stored, &messages, pipelining, &cuts);
        prop_assert_eq!(&read, &expected);
        let listed_sizes: Vec<_> = listed.iter().map(|(size, _)| *size).collect();
        let sizes: Vec<_> = expected.iter().map(|message| message.len() as u64).collect();
        prop_assert_eq!(listed_sizes, sizes);
        for (index, (_, id)) in listed.iter().enumerate() {
            let expected = format!("id-{index}");
            prop_assert_eq!(id, &expected);
        }
    }

    /// Law 7: what a command prints is read back as the same command.
    #[test]
    fn seven_commands(line in "(?i)(USER|PASS|LIST|UIDL|RETR|TOP|DELE|AUTH|LANG|APOP|STAT|QUIT)( [ -~ü]{0,12}){0,3}") {
        for strictness in [Strictness::strict(), Strictness::lenient()] {
            let Ok(command) = Command::parse(line.as_bytes(), &strictness) else {
                continue;
            };
            if matches!(command, Command::Pass(_) | Command::Apop(_) | Command::Auth(_)) {
                continue;
            }
            let printed = command.to_string();
            let again = Command::parse(printed.as_bytes(), &strictness);
            let again = again.unwrap_or_else(|error| panic!("{printed:?}: {error}"));
            prop_assert_eq!(again.to_string(), printed);
        }
    }

    /// Law 8: no argument holds CR, LF or NUL, wherever they stand.
    #[test]
    fn eight_no_injection(
        text in prop::sample::select(&["alice", "<1@mx.test>", "PLAIN", "de", "AUTH", "0123456789abcdef0123456789abcdef", ""][..]),
        place in any::<prop::sample::Index>(),
        forbidden in prop::sample::select(&["\r", "\n", "\0", "\r\nDELE 1"][..]),
    ) {
        let mut text = text.to_owned();
        text.insert_str(place.index(text.len() + 1), forbidden);
        prop_assert!(text.parse::<UserName>().is_err());
        prop_assert!(Password::new(text.clone()).is_err());
        prop_assert!(text.parse::<MechanismName>().is_err());
        prop_assert!(text.parse::<LanguageRange>().is_err());
        prop_assert!(text.parse::<ResponseCode>().is_err());
        prop_assert!(text.parse::<Refusal>().is_err());
        prop_assert!(Refusal::new(None, text.clone()).is_err());
        prop_assert!(text.parse::<Timestamp>().is_err());
        prop_assert!(text.parse::<UniqueId>().is_err());
        prop_assert!(Maildrop::new().push(1, &text).is_err());
        let apop = format!("alice {text}");
        prop_assert!(apop.parse::<Apop>().is_err());
        prop_assert!(server::Language::new("de", &text, |_| None).is_err());
        prop_assert!(text.parse::<pop3_proto::capability::ImplementationName>().is_err());
    }
}

/// Law 7: initial responses, absent, empty and not, come through.
#[test]
fn seven_authentication() {
    for (initial, expected) in [
        (None, "auth PLAIN"),
        (Some(&b""[..]), "auth PLAIN \"\""),
        (Some(b"\0a\0b"), "auth PLAIN \"\\0a\\0b\""),
    ] {
        let mut server = ServerStage
            .machine(&Settings::from("auth=PLAIN"))
            .expect("settings");
        let mut client = Client::new(client::Config::new());
        let mechanism = "PLAIN".parse().expect("a name");
        let secret = initial.map(|octets| Secret::from(octets.to_vec()));
        client.auth(mechanism, secret).expect("room");
        let mut found = None;
        for _ in 0..9 {
            if let Ok(Step::Event(event)) = server.step(beginning()) {
                found = Some(ServerStage.describe(&event));
            }
            let _ = client.step(beginning());
            carry(&mut server, &mut client, usize::MAX);
        }
        assert_eq!(found, Some(mailwire::testing::Said::Line(expected.into())));
    }
}

/// Law 9: nothing of a password is seen in what can be printed, on either side.
#[test]
fn nine_no_secret() {
    let traces = Traces::of("tanstaa");
    let digests = Traces::of("c4c9334b");
    let look = |shown: String| {
        traces.look(&shown);
        digests.look(&shown);
    };
    let mut server = ServerStage
        .machine(&Settings::from(
            "auth=PLAIN auth_failures=9 apop=<1@mx.test>",
        ))
        .expect("settings");
    let mut client = Client::new(client::Config::new());
    let name: UserName = "tim".parse().expect("a name");
    let password = || Password::new(*b"tanstaaftanstaaf").expect("a password");
    client.login(name.clone(), password()).expect("room");
    let digest = "c4c9334bac560ecc979e58001b3e22fb";
    client
        .apop(Apop::new(name, digest).expect("a digest"))
        .expect("room");
    let mechanism: MechanismName = "PLAIN".parse().expect("a name");
    let initial = Secret::from(b"\0tim\0tanstaaftanstaaf".to_vec());
    client.auth(mechanism, Some(initial)).expect("room");
    client.auth(mechanism, None).expect("room");
    let mut seen = 0;
    for _ in 0..600 {
        look(format!("{server:?} {server:#?} {client:?} {client:#?}"));
        if let Ok(Step::Event(event)) = server.step(beginning()) {
            look(format!("{event:?} {event:#?}"));
            match &event {
                Event::Auth(auth) if auth.initial.is_none() => {
                    server.challenge(b"?").expect("it waits");
                }
                Event::Rejected(_) | Event::AuthCancelled => {}
                _ => {
                    seen += 1;
                    let refusal = "[AUTH] No".parse().expect("a refusal");
                    server.err(refusal).expect("it waits");
                }
            }
        }
        if let Ok(Step::Event(event)) = client.step(beginning()) {
            look(format!("{event:?}"));
            if let Heard::Challenge(_) = event {
                client
                    .respond(b"\0tim\0tanstaaftanstaaf")
                    .expect("it waits");
            }
        }
        look(format!("{server:?} {client:?}"));
        carry(&mut server, &mut client, 3);
    }
    assert_eq!(seen, 4, "all passwords came through");
    let command = Command::parse(b"PASS tanstaaf", &Strictness::strict());
    let command = command.expect("a command");
    look(format!("{command:?} {command}"));
}

/// Fetches everything through both machines, in pieces. Says what came, and what the lists said.
fn fetch(
    stored: Maildrop,
    messages: &[Vec<u8>],
    pipelining: bool,
    cuts: &[usize],
) -> (Vec<Vec<u8>>, Vec<(u64, String)>) {
    let mut server = ServerStage
        .machine(&Settings::from("output=200"))
        .expect("settings");
    let mut config = client::Config::new();
    config.pipelining = pipelining;
    let mut client = Client::new(config);
    let name = "alice".parse().expect("a name");
    let password = Password::new(*b"secret").expect("a password");
    client.login(name, password).expect("room");
    client.capa().expect("room");
    client.list(None).expect("room");
    client.uidl(None).expect("room");
    for number in 1..=messages.len() as u32 {
        client.retr(number).expect("room");
    }
    client.quit().expect("room");
    let (mut read, mut sizes, mut ids) = (Vec::new(), Vec::new(), Vec::new());
    let (mut stored, mut sending) = (Some(stored), None);
    let mut cuts = cuts.iter().cycle();
    loop {
        match server.step(beginning()) {
            Ok(Step::Event(Event::Login(_))) => {
                let maildrop = stored.take().expect("one login");
                server.open(maildrop).expect("a login waits");
            }
            Ok(Step::Event(Event::Retrieve(retrieve))) => {
                server.ok().expect("it waits");
                let message = messages[retrieve.number as usize - 1].clone();
                sending = Some(bytes::Bytes::from(message));
            }
            Ok(Step::Event(Event::Update(_))) => server.ok().expect("it waits"),
            Ok(Step::Event(other)) => panic!("{other:?}"),
            Ok(Step::Paused) => {
                let rest = sending.as_mut().expect("a message is being sent");
                let cut = rest.len().min(*cuts.next().expect("a cycle"));
                let mut piece = rest.slice(..cut);
                server
                    .write_body(&mut piece)
                    .expect("a message is being sent");
                rest.advance(cut - piece.len());
                if rest.is_empty() {
                    server.finish_body().expect("a message is being sent");
                }
            }
            Ok(_) => {}
            Err(error) => panic!("{error}"),
        }
        match client.step(beginning()) {
            Ok(Step::Event(Heard::Size { number, octets })) => sizes.push((number, octets)),
            Ok(Step::Event(Heard::UniqueId { number, unique_id })) => {
                ids.push((number, unique_id.to_string()));
            }
            Ok(Step::Event(Heard::Message { .. })) => read.push(Vec::new()),
            Ok(Step::Event(Heard::Body(piece))) => {
                read.last_mut().expect("a message").extend(piece);
            }
            Ok(Step::Event(Heard::Failed(_, failure))) => panic!("{failure}"),
            Ok(Step::Close) => break,
            Ok(_) => {}
            Err(error) => panic!("{error}"),
        }
        carry(&mut server, &mut client, *cuts.next().expect("a cycle"));
    }
    let numbers = 1..=messages.len() as u32;
    assert!(sizes.iter().map(|(number, _)| *number).eq(numbers.clone()));
    assert!(ids.iter().map(|(number, _)| *number).eq(numbers));
    let listed = sizes.into_iter().zip(ids);
    let listed = listed.map(|((_, size), (_, id))| (size, id)).collect();
    (read, listed)
}

/// Moves some octets between the two, both ways.
fn carry(server: &mut Server, client: &mut Client, most: usize) {
    fn one_way(output: &mut mailwire::Output, input: &mut mailwire::Input, most: usize) {
        let waiting = output.chunk().len().min(most);
        let taken = input.extend(&output.chunk()[..waiting]);
        output.advance(taken);
    }
    one_way(server.output(), client.input(), most);
    one_way(client.output(), server.input(), most);
}

/// A message as it comes off the wire.
fn wired(message: &[u8]) -> Vec<u8> {
    let mut wired = Vec::new();
    for &octet in message {
        if octet == b'\n' && wired.last() != Some(&b'\r') {
            wired.push(b'\r');
        }
        wired.push(octet);
    }
    if !wired.is_empty() && wired.last() != Some(&b'\n') {
        wired.extend(b"\r\n");
    }
    wired
}

fn message() -> impl Strategy<Value = Vec<u8>> {
    let part = prop_oneof![
        prop::sample::select(PIECES).prop_map(<[u8]>::to_vec),
        (0usize..700).prop_map(|length| vec![b'x'; length]),
    ];
    prop::collection::vec(part, 0..12).prop_map(|parts| parts.concat())
}

/// Says something, answers what is asked, and returns what comes back.
fn converse(server: &mut Server, said: &[u8], whims: &mut Whims) -> Vec<u8> {
    assert_eq!(server.input().extend(said), said.len());
    let mut heard = Vec::new();
    loop {
        match server.step(beginning()) {
            Ok(Step::Event(event)) => whims.answer(server, &event),
            Ok(Step::Paused) => assert!(whims.proceed(server), "an event was left unanswered"),
            Ok(Step::NeedFlush) => {
                let waiting = server.output().len();
                heard.extend(server.output().copy_to_bytes(waiting));
            }
            _ => break,
        }
    }
    let waiting = server.output().len();
    heard.extend(server.output().copy_to_bytes(waiting));
    heard
}

const PIECES: &[&[u8]] = &[b"\n", b"\r\n", b".", b"..", b"\r", b"text", b"\0\xff"];

const LEGAL: &[&str] = &[
    "USER alice",
    "PASS secret",
    "CAPA",
    "STAT",
    "LIST",
    "LIST 1",
    "LIST 9",
    "UIDL",
    "UIDL 2",
    "RETR 1",
    "TOP 2 1",
    "DELE 2",
    "RSET",
    "NOOP",
    "BOGUS",
    "RETR 0",
];

const CLIENT: &[&[u8]] = &[
    b"USER alice\r\n",
    b"PASS secret\r\n",
    b"PASS \r\n",
    b"USER\r\n",
    b"CAPA\r\n",
    b"STAT\r\n",
    b"STAT \r\n",
    b"LIST\r\n",
    b"LIST 1\r\n",
    b"LIST 4\r\n",
    b"UIDL\r\n",
    b"UIDL 2\r\n",
    b"RETR 1\r\n",
    b"RETR 2\r\n",
    b"TOP 1 1\r\n",
    b"TOP 3 0\r\n",
    b"DELE 1\r\n",
    b"DELE 3\r\n",
    b"RSET\r\n",
    b"NOOP\n",
    b"LAST\r\n",
    b"QUIT\r\n",
    b"STLS\r\n",
    b"UTF8\r\n",
    b"LANG\r\n",
    b"LANG de\r\n",
    b"AUTH\r\n",
    b"AUTH PLAIN\r\n",
    b"AUTH PLAIN =\r\n",
    b"AUTH X AAAA\r\n",
    b"AAAA\r\n",
    b"*\r\n",
    b"=\r\n",
    b"\r\n",
    b"\r",
    b"\n",
    b"\0",
    b"APOP alice c4c9334bac560ecc979e58001b3e22fb\r\n",
    b"USER j\xc3\xb6rg\r\n",
    b"\xff",
];

const SERVER: &[&[u8]] = &[
    b"+OK\r\n",
    b"+OK 1 2\r\n",
    b"+OK 1 id\r\n",
    b"-ERR\r\n",
    b"-ERR [AUTH] no\r\n",
    b"+ \r\n",
    b"+\r\n",
    b"+ AAAA\r\n",
    b"+ !\r\n",
    b".\r\n",
    b"..\r\n",
    b"1 2\r\n",
    b"2 id\r\n",
    b"PIPELINING\r\n",
    b"TOP\r\n",
    b"text",
    b"\r\n",
    b"\r",
    b"\n",
    b".",
    b"\0\xff",
    b"+OK ready <1@mx.test>\r\n",
];
