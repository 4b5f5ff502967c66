//! The laws of `mailwire::Machine`.

use bytes::Buf;
use imap_proto::server::{Event, Server};
use mailwire::testing::laws::{self, Answers};
use mailwire::testing::{Settings, Stage, Traces, beginning};
use mailwire::{Machine, Step};
use proptest::prelude::*;
use stage::{CLIENTS, CONFIGURATIONS, ClientStage, Obliging, ServerStage, Whims};

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
    let fragment = prop_oneof![40 => fixed, 1 => long, 1 => noise];
    prop::collection::vec(fragment, 0..30).prop_map(|parts| parts.concat())
}

/// A client that logs in and selects first, so that what follows is served.
fn session() -> impl Strategy<Value = Vec<u8>> {
    (0u8..4, said(CLIENT)).prop_map(|(how, rest)| {
        let login: &[u8] = match how {
            0 => b"",
            1 => b"L LOGIN alice secret\r\n",
            2 => b"L LOGIN alice secret\r\nS SELECT INBOX\r\n",
            _ => b"L LOGIN alice secret\r\nE ENABLE QRESYNC IMAP4rev2\r\nS SELECT INBOX\r\n",
        };
        [login, &rest].concat()
    })
}

/// A server that greets first, so that the client's commands go out.
fn answers() -> impl Strategy<Value = Vec<u8>> {
    (0u8..4, said(SERVER)).prop_map(|(how, rest)| {
        let greeting: &[u8] = match how {
            0 => b"",
            1 => b"* OK ready\r\n",
            _ => b"* PREAUTH [CAPABILITY IMAP4rev1 LITERAL+ SASL-IR] ready\r\n",
        };
        [greeting, &rest].concat()
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1000))]

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
        laws::check(&ClientStage, &Settings::from(configuration), || Obliging, &said, &cuts);
    }

    /// Law 6: one tagged answer for each command, in order, whatever the application says to it.
    #[test]
    fn six(commands in prop::collection::vec(prop::sample::select(LEGAL), 0..20), mood in any::<u64>()) {
        let mut server = ServerStage
            .machine(&Settings::from("greeting=preauth serves=everything errors=1000"))
            .expect("settings");
        let mut whims = Whims::new(mood);
        prop_assert!(converse(&mut server, b"", &mut whims).starts_with("* PREAUTH"));
        for (index, command) in commands.into_iter().enumerate() {
            let said = format!("T{index} {command}\r\n");
            let answer = converse(&mut server, said.as_bytes(), &mut whims);
            let over = server.step(beginning()).is_err();
            let tagged = answer.lines().filter(|line| line.starts_with('T'));
            let tagged: Vec<_> = tagged.collect();
            if over {
                break;
            }
            prop_assert_eq!(tagged.len(), 1, "{} was answered {:?}", command, answer);
            let tag = format!("T{index} ");
            prop_assert!(tagged[0].starts_with(&tag));
            prop_assert!(answer.trim_end().ends_with(tagged[0]), "it is the last line: {:?}", answer);
        }
    }
}

/// Law 9: nothing of a password is seen in what can be printed.
#[test]
fn nine_no_secret() {
    let traces = Traces::of("tanstaa");
    let look = |shown: String| traces.look(shown);
    let mut server = ServerStage
        .machine(&Settings::from("auth=PLAIN auth_failures=9"))
        .expect("settings");
    let said = b"a LOGIN tim tanstaaf\r\nb LOGIN tim {8}\r\ntanstaaf\r\nc AUTHENTICATE PLAIN dGFuc3RhYWY=\r\n\
        d AUTHENTICATE PLAIN\r\ndGFuc3RhYWY=\r\n";
    let mut seen = 0;
    for octet in said {
        assert_eq!(server.input().extend(&[*octet]), 1);
        loop {
            look(format!("{server:?} {server:#?}"));
            let Ok(Step::Event(event)) = server.step(beginning()) else {
                break;
            };
            look(format!("{event:?} {event:#?}"));
            match &event {
                Event::Authenticate(it) if it.initial_response.is_none() => {
                    server.challenge(b"?").expect("it waits");
                }
                _ => {
                    seen += 1;
                    let code = imap_proto::response::CodeWord::AuthenticationFailed;
                    server.no(code).expect("it waits");
                }
            }
        }
    }
    assert_eq!(seen, 4, "all passwords came through");
}

/// Says something, lets the application answer, and hears what comes of it.
fn converse(server: &mut Server, said: &[u8], answers: &mut Whims) -> String {
    let mut rest = said;
    let mut heard = Vec::new();
    loop {
        match server.step(beginning()) {
            Ok(Step::Event(event)) => answers.answer(server, &event),
            Ok(Step::Paused) => {
                if !answers.proceed(server) {
                    break;
                }
            }
            Ok(Step::NeedInput) if !rest.is_empty() => {
                let taken = server.input().extend(rest);
                rest = &rest[taken..];
            }
            Ok(Step::NeedFlush) => {}
            _ => break,
        }
        let output = server.output();
        heard.extend_from_slice(&output.copy_to_bytes(output.remaining()));
    }
    let output = server.output();
    heard.extend_from_slice(&output.copy_to_bytes(output.remaining()));
    String::from_utf8(heard).expect("text")
}

/// Commands that are legal by themselves, without literals.
const LEGAL: &[&str] = &[
    "NOOP",
    "CAPABILITY",
    "SELECT INBOX",
    "EXAMINE INBOX",
    "SELECT INBOX",
    "CLOSE",
    "FETCH 1:* FLAGS",
    "UID FETCH 1:* (FLAGS MODSEQ)",
    "UID FETCH 1:* BODY[]",
    "STORE 1:2 +FLAGS (\\Seen)",
    "UID STORE 1:* FLAGS.SILENT (\\Seen)",
    "SEARCH ALL",
    "UID SEARCH RETURN (SAVE) 1:3",
    "SEARCH RETURN (MIN MAX COUNT) UNSEEN",
    "UID SORT (DATE) UTF-8 ALL",
    "THREAD REFERENCES UTF-8 ALL",
    "EXPUNGE",
    "UID EXPUNGE 1:3",
    "COPY 1 Sent",
    "UID MOVE 1:9 Sent",
    "ENABLE QRESYNC",
    "ENABLE UIDONLY",
    "LIST \"\" *",
    "STATUS INBOX (MESSAGES)",
    "APPEND INBOX {5+}\r\n12345",
    "APPEND INBOX {5+}\r\n12345 {3+}\r\nabc",
    "NOSUCH",
    "FETCH 1",
    "UNSELECT",
];

const CLIENT: &[&[u8]] = &[
    b"a NOOP\r\n",
    b"a LOGIN alice secret\r\n",
    b"a LOGIN {5}\r\nalice {6+}\r\nsecret\r\n",
    b"a AUTHENTICATE PLAIN\r\n",
    b"a AUTHENTICATE PLAIN AGEAYg==\r\n",
    b"AGEAYg==\r\n",
    b"*\r\n",
    b"a STARTTLS\r\n",
    b"a SELECT INBOX\r\n",
    b"a SELECT INBOX (QRESYNC (7 3))\r\n",
    b"a EXAMINE INBOX (CONDSTORE)\r\n",
    b"a FETCH 1:* FLAGS\r\n",
    b"a FETCH 1:3 (FLAGS BODY[])\r\n",
    b"a UID FETCH 1:* (FLAGS) (CHANGEDSINCE 3 VANISHED)\r\n",
    b"a UID FETCH 1:* (FLAGS) (PARTIAL -1:-2)\r\n",
    b"a STORE 1:3 +FLAGS (\\Seen)\r\n",
    b"a UID STORE 1:* (UNCHANGEDSINCE 5) FLAGS.SILENT ()\r\n",
    b"a SEARCH 1:2\r\n",
    b"a UID SEARCH RETURN (SAVE MIN) ALL\r\n",
    b"a FETCH $ FLAGS\r\n",
    b"a SORT (DATE) UTF-8 ALL\r\n",
    b"a UID THREAD REFERENCES UTF-8 ALL\r\n",
    b"a EXPUNGE\r\n",
    b"a UID MOVE 1:4 x\r\n",
    b"a COPY 2:3 x\r\n",
    b"a CLOSE\r\n",
    b"a IDLE\r\n",
    b"DONE\r\n",
    b"a NOTIFY SET (SELECTED (MessageNew MessageExpunge))\r\n",
    b"a NOTIFY NONE\r\n",
    b"a APPEND INBOX {5}\r\n",
    b"12345",
    b"\r\n",
    b"a APPEND INBOX (\\Seen) {5+}\r\n12345\r\n",
    b"a APPEND INBOX {2+}\r\nab {3}\r\nabc\r\n",
    b"a APPEND INBOX CATENATE (URL \"/x\" TEXT {2+}\r\nab TEXT {0+}\r\n)\r\n",
    b"a APPEND INBOX {100+}\r\n",
    b"a APPEND {5+}\r\nINBOX {2+}\r\nab\r\n",
    b"a UID REPLACE 2 INBOX {2+}\r\nab\r\n",
    b"a ENABLE CONDSTORE\r\n",
    b"a ENABLE UIDONLY\r\n",
    b"a UNAUTHENTICATE\r\n",
    b"a LOGOUT\r\n",
    b"a LIST \"\" {1+}\r\n*\r\n",
    b"a {3}\r\n",
    b"a FETCH 1 (\"\r\n",
    b"\n",
    b"\r",
    b"\0",
    b"\xff",
];

const SERVER: &[&[u8]] = &[
    b"* OK hello\r\n",
    b"A0 OK done\r\n",
    b"A1 OK done\r\n",
    b"A2 OK [READ-WRITE] done\r\n",
    b"A3 NO [TRYCREATE] not done\r\n",
    b"A4 BAD what?\r\n",
    b"A9 OK done\r\n",
    b"+ go on\r\n",
    b"+ \r\n",
    b"+\r\n",
    b"+ AAAA\r\n",
    b"+ !\r\n",
    b"* 3 EXISTS\r\n",
    b"* 1 RECENT\r\n",
    b"* 2 EXPUNGE\r\n",
    b"* VANISHED 1:2\r\n",
    b"* VANISHED (EARLIER) 1:9\r\n",
    b"* 1 FETCH (FLAGS (\\Seen) UID 7)\r\n",
    b"* 1 FETCH (BODY[] {5}\r\n12345 UID 7)\r\n",
    b"* 1 FETCH (BODY[] {0}\r\n)\r\n",
    b"* 1 FETCH (UID 7 BODY[1] {70}\r\n",
    b"* LIST () \"/\" {3}\r\nabc\r\n",
    b"* LIST () \"/\" INBOX\r\n",
    b"* SEARCH 1 2 3\r\n",
    b"* ESEARCH (TAG \"A2\") UID ALL 1:3\r\n",
    b"* CAPABILITY IMAP4rev1 LITERAL- QRESYNC\r\n",
    b"* CAPABILITY IMAP4rev1 LITERAL+ LOGINDISABLED\r\n",
    b"* ENABLED QRESYNC UTF8=ACCEPT\r\n",
    b"* OK [CLOSED] closed\r\n",
    b"* OK [UIDVALIDITY 7] valid\r\n",
    b"* BYE bye\r\n",
    b"* FLAGS (\\Seen)\r\n",
    b"* STATUS x (MESSAGES 3)\r\n",
    b"* X-UNKNOWN (a \"b\" {1}\r\nc)\r\n",
    b"garbage\r\n",
    b"* \r\n",
    b"\r\n",
    b"\n",
    b"\0\xff",
];
