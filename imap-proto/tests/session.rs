//! The server, where a transcript cannot look: answers that do not fit, slow readers, and what is held in memory.

use std::num::NonZeroU32;
use std::time::Duration;

use bytes::{Buf, Bytes};
use imap_proto::response::{Code, CodeWord, Data, FetchItem, FetchedSection, Status, StatusKind};
use imap_proto::server::{Config, Event, Selected, Server};
use imap_proto::{Content, Error, Flags, NumberSet, OrderedSet, Section, Text};
use mailwire::testing::beginning;
use mailwire::{ApiMisuse, Machine, Step};

fn uid(value: u32) -> NonZeroU32 {
    NonZeroU32::new(value).expect("not 0")
}

fn body(length: u64) -> Vec<FetchItem> {
    let content = Some(Content::Streamed(length));
    let section = FetchedSection::new(Section::whole(), None, content);
    vec![FetchItem::Section(Box::new(section))]
}

/// A server that has heard this, and every event before the last one answered with yes.
fn server(said: &str) -> Server {
    let mut server = Server::preauthenticated(Config::new());
    assert_eq!(server.input().extend(said.as_bytes()), said.len());
    loop {
        match server.step(beginning()).expect("nothing is wrong") {
            Step::Event(Event::Select(_)) => {
                let mut selected = Selected::new(uid(7), uid(9));
                selected.uids = "1:3".parse().expect("a set");
                server.selected(selected).expect("it was asked for");
                server.ok().expect("it was asked for");
            }
            Step::Event(_) => {}
            _ => return server,
        }
    }
}

type Call = (&'static str, fn(&mut Server) -> Result<(), ApiMisuse>);

/// Every answer that there is.
const CALLS: &[Call] = &[
    ("ok", Server::ok),
    ("ok_with", |server| server.ok_with(CodeWord::Alert)),
    ("no", |server| server.no(CodeWord::Cannot)),
    ("bad", |server| server.bad(CodeWord::Cannot)),
    ("challenge", |server| server.challenge(b"?")),
    ("data", |server| {
        server.data(Data::Namespace(Box::default()))
    }),
    ("selected", |server| {
        server.selected(Selected::new(uid(1), uid(1)))
    }),
    ("vanished", |server| {
        server.vanished(&"7".parse().expect("a set"))
    }),
    ("found", |server| server.found(NumberSet::new(), None)),
    ("sorted", |server| {
        server.sorted(OrderedSet::default(), None)
    }),
    ("threads", |server| server.threads(Vec::new())),
    ("fetch", |server| server.fetch(uid(2), Vec::new())),
    ("fetch another", |server| server.fetch(uid(9), Vec::new())),
    ("write_body", |server| {
        server.write_body(&mut Bytes::from_static(b"x"))
    }),
    ("abort_body", Server::abort_body),
    ("stored", |server| {
        server.stored(uid(2), &Flags::new(), None)
    }),
    ("progress", |server| server.progress(None, None)),
    ("inform", |server| {
        server.inform(Status::new(StatusKind::Ok, Text::fixed("x")))
    }),
    ("inform bye", |server| {
        server.inform(Status::new(StatusKind::Bye, Text::fixed("x")))
    }),
    ("arrived", |server| {
        server.arrived(&"9".parse().expect("a set"), false)
    }),
    ("added", |server| server.added(&"9".parse().expect("a set"))),
    ("notice of messages", |server| {
        server.notice(Data::Exists(1)).map(drop)
    }),
    ("overflow", Server::overflow),
    ("expunged", |server| {
        server.expunged(&"1".parse().expect("a set"), None)
    }),
    ("changed", |server| {
        server.changed(uid(1), Flags::new(), None)
    }),
];

/// An answer at the wrong time is a misuse, and changes nothing.
#[test]
fn answers_that_do_not_fit() {
    let news = ["arrived", "added", "expunged", "changed"];
    let simple = ["ok", "ok_with", "no", "bad", "progress", "inform"];
    let cases: &[(&str, &[&str])] = &[
        ("", &["inform"]),
        ("a CREATE x\r\n", &[&simple[..], &["data"]].concat()),
        ("s SELECT INBOX\r\na NO", &[&news[..], &["inform"]].concat()),
        (
            "s SELECT INBOX\r\na NOOP\r\n",
            &[&simple[..], &news, &["data"]].concat(),
        ),
        (
            "s SELECT INBOX\r\na FETCH 1:2 FLAGS\r\n",
            &[&simple[..], &news, &["fetch"]].concat(),
        ),
        (
            "s SELECT INBOX\r\na STORE 2 FLAGS ()\r\n",
            &[&simple[..], &news, &["stored"]].concat(),
        ),
        (
            "s SELECT INBOX\r\na SEARCH ALL\r\n",
            &[&["no", "bad", "found", "progress", "inform"], &news[..]].concat(),
        ),
        (
            "s SELECT INBOX\r\na EXPUNGE\r\n",
            &[&simple[..], &news].concat(),
        ),
        ("a APPEND INBOX {3}\r\n", &simple),
        ("a IDLE\r\n", &["inform"]),
        (
            "s SELECT INBOX\r\na IDLE\r\n",
            &[&news[..], &["inform"]].concat(),
        ),
    ];
    for (said, fit) in cases {
        for (name, call) in CALLS {
            let mut server = server(said);
            let (before, debug) = (server.output().len(), format!("{server:?}"));
            let done = call(&mut server);
            assert_eq!(
                done.is_ok(),
                fit.contains(name),
                "{name} behind {said:?}: {done:?}"
            );
            if done.is_err() {
                assert_eq!(server.output().len(), before, "{name} behind {said:?}");
                assert_eq!(format!("{server:?}"), debug, "{name} behind {said:?}");
            }
        }
    }
}

/// While octets of a message are owed nothing else may be said.
#[test]
fn nothing_comes_between_a_literal() {
    for (name, call) in CALLS {
        let mut server = server("s SELECT INBOX\r\na FETCH 1 BODY.PEEK[]\r\n");
        server.fetch(uid(1), body(3)).expect("it was asked for");
        let before = server.output().len();
        let fits = [
            "write_body",
            "abort_body",
            "arrived",
            "added",
            "expunged",
            "changed",
        ];
        let done = call(&mut server);
        assert_eq!(done.is_ok(), fits.contains(name), "{name}: {done:?}");
        if *name != "write_body" {
            assert_eq!(server.output().len(), before, "{name}");
        }
    }
}

/// What does not belong to the literal stays where it is.
#[test]
fn no_more_than_was_announced() {
    let mut server = server("s SELECT INBOX\r\na FETCH 1 BODY.PEEK[]\r\n");
    server.fetch(uid(1), body(3)).expect("it was asked for");
    assert_eq!(server.owed(), 3);
    let mut piece = Bytes::from_static(b"12345");
    server.write_body(&mut piece).expect("octets are owed");
    assert_eq!((&piece[..], server.owed()), (&b"45"[..], 0));
    assert!(server.write_body(&mut piece).is_err());
    server.ok().expect("the question still waits");
    assert!(matches!(server.step(beginning()), Ok(Step::NeedInput)));
    let output = server.output();
    let said = output.copy_to_bytes(output.remaining());
    assert!(said.ends_with(b"* 1 FETCH (BODY[] {3}\r\n123)\r\na OK FETCH completed\r\n"));
}

/// A huge message to a reader that takes little at a time, and then nothing.
#[test]
fn a_slow_reader() {
    let mut server = server("s SELECT INBOX\r\na FETCH 1 BODY.PEEK[]\r\n");
    let length = 1 << 30;
    server
        .fetch(uid(1), body(length))
        .expect("it was asked for");
    let (block, mut time) = (Bytes::from(vec![b'x'; 1 << 20]), beginning());
    let most = server.output().mark() + (1 << 16);
    for _ in 0..200 {
        let mut piece = block.clone();
        server.write_body(&mut piece).expect("octets are owed");
        assert!(server.output().len() <= most);
        match server.step(time).expect("it reads") {
            Step::NeedFlush => {
                time += Duration::from_secs(500);
                server.output().advance(1000);
            }
            Step::Paused => {}
            other => panic!("{other:?}"),
        }
    }
    while !matches!(server.step(time), Ok(Step::NeedFlush)) {
        server
            .write_body(&mut block.clone())
            .expect("octets are owed");
    }
    time += Duration::from_secs(601);
    assert_eq!(server.step(time).err(), Some(Error::WriteTimeout));
}

/// A client that says a great deal and reads nothing is not listened to for long.
#[test]
fn a_client_that_never_reads() {
    let mut server = server("");
    let said = b"a CAPABILITY\r\n";
    let mut taken = 0;
    loop {
        match server.step(beginning()).expect("it is patient") {
            Step::NeedFlush => break,
            Step::NeedInput => assert_eq!(server.input().extend(said), said.len()),
            other => panic!("{other:?}"),
        }
        taken += said.len();
        assert!(taken < 1 << 20);
    }
    assert!(server.output().len() <= server.output().mark() + 1000);
}

/// News of a million messages take little room, and are told in turns.
#[test]
fn a_million_messages() {
    let mut config = Config::new();
    config.limits.output = 10_000;
    let mut server = Server::preauthenticated(config);
    let said = b"s SELECT INBOX\r\n";
    assert_eq!(server.input().extend(said), said.len());
    while !matches!(server.step(beginning()), Ok(Step::Event(Event::Select(_)))) {
        server.output().advance(0);
    }
    let mut selected = Selected::new(uid(7), uid(1_000_001));
    selected.uids = "1:1000000".parse().expect("a set");
    server.selected(selected).expect("it was asked for");
    server.ok().expect("it was asked for");
    let odd: NumberSet = (0..100_000).map(|half| uid(2 * half + 1)).collect();
    server.expunged(&odd, None).expect("it is selected");
    let said = b"a SEARCH ALL\r\nb IDLE\r\n";
    assert_eq!(server.input().extend(said), said.len());
    let (mut octets, mut most) = (0, 0);
    loop {
        match server.step(beginning()).expect("nothing is wrong") {
            Step::Event(Event::Search(_)) => {
                let all: NumberSet = "1:2000000".parse().expect("a set");
                server.found(all, None).expect("it was asked for");
            }
            Step::Event(_) => {}
            Step::NeedInput => break,
            _ => {}
        }
        let waiting = server.output().len();
        (octets, most) = (octets + waiting, most.max(waiting));
        server.output().advance(waiting);
    }
    assert!(octets > 5_000_000, "all of it was told: {octets}");
    assert!(most < 30_000, "{most} octets at once");
}

/// A literal of a gigabyte is refused without being kept, and one that is wanted is handed out as it comes.
#[test]
fn huge_literals() {
    let mut refused = server("a CREATE {1073741824}\r\n");
    let output = refused.output();
    let said = output.copy_to_bytes(output.remaining());
    assert!(said.ends_with(b"a NO [LIMIT] Literal is too large\r\n"));

    let mut server = server("a APPEND INBOX {1073741824+}\r\n");
    server.ok().expect("it is wanted");
    let (block, mut heard) = (vec![b'x'; 1 << 16], 0);
    while heard < 10 << 20 {
        match server.step(beginning()).expect("nothing is wrong") {
            Step::Event(Event::Body(piece)) => heard += piece.len(),
            Step::NeedInput => {
                let taken = server.input().extend(&block);
                assert_eq!(taken, block.len(), "nothing is kept");
            }
            other => panic!("{other:?}"),
        }
    }
}

/// Codes that the machine knows better are not taken from a misuse.
#[test]
fn modified_is_turned_into_numbers() {
    let mut server = server("s SELECT INBOX\r\n");
    server
        .expunged(&"1".parse().expect("a set"), None)
        .expect("it is selected");
    let said = b"n NOOP\r\na STORE 1:2 FLAGS ()\r\n";
    assert_eq!(server.input().extend(said), said.len());
    loop {
        match server.step(beginning()).expect("nothing is wrong") {
            Step::Event(Event::Store(_)) => {
                let modified = Code::Modified("3".parse().expect("a set"));
                server.ok_with(modified).expect("it was asked for");
            }
            Step::Event(_) => server.ok().expect("it was asked for"),
            _ => break,
        }
    }
    let output = server.output();
    let said = output.copy_to_bytes(output.remaining());
    assert!(
        said.ends_with(b"a OK [MODIFIED 2] STORE completed\r\n"),
        "{}",
        said.escape_ascii()
    );
}
