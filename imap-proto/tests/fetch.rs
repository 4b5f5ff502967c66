//! What is told of messages, both ways.

use bytes::Bytes;
use imap_proto::command::By;
use imap_proto::frame::{Found, Framer};
use imap_proto::response::{
    Address, BodyStructure, Data, FetchItem, Fetched, InvalidItem, PartKind, Response, Token,
};
use imap_proto::{Content, Flag, Frame, Quirks, Reader, SectionText};
use mailwire::Input;

mod responding;
use responding::{both_ways, forgiven, otherwise, read, refused, strict, write};

fn fetched(response: Response) -> Fetched {
    match response {
        Response::Untagged(Data::Fetch(fetched)) => fetched,
        other => panic!("{other:?} is no FETCH"),
    }
}

/// The only item, read by these rules.
fn item(reader: Reader, value: &str) -> FetchItem {
    let line = format!("* 1 FETCH ({value})");
    let response = read(reader, &line).unwrap_or_else(|error| panic!("{line:?}: {error}"));
    let [item] = <[FetchItem; 1]>::try_from(fetched(response).items).expect("one item");
    item
}

fn structure(value: &str) -> BodyStructure {
    match item(Reader::strict(), &format!("BODYSTRUCTURE {value}")) {
        FetchItem::BodyStructure(body) => body,
        other => panic!("{other:?} is no structure"),
    }
}

#[test]
fn every_item() {
    both_ways(&[
        "* 12 FETCH ()",
        "* 12 FETCH (FLAGS ())",
        "* 12 FETCH (FLAGS (\\Seen \\Recent $Junk) UID 4827313 MODSEQ (624140003))",
        "* 4294967295 UIDFETCH (FLAGS (\\Seen))",
        "* 1 FETCH (INTERNALDATE \"17-Jul-1996 02:44:25 -0700\")",
        "* 1 FETCH (INTERNALDATE \" 7-Jul-1996 02:44:25 -0700\")",
        "* 1 FETCH (RFC822.SIZE 9223372036854775807)",
        "* 1 FETCH (RFC822 {3}\r\na\r\n RFC822.HEADER NIL RFC822.TEXT \"\")",
        "* 1 FETCH (BODY[] {5}\r\n)(\r\n\")",
        "* 1 FETCH (BODY[1.2.HEADER.FIELDS (FROM TO)]<128> {2}\r\n\r\n BODY[3.MIME] NIL)",
        "* 1 FETCH (BODY[HEADER.FIELDS.NOT (\"a b\")] \"\" BODY[TEXT] {1}\r\nx UID 1)",
        "* 1 FETCH (BINARY[1.2]<0> ~{3}\r\na\0b BINARY[] NIL BINARY[2] {1}\r\nx)",
        "* 1 FETCH (BINARY.SIZE[1.2] 42 BINARY.SIZE[] 0)",
        "* 1 FETCH (EMAILID (M6d99ac3275bb4e) THREADID (T64b478a75b7ea9))",
        "* 1 FETCH (THREADID NIL SAVEDATE NIL SAVEDATE \" 1-Jan-2020 00:00:00 +0000\")",
        "* 1 FETCH (PREVIEW NIL PREVIEW \"\" PREVIEW \"Hello \\\"you\\\"\")",
        "* 1 FETCH (ANNOTATION (/comment (value.priv \"My comment\" value.shared NIL)))",
        "* 1 FETCH (X-GM-MSGID 18446744073709551615 X-GM-THRID 1266894439832287888)",
        "* 1 FETCH (X-GM-LABELS (\"\\\\Inbox\" Important \"Muy Importante\" Entw&APw-rfe))",
        "* 1 FETCH (X-GM-LABELS ())",
        "* 1 FETCH (XAOL.SPAM.REASON 0 X[1 (2)]<3> (A \"a b\" (NIL)) UID 7)",
    ]);
    otherwise(&[
        (
            "* 2 fetch (flags (\\seen) body[text] {0}\r\n uid 3)",
            "* 2 FETCH (FLAGS (\\Seen) BODY[TEXT] \"\" UID 3)",
        ),
        (
            "* 2 FETCH (BODY[] \"quoted\")",
            "* 2 FETCH (BODY[] {6}\r\nquoted)",
        ),
        (
            "* 2 FETCH (X-GM-LABELS (\\Inbox))",
            "* 2 FETCH (X-GM-LABELS (\"\\\\Inbox\"))",
        ),
    ]);
    refused(&[
        "* 0 FETCH ()",
        "* 4294967296 FETCH ()",
        "* 1 FETCH",
        "* 1 FETCH (",
        "* 1 FETCH (UID 1",
        "* 1 FETCH (UID 1))",
        "* 1 FETCH UID 1",
        "* 1 FETCH (FLAGS (a)",
        "* 1 FETCH (BODY[] {4}\r\nabc)",
        "* 1 FETCH (BODY[] {1}\r\n\0)",
    ]);
    forgiven(&[
        (
            "* 1 FETCH ( UID 1 )",
            Quirks::EXTRA_SPACES,
            "* 1 FETCH (UID 1)",
        ),
        (
            "* 1 FETCH (BODY[] {1}\r\n\0)",
            Quirks::NUL,
            "* 1 FETCH (BODY[] {1}\r\n\0)",
        ),
    ]);
}

#[test]
fn values() {
    let fetched = fetched(strict(
        "* 23 FETCH (FLAGS (\\Seen $Junk) UID 42 BODY[1.HEADER]<9> {2}\r\nab PREVIEW \"hi\")",
    ));
    assert_eq!((fetched.by, fetched.number.get()), (By::Sequence, 23));
    assert_eq!(fetched.uid().map(|uid| uid.get()), Some(42));
    let [
        FetchItem::Flags(flags),
        FetchItem::Uid(_),
        body @ FetchItem::Section(section),
        FetchItem::Preview(Some(preview)),
    ] = &fetched.items[..]
    else {
        panic!("other items: {fetched:?}");
    };
    assert!(flags.contains(&Flag::Seen) && flags.contains(&"$junk".parse().unwrap()));
    assert_eq!(section.origin, Some(9));
    assert_eq!(section.section.part, [1.try_into().unwrap()]);
    assert_eq!(section.section.text, Some(SectionText::Header));
    assert_eq!(body.content(), Some(&Content::Whole("ab".into())));
    assert_eq!(*preview, "hi");

    let by_uid = strict("* 7 UIDFETCH ()");
    let Response::Untagged(Data::Fetch(by_uid)) = by_uid else {
        panic!("it is one");
    };
    assert_eq!(by_uid.uid().map(|uid| uid.get()), Some(7));
}

#[test]
fn envelopes() {
    let line = "* 1 FETCH (ENVELOPE (\"Wed, 17 Jul 1996 02:23:25 -0700 (PDT)\" \"Minutes \\\"x\\\"\" \
        ((\"Terry\" NIL \"gray\" \"example.org\")) ((\"Terry\" NIL \"gray\" \"example.org\")) \
        ((\"Terry\" NIL \"gray\" \"example.org\")) \
        ((NIL NIL \"friends\" NIL)(NIL \"@a,@b\" \"bob\" \"example.net\")(NIL NIL NIL NIL)) \
        NIL NIL \"<a@example.org>\" \"<B27397-0100000@example.org>\"))";
    both_ways(&[
        line,
        "* 1 FETCH (ENVELOPE (NIL NIL NIL NIL NIL NIL NIL NIL NIL NIL))",
        "* 1 FETCH (ENVELOPE ({3}\r\na\r\n {2}\r\n\u{e4} NIL NIL NIL NIL NIL NIL \"\" NIL) UID 2)",
    ]);
    let fetched = fetched(strict(line));
    let [FetchItem::Envelope(envelope)] = &fetched.items[..] else {
        panic!("{fetched:?}");
    };
    assert_eq!(envelope.subject, Some("Minutes \"x\"".into()));
    let sender = Address::new(Some("Terry".into()), "gray", "example.org");
    assert_eq!(envelope.reply_to, [sender]);
    let [group, bob, end] = &envelope.to[..] else {
        panic!("{:?}", envelope.to);
    };
    assert_eq!(group.as_group(), Some(&"friends".into()));
    assert_eq!((bob.as_group(), bob.is_group_end()), (None, false));
    assert_eq!(bob.route, Some("@a,@b".into()));
    assert!(end.is_group_end());
    assert!(envelope.cc.is_empty() && envelope.in_reply_to.is_some());
}

#[test]
fn structures() {
    both_ways(&[
        "* 1 FETCH (BODY (\"TEXT\" \"PLAIN\" (\"CHARSET\" \"US-ASCII\") NIL NIL \"7BIT\" 3028 92))",
        "* 1 FETCH (BODYSTRUCTURE (\"IMAGE\" \"PNG\" NIL \"<i>\" \"desc\" \"BASE64\" 4554))",
        "* 1 FETCH (BODYSTRUCTURE (\"IMAGE\" \"PNG\" NIL NIL NIL \"BASE64\" 4554 \"md5\" \
         (\"attachment\" (\"filename\" \"a\\\"b\" \"size\" \"3\")) (\"de\" \"en\") \"loc\" 1 (\"x\" NIL)))",
        "* 1 FETCH (BODYSTRUCTURE ((\"TEXT\" \"PLAIN\" NIL NIL NIL \"7BIT\" 1 1)(\"TEXT\" \"HTML\" \
         NIL NIL NIL \"7BIT\" 2 2 NIL (\"inline\" NIL) \"en\" NIL) \"ALTERNATIVE\" \
         (\"BOUNDARY\" \"b\") NIL NIL NIL))",
        "* 1 FETCH (BODYSTRUCTURE (\"MESSAGE\" \"RFC822\" NIL NIL NIL \"7BIT\" 10 \
         (NIL \"s\" NIL NIL NIL NIL NIL NIL NIL NIL) (\"TEXT\" \"PLAIN\" NIL NIL NIL \"7BIT\" 1 1) 5))",
        "* 1 FETCH (BODY ((\"A\" \"B\" NIL NIL NIL \"7BIT\" 1) \"MIXED\") UID 3)",
    ]);
    otherwise(&[(
        "* 1 FETCH (BODYSTRUCTURE (\"A\" \"B\" NIL NIL NIL \"7BIT\" 1 NIL) UID 1)",
        "* 1 FETCH (BODYSTRUCTURE (\"A\" \"B\" NIL NIL NIL \"7BIT\" 1 NIL NIL NIL NIL) UID 1)",
    )]);
}

#[test]
fn parts_are_found_by_their_numbers() {
    let text = |octets| format!("(\"TEXT\" \"PLAIN\" NIL NIL NIL \"7BIT\" {octets} 1)");
    let envelope = "(NIL NIL NIL NIL NIL NIL NIL NIL NIL NIL)";
    let message =
        |body: &str| format!("(\"MESSAGE\" \"GLOBAL\" NIL NIL NIL \"7BIT\" 9 {envelope} {body} 1)");
    let inner = format!("({}{} \"MIXED\")", text(31), text(32));
    let body = format!(
        "({}({}{} \"ALTERNATIVE\"){}{} \"MIXED\")",
        text(1),
        text(21),
        text(22),
        message(&inner),
        message(&text(41)),
    );
    let body = structure(&body);
    let octets = |section: &[u32]| {
        let section: Vec<_> = section
            .iter()
            .map(|part| (*part).try_into().unwrap())
            .collect();
        match body.part(&section) {
            Some(BodyStructure::Single(part)) => Some(part.octets),
            Some(BodyStructure::Multipart(_)) => Some(0),
            None => None,
        }
    };
    assert_eq!(octets(&[]), Some(0));
    assert_eq!(octets(&[1]), Some(1));
    assert_eq!(octets(&[2]), Some(0));
    assert_eq!(octets(&[2, 2]), Some(22));
    assert_eq!(octets(&[3]), Some(9));
    assert_eq!(octets(&[3, 2]), Some(32));
    assert_eq!(octets(&[4, 1]), Some(41));
    for none in [&[5][..], &[1, 1], &[2, 3], &[3, 2, 1], &[4, 2]] {
        assert_eq!(octets(none), None, "{none:?}");
    }
    assert!(matches!(structure(&text(7)).part(&[1.try_into().unwrap()]),
        Some(BodyStructure::Single(part)) if part.kind == PartKind::Text { lines: 1 } || part.octets == 7));
}

/// What servers get wrong, which mistake it is, and how it is written.
#[test]
fn what_servers_get_wrong() {
    let whole = "NIL NIL NIL NIL NIL NIL NIL NIL NIL NIL";
    let text = "\"TEXT\" \"PLAIN\" NIL NIL NIL \"7BIT\" 1 1";
    for (value, quirk, expected) in [
        (
            "ENVELOPE (NIL \"s\")".into(),
            Quirks::SHORT_ENVELOPE,
            "ENVELOPE (NIL \"s\" NIL NIL NIL NIL NIL NIL NIL NIL)".into(),
        ),
        (
            "ENVELOPE (NIL NIL NIL NIL NIL NIL NIL NIL NIL)".into(),
            Quirks::SHORT_ENVELOPE,
            format!("ENVELOPE ({whole})"),
        ),
        (
            "ENVELOPE (NIL NIL () NIL NIL (NIL) NIL NIL NIL NIL)".into(),
            Quirks::EMPTY_LIST,
            format!("ENVELOPE ({whole})"),
        ),
        (
            "ENVELOPE (NIL NIL ((NIL NIL \"a\" \"b\" \"c\" (1))) NIL NIL NIL NIL NIL NIL NIL)"
                .into(),
            Quirks::LONG_ADDRESS,
            "ENVELOPE (NIL NIL ((NIL NIL \"a\" \"b\")) NIL NIL NIL NIL NIL NIL NIL)".into(),
        ),
        (
            "ENVELOPE (NIL NIL ((NIL NIL \"a\" \"b\") (NIL NIL \"c\" \"d\")) NIL NIL NIL NIL NIL NIL NIL)".into(),
            Quirks::EXTRA_SPACES,
            "ENVELOPE (NIL NIL ((NIL NIL \"a\" \"b\")(NIL NIL \"c\" \"d\")) NIL NIL NIL NIL NIL NIL NIL)".into(),
        ),
        (
            "ENVELOPE (NIL \"the \"best\" one\" NIL NIL NIL NIL NIL NIL NIL NIL)".into(),
            Quirks::UNESCAPED_QUOTES,
            "ENVELOPE (NIL \"the \\\"best\\\" one\" NIL NIL NIL NIL NIL NIL NIL NIL)".into(),
        ),
        (
            "ENVELOPE (NIL subject NIL NIL NIL NIL NIL NIL NIL NIL)".into(),
            Quirks::LOOSE_STRING,
            "ENVELOPE (NIL \"subject\" NIL NIL NIL NIL NIL NIL NIL NIL)".into(),
        ),
        (
            "BODYSTRUCTURE (\"A\" \"B\" (\"name\" NIL) NIL NIL \"7BIT\" 1)".into(),
            Quirks::NIL_PARAMETER,
            "BODYSTRUCTURE (\"A\" \"B\" (\"name\" \"\") NIL NIL \"7BIT\" 1)".into(),
        ),
        (
            "BODYSTRUCTURE (\"A\" \"B\" () NIL NIL \"7BIT\" 1)".into(),
            Quirks::EMPTY_LIST,
            "BODYSTRUCTURE (\"A\" \"B\" NIL NIL NIL \"7BIT\" 1)".into(),
        ),
        (
            "BODYSTRUCTURE (NIL NIL NIL NIL NIL NIL 0 NIL NIL NIL NIL)".into(),
            Quirks::NIL_BODY_FIELD,
            "BODYSTRUCTURE (\"application\" \"octet-stream\" NIL NIL NIL \"7BIT\" 0 NIL NIL NIL NIL)".into(),
        ),
        (
            "BODYSTRUCTURE (\"mixed\" (\"boundary\" \"x\") NIL NIL)".into(),
            Quirks::EMPTY_MULTIPART,
            "BODYSTRUCTURE ((\"TEXT\" \"PLAIN\" NIL NIL NIL \"7BIT\" 0 0) \"mixed\" (\"boundary\" \"x\") NIL NIL NIL)".into(),
        ),
        (
            format!("BODYSTRUCTURE ({text} NIL \"inline\" NIL NIL)"),
            Quirks::BARE_DISPOSITION,
            format!("BODYSTRUCTURE ({text} NIL (\"inline\" NIL) NIL NIL)"),
        ),
        (
            format!("BODYSTRUCTURE ({text} NIL (\"inline\") NIL NIL)"),
            Quirks::BARE_DISPOSITION,
            format!("BODYSTRUCTURE ({text} NIL (\"inline\" NIL) NIL NIL)"),
        ),
        (
            format!("BODYSTRUCTURE ({text} NIL (NIL NIL) NIL NIL)"),
            Quirks::BARE_DISPOSITION,
            format!("BODYSTRUCTURE ({text} NIL NIL NIL NIL)"),
        ),
        (
            "BODYSTRUCTURE (\"A\" \"B\" NIL NIL NIL \"7BIT\" 9.3736e+06)".into(),
            Quirks::FLOATING_NUMBER,
            "BODYSTRUCTURE (\"A\" \"B\" NIL NIL NIL \"7BIT\" 9373600)".into(),
        ),
        (
            "BODYSTRUCTURE (\"TEXT\" \"B\" NIL NIL NIL \"7BIT\" 1 -1)".into(),
            Quirks::NEGATIVE_NUMBER,
            "BODYSTRUCTURE (\"TEXT\" \"B\" NIL NIL NIL \"7BIT\" 1 0)".into(),
        ),
        (
            format!("BODYSTRUCTURE (({text}) ({text})  \"MIXED\" NIL NIL NIL NIL )"),
            Quirks::EXTRA_SPACES,
            format!("BODYSTRUCTURE (({text})({text}) \"MIXED\" NIL NIL NIL NIL)"),
        ),
        (
            "BODYSTRUCTURE (\"TEXT\" \"PLAIN\" NIL NIL NIL \"7BIT\" 1 NIL NIL NIL NIL)".into(),
            Quirks::SHORT_BODY,
            "BODYSTRUCTURE (\"TEXT\" \"PLAIN\" NIL NIL NIL \"7BIT\" 1 NIL NIL NIL NIL)".into(),
        ),
        (
            "BODYSTRUCTURE (\"MESSAGE\" \"RFC822\" NIL NIL NIL \"7BIT\" 1)".into(),
            Quirks::SHORT_BODY,
            "BODYSTRUCTURE (\"MESSAGE\" \"RFC822\" NIL NIL NIL \"7BIT\" 1)".into(),
        ),
        (
            "MODSEQ (0)".into(),
            Quirks::ZERO_MODSEQ,
            "MODSEQ (0)".into(),
        ),
        (
            "INTERNALDATE \"7-Jul-1996 02:44:25 -0700\"".into(),
            Quirks::LOOSE_DATE,
            "INTERNALDATE \" 7-Jul-1996 02:44:25 -0700\"".into(),
        ),
    ] {
        let value: String = value;
        let expected: String = expected;
        let line = format!("* 1 FETCH ({value})");
        let frame = Frame::from(Bytes::from(line.clone()));
        let mut reader = Reader::lenient();
        let response = reader.response(&frame).unwrap_or_else(|error| panic!("{line:?}: {error}"));
        assert_eq!(reader.fired(), quirk, "{line:?} is {response:?}");
        assert_eq!(write(&response), format!("* 1 FETCH ({expected})\r\n"));
        for reader in [Reader::strict(), Reader::with_quirks(Quirks::all() - quirk)] {
            if let Ok(response) = read(reader, &line) {
                let fetched = fetched(response);
                assert!(
                    matches!(fetched.items[0], FetchItem::Invalid(_)),
                    "{line:?} is read without its quirk, as {fetched:?}"
                );
            }
        }
    }
}

#[test]
fn a_malformed_item_is_invalid_in_its_place() {
    for reader in [Reader::strict(), Reader::lenient()] {
        for malformed in [
            "ENVELOPE 7",
            "ENVELOPE (1 2 3)",
            "ENVELOPE (NIL NIL NIL NIL NIL NIL NIL NIL NIL NIL NIL)",
            "BODYSTRUCTURE (\"A\")",
            "BODYSTRUCTURE ((\"A\" \"B\" NIL NIL NIL \"7BIT\" 1) \"x\" 1)",
            "BODYSTRUCTURE (\"a)b\" (1))",
            "BODY NIL",
            "UID 0",
            "INTERNALDATE \"yesterday\"",
            "X-GM-MSGID 18446744073709551616",
            "BODY[HEADER.NONE] {2}\r\n\r\n",
        ] {
            let line = format!("* 5 FETCH (UID 7 {malformed} RFC822.SIZE 3)");
            let response =
                read(reader.clone(), &line).unwrap_or_else(|error| panic!("{line:?}: {error}"));
            assert_eq!(write(&response), format!("{line}\r\n"));
            let fetched = fetched(response);
            let [
                FetchItem::Uid(_),
                FetchItem::Invalid(item),
                FetchItem::Rfc822Size(3),
            ] = &fetched.items[..]
            else {
                panic!("{line:?} is {fetched:?}");
            };
            let InvalidItem { name, offset, .. } = &**item;
            assert!(malformed.starts_with(&*name.to_text()));
            assert!((18..line.len()).contains(offset), "{line:?}: {item:?}");
        }
    }
    // What cannot even be cut into tokens is kept as it is by those who forgive.
    let FetchItem::Invalid(item) = item(Reader::lenient(), "BODYSTRUCTURE ((\"a\"") else {
        panic!("it is not valid");
    };
    assert_eq!(item.value, Token::Word("((\"a\"".parse().unwrap()));
}

#[test]
fn depth_is_bounded() {
    let text = "(\"TEXT\" \"PLAIN\" NIL NIL NIL \"7BIT\" 1 1)";
    let nested = |depth: usize| {
        let open = "(".repeat(depth - 1);
        let close = " \"MIXED\")".repeat(depth - 1);
        format!("* 1 FETCH (BODYSTRUCTURE {open}{text}{close})")
    };
    let body = fetched(strict(&nested(100)));
    assert!(matches!(body.items[..], [FetchItem::BodyStructure(_)]));
    let envelope = "(NIL NIL NIL NIL NIL NIL NIL NIL NIL NIL)";
    let message = format!("(\"MESSAGE\" \"RFC822\" NIL NIL NIL \"7BIT\" 1 {envelope} ");
    let line = format!(
        "* 1 FETCH (BODYSTRUCTURE {}{text}{})",
        message.repeat(99),
        " 1)".repeat(99)
    );
    let body = fetched(strict(&line));
    assert!(matches!(body.items[..], [FetchItem::BodyStructure(_)]));
    for reader in [Reader::strict(), Reader::lenient()] {
        for line in [
            nested(102),
            nested(1_000_000),
            format!("* 1 FETCH (BODYSTRUCTURE {}", "(".repeat(1_000_000)),
            format!("* 1 FETCH (X {}", "(".repeat(1_000_000)),
        ] {
            let error = read(reader.clone(), &line).expect_err("too deep");
            assert_eq!(error.expected, "fewer levels of nesting");
        }
    }
}

#[test]
fn a_literal_is_streamed_from_within_a_response() {
    let said = b"* 1 FETCH (UID 7 BODY[] {100000}\r\n";
    let mut framer = Framer::responses();
    let mut input = Input::new(framer.input_limit());
    assert_eq!(input.extend(said), said.len());
    let Ok(Found::Literal(announced)) = framer.next(&mut input) else {
        panic!("it is announced");
    };
    assert_eq!((announced.length, announced.fits), (100_000, false));

    let mut reader = Reader::strict();
    let head = fetched(
        reader
            .response(&framer.head(&input))
            .expect("an open frame"),
    );
    let [FetchItem::Uid(_), body] = &head.items[..] else {
        panic!("{head:?}");
    };
    assert_eq!(body.content(), Some(&Content::Streamed(100_000)));

    framer.stream(&mut input);
    let mut octets = 0;
    loop {
        assert_eq!(input.extend(&[b'x'; 10_000]), 10_000);
        let Ok(Found::Piece {
            octets: piece,
            last,
        }) = framer.next(&mut input)
        else {
            panic!("octets of the literal");
        };
        octets += piece.len();
        if last {
            break;
        }
    }
    assert_eq!(octets, 100_000);
    let rest = b" ENVELOPE ({70000}\r\n";
    assert_eq!(input.extend(rest), rest.len());
    // A string that is too long for its item: it is invalid, and the others are there.
    let Ok(Found::Literal(_)) = framer.next(&mut input) else {
        panic!("another is announced");
    };
    let head = fetched(
        reader
            .response(&framer.head(&input))
            .expect("an open frame"),
    );
    assert!(matches!(
        head.items[..],
        [
            FetchItem::Uid(_),
            FetchItem::Section(_),
            FetchItem::Invalid(_)
        ]
    ));
    framer.stream(&mut input);
    assert_eq!(input.extend(&[b'x'; 70_000]), 70_000);
    while !matches!(framer.next(&mut input), Ok(Found::Piece { last: true, .. })) {}
    let rest = b" NIL NIL NIL NIL NIL NIL NIL NIL NIL) RFC822.SIZE 3)\r\n";
    assert_eq!(input.extend(rest), rest.len());
    let Ok(Found::Frame(frame)) = framer.next(&mut input) else {
        panic!("the end");
    };
    let whole = fetched(reader.response(&frame).expect("all of it"));
    assert_eq!(whole.items[..2], head.items[..2]);
    let [_, _, FetchItem::Invalid(envelope), FetchItem::Rfc822Size(3)] = &whole.items[..] else {
        panic!("{whole:?}");
    };
    let Token::List(tokens) = &envelope.value else {
        panic!("{envelope:?}");
    };
    assert_eq!(tokens[0], Token::String(Content::Streamed(70_000)));
}
